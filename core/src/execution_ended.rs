//! The end of an execution: what does it leave behind? Its leases are given back, its places in the queue removed.
//!
//! A redriven execution keeps its id: only what an attempt entered before the end holds or waits for is freed.
//! The holders of one execution, and of map items whose parent it is, sort together and are read page by page; an
//! item's own execution is not a place to look for it, so its end alone frees nothing until its lease expires.

use std::sync::Arc;

use crate::backoff::next_try;
use crate::failure::Failure;
use crate::operation::{Delivery, FailureReason, Machine, Operation, Replies, Step, TaskCallback, TaskResult};
use crate::reads::failure_of;
use crate::request::{Reply, Request};
use crate::rows::{HolderRow, HolderState};
use crate::settings::{BATCH, Settings};
use crate::settle::{Return, Settle, Settled};
use crate::tally::Tally;
use crate::time::{Millis, Timestamp};
use crate::types::{Holder, TaskToken};
use crate::writes;

/// How many pages of holders one call looks through.
const PAGES: u8 = 40;

/// Which execution ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExecutionEnded {
    /// Its ARN, or the id its holders gave.
    pub execution: Arc<str>,
    /// When it ended.
    pub at: Timestamp,
    /// Where the last call stopped, if it said that there is more.
    pub after: Option<u128>,
}

/// What an ended execution held or waited for is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExecutionFreed {
    /// What was freed.
    pub tally: Tally,
    /// There is more: call again with this as `after`.
    pub more: Option<u128>,
}

/// Freeing what an execution leaves behind, under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FreeExecution {
    ended: ExecutionEnded,
    settings: Arc<Settings>,
    entropy: u64,
    tried: u8,
    pages: u8,
    /// Where the next page begins, if there is one.
    next: Option<u128>,
    phase: Phase,
    tally: Tally,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Paging,
    Closing(Vec<HolderRow>, Vec<Return>),
    Leaving(Vec<Return>, bool),
    Settling(Box<Settle>, bool),
    Taken,
}

impl Operation for ExecutionEnded {
    type Outcome = ExecutionFreed;
    type Machine = FreeExecution;

    fn start(self, settings: Arc<Settings>, _: Timestamp, entropy: u64) -> (FreeExecution, Step<ExecutionFreed>) {
        let mut free = FreeExecution {
            ended: self,
            settings,
            entropy,
            tried: 0,
            pages: 0,
            next: None,
            phase: Phase::Paging,
            tally: Tally::default(),
        };
        let step = free.page(Millis(0));
        (free, step)
    }
}

impl Machine for FreeExecution {
    type Outcome = ExecutionFreed;

    fn resume(&mut self, replies: Replies, now: Timestamp) -> Step<ExecutionFreed> {
        if let Phase::Settling(settle, collided) = &mut self.phase {
            let collided = *collided;
            return settle.resume(replies, now).and_then(|settled| self.settled(settled, collided));
        }
        match std::mem::replace(&mut self.phase, Phase::Taken) {
            Phase::Paging => match replies.table() {
                [Reply::Holders(rows, more)] => self.paged(rows, more, now),
                [other] => self.again(failure_of(&other)),
            },
            Phase::Closing(rows, returns) => self.closed(rows, returns, &replies, now),
            Phase::Leaving(returns, mut collided) => {
                for reply in replies.of_table() {
                    match reply {
                        Reply::Written => self.tally.left += 1,
                        _ => collided = true,
                    }
                }
                self.settle(returns, collided)
            }
            Phase::Settling(..) | Phase::Taken => Step::failed(Failure::Unavailable),
        }
    }
}

impl FreeExecution {
    fn settled(&mut self, settled: Settled, collided: bool) -> Step<ExecutionFreed> {
        let Tally { granted, reclaimed, freed, .. } = settled.tally;
        self.tally += Tally { granted, reclaimed, freed, ..Tally::default() };
        match settled.returned {
            Ok(_) => self.next_page(collided),
            Err(failure) => self.again(failure),
        }
    }

