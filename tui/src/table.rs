//! `leasehold table`: which commands are there on the table itself?

mod create;

use crate::error::CliError;
use crate::output::OutputFormat;
use crate::target::Target;

/// Make the table
#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum TableCommand {
    Create(create::TableCreateOptions),
}

impl TableCommand {
    pub(crate) async fn run(self, target: &Target, output: OutputFormat) -> Result<(), CliError> {
        match self {
            TableCommand::Create(options) => options.run(target, output).await,
        }
    }
}
