//! How far do the promises hold beyond what a test run can explore? Larger worlds, several faults of a kind.
//!
//! `make check-deep` runs these, not `make test`: each takes minutes. `LEASEHOLD_STATES` sets how many states
//! each may have (100 million by default, about 10 GB). What was complete and what was bounded is printed, with
//! the states per second on all cores, and on one for the first 2 million.

use std::time::Instant;

use leasehold_sim::checker::{CheckedWorld, Faults, OperatorAction, Order, explore_on};

fn deep(worlds: Vec<CheckedWorld>) {
    let most = std::env::var("LEASEHOLD_STATES").ok().and_then(|most| most.parse().ok()).unwrap_or(100_000_000);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    for world in worlds {
        let speed = |threads: usize, most| {
            let begin = Instant::now();
            let report = explore_on(threads, world.clone(), most);
            let seconds = begin.elapsed().as_secs_f64();
            let speed = report.states as f64 / seconds;
            (report, seconds, speed)
        };
        let (_, _, alone) = speed(1, most.min(2_000_000));
        let (report, seconds, speed) = speed(cores, most);
        println!("{report}\n    {seconds:.0} s, {speed:.0} states a second on {cores} cores, {alone:.0} on one");
        assert!(report.broken.is_none(), "{report}");
    }
}

fn faults() -> Faults {
    Faults::default()
}

#[test]
#[ignore = "minutes: make check-deep"]
fn three_holders_two_slots_everything_at_once() {
    let all = Faults { crash: 1, lose: 1, refuse: 1, freeze: 1, copy: 1, die: 1, abandon: 1, unheard: 1, ..faults() };
    let all = Faults { events: true, unknown_status: 1, ..all };
    deep(vec![
        CheckedWorld::new("everything, 3 holders", 2).queue(2).poll(1).attempts(2).time(3, 1).sweeps(2).faults(all),
        CheckedWorld::new("3 waiters, 2 slots, as listed", 2).queue(3).order(Order::AsListed),
        CheckedWorld::new("3 waiters, 1 slot, as listed", 1).queue(3).order(Order::AsListed),
        // Where a wake-up is lost if one who joins relies on a place that is nothing any more.
        CheckedWorld::new("4 waiters, 2 slots", 2).queue(4).tries(1),
    ]);
}

#[test]
#[ignore = "minutes: make check-deep"]
fn several_faults_of_one_kind() {
    let world = |name| CheckedWorld::new(name, 1).queue(2).sweeps(1);
    deep(vec![
        world("3 crashes").faults(Faults { crash: 3, ..faults() }),
        world("2 lost replies").tries(2).faults(Faults { lose: 2, ..faults() }),
        world("2 notices unheard").tries(2).faults(Faults { unheard: 2, unknown_status: 1, ..faults() }),
        world("2 copies").tries(2).faults(Faults { copy: 2, ..faults() }),
    ]);
}

#[test]
#[ignore = "minutes: make check-deep"]
fn writes_outlive_their_callers_and_leases_expire_meanwhile() {
    let faults = Faults { lose: 1, crash: 1, ..faults() };
    deep(vec![
        CheckedWorld::new("late writes and expiry", 1).poll(2).attempts(2).time(3, 1).sweeps(1).faults(faults),
        CheckedWorld::new("late renewals", 1).poll(2).renews(2).time(4, 3).faults(Faults { lose: 1, ..faults }),
    ]);
}

#[test]
#[ignore = "minutes: make check-deep"]
fn rows_of_one_query_are_read_at_different_times() {
    deep(vec![
        CheckedWorld::new("torn, 3 waiters, 2 slots", 2).queue(3).order(Order::AsListed).torn(),
        CheckedWorld::new("torn, lowered from 3", 3).poll(3).change(1, 0, 1).time(2, 9).order(Order::AsListed).torn(),
    ]);
}

#[test]
#[ignore = "minutes: make check-deep"]
fn the_table_throttles() {
    deep(vec![CheckedWorld::new("4 refusals", 1).queue(2).sweeps(1).tries(3).faults(Faults { refuse: 4, ..faults() })]);
}

#[test]
#[ignore = "minutes: make check-deep"]
fn executions_are_redriven_and_tickets_are_skewed() {
    let redriven = Faults { die: 1, events: true, redrive: 1, copy: 1, ..faults() };
    deep(vec![
        CheckedWorld::new("redriven waiters", 1).queue(2).time(2, 9).tries(2).faults(redriven),
        CheckedWorld::new("skewed tickets", 1).queue(3).skew(0, 1).time(1, 9).tries(2),
    ]);
}

#[test]
#[ignore = "minutes: make check-deep"]
fn calls_crash_while_waiters_give_up() {
    let giving_up = |world| CheckedWorld { give_up: 1, ..world };
    let world = CheckedWorld::new("giving up", 1).queue(2).time(2, 9).sweeps(1).tries(2);
    deep(vec![giving_up(world.faults(Faults { crash: 2, ..faults() }))]);
}

#[test]
#[ignore = "minutes: make check-deep"]
fn several_slots_lie_above_a_lowered_limit() {
    deep(vec![
        CheckedWorld::new("lowered from 3 to 1", 3).poll(2).queue(2).change(1, 0, 1).time(2, 9).sweeps(1),
        CheckedWorld::new("lowered and raised", 2).poll(2).queue(1).change(1, 0, 1).and_change(2).time(2, 9),
    ]);
}

#[test]
#[ignore = "minutes: make check-deep"]
fn operators_meet_while_leases_are_held() {
    let ends = |name| CheckedWorld::new(name, 1).poll(2).operator(OperatorAction::EndOverride, 0, 1).override_limit(2);
    deep(vec![
        ends("an override meets an end").and_change(1).time(1, 9).order(Order::AsListed),
        ends("an end meets settings").and(OperatorAction::SetPool(3)).torn_settings().time(2, 9),
        CheckedWorld::new("two overrides, 2 callers", 1).poll(2).change(2, 0, 2).and_change(1).time(2, 9),
        CheckedWorld::new("two overrides and an end", 2)
            .poll(2)
            .change(3, 0, 1)
            .and_change(1)
            .and(OperatorAction::EndOverride),
    ]);
}
