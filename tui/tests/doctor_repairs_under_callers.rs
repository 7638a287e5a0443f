//! What `leasehold doctor --repair` puts right is right afterwards, and whatever callers do meanwhile, they are told no more
//! leases than the limit, fences only grow, and in the end every slot is free.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod patient;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use leasehold_core::{
    AcquireOutcome, AcquireRequest, Attempt, Fence, HighWaterRow, HolderState, Millis, Mode, Notice, PoolPatch, Reply,
    Request, Row, RowKey, Slot, SlotRow, SummaryRow, SweepRequest, TaskToken, Timestamp,
};
use leasehold_store::{Runner, Table, look};
use patient::{
    Patient, TABLE, ago, ahead, holder, holder_row, holding, limit, n, now, place, prefix, s, slot_row, waiting,
};

/// How often the doctor may have to come before what callers hold just now can be put right.
const VISITS: usize = 60;

/// Callers that ask for leases and give them back, and what they were told.
#[derive(Default)]
struct Traffic {
    stop: AtomicBool,
    working: AtomicUsize,
    peak: AtomicUsize,
    grants: AtomicUsize,
    /// The highest fence that was told, of each slot.
    fences: Mutex<HashMap<Slot, Fence>>,
}

impl Traffic {
    fn told(&self, slot: Slot, fence: Fence) {
        let working = self.working.fetch_add(1, Ordering::SeqCst) + 1;
        self.peak.fetch_max(working, Ordering::SeqCst);
        self.grants.fetch_add(1, Ordering::SeqCst);
        let before = self.fences.lock().expect("fences").insert(slot, fence);
        assert!(before.is_none_or(|before| before < fence), "slot {slot:?}: {fence:?} after {before:?}");
    }

