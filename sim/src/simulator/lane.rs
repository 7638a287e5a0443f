//! What happens next behind one door? A queue of what is due, carried out one by one in the order of time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use leasehold_core::machine::Outcome;
use leasehold_core::nouns::{Millis, Prefix};
use leasehold_core::settings::Settings;
use leasehold_core::table::{HolderState, Row};

use super::arrivals::{Arrival, Arrivals};
use super::call::{Call, CallPurpose};
use super::draws::{Draw, Draws, mix};
use super::job::{Job, Phase};
use super::pool::Pool;
use super::request_capture::RequestCapture;
use super::request_log::{ReplySummary, RequestEffect};
use super::scenario::{Act, Scenario};
use super::sim_event::{SimEvent, SimEventKind};
use super::slab_map::SlabMap;
use crate::count_then_put::expires_at;
use crate::table::MemoryTable;

/// What the clocks show at the start: late enough that no clock is ever before zero.
pub(crate) const BEGIN: u64 = 1_000_000_000;

/// After how long a workflow tries again what failed.
pub(crate) const RETRY: u64 = 1_000_000;

/// From so many jobs in flight on, those who come are turned away.
const MOST_IN_FLIGHT: usize = 10_000;

/// How many of the newest requests are kept.
const RECENT: usize = 256;

/// How long a lease row that expired stays in the table (count, then put), in milliseconds: its TTL takes it later.
const TTL: u64 = 60_000;

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EventKind {
    /// The next job comes.
    Arrive,
    /// Something of a job's.
    JobTimer { job: u32, epoch: u32, what: JobTimer },
    /// A call begins.
    Begin { call: u32 },
    /// Something that a call sent gets there.
    There { call: u32, round: u32, at: u16 },
    /// Its answer is back, or is waited for no longer.
    Here { call: u32, round: u32, at: u16 },
    /// A call has taken as long as it may.
    Timeout { call: u32 },
    /// What a call came to gets to its workflow.
    Back { call: u32 },
    /// The pool is swept.
    Sweep { pool: usize },
    /// A dead job's end is reported.
    Report { job: u32 },
    /// Everybody follows a lowered limit.
    Followed { pool: usize },
    /// An operator tries again.
    Operator { pool: usize },
}

/// What a job is reminded of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum JobTimer {
    Ask,
    Renew,
    WorkOver,
    RunsOut,
    Dies,
    Release,
}

/// One request in a few words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestEntry {
    pub(crate) number: u64,
    pub(crate) pool: usize,
    pub(crate) duty: CallPurpose,
    pub(crate) does: RequestEffect,
    pub(crate) asked: u64,
    pub(crate) served: Option<u64>,
    pub(crate) replied: Option<u64>,
    pub(crate) answered: Option<ReplySummary>,
}

/// What was used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) reads: u64,
    pub(crate) writes: u64,
    pub(crate) transactions: u64,
    pub(crate) refused: u64,
    pub(crate) throttled: u64,
    pub(crate) lost: u64,
    pub(crate) notices: u64,
    pub(crate) read_units: u64,
    pub(crate) write_units: u64,
    pub(crate) transitions: u64,
}

/// One door: a strategy, with its own table.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pub(crate) which: usize,
    pub(crate) scenario: Arc<Scenario>,
    pub(crate) draws: Draws,
    pub(crate) now: u64,
    due: BinaryHeap<Reverse<(u64, u64, EventKind)>>,
    order: u64,
    arrivals: Arrivals,
    next: Option<Arrival>,
    pub(crate) arrived: u64,
    pub(crate) turned_away: u64,
    pub(crate) pools: Vec<Pool>,
    pub(crate) jobs: SlabMap<Job>,
    pub(crate) calls: SlabMap<Call>,
    pub(crate) ended: SlabMap<(CallPurpose, Outcome)>,
    pub(crate) next_call: u32,
    /// How many calls each pool made of sweeps, ends and changes.
    pub(crate) pool_calls: Vec<[u32; 3]>,
    pub(crate) next_request: u64,
    /// The request that was served last, by the page's number.
    pub(crate) last_served: Option<u64>,
    pub(crate) recent: VecDeque<RequestEntry>,
    pub(crate) used: Usage,
    /// Replies and requests that are to be lost: of this job, or of the next that comes.
    pub(crate) drop_replies: Vec<Option<u32>>,
    pub(crate) drop_requests: Vec<Option<u32>>,
    pub(crate) chain: u64,
    pub(crate) happened: u64,
    pub(crate) said: Vec<SimEvent>,
    pub(crate) watch: Option<Box<RequestCapture>>,
}

