//! Costs of a job: what does one acquire and one release take, in a pool that is in steady use?
//!
//! Exact and the same on every machine: the protocol's own operations run on a table in memory, and each request is charged
//! by the rows that it read and wrote ([`crate::cost`]). Ids, labels and tokens are of ordinary length. The pool's
//! settings are cached by whoever runs operations, and their reading is not counted; nor are retries after collisions,
//! as one operation runs after the other.
//!
//! A pool in steady use: its holders took their slots one after the other over the last [`WORK`], so that the one that
//! gives back next has worked for just as long; a slot that is free was held before. Of so many waiters each has its place
//! in the queue. A job that waits joins behind them; then a holder gives back, and its slot goes to the first of them. These
//! two together are what a job costs, as each job joins once, is handed its slot once, and gives back once.

use std::collections::VecDeque;

use leasehold_core::{
    AcquireOutcome, AcquireRequest, Holder, HolderRow, HolderState, Lease, LeaseId, Limit, Millis, Mode, PoolName,
    ReleaseTarget, RetryAdvice, Row, RowKey, Settings, Slot, SlotRow, TaskToken, Timestamp,
};

use crate::cost::Cost;
use crate::table::MemoryTable;
use metered_pool::{MeteredPool, Usage};

mod at_most;
mod metered_pool;
mod other_ways;
mod report;

pub use at_most::{AT_MOST, AtMost};
pub use other_ways::{COUNT_THEN_PUT, COUNTER_ITEM, COUNTER_WITH_OWNERS, OtherWay};
pub use report::report;

/// The limits that are measured.
pub const LIMITS: [u32; 6] = [1, 5, 15, 100, 1_000, 10_000];

/// How many wait, where some do.
pub const WAITERS: [u32; 4] = [0, 10, 1_000, 10_000];

/// How long each job works, so how long a holder has its lease.
pub const WORK: Millis = Millis::seconds(60);

/// When the measured pools begin, in milliseconds since the epoch: an ordinary moment of 13 digits.
const BEGIN: Timestamp = Timestamp(1_760_000_123_457);

/// What one job takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobCost {
    /// Of the table.
    pub cost: Cost,
    /// Messages to Step Functions.
    pub notices: u64,
    /// Round trips to the table, one after the other, from the start of the release to the callback of the next in the
    /// queue; zero where nobody waits.
    pub trips_to_notice: u64,
    /// The steps of its acquire, then those of the release; of each what was asked together, with its cost.
    pub steps: [Vec<Vec<(String, Cost)>>; 2],
}

impl JobCost {
    /// How many such jobs a second one partition takes: 1,000 write units, or 3,000 read units if those are used up first.
    pub fn jobs_per_second(&self) -> u64 {
        let Cost { read_units, write_units, .. } = self.cost;
        (1_000 / write_units.max(1)).min(3_000 / read_units.max(1))
    }
}

/// What a job in poll mode takes that is told to ask again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollCost {
    /// One question that is answered with "wait".
    pub question: Cost,
    /// The mean time until it is asked again.
    pub again_after: Millis,
    /// The job itself, where it finds a free slot.
    pub at_once: JobCost,
}

impl PollCost {
    /// A job that waits while so many others do, all asking in the mean as often.
    pub fn waiting(&self, limit: u32, waiters: u32) -> Cost {
        other_ways::with_questions(self.at_once.cost, self.question, self.again_after, wait(limit, waiters))
    }
}

/// What jobs take in pools of one limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitCosts {
    /// The limit.
    pub limit: u32,
    /// A job with a task token that gets a slot at once, where half of them are held.
    pub at_once: JobCost,
    /// The same, where all others are held.
    pub last_slot: JobCost,
    /// A job with a task token that joins the queue behind so many, for each of [`WAITERS`].
    pub queued: Vec<(u32, JobCost)>,
    /// A job that polls.
    pub polled: PollCost,
}

