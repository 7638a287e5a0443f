//! Executions: how does one end, how is its end reported, and how does it begin again?
//!
//! Also what follows from that: a report frees nothing of a later redrive, and no newest attempt is refused as if it were
//! an older one.

use leasehold_core::{Attempt, ExecutionEnded, Failure, HolderState, LossReason, Millis, Row, RowKey, Timestamp};

use super::ablations::Ablation;
use super::calls::close;
use super::invariants::Violation;
use super::state::{Caller, EndReport, Stage, WorldState};
use super::transition::{Transition, small};
use super::world::{SettingsOf, Shared};
use super::{Coverage, property};

impl Shared {
    /// What can come of the end of a client's execution.
    pub(super) fn ends_of(&self, state: &WorldState, client: usize, actions: &mut Vec<Transition>) {
        let (number, standing) = (small(client), &state.clients[client]);
        if let Some(report) = standing.report {
            actions.push(Transition::Report { client: number });
            if state.left.redrive > 0 && standing.stage == Stage::Over && report.at < Timestamp(state.now) {
                actions.push(Transition::Redrive { client: number });
            }
        }
        if state.left.report_again > 0 && standing.reported.is_some() {
            actions.push(Transition::ReportAgain { client: number });
        }
        let failed = standing.report.is_some() || standing.reported.is_some();
        if state.left.redrive_in_place > 0 && standing.stage == Stage::Over && failed {
            actions.push(Transition::RedriveInPlace { client: number });
        }
        let goes_on = |other: usize| !matches!(state.clients[other].stage, Stage::Idle | Stage::Over);
        if state.left.end > 0 && self.branches(client).next() == Some(client) && self.branches(client).any(goes_on) {
            actions.push(Transition::End { client: number });
        }
    }

    /// The clients that are branches of the same execution as this one.
    pub(super) fn branches(&self, client: usize) -> impl Iterator<Item = usize> {
        let execution = self.holder(client).execution();
        (0..self.world.clients.len()).filter(move |other| self.holder(*other).execution() == execution)
    }

    /// An execution ends, its end is reported, or it begins again.
    pub(super) fn end(
        &self,
        state: &mut WorldState,
        client: usize,
        action: Transition,
        seen: &mut Coverage,
    ) -> Result<(), Violation> {
        match action {
            Transition::Report { .. } => {
                let Some(report) = state.clients[client].report else { return Ok(()) };
                let may_follow = state.left.report_again > 0 || state.left.redrive_in_place > 0;
                state.client(client, |client| {
                    client.report = None;
                    client.reported = may_follow.then_some(report);
                });
                self.report(state, client, report, seen)
            }
            Transition::ReportAgain { .. } => {
                state.left.report_again -= 1;
                let Some(report) = state.clients[client].reported else { return Ok(()) };
                seen.reported_again = true;
                self.report(state, client, report, seen)
            }
            Transition::Redrive { .. } => {
                state.left.redrive -= 1;
                seen.redriven = true;
                state.client(client, |client| client.stage = Stage::Idle);
                Ok(())
            }
            Transition::RedriveInPlace { .. } => {
                state.left.redrive_in_place -= 1;
                seen.redriven_in_place = true;
                state.client(client, |client| {
                    client.redriven.push(client.begun);
                    client.stage = Stage::Idle;
                });
                Ok(())
            }
            _ => {
                state.left.end -= 1;
                state.faulted = true;
                let waits = |at: &usize| {
                    let row = state.table.row(RowKey::Holder(self.holder(*at).hashed()));
                    matches!(row, Some(Row::Holder(row)) if matches!(row.state, HolderState::Waiting { .. }))
                };
                seen.most_left_waiting = seen.most_left_waiting.max(self.branches(client).filter(waits).count());
                let branches: Vec<usize> = self.branches(client).collect();
                for branch in branches {
                    self.over(state, branch);
                }
                let report = self.world.faults.events.then(|| self.end_now(state, client));
                state.client(client, |client| client.report = report);
                Ok(())
            }
        }
    }

