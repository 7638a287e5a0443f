//! Split pools: what if one pool lay on several partitions? A sketch to be measured, and no part of the protocol.
//!
//! A pool of one partition takes as many jobs a second as the partition takes writes. Here its limit is shared out over
//! several partitions, each with its own slots and its own queue, so that the limit holds whatever they know of each
//! other. What is lost is one order for all: slots may be free in one partition while jobs wait in another, and whoever
//! waits behind fewer others is served sooner. How callers choose a partition, and who takes a free slot from elsewhere,
//! is a [`SplitWay`].
//!
//! Simulated: each decision is made on what the partitions hold at that moment, then takes its round trips and waits for
//! its turn at the partition, which serves so many write units a second. What a write takes is what the protocol's second
//! edition may take: 4 units to claim a slot, 1 to free it, 2 to join a queue, 7 to hand a slot over and tell who has it
//! (from one partition to another: 3 and 4).

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::rng::Rng;
use measured::Meters;

mod measured;
mod scaling_report;

pub use measured::Measured;
pub use scaling_report::{PARTITIONS, TRIED, runs, scaling_report};

/// A second, in microseconds.
const SECOND: u64 = 1_000_000;
/// One round trip to the table, in microseconds.
const TRIP: u64 = 5_000;
/// The time between two sweeps of a partition, in microseconds.
const SWEEP: u64 = 60 * SECOND;
/// How many other partitions are looked at by whoever finds nothing in its own.
const PROBES: usize = 2;

const CLAIM: u64 = 4;
const FREE: u64 = 1;
const JOIN: u64 = 2;
const HAND_OVER: u64 = 7;
/// Of a hand-over to another partition: at the slot's, and at the waiter's.
const HAND_ACROSS: [u64; 2] = [3, 4];

/// How callers choose a partition, and who takes a free slot from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitWay {
    /// A job's hash says which partition it asks; each partition is on its own.
    Hash,
    /// The same; but who gives back and finds nobody waiting looks at two other queues, and who joins a queue looks for a
    /// free slot in two other partitions, for the first of its queue.
    Steal,
    /// As `Steal`; and a job has two hashes and asks the partition that is better off.
    TwoChoices,
    /// As `Steal`; and who gives back always looks at one other queue: the slot goes to whoever has waited longest of
    /// the two.
    OlderOfTwo,
}

impl SplitWay {
    /// All of them.
    pub const ALL: [SplitWay; 4] = [SplitWay::Hash, SplitWay::Steal, SplitWay::TwoChoices, SplitWay::OlderOfTwo];

    /// Its name for a person.
    pub fn name(self) -> &'static str {
        match self {
            SplitWay::Hash => "hash",
            SplitWay::Steal => "hash, steal",
            SplitWay::TwoChoices => "two choices, steal",
            SplitWay::OlderOfTwo => "hash, older of two",
        }
    }

    fn steals(self) -> bool {
        self != SplitWay::Hash
    }
}

/// A pool on several partitions, and what is asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SplitPool {
    /// How many partitions.
    pub partitions: u32,
    /// The limit of all of them together; each has an equal part.
    pub limit: u32,
    /// How they work together.
    pub way: SplitWay,
    /// How long a job works in the mean, in microseconds; the times are spread exponentially.
    pub work: u64,
    /// How many jobs come, in percent of what the slots could take. They come at random.
    pub load: u32,
    /// How many jobs come in all.
    pub jobs: u32,
    /// How many write units a partition serves a second; none: any number.
    pub write_units: Option<u64>,
    /// Where chance begins.
    pub seed: u64,
}

impl SplitPool {
    /// Plays it to its end.
    pub fn play(self) -> Measured {
        let mut run = Run::new(self);
        while let Some(Reverse((at, _, event))) = run.events.pop() {
            run.meters.pass(at, &run.partitions);
            run.now = at;
            run.happen(event);
        }
        run.meters.measured(&run.jobs, self.limit)
    }
}

/// One job.
#[derive(Clone, Copy, Debug)]
struct SplitJob {
    /// When it asks.
    asked: u64,
    /// How long it works.
    work: u64,
    /// When it begins to work; none: it never did.
    started: Option<u64>,
}

