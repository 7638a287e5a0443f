//! Occupancy of a pool: how full is it, who holds it and who waits? From rows to what a person wants to see.
//!
//! The terminal and the page draw an [`Occupancy`], and the log beside it lists the [`changes`] from one to the
//! next. Both are plain functions of the rows. No task token is in any of it.
//!
//! Moments (`…_at`, `since`) are on the clock of whoever wrote the row, lengths (`…_for`, `…_in`, `…_wait`) are seen
//! from the moment of the look. In JSON all of them end in `_ms` and are whole milliseconds.

mod difference;
pub mod series;
pub mod trace;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::rows::{Held, OverrideRow, SlotRow, SummaryRow, WaitRow};
use crate::settings::Settings;
use crate::status::Snapshot;
use crate::time::{Millis, Timestamp};
use crate::types::{Fence, Holder, Limit, PoolName, Slot};

pub use difference::{PastLease, PoolEvent, PoolEventKind, changes};

/// A pool at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occupancy {
    /// Which pool.
    pub prefix: PoolName,
    /// When its rows were read or, for a summary, when the sweep read them.
    #[serde(rename = "at_ms")]
    pub at: Timestamp,
    /// How closely it was looked at.
    pub detail: Detail,
    /// How many may hold a lease.
    pub limit: Limit,
    /// How many hold a lease that has not expired.
    pub held: u32,
    /// How many slots carry an expired lease that nobody has cleared away yet. In a summary: 0, as it does not say.
    pub expired: u32,
    /// How many slots could be granted at this moment.
    pub open: u32,
    /// How many wait, as far as they were counted.
    pub waiting: u32,
    /// More than those wait.
    pub waiting_more: bool,
    /// How long the first in the queue has waited, if someone waits.
    #[serde(rename = "oldest_wait_ms")]
    pub oldest_wait: Option<Millis>,
    /// All of it in one word.
    pub state: PoolState,
    /// While a lowered limit settles: until when the slots up to [`limit_was`](Occupancy::limit_was) count as held.
    #[serde(rename = "settles_at_ms", default, skip_serializing_if = "Option::is_none")]
    pub settles_at: Option<Timestamp>,
    /// While a lowered limit settles: the highest limit that callers may still follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_was: Option<Limit>,
    /// Every slot below the limit, and those above it that were ever granted, by number. Empty in a summary.
    pub slots: Vec<SlotView>,
    /// The first of the queue, in order. Empty in a summary.
    pub queue: Vec<WaiterView>,
    /// The override that gives the limit; also none where the override's row was not read.
    #[serde(rename = "override", default, skip_serializing_if = "Option::is_none")]
    pub overridden: Option<Overridden>,
}

/// Who set the limit by an override, when and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overridden {
    /// When.
    #[serde(rename = "at_ms")]
    pub at: Timestamp,
    /// Who.
    pub who: Arc<str>,
    /// Why, in their words.
    pub why: Arc<str>,
    /// When it ends by itself, if it does.
    #[serde(rename = "until_ms", default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl From<OverrideRow> for Overridden {
    fn from(OverrideRow { at, who, why, until, .. }: OverrideRow) -> Overridden {
        Overridden { at, who, why, until }
    }
}

/// How closely a pool was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Detail {
    /// Its slots and queue were read.
    Rows,
    /// Only what its last sweep counted.
    Summary,
}

/// A pool in one word; the most alarming first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolState {
    /// More hold a lease than the limit allows, or, while it settles, than the limit before. Where leases from before a
    /// lowering last longer than it takes to settle, this is right, and passes; at any other time the pool is broken.
    OverLimit,
    /// Someone waits and nothing moves, though the limit lets somebody in. Either a slot has been open for longer than the
    /// time between two sweeps and was not granted; or the first in the queue has waited for a whole lease duration plus
    /// grace, and nobody holds a lease that has not expired. Holders that live and take longer than their lease, which is
    /// renewed or extended, are no such case: the pool is full.
    ///
    /// A free slot does not say since when it is free: for it the first one's wait counts, so the moment
    /// between a raised limit and the grants may show as starving. No wait counts from before a lowered limit had settled,
    /// as nobody could be let in. A summary has no slots: only the first reason shows.
    Starving,
    /// The limit was lowered, perhaps by the end of an override, and not everybody surely follows yet: nobody is let in
    /// until [`settles_at`](Occupancy::settles_at), also where somebody gives a lease back.
    Settling,
    /// The limit is 0, and leases from before have not all ended; or somebody may still follow the limit before. A lease
    /// that was granted after that makes it [`OverLimit`](PoolState::OverLimit), as far as slots were read.
    Draining,
    /// The limit is 0, and nobody holds a lease: nobody is let in, whoever waits.
    Drained,
    /// No slot is open: they are held, or carry a lease that expired so lately that nobody else may have it yet. That some
    /// wait is normal here.
    Full,
    /// Slots are open: whoever waits is let in next.
    Ok,
    /// Nobody holds, nobody waits. Expired leases that nobody has cleared away yet are nobody's.
    Idle,
}

