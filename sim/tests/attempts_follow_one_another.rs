//! Repeats and newer attempts of one holder: which one counts, and what becomes of the other?

#![allow(unused_must_use, reason = "a script's steps are judged by what they leave behind")]

mod scripted_pool;

use leasehold_core::{
    AcquireOutcome, AcquireRequest, Attempt, Delivery, Failure, FailureReason, Fence, LeaseId, LossReason, Millis,
    Mode, ReleaseTarget, Released, RenewRequest, Row, TaskResult, Timestamp,
};
use scripted_pool::{Pool, T, attempt, holder, limit, poll, queue, task};

const NOTHING: Result<Released, Failure> = Ok(Released { lease: None, already: true });

#[test]
fn a_new_start_on_a_slow_clock_is_a_newer_attempt() {
    let mut pool = Pool::new(1);
    pool.acquire(poll("a", None), T);
    pool.release(ReleaseTarget::Holder(holder("a"), None), T);
    let lease = pool.lease(poll("a", None), T - 500);
    assert!(lease.attempt > attempt(T), "{}", lease.attempt);
}

#[test]
fn a_new_start_is_dated_by_the_clock() {
    let mut pool = Pool::new(1);
    assert_eq!(pool.lease(poll("a", None), T).attempt, attempt(T));
    pool.release(ReleaseTarget::Holder(holder("a"), None), T);
    assert_eq!(pool.lease(poll("a", None), T + 500).attempt, attempt(T + 500));
}

#[test]
fn a_repeat_without_an_attempt_is_the_same_lease() {
    let mut pool = Pool::new(1);
    let first = pool.lease(poll("a", None), T);
    assert_eq!(pool.lease(poll("a", None), T + 5), first);
    let mut pool = Pool::new(1);
    let first = pool.lease(queue("a", None), T);
    assert_eq!(pool.lease(queue("a", None), T + 5), first);
}

#[test]
fn a_repeat_without_an_attempt_keeps_its_place() {
    let mut pool = Pool::new(0);
    pool.acquire(queue("a", None), T);
    let before = pool.queue();
    assert_eq!(pool.acquire(queue("a", None), T + 5), Ok(AcquireOutcome::Queued));
    assert_eq!((pool.queue(), pool.heard("a")), (before, vec![]));
}

#[test]
fn another_task_without_an_attempt_takes_a_place_over() {
    let mut pool = Pool::new(1);
    pool.joined(task("a", "first", None), T);
    pool.settings.limit = scripted_pool::limit(0);
    assert_eq!(pool.acquire(task("a", "second", None), T), Ok(AcquireOutcome::Queued));
    assert_eq!(pool.heard("first"), [TaskResult::Failed(FailureReason::Superseded)]);
    pool.settings.limit = scripted_pool::limit(1);
    pool.sweep(T + 1);
    assert!(pool.has_a_lease("second") && !pool.has_a_lease("first"));
}

#[test]
fn another_task_without_an_attempt_takes_a_lease_over() {
    let mut pool = Pool::new(1);
    let first = pool.lease(task("a", "first", None), T);
    let second = pool.lease(task("a", "second", None), T);
    assert!(second.id.fence > first.id.fence && second.attempt > first.attempt);
    assert!(pool.has_a_lease("second"));
}

#[test]
fn a_newer_attempt_takes_over_and_an_older_one_does_not() {
    let busy = |newest: u64| Err::<AcquireOutcome, _>(Failure::HolderConflict(attempt(newest)));
    for limit in [0, 1] {
        let mut pool = Pool::new(limit);
        pool.acquire(task("a", "2", Some(2)), T);
        assert_eq!(pool.acquire(task("a", "1", Some(1)), T), busy(2), "limit {limit}");
        assert_eq!(pool.acquire(task("a", "other", Some(2)), T), busy(2), "limit {limit}");
        assert_eq!((pool.heard("1"), pool.heard("other")), (vec![], vec![]));
        pool.acquire(task("a", "3", Some(3)), T);
        assert_eq!(pool.row_of("a").attempt, attempt(3), "limit {limit}");
    }
}

