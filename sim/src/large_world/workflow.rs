//! Workflows and processes: what does each holder do next? It asks, waits, works, gives back, asks again after an error as its
//! state's Retry says; and what it is answered.

use leasehold_core::{
    AcquireOutcome, AcquireRequest, AnyOperation, AnyOutcome, Delivery, FailureReason, Lease, Mode, ReleaseTarget,
    RenewRequest, TaskCallback, TaskResult, Timestamp,
};

use super::agenda::{Event, HolderTimer, Strike};
use super::call::{Call, CallOutcome, Caller, QueueStanding};
use super::fault_kind::FaultKind;
use super::machine_clock::moment_of;
use super::plan::{MS, SECOND, SweepPlan};
use super::population::{AskMode, ExecutionState, Member, Stage, ToldLease, owner_of, token_of};
use super::state_retry::RetriesUsed;
use super::world::World;

/// When a state that polls times out.
const POLL_TIMES_OUT: u64 = 60 * SECOND;

/// The longest pause between two looks of a process, in microseconds.
const LONGEST_PAUSE: u64 = 2 * SECOND;

/// How often a process tries to give its lease back.
const GIVE_BACK_TRIES: u32 = 20;

impl World {
    /// A holder enters the state that asks.
    pub(super) fn ask(&mut self, holder: u32) {
        let now = self.agenda.now();
        let time = match self.members[holder as usize].machine {
            // A process asks once it knows the table's time.
            Some(machine) if self.plan.faults.of(FaultKind::ClockWrong) == 0 => {
                self.machines[machine as usize].time(now)
            }
            _ => self.time(),
        };
        let member = &mut self.members[holder as usize];
        if member.began == 0 {
            member.began = now.max(1);
        }
        member.entered = time;
        member.retry = 0;
        member.used = RetriesUsed::default();
        self.new_task(holder);
    }

    /// A task of the state that asks begins.
    pub(super) fn new_task(&mut self, holder: u32) {
        let member = &mut self.members[holder as usize];
        member.task += 1;
        member.is_open = true;
        member.is_untellable = false;
        member.goes_on(Stage::Asking);
        let (mode, task, mut rng) = (member.mode, member.task, member.rng);
        self.acquire(holder, task, true, 0);
        if self.befalls(FaultKind::CallRepeated, &mut rng) {
            let most = self.plan.times.latest >> rng.below(10);
            self.acquire(holder, task, false, rng.below(most.max(MS)));
        }
        if mode == AskMode::Poll {
            self.remind(holder, POLL_TIMES_OUT, HolderTimer::TaskTimesOut);
        } else if mode == AskMode::Queue && self.befalls(FaultKind::TaskTimesOut, &mut rng) {
            self.remind(holder, rng.below(60 * SECOND), HolderTimer::TaskTimesOut);
        }
        self.members[holder as usize].rng = rng;
    }

    fn acquire(&mut self, holder: u32, task: u32, is_heard: bool, after: u64) {
        let member = &self.members[holder as usize];
        let mode = match member.mode {
            AskMode::Poll => Mode::Poll,
            AskMode::Queue => Mode::Queue(token_of(holder, task)),
            AskMode::Process => Mode::Queue(None),
        };
        let attempt = Some(member.attempt());
        let request =
            AcquireRequest { holder: member.holder.clone(), attempt, mode, lease: None, wait: None, label: None };
        self.call_for(Caller::Acquire { holder, task, is_heard }, holder, Some(request.into()), after);
    }

    fn call_for(&mut self, by: Caller, holder: u32, operation: Option<AnyOperation>, after: u64) {
        let member = &self.members[holder as usize];
        let (pool, process) = (member.pool, member.mode == AskMode::Process);
        let mut rng = self.call_rng(holder.into());
        let latency = if process { 0 } else { self.plan.times.one_way + rng.below(20 * MS) };
        self.call(Call::new(by, pool, operation, rng), after + latency);
    }

