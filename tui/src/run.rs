//! `leasehold run`: how does any local command run under a lease?
//! Its turn is awaited, the lease kept while the command runs and given back when it ends. The command never starts
//! without a lease that is granted and not expired.

mod become_command;
mod control_group;
mod descendants;
mod guard_message;
mod guarded_command;
mod guardian;
mod hold;
mod kill_after;
mod signals;
mod status;

use std::ffi::OsString;
use std::path::Path;
use std::pin::pin;
use std::time::{Duration, Instant, SystemTime};

use leasehold::{Acquire, Client, Error, Event, Lease};
use leasehold_core::{Holder, InvalidValue, Millis, PoolName, Timestamp};
use leasehold_tui::watch::text::{hidden_character, timestamp};
use signal_hook::consts::SIGINT;
use tokio::sync::oneshot;

use become_command::find;
pub(crate) use become_command::{BOUND, become_command};
use guarded_command::GuardedCommand;
pub(crate) use guarded_command::become_guardian;
pub(crate) use guardian::GUARD;
use hold::{CommandEnd, Hold};
use kill_after::KillAfter;
use signals::Signals;
use status::{LOST, TOO_LATE, UNUSABLE};

use crate::duration;
use crate::error::CliError;
use crate::output::{OutputFormat, complain};
use crate::target::Target;

/// Hold a lease while a command runs
///
/// Waits in the pool's queue for a slot, starts CMD, renews the lease while CMD runs, gives it back when CMD and what it
/// started have ended, and ends with CMD's exit status. Everybody shares the pool's limit: workflows, cron jobs, CI jobs,
/// people. If the lease cannot be renewed, CMD and all that it started are ended before another may run.
///
/// Signals (INT, TERM, HUP, QUIT, USR1, USR2, TSTP, CONT) are passed on to CMD, except those that a terminal sends to
/// it anyway. While waiting, INT, TERM, HUP and QUIT leave the queue; one that comes more than a second after the first
/// ends the run at once, and its place ends by itself.
#[derive(Clone, Debug, clap::Args)]
#[command(verbatim_doc_comment, after_long_help = AFTER)]
pub(crate) struct RunOptions {
    /// The pool
    #[arg(long, value_name = "PREFIX")]
    prefix: PoolName,

    /// How long to wait for a lease; 0s: only if one is free now [default: as long as the pool lets anybody wait]
    #[arg(long, value_name = "TIME", value_parser = duration::parse, allow_hyphen_values = true)]
    wait: Option<Millis>,

    /// How long the lease lasts if this program dies; it is renewed in time. At most, and by default, the pool's
    #[arg(long, value_name = "TIME", value_parser = duration::at_least_a_second, allow_hyphen_values = true)]
    lease: Option<Millis>,

    /// The item that CMD works on, shown as part of the holder's name
    #[arg(long, value_name = "TEXT")]
    key: Option<String>,

    /// Shown beside the lease [default: CMD's name without its arguments, which may be secret]
    #[arg(long, value_name = "TEXT", value_parser = label)]
    label: Option<String>,

    /// How long CMD and what it started have between TERM and KILL if the lease is lost: at most half of the lease, also of
    /// one that becomes shorter with the pool's [default: the pool's grace, at most a quarter of the lease]
    #[arg(long, value_name = "TIME", value_parser = duration::parse, allow_hyphen_values = true)]
    #[arg(conflicts_with = "warn_on_loss")]
    kill_after: Option<Millis>,

    /// If the lease is lost, or this program is killed, end nothing: only warn. Another may run at the same time then
    #[arg(long)]
    warn_on_loss: bool,

    /// The default, unless --warn-on-loss is given
    #[arg(long, hide = true, conflicts_with = "warn_on_loss")]
    kill_on_loss: bool,

    /// How long the lease is kept: until CMD and all that it started have ended, or only CMD
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = WaitFor::All)]
    wait_for: WaitFor,

    /// Do not report that CMD waits for its lease
    #[arg(short, long)]
    quiet: bool,

    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// What has ended before the lease is given back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum WaitFor {
    /// CMD and all that it started, also in the background; but not daemons, which make a session of their own (setsid)
    #[default]
    All,
    /// CMD alone: its background processes go on without a lease
    Cmd,
}

/// Signals that come together ask for the same thing.
const SAME_WISH_WITHIN: Duration = Duration::from_secs(1);

const AFTER: &str = "\
How soon CMD starts after a slot is free: while it waits, this command looks at its own row in the table. It looks after
0.25 s first, and then less and less often: every 2 s in the end (or every tenth of the lease, if that is less). So a free
slot may stand idle for up to 2.5 s before CMD starts. After a lowered limit has settled, or an override has lapsed, one
of those who wait sweeps: that may take some seconds more, and longer if many wait. A look is one read of half a read
unit: about 15 units a minute for each command that waits, and 25 to 38 with its part of the sweeps and the hand-overs,
and about 3 more to know when a closed pool opens.

