//! The meter of a table: what did the requests cost? Counts shared by everything that uses one table.

use std::sync::{Mutex, PoisonError};

use aws_sdk_dynamodb::types::ConsumedCapacity;

/// What was sent and what it used, so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MeterReading {
    /// Requests that read (each page of a query is one).
    pub reads: u64,
    /// Requests that write (a transaction is one).
    pub writes: u64,
    /// Writes inside requests that a condition refused. DynamoDB charges for them (1 unit per KB each, 2 in a
    /// transaction), and does not say how much: they are not in `write_units`.
    pub refused: u64,
    /// Requests answered with a conflict.
    pub conflicts: u64,
    /// Requests answered with "too many".
    pub throttled: u64,
    /// Read units, as DynamoDB reported them.
    pub read_units: f64,
    /// Write units, as DynamoDB reported them.
    pub write_units: f64,
}

/// Adds up what is used.
#[derive(Debug, Default)]
pub struct Meter(Mutex<MeterReading>);

impl Meter {
    /// What was used until now.
    pub fn used(&self) -> MeterReading {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, more: impl FnOnce(&mut MeterReading)) {
        more(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn read(&self, consumed: Option<&ConsumedCapacity>) {
        let units = consumed.and_then(ConsumedCapacity::capacity_units).unwrap_or_default();
        self.add(|used| used.read_units += units);
    }

    pub(crate) fn written(&self, consumed: &[ConsumedCapacity]) {
        let units: f64 = consumed.iter().filter_map(ConsumedCapacity::capacity_units).sum();
        self.add(|used| used.write_units += units);
    }
}