    /// A holder's timer goes off.
    pub(super) fn timer(&mut self, holder: u32, timer: HolderTimer) {
        let stage = self.members[holder as usize].stage;
        match (timer, stage) {
            (HolderTimer::Ask, Stage::Pausing) => self.ask(holder),
            (HolderTimer::Retry, Stage::Pausing) => {
                self.members[holder as usize].retry += 1;
                self.new_task(holder);
            }
            (HolderTimer::TaskTimesOut, Stage::Asking) if self.members[holder as usize].is_open => {
                self.state_fails(holder, "States.Timeout");
            }
            (HolderTimer::Look, Stage::Asking) => self.look(holder),
            (HolderTimer::Renew, Stage::Working | Stage::Checking) => self.renew(holder),
            (HolderTimer::WorkDone, Stage::Working) => {
                let mut rng = self.members[holder as usize].rng;
                let fails = self.befalls(FaultKind::WorkFails, &mut rng);
                self.members[holder as usize].rng = rng;
                if fails { self.fails(holder) } else { self.give_back(holder) }
            }
            (HolderTimer::Release, Stage::Releasing) => self.release(holder, true, 0),
            _ => {}
        }
    }

    /// The state that asks fails with this error: it is retried, or its execution fails.
    fn state_fails(&mut self, holder: u32, error: &'static str) {
        self.report.states_failed += 1;
        let states = self.states.clone();
        let member = &mut self.members[holder as usize];
        member.is_open = false;
        let retry = if member.mode == AskMode::Poll { &states.poll } else { &states.queue };
        match retry.delay(error, &mut member.used, &mut member.rng) {
            Some(delay) => {
                member.goes_on(Stage::Pausing);
                self.remind(holder, delay, HolderTimer::Retry);
            }
            None => {
                self.report.gave_up += 1;
                if self.story.is_some() {
                    self.tell(format!("{} fails for good: {error}", self.members[holder as usize].holder));
                }
                self.fails(holder);
            }
        }
    }

    fn look(&mut self, holder: u32) {
        let now = self.agenda.now();
        let longest = self.plan.pools[usize::from(self.members[holder as usize].pool)].longest_wait * MS;
        let member = &mut self.members[holder as usize];
        if now > member.began + longest {
            member.goes_on(Stage::Leaving);
            let (epoch, own) = (member.epoch, member.holder.clone());
            let target = ReleaseTarget::Holder(own, None);
            return self.call_for(Caller::Leave { holder, epoch }, holder, Some(target.into()), 0);
        }
        let epoch = member.epoch;
        self.call_for(Caller::Look { holder, epoch }, holder, None, 0);
    }

    fn look_again(&mut self, holder: u32) {
        let member = &mut self.members[holder as usize];
        member.pause = (member.pause * 3 / 2).min(LONGEST_PAUSE);
        let pause = member.pause;
        self.remind(holder, pause, HolderTimer::Look);
    }

    fn renew(&mut self, holder: u32) {
        let member = &self.members[holder as usize];
        let Some(told) = member.told else { return };
        let (epoch, id) = (member.epoch, told.id(&self.pools[usize::from(member.pool)].name));
        self.call_for(Caller::Renew { holder, epoch }, holder, Some(RenewRequest { id, lease: None }.into()), 0);
    }

    /// A holder's work is done: it asks to give its lease back.
    pub(super) fn give_back(&mut self, holder: u32) {
        self.uncount(holder);
        let member = &mut self.members[holder as usize];
        member.used = RetriesUsed::default();
        member.retry = 0;
        member.goes_on(Stage::Releasing);
        let mut rng = member.rng;
        if self.befalls(FaultKind::CallRepeated, &mut rng) {
            let most = self.plan.times.latest >> rng.below(10);
            self.release(holder, false, rng.below(most.max(MS)));
        }
        self.members[holder as usize].rng = rng;
        self.release(holder, true, 0);
    }

    fn release(&mut self, holder: u32, is_heard: bool, after: u64) {
        let member = &self.members[holder as usize];
        let Some(told) = member.told else { return };
        let by_name = self.plan.crowds[self.executions[member.execution as usize].crowd as usize].by_name;
        let target = if by_name && member.mode != AskMode::Process {
            ReleaseTarget::Holder(member.holder.clone(), Some(told.attempt))
        } else {
            ReleaseTarget::Lease(told.id(&self.pools[usize::from(member.pool)].name))
        };
        let epoch = member.epoch;
        self.call_for(Caller::Release { holder, epoch, is_heard }, holder, Some(target.into()), after);
    }

