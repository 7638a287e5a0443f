//! Limit changes: how does an operator override a pool's limit while leases are held, and end that again?
//!
//! An override is a row of its own, which wins over the pool's settings and survives a deploy. It keeps the highest
//! limit that callers with cached settings may still use, so that after a lowering the slots up to it count as held
//! until everyone surely follows the new one; when the override ends, the pool's own row keeps that. Then the pool is
//! settled: a raise wakes waiters.
//!
//! Of changes that meet, the one that was asked for last stays: a change that finds a newer one gives in and says so.
//! Both of the pool's rows are guarded: who reads them around the end of an override, and sees the limit of one moment
//! with the mark of another, writes nothing.

use std::sync::Arc;

use crate::backoff::next_try;
use crate::failure::Failure;
use crate::history::{Author, HistoryKey, HistoryRow, PoolChange};
use crate::operation::{Replies, Step};
use crate::reads::OwnRows;
use crate::request::Reply;
use crate::rows::{LiveRow, Lowered, OverrideRow, PoolRow, SettingsRow};
use crate::settings::Settings;
use crate::settle::{Scope, Settle};
use crate::time::{Millis, Timestamp};
use crate::types::{Limit, PoolName};

/// The override that whoever asks for a change has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExpectedOverride {
    /// Whichever there is.
    Any,
    /// The one made then (none: there is none).
    Made(Option<Timestamp>),
}

/// A limit that was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LimitChanged {
    /// From; where the override before could not be read, the limit of the pool's settings.
    pub from: Limit,
    /// To.
    pub to: Limit,
    /// What counts as held for now, if the limit may have been lowered.
    pub lowered: Option<Lowered>,
}

/// Another change of the limit is newer, so this one was not made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LimitSuperseded {
    /// The limit in force.
    pub limit: Limit,
    /// The override that it is by; none: it is that of the pool's settings.
    pub by: Option<OverrideRow>,
}

/// A limit change under way: what both kinds share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LimitChange {
    expected: ExpectedOverride,
    settings: Arc<Settings>,
    pub(crate) asked_at: Timestamp,
    pub(crate) entropy: u64,
    tried: u8,
}

/// The pool's own rows, as whoever changes the limit finds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitRows {
    /// The settings, as they lie there.
    pub(crate) settings: SettingsRow,
    /// The settings.
    pub pool: PoolRow,
    /// An operator's override.
    pub live: Option<LiveRow>,
    /// The rules that they give; without the override where that makes no sense, or has lapsed.
    pub in_force: Settings,
    /// When this was so.
    pub at: Timestamp,
}

impl LimitChange {
    pub(crate) fn new(
        expected: ExpectedOverride,
        settings: Arc<Settings>,
        asked_at: Timestamp,
        entropy: u64,
    ) -> LimitChange {
        LimitChange { expected, settings, asked_at, entropy, tried: 0 }
    }

    pub(crate) fn found(&self, replies: Replies, now: Timestamp) -> Result<LimitRows, Failure> {
        LimitRows::from_replies(&self.settings.prefix, replies.table(), now)
    }

    /// Whether this change has to give in: to an override that was asked for while this change was under way, or because
    /// what is there is not what whoever asks has seen. An override that is dated after `now` is from another clock, or
    /// of the same millisecond: it does not count as newer.
    pub(crate) fn is_superseded(&self, found: &LimitRows, now: Timestamp) -> bool {
        let newer = |at: Timestamp| at > self.asked_at && at <= now;
        let expected = match (self.expected, &found.live) {
            (ExpectedOverride::Any, _) => true,
            (ExpectedOverride::Made(_), Some(LiveRow::Unreadable(_))) => false,
            (ExpectedOverride::Made(at), _) => at == found.in_force_since(),
        };
        !expected || found.live_at().is_some_and(newer)
    }

    /// What is noted of it.
    pub(crate) fn note(&self, change: PoolChange, by: Author) -> HistoryRow {
        HistoryRow { key: HistoryKey { at: self.asked_at, own: self.entropy }, change, by }
    }