impl LimitCosts {
    /// Measures at one limit.
    ///
    /// # Errors
    /// When a pool is not in steady use.
    pub fn measure(limit: u32) -> Result<LimitCosts, NotSteady> {
        let queue = SteadyPool::filled(limit, 0, Asking::Queue)?;
        let queued = |waiters: u32| Ok((waiters, queue.with_waiters(waiters)?.queued()?));
        let queued = WAITERS.into_iter().map(queued).collect::<Result<_, _>>()?;
        let free = free_of(limit);
        let (question, again_after) = SteadyPool::filled(limit, 0, Asking::Poll)?.question()?;
        Ok(LimitCosts {
            limit,
            at_once: SteadyPool::filled(limit, free, Asking::Queue)?.at_once()?,
            last_slot: SteadyPool::filled(limit, 1, Asking::Queue)?.at_once()?,
            queued,
            polled: PollCost {
                question,
                again_after,
                at_once: SteadyPool::filled(limit, free, Asking::Poll)?.at_once()?,
            },
        })
    }

    /// Measures at all of [`LIMITS`].
    ///
    /// # Errors
    /// When a pool is not in steady use.
    pub fn measure_all() -> Result<Vec<LimitCosts>, NotSteady> {
        LIMITS.into_iter().map(LimitCosts::measure).collect()
    }
}

/// How many slots are free where a job gets one at once.
pub fn free_of(limit: u32) -> u32 {
    limit.div_ceil(2)
}

/// How long a job waits behind so many others: until as many slots, and its own, were given back.
pub fn wait(limit: u32, waiters: u32) -> Millis {
    Millis(WORK.0 * (u64::from(waiters) + 1) / u64::from(limit.max(1)))
}

/// An operation came to something else than it does in a pool in steady use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotSteady(pub String);

impl std::fmt::Display for NotSteady {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the pool is not in steady use: {}", self.0)
    }
}

impl std::error::Error for NotSteady {}

fn not_steady(what: impl std::fmt::Debug) -> NotSteady {
    NotSteady(format!("{what:?}"))
}

/// How callers ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// With a task token, to wait in the queue.
    Queue,
    /// Again and again.
    Poll,
}

/// A pool in steady use.
#[derive(Clone, Debug)]
pub struct SteadyPool {
    pool: MeteredPool,
    asking: Asking,
    limit: u32,
    /// Who holds, in the order in which they took their slots.
    holders: VecDeque<Lease>,
    /// How many jobs have asked so far.
    jobs: u64,
    now: Timestamp,
}

impl SteadyPool {
    /// A pool of this limit, so many of its slots free; the others were taken one after the other over the last [`WORK`].
    ///
    /// # Errors
    /// When a job is granted no slot of a pool that has free ones.
    pub fn filled(limit: u32, free: u32, asking: Asking) -> Result<SteadyPool, NotSteady> {
        let prefix: PoolName = "analytics".parse().map_err(not_steady)?;
        let settings = |limit: u32| match Limit::try_from(u64::from(limit)) {
            Ok(limit) => Ok(Settings::new(prefix.clone(), limit)),
            Err(why) => Err(not_steady(why)),
        };
        let mut table = MemoryTable::default();
        let (mut holders, mut jobs) = (VecDeque::new(), 0);
        let [limit_now, free_now] = [limit, free].map(u64::from);
        for number in 0..limit {
            // The rows of one slot and its holder do not depend on the other slots. So each job has a pool of its own with
            // one slot, which then moves to its place: no need to read all the others so often.
            let now = BEGIN + Millis(WORK.0 * u64::from(number) / limit_now);
            let (pool, holders_here) = (MeteredPool::new(settings(1)?), VecDeque::new());
            let mut one = SteadyPool { pool, asking, limit: 1, holders: holders_here, jobs, now };
            one.acquire_at_once()?;
            let frees = |upto: u64| upto * free_now / limit_now;
            if frees(u64::from(number)) < frees(u64::from(number) + 1) {
                one.release()?;
            }
            jobs = one.jobs;
            for row in one.pool.table.rows() {
                table.put(moved_to(Slot(number), row.clone()));
            }
            holders.extend(one.holders.into_iter().map(|lease| {
                let id = LeaseId { slot: Slot(number), ..lease.id.clone() };
                Lease { id, ..lease }
            }));
        }
        let pool = MeteredPool::with_rows(settings(limit)?, table);
        Ok(SteadyPool { pool, asking, limit, holders, jobs, now: BEGIN + WORK })
    }

