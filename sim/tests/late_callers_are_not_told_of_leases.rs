//! A caller that was frozen: is it told of a lease that expired meanwhile?

#![allow(unused_must_use, reason = "a script's steps are judged by what they leave behind")]

mod scripted_pool;

use leasehold_core::{Delivery, Failure, LossReason, Renewed, Timestamp};
use scripted_pool::{Pool, T, poll, queue};

const UNTOLD: Failure = Failure::Lost(LossReason::ExpiredUntold);

#[test]
fn a_renewal_that_was_frozen_is_not_told() {
    let mut pool = Pool::new(1);
    let lease = pool.lease(poll("a", Some(1)), T);
    pool.late = 300_000;
    assert_eq!(pool.renew(&lease, None, T + 1), Err(UNTOLD));
    pool.late = 299_999;
    let expires_at = Timestamp(T + 2 + 300_000);
    assert_eq!(pool.renew(&lease, None, T + 2), Ok(Renewed { id: lease.id, expires_at }));
}

#[test]
fn a_claim_that_was_frozen_is_not_told() {
    // Looked after one lease, wrote then, and is answered after another one.
    let mut pool = Pool::new(1);
    pool.late = 300_000;
    assert_eq!(pool.acquire(poll("a", Some(1)), T), Err(UNTOLD));
    let mut pool = Pool::new(1);
    pool.late = 300_000;
    assert_eq!(pool.acquire(queue("a", Some(1)), T), Err(UNTOLD));
    assert!(!pool.has_a_lease("a"));
    let mut pool = Pool::new(1);
    pool.late = 299_999;
    pool.lease(poll("a", Some(1)), T);
}

#[test]
fn a_grant_that_was_frozen_is_not_told() {
    let mut pool = Pool::new(1);
    let lease = pool.lease(poll("a", Some(1)), T);
    pool.acquire(queue("b", Some(1)), T);
    pool.late = 300_000;
    pool.give_back(&lease, T);
    assert_eq!(pool.heard("b"), []);
    pool.late = 0;
    pool.sweep(T + 2_000_000);
    assert!(!pool.has_a_lease("b"));
}

#[test]
fn a_grant_in_time_is_told() {
    let mut pool = Pool::new(1);
    let lease = pool.lease(poll("a", Some(1)), T);
    pool.acquire(queue("b", Some(1)), T);
    pool.late = 99_999;
    pool.give_back(&lease, T);
    assert!(pool.has_a_lease("b"));
}

#[test]
fn a_notice_not_taken_is_not_sent_again_once_expired() {
    let mut pool = Pool::new(1);
    let lease = pool.lease(poll("a", Some(1)), T);
    pool.acquire(queue("b", Some(1)), T);
    (pool.delivery, pool.late) = (Delivery::NotSent, 99_999);
    pool.give_back(&lease, T);
    assert!(pool.told.len() > 1, "in time it is sent again");
    let mut pool = Pool::new(1);
    let lease = pool.lease(poll("a", Some(1)), T);
    pool.acquire(queue("b", Some(1)), T);
    (pool.delivery, pool.late) = (Delivery::NotSent, 150_000);
    pool.give_back(&lease, T);
    assert_eq!(pool.told.len(), 1);
}
