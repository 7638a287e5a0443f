//! Items of the other ways: how do they reach the table? The SDK as people use it, one request at a time, and a fixed wait
//! for who found the pool full.

use std::fmt::Debug;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::AttributeValue;

use super::PoolTerms;
use crate::BenchError;
use crate::engine::Engine;

/// A pool of another way: its client and its terms.
#[derive(Clone, Debug)]
pub(crate) struct Items {
    /// The SDK's client, with its own retries.
    pub(crate) client: Client,
    /// How the pool is to be kept.
    pub(crate) terms: PoolTerms,
}

impl Items {
    /// Those of one pool.
    pub(crate) fn new(engine: &Engine, terms: PoolTerms) -> Items {
        let retries = aws_sdk_dynamodb::config::retry::RetryConfig::standard().with_max_attempts(10);
        Items { client: Client::from_conf(engine.config().retry_config(retries).build()), terms }
    }

    /// The partition key.
    pub(crate) fn pk(&self) -> AttributeValue {
        text(format!("PEER#{}", self.terms.pool))
    }

    /// Now, and when a lease that begins now expires, in milliseconds since the epoch.
    pub(crate) fn now_and_expiry(&self) -> (AttributeValue, AttributeValue) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (number(now.as_millis()), number((now + self.terms.lease).as_millis()))
    }

    /// Waits as long as who found the pool full does. A tenth more or less, as no two processes wait alike.
    pub(crate) async fn wait(&self) {
        let factor = 0.9 + 0.2 * fastrand::f64();
        tokio::time::sleep(self.terms.fixed_wait.mul_f64(factor).max(Duration::from_millis(1))).await;
    }
}

/// A text as an attribute.
pub(crate) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// A number as an attribute.
pub(crate) fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// Whether a write happened, or its condition refused it. All else is an error.
///
/// # Errors
/// What the SDK says.
pub(crate) fn happened<T, E>(written: Result<T, SdkError<E, HttpResponse>>) -> Result<bool, BenchError>
where
    E: ProvideErrorMetadata + std::error::Error + Debug + Send + Sync + 'static,
{
    match written {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
        Err(error) => Err(error.into()),
    }
}
