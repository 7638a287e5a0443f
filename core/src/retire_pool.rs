//! Retire a pool: how does it end, so that nobody is granted a lease any more?
//!
//! Its slots stay: their fences must not start again if a pool of this name is made later. Callers may then still follow
//! the limit of before, which nobody knows any more. A high-water mark tells that there was one.

use std::sync::Arc;

use crate::backoff::next_try;
use crate::failure::Failure;
use crate::history::{Author, HistoryKey, HistoryRow, PoolChange};
use crate::operation::{Machine, Operation, Replies, Step};
use crate::reads::failure_of;
use crate::request::{Reply, Request};
use crate::rows::{HighWaterRow, RowKey};
use crate::settings::Settings;
use crate::time::{Millis, Timestamp};
use crate::writes;

/// Retires a pool: its settings, override and summary go, so that nobody is granted a lease any more.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RetirePool {
    /// By whom, and why.
    pub by: Author,
}

/// A pool that is retired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PoolRetired;

/// A retirement under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PoolRetiring {
    settings: Arc<Settings>,
    /// What is noted of it.
    noted: HistoryRow,
    entropy: u64,
    tried: u8,
    phase: RetirePhase,
    /// A write got no answer: if it happened, the pool is gone by our doing.
    unanswered: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum RetirePhase {
    Reading,
    Writing,
}

impl Operation for RetirePool {
    type Outcome = PoolRetired;
    type Machine = PoolRetiring;

    fn start(self, settings: Arc<Settings>, now: Timestamp, entropy: u64) -> (PoolRetiring, Step<PoolRetired>) {
        let key = HistoryKey { at: now, own: entropy };
        let noted = HistoryRow { key, change: PoolChange::Retired, by: self.by };
        let retiring =
            PoolRetiring { settings, noted, entropy, tried: 0, phase: RetirePhase::Reading, unanswered: false };
        (retiring, PoolRetiring::read(Millis(0)))
    }
}

impl Machine for PoolRetiring {
    type Outcome = PoolRetired;

    fn resume(&mut self, replies: Replies, _: Timestamp) -> Step<PoolRetired> {
        match self.phase {
            RetirePhase::Reading => match replies.table() {
                [Reply::Row(None), Reply::Row(_)] if self.unanswered => Step::done(PoolRetired),
                [Reply::Row(None), Reply::Row(_)] => Step::failed(Failure::PoolNotFound),
                [Reply::Row(Some(_)), Reply::Row(mark)] => {
                    self.phase = RetirePhase::Writing;
                    Step::send([writes::retire_pool(mark.is_none().then(HighWaterRow::default), self.noted.clone())])
                }
                [Reply::Row(_), other] | [other, _] => self.again(&other),
            },
            RetirePhase::Writing => match replies.table() {
                [Reply::Written] => Step::done(PoolRetired),
                [other] => self.again(&other),
            },
        }
    }
}

impl PoolRetiring {
    fn read(pause: Millis) -> Step<PoolRetired> {
        Step::send_after(pause, [Request::Get(RowKey::Pool), Settings::HIGH_WATER_READ])
    }

    fn again(&mut self, reply: &Reply) -> Step<PoolRetired> {
        self.unanswered |= *reply == Reply::Unknown;
        let Some(pause) = next_try(&mut self.tried, self.settings.tries, self.entropy) else {
            return Step::failed(failure_of(reply));
        };
        self.phase = RetirePhase::Reading;
        PoolRetiring::read(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::script::{NOW, five, puts, replies, settings};
    use crate::rows::{PoolRow, Row};

    fn by_ann() -> Author {
        Author::new("ann", "a slow partner")
    }

    #[test]
    fn a_pool_that_nobody_used_yet_leaves_a_mark_when_it_is_retired() {
        let marks = |mark: Option<HighWaterRow>| {
            let (mut retiring, _) = RetirePool { by: by_ann() }.start(settings(), NOW, 0);
            let step = retiring
                .resume(replies(vec![Reply::Row(five().map(Row::Pool)), Reply::Row(mark.map(Row::HighWater))]), NOW);
            puts(&step)
        };
        assert_eq!(marks(None), [Row::HighWater(HighWaterRow::default())]);
        assert_eq!(marks(Some(HighWaterRow { slots: 7, ..HighWaterRow::default() })), []);
    }

    #[test]
    fn a_retirement_without_an_answer_is_done_once_the_pool_is_gone() {
        let resumed = |found: Option<PoolRow>, rest: Vec<Vec<Reply>>| {
            let (mut retiring, _) = RetirePool { by: by_ann() }.start(settings(), NOW, 0);
            let read = |pool: Option<PoolRow>| vec![Reply::Row(pool.map(Row::Pool)), Reply::Row(None)];
            let mut step = retiring.resume(replies(read(found)), NOW);
            for reply in rest {
                step = retiring.resume(replies(reply), NOW);
            }
            step
        };
        let gone = vec![Reply::Row(None), Reply::Row(None)];
        assert_eq!(resumed(None, vec![]), Step::Done(Err(Failure::PoolNotFound)));
        assert_eq!(resumed(five(), vec![vec![Reply::Written]]), Step::Done(Ok(PoolRetired)));
        assert_eq!(resumed(five(), vec![vec![Reply::Unknown], gone]), Step::Done(Ok(PoolRetired)));
    }
}
