//! How does a job go on? What its timers and its calls' outcomes make of it.

use leasehold_core::machine::{Failure, News, Notice, Notified, Outcome, Tally, WhyFailed};
use leasehold_core::nouns::{Lease, Millis};
use leasehold_core::table::{HolderState, Key, Row};

use super::call::CallPurpose;
use super::draws::Draw;
use super::job::{Job, KnownLease, Phase};
use super::lane::{EventKind, JobTimer, Lane, RETRY, ms};
use super::sim_event::SimEventKind;
use crate::count_then_put::expires_at;

impl Lane {
    /// A job asks, in a new task: entered anew, or once more after it failed.
    pub(crate) fn ask(&mut self, number: u32, retry: bool) {
        let now = self.now;
        let entered = self.clock(0);
        let longest = self.scenario.leases.longest_wait;
        let Some(job) = self.jobs.get_mut(number) else { return };
        if job.waited.is_none() && now - job.arrived > longest {
            return self.gave_up(number);
        }
        if retry {
            job.retry += 1;
        } else {
            (job.entered, job.retry) = (entered, 0);
        }
        job.task += 1;
        job.task_open = true;
        job.is(Phase::Asking, now, None);
        let (pool, task) = (job.pool, job.task);
        self.used.transitions += 1;
        let invoke = self.scenario.network.invoke;
        self.call(pool, CallPurpose::Acquire { job: number, task }, invoke);
    }

    /// A job starts again after something failed.
    fn again(&mut self, number: u32) {
        let now = self.now;
        let Some(job) = self.jobs.get_mut(number) else { return };
        job.task_open = false;
        job.epoch += 1;
        // Those who failed together do not come back together.
        let whose = [u64::from(number), u64::from(job.task), 1];
        let pause = self.draws.about(RETRY, 50, Draw::Pause, whose);
        job.is(Phase::Again, now, Some(now + pause));
        let epoch = job.epoch;
        self.at(now + pause, EventKind::JobTimer { job: number, epoch, what: JobTimer::Ask });
    }

    pub(crate) fn remind(&mut self, number: u32, epoch: u32, what: JobTimer) {
        let now = self.now;
        let Some(job) = self.jobs.get_mut(number) else { return };
        if epoch != job.epoch {
            return;
        }
        let pool = job.pool;
        match what {
            JobTimer::Ask => {
                let retry = job.phase == Phase::Again && !job.holds && job.lease.is_none() && job.waited.is_none();
                self.ask(number, retry);
            }
            JobTimer::Renew if job.phase == Phase::Working => self.call(pool, CallPurpose::Renew { job: number }, 0),
            JobTimer::WorkOver => {
                job.is(Phase::Releasing, now, None);
                job.epoch += 1;
                if std::mem::take(&mut job.holds) {
                    self.leaves(pool);
                }
                self.used.transitions += 1;
                let invoke = self.scenario.network.invoke;
                self.call(pool, CallPurpose::Release { job: number }, invoke);
            }
            JobTimer::Release => self.call(pool, CallPurpose::Release { job: number }, 0),
            JobTimer::RunsOut => self.runs_out(number),
            JobTimer::Dies => self.die(number),
            _ => {}
        }
    }

    /// Fewer hold in a pool.
    pub(crate) fn leaves(&mut self, pool: usize) {
        let now = self.now;
        if self.pools[pool].leaves(now) {
            let (held, ceiling) = (self.pools[pool].held, self.pools[pool].ceiling);
            self.say(pool, SimEventKind::WithinLimit { held, ceiling });
        }
    }

    fn waits_no_more(&mut self, number: u32) {
        let now = self.now;
        if let Some(job) = self.jobs.get_mut(number).filter(|job| job.waits) {
            job.waits = false;
            let pool = job.pool;
            self.pools[pool].waiters(now, -1);
        }
    }

    pub(crate) fn waits(&mut self, number: u32) {
        let now = self.now;
        if let Some(job) = self.jobs.get_mut(number).filter(|job| !job.waits && !job.dead) {
            job.waits = true;
            let pool = job.pool;
            self.pools[pool].waiters(now, 1);
        }
    }

