//! Do the promises hold under what AWS and dying processes do: cancelled branches, redrives, late reports, refusals for good?
//!
//! Each world is small, has one of these faults, and is explored completely. What it is there to show must have happened.

#![allow(clippy::expect_used, reason = "a test that can not set itself up has failed")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use leasehold_sim::checker::{Ablation, CheckedWorld, Coverage, Faults, Report, explore, property};

const F: Faults = Faults::NONE;

const MOST: usize = 3_000_000;

/// What came of each world, by name: the test that pins the numbers explores none a second time.
static EXPLORED: Mutex<BTreeMap<&str, Arc<OnceLock<Report>>>> = Mutex::new(BTreeMap::new());

fn explored(world: CheckedWorld) -> Report {
    let report = EXPLORED.lock().expect("no test fails while it looks here").entry(world.name).or_default().clone();
    report.get_or_init(|| explore(world, MOST)).clone()
}

/// How many states each world has.
const PINNED: [(fn() -> CheckedWorld, usize); 18] = [
    (cancelled, 2_633),
    (cancelled_in_a_queue, 226_243),
    (cancelled_beside_a_slot, 187_192),
    (cancelled_unknown, 2_633),
    (cancelled_long_work, 527_529),
    (cancelled_and_crashed, 4_457),
    (timed_out, 372_645),
    (refused, 1_643),
    (refused_and_expired, 28_870),
    (killed, 8_468),
    (killed_beside_a_task, 16_588),
    (redriven, 88_366),
    (redriven_polling, 15_935),
    (reported_twice, 9_819),
    (reported_twice_and_redriven, 53_129),
    (many_left_behind, 307_946),
    (many_left_behind_unknown, 307_946),
    (wrong_clock, 4_087),
];

/// The world shows what it is there for, and every promise holds in all of it.
fn shows(world: fn() -> CheckedWorld, shown: impl Fn(&Coverage) -> bool) {
    let report = explored(world());
    println!("{report}");
    assert!(report.broken.is_none() && report.complete, "{report}");
    assert!(shown(&report.seen), "what it is there for did not happen: {:?}", report.seen);
}

#[test]
fn the_numbers_of_states_are_pinned() {
    let found: Vec<_> = PINNED.iter().map(|(world, _)| explored(world())).map(|r| (r.name, r.states)).collect();
    let expected: Vec<_> = PINNED.iter().map(|(world, states)| (world().name, *states)).collect();
    assert_eq!(found, expected);
}

fn cancelled() -> CheckedWorld {
    CheckedWorld::new("cancelled", 1).queue(2).tries(2).faults(Faults { cancel: 1, ..F }).judging_dead()
}

fn cancelled_in_a_queue() -> CheckedWorld {
    let world = CheckedWorld::new("cancelled in a queue", 1).queue(5).one_at_a_time().tries(2);
    world.faults(Faults { cancel: 3, ..F }).judging_dead()
}

fn cancelled_beside_a_slot() -> CheckedWorld {
    let world = CheckedWorld::new("cancelled beside a slot", 2).queue(4).one_at_a_time().tries(1);
    world.faults(Faults { cancel: 1, ..F }).judging_dead()
}

fn cancelled_unknown() -> CheckedWorld {
    CheckedWorld { name: "cancelled, no permission", ..cancelled() }.without_permission()
}

fn cancelled_long_work() -> CheckedWorld {
    let world = CheckedWorld { name: "cancelled, long work", long_work: Some((5, 1)), ..cancelled() };
    world.time(1, 2).sweeps(1).tries(1)
}

fn cancelled_and_crashed() -> CheckedWorld {
    CheckedWorld { name: "cancelled and crashed", ..cancelled() }.faults(Faults { cancel: 1, crash: 1, ..F }).tries(1)
}

fn was_cancelled(seen: &Coverage) -> bool {
    seen.cancelled_waiting && seen.cancelled_at_work && seen.granted_to_dead && seen.closed_task
}

#[test]
fn a_cancelled_branch_costs_one_grant_and_no_lease() {
    shows(cancelled, was_cancelled);
    shows(cancelled_in_a_queue, was_cancelled);
    shows(cancelled_beside_a_slot, was_cancelled);
    shows(cancelled_unknown, was_cancelled);
}

#[test]
fn no_sweep_keeps_a_cancelled_branchs_lease_alive() {
    shows(cancelled_long_work, was_cancelled);
}

#[test]
fn a_cancelled_branch_beside_a_crash_costs_no_lease() {
    shows(cancelled_and_crashed, |seen| was_cancelled(seen) && seen.crashed);
}

fn timed_out() -> CheckedWorld {
    let world = CheckedWorld::new("timed out", 1).queue(2).attempts(2).tries(1);
    world.faults(Faults { abandon: 1, ..F }).judging_dead()
}

#[test]
fn a_task_that_timed_out_costs_no_lease() {
    shows(timed_out, |seen| seen.closed_task);
}

fn refused() -> CheckedWorld {
    CheckedWorld::new("refused for good", 1).queue(2).tries(1).faults(Faults { refuse_notice: 1, ..F }).judging_dead()
}

fn refused_and_expired() -> CheckedWorld {
    CheckedWorld { name: "refused for good, expired", judges_dead: false, ..refused() }.time(2, 1).tries(3)
}

#[test]
fn who_can_not_be_told_costs_no_lease() {
    shows(refused, |seen| seen.notice_refused);
    shows(refused_and_expired, |seen| seen.notice_refused);
}

