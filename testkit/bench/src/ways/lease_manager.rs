//! The lease manager as it is deployed: the packaged binary behind Lambda's runtime API, as many processes of it as Lambda
//! would run environments. This program is Lambda (it hands out events and takes answers) and Step Functions (it takes
//! what waiting tasks are told); the table is behind HTTP.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::sync::{Notify, oneshot};

use super::leasehold::{Asks, execution, token};
use super::{Later, PoolTerms, Turn, Way};
use crate::BenchError;
use crate::engine::{Engine, TABLE};
use crate::http_server::{Answers, HttpAsked, HttpSaid, HttpServer};
use crate::wire::pause;

/// How long a call may take, as a function's timeout.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Where the runtime API has the events of a function.
const INVOCATION: &str = "/2018-06-01/runtime/invocation/";

/// A pool that is kept by a deployed lease manager.
pub(crate) struct Deployed {
    functions: Arc<Functions>,
    tasks: Arc<TasksOverHttp>,
    terms: PoolTerms,
    asks: Asks,
    _servers: [HttpServer; 2],
    /// They end with this value.
    _processes: Vec<Child>,
}

impl Deployed {
    /// Starts as many processes as the terms allow calls at once.
    ///
    /// # Errors
    /// When the binary is not there, or the engine is not behind HTTP.
    pub(crate) async fn start(engine: &Engine, terms: PoolTerms, asks: Asks) -> Result<Deployed, BenchError> {
        let endpoint = engine.endpoint().ok_or("the lease manager needs an engine behind HTTP")?;
        let binary = binary()?;
        let functions = Arc::new(Functions::default());
        let tasks = Arc::new(TasksOverHttp { waiting: Mutex::default(), notice: terms.delays.notice });
        let runtime = HttpServer::start(Arc::clone(&functions)).await?;
        let step_functions = HttpServer::start(Arc::clone(&tasks)).await?;
        let mut processes = Vec::new();
        for _ in 0..terms.calls_at_once {
            let mut command = Command::new(&binary);
            command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
            command.env("AWS_LAMBDA_RUNTIME_API", runtime.address());
            command.env("AWS_ENDPOINT_URL_DYNAMODB", &endpoint).env("AWS_ENDPOINT_URL_SFN", step_functions.endpoint());
            command.env("LEASE_TABLE_NAME", TABLE).env("LEASE_PREFIX", &terms.pool);
            for (name, value) in [
                ("AWS_LAMBDA_FUNCTION_NAME", "lease-manager"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
                ("AWS_REGION", "us-east-1"),
                ("AWS_ACCESS_KEY_ID", "bench"),
                ("AWS_SECRET_ACCESS_KEY", "bench"),
            ] {
                command.env(name, value);
            }
            processes.push(command.spawn()?);
        }
        Ok(Deployed { functions, tasks, terms, asks, _servers: [runtime, step_functions], _processes: processes })
    }

    async fn queue(&self, job: &str) -> Result<Turn, BenchError> {
        let token = token(job);
        let (tell, told) = oneshot::channel();
        self.tasks.waiting().insert(token.clone(), tell);
        let mut event = acquire_event(job);
        event["task_token"] = token.into();
        let functions = Arc::clone(&self.functions);
        let call = tokio::spawn(async move { functions.invoke(&event).await });
        let mut told = std::pin::pin!(told);
        tokio::select! {
            biased;
            told = &mut told => return turn(&told?, 1),
            called = call => called??,
        };
        turn(&told.await?, 1)
    }

    async fn poll(&self, job: &str) -> Result<Turn, BenchError> {
        let event = acquire_event(job);
        for asked in 1.. {
            let answer = self.functions.invoke(&event).await?;
            if answer["status"] == "acquired" {
                return turn(&answer, asked);
            }
            let told = Duration::from_secs(answer["retry_after_seconds"].as_u64().ok_or("no time to wait")?);
            tokio::time::sleep(if self.terms.as_told { told } else { self.terms.fixed_wait }).await;
        }
        Err("it never got its turn".into())
    }
}

/// The package that `scripts/lambda` makes; or the binary that the environment names.
fn binary() -> Result<PathBuf, BenchError> {
    let made = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/lambda/lease-manager/bootstrap");
    let binary = std::env::var_os("LEASE_MANAGER").map_or_else(made, PathBuf::from);
    if binary.exists() {
        return Ok(binary.canonicalize()?);
    }
    Err(format!("{} is not there: make it with scripts/lambda", binary.display()).into())
}

fn acquire_event(job: &str) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let entered = aws_smithy_types::DateTime::from_millis(i64::try_from(now.as_millis()).unwrap_or(i64::MAX));
    let entered = entered.fmt(aws_smithy_types::date_time::Format::DateTime).unwrap_or_default();
    json!({
        "action": "acquire", "execution": execution(job), "key": job, "label": job,
        "attempt": { "entered": entered, "retry": 0, "redrive": 0 },
    })
}

