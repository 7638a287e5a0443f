//! A change that the table has not answered yet: is it shown as such, and does whoever leaves the dashboard learn what came of
//! it? Against a local AWS, behind a door that holds writes back.

#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod denying_door;
mod local_aws;
mod tmux;

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex};

use denying_door::DenyingDoor;
use local_aws::{document, told};
use serde_json::json;
use tmux::Tmux;

/// Holds back whatever writes while it is shut.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn set(&self, shut: bool) {
        *self.0.0.lock().expect("no panic") = shut;
        self.0.1.notify_all();
    }

    /// Waits until it is open.
    fn pass(&self) {
        let shut = self.0.0.lock().expect("no panic");
        drop(self.0.1.wait_while(shut, |shut| *shut).expect("no panic"));
    }
}

#[test]
fn a_change_without_an_answer_is_shown_and_told() {
    let table = "unanswered";
    told(table, &["table", "create"]);
    told(table, &["pool", "set", "p", "--limit", "3"]);
    let gate = Gate::default();
    let held_back = gate.clone();
    let door = DenyingDoor::that_allows(move |action| {
        if ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"].contains(&action) {
            held_back.pass();
        }
        true
    });
    let variables = [
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ENDPOINT_URL", door.endpoint()),
        ("LEASEHOLD_TABLE", table),
    ];
    let tmux = Tmux::shell((120, 40), &variables);
    let lowered = || {
        tmux.start("watch --every 0.3");
        tmux.shows(&["Pools 1", "● live"]);
        gate.set(true);
        tmux.text("-");
        tmux.shows(&["Override the limit of p"]);
        tmux.key("Enter");
        tmux.line("a test");
        tmux.key("Enter");
        tmux.line("p");
    };
    lowered();
    tmux.shows(&["changing the limit of p to 2: the table has not answered yet"]);
    tmux.text("q");
    tmux.shows(&["waiting for that (ctrl-C leaves"]);
    gate.set(false);
    tmux.shows(&["the limit of p is 2 now, it was 3", "LEFT 0"]);
    assert_eq!(document(table, &["leases", "p"])["limit"], json!(2));

    // Who cannot wait is told that nobody knows.
    tmux.line("clear");
    lowered();
    tmux.shows(&["changing the limit of p to 1: the table has not answered yet"]);
    tmux.key("C-c");
    tmux.shows(&["whether that happens is not known: look again", "LEFT 130"]);
    gate.set(false);
}

#[test]
fn a_command_whose_asking_gets_no_answer_says_so() {
    let table = "no-writes";
    told(table, &["table", "create"]);
    told(table, &["pool", "set", "p", "--limit", "1"]);
    let cut = Arc::new(AtomicBool::new(true));
    let cuts = Arc::clone(&cut);
    let door = DenyingDoor::that_allows(move |action| {
        let writes = ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"].contains(&action);
        if writes && cuts.load(Relaxed) {
            // The connection ends with its thread.
            std::panic::resume_unwind(Box::new(()));
        }
        true
    });
    let run = |options: &[&str]| {
        let mut command = door.command(table);
        command.args(["run", "--prefix", "p"]).args(options).args(["--", "echo", "started"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary")
    };
    let words = "no lease of pool p yet, and perhaps no place in its queue; trying again: ";
    // It goes on, and says so once.
    let mut patient = run(&[]);
    let mut said = BufReader::new(patient.stderr.take().expect("its standard error")).lines();
    let first = said.next().expect("a line").expect("words");
    assert!(first.contains(words) && first.contains("got no usable answer"), "{first}");
    // Whoever gives up names the reason.
    let mut late = run(&["--wait", "2s"]);
    let mut wrong = String::new();
    late.stderr.take().expect("its standard error").read_to_string(&mut wrong).expect("words");
    assert_ne!(late.wait().expect("its end").code(), Some(0));
    let last = wrong.lines().last().unwrap_or_default();
    assert!(last.contains("got no usable answer") && !last.contains("it waited for"), "{wrong}");
    cut.store(false, Relaxed);
    let mut done = String::new();
    patient.stdout.take().expect("its output").read_to_string(&mut done).expect("words");
    assert!(patient.wait().expect("its end").success() && done == "started\n", "{done}");
    assert!(said.all(|line| !line.expect("words").contains(words)));
}
