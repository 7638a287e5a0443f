//! What one execution has: how is it freed, when the execution has ended or when it gives back all at once?
//!
//! A redriven execution keeps its id, and its states their times of entry. So the report of an end frees what an attempt
//! entered before the end holds or waits for, unless that attempt comes from a later redrive than the one that ended.
//! Redriven work that goes on says so by renewing its lease: what was surely renewed after the end is left alone, also if it
//! is renewed while this goes on. Items of a map run count redrives of their own, and clocks may differ by the grace: where
//! the end would free the items of its map run, or what was renewed at about that time, the execution is asked for first, and
//! if it runs again they are left alone.
//!
//! The holders of one execution, and of map items whose parent it is, sort together and are read page by page; an
//! item's own execution is not a place to look for it, so its end alone frees nothing until its lease expires. What has
//! ended before lies among them for a day or longer: rows that point at slots are compared with those, and pages in which
//! there is nothing to free become ever longer, so that a call that begins anew is soon where the last one stopped.

use std::sync::Arc;

use crate::backoff::next_try;
use crate::failure::Failure;
use crate::operation::{
    Delivery, ExecutionStatus, FailureReason, Machine, Operation, Replies, Step, TaskCallback, TaskResult,
};
use crate::reads::failure_of;
use crate::request::{Reply, Request};
use crate::rows::{Held, HolderRow, HolderState, Row, RowKey, SlotRow};
use crate::settings::{BATCH, Settings};
use crate::settle::{Return, Scope, Settle, Settled};
use crate::tally::Tally;
use crate::time::{Millis, Timestamp};
use crate::types::{Attempt, Holder, Slot, TaskToken, Ticket};
use crate::writes::{self, LeavingWaiter};

/// How many pages of holders one call looks through.
const PAGES: u8 = 40;

/// The longest page, in rows: a reply of DynamoDB holds 1 MB, and a row of a holder that waits is about 1.2 KB.
const LONGEST_PAGE: usize = 800;

/// Which execution ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExecutionEnded {
    /// Its ARN, or the id its holders gave.
    pub execution: Arc<str>,
    /// When it ended.
    pub at: Timestamp,
    /// How often it had been redriven before; none: not known, and then only the time counts.
    pub redrive: Option<u32>,
    /// Where the last call stopped, if it said that there is more.
    pub after: Option<u128>,
}

/// An execution gives back all that it has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReleaseAll {
    /// Its ARN, or the id its holders gave. What it started as a map run goes too.
    pub execution: Arc<str>,
    /// The execution that started the map run it is an item of, if its holders gave one: their rows lie there.
    pub parent: Option<Arc<str>>,
    /// Only holders whose key begins so; empty: all.
    pub key_prefix: Arc<str>,
    /// Up to which attempt (none: whichever they are on): what was entered later, or by a later redrive, is left alone.
    pub attempt: Option<Attempt>,
    /// Where the last call stopped, if it said that there is more.
    pub after: Option<u128>,
}

/// What an execution held or waited for is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExecutionFreed {
    /// What was freed.
    pub tally: Tally,
    /// There is more: call again with this as `after`.
    pub more: Option<u128>,
}

/// Freeing what an execution has, under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FreeExecution {
    scope: FreeScope,
    settings: Arc<Settings>,
    entropy: u64,
    tried: u8,
    pages: u8,
    /// How many rows the next page has.
    page_rows: usize,
    /// Where this page begins.
    after: Option<u128>,
    /// Where the next page begins, if there is one.
    next: Option<u128>,
    /// Whether the execution that ended runs again, once that was asked for.
    runs_again: Option<bool>,
    phase: Phase,
    tally: Tally,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Paging,
    /// Reading the slots that some of these point at; whether more come after them.
    Checking(Vec<HolderRow>, bool),
    /// Asking whether the execution that ended runs again, as some of these may have come since.
    Asking(Vec<Leaver>),
    /// Reading the places of those that wait.
    Placed(Vec<Leaver>),
    /// Closing the tasks that may not know yet what they have, or wait for.
    Closing(Vec<Leaver>, Option<Failure>),
    Leaving(Vec<Return>, Option<Failure>),
    Settling(Box<Settle>, Option<Failure>),
    Taken,
}

/// A holder that gives up what it has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Leaver {
    row: HolderRow,
    /// The attempt of its place in the queue; none: it has none.
    place: Option<Attempt>,
    /// The task that is closed before.
    token: Option<TaskToken>,
    /// The lease of its slot, as it was read; none: it waits.
    held: Option<Held>,
}