    /// A job is told that it has a lease.
    fn told(&mut self, number: u32, lease: &Lease) {
        let now = self.now;
        let Some(job) = self.jobs.get(number) else { return };
        if self.clock(job.skew) >= lease.expires_at {
            return self.again(number);
        }
        let (pool, waited, skew) = (job.pool, now - job.arrived, job.skew);
        let waited_long = job.waits;
        let runs_out = self.when(lease.expires_at, skew);
        self.waits_no_more(number);
        let Some(job) = self.jobs.get_mut(number) else { return };
        job.task_open = false;
        job.epoch += 1;
        job.holds = true;
        job.waited = Some(waited);
        job.lease = Some(KnownLease { id: lease.id.clone(), expires_at: lease.expires_at });
        job.is(Phase::Working, now, Some(now + job.work));
        let (epoch, work, dies_after, cell, counted) = (job.epoch, job.work, job.dies_after, job.cell, job.counted);
        let timer = |what: JobTimer| EventKind::JobTimer { job: number, epoch, what };
        self.at(now + work, timer(JobTimer::WorkOver));
        self.at(runs_out, timer(JobTimer::RunsOut));
        if self.scenario.workers.renew {
            self.at(now + self.scenario.leases.lease / 2, timer(JobTimer::Renew));
        }
        if let Some(after) = dies_after {
            self.at(now + after, timer(JobTimer::Dies));
        }
        // The work's own state.
        self.used.transitions += 1;
        self.pools[pool].waits.add(waited);
        let breach = self.pools[pool].takes(now);
        let (held, limit, ceiling) = (self.pools[pool].held, self.pools[pool].limit, self.pools[pool].ceiling);
        let (counted, counted_at) = (counted.map(|(count, _)| count), counted.map(|(_, at)| at));
        let cell = if self.counts() { cell } else { Some(lease.id.slot.0) };
        let fence = if self.counts() { 0 } else { lease.id.fence.0 };
        let (waited_ms, counted_at_ms) = (ms(waited), counted_at.map(ms));
        if waited_long && !self.counts() && self.scenario.queue {
            self.say(pool, SimEventKind::Told { job: number, waited_ms });
        }
        self.say(
            pool,
            SimEventKind::Acquired { job: number, cell, fence, waited_ms, held, limit, counted, counted_at_ms },
        );
        if breach {
            let together = counted_at.map_or(vec![], |since| self.pools[pool].put_since(since, number));
            self.say(pool, SimEventKind::OverLimit { job: number, held, ceiling, counted, counted_at_ms, together });
        }
        self.mark(u64::from(number) << 32 | u64::from(held));
    }

    /// A notice reaches the task it is for.
    pub(crate) fn notice(&mut self, notice: &Notice) -> Notified {
        let Some((number, task)) = Job::of_token(notice.token.secret()) else { return Notified::Closed };
        let open = |job: &&Job| job.task == task && job.task_open && !job.dead;
        if self.jobs.get(number).filter(open).is_none() {
            return Notified::Closed;
        }
        match &notice.news {
            News::Acquired(lease) => self.told(number, lease),
            News::Failed(WhyFailed::WaitedTooLong) => self.gave_up(number),
            News::Failed(_) => self.again(number),
        }
        Notified::Delivered
    }

    /// What a call to acquire came to gets to its workflow.
    pub(crate) fn answered(&mut self, number: u32, task: u32, outcome: Outcome) {
        let now = self.now;
        let queue = self.scenario.queue && !self.counts();
        let Some(job) = self.jobs.get_mut(number).filter(|job| job.task == task && job.task_open && !job.dead) else {
            return;
        };
        let pool = job.pool;
        match outcome {
            Outcome::Acquired(_) | Outcome::Queued if queue => {}
            Outcome::Acquired(lease) => self.told(number, &lease),
            Outcome::Wait { retry_after, held, .. } => {
                job.task_open = false;
                job.epoch += 1;
                let epoch = job.epoch;
                let most = self.scenario.poll_every;
                // Leasehold says how long to wait; who counts waits as long as was written down.
                let pause = if self.which == 0 { most } else { (retry_after.0 * 1_000).min(most) };
                job.is(Phase::Pausing, now, Some(now + pause));
                self.at(now + pause, EventKind::JobTimer { job: number, epoch, what: JobTimer::Ask });
                // Check, and wait.
                self.used.transitions += 2;
                self.waits(number);
                self.say(pool, SimEventKind::Refused { job: number, held, again_ms: ms(now + pause) });
            }
            Outcome::Failed(failure) => {
                self.say(pool, SimEventKind::Failed { job: number, operation: "acquire", why: failure.to_string() });
                self.again(number);
            }
            _ => {}
        }
    }

