//! Descendants: what did a command start, and what of it still runs?
//! As `/proc` shows it: whoever calls is a child subreaper, so that nothing leaves the tree below it, not by forking twice
//! and not by a session of its own.

use std::fs;

use leasehold_tui::process_ids::ProcessIds;
use rustix::process::{Pid, Signal, kill_process};

/// A process that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RunningProcess {
    pub(crate) pid: Pid,
    parent: Option<Pid>,
    /// Its session: another than that of who started it, if it made itself a daemon. 0: one of outside its container.
    pub(crate) session: i32,
}

/// All below this process that run, nearest first. Those that have ended and wait for their parent are none.
pub(crate) fn descendants(of: Pid) -> Vec<RunningProcess> {
    let all: Vec<RunningProcess> = processes();
    let mut found: Vec<RunningProcess> = Vec::new();
    let mut above = vec![of];
    while let Some(parent) = above.pop() {
        for process in all.iter().filter(|process| process.parent == Some(parent)) {
            found.push(*process);
            above.push(process.pid);
        }
    }
    found
}

/// Signals every one of them. Those that ended meanwhile need none.
pub(crate) fn signal_all(processes: &[RunningProcess], signal: Signal) {
    for process in processes {
        let _ = kill_process(process.pid, signal);
    }
}

/// Whether it was stopped, as by ctrl-Z.
pub(crate) fn is_stopped(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
}

/// From now on, what is orphaned below this process becomes its child.
pub(crate) fn adopt_orphans() {
    // Where the system has no such thing, process groups are all there is.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

fn processes() -> Vec<RunningProcess> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw));
    pids.filter_map(|pid| process(pid, &fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?))
        .collect()
}

/// From `12 (a name) S 1 12 12 ...`: its state, parent, group and session.
fn process(pid: Pid, stat: &str) -> Option<RunningProcess> {
    // A name may have anything in it.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let (state, parent) = (fields.next()?, fields.next()?.parse().ok()?);
    let ids = ProcessIds::of_stat(stat)?;
    // Of one that is just going the numbers are gone already.
    let runs = !matches!(state, "Z" | "X") && ids.session >= 0;
    runs.then(|| RunningProcess { pid, parent: Pid::from_raw(parent), session: ids.session })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pid(number: i32) -> Pid {
        Pid::from_raw(number).expect("a number")
    }

    #[test]
    fn a_process_is_read_whatever_its_name() {
        let read = process(pid(12), "12 (a) S 1 (b) S 7 8 9 0 -1");
        assert_eq!(read, Some(RunningProcess { pid: pid(12), parent: Some(pid(7)), session: 9 }));
        assert_eq!(process(pid(12), "12 (sh) Z 7 8 9 0 -1"), None);
        assert_eq!(process(pid(12), "12 (sh) S 0 0 0 0 -1").expect("the first").parent, None);
        assert_eq!(process(pid(12), "12 (sh) S 7 -1 -1 0 -1"), None);
        assert_eq!(process(pid(12), ""), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn children_of_this_process_are_found_and_signalled() {
        let mut child = std::process::Command::new("sleep").arg("777").spawn().expect("it starts");
        let found = descendants(rustix::process::getpid());
        let own: Vec<_> = found.iter().filter(|one| one.pid == Pid::from_child(&child)).copied().collect();
        assert_eq!(own.len(), 1, "{found:?}");
        signal_all(&own, Signal::KILL);
        assert!(!child.wait().expect("it ends").success());
    }
}
