//! The builder of a client: which table, as whom, and who is told of what happens?

use std::path::Path;
use std::sync::Arc;

use aws_config::SdkConfig;
use leasehold_core::{Holder, InvalidValue};
use leasehold_store::{NoCallbacks, Runner, SystemClock, Table, https};
use tokio::sync::watch;

use crate::client::Client;
use crate::connection::{Connection, Observer, TaskNotifier};
use crate::error::Error;
use crate::event::Event;

/// The table's name where none is given: that of the Terraform module and the commands.
pub const DEFAULT_TABLE: &str = "regional-concurrency-leases";

/// What a [`Client`] is made of.
#[derive(Default)]
#[must_use = "nothing is made until `build`"]
pub struct ClientBuilder {
    table: Option<String>,
    config: Option<SdkConfig>,
    store: Option<Table>,
    owner: Option<String>,
    observer: Option<Observer>,
}

impl ClientBuilder {
    /// The table's name, or its ARN if it is another account's [default: [`DEFAULT_TABLE`]].
    pub fn table(mut self, name: impl Into<String>) -> Self {
        self.table = Some(name.into());
        self
    }

    /// Region, credentials and endpoint, as the AWS SDK's configuration has them. Its retries and timeouts are not used: what
    /// may be repeated, and how long it may take, is the protocol's.
    pub fn config(mut self, config: &SdkConfig) -> Self {
        self.config = Some(config.clone());
        self
    }

    /// A table that is there already, instead of a name and a configuration: that of the embedded engine, for tests.
    pub fn on(mut self, table: Table) -> Self {
        self.store = Some(table);
        self
    }

    /// Who holds the leases, for people [default: the program's name]. Each lease adds the process's number and a random part
    /// to it, unless it has an [attempt](crate::Acquire::attempt).
    pub fn owner(mut self, name: impl Into<String>) -> Self {
        self.owner = Some(name.into());
        self
    }

    /// Is told what happens in the background: for a log. It must not block.
    ///
    /// ```
    /// # let builder = leasehold::Client::builder();
    /// builder.on_event(|event| eprintln!("leasehold: {event}"));
    /// ```
    pub fn on_event(mut self, observer: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Makes it. Nothing is sent: [`Client::check`] finds out whether it can be used.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the owner is empty or too long, or neither a configuration nor a table is given.
    pub fn build(self) -> Result<Client, Error> {
        let owner = self.owner.unwrap_or_else(program);
        // Room for what each lease adds.
        Holder::new(&owner, "", None)?;
        if owner.len() > 900 {
            return Err(InvalidValue { what: "owner", got: owner, expected: "at most 900 bytes" }.into());
        }
        let config = self.config.map(|config| match config.http_client() {
            Some(_) => config,
            // The SDK's own client is compiled out below.
            None => config.into_builder().http_client(https::client()).build(),
        });
        let table = match (self.store, &config) {
            (Some(table), _) => table,
            (None, Some(config)) => Table::new(config, self.table.unwrap_or_else(|| DEFAULT_TABLE.into())),
            (None, None) => {
                let (what, expected) = ("client", "config(...) with an SDK configuration, or on(...) with a table");
                return Err(InvalidValue { what, got: "neither".into(), expected }.into());
            }
        };
        let notifier = notifier(config.as_ref());
        let runner = Runner::with(table, notifier, NoCallbacks, SystemClock);
        if let Some(observer) = self.observer.clone() {
            runner.table().on_wrong_clock(move |wrong| observer(&Event::WrongClock(wrong)));
        }
        let endings = Arc::new(watch::Sender::new(0));
        Ok(Client::of(Connection { runner, owner, observer: self.observer, endings }))
    }
}

impl Client {
    /// What a client is made of.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// A client of a table in this process's memory, with these pools and their limits: for tests, and for trying things out.
    /// Its clones share the table; another call makes another.
    ///
    /// # Errors
    /// [`Error::Invalid`] where a name or a limit makes no sense; [`Error::Table`] where the engine does not start.
    #[cfg(feature = "embedded")]
    pub async fn in_memory(pools: &[(&str, u32)]) -> Result<Client, Error> {
        use leasehold_core::{Author, ExpectedSettings, PoolPatch, SetPool};
        use leasehold_store::{Embedded, create_table};

        use crate::connection::IntoPool;

        let table = Embedded::memory()?.table(DEFAULT_TABLE);
        create_table(&table).await?;
        let client = Client::builder().on(table).build()?;
        for (pool, limit) in pools {
            let pool = pool.into_pool()?;
            let patch = PoolPatch { limit: Some(u64::from(*limit).try_into()?), ..PoolPatch::default() };
            let by = Author::new(program(), "");
            let set = SetPool { patch, expected: ExpectedSettings::Any, by };
            let set = client.connection().runner.administer(&pool, set).await;
            set.map_err(|error| error.explain(client.table().name(), &pool, "making"))?;
        }
        Ok(client)
    }
}

#[cfg(feature = "tasks")]
fn notifier(config: Option<&SdkConfig>) -> TaskNotifier {
    let notifier = |config| leasehold_store::BestEffortNotifier::new(leasehold_store::step_functions_client(config));
    config.map_or(TaskNotifier::BySweep, |config| TaskNotifier::AtOnce(notifier(config)))
}

#[cfg(not(feature = "tasks"))]
fn notifier(_: Option<&SdkConfig>) -> TaskNotifier {
    TaskNotifier::BySweep
}

/// The program's name, as far as it is known.
fn program() -> String {
    let path = std::env::args_os().next().unwrap_or_default();
    let name = Path::new(&path).file_stem().map(|name| name.to_string_lossy().into_owned());
    name.filter(|name| !name.is_empty() && name.len() <= 200).unwrap_or_else(|| "rust".into())
}

impl std::fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("ClientBuilder");
        shown.field("table", &self.table).field("owner", &self.owner).finish_non_exhaustive()
    }
}
