//! The control group: where one can be made (cgroup v2), is everything that a command started in one, to be killed at once?
//! Only a help: what multiplies faster than it can be listed is killed with it in one write. Where none can be made, because
//! that is not allowed or the system has none, the guardian does without.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FlockOperation, flock};
use rustix::process::getpid;
use rustix::time::Timespec;

/// What every group's name begins with. The guardian's number follows.
const NAMED: &str = "leasehold-run-";

/// How long the system may take until those who have ended have left a group.
const LEFT_WITHIN: Duration = Duration::from_secs(2);

/// A group of its own, below that of this process. Gone when dropped.
#[derive(Debug)]
pub(crate) struct ControlGroup {
    folder: PathBuf,
    parent: PathBuf,
    /// Held as long as the guardian lives, however it ends: by it others know that the group is not left behind.
    _lock: File,
}

impl ControlGroup {
    /// Makes one, if that can be done.
    pub(crate) fn make() -> Option<ControlGroup> {
        ControlGroup::make_below(parent_group()?, &getpid().as_raw_nonzero().to_string())
    }

    fn make_below(parent: PathBuf, name: &str) -> Option<ControlGroup> {
        remove_left_behind(&parent);
        let folder = parent.join(format!("{NAMED}{name}"));
        fs::create_dir(&folder).ok()?;
        let lock = locked(&folder)?;
        let group = ControlGroup { folder, parent, _lock: lock };
        // Since Linux 5.14; without it the group is of no use here.
        group.folder.join("cgroup.kill").exists().then_some(group)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Kills everything in it.
    pub(crate) fn kill(&self) {
        let _ = fs::write(self.folder.join("cgroup.kill"), "1");
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        // What may go on goes back to where it would have been.
        let left = fs::read_to_string(self.folder.join("cgroup.procs")).unwrap_or_default();
        for process in left.lines() {
            let _ = fs::write(self.parent.join("cgroup.procs"), process);
        }
        remove(&self.folder);
    }
}

/// Removes a group. One who has ended, and was waited for, may still be in it for a moment.
fn remove(folder: &Path) {
    let until = Instant::now() + LEFT_WITHIN;
    while fs::remove_dir(folder).is_err_and(|wrong| wrong.kind() == io::ErrorKind::ResourceBusy)
        && Instant::now() < until
    {
        // Told when the last one leaves; looked at again soon, as it may have left meanwhile.
        let again = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };
        let events = File::open(folder.join("cgroup.events"));
        let mut watched: Vec<_> = events.iter().map(|file| PollFd::new(file, PollFlags::PRI)).collect();
        let _ = poll(&mut watched, Some(&again));
    }
}

/// Removes the groups of guardians that were killed. One in which somebody still is stays.
fn remove_left_behind(parent: &Path) {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(NAMED)) {
        if let Some(_lock) = locked(&entry.path()) {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// The lock on a group's folder, unless another process has it.
fn locked(folder: &Path) -> Option<File> {
    let file = File::open(folder).ok()?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
    Some(file)
}

/// The folder of the group that this process is in.
fn parent_group() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    own_folder(&mounts, &fs::read_to_string("/proc/self/cgroup").ok()?)
}

/// Puts this process into that group.
pub(crate) fn join(folder: &Path) -> io::Result<()> {
    fs::write(folder.join("cgroup.procs"), "0")
}

/// The folder of this process's own group, from `/proc/self/mountinfo` and `/proc/self/cgroup`.
fn own_folder(mounts: &str, groups: &str) -> Option<PathBuf> {
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let place = mounts.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        after.starts_with("cgroup2 ").then_some(())?;
        let mut fields = before.split(' ').skip(3);
        let (root, place) = (fields.next()?, fields.next()?);
        Some((root.trim_matches('/').to_owned(), PathBuf::from(place)))
    });
    let (root, place) = place?;
    let below = if root.is_empty() { own } else { own.strip_prefix(&*root)?.trim_start_matches('/') };
    Some(if below.is_empty() { place } else { place.join(below) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_group_is_found_below_its_mount() {
        let mount = |root: &str| format!("30 23 0:26 {root} /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n");
        let found = |root, groups| own_folder(&mount(root), groups).map(|folder| folder.display().to_string());
        assert_eq!(found("/", "0::/user.slice/a\n").as_deref(), Some("/sys/fs/cgroup/user.slice/a"));
        assert_eq!(found("/", "12:pids:/x\n0::/\n").as_deref(), Some("/sys/fs/cgroup"));
        assert_eq!(found("/docker/1", "0::/docker/1/b\n").as_deref(), Some("/sys/fs/cgroup/b"));
        assert_eq!((found("/", "1:pids:/x\n"), own_folder("", "0::/a\n")), (None, None));
    }

    #[test]
    fn what_is_in_a_group_is_killed_with_it() {
        // Where none can be made there is nothing to try: without permission, or without cgroup v2.
        let Some(group) = ControlGroup::make() else { return };
        let folder = group.folder().to_owned();
        let mut child = sleeper_in(&folder);
        group.kill();
        assert!(!child.wait().expect("it ends").success());
        drop(group);
        assert!(!folder.exists());
    }

    fn sleeper_in(folder: &Path) -> std::process::Child {
        let child = std::process::Command::new("sleep").arg("777").spawn().expect("it starts");
        fs::write(folder.join("cgroup.procs"), child.id().to_string()).expect("it joins");
        child
    }

    /// A group of a test's own, below which no run of another makes or removes any. None where none can be made.
    struct TestParent(PathBuf);

    impl TestParent {
        fn make(name: &str) -> Option<TestParent> {
            let folder = parent_group()?.join(format!("leasehold-test-{name}-{}", getpid().as_raw_nonzero()));
            fs::create_dir(&folder).ok()?;
            Some(TestParent(folder))
        }
    }

    impl Drop for TestParent {
        fn drop(&mut self) {
            remove(&self.0);
        }
    }

    #[test]
    fn a_group_is_removed_although_the_last_one_leaves_it_late() {
        let Some(parent) = TestParent::make("late") else { return };
        let Some(group) = ControlGroup::make_below(parent.0.clone(), "1") else { return };
        // In a group below, from where nobody is brought back: the folder is busy until that is gone.
        let (folder, below) = (group.folder().to_owned(), group.folder().join("below"));
        fs::create_dir(&below).expect("a group");
        let mut child = sleeper_in(&below);
        let ends = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            child.kill().expect("it ends");
            child.wait().expect("it ends");
            remove(&below);
        });
        drop(group);
        ends.join().expect("it ends");
        assert!(!folder.exists());
    }

    #[test]
    fn a_group_that_was_left_behind_is_removed_by_the_next_run() {
        let Some(parent) = TestParent::make("left") else { return };
        let folder = |name: &str| parent.0.join(format!("{NAMED}{name}"));
        let (left, used) = (folder("left"), folder("used"));
        let Some(first) = ControlGroup::make_below(parent.0.clone(), "first") else { return };
        for folder in [&left, &used] {
            fs::create_dir(folder).expect("a group");
        }
        let mut child = sleeper_in(&used);
        let second = ControlGroup::make_below(parent.0.clone(), "second");
        let there = [&left, &used, &first.folder].map(|folder| folder.exists());
        child.kill().expect("it ends");
        child.wait().expect("it ends");
        drop(second);
        remove(&used);
        assert_eq!(there, [false, true, true], "left behind, in use, and one whose guardian lives");
    }
}
