//! The contract's JSON schemas: do they say of every event, answer and failure what the lease manager itself says? They are
//! in `lambda/schemas`, and `docs/contract.md` is made of them.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod pool;

use std::collections::BTreeMap;
use std::path::PathBuf;

use jsonschema::{Draft, Validator};
use leasehold_core::contract::LeaseEvent;
use pool::ServedPool;
use serde_json::{Map, Value, json};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schemas").join(name)
}

fn read(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(file(name)).expect("a file")).expect("JSON")
}

fn validator(name: &str) -> Validator {
    jsonschema::options().with_draft(Draft::Draft202012).build(&read(name)).expect("a schema")
}

/// Events that are right, each with all that it may say.
fn whole_events() -> Vec<Value> {
    let arn = "arn:aws:states:eu-west-1:123456789012:execution:nightly:7";
    let attempt = json!({ "entered": "2024-11-22T10:11:12.345Z", "redrive": 1, "retry": "2" });
    vec![
        json!({ "action": "acquire", "execution": arn, "key": "k", "parent": "p", "attempt": attempt, "mode": "queue",
            "task_token": "t", "lease_seconds": 60, "wait_seconds": 60, "label": "l" }),
        json!({ "action": "acquire", "execution": arn, "mode": "poll", "lease_seconds": 60 }),
        json!({ "action": "acquire", "resource_id": "k" }),
        json!({ "action": "acquire", "reference_id": "k", "key": "k" }),
        json!({ "action": "release", "lease_id": "analytics:0:1", "acquired_at_ms": 1, "expires_at_ms": 2 }),
        json!({ "action": "release", "execution": arn, "key": "k", "parent": "p", "attempt": attempt }),
        json!({ "action": "release", "execution": arn, "attempt": attempt }),
        json!({ "action": "release", "all": true, "execution": arn, "parent": "p", "key_prefix": "k", "attempt": attempt }),
        json!({ "action": "renew", "lease_id": "analytics:0:1", "lease_seconds": 60 }),
        json!({ "action": "status", "holders": true }),
        json!({ "action": "sweep" }),
        json!({ "detail-type": "Step Functions Execution Status Change",
            "detail": { "executionArn": arn, "status": "FAILED", "stopDate": 1_732_270_272_400_u64, "redriveCount": 3 } }),
        json!({ "detail-type": "Step Functions Execution Status Change", "detail": { "status": "RUNNING" } }),
    ]
}

/// What a field is changed to: nothing at all, or one of these.
fn other_values() -> Vec<Option<Value>> {
    let values = json!([
        null, true, false, -1, 0, 1, 1.5, 60.0, 4_294_967_296_u64, 253_402_300_800_000_u64, "", "x", "poll", "queue", "7",
        "-1", "2024-11-22", "2024-11-22T10:11:12Z", "analytics:0:0", "analytics:0:1", "a b:0:1", "FAILED", "SUCCEEDED", [],
        {}, { "entered": 5 }, { "entered": null }, "y".repeat(1_024), "y".repeat(1_025), "y".repeat(2_049)
    ]);
    let values = values.as_array().cloned().expect("an array");
    std::iter::once(None).chain(values.into_iter().map(Some)).collect()
}

/// The paths of all fields of an event, and of those that an event of its kind could have besides.
fn paths(event: &Value, schema: &Value) -> Vec<Vec<String>> {
    fn walk(value: &Map<String, Value>, at: &[String], into: &mut Vec<Vec<String>>) {
        for (name, value) in value {
            let path: Vec<String> = at.iter().chain([name]).cloned().collect();
            into.push(path.clone());
            if let Value::Object(fields) = value {
                walk(fields, &path, into);
            }
        }
    }
    let mut found = vec![];
    walk(event.as_object().expect("an object"), &[], &mut found);
    let action = event["action"].clone();
    for definition in schema["$defs"].as_object().expect("definitions").values() {
        let properties = definition["properties"].as_object().expect("properties");
        if definition["properties"]["action"]["const"] == action {
            found.extend(properties.keys().map(|name| vec![name.clone()]));
        }
    }
    found.sort();
    found.dedup();
    found
}

