//! Calls of a large world: who called for what, and how far has it got?

use leasehold_core::{AnyMachine, AnyOperation, AnyOutcome, InFlight, Reply};

use crate::rng::Rng;

/// Who called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// A holder asks; a repeated call is not heard by anybody.
    Acquire { holder: u32, task: u32, is_heard: bool },
    /// A holder gives its lease back.
    Release { holder: u32, epoch: u32, is_heard: bool },
    /// A holder keeps its lease longer.
    Renew { holder: u32, epoch: u32 },
    /// A process looks whether it was granted a lease.
    Look { holder: u32, epoch: u32 },
    /// A process leaves the queue.
    Leave { holder: u32, epoch: u32 },
    /// The schedule, or a process that saw a lapsed lease.
    Sweep { is_scheduled: bool },
    /// The end of an execution is reported.
    Ended { report: u32 },
    /// An execution gives back what one of its branches has, or all.
    ReleaseAll { execution: u32, holder: Option<u32> },
    /// An operator.
    Operator,
}

impl Caller {
    /// The process that calls from its own machine, if one does.
    pub(super) fn holder(self) -> Option<u32> {
        match self {
            Caller::Acquire { holder, .. }
            | Caller::Release { holder, .. }
            | Caller::Renew { holder, .. }
            | Caller::Look { holder, .. }
            | Caller::Leave { holder, .. } => Some(holder),
            Caller::Sweep { .. } | Caller::Ended { .. } | Caller::ReleaseAll { .. } | Caller::Operator => None,
        }
    }

    /// Whether it comes whatever else happens.
    pub(super) fn is_scheduled(self) -> bool {
        self == Caller::Sweep { is_scheduled: true }
    }

    /// Whether nobody waits for the answer: Lambda keeps such a call until there is room, and repeats it if it fails.
    pub(super) fn is_asynchronous(self) -> bool {
        matches!(self, Caller::Sweep { .. } | Caller::Ended { .. })
    }
}

/// How far a call has got.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum CallPhase {
    /// It was called, and has not begun.
    Invoked,
    /// It reads the pool's own rows.
    Settings,
    /// It reads the high-water mark.
    HighWater(Box<[Reply; 2]>),
    /// Its operation runs.
    Running,
    /// A process reads its own row.
    Looking,
    /// A process reads slots, to see whether a lease has lapsed.
    LookingForLapsed,
    /// It is over, and its answer is on its way.
    Answered,
}

/// A call under way.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// Grows with each step, so that events of former steps, and of former calls, mean nothing.
    pub(super) serial: u32,
    pub(super) by: Caller,
    pub(super) pool: u16,
    pub(super) operation: Option<AnyOperation>,
    pub(super) machine: Option<AnyMachine>,
    pub(super) phase: CallPhase,
    /// On which machine it runs.
    pub(super) runs_on: Option<u32>,
    pub(super) in_flight: InFlight,
    /// How many effects are unanswered.
    pub(super) pending: u16,
    /// When the step's effects were sent.
    pub(super) sent: u64,
    /// When all answers that there are so far have come.
    pub(super) resume_at: u64,
    /// When its time is up.
    pub(super) until: u64,
    /// When it began to read the settings.
    pub(super) read_at: u64,
    /// How long it stood still so far.
    pub(super) froze: u64,
    /// The first rows of a query that reads the others later.
    pub(super) half: Option<(u16, Reply)>,
    /// Something went wrong in it.
    pub(super) is_faulted: bool,
    /// It saw somebody wait when it last read the queue.
    pub(super) saw_waiter: bool,
    /// It wrote rows that settings are read from.
    pub(super) wrote_own_rows: bool,
    /// How many rounds of a sweep it has made, or how often it was tried.
    pub(super) rounds: u8,
    pub(super) tries: u8,
    /// At its beginning this holder waited though a slot was open, and so many grants had been made.
    pub(super) watch: Option<(u32, u64)>,
    /// What it came to; none: it has not.
    pub(super) result: Option<Result<CallOutcome, &'static str>>,
    pub(super) rng: Rng,
}

/// What a call came to, if not to an error.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum CallOutcome {
    Operation(Box<AnyOutcome>),
    /// What a process saw of its own row.
    Standing(QueueStanding),
    /// A lease has lapsed.
    Lapsed(bool),
}

/// Where a process stands, by its own row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QueueStanding {
    Waits,
    Turn,
    Nowhere,
}

impl Call {
    pub(super) fn new(by: Caller, pool: u16, operation: Option<AnyOperation>, rng: Rng) -> Call {
        Call {
            serial: 0,
            by,
            pool,
            operation,
            machine: None,
            phase: CallPhase::Invoked,
            runs_on: None,
            in_flight: InFlight::new(vec![]),
            pending: 0,
            sent: 0,
            resume_at: 0,
            until: u64::MAX,
            read_at: 0,
            froze: 0,
            half: None,
            is_faulted: false,
            saw_waiter: false,
            wrote_own_rows: false,
            rounds: 0,
            tries: 0,
            watch: None,
            result: None,
            rng,
        }
    }
}
