//! Tally of a call: how many leases did it grant, free, extend on its way?

use std::ops::AddAssign;

/// What a call did for the pool, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tally {
    /// Leases granted to waiters.
    pub granted: u32,
    /// Expired leases that were taken from their holders.
    pub reclaimed: u32,
    /// Leases told again that are known to be told now.
    pub renotified: u32,
    /// Leases extended because their execution runs.
    pub extended: u32,
    /// Leases of executions that could have been extended, of which it was not known in time whether these run. The next
    /// sweep comes too late for them.
    pub missed: u32,
    /// Leases at the end of the pool's longest hold whose execution runs on.
    pub outlasted: u32,
    /// Leases freed whose holders released them or have ended.
    pub freed: u32,
    /// Waiters that left the queue.
    pub left: u32,
    /// There was more to do than one call does.
    pub more: bool,
}

impl Tally {
    /// Whether the call changed the pool, so that another one may find more to do. What is only extended is so every time.
    pub fn got_on(&self) -> bool {
        self.granted + self.reclaimed + self.renotified + self.freed + self.left > 0
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        let Tally { granted, reclaimed, renotified, extended, missed, outlasted, freed, left, more } = other;
        self.granted += granted;
        self.reclaimed += reclaimed;
        self.renotified += renotified;
        self.extended += extended;
        self.missed += missed;
        self.outlasted += outlasted;
        self.freed += freed;
        self.left += left;
        self.more |= more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_calls_did_is_the_sum_of_both() {
        let one = Tally {
            granted: 1,
            reclaimed: 2,
            renotified: 3,
            extended: 4,
            missed: 7,
            outlasted: 8,
            freed: 5,
            left: 6,
            more: true,
        };
        let mut both = Tally { more: false, ..one };
        both += one;
        let expected = Tally {
            granted: 2,
            reclaimed: 4,
            renotified: 6,
            extended: 8,
            missed: 14,
            outlasted: 16,
            freed: 10,
            left: 12,
            more: true,
        };
        assert_eq!(both, expected);
        let mut none = Tally::default();
        none += one;
        assert_eq!(none, one);
    }

    #[test]
    fn what_is_only_extended_is_nothing_new() {
        assert!(!Tally { extended: 1, missed: 1, outlasted: 1, more: true, ..Tally::default() }.got_on());
        let changes = [
            Tally { granted: 1, ..Tally::default() },
            Tally { reclaimed: 1, ..Tally::default() },
            Tally { renotified: 1, ..Tally::default() },
            Tally { freed: 1, ..Tally::default() },
            Tally { left: 1, ..Tally::default() },
        ];
        assert!(changes.iter().all(Tally::got_on));
    }
}
