//! What does it look like? The same jobs through two doors: *count, then put*, and *leasehold*; each on a table of
//! its own with the same network, workers and clocks, every request at its own simulated time.
//!
//! A [`World`] is a function of its [`Scenario`]: the same seed plays the same, natively and in a browser, and
//! going back in time is playing it again from a moment that was kept. What leasehold's door does is done by the
//! machines of `leasehold-core`, request by request; nothing of the protocol is decided here.

mod arrivals;
mod call;
mod call_lifecycle;
mod cost;
mod describe;
mod draws;
mod frame;
mod job;
mod job_lifecycle;
mod lane;
mod observe;
mod pool;
mod presets;
mod request_capture;
mod request_log;
mod request_view;
mod scenario;
mod series;
mod sim_event;
mod slab_map;
mod statistics;
mod wait_histogram;

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::Value;

use draws::mix;
use lane::{Lane, ms};

pub use cost::{PRICES, Prices};
pub use frame::{Frame, LaneFrame, PoolFrame};
pub use presets::{Preset, presets};
pub use scenario::{Action, Field, Scenario, Wrong, fields};
pub use sim_event::{SimEvent, SimEventKind};
pub use statistics::{Dollars, LaneStatistics, PerJob, PoolStatistics, Requests, Statistics, Units};

/// The doors: `COUNT` and `LEASEHOLD`.
pub const DOORS: usize = 2;
/// The door of those who count, then put.
pub const COUNT: usize = 0;
/// The door of those who use leasehold.
pub const LEASEHOLD: usize = 1;

/// How many things that happened are kept in words.
const SAID: usize = 400;

/// How many moments are kept to go back to, at most, and how far apart they are at first, in microseconds.
const KEPT: usize = 40;
const APART: u64 = 2_000_000;

/// Everything at one moment.
#[derive(Clone, Debug)]
struct State {
    now: u64,
    doors: [Lane; DOORS],
    next_action: usize,
    said: VecDeque<Arc<SimEvent>>,
    next_said: u64,
}

/// Both doors, and all of their past.
#[derive(Clone, Debug)]
pub struct World {
    scenario: Arc<Scenario>,
    actions: Vec<Action>,
    state: State,
    /// Moments to go back to, in order; the first is the start.
    kept: Vec<State>,
    apart: u64,
    /// How far it ever ran, in microseconds.
    reached: u64,
}

/// What a step did.
#[derive(Clone, Debug, PartialEq)]
pub struct Stepped {
    /// When, in milliseconds.
    pub at_ms: f64,
    /// Behind which door.
    pub door: usize,
    /// What there is to say of it.
    pub said: Vec<Arc<SimEvent>>,
    /// The request that was served, if one was.
    pub request: Option<u64>,
}

impl State {
    /// The door behind which something is due next, and when.
    fn next(&self) -> Option<(u64, usize)> {
        let next = |which: usize| self.doors[which].next_due().map(|at| (at, which));
        (0..DOORS).filter_map(next).min()
    }

    /// Takes over what a door had to say.
    fn hear(&mut self, which: usize, again: bool) {
        for mut said in self.doors[which].said.drain(..) {
            said.seq = self.next_said;
            said.again = again;
            self.next_said += 1;
            if self.said.len() == SAID {
                self.said.pop_front();
            }
            self.said.push_back(Arc::new(said));
        }
    }
}

impl World {
    /// A world at its start.
    pub fn new(scenario: &Scenario) -> World {
        let scenario = Arc::new(scenario.clone());
        let state = State {
            now: 0,
            doors: [Lane::new(COUNT, &scenario), Lane::new(LEASEHOLD, &scenario)],
            next_action: 0,
            said: VecDeque::new(),
            next_said: 0,
        };
        let actions = scenario.actions.clone();
        World { scenario, actions, kept: vec![state.clone()], state, apart: APART, reached: 0 }
    }

    /// Its scenario, with everything that was done to it so far.
    pub fn scenario(&self) -> Scenario {
        self.scenario.with_actions(&self.actions)
    }

    /// The moment it is at, in milliseconds since the start.
    pub fn now(&self) -> f64 {
        ms(self.state.now)
    }

    /// How far it ever ran, in milliseconds.
    pub fn reached(&self) -> f64 {
        ms(self.reached)
    }

    /// Runs on until that moment, or until so many things have happened. Returns the moment it is at then.
    pub fn advance_to(&mut self, to_ms: f64, most: u64) -> f64 {
        self.run(micros(to_ms), most);
        self.now()
    }

    /// Runs on until so many things have happened.
    pub fn advance_by(&mut self, count: u64) -> f64 {
        self.run(u64::MAX >> 1, count);
        self.now()
    }

