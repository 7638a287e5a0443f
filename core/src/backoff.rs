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
