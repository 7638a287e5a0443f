//! Fleets: which jobs came to a lane, and which of them are under way?

use super::arrivals::{Arrival, Arrivals};
use super::job::Job;
use super::scenario::Scenario;
use super::slab_map::SlabMap;

/// From so many jobs in flight on, those who come are turned away.
const MOST_IN_FLIGHT: usize = 10_000;

/// All jobs of a lane.
#[derive(Clone, Debug)]
pub(crate) struct Fleet {
    arrivals: Arrivals,
    /// The next job to come.
    next: Option<Arrival>,
    /// How many came.
    pub(crate) arrived: u64,
    /// How many of them were turned away.
    pub(crate) turned_away: u64,
    /// Those that came and are not over, by number.
    pub(crate) jobs: SlabMap<Job>,
}

impl Fleet {
    pub(crate) fn new(scenario: &Scenario) -> Fleet {
        let mut arrivals = Arrivals::new(scenario);
        let next = arrivals.take_next(scenario);
        Fleet { arrivals, next, arrived: 0, turned_away: 0, jobs: SlabMap::default() }
    }

    /// The next job to come.
    pub(crate) fn next(&self) -> Option<Arrival> {
        self.next
    }

    /// The next job comes.
    pub(crate) fn take_next(&mut self, scenario: &Scenario) -> Option<Arrival> {
        let arrival = self.next.take()?;
        self.next = self.arrivals.take_next(scenario);
        self.arrived += 1;
        Some(arrival)
    }

    /// Whether there is room for one more job; if not, one is turned away.
    pub(crate) fn admits(&mut self) -> bool {
        let admits = self.jobs.len() < MOST_IN_FLIGHT;
        self.turned_away += u64::from(!admits);
        admits
    }

    /// Whether none is under way and none will come.
    pub(crate) fn is_over(&self) -> bool {
        self.next.is_none() && self.jobs.is_empty()
    }

    /// The job that has held its lease for longest; if none holds one, the job that has been in its phase for longest.
    pub(crate) fn oldest(&self) -> Option<u32> {
        let oldest = |holds: bool| {
            self.jobs.all().filter(move |job| !job.dead && job.holds == holds).min_by_key(|job| job.since)
        };
        oldest(true).or_else(|| oldest(false)).map(|job| job.number)
    }
}
