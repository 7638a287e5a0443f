//! Requests of the table: what is it asked, under which conditions, what for, and what may it answer?
//!
//! No DynamoDB syntax here: `leasehold-store` turns these into its API, `leasehold-sim` serves them from memory.
//! All requests of one machine go to one pool, so its name is known by whoever runs it.

use std::hash::{Hash, Hasher};

use crate::rows::{HighWaterRow, HolderRow, Row, RowKey, SettingsRow, SlotRow, Unreadable, WaitRow};
use crate::time::Timestamp;
use crate::types::{Attempt, Fence, Slot, TaskDigest, Ticket};

/// One request. Those asked together are independent: they may be served in any order.
#[allow(clippy::large_enum_variant, reason = "a step has few, and each is sent once")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// One row, strongly consistent. Answered by `Row`.
    Get(RowKey),
    /// The slot rows from the first to the second, both included, in order, strongly consistent. Answered by `Slots`.
    Slots(Slot, Slot),
    /// The first so many of the queue, strongly consistent. Answered by `Queue`.
    Queue(u32),
    /// The first so many holder rows of a group, strongly consistent. Answered by `Holders`.
    Holders {
        /// The group.
        group: u128,
        /// Only those whose own hash comes after this one.
        after: Option<u128>,
        /// How many at most.
        limit: u32,
    },
    /// One conditional write. Answered by `Written`, `Refused`, or by what went wrong.
    Write(Write),
    /// Several writes on different rows, all or nothing. Answered as `Write`.
    Transact(Vec<Write>),
}

impl Request {
    /// All slot rows.
    pub const ALL_SLOTS: Request = Request::Slots(Slot(0), Slot(u32::MAX));

    /// The writes in it.
    pub fn writes(&self) -> &[Write] {
        match self {
            Request::Write(write) => std::slice::from_ref(write),
            Request::Transact(writes) => writes,
            _ => &[],
        }
    }
}

/// A change of one row, made only if all its conditions hold.
#[derive(Clone, Debug)]
pub struct Write {
    /// Which row.
    pub key: RowKey,
    /// What must hold, each named by the promise it guards.
    pub conditions: Vec<(Guard, Condition)>,
    /// What is done.
    pub mutation: Mutation,
    /// What it is for. Derived from the rest, so it counts neither in comparisons nor in hashes.
    pub intent: Intent,
}

impl PartialEq for Write {
    fn eq(&self, other: &Self) -> bool {
        let Write { key, conditions, mutation, intent: _ } = self;
        (key, conditions, mutation) == (&other.key, &other.conditions, &other.mutation)
    }
}

impl Eq for Write {}

impl Hash for Write {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Write { key, conditions, mutation, intent: _ } = self;
        (key, conditions, mutation).hash(state);
    }
}

/// What must hold of a row for its write to happen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// A slot: its fence is this one.
    SlotFence(Fence),
    /// A slot: there is no row, or it is free, under this fence.
    SlotAbsentOrFree(Fence),
    /// A slot: held, under this fence.
    SlotLease(Fence),
    /// A slot: held under this fence, by a lease that expires exactly then.
    SlotExpires(Fence, Timestamp),
    /// A slot: held under this fence, by a holder that last renewed it then (none: never).
    SlotRenewed(Fence, Option<Timestamp>),
    /// A slot: held under this fence, by a holder that needs no callback from anybody else any more.
    SlotConfirmed(Fence),
    /// A slot: held under this fence, by a holder whose callback may still have to be sent.
    SlotPending(Fence),
    /// A slot: held under this fence, by a holder that nobody but its granter can have told.
    SlotUntold(Fence),
    /// A slot: free, under this fence.
    SlotFree(Fence),
    /// A slot: its lease expires then or before.
    SlotExpiresBy(Timestamp),
    /// A holder: there is no row.
    HolderAbsent,
    /// A holder: a tombstone of this attempt.
    HolderEnded(Attempt),
    /// A holder: waits with this ticket, for this attempt.
    HolderWaits(Ticket, Attempt),
    /// A holder: points at this slot and fence.
    HolderHolds(Slot, Fence),
    /// A place in the queue: this attempt's (none: there is no row).
    PlaceOf(Option<Attempt>),
    /// The high-water mark: exactly this, or no row.
    HighWaterIs(Option<HighWaterRow>),
    /// The high-water mark: still the one that cannot be read, as it lies there.
    HighWaterUnreadable(Box<Unreadable>),
    /// The override: made then (none: there is no row).
    OverrideMade(Option<Timestamp>),
    /// The pool's settings: exactly these, or no row. One that cannot be read is compared as it lies there.
    SettingsAre(Option<Box<SettingsRow>>),
    /// The override: still the one that cannot be read, as it lies there.
    OverrideUnreadable(Unreadable),
}

