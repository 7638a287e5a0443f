//! Dead waiters: how does one die, and what does it cost its pool? One grant and its way back, never a lease.
//!
//! A waiter is dead when its task is closed or can not be told for good, or when its process was killed, before it was told
//! that it has a lease. Judged where it can be known at the first telling: where no call crashed, no answer got lost and
//! nobody else told the same lease meanwhile.

use leasehold_core::{Attempt, Delivery, Effect, Held, HolderState, Millis, Row, RowKey, SlotRow, Timestamp};

use super::calls::close;
use super::invariants::Violation;
use super::state::{Call, Caller, Stage, Task, WorldState};
use super::step_memo::Told;
use super::transition::{Transition, small};
use super::world::{SettingsOf, Shared};
use super::{Coverage, property};
use crate::digest::Hashed;

impl Shared {
    /// How a client can die without an end of its execution; and how one without a token looks.
    pub(super) fn deaths_of(&self, state: &WorldState, at: usize, actions: &mut Vec<Transition>) {
        let (client, plan, number) = (&state.clients[at], &self.world.clients[at], small(at));
        if state.left.cancel > 0 && plan.token && matches!(client.stage, Stage::Asking | Stage::Working) {
            actions.push(Transition::Cancel { client: number });
        }
        let asks = |by: Caller| matches!(by, Caller::Acquire(other, _) if other == at);
        if plan.token || client.stage != Stage::Asking || state.calls.iter().any(|call| asks(call.by)) {
            return;
        }
        if state.left.kill > 0 {
            actions.push(Transition::Kill { client: number });
        }
        // A look that would change nothing is none.
        if !self.waits(state, at) || self.lapsed(state) {
            actions.push(Transition::Look { client: number });
        }
    }

    /// Whether this client's row says that it waits.
    pub(super) fn waits(&self, state: &WorldState, client: usize) -> bool {
        let row = state.table.row(RowKey::Holder(self.holder(client).hashed()));
        matches!(row, Some(Row::Holder(row)) if matches!(row.state, HolderState::Waiting { .. }))
    }

    /// Whether a lease has lapsed that nobody has taken away yet.
    fn lapsed(&self, state: &WorldState) -> bool {
        let now = Timestamp(state.now);
        let over = |held: &Held| now >= self.settings.reclaimable_at(held.expires_at);
        state.table.slots().filter_map(|row| row.held.as_ref()).any(over)
    }

    /// A branch is cancelled, or a process killed: it never works, never releases, and nobody reports it.
    pub(super) fn vanish(&self, state: &mut WorldState, client: usize, action: Transition, seen: &mut Coverage) {
        if let Transition::Kill { .. } = action {
            state.left.kill -= 1;
            seen.killed = true;
        } else {
            state.left.cancel -= 1;
            match state.clients[client].stage {
                Stage::Working => seen.cancelled_at_work = true,
                _ => seen.cancelled_waiting = true,
            }
        }
        state.client(client, |client| {
            close(client);
            client.stage = Stage::Gone;
        });
    }

    /// A callback is refused for good, and so will be all others to the same client.
    pub(super) fn refuse(
        &self,
        state: &mut WorldState,
        call: Hashed<Call>,
        callback: usize,
        seen: &mut Coverage,
    ) -> Result<(), Violation> {
        state.left.refuse_notice -= 1;
        if let Some(Effect::Callback(told)) = call.in_flight.effect(callback) {
            seen.notice_refused = true;
            if let Some((client, _)) = Shared::owner(&told.token) {
                state.client(client, |client| client.untellable = true);
            }
        }
        self.tell(state, call, Told::Answers(vec![(callback, Delivery::Refused.into())]), false, seen)
    }

    /// Whether a client's attempt is dead: it waited with a token, and was not and will not be told.
    fn is_dead(&self, state: &WorldState, client: usize, attempt: Attempt) -> bool {
        let (plan, standing) = (&self.world.clients[client], &state.clients[client]);
        let number = standing.number(client, attempt, self.world.counts_redrives).map(usize::from);
        let task = number.and_then(|number| standing.tasks.get(number.wrapping_sub(1)));
        let untold = task == Some(&Task::Closed) || (task == Some(&Task::Open) && standing.untellable);
        plan.queue && untold
    }

