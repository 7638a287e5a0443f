//! The control group: where one can be made (cgroup v2), is everything that a command started in one, to be killed at once?
//! Only a help: what multiplies faster than it can be listed is killed with it in one write. Where none can be made, because
//! that is not allowed or the system has none, the guardian does without.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::process::getpid;

/// A group of its own, below that of this process. Gone when dropped, unless somebody is in it.
#[derive(Debug)]
pub(crate) struct ControlGroup {
    folder: PathBuf,
    parent: PathBuf,
}

impl ControlGroup {
    /// Makes one, if that can be done.
    pub(crate) fn make() -> Option<ControlGroup> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
        let parent = own_folder(&mounts, &groups)?;
        let folder = parent.join(format!("leasehold-run-{}", getpid().as_raw_nonzero()));
        fs::create_dir(&folder).ok()?;
        let group = ControlGroup { folder, parent };
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
        let _ = fs::remove_dir(&self.folder);
    }
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
        let mut child = std::process::Command::new("sleep").arg("777").spawn().expect("it starts");
        fs::write(folder.join("cgroup.procs"), child.id().to_string()).expect("it joins");
        group.kill();
        assert!(!child.wait().expect("it ends").success());
        drop(group);
        assert!(!folder.exists());
    }
}
