//! Becoming the command: what does the new process do between its start and the command's own code?
//! It joins the control group, has the system kill it when its guardian ends, and becomes the command. In a process of its
//! own, as this can be told of no other.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, getppid};

use super::control_group;
use super::status::{NOT_FOUND, NOT_STARTED};
use crate::error::CliError;

/// The first argument by which this program becomes a command that is bound to the process which started it.
pub(crate) const BOUND: &str = "--bound-to";

/// Becomes the command of these arguments behind [`BOUND`]. Comes back if it cannot.
pub(crate) fn become_command(arguments: &[OsString]) -> CliError {
    let [parent, bound, group, name, rest @ ..] = arguments else {
        return CliError::Usage(format!("{BOUND}: expected a process, bound or free, a group and a command"));
    };
    let Some(parent) = parent.to_str().and_then(|parent| parent.parse().ok()).and_then(Pid::from_raw) else {
        return CliError::Usage(format!("{BOUND}: expected the number of a process"));
    };
    if group != "-" {
        // Where it cannot be done, everything is found one by one.
        let _ = control_group::join(Path::new(group));
    }
    if bound == "bound" {
        #[cfg(target_os = "linux")]
        if let Err(wrong) = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL)) {
            return std::io::Error::from(wrong).into();
        }
    }
    // It may have ended before that was said.
    if getppid() != Some(parent) {
        return CliError::NotDone("whoever started the command has ended".into());
    }
    not_started(name, &Command::new(name).args(rest).exec())
}

fn not_started(name: &OsStr, wrong: &std::io::Error) -> CliError {
    let shown = Path::new(name).display();
    match wrong.kind() {
        ErrorKind::NotFound if name.is_empty() => {
            CliError::Run { status: NOT_FOUND, words: "the command is an empty word; write its name after --".into() }
        }
        ErrorKind::NotFound => CliError::Run {
            status: NOT_FOUND,
            words: format!("{shown} was not found, or its interpreter was not; check its name, and PATH"),
        },
        _ => CliError::Run { status: NOT_STARTED, words: format!("{shown} cannot be started: {wrong}") },
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
