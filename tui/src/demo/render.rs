//! Rendered reports: how is a report read by a person, and by a program?
//! As a table with a verdict, or as one JSON object.

use leasehold_core::{harmless, harmless_json};
use leasehold_tui::charset::Charset;
use leasehold_tui::watch::text::{width, wrap};

use super::report::{DemoReport, PoolReport, RequestCost};

/// The widest that a report gets; more pools than fit make another block below.
const WIDTH: usize = 100;

/// How many violations or losses of one kind are told in full.
const TOLD: usize = 10;

/// One line of the table: what it says, and what it says of each pool (`None`: nothing of any interest).
struct ReportLine {
    name: &'static str,
    of: fn(&PoolReport) -> Option<String>,
}

/// Lines that stand together. Those that say nothing of any pool are left out.
const TABLE: [&[ReportLine]; 4] = [
    &[
        ReportLine { name: "items done", of: |pool| Some(format!("{} of {}", pool.done, pool.items)) },
        ReportLine { name: "peak held / limit", of: |pool| Some(format!("{} / {}", pool.peak_held, limits(pool))) },
        ReportLine { name: "limit changed", of: changes },
        ReportLine { name: "makespan", of: |pool| Some(time(pool.makespan)) },
        ReportLine { name: "  ideal", of: |pool| pool.ideal.map(time) },
        ReportLine { name: "  over it", of: |pool| Some(format!("{:.1} %", pool.over_ideal_percent?)) },
    ],
    &[
        ReportLine { name: "wait p50", of: |pool| Some(time(pool.wait?.p50)) },
        ReportLine { name: "  p99", of: |pool| Some(time(pool.wait?.p99)) },
        ReportLine { name: "  max", of: |pool| Some(time(pool.wait?.max)) },
    ],
    &[
        ReportLine { name: "requests per job", of: |pool| cost(pool, |cost| cost.requests) },
        ReportLine { name: "  read units", of: |pool| cost(pool, |cost| cost.read_units) },
        ReportLine { name: "  write units", of: |pool| cost(pool, |cost| cost.write_units) },
    ],
    &[
        ReportLine { name: "died holding a lease", of: |pool| some(u64::from(pool.died)) },
        ReportLine { name: "  slots back", of: |pool| (pool.died > 0).then(|| pool.reclaimed.to_string()) },
        ReportLine { name: "  after at most", of: |pool| pool.reclaimed_after.map(time) },
        ReportLine { name: "leases renewed", of: |pool| some(pool.renewed) },
        ReportLine { name: "leases lost at work", of: |pool| some(pool.leases_lost) },
        ReportLine { name: "asked again", of: |pool| some(pool.asked_again) },
    ],
];

/// The table and the verdict, with colours or without, in lines of so many columns, if that is known.
pub(crate) fn text(report: &DemoReport, colour: bool, charset: Charset, columns: Option<usize>) -> String {
    let paint = Paint(colour);
    let columns = columns.unwrap_or(WIDTH).clamp(LEAST_WIDTH, WIDTH);
    let place = if report.store == "memory" { "in memory" } else { &report.store };
    let summary = format!("{} mode, table {place}, {}", report.mode, time(report.seconds));
    let mut text = format!("\n  {}", paint.bold(TITLE));
    let indent = if TITLE.len() + 4 + width(&summary) > columns { "\n  " } else { "  " };
    for line in wrap(&summary, columns - 2) {
        text.push_str(&format!("{indent}{}", paint.dim(&line)));
    }
    text.push('\n');
    for pools in blocks(&report.pools, columns) {
        text.push('\n');
        text.push_str(&block(pools, &paint, charset));
    }
    text.push('\n');
    for (good, line) in verdict(report) {
        let sign = charset.spell(if good { "✔" } else { "✘" });
        let indent = 3 + width(&sign);
        let mark = if good { paint.green(&sign) } else { paint.red(&sign) };
        for (at, line) in wrap(&charset.spell_lines(&harmless(&line)), columns - indent).iter().enumerate() {
            text.push_str(&if at == 0 { format!("  {mark} {line}\n") } else { format!("{:indent$}{line}\n", "") });
        }
    }
    text.push('\n');
    if report.ok {
        text.push_str(&next(columns));
    }
    text
}

