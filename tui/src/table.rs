//! What is `leasehold table`? Commands on the table itself.

mod create;

use crate::answer::Output;
use crate::place::Place;
use crate::words::Trouble;

/// Make the table
#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    Create(create::Options),
}

impl Command {
    pub(crate) async fn run(self, place: &Place, output: Output) -> Result<(), Trouble> {
        match self {
            Command::Create(options) => options.run(place, output).await,
        }
    }
}
