//! The child command: how is it started, signalled, and its end learned?
//! In this process's own group, so that a terminal treats both alike; only where it must be ended for certain, and
//! there is no terminal, in a group of its own.

use std::ffi::{OsStr, OsString};
use std::io::{ErrorKind, IsTerminal};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::mpsc;
use std::time::Duration;

use leasehold_core::Lease;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, test_kill_process_group, waitid,
};
use signal_hook::consts::SIGKILL;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::{NOT_FOUND, NOT_STARTED};
use crate::error::CliError;

/// A command that runs.
pub(crate) struct ChildCommand {
    child: Child,
    pid: Pid,
    /// It has a process group of its own, and who is signalled is all of it.
    own_group: bool,
    ended: oneshot::Receiver<()>,
}

impl ChildCommand {
    /// Starts it. With `bound` it ends when this process does, however that ends.
    pub(crate) fn start(command: &[OsString], lease: &Lease, bound: bool) -> Result<ChildCommand, CliError> {
        let mut child = if bound { bound_to_this_process(command)? } else { plain(command) };
        child.env("LEASEHOLD_PREFIX", lease.id.prefix.as_str()).env("LEASEHOLD_LEASE_ID", lease.id.to_string());
        child.env("LEASEHOLD_SLOT", lease.id.slot.0.to_string()).env("LEASEHOLD_FENCE", lease.id.fence.0.to_string());
        let terminal =
            std::io::stdin().is_terminal() || std::io::stdout().is_terminal() || std::io::stderr().is_terminal();
        let own_group = bound && !terminal;
        if own_group {
            child.process_group(0);
        }
        let (started, which) = mpsc::channel();
        let (sender, ended) = oneshot::channel();
        // It only watches: the process is reaped here, so that its number is nobody else's while it is signalled. It is
        // there before the command is: one that nobody watches is never started.
        std::thread::Builder::new().name("command".into()).spawn(move || {
            let Ok(pid) = which.recv() else { return };
            while waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
                .is_err_and(|wrong| wrong == rustix::io::Errno::INTR)
            {}
            let _ = sender.send(());
        })?;
        let child = child.spawn().map_err(|wrong| not_started(&command[0], &wrong))?;
        let pid = Pid::from_child(&child);
        // The thread waits for nothing else.
        let _ = started.send(pid);
        Ok(ChildCommand { child, pid, own_group, ended })
    }

    /// Its exit status once it has ended: its own, or 128 + N if signal N ended it.
    pub(crate) async fn end(&mut self) -> Result<u8, CliError> {
        let _ = (&mut self.ended).await;
        let status = self.child.wait()?;
        let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
        Ok(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX))
    }

    /// Waits until what it started has ended too, where that is in a group of its own; kills it then.
    pub(crate) async fn end_of_its_group(&self, at: Instant) {
        while self.own_group && test_kill_process_group(self.pid).is_ok() {
            if Instant::now() >= at {
                self.signal(SIGKILL);
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Whether a terminal sends its signals to it as well.
    pub(crate) fn shares_the_terminal(&self) -> bool {
        !self.own_group
    }

    /// Sends it a signal. One that has ended just now needs none.
    pub(crate) fn signal(&self, number: i32) {
        let Some(signal) = Signal::from_named_raw(number) else { return };
        let _ = if self.own_group { kill_process_group(self.pid, signal) } else { kill_process(self.pid, signal) };
    }
}

fn plain(command: &[OsString]) -> Command {
    let mut child = Command::new(&command[0]);
    child.args(&command[1..]);
    child
}

/// The same by way of this program, which has the system end the process with this one, and becomes the command.
fn bound_to_this_process(command: &[OsString]) -> Result<Command, CliError> {
    if !cfg!(target_os = "linux") {
        return Ok(plain(command));
    }
    let mut child = Command::new(std::env::current_exe()?);
    child.arg(BOUND).arg(std::process::id().to_string()).args(command);
    Ok(child)
}

/// The first argument by which this program becomes a command that is bound to the process which started it.
pub(crate) const BOUND: &str = "--bound-to";

/// Becomes the command, which is killed when the process with this number ends. Comes back if it cannot.
#[cfg(target_os = "linux")]
pub(crate) fn become_bound(parent: &OsStr, command: &[OsString]) -> CliError {
    let parent = parent.to_str().and_then(|parent| parent.parse().ok()).and_then(Pid::from_raw);
    let (Some(parent), false) = (parent, command.is_empty()) else {
        return CliError::Usage(format!("{BOUND}: expected the number of a process and a command"));
    };
    if let Err(wrong) = rustix::process::set_parent_process_death_signal(Some(Signal::KILL)) {
        return std::io::Error::from(wrong).into();
    }
    // It may have ended before that was said.
    if rustix::process::getppid() != Some(parent) {
        return CliError::NotDone("whoever started the command has ended".into());
    }
    not_started(&command[0], &plain(command).exec())
}

fn not_started(name: &OsStr, wrong: &std::io::Error) -> CliError {
    let name = Path::new(name).display();
    match wrong.kind() {
        ErrorKind::NotFound => CliError::Run {
            status: NOT_FOUND,
            words: format!("{name} was not found, or its interpreter was not; check its name, and PATH"),
        },
        _ => CliError::Run { status: NOT_STARTED, words: format!("{name} cannot be started: {wrong}") },
    }
}

/// Whether there is such a command: better known before the queue than after it.
pub(crate) fn find(name: &OsStr) -> Result<(), CliError> {
    let path = Path::new(name);
    let named = path.components().count() > 1 || path.is_absolute();
    let places: Vec<PathBuf> = if named {
        vec![path.into()]
    } else {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&folders).map(|folder| folder.join(path)).collect()
    };
    let found: Vec<_> =
        places.iter().filter_map(|place| place.metadata().ok()).filter(|found| named || found.is_file()).collect();
    if found.iter().any(|found| found.is_file() && found.permissions().mode() & 0o111 != 0) {
        return Ok(());
    }
    let wrong = match found.first() {
        None => ErrorKind::NotFound,
        Some(found) if found.is_dir() => ErrorKind::IsADirectory,
        Some(_) => ErrorKind::PermissionDenied,
    };
    Err(not_started(name, &wrong.into()))
}
