//! The wire between a client and its table: what goes over it, and how long does that take? Counts requests and
//! DynamoDB's units for every way alike, and adds the delays of a network where a run asks for them.
//!
//! Units are what the engine says it consumed. A refused condition is charged too, but no engine says how much: 1 unit
//! for a single write and 2 for each item of a transaction, as no item here that a condition is on is larger than 1 KB but
//! for a place in a queue.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

/// How long a network takes there and back.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Delays {
    /// A request to the table.
    pub(crate) request: Duration,
    /// A transaction.
    pub(crate) transaction: Duration,
    /// A notice to a waiting task.
    pub(crate) notice: Duration,
}

impl Delays {
    /// As between a Lambda and DynamoDB in one region, roughly.
    pub(crate) const REAL: Delays = Delays {
        request: Duration::from_millis(5),
        transaction: Duration::from_millis(12),
        notice: Duration::from_millis(20),
    };

    /// Every request takes as long, and a notice nothing: what is measured is counted in round trips.
    pub(crate) fn uniform(request: Duration) -> Delays {
        Delays { request, transaction: request, notice: Duration::ZERO }
    }
}

/// What went over a wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub(crate) struct Traffic {
    /// Requests, of each page of a query one.
    pub(crate) requests: u64,
    /// Read units.
    pub(crate) read_units: f64,
    /// Write units, those of refused writes included.
    pub(crate) write_units: f64,
    /// Requests that a condition refused.
    pub(crate) refused: u64,
}

impl Traffic {
    /// What went over it since.
    pub(crate) fn since(self, before: Traffic) -> Traffic {
        Traffic {
            requests: self.requests - before.requests,
            read_units: self.read_units - before.read_units,
            write_units: self.write_units - before.write_units,
            refused: self.refused - before.refused,
        }
    }
}

/// A wire. Clones are the same one.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    engine: SharedHttpConnector,
    delays: Delays,
    traffic: Arc<Mutex<Traffic>>,
}

impl Wire {
    /// A wire to this engine.
    pub(crate) fn to(engine: SharedHttpConnector, delays: Delays) -> Wire {
        Wire { engine, delays, traffic: Arc::default() }
    }

    /// What went over it so far.
    pub(crate) fn traffic(&self) -> Traffic {
        *self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, operation: &str, asked: &[u8], status: u16, answer: &[u8]) {
        let mut traffic = self.traffic.lock().unwrap_or_else(PoisonError::into_inner);
        traffic.requests += 1;
        let reads = matches!(operation, "GetItem" | "Query");
        if status == 200 {
            let units = if reads { &mut traffic.read_units } else { &mut traffic.write_units };
            *units += consumed(answer);
        } else if contains(answer, b"ConditionalCheckFailed") {
            traffic.refused += 1;
            let items = if operation == "TransactWriteItems" { 2 * count_of(asked, b"\"TableName\"") } else { 1 };
            traffic.write_units += items as f64;
        }
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let wire = self.clone();
        HttpConnectorFuture::new(async move {
            let target = request.headers().get("x-amz-target").unwrap_or_default();
            let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
            let asked = request.body().bytes().unwrap_or_default().to_vec();
            let delay = if operation == "TransactWriteItems" { wire.delays.transaction } else { wire.delays.request };
            pause(delay / 2).await;
            let mut response = wire.engine.call(request).await?;
            // What comes over a network comes in pieces; it is read here, so that it can be looked at.
            if response.body().bytes().is_none() {
                let body = read_all(response.take_body()).await?;
                *response.body_mut() = SdkBody::from(body);
            }
            wire.count(&operation, &asked, response.status().as_u16(), response.body().bytes().unwrap_or_default());
            pause(delay / 2).await;
            Ok(response)
        })
    }
}

impl HttpClient for Wire {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

async fn read_all(body: SdkBody) -> Result<Vec<u8>, aws_smithy_runtime_api::client::result::ConnectorError> {
    let read = aws_smithy_types::byte_stream::ByteStream::new(body).collect().await;
    let broken = |error| aws_smithy_runtime_api::client::result::ConnectorError::io(Box::new(error));
    Ok(read.map_err(broken)?.to_vec())
}

/// Waits so long, and not at all for nothing.
pub(crate) async fn pause(delay: Duration) {
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
}

/// The sum of the capacity units that an answer names. Its text is searched, as reading it as JSON would cost as much as the
/// request.
fn consumed(answer: &[u8]) -> f64 {
    const NAME: &[u8] = b"\"CapacityUnits\":";
    let Some(at) = find(answer, NAME) else { return 0.0 };
    let number = answer[at + NAME.len()..].iter().skip_while(|sign| **sign == b' ');
    let number: String =
        number.take_while(|sign| sign.is_ascii_digit() || **sign == b'.').map(|digit| char::from(*digit)).collect();
    number.parse().unwrap_or(0.0)
}

fn find(text: &[u8], sought: &[u8]) -> Option<usize> {
    text.windows(sought.len()).position(|part| part == sought)
}

fn contains(text: &[u8], sought: &[u8]) -> bool {
    find(text, sought).is_some()
}

fn count_of(text: &[u8], sought: &[u8]) -> usize {
    text.windows(sought.len()).filter(|part| *part == sought).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_units_that_an_answer_names_are_found() {
        assert_eq!(consumed(br#"{"Count":3,"ConsumedCapacity":{"TableName":"t","CapacityUnits":1.5}}"#), 1.5);
        assert_eq!(consumed(br#"{"ConsumedCapacity":[{"TableName":"t","CapacityUnits":4.0}]}"#), 4.0);
        assert_eq!(consumed(b"{}"), 0.0);
    }

    #[test]
    fn a_refused_transaction_costs_two_units_an_item() {
        let wire =
            Wire::to(SharedHttpConnector::new(leasehold_store::Embedded::memory().expect("engine")), Delays::default());
        let two = br#"{"TransactItems":[{"Put":{"TableName":"t"}},{"Update":{"TableName":"t"}}]}"#;
        wire.count("TransactWriteItems", two, 400, b"ConditionalCheckFailed");
        wire.count("PutItem", br#"{"TableName":"t"}"#, 400, b"ConditionalCheckFailedException");
        assert_eq!(wire.traffic(), Traffic { requests: 2, read_units: 0.0, write_units: 5.0, refused: 2 });
    }
}
