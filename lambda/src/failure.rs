//! Failed invocations: what is one called, and what does it say? The contract's names; a sentence with what is known.

use leasehold_core::contract::ContractError;
use leasehold_store::{RunError, StoreError};

/// Why an invocation failed. Never a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvocationFailure {
    /// One of the contract's names, by which a workflow catches it.
    pub error_type: &'static str,
    /// A sentence for people: what is wrong, and what to do.
    pub message: String,
}

impl InvocationFailure {
    /// The function's environment is wrong.
    pub(crate) fn misconfigured(why: impl Into<String>) -> InvocationFailure {
        InvocationFailure { error_type: "PoolMisconfigured", message: why.into() }
    }

    /// There was no time left.
    pub(crate) fn out_of_time(after: std::time::Duration) -> InvocationFailure {
        let message = format!(
            "{}: time ran out after {} ms, before the invocation's own timeout",
            ContractError::TableUnavailable,
            after.as_millis()
        );
        InvocationFailure { error_type: ContractError::TableUnavailable.error_type(), message }
    }

    /// There was time for a part only.
    pub(crate) fn unfinished(after: std::time::Duration, freed: u32) -> InvocationFailure {
        let message = format!(
            "time ran out after {} ms: {freed} leases and places in the queue are given back, and there are more; \
             repeat the call",
            after.as_millis()
        );
        InvocationFailure { error_type: ContractError::TableUnavailable.error_type(), message }
    }
}

impl From<ContractError> for InvocationFailure {
    fn from(error: ContractError) -> InvocationFailure {
        InvocationFailure { error_type: error.error_type(), message: error.to_string() }
    }
}

impl From<RunError> for InvocationFailure {
    /// What an operation failed with, and what the store knows of it where that decided.
    fn from(RunError { failure, cause }: RunError) -> InvocationFailure {
        let error = ContractError::from(failure);
        match (&error, cause) {
            (ContractError::TableUnavailable, Some(cause @ StoreError::TableMissing { .. })) => cause.into(),
            (ContractError::TableUnavailable | ContractError::Throttled, Some(cause)) => {
                InvocationFailure { error_type: error.error_type(), message: format!("{error}: {cause}") }
            }
            _ => error.into(),
        }
    }
}

impl From<StoreError> for InvocationFailure {
    fn from(error: StoreError) -> InvocationFailure {
        let error_type = match &error {
            // Its message names the pool too, and whoever called can not tell the two apart.
            StoreError::PoolNotFound { .. } | StoreError::TableMissing { .. } => "PoolNotFound",
            StoreError::PoolMisconfigured { .. } => "PoolMisconfigured",
            StoreError::Throttled { .. } => "Throttled",
            StoreError::TasksUnavailable { .. } => "TasksUnavailable",
            StoreError::Denied { .. }
            | StoreError::Rejected { .. }
            | StoreError::NoAnswer { .. }
            | StoreError::BadRow { .. } => "TableUnavailable",
            _ => "Internal",
        };
        InvocationFailure { error_type, message: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use leasehold_core::{Failure, LossReason};
    use leasehold_store::ErrorContext;

    use super::*;

    fn context() -> ErrorContext {
        ErrorContext("reading the slots of pool analytics".into())
    }

    fn throttled() -> StoreError {
        StoreError::Throttled { context: context(), table: "leases".into(), why: "TransactionConflict".into() }
    }

    #[test]
    fn a_table_that_went_while_settings_were_fresh_is_not_found() {
        let missing = StoreError::TableMissing { context: context(), table: "leases".into() };
        let failed = InvocationFailure::from(RunError { failure: Failure::Unavailable, cause: Some(missing) });
        assert_eq!(failed.error_type, "PoolNotFound");
        assert!(failed.message.contains("pool analytics") && failed.message.contains("table leases"), "{failed:?}");
    }

    #[test]
    fn what_the_store_knows_is_told_with_what_the_protocol_says() {
        let failed = InvocationFailure::from(RunError { failure: Failure::Throttled, cause: Some(throttled()) });
        assert_eq!(failed.error_type, "Throttled");
        assert!(failed.message.contains("try again later: reading the slots of pool analytics"), "{failed:?}");
        // Where it did not decide, it is not told.
        let lost = Failure::Lost(LossReason::Ended);
        let failed = InvocationFailure::from(RunError { failure: lost.clone(), cause: Some(throttled()) });
        assert_eq!(failed, InvocationFailure::from(ContractError::from(lost)));
    }
}