fn turn(granted: &Value, asked: u32) -> Result<Turn, BenchError> {
    let id = granted["lease_id"].as_str().ok_or_else(|| format!("no lease: {granted}"))?;
    let number = |name: &str| granted[name].as_u64().unwrap_or_default();
    Ok(Turn { slot: u32::try_from(number("slot"))?, fence: number("fence"), id: id.to_owned(), asked })
}

impl Way for Deployed {
    fn acquire<'a>(&'a self, job: &'a str) -> Later<'a, Turn> {
        match self.asks {
            Asks::Queue => Box::pin(self.queue(job)),
            Asks::Poll => Box::pin(self.poll(job)),
        }
    }

    fn release<'a>(&'a self, turn: &'a Turn) -> Later<'a, ()> {
        Box::pin(async move {
            self.functions.invoke(&json!({ "action": "release", "lease_id": turn.id })).await.map(|_| ())
        })
    }

    fn renew<'a>(&'a self, turn: &'a Turn) -> Later<'a, bool> {
        Box::pin(async move {
            self.functions.invoke(&json!({ "action": "renew", "lease_id": turn.id })).await.map(|_| true)
        })
    }

    /// Each process answers once: it has started.
    fn prepare(&self) -> Later<'_, ()> {
        Box::pin(async {
            let calls: Vec<_> = (0..self.terms.calls_at_once)
                .map(|_| {
                    let functions = Arc::clone(&self.functions);
                    tokio::spawn(async move { functions.invoke(&json!({ "action": "status" })).await })
                })
                .collect();
            for call in calls {
                call.await??;
            }
            Ok(())
        })
    }
}

/// Lambda's runtime API, for all processes of one function.
#[derive(Debug, Default)]
struct Functions {
    waiting: Mutex<VecDeque<(u64, String)>>,
    more: Notify,
    calls: Mutex<HashMap<u64, oneshot::Sender<(bool, Value)>>>,
    called: AtomicU64,
}

impl Functions {
    /// Calls the function, and waits for what it answers.
    async fn invoke(&self, event: &Value) -> Result<Value, BenchError> {
        let (answer, answered) = oneshot::channel();
        let id = self.called.fetch_add(1, Relaxed);
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).insert(id, answer);
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back((id, event.to_string()));
        self.more.notify_one();
        match tokio::time::timeout(TIMEOUT, answered).await?? {
            (true, answer) => Ok(answer),
            (false, error) => Err(format!("the lease manager failed: {error}").into()),
        }
    }

    async fn next(&self) -> (u64, String) {
        loop {
            let more = self.more.notified();
            if let Some(event) = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front() {
                return event;
            }
            more.await;
        }
    }
}

impl Answers for Functions {
    async fn answer(&self, asked: HttpAsked) -> HttpSaid {
        if asked.method == "GET" {
            let (id, event) = self.next().await;
            let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + TIMEOUT;
            let mut said = HttpSaid::json(200, event);
            said.headers.extend([
                ("Lambda-Runtime-Aws-Request-Id", id.to_string()),
                ("Lambda-Runtime-Deadline-Ms", deadline.as_millis().to_string()),
                ("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:1:function:lease-manager".into()),
            ]);
            return said;
        }
        let answered = asked.path.strip_prefix(INVOCATION).and_then(|path| path.split_once('/'));
        if let Some((id, what)) = answered
            && let Some(call) = id
                .parse()
                .ok()
                .and_then(|id: u64| self.calls.lock().unwrap_or_else(PoisonError::into_inner).remove(&id))
        {
            let body = serde_json::from_slice(&asked.body).unwrap_or_default();
            let _ = call.send((what == "response", body));
        }
        HttpSaid::json(202, "{}")
    }
}

/// Step Functions, as far as it takes what waiting tasks are told.
#[derive(Debug)]
struct TasksOverHttp {
    waiting: Mutex<HashMap<String, oneshot::Sender<Value>>>,
    notice: Duration,
}

impl TasksOverHttp {
    fn waiting(&self) -> MutexGuard<'_, HashMap<String, oneshot::Sender<Value>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answers for TasksOverHttp {
    async fn answer(&self, asked: HttpAsked) -> HttpSaid {
        pause(self.notice / 2).await;
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        let output = body["output"].as_str().and_then(|output| serde_json::from_str(output).ok());
        let waiting = body["taskToken"].as_str().and_then(|token| self.waiting().remove(token));
        let told = waiting.map(|tell| tell.send(output.unwrap_or(Value::Null)));
        pause(self.notice / 2).await;
        match told {
            Some(Ok(())) => HttpSaid::json(200, "{}"),
            _ => HttpSaid::json(400, r#"{"__type":"TaskTimedOut","message":"closed"}"#),
        }
    }
}
