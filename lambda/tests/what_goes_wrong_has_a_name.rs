//! Whatever goes wrong is a failed invocation with one of the contract's names, and a sentence that says what to do.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod pool;

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use lease_manager::{Config, InvocationEvent, LeaseManager, MetricChoice};
use leasehold_core::{Millis, PoolRow, Row};
use leasehold_store::{Embedded, create_table};
use leasehold_testkit::{HttpReply, ScriptedHttp, embedded_table, put_row};
use pool::{BEGIN, ServedPool, acquire, execution, queue, release};
use serde_json::{Value, json};

fn assert_says(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
}

#[tokio::test]
async fn a_wrong_event_names_the_field_and_what_was_expected() {
    let pool = ServedPool::of(1).await;
    for (event, words) in [
        (json!([]), ["event", "a JSON object", "an array"]),
        (json!("acquire"), ["event", "a JSON object", "a string"]),
        (json!({}), ["action", "acquire, release, renew, status, sweep", "nothing"]),
        (json!({ "action": "grab" }), ["action", "acquire, release, renew, status, sweep", "grab"]),
        (json!({ "action": "acquire" }), ["execution", "stable id", "nothing"]),
        (json!({ "action": "acquire", "execution": 7 }), ["execution", "a string", "7"]),
        (json!({ "action": "release", "lease_id": "other:0:1" }), ["lease_id", "pool analytics", "other:0:1"]),
        (json!({ "action": "release", "execution": "e" }), ["attempt", "$$.State.EnteredTime", "nothing"]),
        (json!({ "detail-type": "S3 Object Created", "detail": {} }), ["detail-type", "Execution Status Change", "S3"]),
    ] {
        let (name, said) = pool.failure(event.clone()).await;
        assert_eq!(name, "InvalidRequest", "{event}");
        assert_says(&said, &words);
    }
    assert_eq!(pool.acquire("item-1").await["status"], "acquired", "nothing was taken meanwhile");
}

#[tokio::test]
async fn a_task_of_another_account_is_refused_before_it_waits() {
    let pool = ServedPool::of(1).await;
    let elsewhere = "arn:aws:states:eu-central-1:210987654321:execution:nightly:7";
    let mut event = queue("item-1", "token-1");
    event["execution"] = json!(elsewhere);
    let (name, said) = pool.failure(event).await;
    assert_eq!(name, "InvalidRequest");
    assert_says(&said, &["execution", "account 123456789012", "task token", "poll", elsewhere]);
    let status = pool.answer(json!({ "action": "status" })).await;
    assert_eq!((&status["current_running"], &status["waiting"]), (&json!(0), &json!(0)));
    assert_eq!(pool.tasks.requests("SendTaskSuccess"), Vec::<Value>::new());

    let polls = json!({ "action": "acquire", "execution": elsewhere });
    assert_eq!(pool.answer(polls).await["status"], "acquired", "who polls may be of any account");
}

#[tokio::test]
async fn what_is_no_json_is_an_invalid_request_too() {
    let pool = ServedPool::of(1).await;
    // Lambda lets the second one through.
    for event in [&b"{"[..], br#"{"action": "acquire", "execution": "\ud800"}"#, b"", b"\xff"] {
        let parsed: InvocationEvent =
            serde_json::from_slice(event).unwrap_or_else(|_| InvocationEvent::from_slice(event));
        let handled = pool.manager.handle(&parsed, pool::invocation("request", Duration::from_secs(3))).await;
        let failed = handled.answer.expect_err("a failure");
        assert_eq!(failed.error_type, "InvalidRequest");
        assert_says(&failed.message, &["event", "a JSON object", "line 1 column"]);
    }
}

#[tokio::test]
async fn a_pool_without_settings_is_not_found_and_both_names_are_told() {
    let table = embedded_table("leases").await;
    let (name, said) = ServedPool::on(table).failure(acquire("item-1")).await;
    assert_eq!(name, "PoolNotFound");
    assert_says(&said, &["pool analytics", "table leases", "pool set analytics --limit"]);
}

#[tokio::test]
async fn a_missing_table_is_a_pool_not_found_and_both_names_are_told() {
    let table = Embedded::memory().expect("an engine").table("leases");
    let (name, said) = ServedPool::on(table).failure(acquire("item-1")).await;
    assert_eq!(name, "PoolNotFound");
    assert_says(&said, &["pool analytics", "table leases does not exist", "region"]);
}

