//! Each event of the contract is read as what it says, in every spelling that it allows.

#![allow(clippy::expect_used, reason = "a test may")]

use leasehold_core::{
    AcquireRequest, Attempt, ExecutionEnded, Holder, LeaseId, LeaseSpan, Millis, Mode, PoolName, ReleaseAll,
    ReleaseTarget, RenewRequest, TaskToken, Timestamp,
    contract::{ContractError, EventHolder, LeaseEvent, PoolRequest, Response},
};
use serde_json::{Value, json};

const EXECUTION: &str = "arn:aws:states:eu-west-1:123456789012:execution:analytics:run-7";

fn prefix() -> PoolName {
    "analytics".parse().expect("a prefix")
}

fn pool_request(event: Value) -> PoolRequest {
    let event = LeaseEvent::from_value(&event).expect("an event");
    event.for_pool(&prefix(), "request-1").expect("a request")
}

fn acquire(event: Value) -> AcquireRequest {
    match pool_request(event) {
        PoolRequest::Acquire(acquire) => acquire,
        other => panic!("{other:?}"),
    }
}

fn holder(key: &str) -> Holder {
    Holder::new(EXECUTION, key, None).expect("a holder")
}

fn lease_id(text: &str) -> LeaseId {
    text.parse().expect("a lease id")
}

#[test]
fn an_acquire_with_everything_in_it() {
    let asked = acquire(json!({
        "action": "acquire", "execution": EXECUTION, "key": "item-3", "parent": "arn:parent",
        "attempt": {"entered": "2024-11-22T10:11:12.345Z", "retry": 2},
        "task_token": "AAAA-secret", "mode": "queue", "lease_seconds": 120, "label": "item 3 of 30"
    }));
    assert_eq!(
        asked,
        AcquireRequest {
            holder: Holder::new(EXECUTION, "item-3", Some("arn:parent")).expect("a holder"),
            attempt: Some(Attempt { entered: Timestamp(1_732_270_272_345), redrive: 0, retry: 2 }),
            mode: Mode::Queue(Some(TaskToken::new("AAAA-secret").expect("a token"))),
            lease: Some(Millis(120_000)),
            wait: None,
            label: Some("item 3 of 30".into()),
        }
    );
}

#[test]
fn an_acquire_with_nothing_but_its_execution() {
    let asked = acquire(json!({"action": "acquire", "execution": EXECUTION}));
    let least =
        AcquireRequest { holder: holder(""), attempt: None, mode: Mode::Poll, lease: None, wait: None, label: None };
    assert_eq!(asked, least);
}

#[test]
fn a_field_that_is_null_or_unknown_is_as_if_it_were_not_there() {
    let bare = acquire(json!({"action": "acquire", "execution": EXECUTION}));
    let full_of_nulls = acquire(json!({
        "action": "acquire", "execution": EXECUTION, "parent": null, "attempt": null,
        "task_token": null, "mode": null, "lease_seconds": null, "label": null, "colour": "green", "detail-type": 7
    }));
    assert_eq!(full_of_nulls, bare);
    assert_eq!(acquire(json!({"action": "acquire", "execution": EXECUTION, "label": ""})), bare);
    let one = json!({"action": "acquire", "execution": EXECUTION, "key": "i", "resource_id": null, "reference_id": ""});
    assert_eq!(acquire(one).holder, holder("i"));
}

#[test]
fn items_without_a_name_are_never_taken_for_one_holder() {
    for name in ["key", "resource_id", "reference_id"] {
        for (blank, got) in [(json!(null), "null"), (json!(""), "\"\"")] {
            let event = json!({"action": "acquire", "execution": EXECUTION, name: blank});
            let refused = LeaseEvent::from_value(&event).map_err(|error| (error.error_type(), error.to_string()));
            let expected = format!(
                "{name}: expected a string that is not empty, the item or branch (left out where an execution asks \
                 for one lease at a time), got {got}"
            );
            assert_eq!(refused, Err(("InvalidRequest", expected)));
        }
    }
}

#[test]
fn key_resource_id_and_reference_id_mean_the_same() {
    for name in ["key", "resource_id", "reference_id"] {
        let asked = acquire(json!({"action": "acquire", "execution": EXECUTION, name: "item-3"}));
        assert_eq!(asked.holder, holder("item-3"), "{name}");
    }
    let all = json!({"action": "acquire", "execution": EXECUTION, "key": "i", "resource_id": "i", "reference_id": "i"});
    assert_eq!(acquire(all).holder, holder("i"));
}

