//! What is on its way between callers, table and tasks? A call runs one machine; each step of it sends requests, which
//! take their time there and back.

use std::sync::Arc;

use leasehold_core::machine::{Answer, Failure, Life, Machine, Notice, Notified, Outcome, Step};
use leasehold_core::nouns::Millis;
use leasehold_core::table::{Reply, Request};

use crate::count_then_put::CountThenPut;

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
    Gone { job: u32 },
    /// To change the limit.
    Limit,
}

impl CallPurpose {
    /// The job it is for.
    pub(crate) fn job(self) -> Option<u32> {
        match self {
            CallPurpose::Acquire { job, .. } | CallPurpose::Release { job } | CallPurpose::Renew { job } => Some(job),
            CallPurpose::Sweep | CallPurpose::Gone { .. } | CallPurpose::Limit => None,
        }
    }

    /// The number that the page knows it by.
    pub(crate) fn number(self) -> u8 {
        match self {
            CallPurpose::Acquire { .. } => 0,
            CallPurpose::Release { .. } => 1,
            CallPurpose::Renew { .. } => 2,
            CallPurpose::Sweep => 3,
            CallPurpose::Gone { .. } => 4,
            CallPurpose::Limit => 5,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            CallPurpose::Acquire { .. } => "acquire",
            CallPurpose::Release { .. } => "release",
            CallPurpose::Renew { .. } => "renew",
            CallPurpose::Sweep => "sweep",
            CallPurpose::Gone { .. } => "execution ended",
            CallPurpose::Limit => "limit change",
        }
    }
}

/// What runs in a call.
#[derive(Clone, Debug)]
pub(crate) enum Engine {
    /// One of the protocol's machines.
    Leasehold(Box<Machine>),
    /// A caller that counts, then puts.
    CountThenPut(CountThenPut),
    /// One write without a condition, and no more (count, then put: renew and release).
    Single(Millis),
}

impl Engine {
    pub(crate) fn resume(&mut self, answer: Answer, now: Millis) -> Step {
        match self {
            Engine::Leasehold(machine) => machine.resume(answer, now),
            Engine::CountThenPut(caller) => caller.resume(answer, now),
            Engine::Single(_) => Step::Done(match answer {
                Answer::Replies(replies) if replies == [Reply::Written] => {
                    Outcome::Released { lease: None, already: false }
                }
                _ => Outcome::Failed(Failure::Unavailable),
            }),
        }
    }
}

/// A call under way.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) pool: usize,
    pub(crate) duty: CallPurpose,
    /// Which of its job's calls of this duty it is: names its draws.
    pub(crate) nth: u32,
    /// From when to when its function is being invoked; from then on the engine runs.
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
    /// Its number, for the page.
    pub(crate) id: u64,
    pub(crate) what: Message,
    pub(crate) leg: Leg,
}

#[derive(Clone, Debug)]
pub(crate) enum Message {
    Request(Request),
    Notice(Notice),
    Life(Arc<str>),
}

/// Where something is.
#[derive(Clone, Debug)]
pub(crate) enum Leg {
    /// On its way there; `lost`: it never arrives.
    There { from: u64, to: u64, lost: bool },
    /// Its answer is on its way back; `lost`: it never arrives.
    Back { from: u64, to: u64, lost: bool, answer: Received },
    /// Its answer is there.
    Here(Received),
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) enum Received {
    Reply(Reply),
    Notified(Notified),
    Life(Life),
}

impl Message {
    /// What it means that no answer comes.
    pub(crate) fn unanswered(&self) -> Received {
        match self {
            Message::Request(_) => Received::Reply(Reply::Unknown),
            Message::Notice(_) => Received::Notified(Notified::Unknown),
            Message::Life(_) => Received::Life(Life::Unknown),
        }
    }
}

impl Call {
    /// The answer to its step, if all of it has come.
    pub(crate) fn answer(&mut self) -> Option<Answer> {
        if self.sent.iter().any(|sent| !matches!(sent.leg, Leg::Here(_))) {
            return None;
        }
        let (mut replies, mut notices, mut lives) = (vec![], vec![], vec![]);
        for sent in self.sent.drain(..) {
            match sent.leg {
                Leg::Here(Received::Reply(reply)) => replies.push(reply),
                Leg::Here(Received::Notified(notified)) => notices.push(notified),
                Leg::Here(Received::Life(life)) => lives.push(life),
                _ => {}
            }
        }
        Some(match (notices.is_empty(), lives.is_empty()) {
            (true, true) => Answer::Replies(replies),
            (false, _) => Answer::Notices(notices),
            (_, false) => Answer::Lives(lives),
        })
    }

    /// Whether nothing of its is on its way there any more.
    pub(crate) fn is_quiet(&self) -> bool {
        !self.sent.iter().any(|sent| matches!(sent.leg, Leg::There { lost: false, .. }))
    }
}
