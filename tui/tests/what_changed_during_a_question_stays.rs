//! What somebody else does while a command waits for an answer is not undone by that answer. Against a local AWS, by the
//! real binary on a terminal.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod local_aws;

use std::io::{Read, Write};
use std::process::Stdio;

use leasehold_core::{AcquireOutcome, AcquireRequest, Holder, Mode};
use leasehold_store::Runner;
use local_aws::{document, on_a_terminal, table, told};
use serde_json::json;

/// What the command shows, and its status, where this happens while it asks for the name of pool p.
async fn confirmed(name: &str, command: &[&str], meanwhile: impl AsyncFnOnce()) -> (Option<i32>, String) {
    let mut terminal = on_a_terminal(name);
    terminal.args(command).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = terminal.spawn().expect("python3 with its pty module");
    let mut shown = child.stdout.take().expect("its screen");
    let mut text = vec![];
    while !String::from_utf8_lossy(&text).contains("to go on:") {
        let mut some = [0; 1_024];
        let count = shown.read(&mut some).expect("more");
        assert!(count > 0, "it did not ask: {}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&some[..count]);
    }
    meanwhile().await;
    // The keyboard is held until the command has ended.
    let mut keyboard = child.stdin.take().expect("a keyboard");
    // Once more for a command that asks again.
    keyboard.write_all(b"p\np\n").expect("typed");
    shown.read_to_end(&mut text).expect("the rest");
    (child.wait().expect("its status").code(), String::from_utf8_lossy(&text).into_owned())
}

fn pool_of(name: &str, limit: &str) {
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", limit]);
}

#[tokio::test]
async fn an_override_made_while_somebody_is_asked_stays() {
    let name = "overridden";
    pool_of(name, "5");
    let hurry = ["pool", "override", "p", "--limit", "9", "--reason", "hurry"];
    let slow = ["pool", "override", "p", "--limit", "2", "--reason", "slow", "--who", "ann", "--yes"];
    let (status, text) = confirmed(name, &hurry, async || _ = told(name, &slow)).await;
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("was not changed: ann overrode the limit meanwhile (slow), 2 is in force"), "{text}");
    assert!(told(name, &["leases", "p"]).contains("0 of 2 held"));
    // Whom nobody asks has its way.
    told(name, &[&hurry[..], &["--yes"]].concat());
    assert!(told(name, &["leases", "p"]).contains("0 of 9 held"));
}

#[tokio::test]
async fn a_pool_retired_while_somebody_is_asked_stays_so() {
    let name = "retired";
    pool_of(name, "5");
    let retire = async || _ = told(name, &["pool", "rm", "p", "--yes"]);
    let (status, text) = confirmed(name, &["pool", "set", "p", "--limit", "4"], retire).await;
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("pool p in table retired was retired meanwhile: nothing was changed"), "{text}");
    assert_eq!(document(name, &["pools"])["pools"], json!([]));
}

#[tokio::test]
async fn a_pool_that_changed_while_somebody_is_asked_is_kept() {
    for (name, changes) in [
        ("rm-set", &[&["pool", "set", "p", "--lease", "1m", "--yes"][..]][..]),
        ("rm-overridden", &[&["pool", "override", "p", "--limit", "2", "--reason", "slow", "--yes"]]),
        ("rm-anew", &[&["pool", "rm", "p", "--yes"], &["pool", "set", "p", "--limit", "5", "--yes"]]),
    ] {
        pool_of(name, "5");
        let change = async || changes.iter().for_each(|change| _ = told(name, change));
        let (status, text) = confirmed(name, &["pool", "rm", "p"], change).await;
        assert_eq!(status, Some(1), "{name}: {text}");
        assert!(text.contains("was not retired: somebody changed its settings or its override meanwhile"), "{text}");
        assert_eq!(document(name, &["pools"])["pools"].as_array().map(Vec::len), Some(1), "{name}");
    }
}

#[tokio::test]
async fn who_is_asked_again_is_told_why() {
    let name = "asked-again";
    pool_of(name, "5");
    let change = async || _ = told(name, &["pool", "set", "p", "--quiet", "40s", "--yes"]);
    let (_, text) = confirmed(name, &["pool", "set", "p", "--lease", "1m"], change).await;
    assert!(text.contains("Nothing was changed: somebody else set this pool meanwhile."), "{text}");
}

#[tokio::test]
async fn who_gets_in_while_somebody_is_asked_keeps_the_pool() {
    let name = "busy";
    pool_of(name, "1");
    let acquire = async || {
        let holder = Holder::new("one", "", None).expect("a holder");
        let ask = AcquireRequest { holder, attempt: None, mode: Mode::Poll, lease: None, wait: None, label: None };
        let prefix = "p".parse().expect("a prefix");
        let granted = Runner::new(table(name)).run_on(&prefix, ask).await;
        assert!(matches!(granted, Ok(AcquireOutcome::Acquired(_))), "{granted:?}");
    };
    let (status, text) = confirmed(name, &["pool", "rm", "p"], acquire).await;
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("pool p in table busy was not retired: 1 held, 0 waiting"), "{text}");
    assert!(told(name, &["leases", "p"]).contains("1 of 1 held"));
}
