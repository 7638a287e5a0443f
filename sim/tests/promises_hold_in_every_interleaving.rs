//! Do all promises hold, whatever order the requests come in and whatever goes wrong between them?
//!
//! Each test explores one small world completely, and what the world is there to show must have happened. The numbers
//! of their states are pinned, all in one test: a change of the protocol changes them, and a world that shrank by
//! accident is found.

#![allow(clippy::expect_used, reason = "a test that can not set itself up has failed")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use leasehold_sim::checker::{
    CheckedWorld, Coverage, Faults, OperatorAction, Order, Report, explore, explore_anew, explore_on,
};

const F: Faults = Faults::NONE;

/// What came of each world, by name: the test that pins the numbers explores none a second time.
static EXPLORED: Mutex<BTreeMap<&str, Arc<OnceLock<Report>>>> = Mutex::new(BTreeMap::new());

fn explored(world: CheckedWorld) -> Report {
    let report = EXPLORED.lock().expect("no test fails while it looks here").entry(world.name).or_default().clone();
    report.get_or_init(|| explore(world, 12_000_000)).clone()
}

/// All of it was explored, and no promise broke; returns what was reached.
fn complete(world: CheckedWorld) -> Coverage {
    let report = explored(world);
    println!("{report}");
    assert!(report.broken.is_none(), "{report}");
    assert!(report.complete && report.seen.told, "{report}");
    report.seen
}

/// How many states each world has.
const PINNED: [(fn() -> CheckedWorld, usize); 43] = [
    (two_waiters, 1_905),
    (torn_queries, 566_780),
    (poll_and_queue, 25_162),
    (three_pollers, 3_350),
    (expiry, 238_867),
    (expiry_in_the_queue, 12_106),
    (crashes, 47_631),
    (lost_replies, 22_705),
    (lost_replies_polling, 7_237),
    (lost_give_backs, 209),
    (refusals, 6_844),
    (freezes, 81_999),
    (frozen_renewals, 38_840),
    (copies, 102_277),
    (release_by_holder, 58_055),
    (older_releases, 3_339),
    (newer_attempts, 423_880),
    (notices, 64_531),
    (events, 1_919),
    (redrive, 60_616),
    (lowered, 199_457),
    (folded, 225_295),
    (old_marks, 65_009),
    (raised, 37_628),
    (override_ends, 225_214),
    (override_meets_end, 14_273),
    (override_lapses, 12_482),
    (drain_lapses, 67_972),
    (override_meets_lapse, 152_994),
    (two_overrides, 173_551),
    (pool_is_set, 75_009),
    (settings_meet_an_end, 109_287),
    (pool_is_retired, 8_377),
    (shared_name, 281_016),
    (renewals, 284_391),
    (long_work, 70_755),
    (giving_up, 173_793),
    (gives_up_anew, 2_339_975),
    (ends_anew, 135_410),
    (leaves_anew, 215_166),
    (asks_for_more, 1_872),
    (renews_for_more, 3_826),
    (three_faults, 16_777),
];

#[test]
fn the_numbers_of_states_are_pinned() {
    let found: Vec<(&str, usize)> =
        PINNED.iter().map(|(world, _)| explored(world())).map(|r| (r.name, r.states)).collect();
    let expected: Vec<(&str, usize)> = PINNED.iter().map(|(world, states)| (world().name, *states)).collect();
    assert_eq!(found, expected);
}

/// The checker remembers steps, and searches on every core. Neither is to change what it finds.
#[test]
fn the_same_is_found_on_any_number_of_threads_and_anew() {
    const SMALL: usize = 45_000;
    for (world, _) in PINNED.iter().filter(|(_, states)| *states < SMALL) {
        let reports = [1, 2, 3].map(|threads| explore_on(threads, world(), SMALL));
        for report in reports.iter().chain([&explore_anew(world(), SMALL)]) {
            assert_eq!((report.to_string(), report.seen), (reports[0].to_string(), reports[0].seen));
        }
        // Also where the search ends before it is complete.
        let half = reports[0].states / 2;
        let [one, other] = [1, 3].map(|threads| explore_on(threads, world(), half));
        assert_eq!((one.to_string(), one.seen, one.states), (other.to_string(), other.seen, half));
    }
}

fn two_waiters() -> CheckedWorld {
    CheckedWorld::new("two waiters", 1).queue(2).order(Order::Every).torn()
}

#[test]
fn two_waiters_in_every_order_of_every_request() {
    let seen = complete(two_waiters());
    assert!(seen.claimed && seen.granted_from_queue);
}

fn torn_queries() -> CheckedWorld {
    CheckedWorld::new("torn queries", 2).queue(3).order(Order::Every).torn()
}

#[test]
fn two_slots_with_queries_that_see_rows_of_different_moments() {
    assert!(complete(torn_queries()).torn);
}

