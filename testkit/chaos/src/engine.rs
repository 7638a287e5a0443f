//! The engine under the table: which one is it, and where? The embedded one over HTTP, AWS's own DynamoDB Local, or a local AWS.

use std::io;
use std::net::SocketAddr;

use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, Region};
use leasehold_store::{Embedded, Table, https};
use leasehold_testkit::{DynamoDbLocal, LocalAws, serve_over_http};

/// Which engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum EngineKind {
    /// The embedded one, over HTTP
    Embedded,
    /// AWS's own
    DynamodbLocal,
    /// The local AWS
    LocalAws,
}

/// An engine under way; it ends with this value.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) at: SocketAddr,
    _server: Server,
}

#[derive(Debug)]
#[expect(dead_code, reason = "held for as long as it serves")]
enum Server {
    Here,
    DynamoDbLocal(DynamoDbLocal),
    LocalAws(LocalAws),
}

impl Engine {
    pub(crate) async fn start(kind: EngineKind) -> io::Result<Engine> {
        let (at, server) = match kind {
            EngineKind::Embedded => return Engine::serving(Embedded::memory().map_err(io::Error::other)?).await,
            EngineKind::DynamodbLocal => {
                let server = DynamoDbLocal::start();
                (server.endpoint(), Server::DynamoDbLocal(server))
            }
            EngineKind::LocalAws => {
                let server = LocalAws::start();
                (server.endpoint(), Server::LocalAws(server))
            }
        };
        let at = at.trim_start_matches("http://").parse().map_err(io::Error::other)?;
        Ok(Engine { at, _server: server })
    }

    /// The embedded one, over HTTP.
    pub(crate) async fn serving(engine: Embedded) -> io::Result<Engine> {
        Ok(Engine { at: serve_over_http(engine).await?, _server: Server::Here })
    }

    /// What a client needs that talks to it with nothing in between.
    pub(crate) fn config(&self) -> Builder {
        Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .endpoint_url(format!("http://{}", self.at))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .http_client(https::client())
    }

    /// A table there, with nothing in between.
    pub(crate) fn table(&self, name: &str) -> Table {
        Table::from_builder(self.config(), name)
    }
}
