//! The fallback sweeper: who sweeps where no lease manager does?
//! Expired leases and raised limits are a sweep's, and so is the summary by which others see how full the pool is.
//! Where there is no lease manager, or it stands still, the summary grows old; then one of those who wait or hold a
//! lease sweeps, and its summary shows the others that somebody does.

use std::time::Duration;

use leasehold_core::{PoolName, Reply, Request, Row, RowKey, Settings, Slot, SlotRow, SummaryRow, SweepRequest};
use leasehold_store::StoreError;
use tokio::time::Instant;

use crate::connection::Connection;

/// How many slots a waiter looks at: about 20 KB, 5 read units.
const SLOTS_LOOKED_AT: u32 = 64;

/// The most that the looks of one waiter are spread out because many wait, in times of their ordinary distance.
const SPREAD_AT_MOST: u32 = 10;

/// So many waiters look as often as one would alone; of more, each looks the less often.
const WAITERS_AT_FULL_RATE: u32 = 8;

/// When to look at the summary next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FallbackSweeper {
    every: Duration,
    next: Instant,
    /// When to look for leases that have lapsed.
    looks: Instant,
    /// How far apart such looks are, if nobody else waits.
    apart: Duration,
    /// How many times as far apart they are, as many wait.
    spread: u32,
}

impl FallbackSweeper {
    pub(crate) fn new(settings: &Settings) -> Self {
        let apart = Duration::from_millis(settings.collect_within.min(settings.lease).0) / 2;
        let mut all = FallbackSweeper {
            every: Duration::from_millis(settings.sweep_every.0),
            next: Instant::now(),
            looks: Instant::now() + apart.mul_f64(fastrand::f64()),
            apart,
            spread: 1,
        };
        all.again();
        all
    }

    /// Half of the time between two sweeps, up to twice as long: those who came together do not look together.
    fn again(&mut self) {
        self.next = Instant::now() + self.every.mul_f64(0.5 + fastrand::f64() / 2.0);
    }

    /// Whether it is time; the next time is later.
    pub(crate) fn is_due(&mut self) -> bool {
        let due = Instant::now() >= self.next;
        if due {
            self.again();
        }
        due
    }

    /// Sweeps, unless somebody did. What goes wrong here, goes wrong again at the next request, which tells it.
    pub(crate) async fn unless_fresh(self, connection: &Connection, pool: &PoolName) {
        let fresh = match connection.table().glance(pool, RowKey::Summary).await {
            Ok(Some(Row::Summary(row))) => {
                // One and a half, so that a lease manager that is a little late is left to do it.
                u128::from(connection.runner.now().since(row.at).0) < (self.every * 3 / 2).as_millis()
            }
            Ok(_) => false,
            Err(_) => true,
        };
        if !fresh {
            let _ = Box::pin(connection.runner.run_on(pool, SweepRequest)).await;
        }
    }

    /// By how much those who wait are spread out, as it was last seen how many they are.
    pub(crate) fn crowd(&self) -> u32 {
        self.spread
    }

    /// Whether it is time to look for a lease that has lapsed.
    pub(crate) fn may_have_lapsed(&self) -> bool {
        Instant::now() >= self.looks
    }

    /// Sweeps if a lease has lapsed among the slots it looks at: all of them, or some from a random one on. A waiter that died
    /// with a slot in its hands costs a short lease, and not the time to the next sweep. The next look is the later, the
    /// more waiters share this.
    ///
    /// # Errors
    /// When the pool is not there any more.
    pub(crate) async fn if_lapsed(&mut self, connection: &Connection, settings: &Settings) -> Result<(), StoreError> {
        let (table, pool) = (connection.table(), &settings.prefix);
        let waiting = match table.glance(pool, RowKey::Summary).await {
            Ok(Some(Row::Summary(SummaryRow { waiting, .. }))) => waiting,
            // No sweep yet; or the pool was retired, and nobody will ever let in whoever waits.
            Ok(None) => match connection.runner.settings(pool).await {
                Err(retired @ StoreError::PoolNotFound { .. }) => return Err(retired),
                _ => 0,
            },
            _ => 0,
        };
        self.spread = (waiting / WAITERS_AT_FULL_RATE).clamp(1, SPREAD_AT_MOST);
        self.looks = Instant::now() + (self.apart * self.spread).mul_f64(0.5 + fastrand::f64());
        let windows = settings.limit.count().div_ceil(SLOTS_LOOKED_AT).max(1);
        let from = fastrand::u32(0..windows) * SLOTS_LOOKED_AT;
        let window = Request::Slots(Slot(from), Slot(from + SLOTS_LOOKED_AT - 1));
        let Reply::Slots(slots) = table.send(pool, &window).await.reply else { return Ok(()) };
        let now = connection.runner.now();
        let lapsed =
            |row: &SlotRow| row.held.as_ref().is_some_and(|held| now >= settings.reclaimable_at(held.expires_at));
        if slots.iter().any(lapsed) {
            let _ = Box::pin(connection.runner.run_on(pool, SweepRequest)).await;
        }
        Ok(())
    }
}
