//! The report as tables: how does a person read it? Markdown, which reads well as text too.

use std::fmt::Write;

use super::Report;
use super::targets::{Target, judge};
use crate::experiments::{ContenderReport, ExperimentReport};
use crate::latency::Percentiles;
use crate::measure::Spread;
use crate::ways::WayKind;

/// Where it was measured, in one paragraph.
pub(crate) fn machine(report: &Report) -> String {
    let of = &report.machine;
    let engines: Vec<String> = of.engines.iter().map(|(name, version)| format!("{name}: {version}")).collect();
    format!(
        "Measured {} at {} on {} ({} of them), {}, {}; {}. It took {} minutes; the load average was {:.1} at the \
         beginning and {:.1} at the end.\n",
        of.began,
        of.commit,
        of.processor,
        of.processors,
        of.system,
        of.compiler,
        engines.join("; "),
        of.took_seconds.div_ceil(60),
        of.load[0],
        of.load[1],
    )
}

/// All of it.
pub(crate) fn whole(report: &Report) -> String {
    let mut page = format!("# leasehold beside what people use\n\n{}\n", machine(report));
    let _ = writeln!(page, "## Targets\n\n{}", targets(&judge(report)));
    for experiment in &report.experiments {
        if !experiment.name.starts_with("cost-") && !experiment.name.starts_with("hand-over-") {
            let _ = writeln!(page, "## {}\n\n{}", experiment.title, table(experiment));
        }
    }
    let _ = writeln!(page, "## What a job costs, by limit and callers\n\n{}", costs(report));
    let _ = writeln!(page, "## Latency where nobody waits, and of a hand-over\n\n{}", latencies(report));
    if !report.functions.is_empty() {
        let _ = writeln!(page, "## The lease manager beside other functions\n\n{}", functions(report));
    }
    page
}

/// The targets, each with what was measured.
pub(crate) fn targets(targets: &[Target]) -> String {
    let mut rows = String::from("| wanted | bound | measured | | |\n|---|---|---|---|---|\n");
    for target in targets {
        let verdict = match (target.is_met(), target.margin().abs()) {
            (true, _) => "met".to_owned(),
            (false, by) => format!("**not met**, by {by:.0} %"),
        };
        let sign = if target.at_most { "≤" } else { "≥" };
        let _ = writeln!(
            rows,
            "| {} | {sign} {} | {:.3} | {verdict} | {} |",
            target.wanted, target.bound, target.measured, target.note
        );
    }
    rows
}

/// One experiment, a row for each contender.
pub(crate) fn table(experiment: &ExperimentReport) -> String {
    let mut rows = String::from(
        "| way | jobs/s | of ideal | peak / limit | used while one waits | wait p50 | p99 | Jain | requests | write units | \
         read units | transitions | $ a million |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in &experiment.rows {
        if row.runs.is_empty() {
            let _ = writeln!(rows, "| {} | {} |{}", name(row), row.failed.join("; "), " |".repeat(11));
            continue;
        }
        let over = if row.peak() > experiment.limit { "**" } else { "" };
        let middle = |figure: fn(&crate::crowd::CrowdFigures) -> f64| row.spread(figure).median;
        let _ = writeln!(
            rows,
            "| {} | {} | {} | {over}{} / {}{over} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            name(row),
            spread(row.spread(|run| run.jobs_per_second), 0),
            decimal(middle(|run| run.of_ideal), 3),
            row.peak(),
            experiment.limit,
            decimal(middle(|run| run.used_while_waited), 3),
            millis(middle(|run| run.wait_p50)),
            millis(middle(|run| run.wait_p99)),
            decimal(middle(|run| run.jain), 3),
            decimal(middle(|run| run.requests), 1),
            decimal(middle(|run| run.write_units), 1),
            decimal(middle(|run| run.read_units), 1),
            decimal(middle(|run| run.transitions), 0),
            decimal(middle(|run| run.dollars_per_million), 0),
        );
        if !row.failed.is_empty() {
            let _ = writeln!(rows, "| | {} runs failed: {} |{}", row.failed.len(), row.failed[0], " |".repeat(11));
        }
    }
    rows
}

