//! The plan of a round: which open slot goes to which waiter, and what was left behind?

use crate::operation::FailureReason;
use crate::reads::slot_row;
use crate::request::{Opening, Request};
use crate::rows::{HolderRow, HolderState, SlotRow, WaitRow};
use crate::settings::Settings;
use crate::time::Timestamp;
use crate::types::{Attempt, Fence, HolderKey, Lease, Slot, TaskToken, Ticket};
use crate::writes::{self, LeavingWaiter, Terms};

/// Something to be done, as the slots and the queue suggest it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Candidate {
    /// This open slot for this waiter.
    Grant(SlotRow, Opening, WaitRow),
    /// Nobody waits for this one: free it.
    Free(SlotRow, Opening),
    /// This waiter may have waited too long; its holder's row says whether it still waits.
    GiveUp(WaitRow),
    /// This holder may not know what it holds.
    Resend(SlotRow, TaskToken),
}

/// The same, once what it rests on was read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Planned {
    action: PlannedAction,
    /// The token that must be closed before.
    pub(crate) revoke: Option<(TaskToken, FailureReason)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum PlannedAction {
    Grant(SlotRow, Opening, WaitRow),
    Free(SlotRow, Opening),
    Leave(LeavingWaiter),
    Remove(Ticket, Attempt),
    Resend(Lease, TaskToken),
}

/// What a round's request was for, kept until its reply comes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Pending {
    /// A grant to the waiter of this place, and whom to tell.
    Granted { from: (Slot, Fence), opening: Opening, place: WaitRow, tell: Option<(Lease, TaskToken)> },
    /// A slot that is freed.
    Freed { from: (Slot, Fence), opening: Opening },
    /// A waiter that leaves.
    Left,
    /// A place that was nothing.
    Removed,
    /// A callback that is sent again once the slot says so.
    Marked(Lease, TaskToken),
}

/// How a round sees a pool.
pub(crate) struct Round<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) now: Timestamp,
    /// Whether to look after everything, not only what can be granted.
    pub(crate) thorough: bool,
    /// Whether what is given back is only freed now: handing it over failed too often.
    pub(crate) last_try: bool,
    /// Grants of this call that got no answer.
    pub(crate) unsure: &'a [(Slot, Fence)],
}

/// What to do, and how many open slots below the effective limit found no waiter.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) unpaired: usize,
}

