//! `leasehold doctor` says which reads were denied, what it could not see for that, and that this machine's clock is wrong.
//! Against a local AWS, by the real binary; what is denied is denied by a door in front of it.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod local_aws;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use local_aws::{Ended, bare, endpoint, on, on_a_clock_off_by, run, told};
use serde_json::Value;

/// A door to the local AWS that denies these of DynamoDB's operations, on a port of its own. A name with `@index` denies a
/// query of the index alone.
fn door(denied: &'static [&'static str]) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let at = format!("http://{}", listener.local_addr().expect("its number"));
    let behind = endpoint().trim_start_matches("http://").to_owned();
    std::thread::spawn(move || {
        for visitor in listener.incoming().flatten() {
            let behind = behind.clone();
            // Whoever leaves early has what it wanted.
            std::thread::spawn(move || drop(pass(visitor, &behind, denied)));
        }
    });
    at
}

/// One request on a connection of its own.
fn pass(mut visitor: TcpStream, behind: &str, denied: &[&str]) -> std::io::Result<()> {
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
    let operation = head.lines().find_map(|line| line.split_once("DynamoDB_20120810.")).map_or("", |(_, name)| name);
    let index = body.contains("\"IndexName\"");
    let is_denied = |name: &&str| match name.strip_suffix("@index") {
        Some(name) => name == operation && index,
        None => *name == operation && !index,
    };
    if denied.iter().any(is_denied) {
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

fn examined(name: &str, denied: &'static [&'static str]) -> (Option<i32>, Vec<String>, Ended) {
    let mut command = bare();
    command.env("AWS_ENDPOINT_URL", door(denied)).env("AWS_REGION", "eu-central-1").env("LEASEHOLD_TABLE", name);
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    let ended = run(command, &["doctor", "p", "--output", "json"]);
    let report: Value = serde_json::from_str(&ended.told).unwrap_or_else(|_| panic!("no report: {ended:?}"));
    let findings = report["findings"].as_array().expect("findings");
    let codes = findings.iter().filter_map(|one| one["code"].as_str().map(Into::into)).collect();
    (ended.status, codes, ended)
}

#[test]
fn reads_that_are_denied_are_named_and_the_rest_is_looked_at() {
    let name = "denied";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "1", "--grace", "1s"]);
    let all = "settings-grace-short";
    for (denied, codes, action) in [
        (&[][..], &[all][..], ""),
        (&["DescribeTable"], &[all, "describe-denied"], "dynamodb:DescribeTable"),
        (&["DescribeTimeToLive"], &[all, "describe-denied"], "dynamodb:DescribeTimeToLive"),
        (&["GetItem"], &["read-denied", all], "dynamodb:GetItem"),
        (&["Query@index"], &["read-denied", all], "dynamodb:Query on the index"),
        (&["Query"], &["read-denied"], "dynamodb:Query on the table"),
    ] {
        let (status, found, ended) = examined(name, denied);
        assert_eq!(
            (status, &*found),
            (Some(1), &*codes.iter().map(ToString::to_string).collect::<Vec<_>>()),
            "{ended:?}"
        );
        assert!(ended.told.contains(action), "{ended:?}");
    }
}

#[test]
fn what_may_only_not_be_described_is_a_note() {
    let name = "not-described";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "1"]);
    let (status, codes, ended) = examined(name, &["DescribeTable", "DescribeTimeToLive"]);
    assert_eq!((status, codes), (Some(0), vec!["describe-denied".to_owned(); 2]), "{ended:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_wrong_clock_is_found() {
    let name = "doctor-s-clock";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "1"]);
    let right = run(on(name), &["doctor", "p"]);
    assert!(right.status == Some(0) && right.told.ends_with("nothing is wrong\n"), "{right:?}");
    for (offset, words) in [("+25s", "25 s ahead of the table's"), ("-1h", "60 min behind the table's")] {
        let wrong = run(on_a_clock_off_by(offset, name), &["doctor", "p"]);
        assert_eq!((wrong.status, &*wrong.wrong), (Some(1), ""), "{wrong:?}");
        assert!(wrong.told.contains("WARNING clock-wrong\n") && wrong.told.contains(words), "{wrong:?}");
    }
}
