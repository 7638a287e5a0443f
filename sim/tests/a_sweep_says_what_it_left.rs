//! A sweep that can not do everything: does it say so, and does it try only what may help?

#![allow(clippy::expect_used, reason = "a test that cannot go on says why")]

mod scripted_pool;

use leasehold_core::{Delivery, Millis, Reply, Request, Row, RowKey, Write};
use scripted_pool::{Pool, T, queue};

/// A pool of so many slots, all granted, of which no task could be told.
fn untold(slots: u64) -> Pool {
    let mut pool = Pool::new(slots);
    for at in 0..slots {
        pool.joined(queue(&format!("holder-{at:03}"), Some(at)), T + at);
    }
    pool.delivery = Delivery::Unknown;
    while pool.held() < usize::try_from(slots).expect("a few") {
        let held = pool.held();
        pool.sweep(T + 1_000);
        assert!(pool.held() > held, "a sweep grants what waits");
    }
    pool.told.clear();
    pool
}

#[test]
fn a_sweep_that_gives_up_says_that_there_is_more() {
    let mut pool = Pool::new(1);
    pool.joined(queue("a", Some(1)), T);
    pool.trouble = Box::new(|_, request| (request.writes().len() > 1).then_some(Reply::Conflict));
    let tally = pool.sweep(T + 1);
    assert_eq!((tally.granted, tally.more), (0, true));
    pool.trouble = Box::new(|_, _| None);
    let tally = pool.sweep(T + 2);
    assert_eq!((tally.granted, tally.more), (1, false));
}

#[test]
fn a_sweep_that_writes_no_summary_says_that_there_is_more() {
    let mut pool = Pool::new(1);
    let summary = |write: &Write| write.key == RowKey::Summary;
    pool.trouble = Box::new(move |_, request| request.writes().iter().any(summary).then_some(Reply::Unavailable));
    assert!(pool.sweep(T).more);
    pool.trouble = Box::new(|_, _| None);
    assert!(!pool.sweep(T + 1).more);
}

#[test]
fn tasks_that_nobody_can_tell_are_tried_once_in_a_sweep() {
    let mut pool = untold(30);
    let tally = pool.sweep(T + 2_000);
    // One round's worth; the others are the next sweep's.
    assert_eq!((pool.told.len(), tally.renotified, tally.more), (1, 0, true));
    pool.delivery = Delivery::Delivered;
    pool.told.clear();
    let tally = pool.sweep(T + 3_000);
    assert_eq!((pool.told.iter().flatten().count(), tally.renotified, tally.more), (30, 30, false));
}

#[test]
fn a_lease_that_has_expired_is_not_told_again() {
    let mut pool = untold(1);
    let end = T + 1_000 + pool.settings.lease.0;
    assert!(pool.settings.grace > Millis(0));
    pool.sweep(end - 1);
    assert_eq!(pool.told.len(), 1);
    pool.sweep(end);
    assert_eq!(pool.told.len(), 1);
}

#[test]
fn a_sweep_that_did_all_it_can_looks_no_further() {
    // A slot is free and nobody waits; or somebody waits and no slot is free.
    for waiters in [1, 3] {
        let mut pool = Pool::new(2);
        for at in 0..waiters {
            pool.joined(queue(&format!("w{at}"), Some(1)), T + at);
        }
        pool.asked.clear();
        assert_eq!(pool.sweep(T + 5).granted, if waiters == 1 { 1 } else { 2 });
        let heads = pool.asked.iter().filter(|asked| matches!(asked, Request::Queue(_))).count();
        let looks = pool.asked.iter().filter(|asked| matches!(asked, Request::Slots(..))).count();
        // All slots are read to settle the pool, and once more to see how it is left. Where one is free, the queue is
        // read once besides: somebody may have joined it meanwhile.
        assert_eq!((looks, heads), (2, if waiters == 1 { 3 } else { 2 }), "{waiters} waiters");
    }
}

#[test]
fn a_sweep_of_a_pool_that_never_rests_ends_and_says_so() {
    let mut pool = Pool::new(200);
    pool.joined(queue("first", Some(1)), T);
    let mut others = Pool::new(0);
    let mut joined = 0;
    // Whenever a sweep looks whether somebody has come meanwhile, somebody has.
    pool.trouble = Box::new(move |table, request| {
        if *request == Request::Queue(1) {
            joined += 1;
            let name = format!("w{joined}");
            others.joined(queue(&name, Some(1)), T + joined);
            table.put(Row::Holder(others.row_of(&name)));
            table.put(Row::Wait(others.queue().pop().expect("it has just joined")));
        }
        None
    });
    let tally = pool.sweep(T + 100);
    assert!(tally.more && tally.granted < 20, "{tally:?}");
}

#[test]
fn a_clock_that_is_behind_extends_no_lease_beyond_its_hold() {
    let mut pool = Pool::new(1);
    pool.settings.longest_hold = Millis(0);
    pool.hold(0, "e", T + 10);
    // By this clock the lease is yet to be granted.
    let tally = pool.sweep(T - 1);
    assert_eq!((tally.extended, pool.checked), (0, 0));
    let ends = pool.slots().into_iter().find_map(|slot| slot.held).map(|held| held.expires_at.0);
    assert_eq!(ends, Some(T + 10));
}
