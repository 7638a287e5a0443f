//! Which rule keeps which promise? Each guard is taken away, from outside, and the checker must find what breaks.
//!
//! The code under test is the same: the checker's table ignores one condition by name, a setting is zero, a reply
//! is emptied, or a question is answered wrongly. With everything in place, the same world holds.

use leasehold_core::Guard;
use leasehold_sim::checker::{Ablation, Faults, OperatorAction, Order, Report, World, explore, property};

const MOST: usize = 3_000_000;

/// The world holds as far as it was explored when it broke without the guard; without it, this promise breaks.
fn breaks(whole: &World, without: World, expected: &[&str]) {
    let broken = explore(without, MOST);
    println!("{broken}\n");
    let Some(found) = &broken.broken else { panic!("nothing broke: {broken}") };
    assert!(expected.contains(&found.violation.promise), "another promise broke: {broken}");
    assert!(!found.steps.is_empty() && found.steps.iter().all(|step| step.starts_with('[')), "the trace can be read");
    holds(&explore(whole.clone(), broken.states + 1));
}

fn holds(report: &Report) {
    assert!(report.broken.is_none(), "{report}");
}

/// The test that takes each guard away: a guard without one does not compile.
fn tested_by(guard: Guard) -> &'static str {
    match guard {
        Guard::ClaimSlotUnchanged => "two_callers_would_claim_one_slot",
        Guard::ClaimHolderUnchanged => "one_holder_would_claim_two_slots",
        Guard::ReclaimUnchanged => "a_renewed_lease_would_be_reclaimed",
        Guard::GrantSlotUnchanged => "a_slot_claimed_meanwhile_would_be_granted_to_a_waiter",
        Guard::GrantWaiterUnchanged => "one_waiter_would_be_granted_two_slots",
        Guard::ReleaseSameLease => "a_late_release_would_free_the_next_holders_lease",
        Guard::RegrantSameLease => "a_lease_lost_meanwhile_would_be_granted_again_in_place",
        Guard::VacateSameLease => "a_slot_lost_meanwhile_would_be_vacated",
        Guard::RenewSameLease => "a_lost_lease_would_be_renewed",
        Guard::RenewNeverShortens => "a_late_renewal_would_shorten_a_lease",
        Guard::EnqueueHolderUnchanged => "one_holder_would_wait_twice",
        Guard::ReplaceWaiterUnchanged => "a_waiter_granted_meanwhile_would_be_put_back",
        Guard::LeaveWaiterUnchanged => "a_waiter_granted_meanwhile_would_be_buried",
        Guard::ConfirmSameLease => "another_holders_notice_would_be_confirmed",
        Guard::SetLimitOverrideUnchanged => "a_lowering_would_be_forgotten_when_two_operators_meet",
        Guard::SetLimitPoolUnchanged => "a_lowering_would_be_forgotten_when_an_override_ends",
        Guard::EndOverrideUnchanged => "an_end_would_take_away_a_newer_override",
        Guard::EndOverridePoolUnchanged => "an_end_would_undo_a_change_of_settings",
        Guard::SetPoolUnchanged => "a_change_of_settings_would_undo_another",
    }
}

fn guard(world: World, guard: Guard, expected: &[&str]) {
    assert_eq!(std::thread::current().name(), Some(tested_by(guard)));
    breaks(&world, world.clone().without(guard), expected);
}

fn blind(world: World, to: Ablation, expected: &[&str]) {
    breaks(&world, world.clone().ablated(to), expected);
}

fn faults() -> Faults {
    Faults::default()
}

#[test]
fn two_callers_would_claim_one_slot() {
    guard(World::new("claim a slot", 1).poll(2), Guard::ClaimSlotUnchanged, &[property::CAP, property::FENCE]);
}

#[test]
fn one_holder_would_claim_two_slots() {
    let world = World::new("claim for a holder", 2).poll(1).faults(Faults { copy: 1, ..faults() });
    guard(world, Guard::ClaimHolderUnchanged, &[property::ATTEMPTS]);
}

