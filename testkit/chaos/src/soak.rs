//! Soak: does anything grow while the demo's world runs on and on, as fast as it can? Two pools of the demo's size on the
//! embedded engine, in this process and over HTTP; measured ten times, and the end compared with the beginning.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use leasehold_core::{
    AcquireOutcome, AcquireRequest, Attempt, Author, Delivery, ExpectedSettings, Holder, Limit, Mode, PoolName,
    PoolPatch, ReleaseTarget, SetPool, SweepRequest, TaskCallback, TaskResult, TaskToken, Timestamp,
};
use leasehold_store::{Embedded, NoCallbacks, Notifier, Runner, SystemClock, Table, create_table};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::drained::items;
use crate::engine::Engine;

/// The demo's pools: their limit, and how many work there.
const POOLS: [(&str, u64, u32); 2] = [("analytics", 15, 30), ("batch", 5, 20)];

/// The table's name.
const TABLE: &str = "leases";

/// How much more than at the beginning there may be at the end, as a factor: memory, and the time and the units that a job
/// takes. Rows may not be more at all but for what is under way.
const MEMORY: f64 = 1.25;
const LATENCY: f64 = 1.75;
const UNITS: f64 = 1.15;
const ROWS_UNDER_WAY: usize = 50;

/// One tenth of a soak.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tenth {
    /// The memory of this process at its end, in bytes.
    pub(crate) memory: u64,
    /// All rows of both pools at its end.
    pub(crate) rows: usize,
    /// The median time that a job's own requests took together, in microseconds.
    pub(crate) latency: u64,
    /// DynamoDB's units for a job, those for reading and writing together.
    pub(crate) units: f64,
    pub(crate) jobs: usize,
}

/// What grew from the second tenth to the last one, in words.
pub(crate) fn grew(tenths: &[Tenth]) -> Vec<String> {
    let (Some(second), Some(last)) = (tenths.get(1), tenths.last()) else {
        return vec!["it ended before there was anything to compare".into()];
    };
    let mut grew = Vec::new();
    let mut compare = |what: &str, from: f64, to: f64, at_most: f64| {
        if to > from * at_most {
            grew.push(format!("{what} grew from {from:.1} to {to:.1}, by more than {at_most}"));
        }
    };
    compare("memory in MB", second.memory as f64 / 1e6, last.memory as f64 / 1e6, MEMORY);
    compare("a job's time in ms", second.latency as f64 / 1e3, last.latency as f64 / 1e3, LATENCY);
    compare("units a job", second.units, last.units, UNITS);
    if last.rows > second.rows + ROWS_UNDER_WAY {
        grew.push(format!("rows grew from {} to {}", second.rows, last.rows));
    }
    if tenths.iter().any(|tenth| tenth.jobs == 0) {
        grew.push("for a tenth of the time no job was done".into());
    }
    grew
}

/// Tasks that wait for their turn in this process.
#[derive(Clone, Debug, Default)]
struct Tasks(Arc<Mutex<HashMap<TaskToken, oneshot::Sender<TaskResult>>>>);

impl Notifier for Tasks {
    async fn notify(&self, callback: &TaskCallback) -> Delivery {
        let task = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&callback.token);
        match task.map(|tell| tell.send(callback.result.clone())) {
            Some(Ok(())) => Delivery::Delivered,
            Some(Err(_)) | None => Delivery::Closed,
        }
    }
}

type SoakRunner = Runner<Tasks, NoCallbacks>;

/// Runs both halves, each for half of the time: whether nothing grew.
pub(crate) async fn soak(length: Duration) -> io::Result<bool> {
    // It is leasehold that must not grow: the engine looks through ten minutes of tokens at each transaction.
    let engine = || Ok::<_, io::Error>(Embedded::memory().map_err(io::Error::other)?.forgetting_tokens());
    let engine_here = engine()?;
    let in_process =
        half(|| engine_here.table(TABLE), &Client::from_conf(engine_here.config().build()), length / 2).await?;
    let mut flat = told("in process", &in_process);
    drop(engine_here);
    let served = Engine::serving(engine()?).await?;
    let client = Client::from_conf(served.config().build());
    let over_http = half(|| served.table(TABLE), &client, length / 2).await?;
    flat &= told("over HTTP", &over_http);
    Ok(flat)
}

fn told(where_: &str, tenths: &[Tenth]) -> bool {
    println!("  {where_:<12}{:>10}{:>8}{:>14}{:>12}{:>8}", "memory MB", "rows", "a job's ms", "units a job", "jobs");
    for (number, Tenth { memory, rows, latency, units, jobs }) in tenths.iter().enumerate() {
        let (memory, latency) = (*memory as f64 / 1e6, *latency as f64 / 1e3);
        println!("  {:<12}{memory:>10.1}{rows:>8}{latency:>14.1}{units:>12.2}{jobs:>8}", number + 1);
    }
    let grew = grew(tenths);
    grew.iter().for_each(|grew| println!("  ✘ {grew}"));
    if grew.is_empty() {
        println!("  ✔ nothing grew");
    }
    grew.is_empty()
}

