//! The guardian: who ends a command and all that it started when its lease ends, also if `leasehold run` was killed?
//! A small process between the two: the command's parent, and that of every orphan below it. It is told until when the lease
//! surely lasts. Unless it is told of a later time, it ends everything by then: TERM first, KILL at the end. So nothing runs
//! on without a lease if the run is killed, stopped or hangs, and it knows nothing of tables or networks that could hold it
//! up.
//!
//! It is in a process group of its own, if it can be, and stays whichever signal for the run's group reaches it.

use std::ffi::{OsStr, OsString};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use leasehold_tui::process_ids::ProcessIds;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid, getppid, kill_process, kill_process_group, wait};
use rustix::time::{ClockId, Timespec, clock_gettime};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2};

use super::become_command::BOUND;
use super::control_group::ControlGroup;
use super::descendants::{RunningProcess, adopt_orphans, descendants, is_stopped, signal_all};
use super::guard_message::{FromGuardian, GuardianSocket, ToGuardian};
use super::signals::is_ignored;
use super::status::NOT_STARTED;
use crate::error::CliError;
use crate::output::complain;

/// The first argument by which this program becomes a guardian.
pub(crate) const GUARD: &str = "--guard";

/// The variable in which it finds where its run listens.
pub(crate) const SOCKET: &str = "LEASEHOLD_GUARD_SOCKET";

/// How long after its command went on a run may come to stand still, in milliseconds.
const RESUMES_WITHIN: u64 = 3_000;

/// How often it looks what is left of what the command started, in milliseconds.
const LOOK_EVERY: u64 = 100;

/// What a guardian is told when it is started: its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GuardOrder {
    /// What ends everything: how long between TERM and KILL, in milliseconds. None: nothing does, the run only warns.
    pub(crate) kill_after: Option<u64>,
    /// Whether what the command leaves behind is waited for.
    pub(crate) all: bool,
    /// The process group that the command joins; none: one of its own; 0: it stays in that of its guardian.
    pub(crate) group: Option<i32>,
    /// The command and its arguments.
    pub(crate) command: Vec<OsString>,
}

impl GuardOrder {
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let kill_after = self.kill_after.map_or("-".into(), |after| after.to_string());
        let group = self.group.map_or("-".into(), |group| group.to_string());
        let all = if self.all { "all" } else { "cmd" };
        [GUARD, &kill_after, all, &group].iter().map(OsString::from).chain(self.command.iter().cloned()).collect()
    }

    /// From the arguments behind [`GUARD`].
    pub(crate) fn read(arguments: &[OsString]) -> Option<GuardOrder> {
        let [kill_after, all, group, command @ ..] = arguments else { return None };
        fn number(text: &OsStr) -> Option<Option<&str>> {
            text.to_str().map(|text| (text != "-").then_some(text))
        }
        Some(GuardOrder {
            kill_after: number(kill_after)?.map(str::parse).transpose().ok()?,
            all: all == "all",
            group: number(group)?.map(str::parse).transpose().ok()?,
            command: (!command.is_empty()).then(|| command.to_vec())?,
        })
    }
}

/// Milliseconds on a clock that goes on while the machine sleeps and that nobody sets.
pub(crate) fn steady_now() -> u64 {
    #[cfg(target_os = "linux")]
    let now = clock_gettime(ClockId::Boottime);
    #[cfg(not(target_os = "linux"))]
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000 + u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000_000
}

/// Everything is being ended.
#[derive(Clone, Copy, Debug)]
struct EndingAll {
    kill_at: u64,
}

struct Guardian {
    order: GuardOrder,
    socket: GuardianSocket,
    children: UnixStream,
    group: Option<ControlGroup>,
    /// The command, until it has ended.
    command: Option<Pid>,
    session: i32,
    until: u64,
    ending: Option<EndingAll>,
    /// The run is there.
    attended: bool,
    /// It was told that nothing is left.
    told_gone: bool,
    /// Until then a run that stands still is let go on: its command does.
    resumes_until: u64,
}

