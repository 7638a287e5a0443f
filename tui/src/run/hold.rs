//! The held lease: how is it kept while its command runs?
//! Renewed at a third of its length, until the command ends; then given back. Signals go to the command. A lease that
//! is lost is told, and ends the command if that was asked for.

use std::pin::Pin;
use std::time::Duration;

use leasehold_core::{Failure, Lease, Millis, ReleaseTarget, RenewRequest, Renewed};
use leasehold_store::RunError;
use leasehold_tui::watch::text::timestamp;
use signal_hook::consts::{SIGCONT, SIGKILL, SIGTERM, SIGTSTP};
use tokio::time::{Instant, sleep, timeout};

use super::command::ChildCommand;
use super::fallback_sweeper::FallbackSweeper;
use super::lease_timer::{ClockReading, LeaseTimer};
use super::signals::{Signal, Signals, pause};
use crate::duration;
use crate::error::CliError;
use crate::operation::may_pass;
use crate::output::complain;
use crate::target::CliRunner;

/// How often the clocks are read: a machine that slept is noticed so soon after.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long giving the lease back may take, with all its repeats.
const GIVE_BACK_WITHIN: Duration = Duration::from_secs(20);

/// The pause before giving it back is tried again.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// A lease, and how it is to be kept.
pub(crate) struct Hold<'a> {
    pub(crate) runner: &'a CliRunner,
    pub(crate) lease: Lease,
    /// How long it was asked for: less than the pool's lease, or none.
    pub(crate) length: Option<Millis>,
    /// How long the command has between TERM and KILL when the lease is lost; none: it is only warned of.
    pub(crate) kill_after: Option<Millis>,
}

/// What became of the command.
pub(crate) enum CommandEnd {
    /// It ended, with this status.
    Ended(u8),
    /// It was ended because its lease was lost.
    Killed(String),
}

/// Where things stand.
enum LeaseStanding {
    Held,
    /// Not surely held any more; perhaps nobody else has it.
    Doubtful,
    /// Another's, or nobody's.
    Lost,
}

/// When the command is killed, and why.
struct PendingKill {
    at: Instant,
    why: String,
}

/// Requests under way while the command runs.
type PendingSweep<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;
type PendingRenewal<'a> = Pin<Box<dyn Future<Output = (ClockReading, Result<Renewed, RunError>)> + 'a>>;

