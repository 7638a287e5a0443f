//! Which rule keeps which promise? Each guard is taken away, from outside, and the checker must find what breaks.
//!
//! The code under test is the same: the checker's table ignores one condition by name, a setting is zero, a reply
//! is emptied, or a question is answered wrongly. With everything in place, the same world holds.
#![allow(clippy::expect_used, reason = "a test that can not set itself up has failed")]

use std::sync::Arc;

use leasehold_core::{
    AcquireRequest, Attempt, Delivery, Effect, ExecutionEnded, Fence, Guard, HighWaterRow, Holder, Intent, LeaseId,
    Limit, Lowering, Machine, Millis, Mode, Opening, Operation, ReleaseTarget, RenewRequest, Row, RowKey, Settings,
    Slot, SlotRow, Step, SweepRequest, TaskToken, Timestamp,
};
use leasehold_sim::checker::{
    Ablation, CheckedWorld, Faults, OperatorAction, Order, Report, explore, explore_anew, property,
};
use leasehold_sim::table::MemoryTable;

const MOST: usize = 3_000_000;

/// The world holds as far as it was explored when it broke without the guard; without it, this promise breaks.
fn breaks(whole: &CheckedWorld, without: CheckedWorld, expected: &[&str]) {
    let anew = explore_anew(without.clone(), MOST);
    let broken = explore(without, MOST);
    println!("{broken}\n");
    let Some(found) = &broken.broken else { panic!("nothing broke: {broken}") };
    assert!(expected.contains(&found.violation.promise), "another promise broke: {broken}");
    assert!(!found.steps.is_empty() && found.steps.iter().all(|step| step.starts_with('[')), "the trace can be read");
    assert_eq!(anew.to_string(), broken.to_string(), "without memory another counterexample is found");
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
        Guard::ReleaseSameLease => "a_late_release_would_free_another_lease_above_a_limit",
        Guard::ReleaseConfirmed => "a_late_release_would_free_the_next_holders_lease",
        Guard::ReturnUntold => "a_lease_that_was_told_again_would_be_given_back",
        Guard::ReturnUnrenewed => "redriven_work_would_lose_the_lease_it_renewed",
        Guard::RegrantSameLease => "a_lease_lost_meanwhile_would_be_granted_again_in_place",
        Guard::RenewSameLease => "a_lost_lease_would_be_renewed",
        Guard::RenewNeverShortens => "a_late_renewal_would_shorten_a_lease",
        Guard::EnqueueHolderUnchanged => "one_holder_would_wait_twice",
        Guard::ReplaceWaiterUnchanged => "a_waiter_granted_meanwhile_would_be_put_back",
        Guard::PutPlaceUnchanged => "a_branch_that_shares_a_name_would_never_be_told",
        Guard::RemoveSamePlace => "a_newer_attempts_place_would_be_removed",
        Guard::CollectSameLease => "a_lease_that_was_lost_would_be_collected",
        Guard::RaiseHighWaterUnchanged => "slots_would_be_used_that_are_folded_away",
        Guard::LowerHighWaterUnchanged => "a_lease_above_the_limit_would_be_forgotten",
        Guard::FoldSlotFree => "a_slot_in_use_would_be_folded_away",
        Guard::LeaveWaiterUnchanged => "a_waiter_granted_meanwhile_would_be_buried",
        Guard::LeaveSamePlace => "a_newer_attempt_would_lose_its_place_untold",
        Guard::ConfirmSameLease => "another_holders_notice_would_be_confirmed",
        Guard::SetLimitOverrideUnchanged => "a_lowering_would_be_forgotten_when_two_operators_meet",
        Guard::SetLimitPoolUnchanged => "a_lowering_would_be_forgotten_when_an_override_ends",
        Guard::EndOverrideUnchanged => "an_end_would_take_away_a_newer_override",
        Guard::EndOverridePoolUnchanged => "an_end_would_undo_a_change_of_settings",
        Guard::SetPoolUnchanged => "a_change_of_settings_would_undo_another",
        Guard::ClearOverrideUnchanged => "a_sweep_would_clear_an_override_that_has_not_lapsed",
    }
}

