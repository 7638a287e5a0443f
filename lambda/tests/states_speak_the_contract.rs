//! What Terraform's states send is what the lease manager understands, and what it answers is what they understand.
//! The machines are the rendered ones of `terraform/states`; the lease manager is the real one.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod pool;
mod states;

use pool::{BEGIN, acquire, release};
use serde_json::{Value, json};
use states::job::{CHILD, PARENT, always, call, ended, item, pool_of, serve, status, to_the_work, told};
use states::walk::{Walk, WalkTurn};
use states::{StateError, StateMachine};

/// What a release says of a lease that the pool shows so.
fn giving_back_of(held: &Value) -> Value {
    let times = ["acquired_at_ms", "expires_at_ms"].map(|time| held[time].as_i64().expect(time));
    json!({
        "action": "release", "lease_id": held["lease_id"], "acquired_at_ms": times[0], "expires_at_ms": times[1],
    })
}

#[tokio::test]
async fn a_job_holds_its_lease_from_acquire_to_release() {
    for machine in StateMachine::all() {
        let pool = pool_of(1).await;
        let (mut walk, turn) = Walk::start(&machine, CHILD, item("item-07"));
        let work = to_the_work(&pool, &mut walk, turn).await;
        assert_eq!(work.payload, json!({ "item": item("item-07")["item"] }), "{}", machine.name);

        let held = status(&pool).await["holders"][0].clone();
        assert_eq!((&held["execution"], &held["key"]), (&json!(CHILD), &json!("item-07")), "{}", machine.name);
        let name = CHILD.rsplit(':').next();
        assert_eq!((&held["parent"], &held["label"]), (&json!(PARENT), &json!(name)), "{}", machine.name);
        assert_eq!(held["expires_at_ms"], BEGIN + 600_000, "{}: the lease_seconds that were asked for", machine.name);

        let giving_back = call(walk.answered(Ok(json!({ "rows": 3 }))));
        assert_eq!(giving_back.token, None, "{}: nobody tells it anything later", machine.name);
        assert_eq!(giving_back.payload, giving_back_of(&held), "{}: the lease, and its time", machine.name);
        let released = serve(&pool, &giving_back).await.expect("an answer").expect("a success");
        assert_eq!(released, json!({ "status": "released", "lease_id": held["lease_id"] }), "{}", machine.name);
        let mut output = ended(walk.answered(Ok(released))).expect("a success");
        assert_eq!(status(&pool).await["current_running"], 0, "{}", machine.name);

        let lease = output["lease"].take();
        assert_eq!((&lease["status"], &lease["lease_id"]), (&json!("acquired"), &held["lease_id"]), "{}", machine.name);
        assert_eq!((&lease["fence"], &lease["slot"]), (&json!(1), &json!(0)), "{}", machine.name);
        let input = item("item-07");
        let flows = json!({ "parent": input["parent"], "item": input["item"], "lease": null, "result": { "rows": 3 } });
        assert_eq!(output, flows, "{}: what went in flows on, with the lease and the result", machine.name);
        let way: &[&str] = match machine.queues() {
            true => &["AcquireLease", "Process", "ReleaseLease"],
            false => &["AcquireLease", "CheckLeaseStatus", "Process", "ReleaseLease"],
        };
        assert_eq!(walk.entered, way, "{}", machine.name);
    }
}

#[tokio::test]
async fn a_polling_job_waits_as_long_as_it_is_told() {
    for machine in StateMachine::polling() {
        let pool = pool_of(1).await;
        let other = pool.acquire("another").await;
        let (mut walk, turn) = Walk::start(&machine, CHILD, item("item-07"));
        let wait = serve(&pool, &call(turn)).await.expect("an answer").expect("a success");
        let seconds = wait["retry_after_seconds"].as_u64().expect("seconds");
        walk.clock = "2024-11-22T10:11:20.000Z".into();
        let again = call(walk.answered(Ok(wait)));
        assert_eq!(walk.waited, [seconds], "{}", machine.name);
        assert_eq!(again.payload["attempt"]["entered"], walk.clock, "{}", machine.name);
        pool.answer(release(&other["lease_id"])).await;
        to_the_work(&pool, &mut walk, WalkTurn::Call(again)).await;
        let way = ["AcquireLease", "CheckLeaseStatus", "WaitForLease", "AcquireLease", "CheckLeaseStatus", "Process"];
        assert_eq!(walk.entered, way, "{}", machine.name);
    }
}

#[tokio::test]
async fn a_job_in_the_queue_is_told_when_its_turn_comes() {
    for machine in StateMachine::all().into_iter().filter(StateMachine::queues) {
        let pool = pool_of(1).await;
        let other = pool.acquire("another").await;
        let (mut walk, turn) = Walk::start(&machine, CHILD, item("item-07"));
        let asking = call(turn);
        assert_eq!(serve(&pool, &asking).await, None, "{}: nobody has told the task anything", machine.name);
        assert_eq!(status(&pool).await["queue"][0]["key"], "item-07", "{}", machine.name);
        pool.answer(release(&other["lease_id"])).await;
        let granted = told(&pool, asking.token.as_deref().expect("a token")).expect("its turn");
        call(walk.answered(granted));
        assert_eq!(walk.entered, ["AcquireLease", "Process"], "{}", machine.name);
    }
}

