//! Leases that are held for long: how does the table's time to live never take the row that says who holds them?
//!
//! A holder's row is written when a lease is granted, and kept for a day and the pool's longest hold after the end that
//! the lease had then. Renewals write the slot only, as they know no holder. So a sweep looks at the rows of leases that are
//! half as old as a row is kept, for a while in every quarter of that time; it writes those anew that would go soon, and those
//! that are gone. What the slot says stays as it is.

use crate::request::{Reply, Request};
use crate::rows::{HolderRow, HolderState, Row, RowKey, SlotRow};
use crate::settings::Settings;
use crate::time::{Millis, Timestamp};
use crate::writes;

/// A row is looked at in so small a part of each quarter of the time that it is kept.
const LOOKED_AT_FOR: u64 = 8;

/// In so many sweeps at least, as one may fail.
const SWEEPS_THAT_LOOK: u64 = 3;

/// The read that brings the row of a lease's holder.
pub(crate) fn read(lease: &SlotRow) -> Option<Request> {
    lease.held.as_ref().map(|held| Request::Get(RowKey::Holder(held.holder.hashed())))
}

/// What keeps the row of a lease's holder; none: it is kept long enough, or nothing can be said about it now.
pub(crate) fn kept_longer(settings: &Settings, lease: &SlotRow, found: &Reply, now: Timestamp) -> Option<Request> {
    let held = lease.held.as_ref()?;
    let found = match found {
        Reply::Row(None) => None,
        Reply::Row(Some(Row::Holder(row))) if points_at(row, lease) => {
            let soon = now + Millis(quarter(settings).0 * 2);
            if row.ttl >= soon {
                return None;
            }
            Some(row)
        }
        // One that says something else is the doctor's to explain.
        _ => return None,
    };
    Some(writes::point_longer(settings, lease, held, found))
}

fn points_at(row: &HolderRow, lease: &SlotRow) -> bool {
    row.state == HolderState::Holding { slot: lease.slot, fence: lease.fence }
}

fn quarter(settings: &Settings) -> Millis {
    Millis(settings.tombstone.0 / 4)
}

/// Whether a sweep looks now at the row of this lease's holder: from half of the time on that a row is kept.
pub(crate) fn is_looked_after(settings: &Settings, lease: &SlotRow, now: Timestamp) -> bool {
    let Some(held) = &lease.held else { return false };
    let (age, quarter) = (now.since(held.acquired_at).0, quarter(settings).0);
    let looks = (quarter / LOOKED_AT_FOR).max(settings.sweep_every.0.saturating_mul(SWEEPS_THAT_LOOK));
    age >= quarter * 2
        && age.checked_rem(quarter).is_some_and(|into| into < looks)
        && now < settings.reclaimable_at(held.expires_at)
}
