//! The queue: is everybody served in turn, at once, and told?

#![allow(unused_must_use, reason = "a script's steps are judged by what they leave behind")]

mod scripted_pool;

use leasehold_core::{
    AcquireOutcome, AcquireRequest, Attempt, Delivery, ExecutionStatus, Failure, FailureReason, HighWaterRow, Intent,
    LossReason, Millis, Mode, Notice, Refusal, ReleaseTarget, Released, Reply, Request, RetryAdvice, Row, RowKey,
    SummaryRow, Tally, TaskResult, TaskToken, Ticket, Timestamp, WaitRow, Write,
};
use scripted_pool::{Pool, T, holder, limit, poll, queue, task};

#[test]
fn a_raise_wakes_a_waiter_at_once() {
    let mut pool = Pool::new(1);
    pool.acquire(queue("a", Some(1)), T);
    pool.acquire(queue("b", Some(1)), T);
    pool.change(2, T);
    assert!(pool.has_a_lease("b"));
    assert_eq!(pool.queue(), []);
}

#[test]
fn after_one_collision_one_of_the_first_sixteen_is_served() {
    let grants = |request: &Request| request.writes().iter().any(|write| matches!(write.intent, Intent::Grant(..)));
    let served = |entropy| {
        let mut pool = Pool::new(1);
        let lease = pool.lease(poll("a", Some(1)), T);
        let names: Vec<String> = (1..=60).map(|at| format!("waits-{at:02}")).collect();
        for (at, name) in (1..).zip(&names) {
            pool.joined(queue(name, Some(1)), T + at);
        }
        let mut first = true;
        pool.trouble = Box::new(move |_, request| {
            let collides = grants(request) && std::mem::take(&mut first);
            collides.then(|| Reply::Refused(request.writes().iter().map(|_| Refusal::Passed).collect()))
        });
        pool.entropy = entropy;
        pool.give_back(&lease, T + 100);
        names.iter().position(|name| pool.has_a_lease(name)).expect("somebody is served")
    };
    let served: Vec<usize> = (1..=40).map(served).collect();
    assert!(served.iter().all(|at| *at < 16), "{served:?}");
    // Those who collided together do not meet again at the same one.
    assert!(served.iter().any(|at| *at != served[0]), "{served:?}");
}

#[test]
fn a_raise_finds_who_waits_behind_the_places_of_those_who_hold() {
    let mut pool = Pool::new(60);
    // More than are read at once: callers died between their grant and the removal of the place.
    for (at, slot) in (1..).zip(0..60) {
        let name = format!("holder-{slot:02}");
        pool.joined(queue(&name, Some(T)), T + at);
        pool.hold(slot, &name, T + 300_000);
    }
    pool.joined(queue("late", Some(T)), T + 100);
    pool.change(61, T + 200);
    assert!(pool.has_a_lease("late"));
}

#[test]
fn a_raise_wakes_the_first_of_the_queue() {
    let names = ["b", "c", "d", "e", "f", "g", "h"];
    let mut pool = Pool::new(1);
    pool.acquire(queue("a", Some(1)), T);
    for (at, name) in (1..).zip(names) {
        pool.joined(queue(name, Some(1)), T + at);
    }
    for (at, limit) in (10..).zip(2..=5) {
        pool.change(limit, T + at);
        let served = names.map(|name| pool.has_a_lease(name)).iter().filter(|served| **served).count();
        assert_eq!(served, limit as usize - 1);
        assert!(pool.has_a_lease(names[served - 1]), "a limit of {limit} did not serve {}", names[served - 1]);
    }
}

#[test]
fn a_waiter_whose_task_may_be_open_does_not_leave() {
    let mut pool = Pool::new(0);
    pool.acquire(queue("a", Some(1)), T);
    pool.delivery = Delivery::Unknown;
    let outcome = pool.release(ReleaseTarget::Holder(holder("a"), None), T);
    assert_eq!((outcome, pool.queue().len()), (Err(Failure::TasksUnavailable), 1));
    pool.delivery = Delivery::Closed;
    let outcome = pool.release(ReleaseTarget::Holder(holder("a"), None), T);
    assert_eq!((outcome, pool.queue().len()), (Ok(Released { lease: None, already: false }), 0));
}

