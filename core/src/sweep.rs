//! Sweep: what puts a pool in order that callers left in disorder? It settles thoroughly, looks after long work, and
//! writes the summary.
//!
//! Long work (opt-in per pool by its longest hold): a lease that would expire before the next two sweeps is
//! extended if its execution is known to run, and freed if it is known to have ended; not knowing does neither.

use std::sync::Arc;

use crate::operation::{ExecutionStatus, Machine, Operation, Replies, Step};
use crate::reads::PoolView;
use crate::request::Reply;
use crate::rows::SlotRow;
use crate::settings::{BATCH, COUNTED, Settings};
use crate::settle::{Return, Settle, Settled};
use crate::status::Snapshot;
use crate::tally::Tally;
use crate::time::{Millis, Timestamp};
use crate::writes;

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
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Settling(Box<Settle>),
    Looking,
    Asking(Vec<SlotRow>),
    Extending(Vec<Return>),
    Freeing(Box<Settle>),
    Counting,
    Writing,
    Taken,
}

impl Operation for SweepRequest {
    type Outcome = Tally;
    type Machine = Sweep;

    fn start(self, settings: Arc<Settings>, _: Timestamp, entropy: u64) -> (Sweep, Step<Tally>) {
        let (settle, step) = Settle::start(settings.clone(), entropy, true, vec![]);
        (Sweep { settings, entropy, phase: Phase::Settling(settle), tally: Tally::default() }, step)
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
            Phase::Extending(returns) => {
                let extended = replies.of_table().filter(|reply| *reply == Reply::Written).count();
                self.tally.extended += u32::try_from(extended).unwrap_or(u32::MAX);
                self.free(returns)
            }
            Phase::Counting => match PoolView::of(replies.table()) {
                Ok(view) => self.summarise(view, now),
                Err(_) => self.done_so_far(),
            },
            Phase::Writing => match replies.table() {
                [Reply::Written] => Step::done(self.tally),
                _ => self.done_so_far(),
            },
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
            self.settings.longest_hold > Millis(0)
                && row.held.as_ref().is_some_and(|held| {
                    held.expires_at < soon
                        && now < self.settings.reclaimable_at(held.expires_at)
                        && now < held.acquired_at + self.settings.longest_hold
                })
        };
        let mut slots: Vec<SlotRow> = view.slots.iter().filter(ends).cloned().collect();
        if slots.is_empty() {
            return self.summarise(view, now);
        }
        slots.sort_by_key(|row| row.held.as_ref().map(|held| held.expires_at));
        self.tally.more |= slots.len() > BATCH;
        slots.truncate(BATCH);
        let step = Step::check(slots.iter().filter_map(|row| row.held.as_ref()).map(|held| held.holder.execution()));
        self.phase = Phase::Asking(slots);
        step
    }

    fn extend(&mut self, slots: Vec<SlotRow>, replies: &Replies, now: Timestamp) -> Step<Tally> {
        let (mut requests, mut returns) = (vec![], vec![]);
        for (row, status) in slots.into_iter().zip(replies.statuses()) {
            match status {
                ExecutionStatus::Running => {
                    let longest = row.held.as_ref().map_or(now, |held| held.acquired_at + self.settings.longest_hold);
                    let expires_at = longest.min(now + self.settings.lease);
                    requests.push(writes::extend(row.slot, row.fence, expires_at, None));
                }
                ExecutionStatus::Ended => returns.push(Return::of(row.slot, row.fence)),
                ExecutionStatus::Unknown => {}
            }
        }
        if requests.is_empty() {
            return self.free(returns);
        }
        self.phase = Phase::Extending(returns);
        Step::send(requests)
    }

    fn free(&mut self, returns: Vec<Return>) -> Step<Tally> {
        if returns.is_empty() {
            return self.count();
        }
        let (settle, step) = Settle::start(self.settings.clone(), self.entropy, false, returns);
        self.phase = Phase::Freeing(settle);
        step
    }

    fn count(&mut self) -> Step<Tally> {
        self.phase = Phase::Counting;
        Step::send(PoolView::requests(COUNTED))
    }

    fn summarise(&mut self, view: PoolView, now: Timestamp) -> Step<Tally> {
        self.phase = Phase::Writing;
        Step::send([writes::summarise(Snapshot::of(view, self.settings.limit, now).summary())])
    }
}
