//! Pool observers: who holds in a pool, as its callers were told, against how many may, and what did that come to so
//! far?

use leasehold_core::Limit;
use leasehold_core::occupancy::series::Sample;

use super::pool_series::{PoolSeries, Stretch};
use super::wait_histogram::WaitHistogram;

/// What an onlooker knows of one pool of a lane.
#[derive(Clone, Debug)]
pub(crate) struct PoolObserver {
    /// The limit that the table says.
    pub(crate) limit: u32,
    /// As many as may hold rightly.
    pub(crate) ceiling: u32,
    /// Until when the ceiling stays where it is, in microseconds; none while a lowering is under way.
    ceiling_stays: Option<u64>,
    /// How many were told that they hold, and still do.
    pub(crate) held: u32,
    /// How many were refused or queued, and not told yet.
    pub(crate) waiting: u32,
    /// More hold than may.
    pub(crate) over: bool,
    pub(crate) series: PoolSeries,
    pub(crate) waits: WaitHistogram,
    pub(crate) stats: PoolStats,
}

/// What a pool came to so far. Lengths are microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PoolStats {
    /// The most that ever held.
    pub(crate) peak: u32,
    /// By how many the ceiling was ever exceeded.
    pub(crate) most_over: u32,
    /// How many were let in above it.
    pub(crate) breaches: u64,
    /// For how long too many held.
    pub(crate) over_for: u64,
    /// How many jobs are over, died, gave up waiting.
    pub(crate) over_jobs: u64,
    pub(crate) died: u64,
    pub(crate) gave_up: u64,
    /// How many of those who were told had been refused or queued before.
    pub(crate) made_wait: u64,
    /// How many leases ran out or were lost while their jobs worked.
    pub(crate) lost_leases: u64,
    /// Leases x microseconds that were held, and that could have been.
    pub(crate) held_time: u64,
    pub(crate) limit_time: u64,
    counted_until: u64,
}

impl PoolStats {
    fn pass(&mut self, now: u64, held: u32, limit: u32, over: bool) {
        let passed = now.saturating_sub(self.counted_until);
        self.held_time += passed * u64::from(held.min(limit));
        self.limit_time += passed * u64::from(limit);
        self.over_for += if over { passed } else { 0 };
        self.counted_until = now;
    }

    /// What another pool came to as well: the highest of peaks, the sum of counts.
    pub(crate) fn add(&mut self, other: &PoolStats) {
        self.peak = self.peak.max(other.peak);
        self.most_over = self.most_over.max(other.most_over);
        self.over_for = self.over_for.max(other.over_for);
        self.breaches += other.breaches;
        self.over_jobs += other.over_jobs;
        self.died += other.died;
        self.gave_up += other.gave_up;
        self.made_wait += other.made_wait;
        self.lost_leases += other.lost_leases;
        self.held_time += other.held_time;
        self.limit_time += other.limit_time;
    }
}

impl PoolObserver {
    pub(crate) fn new(limit: Limit) -> PoolObserver {
        let limit = limit.count();
        let mut pool = PoolObserver {
            limit,
            ceiling: limit,
            ceiling_stays: Some(0),
            held: 0,
            waiting: 0,
            over: false,
            series: PoolSeries::default(),
            waits: WaitHistogram::default(),
            stats: PoolStats::default(),
        };
        pool.sample(0);
        pool
    }

    /// What it came to until now, to be counted on without changing anything.
    pub(crate) fn stats_until(&self, now: u64) -> PoolStats {
        let mut stats = self.stats;
        stats.pass(now, self.held, self.limit, self.over);
        stats
    }

    /// Counts the time until `now` as it was since the last change; to be called before each change.
    fn pass(&mut self, now: u64) {
        self.stats.pass(now, self.held, self.limit, self.over);
    }

    fn sample(&mut self, now: u64) {
        let PoolObserver { held, limit, ceiling, waiting, .. } = *self;
        self.series.is_now(now, Stretch::at(Sample { held, limit, waiting }, ceiling));
    }

    /// One more holds. Whether that is one too many.
    pub(crate) fn takes(&mut self, now: u64) -> bool {
        self.pass(now);
        self.held += 1;
        self.stats.peak = self.stats.peak.max(self.held);
        let breach = self.held > self.ceiling;
        if breach {
            self.over = true;
            self.stats.breaches += 1;
            self.stats.most_over = self.stats.most_over.max(self.held - self.ceiling);
        }
        self.sample(now);
        breach
    }

    /// One fewer holds. Whether that ends its being over.
    pub(crate) fn leaves(&mut self, now: u64) -> bool {
        self.pass(now);
        self.held -= 1;
        let was = self.over;
        self.over = self.held > self.ceiling;
        self.ratchet(now);
        self.sample(now);
        was && !self.over
    }

    /// So many more, or fewer, wait.
    pub(crate) fn waiters(&mut self, now: u64, more: i32) {
        self.waiting = self.waiting.saturating_add_signed(more);
        self.sample(now);
    }

    /// The table says another limit. Raised: as many may hold at once. Lowered: those who hold stay, and until everybody
    /// follows the new limit some may be granted by the old one.
    pub(crate) fn limit_in_force(&mut self, now: u64, limit: Limit) {
        self.pass(now);
        let limit = limit.count();
        if limit < self.ceiling {
            self.ceiling_stays = None;
        } else {
            self.ceiling = limit;
            self.over = self.held > self.ceiling;
        }
        self.limit = limit;
        self.sample(now);
    }

    /// Whoever made the change knows of it: until then the ceiling stays.
    pub(crate) fn limit_made(&mut self, followed_at: u64) {
        self.ceiling_stays = Some(followed_at);
    }

    /// After a lowering that everybody follows: with every holder that leaves, one fewer may hold.
    pub(crate) fn ratchet(&mut self, now: u64) {
        if self.ceiling > self.limit && self.ceiling_stays.is_some_and(|until| now >= until) {
            self.ceiling = self.held.clamp(self.limit, self.ceiling);
        }
    }
}
