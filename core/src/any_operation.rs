//! Any operation: all of them as one type, for whoever tries every operation against every other.
//!
//! The checker and the simulator keep calls of all kinds side by side. Everybody else starts one operation and knows its
//! outcome.

use std::sync::Arc;

use crate::acquire::{Acquire, AcquireOutcome, AcquireRequest};
use crate::end_override::{EndOverride, EndOverrideOutcome, OverrideEnding};
use crate::execution_ended::{ExecutionEnded, ExecutionFreed, FreeExecution, ReleaseAll};
use crate::operation::{Machine, Operation, Replies, Step};
use crate::pool_settings::{PoolRetired, PoolRetiring, PoolSetting, RetirePool, SetPool, SetPoolOutcome};
use crate::release::{Release, ReleaseTarget, Released};
use crate::renew::{Renew, RenewRequest, Renewed};
use crate::repair::{Repair, Repaired, Repairing};
use crate::set_limit::{LimitOverriding, SetLimit, SetLimitOutcome};
use crate::settings::Settings;
use crate::status::{Snapshot, Status, StatusRequest};
use crate::sweep::{Sweep, SweepRequest};
use crate::tally::Tally;
use crate::time::Timestamp;

macro_rules! any_operation {
    ($($(#[doc = $doc:literal])* $name:ident($request:ty, $machine:ty, $outcome:ty),)*) => {
        /// Any operation.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum AnyOperation {
            $($(#[doc = $doc])* $name($request),)*
        }

        /// Any operation under way.
        #[allow(clippy::large_enum_variant, reason = "the commonest is the largest")]
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum AnyMachine {
            $($(#[doc = $doc])* $name($machine),)*
        }

        /// What any operation came to.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum AnyOutcome {
            $($(#[doc = $doc])* $name($outcome),)*
        }

        impl Operation for AnyOperation {
            type Outcome = AnyOutcome;
            type Machine = AnyMachine;

            fn start(self, settings: Arc<Settings>, now: Timestamp, entropy: u64) -> (AnyMachine, Step<AnyOutcome>) {
                match self {
                    $(AnyOperation::$name(request) => {
                        let (machine, step) = request.start(settings, now, entropy);
                        (AnyMachine::$name(machine), step.map(AnyOutcome::$name))
                    })*
                }
            }
        }

        impl Machine for AnyMachine {
            type Outcome = AnyOutcome;

            fn resume(&mut self, replies: Replies, now: Timestamp) -> Step<AnyOutcome> {
                match self {
                    $(AnyMachine::$name(machine) => machine.resume(replies, now).map(AnyOutcome::$name),)*
                }
            }
        }

        $(impl From<$request> for AnyOperation {
            fn from(request: $request) -> AnyOperation {
                AnyOperation::$name(request)
            }
        })*
    };
}

any_operation! {
    /// Of a holder that asks for a lease.
    Acquire(AcquireRequest, Acquire, AcquireOutcome),
    /// Of a holder that gives its lease back, or leaves the queue.
    Release(ReleaseTarget, Release, Released),
    /// Of a holder that keeps its lease longer.
    Renew(RenewRequest, Renew, Renewed),
    /// Of whoever puts the pool in order.
    Sweep(SweepRequest, Sweep, Tally),
    /// Of an execution that has ended.
    ExecutionEnded(ExecutionEnded, FreeExecution, ExecutionFreed),
    /// Of an execution that gives back all that it has.
    ReleaseAll(ReleaseAll, FreeExecution, ExecutionFreed),
    /// Of whoever looks.
    Status(StatusRequest, Status, Snapshot),
    /// Of an operator who overrides the limit.
    SetLimit(SetLimit, LimitOverriding, SetLimitOutcome),
    /// Of an operator who ends the override.
    EndOverride(EndOverride, OverrideEnding, EndOverrideOutcome),
    /// Of an operator who sets the pool.
    SetPool(SetPool, PoolSetting, SetPoolOutcome),
    /// Of an operator who retires the pool.
    RetirePool(RetirePool, PoolRetiring, PoolRetired),
    /// Of whoever puts a row right.
    Repair(Repair, Repairing, Repaired),
}
