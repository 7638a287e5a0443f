//! The pool under test: what do the tests of the client run on? A table in memory whose requests can be held up, with one
//! pool in it.
#![allow(
    dead_code,
    clippy::expect_used,
    clippy::panic,
    reason = "each test uses what it needs; one that cannot go on says why"
)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use leasehold::{Client, ClientBuilder, PoolName};
use leasehold_core::occupancy::Occupancy;
use leasehold_core::{
    Author, ExpectedSettings, LeaseId, Millis, PoolPatch, ReleaseTarget, Reply, Request, RetirePool, RowKey, SetPool,
};
use leasehold_store::{Embedded, Runner, Table, create_table, look, rows};
use tokio::sync::{Notify, watch};

/// Longer than anything here takes, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// An engine that can be told to stop answering.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    engine: Embedded,
    script: Arc<Mutex<Script>>,
    met: Arc<Notify>,
    held_up: Arc<watch::Sender<bool>>,
}

#[derive(Debug, Default)]
struct Script {
    /// Holds up the reply to the next request whose body or operation has this.
    hold: Option<String>,
    /// Nothing gets through.
    cut: bool,
    /// What writes gets through, and its answer does not.
    lose_answers: bool,
    /// What writes is never answered.
    ignore_writes: bool,
    /// Nothing is ever answered.
    ignore_all: bool,
    /// Everything is turned away for too much traffic.
    busy: bool,
}

impl Engine {
    pub(crate) fn new() -> Engine {
        Engine {
            engine: Embedded::memory().expect("the embedded engine"),
            script: Arc::default(),
            met: Arc::default(),
            held_up: Arc::new(watch::Sender::new(false)),
        }
    }

    /// A connection of its own to the same table.
    pub(crate) fn table(&self) -> Table {
        let config = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .endpoint_url("http://held-up.invalid")
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .http_client(self.clone());
        Table::from_builder(config, "leases")
    }

    /// Performs the next request that has these words, and keeps its reply back until [`Engine::go_on`].
    pub(crate) fn hold_up(&self, words: &str) {
        self.held_up.send_replace(true);
        self.script.lock().expect("a script").hold = Some(words.into());
    }

    /// Waits until such a request was performed.
    pub(crate) async fn until_it_came(&self) {
        tokio::time::timeout(PATIENCE, self.met.notified()).await.expect("such a request");
    }

    pub(crate) fn go_on(&self) {
        self.held_up.send_replace(false);
    }

    /// Breaks, or mends, every connection.
    pub(crate) fn cut(&self, cut: bool) {
        self.script.lock().expect("a script").cut = cut;
    }

    /// Loses the answer to every write, or not.
    pub(crate) fn lose_answers(&self, lose: bool) {
        self.script.lock().expect("a script").lose_answers = lose;
    }

    /// Answers no write any more, and breaks no connection.
    pub(crate) fn ignore_writes(&self) {
        self.script.lock().expect("a script").ignore_writes = true;
    }

    /// Answers nothing any more, or again, and breaks no connection.
    pub(crate) fn ignore_all(&self, ignore: bool) {
        self.script.lock().expect("a script").ignore_all = ignore;
    }

    /// Is too busy for anybody, or no more.
    pub(crate) fn busy(&self, busy: bool) {
        self.script.lock().expect("a script").busy = busy;
    }

    /// A pool `p`.
    pub(crate) async fn pool(&self, limit: u64, lease_ms: u64, grace_ms: u64) {
        self.pool_swept_every(Duration::from_secs(60), limit, lease_ms, grace_ms).await;
    }

    /// The same, with so much time between two sweeps.
    pub(crate) async fn pool_swept_every(&self, every: Duration, limit: u64, lease_ms: u64, grace_ms: u64) {
        let table = self.table();
        create_table(&table).await.expect("a table");
        let patch = PoolPatch {
            limit: Some(limit.try_into().expect("a limit")),
            lease: Some(Millis(lease_ms)),
            grace: Some(Millis(grace_ms)),
            sweep_every: Some(Millis(every.as_millis().try_into().expect("a time"))),
            ..PoolPatch::default()
        };
        let set = SetPool { patch, expected: ExpectedSettings::Any, by: Author::new("the test", "") };
        Runner::new(table).administer(&p(), set).await.expect("a pool");
    }

