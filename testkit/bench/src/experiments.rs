//! Experiments: which crowds are run, on which engines, by which ways? Each is several runs of each way, in turns, as the
//! machine may be slower in one minute than in the next.

use std::sync::Arc;
use std::time::Duration;

use leasehold_testkit::DynamoDbLocal;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::BenchError;
use crate::crowd::{Arrivals, CrowdFigures, CrowdPlan, run};
use crate::engine::EngineKind;
use crate::measure::Spread;
use crate::ways::WayKind;
use crate::wire::Delays;

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Size {
    /// Seconds: only that it works.
    Smoke,
    /// Minutes: one run of each.
    Quick,
    /// Everything, about half an hour.
    Full,
}

/// An experiment.
#[derive(Clone, Debug)]
pub(crate) struct Experiment {
    /// Its name, by which targets and plots find it.
    pub(crate) name: String,
    /// What it shows, in words.
    pub(crate) title: String,
    /// The crowd. Each contender brings its own fixed wait.
    pub(crate) plan: CrowdPlan,
    /// Who takes part, and with which fixed wait.
    pub(crate) contenders: Vec<(WayKind, Duration)>,
    /// How often.
    pub(crate) repeats: usize,
    /// Whether the contenders run at the same time, each on an engine of its own: where their work is mostly waiting.
    pub(crate) together: bool,
}

/// What one experiment showed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ExperimentReport {
    /// Its name.
    pub(crate) name: String,
    /// What it shows.
    pub(crate) title: String,
    /// On which engine.
    pub(crate) engine: EngineKind,
    /// The limit.
    pub(crate) limit: u32,
    /// How many callers.
    pub(crate) callers: u32,
    /// Over how many pools.
    pub(crate) pools: u32,
    /// How long a job works, in milliseconds.
    pub(crate) work_ms: u64,
    /// Whether all come at once, with one job each.
    pub(crate) at_once: bool,
    /// Who took part.
    pub(crate) rows: Vec<ContenderReport>,
}

/// What one contender showed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ContenderReport {
    /// Which way.
    pub(crate) way: WayKind,
    /// Its fixed wait, in milliseconds; none: it has none.
    pub(crate) fixed_wait_ms: Option<u64>,
    /// Its runs.
    pub(crate) runs: Vec<CrowdFigures>,
    /// Why a run came to nothing.
    pub(crate) failed: Vec<String>,
}

impl ContenderReport {
    /// One figure over its runs; not a number, where there is none.
    pub(crate) fn spread(&self, figure: impl Fn(&CrowdFigures) -> f64) -> Spread {
        let nothing = Spread { min: f64::NAN, median: f64::NAN, max: f64::NAN };
        Spread::of(self.runs.iter().map(figure)).unwrap_or(nothing)
    }

    /// The most that had their turn at once, in any run.
    pub(crate) fn peak(&self) -> u32 {
        self.runs.iter().map(|run| run.peak).max().unwrap_or(0)
    }
}

impl ExperimentReport {
    /// The row of this way; of several the one with the most jobs a second.
    pub(crate) fn best(&self, way: impl Fn(WayKind) -> bool) -> Option<&ContenderReport> {
        let rate = |row: &&ContenderReport| row.spread(|run| run.jobs_per_second).median;
        let rows = self.rows.iter().filter(|row| way(row.way) && !row.runs.is_empty());
        rows.max_by(|one, other| rate(one).total_cmp(&rate(other)))
    }

    /// The row of this way.
    pub(crate) fn row(&self, way: WayKind) -> Option<&ContenderReport> {
        self.best(|kind| kind == way)
    }
}

/// A pool that 64 callers come to again and again, with work of 20 ms.
const SHORT: CrowdPlan = CrowdPlan {
    engine: EngineKind::Embedded,
    limit: 5,
    callers: 64,
    work: Duration::from_millis(20),
    uneven: false,
    arrivals: Arrivals::Again(Duration::from_secs(2)),
    fixed_wait: Duration::ZERO,
    as_told: false,
    calls_at_once: 8,
    pools: 1,
    delays: Delays { request: Duration::ZERO, transaction: Duration::ZERO, notice: Duration::ZERO },
};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn with_wait(ways: &[WayKind], waits: &[u64]) -> Vec<(WayKind, Duration)> {
    ways.iter().flat_map(|way| waits.iter().map(|wait| (*way, ms(*wait)))).collect()
}

