//! How is a lease given back? By its id or by its holder; a holder that waits leaves the queue instead.
//!
//! If someone waits, the slot goes straight to them; else it is freed, and the queue is looked at once more.
//! Releasing what is gone is a success that says so.

use std::sync::Arc;

use crate::machine::{Answer, Failure, News, Notice, Notified, Outcome, Step, WhyFailed, ask_after, failed, jitter};
use crate::nouns::{Attempt, Holder, LeaseId, Millis, Ticket};
use crate::settings::Settings;
use crate::settle::{Give, Given, Settle, Settling};
use crate::status::{replies, why};
use crate::table::{HolderState, Key, Reply, Request, Row};
use crate::writes;

/// What is given back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// This lease.
    Lease(LeaseId),
    /// Whatever this holder has, up to this attempt (none: whichever it is on): an older one frees nothing.
    Holder(Holder, Option<Attempt>),
}

/// A release under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Release {
    what: What,
    settings: Arc<Settings>,
    entropy: u64,
    tried: u8,
    phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Looking,
    /// Closing the task of a waiter that leaves.
    Closing(Attempt, Ticket),
    Leaving,
    Settling(Box<Settle>, LeaseId),
}

impl Release {
    pub(crate) fn start(what: What, settings: Arc<Settings>, entropy: u64) -> (Release, Step) {
        let mut release = Release { what, settings, entropy, tried: 0, phase: Phase::Looking };
        let step = release.look(Millis(0));
        (release, step)
    }

    fn look(&mut self, pause: Millis) -> Step {
        match &self.what {
            What::Lease(id) => self.settle(id.clone()),
            What::Holder(holder, _) => {
                self.phase = Phase::Looking;
                ask_after(pause, vec![Request::Get(Key::Holder(holder.hashed()))])
            }
        }
    }

    fn settle(&mut self, id: LeaseId) -> Step {
        let giving = vec![Give::back(id.slot, id.fence)];
        let (settle, step) = Settle::start(self.settings.clone(), self.entropy, false, giving);
        self.phase = Phase::Settling(settle, id);
        step
    }

    pub(crate) fn resume(&mut self, answer: Answer, now: Millis) -> Step {
        match std::mem::replace(&mut self.phase, Phase::Looking) {
            Phase::Looking => self.looked(answer, now),
            Phase::Closing(attempt, ticket) => match answer {
                Answer::Notices(answers) if answers.iter().all(|answer| *answer != Notified::Unknown) => {
                    self.leave(attempt, ticket, now)
                }
                _ => failed(Failure::Unavailable),
            },
            Phase::Leaving => match replies(answer) {
                Some([Reply::Written]) => Step::Done(Outcome::Released { lease: None, already: false }),
                Some([Reply::Refused(_)]) => self.again(Failure::Throttled),
                Some([other]) => self.again(why(&other)),
                None => failed(Failure::Unavailable),
            },
            Phase::Settling(mut settle, id) => match settle.resume(answer, now) {
                Settling::Next(step) => {
                    self.phase = Phase::Settling(settle, id);
                    step
                }
                Settling::Done => match settle.gave_all() {
                    Ok(given) => Step::Done(Outcome::Released { lease: Some(id), already: given == Given::Already }),
                    Err(failure) => failed(failure),
                },
            },
        }
    }

    fn again(&mut self, failure: Failure) -> Step {
        self.tried += 1;
        if self.tried > self.settings.tries {
            return failed(failure);
        }
        self.look(jitter(self.entropy, self.tried))
    }

    fn looked(&mut self, answer: Answer, now: Millis) -> Step {
        let row = match replies(answer) {
            Some([Reply::Row(Some(Row::Holder(row)))]) => row,
            Some([Reply::Row(_)]) => return nothing(),
            Some([other]) => return self.again(why(&other)),
            None => return failed(Failure::Unavailable),
        };
        let What::Holder(_, attempt) = &self.what else { return failed(Failure::Unavailable) };
        if attempt.is_some_and(|attempt| attempt < row.attempt) {
            return nothing();
        }
        match row.state {
            HolderState::Ended { .. } => nothing(),
            HolderState::Holding { slot, fence, .. } => {
                self.settle(LeaseId { prefix: self.settings.prefix.clone(), slot, fence })
            }
            HolderState::Waiting(waiting) => match waiting.token {
                Some(token) => {
                    self.phase = Phase::Closing(row.attempt, waiting.ticket);
                    Step::Notify(vec![Notice { token, news: News::Failed(WhyFailed::Released) }])
                }
                None => self.leave(row.attempt, waiting.ticket, now),
            },
        }
    }

    fn leave(&mut self, attempt: Attempt, ticket: Ticket, now: Millis) -> Step {
        let What::Holder(holder, _) = &self.what else { return failed(Failure::Unavailable) };
        let request = writes::leave(&self.settings, holder, attempt, ticket, now);
        self.phase = Phase::Leaving;
        ask_after(Millis(0), vec![request])
    }
}

/// There was nothing to give back.
fn nothing() -> Step {
    Step::Done(Outcome::Released { lease: None, already: true })
}
