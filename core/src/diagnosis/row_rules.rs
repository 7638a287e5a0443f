//! Rules on rows: does each slot, holder and place agree with the others, and is what has to be done being done?

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::{Diagnosed, Finding, FoundLease, Places, PoolReading, Remedy, SWEEPS_MISSED, used_since};
use crate::occupancy::{Occupancy, PoolState};
use crate::repair::Repair;
use crate::rows::{HighWaterRow, HolderRow, HolderState, RowKey, SlotRow, WaitRow};
use crate::settings::Settings;
use crate::status::Snapshot;
use crate::time::{Millis, Timestamp};
use crate::types::{Fence, HolderKey, Limit, Slot, Ticket};

/// `known`: whether the settings are the pool's own, else they are only defaults.
pub(super) fn judge(settings: &Settings, known: bool, reading: &PoolReading, found: &mut Vec<Diagnosed>) {
    let missed = Millis(settings.sweep_every.0.saturating_mul(SWEEPS_MISSED));
    let slots = reading.after.slots.iter().map(|row| (row.slot, row)).collect();
    let mut rules = RowRules { settings, known, reading, slots, now: reading.at, missed, found };
    if known {
        rules.sweeps();
        rules.left_undone();
        rules.too_long();
        rules.waiters();
        rules.limit();
    }
    rules.list();
    rules.places();
    rules.holders_of_slots();
    rules.fences();
    rules.mark();
}

struct RowRules<'a> {
    settings: &'a Settings,
    known: bool,
    reading: &'a PoolReading,
    /// The slots as they were read last.
    slots: HashMap<Slot, &'a SlotRow>,
    now: Timestamp,
    /// After how long something is left undone.
    missed: Millis,
    found: &'a mut Vec<Diagnosed>,
}

