//! Counting, then putting: what is wrong with what people use today? The shortest history in which count-then-put breaks its limit.

use std::sync::Arc;

use leasehold_core::acquire::{Ask, Mode};
use leasehold_core::machine::{Answer, Machine, Operation, Outcome, Step};
use leasehold_core::nouns::{Holder, Limit, Millis, Prefix};
use leasehold_core::settings::Settings;
use leasehold_sim::check::{Strategy, World, explore, promise};
use leasehold_sim::count_then_put::CountThenPut;
use leasehold_sim::table::MemoryTable;

#[test]
fn two_callers_count_zero_and_both_put_their_lease() {
    let world = World { strategy: Strategy::CountThenPut, ..World::new("count, then put", 1).poll(2) };
    let report = explore(world, 1_000);
    let found = report.broken.as_ref().expect("a counterexample");
    assert_eq!(found.violation.promise, promise::CAP);
    assert_eq!(
        found.to_string(),
        "  1. [1000] h0 asks
  2. [1000] h1 asks
  3. [1000] acquire by h0, attempt 1: reads the holders of an execution
  4. [1000] acquire by h1, attempt 1: reads the holders of an execution
  5. [1000] acquire by h1, attempt 1: writes [h1 holds slot 0 fence 1]
  6. [1000] acquire by h0, attempt 1: writes [h0 holds slot 0 fence 1]
broken: cap: the limit is 1, and these hold a lease: [h0, h1]"
    );
}

/// A caller: given an answer, or none to begin, its next step.
type Caller = Box<dyn FnMut(Option<Answer>) -> Step>;

/// How many are told that they have a lease when all ask at once: every caller's nth request is served before
/// any caller's next one.
fn told_when_all_ask_at_once(mut callers: Vec<Caller>) -> usize {
    let mut table = MemoryTable::default();
    let mut told = 0;
    let mut steps: Vec<(Caller, Step)> = callers
        .drain(..)
        .map(|mut caller| {
            let step = caller(None);
            (caller, step)
        })
        .collect();
    while !steps.is_empty() {
        for (caller, step) in &mut steps {
            if let Step::Ask { requests, .. } = step {
                let replies = requests.iter().map(|request| table.serve(request)).collect();
                *step = caller(Some(Answer::Replies(replies)));
            }
        }
        told += steps.iter().filter(|(_, step)| matches!(step, Step::Done(Outcome::Acquired(_)))).count();
        steps.retain(|(_, step)| !matches!(step, Step::Done(_)));
    }
    told
}

#[test]
fn counting_lets_in_thirty_at_once_where_leasehold_lets_in_15() {
    let prefix: Prefix = "analytics".parse().expect("a prefix");
    let limit = Limit::try_from(15).expect("a limit");
    let settings = Arc::new(Settings::new(prefix.clone(), limit));
    let holder = |at: u64| Holder::new(&format!("item-{at}"), "", Some("run")).expect("a holder");

    let counting = |at: u64| -> Caller {
        let (mut caller, first) = CountThenPut::start(prefix.clone(), holder(at), 15, settings.lease);
        let mut first = Some(first);
        Box::new(move |answer| match (answer, first.take()) {
            (Some(answer), _) => caller.resume(answer, Millis(0)),
            (None, Some(first)) => first,
            (None, None) => unreachable!("begun twice"),
        })
    };
    let leasing = |at: u64| -> Caller {
        let ask = Ask { holder: holder(at), attempt: None, mode: Mode::Poll, lease: None, wait: None, label: None };
        let (mut machine, first) = Machine::start(Operation::Acquire(ask), settings.clone(), Millis(0), at);
        let mut first = Some(first);
        Box::new(move |answer| match (answer, first.take()) {
            (Some(answer), _) => machine.resume(answer, Millis(0)),
            (None, Some(first)) => first,
            (None, None) => unreachable!("begun twice"),
        })
    };
    assert_eq!(told_when_all_ask_at_once((0..30).map(counting).collect()), 30);
    assert_eq!(told_when_all_ask_at_once((0..30).map(leasing).collect()), 15);
}