/// What is done to a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Mutation {
    /// This is the row now.
    Put(Row),
    /// There is no row any more.
    Delete,
    /// A slot's lease expires then instead; the second is set when the holder itself asked.
    Extend(Timestamp, Option<Timestamp>),
    /// A slot's callback arrived, or nobody waits for it: this task's.
    Confirm(TaskDigest),
    /// A slot's callback is about to be sent again.
    MayBeTold,
    /// A holder without a token came for its lease, which now lasts until then.
    Collect(Timestamp),
    /// Nothing: only its conditions count.
    Check,
}

/// Each condition of each write by name. What each keeps from happening is proven by taking it away:
/// the checker's tests do so one by one, from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each is explained by its meaning, below")]
pub enum Guard {
    ClaimSlotUnchanged,
    ClaimHolderUnchanged,
    ReclaimUnchanged,
    GrantSlotUnchanged,
    GrantWaiterUnchanged,
    ReleaseSameLease,
    ReleaseConfirmed,
    ReturnUntold,
    ReturnUnrenewed,
    RegrantSameLease,
    CollectSameLease,
    RenewSameLease,
    RenewNeverShortens,
    EnqueueHolderUnchanged,
    ReplaceWaiterUnchanged,
    PutPlaceUnchanged,
    RemoveSamePlace,
    LeaveWaiterUnchanged,
    /// On a place whose holder leaves.
    LeaveSamePlace,
    ConfirmSameLease,
    RaiseHighWaterUnchanged,
    LowerHighWaterUnchanged,
    FoldSlotFree,
    SetLimitOverrideUnchanged,
    SetLimitPoolUnchanged,
    EndOverrideUnchanged,
    EndOverridePoolUnchanged,
    SetPoolUnchanged,
    ClearOverrideUnchanged,
}

impl Guard {
    /// What it makes sure of, in words for a person.
    pub const fn meaning(self) -> &'static str {
        match self {
            Guard::ClaimSlotUnchanged => "the slot has been granted to nobody since it was read as free",
            Guard::ClaimHolderUnchanged => {
                "the holder's row has not changed since it was read, so no holder ever has two leases"
            }
            Guard::ReclaimUnchanged => {
                "the slot still carries the expired lease that was read, and nobody has renewed it"
            }
            Guard::GrantSlotUnchanged => "the slot has been granted to nobody else since it was read as free",
            Guard::GrantWaiterUnchanged => "the waiter still waits, with the attempt that was read",
            Guard::ReleaseSameLease => {
                "the slot still carries the lease that is given back, so a late release frees nobody else's slot"
            }
            Guard::ReleaseConfirmed => {
                "the slot still carries the lease that is given back, and no callback to its holder is still to be sent"
            }
            Guard::ReturnUntold => "only the caller that granted the lease has tried to tell the task, which is closed",
            Guard::ReturnUnrenewed => {
                "the holder has not renewed the lease since its execution ended, so the execution was not redriven"
            }
            Guard::RegrantSameLease => {
                "the slot still carries the lease that was read and is granted again to the same holder"
            }
            Guard::CollectSameLease => "the slot still carries the lease that its holder collects",
            Guard::RenewSameLease => {
                "the slot still carries the caller's lease, so a caller that has lost its lease cannot extend it"
            }
            Guard::RenewNeverShortens => "the lease does not already last longer, so a renewal never shortens a lease",
            Guard::EnqueueHolderUnchanged => {
                "the holder's row has not changed since it was read, so no holder ever waits twice"
            }
            Guard::ReplaceWaiterUnchanged => "the place in the queue has not changed since it was read",
            Guard::PutPlaceUnchanged => "no other attempt has its place there, so no task is left without an answer",
            Guard::RemoveSamePlace => {
                "the place in the queue still belongs to the attempt that was read and waits no longer"
            }
            Guard::LeaveWaiterUnchanged => "the waiter still waits, with the attempt that was read",
            Guard::LeaveSamePlace => "the place in the queue still belongs to the task that has been failed",
            Guard::ConfirmSameLease => {
                "the slot still carries the lease whose holder was told, and nobody else has confirmed it"
            }
            Guard::RaiseHighWaterUnchanged => "nobody has lowered the high-water mark since it was read",
            Guard::LowerHighWaterUnchanged => "nobody has raised the high-water mark since it was read",
            Guard::FoldSlotFree => "the slot above the limit has been granted to nobody since it was read as free",
            Guard::SetLimitOverrideUnchanged => "nobody else has changed the limit since it was read",
            Guard::SetLimitPoolUnchanged => "nobody has set or retired the pool since it was read",
            Guard::EndOverrideUnchanged => "the override is still the one that was read",
            Guard::EndOverridePoolUnchanged => "nobody has set or retired the pool since it was read",
            Guard::SetPoolUnchanged => "nobody else has set or retired the pool since it was read",
            Guard::ClearOverrideUnchanged => "the override is still the one that has ended by itself",
        }
    }
}

