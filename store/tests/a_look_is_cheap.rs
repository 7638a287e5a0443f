//! A look at a pool costs half of what the protocol's own reading costs, and shows the same.

#![allow(clippy::expect_used, reason = "a test that cannot go on says why")]

use leasehold_core::occupancy::Occupancy;
use leasehold_core::{
    AcquireRequest, Author, ExpectedOverride, Holder, Limit, Millis, Mode, PoolName, PoolRow, RetirePool, Row,
    SetLimit, StatusRequest, Timestamp,
};
use leasehold_store::{Clock, Runner, StoreError, SystemClock, Table, list_pools, look};
use leasehold_testkit::{HttpReply, ScriptedHttp, embedded_table, put_row};

fn prefix() -> PoolName {
    "team.a".parse().expect("a prefix")
}

fn limit(count: u64) -> Limit {
    Limit::try_from(count).expect("a limit")
}

/// A pool with a limit of 4, a lowered override of 3, all of them held and `waiting` in the queue.
async fn pool(table: &Table, waiting: usize) -> Runner {
    put_row(table, &prefix(), Row::Pool(PoolRow::new(limit(4)))).await;
    // A neighbour in the order of keys, whose rows must not be taken for this pool's.
    put_row(table, &"team.a2".parse().expect("a prefix"), Row::Pool(PoolRow::new(limit(9)))).await;
    let runner = Runner::new(table.clone());
    let (who, why) = ("somebody".into(), "a test".into());
    let change = SetLimit { limit: limit(3), who, why, lasts: None, expected: ExpectedOverride::Any };
    runner.administer(&prefix(), change).await.expect("a change");
    for number in 0..3 + waiting {
        let holder = Holder::new(&format!("execution {number}"), "", None).expect("a holder");
        let ask =
            AcquireRequest { holder, attempt: None, mode: Mode::Queue(None), lease: None, wait: None, label: None };
        runner.run_on(&prefix(), ask).await.expect("an answer");
    }
    runner
}

#[tokio::test]
async fn it_shows_what_the_protocol_sees() {
    let table = embedded_table("leases").await;
    let runner = pool(&table, 2).await;
    let snapshot = runner.run_on(&prefix(), StatusRequest).await.expect("an answer");
    let settings = runner.settings(&prefix()).await.expect("settings");
    let expected = Occupancy::of(&snapshot, &settings);
    let seen = look(&table, &prefix(), || snapshot.at).await.expect("a look").expect("a pool").pool;
    let live = seen.overridden.clone().expect("the override, which decides nothing");
    assert_eq!((&*live.who, &*live.why), ("somebody", "a test"));
    assert_eq!(Occupancy { overridden: None, ..seen.clone() }, expected);
    assert_eq!((seen.limit.count(), seen.slots.len(), seen.queue.len()), (3, seen.slots.len(), seen.queue.len()));
    assert!(seen.waiting > 0);
}

#[tokio::test]
async fn the_queue_is_counted_to_a_hundred() {
    let table = embedded_table("leases").await;
    pool(&table, 103).await;
    let seen = look(&table, &prefix(), || SystemClock.now()).await.expect("a look").expect("a pool").pool;
    assert_eq!((seen.waiting, seen.waiting_more, seen.queue.len()), (100, true, 100));
}

#[tokio::test]
async fn it_takes_two_requests_and_half_the_units() {
    let table = embedded_table("leases").await;
    let runner = pool(&table, 2).await;
    let settings = runner.settings(&prefix()).await.expect("settings");
    let before = table.meter().used();
    runner.run(StatusRequest, settings).await.expect("an answer");
    let between = table.meter().used();
    look(&table, &prefix(), || SystemClock.now()).await.expect("a look");
    let after = table.meter().used();
    assert_eq!(after.reads - between.reads, 2);
    let (consistent, eventual) = (between.read_units - before.read_units, after.read_units - between.read_units);
    assert_eq!((consistent, eventual), (2.0, 1.0));
}

#[tokio::test]
async fn nothing_a_dashboard_reads_is_strongly_consistent() {
    let network = ScriptedHttp::new([HttpReply::Answer(200, r#"{"Items":[],"Count":0}"#.into())]);
    let table = network.table();
    assert_eq!(look(&table, &prefix(), || Timestamp(0)).await, Ok(None));
    list_pools(&table).await.expect("an empty directory");
    let bodies = network.bodies();
    assert_eq!(bodies.len(), 3);
    for body in bodies {
        assert!(body.contains(r#""ConsistentRead":false"#), "{body}");
    }
}

#[tokio::test]
async fn a_missing_pool_is_none_and_a_senseless_one_an_error() {
    let table = embedded_table("leases").await;
    let runner = pool(&table, 0).await;
    runner.administer(&prefix(), RetirePool { by: Author::new("ann", "a test") }).await.expect("retired");
    assert_eq!(look(&table, &prefix(), || Timestamp(0)).await, Ok(None));
    let wrong = PoolRow { lease: Some(Millis(0)), ..PoolRow::new(limit(4)) };
    put_row(&table, &prefix(), Row::Pool(wrong)).await;
    let error = look(&table, &prefix(), || Timestamp(0)).await.expect_err("misconfigured");
    assert!(matches!(error, StoreError::PoolMisconfigured { .. }), "{error}");
}
