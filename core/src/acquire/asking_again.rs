//! Asking again: what is a holder told that has something already, or had?
//!
//! The same attempt gets the same answer. A newer one takes over what the older one has, whose task is failed first so
//! that none hangs. An older one changes nothing. Two live branches that share a name look like this too: where the older
//! one is known to run, the newer one is refused.

use super::{Acquire, Gain, Mode, Next, Phase};
use crate::failure::{Failure, LossReason};
use crate::operation::{Replies, Step};
use crate::reads::failure_of;
use crate::request::{Reply, Request};
use crate::rows::{Held, HolderRow, HolderState, Notice, Row, RowKey, SlotRow};
use crate::time::Timestamp;
use crate::types::{Attempt, Fence, Slot, TaskDigest, TaskToken, Ticket};
use crate::{AcquireOutcome, writes};

impl Acquire {
    pub(super) fn checked(&mut self, replies: Replies, now: Timestamp) -> Step<AcquireOutcome> {
        let slot = match replies.table() {
            [Reply::Row(Some(Row::Slot(row)))] => Some(row),
            [Reply::Row(_)] => None,
            [other] => return self.again(failure_of(&other)),
        };
        let Some(Some(row)) = self.view.row.clone() else { return self.again(Failure::Throttled) };
        let HolderState::Holding { fence, .. } = row.state else { return self.again(Failure::Throttled) };
        match slot {
            Some(SlotRow { slot, fence: at, held: Some(held) })
                if at == fence && held.holder == self.request.holder =>
            {
                self.while_holding(&row, slot, fence, &held, now)
            }
            _ => self.after_the_end(&row, now),
        }
    }

    /// The attempt that is asking; without one, what that means is decided anew at every look, so that a copy
    /// of the same request is a repeat and not a newer attempt.
    pub(super) fn attempt_or(&mut self, otherwise: Attempt) -> Attempt {
        self.attempt = self.request.attempt.unwrap_or(otherwise);
        self.attempt
    }

    /// Whether the caller's task is another one than the row knows.
    fn other_task(&self, known: Option<TaskDigest>) -> bool {
        self.request.mode.token().is_some_and(|token| Some(token.digest()) != known)
    }

    /// Whether a token is that of the task which asks: where a retry keeps its task, an older attempt's is.
    pub(super) fn is_own(&self, token: &TaskToken) -> bool {
        self.request.mode.token() == Some(token)
    }

    /// What none means while this holder waits or holds: a repeat, or a newer attempt if its task is another one.
    fn repeat_or_newer(&mut self, row: &HolderRow, known: Option<TaskDigest>, now: Timestamp) -> Attempt {
        let newer = Attempt::first(now).max(row.attempt.next());
        self.attempt_or(if self.other_task(known) { newer } else { row.attempt })
    }

    /// A late copy of an attempt that has ended changes nothing.
    pub(super) fn after_the_end(&mut self, row: &HolderRow, now: Timestamp) -> Step<AcquireOutcome> {
        match self.request.attempt {
            Some(attempt) if attempt < row.attempt => Step::failed(Failure::HolderConflict(row.attempt)),
            Some(attempt) if attempt == row.attempt => Step::failed(Failure::Lost(LossReason::Ended)),
            _ => self.fresh(Some(row.attempt), now),
        }
    }

    pub(super) fn while_waiting(
        &mut self,
        row: &HolderRow,
        ticket: Ticket,
        task: Option<TaskDigest>,
        now: Timestamp,
    ) -> Step<AcquireOutcome> {
        let attempt = self.repeat_or_newer(row, task, now);
        // Two tasks of one attempt are two branches that share a name: the second would never be told.
        if attempt < row.attempt || (attempt == row.attempt && self.other_task(task)) {
            return Step::failed(Failure::HolderConflict(row.attempt));
        }
        if attempt == row.attempt {
            // Whoever wrote the row may have died before it put the place there.
            return match self.request.mode {
                Mode::Queue(_) => self.put_place(self.place(ticket), None),
                Mode::Poll => Step::done(self.wait_outcome(now)),
            };
        }
        self.phase = Phase::Replacing(ticket, row.attempt);
        Step::send([Request::Get(RowKey::Wait(ticket))])
    }

    /// The token of the older attempt that waits there is closed first. One that put no place there has none.
    pub(super) fn saw_place(
        &mut self,
        ticket: Ticket,
        older: Attempt,
        replies: Replies,
        now: Timestamp,
    ) -> Step<AcquireOutcome> {
        let (token, of) = match replies.table() {
            [Reply::Row(Some(Row::Wait(place)))] => (place.token, Some(place.attempt)),
            [Reply::Row(_)] => (None, None),
            [other] => return self.again(failure_of(&other)),
        };
        self.close(token, Next::Replace(ticket, older, of), now)
    }

    fn while_holding(
        &mut self,
        row: &HolderRow,
        slot: Slot,
        fence: Fence,
        held: &Held,
        now: Timestamp,
    ) -> Step<AcquireOutcome> {
        let task = held.notice.task();
        let attempt = self.repeat_or_newer(row, task, now);
        if attempt < row.attempt || (attempt == row.attempt && self.other_task(task)) {
            return Step::failed(Failure::HolderConflict(row.attempt));
        }
        let expired = now >= held.expires_at;
        // Its own task may have heard of this lease: then that is the one that it has.
        let same = attempt == row.attempt || held.open_token().is_some_and(|token| self.is_own(token));
        if same && !expired && held.notice != Notice::Uncollected {
            let lease = writes::lease_on(&self.settings, slot, fence, held);
            return self.tell_again(lease, held.open_token().cloned(), now);
        }
        // A redrive keeps its time of entry, and begins only once what was before has ended.
        let beside = !attempt.redrives(row.attempt) && held.renewed_at.is_some_and(|at| at >= attempt.entered);
        if attempt > row.attempt && !expired && beside {
            // The older attempt renewed its lease after the newer one began: both run.
            return Step::failed(Failure::HolderConflict(row.attempt));
        }
        let below = self.is_below(slot, now);
        match (same, below) {
            // It comes for its lease; or that has expired, but nobody took it: it goes on.
            (true, true) => {
                let expires_at = (now + self.lease()).max(held.expires_at);
                let longer = Held { expires_at, ..held.clone() };
                let lease = writes::lease_on(&self.settings, slot, fence, &longer);
                let request = if held.notice == Notice::Uncollected {
                    writes::collect(slot, fence, expires_at)
                } else {
                    writes::extend(slot, fence, expires_at, None)
                };
                self.send(request, Gain::Longer(lease, held.open_token().cloned()))
            }
            // Expired above the limit: an attempt that may have had its lease does not begin anew.
            (true, false) if expired => Step::failed(Failure::Lost(LossReason::Ended)),
            // Granted below a limit that was lowered meanwhile: it has what it was granted.
            (true, false) => {
                let lease = writes::lease_on(&self.settings, slot, fence, held);
                self.send(writes::collect(slot, fence, held.expires_at), Gain::Longer(lease, None))
            }
            (false, true) => self.close(held.open_token().cloned(), Next::Regrant(slot, fence), now),
            (false, false) => self.close(held.open_token().cloned(), Next::Vacate(slot, fence), now),
        }
    }
}
