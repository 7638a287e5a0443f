//! Parts of a state: what lies in it side by side? The calls, the writes that are served late, and the rest.
//!
//! Millions of states differ in which calls meet, but have few tables and few clients: the rest is kept once for all.

use std::hash::{Hash, Hasher};

use leasehold_core::Request;
use rustc_hash::FxHashMap;

use super::shared_list::SharedList;
use super::state::{Call, ClientState, WorldState};
use crate::digest::{Hashed, digest};
use crate::table::MemoryTable;

/// How many values of a kind are kept to share them.
const MOST: usize = 200_000;

/// A state in its parts.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    /// All but the calls and the late writes.
    pub(crate) rest: Hashed<WorldState>,
    pub(crate) calls: Vec<Hashed<Call>>,
    pub(crate) late: Vec<Hashed<Request>>,
}

/// What one step of one call, or of none, changes in a state.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) rest: Hashed<WorldState>,
    /// The call as it is afterwards, if it is not over.
    pub(crate) call: Option<Hashed<Call>>,
    pub(crate) late: Option<Hashed<Request>>,
}

/// What many states have in common, kept once.
#[derive(Debug, Default)]
pub(crate) struct Common {
    tables: FxHashMap<u128, MemoryTable>,
    clients: FxHashMap<u128, SharedList<Hashed<ClientState>>>,
    rests: FxHashMap<u128, Hashed<WorldState>>,
}

impl Parts {
    /// Takes a state apart.
    pub(crate) fn of(mut state: WorldState, common: &mut Common) -> Parts {
        let (calls, late) = (std::mem::take(&mut state.calls), std::mem::take(&mut state.late));
        Parts { rest: common.share(state), calls, late }
    }

    /// The state, whole.
    pub(crate) fn whole(&self) -> WorldState {
        WorldState { calls: self.calls.clone(), late: self.late.clone(), ..(*self.rest).clone() }
    }

    /// The state's digest.
    pub(crate) fn digest(&self) -> u128 {
        digest(&Content { rest: self.rest.digest(), calls: self.calls.iter(), late: self.late.iter() })
    }

    /// The digest of the state that this change of one call, or of none, makes.
    pub(crate) fn digest_after(&self, call: Option<usize>, change: &Change) -> u128 {
        digest(&Content {
            rest: change.rest.digest(),
            calls: after(&self.calls, call, change.call.as_ref()),
            late: after(&self.late, None, change.late.as_ref()),
        })
    }

    /// The state that this change of one call, or of none, makes.
    pub(crate) fn after(&self, call: Option<usize>, change: &Change) -> Parts {
        Parts {
            rest: change.rest.clone(),
            calls: after(&self.calls, call, change.call.as_ref()).cloned().collect(),
            late: after(&self.late, None, change.late.as_ref()).cloned().collect(),
        }
    }
}

/// A list in the order of its digests, without one value, and with another one at its place.
fn after<'a, T: Hash>(
    list: &'a [Hashed<T>],
    without: Option<usize>,
    with: Option<&'a Hashed<T>>,
) -> impl Iterator<Item = &'a Hashed<T>> + Clone {
    let place = with.map_or(list.len(), |with| list.partition_point(|other| other.digest() < with.digest()));
    let stays = move |(at, value): (usize, &'a Hashed<T>)| (Some(at) != without).then_some(value);
    let (below, above) = (&list[..place], &list[place..]);
    let below = below.iter().enumerate().filter_map(stays);
    below.chain(with).chain((place..).zip(above).filter_map(stays))
}

/// What a state's digest is made of.
struct Content<C, L> {
    rest: u128,
    calls: C,
    late: L,
}

impl<'a, C, L> Hash for Content<C, L>
where
    C: Iterator<Item = &'a Hashed<Call>> + Clone,
    L: Iterator<Item = &'a Hashed<Request>> + Clone,
{
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.rest.hash(state);
        self.calls.clone().for_each(|call| call.hash(state));
        // No call has this digest, but for one chance in 2^128.
        0_u128.hash(state);
        self.late.clone().for_each(|request| request.hash(state));
    }
}

impl Common {
    /// The rest of a state, as others have it too.
    pub(crate) fn share(&mut self, mut rest: WorldState) -> Hashed<WorldState> {
        one(&mut self.tables, &mut rest.table);
        one(&mut self.clients, &mut rest.clients);
        if self.rests.len() >= MOST {
            self.rests.clear();
        }
        let rest = Hashed::new(rest);
        self.rests.entry(rest.digest()).or_insert(rest).clone()
    }
}

fn one<T: Clone + Hash>(kept: &mut FxHashMap<u128, T>, value: &mut T) {
    if kept.len() >= MOST {
        kept.clear();
    }
    *value = kept.entry(digest(value)).or_insert_with(|| value.clone()).clone();
}
