//! Requests: what does a click on one show? The conditions, rows and reply that it really had.

#![allow(clippy::expect_used, reason = "a test that can not set itself up has failed")]

use leasehold_sim::simulator::{Scenario, Strategy, World};
use serde_json::{Value, json};

fn world(scenario: &Value) -> World {
    World::new(&Scenario::read(scenario).expect("a scenario"))
}

fn recent(world: &World, lane: Strategy) -> Vec<Value> {
    world.recent_requests(lane, 256).as_array().expect("a list").clone()
}

fn find(world: &World, lane: Strategy, words: &str, reply: &str) -> Value {
    let brief = recent(world, lane)
        .into_iter()
        .find(|brief| brief["what"].as_str().is_some_and(|what| what.contains(words)) && brief["reply"] == reply)
        .unwrap_or_else(|| panic!("no request {words:?} that was {reply}"));
    world.request(brief["id"].as_u64().expect("a number")).expect("it is found")
}

#[test]
fn a_claim_shows_its_conditions_and_the_rows_before_and_after() {
    let mut world = world(&json!({}));
    world.advance_to(150.0, u64::MAX);
    let claim = find(&world, Strategy::Leasehold, "claims slot", "written");
    let [slot, holder] = claim["writes"].as_array().expect("writes").as_slice() else { panic!("{claim:#}") };
    assert_eq!(slot["conditions"][0]["guard"], "ClaimSlotUnchanged");
    assert_eq!(holder["conditions"][0]["guard"], "ClaimHolderUnchanged");
    assert_eq!(slot["conditions"][0]["means"], "the slot has been granted to nobody since it was read as free");
    assert_eq!((&slot["conditions"][0]["held"], &slot["before"]), (&json!(true), &Value::Null));
    assert!(slot["row"].as_str().is_some_and(|row| row.starts_with("slot#000")), "{slot:#}");
    assert!(slot["to"].as_array().is_some_and(|to| to.contains(&json!(["fence", "1"]))), "{slot:#}");
}

#[test]
fn a_refused_claim_shows_what_failed_and_the_row_as_it_was() {
    let mut world = world(&json!({}));
    world.advance_to(150.0, u64::MAX);
    let claim = find(&world, Strategy::Leasehold, "claims slot", "refused: a condition failed");
    let failed =
        claim["writes"].as_array().expect("writes").iter().find(|write| write["conditions"][0]["held"] == false);
    let failed = failed.expect("one failed");
    assert!(
        failed["before"].as_array().is_some_and(|before| before.iter().any(|pair| pair[0] == "held by")),
        "{failed:#}"
    );
}

/// What a write leaves there, and what was there before, by the names of the attributes.
fn row_of(write: &Value, which: &str) -> std::collections::BTreeMap<String, String> {
    let pairs = write[which].as_array().expect("a row");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    pairs.iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
}

#[test]
fn an_update_shows_all_that_stays_as_it_is() {
    let mut world = world(&json!({ "leases": { "lease_ms": 3_000 } }));
    world.advance_to(6_000.0, u64::MAX);
    let renewal = find(&world, Strategy::Leasehold, "last longer", "written");
    let write = &renewal["writes"][0];
    let (before, to) = (row_of(write, "before"), row_of(write, "to"));
    let changed: Vec<&str> =
        to.iter().filter(|(name, value)| before.get(*name) != Some(value)).map(|(name, _)| &**name).collect();
    assert_eq!(changed, ["expires_at", "renewed_at"], "{write:#}");
    assert!(before.keys().all(|name| to.contains_key(name)), "{write:#}");
}

