//! Row stores: what comes of a request where rows lie in the order of their keys? Which condition holds of which row, what
//! each write changes, what each query brings, and what that costs.
//!
//! Each write, and each transaction, is all or nothing and happens at one moment.

use leasehold_core::{
    Condition, Fence, Guard, Held, HolderKey, HolderState, Mutation, Notice, Refusal, Reply, Request, Row, RowKey,
    SettingsRow, SlotRow, Ticket, Timestamp, Write,
};

use crate::cost::{Cost, ItemSizes, WriteMode, reading};

/// The rows of one pool, in key order.
pub(crate) trait RowStore {
    /// One row.
    fn row(&self, key: RowKey) -> Option<&Row>;

    /// The rows from a key on, in key order.
    fn from(&self, key: RowKey) -> impl Iterator<Item = &Row>;

    /// Puts a row there, whatever was there.
    fn put(&mut self, row: Row);

    /// Takes the row away, if there is one.
    fn remove(&mut self, key: RowKey);
}

/// Serves a request as if writes did not carry the conditions of these names.
pub(crate) fn serve(rows: &mut impl RowStore, request: &Request, ignored: &[Guard]) -> Reply {
    match request {
        Request::Get(key) => Reply::Row(rows.row(*key).cloned()),
        Request::Slots(from, to) => {
            let slots = rows.from(RowKey::Slot(*from));
            let slots = slots.map_while(|row| if let Row::Slot(row) = row { Some(row) } else { None });
            Reply::Slots(slots.take_while(|row| row.slot <= *to).cloned().collect())
        }
        Request::Queue(limit) => {
            let first_place = RowKey::Wait(Ticket { at: Timestamp(0), own: 0 });
            let places =
                rows.from(first_place).filter_map(|row| if let Row::Wait(row) = row { Some(row) } else { None });
            let (places, more) = first(*limit, places);
            Reply::Queue(places, more)
        }
        Request::Holders { group, after, limit } => {
            let begin = RowKey::Holder(HolderKey { group: *group, own: after.unwrap_or(0) });
            let holders = rows.from(begin).map_while(|row| if let Row::Holder(row) = row { Some(row) } else { None });
            let of_group = holders.map(|row| (row.holder.hashed(), row));
            let of_group = of_group.take_while(|(key, _)| key.group == *group);
            let of_group = of_group.filter(|(key, _)| after.is_none_or(|after| key.own > after)).map(|(_, row)| row);
            let (holders, more) = first(*limit, of_group);
            Reply::Holders(holders, more)
        }
        Request::Write(write) => self::write(rows, std::slice::from_ref(write), ignored),
        Request::Transact(writes) => write(rows, writes, ignored),
    }
}

/// What a request cost that was served, by the rows that it read and wrote.
pub(crate) fn cost_of(
    rows: &impl RowStore,
    request: &Request,
    before: &[Option<Row>],
    reply: &Reply,
    sizes: &ItemSizes,
) -> Cost {
    match request {
        Request::Write(_) | Request::Transact(_) => cost_of_writes(rows, request.writes(), before, reply, sizes),
        _ => cost_of_reading(rows, reply, sizes),
    }
}

/// What a reading cost: the items that came, and one more where there are more, as only an item proves that.
fn cost_of_reading(rows: &impl RowStore, reply: &Reply, sizes: &ItemSizes) -> Cost {
    let after = |last: Option<RowKey>| last.and_then(|key| rows.from(key).nth(1)).map(|row| sizes.of(row));
    match reply {
        Reply::Row(row) => reading(row.iter().map(|row| sizes.of(row))),
        Reply::Slots(slots) => reading(slots.iter().map(|row| sizes.of_slot(row))),
        Reply::Queue(places, more) => {
            let last = places.last().filter(|_| *more).map(|row| RowKey::Wait(row.ticket));
            reading(places.iter().map(|row| sizes.of_place(row)).chain(after(last)))
        }
        Reply::Holders(holders, more) => {
            let last = holders.last().filter(|_| *more).map(|row| RowKey::Holder(row.holder.hashed()));
            reading(holders.iter().map(|row| sizes.of_holder(row)).chain(after(last)))
        }
        _ => Cost::default(),
    }
}

