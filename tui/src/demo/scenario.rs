//! Scenarios: what work is done, in which pools, under which limits?
//! A scenario, as read from its file and trusted after.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use leasehold_core::{Limit, PoolName};

use super::schedule;
use crate::error::CliError;

/// The files that the example's pools name.
pub(super) const EXAMPLE_ITEMS: [(&str, &str); 2] = [
    ("items/analytics.json", include_str!("../../../examples/shared-table/items/analytics.json")),
    ("items/batch.json", include_str!("../../../examples/shared-table/items/batch.json")),
];

/// The workloads that share one table.
#[derive(Clone, Debug)]
pub(crate) struct DemoScenario {
    /// Each with a pool of its own.
    pub(crate) pools: Vec<PoolPlan>,
}

/// One workload, and the rules of its pool.
#[derive(Clone, Debug)]
pub(crate) struct PoolPlan {
    /// The pool's name.
    pub(crate) prefix: PoolName,
    /// How many may hold a lease at once, at the start.
    pub(crate) limit: Limit,
    /// The ids of its items.
    pub(crate) items: Vec<Arc<str>>,
    /// How long each item's work lasts.
    pub(crate) work: Duration,
    /// How long a lease lasts.
    pub(crate) lease: Duration,
    /// The most that clocks differ.
    pub(crate) grace: Duration,
    /// How often it is swept.
    pub(crate) sweep: Duration,
    /// How long after a change of the limit somebody may still follow the old one.
    pub(crate) quiet: Duration,
    /// How long a polling worker waits at most before it asks again.
    pub(crate) poll: Duration,
    /// When a worker gives its item up as lost.
    pub(crate) wait: Duration,
    /// Over how long its workers start, evenly.
    pub(crate) start: Duration,
}

/// The times of a pool that a scenario may leave out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    pub(crate) work: Option<Duration>,
    pub(crate) lease: Option<Duration>,
    pub(crate) grace: Option<Duration>,
    pub(crate) sweep: Option<Duration>,
    pub(crate) quiet: Option<Duration>,
    pub(crate) poll: Option<Duration>,
    pub(crate) wait: Option<Duration>,
    pub(crate) start: Option<Duration>,
}

impl Times {
    /// These, and what they leave out from `others`.
    pub(crate) fn or(self, others: Times) -> Times {
        Times {
            work: self.work.or(others.work),
            lease: self.lease.or(others.lease),
            grace: self.grace.or(others.grace),
            sweep: self.sweep.or(others.sweep),
            quiet: self.quiet.or(others.quiet),
            poll: self.poll.or(others.poll),
            wait: self.wait.or(others.wait),
            start: self.start.or(others.start),
        }
    }
}

impl PoolPlan {
    /// A plan with these times, and defaults for those that are left out.
    pub(crate) fn new(prefix: PoolName, limit: Limit, items: Vec<Arc<str>>, work: Duration, times: Times) -> Self {
        let seconds = Duration::from_secs_f64;
        let lease = times.lease.unwrap_or(seconds(10.0));
        // Nobody is let in at first: somebody will raise the limit, or the items are lost.
        let ideal = schedule::ideal(items.len(), work, &[(Duration::ZERO, limit.count().max(1))]);
        PoolPlan {
            prefix,
            limit,
            items,
            work,
            lease,
            grace: times.grace.unwrap_or(seconds(1.0)),
            sweep: times.sweep.unwrap_or(seconds(2.0)),
            quiet: times.quiet.unwrap_or(seconds(3.0)),
            poll: times.poll.unwrap_or(seconds(0.5)),
            wait: times.wait.unwrap_or(ideal.unwrap_or_default() * 10 + lease * 3 + seconds(60.0)),
            start: times.start.unwrap_or_default(),
        }
    }
}

/// Where the files that a scenario names are read from.
pub(crate) enum Files<'a> {
    /// The folder of the scenario's own file.
    Beside(&'a Path),
    /// These, by name: the files of the example, which this program carries.
    Carried(&'a [(&'a str, &'a str)]),
}

impl Files<'_> {
    /// A file's name as a person would look for it, and its text.
    pub(crate) fn read(&self, name: &str) -> Result<(String, String), CliError> {
        match self {
            Files::Beside(scenario) => {
                let path = scenario.parent().unwrap_or(Path::new("")).join(name);
                let text = read(&path)?;
                Ok((path.display().to_string(), text))
            }
            Files::Carried(files) => {
                let found = files.iter().find(|(carried, _)| *carried == name);
                let missing = || CliError::Unreadable { path: name.into(), why: std::io::ErrorKind::NotFound.into() };
                found.map(|(_, text)| (name.to_owned(), (*text).to_owned())).ok_or_else(missing)
            }
        }
    }
}

/// A file's text.
pub(super) fn read(path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(|why| CliError::Unreadable { path: path.into(), why })
}
