//! Latency: how long do an acquire, a renewal and a release take where nobody has to wait? So many callers at once, each
//! with one after the other, at a pool that has room for all of them twice.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::BenchError;
use crate::engine::{Engine, EngineKind};
use crate::measure::percentile;
use crate::ways::leasehold::make_pool;
use crate::ways::{PoolTerms, WayKind, open};
use crate::wire::Delays;

/// How many callers at once.
pub(crate) const CALLERS: [u32; 4] = [1, 16, 64, 256];

/// How many jobs one run has at least.
const JOBS: u32 = 600;

/// The latencies of one way at so many callers, in milliseconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LatencyReport {
    /// Which way.
    pub(crate) way: WayKind,
    /// How many callers at once.
    pub(crate) callers: u32,
    /// From asking to being told.
    pub(crate) acquire: Percentiles,
    /// Where there is such a thing.
    pub(crate) renew: Option<Percentiles>,
    /// From asking to being answered.
    pub(crate) release: Percentiles,
}

/// The middle one, and the slow ones.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Percentiles {
    /// Half are no slower.
    pub p50: f64,
    /// 99 of 100 are no slower.
    pub p99: f64,
    /// 999 of 1,000 are no slower.
    pub p999: f64,
}

impl Percentiles {
    fn of(times: &[Duration]) -> Percentiles {
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|share| percentile(times, share));
        Percentiles { p50, p99, p999 }
    }
}

/// Measures one way at so many callers, over several runs.
///
/// # Errors
/// When a call fails.
pub(crate) async fn measure(way: WayKind, callers: u32, repeats: usize) -> Result<LatencyReport, BenchError> {
    let mut all = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..repeats {
        for (all, times) in all.iter_mut().zip(once(way, callers).await?) {
            all.extend(times);
        }
    }
    let [acquire, renew, release] = &all;
    let renew = (!renew.is_empty()).then(|| Percentiles::of(renew));
    Ok(LatencyReport { way, callers, acquire: Percentiles::of(acquire), renew, release: Percentiles::of(release) })
}

async fn once(kind: WayKind, callers: u32) -> Result<[Vec<Duration>; 3], BenchError> {
    let engine = Engine::start(EngineKind::Embedded, Delays::default(), None).await?;
    let terms = PoolTerms {
        pool: "latency".into(),
        limit: callers * 2,
        lease: Duration::from_secs(300),
        fixed_wait: Duration::from_millis(20),
        as_told: false,
        calls_at_once: 1_000,
        delays: Delays::default(),
    };
    if kind.is_ours() {
        make_pool(&engine, &terms).await?;
    }
    let way = open(kind, &engine, terms).await?;
    way.prepare().await?;
    let mut running = JoinSet::new();
    for caller in 0..callers {
        let way = Arc::clone(&way);
        running.spawn(async move {
            let mut times = [Vec::new(), Vec::new(), Vec::new()];
            for job in 0..JOBS.div_ceil(callers) {
                let name = format!("{caller:05}-{job:04}");
                let start = Instant::now();
                let turn = way.acquire(&name).await?;
                times[0].push(start.elapsed());
                let start = Instant::now();
                if way.renew(&turn).await? {
                    times[1].push(start.elapsed());
                }
                let start = Instant::now();
                way.release(&turn).await?;
                times[2].push(start.elapsed());
            }
            Ok::<_, BenchError>(times)
        });
    }
    let mut all = [Vec::new(), Vec::new(), Vec::new()];
    while let Some(times) = running.join_next().await {
        for (all, times) in all.iter_mut().zip(times??) {
            all.extend(times);
        }
    }
    Ok(all)
}
