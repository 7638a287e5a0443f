//! How does chance come into a world? Every draw has a name: what it is for, and whose it is.
//!
//! So the doors do not disturb each other: the tenth job's first request takes as long in both, whatever else
//! either of them drew. The numbers are SplitMix64's (Steele, Lea, Flood 2014), a fixed algorithm on whole numbers; the one
//! logarithm is libm's, computed in software: the same on every machine.

/// What is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Draw {
    Gap,
    Work,
    Dies,
    DiesAfter,
    WorkerClock,
    CallClock,
    Entropy,
    Cached,
    CallDies,
    CallDiesAfter,
    Invoked,
    ReplySummary,
    There,
    Back,
    LostThere,
    LostBack,
    Throttled,
    Pause,
}

/// A seed, from which everything is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Draws(pub(crate) u64);

impl Draws {
    /// Any number.
    pub(crate) fn number(self, purpose: Draw, whose: [u64; 3]) -> u64 {
        let mut mixed = mix(self.0 ^ ((purpose as u64 + 1) << 56));
        for part in whose {
            mixed = mix(mixed ^ part.wrapping_add(0x9e37_79b9_7f4a_7c15));
        }
        mixed
    }

    /// A number below `bound`; 0 if that is 0.
    pub(crate) fn below(self, bound: u64, purpose: Draw, whose: [u64; 3]) -> u64 {
        let product = u128::from(self.number(purpose, whose)) * u128::from(bound);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// Whether something happens that happens so many times in ten thousand.
    pub(crate) fn happens(self, in_ten_thousand: u32, purpose: Draw, whose: [u64; 3]) -> bool {
        in_ten_thousand > 0 && self.below(10_000, purpose, whose) < u64::from(in_ten_thousand)
    }

    /// The typical value, give or take so many percent.
    pub(crate) fn about(self, typical: u64, percent: u32, purpose: Draw, whose: [u64; 3]) -> u64 {
        let swing = typical * u64::from(percent) / 100;
        typical - swing + self.below(2 * swing + 1, purpose, whose)
    }

    /// The time to the next of events that come at random, `mean` apart on average.
    pub(crate) fn gap(self, mean: u64, whose: [u64; 3]) -> u64 {
        // 53 bits, never 0: what a double holds exactly.
        let unit = ((self.number(Draw::Gap, whose) >> 11) + 1) as f64 / (1u64 << 53) as f64;
        let gap = -libm::log(unit) * mean as f64;
        gap as u64
    }

    /// How far one clock is ahead (or, negative, behind): any two are at most `most` apart.
    pub(crate) fn clock(self, most: u64, purpose: Draw, whose: [u64; 3]) -> i64 {
        let ahead = self.below(most + 1, purpose, whose);
        i64::try_from(ahead).unwrap_or(0) - i64::try_from(most / 2).unwrap_or(0)
    }
}

/// The finishing step of SplitMix64.
pub(crate) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_depends_on_its_name_alone() {
        let draws = Draws(7);
        let once = draws.number(Draw::There, [1, 2, 3]);
        let _ = draws.number(Draw::Back, [9, 9, 9]);
        assert_eq!(once, draws.number(Draw::There, [1, 2, 3]));
        assert_ne!(once, draws.number(Draw::Back, [1, 2, 3]));
        assert_ne!(once, draws.number(Draw::There, [1, 3, 2]));
        assert_ne!(once, Draws(8).number(Draw::There, [1, 2, 3]));
    }

    #[test]
    fn gaps_are_as_long_as_they_should_be_on_average() {
        let total: u64 = (0..10_000).map(|n| Draws(1).gap(1_000, [0, n, 0])).sum();
        assert!((9_700_000..10_300_000).contains(&total), "{total}");
    }

    #[test]
    fn what_is_spread_stays_within_its_bounds_and_reaches_them() {
        let drawn: Vec<u64> = (0..1_000).map(|n| Draws(1).about(100, 50, Draw::Work, [n, 0, 0])).collect();
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&50), Some(&150)));
    }

    #[test]
    fn no_two_clocks_are_further_apart_than_they_may_be() {
        let drawn: Vec<i64> = (0..1_000).map(|n| Draws(1).clock(11, Draw::CallClock, [n, 0, 0])).collect();
        let (least, most) = (drawn.iter().min().copied().unwrap_or(0), drawn.iter().max().copied().unwrap_or(0));
        assert_eq!((least, most), (-5, 6));
    }
}