#[test]
fn a_refused_write_shows_what_failed_and_changes_nothing() {
    let mut refused = 0;
    let mut world = world(&json!({ "leases": { "lease_ms": 3_000 }, "clocks": { "skew_ms": 2_500 } }));
    for second in 1..=12 {
        world.advance_to(f64::from(second) * 1_000.0, u64::MAX);
        for brief in recent(&world, Strategy::Leasehold) {
            if !brief["reply"].as_str().is_some_and(|reply| reply.starts_with("refused")) {
                continue;
            }
            let found = world.request(brief["id"].as_u64().expect("a number")).expect("it is found");
            let writes = found["writes"].as_array().expect("writes");
            let held =
                |write: &Value| write["conditions"].as_array().expect("some").iter().all(|it| it["held"] == true);
            assert!(writes.iter().any(|write| !held(write)), "{found:#}");
            for write in writes.iter().filter(|write| write["before"].is_array()) {
                assert_eq!(
                    (row_of(write, "to"), &write["refused"]),
                    (row_of(write, "before"), &json!(true)),
                    "{write:#}"
                );
            }
            // One of several.
            refused += usize::from(writes.iter().any(|write| {
                let of = |held: bool| {
                    write["conditions"].as_array().is_some_and(|all| all.iter().any(|it| it["held"] == held))
                };
                of(true) && of(false)
            }));
        }
    }
    assert!(refused > 0);
}

#[test]
fn a_message_that_got_lost_is_so_at_once() {
    let mut world = world(&json!({}));
    world.advance_to(100.0, u64::MAX);
    world.act(&json!({ "do": "drop_reply" })).expect("an action");
    let lost = |world: &World| {
        let mut all = Strategy::ALL.iter().flat_map(|lane| recent(world, *lane)).collect::<Vec<_>>();
        all.retain(|brief| brief["lost"] == "reply" && brief["replied_ms"].is_null());
        all
    };
    while lost(&world).is_empty() {
        world.step().expect("something happens");
    }
    assert!(lost(&world)[0]["reply"].is_string(), "the table knows what it did");
}

#[test]
fn a_count_shows_the_leases_that_it_counted() {
    let mut world = world(&json!({}));
    world.advance_to(400.0, u64::MAX);
    let counts =
        recent(&world, Strategy::CountThenPut).into_iter().filter(|brief| brief["what"] == "counts the leases");
    let some =
        counts.filter(|brief| !brief["served_ms"].is_null()).map(|brief| brief["id"].as_u64().expect("a number"));
    let most =
        some.filter_map(|id| world.request(id)).map(|found| found["read"]["rows"].as_array().map_or(0, Vec::len)).max();
    assert!(most.is_some_and(|most| most > 15), "{most:?}");
}

#[test]
fn any_request_ever_seen_is_found_long_after_it_was_forgotten() {
    let mut world = world(&json!({}));
    world.advance_to(2_000.0, u64::MAX);
    let ids: Vec<u64> = [Strategy::CountThenPut, Strategy::Leasehold]
        .iter()
        .flat_map(|lane| recent(&world, *lane))
        .filter_map(|brief| brief["id"].as_u64())
        .collect();
    world.advance_to(2_500.0, u64::MAX);
    let before: Vec<_> = ids.iter().map(|id| world.request(*id)).collect();
    world.advance_to(120_000.0, u64::MAX);
    for (id, before) in ids.iter().zip(before) {
        let mut before = before.expect("it is found");
        let mut after = world.request(*id).expect("it is still found");
        // How those that went with it fared may have been open then.
        for open in ["replied_ms", "caller", "reply"] {
            if before[open].is_null() {
                after[open] = Value::Null;
            }
            if open == "reply" {
                before[open] = Value::Null;
                after[open] = Value::Null;
            }
        }
        assert_eq!(before, after);
    }
    assert_eq!(world.request(u64::MAX / 4), None);
}

#[test]
fn a_lost_reply_shows_what_the_table_did_unknown_to_its_caller() {
    let mut world = world(&json!({}));
    world.act(&json!({ "do": "drop_reply", "door": 1 })).expect("an action");
    world.advance_to(3_000.0, u64::MAX);
    let (events, _) = world.events(0);
    let lost = events.iter().find_map(|event| match &event.kind {
        leasehold_sim::simulator::SimEventKind::Lost { request, way: "reply", .. } => Some(*request),
        _ => None,
    });
    let found = world.request(lost.expect("a reply is lost")).expect("it is found");
    assert_eq!((&found["table"], &found["caller"]), (&json!("written"), &json!("no reply")));
    assert_eq!(world.statistics().lanes[Strategy::Leasehold].all.breaches, 0);
}
