//! Release: how is a lease given back? By its id or by its holder; a holder that waits leaves the queue instead.
//!
//! If someone waits, the slot goes straight to them; else it is freed, and the queue is looked at once more.
//! To release what is gone is a success that says so. A waiter that leaves has its task failed first.

use std::sync::Arc;

use crate::backoff::next_try;
use crate::failure::Failure;
use crate::operation::{Delivery, FailureReason, Machine, Operation, Replies, Step, TaskCallback, TaskResult};
use crate::reads::failure_of;
use crate::request::{Reply, Request};
use crate::rows::{Held, HolderState, Row, RowKey};
use crate::settings::Settings;
use crate::settle::{Return, ReturnState, Scope, Settle, Settled};
use crate::time::{Millis, Timestamp};
use crate::types::{Attempt, Holder, LeaseId};
use crate::writes::{self, LeavingWaiter};

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
    /// Reading the slot that a holder's row points at; closing the task that may not know of it.
    Checking(LeaseId),
    Revoking(LeaseId),
    /// Reading the place of a waiter that leaves.
    Placed(LeavingWaiter),
    /// Closing its task.
    Closing(LeavingWaiter),
    Leaving,
    Settling(Box<Settle>, LeaseId),
    Taken,
}

impl Operation for ReleaseTarget {
    type Outcome = Released;
    type Machine = Release;

    fn start(self, settings: Arc<Settings>, now: Timestamp, entropy: u64) -> (Release, Step<Released>) {
        let mut release = Release { target: self, settings, entropy, tried: 0, phase: Phase::Looking };
        let step = release.look(Millis(0), now);
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
            Phase::Checking(id) => self.checked(id, replies, now),
            Phase::Closing(..) | Phase::Revoking(_) if !replies.deliveries().all(Delivery::is_closed) => {
                Step::failed(Failure::TasksUnavailable)
            }
            Phase::Revoking(id) => self.settle(id, now),
            Phase::Placed(waiter) => self.placed(waiter, replies, now),
            Phase::Closing(waiter) => self.leave(waiter, now),
            Phase::Leaving => match replies.table() {
                [Reply::Written] => Step::done(Released { lease: None, already: false }),
                [other] => self.again(failure_of(&other), now),
            },
            Phase::Settling(..) | Phase::Taken => Step::failed(Failure::Unavailable),
        }
    }
}

impl Release {
    fn look(&mut self, pause: Millis, now: Timestamp) -> Step<Released> {
        match &self.target {
            ReleaseTarget::Lease(id) => self.settle(id.clone(), now),
            ReleaseTarget::Holder(holder, _) => {
                self.phase = Phase::Looking;
                Step::send_after(pause, [Request::Get(RowKey::Holder(holder.hashed()))])
            }
        }
    }

    fn settle(&mut self, id: LeaseId, now: Timestamp) -> Step<Released> {
        let returns = Scope::Returns(vec![Return::of(id.slot, id.fence)]);
        let (settle, step) = Settle::start(self.settings.clone(), self.entropy, returns, now);
        self.phase = Phase::Settling(settle, id);
        step
    }

    fn settled(&mut self, settled: Settled) -> Step<Released> {
        let lease = if let Phase::Settling(_, id) = &self.phase { Some(id.clone()) } else { None };
        Step::Done(settled.returned.map(|state| Released { lease, already: state == ReturnState::Already }))
    }

    fn again(&mut self, failure: Failure, now: Timestamp) -> Step<Released> {
        let Some(pause) = next_try(&mut self.tried, self.settings.tries, self.entropy) else {
            return Step::failed(failure);
        };
        self.look(pause, now)
    }

    fn looked(&mut self, replies: Replies, now: Timestamp) -> Step<Released> {
        let row = match replies.table() {
            [Reply::Row(Some(Row::Holder(row)))] => row,
            [Reply::Row(_)] => return nothing(),
            [other] => return self.again(failure_of(&other), now),
        };
        let older = matches!(&self.target, ReleaseTarget::Holder(_, Some(attempt)) if *attempt < row.attempt);
        if older {
            return nothing();
        }
        match row.state {
            HolderState::Ended => nothing(),
            HolderState::Holding { slot, fence } => {
                self.phase = Phase::Checking(LeaseId { prefix: self.settings.prefix.clone(), slot, fence });
                Step::send([Request::Get(RowKey::Slot(slot))])
            }
            HolderState::Waiting { ticket, .. } => {
                self.phase =
                    Phase::Placed(LeavingWaiter { holder: row.holder, attempt: row.attempt, ticket, place: None });
                Step::send([Request::Get(RowKey::Wait(ticket))])
            }
        }
    }

