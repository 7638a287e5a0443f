//! The life of a job: how does it go on? What its timers and its calls' outcomes make of it.

use leasehold_core::{
    AcquireOutcome, Delivery, Failure, FailureReason, Lease, Row, RowKey, SetLimitOutcome, Tally, TaskCallback,
    TaskResult, Timestamp,
};

use super::call::{CallOutcome, CallPurpose};
use super::clock::{ms, when};
use super::draws::Draw;
use super::event_queue::{EventKind, JobTimer};
use super::job::{Job, Phase};
use super::lane::Lane;
use super::played_operation::PlayedOutcome;
use super::sim_event::SimEventKind;
use super::strategy_rules::Leftover;
use crate::strategy::Strategy;

/// After how long a workflow tries again what failed, in microseconds.
const RETRY: u64 = 1_000_000;

impl Lane {
    /// A job asks, in a new task: entered anew, or once more after it failed.
    pub(crate) fn ask(&mut self, number: u32, retry: bool) {
        let now = self.queue.now();
        let entered = (!retry).then(|| self.clock(0));
        let Some(job) = self.fleet.jobs.get_mut(number) else { return };
        if job.waited.is_none() && now - job.arrived > self.scenario.leases.longest_wait {
            return self.gives_up(number);
        }
        job.asks(now, entered);
        let (pool, task) = (job.pool, job.task);
        self.observer.usage.transitions += 1;
        self.call(pool, CallPurpose::Acquire { job: number, task }, self.network.invoke());
    }

    /// A job starts again after something failed.
    fn starts_again(&mut self, number: u32) {
        let now = self.queue.now();
        let Some(job) = self.fleet.jobs.get_mut(number) else { return };
        // Those who failed together do not come back together.
        let whose = [u64::from(number), u64::from(job.task), 1];
        let until = now + self.draws.of(Draw::Pause, whose).about(RETRY, 50);
        let epoch = job.pauses(Phase::Again, now, until);
        self.remind_at(until, number, epoch, JobTimer::Ask);
    }

    fn remind_at(&mut self, at: u64, job: u32, epoch: u32, timer: JobTimer) {
        self.queue.at(at, EventKind::JobTimer { job, epoch, timer });
    }

    /// A timer of a job goes off.
    pub(crate) fn remind(&mut self, number: u32, epoch: u32, timer: JobTimer) {
        let now = self.queue.now();
        let Some(job) = self.fleet.jobs.get_mut(number).filter(|job| job.epoch == epoch) else { return };
        let pool = job.pool;
        match timer {
            JobTimer::Ask => {
                let retry = job.phase == Phase::Again && !job.holds && job.lease.is_none() && job.waited.is_none();
                self.ask(number, retry);
            }
            JobTimer::Renew if job.phase == Phase::Working => self.call(pool, CallPurpose::Renew { job: number }, 0),
            JobTimer::Renew => {}
            JobTimer::WorkDone => {
                job.is(Phase::Releasing, now, None);
                job.epoch += 1;
                if std::mem::take(&mut job.holds) {
                    self.one_leaves(pool);
                }
                self.observer.usage.transitions += 1;
                self.call(pool, CallPurpose::Release { job: number }, self.network.invoke());
            }
            JobTimer::Release => self.call(pool, CallPurpose::Release { job: number }, 0),
            JobTimer::LeaseEnds => self.lease_ends(number),
            JobTimer::Dies => self.die(number),
        }
    }

    /// One fewer holds in a pool.
    fn one_leaves(&mut self, pool: usize) {
        let seen = &mut self.observer.pools[pool];
        if seen.leaves(self.queue.now()) {
            let (held, ceiling) = (seen.held, seen.ceiling);
            self.say(pool, SimEventKind::WithinLimit { held, ceiling });
        }
    }

    /// A job waits from now on.
    pub(crate) fn waits(&mut self, number: u32) {
        if let Some(job) = self.fleet.jobs.get_mut(number).filter(|job| !job.waits && !job.dead) {
            job.waits = true;
            self.observer.pools[job.pool].waiters(self.queue.now(), 1);
        }
    }

    fn waits_no_more(&mut self, number: u32) {
        if let Some(job) = self.fleet.jobs.get_mut(number).filter(|job| job.waits) {
            job.waits = false;
            self.observer.pools[job.pool].waiters(self.queue.now(), -1);
        }
    }

