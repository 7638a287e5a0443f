//! A pool in memory that runs one operation after the other: what does each come to, and what does it leave behind?
//!
//! The table's replies, the notices' answers and the passing of time are the script's to decide.

#![allow(dead_code, clippy::expect_used, clippy::panic, reason = "each test uses a part of it, and fails by it")]

use std::sync::Arc;

use leasehold_core::{
    AcquireOutcome, AcquireRequest, AncestorWatch, Attempt, Delivery, Effect, EffectReply, ExecutionEnded,
    ExecutionFreed, ExecutionStatus, ExpectedOverride, Failure, Fence, Held, Holder, HolderRow, Lease, Limit, Machine,
    Millis, Mode, Notice, Operation, OverrideRow, PoolRow, ReleaseTarget, Released, RenewRequest, Renewed, Reply,
    Request, Row, RowKey, SetLimit, SetLimitOutcome, Settings, Slot, SlotRow, Step, SweepRequest, Tally, TaskCallback,
    TaskResult, TaskToken, Timestamp, WaitRow,
};
use leasehold_sim::table::MemoryTable;

/// When every script begins.
pub(crate) const T: u64 = 1_000_000;

/// What the table answers instead of serving a request; none: it serves it.
type Trouble = Box<dyn FnMut(&mut MemoryTable, &Request) -> Option<Reply>>;

/// A pool, and what its tasks and executions answer.
pub(crate) struct Pool {
    pub(crate) settings: Settings,
    pub(crate) table: MemoryTable,
    /// The table's answers where it does not serve.
    pub(crate) trouble: Trouble,
    /// What every notice comes to.
    pub(crate) delivery: Delivery,
    /// What is known of every execution.
    pub(crate) status: ExecutionStatus,
    /// All notices so far, one list for each time that some were sent together.
    pub(crate) told: Vec<Vec<TaskCallback>>,
    /// All requests so far.
    pub(crate) asked: Vec<Request>,
    /// What the operation before saw of its slots and its queue.
    pub(crate) watch: AncestorWatch,
    /// How often it was asked whether an execution runs.
    pub(crate) checked: usize,
    /// How many milliseconds pass before each answer.
    pub(crate) late: u64,
    /// The random number that every operation begins with.
    pub(crate) entropy: u64,
}

impl Pool {
    pub(crate) fn new(of: u64) -> Pool {
        let mut pool = Pool {
            settings: Settings::new("p".parse().expect("a prefix"), limit(of)),
            table: MemoryTable::default(),
            trouble: Box::new(|_, _| None),
            delivery: Delivery::Delivered,
            status: ExecutionStatus::Running,
            told: vec![],
            asked: vec![],
            watch: AncestorWatch::default(),
            checked: 0,
            late: 0,
            entropy: 1,
        };
        pool.table.put(Row::Pool(PoolRow::new(limit(of))));
        pool
    }

    /// Runs one operation to its end.
    pub(crate) fn run<O: Operation>(&mut self, operation: O, now: u64) -> Result<O::Outcome, Failure> {
        let (mut machine, mut step) = operation.start(Arc::new(self.settings.clone()), Timestamp(now), self.entropy);
        self.watch = AncestorWatch::default();
        for turn in 1..1_000 {
            let effects = match step {
                Step::Done(outcome) => return outcome,
                Step::Perform { effects, .. } => effects,
            };
            let callbacks: Vec<TaskCallback> = effects.iter().filter_map(callback).cloned().collect();
            if !callbacks.is_empty() {
                self.told.push(callbacks);
            }
            let replies = effects.iter().map(|effect| self.reply(effect)).collect();
            step = machine.resume(replies, Timestamp(now + self.late * turn));
        }
        panic!("the operation never ends");
    }

    fn reply(&mut self, effect: &Effect) -> EffectReply {
        let reply = self.answer(effect);
        self.watch.saw(effect, &reply);
        reply
    }

    fn answer(&mut self, effect: &Effect) -> EffectReply {
        match effect {
            Effect::Request(request) => {
                self.asked.push(request.clone());
                (self.trouble)(&mut self.table, request).unwrap_or_else(|| self.table.serve(request)).into()
            }
            Effect::Callback(_) => self.delivery.into(),
            Effect::StatusCheck(_) => {
                self.checked += 1;
                self.status.into()
            }
        }
    }

    pub(crate) fn acquire(&mut self, request: AcquireRequest, now: u64) -> Result<AcquireOutcome, Failure> {
        self.run(request, now)
    }

    /// Runs an acquire that must be answered with a lease.
    pub(crate) fn lease(&mut self, request: AcquireRequest, now: u64) -> Lease {
        match self.acquire(request, now) {
            Ok(AcquireOutcome::Acquired(lease)) => lease,
            other => panic!("{other:?}"),
        }
    }

    /// Puts a lease of an execution onto a slot, which lasts until then.
    pub(crate) fn hold(&mut self, slot: u32, execution: &str, until: u64) {
        let held = Held {
            holder: holder(execution),
            attempt: attempt(T),
            acquired_at: Timestamp(T),
            expires_at: Timestamp(until),
            renewed_at: None,
            notice: Notice::Asked,
            label: None,
        };
        self.table.put(Row::Slot(SlotRow { slot: Slot(slot), fence: Fence(1), held: Some(held) }));
    }

