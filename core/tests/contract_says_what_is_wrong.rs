//! Each error says which field is wrong, what was expected and what was given, and has the contract's name.

#![allow(clippy::expect_used, reason = "a test may")]

use leasehold_core::{
    Attempt, Failure, FailureReason, Limit, LossReason, Timestamp,
    contract::{ContractError, LeaseEvent, task_failure},
};
use serde_json::{Value, json};

/// What is said of an event that is wrong.
fn said(event: &Value) -> String {
    let error = LeaseEvent::from_value(event).expect_err("an error");
    assert_eq!(error.error_type(), "InvalidRequest");
    error.to_string()
}

fn acquire(field: &str, value: Value) -> Value {
    let mut event = json!({"action": "acquire", "execution": "e"});
    event.as_object_mut().expect("an object").insert(field.into(), value);
    event
}

#[test]
fn what_is_no_event() {
    for (event, got) in [
        (json!(null), "null"),
        (json!([{"action": "sweep"}]), "an array"),
        (json!("sweep"), "a string"),
        (json!(7), "a number"),
        (json!(true), "a boolean"),
    ] {
        assert_eq!(said(&event), format!("event: expected a JSON object, got {got}"));
    }
    let broken = LeaseEvent::from_slice(b"{\"action\": \"sweep\",\n oops}").expect_err("an error");
    assert_eq!(broken.to_string(), "event: expected a JSON object, got something else at line 2 column 2");
    assert_eq!(broken.error_type(), "InvalidRequest");
    assert!(LeaseEvent::from_slice(b"").is_err() && LeaseEvent::from_slice(b"\xff").is_err());
    assert!(LeaseEvent::from_slice(&b"[".repeat(100_000)).is_err(), "too deep");
}

#[test]
fn an_action_that_nobody_knows() {
    let actions = "one of acquire, release, renew, status, sweep";
    assert_eq!(said(&json!({"action": "aquire"})), format!("action: expected {actions}, got \"aquire\""));
    assert_eq!(said(&json!({"action": "Acquire"})), format!("action: expected {actions}, got \"Acquire\""));
    assert_eq!(said(&json!({})), format!("action: expected a string, {actions}, got nothing"));
    assert_eq!(said(&json!({"action": null})), format!("action: expected a string, {actions}, got nothing"));
    assert_eq!(said(&json!({"action": 7})), format!("action: expected a string, {actions}, got a number: 7"));
}

#[test]
fn a_wrong_type_is_named_with_the_field_it_is_in() {
    let an_attempt = "an object with `entered` ($$.State.EnteredTime) and `retry` ($$.State.RetryCount)";
    for (event, expected) in [
        (
            acquire("execution", json!(7)),
            "execution: expected a string, the execution's ARN or another stable id, got a number: 7",
        ),
        (acquire("key", json!(7.5)), "key: expected a string, the item or branch, got a number: 7.5"),
        (acquire("resource_id", json!({"a": 1})), "resource_id: expected a string, the item or branch, got an object"),
        (acquire("reference_id", json!(["a"])), "reference_id: expected a string, the item or branch, got an array"),
        (
            acquire("parent", json!(true)),
            "parent: expected a string, the execution that started the map run, got a boolean: true",
        ),
        (acquire("label", json!(7)), "label: expected a string, shown to people, got a number: 7"),
        (acquire("mode", json!(true)), "mode: expected a string, \"poll\" or \"queue\", got a boolean: true"),
        (acquire("task_token", json!(7)), "task_token: expected a string, got a number"),
        (acquire("attempt", json!("3")), &format!("attempt: expected {an_attempt}, got \"3\"")),
        (acquire("attempt", json!([1])), &format!("attempt: expected {an_attempt}, got an array")),
        (json!({"action": "status", "holders": "yes"}), "holders: expected true or false, got \"yes\""),
        (json!({"action": "status", "holders": 1}), "holders: expected true or false, got a number: 1"),
        (
            json!({"action": "renew", "lease_id": 7}),
            "lease_id: expected a string, the lease id as acquire returned it, got a number: 7",
        ),
    ] {
        assert_eq!(said(&event), expected);
    }
}

