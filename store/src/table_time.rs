//! The table's time: between which bounds does the table's clock lie, judged by the dates of its replies?
//!
//! Cristian's bounds: a reply is dated at some moment between the sending of its request and its coming, in whole
//! seconds. So when it comes, the table's clock is at least at that second, and at most at the next one plus as long
//! as the request took. The bounds of several replies are intersected; in between they go on with a steady clock and
//! widen, as two clocks drift apart. This machine's own clock is believed where it lies within the bounds, else the
//! nearest bound is.

use std::fmt;
use std::time::{Duration, Instant};

use leasehold_core::{Millis, Timestamp};

use crate::clock::{Clock, SystemClock};

/// The length that a date is cut to, in milliseconds: a reply's date is in whole seconds.
const DATED_BY: u64 = 1_000;

/// How much slower or faster than the table's the steady clock may go: one part in so many. Clocks that are being
/// adjusted go wrong by 500 parts in a million at most (adjtime), others by far less.
const DRIFT: u64 = 2_000;

/// How far this machine's clock and the steady one may move apart between two readings and still count as going
/// together. More, and the clock was set, or the machine slept and the steady clock with it.
const TOGETHER: Millis = Millis(500);

/// For how long an operation may be started on what earlier replies said.
const FRESH_FOR: Millis = Millis::seconds(60);

/// From how far beyond the bounds on a clock is called wrong.
const WORTH_TELLING: Millis = Millis::seconds(1);

/// One moment on both clocks of this machine: the one that tells the time and may be set, and the one that only ever
/// goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalMoment {
    /// On the clock that tells the time.
    pub(crate) wall: Timestamp,
    /// On the steady one.
    pub(crate) steady: Instant,
}

/// What is known of the table's clock.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum TableTime {
    /// No reply came yet.
    #[default]
    Unknown,
    /// Its replies carry no date: this machine's clock is the only one.
    Undated,
    /// It lies between these bounds.
    Within(TimeBounds),
}

/// Between which bounds the table's clock was at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeBounds {
    at: LocalMoment,
    earliest: Timestamp,
    latest: Timestamp,
}

/// How wrong this machine's clock is, by the table's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongClock {
    /// By about how much; half a second more or less.
    pub by: Millis,
    /// Whether it is ahead of the table's, else behind.
    pub ahead: bool,
}

impl TableTime {
    /// Learns from a reply that came at `received`, to a request that was sent at `sent`, and has this date.
    pub(crate) fn dated(&mut self, date: Timestamp, sent: Instant, received: LocalMoment) {
        let took = millis(received.steady.saturating_duration_since(sent));
        let told = TimeBounds { at: received, earliest: date, latest: date + took + Millis(DATED_BY) };
        let narrowed = match self {
            TableTime::Within(known) => known.carried_to(received).narrowed_to(told),
            TableTime::Unknown | TableTime::Undated => None,
        };
        // They contradict each other where one of the clocks was set, or the steady one stood still: the newest counts.
        *self = TableTime::Within(narrowed.unwrap_or(told));
    }

    /// Learns from a reply without a date. One now and then, from whatever lies between here and the table, says
    /// nothing.
    pub(crate) fn undated(&mut self, received: LocalMoment) {
        if !self.is_fresh(received) {
            *self = TableTime::Undated;
        }
    }

    /// The table's time: what a clock of this machine says, as far as the bounds allow.
    pub(crate) fn nearest(&self, said: Timestamp, now: LocalMoment) -> Timestamp {
        match self {
            TableTime::Within(known) => {
                let TimeBounds { earliest, latest, .. } = known.carried_to(now);
                said.clamp(earliest, latest)
            }
            TableTime::Unknown | TableTime::Undated => said,
        }
    }

    /// Whether an operation may be started on what is known, without asking the table first.
    pub(crate) fn is_fresh(&self, now: LocalMoment) -> bool {
        match self {
            TableTime::Unknown => false,
            TableTime::Undated => true,
            TableTime::Within(known) => {
                let (steady, wall) = known.at.until(now);
                let went = wall.is_some_and(|wall| wall.0.abs_diff(steady.0) <= TOGETHER.0);
                went && steady <= FRESH_FOR
            }
        }
    }

