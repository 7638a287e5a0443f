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

use crate::backoff::jitter;
use crate::failure::Failure;
use crate::operation::{Replies, Step};
use crate::reads::{LiveRow, OwnRows};
use crate::rows::{Lowered, OverrideRow, PoolRow, SettingsRow};
use crate::settings::Settings;
use crate::time::{Millis, Timestamp};
use crate::types::Limit;

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

/// The pool's own rows, as a change found them.
pub(crate) struct OwnRowsFound {
    pub(crate) settings: SettingsRow,
    pub(crate) pool: PoolRow,
    pub(crate) live: Option<LiveRow>,
    /// The rules that they give; without the override where that cannot be read.
    pub(crate) in_force: Settings,
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

    pub(crate) fn found(&self, replies: Replies) -> Result<OwnRowsFound, Failure> {
        let OwnRows { settings, live } = OwnRows::of(replies.table())?;
        let settings = settings.ok_or(Failure::PoolNotFound)?;
        let pool = match &settings {
            SettingsRow::Valid(pool) => pool.clone(),
            SettingsRow::Unreadable(row) => return Err(Failure::PoolMisconfigured(row.as_invalid("the pool's row"))),
        };
        let valid = if let Some(LiveRow::Valid(row)) = &live { Some(row) } else { None };
        let in_force = Settings::from_rows(self.settings.prefix.clone(), &pool, valid);
        Ok(OwnRowsFound { settings, pool, live, in_force: in_force.map_err(Failure::PoolMisconfigured)? })
    }

    /// Whether this change has to give in: to an override that was asked for while this change was under way, or because
    /// what is there is not what whoever asks has seen. An override that is dated after `now` is from another clock, or
    /// of the same millisecond: it does not count as newer.
    pub(crate) fn is_superseded(&self, found: &OwnRowsFound, now: Timestamp) -> bool {
        let newer = |at: Timestamp| at > self.asked_at && at <= now;
        let expected = match (self.expected, &found.live) {
            (ExpectedOverride::Any, _) => true,
            (ExpectedOverride::Made(at), None) => at.is_none(),
            (ExpectedOverride::Made(at), Some(LiveRow::Valid(row))) => at == Some(row.at),
            (ExpectedOverride::Made(_), Some(LiveRow::Unreadable(_))) => false,
        };
        !expected || found.live_at().is_some_and(newer)
    }

    /// A pause before another try, if there is one left.
    pub(crate) fn next_try(&mut self) -> Option<Millis> {
        self.tried += 1;
        (self.tried <= self.settings.tries).then(|| jitter(self.entropy, self.tried))
    }

    /// The rules once `limit` is in force.
    pub(crate) fn after(&self, found: &OwnRowsFound, limit: Limit, lowered: Option<Lowered>) -> Arc<Settings> {
        let (tombstone, tries) = (self.settings.tombstone, self.settings.tries);
        Arc::new(Settings { limit, lowered, tombstone, tries, ..found.in_force.clone() })
    }
}

impl OwnRowsFound {
    /// What counts as held once the limit is this one. Where the override cannot be read, any limit may be in use.
    pub(crate) fn lowered_by(&self, limit: Limit, now: Timestamp) -> Option<Lowered> {
        match &self.live {
            Some(LiveRow::Unreadable(_)) => {
                (limit < Limit::HIGHEST).then_some(Lowered { from: Limit::HIGHEST, at: now })
            }
            _ => self.in_force.lowered_by(limit, now),
        }
    }

    pub(crate) fn live_at(&self) -> Option<Timestamp> {
        if let Some(LiveRow::Valid(row)) = &self.live { Some(row.at) } else { None }
    }

    pub(crate) fn superseded(self) -> LimitSuperseded {
        let by = if let Some(LiveRow::Valid(row)) = self.live { Some(row) } else { None };
        LimitSuperseded { limit: self.in_force.limit, by }
    }
}

/// Reads the pool's own rows.
pub(crate) fn read_own_rows<T>(pause: Millis) -> Step<T> {
    Step::send_after(pause, OwnRows::requests())
}
