//! Observed requests: what does a lane note of each, when it is sent, served and answered?

use leasehold_core::{Effect, EffectReply, Reply, Row};

use super::observer::LaneObserver;
use super::request_capture::CapturedRequest;
use super::request_effect::ReplySummary;
use super::request_log::RequestEntry;
use crate::rng::mix;

impl LaneObserver {
    /// Whether this request is looked for.
    pub(crate) fn captures(&self, number: u64) -> bool {
        self.capture.as_ref().is_some_and(|capture| capture.number == number)
    }

    fn captured(&mut self, number: u64) -> Option<&mut CapturedRequest> {
        self.capture.as_deref_mut().filter(|capture| capture.number == number)?.seen.as_mut()
    }

    /// A call sends it.
    pub(crate) fn request_sent(&mut self, entry: RequestEntry, effect: &Effect, skew: i64, together: (u64, u64)) {
        self.requests.add(entry);
        if let Some(capture) = self.capture.as_deref_mut().filter(|capture| capture.number == entry.number) {
            let (effect, received) = (effect.clone(), None);
            capture.seen = Some(CapturedRequest { effect, skew, entry, together, before: None, reply: None, received });
        }
    }

    /// The table serves it.
    pub(crate) fn request_served(&mut self, number: u64, before: &[Option<Row>], reply: &Reply) {
        if let Some(seen) = self.captured(number) {
            seen.before = Some(before.to_vec());
            seen.reply = Some(reply.clone());
        }
    }

    /// It gets lost on its way there, or its reply on the way back.
    pub(crate) fn message_lost(&mut self, number: u64, way: &'static str) {
        if let Some(entry) = self.requests.get_mut(number) {
            entry.lost = Some(way);
        }
        if let Some(seen) = self.captured(number) {
            seen.entry.lost = Some(way);
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
    pub(crate) fn reply_arrived(&mut self, now: u64, number: u64, reply: ReplySummary, received: Option<EffectReply>) {
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
