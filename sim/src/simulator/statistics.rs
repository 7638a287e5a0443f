//! Statistics: what did it come to so far? Peaks, waits, requests and dollars of each lane.

use serde::Serialize;

use super::clock::ms;
use super::lane::Lane;
use super::observer::Usage;
use super::pool_observer::{PoolObserver, PoolStats};
use super::prices::PRICES;
use super::wait_histogram::WaitHistogram;
use super::world::World;
use crate::strategy::{PerStrategy, Strategy};

/// All lanes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Statistics {
    /// The moment.
    pub now_ms: f64,
    /// Whether clocks and caches are within what leasehold's promises rest on.
    pub promised: bool,
    /// How many jobs came, to all lanes.
    pub same_arrivals: u64,
    /// The lanes.
    #[serde(rename = "doors")]
    pub lanes: PerStrategy<LaneStatistics>,
}

/// One lane, all pools together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LaneStatistics {
    /// Its name.
    pub name: &'static str,
    /// How many jobs came.
    pub arrived: u64,
    /// How many were turned away, because ten thousand are in flight.
    pub turned_away: u64,
    /// How many did their work and gave their lease back.
    pub over: u64,
    /// How many died.
    pub died: u64,
    /// How many gave up waiting.
    pub gave_up: u64,
    /// How many are under way.
    pub in_flight: u64,
    /// How many requests of which kind.
    pub requests: Requests,
    /// DynamoDB's units.
    pub units: Units,
    /// Step Functions' state transitions.
    pub transitions: u64,
    /// For one job that is over; none before the first is.
    pub per_job: Option<PerJob>,
    /// What a million jobs like these cost.
    pub dollars_per_million_jobs: Option<Dollars>,
    /// Everything that a pool has too, of all of them.
    #[serde(flatten)]
    pub all: PoolStatistics,
    /// The pools.
    pub pools: Vec<PoolStatistics>,
}

/// One pool, or all of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PoolStatistics {
    /// Its name; none for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// How many may hold.
    pub limit: u32,
    /// How many do.
    pub held: u32,
    /// How many wait.
    pub waiting: u32,
    /// The most that ever held; of all pools: the highest of theirs.
    pub peak: u32,
    /// By how many the limit was ever exceeded.
    pub most_over: u32,
    /// How many were let in although the pool was full.
    pub breaches: u64,
    /// For how long too many held, in milliseconds; of all pools: the longest of theirs.
    pub over_for_ms: f64,
    /// How much of limit x time was held, from 0 to 1.
    pub utilisation: f64,
    /// How many were told that they have a lease.
    pub waited: u64,
    /// How many of those had been refused or queued before, as there was no room.
    pub made_wait: u64,
    /// How many leases were lost while their jobs worked.
    pub lost_leases: u64,
    /// Half of them waited no longer than this, in milliseconds.
    pub wait_p50_ms: Option<f64>,
    /// All but one in a hundred waited no longer than this, in milliseconds.
    pub wait_p99_ms: Option<f64>,
    /// How many jobs are over. Of all pools: see the lane.
    #[serde(rename = "jobs_over")]
    pub over: u64,
}

/// Requests, counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Requests {
    /// That read.
    pub reads: u64,
    /// That write one row.
    pub writes: u64,
    /// That write several, all or nothing.
    pub transactions: u64,
    /// Of these two, refused by a condition.
    pub refused: u64,
    /// Refused because the table was busy.
    pub throttled: u64,
    /// Lost, there or back.
    pub lost: u64,
    /// Callbacks to waiting tasks.
    pub notices: u64,
}

/// DynamoDB's request units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Units {
    /// To read.
    pub read: u64,
    /// To write.
    pub write: u64,
}

/// What one job takes, on average.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PerJob {
    /// Requests to the table.
    pub requests: f64,
    /// Read units.
    pub read_units: f64,
    /// Write units.
    pub write_units: f64,
    /// State transitions.
    pub transitions: f64,
}

