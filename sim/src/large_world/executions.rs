//! Executions of a large world: how does one begin, end, get stopped, reported, redriven, and what happens to its other
//! branches when one fails? Also the pool's schedule and its operators.

use std::sync::Arc;

use leasehold_core::{
    Attempt, Author, EndOverride, ExecutionEnded, ExpectedOverride, ExpectedSettings, Limit, Millis, PoolPatch,
    ReleaseAll, SetLimit, SetPool, SweepRequest,
};

use super::agenda::{Event, Strike};
use super::call::{Call, Caller};
use super::fault_kind::FaultKind;
use super::plan::{LimitChange, MS, SECOND, Shape, SweepPlan};
use super::population::{AskMode, ExecutionState, Stage};
use super::world::{EndReport, World};

/// How often an execution is redriven at most.
const REDRIVES: u32 = 2;

/// How often Lambda delivers an event whose function fails (asynchronous invocation, 2024): twice more.
const EVENT_TRIES: u8 = 3;

impl World {
    /// An execution begins, or a process.
    pub(super) fn begin(&mut self, at: u32) {
        let execution = &mut self.executions[at as usize];
        if execution.state != ExecutionState::NotBegun {
            return;
        }
        execution.state = ExecutionState::Running;
        let (holders, crowd, items) = (execution.holders, execution.crowd, execution.items);
        if items.1 > items.0 {
            self.plan_strike(items.0, FaultKind::ExecutionStopped, Strike::Stop);
        }
        let shape = self.plan.crowds[crowd as usize].shape;
        for holder in holders.0..holders.1 {
            self.ask(holder);
            match shape {
                Shape::Process => self.plan_holder_strike(holder, FaultKind::ProcessKilled, Strike::Kill),
                Shape::Branches(_) => self.plan_holder_strike(holder, FaultKind::BranchCancelled, Strike::Cancel),
                Shape::Alone | Shape::MapRun(_) => {}
            }
        }
        if matches!(shape, Shape::Alone | Shape::Branches(_)) {
            self.plan_holder_strike(holders.0, FaultKind::ExecutionStopped, Strike::Stop);
        }
    }

    fn plan_strike(&mut self, item: u32, kind: FaultKind, strike: Strike) {
        let holder = self.executions[item as usize].holders.0;
        self.plan_holder_strike(holder, kind, strike);
    }

    /// Perhaps something befalls this holder, some time.
    fn plan_holder_strike(&mut self, holder: u32, kind: FaultKind, strike: Strike) {
        let mut rng = self.members[holder as usize].rng;
        if self.befalls(kind, &mut rng) {
            let most = [SECOND, 20 * SECOND, 300 * SECOND][rng.choice(3)];
            self.agenda.after(rng.below(most), Event::Strike { holder, strike });
        }
        self.members[holder as usize].rng = rng;
    }

    /// A holder fails for good: its siblings are cancelled, and its execution fails unless that is caught.
    pub(super) fn fails(&mut self, holder: u32) {
        let at = self.members[holder as usize].execution;
        let execution = &self.executions[at as usize];
        if execution.state != ExecutionState::Running || self.members[holder as usize].is_done() {
            return;
        }
        let (parent, crowd, holders) = (execution.parent, execution.crowd, execution.holders);
        let crowd = &self.plan.crowds[crowd as usize];
        let (catches, process) = (crowd.catches, crowd.shape == Shape::Process);
        if self.members[holder as usize].stage == Stage::Working && (process || catches) && parent.is_none() {
            // The failure of the work is caught: the lease goes back.
            return self.give_back(holder);
        }
        if process {
            return self.is_over(holder);
        }
        if let Some(parent) = parent {
            // One failed item fails the whole run.
            self.end(at, ExecutionState::Failed);
            return self.end_run(parent, catches);
        }
        if !catches {
            return self.end(at, ExecutionState::Failed);
        }
        // A sibling failed, and that is caught: the others are cancelled, and all that they have is given back.
        for sibling in holders.0..holders.1 {
            if !self.members[sibling as usize].is_done() {
                self.report.died += 1;
                self.vanish(sibling);
            }
        }
        self.expected += 1;
        self.release_all(at, None);
        self.perhaps_ends(at);
    }

