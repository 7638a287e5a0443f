//! What went wrong, in words for a person? What was tried, on which table and pool, what is wrong, what to do.

use crate::rows::RowError;

/// A request or a reading that gave nothing usable. Never a grant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no such table where the request went: a wrong name, region, account or endpoint.
    #[error(
        "{tried}: table {table} does not exist in this region and account; check the table's name and the region, \
         or make it (`leasehold table create`, or Terraform's `table` module)"
    )]
    TableMissing {
        /// What was being done.
        tried: Tried,
        /// The table's name.
        table: String,
    },
    /// The caller may not do this, or has no valid credentials.
    #[error("{tried} on table {table} was denied: {why}; check the credentials and that their policy allows it")]
    Denied {
        /// What was being done.
        tried: Tried,
        /// The table's name.
        table: String,
        /// What AWS said.
        why: String,
    },
    /// DynamoDB refused the request as it is: the table has another shape, or there is a mistake in this program.
    #[error(
        "{tried} on table {table} was refused: {why}; if the table was not made by this program or its Terraform \
         module, check its keys (PK and SK, both strings)"
    )]
    Rejected {
        /// What was being done.
        tried: Tried,
        /// The table's name.
        table: String,
        /// What DynamoDB said.
        why: String,
    },
    /// Too many requests, or too much at work on the same rows, and trying again did not help.
    #[error("{tried} on table {table} was turned away for too much traffic: {why}; try again later")]
    Busy {
        /// What was being done.
        tried: Tried,
        /// The table's name.
        table: String,
        /// What DynamoDB said.
        why: String,
    },
    /// No answer that says what happened: a write may have happened, or may happen yet.
    #[error("{tried} on table {table} got no usable answer: {why}; check the network and the endpoint, then repeat it")]
    NoAnswer {
        /// What was being done.
        tried: Tried,
        /// The table's name.
        table: String,
        /// What is known of the cause.
        why: String,
    },
    /// A row is not what this program would have written.
    #[error("{tried} on table {table}: {row}; correct or delete that row")]
    BadRow {
        /// What was being done.
        tried: Tried,
        /// The table's name.
        table: String,
        /// Which row, and what about it.
        row: Box<RowError>,
    },
    /// The pool has no settings row.
    #[error(
        "pool {prefix} does not exist in table {table}; check the prefix, or make the pool \
         (`leasehold pool set {prefix} --limit N`, or Terraform's `pool` module)"
    )]
    PoolNotFound {
        /// The table's name.
        table: String,
        /// The pool's name.
        prefix: String,
    },
    /// The pool's own rows make no sense.
    #[error(
        "pool {prefix} in table {table} is misconfigured: {why}; set it again (`leasehold pool set`, or Terraform)"
    )]
    PoolMisconfigured {
        /// The table's name.
        table: String,
        /// The pool's name.
        prefix: String,
        /// Which value, and what was expected.
        why: String,
    },
    /// A table of this name exists, and is not one of ours.
    #[error("table {table} exists with another shape: {found}; expected {expected}; choose another name")]
    OtherShape {
        /// The table's name.
        table: String,
        /// What it has.
        found: String,
        /// What it should have.
        expected: &'static str,
    },
    /// The table was asked for and is still not ready.
    #[error("table {table} is not ready after {seconds} s (status {status}); look at it in the console, then repeat")]
    NotReady {
        /// The table's name.
        table: String,
        /// How long it was waited for.
        seconds: u64,
        /// What state it is in.
        status: String,
    },
    /// The embedded engine could not be started.
    #[error("the embedded store {place} could not be opened: {why}; check the path and that it is a leasehold store")]
    Embedded {
        /// The file, or "in memory".
        place: String,
        /// What the engine said.
        why: String,
    },
}

/// What was being done, as the first words of an error: "read the slots of pool x".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried(pub String);

impl std::fmt::Display for Tried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
