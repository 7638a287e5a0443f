//! Workloads: what does everybody who works on one pool share?
//! Its plan, its table, its ledger and its counts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use leasehold_core::{AcquireOutcome, AcquireRequest, Fence, Holder, LeaseId, Millis, Slot, Snapshot, Timestamp};
use leasehold_store::RunError;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::controls::Controls;
use super::ledger::{Ledger, Moment};
use super::pools::DemoPool;
use super::scenario::PoolPlan;
use super::task_tokens::WaitingTasks;

/// One pool's workers, while they work.
#[derive(Debug)]
pub(crate) struct PoolWorkload {
    /// What is to be done.
    pub(crate) plan: PoolPlan,
    /// Where it is asked for.
    pub(crate) pool: DemoPool,
    /// Whether workers ask again and again instead of waiting in the queue.
    pub(crate) polling: bool,
    /// Where the workers' notices arrive.
    pub(crate) tasks: WaitingTasks,
    /// The run's name, the parent of all its workers.
    pub(crate) run: Arc<str>,
    /// When the run started.
    pub(crate) start: RunClock,
    /// Counts for people to watch.
    pub(crate) counts: WorkloadCounts,
    /// What a person does to its workers.
    pub(crate) controls: Controls,
    calls: Mutex<JoinSet<()>>,
    ledger: Mutex<Ledger>,
    waits: Mutex<Vec<Duration>>,
}

/// How far the work is.
#[derive(Debug, Default)]
pub(crate) struct WorkloadCounts {
    /// The limit in force, as it was read last: somebody else may set it in the table.
    pub(crate) limit: AtomicU64,
    /// Workers that wait for a lease.
    pub(crate) waiting: AtomicU64,
    /// The slots they hold; who died holding one counts until its slot is back, or granted anew.
    pub(crate) held: HeldSlots,
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
pub(crate) struct CountGuard<'a>(&'a AtomicU64);

impl<'a> CountGuard<'a> {
    pub(crate) fn in_(counter: &'a AtomicU64) -> Self {
        counter.fetch_add(1, Relaxed);
        CountGuard(counter)
    }
}

/// The slots that are held, each under the fence it was granted by: a slot that is granted anew is still one.
#[derive(Debug, Default)]
pub(crate) struct HeldSlots(Mutex<BTreeMap<Slot, Fence>>);

impl HeldSlots {
    fn slots(&self) -> MutexGuard<'_, BTreeMap<Slot, Fence>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many.
    pub(crate) fn count(&self) -> usize {
        self.slots().len()
    }

    /// Held by this lease, until the guard is dropped.
    pub(crate) fn granted(&self, lease: &LeaseId) -> HeldGuard<'_> {
        let mut slots = self.slots();
        // A grant that is told late is over already where the slot was granted anew since.
        let newest = slots.entry(lease.slot).or_insert(lease.fence);
        *newest = lease.fence.max(*newest);
        HeldGuard { slots: self, slot: lease.slot, fence: lease.fence }
    }

    /// Not held any more, if it still is by that lease.
    pub(crate) fn back(&self, slot: Slot, fence: Fence) {
        let mut slots = self.slots();
        if slots.get(&slot) == Some(&fence) {
            slots.remove(&slot);
        }
    }
}

/// A slot that is held until this is dropped.
pub(crate) struct HeldGuard<'a> {
    slots: &'a HeldSlots,
    slot: Slot,
    fence: Fence,
}

impl HeldGuard<'_> {
    /// Counts on for as long as somebody else says.
    pub(crate) fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for HeldGuard<'_> {
    fn drop(&mut self) {
        self.slots.back(self.slot, self.fence);
    }
}

impl Drop for CountGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// One moment on both clocks: the one that never jumps, and the one that leases are told in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunClock {
    at: Instant,
    epoch: Timestamp,
}