#[tokio::test]
async fn a_retry_is_a_newer_attempt_of_the_same_holder() {
    for machine in StateMachine::all() {
        let pool = pool_of(2).await;
        let (mut walk, turn) = Walk::start(&machine, CHILD, item("item-07"));
        let first = call(turn);
        let granted = serve(&pool, &first).await.expect("a free slot").expect("a grant");
        // The grant was written, and its answer lost.
        let retry = call(walk.answered(Err(StateError::new("Sandbox.Timedout", "…"))));
        // A poll in JSONPath can not ask whether its context has a count of redrives.
        let attempt = |retry: u64| match machine.name {
            "poll-jsonpath" => json!({ "entered": "2024-11-22T10:11:12.345Z", "retry": retry }),
            _ => json!({ "entered": "2024-11-22T10:11:12.345Z", "redrive": 0, "retry": retry }),
        };
        assert_eq!((&first.payload["attempt"], &retry.payload["attempt"]), (&attempt(0), &attempt(1)));
        assert!(first.token.is_none() || first.token != retry.token, "{}: a token of its own", machine.name);
        let again = serve(&pool, &retry).await.expect("a free slot").expect("a grant");
        assert_eq!(again["slot"], granted["slot"], "{}: the same slot", machine.name);
        assert_eq!(again["fence"], 2, "{}: what the first attempt was told is worth nothing now", machine.name);
        assert_eq!(status(&pool).await["current_running"], 1, "{}", machine.name);
    }
}

#[tokio::test]
async fn a_job_whose_work_fails_releases_and_fails_the_same_way() {
    for machine in StateMachine::all() {
        let pool = pool_of(1).await;
        let (mut walk, turn) = Walk::start(&machine, CHILD, item("item-07"));
        to_the_work(&pool, &mut walk, turn).await;
        let broken = StateError::new("RowMissing", "{\"errorMessage\":\"no row {} 'seven'\"}");
        let held = status(&pool).await["holders"][0].clone();
        let giving_back = call(walk.answered(Err(broken.clone())));
        assert_eq!(giving_back.payload, giving_back_of(&held), "{}: the lease, and its time", machine.name);
        let released = serve(&pool, &giving_back).await.expect("an answer");
        assert_eq!(status(&pool).await["current_running"], 0, "{}", machine.name);
        assert_eq!(ended(walk.answered(released)), Err(broken), "{}", machine.name);
        let way = ["Process", "ReleaseLeaseAfterFailure", "RaiseOriginalError"];
        assert!(walk.entered.ends_with(&way.map(String::from)), "{}: {:?}", machine.name, walk.entered);
    }
}

#[tokio::test]
async fn iterations_of_one_execution_are_told_apart_by_their_key() {
    for machine in StateMachine::all() {
        let pool = pool_of(2).await;
        for id in ["item-1", "item-2"] {
            let (mut walk, turn) = Walk::start(&machine, PARENT, item(id));
            to_the_work(&pool, &mut walk, turn).await;
        }
        assert_eq!(status(&pool).await["current_running"], 2, "{}", machine.name);
    }
}

#[tokio::test]
async fn all_items_of_a_map_are_freed_when_its_execution_ends() {
    for machine in StateMachine::all() {
        let pool = pool_of(2).await;
        for child in 1..=2 {
            let (mut walk, turn) = Walk::start(&machine, &format!("{CHILD}-{child}"), item("item-07"));
            to_the_work(&pool, &mut walk, turn).await;
        }
        pool.clock.forward(1_000);
        let mut event = pool::status_change("TIMED_OUT", BEGIN + 1_000);
        event["detail"]["executionArn"] = json!(PARENT);
        let answer = pool.answer(event).await;
        assert_eq!((&answer["status"], &answer["freed"]), (&json!("released"), &json!(2)), "{}", machine.name);
        assert_eq!(status(&pool).await["current_running"], 0, "{}", machine.name);
    }
}

#[tokio::test]
async fn a_redriven_job_asks_again_and_is_granted() {
    for machine in StateMachine::all().into_iter().filter(StateMachine::queues) {
        let pool = pool_of(1).await;
        let other = pool.acquire("another").await;
        let (mut walk, turn) = Walk::start(&machine, CHILD, item("item-07"));
        let first = call(turn);
        assert_eq!(serve(&pool, &first).await, None, "{}: it waits", machine.name);
        let retried = call(walk.answered(Err(StateError::new("Lambda.Unknown", "…"))));
        assert_eq!(serve(&pool, &retried).await, None, "{}: it waits", machine.name);
        // Its execution is stopped, and redriven before anybody tells of its end.
        let redriven = call(walk.redriven());
        let attempt = json!({ "entered": "2024-11-22T10:11:12.345Z", "redrive": 1, "retry": 0 });
        assert_eq!(redriven.payload["attempt"], attempt, "{}", machine.name);
        assert_eq!(serve(&pool, &redriven).await, None, "{}: it waits", machine.name);
        pool.answer(release(&other["lease_id"])).await;
        let granted = told(&pool, redriven.token.as_deref().expect("a token")).expect("its turn");
        call(walk.answered(granted));
        assert!(walk.worked(), "{}", machine.name);
    }
}