#[test]
fn an_acquire_that_names_no_execution_is_a_new_holder_each_time() {
    for name in ["key", "resource_id", "reference_id"] {
        let event = json!({"action": "acquire", name: "table-a", "parent": "arn:parent"});
        let request = LeaseEvent::from_value(&event).expect("a request");
        assert!(
            matches!(&request, LeaseEvent::Acquire(acquire) if matches!(&acquire.who, EventHolder::Unnamed { .. }))
        );
        let holder_of = |unique| match request.for_pool(&prefix(), unique) {
            Ok(PoolRequest::Acquire(acquire)) => acquire.holder,
            other => panic!("{other:?}"),
        };
        let expected = Holder::new("request-1", "table-a", Some("arn:parent")).expect("a holder");
        assert_eq!(holder_of("request-1"), expected);
        assert_ne!(holder_of("request-2"), expected);
    }
}

#[test]
fn an_execution_is_who_asks_whatever_the_call_is_named() {
    let request = LeaseEvent::from_value(&json!({"action": "acquire", "execution": EXECUTION})).expect("a request");
    assert_eq!(request.for_pool(&prefix(), "one"), request.for_pool(&prefix(), "other"));
}

#[test]
fn a_unique_id_that_is_none_is_the_lease_managers_own_fault() {
    let request = LeaseEvent::from_value(&json!({"action": "acquire", "key": "k"})).expect("a request");
    for unique in ["", &"x".repeat(1_025)] {
        assert!(matches!(request.for_pool(&prefix(), unique), Err(ContractError::Internal(_))));
    }
}

#[test]
fn a_token_makes_it_queue_and_none_makes_it_poll() {
    let token = || Some(TaskToken::new("t").expect("a token"));
    let mode = |more: Value| {
        let mut event = json!({"action": "acquire", "execution": EXECUTION});
        event.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        acquire(event).mode
    };
    assert_eq!(mode(json!({"task_token": "t"})), Mode::Queue(token()));
    assert_eq!(mode(json!({"task_token": "t", "mode": "queue"})), Mode::Queue(token()));
    assert_eq!(mode(json!({"mode": "poll"})), Mode::Poll);
    assert_eq!(mode(json!({})), Mode::Poll);
}

#[test]
fn an_attempt_is_a_time_and_a_count_as_states_write_them() {
    let attempt = |attempt: Value| {
        acquire(json!({"action": "acquire", "execution": EXECUTION, "attempt": attempt})).attempt.expect("an attempt")
    };
    let at = |entered, retry| Attempt { entered: Timestamp(entered), redrive: 0, retry };
    let entered = "2024-11-22T10:11:12.345Z";
    assert_eq!(attempt(json!({"entered": entered, "retry": 0})), at(1_732_270_272_345, 0));
    assert_eq!(attempt(json!({"entered": entered, "retry": "3"})), at(1_732_270_272_345, 3));
    assert_eq!(attempt(json!({"entered": entered, "retry": 3.0})), at(1_732_270_272_345, 3));
    assert_eq!(attempt(json!({"entered": entered})), at(1_732_270_272_345, 0));
    assert_eq!(attempt(json!({"entered": entered, "retry": null})), at(1_732_270_272_345, 0));
    assert_eq!(attempt(json!({"entered": "2024-11-22T11:11:12.345+01:00"})), at(1_732_270_272_345, 0));
    assert_eq!(attempt(json!({"entered": 1_732_270_272_345_u64, "retry": 1})), at(1_732_270_272_345, 1));
    assert_eq!(attempt(json!({"entered": 0})), at(0, 0));
    for redrive in [json!(7), json!("7"), json!(7.0)] {
        let redriven = attempt(json!({"entered": entered, "redrive": redrive, "retry": 1}));
        assert_eq!(redriven, Attempt { redrive: 7, ..at(1_732_270_272_345, 1) });
    }
    assert_eq!(attempt(json!({"entered": 5, "redrive": null})), at(5, 0));
}

#[test]
fn later_states_redrives_and_retries_are_newer_attempts() {
    let attempt = |entered: &str, redrive: u32, retry: u32| {
        let attempt = json!({"entered": entered, "redrive": redrive, "retry": retry});
        acquire(json!({"action": "acquire", "execution": "e", "attempt": attempt})).attempt.expect("an attempt")
    };
    let first = attempt("2024-11-22T10:11:12.345Z", 0, 0);
    let retried = attempt("2024-11-22T10:11:12.345Z", 0, 1);
    let redriven = attempt("2024-11-22T10:11:12.345Z", 1, 0);
    let later = attempt("2024-11-22T10:11:12.346Z", 0, 0);
    assert!(first < retried && retried < redriven && redriven < later);
}

#[test]
fn lease_seconds_are_whole_and_never_overflow() {
    let lease =
        |seconds: Value| acquire(json!({"action": "acquire", "execution": "e", "lease_seconds": seconds})).lease;
    assert_eq!(lease(json!(1)), Some(Millis(1_000)));
    assert_eq!(lease(json!(300.0)), Some(Millis(300_000)));
    assert_eq!(lease(json!(u64::MAX)), Some(Millis(u64::MAX)));
}

