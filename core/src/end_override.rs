//! End of an override: how does the limit of the pool's settings come into force again?

use std::sync::Arc;

use crate::failure::Failure;
use crate::history::{Author, PoolChange};
use crate::limit::{ExpectedOverride, LimitChange, LimitChanged, LimitRows, LimitSuperseded, read_own_rows};
use crate::operation::{Machine, Operation, Replies, Step};
use crate::reads::failure_of;
use crate::request::Reply;
use crate::rows::PoolRow;
use crate::settings::Settings;
use crate::settle::Settle;
use crate::time::{Millis, Timestamp};
use crate::types::Limit;
use crate::writes;

/// Ends the override: the limit of the pool's settings is in force again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EndOverride {
    /// By whom, and why.
    pub by: Author,
    /// What whoever asks has seen.
    pub expected: ExpectedOverride,
}

/// What became of the wish to end an override.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EndOverrideOutcome {
    /// It is ended.
    Ended(LimitChanged),
    /// There was none; this is the limit.
    NoOverride(Limit),
    /// It gave in.
    Superseded(LimitSuperseded),
}

/// The end of an override on its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OverrideEnding {
    change: LimitChange,
    by: Author,
    /// What a write came to that got no answer, if it happened.
    unanswered: Option<LimitChanged>,
    phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Reading,
    Writing(Arc<Settings>, LimitChanged),
    Settling(Box<Settle>, LimitChanged),
    Taken,
}

impl Operation for EndOverride {
    type Outcome = EndOverrideOutcome;
    type Machine = OverrideEnding;

    fn start(
        self,
        settings: Arc<Settings>,
        now: Timestamp,
        entropy: u64,
    ) -> (OverrideEnding, Step<EndOverrideOutcome>) {
        let change = LimitChange::new(self.expected, settings, now, entropy);
        (OverrideEnding { change, by: self.by, unanswered: None, phase: Phase::Reading }, read_own_rows(Millis(0)))
    }
}

impl Machine for OverrideEnding {
    type Outcome = EndOverrideOutcome;

    fn resume(&mut self, replies: Replies, now: Timestamp) -> Step<EndOverrideOutcome> {
        if let Phase::Settling(settle, changed) = &mut self.phase {
            let changed = *changed;
            return settle.resume(replies, now).map(|_| EndOverrideOutcome::Ended(changed));
        }
        match std::mem::replace(&mut self.phase, Phase::Taken) {
            Phase::Reading => match self.change.found(replies, now) {
                Ok(found) => self.decide(found, now),
                Err(failure @ (Failure::Throttled | Failure::Unavailable)) => self.again(failure),
                Err(failure) => Step::failed(failure),
            },
            Phase::Writing(settings, changed) => match replies.table() {
                [Reply::Written] => self.settle(settings, changed, now),
                [other] => {
                    self.unanswered = self.unanswered.or((other == Reply::Unknown).then_some(changed));
                    self.again(failure_of(&other))
                }
            },
            Phase::Settling(..) | Phase::Taken => Step::failed(Failure::Unavailable),
        }
    }
}

impl OverrideEnding {
    fn decide(&mut self, found: LimitRows, now: Timestamp) -> Step<EndOverrideOutcome> {
        let limit = found.pool.limit;
        let ended_by_itself = found.lapsed().is_some();
        let Some(live) = found.live.as_ref().filter(|_| !ended_by_itself) else {
            return match self.unanswered.filter(|_| !ended_by_itself) {
                Some(changed) => self.settle(self.change.after(&found, limit, found.pool.lowered), changed, now),
                None => Step::done(EndOverrideOutcome::NoOverride(limit)),
            };
        };
        if self.change.is_superseded(&found, now) {
            return Step::done(EndOverrideOutcome::Superseded(found.superseded()));
        }
        let lowered = found.lowered_by(limit, now);
        let changed = LimitChanged { from: found.in_force.limit, to: limit, lowered };
        let noted = self.change.note(PoolChange::Ended { from: changed.from, to: limit }, self.by.clone());
        let request = writes::end_override(live, &found.settings, PoolRow { lowered, ..found.pool.clone() }, noted);
        self.phase = Phase::Writing(self.change.after(&found, limit, lowered), changed);
        Step::send([request])
    }

