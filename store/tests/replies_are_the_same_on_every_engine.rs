//! Is what the checker and the simulator call a table what DynamoDB's API serves? The same long random sequences
//! of requests go to the table in memory and to an engine; every reply must be the same.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod drawn;
mod engines;

use std::collections::BTreeMap;

use drawn::Drawn;
use engines::Ministack;
use leasehold_core::nouns::{Attempt, Fence, Holder, Millis, Prefix, Slot};
use leasehold_core::table::{Change, Condition, Held, Key, Refusal, Reply, Request, Row, SlotRow, Write};
use leasehold_sim::table::MemoryTable;
use leasehold_store::Table;

/// Requests per seed. Each seed has a pool of its own.
const LONG: usize = 500;

/// Draws this one seed instead of all: how a failure is replayed.
const SEED: &str = "LEASEHOLD_SEED";

#[tokio::test]
async fn the_embedded_engine_answers_as_the_table_in_memory() {
    let table = engines::embedded("differential").await;
    compare(&table, "the_embedded_engine", 0..16).await;
}

#[tokio::test]
async fn ministack_answers_as_the_table_in_memory() {
    let ministack = Ministack::start();
    let table = ministack.table("differential").await;
    compare(&table, "ministack_answers", 100..105).await;
}

#[tokio::test]
async fn a_long_reading_is_put_together_from_its_pages_on_the_embedded_engine() {
    pages(&engines::embedded("pages").await).await;
}

#[tokio::test]
async fn a_long_reading_is_put_together_from_its_pages_on_ministack() {
    let ministack = Ministack::start();
    pages(&ministack.table("pages").await).await;
}

async fn compare(table: &Table, test: &str, seeds: std::ops::Range<u64>) {
    let only: Option<u64> = std::env::var(SEED).ok().map(|seed| seed.parse().expect("LEASEHOLD_SEED is a number"));
    let mut seen = Seen::default();
    for seed in only.map_or(seeds, |seed| seed..seed + 1) {
        let prefix: Prefix = format!("seed-{seed}").parse().expect("a prefix");
        let (mut memory, mut drawn) = (MemoryTable::default(), Drawn::seeded(seed));
        for step in 0..LONG {
            let request = drawn.request(&memory);
            let expected = memory.serve(&request);
            let sent = table.send(&prefix, &request).await;
            assert!(
                sent.reply == expected,
                "seed {seed}, step {step}: {request:#?}\nin memory: {expected:#?}\nthe engine: {:#?}\nbecause {:?}\n\
                 replay: {SEED}={seed} cargo test -p leasehold-store --test replies_are_the_same_on_every_engine {test}",
                sent.reply,
                sent.trouble,
            );
            seen.note(&request, &expected);
        }
    }
    if only.is_none() {
        seen.was_worth_it();
    }
}

/// What the sequences came across: a comparison of nothing is no comparison.
#[derive(Default)]
struct Seen(BTreeMap<String, u32>);

impl Seen {
    fn note(&mut self, request: &Request, reply: &Reply) {
        let mut saw = |what: String| *self.0.entry(what).or_default() += 1;
        match (request, reply) {
            (Request::Write(write), Reply::Written | Reply::Refused(_)) => {
                let came = if *reply == Reply::Written { "held" } else { "failed" };
                if let [(_, condition)] = &write.conditions[..] {
                    saw(format!("{} {came}", name(condition)));
                }
                if *reply == Reply::Written {
                    saw(name(&write.change));
                }
            }
            (Request::Transact(_), Reply::Refused(refusals)) => {
                for refusal in refusals {
                    saw(format!("transaction {}", name(refusal)));
                }
            }
            (Request::Transact(_), _) => saw(format!("transaction {}", name(reply))),
            (_, Reply::Queue(rows, more)) => saw(format!("queue {} {more}", rows.len().min(1))),
            (_, Reply::Holders(rows, more)) => saw(format!("holders {} {more}", rows.len().min(1))),
            (_, Reply::Slots(rows)) => saw(format!("slots {}", rows.len().min(1))),
            (_, Reply::Row(row)) => saw(format!("row {}", row.is_some())),
            _ => {}
        }
    }

    fn was_worth_it(&self) {
        let mut expected: Vec<String> = Vec::new();
        for condition in [
            "SlotFence",
            "SlotLease",
            "SlotExpires",
            "SlotExpiresBy",
            "HolderAbsent",
            "HolderEnded",
            "HolderWaits",
            "HolderHolds",
            "OverrideMade",
        ] {
            expected.extend(["held", "failed"].map(|came| format!("{condition} {came}")));
        }
        expected.extend(["Put", "Delete", "Extend", "Confirm"].map(String::from));
        expected.extend(["Written", "Passed", "Failed", "Unavailable"].map(|came| format!("transaction {came}")));
        expected.extend(["queue 1 true", "queue 1 false", "queue 0 true"].map(String::from));
        expected.extend(["holders 1 true", "holders 1 false", "holders 0 false"].map(String::from));
        expected.extend(["slots 1", "row true", "row false"].map(String::from));
        for what in expected {
            let often = self.0.get(&what).copied().unwrap_or_default();
            assert!(often >= 2, "{what} was seen {often} times only; seen: {:#?}", self.0);
        }
    }
}

/// The first word of a value's debug form: its variant.
fn name(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}").split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

/// More rows than fit in one page of 1 MB, read whole and read in part.
async fn pages(table: &Table) {
    let prefix: Prefix = "pages".parse().expect("a prefix");
    let mut memory = MemoryTable::default();
    for slot in 0..600 {
        let request = Request::Write(long_slot(slot));
        assert_eq!(table.send(&prefix, &request).await.reply, memory.serve(&request));
    }
    let before = table.meter().used().reads;
    let read = table.send(&prefix, &Request::Slots).await;
    assert_eq!(read.reply, memory.serve(&Request::Slots), "{:?}", read.trouble);
    assert!(table.meter().used().reads > before + 1, "it was one page after all");
}

fn long_slot(slot: u32) -> Write {
    let held = Held {
        holder: Holder::new(&"e".repeat(1_024), &"k".repeat(1_024), None).expect("a holder"),
        attempt: Attempt::default(),
        acquired_at: Millis(1),
        expires_at: Millis(2),
        renewed_at: None,
        unconfirmed: false,
        label: None,
    };
    let row = SlotRow { slot: Slot(slot), fence: Fence(1), held: Some(held) };
    Write { key: Key::Slot(Slot(slot)), conditions: Vec::new(), change: Change::Put(Row::Slot(row)) }
}

/// Names are taken from debug forms above; this keeps them from drifting apart unseen.
#[test]
fn variants_are_called_as_they_are_counted() {
    assert_eq!(name(&Condition::SlotFence(Fence(1))), "SlotFence");
    assert_eq!(name(&Refusal::Failed(None)), "Failed");
    assert_eq!(name(&Change::Extend(Millis(1), None)), "Extend");
}
