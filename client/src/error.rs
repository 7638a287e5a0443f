//! The client's errors: why is there no lease, or no longer one, and what is to be done?

use std::time::Duration;

use leasehold_core::{Failure, InvalidValue, LeaseId, LossReason, PoolName};
use leasehold_store::{RunError, StoreError};

/// Why there is no lease. None of these is ever a grant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A pool's name, an owner, a key, a label or a length makes no sense. A mistake in the program: correct it.
    #[error(transparent)]
    Invalid(#[from] InvalidValue),
    /// No slot was free within the patience. The place in the queue is given up. Try again later, or tell whoever asked
    /// that you are busy (HTTP 503).
    #[error("no lease of pool {pool} in table {table} within {patience:?}: {why}; try again later")]
    NoLease {
        /// Which pool.
        pool: PoolName,
        /// In which table.
        table: String,
        /// How long it was waited for.
        patience: Duration,
        /// How full the pool was, or that it was waited for so long.
        why: String,
    },
    /// [`give_up_on`](crate::Acquire::give_up_on) said to stop waiting.
    #[error("the wait for a lease of pool {pool} was given up: {left}")]
    GivenUp {
        /// Which pool.
        pool: PoolName,
        /// What became of the place in the queue.
        left: String,
    },
    /// A newer [`attempt`](crate::Acquire::attempt) of this holder is known, or this one has ended already. Do nothing: the
    /// work is another's, or done.
    #[error("no lease of pool {pool}: {why}; a later attempt has this work, or it is done")]
    Superseded {
        /// Which pool.
        pool: PoolName,
        /// What the protocol says.
        why: String,
    },
    /// The lease was lost: what was done under it may have been done beside another holder. Treat the work as failed, unless
    /// whoever was written to refuses old [fences](crate::LeaseHandle::fence).
    #[error("lease {lease} is lost: {loss}")]
    Lost {
        /// Which lease.
        lease: LeaseId,
        /// How.
        loss: Loss,
    },
    /// The table or the pool could not be used: its words say what to do. Of a lease that was to be given back: it expires by
    /// itself.
    #[error(transparent)]
    Table(#[from] StoreError),
}

impl Error {
    /// Whether the same call may succeed later, with nothing mended: the pool was full, or the table did not answer.
    pub fn may_pass(&self) -> bool {
        match self {
            Error::NoLease { .. } => true,
            Error::Table(wrong) => trouble_may_pass(wrong),
            _ => false,
        }
    }
}

/// How a lease was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Loss {
    /// Its time is over and no renewal got through: no network, a machine that slept, a process that stood still. Perhaps
    /// nobody else has it yet.
    #[error("it was not renewed in time")]
    NotRenewed,
    /// It was released by force, or it expired and was cleared away. Another may hold the slot, or nobody.
    #[error("it was ended by somebody else: another may hold it, or nobody")]
    Ended,
    /// Its slot was granted anew: another works now.
    #[error("its slot was granted to another")]
    Taken,
}

impl From<LossReason> for Loss {
    fn from(reason: LossReason) -> Loss {
        match reason {
            LossReason::Taken => Loss::Taken,
            LossReason::Ended => Loss::Ended,
            LossReason::ExpiredUntold => Loss::NotRenewed,
        }
    }
}

/// Whether to run an operation again later may help.
pub(crate) fn may_pass(error: &RunError) -> bool {
    let RunError { failure, cause } = error;
    matches!(failure, Failure::Throttled | Failure::Unavailable | Failure::TasksUnavailable)
        && cause.as_ref().is_none_or(trouble_may_pass)
}

/// Whether to ask the table again later may help.
pub(crate) fn trouble_may_pass(trouble: &StoreError) -> bool {
    matches!(trouble, StoreError::Throttled { .. } | StoreError::NoAnswer { .. } | StoreError::TasksUnavailable { .. })
}