impl RowRules<'_> {
    fn say(&mut self, finding: Finding, remedy: Option<Remedy>) {
        self.found.push((finding, remedy));
    }

    /// A sweep from elsewhere than the lease manager puts it right. It cannot ask whether an execution runs: where it would
    /// take the lease of one that may, it is not safe.
    fn sweep(&self) -> Option<Remedy> {
        let works = |row: &SlotRow| row.held.as_ref().is_some_and(|held| self.settings.work_may_go_on(held, self.now));
        (!self.known || !self.reading.after.slots.iter().any(works)).then_some(Remedy::Sweep)
    }

    /// Does the list of pools have the pool's own rows?
    fn list(&mut self) {
        let reading = self.reading;
        for key in &reading.unlisted {
            let again = match key {
                RowKey::Pool => reading.pool.clone().map(Repair::WriteSettingsAgain),
                RowKey::Override => reading.live.clone().map(Repair::WriteOverrideAgain),
                _ => None,
            };
            // A sweep writes the summary anew.
            let remedy = again.map_or_else(|| self.sweep(), |again| Some(Remedy::Write(Box::new(again))));
            self.say(Finding::RowUnlisted(*key), remedy);
        }
    }

    /// Is the pool swept while somebody needs it?
    fn sweeps(&mut self) {
        let last = self.last_sweep();
        // While nobody used it, nobody had to sweep: `leasehold run` sweeps while it holds a lease or waits for one.
        let since = used_since(&self.occupancy()).map(|used| last.map_or(used, |last| last.max(used)));
        if since.is_some_and(|since| self.now.since(since) > self.settings.oldest_sweep()) {
            let finding = Finding::SweepNotRunning { last, sweep_every: self.settings.sweep_every };
            self.say(finding, self.sweep());
        }
    }

    fn last_sweep(&self) -> Option<Timestamp> {
        self.reading.summary.as_ref().map(|summary| summary.at)
    }

    /// Whether somebody sweeps, or should: not where nobody did lately and nobody had to.
    fn sweeps_are_due(&self) -> bool {
        let lately = |last| self.now.since(last) <= self.settings.oldest_sweep();
        self.last_sweep().is_some_and(lately) || used_since(&self.occupancy()).is_some()
    }

    /// What a sweep should have done.
    fn left_undone(&mut self) {
        let (reading, due, remedy) = (self.reading, self.sweeps_are_due(), self.sweep());
        for row in &reading.after.slots {
            let Some(held) = &row.held else { continue };
            let lapsed = self.now.since(self.settings.reclaimable_at(held.expires_at));
            let untold = self.now.since(held.acquired_at);
            if lapsed > self.missed {
                let works = self.settings.work_may_go_on(held, self.now);
                let left = FoundLease::on(row, lapsed).map(|lease| Finding::LeaseLeft { lease, due, works });
                self.found.extend(left.map(|left| (left, remedy.clone())));
            } else if held.pending_token().is_some() && untold > self.missed {
                self.found.extend(FoundLease::on(row, untold).map(|it| (Finding::NoticeStuck(it), remedy.clone())));
            }
        }
        for place in &reading.after.queue {
            let since = self.now.since(place.give_up_at);
            let row = reading.holders.get(&place.holder.hashed());
            if since > self.missed && row.is_some_and(|row| waits_at(row, place.ticket)) {
                self.say(Finding::WaiterOverdue { place: place.clone(), since }, remedy.clone());
            }
        }
        let Occupancy { state, open, oldest_wait, .. } = self.occupancy();
        if let (PoolState::Starving, Some(waits)) = (state, oldest_wait.filter(|waits| *waits > self.missed)) {
            self.say(Finding::QueueStarving { waits, open }, remedy);
        }
    }

    /// A renewal or a sweep may be of a moment that lies ahead, by no more than the grace.
    fn too_long(&mut self) {
        let Settings { lease, longest_hold, grace, .. } = *self.settings;
        let longest = lease.max(longest_hold) + grace;
        for row in &self.reading.after.slots {
            let Some(held) = &row.held else { continue };
            let (since, ends_in) = (self.now.since(held.acquired_at), held.expires_at.since(self.now));
            if ends_in > longest {
                let found = FoundLease::on(row, since).map(|lease| Finding::LeaseTooLong { lease, ends_in });
                self.found.extend(found.map(|found| (found, None)));
            }
        }
    }

    /// Holders that wait by their row, which is written just before their place, and had no place whenever that was read.
    fn waiters(&mut self) {
        let reading = self.reading;
        if reading.queue_cut {
            return;
        }
        let places: HashSet<Ticket> =
            reading.before.queue.iter().chain(&reading.after.queue).map(|place| place.ticket).collect();
        for row in reading.holders.values() {
            let HolderState::Waiting { ticket, .. } = row.state else { continue };
            let since = self.now.since(ticket.at);
            if since > self.missed && !places.contains(&ticket) && !reading.damaged.contains(&RowKey::Wait(ticket)) {
                self.say(Finding::WaiterWithoutPlace { holder: row.holder.clone(), ticket, since }, None);
            }
        }
    }

    fn occupancy(&self) -> Occupancy {
        let Places { slots, queue } = self.reading.after.clone();
        let snapshot = Snapshot { at: self.now, limit: self.settings.limit, slots, queue, more: false };
        Occupancy::of(&snapshot, self.settings)
    }

    fn limit(&mut self) {
        let limit = self.settings.limit;
        let Occupancy { held, slots, state, .. } = self.occupancy();
        let above =
            slots.iter().filter(|row| row.above_limit && row.lease.as_ref().is_some_and(|lease| !lease.expired));
        let leases = u32::try_from(above.count()).unwrap_or(u32::MAX);
        // Leases of a pool that drains or settles are from before.
        if state == PoolState::OverLimit {
            self.say(Finding::OverLimit { held, limit }, None);
        } else if leases > 0 {
            self.say(Finding::SlotsAboveLimit { leases, limit }, None);
        }
    }

    /// Places that are nothing, both times they were read.
    fn places(&mut self) {
        let reading = self.reading;
        for place in &reading.after.queue {
            let key = place.holder.hashed();
            let same = |before: &WaitRow| (before.ticket, before.attempt) == (place.ticket, place.attempt);
            if reading.damaged.contains(&RowKey::Holder(key)) || !reading.before.queue.iter().any(same) {
                continue;
            }
            let row = reading.holders.get(&key);
            let waits = row.is_some_and(|row| row.attempt == place.attempt && waits_at(row, place.ticket));
            if !waits {
                let repair = Repair::RemovePlace { place: place.clone(), row: row.cloned() };
                let finding = Finding::PlaceIsNothing { place: place.clone(), row: row.cloned() };
                self.say(finding, Some(Remedy::Write(Box::new(repair))));
            }
        }
    }

    /// Slots that lay there under the same lease all the time, against their holders' rows.
    fn holders_of_slots(&mut self) {
        let reading = self.reading;
        let before: HashMap<(Slot, Fence), &SlotRow> =
            reading.before.slots.iter().map(|row| ((row.slot, row.fence), row)).collect();
        let steady = |row: &&SlotRow| before.get(&(row.slot, row.fence)).is_some_and(|before| before.held.is_some());
        let mut leases: BTreeMap<HolderKey, Vec<&SlotRow>> = BTreeMap::new();
        for row in reading.after.slots.iter().filter(steady) {
            if let Some(held) = &row.held {
                leases.entry(held.holder.hashed()).or_default().push(row);
            }
        }
        for (key, rows) in leases {
            let [row] = rows[..] else {
                let mut both = rows.iter().filter_map(|row| FoundLease::on(row, Millis(0)));
                if let (Some(first), Some(second)) = (both.next(), both.next()) {
                    self.say(Finding::HolderHoldsTwice { first, second }, None);
                }
                continue;
            };
            let Some(held) = row.held.as_ref() else { continue };
            let Some(lease) = FoundLease::on(row, self.now.since(held.acquired_at)) else { continue };
            // The row of who lost it long ago may be gone.
            let lapsed = self.now >= self.settings.reclaimable_at(held.expires_at);
            if lapsed || reading.damaged.contains(&RowKey::Holder(key)) {
                continue;
            }
            let repaired = |found: Option<&HolderRow>| {
                let repair = Repair::PointHolder {
                    slot: row.slot,
                    fence: row.fence,
                    holder: held.holder.clone(),
                    attempt: held.attempt,
                    expires_at: held.expires_at,
                    found: found.cloned(),
                };
                Some(Remedy::Write(Box::new(repair)))
            };
            match reading.holders.get(&key) {
                None => self.say(Finding::HolderMissing(lease), repaired(None)),
                Some(other) if other.holder != held.holder => {}
                Some(HolderRow { state: HolderState::Holding { slot, fence }, .. })
                    if (*slot, *fence) == (row.slot, row.fence) => {}
                Some(other) => {
                    // A row that alone tells which fence was granted is not written over before that is mended.
                    let stale = self.is_stale(other) && self.lost_fence(other).is_none();
                    let remedy = if stale && other.attempt <= held.attempt { repaired(Some(other)) } else { None };
                    self.say(Finding::HolderElsewhere { lease, state: other.state }, remedy);
                }
            }
        }
    }

    /// Whether a row points at a slot that its holder does not hold under that fence.
    fn is_stale(&self, row: &HolderRow) -> bool {
        let HolderState::Holding { slot, fence } = row.state else { return false };
        !self
            .slots
            .get(&slot)
            .is_some_and(|it| it.fence == fence && it.held.as_ref().is_some_and(|held| held.holder == row.holder))
    }

    /// The slot and fence that this holder was granted, if the slot's own row, which was read later, says a lower fence: a
    /// fence only grows.
    fn lost_fence(&self, row: &HolderRow) -> Option<(Slot, Fence)> {
        let HolderState::Holding { slot, fence } = row.state else { return None };
        let damaged = &self.reading.damaged;
        if damaged.contains(&RowKey::Slot(slot)) {
            return None;
        }
        let went_back = match self.slots.get(&slot) {
            Some(there) => fence > there.fence,
            None => !damaged.contains(&RowKey::HighWater) && fence > self.settings.lowest_fence(),
        };
        went_back.then_some((slot, fence))
    }

    /// What holders were granted, against the slots.
    fn fences(&mut self) {
        let reading = self.reading;
        let mut back: BTreeMap<Slot, Fence> = BTreeMap::new();
        for row in reading.holders.values() {
            if let Some((slot, granted)) = self.lost_fence(row) {
                let highest = back.entry(slot).or_default();
                *highest = granted.max(*highest);
                continue;
            }
            let HolderState::Holding { slot, fence } = row.state else { continue };
            let there = self.slots.get(&slot).filter(|there| fence == there.fence);
            if let Some(there) = there.filter(|there| there.held.as_ref().is_some_and(|held| held.holder != row.holder))
            {
                let lease = FoundLease::on(there, Millis(0));
                let holder = row.holder.clone();
                self.found.extend(lease.map(|lease| (Finding::HolderAstray { holder, lease }, None)));
            }
        }
        for (slot, granted) in back {
            let there = self.slots.get(&slot);
            let held = there.is_some_and(|row| row.held.is_some());
            let found = there.map_or(self.settings.lowest_fence(), |row| row.fence);
            let repair = Repair::RaiseFence { slot, found: there.map(|row| row.fence), lowest: found, to: granted };
            let remedy = (!held).then(|| Remedy::Write(Box::new(repair)));
            self.say(Finding::FenceWentBack { slot, found, granted, held }, remedy);
        }
    }

    /// A mark above this slot and every limit that callers may follow, with the highest fence that is known.
    fn mark_above(&self, highest: u32) -> HighWaterRow {
        let granted = self.reading.holders.values();
        let granted = granted.filter_map(|row| match row.state {
            HolderState::Holding { fence, .. } => Some(fence),
            _ => None,
        });
        let fence = self.reading.after.slots.iter().map(|row| row.fence).chain(granted).max().unwrap_or_default();
        // Where the settings do not tell, any limit may be followed.
        let limit = if self.known { self.settings.highest_in_use(self.now) } else { Limit::HIGHEST };
        HighWaterRow { slots: highest.max(limit.count()), fence, lower: None }
    }

    fn mark(&mut self) {
        let reading = self.reading;
        let slots = &reading.after.slots;
        let above = |row: &SlotRow| row.slot.0.saturating_add(1);
        if let Some((found, remains)) = &reading.unreadable_mark {
            let known = self.mark_above(slots.iter().map(above).max().unwrap_or_default());
            let to = HighWaterRow {
                slots: known.slots.max(remains.slots),
                fence: known.fence.max(remains.fence),
                lower: None,
            };
            let remedy = Remedy::Write(Box::new(Repair::ReplaceMark { found: found.clone(), to }));
            return self.say(Finding::MarkUnreadable { why: Arc::clone(&found.why) }, Some(remedy));
        }
        if reading.damaged.contains(&RowKey::HighWater) {
            return;
        }
        let Some(mark) = reading.mark else {
            let Some(highest) = slots.iter().map(above).max() else { return };
            let to = self.mark_above(highest);
            let remedy = Remedy::Write(Box::new(Repair::RaiseMark { found: None, to }));
            return self.say(Finding::MarkMissing { slots: slots.len() }, Some(remedy));
        };
        let beyond = slots.iter().filter(|row| row.held.is_some() && row.slot.0 >= mark.slots);
        let Some(highest) = beyond.max_by_key(|row| row.slot) else { return };
        let to = HighWaterRow { slots: above(highest), lower: None, ..mark };
        let remedy = Remedy::Write(Box::new(Repair::RaiseMark { found: Some(mark), to }));
        let lease = FoundLease::on(highest, Millis(0));
        self.found
            .extend(lease.map(|lease| (Finding::SlotAboveMark { lease, mark: mark.slots }, Some(remedy.clone()))));
    }
}

/// Whether a holder waits in this place.
fn waits_at(row: &HolderRow, ticket: Ticket) -> bool {
    matches!(row.state, HolderState::Waiting { ticket: its, .. } if its == ticket)
}
