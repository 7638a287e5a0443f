//! Whoever meets an error reads what was tried, on which table and pool, and what to do next.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod drawn;

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future::ProvideCredentials as ProvideCredentialsFuture;
use aws_sdk_dynamodb::config::ProvideCredentials;
use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use drawn::{Drawn, put, write};
use leasehold_core::{Condition, Fence, Mutation, PoolName, Reply, Request, RowKey, Slot};
use leasehold_store::{Embedded, Runner, StoreError, Table, create_table, https, rows};
use leasehold_testkit::{HttpReply, ScriptedHttp, embedded_table};

fn prefix() -> PoolName {
    "analytics".parse().expect("a prefix")
}

/// What the SDK's own chain of providers does where none has any.
#[derive(Debug)]
struct NoCredentials;

impl ProvideCredentials for NoCredentials {
    fn provide_credentials<'a>(&'a self) -> ProvideCredentialsFuture<'a>
    where
        Self: 'a,
    {
        ProvideCredentialsFuture::ready(Err(CredentialsError::not_loaded("no providers in chain provided credentials")))
    }
}

fn assert_says(trouble: Option<StoreError>, words: &[&str]) {
    let said = trouble.expect("trouble").to_string();
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
}

#[tokio::test]
async fn a_missing_table_is_named() {
    let table = Embedded::memory().expect("an engine").table("leases");
    let one = put(Drawn::seeded(1).row_at(RowKey::Slot(Slot(3))));
    let both = vec![one.clone(), write(RowKey::Slot(Slot(4)), [], Mutation::Delete)];
    for (request, words) in [
        (Request::ALL_SLOTS, "reading the slots of pool analytics"),
        (Request::Write(one), "writing the row \"slot#00003\" of pool analytics"),
        (Request::Transact(both), "writing the rows \"slot#00003\", \"slot#00004\" of pool analytics"),
    ] {
        let sent = table.send(&prefix(), &request).await;
        assert_eq!(sent.reply, Reply::Unavailable);
        assert_says(sent.trouble, &[words, "table leases does not exist", "region", "table create"]);
    }
}

#[tokio::test]
async fn a_denied_request_names_the_table_and_the_cure() {
    let table = ScriptedHttp::new([HttpReply::error(400, "AccessDeniedException")]).table();
    let sent = table.send(&prefix(), &Request::Queue(1)).await;
    assert_says(sent.trouble, &["reading the queue of pool analytics", "table leases", "denied", "credentials"]);
}

#[tokio::test]
async fn missing_credentials_are_called_that_and_nothing_was_sent() {
    let config = Builder::new().behavior_version(BehaviorVersion::latest()).region(Region::from_static("us-east-1"));
    let config = config.credentials_provider(NoCredentials);
    let table = Table::from_builder(config.endpoint_url("http://127.0.0.1:9"), "leases");
    let row = Drawn::seeded(1).row_at(RowKey::Slot(Slot(3)));
    let sent = table.send(&prefix(), &Request::Write(put(row))).await;
    assert_eq!(sent.reply, Reply::Unavailable, "{:?}", sent.trouble);
    assert_says(sent.trouble, &["table leases", "credentials"]);
}

#[tokio::test]
async fn an_endpoint_nobody_listens_on_says_so() {
    let config = Embedded::memory().expect("an engine").config();
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
    let config = config.http_client(https::client());
    let table = Table::from_builder(config.endpoint_url(format!("http://{free}")), "leases");
    let sent = table.send(&prefix(), &Request::ALL_SLOTS).await;
    assert_eq!(sent.reply, Reply::Unavailable);
    assert_says(sent.trouble, &["reading the slots", "table leases", "refused", "endpoint"]);
}

#[tokio::test]
async fn a_row_that_makes_no_sense_is_named_and_grants_nothing() {
    let engine = Embedded::memory().expect("an engine");
    let table = engine.table("leases");
    create_table(&table).await.expect("a table");
    let client = aws_sdk_dynamodb::Client::from_conf(engine.config().build());
    let mut item = rows::key(&prefix(), &RowKey::Slot(Slot(7)));
    item.insert("fence".into(), AttributeValue::S("seven".into()));
    client.put_item().table_name("leases").set_item(Some(item)).send().await.expect("put");
    let sent = table.send(&prefix(), &Request::ALL_SLOTS).await;
    assert_eq!(sent.reply, Reply::Unavailable);
    assert_says(sent.trouble, &["row slot#00007 of LEASES#analytics", "fence", "the text \"seven\"", "whole number"]);
    // The same row comes back from a refused write: that it was refused is known, but not what is there.
    let row = Drawn::seeded(1).row_at(RowKey::Slot(Slot(7)));
    let claim = write(row.key(), [Condition::SlotFence(Fence(0))], Mutation::Put(row));
    let sent = table.send(&prefix(), &Request::Write(claim)).await;
    assert_eq!(sent.reply, Reply::Unavailable);
}

#[tokio::test]
async fn a_pool_that_is_not_there_names_table_and_prefix() {
    let runner = Runner::new(embedded_table("leases").await);
    let trouble = runner.settings(&prefix()).await.expect_err("there is none");
    assert!(matches!(trouble, StoreError::PoolNotFound { .. }), "{trouble}");
    assert_says(Some(trouble), &["pool analytics", "table leases", "pool set analytics --limit"]);
}

#[tokio::test]
async fn a_pool_whose_settings_make_no_sense_says_which() {
    let engine = Embedded::memory().expect("an engine");
    let table = engine.table("leases");
    create_table(&table).await.expect("a table");
    let client = aws_sdk_dynamodb::Client::from_conf(engine.config().build());
    let cases = [
        ("2", "60000", "10001", "10000"),
        ("2", "0", "5", "lease"),
        ("1", "60000", "5", "edition"),
        ("3", "60000", "5", "edition"),
    ];
    for (edition, lease, limit, words) in cases {
        let mut item = rows::key(&prefix(), &RowKey::Pool);
        item.insert("edition".into(), AttributeValue::N(edition.into()));
        item.insert("limit".into(), AttributeValue::N(limit.into()));
        item.insert("lease_ms".into(), AttributeValue::N(lease.into()));
        client.put_item().table_name("leases").set_item(Some(item)).send().await.expect("put");
        let trouble = Runner::new(table.clone()).settings(&prefix()).await.expect_err("they make no sense");
        assert!(matches!(trouble, StoreError::PoolMisconfigured { .. }), "{trouble}");
        assert_says(Some(trouble), &["pool analytics", "table leases", words]);
    }
}