impl Round<'_> {
    /// All slots were read. Those that are open, from `start` on, are paired with waiters in order. `returned` says how a
    /// lease is given back, if it is. What matters most comes first: one round does not do everything.
    pub(crate) fn plan_all(
        &self,
        slots: &[SlotRow],
        queue: Vec<WaitRow>,
        start: usize,
        returned: impl Fn(&SlotRow) -> Option<Opening>,
    ) -> Plan {
        let effective = self.settings.effective_limit(slots, self.now);
        let highest = slots.last().map_or(0, |row| row.slot.0.saturating_add(1)).max(self.settings.usable());
        let mut rows: Vec<SlotRow> =
            (0..highest).map(|index| slot_row(slots, Slot(index), self.settings.lowest_fence())).collect();
        let length = rows.len().max(1);
        rows.rotate_left(start % length);
        let (mut openings, mut resend) = (vec![], vec![]);
        for row in rows {
            match &row.held {
                None => openings.push((row, Opening::Free)),
                Some(held) => match returned(&row) {
                    Some(opening) => openings.push((row, opening)),
                    None if self.now >= self.settings.reclaimable_at(held.expires_at) => {
                        openings.push((row, Opening::Expired));
                    }
                    None if self.thorough || self.unsure.contains(&(row.slot, row.fence)) => {
                        let token = held.pending_token().cloned();
                        resend.extend(token.map(|token| Candidate::Resend(row, token)));
                    }
                    None => {}
                },
            }
        }
        let mut plan = self.pair(openings, queue, effective);
        plan.candidates.extend(resend);
        plan.candidates.sort_by_key(Candidate::rank);
        plan
    }

    /// Pairs open slots below the effective limit with waiters, those that are given back first.
    pub(crate) fn pair(&self, mut openings: Vec<(SlotRow, Opening)>, queue: Vec<WaitRow>, effective: u32) -> Plan {
        let mut plan = Plan::default();
        let (late, waiting): (Vec<_>, Vec<_>) = queue.into_iter().partition(|place| place.give_up_at <= self.now);
        let mut waiters = waiting.into_iter();
        openings.sort_by_key(|(_, opening)| !opening.is_given_back());
        for (row, opening) in openings {
            let below = row.slot.0 < effective;
            let given_back = opening.is_given_back();
            let waiter = if below && !(self.last_try && given_back) { waiters.next() } else { None };
            match waiter {
                Some(waiter) => plan.candidates.push(Candidate::Grant(row, opening, waiter)),
                None => {
                    plan.unpaired += usize::from(below);
                    if given_back || (opening == Opening::Expired && self.thorough) {
                        plan.candidates.push(Candidate::Free(row, opening));
                    }
                }
            }
        }
        plan.candidates.extend(late.into_iter().map(Candidate::GiveUp));
        plan.candidates.sort_by_key(Candidate::rank);
        plan
    }

    /// What is ready to be done, now that the rows of the holders were read whose waiters gave up, in their order.
    pub(crate) fn ready(&self, work: Candidate, rows: &mut impl Iterator<Item = Option<HolderRow>>) -> Planned {
        match work {
            Candidate::Grant(slot, opening, place) => {
                let revoke = revoke(&slot, opening);
                Planned { action: PlannedAction::Grant(slot, opening, place), revoke }
            }
            Candidate::Free(slot, opening) => {
                let revoke = revoke(&slot, opening);
                Planned { action: PlannedAction::Free(slot, opening), revoke }
            }
            Candidate::GiveUp(place) => gives_up(place, rows.next().flatten()),
            Candidate::Resend(slot, token) => {
                let lease = slot.held.as_ref().map(|held| writes::lease_on(self.settings, slot.slot, slot.fence, held));
                let action = match lease {
                    Some(lease) => PlannedAction::Resend(lease, token),
                    None => PlannedAction::Free(slot, Opening::Free),
                };
                Planned { action, revoke: None }
            }
        }
    }
}

/// An open slot whose holder may not know of it is revoked first: its token is closed, so that no late callback tells a
/// holder that it has what it lost.
fn revoke(slot: &SlotRow, opening: Opening) -> Option<(TaskToken, FailureReason)> {
    let why = match opening {
        Opening::Expired => FailureReason::Expired,
        Opening::Returned | Opening::Ended(_) => FailureReason::Released,
        // Its token is known to be closed.
        Opening::Free | Opening::Untold => return None,
    };
    slot.held.as_ref()?.open_token().map(|token| (token.clone(), why))
}

/// A waiter whose time is over leaves, if it still waits there. A place that its holder's row does not point at is nothing;
/// the token in it may still be open if it is not the one that the holder was granted a lease on.
fn gives_up(place: WaitRow, row: Option<HolderRow>) -> Planned {
    match row {
        Some(HolderRow { holder, attempt, state: HolderState::Waiting { ticket, .. }, .. })
            if ticket == place.ticket =>
        {
            let waiter = LeavingWaiter { holder, attempt, ticket, place: Some(place.attempt) };
            let revoke = place.token.map(|token| (token, FailureReason::WaitedTooLong));
            Planned { action: PlannedAction::Leave(waiter), revoke }
        }
        row => {
            let revoke = forgotten_token(&place, row.as_ref()).map(|token| (token, FailureReason::Released));
            Planned { action: PlannedAction::Remove(place.ticket, place.attempt), revoke }
        }
    }
}

/// The token of a place that is nothing, if its task may still wait: unless its attempt is the one that was granted a
/// slot, whose token is told or revoked with that.
pub(crate) fn forgotten_token(place: &WaitRow, row: Option<&HolderRow>) -> Option<TaskToken> {
    let granted = row.is_some_and(|row| {
        matches!(row.state, HolderState::Holding { .. }) && row.holder == place.holder && row.attempt == place.attempt
    });
    if granted { None } else { place.token.clone() }
}

impl Candidate {
    /// What matters most when there is more than one round does.
    fn rank(&self) -> u8 {
        match self {
            Candidate::Grant(_, opening, _) | Candidate::Free(_, opening) if opening.is_given_back() => 0,
            Candidate::Grant(..) => 1,
            Candidate::Free(..) => 2,
            Candidate::GiveUp(_) => 3,
            Candidate::Resend(..) => 4,
        }
    }

