//! Worlds: where are all lanes at one moment, and at any other? They go on together, back and forth.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::Value;

use super::clock::{micros, ms};
use super::lane::Lane;
use super::request_capture::RequestCapture;
use super::scenario::{Act, InvalidScenario, MOST_ACTIONS, Scenario, VisitorAction};
use super::sim_event::SimEvent;
use crate::rng::mix;
use crate::strategy::{PerStrategy, Strategy};

/// How many events are kept.
const EVENTS: usize = 400;

/// How many moments are kept to go back to, at most, and how far apart they are at first, in microseconds.
const KEPT: usize = 40;
const APART: u64 = 2_000_000;

/// Everything at one moment.
#[derive(Clone, Debug)]
struct WorldMoment {
    /// In microseconds since the start.
    now: u64,
    lanes: PerStrategy<Lane>,
    next_action: usize,
    /// The newest events, in order.
    events: VecDeque<Arc<SimEvent>>,
    /// The number of the next one.
    next_event: u64,
}

/// All lanes, and all of their past.
#[derive(Clone, Debug)]
pub struct World {
    scenario: Arc<Scenario>,
    actions: Vec<VisitorAction>,
    state: WorldMoment,
    /// Moments to go back to, in order; the first is the start.
    kept: Vec<WorldMoment>,
    apart: u64,
    /// How far it ever ran, in microseconds.
    reached: u64,
}

/// What a step did.
#[derive(Clone, Debug, PartialEq)]
pub struct Stepped {
    /// When, in milliseconds.
    pub at_ms: f64,
    /// In which lane.
    pub lane: Strategy,
    /// What there is to say of it.
    pub events: Vec<Arc<SimEvent>>,
    /// The request that was served, if one was.
    pub request: Option<u64>,
}

impl WorldMoment {
    /// The lane in which something is due next, and when. A job that came to one lane comes to the others first.
    fn next(&self) -> Option<(u64, Strategy)> {
        let next = |strategy: Strategy| self.lanes[strategy].queue.next_at().map(|at| (at, strategy));
        Strategy::ALL
            .into_iter()
            .filter_map(next)
            .min_by_key(|(at, strategy)| (*at, self.arrived(*strategy), *strategy))
    }

    /// How many jobs have come to a lane.
    fn arrived(&self, strategy: Strategy) -> u64 {
        self.lanes[strategy].fleet.arrived
    }

    /// Takes over what happened in a lane. `replayed`: a seek runs past it once more.
    fn take_events(&mut self, strategy: Strategy, replayed: bool) {
        for mut event in self.lanes[strategy].observer.events.drain(..) {
            event.seq = self.next_event;
            event.replayed = replayed;
            self.next_event += 1;
            if self.events.len() == EVENTS {
                self.events.pop_front();
            }
            self.events.push_back(Arc::new(event));
        }
    }
}