const TITLE: &str = "leasehold demo";

/// The least columns that a report is made for: those of its table for one pool.
const LEAST_WIDTH: usize = 38;

/// What somebody may want to see after the first demo.
const NEXT: [(&str, &str); 4] = [
    ("leasehold demo --kill 3", "workers die while they hold a lease, and their slots come back"),
    ("leasehold watch", "this dashboard on a table of yours"),
    ("make web-serve", "the same in a browser, request by request"),
    ("README.md, \"On AWS\"", "a lease manager and a workflow of yours"),
];

/// The same: what it is stands beside, or where there is little room below.
fn next(columns: usize) -> String {
    let mut text = String::new();
    let beside = NEXT.iter().all(|(_, what)| NEXT_COLUMNS + what.len() <= columns);
    for (at, (command, what)) in NEXT.into_iter().enumerate() {
        let head = if at == 0 { "  next: " } else { "        " };
        if beside {
            text += &format!("{head}{command:27}{what}\n");
            continue;
        }
        text += &format!("{head}{command}\n");
        for line in wrap(what, columns - 10) {
            text += &format!("          {line}\n");
        }
    }
    text + "\n"
}

/// Where what a command shows begins.
const NEXT_COLUMNS: usize = 8 + 27;

/// The report as one JSON object.
pub(crate) fn json(report: &DemoReport) -> String {
    match serde_json::to_string_pretty(report) {
        Ok(json) => Charset::of_environment().spell_json(harmless_json(json)) + "\n",
        // Numbers, text and lists: there is nothing in it that JSON does not have.
        Err(wrong) => format!("{{\"ok\": false, \"error\": {:?}}}\n", wrong.to_string()),
    }
}

/// As many pools at a time as fit beside one another.
fn blocks(pools: &[PoolReport], columns: usize) -> std::slice::Chunks<'_, PoolReport> {
    let widest = pools.iter().map(|pool| pool.prefix.len()).max().unwrap_or(0).max(12) + 3;
    pools.chunks((columns.saturating_sub(24) / widest).max(1))
}

fn block(pools: &[PoolReport], paint: &Paint, charset: Charset) -> String {
    let groups = TABLE.map(|lines| {
        let cell = |line: &ReportLine, pool| (line.of)(pool).map(|cell| charset.spell(&cell));
        let said = |line: &ReportLine| (line.name, pools.iter().map(|pool| cell(line, pool)).collect::<Vec<_>>());
        let lines = lines.iter().map(said).filter(|(_, cells)| cells.iter().any(Option::is_some));
        lines.collect::<Vec<(&str, Vec<Option<String>>)>>()
    });
    let lines = || groups.iter().flatten();
    let first = lines().map(|(name, _)| name.len()).max().unwrap_or(0);
    let wide = |column: usize| {
        let cells = lines().filter_map(|(_, cells)| cells[column].as_ref()).map(|cell| cell.chars().count());
        cells.max().unwrap_or(0).max(pools[column].prefix.len()).max(10)
    };
    let widths: Vec<usize> = (0..pools.len()).map(wide).collect();
    let mut text = format!("  {:first$}", "");
    for (pool, width) in pools.iter().zip(&widths) {
        text.push_str(&format!("   {}{}", " ".repeat(width - pool.prefix.len()), paint.bold(&pool.prefix)));
    }
    text.push('\n');
    for (at, lines) in groups.iter().filter(|lines| !lines.is_empty()).enumerate() {
        if at > 0 {
            text.push('\n');
        }
        for (name, cells) in lines {
            text.push_str(&format!("  {name:first$}"));
            for (cell, width) in cells.iter().zip(&widths) {
                text.push_str(&format!("   {:>width$}", cell.as_deref().unwrap_or("-")));
            }
            text.push('\n');
        }
    }
    text
}

