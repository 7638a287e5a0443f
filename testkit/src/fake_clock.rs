//! A fake clock: what time is it, where only the test moves time?

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use leasehold_core::Timestamp;
use leasehold_store::Clock;

/// A clock that goes when it is told to. Clones show the same time.
#[derive(Clone, Debug)]
pub struct FakeClock(Arc<AtomicU64>);

impl FakeClock {
    /// One that stands at so many milliseconds since the epoch.
    pub fn at(millis: u64) -> FakeClock {
        FakeClock(Arc::new(AtomicU64::new(millis)))
    }

    /// Moves it on by so many milliseconds.
    pub fn forward(&self, millis: u64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}
