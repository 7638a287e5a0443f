//! Leases for Rust services: how does a process hold one of a limited number of places, and know when it no longer does?
//!
//! At most so many at once, over all processes, machines and workflows that share one DynamoDB table: calls of a fragile
//! API, jobs on a database, builds, imports. A [`Client`] waits for its turn in a fair queue; a [`Lease`] renews itself,
//! tells at once when it is lost, and is given back when it is dropped.
//!
//! ```
//! use leasehold::Client;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), leasehold::Error> {
//!     // In memory (feature `embedded`), with a pool that lets two in. On AWS: see below.
//!     let client = Client::in_memory(&[("reports", 2)]).await?;
//!
//!     let lease = client.acquire("reports").await?; // Waits for its turn.
//!     println!("on slot {} with fence {}", lease.slot(), lease.fence());
//!     lease.release().await?; // Dropping it would do, too.
//!
//!     // Or all in one: given back however the work ends, and stopped if the lease is lost.
//!     let slot = client.with("reports", |lease| async move { lease.slot() }).await?;
//!     assert!(slot < 2, "it is one of the two: which one is drawn");
//!     Ok(())
//! }
//! ```
//!
//! On AWS, with the SDK's configuration as usual (`leasehold table create` and `leasehold pool set reports --limit 2`, or
//! the Terraform modules, make the table and the pool):
//!
//! ```no_run
//! # async fn example() -> Result<(), leasehold::Error> {
//! let config = leasehold::aws_config_loader().load().await;
//! let client = leasehold::Client::builder()
//!     .table("regional-concurrency-leases")
//!     .config(&config)
//!     .owner("report-service")
//!     .on_event(|event| eprintln!("{event}"))
//!     .build()?;
//! client.check("reports").await?; // Better now than at the first request.
//! # Ok(()) }
//! ```
//!
//! It needs `dynamodb:GetItem`, `Query`, `PutItem`, `UpdateItem` and `DeleteItem` on the table, which can be kept to single
//! pools (`dynamodb:LeadingKeys`, `LEASES#<pool>`); and `states:SendTaskSuccess` and `SendTaskFailure` where workflows wait
//! in the same pools. Terraform's module `pool` has that policy as its output `run_policy_json`.
//!
//! # What is promised
//!
//! - **The limit.** No more than a pool's limit hold a lease at the same time, whatever dies, repeats itself or is late. A
//!   lease is another's at the earliest a *grace* after its end, and [`Lease::lost`](LeaseHandle::lost) resolves here by its
//!   end.
//! - **The order.** Who comes first is served first; those who come within a grace of each other may swap.
//! - **Errors are never a grant.** What is not known to be granted is not granted.
//! - **No lease outlives its holder for longer than it must.** Dropped, by a return, a panic or a cancelled task, it is
//!   given back at once, in the background. So is the place in the queue of a future that is dropped, even in the middle
//!   of a grant. A process that dies keeps its slot until the lease's end and the grace. One that dies while it waits delays
//!   the next one by a short first lease (six seconds) and the grace.
//! - **Clocks may be wrong**: the table's time counts, as its replies tell it.
//!
//! # What is not
//!
//! - **A holder that has lost its lease is not stopped.** Watch [`lost`](LeaseHandle::lost) or use [`Acquire::with`], which
//!   drops the work at its next `.await`; code that blocks, or a request that was sent, goes on. Where that matters, let
//!   whoever is written to refuse what carries an older [fence](LeaseHandle::fence) of the same slot, or call
//!   [`renew`](LeaseHandle::renew) right before.
//! - **A runtime that shuts down gives nothing back.** Await [`Client::settled`] before; else the lease ends by itself.
//! - **A lease does not survive its process.** Another attempt of the same work takes it over at once if both are
//!   [numbered](Acquire::attempt).
//! - **It is not quick.** A lease takes about six requests from its first to its last. One that is waited for is noticed
//!   within 2.5 seconds of its grant. It is for work of seconds and more.
//!
//! # Errors, and what to do
//!
//! | [`Error`] | what happened | what to do |
//! |---|---|---|
//! | [`NoLease`](Error::NoLease) | no slot was free within the patience | try again later; as a service, answer 503 |
//! | [`Lost`](Error::Lost) | the lease was lost before its work was done | take the work for failed, unless fences guard it |
//! | [`Table`](Error::Table) | the table or the pool cannot be used | what its words say; again later if [it may pass](Error::may_pass) |
//! | [`Superseded`](Error::Superseded) | a later numbered attempt has this work | nothing |
//! | [`GivenUp`](Error::GivenUp) | you said to stop waiting | nothing |
//! | [`Invalid`](Error::Invalid) | a name or a length makes no sense | mend the program |
//!
//! # Features
//!
//! `tasks` (default): workflows of Step Functions that wait in the same pool are told at once when a slot is given to them,
//! and not by the next sweep. `embedded`: [`Client::in_memory`], and the engine below it.

mod acquire;
mod builder;
mod cancellation;
mod client;
mod closure;
mod connection;
mod error;
mod event;
mod fallback_sweeper;
mod keeper;
mod lease;
mod lease_timer;
mod pauses;
mod reopening;
mod wait;

pub use acquire::{Acquire, Acquiring};
pub use builder::{ClientBuilder, DEFAULT_TABLE};
pub use client::{Client, SETTINGS_FOLLOWED_WITHIN};
pub use connection::IntoPool;
pub use error::{Error, Loss};
pub use event::Event;
pub use lease::{Lease, LeaseHandle};

pub use leasehold_core::{InvalidValue, LeaseId, PoolName};
#[cfg(feature = "embedded")]
pub use leasehold_store::Embedded;
pub use leasehold_store::{StoreError, Table, WrongClock, create_table, https::loader as aws_config_loader};
