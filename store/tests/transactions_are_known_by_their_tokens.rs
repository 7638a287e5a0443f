//! The embedded engine's memory of transactions: what does one come to that is sent again? The same, as on DynamoDB; for a
//! client whose tokens are forgotten it is another transaction.
#![allow(clippy::expect_used, reason = "a test that can not set itself up has failed")]

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use leasehold_store::{Embedded, create_table};

/// Whether a row is put that must not be there yet, by a transaction with this token.
async fn put_new(engine: &Embedded, token: &str) -> bool {
    let put = Put::builder()
        .table_name("leases")
        .item("PK", AttributeValue::S("LEASES#p".into()))
        .item("SK", AttributeValue::S("slot#00000".into()))
        .condition_expression("attribute_not_exists(PK)")
        .build()
        .expect("a put");
    let client = Client::from_conf(engine.config().build());
    let transaction = client.transact_write_items().client_request_token(token);
    transaction.transact_items(TransactWriteItem::builder().put(put).build()).send().await.is_ok()
}

#[tokio::test]
async fn a_repeat_is_done_once_unless_its_token_is_forgotten() {
    let engine = Embedded::memory().expect("an engine");
    create_table(&engine.table("leases")).await.expect("a table");
    assert!(put_new(&engine, "one").await);
    assert!(put_new(&engine, "one").await, "the same transaction");
    assert!(!put_new(&engine, "two").await, "another one");
    assert!(!put_new(&engine.forgetting_tokens(), "one").await, "its token is not looked at");
}
