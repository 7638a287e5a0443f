//! The instructions of the core's operations are pinned: does one take more of them than it did? Counted by callgrind, so that
//! the machine and what else runs on it do not matter; the compiler does, and is pinned with them.
//!
//! `UPDATE_INSTRUCTIONS=1` writes them anew: read the difference.
#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How far from what is pinned the instructions may be, in percent, if the compiler is the one that they were counted with.
const SAME_COMPILER: f64 = 2.0;

/// The same with any other compiler.
const OTHER_COMPILER: f64 = 15.0;

/// How often an operation is played: the difference of both runs is what so many more of them take.
const TIMES: [u64; 2] = [10, 60];

#[test]
fn no_operation_of_the_core_takes_more_instructions() {
    let Ok(valgrind) = Command::new("valgrind").arg("--version").output() else {
        eprintln!("valgrind is not here, so no instructions are counted (on Debian: apt-get install valgrind)");
        return;
    };
    assert!(valgrind.status.success(), "valgrind does not run");
    build();
    let listed = Command::new(program()).output().expect("the example `instructions`");
    let listed = String::from_utf8(listed.stdout).expect("names");
    let counted: Vec<(String, f64)> = std::thread::scope(|scope| {
        // Valgrind starts slowly, and runs on one processor.
        let counts: Vec<_> = listed.lines().map(|name| (name, scope.spawn(|| each(name)))).collect();
        counts.into_iter().map(|(name, count)| (name.to_owned(), count.join().expect("a count"))).collect()
    });
    let compiler = compiler();
    let pins = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/instructions.txt");
    if std::env::var_os("UPDATE_INSTRUCTIONS").is_some() {
        let mut text = format!("{compiler}\n");
        counted.iter().for_each(|(name, count)| {
            let _ = writeln!(text, "{name} {count:.0}");
        });
        std::fs::write(&pins, text).expect("written");
        return;
    }
    let pinned = std::fs::read_to_string(&pins).expect("pins");
    let mut pinned = pinned.lines();
    let bound = if pinned.next() == Some(&compiler) { SAME_COMPILER } else { OTHER_COMPILER };
    let pinned: Vec<(&str, f64)> = pinned
        .map(|line| {
            let (name, count) = line.split_once(' ').expect("a name and a count");
            (name, count.parse().expect("a number"))
        })
        .collect();
    let names = |(name, _): &(String, f64)| name.clone();
    assert_eq!(counted.iter().map(names).collect::<Vec<_>>(), pinned.iter().map(|pin| pin.0).collect::<Vec<_>>());
    let wrong: Vec<String> = counted
        .iter()
        .zip(&pinned)
        .map(|((name, count), (_, pin))| (name, count, pin, 100.0 * (count - pin) / pin))
        .filter(|(.., by)| by.abs() > bound)
        .map(|(name, count, pin, by)| format!("{name}: {count:.0} instructions, {by:+.1} % from {pin:.0}"))
        .collect();
    assert!(wrong.is_empty(), "more than {bound} % from sim/tests/instructions.txt:\n{}", wrong.join("\n"));
}

/// The instructions of one operation.
fn each(name: &str) -> f64 {
    let [few, many] = TIMES.map(|times| instructions(name, times));
    (many - few) / (TIMES[1] - TIMES[0]) as f64
}

fn instructions(name: &str, times: u64) -> f64 {
    let ran = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program())
        .args([name, &times.to_string()])
        .output()
        .expect("valgrind");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    // `==42== Collected : 123456`
    let collected = said.lines().find_map(|line| line.split_once("Collected : "));
    collected.expect("a count").1.trim().parse().expect("a number")
}

/// Lies beside this test.
fn program() -> PathBuf {
    let mut path = std::env::current_exe().expect("this test");
    path.pop();
    path.pop();
    path.push("examples/instructions");
    path
}

/// A test run of everything has built it; a run of this test alone has not.
fn build() {
    let build = ["build", "--locked", "--quiet", "--workspace", "--example", "instructions"];
    let built = Command::new(env!("CARGO")).args(build).output().expect("cargo");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
}

fn compiler() -> String {
    let said = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("--version").output();
    String::from_utf8(said.expect("rustc").stdout).expect("a version").trim().to_owned()
}
