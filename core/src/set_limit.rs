//! Set a limit: how does an operator override the limit that the pool's settings give?

use std::sync::Arc;

use crate::failure::Failure;
use crate::history::{Author, PoolChange};
use crate::limit::{ExpectedOverride, LimitChange, LimitChanged, LimitRows, LimitSuperseded, read_own_rows};
use crate::operation::{Machine, Operation, Replies, Step};
use crate::reads::failure_of;
use crate::request::Reply;
use crate::rows::{LiveRow, OverrideRow};
use crate::settings::Settings;
use crate::settle::Settle;
use crate::time::{Millis, Timestamp};
use crate::types::Limit;
use crate::writes;

/// Overrides the limit: the new limit, who wants it, and why.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SetLimit {
    /// The limit.
    pub limit: Limit,
    /// Who.
    pub who: Arc<str>,
    /// Why.
    pub why: Arc<str>,
    /// How long after it is written it ends by itself; none: it stays until somebody ends it.
    pub lasts: Option<Millis>,
    /// What whoever asks has seen.
    pub expected: ExpectedOverride,
}

/// What became of an override.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SetLimitOutcome {
    /// It is in force.
    Set(LimitChanged),
    /// It gave in.
    Superseded(LimitSuperseded),
}

/// An override on its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LimitOverriding {
    request: SetLimit,
    change: LimitChange,
    /// The write that was tried last: over which override, dated when, and what it comes to if it happened.
    tried: Option<(Option<Timestamp>, Timestamp, LimitChanged)>,
    /// When the override ends by itself, as it was written last.
    until: Option<Timestamp>,
    phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Reading,
    Writing(Arc<Settings>, LimitChanged),
    Settling(Box<Settle>, LimitChanged),
    Taken,
}

impl Operation for SetLimit {
    type Outcome = SetLimitOutcome;
    type Machine = LimitOverriding;

    fn start(self, settings: Arc<Settings>, now: Timestamp, entropy: u64) -> (LimitOverriding, Step<SetLimitOutcome>) {
        let change = LimitChange::new(self.expected, settings, now, entropy);
        let overriding = LimitOverriding { request: self, change, tried: None, until: None, phase: Phase::Reading };
        (overriding, read_own_rows(Millis(0)))
    }
}

impl Machine for LimitOverriding {
    type Outcome = SetLimitOutcome;

    fn resume(&mut self, replies: Replies, now: Timestamp) -> Step<SetLimitOutcome> {
        if let Phase::Settling(settle, changed) = &mut self.phase {
            let changed = *changed;
            return settle.resume(replies, now).map(|_| SetLimitOutcome::Set(changed));
        }
        match std::mem::replace(&mut self.phase, Phase::Taken) {
            Phase::Reading => match self.change.found(replies, now) {
                Ok(found) => self.decide(found, now),
                Err(failure @ (Failure::Throttled | Failure::Unavailable)) => self.again(failure),
                Err(failure) => Step::failed(failure),
            },
            Phase::Writing(settings, changed) => match replies.table() {
                [Reply::Written] => self.settle(settings, changed, now),
                [other] => self.again(failure_of(&other)),
            },
            Phase::Settling(..) | Phase::Taken => Step::failed(Failure::Unavailable),
        }
    }
}

impl LimitOverriding {
    fn decide(&mut self, found: LimitRows, now: Timestamp) -> Step<SetLimitOutcome> {
        let limit = self.request.limit;
        match (&found.live, self.tried) {
            // A write of ours that got no answer has happened.
            (Some(LiveRow::Valid(row)), Some((_, wrote, changed))) if row.at == wrote && self.is_mine(row) => {
                let settings = self.change.after(&found, limit, row.lowered);
                self.until = row.until;
                return self.settle(settings, LimitChanged { lowered: row.lowered, ..changed }, now);
            }
            // The override was ended meanwhile.
            (None, Some((Some(_), ..))) => return Step::done(SetLimitOutcome::Superseded(found.superseded())),
            _ if self.change.is_superseded(&found, now) => {
                return Step::done(SetLimitOutcome::Superseded(found.superseded()));
            }
            _ => {}
        }
        let lowered = found.lowered_by_override(limit, now);
        // Later than the one before, whatever the clocks say: the time tells two changes apart.
        let at = found.live_at().map_or(self.change.asked_at, |at| self.change.asked_at.max(at + Millis(1)));
        let until = self.request.lasts.map(|lasts| at.max(now) + lasts);
        self.until = until;
        let (who, why) = (self.request.who.clone(), self.request.why.clone());
        let row = OverrideRow { limit, lowered, at, until, who: who.clone(), why: why.clone() };
        let changed = LimitChanged { from: found.in_force.limit, to: limit, lowered };
        let overridden = PoolChange::Overridden { from: changed.from, to: limit, until };
        let noted = self.change.note(overridden, Author { who, why });
        self.tried = Some((found.in_force_since(), at, changed));
        self.phase = Phase::Writing(self.change.after(&found, limit, lowered), changed);
        let lapsed = found.lapsed().map(|lapsed| (lapsed, found.pool.limit));
        Step::send([writes::set_limit(row, found.live.as_ref(), &found.settings, lapsed, noted)])
    }

