//! A demo's table in a file: what is it called, how is it opened, and how do two demos not meet on it?

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use leasehold_store::{Embedded, Table};

use crate::error::CliError;

/// The table's name inside the embedded store.
pub(crate) const TABLE: &str = "leasehold-demo";

/// Who sets a demo's pools, as their history says.
pub(crate) const AUTHOR: &str = "leasehold demo";

/// The table of a demo that keeps or kept it in this file.
pub(crate) fn open(file: &Path) -> Result<Table, CliError> {
    // The engine would make the file, or fill an empty one.
    let found = std::fs::metadata(file).map_err(|why| CliError::Unreadable { path: file.into(), why })?;
    if found.is_file() && found.len() == 0 {
        return Err(CliError::NoDemo { file: file.display().to_string() });
    }
    Ok(Embedded::file(file)?.table(TABLE))
}

/// The right to be the one demo on a file, until it is dropped. A second one would set the pools of the first anew.
#[derive(Debug)]
pub(crate) struct DemoLock {
    path: PathBuf,
    _locked: File,
}

impl DemoLock {
    /// Takes it; none where the file's folder knows no locks, or takes no file: then the engine says what is wrong.
    ///
    /// # Errors
    /// While another demo has it.
    pub(crate) fn take(store: &Path) -> Result<Option<DemoLock>, CliError> {
        let mut path = store.canonicalize().unwrap_or_else(|_| store.into()).into_os_string();
        path.push("-demo");
        let Ok(file) = File::options().create(true).truncate(false).write(true).open(&path) else { return Ok(None) };
        match file.try_lock() {
            Ok(()) => Ok(Some(DemoLock { path: path.into(), _locked: file })),
            Err(TryLockError::WouldBlock) => Err(CliError::DemoAtWork { file: store.display().to_string() }),
            Err(TryLockError::Error(_)) => Ok(None),
        }
    }
}

impl Drop for DemoLock {
    fn drop(&mut self) {
        // It is of no use to anybody any more; that it stays does no harm.
        let _ = std::fs::remove_file(&self.path);
    }
}
