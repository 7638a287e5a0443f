//! The clocks of machines: what time does a machine take it to be? By its own clock, which may be wrong by hours; within the
//! bounds that the dates of the table's replies give, as `store/src/table_time.rs` keeps them.

use std::sync::Arc;

use leasehold_core::{Settings, Timestamp};

use super::plan::MS;

/// When every world begins, in milliseconds since the epoch.
const BEGIN: u64 = 1_700_000_000_000;

/// The length that a date is cut to, in milliseconds: a reply's date is in whole seconds.
const DATED_BY: i64 = 1_000;

/// The right time at this moment of a world.
pub(super) fn right_time(now: u64) -> Timestamp {
    Timestamp(BEGIN + now / MS)
}

/// The moment of a world at which the right time is this; 0 for one before it began.
pub(super) fn moment_of(time: Timestamp) -> u64 {
    time.0.saturating_sub(BEGIN) * MS
}

/// One machine on which calls run, with what it keeps between them.
#[derive(Clone, Debug)]
pub(super) struct MachineState {
    /// How far its own clock is ahead, in milliseconds.
    offset: i64,
    /// How far ahead it may be at most and at least, by the dates of replies.
    bounds: Option<(i64, i64)>,
    /// A pool's settings, and when they were read.
    pub(super) settings: Option<(Arc<Settings>, u64)>,
}

impl MachineState {
    pub(super) fn new(offset: i64) -> MachineState {
        MachineState { offset, bounds: None, settings: None }
    }

    /// What time it takes it to be.
    pub(super) fn time(&self, now: u64) -> Timestamp {
        let ahead = self.bounds.map_or(self.offset, |(least, most)| self.offset.clamp(least, most));
        Timestamp(right_time(now).0.saturating_add_signed(ahead))
    }

    /// A reply came that was dated when it was served.
    pub(super) fn learns(&mut self, sent: u64, served: u64, received: u64) {
        let [sent, served, received] = [sent, served, received].map(|at| i64::try_from(at / MS).unwrap_or(i64::MAX));
        let date = served - (served + BEGIN as i64 % DATED_BY) % DATED_BY;
        let told = (date - received, date + DATED_BY - sent);
        let known = self.bounds.unwrap_or(told);
        self.bounds = Some((known.0.max(told.0), known.1.min(told.1)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_is_right_within_what_dates_tell() {
        for (offset, wrong) in [(3_600_000, 0..1_003), (-3_600_000, -1_003..1), (50, 50..51)] {
            let mut machine = MachineState::new(offset);
            for at in [10_250_000, 20_900_000, 31_500_000] {
                machine.learns(at, at + MS, at + 2 * MS);
            }
            let (now, right) = (machine.time(40_000_000), right_time(40_000_000));
            let ahead = i64::try_from(now.0).unwrap_or(0) - i64::try_from(right.0).unwrap_or(0);
            assert!(wrong.contains(&ahead), "{ahead}");
        }
    }
}