/// What is to be said of the whole, and whether it is good.
fn verdict(report: &DemoReport) -> Vec<(bool, String)> {
    let mut said = vec![];
    for pool in &report.pools {
        let prefix = &pool.prefix;
        let tell = |all: Vec<String>, what: &str| {
            let more = all.len().saturating_sub(TOLD);
            let rest = (more > 0).then(|| format!("{prefix}: and {more} more {what}"));
            all.into_iter().take(TOLD).chain(rest).map(|line| (false, line)).collect::<Vec<_>>()
        };
        let broken = pool.violations.iter().map(|it| format!("{prefix}: at {:.3} s {} {}", it.at, it.who, it.what));
        said.extend(tell(broken.collect(), "violations"));
        let lost = pool.lost.iter().map(|it| format!("{prefix}: {} was lost: {}", it.item, it.why));
        said.extend(tell(lost.collect(), "items were lost"));
        let held = pool.still_held.iter().map(|it| format!("{prefix}: after the end there is still {it}"));
        said.extend(tell(held.collect(), "are still held"));
    }
    if said.is_empty() {
        said.push((true, "no limit was exceeded, no item was lost, every slot is free".into()));
    }
    for pool in &report.pools {
        for change in &pool.limit_changes {
            let Some(by) = &change.by else { continue };
            let (prefix, limit, at) = (&pool.prefix, change.limit, time(change.at));
            let line = format!(
                "{prefix}: at {at} {by} set the limit to {limit}; the highest limit from then on is what counts"
            );
            said.push((true, line));
        }
    }
    said
}

fn limits(pool: &PoolReport) -> String {
    match &pool.limit_changes[..] {
        [] => pool.limit.to_string(),
        [one] => format!("{} → {}", pool.limit_at_start, one.limit),
        // Where somebody plays with the keys there may be dozens.
        [.., last] => format!("{} → … → {}", pool.limit_at_start, last.limit),
    }
}

fn changes(pool: &PoolReport) -> Option<String> {
    match &pool.limit_changes[..] {
        [] => None,
        [one] => Some(format!("at {}", time(one.at))),
        [.., last] => Some(format!("{} times, last at {}", pool.limit_changes.len(), time(last.at))),
    }
}

fn cost(pool: &PoolReport, which: fn(RequestCost) -> f64) -> Option<String> {
    Some(format!("{:.1}", which(pool.per_job?)))
}

fn some(count: u64) -> Option<String> {
    (count > 0).then(|| count.to_string())
}

fn time(seconds: f64) -> String {
    format!("{seconds:.2} s")
}

/// Colours, where there is a terminal that wants them. No meaning is told by colour alone.
struct Paint(bool);

