//! The lease manager beside other functions: how long do they take to start and to answer, and how large are they? What
//! `scripts/bench-lambda --json` has measured, as part of a report.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::BenchError;
use crate::measure::Spread;

/// What one function showed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FunctionReport {
    /// Which one, in words.
    pub(crate) name: String,
    /// From its start to its first answer, in milliseconds.
    pub(crate) first_answer_ms: Spread,
    /// A later answer, in milliseconds.
    pub(crate) later_answer_ms: Spread,
    /// The most memory that it had, in megabytes.
    pub(crate) memory_mb: f64,
    /// Its package as it is uploaded, in megabytes.
    pub(crate) package_mb: f64,
}

/// Reads what was measured; nothing, where nothing was.
///
/// # Errors
/// When the file says something else.
pub(crate) fn read(path: &Path) -> Result<Vec<FunctionReport>, BenchError> {
    match std::fs::read(path) {
        Ok(text) => Ok(serde_json::from_slice(&text)?),
        Err(_) => Ok(Vec::new()),
    }
}
