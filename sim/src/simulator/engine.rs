//! Engines: what runs in a call, one step after the other?

use leasehold_core::{Failure, Machine, Released, Replies, Reply, Step, Timestamp};

use super::played_operation::{PlayedMachine, PlayedOutcome};
use crate::count_then_put::CountThenPut;

/// What runs in a call.
#[derive(Clone, Debug)]
pub(crate) enum Engine {
    /// One of the protocol's machines.
    Leasehold(Box<PlayedMachine>),
    /// A caller that counts, then puts.
    CountThenPut(CountThenPut),
    /// One write without a condition, and no more (count, then put: renew and release); until when the lease it puts
    /// lasts.
    Single(Timestamp),
}

impl Engine {
    /// Its next step, once all replies to the one before have come.
    pub(crate) fn resume(&mut self, replies: Replies, now: Timestamp) -> Step<PlayedOutcome> {
        match self {
            Engine::Leasehold(machine) => machine.resume(replies, now),
            Engine::CountThenPut(caller) => caller.resume(replies, now).map(PlayedOutcome::Acquire),
            Engine::Single(_) => Step::Done(match replies.table() {
                [Reply::Written] => Ok(PlayedOutcome::Release(Released { lease: None, already: false })),
                _ => Err(Failure::Unavailable),
            }),
        }
    }

    /// How many leases it counted, if it counts and has done so.
    pub(crate) fn counted(&self) -> Option<u32> {
        match self {
            Engine::CountThenPut(caller) => caller.counted(),
            Engine::Leasehold(_) | Engine::Single(_) => None,
        }
    }

    /// Until when the lease lasts that its one write puts.
    pub(crate) fn expires_at(&self) -> Option<Timestamp> {
        match self {
            Engine::Single(expires_at) => Some(*expires_at),
            Engine::Leasehold(_) | Engine::CountThenPut(_) => None,
        }
    }
}
