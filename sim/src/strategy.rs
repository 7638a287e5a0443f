//! Strategies: how do callers get their leases, and what is compared with what?
//!
//! The checker explores worlds of either; the simulator plays one lane of each. Another strategy is another variant, and
//! the compiler lists what has to be decided for it.

use std::ops::{Index, IndexMut};

use serde::{Serialize, Serializer};

/// How jobs get their leases. In JSON: the number of its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strategy {
    /// Count the leases, and put one if there are fewer than the limit. Lane 0.
    CountThenPut,
    /// The protocol of `leasehold-core`. Lane 1.
    Leasehold,
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
