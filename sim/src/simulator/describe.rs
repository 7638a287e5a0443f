//! Descriptions: what is there to tell of one request, and of one job? Told as JSON, in the words of the page's
//! interface.

use leasehold_core::{Effect, EffectReply};
use serde_json::{Value, json};

use super::call::CallPurpose;
use super::clock::{in_ms, ms};
use super::job::Job;
use super::lane::Lane;
use super::observer::request_of_id;
use super::request_capture::CapturedRequest;
use super::request_effect::ReplySummary;
use super::request_log::RequestEntry;
use super::request_view;
use super::world::World;
use crate::strategy::Strategy;

impl Lane {
    fn describe_entry(&self, entry: &RequestEntry) -> Value {
        json!({
            "id": self.observer.request_id(entry.number),
            "door": self.strategy,
            "job": entry.purpose.job(),
            "pool": entry.pool,
            "operation": entry.purpose.as_str(),
            "what": entry.effect.words(),
            "kind": entry.effect.kind(),
            "asked_ms": in_ms(entry.asked),
            "served_ms": entry.served.map(in_ms),
            "replied_ms": entry.replied.map(in_ms),
            "reply": entry.reply.map(ReplySummary::words),
            "lost": entry.lost,
        })
    }

    /// Whose call it is, in words.
    fn caller(&self, purpose: CallPurpose, pool: usize) -> String {
        let prefix = &self.pools[pool].prefix;
        let whose = |job: u32| match self.fleet.jobs.get(job) {
            Some(known) => {
                let name = &self.scenario.workloads[known.workload].name;
                let again = if known.retry == 0 { String::new() } else { format!(", retry {}", known.retry) };
                format!("job {job} ({name}{again})")
            }
            None => format!("job {job}"),
        };
        let mode = if self.scenario.queue { "in queue mode" } else { "in poll mode" };
        match purpose {
            CallPurpose::Acquire { job, .. } => match self.strategy {
                Strategy::CountThenPut => format!("count, then put, for {}", whose(job)),
                Strategy::Leasehold => format!("acquire {mode} for {}", whose(job)),
            },
            CallPurpose::Release { job } => format!("release by {}", whose(job)),
            CallPurpose::Renew { job } => format!("renew by {}", whose(job)),
            CallPurpose::Sweep => format!("sweep of {prefix}"),
            CallPurpose::ExecutionEnded { job } => format!("the execution of {} has ended", whose(job)),
            CallPurpose::Limit => format!("an operator changes the limit of {prefix}"),
        }
    }

    /// All of a request.
    fn describe_captured(&self, seen: &CapturedRequest) -> Value {
        let mut json = self.describe_entry(&seen.entry);
        let (first, count) = seen.together;
        let together: Vec<u64> = (first..first + count).map(|number| self.observer.request_id(number)).collect();
        json["machine"] = self.caller(seen.entry.purpose, seen.entry.pool).into();
        json["together"] = together.into();
        json["clock_ahead_ms"] = json!(seen.skew as f64 / 1_000.0);
        // Where leases are rows without a moment at which they expire, it is told of them all the same.
        let lease = (!self.strategy.has_slots()).then_some(self.lease_length());
        let (mut writes, mut read) = (vec![], Value::Null);
        match &seen.effect {
            Effect::Request(request) => {
                writes = request_view::writes(request, seen.before.as_deref(), seen.reply.as_ref(), lease);
                if let Some(what) = request_view::reads(request) {
                    let rows = seen.reply.as_ref().map(|reply| request_view::rows(reply, lease));
                    let (rows, more) = rows.unwrap_or_default();
                    read = json!({ "what": what, "rows": rows, "more": more });
                }
            }
            Effect::Callback(callback) => json["notice"] = request_view::news(&callback.result).into(),
            Effect::StatusCheck(execution) => json["execution"] = execution.as_ref().into(),
        }
        json["writes"] = writes.into();
        json["read"] = read;
        // What the table did and what its caller learned are two things when a reply is lost.
        let table = seen.reply.as_ref().map(|reply| ReplySummary::of(&EffectReply::Table(reply.clone())).words());
        json["table"] = table.into();
        json["caller"] = seen.received.as_ref().map(|received| ReplySummary::of(received).words()).into();
        json
    }

    /// Everything known of one job here.
    fn describe_job(&self, number: u32) -> Value {
        let of_job = self.observer.requests.newest_first().filter(|entry| entry.purpose.job() == Some(number));
        let recent: Vec<u64> = of_job.take(20).map(|entry| self.observer.request_id(entry.number)).collect();
        match self.fleet.jobs.get(number) {
            None => json!({ "phase": 7, "recent": recent }),
            Some(job) => job.describe(&recent),
        }
    }
}

impl Job {
    fn describe(&self, recent: &[u64]) -> Value {
        json!({
            "phase": self.phase as u8,
            "pool": self.pool,
            "workload": self.workload,
            "arrived_ms": ms(self.arrived),
            "work_ms": ms(self.work),
            "since_ms": ms(self.since),
            "until_ms": self.until.map(ms),
            "cell": self.cell,
            "holds": self.holds,
            "waited_ms": self.waited.map(ms),
            "counted": self.counted.map(|(counted, _)| counted),
            "clock_ahead_ms": self.skew as f64 / 1_000.0,
            "asked": self.calls[0],
            "requests": self.requests,
            "recent": recent,
        })
    }
}

impl World {
    /// The newest requests of a lane in a few words, newest first.
    pub fn recent_requests(&self, strategy: Strategy, count: usize) -> Value {
        let lane = self.lane(strategy);
        let asked = lane.observer.requests.newest_first().filter(|entry| entry.asked <= self.micros());
        asked.take(count).map(|entry| lane.describe_entry(entry)).collect()
    }

    /// One request in a few words, if it is still kept.
    pub fn request_entry(&self, id: u64) -> Option<Value> {
        let (strategy, number) = request_of_id(id);
        let lane = self.lane(strategy);
        lane.observer.requests.get(number).map(|entry| lane.describe_entry(entry))
    }

    /// All of one request: whose it is, what it reads or writes on which conditions, and how it was answered. Found by
    /// running the seconds before it once more. None: there was no such request until now.
    pub fn request(&self, id: u64) -> Option<Value> {
        let (strategy, number) = request_of_id(id);
        let lane = self.lane_after(strategy, number)?;
        let seen = lane.observer.capture.as_ref()?.seen.as_ref()?;
        Some(lane.describe_captured(seen))
    }

    /// Everything known of one job. None: it did not come yet.
    pub fn job(&self, number: u32) -> Option<Value> {
        let lanes = Strategy::ALL.map(|strategy| self.lane(strategy));
        if !lanes.iter().any(|lane| u64::from(number) < lane.fleet.arrived) {
            return None;
        }
        Some(json!({ "job": number, "doors": lanes.map(|lane| lane.describe_job(number)) }))
    }
}
