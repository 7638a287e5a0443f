//! Slab maps: what is under which number? Things that come in the order of their numbers and go in any order; a copy of
//! all of them shares whatever neither side has changed since.

use std::collections::VecDeque;
use std::sync::Arc;

/// Things by number.
#[derive(Clone, Debug)]
pub(crate) struct SlabMap<T>(VecDeque<(u32, Arc<T>)>);

impl<T> Default for SlabMap<T> {
    fn default() -> Self {
        SlabMap(VecDeque::new())
    }
}

impl<T: Clone> SlabMap<T> {
    fn place(&self, number: u32) -> Option<usize> {
        self.0.binary_search_by_key(&number, |(number, _)| *number).ok()
    }

    /// Adds one, under a number higher than all before it.
    pub(crate) fn add(&mut self, number: u32, thing: T) {
        self.0.push_back((number, Arc::new(thing)));
    }

    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        self.place(number).map(|at| &*self.0[at].1)
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        self.place(number).map(|at| Arc::make_mut(&mut self.0[at].1))
    }

    pub(crate) fn remove(&mut self, number: u32) -> Option<T> {
        let at = self.place(number)?;
        self.0.remove(at).map(|(_, thing)| Arc::unwrap_or_clone(thing))
    }

    /// All of them, in the order of their numbers.
    pub(crate) fn all(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, thing)| &**thing)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_keeps_what_is_changed_afterwards() {
        let mut now = SlabMap::default();
        (0..5).for_each(|number| now.add(number, number * 10));
        let then = now.clone();
        assert_eq!(now.remove(2), Some(20));
        *now.get_mut(3).expect("it is there") = 7;
        assert_eq!((then.get(2), then.get(3)), (Some(&20), Some(&30)));
        assert_eq!(now.all().copied().collect::<Vec<_>>(), [0, 10, 7, 40]);
        assert_eq!((now.get(2), now.len(), now.is_empty()), (None, 4, false));
    }
}