    /// What a call came to gets to its caller.
    pub(super) fn answer(&mut self, at: u32) {
        let call = &mut self.calls[at as usize];
        let (by, pool, result) = (call.by, call.pool, call.result.take());
        self.drop_call(at);
        let Some(result) = result else { return };
        match by {
            Caller::Acquire { holder, task, is_heard } => {
                let member = &self.members[holder as usize];
                if is_heard && member.task == task && member.stage == Stage::Asking {
                    self.acquire_answered(holder, result);
                }
            }
            Caller::Release { holder, epoch, is_heard } => {
                if is_heard && self.is_at(holder, epoch) {
                    self.release_answered(holder, result);
                }
            }
            Caller::Renew { holder, epoch } => {
                if self.is_at(holder, epoch) {
                    self.renew_answered(holder, result);
                }
            }
            Caller::Look { holder, epoch } => {
                if self.is_at(holder, epoch) {
                    match result {
                        Ok(CallOutcome::Standing(QueueStanding::Turn | QueueStanding::Nowhere)) => {
                            self.new_task(holder);
                        }
                        Ok(_) if self.members[holder as usize].is_unsure => self.new_task(holder),
                        Ok(CallOutcome::Lapsed(true)) => {
                            self.sweep(pool, false);
                            self.look_again(holder);
                        }
                        _ => self.look_again(holder),
                    }
                }
            }
            Caller::Leave { holder, epoch } => {
                if self.is_at(holder, epoch) {
                    self.is_over(holder);
                }
            }
            Caller::Sweep { is_scheduled } => {
                let plan = &self.plan.pools[usize::from(pool)];
                if is_scheduled && plan.sweeps == SweepPlan::Always && !self.is_calm {
                    self.agenda.after(10 * MS, Event::Sweep { pool });
                }
            }
            Caller::Ended { report } => self.report_answered(report, result.is_ok()),
            Caller::ReleaseAll { execution, holder } => self.all_released(execution, holder, result.is_ok()),
            Caller::Operator => {}
        }
    }

    fn is_at(&self, holder: u32, epoch: u32) -> bool {
        self.members[holder as usize].epoch == epoch
    }

    fn acquire_answered(&mut self, holder: u32, result: Result<CallOutcome, &'static str>) {
        let member = &mut self.members[holder as usize];
        let outcome = match result {
            Ok(CallOutcome::Operation(outcome)) => match *outcome {
                AnyOutcome::Acquire(outcome) => outcome,
                _ => return,
            },
            Ok(_) => return,
            Err(error) if member.mode != AskMode::Process => {
                if member.is_open {
                    self.state_fails(holder, error);
                }
                return;
            }
            // It was granted a lease, and lost it before it looked: it joins again.
            Err("LeaseLost") => {
                member.goes_on(Stage::Pausing);
                let pause = member.pause;
                return self.remind(holder, pause, HolderTimer::Retry);
            }
            Err("HolderBusy") => return self.is_over(holder),
            Err(_) => {
                member.is_unsure = true;
                return self.look_again(holder);
            }
        };
        member.is_unsure = false;
        match outcome {
            AcquireOutcome::Acquired(lease) if member.mode != AskMode::Queue => self.told(holder, &lease),
            AcquireOutcome::Wait(advice) => {
                self.report.told_to_wait += 1;
                let pause = advice.retry_after.0.div_ceil(1_000).max(1) * SECOND;
                member.is_open = false;
                member.goes_on(Stage::Pausing);
                self.remind(holder, pause, HolderTimer::Ask);
            }
            AcquireOutcome::Queued if member.mode == AskMode::Process => self.look_again(holder),
            AcquireOutcome::Acquired(_) | AcquireOutcome::Queued => {}
        }
    }

