//! A lease that is half a day old: does a sweep keep the row of its holder on a real engine?
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why and fails")]

use leasehold_core::{
    Attempt, Fence, Held, HighWaterRow, Holder, HolderRow, HolderState, Limit, Millis, Notice, PoolName, PoolRow, Row,
    RowKey, Slot, SlotRow, SweepRequest, Timestamp,
};
use leasehold_store::{Runner, Table};
use leasehold_testkit::{DynamoDbLocal, embedded_table, put_row};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

fn prefix() -> PoolName {
    "p".parse().expect("a prefix")
}

async fn row_of(table: &Table, holder: &Holder) -> Option<HolderRow> {
    match table.glance(&prefix(), RowKey::Holder(holder.hashed())).await.expect("an answer") {
        Some(Row::Holder(row)) => Some(row),
        None => None,
        other => panic!("{other:?}"),
    }
}

/// Sweeps a pool with a lease that is a little older than half a day; whether its holder's row is there, or was lost.
async fn swept(table: Table, lost: bool) {
    let limit = Limit::try_from(1).expect("a limit");
    put_row(&table, &prefix(), Row::Pool(PoolRow::new(limit))).await;
    put_row(&table, &prefix(), Row::HighWater(HighWaterRow { slots: 1, ..HighWaterRow::default() })).await;
    let now = table.now();
    let holder = Holder::new("an execution", "", None).expect("a holder");
    let attempt = Attempt::first(Timestamp(now.0 - 12 * HOUR - 10 * MINUTE));
    let held = Held {
        holder: holder.clone(),
        attempt,
        acquired_at: attempt.entered,
        expires_at: now + Millis(4 * MINUTE),
        renewed_at: Some(now),
        notice: Notice::Asked,
        label: Some("nightly".into()),
    };
    let slot = SlotRow { slot: Slot(0), fence: Fence(7), held: Some(held) };
    put_row(&table, &prefix(), Row::Slot(slot.clone())).await;
    let state = HolderState::Holding { slot: Slot(0), fence: Fence(7) };
    if !lost {
        let ttl = Timestamp((now.0 / 1_000) * 1_000) + Millis(11 * HOUR);
        let row = HolderRow { holder: holder.clone(), attempt, state, ttl };
        put_row(&table, &prefix(), Row::Holder(row)).await;
    }

    let runner = Runner::new(table.clone());
    runner.run_on(&prefix(), SweepRequest).await.expect("a sweep");
    let row = row_of(&table, &holder).await.expect("the holder's row");
    assert_eq!((row.attempt, row.state), (attempt, state));
    assert!(row.ttl > now + Millis(23 * HOUR), "{row:?}");
    let after = table.glance(&prefix(), RowKey::Slot(Slot(0))).await.expect("an answer");
    assert_eq!(after, Some(Row::Slot(slot)), "the lease stays as it is");
}

#[tokio::test]
async fn a_sweep_keeps_the_row_of_a_long_leases_holder() {
    for lost in [false, true] {
        swept(embedded_table("leases").await, lost).await;
    }
}

#[tokio::test]
async fn it_does_so_on_the_engine_of_aws() {
    let dynamodb = DynamoDbLocal::start();
    for (name, lost) in [("kept", false), ("lost", true)] {
        swept(dynamodb.table(name).await, lost).await;
    }
}