#[test]
fn nobody_asks() {
    let nobody =
        "execution: expected a string, the execution's ARN or another stable id, or a key or resource_id, got nothing";
    assert_eq!(said(&json!({"action": "acquire"})), nobody);
    assert_eq!(said(&json!({"action": "acquire", "resource_id": "", "key": null})), nobody);
    assert_eq!(
        said(&acquire("execution", json!(""))),
        "execution: expected an id of at most 1024 bytes, not empty, got \"\""
    );
    assert_eq!(
        said(&acquire("parent", json!(""))),
        "parent: expected an id of at most 1024 bytes, not empty, got \"\""
    );
}

#[test]
fn two_names_of_one_key_that_differ() {
    let event = json!({"action": "acquire", "execution": "e", "key": "a", "reference_id": "b"});
    assert_eq!(said(&event), "reference_id: expected the same as key (\"a\"), as both name the item, got \"b\"");
    let event = json!({"action": "acquire", "resource_id": "a", "reference_id": "b"});
    assert_eq!(
        said(&event),
        "reference_id: expected the same as resource_id (\"a\"), as both name the item, got \"b\""
    );
}

#[test]
fn an_id_is_at_most_1024_bytes_and_shown_shortened() {
    let long = "é".repeat(512);
    let shown = format!("\"{}…\"", "é".repeat(80));
    for name in ["execution", "key", "resource_id", "reference_id", "parent"] {
        assert!(LeaseEvent::from_value(&acquire(name, json!(long))).is_ok(), "{name}");
        let expected = format!("{name}: expected an id of at most 1024 bytes, not empty, got {shown}");
        assert_eq!(said(&acquire(name, json!(format!("{long}x")))), expected);
    }
    // Also where no execution is named.
    let unnamed = json!({"action": "acquire", "resource_id": format!("{long}x")});
    assert_eq!(said(&unnamed), format!("resource_id: expected an id of at most 1024 bytes, not empty, got {shown}"));
    let expected = format!("label: expected at most 1024 bytes, got {shown}");
    assert!(LeaseEvent::from_value(&acquire("label", json!(long))).is_ok());
    assert_eq!(said(&acquire("label", json!(format!("{long}x")))), expected);
}

