//! What do `leasehold watch` and `leasehold record` do with their options? They open the dashboard on a table or on a
//! recording, or keep what it would show.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use leasehold_core::nouns::{Millis, Prefix};
use leasehold_core::occupancy::trace::Trace;
use leasehold_store::run::{Clock, SystemClock};
use leasehold_store::{Table, directory};
use leasehold_tui::watch::act;
use leasehold_tui::watch::board::{Board, Mode, Session};
use leasehold_tui::watch::collect::collect;
use leasehold_tui::watch::input::{Effect, Input, Play, Wanted};
use leasehold_tui::watch::record::Recorder;
use leasehold_tui::watch::replay::Player;
use leasehold_tui::watch::screen::{Left, Wires, show};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::answer::colours;
use crate::demo;
use crate::place::{Place, Runner};
use crate::words::Trouble;

/// How often a replay moves.
const STEP: Duration = Duration::from_millis(50);

/// Watch the pools of a table: who holds, who waits, what changes
///
/// Reads only what is on screen, never with strong consistency; `?` says which keys there are and what the reading
/// costs. `+`, `-` and `x` change a limit or free a lease, after asking.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = AFTER_WATCH)]
pub(crate) struct Watch {
    /// Play back what `leasehold record` saved, instead of watching a table
    #[arg(long, value_name = "FILE", conflicts_with_all = ["read_only", "record", "every"])]
    replay: Option<PathBuf>,

    /// Watch the table that `leasehold demo --store FILE` keeps, while it runs or later; nothing can be changed
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    store: Option<PathBuf>,

    /// Nothing can be changed
    #[arg(long)]
    read_only: bool,

    /// How often what is on screen is read, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds, allow_hyphen_values = true)]
    every: Duration,

    /// Save what is seen in this file, as `leasehold record` does
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

const AFTER_WATCH: &str = "\
NO_COLOR turns colours off, and so does TERM=dumb; every state has a sign and a word too.

Exit status: 0 left with q; 2 the options make no sense, or the recording cannot be read or written; 3 the table
or the terminal cannot be used; 128 + N ended by signal N (130: ctrl-C).";

/// Save what a dashboard would show, to be played back
///
/// Writes JSON lines, one look at one pool each: `leasehold watch --replay FILE` plays them, and so does the page.
/// Goes on until it is stopped (ctrl-C), or as long as --for says.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = AFTER_RECORD)]
pub(crate) struct Record {
    /// The file; one that is there is replaced
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// Record this pool's slots and queue (may be given several times; by default all pools)
    #[arg(long, value_name = "PREFIX")]
    prefix: Vec<Prefix>,

    /// How often each pool is read, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds, allow_hyphen_values = true)]
    every: Duration,

