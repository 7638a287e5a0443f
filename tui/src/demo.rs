//! What is `leasehold demo`? A scenario's work on an embedded table, and a report of how the leases behaved.

mod ledger;
mod notices;
mod options;
mod paper;
mod play;
mod pools;
mod progress;
mod reading;
mod report;
mod scenario;
mod schedule;
mod worker;
mod workload;

use std::io::{IsTerminal, Write};

pub(crate) use options::Options;
use play::Run;
pub(crate) use reading::Flaw;
use report::Report;
use tokio::signal::unix::{SignalKind, signal};

use crate::words::Trouble;

/// Runs it: whether all went well, as the exit status tells it.
pub(crate) fn run(options: Options) -> Result<bool, Trouble> {
    let scenario = scenario::load(options.scenario.as_ref().or(options.file.as_ref()))?;
    options.check(&scenario)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(async {
        let (mut ctrl_c, mut ended) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let run = Run::prepare(scenario, &options).await?;
        let stopped = async {
            tokio::select! {
                _ = ctrl_c.recv() => SignalKind::interrupt(),
                _ = ended.recv() => SignalKind::terminate(),
            }
        };
        let signal = match run.play(&options, stopped).await {
            Ok(done) => return Ok(Report::new(&run, &done, &options)),
            Err(signal) => signal,
        };
        let signal = u8::try_from(signal.as_raw_value()).unwrap_or_default();
        // A second signal is in more of a hurry than the leases.
        let left = tokio::select! {
            left = run.tidy() => left,
            _ = ctrl_c.recv() => "its leases end when they expire".into(),
        };
        Err(Trouble::Stopped { signal, left })
    })?;
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let text = if options.json { paper::json(&report) } else { paper::text(&report, colour) };
    // Whoever closed the pipe has read enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(report.ok)
}
