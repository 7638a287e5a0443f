//! The guarded command: how does the run start a command below a guardian, tell it what is to be done, and learn what became
//! of it?

use std::ffi::OsString;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use leasehold::LeaseHandle;
use leasehold_tui::process_ids::ProcessIds;
use rustix::process::{Signal, getpid};
use tokio::sync::mpsc;

use super::descendants::{adopt_orphans, descendants, signal_all};
use super::guard_message::{FromGuardian, ToGuardian};
use super::guardian::{GUARD, GuardOrder, SOCKET, guard, steady_now};
use super::kill_after::KillAfter;
use crate::error::CliError;

/// How long a guardian may take to come up: it is this program, which is in memory.
const UP_WITHIN: Duration = Duration::from_secs(20);

/// A command that runs, and its guardian.
pub(crate) struct GuardedCommand {
    guardian: Child,
    socket: UnixStream,
    reports: mpsc::UnboundedReceiver<FromGuardian>,
    terminal: bool,
    told_until: u64,
    told_kill_after: u64,
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl GuardedCommand {
    /// Starts it. `kill_after`: everything is ended when the lease is, with so long between TERM and KILL; none: it is left
    /// alone. `all`: what it leaves behind is waited for.
    pub(crate) fn start(
        command: &[OsString],
        lease: &LeaseHandle,
        kill_after: Option<KillAfter>,
        all: bool,
    ) -> Result<GuardedCommand, CliError> {
        let terminal =
            std::io::stdin().is_terminal() || std::io::stdout().is_terminal() || std::io::stderr().is_terminal();
        let order = GuardOrder {
            kill_after: kill_after.map(|after| millis(after.of(lease))),
            all,
            // On a terminal in this process's own: ctrl-C, ctrl-Z and a hang-up then find both, and whatever script they are
            // part of, as they would without this program.
            group: terminal.then(|| ProcessIds::own().group),
            command: command.to_vec(),
        };
        // If the guardian dies, its orphans are this process's.
        adopt_orphans();
        let listener = SocketListener::new()?;
        let mut guardian = Command::new(std::env::current_exe()?);
        guardian.args(order.arguments()).env(SOCKET, &listener.name);
        // Into a group of outside only who is in it starts anybody.
        if order.group != Some(0) {
            guardian.process_group(0);
        }
        guardian.env("LEASEHOLD_PREFIX", lease.pool().as_str()).env("LEASEHOLD_LEASE_ID", lease.id().to_string());
        guardian.env("LEASEHOLD_SLOT", lease.slot().to_string()).env("LEASEHOLD_FENCE", lease.fence().to_string());
        let mut guardian = guardian.spawn()?;
        let socket = match listener.accept(&mut guardian) {
            Ok(socket) => socket,
            Err(wrong) => {
                let _ = guardian.kill();
                let _ = guardian.wait();
                return Err(wrong.into());
            }
        };
        let (sender, reports) = mpsc::unbounded_channel();
        let lines = BufReader::new(socket.try_clone()?);
        std::thread::Builder::new().name("guardian".into()).spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                if let Some(report) = FromGuardian::read(&line)
                    && sender.send(report).is_err()
                {
                    return;
                }
            }
        })?;
        let mut started = GuardedCommand { guardian, socket, reports, terminal, told_until: 0, told_kill_after: 0 };
        started.held(lease, kill_after);
        Ok(started)
    }

    /// What is reported next; none: the guardian has died.
    pub(crate) async fn report(&mut self) -> Option<FromGuardian> {
        self.reports.recv().await
    }

    /// Tells until when the lease surely lasts, if that is not known there.
    pub(crate) fn held(&mut self, lease: &LeaseHandle, kill_after: Option<KillAfter>) {
        let until = steady_now() + u64::try_from(lease.remaining().as_millis()).unwrap_or(u64::MAX / 2);
        let after = kill_after.map_or(0, |after| millis(after.of(lease)));
        // The clocks are read one after the other, and the time of the table is known within limits.
        let news = until.abs_diff(self.told_until) > 20 || after != self.told_kill_after;
        if news && !lease.remaining().is_zero() || self.told_until == 0 {
            (self.told_until, self.told_kill_after) = (until, after);
            self.tell(ToGuardian::Until { at: until, kill_after: after });
        }
    }

    /// Tells something. One that has died is found out by its reports.
    pub(crate) fn tell(&mut self, message: ToGuardian) {
        let _ = self.socket.write_all(message.line().as_bytes());
    }

    /// Whether a terminal sends its signals to it as well.
    pub(crate) fn shares_the_terminal(&self) -> bool {
        self.terminal
    }

    /// Lets the guardian leave, and what still runs alone.
    pub(crate) fn leave(mut self) {
        self.tell(ToGuardian::Done);
        let _ = self.guardian.wait();
    }

    /// Has the guardian die: it does not do its part.
    pub(crate) fn kill_guardian(&mut self) {
        let _ = self.guardian.kill();
    }

    /// The guardian has died: waits for what it left behind to end, or kills it.
    pub(crate) async fn end_orphans(&mut self, kill: bool) {
        let _ = self.guardian.wait();
        loop {
            let left = descendants(getpid());
            if left.is_empty() {
                return;
            }
            if kill {
                signal_all(&left, Signal::KILL);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            // Those that were adopted are this process's to bury.
            while let Ok(Some(_)) = rustix::process::wait(rustix::process::WaitOptions::NOHANG) {}
        }
    }
}