#[test]
fn a_newer_attempt_does_not_fail_the_task_that_asks() {
    // Where a retry keeps its task, the older attempt's token is its own.
    let mut pool = Pool::new(0);
    pool.acquire(task("a", "kept", Some(1)), T);
    assert_eq!(pool.acquire(task("a", "kept", Some(2)), T + 5), Ok(AcquireOutcome::Queued));
    assert_eq!((pool.heard("kept"), pool.queue()[0].attempt), (vec![], attempt(2)));
    // It may have heard of its lease already: that stays the lease that it has, also above a limit that was lowered.
    for limit in [1, 0] {
        let mut pool = Pool::new(1);
        pool.delivery = Delivery::Unknown;
        pool.acquire(task("a", "kept", Some(1)), T);
        pool.settings.limit = scripted_pool::limit(limit);
        pool.delivery = Delivery::Delivered;
        pool.acquire(task("a", "kept", Some(2)), T + 5);
        let leases = pool.heard("kept").into_iter().map(|result| match result {
            TaskResult::Acquired(lease) => lease.id,
            TaskResult::Failed(reason) => panic!("limit {limit}: {reason:?}"),
        });
        let leases: Vec<_> = leases.collect();
        assert!(leases.len() > 1 && leases.iter().all(|id| *id == leases[0]), "limit {limit}: {leases:?}");
    }
}

#[test]
fn after_the_end_only_a_newer_attempt_begins_anew() {
    let mut pool = Pool::new(1);
    let lease = pool.lease(poll("a", Some(2)), T);
    pool.give_back(&lease, T);
    assert_eq!(pool.acquire(poll("a", Some(1)), T), Err(Failure::HolderConflict(attempt(2))));
    assert_eq!(pool.acquire(poll("a", Some(2)), T), Err(Failure::Lost(LossReason::Ended)));
    assert!(pool.lease(poll("a", Some(3)), T).id.fence > lease.id.fence);
}

#[test]
fn an_attempt_that_renewed_after_another_began_stays() {
    for (began, taken_over) in [(T + 9, false), (T + 10, false), (T + 11, true)] {
        let mut pool = Pool::new(1);
        let lease = pool.lease(poll("a", Some(1)), T);
        pool.renew(&lease, None, T + 10);
        let outcome = pool.acquire(poll("a", Some(began)), T + 20);
        let expected = Err(Failure::HolderConflict(attempt(1)));
        assert_eq!(outcome != expected, taken_over, "began at {began}: {outcome:?}");
    }
}

/// The same state, entered by the same time, as a redrive asks: retries begin anew.
fn redriven(task_name: &str, redrive: u32, retry: u32) -> AcquireRequest {
    AcquireRequest { attempt: Some(Attempt { redrive, retry, ..attempt(5) }), ..task("a", task_name, None) }
}

#[test]
fn a_redriven_execution_asks_again_as_a_newer_attempt() {
    for limit in [0, 1] {
        let mut pool = Pool::new(limit);
        pool.acquire(redriven("before", 0, 3), T);
        let outcome = pool.acquire(redriven("redriven", 1, 0), T + 5);
        assert!(matches!(outcome, Ok(AcquireOutcome::Acquired(_) | AcquireOutcome::Queued)), "{outcome:?}");
        assert_eq!(pool.row_of("a").attempt, Attempt { redrive: 1, ..attempt(5) }, "limit {limit}");
        assert_eq!(pool.has_a_lease("redriven"), limit == 1);
        // A late copy of what was before the redrive changes nothing.
        let late = pool.acquire(redriven("late", 0, 4), T + 6);
        assert_eq!(late, Err(Failure::HolderConflict(Attempt { redrive: 1, ..attempt(5) })), "limit {limit}");
        let older = ReleaseTarget::Holder(holder("a"), Some(Attempt { retry: 9, ..attempt(5) }));
        assert_eq!(pool.release(older, T + 7), NOTHING);
    }
}

