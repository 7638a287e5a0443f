//! A pool whose own rows make no sense is put right by whoever sets it or ends its override, and nobody overwrites what
//! somebody else put right meanwhile.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use leasehold_core::{
    Author, Condition, Effect, EndOverride, EndOverrideOutcome, ExpectedOverride, ExpectedSettings, Failure, Guard,
    Intent, Limit, LimitChanged, Lowered, Machine, Millis, Mutation, Operation, OverrideRow, PoolName, PoolPatch,
    PoolRetired, PoolRow, Refusal, Replies, Reply, Request, RetirePool, Row, RowKey, SetLimit, SetLimitOutcome,
    SetPool, SetPoolOutcome, Settings, SettingsRow, Step, Timestamp, Unreadable, Write,
};
use leasehold_store::{Embedded, Runner, StoreError, Table, create_table, look, rows};
use leasehold_testkit::{LocalAws, put_row};

/// When everything here happens.
const NOW: Timestamp = Timestamp::seconds(1_700_000_000);

/// A table, and a way to damage what is in it.
struct DamagedTable {
    table: Table,
    client: Client,
}

impl DamagedTable {
    async fn embedded() -> DamagedTable {
        let engine = Embedded::memory().expect("an engine");
        let damaged =
            DamagedTable { table: engine.table("leases"), client: Client::from_conf(engine.config().build()) };
        create_table(&damaged.table).await.expect("a table");
        damaged
    }

