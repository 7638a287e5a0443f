//! The report of a run: what was measured, in one value that is written as JSON, tables and plots.

pub(crate) mod markdown;
pub(crate) mod plots;
pub(crate) mod targets;

use serde::{Deserialize, Serialize};

use crate::demo::DemoReport;
use crate::experiments::{ExperimentReport, Size};
use crate::functions::FunctionReport;
use crate::latency::LatencyReport;
use crate::machine::Machine;

/// All that one run showed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Where, when and with what.
    pub(crate) machine: Machine,
    /// How much was measured.
    pub(crate) size: Size,
    /// The crowds.
    pub(crate) experiments: Vec<ExperimentReport>,
    /// Latencies where nobody waits.
    pub(crate) latencies: Vec<LatencyReport>,
    /// The lease manager beside other functions; empty: not measured.
    pub(crate) functions: Vec<FunctionReport>,
    /// The demo; none: not measured.
    pub(crate) demo: Option<DemoReport>,
}

impl Report {
    /// The experiment of this name.
    pub(crate) fn experiment(&self, name: &str) -> Option<&ExperimentReport> {
        self.experiments.iter().find(|experiment| experiment.name == name)
    }

    /// The experiments whose names begin so.
    pub(crate) fn experiments_of<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a ExperimentReport> {
        self.experiments.iter().filter(move |experiment| experiment.name.starts_with(prefix))
    }
}
