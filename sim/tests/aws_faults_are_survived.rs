//! Do the promises hold under what AWS and dying processes do: cancelled branches, redrives, late reports, refusals for good?
//!
//! Each world is small and has one of these faults. What it is there to show must have happened. A world in which the
//! first edition of the protocol fails says which promise breaks there; once it holds, it is explored completely, and the
//! number of its states is pinned: its line in `VERDICTS` is all that changes.

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

/// What a world shows of the protocol.
#[derive(Clone, Copy)]
enum Verdict {
    /// One of these promises breaks.
    FirstEditionFails(&'static [&'static str]),
    /// All promises hold, in so many states.
    Holds(usize),
}

use Verdict::{FirstEditionFails, Holds};

const DEAD: Verdict = FirstEditionFails(&[property::DEAD_NOT_SERVED]);
const ATTEMPTS: Verdict = FirstEditionFails(&[property::ATTEMPTS]);

const VERDICTS: [(fn() -> CheckedWorld, Verdict); 19] = [
    (cancelled, DEAD),
    (cancelled_in_a_queue, DEAD),
    (cancelled_beside_a_slot, DEAD),
    (cancelled_unknown, DEAD),
    (cancelled_long_work, DEAD),
    (cancelled_and_crashed, DEAD),
    (timed_out, DEAD),
    (refused, DEAD),
    (refused_and_expired, FirstEditionFails(&[property::WAKE_UP])),
    (killed, DEAD),
    (killed_beside_a_task, DEAD),
    (redriven, ATTEMPTS),
    (redriven_uncounted, ATTEMPTS),
    (redriven_polling_uncounted, ATTEMPTS),
    (reported_twice, Holds(94_102)),
    (reported_twice_and_redriven, ATTEMPTS),
    (many_left_behind, Holds(306_143)),
    (many_left_behind_unknown, DEAD),
    (wrong_clock, Holds(4_337)),
];

fn verdict(world: fn() -> CheckedWorld) -> Verdict {
    let name = world().name;
    let found = VERDICTS.iter().find(|(other, _)| other().name == name);
    found.expect("every world has its verdict").1
}

/// The world shows what it is there for, and what its verdict says. Where a promise breaks, that is as soon as it can.
fn shows(world: fn() -> CheckedWorld, shown: impl Fn(&Coverage) -> bool) {
    let report = explored(world());
    println!("{report}");
    match (verdict(world), &report.broken) {
        (FirstEditionFails(promises), Some(found)) => {
            assert!(promises.contains(&found.violation.promise), "another promise broke: {report}");
        }
        (Holds(states), None) => assert!(report.complete, "{} of {states} states: {report}", report.states),
        (FirstEditionFails(_), None) => panic!("it does not fail any more: {report}"),
        (Holds(_), Some(_)) => panic!("{report}"),
    }
    assert!(shown(&report.seen), "what it is there for did not happen: {:?}", report.seen);
}

#[test]
fn the_numbers_of_states_are_pinned() {
    let holds = |(world, verdict): &(fn() -> CheckedWorld, Verdict)| match verdict {
        Holds(states) => Some((*world, *states)),
        FirstEditionFails(_) => None,
    };
    let pinned: Vec<_> = VERDICTS.iter().filter_map(holds).collect();
    let found: Vec<_> = pinned.iter().map(|(world, _)| explored(world())).map(|r| (r.name, r.states)).collect();
    let expected: Vec<_> = pinned.iter().map(|(world, states)| (world().name, *states)).collect();
    assert_eq!(found, expected);
}

fn cancelled() -> CheckedWorld {
    CheckedWorld::new("cancelled", 1).queue(2).tries(2).faults(Faults { cancel: 1, ..F }).judging_dead()
}

