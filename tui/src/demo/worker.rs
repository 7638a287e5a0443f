//! Workers: how is one item done?
//! Ask for a lease, wait, work, give the lease back; and never work without a lease.
//!
//! A worker stands for one child of a Distributed Map: `AcquireLease` -> wait -> `Process` -> `ReleaseLease`.
//! What fails is asked for again with a newer attempt and a growing pause, as a state machine's `Retry` would.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use leasehold_core::contract::task_failure;
use leasehold_core::{
    AcquireOutcome, AcquireRequest, Attempt, Failure, FailureReason, Holder, InvalidValue, Lease, Millis, Mode,
    ReleaseTarget, RenewRequest, Renewed, TaskResult, TaskToken,
};
use leasehold_store::RunError;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::controls::Directive;
use super::ledger::{LedgerLine, Moment};
use super::workload::{CountGuard, PoolWorkload};

/// The first pause after something went wrong; it doubles from try to try.
const PAUSE: Duration = Duration::from_millis(100);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// One worker, before it starts.
pub(crate) struct Worker {
    workload: Arc<PoolWorkload>,
    who: Arc<str>,
    holder: Holder,
    last: Option<Attempt>,
    dies: bool,
}

/// What became of a worker.
#[derive(Clone, Debug)]
pub(crate) enum WorkerEnd {
    /// Its item is done and its lease given back.
    Done,
    /// It died holding this lease.
    Died(DeadWorker),
    /// Its item was not done.
    Lost(String),
}

/// A lease whose worker died.
#[derive(Clone, Debug)]
pub(crate) struct DeadWorker {
    /// The lease.
    pub(crate) lease: Lease,
    /// Whose it was.
    pub(crate) who: Arc<str>,
    /// When it died.
    pub(crate) at: Moment,
}

/// What a question for a lease came to.
enum LeaseAnswer {
    Lease(Lease),
    /// Ask again, after this pause.
    Later(Duration),
    /// Ask again after a pause, because of this.
    Failed(String),
    /// Asking again is of no use.
    Never(String),
}

/// How the work ended.
enum WorkResult {
    Done,
    Died(Moment),
    LeaseLost,
    /// Taken away; this tells when that is over.
    Taken(oneshot::Receiver<()>),
}

impl Worker {
    /// The worker of an item; `replaces` says how many died on it before.
    pub(crate) fn new(
        workload: Arc<PoolWorkload>,
        item: &str,
        replaces: u32,
        dies: bool,
    ) -> Result<Self, InvalidValue> {
        let who: Arc<str> = match replaces {
            0 => item.into(),
            n => format!("{item} (replacement {n})").into(),
        };
        let execution = match replaces {
            0 => format!("{}:{item}", workload.run),
            n => format!("{}:{item}:{n}", workload.run),
        };
        let holder = Holder::new(&execution, item, Some(&workload.run))?;
        Ok(Worker { workload, who, holder, last: None, dies })
    }

    /// Does the item.
    pub(crate) async fn work(mut self) -> WorkerEnd {
        let workload = Arc::clone(&self.workload);
        loop {
            let lease = match self.acquire().await {
                Ok(lease) => lease,
                Err(why) => return WorkerEnd::Lost(why),
            };
            let held = workload.counts.held.granted(&lease.id);
            let (at, ends) = (workload.start.elapsed(), workload.start.moment(lease.expires_at));
            let line = workload.ledger().told(&self.who, (lease.id.slot.0, lease.id.fence.0), at, ends);
            match self.process(&lease, line, at).await {
                WorkResult::Done => {
                    workload.ledger().returned(line, workload.start.elapsed());
                    drop(held);
                    self.release(&lease).await;
                    return WorkerEnd::Done;
                }
                WorkResult::Died(at) => {
                    held.keep();
                    return WorkerEnd::Died(DeadWorker { lease, who: self.who, at });
                }
                WorkResult::LeaseLost => {
                    workload.ledger().returned(line, workload.start.elapsed());
                    workload.counts.leases_lost.fetch_add(1, Relaxed);
                }
                WorkResult::Taken(over) => {
                    workload.ledger().returned(line, workload.start.elapsed());
                    drop(held);
                    workload.counts.leases_lost.fetch_add(1, Relaxed);
                    // Asking before would only get the same lease again.
                    let _ = over.await;
                }
            }
        }
    }

