//! Draining: once nothing goes wrong any more, does everybody get a lease in the end, and is nothing left when all are gone?

use leasehold_core::{HolderRow, HolderState, Row, RowKey, Timestamp, WaitRow};

use super::plan::{MS, PoolPlan, SECOND, Shape};
use super::rows_in_tree::RowTree;
use super::world::{PoolState, World};
use crate::checker::property;
use crate::row_store::RowStore;

impl World {
    /// Plays a world to its end: until a promise is broken, or everybody is gone and nothing is left.
    pub(super) fn play(&mut self) {
        let mut empty_since = None;
        while self.report.broken.is_none() && self.step() {
            let Some(by) = self.drained_by else { continue };
            let now = self.agenda.now();
            if self.open > 0 || self.expected > 0 || self.late_open > 0 || self.calls_open > 0 {
                empty_since = None;
                if now > by {
                    self.judge_still_there();
                }
                continue;
            }
            let (since, until) = *empty_since.get_or_insert_with(|| (now, now + self.longest_rest()));
            if now >= until {
                self.report.drained_after = (since.saturating_sub(self.plan.calm_at)) / MS;
                break;
            }
        }
        if self.report.broken.is_none() {
            self.judge_empty();
        }
        self.report.ended_at = self.agenda.now() / MS;
        self.report.digest = crate::rng::mix(self.report.digest ^ self.report.requests);
    }

    /// When all that is left to do must be done: all the work, twice, and what each holder may keep its pool waiting for.
    pub(super) fn latest_drain(&self) -> u64 {
        let of_pool = |(at, pool): (usize, &PoolPlan)| {
            let crowds = self.plan.crowds.iter().filter(|crowd| crowd.pool == at);
            let work: u64 = crowds
                .map(|crowd| {
                    let polls = if crowd.queues && crowd.shape != Shape::Process { 0 } else { 60 * SECOND };
                    u64::from(crowd.times * crowd.shape.holders()) * (3 * crowd.work.1 + polls + 2 * SECOND)
                })
                .sum();
            let rest = 20 * (pool.lease + pool.grace + pool.sweep_every + pool.quiet) * MS;
            rest + 3 * work / u64::from(pool.limit.max(1))
        };
        let longest = self.plan.pools.iter().enumerate().map(of_pool).max().unwrap_or(0);
        self.agenda.now() + longest + 2 * 3_600 * SECOND
    }

    /// After how long everything is free when everybody is gone: a lease, the clocks, and some sweeps; and for each dead
    /// process that waits the short lease that nobody collects.
    fn longest_rest(&self) -> u64 {
        let of_pool = |(pool, state): (&PoolPlan, &PoolState)| {
            let waiting = state.table.places().filter(|place| place.token.is_none()).count() as u64;
            let uncollected = pool.lease + pool.grace + 2 * pool.sweep_every;
            let waiting = waiting.div_ceil(pool.limit.max(1).into()) * uncollected;
            let kept = pool.lease.max(pool.longest_hold.min(4 * pool.lease));
            let limits = if pool.limits.is_empty() { 0 } else { 2 * pool.quiet + pool.grace };
            (waiting + kept + 2 * pool.grace + 6 * pool.sweep_every + limits + 10_000) * MS
        };
        self.plan.pools.iter().zip(&self.pools).map(of_pool).max().unwrap_or(0)
    }

    /// The world has been calm for long, and somebody is still there.
    fn judge_still_there(&mut self) {
        let waits = self.members.iter().find(|member| !member.is_done());
        let what = match waits {
            Some(member) => format!("{} is still {:?}, {} in all", member.holder, member.stage, self.open),
            None => {
                format!("{} executions are not over, {} late, {} calls", self.expected, self.late_open, self.calls_open)
            }
        };
        self.breaks(property::TOLD_IN_THE_END, what);
    }

    /// Everybody is gone: every slot is free, and no row is left that nothing clears.
    fn judge_empty(&mut self) {
        for at in 0..self.pools.len() {
            let left = self.pools[at].table.rows().find(|row| match row {
                Row::Slot(row) => row.held.is_some(),
                Row::Wait(place) => !is_taken_over(&self.pools[at].table, place),
                Row::Holder(row) => row.ttl == Timestamp(0),
                _ => false,
            });
            if let Some(row) = left {
                let what = format!("everybody is gone, and this is left: {row:?}");
                return self.breaks(property::LEAK, what);
            }
            self.report.places_left += self.pools[at].table.places().count() as u64;
            let slots = self.pools[at].table.slots().count();
            let limit = self.plan.pools[at].limit;
            if let Some(Row::HighWater(mark)) = self.pools[at].table.row(RowKey::HighWater)
                && mark.slots > limit
            {
                self.report.high_marks += 1;
            }
            self.report.slots_left = self.report.slots_left.max(slots.saturating_sub(limit as usize));
        }
    }
}

/// Whether a newer attempt of its holder was about to take this place over, and died: it goes when its time to wait is over.
fn is_taken_over(table: &RowTree, place: &WaitRow) -> bool {
    matches!(table.row(RowKey::Holder(place.holder.hashed())), Some(Row::Holder(HolderRow { attempt, state, .. }))
        if *attempt > place.attempt
            && matches!(state, HolderState::Waiting { ticket, .. } if *ticket == place.ticket))
}
