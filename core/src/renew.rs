//! Does a holder still have its lease, and may it keep it longer? One conditional update of the slot.
//!
//! Work that must never run without its lease starts with a renew as its check.

use std::sync::Arc;

use crate::machine::{Answer, Failure, Outcome, Step, WhyLost, ask_after, failed, jitter};
use crate::nouns::{LeaseId, Millis};
use crate::settings::Settings;
use crate::table::{Refusal, Reply, Row};
use crate::writes;

/// Which lease is to last longer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Longer {
    /// The lease.
    pub id: LeaseId,
    /// How long from now; at most, and by default, the pool's lease duration.
    pub lease: Option<Millis>,
}

/// A renewal under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Renew {
    id: LeaseId,
    settings: Arc<Settings>,
    asked_at: Millis,
    expires_at: Millis,
    tried: u8,
}

impl Renew {
    pub(crate) fn start(longer: Longer, settings: Arc<Settings>, now: Millis) -> (Renew, Step) {
        let lease = longer.lease.map_or(settings.lease, |lease| lease.min(settings.lease));
        let renew = Renew { id: longer.id, settings, asked_at: now, expires_at: now + lease, tried: 0 };
        let step = renew.write(Millis(0));
        (renew, step)
    }

    fn write(&self, pause: Millis) -> Step {
        let extend = writes::extend(self.id.slot, self.id.fence, self.expires_at, Some(self.asked_at));
        ask_after(pause, vec![extend])
    }

    pub(crate) fn resume(&mut self, answer: Answer, now: Millis) -> Step {
        let Answer::Replies(replies) = answer else { return failed(Failure::Unavailable) };
        let failure = match replies.into_iter().next() {
            Some(Reply::Written) => return self.told(self.expires_at, now),
            Some(Reply::Refused(refusals)) => return self.refused(refusals, now),
            Some(Reply::Throttled | Reply::Conflict) => Failure::Throttled,
            _ => Failure::Unavailable,
        };
        self.tried += 1;
        if self.tried > self.settings.tries {
            return failed(failure);
        }
        self.write(jitter(self.asked_at.0, self.tried))
    }

    /// The lease's own time is read again before it is told: the caller may have been frozen.
    fn told(&self, expires_at: Millis, now: Millis) -> Step {
        Step::Done(if now < expires_at {
            Outcome::Renewed { id: self.id.clone(), expires_at }
        } else {
            Outcome::Failed(Failure::Lost(WhyLost::ExpiredUntold))
        })
    }

    fn refused(&self, refusals: Vec<Refusal>, now: Millis) -> Step {
        let why = match refusals.into_iter().next() {
            Some(Refusal::Failed(Some(Row::Slot(row)))) if row.fence == self.id.fence => match row.held {
                // The lease is the caller's, and somebody was already told a later end.
                Some(held) => return self.told(held.expires_at, now),
                None => WhyLost::Ended,
            },
            Some(Refusal::Failed(Some(_))) => WhyLost::Taken,
            _ => WhyLost::Ended,
        };
        failed(Failure::Lost(why))
    }
}
