//! The lease manager's JSON contract: what do its events ask, what do its responses say, and how are its errors named?
//!
//! An event is parsed into a [`LeaseEvent`], checked against its pool into a [`PoolRequest`], and answered with a
//! [`Response`] or a [`ContractError`]. Only `Response::Acquired` is a grant.
//!
//! ```
//! use leasehold_core::contract::{LeaseEvent, PoolRequest};
//!
//! let event = br#"{"action": "acquire", "execution": "arn:aws:states:eu-west-1:1:execution:nightly:7", "key": "item-3"}"#;
//! let request = LeaseEvent::from_slice(event)?;
//! let request = request.for_pool(&"analytics".parse()?, "the id of this call")?;
//! assert!(matches!(request, PoolRequest::Acquire(request) if request.holder.key() == "item-3"));
//!
//! let wrong = LeaseEvent::from_slice(br#"{"action": "renew", "lease_id": 7}"#);
//! assert_eq!(
//!     wrong.map_err(|error| error.to_string()),
//!     Err("lease_id: expected a string, the lease id as acquire returned it, got a number: 7".into())
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod fields;
mod moment;
mod request;
mod response;

use std::borrow::Cow;

use crate::failure::{Failure, LossReason};
use crate::types::{Attempt, InvalidValue};

pub use request::{AcquireEvent, EventHolder, LeaseEvent, PoolRequest};
pub use response::{
    GrantedLease, HOLDERS_LISTED, HolderInfo, PoolStatus, RenewedLease, Response, TaskFailure, WaiterInfo, task_failure,
};

/// What went wrong, by the names of the contract. None of these is ever a grant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// The event is not what the contract says. Correct the state or the program that sent it.
    #[error(transparent)]
    InvalidRequest(#[from] InvalidField),
    /// The pool has no settings row. Apply its Terraform, or create it with `leasehold pool set`.
    #[error("the pool has no settings row: create it with Terraform or `leasehold pool set`")]
    PoolNotFound,
    /// A value in the pool's rows makes no sense. Correct it with Terraform or `leasehold pool set`.
    #[error("the pool's settings are wrong: {0}")]
    PoolMisconfigured(InvalidValue),
    /// The lease is not the caller's any more. Its work must not go on under it.
    #[error("the lease is lost: {0}")]
    LeaseLost(LossReason),
    /// Two branches or items share one name, or an old copy of a call came late.
    #[error("another attempt of this holder is in the way ({0}): give each branch or item its own `key`")]
    HolderBusy(Attempt),
    /// Too many callers at once. Try again later.
    #[error("the table is too busy: try again later")]
    Throttled,
    /// The table gave no usable answer, so a write may have happened. Ask again as the same holder and attempt.
    #[error("the table is unavailable: ask again with the same holder and attempt")]
    TableUnavailable,
    /// The caller's task may not be told, so its lease went back. A person must mend the permission, or the key.
    #[error(
        "the task that waits could not be told: Step Functions refused for good; check states:SendTaskSuccess and the keys"
    )]
    NoticeRefused,
    /// Step Functions could not be told that an older task is over, so nothing was taken from it. Ask again as the same
    /// holder and attempt.
    #[error("Step Functions could not be told that a task is over: ask again with the same holder and attempt")]
    TasksUnavailable,
    /// A defect in the lease manager.
    #[error("internal error: {0}")]
    Internal(Cow<'static, str>),
}

impl ContractError {
    /// The name by which a workflow catches it.
    pub fn error_type(&self) -> &'static str {
        match self {
            ContractError::InvalidRequest(_) => "InvalidRequest",
            ContractError::PoolNotFound => "PoolNotFound",
            ContractError::PoolMisconfigured(_) => "PoolMisconfigured",
            ContractError::LeaseLost(_) => "LeaseLost",
            ContractError::HolderBusy(_) => "HolderBusy",
            ContractError::Throttled => "Throttled",
            ContractError::TableUnavailable => "TableUnavailable",
            ContractError::NoticeRefused => "NoticeRefused",
            ContractError::TasksUnavailable => "TasksUnavailable",
            ContractError::Internal(_) => "Internal",
        }
    }
}

impl From<Failure> for ContractError {
    fn from(failure: Failure) -> ContractError {
        match failure {
            Failure::HolderConflict(attempt) => ContractError::HolderBusy(attempt),
            Failure::Lost(why) => ContractError::LeaseLost(why),
            Failure::Throttled => ContractError::Throttled,
            Failure::Unavailable => ContractError::TableUnavailable,
            Failure::NoticeRefused => ContractError::NoticeRefused,
            Failure::TasksUnavailable => ContractError::TasksUnavailable,
            Failure::PoolNotFound => ContractError::PoolNotFound,
            Failure::PoolMisconfigured(what) => ContractError::PoolMisconfigured(what),
        }
    }
}

/// Which field of an event is wrong, what was expected there, and what came. Never shows a task token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: expected {expected}, got {got}")]
pub struct InvalidField {
    /// The field, with its path: `attempt.entered`.
    pub field: Cow<'static, str>,
    /// What would have been right.
    pub expected: Cow<'static, str>,
    /// What was given, shortened; `nothing` where it is missing.
    pub got: String,
}

impl InvalidField {
    fn new(
        field: impl Into<Cow<'static, str>>,
        expected: impl Into<Cow<'static, str>>,
        got: impl Into<String>,
    ) -> InvalidField {
        InvalidField { field: field.into(), expected: expected.into(), got: got.into() }
    }

    /// A value that could not be made from this field.
    fn value(field: &'static str, not: InvalidValue) -> InvalidField {
        InvalidField::new(field, not.expected, not.got)
    }
}
