//! Clocks: what does a clock show that is ahead or behind, and when will it show something?
//!
//! Inside a simulation, moments and lengths are microseconds since its start; what its callers read and write are
//! milliseconds on their clocks; the page takes milliseconds since the start.

use leasehold_core::Timestamp;
use serde_json::{Value, json};

/// What the clocks show at the start, in milliseconds: late enough that no clock is ever before zero.
pub(crate) const BEGIN: u64 = 1_000_000_000;

/// No clock is further behind than this, in microseconds.
const FURTHEST_BEHIND: i64 = 600_000_000;

/// What a clock shows at this moment that is so many microseconds ahead.
pub(crate) fn shown(now: u64, skew: i64) -> Timestamp {
    let after = now.saturating_add_signed(skew + FURTHEST_BEHIND) / 1_000;
    Timestamp(BEGIN + after - FURTHEST_BEHIND.unsigned_abs() / 1_000)
}

/// When a clock will show this that is so many microseconds ahead.
pub(crate) fn when(shown: Timestamp, skew: i64) -> u64 {
    (shown.0.saturating_sub(BEGIN) * 1_000).saturating_add_signed(-skew)
}

/// Microseconds as milliseconds.
pub(crate) fn ms(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}

/// Microseconds as JSON milliseconds: a whole number where it is one.
pub(crate) fn in_ms(micros: u64) -> Value {
    if micros.is_multiple_of(1_000) { json!(micros / 1_000) } else { json!(ms(micros)) }
}

/// Milliseconds as microseconds, within what makes sense.
pub(crate) fn micros(ms: f64) -> u64 {
    if ms > 0.0 { libm::round(ms.min(1e12) * 1_000.0) as u64 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_shows_a_moment_when_it_is_said_to() {
        for (now, skew) in [(0, 0), (5_000, -2_000), (7_654_000, 900_000)] {
            let shows = shown(now, skew);
            assert_eq!(shows.0, (BEGIN + now / 1_000).saturating_add_signed(skew / 1_000));
            assert_eq!(when(shows, skew), now);
        }
    }
}