/// Dollars.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Dollars {
    /// For reads.
    pub reads: f64,
    /// For writes.
    pub writes: f64,
    /// For state transitions.
    pub transitions: f64,
    /// For all three.
    pub total: f64,
}

fn pool_statistics(
    prefix: Option<String>,
    (limit, held, waiting): (u32, u32, u32),
    stats: &PoolStats,
    waits: &WaitHistogram,
) -> PoolStatistics {
    PoolStatistics {
        prefix,
        limit,
        held,
        waiting,
        peak: stats.peak,
        most_over: stats.most_over,
        breaches: stats.breaches,
        over_for_ms: ms(stats.over_for),
        utilisation: if stats.limit_time == 0 { 0.0 } else { stats.held_time as f64 / stats.limit_time as f64 },
        waited: waits.count(),
        made_wait: stats.made_wait,
        lost_leases: stats.lost_leases,
        wait_p50_ms: waits.percentile(50).map(ms),
        wait_p99_ms: waits.percentile(99).map(ms),
        over: stats.over_jobs,
    }
}

impl PerJob {
    /// A job's part of what was used, if so many are over.
    fn of(usage: &Usage, over: u64) -> Option<PerJob> {
        let each = |sum: u64| sum as f64 / over as f64;
        (over > 0).then(|| PerJob {
            requests: each(usage.reads + usage.writes + usage.transactions + usage.throttled),
            read_units: each(usage.read_units),
            write_units: each(usage.write_units),
            transitions: each(usage.transitions),
        })
    }

    /// What a million jobs cost of which each takes this.
    fn dollars_per_million(self) -> Dollars {
        let reads = self.read_units * PRICES.read_per_million;
        let writes = self.write_units * PRICES.write_per_million;
        let transitions = self.transitions * PRICES.transition_per_million;
        Dollars { reads, writes, transitions, total: reads + writes + transitions }
    }
}

impl Lane {
    fn statistics(&self, now: u64) -> LaneStatistics {
        let (mut all, mut waits, mut sums) = (PoolStats::default(), WaitHistogram::default(), (0, 0, 0));
        let mut pools = vec![];
        for (pool, seen) in self.pools.iter().zip(&self.observer.pools) {
            let stats = seen.stats_until(now);
            let PoolObserver { limit, held, waiting, .. } = *seen;
            all.add(&stats);
            waits.merge(&seen.waits);
            sums = (sums.0 + limit, sums.1 + held, sums.2 + waiting);
            pools.push(pool_statistics(Some(pool.prefix.to_string()), (limit, held, waiting), &stats, &seen.waits));
        }
        let usage = &self.observer.usage;
        let over = all.over_jobs;
        let per_job = PerJob::of(usage, over);
        LaneStatistics {
            name: self.strategy.name(),
            arrived: self.fleet.arrived,
            turned_away: self.fleet.turned_away,
            over,
            died: all.died,
            gave_up: all.gave_up,
            in_flight: self.fleet.arrived - self.fleet.turned_away - over - all.died - all.gave_up,
            requests: Requests {
                reads: usage.reads,
                writes: usage.writes,
                transactions: usage.transactions,
                refused: usage.refused,
                throttled: usage.throttled,
                lost: usage.lost,
                notices: usage.notices,
            },
            units: Units { read: usage.read_units, write: usage.write_units },
            transitions: usage.transitions,
            per_job,
            dollars_per_million_jobs: per_job.map(PerJob::dollars_per_million),
            all: pool_statistics(None, sums, &all, &waits),
            pools,
        }
    }
}

impl World {
    /// What it came to so far.
    pub fn statistics(&self) -> Statistics {
        let lanes = || Strategy::ALL.map(|strategy| self.lane(strategy));
        Statistics {
            now_ms: self.now(),
            promised: self.is_promised(),
            same_arrivals: lanes().iter().map(|lane| lane.fleet.arrived).min().unwrap_or(0),
            lanes: PerStrategy::new(|strategy| self.lane(strategy).statistics(self.micros())),
        }
    }
}
