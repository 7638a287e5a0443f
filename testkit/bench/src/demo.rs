//! The demo, beside its ideal: how far over it does `make demo` end? Run as a person runs it, several times.

use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::BenchError;
use crate::measure::Spread;

/// What the runs of the demo showed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DemoReport {
    /// By how many percent each run's makespans exceeded the ideal ones, that of the pool that was further over.
    pub(crate) over_percent: Vec<f64>,
}

impl DemoReport {
    /// The middle run.
    pub(crate) fn middle(&self) -> f64 {
        Spread::of(self.over_percent.iter().copied()).map_or(f64::NAN, |spread| spread.median)
    }

    /// The best run.
    pub(crate) fn least(&self) -> f64 {
        self.over_percent.iter().copied().fold(f64::NAN, f64::min)
    }

    /// The worst run.
    pub(crate) fn most(&self) -> f64 {
        self.over_percent.iter().copied().fold(f64::NAN, f64::max)
    }
}

/// Runs the demo so often.
///
/// # Errors
/// When it fails, or says nothing of its makespan.
pub(crate) fn run(leasehold: &Path, times: usize) -> Result<DemoReport, BenchError> {
    let mut over_percent = Vec::new();
    for _ in 0..times {
        let ran = Command::new(leasehold).args(["demo", "--plain"]).output()?;
        let said = String::from_utf8(ran.stdout)?;
        let line =
            said.lines().find_map(|line| line.trim().strip_prefix("over it")).ok_or("no line of it says `over it`")?;
        let shares = line.split('%').filter_map(|share| share.trim().parse::<f64>().ok());
        over_percent.push(shares.fold(f64::NAN, f64::max));
    }
    Ok(DemoReport { over_percent })
}
