//! A lease that is lost: its holder is told at once, by a future, a flag and the reason, and never that it holds what it may
//! not.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod one_pool;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use leasehold::{Error, Event, Loss};
use one_pool::{Engine, PATIENCE};
use tokio::time::timeout;

#[tokio::test]
async fn a_lease_taken_away_by_force_is_told_at_the_next_renewal() {
    let engine = Engine::new();
    engine.pool(1, 600, 100).await;
    let lease = engine.client().acquire("p").await.expect("a lease");
    let lost = lease.lost();
    engine.force(lease.id()).await;
    assert_eq!(timeout(PATIENCE, lost).await.expect("it is told"), Loss::Ended);
    assert_eq!((lease.loss(), lease.remaining()), (Some(Loss::Ended), Duration::ZERO));
    let ended = lease.release().await.expect_err("it was lost");
    assert!(matches!(ended, Error::Lost { loss: Loss::Ended, .. }) && !ended.may_pass(), "{ended:?}");
}

#[tokio::test]
async fn a_lease_that_cannot_be_renewed_is_lost_by_its_end() {
    let engine = Engine::new();
    engine.pool(1, 600, 100).await;
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let client = engine.builder().on_event(move |event| seen.lock().expect("events").push(event.clone()));
    let client = client.build().expect("a client");
    let lease = client.acquire("p").await.expect("a lease");
    engine.cut(true);
    assert_eq!(timeout(PATIENCE, lease.lost()).await.expect("it is told"), Loss::NotRenewed);
    assert!(!lease.is_held());
    engine.cut(false);
    // Nobody took it meanwhile: it is held again, with the same fence.
    engine.until("it was renewed", |seen| seen.held == 1).await;
    lease.renew().await.expect("held again");
    assert_eq!((lease.loss(), lease.fence()), (None, 1));
    let events = events.lock().expect("events").clone();
    assert!(matches!(events.first(), Some(Event::RenewalFailed { .. })), "{events:?}");
    assert!(events.iter().any(|event| matches!(event, Event::Lost { loss: Loss::NotRenewed, .. })), "{events:?}");
    assert!(events.iter().any(|event| matches!(event, Event::HeldAgain { .. })), "{events:?}");
}

#[tokio::test]
async fn work_is_stopped_when_its_lease_is_lost() {
    let engine = Engine::new();
    engine.pool(1, 600, 100).await;
    let client = engine.client();
    let (began, begun) = tokio::sync::oneshot::channel();
    let work = tokio::spawn(async move {
        let working = client.with("p", |lease| async move {
            began.send(lease.id().clone()).expect("it is waited for");
            std::future::pending::<()>().await;
        });
        working.await
    });
    engine.force(&begun.await.expect("it works")).await;
    let stopped = timeout(PATIENCE, work).await.expect("it is stopped").expect("no panic");
    assert!(matches!(stopped, Err(Error::Lost { loss: Loss::Ended, .. })), "{stopped:?}");
}

#[tokio::test]
async fn a_loss_that_nobody_noticed_is_told_at_the_end() {
    let engine = Engine::new();
    engine.pool(1, 60_000, 100).await;
    let client = engine.client();
    let lease = client.acquire("p").await.expect("a lease");
    engine.force(lease.id()).await;
    assert!(lease.is_held(), "nobody has told it yet");
    assert!(matches!(lease.release().await, Err(Error::Lost { .. })));
    let lost = client.with("p", |lease| {
        let (engine, id) = (engine.clone(), lease.id().clone());
        async move { engine.force(&id).await }
    });
    assert!(matches!(lost.await, Err(Error::Lost { .. })));
}