/// One partition.
#[derive(Clone, Debug)]
struct Partition {
    /// How many of its slots nobody holds, and nobody is being given.
    free: u32,
    /// Who waits, by the number of the job; jobs are numbered as they ask.
    queue: VecDeque<u32>,
    /// Until when it is at work on the writes so far.
    busy_until: u64,
}

/// What happens. The partition is where the slot lies, or whose queue it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum SplitEvent {
    Ask(u32),
    Joined(u32, usize),
    Start(u32, usize),
    End(usize),
    Freed(usize),
    Sweep(usize),
}

struct Run {
    pool: SplitPool,
    now: u64,
    events: BinaryHeap<Reverse<(u64, u64, SplitEvent)>>,
    scheduled: u64,
    rng: Rng,
    partitions: Vec<Partition>,
    jobs: Vec<SplitJob>,
    /// How many jobs have not begun to work.
    open: u32,
    meters: Meters,
}

impl Run {
    fn new(pool: SplitPool) -> Run {
        let free = pool.limit / pool.partitions;
        let partition = Partition { free, queue: VecDeque::new(), busy_until: 0 };
        let mut arrivals = Rng::new(pool.seed);
        let mut works = arrivals.keyed(1);
        let gap = pool.work * 100 / (u64::from(pool.limit) * u64::from(pool.load));
        let mut asked = 0;
        let mut job = || {
            asked += arrivals.gap(gap);
            SplitJob { asked, work: works.gap(pool.work), started: None }
        };
        let jobs: Vec<SplitJob> = (0..pool.jobs).map(|_| job()).collect();
        let mut run = Run {
            pool,
            now: 0,
            events: BinaryHeap::new(),
            scheduled: 0,
            rng: arrivals.keyed(2),
            partitions: vec![partition; pool.partitions as usize],
            open: pool.jobs,
            meters: Meters::new(jobs.last().map_or(0, |job| job.asked), pool.work),
            jobs,
        };
        for (number, at) in (0..).zip(run.jobs.iter().map(|job| job.asked).collect::<Vec<_>>()) {
            run.schedule(at, SplitEvent::Ask(number));
        }
        for partition in 0..run.partitions.len() {
            let first = SWEEP * (partition as u64 + 1) / run.partitions.len() as u64;
            run.schedule(first, SplitEvent::Sweep(partition));
        }
        run
    }

    fn schedule(&mut self, at: u64, event: SplitEvent) {
        self.events.push(Reverse((at, self.scheduled, event)));
        self.scheduled += 1;
    }

    /// When a write is done that is sent after one look.
    fn write(&mut self, partition: usize, units: u64) -> u64 {
        let sent = self.now + TRIP;
        let partition = &mut self.partitions[partition];
        let Some(rate) = self.pool.write_units else { return sent + TRIP };
        partition.busy_until = partition.busy_until.max(sent) + units * SECOND / rate;
        partition.busy_until + TRIP
    }

    fn happen(&mut self, event: SplitEvent) {
        match event {
            SplitEvent::Ask(job) => self.ask(job),
            SplitEvent::Joined(job, home) => {
                self.partitions[home].queue.push_back(job);
                self.settle(home);
                if self.pool.way.steals() {
                    self.seek_slot(home);
                }
            }
            SplitEvent::Start(job, at) => {
                let started = &mut self.jobs[job as usize];
                started.started = Some(self.now);
                let end = self.now + started.work;
                self.open -= 1;
                self.meters.held += 1;
                self.schedule(end, SplitEvent::End(at));
            }
            SplitEvent::End(at) => {
                self.meters.held -= 1;
                self.give_back(at);
            }
            SplitEvent::Freed(at) => {
                self.partitions[at].free += 1;
                self.settle(at);
            }
            SplitEvent::Sweep(at) => self.sweep(at),
        }
    }