CMD finds in its environment: LEASEHOLD_PREFIX, LEASEHOLD_LEASE_ID, LEASEHOLD_SLOT (0, 1, ...: no two that run at
the same time have the same one) and LEASEHOLD_FENCE (grows with every lease of its slot: the
target of a write can keep the highest of each slot, and refuse an older one of that slot).

The lease is lost if somebody releases it by force, or if it cannot be renewed in time: no network, a laptop that slept,
a clock that jumped. Then CMD and everything that it started is ended, as consul lock does. A lease that cannot be renewed
has not ended yet: TERM comes so early that KILL comes by the lease's end, and nobody else may run before the pool's grace
is over after that. A lease that was released by force has ended, and the next renewal finds that out: within a third of
the lease, 100 s of 5m. Until then, and while CMD has its time between TERM and KILL, another may run too. If CMD ends
before, its own exit status is returned, with a warning.

Choose --warn-on-loss for a command that does more harm half-done than twice at once.

Everything means: children of children, in the background, in sessions of their own (setsid), on a terminal or not. Between
this program and CMD is a small guardian. It adopts orphans (Linux) and ends everything in time even if this program is
killed (kill -9), stopped or hangs. It cannot end processes of another user (sudo), or those that others start for CMD
(systemd-run, docker run, at). Where a control group can be made (cgroup v2), everything is also killed through it.

The lease is kept until all that CMD started has ended, in the background too (sh -c 'work & true'): as flock keeps a lock
that a child has inherited. Daemons, which make a session of their own, are not waited for, and are left alone when CMD
ended well. With --wait-for cmd the lease is given back when CMD ends, as consul lock does.

The lease of a stopped command (ctrl-Z) is not renewed: when it ends, it is lost, and CMD is ended.

Exit status: CMD's own, or 128 + N if signal N ended it. Else one of these, always with a line on standard error that
begins with `leasehold:`, which tells it from the same status of CMD:
  2    the options make no sense; CMD was not started
  123  the lease was lost and CMD was ended
  124  no lease in time (--wait); CMD was not started: try again later
  125  the table or the pool cannot be used; CMD was not started
  126  CMD cannot be started
  127  CMD is not there
  128 + N  signal N came while waiting; CMD was not started";

impl RunOptions {
    /// What the command came to, as an exit status; or why it was not started, or ended.
    pub(crate) async fn run(self, target: &Target, output: OutputFormat) -> Result<u8, CliError> {
        if output == OutputFormat::Json {
            let why = "--output json: standard output is the command's; leasehold run writes nothing on it";
            return Err(CliError::Usage(why.into()));
        }
        if let Some(key) = &self.key {
            let wrong = |wrong: InvalidValue| CliError::Usage(format!("--key: {wrong}"));
            Holder::new("run", key, None).map_err(wrong)?;
        }
        find(&self.command[0])?;
        // From here on no signal ends this process before its place in the queue, or its lease, is given back.
        let mut signals = Signals::listen().map_err(|wrong| unstarted(wrong.into(), target))?;
        let lease = self.wait_for_lease(target, &mut signals).await.map_err(|error| unstarted(error, target))?;
        let all = self.wait_for == WaitFor::All;
        let kill_after = self.kill_after();
        self.tell_what_is_cut(&lease, kill_after);
        let command = match GuardedCommand::start(&self.command, &lease, kill_after, all) {
            Ok(command) => command,
            Err(error) => {
                let _ = lease.release().await;
                return Err(unstarted(error, target));
            }
        };
        let hold = Hold { kill_after, quiet: self.quiet };
        match hold.until_it_ends(command, lease, &mut signals).await? {
            CommandEnd::Ended(status) => Ok(status),
            // A shell goes on with its script after whatever ctrl-C has not ended itself.
            CommandEnd::Interrupted => {
                let _ = signal_hook::low_level::emulate_default_handler(SIGINT);
                Ok(130)
            }
            CommandEnd::Killed(why) => {
                let name = Path::new(&self.command[0]).display();
                Err(CliError::Run { status: LOST, words: format!("{name} was ended: {why}") })
            }
        }
    }

    fn kill_after(&self) -> Option<KillAfter> {
        let asked = self.kill_after.map(|after| Duration::from_millis(after.0));
        (!self.warn_on_loss).then_some(KillAfter { asked })
    }

    /// Says which time is shorter than it was asked for. The lease that is renewed lasts as long as that of the pool at most.
    fn tell_what_is_cut(&self, lease: &Lease, kill_after: Option<KillAfter>) {
        let told = |option: &str, asked: Option<Millis>, given: Duration, why: &str| {
            if let Some(asked) = asked.filter(|asked| Duration::from_millis(asked.0) > given && !self.quiet) {
                let (asked, given) = (duration::words(asked), duration::whole(given));
                complain(&format!("{option} {asked} is cut to {given}: {why}"));
            }
        };
        told("--lease", self.lease, lease.length(), "the pool's leases last no longer, and are renewed");
        let half = "at most half of the lease";
        kill_after.into_iter().for_each(|after| told("--kill-after", self.kill_after, after.of(lease), half));
    }

