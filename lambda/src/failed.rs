//! What is a failed invocation called, and what does it say? The contract's names; a sentence with what is known.

use leasehold_core::contract;
use leasehold_store::StoreError;

/// Why an invocation failed. Never a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// One of the contract's names, by which a workflow catches it.
    pub error_type: &'static str,
    /// A sentence for people: what is wrong, and what to do.
    pub message: String,
}

impl Failed {
    /// The function's environment is wrong.
    pub(crate) fn misconfigured(why: impl Into<String>) -> Failed {
        Failed { error_type: "PoolMisconfigured", message: why.into() }
    }

    /// There was no time left.
    pub(crate) fn out_of_time(after: std::time::Duration) -> Failed {
        let message = format!(
            "{}: time ran out after {} ms, before the invocation's own timeout",
            contract::Error::TableUnavailable,
            after.as_millis()
        );
        Failed { error_type: contract::Error::TableUnavailable.error_type(), message }
    }

    /// There was time for a part only.
    pub(crate) fn unfinished(after: std::time::Duration, freed: u32) -> Failed {
        let message = format!(
            "time ran out after {} ms: {freed} leases and places in the queue are given back, and there are more; \
             repeat the call",
            after.as_millis()
        );
        Failed { error_type: contract::Error::TableUnavailable.error_type(), message }
    }

    /// What an operation failed with, and what the store knows of it.
    pub(crate) fn told(error: &contract::Error, trouble: Option<StoreError>) -> Failed {
        match (error, trouble) {
            (contract::Error::TableUnavailable, Some(trouble @ StoreError::TableMissing { .. })) => trouble.into(),
            (contract::Error::TableUnavailable | contract::Error::Throttled, Some(trouble)) => {
                Failed { error_type: error.error_type(), message: format!("{error}: {trouble}") }
            }
            _ => error.clone().into(),
        }
    }
}

impl From<contract::Error> for Failed {
    fn from(error: contract::Error) -> Failed {
        Failed { error_type: error.error_type(), message: error.to_string() }
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Failed {
        let error_type = match &error {
            // Its message names the pool too, and whoever called can not tell the two apart.
            StoreError::PoolNotFound { .. } | StoreError::TableMissing { .. } => "PoolNotFound",
            StoreError::PoolMisconfigured { .. } => "PoolMisconfigured",
            StoreError::Busy { .. } => "Throttled",
            StoreError::Denied { .. }
            | StoreError::Rejected { .. }
            | StoreError::NoAnswer { .. }
            | StoreError::BadRow { .. } => "TableUnavailable",
            _ => "Internal",
        };
        Failed { error_type, message: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use leasehold_core::contract::Error;
    use leasehold_store::error::Tried;

    use super::*;

    fn tried() -> Tried {
        Tried("reading the slots of pool analytics".into())
    }

    #[test]
    fn a_table_that_went_while_settings_were_fresh_is_not_found() {
        let missing = StoreError::TableMissing { tried: tried(), table: "leases".into() };
        let failed = Failed::told(&Error::TableUnavailable, Some(missing));
        assert_eq!(failed.error_type, "PoolNotFound");
        assert!(failed.message.contains("pool analytics") && failed.message.contains("table leases"), "{failed:?}");
    }

    #[test]
    fn what_the_store_knows_is_told_with_what_the_protocol_says() {
        let busy = StoreError::Busy { tried: tried(), table: "leases".into(), why: "TransactionConflict".into() };
        let failed = Failed::told(&Error::Throttled, Some(busy));
        assert_eq!(failed.error_type, "Throttled");
        assert!(failed.message.contains("try again later: reading the slots of pool analytics"), "{failed:?}");
        // Where it did not decide, it is not told.
        let busy = StoreError::Busy { tried: tried(), table: "leases".into(), why: "TransactionConflict".into() };
        let lost = Error::LeaseLost(leasehold_core::machine::WhyLost::Ended);
        assert_eq!(Failed::told(&lost, Some(busy)), Failed::from(lost));
    }
}