/// All experiments of this size.
pub(crate) fn all(size: Size) -> Vec<Experiment> {
    let queue = || vec![(WayKind::Queue, Duration::ZERO)];
    let asking = [&[WayKind::Poll][..], &WayKind::PEERS].concat();
    let in_process = |waits: &[u64]| [queue(), with_wait(&asking, waits)].concat();
    if size == Size::Smoke {
        let plan = CrowdPlan { callers: 8, limit: 3, work: ms(5), arrivals: Arrivals::AtOnce, ..SHORT };
        let mut smoke = experiment("short-3", "A smoke test", plan, in_process(&[2]), 1);
        smoke.contenders.truncate(7);
        return vec![smoke];
    }
    let times = |full| if size == Size::Full { full } else { 1 };
    let mut all = Vec::new();
    for limit in [5, 15] {
        let plan = CrowdPlan { limit, ..SHORT };
        let title = format!("64 callers again and again, work of 20 ms, {limit} slots, in process");
        all.push(experiment(&format!("short-{limit}"), &title, plan, in_process(&[5, 20]), times(5)));
    }
    let deployed = |wait| with_wait(&[WayKind::ManagerQueue, WayKind::ManagerPoll], &[wait]);
    for limit in [5, 15] {
        let plan = CrowdPlan { limit, engine: EngineKind::EmbeddedHttp, ..SHORT };
        let title = format!("64 callers again and again, work of 20 ms, {limit} slots, embedded, over HTTP");
        let contenders = [deployed(20), queue(), with_wait(&asking, &[20])].concat();
        all.push(experiment(&format!("http-{limit}"), &title, plan, contenders, times(3)));
    }
    for limit in [5, 15] {
        // It takes some hundred requests a second.
        let arrivals = Arrivals::Again(Duration::from_secs(5));
        let plan =
            CrowdPlan { limit, callers: 32, work: ms(200), arrivals, engine: EngineKind::DynamoDbLocal, ..SHORT };
        let title = format!("32 callers again and again, work of 200 ms, {limit} slots, DynamoDB Local");
        let contenders = [deployed(200), queue(), with_wait(&asking, &[200])].concat();
        all.push(experiment(&format!("dynamodb-local-{limit}"), &title, plan, contenders, times(2)));
    }
    for (name, work, wait) in [("crowd-300ms", 300, 100), ("crowd-3s", 3_000, 1_000)] {
        let plan =
            CrowdPlan { limit: 15, callers: 150, work: ms(work), arrivals: Arrivals::AtOnce, as_told: true, ..SHORT };
        let title = format!("150 callers at once, work of {} s, 15 slots, in process", work as f64 / 1_000.0);
        let mut crowd = experiment(name, &title, plan, in_process(&[wait]), times(3));
        if work > 1_000 {
            (crowd.together, crowd.repeats) = (true, times(3));
        }
        all.push(crowd);
    }
    for (limit, callers) in GRID {
        // Whoever asks again and again asks most of the time in vain: minutes for nothing new.
        let asks = limit == 15 && callers <= 300;
        let contenders = if asks { in_process(&[50]) } else { queue() };
        let plan = CrowdPlan { limit, callers, work: ms(5), arrivals: Arrivals::AtOnce, ..SHORT };
        let title = format!("{callers} callers at once, work of 5 ms, {limit} slots, in process");
        all.push(experiment(&format!("cost-{limit}-{callers}"), &title, plan, contenders, 1));
    }
    for callers in [100, 10_000] {
        let plan = CrowdPlan { limit: 15, callers, arrivals: Arrivals::AtOnce, ..SHORT };
        let title = format!("{callers} callers at once, work of 20 ms, 15 slots, in process");
        all.push(experiment(&format!("drain-{callers}"), &title, plan, queue(), times(3)));
    }
    let plan = CrowdPlan {
        limit: 15,
        work: ms(100),
        arrivals: Arrivals::Again(Duration::from_secs(4)),
        calls_at_once: 64,
        delays: Delays::REAL,
        ..SHORT
    };
    for (name, uneven, words) in [("delays-even", false, "work of 100 ms"), ("delays", true, "work of 50 to 150 ms")] {
        let plan = CrowdPlan { uneven, ..plan };
        let title = format!("64 callers again and again, {words}, 15 slots, delays as of real networks");
        all.push(experiment(name, &title, plan, in_process(&[50]), times(3)));
    }
    let plan = CrowdPlan { limit: 5, callers: 20, work: ms(200), delays: Delays::uniform(ROUND_TRIP), ..plan };
    for (name, uneven, words) in [("trips-even", false, "work of 200 ms"), ("trips", true, "work of 100 to 300 ms")] {
        let plan = CrowdPlan { uneven, ..plan };
        let title = format!("20 callers again and again, {words}, 5 slots, every request takes 40 ms, notices nothing");
        all.push(experiment(name, &title, plan, queue(), times(3)));
    }
    for pools in [1, 10, 100] {
        let plan = CrowdPlan { pools, callers: 200, limit: 5, work: Duration::ZERO, ..SHORT };
        let title = format!("200 callers again and again, no work, 5 slots in each of {pools} pools, in process");
        let contenders = [queue(), with_wait(&WayKind::PEERS, &[20])].concat();
        all.push(experiment(&format!("pools-{pools}"), &title, plan, contenders, times(2)));
    }
    for callers in crate::latency::CALLERS {
        let callers = callers.max(2);
        let plan = CrowdPlan { callers, limit: (callers / 4).max(1), work: ms(10), ..SHORT };
        let title = format!("{callers} callers again and again, work of 10 ms, {} slots", plan.limit);
        all.push(experiment(&format!("hand-over-{callers}"), &title, plan, queue(), times(3)));
    }
    all
}

