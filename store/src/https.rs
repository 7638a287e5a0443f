//! The way to AWS: how does a request leave this process, over which TLS and trusting whom?
//!
//! With rustls on ring, and with the root certificates that the machine trusts (`SSL_CERT_FILE` names others). The SDK's
//! own client is compiled out: it would build AWS-LC, a large C library, into every program here. So whatever the SDK
//! configures is given [`client`], or is made from [`loader`], which has it.

use aws_config::{BehaviorVersion, ConfigLoader};
use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, ConnectorBuilder};

/// A client for HTTPS and plain HTTP, through the proxy that the environment names. Clones share their connections.
pub fn client() -> SharedHttpClient {
    // As the SDK makes its own, but for the library under rustls.
    Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector = ConnectorBuilder::default().tls_provider(Provider::Rustls(CryptoMode::Ring));
        connector.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        connector.set_proxy_config(Some(ProxyConfig::from_env()));
        connector.build()
    })
}

/// The SDK's configuration as the environment has it, yet to be loaded, with [`client`].
pub fn loader() -> ConfigLoader {
    aws_config::defaults(BehaviorVersion::latest()).http_client(client())
}
