//! Named draws: how does chance treat all lanes alike?
//!
//! Every draw has a name: what it is for, and whose it is. So the lanes do not disturb each other: the tenth job's
//! first request takes as long in all of them, whatever else any of them drew.

use crate::rng::Rng;

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
    Answered,
    There,
    Back,
    LostThere,
    LostBack,
    Throttled,
    Pause,
}

/// Whose a draw is: a job or a pool, which of its calls, which of their requests.
pub(crate) type DrawKey = [u64; 3];

/// A seed, from which everything is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Draws(pub(crate) u64);

impl Draws {
    /// The numbers under this name: nearly always the first one is enough.
    pub(crate) fn of(self, draw: Draw, key: DrawKey) -> Rng {
        key.into_iter().fold(Rng::new(self.0 ^ ((draw as u64 + 1) << 56)), Rng::keyed)
    }

    /// Whether something happens that happens so many times in ten thousand: drawn only if it may.
    pub(crate) fn happens(self, in_ten_thousand: u32, draw: Draw, key: DrawKey) -> bool {
        in_ten_thousand > 0 && self.of(draw, key).happens(in_ten_thousand)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_depends_on_its_name_alone() {
        let number = |seed: u64, draw: Draw, key: DrawKey| Draws(seed).of(draw, key).number();
        let once = number(7, Draw::There, [1, 2, 3]);
        let _ = number(7, Draw::Back, [9, 9, 9]);
        assert_eq!(once, number(7, Draw::There, [1, 2, 3]));
        assert_ne!(once, number(7, Draw::Back, [1, 2, 3]));
        assert_ne!(once, number(7, Draw::There, [1, 3, 2]));
        assert_ne!(once, number(8, Draw::There, [1, 2, 3]));
    }
}
