//! Reads of a pool: which rows does an operation look at, and what do they come to?

use crate::failure::Failure;
use crate::request::{Reply, Request};
use crate::rows::{LiveRow, Row, RowKey, SettingsRow, SlotRow, WaitRow};
use crate::types::{Fence, Slot};

/// A pool's slots, and the head of its queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct PoolView {
    pub(crate) slots: Vec<SlotRow>,
    pub(crate) queue: Vec<WaitRow>,
    /// Whether more wait.
    pub(crate) more: bool,
}

impl PoolView {
    /// The two reads that bring it: separate, so that a cut page of one hides nothing of the other.
    pub(crate) fn requests(head: u32) -> [Request; 2] {
        [Request::ALL_SLOTS, Request::Queue(head)]
    }

    /// What the reads brought.
    ///
    /// # Errors
    /// What the first reply stands for that brought no rows.
    pub(crate) fn of([slots, queue]: [Reply; 2]) -> Result<PoolView, Failure> {
        match (slots, queue) {
            (Reply::Slots(slots), Reply::Queue(queue, more)) => Ok(PoolView { slots, queue, more }),
            (Reply::Slots(_), other) | (other, _) => Err(failure_of(&other)),
        }
    }
}

impl PoolView {
    /// Only the queue, as a reply brings it.
    ///
    /// # Errors
    /// What a reply stands for that brought no rows.
    pub(crate) fn of_queue([queue]: [Reply; 1]) -> Result<PoolView, Failure> {
        match queue {
            Reply::Queue(queue, more) => Ok(PoolView { slots: vec![], queue, more }),
            other => Err(failure_of(&other)),
        }
    }
}

/// A pool's own two rows: its settings, and an operator's override.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct OwnRows {
    pub(crate) settings: Option<SettingsRow>,
    pub(crate) live: Option<LiveRow>,
}

impl OwnRows {
    /// The two reads that bring them.
    pub(crate) fn requests() -> [Request; 2] {
        [Request::Get(RowKey::Pool), Request::Get(RowKey::Override)]
    }

    /// What the reads brought.
    ///
    /// # Errors
    /// What the first reply stands for that brought no row.
    pub(crate) fn of([pool, live]: [Reply; 2]) -> Result<OwnRows, Failure> {
        match (pool, live) {
            (Reply::Row(pool), Reply::Row(live)) => {
                Ok(OwnRows { settings: pool.and_then(settings_row), live: live.and_then(live_row) })
            }
            (Reply::Row(_), other) | (other, _) => Err(failure_of(&other)),
        }
    }
}

/// What lies where a pool's settings should be.
pub(crate) fn settings_row(row: Row) -> Option<SettingsRow> {
    match row {
        Row::Pool(row) => Some(SettingsRow::Valid(row)),
        Row::Unreadable(RowKey::Pool, row) => Some(SettingsRow::Unreadable(row)),
        _ => None,
    }
}

/// What lies where an operator's override would be.
fn live_row(row: Row) -> Option<LiveRow> {
    match row {
        Row::Override(row) => Some(LiveRow::Valid(row)),
        Row::Unreadable(RowKey::Override, row) => Some(LiveRow::Unreadable(row)),
        _ => None,
    }
}

/// The failure that a reply which is no answer stands for.
pub(crate) fn failure_of(reply: &Reply) -> Failure {
    match reply {
        Reply::Throttled | Reply::Conflict | Reply::Refused(_) => Failure::Throttled,
        _ => Failure::Unavailable,
    }
}

/// The slot that these rows show at this index; one without a row has the lowest fence.
pub(crate) fn slot_row(slots: &[SlotRow], slot: Slot, lowest: Fence) -> SlotRow {
    match slots.binary_search_by_key(&slot, |row| row.slot) {
        Ok(at) => slots[at].clone(),
        Err(_) => SlotRow { slot, fence: lowest, held: None },
    }
}