    /// The same pool with so many waiters in its queue.
    ///
    /// # Errors
    /// When one of them is not put into the queue.
    pub fn with_waiters(&self, waiters: u32) -> Result<SteadyPool, NotSteady> {
        let mut steady = self.clone();
        // Their rows do not depend on the slots, so they join a pool without any: no need to read those so often.
        let closed = Settings { limit: Limit::try_from(0).map_err(not_steady)?, ..self.pool.settings.clone() };
        let mut queue = MeteredPool::new(closed);
        for number in 0..waiters {
            steady.jobs += 1;
            let at = self.now + Millis(u64::from(number) / 10);
            match queue.run(job(steady.jobs, self.asking)?, at, steady.jobs) {
                (Ok(AcquireOutcome::Queued), _) => {}
                (other, _) => return Err(not_steady(other)),
            }
        }
        for row in queue.table.rows().filter(|row| matches!(row, Row::Holder(_) | Row::Wait(_))) {
            steady.pool.table.put(row.clone());
        }
        steady.now = steady.now + Millis(u64::from(waiters) / 10 + 1);
        Ok(steady)
    }

    /// How large the largest rows are of slots, of holders and in the queue, in bytes.
    pub fn largest_rows(&self) -> [u64; 3] {
        let mut largest = [0; 3];
        for row in self.pool.table.rows() {
            let at = match row.key() {
                RowKey::Slot(_) => 0,
                RowKey::Holder(_) => 1,
                RowKey::Wait(_) => 2,
                _ => continue,
            };
            largest[at] = self.pool.size(row).max(largest[at]);
        }
        largest
    }

    /// What a job costs that gets a slot at once.
    ///
    /// # Errors
    /// When it does not get it.
    pub fn at_once(&self) -> Result<JobCost, NotSteady> {
        let mut steady = self.clone();
        let mut cost = JobCost::default();
        for _ in 0..3 {
            steady.pass();
            cost = steady.acquire_at_once()?.and(&steady.release()?);
        }
        Ok(cost)
    }

    /// What a job costs that joins the queue behind those who wait.
    ///
    /// # Errors
    /// When it does not join, or a release hands its slot to nobody.
    pub fn queued(&self) -> Result<JobCost, NotSteady> {
        let mut steady = self.clone();
        let mut cost = JobCost::default();
        for _ in 0..3 {
            steady.pass();
            let joined = match steady.acquire()? {
                (AcquireOutcome::Queued, usage) => usage,
                (other, _) => return Err(not_steady(other)),
            };
            let released = steady.release()?;
            steady.holders.extend(released.told.first().cloned());
            if released.told.len() != 1 {
                return Err(not_steady(released));
            }
            cost = joined.and(&released);
        }
        Ok(cost)
    }

    /// What a question costs that is answered with "wait", and when it is asked again.
    ///
    /// # Errors
    /// When the answer is another.
    pub fn question(&self) -> Result<(Cost, Millis), NotSteady> {
        const QUESTIONS: u64 = 64;
        let mut steady = self.clone();
        let (mut question, mut sum) = (Cost::default(), 0);
        for _ in 0..QUESTIONS {
            match steady.acquire()? {
                (AcquireOutcome::Wait(RetryAdvice { retry_after, .. }), usage) => {
                    question = usage.cost;
                    sum += retry_after.0;
                }
                (other, _) => return Err(not_steady(other)),
            }
        }
        Ok((question, Millis(sum / QUESTIONS)))
    }

