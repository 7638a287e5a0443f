//! The plan of a round: which open slot goes to which waiter, and what was left behind?

use crate::operation::FailureReason;
use crate::reads::slot_row;
use crate::request::{Opening, Request};
use crate::rows::{HolderRow, HolderState, SlotRow, WaitRow, Waiting};
use crate::settings::Settings;
use crate::time::Timestamp;
use crate::types::{Fence, HolderKey, Lease, Slot, TaskToken, Ticket};
use crate::writes::{self, Terms};

/// Something to be done, as the slots and the queue suggest it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Candidate {
    /// This open slot for this waiter.
    Grant(SlotRow, Opening, WaitRow),
    /// Nobody waits for this one: free it.
    Free(SlotRow, Opening),
    /// This waiter may have waited too long.
    GiveUp(WaitRow),
    /// This holder may not know what it holds.
    Notify(SlotRow),
}

/// The same, once the rows of the holders concerned were read and agree.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Planned {
    action: PlannedAction,
    /// The token that must be closed before.
    pub(crate) revoke: Option<(TaskToken, FailureReason)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum PlannedAction {
    Grant(SlotRow, Opening, Ticket, Terms),
    Free(SlotRow, Opening),
    Leave(HolderRow, Ticket),
    Orphan(Ticket),
    Notify(Lease, TaskToken),
}

/// What a round's request was for, kept until its reply comes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Pending {
    /// A grant, and whom to tell.
    Granted { from: (Slot, Fence), opening: Opening, tell: Option<(Lease, TaskToken)> },
    /// A slot that is freed.
    Freed { from: (Slot, Fence), opening: Opening },
    /// A waiter that leaves, or a place nobody has.
    Left,
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
pub(crate) struct Plan {
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) unpaired: usize,
}

impl Round<'_> {
    /// Open slots, from `start` on, are paired with waiters in order. `returned` says which leases are to be given
    /// back. What matters most comes first: one round does not do everything.
    pub(crate) fn plan(
        &self,
        slots: &[SlotRow],
        queue: Vec<WaitRow>,
        start: usize,
        returned: impl Fn(&SlotRow) -> bool,
    ) -> Plan {
        let effective = self.settings.effective_limit(slots, self.now);
        let highest = slots.last().map_or(0, |row| row.slot.0.saturating_add(1)).max(self.settings.limit.count());
        let mut candidates = vec![];
        let mut unpaired = 0;
        let mut waiters = queue.into_iter().peekable();
        let mut rows: Vec<SlotRow> = (0..highest).map(|index| slot_row(slots, Slot(index))).collect();
        let length = rows.len().max(1);
        rows.rotate_left(start % length);
        // What is given back is handed over before anything else.
        rows.sort_by_key(|row| !(row.held.is_some() && returned(row)));
        for row in rows {
            let below = row.slot.0 < effective;
            let opening = match &row.held {
                None => Opening::Free,
                Some(_) if returned(&row) => Opening::Returned,
                Some(held) if self.now >= self.settings.reclaimable_at(held.expires_at) => Opening::Expired,
                Some(held) => {
                    if held.unconfirmed && (self.thorough || self.unsure.contains(&(row.slot, row.fence))) {
                        candidates.push(Candidate::Notify(row));
                    }
                    continue;
                }
            };
            let hand_over = below && !(self.last_try && opening == Opening::Returned);
            match waiters.next_if(|_| hand_over) {
                Some(waiter) => candidates.push(Candidate::Grant(row, opening, waiter)),
                None => {
                    unpaired += usize::from(below);
                    if opening == Opening::Returned || (opening == Opening::Expired && self.thorough) {
                        candidates.push(Candidate::Free(row, opening));
                    }
                }
            }
        }
        candidates.extend(waiters.filter(|waiter| waiter.give_up_at <= self.now).map(Candidate::GiveUp));
        candidates.sort_by_key(Candidate::rank);
        Plan { candidates, unpaired }
    }

    /// What is ready to be done, now that the holder rows were read, in the order of `concerns`.
    /// None: the rows changed since the slots and the queue were read.
    pub(crate) fn ready(&self, work: Candidate, rows: &mut impl Iterator<Item = Option<HolderRow>>) -> Option<Planned> {
        match work {
            Candidate::Grant(slot, opening, wait) => {
                let waiter = rows.next().flatten();
                let revoke = self.revoke(&slot, opening, rows)?;
                match waiting(waiter, wait.ticket) {
                    Some((row, waiting)) if waiting.give_up_at <= self.now => Some(gives_up(row, &waiting)),
                    Some((row, waiting)) => {
                        let terms = Terms {
                            holder: row.holder,
                            attempt: row.attempt,
                            token: waiting.token,
                            lease: waiting.lease,
                            label: waiting.label,
                        };
                        Some(Planned { action: PlannedAction::Grant(slot, opening, wait.ticket, terms), revoke })
                    }
                    None => self.orphan(wait.ticket),
                }
            }
            Candidate::Free(slot, opening) => {
                let revoke = self.revoke(&slot, opening, rows)?;
                Some(Planned { action: PlannedAction::Free(slot, opening), revoke })
            }
            Candidate::GiveUp(wait) => match waiting(rows.next().flatten(), wait.ticket) {
                Some((row, waiting)) => (waiting.give_up_at <= self.now).then(|| gives_up(row, &waiting)),
                None => self.orphan(wait.ticket),
            },
            Candidate::Notify(slot) => {
                let held = slot.held.as_ref()?;
                let token = token_of(rows.next().flatten(), &slot)??;
                let lease = writes::lease_on(self.settings, slot.slot, slot.fence, held);
                Some(Planned { action: PlannedAction::Notify(lease, token), revoke: None })
            }
        }
    }

    /// An open slot whose callback is unconfirmed is revoked first: its token is closed, so that no late callback
    /// tells a holder that it has what it lost. None: the holder's row has moved on.
    #[allow(clippy::option_option, reason = "moved on, nothing to revoke, a token to revoke")]
    fn revoke(
        &self,
        slot: &SlotRow,
        opening: Opening,
        rows: &mut impl Iterator<Item = Option<HolderRow>>,
    ) -> Option<Option<(TaskToken, FailureReason)>> {
        if !must_revoke(slot) {
            return Some(None);
        }
        let why = if opening == Opening::Returned { FailureReason::Released } else { FailureReason::Expired };
        Some(token_of(rows.next().flatten(), slot)?.map(|token| (token, why)))
    }

    /// A place that its holder's row does not point at: left alone, but a sweep removes it.
    fn orphan(&self, ticket: Ticket) -> Option<Planned> {
        self.thorough.then_some(Planned { action: PlannedAction::Orphan(ticket), revoke: None })
    }
}

