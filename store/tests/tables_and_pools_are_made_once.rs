//! Making a table or a pool twice changes nothing, and what somebody else changed meanwhile is not overwritten.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod engines;

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use engines::Ministack;
use leasehold_core::nouns::{Limit, Millis, Prefix};
use leasehold_core::table::{Key, PoolRow, Reply, Request, Row};
use leasehold_store::create::{self, Created, PoolSet};
use leasehold_store::{Embedded, Runner, StoreError, Table, directory};

fn prefix(name: &str) -> Prefix {
    name.parse().expect("a prefix")
}

fn pool(limit: u64) -> PoolRow {
    PoolRow {
        limit: Limit::try_from(limit).expect("a limit"),
        lowered: None,
        lease: Some(Millis::seconds(60)),
        grace: None,
        quiet: None,
        longest_wait: None,
        longest_hold: None,
        sweep_every: None,
    }
}

#[tokio::test]
async fn on_the_embedded_engine() {
    everything(&Embedded::memory().expect("an engine").table("leases")).await;
}

#[tokio::test]
async fn on_ministack() {
    let ministack = Ministack::start();
    everything(&Table::from_builder(ministack.config(), "leases")).await;
}

async fn everything(table: &Table) {
    assert_eq!(create::create(table).await, Ok(Created::New));
    assert_eq!(create::create(table).await, Ok(Created::Existed));

    let (a, b) = (prefix("a"), prefix("b"));
    assert_eq!(create::set_pool(table, &a, &pool(5), None).await, Ok(PoolSet::Done));
    assert_eq!(create::set_pool(table, &b, &pool(1), None).await, Ok(PoolSet::Done));
    assert_eq!(create::set_pool(table, &a, &pool(6), None).await, Ok(PoolSet::Changed(Some(pool(5)))));
    assert_eq!(create::set_pool(table, &a, &pool(7), Some(&pool(5))).await, Ok(PoolSet::Done));
    assert_eq!(create::set_pool(table, &a, &pool(8), Some(&pool(5))).await, Ok(PoolSet::Changed(Some(pool(7)))));
    assert_eq!(create::set_pool(table, &prefix("c"), &pool(8), Some(&pool(5))).await, Ok(PoolSet::Changed(None)));

    let listed = directory::pools(table).await.expect("the directory");
    let limits: Vec<_> = listed.iter().map(|(p, l)| (p.as_str(), l.pool.as_ref().map(|p| p.limit.count()))).collect();
    assert_eq!(limits, [("a", Some(7)), ("b", Some(1))]);

    assert_eq!(create::retire_pool(table, &b).await, Ok(()));
    assert!(matches!(create::retire_pool(table, &b).await, Err(StoreError::PoolNotFound { .. })));
    assert_eq!(directory::pools(table).await.map(|listed| listed.len()), Ok(1));
}

#[tokio::test]
async fn a_table_of_another_shape_is_refused() {
    let engine = Embedded::memory().expect("an engine");
    let client = aws_sdk_dynamodb::Client::from_conf(engine.config().build());
    let id = AttributeDefinition::builder().attribute_name("Id").attribute_type(ScalarAttributeType::N).build();
    let key = KeySchemaElement::builder().attribute_name("Id").key_type(KeyType::Hash).build();
    let other = client.create_table().table_name("leases").billing_mode(BillingMode::PayPerRequest);
    let other = other.attribute_definitions(id.expect("an id")).key_schema(key.expect("a key"));
    other.send().await.expect("a table");
    let error = create::create(&engine.table("leases")).await.expect_err("it has another shape").to_string();
    for words in ["table leases", "HASH Id (N)", "PK and SK", "another name"] {
        assert!(error.contains(words), "{words:?} is not in: {error}");
    }
}

#[tokio::test]
async fn settings_are_read_again_only_when_they_are_old() {
    let table = engines::embedded("leases").await;
    let a = prefix("a");
    create::set_pool(&table, &a, &pool(5), None).await.expect("set");
    let runner = Runner::new(table.clone()).fresh_for(Duration::from_secs(60));
    assert_eq!(runner.settings(&a).await.map(|settings| settings.limit.count()), Ok(5));
    let reads = table.meter().used().reads;
    create::set_pool(&table, &a, &pool(9), Some(&pool(5))).await.expect("set");
    assert_eq!(runner.settings(&a).await.map(|settings| settings.limit.count()), Ok(5));
    assert_eq!(table.meter().used().reads, reads);
    let never = Runner::new(table.clone()).fresh_for(Duration::ZERO);
    assert_eq!(never.settings(&a).await.map(|settings| settings.limit.count()), Ok(9));
    assert_eq!(never.settings(&a).await.map(|settings| settings.limit.count()), Ok(9));
    assert_eq!(table.meter().used().reads, reads + 4);
}

#[tokio::test]
async fn a_file_is_kept_and_shared() {
    let folder = std::env::temp_dir().join(format!("leasehold-store-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("store.db");
    let (one, other) = (Embedded::file(&path).expect("an engine"), Embedded::file(&path).expect("a second engine"));
    assert_eq!(create::create(&one.table("leases")).await, Ok(Created::New));
    assert_eq!(create::create(&other.table("leases")).await, Ok(Created::Existed));
    create::set_pool(&one.table("leases"), &prefix("a"), &pool(5), None).await.expect("set");
    let read = other.table("leases").send(&prefix("a"), &Request::Get(Key::Pool)).await;
    assert_eq!(read.reply, Reply::Row(Some(Row::Pool(pool(5)))));
    drop((one, other));
    let again = Embedded::file(&path).expect("an engine").table("leases");
    let read = again.send(&prefix("a"), &Request::Get(Key::Pool)).await;
    assert_eq!(read.reply, Reply::Row(Some(Row::Pool(pool(5)))));
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn a_file_that_is_something_else_is_named() {
    let error = Embedded::file(std::path::Path::new(env!("CARGO_MANIFEST_DIR"))).expect_err("a folder").to_string();
    assert!(error.contains(env!("CARGO_MANIFEST_DIR")), "{error}");
}
