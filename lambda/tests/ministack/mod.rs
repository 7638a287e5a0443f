//! A local AWS in a process of its own, and the two calls of Lambda's API that a test makes.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_smithy_types::base64;
use serde_json::{Value, json};

/// How long ministack may take to come up; it takes about one second.
const UP_WITHIN: Duration = Duration::from_secs(60);

/// A server on a free port of this machine. It ends with this value, or with this process, however that ends.
pub(crate) struct Ministack {
    child: Child,
    port: u16,
}

/// An invocation that is over.
#[derive(Debug)]
pub(crate) struct Invoked {
    pub(crate) failed: bool,
    pub(crate) answer: Value,
    pub(crate) log: String,
}

impl Ministack {
    /// Installs it if need be, starts it and waits until it answers.
    pub(crate) fn start() -> Ministack {
        let installed = Command::new(script()).output().expect("scripts/ministack could not be run");
        assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = free.local_addr().expect("its number").port();
        drop(free);
        let mut command = Command::new(script());
        // Its standard input is held open by this process, and its end is the server's.
        command.arg(port.to_string()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut up = Ministack { child: command.spawn().expect("scripts/ministack"), port };
        let until = Instant::now() + UP_WITHIN;
        while up.request("GET", "/_ministack/health", &[], "").is_none_or(|answer| answer.status != 200) {
            if let Some(status) = up.child.try_wait().expect("its status") {
                panic!("ministack ended with {status} before it was up; try scripts/ministack {port}");
            }
            assert!(Instant::now() < until, "ministack did not come up within {UP_WITHIN:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
        up
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Makes a function of this package and environment.
    pub(crate) fn create_function(&self, name: &str, package: &[u8], environment: &Value) {
        let function = json!({
            "FunctionName": name, "Runtime": "provided.al2023", "Handler": "bootstrap", "Timeout": 20,
            "Role": "arn:aws:iam::000000000000:role/lease-manager", "Code": { "ZipFile": base64::encode(package) },
            "Environment": { "Variables": environment },
        });
        let made = self.request("POST", "/2015-03-31/functions", &[], &function.to_string()).expect("an answer");
        assert_eq!(made.status, 201, "{}", made.body);
    }

    /// Invokes it with this event.
    pub(crate) fn invoke(&self, name: &str, event: &Value) -> Invoked {
        let path = format!("/2015-03-31/functions/{name}/invocations");
        let answer = self.request("POST", &path, &[("X-Amz-Log-Type", "Tail")], &event.to_string()).expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.body);
        let log = base64::decode(answer.header("x-amz-log-result").unwrap_or_default()).expect("base64");
        Invoked {
            failed: answer.header("x-amz-function-error").is_some(),
            answer: serde_json::from_str(&answer.body).expect("JSON"),
            log: String::from_utf8(log).expect("text"),
        }
    }

    /// One request on a connection of its own; none if nobody listens yet.
    fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Option<Answer> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
        let credentials = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request, \
                           SignedHeaders=host, Signature=none";
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: {credentials}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{head}\r\n{body}").as_bytes()).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        Answer::read(&String::from_utf8(answer).ok()?)
    }
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn read(text: &str) -> Option<Answer> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Answer { status, head: head.into(), body: body.into() })
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl Drop for Ministack {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let until = Instant::now() + Duration::from_secs(10);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/ministack")
}