fn must_revoke(slot: &SlotRow) -> bool {
    slot.held.as_ref().is_some_and(|held| held.unconfirmed)
}

fn gives_up(row: HolderRow, waiting: &Waiting) -> Planned {
    let revoke = waiting.token.clone().map(|token| (token, FailureReason::WaitedTooLong));
    Planned { action: PlannedAction::Leave(row, waiting.ticket), revoke }
}

fn waiting(row: Option<HolderRow>, ticket: Ticket) -> Option<(HolderRow, Waiting)> {
    let row = row?;
    match &row.state {
        HolderState::Waiting(waiting) if waiting.ticket == ticket => {
            let waiting = waiting.clone();
            Some((row, waiting))
        }
        _ => None,
    }
}

/// The token of the lease on this slot, from its holder's row. None: the row does not point at this lease.
#[allow(clippy::option_option, reason = "moved on, or here with or without a token")]
pub(crate) fn token_of(row: Option<HolderRow>, at: &SlotRow) -> Option<Option<TaskToken>> {
    match row?.state {
        HolderState::Holding { slot, fence, token, .. } if (slot, fence) == (at.slot, at.fence) => Some(token),
        _ => None,
    }
}

impl Candidate {
    /// What matters most when there is more than one round does.
    fn rank(&self) -> u8 {
        match self {
            Candidate::Grant(_, Opening::Returned, _) | Candidate::Free(_, Opening::Returned) => 0,
            Candidate::Grant(..) => 1,
            Candidate::Free(..) => 2,
            Candidate::GiveUp(_) => 3,
            Candidate::Notify(_) => 4,
        }
    }

    /// The holders whose rows say what to do exactly.
    pub(crate) fn concerns(&self) -> Vec<HolderKey> {
        let revoked =
            |slot: &SlotRow| slot.held.as_ref().filter(|_| must_revoke(slot)).map(|held| held.holder.hashed());
        match self {
            Candidate::Grant(slot, _, wait) => std::iter::once(wait.holder.hashed()).chain(revoked(slot)).collect(),
            Candidate::Free(slot, _) => revoked(slot).into_iter().collect(),
            Candidate::GiveUp(wait) => vec![wait.holder.hashed()],
            Candidate::Notify(slot) => slot.held.iter().map(|held| held.holder.hashed()).collect(),
        }
    }
}

impl Planned {
    /// The request that does it and what it is for, or whom to tell where nothing is to be written.
    pub(crate) fn send(self, settings: &Settings, now: Timestamp) -> Result<(Request, Pending), (Lease, TaskToken)> {
        Ok(match self.action {
            PlannedAction::Notify(lease, token) => return Err((lease, token)),
            PlannedAction::Grant(from, opening, ticket, terms) => {
                let lease = writes::lease_to(settings, from.slot, from.fence.next(), &terms, now);
                let request = writes::grant(settings, &from, opening, ticket, &terms, now);
                let tell = terms.token.map(|token| (lease, token));
                (request, Pending::Granted { from: (from.slot, from.fence), opening, tell })
            }
            PlannedAction::Free(from, opening) => {
                let request = writes::free(settings, &from, opening, now);
                (request, Pending::Freed { from: (from.slot, from.fence), opening })
            }
            PlannedAction::Leave(row, ticket) => {
                (writes::leave(settings, &row.holder, row.attempt, ticket, now), Pending::Left)
            }
            PlannedAction::Orphan(ticket) => (writes::remove_orphan(ticket), Pending::Left),
        })
    }
}