#[test]
fn a_newcomer_does_not_pass_who_waits_for_a_free_slot() {
    let mut pool = Pool::new(1);
    pool.joined(queue("first", Some(1)), T);
    let outcome = pool.acquire(poll("newcomer", Some(1)), T);
    assert!(matches!(outcome, Ok(AcquireOutcome::Wait(RetryAdvice { waiting: 1, .. }))), "{outcome:?}");
    assert_eq!(pool.acquire(queue("newcomer", Some(1)), T + 1), Ok(AcquireOutcome::Queued));
    assert_eq!(pool.held(), 0);
    pool.sweep(T + 2);
    assert!(pool.has_a_lease("first") && !pool.has_a_lease("newcomer"));
}

#[test]
fn a_newcomer_does_not_pass_who_waits_for_an_expired_slot() {
    let mut pool = Pool::new(1);
    pool.lease(poll("gone", Some(1)), T);
    pool.acquire(queue("first", Some(1)), T);
    assert_eq!(pool.acquire(queue("newcomer", Some(1)), T + 305_000), Ok(AcquireOutcome::Queued));
    assert_eq!(pool.holder_of(0).as_deref(), Some("gone"));
    pool.sweep(T + 305_000);
    assert_eq!(pool.holder_of(0).as_deref(), Some("first"));
}

#[test]
fn a_newcomer_to_an_empty_queue_is_served() {
    let mut pool = Pool::new(1);
    pool.lease(poll("gone", Some(1)), T);
    for (at, served) in [(T + 304_999, false), (T + 305_000, true)] {
        let outcome = pool.acquire(poll("newcomer", Some(1)), at);
        assert_eq!(matches!(outcome, Ok(AcquireOutcome::Acquired(_))), served, "{outcome:?}");
    }
}

#[test]
fn free_slots_go_to_the_first_of_the_queue() {
    let mut pool = Pool::new(2);
    for (at, name) in (0..).zip(["a", "b", "c", "d"]) {
        pool.joined(queue(name, Some(1)), T + at);
    }
    pool.sweep(T + 9);
    let told = ["a", "b", "c", "d"].map(|name| pool.has_a_lease(name));
    assert_eq!(told, [true, true, false, false]);
}

#[test]
fn a_waiter_is_told_by_the_call_whose_grant_got_no_answer() {
    let mut pool = Pool::new(1);
    let lease = pool.lease(poll("a", Some(1)), T);
    pool.acquire(queue("b", Some(1)), T);
    let mut first = true;
    pool.trouble = Box::new(move |table, request| {
        let write = matches!(request, Request::Transact(_)) && std::mem::take(&mut first);
        write.then(|| table.serve(request)).map(|_| Reply::Unknown)
    });
    let released = Ok(Released { lease: Some(lease.id.clone()), already: false });
    assert_eq!(pool.give_back(&lease, T), released);
    assert!(pool.has_a_lease("b"));
    assert_eq!(pool.slots()[0].held.as_ref().map(|held| held.open_token().is_some()), Some(false));
}

#[test]
fn a_copy_tells_what_its_holder_may_not_know() {
    let mut pool = granted_with(Delivery::Unknown);
    pool.delivery = Delivery::Delivered;
    pool.told.clear();
    pool.lease(queue("a", Some(1)), T + 1);
    assert!(pool.has_a_lease("a"));
    assert_eq!(pool.slots()[0].held.as_ref().map(|held| held.open_token().is_some()), Some(false));
    // Once that is confirmed, nobody is told again.
    pool.told.clear();
    pool.lease(queue("a", Some(1)), T + 2);
    assert_eq!(pool.heard("a"), []);
}

#[test]
fn only_a_sweep_tells_what_others_granted() {
    let mut pool = granted_with(Delivery::Unknown);
    pool.told.clear();
    pool.settings.limit = limit(2);
    pool.change(2, T + 1);
    assert_eq!(pool.heard("a"), []);
}

