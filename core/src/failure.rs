//! Failures of an operation: why was nothing granted or changed, and what does the caller do about it?
//!
//! None of these is ever a grant. `docs/errors.md` says how each is told to a workflow and to a person.

use crate::types::{Attempt, InvalidValue};

/// Why an operation came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Failure {
    /// A newer attempt of this holder is known, or an older one is known to run: two branches share a name;
    /// give each its own `key`.
    #[error("another attempt of this holder is in the way: {0}")]
    HolderConflict(Attempt),
    /// The lease is not the caller's any more, or this attempt has ended. Its work must not go on.
    #[error("the lease is lost: {0}")]
    Lost(LossReason),
    /// The table refused for too many requests, or callers kept colliding. Try again later.
    #[error("the table is too busy")]
    Throttled,
    /// The table gave no usable answer; a write may have happened. Ask again with the same holder and attempt.
    #[error("no usable answer came")]
    Unavailable,
    /// The caller's task may not be told: a permission or a key is missing. Its lease went back; a person must mend that.
    #[error("the task that waits may not be told")]
    NoticeRefused,
    /// A task had to be told first, and it is not known whether it was: nothing was taken from it. Ask again with the same
    /// holder and attempt.
    #[error("a task that had to be told first could not be")]
    TasksUnavailable,
    /// The pool has no settings row. Make the pool first.
    #[error("the pool has no settings row")]
    PoolNotFound,
    /// A value in the pool's own rows makes no sense. Set the pool again.
    #[error("the pool's settings are wrong: {0}")]
    PoolMisconfigured(InvalidValue),
}

/// How a lease was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum LossReason {
    /// It was released, or it expired and was cleared away.
    #[error("it has ended")]
    Ended,
    /// The slot was granted anew since.
    #[error("its slot was granted anew since")]
    Taken,
    /// It expired before its caller could be told.
    #[error("it expired before it could be told")]
    ExpiredUntold,
}
