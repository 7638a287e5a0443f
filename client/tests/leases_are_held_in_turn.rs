//! The client: whoever asks waits its turn, holds a slot that is its own, keeps it for as long as it works, and gives it
//! back.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod one_pool;

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use leasehold::{Error, Event, Loss};
use leasehold_store::SETTINGS_FRESH_FOR;
use one_pool::Engine;

#[tokio::test]
async fn never_more_than_the_limit_work_and_all_have_a_turn() {
    let engine = Engine::new();
    engine.pool(3, 30_000, 1_000).await;
    let (working, peak, done) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
    let all = Arc::new((working, peak, done));
    let workers: Vec<_> = (0..12)
        .map(|_| {
            // Each as if in a process of its own.
            let (client, all) = (engine.client(), Arc::clone(&all));
            tokio::spawn(async move {
                let slot = client.with("p", |lease| async move {
                    let (working, peak, done) = &*all;
                    peak.fetch_max(working.fetch_add(1, SeqCst) + 1, SeqCst);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    working.fetch_sub(1, SeqCst);
                    done.fetch_add(1, SeqCst);
                    lease.slot()
                });
                slot.await.expect("a lease")
            })
        })
        .collect();
    for worker in workers {
        assert!(worker.await.expect("it ends") < 3);
    }
    let (_, peak, done) = &*all;
    assert_eq!((done.load(SeqCst), engine.look().await.held), (12, 0));
    assert!((1..=3).contains(&peak.load(SeqCst)), "{peak:?}");
}

#[tokio::test]
async fn who_was_let_in_as_the_limit_fell_has_a_whole_lease() {
    let engine = Engine::new();
    engine.pool(2, 60_000, 1_000).await;
    let mut two = Vec::new();
    for _ in 0..2 {
        two.push(engine.client().acquire("p").await.expect("a lease"));
    }
    two.sort_by_key(|lease| lease.slot());
    let second = two.pop().expect("two");
    let client = engine.client();
    let third = tokio::spawn(async move { client.acquire("p").await });
    engine.until("the third waits", |pool| pool.waiting == 1).await;
    // The third reads the settings anew when it comes for its lease; the second, which has just read them, gives its lease
    // back by the limit of before.
    tokio::time::sleep(SETTINGS_FRESH_FOR).await;
    second.renew().await.expect("it is held");
    engine.limit(1).await;
    second.release().await.expect("it was held");
    let third = third.await.expect("it ends").expect("a lease");
    assert_eq!(third.slot(), 1, "above the limit");
    let left = third.remaining();
    assert!(left > Duration::from_secs(40), "what works under it would be ended at once: {left:?}");
}

#[tokio::test]
async fn a_lease_says_what_its_holder_needs_to_know() {
    let engine = Engine::new();
    engine.pool(1, 30_000, 2_000).await;
    let client = engine.builder().owner("reports").build().expect("a client");
    client.check("p").await.expect("it can be used");
    let lease = client.acquire("p").key("order 7").label("nightly").await.expect("a lease");
    assert_eq!((lease.pool().as_str(), lease.slot(), lease.fence()), ("p", 0, 1));
    assert_eq!((lease.length(), lease.grace()), (Duration::from_secs(30), Duration::from_secs(2)));
    assert!(lease.is_held() && lease.loss().is_none());
    let left = lease.remaining();
    assert!(left > Duration::from_secs(20) && left <= Duration::from_secs(30), "{left:?}");
    let by_the_table = lease.expires_at().duration_since(std::time::SystemTime::now()).expect("it is later");
    assert!(by_the_table <= Duration::from_secs(30) && by_the_table > Duration::from_secs(20), "{by_the_table:?}");
    let seen = format!("{:?}", engine.look().await);
    assert!(seen.contains("order 7") && seen.contains("nightly") && seen.contains("reports:"), "{seen}");
    assert!(client.try_acquire("p").await.expect("it answers").is_none());
    lease.release().await.expect("given back");
    let again = client.try_acquire("p").await.expect("it answers").expect("a slot is free");
    assert_eq!(again.fence(), 2);
}

#[tokio::test]
async fn a_lease_lasts_as_long_as_its_holder_works() {
    let engine = Engine::new();
    engine.pool(1, 900, 100).await;
    let client = engine.client();
    let lease = client.acquire("p").await.expect("a lease");
    let first = lease.expires_at();
    let other = engine.client();
    let waiting = tokio::spawn(async move { other.acquire("p").await.expect("a lease").fence() });
    engine.until("another waits", |seen| seen.waiting == 1).await;
    // It has outlived its first length and the grace.
    while lease.expires_at() < first + Duration::from_millis(1_500) {
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(lease.loss(), None);
    }
    lease.renew().await.expect("it is held");
    assert!(!waiting.is_finished());
    lease.release().await.expect("given back");
    assert_eq!(waiting.await.expect("it ends"), 2);
}

