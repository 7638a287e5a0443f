//! Looking for a slot: how little can a caller read to know that one is open, or that the pool is full?
//!
//! A queue that is not empty says that it is full. Else a few slots from a random one on are read, and a few more if none of
//! them is open. All of them are read only where leases may lie above a lowered limit.

use super::{Acquire, AcquireOutcome, Mode, Phase, View};
use crate::backoff::choose;
use crate::failure::Failure;
use crate::operation::{Replies, Step};
use crate::reads::{failure_of, slot_row};
use crate::request::{Opening, Reply, Request};
use crate::rows::{HighWaterRow, Row, RowKey, SlotRow};
use crate::settings::{COUNTED, FIRST_WINDOW, SECOND_WINDOW};
use crate::settle::settings_after;
use crate::time::{Millis, Timestamp};
use crate::types::Slot;
use crate::writes;

impl Acquire {
    /// Slots up to the limit may be used once the high-water mark says so.
    pub(super) fn raised(&mut self, mark: HighWaterRow, replies: Replies) -> Step<AcquireOutcome> {
        let [reply] = replies.table();
        match settings_after(&self.settings, mark, reply) {
            Ok(settings) => self.settings = settings,
            Err(failure) => return self.again(failure),
        }
        if self.settings.higher_mark().is_some() { self.again(Failure::Throttled) } else { self.look(Millis(0)) }
    }

    pub(super) fn look(&mut self, pause: Millis) -> Step<AcquireOutcome> {
        self.view = View::default();
        if let Some(mark) = self.settings.higher_mark() {
            let request = writes::move_high_water(self.settings.high_water, mark);
            self.phase = Phase::Raising(mark);
            return Step::send_after(pause, [request]);
        }
        self.phase = Phase::Queueing;
        // Who polls is told how many wait; who queues only needs to know whether anybody does.
        let head = if self.request.mode == Mode::Poll { COUNTED } else { 1 };
        Step::send_after(pause, [Request::Queue(head)])
    }

    pub(super) fn saw_queue(&mut self, replies: Replies, now: Timestamp) -> Step<AcquireOutcome> {
        match replies.table() {
            [Reply::Queue(queue, more)] => (self.view.queue, self.view.more) = (queue, more),
            [other] => return self.again(failure_of(&other)),
        }
        // A queue that is not empty says that the pool is full. Who polls a small pool is told how many hold a lease.
        let counts = self.request.mode == Mode::Poll && self.settings.usable() <= FIRST_WINDOW;
        if self.settings.is_level(now) && !self.view.queue.is_empty() && !counts {
            return self.decide(now);
        }
        self.probe(false, now)
    }

    /// Looks at a few slots, from a random one on; at all of them where leases may lie above the limit.
    fn probe(&mut self, second: bool, now: Timestamp) -> Step<AcquireOutcome> {
        let (limit, size) = (self.settings.usable(), if second { SECOND_WINDOW } else { FIRST_WINDOW });
        let (from, to) = if self.settings.is_level(now) {
            if limit == 0 {
                return self.decide(now);
            }
            let windows = usize::try_from(limit.div_ceil(size)).unwrap_or(1);
            let window = choose(self.entropy, u64::from(self.tried) + u64::from(second), windows);
            // The last one is as large as the others: a caller that meets a few slots at the end would often find none open.
            let from = u32::try_from(window).unwrap_or(0).saturating_mul(size).min(limit.saturating_sub(size));
            (from, from.saturating_add(size).min(limit) - 1)
        } else {
            (0, u32::MAX)
        };
        self.view.window = Some((from, to));
        self.phase = Phase::Probing { second };
        Step::send([Request::Slots(Slot(from), Slot(to))])
    }

    pub(super) fn probed(&mut self, second: bool, replies: Replies, now: Timestamp) -> Step<AcquireOutcome> {
        match replies.table() {
            [Reply::Slots(slots)] => self.view.slots = slots,
            [other] => return self.again(failure_of(&other)),
        }
        let wider = !second && self.settings.is_level(now) && self.settings.usable() > FIRST_WINDOW;
        if wider && self.open_slot(now).is_none() {
            return self.probe(true, now);
        }
        self.decide(now)
    }

    pub(super) fn own<T>(&mut self) -> Step<T> {
        self.phase = Phase::Owning;
        Step::send([Request::Get(RowKey::Holder(self.request.holder.hashed()))])
    }

    pub(super) fn owned(&mut self, replies: Replies, now: Timestamp) -> Step<AcquireOutcome> {
        match replies.table() {
            [Reply::Row(Some(Row::Holder(row)))] => self.view.row = Some(Some(row)),
            [Reply::Row(_)] => self.view.row = Some(None),
            [other] => return self.again(failure_of(&other)),
        }
        self.decide(now)
    }

    /// One of the open slots, free ones before expired ones; callers spread over them.
    pub(super) fn open_slot(&self, now: Timestamp) -> Option<(SlotRow, Opening)> {
        let (from, to) = self.view.window?;
        let end = if self.settings.is_level(now) {
            to.saturating_add(1).min(self.settings.usable())
        } else {
            self.settings.effective_limit(&self.view.slots, now)
        };
        let lowest = self.settings.lowest_fence();
        let rows = (from..end).map(|index| slot_row(&self.view.slots, Slot(index), lowest));
        let (free, held): (Vec<_>, Vec<_>) = rows.partition(|row| row.held.is_none());
        let lapsed =
            |row: &SlotRow| row.held.as_ref().is_some_and(|held| now >= self.settings.reclaimable_at(held.expires_at));
        let (mut from, opening) = if free.is_empty() {
            (held.into_iter().filter(lapsed).collect(), Opening::Expired)
        } else {
            (free, Opening::Free)
        };
        let pick = choose(self.entropy, u64::from(self.tried), from.len());
        (pick < from.len()).then(|| (from.swap_remove(pick), opening))
    }
}