/// The test that runs is the one that is listed for this guard.
fn is_tested_here(guard: Guard) {
    let thread = std::thread::current();
    // A test that is a module's has the module's name before its own.
    assert_eq!(thread.name().and_then(|name| name.rsplit("::").next()), Some(tested_by(guard)));
}

fn guard(world: CheckedWorld, guard: Guard, expected: &[&str]) {
    is_tested_here(guard);
    breaks(&world, world.clone().without(guard), expected);
}

fn ablated(world: CheckedWorld, to: Ablation, expected: &[&str]) {
    breaks(&world, world.clone().ablated(to), expected);
}

fn faults() -> Faults {
    Faults::default()
}

#[test]
fn two_callers_would_claim_one_slot() {
    guard(CheckedWorld::new("claim a slot", 1).poll(2), Guard::ClaimSlotUnchanged, &[property::CAP, property::FENCE]);
}

#[test]
fn one_holder_would_claim_two_slots() {
    let world = CheckedWorld::new("claim for a holder", 2).poll(1).faults(Faults { copy: 1, ..faults() });
    guard(world, Guard::ClaimHolderUnchanged, &[property::ATTEMPTS]);
}

#[test]
fn a_renewed_lease_would_be_reclaimed() {
    let world = CheckedWorld::new("reclaim", 1).poll(2).attempts(2).renews(1).time(4, 2);
    guard(world, Guard::ReclaimUnchanged, &[property::CAP, property::TOLD]);
}

#[test]
fn a_slot_claimed_meanwhile_would_be_granted_to_a_waiter() {
    let world = CheckedWorld::new("grant a slot", 1).queue(2).poll(1).attempts(2);
    guard(world, Guard::GrantSlotUnchanged, &[property::CAP, property::FENCE]);
}

#[test]
fn one_waiter_would_be_granted_two_slots() {
    let world = CheckedWorld::new("grant to a waiter", 2).queue(3);
    guard(world, Guard::GrantWaiterUnchanged, &[property::ONE]);
}

#[test]
fn a_late_release_would_free_the_next_holders_lease() {
    let world = CheckedWorld::new("release", 1).poll(2).attempts(2).faults(Faults { copy: 1, ..faults() });
    guard(world, Guard::ReleaseConfirmed, &[property::FENCE]);
}

#[test]
fn a_lease_lost_meanwhile_would_be_granted_again_in_place() {
    let faults = Faults { abandon: 1, ..faults() };
    let world = CheckedWorld::new("regrant", 1).poll(2).attempts(2).time(3, 1).faults(faults);
    guard(world, Guard::RegrantSameLease, &[property::CAP, property::ONE, property::FENCE]);
}

#[test]
fn a_late_release_would_free_another_lease_above_a_limit() {
    let world = CheckedWorld::new("release above", 2).poll(2).attempts(2).change(1, 0, 1);
    let world = world.faults(Faults { copy: 1, ..faults() });
    guard(world, Guard::ReleaseSameLease, &[property::FENCE]);
}

#[test]
fn a_lease_that_was_told_again_would_be_given_back() {
    let world = CheckedWorld::new("return", 1).queue(2).poll(1).sweeps(1).tries(2);
    guard(world, Guard::ReturnUntold, &[property::CAP, property::TOLD, property::FENCE]);
}

#[test]
fn redriven_work_would_lose_the_lease_it_renewed() {
    is_tested_here(Guard::ReturnUnrenewed);
    for ignored in [&[][..], &[Guard::ReturnUnrenewed]] {
        let settings = Settings::new("p".parse().expect("a name"), Limit::try_from(1).expect("a limit"));
        let mut table = MemoryTable::default();
        Call::begin(ask("a"), &settings).finish(&mut table, &[]);
        let end = ExecutionEnded { execution: "a".into(), at: LATE + Millis(1), redrive: None, after: None };
        let end = Call::begin(end, &settings);
        // It was redriven, and its work makes sure that it still has its lease before the report of its end frees it.
        let end = end.until(&mut table, Intent::Free(Opening::Ended(None), None));
        let id = LeaseId { prefix: settings.prefix.clone(), slot: Slot(0), fence: Fence(1) };
        let renewal = RenewRequest { id, lease: Some(Millis(1)) };
        Call::begin(renewal, &settings).finish(&mut table, &[]);
        end.finish(&mut table, ignored);
        let Some(Row::Slot(row)) = table.row(RowKey::Slot(Slot(0))) else { panic!("a slot") };
        assert_eq!(row.held.is_some(), ignored.is_empty(), "without {ignored:?} others work beside it");
    }
}

