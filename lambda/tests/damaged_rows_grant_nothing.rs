//! Whatever is wrong with any attribute of any row of a pool: nobody is let in who must not be, what fails has the documented
//! name, and the pool heals when the row is put right or taken away. Every attribute that a row has is damaged in every way
//! that DynamoDB lets somebody do.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod pool;

use std::collections::BTreeSet;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use leasehold_core::{
    Attempt, Fence, Held, HighWaterRow, Holder, HolderRow, HolderState, Limit, Lowered, Lowering, Millis, Notice,
    OverrideRow, PoolName, PoolRow, Row, RowKey, Slot, SlotRow, SummaryRow, TaskDigest, TaskToken, Ticket, Timestamp,
    WaitRow,
};
use leasehold_store::rows::{self, Item, PK, SK};
use leasehold_store::{Embedded, create_table};
use pool::{BEGIN, GRACE, LEASE, ServedPool, execution};
use serde_json::json;
use tokio::task::JoinSet;

/// Longer than anybody may wait or hold.
const LONGEST: u64 = 3_600_000;

const HOUR: Millis = Millis(3_600_000);

fn prefix() -> PoolName {
    "analytics".parse().expect("a prefix")
}

fn limit(count: u64) -> Limit {
    Limit::try_from(count).expect("a limit")
}

fn holder(key: &str) -> Holder {
    Holder::new(execution(), key, Some("arn:aws:states:eu-central-1:123456789012:execution:parent:1"))
        .expect("a holder")
}

fn token(text: &str) -> TaskToken {
    TaskToken::new(text).expect("a token")
}

fn attempt() -> Attempt {
    Attempt { entered: Timestamp(BEGIN), redrive: 1, retry: 2 }
}

fn slot(slot: u32, key: &str, notice: Notice) -> Row {
    let held = Held {
        holder: holder(key),
        attempt: attempt(),
        acquired_at: Timestamp(BEGIN),
        expires_at: Timestamp(BEGIN + LEASE),
        renewed_at: Some(Timestamp(BEGIN)),
        notice,
        label: Some("a label".into()),
    };
    Row::Slot(SlotRow { slot: Slot(slot), fence: Fence(3), held: Some(held) })
}

fn pointer(key: &str, state: HolderState) -> Row {
    Row::Holder(HolderRow { holder: holder(key), attempt: attempt(), state, ttl: Timestamp(BEGIN + 86_400_000) })
}

/// A full pool of two slots, with somebody in its queue: one row at least of each kind, with every attribute that it can
/// have. No row is written with `..`, so that a field that is new has to be named here.
fn full_pool(notice: Notice) -> Vec<Row> {
    let lowered = Some(Lowered { from: limit(3), at: Timestamp(BEGIN - LONGEST) });
    let ticket = Ticket { at: Timestamp(BEGIN), own: holder("waits").hashed().own };
    let holding = |slot| HolderState::Holding { slot: Slot(slot), fence: Fence(3) };
    vec![
        Row::Pool(PoolRow {
            limit: limit(2),
            lowered,
            lease: Some(Millis(LEASE)),
            grace: Some(Millis(GRACE)),
            quiet: Some(Millis(35_000)),
            longest_wait: Some(HOUR),
            longest_hold: Some(HOUR),
            sweep_every: Some(Millis(60_000)),
        }),
        Row::Override(OverrideRow {
            limit: limit(2),
            lowered,
            at: Timestamp(BEGIN - LONGEST),
            until: Some(Timestamp(BEGIN) + HOUR),
            who: "ann".into(),
            why: "slow".into(),
        }),
        Row::Summary(SummaryRow {
            at: Timestamp(BEGIN),
            limit: limit(2),
            held: 2,
            waiting: 1,
            waiting_more: true,
            waiting_since: Some(Timestamp(BEGIN)),
        }),
        Row::HighWater(HighWaterRow {
            slots: 3,
            fence: Fence(1),
            lower: Some(Lowering { to: limit(2), since: Timestamp(BEGIN) }),
        }),
        slot(0, "holds-0", notice),
        slot(1, "holds-1", Notice::Confirmed(TaskDigest(7))),
        pointer("holds-0", holding(0)),
        pointer("holds-1", holding(1)),
        pointer("waits", HolderState::Waiting { ticket, task: Some(TaskDigest(8)) }),
        pointer("ended", HolderState::Ended),
        Row::Wait(WaitRow {
            ticket,
            holder: holder("waits"),
            attempt: attempt(),
            give_up_at: Timestamp(BEGIN + LONGEST),
            token: Some(token("token-of-waits")),
            lease: Millis(LEASE),
            label: Some("a label".into()),
        }),
    ]
}

