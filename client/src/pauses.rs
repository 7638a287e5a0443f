//! Pauses: how long is it waited before the table is asked again? Longer from time to time, and never as long as others
//! that came or collided together.

use std::time::Duration;

use leasehold_core::Settings;

/// The first pause between two looks; each is half as long again as the one before.
const FIRST_LOOK: Duration = Duration::from_millis(250);

/// The longest: a slot that is granted stands idle for at most so long, and a quarter more.
const LONGEST_LOOK: Duration = Duration::from_secs(2);

/// The bound of the first pause after the table was too busy, or callers collided; it doubles from time to time.
const FIRST_BACKOFF: Duration = Duration::from_millis(200);

/// The longest bound.
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);

/// The pauses between two looks at a holder's own row, a quarter more or less each.
#[derive(Debug)]
pub(crate) struct LookPauses {
    next: Duration,
    longest: Duration,
}

impl LookPauses {
    pub(crate) fn new(settings: &Settings) -> LookPauses {
        // A tenth of a lease is what a slot may stand idle for at most.
        let longest = Duration::from_millis(settings.lease.0 / 10).min(LONGEST_LOOK);
        LookPauses { next: FIRST_LOOK.min(longest), longest }
    }

    pub(crate) fn next(&mut self) -> Duration {
        let pause = self.next.mul_f64(0.75 + fastrand::f64() / 2.0);
        self.next = (self.next * 3 / 2).min(self.longest);
        pause
    }
}

/// The pauses after a request that came to nothing: anywhere from a half to the whole of a bound that doubles.
#[derive(Debug)]
pub(crate) struct Backoff(Duration);

impl Backoff {
    pub(crate) fn new() -> Backoff {
        Backoff(FIRST_BACKOFF)
    }

    /// It was answered.
    pub(crate) fn reset(&mut self) {
        *self = Backoff::new();
    }

    pub(crate) fn next(&mut self) -> Duration {
        let pause = self.0.mul_f64(0.5 + fastrand::f64() / 2.0);
        self.0 = (self.0 * 2).min(LONGEST_BACKOFF);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_collide_again_and_again_spread_further() {
        let mut backoff = Backoff::new();
        let pauses: Vec<_> = (0..10).map(|_| backoff.next()).collect();
        for (at, pause) in pauses.iter().enumerate() {
            let bound = (FIRST_BACKOFF * (1 << at)).min(LONGEST_BACKOFF);
            assert!((bound / 2..=bound).contains(pause), "{pauses:?}");
        }
        backoff.reset();
        assert!(backoff.next() <= FIRST_BACKOFF);
    }

    #[test]
    fn a_granted_slot_is_seen_before_its_short_first_lease_ends() {
        let settings = Settings::new("p".parse().expect("a name"), 3.try_into().expect("a limit"));
        let mut looks = LookPauses::new(&settings);
        let longest = (0..100).map(|_| looks.next()).max().expect("pauses");
        assert!(longest * 2 < Duration::from_millis(settings.collect_within.0), "{longest:?}");
    }
}
