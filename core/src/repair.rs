//! Repairs: how is a row put right that agrees with no other, while callers go on?
//!
//! One write each, on the condition that what was read is there still: whatever changed meanwhile is left alone. (A summary
//! needs none: nobody decides by it.) None takes a lease from anybody,
//! none lets a fence start again, and each leads to a state that the protocol knows. The task of a place that is nothing is
//! told first that it will not be granted anything.

use std::sync::Arc;

use crate::operation::{Delivery, FailureReason, Machine, Operation, Replies, Step, TaskCallback, TaskResult};
use crate::plan::forgotten_token;
use crate::reads::failure_of;
use crate::request::{Reply, Request};
use crate::rows::{HighWaterRow, HolderRow, OverrideRow, PoolRow, Unreadable, WaitRow};
use crate::settings::Settings;
use crate::time::Timestamp;
use crate::types::{Attempt, Fence, Holder, Slot};
use crate::writes;

/// Puts one row right.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Repair {
    /// A place in the queue that is nothing is removed.
    RemovePlace {
        /// The place.
        place: WaitRow,
        /// Its holder's row, if there is one.
        row: Option<HolderRow>,
    },
    /// The row of a lease's holder points at the lease again.
    PointHolder {
        /// The lease's slot.
        slot: Slot,
        /// Its fence.
        fence: Fence,
        /// Whose it is.
        holder: Holder,
        /// For which attempt.
        attempt: Attempt,
        /// Until when.
        expires_at: Timestamp,
        /// What lies there instead of such a row.
        found: Option<HolderRow>,
    },
    /// A free slot's fence is raised to one that was granted before.
    RaiseFence {
        /// Which slot.
        slot: Slot,
        /// The fence of its row, if it has one.
        found: Option<Fence>,
        /// The fence that it counts as having.
        lowest: Fence,
        /// The fence that was granted.
        to: Fence,
    },
    /// The pool's settings are written again as they are.
    WriteSettingsAgain(PoolRow),
    /// An operator's override is written again as it is.
    WriteOverrideAgain(OverrideRow),
    /// The high-water mark that cannot be read is written anew.
    ReplaceMark {
        /// What lies there.
        found: Unreadable,
        /// What it becomes.
        to: HighWaterRow,
    },
    /// The high-water mark is raised.
    RaiseMark {
        /// What it was.
        found: Option<HighWaterRow>,
        /// What it becomes.
        to: HighWaterRow,
    },
    /// The summary of a pool that has no settings any more is removed: a caller that did not know yet swept it. Nobody
    /// decides by it, and the next sweep of a pool that is made again writes it anew.
    RemoveSummary,
}

/// What became of a repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Repaired {
    /// It was written.
    Written,
    /// The row changed since it was read: nothing was written.
    Changed,
    /// The task that waits there could not be told: nothing was written.
    Untold,
}

/// A repair under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Repairing {
    request: Option<Request>,
}

impl Operation for Repair {
    type Outcome = Repaired;
    type Machine = Repairing;

    fn start(self, settings: Arc<Settings>, _: Timestamp, _: u64) -> (Repairing, Step<Repaired>) {
        let token = match &self {
            Repair::RemovePlace { place, row } => forgotten_token(place, row.as_ref()),
            _ => None,
        };
        let request = self.request(&settings);
        match token {
            Some(token) => {
                let callback = TaskCallback { token, result: TaskResult::Failed(FailureReason::Released) };
                (Repairing { request: Some(request) }, Step::call_back([callback]))
            }
            None => (Repairing { request: None }, Step::send([request])),
        }
    }
}

impl Machine for Repairing {
    type Outcome = Repaired;

    fn resume(&mut self, replies: Replies, _: Timestamp) -> Step<Repaired> {
        if let Some(request) = self.request.take() {
            return match replies.deliveries().next() {
                Some(delivery) if Delivery::is_closed(delivery) => Step::send([request]),
                _ => Step::done(Repaired::Untold),
            };
        }
        match replies.table() {
            [Reply::Written] => Step::done(Repaired::Written),
            [Reply::Refused(_)] => Step::done(Repaired::Changed),
            [other] => Step::failed(failure_of(&other)),
        }
    }
}

