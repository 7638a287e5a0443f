//! The lease timer: until when is a lease surely held?
//! By two clocks: the table's, which its end is written in, and a steady one, because the first is known only roughly and
//! the second may stand still while a machine sleeps. Whichever is over first counts.

use std::time::{Duration, Instant};

use leasehold_core::{Millis, Timestamp};

use crate::connection::Connection;

/// One moment on both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClockReading {
    /// By the table's time, as far as it is known.
    wall: Timestamp,
    steady: Instant,
}

impl ClockReading {
    pub(crate) fn read(connection: &Connection) -> ClockReading {
        ClockReading { wall: connection.runner.now(), steady: Instant::now() }
    }
}

/// How long a lease lasts, and when it is to be renewed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LeaseTimer {
    expires_at: Timestamp,
    sure_until: Instant,
    /// For how long it was asked, and no longer than the pool gives.
    length: Duration,
    renew_at: Instant,
}

impl LeaseTimer {
    /// Of a lease that ends then and was asked for so long.
    pub(crate) fn new(expires_at: Timestamp, length: Millis, now: ClockReading) -> LeaseTimer {
        let length = Duration::from_millis(length.0);
        let left = Duration::from_millis(expires_at.since(now.wall).0).min(length);
        let mut timer = LeaseTimer { expires_at, sure_until: now.steady + left, length, renew_at: now.steady };
        // One that was granted a while ago has less than two thirds left, and is renewed the sooner.
        timer.renew_at = now.steady + left.saturating_sub(timer.length * 2 / 3);
        timer
    }

    /// It was asked then to last so long, and ends then now. That is no later than before while more is left than the pool
    /// gives by now.
    pub(crate) fn renewed(&mut self, expires_at: Timestamp, length: Millis, asked: ClockReading) {
        self.length = Duration::from_millis(length.0);
        let left = Duration::from_millis(expires_at.since(asked.wall).0).min(self.length);
        self.renew_at = asked.steady + self.length / 3;
        // A clock that was set back asks for an end that is no later than before: nothing was gained.
        if expires_at > self.expires_at {
            self.sure_until = self.sure_until.max(asked.steady + left);
            self.expires_at = expires_at;
        }
    }

    /// It could not be renewed just now.
    pub(crate) fn failed(&mut self, now: ClockReading) {
        let pause = (self.length / 12).clamp(Duration::from_millis(100), Duration::from_secs(5));
        self.renew_at = now.steady + pause;
    }

    /// It may be another's.
    pub(crate) fn over(&self, now: ClockReading) -> bool {
        now.wall >= self.expires_at || now.steady >= self.sure_until
    }

    /// How long it lasts yet, by the clock that says less.
    pub(crate) fn left(&self, now: ClockReading) -> Duration {
        let wall = Duration::from_millis(self.expires_at.since(now.wall).0);
        wall.min(self.sure_until.saturating_duration_since(now.steady))
    }

    /// How long until it is to be renewed.
    pub(crate) fn due_in(&self, now: ClockReading) -> Duration {
        self.renew_at.saturating_duration_since(now.steady)
    }

    /// It is time to renew it.
    pub(crate) fn due(&self, now: ClockReading) -> bool {
        now.steady >= self.renew_at
    }

    /// How long it lasts after a renewal.
    pub(crate) fn length(&self) -> Duration {
        self.length
    }

    /// When it ends.
    pub(crate) fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_000_000);

    fn after(start: ClockReading, wall: u64, steady: u64) -> ClockReading {
        ClockReading { wall: Timestamp(START.0 + wall), steady: start.steady + Duration::from_millis(steady) }
    }

    fn timer() -> (LeaseTimer, ClockReading) {
        let start = ClockReading { wall: START, steady: Instant::now() };
        (LeaseTimer::new(START + Millis(30_000), Millis(30_000), start), start)
    }

    #[test]
    fn it_is_renewed_at_a_third() {
        let (mut timer, start) = timer();
        assert!(!timer.due(after(start, 9_999, 9_999)) && timer.due(after(start, 10_000, 10_000)));
        timer.renewed(START + Millis(40_000), Millis(30_000), after(start, 10_000, 10_000));
        assert!(!timer.due(after(start, 19_999, 19_999)) && timer.due(after(start, 20_000, 20_000)));
        assert!(!timer.over(after(start, 39_999, 39_999)) && timer.over(after(start, 40_000, 40_000)));
    }

    #[test]
    fn it_is_kept_though_the_pool_gives_shorter_leases_by_now() {
        let (mut timer, start) = timer();
        let (mut at, mut ends) = (0, 30_000);
        for _ in 0..100 {
            at += u64::try_from(timer.due_in(after(start, at, at)).as_millis()).expect("a while") + 1;
            assert!(!timer.over(after(start, at, at)), "it is over at {at} ms");
            // A renewal shortens nothing.
            ends = ends.max(at + 1_000);
            timer.renewed(START + Millis(ends), Millis(1_000), after(start, at, at));
        }
        assert!(at > 33_000 && timer.length() == Duration::from_secs(1), "{at} ms");
        // And longer ones again.
        timer.renewed(START + Millis(at + 30_000), Millis(30_000), after(start, at, at));
        assert_eq!(timer.due_in(after(start, at, at)), Duration::from_secs(10));
    }

    #[test]
    fn one_that_was_granted_a_while_ago_is_renewed_at_once() {
        let start = ClockReading { wall: START, steady: Instant::now() };
        let timer = LeaseTimer::new(START + Millis(15_000), Millis(30_000), start);
        assert!(timer.due(start) && !timer.over(start));
    }

    #[test]
    fn a_machine_that_slept_has_lost_it_though_its_clock_stood() {
        let (timer, start) = timer();
        assert!(timer.over(after(start, 3_600_000, 1_000)));
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_nothing_alive() {
        let (mut timer, start) = timer();
        let back = ClockReading { wall: Timestamp(1), ..after(start, 0, 10_000) };
        // The table keeps the later end that it knows.
        timer.renewed(START + Millis(30_000), Millis(30_000), back);
        assert!(!timer.over(ClockReading { wall: Timestamp(19_999), ..after(start, 0, 29_999) }));
        assert!(timer.over(ClockReading { wall: Timestamp(20_000), ..after(start, 0, 30_000) }));
    }

    #[test]
    fn a_grantor_with_a_fast_clock_gives_no_more_than_was_asked_for() {
        let start = ClockReading { wall: START, steady: Instant::now() };
        let timer = LeaseTimer::new(START + Millis(90_000), Millis(30_000), start);
        assert!(!timer.over(after(start, 29_999, 29_999)) && timer.over(after(start, 30_000, 30_000)));
    }
}
