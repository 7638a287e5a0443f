//! Ended executions: is all that they held or waited for free, and nothing else?

#![allow(unused_must_use, reason = "a script's steps are judged by what they leave behind")]

mod scripted_pool;

use leasehold_core::{
    AcquireRequest, Attempt, Delivery, ExecutionEnded, ExecutionFreed, ExecutionStatus, Failure, FailureReason,
    HolderState, Millis, ReleaseAll, Request, Row, RowKey, Tally, TaskResult, Timestamp,
};
use scripted_pool::{Pool, T, attempt, branch, item, poll, queue};

#[test]
fn the_end_of_sixty_holders_frees_them_all() {
    let mut pool = Pool::new(60);
    for key in 0..60 {
        pool.acquire(branch("e", key, queue("e", Some(1))), T).expect("a lease");
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
fn an_end_frees_nothing_of_a_later_redrive() {
    for (redrive, freed) in [(0, true), (1, true), (2, false)] {
        for limit in [0, 1] {
            let mut pool = Pool::new(limit);
            let attempt = Some(Attempt { redrive, ..attempt(5) });
            pool.acquire(AcquireRequest { attempt, ..queue("e", None) }, T);
            pool.ended_after("e", T + 1, 1);
            let left = pool.held() + pool.queue().len();
            assert_eq!(left == 0, freed, "redrive {redrive}, limit {limit}");
        }
    }
}

#[test]
fn a_late_or_repeated_end_leaves_a_redriven_holder_alone() {
    let mut pool = Pool::new(1);
    let first = pool.lease(poll("e", Some(5)), T);
    let redriven = AcquireRequest { attempt: Some(Attempt { redrive: 1, ..attempt(5) }), ..poll("e", None) };
    let again = pool.lease(redriven, T + 20);
    assert!(again.id.fence > first.id.fence);
    for _ in 0..2 {
        pool.ended_after("e", T + 10, 0);
        assert_eq!(pool.held(), 1);
    }
    pool.ended_after("e", T + 30, 1);
    assert_eq!(pool.held(), 0);
}

#[test]
fn work_that_was_renewed_after_the_end_keeps_its_lease() {
    let grace = Pool::new(1).settings.grace.0;
    let end = T + 2 * grace;
    // What was renewed at about the time of the end, by clocks that differ, is asked about.
    for (renewed, status, freed, asked) in [
        (end - grace - 1, ExecutionStatus::Running, true, 0),
        (end - grace, ExecutionStatus::Running, false, 1),
        (end + grace, ExecutionStatus::Running, false, 1),
        (end + grace, ExecutionStatus::Ended, true, 1),
        (end + grace, ExecutionStatus::Unknown, true, 1),
        (end + grace + 1, ExecutionStatus::Ended, false, 0),
    ] {
        let mut pool = Pool::new(1);
        let lease = pool.lease(poll("e", Some(5)), T);
        pool.renew(&lease, None, renewed).expect("its own lease");
        pool.status = status;
        pool.ended_after("e", end, 0);
        assert_eq!((pool.held() == 0, pool.checked), (freed, asked), "renewed at {renewed}, {status:?}");
        // The next end frees it.
        pool.status = ExecutionStatus::Ended;
        pool.ended_after("e", end + 3 * grace, 1);
        assert_eq!(pool.held(), 0);
    }
}

#[test]
fn work_that_was_renewed_for_less_keeps_its_lease_too() {
    let mut pool = Pool::new(1);
    let grace = pool.settings.grace.0;
    let lease = pool.lease(poll("e", Some(5)), T);
    let renewed = pool.renew(&lease, Some(1), T + 11 + grace).expect("its own lease");
    assert_eq!(renewed.expires_at, lease.expires_at);
    pool.ended_after("e", T + 10, 0);
    assert_eq!(pool.held(), 1);
}

/// A pool of two in which one item of the parent's map run holds and one waits, both on redrives of their own.
fn map_run() -> Pool {
    let mut pool = Pool::new(1);
    for (key, redrive) in [("1", 7), ("2", 8)] {
        let attempt = Some(Attempt { redrive, ..attempt(5) });
        pool.acquire(AcquireRequest { holder: item("child", key, "parent"), attempt, ..queue(key, None) }, T);
    }
    assert_eq!((pool.held(), pool.queue().len()), (1, 1));
    pool
}

#[test]
fn items_of_a_parent_that_runs_again_are_left_alone() {
    let mut pool = map_run();
    pool.status = ExecutionStatus::Running;
    assert_eq!(pool.ended_after("parent", T + 1, 0), Ok(ExecutionFreed { tally: Tally::default(), more: None }));
    assert_eq!((pool.held(), pool.queue().len(), pool.checked), (1, 1, 1));
}

#[test]
fn items_of_a_parent_not_known_to_run_are_freed() {
    for status in [ExecutionStatus::Ended, ExecutionStatus::Unknown] {
        let mut pool = map_run();
        pool.status = status;
        pool.ended_after("parent", T + 1, 0);
        assert_eq!((pool.held(), pool.queue().len(), pool.checked), (0, 0, 1), "{status:?}");
    }
}

#[test]
fn what_a_parent_itself_has_is_freed_unasked() {
    let mut pool = Pool::new(2);
    pool.lease(poll("parent", Some(1)), T);
    pool.lease(AcquireRequest { holder: item("child", "1", "parent"), ..poll("x", Some(1)) }, T);
    pool.status = ExecutionStatus::Running;
    pool.ended_after("parent", T + 1, 0);
    let left = [0, 1].map(|slot| pool.holder_of(slot));
    assert_eq!(left.into_iter().flatten().collect::<Vec<_>>(), ["child"]);
    // Where there are no items, nobody asks.
    let mut pool = Pool::new(1);
    pool.lease(poll("e", Some(1)), T);
    pool.ended_after("e", T + 1, 0);
    assert_eq!((pool.held(), pool.checked), (0, 0));
}

#[test]
fn a_parent_is_asked_for_once_for_all_its_items() {
    let mut pool = Pool::new(60);
    for key in 0..60 {
        let holder = item(&format!("child{key}"), "", "parent");
        pool.acquire(AcquireRequest { holder, ..queue("x", Some(1)) }, T).expect("a lease");
    }
    pool.status = ExecutionStatus::Running;
    pool.ended_after("parent", T + 1, 0);
    assert_eq!((pool.held(), pool.checked), (60, 1));
    pool.status = ExecutionStatus::Ended;
    pool.ended_after("parent", T + 1, 0);
    assert_eq!((pool.held(), pool.checked), (0, 2));
}

fn release_all(execution: &str) -> ReleaseAll {
    let (execution, key_prefix) = (execution.into(), "".into());
    ReleaseAll { execution, parent: None, key_prefix, attempt: None, after: None }
}

#[test]
fn an_execution_gives_back_all_it_holds_or_waits_for() {
    let mut pool = Pool::new(3);
    pool.lease(branch("e", 1, poll("e", Some(1))), T);
    pool.lease(poll("other", Some(1)), T);
    pool.lease(AcquireRequest { holder: item("child", "1", "e"), ..poll("x", Some(1)) }, T);
    pool.acquire(branch("e", 2, queue("task", Some(1))), T);
    let Ok(ExecutionFreed { tally, more: None }) = pool.run(release_all("e"), T + 1) else { panic!("all of it") };
    assert_eq!((tally.freed, tally.left, pool.checked), (2, 1, 0));
    assert_eq!((pool.held(), pool.queue()), (1, vec![]));
    assert_eq!(pool.heard("task"), [TaskResult::Failed(FailureReason::Released)]);
    let nothing = Ok(ExecutionFreed { tally: Tally::default(), more: None });
    assert_eq!(pool.run(release_all("e"), T + 2), nothing);
}

#[test]
fn a_release_of_all_keeps_to_its_beginning_of_keys() {
    let mut pool = Pool::new(20);
    for key in 1..=12 {
        pool.acquire(branch("e", key, queue("e", Some(1))), T).expect("a lease");
    }
    pool.run(ReleaseAll { key_prefix: "1".into(), ..release_all("e") }, T + 1);
    assert_eq!(pool.held(), 8, "1, 10, 11 and 12 are given back");
}

#[test]
fn a_late_release_of_all_leaves_what_came_after_it() {
    for (entered, redrive, freed) in [(5, 0, true), (6, 0, true), (7, 0, false), (5, 1, false)] {
        let mut pool = Pool::new(1);
        let attempt = Attempt { redrive, ..attempt(entered) };
        pool.lease(AcquireRequest { attempt: Some(attempt), ..poll("e", None) }, T);
        let upto = Some(scripted_pool::attempt(6));
        pool.run(ReleaseAll { attempt: upto, ..release_all("e") }, T + 1);
        assert_eq!(pool.held() == 0, freed, "{attempt}");
    }
}

#[test]
fn an_item_of_a_map_run_gives_back_only_its_own() {
    let mut pool = Pool::new(2);
    for child in ["child1", "child2"] {
        pool.lease(AcquireRequest { holder: item(child, "k", "parent"), ..poll("x", Some(1)) }, T);
    }
    pool.run(ReleaseAll { parent: Some("parent".into()), ..release_all("child1") }, T + 1);
    let left = [0, 1].map(|slot| pool.holder_of(slot));
    assert_eq!(left.into_iter().flatten().collect::<Vec<_>>(), ["child2"]);
}

#[test]
fn what_was_freed_before_is_skipped_in_long_pages() {
    let mut pool = Pool::new(0);
    for key in 0..2_000 {
        pool.acquire(branch("e", key, queue(&format!("task{key}"), Some(1))), T);
    }
    // Each call begins anew, as if it knew nothing of the one before.
    for most in [1_000, 150, 0] {
        pool.ended("e", T + 1);
        assert!(pool.queue().len() <= most, "{} left", pool.queue().len());
    }
    pool.asked.clear();
    assert_eq!(pool.ended("e", T + 1), Ok(ExecutionFreed { tally: Tally::default(), more: None }));
    let pages = pool.asked.iter().filter(|asked| matches!(asked, Request::Holders { .. })).count();
    assert!(pages < 10, "{pages} pages");
    assert_eq!(pages, pool.asked.len());
}

#[test]
fn the_end_of_a_parent_frees_its_items() {
    let mut pool = Pool::new(2);
    pool.status = ExecutionStatus::Ended;
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
    assert_eq!(pool.ended("e", T + 1), Err(Failure::TasksUnavailable));
    assert_eq!(pool.queue().len(), 1);
}

#[test]
fn an_end_of_very_many_says_where_to_go_on() {
    let mut pool = Pool::new(1_100);
    for key in 0..1_100 {
        pool.acquire(branch("e", key, queue("e", Some(1))), T).expect("a lease, or a place that gets one at once");
    }
    let Ok(ExecutionFreed { tally, more: Some(after) }) = pool.ended("e", T + 1) else { panic!("there is more") };
    assert_eq!((tally.freed, pool.held()), (1_000, 100));
    let rest = ExecutionEnded { execution: "e".into(), at: Timestamp(T + 1), redrive: None, after: Some(after) };
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
    let kept = Timestamp(T.next_multiple_of(1_000) + 300_000 + day);
    assert_eq!((row.ttl, row.attempt), (kept, attempt(1)));

    pool.lease(poll("expired", Some(1)), T);
    pool.lease(poll("next", Some(1)), T + 305_000);
    assert_eq!(pool.row_of("expired").ttl, kept);

    // Longer where a sweep may keep a lease alive beyond its time.
    pool.settings.longest_hold = Millis(7_000_000);
    pool.lease(poll("long", Some(1)), T + 610_000);
    assert_eq!(pool.row_of("long").ttl, Timestamp(T.next_multiple_of(1_000) + 910_000 + 7_000_000 + day));
    pool.settings.longest_hold = Millis(0);

    pool.acquire(queue("waited", Some(1)), T);
    pool.ended("waited", T + 7);
    let row = pool.row_of("waited");
    assert_eq!((row.state, row.ttl), (HolderState::Ended, Timestamp((T + 7).next_multiple_of(1_000) + day)));
    assert!(pool.table.rows().all(|row| !matches!(row, Row::Wait(_)) && row.key() != RowKey::Override));
}
