//! A process that the world may kill, stop and let go on: how does it run to its end? Signalled only while it is there and
//! not reaped, so that no other process is ever hit.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// What the world does to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blow {
    /// SIGKILL. With `ended`, its executions end with it.
    Kill { ended: bool },
    /// SIGSTOP, and SIGCONT so much later.
    Stop(Duration),
}

/// A process under way.
#[derive(Debug)]
pub(crate) struct Signalled {
    child: Child,
    goes_on: Option<Instant>,
}

impl Signalled {
    pub(crate) fn start(command: &mut Command) -> io::Result<Signalled> {
        Ok(Signalled { child: command.kill_on_drop(true).spawn()?, goes_on: None })
    }

    /// Waits for its end, or for the next blow to it.
    pub(crate) async fn next(&mut self, blows: &mut mpsc::Receiver<Blow>) -> io::Result<Result<ExitStatus, Blow>> {
        loop {
            let goes_on = self.goes_on;
            let wakes = async {
                match goes_on {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                status = self.child.wait() => return status.map(Ok),
                () = wakes => self.go_on(),
                // One that is stopped is left alone.
                Some(blow) = blows.recv(), if goes_on.is_none() => return Ok(Err(blow)),
            }
        }
    }

    /// Deals a blow.
    pub(crate) fn strike(&mut self, blow: Blow) {
        match blow {
            Blow::Kill { .. } => self.signal(Signal::KILL),
            Blow::Stop(length) => {
                self.signal(Signal::STOP);
                self.goes_on = Some(Instant::now() + length);
            }
        }
    }

    fn go_on(&mut self) {
        self.signal(Signal::CONT);
        self.goes_on = None;
    }

    fn signal(&self, signal: Signal) {
        // It has no number any more once it is reaped.
        let pid = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(pid) = pid {
            let _ = kill_process(pid, signal);
        }
    }
}
