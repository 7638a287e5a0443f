//! Release: how is a lease given back? By its id or by its holder; a holder that waits leaves the queue instead.
//!
//! If someone waits, the slot goes straight to them; else it is freed, and the queue is looked at once more.
//! To release what is gone is a success that says so.

use std::sync::Arc;

use crate::backoff::next_try;
use crate::failure::Failure;
use crate::operation::{Delivery, FailureReason, Machine, Operation, Replies, Step, TaskCallback, TaskResult};
use crate::reads::failure_of;
use crate::request::{Reply, Request};
use crate::rows::{HolderState, Row, RowKey};
use crate::settings::Settings;
use crate::settle::{Return, ReturnState, Settle, Settled};
use crate::time::{Millis, Timestamp};
use crate::types::{Attempt, Holder, LeaseId, Ticket};
use crate::writes;

/// What is given back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReleaseTarget {
    /// This lease.
    Lease(LeaseId),
    /// Whatever this holder has, up to this attempt (none: whichever it is on): an older one frees nothing.
    Holder(Holder, Option<Attempt>),
}

/// What a release came to: the lease, or the place in the queue, is given back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Released {
    /// Which lease, if the holder had one.
    pub lease: Option<LeaseId>,
    /// It was already gone.
    pub already: bool,
}

/// A release under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Release {
    target: ReleaseTarget,
    settings: Arc<Settings>,
    entropy: u64,
    tried: u8,
    phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Looking,
    /// Closing the task of a waiter that leaves.
    Closing(Holder, Attempt, Ticket),
    Leaving,
    Settling(Box<Settle>, LeaseId),
    Taken,
}

impl Operation for ReleaseTarget {
    type Outcome = Released;
    type Machine = Release;

    fn start(self, settings: Arc<Settings>, _: Timestamp, entropy: u64) -> (Release, Step<Released>) {
        let mut release = Release { target: self, settings, entropy, tried: 0, phase: Phase::Looking };
        let step = release.look(Millis(0));
        (release, step)
    }
}

impl Machine for Release {
    type Outcome = Released;

    fn resume(&mut self, replies: Replies, now: Timestamp) -> Step<Released> {
        if let Phase::Settling(settle, _) = &mut self.phase {
            return settle.resume(replies, now).and_then(|settled| self.settled(settled));
        }
        match std::mem::replace(&mut self.phase, Phase::Taken) {
            Phase::Looking => self.looked(replies, now),
            Phase::Closing(..) if replies.deliveries().any(|delivery| delivery == Delivery::Unknown) => {
                Step::failed(Failure::TasksUnavailable)
            }
            Phase::Closing(holder, attempt, ticket) => self.leave(&holder, attempt, ticket, now),
            Phase::Leaving => match replies.table() {
                [Reply::Written] => Step::done(Released { lease: None, already: false }),
                [other] => self.again(failure_of(&other)),
            },
            Phase::Settling(..) | Phase::Taken => Step::failed(Failure::Unavailable),
        }
    }
}

impl Release {
    fn look(&mut self, pause: Millis) -> Step<Released> {
        match &self.target {
            ReleaseTarget::Lease(id) => self.settle(id.clone()),
            ReleaseTarget::Holder(holder, _) => {
                self.phase = Phase::Looking;
                Step::send_after(pause, [Request::Get(RowKey::Holder(holder.hashed()))])
            }
        }
    }

    fn settle(&mut self, id: LeaseId) -> Step<Released> {
        let returns = vec![Return::of(id.slot, id.fence)];
        let (settle, step) = Settle::start(self.settings.clone(), self.entropy, false, returns);
        self.phase = Phase::Settling(settle, id);
        step
    }

    fn settled(&mut self, settled: Settled) -> Step<Released> {
        let lease = if let Phase::Settling(_, id) = &self.phase { Some(id.clone()) } else { None };
        Step::Done(settled.returned.map(|state| Released { lease, already: state == ReturnState::Already }))
    }

    fn again(&mut self, failure: Failure) -> Step<Released> {
        let Some(pause) = next_try(&mut self.tried, self.settings.tries, self.entropy) else {
            return Step::failed(failure);
        };
        self.look(pause)
    }

    fn looked(&mut self, replies: Replies, now: Timestamp) -> Step<Released> {
        let row = match replies.table() {
            [Reply::Row(Some(Row::Holder(row)))] => row,
            [Reply::Row(_)] => return nothing(),
            [other] => return self.again(failure_of(&other)),
        };
        let older = matches!(&self.target, ReleaseTarget::Holder(_, Some(attempt)) if *attempt < row.attempt);
        if older {
            return nothing();
        }
        match row.state {
            HolderState::Ended { .. } => nothing(),
            HolderState::Holding { slot, fence, .. } => {
                self.settle(LeaseId { prefix: self.settings.prefix.clone(), slot, fence })
            }
            HolderState::Waiting(waiting) => match waiting.token {
                Some(token) => {
                    self.phase = Phase::Closing(row.holder, row.attempt, waiting.ticket);
                    Step::call_back([TaskCallback { token, result: TaskResult::Failed(FailureReason::Released) }])
                }
                None => self.leave(&row.holder, row.attempt, waiting.ticket, now),
            },
        }
    }

    fn leave(&mut self, holder: &Holder, attempt: Attempt, ticket: Ticket, now: Timestamp) -> Step<Released> {
        let request = writes::leave(&self.settings, holder, attempt, ticket, now);
        self.phase = Phase::Leaving;
        Step::send([request])
    }
}

/// There was nothing to give back.
fn nothing() -> Step<Released> {
    Step::done(Released { lease: None, already: true })
}
