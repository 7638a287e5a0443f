//! A scripted network: what does a client of DynamoDB do when it is answered this, and then that?

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
pub enum HttpReply {
    /// Answers with this status and body.
    Answer(u16, String),
    /// The connection breaks after the request was sent.
    Break,
    /// Nothing ever comes.
    Silence,
}

impl HttpReply {
    /// An error as DynamoDB says it.
    pub fn error(status: u16, code: &str) -> HttpReply {
        let body = format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"as scripted"}}"#);
        HttpReply::Answer(status, body)
    }

    /// A success that says nothing.
    pub fn done() -> HttpReply {
        HttpReply::Answer(200, "{}".into())
    }

    /// As the SDK takes it from a network.
    pub(crate) fn sent(self) -> HttpConnectorFuture {
        HttpConnectorFuture::new(async move {
            match self {
                HttpReply::Answer(status, body) => {
                    Ok(HttpResponse::new(status.try_into().expect("a status"), SdkBody::from(body)))
                }
                HttpReply::Break => Err(ConnectorError::io("connection reset by peer".into())),
                HttpReply::Silence => std::future::pending().await,
            }
        })
    }
}

/// A network that answers in this order, and keeps what it was asked. The last reply is repeated for ever.
#[derive(Clone, Debug)]
pub struct ScriptedHttp(Arc<Mutex<Script>>);

#[derive(Debug)]
struct Script {
    replies: VecDeque<HttpReply>,
    bodies: Vec<String>,
}

impl ScriptedHttp {
    /// One that has these replies; at least one.
    pub fn new(replies: impl IntoIterator<Item = HttpReply>) -> Self {
        ScriptedHttp(Arc::new(Mutex::new(Script { replies: replies.into_iter().collect(), bodies: Vec::new() })))
    }

    /// What was sent, each request's body.
    ///
    /// # Panics
    /// When a request panicked.
    pub fn bodies(&self) -> Vec<String> {
        self.0.lock().expect("not poisoned").bodies.clone()
    }

    /// The table `leases` behind this network.
    pub fn table(&self) -> Table {
        let config = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .endpoint_url("http://scripted.invalid")
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .http_client(self.clone());
        Table::from_builder(config, "leases")
    }
}

impl HttpConnector for ScriptedHttp {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut script = self.0.lock().expect("not poisoned");
        script.bodies.push(String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned());
        let reply = if script.replies.len() > 1 { script.replies.pop_front() } else { script.replies.front().cloned() };
        reply.expect("a reply").sent()
    }
}

impl HttpClient for ScriptedHttp {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
