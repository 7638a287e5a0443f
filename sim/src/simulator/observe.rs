//! What does a write mean to those who look on? Jobs move to the queue or to a slot, slots change hands, limits change;
//! and a refused condition means that somebody else got on.

use leasehold_core::settings::Settings;
use leasehold_core::table::{HolderRow, HolderState, Key, Refusal, Request, Row, SlotRow};

use super::call::CallPurpose;
use super::job::{Job, Phase};
use super::lane::Lane;
use super::request_view::means;
use super::sim_event::SimEventKind;

impl Lane {
    /// A write happened: what it means to jobs and pools.
    pub(crate) fn wrote(&mut self, duty: CallPurpose, pool: usize, request: &Request, before: &[Option<Row>]) {
        for (write, before) in request.writes().iter().zip(before) {
            match self.pools[pool].table.row(write.key).cloned() {
                Some(Row::Slot(now)) => self.slot_changed(duty, pool, before.as_ref(), &now),
                Some(Row::Holder(row)) => self.holder_changed(pool, &row, duty),
                Some(Row::Override(live)) => {
                    let Some(Row::Pool(row)) = self.pools[pool].table.row(Key::Pool).cloned() else { continue };
                    let prefix = self.pools[pool].prefix.clone();
                    let Ok(mut settings) = Settings::from_rows(prefix, &row, Some(&live)) else { continue };
                    self.scenario.keep_tombstones(&mut settings);
                    let from = self.pools[pool].settings_now().limit.count();
                    self.pools[pool].follow(self.now, settings);
                    self.say(pool, SimEventKind::Limit { from, to: live.limit.count(), step: "in force" });
                }
                None if self.counts() => {
                    if let Some(job) = duty.job() {
                        self.pools[pool].cell_gone(job);
                    }
                }
                _ => {}
            }
        }
    }

    /// A holder waits, holds or has ended.
    fn holder_changed(&mut self, pool: usize, row: &HolderRow, duty: CallPurpose) {
        let Some(number) = Job::of_holder(&row.holder) else { return };
        if self.counts() {
            let now = self.now;
            let cell = self.pools[pool].cell_for(now, number);
            if let Some(job) = self.jobs.get_mut(number) {
                job.cell = Some(cell);
            }
            return;
        }
        match &row.state {
            HolderState::Waiting(_) => {
                let now = self.now;
                let mut joined = false;
                if let Some(job) = self.jobs.get_mut(number).filter(|job| job.phase == Phase::Asking) {
                    job.is(Phase::Queued, now, None);
                    joined = true;
                }
                if joined {
                    self.waits(number);
                    let waiting = self.pools[pool].waiting;
                    self.say(pool, SimEventKind::Queued { job: number, waiting });
                }
            }
            HolderState::Holding { slot, .. } => {
                if let Some(job) = self.jobs.get_mut(number) {
                    job.cell = Some(slot.0);
                }
            }
            HolderState::Ended { .. } if !matches!(duty, CallPurpose::Release { job } if job == number) => {
                self.bury(number)
            }
            HolderState::Ended { .. } => {}
        }
    }

    /// A slot changed hands.
    fn slot_changed(&mut self, duty: CallPurpose, pool: usize, before: Option<&Row>, now: &SlotRow) {
        let Some(Row::Slot(before)) = before else { return };
        let Some(old) = &before.held else { return };
        let same = now.held.as_ref().is_some_and(|held| held.holder == old.holder);
        let Some(job) = Job::of_holder(&old.holder).filter(|_| !same) else { return };
        let next = now.held.as_ref().and_then(|held| Job::of_holder(&held.holder));
        let cell = now.slot.0;
        let what = match duty {
            CallPurpose::Release { job: releases } if releases == job => SimEventKind::Released { job, cell, next },
            CallPurpose::Gone { .. } => SimEventKind::Freed { job, cell, next, why: "ended" },
            _ if self.clock(self.scenario.skew as i64) >= old.expires_at => SimEventKind::Reclaimed { job, cell, next },
            _ => SimEventKind::Freed { job, cell, next, why: "its task is closed and its execution has ended" },
        };
        self.say(pool, what);
    }

    /// A condition failed: somebody else got on.
    pub(crate) fn refused(&mut self, duty: CallPurpose, pool: usize, request: &Request, refusals: &[Refusal]) {
        let failed = request.writes().iter().zip(refusals).find_map(|(write, refusal)| {
            let failed = matches!(refusal, Refusal::Failed(_));
            failed.then(|| write.conditions.first().map(|(guard, _)| *guard)).flatten()
        });
        if let Some(guard) = failed {
            let (job, operation) = (duty.job(), duty.as_str());
            let what = SimEventKind::Collided { job, operation, guard: format!("{guard:?}"), means: means(guard) };
            self.say(pool, what);
        }
    }
}