    /// An attempt of a client, as it says it.
    pub(super) fn attempt(&self, state: &WorldState, client: usize, number: u8) -> Attempt {
        let attempt = state.clients[client].attempt(client, number);
        if self.world.counts_redrives { attempt } else { Attempt { redrive: 0, ..attempt } }
    }

    fn end_now(&self, state: &WorldState, client: usize) -> EndReport {
        let redrive = u32::try_from(state.clients[client].redriven.len()).unwrap_or(u32::MAX);
        EndReport { at: Timestamp(state.now), redrive }
    }

    /// A client's execution has ended; of an execution with branches, the last of them.
    pub(super) fn over(&self, state: &mut WorldState, client: usize) {
        let last = self.world.clients[client].branch_of.is_none()
            || self.branches(client).all(|other| other == client || state.clients[other].stage == Stage::Over);
        let reported = self.world.faults.events && state.clients[client].stage != Stage::Releasing && last;
        let end = self.end_now(state, client);
        state.client(client, |client| {
            close(client);
            client.stage = Stage::Over;
            client.report = if reported { Some(end) } else { client.report };
        });
    }

    /// The end of an execution is reported: when it ended, and how often it had been redriven until then.
    fn report(
        &self,
        state: &mut WorldState,
        client: usize,
        report: EndReport,
        seen: &mut Coverage,
    ) -> Result<(), Violation> {
        // Whatever it acquired in the millisecond of its end, it acquired before.
        let end = EndReport { at: report.at + Millis(1), ..report };
        seen.reported_after_redrive |= (end.redrive as usize) < state.clients[client].redriven.len();
        let at = if self.world.is_ablated(Ablation::WhenItEnded) { Timestamp(state.now + 1) } else { end.at };
        let same = |other: usize| self.holder(other).execution() == self.holder(client).execution();
        let mine = |by: Caller| matches!(by, Caller::Acquire(c, _) | Caller::Release(c) | Caller::Renew(c) if same(c));
        let alone = state.left.copy == 0
            && state.late.is_empty()
            && !state.calls.iter().any(|call| mine(call.by))
            && self.branches(client).all(|branch| state.clients[branch].stage == Stage::Over);
        let by = Caller::ExecutionEnded(client, end, alone);
        let execution = self.holder(client).execution().into();
        let redrive = self.world.counts_redrives.then_some(report.redrive);
        let ended = ExecutionEnded { execution, at, redrive, after: None };
        self.begin_call(state, by, 0, SettingsOf::Now, ended, seen)
    }

    /// The report of an end takes nothing from what its execution was redriven for.
    pub(super) fn judge_late_end(
        &self,
        by: Option<Caller>,
        old: Option<&Row>,
        new: Option<&Row>,
    ) -> Result<(), Violation> {
        let (Some(Caller::ExecutionEnded(client, end, _)), Some(Row::Holder(old))) = (by, old) else { return Ok(()) };
        let has = |row: &Row| matches!(row, Row::Holder(row) if !matches!(row.state, HolderState::Ended));
        let ended = has(&Row::Holder(old.clone())) && !new.is_some_and(has);
        let mine = old.holder.execution() == self.holder(client).execution();
        if ended && mine && old.attempt.redrive > end.redrive {
            let what = format!("the end before redrive {} took from {} what it has since", end.redrive + 1, old.holder);
            return Err(Violation::new(property::ATTEMPTS, format!("{what}, on {}", old.attempt)));
        }
        Ok(())
    }

    /// A client that was redriven and asks for the first time since is not refused for what it did before.
    pub(super) fn judge_newest_attempt(
        &self,
        state: &WorldState,
        by: Caller,
        failure: &Failure,
    ) -> Result<(), Violation> {
        let Caller::Acquire(client, attempt) = by else { return Ok(()) };
        let refused = matches!(failure, Failure::HolderConflict(_) | Failure::Lost(LossReason::Ended));
        let newest = state.clients[client].asks(attempt) && !state.clients[client].redriven.is_empty();
        if refused && newest {
            let what = format!("{} was redriven, asks anew, and is refused: {failure}", self.holder(client));
            return Err(Violation::new(property::ATTEMPTS, what));
        }
        Ok(())
    }
}
