//! What does DynamoDB guarantee, and no more? A table in memory that serves the protocol's requests for one pool.
//!
//! Each write, and each transaction, is all or nothing and happens at one moment. What may go wrong on the way
//! (lost replies, conflicts, throttling, a query that sees half of a concurrent transaction) is not decided
//! here but by whoever sends the requests: the checker tries all of it, the simulator draws it from a seed.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use leasehold_core::{
    Condition, Fence, Guard, Held, HolderKey, HolderRow, HolderState, Mutation, Notice, Refusal, Reply, Request, Row,
    RowKey, SettingsRow, Slot, SlotRow, Ticket, Timestamp, Write,
};

use crate::cost::{Cost, ItemSizes, WriteMode, reading};
use crate::digest::Hashed;

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
        match request {
            Request::Get(key) => Reply::Row(self.row(*key).cloned()),
            Request::Slots(from, to) => {
                let slots = self.from(RowKey::Slot(*from));
                let slots = slots.map_while(|row| if let Row::Slot(row) = row { Some(row) } else { None });
                Reply::Slots(slots.take_while(|row| row.slot <= *to).cloned().collect())
            }
            Request::Queue(limit) => {
                let first_place = RowKey::Wait(Ticket { at: Timestamp(0), own: 0 });
                let places =
                    self.from(first_place).filter_map(|row| if let Row::Wait(row) = row { Some(row) } else { None });
                let (rows, more) = first(*limit, places);
                Reply::Queue(rows, more)
            }
            Request::Holders { group, after, limit } => {
                let begin = RowKey::Holder(HolderKey { group: *group, own: after.unwrap_or(0) });
                let holders =
                    self.from(begin).map_while(|row| if let Row::Holder(row) = row { Some(row) } else { None });
                let of_group = holders.map(|row| (row.holder.hashed(), row));
                let of_group = of_group.take_while(|(key, _)| key.group == *group);
                let of_group =
                    of_group.filter(|(key, _)| after.is_none_or(|after| key.own > after)).map(|(_, row)| row);
                let (rows, more) = first(*limit, of_group);
                Reply::Holders(rows, more)
            }
            Request::Write(write) => self.write(std::slice::from_ref(write), ignored),
            Request::Transact(writes) => self.write(writes, ignored),
        }
    }

    /// Serves a request and says what it cost, by the rows that it read and wrote.
    pub fn serve_at_cost(&mut self, request: &Request, sizes: &ItemSizes) -> (Reply, Cost) {
        let before: Vec<Option<Row>> = request.writes().iter().map(|write| self.row(write.key).cloned()).collect();
        let reply = self.serve(request);
        let cost = match request {
            Request::Write(_) | Request::Transact(_) => self.cost_of_writes(request.writes(), &before, &reply, sizes),
            _ => self.cost_of_reading(&reply, sizes),
        };
        (reply, cost)
    }

    /// What a reading cost: the items that came, and one more where there are more, as only an item proves that.
    fn cost_of_reading(&self, reply: &Reply, sizes: &ItemSizes) -> Cost {
        let after = |last: Option<RowKey>| last.and_then(|key| self.from(key).nth(1)).map(|row| sizes.of(row));
        match reply {
            Reply::Row(row) => reading(row.iter().map(|row| sizes.of(row))),
            Reply::Slots(rows) => reading(rows.iter().map(|row| sizes.of_slot(row))),
            Reply::Queue(rows, more) => {
                let last = rows.last().filter(|_| *more).map(|row| RowKey::Wait(row.ticket));
                reading(rows.iter().map(|row| sizes.of_place(row)).chain(after(last)))
            }
            Reply::Holders(rows, more) => {
                let last = rows.last().filter(|_| *more).map(|row| RowKey::Holder(row.holder.hashed()));
                reading(rows.iter().map(|row| sizes.of_holder(row)).chain(after(last)))
            }
            _ => Cost::default(),
        }
    }

    fn cost_of_writes(&self, writes: &[Write], before: &[Option<Row>], reply: &Reply, sizes: &ItemSizes) -> Cost {
        let mode = match writes {
            // One alone is not sent as a transaction.
            [write] if write.mutation != Mutation::Check => WriteMode::Single,
            _ => WriteMode::Transaction,
        };
        let cost = |(write, before): (&Write, &Option<Row>)| {
            let after = if let Mutation::Put(row) = &write.mutation { Some(row) } else { self.row(write.key) };
            sizes.row_written(before.as_ref(), after, *reply == Reply::Written, mode)
        };
        let units: Cost = writes.iter().zip(before).map(cost).sum();
        Cost { requests: 1, ..units }
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

    fn write(&mut self, writes: &[Write], ignored: &[Guard]) -> Reply {
        // DynamoDB refuses a transaction that names a row twice.
        if writes.iter().enumerate().any(|(at, write)| writes[..at].iter().any(|other| other.key == write.key)) {
            return Reply::Unavailable;
        }
        let holds = |write: &Write| {
            let row = self.row(write.key);
            write.conditions.iter().all(|(guard, condition)| ignored.contains(guard) || met(condition, row))
        };
        if !writes.iter().all(holds) {
            let refusal = |write: &Write| {
                if holds(write) { Refusal::Passed } else { Refusal::Failed(self.row(write.key).cloned()) }
            };
            return Reply::Refused(writes.iter().map(refusal).collect());
        }
        for write in writes {
            self.mutate(write);
        }
        Reply::Written
    }

    fn mutate(&mut self, write: &Write) {
        match &write.mutation {
            Mutation::Put(row) => self.put(row.clone()),
            Mutation::Delete => {
                if let Ok(at) = self.at(write.key) {
                    Arc::make_mut(&mut self.rows).remove(at);
                }
            }
            Mutation::Extend(expires_at, by_holder) => self.mutate_lease(write.key, |held| {
                held.expires_at = *expires_at;
                held.renewed_at = by_holder.or(held.renewed_at);
            }),
            Mutation::Confirm(task) => self.mutate_lease(write.key, |held| held.notice = Notice::Confirmed(*task)),
            Mutation::MayBeTold => self.mutate_lease(write.key, |held| {
                if let Notice::Claimed(token) | Notice::Untold(token) = &held.notice {
                    held.notice = Notice::MaybeTold(token.clone());
                }
            }),
            Mutation::Collect(expires_at) => self.mutate_lease(write.key, |held| {
                held.expires_at = *expires_at;
                held.notice = Notice::Asked;
            }),
            Mutation::Check => {}
        }
    }

    fn mutate_lease(&mut self, key: RowKey, change: impl FnOnce(&mut Held)) {
        let Some(Row::Slot(row)) = self.row(key) else { return };
        let mut row = row.clone();
        if let Some(held) = row.held.as_mut() {
            change(held);
        }
        self.put(Row::Slot(row));
    }
}