/// Which of the holders under an execution are meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum FreeScope {
    /// All that were there before it ended.
    Ended { execution: Arc<str>, at: Timestamp, redrive: Option<u32> },
    /// All, or those with such keys.
    All { execution: Arc<str>, parent: Option<Arc<str>>, key_prefix: Arc<str>, attempt: Option<Attempt> },
}

impl FreeScope {
    /// The holders among which they lie.
    fn group(&self) -> u128 {
        match self {
            FreeScope::Ended { execution, .. } => Holder::group(execution),
            FreeScope::All { execution, parent, .. } => Holder::group(parent.as_ref().unwrap_or(execution)),
        }
    }

    fn covers(&self, row: &HolderRow) -> bool {
        let Attempt { entered, redrive, .. } = row.attempt;
        match self {
            FreeScope::Ended { execution, at, redrive: ended } => {
                let later = ended.is_some_and(|ended| redrive > ended) && row.holder.execution() == &**execution;
                row.holder.belongs_to(execution) && entered < *at && !later
            }
            FreeScope::All { execution, parent: _, key_prefix, attempt } => {
                let own = row.holder.execution() == &**execution;
                let later = attempt.is_some_and(|upto| entered > upto.entered || (own && redrive > upto.redrive));
                row.holder.belongs_to(execution) && row.holder.key().starts_with(&**key_prefix) && !later
            }
        }
    }
}

impl Operation for ExecutionEnded {
    type Outcome = ExecutionFreed;
    type Machine = FreeExecution;

    fn start(self, settings: Arc<Settings>, _: Timestamp, entropy: u64) -> (FreeExecution, Step<ExecutionFreed>) {
        let ExecutionEnded { execution, at, redrive, after } = self;
        FreeExecution::start(FreeScope::Ended { execution, at, redrive }, after, settings, entropy)
    }
}

impl Operation for ReleaseAll {
    type Outcome = ExecutionFreed;
    type Machine = FreeExecution;

    fn start(self, settings: Arc<Settings>, _: Timestamp, entropy: u64) -> (FreeExecution, Step<ExecutionFreed>) {
        let ReleaseAll { execution, parent, key_prefix, attempt, after } = self;
        FreeExecution::start(FreeScope::All { execution, parent, key_prefix, attempt }, after, settings, entropy)
    }
}

impl Machine for FreeExecution {
    type Outcome = ExecutionFreed;

    fn resume(&mut self, replies: Replies, now: Timestamp) -> Step<ExecutionFreed> {
        if let Phase::Settling(settle, collided) = &mut self.phase {
            let collided = collided.clone();
            return settle.resume(replies, now).and_then(|settled| self.settled(settled, collided));
        }
        match std::mem::replace(&mut self.phase, Phase::Taken) {
            Phase::Paging => match replies.table() {
                [Reply::Holders(rows, more)] => self.paged(rows, more, now),
                [other] => self.again(failure_of(&other)),
            },
            Phase::Asking(rows) => {
                // What is not known frees them, as an end that nobody can ask about does.
                self.runs_again = Some(replies.statuses().next() == Some(ExecutionStatus::Running));
                self.sort(rows, now)
            }
            Phase::Checking(rows, more) => match replies.table() {
                [Reply::Slots(slots)] => self.checked(rows, &slots, more, now),
                [other] => self.again(failure_of(&other)),
            },
            Phase::Placed(leavers) => self.placed(leavers, replies, now),
            Phase::Closing(leavers, collided) => self.closed(leavers, collided, &replies, now),
            Phase::Leaving(returns, mut collided) => {
                for reply in replies.of_table() {
                    match reply {
                        Reply::Written => self.tally.left += 1,
                        other => collided = Some(failure_of(&other)),
                    }
                }
                self.settle(returns, collided, now)
            }
            Phase::Settling(..) | Phase::Taken => Step::failed(Failure::Unavailable),
        }
    }
}

impl FreeExecution {
    fn start(
        scope: FreeScope,
        after: Option<u128>,
        settings: Arc<Settings>,
        entropy: u64,
    ) -> (FreeExecution, Step<ExecutionFreed>) {
        let mut free = FreeExecution {
            scope,
            settings,
            entropy,
            tried: 0,
            pages: 0,
            page_rows: BATCH,
            after,
            next: None,
            runs_again: None,
            phase: Phase::Paging,
            tally: Tally::default(),
        };
        let step = free.page(Millis(0));
        (free, step)
    }

    fn settled(&mut self, settled: Settled, collided: Option<Failure>) -> Step<ExecutionFreed> {
        let Tally { granted, reclaimed, freed, .. } = settled.tally;
        self.tally += Tally { granted, reclaimed, freed, ..Tally::default() };
        match settled.returned {
            Ok(_) => self.next_page(collided),
            Err(failure) => self.again(failure),
        }
    }

