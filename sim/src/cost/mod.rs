//! Costs: what does DynamoDB charge for a request? Its units by the rows that are read and written.
//!
//! The rules are those of
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html>:
//!
//! - A strongly consistent reading takes one read unit for every 4 KB that it went through, and no less than one. A query
//!   adds up its items before it rounds, and is cut into pages of 1 MB, each a request of its own.
//! - A write takes one write unit for every KB of the item as it was or as it is to be, whichever is larger, and no less
//!   than one; also where its condition fails. In a transaction it takes twice that, and so does a condition that is
//!   only checked (measured: <https://martinhicks.dev/articles/what-a-conditional-dynamodb-transaction-costs>).
//! - Each entry of an index that changes is one more item written.
//!
//! Nothing here depends on what the requests of the protocol are: they only say which rows they read or write.

use std::ops::{Add, AddAssign};

use leasehold_core::Row;

mod item_size;

pub use item_size::{ItemSizes, ORDINARY_ID, ORDINARY_TOKEN, number_bytes};

/// What one page of a query goes through at most, in bytes.
const PAGE: u64 = 1 << 20;
/// What one read unit reads, in bytes.
const READ_UNIT: u64 = 4 << 10;
/// What one write unit writes, in bytes.
const WRITE_UNIT: u64 = 1 << 10;

/// What requests to the table cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// How many there were; each page of a query is one.
    pub requests: u64,
    /// Read request units.
    pub read_units: u64,
    /// Write request units.
    pub write_units: u64,
}

impl Add for Cost {
    type Output = Cost;
    fn add(self, other: Cost) -> Cost {
        Cost {
            requests: self.requests + other.requests,
            read_units: self.read_units + other.read_units,
            write_units: self.write_units + other.write_units,
        }
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Cost) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Cost {
    fn sum<I: Iterator<Item = Cost>>(costs: I) -> Cost {
        costs.fold(Cost::default(), Add::add)
    }
}

/// Whether a write is sent alone or with others, all or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteMode {
    /// Alone.
    Single,
    /// In a transaction, which prepares and then commits.
    Transaction,
}

/// A strongly consistent reading that went through items of these sizes, in bytes; none: of a row that is not there.
pub fn reading(sizes: impl IntoIterator<Item = u64>) -> Cost {
    let unit = |bytes: u64| Cost { requests: 1, read_units: bytes.div_ceil(READ_UNIT).max(1), write_units: 0 };
    let (mut cost, mut page) = (Cost::default(), 0);
    for size in sizes {
        if page > 0 && page + size > PAGE {
            cost += unit(page);
            page = 0;
        }
        page += size;
    }
    cost + unit(page)
}

/// The write units of one item that was of the one size, in bytes, and is to be of the other; no request is counted.
pub fn writing(before: u64, after: u64, mode: WriteMode) -> Cost {
    let once = before.max(after).div_ceil(WRITE_UNIT).max(1);
    let times = if mode == WriteMode::Transaction { 2 } else { 1 };
    Cost { write_units: once * times, ..Cost::default() }
}

impl ItemSizes {
    /// The write units of a row, as it lay there and as it was to be; no request is counted.
    pub(crate) fn row_written(&self, before: Option<&Row>, after: Option<&Row>, done: bool, mode: WriteMode) -> Cost {
        let size = |row: Option<&Row>| row.map_or(0, |row| self.of(row));
        let entry = |row: Option<&Row>| size(row.filter(|row| item_size::in_directory(row)));
        let mut cost = writing(size(before), size(after), mode);
        if done && before != after && entry(before) + entry(after) > 0 {
            cost += writing(entry(before), entry(after), WriteMode::Single);
        }
        cost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_adds_up_its_items_before_it_rounds() {
        assert_eq!(reading([400; 10]), Cost { requests: 1, read_units: 1, write_units: 0 });
        assert_eq!(reading([400; 11]), Cost { requests: 1, read_units: 2, write_units: 0 });
        assert_eq!(reading([]), Cost { requests: 1, read_units: 1, write_units: 0 });
    }

    #[test]
    fn a_query_of_more_than_a_page_is_several_requests() {
        assert_eq!(reading([1 << 19; 4]), Cost { requests: 2, read_units: 512, write_units: 0 });
        assert_eq!(reading([400; 10_000]), Cost { requests: 4, read_units: 977, write_units: 0 });
    }

    #[test]
    fn a_write_counts_the_larger_of_before_and_after() {
        let units = |before, after, mode| writing(before, after, mode).write_units;
        assert_eq!(units(0, 0, WriteMode::Single), 1);
        assert_eq!(units(1_025, 10, WriteMode::Single), 2);
        assert_eq!(units(10, 1_024, WriteMode::Transaction), 2);
    }
}
