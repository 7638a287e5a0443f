//! A pool that lets nobody in though slots are free: `leasehold run` says why and until when, and whoever waits gets in once
//! it opens, not at the next sweep. Real processes on a local AWS.
#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod local_aws;
mod runs;

use std::time::{Duration, SystemTime};

use leasehold_core::{Limit, OverrideRow, Row, Timestamp};
use leasehold_testkit::put_row;
use local_aws::{document, told};
use runs::{Run, pool, until, waiting};

/// How late a waiter may get in: long before the sweep, which comes half a minute later at the earliest.
const IN_TIME: Duration = Duration::from_secs(15);

fn refused_words(table: &str) -> String {
    let (status, told, wrong) = Run::start(table, &["--wait", "0s"], "echo started").end();
    assert_eq!((status, &*told), (Some(124), ""), "{wrong}");
    wrong
}

fn late(since: u64) -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock");
    now.saturating_sub(Duration::from_millis(since))
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
    // Also one that waited in vain, at the end.
    let (status, _, wrong) = Run::start(table, &["--wait", "1s"], "echo started").end();
    let last = wrong.lines().last().unwrap_or_default();
    assert!(status == Some(124) && last.contains("it waited for 1s; the pool ") && last.contains(&drained), "{wrong}");
    Run::start(table, &[], "echo started").wrong(&drained);
}

#[test]
fn a_waiter_gets_in_once_a_lowering_has_settled() {
    let table = "settled";
    pool(table, &["--limit", "2", "--quiet", "5s", "--grace", "1s"]);
    let mut holders = [(); 2].map(|()| Run::start(table, &[], "echo ready; read end"));
    holders.iter_mut().for_each(|holder| assert_eq!(holder.line(), "ready"));
    // It waits since before the lowering.
    let mut waiter = Run::start(table, &[], "echo started");
    until("it waits", || waiting(table) == 1);
    let made = ["pool", "override", "p", "--limit", "1", "--reason", "a test", "--yes"];
    let opens = document(table, &made)["settles_at_ms"].as_u64().expect("a time");
    for holder in holders {
        holder.end();
    }
    assert_eq!(waiter.line(), "started");
    assert!(late(opens) < IN_TIME, "{:?}", late(opens));
    assert_eq!(waiter.end().0, Some(0));
}

#[tokio::test]
async fn a_waiter_gets_in_once_an_override_lapses() {
    let name = "lapsed";
    pool(name, &["--limit", "1", "--quiet", "5s", "--grace", "1s"]);
    let (table, prefix) = (local_aws::table(name), "p".parse().expect("a name"));
    let opens = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock").as_millis() + 8_000;
    let opens = u64::try_from(opens).expect("a time");
    let live = OverrideRow {
        limit: Limit::try_from(0).expect("a limit"),
        lowered: None,
        at: Timestamp(opens - 30_000),
        until: Some(Timestamp(opens)),
        who: "ann".into(),
        why: "a test".into(),
    };
    put_row(&table, &prefix, Row::Override(live)).await;
    let mut waiter = Run::start(name, &[], "echo started");
    waiter.wrong("drained by ann until ");
    assert_eq!(waiter.line(), "started");
    assert!(late(opens) < IN_TIME, "{:?}", late(opens));
    assert_eq!(waiter.end().0, Some(0));
}

#[test]
fn a_drain_too_short_to_be_followed_promises_nothing() {
    let table = "brief";
    pool(table, &["--limit", "2"]);
    let drain = ["pool", "override", "p", "--drain", "--reason", "a test", "--yes", "--for"];
    let brief = told(table, &[&drain[..], &["1m"]].concat());
    assert!(brief.contains("the drain ends at ") && brief.contains("somebody may be let in all the time"), "{brief}");
    let shown = told(table, &["leases", "p"]);
    assert!(shown.contains("before all callers follow it") && !shown.contains("any more"), "{shown}");
    let long = told(table, &[&drain[..], &["5m"]].concat());
    assert!(long.contains("nobody is let in any more from "), "{long}");
}
