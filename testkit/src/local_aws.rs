//! A local AWS: what does a test ask of one? `scripts/ministack`, in a process of its own.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use aws_sdk_dynamodb::config::Builder;
use leasehold_store::Table;

use crate::local_server::LocalServer;

/// How long it may take to answer a request of [`LocalAws::request`].
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// A local AWS on a free port of this machine. It ends with this value, or with this process, however that ends.
#[derive(Debug)]
pub struct LocalAws(LocalServer);

impl LocalAws {
    /// Installs it if need be, starts it and waits until it answers.
    ///
    /// # Panics
    /// When that does not work: a test that needs it fails and says why.
    pub fn start() -> LocalAws {
        let mut aws = LocalAws(LocalServer::start("ministack"));
        let healthy = |port| {
            let answer = request_at(port, "ministack", "GET", "/_ministack/health", &[], "");
            answer.is_some_and(|answer| answer.status == 200)
        };
        aws.0.wait_until(healthy);
        aws
    }

    /// Where it is.
    pub fn endpoint(&self) -> String {
        self.0.endpoint()
    }

    /// What a client of DynamoDB needs to talk to it.
    pub fn config(&self) -> Builder {
        self.0.config()
    }

    /// A table there, made.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn table(&self, name: &str) -> Table {
        self.0.table(name).await
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
        request_at(self.0.port(), service, method, path, headers, body)
    }
}

fn request_at(
    port: u16,
    service: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Option<HttpAnswer> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
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
