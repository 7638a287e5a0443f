//! Requests to a table: how does it answer one? Sends the protocol's requests over the SDK and says what came of them.
//!
//! The SDK's own retries are off: it would repeat a write whose first copy may have happened, and hand back a
//! failed condition that the first copy caused. Here only what certainly did not happen is tried again.

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity::Total;
use leasehold_core::{
    HolderKey, Millis, Mutation, PoolName, Refusal, Reply, Request, Row, RowKey, Slot, Timestamp, Write,
};

use crate::clock::{Clock, SystemClock};
use crate::error::{ErrorContext, StoreError};
use crate::expressions::{self, QueryExpression, WriteExpression};
use crate::meter::Meter;
use crate::rows::{self, Item, RowError};
use crate::table_clock::TableClock;
use crate::table_time::WrongClock;
use crate::unreadable::row_or_unreadable;
use crate::verdict::{Verdict, verdict};
use crate::writes;

/// How often one request is sent at most, the first time included.
const TRIES: u32 = 4;

/// How often a reading that got no answer is sent at most: each may take [`ANSWER_WITHIN`].
const READ_TRIES_UNANSWERED: u32 = 2;

/// How often a request is sent at most whose signature is not believed. The SDK signs by this machine's clock until a
/// reply, the refusal itself if need be, has told it the table's: AWS believes no clock that is five minutes off.
const SIGNED_TRIES: u32 = 2;

/// The longest first pause between two tries; it doubles from try to try.
const PAUSE: Duration = Duration::from_millis(20);

/// How long one request may take. Far above DynamoDB's own slowest; without it a dead connection holds forever.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// How long a connection may take to open.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// One table, and whatever serves it. Clones share everything.
#[derive(Clone, Debug)]
pub struct Table(Arc<TableInner>);

#[derive(Debug)]
struct TableInner {
    client: Client,
    name: String,
    meter: Meter,
    clock: TableClock,
}

/// What came of one request.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestOutcome {
    /// What the protocol is told.
    pub reply: Reply,
    /// What a person should be told: where the reply is neither rows, written nor refused, and of one of the pool's own
    /// rows that makes no sense.
    pub trouble: Option<StoreError>,
}

impl Table {
    /// The table of this name, with the region, credentials and endpoint of `config`.
    pub fn new(config: &SdkConfig, name: impl Into<String>) -> Self {
        Table::from_builder(config::Builder::from(config), name)
    }

