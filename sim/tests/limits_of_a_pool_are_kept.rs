//! The longest lease, wait and hold, and the limit: does anybody ever get more than the pool gives?

#![allow(unused_must_use, reason = "a script's steps are judged by what they leave behind")]

mod scripted_pool;

use leasehold_core::{
    AcquireOutcome, AcquireRequest, Delivery, ExecutionStatus, Failure, HighWaterRow, Intent, LossReason, Lowered,
    Millis, OverrideRow, PoolRow, Released, Renewed, Reply, Request, Row, SetLimitOutcome, Timestamp,
};
use scripted_pool::{Pool, T, limit, poll, queue, task};

#[test]
fn nobody_gets_a_longer_lease_than_the_pool_gives() {
    let long = AcquireRequest { lease: Some(Millis(9_000_000)), ..poll("a", Some(1)) };
    assert_eq!(Pool::new(1).lease(long, T).expires_at, Timestamp(T + 300_000));
    let short = AcquireRequest { lease: Some(Millis(2_000)), ..poll("a", Some(1)) };
    assert_eq!(Pool::new(1).lease(short, T).expires_at, Timestamp(T + 2_000));
}

#[test]
fn nobody_waits_longer_than_the_pool_lets() {
    let mut pool = Pool::new(0);
    pool.acquire(AcquireRequest { wait: Some(Millis(u64::MAX / 2)), ..queue("a", Some(1)) }, T);
    assert_eq!(pool.queue()[0].give_up_at, Timestamp(T) + pool.settings.longest_wait);
    pool.acquire(AcquireRequest { wait: Some(Millis(1)), ..queue("b", Some(1)) }, T + 1);
    assert_eq!(pool.queue()[1].give_up_at, Timestamp(T + 2));
}

#[test]
fn nobody_renews_for_longer_than_the_pool_gives() {
    let mut pool = Pool::new(1);
    let lease = pool.lease(poll("a", Some(1)), T);
    for (longer, expected) in [(Some(9_000_000), T + 300_001), (None, T + 300_001)] {
        let renewed = Ok(Renewed { id: lease.id.clone(), expires_at: Timestamp(expected) });
        assert_eq!(pool.renew(&lease, longer, T + 1), renewed);
    }
    let mut pool = Pool::new(1);
    let lease = pool.lease(AcquireRequest { lease: Some(Millis(10)), ..poll("a", Some(1)) }, T);
    let renewed = Ok(Renewed { id: lease.id.clone(), expires_at: Timestamp(T + 51) });
    assert_eq!(pool.renew(&lease, Some(50), T + 1), renewed);
}

#[test]
fn a_renewal_that_changes_nothing_says_how_the_lease_stands() {
    let mut pool = Pool::new(1);
    let lease = pool.lease(poll("a", Some(1)), T);
    // Somebody was told already that it lasts longer.
    let stays = Ok(Renewed { id: lease.id.clone(), expires_at: lease.expires_at });
    assert_eq!(pool.renew(&lease, Some(50), T + 1), stays);
    pool.give_back(&lease, T + 2);
    assert_eq!(pool.renew(&lease, None, T + 3), Err(Failure::Lost(LossReason::Ended)));
    pool.lease(poll("b", Some(1)), T + 4);
    assert_eq!(pool.renew(&lease, None, T + 5), Err(Failure::Lost(LossReason::Taken)));
}

#[test]
fn a_sweep_never_extends_past_the_longest_hold() {
    let mut pool = Pool::new(1);
    pool.settings.longest_hold = Millis(400_000);
    pool.acquire(poll("a", Some(1)), T);
    pool.sweep(T + 250_000);
    let ends = |pool: &Pool| pool.slots()[0].held.as_ref().map(|held| held.expires_at);
    assert_eq!(ends(&pool), Some(Timestamp(T + 400_000)));
    pool.sweep(T + 399_999);
    assert_eq!(ends(&pool), Some(Timestamp(T + 400_000)));
}

#[test]
fn a_sweep_extends_by_one_lease_at_most() {
    let mut pool = Pool::new(1);
    pool.settings.longest_hold = Millis(4_000_000);
    pool.acquire(poll("a", Some(1)), T);
    pool.sweep(T + 250_000);
    assert_eq!(pool.slots()[0].held.as_ref().map(|held| held.expires_at), Some(Timestamp(T + 550_000)));
}

