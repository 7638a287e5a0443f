//! However many ask at once, through however many copies of the lease manager, no more get in than the limit says.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod pool;

use std::collections::HashSet;
use std::sync::Arc;

use pool::{ServedPool, acquire, queue, release};
use serde_json::Value;
use tokio::task::JoinSet;

/// All these at once, each on a task of its own, spread over copies that know nothing of each other.
async fn at_once(copies: &[Arc<ServedPool>], events: Vec<Value>) -> Vec<Value> {
    let mut calls = JoinSet::new();
    for (call, event) in events.into_iter().enumerate() {
        let copy = Arc::clone(&copies[call % copies.len()]);
        calls
            .spawn(async move { copy.redelivered(event, &format!("request-{call}")).await.answer.expect("an answer") });
    }
    let answers = calls.join_all().await;
    answers.into_iter().map(|answer| serde_json::to_value(answer).expect("JSON")).collect()
}

fn with_status<'a>(answers: &'a [Value], status: &str) -> Vec<&'a Value> {
    answers.iter().filter(|answer| answer["status"] == status).collect()
}

async fn three_copies(limit: u64) -> Vec<Arc<ServedPool>> {
    let first = ServedPool::of(limit).await;
    let others: Vec<ServedPool> = (0..2).map(|_| ServedPool::on(first.table.clone())).collect();
    std::iter::once(first).chain(others).map(Arc::new).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_thirty_who_poll_fifteen_get_in() {
    let copies = three_copies(15).await;
    let answers = at_once(&copies, (0..30).map(|item| acquire(&format!("item-{item}"))).collect()).await;
    let acquired = with_status(&answers, "acquired");
    let slots: HashSet<_> = acquired.iter().map(|lease| lease["slot"].as_u64()).collect();
    assert_eq!((acquired.len(), slots.len()), (15, 15), "each on a slot of its own");
    assert_eq!(with_status(&answers, "wait").len(), 15);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_thirty_who_queue_fifteen_get_in_and_the_rest_later() {
    let first = Arc::new(ServedPool::of(15).await);
    let copies = [Arc::clone(&first)];
    let event = |item: u32| queue(&format!("item-{item}"), &format!("token-{item}"));
    at_once(&copies, (0..30).map(event).collect()).await;
    let told = || -> Vec<Value> { (0..30).filter_map(|item| first.tasks.output(&format!("token-{item}"))).collect() };
    let leases = told();
    assert_eq!(leases.len(), 15);
    at_once(&copies, leases.iter().map(|lease| release(&lease["lease_id"])).collect()).await;
    assert_eq!(told().len(), 30, "each release told one of the queue");
    assert_eq!(first.tasks.requests("SendTaskSuccess").len(), 30, "and none twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_event_delivered_many_times_at_once_is_one_lease() {
    let copies = three_copies(15).await;
    let events = (0..12).map(|_| queue("item-1", "token-1")).collect();
    let answers = at_once(&copies, events).await;
    let ids: HashSet<_> = with_status(&answers, "acquired").iter().map(|lease| lease["lease_id"].to_string()).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(copies[0].answer(serde_json::json!({ "action": "status" })).await["current_running"], 1);
}