    /// Stop after so many seconds
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    lasts: Option<Duration>,
}

const AFTER_RECORD: &str = "\
The first line is {\"leasehold_trace\":1,\"table\",\"region\",\"recorded_at_ms\",\"program\"}; every other line is
{\"at_ms\",\"pool\":{...}}, a whole pool with its slots and queue, or {\"at_ms\",\"gone\":PREFIX}. `leasehold schema record`
says it exactly. Times are in milliseconds since 1970.
A recording that was cut off can be played as far as it goes.

Exit status: 0 stopped by ctrl-C or by --for; 1 a pool does not exist; 2 the options make no sense or the file
cannot be written; 3 the table cannot be used.";

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: Option<f64> = text.parse().ok().filter(|seconds| (0.1..=86_400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "expected a number of seconds from 0.1 to 86400".to_owned())
}

impl Watch {
    /// Opens the dashboard until somebody leaves.
    pub(crate) async fn run(self, place: &Place) -> Result<(), Trouble> {
        if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
            let instead =
                "leasehold watch needs a terminal; leasehold pools and leasehold leases print, leasehold record saves";
            return Err(Trouble::Usage(instead.into()));
        }
        let left = tokio::select! {
            left = self.open(place) => left?,
            signal = ended() => return Err(stopped(signal?)),
        };
        match left {
            Left::Quit => Ok(()),
            Left::Interrupt => Err(stopped(2)),
        }
    }

    async fn open(self, place: &Place) -> Result<Left, Trouble> {
        if let Some(file) = self.replay {
            place.refuse("a recording says itself which table it is of")?;
            return replay(&file).await;
        }
        let (table, runner, asked) = match &self.store {
            Some(file) => {
                place.refuse("--store FILE is the table of a demo")?;
                (demo::stored(file)?, None, file.display().to_string())
            }
            None => {
                let runner = Arc::new(place.runner().await?);
                (runner.table().clone(), Some(runner), place.asked().unwrap_or_default().to_owned())
            }
        };
        // A demo judges itself by the limits that it set.
        let mode = Mode::Watch { read_only: self.read_only || runner.is_none() };
        let session = session(table.name(), &asked, mode, self.every);
        let region = runner.as_ref().and_then(|runner| region(runner.table()));
        let mut keeping = Keeping::on(self.record.as_deref(), &table, region)?;
        let (wires, wanted) = Wires::new();
        let inputs = wires.inputs.clone();
        let act = |effect| {
            if let Some(runner) = &runner {
                changes(Arc::clone(runner), effect, inputs.clone());
            }
        };
        let reading = tokio::spawn(collect(table, self.every, wanted, wires.inputs.clone()));
        let left = show(&mut Board::new(session), wires, |input| keeping.keep(input), act).await;
        reading.abort();
        keeping.over()?;
        Ok(left?)
    }
}

/// A dashboard's session on this terminal.
pub(crate) fn session(table: &str, place: &str, mode: Mode, every: Duration) -> Session {
    let colour = colours();
    let place = place.strip_prefix("region ").unwrap_or(place).to_owned();
    let every = Millis(u64::try_from(every.as_millis()).unwrap_or(u64::MAX));
    Session { table: table.to_owned(), place, mode, colour, every }
}

/// Carries out what somebody asked for, beside the dashboard, and tells it.
fn changes(runner: Arc<Runner>, effect: Effect, inputs: mpsc::Sender<Input>) {
    tokio::spawn(async move {
        let did = match effect {
            Effect::ChangeLimit { prefix, limit, why } => {
                act::change_limit(&runner, &prefix, limit, &act::who(), &why).await
            }
            Effect::Release(lease) => act::release(&runner, &lease).await,
            // Everything else is the demo's or a replay's.
            _ => return,
        };
        // Whoever asked may have left.
        let _ = inputs.send(did).await;
    });
}

fn region(table: &Table) -> Option<&str> {
    table.region().map(AsRef::as_ref)
}

/// A recorder on a file.
fn recorder(file: &Path, table: &Table, region: Option<&str>) -> Result<Recorder<BufWriter<File>>, Trouble> {
    let unwritable = |why| Trouble::Unwritable { path: file.into(), why };
    let out = BufWriter::new(File::create(file).map_err(unwritable)?);
    Recorder::new(out, table.name(), region, SystemClock.now()).map_err(unwritable)
}

/// Keeps what a dashboard sees in a file, if it is to be kept. A file that can not be written any more does not end
/// the dashboard: that is told when it is over.
pub(crate) struct Keeping {
    file: PathBuf,
    recorder: Option<Recorder<BufWriter<File>>>,
    wrong: Option<std::io::Error>,
}

impl Keeping {
    pub(crate) fn on(file: Option<&Path>, table: &Table, region: Option<&str>) -> Result<Keeping, Trouble> {
        let recorder = file.map(|file| recorder(file, table, region)).transpose()?;
        Ok(Keeping { file: file.map(Into::into).unwrap_or_default(), recorder, wrong: None })
    }

    pub(crate) fn keep(&mut self, input: &Input) {
        if let Some(recorder) = &mut self.recorder
            && let Err(wrong) = recorder.keep(SystemClock.now(), input)
        {
            (self.recorder, self.wrong) = (None, Some(wrong));
        }
    }