    /// Waits for a lease, at most as long as the plan says.
    async fn acquire(&mut self) -> Result<Lease, String> {
        let workload = Arc::clone(&self.workload);
        let _waiting = CountGuard::in_(&workload.counts.waiting);
        let (since, patience) = (Instant::now(), workload.plan.wait);
        let mut tries = 0;
        loop {
            let answer = if workload.polling { self.poll().await } else { self.queue(since).await };
            let (pause, why) = match answer {
                LeaseAnswer::Lease(lease) => {
                    workload.waits().push(since.elapsed());
                    return Ok(lease);
                }
                LeaseAnswer::Never(why) => return Err(why),
                LeaseAnswer::Later(pause) => (pause, "the pool was full".to_owned()),
                LeaseAnswer::Failed(why) => {
                    workload.counts.asked_again.fetch_add(1, Relaxed);
                    tries += 1;
                    (backoff(tries), why)
                }
            };
            if since.elapsed() + pause >= patience {
                return Err(format!("no lease within {:.1} s: {why}", patience.as_secs_f64()));
            }
            sleep(pause).await;
        }
    }

    fn asks(&mut self, mode: Mode, since: Instant) -> AcquireRequest {
        let now = Attempt::first(self.workload.start.time());
        // Two within one millisecond are still two.
        let attempt = self.last.map_or(now, |last| now.max(last.next()));
        self.last = Some(attempt);
        let left = self.workload.plan.wait.saturating_sub(since.elapsed());
        let wait = Some(Millis(u64::try_from(left.as_millis()).unwrap_or(u64::MAX)));
        let label = Some(Arc::clone(&self.who));
        AcquireRequest { holder: self.holder.clone(), attempt: Some(attempt), mode, lease: None, wait, label }
    }

    /// One question in poll mode.
    async fn poll(&mut self) -> LeaseAnswer {
        let asks = self.asks(Mode::Poll, Instant::now());
        match self.workload.pool.run(asks).await {
            Ok(AcquireOutcome::Acquired(lease)) => self.fresh(lease),
            Ok(AcquireOutcome::Wait(advice)) => {
                LeaseAnswer::Later(Duration::from_millis(advice.retry_after.0).min(self.workload.plan.poll))
            }
            // In the queue from before: it is asked again as if the pool were full.
            Ok(AcquireOutcome::Queued) => LeaseAnswer::Later(self.workload.plan.poll),
            Err(error) => refused(&error),
        }
    }

    /// One question in queue mode: the answer that counts comes by the token.
    async fn queue(&mut self, since: Instant) -> LeaseAnswer {
        let name = format!("{}#{:016x}", self.holder, fastrand::u64(..));
        let Ok(token) = TaskToken::new(&name) else { return LeaseAnswer::Never(format!("{name} is no token")) };
        let mut task = self.workload.tasks.open(token);
        let asks = self.asks(Mode::Queue(Some(task.token.clone())), since);
        let mut call = self.workload.call(asks);
        let ran = tokio::select! {
            biased;
            news = task.news() => return self.hear(news),
            ran = &mut call => ran,
        };
        let failed = match ran {
            // What was acquired comes by the token too.
            Ok(Ok(AcquireOutcome::Queued | AcquireOutcome::Acquired(_))) => None,
            Ok(Ok(AcquireOutcome::Wait(_))) => Some(LeaseAnswer::Failed("the pool was full".to_owned())),
            Ok(Err(error)) => Some(refused(&error)),
            Err(_) => Some(LeaseAnswer::Failed("the call that asked for it ended unexpectedly".to_owned())),
        };
        if let Some(answer) = failed {
            return task.close().map_or(answer, |news| self.hear(news));
        }
        // A sweep fails the task of whoever waits too long; this is for the case that none does.
        let plan = &self.workload.plan;
        let longest = (plan.wait + plan.sweep * 4 + plan.lease).saturating_sub(since.elapsed());
        match tokio::time::timeout(longest, task.news()).await {
            Ok(news) => self.hear(news),
            Err(_) => {
                LeaseAnswer::Never(format!("it was never told anything in {:.1} s", since.elapsed().as_secs_f64()))
            }
        }
    }

    fn hear(&self, news: TaskResult) -> LeaseAnswer {
        match news {
            TaskResult::Acquired(lease) => self.fresh(lease),
            TaskResult::Failed(FailureReason::WaitedTooLong) => {
                LeaseAnswer::Never(format!("no lease within {:.1} s", self.workload.plan.wait.as_secs_f64()))
            }
            TaskResult::Failed(why) => LeaseAnswer::Failed(format!("its task was failed: {}", task_failure(why).cause)),
        }
    }

