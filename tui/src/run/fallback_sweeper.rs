//! The fallback sweeper: who sweeps where no lease manager does?
//! Expired leases and raised limits are a sweep's, and so is the summary by which others see how full the pool is.
//! Where there is no lease manager, or it stands still, the summary grows old; then one of those who wait or hold a
//! lease sweeps, and its summary shows the others that somebody does.

use std::time::Duration;

use leasehold_core::{PoolName, Row, RowKey, Settings, SweepRequest};
use tokio::time::Instant;

use crate::operation::own_row;
use crate::target::CliRunner;

/// When to look at the summary next.
#[derive(Clone, Copy, Debug)]
pub(super) struct FallbackSweeper {
    every: Duration,
    next: Instant,
}

impl FallbackSweeper {
    pub(super) fn new(settings: &Settings) -> Self {
        let mut all = FallbackSweeper { every: Duration::from_millis(settings.sweep_every.0), next: Instant::now() };
        all.again();
        all
    }

    /// Half of the time between two sweeps, up to twice as long: those who came together do not look together.
    fn again(&mut self) {
        self.next = Instant::now() + self.every.mul_f64(0.5 + fastrand::f64() / 2.0);
    }

    /// Whether it is time; the next time is later.
    pub(super) fn is_due(&mut self) -> bool {
        let due = Instant::now() >= self.next;
        if due {
            self.again();
        }
        due
    }

    /// Sweeps, unless somebody did. What goes wrong here, goes wrong again at the next request, which tells it.
    pub(super) async fn unless_fresh(self, runner: &CliRunner, prefix: &PoolName) {
        let fresh = match own_row(runner.table(), prefix, RowKey::Summary).await {
            Ok(Some(Row::Summary(row))) => {
                // One and a half, so that a lease manager that is a little late is left to do it.
                u128::from(runner.now().since(row.at).0) < (self.every * 3 / 2).as_millis()
            }
            Ok(_) => false,
            Err(_) => true,
        };
        if !fresh {
            let _ = runner.run_on(prefix, SweepRequest).await;
        }
    }
}
