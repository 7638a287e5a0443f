//! What do the rows of a pool suggest? Open slots are paired with waiters, and what was left behind is found.

use crate::machine::{WhyFailed, slot_row};
use crate::nouns::{Fence, HolderKey, Lease, Millis, Slot, Ticket, Token};
use crate::settings::Settings;
use crate::table::{HolderRow, HolderState, Request, SlotRow, WaitRow, Waiting};
use crate::writes::{self, Open, Terms};

/// Something to be done, as the slots and the queue suggest it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Work {
    /// This open slot for this waiter.
    Grant(SlotRow, Open, WaitRow),
    /// Nobody waits for this one: free it.
    Free(SlotRow, Open),
    /// This waiter may have waited too long.
    GiveUp(WaitRow),
    /// This holder may not know what it holds.
    Notify(SlotRow),
}

/// The same, once the rows of the holders concerned were read and agree.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ready {
    does: Does,
    /// The token that must be closed before.
    pub(crate) burn: Option<(Token, WhyFailed)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Does {
    Grant(SlotRow, Open, Ticket, Terms),
    Free(SlotRow, Open),
    Leave(HolderRow, Ticket),
    Orphan(Ticket),
    Notify(Lease, Token),
}

/// What a round's request was for, kept until its reply comes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Sent {
    /// A grant, and whom to tell.
    Granted { from: (Slot, Fence), open: Open, tell: Option<(Lease, Token)> },
    /// A slot that is freed.
    Freed { from: (Slot, Fence), open: Open },
    /// A waiter that leaves, or a place nobody has.
    Left,
}

/// How a round sees a pool.
pub(crate) struct Round<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) now: Millis,
    /// Whether to look after everything, not only what can be granted.
    pub(crate) thorough: bool,
    /// Whether what is given back is only freed now: handing it over failed too often.
    pub(crate) last_try: bool,
    /// Grants of this call that got no answer.
    pub(crate) unsure: &'a [(Slot, Fence)],
}

/// What to do, and how many open slots below the effective limit found no waiter.
pub(crate) struct Plan {
    pub(crate) works: Vec<Work>,
    pub(crate) unpaired: usize,
}

impl Round<'_> {
    /// Open slots, from `start` on, are paired with waiters in order. `given` says which leases are to be given
    /// back. What matters most comes first: one round does not do everything.
    pub(crate) fn plan(
        &self,
        slots: &[SlotRow],
        queue: Vec<WaitRow>,
        start: usize,
        given: impl Fn(&SlotRow) -> bool,
    ) -> Plan {
        let effective = self.settings.effective_limit(slots, self.now);
        let highest = slots.last().map_or(0, |row| row.slot.0 + 1).max(self.settings.limit.count());
        let mut works = vec![];
        let mut unpaired = 0;
        let mut waiters = queue.into_iter().peekable();
        let mut rows: Vec<SlotRow> = (0..highest).map(|index| slot_row(slots, Slot(index))).collect();
        let length = rows.len().max(1);
        rows.rotate_left(start % length);
        // What is given back is handed over before anything else.
        rows.sort_by_key(|row| !(row.held.is_some() && given(row)));
        for row in rows {
            let below = row.slot.0 < effective;
            let open = match &row.held {
                None => Open::Free,
                Some(_) if given(&row) => Open::Given,
                Some(held) if self.now >= self.settings.lapses(held.expires_at) => Open::Lapsed,
                Some(held) => {
                    if held.unconfirmed && (self.thorough || self.unsure.contains(&(row.slot, row.fence))) {
                        works.push(Work::Notify(row));
                    }
                    continue;
                }
            };
            let hand_over = below && !(self.last_try && open == Open::Given);
            match waiters.next_if(|_| hand_over) {
                Some(waiter) => works.push(Work::Grant(row, open, waiter)),
                None => {
                    unpaired += usize::from(below);
                    if open == Open::Given || (open == Open::Lapsed && self.thorough) {
                        works.push(Work::Free(row, open));
                    }
                }
            }
        }
        works.extend(waiters.filter(|waiter| waiter.give_up_at <= self.now).map(Work::GiveUp));
        works.sort_by_key(Work::rank);
        Plan { works, unpaired }
    }

    /// What is ready to be done, now that the holder rows were read, in the order of `concerns`.
    /// None: the rows changed since the slots and the queue were read.
    pub(crate) fn ready(&self, work: Work, rows: &mut impl Iterator<Item = Option<HolderRow>>) -> Option<Ready> {
        match work {
            Work::Grant(slot, open, wait) => {
                let waiter = rows.next().flatten();
                let burn = self.burn(&slot, open, rows)?;
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
                        Some(Ready { does: Does::Grant(slot, open, wait.ticket, terms), burn })
                    }
                    None => self.orphan(wait.ticket),
                }
            }
            Work::Free(slot, open) => {
                let burn = self.burn(&slot, open, rows)?;
                Some(Ready { does: Does::Free(slot, open), burn })
            }
            Work::GiveUp(wait) => match waiting(rows.next().flatten(), wait.ticket) {
                Some((row, waiting)) => (waiting.give_up_at <= self.now).then(|| gives_up(row, &waiting)),
                None => self.orphan(wait.ticket),
            },
            Work::Notify(slot) => {
                let held = slot.held.as_ref()?;
                let token = token_of(rows.next().flatten(), &slot)??;
                let lease = writes::lease_on(self.settings, slot.slot, slot.fence, held);
                Some(Ready { does: Does::Notify(lease, token), burn: None })
            }
        }
    }

    /// An open slot whose notice is unconfirmed is burned first: its token is closed, so that no late notice
    /// tells a holder that it has what it lost. None: the holder's row has moved on.
    #[allow(clippy::option_option, reason = "moved on, nothing to burn, a token to burn")]
    fn burn(
        &self,
        slot: &SlotRow,
        open: Open,
        rows: &mut impl Iterator<Item = Option<HolderRow>>,
    ) -> Option<Option<(Token, WhyFailed)>> {
        if !must_burn(slot) {
            return Some(None);
        }
        let why = if open == Open::Given { WhyFailed::Released } else { WhyFailed::Expired };
        Some(token_of(rows.next().flatten(), slot)?.map(|token| (token, why)))
    }

    /// A place that its holder's row does not point at: left alone, but a sweep removes it.
    fn orphan(&self, ticket: Ticket) -> Option<Ready> {
        self.thorough.then_some(Ready { does: Does::Orphan(ticket), burn: None })
    }
}

