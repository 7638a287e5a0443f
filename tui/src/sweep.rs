//! `leasehold sweep`: how is a pool put in order now?
//! As the lease manager does once a minute.

use leasehold_core::{PoolName, SweepRequest, Tally};
use leasehold_store::{Performed, StoreError};
use serde::Serialize;

use crate::error::CliError;
use crate::output::OutputFormat;
use crate::target::Target;

/// Put a pool in order now: take back expired leases, grant free slots, write the summary
///
/// The lease manager does the same by itself once a minute. A workflow that waits and is granted a lease here is told at
/// once if these credentials may (states:SendTaskSuccess), else by the lease manager's next sweep. Only the
/// lease manager learns whether executions still run, so no lease of long work is extended here. How many of those end before
/// another sweep comes is told.
#[derive(Clone, Debug, clap::Args)]
#[command(verbatim_doc_comment, after_long_help = AFTER)]
pub(crate) struct SweepOptions {
    /// The pool
    prefix: PoolName,
}

const AFTER: &str = "\
With --output json:

    {\"table\": NAME, \"prefix\": PREFIX, \"granted\": leases, \"reclaimed\": expired leases, \"renotified\": callbacks,
     \"extended\": leases, \"not_extended\": leases of long work that end before another sweep comes, \"freed\": leases,
     \"left\": waiters that left the queue, \"more\": whether more is left to do}";

#[derive(Debug, Serialize)]
struct SweepOutput<'a> {
    table: &'a str,
    prefix: &'a PoolName,
    granted: u32,
    reclaimed: u32,
    renotified: u32,
    extended: u32,
    not_extended: u32,
    freed: u32,
    left: u32,
    more: bool,
}

impl SweepOptions {
    pub(crate) async fn run(self, target: &Target, output: OutputFormat) -> Result<(), CliError> {
        let (runner, prefix) = (target.runner().await?, &self.prefix);
        let table = runner.table().name();
        let settings = runner.settings(prefix).await?;
        let mut trouble: Option<StoreError> = None;
        let noted = |performed: Performed<'_>| trouble = performed.trouble.cloned().or(trouble.take());
        let swept = runner.run_observed(SweepRequest, settings, noted).await;
        let swept = swept.map_err(|error| error.explain(table, prefix, "sweeping"))?;
        // More was left to do because something went wrong: to sweep again may not help.
        if let Some(trouble) = trouble.filter(|_| swept.more) {
            return Err(trouble.into());
        }
        // How long work may last is the lease manager's to count.
        let Tally { granted, reclaimed, renotified, extended, missed: not_extended, outlasted: _, freed, left, more } =
            swept;
        let mut text = format!("pool {prefix} in table {table} is swept: {granted} granted, {reclaimed} reclaimed, ");
        text += &format!("{freed} freed, {left} left the queue\n");
        if not_extended > 0 {
            let leases = if not_extended == 1 { "lease of long work ends" } else { "leases of long work end" };
            text += &format!(
                "{not_extended} {leases} before another sweep comes: only the lease manager extends them, as it learns \
                 whether their executions run; have it sweep (runbook: sweeps-stopped)\n"
            );
        }
        if more {
            text += "there is more to do than one sweep does: sweep again\n";
        }
        let answer =
            SweepOutput { table, prefix, granted, reclaimed, renotified, extended, not_extended, freed, left, more };
        output.tell(&text, &answer)
    }
}
