//! Wait histograms: how long did jobs wait? Counts whose steps are at most 3% wide, whatever the length.

/// Steps within each doubling.
const STEPS: u64 = 32;

/// Waits, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WaitHistogram {
    counts: Vec<u32>,
    total: u64,
}

/// Waits are counted in units of so many microseconds.
const UNIT: u64 = 100;

fn step(wait: u64) -> usize {
    let units = wait / UNIT;
    let octave = (units / STEPS + 1).ilog2();
    // From (2^octave - 1) * STEPS on, each step is 2^octave wide.
    let begins = ((1u64 << octave) - 1) * STEPS;
    usize::try_from(u64::from(octave) * STEPS + ((units - begins) >> octave)).unwrap_or(usize::MAX)
}

fn wait(step: usize) -> u64 {
    let (octave, within) = (step as u64 / STEPS, step as u64 % STEPS);
    ((((1u64 << octave) - 1) * STEPS) + (within << octave)) * UNIT
}

impl WaitHistogram {
    pub(crate) fn add(&mut self, wait: u64) {
        let step = step(wait);
        if self.counts.len() <= step {
            self.counts.resize(step + 1, 0);
        }
        self.counts[step] += 1;
        self.total += 1;
    }

    pub(crate) fn merge(&mut self, other: &WaitHistogram) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(mine, others)| *mine += others);
        self.total += other.total;
    }

    pub(crate) fn count(&self) -> u64 {
        self.total
    }

    /// So many in a hundred waited no longer than this, in microseconds: the end of a step. None if nobody waited yet.
    pub(crate) fn percentile(&self, percent: u64) -> Option<u64> {
        let rank = (self.total * percent).div_ceil(100).max(1);
        let mut seen = 0;
        self.counts.iter().enumerate().find_map(|(step, count)| {
            seen += u64::from(*count);
            (seen >= rank).then(|| wait(step + 1))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_at_most_three_percent_above_the_exact_one() {
        let mut waits = WaitHistogram::default();
        (1..=1_000u64).for_each(|n| waits.add(n * n * 50));
        for (percent, exact) in [(50, 12_500_000), (99, 49_005_000), (100, 50_000_000)] {
            let found = waits.percentile(percent).unwrap_or(0);
            assert!(exact <= found && found - exact <= exact * 35 / 1_000, "{percent}: {found} for {exact}");
        }
        assert_eq!(WaitHistogram::default().percentile(50), None);
    }

    #[test]
    fn every_step_begins_where_the_one_before_ends() {
        let mut last = 0;
        for units in 0..100_000u64 {
            let at = step(units * UNIT);
            assert!(at == last || at == last + 1, "{units}");
            assert!(wait(at) <= units * UNIT);
            last = at;
        }
    }
}
