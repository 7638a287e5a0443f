//! What a call counts, and how often it asks: a lease that a newer attempt has anew is granted once more, and a sweep tells
//! each task once, whatever comes of it.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod pool;

use leasehold_core::{Attempt, Fence, Held, Holder, Notice, Row, Slot, SlotRow, TaskToken, Timestamp};
use leasehold_testkit::{StepFunctionsFault, put_row};
use pool::{BEGIN, GRACE, LEASE, ServedPool, execution};
use serde_json::{Value, json};

/// More than one round of a sweep tells.
const SLOTS: u32 = 120;

/// More than one pass of the core's rounds tells.
const MORE_THAN_ONE_PASS: u32 = 900;

/// More than one pass of the core's rounds frees.
const MORE_THAN_ONE_PASS_FREES: u32 = 1_030;

fn sweep() -> Value {
    json!({ "action": "sweep" })
}

/// A pool all of whose leases may or may not have been told.
async fn pool_maybe_told(slots: u32) -> ServedPool {
    pool_of_leases(slots, |slot| Notice::MaybeTold(TaskToken::new(&token(slot)).expect("a token"))).await
}

/// A pool all of whose slots are held, and what is known of their notices.
async fn pool_of_leases(slots: u32, notice: impl Fn(u32) -> Notice) -> ServedPool {
    let pool = ServedPool::of(slots.into()).await;
    let prefix = "analytics".parse().expect("a prefix");
    for slot in 0..slots {
        let held = Held {
            holder: Holder::new(execution(), &format!("item-{slot}"), None).expect("a holder"),
            attempt: Attempt::first(Timestamp(BEGIN)),
            acquired_at: Timestamp(BEGIN),
            expires_at: Timestamp(BEGIN + LEASE),
            renewed_at: None,
            notice: notice(slot),
            label: None,
        };
        put_row(&pool.table, &prefix, Row::Slot(SlotRow { slot: Slot(slot), fence: Fence(1), held: Some(held) })).await;
    }
    pool
}

fn token(slot: u32) -> String {
    format!("token-{slot}")
}

#[tokio::test]
async fn a_lease_had_anew_by_a_newer_attempt_is_counted() {
    let pool = ServedPool::of(1).await;
    let acquire = |redrive: u32| {
        json!({
            "action": "acquire", "execution": execution(), "key": "item-1",
            "attempt": { "entered": BEGIN, "redrive": redrive, "retry": 0 },
        })
    };
    assert_eq!(pool.line(acquire(0)).await["LeaseGranted"], 1);
    assert_eq!(pool.line(acquire(0)).await["LeaseGranted"], Value::Null, "a repeat is told the same lease");
    let anew = pool.line(acquire(1)).await;
    assert_eq!(anew["LeaseGranted"], 1, "{anew}");
}

#[tokio::test]
async fn one_sweep_confirms_all_whose_executions_run() {
    let pool = pool_maybe_told(SLOTS).await;
    pool.tasks.execution_is(execution(), "RUNNING");
    (0..SLOTS).for_each(|slot| pool.tasks.close(&token(slot)));
    let swept = pool.answer(sweep()).await;
    assert_eq!(swept.get("more"), None, "{swept}");
    let again = pool.tasks.requests("SendTaskSuccess").len();
    pool.answer(sweep()).await;
    assert_eq!(pool.tasks.requests("SendTaskSuccess").len(), again, "all are confirmed");
}

#[tokio::test]
async fn one_sweep_sees_to_more_than_one_pass_tells() {
    let pool = pool_maybe_told(MORE_THAN_ONE_PASS).await;
    pool.tasks.execution_is(execution(), "RUNNING");
    (0..MORE_THAN_ONE_PASS).for_each(|slot| pool.tasks.close(&token(slot)));
    let swept = pool.answer(sweep()).await;
    assert_eq!(swept.get("more"), None, "{swept}");
    assert_eq!(pool.tasks.requests("SendTaskSuccess").len(), MORE_THAN_ONE_PASS as usize);
}

#[tokio::test]
async fn a_sweep_that_tells_nobody_does_not_try_again() {
    let pool = pool_maybe_told(SLOTS).await;
    pool.tasks.fail_always(Some(StepFunctionsFault::Error(400, "ThrottlingException")));
    let swept = pool.answer(sweep()).await;
    assert_eq!(swept["more"], true, "{swept}");
    let sent = pool.tasks.requests("SendTaskSuccess").len();
    assert!(sent <= SLOTS as usize, "{sent} of {SLOTS}");
}

#[tokio::test]
async fn one_sweep_takes_back_more_than_one_pass_frees() {
    let pool = pool_of_leases(MORE_THAN_ONE_PASS_FREES, |_| Notice::Asked).await;
    pool.clock.forward(LEASE + GRACE + 1_000);
    let swept = pool.answer(sweep()).await;
    assert_eq!((&swept["reclaimed"], swept.get("more")), (&json!(MORE_THAN_ONE_PASS_FREES), None), "{swept}");
}

#[tokio::test]
async fn a_release_of_all_that_can_tell_nobody_ends() {
    let pool = ServedPool::of(0).await;
    for key in 0..MORE_THAN_ONE_PASS_FREES {
        pool.queue(&format!("item-{key}"), &token(key)).await;
    }
    pool.tasks.fail_always(Some(StepFunctionsFault::Error(400, "ThrottlingException")));
    let (failed, why) = pool.failure(json!({ "action": "release", "all": true, "execution": execution() })).await;
    assert_eq!(failed, "TasksUnavailable", "{why}");
    let sent = pool.tasks.requests("SendTaskFailure").len();
    assert!(sent <= 4 * MORE_THAN_ONE_PASS_FREES as usize, "each is tried a few times: {sent}");
}