    fn settle(&mut self, settings: Arc<Settings>, changed: LimitChanged, now: Timestamp) -> Step<EndOverrideOutcome> {
        let (settle, step) = self.change.settle(settings, now);
        self.phase = Phase::Settling(settle, changed);
        step
    }

    fn again(&mut self, failure: Failure) -> Step<EndOverrideOutcome> {
        self.phase = Phase::Reading;
        self.change.again(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::script::{NOW, by_ann, empty_pool, five, limit, noted, own_rows, puts, replies, settings};
    use crate::rows::{Lowered, OverrideRow, Row};

    fn start(expected: ExpectedOverride) -> (OverrideEnding, Step<EndOverrideOutcome>) {
        EndOverride { by: Author::new("ann", ""), expected }.start(settings(), NOW, 0)
    }

    #[test]
    fn the_pools_row_keeps_the_mark_of_an_override_that_ends() {
        let (mut machine, _) = start(ExpectedOverride::Any);
        let eight = by_ann(8, Timestamp::seconds(900));
        let step = machine.resume(replies(own_rows(five(), Some(eight))), NOW);
        let lowered = Some(Lowered { from: limit(8), at: NOW });
        assert_eq!(puts(&step), [Row::Pool(PoolRow { lowered, ..PoolRow::new(limit(5)) })]);
        machine.resume(replies(vec![Reply::Written]), NOW);
        machine.resume(replies(vec![Reply::Written]), NOW);
        let changed = LimitChanged { from: limit(8), to: limit(5), lowered };
        let step = machine.resume(replies(empty_pool()), NOW);
        assert_eq!(step, Step::Done(Ok(EndOverrideOutcome::Ended(changed))));
    }

    #[test]
    fn who_ended_an_override_is_noted() {
        let (mut machine, _) = start(ExpectedOverride::Any);
        let step = machine.resume(replies(own_rows(five(), Some(by_ann(8, Timestamp::seconds(900))))), NOW);
        let change = PoolChange::Ended { from: limit(8), to: limit(5) };
        assert_eq!(noted(&step).into_iter().map(|row| (row.key.at, row.change)).collect::<Vec<_>>(), [(NOW, change)]);
    }

    #[test]
    fn an_override_that_has_lapsed_is_none() {
        let lapsed = OverrideRow { until: Some(NOW), ..by_ann(8, Timestamp::seconds(900)) };
        let (mut machine, _) = start(ExpectedOverride::Any);
        let step = machine.resume(replies(own_rows(five(), Some(lapsed))), NOW);
        assert_eq!(step, Step::Done(Ok(EndOverrideOutcome::NoOverride(limit(5)))));
    }

    #[test]
    fn where_there_is_no_override_the_limit_is_told() {
        let (mut machine, _) = start(ExpectedOverride::Any);
        let step = machine.resume(replies(own_rows(five(), None)), NOW);
        assert_eq!(step, Step::Done(Ok(EndOverrideOutcome::NoOverride(limit(5)))));
    }

    #[test]
    fn an_override_that_is_newer_than_the_wish_to_end_it_stays() {
        let (mut machine, _) = start(ExpectedOverride::Any);
        let newer = by_ann(7, NOW + Millis(1));
        let step = machine.resume(replies(own_rows(five(), Some(newer.clone()))), NOW + Millis(2));
        let superseded = LimitSuperseded { limit: limit(7), by: Some(newer) };
        assert_eq!(step, Step::Done(Ok(EndOverrideOutcome::Superseded(superseded))));
    }

    #[test]
    fn a_write_without_an_answer_that_happened_ended_it() {
        let (mut machine, _) = start(ExpectedOverride::Any);
        machine.resume(replies(own_rows(five(), Some(by_ann(3, Timestamp::seconds(900))))), NOW);
        machine.resume(replies(vec![Reply::Unknown]), NOW);
        machine.resume(replies(own_rows(five(), None)), NOW + Millis(50));
        machine.resume(replies(vec![Reply::Written]), NOW + Millis(55));
        let changed = LimitChanged { from: limit(3), to: limit(5), lowered: None };
        let step = machine.resume(replies(empty_pool()), NOW + Millis(60));
        assert_eq!(step, Step::Done(Ok(EndOverrideOutcome::Ended(changed))));
    }
}
