//! The `leasehold` command: what does it do with its arguments?
//! It parses them, hands them to the command they name, and turns whatever comes back into words and an exit status.

mod advised_command;
mod completions;
mod confirm;
mod dashboard;
mod demo;
mod doctor;
mod error;
mod leases;
mod operation;
mod output;
mod pool;
mod pools;
mod record;
mod recording;
mod release;
mod run;
mod schema;
mod states;
mod stop_signal;
mod stored_demo;
mod sweep;
mod synopsis;
mod table;
mod target;

use std::io::Write as _;
use std::process::ExitCode;

use clap::error::{ContextValue, ErrorKind};
use clap::{Arg, CommandFactory, FromArgMatches, Parser, Subcommand};
use error::CliError;
use leasehold_tui::duration;
use output::OutputFormat;
use target::Target;

/// Leases with a limit, on one DynamoDB table shared by any number of applications.
#[derive(Debug, Parser)]
#[command(name = "leasehold", version, after_long_help = AFTER)]
struct Leasehold {
    #[command(subcommand)]
    command: TopCommand,
    #[command(flatten)]
    target: Target,
    /// text, or json: one document, as the command's --help shows it (errors are always in words)
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value_t, hide_possible_values = true)]
    output: OutputFormat,
}

#[derive(Debug, Subcommand)]
enum TopCommand {
    Demo(demo::DemoOptions),
    Watch(dashboard::WatchOptions),
    Record(record::RecordOptions),
    Run(run::RunOptions),
    #[command(subcommand)]
    Table(table::TableCommand),
    #[command(subcommand)]
    Pool(pool::PoolCommand),
    Pools(pools::PoolsOptions),
    Leases(leases::LeasesOptions),
    Sweep(sweep::SweepOptions),
    Release(release::ReleaseOptions),
    Doctor(doctor::DoctorOptions),
    States(Box<states::StatesOptions>),
    Schema(schema::SchemaOptions),
    Completions(completions::CompletionsOptions),
    Man(completions::ManOptions),
}

const AFTER: &str = "\
The table and the credentials are found as the AWS CLI finds them: by these options, else by the environment
(AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, ...), else by the files in ~/.aws.

Exit status: 0 done, or there was nothing to do; 1 not done (the pool does not exist, leases are in the way,
the answer was no); 2 the options make no sense, a file that they name cannot be read or written, or nobody is
there to be asked (add --yes); 3 the table cannot be used (it is missing, no credentials, not allowed, no
answer), or standard output cannot be written; 128 + N ended by signal N. 
`demo`, `doctor`, `pools`, `record`, `run` and the dashboard say more in their --help.";

fn main() -> ExitCode {
    let given: Vec<_> = std::env::args_os().collect();
    match &given[..] {
        [_, first, rest @ ..] if first == run::GUARD => return output::status(run::become_guardian(rest)),
        [_, first, rest @ ..] if first == run::BOUND => return output::status(Err(run::become_command(rest))),
        _ => {}
    }
    if completions::answered(&given, arguments) {
        return ExitCode::SUCCESS;
    }
    let parsed = arguments().try_get_matches_from(given).and_then(|matches| Leasehold::from_arg_matches(&matches));
    output::status(parsed.map_or_else(|wrong| refuse(&wrong), run))
}

/// How many characters of an argument are told, if it is what is wrong.
const LONGEST_SHOWN: usize = 80;

/// Tells what is wrong with the arguments, or the help that was asked for: the exit status. An argument may be a name that others
/// wrote. What is wrong begins as every complaint does: `leasehold run` ends with statuses that its command may end with too.
fn refuse(wrong: &clap::Error) -> Result<u8, CliError> {
    let status = u8::try_from(wrong.exit_code()).unwrap_or(u8::MAX);
    if !wrong.use_stderr() {
        return output::written(wrong.print().and_then(|()| std::io::stdout().flush())).map(|()| status);
    }
    let mut text = wrong.to_string();
    if wrong.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        text = format!("a command is missing\n\n{text}");
    }
    let given = wrong
        .context()
        .filter_map(|(_, value)| if let ContextValue::String(value) = value { Some(value) } else { None });
    for long in given.filter(|value| value.chars().count() > LONGEST_SHOWN) {
        let beginning: String = long.chars().take(LONGEST_SHOWN).collect();
        text = text.replace(long.as_str(), &format!("{beginning}…"));
    }
    output::complain(text.strip_prefix("error: ").unwrap_or(&text).trim_end());
    Ok(status)
}

/// The commands that use no table.
const TABLELESS: [&str; 5] = ["demo", "states", "schema", "completions", "man"];

/// The arguments as they are declared; those that say which table is meant are hidden where there is none.
fn arguments() -> clap::Command {
    let all = Leasehold::command();
    let global: Vec<Arg> = all.get_arguments().filter(|one| one.is_global_set()).cloned().collect();
    let without = |command: clap::Command| {
        // The demo has a --store of its own.
        let own = |one: &&Arg| command.get_arguments().any(|arg| arg.get_id() == one.get_id());
        let hidden: Vec<Arg> = global.iter().filter(|one| !own(one)).map(|one| one.clone().hide(true)).collect();
        command.args(hidden)
    };
    TABLELESS.into_iter().fold(all, |all, name| all.mut_subcommand(name, without))
}

/// Runs what was asked for: the exit status, where nothing is to be said.
fn run(Leasehold { command, target, output }: Leasehold) -> Result<u8, CliError> {
    advised_command::remember(target.given());
    match command {
        TopCommand::Demo(mut options) => {
            target.refuse("leasehold demo makes a table of its own; --store PATH keeps it in a file")?;
            options.json |= output == OutputFormat::Json;
            demo::run(options).map(|well| u8::from(!well))
        }
        TopCommand::States(options) => without_a_table(&target, || options.run()),
        TopCommand::Schema(options) => without_a_table(&target, || options.run()),
        TopCommand::Completions(options) => without_a_table(&target, || options.run()),
        TopCommand::Man(options) => without_a_table(&target, || options.run(arguments())),
        TopCommand::Watch(options) => on_a_table(&target, options.run(&target)),
        TopCommand::Record(options) => on_a_table(&target, options.run(&target)),
        TopCommand::Run(options) => block_on(options.run(&target, output)),
        TopCommand::Table(command) => on_a_table(&target, command.run(&target, output)),
        TopCommand::Pool(command) => block_on(command.run(&target, output)).map_err(|error| error.at(target.asked())),
        TopCommand::Pools(options) => block_on(options.run(&target, output)).map_err(|error| error.at(target.asked())),
        TopCommand::Leases(options) => block_on(options.run(&target, output)).map_err(|error| error.at(target.asked())),
        TopCommand::Sweep(options) => on_a_table(&target, options.run(&target, output)),
        TopCommand::Release(options) => on_a_table(&target, options.run(&target, output)),
        TopCommand::Doctor(options) => block_on(options.run(&target, output)).map_err(|error| error.at(target.asked())),
    }
}

/// Runs a command to its end, and says where the table was looked for if it could not be used.
fn on_a_table(target: &Target, work: impl Future<Output = Result<(), CliError>>) -> Result<u8, CliError> {
    block_on(work).map(|()| 0).map_err(|error| error.at(target.asked()))
}

/// Runs a command that uses no table.
fn without_a_table(target: &Target, work: impl FnOnce() -> Result<(), CliError>) -> Result<u8, CliError> {
    target.refuse_all("this command uses no table")?;
    work().map(|()| 0)
}

fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
