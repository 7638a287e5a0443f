//! The benchmark: how does leasehold do beside what people use, on the same engine, harness and clock? `make bench-peers`.

mod crowd;
mod engine;
mod http_server;
mod measure;
mod ways;
mod wire;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

/// Whatever goes wrong ends the run, and is told.
pub type BenchError = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Parser)]
struct Options {
    #[arg(long, value_delimiter = ',')]
    ways: Vec<ways::WayKind>,
    #[arg(long, value_enum, default_value = "embedded")]
    engine: engine::EngineKind,
    #[arg(long, default_value_t = 5)]
    limit: u32,
    #[arg(long, default_value_t = 64)]
    callers: u32,
    #[arg(long, default_value_t = 20)]
    work: u64,
    #[arg(long, default_value_t = 5)]
    wait: u64,
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    #[arg(long, default_value_t = 16)]
    calls: usize,
    #[arg(long, default_value_t = 1)]
    repeats: usize,
    #[arg(long)]
    real: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    for _ in 0..options.repeats {
        for way in &options.ways {
            let plan = crowd::CrowdPlan {
                engine: options.engine,
                limit: options.limit,
                callers: options.callers,
                work: Duration::from_millis(options.work),
                arrivals: if options.seconds == 0 {
                    crowd::Arrivals::AtOnce
                } else {
                    crowd::Arrivals::Again(Duration::from_secs(options.seconds))
                },
                fixed_wait: Duration::from_millis(options.wait),
                as_told: false,
                calls_at_once: options.calls,
                pools: 1,
                delays: if options.real { wire::Delays::REAL } else { wire::Delays::default() },
            };
            match crowd::run(plan, *way, None).await {
                Ok(figures) => println!("{way}: {figures:?}"),
                Err(error) => println!("{way}: {error}"),
            }
        }
    }
    ExitCode::SUCCESS
}
