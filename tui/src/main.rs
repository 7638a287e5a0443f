//! What does `leasehold` do with its arguments? It parses them, hands them to the command they name, and turns
//! whatever comes back into words and an exit status.

mod demo;
mod words;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Leases with a limit, on one DynamoDB table shared by any number of applications.
#[derive(Debug, Parser)]
#[command(name = "leasehold", version)]
struct Leasehold {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Options),
}

fn main() -> ExitCode {
    let Command::Demo(options) = Leasehold::parse().command;
    words::status(demo::run(options))
}
