//! With real contention on a real engine: many tasks, one pool, never more holders than its limit.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use leasehold_core::{
    AcquireOutcome, AcquireRequest, Attempt, Condition, Fence, Guard, Held, Holder, Intent, Limit, Mode, Mutation,
    Notice, Opening, PoolName, PoolRow, Refusal, ReleaseTarget, Reply, Request, Row, RowKey, Slot, SlotRow, Timestamp,
    Write,
};
use leasehold_store::{Embedded, Runner, create_table};
use leasehold_testkit::{embedded_table, put_row};

const TASKS: u32 = 64;
const LIMIT: usize = 5;

fn holder(number: u32) -> Holder {
    Holder::new(&format!("execution-{number}"), "", None).expect("a holder")
}

fn claim(slot: u32, by: u32) -> Request {
    let held = Held {
        holder: holder(by),
        attempt: Attempt::default(),
        acquired_at: Timestamp(1),
        expires_at: Timestamp(2),
        renewed_at: None,
        notice: Notice::Asked,
        label: None,
    };
    let row = SlotRow { slot: Slot(slot), fence: Fence(1), held: Some(held) };
    let conditions = vec![(Guard::ClaimSlotUnchanged, Condition::SlotAbsentOrFree(Fence(0)))];
    let (key, intent) = (RowKey::Slot(Slot(slot)), Intent::Claim(Opening::Free, None));
    Request::Write(Write { key, conditions, mutation: Mutation::Put(Row::Slot(row)), intent })
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_claims_a_slot_and_the_others_see_whose_it_is() {
    let table = embedded_table("leases").await;
    let prefix: PoolName = "p".parse().expect("a prefix");
    for slot in 0..8 {
        let tasks = (0..TASKS).map(|by| {
            let (table, prefix) = (table.clone(), prefix.clone());
            tokio::spawn(async move { (by, table.send(&prefix, &claim(slot, by)).await.reply) })
        });
        let (mut won, mut seen) = (Vec::new(), Vec::new());
        for task in tasks.collect::<Vec<_>>() {
            match task.await.expect("no panic") {
                (by, Reply::Written) => won.push(holder(by)),
                (_, Reply::Refused(refusals)) => match &refusals[..] {
                    [Refusal::Failed(Some(Row::Slot(row)))] => seen.extend(row.held.as_ref().map(|h| h.holder.clone())),
                    other => panic!("{other:?}"),
                },
                (_, other) => panic!("{other:?}"),
            }
        }
        assert_eq!((won.len(), seen.len()), (1, TASKS as usize - 1));
        assert!(seen.iter().all(|holder| *holder == won[0]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_operations_keep_the_limit_in_memory() {
    let engine = Embedded::memory().expect("an engine");
    contend(vec![engine]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_operations_keep_the_limit_on_a_file_with_two_engines() {
    let folder = std::env::temp_dir().join(format!("leasehold-limit-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let open = || Embedded::file(&folder.join("store.db")).expect("an engine");
    contend(vec![open(), open()]).await;
    std::fs::remove_dir_all(&folder).expect("removed");
}

/// Every task acquires, holds for a moment and releases, over one of the engines.
async fn contend(engines: Vec<Embedded>) {
    let prefix: PoolName = "p".parse().expect("a prefix");
    let tables: Vec<_> = engines.iter().map(|engine| engine.table("leases")).collect();
    create_table(&tables[0]).await.expect("a table");
    let pool = PoolRow::new(Limit::try_from(LIMIT as u64).expect("a limit"));
    put_row(&tables[0], &prefix, Row::Pool(pool)).await;
    let runners: Vec<_> = tables.into_iter().map(|table| Arc::new(Runner::new(table))).collect();
    let (holding, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let tasks = (0..TASKS).map(|number| {
        let (runner, prefix) = (Arc::clone(&runners[number as usize % runners.len()]), prefix.clone());
        let (holding, most) = (Arc::clone(&holding), Arc::clone(&most));
        tokio::spawn(async move {
            let ask = AcquireRequest {
                holder: holder(number),
                attempt: None,
                mode: Mode::Poll,
                lease: None,
                wait: None,
                label: None,
            };
            let lease = loop {
                match runner.run_on(&prefix, ask.clone()).await {
                    Ok(AcquireOutcome::Acquired(lease)) => break lease,
                    _ => tokio::time::sleep(std::time::Duration::from_millis(5 + fastrand::u64(..20))).await,
                }
            };
            most.fetch_max(holding.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            holding.fetch_sub(1, Ordering::SeqCst);
            while runner.run_on(&prefix, ReleaseTarget::Lease(lease.id.clone())).await.is_err() {}
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("no panic");
    }
    let most = most.load(Ordering::SeqCst);
    assert!((2..=LIMIT).contains(&most), "{most} held at once; the limit is {LIMIT}");
    // What is told and what lies in the table agree: every slot is free again.
    let Reply::Slots(slots) = runners[0].table().send(&prefix, &Request::ALL_SLOTS).await.reply else {
        panic!("slots")
    };
    assert!(!slots.is_empty() && slots.iter().all(|slot| slot.held.is_none()), "{slots:?}");
}
