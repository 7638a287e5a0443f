//! The benchmark: how does leasehold do beside what people use, on the same engine, harness and clock? `make bench-peers`.

mod crowd;
mod demo;
mod engine;
mod experiments;
mod functions;
mod http_server;
mod latency;
mod machine;
mod measure;
mod pages;
mod report;
mod ways;
mod wire;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use leasehold_testkit::DynamoDbLocal;

use self::engine::EngineKind;
use self::experiments::{Experiment, Size};
use self::machine::Machine;
use self::report::Report;
use self::report::{markdown, plots};
use self::ways::WayKind;

/// Whatever goes wrong ends the run, and is told.
pub(crate) type BenchError = Box<dyn std::error::Error + Send + Sync>;

/// Compares leasehold with what people use, and writes target/bench/report.{json,md} and plots.
#[derive(Debug, Parser)]
#[command(name = "bench-peers")]
struct Options {
    /// How much is measured.
    #[arg(long, value_enum, default_value = "quick")]
    size: Size,
    /// Only experiments whose names begin so (`short-5`, `crowd-`, `latency`); may be given several times.
    #[arg(long)]
    only: Vec<String>,
    /// At most so many runs of each.
    #[arg(long, value_name = "N")]
    repeats: Option<usize>,
    /// Put the tables and plots into docs/benchmarks.md and README.md.
    #[arg(long)]
    update: bool,
    /// Measure nothing: make tables and plots of this report.
    #[arg(long, value_name = "REPORT.JSON")]
    from: Option<PathBuf>,
    /// Also run this `leasehold`'s demo so often.
    #[arg(long, value_name = "N", default_value_t = 9)]
    demos: usize,
    /// The `leasehold` whose demo is run.
    #[arg(long, value_name = "PROGRAM")]
    leasehold: Option<PathBuf>,
    /// Where the report goes.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-peers: {}", in_words(&*error));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes.
pub(crate) fn in_words(error: &(dyn std::error::Error + Send + Sync + 'static)) -> String {
    let mut words = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push(error.to_string());
        cause = error.source();
    }
    words.dedup();
    words.join(": ")
}

async fn run(options: &Options) -> Result<(), BenchError> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let folder = options.out.clone().unwrap_or_else(|| root.join("target/bench"));
    std::fs::create_dir_all(&folder)?;
    let report = match &options.from {
        Some(path) => serde_json::from_slice(&std::fs::read(path)?)?,
        None => measured(options, &folder).await?,
    };
    std::fs::write(folder.join("report.json"), serde_json::to_vec_pretty(&report)?)?;
    let page = markdown::whole(&report);
    std::fs::write(folder.join("report.md"), &page)?;
    plots::draw(&report, &folder)?;
    println!("{page}");
    if options.update {
        pages::update(&report, &root)?;
    }
    Ok(())
}

async fn measured(options: &Options, folder: &Path) -> Result<Report, BenchError> {
    let start = Instant::now();
    let chosen =
        |name: &str| options.only.is_empty() || options.only.iter().any(|only| name.starts_with(only.as_str()));
    let most = options.repeats.unwrap_or(usize::MAX);
    let mut chosen_experiments: Vec<Experiment> =
        experiments::all(options.size).into_iter().filter(|experiment| chosen(&experiment.name)).collect();
    for experiment in &mut chosen_experiments {
        experiment.repeats = experiment.repeats.min(most);
    }
    let mut report = Report {
        machine: Machine::now()?,
        size: options.size,
        experiments: Vec::new(),
        latencies: Vec::new(),
        functions: functions::read(&folder.join("functions.json"))?,
        demo: None,
    };
    let needs_local = |one: &Experiment| one.plan.engine == EngineKind::DynamoDbLocal;
    let local = if chosen_experiments.iter().any(needs_local) {
        Some(Arc::new(tokio::task::spawn_blocking(DynamoDbLocal::start).await?))
    } else {
        None
    };
    for experiment in &chosen_experiments {
        eprintln!("{:5.0} s  {}", start.elapsed().as_secs_f64(), experiment.title);
        report.experiments.push(experiment.run(local.as_ref()).await?);
        // What is there is not lost if the rest is broken off.
        std::fs::write(folder.join("report.json"), serde_json::to_vec_pretty(&report)?)?;
    }
    if chosen("latency") && options.size > Size::Smoke {
        let repeats = if options.size == Size::Full { most.min(5) } else { 1 };
        for callers in latency::CALLERS {
            for way in [&[WayKind::Queue, WayKind::Poll][..], &WayKind::PEERS].concat() {
                eprintln!("{:5.0} s  latency of {way}, {callers} callers", start.elapsed().as_secs_f64());
                match latency::measure(way, callers, repeats).await {
                    Ok(measured) => report.latencies.push(measured),
                    Err(error) => eprintln!("         {}", in_words(&*error)),
                }
            }
        }
    }
    if let Some(leasehold) = options.leasehold.clone().filter(|_| chosen("demo")) {
        let demos = if options.size == Size::Full { options.demos } else { 1 };
        eprintln!("{:5.0} s  the demo, {demos} times", start.elapsed().as_secs_f64());
        report.demo = Some(tokio::task::spawn_blocking(move || demo::run(&leasehold, demos)).await??);
    }
    report.machine.ended(start.elapsed());
    Ok(report)
}