    /// A job is told that it has a lease.
    fn lease_told(&mut self, number: u32, lease: &Lease) {
        let now = self.queue.now();
        let Some(job) = self.fleet.jobs.get(number) else { return };
        if self.clock(job.skew) >= lease.expires_at {
            return self.starts_again(number);
        }
        let waited_long = job.waits;
        self.waits_no_more(number);
        let Some(job) = self.fleet.jobs.get_mut(number) else { return };
        job.works(now, lease);
        let (pool, epoch, skew, work, dies_after) = (job.pool, job.epoch, job.skew, job.work, job.dies_after);
        let (cell, counted, waited) = (job.cell, job.counted, now - job.wait_since);
        self.remind_at(now + work, number, epoch, JobTimer::WorkDone);
        self.remind_at(when(lease.expires_at, skew), number, epoch, JobTimer::LeaseEnds);
        if self.scenario.workers.renew {
            self.remind_at(now + self.scenario.leases.lease / 2, number, epoch, JobTimer::Renew);
        }
        if let Some(after) = dies_after {
            self.remind_at(now + after, number, epoch, JobTimer::Dies);
        }
        // The work's own state.
        self.observer.usage.transitions += 1;
        let seen = &mut self.observer.pools[pool];
        seen.waits.add(waited);
        seen.stats.made_wait += u64::from(waited_long);
        let breach = seen.takes(now);
        let (held, limit, ceiling) = (seen.held, seen.limit, seen.ceiling);
        let (counted, counted_at) = (counted.map(|(count, _)| count), counted.map(|(_, at)| at));
        let (cell, fence) =
            if self.strategy.has_slots() { (Some(lease.id.slot.0), lease.id.fence.0) } else { (cell, 0) };
        let (waited_ms, counted_at_ms) = (ms(waited), counted_at.map(ms));
        if waited_long && self.strategy.has_queue(&self.scenario) {
            self.say(pool, SimEventKind::Told { job: number, waited_ms });
        }
        self.say(
            pool,
            SimEventKind::Acquired { job: number, cell, fence, waited_ms, held, limit, counted, counted_at_ms },
        );
        if breach {
            let together = counted_at.map_or(vec![], |since| self.pools[pool].put_since(since, number));
            self.say(
                pool,
                SimEventKind::OverLimit { job: number, held, limit, ceiling, counted, counted_at_ms, together },
            );
        }
        self.observer.mark(u64::from(number) << 32 | u64::from(held));
    }

    /// A callback reaches the task it is for.
    pub(crate) fn callback_arrives(&mut self, callback: &TaskCallback) -> Delivery {
        let Some((number, task)) = Job::of_token(callback.token.secret()) else { return Delivery::Closed };
        if !self.fleet.jobs.get(number).is_some_and(|job| job.awaits(task)) {
            return Delivery::Closed;
        }
        match &callback.result {
            TaskResult::Acquired(lease) => self.lease_told(number, lease),
            TaskResult::Failed(FailureReason::WaitedTooLong) => self.gives_up(number),
            TaskResult::Failed(_) => self.starts_again(number),
        }
        Delivery::Delivered
    }

    /// What a call to acquire came to gets to its workflow.
    pub(crate) fn acquire_answered(&mut self, number: u32, task: u32, outcome: CallOutcome) {
        let now = self.queue.now();
        let queues = self.strategy.has_queue(&self.scenario);
        let Some(job) = self.fleet.jobs.get_mut(number).filter(|job| job.awaits(task)) else { return };
        let pool = job.pool;
        match outcome {
            // A callback tells the task.
            Ok(PlayedOutcome::Acquire(AcquireOutcome::Acquired(_) | AcquireOutcome::Queued)) if queues => {}
            Ok(PlayedOutcome::Acquire(AcquireOutcome::Acquired(lease))) => self.lease_told(number, &lease),
            Ok(PlayedOutcome::Acquire(AcquireOutcome::Wait(advice))) => {
                let (held, followed, limit) = (advice.held, job.followed, self.observer.pools[pool].limit);
                let until = now + self.strategy.pause(advice.retry_after, self.scenario.poll_every);
                let epoch = job.pauses(Phase::Pausing, now, until);
                self.remind_at(until, number, epoch, JobTimer::Ask);
                // Check, and wait.
                self.observer.usage.transitions += 2;
                self.waits(number);
                self.say(pool, SimEventKind::Refused { job: number, held, again_ms: ms(until), limit, followed });
            }
            Err(failure) => {
                self.say(pool, SimEventKind::Failed { job: number, operation: "acquire", why: failure.to_string() });
                self.starts_again(number);
            }
            Ok(_) => {}
        }
    }

