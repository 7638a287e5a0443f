//! Who there is in a large world: executions, and the holders in them. What does each do now, and what was it told?

use leasehold_core::{Attempt, Fence, Holder, LeaseId, PoolName, Slot, TaskToken, Timestamp};

use super::state_retry::RetriesUsed;
use crate::rng::Rng;

/// One execution of a workflow, or a local process.
#[derive(Clone, Debug)]
pub(super) struct Execution {
    /// Its ARN; of a process, its name.
    pub(super) id: String,
    pub(super) crowd: u32,
    /// The first of its holders, and the one after the last; of a map run's parent, none.
    pub(super) holders: (u32, u32),
    /// The execution that started the map run it is an item of.
    pub(super) parent: Option<u32>,
    /// Its items, if it is the parent of a map run: the first, and the one after the last.
    pub(super) items: (u32, u32),
    pub(super) redrive: u32,
    pub(super) state: ExecutionState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExecutionState {
    NotBegun,
    Running,
    Succeeded,
    Failed,
}

/// One holder: a task of an execution, or a process.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) execution: u32,
    pub(super) pool: u16,
    pub(super) mode: AskMode,
    pub(super) holder: Holder,
    pub(super) stage: Stage,
    /// Grows whenever it goes on, so that old timers and answers mean nothing.
    pub(super) epoch: u32,
    /// When the asking state was entered.
    pub(super) entered: Timestamp,
    pub(super) retry: u32,
    pub(super) redrive: u32,
    pub(super) used: RetriesUsed,
    /// The number of its newest task, from 1.
    pub(super) task: u32,
    /// Whether that still waits.
    pub(super) is_open: bool,
    /// Whether its newest task can not be told for good.
    pub(super) is_untellable: bool,
    /// The lease that it was told of last.
    pub(super) told: Option<ToldLease>,
    /// The newest attempt that was told of a lease.
    pub(super) told_on: Option<Attempt>,
    /// When it last renewed that, in microseconds.
    pub(super) renewed: u64,
    /// Whether a late report took that.
    pub(super) lost_to_end: bool,
    /// Whether it counts as one that holds a lease: told, not given back, not expired.
    pub(super) counts: bool,
    /// The newest attempt that was dead when it was granted a lease.
    pub(super) dead_grant: Option<Attempt>,
    /// How many that joined later were granted a lease before it.
    pub(super) overtaken: u32,
    /// How long it works, in microseconds.
    pub(super) work: u64,
    /// How far its own clock is ahead, in milliseconds.
    pub(super) clock: i64,
    /// How long it waits before it looks again, in microseconds.
    pub(super) pause: u64,
    /// Whether its last call got no answer, so that it may have a row and no place.
    pub(super) is_unsure: bool,
    /// When it began to ask.
    pub(super) began: u64,
    /// What it did when its execution ended, if it was not done.
    pub(super) was: Option<Stage>,
    /// The machine that a process runs on.
    pub(super) machine: Option<u32>,
    pub(super) rng: Rng,
}

/// How a holder asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AskMode {
    Queue,
    Poll,
    Process,
}

/// What a holder does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It has not begun.
    Idle,
    /// It asks, or waits to be told.
    Asking,
    /// It waits to ask again.
    Pausing,
    /// It was working when its execution was redriven, and renews its lease before it goes on.
    Checking,
    Working,
    Releasing,
    /// It leaves the queue.
    Leaving,
    /// Its branch was cancelled, or its process killed.
    Gone,
    /// It is done.
    Over,
}

/// A lease, as its holder was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ToldLease {
    pub(super) slot: Slot,
    pub(super) fence: Fence,
    pub(super) attempt: Attempt,
    pub(super) acquired_at: Timestamp,
    pub(super) expires_at: Timestamp,
}

impl ToldLease {
    pub(super) fn id(&self, prefix: &PoolName) -> LeaseId {
        LeaseId { prefix: prefix.clone(), slot: self.slot, fence: self.fence }
    }
}

impl Member {
    /// The attempt on which it asks.
    pub(super) fn attempt(&self) -> Attempt {
        // A workflow that polls does not say how often it was redriven.
        let redrive = if self.mode == AskMode::Queue { self.redrive } else { 0 };
        Attempt { entered: self.entered, redrive, retry: self.retry }
    }

    /// It goes on to something else.
    pub(super) fn goes_on(&mut self, stage: Stage) {
        self.stage = stage;
        self.epoch += 1;
    }

    /// Whether nothing is to be expected of it any more.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Over | Stage::Gone)
    }

    /// Whether it waits for a lease, and can still be told.
    pub(super) fn waits(&self) -> bool {
        match self.mode {
            AskMode::Queue => self.stage == Stage::Asking && self.is_open && !self.is_untellable,
            AskMode::Process => self.stage == Stage::Asking,
            AskMode::Poll => false,
        }
    }
}

/// The token of one task of a holder.
pub(super) fn token_of(holder: u32, task: u32) -> Option<TaskToken> {
    TaskToken::new(&format!("{holder}.{task}")).ok()
}

/// Which task of which holder a token is for.
pub(super) fn owner_of(token: &TaskToken) -> Option<(u32, u32)> {
    let (holder, task) = token.secret().split_once('.')?;
    Some((holder.parse().ok()?, task.parse().ok()?))
}