impl Hold<'_> {
    /// Keeps the lease until the command ends, and gives it back.
    pub(crate) async fn until_it_ends(
        &self,
        mut command: ChildCommand,
        mut timer: LeaseTimer,
        mut sweep: FallbackSweeper,
        signals: &mut Signals,
    ) -> Result<CommandEnd, CliError> {
        let mut standing = LeaseStanding::Held;
        let mut renewal: Option<PendingRenewal<'_>> = None;
        let mut sweeping: Option<PendingSweep<'_>> = None;
        let mut kill: Option<PendingKill> = None;
        let status = loop {
            tokio::select! {
                biased;
                ended = command.end() => break ended,
                signal = signals.next() => forward(signal, &command),
                (asked, ran) = answer(&mut renewal) => {
                    renewal = None;
                    standing = self.renewed(asked, ran, &mut timer, standing);
                    if let LeaseStanding::Lost = standing {
                        self.lost("another may hold it, or nobody", &command, &mut kill);
                    }
                }
                () = answer(&mut sweeping) => sweeping = None,
                () = sleep(LOOK_EVERY) => {}
            }
            let now = ClockReading::read(self.runner);
            if matches!(standing, LeaseStanding::Held) && timer.over(now) {
                standing = LeaseStanding::Doubtful;
                self.lost("it was not renewed in time", &command, &mut kill);
            }
            if renewal.is_none() && kill.is_none() && !matches!(standing, LeaseStanding::Lost) && timer.due(now) {
                renewal = Some(Box::pin(self.renew()));
            }
            if sweeping.is_none() && sweep.is_due() {
                sweeping = Some(Box::pin(sweep.unless_fresh(self.runner, &self.lease.id.prefix)));
            }
            if kill.as_ref().is_some_and(|kill| Instant::now() >= kill.at) {
                command.signal(SIGKILL);
            }
        };
        if let Some(kill) = &kill {
            command.end_of_its_group(kill.at).await;
        }
        if let LeaseStanding::Held | LeaseStanding::Doubtful = standing {
            let gone = give_back(self.runner, &self.lease).await;
            // Whoever is told nothing would believe that nobody else ran meanwhile.
            if gone && matches!(standing, LeaseStanding::Held) {
                complain(&format!("lease {} was lost while the command ran: another may have held it", self.lease.id));
            }
        }
        let status = status?;
        Ok(kill.map_or(CommandEnd::Ended(status), |kill| CommandEnd::Killed(kill.why)))
    }

    async fn renew(&self) -> (ClockReading, Result<Renewed, RunError>) {
        let asked = ClockReading::read(self.runner);
        let longer = RenewRequest { id: self.lease.id.clone(), lease: self.length };
        (asked, self.runner.run_on(&self.lease.id.prefix, longer).await)
    }

    fn renewed(
        &self,
        asked: ClockReading,
        ran: Result<Renewed, RunError>,
        timer: &mut LeaseTimer,
        before: LeaseStanding,
    ) -> LeaseStanding {
        let why = match ran {
            Ok(Renewed { expires_at, .. }) => {
                timer.renewed(expires_at, asked);
                if matches!(before, LeaseStanding::Doubtful) && !timer.over(ClockReading::read(self.runner)) {
                    complain(&format!("lease {} is held again: nobody else had it meanwhile", self.lease.id));
                    return LeaseStanding::Held;
                }
                return before;
            }
            Err(RunError { failure: Failure::Lost(_), .. }) => return LeaseStanding::Lost,
            Err(error) => error,
        };
        timer.failed(ClockReading::read(self.runner));
        if matches!(before, LeaseStanding::Held) {
            let until = timestamp(timer.expires_at());
            complain(&format!(
                "lease {} could not be renewed and lasts until {until}; trying again: {why}",
                self.lease.id
            ));
        }
        before
    }

    fn lost(&self, why: &str, command: &ChildCommand, kill: &mut Option<PendingKill>) {
        let id = &self.lease.id;
        match self.kill_after {
            None => complain(&format!("lease {id} is lost: {why}; the command goes on without it")),
            Some(_) if kill.is_some() => {}
            Some(after) => {
                *kill = Some(PendingKill {
                    at: Instant::now() + Duration::from_millis(after.0),
                    why: format!("its lease {id} is lost: {why}"),
                });
                command.signal(SIGTERM);
                // One that is stopped would not hear it.
                command.signal(SIGCONT);
            }
        }
    }
}

/// What comes of the requests that are under way, if any are.
async fn answer<T>(under_way: &mut Option<Pin<Box<dyn Future<Output = T> + '_>>>) -> T {
    match under_way {
        Some(requests) => requests.await,
        None => std::future::pending().await,
    }
}

/// Passes a signal on, unless the command got it from the terminal as this process did. Both stop and go on together.
fn forward(signal: Signal, command: &ChildCommand) {
    if !(signal.to_all && command.shares_the_terminal()) {
        command.signal(signal.number);
    }
    if signal.number == SIGTSTP {
        pause();
    }
}

/// Gives a lease back, as often as it takes within reason. Whether it was gone already.
pub(crate) async fn give_back(runner: &CliRunner, lease: &Lease) -> bool {
    let giving = async {
        let mut unsure = false;
        loop {
            match runner.run_on(&lease.id.prefix, ReleaseTarget::Lease(lease.id.clone())).await {
                Ok(released) => return Ok(released.already && !unsure),
                Err(error) if may_pass(&error) => {}
                Err(error) => return Err(error.to_string()),
            }
            // This try may be what gave it back, though it got no answer.
            unsure = true;
            sleep(TRY_AGAIN_AFTER).await;
        }
    };
    let why = match timeout(GIVE_BACK_WITHIN, giving).await {
        Ok(Ok(gone)) => return gone,
        Ok(Err(why)) => why,
        Err(_) => format!("no answer within {}", duration::whole(GIVE_BACK_WITHIN)),
    };
    complain(&format!("lease {} could not be given back and expires by itself: {why}", lease.id));
    false
}
