//! The embedded engine: what serves the table where there is no AWS? DynamoDB's API on SQLite (dynoxide) inside this
//! process, without a port: the SDK's requests go to a thread that owns the engine instead of to the network.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use dynoxide::Database;
use dynoxide::actions::transact_write_items::TransactWriteItemsRequest;
use dynoxide::errors::DynoxideError;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

use crate::error::StoreError;
use crate::table::Table;

/// How often an engine on a file deletes what its TTL allows; DynamoDB does it within days.
const COLLECT_EVERY: Duration = Duration::from_secs(3_600);

/// An engine in this process. Clones are the same engine; it ends with the last of them and of its tables.
#[derive(Clone, Debug)]
pub struct Embedded {
    engine: Arc<EmbeddedEngine>,
    forgets_tokens: bool,
}

#[derive(Debug)]
struct EmbeddedEngine(mpsc::Sender<EngineCall>);

struct EngineCall {
    operation: String,
    body: Vec<u8>,
    forgets_tokens: bool,
    answer: oneshot::Sender<HttpResponse>,
}

impl Embedded {
    /// An engine in memory, empty, gone when dropped.
    ///
    /// # Errors
    /// [`StoreError::Embedded`] when the engine does not start.
    pub fn memory() -> Result<Self, StoreError> {
        Embedded::start("in memory", Database::memory, false)
    }

    /// An engine on this file, made if it is not there. Processes may share it.
    ///
    /// # Errors
    /// [`StoreError::Embedded`] when the file cannot be opened, or is something else.
    pub fn file(path: &Path) -> Result<Self, StoreError> {
        let place = path.display().to_string();
        if !may_be_database(path) {
            let why = "it has something else in it than a database".into();
            return Err(StoreError::Embedded { place, why });
        }
        if path.is_dir() {
            return Err(StoreError::Embedded { place, why: "it is a folder".into() });
        }
        if is_of_another_program(path) {
            return Err(StoreError::Embedded {
                place,
                why: "it is another program's database; nothing was changed".into(),
            });
        }
        // SQLite takes a name that begins with `file:` for an address of its own, and `:memory:` for no file.
        let whole = std::path::absolute(path).unwrap_or_else(|_| path.into()).display().to_string();
        Embedded::start(&place, || Database::new(&whole), true)
    }

    /// The same engine, which remembers no token of a transaction that it is asked for by this value.
    ///
    /// As DynamoDB does, the engine knows a transaction that is sent again within ten minutes by its token; and it looks
    /// through all that it remembers at each transaction. A run of many thousands for minutes is slowed down by that.
    #[must_use]
    pub fn forgetting_tokens(self) -> Self {
        Embedded { forgets_tokens: true, ..self }
    }

    /// The table of this name in the engine. It need not exist yet: see [`crate::create_table`].
    pub fn table(&self, name: impl Into<String>) -> Table {
        Table::from_builder(self.config(), name)
    }

    /// What a client of the SDK needs to talk to this engine.
    pub fn config(&self) -> Builder {
        Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .endpoint_url("http://embedded.invalid")
            .credentials_provider(Credentials::new("embedded", "embedded", None, None, "embedded"))
            .http_client(self.clone())
    }

    fn start(
        place: &str,
        open: impl FnOnce() -> dynoxide::Result<Database>,
        lasting: bool,
    ) -> Result<Self, StoreError> {
        let failed = |why: String| StoreError::Embedded { place: place.to_owned(), why };
        // The engine calls it an error of its own if there is no such folder, or the file may not be read.
        let told = |e: DynoxideError| e.to_string().trim_start_matches("Internal error: ").to_owned();
        let database = open().map_err(|e| failed(told(e)))?;
        let (calls, waiting) = mpsc::channel();
        let serve = move || serve(&database, &waiting, lasting);
        // Its calls block, and SQLite writes one at a time: one thread is all it can use.
        thread::Builder::new().name("dynoxide".into()).spawn(serve).map_err(|e| failed(e.to_string()))?;
        Ok(Embedded { engine: Arc::new(EmbeddedEngine(calls)), forgets_tokens: false })
    }
}

/// Whether this is a file of SQLite's, or may become one. The engine's own error speaks of encryption.
fn may_be_database(path: &Path) -> bool {
    const MAGIC: &[u8] = b"SQLite format 3\0";
    let mut begins = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut begins));
    // What is not there is made; what cannot be read the engine complains of.
    read.is_err() || begins.is_empty() || begins == MAGIC
}