    /// The holder whose row says what to do exactly.
    pub(crate) fn concerns(&self) -> Option<HolderKey> {
        if let Candidate::GiveUp(place) = self { Some(place.holder.hashed()) } else { None }
    }
}

impl Planned {
    /// The request that does it, and what it is for.
    pub(crate) fn send(self, settings: &Settings, now: Timestamp) -> (Request, Pending) {
        match self.action {
            PlannedAction::Grant(from, opening, place) => {
                let terms = Terms::of_waiter(settings, &place);
                let lease = writes::lease_to(settings, from.slot, from.fence.next(), &terms, now);
                let request = writes::grant(settings, &from, opening, place.ticket, &terms, now);
                let tell = place.token.clone().map(|token| (lease, token));
                (request, Pending::Granted { from: (from.slot, from.fence), opening, place, tell })
            }
            PlannedAction::Free(from, opening) => {
                let request = writes::free(settings, &from, opening);
                (request, Pending::Freed { from: (from.slot, from.fence), opening })
            }
            PlannedAction::Leave(waiter) => (writes::leave(settings, waiter, now), Pending::Left),
            PlannedAction::Remove(ticket, attempt) => (writes::remove_place(ticket, attempt), Pending::Removed),
            PlannedAction::Resend(lease, token) => {
                (writes::may_be_told(lease.id.slot, lease.id.fence), Pending::Marked(lease, token))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::script::settings;
    use crate::time::Millis;
    use crate::types::Holder;

    const NOW: Timestamp = Timestamp::seconds(1_000);

    fn waiter(name: &str) -> WaitRow {
        let holder = Holder::new(name, "", None).expect("a holder");
        WaitRow {
            ticket: Ticket { at: NOW, own: holder.hashed().own },
            holder,
            attempt: Attempt::default(),
            give_up_at: NOW + Millis(1),
            token: None,
            lease: Millis::seconds(300),
            label: None,
        }
    }

    fn pair(openings: &[(u32, Opening)], waiters: &[&str], effective: u32) -> Vec<Candidate> {
        let settings = settings();
        let round = Round { settings: &settings, now: NOW, thorough: true, last_try: false, unsure: &[] };
        let slot = |slot| SlotRow { slot: Slot(slot), fence: Fence(1), held: None };
        let openings = openings.iter().map(|(at, opening)| (slot(*at), *opening)).collect();
        round.pair(openings, waiters.iter().map(|name| waiter(name)).collect(), effective).candidates
    }

    fn slots(candidates: &[Candidate]) -> Vec<(&str, u32)> {
        let slot = |candidate: &Candidate| match candidate {
            Candidate::Grant(row, ..) => ("grant", row.slot.0),
            Candidate::Free(row, _) => ("free", row.slot.0),
            other => panic!("{other:?}"),
        };
        candidates.iter().map(slot).collect()
    }

    #[test]
    fn a_slot_that_is_given_back_is_handed_over_first() {
        let planned = pair(&[(0, Opening::Free), (1, Opening::Returned)], &["a"], 5);
        assert_eq!(slots(&planned), [("grant", 1)]);
    }

    #[test]
    fn slots_are_granted_from_the_one_that_is_chosen() {
        let settings = settings();
        let round = Round { settings: &settings, now: NOW, thorough: true, last_try: false, unsure: &[] };
        let granted = |start| {
            let waiters = ["a", "b"].map(waiter).to_vec();
            round.plan_all(&[], waiters, start, |_| None).candidates
        };
        assert_eq!(slots(&granted(0)), [("grant", 0), ("grant", 1)]);
        assert_eq!(slots(&granted(4)), [("grant", 4), ("grant", 0)]);
        // More than there are: counted on from the first.
        assert_eq!(slots(&granted(7)), [("grant", 2), ("grant", 3)]);
    }

    #[test]
    fn whoever_waits_comes_before_what_is_only_cleared_away() {
        // Slots are looked at from one that is chosen: those above the limit may come first.
        let planned = pair(&[(5, Opening::Expired), (0, Opening::Expired)], &["a"], 1);
        assert_eq!(slots(&planned), [("grant", 0), ("free", 5)]);
    }
}
