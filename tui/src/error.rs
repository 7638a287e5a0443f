//! Command errors: how does a person learn that something went wrong?
//! In one sentence or two on standard error: what was tried, what is wrong, what to do; and by the exit status.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use leasehold_store::{StoreError, UnreadableChanges};

/// Everything that ends a command before its report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// An option makes no sense with the others.
    #[error("{0}")]
    Usage(String),
    /// A file that was named cannot be read.
    #[error("{}", unreadable(path, why))]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// A file or folder that was named cannot be written.
    #[error("{} cannot be written: {why}; check the path", path.display())]
    Unwritable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// A scenario makes no sense.
    #[error("{0}")]
    Scenario(#[from] FileFlaw),
    /// The table could not be used.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The table could not be used, and where it was looked for.
    #[error("{wrong} [{location}]")]
    StoreAt {
        /// What went wrong.
        wrong: StoreError,
        /// The region, and the endpoint if there is one.
        location: String,
    },
    /// Not all of a pool's history could be told.
    #[error("{0}")]
    History(#[from] UnreadableChanges),
    /// A file that was named as a demo's has no table in it.
    #[error("{file} holds no table of a demo; check the path, or make one (`leasehold demo --store FILE`)")]
    NoDemo {
        /// The file.
        file: String,
    },
    /// A demo works on the file that was named for another.
    #[error("another demo is at work on {file}; wait for its end, or name another file")]
    DemoAtWork {
        /// The file.
        file: String,
    },
    /// Nothing says in which region the table is.
    #[error("no region: add --region, set AWS_REGION, or give the profile one (aws configure set region ...)")]
    NoRegion,
    /// Requests could not be signed.
    #[error(
        "no credentials for table {table}{}: {why}; sign in (aws configure, aws sso login), name a profile with \
         --profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (a local endpoint takes any)",
        profile.as_ref().map(|name| format!(" in profile {name}")).unwrap_or_default()
    )]
    NoCredentials {
        /// What they were wanted for.
        table: String,
        /// The profile that was named, if one was.
        profile: Option<String>,
        /// What each place where they might have been said.
        why: String,
    },
    /// What was asked for was not done, for a reason that lies in the pool or with whoever asked.
    #[error("{0}")]
    NotDone(String),
    /// A command was not run under a lease to its own end.
    #[error("{words}")]
    Run {
        /// The exit status that says so.
        status: u8,
        /// Why.
        words: String,
    },
    /// The system refused something that every run needs.
    #[error("{0}")]
    System(#[from] std::io::Error),
    /// The answer could not be told.
    #[error("standard output cannot be written: {0}")]
    Output(std::io::Error),
    /// A signal asked to stop.
    #[error("stopped by {}; {left}", if *signal == 2 { "ctrl-C" } else { "a signal" })]
    Stopped {
        /// Which signal.
        signal: u8,
        /// What is left behind.
        left: String,
    },
}

/// Begins where a table was looked for, if that is a demo's file.
pub(crate) const STORE: &str = "store ";

/// A path is checked in vain where the file is there, and is no text.
fn unreadable(path: &Path, why: &std::io::Error) -> String {
    let path = path.display();
    match why.kind() {
        ErrorKind::InvalidData => format!("{path} is no text in UTF-8; check that it is the file that was meant"),
        _ => format!("{path} cannot be read: {why}; check the path"),
    }
}

impl CliError {
    /// The same, with where the table was looked for: a wrong region is the commonest reason that it is missing.
    pub(crate) fn at(self, location: Option<&str>) -> CliError {
        match (self, location) {
            (CliError::Store(StoreError::TableMissing { .. }), Some(location)) if location.starts_with(STORE) => {
                CliError::NoDemo { file: location.trim_start_matches(STORE).into() }
            }
            (CliError::Store(wrong), Some(location)) => CliError::StoreAt { wrong, location: location.into() },
            (other, _) => other,
        }
    }

    /// The exit status it is told by; `leasehold --help`, and that of `demo` and `run`, list them.
    pub(crate) fn status(&self) -> u8 {
        match self {
            CliError::Usage(_) | CliError::Unreadable { .. } | CliError::Unwritable { .. } | CliError::Scenario(_) => 2,
            CliError::NotDone(_)
            | CliError::Store(StoreError::PoolNotFound { .. })
            | CliError::StoreAt { wrong: StoreError::PoolNotFound { .. }, .. } => 1,
            CliError::Store(_)
            | CliError::StoreAt { .. }
            | CliError::History(_)
            | CliError::NoDemo { .. }
            | CliError::DemoAtWork { .. }
            | CliError::NoRegion
            | CliError::NoCredentials { .. }
            | CliError::System(_)
            | CliError::Output(_) => 3,
            CliError::Run { status, .. } => *status,
            // As shells report a process that a signal ended.
            CliError::Stopped { signal, .. } => 128 + signal,
        }
    }
}

/// What is wrong with a scenario, or with a file that it names.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{file}, line {line}: {found}\n  expected {expected}")]
pub(crate) struct FileFlaw {
    /// Which file.
    pub(crate) file: String,
    /// Which line, counted from 1.
    pub(crate) line: usize,
    /// What is there.
    pub(crate) found: String,
    /// What would have been right.
    pub(crate) expected: String,
}