#[test]
fn a_branch_that_shares_a_name_would_never_be_told() {
    let world = CheckedWorld::new("put a place", 1).queue(2).poll(1).share_name(0, 1);
    guard(world, Guard::PutPlaceUnchanged, &[property::TOLD_IN_THE_END]);
}

#[test]
fn a_newer_attempts_place_would_be_removed() {
    is_tested_here(Guard::RemoveSamePlace);
    for ignored in [&[][..], &[Guard::RemoveSamePlace]] {
        let full = Settings::new("p".parse().expect("a name"), Limit::try_from(0).expect("a limit"));
        let queue = |retry, wait| {
            let token = TaskToken::new(&format!("task{retry}")).expect("a token");
            let attempt = Some(Attempt { retry, ..Attempt::first(LATE) });
            AcquireRequest { attempt, wait, mode: Mode::Queue(Some(token)), ..ask("a") }
        };
        let mut table = MemoryTable::default();
        // It leaves before its place is there, which is nothing then; and begins anew in the same millisecond.
        let mut first = Call::begin(queue(1, Some(Millis(0))), &full).until(&mut table, Intent::Enqueue);
        let target = ReleaseTarget::Holder(Holder::new("a", "", None).expect("a holder"), None);
        Call::begin(target, &full).finish(&mut table, &[]);
        first.serve(&mut table, &[]);
        let sweep = Call::begin(SweepRequest, &full).until(&mut table, Intent::RemovePlace);
        Call::begin(queue(2, None), &full).finish(&mut table, &[]);
        sweep.finish(&mut table, ignored);
        let waits = table.rows().any(|row| matches!(row, Row::Wait(_)));
        assert_eq!(waits, ignored.is_empty(), "without {ignored:?} its place is gone, and nobody serves it");
    }
}

#[test]
fn a_lease_that_was_lost_would_be_collected() {
    let world = CheckedWorld::new("collect", 1).poll(2).tokenless(1, 1).time(3, 4).tries(1);
    guard(world, Guard::CollectSameLease, &[property::CAP, property::TOLD]);
}

/// An operation that is served step by step, while others go on beside it.
struct Call<M> {
    machine: M,
    effects: Vec<Effect>,
}

impl<M: Machine> Call<M> {
    fn begin<O: Operation<Machine = M, Outcome = M::Outcome>>(operation: O, settings: &Settings) -> Call<M> {
        let (machine, step) = operation.start(Arc::new(settings.clone()), LATE, 0);
        Call { machine, effects: effects(step).expect("a first step") }
    }

    /// Serves steps until one of the next requests is for this.
    fn until(mut self, table: &mut MemoryTable, intent: Intent) -> Call<M> {
        let is_for = |effect: &Effect| matches!(effect, Effect::Request(request) if request.writes().iter().any(|write| write.intent == intent));
        while !self.effects.iter().any(is_for) {
            assert!(self.serve(table, &[]), "it came to an end before");
        }
        self
    }

    /// Serves one step; whether there is another.
    fn serve(&mut self, table: &mut MemoryTable, ignored: &[Guard]) -> bool {
        let reply = |effect: &Effect| match effect {
            Effect::Request(request) => table.serve_ignoring(request, ignored).into(),
            _ => Delivery::Delivered.into(),
        };
        let replies = self.effects.iter().map(reply).collect();
        match effects(self.machine.resume(replies, LATE)) {
            Some(effects) => {
                self.effects = effects;
                true
            }
            None => false,
        }
    }

    fn finish(mut self, table: &mut MemoryTable, ignored: &[Guard]) {
        while self.serve(table, ignored) {}
    }
}

fn effects<T>(step: Step<T>) -> Option<Vec<Effect>> {
    if let Step::Perform { effects, .. } = step { Some(effects) } else { None }
}

