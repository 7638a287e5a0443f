#![doc = "The protocol's requests on DynamoDB's API."]
//!
//! A [`Table`] sends the requests of `leasehold-core` and brings their replies; a [`Runner`] runs whole operations
//! on it. [`create`] makes tables and pools, [`directory`] lists them, [`look`] shows one. With the feature `embedded`,
//! [`Embedded`] serves the same API from this process, in memory or on a file; with `tasks`, waiting tasks of Step
//! Functions are told.
//!
//! An outcome that nobody knows is reported as unknown and never guessed; whatever goes wrong is a
//! [`StoreError`] that says what was tried, on which table, and what to do next.
//!
//! ```
//! use leasehold_core::{acquire::{Ask, Mode}, machine::{Operation, Outcome}, nouns::Holder};
//! use leasehold_core::table::PoolRow;
//! use leasehold_store::{Embedded, Runner, create};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let table = Embedded::memory()?.table("leases");
//! create::create(&table).await?;
//! let prefix = "analytics".parse()?;
//! let (lowered, lease, grace, quiet) = (None, None, None, None);
//! let (longest_wait, longest_hold, sweep_every) = (None, None, None);
//! let limit = 15.try_into()?;
//! let pool = PoolRow { limit, lowered, lease, grace, quiet, longest_wait, longest_hold, sweep_every };
//! create::set_pool(&table, &prefix, &pool, None).await?;
//!
//! let holder = Holder::new("any stable id", "", None)?;
//! let ask = Ask { holder, attempt: None, mode: Mode::Poll, lease: None, wait: None, label: None };
//! let ran = Runner::new(table).run_on(&prefix, Operation::Acquire(ask)).await?;
//! assert!(matches!(ran.outcome, Outcome::Acquired(_)));
//! # Ok(()) }
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(example()).unwrap();
//! ```

pub mod create;
pub mod directory;
#[cfg(feature = "embedded")]
pub mod embedded;
pub mod error;
mod expressions;
pub mod look;
pub mod meter;
pub mod rows;
pub mod run;
pub mod table;
#[cfg(feature = "tasks")]
pub mod tasks;
mod verdict;
mod writes;

#[cfg(feature = "embedded")]
pub use embedded::Embedded;
pub use error::StoreError;
pub use meter::{Meter, Used};
pub use run::Runner;
pub use table::{Sent, Table};
