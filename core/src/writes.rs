//! Writes of the protocol: which one changes what, on which conditions, and what for? All of them are here.
//!
//! What the conditions rest on, and the checker checks after every write: while a slot is held under a fence, its holder's
//! row points at it under that fence. So one condition speaks for both, and a second one would guard nothing. The reverse
//! does not hold: a row that points at a slot which is not held under that fence is stale, and stays so, as no fence comes
//! twice. In the same way a place in the queue is nothing unless its holder's row waits with its ticket on its attempt.

use std::sync::Arc;

use crate::history::{HistoryKey, HistoryRow};
use crate::reads::OwnRows;
use crate::request::{Condition, Guard, Intent, LeaseSpan, Mutation, Opening, Request, Write};
use crate::rows::{
    Held, HighWaterRow, HolderRow, HolderState, LiveRow, Notice, OverrideRow, PoolRow, Row, RowKey, SettingsRow,
    SlotRow, SummaryRow, Unreadable, WaitRow,
};
use crate::settings::{Settings, Shortening};
use crate::time::{Millis, Timestamp};
use crate::types::{Attempt, Fence, Holder, Lease, LeaseId, Limit, Slot, TaskDigest, TaskToken, Ticket};

/// Who gets a slot, and on what terms.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Terms {
    pub(crate) holder: Holder,
    pub(crate) attempt: Attempt,
    pub(crate) notice: Notice,
    pub(crate) lease: Millis,
    pub(crate) label: Option<Arc<str>>,
}

impl Terms {
    /// Of a caller that asks and is told in the answer, or by this token.
    pub(crate) fn of_caller(
        holder: Holder,
        attempt: Attempt,
        token: Option<TaskToken>,
        lease: Millis,
        label: Option<Arc<str>>,
    ) -> Terms {
        Terms { holder, attempt, notice: token.map_or(Notice::Asked, Notice::Claimed), lease, label }
    }

    /// Of a waiter, as its place in the queue says. One without a token gets a short lease until it comes for it.
    pub(crate) fn of_waiter(settings: &Settings, place: &WaitRow) -> Terms {
        let (notice, lease) = match &place.token {
            Some(token) => (Notice::Untold(token.clone()), place.lease),
            None => (Notice::Uncollected, place.lease.min(settings.collect_within)),
        };
        Terms { holder: place.holder.clone(), attempt: place.attempt, notice, lease, label: place.label.clone() }
    }

    fn held(&self, now: Timestamp) -> Held {
        Held {
            holder: self.holder.clone(),
            attempt: self.attempt,
            acquired_at: now,
            expires_at: now + self.lease,
            renewed_at: None,
            notice: self.notice.clone(),
            label: self.label.clone(),
        }
    }

    fn pointer(&self, settings: &Settings, slot: Slot, fence: Fence, now: Timestamp) -> Row {
        holder_row(settings, &self.holder, self.attempt, HolderState::Holding { slot, fence }, now + self.lease)
    }
}

