//! The agenda: what happens next? Events in the order of time; at the same moment, in the order in which they were put in.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// What is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// An execution or a process begins.
    Begin { execution: u32 },
    /// An invocation, or a process's call, begins.
    Arrive { call: u32, serial: u32 },
    /// An effect of a call gets where it is sent, for the so manyth time.
    Serve { call: u32, serial: u32, at: u16, tries: u8 },
    /// A query reads the rest of its rows.
    Half { call: u32, serial: u32, at: u16 },
    /// All answers are back.
    Resume { call: u32, serial: u32 },
    /// The time of a call is up.
    Cut { call: u32, serial: u32 },
    /// What a call came to gets to its caller.
    Answer { call: u32, serial: u32 },
    /// Something arrives that nobody waits for any more.
    Late { late: u32 },
    /// A holder's timer goes off; it means nothing if the holder has gone on.
    Holder { holder: u32, epoch: u32, timer: HolderTimer },
    /// A lease that a holder was told of may have run out.
    LeaseOver { holder: u32 },
    /// Something befalls a holder, whatever it does.
    Strike { holder: u32, strike: Strike },
    /// The end of an execution is reported.
    Report { report: u32 },
    /// A failed execution is redriven, if it was not meanwhile.
    Redrive { execution: u32, redrive: u32 },
    /// A branch that was cancelled is caught: what it has is given back.
    Catch { execution: u32, holder: u32 },
    /// A pool is swept.
    Sweep { pool: u16 },
    /// A limit changes.
    Operate { pool: u16, at: u16 },
    /// A doctor looks at a pool.
    Examine { pool: u16, step: DoctorStep },
    /// A trouble begins, or ends.
    Trouble { at: u16, begins: bool },
    /// From now on nothing goes wrong.
    Calm,
}

/// What a holder is reminded of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HolderTimer {
    /// To enter the state that asks.
    Ask,
    /// To ask once more in the same state.
    Retry,
    /// That its task has waited too long.
    TaskTimesOut,
    /// To look whether it was granted a lease.
    Look,
    /// To renew its lease.
    Renew,
    /// That its work is done.
    WorkDone,
    /// To give its lease back, once more.
    Release,
}

/// How far a doctor's look at a pool has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DoctorStep {
    /// Slots and queue, for the first time.
    Before,
    /// A piece of the holders' rows.
    Holders(u8),
    /// Slots and queue again, and what is read last.
    After,
}

/// What befalls a holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strike {
    /// Its branch is cancelled.
    Cancel,
    /// Its execution is stopped.
    Stop,
    /// Its process is killed.
    Kill,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Scheduled {
    at: u64,
    count: u64,
    event: Event,
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Scheduled) -> Ordering {
        (self.at, self.count).cmp(&(other.at, other.count))
    }
}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Scheduled) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What is to happen, and what time it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Agenda {
    now: u64,
    events: BinaryHeap<Reverse<Scheduled>>,
    count: u64,
}

impl Agenda {
    /// The moment it is, in microseconds since the world began.
    pub(super) fn now(&self) -> u64 {
        self.now
    }

    pub(super) fn at(&mut self, at: u64, event: Event) {
        self.count += 1;
        self.events.push(Reverse(Scheduled { at: at.max(self.now), count: self.count, event }));
    }

    pub(super) fn after(&mut self, wait: u64, event: Event) {
        self.at(self.now + wait, event);
    }

    /// Takes the next event out, which happens now.
    pub(super) fn next(&mut self) -> Option<Event> {
        let Reverse(Scheduled { at, event, .. }) = self.events.pop()?;
        self.now = at;
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_order_of_time_and_then_of_putting_in() {
        let mut agenda = Agenda::default();
        agenda.at(20, Event::Sweep { pool: 1 });
        agenda.at(10, Event::Sweep { pool: 2 });
        agenda.at(20, Event::Calm);
        let all: Vec<_> = std::iter::from_fn(|| agenda.next().map(|event| (agenda.now(), event))).collect();
        assert_eq!(all, [(10, Event::Sweep { pool: 2 }), (20, Event::Sweep { pool: 1 }), (20, Event::Calm)]);
    }
}
