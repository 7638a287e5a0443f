//! Stories: does the page show the truth? Leasehold is never over its limit, counting is in every story, nothing is lost,
//! and both had the same jobs.

#![allow(clippy::expect_used, reason = "a test that can not set itself up has failed")]

use std::collections::BTreeMap;

use leasehold_sim::simulator::{Scenario, SimEventKind, Strategy, World, presets};
use serde_json::{Value, json};

fn world(scenario: &Value) -> World {
    World::new(&Scenario::read(scenario).expect("a scenario"))
}

fn all_presets() -> Vec<(String, Value)> {
    presets().expect("presets").into_iter().map(|preset| (preset.id, preset.scenario)).collect()
}

#[test]
fn leasehold_is_never_over_its_limit_in_any_story() {
    for (id, mut scenario) in all_presets() {
        for (seed, mode) in (1..=12).flat_map(|seed| [(seed, "queue"), (seed, "poll")]) {
            scenario["seed"] = json!(seed);
            scenario["mode"] = json!(mode);
            let mut world = world(&scenario);
            world.advance_to(90_000.0, u64::MAX);
            let lane = &world.statistics().lanes[Strategy::Leasehold];
            assert_eq!((lane.all.breaches, lane.all.most_over), (0, 0), "{id}, seed {seed}, {mode}");
            assert!(lane.over > 20, "{id}, seed {seed}, {mode}: it shows something, {} jobs", lane.over);
        }
    }
}

#[test]
fn counting_lets_too_many_in_in_every_story() {
    for (id, scenario) in all_presets() {
        let mut world = world(&scenario);
        world.advance_to(60_000.0, u64::MAX);
        let statistics = world.statistics();
        assert!(
            statistics.lanes[Strategy::CountThenPut].all.breaches > 0,
            "{id}: counting held its limit for a minute"
        );
    }
}

#[test]
fn who_is_one_too_many_counted_before_others_had_put() {
    let mut world = world(&json!({}));
    world.advance_to(1_000.0, u64::MAX);
    let (events, _) = world.events(0);
    let over: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.kind {
            SimEventKind::OverLimit { counted, together, held, ceiling, .. } => {
                Some((*counted, together.len(), *held, *ceiling))
            }
            _ => None,
        })
        .collect();
    assert!(!over.is_empty());
    for (counted, together, held, ceiling) in over {
        let counted = counted.expect("it counted");
        assert!(counted < ceiling && held > ceiling, "it counted {counted} of {ceiling}, and then {held} held");
        assert!(together > 0 && counted as usize + together >= ceiling as usize, "{counted} + {together}");
    }
}

/// What is written beside a caller while it flies.
#[test]
fn what_a_caller_counted_is_shown_on_its_way_and_with_its_put() {
    let mut world = world(&json!({}));
    let (mut told, mut put) = (BTreeMap::new(), BTreeMap::new());
    for at in 1..=400 {
        world.advance_to(f64::from(at), u64::MAX);
        for request in world.requests(Strategy::CountThenPut).chunks(10) {
            let (job, leg, operation, counted) = (request[1] as u32, request[4], request[8], request[9]);
            match (operation as u8, leg as u8) {
                (6, 0) => assert_eq!(counted, -1.0, "job {job} can not know yet"),
                (6, _) => drop(told.insert(job, counted)),
                (7, _) => drop(put.insert(job, counted)),
                _ => {}
            }
        }
    }
    let (events, _) = world.events(0);
    let mut compared = 0;
    for event in &events {
        let SimEventKind::Acquired { job, counted: Some(counted), .. } = event.kind else { continue };
        let shown = [told.get(&job), put.get(&job)].into_iter().flatten();
        for shown in shown {
            assert_eq!(*shown, f64::from(counted), "job {job}");
            compared += 1;
        }
    }
    assert!(compared > 30, "only {compared} were compared");
}

#[test]
fn a_lowered_limit_is_followed_and_never_exceeded_anew() {
    for seed in 1..=20 {
        let scenario = json!({
            "seed": seed,
            "pools": [{ "prefix": "p", "limit": 20 }],
            "workloads": [{ "pool": "p", "burst": 60, "per_minute": 200, "job_ms": 4000 }],
            "failures": { "reply_lost": 1, "call_dies": 1 },
            "clocks": { "skew_ms": 900 },
            "actions": [
                { "at_ms": 3000, "do": "limit", "pool": "p", "limit": 4 },
                { "at_ms": 30000, "do": "limit", "pool": "p", "limit": 12 },
                { "at_ms": 31000, "do": "limit", "pool": "p", "limit": 7 },
            ],
        });
        let mut world = world(&scenario);
        world.advance_to(60_000.0, u64::MAX);
        let pool = &world.statistics().lanes[Strategy::Leasehold].pools[0];
        assert_eq!((pool.breaches, pool.limit), (0, 7), "seed {seed}");
        assert!(pool.peak == 20 && pool.held <= 7, "seed {seed}: {pool:?}");
    }
}

