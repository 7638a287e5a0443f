//! Worker controls: what may a person at the keys do to workers?
//! Let one die, take its lease away, and make all work quicker or slower.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{oneshot, watch};

/// The hands on one pool's workers.
#[derive(Debug)]
pub(crate) struct Controls {
    speed: watch::Sender<f64>,
    as_planned: AtomicBool,
    workers: Mutex<WorkersAtWork>,
}

#[derive(Debug, Default)]
struct WorkersAtWork {
    at_work: BTreeMap<u32, oneshot::Sender<Directive>>,
    /// How many are to die as soon as they have a lease.
    doomed: u32,
}

/// What becomes of a worker.
#[derive(Debug)]
pub(crate) enum Directive {
    /// It dies holding its lease.
    Dies,
    /// Its lease is taken away; it asks again once this is over.
    LosesLease(oneshot::Receiver<()>),
}

impl Default for Controls {
    fn default() -> Self {
        Controls { speed: watch::Sender::new(1.0), as_planned: AtomicBool::new(true), workers: Mutex::default() }
    }
}

impl Controls {
    /// A worker begins to work on this slot: what becomes of it, should somebody decide it.
    pub(crate) fn works_on(&self, slot: u32) -> impl Future<Output = Directive> + use<> {
        let (decide, decided) = oneshot::channel();
        let mut workers = self.workers();
        match workers.doomed.checked_sub(1) {
            Some(left) => {
                workers.doomed = left;
                // Its other end is here.
                let _ = decide.send(Directive::Dies);
            }
            None => drop(workers.at_work.insert(slot, decide)),
        }
        async {
            match decided.await {
                Ok(directive) => directive,
                // Another works on that slot now.
                Err(_) => std::future::pending().await,
            }
        }
    }

    /// Decides what becomes of the worker on this slot: whether there is one.
    pub(crate) fn decide(&self, slot: u32, directive: Directive) -> bool {
        let worker = self.workers().at_work.remove(&slot);
        worker.is_some_and(|worker| worker.send(directive).is_ok())
    }

    /// Lets the worker on the first slot that has one die, else the next that gets a lease: whether one was there.
    pub(crate) fn kill_one(&self) -> bool {
        let slots: Vec<u32> = self.workers().at_work.keys().copied().collect();
        let died = slots.into_iter().any(|slot| self.decide(slot, Directive::Dies));
        if !died {
            self.workers().doomed += 1;
        }
        died
    }

    /// So many times as fast as planned.
    pub(crate) fn set_speed(&self, times: f64) {
        self.as_planned.store(false, Relaxed);
        self.speed.send_replace(times);
    }

    /// Whether the work always went as fast as planned.
    pub(crate) fn as_planned(&self) -> bool {
        self.as_planned.load(Relaxed)
    }

    /// How many times as fast as planned the work goes, now and when it changes.
    pub(crate) fn speed(&self) -> watch::Receiver<f64> {
        self.speed.subscribe()
    }

    fn workers(&self) -> MutexGuard<'_, WorkersAtWork> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_works_on_the_chosen_slot_dies() {
        let controls = Controls::default();
        let (_first, second) = (controls.works_on(1), controls.works_on(2));
        assert!(controls.decide(2, Directive::Dies));
        assert!(matches!(second.await, Directive::Dies));
        assert!(!controls.decide(2, Directive::Dies));
    }

    #[tokio::test]
    async fn workers_that_are_done_are_passed_over() {
        let controls = Controls::default();
        drop(controls.works_on(1));
        let second = controls.works_on(2);
        assert!(controls.kill_one());
        assert!(matches!(second.await, Directive::Dies));
    }

    #[tokio::test]
    async fn where_nobody_is_at_work_the_next_one_dies() {
        let controls = Controls::default();
        assert!(!controls.kill_one());
        assert!(matches!(controls.works_on(1).await, Directive::Dies));
        let next = controls.works_on(1);
        assert!(controls.decide(1, Directive::Dies));
        assert!(matches!(next.await, Directive::Dies));
    }
}
