//! States: what is the state of a world? The clock, the table, the clients, the calls under way, and what is still on the
//! network.

use std::sync::Arc;

use leasehold_core::{
    AnyMachine, AnyOutcome, Attempt, Fence, HighWaterRow, InFlight, Limit, Machine, OverrideRow, PoolRow, Replies,
    Request, Row, RowKey, Slot, SlotRow, Step, Timestamp,
};

use super::faults::Faults;
use super::shared_list::SharedList;
use super::world::{OldSettings, Shared};
use crate::count_then_put::CountThenPut;
use crate::digest::Hashed;
use crate::table::MemoryTable;

/// A state of a world.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct WorldState {
    /// True time.
    pub(crate) now: u64,
    pub(crate) table: MemoryTable,
    pub(crate) clients: SharedList<Hashed<ClientState>>,
    pub(crate) calls: Vec<Hashed<Call>>,
    /// Writes whose caller got no answer, and that may still be served.
    pub(crate) late: Vec<Hashed<Request>>,
    /// What may still go wrong.
    pub(crate) left: Faults,
    pub(crate) sweeps: u8,
    /// How many operators are still to come.
    pub(crate) operators: u8,
    /// When the pool's own rows were changed last, in true time.
    pub(crate) changed_at: Option<u64>,
    /// The pool's own rows as they were before that.
    pub(crate) rows_before: Option<Arc<OwnRows>>,
    /// The high-water mark as it was before it was moved last.
    pub(crate) mark_before: Option<MarkBefore>,
    /// The overrides that are done, where several operators make one.
    pub(crate) limit_sets: Option<LimitSets>,
    /// The limit of the override that was ended.
    pub(crate) ended_limit: Option<Limit>,
    /// The limit that was set last in the pool's settings.
    pub(crate) pool_limit: Option<Limit>,
    /// Anything went wrong so far.
    pub(crate) faulted: bool,
}

/// The pool's own rows: its settings and the override.
pub(crate) type OwnRows = (Option<PoolRow>, Option<OverrideRow>);

/// What became of the overrides that several operators make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct LimitSets {
    /// How many of them are done.
    pub(crate) done: usize,
    /// The one that was asked for last: when, and which.
    pub(crate) newest: Option<(u64, Limit)>,
    /// Another one was asked for at the same moment.
    pub(crate) tied: bool,
}

/// A client: a workflow execution, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ClientState {
    pub(crate) stage: Stage,
    /// How many attempts it has begun.
    pub(crate) begun: u8,
    /// When it entered the state that asks.
    pub(crate) entered: Timestamp,
    /// The tasks of its attempts.
    pub(crate) tasks: Vec<Task>,
    /// What it was told last.
    pub(crate) lease: Option<ToldLease>,
    pub(crate) renews: u8,
    /// How many were granted a lease before it though they joined the queue later.
    pub(crate) overtaken: u8,
    /// The end of its execution, if that is still to be reported.
    pub(crate) report: Option<EndReport>,
    /// The end that was reported last, where it may be reported once more or be followed by a redrive.
    pub(crate) reported: Option<EndReport>,
    /// How many attempts it had begun at each redrive.
    pub(crate) redriven: Vec<u8>,
    /// Every notice to it is refused for good.
    pub(crate) untellable: bool,
    /// How often the dead task of its newest attempt was granted a lease, where that is counted.
    pub(crate) dead_grants: u8,
    /// When it joined the queue, in true time, where that is judged.
    pub(crate) joined: Option<u64>,
}

/// The end of an execution, as it is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct EndReport {
    /// When it ended.
    pub(crate) at: Timestamp,
    /// How often it had been redriven.
    pub(crate) redrive: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    /// About to ask, for the first time or once more.
    Idle,
    /// Its task waits.
    Asking,
    /// It was told that it has a lease.
    Working,
    /// It has asked to release.
    Releasing,
    /// Its execution has ended.
    Over,
    /// Its branch was cancelled or its process killed: nobody is there any more, and no end was reported.
    Gone,
}

/// The task of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Task {
    /// It waits.
    Open,
    /// It was told that it has a lease.
    Told,
    /// It failed or timed out.
    Closed,
}

/// A lease as a client was told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ToldLease {
    pub(crate) slot: Slot,
    pub(crate) fence: Fence,
    pub(crate) expires_at: Timestamp,
}

/// An operation under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Call {
    pub(crate) by: Caller,
    /// How far its clock is ahead.
    pub(crate) skew: u64,
    pub(crate) engine: Engine,
    pub(crate) in_flight: InFlight,
    /// The rows of a query that were read at an earlier moment.
    pub(crate) half: Option<TornRead>,
    /// When its last step was given, on its own clock; kept only where that clock is all it sees.
    pub(crate) stepped: Timestamp,
    /// All answers are there, but it is frozen.
    pub(crate) frozen: bool,
    /// Which of its settings are not those of now.
    pub(crate) old: OldSettings,
}

/// A high-water mark that was moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct MarkBefore {
    pub(crate) mark: HighWaterRow,
    /// When it was moved, in true time.
    pub(crate) moved_at: u64,
    /// The pool's own rows have not changed since.
    pub(crate) after_rows: bool,
}

/// Whose call it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Caller {
    Acquire(usize, u8),
    Release(usize),
    /// By an attempt that was followed by a newer one.
    OlderRelease(usize, Attempt),
    Renew(usize),
    /// With which end, and whether nothing else of this execution's was under way when that was reported.
    ExecutionEnded(usize, EndReport, bool),
    Sweep,
    /// Which operator, and when it began.
    Operator(u8, u64),
}

