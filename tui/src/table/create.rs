//! `leasehold table create`: how is the table made if it is not there?
//! It is ready when the command returns.

use leasehold_store::{TableCreated, create_table};
use serde::Serialize;

use crate::error::CliError;
use crate::output::OutputFormat;
use crate::target::Target;

/// Make the table, if it is not there
///
/// On demand, with the directory index and TTL; returns when it can be used. For local use: on AWS, Terraform's
/// `table` module makes it, with encryption, point-in-time recovery and deletion protection as options. A table of
/// this name that is there already is left as it is; with another shape, it is refused.
#[derive(Clone, Debug, clap::Args)]
#[command(verbatim_doc_comment, after_long_help = AFTER)]
pub(crate) struct TableCreateOptions {}

const AFTER: &str = "\
With --output json:

    {\"table\": NAME, \"created\": whether it was made now}";

#[derive(Debug, Serialize)]
struct TableCreateOutput<'a> {
    table: &'a str,
    created: bool,
}

impl TableCreateOptions {
    pub(crate) async fn run(self, target: &Target, output: OutputFormat) -> Result<(), CliError> {
        let table = target.table().await?;
        let created = create_table(&table).await? == TableCreated::New;
        let name = table.name();
        let text = if created {
            format!("table {name} is made and ready\n")
        } else {
            format!("table {name} is there already, with the right shape: nothing was changed\n")
        };
        output.tell(&text, &TableCreateOutput { table: name, created })
    }
}
