//! How does a person learn that something went wrong? In one sentence or two on standard error: what was tried,
//! what is wrong, what to do; and by the exit status.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use leasehold_store::StoreError;

use crate::demo::Flaw;

/// Everything that ends a command before its report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// An option makes no sense with the others.
    #[error("{0}")]
    Usage(String),
    /// A file that was named cannot be read.
    #[error("{} cannot be read: {why}; check the path", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// A scenario makes no sense.
    #[error("{0}")]
    Scenario(#[from] Flaw),
    /// The table could not be used.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The system refused something that every run needs.
    #[error("{0}")]
    System(#[from] std::io::Error),
    /// A signal asked to stop.
    #[error("stopped by {}; {left}", if *signal == 2 { "ctrl-C" } else { "a signal" })]
    Stopped {
        /// Which signal.
        signal: u8,
        /// What is left behind.
        left: String,
    },
}

impl Trouble {
    /// The exit status it is told by; `leasehold demo --help` lists them.
    fn status(&self) -> u8 {
        match self {
            Trouble::Usage(_) | Trouble::Unreadable { .. } | Trouble::Scenario(_) => 2,
            Trouble::Store(_) | Trouble::System(_) => 3,
            // As shells report a process that a signal ended.
            Trouble::Stopped { signal, .. } => 128 + signal,
        }
    }
}

/// The exit status of a command that came to this; what is wrong goes to standard error.
pub(crate) fn status(done: Result<bool, Trouble>) -> ExitCode {
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(trouble) => {
            // Nobody is left to be told where standard error is closed.
            let _ = writeln!(std::io::stderr(), "leasehold: {trouble}");
            trouble.status().into()
        }
    }
}
