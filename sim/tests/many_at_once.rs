//! What happens when everybody comes at the same moment? Crowds in lockstep: every caller's nth request is served
//! before any caller's next one, which makes them collide as often as they can.

#![allow(clippy::expect_used, reason = "a test that can not set itself up has failed")]

use std::sync::Arc;

use leasehold_core::{
    AcquireOutcome, AcquireRequest, AnyOperation, AnyOutcome, Attempt, Delivery, Effect, EffectReply, ExecutionStatus,
    Failure, Holder, LeaseId, Limit, Machine, Millis, Mode, Operation, PoolName, ReleaseTarget, Released, Reply,
    Request, Settings, Step, TaskResult, TaskToken, Timestamp,
};
use leasehold_sim::table::MemoryTable;

const NOW: Timestamp = Timestamp(1_000_000);

struct Crowd {
    settings: Arc<Settings>,
    table: MemoryTable,
    /// Which tokens were told of which lease.
    told: Vec<(String, LeaseId)>,
    /// How many requests were sent.
    requests: usize,
    /// How many operations were begun: each is given its number as entropy.
    started: u64,
}

impl Crowd {
    fn new(limit: u64) -> Crowd {
        let prefix: PoolName = "crowd".parse().expect("a prefix");
        let settings = Arc::new(Settings::new(prefix, Limit::try_from(limit).expect("a limit")));
        Crowd { settings, table: MemoryTable::default(), told: vec![], requests: 0, started: 0 }
    }

    /// Runs all of them in lockstep; returns what each came to.
    fn run(&mut self, operations: Vec<AnyOperation>) -> Vec<Result<AnyOutcome, Failure>> {
        let mut begin = |operation: AnyOperation| {
            self.started += 1;
            operation.start(self.settings.clone(), NOW, self.started)
        };
        let mut calls: Vec<_> = operations.into_iter().map(&mut begin).collect();
        while calls.iter().any(|(_, step)| !matches!(step, Step::Done(_))) {
            for (machine, step) in &mut calls {
                let Step::Perform { effects, .. } = step else { continue };
                let replies = effects.iter().map(|effect| self.reply(effect)).collect();
                *step = machine.resume(replies, NOW);
            }
        }
        calls
            .into_iter()
            .filter_map(|(_, step)| if let Step::Done(outcome) = step { Some(outcome) } else { None })
            .collect()
    }

    fn reply(&mut self, effect: &Effect) -> EffectReply {
        match effect {
            Effect::Request(request) => {
                self.requests += 1;
                self.table.serve(request).into()
            }
            Effect::Callback(callback) => {
                let TaskResult::Acquired(lease) = &callback.result else { panic!("nobody is failed here") };
                self.told.push((callback.token.secret().to_owned(), lease.id.clone()));
                Delivery::Delivered.into()
            }
            Effect::StatusCheck(_) => ExecutionStatus::Running.into(),
        }
    }

    fn ask(&self, name: String, at: u64) -> AnyOperation {
        let holder = Holder::new(&name, "", None).expect("a holder");
        let attempt = Some(Attempt::first(Timestamp(at)));
        let mode = Mode::Queue(Some(TaskToken::new(&name).expect("a token")));
        AnyOperation::Acquire(AcquireRequest { holder, attempt, mode, lease: None, wait: None, label: None })
    }

