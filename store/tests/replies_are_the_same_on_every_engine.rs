//! The differential test: is what the checker and the simulator call a table what DynamoDB's API serves? The same long
//! random sequences of requests go to the table in memory and to an engine; every reply must be the same.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod drawn;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use drawn::{Drawn, put};
use leasehold_core::{
    Attempt, Condition, Fence, Held, Holder, Mutation, Notice, PoolChange, PoolName, Refusal, Reply, Request, Row,
    SettingChanges, SettingsRow, Slot, SlotRow, Timestamp, Unreadable, Write,
};
use leasehold_sim::table::MemoryTable;
use leasehold_store::Table;
use leasehold_testkit::proptest::collection::vec;
use leasehold_testkit::proptest::prelude::{Strategy, any};
use leasehold_testkit::proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};
use leasehold_testkit::{DynamoDbLocal, LocalAws, embedded_table};
use tokio::runtime::Runtime;

/// Requests of one sequence, at most. Each sequence has a pool of its own.
const LONGEST: usize = 500;

/// How often, at most, a sequence that fails is made shorter, and for how many milliseconds.
const SHRINKS: (u32, u32) = (2_000, 60_000);

/// Sends the requests drawn from these seeds, separated by commas, instead of all: how a failure is replayed.
const REQUESTS: &str = "LEASEHOLD_REQUESTS";

#[test]
fn the_embedded_engine_answers_as_the_table_in_memory() {
    let runtime = Runtime::new().expect("a runtime");
    let table = runtime.block_on(embedded_table("differential"));
    compare(&runtime, &table, "the_embedded_engine", (10, 34), 8_000, Api::Current);
}

#[test]
fn ministack_answers_as_the_table_in_memory() {
    let runtime = Runtime::new().expect("a runtime");
    let aws = LocalAws::start();
    let table = runtime.block_on(aws.table("differential"));
    compare(&runtime, &table, "ministack_answers", (11, 15), 3_000, Api::Current);
}

#[test]
#[cfg_attr(not(target_arch = "x86_64"), ignore = "DynamoDB Local of 2020 runs on x86-64")]
fn dynamodb_local_answers_as_the_table_in_memory() {
    let runtime = Runtime::new().expect("a runtime");
    let dynamodb = DynamoDbLocal::start();
    let table = runtime.block_on(dynamodb.table("differential"));
    compare(&runtime, &table, "dynamodb_local_answers", (10, 30), 5_000, Api::Of2020);
}

#[tokio::test]
async fn a_long_reading_spans_pages_on_the_embedded_engine() {
    pages(&embedded_table("pages").await).await;
}

#[tokio::test]
async fn a_long_reading_spans_pages_on_ministack() {
    let aws = LocalAws::start();
    pages(&aws.table("pages").await).await;
}

#[tokio::test]
#[cfg_attr(not(target_arch = "x86_64"), ignore = "DynamoDB Local of 2020 runs on x86-64")]
async fn a_long_reading_spans_pages_on_dynamodb_local() {
    let dynamodb = DynamoDbLocal::start();
    pages(&dynamodb.table("pages").await).await;
}

/// Sends so many sequences, drawn from this seed, to the table in memory and to the engine. There must be at least so
/// many requests in them. A sequence that fails is made as short as it can be.
fn compare(runtime: &Runtime, table: &Table, test: &str, (seed, sequences): (u64, u32), requests: usize, api: Api) {
    let comparison = Comparison { runtime, table, api, pools: Cell::new(0), met: RefCell::default() };
    let only = std::env::var(REQUESTS).ok();
    let wrong = if let Some(only) = &only {
        let seeds: Vec<u32> = only.split(',').map(|seed| seed.trim().parse().expect("a seed")).collect();
        comparison.sends(&seeds).err().map(|wrong| (wrong, seeds))
    } else {
        let (max_shrink_iters, max_shrink_time) = SHRINKS;
        let mut runner = TestRunner::new(Config {
            cases: sequences,
            rng_seed: RngSeed::Fixed(seed),
            failure_persistence: None,
            max_shrink_iters,
            max_shrink_time,
            ..Config::default()
        });
        // A request is drawn from a seed of its own, as the table that it meets decides what it may be; so a sequence
        // only ever shrinks by losing requests.
        let drawn = vec(any::<u32>().no_shrink(), 1..=LONGEST);
        match runner.run(&drawn, |seeds| comparison.sends(&seeds).map_err(TestCaseError::fail)) {
            Ok(()) => None,
            Err(TestError::Fail(_, seeds)) => Some((comparison.sends(&seeds).expect_err("it failed before"), seeds)),
            Err(other) => panic!("{other}"),
        }
    };
    if let Some((wrong, seeds)) = wrong {
        let seeds = seeds.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        panic!(
            "{wrong}\nreplay: {REQUESTS}={seeds} cargo test --locked --workspace --test \
             replies_are_the_same_on_every_engine {test}"
        );
    }
    if only.is_none() {
        comparison.met.into_inner().was_worth_it(requests);
    }
}

