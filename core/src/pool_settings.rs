//! Pool settings: how is a pool made, and how are its settings changed?
//!
//! What a change does not name stays as it is. A limit that was lowered leaves the mark until when callers may still
//! follow the old one; a row that makes no sense is replaced, and then any limit may still be in use. So it may where a pool
//! of this name was retired, which its high-water mark tells.

use std::sync::Arc;

use crate::backoff::next_try;
use crate::failure::Failure;
use crate::history::{Author, HistoryKey, HistoryRow, PoolChange, SettingChanges};
use crate::operation::{Machine, Operation, Replies, Step};
use crate::reads::{OwnRows, failure_of};
use crate::request::Reply;
use crate::rows::{Lowered, PoolPatch, PoolRow, Row, SettingsRow};
use crate::settings::{Settings, Shortening};
use crate::time::{Millis, Timestamp};
use crate::types::{Limit, PoolName};
use crate::writes;

impl PoolPatch {
    /// The row that this makes of what lies there (none: there is no pool yet).
    ///
    /// # Errors
    /// `PoolNotFound` where there is no pool and no limit to make one with; `PoolMisconfigured` where what lies there
    /// makes no sense and this does not say enough to replace it.
    pub fn apply(&self, name: &PoolName, before: Option<&SettingsRow>, now: Timestamp) -> Result<PoolRow, Failure> {
        let mut row = match (before, self.limit) {
            (Some(SettingsRow::Valid(row)), _) => row.clone(),
            (None, Some(limit)) => PoolRow::new(limit),
            (None, None) => return Err(Failure::PoolNotFound),
            (Some(SettingsRow::Unreadable(row)), _) if row.newer_edition.is_some() => {
                return Err(Failure::PoolMisconfigured(row.as_invalid("the pool's row")));
            }
            (Some(SettingsRow::Unreadable(row)), Some(limit)) => {
                // Whichever limit it said, callers may still follow it.
                PoolRow { lowered: Lowered::from_unknown(limit, now), ..row.remains.row(name, limit, now) }
            }
            (Some(SettingsRow::Unreadable(row)), None) => {
                return Err(Failure::PoolMisconfigured(row.as_invalid("the pool's row")));
            }
        };
        // First: what makes no sense in the row may be what is set right now.
        row.lease = self.lease.or(row.lease);
        if let Some(limit) = self.limit.filter(|limit| *limit != row.limit) {
            let settings =
                Settings::from_rows(name.clone(), &row, None, None, now).map_err(Failure::PoolMisconfigured)?;
            row.lowered = settings.lowered_by(limit, now);
            row.limit = limit;
        }
        let named = [
            (&mut row.grace, self.grace),
            (&mut row.quiet, self.quiet),
            (&mut row.longest_wait, self.longest_wait),
            (&mut row.longest_hold, self.longest_hold),
            (&mut row.sweep_every, self.sweep_every),
        ];
        for (setting, named) in named {
            *setting = named.or(*setting);
        }
        Settings::from_rows(name.clone(), &row, None, None, now).map_err(Failure::PoolMisconfigured)?;
        if let Some(shortening) = shortening(name, before, &row, now) {
            row.lowered = Some(shortening.keep(row.lowered, row.limit));
        }
        Ok(row)
    }
}

/// Whether a lowering settles in less time by the settings after.
fn shortening(name: &PoolName, before: Option<&SettingsRow>, after: &PoolRow, now: Timestamp) -> Option<Shortening> {
    let settings = |row| Settings::from_rows(name.clone(), row, None, None, now).ok();
    let before = if let Some(SettingsRow::Valid(row)) = before { settings(row) } else { None };
    Shortening::between(&before?, &settings(after)?, now)
}