#[test]
fn after_its_end_a_redriven_execution_begins_anew() {
    let mut pool = Pool::new(1);
    let lease = pool.lease(redriven("before", 0, 3), T);
    pool.give_back(&lease, T);
    assert!(pool.lease(redriven("redriven", 1, 0), T + 5).id.fence > lease.id.fence);
}

#[test]
fn work_renewed_before_a_redrive_does_not_hold_it_up() {
    let mut pool = Pool::new(1);
    let lease = pool.lease(redriven("before", 0, 0), T);
    pool.renew(&lease, None, T + 10);
    assert!(pool.lease(redriven("redriven", 1, 0), T + 20).id.fence > lease.id.fence);
}

#[test]
fn who_renewed_before_it_came_for_its_lease_gets_it() {
    let mut pool = Pool::new(1);
    let before = pool.lease(poll("before", Some(1)), T);
    let run = AcquireRequest { mode: Mode::Queue(None), ..poll("a", Some(1)) };
    assert_eq!(pool.acquire(run.clone(), T), Ok(AcquireOutcome::Queued));
    pool.give_back(&before, T);
    let short = pool.slots()[0].held.as_ref().map(|held| held.expires_at);
    assert_eq!(short, Some(Timestamp(T + 6_000)));
    let id = LeaseId { fence: before.id.fence.next(), ..before.id };
    let renewed = pool.run(RenewRequest { id: id.clone(), lease: Some(Millis(10_000)) }, T + 1);
    assert_eq!(renewed.map(|renewed| renewed.expires_at), Ok(Timestamp(T + 10_001)));
    let lease = pool.lease(run, T + 2);
    assert_eq!((lease.id, lease.expires_at), (id, Timestamp(T + 300_002)));
}

#[test]
fn a_renewal_that_finds_a_later_one_is_told_its_end() {
    let mut pool = Pool::new(1);
    let lease = pool.lease(poll("a", Some(1)), T);
    // Between its look and its write another copy renews, which asked later.
    let (mut first, mut later) = (true, pool.slots().remove(0));
    let held = later.held.as_mut().expect("a lease");
    (held.renewed_at, held.expires_at) = (Some(Timestamp(T + 50)), Timestamp(T + 300_050));
    pool.trouble = Box::new(move |table, request| {
        if !request.writes().is_empty() && std::mem::take(&mut first) {
            table.put(Row::Slot(later.clone()));
        }
        None
    });
    pool.asked.clear();
    let renewed = pool.renew(&lease, None, T + 10);
    assert_eq!(renewed.map(|renewed| renewed.expires_at), Ok(Timestamp(T + 300_050)));
    assert_eq!(pool.asked.iter().filter(|request| !request.writes().is_empty()).count(), 1, "nothing is left to write");
}

#[test]
fn an_attempt_that_renewed_and_expired_is_taken_over() {
    let mut pool = Pool::new(1);
    let lease = pool.lease(poll("a", Some(1)), T);
    pool.renew(&lease, None, T + 10);
    assert!(pool.lease(poll("a", Some(T + 5)), T + 300_010).id.fence > lease.id.fence);
}

#[test]
fn an_expired_lease_that_nobody_took_goes_on() {
    let mut pool = Pool::new(1);
    let first = pool.lease(poll("a", Some(1)), T);
    let second = pool.lease(poll("a", Some(1)), T + 300_000);
    assert_eq!((second.id, second.expires_at), (first.id, Timestamp(T + 600_000)));
}

