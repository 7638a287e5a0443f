//! A door to the local AWS that denies what a policy does not allow: which actions are asked for through it? Emulators of AWS
//! enforce no policies.
#![allow(dead_code, clippy::expect_used, reason = "each test uses what it needs; one that cannot go on says why")]

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::local_aws::{bare, endpoint};

/// An open door, on a port of its own.
pub(crate) struct DenyingDoor {
    at: String,
    asked: Arc<Mutex<BTreeSet<String>>>,
}

/// Whether an action is allowed, by its name in policies; `dynamodb:Query@index` is a query of the index.
type Policy = dyn Fn(&str) -> bool + Send + Sync;

impl DenyingDoor {
    pub(crate) fn that_allows(policy: impl Fn(&str) -> bool + Send + Sync + 'static) -> DenyingDoor {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let at = format!("http://{}", listener.local_addr().expect("its number"));
        let behind = endpoint().trim_start_matches("http://").to_owned();
        let (policy, asked): (Arc<Policy>, _) = (Arc::new(policy), Arc::new(Mutex::default()));
        let noted = Arc::clone(&asked);
        std::thread::spawn(move || {
            for visitor in listener.incoming().flatten() {
                let (behind, policy, noted) = (behind.clone(), Arc::clone(&policy), Arc::clone(&noted));
                // Whoever leaves early has what it wanted.
                std::thread::spawn(move || drop(pass(visitor, &behind, &*policy, &noted)));
            }
        });
        DenyingDoor { at, asked }
    }

    /// The actions that were asked for, allowed or not.
    pub(crate) fn asked(&self) -> BTreeSet<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where it is.
    pub(crate) fn endpoint(&self) -> &str {
        &self.at
    }

    /// The binary with this door as its AWS.
    pub(crate) fn command(&self, table: &str) -> Command {
        let mut command = bare();
        command.env("AWS_ENDPOINT_URL", &self.at).env("AWS_REGION", "eu-central-1").env("LEASEHOLD_TABLE", table);
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        command
    }
}

/// The actions that a request asks for. A write in a transaction is allowed by the name that it has alone.
fn actions(head: &str, body: &str) -> Vec<String> {
    let target = |service: &str| {
        head.lines().find_map(|line| line.split_once(service)).map(|(_, operation)| operation.trim().to_owned())
    };
    if let Some(operation) = target("AWSStepFunctions.") {
        return vec![format!("states:{operation}")];
    }
    let operation = target("DynamoDB_20120810.").unwrap_or_default();
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    if operation != "TransactWriteItems" {
        let index = if body["IndexName"].is_null() { "" } else { "@index" };
        return vec![format!("dynamodb:{operation}{index}")];
    }
    let writes = body["TransactItems"].as_array().cloned().unwrap_or_default();
    let kinds = writes.iter().filter_map(|write| write.as_object()?.keys().next().cloned());
    kinds.map(|kind| format!("dynamodb:{kind}Item")).collect()
}

/// One request on a connection of its own.
fn pass(mut visitor: TcpStream, behind: &str, policy: &Policy, noted: &Mutex<BTreeSet<String>>) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut some = [0; 4_096];
    let (head, body) = loop {
        let read = visitor.read(&mut some)?;
        request.extend_from_slice(&some[..read]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if read == 0 || body.len() >= length.unwrap_or(0) {
            break (head.to_owned(), body.to_owned());
        }
    };
    let asked = actions(&head, &body);
    noted.lock().unwrap_or_else(PoisonError::into_inner).extend(asked.iter().cloned());
    if !asked.iter().all(|action| policy(action)) {
        let said = r#"{"__type":"com.amazon.coral.service#AccessDeniedException","message":"not authorized"}"#;
        let head = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/x-amz-json-1.0\r\nConnection: close\r\n";
        return write!(visitor, "{head}Content-Length: {}\r\n\r\n{said}", said.len());
    }
    let mut aws = TcpStream::connect(behind)?;
    let head = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    write!(aws, "{head}\r\n\r\n{body}")?;
    let mut answer = Vec::new();
    aws.read_to_end(&mut answer)?;
    visitor.write_all(&answer)
}