    fn page(&mut self, pause: Millis) -> Step<ExecutionFreed> {
        self.phase = Phase::Paging;
        let group = Holder::group(&self.ended.execution);
        let limit = u32::try_from(BATCH).unwrap_or(u32::MAX);
        Step::send_after(pause, [Request::Holders { group, after: self.ended.after, limit }])
    }

    /// The same page once more: what was done on it is done.
    fn again(&mut self, failure: Failure) -> Step<ExecutionFreed> {
        let Some(pause) = next_try(&mut self.tried, self.settings.tries, self.entropy) else {
            return Step::failed(failure);
        };
        self.page(pause)
    }

    fn paged(&mut self, rows: Vec<HolderRow>, more: bool, now: Timestamp) -> Step<ExecutionFreed> {
        self.next = if more { rows.last().map(|row| row.holder.hashed().own) } else { None };
        let (mut waiting, mut returns) = (vec![], vec![]);
        for row in rows.into_iter().filter(|row| row.holder.belongs_to(&self.ended.execution)) {
            match &row.state {
                // A redriven execution's attempts are entered later, on the same clock as the end.
                _ if row.attempt.entered >= self.ended.at => {}
                HolderState::Holding { slot, fence, .. } => returns.push(Return::of(*slot, *fence)),
                HolderState::Waiting(_) => waiting.push(row),
                HolderState::Ended { .. } => {}
            }
        }
        let callbacks: Vec<TaskCallback> = waiting
            .iter()
            .filter_map(token)
            .map(|token| TaskCallback { token: token.clone(), result: TaskResult::Failed(FailureReason::Released) })
            .collect();
        if callbacks.is_empty() {
            return self.leave(waiting, returns, false, now);
        }
        self.phase = Phase::Closing(waiting, returns);
        Step::call_back(callbacks)
    }

    fn closed(
        &mut self,
        rows: Vec<HolderRow>,
        returns: Vec<Return>,
        replies: &Replies,
        now: Timestamp,
    ) -> Step<ExecutionFreed> {
        let mut deliveries = replies.deliveries();
        let before = rows.len();
        let closed = |row: &HolderRow| {
            token(row).is_none() || matches!(deliveries.next(), Some(Delivery::Delivered | Delivery::Closed))
        };
        let rows: Vec<HolderRow> = rows.into_iter().filter(closed).collect();
        let collided = rows.len() < before;
        self.leave(rows, returns, collided, now)
    }

    fn leave(
        &mut self,
        rows: Vec<HolderRow>,
        returns: Vec<Return>,
        collided: bool,
        now: Timestamp,
    ) -> Step<ExecutionFreed> {
        let requests: Vec<Request> = rows
            .iter()
            .filter_map(|row| match &row.state {
                HolderState::Waiting(place) => {
                    Some(writes::leave(&self.settings, &row.holder, row.attempt, place.ticket, now))
                }
                _ => None,
            })
            .collect();
        if requests.is_empty() {
            return self.settle(returns, collided);
        }
        self.phase = Phase::Leaving(returns, collided);
        Step::send(requests)
    }

    fn settle(&mut self, returns: Vec<Return>, collided: bool) -> Step<ExecutionFreed> {
        if returns.is_empty() {
            return self.next_page(collided);
        }
        let (settle, step) = Settle::start(self.settings.clone(), self.entropy, false, returns);
        self.phase = Phase::Settling(settle, collided);
        step
    }

    fn next_page(&mut self, collided: bool) -> Step<ExecutionFreed> {
        if collided {
            return self.again(Failure::Throttled);
        }
        self.pages += 1;
        if self.next.is_none() || self.pages >= PAGES {
            return Step::done(ExecutionFreed { tally: self.tally, more: self.next });
        }
        self.ended.after = self.next;
        self.tried = 0;
        self.page(Millis(0))
    }
}

fn token(row: &HolderRow) -> Option<&TaskToken> {
    match &row.state {
        HolderState::Waiting(place) => place.token.as_ref(),
        _ => None,
    }
}
