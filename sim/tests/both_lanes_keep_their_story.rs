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

/// A job that loses its lease and starts again has not waited while it worked.
#[test]
fn the_time_at_work_is_no_wait() {
    let mut world = world(&json!({
        "pools": [{ "prefix": "p", "limit": 2 }],
        "workloads": [{ "name": "w", "pool": "p", "burst": 2, "per_minute": 1, "job_ms": 20_000 }],
        "failures": { "request_lost": 60 },
        "leases": { "lease_ms": 3_000, "grace_ms": 1_000 },
    }));
    let (mut began, mut lost, mut events, mut next) = (BTreeMap::new(), 0, vec![], 0);
    for second in 1..=60 {
        world.advance_to(f64::from(second) * 1_000.0, u64::MAX);
        let (new, after) = world.events(next);
        events.extend(new);
        next = after;
    }
    for event in events.iter().filter(|event| event.lane != Some(Strategy::CountThenPut)) {
        match event.kind {
            SimEventKind::Arrived { job, .. } => drop(began.insert(job, event.at_ms)),
            SimEventKind::LostLease { job } => {
                lost += 1;
                began.insert(job, event.at_ms);
            }
            SimEventKind::Acquired { job, waited_ms, .. } => {
                let began = began.get(&job).expect("it came");
                assert!(
                    (event.at_ms - began - waited_ms).abs() < 0.01,
                    "job {job} waited {waited_ms} ms since {began}"
                );
            }
            _ => {}
        }
    }
    assert!(lost > 1, "{lost} leases were lost");
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

/// Who counts, then puts, has no settling: whoever comes once every caller can know of a lowered limit is too many above it.
#[test]
fn counting_may_exceed_a_lowered_limit_while_it_is_cached() {
    let (mut cached, mut later) = (0, 0);
    for seed in 1..=8 {
        let mut world = world(&json!({
            "seed": seed,
            "pools": [{ "prefix": "p", "limit": 10 }],
            "workloads": [{ "name": "p", "pool": "p", "burst": 200, "burst_over_ms": 50, "job_ms": 1200 }],
            "actions": [{ "at_ms": 1000, "do": "limit", "pool": "p", "limit": 3 }],
        }));
        while world.now() < 12_000.0 {
            world.advance_by(1);
            let pool = &world.frame().lanes[Strategy::CountThenPut].pools[0];
            // Its settings are cached for a second.
            if (1_000.0..2_000.0).contains(&world.now()) {
                assert!(pool.ceiling == 10, "seed {seed} at {}: some follow the old limit", world.now());
                cached += 1;
            }
            // By then those from before have ended, too.
            if world.now() > 4_000.0 {
                assert_eq!(pool.ceiling, 3, "seed {seed} at {}", world.now());
                later += pool.held.saturating_sub(3);
            }
        }
        let (events, _) = world.events(0);
        for event in events {
            let SimEventKind::OverLimit { limit, ceiling, held, .. } = event.kind else { continue };
            assert!(limit <= ceiling && ceiling < held, "{held} of {limit} to {ceiling}");
        }
    }
    assert!(cached > 0 && later > 0);
}

/// A caller goes by the limit that it read, also where the table says another.
#[test]
fn who_is_refused_tells_the_limit_that_it_went_by() {
    for mode in ["queue", "poll"] {
        let mut world = world(&json!({
            "mode": mode,
            "pools": [{ "prefix": "p", "limit": 2 }],
            "workloads": [{ "name": "p", "pool": "p", "burst": 10, "per_minute": 3000 }],
            "actions": [{ "at_ms": 1000, "do": "limit", "pool": "p", "limit": 400 }],
        }));
        let (mut stale, mut next) = ([false; 2], 0);
        while world.now() < 4_000.0 {
            world.advance_by(20);
            let (events, newest) = world.events(next);
            next = newest;
            for event in events {
                let (limit, followed) = match event.kind {
                    SimEventKind::Refused { limit, followed, .. } => (limit, followed),
                    SimEventKind::Queued { limit, followed, .. } => (limit, followed),
                    _ => continue,
                };
                assert!([2, 400].contains(&limit) && [2, 400].contains(&followed), "{followed}, {limit}");
                assert!(followed <= limit, "{followed}, {limit}");
                if followed < limit {
                    assert!((1_000.0..2_500.0).contains(&event.at_ms), "{mode} at {}", event.at_ms);
                    stale[event.lane.map_or(0, |lane| lane as usize)] = true;
                }
            }
        }
        assert_eq!(stale, [true; 2], "{mode}");
    }
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

/// A visitor drags a slider from 15 to 0 and back while the first jobs come.
fn dragged(seed: u64, failures: &Value) -> World {
    let mut world = world(&json!({ "seed": seed, "failures": failures, "clocks": { "skew_ms": 900 } }));
    world.advance_to(300.0, u64::MAX);
    for limit in (0..15).rev().chain(1..=15) {
        world.act(&json!({ "do": "limit", "pool": "analytics", "limit": limit })).expect("an action");
        world.advance_to(world.now() + 15.0, u64::MAX);
    }
    world
}

#[test]
fn of_quick_changes_of_a_limit_the_last_one_stays() {
    for seed in 1..=20 {
        let failures = json!({ "request_lost": seed % 3 * 5, "reply_lost": seed % 3 * 5, "call_dies": seed % 4 * 5 });
        let mut world = dragged(seed, &failures);
        world.advance_to(45_000.0, u64::MAX);
        let pool = &world.frame().lanes[Strategy::Leasehold].pools[0];
        assert_eq!((pool.limit, pool.effective, pool.settles_at_ms), (15, 15, None), "seed {seed}");
        assert_eq!(world.statistics().lanes[Strategy::Leasehold].all.breaches, 0, "seed {seed}");
    }
}

#[test]
fn one_change_of_a_limit_is_under_way_at_a_time() {
    let mut world = dragged(1, &json!({}));
    world.seek(0.0);
    let (mut changing, mut most_writes, mut shown) = (0, 0, 15);
    while world.now() < 3_000.0 {
        world.advance_by(1);
        // Of ten numbers a request, the fourth is its kind and the ninth what it is for: 1 is a write, 5 a change.
        let requests = world.requests(Strategy::Leasehold);
        let of_change: Vec<f64> = requests.chunks(10).filter(|row| row[8] == 5.0).map(|row| row[3]).collect();
        let writes = of_change.iter().filter(|kind| **kind == 1.0).count();
        assert!(writes == 0 || of_change.len() == 1, "at {}: {of_change:?}", world.now());
        changing += usize::from(writes > 0);
        most_writes = most_writes.max(writes);
        let limit = world.frame().lanes[Strategy::Leasehold].pools[0].limit;
        let told: Vec<Value> = world.events(0).0.iter().map(|event| json!(event.as_ref())).collect();
        let written = |said: &&Value| said["what"] == "limit" && said["step"] == "in force" && said["door"] == 1;
        shown = told.iter().rev().find(written).map_or(shown, |said| said["to"].as_u64().unwrap_or(0));
        assert_eq!(u64::from(limit), shown, "at {}: what is shown is what the table says", world.now());
    }
    assert!(changing > 0 && most_writes == 1, "{changing} moments with a write on its way");
    let changes = world.recent_requests(Strategy::Leasehold, 4_000);
    let writes = changes.as_array().into_iter().flatten();
    let writes = writes.filter(|one| one["what"].as_str().is_some_and(|what| what.starts_with("changes the limit")));
    assert!(writes.count() < 10, "thirty wishes are no thirty changes");
}

#[test]
fn a_lowered_pool_says_until_when_it_is_closed() {
    let mut world = world(&json!({
        "pools": [{ "prefix": "p", "limit": 20 }],
        "workloads": [{ "pool": "p", "burst": 100, "per_minute": 600, "job_ms": 1500 }],
        "actions": [{ "at_ms": 3000, "do": "limit", "pool": "p", "limit": 4 }],
    }));
    let at = |world: &mut World, ms: f64| {
        world.advance_to(ms, u64::MAX);
        world.frame().lanes[Strategy::Leasehold].pools[0].clone()
    };
    assert_eq!(at(&mut world, 2_900.0).settles_at_ms, None);
    let before = at(&mut world, 3_500.0);
    assert!(before.held > 4 && before.settles_at_ms.is_none(), "more than the limit is full: {before:?}");
    let closed = at(&mut world, 8_000.0);
    let until = closed.settles_at_ms.expect("closed until a moment");
    assert!(closed.held == 0 && closed.waiting > 0 && (14_000.0..17_000.0).contains(&until), "{closed:?}");
    assert_eq!(at(&mut world, until - 50.0).held, 0);
    // Also at a moment at which nothing happens.
    assert_eq!(at(&mut world, until - 1.0).settles_at_ms, Some(until));
    assert_eq!(at(&mut world, until).settles_at_ms, None);
    let open = at(&mut world, until + 5_000.0);
    assert_eq!((open.held, open.settles_at_ms), (4, None));
    assert_eq!(world.statistics().lanes[Strategy::Leasehold].all.breaches, 0);
}

#[test]
fn what_is_done_can_always_be_read_again() {
    let mut world = world(&json!({}));
    world.advance_to(100.0, u64::MAX);
    let mut done = || world.act(&json!({ "do": "limit", "pool": "batch", "limit": 6 }));
    let refused = (0..600).find_map(|_| done().err()).expect("no more than a scenario may have");
    assert_eq!(refused.to_string(), "actions is as long as it may be: expected at most 500");
    let again = Scenario::read(&world.scenario().short().expect("a scenario")).expect("it reads back");
    assert_eq!(again, world.scenario());
}