    /// As [`Table::new`], from the service's own configuration. Retries and timeouts in it are replaced.
    pub fn from_builder(config: config::Builder, name: impl Into<String>) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_WITHIN)
            .operation_attempt_timeout(ANSWER_WITHIN)
            .operation_timeout(ANSWER_WITHIN)
            .build();
        let clock = TableClock::default();
        let config = config.retry_config(RetryConfig::disabled()).timeout_config(timeouts).interceptor(clock.clone());
        let client = Client::from_conf(config.build());
        Table(Arc::new(TableInner { client, name: name.into(), meter: Meter::default(), clock }))
    }

    /// The table's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its region, if the client's configuration has one.
    pub fn region(&self) -> Option<&aws_sdk_dynamodb::config::Region> {
        self.client().config().region()
    }

    /// What was sent to it and what that used.
    pub fn meter(&self) -> &Meter {
        &self.0.meter
    }

    /// The table's time as far as its replies tell it, else this machine's.
    pub fn now(&self) -> Timestamp {
        self.time(SystemClock.now())
    }

    /// The table's time when a clock of this machine says `local`.
    pub fn time(&self, local: Timestamp) -> Timestamp {
        self.0.clock.time(local)
    }

    /// Whether an operation may be started now on what its replies told of its time, and that is right to within this.
    /// False until one came.
    pub(crate) fn knows_time(&self, within: Millis) -> bool {
        self.0.clock.is_fresh(within)
    }

    /// Has this told, once, that this machine's clock is wrong and by how much: as soon as a reply shows it. Only the
    /// first listener is.
    pub fn on_wrong_clock(&self, listener: impl Fn(WrongClock) + Send + Sync + 'static) {
        self.0.clock.on_wrong_clock(listener);
    }

    pub(crate) fn client(&self) -> &Client {
        &self.0.client
    }

    /// Sends one request to the pool of this prefix.
    ///
    /// Whatever goes wrong is a reply too; `trouble` then says it in words.
    pub async fn send(&self, prefix: &PoolName, request: &Request) -> RequestOutcome {
        let answered = match request {
            Request::Get(key) => match self.row(prefix, key).await {
                Ok(outcome) => return outcome,
                Err(failed) => Err(failed),
            },
            Request::Slots(from, to) => {
                // Slots are numbered with five digits.
                let last = Slot(to.0.min(99_999));
                let [first, last] = [*from, last].map(|slot| rows::sort(&RowKey::Slot(slot)));
                self.first(expressions::between(prefix, &first, &last), u32::MAX).await.map(|(rows, _)| slots(rows))
            }
            Request::Queue(most) => self.first(expressions::beginning(prefix, rows::WAITS), *most).await.map(queue),
            Request::Holders { group, after, limit } => match after.map_or(Some(0), |own| own.checked_add(1)) {
                Some(own) => {
                    let [from, to] =
                        [own, u128::MAX].map(|own| rows::sort(&RowKey::Holder(HolderKey { group: *group, own })));
                    self.first(expressions::between(prefix, &from, &to), *limit).await.map(holders)
                }
                None => Ok(Reply::Holders(Vec::new(), false)),
            },
            Request::Write(write) => self.write(prefix, write).await,
            Request::Transact(writes) => match &writes[..] {
                [] => Ok(Reply::Written),
                // Alone, a write costs half of what it costs in a transaction, and answers the same.
                [write] if write.mutation != Mutation::Check => self.write(prefix, write).await,
                writes => self.transact(prefix, writes).await,
            },
        };
        match answered {
            Ok(reply) => RequestOutcome { reply, trouble: None },
            Err(failed) => {
                let reply = match &failed {
                    RequestError::Sdk(Verdict::Conflict(_)) => Reply::Conflict,
                    RequestError::Sdk(Verdict::Throttled(_)) => Reply::Throttled,
                    RequestError::Sdk(Verdict::Unknown(_)) if !request.writes().is_empty() => Reply::Unknown,
                    _ => Reply::Unavailable,
                };
                RequestOutcome { reply, trouble: Some(failed.into_store_error(self, error_context(prefix, request))) }
            }
        }
    }

    /// One of the pool's rows as it is, or was within about the last second: at half the price of a [`Request::Get`]. For
    /// whoever looks again and again.
    ///
    /// # Errors
    /// What the table's answer was, or [`StoreError::BadRow`].
    pub async fn glance(&self, prefix: &PoolName, key: RowKey) -> Result<Option<Row>, StoreError> {
        let wrong = |failed: RequestError| failed.into_store_error(self, error_context(prefix, &Request::Get(key)));
        let item = self.get_as(ReadMode::Eventual, prefix, &key).await.map_err(wrong)?;
        item.as_ref().map(row).transpose().map_err(wrong)
    }

    async fn get(&self, prefix: &PoolName, key: &RowKey) -> Result<Option<Item>, RequestError> {
        self.get_as(ReadMode::Consistent, prefix, key).await
    }

    async fn get_as(&self, mode: ReadMode, prefix: &PoolName, key: &RowKey) -> Result<Option<Item>, RequestError> {
        let get = self.client().get_item().table_name(self.name());
        let get = get.consistent_read(mode == ReadMode::Consistent).return_consumed_capacity(Total);
        let get = get.set_key(Some(rows::key(prefix, key)));
        let got =
            self.repeat(RequestKind::Read, || async { get.clone().send().await.map_err(|e| verdict(&e)) }).await?;
        self.meter().read(got.consumed_capacity());
        Ok(got.item)
    }

    /// One row. A pool's own row that makes no sense is one too, and trouble besides.
    async fn row(&self, prefix: &PoolName, key: &RowKey) -> Result<RequestOutcome, RequestError> {
        let Some(item) = self.get(prefix, key).await? else {
            return Ok(RequestOutcome { reply: Reply::Row(None), trouble: None });
        };
        let (row, wrong) = row_or_unreadable(&item).map_err(RequestError::Row)?;
        let context = || error_context(prefix, &Request::Get(*key));
        let trouble = wrong.map(|wrong| RequestError::Row(wrong).into_store_error(self, context()));
        Ok(RequestOutcome { reply: Reply::Row(Some(row)), trouble })
    }

    /// The first rows of a query, at most so many; and whether there are more.
    async fn first(&self, sought: QueryExpression, most: u32) -> Result<(Vec<Row>, bool), RequestError> {
        let most = most as usize;
        // One more than asked for: only a row proves that there is one.
        let items = self.query(ReadMode::Consistent, sought, most + 1).await?;
        let more = items.len() > most;
        let rows = items.iter().take(most).map(row).collect::<Result<_, _>>()?;
        Ok((rows, more))
    }

    /// The first items of a query, at most so many, over as many pages as it takes.
    pub(crate) async fn query(
        &self,
        mode: ReadMode,
        sought: QueryExpression,
        most: usize,
    ) -> Result<Vec<Item>, RequestError> {
        let index = if let ReadMode::Index(name) = mode { Some(name) } else { None };
        let query = self.client().query().table_name(self.name()).return_consumed_capacity(Total);
        let query = query.set_index_name(index.map(Into::into)).consistent_read(mode == ReadMode::Consistent);
        let query = query.key_condition_expression(sought.key_condition);
        let query = query.set_expression_attribute_names(sought.terms.names());
        let query = query.set_expression_attribute_values(sought.terms.values());
        let mut items = Vec::new();
        let mut from: Option<Item> = None;
        loop {
            let left = i32::try_from(most - items.len()).ok();
            let page = query.clone().set_limit(left).set_exclusive_start_key(from.take());
            let page =
                self.repeat(RequestKind::Read, || async { page.clone().send().await.map_err(|e| verdict(&e)) }).await?;
            self.meter().read(page.consumed_capacity());
            items.extend(page.items.unwrap_or_default());
            from = page.last_evaluated_key.filter(|key| !key.is_empty());
            if from.is_none() || items.len() >= most {
                return Ok(items);
            }
        }
    }

    async fn write(&self, prefix: &PoolName, write: &Write) -> Result<Reply, RequestError> {
        let mut written = self.put(expressions::write(prefix, write)).await;
        if let Err(Verdict::Refused(refused)) = &mut written {
            // Either there is no row, or the engine is one that brings none back with a write that is alone (before July 2023).
            for item in refused.iter_mut().flatten().filter(|item| item.is_none()) {
                *item = self.get(prefix, &write.key).await?;
            }
        }
        self.refusals(written)
    }

    async fn transact(&self, prefix: &PoolName, writes: &[Write]) -> Result<Reply, RequestError> {
        let said = writes.iter().map(|write| expressions::write(prefix, write)).collect();
        self.refusals(self.put_all(said).await)
    }

    fn refusals(&self, written: Result<(), Verdict>) -> Result<Reply, RequestError> {
        match written {
            Ok(()) => Ok(Reply::Written),
            Err(Verdict::Refused(writes)) => {
                let refusal = |write: Option<Option<Item>>| match write {
                    None => Ok(Refusal::Passed),
                    Some(None) => Ok(Refusal::Failed(None)),
                    Some(Some(item)) => {
                        Ok(Refusal::Failed(Some(row_or_unreadable(&item).map_err(RequestError::Row)?.0)))
                    }
                };
                Ok(Reply::Refused(writes.into_iter().map(refusal).collect::<Result<_, RequestError>>()?))
            }
            Err(verdict) => Err(RequestError::Sdk(verdict)),
        }
    }

    /// One write, alone.
    pub(crate) async fn put(&self, said: WriteExpression) -> Result<(), Verdict> {
        let (client, name) = (self.client(), self.name());
        let written = self.repeat(RequestKind::Write, || writes::alone(client, name, said.clone())).await?;
        self.meter().written(written.as_slice());
        Ok(())
    }

    /// Several writes, all or nothing.
    pub(crate) async fn put_all(&self, said: Vec<WriteExpression>) -> Result<(), Verdict> {
        let items = said.into_iter().map(|said| writes::together(self.name(), said)).collect::<Result<_, _>>();
        let items = items.map_err(|e| Verdict::Rejected(e.to_string()))?;
        let transaction = self.client().transact_write_items().return_consumed_capacity(Total);
        let transaction = transaction.set_transact_items(Some(items));
        let written = self
            .repeat(RequestKind::Write, || async { transaction.clone().send().await.map_err(|e| verdict(&e)) })
            .await?;
        self.meter().written(written.consumed_capacity());
        Ok(())
    }

    /// Sends until there is an answer that trying again would not better.
    pub(crate) async fn repeat<T, F>(&self, kind: RequestKind, send: impl Fn() -> F) -> Result<T, Verdict>
    where
        F: Future<Output = Result<T, Verdict>>,
    {
        let mut tries = 0;
        loop {
            let answer = send().await;
            tries += 1;
            self.count(kind, answer.as_ref().err());
            let verdict = match answer {
                Ok(done) => return Ok(done),
                Err(verdict) => verdict,
            };
            let again = match (&verdict, kind) {
                (Verdict::Throttled(_) | Verdict::Conflict(_), _) => tries < TRIES,
                (Verdict::Unsigned(_), _) => tries < SIGNED_TRIES,
                (Verdict::Unknown(_), RequestKind::Read) => tries < READ_TRIES_UNANSWERED,
                _ => false,
            };
            if !again {
                return Err(verdict);
            }
            // Full jitter: anywhere up to a bound that doubles, so that callers who collided spread.
            let most = PAUSE.saturating_mul(1 << tries);
            tokio::time::sleep(most.mul_f64(fastrand::f64())).await;
        }
    }

    fn count(&self, kind: RequestKind, verdict: Option<&Verdict>) {
        self.meter().add(|used| {
            match kind {
                RequestKind::Read => used.reads += 1,
                RequestKind::Write => used.writes += 1,
            }
            match verdict {
                Some(Verdict::Refused(writes)) => used.refused += writes.len() as u64,
                Some(Verdict::Conflict(_)) => used.conflicts += 1,
                Some(Verdict::Throttled(_)) => used.throttled += 1,
                _ => {}
            }
        });
    }

    /// What did not work, in words.
    pub(crate) fn store_error(&self, context: ErrorContext, verdict: Verdict) -> StoreError {
        let table = self.name().to_owned();
        match verdict {
            Verdict::Missing => StoreError::TableMissing { context, table },
            Verdict::Denied(why) | Verdict::Unsigned(why) => StoreError::Denied { context, table, why },
            Verdict::Rejected(why) => StoreError::Rejected { context, table, why },
            Verdict::Conflict(why) | Verdict::Throttled(why) => StoreError::Throttled { context, table, why },
            Verdict::Unknown(why) => StoreError::NoAnswer { context, table, why },
            Verdict::Refused(_) => StoreError::Rejected { context, table, why: "a condition failed".into() },
        }
    }
}

