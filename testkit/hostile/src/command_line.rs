//! Words of the command line: is every length of time and every name either what is written back, or refused in words?

use std::fmt::Display;
use std::str::FromStr;

use leasehold_core::{LeaseId, Limit, Millis, PoolName, TaskToken, quoted};

use crate::duration;
use crate::words::assert_harmless;

/// A length of time.
pub(crate) fn judge_duration(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match duration::parse(&text) {
        Ok(length) => {
            let written = duration::words(length);
            assert_eq!(duration::parse(&written), Ok(length), "{written}");
            assert_eq!(duration::above_zero(&text).is_ok(), length > Millis(0));
            assert!(duration::parse(&duration::seconds(length)).is_ok_and(|whole| whole <= length));
        }
        Err(wrong) => assert_harmless(&wrong),
    }
}

/// A pool's name, a lease's id, a limit, a token.
pub(crate) fn judge_name(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    assert_harmless(&quoted(&text));
    reads_back::<PoolName>(&text);
    reads_back::<LeaseId>(&text);
    if let Ok(count) = text.parse::<u64>() {
        match Limit::try_from(count) {
            Ok(limit) => assert_eq!(limit.to_string(), count.to_string()),
            Err(wrong) => assert_harmless(&wrong.to_string()),
        }
    }
    match TaskToken::new(&text) {
        Ok(token) => {
            assert_eq!(token.secret(), text);
            assert_eq!(format!("{token:?}"), "TaskToken(…)");
        }
        Err(wrong) => assert_harmless(&wrong.to_string()),
    }
}

fn reads_back<T: FromStr<Err: Display> + Display>(text: &str) {
    match T::from_str(text) {
        Ok(value) => assert_eq!(value.to_string(), text, "it is written as it was read"),
        Err(wrong) => assert_harmless(&wrong.to_string()),
    }
}
