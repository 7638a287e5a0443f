//! A pool that lets nobody in though slots are free: `leasehold run` says why and until when, and whoever waits gets in once
//! it opens, not at the next sweep. Real processes on a local AWS.
#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod local_aws;
mod runs;

use local_aws::{document, told};
use runs::{Run, pool};

fn refused_words(table: &str) -> String {
    let (status, told, wrong) = Run::start(table, &["--wait", "0s"], "echo started").end();
    assert_eq!((status, &*told), (Some(124), ""), "{wrong}");
    wrong
}

#[test]
fn who_is_not_let_in_reads_why_and_until_when() {
    let table = "closed";
    pool(table, &["--limit", "4", "--quiet", "20s"]);
    told(table, &["pool", "override", "p", "--limit", "3", "--reason", "a test", "--yes"]);
    let (first, second) = ("echo ready; read end", "echo ready; read end");
    let mut holders = [first, second].map(|script| Run::start(table, &[], script));
    holders.iter_mut().for_each(|holder| assert_eq!(holder.line(), "ready"));
    let wrong = refused_words(table);
    let partly = "just now: it is full: 1 slot is closed until ";
    assert!(wrong.contains(partly) && wrong.contains("; 2 of 3 are held and 0 wait"), "{wrong}");
    told(table, &["pool", "override", "p", "--limit", "1", "--reason", "a test", "--yes"]);
    let shown = told(table, &["leases", "p"]);
    let closed = shown.split("; ").find(|words| words.starts_with("closed until ")).expect("a time");
    let closed = closed.split(" (").next().expect("a time");
    let wrong = refused_words(table);
    assert!(wrong.contains(&format!("it is {closed} (its limit was lowered); 2 of 1 are held")), "{shown}{wrong}");
    let mut waiter = Run::start(table, &[], "echo started");
    waiter.wrong(&format!("pool p is {closed} (its limit was lowered): waiting in its queue"));
    waiter.signal("TERM");
    told(table, &["pool", "override", "p", "--drain", "--reason", "db migration", "--yes"]);
    let live = document(table, &["leases", "p"])["override"]["who"].clone();
    let drained = format!("its limit is 0: drained by {}: db migration", live.as_str().expect("who"));
    let wrong = refused_words(table);
    assert!(wrong.contains(&drained), "{wrong}");
    Run::start(table, &[], "echo started").wrong(&drained);
}