    /// Puts a row of these attributes, whatever lies there.
    async fn damage(&self, key: RowKey, attributes: &[(&str, AttributeValue)]) {
        let mut item = rows::key(&prefix(), &key);
        if key == RowKey::Pool {
            item.insert("edition".into(), n("2"));
        }
        item.extend(attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        self.client.put_item().table_name("leases").set_item(Some(item)).send().await.expect("put");
    }

    async fn read(&self, key: RowKey) -> Reply {
        self.table.send(&prefix(), &Request::Get(key)).await.reply
    }

    async fn unreadable(&self, key: RowKey) -> Unreadable {
        match self.read(key).await {
            Reply::Row(Some(Row::Unreadable(there, row))) if there == key => row,
            other => panic!("{other:?}"),
        }
    }

    fn runner(&self) -> Runner {
        Runner::new(self.table.clone())
    }
}

fn prefix() -> PoolName {
    "analytics".parse().expect("a prefix")
}

fn limit(count: u64) -> Limit {
    Limit::try_from(count).expect("a limit")
}

fn n(number: &str) -> AttributeValue {
    AttributeValue::N(number.into())
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn five() -> Row {
    Row::Pool(PoolRow::new(limit(5)))
}

fn by_ann(to: u64) -> OverrideRow {
    OverrideRow {
        limit: limit(to),
        lowered: None,
        at: NOW,
        until: None,
        who: "ann".into(),
        why: "a slow partner".into(),
    }
}

fn to_limit(count: u64) -> PoolPatch {
    PoolPatch { limit: Some(limit(count)), ..PoolPatch::default() }
}

fn set_pool(count: u64) -> SetPool {
    SetPool { patch: to_limit(count), by: Author::new("ann", "a test"), expected: ExpectedSettings::Any }
}

/// Every kind of damage that DynamoDB lets somebody do to a row with a limit.
fn damages() -> Vec<Vec<(&'static str, AttributeValue)>> {
    vec![
        vec![],
        vec![("limit", n("-5"))],
        vec![("limit", n("2.5"))],
        vec![("limit", n("100000"))],
        vec![("limit", s("fifteen"))],
        vec![("limit", s(""))],
        vec![("limit", AttributeValue::Bool(true))],
        vec![("limit", AttributeValue::Null(true))],
        vec![("limit", AttributeValue::L(vec![n("5")]))],
        vec![("limit", AttributeValue::M([("is".to_owned(), n("5"))].into()))],
        vec![("limit", AttributeValue::Ss(vec!["5".into()]))],
        vec![("limit", AttributeValue::Ns(vec!["5".into()]))],
        vec![("limit", AttributeValue::B(aws_sdk_dynamodb::primitives::Blob::new(*b"5")))],
        vec![("limit", AttributeValue::Bs(vec![aws_sdk_dynamodb::primitives::Blob::new(*b"5")]))],
        // What somebody else calls an attribute may be no name in an expression.
        vec![("limit", s("5")), ("managed by", s("a team")), ("größe", n("7")), ("a.b-c#d", n("1")), ("size", n("2"))],
        vec![("lease_ms", n("60000"))],
        // Of the first edition of the protocol.
        vec![("edition", n("1")), ("limit", n("5"))],
    ]
}

#[tokio::test]
async fn damage_reads_back_as_a_row_and_as_trouble() {
    let damaged = DamagedTable::embedded().await;
    for key in [RowKey::Pool, RowKey::Override] {
        damaged.damage(key, &[("limit", s("fifteen"))]).await;
        let sent = damaged.table.send(&prefix(), &Request::Get(key)).await;
        let row = damaged.unreadable(key).await;
        assert!(row.why.contains("limit is the text \"fifteen\""), "{row:?}");
        assert!(matches!(sent.trouble, Some(StoreError::BadRow { .. })), "{sent:?}");
    }
}

#[tokio::test]
async fn a_look_at_damaged_rows_says_that_the_pool_is_misconfigured() {
    for key in [RowKey::Pool, RowKey::Override] {
        let damaged = DamagedTable::embedded().await;
        put_row(&damaged.table, &prefix(), Row::Pool(PoolRow::new(limit(3)))).await;
        damaged.damage(key, &[("limit", s("fifteen"))]).await;
        let seen = look(&damaged.table, &prefix(), || NOW).await;
        let runner = Runner::new(damaged.table.clone());
        let settings = runner.settings(&prefix()).await.expect_err("no settings");
        assert_eq!(seen, Err(settings));
    }
}

#[tokio::test]
async fn a_limit_puts_a_damaged_pool_right() {
    puts_pools_right(&DamagedTable::embedded().await).await;
}

#[tokio::test]
async fn a_limit_puts_a_damaged_pool_right_on_ministack() {
    let aws = LocalAws::start();
    let client = Client::from_conf(aws.config().build());
    puts_pools_right(&DamagedTable { table: aws.table("leases").await, client }).await;
}

async fn puts_pools_right(damaged: &DamagedTable) {
    for damage in damages() {
        damaged.damage(RowKey::Pool, &damage).await;
        let before = SettingsRow::Unreadable(damaged.unreadable(RowKey::Pool).await);
        let refused = damaged.runner().settings(&prefix()).await.expect_err("it makes no sense");
        assert!(matches!(refused, StoreError::PoolMisconfigured { .. }), "{refused}");
        let no_limit = PoolPatch { lease: Some(Millis::seconds(60)), ..PoolPatch::default() };
        let no_limit = SetPool { patch: no_limit, by: Author::new("ann", "a test"), expected: ExpectedSettings::Any };
        let refused = damaged.runner().administer(&prefix(), no_limit).await.map_err(|error| error.failure);
        assert!(matches!(refused, Err(Failure::PoolMisconfigured(_))), "{refused:?}");

        let expected = ExpectedSettings::Exactly(Some(Box::new(before.clone())));
        let set = damaged
            .runner()
            .administer(&prefix(), SetPool { patch: to_limit(3), by: Author::new("ann", "a test"), expected })
            .await;
        let Ok(SetPoolOutcome::Set { before: found, after }) = set else { panic!("{set:?} of {damage:?}") };
        assert_eq!(found, Some(before));
        // Whichever limit it said, callers may still follow it.
        let from = after.lowered.map(|lowered| lowered.from);
        assert_eq!((after.limit, from), (limit(3), Some(Limit::HIGHEST)), "{damage:?}");
        assert_eq!(damaged.read(RowKey::Pool).await, Reply::Row(Some(Row::Pool(after))), "{damage:?}");
        let settings = damaged.runner().settings(&prefix()).await.expect("settings");
        assert_eq!(settings.limit, limit(3));
    }
}

#[tokio::test]
async fn a_damaged_pool_keeps_each_setting_that_can_be_read() {
    let damaged = DamagedTable::embedded().await;
    let times = ["lease_ms", "grace_ms", "quiet_ms", "longest_wait_ms", "longest_hold_ms", "sweep_every_ms"]
        .iter()
        .zip(1_u64..);
    let times: Vec<(&str, AttributeValue)> =
        times.map(|(name, time)| (*name, n(&(time * 1_000).to_string()))).collect();
    let row = |which: Option<usize>| PoolPatch {
        limit: None,
        lease: Some(Millis::seconds(1)).filter(|_| which != Some(0)),
        grace: Some(Millis::seconds(2)).filter(|_| which != Some(1)),
        quiet: Some(Millis::seconds(3)).filter(|_| which != Some(2)),
        longest_wait: Some(Millis::seconds(4)).filter(|_| which != Some(3)),
        longest_hold: Some(Millis::seconds(5)).filter(|_| which != Some(4)),
        sweep_every: Some(Millis::seconds(6)).filter(|_| which != Some(5)),
    };
    damaged.damage(RowKey::Pool, &[&times[..], &[("limit", s("five"))]].concat()).await;
    assert_eq!(*damaged.unreadable(RowKey::Pool).await.remains, row(None));
    for which in 0..times.len() {
        let mut one = times.clone();
        one[which].1 = s("long");
        damaged.damage(RowKey::Pool, &[&one[..], &[("limit", n("5"))]].concat()).await;
        let remains = PoolPatch { limit: Some(limit(5)), ..row(Some(which)) };
        assert_eq!(*damaged.unreadable(RowKey::Pool).await.remains, remains);
    }
}

#[tokio::test]
async fn a_damaged_override_is_ended_or_replaced() {
    puts_overrides_right(&DamagedTable::embedded().await).await;
}

#[tokio::test]
async fn a_damaged_override_is_ended_or_replaced_on_ministack() {
    let aws = LocalAws::start();
    let client = Client::from_conf(aws.config().build());
    puts_overrides_right(&DamagedTable { table: aws.table("leases").await, client }).await;
}

async fn puts_overrides_right(damaged: &DamagedTable) {
    for damage in damages() {
        put_row(&damaged.table, &prefix(), five()).await;
        damaged.damage(RowKey::Override, &damage).await;
        damaged.unreadable(RowKey::Override).await;
        damaged.runner().settings(&prefix()).await.expect_err("it makes no sense");

        let ended = damaged
            .runner()
            .administer(&prefix(), EndOverride { by: Author::new("ann", "a test"), expected: ExpectedOverride::Any })
            .await;
        let Ok(EndOverrideOutcome::Ended(LimitChanged { to, lowered, .. })) = ended else { panic!("{ended:?}") };
        assert_eq!((to, lowered.map(|lowered| lowered.from)), (limit(5), Some(Limit::HIGHEST)), "{damage:?}");
        assert_eq!(damaged.read(RowKey::Override).await, Reply::Row(None), "{damage:?}");
        let marked = Row::Pool(PoolRow { lowered, ..PoolRow::new(limit(5)) });
        assert_eq!(damaged.read(RowKey::Pool).await, Reply::Row(Some(marked)), "{damage:?}");

        damaged.damage(RowKey::Override, &damage).await;
        let set = damaged.runner().administer(&prefix(), set_limit(2)).await;
        assert!(matches!(set, Ok(SetLimitOutcome::Set(LimitChanged { to, .. })) if to == limit(2)), "{set:?}");
        let settings = damaged.runner().settings(&prefix()).await.expect("settings");
        assert_eq!((settings.limit, settings.lowered.map(|lowered| lowered.from)), (limit(2), Some(Limit::HIGHEST)));
    }
}

fn set_limit(to: u64) -> SetLimit {
    let OverrideRow { limit, who, why, .. } = by_ann(to);
    SetLimit { limit, who, why, lasts: None, expected: ExpectedOverride::Any }
}

#[tokio::test]
async fn what_was_put_right_meanwhile_stays() {
    let damaged = DamagedTable::embedded().await;
    let others = [five(), Row::Pool(PoolRow { lease: Some(Millis::seconds(60)), ..PoolRow::new(limit(5)) })];
    for (damage, other) in damages().iter().flat_map(|damage| others.clone().map(|other| (damage, other))) {
        damaged.damage(RowKey::Pool, damage).await;
        let seen = SettingsRow::Unreadable(damaged.unreadable(RowKey::Pool).await);
        // Between the read and the write, somebody puts it right.
        let expected = Condition::SettingsAre(Some(Box::new(seen.clone())));
        let repair =
            write(RowKey::Pool, Guard::SetPoolUnchanged, expected, Mutation::Put(Row::Pool(PoolRow::new(limit(9)))));
        put_row(&damaged.table, &prefix(), other.clone()).await;
        let refused = damaged.table.send(&prefix(), &Request::Write(repair)).await.reply;
        assert_eq!(refused, Reply::Refused(vec![Refusal::Failed(Some(other.clone()))]), "{damage:?}");
        // Whoever has seen the damage learns that it is gone.
        let expected = ExpectedSettings::Exactly(Some(Box::new(seen)));
        let set = damaged
            .runner()
            .administer(&prefix(), SetPool { patch: to_limit(9), by: Author::new("ann", "a test"), expected })
            .await;
        let Row::Pool(there) = other.clone() else { panic!("{other:?}") };
        assert_eq!(set, Ok(SetPoolOutcome::Superseded(Some(SettingsRow::Valid(there)))));
        assert_eq!(damaged.read(RowKey::Pool).await, Reply::Row(Some(other)));
    }
}

#[tokio::test]
async fn an_override_that_was_made_meanwhile_stays() {
    let damaged = DamagedTable::embedded().await;
    for damage in damages() {
        damaged.damage(RowKey::Override, &damage).await;
        let seen = damaged.unreadable(RowKey::Override).await;
        let made = Row::Override(by_ann(7));
        put_row(&damaged.table, &prefix(), made.clone()).await;
        let condition = Condition::OverrideUnreadable(seen);
        let end = write(RowKey::Override, Guard::EndOverrideUnchanged, condition, Mutation::Delete);
        let refused = damaged.table.send(&prefix(), &Request::Write(end)).await.reply;
        assert_eq!(refused, Reply::Refused(vec![Refusal::Failed(Some(made))]), "{damage:?}");
    }
}

fn write(key: RowKey, guard: Guard, condition: Condition, mutation: Mutation) -> Write {
    Write { key, conditions: vec![(guard, condition)], mutation, intent: Intent::SetPool }
}

#[tokio::test]
async fn a_limit_is_not_set_where_the_pool_changed_meanwhile() {
    let damaged = DamagedTable::embedded().await;
    let changed = Row::Pool(PoolRow { lowered: Some(Lowered { from: limit(8), at: NOW }), ..PoolRow::new(limit(5)) });
    for other in [changed, Row::Pool(PoolRow::new(limit(6)))] {
        put_row(&damaged.table, &prefix(), five()).await;
        let [first, refused] = [set_limit(3), set_limit(3)].map(|set| {
            let settings = Arc::new(Settings::new(prefix(), limit(5)));
            set.start(settings, NOW, 0)
        });
        // Unhindered, it is written.
        let ((mut machine, step), (mut hindered, again)) = (first, refused);
        let step = machine.resume(perform(&damaged.table, step).await, NOW);
        assert_eq!(replies(&damaged.table, step).await, [Reply::Written]);
        remove_override(&damaged.table).await;
        // The pool's row changes between the read and the write.
        let step = hindered.resume(perform(&damaged.table, again).await, NOW);
        put_row(&damaged.table, &prefix(), other.clone()).await;
        let refused = replies(&damaged.table, step).await;
        assert_eq!(
            refused,
            [Reply::Refused(vec![Refusal::Passed, Refusal::Failed(Some(other.clone())), Refusal::Passed])]
        );
        assert_eq!(damaged.read(RowKey::Override).await, Reply::Row(None));
    }
}

#[tokio::test]
async fn a_damaged_pool_is_retired_like_any_other() {
    let damaged = DamagedTable::embedded().await;
    damaged.damage(RowKey::Pool, &[("limit", s("fifteen"))]).await;
    assert_eq!(
        damaged.runner().administer(&prefix(), RetirePool { by: Author::new("ann", "a test") }).await,
        Ok(PoolRetired)
    );
    assert_eq!(damaged.read(RowKey::Pool).await, Reply::Row(None));
    let made = damaged.runner().administer(&prefix(), set_pool(4)).await;
    let Ok(SetPoolOutcome::Set { before: None, after }) = made else { panic!("{made:?}") };
    // Whichever limit its row said, callers may still follow it.
    assert_eq!((after.limit, after.lowered.map(|lowered| lowered.from)), (limit(4), Some(Limit::HIGHEST)));
}

async fn remove_override(table: &Table) {
    let delete =
        Write { key: RowKey::Override, conditions: vec![], mutation: Mutation::Delete, intent: Intent::EndOverride };
    assert_eq!(table.send(&prefix(), &Request::Write(delete)).await.reply, Reply::Written);
}

/// The replies to the requests of a step.
async fn replies<T>(table: &Table, step: Step<T>) -> Vec<Reply> {
    let Step::Perform { effects, .. } = step else { panic!("it is over") };
    let mut replies = Vec::new();
    for effect in effects {
        let Effect::Request(request) = effect else { panic!("{effect:?}") };
        replies.push(table.send(&prefix(), &request).await.reply);
    }
    replies
}

/// As [`replies`], to resume with.
async fn perform<T>(table: &Table, step: Step<T>) -> Replies {
    replies(table, step).await.into_iter().map(Into::into).collect()
}

#[tokio::test]
async fn a_pool_of_the_first_edition_leads_to_the_upgrade() {
    for edition in [n("1"), AttributeValue::Null(true)] {
        let damaged = DamagedTable::embedded().await;
        damaged.damage(RowKey::Pool, &[("edition", edition), ("limit", n("5"))]).await;
        let wrong = look(&damaged.table, &prefix(), || NOW).await.expect_err("no settings").to_string();
        assert!(wrong.contains("docs/guide/upgrading.md") && !wrong.contains("pool set"), "{wrong}");
    }
}

#[tokio::test]
async fn a_pool_of_an_edition_to_come_is_never_set() {
    let damaged = DamagedTable::embedded().await;
    damaged.damage(RowKey::Pool, &[("edition", n("3")), ("limit", n("5"))]).await;
    let before = damaged.read(RowKey::Pool).await;
    let set = SetPool { patch: to_limit(9), by: Author::new("ann", "a test"), expected: ExpectedSettings::Any };
    let refused = damaged.runner().administer(&prefix(), set).await.map_err(|error| error.failure);
    assert!(matches!(&refused, Err(Failure::PoolMisconfigured(wrong)) if wrong.got == "3"), "{refused:?}");
    assert_eq!(damaged.read(RowKey::Pool).await, before);
}
