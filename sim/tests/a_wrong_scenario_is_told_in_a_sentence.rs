//! Wrong scenarios: what does somebody read whose link is broken? One sentence that names the field, what it is and
//! what it should be.

#![allow(clippy::expect_used, reason = "a test that can not set itself up has failed")]

use leasehold_sim::simulator::{Scenario, World, fields, presets};
use serde_json::json;

#[test]
fn each_mistake_has_its_sentence() {
    let wrong = [
        (json!(7), "scenario is 7: expected an object"),
        (json!({ "netwrk": {} }), "netwrk is not a field: expected one of name, seed, mode"),
        (json!({ "network": { "delay": 3 } }), "network.delay is not a field: expected one of delay_ms"),
        (
            json!({ "network": { "delay_ms": 5000 } }),
            "network.delay_ms is 5000: expected a whole number from 1 to 2000",
        ),
        (json!({ "network": { "delay_ms": 1.5 } }), "network.delay_ms is 1.5: expected a whole number"),
        (json!({ "network": [] }), "network is []: expected an object"),
        (json!({ "failures": { "reply_lost": "1" } }), "failures.reply_lost is \"1\": expected a number from 0 to 100"),
        (json!({ "mode": "push" }), "mode is \"push\": expected queue or poll"),
        (json!({ "pools": [] }), "pools is a list of 0: expected 1 to 6"),
        (json!({ "pools": [{ "prefix": "a b" }] }), "pools[0].prefix is \"a b\": expected 1 to 64 of"),
        (json!({ "pools": [{ "limit": 1001 }] }), "pools[0].limit is 1001: expected a whole number from 0 to 1000"),
        (json!({ "pools": [{}, {}] }), "pools[1].prefix is there twice"),
        (json!({ "workloads": [{ "pool": "x" }] }), "workloads[0].pool is \"x\": expected one of analytics, batch"),
        (json!({ "actions": [{ "do": "kill" }] }), "actions[0].at_ms is null: expected milliseconds"),
        (json!({ "actions": [{ "at_ms": 1, "do": "hug" }] }), "actions[0].do is \"hug\": expected limit, kill,"),
        (json!({ "actions": [{ "at_ms": 1, "do": "limit" }] }), "actions[0].limit is missing"),
        (json!({ "actions": [{ "at_ms": 1, "do": "kill", "door": 2 }] }), "actions[0].door is 2: expected"),
        (json!({ "workers": { "renew": 1 } }), "workers.renew is 1: expected true or false"),
        (json!({ "name": "x".repeat(81) }), "name is "),
        (
            json!({ "workloads": [{ "burst_every_ms": 50, "burst_over_ms": 100 }] }),
            "workloads[0].burst_every_ms is 50: expected no less than burst_over_ms",
        ),
    ];
    for (scenario, sentence) in wrong {
        let error = Scenario::read(&scenario).expect_err(&scenario.to_string()).to_string();
        assert!(error.starts_with(sentence), "{scenario} says {error:?}, expected {sentence:?}");
    }
    assert!(Scenario::parse("{").expect_err("no JSON").to_string().starts_with("scenario is no JSON"));
}

#[test]
fn every_bound_is_accepted_and_what_lies_beyond_is_not() {
    for field in fields() {
        let (group, name) = field.path.rsplit_once('.').unwrap_or(("", field.path));
        let scenario = |value: u64| match group {
            "" => json!({ name: value }),
            "pools" => json!({ "pools": [{ name: value }] }),
            "workloads" => {
                json!({ "workloads": [{ name: value, "burst_over_ms": if name == "burst_over_ms" { value } else { 0 } }] })
            }
            group => json!({ group: { name: value } }),
        };
        let fits = |value: u64| Scenario::read(&scenario(value)).is_ok();
        assert!(fits(field.least.into()) && fits(field.most.into()), "{}", field.path);
        assert!(!fits(u64::from(field.most) + 1), "{}", field.path);
    }
}

#[test]
fn a_link_carries_the_whole_scenario() {
    for preset in presets().expect("presets") {
        let mut world = World::new(&Scenario::read(&preset.scenario).expect("a scenario"));
        world.advance_to(1_234.5, u64::MAX);
        world.act(&json!({ "do": "kill" })).expect("an action");
        let whole = world.scenario();
        let short = whole.short().expect("it reads back");
        let again = Scenario::read(&short).expect("a scenario");
        assert_eq!(again.json(), whole.json(), "{}", preset.id);
        assert_eq!(again, whole, "{}", preset.id);
        assert!(short.to_string().len() < 600, "{}: {short}", preset.id);
    }
}
