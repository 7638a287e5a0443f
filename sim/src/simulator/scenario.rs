//! Scenarios: what is to be played? Its pools, who comes when, how the network and the clocks are, what fails, and
//! what somebody does at which moment. Read from JSON, where whatever is missing has a default.

mod fields;
mod read;

use std::sync::Arc;

use leasehold_core::{Limit, Millis, PoolName, PoolRow, Settings};
use serde_json::{Value, json};

use super::clock::in_ms;
use crate::strategy::Strategy;

pub use fields::{Field, fields};
pub use read::InvalidScenario;
pub(in crate::simulator) use read::MOST_ACTIONS;

/// How long a function may take before it is ended, in microseconds. With the settings cache, it makes up how long
/// somebody may go on with an old limit.
pub(crate) const FUNCTION_TIMEOUT: u64 = 4_000_000;

/// A scenario. Times inside are microseconds since the start; failures are parts of ten thousand.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    pub(crate) seed: u64,
    pub(crate) queue: bool,
    pub(crate) pools: Vec<PoolShape>,
    pub(crate) workloads: Vec<Workload>,
    pub(crate) network: NetworkShape,
    pub(crate) failures: Failures,
    pub(crate) skew: u64,
    pub(crate) leases: Leases,
    pub(crate) workers: Workers,
    pub(crate) poll_every: u64,
    pub(crate) actions: Vec<VisitorAction>,
    /// All of it but the actions, as JSON.
    whole: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PoolShape {
    pub(crate) prefix: PoolName,
    pub(crate) limit: Limit,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Workload {
    pub(crate) name: Arc<str>,
    pub(crate) pool: usize,
    pub(crate) burst: u32,
    pub(crate) burst_at: u64,
    pub(crate) burst_over: u64,
    pub(crate) burst_every: u64,
    pub(crate) per_minute: u32,
    pub(crate) from: u64,
    pub(crate) until: u64,
    pub(crate) work: u64,
    pub(crate) work_spread: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct NetworkShape {
    pub(crate) delay: u64,
    pub(crate) spread: u32,
    pub(crate) invoke: u64,
    pub(crate) notice: u64,
    pub(crate) timeout: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Failures {
    pub(crate) worker_dies: u32,
    pub(crate) call_dies: u32,
    pub(crate) request_lost: u32,
    pub(crate) reply_lost: u32,
    pub(crate) throttled: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Leases {
    pub(crate) lease: u64,
    pub(crate) grace: u64,
    pub(crate) sweep_every: u64,
    pub(crate) quiet: u64,
    pub(crate) longest_wait: u64,
    pub(crate) cache: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Workers {
    pub(crate) renew: bool,
    pub(crate) reported: bool,
    pub(crate) report: u64,
}

/// Something that somebody does at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VisitorAction {
    /// When, in microseconds since the start.
    pub(crate) at: u64,
    pub(crate) what: Act,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Limit { pool: usize, limit: Limit },
    Kill { lane: Option<Strategy>, job: Option<u32> },
    DropReply { lane: Option<Strategy>, job: Option<u32> },
    DropRequest { lane: Option<Strategy>, job: Option<u32> },
}

impl Scenario {
    /// A scenario from JSON.
    ///
    /// # Errors
    /// When a field is unknown, or holds something that makes no sense: says which, and what is expected.
    pub fn read(json: &Value) -> Result<Scenario, InvalidScenario> {
        read::scenario(json)
    }

    /// A scenario from JSON as text.
    ///
    /// # Errors
    /// As [`Scenario::read`], and when the text is not JSON.
    pub fn parse(text: &str) -> Result<Scenario, InvalidScenario> {
        let json = serde_json::from_str(text)
            .map_err(|error| InvalidScenario::new("scenario", "no JSON", &error.to_string()))?;
        Scenario::read(&json)
    }

    /// The same with these actions instead.
    pub(crate) fn with_actions(&self, actions: &[VisitorAction]) -> Scenario {
        Scenario { actions: actions.to_vec(), ..self.clone() }
    }

    /// All of it as JSON, with every default written out.
    pub fn json(&self) -> Value {
        let mut whole = self.whole.clone();
        whole["actions"] = self.actions.iter().map(|action| self.action_json(action)).collect();
        whole
    }

    /// What differs from the defaults, as JSON: it reads back as the same scenario.
    ///
    /// # Errors
    /// Never for a scenario that was read; the defaults are read once more.
    pub fn short(&self) -> Result<Value, InvalidScenario> {
        Ok(read::difference(&self.json(), &Scenario::read(&json!({}))?.json()))
    }

    /// An action from JSON, to happen at `at`.
    ///
    /// # Errors
    /// When it is none, or names a pool that is not there.
    pub fn action(&self, json: &Value, at: u64) -> Result<VisitorAction, InvalidScenario> {
        let what = read::act(json, "action", &self.pools)?;
        Ok(VisitorAction { at, what })
    }

    fn action_json(&self, action: &VisitorAction) -> Value {
        let mut json = match action.what {
            Act::Limit { pool, limit } => {
                json!({ "do": "limit", "pool": self.pools[pool].prefix.as_str(), "limit": limit.count() })
            }
            Act::Kill { lane, job } => json!({ "do": "kill", "door": lane, "job": job }),
            Act::DropReply { lane, job } => json!({ "do": "drop_reply", "door": lane, "job": job }),
            Act::DropRequest { lane, job } => json!({ "do": "drop_request", "door": lane, "job": job }),
        };
        if let Value::Object(fields) = &mut json {
            fields.retain(|_, value| !value.is_null());
            fields.insert("at_ms".into(), in_ms(action.at));
        }
        json
    }

    /// Whether clocks and caches are within what the protocol's promises rest on.
    pub(crate) fn is_promised(&self) -> bool {
        self.skew <= self.leases.grace && self.leases.quiet >= self.leases.cache + FUNCTION_TIMEOUT
    }

    /// The settings row of a pool.
    pub(crate) fn pool_row(&self, pool: usize) -> PoolRow {
        let leases = &self.leases;
        PoolRow {
            lease: Some(Millis(leases.lease / 1_000)),
            grace: Some(Millis(leases.grace / 1_000)),
            quiet: Some(Millis(leases.quiet / 1_000)),
            longest_wait: Some(Millis(leases.longest_wait / 1_000)),
            sweep_every: Some(Millis(leases.sweep_every / 1_000)),
            ..PoolRow::new(self.pools[pool].limit)
        }
    }

    /// What holds for every pool, whatever its rows say: how long tombstones are kept. Longer than any call lives.
    pub(crate) fn keep_tombstones(&self, settings: &mut Settings) {
        settings.tombstone = Millis((4 * FUNCTION_TIMEOUT).max(2 * self.leases.grace) / 1_000);
    }
}