#[test]
fn a_renewed_lease_would_be_reclaimed() {
    let world = World::new("reclaim", 1).poll(2).attempts(2).renews(1).time(4, 2);
    guard(world, Guard::ReclaimUnchanged, &[property::CAP, property::TOLD]);
}

#[test]
fn a_slot_claimed_meanwhile_would_be_granted_to_a_waiter() {
    let world = World::new("grant a slot", 1).queue(2).poll(1).attempts(2);
    guard(world, Guard::GrantSlotUnchanged, &[property::CAP, property::FENCE]);
}

#[test]
fn one_waiter_would_be_granted_two_slots() {
    let world = World::new("grant to a waiter", 2).queue(3);
    guard(world, Guard::GrantWaiterUnchanged, &[property::ONE]);
}

#[test]
fn a_late_release_would_free_the_next_holders_lease() {
    let world = World::new("release", 1).poll(2).attempts(2).faults(Faults { copy: 1, ..faults() });
    guard(world, Guard::ReleaseSameLease, &[property::FENCE]);
}

#[test]
fn a_lease_lost_meanwhile_would_be_granted_again_in_place() {
    let faults = Faults { abandon: 1, ..faults() };
    let world = World::new("regrant", 1).poll(2).attempts(2).time(3, 1).faults(faults);
    guard(world, Guard::RegrantSameLease, &[property::CAP, property::ONE, property::FENCE]);
}

#[test]
fn a_slot_lost_meanwhile_would_be_vacated() {
    let faults = Faults { abandon: 1, copy: 1, ..faults() };
    let world = World::new("vacate", 2).queue(1).attempts(2).change(1, 0, 1).faults(faults);
    guard(world, Guard::VacateSameLease, &[property::FENCE]);
}

#[test]
fn a_lost_lease_would_be_renewed() {
    let world = World::new("renew", 1).poll(2).attempts(2).renews(1).time(4, 1);
    guard(world, Guard::RenewSameLease, &[property::CAP, property::TOLD]);
}

#[test]
fn a_late_renewal_would_shorten_a_lease() {
    let world = World::new("shorten", 1).poll(2).renews(2).time(4, 3);
    guard(world, Guard::RenewNeverShortens, &[property::TOLD]);
}

#[test]
fn one_holder_would_wait_twice() {
    let world = World::new("join", 1).queue(2).faults(Faults { copy: 1, ..faults() });
    guard(world, Guard::EnqueueHolderUnchanged, &[property::ONE, property::ATTEMPTS]);
}

#[test]
fn a_waiter_granted_meanwhile_would_be_put_back() {
    let world = World::new("take over", 1).queue(2).attempts(2).faults(Faults { abandon: 1, ..faults() });
    guard(world, Guard::ReplaceWaiterUnchanged, &[property::ONE, property::ATTEMPTS]);
}

#[test]
fn a_waiter_granted_meanwhile_would_be_buried() {
    let faults = Faults { abandon: 1, events: true, ..faults() };
    let world = World::new("leave", 1).queue(2).faults(faults);
    guard(world, Guard::LeaveWaiterUnchanged, &[property::ONE, property::LEAK]);
}

#[test]
fn another_holders_notice_would_be_confirmed() {
    let faults = Faults { crash: 1, ..faults() };
    let world = World::new("confirm", 1).queue(2).time(3, 1).faults(faults);
    guard(world, Guard::ConfirmSameLease, &[property::TOLD_IN_THE_END, property::WAKE_UP]);
}

#[test]
fn a_lowering_would_be_forgotten_when_two_operators_meet() {
    let world = World::new("two operators", 1).poll(2).change(2, 0, 1).and_change(1).time(2, 9);
    guard(world, Guard::SetLimitOverrideUnchanged, &[property::CAP, property::NEWEST]);
}

#[test]
fn a_lowering_would_be_forgotten_when_an_override_ends() {
    let world = World::new("an end meets an override", 1).poll(2).operator(OperatorAction::EndOverride, 0, 1);
    let world = world.override_limit(2).and_change(1).time(1, 9).order(Order::AsListed);
    guard(world, Guard::SetLimitPoolUnchanged, &[property::CAP]);
}

