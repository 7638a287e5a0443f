//! What a strategy decides in the simulator: slots or rows, a queue or none, what is left of a dead job?
//!
//! Whatever depends on the strategy is decided by a `match` on [`Strategy`]: most of it here, and what draws it or
//! starts its calls beside what it needs.

use leasehold_core::{HolderRow, HolderState, Millis, Row, RowKey, Timestamp};

use super::scenario::Scenario;
use crate::count_then_put;
use crate::strategy::Strategy;
use crate::table::MemoryTable;

/// How long a lease row that expired stays in the table (count, then put), in milliseconds: its TTL takes it later.
const TTL: Millis = Millis(60_000);

/// What is left of a dead job in its holder's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leftover {
    /// Nothing that means anything.
    Nothing,
    /// Something that has to be freed.
    Held,
    /// A lease that counts until this moment, on the table's clock.
    CountsUntil(Timestamp),
    /// A lease that nobody counts any more.
    Expired,
}

impl Strategy {
    /// Whether its leases lie on numbered slots, each grant under a fence.
    pub(crate) fn has_slots(self) -> bool {
        match self {
            Strategy::CountThenPut => false,
            Strategy::Leasehold => true,
        }
    }

    /// Whether a lease manager sweeps its pools, is told of executions that ended, and changes limits.
    pub(crate) fn has_manager(self) -> bool {
        match self {
            Strategy::CountThenPut => false,
            Strategy::Leasehold => true,
        }
    }

    /// Whether who finds the pool full waits in a queue and is told.
    pub(crate) fn has_queue(self, scenario: &Scenario) -> bool {
        match self {
            Strategy::CountThenPut => false,
            Strategy::Leasehold => scenario.queue,
        }
    }

    /// The parent that its holders name: `everyone` where all of a pool are counted together.
    pub(crate) fn parent(self, everyone: &str) -> Option<&str> {
        match self {
            Strategy::CountThenPut => Some(everyone),
            Strategy::Leasehold => None,
        }
    }

    /// How long a job pauses that was refused, in microseconds: as long as it is advised to, or as long as was written
    /// down, which is also the most.
    pub(crate) fn pause(self, advised: Millis, poll_every: u64) -> u64 {
        match self {
            Strategy::CountThenPut => poll_every,
            Strategy::Leasehold => (advised.0 * 1_000).min(poll_every),
        }
    }

    /// Whether the table's TTL leaves this row where it is.
    pub(crate) fn ttl_keeps(self, row: &Row, now: Timestamp) -> bool {
        let Row::Holder(row) = row else { return true };
        match self {
            Strategy::CountThenPut => count_then_put::expires_at(row).is_none_or(|at| now < at + TTL),
            Strategy::Leasehold => now < row.ttl,
        }
    }

    /// Whether a holder's row still means something: one that points at a slot which is not held under that fence does not.
    pub(crate) fn points(self, row: &HolderRow, table: &MemoryTable) -> bool {
        match (self, row.state) {
            (Strategy::Leasehold, HolderState::Holding { slot, fence }) => {
                matches!(table.row(RowKey::Slot(slot)), Some(Row::Slot(slot)) if slot.fence == fence && slot.held.is_some())
            }
            _ => true,
        }
    }

    /// What is left of a dead job whose holder's row is this one.
    pub(crate) fn leftover(self, row: Option<&HolderRow>, now: Timestamp) -> Leftover {
        let Some(row) = row else { return Leftover::Nothing };
        match self {
            Strategy::CountThenPut => match count_then_put::expires_at(row).filter(|at| now < *at) {
                Some(at) => Leftover::CountsUntil(at),
                None => Leftover::Expired,
            },
            Strategy::Leasehold => match row.state {
                HolderState::Ended => Leftover::Nothing,
                HolderState::Waiting { .. } | HolderState::Holding { .. } => Leftover::Held,
            },
        }
    }
}