    fn page(&mut self, pause: Millis) -> Step<ExecutionFreed> {
        self.phase = Phase::Paging;
        let limit = u32::try_from(self.page_rows).unwrap_or(u32::MAX);
        Step::send_after(pause, [Request::Holders { group: self.scope.group(), after: self.after, limit }])
    }

    /// The same page once more: what was done on it is done.
    fn again(&mut self, failure: Failure) -> Step<ExecutionFreed> {
        let Some(pause) = next_try(&mut self.tried, self.settings.tries, self.entropy) else {
            return Step::failed(failure);
        };
        self.page(pause)
    }

    fn paged(&mut self, rows: Vec<HolderRow>, more: bool, now: Timestamp) -> Step<ExecutionFreed> {
        let pointed = rows.iter().filter(|row| self.scope.covers(row)).filter_map(slot_of);
        let (first, last) = (pointed.clone().min(), pointed.max());
        match first.zip(last) {
            Some((first, last)) => {
                self.phase = Phase::Checking(rows, more);
                Step::send([Request::Slots(first, last)])
            }
            None => self.checked(rows, &[], more, now),
        }
    }

    /// What its rows point at is known: those that point at nothing have ended.
    fn checked(&mut self, rows: Vec<HolderRow>, slots: &[SlotRow], more: bool, now: Timestamp) -> Step<ExecutionFreed> {
        let mut last = None;
        let (mut found, mut cut) = (vec![], false);
        for row in rows {
            if found.len() == BATCH {
                cut = true;
                break;
            }
            last = Some(row.holder.hashed().own);
            if self.scope.covers(&row) {
                found.extend(Leaver::of(row, slots, |held| self.is_outlived_by(held)));
            }
        }
        self.next = last.filter(|_| more || cut);
        self.page_rows = if found.is_empty() { (self.page_rows * 2).min(LONGEST_PAGE) } else { BATCH };
        let doubted = found.iter().find_map(|leaver| self.came_since_perhaps(leaver)).cloned();
        match doubted.filter(|_| self.runs_again.is_none()) {
            Some(execution) => {
                self.phase = Phase::Asking(found);
                Step::check([&*execution])
            }
            None => self.sort(found, now),
        }
    }

    /// Whether the holder surely renewed its lease after the end, on anyone's clock: its execution was redriven since, and its
    /// work goes on.
    fn is_outlived_by(&self, held: &Held) -> bool {
        let FreeScope::Ended { at, .. } = self.scope else { return false };
        held.renewed_at.is_some_and(|renewed| renewed > at + self.settings.grace)
    }

    /// The execution that ended, if this may have come after that end.
    fn came_since_perhaps(&self, leaver: &Leaver) -> Option<&Arc<str>> {
        let FreeScope::Ended { execution, at, .. } = &self.scope else { return None };
        // Its attempt does not say which end of its parent it precedes.
        let is_item = leaver.row.holder.execution() != &**execution;
        let renewed_at = leaver.held.as_ref().and_then(|held| held.renewed_at);
        let near = renewed_at.is_some_and(|renewed| renewed + self.settings.grace >= *at);
        (is_item || near).then_some(execution)
    }

    fn sort(&mut self, mut leavers: Vec<Leaver>, now: Timestamp) -> Step<ExecutionFreed> {
        if self.runs_again == Some(true) {
            leavers.retain(|leaver| self.came_since_perhaps(leaver).is_none());
        }
        let places: Vec<Request> =
            leavers.iter().filter_map(Leaver::ticket).map(|ticket| Request::Get(RowKey::Wait(ticket))).collect();
        if places.is_empty() {
            return self.close(leavers, None, now);
        }
        self.phase = Phase::Placed(leavers);
        Step::send(places)
    }

    fn placed(&mut self, leavers: Vec<Leaver>, replies: Replies, now: Timestamp) -> Step<ExecutionFreed> {
        let (mut collided, mut ready) = (None, vec![]);
        let mut replies = replies.of_table();
        for mut leaver in leavers {
            if leaver.ticket().is_some() {
                match replies.next().unwrap_or(Reply::Unknown) {
                    Reply::Row(Some(Row::Wait(place))) => {
                        (leaver.place, leaver.token) = (Some(place.attempt), place.token);
                    }
                    Reply::Row(_) => {}
                    // What was not read is on the same page, which is read again.
                    other => {
                        collided = Some(failure_of(&other));
                        continue;
                    }
                }
            }
            ready.push(leaver);
        }
        self.close(ready, collided, now)
    }