#[tokio::test]
async fn impatience_is_an_error_that_says_what_to_do() {
    let engine = Engine::new();
    engine.pool(1, 30_000, 1_000).await;
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let client = engine.builder().on_event(move |event| seen.lock().expect("events").push(event.clone()));
    let client = client.build().expect("a client");
    let _held = client.acquire("p").await.expect("a lease");
    let late = client.acquire("p").patience(Duration::from_millis(300)).await.expect_err("nothing is free");
    assert!(matches!(late, Error::NoLease { .. }) && late.may_pass(), "{late:?}");
    assert_eq!(
        late.to_string(),
        "no lease of pool p in table leases within 300ms: it waited for 300ms; try again later"
    );
    assert_eq!(engine.look().await.waiting, 0);
    let events = events.lock().expect("events");
    assert!(matches!(&events[..], [Event::Queued { closed: None, .. }]), "{events:?}");
}

#[tokio::test]
async fn mistakes_are_told_before_anything_is_asked() {
    let engine = Engine::new();
    engine.pool(1, 30_000, 1_000).await;
    let client = engine.client();
    let before = client.table().meter().used();
    for wrong in [
        client.acquire("no pool's name").await,
        client.acquire("p").label("two\nlines").await,
        client.acquire("p").lease(Duration::ZERO).await,
        client.acquire("p").key("x".repeat(2_000)).await,
        client.acquire("p").patience(Duration::MAX).await,
    ] {
        assert!(matches!(wrong, Err(Error::Invalid(_))), "{wrong:?}");
    }
    assert!(engine.builder().owner("").build().is_err() && leasehold::Client::builder().build().is_err());
    assert_eq!(client.table().meter().used(), before);
    let missing = client.acquire("other").await.expect_err("there is no such pool");
    assert!(missing.to_string().contains("pool other does not exist") && !missing.may_pass(), "{missing}");
}

#[tokio::test]
async fn a_later_attempt_takes_over_at_once_and_an_older_is_refused() {
    let engine = Engine::new();
    engine.pool(1, 30_000, 1_000).await;
    let (first, second) = (engine.client(), engine.client());
    let lost = first.acquire("p").key("message 7").attempt(1).await.expect("a lease");
    // Another key, another holder: it waits.
    assert!(second.acquire("p").key("message 8").attempt(9).patience(Duration::ZERO).await.is_err());
    let lease = second.acquire("p").key("message 7").attempt(2).await.expect("taken over");
    assert_eq!((lease.slot(), lease.fence()), (0, 2));
    let refused = first.acquire("p").key("message 7").attempt(1).await.expect_err("an older attempt");
    assert!(matches!(refused, Error::Superseded { .. }), "{refused:?}");
    // The one before learns of it at the latest when it asks.
    let told = lost.renew().await.expect_err("it is another's");
    assert!(matches!(told, Error::Lost { loss: Loss::Taken, .. }), "{told:?}");
    assert_eq!(lost.loss(), Some(Loss::Taken));
    drop(lost);
    first.settled().await;
    lease.renew().await.expect("the end of the older one took nothing from it");
}

#[tokio::test]
async fn a_waiter_outlasts_a_table_that_does_not_answer() {
    let engine = Engine::new();
    engine.pool(2, 30_000, 1_000).await;
    engine.cut(true);
    let client = engine.client();
    let soon = Duration::from_secs(30);
    let none = tokio::time::timeout(soon, client.acquire("p").into_future()).await.expect("it ends");
    assert!(none.is_err_and(|wrong| wrong.may_pass()), "nothing was asked for yet, and perhaps there is no table");
    // It was only gone for a moment.
    let waiting = tokio::spawn(client.acquire("p").into_future());
    tokio::time::sleep(Duration::from_millis(300)).await;
    engine.cut(false);
    waiting.await.expect("no panic").expect("a lease").release().await.expect("given back");
    engine.cut(true);
    let waiting = client.acquire("p").into_future();
    tokio::time::sleep(Duration::from_millis(300)).await;
    engine.cut(false);
    waiting.await.expect("a lease").release().await.expect("given back");
}

#[tokio::test]
async fn a_waiter_outlasts_a_table_that_is_too_busy_at_first() {
    let engine = Engine::new();
    engine.pool(2, 30_000, 1_000).await;
    engine.busy(true);
    let (told, mut events) = tokio::sync::mpsc::unbounded_channel();
    let client = engine.builder().on_event(move |event| drop(told.send(event.clone()))).build().expect("a client");
    let waiting = tokio::spawn(client.acquire("p").patience(Duration::from_secs(600)).into_future());
    // Longer than a table is asked that gives no answer at all.
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert!(!waiting.is_finished());
    let Some(busy @ Event::NoAnswer { queued: false, .. }) = events.recv().await else { panic!("what is wrong") };
    assert!(busy.to_string().contains("too much traffic"), "{busy}");
    engine.busy(false);
    let granted = tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it ends").expect("no panic");
    granted.expect("a lease").release().await.expect("given back");

    engine.busy(true);
    let client = engine.client();
    let late = client.acquire("p").patience(Duration::from_secs(1)).await.expect_err("no lease");
    assert!(matches!(late, Error::NoLease { .. }) && late.may_pass(), "{late:?}");
    assert!(late.to_string().contains("it could not join the queue: "), "{late}");
    let wrong = client.try_acquire("p").await.expect_err("no answer");
    assert!(wrong.may_pass(), "{wrong:?}");
    // Whoever gives up is not kept until the table has time.
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let asking = tokio::spawn(client.acquire("p").give_up_on(async { drop(stopped.await) }).into_future());
    engine.until_it_came().await;
    stop.send(()).expect("it listens");
    let given_up = tokio::time::timeout(Duration::from_secs(15), asking).await.expect("it ends").expect("no panic");
    assert!(matches!(given_up, Err(Error::GivenUp { .. })), "{given_up:?}");
}