/// What an attribute can be instead, whatever it is.
fn damages(name: &str, whole: &AttributeValue) -> Vec<(&'static str, Option<AttributeValue>)> {
    let (n, s) = (|number: &str| AttributeValue::N(number.into()), |text: &str| AttributeValue::S(text.into()));
    // Of each row one attribute is nearly as long as an item may be: they all take their time.
    let long = if ["execution", "limit", "slots"].contains(&name) { 380_000 } else { 4_000 };
    let mut all = vec![
        ("missing", None),
        ("a list", Some(AttributeValue::L(vec![whole.clone()]))),
        ("negative", Some(n("-1"))),
        ("huge", Some(n("99999999999999999999999999999999999999"))),
        ("the largest", Some(n("18446744073709551615"))),
        ("empty", Some(s(""))),
        ("a word", Some(s("fifteen"))),
        ("far too long", Some(s(&"x".repeat(long)))),
    ];
    if matches!(whole, AttributeValue::N(_)) {
        all.push(("a date in the year 2286", Some(n("9999999999999"))));
    }
    all
}

/// A pool that is full, whose rows can be damaged.
struct DamagedPool {
    served: ServedPool,
    client: Client,
}

impl DamagedPool {
    async fn full(engine: &Embedded, notice: Notice) -> DamagedPool {
        let client = Client::from_conf(engine.config().build());
        let served = ServedPool::on(engine.table("leases"));
        let put = |row: &Row| {
            let put = Put::builder().table_name("leases").set_item(Some(rows::item(&prefix(), row)));
            TransactWriteItem::builder().put(put.build().expect("a put")).build()
        };
        let all = full_pool(notice).iter().map(put).collect();
        client.transact_write_items().set_transact_items(Some(all)).send().await.expect("a full pool");
        DamagedPool { served, client }
    }

    async fn put(&self, item: Item) {
        self.client.put_item().table_name("leases").set_item(Some(item)).send().await.expect("put");
    }

    async fn remove(&self, item: &Item) {
        let delete = self.client.delete_item().table_name("leases");
        let delete = delete.key(PK, item[PK].clone()).key(SK, item[SK].clone());
        delete.send().await.expect("removed");
    }

    /// What everybody asks for while a row is damaged: nobody new may be let in, and what fails has one of these names.
    async fn asks(&self, damage: &str, named: &[&str]) -> Vec<String> {
        let mut wrong = Vec::new();
        let another = "arn:aws:states:eu-central-1:123456789012:execution:nightly:8";
        let entered = json!({ "entered": BEGIN + 1, "retry": 0 });
        let polls = json!({ "action": "acquire", "execution": another, "key": "polls", "attempt": entered });
        let mut queues = json!({ "action": "acquire", "execution": another, "key": "queues", "attempt": entered });
        queues["task_token"] = "token-of-another".into();
        let renews = json!({ "action": "renew", "lease_id": "analytics:0:3" });
        let leaves = json!({ "action": "release", "execution": another, "key": "queues", "attempt": entered });
        let sweep = json!({ "action": "sweep" });
        for event in [polls.clone(), queues, sweep, renews, polls, leaves] {
            match self.served.handle(event.clone()).await.answer {
                Ok(answer) => {
                    let answer = serde_json::to_value(answer).expect("JSON");
                    if answer["status"] == "acquired" {
                        wrong.push(format!("{damage}: {event}: {answer}"));
                    }
                }
                Err(failed) => {
                    let known = named.contains(&failed.error_type) || failed.error_type == "LeaseLost";
                    if !known || failed.message.contains("token-of") || failed.message.len() > 2_000 {
                        wrong.push(format!("{damage}: {event}: {failed:?}"));
                    }
                }
            }
        }
        for token in ["token-of-another", "token-of-waits"] {
            if self.served.tasks.output(token).is_some() {
                wrong.push(format!("{damage}: {token} was let in"));
            }
        }
        wrong
    }

    /// All who were there are gone: two get in, and no third.
    async fn heals(&self, damage: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        self.served.clock.forward(2 * LONGEST);
        self.served.tasks.execution_is(execution(), "ABORTED");
        for _ in 0..2 {
            if let Err(failed) = self.served.handle(json!({ "action": "sweep" })).await.answer {
                wrong.push(format!("{damage}, and put right: {failed:?}"));
            }
        }
        let another = |key: &str| json!({ "action": "acquire", "execution": "another", "key": key });
        for key in ["1", "2"] {
            let answer = self.served.handle(another(key)).await.answer;
            if !answer.as_ref().is_ok_and(|answer| answer.status() == "acquired") {
                wrong.push(format!("{damage}, and put right: {key}: {answer:?}"));
            }
        }
        let answer = self.served.handle(another("3")).await.answer;
        if !answer.as_ref().is_ok_and(|answer| answer.status() == "wait") {
            wrong.push(format!("{damage}, and put right: one too many: {answer:?}"));
        }
        wrong
    }
}

