//! `leasehold pools`: which pools are listed, in which order, and what does a monitor learn that calls it every minute?
//! Against a local AWS, by the real binary.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod local_aws;

use leasehold_core::{
    AcquireRequest, Attempt, Fence, Held, Holder, Limit, Lowered, Millis, Mode, Notice, OverrideRow, PoolName, PoolRow,
    Row, RowKey, Slot, SlotRow, SummaryRow, Timestamp,
};
use leasehold_store::{Clock, Runner, SystemClock};
use leasehold_testkit::put_row;
use local_aws::{Ended, damage, document, on, refused, run, table, told};
use serde_json::json;

fn prefix(name: &str) -> PoolName {
    name.parse().expect("a prefix")
}

async fn asks(table_name: &str, pool: &str, who: &str) {
    let holder = Holder::new(who, "", None).expect("a holder");
    let ask = AcquireRequest { holder, attempt: None, mode: Mode::Queue(None), lease: None, wait: None, label: None };
    Runner::new(table(table_name)).run_on(&prefix(pool), ask).await.expect("an answer");
}

fn ago(seconds: u64) -> Timestamp {
    Timestamp(SystemClock.now().0 - seconds * 1_000)
}

/// A sweep that long ago, which found the pool empty.
async fn swept(table_name: &str, pool: &str, seconds: u64) {
    let at = ago(seconds);
    let limit = Limit::try_from(2).expect("a limit");
    let row = SummaryRow { at, limit, held: 0, waiting: 0, waiting_more: false, waiting_since: None };
    put_row(&table(table_name), &prefix(pool), Row::Summary(row)).await;
}

/// The first slot, held for so long, and for longer yet.
fn held_for(seconds: u64) -> SlotRow {
    let held = Held {
        holder: Holder::new("long", "", None).expect("a holder"),
        attempt: Attempt::default(),
        acquired_at: ago(seconds),
        expires_at: SystemClock.now() + Millis::seconds(60),
        label: None,
        renewed_at: None,
        notice: Notice::Asked,
    };
    SlotRow { slot: Slot(0), fence: Fence(1), held: Some(held) }
}

fn listed(words: &str) -> Vec<&str> {
    words.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect()
}

fn check(table_name: &str, arguments: &[&str]) -> Ended {
    run(on(table_name), &[&["pools", "--check"], arguments].concat())
}

#[tokio::test]
async fn pools_are_listed_by_name_or_state_and_in_any_order() {
    let name = "sorted";
    told(name, &["table", "create"]);
    for (pool, limit) in [("team-a.export", "4"), ("team-a.import", "1"), ("team-b.import", "2")] {
        told(name, &["pool", "set", pool, "--limit", limit]);
    }
    for (pool, who) in [("team-a.import", "one"), ("team-a.import", "two"), ("team-b.import", "three")] {
        asks(name, pool, who).await;
    }
    for pool in ["team-a.import", "team-b.import", "team-a.export"] {
        told(name, &["sweep", pool]);
    }
    let pools = |arguments: &[&str]| told(name, &[&["pools"], arguments].concat());
    assert_eq!(listed(&pools(&[])), ["team-a.export", "team-a.import", "team-b.import"]);
    assert_eq!(listed(&pools(&["--sort", "fullness"])), ["team-a.import", "team-b.import", "team-a.export"]);
    assert_eq!(listed(&pools(&["--sort", "longest-wait"]))[0], "team-a.import");
    assert_eq!(listed(&pools(&["--sort", "trouble", "--filter", "Import"])), ["team-a.import", "team-b.import"]);
    assert_eq!(listed(&pools(&["--filter", "team-a full"])), ["team-a.import"]);
    let none = pools(&["--filter", "nightly"]);
    assert!(none.contains("no pool of table sorted is listed: 3 have other names or states"), "{none}");
    assert_eq!(document(name, &["pools", "--filter", "team-b"])["pools"].as_array().map(Vec::len), Some(1));
    assert!(refused(on(name), 2, &["pools", "--max-wait", "5m"]).contains("--check"));
}

#[tokio::test]
async fn a_pool_that_no_sweep_tells_of_is_read() {
    let name = "unswept";
    told(name, &["table", "create"]);
    for pool in ["p", "q"] {
        told(name, &["pool", "set", pool, "--limit", "2"]);
        asks(name, pool, "one").await;
    }
    // A `leasehold run` swept last, while it held a lease; nobody has used the pool since.
    swept(name, "q", 240).await;
    let words = told(name, &["pools"]);
    let held = |pool: &str| format!("{pool}          1      2        0            -  ok     ");
    assert!(words.contains(&(held("p") + "never")) && words.contains(&(held("q") + "4m")), "{words}");
    let pools = document(name, &["pools"])["pools"].clone();
    assert_eq!((&pools[0]["held"], &pools[0]["stale"], &pools[1]["stale"]), (&json!(1), &json!(null), &json!(false)));
    assert_eq!(listed(&told(name, &["pools", "--filter", "ok"])), ["p", "q"]);
}