    /// Reads the pool's own rows once more, if a try is left.
    pub(crate) fn again<T>(&mut self, failure: Failure) -> Step<T> {
        match next_try(&mut self.tried, self.settings.tries, self.entropy) {
            Some(pause) => read_own_rows(pause),
            None => Step::failed(failure),
        }
    }

    /// Settles the pool under these rules: a raise wakes waiters.
    pub(crate) fn settle<T>(&self, settings: Arc<Settings>, now: Timestamp) -> (Box<Settle>, Step<T>) {
        Settle::start(settings, self.entropy, Scope::All, now)
    }

    /// The rules once `limit` is in force.
    pub(crate) fn after(&self, found: &LimitRows, limit: Limit, lowered: Option<Lowered>) -> Arc<Settings> {
        let (tombstone, tries) = (self.settings.tombstone, self.settings.tries);
        Arc::new(Settings { limit, lowered, tombstone, tries, ..found.in_force.clone() })
    }
}

impl LimitRows {
    /// What the replies to [`Settings::reads`] bring, and mean at `now`.
    ///
    /// # Errors
    /// `PoolNotFound`; `PoolMisconfigured` where the settings make no sense; or what a reply stands for that brought no
    /// row. An override that makes no sense is found as such.
    pub fn from_replies(prefix: &PoolName, replies: [Reply; 2], now: Timestamp) -> Result<LimitRows, Failure> {
        let OwnRows { settings, live } = OwnRows::of(replies)?;
        let settings = settings.ok_or(Failure::PoolNotFound)?;
        let pool = match &settings {
            SettingsRow::Valid(pool) => pool.clone(),
            SettingsRow::Unreadable(row) => return Err(Failure::PoolMisconfigured(row.as_invalid("the pool's row"))),
        };
        let valid = if let Some(LiveRow::Valid(row)) = &live { Some(row) } else { None };
        let in_force =
            Settings::from_rows(prefix.clone(), &pool, valid, None, now).map_err(Failure::PoolMisconfigured)?;
        Ok(LimitRows { settings, pool, live, in_force, at: now })
    }

    /// What somebody has seen who was shown these rows: an override that makes no sense tells nothing of itself.
    pub fn as_shown(&self) -> ExpectedOverride {
        match &self.live {
            Some(LiveRow::Unreadable(_)) => ExpectedOverride::Any,
            _ => ExpectedOverride::Made(self.in_force_since()),
        }
    }

    /// What counts as held once the limit is this one. Where the override cannot be read, any limit may be in use. Where
    /// it lapses before this change is surely written, on anybody's clock, so may be the limit of the settings.
    pub fn lowered_by(&self, limit: Limit, now: Timestamp) -> Option<Lowered> {
        if let Some(LiveRow::Unreadable(_)) = &self.live {
            return Lowered::from_unknown(limit, now);
        }
        let next = self.lapses_soon(now).then_some(self.pool.limit);
        let in_use = next.into_iter().fold(self.in_force.highest_in_use(now), Limit::max);
        (limit < in_use).then(|| Lowered { from: in_use, at: self.dated(limit, now) })
    }

    /// As [`Settings::dated`], and no earlier than what settles by the pool's own row. A lapse meanwhile is a change, too.
    fn dated(&self, limit: Limit, now: Timestamp) -> Timestamp {
        let in_force = self.in_force.dated(limit, now);
        let own = self.pool.lowered.filter(|lowered| now < self.in_force.followed_at(*lowered));
        let lapse = self.lapses_soon(now).then_some(now);
        own.map(|own| own.at).into_iter().chain(lapse).fold(in_force, Timestamp::max)
    }

    /// The same once an override gives this limit. One that gives the limit of the override before, for another reason or
    /// another while, lowers nothing: what settles by then goes on to settle, from when it began.
    pub fn lowered_by_override(&self, limit: Limit, now: Timestamp) -> Option<Lowered> {
        let lowered = self.lowered_by(limit, now)?;
        let kept = self.live_in_force().filter(|live| live.limit == limit).and_then(|live| live.lowered);
        // Its lapse meanwhile would be a change.
        Some(kept.filter(|_| !self.lapses_soon(now)).unwrap_or(lowered))
    }