impl PoolPatch {
    /// The settings that are left of a row that makes no sense, with this limit: those that make sense by themselves.
    fn row(&self, name: &PoolName, limit: Limit, now: Timestamp) -> PoolRow {
        let new = PoolRow::new(limit);
        let each = [
            PoolRow { lease: self.lease, ..new.clone() },
            PoolRow { grace: self.grace, ..new.clone() },
            PoolRow { quiet: self.quiet, ..new.clone() },
            PoolRow { longest_wait: self.longest_wait, ..new.clone() },
            PoolRow { longest_hold: self.longest_hold, ..new.clone() },
            PoolRow { sweep_every: self.sweep_every, ..new.clone() },
        ];
        let makes_sense = |row: &PoolRow| Settings::from_rows(name.clone(), row, None, None, now).is_ok();
        each.into_iter().filter(makes_sense).fold(new, |row, one| PoolRow {
            lease: row.lease.or(one.lease),
            grace: row.grace.or(one.grace),
            quiet: row.quiet.or(one.quiet),
            longest_wait: row.longest_wait.or(one.longest_wait),
            longest_hold: row.longest_hold.or(one.longest_hold),
            sweep_every: row.sweep_every.or(one.sweep_every),
            ..row
        })
    }
}

/// Sets a pool's settings, or makes the pool.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SetPool {
    /// What is to change.
    pub patch: PoolPatch,
    /// By whom, and why.
    pub by: Author,
    /// What whoever asks has seen.
    pub expected: ExpectedSettings,
}

/// The settings that whoever asks for a change has seen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ExpectedSettings {
    /// Whichever there are.
    Any,
    /// Exactly these (none: there is no pool).
    Exactly(Option<Box<SettingsRow>>),
}

/// What became of a change of settings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SetPoolOutcome {
    /// They are as asked.
    Set {
        /// What was there before.
        before: Option<SettingsRow>,
        /// What is there now.
        after: PoolRow,
    },
    /// They are not what whoever asks has seen: nothing was changed, and this is there.
    Superseded(Option<SettingsRow>),
}

/// A change of settings under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PoolSetting {
    request: SetPool,
    settings: Arc<Settings>,
    /// Dates a lowering, so that a second try writes the same row: a write without an answer is then known again.
    asked_at: Timestamp,
    entropy: u64,
    tried: u8,
    /// A write that got no answer: what was there before, and what it put there if it happened.
    unanswered: Option<(Option<SettingsRow>, PoolRow)>,
    phase: Phase,
}

#[allow(clippy::large_enum_variant, reason = "a change of settings is in one phase at a time")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Reading,
    /// There is no pool: was there one before?
    ReadingMark(OwnRows),
    Writing(Option<SettingsRow>, PoolRow),
    Taken,
}

impl Operation for SetPool {
    type Outcome = SetPoolOutcome;
    type Machine = PoolSetting;

    fn start(self, settings: Arc<Settings>, now: Timestamp, entropy: u64) -> (PoolSetting, Step<SetPoolOutcome>) {
        let setting = PoolSetting {
            request: self,
            settings,
            asked_at: now,
            entropy,
            tried: 0,
            unanswered: None,
            phase: Phase::Reading,
        };
        (setting, Step::send(OwnRows::requests()))
    }
}

impl Machine for PoolSetting {
    type Outcome = SetPoolOutcome;

    fn resume(&mut self, replies: Replies, _: Timestamp) -> Step<SetPoolOutcome> {
        match std::mem::replace(&mut self.phase, Phase::Taken) {
            Phase::Reading => match OwnRows::of(replies.table()) {
                Ok(found) if found.settings.is_none() && self.request.patch.limit.is_some() => {
                    self.phase = Phase::ReadingMark(found);
                    Step::send([Settings::HIGH_WATER_READ])
                }
                Ok(found) => self.decide(found, None),
                Err(failure) => self.again(failure),
            },
            Phase::ReadingMark(found) => match replies.table() {
                [Reply::Row(mark)] => self.decide(found, limit_before(mark.as_ref())),
                [other] => self.again(failure_of(&other)),
            },
            Phase::Writing(before, after) => match replies.table() {
                [Reply::Written] => Step::done(SetPoolOutcome::Set { before, after }),
                [other] => {
                    if other == Reply::Unknown {
                        self.unanswered.get_or_insert((before, after));
                    }
                    self.again(failure_of(&other))
                }
            },
            Phase::Taken => self.again(Failure::Unavailable),
        }
    }
}

