//! `leasehold sweep`: how is a pool put in order now?
//! As the lease manager does once a minute.

use leasehold_core::machine::{Operation, Outcome, Tally};
use leasehold_core::nouns::Prefix;
use serde::Serialize;

use crate::error::CliError;
use crate::operation::{odd, outcome};
use crate::output::OutputFormat;
use crate::target::Target;

/// Put a pool in order now: take back what has expired, grant what is free, write the summary
///
/// What the lease manager does by itself once a minute. A workflow that waits and is granted a lease here is told at
/// once if these credentials may (states:SendTaskSuccess), else by the lease manager's next sweep. Whether executions
/// still run is left to the lease manager.
#[derive(Clone, Debug, clap::Args)]
#[command(verbatim_doc_comment, after_long_help = AFTER)]
pub(crate) struct SweepOptions {
    /// The pool
    prefix: Prefix,
}

const AFTER: &str = "\
With --output json:

    {\"table\": NAME, \"prefix\": PREFIX, \"granted\": leases, \"reclaimed\": expired leases, \"renotified\": notices,
     \"extended\": leases, \"freed\": leases, \"left\": waiters that left the queue, \"more\": whether more is left to do}";

#[derive(Debug, Serialize)]
struct SweepOutput<'a> {
    table: &'a str,
    prefix: &'a Prefix,
    granted: u32,
    reclaimed: u32,
    renotified: u32,
    extended: u32,
    freed: u32,
    left: u32,
    more: bool,
}

impl SweepOptions {
    pub(crate) async fn run(self, target: &Target, output: OutputFormat) -> Result<(), CliError> {
        let (runner, prefix) = (target.runner().await?, &self.prefix);
        let ran = runner.run_on(prefix, Operation::Sweep).await?;
        if let (Some(trouble), Outcome::Swept(Tally { more: true, .. })) = (&ran.trouble, &ran.outcome) {
            return Err(trouble.clone().into());
        }
        let Tally { granted, reclaimed, renotified, extended, freed, left, more } =
            match outcome(&runner, prefix, "sweeping", ran)? {
                Outcome::Swept(tally) => tally,
                other => return Err(odd(&runner, prefix, "sweeping", &other)),
            };
        let table = runner.table().name();
        let mut text = format!("pool {prefix} in table {table} is swept: {granted} granted, {reclaimed} reclaimed, ");
        text += &format!("{freed} freed, {left} left the queue\n");
        if more {
            text += "there is more to do than one sweep does: sweep again\n";
        }
        let answer = SweepOutput { table, prefix, granted, reclaimed, renotified, extended, freed, left, more };
        output.tell(&text, &answer)
    }
}
