//! Engines: what serves the table? The embedded one in this process, the same behind HTTP, and AWS's DynamoDB Local.

use std::fmt;
use std::sync::Arc;

use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use leasehold_store::{Embedded, Table, create_table};
use leasehold_testkit::DynamoDbLocal;
use serde::{Deserialize, Serialize};

use crate::BenchError;
use crate::http_server::{Answers, HttpAsked, HttpSaid, HttpServer};
use crate::wire::{Delays, Wire};

/// The one table.
pub(crate) const TABLE: &str = "leases";

/// What serves the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum EngineKind {
    /// dynoxide, in this process, without a port.
    Embedded,
    /// The same, behind HTTP on this machine.
    EmbeddedHttp,
    /// AWS's DynamoDB Local, in a process of its own.
    DynamoDbLocal,
}

impl fmt::Display for EngineKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            EngineKind::Embedded => "embedded",
            EngineKind::EmbeddedHttp => "embedded, over HTTP",
            EngineKind::DynamoDbLocal => "DynamoDB Local",
        })
    }
}

/// An engine with an empty table, and the wires to it.
#[derive(Debug)]
pub(crate) struct Engine {
    wire: Wire,
    /// Where a client in another process finds it, with the wire in between.
    server: Option<HttpServer>,
    /// Keeps the process alive.
    local: Option<Arc<DynamoDbLocal>>,
}

/// Without its memory of transactions: it looks through ten minutes of them at each new one, as no DynamoDB does, and
/// leasehold's alone are transactions.
fn embedded() -> Result<Embedded, BenchError> {
    Ok(Embedded::memory()?.forgetting_tokens())
}

impl Engine {
    /// A new one, empty, but for a DynamoDB Local that is there already: its table is made anew.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) async fn start(
        kind: EngineKind,
        delays: Delays,
        local: Option<Arc<DynamoDbLocal>>,
    ) -> Result<Engine, BenchError> {
        let (connector, server, local) = match kind {
            EngineKind::Embedded => (SharedHttpConnector::new(embedded()?), None, None),
            EngineKind::EmbeddedHttp => {
                // What crosses the network twice is delayed and counted once, at its end.
                let wire = Wire::to(SharedHttpConnector::new(embedded()?), delays);
                let server = HttpServer::start(Arc::new(Forwards(wire.clone()))).await?;
                let engine = Engine { wire, server: Some(server), local: None };
                create_table(&Table::from_builder(engine.config(), TABLE)).await?;
                return Ok(engine);
            }
            EngineKind::DynamoDbLocal => {
                let local = local.ok_or("no DynamoDB Local was started")?;
                let network = aws_smithy_http_client::Connector::builder().build_http();
                (SharedHttpConnector::new(network), None, Some(local))
            }
        };
        let engine = Engine { wire: Wire::to(connector, delays), server, local };
        if engine.local.is_some() {
            let client = aws_sdk_dynamodb::Client::from_conf(engine.config().build());
            // It may not be there yet.
            let _ = client.delete_table().table_name(TABLE).send().await;
        }
        create_table(&Table::from_builder(engine.config(), TABLE)).await?;
        Ok(engine)
    }

    /// What went to it.
    pub(crate) fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Where another process finds it; none: nowhere.
    pub(crate) fn endpoint(&self) -> Option<String> {
        let served = self.server.as_ref().map(HttpServer::endpoint);
        served.or_else(|| self.local.as_ref().map(|local| local.endpoint()))
    }

    /// What a client of the SDK needs to talk to it.
    pub(crate) fn config(&self) -> Builder {
        let config = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("bench", "bench", None, None, "bench"));
        match &self.server {
            Some(server) => {
                config.endpoint_url(server.endpoint()).http_client(aws_smithy_http_client::Builder::new().build_http())
            }
            None => config
                .endpoint_url(self.endpoint().unwrap_or_else(|| "http://embedded.invalid".into()))
                .http_client(self.wire.clone()),
        }
    }

    /// The table, as the protocol's store talks to it.
    pub(crate) fn table(&self) -> Table {
        Table::from_builder(self.config(), TABLE)
    }
}

/// Hands requests on to a wire.
#[derive(Debug)]
struct Forwards(Wire);

impl Answers for Forwards {
    async fn answer(&self, asked: HttpAsked) -> HttpSaid {
        let mut request = HttpRequest::new(SdkBody::from(asked.body));
        request.headers_mut().insert("x-amz-target", asked.target);
        match self.0.call(request).await {
            Ok(response) => {
                HttpSaid::json(response.status().as_u16(), response.body().bytes().unwrap_or_default().to_vec())
            }
            Err(error) => HttpSaid::json(500, format!(r#"{{"__type":"InternalServerError","message":"{error}"}}"#)),
        }
    }
}
