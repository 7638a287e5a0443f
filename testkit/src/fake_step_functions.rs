//! A fake Step Functions: what was it asked, and what does it answer?

use std::collections::{BTreeMap, HashSet, VecDeque};
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
    /// Nothing ever comes.
    Silence,
    /// It answers with this status and a body that is no JSON.
    Garbage(u16),
}

/// Step Functions: a task takes the first callback and is closed to all others, and executions are what they are said
/// to be, unless a fault is in the way. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct FakeStepFunctions(Arc<Mutex<Account>>);

#[derive(Debug, Default)]
struct Account {
    next_faults: VecDeque<StepFunctionsFault>,
    lasting_fault: Option<StepFunctionsFault>,
    /// The operations that fail so, whatever is asked.
    refused: BTreeMap<String, &'static str>,
    closed_tokens: HashSet<String>,
    /// What tasks were told, by their tokens.
    told: BTreeMap<String, Result<Value, String>>,
    /// The executions, by their ARNs.
    executions: BTreeMap<String, FakeExecution>,
    /// Every request: its operation and its body.
    requests: Vec<(String, Value)>,
}

/// An execution: its status, and the map run that started it, if one did.
#[derive(Debug)]
struct FakeExecution {
    status: String,
    map_run: Option<String>,
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

    /// All requests of this operation are refused so from now on.
    pub fn refuse(&self, operation: &str, error: &'static str) {
        self.lock().refused.insert(operation.into(), error);
    }

    /// Closes a task that nobody told anything: it timed out, or its execution was stopped.
    pub fn close(&self, token: &str) {
        self.lock().closed_tokens.insert(token.into());
    }

    /// That execution has this status.
    pub fn execution_is(&self, execution: &str, status: &str) {
        self.lock().executions.insert(execution.into(), FakeExecution { status: status.into(), map_run: None });
    }

    /// That child of a map run has this status.
    pub fn child_is(&self, execution: &str, status: &str, map_run: &str) {
        let child = FakeExecution { status: status.into(), map_run: Some(map_run.into()) };
        self.lock().executions.insert(execution.into(), child);
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

    /// What the task of this token was told: its output, or the error it failed with. None: nothing yet.
    pub fn told(&self, token: &str) -> Option<Result<Value, String>> {
        self.lock().told.get(token).cloned()
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
        let refused = self.refused.get(operation).map(|error| StepFunctionsFault::Error(400, error));
        let fault = refused.or_else(|| self.next_faults.pop_front()).or_else(|| self.lasting_fault.clone());
        let answer = |status: u16, body: Value| HttpReply::Answer(status, body.to_string());
        let error = |status: u16, name: &str| {
            // As careless as can be: it repeats what it was sent.
            answer(status, json!({ "__type": name, "message": format!("as scripted, for {body}") }))
        };
        match (fault, operation) {
            (Some(StepFunctionsFault::Error(status, name)), _) => error(status, name),
            (Some(StepFunctionsFault::Break), _) => HttpReply::Break,
            (Some(StepFunctionsFault::Silence), _) => HttpReply::Silence,
            (Some(StepFunctionsFault::Garbage(status)), _) => HttpReply::Answer(status, format!("<html>{body}</html>")),
            (None, "DescribeExecution") => {
                let arn = body["executionArn"].as_str().expect("an ARN");
                match self.executions.get(arn) {
                    Some(execution) => answer(200, described(arn, execution)),
                    None => error(400, "ExecutionDoesNotExist"),
                }
            }
            (None, "ListExecutions") => answer(200, self.listed(body)),
            (None, _) => {
                let token = body["taskToken"].as_str().expect("a token");
                match self.closed_tokens.insert(token.into()) {
                    true => {
                        self.told.insert(token.into(), task_result(body));
                        answer(200, json!({}))
                    }
                    false => error(400, "TaskTimedOut"),
                }
            }
        }
    }

    /// One page of the executions of a state machine or of a map run, with the status that was asked for.
    fn listed(&self, body: &Value) -> Value {
        let (machine, map_run) = (body["stateMachineArn"].as_str(), body["mapRunArn"].as_str());
        let wanted = |(arn, execution): &(&String, &FakeExecution)| match map_run {
            Some(map_run) => execution.map_run.as_deref() == Some(map_run),
            None => execution.map_run.is_none() && Some(machine_of(arn).as_str()) == machine,
        };
        let all: Vec<Value> = self
            .executions
            .iter()
            .filter(wanted)
            .filter(|(_, execution)| body["statusFilter"].as_str().is_none_or(|status| status == execution.status))
            .map(|(arn, execution)| described(arn, execution))
            .collect();
        let from: usize = body["nextToken"].as_str().map_or(0, |from| from.parse().expect("its own token"));
        let most = body["maxResults"].as_u64().map_or(100, |most| usize::try_from(most).expect("few"));
        let to = (from + most).min(all.len());
        let mut page = json!({ "executions": &all[from..to] });
        if to < all.len() {
            page["nextToken"] = to.to_string().into();
        }
        page
    }
}

/// What a callback tells its task.
fn task_result(body: &Value) -> Result<Value, String> {
    match body["output"].as_str() {
        Some(output) => Ok(serde_json::from_str(output).expect("JSON")),
        None => Err(body["error"].as_str().unwrap_or_default().to_owned()),
    }
}

fn described(arn: &str, execution: &FakeExecution) -> Value {
    let mut described = json!({
        "executionArn": arn,
        "stateMachineArn": machine_of(arn),
        "name": arn.rsplit(':').next(),
        "status": execution.status,
        "startDate": 1_732_270_272.0,
    });
    if let Some(map_run) = &execution.map_run {
        described["mapRunArn"] = map_run.as_str().into();
    }
    described
}

/// The state machine of an execution. A map run's child is one of `<machine>/<label>`.
fn machine_of(execution: &str) -> String {
    let named = execution.rsplit_once(':').map_or(execution, |(named, _)| named);
    named.replace(":execution:", ":stateMachine:")
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
