//! A doctor in a large world: does it find damage where only the protocol was at work, and do its repairs harm anybody?
//!
//! It reads as `leasehold doctor` does: slots and queue, the holders' rows in pieces, slots and queue again, the high-water mark;
//! each some time after the other, while callers go on. What it would repair is written some time later, as whoever is
//! asked first takes a while to say yes.

use leasehold_core::diagnosis::{Finding, Places, PoolReading, Remedy, diagnose};
use leasehold_core::{Millis, Row, RowKey};

use super::agenda::{DoctorStep, Event};
use super::call::{Call, Caller};
use super::plan::{MS, SECOND};
use super::rows_in_tree::RowTree;
use super::world::World;
use crate::checker::property;
use crate::row_store::RowStore;

/// Into how many pieces the reading of holders' rows falls.
const PIECES: u8 = 3;

impl World {
    /// A look at a pool goes on, or the next one begins.
    pub(super) fn examine(&mut self, pool: u16, step: DoctorStep) {
        let at = usize::from(pool);
        let Some(every) = self.plan.doctor_every.filter(|_| !self.is_calm || step != DoctorStep::Before) else {
            return;
        };
        let now = self.time();
        let table = &self.pools[at].table;
        let mut reading = std::mem::take(&mut self.readings[at]);
        let next = match step {
            DoctorStep::Before => {
                reading = PoolReading { before: places_of(table), ..PoolReading::default() };
                DoctorStep::Holders(0)
            }
            DoctorStep::Holders(piece) => {
                let holders = table.rows().filter_map(|row| if let Row::Holder(row) = row { Some(row) } else { None });
                let read = holders.filter(|row| row.holder.hashed().own % u128::from(PIECES) == u128::from(piece));
                reading.holders.extend(read.map(|row| (row.holder.hashed(), row.clone())));
                if piece + 1 < PIECES { DoctorStep::Holders(piece + 1) } else { DoctorStep::After }
            }
            DoctorStep::After => {
                reading.at = now;
                reading.after = places_of(table);
                self.report.examinations += 1;
                self.diagnose(pool, read_last(table, reading));
                return self.agenda.after(every, Event::Examine { pool, step: DoctorStep::Before });
            }
        };
        self.readings[at] = reading;
        let takes = self.some_while(SECOND);
        self.agenda.after(takes, Event::Examine { pool, step: next });
    }

    fn diagnose(&mut self, pool: u16, reading: PoolReading) {
        let name = self.pools[usize::from(pool)].name.clone();
        let fresh = Millis(self.plan.times.settings_fresh / MS);
        for (finding, remedy) in diagnose(&name, &reading, fresh) {
            if is_damage(&finding) {
                self.breaks(property::NO_DAMAGE, format!("{name}: {finding:?}"));
            }
            if let Some(Remedy::Write(repair)) = remedy {
                self.report.repairs += 1;
                if self.story.is_some() {
                    self.tell(format!("pool{pool}: the doctor is to repair: {repair:?}"));
                }
                let rng = self.call_rng(1 << 44);
                let after = self.some_while(60 * SECOND);
                self.call(Call::new(Caller::Operator, pool, Some((*repair).into()), rng), after);
            }
        }
    }

    fn some_while(&mut self, most: u64) -> u64 {
        let most = most >> self.rng.below(8);
        self.rng.below(most.max(MS))
    }
}

fn places_of(table: &RowTree) -> Places {
    Places { slots: table.slots().cloned().collect(), queue: table.places().cloned().collect() }
}

fn read_last(table: &RowTree, mut reading: PoolReading) -> PoolReading {
    for key in [RowKey::Pool, RowKey::Override, RowKey::Summary, RowKey::HighWater] {
        match table.row(key).cloned() {
            Some(Row::Pool(row)) => reading.pool = Some(row),
            Some(Row::Override(row)) => reading.live = Some(row),
            Some(Row::Summary(row)) => reading.summary = Some(row),
            Some(Row::HighWater(row)) => reading.mark = Some(row),
            _ => {}
        }
    }
    reading
}

/// Whether callers alone never bring this about, whatever befalls them.
fn is_damage(finding: &Finding) -> bool {
    matches!(
        finding,
        Finding::PoolMissing { .. }
            | Finding::SettingsInvalid(_)
            | Finding::HolderHoldsTwice { .. }
            | Finding::HolderMissing(_)
            | Finding::HolderElsewhere { .. }
            | Finding::HolderAstray { .. }
            | Finding::FenceWentBack { .. }
            | Finding::SlotAboveMark { .. }
            | Finding::MarkMissing { .. }
    )
}
