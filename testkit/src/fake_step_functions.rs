//! A fake Step Functions: what was it asked, and what does it answer?

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use aws_sdk_sfn::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use leasehold_store::step_functions_client_from;
use serde_json::{Value, json};

use crate::scripted_http::HttpReply;

/// How Step Functions fails one request.
#[derive(Clone, Debug)]
pub enum StepFunctionsFault {
    /// It answers with this status and error name.
    Error(u16, &'static str),
    /// The connection breaks after the request was sent.
    Break,
}

/// Step Functions: a task takes the first callback and is closed to all others, and executions are what they are said
/// to be, unless a fault is in the way. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct FakeStepFunctions(Arc<Mutex<Account>>);

#[derive(Debug, Default)]
struct Account {
    next_faults: VecDeque<StepFunctionsFault>,
    lasting_fault: Option<StepFunctionsFault>,
    closed_tokens: HashSet<String>,
    /// The status of each execution, by its ARN.
    executions: HashMap<String, String>,
    /// Every request: its operation and its body.
    requests: Vec<(String, Value)>,
}

impl FakeStepFunctions {
    /// The next request fails so.
    pub fn fail_next(&self, fault: StepFunctionsFault) {
        self.lock().next_faults.push_back(fault);
    }

    /// All requests fail so from now on; or are answered as usual again.
    pub fn fail_always(&self, fault: Option<StepFunctionsFault>) {
        self.lock().lasting_fault = fault;
    }

    /// Closes a task that nobody told anything: it timed out, or its execution was stopped.
    pub fn close(&self, token: &str) {
        self.lock().closed_tokens.insert(token.into());
    }

    /// That execution has this status.
    pub fn execution_is(&self, execution: &str, status: &str) {
        self.lock().executions.insert(execution.into(), status.into());
    }

    /// The bodies of what it was asked, by this operation's name.
    pub fn requests(&self, operation: &str) -> Vec<Value> {
        let account = self.lock();
        account.requests.iter().filter(|(name, _)| name == operation).map(|(_, body)| body.clone()).collect()
    }

    /// What the task of this token succeeded with.
    ///
    /// # Panics
    /// When that is no JSON.
    pub fn output(&self, token: &str) -> Option<Value> {
        let successes = self.requests("SendTaskSuccess");
        let body = successes.iter().find(|body| body["taskToken"] == token)?;
        Some(serde_json::from_str(body["output"].as_str().expect("a string")).expect("JSON"))
    }

    /// A client of it, as the lease manager makes its own.
    pub fn client(&self) -> aws_sdk_sfn::Client {
        let config = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-central-1"))
            .endpoint_url("http://scripted.invalid")
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .http_client(self.clone());
        step_functions_client_from(config)
    }

    fn lock(&self) -> MutexGuard<'_, Account> {
        self.0.lock().expect("not poisoned")
    }
}

impl Account {
    fn reply(&mut self, operation: &str, body: &Value) -> HttpReply {
        self.requests.push((operation.to_owned(), body.clone()));
        let fault = self.next_faults.pop_front().or_else(|| self.lasting_fault.clone());
        let answer = |status: u16, body: Value| HttpReply::Answer(status, body.to_string());
        let error = |status: u16, name: &str| {
            // As careless as can be: it repeats what it was sent.
            answer(status, json!({ "__type": name, "message": format!("as scripted, for {body}") }))
        };
        match (fault, operation) {
            (Some(StepFunctionsFault::Error(status, name)), _) => error(status, name),
            (Some(StepFunctionsFault::Break), _) => HttpReply::Break,
            (None, "DescribeExecution") => {
                let arn = body["executionArn"].as_str().expect("an ARN");
                match self.executions.get(arn) {
                    Some(status) => answer(200, described(arn, status)),
                    None => error(400, "ExecutionDoesNotExist"),
                }
            }
            (None, _) => {
                let token = body["taskToken"].as_str().expect("a token");
                match self.closed_tokens.insert(token.into()) {
                    true => answer(200, json!({})),
                    false => error(400, "TaskTimedOut"),
                }
            }
        }
    }
}

fn described(arn: &str, status: &str) -> Value {
    json!({ "executionArn": arn, "stateMachineArn": "arn:aws:states:eu-central-1:123456789012:stateMachine:nightly",
            "status": status, "startDate": 1_732_270_272.0 })
}

impl HttpConnector for FakeStepFunctions {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        // `x-amz-target: AWSStepFunctions.SendTaskSuccess`
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default();
        let body: Value = serde_json::from_slice(request.body().bytes().expect("a body")).expect("JSON");
        self.lock().reply(operation, &body).sent()
    }
}

impl HttpClient for FakeStepFunctions {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
