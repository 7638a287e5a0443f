//! A crowd at one pool: how are jobs served that compete for it? The same callers, work and clock for every way.
//!
//! A job asks for its turn, works (that is: sleeps), and gives its turn back. Callers either have one job each and come all at
//! once, or come again and again for a while.

use std::sync::Arc;
use std::time::{Duration, Instant};

use leasehold_testkit::DynamoDbLocal;
use serde::{Deserialize, Deserializer, Serialize};
use tokio::task::JoinSet;

use crate::BenchError;
use crate::engine::{Engine, EngineKind};
use crate::measure::{JobTimes, Occupied, hand_overs, jain, occupied, percentile};
use crate::ways::leasehold::make_pool;
use crate::ways::{PoolTerms, Way, WayKind, open};
use crate::wire::{Delays, Traffic};

/// What is not counted of a run for a while: by then the slots are in use.
const WARM_UP: Duration = Duration::from_millis(500);

/// The longest that a run may take.
const LONGEST: Duration = Duration::from_secs(180);

/// How callers come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Arrivals {
    /// All at once, each with one job.
    AtOnce,
    /// Each comes again as soon as it has given its turn back, for so long.
    Again(Duration),
}

/// One run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CrowdPlan {
    /// On which engine.
    pub(crate) engine: EngineKind,
    /// The pool's limit.
    pub(crate) limit: u32,
    /// How many come.
    pub(crate) callers: u32,
    /// How long a job works.
    pub(crate) work: Duration,
    /// Whether it works half of that more or less. Else jobs that began together end together, and so on for ever.
    pub(crate) uneven: bool,
    /// How they come.
    pub(crate) arrivals: Arrivals,
    /// How long who finds the pool full waits.
    pub(crate) fixed_wait: Duration,
    /// Whether leasehold's poll mode waits as long as it is told to.
    pub(crate) as_told: bool,
    /// How many calls of a lease manager run at once.
    pub(crate) calls_at_once: usize,
    /// Over how many pools the callers spread, each with this limit.
    pub(crate) pools: u32,
    /// The network.
    pub(crate) delays: Delays,
}

/// What one run showed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct CrowdFigures {
    /// The most that had their turn at once, in one pool.
    pub(crate) peak: u32,
    /// How many jobs were done.
    pub(crate) jobs: u64,
    /// Jobs a second.
    pub(crate) jobs_per_second: f64,
    /// From the first question to the end of the last job's work, in seconds.
    pub(crate) makespan: f64,
    /// Of what the slots could do: jobs a second, or the ideal makespan by the one there was.
    #[serde(deserialize_with = "maybe")]
    pub(crate) of_ideal: f64,
    /// How well the slots were used while somebody waited.
    pub(crate) used_while_waited: f64,
    /// From asking to being told, in milliseconds.
    pub wait_p50: f64,
    /// The same.
    pub wait_p99: f64,
    /// From a release to its successor being told, in milliseconds, where grants are counted.
    pub hand_over_p50: f64,
    /// The same.
    pub hand_over_p99: f64,
    /// The same.
    pub hand_over_p999: f64,
    /// Jobs a second while the second half of them was done.
    pub(crate) late_jobs_per_second: f64,
    /// Jain's index over the jobs that callers had done, where they come again and again.
    #[serde(deserialize_with = "maybe")]
    pub(crate) jain: f64,
    /// Requests a job. Not a number: not counted.
    #[serde(deserialize_with = "maybe")]
    pub(crate) requests: f64,
    /// Read units a job.
    #[serde(deserialize_with = "maybe")]
    pub(crate) read_units: f64,
    /// Write units a job.
    #[serde(deserialize_with = "maybe")]
    pub(crate) write_units: f64,
    /// Requests a job that a condition refused.
    #[serde(deserialize_with = "maybe")]
    pub(crate) refused: f64,
    /// How often a job asked.
    pub(crate) asked: f64,
    /// Transitions of Step Functions a job, in a workflow that asks so.
    pub(crate) transitions: f64,
    /// Dollars a million jobs: units and transitions.
    #[serde(deserialize_with = "maybe")]
    pub(crate) dollars_per_million: f64,
}

