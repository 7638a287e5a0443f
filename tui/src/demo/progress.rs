//! Progress on standard error: how does a person see that something happens?
//! One bar per pool on a terminal, else a line now and then; both on standard error, because standard output is the
//! report's.

use std::io::{IsTerminal, Write};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use leasehold_tui::charset::Charset;
use leasehold_tui::watch::input::Input;
use leasehold_tui::watch::session::DEMO_IS_OVER;
use leasehold_tui::watch::text::shorten;
use ratatui::crossterm::terminal::size;
use tokio::sync::mpsc;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::workload::{PoolWorkload, RunClock};
use crate::output::shown;

/// How often bars are drawn.
const DRAW_EVERY: Duration = Duration::from_millis(100);

/// How often a line is written, if there is anything new to say.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// Where progress is shown.
pub(crate) struct Progress {
    workloads: Vec<Arc<PoolWorkload>>,
    start: RunClock,
    shown: ProgressDisplay,
    /// The dashboard, while it has the terminal.
    dashboard: Mutex<Option<mpsc::Sender<Input>>>,
}

enum ProgressDisplay {
    Bars { all: MultiProgress, each: Vec<ProgressBar> },
    Lines { last: Mutex<String> },
}

impl Progress {
    /// Bars if standard error is a terminal, else lines.
    pub(crate) fn new(workloads: Vec<Arc<PoolWorkload>>, start: RunClock) -> Self {
        let shown = if std::io::stderr().is_terminal() { bars(&workloads) } else { lines() };
        Progress { workloads, start, shown, dashboard: Mutex::default() }
    }

    /// From now on it is told on the dashboard, or there is none any more.
    pub(crate) fn show_on(&self, dashboard: Option<mpsc::Sender<Input>>) {
        *self.dashboard() = dashboard;
    }

    fn dashboard(&self) -> MutexGuard<'_, Option<mpsc::Sender<Input>>> {
        self.dashboard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something happened: a line of its own.
    pub(crate) fn say(&self, what: &str) {
        if let Some(dashboard) = &*self.dashboard() {
            // A note that finds no room is not worth waiting for.
            let _ = dashboard.try_send(Input::Note(what.to_owned()));
            return;
        }
        let line = shown(&format!("{:6.1} s  {what}", self.start.elapsed().as_secs_f64()));
        match &self.shown {
            // What cannot be shown is no reason to stop.
            ProgressDisplay::Bars { all, .. } => drop(on_terminal(all).println(line)),
            ProgressDisplay::Lines { .. } => drop(writeln!(std::io::stderr(), "{line}")),
        }
    }

    /// Shows how far the work is, again and again.
    pub(crate) async fn keep_showing(&self) {
        loop {
            for workload in &self.workloads {
                // What cannot be read stays as it was.
                if let Some(limit) = workload.pool.limit().await {
                    workload.counts.limit.store(limit.count().into(), Relaxed);
                }
            }
            self.show();
            tokio::time::sleep(if self.is_bars() { DRAW_EVERY } else { LINE_EVERY }).await;
        }
    }

    /// The work is over: the bars go, the last line comes.
    pub(crate) fn finish(&self) {
        if let Some(dashboard) = &*self.dashboard() {
            let _ = dashboard.try_send(Input::Over(DEMO_IS_OVER.to_owned()));
            return;
        }
        self.show();
        if let ProgressDisplay::Bars { all, each } = &self.shown {
            each.iter().for_each(ProgressBar::finish_and_clear);
            drop(all.clear());
        }
    }

    fn is_bars(&self) -> bool {
        matches!(self.shown, ProgressDisplay::Bars { .. })
    }

    fn show(&self) {
        if self.dashboard().is_some() {
            return;
        }
        match &self.shown {
            ProgressDisplay::Bars { all, each } => {
                on_terminal(all);
                for (bar, workload) in each.iter().zip(&self.workloads) {
                    bar.set_message(told(workload));
                    bar.set_position(workload.counts.done.load(Relaxed));
                }
            }
            ProgressDisplay::Lines { last } => {
                let pools: Vec<String> =
                    self.workloads.iter().map(|w| format!("{} {}", w.plan.prefix, told(w).trim())).collect();
                let line = pools.join(" · ");
                let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
                if *last != line {
                    self.say(&line);
                    *last = line;
                }
            }
        }
    }
}

fn lines() -> ProgressDisplay {
    ProgressDisplay::Lines { last: Mutex::default() }
}

fn bars(workloads: &[Arc<PoolWorkload>]) -> ProgressDisplay {
    let columns = size().map_or(WIDE, |(columns, _)| usize::from(columns)).max(1);
    let longest = workloads.iter().map(|workload| workload.plan.prefix.as_str().len()).max().unwrap_or(0);
    // A line that is wrapped would be drawn again and again: name and bar give way to the counts.
    let width = longest.min(columns / 3);
    let bar = columns.saturating_sub(4 + width + TOLD).clamp(6, 30);
    // `NO_COLOR` is respected by the styles themselves.
    let Ok(style) = ProgressStyle::with_template(&format!("  {{prefix:.bold}} {{bar:{bar}.cyan/dim}} {{wide_msg}}"))
    else {
        return lines();
    };
    let style = style.progress_chars(match Charset::of_environment() {
        Charset::Unicode => "━╸─",
        Charset::Ascii => "=>-",
    });
    // A dashboard may be about to take the terminal: bars that are there before it stay above the report.
    let all = MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
    let bar = |workload: &Arc<PoolWorkload>| {
        let bar = all.add(ProgressBar::new(workload.plan.items.len() as u64).with_style(style.clone()));
        bar.set_prefix(format!("{:width$}", shorten(workload.plan.prefix.as_str(), width)));
        bar
    };
    let each = workloads.iter().map(bar).collect();
    ProgressDisplay::Bars { all, each }
}

/// Bars that are drawn from now on, at the latest.
fn on_terminal(all: &MultiProgress) -> &MultiProgress {
    if all.is_hidden() {
        all.set_draw_target(ProgressDrawTarget::stderr());
    }
    all
}

/// How many columns there are where nobody knows.
const WIDE: usize = 80;

/// How many columns a pool's few words take.
const TOLD: usize = 7 + 5 + 6 + 8 + 8 + 5;

/// A pool in a few words. The widths keep the columns of several bars in line.
fn told(workload: &PoolWorkload) -> String {
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Relaxed);
    let (limit, items) = (count(&workload.counts.limit), workload.plan.items.len());
    let (held, waiting, done) = (&workload.counts.held, &workload.counts.waiting, &workload.counts.done);
    let held = format!("{}/{limit}", held.count());
    let done = format!("{}/{items}", count(done));
    format!("{held:>7} held {:>5} waiting {done:>7} done", count(waiting))
}
