//! How does a call go on? Begun by a client, an event, an operator or the schedule; served by the table, the tasks and
//! the executions; ended, and what its client makes of the answer.

use std::sync::Arc;

use leasehold_core::acquire::{Ask, Mode};
use leasehold_core::machine::{
    Answer, Failure, Life, Machine, News, Notice, Notified, Operation, Outcome, Step, WhyFailed,
};
use leasehold_core::nouns::{Lease, LeaseId, Millis};
use leasehold_core::release::What;
use leasehold_core::settings::Settings;
use leasehold_core::table::{Condition, Key, Reply, Request, Row};

use super::judge::{self, Violation};
use super::state::{Asker, By, Call, Engine, Stage, State, Task, Told, Waits};
use super::world::{Blind, Shared, Strategy};
use super::{Seen, promise};
use crate::count_then_put::CountThenPut;
use crate::digest::Hashed;

impl Shared {
    pub(super) fn acquire(
        &self,
        state: &mut State,
        client: usize,
        stale: bool,
        seen: &mut Seen,
    ) -> Result<(), Violation> {
        let (plan, asker) = (&self.world.clients[client], state.clients[client].clone());
        let by = By::Acquire(client, asker.begun);
        if self.world.strategy == Strategy::CountThenPut {
            let holder = self.holder(client).clone();
            let (caller, step) =
                CountThenPut::start(self.prefix.clone(), holder, self.world.limit, self.settings.lease);
            return self.go_on(state, by, plan.skew, stale, Engine::CountThenPut(caller), step, seen);
        }
        let token = self.token(client, asker.begun);
        let ask = Operation::Acquire(Ask {
            holder: self.holder(client).clone(),
            attempt: Some(asker.attempt(client, asker.begun)),
            mode: if plan.queue { Mode::Queue(token) } else { Mode::Poll },
            lease: self.world.asks_for.map(|(lease, _)| Millis(lease)),
            wait: self.world.asks_for.map(|(_, wait)| Millis(wait)),
            label: None,
        });
        self.begin_call(state, by, plan.skew, stale, ask, seen)
    }

    pub(super) fn release(
        &self,
        state: &mut State,
        client: usize,
        stale: bool,
        seen: &mut Seen,
    ) -> Result<(), Violation> {
        let Some(told) = state.clients[client].lease else { return Ok(()) };
        let what = if self.world.release_by_holder {
            let asker = &state.clients[client];
            What::Holder(self.holder(client).clone(), Some(asker.attempt(client, asker.begun)))
        } else {
            What::Lease(LeaseId { prefix: self.prefix.clone(), slot: told.slot, fence: told.fence })
        };
        let skew = self.world.clients[client].skew;
        self.begin_call(state, By::Release(client), skew, stale, Operation::Release(what), seen)
    }

    /// What the attempt before would have released, had its call not been so slow.
    pub(super) fn release_older(&self, state: &mut State, client: usize, seen: &mut Seen) -> Result<(), Violation> {
        let asker = &state.clients[client];
        let older = asker.attempt(client, asker.begun - 1);
        let what = What::Holder(self.holder(client).clone(), Some(older));
        let (by, skew) = (By::OlderRelease(client, older), self.world.clients[client].skew);
        self.begin_call(state, by, skew, false, Operation::Release(what), seen)
    }

    /// The settings that a call which begins now reads, or has cached from before the change.
    fn settings_now(&self, state: &State, stale: bool) -> Arc<Settings> {
        match state.table.row(Key::Override) {
            Some(Row::Override(live)) if !stale => self.settings(live.limit, live.lowered),
            _ => self.settings(self.settings.limit, None),
        }
    }

    pub(super) fn begin_call(
        &self,
        state: &mut State,
        by: By,
        skew: u64,
        stale: bool,
        operation: Operation,
        seen: &mut Seen,
    ) -> Result<(), Violation> {
        // Calls spread differently: each has its own number, but always the same one.
        let entropy = match by {
            By::Acquire(client, _) | By::Release(client) | By::OlderRelease(client, _) => client as u64,
            _ => 7,
        };
        let settings = self.settings_now(state, stale);
        let (machine, step) = Machine::start(operation, settings, Millis(state.now + skew), entropy);
        self.go_on(state, by, skew, stale, Engine::Leasehold(Box::new(machine)), step, seen)
    }

