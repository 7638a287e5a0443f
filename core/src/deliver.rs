//! How does a holder learn that it has a lease? Notices are sent, then confirmed on the slot.
//!
//! A lease is told only while it has not expired. A notice that may not have arrived leaves its slot
//! unconfirmed: the next sweep sends it again. A task that is closed says nothing of its holder (it may be
//! gone, or an earlier notice got through and its reply was lost), so its execution is asked for.

use std::sync::Arc;

use crate::machine::{Answer, Life, News, Notice, Notified, Step, ask};
use crate::nouns::{Lease, Millis, Token};
use crate::writes;

/// Leases on their way to their holders.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Deliver {
    stage: Stage,
    settled: Vec<Lease>,
    dead: Vec<Lease>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Stage {
    Telling(Vec<Lease>),
    Asking(Vec<Lease>),
    Confirming,
}

/// How a delivery goes on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Delivery {
    Next(Step),
    Done {
        /// Told, or closed while the execution lives or is unknown.
        settled: Vec<Lease>,
        /// The holder's execution has ended: the lease is to be given back.
        dead: Vec<Lease>,
    },
}

impl Deliver {
    /// Tells these holders, those whose lease has not expired.
    pub(crate) fn start(told: Vec<(Lease, Token)>, now: Millis) -> Option<(Deliver, Step)> {
        let told: Vec<_> = told.into_iter().filter(|(lease, _)| now < lease.expires_at).collect();
        if told.is_empty() {
            return None;
        }
        let notices =
            told.iter().map(|(lease, token)| Notice { token: token.clone(), news: News::Acquired(lease.clone()) });
        let step = Step::Notify(notices.collect());
        let leases = told.into_iter().map(|(lease, _)| lease).collect();
        Some((Deliver { stage: Stage::Telling(leases), settled: vec![], dead: vec![] }, step))
    }

    pub(crate) fn resume(&mut self, answer: Answer) -> Delivery {
        match (std::mem::replace(&mut self.stage, Stage::Confirming), answer) {
            (Stage::Telling(leases), Answer::Notices(answers)) => {
                let mut closed = vec![];
                for (lease, answer) in leases.into_iter().zip(answers) {
                    match answer {
                        Notified::Delivered => self.settled.push(lease),
                        Notified::Closed => closed.push(lease),
                        Notified::Unknown => {}
                    }
                }
                if closed.is_empty() {
                    return self.confirm();
                }
                let executions: Vec<Arc<str>> = closed.iter().map(|lease| lease.holder.execution().into()).collect();
                self.stage = Stage::Asking(closed);
                Delivery::Next(Step::Alive(executions))
            }
            (Stage::Asking(closed), Answer::Lives(lives)) => {
                for (lease, life) in closed.into_iter().zip(lives) {
                    match life {
                        Life::Ended => self.dead.push(lease),
                        Life::Running | Life::Unknown => self.settled.push(lease),
                    }
                }
                self.confirm()
            }
            // A confirmation that failed is found by the next sweep: the notice is sent again and found closed.
            _ => self.finish(),
        }
    }

    fn confirm(&mut self) -> Delivery {
        if self.settled.is_empty() {
            return self.finish();
        }
        Delivery::Next(ask(self.settled.iter().map(|lease| writes::confirm(lease.id.slot, lease.id.fence)).collect()))
    }

    fn finish(&mut self) -> Delivery {
        Delivery::Done { settled: std::mem::take(&mut self.settled), dead: std::mem::take(&mut self.dead) }
    }
}
