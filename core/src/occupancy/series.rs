//! Samples of a pool over time: how full was it in a stretch of time, in a few numbers?
//!
//! Three places keep a pool's past, and each has to keep it in its own way:
//! - The simulator is told of every change, for hours, and keeps copies of itself to go back to: a fixed number of
//!   buckets, which get wider as time goes by, and between two changes everything stays as it was.
//! - The dashboard looks now and then, and does not know what was between two looks that lie far apart: stretches in
//!   which nothing changed, with gaps, of which the old ones are let go.
//! - A recording keeps every look, and is drawn look by look, however far apart these are.
//!
//! One store that did all of it would be three in one. What they share is here: a [`Sample`], the [`Span`] that
//! several samples come to when they have to share a point, and how many share one ([`thin_out`]). A point never hides
//! that a pool was fuller for a moment.

use super::Occupancy;

/// A pool at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// How many held a lease.
    pub held: u32,
    /// How many might.
    pub limit: u32,
    /// How many waited, as far as they were counted.
    pub waiting: u32,
}

/// What the samples of a stretch of time come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The most that held a lease in any of them.
    pub most_held: u32,
    /// The most that waited in any of them.
    pub most_waiting: u32,
    /// The last of them.
    pub last: Sample,
}

impl From<&Occupancy> for Sample {
    fn from(pool: &Occupancy) -> Sample {
        Sample { held: pool.held, limit: pool.limit.count(), waiting: pool.waiting }
    }
}

impl From<Sample> for Span {
    fn from(sample: Sample) -> Span {
        Span { most_held: sample.held, most_waiting: sample.waiting, last: sample }
    }
}

impl Span {
    /// What this and the one after it come to.
    #[must_use]
    pub fn then(self, next: Span) -> Span {
        Span {
            most_held: self.most_held.max(next.most_held),
            most_waiting: self.most_waiting.max(next.most_waiting),
            last: next.last,
        }
    }

    /// One sample for all: the most that held and the most that waited, against the last limit.
    pub fn fullest(self) -> Sample {
        Sample { held: self.most_held, limit: self.last.limit, waiting: self.most_waiting }
    }
}

/// At most so many points for a list in order of time: as many next to each other share one as have to. Each with the
/// place in the list where it begins. `then` says what two that share one come to, as [`Span::then`] does.
pub fn thin_out<T, P>(
    list: &[T],
    points: usize,
    point: impl Fn(&T) -> P,
    then: impl Fn(P, P) -> P,
) -> impl Iterator<Item = (usize, P)> {
    let together = list.len().div_ceil(points.max(1)).max(1);
    list.chunks(together).enumerate().filter_map(move |(at, chunk)| {
        let point = chunk.iter().map(&point).reduce(&then)?;
        Some((at * together, point))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::SummaryRow;
    use crate::settings::Settings;
    use crate::time::Timestamp;
    use crate::types::Limit;

    fn sample(held: u32, waiting: u32) -> Sample {
        Sample { held, limit: 10 + held, waiting }
    }

    #[test]
    fn a_sample_is_how_full_the_pool_was() {
        let settings = Settings::new("p".parse().expect("a name"), Limit::try_from(5).expect("a limit"));
        let at = Timestamp::seconds(1_000);
        let row =
            SummaryRow { at, limit: settings.limit, held: 3, waiting: 2, waiting_more: false, waiting_since: None };
        let seen = Occupancy::summarised(&row, &settings, at);
        assert_eq!(Sample::from(&seen), Sample { held: 3, limit: 5, waiting: 2 });
    }

    #[test]
    fn a_point_shows_the_fullest_moment_and_the_last() {
        let span = Span::from(sample(2, 5)).then(sample(9, 0).into()).then(sample(1, 3).into());
        assert_eq!(span, Span { most_held: 9, most_waiting: 5, last: sample(1, 3) });
        assert_eq!(span.fullest(), Sample { held: 9, limit: 11, waiting: 5 });
    }

    #[test]
    fn there_are_never_more_points_than_asked_for_and_none_is_empty() {
        for length in 0..40 {
            let list: Vec<Sample> = (0..length).map(|held| sample(held, 0)).collect();
            for points in 0..50 {
                let thin: Vec<_> = thin_out(&list, points, |sample| Span::from(*sample), Span::then).collect();
                assert!(thin.len() <= points.max(1), "{length} in {points}");
                assert_eq!(thin.last().map(|(_, span)| span.last), list.last().copied());
                assert!(thin.iter().all(|(at, span)| list[*at].held <= span.most_held), "{length} in {points}");
                assert!(points < list.len() || thin.len() == list.len(), "{length} in {points}");
                // Each begins where the one before it ends.
                let ends = thin.iter().skip(1).map(|(at, _)| *at).chain([list.len()]);
                for ((_, span), end) in thin.iter().zip(ends) {
                    assert_eq!(span.last, list[end - 1], "{length} in {points}");
                }
            }
        }
    }
}
