//! What exactly was one request, and how was it answered? Nothing of it is kept: the seconds before it are run once
//! more, and this looks on.

use leasehold_core::table::{Reply, Row};

use super::call::{Message, Received};
use super::lane::{Lane, RequestEntry};
use super::request_log::ReplySummary;

/// A request that is looked for, and what was seen of it.
#[derive(Clone, Debug)]
pub(crate) struct RequestCapture {
    pub(crate) number: u64,
    pub(crate) seen: Option<CapturedRequest>,
    pub(crate) over: bool,
}

/// A request, whole.
#[derive(Clone, Debug)]
pub(crate) struct CapturedRequest {
    pub(crate) what: Message,
    /// How far its caller's clock is ahead, in microseconds.
    pub(crate) skew: i64,
    /// The same in a few words.
    pub(crate) brief: RequestEntry,
    /// The first of those that its call sent together, and how many these are.
    pub(crate) together: (u64, u64),
    /// The rows that it writes, as they were when it was served.
    pub(crate) before: Option<Vec<Option<Row>>>,
    pub(crate) reply: Option<Reply>,
    pub(crate) got: Option<Received>,
}

impl Lane {
    fn watched(&mut self, number: u64) -> Option<&mut RequestCapture> {
        self.watch.as_deref_mut().filter(|watch| watch.number == number)
    }

    pub(crate) fn watch_sent(&mut self, call: u32, brief: RequestEntry, what: &Message, together: (u64, u64)) {
        let skew = self.calls.get(call).map_or(0, |call| call.skew);
        if let Some(watch) = self.watched(brief.number) {
            let what = what.clone();
            watch.seen = Some(CapturedRequest { what, skew, brief, together, before: None, reply: None, got: None });
        }
    }

    /// The table served it.
    pub(crate) fn watch_served(&mut self, number: u64, before: &[Option<Row>], reply: &Reply) {
        if let Some(seen) = self.watched(number).and_then(|watch| watch.seen.as_mut()) {
            seen.before = Some(before.to_vec());
            seen.reply = Some(reply.clone());
        }
    }

    /// It got there.
    pub(crate) fn watch_there(&mut self, number: u64, answered: ReplySummary) {
        let now = self.now;
        if let Some(seen) = self.watched(number).and_then(|watch| watch.seen.as_mut()) {
            (seen.brief.served, seen.brief.answered) = (Some(now), Some(answered));
        }
    }

    /// Its answer is back, or is waited for no longer.
    pub(crate) fn watch_here(&mut self, number: u64, got: &Received) {
        let now = self.now;
        let Some(watch) = self.watched(number) else { return };
        watch.over = true;
        if let Some(seen) = watch.seen.as_mut() {
            (seen.brief.replied, seen.brief.answered) = (Some(now), Some(ReplySummary::of(got)));
            seen.got = Some(got.clone());
        }
    }
}
