//! Delivery of leases: how does a holder learn that it has one? By a callback, then confirmed on the slot.
//!
//! A lease is told only while it has not expired. Its slot is *untold* when it is granted, and the granter's own first
//! callback needs no other mark. So if that one finds the task closed, or is refused for good, nobody can have been told:
//! the lease goes back at once. Whoever sends a callback again marks the slot *maybe told* before. From then on a closed
//! task says nothing of its holder (it may be gone, or an earlier callback got through and its reply was lost), so its
//! execution is asked for. What may not have arrived stays as it is marked: the next sweep sends it again.
//!
//! Beside the callbacks, places that turned out to be nothing are removed from the queue, those with a token once that is
//! closed.

use crate::backoff::jitter;
use crate::operation::{
    Delivery, Effect, ExecutionStatus, FailureReason, Machine, Replies, Step, TaskCallback, TaskResult,
};
use crate::time::{Millis, Timestamp};
use crate::types::{Attempt, Lease, TaskToken, Ticket};
use crate::writes;

/// How often a callback that was not taken, as throttling says, is sent by one call.
const TRIES: u8 = 4;

/// A lease that is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Tell {
    pub(crate) lease: Lease,
    pub(crate) token: TaskToken,
    pub(crate) by: Teller,
}

/// Who tells a holder that it has a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Teller {
    /// Its own call, which took the slot for it. Nobody else does, and nobody has to know whether it worked.
    Caller,
    /// Whoever granted it, for the first time: nobody else can have told it.
    Granter,
    /// Whoever finds that it may not know.
    Another,
}

/// What is to be delivered, and what is done beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Outbox {
    /// Leases to be told.
    pub(crate) tells: Vec<Tell>,
    /// Places that are nothing, with tokens that may still be open.
    pub(crate) forgotten: Vec<(Ticket, Attempt, TaskToken)>,
    /// Places that are nothing.
    pub(crate) places: Vec<(Ticket, Attempt)>,
}

/// Leases on their way to their holders.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Deliver {
    entropy: u64,
    tried: u8,
    phase: Phase,
    /// What is sent once more, as it was not taken.
    again: Vec<Tell>,
    /// Places whose tokens are closed.
    closed_places: Vec<(Ticket, Attempt)>,
    told: Vec<Tell>,
    delivered: Delivered,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Telling(Vec<Tell>, Vec<(Ticket, Attempt, TaskToken)>),
    Asking(Vec<Tell>),
    Confirming,
}

/// What became of the leases that were told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Delivered {
    /// Told, or closed while the execution lives or is unknown.
    pub(crate) settled: Vec<Lease>,
    /// The holder's execution has ended: the lease is to be given back.
    pub(crate) dead: Vec<Lease>,
    /// Found closed before anybody told them: the lease is to be given back.
    pub(crate) untold: Vec<Lease>,
    /// How many of those settled were told again.
    pub(crate) renotified: u32,
    /// Whether one of those was refused for good, so that somebody has to mend what refuses it.
    pub(crate) refused: bool,
}

impl Deliver {
    /// Tells these holders, those whose lease has not expired, and does what is to be done beside it.
    pub(crate) fn start<T>(outbox: Outbox, entropy: u64, now: Timestamp) -> Option<(Deliver, Step<T>)> {
        let Outbox { tells, forgotten, places } = outbox;
        let tells: Vec<Tell> = tells.into_iter().filter(|tell| now < tell.lease.expires_at).collect();
        let mut effects = callbacks(&tells);
        effects.extend(forgotten.iter().map(|(.., token)| {
            let result = TaskResult::Failed(FailureReason::Released);
            Effect::Callback(TaskCallback { token: token.clone(), result })
        }));
        effects
            .extend(places.into_iter().map(|(ticket, attempt)| Effect::Request(writes::remove_place(ticket, attempt))));
        if effects.is_empty() {
            return None;
        }
        let deliver = Deliver {
            entropy,
            tried: 0,
            phase: Phase::Telling(tells, forgotten),
            again: vec![],
            closed_places: vec![],
            told: vec![],
            delivered: Delivered::default(),
        };
        Some((deliver, Step::Perform { effects, pause: Millis(0) }))
    }

