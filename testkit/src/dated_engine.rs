//! An engine with a clock of its own: what does a client do where the table's clock is not this machine's? The embedded
//! engine, whose replies are dated, and which refuses signatures of another time as DynamoDB does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::date_time::Format;
use leasehold_core::Timestamp;
use leasehold_store::{Clock, Embedded, SystemClock, Table};

/// How far the time of a signature may be from DynamoDB's own (AWS general reference, "Signature Version 4").
const SIGNED_WITHIN: Duration = Duration::from_secs(300);

/// An engine in memory whose clock is off by so many milliseconds, seen from this machine's.
#[derive(Clone, Debug)]
pub struct DatedEngine {
    engine: Embedded,
    off_by: i64,
    late: Arc<AtomicU32>,
    late_by: Duration,
}

impl DatedEngine {
    /// One that is so many milliseconds ahead.
    ///
    /// # Panics
    /// When the engine does not start.
    pub fn ahead_by(off_by: i64) -> DatedEngine {
        let engine = Embedded::memory().expect("the embedded engine");
        DatedEngine { engine, off_by, late: Arc::default(), late_by: Duration::ZERO }
    }

    /// The same, which so many requests reach late by so much.
    pub fn reached_late(&self, requests: u32, late_by: Duration) -> DatedEngine {
        DatedEngine { late: Arc::new(requests.into()), late_by, ..self.clone() }
    }

    /// A table in it. It need not exist yet.
    pub fn table(&self, name: &str) -> Table {
        let config = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .endpoint_url("http://dated.invalid")
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .http_client(self.clone());
        Table::from_builder(config, name)
    }

    /// What its clock says.
    pub fn now(&self) -> Timestamp {
        Timestamp(SystemClock.now().0.saturating_add_signed(self.off_by))
    }

    fn date(&self) -> DateTime {
        DateTime::from(UNIX_EPOCH + Duration::from_millis(self.now().0))
    }

    /// Whether it was signed at a time that is believed.
    fn believes(&self, request: &HttpRequest) -> bool {
        // `x-amz-date: 20241122T101112Z`
        let signed = request.headers().get("x-amz-date").expect("a signature");
        let part = |from, to| signed.get(from..to).expect("digits");
        let [year, month, day] = [part(0, 4), part(4, 6), part(6, 8)];
        let [hour, minute, second] = [part(9, 11), part(11, 13), part(13, 15)];
        let signed = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z");
        let signed = DateTime::from_str(&signed, Format::DateTime).expect("a time");
        let signed = SystemTime::try_from(signed).and_then(|at| Ok((at, SystemTime::try_from(self.date())?)));
        let (signed, now) = signed.expect("times");
        let apart = now.duration_since(signed).unwrap_or_else(|ahead| ahead.duration());
        apart <= SIGNED_WITHIN
    }
}

impl HttpConnector for DatedEngine {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let dated = self.clone();
        HttpConnectorFuture::new(async move {
            if dated.late.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |late| late.checked_sub(1)).is_ok() {
                tokio::time::sleep(dated.late_by).await;
            }
            let mut response = if dated.believes(&request) {
                dated.engine.call(request).await?
            } else {
                let refused =
                    r#"{"__type":"com.amazon.coral.service#InvalidSignatureException","message":"Signature expired"}"#;
                HttpResponse::new(400.try_into().expect("a status"), SdkBody::from(refused))
            };
            let date = dated.date().fmt(Format::HttpDate).expect("a date");
            // As DynamoDB, whole seconds.
            let date = date.split_once('.').map_or(date.clone(), |(seconds, _)| format!("{seconds} GMT"));
            response.headers_mut().insert("date", date);
            Ok(response)
        })
    }
}

impl HttpClient for DatedEngine {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
