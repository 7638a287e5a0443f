//! A table for large worlds: the same rows and the same rules as the checker's, in a tree, so that ten thousand rows cost as
//! little as ten.

use std::collections::BTreeMap;

use leasehold_core::{Row, RowKey, Slot, SlotRow, Ticket, Timestamp, WaitRow};

use crate::row_store::RowStore;

/// The rows of one pool, in key order.
#[derive(Clone, Debug, Default)]
pub(super) struct RowTree(BTreeMap<RowKey, Row>);

impl RowStore for RowTree {
    fn row(&self, key: RowKey) -> Option<&Row> {
        self.0.get(&key)
    }

    fn from(&self, key: RowKey) -> impl Iterator<Item = &Row> {
        self.0.range(key..).map(|(_, row)| row)
    }

    fn put(&mut self, row: Row) {
        self.0.insert(row.key(), row);
    }

    fn remove(&mut self, key: RowKey) {
        self.0.remove(&key);
    }
}

impl RowTree {
    /// The slot rows, in order.
    pub(super) fn slots(&self) -> impl Iterator<Item = &SlotRow> {
        self.from(RowKey::Slot(Slot(0))).map_while(|row| if let Row::Slot(row) = row { Some(row) } else { None })
    }

    /// The places of the queue, in order.
    pub(super) fn places(&self) -> impl Iterator<Item = &WaitRow> {
        let first = RowKey::Wait(Ticket { at: Timestamp(0), own: 0 });
        self.from(first).map_while(|row| if let Row::Wait(row) = row { Some(row) } else { None })
    }

    /// All rows, in key order.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.0.values()
    }
}
