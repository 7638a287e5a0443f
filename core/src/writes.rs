//! Which write changes what, and on which conditions? Every write of the protocol, and every guard, is here.
//!
//! What the conditions rest on, and the checker checks after every write: a holder's row says that it holds a
//! slot under a fence if and only if that slot is held by it under that fence; it says that it waits with a
//! ticket if and only if that place in the queue exists. So one condition speaks for both rows of a pair, and a
//! second one on the other row would guard nothing.

use std::sync::Arc;

use crate::nouns::{Attempt, Fence, Holder, Lease, LeaseId, Millis, Slot, Ticket, Token};
use crate::settings::Settings;
use crate::table::{
    Change, Condition, Guard, Held, HolderRow, HolderState, Key, OverrideRow, Request, Row, SlotRow, SummaryRow,
    WaitRow, Waiting, Write,
};

/// Why a slot can be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Open {
    /// Nobody holds it.
    Free,
    /// Its lease expired longer than the grace ago.
    Lapsed,
    /// Its holder gives it back.
    Given,
}

/// Who gets a slot, and on what terms.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Terms {
    pub(crate) holder: Holder,
    pub(crate) attempt: Attempt,
    pub(crate) token: Option<Token>,
    pub(crate) lease: Millis,
    pub(crate) label: Option<Arc<str>>,
}

impl Terms {
    fn held(&self, now: Millis) -> Held {
        Held {
            holder: self.holder.clone(),
            attempt: self.attempt,
            acquired_at: now,
            expires_at: now + self.lease,
            renewed_at: None,
            unconfirmed: self.token.is_some(),
            label: self.label.clone(),
        }
    }

    fn holding(&self, slot: Slot, fence: Fence, now: Millis) -> Row {
        let state = HolderState::Holding { slot, fence, acquired_at: now, token: self.token.clone() };
        Row::Holder(HolderRow { holder: self.holder.clone(), attempt: self.attempt, state })
    }
}

fn put(row: Row, conditions: Vec<(Guard, Condition)>) -> Write {
    Write { key: row.key(), conditions, change: Change::Put(row) }
}

fn held_slot(slot: Slot, fence: Fence, held: Held, condition: (Guard, Condition)) -> Write {
    put(Row::Slot(SlotRow { slot, fence, held: Some(held) }), vec![condition])
}

fn free_slot(slot: Slot, fence: Fence, condition: (Guard, Condition)) -> Write {
    put(Row::Slot(SlotRow { slot, fence, held: None }), vec![condition])
}

fn tombstone(settings: &Settings, holder: &Holder, attempt: Attempt, now: Millis) -> Row {
    let state = HolderState::Ended { ttl: now + settings.tombstone };
    Row::Holder(HolderRow { holder: holder.clone(), attempt, state })
}

fn remove_wait(ticket: Ticket) -> Write {
    Write { key: Key::Wait(ticket), conditions: vec![], change: Change::Delete }
}

/// The condition under which a holder's row is as it was read.
fn as_read(row: Option<&HolderRow>) -> Condition {
    match row.map(|row| (&row.state, row.attempt)) {
        None => Condition::HolderAbsent,
        Some((HolderState::Ended { .. }, attempt)) => Condition::HolderEnded(attempt),
        Some((HolderState::Waiting(waiting), attempt)) => Condition::HolderWaits(waiting.ticket, attempt),
        Some((HolderState::Holding { slot, fence, .. }, _)) => Condition::HolderHolds(*slot, *fence),
    }
}

/// The condition under which an open slot is as it was seen.
fn opened(from: &SlotRow, open: Open, unchanged: Guard) -> (Guard, Condition) {
    match (open, &from.held) {
        (Open::Lapsed, Some(held)) => (Guard::ReclaimUnchanged, Condition::SlotExpires(from.fence, held.expires_at)),
        (Open::Given, _) => (Guard::ReleaseSameLease, Condition::SlotLease(from.fence)),
        _ => (unchanged, Condition::SlotFence(from.fence)),
    }
}

/// The write that puts a new lease on an open slot, and clears away whoever had it.
fn take(settings: &Settings, from: &SlotRow, open: Open, unchanged: Guard, terms: &Terms, now: Millis) -> Vec<Write> {
    let condition = opened(from, open, unchanged);
    let mut writes = vec![held_slot(from.slot, from.fence.next(), terms.held(now), condition)];
    if let Some(old) = from.held.as_ref().filter(|old| old.holder != terms.holder) {
        writes.push(put(tombstone(settings, &old.holder, old.attempt, now), vec![]));
    }
    writes
}

/// A caller takes an open slot for itself.
pub(crate) fn claim(
    settings: &Settings,
    from: &SlotRow,
    open: Open,
    row: Option<&HolderRow>,
    terms: &Terms,
    now: Millis,
) -> Request {
    let mut writes = take(settings, from, open, Guard::ClaimSlotUnchanged, terms, now);
    let unchanged = vec![(Guard::ClaimHolderUnchanged, as_read(row))];
    writes.push(put(terms.holding(from.slot, from.fence.next(), now), unchanged));
    Request::Transact(writes)
}

/// An open slot goes to the waiter with this ticket.
pub(crate) fn grant(
    settings: &Settings,
    from: &SlotRow,
    open: Open,
    ticket: Ticket,
    terms: &Terms,
    now: Millis,
) -> Request {
    let mut writes = take(settings, from, open, Guard::GrantSlotUnchanged, terms, now);
    let unchanged = vec![(Guard::GrantWaiterUnchanged, Condition::HolderWaits(ticket, terms.attempt))];
    writes.push(put(terms.holding(from.slot, from.fence.next(), now), unchanged));
    writes.push(remove_wait(ticket));
    Request::Transact(writes)
}

