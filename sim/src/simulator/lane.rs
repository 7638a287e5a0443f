//! Lanes: what happens to the jobs of one strategy? A queue of events, carried out one by one in the order of time.
//!
//! A lane is an event queue, a network, a fleet of jobs and an observer; its calls; and its pools with their tables.
//! All lanes of a simulation get the same jobs at the same times.

use std::sync::Arc;

use leasehold_core::{Lowered, Millis, Settings, Timestamp};

use super::call::{CallPurpose, Calls};
use super::clock;
use super::draws::{Draw, Draws};
use super::event_queue::{EventKind, EventQueue};
use super::fleet::Fleet;
use super::job::{Job, Phase};
use super::network::{Network, Way};
use super::observer::LaneObserver;
use super::pool::Pool;
use super::scenario::{Act, Scenario};
use super::sim_event::SimEventKind;
use crate::rng::mix;
use crate::strategy::Strategy;

/// One strategy at work.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pub(crate) strategy: Strategy,
    pub(crate) scenario: Arc<Scenario>,
    pub(crate) draws: Draws,
    pub(crate) queue: EventQueue,
    pub(crate) network: Network,
    pub(crate) fleet: Fleet,
    pub(crate) calls: Calls,
    pub(crate) pools: Vec<Pool>,
    pub(crate) observer: LaneObserver,
}

impl Lane {
    pub(crate) fn new(strategy: Strategy, scenario: &Arc<Scenario>) -> Lane {
        let pools = scenario.pools.len();
        let mut lane = Lane {
            strategy,
            scenario: scenario.clone(),
            draws: Draws(scenario.seed),
            queue: EventQueue::default(),
            network: Network::new(scenario),
            fleet: Fleet::new(scenario),
            calls: Calls::new(pools),
            pools: (0..pools).map(|number| Pool::new(scenario, number)).collect(),
            observer: LaneObserver::new(strategy, scenario),
        };
        lane.expect_job();
        for pool in 0..pools {
            lane.queue.at(scenario.leases.sweep_every, EventKind::SweepBegins { pool });
        }
        lane
    }

    /// A clock that is so far ahead, as a caller reads it.
    pub(crate) fn clock(&self, skew: i64) -> Timestamp {
        clock::shown(self.queue.now(), skew)
    }

    /// How long a lease lasts here.
    pub(crate) fn lease_length(&self) -> Millis {
        Millis(self.scenario.leases.lease / 1_000)
    }

    /// Something happened, for an onlooker to be told.
    pub(crate) fn say(&mut self, pool: usize, what: SimEventKind) {
        self.observer.say(self.queue.now(), pool, what);
    }

    /// Whether nothing will ever happen any more but sweeps of what is in order.
    pub(crate) fn is_over(&self) -> bool {
        self.fleet.is_over() && self.calls.under_way.is_empty()
    }

    /// Does the next thing.
    pub(crate) fn go_on(&mut self) {
        let Some(event) = self.queue.take_next() else { return };
        self.observer.happened += 1;
        let (kind, about) = event.digested();
        let about = about.unwrap_or_else(|| self.fleet.next().map_or(0, |next| next.number.into()));
        self.observer.mark(mix(self.queue.now() ^ (kind << 48)) ^ about);
        match event {
            EventKind::JobArrives => self.job_arrives(),
            EventKind::JobTimer { job, epoch, timer } => self.remind(job, epoch, timer),
            EventKind::CallBegins { call } => self.call_begins(call),
            EventKind::RequestArrives { call, round, at } => self.request_arrives(call, round, at.into()),
            EventKind::ReplyArrives { call, round, at } => self.reply_arrives(call, round, at.into()),
            EventKind::CallTimesOut { call } => self.call_dies(call),
            EventKind::OutcomeArrives { call } => self.outcome_arrives(call),
            EventKind::SweepBegins { pool } => self.sweep_begins(pool),
            EventKind::EndReported { job } => self.end_reported(job),
            EventKind::LimitFollowed { pool } => self.limit_followed(pool),
            EventKind::LimitRetried { pool } => self.call(pool, CallPurpose::Limit, 0),
        }
    }

    /// The next job is to come when it comes.
    fn expect_job(&mut self) {
        if let Some(next) = self.fleet.next() {
            self.queue.at(next.at, EventKind::JobArrives);
        }
    }

