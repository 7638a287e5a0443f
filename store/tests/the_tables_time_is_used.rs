//! The table's time: whatever this machine's clock says, operations go by the table's as far as its replies tell it.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use leasehold_core::{
    AcquireOutcome, AcquireRequest, Author, ExpectedOverride, ExpectedSettings, Failure, Holder, Limit, Millis, Mode,
    PoolName, PoolPatch, Reply, Request, Row, RowKey, SetLimit, SetPool, Settings, StatusRequest, Timestamp,
};
use leasehold_store::{Runner, StoreError, Table, create_table};
use leasehold_testkit::{DatedEngine, HttpReply, ScriptedHttp};

/// How far the table's time can be from the right one, in milliseconds: replies tell it in whole seconds.
const TOLD_WITHIN: u64 = 1_100;

/// How far this machine's clock is behind the table's in each of these worlds, in milliseconds.
const BEHIND: [i64; 5] = [25_000, -25_000, 86_400_000, -86_400_000, 3_600_000];

fn prefix() -> PoolName {
    "analytics".parse().expect("a prefix")
}

async fn pool(engine: &DatedEngine) {
    let table = engine.table("leases");
    create_table(&table).await.expect("a table");
    let patch = PoolPatch { limit: Some(Limit::try_from(1).expect("a limit")), ..PoolPatch::default() };
    let set = SetPool { patch, by: Author::new("ann", "a test"), expected: ExpectedSettings::Any };
    Runner::new(table).administer(&prefix(), set).await.expect("a pool");
}

fn assert_near(time: Timestamp, engine: &DatedEngine) {
    let apart = time.0.abs_diff(engine.now().0);
    assert!(apart <= TOLD_WITHIN, "{apart} ms from the table's clock");
}

#[tokio::test]
async fn a_first_lease_begins_by_the_tables_clock() {
    for behind in BEHIND {
        let engine = DatedEngine::ahead_by(behind);
        pool(&engine).await;
        let runner = Runner::new(engine.table("leases"));
        let holder = Holder::new("e", "", None).expect("a holder");
        let request = AcquireRequest { holder, attempt: None, mode: Mode::Poll, lease: None, wait: None, label: None };
        let Ok(AcquireOutcome::Acquired(lease)) = runner.run_on(&prefix(), request).await else { panic!("no lease") };
        assert_near(lease.acquired_at, &engine);
        assert_near(runner.now(), &engine);
    }
}

#[tokio::test]
async fn a_first_change_is_dated_by_the_tables_clock() {
    for behind in BEHIND {
        let engine = DatedEngine::ahead_by(behind);
        pool(&engine).await;
        // It reads no settings first.
        let (limit, who, why) = (Limit::try_from(3).expect("a limit"), "ann".into(), "slow".into());
        let table = engine.table("leases");
        let change = SetLimit { limit, who, why, lasts: None, expected: ExpectedOverride::Any };
        Runner::new(table.clone()).administer(&prefix(), change).await.expect("changed");
        let sent = table.send(&prefix(), &Request::Get(RowKey::Override)).await;
        let Reply::Row(Some(Row::Override(row))) = sent.reply else { panic!("{sent:?}") };
        assert_near(row.at, &engine);
    }
}

/// Who goes by the table's time and is wrong about it by more than the grace would take a living lease.
#[tokio::test]
async fn nothing_starts_on_a_time_known_worse_than_the_grace() {
    let engine = DatedEngine::ahead_by(-86_400_000);
    pool(&engine).await;
    let settings = |grace| Arc::new(Settings { grace, ..Settings::new(prefix(), Limit::HIGHEST) });
    let late_by = Duration::from_millis(2_100);
    let runner = |requests| Runner::new(engine.reached_late(requests, late_by).table("leases"));
    let ran = runner(u32::MAX).run(StatusRequest, settings(Millis::seconds(2))).await.expect_err("too slow");
    assert_eq!(ran.failure, Failure::Unavailable);
    let why = ran.cause.expect("why").to_string();
    assert!(why.contains("the table's time is not known") && why.contains("grace"), "{why}");
    // It asks again, and where the grace is long enough it need not.
    for (runner, grace) in [(runner(1), Millis::seconds(2)), (runner(u32::MAX), Millis::seconds(4))] {
        runner.run(StatusRequest, settings(grace)).await.expect("a snapshot");
        let off = runner.now().0.abs_diff(engine.now().0);
        assert!(off <= grace.0, "{off} ms");
    }
}

#[tokio::test]
async fn without_an_answer_nothing_starts_on_this_machines_clock() {
    let network = ScriptedHttp::new([HttpReply::Break]);
    let settings = Arc::new(Settings::new(prefix(), Limit::HIGHEST));
    let ran = Runner::new(network.table()).run(StatusRequest, settings).await.expect_err("no answer");
    assert_eq!(ran.failure, Failure::Unavailable);
    assert!(matches!(ran.cause, Some(StoreError::NoAnswer { .. })), "{ran:?}");
    assert!(network.bodies().iter().all(|body| body.contains("\"pool\"")), "{:?}", network.bodies());
}

#[tokio::test]
async fn where_replies_are_not_dated_this_machines_clock_is_used() {
    let table = ScriptedHttp::new([HttpReply::done()]).table();
    for _ in 0..2 {
        let before = leasehold_store::Clock::now(&leasehold_store::SystemClock);
        assert!(before <= table.now());
        table.send(&prefix(), &Request::Get(RowKey::Pool)).await;
    }
}

#[tokio::test]
async fn a_wrong_clock_is_told_once_and_a_right_one_never() {
    for (ahead, times) in [(25_000, 1), (-25_000, 1), (300, 0), (-300, 0), (0, 0)] {
        let table = DatedEngine::ahead_by(ahead).table("leases");
        let told = Arc::new(AtomicU32::new(0));
        let listener = Arc::clone(&told);
        table.on_wrong_clock(move |wrong| {
            assert_eq!(wrong.ahead, ahead < 0);
            listener.fetch_add(1, Ordering::Relaxed);
        });
        for _ in 0..3 {
            table.send(&prefix(), &Request::Get(RowKey::Pool)).await;
        }
        assert_eq!(told.load(Ordering::Relaxed), times, "{ahead}");
    }
}

#[tokio::test]
async fn who_listens_late_is_told_all_the_same() {
    let table: Table = DatedEngine::ahead_by(25_000).table("leases");
    table.send(&prefix(), &Request::Get(RowKey::Pool)).await;
    let told = Arc::new(AtomicU32::new(0));
    let listener = Arc::clone(&told);
    table.on_wrong_clock(move |_| {
        listener.fetch_add(1, Ordering::Relaxed);
    });
    assert_eq!(told.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_signature_of_another_time_costs_one_request() {
    let engine = DatedEngine::ahead_by(3_600_000);
    pool(&engine).await;
    let table = engine.table("leases");
    for (reads, why) in [(2, "refused, and signed again by the table's time"), (3, "known from then on")] {
        let sent = table.send(&prefix(), &Request::Get(RowKey::Pool)).await;
        assert!(matches!(sent.reply, Reply::Row(Some(_))), "{sent:?}");
        assert_eq!(table.meter().used().reads, reads, "{why}");
    }
    let network = ScriptedHttp::new([HttpReply::error(400, "InvalidSignatureException")]);
    let sent = network.table().send(&prefix(), &Request::Get(RowKey::Pool)).await;
    assert!(matches!(sent.trouble, Some(StoreError::Denied { .. })), "{sent:?}");
    assert_eq!(network.bodies().len(), 2, "a key that is wrong is no better the third time");
}