#[tokio::test]
async fn what_a_sweep_saw_before_the_limit_was_lowered_alarms_nobody() {
    let name = "lowered-since";
    told(name, &["table", "create"]);
    put_row(&table(name), &prefix("p"), Row::Pool(PoolRow::new(Limit::try_from(1).expect("a limit")))).await;
    let limit = Limit::try_from(3).expect("a limit");
    let now = table(name).now();
    let seen = SummaryRow { at: now, limit, held: 3, waiting: 0, waiting_more: false, waiting_since: None };
    put_row(&table(name), &prefix("p"), Row::Summary(seen)).await;
    let pool = document(name, &["pools"])["pools"][0].clone();
    assert_eq!((&pool["held"], &pool["state"]), (&json!(0), &json!("idle")));
}

#[tokio::test]
async fn a_sweep_that_is_missing_is_no_idle_pool() {
    let name = "stale";
    told(name, &["table", "create"]);
    // More than are read one by one.
    for number in 0..102 {
        let pool = format!("p{number:03}");
        put_row(&table(name), &prefix(&pool), Row::Pool(PoolRow::new(Limit::try_from(2).expect("a limit")))).await;
        swept(name, &pool, if number == 0 { 120 } else { 240 }).await;
    }
    let words = told(name, &["pools"]);
    let line = |pool: &str| words.lines().find(|line| line.starts_with(pool)).expect("the pool").to_owned();
    assert!(line("p000").contains(" idle "), "three sweeps may be missing: {words}");
    assert!(line("p100").contains(" idle") && line("p101").contains(" stale, was idle  4m"), "{words}");
    assert_eq!(document(name, &["pools"])["pools"][101]["stale"], json!(true));
    assert_eq!(listed(&told(name, &["pools", "--filter", "stale"])), ["p101"]);
}

#[tokio::test]
async fn a_pool_that_lets_nobody_in_is_in_no_trouble() {
    let name = "drained";
    told(name, &["table", "create"]);
    // As it is long after it was drained.
    let (lease, grace) = (Some(Millis::seconds(1)), Some(Millis(0)));
    let drained = PoolRow { lease, grace, ..PoolRow::new(Limit::try_from(0).expect("a limit")) };
    put_row(&table(name), &prefix("p"), Row::Pool(drained)).await;
    asks(name, "p", "one").await;
    // As long as it takes until a pool that lets anybody in would be called starving.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    assert_eq!(document(name, &["leases", "p"])["state"], json!("drained"));
    assert!(told(name, &["leases", "p"]).contains("0 of 0 held, 1 waiting, drained"));
    assert!(told(name, &["pool", "show", "p"]).contains("0 of 0 held, 1 waiting, drained"));
    // No override is there to be ended, so each of them says what opens it.
    let opens = "drained by its settings; to let jobs in: leasehold pool set p --limit N\n";
    for asked in [&["leases", "p"][..], &["pool", "show", "p"], &["pool", "override", "p", "--end", "--yes"]] {
        assert!(told(name, asked).contains(opens), "{asked:?}");
    }
    // Copied as it stands, it reaches the same table.
    let same = format!("leasehold pool set p --limit N --table {name} --region eu-central-1\n");
    assert!(told(name, &["--table", name, "leases", "p", "--region", "eu-central-1"]).contains(&same));
    let well = check(name, &[]);
    assert!(well.status == Some(0) && well.told.contains("  drained  "), "{well:?}");
    assert_eq!(listed(&told(name, &["pools", "--filter", "drained"])), ["p"]);
    let doctor = on(name).args(["doctor", "p", "--output", "json"]).output().expect("the binary");
    let found = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(found.contains("pool-drained") && !found.contains("queue-starving"), "{found}");
}

#[tokio::test]
async fn a_pool_whose_holders_end_is_in_no_trouble() {
    let name = "draining";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "1"]);
    put_row(&table(name), &prefix("p"), Row::Slot(held_for(300))).await;
    told(name, &["pool", "override", "p", "--drain", "--reason", "a test", "--yes"]);
    let words = told(name, &["leases", "p"]);
    assert!(words.contains(", draining; nobody is let in any more from "), "{words}");
    // When everybody follows the limit of 0, and the lease from before lasts.
    let lowered = Lowered { from: Limit::try_from(1).expect("a limit"), at: ago(200) };
    let live = OverrideRow {
        limit: Limit::try_from(0).expect("a limit"),
        lowered: Some(lowered),
        at: ago(200),
        until: None,
        who: "ann".into(),
        why: "a test".into(),
    };
    put_row(&table(name), &prefix("p"), Row::Override(live)).await;
    swept(name, "p", 20).await;
    let words = told(name, &["leases", "p"]);
    assert!(words.contains("1 of 0 held, 0 waiting, draining\n"), "{words}");
    let well = check(name, &[]);
    assert!(well.status == Some(0) && well.told.contains("  draining  "), "{well:?}");
    let doctor = on(name).args(["doctor", "p", "--output", "json"]).output().expect("the binary");
    let found = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(found.contains("pool-drained") && !found.contains("over-limit"), "{found}");
    told(name, &["release", "p:0:1", "--yes"]);
    assert_eq!(document(name, &["leases", "p"])["state"], json!("drained"));
}