fn must_burn(slot: &SlotRow) -> bool {
    slot.held.as_ref().is_some_and(|held| held.unconfirmed)
}

fn gives_up(row: HolderRow, waiting: &Waiting) -> Ready {
    let burn = waiting.token.clone().map(|token| (token, WhyFailed::WaitedTooLong));
    Ready { does: Does::Leave(row, waiting.ticket), burn }
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
pub(crate) fn token_of(row: Option<HolderRow>, at: &SlotRow) -> Option<Option<Token>> {
    match row?.state {
        HolderState::Holding { slot, fence, token, .. } if (slot, fence) == (at.slot, at.fence) => Some(token),
        _ => None,
    }
}

impl Work {
    /// What matters most when there is more than one round does.
    fn rank(&self) -> u8 {
        match self {
            Work::Grant(_, Open::Given, _) | Work::Free(_, Open::Given) => 0,
            Work::Grant(..) => 1,
            Work::Free(..) => 2,
            Work::GiveUp(_) => 3,
            Work::Notify(_) => 4,
        }
    }

    /// The holders whose rows say what to do exactly.
    pub(crate) fn concerns(&self) -> Vec<HolderKey> {
        let burned = |slot: &SlotRow| slot.held.as_ref().filter(|_| must_burn(slot)).map(|held| held.holder.hashed());
        match self {
            Work::Grant(slot, _, wait) => std::iter::once(wait.holder.hashed()).chain(burned(slot)).collect(),
            Work::Free(slot, _) => burned(slot).into_iter().collect(),
            Work::GiveUp(wait) => vec![wait.holder.hashed()],
            Work::Notify(slot) => slot.held.iter().map(|held| held.holder.hashed()).collect(),
        }
    }
}

impl Ready {
    /// The request that does it and what it is for, or whom to tell where nothing is to be written.
    pub(crate) fn send(self, settings: &Settings, now: Millis) -> Result<(Request, Sent), (Lease, Token)> {
        Ok(match self.does {
            Does::Notify(lease, token) => return Err((lease, token)),
            Does::Grant(from, open, ticket, terms) => {
                let lease = writes::lease_to(settings, from.slot, from.fence.next(), &terms, now);
                let request = writes::grant(settings, &from, open, ticket, &terms, now);
                let tell = terms.token.map(|token| (lease, token));
                (request, Sent::Granted { from: (from.slot, from.fence), open, tell })
            }
            Does::Free(from, open) => {
                let request = writes::free(settings, &from, open, now);
                (request, Sent::Freed { from: (from.slot, from.fence), open })
            }
            Does::Leave(row, ticket) => (writes::leave(settings, &row.holder, row.attempt, ticket, now), Sent::Left),
            Does::Orphan(ticket) => (writes::remove_orphan(ticket), Sent::Left),
        })
    }
}