#[test]
fn who_joins_while_a_slot_is_freed_is_served() {
    let mut pool = Pool::new(1);
    let lease = pool.lease(poll("a", Some(1)), T);
    // A waiter that saw the slot held puts its place there just when it is freed.
    let mut late = Pool::new(0);
    late.acquire(queue("w", Some(1)), T);
    let mut rows = vec![Row::Holder(late.row_of("w")), Row::Wait(late.queue().remove(0))];
    pool.trouble = Box::new(move |table, request| {
        if request.writes().iter().any(|write| matches!(write.intent, Intent::Free(..))) {
            rows.drain(..).for_each(|row| table.put(row));
        }
        None
    });
    pool.asked.clear();
    pool.give_back(&lease, T);
    assert!(pool.has_a_lease("w"));
    let heads = pool.asked.iter().filter(|asked| matches!(asked, Request::Queue(_))).count();
    assert_eq!(heads, 2, "before it is freed, and after");
}

#[test]
fn what_can_not_be_handed_over_is_freed() {
    let mut pool = Pool::new(1);
    let lease = pool.lease(poll("a", Some(1)), T);
    pool.acquire(queue("w", Some(1)), T);
    pool.trouble = Box::new(|_, request| (request.writes().len() > 1).then_some(Reply::Conflict));
    let released = Ok(Released { lease: Some(lease.id.clone()), already: false });
    assert_eq!((pool.give_back(&lease, T), pool.held()), (released, 0));
}

#[test]
fn a_release_before_very_many_dead_waiters_frees_its_slot() {
    let mut pool = Pool::new(1);
    let lease = pool.lease(poll("a", Some(1)), T);
    for at in 0..40 {
        pool.acquire(queue(&format!("dead{at:02}"), Some(1)), T + at);
    }
    pool.delivery = Delivery::Closed;
    let released = Ok(Released { lease: Some(lease.id.clone()), already: false });
    assert_eq!((pool.give_back(&lease, T + 50), pool.held()), (released, 0));
    assert!(pool.queue().len() > 20, "a release is not a sweep");
}

#[test]
fn a_raise_wakes_as_many_as_there_are_slots() {
    let mut pool = Pool::new(0);
    for at in 0..200 {
        pool.acquire(queue(&format!("w{at:03}"), Some(1)), T + at);
    }
    // So many in one round of requests; the whole of a long backlog is a sweep's.
    pool.change(60, T + 300);
    assert_eq!((pool.held(), pool.has_a_lease("w059"), pool.has_a_lease("w060")), (60, true, false));
    pool.settings.high_water = Some(HighWaterRow { slots: 60, ..HighWaterRow::default() });
    pool.change(200, T + 301);
    assert!((160..200).contains(&pool.held()), "{}", pool.held());
}

#[test]
fn a_sweep_tells_what_its_holder_may_not_know() {
    let mut pool = granted_with(Delivery::Unknown);
    pool.delivery = Delivery::Delivered;
    pool.told.clear();
    assert_eq!(pool.sweep(T + 1), Tally { renotified: 1, ..Tally::default() });
    assert!(pool.has_a_lease("a"));
    assert_eq!(pool.sweep(T + 2), Tally::default());
}

#[test]
fn who_waited_too_long_is_failed_and_not_served() {
    for (served, after) in [(true, 999), (false, 1_000)] {
        let mut pool = Pool::new(1);
        pool.joined(AcquireRequest { wait: Some(Millis(1_000)), ..queue("a", Some(1)) }, T);
        let tally = pool.sweep(T + after);
        assert_eq!((tally.granted, tally.left), (u32::from(served), u32::from(!served)));
        assert_eq!(pool.has_a_lease("a"), served, "after {after} ms");
        let failed = pool.heard("a").contains(&TaskResult::Failed(FailureReason::WaitedTooLong));
        assert_eq!((failed, pool.held(), pool.queue().len()), (!served, usize::from(served), 0));
    }
}