    #[allow(clippy::too_many_arguments, reason = "the fields of a call, one by one")]
    fn go_on(
        &self,
        state: &mut State,
        by: By,
        skew: u64,
        stale: bool,
        engine: Engine,
        step: Step,
        seen: &mut Seen,
    ) -> Result<(), Violation> {
        match Waits::on(step) {
            Ok(waits) => {
                let looks_back = self.world.is_blind(Blind::SecondClock);
                let stepped = if looks_back { Millis(state.now + skew) } else { Millis(0) };
                state.add_call(Call { by, skew, engine, waits, stepped, frozen: false, stale });
                Ok(())
            }
            Err(outcome) => self.done(state, by, outcome, seen),
        }
    }

    pub(super) fn answered(
        &self,
        state: &mut State,
        call: Call,
        freeze: bool,
        seen: &mut Seen,
    ) -> Result<(), Violation> {
        if freeze {
            state.left.freeze -= 1;
            state.faulted = true;
            state.add_call(Call { frozen: true, ..call });
            return Ok(());
        }
        if call.waits.answer().is_none() {
            state.add_call(call);
            return Ok(());
        }
        self.resume(state, call, seen)
    }

    pub(super) fn resume(&self, state: &mut State, mut call: Call, seen: &mut Seen) -> Result<(), Violation> {
        let Some(answer) = call.waits.answer() else { return Ok(()) };
        let now = if self.world.is_blind(Blind::SecondClock) && matches!(answer, Answer::Replies(_)) {
            call.stepped
        } else {
            Millis(state.now + call.skew)
        };
        let saw = judge::waiters_in(&answer);
        let step = call.engine.resume(answer, now);
        self.judge_order(call.by, saw, &step)?;
        self.go_on(state, call.by, call.skew, call.stale, call.engine, step, seen)
    }

    /// Serves a request, and judges what it changed. A write that is served late has nobody's call any more.
    pub(super) fn serve(
        &self,
        state: &mut State,
        by: Option<By>,
        request: &Request,
        seen: &mut Seen,
    ) -> Result<Reply, Violation> {
        let blind = |to| self.world.is_blind(to);
        let before = judge::touched(&state.table, request);
        let mut reply = if blind(Blind::Attempts) {
            state.table.serve_ignoring(&of_any_attempt(request, state), &self.world.without.guards)
        } else {
            state.table.serve_ignoring(request, &self.world.without.guards)
        };
        if reply == Reply::Written {
            if blind(Blind::Tombstones) {
                state.table.forget_ended();
            }
            if request.writes().iter().any(|write| write.key == Key::Override) {
                state.changed_at = Some(state.now);
                state.all_are_stale();
            }
            self.judge_writes(state, by, &before, seen)?;
        }
        self.veil(&mut reply, by, request);
        Ok(reply)
    }

    /// Takes from a reply what the caller is not to know.
    fn veil(&self, reply: &mut Reply, by: Option<By>, request: &Request) {
        match (self.world.without.also, reply) {
            (Some(Blind::SecondLook), Reply::Queue(rows, more)) if *request == Request::Queue(1) => {
                rows.clear();
                *more = false;
            }
            (Some(Blind::Unconfirmed), Reply::Slots(rows)) => {
                rows.iter_mut().filter_map(|row| row.held.as_mut()).for_each(|held| held.unconfirmed = false);
            }
            (Some(Blind::AboveLimit), Reply::Slots(rows)) if matches!(by, Some(By::Acquire(..))) => {
                let limit = self.world.change.map_or(self.world.limit, |change| change.to.min(self.world.limit));
                rows.retain(|row| row.slot.0 < limit);
            }
            (Some(Blind::Attempts), Reply::Row(Some(Row::Holder(row)))) => {
                row.attempt = leasehold_core::nouns::Attempt::default();
            }
            _ => {}
        }
    }