/// A slot is free again: given back, or expired with nobody to take it.
pub(crate) fn free(settings: &Settings, from: &SlotRow, open: Open, now: Millis) -> Request {
    let condition = opened(from, open, Guard::ReleaseSameLease);
    let mut writes = vec![free_slot(from.slot, from.fence, condition)];
    writes.extend(from.held.as_ref().map(|held| put(tombstone(settings, &held.holder, held.attempt, now), vec![])));
    Request::Transact(writes)
}

/// The same holder, on a newer attempt, keeps its slot under the next fence.
pub(crate) fn regrant(slot: Slot, fence: Fence, terms: &Terms, now: Millis) -> Request {
    Request::Transact(vec![
        held_slot(slot, fence.next(), terms.held(now), (Guard::RegrantSameLease, Condition::SlotLease(fence))),
        put(terms.holding(slot, fence.next(), now), vec![]),
    ])
}

fn waiting(terms: &Terms, ticket: Ticket, give_up_at: Millis) -> Row {
    let state = HolderState::Waiting(Waiting {
        ticket,
        give_up_at,
        token: terms.token.clone(),
        lease: terms.lease,
        label: terms.label.clone(),
    });
    Row::Holder(HolderRow { holder: terms.holder.clone(), attempt: terms.attempt, state })
}

fn join(terms: &Terms, now: Millis, give_up_at: Millis, conditions: Vec<(Guard, Condition)>) -> [Write; 2] {
    let ticket = Ticket { at: now, own: terms.holder.hashed().own };
    let place = WaitRow { ticket, holder: terms.holder.clone(), give_up_at };
    [put(waiting(terms, ticket, give_up_at), conditions), put(Row::Wait(place), vec![])]
}

/// A caller joins the queue.
pub(crate) fn enqueue(row: Option<&HolderRow>, terms: &Terms, now: Millis, give_up_at: Millis) -> Request {
    let unchanged = vec![(Guard::EnqueueHolderUnchanged, as_read(row))];
    Request::Transact(join(terms, now, give_up_at, unchanged).into())
}

/// A holder whose slot lies above the effective limit gives it up and joins the queue, in one.
pub(crate) fn vacate(slot: Slot, fence: Fence, terms: &Terms, now: Millis, give_up_at: Millis) -> Request {
    let mut writes = vec![free_slot(slot, fence, (Guard::VacateSameLease, Condition::SlotLease(fence)))];
    writes.extend(join(terms, now, give_up_at, vec![]));
    Request::Transact(writes)
}

/// A newer attempt takes over its holder's place in the queue. The older attempt's task was failed before.
pub(crate) fn replace(ticket: Ticket, older: Attempt, terms: &Terms, give_up_at: Millis) -> Request {
    let unchanged = vec![(Guard::ReplaceWaiterUnchanged, Condition::HolderWaits(ticket, older))];
    let place = WaitRow { ticket, holder: terms.holder.clone(), give_up_at };
    Request::Transact(vec![put(waiting(terms, ticket, give_up_at), unchanged), put(Row::Wait(place), vec![])])
}

/// A waiter leaves the queue. Its task was failed before.
pub(crate) fn leave(settings: &Settings, holder: &Holder, attempt: Attempt, ticket: Ticket, now: Millis) -> Request {
    let unchanged = vec![(Guard::LeaveWaiterUnchanged, Condition::HolderWaits(ticket, attempt))];
    Request::Transact(vec![put(tombstone(settings, holder, attempt, now), unchanged), remove_wait(ticket)])
}

/// A place in the queue that no holder's row points at goes. Only damage from outside makes one.
pub(crate) fn remove_orphan(ticket: Ticket) -> Request {
    Request::Write(remove_wait(ticket))
}

/// A lease ends later.
pub(crate) fn extend(slot: Slot, fence: Fence, expires_at: Millis, by_holder: Option<Millis>) -> Request {
    Request::Write(Write {
        key: Key::Slot(slot),
        conditions: vec![
            (Guard::RenewSameLease, Condition::SlotLease(fence)),
            (Guard::RenewNeverShortens, Condition::SlotExpiresBy(expires_at)),
        ],
        change: Change::Extend(expires_at, by_holder),
    })
}

/// The holder's notice arrived, or nobody waits for it any more.
pub(crate) fn confirm(slot: Slot, fence: Fence) -> Request {
    Request::Write(Write {
        key: Key::Slot(slot),
        conditions: vec![(Guard::ConfirmSameLease, Condition::SlotLease(fence))],
        change: Change::Confirm,
    })
}

/// What a sweep saw.
pub(crate) fn summarise(row: SummaryRow) -> Request {
    Request::Write(put(Row::Summary(row), vec![]))
}

/// An operator's change, on the one that was read.
pub(crate) fn change(row: OverrideRow, read: Option<&OverrideRow>) -> Request {
    let unchanged = vec![(Guard::ChangeUnchanged, Condition::OverrideMade(read.map(|read| read.at)))];
    Request::Write(put(Row::Override(row), unchanged))
}

/// The lease that lies on a slot, as its holder is told.
pub(crate) fn lease_on(settings: &Settings, slot: Slot, fence: Fence, held: &Held) -> Lease {
    Lease {
        id: LeaseId { prefix: settings.prefix.clone(), slot, fence },
        holder: held.holder.clone(),
        attempt: held.attempt,
        acquired_at: held.acquired_at,
        expires_at: held.expires_at,
    }
}

/// The lease that a claim, grant or regrant with these terms puts on a slot.
pub(crate) fn lease_to(settings: &Settings, slot: Slot, fence: Fence, terms: &Terms, now: Millis) -> Lease {
    lease_on(settings, slot, fence, &terms.held(now))
}
