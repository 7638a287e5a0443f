//! Of all that Terraform's states can be answered, only a grant leads to the work; whatever fails then, the lease is
//! given back and the error is the job's own. The machines are the rendered ones of `terraform/states`.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod pool;
mod states;

use leasehold_core::FailureReason;
use leasehold_core::contract::task_failure;
use pool::{BEGIN, ServedPool, acquire, release};
use serde_json::{Value, json};
use states::job::{CHILD, THROTTLED, TRANSIENT, always, call, ended, errors_of_the_contract, item, pool_of};
use states::walk::Walk;
use states::{StateError, StateMachine};

/// What the lease manager answers that is no grant, each as it really is.
async fn answers_that_are_no_grant(pool: &ServedPool) -> Vec<Value> {
    let held = pool.acquire("a holder").await;
    let lease = &held["lease_id"];
    assert_eq!(held["status"], "acquired", "the pool must be full for what follows");
    vec![
        pool.acquire("one too many").await,
        pool.queue("one who waits", "a token").await,
        pool.answer(json!({ "action": "renew", "lease_id": lease })).await,
        pool.answer(json!({ "action": "status", "holders": true })).await,
        pool.answer(json!({ "action": "sweep" })).await,
        pool.answer(pool::status_change("ABORTED", BEGIN - 1)).await,
        pool.answer(pool::status_change("RUNNING", BEGIN)).await,
        pool.answer(release(lease)).await,
        pool.answer(release(lease)).await,
    ]
}

/// What nobody should answer.
fn answers_of_a_stranger(grant: &Value) -> Vec<Value> {
    let with = |name: &str, value: Value| {
        let mut changed = grant.clone();
        changed[name] = value;
        changed
    };
    let mut without = grant.clone();
    without.as_object_mut().expect("an object").remove("lease_id");
    let mut answers = vec![
        Value::Null,
        json!("acquired"),
        json!(7),
        json!(true),
        json!([]),
        json!([grant]),
        json!({}),
        json!({ "status": "acquired" }),
        json!({ "status": null, "lease_id": grant["lease_id"] }),
        json!({ "lease_id": grant["lease_id"] }),
        json!({ "Payload": grant }),
        json!({ "lease": grant }),
        json!({ "errorType": "Internal", "errorMessage": "…" }),
        json!({ "status": "wait" }),
        json!({ "status": "queued", "retry_after_seconds": 5 }),
        json!({ "status": "granted", "lease_id": grant["lease_id"] }),
        json!({ "status": "Acquired", "lease_id": grant["lease_id"] }),
        json!({ "status": ["acquired"], "lease_id": grant["lease_id"] }),
        json!({ "status": "acquired", "lease_id": null }),
        json!({ "status": "acquired", "lease_id": "" }),
        json!({ "status": "acquired", "lease_id": 7 }),
        json!({ "status": "acquired", "lease_id": [grant["lease_id"]] }),
        without,
    ];
    for seconds in [Value::Null, json!("5"), json!(0), json!(-1), json!([5]), json!({}), json!(true)] {
        answers.push(json!({ "status": "wait", "retry_after_seconds": seconds }));
        answers.push(with("status", json!("wait")));
    }
    answers
}

#[tokio::test]
async fn only_a_grant_leads_to_the_work() {
    let pool = pool_of(1).await;
    let grant = pool.answer(acquire("item-07")).await;
    pool.answer(release(&grant["lease_id"])).await;
    let mut answers = answers_that_are_no_grant(&pool).await;
    let statuses: Vec<_> = answers.iter().map(|answer| answer["status"].as_str().expect("a status")).collect();
    let documented = ["wait", "queued", "renewed", "ok", "swept", "released", "ignored", "released", "released"];
    assert_eq!(statuses, documented, "each answer that the contract has, but a grant");
    answers.extend(answers_of_a_stranger(&grant));

    for machine in StateMachine::all() {
        let (mut walk, turn) = Walk::start(&machine, CHILD, item("item-07"));
        call(turn);
        call(walk.answered(Ok(grant.clone())));
        assert!(walk.worked(), "{}: a grant leads to the work", machine.name);

        for answer in &answers {
            let (mut walk, turn) = Walk::start(&machine, CHILD, item("item-07"));
            call(turn);
            let turn = walk.answered(Ok(answer.clone()));
            if machine.name == "queue-jsonpath"
                && answer.get("acquired_at_ms").is_some()
                && answer["lease_id"].is_string()
            {
                // It has every field of a grant. Only who knows the task's token could answer so.
                assert_eq!(answer["status"], "wait");
                continue;
            }
            assert!(!walk.worked(), "{}: {answer} led to the work", machine.name);
            if !machine.queues() && answer.get("limit").is_some() && answer["status"] == "wait" {
                assert_eq!(walk.entered[1..], ["CheckLeaseStatus", "WaitForLease", "AcquireLease"], "{answer}");
                continue;
            }
            let wrong = ended(turn).expect_err("an error");
            if machine.queues() {
                let names = ["States.Runtime", "States.QueryEvaluationError"];
                assert!(names.contains(&wrong.error.as_str()), "{}: {answer}: {wrong:?}", machine.name);
                assert_eq!(walk.entered, ["AcquireLease"], "{}: {answer}", machine.name);
            } else {
                assert_eq!(wrong.error, "UnexpectedLeaseAnswer", "{}: {answer}: {wrong:?}", machine.name);
                assert!(wrong.cause.contains(&answer_as_text(answer)), "{}: {answer}: {wrong:?}", machine.name);
            }
        }
    }
}

