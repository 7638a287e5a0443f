//! Calls: what is on its way between callers, table and tasks? A call runs one engine; each step of it sends messages,
//! which take their time there and back.

use leasehold_core::{Delivery, Effect, EffectReply, ExecutionStatus, Failure, Replies, Reply};

use super::draws::DrawKey;
use super::engine::Engine;
use super::played_operation::PlayedOutcome;
use super::slab_map::SlabMap;

/// What a call is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CallPurpose {
    /// To get this job a lease, for this task of its.
    Acquire { job: u32, task: u32 },
    /// To give a job's lease back.
    Release { job: u32 },
    /// To keep it longer.
    Renew { job: u32 },
    /// To put the pool in order.
    Sweep,
    /// To free what a dead job had.
    ExecutionEnded { job: u32 },
    /// To change the limit.
    Limit,
}

impl CallPurpose {
    /// The job it is for.
    pub(crate) fn job(self) -> Option<u32> {
        match self {
            CallPurpose::Acquire { job, .. } | CallPurpose::Release { job } | CallPurpose::Renew { job } => Some(job),
            CallPurpose::Sweep | CallPurpose::ExecutionEnded { .. } | CallPurpose::Limit => None,
        }
    }

    /// The number that the page knows it by.
    pub(crate) fn number(self) -> u8 {
        match self {
            CallPurpose::Acquire { .. } => 0,
            CallPurpose::Release { .. } => 1,
            CallPurpose::Renew { .. } => 2,
            CallPurpose::Sweep => 3,
            CallPurpose::ExecutionEnded { .. } => 4,
            CallPurpose::Limit => 5,
        }
    }

    /// Its name for a person.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            CallPurpose::Acquire { .. } => "acquire",
            CallPurpose::Release { .. } => "release",
            CallPurpose::Renew { .. } => "renew",
            CallPurpose::Sweep => "sweep",
            CallPurpose::ExecutionEnded { .. } => "execution ended",
            CallPurpose::Limit => "limit change",
        }
    }
}

/// A call under way.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) pool: usize,
    pub(crate) purpose: CallPurpose,
    /// Names its draws.
    pub(crate) key: DrawKey,
    /// From when to when its function is being invoked, in microseconds since the start; from then on the engine runs.
    pub(crate) invoked: (u64, u64),
    pub(crate) engine: Option<Engine>,
    /// How far its clock is ahead, in microseconds.
    pub(crate) skew: i64,
    /// How many steps it made.
    pub(crate) round: u32,
    /// After how many steps it dies, if it does.
    pub(crate) dies_after: Option<u32>,
    /// It is dead: what it sent goes on, what comes back is for nobody.
    pub(crate) dead: bool,
    pub(crate) sent: Vec<Sent>,
}

/// Something sent by a call, and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// Its number in its lane.
    pub(crate) number: u64,
    pub(crate) effect: Effect,
    pub(crate) leg: Leg,
}

/// What a call came to.
pub(crate) type CallOutcome = Result<PlayedOutcome, Failure>;

/// Where something is. Moments are microseconds since the start.
#[derive(Clone, Debug)]
pub(crate) enum Leg {
    /// On its way there; `lost`: it never arrives.
    There { from: u64, to: u64, lost: bool },
    /// Its answer is on its way back; `lost`: it never arrives.
    Back { from: u64, to: u64, lost: bool, answer: EffectReply },
    /// Its answer is there.
    Here(EffectReply),
}

/// The calls of a lane.
#[derive(Clone, Debug)]
pub(crate) struct Calls {
    /// Those under way, by number.
    pub(crate) under_way: SlabMap<Call>,
    /// What others came to, on its way to their workflows, by a number of its own.
    pub(crate) outcomes: SlabMap<(CallPurpose, CallOutcome)>,
    /// The next number of either.
    next: u32,
    /// How many calls each pool made of sweeps, ends and changes.
    of_pools: Vec<[u32; 3]>,
    /// The next number of something that is sent.
    pub(crate) next_message: u64,
}

impl Calls {
    pub(crate) fn new(pools: usize) -> Calls {
        let (under_way, outcomes) = (SlabMap::default(), SlabMap::default());
        Calls { under_way, outcomes, next: 0, of_pools: vec![[0; 3]; pools], next_message: 0 }
    }

    /// Which of the calls of a pool for this purpose the next one is, from 1 on.
    pub(crate) fn next_of_pool(&mut self, pool: usize, purpose: CallPurpose) -> u32 {
        let calls = &mut self.of_pools[pool][usize::from(purpose.number()).saturating_sub(3).min(2)];
        *calls += 1;
        *calls
    }

    /// Adds one: its number.
    pub(crate) fn add(&mut self, call: Call) -> u32 {
        let number = self.take_number();
        self.under_way.add(number, call);
        number
    }

    /// Adds what one came to: its number.
    pub(crate) fn add_outcome(&mut self, purpose: CallPurpose, outcome: CallOutcome) -> u32 {
        let number = self.take_number();
        self.outcomes.add(number, (purpose, outcome));
        number
    }

    fn take_number(&mut self) -> u32 {
        self.next += 1;
        self.next - 1
    }

    /// Whether one of them is for this job.
    pub(crate) fn any_for(&self, job: u32) -> bool {
        self.under_way.all().any(|call| call.purpose.job() == Some(job))
    }
}

/// What it means that no answer to this comes.
pub(crate) fn unanswered(effect: &Effect) -> EffectReply {
    match effect {
        Effect::Request(_) => Reply::Unknown.into(),
        Effect::Callback(_) => Delivery::Unknown.into(),
        Effect::StatusCheck(_) => ExecutionStatus::Unknown.into(),
    }
}

impl Call {
    /// What names the draws of the nth call for this purpose.
    pub(crate) fn key(pool: usize, purpose: CallPurpose, nth: u32) -> DrawKey {
        let whose = purpose.job().map_or((1 << 40) + pool as u64, u64::from);
        [whose, purpose.number().into(), nth.into()]
    }

    /// What names the draws of a message: the one at this place of those sent in its present round.
    pub(crate) fn message_key(&self, at: usize) -> DrawKey {
        [self.key[0], (self.key[1] << 32) | self.key[2], (u64::from(self.round) << 32) | at as u64]
    }

    /// The replies to its step, if all of them have come.
    pub(crate) fn replies(&mut self) -> Option<Replies> {
        if self.sent.iter().any(|sent| !matches!(sent.leg, Leg::Here(_))) {
            return None;
        }
        let reply = |sent: Sent| if let Leg::Here(reply) = sent.leg { Some(reply) } else { None };
        Some(self.sent.drain(..).filter_map(reply).collect())
    }

    /// Whether nothing of its is on its way there any more.
    pub(crate) fn is_quiet(&self) -> bool {
        !self.sent.iter().any(|sent| matches!(sent.leg, Leg::There { lost: false, .. }))
    }
}
