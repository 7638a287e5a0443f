//! Pool series: how did a pool fare over time? Held leases against the limit, in buckets that get wider as time goes
//! by, so that an hour takes no more room than a minute.

use leasehold_core::occupancy::series::{Sample, Span, thin_out};

/// The narrowest bucket, in microseconds.
const NARROWEST: u64 = 2_000;
/// How many buckets are kept.
const MOST: usize = 2_048;

/// What a stretch of time came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) span: Span,
    /// How many might hold a lease at its end: more than the limit says after a lowering.
    ceiling: u32,
    /// By how many too many held one, at its worst moment: each moment against its own ceiling.
    over: u32,
}

impl Stretch {
    pub(crate) fn at(sample: Sample, ceiling: u32) -> Stretch {
        Stretch { span: sample.into(), ceiling, over: sample.held.saturating_sub(ceiling) }
    }

    /// How many of the most that held a lease did so by right.
    pub(crate) fn by_right(&self) -> u32 {
        self.span.most_held - self.over
    }

    fn then(self, next: Stretch) -> Stretch {
        Stretch { span: self.span.then(next.span), ceiling: next.ceiling, over: self.over.max(next.over) }
    }
}

/// What a bucket of time saw: a [`Stretch`] in little room, as every moment that is kept to go back to has all buckets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bucket {
    most_held: u16,
    held: u16,
    limit: u16,
    ceiling: u16,
    over: u16,
    waiting: u16,
}

impl From<Stretch> for Bucket {
    fn from(Stretch { span: Span { most_held, last, .. }, ceiling, over }: Stretch) -> Bucket {
        let narrow = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
        Bucket {
            most_held: narrow(most_held),
            held: narrow(last.held),
            limit: narrow(last.limit),
            ceiling: narrow(ceiling),
            over: narrow(over),
            waiting: narrow(last.waiting),
        }
    }
}

impl From<Bucket> for Stretch {
    /// How many waited at most is not kept.
    fn from(bucket: Bucket) -> Stretch {
        let last = Sample { held: bucket.held.into(), limit: bucket.limit.into(), waiting: bucket.waiting.into() };
        let span = Span { most_held: bucket.most_held.into(), ..Span::from(last) };
        Stretch { span, ceiling: bucket.ceiling.into(), over: bucket.over.into() }
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
    pub(crate) fn is_now(&mut self, now: u64, is: Stretch) {
        self.fill_to(now);
        if let Some(bucket) = self.buckets.last_mut() {
            *bucket = Stretch::from(*bucket).then(is).into();
        }
    }

    /// Buckets up to and including the one of `now`: nothing changed since the last.
    fn fill_to(&mut self, now: u64) {
        while now / self.width >= MOST as u64 {
            let half = self.buckets.len().div_ceil(2);
            let merged = thin_out(&self.buckets, half, |bucket| Stretch::from(*bucket), Stretch::then);
            self.buckets = merged.map(|(_, stretch)| Bucket::from(stretch)).collect();
            self.width *= 2;
        }
        let wanted = usize::try_from(now / self.width).unwrap_or(MOST) + 1;
        let unchanged = self.buckets.last().map(|last| {
            let last = Stretch::from(*last);
            Stretch::at(last.span.last, last.ceiling).into()
        });
        self.buckets.resize(wanted.max(self.buckets.len()), unchanged.unwrap_or_default());
    }

    /// At most `points` stretches from one moment to another, each with when it begins. The last one goes on until `to`.
    pub(crate) fn between(&self, from: u64, to: u64, points: usize) -> Vec<(u64, Stretch)> {
        let mut series = self.clone();
        series.fill_to(to);
        let first = usize::try_from(from / series.width).unwrap_or(MOST).min(series.buckets.len());
        let end = usize::try_from(to / series.width).unwrap_or(MOST) + 1;
        let wanted = &series.buckets[first..end.clamp(first, series.buckets.len())];
        let thin = thin_out(wanted, points, |bucket| Stretch::from(*bucket), Stretch::then);
        thin.map(|(at, stretch)| ((first + at) as u64 * series.width, stretch)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(held: u32, waiting: u32) -> Stretch {
        Stretch::at(Sample { held, limit: 5, waiting }, 7)
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
            assert_eq!(seen.iter().map(|(_, seen)| seen.span.most_held).max(), Some(9));
            assert_eq!(seen.last().map(|(_, seen)| seen.span.last.held), Some(3));
        }
    }

    /// After a lowering, with every job that ends one fewer may hold: the most of a bucket is more than may at its end.
    #[test]
    fn who_held_by_right_stays_so_though_fewer_may_at_a_buckets_end() {
        let mut series = PoolSeries::default();
        let lowered = |held| Stretch::at(Sample { held, limit: 3, waiting: 0 }, held);
        series.is_now(0, lowered(7));
        series.is_now(1_000_000, lowered(6));
        series.is_now(1_000_500, lowered(5));
        // One too many for a moment, and no more than may at the end of the bucket.
        series.is_now(2_000_000, Stretch::at(Sample { held: 6, limit: 3, waiting: 0 }, 5));
        series.is_now(2_000_500, lowered(4));
        for now in [3_000_000, 200_000_000, 20_000_000_000] {
            series.is_now(now, lowered(4));
            for points in [1, 2, 100, 2_000] {
                let seen = series.between(0, now, points);
                let over = |(_, seen): &(u64, Stretch)| seen.span.most_held - seen.by_right();
                assert_eq!(seen.iter().map(over).max(), Some(1), "{points} points until {now}");
                assert_eq!(seen.iter().filter(|seen| over(seen) > 0).count(), 1, "{points} points until {now}");
            }
            let early = series.between(0, 1_900_000, 100);
            if now == 3_000_000 {
                assert!(early.iter().all(|(_, seen)| seen.by_right() == seen.span.most_held), "{early:?}");
            }
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
        assert!(seen.iter().all(|(_, seen)| *seen == sample(4, 1)));
    }
}