    /// What the other calls came to; nothing of theirs has to get anywhere.
    pub(crate) fn finished(&mut self, pool: usize, duty: CallPurpose, outcome: &Outcome, single: Option<Millis>) {
        match (duty, outcome) {
            (CallPurpose::Release { job }, Outcome::Released { .. }) => self.over(job),
            (CallPurpose::Release { job }, _) => {
                let epoch = self.jobs.get(job).map_or(0, |job| job.epoch);
                self.at(self.now + RETRY, EventKind::JobTimer { job, epoch, what: JobTimer::Release });
            }
            (CallPurpose::Renew { job }, Outcome::Renewed { expires_at, .. }) => self.renewed(job, Some(*expires_at)),
            (CallPurpose::Renew { job }, Outcome::Released { .. }) => self.renewed(job, single),
            (CallPurpose::Renew { job }, Outcome::Failed(Failure::Lost(_))) => self.loses(job),
            (CallPurpose::Renew { job }, _) => {
                let epoch = self.jobs.get(job).map_or(0, |job| job.epoch);
                let soon = self.now + self.scenario.leases.lease / 16;
                self.at(soon, EventKind::JobTimer { job, epoch, what: JobTimer::Renew });
            }
            (CallPurpose::Sweep, Outcome::Swept(tally)) => self.swept(pool, tally),
            (CallPurpose::Gone { job }, Outcome::Gone { more: None, .. }) => self.bury(job),
            (CallPurpose::Gone { job }, _) => self.at(self.now + RETRY, EventKind::Report { job }),
            (CallPurpose::Limit, Outcome::Changed { .. }) => self.limit_made(pool),
            (CallPurpose::Limit, _) => self.at(self.now + RETRY, EventKind::Operator { pool }),
            _ => {}
        }
    }

    fn swept(&mut self, pool: usize, tally: &Tally) {
        let Tally { granted, reclaimed, renotified, freed, left, .. } = *tally;
        if granted + reclaimed + renotified + freed + left > 0 {
            self.say(pool, SimEventKind::Swept { granted, reclaimed, renotified, freed, left });
        }
    }

    fn renewed(&mut self, number: u32, expires_at: Option<Millis>) {
        let now = self.now;
        let Some(job) = self.jobs.get_mut(number).filter(|job| job.phase == Phase::Working) else { return };
        let (epoch, skew) = (job.epoch, job.skew);
        if let (Some(lease), Some(expires_at)) = (job.lease.as_mut(), expires_at) {
            lease.expires_at = lease.expires_at.max(expires_at);
            let runs_out = lease.expires_at;
            let runs_out = self.when(runs_out, skew);
            self.at(runs_out, EventKind::JobTimer { job: number, epoch, what: JobTimer::RunsOut });
        }
        self.at(
            now + self.scenario.leases.lease / 2,
            EventKind::JobTimer { job: number, epoch, what: JobTimer::Renew },
        );
    }

    /// A lease may have run out, on its worker's own clock.
    fn runs_out(&mut self, number: u32) {
        let Some(job) = self.jobs.get(number) else { return };
        let lasts = job.lease.as_ref().is_some_and(|lease| self.clock(job.skew) < lease.expires_at);
        if lasts && !(job.dead && self.counts()) {
            return;
        }
        let (pool, cell, dead, holds) = (job.pool, job.cell, job.dead, job.phase == Phase::Working && job.holds);
        if dead && !self.counts() {
            // Its slot is still there, and can be taken after the grace.
            self.say(pool, SimEventKind::Expired { job: number, cell });
        }
        if dead {
            return self.bury(number);
        }
        if !holds {
            return;
        }
        self.say(pool, SimEventKind::Expired { job: number, cell });
        if self.scenario.workers.renew {
            return self.loses(number);
        }
        // Nobody told it to stop: it works on, without a lease.
        if let Some(job) = self.jobs.get_mut(number) {
            (job.holds, job.lost) = (false, true);
        }
        self.leaves(pool);
    }