/// Long after every change.
const LATE: Timestamp = Timestamp(1_000_000_000);

/// A pool whose limit was 2 and is 1, long since: slot 0 is held, and slot 1, which is free, is to be folded away.
fn to_be_folded() -> (MemoryTable, Settings) {
    let limit = |count: u64| Limit::try_from(count).expect("a limit");
    let lower = Some(Lowering { to: limit(1), since: Timestamp(0) });
    let mark = HighWaterRow { slots: 2, fence: Fence(0), lower };
    let mut table = MemoryTable::default();
    table.put(Row::HighWater(mark));
    table.put(Row::Slot(SlotRow { slot: Slot(1), fence: Fence(5), held: None }));
    let settings = Settings { high_water: Some(mark), ..Settings::new("p".parse().expect("a name"), limit(1)) };
    Call::begin(ask("first"), &settings).finish(&mut table, &[]);
    (table, settings)
}

/// The settings of whoever reads them now that the limit is 2 again.
fn raised(table: &MemoryTable, settings: &Settings) -> Settings {
    let Some(Row::HighWater(mark)) = table.row(RowKey::HighWater).cloned() else { panic!("a mark") };
    Settings { high_water: Some(mark), limit: Limit::try_from(2).expect("a limit"), ..settings.clone() }
}

fn ask(name: &str) -> AcquireRequest {
    let holder = Holder::new(name, "", None).expect("a holder");
    AcquireRequest { holder, attempt: None, mode: Mode::Poll, lease: None, wait: None, label: None }
}

fn slot_one(table: &MemoryTable) -> Option<(Fence, bool)> {
    let Some(Row::Slot(row)) = table.row(RowKey::Slot(Slot(1))) else { return None };
    Some((row.fence, row.held.is_some()))
}

#[test]
fn a_slot_in_use_would_be_folded_away() {
    is_tested_here(Guard::FoldSlotFree);
    for ignored in [&[][..], &[Guard::FoldSlotFree]] {
        let (mut table, settings) = to_be_folded();
        let sweep = Call::begin(SweepRequest, &settings).until(&mut table, Intent::FoldSlot);
        let again = raised(&table, &settings);
        Call::begin(ask("second"), &again).finish(&mut table, &[]);
        assert_eq!(slot_one(&table), Some((Fence(6), true)));
        sweep.finish(&mut table, ignored);
        assert_eq!(slot_one(&table).is_some(), ignored.is_empty(), "without {ignored:?}");
    }
}

#[test]
fn a_lease_above_the_limit_would_be_forgotten() {
    is_tested_here(Guard::LowerHighWaterUnchanged);
    for ignored in [&[][..], &[Guard::LowerHighWaterUnchanged]] {
        let (mut table, settings) = to_be_folded();
        let mut sweep = Call::begin(SweepRequest, &settings).until(&mut table, Intent::FoldSlot);
        sweep.serve(&mut table, &[]);
        let again = raised(&table, &settings);
        Call::begin(ask("second"), &again).finish(&mut table, &[]);
        // The fence that was folded away is remembered.
        assert_eq!(slot_one(&table), Some((Fence(6), true)));
        sweep.finish(&mut table, ignored);
        let level = raised(&table, &settings).high_water.is_some_and(|mark| mark.slots > 1);
        assert_eq!(level, ignored.is_empty(), "without {ignored:?} nobody would look at slot 1");
    }
}

#[test]
fn slots_would_be_used_that_are_folded_away() {
    is_tested_here(Guard::RaiseHighWaterUnchanged);
    for ignored in [&[][..], &[Guard::RaiseHighWaterUnchanged]] {
        let (mut table, settings) = to_be_folded();
        let again = raised(&table, &settings);
        let second = Call::begin(ask("second"), &again).until(&mut table, Intent::MoveHighWater);
        Call::begin(SweepRequest, &settings).finish(&mut table, &[]);
        assert_eq!(slot_one(&table), None);
        second.finish(&mut table, ignored);
        let fence = slot_one(&table).map(|(fence, _)| fence);
        assert_eq!(fence, Some(if ignored.is_empty() { Fence(6) } else { Fence(1) }), "without {ignored:?}");
    }
}