    /// Runs on for so many things or until `to`, whichever comes first.
    fn run(&mut self, to: u64, most: u64) {
        for _ in 0..most {
            match self.one(to) {
                Some(_) => {}
                None => {
                    if to < u64::MAX >> 1 {
                        self.is_at(to.max(self.state.now));
                    }
                    return;
                }
            }
        }
    }

    fn is_at(&mut self, now: u64) {
        self.state.now = now;
        self.reached = self.reached.max(now);
    }

    /// Does the next thing that is due until `to`: behind which door, if there was one.
    fn one(&mut self, to: u64) -> Option<usize> {
        let next = self.state.next();
        // Message somebody does comes after all that is due at that moment.
        let action = self.actions.get(self.state.next_action).filter(|action| action.at <= to);
        if let Some(action) = action.filter(|action| next.is_none_or(|(at, _)| action.at < at)).copied() {
            self.state.next_action += 1;
            self.apply(action);
            return self.one(to);
        }
        let (at, which) = next.filter(|(at, _)| *at <= to)?;
        self.keep(at);
        self.is_at(at);
        self.state.doors[which].go_on();
        let again = at < self.reached;
        self.state.hear(which, again);
        Some(which)
    }

    fn apply(&mut self, action: Action) {
        self.is_at(action.at);
        for which in 0..DOORS {
            self.state.doors[which].act(action.at, action.what);
            let again = action.at < self.reached;
            self.state.hear(which, again);
        }
    }

    /// Keeps this moment, if it is time to, before something happens at `next`.
    fn keep(&mut self, next: u64) {
        let last = self.kept.last().map_or(0, |state| state.now);
        if next < last + self.apart {
            return;
        }
        if self.kept.len() == KEPT {
            let mut at = 0;
            self.kept.retain(|_| {
                at += 1;
                at % 2 == 1
            });
            self.apart *= 2;
        }
        self.kept.push(self.state.clone());
    }

    /// Goes to a moment, back or forth. It is then exactly as after a fresh run to there.
    pub fn seek(&mut self, to_ms: f64) -> f64 {
        let to = micros(to_ms);
        if to < self.state.now {
            let kept = self.kept.iter().rev().find(|state| state.now <= to).or(self.kept.first());
            if let Some(kept) = kept.cloned() {
                self.state = kept;
            }
        }
        self.run(to, u64::MAX);
        self.now()
    }

    /// Does something now, and remembers it; what was done at later moments is forgotten.
    ///
    /// # Errors
    /// When it is no action, or names a pool that is not there.
    pub fn act(&mut self, json: &Value) -> Result<(), Wrong> {
        let now = self.state.now;
        let action = self.scenario.action(json, now)?;
        // All that is due at this moment comes before.
        self.run(now, u64::MAX);
        self.actions.truncate(self.state.next_action);
        self.actions.push(action);
        self.state.next_action += 1;
        self.kept.retain(|state| state.now <= now && state.next_action < self.actions.len());
        self.reached = now;
        self.apply(action);
        Ok(())
    }

    /// Runs up to and including the next thing worth showing. None: nothing will happen any more.
    pub fn step(&mut self) -> Option<Stepped> {
        /// Sweeps of an empty pool go on for ever.
        const ENOUGH: u32 = 10_000;
        for _ in 0..ENOUGH {
            let (said, served) = (self.state.next_said, self.served());
            if self.state.doors.iter().all(Lane::is_over) && self.state.next_action == self.actions.len() {
                return None;
            }
            let door = self.one(u64::MAX >> 1)?;
            let request = self.served()[door].filter(|_| self.served() != served);
            if request.is_some() || self.state.next_said > said {
                let said = self.state.said.iter().filter(|one| one.seq >= said).cloned().collect();
                return Some(Stepped { at_ms: self.now(), door, said, request });
            }
        }
        None
    }

    /// The request that was served last behind each door.
    fn served(&self) -> [Option<u64>; DOORS] {
        [COUNT, LEASEHOLD].map(|which| self.state.doors[which].last_served)
    }

    /// What is still kept of what happened, from this number on, and the number of the next.
    pub fn events(&self, since: u64) -> (Vec<Arc<SimEvent>>, u64) {
        (self.state.said.iter().filter(|said| said.seq >= since).cloned().collect(), self.state.next_said)
    }

    /// A number that all that happened so far comes to: two runs with the same one were the same.
    pub fn digest(&self) -> u64 {
        let [one, other] = &self.state.doors;
        mix(one.chain ^ mix(other.chain))
    }

    /// How many things happened so far.
    pub fn happened(&self) -> u64 {
        self.state.doors.iter().map(|door| door.happened).sum()
    }
}

/// Milliseconds as microseconds, within what makes sense.
fn micros(ms: f64) -> u64 {
    if ms > 0.0 { libm::round(ms.min(1e12) * 1_000.0) as u64 } else { 0 }
}