impl Lane {
    pub(crate) fn new(which: usize, scenario: &Arc<Scenario>) -> Lane {
        let mut arrivals = Arrivals::new(scenario);
        let next = arrivals.take_next(scenario);
        let pool = |at: usize| {
            let row = scenario.pool_row(at);
            let prefix: Prefix = scenario.pools[at].prefix.clone();
            let mut settings = Settings::from_rows(prefix.clone(), &row, None)
                .unwrap_or_else(|_| Settings::new(prefix.clone(), scenario.pools[at].limit));
            scenario.keep_tombstones(&mut settings);
            let mut table = MemoryTable::default();
            table.put(Row::Pool(row));
            Pool::new(prefix, settings, table)
        };
        let mut door = Lane {
            which,
            scenario: scenario.clone(),
            draws: Draws(scenario.seed),
            now: 0,
            due: BinaryHeap::new(),
            order: 0,
            arrivals,
            next,
            arrived: 0,
            turned_away: 0,
            pools: (0..scenario.pools.len()).map(pool).collect(),
            jobs: SlabMap::default(),
            calls: SlabMap::default(),
            ended: SlabMap::default(),
            next_call: 0,
            pool_calls: vec![[0; 3]; scenario.pools.len()],
            next_request: 0,
            last_served: None,
            recent: VecDeque::new(),
            used: Usage::default(),
            drop_replies: vec![],
            drop_requests: vec![],
            chain: 0,
            happened: 0,
            said: vec![],
            watch: None,
        };
        if let Some(next) = next {
            door.at(next.at, EventKind::Arrive);
        }
        for pool in 0..door.pools.len() {
            door.at(scenario.leases.sweep_every, EventKind::Sweep { pool });
        }
        door
    }

    /// Whether this door counts, then puts.
    pub(crate) fn counts(&self) -> bool {
        self.which == 0
    }

    /// A clock that is so far ahead, as a caller reads it.
    pub(crate) fn clock(&self, skew: i64) -> Millis {
        Millis(BEGIN + self.now.saturating_add_signed(skew + 600_000_000) / 1_000 - 600_000)
    }

    /// When, in microseconds since the start, a clock that is so far ahead will show this.
    pub(crate) fn when(&self, shown: Millis, skew: i64) -> u64 {
        (shown.0.saturating_sub(BEGIN) * 1_000).saturating_add_signed(-skew)
    }

    pub(crate) fn at(&mut self, at: u64, due: EventKind) {
        self.order += 1;
        self.due.push(Reverse((at.max(self.now), self.order, due)));
    }

    pub(crate) fn say(&mut self, pool: usize, what: SimEventKind) {
        let door = Some(self.which);
        self.said.push(SimEvent { seq: 0, at_ms: ms(self.now), door, pool: Some(pool), again: false, what });
    }

    /// When the next thing is due.
    pub(crate) fn next_due(&self) -> Option<u64> {
        self.due.peek().map(|Reverse((at, _, _))| *at)
    }

    /// Whether nothing will ever happen any more but sweeps of what is in order.
    pub(crate) fn is_over(&self) -> bool {
        self.next.is_none() && self.jobs.is_empty() && self.calls.is_empty()
    }

    /// Digests something that happened.
    pub(crate) fn mark(&mut self, what: u64) {
        self.chain = mix(self.chain ^ what);
    }

    /// Does the next thing.
    pub(crate) fn go_on(&mut self) {
        let Some(Reverse((at, _, due))) = self.due.pop() else { return };
        self.now = at;
        self.happened += 1;
        let (kind, of) = match due {
            EventKind::Arrive => (0, u64::from(self.next.map_or(0, |next| next.number))),
            EventKind::JobTimer { job, what, .. } => (1 + ((what as u64) << 8), job.into()),
            EventKind::Begin { call } => (2, call.into()),
            EventKind::There { call, at, .. } => (3 + (u64::from(at) << 8), call.into()),
            EventKind::Here { call, at, .. } => (4 + (u64::from(at) << 8), call.into()),
            EventKind::Timeout { call } => (5, call.into()),
            EventKind::Back { call } => (6, call.into()),
            EventKind::Sweep { pool } => (7, pool as u64),
            EventKind::Report { job } => (8, job.into()),
            EventKind::Followed { pool } => (9, pool as u64),
            EventKind::Operator { pool } => (10, pool as u64),
        };
        self.mark(mix(at ^ (kind << 48)) ^ of);
        match due {
            EventKind::Arrive => self.arrive(),
            EventKind::JobTimer { job, epoch, what } => self.remind(job, epoch, what),
            EventKind::Begin { call } => self.begin(call),
            EventKind::There { call, round, at } => self.there(call, round, at.into()),
            EventKind::Here { call, round, at } => self.here(call, round, at.into()),
            EventKind::Timeout { call } => self.call_dies(call),
            EventKind::Back { call } => self.back(call),
            EventKind::Sweep { pool } => self.sweep(pool),
            EventKind::Report { job } => self.report(job),
            EventKind::Followed { pool } => self.pools[pool].ratchet(at),
            EventKind::Operator { pool } => self.call(pool, CallPurpose::Limit, 0),
        }
    }

