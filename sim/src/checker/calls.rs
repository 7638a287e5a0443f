//! Calls: how does one begin and end? Begun by a client, an event, an operator or the schedule; served by the table, the tasks and
//! the executions; ended, and what its client makes of the answer.

use std::borrow::Cow;

use leasehold_core::{
    AcquireOutcome, AcquireRequest, AnyOperation, AnyOutcome, Attempt, Condition, Delivery, EndOverrideOutcome,
    ExecutionStatus, Failure, FailureReason, Intent, Lease, LeaseId, Limit, Millis, Mode, Mutation, Notice, Operation,
    ReleaseTarget, Released, Renewed, Reply, Request, Row, SetLimitOutcome, SetPoolOutcome, SettingsRow, TaskCallback,
    TaskResult, Timestamp, Write,
};

use super::ablations::Ablation;
use super::invariants::{self, Violation};
use super::state::{Call, Caller, ClientState, Engine, MarkBefore, Stage, Task, ToldLease, WorldState};
use super::world::{OldSettings, OperatorAction, SettingsOf, Shared};
use super::{Coverage, property};
use crate::count_then_put::CountThenPut;
use crate::digest::Hashed;
use crate::strategy::Strategy;

impl Shared {
    pub(super) fn acquire(
        &self,
        state: &mut WorldState,
        client: usize,
        settings: SettingsOf,
        seen: &mut Coverage,
    ) -> Result<(), Violation> {
        let (plan, begun) = (&self.world.clients[client], state.clients[client].begun);
        let skew = self.world.skew_of(client);
        let by = Caller::Acquire(client, begun);
        if self.world.strategy == Strategy::CountThenPut {
            let holder = self.holder(client).clone();
            let (caller, step) =
                CountThenPut::start(self.prefix.clone(), holder, self.world.limit, self.settings.lease);
            let step = step.map(AnyOutcome::Acquire);
            return self.go_on(state, by, skew, settings.old(), Engine::CountThenPut(caller), step, seen);
        }
        let token = self.token(client, begun).filter(|_| plan.token);
        let request = AcquireRequest {
            holder: self.holder(client).clone(),
            attempt: Some(self.attempt(state, client, begun)),
            mode: if plan.queue { Mode::Queue(token) } else { Mode::Poll },
            lease: self.world.asks_for.map(|(lease, _)| Millis(lease)),
            wait: self.world.asks_for.map(|(_, wait)| Millis(wait)),
            label: None,
        };
        self.begin_call(state, by, skew, settings, request, seen)
    }

    pub(super) fn release(
        &self,
        state: &mut WorldState,
        client: usize,
        settings: SettingsOf,
        seen: &mut Coverage,
    ) -> Result<(), Violation> {
        let Some(told) = state.clients[client].lease else { return Ok(()) };
        let target = if self.world.release_by_holder {
            let begun = state.clients[client].begun;
            let attempt = self.attempt(state, client, begun);
            ReleaseTarget::Holder(self.holder(client).clone(), Some(attempt))
        } else {
            ReleaseTarget::Lease(LeaseId { prefix: self.prefix.clone(), slot: told.slot, fence: told.fence })
        };
        let skew = self.world.skew_of(client);
        self.begin_call(state, Caller::Release(client), skew, settings, target, seen)
    }

    /// What the attempt before would have released, had its call not been so slow.
    pub(super) fn release_older(
        &self,
        state: &mut WorldState,
        client: usize,
        seen: &mut Coverage,
    ) -> Result<(), Violation> {
        let begun = state.clients[client].begun;
        let older = self.attempt(state, client, begun - 1);
        let target = ReleaseTarget::Holder(self.holder(client).clone(), Some(older));
        let (by, skew) = (Caller::OlderRelease(client, older), self.world.skew_of(client));
        self.begin_call(state, by, skew, SettingsOf::Now, target, seen)
    }

    pub(super) fn begin_call(
        &self,
        state: &mut WorldState,
        by: Caller,
        skew: u64,
        of: SettingsOf,
        operation: impl Into<AnyOperation>,
        seen: &mut Coverage,
    ) -> Result<(), Violation> {
        // Calls spread differently: each has its own number, but always the same one.
        let entropy = match by {
            Caller::Acquire(client, _) | Caller::Release(client) | Caller::OlderRelease(client, _) => client as u64,
            _ => 7,
        };
        let Some(settings) = self.settings_now(state, of) else {
            self.invocation_failed(state, by);
            return Ok(());
        };
        let (machine, step) = operation.into().start(settings, Timestamp(state.now + skew), entropy);
        self.go_on(state, by, skew, of.old(), Engine::Leasehold(Box::new(machine)), step, seen)
    }

