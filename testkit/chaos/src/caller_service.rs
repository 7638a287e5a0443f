//! The world's service for callers: how do they get jobs, tasks and answers of the lease manager? An invocation may be
//! delivered twice, have little time, or lose its answer, as on AWS.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use leasehold_testkit::HttpMessage;
use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::account::Account;
use crate::environments::{FUNCTION_TIMEOUT, Invocation, invoke};

/// How long one question for a task's result is held.
const TASK_POLL: Duration = Duration::from_secs(5);

/// What the callers talk to.
#[derive(Debug)]
pub(crate) struct CallerService {
    pub(crate) account: Arc<Account>,
    pub(crate) events: mpsc::Sender<Invocation>,
    /// Whether invocations meet with trouble of their own.
    pub(crate) rough: bool,
}

impl CallerService {
    /// Serves on a free port: where.
    pub(crate) async fn serve(self) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let at = listener.local_addr()?;
        let service = Arc::new(self);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = Arc::clone(&service);
                // A caller that dies breaks its connection.
                tokio::spawn(async move { drop(service.talk(stream).await) });
            }
        });
        Ok(at)
    }

    async fn talk(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut stream = BufReader::new(stream);
        while let Some(request) = HttpMessage::request(&mut stream).await? {
            let body: Value = serde_json::from_slice(&request.body)?;
            let caller = body["caller"].as_str().unwrap_or_default();
            let answer = match request.asks().1 {
                "/job" => self.account.next_job(caller, body["done"].as_u64()),
                "/task" => json!({ "token": self.account.new_task(caller) }),
                "/task/wait" => self.task(&body).await,
                _ => self.invocation(caller, body["event"].clone()).await,
            };
            stream.get_mut().write_all(&HttpMessage::json(200, answer.to_string()).wire).await?;
        }
        Ok(())
    }

    async fn task(&self, body: &Value) -> Value {
        let (token, until) = (body["token"].as_str().unwrap_or_default(), Instant::now() + TASK_POLL);
        while Instant::now() < until {
            match self.account.step_functions.told(token) {
                Some(Ok(output)) => return json!({ "output": output }),
                Some(Err(error)) => return json!({ "error": error }),
                None => sleep(Duration::from_millis(20)).await,
            }
        }
        json!({ "waiting": true })
    }

    async fn invocation(&self, caller: &str, event: Value) -> Value {
        if let Some(execution) = event["execution"].as_str() {
            self.account.runs(caller, execution);
        }
        let (mut within, mut loses_answer) = (FUNCTION_TIMEOUT, false);
        match if self.rough { fastrand::u8(..) } else { u8::MAX } {
            0..4 => within = Duration::from_millis(fastrand::u64(1..400)),
            4..8 => loses_answer = true,
            8..12 => {
                // Delivered twice: now, and a while later.
                let (events, copy) = (self.events.clone(), event.clone());
                tokio::spawn(async move {
                    sleep(Duration::from_millis(fastrand::u64(..3_000))).await;
                    invoke(&events, copy, FUNCTION_TIMEOUT).await
                });
            }
            _ => {}
        }
        match invoke(&self.events, event, within).await {
            _ if loses_answer => json!({ "error_type": "Lambda.ServiceException" }),
            Ok(answer) => json!({ "answer": answer }),
            Err((error_type, message)) => json!({ "error_type": error_type, "error_message": message }),
        }
    }
}