#[tokio::test]
async fn who_never_gets_an_answer_waits_no_longer_than_it_said() {
    let engine = Engine::new();
    engine.pool(2, 30_000, 1_000).await;
    let client = engine.client();
    client.acquire("p").await.expect("a lease").release().await.expect("given back");
    engine.lose_answers(true);
    // Its own row soon says that it has a lease: nothing else ever does.
    let asking = client.acquire("p").patience(Duration::from_millis(200)).into_future();
    let wrong = tokio::time::timeout(Duration::from_secs(60), asking).await.expect("it ends").expect_err("no answer");
    assert!(wrong.may_pass(), "{wrong:?}");
}

#[tokio::test]
async fn a_table_that_answers_no_write_holds_nobody_up() {
    let engine = Engine::new();
    engine.pool(2, 30_000, 1_000).await;
    let client = engine.client();
    client.check("p").await.expect("settings");
    engine.ignore_writes();
    // What the one request may still take, and leaving the queue: far less than each of all tries would.
    let soon = Duration::from_secs(15);
    let asking = client.acquire("p").patience(Duration::from_millis(200)).into_future();
    let late = tokio::time::timeout(soon, asking).await.expect("it ends").expect_err("no answer");
    assert!(matches!(late, Error::NoLease { .. }) && late.may_pass(), "{late:?}");
    assert!(late.to_string().contains("it could not join the queue: the table did not answer in time"), "{late}");

    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    engine.until_it_came().await;
    let asking = client.acquire("p").give_up_on(async { drop(stopped.await) }).into_future();
    let asking = tokio::spawn(asking);
    engine.until_it_came().await;
    stop.send(()).expect("it listens");
    let given_up = tokio::time::timeout(soon, asking).await.expect("it ends").expect("no panic");
    assert!(matches!(given_up, Err(Error::GivenUp { .. })), "{given_up:?}");
}

#[tokio::test]
async fn a_waiter_says_once_that_the_table_answers_nothing() {
    let engine = Engine::new();
    engine.pool(1, 120_000, 1_000).await;
    let held = engine.client().acquire("p").await.expect("a lease");
    let (told, mut events) = tokio::sync::mpsc::unbounded_channel();
    let client = engine.builder().on_event(move |event| drop(told.send(event.clone())));
    let client = client.build().expect("a client");
    let asking = tokio::spawn(client.acquire("p").patience(Duration::from_secs(16)).into_future());
    let mut next = async || tokio::time::timeout(Duration::from_secs(30), events.recv()).await.expect("it is told");
    assert!(matches!(next().await, Some(Event::Queued { .. })));
    engine.ignore_all(true);
    let Some(quiet @ Event::NoAnswer { queued: true, .. }) = next().await else { panic!("what is wrong") };
    assert!(quiet.to_string().contains("still waiting, but whether it is its turn is not known"), "{quiet}");
    // It answers for a while, and is silent again: its end says what it did last.
    engine.ignore_all(false);
    engine.hold_up("holder#");
    engine.until_it_came().await;
    engine.ignore_all(true);
    engine.go_on();
    assert!(matches!(next().await, Some(Event::NoAnswer { queued: true, .. })));
    let late = asking.await.expect("no panic").expect_err("no lease");
    assert!(late.to_string().contains("the table gave no usable answer in the end"), "{late}");
    assert!(events.try_recv().is_err(), "it is told once");
    engine.ignore_all(false);
    drop(held);
}

#[tokio::test]
async fn a_waiter_whose_place_was_deleted_is_put_back_in_line() {
    let engine = Engine::new();
    engine.pool_swept_every(Duration::from_secs(2), 1, 30_000, 1_000).await;
    let held = engine.client().acquire("p").await.expect("a lease");
    let waiting = tokio::spawn(engine.client().acquire("p").into_future());
    engine.until("it waits", |pool| pool.waiting == 1).await;
    // As somebody does who follows bad advice.
    engine.delete_places().await;
    assert_eq!(engine.look().await.waiting, 0);
    engine.until("it waits again", |pool| pool.waiting == 1).await;
    held.release().await.expect("given back");
    let lease = waiting.await.expect("it ends").expect("a lease");
    assert_eq!((lease.slot(), lease.fence()), (0, 2));
}
