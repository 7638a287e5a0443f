//! `leasehold pool`: which commands make, show, change and retire pools?

mod author;
mod history;
mod overriding;
mod rm;
mod set;
mod show;

use crate::error::CliError;
use crate::output::OutputFormat;
use crate::target::Target;
pub(crate) use overriding::OverrideOutput;

/// Make, show, change or retire a pool, and say who changed it
#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum PoolCommand {
    Set(set::PoolSetOptions),
    Show(show::PoolShowOptions),
    Override(overriding::PoolOverrideOptions),
    History(history::PoolHistoryOptions),
    Rm(rm::PoolRmOptions),
}

impl PoolCommand {
    /// The exit status.
    pub(crate) async fn run(self, target: &Target, output: OutputFormat) -> Result<u8, CliError> {
        match self {
            PoolCommand::Show(options) => return options.run(target, output).await,
            PoolCommand::History(options) => options.run(target, output).await,
            PoolCommand::Override(options) => options.run(target, output).await,
            PoolCommand::Set(options) => options.run(target, output).await,
            PoolCommand::Rm(options) => options.run(target, output).await,
        }
        .map(|()| 0)
    }
}