    pub(crate) fn release(&mut self, target: ReleaseTarget, now: u64) -> Result<Released, Failure> {
        self.run(target, now)
    }

    pub(crate) fn give_back(&mut self, lease: &Lease, now: u64) -> Result<Released, Failure> {
        self.release(ReleaseTarget::Lease(lease.id.clone()), now)
    }

    pub(crate) fn renew(&mut self, lease: &Lease, longer: Option<u64>, now: u64) -> Result<Renewed, Failure> {
        self.run(RenewRequest { id: lease.id.clone(), lease: longer.map(Millis) }, now)
    }

    pub(crate) fn change(&mut self, to: u64, now: u64) -> Result<SetLimitOutcome, Failure> {
        self.run(set_limit(to), now)
    }

    pub(crate) fn sweep(&mut self, now: u64) -> Tally {
        self.run(SweepRequest, now).expect("a sweep")
    }

    /// The execution ended at this moment.
    pub(crate) fn ended(&mut self, execution: &str, at: u64) -> Result<ExecutionFreed, Failure> {
        self.run(ExecutionEnded { execution: execution.into(), at: Timestamp(at), redrive: None, after: None }, at)
    }

    /// The execution ended at this moment, after so many redrives.
    pub(crate) fn ended_after(&mut self, execution: &str, at: u64, redrive: u32) -> Result<ExecutionFreed, Failure> {
        let (execution, at) = (execution.into(), Timestamp(at));
        self.run(ExecutionEnded { execution, at, redrive: Some(redrive), after: None }, at.0)
    }

    /// A waiter is there though every slot may be free: it joined while the limit was zero.
    pub(crate) fn joined(&mut self, ask: AcquireRequest, now: u64) {
        let limit_now = std::mem::replace(&mut self.settings.limit, limit(0));
        assert_eq!(self.acquire(ask, now), Ok(AcquireOutcome::Queued));
        self.settings.limit = limit_now;
    }

    pub(crate) fn slots(&self) -> Vec<SlotRow> {
        self.table.slots().cloned().collect()
    }

    /// Who holds this slot; none: nobody.
    pub(crate) fn holder_of(&self, slot: u32) -> Option<String> {
        let row = self.table.slots().find(|row| row.slot.0 == slot)?;
        row.held.as_ref().map(|held| held.holder.execution().to_owned())
    }

    pub(crate) fn held(&self) -> usize {
        self.table.slots().filter(|row| row.held.is_some()).count()
    }

    pub(crate) fn queue(&self) -> Vec<WaitRow> {
        let place = |row: &Row| if let Row::Wait(row) = row { Some(row.clone()) } else { None };
        self.table.rows().filter_map(place).collect()
    }

    pub(crate) fn row_of(&self, name: &str) -> HolderRow {
        match self.table.row(RowKey::Holder(holder(name).hashed())) {
            Some(Row::Holder(row)) => row.clone(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn live_limit(&self) -> OverrideRow {
        match self.table.row(RowKey::Override) {
            Some(Row::Override(row)) => row.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// What this task was told so far.
    pub(crate) fn heard(&self, task: &str) -> Vec<TaskResult> {
        let mine = |callback: &&TaskCallback| callback.token.secret() == task;
        self.told.iter().flatten().filter(mine).map(|callback| callback.result.clone()).collect()
    }

    /// Whether this task was told that it has a lease.
    pub(crate) fn has_a_lease(&self, task: &str) -> bool {
        self.heard(task).iter().any(|result| matches!(result, TaskResult::Acquired(_)))
    }
}

fn callback(effect: &Effect) -> Option<&TaskCallback> {
    if let Effect::Callback(callback) = effect { Some(callback) } else { None }
}

/// An operator's override.
pub(crate) fn set_limit(to: u64) -> SetLimit {
    SetLimit {
        limit: limit(to),
        who: "operator".into(),
        why: "because".into(),
        lasts: None,
        expected: ExpectedOverride::Any,
    }
}

pub(crate) fn limit(of: u64) -> Limit {
    Limit::try_from(of).expect("a limit")
}

pub(crate) fn holder(name: &str) -> Holder {
    Holder::new(name, "", None).expect("a holder")
}

pub(crate) fn attempt(at: u64) -> Attempt {
    Attempt::first(Timestamp(at))
}

/// Asks without waiting.
pub(crate) fn poll(name: &str, at: Option<u64>) -> AcquireRequest {
    let attempt = at.map(attempt);
    AcquireRequest { holder: holder(name), attempt, mode: Mode::Poll, lease: None, wait: None, label: None }
}

/// Asks and waits; its task has the holder's name.
pub(crate) fn queue(name: &str, at: Option<u64>) -> AcquireRequest {
    task(name, name, at)
}

/// Asks and waits; its task has this name.
pub(crate) fn task(name: &str, task: &str, at: Option<u64>) -> AcquireRequest {
    AcquireRequest { mode: Mode::Queue(Some(TaskToken::new(task).expect("a token"))), ..poll(name, at) }
}

/// Asks for one of the branches of an execution.
pub(crate) fn branch(execution: &str, key: u64, ask: AcquireRequest) -> AcquireRequest {
    AcquireRequest { holder: Holder::new(execution, &key.to_string(), None).expect("a holder"), ..ask }
}

/// An item of a map run.
pub(crate) fn item(execution: &str, key: &str, parent: &str) -> Holder {
    Holder::new(execution, key, Some(parent)).expect("a holder")
}
