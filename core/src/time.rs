//! Moments and lengths of time: in which unit, and on whose clock?
//!
//! Both are whole milliseconds and two types, so that a moment is never taken for a length. A moment is the
//! table's time as whoever made it knew it; two callers differ about that by at most a pool's grace.

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// A moment: whole milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

/// A length of time in whole milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Timestamp {
    /// So many whole seconds after the epoch.
    pub const fn seconds(seconds: u64) -> Self {
        Timestamp(seconds * 1_000)
    }

    /// The length of time from `earlier` until this moment; zero if that lies ahead.
    pub fn since(self, earlier: Timestamp) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }

    /// The time of day, UTC: `12:03:41`.
    pub fn time_of_day(self) -> String {
        let seconds = self.0 / 1_000;
        format!("{:02}:{:02}:{:02}", seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60)
    }
}

impl Millis {
    /// So many whole seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Millis(seconds * 1_000)
    }
}

impl Add<Millis> for Timestamp {
    type Output = Timestamp;
    fn add(self, length: Millis) -> Timestamp {
        Timestamp(self.0.saturating_add(length.0))
    }
}

impl Sub<Millis> for Timestamp {
    type Output = Timestamp;
    fn sub(self, length: Millis) -> Timestamp {
        Timestamp(self.0.saturating_sub(length.0))
    }
}

impl Add for Millis {
    type Output = Millis;
    fn add(self, more: Millis) -> Millis {
        Millis(self.0.saturating_add(more.0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_that_lies_ahead_is_no_time_ago() {
        assert_eq!(Timestamp(5).since(Timestamp(3)), Millis(2));
        assert_eq!(Timestamp(3).since(Timestamp(5)), Millis(0));
    }

    #[test]
    fn the_time_of_day_is_that_of_its_day() {
        assert_eq!(Timestamp(0).time_of_day(), "00:00:00");
        assert_eq!(Timestamp(((3 * 24 + 12) * 3_600 + 3 * 60 + 41) * 1_000 + 999).time_of_day(), "12:03:41");
    }

    #[test]
    fn a_time_is_told_with_its_unit() {
        assert_eq!((Timestamp(1_500).to_string(), Millis(250).to_string()), ("1500 ms".into(), "250 ms".into()));
    }

    #[test]
    fn the_end_of_time_is_never_passed() {
        assert_eq!(Timestamp(u64::MAX) + Millis(1), Timestamp(u64::MAX));
        assert_eq!(Timestamp(1) - Millis(2), Timestamp(0));
    }
}