/// Runs one crowd.
///
/// # Errors
/// When somebody did not get its turn, or gave it back in vain.
pub(crate) async fn run(
    plan: CrowdPlan,
    kind: WayKind,
    local: Option<Arc<DynamoDbLocal>>,
) -> Result<CrowdFigures, BenchError> {
    let engine = Engine::start(plan.engine, plan.delays, local).await?;
    let mut ways: Vec<Arc<dyn Way>> = Vec::new();
    for pool in 0..plan.pools {
        let terms = PoolTerms {
            pool: format!("bench-{pool}"),
            limit: plan.limit,
            lease: Duration::from_secs(300),
            fixed_wait: plan.fixed_wait,
            as_told: plan.as_told,
            calls_at_once: plan.calls_at_once,
            delays: plan.delays,
        };
        if kind.is_ours() {
            make_pool(&engine, &terms).await?;
        }
        let way = open(kind, &engine, terms).await?;
        way.prepare().await?;
        ways.push(way);
    }
    let before = engine.wire().traffic();
    let crowd = tokio::time::timeout(LONGEST, crowd(plan, &ways)).await.map_err(|_| "it took too long")??;
    // What goes on behind the last answer is part of the cost.
    tokio::time::sleep(Duration::from_millis(100) + plan.delays.notice * 2).await;
    let traffic = engine.wire().traffic().since(before);
    Ok(figures(plan, kind, &crowd, traffic))
}

/// JSON has no word for what is not a number: null.
pub(crate) fn maybe<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
}

/// What callers did: of each, in which pool, its jobs, and how often they asked.
struct Crowd(Vec<(usize, Vec<JobTimes>, u64)>);

async fn crowd(plan: CrowdPlan, ways: &[Arc<dyn Way>]) -> Result<Crowd, BenchError> {
    let start = Instant::now();
    let mut callers = JoinSet::new();
    for caller in 0..plan.callers {
        let pool = caller as usize % ways.len();
        let way = Arc::clone(&ways[pool]);
        callers.spawn(async move {
            let (mut jobs, mut asked) = (Vec::new(), 0);
            loop {
                let name = format!("{caller:05}-{:04}", jobs.len());
                let began = start.elapsed();
                let turn = way.acquire(&name).await?;
                let told = start.elapsed();
                asked += u64::from(turn.asked);
                let factor = if plan.uneven { 0.5 + fastrand::f64() } else { 1.0 };
                work(plan.work.mul_f64(factor)).await;
                let done = start.elapsed();
                way.release(&turn).await?;
                jobs.push(JobTimes { asked: began, told, done, grant: (turn.slot, turn.fence) });
                match plan.arrivals {
                    Arrivals::Again(time) if start.elapsed() < time => {}
                    _ => return Ok::<_, BenchError>((pool, jobs, asked)),
                }
            }
        });
    }
    let mut done = Vec::new();
    while let Some(caller) = callers.join_next().await {
        done.push(caller??);
    }
    Ok(Crowd(done))
}

/// Works for so long, in the mean: the timer's ticks are a millisecond, and it rounds up.
async fn work(time: Duration) {
    const HALF_A_TICK: Duration = Duration::from_micros(500);
    if time > HALF_A_TICK {
        tokio::time::sleep(time - HALF_A_TICK).await;
    }
}

