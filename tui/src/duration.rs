//! Durations in words: how is a length of time written?
//! As `500ms`, `5s`, `10m`, `1h30m` or `2d`, and read back from the same; a bare number is of seconds.

use std::time::Duration;

use leasehold_core::Millis;

/// The longest that makes any sense: a Step Functions execution lasts at most a year (quotas, 2024-11).
const LONGEST: Millis = Millis::seconds(366 * 24 * 3_600);

const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// How a unit may be written: as it is printed, or as a word.
const UNIT_NAMES: [&str; 19] = [
    "ns", "us", "ms", "s", "sec", "secs", "second", "seconds", "m", "min", "mins", "minute", "minutes", "h", "hour",
    "hours", "d", "day", "days",
];

const EXPECTED: &str = "a length of time, as in 500ms, 5s, 10m, 1h30m or 2d; a bare number is of seconds";

/// Any length.
///
/// # Errors
/// What was expected.
pub fn parse(text: &str) -> Result<Millis, String> {
    at_least(Millis(0), text)
}

/// A length that is not zero.
///
/// # Errors
/// What was expected.
pub fn above_zero(text: &str) -> Result<Millis, String> {
    at_least(Millis(1), text)
}

/// A length of at least a second: a shorter lease could not be renewed in time, and sweeps that come more often would only
/// hinder each other.
///
/// # Errors
/// What was expected.
pub fn at_least_a_second(text: &str) -> Result<Millis, String> {
    at_least(Millis::seconds(1), text)
}

/// A length of at least so much.
///
/// # Errors
/// What was expected.
pub fn at_least(shortest: Millis, text: &str) -> Result<Millis, String> {
    between(shortest, LONGEST, text)
}

/// A length of at least so much, and at most so much.
///
/// # Errors
/// What was expected.
pub fn between(shortest: Millis, longest: Millis, text: &str) -> Result<Millis, String> {
    let bare = text.starts_with(|c: char| c.is_ascii_digit()) && text.bytes().all(|c| c.is_ascii_digit() || c == b'.');
    let read = if bare { format!("{text}s") } else { text.to_owned() };
    let known = |unit: &str| unit.is_empty() || UNIT_NAMES.contains(&unit);
    // A capital M would be a month.
    if !read.split(|c: char| !c.is_alphabetic()).all(known) {
        return Err(format!("expected {EXPECTED}"));
    }
    let length = humantime::parse_duration(&read).map_err(|_| format!("expected {EXPECTED}"))?;
    let whole = length.subsec_nanos() % 1_000_000 == 0;
    match u64::try_from(length.as_millis()).map(Millis) {
        Ok(millis) if whole && (shortest..=longest).contains(&millis) => Ok(millis),
        _ if !whole => Err("expected whole milliseconds".into()),
        _ => Err(format!("expected a length of time from {} to {}", words(shortest), words(longest))),
    }
}

/// In words: `1h30m`. Every unit down to the last that is not zero.
pub fn words(Millis(mut left): Millis) -> String {
    let mut text = String::new();
    for (unit, millis) in UNITS {
        if left >= millis {
            text += &format!("{}{unit}", left / millis);
            left %= millis;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

/// In words, of whole milliseconds of a program's own.
pub fn whole(length: Duration) -> String {
    words(Millis(u64::try_from(length.as_millis()).unwrap_or(u64::MAX)))
}

/// In words, to the second, for times that nobody set: `1h30m5s`.
pub fn seconds(length: Millis) -> String {
    words(Millis(length.0 / 1_000 * 1_000))
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        for text in ["0s", "1ms", "500ms", "5s", "10m", "1h30m", "2d", "366d", "1d2h3m4s5ms"] {
            assert_eq!(words(parse(text).expect(text)), text);
        }
    }

    #[test]
    fn other_ways_to_write_it_are_read_too() {
        for (text, millis) in [
            ("90s", 90_000),
            ("1h 30m", 5_400_000),
            ("1.5h", 5_400_000),
            ("2 days", 172_800_000),
            ("0", 0),
            ("90", 90_000),
        ] {
            assert_eq!(parse(text), Ok(Millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_length_is_refused_with_what_was_expected() {
        for text in [
            "",
            ".",
            "1..5",
            "soon",
            "-5",
            "-5s",
            "5x",
            "s",
            "99999999999999999999s",
            "10M",
            "1h30M",
            "1month",
            "2w",
            "1y",
        ] {
            assert!(parse(text).expect_err(text).contains("500ms, 5s, 10m"), "{text:?}");
        }
        assert!(parse("1us").expect_err("too fine").contains("whole milliseconds"));
        assert!(parse("367d").expect_err("too long").contains("to 366d"));
        assert!(above_zero("0s").expect_err("zero").contains("from 1ms"));
    }
}