    /// Whether the time that it gives is surely no further than this from the table's; where replies carry no date, nobody
    /// knows better.
    pub(crate) fn is_within(&self, most: Millis) -> bool {
        match self {
            TableTime::Unknown => false,
            TableTime::Undated => true,
            TableTime::Within(known) => known.latest.since(known.earliest) <= most,
        }
    }

    /// How wrong this machine's clock is, if it has to be corrected by more than dates can be wrong by.
    pub(crate) fn wrong_clock(&self, now: LocalMoment) -> Option<WrongClock> {
        let TableTime::Within(known) = self else { return None };
        let TimeBounds { earliest, latest, .. } = known.carried_to(now);
        let middle = Timestamp(earliest.0.midpoint(latest.0));
        if now.wall > latest + WORTH_TELLING {
            Some(WrongClock { by: now.wall.since(middle), ahead: true })
        } else if now.wall + WORTH_TELLING < earliest {
            Some(WrongClock { by: middle.since(now.wall), ahead: false })
        } else {
            None
        }
    }
}

impl TimeBounds {
    /// The bounds at a later moment.
    fn carried_to(self, now: LocalMoment) -> TimeBounds {
        let (passed, wall) = self.at.until(now);
        let drift = Millis(passed.0.div_ceil(DRIFT));
        let latest = self.latest + passed + drift;
        // Perhaps the machine slept, and the steady clock stood still meanwhile: so much later it may be.
        let slept = wall.map(|wall| wall.0.saturating_sub(passed.0)).filter(|slept| *slept > TOGETHER.0);
        let latest = latest + Millis(slept.unwrap_or(0));
        TimeBounds { at: now, earliest: self.earliest + passed - drift, latest }
    }

    /// What two bounds of the same moment have in common.
    fn narrowed_to(self, other: TimeBounds) -> Option<TimeBounds> {
        let (earliest, latest) = (self.earliest.max(other.earliest), self.latest.min(other.latest));
        (earliest <= latest).then_some(TimeBounds { at: other.at, earliest, latest })
    }
}

impl LocalMoment {
    pub(crate) fn now() -> LocalMoment {
        LocalMoment { wall: SystemClock.now(), steady: Instant::now() }
    }

    /// How long it is until a later moment by the steady clock, and by the other unless that was set back.
    fn until(self, later: LocalMoment) -> (Millis, Option<Millis>) {
        let wall = (later.wall >= self.wall).then(|| later.wall.since(self.wall));
        (millis(later.steady.saturating_duration_since(self.steady)), wall)
    }
}

impl WrongClock {
    /// About what time it is at the table when this machine's clock says `local`.
    pub fn corrected(self, local: Timestamp) -> Timestamp {
        if self.ahead { local - self.by } else { local + self.by }
    }
}

impl fmt::Display for WrongClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = (self.by.0 + 500) / 1_000;
        let by = match seconds {
            0..120 => format!("{seconds} s"),
            120..7_200 => format!("{} min", (seconds + 30) / 60),
            7_200..172_800 => format!("{} h", (seconds + 1_800) / 3_600),
            _ => format!("{} d", (seconds + 43_200) / 86_400),
        };
        let side = if self.ahead { "ahead of" } else { "behind" };
        write!(f, "this machine's clock is {by} {side} the table's; the table's time is used")
    }
}

