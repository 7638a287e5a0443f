//! A pool of absurd rows: does every operation end, and grant nothing that is not there?
//!
//! The input is lines: items as DynamoDB's API writes them, events of the contract, and perhaps what Step Functions says
//! (`{"delivery":"closed","execution":"ended"}`). The events are carried out one after the other.

use std::sync::Arc;

use leasehold_core::contract::{LeaseEvent, PoolRequest, Response};
use leasehold_core::{
    AcquireOutcome, Delivery, Effect, EffectReply, ExecutionStatus, Failure, Fence, HighWaterRow, Machine, Operation,
    Row, RowKey, Settings, Slot, StatusRequest, Step, SweepRequest, Timestamp,
};
use leasehold_sim::table::MemoryTable;
use leasehold_store::rows;
use serde_json::Value;

use crate::item_json;
use crate::words::assert_harmless;

/// When everything begins: 2024-11-22T10:11:12.345Z.
pub(crate) const NOW: u64 = 1_732_270_272_345;

/// No operation takes more turns, and no input has more lines.
const TURNS: usize = 600;
const LINES: usize = 24;

/// A pool in memory, and what Step Functions says to it.
pub(crate) struct PoolUnderTest {
    settings: Arc<Settings>,
    table: MemoryTable,
    delivery: Delivery,
    execution: ExecutionStatus,
}

/// Rows and events.
pub(crate) fn judge(input: &[u8]) {
    let (mut table, mut events, mut words) = (MemoryTable::default(), vec![], Value::Null);
    for line in input.split(|byte| *byte == b'\n').take(LINES) {
        if let Some(item) = item_json::item(line) {
            if let Ok((_, row)) = rows::row(&item) {
                table.put(row);
            }
        } else if let Ok(event) = LeaseEvent::from_slice(line) {
            events.push(event);
        } else if let Ok(said) = serde_json::from_slice::<Value>(line) {
            words = said;
        }
    }
    let Some(settings) = settings(&table) else { return };
    let mut pool = PoolUnderTest::new(Arc::new(settings), table);
    pool.delivery = delivery(words["delivery"].as_str().unwrap_or_default());
    pool.execution = execution(words["execution"].as_str().unwrap_or_default());
    for (at, event) in events.into_iter().enumerate() {
        if let Ok(request) = event.for_pool(&pool.settings.prefix.clone(), "the id of this call") {
            pool.answer(request, Timestamp(NOW + 1_000 * at as u64));
        }
    }
}

/// As the pool's rows say, where they make sense.
fn settings(table: &MemoryTable) -> Option<Settings> {
    let pool = if let Some(Row::Pool(pool)) = table.row(RowKey::Pool) { pool } else { return None };
    let live = if let Some(Row::Override(live)) = table.row(RowKey::Override) { Some(live) } else { None };
    let mark = if let Some(Row::HighWater(mark)) = table.row(RowKey::HighWater) { Some(*mark) } else { None };
    let settings = Settings::from_rows("analytics".parse().expect("a prefix"), pool, live, mark, Timestamp(NOW));
    settings.map_err(|wrong| assert_harmless(&wrong.to_string())).ok()
}

fn delivery(said: &str) -> Delivery {
    match said {
        "closed" => Delivery::Closed,
        "refused" => Delivery::Refused,
        "not sent" => Delivery::NotSent,
        "unknown" => Delivery::Unknown,
        _ => Delivery::Delivered,
    }
}

fn execution(said: &str) -> ExecutionStatus {
    match said {
        "ended" => ExecutionStatus::Ended,
        "unknown" => ExecutionStatus::Unknown,
        _ => ExecutionStatus::Running,
    }
}

impl PoolUnderTest {
    /// A pool with these settings, on this table.
    pub(crate) fn new(settings: Arc<Settings>, table: MemoryTable) -> PoolUnderTest {
        PoolUnderTest { settings, table, delivery: Delivery::Delivered, execution: ExecutionStatus::Running }
    }