/// A holder's row that is kept until far after `until`.
fn holder_row(settings: &Settings, holder: &Holder, attempt: Attempt, state: HolderState, until: Timestamp) -> Row {
    // In whole seconds, as the table's TTL wants them; rounded up, as it must not go early.
    let kept = until + settings.tombstone + settings.longest_hold;
    let ttl = Timestamp(kept.0.div_ceil(1_000).saturating_mul(1_000));
    Row::Holder(HolderRow { holder: holder.clone(), attempt, state, ttl })
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

/// From when to when the lease was granted that lies there.
fn span(row: &SlotRow) -> Option<LeaseSpan> {
    row.held.as_ref().map(|held| LeaseSpan { acquired_at: held.acquired_at, expires_at: held.expires_at })
}

/// The condition under which a holder's row is as it was read.
fn as_read(row: Option<&HolderRow>) -> Condition {
    match row.map(|row| (row.state, row.attempt)) {
        None => Condition::HolderAbsent,
        Some((HolderState::Ended, attempt)) => Condition::HolderEnded(attempt),
        Some((HolderState::Waiting { ticket, .. }, attempt)) => Condition::HolderWaits(ticket, attempt),
        Some((HolderState::Holding { slot, fence }, _)) => Condition::HolderHolds(slot, fence),
    }
}

/// The condition under which an open slot is as it was seen.
fn opened(settings: &Settings, from: &SlotRow, opening: Opening, unchanged: Guard) -> (Guard, Condition) {
    match (opening, &from.held) {
        (Opening::Expired, Some(held)) => {
            (Guard::ReclaimUnchanged, Condition::SlotExpires(from.fence, held.expires_at))
        }
        (Opening::Returned, Some(_)) => (Guard::ReleaseSameLease, Condition::SlotLease(from.fence)),
        // Who gives it back has not read it: it vouches for no more than that it was told.
        (Opening::Returned, None) => (Guard::ReleaseConfirmed, Condition::SlotConfirmed(from.fence)),
        (Opening::Untold, _) => (Guard::ReturnUntold, Condition::SlotUntold(from.fence)),
        (Opening::Ended(renewed), _) => (Guard::ReturnUnrenewed, Condition::SlotRenewed(from.fence, renewed)),
        // One that was never granted has the high-water mark's fence, and no row. Who goes by an older mark may grant it under
        // that fence meanwhile: an unchanged fence does not say that it is free still.
        _ if from.fence == settings.lowest_fence() => (unchanged, Condition::SlotAbsentOrFree(from.fence)),
        _ => (unchanged, Condition::SlotFence(from.fence)),
    }
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
    let condition = opened(settings, from, opening, Guard::ClaimSlotUnchanged);
    let (fence, intent) = (from.fence.next(), Intent::Claim(opening, span(from)));
    let unchanged = vec![(Guard::ClaimHolderUnchanged, as_read(row))];
    Request::Transact(vec![
        held_slot(from.slot, fence, terms.held(now), condition, intent),
        put(terms.pointer(settings, from.slot, fence, now), unchanged, Intent::PointToSlot),
    ])
}

/// An open slot goes to the waiter with this ticket, whose place goes with it: whoever saw it there and relied on it, as it
/// was the first, would else wait behind nobody.
pub(crate) fn grant(
    settings: &Settings,
    from: &SlotRow,
    opening: Opening,
    ticket: Ticket,
    terms: &Terms,
    now: Timestamp,
) -> Request {
    let condition = opened(settings, from, opening, Guard::GrantSlotUnchanged);
    let (fence, intent) = (from.fence.next(), Intent::Grant(opening, span(from), ticket.at));
    let unchanged = vec![(Guard::GrantWaiterUnchanged, Condition::HolderWaits(ticket, terms.attempt))];
    Request::Transact(vec![
        held_slot(from.slot, fence, terms.held(now), condition, intent),
        put(terms.pointer(settings, from.slot, fence, now), unchanged, Intent::PointToSlot),
        delete(RowKey::Wait(ticket), vec![], Intent::RemovePlace),
    ])
}

/// A slot is free again: given back, or expired with nobody to take it. Its holder's row is stale from now on.
pub(crate) fn free(settings: &Settings, from: &SlotRow, opening: Opening) -> Request {
    let condition = opened(settings, from, opening, Guard::ReleaseSameLease);
    let row = Row::Slot(SlotRow { slot: from.slot, fence: from.fence, held: None });
    Request::Write(put(row, vec![condition], Intent::Free(opening, span(from))))
}

/// The same holder, on a newer attempt, keeps its slot under the next fence.
pub(crate) fn regrant(settings: &Settings, slot: Slot, fence: Fence, terms: &Terms, now: Timestamp) -> Request {
    let same = (Guard::RegrantSameLease, Condition::SlotLease(fence));
    Request::Transact(vec![
        held_slot(slot, fence.next(), terms.held(now), same, Intent::Regrant),
        put(terms.pointer(settings, slot, fence.next(), now), vec![], Intent::PointToSlot),
    ])
}

fn waiting(settings: &Settings, place: &WaitRow) -> Row {
    let task = place.token.as_ref().map(TaskToken::digest);
    let state = HolderState::Waiting { ticket: place.ticket, task };
    holder_row(settings, &place.holder, place.attempt, state, place.give_up_at)
}

/// A caller joins the queue: first its holder's row says so.
pub(crate) fn enqueue(settings: &Settings, row: Option<&HolderRow>, place: &WaitRow) -> Request {
    let unchanged = vec![(Guard::EnqueueHolderUnchanged, as_read(row))];
    Request::Write(put(waiting(settings, place), unchanged, Intent::PointToPlace))
}

/// A newer attempt takes over its holder's place in the queue: first the holder's row says so. The older attempt's task
/// was failed before.
pub(crate) fn replace(settings: &Settings, older: Attempt, place: &WaitRow) -> Request {
    let unchanged = vec![(Guard::ReplaceWaiterUnchanged, Condition::HolderWaits(place.ticket, older))];
    Request::Write(put(waiting(settings, place), unchanged, Intent::Replace))
}

/// The place in the queue that a holder's row says it has, where that of `instead` was, whose task is closed.
pub(crate) fn put_place(place: WaitRow, instead: Option<Attempt>) -> Request {
    let unchanged = vec![(Guard::PutPlaceUnchanged, Condition::PlaceOf(instead))];
    Request::Write(put(Row::Wait(place), unchanged, Intent::Enqueue))
}

/// A place that is nothing: whoever put it there was late.
pub(crate) fn remove_place(ticket: Ticket, attempt: Attempt) -> Request {
    let same = vec![(Guard::RemoveSamePlace, Condition::PlaceOf(Some(attempt)))];
    Request::Write(delete(RowKey::Wait(ticket), same, Intent::RemovePlace))
}

/// A waiter that is to leave the queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LeavingWaiter {
    pub(crate) holder: Holder,
    /// The attempt on which its row waits.
    pub(crate) attempt: Attempt,
    pub(crate) ticket: Ticket,
    /// The attempt of its place, whose task was failed; none: there is no place.
    pub(crate) place: Option<Attempt>,
}