    /// A map run fails: all its items are stopped. If that is caught, its execution gives back what they have.
    fn end_run(&mut self, parent: u32, catches: bool) {
        if self.executions[parent as usize].state != ExecutionState::Running {
            return;
        }
        self.stop_items(parent);
        if catches {
            self.expected += 1;
            self.release_all(parent, None);
            self.end(parent, ExecutionState::Succeeded);
        } else {
            self.end(parent, ExecutionState::Failed);
        }
    }

    fn stop_items(&mut self, parent: u32) {
        let (first, last) = self.executions[parent as usize].items;
        for item in first..last {
            match self.executions[item as usize].state {
                ExecutionState::Running | ExecutionState::NotBegun => self.end(item, ExecutionState::Failed),
                ExecutionState::Succeeded | ExecutionState::Failed => {}
            }
        }
    }

    /// An execution is stopped, with all that it started.
    pub(super) fn stop(&mut self, at: u32) {
        if self.executions[at as usize].state == ExecutionState::Running {
            self.stop_items(at);
            self.end(at, ExecutionState::Failed);
        }
    }

    /// An execution ends if nobody in it has anything left to do.
    pub(super) fn perhaps_ends(&mut self, at: u32) {
        let execution = &self.executions[at as usize];
        let (holders, items, parent) = (execution.holders, execution.items, execution.parent);
        if execution.state != ExecutionState::Running {
            return;
        }
        let done = (holders.0..holders.1).all(|holder| self.members[holder as usize].is_done());
        let ended = |item: u32| {
            matches!(self.executions[item as usize].state, ExecutionState::Succeeded | ExecutionState::Failed)
        };
        if done && (items.0..items.1).all(ended) {
            self.end(at, ExecutionState::Succeeded);
            if let Some(parent) = parent {
                self.perhaps_ends(parent);
            }
        }
    }

    /// An execution ends: its tasks are closed, its end is reported, perhaps it is redriven.
    fn end(&mut self, at: u32, state: ExecutionState) {
        let execution = &mut self.executions[at as usize];
        if execution.state == ExecutionState::Running || execution.state == ExecutionState::NotBegun {
            self.expected -= 1;
        }
        execution.state = state;
        let (holders, parent, crowd, redrive) =
            (execution.holders, execution.parent, execution.crowd, execution.redrive);
        if self.story.is_some() {
            self.tell(format!("{} ends: {state:?}", self.executions[at as usize].id));
        }
        for holder in holders.0..holders.1 {
            // Whatever it was told of, it does not work any more.
            self.uncount(holder);
            let member = &mut self.members[holder as usize];
            if !member.is_done() {
                member.was = Some(member.stage);
                member.is_open = false;
                member.goes_on(Stage::Over);
                self.open -= 1;
            }
        }
        let crowd = &self.plan.crowds[crowd as usize];
        let (pool, process) = (crowd.pool, crowd.shape == Shape::Process);
        if parent.is_some() || process {
            return;
        }
        let mut rng = self.rng.keyed(4).keyed(u64::from(at) << 8 | u64::from(redrive));
        if state == ExecutionState::Failed && redrive < REDRIVES && self.befalls(FaultKind::Redriven, &mut rng) {
            self.expected += 1;
            let most = [SECOND, 20 * SECOND, 200 * SECOND][rng.choice(3)];
            self.agenda.after(MS + rng.below(most), Event::Redrive { execution: at, redrive: redrive + 1 });
        }
        if state == ExecutionState::Succeeded && !self.plan.pools[pool].reports_success {
            return;
        }
        if self.befalls(FaultKind::EndLost, &mut rng) {
            return;
        }
        let mut wait = 100 * MS + rng.below(SECOND);
        if self.befalls(FaultKind::EndLate, &mut rng) {
            wait += rng.below(600 * SECOND);
        }
        // Whatever it entered in the millisecond of its end, it entered before.
        let ended = self.time() + Millis(1);
        let report = EndReport { execution: at, at: ended, redrive, pool: u16::try_from(pool).unwrap_or(0), tries: 0 };
        self.send_report(report.clone(), wait);
        if self.befalls(FaultKind::EndTwice, &mut rng) {
            self.send_report(report, wait + rng.below(300 * SECOND));
        }
    }