    pub(crate) fn over(self) -> Result<(), Trouble> {
        self.wrong.map_or(Ok(()), |why| Err(Trouble::Unwritable { path: self.file, why }))
    }
}

async fn replay(file: &Path) -> Result<Left, Trouble> {
    let text = std::fs::read_to_string(file).map_err(|why| Trouble::Unreadable { path: file.into(), why })?;
    let trace = Trace::parse(&text).map_err(|wrong| Trouble::Usage(format!("{}: {wrong}", file.display())))?;
    let place = trace.header.region.clone().unwrap_or_else(|| "recorded".into());
    let session = session(&trace.header.table, &place, Mode::Replay, STEP);
    let (wires, _wanted) = Wires::new();
    let (plays, told) = mpsc::unbounded_channel();
    let inputs = wires.inputs.clone();
    if let Some(note) = &trace.note {
        // Nobody else has anything to say yet: there is room.
        let _ = inputs.send(Input::Note(note.clone())).await;
    }
    let playing = tokio::spawn(play(Player::new(trace), told, inputs));
    let act = move |effect| {
        if let Effect::Play(play) = effect {
            // The player ends only with the dashboard.
            let _ = plays.send(play);
        }
    };
    let left = show(&mut Board::new(session), wires, |_| {}, act).await;
    playing.abort();
    Ok(left?)
}

/// Plays a recording until nobody listens.
async fn play(mut player: Player, mut told: mpsc::UnboundedReceiver<Play>, inputs: mpsc::Sender<Input>) {
    let mut some = player.start();
    let mut steps = interval(STEP);
    steps.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut last = Instant::now();
    loop {
        for input in some.drain(..) {
            if inputs.send(input).await.is_err() {
                return;
            }
        }
        some = tokio::select! {
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

impl Record {
    /// Records until it is stopped.
    pub(crate) async fn run(self, place: &Place) -> Result<(), Trouble> {
        let runner = place.runner().await?;
        let table = runner.table().clone();
        // Before a file is replaced: what is to be recorded must be there.
        directory::pools(&table).await?;
        for prefix in &self.prefix {
            runner.settings(prefix).await?;
        }
        let mut recorder = recorder(&self.out, &table, region(&table))?;
        let (wires, hears) = Wires::new();
        let Wires { inputs, mut incoming, wanted } = wires;
        wanted.send_replace(Wanted { pools: self.prefix.clone(), ..Wanted::default() });
        let reading = tokio::spawn(collect(table, self.every, hears, inputs));
        let end = self.lasts.map(|lasts| Instant::now() + lasts);
        let mut over = std::pin::pin!(async move {
            match end {
                Some(end) => sleep_until(end).await,
                None => std::future::pending().await,
            }
        });
        let mut stop = std::pin::pin!(ended());
        loop {
            let input = tokio::select! {
                Some(input) = incoming.recv() => input,
                () = &mut over => break,
                signal = &mut stop => {
                    signal?;
                    break;
                }
            };
            match &input {
                Input::Listed(listed) if self.prefix.is_empty() => {
                    let pools = listed.pools.iter().map(|pool| pool.prefix.clone()).collect();
                    wanted.send_replace(Wanted { pools, ..Wanted::default() });
                }
                // Whoever reads standard error is told; the recording goes on when it can.
                Input::Failed { why, .. } => drop(writeln!(std::io::stderr(), "leasehold: {why}; trying again")),
                Input::Unreadable { prefix, why } => drop(writeln!(std::io::stderr(), "leasehold: {prefix}: {why}")),
                _ => {}
            }
            recorder
                .keep(SystemClock.now(), &input)
                .map_err(|why| Trouble::Unwritable { path: self.out.clone(), why })?;
        }
        reading.abort();
        let (looks, pools) = recorder.kept();
        drop(writeln!(std::io::stderr(), "{looks} looks at {pools} pools are in {}", self.out.display()));
        Ok(())
    }
}

/// Waits for a signal that ends programs: which.
pub(crate) async fn ended() -> std::io::Result<u8> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut quit = signal(SignalKind::quit())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(tokio::select! {
        _ = hangup.recv() => 1,
        _ = interrupt.recv() => 2,
        _ = quit.recv() => 3,
        _ = terminate.recv() => 15,
    })
}

fn stopped(signal: u8) -> Trouble {
    Trouble::Stopped { signal, left: "the dashboard is closed".into() }
}