fn cancelled_in_a_queue() -> CheckedWorld {
    let world = CheckedWorld::new("cancelled in a queue", 1).queue(5).one_at_a_time().tries(1);
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
fn the_first_edition_leases_to_a_cancelled_branch() {
    shows(cancelled, was_cancelled);
    shows(cancelled_in_a_queue, was_cancelled);
    shows(cancelled_beside_a_slot, was_cancelled);
    shows(cancelled_unknown, was_cancelled);
}

#[test]
fn the_first_edition_keeps_a_cancelled_branchs_lease_alive() {
    shows(cancelled_long_work, was_cancelled);
}

#[test]
fn the_first_edition_leases_to_the_cancelled_beside_a_crash() {
    shows(cancelled_and_crashed, |seen| was_cancelled(seen) && seen.crashed);
}

fn timed_out() -> CheckedWorld {
    let world = CheckedWorld::new("timed out", 1).queue(2).attempts(2).tries(1);
    world.faults(Faults { abandon: 1, ..F }).judging_dead()
}

#[test]
fn the_first_edition_leases_to_a_task_that_timed_out() {
    shows(timed_out, |seen| seen.closed_task);
}

fn refused() -> CheckedWorld {
    CheckedWorld::new("refused for good", 1).queue(2).tries(1).faults(Faults { refuse_notice: 1, ..F }).judging_dead()
}

fn refused_and_expired() -> CheckedWorld {
    CheckedWorld { name: "refused for good, expired", judges_dead: false, ..refused() }.time(2, 1).tries(3)
}

#[test]
fn the_first_edition_leases_to_who_can_not_be_told() {
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
fn the_first_edition_leases_to_a_killed_waiter() {
    shows(killed, |seen| seen.killed && seen.looked && seen.granted_to_dead);
    shows(killed_beside_a_task, |seen| seen.killed && seen.looked && seen.granted_to_dead);
}

fn redriven() -> CheckedWorld {
    let faults = Faults { die: 1, events: true, redrive_in_place: 1, ..F };
    CheckedWorld::new("redriven in place", 1).poll(1).queue(1).tries(2).faults(faults)
}

#[test]
fn the_first_edition_frees_what_a_redrive_has() {
    shows(redriven, |seen| seen.redriven_in_place && seen.reported_after_redrive && seen.freed_by_event);
}

/// Where a caller can not say how often it was redriven, as no caller of the first edition can.
fn redriven_uncounted() -> CheckedWorld {
    CheckedWorld { name: "redriven, not counted", ..redriven() }.attempts(2).without_redrive_counts()
}

fn redriven_polling_uncounted() -> CheckedWorld {
    let faults = Faults { die: 1, events: true, redrive_in_place: 1, ..F };
    let world = CheckedWorld::new("redriven, polling, not counted", 1).poll(2).attempts(2);
    world.tries(2).faults(faults).without_redrive_counts()
}

#[test]
fn the_first_edition_refuses_a_redrive_as_an_older_attempt() {
    shows(redriven_uncounted, |seen| seen.redriven_in_place);
    shows(redriven_polling_uncounted, |seen| seen.redriven_in_place);
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
fn the_first_edition_frees_twice_what_ended_once() {
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
fn the_first_edition_leases_to_branches_of_an_ended_execution() {
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

/// What the first edition does: a caller's `now` is its local clock.
fn fails_by_the_local_clock(world: CheckedWorld) -> Report {
    let report = explore(world.ablated(Ablation::TableTime), MOST);
    println!("by the local clock: {report}");
    let broken = report.broken.as_ref().expect("a wrong clock does harm");
    assert_eq!(broken.violation.promise, property::TABLE_TIME, "{report}");
    report
}

#[test]
fn the_first_edition_takes_a_live_lease_by_a_wrong_clock() {
    fails_by_the_local_clock(wrong_clock());
}

#[test]
fn the_first_edition_lets_a_wrong_clock_jump_the_queue() {
    fails_by_the_local_clock(wrong_clock_in_the_queue());
    let corrected = explore(wrong_clock_in_the_queue(), MOST);
    assert!(corrected.broken.is_none(), "{corrected}");
}
