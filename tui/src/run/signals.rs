//! Caught signals: which come, and who sent them?
//! All that a command may be sent are caught, so that none of them ends this process before its lease is given back.
//! What whoever started this process ignores stays ignored (nohup).

use std::os::raw::c_int;

use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::Cause;
use tokio::sync::mpsc;

/// One signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Signal {
    /// Its number.
    pub(crate) number: c_int,
    /// The terminal sent it, to every process in its foreground.
    pub(crate) to_all: bool,
}

/// The signals of this process from now on.
#[derive(Debug)]
pub(crate) struct Signals(mpsc::UnboundedReceiver<Signal>);

impl Signals {
    /// Catches them.
    pub(crate) fn listen() -> Result<Signals, std::io::Error> {
        let all = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT];
        let caught = all.iter().filter(|number| !is_ignored(**number));
        let mut signals = SignalsInfo::<WithOrigin>::new(caught)?;
        let (sender, receiver) = mpsc::unbounded_channel();
        std::thread::Builder::new().name("signals".into()).spawn(move || {
            for origin in &mut signals.forever() {
                let signal = Signal { number: origin.signal, to_all: origin.cause == Cause::Kernel };
                if sender.send(signal).is_err() {
                    return;
                }
            }
        })?;
        Ok(Signals(receiver))
    }

    /// The next one.
    pub(crate) async fn next(&mut self) -> Signal {
        match self.0.recv().await {
            Some(signal) => signal,
            // The thread has ended, which it does not.
            None => std::future::pending().await,
        }
    }

    /// Until a terminal sends what ctrl-C does.
    pub(crate) async fn ctrl_c(&mut self) {
        while !matches!(self.next().await, Signal { number: SIGINT, to_all: true }) {}
    }

    /// The next one that asks a process that waits to stop. Stops for a while if that is what is asked.
    pub(crate) async fn stop(&mut self) -> u8 {
        loop {
            let Signal { number, .. } = self.next().await;
            match number {
                SIGTSTP => pause(),
                SIGINT | SIGTERM | SIGHUP | SIGQUIT => return u8::try_from(number).unwrap_or(0),
                // Meant for a command that does not run yet.
                _ => {}
            }
        }
    }
}

/// Stops this process until it is told to go on.
pub(crate) fn pause() {
    // Where it cannot be done nothing is lost: the process runs on.
    let _ = signal_hook::low_level::raise(signal_hook::consts::SIGSTOP);
}

/// Whether this process ignores a signal, as whoever started it wanted.
pub(crate) fn is_ignored(number: c_int) -> bool {
    ignored() & (1 << (number - 1)) != 0
}

/// The signals that are ignored, a bit each; where that cannot be known, none.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0)
}