    /// What the other calls came to; nothing of theirs has to get anywhere. `expires_at`: until when a lease lasts that
    /// one write put.
    pub(crate) fn call_finished(
        &mut self,
        pool: usize,
        purpose: CallPurpose,
        outcome: &CallOutcome,
        expires_at: Option<Timestamp>,
    ) {
        let retry_at = self.queue.now() + RETRY;
        let epoch = |job: u32| self.fleet.jobs.get(job).map_or(0, |job| job.epoch);
        match (purpose, outcome) {
            (CallPurpose::Release { job }, Ok(PlayedOutcome::Release(_))) => self.job_done(job),
            (CallPurpose::Release { job }, _) => self.remind_at(retry_at, job, epoch(job), JobTimer::Release),
            (CallPurpose::Renew { job }, Ok(PlayedOutcome::Renew(renewed))) => {
                self.renewed(job, Some(renewed.expires_at))
            }
            (CallPurpose::Renew { job }, Ok(PlayedOutcome::Release(_))) => self.renewed(job, expires_at),
            (CallPurpose::Renew { job }, Err(Failure::Lost(_))) => self.loses_lease(job),
            (CallPurpose::Renew { job }, _) => {
                let soon = self.queue.now() + self.scenario.leases.lease / 16;
                self.remind_at(soon, job, epoch(job), JobTimer::Renew);
            }
            (CallPurpose::Sweep, Ok(PlayedOutcome::Sweep(tally))) => self.swept(pool, tally),
            (CallPurpose::ExecutionEnded { job }, Ok(PlayedOutcome::ExecutionEnded(freed))) if freed.more.is_none() => {
                self.bury(job)
            }
            (CallPurpose::ExecutionEnded { job }, _) => self.queue.at(retry_at, EventKind::EndReported { job }),
            (CallPurpose::Limit, Ok(PlayedOutcome::SetLimit(outcome))) => self.limit_answered(pool, outcome),
            (CallPurpose::Limit, _) => self.queue.at(retry_at, EventKind::LimitRetried { pool }),
            _ => {}
        }
    }

    /// A change of the limit is made, or gave in to a newer one. The operator goes on until what was wished last is there.
    fn limit_answered(&mut self, pool: usize, outcome: &SetLimitOutcome) {
        let there = match outcome {
            SetLimitOutcome::Set(changed) => {
                self.limit_made(pool);
                changed.to
            }
            SetLimitOutcome::Superseded(superseded) => superseded.limit,
        };
        let operator = &mut self.pools[pool].operator;
        operator.busy = false;
        if there != operator.wish {
            self.operate(pool);
        }
    }

    fn swept(&mut self, pool: usize, tally: &Tally) {
        let Tally { granted, reclaimed, renotified, freed, left, .. } = *tally;
        if granted + reclaimed + renotified + freed + left > 0 {
            self.say(pool, SimEventKind::Swept { granted, reclaimed, renotified, freed, left });
        }
    }

    fn renewed(&mut self, number: u32, expires_at: Option<Timestamp>) {
        let now = self.queue.now();
        let Some(job) = self.fleet.jobs.get_mut(number).filter(|job| job.phase == Phase::Working) else { return };
        let (epoch, skew) = (job.epoch, job.skew);
        if let (Some(lease), Some(expires_at)) = (job.lease.as_mut(), expires_at) {
            lease.expires_at = lease.expires_at.max(expires_at);
            let ends = when(lease.expires_at, skew);
            self.remind_at(ends, number, epoch, JobTimer::LeaseEnds);
        }
        self.remind_at(now + self.scenario.leases.lease / 2, number, epoch, JobTimer::Renew);
    }

    /// A lease may have run out, on its worker's own clock.
    fn lease_ends(&mut self, number: u32) {
        let Some(job) = self.fleet.jobs.get(number) else { return };
        let lasts = job.lease.as_ref().is_some_and(|lease| self.clock(job.skew) < lease.expires_at);
        let (pool, cell, holds) = (job.pool, job.cell, job.phase == Phase::Working && job.holds);
        if job.dead {
            return match self.strategy {
                Strategy::CountThenPut => self.bury(number),
                Strategy::Leasehold if lasts => {}
                Strategy::Leasehold => {
                    // Its slot is still there, and can be taken after the grace.
                    self.say(pool, SimEventKind::Expired { job: number, cell });
                    self.bury(number);
                }
            };
        }
        if lasts || !holds {
            return;
        }
        self.say(pool, SimEventKind::Expired { job: number, cell });
        if self.scenario.workers.renew {
            return self.loses_lease(number);
        }
        // Nobody told it to stop: it works on, without a lease.
        if let Some(job) = self.fleet.jobs.get_mut(number) {
            (job.holds, job.lost) = (false, true);
        }
        self.one_leaves(pool);
    }

