//! The ideal schedule: how quickly could a workload be done at best?
//! Every slot busy as long as there is work, and no time lost.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// The makespan of so many items if none ever waits while fewer than the limit run. `limits` are the limits in
/// force, each from its moment on, in order, the first from the start. None: some have no slot, now or later.
///
/// With one limit it is `ceil(items / limit) * work`.
pub(crate) fn ideal(items: usize, work: Duration, limits: &[(Duration, u32)]) -> Option<Duration> {
    let mut running: BinaryHeap<Reverse<Duration>> = BinaryHeap::new();
    let (mut left, mut now) = (items, Duration::ZERO);
    loop {
        while running.peek().is_some_and(|Reverse(end)| *end <= now) {
            running.pop();
        }
        let limit = limits.iter().rev().find(|(from, _)| *from <= now).map_or(0, |(_, limit)| *limit as usize);
        while left > 0 && running.len() < limit {
            running.push(Reverse(now + work));
            left -= 1;
        }
        if left == 0 {
            return Some(running.into_iter().map(|Reverse(end)| end).max().unwrap_or(now));
        }
        let change = limits.iter().map(|(from, _)| *from).find(|from| *from > now);
        let end = running.peek().map(|Reverse(end)| *end);
        now = change.into_iter().chain(end).min()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORK: Duration = Duration::from_secs(3);

    #[test]
    fn with_one_limit_it_is_the_number_of_waves_times_the_work() {
        let ideal = |items, limit| ideal(items, WORK, &[(Duration::ZERO, limit)]).map(|ideal| ideal.as_secs());
        assert_eq!(
            (ideal(30, 15), ideal(20, 5), ideal(21, 5), ideal(1, 5), ideal(0, 5)),
            (Some(6), Some(12), Some(15), Some(3), Some(0))
        );
    }

    #[test]
    fn a_changed_limit_counts_from_its_moment_on() {
        let after = |seconds, limit| {
            let limits = [(Duration::ZERO, 5), (Duration::from_secs(seconds), limit)];
            ideal(20, WORK, &limits).map(|ideal| ideal.as_secs())
        };
        // 5 at 0, 5 more at 1, those end at 3 and 4, and so on.
        assert_eq!(after(1, 10), Some(7));
        // 5 until 3, then one after another.
        assert_eq!(after(1, 1), Some(3 + 15 * 3));
        assert_eq!(after(100, 10), Some(12));
    }

    #[test]
    fn without_a_slot_it_never_ends() {
        assert_eq!(ideal(1, WORK, &[(Duration::ZERO, 0)]), None);
        assert_eq!(ideal(9, WORK, &[(Duration::ZERO, 5), (Duration::from_secs(1), 0)]), None);
    }
}
