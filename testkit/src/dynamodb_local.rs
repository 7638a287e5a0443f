//! AWS's own DynamoDB Local: what does a test ask of one? `scripts/dynamodb-local`, in a process of its own.
//!
//! It is of January 2020. It knows no `ReturnValuesOnConditionCheckFailure` of a single write (of 2023), so such a write is
//! refused without the row that refused it, and the store reads that row; and its replies have no date, so nobody learns the table's time.

use std::net::{Ipv4Addr, TcpStream};

use aws_sdk_dynamodb::config::Builder;
use leasehold_store::Table;

use crate::local_server::LocalServer;

/// A DynamoDB Local on a free port of this machine, in memory. It ends with this value, or with this process, however
/// that ends.
#[derive(Debug)]
pub struct DynamoDbLocal(LocalServer);

impl DynamoDbLocal {
    /// Installs it if need be, starts it and waits until it listens.
    ///
    /// # Panics
    /// When that does not work: a test that needs it fails and says why.
    pub fn start() -> DynamoDbLocal {
        let mut dynamodb = DynamoDbLocal(LocalServer::start("dynamodb-local"));
        dynamodb.0.wait_until(|port| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
        dynamodb
    }

    /// Where it is.
    pub fn endpoint(&self) -> String {
        self.0.endpoint()
    }

    /// What a client of DynamoDB needs to talk to it.
    pub fn config(&self) -> Builder {
        self.0.config()
    }

    /// A table there, made.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn table(&self, name: &str) -> Table {
        self.0.table(name).await
    }
}
