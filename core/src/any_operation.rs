//! Any operation: all of them as one type, for whoever tries every operation against every other.
//!
//! The checker keeps calls of all kinds side by side, the simulator those of some. Everybody else starts one operation and knows
//! its outcome.

use crate::acquire::AcquireRequest;
use crate::end_override::EndOverride;
use crate::execution_ended::{ExecutionEnded, ReleaseAll};
use crate::pool_settings::SetPool;
use crate::release::ReleaseTarget;
use crate::renew::RenewRequest;
use crate::repair::Repair;
use crate::retire_pool::RetirePool;
use crate::set_limit::SetLimit;
use crate::status::StatusRequest;
use crate::sweep::SweepRequest;

/// Some operations as one type, the machines that run them as one, and what they come to as one: for whoever keeps calls of
/// several kinds side by side. Those that are not named are not linked.
#[macro_export]
macro_rules! operations {
    (
        $(#[doc = $what:literal])* $operation:ident, $machine:ident, $outcome:ident:
        $($(#[doc = $doc:literal])* $name:ident($request:ty),)*
    ) => {
        $(#[doc = $what])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum $operation {
            $($(#[doc = $doc])* $name($request),)*
        }

        /// One of these operations under way.
        #[allow(clippy::large_enum_variant, reason = "the commonest is the largest")]
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum $machine {
            $($(#[doc = $doc])* $name(<$request as $crate::Operation>::Machine),)*
        }

        /// What one of these operations came to.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum $outcome {
            $($(#[doc = $doc])* $name(<$request as $crate::Operation>::Outcome),)*
        }

        impl $crate::Operation for $operation {
            type Outcome = $outcome;
            type Machine = $machine;

            fn start(
                self,
                settings: std::sync::Arc<$crate::Settings>,
                now: $crate::Timestamp,
                entropy: u64,
            ) -> ($machine, $crate::Step<$outcome>) {
                match self {
                    $($operation::$name(request) => {
                        let (machine, step) = request.start(settings, now, entropy);
                        ($machine::$name(machine), step.map($outcome::$name))
                    })*
                }
            }
        }

        impl $crate::Machine for $machine {
            type Outcome = $outcome;

            fn resume(&mut self, replies: $crate::Replies, now: $crate::Timestamp) -> $crate::Step<$outcome> {
                match self {
                    $($machine::$name(machine) => machine.resume(replies, now).map($outcome::$name),)*
                }
            }
        }

        $(impl From<$request> for $operation {
            fn from(request: $request) -> $operation {
                $operation::$name(request)
            }
        })*
    };
}

operations! {
    /// Any operation.
    AnyOperation, AnyMachine, AnyOutcome:
    /// Of a holder that asks for a lease.
    Acquire(AcquireRequest),
    /// Of a holder that gives its lease back, or leaves the queue.
    Release(ReleaseTarget),
    /// Of a holder that keeps its lease longer.
    Renew(RenewRequest),
    /// Of whoever puts the pool in order.
    Sweep(SweepRequest),
    /// Of an execution that has ended.
    ExecutionEnded(ExecutionEnded),
    /// Of an execution that gives back all that it has.
    ReleaseAll(ReleaseAll),
    /// Of whoever looks.
    Status(StatusRequest),
    /// Of an operator who overrides the limit.
    SetLimit(SetLimit),
    /// Of an operator who ends the override.
    EndOverride(EndOverride),
    /// Of an operator who sets the pool.
    SetPool(SetPool),
    /// Of an operator who retires the pool.
    RetirePool(RetirePool),
    /// Of whoever puts a row right.
    Repair(Repair),
}