    fn release_answered(&mut self, holder: u32, result: Result<CallOutcome, &'static str>) {
        let states = self.states.clone();
        let member = &mut self.members[holder as usize];
        let Err(error) = result else { return self.is_over(holder) };
        let delay = if member.mode == AskMode::Process {
            (member.retry < GIVE_BACK_TRIES).then_some(SECOND)
        } else {
            states.release.delay(error, &mut member.used, &mut member.rng)
        };
        match delay {
            Some(delay) => {
                member.retry += 1;
                self.remind(holder, delay, HolderTimer::Release);
            }
            // It expires by itself.
            None => self.is_over(holder),
        }
    }

    fn renew_answered(&mut self, holder: u32, result: Result<CallOutcome, &'static str>) {
        let was = self.members[holder as usize].stage;
        let renewed = match &result {
            Ok(CallOutcome::Operation(outcome)) => match &**outcome {
                AnyOutcome::Renew(renewed) => Some(renewed.expires_at),
                _ => None,
            },
            _ => None,
        };
        match (renewed, result) {
            (Some(expires_at), _) => {
                let member = &mut self.members[holder as usize];
                let Some(told) = &mut member.told else { return };
                told.expires_at = told.expires_at.max(expires_at);
                if was == Stage::Checking {
                    member.goes_on(Stage::Working);
                    self.works(holder);
                } else {
                    self.count(holder);
                    self.next_renewal(holder);
                }
            }
            (None, Err("LeaseLost")) => self.fails(holder),
            _ => self.remind(holder, SECOND, HolderTimer::Renew),
        }
    }

    fn next_renewal(&mut self, holder: u32) {
        let member = &self.members[holder as usize];
        let lease = self.plan.pools[usize::from(member.pool)].lease;
        let crowd = self.executions[member.execution as usize].crowd;
        if self.plan.crowds[crowd as usize].renews {
            self.remind(holder, lease * MS / 3, HolderTimer::Renew);
        }
    }

    /// A callback gets to the task that waits on its token.
    pub(super) fn deliver(&mut self, callback: &TaskCallback) -> Delivery {
        let Some((holder, task)) = owner_of(&callback.token) else { return Delivery::Closed };
        let member = &self.members[holder as usize];
        if self.is_not_revoked(&callback.result) {
            return Delivery::Delivered;
        }
        let delivery = if member.task == task && member.is_untellable {
            Delivery::Refused
        } else if member.task != task || !member.is_open {
            Delivery::Closed
        } else {
            Delivery::Delivered
        };
        if self.story.is_some() {
            let what = match &callback.result {
                TaskResult::Acquired(lease) => format!("has {}", lease.id),
                TaskResult::Failed(why) => format!("fails: {why:?}"),
            };
            self.tell(format!("notice to {} task {task}: {what}: {delivery:?}", self.members[holder as usize].holder));
        }
        if delivery == Delivery::Delivered {
            match &callback.result {
                TaskResult::Acquired(lease) => self.told(holder, lease),
                TaskResult::Failed(why) => {
                    let error = match why {
                        FailureReason::WaitedTooLong => "WaitedTooLong",
                        FailureReason::Superseded => "HolderBusy",
                        FailureReason::Expired | FailureReason::Released => "LeaseLost",
                    };
                    self.state_fails(holder, error);
                }
            }
        }
        delivery
    }

    /// From now on nobody can tell this task anything.
    pub(super) fn make_untellable(&mut self, callback: &TaskCallback) {
        if let Some((holder, task)) = owner_of(&callback.token) {
            let member = &mut self.members[holder as usize];
            if member.task == task && member.is_open {
                member.is_untellable = true;
                // A person mends it some day, and until then its task is in nobody's way.
                let mut rng = member.rng;
                let epoch = member.epoch;
                let wait = 60 * SECOND + rng.below(600 * SECOND);
                self.agenda.after(wait, Event::Holder { holder, epoch, timer: HolderTimer::TaskTimesOut });
            }
        }
    }

    /// A holder is told that it has a lease.
    fn told(&mut self, holder: u32, lease: &Lease) {
        self.report.told += 1;
        self.judge_told(holder, lease);
        let told = ToldLease {
            slot: lease.id.slot,
            fence: lease.id.fence,
            attempt: lease.attempt,
            acquired_at: lease.acquired_at,
            expires_at: lease.expires_at,
        };
        let member = &mut self.members[holder as usize];
        member.told = Some(told);
        member.lost_to_end = false;
        member.told_on = member.told_on.max(Some(lease.attempt));
        member.is_open = false;
        member.goes_on(Stage::Working);
        self.works(holder);
    }

