//! What a round of writes came to: which slots changed hands, what was refused, and whom is there to tell?
//!
//! A refused write brings the rows back as they are: a lease that is not there any more was given back already, and a place
//! whose holder's row does not wait there is nothing.

use super::{Phase, Return, ReturnState, Settle, Settled};
use crate::deliver::{Deliver, Outbox, Tell, Teller};
use crate::failure::Failure;
use crate::operation::{Replies, Step};
use crate::plan::{Pending, forgotten_token};
use crate::reads::failure_of;
use crate::request::{Opening, Refusal, Reply};
use crate::rows::{HolderState, Row};
use crate::time::Timestamp;
use crate::types::{Fence, Slot};

impl Settle {
    pub(super) fn wrote(&mut self, pending: Vec<Pending>, replies: Replies, now: Timestamp) -> Step<Settled> {
        let mut outbox = Outbox::default();
        for (pending, reply) in pending.into_iter().zip(replies.of_table()) {
            match (reply, pending) {
                (Reply::Written, pending) => self.written(pending, &mut outbox),
                // Somebody else told it, or took it: nothing is left to do.
                (Reply::Refused(_), Pending::Marked(..)) => {}
                (Reply::Refused(refusals), pending) => self.refused(pending, refusals, &mut outbox),
                (reply, pending) => self.not_written(&pending, &reply),
            }
        }
        match Deliver::start(outbox, self.entropy, now) {
            Some((deliver, step)) => {
                self.phase = Phase::Delivering(deliver);
                step
            }
            None => self.next_round(),
        }
    }

    fn written(&mut self, pending: Pending, outbox: &mut Outbox) {
        match pending {
            Pending::Granted { from, opening, place: _, tell } => {
                self.progress.done = true;
                self.tally.granted += 1;
                self.taken(from, opening);
                self.freed.retain(|freed| *freed != from);
                outbox.tells.extend(tell.map(|(lease, token)| Tell { lease, token, by: Teller::Granter }));
            }
            Pending::Freed { from, opening } => {
                self.progress.done = true;
                self.progress.freed = true;
                self.taken(from, opening);
                self.freed.push(from);
            }
            Pending::Left => {
                self.progress.done = true;
                self.progress.left = true;
                self.tally.left += 1;
            }
            Pending::Removed => {
                self.progress.done = true;
                self.progress.left = true;
                self.tally.left += 1;
            }
            Pending::Marked(lease, token) => outbox.tells.push(Tell { lease, token, by: Teller::Another }),
        }
    }

    fn taken(&mut self, from: (Slot, Fence), opening: Opening) {
        match opening {
            Opening::Free => {}
            Opening::Expired => self.tally.reclaimed += 1,
            Opening::Returned | Opening::Untold | Opening::Ended(_) => {
                self.tally.freed += 1;
                self.mark(from, |one| one.state = ReturnState::Done);
            }
        }
    }

    fn mark(&mut self, at: (Slot, Fence), change: impl Fn(&mut Return)) {
        self.returns.iter_mut().filter(|one| (one.slot, one.fence) == at).for_each(change);
    }

    /// A condition failed, and the rows came back as they are.
    fn refused(&mut self, pending: Pending, refusals: Vec<Refusal>, outbox: &mut Outbox) {
        self.progress.collided = true;
        self.failure = Some(Failure::Throttled);
        let mut refusals = refusals.into_iter();
        let (from, opening, place) = match pending {
            Pending::Granted { from, opening, place, .. } => (from, opening, Some(place)),
            Pending::Freed { from, opening } => (from, opening, None),
            Pending::Left | Pending::Removed | Pending::Marked(..) => return,
        };
        if let Some(Refusal::Failed(row)) = refusals.next() {
            self.slot_is(from, opening, row);
        }
        let (Some(place), Some(Refusal::Failed(row))) = (place, refusals.next()) else { return };
        let row = if let Some(Row::Holder(row)) = row { Some(row) } else { None };
        let waits = row
            .as_ref()
            .is_some_and(|row| matches!(row.state, HolderState::Waiting { ticket, .. } if ticket == place.ticket));
        // A newer attempt is about to take the place over. If it died before it did, the place would be in everybody's way
        // until its time to wait is over: a sweep removes it, and whoever still takes it over puts its own there.
        if waits && !self.thorough {
            return;
        }
        let at = (place.ticket, place.attempt);
        // Somebody else granted it a slot, and its place went with that: a collision. If the place is met again, a joiner who
        // had no answer put it there once more.
        let granted = row.as_ref().is_some_and(|row| row.attempt == place.attempt && row.state != HolderState::Ended);
        if granted && !self.thorough && !self.raced.contains(&at) {
            self.raced.push(at);
            return;
        }
        self.nothing.push(at);
        self.progress.done = true;
        self.progress.left = true;
        match forgotten_token(&place, row.as_ref()) {
            Some(token) => outbox.forgotten.push((place.ticket, place.attempt, token)),
            None => outbox.places.push((place.ticket, place.attempt)),
        }
    }

    /// A slot is not as it was believed to be.
    fn slot_is(&mut self, from: (Slot, Fence), opening: Opening, row: Option<Row>) {
        self.freed.retain(|freed| *freed != from);
        let held = match row {
            Some(Row::Slot(row)) if row.fence == from.1 => row.held,
            _ => None,
        };
        match (opening, held) {
            // Whether its task was told has to be found out first.
            (Opening::Returned, Some(_)) => self.all = true,
            (Opening::Ended(_), Some(held)) => self.mark(from, |one| one.lies_there(&held)),
            // Somebody else tells it again, and sees to it.
            (Opening::Returned | Opening::Untold | Opening::Ended(_), _) => self.mark(from, Return::is_gone),
            (Opening::Free | Opening::Expired, _) => {}
        }
    }

    fn not_written(&mut self, pending: &Pending, reply: &Reply) {
        self.progress.collided = true;
        self.progress.busy = true;
        self.failure = Some(failure_of(reply));
        if *reply != Reply::Unknown {
            return;
        }
        if let Pending::Granted { from, tell, .. } = pending {
            // Whether it happened shows when the slots are read.
            self.all = true;
            if tell.is_some() {
                self.unsure.push((from.0, from.1.next()));
            }
        }
        if let Pending::Granted { from, opening, .. } | Pending::Freed { from, opening } = pending
            && opening.is_given_back()
        {
            self.mark(*from, |one| one.state = ReturnState::Unsure);
        }
    }
}
