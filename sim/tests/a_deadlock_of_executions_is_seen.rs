//! Executions that hold every slot and wait for others that ask the same pool: is the deadlock seen, and nothing else?

#![allow(clippy::expect_used, reason = "a test that cannot go on says why")]

mod scripted_pool;

use leasehold_core::{AcquireRequest, Effect, HeldByAncestors, Holder, Lowered, Reply, Request, RowKey, Timestamp};
use scripted_pool::{Pool, T, branch, holder, item, limit, poll, queue};

/// Asks and waits, as what this execution started or one of its items.
fn child(name: &str, of: &str) -> AcquireRequest {
    AcquireRequest { holder: item(name, "", of), ..queue(name, Some(T + 1)) }
}

/// What the operation before saw, by which a caller that polls would be told the same.
fn seen(pool: &Pool, asks: Option<&Holder>, now: u64) -> Option<HeldByAncestors> {
    pool.watch.found(pool.settings.limit, asks, Timestamp(now))
}

/// Who waits behind whom, as a sweep sees it.
fn swept(pool: &mut Pool, now: u64) -> Option<(String, String)> {
    pool.sweep(now);
    seen(pool, None, now).map(|found| (found.waiter.to_string(), found.ancestor.to_string()))
}

fn names(waiter: &Holder, ancestor: &Holder) -> Option<(String, String)> {
    Some((waiter.to_string(), ancestor.to_string()))
}

#[test]
fn a_child_behind_its_parents_only_slot_is_seen_at_once() {
    let mut pool = Pool::new(1);
    let lease = pool.lease(queue("parent", Some(T)), T);
    pool.acquire(child("child", "parent"), T + 1).expect("a place");
    let found = seen(&pool, None, T + 1).expect("a deadlock");
    let expected = HeldByAncestors {
        waiter: item("child", "", "parent"),
        ancestor: holder("parent"),
        waiters: 1,
        held: 1,
        until: lease.expires_at,
    };
    assert_eq!(found, expected);
    // And by every sweep, until it is over.
    assert_eq!(swept(&mut pool, T + 2), names(&expected.waiter, &expected.ancestor));
    pool.give_back(&lease, T + 3).expect("a release");
    assert_eq!(swept(&mut pool, T + 4), None);
}

#[test]
fn a_child_that_polls_is_seen_too() {
    let mut pool = Pool::new(1);
    pool.lease(poll("parent", Some(T)), T);
    let child = AcquireRequest { holder: item("child", "7", "parent"), ..poll("child", Some(T + 1)) };
    pool.acquire(child.clone(), T + 1).expect("an answer");
    assert_eq!(seen(&pool, None, T + 1), None);
    assert_eq!(seen(&pool, Some(&child.holder), T + 1).map(|found| found.ancestor), Some(holder("parent")));
}

#[test]
fn as_many_parents_as_slots_wait_for_their_children() {
    let mut pool = Pool::new(3);
    for parent in ["a", "b", "c"] {
        pool.lease(queue(parent, Some(T)), T);
    }
    for (name, of) in [("of-a", "a"), ("of-b", "b"), ("again-of-b", "b")] {
        pool.acquire(child(name, of), T + 1).expect("a place");
        // The third parent may still give its lease back.
        assert_eq!(swept(&mut pool, T + 2), None);
    }
    pool.acquire(child("of-c", "c"), T + 3).expect("a place");
    assert!(swept(&mut pool, T + 4).is_some());
    assert_eq!(seen(&pool, None, T + 4).map(|found| (found.waiters, found.held)), Some((4, 3)));
}

#[test]
fn an_ancestor_is_known_through_those_that_hold_or_wait() {
    let mut pool = Pool::new(2);
    pool.lease(queue("grandparent", Some(T)), T);
    pool.lease(child("parent", "grandparent"), T + 1);
    pool.acquire(child("child", "parent"), T + 2).expect("a place");
    let found = seen(&pool, None, T + 2).expect("a deadlock");
    assert_eq!((found.ancestor, found.held), (item("parent", "", "grandparent"), 2));
}

#[test]
fn waiting_for_others_is_no_deadlock() {
    // For the other items of its own map run, for another branch of its execution, for strangers.
    let others = [
        AcquireRequest { holder: item("sibling", "", "parent"), ..queue("sibling", Some(T)) },
        branch("child", 1, queue("branch", Some(T))),
        queue("stranger", Some(T)),
    ];
    for other in others {
        let mut pool = Pool::new(1);
        pool.lease(other, T);
        pool.acquire(child("child", "parent"), T + 1).expect("a place");
        assert_eq!(seen(&pool, None, T + 1), None);
        assert_eq!(swept(&mut pool, T + 2), None);
    }
}

#[test]
fn a_lease_that_ends_by_itself_ends_the_deadlock() {
    let mut pool = Pool::new(1);
    let lease = pool.lease(queue("parent", Some(T)), T);
    pool.acquire(child("child", "parent"), T + 1).expect("a place");
    let end = lease.expires_at.0;
    assert!(swept(&mut pool, end - 1).is_some());
    assert_eq!(swept(&mut pool, end), None);
    let grace = pool.settings.grace.0;
    assert_eq!(swept(&mut pool, end + grace), None);
    assert_eq!(pool.holder_of(0).as_deref(), Some("child"));
}

#[test]
fn a_slot_above_a_lowered_limit_may_still_come_back() {
    let mut pool = Pool::new(2);
    pool.lease(queue("stranger", Some(T)), T);
    pool.lease(queue("parent", Some(T)), T);
    let stranger = usize::from(pool.holder_of(0).as_deref() != Some("stranger"));
    pool.settings.lowered = Some(Lowered { from: pool.settings.limit, at: Timestamp(T + 1) });
    pool.settings.limit = limit(1);
    pool.acquire(child("child", "parent"), T + 2).expect("a place");
    assert_eq!(swept(&mut pool, T + 3), None);
    pool.hold(u32::try_from(stranger).expect("a slot"), "parent", T + 60_000);
    assert!(swept(&mut pool, T + 4).is_some());
}

#[test]
fn a_drained_pool_is_no_deadlock() {
    let mut pool = Pool::new(1);
    pool.lease(queue("parent", Some(T)), T);
    pool.settings.limit = limit(0);
    pool.acquire(child("child", "parent"), T + 1).expect("a place");
    assert_eq!(swept(&mut pool, T + 2), None);
}

#[test]
fn parents_in_a_circle_are_followed_once() {
    let mut pool = Pool::new(1);
    pool.lease(child("a", "b"), T);
    pool.acquire(child("b", "a"), T + 1).expect("a place");
    assert_eq!(seen(&pool, None, T + 1).map(|found| found.ancestor), Some(item("a", "", "b")));
}

#[test]
fn what_was_seen_before_a_slot_changed_counts_no_more() {
    let mut pool = Pool::new(1);
    pool.lease(queue("parent", Some(T)), T);
    let to_slot = |request: &&Request| request.writes().iter().any(|write| matches!(write.key, RowKey::Slot(_)));
    let claim = Effect::Request(pool.asked.iter().find(to_slot).expect("a claim").clone());
    pool.acquire(child("child", "parent"), T + 1).expect("a place");
    let replies = [Reply::Written, Reply::Unknown, Reply::Refused(vec![]), Reply::Conflict, Reply::Throttled];
    let still = replies.map(|reply| {
        let mut watch = pool.watch.clone();
        watch.saw(&claim, &reply.into());
        watch.found(pool.settings.limit, None, Timestamp(T + 1)).is_some()
    });
    assert_eq!(still, [false, false, true, true, true]);
}