#[test]
fn a_token_is_never_shown() {
    let token = |length: usize| acquire("task_token", json!("S".repeat(length)));
    assert!(LeaseEvent::from_value(&token(1)).is_ok() && LeaseEvent::from_value(&token(2_048)).is_ok());
    assert_eq!(said(&token(2_049)), "task_token: expected 1 to 2048 bytes, got one of 2049 bytes");
    assert_eq!(said(&token(0)), "task_token: expected 1 to 2048 bytes, got one of 0 bytes");
    assert_eq!(said(&acquire("task_token", json!(["S"]))), "task_token: expected a string, got an array");
    let with_another_error = json!({"action": "acquire", "execution": "e", "task_token": "S3CR3T", "mode": "poll"});
    assert!(!said(&with_another_error).contains("S3CR3T"));
    let broken = LeaseEvent::from_slice(br#"{"task_token": "S3CR3T" "#).expect_err("an error");
    assert!(!format!("{broken} {broken:?}").contains("S3CR3T"));
}

#[test]
fn a_mode_and_a_token_that_do_not_fit() {
    assert_eq!(
        said(&acquire("mode", json!("queue"))),
        "task_token: expected a string, $$.Task.Token: mode \"queue\" needs it, got nothing"
    );
    let told_nothing = json!({"action": "acquire", "execution": "e", "task_token": "t", "mode": "poll"});
    assert_eq!(said(&told_nothing), "mode: expected \"queue\", as there is a task_token, got \"poll\"");
    assert_eq!(said(&acquire("mode", json!("push"))), "mode: expected \"poll\" or \"queue\", got \"push\"");
    let with_token = json!({"action": "acquire", "execution": "e", "task_token": "t", "mode": "push"});
    assert_eq!(said(&with_token), "mode: expected \"poll\" or \"queue\", got \"push\"");
}

#[test]
fn lease_seconds_that_are_no_length_of_time() {
    for (given, got) in [
        (json!(0), "a number: 0"),
        (json!(0.0), "a number: 0.0"),
        (json!(-5), "a number: -5"),
        (json!(1.5), "a number: 1.5"),
        (json!(1e300), "a number: 1e+300"),
        (json!("60"), "\"60\""),
        (json!(true), "a boolean: true"),
        (json!({}), "an object"),
    ] {
        let expected = format!("lease_seconds: expected a whole number of seconds above 0, got {got}");
        assert_eq!(said(&acquire("lease_seconds", given.clone())), expected);
        assert_eq!(said(&json!({"action": "renew", "lease_id": "p:0:1", "lease_seconds": given})), expected);
    }
}

#[test]
fn an_attempt_without_a_time_or_with_a_strange_count() {
    let a_time = "a time such as \"2024-11-22T10:11:12.345Z\" or whole milliseconds since 1970";
    for (given, got) in [
        (json!({}), "nothing"),
        (json!({"retry": 1, "entered": null}), "nothing"),
        (json!({"entered": "yesterday"}), "\"yesterday\""),
        (json!({"entered": "$$.State.EnteredTime"}), "\"$$.State.EnteredTime\""),
        (json!({"entered": "2024-11-22T10:11:12"}), "\"2024-11-22T10:11:12\""),
        (json!({"entered": "1969-12-31T23:59:59Z"}), "\"1969-12-31T23:59:59Z\""),
        (json!({"entered": 1.5}), "a number: 1.5"),
        (json!({"entered": -1}), "a number: -1"),
        // Microseconds.
        (json!({"entered": 1_732_270_272_345_000_u64}), "a number: 1732270272345000"),
        (json!({"entered": true}), "a boolean: true"),
    ] {
        assert_eq!(said(&acquire("attempt", given)), format!("attempt.entered: expected {a_time}, got {got}"));
    }
    for (given, got) in [
        (json!(-1), "a number: -1"),
        (json!(0.5), "a number: 0.5"),
        (json!(4_294_967_296_u64), "a number: 4294967296"),
        (json!("4294967296"), "\"4294967296\""),
        (json!(""), "\"\""),
        (json!("one"), "\"one\""),
        (json!("+1"), "\"+1\""),
        (json!([0]), "an array"),
    ] {
        let event = acquire("attempt", json!({"entered": 1, "retry": given}));
        let expected = "attempt.retry: expected how often the state was retried, a whole number such as 0 or \"0\"";
        assert_eq!(said(&event), format!("{expected}, got {got}"));
    }
}

#[test]
fn a_release_of_nothing_or_without_what_it_needs() {
    let a_lease = "lease_id: expected a string, the lease id as acquire returned it";
    let nothing = json!({"action": "release"});
    assert_eq!(said(&nothing), format!("{a_lease}, or execution with attempt, got nothing"));
    // A key alone names no holder.
    assert_eq!(said(&json!({"action": "release", "resource_id": "r"})), format!("{a_lease}, got nothing"));
    let untimed = said(&json!({"action": "release", "execution": "e", "key": "k"}));
    assert!(untimed.starts_with("attempt: expected an object with `entered`"), "{untimed}");
    assert!(untimed.ends_with(": a release by execution needs it, got nothing"), "{untimed}");
    let wrong = said(&json!({"action": "release", "execution": 7}));
    assert!(wrong.starts_with("execution: expected a string"), "{wrong}");
    let expected = "lease_id: expected a lease id as acquire returned it, PREFIX:SLOT:FENCE, got \"0b9f-4a\"";
    assert_eq!(said(&json!({"action": "release", "lease_id": "0b9f-4a"})), expected);
    assert_eq!(said(&json!({"action": "renew", "lease_id": "0b9f-4a"})), expected);
    assert_eq!(said(&json!({"action": "renew", "execution": "e"})), format!("{a_lease}, got nothing"));
}

#[test]
fn a_lease_of_another_pool() {
    let analytics = "analytics".parse().expect("a prefix");
    for action in ["release", "renew"] {
        let request = LeaseEvent::from_value(&json!({"action": action, "lease_id": "batch:3:41"})).expect("a request");
        let error = request.for_pool(&analytics, "u").expect_err("an error");
        assert_eq!(error.error_type(), "InvalidRequest");
        assert_eq!(error.to_string(), "lease_id: expected a lease of the pool analytics, got \"batch:3:41\"");
        assert!(request.for_pool(&"batch".parse().expect("a prefix"), "u").is_ok());
    }
}

#[test]
fn an_event_of_eventbridge_that_is_another_or_lacks_something() {
    let event = |detail: Value| json!({"detail-type": "Step Functions Execution Status Change", "detail": detail});
    let other = said(&json!({"detail-type": "Scheduled Event", "detail": {}}));
    assert_eq!(
        other,
        "detail-type: expected \"Step Functions Execution Status Change\", or an action: one of acquire, release, \
         renew, status, sweep, got \"Scheduled Event\""
    );
    assert_eq!(
        said(&json!({"detail-type": "Step Functions Execution Status Change"})),
        "detail: expected an object, got nothing"
    );
    assert_eq!(said(&event(json!("FAILED"))), "detail: expected an object, got \"FAILED\"");
    assert_eq!(said(&event(json!({}))), "detail.status: expected a string, the execution's status, got nothing");
    assert_eq!(
        said(&event(json!({"status": "FAILED", "stopDate": 5}))),
        "detail.executionArn: expected a string, the execution's ARN, got nothing"
    );
    assert_eq!(
        said(&event(json!({"status": "FAILED", "stopDate": 5, "executionArn": ""}))),
        "detail.executionArn: expected an id of at most 1024 bytes, not empty, got \"\""
    );
    let stopped = "detail.stopDate: expected when the execution ended, in whole milliseconds since 1970";
    for (stop, got) in [(json!(null), "nothing"), (json!("now"), "\"now\""), (json!(1.5), "a number: 1.5")] {
        let event = event(json!({"status": "ABORTED", "executionArn": "arn:e", "stopDate": stop}));
        assert_eq!(said(&event), format!("{stopped}, got {got}"));
    }
}

#[test]
fn every_failure_of_the_protocol_has_its_name() {
    let not_a_limit = Limit::try_from(10_001).expect_err("too high");
    let named = [
        (
            Failure::HolderConflict(Attempt { entered: Timestamp(5), redrive: 0, retry: 1 }),
            "HolderBusy",
            "attempt 5.0.1",
        ),
        (Failure::Lost(LossReason::Ended), "LeaseLost", "it has ended"),
        (Failure::Lost(LossReason::Taken), "LeaseLost", "granted anew"),
        (Failure::Lost(LossReason::ExpiredUntold), "LeaseLost", "before it could be told"),
        (Failure::Throttled, "Throttled", "try again later"),
        (Failure::Unavailable, "TableUnavailable", "same holder and attempt"),
        (Failure::PoolNotFound, "PoolNotFound", "leasehold pool set"),
        (Failure::PoolMisconfigured(not_a_limit), "PoolMisconfigured", "a whole number from 0 to 10000"),
    ];
    for (failure, name, words) in named {
        let error = ContractError::from(failure);
        assert_eq!(error.error_type(), name);
        assert!(error.to_string().contains(words), "{error}");
    }
    assert_eq!(ContractError::Internal("oops".into()).error_type(), "Internal");
}

#[test]
fn a_task_that_gets_no_lease_fails_by_a_name_and_says_why() {
    let named = [
        (FailureReason::WaitedTooLong, "WaitedTooLong", "no slot was free for as long as it may wait"),
        (FailureReason::Superseded, "HolderBusy", "a newer attempt of this holder took its place"),
        (FailureReason::Expired, "LeaseLost", "its lease expired before it could be told"),
        (FailureReason::Released, "LeaseLost", "it was released, or its execution has ended"),
    ];
    for (why, error, cause) in named {
        let failure = task_failure(why);
        assert_eq!((failure.error, failure.cause), (error, cause));
    }
}