impl World {
    /// A world at its start.
    pub fn new(scenario: &Scenario) -> World {
        let scenario = Arc::new(scenario.clone());
        let state = WorldMoment {
            now: 0,
            lanes: PerStrategy::new(|strategy| Lane::new(strategy, &scenario)),
            next_action: 0,
            events: VecDeque::new(),
            next_event: 0,
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

    /// The moment it is at, in microseconds since the start.
    pub(crate) fn micros(&self) -> u64 {
        self.state.now
    }

    /// The lane of a strategy, as it is now.
    pub(crate) fn lane(&self, strategy: Strategy) -> &Lane {
        &self.state.lanes[strategy]
    }

    /// Whether clocks and caches are within what the protocol's promises rest on.
    pub(crate) fn is_promised(&self) -> bool {
        self.scenario.is_promised()
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

    /// Does the next thing that is due until `to`: in which lane, if there was one.
    fn one(&mut self, to: u64) -> Option<Strategy> {
        let next = self.state.next();
        // What somebody does comes after all that is due at that moment.
        let action = self.actions.get(self.state.next_action).filter(|action| action.at <= to);
        if let Some(action) = action.filter(|action| next.is_none_or(|(at, _)| action.at < at)).copied() {
            self.state.next_action += 1;
            self.apply(action);
            return self.one(to);
        }
        let (at, strategy) = next.filter(|(at, _)| *at <= to)?;
        self.keep(at);
        self.is_at(at);
        self.state.lanes[strategy].go_on();
        self.state.take_events(strategy, at < self.reached);
        Some(strategy)
    }

    fn apply(&mut self, action: VisitorAction) {
        self.is_at(action.at);
        for strategy in Strategy::ALL {
            self.state.lanes[strategy].act(action.at, action.what);
            self.state.take_events(strategy, action.at < self.reached);
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

    /// Goes to a moment, back or forth. It is then exactly as after a fresh run to there. To 0: to the start, before the
    /// first job comes.
    pub fn seek(&mut self, to_ms: f64) -> f64 {
        let to = micros(to_ms);
        if to < self.state.now || to == 0 {
            let kept = self.kept.iter().rev().find(|state| state.now <= to && to > 0).or(self.kept.first());
            if let Some(kept) = kept.cloned() {
                self.state = kept;
            }
        }
        if to > 0 {
            self.run(to, u64::MAX);
        }
        self.now()
    }

    /// Does something now, and remembers it; what was done at later moments is forgotten. What the scenario itself plans for
    /// later stays, but for other limits of a pool whose limit somebody has set.
    ///
    /// # Errors
    /// When it is no action, names a pool that is not there, or is one more than a scenario may have: a link to it could
    /// not be opened.
    pub fn act(&mut self, json: &Value) -> Result<(), InvalidScenario> {
        let now = self.state.now;
        let action = self.scenario.action(json, now)?;
        // All that is due at this moment comes before.
        self.run(now, u64::MAX);
        let index = self.state.next_action;
        let planned: Vec<VisitorAction> = self.planned_after(now, action).collect();
        if index + planned.len() >= MOST_ACTIONS {
            return Err(InvalidScenario::new("actions", "as long as it may be", &format!("at most {MOST_ACTIONS}")));
        }
        self.actions.truncate(index);
        self.actions.push(action);
        self.actions.extend(planned);
        self.state.next_action += 1;
        self.kept.retain(|state| state.now <= now && state.next_action <= index);
        self.reached = now;
        self.apply(action);
        Ok(())
    }

    /// What the scenario plans for after `now`, if this is done now.
    fn planned_after(&self, now: u64, action: VisitorAction) -> impl Iterator<Item = VisitorAction> {
        let planned = &self.scenario.actions;
        let done = &self.actions[..self.state.next_action];
        let live = done.iter().copied().filter(|done| !planned.contains(done)).chain([action]);
        let limited = |action: VisitorAction| match action.what {
            Act::Limit { pool, .. } => Some(pool),
            _ => None,
        };
        let own: Vec<usize> = live.filter_map(limited).collect();
        let overruled = move |later: &VisitorAction| limited(*later).is_some_and(|pool| own.contains(&pool));
        planned.iter().copied().filter(move |later| later.at > now && !overruled(later))
    }

    /// Runs up to and including the next thing worth showing; a job that comes has come to all lanes then. None: nothing
    /// will happen any more.
    pub fn step(&mut self) -> Option<Stepped> {
        /// Sweeps of an empty pool go on for ever.
        const ENOUGH: u32 = 10_000;
        for _ in 0..ENOUGH {
            let (next_event, served) = (self.state.next_event, self.served());
            if self.state.lanes.iter().all(Lane::is_over) && self.state.next_action == self.actions.len() {
                return None;
            }
            let lane = self.one(u64::MAX >> 1)?;
            while self.arrives_still() {
                self.one(self.state.now)?;
            }
            let request = self.served()[lane].filter(|_| self.served() != served);
            if request.is_some() || self.state.next_event > next_event {
                let (events, _) = self.events(next_event);
                return Some(Stepped { at_ms: self.now(), lane, events, request });
            }
        }
        None
    }

    /// Whether a job that came to one lane has still to come to another.
    fn arrives_still(&self) -> bool {
        let mut arrived = Strategy::ALL.into_iter().map(|strategy| self.state.arrived(strategy));
        let first = arrived.next();
        arrived.any(|other| Some(other) != first)
    }

    /// The request that was served last in each lane.
    fn served(&self) -> PerStrategy<Option<u64>> {
        PerStrategy::new(|strategy| self.lane(strategy).observer.last_served)
    }

    /// What is still kept of what happened, from this number on, and the number of the next.
    pub fn events(&self, since: u64) -> (Vec<Arc<SimEvent>>, u64) {
        let since = self.state.events.iter().filter(|event| event.seq >= since);
        (since.cloned().collect(), self.state.next_event)
    }

    /// A number that all that happened so far comes to: two runs with the same one were the same.
    pub fn digest(&self) -> u64 {
        self.state.lanes.iter().rev().fold(0, |digest, lane| mix(lane.observer.digest ^ digest))
    }

    /// How many things happened so far.
    pub fn happened(&self) -> u64 {
        self.state.lanes.iter().map(|lane| lane.observer.happened).sum()
    }

    /// The lane as it is after a request was answered, with all that was seen of that: found by running the seconds
    /// before it once more. None: there was no such request until now.
    pub(crate) fn lane_after(&self, strategy: Strategy, request: u64) -> Option<Lane> {
        let sent = |state: &WorldMoment| state.lanes[strategy].calls.next_message;
        if request >= sent(&self.state) {
            return None;
        }
        let before = self.kept.iter().rev().find(|kept| kept.now <= self.state.now && sent(kept) <= request)?;
        let mut again = World {
            scenario: self.scenario.clone(),
            actions: self.actions.clone(),
            state: before.clone(),
            kept: vec![],
            apart: u64::MAX >> 1,
            reached: self.reached,
        };
        again.state.lanes[strategy].observer.capture = Some(Box::new(RequestCapture::of(request)));
        let is_over = |world: &World| {
            let capture = &world.lane(strategy).observer.capture;
            capture.as_ref().is_none_or(|capture| capture.over)
        };
        while !is_over(&again) && again.one(self.state.now).is_some() {}
        again.state.lanes.into_iter().nth(strategy.index())
    }
}
