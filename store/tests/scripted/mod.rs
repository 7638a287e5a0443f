//! A network that answers what the test says, and counts what it was asked.
#![allow(dead_code, reason = "each test plays what it needs")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use leasehold_store::Table;

/// What the network does with one request.
#[derive(Clone, Debug)]
pub(crate) enum Play {
    /// Answers with this status and body.
    Answer(u16, String),
    /// The connection breaks after the request was sent.
    Break,
    /// Nothing ever comes.
    Silence,
}

/// The network. The last play is repeated for ever.
#[derive(Clone, Debug)]
pub(crate) struct Scripted(Arc<Mutex<(VecDeque<Play>, Vec<String>)>>);

impl Scripted {
    pub(crate) fn new(plays: impl IntoIterator<Item = Play>) -> Self {
        Scripted(Arc::new(Mutex::new((plays.into_iter().collect(), vec![]))))
    }

    /// How many requests were sent.
    pub(crate) fn asked(&self) -> usize {
        self.0.lock().expect("not poisoned").1.len()
    }

    /// What was sent, each request's body.
    pub(crate) fn bodies(&self) -> Vec<String> {
        self.0.lock().expect("not poisoned").1.clone()
    }

    pub(crate) fn table(&self) -> Table {
        let config = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .endpoint_url("http://scripted.invalid")
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .http_client(self.clone());
        Table::from_builder(config, "leases")
    }
}

/// An error as DynamoDB says it.
pub(crate) fn error(status: u16, code: &str) -> Play {
    let body = format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"as scripted"}}"#);
    Play::Answer(status, body)
}

/// A success that says nothing.
pub(crate) fn done() -> Play {
    Play::Answer(200, "{}".into())
}

impl HttpConnector for Scripted {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let play = {
            let mut script = self.0.lock().expect("not poisoned");
            script.1.push(String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned());
            if script.0.len() > 1 { script.0.pop_front() } else { script.0.front().cloned() }
        };
        HttpConnectorFuture::new(async move {
            match play.expect("a play") {
                Play::Answer(status, body) => {
                    Ok(HttpResponse::new(status.try_into().expect("a status"), SdkBody::from(body)))
                }
                Play::Break => Err(ConnectorError::io("connection reset by peer".into())),
                Play::Silence => std::future::pending().await,
            }
        })
    }
}

impl HttpClient for Scripted {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