    /// A notice reaches the task service.
    pub(super) fn deliver(&self, state: &mut State, notice: &Notice, seen: &mut Seen) -> Result<Notified, Violation> {
        let Some((client, attempt)) = Shared::owner(&notice.token) else { return Ok(Notified::Closed) };
        if self.world.is_blind(Blind::Burn)
            && matches!(notice.news, News::Failed(WhyFailed::Expired | WhyFailed::Released))
        {
            return Ok(Notified::Delivered);
        }
        let task = usize::from(attempt) - 1;
        if state.clients[client].tasks.get(task) != Some(&Task::Open) {
            seen.closed_task = true;
            return Ok(Notified::Closed);
        }
        match &notice.news {
            News::Acquired(lease) => self.told(state, client, attempt, lease, seen)?,
            News::Failed(why) => {
                seen.failed_task |= *why == WhyFailed::Expired;
                seen.gave_up |= *why == WhyFailed::WaitedTooLong;
                state.client(client, |asker| asker.tasks[task] = Task::Closed);
                if state.clients[client].begun == attempt {
                    self.task_ends(state, client);
                }
            }
        }
        Ok(Notified::Delivered)
    }

    /// Whether an execution runs. Those who share a name are branches of one execution.
    pub(crate) fn life(&self, state: &State, execution: &str) -> Life {
        if self.world.is_blind(Blind::ClosedMeansEnded) {
            return Life::Ended;
        }
        let over = |at: usize| state.clients[at].stage == Stage::Over || self.holder(at).execution() != execution;
        if (0..self.holders.len()).all(over) { Life::Ended } else { Life::Running }
    }

    /// A client is told that it has a lease; only the task of its newest attempt still listens.
    fn told(
        &self,
        state: &mut State,
        client: usize,
        attempt: u8,
        lease: &Lease,
        seen: &mut Seen,
    ) -> Result<(), Violation> {
        let asker = &state.clients[client];
        if asker.stage != Stage::Asking || asker.begun != attempt {
            return Ok(());
        }
        let told = Told { slot: lease.id.slot, fence: lease.id.fence, expires_at: lease.expires_at };
        state.client(client, |asker| {
            asker.stage = Stage::Working;
            asker.lease = Some(told);
            asker.tasks[usize::from(attempt) - 1] = Task::Told;
        });
        seen.told = true;
        self.judge_told(state, client, told)
    }