    /// Waits for a lease. A signal leaves the queue; a second one, later, is not kept waiting.
    async fn wait_for_lease(&self, target: &Target, signals: &mut Signals) -> Result<Lease, CliError> {
        let (table, config) = target.table_and_config().await?;
        let (quiet, kill) = (self.quiet, !self.warn_on_loss);
        let client = Client::builder().on(table).config(&config).owner(host());
        let client = client.on_event(move |event| tell(event, quiet, kill)).build().map_err(not_granted)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let asking = self.acquire(&client).give_up_on(async { drop(stopped.await) });
        let (mut asking, mut stop, mut first) = (pin!(asking.into_future()), Some(stop), None);
        let mut began_to_leave = Instant::now();
        let granted = loop {
            tokio::select! {
                biased;
                granted = &mut asking => break granted,
                signal = signals.stop() => match stop.take() {
                    Some(stop) => {
                        (first, began_to_leave) = (Some(signal), Instant::now());
                        let _ = stop.send(());
                    }
                    // A terminal that is closed, or a system that shuts down, sends more than one at once.
                    None if began_to_leave.elapsed() < SAME_WISH_WITHIN => {}
                    None => {
                        let left = "its place in the queue was not given up: it ends by itself; the command was not started";
                        return Err(CliError::Stopped { signal, left: left.into() });
                    }
                },
            }
        };
        match (granted, first) {
            (Ok(lease), None) => Ok(lease),
            // Granted just then.
            (Ok(lease), Some(signal)) => {
                let _ = lease.release().await;
                Err(CliError::Stopped { signal, left: "left the queue; the command was not started".into() })
            }
            (Err(Error::GivenUp { left, .. }), Some(signal)) => {
                Err(CliError::Stopped { signal, left: format!("{left}; the command was not started") })
            }
            (Err(_), Some(signal)) => Err(CliError::Stopped { signal, left: "the command was not started".into() }),
            (Err(error), None) => Err(not_granted(error)),
        }
    }

    /// What is asked for.
    fn acquire(&self, client: &Client) -> Acquire {
        let length = |millis: Millis| Duration::from_millis(millis.0);
        let mut acquire = client.acquire(&self.prefix).key(self.key.as_deref().unwrap_or_default());
        let name = || Some(Path::new(&self.command[0]).file_name()?.to_string_lossy().into_owned());
        if let Some(label) = self.label.clone().or_else(name) {
            acquire = acquire.label(label);
        }
        if let Some(lease) = self.lease {
            acquire = acquire.lease(length(lease));
        }
        if let Some(wait) = self.wait {
            acquire = acquire.patience(length(wait));
        }
        acquire
    }
}

/// What is told on standard error while it waits and holds.
fn tell(event: &Event, quiet: bool, kill: bool) {
    let words = match event {
        Event::Queued { .. } if quiet => return,
        Event::Queued { pool, patience, closed } => {
            let patience = duration::whole(*patience);
            let closed = closed.as_deref().unwrap_or("is full");
            format!("pool {pool} {closed}: waiting in its queue, for at most {patience} (ctrl-C leaves it)")
        }
        Event::RenewalFailed { lease, expires_at, why } => {
            let since = expires_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            let until = timestamp(Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)));
            format!("lease {lease} could not be renewed and lasts until {until}; trying again: {why}")
        }
        // What is ended then says so.
        Event::Lost { .. } | Event::HeldAgain { .. } if kill => return,
        Event::Lost { lease, loss } => format!("lease {lease} is lost: {loss}; the command goes on without it"),
        Event::LostUnnoticed { lease } => {
            format!("lease {lease} was lost while the command ran: another may have held it")
        }
        // It is told where the table is found.
        Event::WrongClock(_) => return,
        other => other.to_string(),
    };
    complain(&words);
}

/// This machine's name, for people.
fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Why there is no lease, in the words of a command that was to run under it.
fn not_granted(error: Error) -> CliError {
    match error {
        Error::NoLease { pool, table, patience, why } => {
            let within =
                if patience.is_zero() { "just now".into() } else { format!("within {}", duration::whole(patience)) };
            let words = format!(
                "no lease of pool {pool} in table {table} {within}: {why}; the command was not started; try again later"
            );
            CliError::Run { status: TOO_LATE, words }
        }
        Error::Lost { lease, .. } => {
            let words = format!("lease {lease} expired before the command could be started; try again");
            CliError::Run { status: TOO_LATE, words }
        }
        Error::Table(wrong) => wrong.into(),
        other => CliError::NotDone(other.to_string()),
    }
}

/// Why the command was not started, with the exit status of `run`.
fn unstarted(error: CliError, target: &Target) -> CliError {
    match error.at(target.asked()) {
        own @ (CliError::Usage(_) | CliError::Stopped { .. } | CliError::Run { .. }) => own,
        other => CliError::Run { status: UNUSABLE, words: format!("{other}; the command was not started") },
    }
}

fn label(text: &str) -> Result<String, String> {
    match hidden_character(text) {
        Some(hidden) => Err(hidden),
        None if text.len() <= leasehold_core::ID_BYTES => Ok(text.into()),
        None => Err("expected at most 1024 bytes on one line".into()),
    }
}
