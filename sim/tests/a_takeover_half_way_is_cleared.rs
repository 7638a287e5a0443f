//! Takeovers that stop half-way: does a place still stand in anybody's way that a newer attempt was about to take over when
//! it died?

#![allow(clippy::expect_used, reason = "a test that can not set itself up has failed")]

mod scripted_pool;

use leasehold_core::{AcquireOutcome, Delivery, Intent, Reply, Request};
use scripted_pool::{Pool, T, poll, task};

/// An attempt waits; a newer one writes its holder's row, and dies before it puts its own place there.
fn half_way() -> Pool {
    let mut pool = Pool::new(2);
    pool.joined(task("e", "older", Some(1)), T);
    pool.delivery = Delivery::Closed;
    let places = |request: &Request| request.writes().iter().any(|write| write.intent == Intent::Enqueue);
    pool.trouble = Box::new(move |_, request| places(request).then_some(Reply::Unknown));
    pool.acquire(task("e", "newer", Some(2)), T + 1).expect_err("no answer");
    pool.trouble = Box::new(|_, _| None);
    assert_eq!(pool.queue().len(), 1, "the older attempt's place");
    assert_ne!(pool.row_of("e").attempt, pool.queue()[0].attempt);
    pool
}

#[test]
fn a_sweep_clears_a_place_that_was_taken_over_half_way() {
    let mut pool = half_way();
    let tally = pool.sweep(T + 2);
    assert_eq!((pool.queue(), pool.held(), tally.more), (vec![], 0, false));
    // A caller that polls is not told to wait behind it.
    assert!(matches!(pool.acquire(poll("other", Some(3)), T + 3), Ok(AcquireOutcome::Acquired(_))));
}

#[test]
fn a_sweep_clears_nothing_that_may_still_be_told() {
    let mut pool = half_way();
    pool.delivery = Delivery::Unknown;
    pool.sweep(T + 2);
    assert_eq!(pool.queue().len(), 1);
}

#[test]
fn whoever_takes_over_goes_on_after_a_sweep_cleared_the_place() {
    let mut pool = half_way();
    pool.sweep(T + 2);
    pool.settings.limit = scripted_pool::limit(0);
    pool.delivery = Delivery::Delivered;
    // The same attempt asks once more, as its caller had no answer.
    assert_eq!(pool.acquire(task("e", "newer", Some(2)), T + 3), Ok(AcquireOutcome::Queued));
    assert_eq!(pool.queue().len(), 1);
    pool.settings.limit = scripted_pool::limit(2);
    pool.sweep(T + 4);
    assert!(pool.has_a_lease("newer"));
}
