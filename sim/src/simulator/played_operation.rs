//! The played operations: which of the protocol's do the simulated callers ask for? No others, as the page would have to load
//! them.

use leasehold_core::{AcquireRequest, ExecutionEnded, ReleaseTarget, RenewRequest, SetLimit, SweepRequest};

leasehold_core::operations! {
    /// What the simulated callers ask for.
    PlayedOperation, PlayedMachine, PlayedOutcome:
    /// Of a job that asks for a lease.
    Acquire(AcquireRequest),
    /// Of a job that gives its lease back.
    Release(ReleaseTarget),
    /// Of a job that keeps its lease longer.
    Renew(RenewRequest),
    /// Of the schedule.
    Sweep(SweepRequest),
    /// Of an execution that has ended.
    ExecutionEnded(ExecutionEnded),
    /// Of the operator.
    SetLimit(SetLimit),
}
