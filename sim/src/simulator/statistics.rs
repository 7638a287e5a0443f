//! What did it come to so far? Peaks, waits, requests and dollars of each door.

use serde::Serialize;

use super::World;
use super::cost::PRICES;
use super::lane::{Lane, ms};
use super::pool::PoolStats;
use super::wait_histogram::WaitHistogram;

/// Both doors.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Statistics {
    /// The moment.
    pub now_ms: f64,
    /// Whether clocks and caches are within what leasehold's promises rest on.
    pub promised: bool,
    /// How many jobs came, to both.
    pub same_arrivals: u64,
    /// The doors.
    pub doors: Vec<LaneStatistics>,
}

/// One door, all pools together.
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
    /// Half of them waited no longer than this, in milliseconds.
    pub wait_p50_ms: Option<f64>,
    /// All but one in a hundred waited no longer than this, in milliseconds.
    pub wait_p99_ms: Option<f64>,
    /// How many jobs are over. Of all pools: see the door.
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
    /// Notices to waiting tasks.
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

fn numbers(
    prefix: Option<String>,
    (limit, held, waiting): (u32, u32, u32),
    fared: &PoolStats,
    waits: &WaitHistogram,
) -> PoolStatistics {
    PoolStatistics {
        prefix,
        limit,
        held,
        waiting,
        peak: fared.peak,
        most_over: fared.most_over,
        breaches: fared.breaches,
        over_for_ms: ms(fared.over_for),
        utilisation: if fared.limit_time == 0 { 0.0 } else { fared.held_time as f64 / fared.limit_time as f64 },
        waited: waits.count(),
        wait_p50_ms: waits.percentile(50).map(ms),
        wait_p99_ms: waits.percentile(99).map(ms),
        over: fared.over_jobs,
    }
}

impl World {
    /// What it came to so far.
    pub fn numbers(&self) -> Statistics {
        Statistics {
            now_ms: self.now(),
            promised: self.scenario.is_promised(),
            same_arrivals: self.state.doors.iter().map(|door| door.arrived).min().unwrap_or(0),
            doors: self.state.doors.iter().map(|door| self.door_numbers(door)).collect(),
        }
    }

    fn door_numbers(&self, door: &Lane) -> LaneStatistics {
        let now = self.state.now;
        let (mut all, mut waits, mut sums) = (PoolStats::default(), WaitHistogram::default(), (0, 0, 0));
        let mut pools = vec![];
        for pool in &door.pools {
            let fared = pool.fared_until(now);
            all.add(&fared);
            waits.merge(&pool.waits);
            sums = (sums.0 + pool.limit, sums.1 + pool.held, sums.2 + pool.waiting);
            let of = (pool.limit, pool.held, pool.waiting);
            pools.push(numbers(Some(pool.prefix.to_string()), of, &fared, &pool.waits));
        }
        let used = &door.used;
        let over = all.over_jobs;
        let per_job = (over > 0).then(|| {
            let each = |sum: u64| sum as f64 / over as f64;
            PerJob {
                requests: each(used.reads + used.writes + used.transactions + used.throttled),
                read_units: each(used.read_units),
                write_units: each(used.write_units),
                transitions: each(used.transitions),
            }
        });
        let dollars = per_job.map(|each| {
            let reads = each.read_units * PRICES.read_per_million;
            let writes = each.write_units * PRICES.write_per_million;
            let transitions = each.transitions * PRICES.transition_per_million;
            Dollars { reads, writes, transitions, total: reads + writes + transitions }
        });
        LaneStatistics {
            name: if door.counts() { "count, then put" } else { "leasehold" },
            arrived: door.arrived,
            turned_away: door.turned_away,
            over,
            died: all.died,
            gave_up: all.gave_up,
            in_flight: door.arrived - door.turned_away - over - all.died - all.gave_up,
            requests: Requests {
                reads: used.reads,
                writes: used.writes,
                transactions: used.transactions,
                refused: used.refused,
                throttled: used.throttled,
                lost: used.lost,
                notices: used.notices,
            },
            units: Units { read: used.read_units, write: used.write_units },
            transitions: used.transitions,
            per_job,
            dollars_per_million_jobs: dollars,
            all: numbers(None, sums, &all, &waits),
            pools,
        }
    }
}
