//! What does `leasehold` do with its arguments? It parses them, hands them to the command they name, and turns
//! whatever comes back into words and an exit status.

mod answer;
mod confirm;
mod demo;
mod leases;
mod length;
mod operation;
mod place;
mod pool;
mod pools;
mod release;
mod sweep;
mod table;
mod words;

use std::process::ExitCode;

use answer::Output;
use clap::{Arg, CommandFactory, FromArgMatches, Parser, Subcommand};
use place::Place;
use words::Trouble;

/// Leases with a limit, on one DynamoDB table shared by any number of applications.
#[derive(Debug, Parser)]
#[command(name = "leasehold", version, after_long_help = AFTER)]
struct Leasehold {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    place: Place,
    /// text, or json: one document, as the command's --help shows it (errors are always in words)
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value_t, hide_possible_values = true)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Options),
    #[command(subcommand)]
    Table(table::Command),
    #[command(subcommand)]
    Pool(pool::Command),
    Pools(pools::Options),
    Leases(leases::Options),
    Sweep(sweep::Options),
    Release(release::Options),
}

const AFTER: &str = "\
The table and the credentials are found as the AWS CLI finds them: by these options, else by the environment
(AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, ...), else by the files in ~/.aws.

Exit status: 0 done, or there was nothing to do; 1 not done (the pool does not exist, leases are in the way,
nobody confirmed); 2 the options make no sense; 3 the table cannot be used (it is missing, no credentials, not
allowed, no answer); 128 + N ended by signal N. `leasehold demo --help` lists its own.";

fn main() -> ExitCode {
    let matches = arguments().get_matches();
    words::status(run(Leasehold::from_arg_matches(&matches).unwrap_or_else(|wrong| wrong.exit())))
}

/// The arguments as they are declared; those that say which table is meant are hidden where there is none.
fn arguments() -> clap::Command {
    let all = Leasehold::command();
    let global: Vec<Arg> = all.get_arguments().filter(|one| one.is_global_set()).cloned().collect();
    all.mut_subcommand("demo", |demo| demo.args(global.into_iter().map(|one| one.hide(true))))
}

/// Runs what was asked for: whether all went well, as the exit status tells it.
fn run(Leasehold { command, place, output }: Leasehold) -> Result<bool, Trouble> {
    match command {
        Command::Demo(mut options) => {
            place.refuse("leasehold demo makes a table of its own; --store PATH keeps it in a file")?;
            options.json |= output == Output::Json;
            demo::run(options)
        }
        Command::Table(command) => on_a_table(&place, command.run(&place, output)),
        Command::Pool(command) => on_a_table(&place, command.run(&place, output)),
        Command::Pools(options) => on_a_table(&place, options.run(&place, output)),
        Command::Leases(options) => on_a_table(&place, options.run(&place, output)),
        Command::Sweep(options) => on_a_table(&place, options.run(&place, output)),
        Command::Release(options) => on_a_table(&place, options.run(&place, output)),
    }
}

/// Runs a command to its end.
fn on_a_table(place: &Place, work: impl Future<Output = Result<(), Trouble>>) -> Result<bool, Trouble> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(work).map(|()| true).map_err(|trouble| trouble.at(place.asked()))
}
