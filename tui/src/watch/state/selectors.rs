//! Selectors: what is there to be shown, and so to be read?
//! Asked by drawing, by the keys and by the poller.

use leasehold_core::occupancy::{Detail, Occupancy, Overridden, SlotView, WaiterView};
use leasehold_core::{Millis, Timestamp};

use super::{DashboardState, PoolPane};
use crate::watch::history::{self, Sample};
use crate::watch::input::Subscription;
use crate::watch::layout::{Layout, ListLengths, Pane};
use crate::watch::session::DashboardMode;
use crate::watch::text;

/// What is on screen counts as live for so long after it was read, beside the time between two readings.
const LATE: Millis = Millis::seconds(3);

impl DashboardState {
    /// Where everything is on the screen.
    pub fn layout(&self) -> Layout {
        self.layout_on(self.size)
    }

    /// Where everything is on a screen of this size.
    pub fn layout_on(&self, size: (u16, u16)) -> Layout {
        let noted = self.notes();
        let (pools, slots, queue) = (self.listed.len().max(1), self.slots().len(), self.queue().len());
        let lines = ListLengths { pools, slots, queue, noted };
        Layout::of(size, self.focus, self.failure.is_some(), lines)
    }

    /// How many pools there are.
    pub fn count(&self) -> usize {
        self.pools.len()
    }

    /// All pools, in no order.
    pub fn pools(&self) -> &[PoolPane] {
        &self.pools
    }

    /// The pools that are listed, in order.
    pub fn listed(&self) -> impl ExactSizeIterator<Item = &PoolPane> {
        self.listed.iter().map(|place| &self.pools[*place])
    }

    /// The chosen pool.
    pub fn chosen(&self) -> Option<&PoolPane> {
        self.chosen.as_ref().and_then(|prefix| self.places.get(prefix)).map(|place| &self.pools[*place])
    }

    /// What was seen of the chosen pool last.
    fn seen(&self) -> Option<&Occupancy> {
        self.chosen()?.seen.as_ref()
    }

    /// The chosen pool's slots, if its rows were read.
    pub fn slots(&self) -> &[SlotView] {
        self.seen().map_or(&[], |seen| &seen.slots)
    }

    /// The override that the chosen pool's limit is by, if its rows were read.
    pub fn overridden(&self) -> Option<&Overridden> {
        self.seen_in_rows()?.overridden.as_ref()
    }

    /// What a lowered limit means for the chosen pool now, if it still settles and its rows were read.
    pub fn settling(&self) -> Option<String> {
        self.seen_in_rows().and_then(text::settling)
    }

    /// How the chosen pool is opened again, if its settings drain it and its rows were read.
    pub fn how_to_open(&self) -> Option<String> {
        self.seen_in_rows().and_then(|pool| text::how_to_open(pool, ""))
    }

    /// What rows that can not be read mean for the chosen pool, if there are any beside others that can.
    pub fn damaged(&self) -> Option<String> {
        let pool = self.chosen().filter(|pool| pool.damaged.is_some())?;
        Some(format!("nobody is let in while a row makes no sense; run: leasehold doctor {}", pool.prefix))
    }

    /// How many lines above the slots say something of the pool.
    pub fn notes(&self) -> u16 {
        let said = [self.overridden().is_some(), self.settling().is_some(), self.how_to_open().is_some()];
        let said = said.into_iter().chain([self.damaged().is_some()]);
        said.map(u16::from).sum()
    }

    /// The head of its queue.
    pub fn queue(&self) -> &[WaiterView] {
        self.seen().map_or(&[], |seen| &seen.queue)
    }

    /// The chosen slot.
    pub fn slot(&self) -> Option<&SlotView> {
        self.slots().get(self.slot_cursor.at)
    }

    /// The chosen waiter.
    pub fn waiter(&self) -> Option<&WaiterView> {
        self.queue().get(self.queue_cursor.at)
    }

    /// The chosen pool as its rows showed it: a sweep's summary does not say as much.
    fn seen_in_rows(&self) -> Option<&Occupancy> {
        self.seen().filter(|seen| seen.detail == Detail::Rows)
    }

    /// How old the chosen pool's rows are, if they were read: also those that make no sense.
    pub fn age(&self) -> Option<Millis> {
        let pool = self.chosen()?;
        let rows = self.seen_in_rows().map(|seen| seen.at);
        let broken = pool.read_at.filter(|_| pool.trouble.is_some());
        rows.max(broken).map(|at| self.now.since(at))
    }

    /// What is on screen is older than it should be.
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    pub(super) fn too_old(&self) -> bool {
        let old = self.age().is_some_and(|age| age > self.late());
        self.session.mode != DashboardMode::Replay && self.paused.is_none() && (self.failure.is_some() || old)
    }

    /// After how long without an answer the table is not read as it should be.
    pub(super) fn late(&self) -> Millis {
        Millis(self.session.every.0 * 2) + LATE
    }

    /// Since when the table had been silent at that moment, if for longer than it should be.
    pub(super) fn silent_since(&self, at: Timestamp) -> Option<Timestamp> {
        self.heard_at.filter(|heard| self.session.mode != DashboardMode::Replay && at.since(*heard) > self.late())
    }

    /// The end and the length of the time that is drawn in so many columns.
    pub fn window(&self, columns: usize) -> (Timestamp, Millis) {
        history::window(self.since.unwrap_or(self.now), self.now, columns)
    }

    /// How full a pool was in that time, column by column; none where nothing is known.
    pub fn course(&self, pool: &PoolPane, columns: usize) -> Vec<Option<Sample>> {
        let (end, window) = self.window(columns);
        let known = self.silent_since(self.now).unwrap_or(self.now);
        pool.history.parts(end, known, window, columns)
    }

    /// How long ago this was so. What is stale stands still: nobody knows what became of it since.
    pub fn passed(&self, seen: &Occupancy) -> Millis {
        if self.is_stale() { Millis(0) } else { self.now.since(seen.at) }
    }

    /// How long the first in a pool's queue has waited.
    pub fn oldest_wait(&self, pool: &PoolPane) -> Option<Millis> {
        let seen = pool.seen.as_ref()?;
        seen.oldest_wait.map(|wait| wait + self.passed(seen))
    }

    /// What is on screen, and what else is to be read.
    pub fn subscription(&self) -> Subscription {
        let lines = self.layout().lines(Pane::Pools);
        let chosen = self.chosen.iter().cloned();
        let visible = self.listed().skip(self.pool_cursor.top).take(lines).map(|pool| pool.prefix.clone());
        let visible = visible.filter(|prefix| Some(prefix) != self.chosen.as_ref());
        let pools = chosen.chain(visible).collect();
        Subscription { pools, unswept: true, paused: self.paused.is_some(), refreshed: self.refreshed }
    }
}