/// The few columns that a reader in a hurry wants of one experiment: for README.
pub(crate) fn short_table(experiments: &[&ExperimentReport]) -> String {
    let mut rows = String::from(
        "| 64 callers, work of 20 ms | slots | most at once | jobs a second | wait p99 | fairness | requests a job | $ a million \
         jobs |\n|---|---|---|---|---|---|---|---|\n",
    );
    for experiment in experiments {
        let mut ways: Vec<WayKind> = experiment.rows.iter().map(|row| row.way).collect();
        ways.dedup();
        for row in ways.iter().filter_map(|way| experiment.row(*way)) {
            let over = if row.peak() > experiment.limit { "**" } else { "" };
            let _ = writeln!(
                rows,
                "| {} | {} | {over}{}{over} | {} | {} | {} | {} | {} |",
                row.way,
                experiment.limit,
                row.peak(),
                decimal(row.spread(|run| run.jobs_per_second).median, 0),
                millis(row.spread(|run| run.wait_p99).median),
                decimal(row.spread(|run| run.jain).median, 2),
                decimal(row.spread(|run| run.requests).median, 1),
                decimal(row.spread(|run| run.dollars_per_million).median, 0),
            );
        }
    }
    rows
}

/// What a job costs over limits and callers.
pub(crate) fn costs(report: &Report) -> String {
    let mut rows = String::from(
        "| limit | callers | way | peak | jobs/s | asked | requests | write units | read units | $ a million |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for experiment in report.experiments_of("cost-") {
        for row in experiment.rows.iter().filter(|row| !row.runs.is_empty()) {
            let middle = |figure: fn(&crate::crowd::CrowdFigures) -> f64| row.spread(figure).median;
            let _ = writeln!(
                rows,
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                experiment.limit,
                experiment.callers,
                name(row),
                row.peak(),
                decimal(middle(|run| run.jobs_per_second), 0),
                decimal(middle(|run| run.asked), 1),
                decimal(middle(|run| run.requests), 1),
                decimal(middle(|run| run.write_units), 1),
                decimal(middle(|run| run.read_units), 1),
                decimal(middle(|run| run.dollars_per_million), 0),
            );
        }
    }
    rows
}

/// Latencies by callers.
pub(crate) fn latencies(report: &Report) -> String {
    let mut rows = String::from(
        "| callers | way | acquire p50 / p99 / p99.9 ms | renew | release | hand-over |\n|---|---|---|---|---|---|\n",
    );
    let three = |of: Percentiles| format!("{:.1} / {:.1} / {:.1}", of.p50, of.p99, of.p999);
    for of in &report.latencies {
        let handed = report.experiment(&format!("hand-over-{}", of.callers.max(2)));
        let handed = handed.filter(|_| of.way == WayKind::Queue).and_then(|handed| handed.row(WayKind::Queue));
        let handed = handed.map(|row| Percentiles {
            p50: row.spread(|run| run.hand_over_p50).median,
            p99: row.spread(|run| run.hand_over_p99).median,
            p999: row.spread(|run| run.hand_over_p999).median,
        });
        let _ = writeln!(
            rows,
            "| {} | {} | {} | {} | {} | {} |",
            of.callers,
            of.way,
            three(of.acquire),
            of.renew.map_or_else(String::new, three),
            three(of.release),
            handed.map_or_else(String::new, three),
        );
    }
    rows
}

/// Functions beside each other.
pub(crate) fn functions(report: &Report) -> String {
    let mut rows = String::from(
        "| function | start to first answer, ms | a later answer, ms | memory, MB | package, MB |\n|---|---|---|---|---|\n",
    );
    for of in &report.functions {
        let _ = writeln!(
            rows,
            "| {} | {} | {} | {:.0} | {:.1} |",
            of.name,
            spread(of.first_answer_ms, 0),
            spread(of.later_answer_ms, 1),
            of.memory_mb,
            of.package_mb
        );
    }
    rows
}

fn name(row: &ContenderReport) -> String {
    match row.fixed_wait_ms {
        Some(wait) => format!("{}, {}", row.way, millis(wait as f64)),
        None => row.way.to_string(),
    }
}

fn spread(of: Spread, decimals: usize) -> String {
    if (of.max - of.min).abs() < f64::EPSILON || of.median.is_nan() {
        return decimal(of.median, decimals);
    }
    format!("{:.decimals$} ({:.decimals$} to {:.decimals$})", of.median, of.min, of.max)
}

fn decimal(number: f64, decimals: usize) -> String {
    if number.is_nan() { "–".to_owned() } else { format!("{number:.decimals$}") }
}

fn millis(millis: f64) -> String {
    match millis {
        millis if millis.is_nan() => "–".to_owned(),
        millis if millis < 10.0 => format!("{millis:.1} ms"),
        millis if millis < 1_000.0 => format!("{millis:.0} ms"),
        millis => format!("{:.1} s", millis / 1_000.0),
    }
}