#[test]
fn a_release_by_lease_needs_nothing_else() {
    let expected = PoolRequest::Release(ReleaseTarget::Lease(lease_id("analytics:3:41")), None);
    assert_eq!(pool_request(json!({"action": "release", "lease_id": "analytics:3:41"})), expected);
    // As today's module sends it.
    assert_eq!(pool_request(json!({"action": "release", "lease_id": "analytics:3:41", "resource_id": "r"})), expected);
}

#[test]
fn a_release_may_say_which_time_it_was_told_of() {
    let span = |fields: Value| {
        let mut event = json!({"action": "release", "lease_id": "analytics:3:41"});
        event.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        match pool_request(event) {
            PoolRequest::Release(_, span) => span,
            other => panic!("{other:?}"),
        }
    };
    let told = LeaseSpan { acquired_at: Timestamp(5), expires_at: Timestamp(9) };
    assert_eq!(span(json!({"acquired_at_ms": 5, "expires_at_ms": 9})), Some(told));
    // No release is refused for what only metrics need.
    for wrong in [json!({"acquired_at_ms": 5}), json!({"acquired_at_ms": "5", "expires_at_ms": 9}), json!({})] {
        assert_eq!(span(wrong.clone()), None, "{wrong}");
    }
}

#[test]
fn a_release_by_execution_carries_its_attempt() {
    let released = pool_request(json!({
        "action": "release", "execution": EXECUTION, "key": "item-3", "parent": "arn:parent", "lease_id": null,
        "attempt": {"entered": 5, "redrive": 2, "retry": 1}
    }));
    let who = Holder::new(EXECUTION, "item-3", Some("arn:parent")).expect("a holder");
    let attempt = Attempt { entered: Timestamp(5), redrive: 2, retry: 1 };
    assert_eq!(released, PoolRequest::Release(ReleaseTarget::Holder(who.clone(), Some(attempt)), None));
    // Its row is found only with the parent.
    assert_ne!(who.hashed(), holder("item-3").hashed());
}

#[test]
fn a_renew_names_its_lease_and_perhaps_how_long() {
    let renew = |lease| PoolRequest::Renew(RenewRequest { id: lease_id("analytics:3:41"), lease });
    assert_eq!(pool_request(json!({"action": "renew", "lease_id": "analytics:3:41"})), renew(None));
    let longer = json!({"action": "renew", "lease_id": "analytics:3:41", "lease_seconds": 60});
    assert_eq!(pool_request(longer), renew(Some(Millis(60_000))));
}

#[test]
fn status_and_sweep_need_only_their_names() {
    assert_eq!(pool_request(json!({"action": "status"})), PoolRequest::Status { holders: false });
    assert_eq!(pool_request(json!({"action": "sweep"})), PoolRequest::Sweep);
    for (holders, expected) in [(json!(true), true), (json!(false), false), (json!(null), false)] {
        let asked = pool_request(json!({"action": "status", "holders": holders.clone()}));
        assert_eq!(asked, PoolRequest::Status { holders: expected });
        let request = LeaseEvent::from_value(&json!({"action": "status", "holders": holders}));
        assert_eq!(request, Ok(LeaseEvent::Status { holders: expected }));
    }
}

/// As in the developer guide of Step Functions ("Automating event delivery with EventBridge", 2024).
fn status_change(status: &str, stop: Value) -> Value {
    json!({
        "version": "0",
        "id": "315c1398-40ff-a850-213b-158f73e60175",
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "account": "123456789012",
        "time": "2019-02-26T19:42:21Z",
        "region": "eu-west-1",
        "resources": [EXECUTION],
        "detail": {
            "executionArn": EXECUTION,
            "stateMachineArn": "arn:aws:states:eu-west-1:123456789012:stateMachine:analytics",
            "name": "run-7", "status": status, "startDate": 1_551_225_146_847_u64, "stopDate": stop,
            "input": "{}", "output": null, "stateMachineVersionArn": null, "stateMachineAliasArn": null,
            "redriveCount": 0, "redriveDate": null, "redriveStatus": "REDRIVABLE", "redriveStatusReason": null,
            "inputDetails": {"included": true}, "outputDetails": null
        }
    })
}

#[test]
fn an_execution_ended_when_it_stopped_however_it_did() {
    for status in ["FAILED", "TIMED_OUT", "ABORTED", "SUCCEEDED"] {
        let ended = pool_request(status_change(status, json!(1_551_225_151_881_u64)));
        let (execution, at) = (EXECUTION.into(), Timestamp(1_551_225_151_881));
        let expected = ExecutionEnded { execution, at, redrive: Some(0), after: None };
        assert_eq!(ended, PoolRequest::ExecutionEnded(expected), "{status}");
    }
}