/// What runs it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Engine {
    Leasehold(Box<AnyMachine>),
    CountThenPut(CountThenPut),
}

impl Engine {
    pub(crate) fn resume(&mut self, replies: Replies, now: Timestamp) -> Step<AnyOutcome> {
        match self {
            Engine::Leasehold(machine) => machine.resume(replies, now),
            Engine::CountThenPut(caller) => caller.resume(replies, now).map(AnyOutcome::Acquire),
        }
    }
}

/// The rows of a query that were read at an earlier moment: those below, or from, this index.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TornRead {
    pub(crate) below: bool,
    pub(crate) index: u32,
    pub(crate) rows: Vec<SlotRow>,
}

impl ClientState {
    /// Which attempt this is, as the holder's rows keep it. Clients that share a name never share an attempt.
    pub(crate) fn attempt(&self, client: usize, number: u8) -> Attempt {
        let redrive = self.redriven.iter().filter(|before| **before < number).count();
        let retry = u32::from(number - self.before(redrive)) * 8 + u32::try_from(client).unwrap_or(0);
        Attempt { entered: self.entered, redrive: u32::try_from(redrive).unwrap_or(u32::MAX), retry }
    }

    /// How many attempts it had begun before it was redriven that often.
    fn before(&self, redrive: usize) -> u8 {
        redrive.checked_sub(1).and_then(|last| self.redriven.get(last)).copied().unwrap_or(0)
    }

    /// How many attempts it has begun since it was redriven last.
    pub(crate) fn retried(&self) -> u8 {
        self.begun - self.before(self.redriven.len())
    }

    /// Whether it waits for this attempt, its newest one.
    pub(crate) fn asks(&self, attempt: u8) -> bool {
        self.stage == Stage::Asking && self.begun == attempt
    }

    /// Which of this client's attempts it is; where redrives are not counted, the newest that it may be.
    pub(crate) fn number(&self, client: usize, attempt: Attempt, counts_redrives: bool) -> Option<u8> {
        let retry = (attempt.retry as usize % 8 == client).then_some(attempt.retry / 8)?;
        let number = |redrive: usize| u8::try_from(retry).unwrap_or(u8::MAX).saturating_add(self.before(redrive));
        if counts_redrives {
            return Some(number(attempt.redrive as usize));
        }
        let may_be = (0..=self.redriven.len()).rev().map(number).find(|number| *number <= self.begun);
        Some(may_be.unwrap_or(number(0)))
    }
}

impl WorldState {
    pub(crate) fn begin(shared: &Shared) -> WorldState {
        let world = &shared.world;
        let begin = |client: &super::world::Client| {
            Hashed::new(ClientState {
                stage: Stage::Idle,
                begun: 0,
                entered: Timestamp(super::world::BEGIN),
                tasks: vec![],
                lease: None,
                renews: client.renews,
                overtaken: 0,
                report: None,
                reported: None,
                redriven: vec![],
                untellable: false,
                dead_grants: 0,
                joined: None,
            })
        };
        WorldState {
            now: super::world::BEGIN,
            table: shared.begin(),
            clients: world.clients.iter().map(begin).collect(),
            calls: vec![],
            late: vec![],
            left: world.faults,
            sweeps: world.sweeps,
            operators: world.operator_plan.map_or(0, |change| change.operators.iter().flatten().count() as u8),
            changed_at: None,
            rows_before: None,
            mark_before: None,
            limit_sets: None,
            ended_limit: None,
            pool_limit: None,
            faulted: false,
        }
    }

    /// The pool's own rows.
    pub(crate) fn own_rows(&self) -> OwnRows {
        let row = |key| self.table.row(key).cloned();
        let pool = if let Some(Row::Pool(row)) = row(RowKey::Pool) { Some(row) } else { None };
        let live = if let Some(Row::Override(row)) = row(RowKey::Override) { Some(row) } else { None };
        (pool, live)
    }

    /// The high-water mark.
    pub(crate) fn mark(&self) -> Option<HighWaterRow> {
        if let Some(Row::HighWater(mark)) = self.table.row(RowKey::HighWater) { Some(*mark) } else { None }
    }

    /// How many slots are held, expired or not.
    pub(crate) fn held(&self) -> usize {
        self.table.slots().filter(|row| row.held.is_some()).count()
    }

    /// Nothing is under way: no call, nothing on the network.
    pub(crate) fn is_quiet(&self) -> bool {
        self.calls.is_empty() && self.late.is_empty()
    }

    pub(crate) fn client(&mut self, at: usize, change: impl FnOnce(&mut ClientState)) {
        let mut client = (*self.clients[at]).clone();
        change(&mut client);
        self.clients[at] = Hashed::new(client);
    }

    /// The digests decide the order, so that states which differ only in that order are one.
    pub(crate) fn add_call(&mut self, call: Call) {
        self.add_hashed_call(Hashed::new(call));
    }

    pub(crate) fn add_hashed_call(&mut self, call: Hashed<Call>) {
        let at = self.calls.partition_point(|other| other.digest() < call.digest());
        self.calls.insert(at, call);
    }

    pub(crate) fn add_late(&mut self, request: Request) {
        let request = Hashed::new(request);
        let at = self.late.partition_point(|other| other.digest() < request.digest());
        self.late.insert(at, request);
    }
}