#[test]
fn every_job_ends_and_every_slot_is_free_again() {
    for seed in 1..=25 {
        let scenario = json!({
            "seed": seed,
            "mode": if seed % 2 == 0 { "poll" } else { "queue" },
            "pools": [{ "prefix": "p", "limit": 5 }],
            "workloads": [{ "pool": "p", "burst": 40, "per_minute": 120, "until_ms": 30000, "job_ms": 1500 }],
            "failures": { "worker_dies": 10, "call_dies": 4, "request_lost": 3, "reply_lost": 3, "throttled": 3 },
            "clocks": { "skew_ms": 700 },
            "workers": { "reported": seed % 3 != 0 },
        });
        let mut world = world(&scenario);
        world.advance_to(600_000.0, u64::MAX);
        for strategy in Strategy::ALL {
            let lane = &world.statistics().lanes[strategy];
            assert_eq!(lane.arrived, lane.over + lane.died + lane.gave_up, "seed {seed}, {}", lane.name);
            assert_eq!((lane.all.held, lane.all.waiting), (0, 0), "seed {seed}, {}", lane.name);
            assert_eq!(world.jobs(strategy), [0.0; 0], "seed {seed}, {}", lane.name);
            assert!(lane.died > 0, "seed {seed}: somebody died");
            // State is the third of eight numbers a slot: 0 is free.
            assert!(world.slots(strategy).chunks(8).all(|slot| slot[2] == 0.0), "seed {seed}, {}", lane.name);
        }
        assert_eq!(world.statistics().lanes[Strategy::Leasehold].all.breaches, 0, "seed {seed}");
    }
}

#[test]
fn both_lanes_have_the_same_jobs_at_the_same_times() {
    let mut world = world(&json!({ "failures": { "call_dies": 5 }, "mode": "poll" }));
    world.advance_to(1_000.0, u64::MAX);
    let statistics = world.statistics();
    assert_eq!(statistics.lanes[Strategy::CountThenPut].arrived, statistics.lanes[Strategy::Leasehold].arrived);
    let both = (0..50)
        .filter_map(|job| world.job(job))
        .filter(|job| job["doors"][0]["work_ms"].is_number() && job["doors"][1]["work_ms"].is_number());
    let mut compared = 0;
    for job in both {
        compared += 1;
        for same in ["arrived_ms", "work_ms", "workload", "clock_ahead_ms"] {
            assert_eq!(job["doors"][0][same], job["doors"][1][same], "{job}");
        }
    }
    assert!(compared > 40, "{compared}");
}

#[test]
fn a_queue_costs_three_transitions_however_long_one_waits() {
    let cost = |per_minute: u32| {
        let scenario = json!({
            "pools": [{ "prefix": "p", "limit": 10 }],
            "workloads": [{ "pool": "p", "burst": 20, "per_minute": per_minute, "until_ms": 60000 }],
        });
        let mut world = world(&scenario);
        world.advance_to(600_000.0, u64::MAX);
        let statistics = world.statistics();
        let lane = &statistics.lanes[Strategy::Leasehold];
        (lane.per_job.expect("jobs"), lane.all.wait_p99_ms.expect("waits"))
    };
    let ((few, short), (many, long)) = (cost(100), cost(600));
    assert!(long > 10.0 * short, "waits of {short} and {long} ms");
    assert_eq!((few.transitions, many.transitions), (3.0, 3.0));
    assert!(many.requests < 1.5 * few.requests, "{} and {} requests a job", few.requests, many.requests);
}

#[test]
fn clocks_further_apart_than_the_grace_are_not_promised() {
    let within = world(&json!({ "clocks": { "skew_ms": 1000 }, "leases": { "grace_ms": 1000 } }));
    let beyond = world(&json!({ "clocks": { "skew_ms": 1001 }, "leases": { "grace_ms": 1000 } }));
    assert_eq!((within.frame().promised, beyond.frame().promised), (true, false));
}