    fn send_report(&mut self, report: EndReport, wait: u64) {
        self.expected += 1;
        self.reports.push(report);
        let report = u32::try_from(self.reports.len() - 1).unwrap_or(u32::MAX);
        self.agenda.after(wait, Event::Report { report });
    }

    /// The end of an execution is reported to the pool's function.
    pub(super) fn deliver_report(&mut self, at: u32) {
        let EndReport { execution, at: ended, redrive, pool, .. } = self.reports[at as usize];
        let execution: Arc<str> = self.executions[execution as usize].id.as_str().into();
        let ended = self.redacted_end(ended);
        let operation = ExecutionEnded { execution, at: ended, redrive: Some(redrive), after: None };
        let rng = self.call_rng(1 << 40);
        self.call(Call::new(Caller::Ended { report: at }, pool, Some(operation.into()), rng), self.plan.times.one_way);
    }

    pub(super) fn report_answered(&mut self, at: u32, worked: bool) {
        let report = &mut self.reports[at as usize];
        report.tries += 1;
        if !worked && report.tries < EVENT_TRIES {
            let wait = 60 * SECOND * u64::from(report.tries);
            return self.agenda.after(wait, Event::Report { report: at });
        }
        self.expected -= 1;
        self.report.ends_lost += u64::from(!worked);
    }

    /// A failed execution is redriven: what was not done begins again.
    pub(super) fn redrive(&mut self, at: u32, redrive: u32) {
        self.expected -= 1;
        let execution = &mut self.executions[at as usize];
        if execution.state != ExecutionState::Failed {
            return;
        }
        if self.story.is_some() {
            self.tell(format!("{} is redriven, for the {redrive}. time", self.executions[at as usize].id));
        }
        let (first, last) = self.executions[at as usize].items;
        for execution in std::iter::once(at).chain(first..last) {
            let one = &mut self.executions[execution as usize];
            if one.state != ExecutionState::Failed {
                continue;
            }
            one.state = ExecutionState::Running;
            one.redrive += 1;
            self.expected += 1;
            let holders = one.holders;
            for holder in holders.0..holders.1 {
                self.goes_on_redriven(holder);
            }
        }
        // Nothing may have been left to do.
        for execution in first..last {
            self.perhaps_ends(execution);
        }
        self.perhaps_ends(at);
    }

    fn goes_on_redriven(&mut self, holder: u32) {
        let member = &mut self.members[holder as usize];
        let redrive = self.executions[member.execution as usize].redrive;
        let Some(was) = member.was.take() else {
            // It had not begun.
            if member.stage == Stage::Over && member.task == 0 {
                self.open += 1;
                self.ask(holder);
            }
            return;
        };
        self.open += 1;
        member.redrive = redrive;
        match was {
            Stage::Working | Stage::Checking if member.told.is_some() => {
                member.goes_on(Stage::Checking);
                self.remind(holder, 10 * MS, super::agenda::HolderTimer::Renew);
            }
            Stage::Releasing if member.told.is_some() => self.give_back(holder),
            _ if member.mode == AskMode::Poll && was == Stage::Pausing => self.ask(holder),
            Stage::Idle => self.ask(holder),
            _ => {
                // The state keeps its time of entry, and its retries begin anew.
                member.retry = 0;
                member.used = super::state_retry::RetriesUsed::default();
                self.new_task(holder);
            }
        }
    }

    /// An execution gives back what one of its branches has, or all that it has.
    pub(super) fn release_all(&mut self, at: u32, holder: Option<u32>) {
        let execution = &self.executions[at as usize];
        let (holders, crowd, redrive) = (execution.holders, execution.crowd, execution.redrive);
        let key: Arc<str> = holder.map_or("", |holder| self.members[holder as usize].holder.key()).into();
        let parent = execution.parent.map(|parent| self.executions[parent as usize].id.as_str().into());
        let operation = ReleaseAll {
            execution: execution.id.as_str().into(),
            parent,
            key_prefix: key,
            attempt: Some(Attempt { entered: self.time(), redrive, retry: u32::MAX }),
            after: None,
        };
        for member in holders.0..holders.1 {
            if holder.is_none_or(|holder| holder == member) {
                self.uncount(member);
            }
        }
        let pool = u16::try_from(self.plan.crowds[crowd as usize].pool).unwrap_or(0);
        let rng = self.call_rng(1 << 41);
        let by = Caller::ReleaseAll { execution: at, holder };
        self.call(Call::new(by, pool, Some(operation.into()), rng), self.plan.times.one_way);
    }

