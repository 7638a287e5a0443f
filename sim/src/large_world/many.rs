//! Many worlds: what comes of the worlds of these seeds, played on so many threads?

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::plan::WorldPlan;
use super::play;
use super::report::{WorldReport, WorldsTally};
use super::state_retry::LeaseStates;

/// What came of many worlds.
#[derive(Clone, Debug, Default)]
pub struct PlayedWorlds {
    /// Of all of them.
    pub tally: WorldsTally,
    /// Those in which a promise was broken, by seed.
    pub broken: Vec<WorldReport>,
}

/// Plays the worlds of these seeds as long as whoever is told of each wants another one.
pub fn play_many(
    seeds: Range<u64>,
    threads: usize,
    states: &Arc<LeaseStates>,
    plan: impl Fn(u64) -> Option<WorldPlan> + Sync,
    goes_on: impl Fn(&WorldsTally, &WorldReport) -> bool + Sync,
) -> PlayedWorlds {
    let (next, played) = (AtomicU64::new(seeds.start), Mutex::new(PlayedWorlds::default()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if !seeds.contains(&seed) {
                return;
            }
            let Some(report) = plan(seed).and_then(|plan| play(&plan, states)) else { return };
            let mut played = played.lock().unwrap_or_else(PoisonError::into_inner);
            played.tally.add(&report);
            if !goes_on(&played.tally, &report) {
                next.store(seeds.end, Ordering::Relaxed);
            }
            if report.broken.is_some() {
                played.broken.push(report);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(work);
        }
    });
    let mut played = played.into_inner().unwrap_or_else(PoisonError::into_inner);
    played.broken.sort_by_key(|report| report.seed);
    played
}
