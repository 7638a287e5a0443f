//! The demo's report: what came of a run, in numbers?
//! The report as `--json` prints it; its fields are listed in `--help`.

use std::time::Duration;

use leasehold_core::Author;
use leasehold_store::MeterReading;
use serde::Serialize;

use super::options::DemoOptions;
use super::play::{DemoRun, PoolOutcome};
use super::schedule;
use super::workload::PoolWorkload;

/// A whole run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct DemoReport {
    /// No limit was exceeded, no item was lost, every slot came back.
    pub(crate) ok: bool,
    /// Its name, under which its workers held their leases.
    pub(crate) run: String,
    /// `queue` or `poll`.
    pub(crate) mode: &'static str,
    /// `memory`, or the path of the file.
    pub(crate) store: String,
    /// How long it took, until the last slot was free.
    pub(crate) seconds: f64,
    /// Each pool's share.
    pub(crate) pools: Vec<PoolReport>,
}

/// One pool's share of a run. Times are in seconds since the start of the run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PoolReport {
    pub(crate) prefix: String,
    pub(crate) limit_at_start: u32,
    /// At the end.
    pub(crate) limit: u32,
    /// Those made while it ran.
    pub(crate) limit_changes: Vec<ReportedLimitChange>,
    pub(crate) items: usize,
    pub(crate) done: usize,
    pub(crate) lost: Vec<LostItem>,
    /// The most that held a lease at once, by what the workers were told.
    pub(crate) peak_held: u32,
    /// From the start until the last item was done and its lease given back.
    pub(crate) makespan: f64,
    /// What it would be if no slot were ever idle while an item waits; none if somebody changed how fast the work
    /// goes, if somebody else changed the limit, or if the limits leave items undone for ever.
    pub(crate) ideal: Option<f64>,
    pub(crate) over_ideal_percent: Option<f64>,
    pub(crate) wait: Option<WaitPercentiles>,
    pub(crate) died: u32,
    /// How many of the dead workers' slots came back.
    pub(crate) reclaimed: usize,
    /// The longest time from a worker's death to its slot being back.
    pub(crate) reclaimed_after: Option<f64>,
    pub(crate) asked_again: u64,
    pub(crate) renewed: u64,
    pub(crate) leases_lost: u64,
    /// The workers' requests, for each item done.
    pub(crate) per_job: Option<RequestCost>,
    /// All requests that are no part of a job: sweeps, changes of the limit, looks at dead workers' slots.
    pub(crate) upkeep: RequestCost,
    /// What this run still holds or waits for after it is over.
    pub(crate) still_held: Vec<String>,
    pub(crate) violations: Vec<ReportedViolation>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct ReportedLimitChange {
    pub(crate) at: f64,
    pub(crate) limit: u32,
    /// Who made it, and why, if it was not the demo: "ann@host (why)".
    pub(crate) by: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct LostItem {
    pub(crate) item: String,
    pub(crate) why: String,
}

/// How long workers waited from their first question to their lease.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct WaitPercentiles {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

/// Requests, and the capacity units that the table reported for them.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct RequestCost {
    pub(crate) requests: f64,
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct ReportedViolation {
    pub(crate) at: f64,
    pub(crate) who: String,
    pub(crate) what: String,
}

impl DemoReport {
    /// The numbers of a run that is over, and took so long.
    pub(crate) fn new(run: &DemoRun, done: &[PoolOutcome], took: Duration, options: &DemoOptions) -> Self {
        let pools: Vec<PoolReport> = run.workloads.iter().zip(done).map(|(w, done)| pool(w, done, took)).collect();
        DemoReport {
            ok: pools.iter().all(PoolReport::ok),
            run: run.name.to_string(),
            mode: if options.poll { "poll" } else { "queue" },
            store: options.store.as_ref().map_or_else(|| "memory".into(), |path| path.display().to_string()),
            seconds: seconds(took),
            pools,
        }
    }
}

impl PoolReport {
    /// Whether no limit was exceeded, no item lost, no slot kept.
    pub(crate) fn ok(&self) -> bool {
        self.violations.is_empty() && self.lost.is_empty() && self.still_held.is_empty()
    }
}

/// Who made a change, and why, if that was said.
fn said_by(Author { who, why }: &Author) -> String {
    if why.is_empty() { who.to_string() } else { format!("{who} ({why})") }
}

fn pool(workload: &PoolWorkload, done: &PoolOutcome, took: Duration) -> PoolReport {
    let plan = &workload.plan;
    let ledger = workload.ledger().clone();
    let (judged, limits) = (ledger.judge(), ledger.limits());
    let as_planned = workload.controls.as_planned() && done.elsewhere.is_empty();
    let ideal = as_planned.then(|| schedule::ideal(plan.items.len(), plan.work, &limits)).flatten();
    // Fewer items than planned take less time than planned.
    let whole = ideal.filter(|_| done.lost.is_empty());
    let over = whole.map(|ideal| (seconds(done.makespan) / seconds(ideal) - 1.0) * 100.0);
    let lost = done.lost.iter().map(|(item, why)| LostItem { item: plan.items[*item].to_string(), why: why.clone() });
    let own = limits.iter().skip(1).map(|(at, limit)| (*at, *limit, None));
    let elsewhere = done.elsewhere.iter().map(|it| (it.at, it.limit, Some(said_by(&it.by))));
    // Whoever looks on after the end may still change a limit.
    let mut changes: Vec<_> = own.chain(elsewhere).filter(|(at, ..)| *at <= took).collect();
    changes.sort_by_key(|(at, ..)| *at);
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(std::sync::atomic::Ordering::Relaxed);
    let jobs = u32::try_from(done.items.len()).unwrap_or(u32::MAX);
    PoolReport {
        prefix: plan.prefix.to_string(),
        limit_at_start: plan.limit.count(),
        limit: changes.last().map_or(plan.limit.count(), |(_, limit, _)| *limit),
        limit_changes: changes
            .into_iter()
            .map(|(at, limit, by)| ReportedLimitChange { at: seconds(at), limit, by })
            .collect(),
        items: plan.items.len(),
        done: done.items.len(),
        lost: lost.collect(),
        peak_held: judged.peak,
        makespan: seconds(done.makespan),
        ideal: ideal.map(seconds),
        over_ideal_percent: over.map(thousandths),
        wait: waits(workload.waits().clone()),
        died: done.died,
        reclaimed: done.back.len(),
        reclaimed_after: done.back.iter().max().copied().map(seconds),
        asked_again: count(&workload.counts.asked_again),
        renewed: count(&workload.counts.renewed),
        leases_lost: count(&workload.counts.leases_lost),
        per_job: (jobs > 0).then(|| cost(workload.pool.used(), jobs)),
        upkeep: cost(workload.pool.used_by_upkeep(), 1),
        still_held: match &done.end {
            Some(Ok(seen)) => workload.still_in(seen),
            Some(Err(why)) => vec![format!("not known: {why}")],
            None => vec!["not known: nobody looked".into()],
        },
        violations: judged
            .violations
            .into_iter()
            .map(|found| ReportedViolation { at: seconds(found.at), who: found.who.to_string(), what: found.what })
            .collect(),
    }
}

/// Percentiles by nearest rank.
fn waits(mut waits: Vec<Duration>) -> Option<WaitPercentiles> {
    waits.sort_unstable();
    let rank = |percent: usize| waits.get((waits.len() * percent).div_ceil(100).checked_sub(1)?).copied().map(seconds);
    Some(WaitPercentiles { p50: rank(50)?, p99: rank(99)?, max: rank(100)? })
}

fn cost(used: MeterReading, jobs: u32) -> RequestCost {
    let each = |count: f64| thousandths(count / f64::from(jobs));
    let requests = (used.reads + used.writes) as f64;
    RequestCost { requests: each(requests), read_units: each(used.read_units), write_units: each(used.write_units) }
}

/// Seconds, to the millisecond.
fn seconds(time: Duration) -> f64 {
    thousandths(time.as_secs_f64())
}

fn thousandths(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_waits_that_somebody_had() {
        let of = |count: u64| waits((1..=count).map(Duration::from_secs).collect());
        let found = of(200).expect("some");
        assert_eq!((found.p50, found.p99, found.max), (100.0, 198.0, 200.0));
        let found = of(1).expect("one");
        assert_eq!((found.p50, found.p99, found.max), (1.0, 1.0, 1.0));
        assert!(of(0).is_none());
    }
}
