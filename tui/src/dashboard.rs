//! `leasehold watch`: how is the dashboard opened on a table, on a demo's file or on a recording?

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use leasehold_core::occupancy::trace::Trace;
use leasehold_core::{Author, Millis, Timestamp};
use leasehold_store::{Clock, StoreError, SystemClock, Table, list_pools};
use leasehold_tui::watch::actions;
use leasehold_tui::watch::input::{DashboardEffect, Input, ReplayCommand};
use leasehold_tui::watch::poller::poll;
use leasehold_tui::watch::replay::ReplayPlayer;
use leasehold_tui::watch::screen::{Channels, LeaveReason, show};
use leasehold_tui::watch::session::{DashboardMode, Session, TableChoice};
use leasehold_tui::watch::state::DashboardState;
use leasehold_tui::watch::under_way::{self, UnderWay};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::error::CliError;
use crate::output::{colours, complain};
use crate::recording::{RecordingFile, between_looks, recording_file, region};
use crate::stop_signal::stop_signal;
use crate::stored_demo;
use crate::target::{CliRunner, Target, account, endpoint_found};

/// How often a replay moves.
const STEP: Duration = Duration::from_millis(50);

/// Watch the pools of a table: who holds, who waits, what changes
///
/// Reads the pools on screen, others now and then, never with strong consistency. `?` lists the keys and what the
/// reading costs. `+`, `-` and `x` change a limit or free a lease, after asking. `y` copies an id, `o` opens an execution in
/// the AWS console, `t` goes to another table, region or profile. With --store nothing can be changed here.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = AFTER_WATCH)]
pub(crate) struct WatchOptions {
    /// Play back what `leasehold record` saved, instead of watching a table
    #[arg(long, value_name = "FILE", conflicts_with_all = ["read_only", "record", "every", "store"])]
    replay: Option<PathBuf>,

    /// Nothing can be changed
    #[arg(long)]
    read_only: bool,

    /// How often the pools on screen are read
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = between_looks, allow_hyphen_values = true)]
    every: Duration,

    /// Also save it all in this file, as `leasehold record` does
    #[arg(long, value_name = "FILE", value_parser = recording_file)]
    record: Option<PathBuf>,
}

const AFTER_WATCH: &str = "\
NO_COLOR turns colours off, and so does TERM=dumb; every state has a sign and a word too.

Exit status: 0 left with q; 2 the options make no sense, or the recording cannot be read or written; 3 the table
or the terminal cannot be used; 128 + N ended by signal N (130: ctrl-C).";

impl WatchOptions {
    /// Opens the dashboard until somebody leaves.
    pub(crate) async fn run(self, target: &Target) -> Result<(), CliError> {
        if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
            let instead = "watch needs a terminal; leasehold pools and leasehold leases print, leasehold record saves";
            return Err(CliError::Usage(instead.into()));
        }
        let left = tokio::select! {
            left = self.open(target) => left?,
            signal = stop_signal() => return Err(stopped(signal?)),
        };
        match left {
            LeaveReason::Quit | LeaveReason::Switch => Ok(()),
            LeaveReason::Interrupt => Err(stopped(2)),
        }
    }

    async fn open(self, target: &Target) -> Result<LeaveReason, CliError> {
        if let Some(file) = self.replay {
            target.refuse("a recording says itself which table it is of")?;
            return replay(&file).await;
        }
        let mut watched = match target.store()? {
            Some(file) => Watched::stored(file)?,
            None => Watched::reached(target.clone()).await?,
        };
        loop {
            let next = Arc::new(Mutex::new(None));
            let left = self.watch(&watched, Arc::clone(&next)).await?;
            let next = next.lock().unwrap_or_else(PoisonError::into_inner).take();
            match (left, next) {
                (LeaveReason::Switch, Some(next)) => watched = next,
                (left, _) => return Ok(left),
            }
        }
    }

    /// Shows one table until somebody leaves, or chooses another, which is then there.
    async fn watch(&self, watched: &Watched, next: Arc<Mutex<Option<Watched>>>) -> Result<LeaveReason, CliError> {
        let Watched { table, runner, reached, location } = watched;
        // A demo judges itself by the limits that it set.
        let mode = DashboardMode::Watch { read_only: self.read_only || runner.is_none() };
        let mut session = session(table.name(), location, mode, self.every);
        session.endpoint = reached.as_ref().and_then(|reached| endpoint_found(&reached.config));
        // A recording is of one table.
        let switches = reached.as_ref().filter(|_| self.record.is_none());
        session.chosen = switches.map(|reached| reached.target.choice(table.name(), location));
        let region = runner.as_ref().and_then(|runner| region(runner.table()));
        if self.record.is_some() {
            // Before a file is replaced: the table must be there, and its replies tell the time that is written first.
            list_pools(table).await?;
        }
        let mut keeping = RecordingFile::on(self.record.as_deref(), table, region)?;
        let (channels, subscription) = Channels::new();
        let inputs = channels.inputs.clone();
        tell_wrong_clock(table, inputs.clone());
        if let Some(reached) = reached {
            let (config, name, inputs) = (reached.config.clone(), table.name().to_owned(), inputs.clone());
            tokio::spawn(async move { inputs.send(Input::Account(account(&config, &name).await)).await });
        }
        let mut changes = JoinSet::new();
        let carry_out = |effect| match effect {
            DashboardEffect::ReadHistory(prefix) => {
                let (table, inputs) = (table.clone(), inputs.clone());
                tokio::spawn(async move { inputs.send(actions::read_history(&table, prefix).await).await });
            }
            DashboardEffect::Choose(choice) => {
                if let Some(reached) = reached {
                    let (target, next, inputs) = (reached.target.clone(), Arc::clone(&next), inputs.clone());
                    tokio::spawn(async move { inputs.send(choose(&target, choice, &next).await).await });
                }
            }
            effect => {
                if let Some(runner) = runner.as_ref().filter(|_| under_way::words(&effect).is_some()) {
                    changes.spawn(change(Arc::clone(runner), effect, inputs.clone()));
                }
            }
        };
        let reading = tokio::spawn(poll(table.clone(), self.every, subscription, channels.inputs.clone()));
        let mut dashboard = DashboardState::new(session);
        let left = show(&mut dashboard, channels, || table.now(), |input| keeping.keep(input), carry_out).await;
        reading.abort();
        keeping.over()?;
        let left = left?;
        answered(changes, &dashboard.under_way, left).await?;
        Ok(left)
    }
}

