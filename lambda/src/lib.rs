//! The lease manager: what does the Lambda that serves one pool do?
//!
//! An event comes in; [`LeaseManager::handle`] carries out what it asks for on the pool's rows, tells the tasks that
//! were granted a lease meanwhile, and gives an answer or a failure by name. No rule of the protocol is here, and
//! nothing of the JSON contract: both are `leasehold-core`'s.
//!
//! # What it writes
//!
//! One JSON line for each invocation: what was asked, what came of it, and the metrics in CloudWatch's embedded metric
//! format, under the dimensions `service` and `prefix`. A line less grave than `LEASE_LOG_LEVEL` carries the metrics
//! alone. Whatever needed a request of its own to be known is not measured. A metric that is not there was zero,
//! apart from those that only some calls know.
//!
//! | metric | what it counts |
//! |---|---|
//! | `LeaseGranted` | leases put on a slot: claimed, handed over, or given anew to a newer attempt. A repeat that is told the same lease again counts nothing |
//! | `LeaseWait` | answers `wait`: a poll that found the pool full |
//! | `LeaseQueued` | answers `queued`, also to a repeat |
//! | `LeaseReleased` | leases given back: by their holders, or because their execution has ended |
//! | `LeaseExpired` | releases that came too late: they found nothing (also a repeated one), or a lease that had expired, where that was read |
//! | `LeaseReclaimed` | expired leases that were taken from their holders |
//! | `LeaseLost` | calls that failed with `LeaseLost` |
//! | `WorkOutlastedLease` | leases whose work went on after their end, so that more may have worked than the limit: releases that found their lease gone after the time that they were told of (`expires_at_ms` in the event), and leases at the end of the pool's longest hold whose execution runs, as a sweep saw |
//! | `ExtensionsMissed` | leases of executions that a sweep could have extended and did not, as it was not known in time whether these run; no later sweep comes in time |
//! | `WaitsForAncestor` | waiters of a pool of which every slot is held by executions that started those who wait (`parent` in the event), as far as a call saw all slots anyway: a sweep, the first of a queue, and who polls a limit up to 16. The log's note `HeldByAncestor` names one of them and who holds |
//! | `WaiterGone` | callbacks that found their task closed |
//! | `NoticeRefused` | callbacks that were refused for good: nobody can be told until a person mends a permission or a key |
//! | `Sweeps` | sweeps that did not fail: where there is none for some time, nothing puts the pool in order |
//! | `TableConflict` | requests that met another transaction at work, after the store's own tries |
//! | `ClockCorrected` | 1 if the table's replies showed that the machine's clock is wrong by more than a second, told once by each environment; the table's time is used |
//! | `Errors` | 1 if the invocation failed, else 0: always there, so that its average is the share of failures |
//! | `ColdStart` | first invocations of an environment |
//! | `WaitTime` | ms from joining the queue to the grant, one value for each lease granted in queue mode; 0 for one that was claimed at once. Who polls leaves no row behind, so that how long it asked is not known |
//! | `HoldTime` | ms from the grant to the release, one value for each lease given back that was read before, or whose release says when it was acquired (`acquired_at_ms` and `expires_at_ms` in the event, as the states send them) |
//! | `Held`, `Waiting` | leases that have not expired, and waiters (up to 100), as a sweep or a status counted them |
//! | `OldestWait` | ms that the first in the queue has waited, counted with them; 0 if nobody waits |
//! | `Settling` | ms until a lowered limit is settled, counted with them: until then fewer slots may be had; no data if none settles |
//!
//! CloudWatch takes those that `LEASE_METRICS` names (all, unless it is set); the line has the values of the others as well.
//!
//! A write whose reply was lost counts nowhere, though it may have happened.

mod account;
mod config;
mod executions;
mod failure;
mod metrics;
mod notifier;
mod record;
mod serve;

pub use config::{Config, LogLevel, MetricChoice, Misconfigured, Reporting};
pub use failure::InvocationFailure;
pub use record::{InvocationRecord, SERVICE};
pub use serve::{Handled, Invocation, InvocationEvent, LeaseManager};