/// Works on one engine: ten measurements.
async fn half(table: impl Fn() -> Table, client: &Client, length: Duration) -> io::Result<Vec<Tenth>> {
    create_table(&table()).await.map_err(io::Error::other)?;
    let (work, over, times) = (table(), Arc::new(AtomicBool::new(false)), Arc::<Mutex<Vec<u64>>>::default());
    let mut tasks = JoinSet::new();
    for (name, limit, workers) in POOLS {
        let prefix: PoolName = name.parse().map_err(io::Error::other)?;
        let waiting = Tasks::default();
        let runner = |table| Arc::new(Runner::with(table, waiting.clone(), NoCallbacks, SystemClock));
        let upkeep = runner(table());
        let limit = Limit::try_from(limit).map_err(io::Error::other)?;
        let set = SetPool {
            patch: PoolPatch { limit: Some(limit), ..PoolPatch::default() },
            expected: ExpectedSettings::Any,
            by: Author::new("the soak", ""),
        };
        upkeep.administer(&prefix, set).await.map_err(io::Error::other)?;
        let at_work = runner(work.clone());
        for number in 0..workers {
            let worker = Worker {
                runner: Arc::clone(&at_work),
                waiting: waiting.clone(),
                prefix: prefix.clone(),
                holder: Holder::new(&format!("{name}-{number}"), "", None).map_err(io::Error::other)?,
                times: Arc::clone(&times),
            };
            let over = Arc::clone(&over);
            tasks.spawn(async move { worker.work(&over).await });
        }
        let over = Arc::clone(&over);
        tasks.spawn(async move {
            while !over.load(Ordering::Relaxed) {
                sleep(Duration::from_secs(1)).await;
                let _ = upkeep.run_on(&prefix, SweepRequest).await;
            }
        });
    }
    let (mut tenths, mut before) = (Vec::new(), work.meter().used());
    for _ in 0..10 {
        sleep(length / 10).await;
        let mut times = std::mem::take(&mut *times.lock().unwrap_or_else(PoisonError::into_inner));
        times.sort_unstable();
        let used = work.meter().used();
        let units = used.read_units - before.read_units + used.write_units - before.write_units;
        before = used;
        let mut rows = 0;
        for (name, ..) in POOLS {
            let prefix = name.parse().map_err(io::Error::other)?;
            rows += items(client, TABLE, &prefix).await.map_err(io::Error::other)?.len();
        }
        tenths.push(Tenth {
            memory: memory()?,
            rows,
            latency: times.get(times.len() / 2).copied().unwrap_or_default(),
            units: units / times.len().max(1) as f64,
            jobs: times.len(),
        });
    }
    over.store(true, Ordering::Relaxed);
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(io::Error::other)?;
    }
    Ok(tenths)
}

/// One of those who work, job after job.
struct Worker {
    runner: Arc<SoakRunner>,
    waiting: Tasks,
    prefix: PoolName,
    holder: Holder,
    times: Arc<Mutex<Vec<u64>>>,
}

impl Worker {
    async fn work(&self, over: &AtomicBool) {
        while !over.load(Ordering::Relaxed) {
            let Ok(token) = TaskToken::new(&format!("{:032x}", fastrand::u128(..))) else { return };
            let (tell, told) = oneshot::channel();
            self.waiting.0.lock().unwrap_or_else(PoisonError::into_inner).insert(token.clone(), tell);
            let ask = AcquireRequest {
                holder: self.holder.clone(),
                attempt: Some(Attempt { entered: now(), redrive: 0, retry: 0 }),
                mode: Mode::Queue(Some(token.clone())),
                lease: None,
                wait: None,
                label: None,
            };
            let asked = Instant::now();
            let outcome = self.runner.run_on(&self.prefix, ask).await;
            let mut took = asked.elapsed();
            let lease = match outcome {
                Ok(AcquireOutcome::Acquired(lease)) => Some(lease),
                Ok(AcquireOutcome::Queued) => match timeout(Duration::from_secs(60), told).await {
                    Ok(Ok(TaskResult::Acquired(lease))) => Some(lease),
                    _ => None,
                },
                _ => None,
            };
            self.waiting.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&token);
            let Some(lease) = lease else { continue };
            sleep(Duration::from_millis(fastrand::u64(1..5))).await;
            let asked = Instant::now();
            while self.runner.run_on(&self.prefix, ReleaseTarget::Lease(lease.id.clone())).await.is_err() {}
            took += asked.elapsed();
            let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            self.times.lock().unwrap_or_else(PoisonError::into_inner).push(took);
        }
    }
}

fn now() -> Timestamp {
    Timestamp(crate::record::now())
}

/// The memory that this process has in use, in bytes.
fn memory() -> io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.map(|kilobytes| kilobytes * 1_024).ok_or_else(|| io::Error::other("no VmRSS in /proc/self/status"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAT: Tenth = Tenth { memory: 100_000_000, rows: 120, latency: 5_000, units: 12.0, jobs: 900 };

    fn ends_as(last: Tenth) -> Vec<String> {
        // The first is warming up: it is not compared.
        let first = Tenth { memory: 1, rows: 1, latency: 1, units: 0.1, jobs: 1 };
        grew(&[&[first], &[FLAT; 8][..], &[last]].concat())
    }

    #[test]
    fn what_stays_flat_is_well() {
        assert_eq!(ends_as(FLAT), [""; 0]);
        assert_eq!(ends_as(Tenth { memory: 110_000_000, rows: 150, latency: 6_000, units: 12.5, jobs: 800 }), [""; 0]);
    }

    #[test]
    fn each_thing_that_grows_is_found() {
        for (last, words) in [
            (Tenth { memory: 130_000_000, ..FLAT }, "memory"),
            (Tenth { rows: 171, ..FLAT }, "rows grew from 120 to 171"),
            (Tenth { latency: 9_000, ..FLAT }, "a job's time"),
            (Tenth { units: 14.0, ..FLAT }, "units a job"),
            (Tenth { jobs: 0, ..FLAT }, "no job was done"),
        ] {
            let grew = ends_as(last);
            assert!(grew.len() == 1 && grew[0].contains(words), "{words}: {grew:?}");
        }
        assert!(grew(&[FLAT]).iter().any(|grew| grew.contains("compare")));
    }
}