/// Which DynamoDB an engine imitates.
#[derive(Clone, Copy, PartialEq)]
enum Api {
    Current,
    /// That of January 2020, as DynamoDB Local has it. These are all its differences: it takes no empty text (since May
    /// 2020), so no request with one is sent; and a write by itself is refused without the row that refused it (since
    /// June 2023), which the store then reads. A transaction that names a row twice, it refuses as a whole, but tells of
    /// conditions that fail first.
    Of2020,
}

struct Comparison<'a> {
    runtime: &'a Runtime,
    table: &'a Table,
    api: Api,
    /// How many pools were used so far: every sequence begins with an empty one.
    pools: Cell<u32>,
    met: RefCell<Met>,
}

impl Comparison<'_> {
    /// Sends the requests drawn from these seeds; all of them in words, if the last one is answered differently.
    fn sends(&self, seeds: &[u32]) -> Result<(), String> {
        self.pools.set(self.pools.get() + 1);
        let prefix: PoolName = format!("sequence-{}", self.pools.get()).parse().expect("a prefix");
        let mut memory = MemoryTable::default();
        for (step, seed) in seeds.iter().enumerate() {
            let request = Drawn::seeded((*seed).into()).request(&memory);
            if self.api == Api::Of2020 && request.writes().iter().any(has_empty_text) {
                continue;
            }
            let expected = memory.serve(&request);
            let sent = self.runtime.block_on(self.table.send(&prefix, &request));
            let known = self.known(&expected, &sent.reply);
            if without_words(&sent.reply) != without_words(&known) {
                return Err(format!(
                    "{}in memory: {known:#?}\nthe engine: {:#?}\nbecause {:?}",
                    in_words(&seeds[..=step]),
                    sent.reply,
                    sent.trouble
                ));
            }
            self.met.borrow_mut().note(&request, &expected);
        }
        Ok(())
    }

    /// What of this reply the engine can tell, which told `sent`.
    fn known(&self, reply: &Reply, sent: &Reply) -> Reply {
        match reply {
            _ if self.api == Api::Current => reply.clone(),
            // Only a row that is named twice makes a request unavailable here.
            Reply::Unavailable if matches!(sent, Reply::Refused(_)) => sent.clone(),
            reply => reply.clone(),
        }
    }
}

fn has_empty_text(write: &Write) -> bool {
    let Mutation::Put(row) = &write.mutation else { return false };
    let label = match row {
        Row::Override(row) => return row.who.is_empty() || row.why.is_empty(),
        Row::History(row) => return row.by.who.is_empty() || row.by.why.is_empty() || row.change == no_changes(),
        Row::Slot(row) => row.held.as_ref().and_then(|held| held.label.as_ref()),
        Row::Wait(row) => row.label.as_ref(),
        _ => None,
    };
    label.is_some_and(|label| label.is_empty())
}

/// Settings that were set to what they were.
fn no_changes() -> PoolChange {
    PoolChange::Set(SettingChanges::default())
}

/// A reply without the words for what is wrong with a damaged row, which only an engine has.
fn without_words(reply: &Reply) -> Reply {
    let row = |row: &Row| match row {
        Row::Unreadable(key, row) => Row::Unreadable(*key, Unreadable { why: "".into(), ..row.clone() }),
        row => row.clone(),
    };
    let refusal = |refusal: &Refusal| match refusal {
        Refusal::Failed(there) => Refusal::Failed(there.as_ref().map(row)),
        Refusal::Passed => Refusal::Passed,
    };
    match reply {
        Reply::Row(there) => Reply::Row(there.as_ref().map(row)),
        Reply::Refused(refusals) => Reply::Refused(refusals.iter().map(refusal).collect()),
        reply => reply.clone(),
    }
}

/// The requests drawn from these seeds.
fn in_words(seeds: &[u32]) -> String {
    let mut memory = MemoryTable::default();
    let request = |(step, seed): (usize, &u32)| {
        let request = Drawn::seeded((*seed).into()).request(&memory);
        memory.serve(&request);
        format!("request {} of {}: {request:#?}\n", step + 1, seeds.len())
    };
    seeds.iter().enumerate().map(request).collect()
}

/// What the sequences came across: a comparison of nothing is no comparison.
#[derive(Default)]
struct Met {
    requests: usize,
    kinds: BTreeMap<String, u32>,
}