    fn heard(
        &mut self,
        tells: Vec<Tell>,
        forgotten: Vec<(Ticket, Attempt, TaskToken)>,
        replies: &Replies,
        now: Timestamp,
    ) -> Step<Delivered> {
        let mut deliveries = replies.deliveries();
        let mut closed = vec![];
        for tell in tells {
            match deliveries.next().unwrap_or(Delivery::Unknown) {
                Delivery::Delivered if tell.by == Teller::Caller => self.delivered.settled.push(tell.lease),
                Delivery::Delivered => {
                    self.delivered.renotified += u32::from(tell.by == Teller::Another);
                    self.delivered.settled.push(tell.lease.clone());
                    self.told.push(tell);
                }
                Delivery::Closed if tell.by != Teller::Another => self.delivered.untold.push(tell.lease),
                Delivery::Refused if tell.by != Teller::Another => {
                    self.delivered.refused = true;
                    self.delivered.untold.push(tell.lease);
                }
                Delivery::Closed | Delivery::Refused => closed.push(tell),
                Delivery::NotSent => self.again.push(tell),
                Delivery::Unknown => {}
            }
        }
        for ((ticket, attempt, _), delivery) in forgotten.into_iter().zip(deliveries) {
            if delivery.is_closed() {
                self.closed_places.push((ticket, attempt));
            }
        }
        if closed.is_empty() {
            return self.confirm(now);
        }
        let step = Step::check(closed.iter().map(|tell| tell.lease.holder.execution()));
        self.phase = Phase::Asking(closed);
        step
    }

    fn asked(&mut self, closed: Vec<Tell>, replies: &Replies, now: Timestamp) -> Step<Delivered> {
        for (tell, status) in closed.into_iter().zip(replies.statuses()) {
            if status == ExecutionStatus::Ended {
                self.delivered.dead.push(tell.lease.clone());
            } else {
                self.delivered.renotified += 1;
                self.delivered.settled.push(tell.lease.clone());
            }
            self.told.push(tell);
        }
        self.confirm(now)
    }

    /// Who was told, or whose task is closed, needs no callback any more.
    fn confirm(&mut self, now: Timestamp) -> Step<Delivered> {
        self.phase = Phase::Confirming;
        let confirmed: Vec<_> = std::mem::take(&mut self.told)
            .into_iter()
            .map(|tell| writes::confirm(tell.lease.id.slot, tell.lease.id.fence, tell.token.digest()))
            .chain(
                std::mem::take(&mut self.closed_places)
                    .into_iter()
                    .map(|(ticket, attempt)| writes::remove_place(ticket, attempt)),
            )
            .collect();
        if confirmed.is_empty() { self.go_on(now) } else { Step::send(confirmed) }
    }

    /// What was not taken is sent once more, unless it has expired meanwhile: that nobody else told it is as true as before.
    fn go_on(&mut self, now: Timestamp) -> Step<Delivered> {
        let mut again = std::mem::take(&mut self.again);
        again.retain(|tell| now < tell.lease.expires_at);
        self.tried += 1;
        if again.is_empty() || self.tried >= TRIES {
            return Step::done(std::mem::take(&mut self.delivered));
        }
        let effects = callbacks(&again);
        self.phase = Phase::Telling(again, vec![]);
        Step::Perform { effects, pause: jitter(self.entropy, self.tried) }
    }
}

fn callbacks(tells: &[Tell]) -> Vec<Effect> {
    let callback = |tell: &Tell| {
        let result = TaskResult::Acquired(tell.lease.clone());
        Effect::Callback(TaskCallback { token: tell.token.clone(), result })
    };
    tells.iter().map(callback).collect()
}

impl Machine for Deliver {
    type Outcome = Delivered;

    fn resume(&mut self, replies: Replies, now: Timestamp) -> Step<Delivered> {
        match std::mem::replace(&mut self.phase, Phase::Confirming) {
            Phase::Telling(tells, forgotten) => self.heard(tells, forgotten, &replies, now),
            Phase::Asking(closed) => self.asked(closed, &replies, now),
            // A confirmation that failed is found by the next sweep: the callback is sent again and found closed.
            Phase::Confirming => self.go_on(now),
        }
    }
}
