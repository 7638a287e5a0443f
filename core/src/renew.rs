//! Renew: does a holder still have its lease, and may it keep it longer? One conditional update of the slot.
//!
//! Work that must never run without its lease starts with a renew as its check.

use std::sync::Arc;

use crate::backoff::next_try;
use crate::failure::{Failure, LossReason};
use crate::operation::{Machine, Operation, Replies, Step};
use crate::reads::failure_of;
use crate::request::{Refusal, Reply};
use crate::rows::Row;
use crate::settings::Settings;
use crate::time::{Millis, Timestamp};
use crate::types::LeaseId;
use crate::writes;

/// Which lease is to last longer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RenewRequest {
    /// The lease.
    pub id: LeaseId,
    /// How long from now; at most, and by default, the pool's lease duration.
    pub lease: Option<Millis>,
}

/// A lease that lasts longer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Renewed {
    /// Which.
    pub id: LeaseId,
    /// Until when.
    pub expires_at: Timestamp,
}

/// A renewal under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Renew {
    id: LeaseId,
    settings: Arc<Settings>,
    entropy: u64,
    asked_at: Timestamp,
    expires_at: Timestamp,
    tried: u8,
}

impl Operation for RenewRequest {
    type Outcome = Renewed;
    type Machine = Renew;

    fn start(self, settings: Arc<Settings>, now: Timestamp, entropy: u64) -> (Renew, Step<Renewed>) {
        let lease = settings.lease_for(self.lease);
        let renew = Renew { id: self.id, settings, entropy, asked_at: now, expires_at: now + lease, tried: 0 };
        let step = renew.write(Millis(0));
        (renew, step)
    }
}

impl Machine for Renew {
    type Outcome = Renewed;

    fn resume(&mut self, replies: Replies, now: Timestamp) -> Step<Renewed> {
        let failure = match replies.table() {
            [Reply::Written] => return self.told(self.expires_at, now),
            [Reply::Refused(refusals)] => return self.refused(refusals, now),
            [other] => failure_of(&other),
        };
        self.again(failure)
    }
}

impl Renew {
    fn again(&mut self, failure: Failure) -> Step<Renewed> {
        match next_try(&mut self.tried, self.settings.tries, self.entropy) {
            Some(pause) => self.write(pause),
            None => Step::failed(failure),
        }
    }

    fn write(&self, pause: Millis) -> Step<Renewed> {
        let extend = writes::extend(self.id.slot, self.id.fence, self.expires_at, Some(self.asked_at));
        Step::send_after(pause, [extend])
    }

    /// The lease's own time is read again before it is told: the caller may have been frozen.
    fn told(&self, expires_at: Timestamp, now: Timestamp) -> Step<Renewed> {
        if now < expires_at {
            Step::done(Renewed { id: self.id.clone(), expires_at })
        } else {
            Step::failed(Failure::Lost(LossReason::ExpiredUntold))
        }
    }

    fn refused(&mut self, refusals: Vec<Refusal>, now: Timestamp) -> Step<Renewed> {
        let why = match refusals.into_iter().next() {
            Some(Refusal::Failed(Some(Row::Slot(row)))) if row.fence == self.id.fence => match row.held {
                // The lease is the caller's, and somebody was already told a later end.
                Some(held) if held.renewed_at >= Some(self.asked_at) => return self.told(held.expires_at, now),
                // That it was renewed is written all the same: it shows that its holder works.
                Some(held) => {
                    self.expires_at = self.expires_at.max(held.expires_at);
                    return self.again(Failure::Throttled);
                }
                None => LossReason::Ended,
            },
            Some(Refusal::Failed(Some(_))) => LossReason::Taken,
            _ => LossReason::Ended,
        };
        Step::failed(Failure::Lost(why))
    }
}