/// By which names calls fail where this row makes no sense.
fn named(sort_key: &str) -> &'static [&'static str] {
    match sort_key {
        "pool" | "override" => &["PoolMisconfigured"],
        "pool#high-water" => &["PoolMisconfigured", "TableUnavailable"],
        _ => &["TableUnavailable"],
    }
}

/// Damages these attributes of these rows, one by one and in every way: which were, by the kind of their row. All at once,
/// each in an engine of its own, as most of a call that fails is its pauses between tries.
async fn damaged_one_by_one(notice: Notice, wanted: impl Fn(&str, &str) -> bool) -> BTreeSet<(String, String)> {
    let twins = [slot(1, "holds-1", Notice::Asked).key(), RowKey::Holder(holder("holds-1").hashed())];
    let mut all = JoinSet::new();
    for row in full_pool(notice.clone()).into_iter().filter(|row| !twins.contains(&row.key())) {
        let item = rows::item(&prefix(), &row);
        let sort_key = item[SK].as_s().expect("text").clone();
        for (name, value) in item.clone() {
            if [PK, SK].contains(&name.as_str()) || !wanted(&sort_key, &name) {
                continue;
            }
            for (how, instead) in damages(&name, &value) {
                let (notice, item) = (notice.clone(), item.clone());
                let (sort_key, name) = (sort_key.clone(), name.clone());
                all.spawn(async move {
                    let wrong = damaged(notice, &item, (&sort_key, &name), how, instead).await;
                    (sort_key.split('#').next().unwrap_or_default().to_owned(), name, wrong)
                });
            }
        }
    }
    let (mut tried, mut wrong) = (BTreeSet::new(), Vec::new());
    for (kind, name, found) in all.join_all().await {
        tried.insert((kind, name));
        wrong.extend(found);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    tried
}

/// What is wrong with a pool one of whose attributes is this instead, and after that was put right or taken away.
async fn damaged(
    notice: Notice,
    item: &Item,
    (sort_key, name): (&str, &str),
    how: &str,
    instead: Option<AttributeValue>,
) -> Vec<String> {
    let damage = format!("{sort_key}: {name} is {how}");
    let engine = Embedded::memory().expect("an engine");
    create_table(&engine.table("leases")).await.expect("a table");
    let pool = DamagedPool::full(&engine, notice).await;
    let mut damaged = item.clone();
    damaged.remove(name);
    damaged.extend(instead.map(|instead| (name.to_owned(), instead)));
    let put = pool.client.put_item().table_name("leases").set_item(Some(damaged));
    if let Err(refused) = put.send().await {
        // What an index is made of has a type, and DynamoDB sees to it.
        assert!([rows::DIRECTORY, rows::DIRECTORY_ROW].contains(&name), "{damage}: {refused:?}");
        return Vec::new();
    }
    let mut wrong = pool.asks(&damage, named(sort_key)).await;
    if sort_key == "pool" || how.len().is_multiple_of(2) {
        pool.put(item.clone()).await;
    } else {
        pool.remove(item).await;
    }
    wrong.extend(pool.heals(&damage).await);
    wrong
}

/// The kinds of rows that these keys are of.
async fn kinds(wanted: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let tried = damaged_one_by_one(Notice::MaybeTold(token("token-of-holds-0")), |key, _| wanted(key)).await;
    tried.into_iter().map(|(kind, _)| kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_attribute_of_the_pools_own_rows_lets_anybody_in() {
    let own = kinds(|key| ["pool", "override", "summary", "pool#high-water"].contains(&key)).await;
    assert_eq!(own, ["override", "pool", "summary"].map(String::from).into());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_attribute_of_a_slot_lets_anybody_in() {
    assert_eq!(kinds(|key| key.starts_with("slot#")).await, ["slot"].map(String::from).into());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_attribute_of_holders_and_waiters_lets_anybody_in() {
    let others = kinds(|key| key.starts_with("holder#") || key.starts_with("wait#")).await;
    assert_eq!(others, ["holder", "wait"].map(String::from).into());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_notice_of_a_slot_lets_anybody_in() {
    let of_a_notice = |key: &str, name: &str| key == "slot#00000" && ["notice", "token", "task"].contains(&name);
    for notice in [
        Notice::Untold(token("token-of-holds-0")),
        Notice::Claimed(token("token-of-holds-0")),
        Notice::Confirmed(TaskDigest(9)),
        Notice::Uncollected,
    ] {
        assert!(!damaged_one_by_one(notice, of_a_notice).await.is_empty());
    }
}

#[tokio::test]
async fn an_undamaged_pool_is_full_and_heals() {
    let engine = Embedded::memory().expect("an engine");
    create_table(&engine.table("leases")).await.expect("a table");
    let pool = DamagedPool::full(&engine, Notice::Asked).await;
    assert_eq!(pool.asks("nothing", &[]).await, [""; 0]);
    assert_eq!(pool.heals("nothing").await, [""; 0]);
}