impl PoolSetting {
    fn decide(&mut self, rows: OwnRows, before: Option<Limit>) -> Step<SetPoolOutcome> {
        let found = rows.settings.clone();
        if let (Some(SettingsRow::Valid(row)), Some((before, after))) = (&found, &self.unanswered)
            && row == after
        {
            return Step::done(SetPoolOutcome::Set { before: before.clone(), after: after.clone() });
        }
        if let ExpectedSettings::Exactly(expected) = &self.request.expected
            && expected.as_deref() != found.as_ref()
        {
            return Step::done(SetPoolOutcome::Superseded(found));
        }
        let mut after = match self.request.patch.apply(&self.settings.prefix, found.as_ref(), self.asked_at) {
            Ok(after) => after,
            Err(failure) => return Step::failed(failure),
        };
        if let Some(from) = before.filter(|before| *before > after.limit) {
            after.lowered = Some(Lowered { from, at: self.asked_at });
        }
        if matches!(&found, Some(SettingsRow::Valid(row)) if *row == after) {
            return Step::done(SetPoolOutcome::Set { before: found, after });
        }
        let noted = HistoryRow {
            key: HistoryKey { at: self.asked_at, own: self.entropy },
            change: change_of(found.as_ref(), &after),
            by: self.request.by.clone(),
        };
        let shortening = shortening(&self.settings.prefix, found.as_ref(), &after, self.asked_at);
        let request = writes::set_pool(after.clone(), &rows, shortening, noted);
        self.phase = Phase::Writing(found, after);
        Step::send([request])
    }

    fn again(&mut self, failure: Failure) -> Step<SetPoolOutcome> {
        let Some(pause) = next_try(&mut self.tried, self.settings.tries, self.entropy) else {
            return Step::failed(failure);
        };
        self.phase = Phase::Reading;
        Step::send_after(pause, OwnRows::requests())
    }
}

/// The highest limit that callers of a pool which was retired may follow: any, as its mark tells only how far slots were
/// used; none, if there is no mark, as nobody was ever granted a lease.
fn limit_before(mark: Option<&Row>) -> Option<Limit> {
    mark.map(|_| Limit::HIGHEST)
}