    /// A worker learns that it has no lease any more: it stops and starts again.
    fn loses(&mut self, number: u32) {
        let Some(job) = self.jobs.get_mut(number).filter(|job| job.phase == Phase::Working) else { return };
        let pool = job.pool;
        job.lost = true;
        job.lease = None;
        if std::mem::take(&mut job.holds) {
            self.leaves(pool);
        }
        self.say(pool, SimEventKind::LostLease { job: number });
        self.again(number);
    }

    /// A worker goes silent.
    pub(crate) fn die(&mut self, number: u32) {
        let now = self.now;
        let Some(job) = self.jobs.get_mut(number).filter(|job| !job.dead) else { return };
        let (pool, holding, phase) = (job.pool, job.holds, job.phase);
        job.dead = true;
        job.task_open = false;
        job.epoch += 1;
        job.holds = false;
        job.is(Phase::Dead, now, None);
        let (epoch, skew) = (job.epoch, job.skew);
        let runs_out = job.lease.as_ref().map(|lease| lease.expires_at);
        self.waits_no_more(number);
        if holding {
            self.leaves(pool);
        }
        self.pools[pool].fared.died += 1;
        self.say(pool, SimEventKind::Died { job: number, holding });
        if let Some(runs_out) = runs_out.filter(|_| !self.counts()) {
            let runs_out = self.when(runs_out, skew);
            self.at(runs_out, EventKind::JobTimer { job: number, epoch, what: JobTimer::RunsOut });
        }
        if self.scenario.workers.reported && !self.counts() && phase != Phase::Releasing {
            self.at(now + self.scenario.workers.report, EventKind::Report { job: number });
        }
        self.bury(number);
    }

    pub(crate) fn report(&mut self, number: u32) {
        if let Some(job) = self.jobs.get(number) {
            let (pool, invoke) = (job.pool, self.scenario.network.invoke);
            self.call(pool, CallPurpose::Gone { job: number }, invoke);
        }
    }

    /// A dead job is forgotten once nothing of it is left: no row that means anything, no call.
    pub(crate) fn bury(&mut self, number: u32) {
        let Some(job) = self.jobs.get(number).filter(|job| job.dead) else { return };
        let (pool, epoch, cell) = (job.pool, job.epoch, job.cell);
        if self.calls.all().any(|call| call.duty.job() == Some(number)) {
            return;
        }
        let Some(Row::Holder(row)) = self.pools[pool].table.row(Key::Holder(job.holder.hashed())) else {
            return self.forget_job(number);
        };
        if !self.counts() {
            if matches!(row.state, HolderState::Ended { .. }) {
                self.forget_job(number);
            }
            return;
        }
        let lease = Millis(self.scenario.leases.lease / 1_000);
        match expires_at(row, lease).filter(|at| self.clock(0) < *at) {
            Some(at) => {
                let at = self.when(at, 0);
                self.at(at, EventKind::JobTimer { job: number, epoch, what: JobTimer::RunsOut });
            }
            None => {
                self.say(pool, SimEventKind::Expired { job: number, cell });
                self.forget_job(number);
            }
        }
    }

    fn forget_job(&mut self, number: u32) {
        if let Some(job) = self.jobs.remove(number) {
            self.pools[job.pool].cell_gone(number);
        }
    }

    /// A job is over: its work is done and its lease given back.
    fn over(&mut self, number: u32) {
        let Some(job) = self.jobs.remove(number) else { return };
        let pool = &mut self.pools[job.pool];
        pool.cell_gone(number);
        if job.dead {
            return;
        }
        pool.fared.over_jobs += 1;
        self.say(job.pool, SimEventKind::Over { job: number, took_ms: ms(self.now - job.arrived) });
    }

    /// Its workflow waits no longer.
    fn gave_up(&mut self, number: u32) {
        self.waits_no_more(number);
        let Some(job) = self.jobs.get_mut(number) else { return };
        let (pool, waited_ms) = (job.pool, ms(self.now - job.arrived));
        // Its execution has ended; what a call of its may still get is freed like a dead one's.
        job.dead = true;
        job.task_open = false;
        job.epoch += 1;
        let now = self.now;
        job.is(Phase::Dead, now, None);
        self.pools[pool].fared.gave_up += 1;
        self.say(pool, SimEventKind::GaveUp { job: number, waited_ms });
        if self.scenario.workers.reported && !self.counts() {
            self.at(now + self.scenario.workers.report, EventKind::Report { job: number });
        }
        self.bury(number);
    }
}