#[test]
fn who_waited_too_long_is_failed_though_no_slot_is_free() {
    for (failed, after) in [(false, 999), (true, 1_000)] {
        let mut pool = Pool::new(0);
        pool.acquire(AcquireRequest { wait: Some(Millis(1_000)), ..queue("a", Some(1)) }, T);
        assert_eq!(pool.sweep(T + after).left, u32::from(failed), "after {after} ms");
        assert_eq!(pool.heard("a").len(), usize::from(failed));
    }
}

#[test]
fn a_slot_meant_for_who_waited_too_long_goes_to_the_next() {
    let mut pool = Pool::new(1);
    let lease = pool.lease(poll("a", Some(1)), T);
    pool.acquire(AcquireRequest { wait: Some(Millis(10)), ..queue("late", Some(1)) }, T);
    pool.acquire(queue("next", Some(1)), T + 1);
    pool.give_back(&lease, T + 10);
    assert!(pool.has_a_lease("next"));
    assert_eq!(pool.heard("late"), [TaskResult::Failed(FailureReason::WaitedTooLong)]);
}

#[test]
fn a_slot_that_is_given_back_goes_to_a_waiter_first() {
    let mut pool = Pool::new(3);
    let leases = ["a", "b", "c"].map(|name| pool.lease(poll(name, Some(1)), T));
    pool.acquire(queue("w", Some(1)), T);
    // The others have expired since: they are open too.
    let last = leases.iter().max_by_key(|lease| lease.id.slot.0).expect("three leases");
    pool.give_back(last, T + 400_000);
    assert_eq!(pool.holder_of(2).as_deref(), Some("w"));
}

#[test]
fn a_sweep_that_nobody_answers_still_grants_every_free_slot() {
    // More holders than one round tells do not know of their leases, and cannot be told.
    let mut pool = Pool::new(30);
    pool.delivery = Delivery::Unknown;
    for name in 0..30 {
        pool.acquire(queue(&format!("h{name}"), Some(1)), T);
    }
    pool.acquire(queue("w", Some(1)), T);
    pool.settings.limit = limit(31);
    pool.sweep(T + 1);
    assert_eq!(pool.holder_of(30).as_deref(), Some("w"));
}

#[test]
fn a_sweep_grants_before_it_fails_who_waited_too_long() {
    let mut pool = Pool::new(0);
    for name in 0..30 {
        pool.acquire(AcquireRequest { wait: Some(Millis(100)), ..queue(&format!("late{name}"), Some(1)) }, T + 1);
    }
    pool.acquire(queue("first", Some(1)), T);
    pool.settings.limit = limit(1);
    pool.sweep(T + 200);
    let granted = pool.asked.iter().position(|request| {
        let slot = |write: &Write| matches!(write.key, RowKey::Slot(_));
        request.writes().iter().any(slot)
    });
    let left = pool.asked.iter().position(|request| request.writes().iter().any(|write| write.intent == Intent::Leave));
    assert!(granted.is_some() && granted < left, "{granted:?} {left:?}");
    assert_eq!(pool.queue(), []);
}

#[test]
fn a_place_that_nobody_has_is_removed_by_a_sweep() {
    for limit in [0, 1] {
        let mut pool = Pool::new(limit);
        let ticket = Ticket { at: Timestamp(T), own: holder("nobody").hashed().own };
        pool.table.put(Row::Wait(nobody(ticket, T + 1)));
        assert_eq!(pool.sweep(T + 1).left, 1, "limit {limit}");
        assert_eq!((pool.queue(), pool.held()), (vec![], 0));
    }
}

#[test]
fn a_release_removes_a_place_that_nobody_has() {
    let mut pool = Pool::new(1);
    let lease = pool.lease(poll("a", Some(1)), T);
    let ticket = Ticket { at: Timestamp(T), own: holder("nobody").hashed().own };
    pool.table.put(Row::Wait(nobody(ticket, T + 900_000)));
    let released = Ok(Released { lease: Some(lease.id.clone()), already: false });
    assert_eq!((pool.give_back(&lease, T), pool.queue().len(), pool.held()), (released, 0, 0));
}

