//! `leasehold record` keeps what a table's pools look like until it is stopped, as a trace that can be played; and
//! replaces nothing where there is nothing to record. Against a local AWS, by the real binary.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod local_aws;

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use leasehold_core::occupancy::Detail;
use leasehold_core::occupancy::trace::{PoolSeen, Trace};
use local_aws::{on, refused, run, told};
use rustix::process::{Pid, Signal, kill_process};

/// How long a recording may take to begin.
const WITHIN: Duration = Duration::from_secs(60);

/// A file of this test's own.
fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}.jsonl", std::process::id()))
}

fn words(path: &std::path::Path) -> &str {
    path.to_str().expect("a path of text")
}

/// A table with two pools.
fn table_of_two(name: &str) {
    told(name, &["table", "create"]);
    for (prefix, limit) in [("analytics", "15"), ("batch", "5")] {
        told(name, &["pool", "set", prefix, "--limit", limit]);
    }
}

/// Which pools' slots are in it, in order of first sight.
fn pools(trace: &Trace) -> Vec<String> {
    let mut seen: Vec<String> = vec![];
    for entry in &trace.entries {
        if let PoolSeen::Pool(pool) = &entry.seen
            && pool.detail == Detail::Rows
            && !seen.contains(&pool.prefix.to_string())
        {
            seen.push(pool.prefix.to_string());
        }
    }
    seen.sort();
    seen
}

fn read(path: &PathBuf) -> Trace {
    Trace::parse(&fs::read_to_string(path).expect("the recording")).expect("a trace")
}

#[test]
fn all_pools_are_kept_or_those_that_are_named() {
    table_of_two("recorded");
    let out = file("recorded");
    let ended = run(on("recorded"), &["record", "--out", words(&out), "--every", "0.2", "--for", "2"]);
    assert_eq!((ended.status, &*ended.told), (Some(0), ""), "{ended:?}");
    assert!(ended.wrong.contains("looks at 2 pools are in"), "{ended:?}");
    let trace = read(&out);
    assert_eq!((&*trace.header.table, trace.header.region.as_deref()), ("recorded", Some("eu-central-1")));
    assert_eq!((pools(&trace), trace.note.clone()), (vec!["analytics".to_owned(), "batch".to_owned()], None));
    assert!(trace.entries.len() > 2, "each is looked at again and again: {}", trace.entries.len());

    let named = ["record", "--out", words(&out), "--every", "0.2", "--for", "1", "--prefix", "batch"];
    assert_eq!(run(on("recorded"), &named).status, Some(0));
    assert_eq!(pools(&read(&out)), ["batch"]);
    // Not even the name of another: a recording may be sent to somebody.
    told("recorded", &["sweep", "analytics"]);
    assert_eq!(run(on("recorded"), &named).status, Some(0));
    let text = fs::read_to_string(&out).expect("the recording");
    assert!(text.contains("batch") && !text.contains("analytics"), "{text}");
    fs::remove_file(out).expect("removed");
}

#[test]
fn a_recording_that_is_stopped_is_whole() {
    table_of_two("stopped");
    for signal in [Signal::INT, Signal::TERM] {
        let out = file("stopped");
        let mut command = on("stopped");
        command.args(["record", "--out", words(&out), "--every", "0.2"]).stderr(Stdio::null());
        let mut child = command.spawn().expect("the binary runs");
        let until = Instant::now() + WITHIN;
        while !fs::read_to_string(&out).is_ok_and(|text| text.lines().count() > 2) {
            assert!(Instant::now() < until, "nothing was recorded within {WITHIN:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        kill_process(Pid::from_child(&child), signal).expect("a signal");
        assert_eq!(child.wait().expect("its end").code(), Some(0), "{signal:?}");
        assert_eq!(read(&out).note, None);
        fs::remove_file(out).expect("removed");
    }
}

#[test]
fn where_there_is_nothing_to_record_no_file_is_replaced() {
    table_of_two("kept");
    let out = file("kept");
    fs::write(&out, "an older recording").expect("written");
    let missing = refused(on("no-such-table"), 3, &["record", "--out", words(&out)]);
    assert!(missing.contains("no-such-table") && missing.contains("does not exist"), "{missing}");
    let wrong = refused(on("kept"), 1, &["record", "--out", words(&out), "--prefix", "nightly"]);
    assert!(wrong.contains("pool nightly does not exist in table kept"), "{wrong}");
    assert_eq!(fs::read_to_string(&out).expect("it is there"), "an older recording");
    let folder = out.join("a-file-is-no-folder");
    let wrong = refused(on("kept"), 2, &["record", "--out", words(&folder)]);
    assert!(wrong.contains("cannot be written") && wrong.contains("check the path"), "{wrong}");
    fs::remove_file(out).expect("removed");
}
