//! History of a pool: what is noted of each change, and who made it?
//!
//! Whoever changes a pool's settings or its limit notes that in the same transaction, in a row of its own. Nothing on
//! the way to a lease reads these rows. The last [`NOTED`] are kept; who makes a change takes older ones away.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::time::{Millis, Timestamp};
use crate::types::Limit;

/// How many changes of a pool are kept.
pub const NOTED: usize = 100;

/// How long a note is kept at most, also of a pool that is retired and never changed again: about two years.
const KEPT_FOR: Millis = Millis::seconds(2 * 366 * 24 * 3_600);

/// Who changes a pool, and why.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Author {
    /// Who.
    pub who: Arc<str>,
    /// Why, in their words; empty: they did not say.
    pub why: Arc<str>,
}

impl Author {
    /// Somebody who says why.
    pub fn new(who: impl Into<Arc<str>>, why: impl Into<Arc<str>>) -> Author {
        Author { who: who.into(), why: why.into() }
    }
}

/// Where a note lies: when the change was asked for, and a random number to tell it from others of that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HistoryKey {
    /// When.
    pub at: Timestamp,
    /// A random number.
    pub own: u64,
}

/// One change of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HistoryRow {
    /// When it was asked for.
    pub key: HistoryKey,
    /// What was changed.
    pub change: PoolChange,
    /// By whom, and why. Of an override that lapsed: who made it, and why.
    pub by: Author,
}

impl HistoryRow {
    /// When the row may be deleted in any case.
    pub fn ttl(&self) -> Timestamp {
        self.key.at + KEPT_FOR
    }
}

/// What was changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PoolChange {
    /// The pool was made, with this limit.
    Made(Limit),
    /// Its settings were set.
    Set(SettingChanges),
    /// It was retired.
    Retired,
    /// Its limit was overridden, perhaps until a certain moment.
    Overridden {
        /// The limit in force before.
        from: Limit,
        /// The limit.
        to: Limit,
        /// Until when.
        until: Option<Timestamp>,
    },
    /// An override was ended.
    Ended {
        /// Its limit.
        from: Limit,
        /// The limit of the settings, in force again.
        to: Limit,
    },
    /// An override came to its end by itself.
    Lapsed {
        /// Its limit.
        from: Limit,
        /// The limit of the settings, in force again.
        to: Limit,
    },
}

impl PoolChange {
    /// The limit that it set, if it set one.
    pub fn limit(&self) -> Option<u32> {
        match self {
            PoolChange::Made(to)
            | PoolChange::Overridden { to, .. }
            | PoolChange::Ended { to, .. }
            | PoolChange::Lapsed { to, .. } => Some(to.count()),
            PoolChange::Set(changes) => changes.iter().find(|change| &*change.setting == "limit")?.to?.try_into().ok(),
            PoolChange::Retired => None,
        }
    }

    /// In one word.
    pub fn name(&self) -> &'static str {
        match self {
            PoolChange::Made(_) => "made",
            PoolChange::Set(_) => "set",
            PoolChange::Retired => "retired",
            PoolChange::Overridden { .. } => "overridden",
            PoolChange::Ended { .. } => "ended",
            PoolChange::Lapsed { .. } => "lapsed",
        }
    }
}

/// The settings that a change made another: the name of each, its value before and after; none: its default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SettingChanges(Arc<[SettingChange]>);

/// One setting that was changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SettingChange {
    /// Its name: `limit`, or that of a time, which ends in `_ms`.
    pub setting: Arc<str>,
    /// Its value before; none: its default, or nobody knows.
    pub from: Option<u64>,
    /// Its value after; none: its default.
    pub to: Option<u64>,
}

