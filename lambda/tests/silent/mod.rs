//! A table behind a network that never answers, or that always says no.

use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use leasehold_store::Table;

#[derive(Clone, Debug)]
struct Network(Option<&'static str>);

/// A table whose network never answers.
pub(crate) fn table() -> Table {
    Network(None).table()
}

/// A table that answers everything with this error.
pub(crate) fn refusing(code: &'static str) -> Table {
    Network(Some(code)).table()
}

impl Network {
    fn table(self) -> Table {
        let config = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-central-1"))
            .endpoint_url("http://silent.invalid")
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .http_client(self);
        Table::from_builder(config, "leases")
    }
}

impl HttpConnector for Network {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let says = self.0;
        HttpConnectorFuture::new(async move {
            let Some(code) = says else { return std::future::pending().await };
            let body = format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"as scripted"}}"#);
            Ok(HttpResponse::new(400.try_into().expect("a status"), SdkBody::from(body)))
        })
    }
}

impl HttpClient for Network {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