#[test]
fn a_sweep_looks_after_what_ends_before_the_next_two() {
    for (after, extended) in [(180_000, 0), (180_001, 1), (304_999, 1), (305_000, 0)] {
        let mut pool = Pool::new(1);
        pool.settings.longest_hold = Millis(4_000_000);
        pool.acquire(poll("a", Some(1)), T);
        assert_eq!(pool.sweep(T + after).extended, extended, "after {after} ms");
    }
}

#[test]
fn a_sweep_frees_who_has_ended_and_nobody_it_knows_not_of() {
    for (life, held) in [(ExecutionStatus::Running, 1), (ExecutionStatus::Unknown, 1), (ExecutionStatus::Ended, 0)] {
        let mut pool = Pool::new(1);
        pool.settings.longest_hold = Millis(4_000_000);
        pool.acquire(poll("a", Some(1)), T);
        pool.status = life;
        pool.sweep(T + 250_000);
        assert_eq!(pool.held(), held, "{life:?}");
    }
}

#[test]
fn who_was_found_ended_and_renewed_its_lease_meanwhile_keeps_it() {
    for renews in [false, true] {
        let mut pool = Pool::new(1);
        pool.joined(queue("a", Some(1)), T);
        pool.delivery = Delivery::Unknown;
        pool.sweep(T + 1);
        assert_eq!(pool.held(), 1, "whether its task was told is not known");
        (pool.delivery, pool.status) = (Delivery::Closed, ExecutionStatus::Ended);
        // It was redriven after it was asked about, and before its lease is given back.
        pool.trouble = Box::new(move |table, request| {
            let frees = request.writes().iter().any(|write| matches!(write.intent, Intent::Free(..)));
            let row = table.slots().next().cloned();
            if let Some(mut row) = row.filter(|_| frees && renews) {
                row.held.as_mut().expect("its lease").renewed_at = Some(Timestamp(T + 10));
                table.put(Row::Slot(row));
            }
            None
        });
        pool.sweep(T + 20);
        assert_eq!(pool.held(), usize::from(renews));
    }
}

#[test]
fn a_sweep_extends_as_much_long_work_as_there_is() {
    let mut pool = Pool::new(1_000);
    pool.settings.longest_hold = Millis(4_000_000);
    (0..1_000).for_each(|slot| pool.hold(slot, &format!("run-{slot}"), T + 300_000));
    let swept = pool.sweep(T + 250_000);
    assert_eq!((swept.extended, swept.missed, swept.more), (1_000, 0, false));
    assert!(pool.slots().iter().all(|row| row.held.as_ref().is_some_and(|it| it.expires_at == Timestamp(T + 550_000))));
}

#[test]
fn a_sweep_counts_what_no_later_one_can_extend() {
    const RUN: &str = "arn:aws:states:eu-central-1:123456789012:execution:nightly:7";
    // A sweep comes every minute.
    for (ends_after, execution, missed) in
        [(59_999, RUN, 1), (60_000, RUN, 0), (59_999, "a laptop", 0), (59_999, "arn:aws:states:e:1:express:n:7:1", 0)]
    {
        let mut pool = Pool::new(1);
        pool.settings.longest_hold = Millis(4_000_000);
        pool.hold(0, execution, T + 250_000 + ends_after);
        pool.status = ExecutionStatus::Unknown;
        assert_eq!(pool.sweep(T + 250_000).missed, missed, "{execution} ends after {ends_after} ms");
    }
    // It is known to run, but that can not be written.
    for (reply, missed) in [(Reply::Throttled, 1), (Reply::Refused(vec![]), 0)] {
        let mut pool = Pool::new(1);
        pool.settings.longest_hold = Millis(4_000_000);
        pool.hold(0, RUN, T + 300_000);
        let extends = |request: &Request| request.writes().iter().any(|write| write.intent == Intent::Extend);
        pool.trouble = Box::new(move |_, request| extends(request).then(|| reply.clone()));
        assert_eq!(pool.sweep(T + 250_000).missed, missed);
    }
}