/// How long every request takes where round trips are counted.
pub(crate) const ROUND_TRIP: Duration = ms(40);

/// Limits and callers at which costs are looked at.
pub(crate) const GRID: [(u32, u32); 13] = [
    (1, 10),
    (1, 100),
    (1, 1_000),
    (15, 10),
    (15, 100),
    (15, 300),
    (15, 1_000),
    (15, 2_000),
    (100, 1_000),
    (100, 2_000),
    (1_000, 10),
    (1_000, 1_000),
    (1_000, 2_000),
];

fn experiment(
    name: &str,
    title: &str,
    plan: CrowdPlan,
    contenders: Vec<(WayKind, Duration)>,
    repeats: usize,
) -> Experiment {
    Experiment { name: name.to_owned(), title: title.to_owned(), plan, contenders, repeats, together: false }
}

impl Experiment {
    /// Runs it.
    ///
    /// # Errors
    /// When a run breaks off in a way that is none of a contender's doing.
    pub(crate) async fn run(&self, local: Option<&Arc<DynamoDbLocal>>) -> Result<ExperimentReport, BenchError> {
        let row = |(way, wait): &(WayKind, Duration)| {
            let has_none = way.queues() || (way.is_ours() && self.plan.as_told);
            let fixed_wait_ms = (!has_none).then(|| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
            ContenderReport { way: *way, fixed_wait_ms, runs: Vec::new(), failed: Vec::new() }
        };
        let mut rows: Vec<ContenderReport> = self.contenders.iter().map(row).collect();
        for repeat in 0..self.repeats {
            let mut at_once = JoinSet::new();
            for turn in 0..self.contenders.len() {
                // Nobody always comes first.
                let at = (turn + repeat) % self.contenders.len();
                let (way, fixed_wait) = self.contenders[at];
                let plan = CrowdPlan { fixed_wait, ..self.plan };
                let local = local.cloned();
                at_once.spawn(async move { (at, run(plan, way, local).await) });
                if !self.together {
                    take(&mut at_once, &mut rows).await?;
                }
            }
            while !at_once.is_empty() {
                take(&mut at_once, &mut rows).await?;
            }
        }
        let CrowdPlan { engine, limit, callers, pools, work, arrivals, .. } = self.plan;
        Ok(ExperimentReport {
            name: self.name.clone(),
            title: self.title.clone(),
            engine,
            limit,
            callers,
            pools,
            work_ms: u64::try_from(work.as_millis())?,
            at_once: arrivals == Arrivals::AtOnce,
            rows,
        })
    }
}

type Ran = (usize, Result<CrowdFigures, BenchError>);

async fn take(running: &mut JoinSet<Ran>, rows: &mut [ContenderReport]) -> Result<(), BenchError> {
    let Some(ran) = running.join_next().await else { return Ok(()) };
    match ran? {
        (at, Ok(figures)) => rows[at].runs.push(figures),
        (at, Err(why)) => rows[at].failed.push(crate::in_words(&*why)),
    }
    Ok(())
}