#[test]
fn an_end_would_take_away_a_newer_override() {
    let world = World::new("an override meets its end", 2).poll(2).operator(OperatorAction::EndOverride, 0, 1);
    let world = world.override_limit(3).and_change(1).time(1, 9);
    guard(world, Guard::EndOverrideUnchanged, &[property::CAP, property::NEWEST]);
}

#[test]
fn an_end_would_undo_a_change_of_settings() {
    let world = World::new("settings meet an end", 2).poll(2).operator(OperatorAction::EndOverride, 0, 1);
    let world = world.override_limit(2).and(OperatorAction::SetPool(1)).time(1, 9);
    guard(world, Guard::EndOverridePoolUnchanged, &[property::CAP, property::NEWEST]);
}

#[test]
fn a_change_of_settings_would_undo_another() {
    let world = World::new("two change the settings", 2).poll(2).operator(OperatorAction::SetPool(1), 0, 1);
    let world = world.and(OperatorAction::SetPool(3)).time(1, 9);
    guard(world, Guard::SetPoolUnchanged, &[property::CAP, property::NEWEST]);
}

#[test]
fn without_tombstones_a_late_copy_starts_anew() {
    let world = World::new("tombstones", 1).poll(1).faults(Faults { copy: 1, ..faults() });
    blind(world, Ablation::Tombstones, &[property::ATTEMPTS]);
}

#[test]
fn without_attempts_an_older_one_overwrites_a_newer() {
    let faults = Faults { abandon: 1, copy: 1, ..faults() };
    let world = World::new("attempts", 1).queue(2).attempts(2).faults(faults);
    blind(world, Ablation::Attempts, &[property::ATTEMPTS]);
}

#[test]
fn without_the_second_look_a_waiter_is_forgotten() {
    blind(World::new("second look", 1).queue(2), Ablation::SecondLook, &[property::WAKE_UP]);
}

#[test]
fn without_grace_a_fast_clock_takes_what_is_still_held() {
    let world = World::new("grace", 1).poll(2).attempts(2).skew(1, 1).time(3, 1);
    blind(world, Ablation::Grace, &[property::CAP]);
}

#[test]
fn without_the_mark_a_lost_notice_is_never_sent_again() {
    let world = World::new("unconfirmed", 1).queue(2).faults(Faults { crash: 1, ..faults() });
    blind(world, Ablation::Unconfirmed, &[property::TOLD_IN_THE_END]);
}

#[test]
fn without_burning_a_late_notice_tells_of_a_lost_lease() {
    let world = World::new("burn", 1).queue(2).time(3, 1).sweeps(1);
    blind(world, Ablation::Burn, &[property::TOLD]);
}

#[test]
fn without_counting_those_above_too_many_are_granted() {
    let world = World::new("above the limit", 2).poll(3).change(1, 0, 0).time(1, 9);
    blind(world, Ablation::AboveLimit, &[property::CAP]);
}

#[test]
fn without_the_quiet_period_two_limits_grant_too_many() {
    let world = World::new("quiet", 2).poll(2).change(1, 1, 2).time(2, 9);
    blind(world, Ablation::Quiet, &[property::CAP]);
}

#[test]
fn a_closed_task_is_not_a_dead_holder() {
    let faults = Faults { unheard: 1, ..faults() };
    let world = World::new("closed task", 1).queue(2).sweeps(1).faults(faults);
    blind(world, Ablation::ClosedMeansEnded, &[property::CAP, property::TOLD]);
}

#[test]
fn a_frozen_caller_looks_at_the_clock_before_it_tells() {
    let faults = Faults { freeze: 1, ..faults() };
    let world = World::new("second clock", 1).poll(2).attempts(2).time(3, 1).faults(faults);
    blind(world, Ablation::SecondClock, &[property::TOLD]);
}

#[test]
fn an_event_that_comes_late_frees_only_what_was_acquired_before() {
    let faults = Faults { die: 1, events: true, redrive: 1, ..faults() };
    let world = World::new("when it ended", 1).poll(2).attempts(2).time(1, 9).faults(faults);
    blind(world, Ablation::WhenItEnded, &[property::CAP]);
}