/// A waiter leaves the queue, with its place. The task of that place was failed before: a newer attempt that took the place
/// over meanwhile has a task of its own.
pub(crate) fn leave(settings: &Settings, waiter: LeavingWaiter, now: Timestamp) -> Request {
    let LeavingWaiter { holder, attempt, ticket, place } = waiter;
    let unchanged = vec![(Guard::LeaveWaiterUnchanged, Condition::HolderWaits(ticket, attempt))];
    let same = vec![(Guard::LeaveSamePlace, Condition::PlaceOf(place))];
    Request::Transact(vec![
        put(holder_row(settings, &holder, attempt, HolderState::Ended, now), unchanged, Intent::Leave),
        delete(RowKey::Wait(ticket), same, Intent::RemovePlace),
    ])
}

fn change_lease(slot: Slot, conditions: Conditions, mutation: Mutation, intent: Intent) -> Request {
    Request::Write(Write { key: RowKey::Slot(slot), conditions, mutation, intent })
}

/// A lease ends later.
pub(crate) fn extend(slot: Slot, fence: Fence, expires_at: Timestamp, by_holder: Option<Timestamp>) -> Request {
    Request::Write(extension(slot, fence, expires_at, by_holder))
}

fn extension(slot: Slot, fence: Fence, expires_at: Timestamp, by_holder: Option<Timestamp>) -> Write {
    let conditions = vec![
        (Guard::RenewSameLease, Condition::SlotLease(fence)),
        (Guard::RenewNeverShortens, Condition::SlotExpiresBy(expires_at)),
    ];
    let intent = if by_holder.is_some() { Intent::Renew } else { Intent::Extend };
    Write { key: RowKey::Slot(slot), conditions, mutation: Mutation::Extend(expires_at, by_holder), intent }
}

/// A holder that waited without a token comes for its lease.
pub(crate) fn collect(slot: Slot, fence: Fence, expires_at: Timestamp) -> Request {
    let conditions = vec![
        (Guard::CollectSameLease, Condition::SlotLease(fence)),
        (Guard::RenewNeverShortens, Condition::SlotExpiresBy(expires_at)),
    ];
    change_lease(slot, conditions, Mutation::Collect(expires_at), Intent::Collect)
}

/// The holder's callback arrived, or nobody waits for it any more.
pub(crate) fn confirm(slot: Slot, fence: Fence, task: TaskDigest) -> Request {
    let same = vec![(Guard::ConfirmSameLease, Condition::SlotPending(fence))];
    change_lease(slot, same, Mutation::Confirm(task), Intent::Confirm)
}

/// The holder's callback is about to be sent again, by whoever writes this first.
pub(crate) fn may_be_told(slot: Slot, fence: Fence) -> Request {
    let pending = vec![(Guard::ConfirmSameLease, Condition::SlotPending(fence))];
    change_lease(slot, pending, Mutation::MayBeTold, Intent::Resend)
}

