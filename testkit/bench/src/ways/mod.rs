//! Ways to keep a limit: how does a job get its turn, and give it back? leasehold's own, and what people use, written
//! afresh from published descriptions. All speak to the same table over the same wire.

pub(crate) mod count_then_put;
pub(crate) mod counter;
pub(crate) mod items;
pub(crate) mod lease_manager;
pub(crate) mod leasehold;
pub(crate) mod lock_per_slot;
pub(crate) mod polled_slots;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::BenchError;
use crate::engine::Engine;
use crate::wire::Delays;

/// A way to keep a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum WayKind {
    /// leasehold, in the queue.
    Queue,
    /// leasehold, asked again.
    Poll,
    /// leasehold's lease manager as it is deployed, in the queue.
    ManagerQueue,
    /// leasehold's lease manager as it is deployed, asked again.
    ManagerPoll,
    /// (a) Count the leases, put one if there are fewer than the limit.
    CountThenPut,
    /// (b) One item with a number.
    Counter,
    /// (c) Slots, looked at again and again.
    PolledSlots,
    /// (d) A lock for each slot.
    LockPerSlot,
}

impl WayKind {
    /// What people use.
    pub(crate) const PEERS: [WayKind; 4] =
        [WayKind::CountThenPut, WayKind::Counter, WayKind::PolledSlots, WayKind::LockPerSlot];

    /// Whether it is leasehold's.
    pub(crate) fn is_ours(self) -> bool {
        !WayKind::PEERS.contains(&self)
    }

    /// Whether it waits in a queue.
    pub(crate) fn queues(self) -> bool {
        matches!(self, WayKind::Queue | WayKind::ManagerQueue)
    }
}

impl fmt::Display for WayKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            WayKind::Queue => "leasehold, queue",
            WayKind::Poll => "leasehold, poll",
            WayKind::ManagerQueue => "lease manager, queue",
            WayKind::ManagerPoll => "lease manager, poll",
            WayKind::CountThenPut => "(a) count, then put",
            WayKind::Counter => "(b) a counter",
            WayKind::PolledSlots => "(c) polled slots",
            WayKind::LockPerSlot => "(d) a lock per slot",
        })
    }
}

/// A pool as a way is to keep it.
#[derive(Clone, Debug)]
pub(crate) struct PoolTerms {
    /// Its name.
    pub(crate) pool: String,
    /// How many may work at once.
    pub(crate) limit: u32,
    /// How long a lease lasts: longer than any run.
    pub(crate) lease: Duration,
    /// How long who found the pool full waits before it asks again.
    pub(crate) fixed_wait: Duration,
    /// Whether leasehold's poll mode waits as long as it is told to, and not the fixed wait.
    pub(crate) as_told: bool,
    /// How many calls of a lease manager run at once: its reserved concurrency.
    pub(crate) calls_at_once: usize,
    /// The network's delays, for notices.
    pub(crate) delays: Delays,
}

/// A turn that a job has, and what it takes to give it back.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    /// Which slot, where there are slots.
    pub(crate) slot: u32,
    /// Which grant of that slot, where that is counted.
    pub(crate) fence: u64,
    /// What the way knows it by.
    pub(crate) id: String,
    /// How often it was asked for.
    pub(crate) asked: u32,
}

/// What comes of asking, later.
pub(crate) type Later<'a, T> = Pin<Box<dyn Future<Output = Result<T, BenchError>> + Send + 'a>>;

/// A pool kept in some way.
pub(crate) trait Way: Send + Sync {
    /// Waits until this job has its turn. No two jobs have the same name.
    fn acquire<'a>(&'a self, job: &'a str) -> Later<'a, Turn>;

    /// Gives a turn back.
    fn release<'a>(&'a self, turn: &'a Turn) -> Later<'a, ()>;

    /// Makes a turn last longer; false: this way has no such thing.
    fn renew<'a>(&'a self, _turn: &'a Turn) -> Later<'a, bool> {
        Box::pin(async { Ok(false) })
    }

    /// The pool as it is to be before anybody comes.
    fn prepare(&self) -> Later<'_, ()>;
}

/// A pool kept in this way on an engine.
///
/// # Errors
/// When the lease manager does not start, or the pool's name is none.
pub(crate) async fn open(kind: WayKind, engine: &Engine, terms: PoolTerms) -> Result<Arc<dyn Way>, BenchError> {
    let items = items::Items::new(engine, terms.clone());
    Ok(match kind {
        WayKind::Queue => Arc::new(leasehold::InProcess::new(engine, terms, leasehold::Asks::Queue)?),
        WayKind::Poll => Arc::new(leasehold::InProcess::new(engine, terms, leasehold::Asks::Poll)?),
        WayKind::ManagerQueue => Arc::new(lease_manager::Deployed::start(engine, terms, leasehold::Asks::Queue).await?),
        WayKind::ManagerPoll => Arc::new(lease_manager::Deployed::start(engine, terms, leasehold::Asks::Poll).await?),
        WayKind::CountThenPut => Arc::new(count_then_put::CountThenPut(items)),
        WayKind::Counter => Arc::new(counter::Counter(items)),
        WayKind::PolledSlots => Arc::new(polled_slots::PolledSlots(items)),
        WayKind::LockPerSlot => Arc::new(lock_per_slot::LockPerSlot(items)),
    })
}
