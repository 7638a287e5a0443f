//! Guard messages: what do `leasehold run` and its guardian tell each other?
//! A line each, over a socket that only these two have. When it closes without [`ToGuardian::Done`], whoever closed it died.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

/// From the run to its guardian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ToGuardian {
    /// The lease surely lasts until then, in milliseconds of the clock that counts sleep. The command is started at the first.
    Until {
        /// When.
        at: u64,
        /// How long between TERM and KILL, if anything is ended: less with a lease that becomes shorter.
        kill_after: u64,
    },
    /// It is lost: end everything.
    Lost,
    /// Signal the command, or what it left behind.
    Signal(i32),
    /// All is well: leave, and leave alone what still runs.
    Done,
}

/// From the guardian to its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FromGuardian {
    /// The command was stopped (ctrl-Z).
    Stopped,
    /// It goes on.
    Continued,
    /// Everything is being ended, because the lease's time is nearly over.
    Ending,
    /// The command has ended with this status; so many that it started still run.
    Ended(u8, usize),
    /// Nothing is left that is waited for.
    Gone,
}

impl ToGuardian {
    pub(crate) fn line(self) -> String {
        match self {
            ToGuardian::Until { at, kill_after } => format!("until {at} {kill_after}\n"),
            ToGuardian::Lost => "lost\n".into(),
            ToGuardian::Signal(number) => format!("signal {number}\n"),
            ToGuardian::Done => "done\n".into(),
        }
    }

    fn read(line: &str) -> Option<ToGuardian> {
        let mut words = line.split(' ');
        Some(match (words.next()?, words.next(), words.next()) {
            ("until", Some(at), Some(after)) => {
                ToGuardian::Until { at: at.parse().ok()?, kill_after: after.parse().ok()? }
            }
            ("lost", None, None) => ToGuardian::Lost,
            ("signal", Some(number), None) => ToGuardian::Signal(number.parse().ok()?),
            ("done", None, None) => ToGuardian::Done,
            _ => return None,
        })
    }
}

impl FromGuardian {
    pub(crate) fn line(self) -> String {
        match self {
            FromGuardian::Stopped => "stopped\n".into(),
            FromGuardian::Continued => "continued\n".into(),
            FromGuardian::Ending => "ending\n".into(),
            FromGuardian::Ended(status, left) => format!("ended {status} {left}\n"),
            FromGuardian::Gone => "gone\n".into(),
        }
    }

    pub(crate) fn read(line: &str) -> Option<FromGuardian> {
        let words: Vec<_> = line.split(' ').collect();
        Some(match words[..] {
            ["stopped"] => FromGuardian::Stopped,
            ["continued"] => FromGuardian::Continued,
            ["ending"] => FromGuardian::Ending,
            ["ended", status, left] => FromGuardian::Ended(status.parse().ok()?, left.parse().ok()?),
            ["gone"] => FromGuardian::Gone,
            _ => return None,
        })
    }
}

/// The guardian's end of the socket.
#[derive(Debug)]
pub(crate) struct GuardianSocket {
    socket: UnixStream,
    /// What came of a line that is not whole yet.
    part: Vec<u8>,
}

impl GuardianSocket {
    pub(crate) fn new(socket: UnixStream) -> std::io::Result<GuardianSocket> {
        socket.set_nonblocking(true)?;
        Ok(GuardianSocket { socket, part: Vec::new() })
    }

    pub(crate) fn socket(&self) -> &UnixStream {
        &self.socket
    }

    /// What has come, and whether the run is still there.
    pub(crate) fn receive(&mut self) -> (Vec<ToGuardian>, bool) {
        let mut bytes = [0; 512];
        let there = loop {
            match self.socket.read(&mut bytes) {
                Ok(0) => break false,
                Ok(count) => self.part.extend_from_slice(&bytes[..count]),
                Err(wrong) if wrong.kind() == std::io::ErrorKind::WouldBlock => break true,
                Err(wrong) if wrong.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => break false,
            }
        };
        let whole = self.part.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines: Vec<u8> = self.part.drain(..whole).collect();
        (String::from_utf8_lossy(&lines).lines().filter_map(ToGuardian::read).collect(), there)
    }

    /// A run that is gone is told nothing.
    pub(crate) fn tell(&mut self, message: FromGuardian) {
        let _ = self.socket.write_all(message.line().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood() {
        let until = ToGuardian::Until { at: u64::MAX, kill_after: 5_000 };
        for message in [until, ToGuardian::Lost, ToGuardian::Signal(15), ToGuardian::Done] {
            assert_eq!(ToGuardian::read(message.line().trim_end()), Some(message));
        }
        for message in [
            FromGuardian::Stopped,
            FromGuardian::Continued,
            FromGuardian::Ending,
            FromGuardian::Ended(143, 2),
            FromGuardian::Gone,
        ] {
            assert_eq!(FromGuardian::read(message.line().trim_end()), Some(message));
        }
        assert_eq!((ToGuardian::read("until 17"), FromGuardian::read("ended 300 0")), (None, None));
    }

    #[test]
    fn lines_that_come_in_parts_are_put_together() {
        let (mut run, guardian) = UnixStream::pair().expect("sockets");
        let mut guardian = GuardianSocket::new(guardian).expect("a socket");
        run.write_all(b"until 17 0\nsig").expect("written");
        assert_eq!(guardian.receive(), (vec![ToGuardian::Until { at: 17, kill_after: 0 }], true));
        run.write_all(b"nal 2\ndone\n").expect("written");
        drop(run);
        assert_eq!(guardian.receive(), (vec![ToGuardian::Signal(2), ToGuardian::Done], false));
    }
}