fn with(event: &Value, path: &[String], value: Option<&Value>) -> Value {
    let mut changed = event.clone();
    let (last, way) = path.split_last().expect("a path");
    let within = way.iter().fold(&mut changed, |value, name| &mut value[name]);
    let Some(fields) = within.as_object_mut() else { return changed };
    match value {
        Some(value) => drop(fields.insert(last.clone(), value.clone())),
        None => drop(fields.remove(last)),
    }
    changed
}

/// What a schema can not say: that two fields are equal.
fn is_beyond_a_schema(event: &Value) -> bool {
    let keys = ["key", "resource_id", "reference_id"].map(|name| event[name].as_str().filter(|key| !key.is_empty()));
    let mut keys = keys.into_iter().flatten();
    let first = keys.next();
    keys.any(|key| Some(key) != first)
}

#[test]
fn an_event_is_right_if_its_schema_says_so() {
    let (schema, validator) = (read("event.json"), validator("event.json"));
    let (mut right, mut wrong) = (0, 0);
    for whole in whole_events() {
        assert!(LeaseEvent::from_value(&whole).is_ok() && validator.is_valid(&whole), "{whole}");
        let paths = paths(&whole, &schema);
        let singles: Vec<Value> = paths
            .iter()
            .flat_map(|path| {
                other_values().into_iter().map(|value| with(&whole, path, value.as_ref())).collect::<Vec<_>>()
            })
            .collect();
        // Two fields at a time, as far as they contradict or replace each other.
        let telling = [None, Some(json!(null)), Some(json!("")), Some(json!("k")), Some(json!(true)), Some(json!(60))];
        let pairs = singles.iter().flat_map(|single| {
            let telling = &telling;
            paths.iter().flat_map(move |path| telling.iter().map(move |value| with(single, path, value.as_ref())))
        });
        for event in singles.iter().cloned().chain(pairs) {
            if is_beyond_a_schema(&event) {
                continue;
            }
            let read = LeaseEvent::from_value(&event);
            let valid = validator.is_valid(&event);
            assert_eq!(read.is_ok(), valid, "{event}\nis read as {read:?}");
            *if valid { &mut right } else { &mut wrong } += 1;
        }
    }
    println!("{right} right, {wrong} wrong");
    assert!(right > 10_000 && wrong > 10_000, "{right} right, {wrong} wrong");
}

#[tokio::test]
async fn the_examples_are_answered_as_they_say() {
    let (events, answers, failures) = (validator("event.json"), validator("answer.json"), validator("failure.json"));
    let mut examples = read("examples.json");
    let mut shown: BTreeMap<String, u32> = BTreeMap::new();
    for example in examples.as_array_mut().expect("examples") {
        let pool = ServedPool::of(1).await;
        for step in example["steps"].as_array_mut().expect("steps") {
            let event = step["event"].clone();
            let mut answer = match pool.handle(event.clone()).await.answer {
                Ok(answer) => serde_json::to_value(answer).expect("JSON"),
                Err(failed) => json!({ "errorType": failed.error_type, "errorMessage": failed.message }),
            };
            let failed = answer.get("errorType").is_some();
            let keeps = if failed { &failures } else { &answers };
            assert!(keeps.is_valid(&answer), "{answer}");
            assert_eq!(events.is_valid(&event), answer["errorType"] != "InvalidRequest", "{event}");
            // Chance spreads callers that are told to ask again.
            if let Some(seconds) = answer.get_mut("retry_after_seconds") {
                *seconds = step["answer"].get("retry_after_seconds").cloned().unwrap_or_else(|| seconds.clone());
            }
            *shown.entry(answer["status"].as_str().unwrap_or("failed").to_owned()).or_default() += 1;
            step["answer"] = answer;
        }
    }
    for kind in ["acquired", "wait", "queued", "released", "renewed", "ok", "swept", "ignored", "failed"] {
        assert!(shown.contains_key(kind), "no example of {kind}");
    }
    if std::env::var_os("LEASEHOLD_UPDATE").is_some() {
        let text = serde_json::to_string_pretty(&examples).expect("JSON") + "\n";
        std::fs::write(file("examples.json"), text).expect("a file");
    }
    assert_eq!(read("examples.json"), examples, "LEASEHOLD_UPDATE=1 writes them anew");
}
