//! `leasehold table create`: how is the table made if it is not there?
//! It is ready when the command returns.

use leasehold_store::{TableCreated, create_table};
use serde::Serialize;

use crate::error::CliError;
use crate::output::OutputFormat;
use crate::target::Target;

/// Make the table, if it is not there
///
/// It is billed on demand, and has the index `directory`. TTL (time to live) is on for the attribute `ttl`: so DynamoDB
/// deletes the rows of holders that ended long ago, at no cost. The command returns when the table can be used.
///
/// On AWS, Terraform's `table` module is the better way: it makes the table with encryption, point-in-time recovery and
/// deletion protection as options.
///
/// A table of this name that is there already is kept. If its TTL is off, it is turned on; nothing else is changed. A
/// table with other keys or another index is refused.
#[derive(Clone, Debug, clap::Args)]
#[command(verbatim_doc_comment, after_long_help = AFTER)]
pub(crate) struct TableCreateOptions {}

const AFTER: &str = "\
With --output json:

    {\"table\": NAME, \"created\": whether it was made now, \"ttl_turned_on\": whether it was there, and its TTL was off}";

#[derive(Debug, Serialize)]
struct TableCreateOutput<'a> {
    table: &'a str,
    created: bool,
    ttl_turned_on: bool,
}

impl TableCreateOptions {
    pub(crate) async fn run(self, target: &Target, output: OutputFormat) -> Result<(), CliError> {
        let table = target.table().await?;
        let done = create_table(&table).await?;
        let name = table.name();
        let text = match done {
            TableCreated::New => format!("table {name} is made and ready\n"),
            TableCreated::Existed => {
                format!("table {name} is there already, with the right shape: nothing was changed\n")
            }
            TableCreated::TtlTurnedOn => format!(
                "table {name} is there already, with the right shape; its TTL was off and is on now, for the attribute ttl\n"
            ),
        };
        let (created, ttl_turned_on) = (done == TableCreated::New, done == TableCreated::TtlTurnedOn);
        output.tell(&text, &TableCreateOutput { table: name, created, ttl_turned_on })
    }
}
