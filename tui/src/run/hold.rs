//! The held lease: how do a command and its lease go together?
//! The lease keeps itself. Here the guardian is told until when it lasts, signals go to the command, and a loss is told. Once
//! the command, and what is waited for of what it started, has ended, the lease is given back.

use std::time::Duration;

use leasehold::{Error, Lease, Loss};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use tokio::time::{Instant, sleep, timeout};

use super::guard_message::{FromGuardian, ToGuardian};
use super::guarded_command::GuardedCommand;
use super::kill_after::KillAfter;
use super::signals::{Signal, Signals, pause};
use super::status::{LOST, UNUSABLE};
use crate::error::CliError;
use crate::output::complain;

/// How often the guardian is told until when the lease lasts.
const TELL_EVERY: Duration = Duration::from_millis(250);

/// How much later than it should a guardian may have ended everything: a busy machine's scheduler, and no more.
const OVERDUE_AFTER: Duration = Duration::from_millis(1_500);

/// What ends so soon after the command is not spoken of.
const LEFT_UNSAID: Duration = Duration::from_secs(1);

/// How long a lease may take to be given back that could not be renewed until its end.
const UNRENEWED_GIVEN_BACK_WITHIN: Duration = Duration::from_secs(2);

/// How much later than its command, which has ended of it, this process may learn of a ctrl-C that both were sent.
const SAME_KEY_WITHIN: Duration = Duration::from_millis(500);

/// How a command is held.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hold {
    /// How long everything has between TERM and KILL when the lease is lost; none: it is only told.
    pub(crate) kill_after: Option<KillAfter>,
    /// Nothing is said of waiting.
    pub(crate) quiet: bool,
}

/// What became of the command.
pub(crate) enum CommandEnd {
    /// It ended, with this status.
    Ended(u8),
    /// So did the ctrl-C that was typed.
    Interrupted,
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
        let kill = self.kill_after.is_some();
        let mut overdue: Option<Instant> = None;
        let mut lost = Box::pin(lease.lost());
        let mut loss: Option<Loss> = None;
        let mut left: Option<LeftBehind> = None;
        let mut interrupted = false;
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
                    interrupted |= signal.number == SIGINT && signal.to_all;
                    match signal.number {
                        // Shells have what they start in the background ignore ctrl-C.
                        SIGINT | SIGQUIT | SIGHUP | SIGTERM if left.is_some() => {
                            command.tell(ToGuardian::Signal(SIGTERM));
                        }
                        _ => forward(signal, &mut command),
                    }
                }
                why = &mut lost, if loss.is_none() => {
                    loss = Some(why);
                    // By its time it has ended everything already; of what was taken by force it learns just now.
                    let after = self.kill_after.filter(|_| why != Loss::NotRenewed).map(|after| after.of(&lease)).unwrap_or_default();
                    overdue = Some(Instant::now() + after + OVERDUE_AFTER);
                    if kill {
                        command.tell(ToGuardian::Lost);
                    }
                }
                () = sleep(TELL_EVERY) => {}
            }
            command.held(&lease, self.kill_after);
            if kill && overdue.is_some_and(|at| Instant::now() >= at) {
                // Somebody stopped the guardian: what it does not do is done here.
                command.kill_guardian();
                overdue = None;
            }
            if !kill && loss.is_some() && lease.is_held() {
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
        if i32::from(status) == 128 + SIGINT && command.shares_the_terminal() {
            interrupted = interrupted || timeout(SAME_KEY_WITHIN, signals.ctrl_c()).await.is_ok();
        }
        command.leave();
        let id = lease.id().clone();
        let killed = loss.filter(|_| kill);
        // What was not renewed for so long is not given back soon, either, and is over by itself: the loss is told first.
        let within = if killed == Some(Loss::NotRenewed) { UNRENEWED_GIVEN_BACK_WITHIN } else { Duration::MAX };
        match timeout(within, lease.release()).await {
            // It was told as an event.
            Err(_) | Ok(Ok(()) | Err(Error::Lost { .. } | Error::Table(_))) => {}
            Ok(Err(other)) => complain(&other.to_string()),
        }
        Ok(match killed {
            Some(loss) => CommandEnd::Killed(format!("its lease {id} is lost: {loss}")),
            None if interrupted && i32::from(status) == 128 + SIGINT => CommandEnd::Interrupted,
            None => CommandEnd::Ended(status),
        })
    }

    /// Somebody killed the guardian: so nobody could end the command in time any more.
    async fn without_guardian(self, mut command: GuardedCommand, lease: Lease) -> Result<CommandEnd, CliError> {
        let (id, kill) = (lease.id().clone(), self.kill_after.is_some());
        command.end_orphans(kill).await;
        let _ = lease.release().await;
        let (status, ended) =
            if kill { (LOST, "was ended") } else { (UNUSABLE, "has ended, with a status that is not known") };
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
        "the command has ended and {what}: the lease is kept until then (--wait-for cmd gives it back at once; ctrl-C \
         ends what runs)"
    ));
}

/// Passes a signal on, unless the command got it from the terminal as this process did.
fn forward(signal: Signal, command: &mut GuardedCommand) {
    if !(signal.to_all && command.shares_the_terminal()) {
        command.tell(ToGuardian::Signal(signal.number));
    }
}
