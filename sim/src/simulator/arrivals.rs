//! Arrivals: which jobs come when? Drawn from the seed alone, so all lanes get the same jobs at the same times.

use super::draws::{Draw, Draws};
use super::scenario::{Scenario, Workload};

/// A job as it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) at: u64,
    pub(crate) number: u32,
    pub(crate) workload: usize,
    /// How long its work takes.
    pub(crate) work: u64,
    /// After how much of it the worker dies, if it does.
    pub(crate) dies_after: Option<u64>,
}

/// The jobs still to come.
#[derive(Clone, Debug)]
pub(crate) struct Arrivals {
    draws: Draws,
    number: u32,
    streams: Vec<Stream>,
}

/// One workload's.
#[derive(Clone, Debug)]
struct Stream {
    /// The next of the steady ones, and how many came.
    steady: Option<u64>,
    came: u64,
    /// The next of a burst: which burst, and which of its jobs.
    burst: Option<(u64, u32)>,
}

impl Arrivals {
    pub(crate) fn new(scenario: &Scenario) -> Arrivals {
        let draws = Draws(scenario.seed);
        let streams = scenario.workloads.iter().enumerate().map(|(at, workload)| {
            let mut stream = Stream { steady: None, came: 0, burst: (workload.burst > 0).then_some((0, 0)) };
            stream.next_steady(draws, at, workload, workload.from);
            stream
        });
        Arrivals { draws, number: 0, streams: streams.collect() }
    }

    /// The next one, taken.
    pub(crate) fn take_next(&mut self, scenario: &Scenario) -> Option<Arrival> {
        let next = |(at, stream): (usize, &Stream)| {
            let workload = &scenario.workloads[at];
            let burst = stream.burst.map(|(burst, job)| (workload.burst_job_at(burst, job), at, false));
            let steady = stream.steady.map(|when| (when, at, true));
            burst.into_iter().chain(steady).min()
        };
        let (at, workload, steady) = self.streams.iter().enumerate().filter_map(next).min()?;
        let stream = &mut self.streams[workload];
        let shape = &scenario.workloads[workload];
        if steady {
            stream.next_steady(self.draws, workload, shape, at);
        } else if let Some((burst, job)) = stream.burst {
            stream.burst = match job + 1 {
                job if job < shape.burst => Some((burst, job)),
                _ if shape.burst_every > 0 => Some((burst + 1, 0)),
                _ => None,
            };
        }
        let number = self.number;
        self.number += 1;
        let whose = [u64::from(number), 0, 0];
        let work = self.draws.of(Draw::Work, whose).about(shape.work, shape.work_spread).max(1_000);
        let dies = self.draws.happens(scenario.failures.worker_dies, Draw::Dies, whose);
        let dies_after = dies.then(|| self.draws.of(Draw::DiesAfter, whose).below(work));
        Some(Arrival { at, number, workload, work, dies_after })
    }
}

impl Stream {
    fn next_steady(&mut self, draws: Draws, number: usize, workload: &Workload, after: u64) {
        let gap = |per_minute: u32| {
            draws.of(Draw::Gap, [number as u64, self.came, 0]).gap(60_000_000 / u64::from(per_minute))
        };
        self.steady = (workload.per_minute > 0)
            .then(|| after + gap(workload.per_minute))
            .filter(|at| workload.until == 0 || *at < workload.until);
        self.came += 1;
    }
}

impl Workload {
    /// When a job of a burst comes: they come one after another, evenly.
    fn burst_job_at(&self, burst: u64, job: u32) -> u64 {
        self.burst_at + burst * self.burst_every + self.burst_over * u64::from(job) / u64::from(self.burst.max(1))
    }
}