    fn is_mine(&self, row: &OverrideRow) -> bool {
        (row.limit, &row.who, &row.why) == (self.request.limit, &self.request.who, &self.request.why)
    }

    fn settle(&mut self, settings: Arc<Settings>, changed: LimitChanged, now: Timestamp) -> Step<SetLimitOutcome> {
        // Where the answer took longer than the override lasts, nobody is let in under it any more.
        if self.until.is_some_and(|until| now >= until) {
            return Step::done(SetLimitOutcome::Set(changed));
        }
        let (settle, step) = self.change.settle(settings, now);
        self.phase = Phase::Settling(settle, changed);
        step
    }

    fn again(&mut self, failure: Failure) -> Step<SetLimitOutcome> {
        self.phase = Phase::Reading;
        self.change.again(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{HistoryKey, HistoryRow};
    use crate::limit::script::{NOW, by_ann, empty_pool, five, limit, noted, own_rows, puts, replies, settings};
    use crate::rows::{Lowered, Row};

    fn request(to: u64) -> SetLimit {
        let (who, why) = ("ann".into(), "a slow partner".into());
        SetLimit { limit: limit(to), who, why, lasts: None, expected: ExpectedOverride::Any }
    }

    fn start(to: u64, expected: ExpectedOverride) -> (LimitOverriding, Step<SetLimitOutcome>) {
        SetLimit { expected, ..request(to) }.start(settings(), NOW, 0)
    }

    #[test]
    fn a_limit_that_is_lowered_keeps_the_old_one_counted() {
        let (mut machine, _) = start(3, ExpectedOverride::Any);
        let step = machine.resume(replies(own_rows(five(), None)), NOW);
        let lowered = Some(Lowered { from: limit(5), at: NOW });
        assert_eq!(puts(&step), [Row::Override(OverrideRow { lowered, ..by_ann(3, NOW) })]);
        machine.resume(replies(vec![Reply::Written]), NOW);
        machine.resume(replies(vec![Reply::Written]), NOW);
        let changed = LimitChanged { from: limit(5), to: limit(3), lowered };
        let step = machine.resume(replies(empty_pool()), NOW);
        assert_eq!(step, Step::Done(Ok(SetLimitOutcome::Set(changed))));
    }

    #[test]
    fn an_override_by_the_same_limit_settles_no_longer() {
        let made_at = NOW - Millis::seconds(8);
        let live = |to, from, until| {
            let lowered = Some(Lowered { from: limit(from), at: made_at });
            OverrideRow { lowered, until, ..by_ann(to, made_at) }
        };
        let lowered = |live| {
            let (mut machine, _) = start(3, ExpectedOverride::Any);
            let step = machine.resume(replies(own_rows(five(), Some(live))), NOW);
            let Some(Row::Override(row)) = puts(&step).pop() else { panic!("{step:?}") };
            row.lowered
        };
        assert_eq!(lowered(live(3, 5, None)), Some(Lowered { from: limit(5), at: made_at }));
        // Another limit is another lowering; and so is a lapse that may come first.
        assert_eq!(lowered(live(4, 5, None)), Some(Lowered { from: limit(5), at: NOW }));
        let soon = Some(NOW + Millis::seconds(10));
        assert_eq!(lowered(live(3, 4, soon)), Some(Lowered { from: limit(5), at: NOW }));
        assert_eq!(lowered(live(3, 5, soon)), Some(Lowered { from: limit(5), at: NOW }));
    }

    #[test]
    fn an_override_that_lasts_a_while_says_until_when_and_is_noted() {
        let (mut machine, _) = SetLimit { lasts: Some(Millis::seconds(60)), ..request(7) }.start(settings(), NOW, 9);
        let step = machine.resume(replies(own_rows(five(), None)), NOW);
        let until = Some(NOW + Millis::seconds(60));
        assert_eq!(puts(&step), [Row::Override(OverrideRow { until, ..by_ann(7, NOW) })]);
        let change = PoolChange::Overridden { from: limit(5), to: limit(7), until };
        let key = HistoryKey { at: NOW, own: 9 };
        assert_eq!(noted(&step), [HistoryRow { key, change, by: Author::new("ann", "a slow partner") }]);
    }

    #[test]
    fn an_override_lasts_from_when_it_is_written() {
        let (mut machine, _) = SetLimit { lasts: Some(Millis::seconds(5)), ..request(7) }.start(settings(), NOW, 9);
        // The rows came late: counted from when it was asked for, it would be over before it began.
        let late = NOW + Millis::seconds(10);
        let step = machine.resume(replies(own_rows(five(), None)), late);
        let until = Some(late + Millis::seconds(5));
        assert_eq!(puts(&step), [Row::Override(OverrideRow { until, ..by_ann(7, NOW) })]);
    }

    #[test]
    fn nobody_is_let_in_under_an_override_that_is_over() {
        let lasts = Some(Millis::seconds(5));
        let (late, set) = (NOW + Millis::seconds(5), LimitChanged { from: limit(5), to: limit(7), lowered: None });
        let (mut machine, _) = SetLimit { lasts, ..request(7) }.start(settings(), NOW, 9);
        machine.resume(replies(own_rows(five(), None)), NOW);
        // The answer took as long as the override was to last.
        let step = machine.clone().resume(replies(vec![Reply::Written]), late);
        assert_eq!(step, Step::Done(Ok(SetLimitOutcome::Set(set))));
        // Or it was lost, and the write is found.
        machine.resume(replies(vec![Reply::Unknown]), NOW);
        let written = OverrideRow { until: Some(late), ..by_ann(7, NOW) };
        let step = machine.resume(replies(own_rows(five(), Some(written))), late);
        assert_eq!(step, Step::Done(Ok(SetLimitOutcome::Set(set))));
    }

    #[test]
    fn a_lapsed_override_that_is_replaced_is_noted() {
        let until = NOW - Millis::seconds(1);
        let lapsed = OverrideRow { until: Some(until), ..by_ann(9, Timestamp::seconds(900)) };
        let (mut machine, _) = start(3, ExpectedOverride::Made(None));
        let step = machine.resume(replies(own_rows(five(), Some(lapsed))), NOW);
        // Callers may follow the 9 for a while.
        let lowered = Some(Lowered { from: limit(9), at: NOW });
        assert_eq!(puts(&step), [Row::Override(OverrideRow { lowered, ..by_ann(3, NOW) })]);
        let changes: Vec<_> = noted(&step).into_iter().map(|row| (row.key.at, row.change)).collect();
        let made = PoolChange::Overridden { from: limit(5), to: limit(3), until: None };
        let ended = PoolChange::Lapsed { from: limit(9), to: limit(5) };
        assert_eq!(changes, [(NOW, made), (until, ended)]);
    }

    #[test]
    fn just_before_a_lapse_the_next_override_counts_both_limits() {
        let soon = |seconds| {
            let until = Some(NOW + Millis::seconds(seconds));
            let (mut machine, _) = start(3, ExpectedOverride::Any);
            let live = OverrideRow { until, ..by_ann(3, Timestamp::seconds(900)) };
            let step = machine.resume(replies(own_rows(five(), Some(live))), NOW);
            let Some(Row::Override(row)) = puts(&step).pop() else { panic!("{step:?}") };
            row.lowered.map(|lowered| lowered.from)
        };
        // The quiet period of 35 s, and a grace of 5 s.
        assert_eq!((soon(40), soon(41)), (Some(limit(5)), None));
    }

    #[test]
    fn the_override_that_was_asked_for_last_stays() {
        let (mut machine, _) = start(3, ExpectedOverride::Any);
        let newer = by_ann(7, NOW + Millis(1));
        let step = machine.resume(replies(own_rows(five(), Some(newer.clone()))), NOW + Millis(2));
        let superseded = LimitSuperseded { limit: limit(7), by: Some(newer) };
        assert_eq!(step, Step::Done(Ok(SetLimitOutcome::Superseded(superseded))));
    }

    #[test]
    fn an_override_from_a_clock_that_is_off_does_not_stay() {
        let far_ahead = NOW + Millis::seconds(60);
        let (mut machine, _) = start(9, ExpectedOverride::Any);
        let step = machine.resume(replies(own_rows(five(), Some(by_ann(7, far_ahead)))), NOW);
        assert_eq!(puts(&step), [Row::Override(by_ann(9, far_ahead + Millis(1)))]);
    }

    #[test]
    fn an_override_that_was_not_seen_is_not_replaced() {
        let (mut machine, _) = start(3, ExpectedOverride::Made(None));
        let older = by_ann(7, Timestamp::seconds(900));
        let step = machine.resume(replies(own_rows(five(), Some(older.clone()))), NOW);
        let superseded = LimitSuperseded { limit: limit(7), by: Some(older) };
        assert_eq!(step, Step::Done(Ok(SetLimitOutcome::Superseded(superseded))));
    }

    #[test]
    fn a_write_without_an_answer_that_happened_is_not_repeated() {
        let (mut machine, _) = start(7, ExpectedOverride::Made(None));
        machine.resume(replies(own_rows(five(), None)), NOW);
        machine.resume(replies(vec![Reply::Unknown]), NOW);
        let step = machine.resume(replies(own_rows(five(), Some(by_ann(7, NOW)))), NOW + Millis(50));
        assert!(matches!(puts(&step)[..], [Row::HighWater(_)]), "{step:?}");
        machine.resume(replies(vec![Reply::Written]), NOW + Millis(55));
        let changed = LimitChanged { from: limit(5), to: limit(7), lowered: None };
        let step = machine.resume(replies(empty_pool()), NOW + Millis(60));
        assert_eq!(step, Step::Done(Ok(SetLimitOutcome::Set(changed))));
    }

    #[test]
    fn a_lowering_that_was_dated_later_meanwhile_is_told_as_it_is() {
        let (mut machine, _) = start(3, ExpectedOverride::Any);
        machine.resume(replies(own_rows(five(), None)), NOW);
        machine.resume(replies(vec![Reply::Unknown]), NOW);
        // It happened, and then the quiet period was made shorter: the lowering lasts as long as it would have.
        let lowered = Some(Lowered { from: limit(5), at: NOW + Millis::seconds(20) });
        machine.resume(replies(own_rows(five(), Some(OverrideRow { lowered, ..by_ann(3, NOW) }))), NOW + Millis(50));
        machine.resume(replies(vec![Reply::Written]), NOW + Millis(55));
        let changed = LimitChanged { from: limit(5), to: limit(3), lowered };
        let step = machine.resume(replies(empty_pool()), NOW + Millis(60));
        assert_eq!(step, Step::Done(Ok(SetLimitOutcome::Set(changed))));
    }

    #[test]
    fn an_override_that_is_ended_meanwhile_is_not_made_anew() {
        let (mut machine, _) = start(7, ExpectedOverride::Any);
        machine.resume(replies(own_rows(five(), Some(by_ann(3, Timestamp::seconds(900))))), NOW);
        machine.resume(replies(vec![Reply::Unknown]), NOW);
        let step = machine.resume(replies(own_rows(five(), None)), NOW + Millis(50));
        let superseded = LimitSuperseded { limit: limit(5), by: None };
        assert_eq!(step, Step::Done(Ok(SetLimitOutcome::Superseded(superseded))));
    }

    #[test]
    fn a_pool_that_is_not_there_has_no_limit_to_override() {
        let (mut machine, _) = start(3, ExpectedOverride::Any);
        let step = machine.resume(replies(own_rows(None, None)), NOW);
        assert_eq!(step, Step::Done(Err(Failure::PoolNotFound)));
    }
}
