//! What does `leasehold` do with its arguments? It parses them, hands them to the command they name, and turns
//! whatever comes back into words and an exit status.

mod answer;
mod completions;
mod confirm;
mod dashboard;
mod demo;
mod leases;
mod length;
mod operation;
mod place;
mod pool;
mod pools;
mod release;
mod run;
mod schema;
mod states;
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
    Watch(dashboard::Watch),
    Record(dashboard::Record),
    Run(run::Options),
    #[command(subcommand)]
    Table(table::Command),
    #[command(subcommand)]
    Pool(pool::Command),
    Pools(pools::Options),
    Leases(leases::Options),
    Sweep(sweep::Options),
    Release(release::Options),
    States(Box<states::Options>),
    Schema(schema::Options),
    Completions(completions::Options),
    Man(completions::Man),
}

const AFTER: &str = "\
The table and the credentials are found as the AWS CLI finds them: by these options, else by the environment
(AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, ...), else by the files in ~/.aws.

Exit status: 0 done, or there was nothing to do; 1 not done (the pool does not exist, leases are in the way,
the answer was no); 2 the options make no sense, or nobody is there to be asked (add --yes); 3 the table cannot be
used (it is missing, no credentials, not allowed, no answer); 128 + N ended by signal N. `leasehold demo --help` and
`leasehold run --help` list their own.";

fn main() -> ExitCode {
    let given: Vec<_> = std::env::args_os().collect();
    #[cfg(target_os = "linux")]
    if let [_, first, parent, command @ ..] = &given[..]
        && first == run::BOUND
    {
        return words::status(Err(run::become_bound(parent, command)));
    }
    let matches = arguments().get_matches_from(given);
    words::status(run(Leasehold::from_arg_matches(&matches).unwrap_or_else(|wrong| wrong.exit())))
}

/// The commands that use no table.
const TABLELESS: [&str; 5] = ["demo", "states", "schema", "completions", "man"];

/// The arguments as they are declared; those that say which table is meant are hidden where there is none.
fn arguments() -> clap::Command {
    let all = Leasehold::command();
    let global: Vec<Arg> = all.get_arguments().filter(|one| one.is_global_set()).cloned().collect();
    let without = |command: clap::Command| command.args(global.iter().map(|one| one.clone().hide(true)));
    TABLELESS.into_iter().fold(all, |all, name| all.mut_subcommand(name, without))
}

/// Runs what was asked for: the exit status, where nothing is to be said.
fn run(Leasehold { command, place, output }: Leasehold) -> Result<u8, Trouble> {
    match command {
        Command::Demo(mut options) => {
            place.refuse("leasehold demo makes a table of its own; --store PATH keeps it in a file")?;
            options.json |= output == Output::Json;
            demo::run(options).map(|well| u8::from(!well))
        }
        Command::States(options) => without_a_table(&place, || options.run()),
        Command::Schema(options) => without_a_table(&place, || options.run()),
        Command::Completions(options) => without_a_table(&place, || options.run(arguments())),
        Command::Man(options) => without_a_table(&place, || options.run(arguments())),
        Command::Watch(options) => on_a_table(&place, options.run(&place)),
        Command::Record(options) => on_a_table(&place, options.run(&place)),
        Command::Run(options) => block_on(options.run(&place, output)),
        Command::Table(command) => on_a_table(&place, command.run(&place, output)),
        Command::Pool(command) => on_a_table(&place, command.run(&place, output)),
        Command::Pools(options) => on_a_table(&place, options.run(&place, output)),
        Command::Leases(options) => on_a_table(&place, options.run(&place, output)),
        Command::Sweep(options) => on_a_table(&place, options.run(&place, output)),
        Command::Release(options) => on_a_table(&place, options.run(&place, output)),
    }
}

/// Runs a command to its end, and says where the table was looked for if it could not be used.
fn on_a_table(place: &Place, work: impl Future<Output = Result<(), Trouble>>) -> Result<u8, Trouble> {
    block_on(work).map(|()| 0).map_err(|trouble| trouble.at(place.asked()))
}

/// Runs a command that uses no table.
fn without_a_table(place: &Place, work: impl FnOnce() -> Result<(), Trouble>) -> Result<u8, Trouble> {
    place.refuse("this command uses no table")?;
    work().map(|()| 0)
}

fn block_on<T>(work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