fn poll_and_queue() -> CheckedWorld {
    CheckedWorld::new("poll and queue", 2).queue(2).poll(1).attempts(2)
}

#[test]
fn three_holders_two_slots_polling_and_queueing() {
    let seen = complete(poll_and_queue());
    assert!(seen.claimed && seen.granted_from_queue && seen.refused);
    assert!(seen.most_overtaken <= 1);
}

fn three_pollers() -> CheckedWorld {
    CheckedWorld::new("three pollers", 2).poll(3).attempts(2)
}

#[test]
fn three_pollers_ask_again() {
    assert!(complete(three_pollers()).refused);
}

fn expiry() -> CheckedWorld {
    CheckedWorld::new("expiry", 1).poll(2).attempts(2).skew(1, 1).time(3, 1).sweeps(1)
}

#[test]
fn leases_expire_and_clocks_differ() {
    let seen = complete(expiry());
    assert!(seen.reclaimed && seen.lost && seen.already);
}

fn expiry_in_the_queue() -> CheckedWorld {
    CheckedWorld::new("expiry in the queue", 1).queue(2).time(2, 1)
}

#[test]
fn leases_of_waiters_expire_before_they_are_told() {
    assert!(complete(expiry_in_the_queue()).failed_task);
}

fn crashes() -> CheckedWorld {
    CheckedWorld::new("crashes", 1).queue(2).sweeps(1).tries(2).faults(Faults { crash: 2, ..F })
}

#[test]
fn two_calls_crash_anywhere() {
    assert!(complete(crashes()).renotified);
}

fn lost_replies() -> CheckedWorld {
    CheckedWorld::new("lost replies", 1).queue(2).tries(2).faults(Faults { lose: 1, ..F })
}

fn lost_replies_polling() -> CheckedWorld {
    CheckedWorld::new("lost replies, polling", 1).poll(2).attempts(2).tries(2).faults(Faults { lose: 2, ..F })
}

fn lost_give_backs() -> CheckedWorld {
    CheckedWorld::new("lost give-backs", 1).poll(2).tries(0).faults(Faults { lose: 1, ..F })
}

#[test]
fn a_give_back_gets_no_answer_and_is_not_tried_again() {
    assert!(complete(lost_give_backs()).give_back_lost);
}

#[test]
fn replies_are_lost_and_writes_are_served_late() {
    for seen in [complete(lost_replies()), complete(lost_replies_polling())] {
        assert!(seen.reply_lost && seen.served_late && seen.every_fault);
    }
}

fn refusals() -> CheckedWorld {
    CheckedWorld::new("refusals", 1).queue(1).poll(1).attempts(2).tries(2).faults(Faults { refuse: 2, ..F })
}

#[test]
fn the_table_refuses() {
    let seen = complete(refusals());
    assert!(seen.table_refused && seen.every_fault);
}

fn freezes() -> CheckedWorld {
    CheckedWorld::new("freezes", 1).queue(2).time(2, 1).tries(2).faults(Faults { freeze: 1, ..F })
}

#[test]
fn callers_freeze_until_their_lease_has_expired() {
    assert!(complete(freezes()).lost);
}

fn frozen_renewals() -> CheckedWorld {
    let mut world =
        CheckedWorld::new("frozen renewals", 1).poll(2).renews(1).time(2, 1).faults(Faults { freeze: 1, ..F });
    world.clients[1].renews = 0;
    world
}

#[test]
fn renewals_freeze_until_their_lease_has_expired() {
    let seen = complete(frozen_renewals());
    assert!(seen.renewed && seen.lost);
}

fn copies() -> CheckedWorld {
    CheckedWorld::new("copies", 1).queue(2).tries(2).faults(Faults { copy: 1, ..F })
}

#[test]
fn requests_are_delivered_twice_or_after_the_end() {
    let seen = complete(copies());
    assert!(seen.lost && seen.already);
}

fn release_by_holder() -> CheckedWorld {
    let world = CheckedWorld::new("release by holder", 1).poll(1).queue(1).attempts(2).tries(2);
    CheckedWorld { release_by_holder: true, ..world.faults(Faults { copy: 1, ..F }) }
}

#[test]
fn releases_by_holder_are_fenced_by_their_attempt() {
    assert!(complete(release_by_holder()).already);
}

fn older_releases() -> CheckedWorld {
    let faults = Faults { abandon: 1, older_release: 1, ..F };
    CheckedWorld::new("older releases", 1).queue(1).attempts(2).tries(2).faults(faults)
}

#[test]
fn a_release_by_an_older_attempt_comes_late() {
    assert!(complete(older_releases()).older_released);
}

fn newer_attempts() -> CheckedWorld {
    CheckedWorld::new("newer attempts", 1).queue(2).attempts(2).tries(2).faults(Faults { abandon: 1, ..F })
}

