//! Status: how does a pool look just now? Its slots and the head of its queue.

use std::sync::Arc;

use crate::operation::{Machine, Operation, Replies, Step};
use crate::reads::PoolView;
use crate::rows::{SlotRow, SummaryRow, WaitRow};
use crate::settings::{COUNTED, Settings};
use crate::time::Timestamp;
use crate::types::Limit;

/// Asks how the pool looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StatusRequest;

/// A pool's slots and the head of its queue, as they were read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Snapshot {
    /// When.
    pub at: Timestamp,
    /// The limit in force.
    pub limit: Limit,
    /// Every slot that was ever granted.
    pub slots: Vec<SlotRow>,
    /// The first of the queue.
    pub queue: Vec<WaitRow>,
    /// Whether more wait.
    pub more: bool,
}

impl Snapshot {
    pub(crate) fn of(PoolView { slots, queue, more }: PoolView, limit: Limit, at: Timestamp) -> Snapshot {
        Snapshot { at, limit, slots, queue, more }
    }

    /// It, counted: as the last sweep leaves it for the directory of pools.
    pub fn summary(&self) -> SummaryRow {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        SummaryRow {
            at: self.at,
            limit: self.limit,
            held: count(self.slots.iter().filter(|row| row.is_held_at(self.at)).count()),
            waiting: count(self.queue.len()),
            waiting_more: self.more,
            waiting_since: self.queue.first().map(|row| row.ticket.at),
        }
    }
}

/// A look under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Status {
    settings: Arc<Settings>,
}

impl Operation for StatusRequest {
    type Outcome = Snapshot;
    type Machine = Status;

    fn start(self, settings: Arc<Settings>, _: Timestamp, _: u64) -> (Status, Step<Snapshot>) {
        (Status { settings }, Step::send(PoolView::requests(COUNTED)))
    }
}

impl Machine for Status {
    type Outcome = Snapshot;

    fn resume(&mut self, replies: Replies, now: Timestamp) -> Step<Snapshot> {
        let view = PoolView::of(replies.table());
        Step::Done(view.map(|view| Snapshot::of(view, self.settings.limit, now)))
    }
}
