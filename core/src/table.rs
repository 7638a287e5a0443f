//! What is asked of the table, and what may it answer? Rows, requests, conditions and replies as data.
//!
//! No DynamoDB syntax here: `leasehold-store` turns these into its API, `leasehold-sim` serves them from memory.
//! All requests of one machine go to one pool, so the prefix is known by whoever runs it.

use std::sync::Arc;

use crate::nouns::{Attempt, Fence, Holder, HolderKey, Limit, Millis, Slot, Ticket, Token};
use crate::settings::Lowered;

/// Where one row lies within its pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// The settings.
    Pool,
    /// An operator's live change.
    Override,
    /// What the last sweep saw.
    Summary,
    /// One slot.
    Slot(Slot),
    /// One holder.
    Holder(HolderKey),
    /// One place in the queue.
    Wait(Ticket),
}

/// A row, whole.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Row {
    /// The settings.
    Pool(PoolRow),
    /// An operator's live change.
    Override(OverrideRow),
    /// What the last sweep saw.
    Summary(SummaryRow),
    /// One slot.
    Slot(SlotRow),
    /// One holder.
    Holder(HolderRow),
    /// One place in the queue.
    Wait(WaitRow),
}

impl Row {
    /// Where it lies.
    pub fn key(&self) -> Key {
        match self {
            Row::Pool(_) => Key::Pool,
            Row::Override(_) => Key::Override,
            Row::Summary(_) => Key::Summary,
            Row::Slot(row) => Key::Slot(row.slot),
            Row::Holder(row) => Key::Holder(row.holder.hashed()),
            Row::Wait(row) => Key::Wait(row.ticket),
        }
    }
}

/// A pool's settings, kept by Terraform or `leasehold pool set`. What is absent has a default.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PoolRow {
    /// How many may hold at once.
    pub limit: Limit,
    /// The limit before, where whoever lowered it wrote that down.
    pub lowered: Option<Lowered>,
    /// How long a lease lasts.
    pub lease: Option<Millis>,
    /// The most that two clocks differ.
    pub grace: Option<Millis>,
    /// Settings cache + longest operation.
    pub quiet: Option<Millis>,
    /// How long a waiter may wait.
    pub longest_wait: Option<Millis>,
    /// How long sweeps may keep a lease alive.
    pub longest_hold: Option<Millis>,
    /// The time between two sweeps.
    pub sweep_every: Option<Millis>,
}

impl PoolRow {
    /// A pool with this limit and every default.
    pub fn new(limit: Limit) -> Self {
        PoolRow {
            limit,
            lowered: None,
            lease: None,
            grace: None,
            quiet: None,
            longest_wait: None,
            longest_hold: None,
            sweep_every: None,
        }
    }
}

/// A live change by an operator. It wins over the settings and survives a deploy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OverrideRow {
    /// The limit in force.
    pub limit: Limit,
    /// The highest limit that callers may still be using.
    pub lowered: Option<Lowered>,
    /// When it was made.
    pub at: Millis,
    /// Who made it.
    pub who: Arc<str>,
    /// Why.
    pub why: Arc<str>,
}

/// What the last sweep saw, for the directory of pools.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SummaryRow {
    /// When.
    pub at: Millis,
    /// The limit in force.
    pub limit: Limit,
    /// How many slots were held by a lease that had not expired.
    pub held: u32,
    /// How many waited, up to 100.
    pub waiting: u32,
    /// Whether more than that waited.
    pub waiting_more: bool,
    /// Since when the first in the queue waits.
    pub oldest_wait: Option<Millis>,
}

/// A slot. A row that does not exist is a free slot with fence 0.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SlotRow {
    /// Which.
    pub slot: Slot,
    /// Its generation: that of the lease while held, of the last one while free.
    pub fence: Fence,
    /// Who holds it.
    pub held: Option<Held>,
}

/// The lease that lies on a slot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Held {
    /// Whose.
    pub holder: Holder,
    /// For which attempt.
    pub attempt: Attempt,
    /// Since when.
    pub acquired_at: Millis,
    /// Until when.
    pub expires_at: Millis,
    /// When the holder itself last renewed it: a sign that this attempt runs.
    pub renewed_at: Option<Millis>,
    /// The holder's notice is not known to have arrived. Its token lies on the holder's row.
    pub unconfirmed: bool,
    /// Shown to people.
    pub label: Option<Arc<str>>,
}

/// What is known of one holder.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HolderRow {
    /// Who, in full: a hash may collide, ids do not.
    pub holder: Holder,
    /// The newest attempt seen.
    pub attempt: Attempt,
    /// What it does.
    pub state: HolderState,
}