#[tokio::test]
async fn settings_that_make_no_sense_are_a_misconfigured_pool() {
    let pool = ServedPool::with(1, |row| row.lease = Some(Millis(0))).await;
    let (name, said) = pool.failure(acquire("item-1")).await;
    assert_eq!(name, "PoolMisconfigured");
    assert_says(&said, &["pool analytics", "table leases", "lease"]);
}

#[tokio::test]
async fn a_wrong_environment_is_told_by_every_call() {
    let set = |name: &str| match name {
        "LEASE_PREFIX" => Some("a b".to_owned()),
        "LEASE_LOG_LEVEL" => Some("loud".to_owned()),
        _ => None,
    };
    let why = Config::read(set).expect_err("it is wrong");
    let manager = LeaseManager::misconfigured(why);
    for _ in 0..2 {
        let event = InvocationEvent::from(acquire("item-1"));
        let handled = manager.handle(&event, pool::invocation("request", Duration::from_secs(3))).await;
        let failed = handled.answer.expect_err("a failure");
        assert_eq!(failed.error_type, "PoolMisconfigured");
        let words =
            ["LEASE_TABLE_NAME is not set", "LEASE_PREFIX is \"a b\"", "1 to 64 of", "LEASE_LOG_LEVEL is \"loud\""];
        assert_says(&failed.message, &words);
    }
}

#[test]
fn a_right_environment_is_read_with_its_defaults() {
    let given = |name: &str| match name {
        "LEASE_TABLE_NAME" => Some("leases".to_owned()),
        "LEASE_PREFIX" => Some("analytics".to_owned()),
        // As Terraform writes a variable that was left empty.
        "LEASE_METRICS_NAMESPACE" | "LEASE_LOG_LEVEL" => Some(String::new()),
        _ => None,
    };
    let config = Config::read(given).expect("a configuration");
    assert_eq!((config.table.as_str(), config.prefix.as_str()), ("leases", "analytics"));
    assert_eq!(config.reporting, lease_manager::Reporting::default());
    assert_eq!(config.reporting.namespace, "leasehold");
}

#[test]
fn a_namespace_is_one_that_cloudwatch_takes() {
    let with = |namespace: String| {
        Config::read(move |name: &str| match name {
            "LEASE_TABLE_NAME" => Some("leases".to_owned()),
            "LEASE_PREFIX" => Some("analytics".to_owned()),
            "LEASE_METRICS_NAMESPACE" => Some(namespace.clone()),
            _ => None,
        })
    };
    let longest = "n".repeat(255);
    assert_eq!(with(longest.clone()).expect("a configuration").reporting.namespace, longest);
    assert_eq!(with("Team/AWS/Leases:eu".into()).expect("a configuration").reporting.namespace, "Team/AWS/Leases:eu");
    for wrong in ["n".repeat(256), "n".repeat(300), "AWS/Leases".into(), ":leases".into()] {
        let said = with(wrong.clone()).expect_err("it is wrong").to_string();
        assert_says(&said, &["LEASE_METRICS_NAMESPACE is", &wrong, "at most 255 bytes"]);
    }
}

#[test]
fn metrics_are_chosen_by_their_names() {
    let with = |metrics: &'static str| {
        Config::read(move |name: &str| match name {
            "LEASE_TABLE_NAME" => Some("leases".to_owned()),
            "LEASE_PREFIX" => Some("analytics".to_owned()),
            "LEASE_METRICS" => Some(metrics.to_owned()),
            _ => None,
        })
    };
    let chosen = |metrics| with(metrics).expect("a configuration").reporting.metrics;
    assert_eq!(chosen(""), MetricChoice::All);
    assert_eq!(chosen("none"), MetricChoice::Only(vec![]));
    assert_eq!(chosen("Held, Errors"), MetricChoice::Only(vec!["Held".to_owned(), "Errors".to_owned()]));
    assert_says(&with("Held,none").expect_err("it is wrong").to_string(), &["LEASE_METRICS names \"none\""]);
}

