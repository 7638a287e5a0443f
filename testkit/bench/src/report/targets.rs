//! Targets: which ratios are wanted, and is each met? Judged from one report, so both sides of a ratio were measured in one
//! run.

use serde::Serialize;

use super::Report;
use crate::crowd::CrowdFigures;
use crate::experiments::{ContenderReport, ExperimentReport, GRID, ROUND_TRIP};
use crate::measure::slope;
use crate::ways::WayKind;

/// A target, and what was measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Target {
    /// What is wanted.
    pub(crate) wanted: String,
    /// The bound.
    pub(crate) bound: f64,
    /// Whether it is an upper bound.
    pub(crate) at_most: bool,
    /// What was measured.
    pub(crate) measured: f64,
    /// What belongs to it, in words.
    pub(crate) note: String,
}

impl Target {
    /// Whether it is met.
    pub(crate) fn is_met(&self) -> bool {
        if self.at_most { self.measured <= self.bound } else { self.measured >= self.bound }
    }

    /// By how much the measure is better than the bound, in percent of it; less than nothing: worse.
    pub(crate) fn margin(&self) -> f64 {
        let better = if self.at_most { self.bound - self.measured } else { self.measured - self.bound };
        100.0 * better / self.bound
    }
}

fn most(wanted: &str, bound: f64, measured: f64, note: impl Into<String>) -> Target {
    Target { wanted: wanted.to_owned(), bound, at_most: true, measured, note: note.into() }
}

fn least(wanted: &str, bound: f64, measured: f64, note: impl Into<String>) -> Target {
    Target { at_most: false, ..most(wanted, bound, measured, note) }
}

/// The middle of a figure's runs.
fn middle(row: Option<&ContenderReport>, figure: impl Fn(&CrowdFigures) -> f64) -> f64 {
    row.map_or(f64::NAN, |row| row.spread(figure).median)
}

/// Judges a report. What it has no figures for is left out.
pub(crate) fn judge(report: &Report) -> Vec<Target> {
    let mut targets = vec![never_over(report)];
    let queue = |name: &str, figure: fn(&CrowdFigures) -> f64| {
        middle(report.experiment(name).and_then(|experiment| experiment.row(WayKind::Queue)), figure)
    };
    targets.push(least(
        "64 callers, 20 ms, 5 slots: of the possible jobs a second",
        0.9,
        queue("short-5", |run| run.of_ideal),
        "queue, in process",
    ));
    if let Some(experiment) = report.experiment("short-15") {
        let ours = middle(experiment.row(WayKind::Queue), |run| run.jobs_per_second);
        for (keeps, words) in [(true, "that keeps the limit"), (false, "whether it keeps the limit or not")] {
            let best = experiment.best(|way| {
                !way.is_ours() && (!keeps || experiment.row(way).is_some_and(|row| row.peak() <= experiment.limit))
            });
            let theirs = middle(best, |run| run.jobs_per_second);
            let note = best.map_or_else(String::new, |row| format!("{}, peak {}", row.way, row.peak()));
            targets.push(least(&format!("the same, 15 slots: by the best peer {words}"), 1.0, ours / theirs, note));
        }
    }
    for (name, bound, words) in [("crowd-3s", 1.03, "3 s"), ("crowd-300ms", 1.08, "300 ms")] {
        let wanted = format!("makespan by the ideal one: 150 callers, 15 slots, {words}");
        targets.push(most(&wanted, bound, 1.0 / queue(name, |run| run.of_ideal), "queue, in process"));
    }
    for name in ["short-5", "short-15"] {
        if let Some(experiment) = report.experiment(name) {
            targets.push(waits_beside_counting(experiment, queue(name, |run| run.wait_p99)));
        }
    }
    for (name, words) in [("trips", "jobs of unequal length"), ("trips-even", "jobs that end in step")] {
        let trips = queue(name, |run| run.hand_over_p50) / (ROUND_TRIP.as_secs_f64() * 1_000.0);
        let note = "release sent to successor told, the median; every request takes 40 ms";
        targets.push(most(&format!("hand-over, in round trips: {words}"), 2.2, trips, note));
    }
    targets.extend(units_stay(report));
    for name in ["short-5", "short-15"] {
        let wanted = format!("Jain's index between equal callers, {name}");
        targets.push(least(&wanted, 0.99, queue(name, |run| run.jain), "jobs done by each of 64 callers"));
    }
    if let Some(experiment) = report.experiment("crowd-3s") {
        let poll = middle(experiment.row(WayKind::Poll), |run| run.makespan);
        let ratio = poll / queue("crowd-3s", |run| run.makespan);
        targets.push(most("poll mode's makespan by queue mode's, 3 s", 1.3, ratio, "waiting as long as it is told to"));
    }
    let drained = |name| queue(name, |run| run.late_jobs_per_second);
    let ratio = drained("drain-10000") / drained("drain-100");
    targets.push(least("10,000 waiters drain at the rate of 100", 0.95, ratio, "jobs a second of the later half"));
    if let Some(demo) = &report.demo {
        let note = format!("{} runs, from {:.1} to {:.1} percent", demo.over_percent.len(), demo.least(), demo.most());
        targets.push(most("make demo: percent over the ideal makespan, the median", 1.5, demo.middle(), note));
    }
    targets.retain(|target| !target.measured.is_nan());
    targets
}

fn never_over(report: &Report) -> Target {
    let ours = report.experiments.iter().flat_map(|experiment| {
        let ours = experiment.rows.iter().filter(|row| row.way.is_ours() && !row.runs.is_empty());
        ours.map(|row| f64::from(row.peak()) / f64::from(experiment.limit))
    });
    let worst = ours.fold(f64::NAN, f64::max);
    most(
        "never over the limit: the highest peak by the limit",
        1.0,
        worst,
        "all runs of leasehold, in every experiment",
    )
}

fn waits_beside_counting(experiment: &ExperimentReport, ours: f64) -> Target {
    let counted = experiment.row(WayKind::CountThenPut);
    let note = counted.map_or_else(String::new, |row| format!("(a) let {} in of {}", row.peak(), experiment.limit));
    let wanted = format!("acquire p99 by that of (a), {}", experiment.name);
    most(&wanted, 0.5, ours / middle(counted, |run| run.wait_p99), note)
}

/// Units a job, over the callers of the grid at one limit, and over its limits at one number of callers.
fn units_stay(report: &Report) -> Vec<Target> {
    let units = |limit: u32, callers: u32| {
        let row = report.experiment(&format!("cost-{limit}-{callers}"))?.row(WayKind::Queue)?;
        Some(middle(Some(row), |run| run.read_units + run.write_units))
    };
    let points = |of: &dyn Fn((u32, u32)) -> Option<f64>| {
        let cells = GRID.iter().filter_map(|cell| Some((of(*cell)?, units(cell.0, cell.1)?)));
        cells.collect::<Vec<_>>()
    };
    let over_callers =
        points(&|(limit, callers)| (limit == 15 && callers >= 100).then(|| f64::from(callers) / 1_000.0));
    let over_limits = points(&|(limit, callers)| (callers == 2_000).then(|| f64::from(limit) / 1_000.0));
    [(over_callers, "1,000 more waiters (15 slots)"), (over_limits, "1,000 more slots (2,000 callers)")]
        .into_iter()
        .filter(|(points, _)| points.len() > 1)
        .map(|(points, words)| {
            let note = points.iter().map(|point| format!("{:.1}", point.1)).collect::<Vec<_>>().join(", ");
            let wanted = format!("units a job more with {words}");
            most(&wanted, 0.5, slope(&points), format!("read and write units a job: {note}"))
        })
        .collect()
}
