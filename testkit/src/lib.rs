//! The kit of the tests: what do the tests of several crates share? No test is here, and nothing that is deployed uses
//! it.
//!
//! [`LocalAws`] is an AWS in a process of its own, [`DynamoDbLocal`] AWS's own imitation of a table in another, [`embedded_table`] a table in this one, and [`put_row`] writes into it. [`ScriptedHttp`] is a
//! network that answers what a test says, [`DatedEngine`] a table with a clock of its own, [`FakeStepFunctions`] a Step Functions that does, [`FakeClock`] a clock that
//! goes when it is told to. Between processes, [`serve_over_http`] gives such a double a port, [`FaultyProxy`] a bad network
//! before it, and [`HttpMessage`] is what either of them reads.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod dated_engine;
mod dynamodb_local;
mod fake_clock;
mod fake_step_functions;
mod faulty_proxy;
mod http_front;
mod http_message;
mod local_aws;
mod local_server;
mod scripted_http;

pub use dated_engine::DatedEngine;
pub use dynamodb_local::DynamoDbLocal;
pub use fake_clock::FakeClock;
pub use fake_step_functions::{FakeStepFunctions, StepFunctionsFault};
pub use faulty_proxy::{FaultyProxy, NetworkFault, ProxyCounts};
pub use http_front::serve_over_http;
pub use http_message::HttpMessage;
pub use local_aws::{HttpAnswer, LocalAws};
pub use scripted_http::{HttpReply, ScriptedHttp};

/// Random inputs that shrink to the smallest that fails.
pub use proptest;

use leasehold_core::{Intent, Mutation, PoolName, Reply, Request, Row, Write};
use leasehold_store::{Embedded, Table, create_table};

/// A table of this name in an engine of its own, in memory.
///
/// # Panics
/// When the engine does not start, or the table cannot be made.
pub async fn embedded_table(name: &str) -> Table {
    let table = Embedded::memory().expect("the embedded engine").table(name);
    create_table(&table).await.expect("a table");
    table
}

/// Puts a row into a pool, whatever lies there: also one that no operation would write.
///
/// # Panics
/// When the table does not take it.
pub async fn put_row(table: &Table, prefix: &PoolName, row: Row) {
    let write = Write { key: row.key(), conditions: vec![], mutation: Mutation::Put(row), intent: Intent::SetPool };
    let sent = table.send(prefix, &Request::Write(write)).await;
    assert_eq!(sent.reply, Reply::Written, "{:?}", sent.trouble);
}