    /// Serves a request, and judges what it changed. A write that is served late has nobody's call any more.
    pub(super) fn serve(
        &self,
        state: &mut WorldState,
        by: Option<Caller>,
        request: &Request,
        seen: &mut Coverage,
    ) -> Result<Reply, Violation> {
        let ablated = |to| self.world.is_ablated(to);
        let request = without_notes(request);
        let request = request.as_ref();
        let before = invariants::touched(&state.table, request);
        let (rows_before, mark_before) = (state.own_rows(), state.mark());
        let mut reply = if ablated(Ablation::Attempts) {
            state.table.serve_ignoring(&of_any_attempt(request, state), &self.world.without.guards)
        } else {
            state.table.serve_ignoring(request, &self.world.without.guards)
        };
        if reply == Reply::Written {
            if ablated(Ablation::Tombstones) {
                state.table.forget_ended();
            }
            let set = request.writes().iter().find(|write| write.intent == Intent::SetPool);
            if let Some(Mutation::Put(Row::Pool(row))) = set.map(|write| &write.mutation) {
                state.pool_limit = Some(row.limit);
            }
            seen.folded |= request.writes().iter().any(|write| write.intent == Intent::FoldSlot);
            if request.writes().iter().any(|write| write.intent == Intent::EndOverride) {
                state.ended_limit = rows_before.1.as_ref().map(|live| live.limit);
            }
            if request.writes().iter().any(|write| write.intent == Intent::ClearOverride) {
                seen.cleared = true;
                if let Some(live) = rows_before.1.as_ref().filter(|live| live.is_in_force(Timestamp(state.now))) {
                    let what = format!("an override of {} was cleared away that had not lapsed", live.limit);
                    return Err(Violation::new(property::NEWEST, what));
                }
            }
            if state.own_rows() != rows_before {
                self.rows_changed(state, rows_before)?;
            }
            if let Some(mark) = mark_before.filter(|before| state.mark() != Some(*before)) {
                state.mark_before = Some(MarkBefore { mark, moved_at: state.now, after_rows: true });
                self.all_are_old(state, OldSettings { rows: false, mark: true })?;
            }
            self.judge_writes(state, by, &before, seen)?;
        }
        self.redact(&mut reply, by, request);
        Ok(reply)
    }

    /// Takes from a reply what the caller is not to know.
    fn redact(&self, reply: &mut Reply, by: Option<Caller>, request: &Request) {
        match (self.world.without.also, reply) {
            (Some(Ablation::SecondLook), Reply::Queue(rows, more)) if *request == Request::Queue(1) => {
                rows.clear();
                *more = false;
            }
            (Some(Ablation::Unconfirmed), Reply::Slots(rows)) => {
                rows.iter_mut().filter_map(|row| row.held.as_mut()).for_each(|held| {
                    if let Some(token) = held.open_token() {
                        held.notice = Notice::Confirmed(token.digest());
                    }
                });
            }
            (Some(Ablation::AboveLimit), Reply::Slots(rows)) if matches!(by, Some(Caller::Acquire(..))) => {
                let set = |action| if let OperatorAction::SetLimit(limit) = action { limit } else { self.world.limit };
                let limit = self.operators().map(set).fold(self.world.limit, u32::min);
                rows.retain(|row| row.slot.0 < limit);
            }
            (Some(Ablation::Attempts), Reply::Row(Some(Row::Holder(row)))) => {
                row.attempt = Attempt::default();
            }
            _ => {}
        }
    }

    /// A callback reaches the task service.
    pub(super) fn deliver(
        &self,
        state: &mut WorldState,
        callback: &TaskCallback,
        seen: &mut Coverage,
    ) -> Result<Delivery, Violation> {
        let Some((client, attempt)) = Shared::owner(&callback.token) else { return Ok(Delivery::Closed) };
        if state.clients[client].untellable {
            return Ok(Delivery::Refused);
        }
        if self.world.is_ablated(Ablation::Revoke)
            && matches!(callback.result, TaskResult::Failed(FailureReason::Expired | FailureReason::Released))
        {
            return Ok(Delivery::Delivered);
        }
        let task = usize::from(attempt) - 1;
        if state.clients[client].tasks.get(task) != Some(&Task::Open) {
            seen.closed_task = true;
            return Ok(Delivery::Closed);
        }
        match &callback.result {
            TaskResult::Acquired(lease) => self.told(state, client, attempt, lease, seen)?,
            TaskResult::Failed(why) => {
                seen.failed_task |= *why == FailureReason::Expired;
                seen.gave_up |= *why == FailureReason::WaitedTooLong;
                state.client(client, |client| client.tasks[task] = Task::Closed);
                if state.clients[client].begun == attempt {
                    self.task_ends(state, client);
                }
            }
        }
        Ok(Delivery::Delivered)
    }

