//! Lambda of the test's own: how is the lease manager's binary invoked, as AWS does it? Environments, each a process that
//! asks its runtime API for one event after the other; what an invocation comes to where its environment dies or is too late.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use leasehold_testkit::HttpMessage;
use serde_json::Value;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::record::now;
use crate::signalled::{Blow, Signalled};

/// How long an invocation may take.
pub(crate) const FUNCTION_TIMEOUT: Duration = Duration::from_secs(10);

/// One event on its way to an environment.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) event: Value,
    /// How long it may take.
    pub(crate) within: Duration,
    pub(crate) answer: oneshot::Sender<Invoked>,
}

/// What came of an invocation: the answer, or the type of the error and what it says.
pub(crate) type Invoked = Result<Value, (String, String)>;

/// Where events wait for a free environment.
pub(crate) type EventQueue = Arc<Mutex<mpsc::Receiver<Invocation>>>;

/// One environment, which is replaced when it dies.
#[derive(Debug)]
pub(crate) struct Environment {
    pub(crate) binary: PathBuf,
    pub(crate) variables: BTreeMap<String, String>,
    /// By how much its clock is wrong: what `scripts/faketime` takes, and the same in milliseconds.
    pub(crate) clock: Option<(PathBuf, String, i64)>,
    /// Where its output goes.
    pub(crate) log: PathBuf,
}

/// What the environment's connections share.
#[derive(Debug)]
struct RuntimeApi {
    queue: EventQueue,
    current: StdMutex<Option<Current>>,
    wrong_by: i64,
}

#[derive(Debug)]
struct Current {
    id: String,
    answer: oneshot::Sender<Invoked>,
    until: u64,
}

impl Environment {
    /// Serves events, whatever happens to its processes, until it is dropped. How many died is counted.
    pub(crate) async fn serve(&self, queue: EventQueue, blows: &mut mpsc::Receiver<Blow>) -> io::Result<()> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let at = listener.local_addr()?.to_string();
        let wrong_by = self.clock.as_ref().map_or(0, |(_, _, by)| *by);
        let api = Arc::new(RuntimeApi { queue, current: StdMutex::default(), wrong_by });
        loop {
            let mut process = Signalled::start(&mut self.command(&at)?)?;
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        let (stream, api) = (accepted?.0, Arc::clone(&api));
                        connections.spawn(async move { drop(api.serve(stream).await) });
                    }
                    next = process.next(blows) => match next? {
                        Ok(_) => break,
                        Err(blow) => process.strike(blow),
                    },
                    () = api.too_late() => process.strike(Blow::Kill { ended: false }),
                }
            }
            connections.shutdown().await;
            if let Some(current) = api.take(None) {
                let _ = current.answer.send(Err(("Runtime.ExitError".into(), "the environment died".into())));
            }
        }
    }

    fn command(&self, runtime_api: &str) -> io::Result<Command> {
        let mut command = match &self.clock {
            Some((script, offset, _)) => {
                let mut command = Command::new(script);
                command.arg(offset).arg(&self.binary);
                command
            }
            None => Command::new(&self.binary),
        };
        command.env_clear().envs(&self.variables).env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("AWS_LAMBDA_RUNTIME_API", runtime_api).env("AWS_LAMBDA_FUNCTION_NAME", "lease-manager");
        command.env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST").env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256");
        command.env("AWS_LAMBDA_LOG_GROUP_NAME", "chaos").env("AWS_LAMBDA_LOG_STREAM_NAME", "chaos");
        let log = File::options().create(true).append(true).open(&self.log)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(command)
    }
}

impl RuntimeApi {
    async fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut stream = BufReader::new(stream);
        while let Some(request) = HttpMessage::request(&mut stream).await? {
            let (method, path) = request.asks();
            let reply = match (method, path.rsplit('/').next()) {
                ("GET", Some("next")) => self.next_event().await?,
                ("POST", Some("response")) => self.answered(path, Ok(&request.body)),
                ("POST", Some("error")) => self.answered(path, Err(&request.body)),
                _ => HttpMessage::json(404, "{}"),
            };
            stream.get_mut().write_all(&reply.wire).await?;
        }
        Ok(())
    }

    async fn next_event(&self) -> io::Result<HttpMessage> {
        let next = self.queue.lock().await.recv().await;
        let Invocation { event, within, answer } = next.ok_or(io::ErrorKind::BrokenPipe)?;
        let id = format!("{:08x}-0000-4000-8000-{:012x}", fastrand::u32(..), fastrand::u64(..1 << 48));
        let within = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        let until = now() + within;
        // In the time of the environment's own clock, which is the one that counts down where it runs.
        let deadline = until.saturating_add_signed(self.wrong_by).to_string();
        let headers = [
            ("Content-Type", "application/json"),
            ("Lambda-Runtime-Aws-Request-Id", &*id),
            ("Lambda-Runtime-Deadline-Ms", &deadline),
            ("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:000000000000:function:lease-manager"),
            ("Lambda-Runtime-Trace-Id", "Root=1-00000000-000000000000000000000000"),
        ];
        let message = HttpMessage::new("HTTP/1.1 200 OK", &headers, event.to_string());
        *self.current() = Some(Current { id: id.clone(), answer, until });
        Ok(message)
    }

    fn answered(&self, path: &str, said: Result<&Vec<u8>, &Vec<u8>>) -> HttpMessage {
        let id = path.rsplit('/').nth(1).unwrap_or_default();
        let json = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap_or_default();
        if let Some(current) = self.take(Some(id)) {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let _ = current.answer.send(match said {
                Ok(body) => Ok(json(body)),
                Err(body) => Err((text(&json(body)["errorType"]), text(&json(body)["errorMessage"]))),
            });
        }
        HttpMessage::json(202, r#"{"status":"OK"}"#)
    }

    /// Until the invocation under way is out of time.
    async fn too_late(&self) {
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if self.current().as_ref().is_some_and(|current| now() > current.until) {
                return;
            }
        }
    }

    /// The invocation under way: that of this id, or any.
    fn take(&self, id: Option<&str>) -> Option<Current> {
        self.current().take_if(|current| id.is_none_or(|id| id == current.id))
    }

    fn current(&self) -> std::sync::MutexGuard<'_, Option<Current>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Invokes the lease manager with this event.
pub(crate) async fn invoke(queue: &mpsc::Sender<Invocation>, event: Value, within: Duration) -> Invoked {
    let (answer, answered) = oneshot::channel();
    let gone = |_| ("Lambda.Unknown".to_owned(), "nobody answers any more".to_owned());
    queue.send(Invocation { event, within, answer }).await.map_err(|_| gone(()))?;
    match timeout(Duration::from_secs(60), answered).await {
        Ok(Ok(invoked)) => invoked,
        Ok(Err(_)) | Err(_) => Err(gone(())),
    }
}