fn first<'a, T: Clone + 'a>(limit: u32, mut rows: impl Iterator<Item = &'a T>) -> (Vec<T>, bool) {
    let some: Vec<T> = rows.by_ref().take(limit as usize).cloned().collect();
    (some, rows.next().is_some())
}

/// Whether a condition holds of a row.
fn met(condition: &Condition, row: Option<&Row>) -> bool {
    let slot = match row {
        Some(Row::Slot(row)) => Some(row),
        _ => None,
    };
    let leased = |fence: Fence| slot.filter(|row| row.fence == fence).and_then(|row| row.held.as_ref());
    let holder = match row {
        Some(Row::Holder(row)) => Some(row),
        _ => None,
    };
    match condition {
        Condition::SlotFence(fence) => slot.is_some_and(|row| row.fence == *fence),
        Condition::SlotAbsentOrFence(fence) => row.is_none() || slot.is_some_and(|row| row.fence == *fence),
        Condition::SlotLease(fence) => leased(*fence).is_some(),
        Condition::SlotExpires(fence, at) => leased(*fence).is_some_and(|held| held.expires_at == *at),
        Condition::SlotConfirmed(fence) => leased(*fence).is_some_and(|held| held.pending_token().is_none()),
        Condition::SlotPending(fence) => leased(*fence).is_some_and(|held| held.open_token().is_some()),
        Condition::SlotUntold(fence) => {
            leased(*fence).is_some_and(|held| matches!(held.notice, Notice::Claimed(_) | Notice::Untold(_)))
        }
        Condition::SlotFree(fence) => slot.is_some_and(|row| row.fence == *fence && row.held.is_none()),
        Condition::SlotExpiresBy(at) => {
            slot.and_then(|row| row.held.as_ref()).is_some_and(|held| held.expires_at <= *at)
        }
        Condition::HolderAbsent => row.is_none(),
        Condition::HolderEnded(attempt) => {
            holder.is_some_and(|row| row.attempt == *attempt && row.state == HolderState::Ended)
        }
        Condition::HolderWaits(ticket, attempt) => holder.is_some_and(|row| {
            row.attempt == *attempt && matches!(row.state, HolderState::Waiting { ticket: t, .. } if t == *ticket)
        }),
        Condition::HolderHolds(slot, fence) => holder.is_some_and(
            |row| matches!(row.state, HolderState::Holding { slot: s, fence: f } if (s, f) == (*slot, *fence)),
        ),
        Condition::PlaceOf(None) => row.is_none(),
        Condition::PlaceOf(Some(attempt)) => matches!(row, Some(Row::Wait(place)) if place.attempt == *attempt),
        Condition::HighWaterIs(expected) => match row {
            Some(Row::HighWater(row)) => *expected == Some(*row),
            other => other.is_none() && expected.is_none(),
        },
        Condition::SettingsAre(expected) => match (expected.as_deref(), row) {
            (None, None) => true,
            (Some(SettingsRow::Valid(expected)), Some(Row::Pool(row))) => expected == row,
            (Some(SettingsRow::Unreadable(expected)), Some(Row::Unreadable(RowKey::Pool, row))) => {
                expected.image == row.image
            }
            _ => false,
        },
        Condition::OverrideUnreadable(expected) => {
            matches!(row, Some(Row::Unreadable(RowKey::Override, row)) if row.image == expected.image)
        }
        Condition::OverrideMade(None) => row.is_none(),
        Condition::OverrideMade(Some(at)) => matches!(row, Some(Row::Override(row)) if row.at == *at),
    }
}
