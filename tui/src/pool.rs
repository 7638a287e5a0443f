//! What is `leasehold pool`? Commands that make, change and retire pools.

mod limit;
mod rm;
mod set;

use crate::answer::Output;
use crate::place::Place;
use crate::words::Trouble;
pub(crate) use limit::Live;

/// Make, change or retire a pool
#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    Set(set::Options),
    Limit(limit::Options),
    Rm(rm::Options),
}

impl Command {
    pub(crate) async fn run(self, place: &Place, output: Output) -> Result<(), Trouble> {
        match self {
            Command::Limit(options) => options.run(place, output).await,
            Command::Set(options) => options.run(place, output).await,
            Command::Rm(options) => options.run(place, output).await,
        }
    }
}
