//! Rows of a pool: what does the table keep, and where does each row lie?
//!
//! No DynamoDB syntax and no attribute names: `leasehold-store` turns these into items, `leasehold-sim` keeps them in
//! memory. All rows of a pool lie under its name, which is therefore in no key here.

use std::sync::Arc;

use crate::history::{Author, HistoryKey, HistoryRow, PoolChange};
use crate::time::{Millis, Timestamp};
use crate::types::{Attempt, Fence, Holder, HolderKey, InvalidValue, Limit, Slot, TaskDigest, TaskToken, Ticket};

/// Where one row lies within its pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowKey {
    /// The settings.
    Pool,
    /// An operator's live change.
    Override,
    /// What the last sweep saw.
    Summary,
    /// Up to where there may be slots.
    HighWater,
    /// One slot.
    Slot(Slot),
    /// One holder.
    Holder(HolderKey),
    /// One place in the queue.
    Wait(Ticket),
    /// What is noted of one change of the pool.
    History(HistoryKey),
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
    /// Up to where there may be slots.
    HighWater(HighWaterRow),
    /// One slot.
    Slot(SlotRow),
    /// One holder.
    Holder(HolderRow),
    /// One place in the queue.
    Wait(WaitRow),
    /// What is noted of one change of the pool.
    History(HistoryRow),
    /// One of the pool's own rows that makes no sense.
    Unreadable(RowKey, Unreadable),
}

impl Row {
    /// Where it lies.
    pub fn key(&self) -> RowKey {
        match self {
            Row::Pool(_) => RowKey::Pool,
            Row::Override(_) => RowKey::Override,
            Row::Summary(_) => RowKey::Summary,
            Row::HighWater(_) => RowKey::HighWater,
            Row::Slot(row) => RowKey::Slot(row.slot),
            Row::Holder(row) => RowKey::Holder(row.holder.hashed()),
            Row::Wait(row) => RowKey::Wait(row.ticket),
            Row::History(row) => RowKey::History(row.key),
            Row::Unreadable(key, _) => *key,
        }
    }
}

/// Which value of a pool is wrong where its rows are of an edition of the protocol that this program does not know yet.
pub const NEWER_EDITION: &str = "edition of the pool's rows";

/// A row that lies there and makes no sense: damage from outside.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unreadable {
    /// What is wrong with it, in words.
    pub why: Arc<str>,
    /// The row as it lies there, in the table's own form: only compared, never read.
    pub image: Arc<[u8]>,
    /// The edition of the protocol that it says, where this program knows only older ones.
    pub newer_edition: Option<u64>,
    /// What of a pool's settings can be read all the same.
    pub remains: Box<PoolPatch>,
}

impl Unreadable {
    /// As the reason why a pool is misconfigured.
    pub(crate) fn as_invalid(&self, what: &'static str) -> InvalidValue {
        if let Some(edition) = self.newer_edition {
            let expected = "one that this program knows: use a newer leasehold";
            return InvalidValue { what: NEWER_EDITION, got: edition.to_string(), expected };
        }
        InvalidValue { what, got: format!("makes no sense ({})", self.why), expected: "a row that leasehold wrote" }
    }
}

/// What lies where a pool's settings should be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SettingsRow {
    /// Settings.
    Valid(PoolRow),
    /// A row that makes no sense.
    Unreadable(Unreadable),
}

/// What lies where an operator's override would be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LiveRow {
    /// An override.
    Valid(OverrideRow),
    /// A row that makes no sense.
    Unreadable(Unreadable),
}

/// The settings that a change names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PoolPatch {
    /// How many may hold at once.
    pub limit: Option<Limit>,
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

/// A limit that was lowered, and may still be in use until everyone surely follows the new one
/// ([`Settings::followed_at`](crate::Settings::followed_at)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lowered {
    /// The highest limit in force before.
    pub from: Limit,
    /// When it was lowered.
    pub at: Timestamp,
}

impl Lowered {
    /// The mark that `limit` leaves at `now` over a limit that nobody knows: any may be in use. None if no limit is higher.
    pub(crate) fn from_unknown(limit: Limit, now: Timestamp) -> Option<Lowered> {
        (limit < Limit::HIGHEST).then_some(Lowered { from: Limit::HIGHEST, at: now })
    }
}

/// A live change by an operator. It wins over the settings and survives a deploy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OverrideRow {
    /// The limit in force.
    pub limit: Limit,
    /// The highest limit that callers may still be using, and since when it is not in force.
    pub lowered: Option<Lowered>,
    /// When it was made.
    pub at: Timestamp,
    /// From when on the limit of the settings is in force again; none: until somebody ends it.
    pub until: Option<Timestamp>,
    /// Who made it.
    pub who: Arc<str>,
    /// Why.
    pub why: Arc<str>,
}

impl OverrideRow {
    /// The note on its lapse: always under the same key, so that whoever finds it lapsed notes it once.
    pub(crate) fn lapse(&self, to: Limit) -> HistoryRow {
        let OverrideRow { limit, at, until, who, why, .. } = self;
        let key = HistoryKey { at: until.unwrap_or(*at), own: at.0 };
        let change = PoolChange::Lapsed { from: *limit, to };
        HistoryRow { key, change, by: Author { who: who.clone(), why: why.clone() } }
    }