#[test]
fn a_task_found_closed_at_its_first_notice_costs_no_lease() {
    for life in [ExecutionStatus::Ended, ExecutionStatus::Running, ExecutionStatus::Unknown] {
        let mut pool = Pool::new(1);
        (pool.delivery, pool.status) = (Delivery::Closed, life);
        let outcome = pool.acquire(queue("a", Some(1)), T);
        assert_eq!(outcome, Err(Failure::Lost(LossReason::Ended)), "{life:?}");
        // Nobody is told a second time, as the task is known to be closed.
        assert_eq!((pool.held(), pool.heard("a").len(), pool.checked), (0, 1, 0), "{life:?}");
    }
}

#[test]
fn a_task_that_may_not_be_told_costs_no_lease() {
    let mut pool = Pool::new(1);
    pool.delivery = Delivery::Refused;
    assert_eq!(pool.acquire(queue("a", Some(1)), T), Err(Failure::NoticeRefused));
    assert_eq!(pool.held(), 0);
}

#[test]
fn a_task_that_another_tells_meanwhile_waits_for_that() {
    // Found closed by the caller that has its lease; before that gives it back, somebody is about to tell the task again.
    let mut pool = Pool::new(1);
    pool.delivery = Delivery::Closed;
    pool.trouble = Box::new(|table, request| {
        if request.writes().iter().any(|write| matches!(write.intent, Intent::Free(..))) {
            let mut row = table.slots().next().cloned().expect("a slot");
            row.held.as_mut().expect("a lease").notice = Notice::MaybeTold(TaskToken::new("a").expect("a token"));
            table.put(Row::Slot(row));
        }
        None
    });
    assert_eq!(pool.acquire(queue("a", Some(1)), T), Ok(AcquireOutcome::Queued));
    assert_eq!(pool.held(), 1);
}

#[test]
fn a_task_found_closed_later_costs_its_lease_only_if_it_ended() {
    let lives = [(ExecutionStatus::Ended, 0), (ExecutionStatus::Running, 1), (ExecutionStatus::Unknown, 1)];
    for ((life, held), later) in lives.iter().flat_map(|of| [(*of, Delivery::Closed), (*of, Delivery::Refused)]) {
        // The first notice gets no answer: it may have got through.
        let mut pool = granted_with(Delivery::Unknown);
        (pool.delivery, pool.status) = (later, life);
        pool.sweep(T + 1);
        assert_eq!(pool.held(), held, "{later:?}, {life:?}");
        assert!(pool.slots()[0].held.as_ref().is_none_or(|held| held.open_token().is_none()), "{later:?}, {life:?}");
    }
}

#[test]
fn a_throttled_notice_is_sent_again_by_its_granter() {
    let pool = granted_with(Delivery::NotSent);
    assert_eq!((pool.heard("a").len(), pool.held()), (4, 1));
    assert!(matches!(pool.slots()[0].held.as_ref().map(|held| &held.notice), Some(Notice::Untold(_))));
}

#[test]
fn a_grant_that_finds_its_execution_ended_goes_to_the_next() {
    let mut pool = Pool::new(1);
    let lease = pool.lease(poll("a", Some(1)), T);
    pool.acquire(queue("b", Some(1)), T);
    pool.acquire(queue("c", Some(1)), T + 1);
    (pool.delivery, pool.status) = (Delivery::Closed, ExecutionStatus::Ended);
    pool.give_back(&lease, T + 2);
    assert_eq!((pool.held(), pool.queue()), (0, vec![]));
    assert!(pool.has_a_lease("b") && pool.has_a_lease("c"), "each was tried");
    // Each once, as nobody needs to close a task that is known to be closed.
    assert_eq!((pool.heard("b").len(), pool.heard("c").len(), pool.checked), (1, 1, 0));
}