    /// Who gives back a lease by its id was told of it. Who does not say which lease may be giving back what its holder is
    /// only about to be told of: that is made impossible first.
    fn checked(&mut self, id: LeaseId, replies: Replies, now: Timestamp) -> Step<Released> {
        let token = match replies.table() {
            [Reply::Row(Some(Row::Slot(row)))] if row.fence == id.fence => {
                row.held.as_ref().and_then(Held::open_token).cloned()
            }
            [Reply::Row(_)] => None,
            [other] => return self.again(failure_of(&other), now),
        };
        let Some(token) = token else { return self.settle(id, now) };
        self.phase = Phase::Revoking(id);
        Step::call_back([TaskCallback { token, result: TaskResult::Failed(FailureReason::Released) }])
    }

    fn placed(&mut self, waiter: LeavingWaiter, replies: Replies, now: Timestamp) -> Step<Released> {
        let (place, token) = match replies.table() {
            [Reply::Row(Some(Row::Wait(place)))] => (Some(place.attempt), place.token),
            [Reply::Row(_)] => (None, None),
            [other] => return self.again(failure_of(&other), now),
        };
        let waiter = LeavingWaiter { place, ..waiter };
        let Some(token) = token else { return self.leave(waiter, now) };
        self.phase = Phase::Closing(waiter);
        Step::call_back([TaskCallback { token, result: TaskResult::Failed(FailureReason::Released) }])
    }

    fn leave(&mut self, waiter: LeavingWaiter, now: Timestamp) -> Step<Released> {
        let request = writes::leave(&self.settings, waiter, now);
        self.phase = Phase::Leaving;
        Step::send([request])
    }
}

/// There was nothing to give back.
fn nothing() -> Step<Released> {
    Step::done(Released { lease: None, already: true })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::{Effect, EffectReply};
    use crate::rows::{HolderRow, Notice, SlotRow};
    use crate::types::{Attempt, Fence, Slot, TaskToken};

    const NOW: Timestamp = Timestamp::seconds(1_000);

    /// The first effect after the slot of a holder's lease under fence 7 was read: held by it under this fence, with this
    /// notice.
    fn after_the_slot(fence: u64, notice: Notice) -> Effect {
        let settings = Settings::new("p".parse().expect("a name"), 5.try_into().expect("a limit"));
        let holder = Holder::new("a", "", None).expect("a holder");
        let target = ReleaseTarget::Holder(holder.clone(), None);
        let (mut release, _) = target.start(Arc::new(settings), NOW, 0);
        let state = HolderState::Holding { slot: Slot(2), fence: Fence(7) };
        let row = HolderRow { holder: holder.clone(), attempt: Attempt::default(), state, ttl: NOW };
        let _ = release.resume(replies(Row::Holder(row)), NOW);
        let held = Held {
            holder,
            attempt: Attempt::default(),
            acquired_at: NOW,
            expires_at: NOW + Millis(1_000),
            renewed_at: None,
            notice,
            label: None,
        };
        let slot = SlotRow { slot: Slot(2), fence: Fence(fence), held: Some(held) };
        match release.resume(replies(Row::Slot(slot)), NOW) {
            Step::Perform { mut effects, .. } => effects.remove(0),
            done @ Step::Done(_) => panic!("{done:?}"),
        }
    }

    fn replies(row: Row) -> Replies {
        [EffectReply::from(Reply::Row(Some(row)))].into_iter().collect()
    }

    #[test]
    fn a_task_that_may_yet_be_told_of_the_lease_is_failed_first() {
        let token = || TaskToken::new("a token").expect("a token");
        for notice in [Notice::Claimed(token()), Notice::Untold(token()), Notice::MaybeTold(token())] {
            let result = TaskResult::Failed(FailureReason::Released);
            let callback = TaskCallback { token: token(), result };
            assert_eq!(after_the_slot(7, notice.clone()), Effect::Callback(callback));
            // Another lease lies there now: nobody is told anything.
            assert!(matches!(after_the_slot(8, notice), Effect::Request(_)));
        }
        for notice in [Notice::Asked, Notice::Uncollected, Notice::Confirmed(token().digest())] {
            assert!(matches!(after_the_slot(7, notice), Effect::Request(_)));
        }
    }
}
