//! A table that refuses, or gives no answer: does every call end, soon, and without saying what is not so?

#![allow(unused_must_use, reason = "a script's steps are judged by what they leave behind")]

mod scripted_pool;

use std::sync::Arc;

use leasehold_core::{
    AcquireRequest, AnyOperation, Author, EffectReply, EndOverride, ExecutionEnded, ExpectedOverride, ExpectedSettings,
    Failure, Lease, LeaseId, Machine, Operation, OverrideRow, PoolPatch, ReleaseAll, ReleaseTarget, Released,
    RenewRequest, Reply, Request, RetirePool, Row, SetPool, StatusRequest, Step, Timestamp,
};
use scripted_pool::{Pool, T, holder, limit, poll, queue, set_limit};

/// One of each operation but the sweep, which never fails but says that there is more; with the lease that some of them
/// need.
fn every_operation(lease: &Lease) -> Vec<(&'static str, AnyOperation)> {
    let patch = PoolPatch { limit: Some(limit(2)), ..PoolPatch::default() };
    let set_pool = SetPool { patch, by: Author::new("ann", "a test"), expected: ExpectedSettings::Any };
    let (execution, key_prefix) = ("a".into(), "".into());
    let all = ReleaseAll { execution, parent: None, key_prefix, attempt: None, after: None };
    let ended = ExecutionEnded { execution: "a".into(), at: Timestamp(T + 1), redrive: None, after: None };
    vec![
        ("acquire, polling", AnyOperation::Acquire(poll("new", Some(1)))),
        ("acquire, queueing", AnyOperation::Acquire(queue("new", Some(1)))),
        ("release", AnyOperation::Release(ReleaseTarget::Lease(lease.id.clone()))),
        ("release by holder", AnyOperation::Release(ReleaseTarget::Holder(holder("a"), None))),
        ("leave", AnyOperation::Release(ReleaseTarget::Holder(holder("b"), None))),
        ("renew", AnyOperation::Renew(RenewRequest { id: lease.id.clone(), lease: None })),
        ("end", AnyOperation::ExecutionEnded(ended)),
        ("release of all", AnyOperation::ReleaseAll(all)),
        ("status", AnyOperation::Status(StatusRequest)),
        ("set limit", set_limit(2).into()),
        ("end override", EndOverride { by: Author::new("ann", "a test"), expected: ExpectedOverride::Any }.into()),
        ("set pool", set_pool.into()),
        ("retire pool", RetirePool { by: Author::new("ann", "a test") }.into()),
    ]
}

/// A pool of one slot that `a` holds and `b` waits for.
fn pool() -> (Pool, Lease) {
    let mut pool = Pool::new(1);
    let lease = pool.lease(poll("a", Some(1)), T);
    pool.acquire(queue("b", Some(1)), T);
    let (at, who, why) = (Timestamp(T - 1), "operator".into(), "before".into());
    pool.table.put(Row::Override(OverrideRow { limit: limit(1), lowered: None, at, until: None, who, why }));
    pool.asked.clear();
    (pool, lease)
}

fn ends_with(reply: &Reply, only_writes: bool, failure: &Failure) {
    let (_, lease) = pool();
    for (name, operation) in every_operation(&lease) {
        let (mut pool, _) = pool();
        let answer = reply.clone();
        pool.trouble = Box::new(move |_, request| {
            let concerned = !only_writes || !request.writes().is_empty();
            concerned.then(|| answer.clone())
        });
        let before = pool.table.clone();
        let outcome = pool.run(operation, T);
        let reads_only = only_writes && matches!(name, "status" | "acquire, polling");
        assert!(reads_only || outcome.as_ref().err() == Some(failure), "{name}, {reply:?}: {outcome:?}");
        // Who frees an execution reads its page again, and settles, each as often as any call tries.
        let most = if matches!(name, "end" | "release of all") { 330 } else { 60 };
        assert!(pool.asked.len() <= most, "{name}, {reply:?}: {} requests", pool.asked.len());
        assert!(pool.table == before, "{name}, {reply:?}");
    }
}

#[test]
fn a_table_that_refuses_is_asked_a_bounded_number_of_times() {
    for reply in [Reply::Throttled, Reply::Unavailable, Reply::Unknown] {
        let failure = if reply == Reply::Throttled { Failure::Throttled } else { Failure::Unavailable };
        ends_with(&reply, false, &failure);
    }
}

#[test]
fn writes_that_never_happen_are_never_said_to_have() {
    ends_with(&Reply::Throttled, true, &Failure::Throttled);
    ends_with(&Reply::Conflict, true, &Failure::Throttled);
    ends_with(&Reply::Unavailable, true, &Failure::Unavailable);
}

