//! Every event of the contract gets the answer that the contract has for it, today's module's events too.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod pool;

use std::time::Duration;

use lease_manager::InvocationEvent;
use leasehold_core::contract::Response;
use pool::{BEGIN, LEASE, ServedPool, acquire, execution, queue, release, status_change};
use serde_json::{Value, json};

#[tokio::test]
async fn a_free_slot_is_acquired_with_all_the_fields_of_a_lease() {
    let pool = ServedPool::of(2).await;
    let expected = json!({
        "status": "acquired", "lease_id": "analytics:0:1", "fence": 1, "slot": 0, "prefix": "analytics",
        "acquired_at_ms": BEGIN, "expires_at_ms": BEGIN + LEASE, "lease_expires_at": (BEGIN + LEASE) / 1_000,
    });
    let mut told = pool.acquire("item-1").await;
    // Which of the free slots it is, is chance.
    let slot = told["slot"].as_u64().expect("a slot");
    assert_eq!(told["lease_id"], format!("analytics:{slot}:1"));
    told["slot"] = json!(0);
    told["lease_id"] = json!("analytics:0:1");
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_full_pool_says_when_to_ask_again_and_how_many_run() {
    let pool = ServedPool::of(1).await;
    pool.acquire("item-1").await;
    let mut wait = pool.acquire("item-2").await;
    let seconds = wait["retry_after_seconds"].take().as_u64().expect("whole seconds");
    assert!(seconds > 0);
    let expected =
        json!({ "status": "wait", "retry_after_seconds": null, "current_running": 1, "limit": 1, "waiting": 0 });
    assert_eq!(wait, expected);
}

#[tokio::test]
async fn todays_events_are_understood_and_answered_with_todays_fields() {
    let pool = ServedPool::of(1).await;
    for name in ["resource_id", "reference_id"] {
        let taken = pool.answer(json!({ "action": "acquire", name: "item-1" })).await;
        assert_eq!(taken["status"], "acquired");
        assert_eq!(taken["lease_expires_at"], (BEGIN + LEASE) / 1_000);
        // Another execution's item of the same name is another holder.
        let other = pool.answer(json!({ "action": "acquire", name: "item-1" })).await;
        assert_eq!((&other["status"], &other["current_running"]), (&json!("wait"), &json!(1)));
        let given = pool.answer(json!({ "action": "release", name: "item-1", "lease_id": taken["lease_id"] })).await;
        assert_eq!(given, json!({ "status": "released", "lease_id": taken["lease_id"] }));
        let again = pool.answer(release(&taken["lease_id"])).await;
        assert_eq!(again["note"], "already expired or missing");
    }
}

#[tokio::test]
async fn a_renewed_lease_lasts_longer_from_now() {
    let pool = ServedPool::of(1).await;
    let lease = pool.acquire("item-1").await;
    pool.clock.forward(20_000);
    let renewed = pool.answer(json!({ "action": "renew", "lease_id": lease["lease_id"] })).await;
    assert_eq!(renewed["status"], "renewed");
    assert_eq!(renewed["expires_at_ms"], BEGIN + 20_000 + LEASE);
}

#[tokio::test]
async fn a_status_counts_and_lists_whom_it_is_asked_for() {
    let pool = ServedPool::of(1).await;
    pool.acquire("item-1").await;
    pool.queue("item-2", "token-2").await;
    let status = pool.answer(json!({ "action": "status" })).await;
    assert_eq!((&status["limit"], &status["current_running"], &status["waiting"]), (&json!(1), &json!(1), &json!(1)));
    assert_eq!(status["holders"], Value::Null);
    let listed = pool.answer(json!({ "action": "status", "holders": true })).await;
    assert_eq!(listed["holders"][0]["key"], "item-1");
    assert_eq!(listed["queue"][0]["key"], "item-2");
}

#[tokio::test]
async fn a_sweep_takes_expired_leases_back_and_says_how_many() {
    let pool = ServedPool::of(2).await;
    pool.acquire("item-1").await;
    pool.acquire("item-2").await;
    pool.clock.forward(LEASE + pool::GRACE);
    let swept = pool.answer(json!({ "action": "sweep" })).await;
    assert_eq!(swept, json!({ "status": "swept", "granted": 0, "reclaimed": 2, "renotified": 0, "extended": 0 }));
}

#[tokio::test]
async fn a_holder_is_released_by_its_name_and_an_older_attempt_not() {
    let pool = ServedPool::of(1).await;
    pool.queue("item-1", "token-1").await;
    let by_name = |millis: u64| {
        json!({ "action": "release", "execution": execution(), "key": "item-1",
                "attempt": { "entered": BEGIN - millis, "retry": 0 } })
    };
    assert_eq!(pool.answer(by_name(1)).await["note"], "already expired or missing");
    assert_eq!(pool.acquire("item-2").await["status"], "wait");
    assert_eq!(pool.answer(by_name(0)).await["note"], Value::Null);
    assert_eq!(pool.acquire("item-2").await["status"], "acquired");
}

#[tokio::test]
async fn who_leaves_the_queue_by_its_name_is_told_and_gone() {
    let pool = ServedPool::of(1).await;
    pool.acquire("item-1").await;
    assert_eq!(pool.queue("item-2", "token-2").await, json!({ "status": "queued" }));
    let leave =
        json!({ "action": "release", "execution": execution(), "key": "item-2", "attempt": { "entered": BEGIN } });
    assert_eq!(pool.answer(leave).await, json!({ "status": "released", "lease_id": null }));
    assert_eq!(pool.tasks.requests("SendTaskFailure")[0]["error"], "LeaseLost");
    assert_eq!(pool.answer(json!({ "action": "status" })).await["waiting"], 0);
}

#[tokio::test]
async fn an_execution_that_has_ended_frees_what_it_had() {
    for status in ["FAILED", "TIMED_OUT", "ABORTED", "SUCCEEDED"] {
        let pool = ServedPool::of(1).await;
        pool.acquire("item-1").await;
        pool.queue("item-2", "token-2").await;
        pool.clock.forward(1_000);
        let freed = pool.answer(status_change(status, BEGIN + 500)).await;
        let expected =
            json!({ "status": "released", "lease_id": null, "freed": 1, "left": 1, "granted": 0, "reclaimed": 0 });
        assert_eq!(freed, expected, "{status}");
        let again = pool.answer(status_change(status, BEGIN + 500)).await;
        assert_eq!(again["note"], "already expired or missing");
    }
}

#[tokio::test]
async fn map_items_go_with_the_execution_that_started_the_map_run() {
    let pool = ServedPool::of(1).await;
    let child = "arn:aws:states:eu-central-1:123456789012:execution:nightly/Map:0f9d2a66";
    let event = json!({ "action": "acquire", "execution": child, "key": "3", "parent": execution() });
    assert_eq!(pool.answer(event).await["status"], "acquired");
    pool.clock.forward(1_000);
    // It was redriven since, and its map run goes on.
    pool.tasks.execution_is(execution(), "RUNNING");
    assert_eq!(pool.answer(status_change("ABORTED", BEGIN + 500)).await["freed"], 0);
    pool.tasks.execution_is(execution(), "ABORTED");
    assert_eq!(pool.answer(status_change("ABORTED", BEGIN + 500)).await["freed"], 1);
}

#[tokio::test]
async fn a_late_report_takes_nothing_from_a_redriven_execution() {
    let pool = ServedPool::of(1).await;
    let mut redriven = queue("item-1", "token-1");
    redriven["attempt"]["redrive"] = json!(1);
    assert_eq!(pool.answer(redriven).await["status"], "acquired");
    pool.clock.forward(1_000);
    let mut ended = status_change("FAILED", BEGIN + 500);
    for (redrive, freed) in [(0, 0), (1, 1)] {
        ended["detail"]["redriveCount"] = json!(redrive);
        assert_eq!(pool.answer(ended.clone()).await["freed"], freed, "redriven {redrive} times");
    }
}

#[tokio::test]
async fn an_execution_gives_back_all_it_has_in_one_call() {
    let pool = ServedPool::of(2).await;
    pool.acquire("load-1").await;
    pool.acquire("check-1").await;
    pool.queue("load-2", "token-2").await;
    let mut all = json!({ "action": "release", "all": true, "execution": execution(), "key_prefix": "load-" });
    assert_eq!(pool.answer(all.clone()).await, json!({ "status": "released", "count": 2, "more": false }));
    assert_eq!(pool.tasks.requests("SendTaskFailure")[0]["error"], "LeaseLost");
    all["key_prefix"] = json!(null);
    let line = pool.line(all.clone()).await;
    assert_eq!((&line["action"], &line["holder"]), (&json!("release"), &json!(execution())));
    assert_eq!(pool.answer(all).await, json!({ "status": "released", "count": 0, "more": false }));
}

#[tokio::test]
async fn a_task_waits_no_longer_than_it_said() {
    let pool = ServedPool::of(0).await;
    let mut patient = queue("item-1", "token-1");
    patient["wait_seconds"] = json!(90);
    pool.answer(patient).await;
    let waits = pool.answer(json!({ "action": "status", "holders": true })).await;
    assert_eq!(waits["queue"][0]["give_up_at_ms"], BEGIN + 90_000);
    pool.clock.forward(90_001);
    pool.answer(json!({ "action": "sweep" })).await;
    assert_eq!(pool.tasks.requests("SendTaskFailure")[0]["error"], "WaitedTooLong");
}

#[tokio::test]
async fn an_execution_that_runs_frees_nothing() {
    let pool = ServedPool::of(1).await;
    pool.acquire("item-1").await;
    pool.clock.forward(1_000);
    for status in ["RUNNING", "PENDING_REDRIVE"] {
        let ignored = pool.answer(status_change(status, BEGIN + 500)).await;
        assert_eq!(ignored, json!({ "status": "ignored", "execution_status": status }));
    }
    assert_eq!(pool.acquire("item-2").await["status"], "wait");
}

#[tokio::test]
async fn a_thousand_waiters_of_an_ended_execution_leave_in_one_call() {
    // More than one call of the protocol looks through: it is called again until nothing is left.
    let pool = ServedPool::of(0).await;
    for key in 0..1_030 {
        assert_eq!(pool.queue(&format!("item-{key}"), &format!("token-{key}")).await["status"], "queued");
    }
    pool.clock.forward(1_000);
    let freed = pool.answer(status_change("FAILED", BEGIN + 500)).await;
    assert_eq!((&freed["left"], &freed["more"]), (&json!(1_030), &Value::Null));
    assert_eq!(pool.tasks.requests("SendTaskFailure").len(), 1_030);
}

#[tokio::test]
async fn what_does_not_fit_one_call_is_drained_by_repeats() {
    const WAITERS: usize = 1_500;
    let pool = ServedPool::of(0).await;
    for key in 0..WAITERS {
        pool.queue(&format!("item-{key}"), &format!("token-{key}")).await;
    }
    pool.clock.forward(1_000);
    let event = InvocationEvent::from(status_change("FAILED", BEGIN + 500));
    let told = || pool.tasks.requests("SendTaskFailure").len();
    let (mut calls, mut time) = (0, Duration::from_millis(500));
    let left = loop {
        calls += 1;
        let before = told();
        // The same event again, as Lambda does after a failure, and little time each.
        let handled = pool.manager.handle(&event, pool::invocation("request", time)).await;
        if told() == before {
            // A busy machine gets nothing done in so little.
            time *= 2;
        }
        match handled.answer {
            Ok(Response::Freed { left, more: false, .. }) => break left,
            Ok(other) => panic!("{other}"),
            Err(failed) => assert_eq!(failed.error_type, "TableUnavailable", "{failed:?}"),
        }
        assert!(calls < 100, "the calls get nowhere");
    };
    assert!(calls > 1 && (left as usize) < WAITERS, "{calls} calls");
    assert_eq!(pool.answer(json!({ "action": "status" })).await["waiting"], 0);
    // A task that was told when its call was cut short may be told again.
    let told = told();
    assert!((WAITERS..WAITERS + calls * 25).contains(&told), "{told} told in {calls} calls");
}

#[tokio::test]
async fn the_same_event_delivered_twice_is_the_same_lease() {
    let pool = ServedPool::of(2).await;
    for event in [acquire("item-1"), queue("item-2", "token-2")] {
        let first = pool.redelivered(event.clone(), "request").await.answer.expect("a lease");
        let second = pool.redelivered(event, "request").await.answer.expect("the same");
        assert_eq!(first, second);
    }
    let pool = ServedPool::of(2).await;
    let nameless = json!({ "action": "acquire", "resource_id": "item" });
    let first = pool.redelivered(nameless.clone(), "request").await.answer.expect("a lease");
    let second = pool.redelivered(nameless, "request").await.answer.expect("the same");
    assert_eq!(first, second, "Lambda gives a repeated delivery the same request id");
}

#[tokio::test]
async fn a_warm_environment_reads_no_settings_for_its_first_event() {
    let used = ServedPool::of(3).await;
    used.acquire("item-1").await;
    // Another environment on the same table.
    let pool = ServedPool::on(used.table.clone());
    let reads = || pool.table.meter().used().reads;
    let before = reads();
    pool.manager.warm_up().await;
    let warmed = reads();
    assert!(warmed > before, "the settings are read ahead");
    pool.acquire("item-2").await;
    let first = reads() - warmed;
    pool.acquire("item-3").await;
    assert_eq!(reads() - warmed - first, first, "the first event reads no more than the second");
}