    /// A holder works, under the lease that it was told of.
    fn works(&mut self, holder: u32) {
        let member = &mut self.members[holder as usize];
        let (mut rng, mut work) = (member.rng, member.work);
        if self.befalls(FaultKind::WorkTooLong, &mut rng) {
            work *= 3;
        }
        self.members[holder as usize].rng = rng;
        self.count(holder);
        self.remind(holder, work, HolderTimer::WorkDone);
        self.next_renewal(holder);
    }

    /// A holder counts as one that holds a lease.
    fn count(&mut self, holder: u32) {
        let time = self.time_of(holder);
        let member = &mut self.members[holder as usize];
        let counts = member.counts || member.lost_to_end;
        let Some(told) = member.told.filter(|told| time < told.expires_at && !counts) else { return };
        member.counts = true;
        let over = moment_of(Timestamp(told.expires_at.0.saturating_add_signed(-member.clock)));
        let pool = usize::from(member.pool);
        self.agenda.at(over, Event::LeaseOver { holder });
        self.pools[pool].counting += 1;
        self.judge_cap(pool);
    }

    /// It has given its lease back, or lost it, or its execution has ended.
    pub(super) fn uncount(&mut self, holder: u32) {
        let member = &mut self.members[holder as usize];
        if member.counts {
            member.counts = false;
            self.pools[usize::from(member.pool)].counting -= 1;
        }
    }

    /// The lease that a holder was told of may have run out.
    pub(super) fn lease_over(&mut self, holder: u32) {
        let time = self.time_of(holder);
        let member = &self.members[holder as usize];
        let Some(told) = member.told.filter(|_| member.counts) else { return };
        if time < told.expires_at {
            let over = moment_of(Timestamp(told.expires_at.0.saturating_add_signed(-member.clock)));
            // Whole milliseconds, and perhaps one more for the rest of one.
            return self.agenda.at(over.max(self.agenda.now() + MS), Event::LeaseOver { holder });
        }
        self.uncount(holder);
    }

    /// A holder is done.
    pub(super) fn is_over(&mut self, holder: u32) {
        let member = &mut self.members[holder as usize];
        if member.is_done() {
            return;
        }
        member.goes_on(Stage::Over);
        member.is_open = false;
        self.open -= 1;
        self.uncount(holder);
        self.perhaps_ends(self.members[holder as usize].execution);
    }

    /// Something befalls a holder.
    pub(super) fn strike(&mut self, holder: u32, strike: Strike) {
        let member = &self.members[holder as usize];
        let execution = member.execution;
        let stage = member.stage;
        if member.is_done() || self.executions[execution as usize].state != ExecutionState::Running {
            return;
        }
        if self.story.is_some() {
            self.tell(format!("{} is struck: {strike:?} while {stage:?}", self.members[holder as usize].holder));
        }
        let process = self.members[holder as usize].mode == AskMode::Process;
        match strike {
            Strike::Stop if process => {}
            Strike::Stop => {
                let top = self.executions[execution as usize].parent.unwrap_or(execution);
                self.stop(top);
            }
            Strike::Kill if !process => self.fails(holder),
            Strike::Kill | Strike::Cancel => {
                self.report.died += 1;
                self.vanish(holder);
                let crowd = self.executions[execution as usize].crowd;
                if !process && self.plan.crowds[crowd as usize].catches {
                    let wait = self.members[holder as usize].rng.below(5 * SECOND);
                    self.expected += 1;
                    self.agenda.after(wait, Event::Catch { execution, holder });
                }
                self.perhaps_ends(execution);
            }
        }
    }

    /// A holder is gone without a word: what it was told of still counts.
    pub(super) fn vanish(&mut self, holder: u32) {
        let member: &mut Member = &mut self.members[holder as usize];
        member.is_open = false;
        member.goes_on(Stage::Gone);
        self.open -= 1;
    }
}
