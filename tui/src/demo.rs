//! `leasehold demo`: how does a scenario's work go on an embedded table?
//! It ends with a report of how the leases behaved.

mod controls;
mod ledger;
mod options;
mod play;
mod pools;
mod progress;
mod render;
mod report;
mod scenario;
mod scenario_file;
mod schedule;
mod steer;
mod task_tokens;
mod worker;
mod workload;

use std::io::IsTerminal;
use std::time::Duration;

use leasehold_tui::charset::Charset;
use leasehold_tui::watch::screen::LeaveReason;
pub(crate) use options::DemoOptions;
use play::{DemoRun, PoolOutcome};
use report::DemoReport;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use crate::error::CliError;
use crate::output::{colours, terminal_columns, write};
use crate::stop_signal::stop_signal;

/// Runs it: whether all went well, as the exit status tells it.
pub(crate) fn run(options: DemoOptions) -> Result<bool, CliError> {
    let scenario = scenario_file::load(options.scenario.as_ref().or(options.file.as_ref()))?;
    options.check(&scenario)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(async {
        let (mut ctrl_c, mut ended) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let run = DemoRun::prepare(scenario, &options).await?;
        let played = if options.on_dashboard() {
            steered(&run, &options).await?
        } else {
            let stopped = async {
                tokio::select! {
                    _ = ctrl_c.recv() => SignalKind::interrupt(),
                    _ = ended.recv() => SignalKind::terminate(),
                }
            };
            run.play(&options, stopped).await.map(|done| (done, run.start.elapsed()))
        };
        let stopped_by = match played {
            Ok((done, took)) => return Ok(DemoReport::new(&run, &done, took, &options)),
            Err(signal) => signal,
        };
        // A second signal is in more of a hurry than the leases. (Heard anew: the dashboard's may still lie here.)
        let mut again = signal(SignalKind::interrupt())?;
        let left = tokio::select! {
            left = run.tidy() => left,
            _ = again.recv() => "its leases end when they expire".into(),
        };
        let signal = u8::try_from(stopped_by.as_raw_value()).unwrap_or_default();
        Err(CliError::Stopped { signal, left })
    })?;
    let colour = std::io::stdout().is_terminal() && colours();
    let text = match options.json {
        true => render::json(&report),
        false => render::text(&report, colour, Charset::of_environment(), terminal_columns()),
    };
    write(text.as_bytes())?;
    Ok(report.ok)
}

/// Plays it under a dashboard: what became of it and how long that took, or which signal stopped it. Whoever leaves
/// the dashboard sees the rest of the run as it is seen without one.
async fn steered(
    run: &DemoRun,
    options: &DemoOptions,
) -> Result<Result<(Vec<PoolOutcome>, Duration), SignalKind>, CliError> {
    let interrupt = Notify::new();
    let stopped = async {
        tokio::select! {
            Ok(signal) = stop_signal() => SignalKind::from_raw(signal.into()),
            () = interrupt.notified() => SignalKind::interrupt(),
        }
    };
    let mut shown = Some(Box::pin(steer::steer(run, run.table.clone(), options)));
    let mut play = std::pin::pin!(run.play(options, stopped));
    let played = loop {
        let leaves = async {
            match &mut shown {
                Some(shown) => shown.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            played = &mut play => break played,
            left = leaves => {
                shown = None;
                if left? == LeaveReason::Interrupt {
                    interrupt.notify_one();
                }
            }
        }
    };
    let took = run.start.elapsed();
    if let (Ok(_), Some(shown)) = (&played, shown) {
        tokio::select! {
            left = shown => drop(left?),
            // The report is all that is left to do.
            signal = stop_signal() => drop(signal?),
        }
        run.progress.show_on(None);
    }
    Ok(played.map(|done| (done, took)))
}
