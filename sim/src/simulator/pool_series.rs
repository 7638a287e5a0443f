//! Pool series: how did a pool fare over time? Held leases against the limit, in buckets that get wider as time goes by, so
//! that an hour takes no more room than a minute.

/// The narrowest bucket, in microseconds.
const NARROWEST: u64 = 2_000;
/// How many buckets are kept.
const MOST: usize = 2_048;

/// What a bucket of time saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// The most that held at any moment of it.
    pub(crate) most: u16,
    /// How many held when it ended.
    pub(crate) held: u16,
    pub(crate) limit: u16,
    pub(crate) waiting: u16,
}

/// The buckets from the start on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PoolSeries {
    width: u64,
    buckets: Vec<Bucket>,
}

impl Default for PoolSeries {
    fn default() -> Self {
        PoolSeries { width: NARROWEST, buckets: vec![] }
    }
}

fn narrow(number: u32) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

impl PoolSeries {
    /// From `now` on, until told otherwise, it is like this.
    pub(crate) fn is_now(&mut self, now: u64, held: u32, limit: u32, waiting: u32) {
        self.fill_to(now);
        if let Some(bucket) = self.buckets.last_mut() {
            let held = narrow(held);
            *bucket = Bucket { most: bucket.most.max(held), held, limit: narrow(limit), waiting: narrow(waiting) };
        }
    }

    /// Buckets up to and including the one of `now`: nothing changed since the last.
    fn fill_to(&mut self, now: u64) {
        while now / self.width >= MOST as u64 {
            let merged = self.buckets.chunks(2).map(|pair| {
                let most = pair.iter().map(|bucket| bucket.most).max().unwrap_or(0);
                Bucket { most, ..pair.last().copied().unwrap_or_default() }
            });
            self.buckets = merged.collect();
            self.width *= 2;
        }
        let wanted = usize::try_from(now / self.width).unwrap_or(MOST) + 1;
        if let Some(last) = self.buckets.last().copied() {
            self.buckets.resize(wanted.max(self.buckets.len()), Bucket { most: last.held, ..last });
        } else {
            self.buckets.resize(wanted, Bucket::default());
        }
    }

    /// At most `points` buckets from one moment to another, each with when it begins. The last one goes on until `to`.
    pub(crate) fn between(&self, from: u64, to: u64, points: usize) -> Vec<(u64, Bucket)> {
        let mut line = self.clone();
        line.fill_to(to);
        let first = usize::try_from(from / line.width).unwrap_or(MOST).min(line.buckets.len());
        let end = usize::try_from(to / line.width).unwrap_or(MOST) + 1;
        let wanted = &line.buckets[first..end.clamp(first, line.buckets.len())];
        let together = wanted.len().div_ceil(points.max(1)).max(1);
        let whole = wanted.chunks(together).enumerate().map(|(at, chunk)| {
            let most = chunk.iter().map(|bucket| bucket.most).max().unwrap_or(0);
            let begins = (first + at * together) as u64 * line.width;
            (begins, Bucket { most, ..chunk.last().copied().unwrap_or_default() })
        });
        whole.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_above_is_never_lost_however_wide_the_buckets_get() {
        let mut line = PoolSeries::default();
        line.is_now(0, 1, 5, 0);
        line.is_now(1_000_000, 9, 5, 2);
        line.is_now(1_000_001, 3, 5, 0);
        for now in [2_000_000, 200_000_000, 20_000_000_000] {
            line.is_now(now, 3, 5, 0);
            let seen = line.between(0, now, 100);
            assert!(seen.len() <= 100, "{}", seen.len());
            assert_eq!(seen.iter().map(|(_, bucket)| bucket.most).max(), Some(9));
            assert_eq!(seen.last().map(|(_, bucket)| bucket.held), Some(3));
        }
    }

    #[test]
    fn a_look_beyond_what_is_kept_begins_where_it_is_asked_to() {
        let mut line = PoolSeries::default();
        line.is_now(0, 1, 5, 0);
        let seen = line.between(2_000_000, 60_000_000, 100);
        assert!(seen.first().is_some_and(|(at, _)| (1_900_000..=2_000_000).contains(at)), "{:?}", seen.first());
    }

    #[test]
    fn time_in_which_nothing_changed_looks_like_the_moment_before() {
        let mut line = PoolSeries::default();
        line.is_now(0, 4, 5, 1);
        let seen = line.between(0, 1_000_000, 1_000);
        assert_eq!(seen.len(), 501);
        assert!(seen.iter().all(|(_, bucket)| *bucket == Bucket { most: 4, held: 4, limit: 5, waiting: 1 }));
    }
}
