//! The held lease: how do a command and its lease go together?
//! The lease keeps itself. Here the guardian is told until when it lasts, signals go to the command, and a loss is told. Once
//! the command, and what is waited for of what it started, has ended, the lease is given back.

use std::time::Duration;

use leasehold::{Error, Lease, Loss};
use signal_hook::consts::SIGTSTP;
use tokio::time::{Instant, sleep};

use super::guard_message::{FromGuardian, ToGuardian};
use super::guarded_command::GuardedCommand;
use super::signals::{Signal, Signals, pause};
use super::status::{LOST, UNUSABLE};
use crate::error::CliError;
use crate::output::complain;

/// How often the guardian is told until when the lease lasts.
const TELL_EVERY: Duration = Duration::from_millis(250);

/// What ends so soon after the command is not spoken of.
const LEFT_UNSAID: Duration = Duration::from_secs(1);

/// How a command is held.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hold {
    /// Everything is ended when the lease is lost.
    pub(crate) kill: bool,
    /// Nothing is said of waiting.
    pub(crate) quiet: bool,
}

/// What became of the command.
pub(crate) enum CommandEnd {
    /// It ended, with this status.
    Ended(u8),
    /// It was ended because its lease was lost.
    Killed(String),
}

/// The command has ended, and what it started has not.
struct LeftBehind {
    status: u8,
    count: usize,
    since: Instant,
    told: bool,
}

impl Hold {
    /// Keeps the two together until the command ends, and gives the lease back.
    pub(crate) async fn until_it_ends(
        self,
        mut command: GuardedCommand,
        lease: Lease,
        signals: &mut Signals,
    ) -> Result<CommandEnd, CliError> {
        let mut lost = Box::pin(lease.lost());
        let mut loss: Option<Loss> = None;
        let mut left: Option<LeftBehind> = None;
        let mut stops = command.shares_the_terminal();
        let status = loop {
            tokio::select! {
                biased;
                report = command.report() => match report {
                    Some(FromGuardian::Ended(status, count)) => {
                        left = Some(LeftBehind { status, count, since: Instant::now(), told: self.quiet });
                    }
                    Some(FromGuardian::Gone) => break left.map(|left| left.status),
                    Some(FromGuardian::Ending) => loss = Some(lease.loss().unwrap_or(Loss::NotRenewed)),
                    // Whoever started both sees that they stop, and lets both go on.
                    Some(FromGuardian::Stopped) if stops => pause(),
                    Some(FromGuardian::Stopped | FromGuardian::Continued) => {}
                    None => break None,
                },
                signal = signals.next() => {
                    stops |= signal.number == SIGTSTP;
                    forward(signal, &mut command);
                }
                why = &mut lost, if loss.is_none() => {
                    loss = Some(why);
                    if self.kill {
                        command.tell(ToGuardian::Lost);
                    }
                }
                () = sleep(TELL_EVERY) => {}
            }
            command.held(&lease);
            if !self.kill && loss.is_some() && lease.is_held() {
                // Its time was over, and nobody had it meanwhile.
                loss = None;
                lost = Box::pin(lease.lost());
            }
            if let Some(left) = left.as_mut().filter(|left| !left.told && left.since.elapsed() >= LEFT_UNSAID) {
                left.told = true;
                tell_left(left.count);
            }
        };
        let Some(status) = status else { return self.without_guardian(command, lease).await };
        command.leave();
        let id = lease.id().clone();
        let killed = loss.filter(|_| self.kill);
        match lease.release().await {
            // It was told as an event.
            Ok(()) | Err(Error::Lost { .. } | Error::Table(_)) => {}
            Err(other) => complain(&other.to_string()),
        }
        Ok(match killed {
            Some(loss) => CommandEnd::Killed(format!("its lease {id} is lost: {loss}")),
            None => CommandEnd::Ended(status),
        })
    }

    /// Somebody killed the guardian: so nobody could end the command in time any more.
    async fn without_guardian(self, mut command: GuardedCommand, lease: Lease) -> Result<CommandEnd, CliError> {
        let id = lease.id().clone();
        command.end_orphans(self.kill).await;
        let _ = lease.release().await;
        let (status, ended) =
            if self.kill { (LOST, "was ended") } else { (UNUSABLE, "has ended, with a status that is not known") };
        let words = format!("the command {ended}: the process that guarded it for lease {id} was killed");
        Err(CliError::Run { status, words })
    }
}

fn tell_left(count: usize) {
    let what = if count == 1 {
        "1 process that it started still runs".into()
    } else {
        format!("{count} processes that it started still run")
    };
    complain(&format!(
        "the command has ended and {what}: the lease is kept until then (--wait-for cmd gives it back at once; ctrl-C and \
         TERM go to what runs)"
    ));
}

/// Passes a signal on, unless the command got it from the terminal as this process did.
fn forward(signal: Signal, command: &mut GuardedCommand) {
    if !(signal.to_all && command.shares_the_terminal()) {
        command.tell(ToGuardian::Signal(signal.number));
    }
}
