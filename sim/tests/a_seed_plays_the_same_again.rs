//! Seeds: is a world a function of its scenario? The same seed plays the same, here, in a browser, and after going
//! back.

#![allow(clippy::expect_used, reason = "a test that can not set itself up has failed")]

use leasehold_sim::simulator::{Scenario, Strategy, World, presets};
use serde_json::{Value, json};

fn world(scenario: &Value) -> World {
    World::new(&Scenario::read(scenario).expect("a scenario"))
}

fn eventful() -> Value {
    let presets = presets().expect("presets");
    presets.into_iter().find(|preset| preset.id == "a-bad-day").expect("it is there").scenario
}

/// Everything that can be seen of a world.
fn seen(world: &World) -> (u64, String, Vec<f64>, Vec<f64>, Vec<f64>, String) {
    let numbers =
        serde_json::to_string(&(world.frame(), world.statistics(), world.recent_requests(Strategy::Leasehold, 50)))
            .expect("JSON");
    let drawn = |draw: fn(&World, Strategy) -> Vec<f64>| Strategy::ALL.map(|strategy| draw(world, strategy)).concat();
    let line = world.series(Strategy::Leasehold, 0, 0.0, world.now(), 500);
    let drawn = (drawn(World::slots), drawn(World::jobs), [drawn(World::requests), line].concat());
    let (events, next) = world.events(0);
    let events: Vec<_> = events.iter().map(|event| (event.seq, format!("{:?}", event.kind))).collect();
    (world.digest(), numbers, drawn.0, drawn.1, drawn.2, format!("{next} {events:?}"))
}

/// What the browser must come to as well: `wasm/e2e` compares it with the same world there.
#[test]
fn the_digest_of_the_bad_day_is_pinned() {
    let mut world = world(&eventful());
    world.advance_by(10_000);
    assert_eq!(world.happened(), 10_000);
    assert_eq!(format!("{:016x}", world.digest()), include_str!("digest.txt").trim());
}

#[test]
fn another_seed_plays_something_else() {
    let digests: Vec<u64> = (1..=10)
        .map(|seed| {
            let mut world = world(&json!({ "seed": seed }));
            world.advance_by(1_000);
            world.digest()
        })
        .collect();
    assert!((1..digests.len()).all(|at| !digests[..at].contains(&digests[at])), "{digests:x?}");
}

#[test]
fn it_does_not_matter_in_which_strides_one_gets_there() {
    let mut once = world(&eventful());
    once.advance_to(20_000.0, u64::MAX);
    let mut often = world(&eventful());
    (1..=1_200).for_each(|frame| {
        often.advance_to(f64::from(frame) * 20_000.0 / 1_200.0, u64::MAX);
    });
    let mut stepped = world(&eventful());
    while stepped.now() < 19_000.0 {
        stepped.step().expect("something happens");
    }
    stepped.advance_to(20_000.0, u64::MAX);
    assert_eq!(seen(&once), seen(&often));
    assert_eq!(seen(&once), seen(&stepped));
}

#[test]
fn going_back_and_forth_is_the_same_as_going_there_at_once() {
    let mut scrubbed = world(&eventful());
    for to in [90_000.0, 12_345.678, 12_345.0, 0.0, 60_000.0, 59_999.999, 3_000.0, 70_000.0] {
        scrubbed.seek(to);
        let mut fresh = world(&eventful());
        // The start is before all that happens at that moment.
        if to > 0.0 {
            fresh.advance_to(to, u64::MAX);
        }
        assert_eq!(seen(&scrubbed), seen(&fresh), "at {to} ms");
    }
    assert!((scrubbed.reached() - 90_000.0).abs() < f64::EPSILON);
}

#[test]
fn what_somebody_did_is_played_again_and_after_going_back() {
    let mut live = world(&json!({ "seed": 5 }));
    let acts = [
        (700.0, json!({ "do": "kill" })),
        (1_500.5, json!({ "do": "drop_reply" })),
        (2_000.0, json!({ "do": "limit", "pool": "analytics", "limit": 22 })),
        (2_000.0, json!({ "do": "drop_request", "door": 1 })),
        (9_000.0, json!({ "do": "kill", "job": 45 })),
        (12_000.0, json!({ "do": "limit", "pool": "analytics", "limit": 8 })),
    ];
    for (at, act) in &acts {
        live.advance_to(*at, u64::MAX);
        live.act(act).expect("an action");
    }
    live.advance_to(40_000.0, u64::MAX);

    let mut again = world(&live.scenario().json());
    again.advance_to(40_000.0, u64::MAX);
    assert_eq!(seen(&live), seen(&again));

    live.seek(8_000.0);
    live.seek(40_000.0);
    assert_eq!(seen(&live), seen(&again));
    assert_eq!(live.statistics().lanes[Strategy::Leasehold].all.breaches, 0);
}

