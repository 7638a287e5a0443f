//! How is an operation run? Started, it gives a step; whoever runs it carries the step out and resumes it
//! with the answer, until it is done. Time and randomness come in as arguments, nothing else comes in.
//!
//! A machine is plain data: it can be cloned, compared and hashed, so a checker can try every order of
//! every answer. Dropping one at any point is a crash, and safe.

use std::sync::Arc;

use crate::nouns::{Attempt, Lease, LeaseId, Limit, Millis, NotA, Slot, Token};
use crate::table::{Reply, Request, SlotRow, WaitRow};
use crate::{acquire, change, gone, release, renew, settings::Settings, status, sweep};

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Wait `pause`, then send the table all of these, in any order or at once; answer with `Replies`, in this order.
    Ask {
        /// The requests, independent of each other.
        requests: Vec<Request>,
        /// How long to wait first: jitter after a collision, else zero.
        pause: Millis,
    },
    /// Tell these waiters; answer with `Notices`, in this order.
    Notify(Vec<Notice>),
    /// Find out whether these executions still run; answer with `Lives`, in this order.
    Alive(Vec<Arc<str>>),
    /// Over.
    Done(Outcome),
}

/// The answer to a step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// One reply per request.
    Replies(Vec<Reply>),
    /// One per notice.
    Notices(Vec<Notified>),
    /// One per execution.
    Lives(Vec<Life>),
}

/// Something to tell the task that waits on a token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Notice {
    /// The task.
    pub token: Token,
    /// What it is told.
    pub news: News,
}

/// What a waiting task is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum News {
    /// It has a lease: the task succeeds with it.
    Acquired(Lease),
    /// It will not get one: the task fails.
    Failed(WhyFailed),
}

/// Why a waiting task is failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WhyFailed {
    /// It waited as long as it wanted to.
    WaitedTooLong,
    /// A newer attempt of the same holder took its place.
    Superseded,
    /// Its lease expired before it could be told.
    Expired,
    /// It was released, or its execution has ended.
    Released,
}

/// What became of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Notified {
    /// The task took it.
    Delivered,
    /// The task is closed: it is gone, or an earlier notice got through.
    Closed,
    /// No answer, or try again later: it may or may not have arrived.
    Unknown,
}

/// Whether an execution still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Life {
    /// It runs.
    Running,
    /// It has ended.
    Ended,
    /// Not known: no permission, no answer, not an execution.
    Unknown,
}

/// What an operation came to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The caller has this lease.
    Acquired(Lease),
    /// The caller is in the queue; its notice comes later (or has come already).
    Queued,
    /// Nothing was granted: ask again later.
    Wait {
        /// How much later.
        retry_after: Millis,
        /// How many hold a lease that has not expired.
        held: u32,
        /// How many wait, up to what was read.
        waiting: u32,
        /// Whether more than that wait.
        waiting_more: bool,
    },
    /// The lease, or the place in the queue, is given back.
    Released {
        /// Which lease, if the holder had one.
        lease: Option<LeaseId>,
        /// It was already gone.
        already: bool,
    },
    /// The lease lasts longer.
    Renewed {
        /// Which.
        id: LeaseId,
        /// Until when.
        expires_at: Millis,
    },
    /// A sweep is over.
    Swept(Tally),
    /// What an ended execution held or waited for is free.
    Gone {
        /// What was freed.
        tally: Tally,
        /// There is more: call again with this as `after`.
        more: Option<u128>,
    },
    /// The pool as it is.
    Status(Snapshot),
    /// The limit is changed.
    Changed {
        /// From.
        from: Limit,
        /// To.
        to: Limit,
    },
    /// Nothing was granted or changed for the caller, for this reason.
    Failed(Failure),
}

/// Why an operation came to nothing. None of these is ever a grant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Failure {
    /// A newer attempt of this holder is known, or an older one is known to run: two branches share a name;
    /// give each its own `key`.
    #[error("another attempt of this holder is in the way: {0}")]
    Busy(Attempt),
    /// The lease is not the caller's any more, or this attempt has ended.
    #[error("the lease is lost: {0}")]
    Lost(WhyLost),
    /// The table refused for too many requests, or callers kept colliding. Try again later.
    #[error("the table is too busy")]
    Throttled,
    /// The table gave no usable answer; a write may have happened. Ask again with the same holder and attempt.
    #[error("the table is unavailable")]
    Unavailable,
    /// The pool has no settings row.
    #[error("the pool has no settings row")]
    NoPool,
    /// A value in the pool's settings makes no sense.
    #[error("the pool's settings are wrong: {0}")]
    Misconfigured(NotA),
}

/// How a lease was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum WhyLost {
    /// It was released, or it expired and was cleared away.
    #[error("it has ended")]
    Ended,
    /// The slot has gone to another.
    #[error("it expired and another holder has the slot")]
    Taken,
    /// It expired before its caller could be told.
    #[error("it expired before it could be told")]
    ExpiredUntold,
}

