//! A pool in an engine of its own, a Step Functions that answers as the test says, and a clock that the test sets.
#![allow(dead_code, clippy::expect_used, reason = "each test uses what it needs, and one that cannot go on fails")]

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_sfn::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use lease_manager::{Event, Handled, Invocation, LeaseManager, Reporting, step_functions};
use leasehold_core::nouns::Millis;
use leasehold_core::table::PoolRow;
use leasehold_store::run::Clock;
use leasehold_store::{Embedded, Table, create};
use serde_json::{Value, json};

/// When every test begins: 2024-11-22T10:11:12.345Z.
pub(crate) const BEGIN: u64 = 1_732_270_272_345;

/// How long a lease of these pools lasts, in milliseconds.
pub(crate) const LEASE: u64 = 60_000;

/// The longest that two clocks differ, in milliseconds.
pub(crate) const GRACE: u64 = 5_000;

/// A clock that goes when it is told to.
#[derive(Clone, Debug)]
pub(crate) struct Hands(Arc<AtomicU64>);

impl Hands {
    pub(crate) fn forward(&self, millis: u64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
}

/// The pool `analytics`, and the lease manager that serves it.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) manager: LeaseManager<Hands>,
    pub(crate) table: Table,
    pub(crate) clock: Hands,
    pub(crate) tasks: StepFunctions,
    calls: AtomicU64,
}

impl Pool {
    /// One with this limit.
    pub(crate) async fn of(limit: u64) -> Pool {
        Pool::with(limit, |_| {}).await
    }

    /// One with this limit, and other settings.
    pub(crate) async fn with(limit: u64, set: impl FnOnce(&mut PoolRow)) -> Pool {
        let table = Embedded::memory().expect("an engine").table("leases");
        create::create(&table).await.expect("a table");
        let mut row = settings(limit);
        set(&mut row);
        create::set_pool(&table, &"analytics".parse().expect("a prefix"), &row, None).await.expect("a pool");
        Pool::on(table)
    }

    /// One on a table as it is.
    pub(crate) fn on(table: Table) -> Pool {
        let clock = Hands(Arc::new(AtomicU64::new(BEGIN)));
        let tasks = StepFunctions::default();
        let prefix = "analytics".parse().expect("a prefix");
        let manager = LeaseManager::serving(prefix, table.clone(), tasks.client(), clock.clone());
        Pool { manager, table, clock, tasks, calls: AtomicU64::new(0) }
    }

    /// Changes its limit, as Terraform does.
    pub(crate) async fn limit(&self, from: u64, to: u64) {
        let prefix = "analytics".parse().expect("a prefix");
        let set = create::set_pool(&self.table, &prefix, &settings(to), Some(&settings(from))).await;
        assert_eq!(set, Ok(create::PoolSet::Done));
    }

    /// What comes of an event, as Lambda would hand it over.
    pub(crate) async fn handle(&self, event: Value) -> Handled {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        self.redelivered(event, &format!("request-{call}")).await
    }

    /// What comes of an event under this request id.
    pub(crate) async fn redelivered(&self, event: Value, request_id: &str) -> Handled {
        let event = Event::from(event);
        self.manager.handle(&event, invocation(request_id, Duration::from_secs(30))).await
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
    Invocation { request_id, function_name: "lease-manager-analytics", time_left }
}

/// The log line of a call, at the usual level.
pub(crate) fn line(handled: &Handled) -> Value {
    serde_json::from_str(&handled.record.line(&Reporting::default())).expect("one line of JSON")
}

/// What Step Functions does with one request.
#[derive(Clone, Debug)]
pub(crate) enum Play {
    /// Fails with this status and error name.
    Error(u16, &'static str),
    /// The connection breaks after the request was sent.
    Break,
}

/// Step Functions: a task takes the first notice and is closed to all others, and executions are what they are said
/// to be, unless a play says otherwise.
#[derive(Clone, Debug, Default)]
pub(crate) struct StepFunctions(Arc<Mutex<Script>>);

#[derive(Debug, Default)]
struct Script {
    plays: VecDeque<Play>,
    always: Option<Play>,
    closed: HashSet<String>,
    executions: HashMap<String, String>,
    asked: Vec<(String, Value)>,
}

impl StepFunctions {
    /// The next request is answered so.
    pub(crate) fn next(&self, play: Play) {
        self.0.lock().expect("not poisoned").plays.push_back(play);
    }

