//! Observers: what does an onlooker of one lane see, note and count? Nothing that happens depends on it.

use super::clock::ms;
use super::pool_observer::PoolObserver;
use super::request_capture::RequestCapture;
use super::request_log::RequestLog;
use super::scenario::Scenario;
use super::sim_event::{SimEvent, SimEventKind};
use crate::rng::mix;
use crate::strategy::Strategy;

/// What was used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) reads: u64,
    /// Writes of one row.
    pub(crate) writes: u64,
    pub(crate) transactions: u64,
    /// Of writes and transactions: refused by a condition.
    pub(crate) refused: u64,
    pub(crate) throttled: u64,
    /// Requests and replies that were lost.
    pub(crate) lost: u64,
    pub(crate) notices: u64,
    /// DynamoDB's request units.
    pub(crate) read_units: u64,
    pub(crate) write_units: u64,
    /// Step Functions' state transitions.
    pub(crate) transitions: u64,
}

/// What was seen of one lane.
#[derive(Clone, Debug)]
pub(crate) struct LaneObserver {
    strategy: Strategy,
    /// What happened since somebody last took it from here.
    pub(crate) events: Vec<SimEvent>,
    pub(crate) requests: RequestLog,
    /// The request that was served last, by the page's number.
    pub(crate) last_served: Option<u64>,
    /// The request that is looked for, when a stretch of time is run once more to find it.
    pub(crate) capture: Option<Box<RequestCapture>>,
    pub(crate) usage: Usage,
    pub(crate) pools: Vec<PoolObserver>,
    /// All that happened, digested.
    pub(crate) digest: u64,
    /// How many things happened.
    pub(crate) happened: u64,
}

impl LaneObserver {
    pub(crate) fn new(strategy: Strategy, scenario: &Scenario) -> LaneObserver {
        LaneObserver {
            strategy,
            events: vec![],
            requests: RequestLog::default(),
            last_served: None,
            capture: None,
            usage: Usage::default(),
            pools: scenario.pools.iter().map(|pool| PoolObserver::new(pool.limit)).collect(),
            digest: 0,
            happened: 0,
        }
    }

    /// Something happened in this lane.
    pub(crate) fn say(&mut self, now: u64, pool: usize, kind: SimEventKind) {
        self.note(Some(self.strategy), now, pool, kind);
    }

    /// Something happened in all lanes at once: the first of them says it for all.
    pub(crate) fn say_for_all(&mut self, now: u64, pool: usize, kind: SimEventKind) {
        if self.strategy == Strategy::ALL[0] {
            self.note(None, now, pool, kind);
        }
    }

    fn note(&mut self, lane: Option<Strategy>, now: u64, pool: usize, kind: SimEventKind) {
        self.events.push(SimEvent { seq: 0, at_ms: ms(now), lane, pool: Some(pool), replayed: false, kind });
    }

    /// Digests something that happened.
    pub(crate) fn mark(&mut self, what: u64) {
        self.digest = mix(self.digest ^ what);
    }

    /// The number by which the page knows a request of this lane.
    pub(crate) fn request_id(&self, number: u64) -> u64 {
        request_id(self.strategy, number)
    }
}

/// The number by which the page knows this request of this lane.
fn request_id(strategy: Strategy, number: u64) -> u64 {
    number * Strategy::ALL.len() as u64 + strategy.index() as u64
}

/// The lane and the number there of the request that the page knows by this number.
pub(crate) fn request_of_id(id: u64) -> (Strategy, u64) {
    let lanes = Strategy::ALL.len() as u64;
    (Strategy::ALL[usize::try_from(id % lanes).unwrap_or(0)], id / lanes)
}
