//! A pool in order whose rows a test spoils: what does a diagnosis find then?

#![allow(dead_code, reason = "each test file uses a part")]

use leasehold_core::diagnosis::{Diagnosed, FoundLease, PoolReading, Remedy, diagnose};
use leasehold_core::{
    Attempt, Fence, Held, HighWaterRow, Holder, HolderRow, HolderState, Limit, Millis, Notice, PoolRow, Repair, Slot,
    SlotRow, SummaryRow, TaskToken, Ticket, Timestamp, WaitRow,
};

/// When the pool is read.
pub(crate) const NOW: Timestamp = Timestamp::seconds(1_000_000);
/// How long callers go on with settings that they have read.
pub(crate) const CACHED: Millis = Millis::seconds(5);
/// With a sweep every 60 s: after so long something is left undone.
pub(crate) const MISSED: Millis = Millis::seconds(180);
pub(crate) const MOMENT: Millis = Millis(1);

pub(crate) fn ago(time: Millis) -> Timestamp {
    Timestamp(NOW.0 - time.0)
}

pub(crate) fn seconds_ago(seconds: u64) -> Timestamp {
    ago(Millis::seconds(seconds))
}

pub(crate) fn limit(count: u64) -> Limit {
    Limit::try_from(count).expect("a limit")
}

pub(crate) fn holder(name: &str) -> Holder {
    Holder::new(name, "", None).expect("a holder")
}

pub(crate) fn token() -> TaskToken {
    TaskToken::new("a token").expect("a token")
}

/// A slot that this holder has had for a minute, for four more.
pub(crate) fn held(slot: u32, fence: u64, name: &str) -> SlotRow {
    let held = Held {
        holder: holder(name),
        attempt: Attempt::default(),
        acquired_at: seconds_ago(60),
        expires_at: NOW + Millis::seconds(240),
        renewed_at: None,
        notice: Notice::Asked,
        label: None,
    };
    SlotRow { slot: Slot(slot), fence: Fence(fence), held: Some(held) }
}

pub(crate) fn free(slot: u32, fence: u64) -> SlotRow {
    SlotRow { slot: Slot(slot), fence: Fence(fence), held: None }
}

pub(crate) fn ticket(name: &str, at: Timestamp) -> Ticket {
    Ticket { at, own: holder(name).hashed().own }
}

/// A place that somebody has been in since then.
pub(crate) fn place(name: &str, since: Timestamp) -> WaitRow {
    WaitRow {
        ticket: ticket(name, since),
        holder: holder(name),
        attempt: Attempt::default(),
        give_up_at: NOW + Millis::seconds(3_600),
        token: None,
        lease: Millis::seconds(300),
        label: None,
    }
}

pub(crate) fn holding(slot: u32, fence: u64) -> HolderState {
    HolderState::Holding { slot: Slot(slot), fence: Fence(fence) }
}

pub(crate) fn waiting(place: &WaitRow) -> HolderState {
    HolderState::Waiting { ticket: place.ticket, task: None }
}

pub(crate) fn row(name: &str, state: HolderState) -> HolderRow {
    HolderRow { holder: holder(name), attempt: Attempt::default(), state, ttl: NOW + Millis::seconds(86_400) }
}

pub(crate) fn swept(at: Timestamp) -> SummaryRow {
    SummaryRow { at, limit: limit(2), held: 2, waiting: 1, waiting_more: false, waiting_since: None }
}

/// Rows to spoil.
pub(crate) struct Patient(pub(crate) PoolReading);

impl Patient {
    /// A pool in order: `a` and `b` hold its two slots, `w` waits, and it was swept ten seconds ago.
    pub(crate) fn healthy() -> Patient {
        let mut patient = Patient(PoolReading {
            at: NOW,
            pool: Some(PoolRow::new(limit(2))),
            summary: Some(swept(seconds_ago(10))),
            mark: Some(HighWaterRow { slots: 2, ..HighWaterRow::default() }),
            ..PoolReading::default()
        });
        let waits = place("w", seconds_ago(30));
        patient.slots([held(0, 7, "a"), held(1, 9, "b")]);
        patient.queue([waits.clone()]);
        patient.rows([row("a", holding(0, 7)), row("b", holding(1, 9)), row("w", waiting(&waits))]);
        patient
    }

    pub(crate) fn slots<const N: usize>(&mut self, slots: [SlotRow; N]) {
        (self.0.before.slots, self.0.after.slots) = (slots.to_vec(), slots.to_vec());
    }

    pub(crate) fn queue<const N: usize>(&mut self, queue: [WaitRow; N]) {
        (self.0.before.queue, self.0.after.queue) = (queue.to_vec(), queue.to_vec());
    }

    pub(crate) fn rows<const N: usize>(&mut self, rows: [HolderRow; N]) {
        self.0.holders = rows.into_iter().map(|row| (row.holder.hashed(), row)).collect();
    }

    pub(crate) fn without(&mut self, name: &str) {
        self.0.holders.remove(&holder(name).hashed());
    }

    pub(crate) fn settings(&mut self) -> &mut PoolRow {
        self.0.pool.as_mut().expect("settings")
    }

    pub(crate) fn lease(&mut self, slot: usize) -> &mut Held {
        self.0.after.slots[slot].held.as_mut().expect("a lease")
    }
}

/// What is found after this was done to a pool in order.
pub(crate) fn found(spoil: impl FnOnce(&mut Patient)) -> Vec<Diagnosed> {
    let mut patient = Patient::healthy();
    spoil(&mut patient);
    diagnose(&"p".parse().expect("a name"), &patient.0, CACHED)
}

/// The lease on this slot of a pool in order, of which something has been so for this long.
pub(crate) fn lease(slot: u32, since: Millis) -> FoundLease {
    let (fence, name) = [(7, "a"), (9, "b")][slot as usize];
    FoundLease { slot: Slot(slot), fence: Fence(fence), holder: holder(name), since }
}

pub(crate) fn write(repair: Repair) -> Option<Remedy> {
    Some(Remedy::Write(Box::new(repair)))
}
