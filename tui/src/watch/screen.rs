//! The screen loop: how do inputs become pictures?
//! It stands between the terminal, the dashboard and whatever feeds it.

use std::io;
use std::time::Duration;

use leasehold_core::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::clipboard::open_link;
use super::draw::draw;
use super::input::{DashboardEffect, Input, SharedText, Subscription};
use super::session::DashboardMode;
use super::state::DashboardState;
use super::terminal::{KeyReader, Screen};
use crate::charset::Charset;

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
pub enum LeaveReason {
    /// By `q`.
    Quit,
    /// By ctrl-C.
    Interrupt,
    /// For another table.
    Switch,
}

/// The channels that feed a dashboard, and by which it tells what it wants read.
#[derive(Debug)]
pub struct Channels {
    /// What happens comes in here; the terminal's own keys are sent here too.
    pub inputs: mpsc::Sender<Input>,
    /// And is taken out here.
    pub incoming: mpsc::Receiver<Input>,
    /// What is on screen is told here.
    pub subscription: watch::Sender<Subscription>,
}

impl Channels {
    /// New ones, and where to hear what is on screen.
    pub fn new() -> (Channels, watch::Receiver<Subscription>) {
        let (inputs, incoming) = mpsc::channel(AT_ONCE);
        let (subscription, subscribed) = watch::channel(Subscription::default());
        (Channels { inputs, incoming, subscription }, subscribed)
    }
}

/// Shows a dashboard until somebody leaves. `now` tells what is watched by which time; `on_input` is shown every input before the dashboard is; `carry_out`
/// carries out the effects that have to do with what is watched. Dropped on the way, it gives the terminal back.
///
/// # Errors
/// When there is no terminal, or it breaks.
pub async fn show(
    dashboard: &mut DashboardState,
    channels: Channels,
    now: impl Fn() -> Timestamp,
    mut on_input: impl FnMut(&Input),
    mut carry_out: impl FnMut(DashboardEffect),
) -> io::Result<LeaveReason> {
    let Channels { inputs, mut incoming, subscription } = channels;
    let (mut stopped, mut goes_on) = (signal(SignalKind::from_raw(STOP))?, signal(SignalKind::from_raw(CONTINUE))?);
    let charset = Charset::of_environment();
    let mut screen = Screen::take()?;
    let size = screen.terminal.size()?;
    let (broke, mut broken) = oneshot::channel();
    let _keys = KeyReader::read(inputs, broke)?;
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut batch = vec![Input::Resize(size.width, size.height)];
    let mut drawn: Option<Instant> = None;
    let (mut dirty, mut resized, mut shared) = (true, false, vec![]);
    loop {
        batch.iter().for_each(&mut on_input);
        for effect in dashboard.apply_all(batch.drain(..)) {
            match effect {
                DashboardEffect::Quit => return Ok(LeaveReason::Quit),
                DashboardEffect::Interrupt => return Ok(LeaveReason::Interrupt),
                DashboardEffect::Switch => return Ok(LeaveReason::Switch),
                DashboardEffect::Share { what, text, link } => {
                    let opened = link && open_link(&text);
                    if !opened {
                        screen.copy(&text)?;
                    }
                    shared.push(Input::Shared(SharedText { what, text, opened }));
                }
                DashboardEffect::Suspend => {
                    screen.suspend().await?;
                    resized = true;
                }
                effect => carry_out(effect),
            }
        }
        subscription.send_if_modified(|known| {
            let now = dashboard.subscription();
            let other = *known != now;
            *known = now;
            other
        });
        if !shared.is_empty() {
            batch.append(&mut shared);
            dirty = true;
            continue;
        }
        if resized {
            resized = false;
            let size = screen.terminal.size()?;
            batch.push(Input::Resize(size.width, size.height));
            dirty = true;
            continue;
        }
        let next = drawn.map_or_else(Instant::now, |drawn| drawn + FRAME);
        if dirty && Instant::now() >= next {
            screen.terminal.draw(|frame| {
                draw(dashboard, frame.area(), frame.buffer_mut());
                charset.adapt(frame.buffer_mut());
            })?;
            (dirty, drawn) = (false, Some(Instant::now()));
        }
        tokio::select! {
            count = incoming.recv_many(&mut batch, AT_ONCE) => {
                if count == 0 {
                    return Ok(LeaveReason::Quit);
                }
                dirty = true;
            }
            _ = ticks.tick(), if dashboard.session.mode != DashboardMode::Replay => {
                batch.push(Input::Tick(now()));
                dirty = true;
            }
            () = sleep_until(drawn.map_or_else(Instant::now, |drawn| drawn + FRAME)), if dirty => {}
            Some(()) = stopped.recv() => {
                screen.suspend().await?;
                resized = true;
            }
            Some(()) = goes_on.recv() => {
                screen.again().await?;
                resized = true;
            }
            Ok(error) = &mut broken => return Err(error),
        }
    }
}

/// SIGCONT.
const CONTINUE: i32 = rustix::process::Signal::CONT.as_raw();
