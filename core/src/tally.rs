//! Tally of a call: how many leases did it grant, free, extend on its way?

use std::ops::AddAssign;

/// What a call did for the pool, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tally {
    /// Leases granted to waiters.
    pub granted: u32,
    /// Expired leases that were taken from their holders.
    pub reclaimed: u32,
    /// Callbacks sent again.
    pub renotified: u32,
    /// Leases extended because their execution runs.
    pub extended: u32,
    /// Leases freed whose holders released them or have ended.
    pub freed: u32,
    /// Waiters that left the queue.
    pub left: u32,
    /// There was more to do than one call does.
    pub more: bool,
}

impl Tally {
    /// Whether the call changed the pool, so that another one may find more to do. What is only told again, or extended,
    /// is so every time.
    pub fn got_on(&self) -> bool {
        self.granted + self.reclaimed + self.freed + self.left > 0
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        let Tally { granted, reclaimed, renotified, extended, freed, left, more } = other;
        self.granted += granted;
        self.reclaimed += reclaimed;
        self.renotified += renotified;
        self.extended += extended;
        self.freed += freed;
        self.left += left;
        self.more |= more;
    }
}