impl PoolState {
    /// All of them, in the order in which they are listed everywhere: the most alarming first.
    pub const ALL: [PoolState; 8] = [
        PoolState::OverLimit,
        PoolState::Starving,
        PoolState::Settling,
        PoolState::Draining,
        PoolState::Drained,
        PoolState::Full,
        PoolState::Ok,
        PoolState::Idle,
    ];

    /// In words for a person.
    pub fn as_str(self) -> &'static str {
        match self {
            PoolState::OverLimit => "over limit",
            PoolState::Starving => "starving",
            PoolState::Settling => "settling",
            PoolState::Draining => "draining",
            PoolState::Drained => "drained",
            PoolState::Full => "full",
            PoolState::Ok => "ok",
            PoolState::Idle => "idle",
        }
    }

    /// What it means, in a line for a person.
    pub fn meaning(self) -> &'static str {
        match self {
            PoolState::OverLimit => {
                "more hold a lease than the limit allows: leases from before it was lowered, else the pool is broken"
            }
            PoolState::Starving => {
                "somebody waits and nothing moves: a slot stays open, or nobody holds a living lease"
            }
            PoolState::Settling => "the limit was lowered, or an override ended: nobody is let in until the time shown",
            PoolState::Draining => "the limit is 0; leases from before last, or callers may still follow the old one",
            PoolState::Drained => "the limit is 0, and nobody holds a lease; nobody is let in",
            PoolState::Full => "no slot is free; that some wait is normal",
            PoolState::Ok => "slots are free; whoever waits is let in next",
            PoolState::Idle => "nobody holds a lease, nobody waits",
        }
    }
}

impl fmt::Display for PoolState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotView {
    /// Its number.
    pub slot: Slot,
    /// Its generation; 0 if it was never granted.
    pub fence: Fence,
    /// It lies above the limit: nobody is granted it.
    pub above_limit: bool,
    /// The lease that lies on it; none if it is free.
    pub lease: Option<LeaseView>,
}

/// The lease on a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseView {
    /// Whose.
    #[serde(with = "holder")]
    pub holder: Holder,
    /// What the holder wants shown.
    pub label: Option<Arc<str>>,
    /// Since when.
    #[serde(rename = "acquired_at_ms")]
    pub acquired_at: Timestamp,
    /// Until when it is the holder's.
    #[serde(rename = "expires_at_ms")]
    pub expires_at: Timestamp,
    /// From when on another may take it: the grace later.
    #[serde(rename = "lapses_at_ms")]
    pub lapses_at: Timestamp,
    /// When the holder itself last renewed it.
    #[serde(rename = "renewed_at_ms")]
    pub renewed_at: Option<Timestamp>,
    /// How long it has been held.
    #[serde(rename = "held_for_ms")]
    pub held_for: Millis,
    /// How long it still lasts; 0 once it has expired.
    #[serde(rename = "expires_in_ms")]
    pub expires_in: Millis,
    /// It has expired: it is not the holder's any more.
    pub expired: bool,
    /// It expired longer than the grace ago: another may take it.
    pub lapsed: bool,
    /// Another may take it, and its work may go on: sweeps were to make it last longer, and none did.
    #[serde(skip)]
    pub work_may_go_on: bool,
    /// Its holder is not known to have been told.
    pub unconfirmed: bool,
}

/// A place in the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaiterView {
    /// Who waits.
    #[serde(with = "holder")]
    pub holder: Holder,
    /// Since when.
    #[serde(rename = "since_ms")]
    pub since: Timestamp,
    /// How long it has waited.
    #[serde(rename = "waits_for_ms")]
    pub waits_for: Millis,
    /// When it gives up.
    #[serde(rename = "give_up_at_ms")]
    pub give_up_at: Timestamp,
}

