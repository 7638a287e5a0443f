//! What happens in the background: what may a service want in its log?

use std::fmt;
use std::time::{Duration, SystemTime};

use leasehold_core::{LeaseId, PoolName};
use leasehold_store::WrongClock;

use crate::error::Loss;

/// Something that happened while a lease was awaited, held or given back. Each is a sentence for a log.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The pool is full: a place in its queue is taken.
    Queued {
        /// Which pool.
        pool: PoolName,
        /// How long it is waited for at most.
        patience: Duration,
        /// Which slots are closed for now though they are free, and why, as "is closed until 12:03:41 UTC (its limit was
        /// lowered)"; none: all are held.
        closed: Option<String>,
    },
    /// The table gives no usable answer to whoever asks or waits for a lease; it is asked again. Told once until it answers.
    NoAnswer {
        /// Which pool.
        pool: PoolName,
        /// Whether a place in its queue was taken before.
        queued: bool,
        /// What went wrong.
        why: String,
    },
    /// A renewal did not get through; it is tried again.
    RenewalFailed {
        /// Which lease.
        lease: LeaseId,
        /// When it ends, by the table's time.
        expires_at: SystemTime,
        /// What went wrong.
        why: String,
    },
    /// A lease is lost.
    Lost {
        /// Which lease.
        lease: LeaseId,
        /// How.
        loss: Loss,
    },
    /// A lease whose time was over was renewed after all: nobody else had it meanwhile.
    HeldAgain {
        /// Which lease.
        lease: LeaseId,
    },
    /// A lease was gone when it was given back, though nobody had noticed: another may have held it meanwhile.
    LostUnnoticed {
        /// Which lease.
        lease: LeaseId,
    },
    /// A lease could not be given back: it expires by itself.
    NotGivenBack {
        /// Which lease.
        lease: LeaseId,
        /// What went wrong.
        why: String,
    },
    /// This machine's clock is wrong. Told once; the table's time is used.
    WrongClock(WrongClock),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Queued { pool, patience, closed } => {
                let state = closed.as_deref().unwrap_or("is full");
                write!(f, "pool {pool} {state}: waiting in its queue, for at most {patience:?}")
            }
            Event::NoAnswer { pool, queued: true, why } => {
                write!(f, "pool {pool}: still waiting, but whether it is its turn is not known; trying again: {why}")
            }
            Event::NoAnswer { pool, queued: false, why } => {
                write!(f, "no lease of pool {pool} yet, and perhaps no place in its queue; trying again: {why}")
            }
            Event::RenewalFailed { lease, why, .. } => {
                write!(f, "lease {lease} could not be renewed; trying again: {why}")
            }
            Event::Lost { lease, loss } => write!(f, "lease {lease} is lost: {loss}"),
            Event::HeldAgain { lease } => write!(f, "lease {lease} is held again: nobody else had it meanwhile"),
            Event::LostUnnoticed { lease } => {
                write!(f, "lease {lease} was lost while it was held: another may have held it")
            }
            Event::NotGivenBack { lease, why } => {
                write!(f, "lease {lease} could not be given back and expires by itself: {why}")
            }
            Event::WrongClock(wrong) => wrong.fmt(f),
        }
    }
}