/// The high-water mark moves from where it was read.
pub(crate) fn move_high_water(from: Option<HighWaterRow>, to: HighWaterRow) -> Request {
    // Whoever raises it also takes back that it is about to be lowered.
    let higher = to.lower.is_none() && to.slots >= from.map_or(0, |from| from.slots);
    let guard = if higher { Guard::RaiseHighWaterUnchanged } else { Guard::LowerHighWaterUnchanged };
    Request::Write(put(Row::HighWater(to), vec![(guard, Condition::HighWaterIs(from))], Intent::MoveHighWater))
}

/// A mark that makes no sense is written anew. While it lies there nobody is granted a lease.
pub(crate) fn replace_high_water(found: Unreadable, to: HighWaterRow) -> Request {
    let unchanged = vec![(Guard::RaiseHighWaterUnchanged, Condition::HighWaterUnreadable(Box::new(found)))];
    Request::Write(put(Row::HighWater(to), unchanged, Intent::MoveHighWater))
}

/// A slot above the limit is deleted.
pub(crate) fn fold_slot(slot: Slot, fence: Fence) -> Request {
    let free = vec![(Guard::FoldSlotFree, Condition::SlotFree(fence))];
    Request::Write(delete(RowKey::Slot(slot), free, Intent::FoldSlot))
}

/// A holder's row points again at the lease that it has, where that still lies there and nothing else was written meanwhile.
pub(crate) fn point_again(
    settings: &Settings,
    (slot, fence): (Slot, Fence),
    (holder, attempt): (&Holder, Attempt),
    expires_at: Timestamp,
    found: Option<&HolderRow>,
) -> Request {
    let row = holder_row(settings, holder, attempt, HolderState::Holding { slot, fence }, expires_at);
    let unchanged = vec![(Guard::ClaimHolderUnchanged, as_read(found))];
    let same = vec![(Guard::RegrantSameLease, Condition::SlotLease(fence))];
    let check =
        Write { key: RowKey::Slot(slot), conditions: same, mutation: Mutation::Check, intent: Intent::PointToSlot };
    Request::Transact(vec![put(row, unchanged, Intent::PointToSlot), check])
}

/// The row of a lease's holder is written as it was, or anew if there is none, to be kept for longer. The slot is written as it
/// is, and not only checked: that needs no permission which callers lack.
pub(crate) fn point_longer(settings: &Settings, lease: &SlotRow, held: &Held, found: Option<&HolderRow>) -> Request {
    let SlotRow { slot, fence, .. } = *lease;
    let Held { expires_at, ref holder, attempt, .. } = *held;
    let row = holder_row(settings, holder, attempt, HolderState::Holding { slot, fence }, expires_at);
    let unchanged = vec![(Guard::ClaimHolderUnchanged, as_read(found))];
    Request::Transact(vec![put(row, unchanged, Intent::PointLonger), extension(slot, fence, expires_at, None)])
}