fn millis(time: Duration) -> Millis {
    Millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The right time when a test begins: 250 ms into a second.
    const BEGIN: u64 = 1_732_270_272_250;

    /// A machine whose clock is wrong by so many milliseconds, and a table whose clock is right.
    struct Machine {
        begin: Instant,
        wrong_by: i64,
        /// How long the steady clock has stood still, in milliseconds.
        slept: u64,
        time: TableTime,
    }

    impl Machine {
        fn wrong_by(wrong_by: i64) -> Machine {
            // Some way from the process's own beginning, so that a moment before this one can be named.
            Machine { begin: Instant::now() + Duration::from_secs(3_600), wrong_by, slept: 0, time: TableTime::Unknown }
        }

        /// So many milliseconds after the beginning, by the right time.
        fn moment(&self, after: u64) -> LocalMoment {
            let wall = Timestamp(BEGIN.wrapping_add_signed(self.wrong_by) + after);
            LocalMoment { wall, steady: self.begin + Duration::from_millis(after) - Duration::from_millis(self.slept) }
        }

        /// A reply that is dated so long after the beginning, and takes so long either way.
        fn reply(&mut self, after: u64, there: u64, back: u64) {
            let date = Timestamp((BEGIN + after) / 1_000 * 1_000);
            let sent = self.moment(after - there).steady;
            self.time.dated(date, sent, self.moment(after + back));
        }

        /// How far the time that is used is from the right one, in milliseconds: later is more.
        fn off(&self, after: u64) -> i64 {
            i64::try_from(self.time.nearest(self.moment(after).wall, self.moment(after)).0).expect("a time")
                - (BEGIN + after) as i64
        }

        fn says(&self, after: u64) -> Option<String> {
            self.time.wrong_clock(self.moment(after)).map(|wrong| wrong.to_string())
        }
    }

    const DAY: i64 = 86_400_000;

    #[test]
    fn a_right_clock_is_left_alone() {
        let mut machine = Machine::wrong_by(0);
        for after in [5, 700, 800, 30_000, 3_600_000] {
            machine.reply(after, 5, 5);
            assert_eq!((machine.off(after + 5), machine.off(after + 500)), (0, 0), "{after}");
            assert_eq!(machine.says(after + 5), None);
        }
    }

    #[test]
    fn one_reply_brings_any_clock_within_a_second() {
        for wrong_by in [25_000, DAY, -25_000, -DAY, 2_000, -2_000] {
            let mut machine = Machine::wrong_by(wrong_by);
            assert_eq!(machine.off(0), wrong_by);
            machine.reply(20, 10, 30);
            let off = machine.off(50);
            assert!((-1_000..=1_040).contains(&off), "{wrong_by}: {off}");
            assert_eq!(off > 0, wrong_by > 0, "the nearest bound");
        }
    }

    #[test]
    fn more_replies_narrow_the_bounds() {
        let mut machine = Machine::wrong_by(DAY);
        // The second turns 750 ms after the beginning.
        machine.reply(740, 5, 5);
        assert!(machine.off(745) < 30, "it is late in its second");
        machine.reply(755, 5, 5);
        let behind = Machine { wrong_by: -DAY, ..machine };
        assert!((0..30).contains(&machine.off(760)), "{}", machine.off(760));
        assert!((-30..=0).contains(&behind.off(760)), "{}", behind.off(760));
    }

    #[test]
    fn a_slow_reply_does_not_widen_what_is_known() {
        let mut machine = Machine::wrong_by(DAY);
        machine.reply(740, 5, 5);
        machine.reply(3_000, 5, 4_000);
        assert!(machine.off(7_000) < 50, "{}", machine.off(7_000));
        let mut slow = Machine::wrong_by(DAY);
        slow.reply(3_000, 2_900, 4_000);
        assert!((0..=7_900).contains(&slow.off(7_000)), "{}", slow.off(7_000));
    }

    #[test]
    fn how_well_it_is_known_follows_from_the_slowest_reply() {
        let mut machine = Machine::wrong_by(DAY);
        assert!(!machine.time.is_within(Millis(u64::MAX)));
        machine.reply(3_000, 2_900, 100);
        assert!(machine.time.is_within(Millis(4_000)) && !machine.time.is_within(Millis(3_999)));
        machine.reply(3_200, 10, 10);
        assert!(machine.time.is_within(Millis(1_020)));
        machine.time = TableTime::Undated;
        assert!(machine.time.is_within(Millis(0)));
    }

    #[test]
    fn bounds_widen_as_clocks_drift_apart() {
        let mut machine = Machine::wrong_by(-DAY);
        machine.reply(20, 10, 10);
        let (first, later) = (machine.off(30), machine.off(3_600_030));
        assert_eq!(later, first - 1_800);
    }

    #[test]
    fn a_clock_that_is_set_changes_nothing_by_itself() {
        let mut machine = Machine::wrong_by(0);
        machine.reply(20, 10, 10);
        machine.wrong_by = -DAY;
        assert!((-1_000..=0).contains(&machine.off(100)));
        assert!(!machine.time.is_fresh(machine.moment(100)), "the table is asked before anything is begun");
        // Set ahead looks as if it had slept: until the table was asked.
        machine.wrong_by = 25_000;
        assert!(!machine.time.is_fresh(machine.moment(100)));
        machine.reply(200, 10, 10);
        assert!((0..=1_040).contains(&machine.off(210)), "{}", machine.off(210));
        assert!(machine.time.is_fresh(machine.moment(300)));
    }

    #[test]
    fn a_machine_that_slept_takes_its_clocks_word() {
        let mut machine = Machine::wrong_by(0);
        machine.reply(20, 10, 10);
        machine.slept = 3_600_000;
        assert_eq!(machine.off(3_700_000), 0);
        assert!(!machine.time.is_fresh(machine.moment(3_700_000)));
        machine.reply(3_700_100, 10, 10);
        assert_eq!((machine.off(3_700_110), machine.says(3_700_110)), (0, None));
    }

    #[test]
    fn after_sleep_a_wrong_clock_is_corrected_again() {
        for wrong_by in [DAY, -DAY] {
            let mut machine = Machine::wrong_by(wrong_by);
            machine.reply(20, 10, 10);
            machine.slept = 3_600_000;
            machine.reply(3_700_100, 10, 10);
            let off = machine.off(3_700_110);
            assert!((-1_020..=1_020).contains(&off), "{off}");
        }
    }

    #[test]
    fn replies_that_contradict_leave_the_newest() {
        let mut machine = Machine::wrong_by(DAY);
        machine.reply(20, 10, 10);
        // The table's own clock is set back by a minute.
        machine.time.dated(Timestamp(BEGIN / 1_000 * 1_000 - 60_000), machine.moment(90).steady, machine.moment(110));
        assert!((-61_000..=-58_900).contains(&machine.off(110)), "{}", machine.off(110));
    }

    #[test]
    fn without_dates_this_machines_clock_is_the_only_one() {
        let mut machine = Machine::wrong_by(DAY);
        assert!(!machine.time.is_fresh(machine.moment(0)), "nothing came yet");
        machine.time.undated(machine.moment(10));
        assert!(machine.time.is_fresh(machine.moment(10)) && machine.time.is_fresh(machine.moment(3_600_000)));
        assert_eq!((machine.off(10), machine.says(10)), (DAY, None));
        machine.reply(20, 10, 10);
        assert!(machine.off(30) < 1_040, "a date is believed when there is one");
        machine.time.undated(machine.moment(40));
        assert!(machine.off(50) < 1_060, "one reply without a date says nothing");
        machine.time.undated(machine.moment(100_000));
        assert_eq!(machine.off(100_000), DAY);
    }

    #[test]
    fn what_is_known_is_fresh_for_a_minute() {
        let mut machine = Machine::wrong_by(DAY);
        machine.reply(20, 10, 10);
        assert!(machine.time.is_fresh(machine.moment(60_030)) && !machine.time.is_fresh(machine.moment(60_031)));
    }

    #[test]
    fn a_wrong_clock_is_told_in_words() {
        for (wrong_by, words) in [
            (25_000, Some("25 s ahead of")),
            (-25_000, Some("25 s behind")),
            (3_600_000, Some("60 min ahead of")),
            (-DAY, Some("24 h behind")),
            (400 * DAY, Some("400 d ahead of")),
            (900, None),
            (-900, None),
        ] {
            let mut machine = Machine::wrong_by(wrong_by);
            // Half way through a second.
            machine.reply(250, 5, 5);
            let words =
                words.map(|words| format!("this machine's clock is {words} the table's; the table's time is used"));
            assert_eq!(machine.says(255), words);
        }
    }
}
