//! `leasehold release`: how is a lease taken from its holder by force?
//! It is given to whoever waits.

use leasehold_core::{LeaseId, ReleaseTarget};
use leasehold_tui::watch::text::timestamp;
use serde::Serialize;

use crate::confirm::Yes;
use crate::error::CliError;
use crate::operation::look;
use crate::output::OutputFormat;
use crate::target::Target;

/// Free a lease by force: its slot goes to the first that waits
///
/// The holder is not stopped: it goes on working, without its lease, until it renews or releases it. Make sure that
/// it is dead, or that it does no harm. A workflow that waits and gets the slot is told at once if these credentials
/// may (states:SendTaskSuccess), else by the lease manager's next sweep.
#[derive(Clone, Debug, clap::Args)]
#[command(verbatim_doc_comment, after_long_help = AFTER)]
pub(crate) struct ReleaseOptions {
    /// The lease's id, as `leasehold leases PREFIX` shows it: PREFIX:SLOT:FENCE
    lease: LeaseId,

    #[command(flatten)]
    yes: Yes,
}

const AFTER: &str = "\
Releasing a lease that is gone is no mistake: the answer says so, and the exit status is 0.

With --output json:

    {\"table\": NAME, \"lease_id\": ID, \"released\": false if it was already expired or missing}";

#[derive(Debug, Serialize)]
struct ReleaseOutput<'a> {
    table: &'a str,
    lease_id: String,
    released: bool,
}

impl ReleaseOptions {
    pub(crate) async fn run(self, target: &Target, output: OutputFormat) -> Result<(), CliError> {
        self.yes.or_a_terminal("leasehold release")?;
        let (runner, id) = (target.runner().await?, &self.lease);
        let table = runner.table().name();
        let settings = runner.settings(&id.prefix).await?;
        let pool = look(&runner, &settings).await?;
        let slot = pool.slots.iter().find(|row| (row.slot, row.fence) == (id.slot, id.fence));
        let released = match slot.and_then(|row| row.lease.as_ref()) {
            None => false,
            Some(lease) => {
                let (since, until) = (timestamp(lease.acquired_at), timestamp(lease.expires_at));
                let about = format!(
                    "Lease {id} in table {table} is held by {} since {since}, until {until}.\n\
                     Releasing it does not stop its holder, and its slot goes to another.",
                    lease.holder
                );
                self.yes.or_asked(&about, "release")?;
                let ran = runner.run(ReleaseTarget::Lease(id.clone()), settings).await;
                !ran.map_err(|error| error.explain(table, &id.prefix, "releasing a lease of"))?.already
            }
        };
        let text = match released {
            true => format!("lease {id} in table {table} is released\n"),
            false => format!("lease {id} in table {table} is already expired or missing: nothing was changed\n"),
        };
        output.tell(&text, &ReleaseOutput { table, lease_id: id.to_string(), released })
    }
}