    /// All requests are answered so from now on; or as usual again.
    pub(crate) fn always(&self, play: Option<Play>) {
        self.0.lock().expect("not poisoned").always = play;
    }

    /// Closes a task that nobody told anything: it timed out, or its execution was stopped.
    pub(crate) fn close(&self, token: &str) {
        self.0.lock().expect("not poisoned").closed.insert(token.into());
    }

    /// That execution has this status.
    pub(crate) fn execution_is(&self, execution: &str, status: &str) {
        self.0.lock().expect("not poisoned").executions.insert(execution.into(), status.into());
    }

    /// What it was asked, by this operation's name.
    pub(crate) fn asked(&self, operation: &str) -> Vec<Value> {
        let script = self.0.lock().expect("not poisoned");
        script.asked.iter().filter(|(name, _)| name == operation).map(|(_, body)| body.clone()).collect()
    }

    /// What the task of this token succeeded with.
    pub(crate) fn output(&self, token: &str) -> Option<Value> {
        let told = self.asked("SendTaskSuccess");
        let body = told.iter().find(|body| body["taskToken"] == token)?;
        Some(serde_json::from_str(body["output"].as_str().expect("a string")).expect("JSON"))
    }

    /// A client of it, as the lease manager makes its own.
    pub(crate) fn client(&self) -> aws_sdk_sfn::Client {
        let config = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-central-1"))
            .endpoint_url("http://scripted.invalid")
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .http_client(self.clone());
        step_functions(config)
    }

    fn answer(&self, operation: String, body: Value) -> Result<(u16, Value), ConnectorError> {
        let mut script = self.0.lock().expect("not poisoned");
        script.asked.push((operation.clone(), body.clone()));
        let play = script.plays.pop_front().or_else(|| script.always.clone());
        let error = |status: u16, name: &str| {
            // As careless as can be: it repeats what it was sent.
            Ok((status, json!({ "__type": name, "message": format!("as scripted, for {body}") })))
        };
        match (play, operation.as_str()) {
            (Some(Play::Error(status, name)), _) => error(status, name),
            (Some(Play::Break), _) => Err(ConnectorError::io("connection reset by peer".into())),
            (None, "DescribeExecution") => {
                let arn = body["executionArn"].as_str().expect("an ARN");
                match script.executions.get(arn) {
                    Some(status) => Ok((200, described(arn, status))),
                    None => error(400, "ExecutionDoesNotExist"),
                }
            }
            (None, _) => {
                let token = body["taskToken"].as_str().expect("a token");
                if script.closed.insert(token.into()) { Ok((200, json!({}))) } else { error(400, "TaskTimedOut") }
            }
        }
    }
}

fn described(arn: &str, status: &str) -> Value {
    json!({ "executionArn": arn, "stateMachineArn": "arn:aws:states:eu-central-1:123456789012:stateMachine:nightly",
            "status": status, "startDate": 1_732_270_272.0 })
}

impl HttpConnector for StepFunctions {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body = serde_json::from_slice(request.body().bytes().expect("a body")).expect("JSON");
        let answer = self.answer(operation, body);
        HttpConnectorFuture::new(async move {
            let (status, body) = answer?;
            Ok(HttpResponse::new(status.try_into().expect("a status"), SdkBody::from(body.to_string())))
        })
    }
}

impl HttpClient for StepFunctions {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