impl Repair {
    fn request(self, settings: &Settings) -> Request {
        match self {
            Repair::RemovePlace { place, .. } => writes::remove_place(place.ticket, place.attempt),
            Repair::PointHolder { slot, fence, holder, attempt, expires_at, found } => {
                writes::point_again(settings, (slot, fence), (&holder, attempt), expires_at, found.as_ref())
            }
            Repair::RaiseFence { slot, found, lowest, to } => writes::raise_fence(slot, found, lowest, to),
            Repair::WriteSettingsAgain(row) => writes::set_pool_again(row),
            Repair::WriteOverrideAgain(row) => writes::set_limit_again(row),
            Repair::ReplaceMark { found, to } => writes::replace_high_water(found, to),
            Repair::RaiseMark { found, to } => writes::move_high_water(found, to),
            Repair::RemoveSummary => writes::remove_summary(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::HolderState;
    use crate::time::Millis;
    use crate::types::{Limit, TaskToken, Ticket};

    const NOW: Timestamp = Timestamp::seconds(1_000);

    fn place(token: Option<&str>) -> WaitRow {
        let holder = Holder::new("e", "", None).expect("a holder");
        WaitRow {
            ticket: Ticket { at: NOW, own: holder.hashed().own },
            holder,
            attempt: Attempt::first(NOW),
            give_up_at: NOW + Millis::seconds(60),
            token: token.map(|token| TaskToken::new(token).expect("a token")),
            lease: Millis::seconds(60),
            label: None,
        }
    }

    fn started(place: WaitRow, row: Option<HolderRow>) -> (Repairing, Step<Repaired>) {
        let settings = Settings::new("p".parse().expect("a name"), Limit::HIGHEST);
        Repair::RemovePlace { place, row }.start(Arc::new(settings), NOW, 0)
    }

    #[test]
    fn a_task_is_told_before_its_place_is_removed() {
        let place = place(Some("secret"));
        let removal = Step::send([writes::remove_place(place.ticket, place.attempt)]);
        let (mut repairing, step) = started(place.clone(), None);
        let result = TaskResult::Failed(FailureReason::Released);
        assert_eq!(step, Step::call_back([TaskCallback { token: place.token.clone().expect("a token"), result }]));
        let step = repairing.resume([Delivery::Delivered.into()].into_iter().collect(), NOW);
        assert_eq!(step, removal);
        let step = repairing.resume([Reply::Written.into()].into_iter().collect(), NOW);
        assert_eq!(step, Step::Done(Ok(Repaired::Written)));
    }

    #[test]
    fn a_place_stays_whose_task_may_still_wait() {
        for delivery in [Delivery::Unknown, Delivery::NotSent] {
            let (mut repairing, _) = started(place(Some("secret")), None);
            let step = repairing.resume([delivery.into()].into_iter().collect(), NOW);
            assert_eq!(step, Step::Done(Ok(Repaired::Untold)), "{delivery:?}");
        }
    }

    #[test]
    fn a_task_that_was_granted_a_slot_is_not_failed() {
        let place = place(Some("secret"));
        let state = HolderState::Holding { slot: Slot(0), fence: Fence(1) };
        let row = HolderRow { holder: place.holder.clone(), attempt: place.attempt, state, ttl: NOW };
        let removal = Step::send([writes::remove_place(place.ticket, place.attempt)]);
        assert_eq!(started(place, Some(row)).1, removal);
    }

    #[test]
    fn what_changed_meanwhile_is_left_alone() {
        let (mut repairing, _) = started(place(None), None);
        let step = repairing.resume([Reply::Refused(vec![]).into()].into_iter().collect(), NOW);
        assert_eq!(step, Step::Done(Ok(Repaired::Changed)));
    }
}