impl Occupancy {
    /// A pool as its rows show it, read with these settings.
    pub fn of(snapshot: &Snapshot, settings: &Settings) -> Occupancy {
        let at = snapshot.at;
        let slots = slots(snapshot, settings);
        let queue: Vec<WaiterView> = snapshot.queue.iter().map(|row| WaiterView::of(row, at)).collect();
        let leases = || slots.iter().filter_map(|row| row.lease.as_ref());
        let effective = settings.effective_limit_once_marked(&snapshot.slots, at);
        let may_be_granted =
            |row: &&SlotView| row.slot.0 < effective && row.lease.as_ref().is_none_or(|lease| lease.lapsed);
        let open = || slots.iter().filter(may_be_granted);
        let once_settled = Settings { lowered: None, ..settings.clone() };
        let settled = once_settled.effective_limit_once_marked(&snapshot.slots, at);
        let unheld = |row: &&SlotView| row.slot.0 < settled && row.lease.as_ref().is_none_or(|lease| lease.lapsed);
        let free = count(slots.iter().filter(unheld));
        let oldest_wait = queue.first().map(|first| first.waits_for);
        let left_open = |waits: Millis| {
            // How long a slot has been open at least, while someone waited.
            let open_for =
                |row: &SlotView| row.lease.as_ref().map_or(waits, |lease| at.since(lease.lapses_at).min(waits));
            open().any(|row| open_for(row) > settings.sweep_every)
        };
        let unmoved = |waits: Millis| {
            let patience = settings.lease + settings.grace;
            waits > patience && leases().all(|lease| lease.expired)
        };
        let in_vain = oldest_wait.map(|waits| waits.min(settled_for(settings, at)));
        let starving = in_vain.is_some_and(|waits| left_open(waits) || unmoved(waits));
        let settling = settings.settling(at);
        let unjudged = Occupancy {
            prefix: settings.prefix.clone(),
            at,
            detail: Detail::Rows,
            limit: snapshot.limit,
            held: count(leases().filter(|lease| !lease.expired)),
            expired: count(leases().filter(|lease| lease.expired)),
            open: count(open()),
            waiting: count(queue.iter()),
            waiting_more: snapshot.more,
            oldest_wait,
            state: PoolState::Ok,
            settles_at: settling.map(|(until, _)| until),
            limit_was: settling.map(|(_, was)| was),
            slots,
            queue,
            overridden: None,
        };
        let granted_at_zero = |lease: &LeaseView| match settings.lowered {
            Some(lowered) => lease.acquired_at > settings.followed_at(lowered),
            None => true,
        };
        let broken = unjudged.slots.iter().filter_map(|row| row.lease.as_ref()).any(granted_at_zero);
        unjudged.judged(free, starving, broken)
    }

    /// A pool as its last sweep left it: cheap to read for all pools of a table, as old as its `at` says. The limit, and
    /// whether it settles at `now`, are those of the `settings`.
    pub fn summarised(summary: &SummaryRow, settings: &Settings, now: Timestamp) -> Occupancy {
        let settling = settings.settling(now);
        let free = settings.limit.count().saturating_sub(summary.held);
        // Where the leases lie is not known: as few are open as can be.
        let open = free.saturating_sub(settings.highest_in_use(now).count() - settings.limit.count());
        let oldest_wait = summary.waiting_since.map(|since| summary.at.since(since));
        // The sweep left a slot open by the limit that it knew.
        let left_open = open > 0 && summary.held < summary.limit.count();
        let in_vain = oldest_wait.map(|waits| waits.min(settled_for(settings, summary.at)));
        let starving = left_open && in_vain.is_some_and(|waits| waits > settings.sweep_every);
        let unjudged = Occupancy {
            prefix: settings.prefix.clone(),
            at: summary.at,
            detail: Detail::Summary,
            limit: settings.limit,
            held: summary.held,
            expired: 0,
            open,
            waiting: summary.waiting,
            waiting_more: summary.waiting_more,
            oldest_wait,
            state: PoolState::Ok,
            settles_at: settling.map(|(until, _)| until),
            limit_was: settling.map(|(_, was)| was),
            slots: vec![],
            queue: vec![],
            overridden: None,
        };
        // When they were granted is not known.
        let broken = summary.held > 0 && settings.lowered.is_none();
        let judged = unjudged.judged(free, starving, broken);
        // The sweep saw no more than were allowed then: whether they have ended since, or may last, it does not tell.
        let were_allowed = summary.held <= summary.limit.count();
        match judged.state {
            PoolState::OverLimit if were_allowed && settings.limit.count() == 0 => {
                Occupancy { state: PoolState::Draining, ..judged }
            }
            PoolState::OverLimit if were_allowed => Occupancy { state: PoolState::Full, ..judged },
            _ => judged,
        }
    }