#[test]
fn a_waiting_task_times_out_and_asks_again() {
    assert!(complete(newer_attempts()).busy);
}

fn notices() -> CheckedWorld {
    let faults = Faults { unheard: 1, unknown_status: 1, ..F };
    CheckedWorld::new("notices", 1).queue(2).sweeps(1).tries(1).faults(faults)
}

#[test]
fn notices_are_lost_or_find_a_closed_task() {
    let seen = complete(notices());
    assert!(seen.renotified && seen.closed_task);
}

fn events() -> CheckedWorld {
    CheckedWorld::new("events", 1).queue(2).faults(Faults { die: 1, events: true, ..F })
}

#[test]
fn holders_die_and_their_end_is_reported() {
    let seen = complete(events());
    assert!(seen.died && seen.freed_by_event);
}

fn redrive() -> CheckedWorld {
    let faults = Faults { die: 1, events: true, redrive: 1, ..F };
    CheckedWorld::new("redrive", 1).poll(1).queue(1).time(1, 9).tries(2).faults(faults)
}

#[test]
fn an_execution_is_redriven_before_its_end_is_reported() {
    let seen = complete(redrive());
    assert!(seen.died && seen.redriven && seen.freed_by_event);
}

fn lowered() -> CheckedWorld {
    CheckedWorld::new("lowered", 2).queue(1).poll(1).change(1, 1, 2).time(2, 9)
}

#[test]
fn the_limit_is_lowered_while_leases_are_held() {
    let seen = complete(lowered());
    assert!(seen.limit_set && seen.above_limit && seen.granted_from_queue && seen.refused);
}

fn folded() -> CheckedWorld {
    CheckedWorld::new("folded", 2).poll(1).change(1, 0, 1).time(4, 1).sweeps(2)
}

#[test]
fn a_slot_above_a_lowered_limit_is_folded_away() {
    assert!(complete(folded()).folded);
}

/// Slot 1 is folded away under the fence at which slot 0 may have been granted meanwhile, to who has the mark of before.
fn old_marks() -> CheckedWorld {
    CheckedWorld::new("old marks", 1).poll(2).slot_above(1, 1, 2).time(1, 9).sweeps(1)
}

#[test]
fn a_slot_without_a_row_is_taken_once_by_old_marks_too() {
    assert!(complete(old_marks()).folded);
}

fn raised() -> CheckedWorld {
    CheckedWorld::new("raised", 1).queue(2).change(2, 0, 1)
}

#[test]
fn the_limit_is_raised_while_somebody_waits() {
    // Two only since the limit was raised.
    let seen = complete(raised());
    assert!(seen.limit_set && seen.granted_from_queue && seen.most_held == 2);
}

fn override_ends() -> CheckedWorld {
    let world = CheckedWorld::new("override ends", 1).poll(2).operator(OperatorAction::EndOverride, 1, 2);
    world.override_limit(2).torn_settings().time(2, 9)
}

#[test]
fn an_override_ends_while_callers_read_around_it() {
    assert!(complete(override_ends()).override_ended);
}

fn override_meets_end() -> CheckedWorld {
    let world = CheckedWorld::new("override meets end", 1).poll(1).operator(OperatorAction::EndOverride, 0, 1);
    world.override_limit(2).and_change(1).time(1, 9).order(Order::AsListed)
}

#[test]
fn an_override_is_made_while_the_one_before_ends() {
    let seen = complete(override_meets_end());
    assert!(seen.override_ended && seen.superseded);
}

fn override_lapses() -> CheckedWorld {
    CheckedWorld::new("override lapses", 1).poll(2).lapsing_override(2, 1, 1, 2).time(4, 9)
}

#[test]
fn an_override_lapses_while_leases_are_held() {
    let seen = complete(override_lapses());
    assert!(seen.most_held == 2 && seen.refused);
}

fn drain_lapses() -> CheckedWorld {
    CheckedWorld::new("drain lapses", 1).queue(1).lapsing_override(0, 1, 1, 1).sweeps(2).time(4, 9)
}

#[test]
fn a_drain_lapses_and_is_cleared_away_while_somebody_waits() {
    let seen = complete(drain_lapses());
    assert!(seen.cleared && seen.granted_from_queue);
}

fn override_meets_lapse() -> CheckedWorld {
    let world = CheckedWorld::new("override meets lapse", 2).poll(2).operator(OperatorAction::SetLimit(1), 0, 1);
    world.lapsing_override(1, 1, 0, 1).time(3, 9).order(Order::AsListed)
}

#[test]
fn an_override_is_made_while_the_one_before_lapses() {
    assert!(complete(override_meets_lapse()).limit_set);
}

fn two_overrides() -> CheckedWorld {
    CheckedWorld::new("two overrides", 1).poll(1).change(2, 0, 2).and_change(1).time(2, 9)
}