    /// A worker learns that it has no lease any more: it stops and starts again.
    fn loses_lease(&mut self, number: u32) {
        let now = self.queue.now();
        let Some(job) = self.fleet.jobs.get_mut(number).filter(|job| job.phase == Phase::Working) else { return };
        let pool = job.pool;
        job.lost = true;
        job.wait_since = now;
        job.lease = None;
        if std::mem::take(&mut job.holds) {
            self.one_leaves(pool);
        }
        self.observer.pools[pool].stats.lost_leases += 1;
        self.say(pool, SimEventKind::LostLease { job: number });
        self.starts_again(number);
    }

    /// A worker goes silent.
    pub(crate) fn die(&mut self, number: u32) {
        let now = self.queue.now();
        let Some(job) = self.fleet.jobs.get_mut(number).filter(|job| !job.dead) else { return };
        let (pool, phase, skew) = (job.pool, job.phase, job.skew);
        job.ends(now);
        let holding = std::mem::take(&mut job.holds);
        let epoch = job.epoch;
        let expires_at = job.lease.as_ref().map(|lease| lease.expires_at);
        self.waits_no_more(number);
        if holding {
            self.one_leaves(pool);
        }
        self.observer.pools[pool].stats.died += 1;
        self.say(pool, SimEventKind::Died { job: number, holding });
        if let Some(expires_at) = expires_at.filter(|_| self.strategy.has_slots()) {
            self.remind_at(when(expires_at, skew), number, epoch, JobTimer::LeaseEnds);
        }
        if phase != Phase::Releasing {
            self.report_end(number);
        }
        self.bury(number);
    }

    /// The end of a job's execution is to be reported, where that is done.
    fn report_end(&mut self, number: u32) {
        if self.scenario.workers.reported && self.strategy.has_manager() {
            self.queue.after(self.scenario.workers.report, EventKind::EndReported { job: number });
        }
    }

    /// The end of a job's execution is reported.
    pub(crate) fn end_reported(&mut self, number: u32) {
        if let Some(job) = self.fleet.jobs.get(number) {
            self.call(job.pool, CallPurpose::ExecutionEnded { job: number }, self.network.invoke());
        }
    }

    /// A dead job is forgotten once nothing of it is left: no row that means anything, no call.
    pub(crate) fn bury(&mut self, number: u32) {
        let Some(job) = self.fleet.jobs.get(number).filter(|job| job.dead) else { return };
        let (pool, epoch, cell) = (job.pool, job.epoch, job.cell);
        if self.calls.any_for(number) {
            return;
        }
        let row = match self.pools[pool].table.row(RowKey::Holder(job.holder.hashed())) {
            Some(Row::Holder(row)) if self.strategy.points(row, &self.pools[pool].table) => Some(row),
            _ => None,
        };
        match self.strategy.leftover(row, self.clock(0)) {
            Leftover::Nothing => drop(self.forget_job(number)),
            Leftover::Held => {}
            Leftover::CountsUntil(at) => self.remind_at(when(at, 0), number, epoch, JobTimer::LeaseEnds),
            Leftover::Expired => {
                self.say(pool, SimEventKind::Expired { job: number, cell });
                self.forget_job(number);
            }
        }
    }

    /// A job is taken off the list.
    fn forget_job(&mut self, number: u32) -> Option<Job> {
        let job = self.fleet.jobs.remove(number)?;
        self.pools[job.pool].cell_gone(number);
        Some(job)
    }

    /// A job is over: its work is done and its lease given back.
    fn job_done(&mut self, number: u32) {
        let Some(job) = self.forget_job(number).filter(|job| !job.dead) else { return };
        self.observer.pools[job.pool].stats.over_jobs += 1;
        let took_ms = ms(self.queue.now() - job.arrived);
        self.say(job.pool, SimEventKind::Over { job: number, took_ms });
    }

    /// Its workflow waits no longer.
    fn gives_up(&mut self, number: u32) {
        self.waits_no_more(number);
        let now = self.queue.now();
        let Some(job) = self.fleet.jobs.get_mut(number) else { return };
        // Its execution has ended; what a call of its may still get is freed like a dead one's.
        job.ends(now);
        let (pool, waited_ms) = (job.pool, ms(now - job.arrived));
        self.observer.pools[pool].stats.gave_up += 1;
        self.say(pool, SimEventKind::GaveUp { job: number, waited_ms });
        self.report_end(number);
        self.bury(number);
    }
}