impl Met {
    fn note(&mut self, request: &Request, reply: &Reply) {
        self.requests += 1;
        let mut saw = |what: String| *self.kinds.entry(what).or_default() += 1;
        match (request, reply) {
            (Request::Write(write), Reply::Written | Reply::Refused(_)) => {
                let came = if *reply == Reply::Written { "held" } else { "failed" };
                if let [(_, condition)] = &write.conditions[..] {
                    saw(format!("{} {came}", condition_name(condition)));
                }
                if *reply == Reply::Written {
                    saw(name(&write.mutation));
                }
            }
            (Request::Transact(writes), Reply::Refused(refusals)) => {
                for (write, refusal) in writes.iter().zip(refusals) {
                    saw(format!("transaction {}", name(refusal)));
                    if write.mutation == Mutation::Check {
                        saw(format!("Check {}", name(refusal)));
                    }
                }
            }
            (Request::Transact(writes), _) => {
                saw(format!("transaction {}", name(reply)));
                if *reply == Reply::Written && writes.iter().any(|write| write.mutation == Mutation::Check) {
                    saw("Check Written".into());
                }
            }
            (_, Reply::Queue(rows, more)) => saw(format!("queue {} {more}", rows.len().min(1))),
            (_, Reply::Holders(rows, more)) => saw(format!("holders {} {more}", rows.len().min(1))),
            (_, Reply::Slots(rows)) => saw(format!("slots {}", rows.len().min(1))),
            (_, Reply::Row(Some(Row::Unreadable(..)))) => saw("row Unreadable".into()),
            (_, Reply::Row(row)) => saw(format!("row {}", row.is_some())),
            _ => {}
        }
    }

    fn was_worth_it(&self, requests: usize) {
        assert!(self.requests >= requests, "{} requests only", self.requests);
        let mut expected: Vec<String> = Vec::new();
        for condition in [
            "SlotFence",
            "SlotLease",
            "SlotExpires",
            "SlotExpiresBy",
            "SlotRenewed",
            "HolderAbsent",
            "HolderEnded",
            "HolderWaits",
            "HolderHolds",
            "OverrideMade",
            "OverrideUnreadable",
            "SettingsAre none",
            "SettingsAre Valid",
            "SettingsAre Unreadable",
        ] {
            expected.extend(["held", "failed"].map(|came| format!("{condition} {came}")));
        }
        expected.extend(["Put", "Delete", "Extend", "Confirm"].map(String::from));
        expected.extend(["Written", "Passed", "Failed", "Unavailable"].map(|came| format!("transaction {came}")));
        expected.extend(["queue 1 true", "queue 1 false", "queue 0 true"].map(String::from));
        expected.extend(["holders 1 true", "holders 1 false", "holders 0 false"].map(String::from));
        expected.extend(["slots 1", "row true", "row false", "row Unreadable"].map(String::from));
        expected.extend(["Written", "Passed", "Failed"].map(|came| format!("Check {came}")));
        for what in expected {
            let often = self.kinds.get(&what).copied().unwrap_or_default();
            assert!(often >= 2, "{what} was seen {often} times only; seen: {:#?}", self.kinds);
        }
    }
}

/// The variant of a condition; of one on settings also which kind of row it expects.
fn condition_name(condition: &Condition) -> String {
    match condition {
        Condition::SettingsAre(expected) => {
            let expected = expected.as_deref().map_or("none".into(), |expected: &SettingsRow| name(expected));
            format!("SettingsAre {expected}")
        }
        condition => name(condition),
    }
}

/// The first word of a value's debug form: its variant.
fn name(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}").split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

/// More rows than fit in one page of 1 MB, read whole and read in part.
async fn pages(table: &Table) {
    let prefix: PoolName = "pages".parse().expect("a prefix");
    let mut memory = MemoryTable::default();
    for slot in 0..600 {
        let request = Request::Write(long_slot(slot));
        assert_eq!(table.send(&prefix, &request).await.reply, memory.serve(&request));
    }
    let before = table.meter().used().reads;
    let read = table.send(&prefix, &Request::ALL_SLOTS).await;
    assert_eq!(read.reply, memory.serve(&Request::ALL_SLOTS), "{:?}", read.trouble);
    assert!(table.meter().used().reads > before + 1, "it was one page after all");
}

fn long_slot(slot: u32) -> Write {
    let held = Held {
        holder: Holder::new(&"e".repeat(1_024), &"k".repeat(1_024), None).expect("a holder"),
        attempt: Attempt::default(),
        acquired_at: Timestamp(1),
        expires_at: Timestamp(2),
        renewed_at: None,
        notice: Notice::Asked,
        label: None,
    };
    let row = SlotRow { slot: Slot(slot), fence: Fence(1), held: Some(held) };
    put(Row::Slot(row))
}

/// Names are taken from debug forms above; this keeps them from drifting apart unseen.
#[test]
fn variants_are_called_as_they_are_counted() {
    assert_eq!(name(&Condition::SlotFence(Fence(1))), "SlotFence");
    assert_eq!(name(&Refusal::Failed(None)), "Failed");
    assert_eq!(name(&Mutation::Extend(Timestamp(1), None)), "Extend");
}