#[test]
fn a_sweep_counts_work_at_the_end_of_the_longest_hold() {
    for (life, after, outlasted) in [
        (ExecutionStatus::Running, 340_001, 1),
        // The next sweep sees it too.
        (ExecutionStatus::Running, 340_000, 0),
        (ExecutionStatus::Unknown, 340_001, 0),
        (ExecutionStatus::Ended, 340_001, 0),
    ] {
        let mut pool = Pool::new(1);
        pool.settings.longest_hold = Millis(400_000);
        pool.hold(0, "a", T + 400_000);
        pool.status = life;
        assert_eq!(pool.sweep(T + after).outlasted, outlasted, "{life:?} after {after} ms");
        assert!(!pool.asked.iter().flat_map(Request::writes).any(|write| write.intent == Intent::Extend));
    }
}

#[test]
fn no_caller_meets_only_the_last_few_slots() {
    // Windows of 16 and of 48 slots leave a few of a hundred over, and these are taken.
    for entropy in 0..500 {
        let mut pool = Pool::new(100);
        (84..100).for_each(|slot| pool.hold(slot, &format!("run-{slot}"), T + 300_000));
        pool.entropy = entropy;
        pool.lease(poll("a", None), T);
    }
}

#[test]
fn a_sweep_extends_nothing_that_another_may_take_by_now() {
    for (after, extended) in [(303_999, 1), (304_000, 0)] {
        let mut pool = Pool::new(1);
        pool.settings.longest_hold = Millis(4_000_000);
        pool.acquire(poll("a", Some(1)), T);
        // When the pool was settled the lease was still within its grace; when long work is looked after, it is not.
        pool.late = 500;
        assert_eq!(pool.sweep(T + after).extended, extended, "after {after} ms");
    }
}

#[test]
fn a_lease_that_is_gone_is_known_to_be_while_a_limit_is_lowered() {
    let mut pool = Pool::new(1);
    let lease = pool.lease(poll("a", Some(1)), T);
    pool.settings.lowered = Some(Lowered { from: limit(2), at: Timestamp(T) });
    let released = |already| Ok(Released { lease: Some(lease.id.clone()), already });
    assert_eq!(pool.give_back(&lease, T + 1), released(false));
    assert_eq!(pool.give_back(&lease, T + 2), released(true));
    pool.settings.lowered = None;
    pool.lease(poll("b", Some(1)), T + 3);
    pool.settings.lowered = Some(Lowered { from: limit(2), at: Timestamp(T) });
    assert_eq!((pool.give_back(&lease, T + 4), pool.held()), (released(true), 1));
}

#[test]
fn without_a_longest_hold_a_sweep_extends_nothing() {
    let mut pool = Pool::new(1);
    pool.acquire(poll("a", Some(1)), T);
    assert_eq!(pool.sweep(T + 250_000).extended, 0);
    assert_eq!(pool.slots()[0].held.as_ref().map(|held| held.expires_at), Some(Timestamp(T + 300_000)));
}

#[test]
fn a_change_is_dated_after_the_one_before() {
    let mut pool = Pool::new(3);
    let mut ats = vec![];
    for limit in [2, 1] {
        pool.change(limit, T);
        ats.push(pool.live_limit().at);
    }
    assert!(ats[0] < ats[1], "{ats:?}");
    pool.change(2, T + 10);
    assert_eq!(pool.live_limit().at, Timestamp(T + 10));
}

#[test]
fn a_change_keeps_the_highest_limit_still_in_use() {
    let mut pool = Pool::new(3);
    for (limit, from) in [(2, 3), (1, 3), (2, 3)] {
        let outcome = pool.change(limit, T);
        assert!(matches!(outcome, Ok(SetLimitOutcome::Set(_))), "{outcome:?}");
        assert_eq!(pool.live_limit().lowered.map(|lowered| lowered.from.count()), Some(from), "to {limit}");
    }
    pool.change(4, T);
    assert_eq!(pool.live_limit().lowered, None);
}