/// A state that the module's README shows.
fn of_the_readme(name: &str) -> Value {
    let readme = std::fs::read_to_string(states::states_folder().join("README.md")).expect("the README");
    let shown = readme.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut shown = shown.map(|json| serde_json::from_str::<Value>(json).expect("JSON"));
    shown.find_map(|mut json| json.get_mut(name).map(Value::take)).expect(name)
}

#[tokio::test]
async fn a_catch_gives_back_what_its_branches_had() {
    for machine in StateMachine::whose_catch_was_entered() {
        let pool = pool_of(2).await;
        for id in ["item-1", "item-2", "item-3", "report"] {
            let mut asks = pool::queue(id, id);
            asks["execution"] = json!(PARENT);
            pool.answer(asks).await;
        }
        // What the Catch of the Map made of the error of one.
        let error = json!({ "Error": "RowMissing", "Cause": "no row" });
        let (mut walk, turn) = Walk::start(&machine, PARENT, json!({ "prefix": "item-", "lease_error": error }));
        let asking = call(turn);
        let released = serve(&pool, &asking).await.expect("an answer").expect("a success");
        assert_eq!(released, json!({ "status": "released", "count": 3, "more": false }), "{}", machine.name);
        // What another branch of this execution waited for is its own, and it is its turn now.
        let left = status(&pool).await;
        assert_eq!((&left["current_running"], &left["holders"][0]["key"]), (&json!(1), &json!("report")));
        // Were there more, it would come again.
        let mut more = released.clone();
        more["more"] = json!(true);
        let again = call(walk.answered(Ok(more)));
        assert_eq!(again.payload["key_prefix"], "item-", "{}", machine.name);
        assert_eq!(
            ended(walk.answered(Ok(released))),
            Err(StateError::new("RowMissing", "no row")),
            "{}",
            machine.name
        );
        let way = ["ReleaseAll", "CheckReleaseAll", "ReleaseAll", "CheckReleaseAll", "RaiseBranchError"];
        assert_eq!(walk.entered, way, "{}", machine.name);
    }
}

#[tokio::test]
async fn a_release_of_all_leaves_alone_what_comes_after_it() {
    for machine in StateMachine::whose_catch_was_entered() {
        let pool = pool_of(2).await;
        let (mut walk, turn) = Walk::start(&machine, PARENT, json!({ "prefix": "item-", "lease_error": {} }));
        let asking = call(turn);
        // The workflow went on, and the same branch asked again before a late copy of this call arrived.
        let mut asks = pool::queue("item-1", "item-1");
        asks["execution"] = json!(PARENT);
        asks["attempt"] = json!({ "entered": "2024-11-22T10:11:13.000Z", "redrive": 0, "retry": 0 });
        pool.answer(asks).await;
        let released = serve(&pool, &asking).await.expect("an answer").expect("a success");
        assert_eq!(released["count"], 0, "{}", machine.name);
        assert_eq!(status(&pool).await["current_running"], 1, "{}", machine.name);
        drop(walk.answered(Ok(released)));
    }
}

#[tokio::test]
async fn a_release_of_all_that_fails_hides_no_error() {
    for machine in StateMachine::whose_catch_was_entered() {
        let error = json!({ "Error": "RowMissing", "Cause": "no row" });
        for (wrong, calls) in [("TableUnavailable", 13), ("Throttled", 161)] {
            let input = json!({ "prefix": "item-", "lease_error": error });
            let (mut walk, turn) = Walk::start(&machine, PARENT, input);
            let ended = always(&mut walk, turn, &StateError::new(wrong, "the release's own"));
            assert_eq!(ended, (calls, Err(StateError::new("RowMissing", "no row"))), "{}", machine.name);
        }
    }
}

#[tokio::test]
async fn a_redriven_job_does_not_work_without_its_lease() {
    let guard = of_the_readme("CheckLease");

    let pool = pool_of(1).await;
    let grant = pool.answer(acquire("item-07")).await;
    let mut machine = StateMachine::rendered("queue-jsonpath");
    let states = &mut machine.definition["States"];
    states["AcquireLease"]["Next"] = json!("CheckLease");
    states["CheckLease"] = guard;

    let (mut walk, turn) = Walk::start(&machine, CHILD, item("item-07"));
    call(turn);
    let check = call(walk.answered(Ok(grant.clone())));
    assert!(!walk.worked(), "the lease is looked at first");
    let still_his = serve(&pool, &check).await.expect("an answer");
    let work = call(walk.clone().answered(still_his));
    assert!(work.function.ends_with(":function:analytics-work"), "{work:?}");

    // Redriven, and meanwhile its execution had ended and its lease was freed.
    pool.answer(release(&grant["lease_id"])).await;
    let lost = serve(&pool, &check).await.expect("an answer");
    let wrong = ended(walk.answered(lost)).expect_err("an error");
    assert_eq!(wrong.error, "LeaseLost");
    assert!(!walk.worked());
}
