//! Measures: what do the times of many jobs come to? Percentiles, fairness, the most at once, how well slots are used.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The smallest, the middle and the largest of several runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    /// The smallest.
    pub(crate) min: f64,
    /// The middle one; of an even number the mean of both.
    pub(crate) median: f64,
    /// The largest.
    pub(crate) max: f64,
}

impl Spread {
    /// Of these; none: there are none.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_unstable_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let (low, high) = (values.get((values.len() - 1) / 2)?, values.get(values.len() / 2)?);
        Some(Spread { min, median: f64::midpoint(*low, *high), max })
    }
}

/// The time that this share of the times does not exceed (nearest rank), in milliseconds; 0 where there is none.
pub(crate) fn percentile(times: &[Duration], share: f64) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable();
    let rank = (share * times.len() as f64).ceil() as usize;
    times.get(rank.saturating_sub(1)).map_or(0.0, |time| time.as_secs_f64() * 1_000.0)
}

/// Jain's index of fairness: 1 if all got the same, 1/n if one got all.
pub(crate) fn jain(got: &[f64]) -> f64 {
    let (sum, squares) = got.iter().fold((0.0, 0.0), |(sum, squares), one| (sum + one, squares + one * one));
    if squares == 0.0 { 1.0 } else { sum * sum / (got.len() as f64 * squares) }
}

/// One job, by moments since the run began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JobTimes {
    /// It asked for its turn.
    pub(crate) asked: Duration,
    /// It was told that it has it.
    pub(crate) told: Duration,
    /// Its work was over, and it asks to give its turn back.
    pub(crate) done: Duration,
    /// Which slot and which grant of it; 0 where a way does not count.
    pub(crate) grant: (u32, u64),
}

/// What a pool of jobs shows from outside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Occupied {
    /// The most that had their turn at once: told, and not yet asking to give it back.
    pub(crate) peak: u32,
    /// Of the time in which somebody waited, the share in which slots were worked in. Those over the limit do not count.
    pub(crate) used_while_waited: f64,
}

/// Goes through the jobs in the order of time.
pub(crate) fn occupied(jobs: &[JobTimes], limit: u32) -> Occupied {
    // At one moment ends come before beginnings.
    let mut moments: Vec<(Duration, i8, i8)> = Vec::with_capacity(jobs.len() * 3);
    for job in jobs {
        moments.extend([(job.asked, 0, 1), (job.told, 1, -1), (job.done, -1, 0)]);
    }
    moments.sort_unstable_by_key(|(at, held, _)| (*at, *held));
    let (mut held, mut waiting, mut peak, mut last) = (0_i64, 0_i64, 0, Duration::ZERO);
    let (mut used, mut waited) = (0.0, 0.0);
    for (at, more_held, more_waiting) in moments {
        if waiting > 0 {
            let passed = (at - last).as_secs_f64();
            used += passed * held.min(i64::from(limit)) as f64;
            waited += passed * f64::from(limit);
        }
        last = at;
        held += i64::from(more_held);
        waiting += i64::from(more_waiting);
        peak = peak.max(held);
    }
    let used_while_waited = if waited > 0.0 { used / waited } else { 1.0 };
    Occupied { peak: u32::try_from(peak).unwrap_or(u32::MAX), used_while_waited }
}

/// From a release to its successor being told, where one waited already.
pub(crate) fn hand_overs(jobs: &[JobTimes]) -> Vec<Duration> {
    let given_back: std::collections::HashMap<_, _> =
        jobs.iter().filter(|job| job.grant.1 > 0).map(|job| (job.grant, job.done)).collect();
    let after = |job: &JobTimes| {
        let (slot, fence) = job.grant;
        let from = *given_back.get(&(slot, fence.checked_sub(1)?))?;
        (job.asked < from).then(|| job.told.saturating_sub(from))
    };
    jobs.iter().filter_map(after).collect()
}

/// The slope of a line through these points, by least squares; 0 where there is none.
pub(crate) fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
    let (up, across) = points
        .iter()
        .fold((0.0, 0.0), |(up, across), point| (up + (point.0 - x) * (point.1 - y), across + (point.0 - x).powi(2)));
    if across == 0.0 { 0.0 } else { up / across }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn job(asked: u64, told: u64, done: u64, grant: (u32, u64)) -> JobTimes {
        JobTimes { asked: ms(asked), told: ms(told), done: ms(done), grant }
    }

    #[test]
    fn a_percentile_is_one_of_the_times() {
        let times: Vec<Duration> = (1..=100).map(ms).collect();
        assert_eq!((percentile(&times, 0.5), percentile(&times, 0.99), percentile(&[], 0.5)), (50.0, 99.0, 0.0));
        assert_eq!(percentile(&[ms(7)], 0.999), 7.0);
    }

    #[test]
    fn fairness_is_one_for_all_alike_and_less_for_others() {
        assert_eq!((jain(&[3.0, 3.0]), jain(&[1.0, 0.0]), jain(&[])), (1.0, 0.5, 1.0));
    }

    #[test]
    fn a_turn_that_is_given_back_makes_room_at_that_moment() {
        let jobs = [job(0, 0, 10, (0, 1)), job(0, 10, 20, (0, 2))];
        assert_eq!(occupied(&jobs, 1), Occupied { peak: 1, used_while_waited: 1.0 });
        let both = [job(0, 0, 10, (0, 1)), job(0, 9, 20, (0, 2))];
        assert_eq!(occupied(&both, 1).peak, 2);
    }

    #[test]
    fn a_slot_that_stands_empty_while_one_waits_is_seen() {
        let jobs = [job(0, 0, 10, (0, 1)), job(0, 20, 30, (0, 2))];
        assert_eq!(occupied(&jobs, 1).used_while_waited, 0.5);
    }

    #[test]
    fn a_hand_over_is_from_one_grant_of_a_slot_to_the_next() {
        let jobs = [job(0, 0, 10, (3, 1)), job(5, 12, 20, (3, 2)), job(21, 22, 30, (3, 3)), job(0, 0, 9, (4, 1))];
        assert_eq!(hand_overs(&jobs), [ms(2)]);
    }

    #[test]
    fn the_slope_of_what_is_constant_is_zero() {
        assert_eq!(slope(&[(1.0, 5.0), (2.0, 5.0), (9.0, 5.0)]), 0.0);
        assert_eq!(slope(&[(0.0, 1.0), (2.0, 5.0)]), 2.0);
    }

    #[test]
    fn the_middle_of_an_even_number_is_between_both() {
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 3.0]), Some(Spread { min: 1.0, median: 2.5, max: 4.0 }));
        assert_eq!(Spread::of([]), None);
    }
}