    async fn caller(self: Arc<Self>, table: Table, number: u64) {
        let runner = Runner::new(table);
        // With a token-less queue, as `leasehold run`, or asking again.
        let mode = if number.is_multiple_of(2) { Mode::Queue(None) } else { Mode::Poll };
        let mut attempt = Attempt::first(Timestamp(1_000));
        while !self.stop.load(Ordering::SeqCst) {
            attempt = Attempt { entered: Timestamp(attempt.entered.0 + 1), ..attempt };
            let lease = loop {
                let request = AcquireRequest {
                    holder: holder(&format!("caller-{number}")),
                    attempt: Some(attempt),
                    mode: mode.clone(),
                    lease: None,
                    wait: None,
                    label: None,
                };
                match runner.run_on(&prefix(), request).await {
                    Ok(AcquireOutcome::Acquired(lease)) => break lease,
                    // Damaged, busy or full: never a grant.
                    Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            };
            self.told(lease.id.slot, lease.id.fence);
            tokio::time::sleep(Duration::from_millis(fastrand::u64(1..15))).await;
            self.working.fetch_sub(1, Ordering::SeqCst);
            let target = leasehold_core::ReleaseTarget::Lease(lease.id);
            while runner.run_on(&prefix(), target.clone()).await.is_err() {}
            tokio::time::sleep(Duration::from_millis(fastrand::u64(1..15))).await;
        }
    }
}

/// The doctor comes while callers work, until it finds this no more; then what callers were told is judged, and the pool
/// drains once `rest` has been given back.
async fn repaired_under_callers(patient: &Patient, code: &str, limit: usize, rest: &[&str]) {
    let traffic = Arc::new(Traffic::default());
    let callers: Vec<_> =
        (0..4).map(|number| tokio::spawn(Arc::clone(&traffic).caller(patient.engine.table(TABLE), number))).collect();
    let mut visits = 0;
    loop {
        visits += 1;
        let file = patient.file.clone();
        let said = tokio::task::spawn_blocking(move || patient::visit(&file, &["p", "--repair", "--yes"]));
        let said = said.await.expect("a visit");
        assert!(said.status == Some(0) || said.status == Some(1), "{said:?}");
        if !said.codes().contains(&code) {
            break;
        }
        assert!(visits < VISITS, "{code} is still found: {said:?}");
    }
    // They go on in what was repaired.
    let grants = traffic.grants.load(Ordering::SeqCst);
    while traffic.grants.load(Ordering::SeqCst) < grants + 20 {
        assert!(callers.iter().all(|caller| !caller.is_finished()), "a caller was told what must not be");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    traffic.stop.store(true, Ordering::SeqCst);
    for caller in callers {
        caller.await.expect("what a caller was told is right");
    }
    let peak = traffic.peak.load(Ordering::SeqCst);
    assert!(peak <= limit, "{peak} at once");
    drained(patient, rest).await;
    let said = patient.examined(&["p"]);
    assert_eq!((said.codes(), said.status), (vec![], Some(0)), "{said:?}");
}

/// Whoever still holds or waits goes; then every slot is free, and nobody waits.
async fn drained(patient: &Patient, rest: &[&str]) {
    let runner = patient.runner();
    for who in rest {
        let target = leasehold_core::ReleaseTarget::Holder(holder(who), None);
        runner.run_on(&prefix(), target).await.expect("released");
    }
    let seen = loop {
        runner.run_on(&prefix(), SweepRequest).await.expect("swept");
        let seen = look(&patient.table, &prefix(), now).await.expect("a look").expect("a pool").pool;
        if seen.slots.iter().all(|slot| slot.lease.is_none()) || seen.held > 0 {
            break seen;
        }
        // A waiter without a token that nobody comes for any more: its lease is a short one.
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert!(seen.slots.iter().all(|slot| slot.lease.is_none()) && seen.queue.is_empty(), "{seen:?}");
}

/// What is found is repaired at once where nobody disturbs it.
fn repairs(patient: &Patient, code: &str) {
    assert!(patient.examined(&["p"]).codes().contains(&code), "it is damaged");
    let said = patient.examined(&["p", "--repair", "--yes"]);
    assert!(said.repairs().contains(&(code, true)) && !said.codes().contains(&code), "{said:?}");
}

#[tokio::test]
async fn nothing_is_repaired_unless_somebody_says_so() {
    let patient = Patient::with_limit(2).await;
    patient.granted("one").await;
    patient.delete(RowKey::Holder(holder("one").hashed())).await;
    let said = patient.examined(&["p", "--repair"]);
    assert!(said.status == Some(2) && said.wrong.contains("nothing was changed; add --yes"), "{said:?}");
    assert_eq!(patient.examined(&["p"]).codes(), ["holder-missing"]);
    let healthy = Patient::with_limit(2).await.examined(&["p", "--repair"]);
    assert_eq!((healthy.status, healthy.repairs()), (Some(0), vec![]), "nobody is asked where nothing is to be done");
}

#[tokio::test]
async fn a_lease_gets_its_holder_s_row_back() {
    for elsewhere in [None, Some(holding("one", 2, 1))] {
        for quiet in [true, false] {
            let patient = Patient::with_limit(3).await;
            patient.put([Row::Slot(SlotRow { slot: Slot(2), fence: Fence(1), held: None })]).await;
            patient.put_lease(slot_row(0, 9, "one", now(), ahead(290))).await;
            patient.delete(RowKey::Holder(holder("one").hashed())).await;
            patient.put(elsewhere.clone()).await;
            let code = if elsewhere.is_some() { "holder-elsewhere" } else { "holder-missing" };
            if quiet {
                repairs(&patient, code);
                // Asking again, it has the same lease and no second one.
                assert_eq!(patient.granted("one").await.id.fence, Fence(9));
                drained(&patient, &["one"]).await;
            } else {
                repaired_under_callers(&patient, code, 2, &["one"]).await;
            }
        }
    }
}

#[tokio::test]
async fn a_fence_that_went_back_is_raised() {
    for quiet in [true, false] {
        let patient = Patient::with_limit(3).await;
        for slot in 0..3 {
            patient.delete(RowKey::Slot(Slot(slot))).await;
        }
        patient.put([holding("one", 1, 900)]).await;
        if quiet {
            repairs(&patient, "fence-went-back");
        } else {
            repaired_under_callers(&patient, "fence-went-back", 3, &[]).await;
        }
        let row = patient.table.send(&prefix(), &Request::Get(RowKey::Slot(Slot(1)))).await.reply;
        let Reply::Row(Some(Row::Slot(SlotRow { fence, held: None, .. }))) = row else { panic!("{row:?}") };
        assert!(fence >= Fence(900), "{fence:?}");
    }
}

#[tokio::test]
async fn a_lease_above_the_mark_counts_again() {
    for quiet in [true, false] {
        let patient = Patient::with_limit(3).await;
        patient.put_lease(slot_row(7, 4, "one", now(), ahead(290))).await;
        if quiet {
            repairs(&patient, "slot-above-mark");
            // Two more, not three.
            patient.granted("two").await;
            patient.granted("three").await;
            let seen = look(&patient.table, &prefix(), now).await.expect("a look").expect("a pool").pool;
            assert_eq!((seen.held, seen.open), (3, 0));
            drained(&patient, &["one", "two", "three"]).await;
        } else {
            repaired_under_callers(&patient, "slot-above-mark", 3, &["one"]).await;
        }
    }
}

#[tokio::test]
async fn a_mark_that_was_deleted_is_written_with_the_highest_fence() {
    let patient = Patient::with_limit(3).await;
    patient.put_lease(slot_row(1, 77, "one", now(), ahead(290))).await;
    patient.delete(RowKey::HighWater).await;
    repairs(&patient, "mark-missing");
    let row = patient.table.send(&prefix(), &Request::Get(RowKey::HighWater)).await.reply;
    let mark = HighWaterRow { slots: 3, fence: Fence(77), lower: None };
    assert_eq!(row, Reply::Row(Some(Row::HighWater(mark))));

    let patient = Patient::with_limit(3).await;
    patient.put_lease(slot_row(1, 77, "one", now(), ahead(290))).await;
    patient.delete(RowKey::HighWater).await;
    repaired_under_callers(&patient, "mark-missing", 2, &["one"]).await;
}

#[tokio::test]
async fn a_mark_is_mended_before_a_sweep_makes_one_anew() {
    let patient = Patient::with_limit(3).await;
    patient.put_lease(slot_row(1, 77, "one", now(), ahead(290))).await;
    patient.delete(RowKey::HighWater).await;
    // A sweep mends this one, and makes a mark that is missing: of no fence, as it knows none.
    patient.put_item("summary", &[("held", s("a")), ("limit", n(3)), ("directory", s("pools"))]).await;
    let repaired = patient.examined(&["--repair", "--yes"]);
    let done: Vec<(&str, bool)> = repaired.repairs();
    assert!(done.first() == Some(&("mark-missing", true)) && done.contains(&("row-damaged", true)), "{done:?}");
    let row = patient.table.send(&prefix(), &Request::Get(RowKey::HighWater)).await.reply;
    let mark = HighWaterRow { slots: 3, fence: Fence(77), lower: None };
    assert_eq!(row, Reply::Row(Some(Row::HighWater(mark))));
}

#[tokio::test]
async fn a_mark_that_makes_no_sense_is_written_anew() {
    let damages = [
        (vec![("slots", s("x")), ("fence", n(99))], HighWaterRow { slots: 3, fence: Fence(99), lower: None }),
        (vec![("slots", n(7))], HighWaterRow { slots: 7, fence: Fence(77), lower: None }),
        (vec![], HighWaterRow { slots: 3, fence: Fence(77), lower: None }),
    ];
    for (damage, to) in damages {
        let patient = Patient::with_limit(3).await;
        patient.put_lease(slot_row(1, 77, "one", now(), ahead(290))).await;
        patient.put_item("pool#high-water", &damage).await;
        let settings = patient.runner().settings(&prefix()).await;
        let refused = settings.expect_err("they make no sense").to_string();
        assert!(refused.contains("leasehold doctor") && !refused.contains("pool set"), "{refused}");
        repairs(&patient, "mark-unreadable");
        let row = patient.table.send(&prefix(), &Request::Get(RowKey::HighWater)).await.reply;
        assert_eq!(row, Reply::Row(Some(Row::HighWater(to))));
        patient.granted("two").await;
    }

    let patient = Patient::with_limit(3).await;
    patient.put_lease(slot_row(1, 77, "one", now(), ahead(290))).await;
    patient.put_item("pool#high-water", &[("slots", s("x"))]).await;
    repaired_under_callers(&patient, "mark-unreadable", 2, &["one"]).await;
}

#[tokio::test]
async fn a_place_that_is_nothing_is_removed() {
    let there = |who: &str| place(who, now(), ahead(290));
    for row in [None, Some(holder_row("two", HolderState::Ended))] {
        // Nobody else may find it first.
        let patient = Patient::with_limit(1).await;
        patient.put_lease(slot_row(0, 9, "one", now(), ahead(290))).await;
        patient.put(row.clone()).await;
        patient.put([Row::Wait(there("two"))]).await;
        repairs(&patient, "place-is-nothing");
        drained(&patient, &["one"]).await;

        let patient = Patient::with_limit(2).await;
        patient.put(row).await;
        patient.put([Row::Wait(there("two"))]).await;
        repaired_under_callers(&patient, "place-is-nothing", 2, &[]).await;
    }
}

#[tokio::test]
async fn a_place_stays_whose_task_could_not_be_told() {
    let patient = Patient::with_limit(1).await;
    patient.put_lease(slot_row(0, 9, "one", now(), ahead(290))).await;
    let mut waits = place("two", now(), ahead(290));
    waits.token = Some(TaskToken::new("a secret token").expect("a token"));
    patient.put([Row::Wait(waits)]).await;
    let said = patient.examined(&["p", "--repair", "--yes"]);
    assert_eq!(
        (said.repairs(), said.codes()),
        (vec![("place-is-nothing", false)], vec!["place-is-nothing"]),
        "{said:?}"
    );
    assert!(said.document["repairs"][0]["said"].to_string().contains("could not be told"), "{said:?}");
    assert!(!said.document.to_string().contains("a secret token"), "{said:?}");
}

#[tokio::test]
async fn a_sweep_does_what_was_left_undone() {
    for quiet in [true, false] {
        for code in ["lease-left", "waiter-overdue", "queue-starving", "sweep-not-running", "row-damaged"] {
            let patient = Patient::with_limit(2).await;
            match code {
                "lease-left" => patient.put_lease(slot_row(0, 9, "one", ago(900), ago(600))).await,
                "waiter-overdue" => {
                    let late = place("late", ago(900), ago(600));
                    patient.put([waiting(&late), Row::Wait(late)]).await;
                }
                "queue-starving" => {
                    let starves = place("starves", ago(600), ahead(290));
                    patient.put([waiting(&starves), Row::Wait(starves)]).await;
                }
                "sweep-not-running" => {
                    let (at, limit, waiting_since) = (ago(300), limit(2), None);
                    let old = SummaryRow { at, limit, held: 0, waiting: 0, waiting_more: false, waiting_since };
                    patient.put([Row::Summary(old)]).await;
                    patient.put_lease(slot_row(0, 9, "one", ago(250), ahead(290))).await;
                }
                _ => patient.put_item("summary", &[]).await,
            }
            let rest: &[&str] = match code {
                "sweep-not-running" => &["one"],
                "queue-starving" => &["starves"],
                _ => &[],
            };
            if quiet {
                repairs(&patient, code);
                drained(&patient, rest).await;
            } else {
                repaired_under_callers(&patient, code, 2, rest).await;
            }
        }
    }
}

#[tokio::test]
async fn no_repair_takes_a_lease_whose_work_may_go_on() {
    let patient = Patient::with_limit(2).await;
    patient.set(PoolPatch { longest_hold: Some(Millis::seconds(3_600)), ..PoolPatch::default() }).await;
    let execution = "arn:aws:states:eu-central-1:123456789012:execution:orders:one";
    patient.put_lease(slot_row(0, 9, execution, ago(900), ago(600))).await;
    let said = patient.examined(&["p"]);
    assert!(said.codes().contains(&"lease-left"), "{said:?}");
    let left = said.document["findings"].as_array().and_then(|all| all.iter().find(|one| one["code"] == "lease-left"));
    let left = left.unwrap_or_else(|| panic!("{said:?}"));
    assert!(left["means"].as_str().is_some_and(|means| means.contains("Its work may go on")), "{left:#}");
    assert_eq!(patient.examined(&["p", "--repair", "--yes"]).repairs(), []);
    // Nor one of something else by a sweep.
    patient.put_item("summary", &[]).await;
    let said = patient.examined(&["p", "--repair", "--yes"]);
    assert_eq!(said.repairs(), [("row-damaged", false)], "{said:?}");
    assert!(patient.examined(&["p"]).codes().contains(&"lease-left"));
}

#[tokio::test]
async fn a_notice_that_is_stuck_is_sent_again() {
    let patient = Patient::with_limit(1).await;
    let mut untold = slot_row(0, 9, "one", ago(300), ahead(290));
    untold.held.as_mut().expect("a lease").notice = Notice::Untold(TaskToken::new("a secret token").expect("a token"));
    patient.put_lease(untold).await;
    let said = patient.examined(&["p", "--repair", "--yes"]);
    // From a file nobody can be told: it stays, and says that it may have been.
    assert_eq!((said.repairs(), said.codes()), (vec![("notice-stuck", true)], vec!["notice-stuck"]), "{said:?}");
    assert!(said.document["repairs"][0]["said"].to_string().contains("told again 0"), "{said:?}");
}