    /// Whether it gives the limit; else it has lapsed, and means nothing but that callers may still follow it.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// What the last sweep saw, for the directory of pools.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SummaryRow {
    /// When.
    pub at: Timestamp,
    /// The limit in force.
    pub limit: Limit,
    /// How many slots were held by a lease that had not expired.
    pub held: u32,
    /// How many waited, up to 100.
    pub waiting: u32,
    /// Whether more than that waited.
    pub waiting_more: bool,
    /// Since when the first in the queue waits.
    pub waiting_since: Option<Timestamp>,
}

/// Up to where there may be slots: nobody holds one at or above the high-water mark. Callers raise it before they use
/// a higher limit, and sweeps lower it once nobody can be following that limit and nothing is held up there. The slot
/// rows above it are deleted then, so it keeps the fence that they begin above when they are made again.
///
/// A row of its own, and never deleted: it outlives a pool that is retired and made again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct HighWaterRow {
    /// The number of slots that there may be.
    pub slots: u32,
    /// No slot that was deleted had a higher fence.
    pub fence: Fence,
    /// Since when a sweep sees a lower limit, and which.
    pub lower: Option<Lowering>,
}

/// A limit below the high-water mark, as sweeps see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lowering {
    /// The limit.
    pub to: Limit,
    /// Since when it is seen.
    pub since: Timestamp,
}

/// A slot. A row that does not exist is a free slot with the fence of the high-water mark.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SlotRow {
    /// Which.
    pub slot: Slot,
    /// Its generation: that of the lease while held, of the last one while free.
    pub fence: Fence,
    /// Who holds it.
    pub held: Option<Held>,
}

impl SlotRow {
    /// Whether a lease lies on it that has not expired.
    pub fn is_held_at(&self, now: Timestamp) -> bool {
        self.held.as_ref().is_some_and(|held| now < held.expires_at)
    }
}

/// The lease that lies on a slot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Held {
    /// Whose.
    pub holder: Holder,
    /// For which attempt.
    pub attempt: Attempt,
    /// Since when.
    pub acquired_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// When the holder itself last renewed it: a sign that this attempt runs.
    pub renewed_at: Option<Timestamp>,
    /// Whether the holder knows.
    pub notice: Notice,
    /// Shown to people.
    pub label: Option<Arc<str>>,
}

impl Held {
    /// The token whose task may not know yet that it has this lease: to be closed before anybody takes it away.
    pub fn open_token(&self) -> Option<&TaskToken> {
        match &self.notice {
            Notice::Claimed(token) | Notice::Untold(token) | Notice::MaybeTold(token) => Some(token),
            Notice::Asked | Notice::Uncollected | Notice::Confirmed(_) => None,
        }
    }

    /// The token whose task has to be told again if nobody says that it was told.
    pub fn pending_token(&self) -> Option<&TaskToken> {
        match &self.notice {
            Notice::Untold(token) | Notice::MaybeTold(token) => Some(token),
            Notice::Asked | Notice::Claimed(_) | Notice::Uncollected | Notice::Confirmed(_) => None,
        }
    }
}

/// Whether a holder knows that it has a lease.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Notice {
    /// It asked, and is told in the answer.
    Asked,
    /// It asked, and whoever asked for it tells its task: if that fails, the call fails, and with it the task. So nobody
    /// else tells it, and nobody has to note that it was told.
    Claimed(TaskToken),
    /// It waited without a token and has not come for its lease yet, which is a short one until it does.
    Uncollected,
    /// Nobody has told this task, except perhaps whoever granted the lease, once.
    Untold(TaskToken),
    /// This task may have been told more than once: an answer that it is closed says nothing of it.
    MaybeTold(TaskToken),
    /// This task was told, or it is closed and its execution runs.
    Confirmed(TaskDigest),
}

impl Notice {
    /// Which task asked for the lease, if one did.
    pub fn task(&self) -> Option<TaskDigest> {
        match self {
            Notice::Claimed(token) | Notice::Untold(token) | Notice::MaybeTold(token) => Some(token.digest()),
            Notice::Confirmed(task) => Some(*task),
            Notice::Asked | Notice::Uncollected => None,
        }
    }
}

/// What is known of one holder: where to look for what it has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HolderRow {
    /// Who, in full: a hash may collide, ids do not.
    pub holder: Holder,
    /// The newest attempt seen.
    pub attempt: Attempt,
    /// What it did last.
    pub state: HolderState,
    /// When the row may be deleted: far later than any copy of a call can be late.
    pub ttl: Timestamp,
}

/// What a holder did last: its row points at its slot or its place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HolderState {
    /// It waits. The row is written before the place in the queue, which is nothing without it.
    Waiting {
        /// Its place in the queue.
        ticket: Ticket,
        /// The task that is to be told, if one is.
        task: Option<TaskDigest>,
    },
    /// It was granted a slot. The slot is the truth: where that is not held under this fence, this attempt has ended.
    Holding {
        /// Which.
        slot: Slot,
        /// Under which fence.
        fence: Fence,
    },
    /// It left the queue: a tombstone, so that a late copy of this attempt changes nothing.
    Ended,
}

/// A place in the queue, with all that a granter needs to know. It counts only while its holder's row waits with this
/// ticket, on this attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WaitRow {
    /// The place; it also says since when.
    pub ticket: Ticket,
    /// Who waits.
    pub holder: Holder,
    /// On which attempt.
    pub attempt: Attempt,
    /// When its task is failed if nothing was granted.
    pub give_up_at: Timestamp,
    /// Where its callback goes; without one it looks at its holder's row itself.
    pub token: Option<TaskToken>,
    /// How long a lease it asked for.
    pub lease: Millis,
    /// Shown to people.
    pub label: Option<Arc<str>>,
}