    /// A slot was granted: to a dead waiter, once at most for each of its attempts.
    pub(super) fn judge_dead_grant(
        &self,
        state: &mut WorldState,
        held: &Held,
        seen: &mut Coverage,
    ) -> Result<(), Violation> {
        if !self.world.judges_dead {
            return Ok(());
        }
        for client in (0..state.clients.len()).filter(|client| *self.holder(*client) == held.holder) {
            let standing = &state.clients[client];
            let newest = standing.number(client, held.attempt, self.world.counts_redrives) == Some(standing.begun);
            if !newest || !self.is_dead(state, client, held.attempt) {
                continue;
            }
            seen.granted_to_dead = true;
            state.client(client, |client| client.dead_grants += 1);
            if state.clients[client].dead_grants > 1 {
                let what = format!("{} is dead, and was granted a second lease", held.holder);
                return Err(Violation::new(property::DEAD_NOT_SERVED, what));
            }
        }
        Ok(())
    }

    /// Whether every grant was told once, by its granter, with an answer.
    fn is_sure(&self, state: &WorldState) -> bool {
        let (left, all) = (state.left, self.world.faults);
        let used = [
            (left.crash, all.crash),
            (left.lose, all.lose),
            (left.refuse, all.refuse),
            (left.freeze, all.freeze),
            (left.copy, all.copy),
            (left.unheard, all.unheard),
        ];
        used.iter().all(|(left, all)| left == all)
            && state.sweeps == self.world.sweeps
            && self.world.operator_plan.is_none()
    }

    /// Nothing is under way: no slot lies under a lease of a dead waiter. Of one without a token, no longer than it may.
    pub(super) fn judge_dead(&self, state: &WorldState) -> Result<(), Violation> {
        if !self.world.judges_dead {
            return Ok(());
        }
        let held_of = |row: &SlotRow| row.held.clone().filter(|held| state.now < held.expires_at.0);
        for held in state.table.slots().filter_map(held_of) {
            for client in (0..state.clients.len()).filter(|client| *self.holder(*client) == held.holder) {
                if !self.is_dead(state, client, held.attempt) {
                    continue;
                }
                let (standing, plan) = (&state.clients[client], &self.world.clients[client]);
                let short = |short: u64| held.expires_at <= held.acquired_at + Millis(short);
                let what = if !plan.token {
                    let killed = matches!(standing.stage, Stage::Over | Stage::Gone);
                    (killed && !self.world.short_lease.is_none_or(short)).then_some("was killed")
                } else {
                    // A newer attempt of a live holder takes over what the one before had.
                    let lives = matches!(standing.stage, Stage::Idle | Stage::Asking) && !standing.untellable;
                    (!lives && self.is_sure(state)).then_some("will never work")
                };
                if let Some(what) = what {
                    let others = (0..state.clients.len()).filter(|at| self.waits(state, *at)).count();
                    let what = format!("{} {what}, and has a lease until {}", held.holder, held.expires_at);
                    return Err(Violation::new(property::DEAD_NOT_SERVED, format!("{what}; {others} wait")));
                }
            }
        }
        Ok(())
    }

    /// A lease has lapsed: whoever waits without a token sees that at its next look, and nobody waits for a sweep.
    pub(super) fn judge_looks(&self, state: &WorldState, seen: &mut Coverage) -> Result<(), Violation> {
        let looks = |client: &usize| {
            let plan = &self.world.clients[*client];
            plan.queue && !plan.token && state.clients[*client].stage == Stage::Asking && self.waits(state, *client)
        };
        for client in (0..state.clients.len()).filter(looks) {
            let mut looked = state.clone();
            self.acquire(&mut looked, client, SettingsOf::Now, seen)?;
            self.finish_alone(&mut looked, seen)?;
            self.judge_waiting(&looked, true)?;
        }
        Ok(())
    }
}
