//! What does an ended execution leave behind? Its leases are given back, its places in the queue removed.
//!
//! A redriven execution keeps its id: only what an attempt entered before the end holds or waits for is freed.
//! The holders of one execution, and of map items whose parent it is, sort together and are read page by page; an
//! item's own execution is not a place to look for it, so its end alone frees nothing until its lease expires.

use std::sync::Arc;

use crate::machine::{
    Answer, Failure, News, Notice, Notified, Outcome, Step, Tally, WhyFailed, ask_after, failed, jitter,
};
use crate::nouns::{Holder, Millis, Token};
use crate::settings::{BATCH, Settings};
use crate::settle::{Give, Settle, Settling};
use crate::status::{replies, why};
use crate::table::{HolderRow, HolderState, Reply, Request};
use crate::writes;

/// How many pages of holders one call looks through.
const PAGES: u8 = 40;

/// Which execution ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ended {
    /// Its ARN, or the id its holders gave.
    pub execution: Arc<str>,
    /// When it ended.
    pub at: Millis,
    /// Where the last call stopped, if it said that there is more.
    pub after: Option<u128>,
}

/// Freeing what an execution leaves behind, under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Gone {
    ended: Ended,
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
    Closing(Vec<HolderRow>, Vec<Give>),
    Leaving(Vec<Give>, bool),
    Settling(Box<Settle>, bool),
}

impl Gone {
    pub(crate) fn start(ended: Ended, settings: Arc<Settings>, entropy: u64) -> (Gone, Step) {
        let mut gone = Gone {
            ended,
            settings,
            entropy,
            tried: 0,
            pages: 0,
            next: None,
            phase: Phase::Paging,
            tally: Tally::default(),
        };
        let step = gone.page(Millis(0));
        (gone, step)
    }

    fn page(&mut self, pause: Millis) -> Step {
        self.phase = Phase::Paging;
        let group = Holder::group(&self.ended.execution);
        let limit = u32::try_from(BATCH).unwrap_or(u32::MAX);
        ask_after(pause, vec![Request::Holders { group, after: self.ended.after, limit }])
    }

    pub(crate) fn resume(&mut self, answer: Answer, now: Millis) -> Step {
        match (std::mem::replace(&mut self.phase, Phase::Paging), answer) {
            (Phase::Paging, answer) => match replies(answer) {
                Some([Reply::Holders(rows, more)]) => self.paged(rows, more, now),
                Some([other]) => self.again(why(&other)),
                None => failed(Failure::Unavailable),
            },
            (Phase::Closing(rows, giving), Answer::Notices(answers)) => self.closed(rows, giving, answers, now),
            (Phase::Leaving(giving, mut collided), Answer::Replies(replies)) => {
                for reply in replies {
                    match reply {
                        Reply::Written => self.tally.left += 1,
                        _ => collided = true,
                    }
                }
                self.settle(giving, collided)
            }
            (Phase::Settling(mut settle, collided), answer) => match settle.resume(answer, now) {
                Settling::Next(step) => {
                    self.phase = Phase::Settling(settle, collided);
                    step
                }
                Settling::Done => {
                    let done = settle.tally();
                    self.tally.granted += done.granted;
                    self.tally.reclaimed += done.reclaimed;
                    self.tally.freed += done.freed;
                    match settle.gave_all() {
                        Ok(_) => self.next_page(collided),
                        Err(failure) => self.again(failure),
                    }
                }
            },
            _ => failed(Failure::Unavailable),
        }
    }

    /// The same page once more: what was done on it is done.
    fn again(&mut self, failure: Failure) -> Step {
        self.tried += 1;
        if self.tried > self.settings.tries {
            return failed(failure);
        }
        self.page(jitter(self.entropy, self.tried))
    }

    fn paged(&mut self, rows: Vec<HolderRow>, more: bool, now: Millis) -> Step {
        self.next = if more { rows.last().map(|row| row.holder.hashed().own) } else { None };
        let (mut waiting, mut giving) = (vec![], vec![]);
        for row in rows.into_iter().filter(|row| row.holder.belongs_to(&self.ended.execution)) {
            match &row.state {
                // A redriven execution's attempts are entered later, on the same clock as the end.
                _ if row.attempt.entered >= self.ended.at => {}
                HolderState::Holding { slot, fence, .. } => giving.push(Give::back(*slot, *fence)),
                HolderState::Waiting(_) => waiting.push(row),
                HolderState::Ended { .. } => {}
            }
        }
        let notices: Vec<Notice> = waiting
            .iter()
            .filter_map(token)
            .map(|token| Notice { token: token.clone(), news: News::Failed(WhyFailed::Released) })
            .collect();
        if notices.is_empty() {
            return self.leave(waiting, giving, false, now);
        }
        self.phase = Phase::Closing(waiting, giving);
        Step::Notify(notices)
    }

    fn closed(&mut self, rows: Vec<HolderRow>, giving: Vec<Give>, answers: Vec<Notified>, now: Millis) -> Step {
        let mut answers = answers.into_iter();
        let before = rows.len();
        let closed = |row: &HolderRow| {
            token(row).is_none() || matches!(answers.next(), Some(Notified::Delivered | Notified::Closed))
        };
        let rows: Vec<HolderRow> = rows.into_iter().filter(closed).collect();
        let collided = rows.len() < before;
        self.leave(rows, giving, collided, now)
    }

    fn leave(&mut self, rows: Vec<HolderRow>, giving: Vec<Give>, collided: bool, now: Millis) -> Step {
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
            return self.settle(giving, collided);
        }
        self.phase = Phase::Leaving(giving, collided);
        ask_after(Millis(0), requests)
    }

    fn settle(&mut self, giving: Vec<Give>, collided: bool) -> Step {
        if giving.is_empty() {
            return self.next_page(collided);
        }
        let (settle, step) = Settle::start(self.settings.clone(), self.entropy, false, giving);
        self.phase = Phase::Settling(settle, collided);
        step
    }

    fn next_page(&mut self, collided: bool) -> Step {
        if collided {
            return self.again(Failure::Throttled);
        }
        self.pages += 1;
        if self.next.is_none() || self.pages >= PAGES {
            return Step::Done(Outcome::Gone { tally: self.tally, more: self.next });
        }
        self.ended.after = self.next;
        self.tried = 0;
        self.page(Millis(0))
    }
}

fn token(row: &HolderRow) -> Option<&Token> {
    match &row.state {
        HolderState::Waiting(place) => place.token.as_ref(),
        _ => None,
    }
}