    /// Carries out a request: the answer as JSON; none if it failed, which is judged as well.
    pub(crate) fn answer(&mut self, request: PoolRequest, now: Timestamp) -> Option<Value> {
        let settings = Arc::clone(&self.settings);
        let answer = match request {
            PoolRequest::Acquire(acquire) => self.run(acquire, now).map(|outcome| {
                self.assert_granted(&outcome);
                Response::to_acquire(&outcome, &settings)
            }),
            PoolRequest::Release(target, _) => self.run(target, now).map(|it| Response::to_release(&it)),
            PoolRequest::ReleaseAll(all) => self.run(all, now).map(|it| Response::to_release_all(&it)),
            PoolRequest::Renew(renew) => self.run(renew, now).map(|it| Response::to_renew(&it)),
            PoolRequest::Status { holders } => {
                self.run(StatusRequest, now).map(|it| Response::to_status(&it, &settings, holders))
            }
            PoolRequest::Sweep => self.run(SweepRequest, now).map(|it| Response::to_sweep(&it)),
            PoolRequest::ExecutionEnded(ended) => self.run(ended, now).map(|it| Response::to_execution_ended(&it)),
            PoolRequest::Nothing { execution_status } => Ok(Response::Ignored { execution_status }),
        };
        match answer {
            Ok(answer) => {
                let json: Value = serde_json::from_str(&answer.to_string()).expect("an answer is JSON");
                assert_eq!(json["status"], answer.status());
                Some(json)
            }
            Err(failure) => {
                assert_harmless(&failure.to_string());
                None
            }
        }
    }

    /// Runs an operation to its end. No slot's fence falls meanwhile.
    fn run<O: Operation>(&mut self, operation: O, now: Timestamp) -> Result<O::Outcome, Failure> {
        let before = self.fences();
        let (mut machine, mut step) = operation.start(Arc::clone(&self.settings), now, 1);
        for _ in 0..TURNS {
            let effects = match step {
                Step::Done(outcome) => {
                    self.assert_fences_grew(&before);
                    return outcome;
                }
                Step::Perform { effects, .. } => effects,
            };
            let replies = effects.iter().map(|effect| self.reply(effect)).collect();
            step = machine.resume(replies, now);
        }
        panic!("the operation never ends");
    }

    fn reply(&mut self, effect: &Effect) -> EffectReply {
        match effect {
            Effect::Request(request) => self.table.serve(request).into(),
            Effect::Callback(_) => self.delivery.into(),
            Effect::StatusCheck(_) => self.execution.into(),
        }
    }

    fn fences(&self) -> Vec<(Slot, Fence)> {
        self.table.slots().map(|row| (row.slot, row.fence)).collect()
    }

    /// A slot that is folded away leaves its fence with the high-water mark.
    fn assert_fences_grew(&self, before: &[(Slot, Fence)]) {
        let mark = match self.table.row(RowKey::HighWater) {
            Some(Row::HighWater(HighWaterRow { fence, .. })) => *fence,
            _ => Fence(0),
        };
        for (slot, fence) in before {
            let now = match self.table.row(RowKey::Slot(*slot)) {
                Some(Row::Slot(row)) => row.fence,
                _ => mark,
            };
            assert!(now >= *fence, "{slot}: from {fence} to {now}");
        }
    }

    /// A lease that is told lies on its slot, for whom it was asked.
    fn assert_granted(&self, outcome: &AcquireOutcome) {
        let AcquireOutcome::Acquired(lease) = outcome else { return };
        let Some(Row::Slot(row)) = self.table.row(RowKey::Slot(lease.id.slot)) else {
            panic!("{lease:?} lies on no slot")
        };
        let held = row.held.as_ref().expect("a lease lies on the slot");
        assert_eq!((row.fence, held.expires_at), (lease.id.fence, lease.expires_at));
    }
}
