//! Scenarios from JSON: is this one? Every field checked, everything missing filled in, or one sentence that says what
//! is wrong.

use leasehold_core::{Limit, PoolName, SHOWN_CHARS, shortened};
use serde_json::{Map, Value, json};

use super::fields::{Field, fields};
use super::{Act, Failures, Leases, NetworkShape, PoolShape, Scenario, Strategy, VisitorAction, Workers, Workload};

/// What is wrong with a scenario, in a sentence that names the field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidScenario(String);

impl InvalidScenario {
    pub(in crate::simulator) fn new(path: &str, is: &str, expected: &str) -> InvalidScenario {
        // A field that nobody knows is named as it was given.
        let [path, is] = [path, is].map(|given| shortened(given, SHOWN_CHARS));
        InvalidScenario(format!("{path} is {is}: expected {expected}"))
    }
}

impl std::fmt::Display for InvalidScenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidScenario {}

const MOST_POOLS: usize = 6;
const MOST_WORKLOADS: usize = 8;
pub(in crate::simulator) const MOST_ACTIONS: usize = 500;

/// A value as a person would recognise it.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 40 { text } else { format!("{}…", text.chars().take(40).collect::<String>()) }
}

/// An object whose fields are taken one by one; what is left in the end is unknown.
struct Object<'a> {
    path: String,
    fields: Map<String, Value>,
    known: Vec<&'a str>,
}

impl<'a> Object<'a> {
    fn of(value: &Value, path: &str) -> Result<Object<'a>, InvalidScenario> {
        match value {
            Value::Object(fields) => Ok(Object { path: path.to_owned(), fields: fields.clone(), known: vec![] }),
            other => {
                Err(InvalidScenario::new(if path.is_empty() { "scenario" } else { path }, &shown(other), "an object"))
            }
        }
    }

    fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    fn take(&mut self, name: &'a str) -> Option<Value> {
        self.known.push(name);
        self.fields.remove(name).filter(|value| !value.is_null())
    }

    fn object(&mut self, name: &'a str) -> Result<Object<'a>, InvalidScenario> {
        let path = self.path(name);
        Object::of(&self.take(name).unwrap_or_else(|| json!({})), &path)
    }

    fn number(&mut self, name: &'a str, least: u64, most: u64) -> Result<Option<u64>, InvalidScenario> {
        let Some(value) = self.take(name) else { return Ok(None) };
        // 5.0 is a whole number too.
        let whole = value.as_u64().or_else(|| {
            value.as_f64().filter(|number| *number >= 0.0 && *number <= 1e15 && number.fract() == 0.0).map(|n| n as u64)
        });
        match whole.filter(|number| (least..=most).contains(number)) {
            Some(number) => Ok(Some(number)),
            None => {
                let expected = format!("a whole number from {least} to {most}");
                Err(InvalidScenario::new(&self.path(name), &shown(&value), &expected))
            }
        }
    }

    /// All numbers that the table has of this object; failures in parts of ten thousand.
    fn numbers(&mut self, group: &str) -> Result<NamedNumbers, InvalidScenario> {
        let mut numbers = vec![];
        for field in fields().iter().filter(|field| field.group() == group) {
            let name: &'static str = field.name();
            let number = if field.has_decimals() {
                self.percent(name, field)?
            } else {
                let number = self.number(name, field.least.into(), field.most.into())?;
                number.and_then(|number| u32::try_from(number).ok()).unwrap_or(field.default)
            };
            numbers.push((name, number));
        }
        Ok(NamedNumbers(numbers))
    }

    fn percent(&mut self, name: &'a str, field: &Field) -> Result<u32, InvalidScenario> {
        let Some(value) = self.take(name) else { return Ok(field.default * 100) };
        match value.as_f64().filter(|number| (f64::from(field.least)..=f64::from(field.most)).contains(number)) {
            Some(number) => Ok(libm::round(number * 100.0) as u32),
            None => Err(InvalidScenario::new(&self.path(name), &shown(&value), "a number from 0 to 100 (percent)")),
        }
    }

    fn flag(&mut self, name: &'a str, otherwise: bool) -> Result<bool, InvalidScenario> {
        match self.take(name) {
            None => Ok(otherwise),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(other) => Err(InvalidScenario::new(&self.path(name), &shown(&other), "true or false")),
        }
    }

    fn text(&mut self, name: &'a str, longest: usize, otherwise: &str) -> Result<String, InvalidScenario> {
        match self.take(name) {
            None => Ok(otherwise.to_owned()),
            Some(Value::String(text)) if (1..=longest).contains(&text.chars().count()) => Ok(text),
            Some(other) => Err(InvalidScenario::new(
                &self.path(name),
                &shown(&other),
                &format!("a text of 1 to {longest} characters"),
            )),
        }
    }

    fn list(&mut self, name: &'a str, most: usize, otherwise: Value) -> Result<Vec<Value>, InvalidScenario> {
        let given = self.take(name);
        let least = usize::from(!otherwise.as_array().is_none_or(Vec::is_empty));
        match given.unwrap_or(otherwise) {
            Value::Array(list) if (least..=most).contains(&list.len()) => Ok(list),
            Value::Array(list) => Err(InvalidScenario::new(
                &self.path(name),
                &format!("a list of {}", list.len()),
                &format!("{least} to {most}"),
            )),
            other => Err(InvalidScenario::new(&self.path(name), &shown(&other), "a list")),
        }
    }

    /// Nothing is left that nobody knows.
    fn done(self) -> Result<(), InvalidScenario> {
        match self.fields.keys().next() {
            None => Ok(()),
            Some(unknown) => Err(InvalidScenario::new(
                &self.path(unknown),
                "not a field",
                &format!("one of {}", self.known.join(", ")),
            )),
        }
    }
}

