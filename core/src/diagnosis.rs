//! Diagnosis of a pool: what is wrong with its rows, by themselves and against each other? From what was read to findings,
//! and to what may safely be done about each.
//!
//! Rows are read one after the other while callers go on, so they never show one moment. What is said of two rows together
//! holds all the same: slots and queue are read before the rows of their holders and once more after, and only what did
//! not change in between is judged. A fence only grows and a lease never changes its fence, so a lease that lies there both
//! times lay there all the time.

mod row_rules;
mod settings_rules;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::occupancy::Occupancy;
use crate::repair::Repair;
use crate::rows::{
    HighWaterRow, HolderRow, HolderState, OverrideRow, PoolRow, RowKey, SlotRow, SummaryRow, Unreadable, WaitRow,
};
use crate::settings::Settings;
use crate::time::{Millis, Timestamp};
use crate::types::{Fence, Holder, HolderKey, InvalidValue, Limit, PoolName, Slot, Ticket};

/// How many sweeps may be missed before something is said to be left undone.
const SWEEPS_MISSED: u64 = 3;

/// How old an override is that was perhaps forgotten: it is meant for an incident.
const OVERRIDE_OLD: Millis = Millis::seconds(24 * 3_600);

/// All that is known of a pool.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PoolReading {
    /// When it was read, on the table's clock.
    pub at: Timestamp,
    /// Its settings.
    pub pool: Option<PoolRow>,
    /// An operator's override.
    pub live: Option<OverrideRow>,
    /// What the last sweep saw.
    pub summary: Option<SummaryRow>,
    /// The high-water mark, read last of all.
    pub mark: Option<HighWaterRow>,
    /// A mark that makes no sense, as it lies there, and what can be read of it: 0 where nothing can.
    pub unreadable_mark: Option<(Unreadable, HighWaterRow)>,
    /// Slots and queue before the holders' rows were read.
    pub before: Places,
    /// The rows of all who hold or wait in `before`, and of others.
    pub holders: BTreeMap<HolderKey, HolderRow>,
    /// Slots and queue after the holders' rows were read.
    pub after: Places,
    /// The queue goes on after the places that were read.
    pub queue_cut: bool,
    /// Rows of the pool's own that the list of pools does not have.
    pub unlisted: BTreeSet<RowKey>,
    /// Rows that lie there and make no sense: nothing is said of what they may have said.
    pub damaged: BTreeSet<RowKey>,
}

/// The slots and the first of the queue, as they were read at once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Places {
    /// The slots that have a row, in order.
    pub slots: Vec<SlotRow>,
    /// The first of the queue, in order.
    pub queue: Vec<WaitRow>,
}

/// What is wrong, or worth to know.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// There are no settings.
    PoolMissing {
        /// How many leases last yet.
        held: usize,
        /// How many wait, as far as they were read.
        waiting: usize,
        /// Whether its summary is there.
        summary: bool,
    },
    /// The settings make no sense.
    SettingsInvalid(InvalidValue),
    /// The quiet period is shorter than settings are cached.
    QuietShort {
        /// What it is.
        quiet: Millis,
        /// The least that makes sense.
        least: Millis,
    },
    /// The grace is shorter than callers may differ about the time.
    GraceShort {
        /// What it is.
        grace: Millis,
        /// The least that makes sense.
        least: Millis,
    },
    /// A lease is so short that a slow request or a pause of its holder's machine ends it.
    LeaseShort {
        /// What it is.
        lease: Millis,
        /// The least that is advised.
        least: Millis,
    },
    /// An expired lease keeps its slot for as long again as it lasted.
    GraceLong {
        /// How long after its end.
        grace: Millis,
        /// How long it lasts.
        lease: Millis,
    },
    /// Leases that sweeps are to extend end before two sweeps have come.
    SweepSlow {
        /// How long they last.
        lease: Millis,
        /// The time between two sweeps.
        sweep_every: Millis,
    },
    /// Sweeps may not extend a lease beyond what it lasts anyway.
    HoldShort {
        /// How long they may.
        longest_hold: Millis,
        /// How long it lasts.
        lease: Millis,
    },
    /// Waiters give up before one lease has ended.
    WaitShort {
        /// How long they wait.
        longest_wait: Millis,
        /// How long a lease lasts.
        lease: Millis,
    },
    /// An override that was perhaps forgotten.
    OverrideOld {
        /// It.
        live: OverrideRow,
        /// How long it has been in force.
        since: Millis,
    },
    /// The limit in force is 0.
    Drained {
        /// Whether an override says so, else the settings.
        overridden: bool,
    },
    /// The pool is in use and nobody sweeps it any more.
    SweepNotRunning {
        /// When it was swept last, if it was.
        last: Option<Timestamp>,
        /// How often it should be.
        sweep_every: Millis,
    },
    /// A lease that ended long ago still lies on its slot.
    LeaseLeft {
        /// The lease.
        lease: FoundLease,
        /// Whether a sweep should have cleared it away.
        due: bool,
        /// Whether its work may go on, as sweeps were to keep it.
        works: bool,
    },
    /// A lease that lasts longer than any that these settings give.
    LeaseTooLong {
        /// The lease.
        lease: FoundLease,
        /// For how long yet.
        ends_in: Millis,
    },
    /// A holder that has waited long to be told of its lease.
    NoticeStuck(FoundLease),
    /// A waiter that should have been told long ago that it waited too long.
    WaiterOverdue {
        /// Its place.
        place: WaitRow,
        /// How long ago.
        since: Millis,
    },
    /// Somebody waits, and nothing moves.
    QueueStarving {
        /// How long the first has waited.
        waits: Millis,
        /// How many slots could be granted.
        open: u32,
    },
    /// A place in the queue that is nothing: its holder's row does not wait there.
    PlaceIsNothing {
        /// The place.
        place: WaitRow,
        /// Its holder's row, if there is one.
        row: Option<HolderRow>,
    },
    /// A holder whose row says that it waits, and that has no place in the queue.
    WaiterWithoutPlace {
        /// Who.
        holder: Holder,
        /// Where its place should be.
        ticket: Ticket,
        /// How long ago it joined.
        since: Millis,
    },
    /// A lease whose holder has no row.
    HolderMissing(FoundLease),
    /// A lease whose holder's row points elsewhere.
    HolderElsewhere {
        /// The lease.
        lease: FoundLease,
        /// What the row says instead.
        state: HolderState,
    },
    /// One holder with two leases.
    HolderHoldsTwice {
        /// The first.
        first: FoundLease,
        /// The second.
        second: FoundLease,
    },
    /// A holder's row points at a lease that is another's.
    HolderAstray {
        /// Whose row.
        holder: Holder,
        /// The lease, with whose it is.
        lease: FoundLease,
    },
    /// A slot's fence is lower than one that was granted.
    FenceWentBack {
        /// Which slot.
        slot: Slot,
        /// Its fence.
        found: Fence,
        /// The highest that a holder was granted.
        granted: Fence,
        /// Whether somebody holds it.
        held: bool,
    },
    /// A held slot at or above the high-water mark, where not everybody looks.
    SlotAboveMark {
        /// The lease.
        lease: FoundLease,
        /// The mark.
        mark: u32,
    },
    /// There are slots and no high-water mark.
    MarkMissing {
        /// How many have a row.
        slots: usize,
    },
    /// The high-water mark makes no sense.
    MarkUnreadable {
        /// What is wrong with it.
        why: Arc<str>,
    },
    /// One of the pool's own rows is not in the list of pools.
    RowUnlisted(RowKey),
    /// More are held than the limit says.
    OverLimit {
        /// How many.
        held: u32,
        /// The limit.
        limit: Limit,
    },
    /// Leases on slots above the limit.
    SlotsAboveLimit {
        /// How many.
        leases: u32,
        /// The limit.
        limit: Limit,
    },
}