    fn ask(&mut self, job: u32) {
        let home = self.home(job);
        if self.partitions[home].queue.is_empty() && self.partitions[home].free > 0 {
            self.partitions[home].free -= 1;
            let at = self.write(home, CLAIM);
            self.schedule(at, SplitEvent::Start(job, home));
        } else {
            let at = self.write(home, JOIN);
            self.schedule(at, SplitEvent::Joined(job, home));
        }
    }

    /// The partition that a job asks.
    fn home(&mut self, job: u32) -> usize {
        let mut hash = Rng::new(self.pool.seed).keyed(3).keyed(job.into());
        let [one, other] = [(); 2].map(|()| hash.choice(self.partitions.len()));
        if self.pool.way != SplitWay::TwoChoices {
            return one;
        }
        let room = |at: usize| i64::from(self.partitions[at].free) - self.partitions[at].queue.len() as i64;
        if room(other) > room(one) { other } else { one }
    }

    /// Free slots of a partition go to the first of its own queue.
    fn settle(&mut self, at: usize) {
        while self.partitions[at].free > 0 && !self.partitions[at].queue.is_empty() {
            self.partitions[at].free -= 1;
            self.hand_over(at, at);
        }
    }

    /// The slot at the one partition goes to the first in the queue of the other. It is nobody's meanwhile.
    fn hand_over(&mut self, slot: usize, queue: usize) {
        let Some(job) = self.partitions[queue].queue.pop_front() else { return };
        let at = if slot == queue {
            self.write(slot, HAND_OVER)
        } else {
            self.meters.stolen += 1;
            let [there, here] = HAND_ACROSS;
            self.write(slot, there).max(self.write(queue, here))
        };
        self.schedule(at, SplitEvent::Start(job, slot));
    }

    /// Some of the other partitions.
    fn others(&mut self, than: usize, many: usize) -> Vec<usize> {
        let others = self.partitions.len() - 1;
        let mut chosen: Vec<usize> = Vec::new();
        while chosen.len() < many.min(others) {
            let one = self.rng.choice(others);
            let one = if one >= than { one + 1 } else { one };
            if !chosen.contains(&one) {
                chosen.push(one);
            }
        }
        self.meters.probes += chosen.len() as u64;
        chosen
    }

    /// Who joined a queue looks for a free slot elsewhere, for the first of that queue.
    fn seek_slot(&mut self, home: usize) {
        if self.partitions[home].queue.is_empty() {
            return;
        }
        let others = self.others(home, PROBES);
        let free = |at: &usize| self.partitions[*at].free > 0 && self.partitions[*at].queue.is_empty();
        if let Some(at) = others.into_iter().find(free) {
            self.partitions[at].free -= 1;
            self.hand_over(at, home);
        }
    }

    /// A job gives its slot back: to whom?
    fn give_back(&mut self, at: usize) {
        let own = self.partitions[at].queue.front().copied();
        let to = match (self.pool.way, own) {
            (SplitWay::OlderOfTwo, Some(own)) => {
                let other = self.others(at, 1).into_iter().next();
                let older = |other: &usize| self.partitions[*other].queue.front().is_some_and(|first| *first < own);
                Some(other.filter(older).unwrap_or(at))
            }
            (_, Some(_)) => Some(at),
            (SplitWay::Hash, None) => None,
            (_, None) => self.others(at, PROBES).into_iter().find(|other| !self.partitions[*other].queue.is_empty()),
        };
        match to {
            Some(queue) => self.hand_over(at, queue),
            None => {
                let freed = self.write(at, FREE);
                self.schedule(freed, SplitEvent::Freed(at));
            }
        }
    }

    /// What is free although someone waits is granted; where slots may be taken from elsewhere, to any partition.
    fn sweep(&mut self, at: usize) {
        self.settle(at);
        while self.pool.way.steals() && self.partitions[at].free > 0 {
            let waits = self.partitions.iter().position(|other| !other.queue.is_empty());
            let Some(queue) = waits else { break };
            self.partitions[at].free -= 1;
            self.hand_over(at, queue);
        }
        if self.open > 0 {
            self.schedule(self.now + SWEEP, SplitEvent::Sweep(at));
        }
    }
}
