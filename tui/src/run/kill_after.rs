//! Kill after: how long does a command have between TERM and KILL, as long as its lease is?

use std::time::Duration;

use leasehold::LeaseHandle;

/// How long everything has between TERM and KILL.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KillAfter {
    /// As somebody asked for it; none: the grace.
    pub(crate) asked: Option<Duration>,
}

impl KillAfter {
    /// TERM comes so long before this lease's end: there must be time left for a renewal before, at a third of the lease.
    pub(crate) fn of(self, lease: &LeaseHandle) -> Duration {
        match self.asked {
            Some(asked) => asked.min(lease.length() / 2),
            None => lease.grace().min(lease.length() / 4),
        }
    }
}