/// Numbers of one object, by name.
struct NamedNumbers(Vec<(&'static str, u32)>);

impl NamedNumbers {
    fn get(&self, name: &str) -> u32 {
        self.0.iter().find(|(known, _)| *known == name).map_or(0, |(_, number)| *number)
    }

    /// Milliseconds as microseconds.
    fn micros(&self, name: &str) -> u64 {
        u64::from(self.get(name)) * 1_000
    }
}

fn default_pools() -> Value {
    json!([{ "prefix": "analytics", "limit": 15 }, { "prefix": "batch", "limit": 5 }])
}

fn default_workloads() -> Value {
    json!([
        { "name": "analytics items", "pool": "analytics", "burst": 30, "burst_every_ms": 60_000, "per_minute": 220 },
        { "name": "batch items", "pool": "batch", "burst": 20, "burst_every_ms": 60_000, "per_minute": 55 },
    ])
}

pub(super) fn scenario(json: &Value) -> Result<Scenario, InvalidScenario> {
    let mut top = Object::of(json, "")?;
    let name = top.text("name", 80, "two workflows, one table")?;
    let seed = top.numbers("")?.get("seed");
    let mode = top.text("mode", 10, "queue")?;
    if mode != "queue" && mode != "poll" {
        return Err(InvalidScenario::new("mode", &format!("{mode:?}"), "queue or poll"));
    }
    let listed = top.list("pools", MOST_POOLS, default_pools())?;
    let pools = listed.iter().enumerate().map(|(at, json)| pool(at, json)).collect::<Result<Vec<_>, _>>()?;
    if let Some(at) = (1..pools.len()).find(|at| pools[..*at].iter().any(|pool| pool.prefix == pools[*at].prefix)) {
        return Err(InvalidScenario::new(
            &format!("pools[{at}].prefix"),
            "there twice",
            "a name of its own for each pool",
        ));
    }
    // Pools of one's own: the default jobs would not know them.
    let otherwise = if json["pools"].is_null() {
        default_workloads()
    } else {
        json!([{ "pool": pools[0].prefix.as_str(), "per_minute": 60 }])
    };
    let listed = top.list("workloads", MOST_WORKLOADS, otherwise)?;
    let workloads = listed.iter().enumerate().map(|(at, json)| workload(at, json, &pools));
    let workloads = workloads.collect::<Result<Vec<_>, _>>()?;

    let mut groups = vec![];
    for name in ["network", "failures", "clocks", "leases", "workers", "poll"] {
        let mut group = top.object(name)?;
        let numbers = group.numbers(name)?;
        let flags =
            if name == "workers" { [group.flag("renew", true)?, group.flag("reported", true)?] } else { [true; 2] };
        group.done()?;
        groups.push((numbers, flags));
    }
    let Ok([(network, _), (failures, _), (clocks, _), (leases, _), (workers, [renew, reported]), (poll, _)]) =
        <[(NamedNumbers, [bool; 2]); 6]>::try_from(groups)
    else {
        return Err(InvalidScenario::new("scenario", "short of a group", "all six"));
    };
    let network = NetworkShape {
        delay: network.micros("delay_ms"),
        spread: network.get("delay_spread"),
        invoke: network.micros("invoke_ms"),
        notice: network.micros("notice_ms"),
        timeout: network.micros("timeout_ms"),
    };
    let failures = Failures {
        worker_dies: failures.get("worker_dies"),
        call_dies: failures.get("call_dies"),
        request_lost: failures.get("request_lost"),
        reply_lost: failures.get("reply_lost"),
        throttled: failures.get("throttled"),
    };
    let leases = Leases {
        lease: leases.micros("lease_ms"),
        grace: leases.micros("grace_ms"),
        sweep_every: leases.micros("sweep_every_ms"),
        quiet: leases.micros("quiet_ms"),
        longest_wait: leases.micros("longest_wait_ms"),
        cache: leases.micros("settings_cache_ms"),
    };
    let workers = Workers { renew, reported, report: workers.micros("report_ms") };
    let (skew, poll_every) = (clocks.micros("skew_ms"), poll.micros("every_ms"));

    let listed = top.list("actions", MOST_ACTIONS, json!([]))?;
    let mut actions = vec![];
    for (at, json) in listed.iter().enumerate() {
        let path = format!("actions[{at}]");
        let mut action = Object::of(json, &path)?;
        let given = action.take("at_ms").unwrap_or(Value::Null);
        let moment = given.as_f64().filter(|ms| (0.0..=1e9).contains(ms));
        let Some(moment) = moment else {
            return Err(InvalidScenario::new(&format!("{path}.at_ms"), &shown(&given), "milliseconds since the start"));
        };
        let what = act(&Value::Object(action.fields), &path, &pools)?;
        let at = libm::round(moment * 1_000.0) as u64;
        // In order of time, and of the list.
        let place = actions.partition_point(|action: &VisitorAction| action.at <= at);
        actions.insert(place, VisitorAction { at, what });
    }
    top.done()?;

    let whole = whole(json, &name, &mode, &pools, &workloads, (&workers, &failures));
    Ok(Scenario {
        seed: seed.into(),
        queue: mode == "queue",
        pools,
        workloads,
        network,
        failures,
        skew,
        leases,
        workers,
        poll_every,
        actions,
        whole,
    })
}

fn pool(at: usize, json: &Value) -> Result<PoolShape, InvalidScenario> {
    let path = format!("pools[{at}]");
    let mut pool = Object::of(json, &path)?;
    let text = pool.text("prefix", 64, "analytics")?;
    let prefix: PoolName = text.parse().map_err(|_| {
        InvalidScenario::new(&format!("{path}.prefix"), &format!("{text:?}"), "1 to 64 of A-Z a-z 0-9 . _ -")
    })?;
    let limit = Limit::try_from(u64::from(pool.numbers("pools")?.get("limit")))
        .map_err(|wrong| InvalidScenario::new(&format!("{path}.limit"), &wrong.got, wrong.expected))?;
    pool.done()?;
    Ok(PoolShape { prefix, limit })
}

fn workload(at: usize, json: &Value, pools: &[PoolShape]) -> Result<Workload, InvalidScenario> {
    let path = format!("workloads[{at}]");
    let mut group = Object::of(json, &path)?;
    let otherwise = pools.first().map_or("", |pool| pool.prefix.as_str());
    let prefix = group.text("pool", 64, otherwise)?;
    // As long as a pool's name, which it has otherwise.
    let name = group.text("name", 64, &prefix)?;
    let Some(pool) = pools.iter().position(|pool| pool.prefix.as_str() == prefix) else {
        let known: Vec<&str> = pools.iter().map(|pool| pool.prefix.as_str()).collect();
        return Err(InvalidScenario::new(
            &format!("{path}.pool"),
            &format!("{prefix:?}"),
            &format!("one of {}", known.join(", ")),
        ));
    };
    let numbers = group.numbers("workloads")?;
    group.done()?;
    let workload = Workload {
        name: name.into(),
        pool,
        burst: numbers.get("burst"),
        burst_at: numbers.micros("burst_at_ms"),
        burst_over: numbers.micros("burst_over_ms"),
        burst_every: numbers.micros("burst_every_ms"),
        per_minute: numbers.get("per_minute"),
        from: numbers.micros("from_ms"),
        until: numbers.micros("until_ms"),
        work: numbers.micros("job_ms"),
        work_spread: numbers.get("job_spread"),
    };
    if workload.burst_every > 0 && workload.burst_every < workload.burst_over {
        let is = format!("{}", workload.burst_every / 1_000);
        return Err(InvalidScenario::new(&format!("{path}.burst_every_ms"), &is, "no less than burst_over_ms"));
    }
    Ok(workload)
}

pub(super) fn act(json: &Value, path: &str, pools: &[PoolShape]) -> Result<Act, InvalidScenario> {
    let mut action = Object::of(json, path)?;
    let what = action.take("do").unwrap_or(Value::Null);
    let lane = action.number("door", 0, 1)?.and_then(|lane| Strategy::from_index(usize::try_from(lane).ok()?));
    let job = action.number("job", 0, u32::MAX.into())?.and_then(|job| u32::try_from(job).ok());
    let act = match what.as_str() {
        Some("kill") => Act::Kill { lane, job },
        Some("drop_reply") => Act::DropReply { lane, job },
        Some("drop_request") => Act::DropRequest { lane, job },
        Some("limit") => {
            let prefix = action.text("pool", 64, pools.first().map_or("", |pool| pool.prefix.as_str()))?;
            let limit = action.number("limit", 0, 1_000)?.and_then(|limit| Limit::try_from(limit).ok());
            let Some(limit) = limit else {
                return Err(InvalidScenario::new(&format!("{path}.limit"), "missing", "a whole number from 0 to 1000"));
            };
            let Some(pool) = pools.iter().position(|pool| pool.prefix.as_str() == prefix) else {
                return Err(InvalidScenario::new(
                    &format!("{path}.pool"),
                    &format!("{prefix:?}"),
                    "the prefix of one of the pools",
                ));
            };
            Act::Limit { pool, limit }
        }
        _ => {
            return Err(InvalidScenario::new(
                &format!("{path}.do"),
                &shown(&what),
                "limit, kill, drop_reply or drop_request",
            ));
        }
    };
    action.take("at_ms");
    action.done()?;
    Ok(act)
}

/// Everything but the actions, with every default written out.
fn whole(
    json: &Value,
    name: &str,
    mode: &str,
    pools: &[PoolShape],
    workloads: &[Workload],
    (workers, failures): (&Workers, &Failures),
) -> Value {
    let mut whole = json!({
        "name": name,
        "mode": mode,
        "pools": pools
            .iter()
            .map(|pool| json!({ "prefix": pool.prefix.as_str(), "limit": pool.limit.count() }))
            .collect::<Vec<_>>(),
        "workers": { "renew": workers.renew, "reported": workers.reported },
        "workloads": workloads
            .iter()
            .map(|load| json!({
                "name": load.name.as_ref(),
                "pool": pools[load.pool].prefix.as_str(),
                "burst": load.burst,
                "burst_at_ms": load.burst_at / 1_000,
                "burst_over_ms": load.burst_over / 1_000,
                "burst_every_ms": load.burst_every / 1_000,
                "per_minute": load.per_minute,
                "from_ms": load.from / 1_000,
                "until_ms": load.until / 1_000,
                "job_ms": load.work / 1_000,
                "job_spread": load.work_spread,
            }))
            .collect::<Vec<_>>(),
    });
    for field in fields().iter().filter(|field| !matches!(field.group(), "pools" | "workloads")) {
        let given = match field.group() {
            "" => &json[field.name()],
            group => &json[group][field.name()],
        };
        let value = match given.as_f64() {
            None => json!(field.default),
            // 5.0 is written as 5.
            Some(number) if number.fract() == 0.0 => json!(number as u64),
            Some(_) => given.clone(),
        };
        match field.group() {
            "" => whole[field.name()] = value,
            group => whole[group][field.name()] = value,
        }
    }
    for (name, parts) in [
        ("worker_dies", failures.worker_dies),
        ("call_dies", failures.call_dies),
        ("request_lost", failures.request_lost),
        ("reply_lost", failures.reply_lost),
        ("throttled", failures.throttled),
    ] {
        whole["failures"][name] = if parts % 100 == 0 { json!(parts / 100) } else { json!(f64::from(parts) / 100.0) };
    }
    whole
}

/// What of `this` differs from `from`. Lists are kept whole, their objects without what the table says anyway.
pub(super) fn difference(this: &Value, from: &Value) -> Value {
    let (Value::Object(this), Value::Object(from)) = (this, from) else { return this.clone() };
    let mut different = Map::new();
    for (name, value) in this.iter().filter(|(name, value)| from.get(*name) != Some(value)) {
        let value = match (name.as_str(), value, from.get(name)) {
            ("workloads", Value::Array(list), _) => list.iter().map(short_workload).collect(),
            (_, Value::Object(_), Some(from)) => difference(value, from),
            _ => value.clone(),
        };
        different.insert(name.clone(), value);
    }
    // The default jobs are for the default pools.
    if different.contains_key("pools")
        && !different.contains_key("workloads")
        && let Some(Value::Array(list)) = this.get("workloads")
    {
        different.insert("workloads".into(), list.iter().map(short_workload).collect());
    }
    Value::Object(different)
}

fn short_workload(workload: &Value) -> Value {
    let Value::Object(all) = workload else { return workload.clone() };
    let usual = |name: &str, value: &Value| {
        let field = fields().iter().find(|field| field.group() == "workloads" && field.name() == name);
        field.is_some_and(|field| *value == json!(field.default))
    };
    let mut short = Map::new();
    for (name, value) in all.iter().filter(|(name, value)| !usual(name, value)) {
        short.insert(name.clone(), value.clone());
    }
    Value::Object(short)
}