    /// A lease that has expired on its way is none.
    fn fresh(&self, lease: Lease) -> LeaseAnswer {
        if self.workload.start.time() < lease.expires_at {
            LeaseAnswer::Lease(lease)
        } else {
            LeaseAnswer::Failed("its lease expired on the way".to_owned())
        }
    }

    /// The work itself, with renewals at half of the lease.
    async fn process(&self, lease: &Lease, line: LedgerLine, told: Moment) -> WorkResult {
        let (plan, start) = (&self.workload.plan, self.workload.start);
        let controls = &self.workload.controls;
        let mut directive = std::pin::pin!(controls.works_on(lease.id.slot.0));
        let mut speed = controls.speed();
        // What is left of the work at planned speed, how fast it goes, and since when that is so.
        let mut left = if self.dies { plan.work / 2 } else { plan.work };
        let (mut pace, mut since) = (*speed.borrow_and_update(), told);
        let mut expires = start.moment(lease.expires_at);
        let mut renew = told + expires.saturating_sub(told) / 2;
        loop {
            let now = start.elapsed();
            left = left.saturating_sub((now - since).mul_f64(pace));
            (pace, since) = (*speed.borrow_and_update(), now);
            if now >= expires {
                return WorkResult::LeaseLost;
            }
            if left.is_zero() {
                return if self.dies { WorkResult::Died(now) } else { WorkResult::Done };
            }
            let end = now + left.div_f64(pace);
            if now < renew {
                tokio::select! {
                    () = sleep(renew.min(end).min(expires) - now) => continue,
                    // Nobody else changes it; and that nobody can any more ends with this program.
                    _ = speed.changed() => continue,
                    directive = &mut directive => return met(directive, start.elapsed()),
                }
            }
            let longer = RenewRequest { id: lease.id.clone(), lease: None };
            let ran = tokio::select! {
                ran = self.workload.pool.renew(longer) => ran,
                directive = &mut directive => return met(directive, start.elapsed()),
                () = sleep(end.min(expires) - now) => continue,
            };
            let now = start.elapsed();
            match ran {
                Ok(Renewed { expires_at, .. }) => {
                    self.workload.counts.renewed.fetch_add(1, Relaxed);
                    expires = start.moment(expires_at);
                    self.workload.ledger().renewed(line, expires);
                    renew = now + expires.saturating_sub(now) / 2;
                }
                Err(RunError { failure: Failure::Lost(_), .. }) => return WorkResult::LeaseLost,
                Err(_) => {
                    self.workload.counts.asked_again.fetch_add(1, Relaxed);
                    renew = now + PAUSE;
                }
            }
        }
    }

    /// Gives the lease back; if that can't be done before it expires, its expiry does it.
    async fn release(&self, lease: &Lease) {
        let (mut tries, since) = (0, Instant::now());
        while since.elapsed() < self.workload.plan.lease + self.workload.plan.grace {
            if self.workload.pool.run(ReleaseTarget::Lease(lease.id.clone())).await.is_ok() {
                break;
            }
            self.workload.counts.asked_again.fetch_add(1, Relaxed);
            tries += 1;
            sleep(backoff(tries)).await;
        }
        // Only now: the item is done when its slot is free for another.
        self.workload.counts.done.fetch_add(1, Relaxed);
    }
}

fn met(directive: Directive, at: Moment) -> WorkResult {
    match directive {
        Directive::Dies => WorkResult::Died(at),
        Directive::LosesLease(over) => WorkResult::Taken(over),
    }
}

fn refused(error: &RunError) -> LeaseAnswer {
    let why = error.to_string();
    match error.failure {
        Failure::PoolNotFound | Failure::PoolMisconfigured(_) => LeaseAnswer::Never(why),
        Failure::HolderConflict(_)
        | Failure::Lost(_)
        | Failure::Throttled
        | Failure::Unavailable
        | Failure::TasksUnavailable
        | Failure::NoticeRefused => LeaseAnswer::Failed(why),
    }
}

/// A pause that doubles from try to try, half of it left to chance.
fn backoff(tries: u32) -> Duration {
    let most = PAUSE.saturating_mul(1 << tries.saturating_sub(1).min(8)).min(LONGEST_PAUSE);
    most.mul_f64(0.5 + fastrand::f64() / 2.0)
}