impl RunClock {
    /// Now.
    pub(crate) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        RunClock { at: Instant::now(), epoch: Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)) }
    }

    /// When that was, as leases name it.
    pub(crate) fn epoch(self) -> Timestamp {
        self.epoch
    }

    /// How long ago that was.
    pub(crate) fn elapsed(self) -> Moment {
        self.at.elapsed()
    }

    /// A time that a lease names, counted from here.
    pub(crate) fn moment(self, time: Timestamp) -> Moment {
        Duration::from_millis(time.since(self.epoch).0)
    }

    /// The time now, as leases name it.
    pub(crate) fn time(self) -> Timestamp {
        self.epoch + Millis(u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}

impl PoolWorkload {
    /// A workload about to start.
    pub(crate) fn new(
        plan: PoolPlan,
        pool: DemoPool,
        polling: bool,
        tasks: WaitingTasks,
        run: Arc<str>,
        start: RunClock,
    ) -> Self {
        let ledger = Mutex::new(Ledger::new(plan.limit.count(), plan.quiet));
        let limit = AtomicU64::new(plan.limit.count().into());
        let (counts, controls) = (WorkloadCounts { limit, ..WorkloadCounts::default() }, Controls::default());
        let (calls, waits) = (Mutex::default(), Mutex::default());
        PoolWorkload { plan, pool, polling, tasks, run, start, counts, controls, calls, ledger, waits }
    }

    /// Asks for a worker's lease in an invocation of its own, which goes on whatever becomes of the worker.
    pub(crate) fn call(self: &Arc<Self>, asks: AcquireRequest) -> oneshot::Receiver<Result<AcquireOutcome, RunError>> {
        let (answer, answered) = oneshot::channel();
        let workload = Arc::clone(self);
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        while calls.try_join_next().is_some() {}
        calls.spawn(async move {
            // The worker may have its lease already, by its notice.
            let _ = answer.send(workload.pool.run(asks).await);
        });
        answered
    }

    /// Ends all invocations that go on.
    pub(crate) async fn end_calls(&self) {
        let mut calls = std::mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner));
        calls.shutdown().await;
    }

    /// What this run has in the pool as it was seen: slots and places in the queue.
    pub(crate) fn still_in(&self, seen: &Snapshot) -> Vec<String> {
        let ours = |holder: &Holder| holder.parent() == Some(&*self.run);
        let held = seen.slots.iter().filter_map(|row| Some((row.slot, &row.held.as_ref()?.holder)));
        let held = held.filter(|(_, holder)| ours(holder)).map(|(slot, holder)| format!("{slot}: {holder}"));
        let waiting = seen.queue.iter().filter(|row| ours(&row.holder));
        held.chain(waiting.map(|row| format!("a place in the queue: {}", row.holder))).collect()
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

#[cfg(test)]
mod tests {

    use super::*;

    fn lease(slot: u32, fence: u64) -> LeaseId {
        let prefix = "batch".parse().unwrap_or_else(|why| panic!("{why:?}"));
        LeaseId { prefix, slot: Slot(slot), fence: Fence(fence) }
    }

    #[test]
    fn a_slot_of_a_dead_worker_that_is_granted_anew_counts_once() {
        let held = HeldSlots::default();
        held.granted(&lease(0, 4)).keep();
        let other = held.granted(&lease(1, 7));
        assert_eq!(held.count(), 2);
        // Its slot is granted before anybody notices that it is back.
        let next = held.granted(&lease(0, 5));
        assert_eq!(held.count(), 2);
        held.back(Slot(0), Fence(4));
        assert_eq!(held.count(), 2, "it is held by the next");
        drop(other);
        assert_eq!(held.count(), 1);
        // Somebody is told late of a lease that is over.
        drop(held.granted(&lease(0, 4)));
        assert_eq!(held.count(), 1);
        drop(next);
        assert_eq!(held.count(), 0);
    }

    #[test]
    fn a_slot_of_a_dead_worker_counts_until_it_is_back() {
        let held = HeldSlots::default();
        held.granted(&lease(2, 9)).keep();
        assert_eq!(held.count(), 1);
        held.back(Slot(2), Fence(9));
        assert_eq!(held.count(), 0);
    }
}