/// What a write is for, set where the write is made. Where a slot changes hands it says why the slot was open, and
/// which lease ends with that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Intent {
    /// A caller takes an open slot for itself.
    Claim(Opening, Option<LeaseSpan>),
    /// An open slot goes to a waiter, which waits since then.
    Grant(Opening, Option<LeaseSpan>, Timestamp),
    /// A slot is free again.
    Free(Opening, Option<LeaseSpan>),
    /// The same holder keeps its slot on a newer attempt.
    Regrant,
    /// The holder's row points at what it now holds.
    PointToSlot,
    /// The holder's row is kept for longer.
    PointLonger,
    /// The holder's row points at its place in the queue.
    PointToPlace,
    /// A waiter leaves the queue.
    Leave,
    /// A newer attempt takes over its holder's place in the queue.
    Replace,
    /// A place is put into the queue.
    Enqueue,
    /// A place is taken from the queue.
    RemovePlace,
    /// The holder's lease ends later, because the holder asked.
    Renew,
    /// The lease ends later without its holder having renewed it: its execution runs, or it asks again.
    Extend,
    /// The holder's callback arrived, or nobody waits for it.
    Confirm,
    /// The holder's callback is about to be sent again.
    Resend,
    /// A holder without a token comes for its lease.
    Collect,
    /// The high-water mark follows the limit.
    MoveHighWater,
    /// A slot above the limit is deleted.
    FoldSlot,
    /// What a sweep saw.
    Summarise,
    /// An operator overrides the limit.
    SetLimit,
    /// An operator ends the override.
    EndOverride,
    /// The pool's settings are set.
    SetPool,
    /// The pool is retired.
    RetirePool,
    /// An override that has lapsed is cleared away.
    ClearOverride,
    /// A change of the pool is noted in its history.
    NoteChange,
    /// A note is taken away, as there are many newer ones.
    ForgetChange,
}

/// Why a slot can be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opening {
    /// Nobody holds it.
    Free,
    /// Its lease expired longer than the grace ago.
    Expired,
    /// Its holder gives it back.
    Returned,
    /// Its holder's task was found closed before anybody told it.
    Untold,
    /// Its holder has ended, and had last renewed it then: it renews it again if it is redriven.
    Ended(Option<Timestamp>),
}

impl Opening {
    /// Whether its holder's lease is over before its time.
    pub const fn is_given_back(self) -> bool {
        matches!(self, Opening::Returned | Opening::Untold | Opening::Ended(_))
    }
}

/// From when to when a lease was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LeaseSpan {
    /// Since when.
    pub acquired_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

/// The table's answer to one request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    /// To `Get`.
    Row(Option<Row>),
    /// To `Slots`, those that have a row.
    Slots(Vec<SlotRow>),
    /// To `Queue`: the rows, and whether there are more.
    Queue(Vec<WaitRow>, bool),
    /// To `Holders`: the rows, and whether there are more.
    Holders(Vec<HolderRow>, bool),
    /// The write happened.
    Written,
    /// A condition failed and nothing happened. Per write: passed, or the row as it was.
    Refused(Vec<Refusal>),
    /// Another transaction was at work on a row: nothing happened, and no rows come back.
    Conflict,
    /// Too many requests: nothing happened.
    Throttled,
    /// No answer: a write may have happened, or may happen yet.
    Unknown,
    /// The table answered that it can't: nothing happened.
    Unavailable,
}

/// How one write of a refused request fared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Its conditions held.
    Passed,
    /// A condition failed; this is the row as it was.
    Failed(Option<Row>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_equal_whatever_they_are_for() {
        let write = |key, mutation, intent| Write { key, conditions: vec![], mutation, intent };
        let one = write(RowKey::Pool, Mutation::Delete, Intent::SetPool);
        assert_eq!(one, write(RowKey::Pool, Mutation::Delete, Intent::PointToSlot));
        assert_ne!(one, write(RowKey::Override, Mutation::Delete, Intent::SetPool));
        assert_ne!(one, write(RowKey::Pool, Mutation::Check, Intent::SetPool));
    }
}