/// What is noted of settings that are set.
fn change_of(before: Option<&SettingsRow>, after: &PoolRow) -> PoolChange {
    let named = |row: &PoolRow| {
        let time = |time: Option<Millis>| time.map(|time| time.0);
        [
            ("limit", Some(u64::from(row.limit.count()))),
            ("lease_ms", time(row.lease)),
            ("grace_ms", time(row.grace)),
            ("quiet_ms", time(row.quiet)),
            ("longest_wait_ms", time(row.longest_wait)),
            ("longest_hold_ms", time(row.longest_hold)),
            ("sweep_every_ms", time(row.sweep_every)),
        ]
    };
    match before {
        None => PoolChange::Made(after.limit),
        Some(SettingsRow::Valid(before)) => PoolChange::Set(SettingChanges::between(Some(named(before)), named(after))),
        Some(SettingsRow::Unreadable(_)) => PoolChange::Set(SettingChanges::between(None, named(after))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::LimitRows;
    use crate::limit::script::{by_ann as overridden_by_ann, limit, own_rows, replies, settings};
    use crate::operation::Effect;
    use crate::request::{Condition, Guard, Mutation, Write};
    use crate::rows::{HighWaterRow, OverrideRow, RowKey, Unreadable};

    const NOW: Timestamp = Timestamp::seconds(1_000);

    fn by_ann() -> Author {
        Author::new("ann", "a slow partner")
    }

    fn to_limit(count: u64) -> PoolPatch {
        PoolPatch { limit: Some(limit(count)), ..PoolPatch::default() }
    }

    fn apply(patch: &PoolPatch, before: Option<&SettingsRow>) -> Result<PoolRow, Failure> {
        patch.apply(&"p".parse().expect("a name"), before, NOW)
    }

    fn unreadable() -> SettingsRow {
        SettingsRow::Unreadable(Unreadable {
            why: "no limit".into(),
            image: b"{}".as_slice().into(),
            newer_edition: None,
            remains: Box::default(),
        })
    }

    /// What a change comes to, if each of its steps gets one of these replies at this time. There is no override.
    fn run(set: SetPool, replies: impl IntoIterator<Item = (Reply, Timestamp)>) -> Step<SetPoolOutcome> {
        let settings = Settings::new("p".parse().expect("a name"), limit(5));
        let (mut setting, mut step) = set.start(Arc::new(settings), NOW, 0);
        for (reply, now) in replies {
            let Step::Perform { effects, .. } = &step else { panic!("it is over before {reply:?}: {step:?}") };
            let no_override = (effects.len() == 2).then_some(Reply::Row(None));
            step = setting.resume([reply].into_iter().chain(no_override).map(Into::into).collect(), now);
        }
        step
    }

    /// What a change of these settings beside this override writes.
    fn written(patch: PoolPatch, pool: PoolRow, live: Option<OverrideRow>) -> Vec<Write> {
        let set = SetPool { patch, by: by_ann(), expected: ExpectedSettings::Any };
        let (mut setting, _) = set.start(settings(), NOW, 0);
        let step = setting.resume(replies(own_rows(Some(pool), live)), NOW);
        let Step::Perform { effects, .. } = step else { panic!("{step:?}") };
        match &effects[..] {
            [Effect::Request(request)] => request.writes().to_vec(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_override_settles_no_sooner_by_a_shorter_quiet_period() {
        let quiet = |seconds| PoolPatch { quiet: Some(Millis::seconds(seconds)), ..PoolPatch::default() };
        let beside = |patch, live| {
            let written = written(patch, PoolRow::new(limit(9)), live);
            written.into_iter().find(|write| write.key == RowKey::Override)
        };
        let lowered = |seconds| Some(Lowered { from: limit(9), at: Timestamp::seconds(seconds) });
        let live = |lowered| OverrideRow { lowered, ..overridden_by_ann(3, Timestamp::seconds(990)) };
        // Twice 35 s become twice 10 s: from now on it takes those 50 s besides.
        let write = beside(quiet(10), Some(live(lowered(990)))).expect("a write of the override");
        assert_eq!(write.mutation, Mutation::Put(Row::Override(live(lowered(1_050)))));
        let made = Condition::OverrideMade(Some(Timestamp::seconds(990)));
        assert_eq!(write.conditions, [(Guard::SetLimitOverrideUnchanged, made)]);
        // One that is made meanwhile would settle by the settings of before.
        let write = beside(quiet(10), None).expect("a check of the override");
        assert_eq!(write.mutation, Mutation::Check);
        assert_eq!(write.conditions, [(Guard::SetLimitOverrideUnchanged, Condition::OverrideMade(None))]);
        assert_eq!(beside(quiet(40), Some(live(lowered(990)))), None);
        assert_eq!(beside(to_limit(2), Some(live(lowered(990)))), None);
    }

    #[test]
    fn without_a_limit_no_pool_is_looked_for_in_the_past() {
        let set = SetPool { patch: PoolPatch::default(), by: by_ann(), expected: ExpectedSettings::Any };
        assert_eq!(run(set, [(Reply::Row(None), NOW)]), Step::Done(Err(Failure::PoolNotFound)));
    }

    #[test]
    fn a_change_keeps_what_it_does_not_name() {
        let before = PoolRow {
            lease: Some(Millis::seconds(60)),
            grace: Some(Millis::seconds(2)),
            quiet: Some(Millis::seconds(20)),
            longest_wait: Some(Millis::seconds(600)),
            longest_hold: Some(Millis::seconds(900)),
            sweep_every: Some(Millis::seconds(30)),
            ..PoolRow::new(limit(5))
        };
        let valid = SettingsRow::Valid(before.clone());
        assert_eq!(apply(&PoolPatch::default(), Some(&valid)), Ok(before.clone()));
        let patch = PoolPatch { sweep_every: Some(Millis::seconds(10)), ..to_limit(7) };
        let after = PoolRow { limit: limit(7), sweep_every: Some(Millis::seconds(10)), ..before };
        assert_eq!(apply(&patch, Some(&valid)), Ok(after));
    }

    #[test]
    fn a_limit_makes_a_pool_and_nothing_else_does() {
        assert_eq!(apply(&to_limit(3), None), Ok(PoolRow::new(limit(3))));
        let no_limit = PoolPatch { lease: Some(Millis::seconds(60)), ..PoolPatch::default() };
        assert_eq!(apply(&no_limit, None), Err(Failure::PoolNotFound));
    }

    #[test]
    fn a_lowered_limit_leaves_its_mark() {
        let five = SettingsRow::Valid(PoolRow::new(limit(5)));
        let lowered = Some(Lowered { from: limit(5), at: NOW });
        assert_eq!(apply(&to_limit(3), Some(&five)), Ok(PoolRow { lowered, ..PoolRow::new(limit(3)) }));
        assert_eq!(apply(&to_limit(7), Some(&five)), Ok(PoolRow::new(limit(7))));
    }

    #[test]
    fn an_unreadable_row_is_replaced_only_with_a_limit() {
        let lowered = Some(Lowered { from: Limit::HIGHEST, at: NOW });
        assert_eq!(apply(&to_limit(3), Some(&unreadable())), Ok(PoolRow { lowered, ..PoolRow::new(limit(3)) }));
        let highest = PoolPatch { limit: Some(Limit::HIGHEST), ..PoolPatch::default() };
        assert_eq!(apply(&highest, Some(&unreadable())), Ok(PoolRow::new(Limit::HIGHEST)));
        let no_limit = PoolPatch { lease: Some(Millis::seconds(60)), ..PoolPatch::default() };
        let refused = apply(&no_limit, Some(&unreadable()));
        assert!(matches!(refused, Err(Failure::PoolMisconfigured(_))), "{refused:?}");
    }

    #[test]
    fn a_row_of_a_newer_edition_is_never_replaced() {
        let SettingsRow::Unreadable(row) = unreadable() else { unreachable!() };
        let newer = SettingsRow::Unreadable(Unreadable { newer_edition: Some(3), ..row });
        let refused = apply(&to_limit(3), Some(&newer));
        assert!(matches!(refused, Err(Failure::PoolMisconfigured(_))), "{refused:?}");
    }

    #[test]
    fn each_setting_that_can_be_read_of_an_unreadable_row_is_kept() {
        let remains = PoolPatch {
            limit: None,
            lease: Some(Millis::seconds(60)),
            grace: Some(Millis::seconds(2)),
            quiet: Some(Millis::seconds(20)),
            longest_wait: Some(Millis::seconds(600)),
            longest_hold: Some(Millis::seconds(900)),
            sweep_every: Some(Millis::seconds(30)),
        };
        let kept = |remains: PoolPatch| {
            let SettingsRow::Unreadable(row) = unreadable() else { unreachable!() };
            let row = SettingsRow::Unreadable(Unreadable { remains: Box::new(remains), ..row });
            apply(&to_limit(3), Some(&row))
        };
        let with = |lease| PoolRow {
            lease,
            grace: remains.grace,
            quiet: remains.quiet,
            longest_wait: remains.longest_wait,
            longest_hold: remains.longest_hold,
            sweep_every: remains.sweep_every,
            lowered: Some(Lowered { from: Limit::HIGHEST, at: NOW }),
            ..PoolRow::new(limit(3))
        };
        assert_eq!(kept(remains.clone()), Ok(with(remains.lease)));
        // A lease of no length makes no sense: the default takes its place, and the others stay.
        assert_eq!(kept(PoolPatch { lease: Some(Millis(0)), ..remains.clone() }), Ok(with(None)));
    }

    #[test]
    fn a_lease_of_no_length_is_corrected_along_with_the_limit() {
        let before = SettingsRow::Valid(PoolRow { lease: Some(Millis(0)), ..PoolRow::new(limit(5)) });
        let refused = apply(&to_limit(7), Some(&before));
        assert!(matches!(refused, Err(Failure::PoolMisconfigured(_))), "{refused:?}");
        let lease = Some(Millis::seconds(60));
        let both = PoolPatch { lease, ..to_limit(7) };
        assert_eq!(apply(&both, Some(&before)), Ok(PoolRow { lease, ..PoolRow::new(limit(7)) }));
    }

    #[test]
    fn a_lowered_limit_settles_no_sooner_by_a_shorter_quiet_period() {
        let quiet = |seconds| Some(Millis::seconds(seconds));
        let before = PoolRow { quiet: quiet(60), ..PoolRow::new(limit(5)) };
        let settles_at = |row: &PoolRow| {
            let settings = Settings::from_rows("p".parse().expect("a name"), row, None, None, NOW).expect("settings");
            settings.followed_at(row.lowered.expect("it is lowered"))
        };
        let set = |patch: PoolPatch, before: &PoolRow| {
            apply(&patch, Some(&SettingsRow::Valid(before.clone()))).expect("settings")
        };
        let lowered = set(to_limit(1), &before);
        let until = settles_at(&lowered);
        assert_eq!(until, NOW + Millis::seconds(60 + 60 + 5));
        // After it or with it, at once or bit by bit.
        let shorter = PoolPatch { quiet: quiet(6), ..PoolPatch::default() };
        let short = set(shorter.clone(), &lowered);
        assert_eq!(settles_at(&short), until);
        assert_eq!(settles_at(&set(PoolPatch { grace: Some(Millis(0)), ..PoolPatch::default() }, &short)), until);
        assert_eq!(settles_at(&set(PoolPatch { limit: Some(limit(1)), ..shorter }, &before)), until);
        // A longer one counts in full.
        let longer = PoolPatch { quiet: quiet(90), ..PoolPatch::default() };
        assert_eq!(settles_at(&set(longer, &lowered)), NOW + Millis::seconds(90 + 90 + 5));
    }

    #[test]
    fn a_lowering_soon_after_a_shorter_quiet_settles_no_sooner() {
        let rules = |row: &PoolRow, now| {
            Settings::from_rows("p".parse().expect("a name"), row, None, None, now).expect("settings")
        };
        let set = |patch: &PoolPatch, before: &PoolRow, now| {
            patch
                .apply(&"p".parse().expect("a name"), Some(&SettingsRow::Valid(before.clone())), now)
                .expect("settings")
        };
        let settles_at = |row: &PoolRow, now| rules(row, now).followed_at(row.lowered.expect("it is lowered"));
        let before = PoolRow { quiet: Some(Millis::seconds(60)), ..PoolRow::new(limit(5)) };
        let shorter = PoolPatch { quiet: Some(Millis::seconds(6)), ..PoolPatch::default() };
        let until = NOW + Millis::seconds(60 + 60 + 5);
        let soon = NOW + Millis::seconds(1);

        // By itself it closes nothing.
        let short = set(&shorter, &before, NOW);
        assert_eq!((rules(&short, soon).settling(soon), rules(&short, soon).is_level(soon)), (None, true));
        let lowered = set(&to_limit(1), &short, soon);
        assert_eq!(rules(&lowered, soon).settling(soon), Some((until, limit(5))));
        // Neither does a second lowering, nor one long ago prolong anything.
        assert_eq!(settles_at(&set(&to_limit(0), &lowered, soon), soon), until);
        let both = set(&PoolPatch { limit: Some(limit(3)), ..shorter.clone() }, &before, NOW);
        assert_eq!(settles_at(&set(&to_limit(1), &both, soon), soon), until);
        let later = until + Millis(1);
        assert_eq!(settles_at(&set(&to_limit(1), &short, later), later), later + Millis::seconds(6 + 6 + 5));
        let long_ago = PoolRow { lowered: Some(Lowered { from: limit(9), at: Timestamp(0) }), ..before };
        assert_eq!(rules(&set(&shorter, &long_ago, NOW), soon).settling(soon), None);
    }

    #[test]
    fn a_rise_while_a_lowering_settles_closes_nothing_for_longer() {
        let set = |to, before: &PoolRow, seconds| {
            let now = NOW + Millis::seconds(seconds);
            to_limit(to).apply(&"p".parse().expect("a name"), Some(&SettingsRow::Valid(before.clone())), now)
        };
        let five = set(5, &PoolRow::new(limit(10)), 0).expect("settings");
        let six = set(6, &five, 6).expect("settings");
        let lowered = Some(Lowered { from: limit(10), at: NOW });
        assert_eq!((five.lowered, six.lowered), (lowered, lowered));
        // A second lowering counts from its own moment.
        let again = set(5, &six, 12).expect("settings");
        assert_eq!(again.lowered, Some(Lowered { from: limit(10), at: NOW + Millis::seconds(12) }));
    }

    #[test]
    fn a_pool_that_is_made_again_settles_where_more_may_be_in_use() {
        let made = |limit, mark: Option<Row>| {
            let set = SetPool { patch: to_limit(limit), by: by_ann(), expected: ExpectedSettings::Any };
            let replies = [Reply::Row(None), Reply::Row(mark), Reply::Written].map(|reply| (reply, NOW));
            match run(set, replies) {
                Step::Done(Ok(SetPoolOutcome::Set { before: None, after })) => after,
                other => panic!("{other:?}"),
            }
        };
        let mark = |slots| Some(Row::HighWater(HighWaterRow { slots, ..HighWaterRow::default() }));
        let SettingsRow::Unreadable(row) = unreadable() else { unreachable!() };
        // The mark tells how far slots were used, and not which limit was followed.
        for mark in [mark(4), mark(1), Some(Row::Unreadable(RowKey::HighWater, row))] {
            let lowered = Some(Lowered { from: Limit::HIGHEST, at: NOW });
            assert_eq!(made(4, mark), PoolRow { lowered, ..PoolRow::new(limit(4)) });
        }
        assert_eq!(made(4, None), PoolRow::new(limit(4)), "nobody was ever let in");
        assert_eq!(made(10_000, mark(4)), PoolRow::new(Limit::HIGHEST), "it is no lower than any");
    }

    #[test]
    fn settings_that_make_no_sense_are_no_missing_pool() {
        let SettingsRow::Unreadable(row) = unreadable() else { unreachable!() };
        let replies = [Reply::Row(Some(Row::Unreadable(RowKey::Pool, row.clone()))), Reply::Row(None)];
        let read = LimitRows::from_replies(&"p".parse().expect("a prefix"), replies, NOW);
        assert_eq!(read, Err(Failure::PoolMisconfigured(row.as_invalid("the pool's row"))));
    }

    #[test]
    fn settings_that_were_not_seen_stay_as_they_are() {
        let five = PoolRow::new(limit(5));
        let set = SetPool { patch: to_limit(3), by: by_ann(), expected: ExpectedSettings::Exactly(None) };
        let found = Some(SettingsRow::Valid(five.clone()));
        let step = run(set, [(Reply::Row(Some(Row::Pool(five))), NOW)]);
        assert_eq!(step, Step::Done(Ok(SetPoolOutcome::Superseded(found))));
    }

    #[test]
    fn a_write_without_an_answer_that_happened_is_known_again() {
        let (five, three) = (PoolRow::new(limit(5)), PoolRow::new(limit(3)));
        let three = PoolRow { lowered: Some(Lowered { from: limit(5), at: NOW }), ..three };
        let before = SettingsRow::Valid(five.clone());
        let expected = ExpectedSettings::Exactly(Some(Box::new(before.clone())));
        let replies = [
            (Reply::Row(Some(Row::Pool(five))), NOW),
            (Reply::Unknown, NOW),
            (Reply::Row(Some(Row::Pool(three.clone()))), NOW + Millis(50)),
        ];
        let step = run(SetPool { patch: to_limit(3), by: by_ann(), expected }, replies);
        assert_eq!(step, Step::Done(Ok(SetPoolOutcome::Set { before: Some(before), after: three })));
    }

    #[test]
    fn a_change_that_changes_nothing_writes_nothing() {
        let five = PoolRow::new(limit(5));
        let before = Some(SettingsRow::Valid(five.clone()));
        let set = SetPool { patch: to_limit(5), by: by_ann(), expected: ExpectedSettings::Any };
        let step = run(set, [(Reply::Row(Some(Row::Pool(five.clone()))), NOW)]);
        assert_eq!(step, Step::Done(Ok(SetPoolOutcome::Set { before, after: five })));
    }
}
