//! The fallback sweeper: who sweeps where no lease manager does?
//! Expired leases and raised limits are a sweep's, and so is the summary by which others see how full the pool is.
//! Where there is no lease manager, or it stands still, the summary grows old; then one of those who wait or hold a
//! lease sweeps, and its summary shows the others that somebody does.

use std::time::Duration;

use leasehold_core::{PoolName, Reply, Request, Row, RowKey, Settings, Slot, SlotRow, SweepRequest};
use tokio::time::Instant;

use crate::operation::own_row;
use crate::target::CliRunner;

/// How many slots a waiter looks at: about 20 KB, 5 read units.
const SLOTS_LOOKED_AT: u32 = 64;

/// When to look at the summary next.
#[derive(Clone, Copy, Debug)]
pub(super) struct FallbackSweeper {
    every: Duration,
    next: Instant,
    /// When to look for leases that have lapsed.
    looks: Instant,
}

impl FallbackSweeper {
    pub(super) fn new(settings: &Settings) -> Self {
        let mut all = FallbackSweeper {
            every: Duration::from_millis(settings.sweep_every.0),
            next: Instant::now(),
            looks: Instant::now(),
        };
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

    /// Whether it is time to look for a lease that has lapsed; the next time is later.
    pub(super) fn may_have_lapsed(&mut self, settings: &Settings) -> bool {
        let due = Instant::now() >= self.looks;
        if due {
            let every = Duration::from_millis(settings.collect_within.min(settings.lease).0);
            self.looks = Instant::now() + every.mul_f64(0.25 + fastrand::f64() / 2.0);
        }
        due
    }

    /// Sweeps if a lease has lapsed among the slots it looks at: all of them, or some from a random one on. A waiter that died
    /// with a slot in its hands costs a short lease, and not the time to the next sweep.
    pub(super) async fn if_lapsed(runner: &CliRunner, settings: &Settings) {
        let send = |request| async move { runner.table().send(&settings.prefix, &request).await.reply };
        let windows = settings.limit.count().div_ceil(SLOTS_LOOKED_AT).max(1);
        let from = fastrand::u32(0..windows) * SLOTS_LOOKED_AT;
        let Reply::Slots(slots) = send(Request::Slots(Slot(from), Slot(from + SLOTS_LOOKED_AT - 1))).await else {
            return;
        };
        let now = runner.now();
        let lapsed =
            |row: &SlotRow| row.held.as_ref().is_some_and(|held| now >= settings.reclaimable_at(held.expires_at));
        if slots.iter().any(lapsed) {
            let _ = runner.run_on(&settings.prefix, SweepRequest).await;
        }
    }
}