    /// Whether the override may lapse before a change of now is surely written, on anybody's clock.
    fn lapses_soon(&self, now: Timestamp) -> bool {
        let Settings { quiet, grace, .. } = self.in_force;
        let until = self.live_in_force().and_then(|live| live.until);
        until.is_some_and(|until| until <= now + quiet + grace)
    }

    /// The override that gives the limit, if one does.
    pub fn live_in_force(&self) -> Option<&OverrideRow> {
        match &self.live {
            Some(LiveRow::Valid(row)) if row.is_in_force(self.at) => Some(row),
            _ => None,
        }
    }

    /// The override that has lapsed and still lies there.
    pub(crate) fn lapsed(&self) -> Option<&OverrideRow> {
        match &self.live {
            Some(LiveRow::Valid(row)) if !row.is_in_force(self.at) => Some(row),
            _ => None,
        }
    }

    /// The note on the lapse of an override that still lies there: nobody has cleared it away and noted that yet.
    pub fn lapse(&self) -> Option<HistoryRow> {
        self.lapsed().map(|lapsed| lapsed.lapse(self.in_force.limit))
    }

    pub(crate) fn in_force_since(&self) -> Option<Timestamp> {
        self.live_in_force().map(|row| row.at)
    }

    pub(crate) fn live_at(&self) -> Option<Timestamp> {
        if let Some(LiveRow::Valid(row)) = &self.live { Some(row.at) } else { None }
    }

    pub(crate) fn superseded(self) -> LimitSuperseded {
        let by = self.live_in_force().cloned();
        LimitSuperseded { limit: self.in_force.limit, by }
    }
}

/// Reads the pool's own rows.
pub(crate) fn read_own_rows<T>(pause: Millis) -> Step<T> {
    Step::send_after(pause, OwnRows::requests())
}

/// What the tests of both changes share: rows, and replies that a script gives.
#[cfg(test)]
pub(crate) mod script {
    use super::*;
    use crate::history::HistoryRow;
    use crate::operation::{Effect, EffectReply};
    use crate::request::{Mutation, Write};
    use crate::rows::Row;

    pub(crate) const NOW: Timestamp = Timestamp::seconds(1_000);

    pub(crate) fn limit(count: u64) -> Limit {
        Limit::try_from(count).expect("a limit")
    }

    pub(crate) fn settings() -> Arc<Settings> {
        Arc::new(Settings::new("p".parse().expect("a name"), limit(5)))
    }

    pub(crate) fn by_ann(to: u64, at: Timestamp) -> OverrideRow {
        OverrideRow {
            limit: limit(to),
            lowered: None,
            at,
            until: None,
            who: "ann".into(),
            why: "a slow partner".into(),
        }
    }

    pub(crate) fn own_rows(pool: Option<PoolRow>, live: Option<OverrideRow>) -> Vec<Reply> {
        vec![Reply::Row(pool.map(Row::Pool)), Reply::Row(live.map(Row::Override))]
    }

    pub(crate) fn five() -> Option<PoolRow> {
        Some(PoolRow::new(limit(5)))
    }

    pub(crate) fn empty_pool() -> Vec<Reply> {
        vec![Reply::Slots(vec![]), Reply::Queue(vec![], false)]
    }

    pub(crate) fn replies(replies: Vec<Reply>) -> Replies {
        replies.into_iter().map(EffectReply::from).collect()
    }

    /// The rows that a step puts, but for what it notes.
    pub(crate) fn puts<T>(step: &Step<T>) -> Vec<Row> {
        all_puts(step).into_iter().filter(|row| !matches!(row, Row::History(_))).collect()
    }

    /// What a step notes.
    pub(crate) fn noted<T>(step: &Step<T>) -> Vec<HistoryRow> {
        let note = |row| if let Row::History(row) = row { Some(row) } else { None };
        all_puts(step).into_iter().filter_map(note).collect()
    }

