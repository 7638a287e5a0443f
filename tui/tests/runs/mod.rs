//! `leasehold run` under test: how is one started, talked to and watched? Real processes on a local AWS.
#![allow(dead_code, clippy::expect_used, reason = "each test uses what it needs; one that cannot go on says why")]

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::local_aws::{TableAt, document, on, told};

/// Longer than anything here takes, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) fn pool<'t>(table: impl Into<TableAt<'t>>, settings: &[&str]) {
    let table = table.into();
    told(table, &["table", "create"]);
    told(table, &[&["pool", "set", "p"], settings].concat());
}

/// Waits until this holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub(crate) fn waiting<'t>(table: impl Into<TableAt<'t>>) -> usize {
    document(table, &["leases", "p"])["queue"].as_array().map_or(0, Vec::len)
}

pub(crate) fn held<'t>(table: impl Into<TableAt<'t>>) -> serde_json::Value {
    document(table, &["leases", "p"])["held"].clone()
}

/// A `leasehold run` under way, with its three streams; in a process group of its own, and killed with it.
pub(crate) struct Run {
    pub(crate) child: Child,
    pub(crate) input: Option<ChildStdin>,
    pub(crate) told: BufReader<ChildStdout>,
    pub(crate) wrong: BufReader<ChildStderr>,
}

impl Run {
    pub(crate) fn of(mut command: Command, arguments: &[&str]) -> Run {
        command.process_group(0);
        Run::leading(command, arguments)
    }

    /// One that makes a process group, or a session, of its own by itself.
    pub(crate) fn leading(mut command: Command, arguments: &[&str]) -> Run {
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        Run {
            input: child.stdin.take(),
            told: BufReader::new(child.stdout.take().expect("its output")),
            wrong: BufReader::new(child.stderr.take().expect("its errors")),
            child,
        }
    }

    pub(crate) fn start<'t>(table: impl Into<TableAt<'t>>, options: &[&str], script: &str) -> Run {
        Run::of(on(table), &[&["run", "--prefix", "p"], options, &["--", "sh", "-c", script]].concat())
    }

    /// The next line that it tells.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.told.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    /// Reads what it complains of up to a line with these words.
    pub(crate) fn wrong(&mut self, words: &str) -> String {
        let mut all = String::new();
        while !all.contains(words) {
            assert!(self.wrong.read_line(&mut all).expect("a line") > 0, "it ended without {words:?}: {all}");
        }
        all
    }

    pub(crate) fn signal(&self, signal: &str) {
        kill(signal, &self.child.id().to_string());
    }

    /// Kills it, its command and whatever that started, as a machine that loses power would.
    pub(crate) fn vanish(&self) {
        kill("KILL", &format!("-{}", self.child.id()));
    }

    /// Its exit status, the rest of what it told, and of what it complained of.
    pub(crate) fn end(mut self) -> (Option<i32>, String, String) {
        drop(self.input.take());
        let (mut told, mut wrong) = (String::new(), String::new());
        self.told.read_to_string(&mut told).expect("its output");
        self.wrong.read_to_string(&mut wrong).expect("its errors");
        (self.child.wait().expect("its status").code(), told, wrong)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.vanish();
            let _ = self.child.wait();
        }
    }
}

/// Sends a signal.
///
/// # Panics
/// Where it is INT and that is ignored, as in the background of a script: whom this process starts ignores it, too.
pub(crate) fn kill(signal: &str, whom: &str) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).map_or("", str::trim);
    let ignored = u64::from_str_radix(ignored, 16).unwrap_or(0) & 0b10 != 0;
    assert!(signal != "INT" || !ignored, "INT is ignored here: start the tests in the foreground of a shell");
    let done = Command::new("kill").args(["-s", signal, "--", whom]).status().expect("kill(1)");
    assert!(done.success(), "kill -s {signal} -- {whom}");
}

/// What a process does, as /proc says it: T if it is stopped, Z if it has ended.
pub(crate) fn state(process: &str) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()).unwrap_or('X')
}

/// Whether it has ended; without a parent that reaps it, it may stay as a zombie.
pub(crate) fn gone(process: &str) -> bool {
    matches!(state(process), 'X' | 'Z')
}
