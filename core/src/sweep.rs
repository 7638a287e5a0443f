//! Sweep: what puts a pool in order that callers left in disorder? It settles thoroughly, looks after long work, and
//! writes the summary.
//!
//! Long work (opt-in per pool by its longest hold): a lease that would expire before the next two sweeps is
//! extended if its execution is known to run, and freed if it is known to have ended; not knowing does neither. All of
//! them are asked for at once, as that can be done in bulk, those first that end soonest; those that could not be asked for
//! in time, and which no later sweep can extend, are counted.
//!
//! An override that has lapsed is cleared away once nobody can be following it any more. What says who holds a lease for
//! days is kept (`long_leases`).
//!
//! Slots above a limit that was lowered are folded away once nobody can be following the old one and nothing is held up
//! there: the high-water mark first takes over their highest fence, so that a slot which is made again begins above it;
//! then they are deleted, a bounded number a sweep; then the mark comes down to the limit, and from that moment on callers
//! do not look at all slots any more.

use std::sync::Arc;

use crate::long_leases;
use crate::operation::{ExecutionStatus, Machine, Operation, Replies, Step};
use crate::reads::PoolView;
use crate::request::{Reply, Request};
use crate::rows::{HighWaterRow, Lowered, Lowering, SlotRow, SummaryRow};
use crate::settings::{BATCH, COUNTED, Settings};
use crate::settle::{Return, Scope, Settle, Settled};
use crate::status::Snapshot;
use crate::tally::Tally;
use crate::time::Timestamp;
use crate::types::{Fence, Slot};
use crate::writes;

/// How many slots above the limit one sweep deletes.
const FOLDED: usize = 100;

/// Asks for the pool to be put in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SweepRequest;

/// A sweep under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sweep {
    settings: Arc<Settings>,
    entropy: u64,
    phase: Phase,
    tally: Tally,
    /// What it saw at the end, to be written.
    summary: Option<SummaryRow>,
    /// The leases whose holders' rows it looks at after that.
    long: Vec<SlotRow>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Settling(Box<Settle>),
    Looking,
    Asking(Vec<SlotRow>),
    /// Extending these, then the rest, then freeing those that have ended.
    Extending(Vec<Extension>, Vec<Extension>, Vec<Return>),
    Freeing(Box<Settle>),
    Counting,
    /// Taking over the fences of the slots that are to be folded; then those.
    Marking(HighWaterRow, Vec<(Slot, Fence)>),
    /// Deleting them; whether these are all.
    Folding(HighWaterRow, bool),
    /// Moving the high-water mark.
    Moving,
    Writing,
    /// Reading the rows of holders of long leases, from this one on.
    LookingAfter(usize),
    /// Keeping those that would go soon; then those from this one on.
    KeepingRows(usize),
    Taken,
}

/// A lease that is to last longer, as its execution runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Extension {
    slot: Slot,
    fence: Fence,
    until: Timestamp,
    /// Whether no later sweep comes in time.
    last_chance: bool,
}

impl Operation for SweepRequest {
    type Outcome = Tally;
    type Machine = Sweep;

    fn start(self, settings: Arc<Settings>, now: Timestamp, entropy: u64) -> (Sweep, Step<Tally>) {
        let (settle, step) = Settle::start(settings.clone(), entropy, Scope::Sweep, now);
        let (phase, tally) = (Phase::Settling(settle), Tally::default());
        (Sweep { settings, entropy, phase, tally, summary: None, long: vec![] }, step)
    }
}

impl Machine for Sweep {
    type Outcome = Tally;