/// Guards a command from its start to its end: what [`GUARD`] makes of this program.
pub(crate) fn guard(order: GuardOrder, socket: UnixStream) -> Result<(), CliError> {
    // Whatever is meant for the run or the command: it stays. Those that are ignored stay so for the command, too.
    for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2] {
        if !is_ignored(signal) {
            signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
        }
    }
    let (children, told) = UnixStream::pair()?;
    children.set_nonblocking(true)?;
    signal_hook::low_level::pipe::register(SIGCHLD, told)?;
    adopt_orphans();
    let group = order.kill_after.and_then(|_| ControlGroup::make());
    let session = ProcessIds::own().session;
    let socket = GuardianSocket::new(socket)?;
    let mut guardian = Guardian {
        order,
        socket,
        children,
        group,
        command: None,
        session,
        until: 0,
        ending: None,
        attended: true,
        told_gone: false,
        resumes_until: 0,
    };
    guardian.run()
}

impl Guardian {
    fn run(&mut self) -> Result<(), CliError> {
        let mut looked_at = 0;
        loop {
            self.sleep();
            if self.obey()? {
                return Ok(());
            }
            self.reap();
            let now = steady_now();
            self.end_in_time(now);
            self.resume(now);
            let looks = self.command.is_none() && self.until > 0 && now >= looked_at + LOOK_EVERY;
            if looks && !(self.told_gone && self.attended) {
                looked_at = now;
                if self.waited_for().is_empty() {
                    self.socket.tell(FromGuardian::Gone);
                    self.told_gone = true;
                    if !self.attended {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Until something comes or is due.
    fn sleep(&self) {
        let now = steady_now();
        let kill_after = self.order.kill_after.unwrap_or(0);
        let due = match (self.ending, self.order.kill_after) {
            (Some(ending), _) => Some(ending.kill_at),
            (None, Some(_)) if self.until > 0 => Some(self.until.saturating_sub(kill_after)),
            _ => None,
        };
        let looks = self.command.is_none() && self.until > 0 && !self.told_gone || now < self.resumes_until;
        let look = if looks { LOOK_EVERY } else { 1_000 };
        let pause = due.map_or(look, |due| due.saturating_sub(now).clamp(1, look));
        let (seconds, rest) = (pause / 1_000, pause % 1_000);
        let timeout = Timespec {
            tv_sec: i64::try_from(seconds).unwrap_or(1),
            tv_nsec: i32::try_from(rest).unwrap_or(0).saturating_mul(1_000_000).into(),
        };
        let mut watched = vec![PollFd::new(&self.children, PollFlags::IN)];
        if self.attended {
            watched.push(PollFd::new(self.socket.socket(), PollFlags::IN));
        }
        // A signal ends it early, which does no harm.
        let _ = poll(&mut watched, Some(&timeout));
        let mut bytes = [0; 64];
        while std::io::Read::read(&mut &self.children, &mut bytes).is_ok_and(|count| count == bytes.len()) {}
    }

    /// Does what it is told. Whether it is to leave.
    fn obey(&mut self) -> Result<bool, CliError> {
        if !self.attended {
            return Ok(false);
        }
        let (messages, there) = self.socket.receive();
        for message in messages {
            match message {
                ToGuardian::Until { at, kill_after } => {
                    self.order.kill_after = self.order.kill_after.map(|_| kill_after);
                    let first = self.until == 0;
                    self.until = at;
                    if first && let Err(wrong) = self.start() {
                        complain(&format!("the command cannot be started: {wrong}"));
                        self.socket.tell(FromGuardian::Ended(NOT_STARTED, 0));
                    }
                }
                ToGuardian::Lost => self.end(steady_now() + self.order.kill_after.unwrap_or(0)),
                ToGuardian::Signal(number) => self.signal(number),
                ToGuardian::Done => return Ok(true),
            }
        }
        if !there {
            self.attended = false;
            let now = steady_now();
            match self.order.kill_after {
                // Nobody renews the lease any more.
                Some(after) if self.until > 0 => self.end(self.until.min(now + after)),
                // Nothing was started, or it may go on.
                _ => return Ok(true),
            }
        }
        Ok(false)
    }

    fn start(&mut self) -> Result<(), CliError> {
        let mut child = Command::new(std::env::current_exe()?);
        let own = getpid().as_raw_nonzero().to_string();
        let bound = if self.order.kill_after.is_some() { "bound" } else { "free" };
        let group = self.group.as_ref().map_or(PathBuf::from("-"), |group| group.folder().into());
        child.arg(BOUND).arg(own).arg(bound).arg(group).args(&self.order.command).env_remove(SOCKET);
        if self.order.group != Some(0) {
            child.process_group(self.order.group.unwrap_or(0));
        }
        self.command = Some(Pid::from_child(&child.spawn()?));
        Ok(())
    }

    /// Learns which children have ended, were stopped or go on.
    fn reap(&mut self) {
        let options = WaitOptions::NOHANG | WaitOptions::UNTRACED | WaitOptions::CONTINUED;
        while let Ok(Some((pid, status))) = wait(options) {
            if Some(pid) != self.command {
                continue;
            }
            if status.stopped() {
                self.resumes_until = 0;
                self.socket.tell(FromGuardian::Stopped);
            } else if status.continued() {
                // Before a run that stood still comes to read it.
                self.resumes_until = steady_now() + RESUMES_WITHIN;
                self.socket.tell(FromGuardian::Continued);
            } else {
                self.command = None;
                let left = self.waited_for().len();
                self.socket.tell(FromGuardian::Ended(exit_status(status), left));
            }
        }
    }

    /// The run stopped with the command, perhaps only after that was let go on: whoever did may not know of the run.
    fn resume(&self, now: u64) {
        if now < self.resumes_until
            && self.attended
            && let Some(run) = getppid()
            && is_stopped(run)
        {
            let _ = kill_process(run, Signal::CONT);
        }
    }

    /// Ends everything in time, if nobody says that the lease lasts longer.
    fn end_in_time(&mut self, now: u64) {
        let Some(kill_after) = self.order.kill_after.filter(|_| self.until > 0) else { return };
        if self.ending.is_none() && now >= self.until.saturating_sub(kill_after) {
            self.socket.tell(FromGuardian::Ending);
            self.end(self.until);
        }
        if self.ending.is_some_and(|ending| now >= ending.kill_at) {
            self.kill();
        }
    }

    /// TERM for all now, and KILL then.
    fn end(&mut self, kill_at: u64) {
        if self.ending.is_some() || self.order.kill_after.is_none() {
            return;
        }
        self.ending = Some(EndingAll { kill_at });
        self.signal_everything(Signal::TERM);
        // Those that are stopped would not hear it.
        self.signal_everything(Signal::CONT);
    }

    /// KILL for everything, until nothing is left.
    fn kill(&mut self) {
        if let Some(group) = &self.group {
            group.kill();
        }
        self.signal_everything(Signal::KILL);
        // What was forked meanwhile comes next; those that have just been killed may still be listed. Once nothing is left,
        // a run that stands still may keep its guardian waiting for long.
        let left = self.command.is_some() || !descendants(getpid()).is_empty();
        if let Some(ending) = &mut self.ending {
            ending.kill_at = if left { steady_now() + 10 } else { u64::MAX };
        }
    }

    fn signal_everything(&self, signal: Signal) {
        let all = descendants(getpid());
        signal_all(&all, signal);
        // Where descendants cannot be listed, its group is all that is known.
        if all.is_empty()
            && let Some(command) = self.command
        {
            let _ = if self.order.group.is_none() {
                kill_process_group(command, signal)
            } else {
                kill_process(command, signal)
            };
        }
    }

    /// Passes a signal on: to the command, and to its group where that is its own; or to what it left behind.
    fn signal(&self, number: i32) {
        let Some(signal) = Signal::from_named_raw(number) else { return };
        match (self.command, self.order.group) {
            (Some(command), None) => drop(kill_process_group(command, signal)),
            (Some(command), Some(_)) => drop(kill_process(command, signal)),
            (None, _) => signal_all(&self.waited_for(), signal),
        }
    }

    /// What is left that the run waits for: all, once everything is to end; else what has not made a session of its own.
    fn waited_for(&self) -> Vec<RunningProcess> {
        let mut left = descendants(getpid());
        if self.ending.is_none() {
            left.retain(|process| self.order.all && process.session == self.session);
        }
        left
    }
}

/// Its own, or 128 + N if signal N ended it.
fn exit_status(status: WaitStatus) -> u8 {
    let code = status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_as_it_is_given() {
        for (kill_after, all, group) in [(Some(5_000), true, Some(77)), (None, false, None)] {
            let order = GuardOrder { kill_after, all, group, command: vec!["sh".into(), "-c".into(), "true".into()] };
            let arguments = order.arguments();
            assert_eq!((&*arguments[0], GuardOrder::read(&arguments[1..])), (OsStr::new(GUARD), Some(order)));
        }
        assert_eq!(GuardOrder::read(&["-".into(), "all".into(), "-".into()]), None);
    }
}
