//! Packed states: how do a hundred million of them fit into memory? As the numbers of their parts, each of which is kept once.

use std::hash::Hash;
use std::sync::{PoisonError, RwLock};

use leasehold_core::Request;
use rustc_hash::FxHashMap;

use super::parts::Parts;
use super::state::{Call, WorldState};
use crate::digest::Hashed;

/// States, one after the other: the number of the rest, how many calls and how many late writes there are, their numbers.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    numbers: Vec<u32>,
    states: usize,
}

/// The parts of all states of a search, by number.
#[derive(Debug, Default)]
pub(crate) struct PartStore {
    rests: RwLock<Numbered<WorldState>>,
    calls: RwLock<Numbered<Call>>,
    late: RwLock<Numbered<Request>>,
}

/// What one thread knows of the store: it seldom has to look there.
#[derive(Debug)]
pub(crate) struct Packer<'a> {
    rests: Known<'a, WorldState>,
    calls: Known<'a, Call>,
    late: Known<'a, Request>,
}

/// Values that have numbers.
#[derive(Debug)]
struct Numbered<T> {
    values: Vec<Hashed<T>>,
    numbers: FxHashMap<u128, u32>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Numbered { values: vec![], numbers: FxHashMap::default() }
    }
}

/// Those of them that one thread has seen.
#[derive(Debug)]
struct Known<'a, T> {
    store: &'a RwLock<Numbered<T>>,
    values: Vec<Option<Hashed<T>>>,
    numbers: FxHashMap<u128, u32>,
}

impl<'a, T: Hash> Known<'a, T> {
    fn of(store: &'a RwLock<Numbered<T>>) -> Self {
        Known { store, values: vec![], numbers: FxHashMap::default() }
    }

    fn number(&mut self, value: &Hashed<T>) -> u32 {
        if let Some(number) = self.numbers.get(&value.digest()) {
            return *number;
        }
        let mut store = self.store.write().unwrap_or_else(PoisonError::into_inner);
        let next = u32::try_from(store.values.len()).unwrap_or(u32::MAX);
        let number = *store.numbers.entry(value.digest()).or_insert(next);
        if number == next {
            store.values.push(value.clone());
        }
        drop(store);
        self.numbers.insert(value.digest(), number);
        number
    }

    fn value(&mut self, number: u32) -> Hashed<T> {
        let at = number as usize;
        if at >= self.values.len() {
            self.values.resize(at + 1, None);
        }
        let read = || self.store.read().unwrap_or_else(PoisonError::into_inner).values[at].clone();
        self.values[at].get_or_insert_with(read).clone()
    }
}

impl PartStore {
    pub(crate) fn packer(&self) -> Packer<'_> {
        Packer { rests: Known::of(&self.rests), calls: Known::of(&self.calls), late: Known::of(&self.late) }
    }
}

impl Packer<'_> {
    /// Adds a state to others.
    pub(crate) fn pack(&mut self, state: &Parts, into: &mut Packed) {
        let count = |many: usize| u32::try_from(many).unwrap_or(u32::MAX);
        let Packed { numbers, states } = into;
        numbers.extend([self.rests.number(&state.rest), count(state.calls.len()), count(state.late.len())]);
        numbers.extend(state.calls.iter().map(|call| self.calls.number(call)));
        numbers.extend(state.late.iter().map(|request| self.late.number(request)));
        *states += 1;
    }

    /// The states, in their order.
    pub(crate) fn unpack(&mut self, packed: &Packed) -> Vec<Parts> {
        let mut states = Vec::with_capacity(packed.states);
        for state in packed.each() {
            let (calls, late) = state[3..].split_at(state[1] as usize);
            states.push(Parts {
                rest: self.rests.value(state[0]),
                calls: calls.iter().map(|number| self.calls.value(*number)).collect(),
                late: late.iter().map(|number| self.late.value(*number)).collect(),
            });
        }
        states
    }
}

impl Packed {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.states
    }

    /// Each of them, packed.
    pub(crate) fn each(&self) -> impl Iterator<Item = &[u32]> {
        let mut rest = &self.numbers[..];
        std::iter::from_fn(move || {
            let [_, calls, late, ..] = *rest else { return None };
            let (state, others) = rest.split_at(3 + calls as usize + late as usize);
            rest = others;
            Some(state)
        })
    }

    /// Adds one of other packed states.
    pub(crate) fn push(&mut self, state: &[u32]) {
        self.numbers.extend_from_slice(state);
        self.states += 1;
    }

    /// Takes all out, in no more memory than they need.
    pub(crate) fn take(&mut self) -> Packed {
        let numbers = self.numbers.as_slice().to_vec();
        self.numbers.clear();
        Packed { numbers, states: std::mem::take(&mut self.states) }
    }
}
