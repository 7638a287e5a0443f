//! Delivery of leases: how does a holder learn that it has one? By a callback, then confirmed on the slot.
//!
//! A lease is told only while it has not expired. A callback that may not have arrived leaves its slot
//! unconfirmed: the next sweep sends it again. A task that is closed says nothing of its holder (it may be
//! gone, or an earlier callback got through and its reply was lost), so its execution is asked for.

use crate::operation::{Delivery, ExecutionStatus, Machine, Replies, Step, TaskCallback, TaskResult};
use crate::time::Timestamp;
use crate::types::{Lease, TaskToken};
use crate::writes;

/// Leases on their way to their holders.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Deliver {
    phase: Phase,
    settled: Vec<Lease>,
    dead: Vec<Lease>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Telling(Vec<Lease>),
    Asking(Vec<Lease>),
    Confirming,
}

/// What became of the leases that were told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Delivered {
    /// Told, or closed while the execution lives or is unknown.
    pub(crate) settled: Vec<Lease>,
    /// The holder's execution has ended: the lease is to be given back.
    pub(crate) dead: Vec<Lease>,
}

impl Deliver {
    /// Tells these holders, those whose lease has not expired.
    pub(crate) fn start<T>(told: Vec<(Lease, TaskToken)>, now: Timestamp) -> Option<(Deliver, Step<T>)> {
        let told: Vec<_> = told.into_iter().filter(|(lease, _)| now < lease.expires_at).collect();
        if told.is_empty() {
            return None;
        }
        let callbacks = told
            .iter()
            .map(|(lease, token)| TaskCallback { token: token.clone(), result: TaskResult::Acquired(lease.clone()) });
        let step = Step::call_back(callbacks);
        let leases = told.into_iter().map(|(lease, _)| lease).collect();
        Some((Deliver { phase: Phase::Telling(leases), settled: vec![], dead: vec![] }, step))
    }

    fn told(&mut self, leases: Vec<Lease>, replies: &Replies) -> Step<Delivered> {
        let mut closed = vec![];
        for (lease, delivery) in leases.into_iter().zip(replies.deliveries()) {
            match delivery {
                Delivery::Delivered => self.settled.push(lease),
                Delivery::Closed => closed.push(lease),
                Delivery::Unknown | Delivery::Refused => {}
            }
        }
        if closed.is_empty() {
            return self.confirm();
        }
        let step = Step::check(closed.iter().map(|lease| lease.holder.execution()));
        self.phase = Phase::Asking(closed);
        step
    }

    fn asked(&mut self, closed: Vec<Lease>, replies: &Replies) -> Step<Delivered> {
        for (lease, status) in closed.into_iter().zip(replies.statuses()) {
            match status {
                ExecutionStatus::Ended => self.dead.push(lease),
                ExecutionStatus::Running | ExecutionStatus::Unknown => self.settled.push(lease),
            }
        }
        self.confirm()
    }

    fn confirm(&mut self) -> Step<Delivered> {
        if self.settled.is_empty() {
            return self.finish();
        }
        Step::send(self.settled.iter().map(|lease| writes::confirm(lease.id.slot, lease.id.fence)))
    }

    fn finish(&mut self) -> Step<Delivered> {
        Step::done(Delivered { settled: std::mem::take(&mut self.settled), dead: std::mem::take(&mut self.dead) })
    }
}

impl Machine for Deliver {
    type Outcome = Delivered;

    fn resume(&mut self, replies: Replies, _: Timestamp) -> Step<Delivered> {
        match std::mem::replace(&mut self.phase, Phase::Confirming) {
            Phase::Telling(leases) => self.told(leases, &replies),
            Phase::Asking(closed) => self.asked(closed, &replies),
            // A confirmation that failed is found by the next sweep: the callback is sent again and found closed.
            Phase::Confirming => self.finish(),
        }
    }
}
