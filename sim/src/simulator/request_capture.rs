//! Captured requests: what exactly was one request, and how was it answered? Nothing of it is kept: the seconds before
//! it are run once more, and this looks on.

use leasehold_core::{Effect, EffectReply, Reply, Row};

use super::request_log::RequestEntry;

/// A request that is looked for, and what was seen of it.
#[derive(Clone, Debug)]
pub(crate) struct RequestCapture {
    /// Its number in its lane.
    pub(crate) number: u64,
    pub(crate) seen: Option<CapturedRequest>,
    /// Its answer is back, or is waited for no longer.
    pub(crate) over: bool,
}

/// A request, whole.
#[derive(Clone, Debug)]
pub(crate) struct CapturedRequest {
    pub(crate) effect: Effect,
    /// How far its caller's clock is ahead, in microseconds.
    pub(crate) skew: i64,
    /// The same in a few words.
    pub(crate) entry: RequestEntry,
    /// The first of those that its call sent together, and how many these are.
    pub(crate) together: (u64, u64),
    /// The rows that it writes, as they were when it was served.
    pub(crate) before: Option<Vec<Option<Row>>>,
    /// What the table answered.
    pub(crate) reply: Option<Reply>,
    /// What its caller learned.
    pub(crate) received: Option<EffectReply>,
}

impl RequestCapture {
    /// Looks for the request of this number.
    pub(crate) fn of(number: u64) -> RequestCapture {
        RequestCapture { number, seen: None, over: false }
    }
}
