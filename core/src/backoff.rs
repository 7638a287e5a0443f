//! Backoff after a collision: how long does a caller pause, and where does it look next, so that callers spread?
//!
//! Nothing random is drawn here: an operation is given one random number, its entropy, when it starts.

use crate::time::Millis;

/// The longest first pause, in milliseconds; it doubles up to the sixth try.
const FIRST_PAUSE: u64 = 10;

/// A pause before the nth try after a collision: full jitter, anywhere from zero to a bound that doubles.
pub(crate) fn jitter(entropy: u64, tried: u8) -> Millis {
    let most = FIRST_PAUSE << u32::from(tried.min(6));
    Millis(mix(entropy, u64::from(tried)) % (most + 1))
}

/// The pause before another try of a call, if one of its `most` is left; it counts as made.
pub(crate) fn next_try(tried: &mut u8, most: u8, entropy: u64) -> Option<Millis> {
    *tried += 1;
    (*tried <= most).then(|| jitter(entropy, *tried))
}

/// The nth number of a sequence that differs from caller to caller (the mixing step of SplitMix64).
pub(crate) fn mix(entropy: u64, n: u64) -> u64 {
    let mut z = entropy.wrapping_add((n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The nth choice among so many, from 0; 0 where there is nothing to choose from.
pub(crate) fn choose(entropy: u64, n: u64, among: usize) -> usize {
    let among = among.max(1) as u64;
    usize::try_from(mix(entropy, n) % among).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_numbers_are_those_of_split_mix_64() {
        // As its authors' program prints them, from the seed 0 on.
        let known = [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f, 0xf88b_b8a8_724c_81ec];
        assert_eq!([0, 1, 2, 3].map(|n| mix(0, n)), known);
    }

    #[test]
    fn a_pause_is_anywhere_up_to_a_bound_that_doubles() {
        for (tried, most) in [(0, 10), (1, 20), (2, 40), (6, 640), (7, 640), (200, 640)] {
            let pauses: BTreeSet<u64> = (0..20_000).map(|entropy| jitter(entropy, tried).0).collect();
            assert_eq!(pauses, (0..=most).collect(), "after {tried} tries");
        }
    }

    #[test]
    fn a_choice_is_any_of_those_there_are() {
        let chosen = |among| (0..1_000).map(|entropy| choose(entropy, 0, among)).collect::<BTreeSet<_>>();
        assert_eq!(chosen(5), (0..5).collect());
        assert_eq!((chosen(1), chosen(0)), ([0].into(), [0].into()));
    }

    #[test]
    fn so_many_tries_are_made_and_no_more() {
        let mut tried = 0;
        let pauses: Vec<_> = (0..4).map(|_| next_try(&mut tried, 2, 7)).collect();
        assert_eq!(pauses, [Some(jitter(7, 1)), Some(jitter(7, 2)), None, None]);
    }
}