fn cost_of_writes(
    rows: &impl RowStore,
    writes: &[Write],
    before: &[Option<Row>],
    reply: &Reply,
    sizes: &ItemSizes,
) -> Cost {
    let mode = match writes {
        // One alone is not sent as a transaction.
        [write] if write.mutation != Mutation::Check => WriteMode::Single,
        _ => WriteMode::Transaction,
    };
    let cost = |(write, before): (&Write, &Option<Row>)| {
        let after = if let Mutation::Put(row) = &write.mutation { Some(row) } else { rows.row(write.key) };
        sizes.row_written(before.as_ref(), after, *reply == Reply::Written, mode)
    };
    let units: Cost = writes.iter().zip(before).map(cost).sum();
    Cost { requests: 1, ..units }
}

fn write(rows: &mut impl RowStore, writes: &[Write], ignored: &[Guard]) -> Reply {
    // DynamoDB refuses a transaction that names a row twice.
    if writes.iter().enumerate().any(|(at, write)| writes[..at].iter().any(|other| other.key == write.key)) {
        return Reply::Unavailable;
    }
    let holds = |write: &Write| {
        let row = rows.row(write.key);
        write.conditions.iter().all(|(guard, condition)| ignored.contains(guard) || met(condition, row))
    };
    if !writes.iter().all(holds) {
        let refusal = |write: &Write| {
            if holds(write) { Refusal::Passed } else { Refusal::Failed(rows.row(write.key).cloned()) }
        };
        return Reply::Refused(writes.iter().map(refusal).collect());
    }
    for write in writes {
        mutate(rows, write);
    }
    Reply::Written
}

fn mutate(rows: &mut impl RowStore, write: &Write) {
    if matches!(write.mutation, Mutation::Check) {
        return;
    }
    match written(&write.mutation, rows.row(write.key)) {
        Some(row) => rows.put(row),
        None => rows.remove(write.key),
    }
}

/// The row that is there after a mutation of this one.
pub(crate) fn written(mutation: &Mutation, before: Option<&Row>) -> Option<Row> {
    let mut row = match mutation {
        Mutation::Put(row) => return Some(row.clone()),
        Mutation::Delete => return None,
        _ => before.cloned(),
    };
    if let Some(Row::Slot(SlotRow { held: Some(held), .. })) = &mut row {
        mutate_lease(mutation, held);
    }
    row
}

fn mutate_lease(mutation: &Mutation, held: &mut Held) {
    match mutation {
        Mutation::Extend(expires_at, by_holder) => {
            held.expires_at = *expires_at;
            held.renewed_at = by_holder.or(held.renewed_at);
        }
        Mutation::Confirm(task) => held.notice = Notice::Confirmed(*task),
        Mutation::MayBeTold => {
            if let Notice::Claimed(token) | Notice::Untold(token) = &held.notice {
                held.notice = Notice::MaybeTold(token.clone());
            }
        }
        Mutation::Collect(expires_at) => {
            held.expires_at = *expires_at;
            held.notice = Notice::Asked;
        }
        Mutation::Put(_) | Mutation::Delete | Mutation::Check => {}
    }
}

fn first<'a, T: Clone + 'a>(limit: u32, mut rows: impl Iterator<Item = &'a T>) -> (Vec<T>, bool) {
    let some: Vec<T> = rows.by_ref().take(limit as usize).cloned().collect();
    (some, rows.next().is_some())
}

/// Whether a condition holds of a row.
pub(crate) fn met(condition: &Condition, row: Option<&Row>) -> bool {
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
        Condition::SlotAbsentOrFree(fence) => {
            row.is_none() || slot.is_some_and(|row| row.fence == *fence && row.held.is_none())
        }
        Condition::SlotLease(fence) => leased(*fence).is_some(),
        Condition::SlotExpires(fence, at) => leased(*fence).is_some_and(|held| held.expires_at == *at),
        Condition::SlotRenewed(fence, at) => leased(*fence).is_some_and(|held| held.renewed_at == *at),
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
        Condition::HighWaterUnreadable(expected) => {
            matches!(row, Some(Row::Unreadable(RowKey::HighWater, row)) if row.image == expected.image)
        }
        Condition::OverrideUnreadable(expected) => {
            matches!(row, Some(Row::Unreadable(RowKey::Override, row)) if row.image == expected.image)
        }
        Condition::OverrideMade(None) => row.is_none(),
        Condition::OverrideMade(Some(at)) => matches!(row, Some(Row::Override(row)) if row.at == *at),
    }
}