/// Becomes the guardian of these arguments behind [`GUARD`].
pub(crate) fn become_guardian(arguments: &[OsString]) -> Result<u8, CliError> {
    let usage = || CliError::Usage(format!("{GUARD}: is for leasehold run alone"));
    let order = GuardOrder::read(arguments).ok_or_else(usage)?;
    let name = std::env::var(SOCKET).map_err(|_| usage())?;
    let socket = connect(&name)?;
    guard(order, socket).map(|()| 0)
}

/// Where the run waits for its guardian: an address that is gone with it.
struct SocketListener {
    listener: UnixListener,
    name: String,
}

impl SocketListener {
    fn new() -> std::io::Result<SocketListener> {
        let name = format!("leasehold-run-{}-{:016x}", std::process::id(), fastrand::u64(..));
        let listener = listen(&name)?;
        listener.set_nonblocking(true)?;
        Ok(SocketListener { listener, name })
    }

    /// Waits for the guardian, and for nobody else who may connect.
    fn accept(&self, guardian: &mut Child) -> std::io::Result<UnixStream> {
        let until = Instant::now() + UP_WITHIN;
        let dead = |why: &str| std::io::Error::other(format!("the process that is to guard the command {why}"));
        loop {
            match self.listener.accept() {
                Ok((socket, _)) if is_of(&socket, guardian) => {
                    socket.set_nonblocking(false)?;
                    return Ok(socket);
                }
                Ok(_) => {}
                Err(wrong) if wrong.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(wrong) => return Err(wrong),
            }
            if guardian.try_wait()?.is_some() {
                return Err(dead("ended at once"));
            }
            if Instant::now() >= until {
                return Err(dead("did not come up"));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Outside Linux the address is a file.
#[cfg(not(target_os = "linux"))]
impl Drop for SocketListener {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(std::env::temp_dir().join(&self.name));
    }
}

#[cfg(target_os = "linux")]
fn address(name: &str) -> std::io::Result<std::os::unix::net::SocketAddr> {
    use std::os::linux::net::SocketAddrExt;
    std::os::unix::net::SocketAddr::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn address(name: &str) -> std::io::Result<std::os::unix::net::SocketAddr> {
    std::os::unix::net::SocketAddr::from_pathname(std::env::temp_dir().join(name))
}

fn listen(name: &str) -> std::io::Result<UnixListener> {
    UnixListener::bind_addr(&address(name)?)
}

fn connect(name: &str) -> std::io::Result<UnixStream> {
    UnixStream::connect_addr(&address(name)?)
}

/// Whether the other end of it is this child.
#[cfg(target_os = "linux")]
fn is_of(socket: &UnixStream, child: &Child) -> bool {
    rustix::net::sockopt::socket_peercred(socket).is_ok_and(|peer| peer.pid == rustix::process::Pid::from_child(child))
}

#[cfg(not(target_os = "linux"))]
fn is_of(_: &UnixStream, _: &Child) -> bool {
    true
}