#[tokio::test]
async fn a_renewal_of_what_is_gone_is_a_lost_lease() {
    let pool = ServedPool::of(1).await;
    let lease = pool.acquire("item-1").await;
    pool.answer(release(&lease["lease_id"])).await;
    let renew = json!({ "action": "renew", "lease_id": lease["lease_id"] });
    let (name, said) = pool.failure(renew.clone()).await;
    assert_eq!(name, "LeaseLost");
    assert_says(&said, &["lost", "ended"]);
    pool.acquire("item-2").await;
    let (name, said) = pool.failure(renew).await;
    assert_eq!(name, "LeaseLost");
    assert_says(&said, &["granted anew"]);
}

#[tokio::test]
async fn two_branches_that_share_a_name_are_told_to_use_a_key() {
    let pool = ServedPool::of(1).await;
    pool.queue("same", "token-1").await;
    let (name, said) = pool.failure(queue("same", "token-2")).await;
    assert_eq!(name, "HolderBusy");
    assert_says(&said, &["another attempt", "`key`"]);
}

#[tokio::test]
async fn an_ended_attempt_has_lost_its_lease_and_an_older_is_busy() {
    let pool = ServedPool::of(1).await;
    let attempt = |millis: u64| json!({ "action": "acquire", "execution": execution(), "attempt": { "entered": BEGIN + millis, "retry": 0 } });
    let lease = pool.answer(attempt(5)).await;
    pool.answer(release(&lease["lease_id"])).await;
    assert_eq!(pool.failure(attempt(5)).await.0, "LeaseLost");
    assert_eq!(pool.failure(attempt(4)).await.0, "HolderBusy");
    assert_eq!(pool.answer(attempt(6)).await["status"], "acquired");
}

#[tokio::test(start_paused = true)]
async fn a_silent_table_is_told_before_the_invocation_times_out() {
    for (time_left, at_most) in [(10_000, 9_500), (3_000, 2_500), (1_000, 800), (0, 0)] {
        let pool = ServedPool::on(ScriptedHttp::new([HttpReply::Silence]).table());
        let started = tokio::time::Instant::now();
        let event = InvocationEvent::from(acquire("item-1"));
        let handled = pool.manager.handle(&event, pool::invocation("request", Duration::from_millis(time_left))).await;
        let failed = handled.answer.expect_err("a failure");
        assert_eq!(failed.error_type, "TableUnavailable");
        assert_says(&failed.message, &["time ran out", "ask again with the same holder and attempt"]);
        assert!(started.elapsed() <= Duration::from_millis(at_most), "{:?} of {time_left} ms", started.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_table_is_unavailable_where_there_is_time() {
    let pool = ServedPool::on(ScriptedHttp::new([HttpReply::Silence]).table());
    let (name, said) = pool.failure(acquire("item-1")).await;
    assert_eq!(name, "TableUnavailable");
    assert_says(&said, &["table leases", "pool analytics", "no usable answer"]);
}

#[tokio::test(start_paused = true)]
async fn a_table_that_turns_requests_away_is_throttled() {
    let pool = ServedPool::on(ScriptedHttp::new([HttpReply::error(400, "ThrottlingException")]).table());
    let (name, said) = pool.failure(acquire("item-1")).await;
    assert_eq!(name, "Throttled");
    assert_says(&said, &["table leases", "pool analytics", "try again later"]);
}

#[tokio::test(start_paused = true)]
async fn a_denied_request_says_so() {
    let pool = ServedPool::on(ScriptedHttp::new([HttpReply::error(400, "AccessDeniedException")]).table());
    let (name, said) = pool.failure(acquire("item-1")).await;
    assert_eq!(name, "TableUnavailable");
    assert_says(&said, &["table leases", "denied", "policy"]);
}

#[tokio::test]
async fn a_sweep_that_can_not_read_the_pool_fails() {
    let engine = Embedded::memory().expect("an engine");
    let table = engine.table("leases");
    create_table(&table).await.expect("a table");
    let row = PoolRow::new(1.try_into().expect("a limit"));
    put_row(&table, &"analytics".parse().expect("a prefix"), Row::Pool(row)).await;
    let text = |text: &str| AttributeValue::S(text.into());
    let broken = Client::from_conf(engine.config().build()).put_item().table_name("leases");
    broken.item("PK", text("LEASES#analytics")).item("SK", text("slot#00000")).send().await.expect("a broken row");
    let pool = ServedPool::on(table);
    let (name, said) = pool.failure(json!({ "action": "sweep" })).await;
    assert_eq!(name, "TableUnavailable");
    assert_says(&said, &["table leases", "slot#00000", "higher than any before, and do not delete it"]);
}