#[test]
fn doing_something_in_the_past_forgets_what_was_done_later() {
    let mut live = world(&json!({}));
    live.advance_to(5_000.0, u64::MAX);
    live.act(&json!({ "do": "kill" })).expect("an action");
    live.advance_to(20_000.0, u64::MAX);
    live.seek(3_000.0);
    live.act(&json!({ "do": "limit", "pool": "batch", "limit": 9 })).expect("an action");
    let actions = live.scenario().json()["actions"].clone();
    assert_eq!(actions, json!([{ "do": "limit", "pool": "batch", "limit": 9, "at_ms": 3000 }]));
    assert!((live.reached() - 3_000.0).abs() < f64::EPSILON);

    live.advance_to(20_000.0, u64::MAX);
    let mut again = world(&live.scenario().json());
    again.advance_to(20_000.0, u64::MAX);
    assert_eq!(seen(&live), seen(&again));
}

#[test]
fn what_a_scenario_plans_for_later_outlasts_what_somebody_does() {
    let limit = |pool: &str, limit: u32, at: u32| json!({ "do": "limit", "pool": pool, "limit": limit, "at_ms": at });
    let planned = json!([limit("analytics", 9, 4_000), limit("batch", 2, 8_000), limit("analytics", 12, 9_000)]);
    let mut live = world(&json!({ "actions": planned }));
    live.advance_to(5_000.0, u64::MAX);
    live.act(&json!({ "do": "kill" })).expect("an action");
    let actions = |world: &World| world.scenario().json()["actions"].as_array().expect("actions").clone();
    let at = |world: &World| actions(world).iter().map(|action| action["at_ms"].clone()).collect::<Vec<_>>();
    assert_eq!(at(&live), [4_000, 5_000, 8_000, 9_000]);
    live.advance_to(20_000.0, u64::MAX);
    let mut again = world(&live.scenario().json());
    again.advance_to(20_000.0, u64::MAX);
    assert_eq!(seen(&live), seen(&again));
    // Somebody's own limit of a pool stays; those of others come.
    live.seek(6_000.0);
    live.act(&limit("analytics", 3, 0)).expect("an action");
    assert_eq!(at(&live), [4_000, 5_000, 6_000, 8_000]);
    live.act(&json!({ "do": "kill" })).expect("an action");
    assert_eq!(at(&live), [4_000, 5_000, 6_000, 6_000, 8_000]);
    live.advance_to(20_000.0, u64::MAX);
    let mut again = world(&live.scenario().json());
    again.advance_to(20_000.0, u64::MAX);
    assert_eq!(seen(&live), seen(&again));
    // Before that, it is forgotten with all that it stood in for.
    live.seek(1_000.0);
    live.act(&json!({ "do": "kill" })).expect("an action");
    assert_eq!(at(&live), [1_000, 4_000, 8_000, 9_000]);
}

#[test]
fn a_job_comes_to_all_lanes_in_one_step() {
    let mut world = world(&eventful());
    let mut came = 0;
    while came < 40 {
        let step = world.step().expect("something happens");
        let arrived = Strategy::ALL.map(|strategy| world.statistics().lanes[strategy].arrived);
        assert!(arrived.iter().all(|count| *count == arrived[0]), "{arrived:?} after {step:?}");
        came = arrived[0];
    }
    // Back at the start nobody has come.
    world.seek(0.0);
    assert!(Strategy::ALL.iter().all(|strategy| world.statistics().lanes[*strategy].arrived == 0));
}

#[test]
fn an_action_after_a_step_is_played_again_at_the_same_place() {
    let mut live = world(&json!({ "workloads": [{ "pool": "analytics", "burst": 50, "burst_over_ms": 0 }] }));
    for _ in 0..137 {
        live.step().expect("something happens");
    }
    live.act(&json!({ "do": "kill" })).expect("an action");
    live.advance_to(5_000.0, u64::MAX);
    let mut again = world(&live.scenario().json());
    again.advance_to(5_000.0, u64::MAX);
    assert_eq!(seen(&live), seen(&again));
}
