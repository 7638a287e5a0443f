//! Captured requests: what exactly was one request, and how was it answered? Nothing of it is kept: the seconds before
//! it are run once more, and this looks on.

use leasehold_core::table::{Reply, Row};

use super::call::{Message, Received};
use super::observer::Observer;
use super::request_effect::ReplySummary;
use super::request_log::RequestEntry;
use crate::rng::mix;

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
    pub(crate) message: Message,
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
    pub(crate) received: Option<Received>,
}

impl RequestCapture {
    /// Looks for the request of this number.
    pub(crate) fn of(number: u64) -> RequestCapture {
        RequestCapture { number, seen: None, over: false }
    }
}

impl Observer {
    /// Whether this request is looked for.
    pub(crate) fn captures(&self, number: u64) -> bool {
        self.capture.as_ref().is_some_and(|capture| capture.number == number)
    }

    fn captured(&mut self, number: u64) -> Option<&mut CapturedRequest> {
        self.capture.as_deref_mut().filter(|capture| capture.number == number)?.seen.as_mut()
    }

    /// A call sends it.
    pub(crate) fn request_sent(&mut self, entry: RequestEntry, message: &Message, skew: i64, together: (u64, u64)) {
        self.requests.add(entry);
        if let Some(capture) = self.capture.as_deref_mut().filter(|capture| capture.number == entry.number) {
            let (message, received) = (message.clone(), None);
            capture.seen =
                Some(CapturedRequest { message, skew, entry, together, before: None, reply: None, received });
        }
    }

    /// The table serves it.
    pub(crate) fn request_served(&mut self, number: u64, before: &[Option<Row>], reply: &Reply) {
        if let Some(seen) = self.captured(number) {
            seen.before = Some(before.to_vec());
            seen.reply = Some(reply.clone());
        }
    }

    /// It got there, and was answered.
    pub(crate) fn request_arrived(&mut self, now: u64, number: u64, reply: ReplySummary) {
        self.last_served = Some(self.request_id(number));
        self.mark(mix(u64::from(reply.outcome()) << 32 | number));
        if let Some(entry) = self.requests.get_mut(number) {
            (entry.served, entry.reply) = (Some(now), Some(reply));
        }
        if let Some(seen) = self.captured(number) {
            (seen.entry.served, seen.entry.reply) = (Some(now), Some(reply));
        }
    }

    /// Its answer is back, or is waited for no longer. `received`: what its caller learned, if it is looked for.
    pub(crate) fn reply_arrived(&mut self, now: u64, number: u64, reply: ReplySummary, received: Option<Received>) {
        if let Some(entry) = self.requests.get_mut(number) {
            (entry.replied, entry.reply) = (Some(now), Some(reply));
        }
        let Some(received) = received else { return };
        if let Some(seen) = self.captured(number) {
            (seen.entry.replied, seen.entry.reply) = (Some(now), Some(reply));
            seen.received = Some(received);
        }
        if let Some(capture) = self.capture.as_deref_mut() {
            capture.over = true;
        }
    }
}
