//! A metered pool: what does each operation cost, run alone? It runs the protocol's own machines, one after the other, on a
//! table in memory, and counts their requests, units and round trips.

use std::sync::Arc;

use leasehold_core::{
    Delivery, Effect, EffectReply, ExecutionStatus, Failure, Lease, Machine, Operation, PoolName, Request, Row, RowKey,
    Settings, Step, TaskResult, Timestamp, Write,
};

use crate::cost::{Cost, ItemSizes};
use crate::table::MemoryTable;

/// How many steps one operation makes at most.
const STEPS: usize = 10_000;

/// A pool, and what its rows count for.
#[derive(Clone, Debug)]
pub(super) struct MeteredPool {
    pub(super) settings: Settings,
    pub(super) table: MemoryTable,
    sizes: ItemSizes,
}

/// What one operation used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Of the table.
    pub(super) cost: Cost,
    /// Messages to Step Functions: callbacks, and questions whether executions run.
    pub(super) notices: u64,
    /// Round trips to the table, one after the other, before the first callback left; none: there was none.
    pub(super) trips_to_notice: Option<u64>,
    /// The leases that waiting tasks were told of.
    pub(super) told: Vec<Lease>,
    /// Its steps, one after the other: what was asked together, each with what it cost of the table.
    pub(super) steps: Vec<Vec<(String, Cost)>>,
}

/// What is asked, in short: which reading it is, or which rows are written.
fn said(request: &Request) -> String {
    let row = |write: &Write| match write.key {
        RowKey::Pool => "settings",
        RowKey::Override => "override",
        RowKey::Summary => "summary",
        RowKey::HighWater => "high-water mark",
        RowKey::Slot(_) => "slot",
        RowKey::Holder(_) => "holder",
        RowKey::Wait(_) => "place",
        RowKey::History(_) => "note",
    };
    let rows = || request.writes().iter().map(row).collect::<Vec<_>>().join(" + ");
    match request {
        Request::Write(_) => format!("write {}", rows()),
        Request::Transact(_) => format!("transact {}", rows()),
        Request::Get(RowKey::Holder(_)) => "get holder".into(),
        Request::Get(RowKey::Slot(_)) => "get slot".into(),
        reading => format!("{reading:?}").split([' ', '{']).next().unwrap_or_default().to_lowercase(),
    }
}

impl MeteredPool {
    pub(super) fn new(settings: Settings) -> MeteredPool {
        MeteredPool::with_rows(settings, MemoryTable::default())
    }

    pub(super) fn with_rows(settings: Settings, table: MemoryTable) -> MeteredPool {
        let sizes = ItemSizes::exact(&settings.prefix);
        MeteredPool { settings, table, sizes }
    }

    pub(super) fn prefix(&self) -> &PoolName {
        &self.settings.prefix
    }

    /// How large a row is, in bytes.
    pub(super) fn size(&self, row: &Row) -> u64 {
        self.sizes.of(row)
    }

    /// Runs one operation to its end; every request is served, every callback delivered.
    pub(super) fn run<O: Operation>(
        &mut self,
        operation: O,
        now: Timestamp,
        entropy: u64,
    ) -> (Result<O::Outcome, Failure>, Usage) {
        let mut usage = Usage::default();
        let mut trips = 0;
        let (mut machine, mut step) = operation.start(Arc::new(self.settings.clone()), now, entropy);
        for _ in 0..STEPS {
            let effects = match step {
                Step::Done(outcome) => return (outcome, usage),
                Step::Perform { effects, .. } => effects,
            };
            let mut longest = 0;
            let (mut replies, mut asked) = (vec![], vec![]);
            for effect in effects {
                let reply: EffectReply = match effect {
                    Effect::Request(request) => {
                        let (reply, cost) = self.table.serve_at_cost(&request, &self.sizes);
                        usage.cost += cost;
                        asked.push((said(&request), cost));
                        // The pages of one query come one after the other; what is asked together goes together.
                        longest = cost.requests.max(longest);
                        reply.into()
                    }
                    Effect::Callback(callback) => {
                        usage.notices += 1;
                        asked.push(("notice".into(), Cost::default()));
                        usage.trips_to_notice.get_or_insert(trips);
                        if let TaskResult::Acquired(lease) = callback.result {
                            usage.told.push(lease);
                        }
                        Delivery::Delivered.into()
                    }
                    Effect::StatusCheck(_) => {
                        usage.notices += 1;
                        ExecutionStatus::Running.into()
                    }
                };
                replies.push(reply);
            }
            trips += longest;
            usage.steps.push(asked);
            step = machine.resume(replies.into_iter().collect(), now);
        }
        (Err(Failure::Unavailable), usage)
    }
}