    fn resume(&mut self, replies: Replies, now: Timestamp) -> Step<Tally> {
        match &mut self.phase {
            Phase::Settling(settle) => {
                return settle.resume(replies, now).and_then(|settled| self.settled(&settled));
            }
            Phase::Freeing(settle) => {
                return settle.resume(replies, now).and_then(|settled| self.freed(&settled));
            }
            _ => {}
        }
        match std::mem::replace(&mut self.phase, Phase::Taken) {
            Phase::Looking => match PoolView::of(replies.table()) {
                Ok(view) => self.long_work(view, now),
                Err(_) => self.done_so_far(),
            },
            Phase::Asking(slots) => self.extend(slots, &replies, now),
            Phase::Extending(sent, rest, returns) => {
                for (extension, reply) in sent.iter().zip(replies.of_table()) {
                    match reply {
                        Reply::Written => self.tally.extended += 1,
                        // It was given back meanwhile.
                        Reply::Refused(_) => {}
                        _ => self.tally.missed += u32::from(extension.last_chance),
                    }
                }
                self.extend_next(rest, returns, now)
            }
            Phase::Counting => match PoolView::of(replies.table()) {
                Ok(view) => self.summarise(view, now),
                Err(_) => self.done_so_far(),
            },
            Phase::Writing => match replies.table() {
                [Reply::Written, _] => self.look_after(0),
                _ => self.done_so_far(),
            },
            Phase::LookingAfter(from) => self.keep_rows(from, replies, now),
            // What was not written, or not read, a later sweep does in time.
            Phase::KeepingRows(next) => self.look_after(next),
            Phase::Marking(mark, slots) => match replies.table() {
                [Reply::Written] => self.fold(mark, slots),
                // Somebody moved it: the next sweep looks again.
                _ => self.write_summary(),
            },
            Phase::Folding(mark, all) => {
                let folded = replies.of_table().all(|reply| reply == Reply::Written);
                if folded && all { self.lower(mark) } else { self.write_summary() }
            }
            Phase::Moving => self.write_summary(),
            Phase::Settling(_) | Phase::Freeing(_) | Phase::Taken => self.done_so_far(),
        }
    }
}

impl Sweep {
    fn settled(&mut self, settled: &Settled) -> Step<Tally> {
        self.tally = settled.tally;
        self.phase = Phase::Looking;
        Step::send(PoolView::requests(COUNTED))
    }

    fn freed(&mut self, settled: &Settled) -> Step<Tally> {
        let Tally { granted, reclaimed, freed, left, .. } = settled.tally;
        self.tally += Tally { granted, reclaimed, freed, left, ..Tally::default() };
        self.count()
    }

    /// What was done is done; the next sweep looks again and writes the summary.
    fn done_so_far(&mut self) -> Step<Tally> {
        self.tally.more = true;
        Step::done(self.tally)
    }

    /// The leases that would expire before the next two sweeps and may be kept longer.
    fn long_work(&mut self, view: PoolView, now: Timestamp) -> Step<Tally> {
        let soon = now + self.settings.sweep_every + self.settings.sweep_every;
        let ends = |row: &&SlotRow| {
            row.held.as_ref().is_some_and(|held| {
                held.expires_at < soon
                    && now < self.settings.reclaimable_at(held.expires_at)
                    && self.settings.may_be_kept(held, now)
            })
        };
        let mut slots: Vec<SlotRow> = view.slots.iter().filter(ends).cloned().collect();
        if slots.is_empty() {
            return self.summarise(view, now);
        }
        slots.sort_by_key(|row| row.held.as_ref().map(|held| held.expires_at));
        let step = Step::check(slots.iter().filter_map(|row| row.held.as_ref()).map(|held| held.holder.execution()));
        self.phase = Phase::Asking(slots);
        step
    }

    fn extend(&mut self, slots: Vec<SlotRow>, replies: &Replies, now: Timestamp) -> Step<Tally> {
        let (mut extensions, mut returns) = (vec![], vec![]);
        for (row, status) in slots.into_iter().zip(replies.statuses()) {
            let Some(held) = row.held else { continue };
            let last_chance = held.expires_at < now + self.settings.sweep_every;
            match status {
                ExecutionStatus::Running => {
                    let until = (held.acquired_at + self.settings.longest_hold).min(now + self.settings.lease);
                    if until <= held.expires_at {
                        self.tally.outlasted += u32::from(last_chance);
                        continue;
                    }
                    extensions.push(Extension { slot: row.slot, fence: row.fence, until, last_chance });
                }
                ExecutionStatus::Ended => returns.push(Return::ended(row.slot, row.fence, &held)),
                ExecutionStatus::Unknown => {
                    self.tally.missed += u32::from(last_chance && held.holder.is_execution());
                }
            }
        }
        self.extend_next(extensions, returns, now)
    }

    /// A number at a time: they are sent at once.
    fn extend_next(&mut self, mut sent: Vec<Extension>, returns: Vec<Return>, now: Timestamp) -> Step<Tally> {
        if sent.is_empty() {
            return self.free(returns, now);
        }
        let rest = sent.split_off(sent.len().min(BATCH));
        let requests: Vec<Request> = sent.iter().map(|it| writes::extend(it.slot, it.fence, it.until, None)).collect();
        self.phase = Phase::Extending(sent, rest, returns);
        Step::send(requests)
    }

