//! The reopening of a pool: when does one whose limit was lowered, or overridden for a while, let somebody in again?
//! The pool's own rows say that moment. Nobody gives a slot back then, so one of those who wait sweeps.

use std::time::Duration;

use leasehold_core::{Limit, LimitRows, PoolName, Reply, Row, RowKey, Settings, SweepRequest, Timestamp};
use tokio::time::Instant;

use crate::connection::Connection;

/// How far apart the looks at the pool's own rows are at most: an override lasts for a minute at least.
const LOOKS_APART: Duration = Duration::from_secs(30);

/// Within which time those few who wait see to it, one after another; of more, each later.
const SPREAD: Duration = Duration::from_secs(1);

/// How long after a sweep it is looked whether that sufficed.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// By the second one nobody follows settings of before.
const SWEEPS: u8 = 2;

/// When the pool opens again, as a waiter knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reopening {
    looks: Instant,
    apart: Duration,
    opens: Option<(Timestamp, Limit)>,
    due: Instant,
    /// How many sweeps it is still worth: another change may have made it moot.
    sweeps: u8,
}

impl Reopening {
    pub(crate) fn new(settings: &Settings) -> Reopening {
        let settles = Duration::from_millis(settings.settles_for().0);
        let now = Instant::now();
        Reopening { looks: now, apart: LOOKS_APART.min(settles / 2), opens: None, due: now, sweeps: 0 }
    }

    /// How long there is nothing to do for it.
    pub(crate) fn due_in(&self) -> Duration {
        self.opens.map_or(Duration::MAX, |_| self.due.saturating_duration_since(Instant::now()))
    }

    /// Sweeps if the pool has just opened and no other has swept since. What goes wrong here, the next sweep mends.
    pub(crate) async fn see_to_it(&mut self, connection: &Connection, pool: &PoolName, crowd: u32) {
        if Instant::now() >= self.looks {
            self.looks = Instant::now() + self.apart.mul_f64(0.5 + fastrand::f64() / 2.0);
            self.look(connection, pool, crowd).await;
        }
        let Some((opens, limit)) = self.opens.filter(|_| Instant::now() >= self.due) else { return };
        match connection.table().glance(pool, RowKey::Summary).await {
            Ok(Some(Row::Summary(swept))) if swept.at >= opens && swept.limit == limit => self.opens = None,
            Ok(_) => {
                if self.sweeps == 0 {
                    self.opens = None;
                    return;
                }
                self.sweeps -= 1;
                let _ = Box::pin(connection.runner.run_on(pool, SweepRequest)).await;
                self.due = Instant::now() + AGAIN_AFTER + spread(crowd);
            }
            Err(_) => self.due = Instant::now() + AGAIN_AFTER,
        }
    }

    /// Reads when it opens: two reads of half a unit.
    async fn look(&mut self, connection: &Connection, pool: &PoolName, crowd: u32) {
        let glance = |key| connection.table().glance(pool, key);
        let (Ok(own), Ok(live)) = (glance(RowKey::Pool).await, glance(RowKey::Override).await) else { return };
        let now = connection.runner.now();
        let Ok(rows) = LimitRows::from_replies(pool, [Reply::Row(own), Reply::Row(live)], now) else { return };
        let opens = reopens(&rows, now);
        // What is overdue is seen to first.
        if opens == self.opens || self.opens.is_some_and(|(opens, _)| opens <= now) {
            return;
        }
        (self.opens, self.sweeps) = (opens, SWEEPS);
        if let Some((at, _)) = opens {
            self.due = Instant::now() + Duration::from_millis(at.since(now).0) + spread(crowd);
        }
    }
}

/// A chance part of the time over which those who wait are spread.
fn spread(crowd: u32) -> Duration {
    (SPREAD * crowd).mul_f64(fastrand::f64())
}

/// When slots can be had next that cannot be had now, and what the limit is then: a lowering has settled, or an override
/// lapses that is lower than the settings.
fn reopens(rows: &LimitRows, now: Timestamp) -> Option<(Timestamp, Limit)> {
    let limit = rows.in_force.limit;
    let settled = rows.in_force.settling(now).filter(|_| limit.count() > 0).map(|(until, _)| (until, limit));
    let raised = rows.pool.limit;
    let lapse =
        rows.live_in_force().and_then(|live| live.until).filter(|_| raised > limit).map(|until| (until, raised));
    settled.into_iter().chain(lapse).min_by_key(|(at, _)| *at)
}

#[cfg(test)]
mod tests {
    use leasehold_core::{Lowered, Millis, OverrideRow, PoolRow};

    use super::*;

    const NOW: Timestamp = Timestamp::seconds(1_000);

    fn limit(count: u64) -> Limit {
        count.try_into().expect("a limit")
    }

    fn rows(own: PoolRow, live: Option<OverrideRow>) -> LimitRows {
        let replies = [Some(Row::Pool(own)), live.map(Row::Override)].map(Reply::Row);
        LimitRows::from_replies(&"p".parse().expect("a name"), replies, NOW).expect("rows")
    }

    #[test]
    fn a_pool_opens_when_a_lowering_settled_or_an_override_lapses() {
        assert_eq!(reopens(&rows(PoolRow::new(limit(5)), None), NOW), None);
        let lowered = Some(Lowered { from: limit(5), at: NOW });
        let settled = NOW + Millis::seconds(75);
        assert_eq!(reopens(&rows(PoolRow { lowered, ..PoolRow::new(limit(2)) }, None), NOW), Some((settled, limit(2))));
        let live = |to, until| OverrideRow {
            limit: limit(to),
            lowered: (to < 5).then_some(lowered).flatten(),
            at: NOW,
            until: Some(NOW + Millis::seconds(until)),
            who: "ann".into(),
            why: "a test".into(),
        };
        let five = || PoolRow::new(limit(5));
        assert_eq!(reopens(&rows(five(), Some(live(2, 60))), NOW), Some((NOW + Millis::seconds(60), limit(5))));
        assert_eq!(reopens(&rows(five(), Some(live(2, 90))), NOW), Some((settled, limit(2))));
        // Nobody gets in by a limit of 0, however settled; and its end that lowers lets nobody in.
        assert_eq!(reopens(&rows(five(), Some(live(0, 90))), NOW), Some((NOW + Millis::seconds(90), limit(5))));
        assert_eq!(reopens(&rows(five(), Some(live(9, 90))), NOW), None);
    }
}
