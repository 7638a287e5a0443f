//! What does one job go through? It asks, waits, works under its lease, and gives it back; or its worker dies.

use leasehold_core::nouns::{Holder, LeaseId, Millis};

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
    pub(crate) expires_at: Millis,
}

/// A job that came and is not over.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) number: u32,
    pub(crate) workload: usize,
    pub(crate) pool: usize,
    pub(crate) holder: Holder,
    pub(crate) arrived: u64,
    pub(crate) work: u64,
    pub(crate) dies_after: Option<u64>,
    /// How far its worker's clock is ahead, in microseconds.
    pub(crate) skew: i64,
    pub(crate) phase: Phase,
    pub(crate) since: u64,
    pub(crate) until: Option<u64>,
    /// Timers of an older epoch mean nothing any more.
    pub(crate) epoch: u32,
    /// When its asking state was entered, and how often that was retried.
    pub(crate) entered: Millis,
    pub(crate) retry: u32,
    /// How many tasks it began to wait; whether the last of them is still open.
    pub(crate) task: u32,
    pub(crate) task_open: bool,
    pub(crate) lease: Option<KnownLease>,
    /// Whether it counts as holding: told, at work, its lease not run out.
    pub(crate) holds: bool,
    pub(crate) cell: Option<u32>,
    pub(crate) waited: Option<u64>,
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

    pub(crate) fn is(&mut self, phase: Phase, now: u64, until: Option<u64>) {
        self.phase = phase;
        self.since = now;
        self.until = until;
    }
}