/// Where a query reads, and how recent what it finds is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadMode {
    /// The table as it is now.
    Consistent,
    /// The table as it is or was within about the last second, at half the price.
    Eventual,
    /// An index, which follows the table.
    Index(&'static str),
}

/// Whether a request reads or writes: what is safe to repeat, and how it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestKind {
    Read,
    Write,
}

/// A request without a reply: the SDK's error, or a row that makes no sense.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum RequestError {
    Sdk(Verdict),
    Row(RowError),
}

impl RequestError {
    /// In words.
    pub(crate) fn into_store_error(self, table: &Table, context: ErrorContext) -> StoreError {
        match self {
            RequestError::Sdk(verdict) => table.store_error(context, verdict),
            RequestError::Row(row) => StoreError::BadRow { context, table: table.name().into(), row: Box::new(row) },
        }
    }
}

impl From<Verdict> for RequestError {
    fn from(verdict: Verdict) -> Self {
        RequestError::Sdk(verdict)
    }
}

pub(crate) fn row(item: &Item) -> Result<Row, RequestError> {
    rows::row(item).map(|(_, row)| row).map_err(RequestError::Row)
}

// The sort key a row was found under decides its kind, so nothing is dropped here.

fn slots(rows: Vec<Row>) -> Reply {
    Reply::Slots(rows.into_iter().filter_map(|row| if let Row::Slot(row) = row { Some(row) } else { None }).collect())
}

fn queue((rows, more): (Vec<Row>, bool)) -> Reply {
    let waits = rows.into_iter().filter_map(|row| if let Row::Wait(row) = row { Some(row) } else { None });
    Reply::Queue(waits.collect(), more)
}

fn holders((rows, more): (Vec<Row>, bool)) -> Reply {
    let holders = rows.into_iter().filter_map(|row| if let Row::Holder(row) = row { Some(row) } else { None });
    Reply::Holders(holders.collect(), more)
}

fn error_context(prefix: &PoolName, request: &Request) -> ErrorContext {
    let what = match request {
        Request::Get(key) => format!("reading the row {:?}", rows::sort(key)),
        Request::Slots(..) => "reading the slots".into(),
        Request::Queue(_) => "reading the queue".into(),
        Request::Holders { .. } => "reading the holders of an execution".into(),
        Request::Write(write) => format!("writing the row {:?}", rows::sort(&write.key)),
        Request::Transact(writes) => {
            let keys: Vec<_> = writes.iter().map(|write| format!("{:?}", rows::sort(&write.key))).collect();
            format!("writing the rows {}", keys.join(", "))
        }
    };
    ErrorContext(format!("{what} of pool {prefix}"))
}