#[test]
fn a_release_by_an_older_attempt_frees_nothing() {
    for (limit, waits) in [(1, 0), (0, 1)] {
        let mut pool = Pool::new(limit);
        pool.acquire(queue("a", Some(5)), T);
        let older = ReleaseTarget::Holder(holder("a"), Some(attempt(4)));
        assert_eq!(pool.release(older, T), NOTHING);
        assert_eq!((pool.held(), pool.queue().len()), (1 - waits, waits));
        for same_or_newer in [attempt(5), Attempt::default().max(attempt(6))] {
            let mut pool = Pool::new(limit);
            pool.acquire(queue("a", Some(5)), T);
            let outcome = pool.release(ReleaseTarget::Holder(holder("a"), Some(same_or_newer)), T);
            assert!(matches!(outcome, Ok(Released { already: false, .. })), "{outcome:?}");
            assert_eq!((pool.held(), pool.queue().len()), (0, 0));
        }
    }
}

#[test]
fn a_row_that_points_at_another_lease_is_no_lease() {
    // A row that was changed by hand: under its fence lies a lease of another holder, or under another fence one of its own.
    for (name, fences) in [("b", 0), ("a", 1)] {
        let mut pool = Pool::new(1);
        let lease = pool.lease(poll("a", Some(1)), T);
        let mut row = pool.slots().remove(0);
        row.fence = Fence(row.fence.0 + fences);
        row.held.as_mut().expect("a lease").holder = holder(name);
        pool.table.put(Row::Slot(row.clone()));
        let outcome = pool.acquire(poll("a", Some(1)), T + 1);
        assert_eq!(outcome, Err(Failure::Lost(LossReason::Ended)), "{name} instead of {}", lease.id);
        assert_eq!(pool.slots(), [row]);
    }
}

#[test]
fn a_lease_that_is_told_meanwhile_is_given_back() {
    // Granted by somebody whose notice has no answer: the release finds out whether the task was told, and still frees it.
    let mut pool = Pool::new(1);
    let first = pool.lease(poll("first", Some(1)), T);
    pool.acquire(queue("a", Some(1)), T);
    pool.delivery = Delivery::Unknown;
    pool.give_back(&first, T + 1);
    pool.delivery = Delivery::Delivered;
    let id = LeaseId { fence: first.id.fence.next(), ..first.id };
    let outcome = pool.release(ReleaseTarget::Lease(id.clone()), T + 2);
    assert_eq!((outcome, pool.held()), (Ok(Released { lease: Some(id), already: false }), 0));
}

#[test]
fn releasing_twice_says_that_it_was_gone() {
    let mut pool = Pool::new(1);
    let lease = pool.lease(poll("a", Some(1)), T);
    let id = Some(lease.id.clone());
    assert_eq!(pool.give_back(&lease, T), Ok(Released { lease: id.clone(), already: false }));
    let gone = Ok(Released { lease: id, already: true });
    assert_eq!(pool.give_back(&lease, T), gone);
    assert_eq!(pool.release(ReleaseTarget::Holder(holder("a"), None), T), gone);
    assert_eq!(pool.release(ReleaseTarget::Holder(holder("nobody"), None), T), NOTHING);
}

#[test]
fn who_comes_for_its_lease_gets_it_above_a_lowered_limit() {
    let waits = |name| AcquireRequest { mode: Mode::Queue(None), ..queue(name, Some(1)) };
    let mut pool = Pool::new(2);
    let leases = ["a", "b"].map(|name| pool.lease(poll(name, Some(1)), T));
    assert_eq!(pool.acquire(waits("c"), T + 1), Ok(AcquireOutcome::Queued));
    let above = leases.iter().find(|lease| lease.id.slot.0 == 1).expect("the second slot");
    pool.give_back(above, T + 2).expect("given back");
    assert_eq!(pool.holder_of(1).as_deref(), Some("c"));
    pool.change(1, T + 3).expect("a lower limit");
    pool.settings.limit = limit(1);
    let lease = pool.lease(waits("c"), T + 4);
    assert_eq!(lease.id.slot.0, 1);
}
