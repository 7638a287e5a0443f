//! Demo options: what may be asked of `leasehold demo`?
//! Its options, and what is wrong with those that make no sense.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use leasehold_core::{Limit, PoolName};

use super::scenario::DemoScenario;
use crate::error::CliError;

/// Run a scenario's work on an embedded table: nothing to install, no AWS account
///
/// Each item is a worker that acquires a lease, works, and releases the lease; each pool has a limit on how many
/// hold a lease at once. By default it runs the shared-table example: 30 analytics items with limit 15 and 20
/// batch items with limit 5, on one table, with work of 3 s.
///
/// On a terminal the dashboard shows it while it runs: `k` kills a worker, `+` and `-` change a limit, `<` and `>`
/// the speed, `?` lists all keys. `q` leaves it: the run goes on and ends with its report.
///
/// Whether a limit was kept is judged from what the workers were told and when they gave it back, not from the
/// rows of the table.
#[derive(Clone, Debug, clap::Args)]
#[command(verbatim_doc_comment, after_long_help = AFTER)]
pub(crate) struct DemoOptions {
    /// The scenario to run: a TOML file (by default the shared-table example)
    #[arg(value_name = "SCENARIO", conflicts_with = "scenario")]
    pub(crate) file: Option<PathBuf>,

    /// The same as SCENARIO
    #[arg(long, value_name = "FILE")]
    pub(crate) scenario: Option<PathBuf>,

    /// Workers ask again and again instead of waiting in the queue
    #[arg(long)]
    pub(crate) poll: bool,

    /// How many workers die holding a lease; others do their items once a slot is free
    #[arg(long, value_name = "N", default_value = "0", hide_default_value = true, value_parser = workers)]
    #[arg(allow_negative_numbers = true)]
    pub(crate) kill: usize,

    /// Change a pool's limit SECONDS after the start; 0 lets nobody in (may be given several times)
    #[arg(long = "limit", value_name = "PREFIX=N@SECONDS")]
    pub(crate) limits: Vec<PlannedLimit>,

    /// Keep the table in this file (by default in memory); runs may follow one another on it
    #[arg(long, value_name = "PATH")]
    pub(crate) store: Option<PathBuf>,

    /// Print progress and the report only, no dashboard, even on a terminal
    #[arg(long)]
    pub(crate) plain: bool,

    /// Save what the dashboard shows in this file, for `leasehold watch --replay`; it needs a terminal
    #[arg(long, value_name = "FILE", conflicts_with_all = ["plain", "json"])]
    pub(crate) record: Option<PathBuf>,

    /// Print the report as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

const AFTER: &str = "\
A scenario is a TOML file; times are in seconds. A time given before the first pool holds for every pool.

    work_seconds = 3      # how long each item's work lasts (needed, here or in each pool)
    lease_seconds = 10    # how long a lease lasts; workers renew theirs at half of it
    grace_seconds = 1     # the most that clocks differ: another takes an expired lease this much later
    sweep_seconds = 2     # how often the pool is swept
    quiet_seconds = 3     # how long after a change of the limit somebody may still follow the old one
    poll_seconds = 0.5    # with --poll: how long to wait at most before asking again
    wait_seconds = 150    # when a worker gives its item up (default: 10 x ideal + 3 leases + 60 s)
    start_seconds = 0     # over how long the workers start, one after another (default: all at once)

    [[pool]]
    prefix = \"analytics\"  # 1 to 64 of A-Z a-z 0-9 . _ -
    limit = 15            # how many may hold a lease at once: 0 (nobody is let in) to 10000
    items = \"items.json\"  # a JSON array of objects with an \"id\", beside the scenario; or a number of items

The JSON report (--json), times in seconds since the start:

