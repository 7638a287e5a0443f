//! Do all promises hold, whatever order the requests come in and whatever goes wrong between them?
//!
//! Each test explores one small world completely. The number of its states is pinned: a change of the protocol
//! changes it, and a world that shrank by accident is found. What the world is there to show must have happened.

use leasehold_sim::check::{Faults, Order, Report, Seen, World, explore};

const F: Faults = Faults {
    crash: 0,
    lose: 0,
    refuse: 0,
    freeze: 0,
    copy: 0,
    die: 0,
    events: false,
    redrive: 0,
    older_release: 0,
    abandon: 0,
    unheard: 0,
    unknown_life: 0,
};

/// Explores all of it; returns what was reached.
fn complete(world: World, states: usize) -> Seen {
    let report: Report = explore(world, 3_000_000);
    println!("{report}");
    assert!(report.broken.is_none(), "{report}");
    assert!(report.complete && report.seen.told, "{report}");
    assert_eq!(report.states, states, "{report}");
    report.seen
}

#[test]
fn two_waiters_in_every_order_of_every_request() {
    let seen = complete(World::new("two waiters", 1).queue(2).order(Order::Every).torn(), 7_032);
    assert!(seen.claimed && seen.granted_from_queue);
}

#[test]
fn two_slots_with_queries_that_see_rows_of_different_moments() {
    complete(World::new("torn queries", 2).queue(2).order(Order::Every).torn(), 4_590);
}

#[test]
fn three_holders_two_slots_polling_and_queueing() {
    let seen = complete(World::new("poll and queue", 2).queue(2).poll(1).attempts(2), 134_634);
    assert!(seen.claimed && seen.granted_from_queue && seen.refused);
    assert!(seen.most_overtaken <= 1);
}

#[test]
fn three_pollers_ask_again() {
    assert!(complete(World::new("three pollers", 2).poll(3).attempts(2), 2_506).refused);
}

#[test]
fn leases_expire_and_clocks_differ() {
    let world = World::new("expiry", 1).poll(2).attempts(2).skew(1, 1).time(3, 1).sweeps(1);
    let seen = complete(world, 216_502);
    assert!(seen.reclaimed && seen.lost && seen.already);
}

#[test]
fn leases_of_waiters_expire_before_they_are_told() {
    assert!(complete(World::new("expiry in the queue", 1).queue(2).time(2, 1), 55_015).failed_task);
}

#[test]
fn two_calls_crash_anywhere() {
    let faults = Faults { crash: 2, ..F };
    assert!(complete(World::new("crashes", 1).queue(2).sweeps(1).tries(2).faults(faults), 435_181).renotified);
}

#[test]
fn replies_are_lost_and_writes_are_served_late() {
    complete(World::new("lost replies", 1).queue(2).tries(2).faults(Faults { lose: 1, ..F }), 44_064);
    complete(
        World::new("lost replies, polling", 1).poll(2).attempts(2).tries(2).faults(Faults { lose: 2, ..F }),
        4_632,
    );
}

#[test]
fn the_table_refuses() {
    let world = World::new("refusals", 1).queue(1).poll(1).attempts(2).tries(2);
    complete(world.faults(Faults { refuse: 2, ..F }), 9_045);
}

#[test]
fn callers_freeze_until_their_lease_has_expired() {
    let world = World::new("freezes", 1).queue(2).time(2, 1).tries(2).faults(Faults { freeze: 1, ..F });
    assert!(complete(world, 446_199).lost);
}

#[test]
fn requests_are_delivered_twice_or_after_the_end() {
    let seen = complete(World::new("copies", 1).queue(2).tries(2).faults(Faults { copy: 1, ..F }), 128_904);
    assert!(seen.lost && seen.already);
}

#[test]
fn releases_by_holder_are_fenced_by_their_attempt() {
    let faults = Faults { copy: 1, ..F };
    let world = World::new("release by holder", 1).poll(1).queue(1).attempts(2).tries(2).faults(faults);
    let seen = complete(World { release_by_holder: true, ..world }, 30_714);
    assert!(seen.already);
}

#[test]
fn a_waiting_task_times_out_and_asks_again() {
    let faults = Faults { abandon: 1, ..F };
    assert!(complete(World::new("newer attempts", 1).queue(2).attempts(2).tries(2).faults(faults), 167_996).busy);
}

#[test]
fn notices_are_lost_or_find_a_closed_task() {
    let faults = Faults { unheard: 1, unknown_life: 1, ..F };
    let seen = complete(World::new("notices", 1).queue(2).sweeps(1).tries(1).faults(faults), 547_840);
    assert!(seen.renotified && seen.closed_task);
}

#[test]
fn holders_die_and_their_end_is_reported() {
    complete(World::new("events", 1).queue(2).faults(Faults { die: 1, events: true, ..F }), 6_186);
}

#[test]
fn an_execution_is_redriven_before_its_end_is_reported() {
    let faults = Faults { die: 1, events: true, redrive: 1, ..F };
    complete(World::new("redrive", 1).poll(1).queue(1).time(1, 9).tries(2).faults(faults), 66_294);
}

#[test]
fn the_limit_is_lowered_while_leases_are_held() {
    let seen = complete(World::new("lowered", 2).queue(1).poll(1).change(1, 1, 2).time(2, 9), 381_731);
    assert!(seen.granted_from_queue && seen.refused);
}

#[test]
fn the_limit_is_raised_while_somebody_waits() {
    assert!(complete(World::new("raised", 1).queue(2).change(2, 0, 1), 66_113).granted_from_queue);
}

#[test]
fn two_branches_share_a_name() {
    let seen = complete(World::new("shared name", 1).queue(2).poll(1).share_name(0, 1).tries(4), 119_454);
    assert!(seen.busy && seen.closed_task);
}

#[test]
fn leases_are_renewed_while_they_expire() {
    let world = World::new("renewals", 1).poll(2).renews(1).time(2, 1).sweeps(1).skew(0, 1);
    assert!(complete(world, 345_229).renewed);
}

#[test]
fn sweeps_keep_long_work_alive() {
    let world = World { long_work: Some((5, 1)), ..World::new("long work", 1).poll(2).time(2, 1).sweeps(2) };
    assert!(complete(world, 95_672).extended);
}

#[test]
fn a_call_crashes_while_a_waiter_gives_up() {
    let world = World { give_up: 1, ..World::new("giving up", 1).queue(1).poll(1).time(1, 9).sweeps(1).tries(2) };
    assert!(complete(world.faults(Faults { crash: 1, ..F }), 281_042).gave_up);
}

#[test]
fn a_crash_a_lost_reply_and_a_lost_notice_at_once() {
    let faults = Faults { crash: 1, lose: 1, unheard: 1, ..F };
    complete(World::new("three faults", 1).queue(1).poll(1).tries(1).faults(faults), 23_950);
}