#[tokio::test]
async fn work_that_has_lost_its_lease_is_trouble() {
    let name = "outlasted";
    told(name, &["table", "create"]);
    for pool in ["long", "short"] {
        told(name, &["pool", "set", pool, "--limit", "1"]);
        // Its lease has ended, and no sweep made it last longer or gave it back.
        let mut row = held_for(400);
        let held = row.held.as_mut().expect("a lease");
        let execution = "arn:aws:states:eu-central-1:123456789012:execution:orders:one";
        held.holder = Holder::new(execution, "", None).expect("a holder");
        held.expires_at = ago(100);
        put_row(&table(name), &prefix(pool), Row::Slot(row)).await;
        swept(name, pool, 300).await;
    }
    told(name, &["pool", "set", "long", "--longest-hold", "8h", "--yes"]);
    let stopped = check(name, &[]);
    assert!(stopped.told.contains("! long: sweeps: the last was 5m"), "{stopped:?}");
    assert_eq!(stopped.status, Some(1));
    assert!(stopped.told.ends_with("2 pools checked: 1 in trouble\n"), "{stopped:?}");
    assert!(told(name, &["leases", "long"]).contains("expired, the next may have it, its work may go on"));
    assert!(!told(name, &["leases", "short"]).contains("go on"));
}

#[tokio::test]
async fn a_check_ends_with_the_status_that_a_monitor_needs() {
    let name = "checked";
    told(name, &["table", "create"]);
    assert_eq!(check(name, &[]).status, Some(1), "no pool is no good news");
    for pool in ["p", "q"] {
        told(name, &["pool", "set", pool, "--limit", "1"]);
    }
    asks(name, "p", "one").await;
    let well = check(name, &[]);
    assert_eq!((well.status, &*well.wrong), (Some(0), ""), "{well:?}");
    // As it is now: nobody has swept it.
    assert!(
        well.told.contains("p          1      1        0            -  full   never")
            && well.told.ends_with("2 pools checked: nothing is wrong\n"),
        "{well:?}"
    );

    asks(name, "p", "two").await;
    assert_eq!(check(name, &[]).status, Some(0), "that somebody waits is normal");
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let waits = check(name, &["--max-wait", "1ms"]);
    assert!(waits.told.contains("! p: waits: the first in the queue has waited for "), "{waits:?}");
    assert!(waits.status == Some(1) && waits.told.ends_with("2 pools checked: 1 in trouble\n"), "{waits:?}");

    // Nobody uses it, as where a `leasehold run` has ended: it needs no sweep, unless somebody wants one.
    swept(name, "q", 600).await;
    assert_eq!(check(name, &["--filter", "q"]).status, Some(0));
    assert_eq!(check(name, &["--filter", "q", "--max-sweep-age", "9m"]).status, Some(1));
    put_row(&table(name), &prefix("q"), Row::Slot(held_for(300))).await;
    let stopped = check(name, &["--filter", "q"]);
    assert!(stopped.told.contains("! q: sweeps: the last was 10m"), "{stopped:?}");
    assert_eq!(stopped.status, Some(1));
    assert_eq!(check(name, &["--max-sweep-age", "1h"]).status, Some(0));
    assert_eq!(check(name, &["--max-sweep-age", "0s"]).status, Some(0));

    // A slot that nobody can read, though the last sweep was all right.
    swept(name, "p", 1).await;
    swept(name, "q", 1).await;
    assert_eq!(check(name, &[]).status, Some(0));
    damage(name, &prefix("p"), RowKey::Slot(Slot(0)), "fence", -1).await;
    let broken = check(name, &[]);
    assert!(
        broken.told.contains("! p: broken: row slot#00000 of LEASES#p") && broken.told.contains("do not delete it"),
        "{broken:?}"
    );
    assert_eq!(broken.status, Some(1));
    let document: serde_json::Value =
        serde_json::from_str(&check(name, &["--output", "json"]).told).expect("a document");
    assert_eq!((&document["check"][0]["prefix"], &document["check"][0]["kind"]), (&json!("p"), &json!("broken")));
    assert_eq!(document["check"].as_array().map(Vec::len), Some(1));
}