    fn close(&mut self, leavers: Vec<Leaver>, collided: Option<Failure>, now: Timestamp) -> Step<ExecutionFreed> {
        let tokens = leavers.iter().filter_map(|leaver| leaver.token.clone());
        let callbacks: Vec<TaskCallback> =
            tokens.map(|token| TaskCallback { token, result: TaskResult::Failed(FailureReason::Released) }).collect();
        if callbacks.is_empty() {
            return self.leave(leavers, collided, now);
        }
        self.phase = Phase::Closing(leavers, collided);
        Step::call_back(callbacks)
    }

    fn closed(
        &mut self,
        leavers: Vec<Leaver>,
        collided: Option<Failure>,
        replies: &Replies,
        now: Timestamp,
    ) -> Step<ExecutionFreed> {
        let mut deliveries = replies.deliveries();
        let before = leavers.len();
        let closed = |leaver: &Leaver| leaver.token.is_none() || deliveries.next().is_some_and(Delivery::is_closed);
        let leavers: Vec<Leaver> = leavers.into_iter().filter(closed).collect();
        // What may still be told is not buried.
        let open = (leavers.len() < before).then_some(Failure::TasksUnavailable);
        self.leave(leavers, open.or(collided), now)
    }

    fn leave(&mut self, leavers: Vec<Leaver>, collided: Option<Failure>, now: Timestamp) -> Step<ExecutionFreed> {
        let returns: Vec<Return> = leavers.iter().filter_map(|leaver| leaver.lease(&self.scope)).collect();
        let waiters = leavers.into_iter().filter_map(Leaver::waiter);
        let requests: Vec<Request> = waiters.map(|waiter| writes::leave(&self.settings, waiter, now)).collect();
        if requests.is_empty() {
            return self.settle(returns, collided, now);
        }
        self.phase = Phase::Leaving(returns, collided);
        Step::send(requests)
    }

    fn settle(&mut self, returns: Vec<Return>, collided: Option<Failure>, now: Timestamp) -> Step<ExecutionFreed> {
        if returns.is_empty() {
            return self.next_page(collided);
        }
        let (settle, step) = Settle::start(self.settings.clone(), self.entropy, Scope::Returns(returns), now);
        self.phase = Phase::Settling(settle, collided);
        step
    }

    fn next_page(&mut self, collided: Option<Failure>) -> Step<ExecutionFreed> {
        if let Some(failure) = collided {
            return self.again(failure);
        }
        self.pages += 1;
        if self.next.is_none() || self.pages >= PAGES {
            return Step::done(ExecutionFreed { tally: self.tally, more: self.next });
        }
        self.after = self.next;
        self.tried = 0;
        self.page(Millis(0))
    }
}

impl Leaver {
    /// None for a holder that has ended: also for one whose row points at a slot that is not its any more, and for one that
    /// renewed its lease since.
    fn of(row: HolderRow, slots: &[SlotRow], is_outlived_by: impl Fn(&Held) -> bool) -> Option<Leaver> {
        let held = match row.state {
            HolderState::Ended => return None,
            HolderState::Waiting { .. } => None,
            HolderState::Holding { slot, fence } => {
                let at = slots.binary_search_by_key(&slot, |row| row.slot).ok()?;
                let held = slots[at].held.as_ref().filter(|_| slots[at].fence == fence)?;
                if is_outlived_by(held) {
                    return None;
                }
                Some(held.clone())
            }
        };
        let token = held.as_ref().and_then(Held::open_token).cloned();
        Some(Leaver { row, place: None, token, held })
    }

    fn waiter(self) -> Option<LeavingWaiter> {
        let (ticket, HolderRow { holder, attempt, .. }) = (self.ticket()?, self.row);
        Some(LeavingWaiter { holder, attempt, ticket, place: self.place })
    }

    fn ticket(&self) -> Option<Ticket> {
        if let HolderState::Waiting { ticket, .. } = self.row.state { Some(ticket) } else { None }
    }

    /// Its lease, to be given back: who ended may have been redriven, who asks for it has not ended.
    fn lease(&self, scope: &FreeScope) -> Option<Return> {
        let HolderState::Holding { slot, fence } = self.row.state else { return None };
        Some(match (scope, &self.held) {
            (FreeScope::Ended { .. }, Some(held)) => Return::ended(slot, fence, held),
            _ => Return::of(slot, fence),
        })
    }
}

/// The slot that a holder's row points at.
fn slot_of(row: &HolderRow) -> Option<Slot> {
    if let HolderState::Holding { slot, .. } = row.state { Some(slot) } else { None }
}
