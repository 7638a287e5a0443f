//! Pool series: how did a pool fare over time? Held leases against the limit, in buckets that get wider as time goes
//! by, so that an hour takes no more room than a minute.

use leasehold_core::occupancy::series::{Sample, Span, thin_out};

/// The narrowest bucket, in microseconds.
const NARROWEST: u64 = 2_000;
/// How many buckets are kept.
const MOST: usize = 2_048;

/// What a bucket of time saw: a [`Span`] in little room, as every moment that is kept to go back to has all buckets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bucket {
    most_held: u16,
    held: u16,
    limit: u16,
    waiting: u16,
}

impl From<Span> for Bucket {
    fn from(Span { most_held, last, .. }: Span) -> Bucket {
        let narrow = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
        Bucket {
            most_held: narrow(most_held),
            held: narrow(last.held),
            limit: narrow(last.limit),
            waiting: narrow(last.waiting),
        }
    }
}

impl From<Bucket> for Span {
    /// How many waited at most is not kept.
    fn from(bucket: Bucket) -> Span {
        let last = Sample { held: bucket.held.into(), limit: bucket.limit.into(), waiting: bucket.waiting.into() };
        Span { most_held: bucket.most_held.into(), ..Span::from(last) }
    }
}

/// The buckets from the start on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PoolSeries {
    /// Of each bucket, in microseconds.
    width: u64,
    buckets: Vec<Bucket>,
}

impl Default for PoolSeries {
    fn default() -> Self {
        PoolSeries { width: NARROWEST, buckets: vec![] }
    }
}

impl PoolSeries {
    /// From `now` on, until told otherwise, it is like this.
    pub(crate) fn is_now(&mut self, now: u64, sample: Sample) {
        self.fill_to(now);
        if let Some(bucket) = self.buckets.last_mut() {
            *bucket = Span::from(*bucket).then(sample.into()).into();
        }
    }

    /// Buckets up to and including the one of `now`: nothing changed since the last.
    fn fill_to(&mut self, now: u64) {
        while now / self.width >= MOST as u64 {
            let half = self.buckets.len().div_ceil(2);
            let merged = thin_out(&self.buckets, half, |bucket| Span::from(*bucket));
            self.buckets = merged.map(|(_, span)| Bucket::from(span)).collect();
            self.width *= 2;
        }
        let wanted = usize::try_from(now / self.width).unwrap_or(MOST) + 1;
        let unchanged = self.buckets.last().map(|last| Span::from(Span::from(*last).last).into());
        self.buckets.resize(wanted.max(self.buckets.len()), unchanged.unwrap_or_default());
    }

    /// At most `points` spans from one moment to another, each with when it begins. The last one goes on until `to`.
    pub(crate) fn between(&self, from: u64, to: u64, points: usize) -> Vec<(u64, Span)> {
        let mut series = self.clone();
        series.fill_to(to);
        let first = usize::try_from(from / series.width).unwrap_or(MOST).min(series.buckets.len());
        let end = usize::try_from(to / series.width).unwrap_or(MOST) + 1;
        let wanted = &series.buckets[first..end.clamp(first, series.buckets.len())];
        let spans = thin_out(wanted, points, |bucket| Span::from(*bucket));
        spans.map(|(at, span)| ((first + at) as u64 * series.width, span)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(held: u32, waiting: u32) -> Sample {
        Sample { held, limit: 5, waiting }
    }

    #[test]
    fn a_moment_above_is_never_lost_however_wide_the_buckets_get() {
        let mut series = PoolSeries::default();
        series.is_now(0, sample(1, 0));
        series.is_now(1_000_000, sample(9, 2));
        series.is_now(1_000_001, sample(3, 0));
        for now in [2_000_000, 200_000_000, 20_000_000_000] {
            series.is_now(now, sample(3, 0));
            let seen = series.between(0, now, 100);
            assert!(seen.len() <= 100, "{}", seen.len());
            assert_eq!(seen.iter().map(|(_, span)| span.most_held).max(), Some(9));
            assert_eq!(seen.last().map(|(_, span)| span.last.held), Some(3));
        }
    }

    #[test]
    fn a_look_beyond_what_is_kept_begins_where_it_is_asked_to() {
        let mut series = PoolSeries::default();
        series.is_now(0, sample(1, 0));
        let seen = series.between(2_000_000, 60_000_000, 100);
        assert!(seen.first().is_some_and(|(at, _)| (1_900_000..=2_000_000).contains(at)), "{:?}", seen.first());
    }

    #[test]
    fn time_in_which_nothing_changed_looks_like_the_moment_before() {
        let mut series = PoolSeries::default();
        series.is_now(0, sample(4, 1));
        let seen = series.between(0, 1_000_000, 1_000);
        assert_eq!(seen.len(), 501);
        assert!(seen.iter().all(|(_, span)| *span == Span::from(sample(4, 1))));
    }
}
