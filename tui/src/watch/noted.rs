//! Notes of a pool's history: how is a change told to a person?

use leasehold_core::{HistoryRow, Millis, PoolChange, SettingChange};

use super::text::timestamp;
use crate::duration;

/// What was changed, in words.
pub fn change(change: &PoolChange) -> String {
    match change {
        PoolChange::Made(limit) => format!("made with a limit of {limit}"),
        PoolChange::Set(changes) => {
            let changes: Vec<String> = changes.iter().map(setting).collect();
            if changes.is_empty() { "set, nothing is another".into() } else { format!("set {}", changes.join(", ")) }
        }
        PoolChange::Retired => "retired".into(),
        PoolChange::Overridden { from, to, until: None } => format!("limit overridden {from} -> {to}"),
        PoolChange::Overridden { from, to, until: Some(until) } => {
            format!("limit overridden {from} -> {to} until {}", timestamp(*until))
        }
        PoolChange::Ended { from, to } => format!("override ended {from} -> {to}"),
        PoolChange::Lapsed { from, to } => format!("override lapsed {from} -> {to}"),
    }
}

/// When, who, what and why, in one line.
pub fn line(noted: &HistoryRow) -> String {
    let HistoryRow { key, change: changed, by } = noted;
    let why = if by.why.is_empty() { String::new() } else { format!(" ({})", by.why) };
    format!("{} by {}: {}{why}", timestamp(key.at), by.who, change(changed))
}

/// One setting, before and after.
fn setting(SettingChange { setting, from, to }: &SettingChange) -> String {
    let name = setting.strip_suffix("_ms");
    let value = |value: Option<u64>| match (value, name) {
        (None, Some(_)) => "default".to_owned(),
        // The row of before could not be read: a pool has no default limit.
        (None, None) => "unreadable".to_owned(),
        (Some(time), Some(_)) => duration::words(Millis(time)),
        (Some(number), None) => number.to_string(),
    };
    format!("{} {} -> {}", name.unwrap_or(setting).replace('_', " "), value(*from), value(*to))
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]
mod tests {
    use leasehold_core::{Author, HistoryKey, Limit, Timestamp};

    use super::*;

    #[test]
    fn a_change_is_told_in_one_line() {
        let limit = |count| Limit::try_from(count).expect("a limit");
        let told = |change, why: &str| {
            let key = HistoryKey { at: Timestamp::seconds(1_700_000_000), own: 7 };
            line(&HistoryRow { key, change, by: Author::new("ann@desk", why) })
        };
        let changes = "limit 5 7;lease_ms - 90000".parse().expect("changes");
        assert_eq!(
            told(PoolChange::Set(changes), ""),
            "2023-11-14T22:13:20Z by ann@desk: set limit 5 -> 7, lease default -> 1m30s"
        );
        // In the units that options take: months and years have no length that all agree on.
        let changes = "lease_ms 31622400000 2678400000".parse().expect("changes");
        assert_eq!(told(PoolChange::Set(changes), ""), "2023-11-14T22:13:20Z by ann@desk: set lease 366d -> 31d");
        let until = Some(Timestamp::seconds(1_700_007_200));
        assert_eq!(
            told(PoolChange::Overridden { from: limit(7), to: limit(2), until }, "the partner is slow"),
            "2023-11-14T22:13:20Z by ann@desk: limit overridden 7 -> 2 until 2023-11-15T00:13:20Z (the partner is slow)"
        );
    }
}