/// What a holder does: its row is the pointer to its slot or its place in the queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HolderState {
    /// Waits in the queue.
    Waiting(Waiting),
    /// Holds a slot.
    Holding {
        /// Which.
        slot: Slot,
        /// Under which fence.
        fence: Fence,
        /// Since when.
        acquired_at: Millis,
        /// Where its notice goes, if it was asked for with one.
        token: Option<Token>,
    },
    /// Over: a tombstone, so that a late copy of this attempt changes nothing.
    Ended {
        /// When the row may be deleted.
        ttl: Millis,
    },
}

/// What the granter of a waiter's lease needs to know of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Waiting {
    /// Its place in the queue.
    pub ticket: Ticket,
    /// When its task is failed if nothing was granted.
    pub give_up_at: Millis,
    /// Where its notice goes; without one it looks at this row itself.
    pub token: Option<Token>,
    /// How long a lease it asked for.
    pub lease: Millis,
    /// Shown to people.
    pub label: Option<Arc<str>>,
}

/// A place in the queue. Only when it gives up can change: all else that can lies on the holder's row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WaitRow {
    /// The place; it also says since when.
    pub ticket: Ticket,
    /// Who waits.
    pub holder: Holder,
    /// When it gives up, as the holder's row says too.
    pub give_up_at: Millis,
}

/// One request. Those asked together are independent: they may be served in any order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// One row, strongly consistent. Answered by `Row`.
    Get(Key),
    /// All slot rows, in order, strongly consistent. Answered by `Slots`.
    Slots,
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
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Write {
    /// Which row.
    pub key: Key,
    /// What must hold, each named by the promise it guards.
    pub conditions: Vec<(Guard, Condition)>,
    /// What is done.
    pub change: Change,
}

/// What must hold of a row for its write to happen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// A slot: its fence is this one (0: or there is no row).
    SlotFence(Fence),
    /// A slot: held, under this fence.
    SlotLease(Fence),
    /// A slot: held under this fence, by a lease that expires exactly then.
    SlotExpires(Fence, Millis),
    /// A slot: its lease expires then or before.
    SlotExpiresBy(Millis),
    /// A holder: there is no row.
    HolderAbsent,
    /// A holder: a tombstone of this attempt.
    HolderEnded(Attempt),
    /// A holder: waits with this ticket, for this attempt.
    HolderWaits(Ticket, Attempt),
    /// A holder: points at this slot and fence.
    HolderHolds(Slot, Fence),
    /// The override: made then (none: there is no row).
    OverrideMade(Option<Millis>),
}

/// What is done to a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// This is the row now.
    Put(Row),
    /// There is no row any more.
    Delete,
    /// A slot's lease expires then instead; the second is set when the holder itself asked.
    Extend(Millis, Option<Millis>),
    /// A slot's notice arrived, or nobody waits for it.
    Confirm,
}

/// Each condition of each write by name. What each keeps from happening is proven by taking it away:
/// the checker's tests do so one by one, from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guard {
    /// Claiming: nobody was granted the slot since it was seen.
    ClaimSlotUnchanged,
    /// Claiming: the holder did nothing else since it was seen.
    ClaimHolderUnchanged,
    /// Reclaiming: the lease is the one seen to be expired, and was not renewed since.
    ReclaimUnchanged,
    /// Granting to a waiter: the free slot was granted to nobody since it was seen.
    GrantSlotUnchanged,
    /// Granting to a waiter: it still waits, on the attempt that was read.
    GrantWaiterUnchanged,
    /// Handing over or freeing: the lease is still the one that is released.
    ReleaseSameLease,
    /// Granting again in place: the lease is still the one that was seen.
    RegrantSameLease,
    /// Giving up a slot above the limit to wait again: the lease is still the one that was seen.
    VacateSameLease,
    /// Renewing: the lease is still the caller's.
    RenewSameLease,
    /// Renewing: never to an earlier end than somebody was told.
    RenewNeverShortens,
    /// Joining the queue: the holder did nothing else since it was seen.
    EnqueueHolderUnchanged,
    /// A newer attempt takes over the place in the queue: nobody else changed it since it was seen.
    ReplaceWaiterUnchanged,
    /// Leaving the queue: it still waits, on the attempt whose token was failed.
    LeaveWaiterUnchanged,
    /// Confirming: the slot still carries the lease that was told.
    ConfirmSameLease,
    /// Changing the limit: nobody else changed it since it was read.
    ChangeUnchanged,
}

/// The table's answer to one request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    /// To `Get`.
    Row(Option<Row>),
    /// To `Slots`.
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
