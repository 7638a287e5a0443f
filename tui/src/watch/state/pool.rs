//! A pool's state: what is known of one pool, and which of two comes first in the list?

use std::cmp::Ordering;
use std::collections::BTreeMap;

use leasehold_core::occupancy::{Detail, Occupancy, PoolState};
use leasehold_core::{Limit, PoolName, Slot, Timestamp};

use crate::watch::history::History;
use crate::watch::input::LimitRules;
use crate::watch::listed_state::ListedState;

/// One pool, as far as it is known.
#[derive(Clone, Debug)]
pub struct PoolPane {
    /// Its name.
    pub prefix: PoolName,
    /// The limit in force, as far as known.
    pub limit: Option<Limit>,
    /// The limit somebody here has just asked for, until it is seen.
    pub(super) asked: Option<Limit>,
    /// What becomes of its limit when that is changed, as the directory says.
    pub(super) rules: Option<LimitRules>,
    /// The newest look at its rows, while a newer summary is known.
    pub(super) rows_before: Option<Occupancy>,
    /// The newest look; none if it was never swept and was not read yet.
    pub seen: Option<Occupancy>,
    /// Its last sweep is longer ago than it should be: what that saw is no longer so.
    pub(super) stale: bool,
    /// Why it can not be shown, or not all of it, if it can't.
    pub trouble: Option<String>,
    /// It was told that a row makes no sense, and not yet that all do again.
    pub(super) told_broken: bool,
    /// Its slots whose rows can not be read: what is wrong with each. The rest of what was seen is true then.
    pub damaged: Option<BTreeMap<Slot, String>>,
    /// When its rows were read last, or could not be.
    pub(super) read_at: Option<Timestamp>,
    /// The last minutes.
    pub history: History,
}

impl PoolPane {
    pub(super) fn new(prefix: PoolName) -> PoolPane {
        let (seen, trouble, damaged, read_at) = (None, None, None, None);
        PoolPane {
            prefix,
            limit: None,
            asked: None,
            rules: None,
            rows_before: None,
            seen,
            stale: false,
            trouble,
            told_broken: false,
            damaged,
            read_at,
            history: History::default(),
        }
    }

    /// What was seen of it last, if that can still be told: not of a pool that can not be shown, nor what a sweep saw long ago.
    pub fn known(&self) -> Option<&Occupancy> {
        self.seen.as_ref().filter(|_| self.trouble.is_none() && !self.tells_the_past())
    }

    /// Whether all that is known of it is what its last sweep saw, longer ago than it should be.
    pub fn tells_the_past(&self) -> bool {
        self.stale && self.seen.as_ref().is_some_and(|seen| seen.detail == Detail::Summary)
    }

    /// What is wrong with this slot's row, if it can not be read.
    pub fn damage(&self, slot: Slot) -> Option<&str> {
        self.damaged.as_ref()?.get(&slot).map(String::as_str)
    }

    /// In one word, if anything is known.
    pub fn state(&self) -> Option<PoolState> {
        self.known().map(|seen| seen.state)
    }

    /// Its state in lists.
    pub fn listed_state(&self) -> ListedState {
        match self.state() {
            _ if self.trouble.is_some() => ListedState::Broken,
            _ if self.tells_the_past() => ListedState::Stale,
            Some(state) => ListedState::Known(state),
            None => ListedState::NotRead,
        }
    }

    /// Whether each of these is in its name, or begins its state.
    pub(super) fn has(&self, terms: &[&str]) -> bool {
        passes(&self.prefix, self.listed_state(), terms)
    }

    /// Its place in the list before or after another; two are never equal.
    pub(super) fn before(&self, other: &PoolPane, order: PoolOrder) -> Ordering {
        // What matters most comes first, whatever has the same by name.
        other.weight(order).cmp(&self.weight(order)).then_with(|| self.prefix.cmp(&other.prefix))
    }

    /// How much it matters in this order.
    fn weight(&self, order: PoolOrder) -> u64 {
        order.weight(self.listed_state(), self.seen.as_ref())
    }
}

/// Whether each of these, in small letters, is in a pool's name or begins a word of its state.
pub fn passes(prefix: &PoolName, state: ListedState, terms: &[&str]) -> bool {
    terms.iter().all(|term| state.has_word(term) || has_name(prefix, term))
}

/// Whether this, in small letters, is in a pool's name.
pub fn has_name(prefix: &PoolName, term: &str) -> bool {
    prefix.as_str().to_ascii_lowercase().contains(term)
}

/// How full it is, in thousandths; a limit of 0 that somebody holds a lease under is more than full.
fn fullness(seen: &Occupancy) -> u64 {
    match seen.limit.count() {
        0 => u64::from(seen.held) * 1_001,
        limit => u64::from(seen.held) * 1_000 / u64::from(limit),
    }
}

/// The order of the pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolOrder {
    /// The most alarming first.
    Trouble,
    /// By name.
    Name,
    /// The most waiters first.
    Waiting,
    /// The longest wait first.
    LongestWait,
    /// The fullest first.
    Fullness,
}

impl PoolOrder {
    /// In a word or two.
    pub fn name(self) -> &'static str {
        match self {
            PoolOrder::Trouble => "trouble",
            PoolOrder::Name => "name",
            PoolOrder::Waiting => "waiting",
            PoolOrder::LongestWait => "longest wait",
            PoolOrder::Fullness => "fullness",
        }
    }

    /// How much a pool matters in this order, by its state and what was seen of it.
    pub fn weight(self, state: ListedState, seen: Option<&Occupancy>) -> u64 {
        match self {
            PoolOrder::Name => 0,
            PoolOrder::Trouble => state.alarm(),
            PoolOrder::Waiting => seen.map_or(0, |seen| u64::from(seen.waiting) * 2 + u64::from(seen.waiting_more)),
            // The earlier somebody began to wait, the longer they wait, whatever time it is.
            PoolOrder::LongestWait => {
                let since = seen.and_then(|seen| Some(seen.at - seen.oldest_wait?));
                since.map_or(0, |since| u64::MAX - since.0)
            }
            PoolOrder::Fullness => seen.map_or(0, fullness),
        }
    }

    pub(super) fn next(self) -> PoolOrder {
        match self {
            PoolOrder::Trouble => PoolOrder::Name,
            PoolOrder::Name => PoolOrder::Waiting,
            PoolOrder::Waiting => PoolOrder::LongestWait,
            PoolOrder::LongestWait => PoolOrder::Fullness,
            PoolOrder::Fullness => PoolOrder::Trouble,
        }
    }
}