    /// Whether an execution runs. Those who share a name are branches of one execution.
    pub(crate) fn status_of(&self, state: &WorldState, execution: &str) -> ExecutionStatus {
        if self.world.is_ablated(Ablation::ClosedMeansEnded) {
            return ExecutionStatus::Ended;
        }
        let mine = |at: &usize| self.holder(*at).execution() == execution;
        let mut all = (0..self.holders.len()).filter(mine);
        // A local process is no execution.
        if !self.world.may_describe || all.clone().any(|at| !self.world.clients[at].token) {
            return ExecutionStatus::Unknown;
        }
        if all.all(|at| state.clients[at].stage == Stage::Over) {
            ExecutionStatus::Ended
        } else {
            ExecutionStatus::Running
        }
    }

    /// The limit that the pool's rows give now; 0 where there is no pool.
    pub(super) fn limit_now(&self, state: &WorldState) -> Limit {
        let none = Limit::try_from(0).unwrap_or(Limit::HIGHEST);
        self.settings_now(state, SettingsOf::Now).map_or(none, |settings| settings.limit)
    }

    /// A client is told that it has a lease; only the task of its newest attempt still listens.
    fn told(
        &self,
        state: &mut WorldState,
        client: usize,
        attempt: u8,
        lease: &Lease,
        seen: &mut Coverage,
    ) -> Result<(), Violation> {
        if !state.clients[client].asks(attempt) {
            return Ok(());
        }
        let told = ToldLease { slot: lease.id.slot, fence: lease.id.fence, expires_at: lease.expires_at };
        state.client(client, |client| {
            client.stage = Stage::Working;
            client.lease = Some(told);
            client.tasks[usize::from(attempt) - 1] = Task::Told;
        });
        seen.told = true;
        self.judge_told(state, client, told)
    }

