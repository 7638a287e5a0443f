//! Event queues: what happens when in a lane, and what comes next?

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EventKind {
    /// The next job comes.
    JobArrives,
    /// A job's timer goes off. It means nothing any more if the job has a newer epoch.
    JobTimer { job: u32, epoch: u32, timer: JobTimer },
    /// A call's function was invoked, and begins.
    CallBegins { call: u32 },
    /// What a call sent, in this round of its at this place, gets there.
    RequestArrives { call: u32, round: u32, at: u16 },
    /// Its answer is back, or is waited for no longer.
    ReplyArrives { call: u32, round: u32, at: u16 },
    /// A call has taken as long as it may.
    CallTimesOut { call: u32 },
    /// What a call came to gets to its workflow.
    OutcomeArrives { call: u32 },
    /// The pool is swept.
    SweepBegins { pool: usize },
    /// The end of a dead job's execution is reported.
    EndReported { job: u32 },
    /// Everybody follows a lowered limit.
    LimitFollowed { pool: usize },
    /// An operator tries once more to change the limit.
    LimitRetried { pool: usize },
}

/// What a job is reminded of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum JobTimer {
    /// To ask for a lease once more.
    Ask,
    /// To renew its lease.
    Renew,
    /// That its work is done.
    WorkDone,
    /// That its lease may have run out.
    LeaseEnds,
    /// That its worker dies.
    Dies,
    /// To give its lease back once more.
    Release,
}

/// What is to happen, in the order of time; at the same moment, in the order in which it was put in.
#[derive(Clone, Debug, Default)]
pub(crate) struct EventQueue {
    /// The moment it is at, in microseconds since the start.
    now: u64,
    events: BinaryHeap<Reverse<(u64, u64, EventKind)>>,
    /// How many were ever put in.
    count: u64,
}

impl EventQueue {
    /// The moment it is at, in microseconds since the start.
    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    /// Something from outside happens at this moment: before all that is still in here.
    pub(crate) fn is_at(&mut self, now: u64) {
        self.now = now;
    }

    /// Puts something in; what should have happened before happens now.
    pub(crate) fn at(&mut self, at: u64, event: EventKind) {
        self.count += 1;
        self.events.push(Reverse((at.max(self.now), self.count, event)));
    }

    /// Puts something in that happens so much later.
    pub(crate) fn after(&mut self, wait: u64, event: EventKind) {
        self.at(self.now + wait, event);
    }

    /// When the next one happens.
    pub(crate) fn next_at(&self) -> Option<u64> {
        self.events.peek().map(|Reverse((at, _, _))| *at)
    }

    /// Takes the next one out: it happens now.
    pub(crate) fn take_next(&mut self) -> Option<EventKind> {
        let Reverse((at, _, event)) = self.events.pop()?;
        self.now = at;
        Some(event)
    }
}

impl EventKind {
    /// Two numbers that it is digested by: its kind, and what it is about. None for the next job, which it does not
    /// name.
    pub(crate) fn digested(self) -> (u64, Option<u64>) {
        let (kind, about) = match self {
            EventKind::JobArrives => return (0, None),
            EventKind::JobTimer { job, timer, .. } => (1 + ((timer as u64) << 8), job.into()),
            EventKind::CallBegins { call } => (2, call.into()),
            EventKind::RequestArrives { call, at, .. } => (3 + (u64::from(at) << 8), call.into()),
            EventKind::ReplyArrives { call, at, .. } => (4 + (u64::from(at) << 8), call.into()),
            EventKind::CallTimesOut { call } => (5, call.into()),
            EventKind::OutcomeArrives { call } => (6, call.into()),
            EventKind::SweepBegins { pool } => (7, pool as u64),
            EventKind::EndReported { job } => (8, job.into()),
            EventKind::LimitFollowed { pool } => (9, pool as u64),
            EventKind::LimitRetried { pool } => (10, pool as u64),
        };
        (kind, Some(about))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_the_order_of_time_and_then_of_putting_in() {
        let mut queue = EventQueue::default();
        let sweep = |pool: usize| EventKind::SweepBegins { pool };
        queue.at(20, sweep(1));
        queue.at(10, sweep(2));
        queue.at(20, EventKind::JobArrives);
        assert_eq!((queue.next_at(), queue.take_next(), queue.now()), (Some(10), Some(sweep(2)), 10));
        queue.at(5, sweep(3));
        queue.after(1, sweep(4));
        let rest: Vec<_> = std::iter::from_fn(|| queue.take_next().map(|event| (queue.now(), event))).collect();
        let expected = [(10, sweep(3)), (11, sweep(4)), (20, sweep(1)), (20, EventKind::JobArrives)];
        assert_eq!(rest, expected);
    }
}