fn figures(plan: CrowdPlan, kind: WayKind, crowd: &Crowd, traffic: Traffic) -> CrowdFigures {
    let all: Vec<JobTimes> = crowd.0.iter().flat_map(|(_, jobs, _)| jobs.iter().copied()).collect();
    let jobs = all.len() as f64;
    let makespan = all.iter().map(|job| job.done).max().unwrap_or_default().as_secs_f64();
    let slots = f64::from(plan.limit) * f64::from(plan.pools);
    // Of the time in which all come again and again, without its beginning.
    let (from, to) = match plan.arrivals {
        Arrivals::AtOnce => (Duration::ZERO, Duration::MAX),
        Arrivals::Again(time) => (WARM_UP.min(time / 4), time),
    };
    let window = |job: &&JobTimes| job.done >= from && job.done < to;
    let counted: Vec<JobTimes> = all.iter().filter(window).copied().collect();
    let (jobs_per_second, of_ideal) = match plan.arrivals {
        Arrivals::AtOnce => {
            let ideal = (jobs / slots).ceil() * plan.work.as_secs_f64();
            (jobs / makespan, ideal / makespan)
        }
        Arrivals::Again(_) => {
            let rate = counted.len() as f64 / (to - from).as_secs_f64();
            let possible = if plan.work.is_zero() { f64::NAN } else { slots / plan.work.as_secs_f64() };
            (rate, rate / possible)
        }
    };
    let mut seen = Occupied { peak: 0, used_while_waited: 0.0 };
    for pool in 0..plan.pools as usize {
        let of_pool = crowd.0.iter().filter(|(of, ..)| *of == pool);
        let jobs: Vec<JobTimes> = of_pool.flat_map(|(_, jobs, _)| jobs.iter().copied()).collect();
        let Occupied { peak, used_while_waited } = occupied(&jobs, plan.limit);
        seen.peak = seen.peak.max(peak);
        seen.used_while_waited += used_while_waited / f64::from(plan.pools);
    }
    let per_caller: Vec<f64> = crowd.0.iter().map(|(_, jobs, _)| jobs.iter().filter(window).count() as f64).collect();
    let waits: Vec<Duration> = counted.iter().map(|job| job.told.saturating_sub(job.asked)).collect();
    let handed = hand_overs(&all);
    let asked = crowd.0.iter().map(|(.., asked)| *asked).sum::<u64>() as f64 / jobs;
    let transitions = transitions(kind, asked);
    let known = traffic.requests > 0;
    let each = |count: f64| if known { count / jobs } else { f64::NAN };
    let prices = leasehold_sim::simulator::PRICES;
    let (read_units, write_units) = (each(traffic.read_units), each(traffic.write_units));
    CrowdFigures {
        peak: seen.peak,
        jobs: all.len() as u64,
        jobs_per_second,
        makespan,
        of_ideal,
        used_while_waited: seen.used_while_waited,
        wait_p50: percentile(&waits, 0.5),
        wait_p99: percentile(&waits, 0.99),
        hand_over_p50: percentile(&handed, 0.5),
        hand_over_p99: percentile(&handed, 0.99),
        hand_over_p999: percentile(&handed, 0.999),
        late_jobs_per_second: late_rate(&all),
        jain: if matches!(plan.arrivals, Arrivals::Again(_)) { jain(&per_caller) } else { f64::NAN },
        requests: each(traffic.requests as f64),
        read_units,
        write_units,
        refused: each(traffic.refused as f64),
        asked,
        transitions,
        dollars_per_million: read_units * prices.read_per_million
            + write_units * prices.write_per_million
            + transitions * prices.transition_per_million,
    }
}

/// The rate at which the second half of the jobs was done.
fn late_rate(jobs: &[JobTimes]) -> f64 {
    let mut ends: Vec<f64> = jobs.iter().map(|job| job.done.as_secs_f64()).collect();
    ends.sort_unstable_by(f64::total_cmp);
    let (Some(half), Some(last)) = (ends.get(ends.len() / 2), ends.last()) else { return 0.0 };
    (ends.len() - ends.len() / 2 - 1) as f64 / (last - half).max(0.001)
}

/// In a workflow. In the queue: one state that waits for its token, one that gives back. Else the loop that people write, and
/// that leasehold's poll mode has too: ask, choose, wait; and the release.
fn transitions(kind: WayKind, asked: f64) -> f64 {
    if kind.queues() { 2.0 } else { 3.0 * asked }
}