    /// Takes every place out of the queue, as nobody but a person does.
    pub(crate) async fn delete_places(&self) {
        let table = Embedded::table(&self.engine, "leases");
        let client = aws_sdk_dynamodb::Client::from_conf(self.engine.config().build());
        let Reply::Queue(places, _) = table.send(&p(), &Request::Queue(100)).await.reply else { panic!("no queue") };
        for place in places {
            let key = rows::key(&p(), &RowKey::Wait(place.ticket));
            client.delete_item().table_name("leases").set_key(Some(key)).send().await.expect("deleted");
        }
    }

    /// A client of its own, as another process would have it.
    pub(crate) fn client(&self) -> Client {
        self.builder().build().expect("a client")
    }

    pub(crate) fn builder(&self) -> ClientBuilder {
        Client::builder().on(self.table()).owner("test")
    }

    /// How the pool looks.
    pub(crate) async fn look(&self) -> Occupancy {
        let table = Embedded::table(&self.engine, "leases");
        look(&table, &p(), || table.now()).await.expect("a look").expect("a pool").pool
    }

    /// Waits until the pool looks so.
    pub(crate) async fn until(&self, what: &str, so: impl Fn(&Occupancy) -> bool) -> Occupancy {
        let began = Instant::now();
        loop {
            let seen = self.look().await;
            if so(&seen) {
                return seen;
            }
            assert!(began.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}: {seen:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Lowers or raises the limit, as an operator does.
    pub(crate) async fn limit(&self, limit: u64) {
        let patch = PoolPatch { limit: Some(limit.try_into().expect("a limit")), ..PoolPatch::default() };
        let set = SetPool { patch, expected: ExpectedSettings::Any, by: Author::new("the test", "") };
        Runner::new(self.table()).administer(&p(), set).await.expect("a limit that is set");
    }

    /// Retires the pool, as an operator does.
    pub(crate) async fn retire(&self) {
        let by = Author { who: "ann".into(), why: "a test".into() };
        Runner::new(self.table()).administer(&p(), RetirePool { by }).await.expect("retired");
    }

    /// Takes a lease away, as an operator does.
    pub(crate) async fn force(&self, lease: &LeaseId) {
        Runner::new(self.table()).run_on(&p(), ReleaseTarget::Lease(lease.clone())).await.expect("a release");
    }
}

pub(crate) fn p() -> PoolName {
    "p".parse().expect("a name")
}

impl HttpConnector for Engine {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let own = self.clone();
        HttpConnectorFuture::new(async move {
            let said = format!(
                "{} {}",
                request.headers().get("x-amz-target").unwrap_or_default(),
                String::from_utf8_lossy(request.body().bytes().unwrap_or_default())
            );
            let writes =
                ["PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"].iter().any(|it| said.contains(it));
            let (met, lost, ignored) = {
                let mut script = own.script.lock().expect("a script");
                if script.busy {
                    own.met.notify_one();
                    let body =
                        r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"slow down"}"#;
                    return Ok(HttpResponse::new(400.try_into().expect("a status"), SdkBody::from(body)));
                }
                if script.cut {
                    return Err(ConnectorError::io("cut".into()));
                }
                let met = script.hold.take_if(|words| said.contains(&**words)).is_some();
                (met, writes && script.lose_answers, (writes && script.ignore_writes, script.ignore_all))
            };
            if ignored.0 {
                own.met.notify_one();
            }
            if ignored.0 || ignored.1 {
                return std::future::pending().await;
            }
            let reply = own.engine.call(request).await;
            if lost {
                return Err(ConnectorError::io("lost".into()));
            }
            if met {
                own.met.notify_one();
                let mut held_up = own.held_up.subscribe();
                held_up.wait_for(|held_up| !held_up).await.expect("it goes on");
            }
            reply
        })
    }
}

impl HttpClient for Engine {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
