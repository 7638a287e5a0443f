//! Ended executions: is all that they held or waited for free, and nothing else?

#![allow(unused_must_use, reason = "a script's steps are judged by what they leave behind")]

mod scripted_pool;

use leasehold_core::{
    AcquireRequest, Delivery, ExecutionEnded, ExecutionFreed, Failure, FailureReason, HolderState, Row, RowKey, Tally,
    TaskResult, Timestamp,
};
use scripted_pool::{Pool, T, attempt, branch, item, poll, queue};

#[test]
fn the_end_of_sixty_holders_frees_them_all() {
    let mut pool = Pool::new(60);
    for key in 0..60 {
        pool.lease(branch("e", key, poll("e", Some(1))), T);
    }
    let tally = Tally { freed: 60, ..Tally::default() };
    assert_eq!(pool.ended("e", T + 1), Ok(ExecutionFreed { tally, more: None }));
    assert_eq!(pool.held(), 0);
}

#[test]
fn the_end_of_sixty_waiters_fails_them_all() {
    let mut pool = Pool::new(0);
    for key in 0..60 {
        pool.acquire(branch("e", key, queue(&format!("task{key}"), Some(1))), T);
    }
    let tally = Tally { left: 60, ..Tally::default() };
    assert_eq!(pool.ended("e", T + 1), Ok(ExecutionFreed { tally, more: None }));
    assert_eq!(pool.queue(), []);
    assert!((0..60).all(|key| pool.heard(&format!("task{key}")) == [TaskResult::Failed(FailureReason::Released)]));
}

#[test]
fn an_end_hands_over_what_it_frees() {
    let mut pool = Pool::new(2);
    pool.lease(branch("e", 1, poll("e", Some(1))), T);
    pool.lease(branch("e", 2, poll("e", Some(1))), T);
    pool.acquire(queue("next", Some(1)), T);
    let tally = Tally { granted: 1, freed: 2, ..Tally::default() };
    assert_eq!(pool.ended("e", T + 1), Ok(ExecutionFreed { tally, more: None }));
    assert!(pool.has_a_lease("next"));
    assert_eq!(pool.held(), 1);
}

#[test]
fn an_end_frees_nobody_elses_lease() {
    let mut pool = Pool::new(2);
    pool.lease(poll("e", Some(1)), T);
    pool.lease(poll("other", Some(1)), T);
    pool.ended("e", T + 1);
    assert_eq!(pool.held(), 1);
    assert!([0, 1].iter().any(|slot| pool.holder_of(*slot).as_deref() == Some("other")));
}

#[test]
fn an_end_leaves_what_was_entered_after_it() {
    for (entered, freed) in [(T - 1, true), (T, false), (T + 1, false)] {
        let mut pool = Pool::new(1);
        pool.lease(poll("e", Some(entered)), T);
        pool.ended("e", T);
        assert_eq!(pool.held() == 0, freed, "entered at {entered}");
        let mut pool = Pool::new(0);
        pool.acquire(queue("e", Some(entered)), T);
        pool.ended("e", T);
        assert_eq!(pool.queue().is_empty(), freed, "entered at {entered}");
    }
}

#[test]
fn the_end_of_a_parent_frees_its_items() {
    let mut pool = Pool::new(2);
    pool.lease(AcquireRequest { holder: item("child", "1", "parent"), ..poll("x", Some(1)) }, T);
    pool.acquire(AcquireRequest { holder: item("child", "2", "parent"), ..queue("x", Some(1)) }, T);
    pool.ended("parent", T + 1);
    assert_eq!((pool.held(), pool.queue()), (0, vec![]));
}

#[test]
fn a_waiter_whose_task_may_be_open_is_not_buried() {
    let mut pool = Pool::new(0);
    pool.acquire(queue("e", Some(1)), T);
    pool.delivery = Delivery::Unknown;
    assert_eq!(pool.ended("e", T + 1), Err(Failure::Throttled));
    assert_eq!(pool.queue().len(), 1);
}

#[test]
fn an_end_of_very_many_says_where_to_go_on() {
    let mut pool = Pool::new(1_100);
    for key in 0..1_100 {
        pool.lease(branch("e", key, poll("e", Some(1))), T);
    }
    let Ok(ExecutionFreed { tally, more: Some(after) }) = pool.ended("e", T + 1) else { panic!("there is more") };
    assert_eq!((tally.freed, pool.held()), (1_000, 100));
    let rest = ExecutionEnded { execution: "e".into(), at: Timestamp(T + 1), after: Some(after) };
    let Ok(ExecutionFreed { tally, more: None }) = pool.run(rest, T + 1) else { panic!("that is all") };
    assert_eq!((tally.freed, pool.held()), (100, 0));
}

#[test]
fn what_ended_is_remembered_for_a_day() {
    let day = 24 * 3_600 * 1_000;
    let mut pool = Pool::new(1);
    let lease = pool.lease(poll("released", Some(1)), T);
    pool.give_back(&lease, T + 5);
    let row = pool.row_of("released");
    assert_eq!((row.state, row.attempt), (HolderState::Ended { ttl: Timestamp(T + 5 + day) }, attempt(1)));

    pool.lease(poll("expired", Some(1)), T);
    pool.lease(poll("next", Some(1)), T + 305_000);
    assert_eq!(pool.row_of("expired").state, HolderState::Ended { ttl: Timestamp(T + 305_000 + day) });

    pool.acquire(queue("waited", Some(1)), T);
    pool.ended("waited", T + 7);
    assert_eq!(pool.row_of("waited").state, HolderState::Ended { ttl: Timestamp(T + 7 + day) });
    assert!(pool.table.rows().all(|row| !matches!(row, Row::Wait(_)) && row.key() != RowKey::Override));
}