impl Paint {
    fn with(&self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn bold(&self, text: &str) -> String {
        self.with("1", text)
    }

    fn dim(&self, text: &str) -> String {
        self.with("2", text)
    }

    fn green(&self, text: &str) -> String {
        self.with("32", text)
    }

    fn red(&self, text: &str) -> String {
        self.with("31;1", text)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ledger::Ledger;
    use super::super::report::{LostItem, ReportedLimitChange, ReportedViolation, WaitPercentiles};
    use super::*;

    fn pool(prefix: &str) -> PoolReport {
        PoolReport {
            prefix: prefix.into(),
            limit_at_start: 1,
            limit: 1,
            limit_changes: vec![],
            items: 2,
            done: 2,
            lost: vec![],
            peak_held: 1,
            makespan: 6.1,
            ideal: Some(6.0),
            over_ideal_percent: Some(1.7),
            wait: Some(WaitPercentiles { p50: 0.0, p99: 3.0, max: 3.0 }),
            died: 0,
            reclaimed: 0,
            reclaimed_after: None,
            asked_again: 0,
            renewed: 0,
            leases_lost: 0,
            per_job: Some(RequestCost { requests: 9.0, read_units: 4.5, write_units: 8.0 }),
            upkeep: RequestCost { requests: 9.0, read_units: 4.5, write_units: 8.0 },
            still_held: vec![],
            violations: vec![],
        }
    }

    fn report(pools: Vec<PoolReport>) -> DemoReport {
        let ok = pools.iter().all(PoolReport::ok);
        DemoReport { ok, run: "demo:1".into(), mode: "queue", store: "memory".into(), seconds: 6.1, pools }
    }

    #[test]
    fn an_exceeded_limit_fails_the_run_and_is_told_with_who() {
        let mut ledger = Ledger::new(1, std::time::Duration::ZERO);
        for (who, at) in [("batch-001", 1), ("batch-002", 2)] {
            let seconds = std::time::Duration::from_secs;
            ledger.told(&who.into(), (0, at), seconds(at), seconds(9));
        }
        let mut broken = pool("batch");
        let found = ledger.judge().violations.remove(0);
        broken.violations =
            vec![ReportedViolation { at: found.at.as_secs_f64(), who: found.who.to_string(), what: found.what }];
        let report = report(vec![pool("analytics"), broken]);
        assert!(!report.ok);
        let text = text(&report, false, Charset::Unicode, None);
        let expected =
            "✘ batch: at 2.000 s batch-002 was granted a lease as number 2 of 1; held by batch-001, batch-002";
        assert!(text.contains(expected) && !text.contains('✔'), "{text}");
    }

    #[test]
    fn a_lost_item_and_a_slot_that_is_not_back_fail_the_run_too() {
        let (mut losing, mut keeping) = (pool("losing"), pool("keeping"));
        losing.lost = vec![LostItem { item: "a".into(), why: "nobody came".into() }];
        keeping.still_held = vec!["slot 0: demo:1:a#a".into()];
        let report = report(vec![losing, keeping]);
        let text = text(&report, false, Charset::Unicode, None);
        assert!(!report.ok);
        assert!(text.contains("✘ losing: a was lost: nobody came"), "{text}");
        assert!(text.contains("✘ keeping: after the end there is still slot 0"), "{text}");
    }

    #[test]
    fn every_line_of_a_report_is_indented() {
        let text = text(&report(vec![pool("analytics")]), false, Charset::Unicode, None);
        assert!(text.contains(&next(WIDTH)), "{text}");
        assert!(text.lines().all(|line| line.is_empty() || line.starts_with("  ")), "{text}");
    }

    #[test]
    fn many_changes_of_a_limit_are_counted() {
        let change = |at: u32| ReportedLimitChange { at: f64::from(at), limit: 20 + at, by: None };
        let mut changed = pool("batch");
        changed.limit_changes = (1..=18).map(change).collect();
        let text = text(&report(vec![pool("analytics"), changed]), false, Charset::Unicode, Some(80));
        assert!(text.contains("1 / 1 → … → 38") && text.contains("18 times, last at 18.00 s"), "{text}");
        assert!(text.lines().all(|line| width(line) <= 80), "{text}");
    }

    #[test]
    fn many_pools_are_told_in_blocks_that_fit() {
        let pools: Vec<PoolReport> = (0..20).map(|n| pool(&format!("workload-{n:02}"))).collect();
        let text = text(&report(pools), false, Charset::Unicode, None);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!((0..20).all(|n| text.contains(&format!("workload-{n:02}"))), "{text}");
    }

    #[test]
    fn a_report_on_a_narrow_terminal_wraps_at_words_and_stays_whole() {
        let long = (0..9).map(|n| pool(&format!("workload-{n:02}"))).collect();
        let mut losing = report(long);
        losing.pools[3].lost =
            vec![LostItem { item: "a".into(), why: "nobody came for it in all of the time that there was".into() }];
        losing.store = "a folder with a long name/of a file that is long too.db".into();
        let good = report(vec![pool("analytics"), pool("batch")]);
        for columns in [38, 40, 60, 80, 97, 100] {
            for charset in [Charset::Unicode, Charset::Ascii] {
                for report in [&losing, &good] {
                    let text = text(report, false, charset, Some(columns));
                    assert!(text.lines().all(|line| width(line) <= columns), "{columns}: {text}");
                    assert!(text.lines().all(|line| line.is_empty() || line.starts_with("  ")), "{columns}: {text}");
                    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
                    assert!(report.pools.iter().all(|pool| words.contains(&pool.prefix)), "{columns}: {text}");
                }
                let text = text(&good, false, charset, Some(columns));
                let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
                assert!(words.contains("workers die while they hold a lease, and their slots come back"), "{text}");
                assert!(words.contains("no limit was exceeded, no item was lost, every slot is free"), "{text}");
            }
        }
    }
}
