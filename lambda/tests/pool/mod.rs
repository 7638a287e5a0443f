//! A served pool: what does a test of the lease manager work on? A pool in an engine of its own, and the lease manager
//! that serves it, with the test's own clock and Step Functions.
#![allow(dead_code, clippy::expect_used, reason = "each test uses what it needs, and one that cannot go on fails")]

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jsonschema::Validator;
use lease_manager::{Handled, Invocation, InvocationEvent, LeaseManager, Reporting};
use leasehold_core::{Millis, PoolRow, Row};
use leasehold_store::{Table, create_table};
use leasehold_testkit::{DatedEngine, FakeClock, FakeStepFunctions, embedded_table, put_row};
use serde_json::{Value, json};

/// When every test begins: 2024-11-22T10:11:12.345Z.
pub(crate) const BEGIN: u64 = 1_732_270_272_345;

/// How long a lease of these pools lasts, in milliseconds.
pub(crate) const LEASE: u64 = 60_000;

/// The longest that two clocks differ, in milliseconds.
pub(crate) const GRACE: u64 = 5_000;

/// The pool `analytics`, and the lease manager that serves it.
#[derive(Debug)]
pub(crate) struct ServedPool {
    pub(crate) manager: LeaseManager<FakeClock>,
    pub(crate) table: Table,
    pub(crate) clock: FakeClock,
    pub(crate) tasks: FakeStepFunctions,
    calls: AtomicU64,
}

impl ServedPool {
    /// One with this limit.
    pub(crate) async fn of(limit: u64) -> ServedPool {
        ServedPool::with(limit, |_| {}).await
    }

    /// One with this limit, and other settings.
    pub(crate) async fn with(limit: u64, set: impl FnOnce(&mut PoolRow)) -> ServedPool {
        ServedPool::made_on(embedded_table("leases").await, limit, set).await
    }

    /// One with this limit, on a table whose clock is so many milliseconds ahead of this machine's.
    pub(crate) async fn ahead_by(limit: u64, off_by: i64) -> ServedPool {
        let engine = DatedEngine::ahead_by(off_by);
        create_table(&engine.table("leases")).await.expect("a table");
        ServedPool::made_on(engine.table("leases"), limit, |_| {}).await;
        // By a client of its own, which has yet to learn the time.
        ServedPool::on(engine.table("leases"))
    }

    async fn made_on(table: Table, limit: u64, set: impl FnOnce(&mut PoolRow)) -> ServedPool {
        let mut row = settings(limit);
        set(&mut row);
        put_row(&table, &"analytics".parse().expect("a prefix"), Row::Pool(row)).await;
        ServedPool::on(table)
    }

    /// One on a table as it is.
    pub(crate) fn on(table: Table) -> ServedPool {
        let clock = FakeClock::at(BEGIN);
        let tasks = FakeStepFunctions::default();
        let prefix = "analytics".parse().expect("a prefix");
        let manager = LeaseManager::serving(prefix, table.clone(), tasks.client(), clock.clone());
        ServedPool { manager, table, clock, tasks, calls: AtomicU64::new(0) }
    }

    /// Changes its limit, as Terraform does.
    pub(crate) async fn limit(&self, to: u64) {
        put_row(&self.table, &"analytics".parse().expect("a prefix"), Row::Pool(settings(to))).await;
    }

    /// What comes of an event, as Lambda would hand it over.
    pub(crate) async fn handle(&self, event: Value) -> Handled {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        self.redelivered(event, &format!("request-{call}")).await
    }

    /// What comes of an event under this request id.
    pub(crate) async fn redelivered(&self, event: Value, request_id: &str) -> Handled {
        let event = InvocationEvent::from(event);
        let handled = self.manager.handle(&event, invocation(request_id, Duration::from_secs(30))).await;
        keeps_to_its_schema(&handled);
        handled
    }

    /// The answer to an event.
    pub(crate) async fn answer(&self, event: Value) -> Value {
        let answer = self.handle(event).await.answer.expect("an answer");
        serde_json::to_value(answer).expect("JSON")
    }

    /// The name and the sentence with which an event fails.
    pub(crate) async fn failure(&self, event: Value) -> (&'static str, String) {
        let failed = self.handle(event).await.answer.expect_err("a failure");
        (failed.error_type, failed.message)
    }

    /// The log line of an event.
    pub(crate) async fn line(&self, event: Value) -> Value {
        line(&self.handle(event).await)
    }

    /// Takes a lease for this key.
    pub(crate) async fn acquire(&self, key: &str) -> Value {
        self.answer(acquire(key)).await
    }

    /// Joins the queue, or takes a lease, for this key and task.
    pub(crate) async fn queue(&self, key: &str, token: &str) -> Value {
        self.answer(queue(key, token)).await
    }
}

/// Every answer and every failure of these tests is one that the contract's schemas know.
fn keeps_to_its_schema(handled: &Handled) {
    static ANSWER: LazyLock<Validator> = LazyLock::new(|| schema(include_str!("../../schemas/answer.json")));
    static FAILURE: LazyLock<Validator> = LazyLock::new(|| schema(include_str!("../../schemas/failure.json")));
    let (schema, told) = match &handled.answer {
        Ok(answer) => (&ANSWER, serde_json::to_value(answer).expect("JSON")),
        Err(failed) => (&FAILURE, json!({ "errorType": failed.error_type, "errorMessage": failed.message })),
    };
    assert!(schema.is_valid(&told), "its schema does not know {told}");
}

fn schema(text: &str) -> Validator {
    jsonschema::validator_for(&serde_json::from_str(text).expect("JSON")).expect("a schema")
}

fn settings(limit: u64) -> PoolRow {
    PoolRow {
        limit: limit.try_into().expect("a limit"),
        lowered: None,
        lease: Some(Millis(LEASE)),
        grace: Some(Millis(GRACE)),
        quiet: None,
        longest_wait: None,
        longest_hold: None,
        sweep_every: None,
    }
}

/// An acquire that polls.
pub(crate) fn acquire(key: &str) -> Value {
    json!({ "action": "acquire", "execution": execution(), "key": key })
}

/// An acquire that waits in the queue, as Terraform's states send it.
pub(crate) fn queue(key: &str, token: &str) -> Value {
    json!({
        "action": "acquire", "mode": "queue", "execution": execution(), "key": key, "task_token": token,
        "attempt": { "entered": "2024-11-22T10:11:12.345Z", "retry": 0 },
    })
}

pub(crate) fn release(lease_id: &Value) -> Value {
    json!({ "action": "release", "lease_id": lease_id })
}

pub(crate) fn execution() -> &'static str {
    "arn:aws:states:eu-central-1:123456789012:execution:nightly:7"
}

/// What EventBridge sends when that execution changed its status.
pub(crate) fn status_change(status: &str, at: u64) -> Value {
    json!({
        "version": "0", "detail-type": "Step Functions Execution Status Change", "source": "aws.states",
        "detail": { "executionArn": execution(), "status": status, "startDate": BEGIN, "stopDate": at },
    })
}

pub(crate) fn invocation(request_id: &str, time_left: Duration) -> Invocation<'_> {
    let function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:lease-manager-analytics";
    Invocation { request_id, function_name: "lease-manager-analytics", function_arn, time_left }
}

/// The log line of a call, at the usual level.
pub(crate) fn line(handled: &Handled) -> Value {
    serde_json::from_str(&handled.record.line(&Reporting::default())).expect("one line of JSON")
}
