//! Promises of calls in a large world: is somebody told what is not true, does a caller take what another waits for, does a
//! sweep leave anybody waiting, does a reported end leave anything held?

use leasehold_core::{
    Effect, Guard, HolderState, Lease, Limit, Millis, Row, RowKey, Settings, SlotRow, TaskCallback, TaskResult,
    Timestamp, WaitRow,
};

use super::call::Caller;
use super::judge::{holder_of, slot_of};
use super::plan::MS;
use super::population::{AskMode, ExecutionState};
use super::report::WorldReport;
use super::world::World;
use crate::checker::property;
use crate::row_store::RowStore;

/// Which slots somebody who waits could have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    /// Those that nobody holds.
    Free,
    /// Also those whose lease has expired.
    Expired,
}

/// Whether a step claims a slot.
fn claims(effects: &[Effect]) -> bool {
    let writes = |effect: &Effect| {
        let claims = |guard: &Guard| matches!(guard, Guard::ClaimSlotUnchanged | Guard::ClaimHolderUnchanged);
        matches!(effect, Effect::Request(request)
            if request.writes().iter().any(|write| write.conditions.iter().any(|(guard, _)| claims(guard))))
    };
    effects.iter().any(writes)
}

impl World {
    /// A holder is told that it has a lease: so it must be, unless it is told so late that it has expired.
    pub(super) fn judge_told(&mut self, holder: u32, lease: &Lease) {
        let member = &self.members[holder as usize];
        let (pool, mode) = (usize::from(member.pool), member.mode);
        if self.time_of(holder) >= lease.expires_at {
            self.report.told_late += 1;
            return;
        }
        let row = slot_of(self.pools[pool].table.row(RowKey::Slot(lease.id.slot)));
        let held = row.and_then(|row| Some((row.fence, row.held.as_ref()?)));
        let what = match held.filter(|(_, held)| held.holder == lease.holder) {
            Some((fence, held)) if fence == lease.id.fence && lease.expires_at <= held.expires_at => return,
            // Its answer was on its way while a repeated call of the same attempt changed nothing, or a newer one did.
            Some((fence, _)) if fence > lease.id.fence && mode != AskMode::Queue => return,
            Some((fence, held)) => {
                format!(
                    "{} was told of {} until {}: the slot says {fence}, {}",
                    lease.holder, lease.id, lease.expires_at, held.expires_at
                )
            }
            None => format!("{} was told of {}, which is not its any more", lease.holder, lease.id),
        };
        self.breaks(property::TOLD, what);
    }

    /// What a call is about to do: whoever saw somebody wait does not claim a slot.
    pub(super) fn judge_step(&mut self, at: u32, effects: &[Effect]) {
        let call = &mut self.calls[at as usize];
        let own_rows = |effect: &Effect| {
            matches!(effect, Effect::Request(request) if request.writes().iter().any(|write| {
                matches!(write.key, RowKey::Pool | RowKey::Override | RowKey::HighWater)
            }))
        };
        call.wrote_own_rows |= effects.iter().any(own_rows);
        let late = effects.iter().find_map(|effect| match effect {
            Effect::Callback(TaskCallback { result: TaskResult::Acquired(lease), .. }) => Some(lease),
            _ => None,
        });
        if let Some(lease) = late.filter(|lease| self.clock_of(at).is_some_and(|clock| clock >= lease.expires_at)) {
            let what = format!("{} tells {} of {}, which has expired", self.name_of(at), lease.holder, lease.id);
            return self.breaks(property::TOLD, what);
        }
        let call = &self.calls[at as usize];
        if call.saw_waiter && claims(effects) {
            let what = format!("{} claims a slot though it saw somebody wait", self.name_of(at));
            self.breaks(property::ORDER, what);
        }
    }

    /// A caller is told in its answer that it has a lease, and its call knows what time it is.
    pub(super) fn judge_answer(&mut self, at: u32, expires_at: Timestamp) {
        if self.clock_of(at).is_some_and(|clock| clock >= expires_at) {
            let what = format!("{} answers with a lease until {expires_at}, which has expired", self.name_of(at));
            self.breaks(property::TOLD, what);
        }
    }

    /// A holder is told that it has its lease for longer: so it must be.
    pub(super) fn judge_renewed(&mut self, holder: u32, expires_at: Timestamp) {
        let member = &self.members[holder as usize];
        let is_judged = !member.lost_to_end && self.time_of(holder) < expires_at;
        let Some(told) = member.told.filter(|_| is_judged) else { return };
        let row = slot_of(self.pools[usize::from(member.pool)].table.row(RowKey::Slot(told.slot)));
        let held = row.filter(|row| row.fence == told.fence).and_then(|row| row.held.as_ref());
        if held.is_none_or(|held| held.holder != member.holder || held.expires_at < expires_at) {
            let what = format!("{} was told that it has {} until {expires_at}, and has not", member.holder, told.slot);
            self.breaks(property::TOLD, what);
        }
    }

    /// What time a call takes it to be.
    fn clock_of(&self, at: u32) -> Option<Timestamp> {
        let machine = self.calls[at as usize].runs_on?;
        Some(self.machines[machine as usize].time(self.agenda.now()))
    }