    fn free(&mut self, returns: Vec<Return>, now: Timestamp) -> Step<Tally> {
        if returns.is_empty() {
            return self.count();
        }
        let (settle, step) = Settle::start(self.settings.clone(), self.entropy, Scope::Returns(returns), now);
        self.phase = Phase::Freeing(settle);
        step
    }

    fn count(&mut self) -> Step<Tally> {
        self.phase = Phase::Counting;
        Step::send(PoolView::requests(COUNTED))
    }

    fn summarise(&mut self, view: PoolView, now: Timestamp) -> Step<Tally> {
        let step = self.follow_limit(&view, now);
        for row in &view.slots {
            if long_leases::is_looked_after(&self.settings, row, now) {
                self.long.push(row.clone());
            }
        }
        self.summary = Some(Snapshot::of(view, self.settings.limit, now).summary());
        step.unwrap_or_else(|| self.write_summary())
    }

    fn write_summary(&mut self) -> Step<Tally> {
        let Some(summary) = self.summary.take() else { return self.done_so_far() };
        self.phase = Phase::Writing;
        // Who replaced the lapsed override meanwhile noted that already.
        let cleared = self.settings.lapsed.as_deref().map(|lapsed| writes::clear_override(lapsed, self.settings.limit));
        Step::send([writes::summarise(summary)].into_iter().chain(cleared))
    }

    /// A number at a time, after everything else: those from this one on.
    fn look_after(&mut self, from: usize) -> Step<Tally> {
        if from >= self.long.len() {
            return Step::done(self.tally);
        }
        self.phase = Phase::LookingAfter(from);
        Step::send(self.long[from..].iter().take(BATCH).filter_map(long_leases::read))
    }

    fn keep_rows(&mut self, from: usize, replies: Replies, now: Timestamp) -> Step<Tally> {
        let mut requests = vec![];
        for (lease, found) in self.long[from..].iter().zip(replies.of_table()) {
            requests.extend(long_leases::kept_longer(&self.settings, lease, &found, now));
        }
        if requests.is_empty() {
            return self.look_after(from + BATCH);
        }
        self.phase = Phase::KeepingRows(from + BATCH);
        Step::send(requests)
    }

    /// The high-water mark follows a limit that was lowered.
    fn follow_limit(&mut self, view: &PoolView, now: Timestamp) -> Option<Step<Tally>> {
        let mark = self.settings.high_water?;
        let limit = self.settings.limit;
        if mark.slots <= limit.count() {
            return None;
        }
        let lower = match mark.lower {
            Some(lower) if lower.to == limit => lower,
            // From now on it is seen: whoever follows another limit does so for at most as long as after any change.
            _ => {
                let lower = Some(Lowering { to: limit, since: now });
                self.phase = Phase::Moving;
                return Some(Step::send([writes::move_high_water(Some(mark), HighWaterRow { lower, ..mark })]));
            }
        };
        let changes = [Some(Lowered { from: limit, at: lower.since }), self.settings.lowered];
        let above: Vec<&SlotRow> = view.slots.iter().filter(|row| row.slot.0 >= limit.count()).collect();
        let followed = changes.into_iter().flatten().all(|change| now >= self.settings.followed_at(change));
        if !followed || above.iter().any(|row| row.held.is_some()) {
            return None;
        }
        let fence = above.iter().map(|row| row.fence).fold(mark.fence, Fence::max);
        let marked = HighWaterRow { fence, ..mark };
        let slots = above.iter().map(|row| (row.slot, row.fence)).collect();
        if marked == mark {
            return Some(self.fold(mark, slots));
        }
        self.phase = Phase::Marking(marked, slots);
        Some(Step::send([writes::move_high_water(Some(mark), marked)]))
    }

    fn fold(&mut self, mark: HighWaterRow, mut slots: Vec<(Slot, Fence)>) -> Step<Tally> {
        let all = slots.len() <= FOLDED;
        self.tally.more |= !all;
        // From above, so that what is left is as few slots as can be.
        slots.reverse();
        slots.truncate(FOLDED);
        if slots.is_empty() {
            return self.lower(mark);
        }
        self.phase = Phase::Folding(mark, all);
        Step::send(slots.into_iter().map(|(slot, fence)| writes::fold_slot(slot, fence)))
    }

    fn lower(&mut self, mark: HighWaterRow) -> Step<Tally> {
        self.phase = Phase::Moving;
        let lowered = HighWaterRow { slots: self.settings.limit.count(), lower: None, ..mark };
        Step::send([writes::move_high_water(Some(mark), lowered)])
    }
}
