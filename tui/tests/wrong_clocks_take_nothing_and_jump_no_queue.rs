//! A machine whose clock is wrong: it takes no living lease, jumps no queue and keeps its own lease as long as anybody,
//! as it goes by the table's time, and says so once. The real binary under libfaketime, on a local AWS.
#![cfg(target_os = "linux")] // libfaketime is built there.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod local_aws;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use local_aws::{Ended, document, on, on_a_clock_off_by, run, told};
use serde_json::Value;

/// Longer than anything here takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// How far the table's time can be from the right one: replies tell it in whole seconds.
const TOLD_WITHIN: Duration = Duration::from_millis(1_100);

/// Clocks that are wrong, and what is said of each.
const WRONG: [(&str, &str); 4] =
    [("+25s", "25 s ahead of"), ("-25s", "25 s behind"), ("+1d", "24 h ahead of"), ("-1d", "24 h behind")];

fn pool(table: &str, settings: &[&str]) {
    told(table, &["table", "create"]);
    told(table, &[&["pool", "set", "p", "--limit", "1"], settings].concat());
}

fn lease(table: &str) -> Value {
    document(table, &["leases", "p"])["leases"][0].clone()
}

/// The keys of those who wait, first come first.
fn queue(table: &str) -> Vec<String> {
    let seen = document(table, &["leases", "p"]);
    let queue = seen["queue"].as_array().expect("a queue");
    queue.iter().map(|waiter| waiter["holder"]["key"].as_str().expect("a key").to_owned()).collect()
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// How often its clock is spoken of.
fn said(wrong: &str) -> usize {
    wrong.matches("this machine's clock").count()
}

fn assert_said_once(wrong: &str, words: &str) {
    let line = format!("leasehold: this machine's clock is {words} the table's; the table's time is used\n");
    // It is known to half a second, so that 25 s may just be told as one more or less.
    let told = wrong.replace(" 24 s ", " 25 s ").replace(" 26 s ", " 25 s ");
    assert!(told.contains(&line) && said(wrong) == 1, "{line:?} once: {wrong}");
}

/// A `leasehold run` under way, killed with this value. Its command ends when its input does.
struct Run {
    child: Child,
    input: Option<ChildStdin>,
}

impl Run {
    fn start(mut command: Command, options: &[&str]) -> Run {
        let script = "echo started; read line; true";
        command.args([&["run", "--prefix", "p"], options, &["--", "sh", "-c", script]].concat());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        Run { input: child.stdin.take(), child }
    }

    /// Waits until its command runs.
    fn started(&mut self) {
        let mut line = String::new();
        let told = self.child.stdout.as_mut().expect("its output");
        BufReader::new(told).read_line(&mut line).expect("a line");
        assert_eq!(line, "started\n", "{}", self.wrong());
    }

    fn wrong(&mut self) -> String {
        let mut wrong = String::new();
        self.child.stderr.as_mut().expect("its errors").read_to_string(&mut wrong).expect("text");
        wrong
    }

    /// Its exit status once its command has ended, and what it complained of.
    fn end(mut self) -> (Option<i32>, String) {
        drop(self.input.take());
        let wrong = self.wrong();
        (self.child.wait().expect("its status").code(), wrong)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_living_lease_is_not_taken_at_any_offset() {
    let table = "living";
    pool(table, &["--lease", "20s", "--grace", "2s"]);
    let mut holder = Run::start(on(table), &[]);
    holder.started();
    let id = lease(table)["lease_id"].clone();
    for (offset, words) in WRONG {
        let arguments = ["run", "--prefix", "p", "--wait", "0s", "--", "echo", "started"];
        let Ended { status, told, wrong } = run(on_a_clock_off_by(offset, table), &arguments);
        assert_eq!((status, &*told), (Some(124), ""), "{offset}: {wrong}");
        assert_said_once(&wrong, words);
    }
    assert_eq!(lease(table)["lease_id"], id);
    let (status, wrong) = holder.end();
    assert_eq!((status, &*wrong), (Some(0), ""));
}

#[test]
fn a_wrong_clock_holds_its_lease_as_long_as_a_right_one() {
    let table = "as-long";
    pool(table, &["--lease", "9s", "--grace", "1s"]);
    for (offset, words) in WRONG {
        let mut holder = Run::start(on_a_clock_off_by(offset, table), &["--kill-on-loss"]);
        holder.started();
        let first = lease(table);
        let left = first["expires_in_ms"].as_u64().expect("a time");
        assert!((3_000..=10_100).contains(&left), "{offset}: {first}");
        until("it was renewed twice, and so outlived its first length", || {
            let expires_at = |lease: &Value| lease["expires_at_ms"].as_u64().expect("a time");
            let now = lease(table);
            assert_eq!((&now["lease_id"], &now["expired"]), (&first["lease_id"], &false.into()), "{offset}: {now}");
            expires_at(&now) >= expires_at(&first) + 4_500
        });
        let (status, wrong) = holder.end();
        assert_eq!((status, wrong.lines().count()), (Some(0), 1), "{offset}: {wrong}");
        assert_said_once(&wrong, words);
    }
}

#[test]
fn who_comes_later_waits_behind_whatever_its_clock() {
    let table = "in-line";
    pool(table, &["--grace", "1s"]);
    let mut holder = Run::start(on(table), &[]);
    holder.started();
    let mut waiters = Vec::new();
    for (key, offset) in
        [("ahead", Some("+1d")), ("right", None), ("behind", Some("-25s")), ("far behind", Some("-1d"))]
    {
        let command = offset.map_or_else(|| on(table), |offset| on_a_clock_off_by(offset, table));
        waiters.push((key, Run::start(command, &["--key", key])));
        until("it waits", || queue(table).len() == waiters.len());
        std::thread::sleep(TOLD_WITHIN);
    }
    let keys: Vec<_> = waiters.iter().map(|(key, _)| *key).collect();
    assert_eq!(queue(table), keys);
    assert_eq!(holder.end().0, Some(0));
    for (key, mut waiter) in waiters {
        waiter.started();
        assert_eq!(lease(table)["holder"]["key"], key);
        let (status, wrong) = waiter.end();
        assert_eq!((status, said(&wrong)), (Some(0), usize::from(key != "right")), "{wrong}");
    }
}

#[test]
fn what_is_shown_goes_by_the_tables_time() {
    let table = "shown";
    pool(table, &["--lease", "1m"]);
    let mut holder = Run::start(on(table), &[]);
    holder.started();
    told(table, &["sweep", "p"]);
    for (offset, words) in WRONG {
        for arguments in [&["leases", "p"][..], &["pools"]] {
            let before = SystemTime::now() - TOLD_WITHIN;
            let Ended { status, told, wrong } =
                run(on_a_clock_off_by(offset, table), &[arguments, &["--output", "json"]].concat());
            assert_eq!(status, Some(0), "{wrong}");
            assert_said_once(&wrong, words);
            let document: Value = serde_json::from_str(&told).expect("JSON");
            let at = Duration::from_millis(document["at_ms"].as_u64().expect("a time"));
            let (at, after) = (SystemTime::UNIX_EPOCH + at, SystemTime::now() + TOLD_WITHIN);
            assert!(before <= at && at <= after, "{offset}: {before:?} {at:?} {after:?}");
            assert!(document["leases"][0]["expired"] != true, "{document}");
        }
    }
    assert_eq!(holder.end().0, Some(0));
}

#[test]
fn a_clock_that_is_nearly_right_is_not_spoken_of() {
    let table = "nearly";
    pool(table, &[]);
    for offset in ["+0.5s", "-0.5s"] {
        let ended = run(on_a_clock_off_by(offset, table), &["run", "--prefix", "p", "--", "true"]);
        assert_eq!((ended.status, &*ended.wrong), (Some(0), ""), "{offset}");
    }
}