/// Whether this is a database with something in it, and nothing of the engine's. Looking leaves no file beside it. What
/// cannot be looked into the engine complains of.
fn is_of_another_program(path: &Path) -> bool {
    // What is not there is made.
    let Ok(path) = path.canonicalize() else { return false };
    let Some(name) = path.to_str() else { return false };
    let is_shared = || Path::new(&format!("{name}-shm")).exists();
    if !is_shared() {
        // A look that keeps to SQLite's rules would make that file, and leave it. Nobody writes beside the database
        // now: it is read as it lies there, whatever else it has locked.
        let seen = look_into(name, "immutable=1");
        if let Ok(seen @ (DatabaseOwner::Engine | DatabaseOwner::Other)) = seen
            && !is_shared()
        {
            return seen == DatabaseOwner::Other;
        }
    }
    look_into(name, "mode=ro").is_ok_and(|seen| seen == DatabaseOwner::Other)
}

/// Whose a database is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DatabaseOwner {
    /// Nothing is in it, as far as it was looked into.
    Nobody,
    /// The engine, which may be at making its tables: `_config` is the first of them, `_tables` the second.
    Engine,
    Other,
}

fn look_into(name: &str, how: &str) -> rusqlite::Result<DatabaseOwner> {
    const COUNT: &str = "SELECT count(*), count(*) FILTER (WHERE name = '_tables'), \
        count(*) FILTER (WHERE tbl_name <> '_config') FROM sqlite_master";
    let name = name.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let database = Connection::open_with_flags(format!("file:{name}?{how}"), flags)?;
    database.busy_timeout(Duration::from_secs(5))?;
    let count = |row: &rusqlite::Row<'_>| Ok((row.get::<_, u32>(0)?, row.get::<_, u32>(1)?, row.get::<_, u32>(2)?));
    database.query_row(COUNT, [], count).map(|counted| match counted {
        (0, _, _) => DatabaseOwner::Nobody,
        (_, 0, others) if others > 0 => DatabaseOwner::Other,
        _ => DatabaseOwner::Engine,
    })
}

fn serve(database: &Database, waiting: &mpsc::Receiver<EngineCall>, lasting: bool) {
    let mut collected: Option<Instant> = None;
    for call in waiting {
        if let Some(response) = respond(perform(database, &call)) {
            // Whoever asked may have given up; the write stands, as it would on AWS.
            let _ = call.answer.send(response);
        }
        if lasting && collected.is_none_or(|at| at.elapsed() >= COLLECT_EVERY) {
            // Tombstones only: that it fails now and then (another process writes) costs nothing but space.
            let _ = database.sweep_ttl();
            collected = Some(Instant::now());
        }
    }
}

fn perform(database: &Database, asked: &EngineCall) -> Result<String, DynoxideError> {
    fn call<Q: serde::de::DeserializeOwned, A: serde::Serialize>(
        body: &[u8],
        call: impl FnOnce(Q) -> dynoxide::Result<A>,
    ) -> Result<String, DynoxideError> {
        let wrong = |e: serde_json::Error| DynoxideError::SerializationException(e.to_string());
        serde_json::to_string(&call(serde_json::from_slice(body).map_err(wrong)?)?).map_err(wrong)
    }
    let body = &asked.body;
    match asked.operation.as_str() {
        "GetItem" => call(body, |q| database.get_item(q)),
        "Query" => call(body, |q| database.query(q)),
        "PutItem" => call(body, |q| database.put_item(q)),
        "UpdateItem" => call(body, |q| database.update_item(q)),
        "DeleteItem" => call(body, |q| database.delete_item(q)),
        "TransactWriteItems" => call(body, |mut q: TransactWriteItemsRequest| {
            q.client_request_token = q.client_request_token.filter(|_| !asked.forgets_tokens);
            database.transact_write_items(q)
        }),
        "CreateTable" => call(body, |q| database.create_table(q)),
        "DescribeTable" => call(body, |q| database.describe_table(q)),
        "DescribeTimeToLive" => call(body, |q| database.describe_time_to_live(q)),
        "UpdateTimeToLive" => call(body, |q| database.update_time_to_live(q)),
        other => Err(DynoxideError::ValidationException(format!("{other} is not served by the embedded store"))),
    }
}

fn respond(result: Result<String, DynoxideError>) -> Option<HttpResponse> {
    let (status, body) = match result {
        Ok(body) => (200, body),
        Err(error) => (error.status_code(), error.to_json()),
    };
    let mut response = HttpResponse::new(status.try_into().ok()?, SdkBody::from(body));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    Some(response)
}

impl HttpConnector for Embedded {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Embedded { engine, forgets_tokens } = self.clone();
        HttpConnectorFuture::new(async move {
            let (answer, answered) = oneshot::channel();
            // `x-amz-target: DynamoDB_20120810.PutItem`
            let target = request.headers().get("x-amz-target").unwrap_or_default();
            let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
            let body = request.body().bytes().unwrap_or_default().to_vec();
            let gone = || ConnectorError::other("the embedded store has stopped".into(), None);
            engine.0.send(EngineCall { operation, body, forgets_tokens, answer }).map_err(|_| gone())?;
            answered.await.map_err(|_| gone())
        })
    }
}

impl HttpClient for Embedded {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
