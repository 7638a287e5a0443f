//! Clocks: what time does this machine say it is? A caller's own clock may be wrong by any amount; what the protocol is
//! told is the table's time (`table_time.rs`).

use std::time::{SystemTime, UNIX_EPOCH};

use leasehold_core::Timestamp;

/// Says what time it is.
pub trait Clock: Send + Sync {
    /// Now, in milliseconds since the epoch.
    fn now(&self) -> Timestamp;
}

/// This machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}
