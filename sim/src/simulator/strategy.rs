//! Strategies: what do the lanes of a simulation do differently, for the same jobs on the same network?
//!
//! Whatever depends on the strategy is decided by a `match` on [`Strategy`]: most of it here, and what draws it or
//! starts its calls beside what it needs. Another strategy is another variant, and the compiler lists the rest.

use std::ops::{Index, IndexMut};

use leasehold_core::nouns::Millis;
use leasehold_core::table::{HolderRow, HolderState, Row};
use serde::{Serialize, Serializer};

use super::scenario::Scenario;
use crate::count_then_put;

/// How long a lease row that expired stays in the table (count, then put), in milliseconds: its TTL takes it later.
const TTL: Millis = Millis(60_000);

/// How jobs get their leases. In JSON: the number of its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strategy {
    /// Count the leases, and put one if there are fewer than the limit. Lane 0.
    CountThenPut,
    /// The protocol of `leasehold-core`. Lane 1.
    Leasehold,
}

/// What is left of a dead job in its holder's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leftover {
    /// Nothing that means anything.
    Nothing,
    /// Something that has to be freed.
    Held,
    /// A lease that counts until this moment, on the table's clock.
    CountsUntil(Millis),
    /// A lease that nobody counts any more.
    Expired,
}

impl Strategy {
    /// All of them, in the order of their lanes.
    pub const ALL: [Strategy; 2] = [Strategy::CountThenPut, Strategy::Leasehold];

    /// The number of its lane.
    pub fn index(self) -> usize {
        self as usize
    }

    /// The strategy of the lane with this number.
    pub fn from_index(index: usize) -> Option<Strategy> {
        Strategy::ALL.get(index).copied()
    }

    /// Its name for a person.
    pub fn name(self) -> &'static str {
        match self {
            Strategy::CountThenPut => "count, then put",
            Strategy::Leasehold => "leasehold",
        }
    }

    /// Whether its leases lie on numbered slots, each grant under a fence.
    pub(crate) fn has_slots(self) -> bool {
        match self {
            Strategy::CountThenPut => false,
            Strategy::Leasehold => true,
        }
    }

    /// Whether a lease manager sweeps its pools, is told of executions that ended, and changes limits.
    pub(crate) fn has_manager(self) -> bool {
        match self {
            Strategy::CountThenPut => false,
            Strategy::Leasehold => true,
        }
    }

    /// Whether who finds the pool full waits in a queue and is told.
    pub(crate) fn has_queue(self, scenario: &Scenario) -> bool {
        match self {
            Strategy::CountThenPut => false,
            Strategy::Leasehold => scenario.queue,
        }
    }

    /// The parent that its holders name: `everyone` where all of a pool are counted together.
    pub(crate) fn parent(self, everyone: &str) -> Option<&str> {
        match self {
            Strategy::CountThenPut => Some(everyone),
            Strategy::Leasehold => None,
        }
    }

    /// How long a job pauses that was refused, in microseconds: as long as it is advised to, or as long as was written
    /// down, which is also the most.
    pub(crate) fn pause(self, advised: Millis, poll_every: u64) -> u64 {
        match self {
            Strategy::CountThenPut => poll_every,
            Strategy::Leasehold => (advised.0 * 1_000).min(poll_every),
        }
    }

    /// Whether the table's TTL leaves this row where it is.
    pub(crate) fn ttl_keeps(self, row: &Row, lease: Millis, now: Millis) -> bool {
        let Row::Holder(row) = row else { return true };
        match self {
            Strategy::CountThenPut => count_then_put::expires_at(row, lease).is_none_or(|at| now < at + TTL),
            Strategy::Leasehold => !matches!(row.state, HolderState::Ended { ttl } if ttl <= now),
        }
    }

    /// What is left of a dead job whose holder's row is this one.
    pub(crate) fn leftover(self, row: Option<&HolderRow>, lease: Millis, now: Millis) -> Leftover {
        let Some(row) = row else { return Leftover::Nothing };
        match self {
            Strategy::CountThenPut => match count_then_put::expires_at(row, lease).filter(|at| now < *at) {
                Some(at) => Leftover::CountsUntil(at),
                None => Leftover::Expired,
            },
            Strategy::Leasehold => match row.state {
                HolderState::Ended { .. } => Leftover::Nothing,
                HolderState::Waiting(_) | HolderState::Holding { .. } => Leftover::Held,
            },
        }
    }
}

impl Serialize for Strategy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.index().serialize(serializer)
    }
}

/// One of something for each strategy. In JSON: a list, in the order of the lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PerStrategy<T>([T; Strategy::ALL.len()]);

impl<T> PerStrategy<T> {
    /// Makes one for each.
    pub fn new(make: impl FnMut(Strategy) -> T) -> PerStrategy<T> {
        PerStrategy(Strategy::ALL.map(make))
    }

    /// All of them, in the order of the lanes.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }
}

impl<T> Index<Strategy> for PerStrategy<T> {
    type Output = T;
    fn index(&self, strategy: Strategy) -> &T {
        &self.0[strategy as usize]
    }
}

impl<T> IndexMut<Strategy> for PerStrategy<T> {
    fn index_mut(&mut self, strategy: Strategy) -> &mut T {
        &mut self.0[strategy as usize]
    }
}

impl<T> IntoIterator for PerStrategy<T> {
    type Item = T;
    type IntoIter = std::array::IntoIter<T, 2>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a PerStrategy<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_known_by_its_number_and_nothing_else_is_a_lane() {
        for strategy in Strategy::ALL {
            assert_eq!(Strategy::from_index(strategy.index()), Some(strategy));
        }
        assert_eq!(Strategy::from_index(2), None);
        assert_eq!(serde_json::to_value(Strategy::Leasehold).ok(), Some(serde_json::json!(1)));
        let names = PerStrategy::new(Strategy::name);
        assert_eq!(names[Strategy::Leasehold], "leasehold");
        assert_eq!(serde_json::to_value(names).ok(), Some(serde_json::json!(["count, then put", "leasehold"])));
    }
}
