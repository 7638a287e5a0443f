//! Writes of the protocol: which one changes what, on which conditions, and what for? All of them are here.
//!
//! What the conditions rest on, and the checker checks after every write: a holder's row says that it holds a
//! slot under a fence if and only if that slot is held by it under that fence; it says that it waits with a
//! ticket if and only if that place in the queue exists. So one condition speaks for both rows of a pair, and a
//! second one on the other row would guard nothing.

use std::sync::Arc;

use crate::request::{Condition, Guard, Intent, LeaseSpan, Mutation, Opening, Request, Write};
use crate::rows::{
    Held, HolderRow, HolderState, LiveRow, OverrideRow, PoolRow, Row, RowKey, SettingsRow, SlotRow, SummaryRow,
    WaitRow, Waiting,
};
use crate::settings::Settings;
use crate::time::{Millis, Timestamp};
use crate::types::{Attempt, Fence, Holder, Lease, LeaseId, Slot, TaskToken, Ticket};

/// Who gets a slot, and on what terms.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Terms {
    pub(crate) holder: Holder,
    pub(crate) attempt: Attempt,
    pub(crate) token: Option<TaskToken>,
    pub(crate) lease: Millis,
    pub(crate) label: Option<Arc<str>>,
}

impl Terms {
    fn held(&self, now: Timestamp) -> Held {
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

    fn holding(&self, slot: Slot, fence: Fence, now: Timestamp) -> Row {
        let state = HolderState::Holding { slot, fence, acquired_at: now, token: self.token.clone() };
        Row::Holder(HolderRow { holder: self.holder.clone(), attempt: self.attempt, state })
    }
}

type Conditions = Vec<(Guard, Condition)>;

fn put(row: Row, conditions: Conditions, intent: Intent) -> Write {
    Write { key: row.key(), conditions, mutation: Mutation::Put(row), intent }
}

fn delete(key: RowKey, conditions: Conditions, intent: Intent) -> Write {
    Write { key, conditions, mutation: Mutation::Delete, intent }
}

fn held_slot(slot: Slot, fence: Fence, held: Held, condition: (Guard, Condition), intent: Intent) -> Write {
    put(Row::Slot(SlotRow { slot, fence, held: Some(held) }), vec![condition], intent)
}

fn free_slot(slot: Slot, fence: Fence, condition: (Guard, Condition), intent: Intent) -> Write {
    put(Row::Slot(SlotRow { slot, fence, held: None }), vec![condition], intent)
}

/// The holder's row as a tombstone.
fn end_holder(
    settings: &Settings,
    holder: &Holder,
    attempt: Attempt,
    now: Timestamp,
    conditions: Conditions,
    intent: Intent,
) -> Write {
    let state = HolderState::Ended { ttl: now + settings.tombstone };
    put(Row::Holder(HolderRow { holder: holder.clone(), attempt, state }), conditions, intent)
}

fn remove_place(ticket: Ticket) -> Write {
    delete(RowKey::Wait(ticket), vec![], Intent::RemovePlace)
}

/// From when to when the lease was granted that lies there.
fn span(row: &SlotRow) -> Option<LeaseSpan> {
    row.held.as_ref().map(|held| LeaseSpan { acquired_at: held.acquired_at, expires_at: held.expires_at })
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
fn opened(from: &SlotRow, opening: Opening, unchanged: Guard) -> (Guard, Condition) {
    match (opening, &from.held) {
        (Opening::Expired, Some(held)) => {
            (Guard::ReclaimUnchanged, Condition::SlotExpires(from.fence, held.expires_at))
        }
        (Opening::Returned, _) => (Guard::ReleaseSameLease, Condition::SlotLease(from.fence)),
        _ => (unchanged, Condition::SlotFence(from.fence)),
    }
}

/// The write that puts a new lease on an open slot, and clears away whoever had it.
fn take(
    settings: &Settings,
    from: &SlotRow,
    condition: (Guard, Condition),
    intent: Intent,
    terms: &Terms,
    now: Timestamp,
) -> Vec<Write> {
    let mut writes = vec![held_slot(from.slot, from.fence.next(), terms.held(now), condition, intent)];
    if let Some(old) = from.held.as_ref().filter(|old| old.holder != terms.holder) {
        writes.push(end_holder(settings, &old.holder, old.attempt, now, vec![], Intent::EndHolder));
    }
    writes
}

/// A caller takes an open slot for itself.
pub(crate) fn claim(
    settings: &Settings,
    from: &SlotRow,
    opening: Opening,
    row: Option<&HolderRow>,
    terms: &Terms,
    now: Timestamp,
) -> Request {
    let condition = opened(from, opening, Guard::ClaimSlotUnchanged);
    let mut writes = take(settings, from, condition, Intent::Claim(opening, span(from)), terms, now);
    let unchanged = vec![(Guard::ClaimHolderUnchanged, as_read(row))];
    writes.push(put(terms.holding(from.slot, from.fence.next(), now), unchanged, Intent::PointToSlot));
    Request::Transact(writes)
}

/// An open slot goes to the waiter with this ticket.
pub(crate) fn grant(
    settings: &Settings,
    from: &SlotRow,
    opening: Opening,
    ticket: Ticket,
    terms: &Terms,
    now: Timestamp,
) -> Request {
    let condition = opened(from, opening, Guard::GrantSlotUnchanged);
    let mut writes = take(settings, from, condition, Intent::Grant(opening, span(from), ticket.at), terms, now);
    let unchanged = vec![(Guard::GrantWaiterUnchanged, Condition::HolderWaits(ticket, terms.attempt))];
    writes.push(put(terms.holding(from.slot, from.fence.next(), now), unchanged, Intent::PointToSlot));
    writes.push(remove_place(ticket));
    Request::Transact(writes)
}

/// A slot is free again: given back, or expired with nobody to take it.
pub(crate) fn free(settings: &Settings, from: &SlotRow, opening: Opening, now: Timestamp) -> Request {
    let condition = opened(from, opening, Guard::ReleaseSameLease);
    let mut writes = vec![free_slot(from.slot, from.fence, condition, Intent::Free(opening, span(from)))];
    writes.extend(
        from.held.as_ref().map(|held| end_holder(settings, &held.holder, held.attempt, now, vec![], Intent::EndHolder)),
    );
    Request::Transact(writes)
}

/// The same holder, on a newer attempt, keeps its slot under the next fence.
pub(crate) fn regrant(slot: Slot, fence: Fence, terms: &Terms, now: Timestamp) -> Request {
    let same = (Guard::RegrantSameLease, Condition::SlotLease(fence));
    Request::Transact(vec![
        held_slot(slot, fence.next(), terms.held(now), same, Intent::Regrant),
        put(terms.holding(slot, fence.next(), now), vec![], Intent::PointToSlot),
    ])
}

fn waiting(terms: &Terms, ticket: Ticket, give_up_at: Timestamp) -> Row {
    let state = HolderState::Waiting(Waiting {
        ticket,
        give_up_at,
        token: terms.token.clone(),
        lease: terms.lease,
        label: terms.label.clone(),
    });
    Row::Holder(HolderRow { holder: terms.holder.clone(), attempt: terms.attempt, state })
}

fn join(terms: &Terms, now: Timestamp, give_up_at: Timestamp, conditions: Conditions) -> [Write; 2] {
    let ticket = Ticket { at: now, own: terms.holder.hashed().own };
    let place = WaitRow { ticket, holder: terms.holder.clone(), give_up_at };
    let pointer = put(waiting(terms, ticket, give_up_at), conditions, Intent::PointToPlace);
    [pointer, put(Row::Wait(place), vec![], Intent::Enqueue)]
}

/// A caller joins the queue.
pub(crate) fn enqueue(row: Option<&HolderRow>, terms: &Terms, now: Timestamp, give_up_at: Timestamp) -> Request {
    let unchanged = vec![(Guard::EnqueueHolderUnchanged, as_read(row))];
    Request::Transact(join(terms, now, give_up_at, unchanged).into())
}

/// A holder whose slot lies above the effective limit gives it up and joins the queue, in one.
pub(crate) fn vacate(slot: Slot, fence: Fence, terms: &Terms, now: Timestamp, give_up_at: Timestamp) -> Request {
    let same = (Guard::VacateSameLease, Condition::SlotLease(fence));
    let mut writes = vec![free_slot(slot, fence, same, Intent::Vacate)];
    writes.extend(join(terms, now, give_up_at, vec![]));
    Request::Transact(writes)
}

/// A newer attempt takes over its holder's place in the queue. The older attempt's task was failed before.
pub(crate) fn replace(ticket: Ticket, older: Attempt, terms: &Terms, give_up_at: Timestamp) -> Request {
    let unchanged = vec![(Guard::ReplaceWaiterUnchanged, Condition::HolderWaits(ticket, older))];
    let place = WaitRow { ticket, holder: terms.holder.clone(), give_up_at };
    let pointer = put(waiting(terms, ticket, give_up_at), unchanged, Intent::Replace);
    Request::Transact(vec![pointer, put(Row::Wait(place), vec![], Intent::Replace)])
}

/// A waiter leaves the queue. Its task was failed before.
pub(crate) fn leave(settings: &Settings, holder: &Holder, attempt: Attempt, ticket: Ticket, now: Timestamp) -> Request {
    let unchanged = vec![(Guard::LeaveWaiterUnchanged, Condition::HolderWaits(ticket, attempt))];
    Request::Transact(vec![end_holder(settings, holder, attempt, now, unchanged, Intent::Leave), remove_place(ticket)])
}

/// A place in the queue that no holder's row points at goes. Only damage from outside makes one.
pub(crate) fn remove_orphan(ticket: Ticket) -> Request {
    Request::Write(remove_place(ticket))
}

/// A lease ends later.
pub(crate) fn extend(slot: Slot, fence: Fence, expires_at: Timestamp, by_holder: Option<Timestamp>) -> Request {
    Request::Write(Write {
        key: RowKey::Slot(slot),
        conditions: vec![
            (Guard::RenewSameLease, Condition::SlotLease(fence)),
            (Guard::RenewNeverShortens, Condition::SlotExpiresBy(expires_at)),
        ],
        mutation: Mutation::Extend(expires_at, by_holder),
        intent: if by_holder.is_some() { Intent::Renew } else { Intent::Extend },
    })
}

/// The holder's callback arrived, or nobody waits for it any more.
pub(crate) fn confirm(slot: Slot, fence: Fence) -> Request {
    Request::Write(Write {
        key: RowKey::Slot(slot),
        conditions: vec![(Guard::ConfirmSameLease, Condition::SlotLease(fence))],
        mutation: Mutation::Confirm,
        intent: Intent::Confirm,
    })
}

/// What a sweep saw.
pub(crate) fn summarise(row: SummaryRow) -> Request {
    Request::Write(put(Row::Summary(row), vec![], Intent::Summarise))
}

/// The condition under which the override is as it was read.
fn live_as_read(live: Option<&LiveRow>) -> Condition {
    match live {
        None => Condition::OverrideMade(None),
        Some(LiveRow::Valid(row)) => Condition::OverrideMade(Some(row.at)),
        Some(LiveRow::Unreadable(row)) => Condition::OverrideUnreadable(row.clone()),
    }
}

fn settings_as_read(settings: Option<&SettingsRow>) -> Condition {
    Condition::SettingsAre(settings.cloned().map(Box::new))
}

/// An operator overrides the limit, where both of the pool's own rows are as they were read.
pub(crate) fn set_limit(row: OverrideRow, live: Option<&LiveRow>, settings: &SettingsRow) -> Request {
    let unchanged = vec![(Guard::SetLimitOverrideUnchanged, live_as_read(live))];
    let same_pool = vec![(Guard::SetLimitPoolUnchanged, settings_as_read(Some(settings)))];
    let check = Write { key: RowKey::Pool, conditions: same_pool, mutation: Mutation::Check, intent: Intent::SetLimit };
    Request::Transact(vec![put(Row::Override(row), unchanged, Intent::SetLimit), check])
}

/// An operator ends the override. Both in one, as callers may follow its limit until everyone surely follows the pool's
/// own, and nothing but the pool's row can then tell.
pub(crate) fn end_override(live: &LiveRow, settings: &SettingsRow, after: PoolRow) -> Request {
    let unchanged = vec![(Guard::EndOverrideUnchanged, live_as_read(Some(live)))];
    let same_pool = vec![(Guard::EndOverridePoolUnchanged, settings_as_read(Some(settings)))];
    Request::Transact(vec![
        delete(RowKey::Override, unchanged, Intent::EndOverride),
        put(Row::Pool(after), same_pool, Intent::EndOverride),
    ])
}

/// The pool's settings are set, where they are as they were read.
pub(crate) fn set_pool(row: PoolRow, read: Option<&SettingsRow>) -> Request {
    Request::Write(put(Row::Pool(row), vec![(Guard::SetPoolUnchanged, settings_as_read(read))], Intent::SetPool))
}

/// The pool is retired: its own rows go, its slots stay.
pub(crate) fn retire_pool() -> Request {
    let own_rows = [RowKey::Pool, RowKey::Override, RowKey::Summary];
    Request::Transact(own_rows.map(|key| delete(key, vec![], Intent::RetirePool)).into())
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
pub(crate) fn lease_to(settings: &Settings, slot: Slot, fence: Fence, terms: &Terms, now: Timestamp) -> Lease {
    lease_on(settings, slot, fence, &terms.held(now))
}
