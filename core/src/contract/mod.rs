//! What does the lease manager's JSON say? Its events, parsed once; its answers; and its errors, by name.
//!
//! The table of `contract.md` as types, and nothing else: an event becomes a [`Request`], that an
//! [`Operation`](crate::machine::Operation), whose outcome becomes an [`Answer`] or an [`Error`]. What is not
//! an `Answer::Acquired` is not a grant.
//!
//! ```
//! use leasehold_core::contract::Request;
//! use leasehold_core::machine::Operation;
//!
//! let event = br#"{"action": "acquire", "execution": "arn:aws:states:eu-west-1:1:execution:nightly:7", "key": "item-3"}"#;
//! let request = Request::from_slice(event)?;
//! let operation = request.operation(&"analytics".parse()?, "the id of this call")?;
//! assert!(matches!(operation, Some(Operation::Acquire(ask)) if ask.holder.key() == "item-3"));
//!
//! let wrong = Request::from_slice(br#"{"action": "renew", "lease_id": 7}"#);
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

use crate::machine::{Failure, WhyLost};
use crate::nouns::{Attempt, NotA};

pub use request::{Acquire, Request, Who};
pub use response::{Acquired, Answer, HOLDERS_LISTED, Holding, PoolStatus, Renewed, TaskFailure, Waits, task_failure};

/// What went wrong, by the names of the contract. None of these is ever a grant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The event is not what the contract says. Correct the state or the program that sent it.
    #[error(transparent)]
    InvalidRequest(#[from] Invalid),
    /// The pool has no settings row. Apply its Terraform, or create it with `leasehold pool set`.
    #[error("the pool has no settings row: create it with Terraform or `leasehold pool set`")]
    PoolNotFound,
    /// A value in the pool's rows makes no sense. Correct it with Terraform or `leasehold pool set`.
    #[error("the pool's settings are wrong: {0}")]
    PoolMisconfigured(NotA),
    /// The lease is not the caller's any more. Its work must not go on under it.
    #[error("the lease is lost: {0}")]
    LeaseLost(WhyLost),
    /// Two branches or items share one name, or an old copy of a call came late.
    #[error("another attempt of this holder is in the way ({0}): give each branch or item its own `key`")]
    HolderBusy(Attempt),
    /// Too many callers at once. Try again later.
    #[error("the table is too busy: try again later")]
    Throttled,
    /// The table gave no usable answer, so a write may have happened. Ask again as the same holder and attempt.
    #[error("the table is unavailable: ask again with the same holder and attempt")]
    TableUnavailable,
    /// A defect in the lease manager.
    #[error("internal error: {0}")]
    Internal(Cow<'static, str>),
}

impl Error {
    /// The name by which a workflow catches it.
    pub fn error_type(&self) -> &'static str {
        match self {
            Error::InvalidRequest(_) => "InvalidRequest",
            Error::PoolNotFound => "PoolNotFound",
            Error::PoolMisconfigured(_) => "PoolMisconfigured",
            Error::LeaseLost(_) => "LeaseLost",
            Error::HolderBusy(_) => "HolderBusy",
            Error::Throttled => "Throttled",
            Error::TableUnavailable => "TableUnavailable",
            Error::Internal(_) => "Internal",
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        match failure {
            Failure::Busy(attempt) => Error::HolderBusy(attempt),
            Failure::Lost(why) => Error::LeaseLost(why),
            Failure::Throttled => Error::Throttled,
            Failure::Unavailable => Error::TableUnavailable,
            Failure::NoPool => Error::PoolNotFound,
            Failure::Misconfigured(what) => Error::PoolMisconfigured(what),
        }
    }
}

/// Which field of an event is wrong, what was expected there, and what came. Never shows a task token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: expected {expected}, got {got}")]
pub struct Invalid {
    /// The field, with its path: `attempt.entered`.
    pub field: Cow<'static, str>,
    /// What would have been right.
    pub expected: Cow<'static, str>,
    /// What was given, shortened; `nothing` where it is missing.
    pub got: String,
}

impl Invalid {
    fn new(
        field: impl Into<Cow<'static, str>>,
        expected: impl Into<Cow<'static, str>>,
        got: impl Into<String>,
    ) -> Invalid {
        Invalid { field: field.into(), expected: expected.into(), got: got.into() }
    }

    /// A noun that could not be made from this field.
    fn noun(field: &'static str, not: NotA) -> Invalid {
        Invalid::new(field, not.expected, not.got)
    }
}