/// What a call did for the pool, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tally {
    /// Leases granted to waiters.
    pub granted: u32,
    /// Expired leases that were taken from their holders.
    pub reclaimed: u32,
    /// Notices sent again.
    pub renotified: u32,
    /// Leases extended because their execution runs.
    pub extended: u32,
    /// Leases freed whose holders released them or have ended.
    pub freed: u32,
    /// Waiters that left the queue.
    pub left: u32,
    /// There was more to do than one call does.
    pub more: bool,
}

/// A pool's slots and the head of its queue, as they were read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Snapshot {
    /// When.
    pub at: Millis,
    /// The limit in force.
    pub limit: Limit,
    /// Every slot that was ever granted.
    pub slots: Vec<SlotRow>,
    /// The first of the queue.
    pub queue: Vec<WaitRow>,
    /// Whether more wait.
    pub more: bool,
}

/// One operation, started and not yet done.
#[allow(clippy::large_enum_variant, reason = "the commonest is the largest")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Machine {
    /// Ask for a lease.
    Acquire(acquire::Acquire),
    /// Give one back, or leave the queue.
    Release(release::Release),
    /// Keep one longer.
    Renew(renew::Renew),
    /// Put a pool in order.
    Sweep(sweep::Sweep),
    /// Free what an ended execution leaves behind.
    Gone(gone::Gone),
    /// Look.
    Status(status::Status),
    /// Change the limit.
    Change(change::ChangeLimit),
}

/// What is asked of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// A lease, please.
    Acquire(acquire::Ask),
    /// Here is one back.
    Release(release::What),
    /// Longer, please.
    Renew(renew::Longer),
    /// Put the pool in order.
    Sweep,
    /// This execution has ended.
    Gone(gone::Ended),
    /// How does it look?
    Status,
    /// Change the limit.
    Change(change::NewLimit),
}

impl Machine {
    /// Starts an operation on a pool with these settings. `entropy` is any random number.
    pub fn start(operation: Operation, settings: Arc<Settings>, now: Millis, entropy: u64) -> (Machine, Step) {
        match operation {
            Operation::Acquire(ask) => acquire::Acquire::start(ask, settings, entropy).into_machine(Machine::Acquire),
            Operation::Release(what) => release::Release::start(what, settings, entropy).into_machine(Machine::Release),
            Operation::Renew(longer) => renew::Renew::start(longer, settings, now).into_machine(Machine::Renew),
            Operation::Sweep => sweep::Sweep::start(settings, entropy).into_machine(Machine::Sweep),
            Operation::Gone(ended) => gone::Gone::start(ended, settings, entropy).into_machine(Machine::Gone),
            Operation::Status => status::Status::start(settings).into_machine(Machine::Status),
            Operation::Change(new) => change::ChangeLimit::start(new, settings, entropy).into_machine(Machine::Change),
        }
    }

    /// Goes on with the answer to the last step; `now` is the caller's clock, read after the answer came.
    pub fn resume(&mut self, answer: Answer, now: Millis) -> Step {
        match self {
            Machine::Acquire(machine) => machine.resume(answer, now),
            Machine::Release(machine) => machine.resume(answer, now),
            Machine::Renew(machine) => machine.resume(answer, now),
            Machine::Sweep(machine) => machine.resume(answer, now),
            Machine::Gone(machine) => machine.resume(answer, now),
            Machine::Status(machine) => machine.resume(answer, now),
            Machine::Change(machine) => machine.resume(answer, now),
        }
    }
}

pub(crate) trait Started<M> {
    fn into_machine(self, wrap: fn(M) -> Machine) -> (Machine, Step);
}

impl<M> Started<M> for (M, Step) {
    fn into_machine(self, wrap: fn(M) -> Machine) -> (Machine, Step) {
        (wrap(self.0), self.1)
    }
}

/// Requests without a pause.
pub(crate) fn ask(requests: Vec<Request>) -> Step {
    ask_after(Millis(0), requests)
}

/// Requests after a pause.
pub(crate) fn ask_after(pause: Millis, requests: Vec<Request>) -> Step {
    Step::Ask { requests, pause }
}

/// Over, without what was asked for.
pub(crate) fn failed(failure: Failure) -> Step {
    Step::Done(Outcome::Failed(failure))
}

/// A pause before the nth try after a collision: full jitter, so that callers spread.
pub(crate) fn jitter(entropy: u64, tried: u8) -> Millis {
    let most = 10u64 << u32::from(tried.min(6));
    Millis(spread(entropy, u64::from(tried)) % (most + 1))
}

/// One number of a sequence that differs from caller to caller (the mixing step of SplitMix64).
pub(crate) fn spread(entropy: u64, n: u64) -> u64 {
    let mut z = entropy.wrapping_add((n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The slot a snapshot shows at this index; one without a row was never granted.
pub(crate) fn slot_row(slots: &[SlotRow], slot: Slot) -> SlotRow {
    match slots.binary_search_by_key(&slot, |row| row.slot) {
        Ok(at) => slots[at].clone(),
        Err(_) => SlotRow { slot, fence: crate::nouns::Fence(0), held: None },
    }
}
