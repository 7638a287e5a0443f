//! How do inputs become pictures? The loop between the terminal, the board and whatever feeds it.

use std::io;
use std::time::Duration;

use leasehold_core::nouns::Millis;
use leasehold_store::run::{Clock, SystemClock};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::board::{Board, Mode};
use super::draw::draw;
use super::input::{Effect, Input, Wanted};
use super::terminal::{Keys, Screen};

/// How often time passes on the screen.
const TICK: Duration = Duration::from_millis(250);

/// The least time between two frames.
const FRAME: Duration = Duration::from_millis(33);

/// How many inputs are taken in before a frame is drawn.
const AT_ONCE: usize = 4_096;

/// SIGTSTP, which has no name of its own there.
const STOP: i32 = rustix::process::Signal::TSTP.as_raw();

/// How somebody left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// By `q`.
    Quit,
    /// By ctrl-C.
    Interrupt,
}

/// What feeds a dashboard, and what hears of it.
#[derive(Debug)]
pub struct Wires {
    /// What happens comes in here; the terminal's own keys are sent here too.
    pub inputs: mpsc::Sender<Input>,
    /// And is taken out here.
    pub incoming: mpsc::Receiver<Input>,
    /// What is on screen is told here.
    pub wanted: watch::Sender<Wanted>,
}

impl Wires {
    /// New ones, and where to hear what is on screen.
    pub fn new() -> (Wires, watch::Receiver<Wanted>) {
        let (inputs, incoming) = mpsc::channel(AT_ONCE);
        let (wanted, hears) = watch::channel(Wanted::default());
        (Wires { inputs, incoming, wanted }, hears)
    }
}

/// Shows a board until somebody leaves. `heed` is shown every input before the board is; `act` carries out the
/// effects that have to do with what is watched. Dropped on the way, it gives the terminal back.
///
/// # Errors
/// When there is no terminal, or it breaks.
pub async fn show(
    board: &mut Board,
    wires: Wires,
    mut heed: impl FnMut(&Input),
    mut act: impl FnMut(Effect),
) -> io::Result<Left> {
    let Wires { inputs, mut incoming, wanted } = wires;
    let (mut stopped, mut goes_on) = (signal(SignalKind::from_raw(STOP))?, signal(SignalKind::from_raw(CONTINUE))?);
    let mut screen = Screen::take()?;
    let size = screen.terminal.size()?;
    let (broke, mut broken) = oneshot::channel();
    let _keys = Keys::read(inputs, broke)?;
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut some = vec![Input::Resize(size.width, size.height)];
    let mut drawn: Option<Instant> = None;
    let (mut dirty, mut resized) = (true, false);
    loop {
        some.iter().for_each(&mut heed);
        for effect in board.apply_all(some.drain(..)) {
            match effect {
                Effect::Quit => return Ok(Left::Quit),
                Effect::Interrupt => return Ok(Left::Interrupt),
                Effect::Suspend => {
                    screen.suspend()?;
                    resized = true;
                }
                Effect::Refresh => {}
                effect => act(effect),
            }
        }
        wanted.send_if_modified(|known| {
            let now = board.wanted();
            let other = *known != now;
            *known = now;
            other
        });
        if resized {
            resized = false;
            let size = screen.terminal.size()?;
            some.push(Input::Resize(size.width, size.height));
            dirty = true;
            continue;
        }
        let next = drawn.map_or_else(Instant::now, |drawn| drawn + FRAME);
        if dirty && Instant::now() >= next {
            screen.terminal.draw(|frame| draw(board, frame.area(), frame.buffer_mut()))?;
            (dirty, drawn) = (false, Some(Instant::now()));
        }
        tokio::select! {
            count = incoming.recv_many(&mut some, AT_ONCE) => {
                if count == 0 {
                    return Ok(Left::Quit);
                }
                dirty = true;
            }
            _ = ticks.tick(), if board.session.mode != Mode::Replay => {
                some.push(Input::Tick(now()));
                dirty = true;
            }
            () = sleep_until(drawn.map_or_else(Instant::now, |drawn| drawn + FRAME)), if dirty => {}
            Some(()) = stopped.recv() => {
                screen.suspend()?;
                resized = true;
            }
            Some(()) = goes_on.recv() => {
                screen.again()?;
                resized = true;
            }
            Ok(error) = &mut broken => return Err(error),
        }
    }
}

/// SIGCONT.
const CONTINUE: i32 = rustix::process::Signal::CONT.as_raw();

fn now() -> Millis {
    SystemClock.now()
}
