//! A demo's table in a file: what is it called, and how is it opened?

use std::path::Path;

use leasehold_store::{Embedded, Table};

use crate::error::CliError;

/// The table's name inside the embedded store.
pub(crate) const TABLE: &str = "leasehold-demo";

/// Who sets a demo's pools, as their history says.
pub(crate) const AUTHOR: &str = "leasehold demo";

/// The table of a demo that keeps or kept it in this file.
pub(crate) fn open(file: &Path) -> Result<Table, CliError> {
    // The engine would make the file.
    std::fs::metadata(file).map_err(|why| CliError::Unreadable { path: file.into(), why })?;
    Ok(Embedded::file(file)?.table(TABLE))
}