/// Whoever leaves is told what came of the changes that the table had not answered yet. Ctrl-C leaves without.
async fn answered(mut changes: JoinSet<Input>, under_way: &UnderWay, left: LeaveReason) -> Result<(), CliError> {
    let Some((count, waits)) = under_way.changes().zip(under_way.words()) else { return Ok(()) };
    if left == LeaveReason::Interrupt {
        complain(&format!("{waits}; whether that happens is not known: look again"));
        return Ok(());
    }
    complain(&format!("{waits}; waiting for that (ctrl-C leaves without knowing)"));
    // In the order in which they are answered: the dashboard heard of the first.
    let mut told = vec![];
    while let Some(answer) = changes.join_next().await {
        told.extend(answer);
    }
    let mut wrong = vec![];
    for answer in told.split_off(told.len().saturating_sub(count)) {
        match answer {
            Input::LimitChanged { what, .. } | Input::ActionDone { done: true, what } => complain(&what),
            Input::ActionDone { what, .. } => wrong.push(what),
            _ => {}
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(CliError::NotDone(wrong.join("; "))) }
}

/// A table that is watched.
struct Watched {
    table: Table,
    runner: Option<Arc<CliRunner>>,
    /// How it was reached, if it is not in a file.
    reached: Option<Reached>,
    location: String,
}

/// How a table was reached.
struct Reached {
    target: Target,
    config: SdkConfig,
}

impl Watched {
    fn stored(file: &Path) -> Result<Watched, CliError> {
        let table = stored_demo::open(file)?;
        Ok(Watched { table, runner: None, reached: None, location: file.display().to_string() })
    }

    async fn reached(target: Target) -> Result<Watched, CliError> {
        let (runner, config) = target.untold_runner_and_config().await?;
        let location = config.region().map(|region| region.as_ref().to_owned()).unwrap_or_default();
        let (table, runner) = (runner.table().clone(), Some(Arc::new(runner)));
        Ok(Watched { table, runner, reached: Some(Reached { target, config }), location })
    }
}

/// Reaches the table that somebody chose. The one that is shown stays until the other has answered.
async fn choose(target: &Target, choice: TableChoice, next: &Mutex<Option<Watched>>) -> Input {
    let name = choice.table.clone();
    let reach = async {
        let target = target.choose(choice)?;
        let asked = target.clone();
        let watched = Watched::reached(target).await?;
        list_pools(&watched.table).await.map_err(|wrong| CliError::from(wrong).at(asked.asked()))?;
        Ok::<_, CliError>(watched)
    };
    match reach.await {
        Ok(watched) => {
            *next.lock().unwrap_or_else(PoisonError::into_inner) = Some(watched);
            Input::Switched
        }
        Err(wrong) => Input::NotReached(not_reached(&name, &wrong)),
    }
}

/// Why a table is not shown, in few words where there are: they have one line.
fn not_reached(name: &str, wrong: &CliError) -> String {
    let store = match wrong {
        CliError::Store(wrong) | CliError::StoreAt { wrong, .. } => Some(wrong),
        _ => None,
    };
    match (store, wrong) {
        (Some(StoreError::TableMissing { .. }), _) => {
            format!("table {name} is not shown: there is none in this region")
        }
        (Some(StoreError::Denied { .. }), _) => format!("table {name} is not shown: these credentials may not read it"),
        (_, other) => format!("table {name} is not shown: {other}"),
    }
}

/// A dashboard's session on this terminal.
pub(crate) fn session(table: &str, location: &str, mode: DashboardMode, every: Duration) -> Session {
    let colour = colours();
    let every = Millis(u64::try_from(every.as_millis()).unwrap_or(u64::MAX));
    Session::of(table.to_owned(), location.to_owned(), mode, colour, every)
}

/// Tells the dashboard, once the table's replies show it: nothing else may be written on its terminal.
fn tell_wrong_clock(table: &Table, inputs: mpsc::Sender<Input>) {
    table.on_wrong_clock(move |wrong| {
        let corrected = Input::ClockCorrected { now: wrong.corrected(SystemClock.now()), what: wrong.to_string() };
        // Where so much is still to be read that there is no room for it, the times that are shown are right all the same.
        let _ = inputs.try_send(corrected);
    });
}

/// Carries out what somebody asked for, beside the dashboard, and tells it what came of that, if it is still there.
async fn change(runner: Arc<CliRunner>, effect: DashboardEffect, inputs: mpsc::Sender<Input>) -> Input {
    let changed = match &effect {
        DashboardEffect::ChangeLimit { prefix, .. } | DashboardEffect::EndOverride { prefix, .. } => {
            Some(prefix.clone())
        }
        _ => None,
    };
    let did = match effect {
        DashboardEffect::ChangeLimit { prefix, limit, why, lasts, expected } => {
            let by = Author { who: actions::who(), why: why.into() };
            actions::change_limit(&runner, &prefix, limit, by, lasts, expected).await
        }
        DashboardEffect::EndOverride { prefix, why, expected } => {
            let by = Author { who: actions::who(), why: why.into() };
            actions::end_override(&runner, &prefix, by, expected).await
        }
        DashboardEffect::Release(lease) => actions::release(&runner, &lease).await,
        // Everything else is the demo's or a replay's.
        _ => return Input::ActionDone { done: false, what: "that is not done here".into() },
    };
    let _ = inputs.send(did.clone()).await;
    if let Some(prefix) = changed {
        // Where that fails, the next sweep does it.
        tokio::spawn(async move { actions::settle_again(&runner, &prefix).await });
    }
    did
}

async fn replay(file: &Path) -> Result<LeaveReason, CliError> {
    let text = std::fs::read_to_string(file).map_err(|why| CliError::Unreadable { path: file.into(), why })?;
    let trace = Trace::parse(&text).map_err(|wrong| CliError::Usage(format!("{}: {wrong}", file.display())))?;
    let note = trace.note.clone().map(|note| format!("{}: {note}", file.display()));
    if trace.entries.is_empty() {
        let nothing =
            "it holds no look at any pool: the recording ended before the first; record anew (leasehold record)";
        let why = trace.note.iter().map(String::as_str).chain([nothing]).collect::<Vec<_>>().join("; ");
        return Err(CliError::Usage(format!("{}: {why}", file.display())));
    }
    let location = trace.header.region.clone().unwrap_or_else(|| "recorded".into());
    let session = session(&trace.header.table, &location, DashboardMode::Replay, STEP);
    let (channels, _subscription) = Channels::new();
    let (plays, told) = mpsc::unbounded_channel();
    let inputs = channels.inputs.clone();
    let playing = tokio::spawn(play(ReplayPlayer::new(trace), told, inputs));
    let carry_out = move |effect| {
        if let DashboardEffect::Replay(play) = effect {
            // The player ends only with the dashboard.
            let _ = plays.send(play);
        }
    };
    // The player says what time it is.
    let left = show(&mut DashboardState::new(session), channels, || Timestamp(0), |_| {}, carry_out).await;
    playing.abort();
    // On a narrow screen it was cut.
    note.iter().for_each(|note| complain(note));
    Ok(left?)
}

/// Plays a recording until nobody listens.
async fn play(mut player: ReplayPlayer, mut told: mpsc::UnboundedReceiver<ReplayCommand>, inputs: mpsc::Sender<Input>) {
    let mut batch = player.start();
    let mut steps = interval(STEP);
    steps.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut last = Instant::now();
    loop {
        for input in batch.drain(..) {
            if inputs.send(input).await.is_err() {
                return;
            }
        }
        batch = tokio::select! {
            play = told.recv() => match play {
                Some(play) => player.told(play),
                None => return,
            },
            now = steps.tick() => {
                let passed = now.duration_since(last);
                last = now;
                player.pass(Millis(u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)))
            }
        };
    }
}

fn stopped(signal: u8) -> CliError {
    CliError::Stopped { signal, left: "the dashboard is closed".into() }
}