    /// Whether nobody is let in while a lowered limit settles.
    pub fn is_closed(&self) -> bool {
        self.settles_at.is_some() && self.open == 0
    }

    /// The same, in one word: the first that holds. `free` slots may be had once nothing settles any more; leases of a pool with a
    /// limit of 0 are not all from before that if it is `broken`.
    fn judged(self, free: u32, starving: bool, broken: bool) -> Occupancy {
        let (limit, highest) = (self.limit.count(), self.limit_was.unwrap_or(self.limit).count());
        // Where not all slots are closed, a slot that is held goes to the next once its holder gives it back.
        let all_closed = highest - limit >= limit;
        let settling = self.is_closed() && (free > 0 || self.held > limit || all_closed);
        let state = if self.held > highest && (limit > 0 || broken || self.settles_at.is_some()) {
            PoolState::OverLimit
        } else if limit == 0 && (self.held, self.expired, self.settles_at) == (0, 0, None) {
            PoolState::Drained
        } else if limit == 0 {
            PoolState::Draining
        } else if settling {
            PoolState::Settling
        } else if starving {
            PoolState::Starving
        } else if (self.held, self.waiting) == (0, 0) {
            PoolState::Idle
        } else if self.open == 0 {
            PoolState::Full
        } else {
            PoolState::Ok
        };
        Occupancy { state, ..self }
    }
}

/// For how long nothing has settled at that moment: so long, at most, has anybody waited in vain.
fn settled_for(settings: &Settings, at: Timestamp) -> Millis {
    let lowered = settings.lowered.filter(|lowered| lowered.from > settings.limit);
    at.since(lowered.map_or(Timestamp(0), |lowered| settings.followed_at(lowered)))
}

fn count(of: impl Iterator) -> u32 {
    u32::try_from(of.count()).unwrap_or(u32::MAX)
}

/// The rows, and in between the slots below the limit that have none yet.
fn slots(snapshot: &Snapshot, settings: &Settings) -> Vec<SlotView> {
    let limit = snapshot.limit.count();
    let view = |row: &SlotRow| SlotView {
        slot: row.slot,
        fence: row.fence,
        above_limit: row.slot.0 >= limit,
        lease: row.held.as_ref().map(|held| LeaseView::of(held, settings, snapshot.at)),
    };
    let never_granted = |index| SlotView { slot: Slot(index), fence: Fence(0), above_limit: false, lease: None };
    let mut slots = Vec::with_capacity(snapshot.slots.len().max(limit as usize));
    let mut next = 0;
    for row in &snapshot.slots {
        slots.extend((next..row.slot.0.min(limit)).map(never_granted));
        slots.push(view(row));
        next = row.slot.0.saturating_add(1);
    }
    slots.extend((next..limit).map(never_granted));
    slots
}

impl LeaseView {
    fn of(held: &Held, settings: &Settings, at: Timestamp) -> LeaseView {
        let lapses_at = settings.reclaimable_at(held.expires_at);
        LeaseView {
            holder: held.holder.clone(),
            label: held.label.clone(),
            acquired_at: held.acquired_at,
            expires_at: held.expires_at,
            lapses_at,
            renewed_at: held.renewed_at,
            held_for: at.since(held.acquired_at),
            expires_in: held.expires_at.since(at),
            expired: at >= held.expires_at,
            lapsed: at >= lapses_at,
            work_may_go_on: settings.work_may_go_on(held, at),
            unconfirmed: held.pending_token().is_some(),
        }
    }
}

impl WaiterView {
    fn of(row: &WaitRow, at: Timestamp) -> WaiterView {
        WaiterView {
            holder: row.holder.clone(),
            since: row.ticket.at,
            waits_for: at.since(row.ticket.at),
            give_up_at: row.give_up_at,
        }
    }
}

/// A holder in JSON: its ids, without those it has not.
mod holder {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use crate::types::Holder;

    #[derive(Serialize, Deserialize)]
    struct Ids<'a> {
        #[serde(borrow)]
        execution: std::borrow::Cow<'a, str>,
        #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
        key: std::borrow::Cow<'a, str>,
        #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
        parent: Option<std::borrow::Cow<'a, str>>,
    }

    pub(super) fn serialize<S: Serializer>(holder: &Holder, to: S) -> Result<S::Ok, S::Error> {
        let parent = holder.parent().map(Into::into);
        Ids { execution: holder.execution().into(), key: holder.key().into(), parent }.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Holder, D::Error> {
        let ids = Ids::deserialize(from)?;
        Holder::new(&ids.execution, &ids.key, ids.parent.as_deref()).map_err(D::Error::custom)
    }
}
