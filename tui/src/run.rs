//! `leasehold run`: how does any local command run under a lease?
//! Its turn is awaited, the lease kept while the command runs and given back when it ends. The command never starts
//! without a lease that is granted and not expired.

mod command;
mod fallback_sweeper;
mod hold;
mod lease_timer;
mod signals;
mod wait;

use std::ffi::OsString;
use std::path::Path;

use leasehold_core::{AcquireRequest, Holder, InvalidValue, Millis, Mode, PoolName};

use crate::duration;
use crate::error::CliError;
use crate::output::OutputFormat;
use crate::target::{CliRunner, Target};
use command::ChildCommand;
#[cfg(target_os = "linux")]
pub(crate) use command::{BOUND, become_bound};
use fallback_sweeper::FallbackSweeper;
use hold::{CommandEnd, Hold};
use lease_timer::ClockReading;
use signals::Signals;
use wait::{LeaseWait, WaitResult};

/// The command was ended because its lease was lost.
const LOST: u8 = 123;
/// No lease in time; the command was not started. As timeout(1) says it.
const TOO_LATE: u8 = 124;
/// This program could not do its part; the command was not started. As env(1) and timeout(1) say it.
const UNUSABLE: u8 = 125;
/// The command is there and cannot be started; as shells say it.
const NOT_STARTED: u8 = 126;
/// The command is not there; as shells say it.
const NOT_FOUND: u8 = 127;

/// Hold a lease while a command runs
///
/// Waits in the pool's queue for a slot, starts CMD, renews the lease while CMD runs, gives it back when CMD ends, and
/// ends with CMD's exit status. Everybody shares the pool's limit: workflows, cron jobs, CI jobs, people.
///
/// Signals (INT, TERM, HUP, QUIT, USR1, USR2, TSTP, CONT) are passed on to CMD, except those that a terminal sends to
/// it anyway. While waiting, INT, TERM, HUP and QUIT leave the queue.
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
    #[arg(long, value_name = "TIME", value_parser = lease, allow_hyphen_values = true)]
    lease: Option<Millis>,

    /// What CMD works on, shown as part of the holder's name
    #[arg(long, value_name = "TEXT")]
    key: Option<String>,

    /// Shown beside the lease [default: CMD's name without its arguments, which may be secret]
    #[arg(long, value_name = "TEXT", value_parser = label)]
    label: Option<String>,

    /// End CMD if the lease is lost while it runs, also if this program is killed (Linux). Without it: warn
    #[arg(long)]
    kill_on_loss: bool,

    /// How long CMD has between TERM and KILL then [default: the pool's grace, after which another may run]
    #[arg(long, value_name = "TIME", value_parser = duration::parse, allow_hyphen_values = true)]
    #[arg(requires = "kill_on_loss")]
    kill_after: Option<Millis>,

    /// Say nothing of waiting
    #[arg(short, long)]
    quiet: bool,

    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

const AFTER: &str = "\
CMD finds in its environment: LEASEHOLD_PREFIX, LEASEHOLD_LEASE_ID, LEASEHOLD_SLOT (0, 1, ...: no two that run at
the same time have the same one) and LEASEHOLD_FENCE (grows with every lease of its slot: with a limit of 1, whoever
is written to can refuse an older one).

The lease is lost if somebody releases it by force, or if it could not be renewed in time: no network, a laptop that
slept, a clock that jumped. CMD is then warned of on standard error, or ended with --kill-on-loss: TERM, then KILL.
With --kill-on-loss and no terminal, CMD has a process group of its own, and all of the group is signalled.

A command that is stopped (ctrl-Z) is not renewed: when it goes on later than its lease lasts, the lease is lost.

