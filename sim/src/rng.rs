//! Random numbers: how does chance come into a world that is a function of its seed?
//!
//! SplitMix64 (Steele, Lea, Flood 2014), a fixed algorithm on whole numbers; the one logarithm is libm's, computed in
//! software: the same numbers on every machine.

/// What SplitMix64 adds to its state for each number: the golden ratio, as a fraction of 2^64.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A sequence of numbers that its seed determines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rng(u64);

impl Rng {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    /// The sequence that this one comes to under a key: the same for the same key, whatever else was drawn. It leaves
    /// this one as it is.
    #[must_use]
    pub fn keyed(self, key: u64) -> Rng {
        Rng(mix(self.0) ^ key.wrapping_add(STEP))
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        let number = mix(self.0);
        self.0 = self.0.wrapping_add(STEP);
        number
    }

    /// A number below `bound`; 0 if that is 0. As even as 64 bits allow.
    pub fn below(&mut self, bound: u64) -> u64 {
        let product = u128::from(self.number()) * u128::from(bound);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// One of so many things: the remainder of a number; 0 if there are none. For small choices, where it is even
    /// enough.
    pub fn choice(&mut self, of: usize) -> usize {
        usize::try_from(self.number() % of.max(1) as u64).unwrap_or(0)
    }

    /// Whether something happens that happens so many times in ten thousand.
    pub fn happens(&mut self, in_ten_thousand: u32) -> bool {
        in_ten_thousand > 0 && self.below(10_000) < u64::from(in_ten_thousand)
    }

    /// The typical value, give or take so many percent.
    pub fn about(&mut self, typical: u64, percent: u32) -> u64 {
        let swing = typical * u64::from(percent) / 100;
        typical - swing + self.below(2 * swing + 1)
    }

    /// The time to the next of events that come at random, `mean` apart on average.
    pub fn gap(&mut self, mean: u64) -> u64 {
        // 53 bits, never 0: what a double holds exactly.
        let unit = ((self.number() >> 11) + 1) as f64 / (1u64 << 53) as f64;
        let gap = -libm::log(unit) * mean as f64;
        gap as u64
    }

    /// How far one clock is ahead (or, negative, behind): any two are at most `most` apart.
    pub fn clock_offset(&mut self, most: u64) -> i64 {
        let ahead = self.below(most + 1);
        i64::try_from(ahead).unwrap_or(0) - i64::try_from(most / 2).unwrap_or(0)
    }
}

/// The first number of the sequence of this seed: mixes its bits thoroughly.
pub fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(STEP);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_published_algorithm() {
        let mut rng = Rng::new(1_234_567);
        let numbers: Vec<u64> = (0..3).map(|_| rng.number()).collect();
        assert_eq!(numbers, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn gaps_are_as_long_as_they_should_be_on_average() {
        let mut rng = Rng::new(1);
        let total: u64 = (0..10_000).map(|_| rng.gap(1_000)).sum();
        assert!((9_700_000..10_300_000).contains(&total), "{total}");
    }

    #[test]
    fn what_is_spread_stays_within_its_bounds_and_reaches_them() {
        let mut rng = Rng::new(1);
        let drawn: Vec<u64> = (0..1_000).map(|_| rng.about(100, 50)).collect();
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&50), Some(&150)));
    }

    #[test]
    fn no_two_clocks_are_further_apart_than_they_may_be() {
        let mut rng = Rng::new(1);
        let drawn: Vec<i64> = (0..1_000).map(|_| rng.clock_offset(11)).collect();
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&-5), Some(&6)));
    }

    #[test]
    fn a_choice_is_one_of_the_things_and_every_one_is_chosen() {
        let mut rng = Rng::new(7);
        let mut chosen = [0; 5];
        (0..500).for_each(|_| chosen[rng.choice(5)] += 1);
        assert!(chosen.iter().all(|times| *times > 50), "{chosen:?}");
        assert_eq!((rng.choice(0), rng.choice(1), rng.below(0)), (0, 0, 0));
    }
}