    /// Whoever gave everything back tries again until it worked, as its state's Retry says: here without an end.
    pub(super) fn all_released(&mut self, execution: u32, holder: Option<u32>, worked: bool) {
        if worked {
            self.expected -= 1;
        } else if self.executions[execution as usize].state == ExecutionState::Running {
            let wait = SECOND + self.rng.below(5 * SECOND);
            match holder {
                Some(holder) => self.agenda.after(wait, Event::Catch { execution, holder }),
                None => self.release_all(execution, None),
            }
        } else {
            // Its end is reported.
            self.expected -= 1;
        }
    }

    /// A pool is swept.
    pub(super) fn sweep(&mut self, pool: u16, is_scheduled: bool) {
        let plan = &self.plan.pools[usize::from(pool)];
        let (every, always, limit) = (plan.sweep_every * MS, plan.sweeps == SweepPlan::Always, plan.limit);
        if is_scheduled && (!always || self.is_calm) {
            self.agenda.after(every, Event::Sweep { pool });
        }
        if self.is_calm && self.limit_now(usize::from(pool)) != limit {
            self.begin_again(pool);
        }
        let rng = self.call_rng(1 << 42);
        let by = Caller::Sweep { is_scheduled };
        self.call(Call::new(by, pool, Some(SweepRequest.into()), rng), self.plan.times.one_way);
    }

    /// An operator changes the limit.
    pub(super) fn operate(&mut self, pool: u16, at: u16) {
        if self.is_calm {
            return;
        }
        let Some((_, change)) = self.plan.pools[usize::from(pool)].limits.get(usize::from(at)).copied() else { return };
        match change {
            LimitChange::Override(limit) => self.override_limit(pool, limit, None),
            LimitChange::OverrideFor(limit, lasts) => self.override_limit(pool, limit, Some(Millis(lasts))),
            LimitChange::EndOverride => {
                self.operator_calls(pool, EndOverride { by: operator(), expected: ExpectedOverride::Any }.into());
            }
            LimitChange::Settings(limit) => self.set_limit(pool, limit),
        }
    }

    fn override_limit(&mut self, pool: u16, limit: u32, lasts: Option<Millis>) {
        let Ok(limit) = Limit::try_from(u64::from(limit)) else { return };
        let (who, why) = ("operator".into(), "a test".into());
        self.operator_calls(pool, SetLimit { limit, who, why, lasts, expected: ExpectedOverride::Any }.into());
    }

    fn set_limit(&mut self, pool: u16, limit: u32) {
        let Ok(limit) = Limit::try_from(u64::from(limit)) else { return };
        let patch = PoolPatch { limit: Some(limit), ..PoolPatch::default() };
        self.operator_calls(pool, SetPool { patch, by: operator(), expected: ExpectedSettings::Any }.into());
    }

    /// The limit is to be what it was at the beginning.
    pub(super) fn begin_again(&mut self, pool: u16) {
        self.operator_calls(pool, EndOverride { by: operator(), expected: ExpectedOverride::Any }.into());
        if self.pools[usize::from(pool)].set_limit.is_some() {
            let limit = self.plan.pools[usize::from(pool)].limit;
            self.set_limit(pool, limit);
        }
    }

    fn operator_calls(&mut self, pool: u16, operation: leasehold_core::AnyOperation) {
        let rng = self.call_rng(1 << 43);
        self.call(Call::new(Caller::Operator, pool, Some(operation), rng), self.plan.times.one_way);
    }
}

/// Who changes limits.
fn operator() -> Author {
    Author::new("operator", "a test")
}