/// A free slot has a higher fence, as if a lease under that one had been given back.
pub(crate) fn raise_fence(slot: Slot, found: Option<Fence>, lowest: Fence, to: Fence) -> Request {
    let condition = match found {
        Some(fence) => Condition::SlotFree(fence),
        None => Condition::SlotAbsentOrFree(lowest),
    };
    let row = Row::Slot(SlotRow { slot, fence: to, held: None });
    Request::Write(put(row, vec![(Guard::ClaimSlotUnchanged, condition)], Intent::Free(Opening::Free, None)))
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

/// A change of the pool, noted with it.
fn note(row: HistoryRow) -> Write {
    put(Row::History(row), vec![], Intent::NoteChange)
}

/// An override that has lapsed, noted.
fn note_lapse(lapsed: &OverrideRow, to: Limit) -> Write {
    note(lapsed.lapse(to))
}

/// A note that is too old is taken away.
pub fn forget_change(key: HistoryKey) -> Request {
    Request::Write(delete(RowKey::History(key), vec![], Intent::ForgetChange))
}

/// An operator overrides the limit, where both of the pool's own rows are as they were read. The override before, if it
/// has `lapsed`, is noted too.
pub(crate) fn set_limit(
    row: OverrideRow,
    live: Option<&LiveRow>,
    settings: &SettingsRow,
    lapsed: Option<(&OverrideRow, Limit)>,
    noted: HistoryRow,
) -> Request {
    let unchanged = vec![(Guard::SetLimitOverrideUnchanged, live_as_read(live))];
    let same_pool = vec![(Guard::SetLimitPoolUnchanged, settings_as_read(Some(settings)))];
    let check = Write { key: RowKey::Pool, conditions: same_pool, mutation: Mutation::Check, intent: Intent::SetLimit };
    let writes = [put(Row::Override(row), unchanged, Intent::SetLimit), check, note(noted)];
    Request::Transact(writes.into_iter().chain(lapsed.map(|(lapsed, to)| note_lapse(lapsed, to))).collect())
}

/// An operator ends the override. Both in one, as callers may follow its limit until everyone surely follows the pool's
/// own, and nothing but the pool's row can then tell.
pub(crate) fn end_override(live: &LiveRow, settings: &SettingsRow, after: PoolRow, noted: HistoryRow) -> Request {
    let unchanged = vec![(Guard::EndOverrideUnchanged, live_as_read(Some(live)))];
    let same_pool = vec![(Guard::EndOverridePoolUnchanged, settings_as_read(Some(settings)))];
    Request::Transact(vec![
        delete(RowKey::Override, unchanged, Intent::EndOverride),
        put(Row::Pool(after), same_pool, Intent::EndOverride),
        note(noted),
    ])
}

/// An override that has lapsed is cleared away, once nobody can be following it any more: so nothing has to be kept of it.
pub(crate) fn clear_override(lapsed: &OverrideRow, to: Limit) -> Request {
    let unchanged = vec![(Guard::ClearOverrideUnchanged, Condition::OverrideMade(Some(lapsed.at)))];
    Request::Transact(vec![delete(RowKey::Override, unchanged, Intent::ClearOverride), note_lapse(lapsed, to)])
}

/// The pool's settings are set, where they are as they were read. Where a lowering settles in less time by them, so is the
/// override, whose lowering is dated later.
pub(crate) fn set_pool(row: PoolRow, read: &OwnRows, shortening: Option<Shortening>, noted: HistoryRow) -> Request {
    let unchanged = vec![(Guard::SetPoolUnchanged, settings_as_read(read.settings.as_ref()))];
    let mut writes = vec![put(Row::Pool(row), unchanged, Intent::SetPool), note(noted)];
    if let Some(shortening) = shortening {
        let mutation = match &read.live {
            Some(LiveRow::Valid(live)) => {
                let lowered = Some(shortening.keep(live.lowered, live.limit));
                Mutation::Put(Row::Override(OverrideRow { lowered, ..live.clone() }))
            }
            Some(LiveRow::Unreadable(_)) | None => Mutation::Check,
        };
        let conditions = vec![(Guard::SetLimitOverrideUnchanged, live_as_read(read.live.as_ref()))];
        writes.push(Write { key: RowKey::Override, conditions, mutation, intent: Intent::SetPool });
    }
    Request::Transact(writes)
}

/// The pool's settings are written again as they are, with all that a row of theirs has.
pub(crate) fn set_pool_again(row: PoolRow) -> Request {
    let there = SettingsRow::Valid(row.clone());
    let unchanged = vec![(Guard::SetPoolUnchanged, settings_as_read(Some(&there)))];
    Request::Write(put(Row::Pool(row), unchanged, Intent::SetPool))
}

/// The override is written again as it is, with all that a row of its kind has.
pub(crate) fn set_limit_again(row: OverrideRow) -> Request {
    let unchanged = vec![(Guard::SetLimitOverrideUnchanged, Condition::OverrideMade(Some(row.at)))];
    Request::Write(put(Row::Override(row), unchanged, Intent::SetLimit))
}

/// The pool is retired: its own rows go, its slots stay, and a high-water mark if there is none yet: a pool of this name
/// that is made later has to settle first.
pub(crate) fn retire_pool(mark: Option<HighWaterRow>, noted: HistoryRow) -> Request {
    let own_rows = [RowKey::Pool, RowKey::Override, RowKey::Summary];
    let deleted = own_rows.map(|key| delete(key, vec![], Intent::RetirePool));
    let unmarked = vec![(Guard::RaiseHighWaterUnchanged, Condition::HighWaterIs(None))];
    let marked = mark.map(|mark| put(Row::HighWater(mark), unmarked, Intent::RetirePool));
    Request::Transact(deleted.into_iter().chain([note(noted)]).chain(marked).collect())
}

/// The summary of a pool without settings is removed.
pub(crate) fn remove_summary() -> Request {
    Request::Write(delete(RowKey::Summary, vec![], Intent::RetirePool))
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
