//! The state of a pool in a list: which words are there, what do they mean, and which comes first?

use leasehold_core::occupancy::PoolState;

/// The state of a pool as it is listed: also where it is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListedState {
    /// A row of it makes no sense.
    Broken,
    /// It is known.
    Known(PoolState),
    /// Its sweeps are missing, and it was not read: what is known is old.
    Stale,
    /// It was never swept, and was not read.
    NotRead,
}

impl ListedState {
    /// All of them, the most alarming first. What nobody knows comes after all that is known to be wrong.
    pub const ALL: [ListedState; 11] = {
        let [over_limit, starving, settling, draining, drained, full, ok, idle] = PoolState::ALL;
        [
            ListedState::Broken,
            ListedState::Known(over_limit),
            ListedState::Known(starving),
            ListedState::Stale,
            ListedState::Known(settling),
            ListedState::Known(draining),
            ListedState::Known(drained),
            ListedState::Known(full),
            ListedState::Known(ok),
            ListedState::Known(idle),
            ListedState::NotRead,
        ]
    };

    /// In words for a person.
    pub fn as_str(self) -> &'static str {
        match self {
            ListedState::Broken => "broken",
            ListedState::Known(state) => state.as_str(),
            ListedState::Stale => "stale",
            ListedState::NotRead => "not read",
        }
    }

    /// Whether this, in small letters, begins one of its words: `over limit` is found by both.
    pub fn has_word(self, term: &str) -> bool {
        self.as_str().split(' ').any(|word| word.starts_with(term))
    }

    /// What it means, in a line for a person.
    pub fn meaning(self) -> &'static str {
        match self {
            ListedState::Broken => "a row of the pool makes no sense; the reason is told beside",
            ListedState::Known(state) => state.meaning(),
            ListedState::Stale => "its sweeps are missing, and it was not read: all that is known is old",
            ListedState::NotRead => "it was never swept, and was not read",
        }
    }

    /// How alarming it is: the more, the higher.
    pub fn alarm(self) -> u64 {
        let after = ListedState::ALL.iter().rev().position(|state| *state == self);
        after.and_then(|after| u64::try_from(after).ok()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_found_by_each_of_its_words() {
        for state in ListedState::ALL {
            assert!(state.as_str().split(' ').all(|word| state.has_word(word)), "{state:?}");
        }
        assert!(!ListedState::NotRead.has_word("ead") && ListedState::Stale.has_word("sta"));
    }

    #[test]
    fn each_state_is_more_alarming_than_those_listed_after_it() {
        assert!(ListedState::ALL.is_sorted_by(|one, next| one.alarm() > next.alarm()));
    }
}