#[test]
fn a_lowering_grants_only_what_old_settings_leave() {
    let mut pool = Pool::new(3);
    for name in ["a", "b", "c"] {
        pool.joined(queue(name, Some(1)), T);
    }
    // The third slot counts as held until everyone surely follows the new limit.
    pool.change(2, T + 1);
    assert_eq!(pool.held(), 1);
}

#[test]
fn a_change_settles_by_the_pools_own_rules() {
    let mut pool = Pool::new(1);
    pool.settings.tombstone = Millis(5);
    pool.lease(poll("a", Some(1)), T);
    pool.acquire(queue("b", Some(1)), T);
    pool.change(2, T + 305_000);
    assert!(pool.has_a_lease("b"));
    assert_eq!((pool.has_a_lease("a"), pool.row_of("a").ttl), (false, Timestamp(T + 301_000)));

    pool.settings.tries = 1;
    pool.trouble = Box::new(|_, request| (matches!(request, Request::Slots(..))).then_some(Reply::Throttled));
    pool.asked.clear();
    pool.change(1, T + 305_000);
    assert_eq!(pool.asked.iter().filter(|request| matches!(request, Request::Slots(..))).count(), 2);
}

#[test]
fn a_change_made_meanwhile_is_not_overwritten() {
    let mut pool = Pool::new(5);
    let mut first = true;
    // Another operator is quicker, between this one's look and its write.
    pool.trouble = Box::new(move |table, request| {
        if !request.writes().is_empty() && std::mem::take(&mut first) {
            let lowered = Some(Lowered { from: limit(5), at: Timestamp(T) });
            let (who, why) = ("other".into(), "other".into());
            table.put(Row::Override(OverrideRow { limit: limit(1), lowered, at: Timestamp(T), until: None, who, why }));
        }
        None
    });
    let outcome = pool.change(3, T + 1);
    assert!(matches!(outcome, Ok(SetLimitOutcome::Set(changed)) if (changed.from, changed.to) == (limit(1), limit(3))));
    assert_eq!(pool.live_limit().lowered.map(|lowered| lowered.from), Some(limit(5)));
}

#[test]
fn a_pool_without_settings_has_no_limit_to_change() {
    let mut pool = Pool::new(1);
    pool.table.retain(|_| false);
    assert_eq!(pool.change(2, T), Err(Failure::PoolNotFound));
    let mut wrong = PoolRow::new(limit(1));
    wrong.lease = Some(Millis(0));
    pool.table.put(Row::Pool(wrong));
    let outcome = pool.change(2, T);
    assert!(matches!(outcome, Err(Failure::PoolMisconfigured(_))), "{outcome:?}");
}

#[test]
fn above_a_lowered_limit_nobody_goes_on() {
    let mut pool = Pool::new(2);
    let leases = ["a", "b"].map(|name| (name, pool.lease(poll(name, Some(1)), T)));
    let (name, _) = leases.iter().max_by_key(|(_, lease)| lease.id.slot.0).expect("two leases");
    pool.settings.limit = limit(1);
    // The same attempt may have had its lease; a newer one waits like everybody else.
    let outcome = pool.acquire(poll(name, Some(1)), T + 300_000);
    assert_eq!(outcome, Err(Failure::Lost(LossReason::Ended)));
    let outcome = pool.acquire(poll(name, Some(2)), T + 300_000);
    assert!(matches!(outcome, Ok(AcquireOutcome::Wait(_))), "{outcome:?}");
    assert_eq!((pool.holder_of(1), pool.held()), (None, 1));

    // Also where a caller believes that there is no slot above the limit.
    for slots in [2, 1] {
        let mut pool = Pool::new(2);
        let leases = ["a", "b"].map(|name| (name, pool.lease(queue(name, Some(1)), T)));
        let (name, _) = leases.iter().max_by_key(|(_, lease)| lease.id.slot.0).expect("two leases");
        pool.settings.limit = limit(1);
        pool.settings.high_water = Some(HighWaterRow { slots, ..HighWaterRow::default() });
        assert_eq!(pool.acquire(task(name, "newer", Some(2)), T + 1), Ok(AcquireOutcome::Queued));
        assert_eq!((pool.holder_of(1), pool.held(), pool.queue().len()), (None, 1, 1));
    }
}
