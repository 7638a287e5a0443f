//! The benchmark still runs: a crowd of every way in process, the report, the targets and the plots. What it measures here says
//! nothing; `make bench-peers` measures.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use std::process::Command;

use serde_json::Value;

#[test]
fn every_way_serves_a_small_crowd_and_is_reported() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-smoke");
    let run = Command::new(env!("CARGO_BIN_EXE_leasehold-bench"))
        .args(["--size", "smoke", "--out"])
        .arg(&folder)
        .output()
        .expect("the benchmark");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let report = std::fs::read(folder.join("report.json")).expect("a report");
    let report: Value = serde_json::from_slice(&report).expect("JSON");
    let rows = report["experiments"][0]["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 6, "{rows:?}");
    for row in rows {
        let figures = &row["runs"][0];
        assert_eq!(figures["jobs"], 8, "{row}");
        let counts_wrong = row["way"] == "count-then-put";
        assert!(counts_wrong || figures["peak"].as_u64() <= Some(3), "{row}");
        assert!(figures["requests"].as_f64() > Some(1.0), "{row}");
    }
    let page = std::fs::read_to_string(folder.join("report.md")).expect("tables");
    let never_over = page.lines().find(|line| line.contains("never over the limit")).expect("a target");
    assert!(never_over.contains("| met |"), "{never_over}");
    let plot = std::fs::read_to_string(folder.join("throughput-dark.svg")).expect("a plot");
    assert!(plot.contains("leasehold, queue") && plot.contains("are possible"));
}
