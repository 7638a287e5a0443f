//! A local AWS: how does a test get one, and how does it end? `scripts/ministack`, installed if need be, in a process
//! of its own.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, Region};
use leasehold_store::{Table, create_table, https};

/// How long it may take to come up; it takes about one second.
const UP_WITHIN: Duration = Duration::from_secs(60);

/// How long it may take to end once it is told to; it takes about three seconds where tasks wait.
const DOWN_WITHIN: Duration = Duration::from_secs(10);

/// How long it may take to answer a request of [`LocalAws::request`].
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// A server on a free port of this machine. It ends with this value, or with this process, however that ends.
#[derive(Debug)]
pub struct LocalAws {
    child: Child,
    port: u16,
}

impl LocalAws {
    /// Installs it if need be, starts it and waits until it answers.
    ///
    /// # Panics
    /// When that does not work: a test that needs it fails and says why.
    pub fn start() -> LocalAws {
        let installed = Command::new(script()).output().expect("scripts/ministack could not be run");
        assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = free.local_addr().expect("its number").port();
        drop(free);
        let mut command = Command::new(script());
        // Its standard input is held open by this process, and its end is the server's.
        command.arg(port.to_string()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut aws = LocalAws { child: command.spawn().expect("scripts/ministack"), port };
        aws.wait_until_healthy();
        aws
    }

    /// Where it is.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What a client of DynamoDB needs to talk to it.
    pub fn config(&self) -> Builder {
        Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .endpoint_url(self.endpoint())
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .http_client(https::client())
    }

    /// A table there, made.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn table(&self, name: &str) -> Table {
        let table = Table::from_builder(self.config(), name);
        create_table(&table).await.expect("a table");
        table
    }

    /// One request of a service of AWS that no SDK here speaks for, on a connection of its own; none if nobody listens.
    pub fn request(
        &self,
        service: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Option<HttpAnswer> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
        stream.set_read_timeout(Some(ANSWER_WITHIN)).ok()?;
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: AWS4-HMAC-SHA256 \
             Credential=test/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=none\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{head}\r\n{body}").as_bytes()).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        HttpAnswer::read(&String::from_utf8(answer).ok()?)
    }

    fn wait_until_healthy(&mut self) {
        let until = Instant::now() + UP_WITHIN;
        let path = "/_ministack/health";
        while self.request("ministack", "GET", path, &[], "").is_none_or(|answer| answer.status != 200) {
            if let Some(status) = self.child.try_wait().expect("its status") {
                panic!("ministack ended with {status} before it was up; try scripts/ministack {}", self.port);
            }
            assert!(Instant::now() < until, "ministack did not come up within {UP_WITHIN:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for LocalAws {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let until = Instant::now() + DOWN_WITHIN;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What came back of one request.
#[derive(Debug)]
pub struct HttpAnswer {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: String,
    head: String,
}

impl HttpAnswer {
    fn read(text: &str) -> Option<HttpAnswer> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(HttpAnswer { status, body: body.into(), head: head.into() })
    }

    /// The header of this name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/ministack")
}
