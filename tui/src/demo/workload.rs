//! What does everybody who works on one pool share? Its plan, its table, its ledger and its counts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use leasehold_core::nouns::Millis;

use super::ledger::{Ledger, Moment};
use super::notices::Tasks;
use super::pools::Pool;
use super::scenario::PoolPlan;

/// One pool's workers, while they work.
#[derive(Debug)]
pub(crate) struct Workload {
    /// What is to be done.
    pub(crate) plan: PoolPlan,
    /// Where it is asked for.
    pub(crate) pool: Pool,
    /// Whether workers ask again and again instead of waiting in the queue.
    pub(crate) polling: bool,
    /// Where the workers' notices arrive.
    pub(crate) tasks: Tasks,
    /// The run's name, the parent of all its workers.
    pub(crate) run: Arc<str>,
    /// When the run started.
    pub(crate) start: Start,
    /// Counts for people to watch.
    pub(crate) counts: Counts,
    ledger: Mutex<Ledger>,
    waits: Mutex<Vec<Duration>>,
}

/// How far the work is.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Workers that wait for a lease.
    pub(crate) waiting: AtomicU64,
    /// Workers that hold one; who died holding one counts until its slot is back.
    pub(crate) held: AtomicU64,
    /// Items done.
    pub(crate) done: AtomicU64,
    /// Questions repeated after something went wrong.
    pub(crate) asked_again: AtomicU64,
    /// Leases renewed.
    pub(crate) renewed: AtomicU64,
    /// Leases that ended before their workers were done.
    pub(crate) leases_lost: AtomicU64,
}

/// A counter that goes up now and down when it is dropped, whatever happens between.
pub(crate) struct Counted<'a>(&'a AtomicU64);

impl<'a> Counted<'a> {
    pub(crate) fn in_(counter: &'a AtomicU64) -> Self {
        counter.fetch_add(1, Relaxed);
        Counted(counter)
    }

    /// Counts on for as long as somebody else says.
    pub(crate) fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// One moment on both clocks: the one that never jumps, and the one that leases are told in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    at: Instant,
    epoch: Millis,
}

impl Start {
    /// Now.
    pub(crate) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Start { at: Instant::now(), epoch: Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)) }
    }

    /// How long ago that was.
    pub(crate) fn elapsed(self) -> Moment {
        self.at.elapsed()
    }

    /// A time that a lease names, counted from here.
    pub(crate) fn moment(self, time: Millis) -> Moment {
        Duration::from_millis(time.since(self.epoch).0)
    }

    /// The time now, as leases name it.
    pub(crate) fn time(self) -> Millis {
        self.epoch + Millis(u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}

impl Workload {
    /// A workload about to start.
    pub(crate) fn new(plan: PoolPlan, pool: Pool, polling: bool, tasks: Tasks, run: Arc<str>, start: Start) -> Self {
        let ledger = Mutex::new(Ledger::new(plan.limit.count(), plan.quiet));
        let (counts, waits) = (Counts::default(), Mutex::default());
        Workload { plan, pool, polling, tasks, run, start, counts, ledger, waits }
    }

    /// What the workers were told, and when.
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long each grant was waited for.
    pub(crate) fn waits(&self) -> MutexGuard<'_, Vec<Duration>> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