#[test]
fn a_lost_lease_would_be_renewed() {
    let world = CheckedWorld::new("renew", 1).poll(2).attempts(2).renews(1).time(4, 1);
    guard(world, Guard::RenewSameLease, &[property::CAP, property::TOLD]);
}

#[test]
fn a_late_renewal_would_shorten_a_lease() {
    let world = CheckedWorld::new("shorten", 1).poll(2).renews(2).time(4, 3);
    guard(world, Guard::RenewNeverShortens, &[property::TOLD]);
}

#[test]
fn one_holder_would_wait_twice() {
    let world = CheckedWorld::new("join", 1).queue(2).faults(Faults { copy: 1, ..faults() });
    guard(world, Guard::EnqueueHolderUnchanged, &[property::ONE, property::ATTEMPTS]);
}

#[test]
fn a_waiter_granted_meanwhile_would_be_put_back() {
    let world = CheckedWorld::new("take over", 1).queue(2).attempts(2).faults(Faults { abandon: 1, ..faults() });
    guard(world, Guard::ReplaceWaiterUnchanged, &[property::ONE, property::ATTEMPTS]);
}

#[test]
fn a_waiter_granted_meanwhile_would_be_buried() {
    let faults = Faults { abandon: 1, events: true, ..faults() };
    let world = CheckedWorld::new("leave", 1).queue(2).faults(faults);
    guard(world, Guard::LeaveWaiterUnchanged, &[property::ONE, property::LEAK]);
}

#[test]
fn a_newer_attempt_would_lose_its_place_untold() {
    let world = CheckedWorld::new("leave a place", 1).queue(1).poll(1).attempts(2).time(1, 9).sweeps(1).tries(2);
    let world = CheckedWorld { give_up: 1, ..world.faults(Faults { abandon: 1, ..faults() }) };
    guard(world, Guard::LeaveSamePlace, &[property::TOLD_IN_THE_END]);
}

#[test]
fn another_holders_notice_would_be_confirmed() {
    let faults = Faults { crash: 1, ..faults() };
    let world = CheckedWorld::new("confirm", 1).queue(3).tries(2).faults(faults);
    guard(world, Guard::ConfirmSameLease, &[property::TOLD_IN_THE_END, property::WAKE_UP]);
}

#[test]
fn a_lowering_would_be_forgotten_when_two_operators_meet() {
    let world = CheckedWorld::new("two operators", 1).poll(2).change(2, 0, 1).and_change(1).time(2, 9);
    guard(world, Guard::SetLimitOverrideUnchanged, &[property::CAP, property::NEWEST]);
}

#[test]
fn a_lowering_would_be_forgotten_when_an_override_ends() {
    let world = CheckedWorld::new("an end meets an override", 1).poll(2).operator(OperatorAction::EndOverride, 0, 1);
    let world = world.override_limit(2).and_change(1).time(1, 9).order(Order::AsListed);
    guard(world, Guard::SetLimitPoolUnchanged, &[property::CAP]);
}

#[test]
fn an_end_would_take_away_a_newer_override() {
    let world = CheckedWorld::new("an override meets its end", 2).poll(2).operator(OperatorAction::EndOverride, 0, 1);
    let world = world.override_limit(3).and_change(1).time(1, 9);
    guard(world, Guard::EndOverrideUnchanged, &[property::CAP, property::NEWEST]);
}

#[test]
fn an_end_would_undo_a_change_of_settings() {
    let world = CheckedWorld::new("settings meet an end", 2).poll(2).operator(OperatorAction::EndOverride, 0, 1);
    let world = world.override_limit(2).and(OperatorAction::SetPool(1)).time(1, 9);
    guard(world, Guard::EndOverridePoolUnchanged, &[property::CAP, property::NEWEST]);
}

#[test]
fn a_change_of_settings_would_undo_another() {
    let world = CheckedWorld::new("two change the settings", 2).poll(2).operator(OperatorAction::SetPool(1), 0, 1);
    let world = world.and(OperatorAction::SetPool(3)).time(1, 9);
    guard(world, Guard::SetPoolUnchanged, &[property::CAP, property::NEWEST]);
}