    fn all_puts<T>(step: &Step<T>) -> Vec<Row> {
        let Step::Perform { effects, .. } = step else { return vec![] };
        let requests =
            effects.iter().filter_map(|effect| if let Effect::Request(it) = effect { Some(it) } else { None });
        let put = |write: &Write| if let Mutation::Put(row) = &write.mutation { Some(row.clone()) } else { None };
        requests.flat_map(|request| request.writes().iter().filter_map(put)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::script::{NOW, by_ann, five, limit, own_rows};
    use super::*;
    use crate::rows::{Row, RowKey, Unreadable};

    #[test]
    fn a_lapse_that_nobody_has_noted_is_known() {
        let found = |until: Timestamp| {
            let live = OverrideRow { until: Some(until), ..by_ann(8, Timestamp::seconds(900)) };
            let [pool, live] = own_rows(five(), Some(live)).try_into().expect("two rows");
            LimitRows::from_replies(&"p".parse().expect("a name"), [pool, live], NOW).expect("rows")
        };
        let lapse = found(NOW).lapse().expect("it has lapsed");
        assert_eq!(lapse.change, PoolChange::Lapsed { from: limit(8), to: limit(5) });
        assert_eq!(found(NOW + Millis(1)).lapse(), None);
    }

    #[test]
    fn a_change_is_dated_no_earlier_than_what_settles_still() {
        let seconds = Timestamp::seconds;
        let lowered = |from, at| Some(Lowered { from: limit(from), at: seconds(at) });
        let found = |pool: PoolRow, live: Option<OverrideRow>| {
            let [pool, live] = own_rows(Some(pool), live).try_into().expect("two rows");
            LimitRows::from_replies(&"p".parse().expect("a name"), [pool, live], NOW).expect("rows")
        };
        let of = |count, lowered| PoolRow { lowered, ..PoolRow::new(limit(count)) };
        let live = |to, lowered| Some(OverrideRow { lowered, ..by_ann(to, seconds(990)) });
        // A quiet period became shorter: the pool's own row is dated later, and stands for every change.
        assert_eq!(found(of(5, lowered(5, 1_050)), None).lowered_by(limit(3), NOW), lowered(5, 1_050));
        assert_eq!(found(of(5, lowered(5, 1_050)), live(8, None)).lowered_by(limit(3), NOW), lowered(8, 1_050));
        assert_eq!(found(of(5, None), live(5, lowered(5, 1_050))).lowered_by(limit(3), NOW), lowered(5, 1_050));
        // A rise below the limit of before leaves the date; a second lowering does not.
        assert_eq!(found(of(5, None), live(4, lowered(8, 980))).lowered_by(limit(6), NOW), lowered(8, 980));
        assert_eq!(found(of(5, None), live(4, lowered(8, 980))).lowered_by(limit(3), NOW), lowered(8, 1_000));
        assert_eq!(found(of(5, lowered(8, 990)), live(4, lowered(8, 980))).lowered_by(limit(6), NOW), lowered(8, 990));
        // One that lapses soon is a change itself.
        let lapses = live(4, lowered(8, 980)).map(|live| OverrideRow { until: Some(seconds(1_010)), ..live });
        assert_eq!(found(of(5, None), lapses).lowered_by(limit(6), NOW), lowered(8, 1_000));
    }

    #[test]
    fn an_override_that_can_not_be_read_may_be_any() {
        let unreadable = Unreadable {
            why: "no limit".into(),
            image: b"{}".as_slice().into(),
            newer_edition: None,
            remains: Box::default(),
        };
        let replies = [five().map(Row::Pool), Some(Row::Unreadable(RowKey::Override, unreadable))].map(Reply::Row);
        let found = LimitRows::from_replies(&"p".parse().expect("a name"), replies, NOW).expect("rows");
        assert_eq!((found.as_shown(), found.in_force.limit), (ExpectedOverride::Any, limit(5)));
        // Callers may follow whatever it said.
        let lowered = Some(Lowered { from: Limit::HIGHEST, at: NOW });
        assert_eq!(found.lowered_by(limit(7), NOW), lowered);
    }
}