fn killed() -> CheckedWorld {
    let world = CheckedWorld::new("killed", 1).tokenless(2, 1).time(3, 4).tries(1);
    world.faults(Faults { kill: 1, ..F }).judging_dead()
}

fn killed_beside_a_task() -> CheckedWorld {
    let world = CheckedWorld::new("killed beside a task", 1).queue(1).tokenless(1, 1).time(3, 4).tries(1);
    world.faults(Faults { kill: 1, ..F }).judging_dead()
}

#[test]
fn a_killed_waiter_costs_a_short_lease() {
    shows(killed, |seen| seen.killed && seen.looked && seen.granted_to_dead);
    shows(killed_beside_a_task, |seen| seen.killed && seen.looked && seen.granted_to_dead);
}

fn redriven() -> CheckedWorld {
    let faults = Faults { die: 1, events: true, redrive_in_place: 1, ..F };
    CheckedWorld::new("redriven in place", 1).poll(1).queue(1).tries(2).faults(faults)
}

#[test]
fn a_late_report_frees_nothing_of_a_redrive() {
    shows(redriven, |seen| seen.redriven_in_place && seen.reported_after_redrive && seen.freed_by_event);
}

fn redriven_polling() -> CheckedWorld {
    let faults = Faults { die: 1, events: true, redrive_in_place: 1, ..F };
    CheckedWorld::new("redriven, polling", 1).poll(2).attempts(2).tries(2).faults(faults)
}

#[test]
fn a_redrive_that_polls_is_served() {
    shows(redriven_polling, |seen| seen.redriven_in_place);
}

/// A removal: where a caller can not say how often it was redriven, a redrive can not be told from a late copy of what has
/// ended, nor the report of the end before from that of the redrive's own.
#[test]
fn without_a_count_a_late_report_would_take_a_redrives_lease() {
    let waits = CheckedWorld { name: "redriven, not counted", ..redriven() }.attempts(2).without_redrive_counts();
    let polls = CheckedWorld { name: "polling, not counted", ..redriven_polling() }.without_redrive_counts();
    for world in [waits, polls] {
        let report = explore(world, MOST);
        let broken = report.broken.as_ref().expect("the count is needed");
        assert!([property::ATTEMPTS, property::CAP].contains(&broken.violation.promise), "{report}");
    }
}

fn reported_twice() -> CheckedWorld {
    let faults = Faults { die: 1, events: true, report_again: 1, ..F };
    CheckedWorld::new("reported twice", 1).queue(2).tries(2).faults(faults).judging_dead()
}

#[test]
fn an_end_that_is_reported_twice_frees_nothing_twice() {
    shows(reported_twice, |seen| seen.reported_again && seen.freed_by_event);
}

fn reported_twice_and_redriven() -> CheckedWorld {
    let faults = Faults { die: 1, events: true, report_again: 1, redrive_in_place: 1, ..F };
    CheckedWorld::new("reported twice and redriven", 1).poll(2).tries(2).faults(faults)
}

#[test]
fn an_end_reported_twice_frees_nothing_of_a_redrive() {
    shows(reported_twice_and_redriven, |seen| seen.reported_after_redrive && seen.redriven_in_place);
}

fn many_left_behind() -> CheckedWorld {
    let world = CheckedWorld::new("many left behind", 1).queue(5).one_at_a_time().tries(1);
    let mut world = world.branches(0);
    // The last one is another execution, which waits behind them.
    world.clients[4].branch_of = None;
    world.clients[0].releases = false;
    world.faults(Faults { end: 1, events: true, ..F }).judging_dead()
}

fn many_left_behind_unknown() -> CheckedWorld {
    CheckedWorld { name: "many left behind, no permission", ..many_left_behind() }.without_permission()
}

#[test]
fn an_end_that_leaves_many_waiters_lets_the_next_one_in() {
    shows(many_left_behind, |seen| seen.most_left_waiting == 3 && seen.granted_from_queue && seen.freed_by_event);
}

#[test]
fn branches_of_an_ended_execution_cost_no_lease() {
    shows(many_left_behind_unknown, |seen| seen.closed_task);
}

fn wrong_clock() -> CheckedWorld {
    CheckedWorld::new("wrong clock", 1).poll(2).attempts(2).wrong_clock(1, 25).time(2, 4)
}

fn wrong_clock_in_the_queue() -> CheckedWorld {
    let world = CheckedWorld::new("wrong clock in the queue", 0).queue(2).wrong_clock(0, 25).time(2, 4);
    CheckedWorld { give_up: 4, ..world }
}

#[test]
fn a_wrong_clock_that_is_corrected_by_the_tables_does_no_harm() {
    shows(wrong_clock, |seen| seen.told && seen.refused);
}

/// A caller's `now` is its local clock.
fn fails_by_the_local_clock(world: CheckedWorld) -> Report {
    let report = explore(world.ablated(Ablation::TableTime), MOST);
    println!("by the local clock: {report}");
    let broken = report.broken.as_ref().expect("a wrong clock does harm");
    assert_eq!(broken.violation.promise, property::TABLE_TIME, "{report}");
    report
}

#[test]
fn by_a_wrong_local_clock_a_live_lease_would_be_taken() {
    fails_by_the_local_clock(wrong_clock());
}

#[test]
fn by_a_wrong_local_clock_the_queue_would_be_jumped() {
    fails_by_the_local_clock(wrong_clock_in_the_queue());
    let corrected = explore(wrong_clock_in_the_queue(), MOST);
    assert!(corrected.broken.is_none(), "{corrected}");
}