#[test]
fn of_two_overrides_the_one_asked_for_last_stays() {
    assert!(complete(two_overrides()).superseded);
}

fn pool_is_set() -> CheckedWorld {
    CheckedWorld::new("pool is set", 2).queue(1).poll(1).operator(OperatorAction::SetPool(1), 1, 2).time(2, 9)
}

#[test]
fn a_pool_is_set_while_leases_are_held() {
    assert!(complete(pool_is_set()).pool_set);
}

fn settings_meet_an_end() -> CheckedWorld {
    let world = CheckedWorld::new("settings meet an end", 2).poll(2).operator(OperatorAction::EndOverride, 0, 1);
    world.override_limit(3).and(OperatorAction::SetPool(1)).time(1, 9)
}

#[test]
fn settings_are_set_while_an_override_ends() {
    let seen = complete(settings_meet_an_end());
    assert!(seen.override_ended && seen.pool_set);
}

fn pool_is_retired() -> CheckedWorld {
    let world = CheckedWorld::new("pool is retired", 1).poll(2).attempts(2).operator(OperatorAction::RetirePool, 1, 2);
    world.time(1, 9)
}

#[test]
fn a_pool_is_retired_while_leases_are_held() {
    assert!(complete(pool_is_retired()).retired);
}

fn shared_name() -> CheckedWorld {
    CheckedWorld::new("shared name", 1).queue(2).poll(1).share_name(0, 1).tries(4)
}

#[test]
fn two_branches_share_a_name() {
    let seen = complete(shared_name());
    assert!(seen.busy && seen.closed_task);
}

fn renewals() -> CheckedWorld {
    CheckedWorld::new("renewals", 1).poll(2).renews(1).time(2, 1).sweeps(1).skew(0, 1)
}

#[test]
fn leases_are_renewed_while_they_expire() {
    assert!(complete(renewals()).renewed);
}

fn long_work() -> CheckedWorld {
    CheckedWorld { long_work: Some((5, 1)), ..CheckedWorld::new("long work", 1).poll(2).time(2, 1).sweeps(2) }
}

#[test]
fn sweeps_keep_long_work_alive() {
    assert!(complete(long_work()).extended);
}

fn giving_up() -> CheckedWorld {
    let world = CheckedWorld::new("giving up", 1).queue(1).poll(1).time(1, 9).sweeps(1).tries(2);
    CheckedWorld { give_up: 1, ..world.faults(Faults { crash: 1, ..F }) }
}

#[test]
fn a_call_crashes_while_a_waiter_gives_up() {
    assert!(complete(giving_up()).gave_up);
}

fn gives_up_anew() -> CheckedWorld {
    let world = CheckedWorld::new("gives up anew", 1).queue(1).attempts(2).poll(1).time(1, 9);
    CheckedWorld { give_up: 1, ..world.faults(Faults { abandon: 1, ..F }) }
}

#[test]
fn a_task_asks_again_while_it_is_given_up() {
    assert!(complete(gives_up_anew()).gave_up);
}

fn ends_anew() -> CheckedWorld {
    let faults = Faults { abandon: 1, events: true, ..F };
    CheckedWorld::new("ends anew", 1).queue(1).poll(1).attempts(2).tries(2).faults(faults)
}

#[test]
fn an_end_meets_a_task_that_asks_again() {
    complete(ends_anew());
}

fn leaves_anew() -> CheckedWorld {
    let faults = Faults { abandon: 1, ..F };
    let world = CheckedWorld::new("leaves anew", 1).queue(1).attempts(2).poll(1);
    CheckedWorld { release_by_holder: true, ..world.faults(faults) }
}

#[test]
fn a_release_by_holder_meets_a_task_that_asks_again() {
    complete(leaves_anew());
}

fn asks_for_more() -> CheckedWorld {
    let world = CheckedWorld::new("asks for more", 1).queue(1).poll(1).time(1, 1).asks_for(1_000, 1_000);
    CheckedWorld { give_up: 1, ..world }
}

fn renews_for_more() -> CheckedWorld {
    CheckedWorld::new("renews for more", 1).poll(2).renews(1).time(1, 1).asks_for(1_000, 1_000)
}

#[test]
fn clients_ask_for_more_than_the_pool_gives() {
    assert!(complete(asks_for_more()).gave_up);
    assert!(complete(renews_for_more()).renewed);
}

fn three_faults() -> CheckedWorld {
    let faults = Faults { crash: 1, lose: 1, unheard: 1, ..F };
    CheckedWorld::new("three faults", 1).queue(1).poll(1).tries(1).faults(faults)
}

#[test]
fn a_crash_a_lost_reply_and_a_lost_notice_at_once() {
    let seen = complete(three_faults());
    assert!(seen.crashed && seen.reply_lost && seen.unheard && seen.every_fault);
}