    fn done(&self, state: &mut State, by: By, outcome: Outcome, seen: &mut Seen) -> Result<(), Violation> {
        if let Outcome::Failed(failure @ (Failure::Throttled | Failure::Unavailable)) = &outcome
            && !state.faulted
        {
            return Err(Violation::new(promise::STUCK, format!("{by:?}: {failure}, though nothing went wrong")));
        }
        match (by, outcome) {
            (By::Acquire(client, _), Outcome::Queued) if !self.world.clients[client].queue => {
                Err(Violation::new(promise::TOLD, format!("{} polls and was queued", self.holder(client))))
            }
            (By::Acquire(client, attempt), Outcome::Acquired(lease)) if !self.world.clients[client].queue => {
                self.told(state, client, attempt, &lease, seen)
            }
            (By::Acquire(client, attempt), Outcome::Wait { .. }) => {
                seen.refused = true;
                if state.clients[client].begun == attempt && state.clients[client].stage == Stage::Asking {
                    self.task_ends(state, client);
                }
                Ok(())
            }
            (By::Acquire(..), Outcome::Failed(failure)) => {
                seen.lost |= matches!(failure, Failure::Lost(_));
                seen.busy |= matches!(failure, Failure::Busy(_));
                self.invocation_failed(state, by);
                Ok(())
            }
            (By::OlderRelease(_, older), Outcome::Released { lease, .. }) => {
                seen.older_released = true;
                lease.map_or(Ok(()), |id| self.judge_given_back(state, &id, Some(older)))
            }
            (By::Release(client), Outcome::Released { lease, already }) => {
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
            (By::Renew(client), Outcome::Renewed { id, expires_at }) => {
                let mine = state.clients[client].lease.filter(|mine| (mine.slot, mine.fence) == (id.slot, id.fence));
                let Some(mine) = mine.filter(|_| state.clients[client].stage == Stage::Working) else {
                    return Ok(());
                };
                // What it was told of a later end stays said.
                let told = Told { expires_at: expires_at.max(mine.expires_at), ..mine };
                seen.renewed = true;
                state.client(client, |asker| asker.lease = Some(told));
                self.judge_told(state, client, told)
            }
            (By::Renew(client), Outcome::Failed(Failure::Lost(_))) => {
                // Told that its lease is lost, it stops.
                if state.clients[client].stage == Stage::Working {
                    self.over(state, client);
                }
                Ok(())
            }
            (By::Release(client), Outcome::Failed(_)) => {
                if state.clients[client].stage == Stage::Releasing {
                    self.over(state, client);
                }
                Ok(())
            }
            (By::Change(_), Outcome::Changed { from, to }) if from < to => self.judge_raise(state),
            (By::Gone(client, Some(ended)), Outcome::Gone { more: None, .. }) => self.judge_gone(state, client, ended),
            (By::Sweep, Outcome::Swept(tally)) => {
                seen.renotified |= tally.renotified > 0;
                seen.reclaimed |= tally.reclaimed > 0;
                seen.extended |= tally.extended > 0;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The lease that a client was told of last.
    fn told_of(&self, state: &State, client: usize) -> Option<LeaseId> {
        let told = state.clients[client].lease?;
        Some(LeaseId { prefix: self.prefix.clone(), slot: told.slot, fence: told.fence })
    }

    /// The invocation behind a task fails: so does the task.
    pub(super) fn invocation_failed(&self, state: &mut State, by: By) {
        match by {
            By::Acquire(client, attempt) => {
                let asker = &state.clients[client];
                if asker.begun == attempt && asker.stage == Stage::Asking {
                    self.task_ends(state, client);
                }
            }
            By::Release(client) if state.clients[client].stage == Stage::Releasing => self.over(state, client),
            _ => {}
        }
    }

    /// A client's task ended without a lease: it asks once more, or its execution ends.
    pub(super) fn task_ends(&self, state: &mut State, client: usize) {
        if state.clients[client].begun >= self.world.clients[client].attempts {
            return self.over(state, client);
        }
        state.client(client, |asker| {
            close(asker);
            asker.stage = Stage::Idle;
        });
    }

    pub(super) fn over(&self, state: &mut State, client: usize) {
        let reported = self.world.faults.events && state.clients[client].stage != Stage::Releasing;
        let now = Millis(state.now);
        state.client(client, |asker| {
            close(asker);
            asker.stage = Stage::Over;
            asker.report = if reported { Some(now) } else { asker.report };
        });
    }

    /// Everybody is gone: no execution runs, no task waits.
    pub(crate) fn all_vanish(&self, state: &mut State) {
        for client in 0..state.clients.len() {
            self.over(state, client);
        }
    }
}

fn close(asker: &mut Asker) {
    asker.tasks.iter_mut().filter(|task| **task == Task::Open).for_each(|task| *task = Task::Closed);
}

/// The same request to a table that does not know attempts: whichever is there is the expected one.
fn of_any_attempt(request: &Request, state: &State) -> Request {
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
        let old = if self.stale { ", old settings" } else { "" };
        match self.by {
            By::Acquire(client, attempt) => {
                format!("acquire by {}, attempt {attempt}{clock}{old}", shared.holder(client))
            }
            By::Release(client) => format!("release by {}{clock}{old}", shared.holder(client)),
            By::OlderRelease(client, older) => {
                format!("release by {}, {older}{clock}{old}", shared.holder(client))
            }
            By::Renew(client) => format!("renew by {}{clock}{old}", shared.holder(client)),
            By::Gone(client, _) => format!("event for {}", shared.holder(client)),
            By::Sweep => format!("sweep{clock}{old}"),
            By::Change(_) => "operator".to_owned(),
        }
    }
}
