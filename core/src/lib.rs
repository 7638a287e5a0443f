//! The lease protocol as a pure state machine: who may hold a lease, and who is told what?
//!
//! This crate never does I/O, reads a clock, draws a random number, logs, sleeps or waits. What is asked of a pool is an
//! [`Operation`]: start it, perform the effects of the [`Step`] it gives, resume its [`Machine`] with the [`Replies`],
//! until it is done. Each operation has an outcome of its own, and all share one [`Failure`]. The same code runs in the
//! Lambda, in the commands, in the browser and under the checker of `leasehold-sim`, which tries every order of every
//! request with every fault.
//!
//! | what is asked | by | comes to |
//! |---|---|---|
//! | a lease | [`AcquireRequest`] | [`AcquireOutcome`] |
//! | to give one back, or leave the queue | [`ReleaseTarget`] | [`Released`] |
//! | to keep one longer | [`RenewRequest`] | [`Renewed`] |
//! | to put the pool in order | [`SweepRequest`] | [`Tally`] |
//! | to free what an ended execution has | [`ExecutionEnded`] | [`ExecutionFreed`] |
//! | to give back all that an execution has | [`ReleaseAll`] | [`ExecutionFreed`] |
//! | how the pool looks | [`StatusRequest`] | [`Snapshot`] |
//! | another limit for now | [`SetLimit`] | [`SetLimitOutcome`] |
//! | the end of that | [`EndOverride`] | [`EndOverrideOutcome`] |
//! | other settings, or a new pool | [`SetPool`] | [`SetPoolOutcome`] |
//! | to retire the pool | [`RetirePool`] | [`PoolRetired`] |
//! | to put one row right | [`Repair`] | [`Repaired`] |
//!
//! [`diagnosis`] says what is wrong with a pool's rows. [`contract`] is the lease manager's JSON; [`occupancy`] turns rows
//! into what a person is shown; [`AncestorWatch`] sees a deadlock of executions that wait for each other.

mod acquire;
mod any_operation;
mod backoff;
pub mod contract;
mod deliver;
pub mod diagnosis;
mod end_override;
mod execution_ended;
mod failure;
mod harmless;
mod held_by_ancestors;
mod history;
mod limit;
mod long_leases;
pub mod occupancy;
mod operation;
mod plan;
mod pool_settings;
mod reads;
mod release;
mod renew;
mod repair;
mod request;
mod retire_pool;
mod rows;
mod set_limit;
mod settings;
mod settle;
mod status;
mod sweep;
mod tally;
mod time;
mod types;
mod writes;

pub use acquire::{Acquire, AcquireOutcome, AcquireRequest, Mode, RetryAdvice};
pub use any_operation::{AnyMachine, AnyOperation, AnyOutcome};
pub use end_override::{EndOverride, EndOverrideOutcome, OverrideEnding};
pub use execution_ended::{ExecutionEnded, ExecutionFreed, FreeExecution, ReleaseAll};
pub use failure::{Failure, LossReason};
pub use harmless::{harmless, harmless_json, is_harmless};
pub use held_by_ancestors::{AncestorWatch, HeldByAncestors};
pub use history::{Author, HistoryKey, HistoryRow, NOTED, NoSettingChanges, PoolChange, SettingChange, SettingChanges};
pub use limit::{ExpectedOverride, LimitChanged, LimitRows, LimitSuperseded};
pub use operation::{
    Delivery, Effect, EffectReply, ExecutionStatus, FailureReason, InFlight, Machine, Operation, Replies, Step,
    TaskCallback, TaskResult,
};
pub use pool_settings::{ExpectedSettings, PoolSetting, SetPool, SetPoolOutcome};
pub use release::{Release, ReleaseTarget, Released};
pub use renew::{Renew, RenewRequest, Renewed};
pub use repair::{Repair, Repaired, Repairing};
pub use request::{Condition, Guard, Intent, LeaseSpan, Mutation, Opening, Refusal, Reply, Request, Write};
pub use retire_pool::{PoolRetired, PoolRetiring, RetirePool};
pub use rows::{
    Held, HighWaterRow, HolderRow, HolderState, LiveRow, Lowered, Lowering, NEWER_EDITION, Notice, OverrideRow,
    PoolPatch, PoolRow, Row, RowKey, SettingsRow, SlotRow, SummaryRow, Unreadable, WaitRow,
};
pub use set_limit::{LimitOverriding, SetLimit, SetLimitOutcome};
pub use settings::{COUNTED, Settings};
pub use status::{Snapshot, Status, StatusRequest};
pub use sweep::{Sweep, SweepRequest};
pub use tally::Tally;
pub use time::{Millis, Timestamp};
pub use types::{
    Attempt, Fence, Holder, HolderKey, ID_BYTES, InvalidValue, Lease, LeaseId, Limit, PoolName, SHOWN_CHARS, Slot,
    TaskDigest, TaskToken, Ticket, is_execution_arn, quoted, shortened,
};
pub use writes::forget_change;
