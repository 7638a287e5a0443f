//! The protocol's requests on DynamoDB's API: who sends them, and what became of them?
//!
//! A [`Table`] sends the requests of `leasehold-core` and brings their replies; a [`Runner`] runs whole operations on
//! it. [`create_table`] makes a table; [`list_pools`] lists the pools in it, [`look()`] shows one, [`examine()`] reads all of one
//! for a diagnosis.
//! With the feature `embedded`, [`Embedded`] serves the same API from this process, in memory or on a file; with
//! `tasks`, waiting tasks of Step Functions are told.
//!
//! An outcome that nobody knows is reported as unknown and never guessed; whatever goes wrong is a
//! [`StoreError`] that says what was tried, on which table, and what to do next.
//!
//! ```
//! use leasehold_core::{AcquireOutcome, AcquireRequest, Author, ExpectedSettings, Holder, Mode, PoolPatch, SetPool};
//! use leasehold_store::{Embedded, Runner, create_table};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let table = Embedded::memory()?.table("leases");
//! create_table(&table).await?;
//! let prefix = "analytics".parse()?;
//! let runner = Runner::new(table);
//! let patch = PoolPatch { limit: Some(15.try_into()?), ..PoolPatch::default() };
//! runner.administer(&prefix, SetPool { patch, by: Author::new("ann", "a test"), expected: ExpectedSettings::Any }).await?;
//!
//! let holder = Holder::new("any stable id", "", None)?;
//! let request = AcquireRequest { holder, attempt: None, mode: Mode::Poll, lease: None, wait: None, label: None };
//! assert!(matches!(runner.run_on(&prefix, request).await?, AcquireOutcome::Acquired(_)));
//! # Ok(()) }
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(example()).unwrap();
//! ```

mod clock;
mod create;
mod directory;
#[cfg(feature = "embedded")]
mod embedded;
mod error;
mod examine;
mod expressions;
mod history;
pub mod https;
mod look;
mod meter;
mod own_rows;
pub mod rows;
mod run;
mod settings_cache;
mod table;
mod table_clock;
mod table_shape;
mod table_time;
#[cfg(feature = "tasks")]
mod tasks;
mod unreadable;
mod verdict;
mod writes;

pub use clock::{Clock, SystemClock};
pub use create::{TABLE_SHAPE, TableCreated, create_table};
pub use directory::{Directory, ListedPool, directory, list_pools, pool_names};
#[cfg(feature = "embedded")]
pub use embedded::Embedded;
pub use error::{ErrorContext, RunError, StoreError};
pub use examine::{PoolExamination, examine};
pub use history::{NotedChanges, UnreadableChanges, history};
pub use look::{PoolLook, look};
pub use meter::{Meter, MeterReading};
pub use own_rows::limit_rows;
pub use rows::EDITION_SPOKEN as EDITION;
pub use rows::{RowError, WrongRow};
pub use run::{ExecutionStatusSource, NoCallbacks, Notifier, Performed, Runner};
pub use settings_cache::{SETTINGS_FRESH_FOR, SettingsCache};
pub use table::{RequestOutcome, Table};
pub use table_shape::{DIRECTORY_KEYS, IndexShape, KEYS, TableShape, table_shape, time_to_live};
pub use table_time::WrongClock;
#[cfg(feature = "tasks")]
pub use tasks::{
    BestEffortNotifier, DeliveryReport, send_callback, step_functions_client, step_functions_client_from,
    step_functions_error,
};
pub use unreadable::shown_attribute;