#[test]
fn nothing_is_taken_from_whose_task_may_be_open() {
    let mut pool = Pool::new(1);
    pool.delivery = Delivery::Unknown;
    pool.acquire(queue("a", Some(1)), T);
    pool.acquire(queue("b", Some(1)), T);
    // Its lease has expired, and it may yet be told: neither a sweep nor a caller takes the slot.
    pool.sweep(T + 400_000);
    assert_eq!(pool.holder_of(0).as_deref(), Some("a"));
    let outcome = pool.acquire(queue("c", Some(1)), T + 400_000);
    assert!(!matches!(outcome, Ok(AcquireOutcome::Acquired(_))), "{outcome:?}");
    assert_eq!(pool.holder_of(0).as_deref(), Some("a"));
    pool.delivery = Delivery::Closed;
    pool.sweep(T + 400_001);
    assert!(pool.has_a_lease("b") && pool.holder_of(0).is_none(), "it was granted, and found closed, too");
    assert!(pool.heard("a").contains(&TaskResult::Failed(FailureReason::Expired)));
}

#[test]
fn a_tally_counts_what_a_sweep_did() {
    let mut pool = Pool::new(3);
    pool.lease(poll("expired", Some(1)), T);
    pool.sweep(T + 304_999);
    assert_eq!(pool.held(), 1);
    assert_eq!(pool.sweep(T + 305_000), Tally { reclaimed: 1, ..Tally::default() });
    assert_eq!(pool.held(), 0);

    for name in ["a", "b", "c"] {
        pool.joined(queue(name, Some(1)), T + 400_000);
    }
    assert_eq!(pool.sweep(T + 400_001), Tally { granted: 3, ..Tally::default() });

    let mut pool = Pool::new(1);
    pool.lease(poll("expired", Some(1)), T);
    pool.acquire(queue("a", Some(1)), T);
    assert_eq!(pool.sweep(T + 305_000), Tally { granted: 1, reclaimed: 1, ..Tally::default() });
}

#[test]
fn a_tally_counts_what_came_due_while_long_work_was_asked_for() {
    let mut pool = Pool::new(1);
    pool.settings.longest_hold = Millis(4_000_000);
    pool.lease(poll("a", Some(1)), T);
    pool.acquire(AcquireRequest { wait: Some(Millis(252_500)), ..queue("late", Some(1)) }, T);
    (pool.status, pool.late) = (ExecutionStatus::Ended, 1_000);
    assert_eq!(pool.sweep(T + 250_000), Tally { freed: 1, left: 1, ..Tally::default() });

    // All slots are looked at once more, as one may lie above the limit.
    let mut pool = Pool::new(2);
    pool.settings.high_water = Some(HighWaterRow { slots: 3, ..HighWaterRow::default() });
    pool.settings.longest_hold = Millis(4_000_000);
    let before = pool.lease(poll("before", Some(1)), T);
    pool.lease(poll("a", Some(1)), T);
    pool.acquire(AcquireRequest { mode: Mode::Queue(None), ..poll("short", Some(1)) }, T);
    pool.give_back(&before, T + 246_000);
    pool.acquire(queue("w1", Some(1)), T + 246_000);
    pool.acquire(queue("w2", Some(1)), T + 246_001);
    (pool.status, pool.late) = (ExecutionStatus::Ended, 3_000);
    let tally = pool.sweep(T + 250_000);
    assert_eq!(tally, Tally { granted: 2, reclaimed: 1, freed: 1, ..Tally::default() });
}

#[test]
fn a_tally_counts_long_work() {
    let mut pool = Pool::new(30);
    pool.settings.longest_hold = Millis(4_000_000);
    for name in 0..25 {
        pool.lease(poll(&format!("h{name}"), Some(1)), T);
    }
    assert_eq!(pool.sweep(T + 250_000), Tally { extended: 25, ..Tally::default() });
    for name in 25..30 {
        pool.lease(poll(&format!("h{name}"), Some(1)), T + 250_000);
    }
    pool.acquire(queue("w", Some(1)), T + 500_000);
    // One of those that it frees has a successor.
    pool.status = ExecutionStatus::Ended;
    let tally = pool.sweep(T + 500_000);
    assert_eq!(tally, Tally { granted: 1, freed: 30, ..Tally::default() });
    assert_eq!(pool.held(), 1);
}