#[test]
fn writes_that_get_no_answer_are_never_said_to_have_happened() {
    ends_with(&Reply::Unknown, true, &Failure::Unavailable);
}

#[test]
fn every_operation_tries_as_often_as_the_pool_says() {
    for tries in [0, 1, 5] {
        let (_, lease) = pool();
        for (name, operation) in every_operation(&lease) {
            let (mut pool, _) = pool();
            pool.settings.tries = tries;
            let looks = count_steps(&pool, operation);
            let expected = if name == "status" { 1 } else { usize::from(tries) + 1 };
            assert!(looks == expected, "{name}: {looks} steps at {tries} tries");
        }
    }
}

/// How many times the table was asked, whatever for.
fn count_steps(pool: &Pool, operation: AnyOperation) -> usize {
    pauses(pool, operation).len()
}

/// The pause before each step of a call to a table that always refuses.
fn pauses(pool: &Pool, operation: AnyOperation) -> Vec<u64> {
    let (mut machine, mut step) = operation.start(Arc::new(pool.settings.clone()), Timestamp(T), 1);
    let mut pauses = vec![];
    while let Step::Perform { effects, pause } = &step {
        pauses.push(pause.0);
        let replies = effects.iter().map(|_| EffectReply::from(Reply::Throttled)).collect();
        step = machine.resume(replies, Timestamp(T));
    }
    pauses
}

#[test]
fn a_sweep_of_a_table_that_refuses_says_that_there_is_more() {
    let (mut pool, _) = pool();
    pool.trouble = Box::new(|_, _| Some(Reply::Throttled));
    assert!(pool.sweep(T).more);
    assert!(pool.asked.len() <= 60, "{} requests", pool.asked.len());
}

#[test]
fn a_try_again_comes_after_a_pause_that_grows() {
    let (pool, lease) = pool();
    for (name, operation) in every_operation(&lease).into_iter().filter(|(name, _)| *name != "status") {
        let pauses = pauses(&pool, operation);
        let most = |tried: usize| if tried == 0 { 0 } else { 10 << tried.min(6) };
        let bounded = pauses.iter().enumerate().all(|(tried, pause)| *pause <= most(tried));
        // The first is within 20 ms, so that no constant pause is as long as this.
        assert!(bounded && pauses.iter().max() > Some(&160), "{name}: {pauses:?}");
    }
}

#[test]
fn a_release_that_happened_without_an_answer_is_told_as_its_own() {
    let mut pool = Pool::new(1);
    let lease = pool.lease(poll("a", Some(1)), T);
    let mut first = true;
    pool.trouble = Box::new(move |table, request| {
        let lost = !request.writes().is_empty() && std::mem::take(&mut first);
        lost.then(|| table.serve(request)).map(|_| Reply::Unknown)
    });
    let released = Ok(Released { lease: Some(lease.id.clone()), already: false });
    assert_eq!((pool.give_back(&lease, T), pool.held()), (released, 0));
}

#[test]
fn a_release_of_many_waiters_is_not_a_sweep() {
    let mut pool = Pool::new(200);
    let lease = pool.lease(poll("a", Some(1)), T);
    for name in 0..190 {
        pool.joined(queue(&format!("w{name}"), Some(1)), T + name);
    }
    pool.asked.clear();
    pool.give_back(&lease, T + 500);
    let granted = 190 - pool.queue().len();
    assert_eq!(granted, 1, "its own slot");
    let heads =
        pool.asked.iter().filter_map(|request| if let Request::Queue(head) = request { Some(*head) } else { None });
    assert!(heads.clone().count() > 0 && heads.max() <= Some(3));
    // A sweep does all of it.
    pool.sweep(T + 501);
    assert_eq!(pool.queue(), []);
}

#[test]
fn a_lease_id_of_another_time_frees_nothing() {
    let mut pool = Pool::new(1);
    let first = pool.lease(poll("a", Some(1)), T);
    pool.give_back(&first, T);
    let second = pool.lease(AcquireRequest { label: Some("second".into()), ..poll("b", Some(1)) }, T);
    let released = Ok(Released { lease: Some(first.id.clone()), already: true });
    assert_eq!((pool.give_back(&first, T), pool.held()), (released, 1));
    let unknown = LeaseId { fence: second.id.fence.next(), ..second.id };
    let outcome = pool.release(ReleaseTarget::Lease(unknown.clone()), T);
    assert_eq!((outcome, pool.held()), (Ok(Released { lease: Some(unknown), already: true }), 1));
}
