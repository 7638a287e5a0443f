//! Operations: what does one ask of whoever runs it, and what may it be told?
//!
//! An operation is what is asked of a pool. Started, it is a machine and a first step. Whoever runs it performs the
//! effects of the step and resumes the machine with the replies, until the step says that it is done. Time and
//! randomness come in as arguments, nothing else comes in.
//!
//! A machine is plain data: it can be cloned, compared and hashed, so a checker can try every order of every reply.
//! To drop one at any point is a crash, and safe.

use std::sync::Arc;

use crate::failure::Failure;
use crate::request::{Reply, Request};
use crate::settings::Settings;
use crate::time::{Millis, Timestamp};
use crate::types::{Lease, TaskToken};

/// What is asked of a pool.
pub trait Operation {
    /// What it comes to, if not to a failure.
    type Outcome;
    /// The operation under way.
    type Machine: Machine<Outcome = Self::Outcome>;

    /// Starts it on a pool with these settings. `now` is the caller's clock; `entropy` is any random number.
    fn start(self, settings: Arc<Settings>, now: Timestamp, entropy: u64) -> (Self::Machine, Step<Self::Outcome>);
}

/// An operation, started and not yet done.
pub trait Machine {
    /// What it comes to, if not to a failure.
    type Outcome;

    /// Goes on with the replies to the effects of the last step; `now` is the caller's clock, read after they came.
    fn resume(&mut self, replies: Replies, now: Timestamp) -> Step<Self::Outcome>;
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step<T> {
    /// Wait, then perform these effects, in any order or at once, and resume with all their replies.
    Perform {
        /// The effects, independent of each other.
        effects: Vec<Effect>,
        /// How long to wait first: jitter after a collision, else zero.
        pause: Millis,
    },
    /// Over.
    Done(Result<T, Failure>),
}

/// One thing that whoever runs an operation does for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Send the table this; answered by its [`Reply`].
    Request(Request),
    /// Tell this waiting task; answered by its [`Delivery`].
    Callback(TaskCallback),
    /// Find out whether this execution runs; answered by its [`ExecutionStatus`].
    StatusCheck(Arc<str>),
}

/// What came of an effect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EffectReply {
    /// Of a request.
    Table(Reply),
    /// Of a callback.
    Delivery(Delivery),
    /// Of a status check.
    Status(ExecutionStatus),
}

/// A result for the task that waits on a token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TaskCallback {
    /// The task.
    pub token: TaskToken,
    /// What it is told.
    pub result: TaskResult,
}

/// What a waiting task is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TaskResult {
    /// It has a lease: the task succeeds with it.
    Acquired(Lease),
    /// It will not get one: the task fails.
    Failed(FailureReason),
}

/// Why a waiting task is failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureReason {
    /// It waited as long as it wanted to.
    WaitedTooLong,
    /// A newer attempt of the same holder took its place.
    Superseded,
    /// Its lease expired before it could be told.
    Expired,
    /// It was released, or its execution has ended.
    Released,
}

/// What became of a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// The task took it.
    Delivered,
    /// The task is closed: it is gone, or an earlier callback got through.
    Closed,
    /// Refused for good: no permission, or a key that may not be used. A person must mend that; until then nobody can be
    /// told.
    Refused,
    /// It was not taken, as throttling says: nobody was told.
    NotSent,
    /// No answer: it may or may not have arrived.
    Unknown,
}

impl Delivery {
    /// Whether nobody can be told by this token any more, so that what it waited for may be taken over.
    pub(crate) fn is_closed(self) -> bool {
        matches!(self, Delivery::Delivered | Delivery::Closed | Delivery::Refused)
    }
}

/// Whether an execution still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExecutionStatus {
    /// It runs.
    Running,
    /// It has ended.
    Ended,
    /// Not known: no permission, no answer, not an execution.
    Unknown,
}

/// The effects of one step on their way, and the replies that came so far. Every runner collects with it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InFlight(Vec<(Effect, Option<EffectReply>)>);

/// The replies to the effects of one step, in their order. What got no reply, or one of another kind, is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Replies(Vec<EffectReply>);

impl InFlight {
    /// Effects that nobody has performed yet.
    pub fn new(effects: Vec<Effect>) -> InFlight {
        InFlight(effects.into_iter().map(|effect| (effect, None)).collect())
    }

    /// The effects, each with its reply if that has come.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Effect, Option<&EffectReply>)> + ExactSizeIterator {
        self.0.iter().map(|(effect, reply)| (effect, reply.as_ref()))
    }

    /// One effect.
    pub fn effect(&self, at: usize) -> Option<&Effect> {
        self.0.get(at).map(|(effect, _)| effect)
    }

    /// The effects without a reply, with their places.
    pub fn unanswered(&self) -> impl DoubleEndedIterator<Item = (usize, &Effect)> {
        self.0.iter().enumerate().filter(|(_, (_, reply))| reply.is_none()).map(|(at, (effect, _))| (at, effect))
    }

    /// Takes the reply to the effect at this place; one that has its reply keeps it.
    pub fn reply(&mut self, at: usize, reply: impl Into<EffectReply>) {
        if let Some((_, slot @ None)) = self.0.get_mut(at) {
            *slot = Some(reply.into());
        }
    }

    /// Whether every effect has its reply.
    pub fn is_complete(&self) -> bool {
        self.0.iter().all(|(_, reply)| reply.is_some())
    }

    /// Whether the reply to the effect at this place is the last that is missing, or none is.
    pub fn is_last(&self, at: usize) -> bool {
        self.0.iter().enumerate().all(|(other, (_, reply))| other == at || reply.is_some())
    }

    /// The replies, to resume with.
    pub fn into_replies(self) -> Replies {
        let unknown = |effect: &Effect| match effect {
            Effect::Request(_) => Reply::Unknown.into(),
            Effect::Callback(_) => Delivery::Unknown.into(),
            Effect::StatusCheck(_) => ExecutionStatus::Unknown.into(),
        };
        Replies(self.0.into_iter().map(|(effect, reply)| reply.unwrap_or_else(|| unknown(&effect))).collect())
    }
}

