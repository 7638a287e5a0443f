//! `leasehold release`: how is a lease taken from its holder by force?
//! It is given to whoever waits.

use leasehold_core::occupancy::Occupancy;
use leasehold_core::{LeaseId, ReleaseTarget, Settings};
use leasehold_tui::watch::text::timestamp;
use serde::Serialize;

use crate::confirm::Yes;
use crate::error::CliError;
use crate::operation::look;
use crate::output::{OutputFormat, complain};
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
A lease that has ended, or that never was, is no mistake: the answer says that there was nothing to release, and the
exit status is 0. Check the id then: nothing was freed.

With --output json:

    {\"table\": NAME, \"lease_id\": ID, \"released\": false if there was nothing to release,
     \"why\": null if it was released, else \"ended\" or \"never_granted\"}";

#[derive(Debug, Serialize)]
struct ReleaseOutput<'a> {
    table: &'a str,
    lease_id: String,
    released: bool,
    why: Option<NothingToRelease>,
}

/// Why there is nothing to release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum NothingToRelease {
    Ended,
    NeverGranted,
}

impl ReleaseOptions {
    pub(crate) async fn run(self, target: &Target, output: OutputFormat) -> Result<(), CliError> {
        self.yes.or_a_terminal("release")?;
        let (runner, id) = (target.runner().await?, &self.lease);
        let table = runner.table().name();
        let settings = runner.settings(&id.prefix).await?;
        let pool = look(&runner, &settings).await.inspect_err(|_| {
            // A row that makes no sense may be another slot's.
            complain(&format!("lease {id} in table {table} is not released, as not all of its pool can be read"));
        })?;
        let slot = pool.slots.iter().find(|row| (row.slot, row.fence) == (id.slot, id.fence));
        let why = match slot.and_then(|row| row.lease.as_ref()) {
            None => Some(missing(id, &pool, &settings)),
            Some(lease) => {
                let (since, until) = (timestamp(lease.acquired_at), timestamp(lease.expires_at));
                let about = format!(
                    "Lease {id} in table {table} is held by {} since {since}, until {until}.\n\
                     Releasing it does not stop its holder, and its slot goes to another.",
                    lease.holder
                );
                self.yes.or_asked(&about, "release")?;
                let ran = runner.run(ReleaseTarget::Lease(id.clone()), settings).await;
                let ran = ran.map_err(|error| error.explain(table, &id.prefix, "releasing a lease of"))?;
                ran.already.then_some(NothingToRelease::Ended)
            }
        };
        let nothing = "there was nothing to release, and nothing was changed";
        let text = match why {
            None => format!("lease {id} in table {table} is released\n"),
            Some(NothingToRelease::Ended) => format!("lease {id} in table {table} has already ended: {nothing}\n"),
            Some(NothingToRelease::NeverGranted) => {
                format!("lease {id} in table {table} was never granted: {nothing}; check its id\n")
            }
        };
        output.tell(&text, &ReleaseOutput { table, lease_id: id.to_string(), released: why.is_none(), why })
    }
}

/// Why nobody holds this lease. The fence of a slot grows with every grant, and slots that were folded away are no older than
/// the pool's high-water mark says.
fn missing(id: &LeaseId, pool: &Occupancy, settings: &Settings) -> NothingToRelease {
    let slot = pool.slots.iter().find(|row| row.slot == id.slot);
    let folded = settings.high_water.unwrap_or_default().fence;
    let newest = slot.map(|row| row.fence).filter(|fence| fence.0 > 0).unwrap_or(folded);
    if id.fence <= newest { NothingToRelease::Ended } else { NothingToRelease::NeverGranted }
}
