//! The real programs on real engines keep every promise, whatever happens to them; and the judge that says so catches who
//! breaks one. A short run on each engine; `make chaos` is the long one.
#![cfg(target_os = "linux")] // Processes are stopped, bound to their parents, and have wrong clocks.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use std::process::Command;
use std::sync::LazyLock;

/// The programs beside this one, as new as it is. With the whole workspace's features, as `cargo test` has just built them.
static PROGRAMS: LazyLock<()> = LazyLock::new(|| {
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--locked", "--quiet", "--workspace", "--bin", "lease-manager", "--bin", "leasehold"]);
    assert!(build.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo").success());
    let made = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/faketime")).output().expect("a script");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
});

/// Whether a world keeps every promise, and its report.
fn world(arguments: &[&str]) -> (bool, String) {
    LazyLock::force(&PROGRAMS);
    let played = Command::new(env!("CARGO_BIN_EXE_leasehold-chaos")).arg("world").args(arguments).output();
    let played = played.expect("the world");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let report = text(&played.stdout) + &text(&played.stderr);
    println!("{report}");
    (played.status.success(), report)
}

/// The first figure of a line of the report.
fn figure(report: &str, what: &str) -> u64 {
    let line = report.lines().find_map(|line| line.trim().strip_prefix(what)).expect(what);
    line.split_whitespace().next().and_then(|figure| figure.parse().ok()).expect(what)
}

fn keeps_every_promise(engine: &str) {
    let small = ["--jobs", "16", "--callers", "6", "--commands", "3", "--environments", "3", "--blow-every", "700"];
    let (kept, report) = world(&[&["--engine", engine], &small[..]].concat());
    assert!(kept, "{report}");
    // It is not for want of trouble, or of anybody who works.
    for what in [
        "peak held / limit",
        "commands done",
        "faults of the network",
        "environments killed or stopped",
        "task tokens handed out",
    ] {
        assert!(figure(&report, what) > 0, "{what}: {report}");
    }
}

#[test]
fn the_embedded_engine_over_http_keeps_every_promise() {
    keeps_every_promise("embedded");
}

#[test]
fn the_local_aws_keeps_every_promise() {
    keeps_every_promise("local-aws");
}

#[test]
#[cfg_attr(not(target_arch = "x86_64"), ignore = "DynamoDB Local of 2020 runs on x86-64 only")]
fn dynamodb_local_keeps_every_promise() {
    keeps_every_promise("dynamodb-local");
}

#[test]
fn who_counts_then_puts_is_caught() {
    let few = ["--count-then-put", "--jobs", "60", "--limit", "3", "--faults", "0", "--blow-every", "0"];
    let (kept, report) = world(&few);
    assert!(!kept && report.contains("held, the limit is 3"), "{report}");
}
