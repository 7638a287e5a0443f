//! Counting, then putting: what is wrong with what people use today? The shortest history in which count-then-put breaks its limit.

use std::sync::Arc;

use leasehold_core::{
    AcquireOutcome, AcquireRequest, Effect, EffectReply, Holder, Limit, Machine, Mode, Operation, PoolName, Settings,
    Step, Timestamp,
};
use leasehold_sim::Strategy;
use leasehold_sim::checker::{CheckedWorld, explore, property};
use leasehold_sim::count_then_put::CountThenPut;
use leasehold_sim::table::MemoryTable;

#[test]
fn two_callers_count_zero_and_both_put_their_lease() {
    let world = CheckedWorld { strategy: Strategy::CountThenPut, ..CheckedWorld::new("count, then put", 1).poll(2) };
    let report = explore(world, 1_000);
    let found = report.broken.as_ref().expect("a counterexample");
    assert_eq!(found.violation.promise, property::CAP);
    // Which of the two reads or writes first makes no difference.
    let story = |[reader, other]: [&str; 2], [first, second]: [&str; 2]| {
        format!(
            "  1. [1000] h0 asks
  2. [1000] h1 asks
  3. [1000] acquire by {reader}, attempt 1: reads the holders of an execution
  4. [1000] acquire by {other}, attempt 1: reads the holders of an execution
  5. [1000] acquire by {first}, attempt 1: writes [{first} holds slot 0 fence 1]
  6. [1000] acquire by {second}, attempt 1: writes [{second} holds slot 0 fence 1]
broken: cap: the limit is 1, and these hold a lease: [h0, h1]"
        )
    };
    let found = found.to_string();
    let orders = [["h0", "h1"], ["h1", "h0"]];
    assert!(orders.iter().any(|read| orders.iter().any(|written| found == story(*read, *written))), "{found}");
}

/// How many are told that they have a lease when all ask at once: every caller's nth request is served before
/// any caller's next one.
fn told_when_all_ask_at_once<M: Machine<Outcome = AcquireOutcome>>(mut calls: Vec<(M, Step<AcquireOutcome>)>) -> usize {
    let mut table = MemoryTable::default();
    let mut told = 0;
    while !calls.is_empty() {
        for (machine, step) in &mut calls {
            if let Step::Perform { effects, .. } = step {
                let reply = |effect: &Effect| match effect {
                    Effect::Request(request) => EffectReply::from(table.serve(request)),
                    other => panic!("{other:?}"),
                };
                *step = machine.resume(effects.iter().map(reply).collect(), Timestamp(0));
            }
        }
        let has_a_lease = |step: &Step<AcquireOutcome>| matches!(step, Step::Done(Ok(AcquireOutcome::Acquired(_))));
        told += calls.iter().filter(|(_, step)| has_a_lease(step)).count();
        calls.retain(|(_, step)| !matches!(step, Step::Done(_)));
    }
    told
}

#[test]
fn of_thirty_at_once_counting_lets_in_all_and_leasehold_fifteen() {
    let prefix: PoolName = "analytics".parse().expect("a prefix");
    let limit = Limit::try_from(15).expect("a limit");
    let settings = Arc::new(Settings::new(prefix.clone(), limit));
    let holder = |at: u64| Holder::new(&format!("item-{at}"), "", Some("run")).expect("a holder");

    let counting = |at: u64| CountThenPut::start(prefix.clone(), holder(at), 15, settings.lease);
    let leasing = |at: u64| {
        let (holder, mode) = (holder(at), Mode::Poll);
        let request = AcquireRequest { holder, attempt: None, mode, lease: None, wait: None, label: None };
        request.start(settings.clone(), Timestamp(0), at)
    };
    assert_eq!(told_when_all_ask_at_once((0..30).map(counting).collect()), 30);
    assert_eq!(told_when_all_ask_at_once((0..30).map(leasing).collect()), 15);
}
