//! `leasehold pool`: which commands make, change and retire pools?

mod limit;
mod rm;
mod set;

use crate::error::CliError;
use crate::output::OutputFormat;
use crate::target::Target;
pub(crate) use limit::OverrideOutput;

/// Make, change or retire a pool
#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum PoolCommand {
    Set(set::PoolSetOptions),
    Limit(limit::PoolLimitOptions),
    Rm(rm::PoolRmOptions),
}

impl PoolCommand {
    pub(crate) async fn run(self, target: &Target, output: OutputFormat) -> Result<(), CliError> {
        match self {
            PoolCommand::Limit(options) => options.run(target, output).await,
            PoolCommand::Set(options) => options.run(target, output).await,
            PoolCommand::Rm(options) => options.run(target, output).await,
        }
    }
}
