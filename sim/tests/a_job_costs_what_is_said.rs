//! Does a job cost what is said? Its requests, units and round trips, at each limit and with so many waiters.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use std::sync::LazyLock;

use leasehold_sim::job_cost::{AT_MOST, COUNT_THEN_PUT, COUNTER_WITH_OWNERS, LimitCosts, report};

static COSTS: LazyLock<Vec<LimitCosts>> = LazyLock::new(|| LimitCosts::measure_all().expect("pools in steady use"));

#[test]
fn the_costs_of_a_job_are_pinned() {
    let page = include_str!("../../docs/cost.md");
    let printed = report(&COSTS).expect("a report");
    assert!(
        page.contains(&format!("```text\n{printed}```")),
        "`make bench-cost ARGS=--update` puts this there:\n{printed}"
    );
}

#[test]
fn a_job_takes_no_more_than_it_may() {
    for costs in &*COSTS {
        let limit = costs.limit;
        for job in [&costs.at_once, &costs.polled.at_once] {
            AT_MOST.check_at_once(limit, job).unwrap_or_else(|why| panic!("limit {limit}, at once: {why}"));
        }
        AT_MOST
            .check_last_slot(limit, &costs.last_slot)
            .unwrap_or_else(|why| panic!("limit {limit}, last slot: {why}"));
        let question = AT_MOST.check_question(limit, &costs.polled.question);
        question.unwrap_or_else(|why| panic!("limit {limit}, a question: {why}"));
        for (waiters, job) in &costs.queued {
            let kept = AT_MOST.check_queued(limit, *waiters, job);
            kept.unwrap_or_else(|why| panic!("limit {limit}, {waiters} waiters: {why}"));
        }
    }
}

#[test]
fn a_wait_costs_the_same_behind_ten_and_behind_ten_thousand() {
    for costs in &*COSTS {
        let of = |waiters: u32| costs.queued.iter().find(|(at, _)| *at == waiters).expect("measured").1.clone();
        let (few, many) = (of(10), of(10_000));
        assert_eq!(few.cost.requests, many.cost.requests);
        assert_eq!(few.cost.write_units, many.cost.write_units);
        // The head of the queue is read, however long it is.
        assert!(many.cost.read_units <= few.cost.read_units + 2, "{few:?} {many:?}");
    }
}

#[test]
fn what_has_no_queue_costs_more_the_longer_one_waits() {
    let requests = |waiters| COUNT_THEN_PUT.waiting(15, waiters).expect("rows").expect("a limit it can have").requests;
    assert!(requests(10) < requests(1_000) && requests(1_000) < requests(10_000));
    assert_eq!(COUNTER_WITH_OWNERS.at_once(10_000), Ok(None));
}
