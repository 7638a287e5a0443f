//! However a holder ends, its lease ends with it: a panic, a cancelled task, a future that is dropped while it waits or in
//! the middle of a grant, a runtime that shuts down.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod one_pool;

use std::future::pending;
use std::time::Duration;

use leasehold::Error;
use one_pool::Engine;

/// Longer than any test: whoever has such a lease gives it back, as it does not expire.
const LONG: u64 = 3_600_000;

#[tokio::test]
async fn a_panic_in_the_work_gives_the_lease_back() {
    let engine = Engine::new();
    engine.pool(1, LONG, 1_000).await;
    let client = engine.client();
    let own = client.clone();
    let work = tokio::spawn(async move { own.with("p", |_| async { panic!("as tested") }).await });
    assert!(work.await.expect_err("it panics").is_panic());
    client.settled().await;
    assert_eq!(engine.look().await.held, 0);
}

#[tokio::test]
async fn a_cancelled_task_gives_its_lease_back() {
    let engine = Engine::new();
    engine.pool(1, LONG, 1_000).await;
    let client = engine.client();
    let own = client.clone();
    let work = tokio::spawn(async move { own.with("p", |_| pending::<()>()).await });
    engine.until("it works", |seen| seen.held == 1).await;
    work.abort();
    assert!(work.await.expect_err("it was cancelled").is_cancelled());
    client.settled().await;
    assert_eq!(engine.look().await.held, 0);
}

#[tokio::test]
async fn a_lease_dropped_outside_of_the_runtime_is_given_back() {
    let engine = Engine::new();
    engine.pool(1, LONG, 1_000).await;
    let client = engine.client();
    let lease = client.acquire("p").await.expect("a lease");
    std::thread::spawn(move || drop(lease)).join().expect("it ends");
    client.settled().await;
    assert_eq!(engine.look().await.held, 0);
}

#[tokio::test]
async fn a_future_dropped_while_it_waits_leaves_the_queue() {
    let engine = Engine::new();
    engine.pool(1, LONG, 1_000).await;
    let client = engine.client();
    let held = client.acquire("p").await.expect("a lease");
    let waiting = tokio::spawn(client.acquire("p").into_future());
    engine.until("it waits", |seen| seen.waiting == 1).await;
    waiting.abort();
    assert!(waiting.await.expect_err("it was cancelled").is_cancelled());
    client.settled().await;
    let seen = engine.look().await;
    assert_eq!((seen.held, seen.waiting), (1, 0));
    drop(held);
    client.settled().await;
    assert_eq!(engine.look().await.held, 0, "nobody was served who is gone");
}

#[tokio::test]
async fn a_future_dropped_in_the_middle_of_a_grant_gives_it_back() {
    let engine = Engine::new();
    engine.pool(1, LONG, 1_000).await;
    // Every request of an acquire that takes a free slot, and so whatever of it may have happened.
    for words in ["Query", "TransactWriteItems"] {
        let client = engine.client();
        client.check("p").await.expect("settings");
        engine.hold_up(words);
        let asking = client.acquire("p").into_future();
        engine.until_it_came().await;
        drop(asking);
        engine.go_on();
        client.settled().await;
        let seen = engine.look().await;
        assert_eq!((seen.held, seen.waiting), (0, 0), "{words}");
    }
}

#[tokio::test]
async fn whoever_gives_up_has_left_the_queue_when_it_says_so() {
    let engine = Engine::new();
    engine.pool(1, LONG, 1_000).await;
    let client = engine.client();
    let _held = client.acquire("p").await.expect("a lease");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let waiting = client.acquire("p").give_up_on(async { drop(stopped.await) }).into_future();
    let waiting = tokio::spawn(waiting);
    engine.until("it waits", |seen| seen.waiting == 1).await;
    stop.send(()).expect("it listens");
    let given_up = waiting.await.expect("no panic").expect_err("no lease");
    assert!(matches!(&given_up, Error::GivenUp { left, .. } if left == "left the queue"), "{given_up:?}");
    assert_eq!(engine.look().await.waiting, 0);
}

#[test]
fn what_a_runtime_leaves_behind_when_it_shuts_down_expires() {
    let engine = Engine::new();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let first = runtime();
    let lease = first.block_on(async {
        engine.pool(1, 500, 100).await;
        engine.client().acquire("p").await.expect("a lease")
    });
    let handle = lease.handle();
    drop(first);
    drop(lease);
    runtime().block_on(async {
        assert!(matches!(handle.renew().await, Err(Error::Lost { .. })), "nobody keeps it");
        let next = engine.client().acquire("p").patience(Duration::from_secs(30)).await.expect("its turn");
        assert_eq!(next.fence(), 2);
        assert!(!handle.is_held(), "before another has it, it is not held");
    });
}

#[tokio::test]
async fn a_waiter_that_dies_costs_the_next_one_seconds() {
    let engine = Engine::new();
    engine.pool(1, 60_000, 200).await;
    let client = engine.client();
    let held = client.acquire("p").await.expect("a lease");
    dies_waiting(&engine, 1).await;
    let next = tokio::spawn(engine.client().acquire("p").into_future());
    engine.until("the next one waits behind it", |seen| seen.waiting == 2).await;
    let began = std::time::Instant::now();
    held.release().await.expect("given back");
    let lease = next.await.expect("it ends").expect("a lease");
    assert_eq!(lease.fence(), 3, "the dead one was granted the slot before");
    // Six seconds of a first lease, and the looks; not the minute of a lease or of a sweep.
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
}

/// Has somebody wait for a lease who dies then, as a killed process does.
async fn dies_waiting(engine: &Engine, waiting: u32) {
    // In a runtime of its own, which dies with all its tasks.
    let other = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let dead = engine.client();
    let dying = other.spawn(async move { dead.acquire("p").await });
    engine.until("it waits", |seen| seen.waiting == waiting).await;
    other.shutdown_background();
    drop(dying);
}

#[tokio::test]
async fn dead_waiters_lock_nobody_out_who_asks_for_a_moment_only() {
    let engine = Engine::new();
    engine.pool(1, 60_000, 200).await;
    let client = engine.client();
    let held = client.acquire("p").await.expect("a lease");
    dies_waiting(&engine, 1).await;
    dies_waiting(&engine, 2).await;
    held.release().await.expect("given back");
    // Nobody else is there who sweeps: neither a lease manager nor one that waits.
    let asking = async {
        loop {
            match client.acquire("p").patience(Duration::ZERO).await {
                Ok(lease) => return lease,
                Err(wrong) => assert!(wrong.may_pass(), "{wrong:?}"),
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    let lease = tokio::time::timeout(one_pool::PATIENCE, asking).await.expect("the dead are cleared away");
    assert_eq!(lease.fence(), 4, "each of the dead was granted the slot before");
}

#[tokio::test]
async fn a_waiter_of_a_pool_that_is_retired_leaves_nothing_behind() {
    let engine = Engine::new();
    engine.pool(1, 60_000, 200).await;
    let client = engine.client();
    let _held = client.acquire("p").await.expect("a lease");
    let waiting = tokio::spawn(engine.client().acquire("p").into_future());
    engine.until("it waits", |seen| seen.waiting == 1).await;
    engine.retire().await;
    let wrong = waiting.await.expect("no panic").expect_err("there is no pool");
    assert!(wrong.to_string().contains("pool p does not exist"), "{wrong}");
    engine.pool(1, 60_000, 200).await;
    assert_eq!(engine.look().await.waiting, 0);
}
