//! Chaos: do the real programs keep every promise on real engines, whatever happens to them? The lease manager's binary behind a
//! Lambda of the test's own, and `leasehold run`, called by processes that are killed, stopped and have wrong clocks, through a
//! network that delays, loses, cuts, repeats and stalls. Judged by what the callers wrote down.

// A soak nests the futures of an operation, its store and its workers.
#![recursion_limit = "256"]

mod account;
mod caller;
mod caller_service;
mod command_under_lease;
mod counting_caller;
mod drained;
mod engine;
mod environments;
mod judge;
mod lanes;
mod record;
mod report;
mod secrets;
mod signalled;
mod soak;
mod world;
mod world_client;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use engine::EngineKind;
use world::Plan;

/// Real programs on real engines, with everything going wrong
#[derive(Debug, Parser)]
enum Chaos {
    /// Plays a world, and judges it: exit status 0 if every promise was kept
    World(WorldOptions),
    /// Runs the demo's pools on and on, as fast as it goes: exit status 0 if nothing grew
    Soak {
        /// How long, in minutes
        #[arg(long, default_value = "10")]
        minutes: f64,
    },
    /// A caller of the lease manager, started by the world
    #[command(hide = true)]
    Caller(caller::CallerOptions),
    /// What `leasehold run` runs, started by it
    #[command(hide = true)]
    Command(command_under_lease::CommandOptions),
    /// A caller that counts, then puts, started by the world
    #[command(hide = true)]
    CountThenPut(counting_caller::CountingOptions),
}

#[derive(Debug, clap::Args)]
struct WorldOptions {
    /// The engine under the table
    #[arg(long, value_enum, default_value = "embedded")]
    engine: EngineKind,
    /// How many jobs there are
    #[arg(long, default_value = "10000")]
    jobs: u64,
    /// After so many minutes no job is begun any more
    #[arg(long)]
    minutes: Option<u64>,
    /// What chance draws from [default: a new one]
    #[arg(long)]
    seed: Option<u64>,
    /// How many may hold a lease at once
    #[arg(long, default_value = "5")]
    limit: u32,
    /// Callers of the lease manager at a time
    #[arg(long, default_value = "10")]
    callers: usize,
    /// `leasehold run`s at a time
    #[arg(long, default_value = "4")]
    commands: usize,
    /// Environments of the lease manager
    #[arg(long, default_value = "6")]
    environments: usize,
    /// Of a thousand requests, how many meet with a fault of the network
    #[arg(long, default_value = "40")]
    faults: u64,
    /// The time between two kills or stops, in milliseconds; 0: none
    #[arg(long, default_value = "700")]
    blow_every: u64,
    /// Callers count, then put: what the judge must catch
    #[arg(long)]
    count_then_put: bool,
    /// Keep records and logs
    #[arg(long)]
    keep: bool,
    /// Where records and logs are written; kept if a promise was broken [default: a folder of its own under target/chaos]
    #[arg(long)]
    folder: Option<PathBuf>,
}

fn main() -> ExitCode {
    let chaos = Chaos::parse();
    let runtime = match &chaos {
        Chaos::World(_) | Chaos::Soak { .. } => {
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
        }
        _ => tokio::runtime::Builder::new_current_thread().enable_all().build(),
    };
    let ended = runtime.and_then(|runtime| {
        runtime.block_on(async {
            match chaos {
                Chaos::World(options) => play(options).await,
                Chaos::Soak { minutes } => soak::soak(Duration::from_secs_f64(60.0 * minutes)).await,
                Chaos::Caller(options) => caller::call(options).await.map(|()| true),
                Chaos::Command(options) => command_under_lease::work(options).await.map(|()| true),
                Chaos::CountThenPut(options) => counting_caller::call(options).await.map(|()| true),
            }
        })
    });
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("leasehold-chaos: {error}");
            ExitCode::from(3)
        }
    }
}

/// Plays it and tells of it: whether every promise was kept.
async fn play(options: WorldOptions) -> io::Result<bool> {
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    let target = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/chaos"));
    let folder = options.folder.unwrap_or_else(|| target().join(format!("{seed}-{}", std::process::id())));
    let plan = Plan {
        engine: options.engine,
        seed,
        jobs: options.jobs,
        limit: options.limit,
        callers: options.callers,
        commands: if options.count_then_put { 0 } else { options.commands },
        environments: options.environments,
        faults: options.faults,
        blow_every: (options.blow_every > 0).then_some(Duration::from_millis(options.blow_every)),
        counting: options.count_then_put,
        within: options.minutes.map(|minutes| Duration::from_secs(60 * minutes)),
        folder,
    };
    println!("seed {seed}: {}", report::command(&plan));
    let result = world::play(&plan).await?;
    report::print(&plan, &result);
    let kept = result.judgement.broken.is_empty();
    if kept && !options.keep {
        std::fs::remove_dir_all(&plan.folder)?;
    } else {
        println!("records and logs: {}", plan.folder.display());
    }
    Ok(kept)
}