    ok, run, mode, store, seconds, and for each of pools:
    prefix, limit_at_start, limit (at the end), limit_changes [{at, limit, by (null: the demo)}], items, done,
    lost [{item, why}], peak_held, makespan, ideal (null: no slot would do it, the speed was changed, or somebody
    else changed the limit), over_ideal_percent (null also if items were lost),
    wait {p50, p99, max}, died, reclaimed, reclaimed_after (the longest,
    from a worker's death to its slot being free or another's), asked_again, renewed, leases_lost,
    per_job {requests, read_units, write_units}, upkeep {requests, read_units, write_units} (sweeps, changes
    and looks), still_held [slot and holder], violations [{at, who, what}]

Exit status: 0 all is well; 1 a limit was exceeded, an item was lost or a slot did not come back; 2 the
options or the scenario make no sense; 3 the store cannot be used; 130 stopped by ctrl-C.";

/// A change of a limit while the demo runs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PlannedLimit {
    /// Whose.
    pub(crate) prefix: PoolName,
    /// The limit.
    pub(crate) limit: Limit,
    /// When, counted from the start.
    pub(crate) at: Duration,
}

impl FromStr for PlannedLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shape = || "expected PREFIX=N@SECONDS, as in batch=8@4.5".to_owned();
        let (prefix, rest) = text.split_once('=').ok_or_else(shape)?;
        let (limit, at) = rest.split_once('@').ok_or_else(shape)?;
        let count: Option<u64> = limit.parse().ok();
        let limit = count.and_then(|count| Limit::try_from(count).ok());
        let limit = limit.ok_or("N: expected a whole number from 0 to 10000, as in batch=8@4.5")?;
        let seconds: Option<f64> = at.parse().ok().filter(|seconds| (0.0..=86_400.0).contains(seconds));
        let seconds = seconds.ok_or("SECONDS: expected a number from 0 to 86400, as in batch=8@4.5")?;
        Ok(PlannedLimit {
            prefix: prefix.parse().map_err(|e| format!("PREFIX: {e}"))?,
            limit,
            at: Duration::from_secs_f64(seconds),
        })
    }
}

fn workers(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "expected a whole number of workers, as in 3".to_owned())
}

impl DemoOptions {
    /// Whether somebody is there to look at a dashboard.
    pub(crate) fn on_dashboard(&self) -> bool {
        let terminal = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
        terminal && !self.json && !self.plain && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
    }

    /// Checks what can only be checked against the scenario.
    pub(crate) fn check(&self, scenario: &DemoScenario) -> Result<(), CliError> {
        if self.record.is_some() && !self.on_dashboard() {
            let wrong = "--record keeps what the dashboard shows, and there is none: run the demo on a terminal";
            return Err(CliError::Usage(wrong.into()));
        }
        let items: usize = scenario.pools.iter().map(|pool| pool.items.len()).sum();
        if self.kill > items {
            let wrong = format!("--kill {}: expected at most {items}, the number of items in the scenario", self.kill);
            return Err(CliError::Usage(wrong));
        }
        let names: Vec<&str> = scenario.pools.iter().map(|pool| pool.prefix.as_str()).collect();
        match self.limits.iter().find(|new| !names.contains(&new.prefix.as_str())) {
            Some(PlannedLimit { prefix, .. }) => Err(CliError::Usage(format!(
                "--limit {prefix}=...: the scenario has no such pool; expected one of: {}",
                names.join(", ")
            ))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_limit_reads_as_it_is_written() {
        let new: PlannedLimit = "team.a=8@4.5".parse().expect("a new limit");
        assert_eq!((new.prefix.as_str(), new.limit.count(), new.at), ("team.a", 8, Duration::from_millis(4_500)));
        let drained: PlannedLimit = "batch=0@1".parse().expect("nobody is let in");
        assert_eq!(drained.limit.count(), 0);
    }

    #[test]
    fn a_new_limit_of_no_sense_is_refused_with_what_was_expected() {
        for text in ["", "batch", "batch=3", "batch@3", "=3@1", "a b=3@1", "batch=-1@1", "batch=10001@1"] {
            assert!(text.parse::<PlannedLimit>().expect_err(text).contains("expected"), "{text:?}");
        }
        for text in ["batch=3@", "batch=3@-1", "batch=3@NaN", "batch=3@inf", "batch=3@x"] {
            assert!(text.parse::<PlannedLimit>().expect_err(text).contains("SECONDS: expected"), "{text:?}");
        }
    }
}
