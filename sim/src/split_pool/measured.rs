//! Measures of a split pool: how well are its slots used, and how fairly are its jobs treated?

use super::{Partition, SECOND, SplitJob};

/// How long after the beginning measuring begins, in microseconds: by then the slots are in use.
const WARM_UP: u64 = 20 * SECOND;

/// What a run came to. Shares are from 0 to 1; all but the waits and overtakings of jobs are of the time in which jobs
/// came, less a while at its beginning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// How many jobs began a second.
    pub jobs_per_second: f64,
    /// How much of the slots' time was worked in.
    pub utilisation: f64,
    /// How much of the slots' time they were free although someone waited.
    pub idle: f64,
    /// The wait of the middle job, in seconds.
    pub wait_p50: f64,
    /// The wait of 99 of 100 jobs, in seconds.
    pub wait_p99: f64,
    /// By how many later jobs one is overtaken in the mean.
    pub overtaken: f64,
    /// By how many at most.
    pub overtaken_most: u32,
    /// Jain's index of fairness among the jobs that came in the same second, in the mean: of their wait and ordinary work.
    /// 1: all waited as long.
    pub jain: f64,
    /// How many of the jobs got a slot of another partition than their own.
    pub stolen: f64,
    /// Looks at other partitions, for each job.
    pub probes: f64,
    /// How many slots were held at once at most.
    pub most_held: u32,
    /// How many jobs never began.
    pub lost: u32,
}

/// What is added up meanwhile.
pub(super) struct Meters {
    /// How many work now.
    pub(super) held: u32,
    pub(super) stolen: u64,
    pub(super) probes: u64,
    most_held: u32,
    /// When the last event was.
    last: u64,
    /// When the last job came.
    end: u64,
    /// How long a job works in the mean.
    work: u64,
    /// Slots by microseconds.
    held_time: u64,
    idle_time: u64,
}

impl Meters {
    pub(super) fn new(end: u64, work: u64) -> Meters {
        let (held, stolen, probes, most_held, last, held_time, idle_time) = (0, 0, 0, 0, 0, 0, 0);
        Meters { held, stolen, probes, most_held, last, end, work, held_time, idle_time }
    }

    /// Time passes until the next event.
    pub(super) fn pass(&mut self, now: u64, partitions: &[Partition]) {
        let within = now.min(self.end).saturating_sub(self.last.max(WARM_UP));
        if within > 0 {
            let free: u64 = partitions.iter().map(|partition| u64::from(partition.free)).sum();
            let waiting: u64 = partitions.iter().map(|partition| partition.queue.len() as u64).sum();
            self.held_time += within * u64::from(self.held);
            self.idle_time += within * free.min(waiting);
        }
        self.most_held = self.most_held.max(self.held);
        self.last = now;
    }

    pub(super) fn measured(&self, jobs: &[SplitJob], limit: u32) -> Measured {
        let window = self.end.saturating_sub(WARM_UP).max(1) as f64;
        let slots = window * f64::from(limit);
        let started = jobs.iter().filter_map(|job| job.started);
        let begun = started.filter(|at| (WARM_UP..self.end).contains(at)).count();
        let mut waits: Vec<u64> = jobs.iter().filter_map(wait).collect();
        waits.sort_unstable();
        let percentile = |of: usize| waits.get(waits.len() * of / 100).map_or(0.0, |wait| seconds(*wait));
        let overtaken = overtaken(jobs);
        let each = |count: u64| count as f64 / jobs.len().max(1) as f64;
        Measured {
            jobs_per_second: begun as f64 / (window / SECOND as f64),
            utilisation: self.held_time as f64 / slots,
            idle: self.idle_time as f64 / slots,
            wait_p50: percentile(50),
            wait_p99: percentile(99),
            overtaken: each(overtaken.iter().map(|count| u64::from(*count)).sum()),
            overtaken_most: overtaken.iter().copied().max().unwrap_or(0),
            jain: self.jain(jobs),
            stolen: each(self.stolen),
            probes: each(self.probes),
            most_held: self.most_held,
            lost: u32::try_from(jobs.len() - waits.len()).unwrap_or(u32::MAX),
        }
    }

    /// The mean of Jain's index over the seconds in which jobs came.
    fn jain(&self, jobs: &[SplitJob]) -> f64 {
        let (mut sum, mut seconds_with_jobs) = (0.0, 0.0);
        for together in jobs.chunk_by(|one, next| one.asked / SECOND == next.asked / SECOND) {
            let times = || together.iter().filter_map(wait).map(|wait| seconds(wait + self.work));
            let (total, squares) = times().fold((0.0, 0.0), |(sum, squares), time| (sum + time, squares + time * time));
            if squares > 0.0 {
                sum += total * total / (times().count() as f64 * squares);
                seconds_with_jobs += 1.0;
            }
        }
        if seconds_with_jobs > 0.0 { sum / seconds_with_jobs } else { 1.0 }
    }
}

fn wait(job: &SplitJob) -> Option<u64> {
    job.started.map(|at| at - job.asked)
}

fn seconds(microseconds: u64) -> f64 {
    microseconds as f64 / SECOND as f64
}

/// By how many jobs each is overtaken that asked later and began earlier.
fn overtaken(jobs: &[SplitJob]) -> Vec<u32> {
    let mut order: Vec<usize> = (0..jobs.len()).filter(|job| jobs[*job].started.is_some()).collect();
    order.sort_by_key(|job| (jobs[*job].started, *job));
    // A Fenwick tree counts those that have begun, by when they asked.
    let mut tree = vec![0u32; jobs.len() + 1];
    let mut counts = vec![0; jobs.len()];
    for (begun, job) in (0u32..).zip(order) {
        let (mut asked_before, mut at) = (0, job + 1);
        while at > 0 {
            asked_before += tree[at];
            at &= at - 1;
        }
        counts[job] = begun - asked_before;
        at = job + 1;
        while at < tree.len() {
            tree[at] += 1;
            at += at & at.wrapping_neg();
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asked_later_and_began_earlier_overtakes() {
        let job = |asked, started| SplitJob { asked, work: 1, started: Some(started) };
        assert_eq!(overtaken(&[job(0, 9), job(1, 3), job(2, 4), job(3, 10)]), [2, 0, 0, 0]);
    }

    #[test]
    fn waits_of_the_same_length_are_fair() {
        let job = |wait| SplitJob { asked: 0, work: 1, started: Some(wait) };
        let meters = Meters::new(0, SECOND);
        assert!((meters.jain(&[job(5), job(5)]) - 1.0).abs() < 1e-9);
        // 1 s and 3 s in all: 16 / (2 x 10).
        assert!((meters.jain(&[job(0), job(2 * SECOND)]) - 0.8).abs() < 1e-9);
    }
}
