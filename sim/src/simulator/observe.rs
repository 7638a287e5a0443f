//! Observed writes: what does a request mean to those who look on? Jobs move to the queue or to a slot, slots change
//! hands, limits change; and a refused condition means that somebody else got on.

use leasehold_core::{HolderRow, HolderState, Intent, Opening, Refusal, Request, Row, Settings, SlotRow, Write};

use super::call::CallPurpose;
use super::job::{Job, Phase};
use super::lane::Lane;
use super::pool_observer::PoolObserver;
use super::sim_event::SimEventKind;
use crate::strategy::Strategy;

impl Lane {
    /// A write happened: what it means to jobs and pools.
    pub(crate) fn observe_write(
        &mut self,
        purpose: CallPurpose,
        pool: usize,
        request: &Request,
        before: &[Option<Row>],
    ) {
        for (write, before) in request.writes().iter().zip(before) {
            match self.pools[pool].table.row(write.key).cloned() {
                Some(Row::Slot(now)) => self.slot_changed(purpose, pool, write, before.as_ref(), &now),
                Some(Row::Holder(row)) => self.holder_changed(pool, &row, purpose),
                Some(Row::Override(_)) => self.limit_in_force(pool),
                Some(Row::HighWater(mark)) => {
                    let settings = Settings { high_water: Some(mark), ..(**self.pools[pool].settings_now()).clone() };
                    self.pools[pool].follow(self.queue.now(), settings);
                }
                None => self.row_deleted(pool, purpose),
                _ => {}
            }
        }
    }

    /// The limit is changed for whoever reads it from now on.
    fn limit_in_force(&mut self, pool: usize) {
        let Some(settings) = self.pools[pool].settings_in_table(&self.scenario) else { return };
        let (from, to) = (self.pools[pool].settings_now().limit.count(), settings.limit.count());
        self.observer.pools[pool].limit_in_force(self.queue.now(), settings.limit);
        self.pools[pool].follow(self.queue.now(), settings);
        self.say(pool, SimEventKind::Limit { from, to, step: "in force" });
    }

    /// A row is gone. Where a lease is a row, its cell is free.
    fn row_deleted(&mut self, pool: usize, purpose: CallPurpose) {
        match self.strategy {
            Strategy::CountThenPut => {
                if let Some(job) = purpose.job() {
                    self.pools[pool].cell_gone(job);
                }
            }
            Strategy::Leasehold => {}
        }
    }

    /// A holder waits, holds or has ended. Who counts, then puts, only ever holds.
    fn holder_changed(&mut self, pool: usize, row: &HolderRow, purpose: CallPurpose) {
        let Some(number) = Job::of_holder(&row.holder) else { return };
        let now = self.queue.now();
        match &row.state {
            HolderState::Waiting { .. } => {
                let Some(job) = self.fleet.jobs.get_mut(number).filter(|job| job.phase == Phase::Asking) else {
                    return;
                };
                job.is(Phase::Queued, now, None);
                let followed = job.followed;
                self.waits(number);
                let PoolObserver { waiting, limit, .. } = self.observer.pools[pool];
                self.say(pool, SimEventKind::Queued { job: number, waiting, limit, followed });
            }
            HolderState::Holding { slot, .. } => {
                let cell = match self.strategy {
                    Strategy::CountThenPut => self.pools[pool].cell_for(now, number),
                    Strategy::Leasehold => slot.0,
                };
                if let Some(job) = self.fleet.jobs.get_mut(number) {
                    job.cell = Some(cell);
                }
            }
            HolderState::Ended if !matches!(purpose, CallPurpose::Release { job } if job == number) => {
                self.bury(number);
            }
            HolderState::Ended => {}
        }
    }

    /// A slot changed hands.
    fn slot_changed(&mut self, purpose: CallPurpose, pool: usize, write: &Write, before: Option<&Row>, now: &SlotRow) {
        let Some(Row::Slot(before)) = before else { return };
        let Some(old) = &before.held else { return };
        let same = now.held.as_ref().is_some_and(|held| held.holder == old.holder);
        let Some(job) = Job::of_holder(&old.holder).filter(|_| !same) else { return };
        let next = now.held.as_ref().and_then(|held| Job::of_holder(&held.holder));
        let cell = now.slot.0;
        let expired = matches!(
            write.intent,
            Intent::Claim(Opening::Expired, _)
                | Intent::Grant(Opening::Expired, ..)
                | Intent::Free(Opening::Expired, _)
        );
        let what = match purpose {
            _ if expired => SimEventKind::Reclaimed { job, cell, next },
            CallPurpose::Release { job: releases } if releases == job => SimEventKind::Released { job, cell, next },
            CallPurpose::ExecutionEnded { .. } => SimEventKind::Freed { job, cell, next, why: "ended" },
            _ => SimEventKind::Freed { job, cell, next, why: "its task is closed" },
        };
        self.say(pool, what);
        if !matches!(purpose, CallPurpose::Release { job: releases } if releases == job) {
            self.bury(job);
        }
    }

    /// A condition failed: somebody else got on.
    pub(crate) fn observe_refusal(
        &mut self,
        purpose: CallPurpose,
        pool: usize,
        request: &Request,
        refusals: &[Refusal],
    ) {
        self.observer.usage.refused += 1;
        let failed = request.writes().iter().zip(refusals).find_map(|(write, refusal)| {
            let failed = matches!(refusal, Refusal::Failed(_));
            failed.then(|| write.conditions.first().map(|(guard, _)| *guard)).flatten()
        });
        if let Some(guard) = failed {
            let (job, operation) = (purpose.job(), purpose.as_str());
            let what = SimEventKind::Collided { job, operation, guard: format!("{guard:?}"), means: guard.meaning() };
            self.say(pool, what);
        }
    }

    /// All leases of a pool were read: a caller that counts does so as they were at this moment.
    pub(crate) fn observe_count(&mut self, purpose: CallPurpose) {
        let now = self.queue.now();
        match self.strategy {
            Strategy::CountThenPut => {
                if let Some(job) = purpose.job().and_then(|job| self.fleet.jobs.get_mut(job)) {
                    job.counted = Some((0, now));
                }
            }
            Strategy::Leasehold => {}
        }
    }

    /// The caller knows what it counted.
    pub(crate) fn counted(&mut self, purpose: CallPurpose, counted: u32) {
        let job = purpose.job().and_then(|job| self.fleet.jobs.get_mut(job));
        if let Some(known) = job.and_then(|job| job.counted.as_mut()) {
            known.0 = counted;
        }
    }
}
