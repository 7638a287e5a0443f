//! Until when is a lease surely held? By two clocks: the wall clock, which its end is written in, and a steady one,
//! because the first may be set and the second may stand still while a machine sleeps. Whichever is over first counts.

use std::time::{Duration, Instant};

use leasehold_core::nouns::Millis;
use leasehold_store::run::{Clock, SystemClock};

/// One moment on both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    wall: Millis,
    steady: Instant,
}

impl Now {
    pub(crate) fn read() -> Now {
        Now { wall: SystemClock.now(), steady: Instant::now() }
    }
}

/// How long a lease lasts, and when it is to be renewed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Term {
    expires_at: Millis,
    sure_until: Instant,
    length: Duration,
    renew_at: Instant,
}

impl Term {
    /// Of a lease that ends then and was asked for so long.
    pub(crate) fn new(expires_at: Millis, length: Millis, now: Now) -> Term {
        let length = Duration::from_millis(length.0);
        let left = Duration::from_millis(expires_at.since(now.wall).0).min(length);
        let mut term = Term { expires_at, sure_until: now.steady + left, length, renew_at: now.steady };
        // One that was granted a while ago has less than two thirds left, and is renewed the sooner.
        term.renew_at = now.steady + left.saturating_sub(term.length * 2 / 3);
        term
    }

    /// It was asked then to last longer, and ends then now.
    pub(crate) fn renewed(&mut self, expires_at: Millis, asked: Now) {
        self.renew_at = asked.steady + self.length / 3;
        // A clock that was set back asks for an end that is no later than before: nothing was gained.
        if expires_at > self.expires_at {
            let left = Duration::from_millis(expires_at.since(asked.wall).0).min(self.length);
            self.sure_until = self.sure_until.max(asked.steady + left);
            self.expires_at = expires_at;
        }
    }

    /// It could not be renewed just now.
    pub(crate) fn failed(&mut self, now: Now) {
        let pause = (self.length / 12).clamp(Duration::from_millis(100), Duration::from_secs(5));
        self.renew_at = now.steady + pause;
    }

    /// It may be another's.
    pub(crate) fn over(&self, now: Now) -> bool {
        now.wall >= self.expires_at || now.steady >= self.sure_until
    }

    /// It is time to renew it.
    pub(crate) fn due(&self, now: Now) -> bool {
        now.steady >= self.renew_at
    }

    /// When it ends.
    pub(crate) fn expires_at(&self) -> Millis {
        self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Millis = Millis(1_000_000);

    fn after(start: Now, wall: u64, steady: u64) -> Now {
        Now { wall: Millis(START.0 + wall), steady: start.steady + Duration::from_millis(steady) }
    }

    fn term() -> (Term, Now) {
        let start = Now { wall: START, steady: Instant::now() };
        (Term::new(START + Millis(30_000), Millis(30_000), start), start)
    }

    #[test]
    fn it_is_renewed_at_a_third() {
        let (mut term, start) = term();
        assert!(!term.due(after(start, 9_999, 9_999)) && term.due(after(start, 10_000, 10_000)));
        term.renewed(START + Millis(40_000), after(start, 10_000, 10_000));
        assert!(!term.due(after(start, 19_999, 19_999)) && term.due(after(start, 20_000, 20_000)));
        assert!(!term.over(after(start, 39_999, 39_999)) && term.over(after(start, 40_000, 40_000)));
    }

    #[test]
    fn one_that_was_granted_a_while_ago_is_renewed_at_once() {
        let start = Now { wall: START, steady: Instant::now() };
        let term = Term::new(START + Millis(15_000), Millis(30_000), start);
        assert!(term.due(start) && !term.over(start));
    }

    #[test]
    fn a_machine_that_slept_has_lost_it_though_its_steady_clock_stood_still() {
        let (term, start) = term();
        assert!(term.over(after(start, 3_600_000, 1_000)));
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_nothing_alive() {
        let (mut term, start) = term();
        let back = Now { wall: Millis(1), ..after(start, 0, 10_000) };
        // The table keeps the later end that it knows.
        term.renewed(START + Millis(30_000), back);
        assert!(!term.over(Now { wall: Millis(19_999), ..after(start, 0, 29_999) }));
        assert!(term.over(Now { wall: Millis(20_000), ..after(start, 0, 30_000) }));
    }

    #[test]
    fn a_grantor_whose_clock_is_ahead_gives_no_more_than_was_asked_for() {
        let start = Now { wall: START, steady: Instant::now() };
        let term = Term::new(START + Millis(90_000), Millis(30_000), start);
        assert!(!term.over(after(start, 29_999, 29_999)) && term.over(after(start, 30_000, 30_000)));
    }
}