    fn job_arrives(&mut self) {
        let Some(arrival) = self.fleet.take_next(&self.scenario) else { return };
        self.expect_job();
        if !self.fleet.admits() {
            return;
        }
        let shape = &self.scenario.workloads[arrival.workload];
        let (pool, execution) = (shape.pool, format!("{}:{}", shape.name, arrival.number));
        let Some(holder) = self.pools[pool].holder(&execution, self.strategy) else { return };
        let (number, now) = (arrival.number, self.queue.now());
        let skew = self.draws.of(Draw::WorkerClock, [number.into(), 0, 0]).clock_offset(self.scenario.skew);
        let what = SimEventKind::Arrived { job: number, workload: arrival.workload };
        self.observer.say_for_all(now, pool, what);
        self.fleet.jobs.add(number, Job::new(&arrival, pool, holder, skew));
        self.ask(number, false);
    }

    /// A sweep begins, and what the table's TTL collects is collected.
    fn sweep_begins(&mut self, pool: usize) {
        self.queue.after(self.scenario.leases.sweep_every, EventKind::SweepBegins { pool });
        let (strategy, now) = (self.strategy, self.clock(0));
        self.pools[pool].table.retain(|row| strategy.ttl_keeps(row, now));
        if self.strategy.has_manager() {
            self.call(pool, CallPurpose::Sweep, 0);
        }
    }

    /// Somebody does something.
    pub(crate) fn act(&mut self, at: u64, act: Act) {
        self.queue.is_at(at);
        let mine = |lane: Option<Strategy>| lane.is_none_or(|lane| lane == self.strategy);
        match act {
            Act::Limit { pool, limit } => {
                let from = self.observer.pools[pool].limit;
                self.say(pool, SimEventKind::Limit { from, to: limit.count(), step: "asked" });
                if self.strategy.has_manager() {
                    self.pools[pool].operator.wish = limit;
                    self.operate(pool);
                } else {
                    self.pools[pool].follow_limit(at, limit);
                    self.observer.pools[pool].limit_in_force(at, limit);
                    self.limit_made(pool);
                }
            }
            Act::Kill { lane, job } if mine(lane) => {
                if let Some(job) = job.or_else(|| self.fleet.oldest()) {
                    self.die(job);
                }
            }
            Act::DropReply { lane, job } if mine(lane) => self.network.drop_next(Way::Back, job),
            Act::DropRequest { lane, job } if mine(lane) => self.network.drop_next(Way::There, job),
            Act::Kill { .. } | Act::DropReply { .. } | Act::DropRequest { .. } => {}
        }
        self.observer.mark(at);
    }

    /// The operator changes the limit to what was wished last, unless a change is under way already: its end sees to it.
    pub(crate) fn operate(&mut self, pool: usize) {
        if !std::mem::replace(&mut self.pools[pool].operator.busy, true) {
            self.call(pool, CallPurpose::Limit, self.network.invoke());
        }
    }

    /// The limit is changed: the ceiling stays until everybody follows. Leasehold has a bound for that, until which it
    /// settles; who counts, then puts, has none, and follows as soon as no cache has the old limit.
    pub(crate) fn limit_made(&mut self, pool: usize) {
        let now = self.queue.now();
        let followed = match self.strategy {
            Strategy::CountThenPut => now + self.scenario.leases.cache,
            Strategy::Leasehold => {
                let followed = now + self.followed_within(self.pools[pool].settings_now());
                self.observer.pools[pool].limit_made(followed);
                followed
            }
        };
        self.queue.at(followed, EventKind::LimitFollowed { pool });
    }

    /// Everybody follows a change of the limit now, unless a caller is still under way that began by the one before.
    fn limit_followed(&mut self, pool: usize) {
        /// How soon it is looked again whether it is, in microseconds.
        const AGAIN: u64 = 10_000;
        let now = self.queue.now();
        if self.strategy == Strategy::CountThenPut {
            if self.may_follow_more(pool, now) {
                // A newer change sees to it itself.
                return;
            }
            let asks = |job: &&Job| job.pool == pool && job.phase == Phase::Asking;
            if self.fleet.jobs.all().filter(asks).any(|job| self.may_follow_more(pool, job.since)) {
                return self.queue.at(now + AGAIN, EventKind::LimitFollowed { pool });
            }
            self.observer.pools[pool].limit_made(now);
        }
        self.observer.pools[pool].ratchet(now);
    }

    /// Whether a caller that began at this moment may follow a limit that is higher than the table's.
    fn may_follow_more(&self, pool: usize, began: u64) -> bool {
        let pool = &self.pools[pool];
        pool.settings_at(began.saturating_sub(self.scenario.leases.cache)).limit > pool.settings_now().limit
    }

    /// How long after a change was made everybody surely follows it, in microseconds: what [`Settings::followed_at`]
    /// says of a change made at 0, and the settings cache, which a scenario's quiet period may be too short to contain.
    fn followed_within(&self, settings: &Settings) -> u64 {
        let quiet = settings.followed_at(Lowered { from: settings.limit, at: Timestamp(0) });
        quiet.0 * 1_000 + self.scenario.leases.cache
    }
}
