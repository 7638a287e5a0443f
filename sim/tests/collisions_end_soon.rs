//! Callers that are refused: do they go on with what the refusal showed, and give in before long?

#![allow(clippy::expect_used, clippy::panic, reason = "a test that can not set itself up has failed")]

mod scripted_pool;

use leasehold_core::{
    AcquireOutcome, Delivery, Fence, Intent, Refusal, ReleaseTarget, Released, Reply, Request, Row, Slot, SlotRow,
};
use scripted_pool::{Pool, T, holder, poll, queue};

fn claims(request: &Request) -> bool {
    request.writes().iter().any(|write| matches!(write.intent, Intent::Claim(..)))
}

#[test]
fn a_repeat_goes_on_with_the_row_that_its_refusal_brought_back() {
    let mut pool = Pool::new(2);
    let lease = pool.lease(poll("a", Some(1)), T);
    pool.asked.clear();
    assert_eq!(pool.lease(poll("a", Some(1)), T + 1), lease);
    let looks = pool.asked.iter().filter(|asked| matches!(asked, Request::Queue(_) | Request::Slots(..))).count();
    assert_eq!(looks, 2, "the queue and the slots are read once");
}

#[test]
fn who_is_beaten_to_a_slot_sees_that_it_is_taken() {
    let mut pool = Pool::new(1);
    let mut other = Pool::new(1);
    other.lease(poll("other", Some(1)), T);
    let taken = other.slots().remove(0);
    pool.trouble = Box::new(move |table, request| {
        if claims(request) {
            table.put(Row::Slot(taken.clone()));
        }
        None
    });
    let outcome = pool.acquire(poll("a", Some(1)), T);
    assert!(matches!(outcome, Ok(AcquireOutcome::Wait(_))), "{outcome:?}");
    assert_eq!(pool.asked.iter().filter(|asked| claims(asked)).count(), 1);
}

#[test]
fn who_finds_a_slot_folded_away_sees_that_it_is_not_there() {
    let mut pool = Pool::new(2);
    for slot in 0..2 {
        pool.table.put(Row::Slot(SlotRow { slot: Slot(slot), fence: Fence(5), held: None }));
    }
    let mut first = true;
    pool.trouble = Box::new(move |table, request| {
        if claims(request) && std::mem::take(&mut first) {
            table.retain(|row| !matches!(row, Row::Slot(_)));
        }
        None
    });
    pool.lease(poll("a", Some(1)), T);
    let claimed: Vec<_> = pool.asked.iter().filter(|asked| claims(asked)).map(|asked| asked.writes()[0].key).collect();
    // The one that is known to be gone is taken anew, or the other is found gone too.
    assert!(claimed.len() <= 3, "{claimed:?}");
    // What is not there any more has not the fence that was read: how high it went, the mark tells alone.
    assert!(claimed.len() > 1, "a slot that is gone was taken for the free one that was read");
}

#[test]
fn a_grant_that_is_always_refused_is_tried_a_few_times() {
    let mut pool = Pool::new(1);
    pool.settings.tries = 3;
    let lease = pool.lease(poll("a", Some(1)), T);
    pool.acquire(queue("w", Some(1)), T).expect("a place");
    let granted = |request: &Request| request.writes().iter().any(|write| matches!(write.intent, Intent::Grant(..)));
    // Somebody else changes the slot again and again.
    pool.trouble = Box::new(move |_, request| {
        granted(request).then(|| Reply::Refused(request.writes().iter().map(|_| Refusal::Passed).collect()))
    });
    pool.give_back(&lease, T).expect("it is freed");
    // As often as any call tries; and once more, as somebody waits for what is free now.
    assert_eq!((pool.held(), pool.asked.iter().filter(|asked| granted(asked)).count()), (0, 4));
}

