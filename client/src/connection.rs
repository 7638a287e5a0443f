//! The connection: what do all leases of a client share? The table and how operations run on it, who is told of what
//! happens, and how many leases are being given back.

use std::sync::Arc;

use leasehold_core::{Delivery, PoolName, TaskCallback};
#[cfg(feature = "tasks")]
use leasehold_store::BestEffortNotifier;
use leasehold_store::{NoCallbacks, Notifier, Runner, Table};
use tokio::sync::watch;

use crate::event::Event;

/// Shared by a client, its waits and its leases.
pub(crate) struct Connection {
    pub(crate) runner: Runner<TaskNotifier>,
    pub(crate) owner: String,
    pub(crate) observer: Option<Observer>,
    pub(crate) endings: Arc<watch::Sender<usize>>,
}

/// Who is told of events.
pub(crate) type Observer = Arc<dyn Fn(&Event) + Send + Sync>;

impl Connection {
    pub(crate) fn table(&self) -> &Table {
        self.runner.table()
    }

    pub(crate) fn tell(&self, event: &Event) {
        if let Some(observer) = &self.observer {
            observer(event);
        }
    }

    /// Something is to be given back from now on, until this is dropped.
    pub(crate) fn ending(&self) -> Ending {
        self.endings.send_modify(|count| *count += 1);
        Ending(Arc::clone(&self.endings))
    }
}

/// A lease, or a place in a queue, that is being given back.
#[derive(Debug)]
pub(crate) struct Ending(Arc<watch::Sender<usize>>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// How workflows of Step Functions that wait are told.
#[derive(Clone, Debug, Default)]
pub(crate) enum TaskNotifier {
    /// By the lease manager's next sweep.
    #[default]
    BySweep,
    /// At once.
    #[cfg(feature = "tasks")]
    AtOnce(BestEffortNotifier),
}

impl Notifier for TaskNotifier {
    async fn notify(&self, callback: &TaskCallback) -> Delivery {
        match self {
            TaskNotifier::BySweep => NoCallbacks.notify(callback).await,
            #[cfg(feature = "tasks")]
            TaskNotifier::AtOnce(notifier) => notifier.notify(callback).await,
        }
    }
}

/// A pool's name, however it is given.
pub trait IntoPool {
    /// The name, if it is one.
    ///
    /// # Errors
    /// When it is none.
    fn into_pool(self) -> Result<PoolName, leasehold_core::InvalidValue>;
}

impl IntoPool for &str {
    fn into_pool(self) -> Result<PoolName, leasehold_core::InvalidValue> {
        self.parse()
    }
}

impl IntoPool for &String {
    fn into_pool(self) -> Result<PoolName, leasehold_core::InvalidValue> {
        self.parse()
    }
}

impl IntoPool for String {
    fn into_pool(self) -> Result<PoolName, leasehold_core::InvalidValue> {
        self.parse()
    }
}

impl IntoPool for PoolName {
    fn into_pool(self) -> Result<PoolName, leasehold_core::InvalidValue> {
        Ok(self)
    }
}

impl IntoPool for &PoolName {
    fn into_pool(self) -> Result<PoolName, leasehold_core::InvalidValue> {
        Ok(self.clone())
    }
}
