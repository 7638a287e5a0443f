//! What is there to tell of one request, and of one job? Told as JSON, in the words of the page's interface.

use leasehold_core::nouns::Millis;
use serde_json::{Value, json};

use super::call::{CallPurpose, Message, Received};
use super::lane::{Lane, RequestEntry, ms};
use super::request_capture::{CapturedRequest, RequestCapture};
use super::request_log::ReplySummary;
use super::scenario::in_ms;
use super::{DOORS, World, request_view};

impl Lane {
    fn brief_json(&self, brief: &RequestEntry) -> Value {
        json!({
            "id": self.id(brief.number),
            "door": self.which,
            "job": brief.duty.job(),
            "pool": brief.pool,
            "operation": brief.duty.as_str(),
            "what": brief.does.words(),
            "kind": brief.does.kind(),
            "asked_ms": in_ms(brief.asked),
            "served_ms": brief.served.map(in_ms),
            "replied_ms": brief.replied.map(in_ms),
            "reply": brief.answered.map(ReplySummary::words),
        })
    }

    /// Whose call it is, in words.
    fn caller(&self, duty: CallPurpose, pool: usize) -> String {
        let prefix = &self.pools[pool].prefix;
        let whose = |job: u32| match self.jobs.get(job) {
            Some(known) => {
                let name = &self.scenario.workloads[known.workload].name;
                let again = if known.retry == 0 { String::new() } else { format!(", retry {}", known.retry) };
                format!("job {job} ({name}{again})")
            }
            None => format!("job {job}"),
        };
        let mode = if self.scenario.queue { "in queue mode" } else { "in poll mode" };
        match duty {
            CallPurpose::Acquire { job, .. } if self.counts() => format!("count, then put, for {}", whose(job)),
            CallPurpose::Acquire { job, .. } => format!("acquire {mode} for {}", whose(job)),
            CallPurpose::Release { job } => format!("release by {}", whose(job)),
            CallPurpose::Renew { job } => format!("renew by {}", whose(job)),
            CallPurpose::Sweep => format!("sweep of {prefix}"),
            CallPurpose::Gone { job } => format!("the execution of {} has ended", whose(job)),
            CallPurpose::Limit => format!("an operator changes the limit of {prefix}"),
        }
    }
}

impl World {
    /// The newest requests of a door in a few words, newest first.
    pub fn recent(&self, door: usize, count: usize) -> Value {
        let Some(door) = self.state.doors.get(door) else { return json!([]) };
        let asked = door.recent.iter().rev().filter(|brief| brief.asked <= self.state.now);
        asked.take(count).map(|brief| door.brief_json(brief)).collect()
    }

    /// One request in a few words, if it is still kept.
    pub fn brief(&self, id: u64) -> Option<Value> {
        let door = &self.state.doors[usize::try_from(id % DOORS as u64).unwrap_or(0)];
        let number = id / DOORS as u64;
        door.recent.iter().find(|brief| brief.number == number).map(|brief| door.brief_json(brief))
    }

    /// All of one request: whose it is, what it reads or writes on which conditions, and how it was answered. Found by
    /// running the seconds before it once more. None: there was no such request until now.
    pub fn request(&self, id: u64) -> Option<Value> {
        let which = usize::try_from(id % DOORS as u64).ok()?;
        let number = id / DOORS as u64;
        if number >= self.state.doors[which].next_request {
            return None;
        }
        let before = self
            .kept
            .iter()
            .rev()
            .find(|kept| kept.now <= self.state.now && kept.doors[which].next_request <= number)?;
        let mut again = World {
            scenario: self.scenario.clone(),
            actions: self.actions.clone(),
            state: before.clone(),
            kept: vec![],
            apart: u64::MAX >> 1,
            reached: self.reached,
        };
        again.state.doors[which].watch = Some(Box::new(RequestCapture { number, seen: None, over: false }));
        let is_over = |world: &World| world.state.doors[which].watch.as_ref().is_none_or(|watch| watch.over);
        while !is_over(&again) && again.one(self.state.now).is_some() {}
        let door = &again.state.doors[which];
        let seen = door.watch.as_ref()?.seen.as_ref()?;
        let brief = &seen.brief;
        let mut json = door.brief_json(brief);
        let (first, count) = seen.together;
        let together: Vec<u64> = (first..first + count).map(|number| door.id(number)).collect();
        json["machine"] = door.caller(brief.duty, brief.pool).into();
        json["together"] = together.into();
        json["clock_ahead_ms"] = json!(seen.skew as f64 / 1_000.0);
        self.tell(door, seen, &mut json);
        Some(json)
    }

    fn tell(&self, door: &Lane, seen: &CapturedRequest, json: &mut Value) {
        let lease = door.counts().then_some(Millis(self.scenario.leases.lease / 1_000));
        let (mut writes, mut read) = (vec![], Value::Null);
        match &seen.what {
            Message::Request(request) => {
                writes = request_view::writes(request, seen.before.as_deref(), seen.reply.as_ref(), lease);
                if let Some(what) = request_view::reads(request) {
                    let (rows, more) =
                        seen.reply.as_ref().map_or((vec![], false), |reply| request_view::rows(reply, lease));
                    read = json!({ "what": what, "rows": rows, "more": more });
                }
            }
            Message::Notice(notice) => json["notice"] = request_view::news(&notice.news).into(),
            Message::Life(execution) => json["execution"] = execution.as_ref().into(),
        }
        json["writes"] = writes.into();
        json["read"] = read;
        // Message the table did and what its caller learned are two things when a reply is lost.
        json["table"] =
            seen.reply.as_ref().map(|reply| ReplySummary::of(&Received::Reply(reply.clone())).words()).into();
        json["caller"] = seen.got.as_ref().map(|got| ReplySummary::of(got).words()).into();
    }

    /// Everything known of one job. None: it did not come yet.
    pub fn job(&self, number: u32) -> Option<Value> {
        let arrived = self.state.doors.iter().any(|door| u64::from(number) < door.arrived);
        if !arrived {
            return None;
        }
        let doors = self.state.doors.iter().map(|door| {
            let recent: Vec<u64> = door
                .recent
                .iter()
                .rev()
                .filter(|brief| brief.duty.job() == Some(number))
                .take(20)
                .map(|brief| door.id(brief.number))
                .collect();
            match door.jobs.get(number) {
                None => json!({ "phase": 7, "recent": recent }),
                Some(job) => json!({
                    "phase": job.phase as u8,
                    "pool": job.pool,
                    "workload": job.workload,
                    "arrived_ms": ms(job.arrived),
                    "work_ms": ms(job.work),
                    "since_ms": ms(job.since),
                    "until_ms": job.until.map(ms),
                    "cell": job.cell,
                    "holds": job.holds,
                    "waited_ms": job.waited.map(ms),
                    "counted": job.counted.map(|(counted, _)| counted),
                    "clock_ahead_ms": job.skew as f64 / 1_000.0,
                    "asked": job.calls[0],
                    "requests": job.requests,
                    "recent": recent,
                }),
            }
        });
        Some(json!({ "job": number, "doors": doors.collect::<Vec<_>>() }))
    }
}