/// A lease that lies on a slot.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundLease {
    /// On which.
    pub slot: Slot,
    /// Under which fence.
    pub fence: Fence,
    /// Whose.
    pub holder: Holder,
    /// For how long what is said of it has been so.
    pub since: Millis,
}

/// What may safely be done about a finding, whatever callers do meanwhile.
#[derive(Clone, Debug, PartialEq)]
pub enum Remedy {
    /// A sweep puts it right.
    Sweep,
    /// One conditional write on what was read.
    Write(Box<Repair>),
}

/// What does not fit in these settings, each by itself or with others. `cached_for` is how long callers go on with settings
/// that they have read.
pub fn misfits(settings: &Settings, cached_for: Millis) -> Vec<Finding> {
    settings_rules::misfits(settings, cached_for)
}

/// Since when somebody has held a lease of the pool or waited for one without a break, as far as it shows. Until nobody
/// does, sweeps are due. A lease that another may take is held by nobody, unless its work may go on.
pub fn used_since(seen: &Occupancy) -> Option<Timestamp> {
    let leases =
        seen.slots.iter().filter_map(|slot| slot.lease.as_ref()).filter(|lease| !lease.lapsed || lease.work_may_go_on);
    leases.map(|lease| lease.acquired_at).chain(seen.queue.iter().map(|waiter| waiter.since)).min()
}

/// A finding, and its remedy if there is a safe one.
pub type Diagnosed = (Finding, Option<Remedy>);

/// What is wrong with a pool. `cached_for` is how long callers go on with settings that they have read.
pub fn diagnose(prefix: &PoolName, reading: &PoolReading, cached_for: Millis) -> Vec<Diagnosed> {
    let mut found = Vec::new();
    let settings = match &reading.pool {
        Some(pool) => Settings::from_rows(prefix.clone(), pool, reading.live.as_ref(), reading.mark, reading.at),
        None => Ok(Settings { high_water: reading.mark, ..Settings::new(prefix.clone(), Limit::HIGHEST) }),
    };
    let settings = match settings {
        Ok(settings) => settings,
        Err(wrong) => {
            found.push((Finding::SettingsInvalid(wrong), None));
            Settings { high_water: reading.mark, ..Settings::new(prefix.clone(), Limit::HIGHEST) }
        }
    };
    let known = reading.pool.is_some() && found.is_empty();
    if known {
        settings_rules::judge(&settings, reading, cached_for, &mut found);
    } else if reading.pool.is_none() && !reading.damaged.contains(&RowKey::Pool) {
        let lasts = |row: &&SlotRow| row.held.as_ref().is_some_and(|held| reading.at < held.expires_at);
        let held = reading.after.slots.iter().filter(lasts).count();
        let (waiting, summary) = (reading.after.queue.len(), reading.summary.is_some());
        let remedy = summary.then(|| Remedy::Write(Box::new(Repair::RemoveSummary)));
        found.push((Finding::PoolMissing { held, waiting, summary }, remedy));
    }
    row_rules::judge(&settings, known, reading, &mut found);
    found
}

impl FoundLease {
    /// The lease on this slot, if one lies there.
    fn on(row: &SlotRow, since: Millis) -> Option<FoundLease> {
        let held = row.held.as_ref()?;
        Some(FoundLease { slot: row.slot, fence: row.fence, holder: held.holder.clone(), since })
    }
}