Exit status: CMD's own, or 128 + N if signal N ended it. Else one of these, always with a line on standard error that
begins with `leasehold:`, which tells it from the same status of CMD:
  2    the options make no sense; CMD was not started
  123  the lease was lost and CMD was ended (--kill-on-loss)
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
        let ask = self.ask()?;
        command::find(&self.command[0])?;
        // From here on no signal ends this process before its place in the queue, or its lease, is given back.
        let mut signals = Signals::listen().map_err(|wrong| unstarted(wrong.into(), target))?;
        let result = self.wait_for_lease(target, ask, &mut signals).await;
        let (runner, granted) = result.map_err(|error| unstarted(error, target))?;
        let lease = &granted.lease;
        // This process may have been frozen since.
        if granted.timer.over(ClockReading::read(&runner)) {
            hold::give_back(&runner, lease).await;
            let words = format!("lease {} expired before the command could be started; try again", lease.id);
            return Err(CliError::Run { status: TOO_LATE, words });
        }
        let started = match ChildCommand::start(&self.command, lease, self.kill_on_loss) {
            Ok(started) => started,
            Err(error) => {
                hold::give_back(&runner, lease).await;
                return Err(unstarted(error, target));
            }
        };
        let hold = Hold {
            runner: &runner,
            lease: lease.clone(),
            length: self.lease,
            kill_after: self.kill_on_loss.then(|| self.kill_after.unwrap_or(granted.settings.grace)),
        };
        let sweep = FallbackSweeper::new(&granted.settings);
        match hold.until_it_ends(started, granted.timer, sweep, &mut signals).await? {
            CommandEnd::Ended(status) => Ok(status),
            CommandEnd::Killed(why) => {
                let name = Path::new(&self.command[0]).display();
                Err(CliError::Run { status: LOST, words: format!("{name} was ended: {why}") })
            }
        }
    }

    /// Waits for a lease.
    async fn wait_for_lease(
        &self,
        target: &Target,
        ask: AcquireRequest,
        signals: &mut Signals,
    ) -> Result<(CliRunner, wait::Granted), CliError> {
        let runner = target.runner().await?;
        let turn = LeaseWait { runner: &runner, prefix: &self.prefix, ask, quiet: self.quiet };
        match turn.wait(signals).await? {
            WaitResult::Granted(granted) => Ok((runner, *granted)),
            WaitResult::TooLate(why) => Err(CliError::Run { status: TOO_LATE, words: why }),
            WaitResult::Stopped { signal, left } => Err(CliError::Stopped { signal, left }),
        }
    }

    /// The same holder from the first request to the last. Its attempt is named once the table's time is known.
    fn ask(&self) -> Result<AcquireRequest, CliError> {
        let wrong = |wrong: InvalidValue| CliError::Usage(format!("--key: {wrong}"));
        let label = self.label.clone().or_else(|| {
            let name = Path::new(&self.command[0]).file_name()?;
            Some(name.to_string_lossy().into_owned())
        });
        Ok(AcquireRequest {
            holder: Holder::new(&me(), self.key.as_deref().unwrap_or_default(), None).map_err(wrong)?,
            attempt: None,
            mode: if self.wait == Some(Millis(0)) { Mode::Poll } else { Mode::Queue(None) },
            lease: self.lease,
            wait: self.wait,
            label: label.map(Into::into),
        })
    }
}

/// This process among all of all machines: its host and number for people, and a random part, as both come again.
fn me() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{host}:{}:{:016x}", std::process::id(), fastrand::u64(..))
}

/// Why the command was not started, with the exit status of `run`.
fn unstarted(error: CliError, target: &Target) -> CliError {
    match error.at(target.asked()) {
        own @ (CliError::Usage(_) | CliError::Stopped { .. } | CliError::Run { .. }) => own,
        other => CliError::Run { status: UNUSABLE, words: format!("{other}; the command was not started") },
    }
}

fn lease(text: &str) -> Result<Millis, String> {
    duration::between(Millis::seconds(1), text)
}

fn label(text: &str) -> Result<String, String> {
    let fits = text.len() <= leasehold_core::ID_BYTES && !text.contains(char::is_control);
    if fits { Ok(text.into()) } else { Err("expected at most 1024 bytes on one line".into()) }
}