impl SettingChanges {
    /// Those that differ of these settings before and after.
    pub(crate) fn between<const N: usize>(
        before: Option<[(&'static str, Option<u64>); N]>,
        after: [(&'static str, Option<u64>); N],
    ) -> SettingChanges {
        let was = |at: usize| before.as_ref().and_then(|before| before[at].1);
        let all = after.iter().enumerate().map(|(at, (setting, to))| (*setting, was(at), *to));
        let changed = all.filter(|(_, from, to)| from != to);
        SettingChanges(changed.map(|(setting, from, to)| SettingChange { setting: setting.into(), from, to }).collect())
    }

    /// Each of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &SettingChange> {
        self.0.iter()
    }
}

impl fmt::Display for SettingChanges {
    /// As it is written down: `limit 5 7;lease_ms - 60000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = |value: Option<u64>| value.map_or("-".to_owned(), |value| value.to_string());
        for (at, SettingChange { setting, from, to }) in self.iter().enumerate() {
            let separator = if at == 0 { "" } else { ";" };
            write!(f, "{separator}{setting} {} {}", value(*from), value(*to))?;
        }
        Ok(())
    }
}

/// A text that names no changes of settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSettingChanges;

impl FromStr for SettingChanges {
    type Err = NoSettingChanges;

    fn from_str(text: &str) -> Result<SettingChanges, NoSettingChanges> {
        let value = |text: &str| match text {
            "-" => Ok(None),
            number => number.parse().map(Some).map_err(|_| NoSettingChanges),
        };
        let change = |text: &str| match text.split(' ').collect::<Vec<_>>()[..] {
            [setting, from, to] if !setting.is_empty() => {
                Ok(SettingChange { setting: setting.into(), from: value(from)?, to: value(to)? })
            }
            _ => Err(NoSettingChanges),
        };
        if text.is_empty() {
            return Ok(SettingChanges::default());
        }
        text.split(';').map(change).collect::<Result<Vec<_>, _>>().map(|changes| SettingChanges(changes.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_has_its_name() {
        let limit = Limit::HIGHEST;
        let changes = [PoolChange::Retired, PoolChange::Lapsed { from: limit, to: limit }];
        assert_eq!(changes.map(|change| change.name()), ["retired", "lapsed"]);
    }

    #[test]
    fn a_change_is_kept_for_two_years() {
        let day = 86_400_000;
        let row = HistoryRow {
            key: HistoryKey { at: Timestamp(7 * day), own: 1 },
            change: PoolChange::Retired,
            by: Author::new("ann", "a test"),
        };
        assert_eq!(row.ttl(), Timestamp((7 + 2 * 366) * day));
    }

    #[test]
    fn a_change_says_which_limit_it_set() {
        let limit = |count: u64| Limit::try_from(count).expect("a limit");
        let (from, to) = (limit(5), limit(7));
        let set = |changes: &str| PoolChange::Set(changes.parse().expect("changes"));
        let changes = [
            (PoolChange::Made(to), Some(7)),
            (PoolChange::Overridden { from, to, until: None }, Some(7)),
            (PoolChange::Ended { from, to }, Some(7)),
            (PoolChange::Lapsed { from, to }, Some(7)),
            (set("lease_ms - 1;limit 5 7"), Some(7)),
            (set("lease_ms 5 7"), None),
            (PoolChange::Retired, None),
        ];
        for (change, limit) in changes {
            assert_eq!(change.limit(), limit, "{change:?}");
        }
    }

    #[test]
    fn only_what_is_another_was_changed_and_reads_back() {
        let before = [("limit", Some(5)), ("lease_ms", None), ("grace_ms", Some(1))];
        let after = [("limit", Some(7)), ("lease_ms", Some(60_000)), ("grace_ms", Some(1))];
        let changes = SettingChanges::between(Some(before), after);
        assert_eq!(changes.to_string(), "limit 5 7;lease_ms - 60000");
        assert_eq!(changes.to_string().parse(), Ok(changes));
        assert_eq!("".parse(), Ok(SettingChanges::default()));
        assert_eq!(SettingChanges::between(None, after).to_string(), "limit - 7;lease_ms - 60000;grace_ms - 1");
    }

    #[test]
    fn what_names_no_changes_is_none() {
        for text in [" ", "limit", "limit 5", "limit 5 7 9", "limit five 7", "limit 5 7;", " 5 7"] {
            assert_eq!(text.parse::<SettingChanges>(), Err(NoSettingChanges), "{text:?}");
        }
    }
}