impl Replies {
    /// The table's replies to a step of so many requests.
    pub fn table<const N: usize>(self) -> [Reply; N] {
        let mut replies = self.of_table();
        std::array::from_fn(|_| replies.next().unwrap_or(Reply::Unknown))
    }

    /// The table's replies, in order.
    pub(crate) fn of_table(self) -> impl Iterator<Item = Reply> {
        self.0.into_iter().map(|reply| if let EffectReply::Table(reply) = reply { reply } else { Reply::Unknown })
    }

    /// What became of each callback, in order. What was refused for good counts as unknown.
    pub(crate) fn deliveries(&self) -> impl Iterator<Item = Delivery> {
        self.0
            .iter()
            .map(|reply| if let EffectReply::Delivery(delivery) = reply { *delivery } else { Delivery::Unknown })
    }

    /// What is known of each execution, in order.
    pub(crate) fn statuses(&self) -> impl Iterator<Item = ExecutionStatus> {
        self.0
            .iter()
            .map(|reply| if let EffectReply::Status(status) = reply { *status } else { ExecutionStatus::Unknown })
    }
}

impl FromIterator<EffectReply> for Replies {
    fn from_iter<I: IntoIterator<Item = EffectReply>>(replies: I) -> Replies {
        Replies(replies.into_iter().collect())
    }
}

impl From<Reply> for EffectReply {
    fn from(reply: Reply) -> EffectReply {
        EffectReply::Table(reply)
    }
}

impl From<Delivery> for EffectReply {
    fn from(delivery: Delivery) -> EffectReply {
        EffectReply::Delivery(delivery)
    }
}

impl From<ExecutionStatus> for EffectReply {
    fn from(status: ExecutionStatus) -> EffectReply {
        EffectReply::Status(status)
    }
}

impl<T> Step<T> {
    /// Sends the table these requests.
    pub(crate) fn send(requests: impl IntoIterator<Item = Request>) -> Step<T> {
        Step::send_after(Millis(0), requests)
    }

    /// Sends the table these requests after a pause.
    pub(crate) fn send_after(pause: Millis, requests: impl IntoIterator<Item = Request>) -> Step<T> {
        Step::Perform { effects: requests.into_iter().map(Effect::Request).collect(), pause }
    }

    /// Tells these tasks.
    pub(crate) fn call_back(callbacks: impl IntoIterator<Item = TaskCallback>) -> Step<T> {
        Step::Perform { effects: callbacks.into_iter().map(Effect::Callback).collect(), pause: Millis(0) }
    }

    /// Finds out whether these executions run.
    pub(crate) fn check<'a>(executions: impl IntoIterator<Item = &'a str>) -> Step<T> {
        let effects = executions.into_iter().map(|execution| Effect::StatusCheck(execution.into())).collect();
        Step::Perform { effects, pause: Millis(0) }
    }

    /// Over, with this.
    pub(crate) fn done(outcome: T) -> Step<T> {
        Step::Done(Ok(outcome))
    }

    /// Over, without what was asked for.
    pub(crate) fn failed(failure: Failure) -> Step<T> {
        Step::Done(Err(failure))
    }

    /// A step of a machine inside another: once the inner one is done, the outer one goes on with its outcome.
    pub(crate) fn and_then<U>(self, go_on: impl FnOnce(T) -> Step<U>) -> Step<U> {
        match self {
            Step::Perform { effects, pause } => Step::Perform { effects, pause },
            Step::Done(Ok(outcome)) => go_on(outcome),
            Step::Done(Err(failure)) => Step::Done(Err(failure)),
        }
    }

    /// The same step, with its outcome in another form.
    pub fn map<U>(self, outcome: impl FnOnce(T) -> U) -> Step<U> {
        self.and_then(|done| Step::done(outcome(done)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_got_no_reply_is_unknown() {
        let mut in_flight =
            InFlight::new(vec![Effect::Request(Request::ALL_SLOTS), Effect::Request(Request::Queue(1))]);
        in_flight.reply(1, Reply::Written);
        assert!(!in_flight.is_complete() && in_flight.is_last(0) && !in_flight.is_last(1));
        assert_eq!(in_flight.into_replies().table(), [Reply::Unknown, Reply::Written]);
    }

    #[test]
    fn a_reply_of_another_kind_is_unknown() {
        let replies: Replies = [EffectReply::Delivery(Delivery::Delivered)].into_iter().collect();
        assert_eq!(replies.clone().table(), [Reply::Unknown]);
        assert_eq!(replies.statuses().collect::<Vec<_>>(), [ExecutionStatus::Unknown]);
    }

    #[test]
    fn a_reply_that_came_is_kept() {
        let mut in_flight = InFlight::new(vec![Effect::Request(Request::ALL_SLOTS)]);
        in_flight.reply(0, Reply::Written);
        in_flight.reply(0, Reply::Unknown);
        assert_eq!(in_flight.into_replies().table(), [Reply::Written]);
    }
}