    fn waiting(&mut self) -> usize {
        match self.table.serve(&Request::Queue(u32::MAX)) {
            Reply::Queue(rows, _) => rows.len(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_hundred_who_release_at_once_hand_every_slot_to_a_waiter() {
    let mut crowd = Crowd::new(100);
    for at in 0..200 {
        let ask = crowd.ask(format!("holder-{at:03}"), at);
        crowd.run(vec![ask]);
    }
    assert_eq!((crowd.told.len(), crowd.waiting()), (100, 100));

    let releases = crowd.told.iter().map(|(_, id)| AnyOperation::Release(ReleaseTarget::Lease(id.clone()))).collect();
    let outcomes = crowd.run(releases);
    for outcome in &outcomes {
        assert!(matches!(outcome, Ok(AnyOutcome::Release(Released { already: false, .. }))), "{outcome:?}");
    }
    let told: std::collections::BTreeSet<_> = crowd.told.iter().map(|(token, _)| token.clone()).collect();
    assert_eq!((told.len(), crowd.told.len(), crowd.waiting()), (200, 200, 0));
}

#[test]
fn of_a_hundred_at_once_some_fill_every_slot_others_wait() {
    let mut crowd = Crowd::new(15);
    let asks = (0..100).map(|at| crowd.ask(format!("holder-{at:03}"), at)).collect();
    let outcomes = crowd.run(asks);
    assert!(
        outcomes.iter().all(|outcome| matches!(
            outcome,
            Ok(AnyOutcome::Acquire(AcquireOutcome::Acquired(_) | AcquireOutcome::Queued))
        )),
        "{outcomes:?}"
    );
    assert_eq!((crowd.told.len(), crowd.waiting()), (15, 85));
}

#[test]
fn slots_freed_one_by_one_go_in_the_order_of_the_queue() {
    let mut crowd = Crowd::new(1);
    for at in 0..20 {
        let holder = Holder::new(&format!("holder-{at:03}"), "", None).expect("a holder");
        let attempt = Some(Attempt::first(Timestamp(at)));
        let mode = Mode::Queue(Some(TaskToken::new(&format!("{at}")).expect("a token")));
        let ask = AcquireRequest { holder, attempt, mode, lease: None, wait: None, label: None };
        // Each joins a millisecond after the one before.
        let now = NOW + Millis(at);
        let (mut machine, mut step) = ask.start(crowd.settings.clone(), now, at);
        while let Step::Perform { effects, .. } = step {
            let replies = effects.iter().map(|effect| crowd.reply(effect)).collect();
            step = machine.resume(replies, now);
        }
    }
    for next in 1..20 {
        let (_, id) = crowd.told.last().cloned().expect("somebody holds it");
        crowd.run(vec![AnyOperation::Release(ReleaseTarget::Lease(id))]);
        assert_eq!(crowd.told.last().map(|(token, _)| token.as_str()), Some(format!("{next}").as_str()));
    }
}

#[test]
fn what_a_job_costs_does_not_depend_on_how_many_wait() {
    let cost = |waiters: u64| {
        let mut crowd = Crowd::new(3);
        for at in 0..3 + waiters {
            let ask = crowd.ask(format!("holder-{at:04}"), at);
            crowd.run(vec![ask]);
        }
        let before = crowd.requests;
        let ask = crowd.ask("the job".to_owned(), 1);
        crowd.run(vec![ask]);
        let (_, id) = crowd.told[0].clone();
        crowd.run(vec![AnyOperation::Release(ReleaseTarget::Lease(id))]);
        crowd.requests - before
    };
    assert_eq!(cost(1), cost(30));
    assert_eq!(cost(30), cost(300));
}

#[test]
fn a_second_task_is_refused_while_the_first_waits_or_holds() {
    let mut crowd = Crowd::new(1);
    for name in ["holds", "waits"] {
        let ask = crowd.ask(name.to_owned(), 1);
        crowd.run(vec![ask]);
        let AnyOperation::Acquire(same) = crowd.ask(name.to_owned(), 1) else { panic!("it asks") };
        let other = Mode::Queue(Some(TaskToken::new("another task").expect("a token")));
        let outcomes = crowd.run(vec![AnyOperation::Acquire(AcquireRequest { mode: other, ..same })]);
        assert!(matches!(outcomes[..], [Err(Failure::HolderConflict(_))]), "{name}: {outcomes:?}");
    }
}

/// How many requests each took, of so many releases at a time of a thousand leases with a thousand waiters behind them.
fn requests_a_hand_over(at_once: usize) -> f64 {
    let mut crowd = Crowd::new(1_000);
    for at in 0..2_000 {
        let ask = crowd.ask(format!("holder-{at:04}"), at);
        crowd.run(vec![ask]);
    }
    let (before, ids) = (crowd.requests, crowd.told.iter().map(|(_, id)| id.clone()).collect::<Vec<_>>());
    for some in ids.chunks(at_once) {
        let releases = some.iter().map(|id| AnyOperation::Release(ReleaseTarget::Lease(id.clone()))).collect();
        assert!(crowd.run(releases).iter().all(Result::is_ok));
    }
    assert!(crowd.waiting() <= at_once / 50, "{} wait", crowd.waiting());
    (crowd.requests - before) as f64 / 1_000.0
}

#[test]
fn who_release_at_once_soon_part() {
    for (at_once, at_most) in [(1, 3.0), (8, 5.2), (16, 5.7), (32, 6.3), (100, 7.7)] {
        let each = requests_a_hand_over(at_once);
        assert!(each <= at_most, "{at_once} at once: {each}");
    }
}

#[test]
fn who_ask_at_once_soon_part() {
    for (at_once, at_most) in [(16, 4.0), (100, 4.2), (2_000, 8.0)] {
        let mut crowd = Crowd::new(1_000);
        let names: Vec<u64> = (0..2_000).collect();
        for some in names.chunks(at_once) {
            let asks = some.iter().map(|at| crowd.ask(format!("holder-{at:04}"), *at)).collect();
            assert!(crowd.run(asks).iter().all(Result::is_ok));
        }
        assert_eq!((crowd.told.len(), crowd.waiting()), (1_000, 1_000));
        let each = crowd.requests as f64 / 2_000.0;
        assert!(each <= at_most, "{at_once} at once: {each}");
    }
}