#[test]
fn an_end_says_how_often_its_execution_was_redriven() {
    for (said, expected) in [(json!(3), Some(3)), (json!(null), None)] {
        let mut event = status_change("FAILED", json!(5));
        event["detail"]["redriveCount"] = said;
        let PoolRequest::ExecutionEnded(ended) = pool_request(event) else { panic!("an end") };
        assert_eq!((ended.redrive, ended.at), (expected, Timestamp(5)));
    }
    let mut event = status_change("FAILED", json!(5));
    event["detail"]["redriveCount"] = json!("many");
    let wrong = LeaseEvent::from_value(&event).expect_err("an error").to_string();
    assert!(wrong.starts_with("detail.redriveCount: expected how often"), "{wrong}");
}

#[test]
fn a_release_of_all_names_an_execution_and_perhaps_a_beginning() {
    let all = |more: Value| {
        let mut event = json!({"action": "release", "all": true, "execution": EXECUTION});
        event.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        pool_request(event)
    };
    let (execution, key_prefix) = (EXECUTION.into(), "".into());
    let everything = ReleaseAll { execution, parent: None, key_prefix, attempt: None, after: None };
    assert_eq!(all(json!({})), PoolRequest::ReleaseAll(everything.clone()));
    assert_eq!(all(json!({"lease_id": null, "key": null})), PoolRequest::ReleaseAll(everything.clone()));
    let attempt = Some(Attempt { entered: Timestamp(5), redrive: 1, retry: 0 });
    let some = ReleaseAll { parent: Some("arn:parent".into()), key_prefix: "item-".into(), attempt, ..everything };
    let more = json!({"parent": "arn:parent", "key_prefix": "item-", "attempt": {"entered": 5, "redrive": 1}});
    assert_eq!(all(more), PoolRequest::ReleaseAll(some));
    let one = json!({"action": "release", "all": false, "lease_id": "analytics:3:41"});
    assert_eq!(pool_request(one), PoolRequest::Release(ReleaseTarget::Lease(lease_id("analytics:3:41")), None));
}

#[test]
fn a_task_in_the_queue_says_how_long_it_waits() {
    let wait = |more: Value| {
        let mut event = json!({"action": "acquire", "execution": "e", "task_token": "t"});
        event.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        acquire(event).wait
    };
    assert_eq!(wait(json!({})), None);
    assert_eq!(wait(json!({"wait_seconds": 90})), Some(Millis(90_000)));
}

#[test]
fn any_other_status_is_ignored_and_said_to_be() {
    for status in ["RUNNING", "PENDING_REDRIVE", "SOMETHING_NEW"] {
        let request = LeaseEvent::from_value(&status_change(status, json!(null))).expect("a request");
        let Ok(PoolRequest::Nothing { execution_status }) = request.for_pool(&prefix(), "u") else {
            panic!("{status} asks for something")
        };
        let answer = Response::Ignored { execution_status };
        let said: Value = serde_json::from_str(&answer.to_string()).expect("JSON");
        assert_eq!(said, json!({"status": "ignored", "execution_status": status}));
    }
    assert_eq!(LeaseEvent::Sweep.for_pool(&prefix(), "u"), Ok(PoolRequest::Sweep));
}

#[test]
fn bytes_are_read_as_values_are() {
    let event = br#" {"action": "renew", "lease_id": "analytics:3:41"} "#;
    let value = serde_json::from_slice(event).expect("JSON");
    assert_eq!(LeaseEvent::from_slice(event), LeaseEvent::from_value(&value));
}

#[test]
fn each_request_has_its_name_in_the_log() {
    let names = [
        (json!({"action": "acquire", "key": "k"}), "acquire"),
        (json!({"action": "release", "lease_id": "p:0:1"}), "release"),
        (json!({"action": "release", "all": true, "execution": "e"}), "release"),
        (json!({"action": "renew", "lease_id": "p:0:1"}), "renew"),
        (json!({"action": "status"}), "status"),
        (json!({"action": "sweep"}), "sweep"),
        (status_change("FAILED", json!(1)), "execution_ended"),
        (status_change("RUNNING", json!(null)), "execution_ended"),
    ];
    for (event, name) in names {
        assert_eq!(LeaseEvent::from_value(&event).expect("a request").action(), name);
    }
}

#[test]
fn a_request_can_be_logged_without_its_token() {
    let event = json!({"action": "acquire", "execution": "e", "task_token": "AAAA-secret"});
    let request = LeaseEvent::from_value(&event).expect("a request");
    assert!(!format!("{request:?}").contains("secret"));
}