#[test]
fn a_sweep_says_when_there_is_more() {
    let mut pool = Pool::new(0);
    for name in 0..450 {
        let ask = AcquireRequest { wait: Some(Millis(1)), ..queue(&format!("w{name}"), Some(1)) };
        pool.acquire(ask, T);
    }
    let tally = pool.sweep(T + 1_000);
    assert!(tally.more && tally.left >= 100, "{tally:?}");
    assert_eq!(pool.queue().len(), 450 - tally.left as usize);
    while pool.sweep(T + 1_000).left > 0 {}
    assert!(!pool.sweep(T + 1_000).more);
    assert_eq!(pool.queue(), []);
}

#[test]
fn a_summary_counts_leases_that_last_and_who_waits() {
    let mut pool = Pool::new(2);
    pool.lease(poll("a", Some(1)), T);
    pool.lease(poll("b", Some(1)), T + 1_000);
    for name in 0..101 {
        pool.acquire(queue(&format!("w{name}"), Some(1)), T + 2_000 + name);
    }
    let summary = |pool: &Pool| {
        let row = pool.table.row(RowKey::Summary).cloned();
        if let Some(Row::Summary(row)) = row { row } else { panic!("{row:?}") }
    };
    // Nothing can be done for who waits while the pool is full.
    assert!(!pool.sweep(T + 300_999).more);
    let expected = SummaryRow {
        at: Timestamp(T + 300_999),
        limit: limit(2),
        held: 1,
        waiting: 100,
        waiting_more: true,
        waiting_since: Some(Timestamp(T + 2_000)),
    };
    assert_eq!(summary(&pool), expected);
    pool.sweep(T + 301_000);
    assert_eq!(summary(&pool), SummaryRow { at: Timestamp(T + 301_000), held: 0, ..expected });

    let mut pool = Pool::new(2);
    pool.lease(poll("a", Some(1)), T);
    pool.sweep(T + 1);
    let waiting = SummaryRow { at: Timestamp(T + 1), waiting: 0, waiting_more: false, waiting_since: None, ..expected };
    assert_eq!(summary(&pool), waiting);
}

#[test]
fn who_polls_is_told_how_many_hold_and_wait() {
    let mut pool = Pool::new(2);
    pool.lease(poll("a", Some(1)), T);
    pool.lease(poll("b", Some(1)), T + 1_000);
    pool.acquire(queue("w", Some(1)), T);
    for (at, expected) in [(T + 299_999, 2), (T + 300_000, 1)] {
        let outcome = pool.acquire(poll("c", Some(1)), at);
        let Ok(AcquireOutcome::Wait(RetryAdvice { held, waiting, waiting_more, .. })) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!((held, waiting, waiting_more), (expected, 1, false));
    }
}

#[test]
fn who_is_not_told_by_its_own_call_is_failed_by_it() {
    for delivery in [Delivery::Unknown, Delivery::NotSent] {
        let mut pool = Pool::new(1);
        pool.delivery = delivery;
        assert_eq!(pool.acquire(queue("a", Some(1)), T), Err(Failure::TasksUnavailable));
        // Its retry takes the slot over in place.
        pool.delivery = Delivery::Delivered;
        let lease = pool.lease(task("a", "another", Some(2)), T + 1);
        assert_eq!((lease.id.slot.0, lease.id.fence.0), (0, 2));
    }
}

/// A pool of one slot that was granted to `a` from the queue, whose first notice fared so.
fn granted_with(delivery: Delivery) -> Pool {
    let mut pool = Pool::new(1);
    let lease = pool.lease(poll("before", Some(1)), T);
    assert_eq!(pool.acquire(queue("a", Some(1)), T), Ok(AcquireOutcome::Queued));
    pool.delivery = delivery;
    assert!(pool.give_back(&lease, T).is_ok());
    pool
}

/// A place whose holder's row does not wait there.
fn nobody(ticket: Ticket, give_up_at: u64) -> WaitRow {
    WaitRow {
        ticket,
        holder: holder("nobody"),
        attempt: Attempt::default(),
        give_up_at: Timestamp(give_up_at),
        token: None,
        lease: Millis::seconds(300),
        label: None,
    }
}
