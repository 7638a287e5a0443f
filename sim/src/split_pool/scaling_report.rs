//! The report of split pools: what does each way come to, on how many partitions, at which load?

use std::fmt::Write;

use super::{Measured, SECOND, SplitPool, SplitWay};

/// How many partitions are tried.
pub const PARTITIONS: [u32; 5] = [1, 2, 4, 8, 16];
/// What is tried: so many slots, and the load in percent of what they could take.
pub const TRIED: [(u32, u32); 4] = [(1_600, 50), (1_600, 90), (1_600, 110), (160, 90)];

/// Jobs of 4 s: 1,600 slots take 400 of them a second, far more than one partition does; 160 slots take 40.
const POOL: SplitPool = SplitPool {
    partitions: 1,
    limit: 1_600,
    way: SplitWay::Hash,
    work: 4 * SECOND,
    load: 100,
    jobs: 40_000,
    write_units: Some(1_000),
    seed: 11,
};

/// What is run on a pool of so many slots: its name for a person, and the pool.
pub fn runs(limit: u32, load: u32) -> Vec<([String; 2], SplitPool)> {
    let one = SplitPool { limit, load, ..POOL };
    let name = |partitions: &str, way: &str| [partitions.to_owned(), way.to_owned()];
    let mut runs =
        vec![(name("1, any rate", "one queue"), SplitPool { write_units: None, ..one }), (name("1", "one queue"), one)];
    for partitions in PARTITIONS.into_iter().filter(|partitions| *partitions > 1) {
        for way in SplitWay::ALL {
            runs.push((name(&partitions.to_string(), way.name()), SplitPool { partitions, way, ..one }));
        }
    }
    runs
}

/// A table for each pool that is tried, as text.
pub fn scaling_report() -> String {
    let mut text = String::new();
    for (limit, load) in TRIED {
        let offered = u64::from(limit) * SECOND / POOL.work * u64::from(load) / 100;
        let _ = writeln!(text, "{limit} slots, load {load} %: {offered} jobs a second\n");
        let _ = writeln!(
            text,
            "{:>11}  {:<18}{:>7}{:>6}{:>6}{:>9}{:>9}{:>11}{:>7}{:>7}{:>8}{:>8}",
            "partitions",
            "way",
            "jobs/s",
            "used",
            "idle",
            "p50 s",
            "p99 s",
            "overtaken",
            "most",
            "Jain",
            "stolen",
            "looks"
        );
        for ([partitions, way], pool) in runs(limit, load) {
            line(&mut text, &partitions, &way, &pool.play());
        }
        text.push('\n');
    }
    text.pop();
    text
}

fn line(text: &mut String, partitions: &str, way: &str, run: &Measured) {
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    let _ = writeln!(
        text,
        "{partitions:>11}  {way:<18}{:>7.0}{:>6}{:>6}{:>9.2}{:>9.2}{:>11.1}{:>7}{:>7.3}{:>8}{:>8.1}",
        run.jobs_per_second,
        percent(run.utilisation),
        percent(run.idle),
        run.wait_p50,
        run.wait_p99,
        run.overtaken,
        run.overtaken_most,
        run.jain,
        percent(run.stolen),
        run.probes,
    );
}