    /// What one caller was told to be given back is not held any more.
    pub(super) fn judge_given_back(&mut self, pool: u16, holder: u32) {
        let Some(told) = self.members[holder as usize].told else { return };
        let row = slot_of(self.pools[usize::from(pool)].table.row(RowKey::Slot(told.slot)));
        if let Some(held) = row.filter(|row| row.fence == told.fence).and_then(|row| row.held.as_ref()) {
            let what = format!("{} was said to be given back, and {} holds it", told.slot, held.holder);
            self.breaks(property::GIVEN_BACK, what);
        }
    }

    /// A sweep begins: does somebody wait though a slot is open?
    pub(super) fn watch_sweep(&mut self, at: u32) {
        let call = &self.calls[at as usize];
        if let Caller::Sweep { .. } = call.by {
            let pool = usize::from(call.pool);
            let read_at = call.runs_on.and_then(|machine| self.machines[machine as usize].settings.as_ref());
            let read_at = read_at.map_or(0, |(_, read_at)| *read_at);
            // Whoever sweeps by an old limit grants by that one.
            let follows = self.pools[pool].limits.last().is_none_or(|(from, _)| *from < read_at);
            let starving = if follows { self.starving(pool, Open::Expired) } else { None };
            let watch = starving.map(|holder| (holder, self.pools[pool].grants));
            self.calls[at as usize].watch = watch;
        }
    }

    /// A sweep is done in which nothing went wrong: whoever waited though a slot was open does not still do so.
    pub(super) fn judge_sweep(&mut self, at: u32) {
        let call = &self.calls[at as usize];
        let pool = usize::from(call.pool);
        let Some((holder, grants)) = call.watch.filter(|_| !call.is_faulted) else { return };
        if self.pools[pool].grants == grants && self.starving(pool, Open::Expired) == Some(holder) {
            let what = format!(
                "a slot of pool{pool} is open, {} waits, and a sweep granted nothing",
                self.members[holder as usize].holder
            );
            self.breaks(property::WAKE_UP, what);
        }
    }

    /// No call is under way. Where nothing ever went wrong, nobody waits for a sweep. (Who gives back does not pay for all that
    /// gave up before.)
    pub(super) fn judge_idle(&mut self) {
        let WorldReport { faults, turned_away, partition_refused, notices_refused, states_failed, died, .. } =
            &self.report;
        let wrong = faults.sum() + turned_away + partition_refused + notices_refused + states_failed + died;
        if wrong > 0 || !self.plan.troubles.is_empty() {
            return;
        }
        for at in 0..self.pools.len() {
            let plan = &self.plan.pools[at];
            // What a limit holds back is open after a time, without a call.
            if plan.limits.is_empty()
                && self.agenda.now() < plan.longest_wait * MS
                && let Some(holder) = self.starving(at, Open::Free)
            {
                let what = format!("a slot of pool{at} is free, {} waits", self.members[holder as usize].holder);
                return self.breaks(property::WAKE_UP, format!("{what}, and nothing is under way"));
            }
        }
    }

    /// The first who waits and can be told, if a slot is open for it on every clock.
    fn starving(&self, at: usize, which: Open) -> Option<u32> {
        let (state, plan) = (&self.pools[at], &self.plan.pools[at]);
        let waiter = |place: &WaitRow| {
            let holder = *self.by_hash.get(&place.holder.hashed().own)?;
            let member = &self.members[holder as usize];
            let row = holder_of(state.table.row(RowKey::Holder(place.holder.hashed())))?;
            let is_there = matches!(row.state, HolderState::Waiting { ticket, .. } if ticket == place.ticket)
                && row.attempt == place.attempt;
            let early = place.give_up_at > self.time() + Millis(plan.grace);
            (is_there && early && member.waits() && member.attempt() == place.attempt).then_some(holder)
        };
        let first = state.table.places().take(50).find_map(waiter)?;
        let Some(Row::Pool(pool)) = state.table.row(RowKey::Pool) else { return None };
        let live = if let Some(Row::Override(row)) = state.table.row(RowKey::Override) { Some(row) } else { None };
        let mark = if let Some(Row::HighWater(row)) = state.table.row(RowKey::HighWater) { Some(*row) } else { None };
        let slots: Vec<SlotRow> = state.table.slots().cloned().collect();
        let (now, mut effective) = (self.time() - Millis(plan.grace), Limit::HIGHEST.count());
        // An override is over earlier or later on other clocks, too.
        for read_at in [now, self.time(), self.time() + Millis(plan.grace)] {
            let settings = Settings::from_rows(state.name.clone(), pool, live, mark, read_at).ok()?;
            effective = effective.min(settings.effective_limit(&slots, now));
        }
        let settings = Settings::from_rows(state.name.clone(), pool, live, mark, now).ok()?;
        let open = |slot: u32| match slots.iter().find(|row| row.slot.0 == slot).and_then(|row| row.held.as_ref()) {
            None => true,
            Some(held) => which == Open::Expired && now >= settings.reclaimable_at(held.expires_at),
        };
        (0..effective).any(open).then_some(first)
    }

    /// An end was reported, and whoever did it is done: nothing is left of what was there before.
    pub(super) fn judge_gone(&mut self, report: u32) {
        let report = &self.reports[report as usize];
        let execution = &self.executions[report.execution as usize];
        if execution.state == ExecutionState::Running || execution.items.1 > execution.items.0 {
            return;
        }
        for holder in execution.holders.0..execution.holders.1 {
            let member = &self.members[holder as usize];
            if member.counts {
                let what = format!("{} has ended, was reported, and still holds a lease", member.holder);
                return self.breaks(property::LEAK, what);
            }
        }
    }
}