    fn arrive(&mut self) {
        let Some(arrival) = self.next.take() else { return };
        self.next = self.arrivals.take_next(&self.scenario);
        if let Some(next) = self.next {
            self.at(next.at, EventKind::Arrive);
        }
        self.arrived += 1;
        if self.jobs.len() >= MOST_IN_FLIGHT {
            self.turned_away += 1;
            return;
        }
        let shape = &self.scenario.workloads[arrival.workload];
        let (name, pool) = (shape.name.clone(), shape.pool);
        let Some(holder) = self.pools[pool].holder(&format!("{name}:{}", arrival.number), self.counts()) else {
            return;
        };
        let skew = self.draws.clock(self.scenario.skew, Draw::WorkerClock, [arrival.number.into(), 0, 0]);
        if self.which == 0 {
            let what = SimEventKind::Arrived { job: arrival.number, workload: arrival.workload };
            self.said.push(SimEvent { seq: 0, at_ms: ms(self.now), door: None, pool: Some(pool), again: false, what });
        }
        self.jobs.add(
            arrival.number,
            Job {
                number: arrival.number,
                workload: arrival.workload,
                pool,
                holder,
                arrived: self.now,
                work: arrival.work,
                dies_after: arrival.dies_after,
                skew,
                phase: Phase::Asking,
                since: self.now,
                until: None,
                epoch: 0,
                entered: Millis(0),
                retry: 0,
                task: 0,
                task_open: false,
                lease: None,
                holds: false,
                cell: None,
                waited: None,
                counted: None,
                lost: false,
                dead: false,
                waits: false,
                calls: [0; 3],
                requests: 0,
            },
        );
        self.ask(arrival.number, false);
    }

    /// A sweep begins, and what the table's TTL collects is collected.
    fn sweep(&mut self, pool: usize) {
        self.at(self.now + self.scenario.leases.sweep_every, EventKind::Sweep { pool });
        let now = self.clock(0);
        let lease = Millis(self.scenario.leases.lease / 1_000);
        let counts = self.counts();
        self.pools[pool].table.retain(|row| match row {
            Row::Holder(row) if counts => expires_at(row, lease).is_none_or(|at| now < at + Millis(TTL)),
            Row::Holder(row) => !matches!(row.state, HolderState::Ended { ttl } if ttl <= now),
            _ => true,
        });
        if !counts {
            self.call(pool, CallPurpose::Sweep, 0);
        }
    }

    /// Somebody does something.
    pub(crate) fn act(&mut self, at: u64, act: Act) {
        self.now = at;
        let mine = |door: Option<usize>| door.is_none_or(|door| door == self.which);
        match act {
            Act::Limit { pool, limit } => {
                let from = self.pools[pool].limit;
                self.pools[pool].limit_asked(at, limit);
                self.say(pool, SimEventKind::Limit { from, to: limit.count(), step: "asked" });
                if self.counts() {
                    let settings = Settings { limit, ..(*self.pools[pool].settings_now()).clone() };
                    self.pools[pool].follow(at, settings);
                    self.limit_made(pool);
                } else {
                    self.call(pool, CallPurpose::Limit, self.scenario.network.invoke);
                }
            }
            Act::Kill { door, job } if mine(door) => {
                let longest = || {
                    let oldest = |holds: bool| {
                        self.jobs.all().filter(move |job| !job.dead && job.holds == holds).min_by_key(|job| job.since)
                    };
                    oldest(true).or_else(|| oldest(false)).map(|job| job.number)
                };
                if let Some(job) = job.or_else(longest) {
                    self.die(job);
                }
            }
            Act::DropReply { door, job } if mine(door) => self.drop_replies.push(job),
            Act::DropRequest { door, job } if mine(door) => self.drop_requests.push(job),
            _ => {}
        }
        self.mark(at);
    }

    /// The limit is changed: the ceiling stays until everybody surely follows.
    pub(crate) fn limit_made(&mut self, pool: usize) {
        let leases = &self.scenario.leases;
        let followed = self.now + 2 * leases.quiet + leases.grace + leases.cache;
        self.pools[pool].limit_made(followed);
        self.at(followed, EventKind::Followed { pool });
    }

    /// Keeps a request in a few words.
    pub(crate) fn note(&mut self, brief: RequestEntry) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(brief);
    }

    /// The words kept of a request, if they still are.
    pub(crate) fn noted(&mut self, number: u64) -> Option<&mut RequestEntry> {
        let first = self.recent.front()?.number;
        let at = usize::try_from(number.checked_sub(first)?).ok()?;
        self.recent.get_mut(at)
    }
}

/// Microseconds as milliseconds.
pub(crate) fn ms(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}
