//! Request logs: which were the newest requests of a lane, in a few words?

use std::collections::VecDeque;

use super::call::CallPurpose;
use super::request_effect::{ReplySummary, RequestEffect};

/// How many of the newest requests of a lane are kept.
pub const REQUESTS_KEPT: usize = 256;

/// One request in a few words. Moments are microseconds since the start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestEntry {
    /// Its number in its lane.
    pub(crate) number: u64,
    pub(crate) pool: usize,
    pub(crate) purpose: CallPurpose,
    pub(crate) effect: RequestEffect,
    pub(crate) asked: u64,
    pub(crate) served: Option<u64>,
    pub(crate) replied: Option<u64>,
    pub(crate) reply: Option<ReplySummary>,
    /// Which of its messages got lost, if one did.
    pub(crate) lost: Option<&'static str>,
}

/// The newest requests, in the order of their numbers, which have no gaps.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestLog(VecDeque<RequestEntry>);

impl RequestLog {
    /// Keeps one; the oldest goes if there are too many.
    pub(crate) fn add(&mut self, entry: RequestEntry) {
        if self.0.len() == REQUESTS_KEPT {
            self.0.pop_front();
        }
        self.0.push_back(entry);
    }

    /// The request of this number, if it is still kept.
    pub(crate) fn get(&self, number: u64) -> Option<&RequestEntry> {
        self.0.get(self.place(number)?)
    }

    /// The same, to be changed.
    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut RequestEntry> {
        let at = self.place(number)?;
        self.0.get_mut(at)
    }

    fn place(&self, number: u64) -> Option<usize> {
        let first = self.0.front()?.number;
        usize::try_from(number.checked_sub(first)?).ok()
    }

    /// All that are kept, newest first.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &RequestEntry> {
        self.0.iter().rev()
    }
}
