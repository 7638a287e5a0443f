//! Jobs: what does one job go through? It asks, waits, works under its lease, and gives it back; or its worker dies.

use leasehold_core::{Holder, Lease, LeaseId, Timestamp};

use super::arrivals::Arrival;
use super::call::CallPurpose;

/// Where a job is. The numbers are what the page draws by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// A call of its is under way.
    Asking = 0,
    /// It waits in the queue.
    Queued = 1,
    /// It was refused and asks again later.
    Pausing = 2,
    /// It was told that it has a lease.
    Working = 3,
    /// Its work is done; it gives its lease back.
    Releasing = 4,
    /// Its worker is dead; what it had is still in the table.
    Dead = 5,
    /// Something failed, and it starts again.
    Again = 6,
}

/// A lease as a worker was told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownLease {
    pub(crate) id: LeaseId,
    /// On the worker's own clock.
    pub(crate) expires_at: Timestamp,
}

/// A job that came and is not over.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) number: u32,
    pub(crate) workload: usize,
    pub(crate) pool: usize,
    pub(crate) holder: Holder,
    /// Moments and lengths are microseconds, unless they are what a clock shows.
    pub(crate) arrived: u64,
    /// Since when it has waited for the lease that it asks for: since it came, or since it lost the one before.
    pub(crate) wait_since: u64,
    pub(crate) work: u64,
    /// After how much of its work its worker dies, if it does.
    pub(crate) dies_after: Option<u64>,
    /// How far its worker's clock is ahead, in microseconds.
    pub(crate) skew: i64,
    pub(crate) phase: Phase,
    pub(crate) since: u64,
    pub(crate) until: Option<u64>,
    /// Timers of an older epoch mean nothing any more.
    pub(crate) epoch: u32,
    /// When its asking state was entered, and how often that was retried.
    pub(crate) entered: Timestamp,
    pub(crate) retry: u32,
    /// How many tasks it began to wait; whether the last of them is still open.
    pub(crate) task: u32,
    pub(crate) task_open: bool,
    pub(crate) lease: Option<KnownLease>,
    /// Whether it counts as holding: told, at work, its lease not run out.
    pub(crate) holds: bool,
    pub(crate) cell: Option<u32>,
    pub(crate) waited: Option<u64>,
    /// The limit that its last call to acquire went by.
    pub(crate) followed: u32,
    /// How many it counted, and when (count, then put).
    pub(crate) counted: Option<(u32, u64)>,
    /// It lost a lease once, or works without one.
    pub(crate) lost: bool,
    pub(crate) dead: bool,
    /// It was refused or joined the queue, and was not told yet.
    pub(crate) waits: bool,
    /// How many calls it made to acquire, to release and to renew; how many requests they sent.
    pub(crate) calls: [u32; 3],
    pub(crate) requests: u32,
}

impl Job {
    /// A job as it comes.
    pub(crate) fn new(arrival: &Arrival, pool: usize, holder: Holder, skew: i64) -> Job {
        Job {
            number: arrival.number,
            workload: arrival.workload,
            pool,
            holder,
            arrived: arrival.at,
            wait_since: arrival.at,
            work: arrival.work,
            dies_after: arrival.dies_after,
            skew,
            phase: Phase::Asking,
            since: arrival.at,
            until: None,
            epoch: 0,
            entered: Timestamp(0),
            retry: 0,
            task: 0,
            task_open: false,
            lease: None,
            holds: false,
            cell: None,
            waited: None,
            followed: 0,
            counted: None,
            lost: false,
            dead: false,
            waits: false,
            calls: [0; 3],
            requests: 0,
        }
    }

    /// What its waiting task is called.
    pub(crate) fn token(&self) -> String {
        format!("{}.{}", self.number, self.task)
    }

    /// Which job and which of its tasks a token means.
    pub(crate) fn of_token(token: &str) -> Option<(u32, u32)> {
        let (job, task) = token.split_once('.')?;
        Some((job.parse().ok()?, task.parse().ok()?))
    }

    /// Which job a holder is: the number at the end of its execution.
    pub(crate) fn of_holder(holder: &Holder) -> Option<u32> {
        holder.execution().rsplit_once(':')?.1.parse().ok()
    }

    /// Which of its calls for this purpose the next one is, from 1 on.
    pub(crate) fn next_call(&mut self, purpose: CallPurpose) -> u32 {
        let calls = &mut self.calls[usize::from(purpose.number())];
        *calls += 1;
        *calls
    }

    /// Whether this task of its waits for an answer.
    pub(crate) fn awaits(&self, task: u32) -> bool {
        self.task == task && self.task_open && !self.dead
    }

    /// It is in this phase from now on.
    pub(crate) fn is(&mut self, phase: Phase, now: u64, until: Option<u64>) {
        self.phase = phase;
        self.since = now;
        self.until = until;
    }

    /// Its task is closed, and its timers mean nothing any more.
    fn closes(&mut self) {
        self.task_open = false;
        self.epoch += 1;
    }

    /// It asks in a new task. `entered`: what the clock shows, if its asking state is entered anew; none: it is
    /// retried.
    pub(crate) fn asks(&mut self, now: u64, entered: Option<Timestamp>) {
        match entered {
            Some(entered) => (self.entered, self.retry) = (entered, 0),
            None => self.retry += 1,
        }
        self.task += 1;
        self.task_open = true;
        self.is(Phase::Asking, now, None);
    }

    /// It was refused, or something failed: it asks again at that moment. The epoch of its timers from now on.
    pub(crate) fn pauses(&mut self, phase: Phase, now: u64, until: u64) -> u32 {
        self.closes();
        self.is(phase, now, Some(until));
        self.epoch
    }

    /// It has this lease, and works.
    pub(crate) fn works(&mut self, now: u64, lease: &Lease) {
        self.closes();
        self.holds = true;
        self.waited = Some(now - self.wait_since);
        self.lease = Some(KnownLease { id: lease.id.clone(), expires_at: lease.expires_at });
        self.is(Phase::Working, now, Some(now + self.work));
    }

    /// Its execution is over: its worker is dead, or nobody waits for it any longer.
    pub(crate) fn ends(&mut self, now: u64) {
        self.closes();
        self.dead = true;
        self.is(Phase::Dead, now, None);
    }
}
