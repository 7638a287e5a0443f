//! What does DynamoDB guarantee, and no more? A table in memory that serves the protocol's requests for one pool.
//!
//! Each write, and each transaction, is all or nothing and happens at one moment. What may go wrong on the way
//! (lost replies, conflicts, throttling, a query that sees half of a concurrent transaction) is not decided
//! here but by whoever sends the requests: the checker tries all of it, the simulator draws it from a seed.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use leasehold_core::{Guard, HolderRow, HolderState, Reply, Request, Row, RowKey, Slot, SlotRow};

use crate::cost::{Cost, ItemSizes};
use crate::digest::Hashed;
use crate::row_store::{RowStore, cost_of, serve};

/// The rows of one pool, in key order. A copy shares them until either changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryTable {
    rows: Arc<Vec<(RowKey, Hashed<Row>)>>,
}

impl Hash for MemoryTable {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.rows.len().hash(state);
        for (_, row) in &*self.rows {
            row.hash(state);
        }
    }
}

impl MemoryTable {
    /// Serves a request.
    pub fn serve(&mut self, request: &Request) -> Reply {
        self.serve_ignoring(request, &[])
    }

    /// Serves a request as if writes did not carry the conditions of these names: what a guard is good for
    /// shows when it is taken away.
    pub fn serve_ignoring(&mut self, request: &Request, ignored: &[Guard]) -> Reply {
        serve(self, request, ignored)
    }

    /// Serves a request and says what it cost, by the rows that it read and wrote.
    pub fn serve_at_cost(&mut self, request: &Request, sizes: &ItemSizes) -> (Reply, Cost) {
        let before: Vec<Option<Row>> = request.writes().iter().map(|write| self.row(write.key).cloned()).collect();
        let reply = self.serve(request);
        let cost = cost_of(self, request, &before, &reply, sizes);
        (reply, cost)
    }

    /// All rows, in key order.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().map(|(_, row)| &**row)
    }

    /// The rows from a key on, in key order.
    fn from(&self, key: RowKey) -> impl Iterator<Item = &Row> {
        let at = self.at(key).unwrap_or_else(|at| at);
        self.rows[at..].iter().map(|(_, row)| &**row)
    }

    /// The slot rows, in order.
    pub fn slots(&self) -> impl Iterator<Item = &SlotRow> {
        self.from(RowKey::Slot(Slot(0))).map_while(|row| if let Row::Slot(row) = row { Some(row) } else { None })
    }

    /// One row.
    pub fn row(&self, key: RowKey) -> Option<&Row> {
        self.at(key).ok().map(|at| &*self.rows[at].1)
    }

    /// Puts a row there, whatever was there.
    pub fn put(&mut self, row: Row) {
        let key = row.key();
        let (at, rows) = (self.at(key), Arc::make_mut(&mut self.rows));
        match at {
            Ok(at) => rows[at].1 = Hashed::new(row),
            Err(at) => rows.insert(at, (key, Hashed::new(row))),
        }
    }

    /// Deletes the rows that are not to be kept, as the table's TTL does.
    pub fn retain(&mut self, keep: impl Fn(&Row) -> bool) {
        Arc::make_mut(&mut self.rows).retain(|(_, row)| keep(row));
    }

    /// Deletes all tombstones, as if they were collected at once: the rows of holders that neither wait nor hold.
    pub fn forget_ended(&mut self) {
        let ended = |row: &HolderRow| match row.state {
            HolderState::Ended => true,
            HolderState::Waiting { .. } => false,
            HolderState::Holding { slot, fence } => {
                !matches!(self.row(RowKey::Slot(slot)), Some(Row::Slot(row)) if row.fence == fence && row.held.is_some())
            }
        };
        let ended: Vec<RowKey> =
            self.rows().filter(|row| matches!(row, Row::Holder(row) if ended(row))).map(Row::key).collect();
        self.retain(|row| !ended.contains(&row.key()));
    }

    fn at(&self, key: RowKey) -> Result<usize, usize> {
        self.rows.binary_search_by(|(there, _)| there.cmp(&key))
    }
}

impl RowStore for MemoryTable {
    fn row(&self, key: RowKey) -> Option<&Row> {
        MemoryTable::row(self, key)
    }

    fn from(&self, key: RowKey) -> impl Iterator<Item = &Row> {
        MemoryTable::from(self, key)
    }

    fn put(&mut self, row: Row) {
        MemoryTable::put(self, row);
    }

    fn remove(&mut self, key: RowKey) {
        if let Ok(at) = self.at(key) {
            Arc::make_mut(&mut self.rows).remove(at);
        }
    }
}