    pub(super) fn done(
        &self,
        state: &mut WorldState,
        by: Caller,
        outcome: Result<AnyOutcome, Failure>,
        seen: &mut Coverage,
    ) -> Result<(), Violation> {
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(failure) => return self.failed(state, by, &failure, seen),
        };
        match (by, outcome) {
            (Caller::Acquire(client, attempt), AnyOutcome::Acquire(outcome)) => {
                self.acquired(state, client, attempt, outcome, seen)
            }
            (Caller::OlderRelease(_, older), AnyOutcome::Release(Released { lease, .. })) => {
                seen.older_released = true;
                lease.map_or(Ok(()), |id| self.judge_given_back(state, &id, Some(older)))
            }
            (Caller::Release(client), AnyOutcome::Release(Released { lease, already })) => {
                seen.already |= already;
                let id = lease.or_else(|| self.told_of(state, client));
                if let Some(id) = id {
                    self.judge_given_back(state, &id, None)?;
                }
                if state.clients[client].stage == Stage::Releasing {
                    self.over(state, client);
                }
                Ok(())
            }
            (Caller::Renew(client), AnyOutcome::Renew(Renewed { id, expires_at })) => {
                let mine = state.clients[client].lease.filter(|mine| (mine.slot, mine.fence) == (id.slot, id.fence));
                let Some(mine) = mine.filter(|_| state.clients[client].stage == Stage::Working) else {
                    return Ok(());
                };
                // What it was told of a later end stays said.
                let told = ToldLease { expires_at: expires_at.max(mine.expires_at), ..mine };
                seen.renewed = true;
                state.client(client, |client| client.lease = Some(told));
                self.judge_told(state, client, told)
            }
            (Caller::Operator(_, begun), outcome) => self.operated(state, begun, outcome, seen),
            (Caller::ExecutionEnded(client, end, alone), AnyOutcome::ExecutionEnded(freed)) => {
                seen.freed_by_event |= freed.tally.freed > 0;
                if alone && freed.more.is_none() { self.judge_gone(state, client, end) } else { Ok(()) }
            }
            (Caller::Sweep, AnyOutcome::Sweep(tally)) => {
                seen.renotified |= tally.renotified > 0;
                seen.reclaimed |= tally.reclaimed > 0;
                seen.extended |= tally.extended > 0;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn acquired(
        &self,
        state: &mut WorldState,
        client: usize,
        attempt: u8,
        outcome: AcquireOutcome,
        seen: &mut Coverage,
    ) -> Result<(), Violation> {
        let queues = self.world.clients[client].queue;
        match outcome {
            AcquireOutcome::Queued if !queues => {
                Err(Violation::new(property::TOLD, format!("{} polls and was queued", self.holder(client))))
            }
            AcquireOutcome::Acquired(lease) if !queues || !self.world.clients[client].token => {
                self.told(state, client, attempt, &lease, seen)
            }
            AcquireOutcome::Wait(_) => {
                seen.refused = true;
                if state.clients[client].asks(attempt) {
                    self.task_ends(state, client);
                }
                Ok(())
            }
            AcquireOutcome::Acquired(_) | AcquireOutcome::Queued => Ok(()),
        }
    }

    /// An operator is told what became of its change.
    fn operated(
        &self,
        state: &mut WorldState,
        begun: u64,
        outcome: AnyOutcome,
        seen: &mut Coverage,
    ) -> Result<(), Violation> {
        let (from, to) = match outcome {
            AnyOutcome::SetLimit(SetLimitOutcome::Set(changed)) => {
                seen.limit_set = true;
                seen.above_limit |= state.held() > changed.to.count() as usize;
                self.limit_set(state, begun, Some(changed.to));
                (changed.from, changed.to)
            }
            AnyOutcome::EndOverride(EndOverrideOutcome::Ended(changed)) => {
                seen.override_ended = true;
                if state.ended_limit.is_some_and(|limit| limit != changed.from) {
                    let what = format!("an override of {:?} was ended by who saw {}", state.ended_limit, changed.from);
                    return Err(Violation::new(property::NEWEST, what));
                }
                (changed.from, changed.to)
            }
            AnyOutcome::SetPool(SetPoolOutcome::Set { before, after }) => {
                let replaced = state.rows_before.as_deref().and_then(|(pool, _)| pool.clone()).map(SettingsRow::Valid);
                let changes = before != Some(SettingsRow::Valid(after.clone()));
                if changes && !state.faulted && replaced != before {
                    let what = format!("settings {replaced:?} were replaced by who saw {before:?}");
                    return Err(Violation::new(property::NEWEST, what));
                }
                seen.pool_set = true;
                return Ok(());
            }
            AnyOutcome::SetLimit(SetLimitOutcome::Superseded(_)) => {
                seen.superseded = true;
                self.limit_set(state, begun, None);
                return Ok(());
            }
            AnyOutcome::EndOverride(EndOverrideOutcome::Superseded(_))
            | AnyOutcome::SetPool(SetPoolOutcome::Superseded(_)) => {
                seen.superseded = true;
                return Ok(());
            }
            AnyOutcome::RetirePool(_) => {
                seen.retired = true;
                return Ok(());
            }
            _ => return Ok(()),
        };
        if from < to { self.judge_raise(state) } else { Ok(()) }
    }

    /// An operator that overrides the limit is done; none: it gave in.
    fn limit_set(&self, state: &mut WorldState, begun: u64, to: Option<Limit>) {
        if self.limit_setters() < 2 {
            return;
        }
        let sets = state.limit_sets.get_or_insert_default();
        sets.done += 1;
        if let Some(to) = to {
            sets.tied |= sets.newest.is_some_and(|(newest, _)| newest == begun);
            sets.newest = sets.newest.filter(|(newest, _)| *newest > begun).or(Some((begun, to)));
        }
    }

    /// How many operators override the limit.
    pub(super) fn limit_setters(&self) -> usize {
        self.operators().filter(|action| matches!(action, OperatorAction::SetLimit(_))).count()
    }

    /// What the operators do.
    pub(super) fn operators(&self) -> impl Iterator<Item = OperatorAction> {
        self.world.operator_plan.map_or([None; 3], |change| change.operators).into_iter().flatten()
    }

    /// A call came to nothing.
    fn failed(
        &self,
        state: &mut WorldState,
        by: Caller,
        failure: &Failure,
        seen: &mut Coverage,
    ) -> Result<(), Violation> {
        let trouble = matches!(failure, Failure::Throttled | Failure::Unavailable | Failure::TasksUnavailable);
        if trouble && !state.faulted {
            return Err(Violation::new(property::STUCK, format!("{by:?}: {failure}, though nothing went wrong")));
        }
        match by {
            Caller::Acquire(..) => {
                seen.lost |= matches!(failure, Failure::Lost(_));
                seen.busy |= matches!(failure, Failure::HolderConflict(_));
                self.judge_newest_attempt(state, by, failure)?;
                self.invocation_failed(state, by);
            }
            // Told that its lease is lost, it stops.
            Caller::Renew(client)
                if matches!(failure, Failure::Lost(_)) && state.clients[client].stage == Stage::Working =>
            {
                self.over(state, client);
            }
            Caller::Release(client) if state.clients[client].stage == Stage::Releasing => self.over(state, client),
            _ => {}
        }
        Ok(())
    }

    /// The lease that a client was told of last.
    fn told_of(&self, state: &WorldState, client: usize) -> Option<LeaseId> {
        let told = state.clients[client].lease?;
        Some(LeaseId { prefix: self.prefix.clone(), slot: told.slot, fence: told.fence })
    }

    /// The invocation behind a task fails: so does the task.
    pub(super) fn invocation_failed(&self, state: &mut WorldState, by: Caller) {
        match by {
            Caller::Acquire(client, attempt) if state.clients[client].asks(attempt) => self.task_ends(state, client),
            Caller::Release(client) if state.clients[client].stage == Stage::Releasing => self.over(state, client),
            _ => {}
        }
    }

    /// A client's task ended without a lease: it asks once more, or its execution ends.
    pub(super) fn task_ends(&self, state: &mut WorldState, client: usize) {
        if state.clients[client].retried() >= self.world.clients[client].attempts {
            return self.over(state, client);
        }
        state.client(client, |client| {
            close(client);
            client.stage = Stage::Idle;
        });
    }

    /// Everybody is gone: no execution runs, no task waits.
    pub(crate) fn all_vanish(&self, state: &mut WorldState) {
        for client in 0..state.clients.len() {
            self.over(state, client);
        }
    }
}

pub(super) fn close(client: &mut ClientState) {
    client.tasks.iter_mut().filter(|task| **task == Task::Open).for_each(|task| *task = Task::Closed);
}

/// The same request to a table that does not know attempts: whichever is there is the expected one.
fn of_any_attempt(request: &Request, state: &WorldState) -> Request {
    let mut request = request.clone();
    let writes = match &mut request {
        Request::Write(write) => std::slice::from_mut(write),
        Request::Transact(writes) => writes.as_mut_slice(),
        _ => return request,
    };
    for write in writes {
        let Some(Row::Holder(row)) = state.table.row(write.key) else { continue };
        for (_, condition) in &mut write.conditions {
            if let Condition::HolderEnded(attempt) | Condition::HolderWaits(_, attempt) = condition {
                *attempt = row.attempt;
            }
        }
    }
    request
}

impl Hashed<Call> {
    /// Who it is, for a person.
    pub(crate) fn name(&self, shared: &Shared) -> String {
        let clock = if self.skew > 0 { format!(" (clock +{})", self.skew) } else { String::new() };
        let old = if self.old == OldSettings::default() { "" } else { ", old settings" };
        match self.by {
            Caller::Acquire(client, attempt) => {
                format!("acquire by {}, attempt {attempt}{clock}{old}", shared.holder(client))
            }
            Caller::Release(client) => format!("release by {}{clock}{old}", shared.holder(client)),
            Caller::OlderRelease(client, older) => {
                format!("release by {}, {older}{clock}{old}", shared.holder(client))
            }
            Caller::Renew(client) => format!("renew by {}{clock}{old}", shared.holder(client)),
            Caller::ExecutionEnded(client, ..) => format!("event for {}", shared.holder(client)),
            Caller::Sweep => format!("sweep{clock}{old}"),
            Caller::Operator(at, _) => format!("operator {at}"),
        }
    }
}

/// A request without what it notes in the pool's history, which nothing under test reads: states that differ only in that
/// are one.
fn without_notes(request: &Request) -> Cow<'_, Request> {
    let is_note = |write: &Write| write.intent == Intent::NoteChange;
    match request {
        Request::Transact(writes) if writes.iter().any(is_note) => {
            Cow::Owned(Request::Transact(writes.iter().filter(|write| !is_note(write)).cloned().collect()))
        }
        other => Cow::Borrowed(other),
    }
}