#[test]
fn a_sweep_would_clear_an_override_that_has_not_lapsed() {
    // It lapses after 1, and may be cleared two quiet periods and the grace later.
    let world = CheckedWorld::new("a sweep meets an override", 1).poll(1).operator(OperatorAction::SetLimit(2), 0, 1);
    let world = world.lapsing_override(1, 1, 0, 1).sweeps(1).time(4, 9).order(Order::AsListed);
    guard(world, Guard::ClearOverrideUnchanged, &[property::NEWEST]);
}

#[test]
fn without_tombstones_a_late_copy_starts_anew() {
    let world = CheckedWorld::new("tombstones", 1).poll(1).faults(Faults { copy: 1, ..faults() });
    ablated(world, Ablation::Tombstones, &[property::ATTEMPTS]);
}

#[test]
fn without_attempts_an_older_one_overwrites_a_newer() {
    let faults = Faults { abandon: 1, copy: 1, ..faults() };
    let world = CheckedWorld::new("attempts", 1).queue(2).attempts(2).faults(faults);
    ablated(world, Ablation::Attempts, &[property::ATTEMPTS]);
}

#[test]
fn without_the_second_look_a_waiter_is_forgotten() {
    ablated(CheckedWorld::new("second look", 1).queue(2), Ablation::SecondLook, &[property::WAKE_UP]);
}

#[test]
fn without_grace_a_fast_clock_takes_what_is_still_held() {
    let world = CheckedWorld::new("grace", 1).poll(2).attempts(2).skew(1, 1).time(3, 1);
    ablated(world, Ablation::Grace, &[property::CAP]);
}

#[test]
fn without_the_mark_a_lost_notice_is_never_sent_again() {
    let world = CheckedWorld::new("unconfirmed", 1).queue(2).faults(Faults { crash: 1, ..faults() });
    ablated(world, Ablation::Unconfirmed, &[property::TOLD_IN_THE_END]);
}

#[test]
fn without_revoking_a_late_notice_tells_of_a_lost_lease() {
    let world = CheckedWorld::new("revoke", 1).queue(2).time(3, 1).sweeps(1);
    ablated(world, Ablation::Revoke, &[property::TOLD]);
}

#[test]
fn without_counting_those_above_too_many_are_granted() {
    let world = CheckedWorld::new("above the limit", 2).poll(3).change(1, 0, 0).time(1, 9);
    ablated(world, Ablation::AboveLimit, &[property::CAP]);
}

#[test]
fn without_the_quiet_period_two_limits_grant_too_many() {
    let world = CheckedWorld::new("quiet", 2).poll(2).change(1, 1, 2).time(2, 9);
    ablated(world, Ablation::Quiet, &[property::CAP]);
}

#[test]
fn without_a_quiet_period_after_a_lapse_too_many_are_granted() {
    let world = CheckedWorld::new("lapse", 1).poll(2).lapsing_override(2, 1, 1, 2).time(4, 9);
    ablated(world, Ablation::Lapse, &[property::CAP]);
}

#[test]
fn a_closed_task_is_not_a_dead_holder() {
    let faults = Faults { unheard: 1, ..faults() };
    let world = CheckedWorld::new("closed task", 1).queue(2).poll(1).sweeps(1).tries(2).faults(faults);
    ablated(world, Ablation::ClosedMeansEnded, &[property::CAP, property::TOLD]);
}

#[test]
fn a_frozen_caller_looks_at_the_clock_before_it_tells() {
    let faults = Faults { freeze: 1, ..faults() };
    let world = CheckedWorld::new("second clock", 1).poll(2).attempts(2).time(3, 1).faults(faults);
    ablated(world, Ablation::SecondClock, &[property::TOLD]);
}

#[test]
fn an_event_that_comes_late_frees_only_what_was_acquired_before() {
    let faults = Faults { die: 1, events: true, redrive: 1, ..faults() };
    let world = CheckedWorld::new("when it ended", 1).poll(2).attempts(2).time(1, 9).faults(faults);
    ablated(world, Ablation::WhenItEnded, &[property::CAP]);
}