#[tokio::test]
async fn no_work_begins_whose_lease_can_not_be_given_back() {
    let pool = pool_of(1).await;
    let grant = pool.answer(acquire("item-07")).await;
    for machine in StateMachine::all() {
        for field in grant.as_object().expect("an object").keys() {
            let mut lacks = grant.clone();
            lacks.as_object_mut().expect("an object").remove(field);
            let (mut walk, turn) = Walk::start(&machine, CHILD, item("item-07"));
            call(turn);
            let turn = walk.answered(Ok(lacks));
            if walk.worked() {
                call(turn);
                let giving_back = call(walk.answered(Ok(json!({ "rows": 3 }))));
                assert_eq!(giving_back.payload["lease_id"], grant["lease_id"], "{}: without {field}", machine.name);
            } else {
                ended(turn).expect_err("an error");
            }
        }
    }
}

/// As the cause shows it: JSONata writes a string without its quotes.
fn answer_as_text(answer: &Value) -> String {
    answer.to_string().trim_matches('"').to_owned()
}

#[test]
fn an_error_of_the_acquire_never_leads_to_the_work() {
    let waited_too_long = task_failure(FailureReason::WaitedTooLong).error;
    let unheard_of = ["AccessDeniedException", "Lambda.ResourceNotFoundException", "Runtime.InvalidEntrypoint"];
    let mut errors = errors_of_the_contract();
    errors.extend(TRANSIENT.map(|name| (name, true)));
    errors.extend(unheard_of.map(|name| (name, false)));
    errors.push((waited_too_long, false));
    for machine in StateMachine::all() {
        for (error, again) in &errors {
            let wrong = StateError::new(*error, "as the test says");
            let (mut walk, turn) = Walk::start(&machine, CHILD, item("item-07"));
            let (calls, ended) = always(&mut walk, turn, &wrong);
            assert_eq!(ended, Err(wrong), "{}: raised by its name", machine.name);
            assert_eq!(walk.entered, ["AcquireLease"], "{}: {error}", machine.name);
            assert_eq!(calls > 1, *again, "{}: {error} was called {calls} times", machine.name);
        }
    }
}

#[test]
fn a_task_that_waits_is_failed_with_names_that_are_known_here() {
    let known = errors_of_the_contract();
    for why in [FailureReason::Superseded, FailureReason::Expired, FailureReason::Released] {
        let name = task_failure(why).error;
        assert!(known.iter().any(|(error, _)| *error == name), "{name}");
    }
}

#[tokio::test]
async fn a_failed_job_keeps_its_error_even_if_its_release_fails() {
    let pool = pool_of(1).await;
    let grant = pool.answer(acquire("item-07")).await;
    let mut errors: Vec<_> = errors_of_the_contract().into_iter().map(|(name, _)| name).collect();
    errors.extend(TRANSIENT);
    errors.push("States.QueryEvaluationError");
    for machine in StateMachine::all() {
        for error in &errors {
            let (mut walk, turn) = Walk::start(&machine, CHILD, item("item-07"));
            call(turn);
            call(walk.answered(Ok(grant.clone())));
            let broken = StateError::new("RowMissing", "");
            let giving_back = walk.answered(Err(broken.clone()));
            let (_, ended) = always(&mut walk, giving_back, &StateError::new(*error, "the release's own"));
            assert_eq!(ended, Err(broken), "{}: {error}", machine.name);
        }
    }
}

#[tokio::test]
async fn a_job_whose_work_is_done_is_not_failed_by_its_release() {
    let pool = pool_of(1).await;
    let grant = pool.answer(acquire("item-07")).await;
    let mut errors: Vec<_> = errors_of_the_contract().into_iter().map(|(name, _)| name).collect();
    errors.extend(TRANSIENT);
    // Nobody's: what a function is killed with has many names.
    errors.extend(["Lambda.EFSIOException", "Runtime.Unknown"]);
    for machine in StateMachine::all() {
        for error in &errors {
            let (mut walk, turn) = Walk::start(&machine, CHILD, item("item-07"));
            call(turn);
            call(walk.answered(Ok(grant.clone())));
            let giving_back = walk.answered(Ok(json!("done")));
            let wrong = StateError::new(*error, "the release's own");
            let (calls, ended) = always(&mut walk, giving_back, &wrong);
            if *error == "InvalidRequest" {
                // No lease is named: that is a mistake in the definition, and every slot would be left to expire.
                assert_eq!(ended, Err(wrong), "{}", machine.name);
                continue;
            }
            let output = ended.expect("a success");
            assert_eq!((&output["result"], &output["lease"]), (&json!("done"), &grant), "{}: {error}", machine.name);
            assert_eq!(walk.entered.last().map(String::as_str), Some("LeaseLeftToExpire"), "{}", machine.name);
            let expected = if THROTTLED.contains(error) { 161 } else { 13 };
            assert_eq!(calls, expected, "{}: {error}", machine.name);
        }
    }
}

#[tokio::test]
async fn a_job_without_its_lease_in_its_state_fails() {
    let pool = pool_of(1).await;
    let grant = pool.answer(acquire("item-07")).await;
    for mut machine in StateMachine::all() {
        // The work's result replaces the whole state.
        let work = machine.definition["States"]["Process"].as_object_mut().expect("the work");
        work.retain(|field, _| !["ResultPath", "Output"].contains(&field.as_str()));
        let (mut walk, turn) = Walk::start(&machine, CHILD, item("item-07"));
        call(turn);
        call(walk.answered(Ok(grant.clone())));
        let wrong = ended(walk.answered(Ok(json!({ "rows": 3 })))).expect_err("an error");
        let names = ["States.Runtime", "States.QueryEvaluationError"];
        assert!(names.contains(&wrong.error.as_str()), "{}: {wrong:?}", machine.name);
    }
}