#[test]
fn who_collides_too_often_waits_as_if_the_pool_were_full() {
    for tries in [1, 3, 8] {
        let mut pool = Pool::new(1);
        pool.settings.tries = tries;
        // Somebody takes the slot and gives it back, between every look and its write.
        pool.trouble = Box::new(|table, request| {
            if claims(request) {
                let row = table.slots().next().cloned();
                let fence = row.map_or(Fence(0), |row| row.fence).next();
                table.put(Row::Slot(SlotRow { slot: Slot(0), fence, held: None }));
            }
            None
        });
        let outcome = pool.acquire(poll("a", Some(1)), T);
        assert!(matches!(outcome, Ok(AcquireOutcome::Wait(_))), "{outcome:?}");
        assert_eq!(pool.asked.iter().filter(|asked| claims(asked)).count(), usize::from(tries) + 1);
        // Who joins the queue needs no luck: the slot is granted from there.
        assert_eq!(pool.acquire(queue("b", Some(1)), T), Ok(AcquireOutcome::Queued));
        assert!(pool.has_a_lease("b") && pool.queue().is_empty());
    }
}

#[test]
fn a_late_release_by_name_fails_nobody_elses_task() {
    let mut pool = Pool::new(1);
    let lease = pool.lease(poll("a", Some(1)), T);
    pool.acquire(queue("b", Some(1)), T).expect("a place");
    pool.delivery = Delivery::Unknown;
    pool.give_back(&lease, T).expect("it is given back");
    let gone = Ok(Released { lease: Some(lease.id), already: true });
    assert_eq!(pool.release(ReleaseTarget::Holder(holder("a"), None), T), gone);
    // It may not know of its lease yet, and its task is left as it is.
    assert!(pool.heard("b").len() == 1 && pool.has_a_lease("b"), "{:?}", pool.heard("b"));
    assert_eq!(pool.holder_of(0).as_deref(), Some("b"));
}

/// A sweep of a pool in which of the grants that are tried together one is written and the others come to this: what it
/// granted.
fn swept_while_others_fail(tries: u8, fails: impl Fn(&Request) -> Reply + 'static) -> u32 {
    let mut pool = Pool::new(60);
    pool.settings.tries = tries;
    for at in 1..=60 {
        pool.joined(queue(&format!("holder-{at:02}"), Some(1)), T + at);
    }
    let mut granted = false;
    pool.trouble = Box::new(move |_, request| {
        let grants = request.writes().iter().any(|write| matches!(write.intent, Intent::Grant(..)));
        match std::mem::replace(&mut granted, grants) {
            true if grants => Some(fails(request)),
            _ => None,
        }
    });
    pool.sweep(T + 100).granted
}

#[test]
fn a_sweep_on_a_busy_table_tries_a_few_times_though_it_gets_on() {
    for tries in [1, 3, 8] {
        assert_eq!(swept_while_others_fail(tries, |_| Reply::Throttled), u32::from(tries) + 1);
    }
}

#[test]
fn a_sweep_that_gets_on_among_others_ends_all_the_same() {
    let refused = |request: &Request| Reply::Refused(request.writes().iter().map(|_| Refusal::Passed).collect());
    // Sixteen rounds of which each gets something done; then each is a try.
    assert_eq!([1, 3].map(|tries| swept_while_others_fail(tries, refused)), [18, 20]);
}

#[test]
fn a_round_that_was_just_full_is_not_looked_for_more() {
    let looks = |waiters: u64| {
        let mut pool = Pool::new(waiters);
        for at in 1..=waiters {
            pool.joined(queue(&format!("holder-{at:02}"), Some(1)), T + at);
        }
        pool.asked.clear();
        assert_eq!(u64::from(pool.sweep(T + 100).granted), waiters);
        pool.asked.iter().filter(|asked| matches!(asked, Request::Queue(_))).count()
    };
    // One round does 25 things at most.
    assert_eq!(looks(25), looks(24));
    assert!(looks(26) > looks(25));
}