    /// Time passes until the next holder has done its work.
    fn pass(&mut self) {
        self.now = self.now + Millis(WORK.0 / u64::from(self.limit.max(1)));
    }

    fn acquire(&mut self) -> Result<(AcquireOutcome, Usage), NotSteady> {
        self.jobs += 1;
        let (outcome, usage) = self.pool.run(job(self.jobs, self.asking)?, self.now, crate::rng::mix(self.jobs));
        Ok((outcome.map_err(not_steady)?, usage))
    }

    fn acquire_at_once(&mut self) -> Result<Usage, NotSteady> {
        match self.acquire()? {
            (AcquireOutcome::Acquired(lease), usage) => {
                self.holders.push_back(lease);
                Ok(usage)
            }
            // It found none in the slots it looked at, joined an empty queue, and was granted the last one from there.
            (AcquireOutcome::Queued, usage) if usage.told.len() == 1 => {
                self.holders.extend(usage.told.first().cloned());
                Ok(usage)
            }
            (other, _) => Err(not_steady(other)),
        }
    }

    /// Whoever holds for longest gives back.
    fn release(&mut self) -> Result<Usage, NotSteady> {
        let Some(lease) = self.holders.pop_front() else { return Err(not_steady("nobody holds")) };
        let target = ReleaseTarget::Lease(lease.id.clone());
        match self.pool.run(target, self.now, crate::rng::mix(self.jobs)) {
            (Ok(released), usage) if !released.already => Ok(usage),
            (other, _) => Err(not_steady((self.pool.prefix(), lease.id, other))),
        }
    }
}

impl Usage {
    /// An acquire and a release.
    fn and(&self, release: &Usage) -> JobCost {
        JobCost {
            cost: self.cost + release.cost,
            notices: self.notices + release.notices,
            trips_to_notice: release.trips_to_notice.unwrap_or(0),
            steps: [self.steps.clone(), release.steps.clone()],
        }
    }
}

/// The same row, of a pool in which its slot has this number.
fn moved_to(slot: Slot, row: Row) -> Row {
    match row {
        Row::Slot(row) => Row::Slot(SlotRow { slot, ..row }),
        Row::Holder(row) => match row.state {
            HolderState::Holding { fence, .. } => {
                Row::Holder(HolderRow { state: HolderState::Holding { slot, fence }, ..row })
            }
            _ => Row::Holder(row),
        },
        other => other,
    }
}

/// The nth job: its execution's ARN has 120 bytes, its key and label 20 each, its token 700.
fn job(number: u64, asking: Asking) -> Result<AcquireRequest, NotSteady> {
    let execution = format!(
        "arn:aws:states:eu-west-1:123456789012:execution:analytics-import-nightly-of-customers:0f9a7c52-3b1e-4d88-{number:015}"
    );
    let key = format!("customer-{number:011}");
    let token = TaskToken::new(&format!("{number:0700}")).map_err(not_steady)?;
    Ok(AcquireRequest {
        holder: Holder::new(&execution, &key, None).map_err(not_steady)?,
        attempt: None,
        mode: if asking == Asking::Queue { Mode::Queue(Some(token)) } else { Mode::Poll },
        lease: None,
        wait: None,
        label: Some("import of a customer".into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_labels_and_tokens_are_of_ordinary_length() -> Result<(), NotSteady> {
        let job = job(7, Asking::Queue)?;
        let token = if let Mode::Queue(Some(token)) = &job.mode { token.secret().len() } else { 0 };
        let lengths = [job.holder.execution().len(), job.holder.key().len(), job.label.map_or(0, |label| label.len())];
        assert_eq!((lengths, token), ([crate::cost::ORDINARY_ID, 20, 20], crate::cost::ORDINARY_TOKEN));
        Ok(())
    }
}
