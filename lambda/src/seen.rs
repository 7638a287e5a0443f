//! What happened in the table during one invocation? Read off the requests that were answered, as they pass: no
//! request is made to know it. The guard of a write says what it was for.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use leasehold_core::machine::Snapshot;
use leasehold_core::nouns::{Fence, Millis, Slot, Token};
use leasehold_core::table::{Change, Guard, Key, Reply, Request, Row, SlotRow, SummaryRow, Write};

/// How many notes one log line carries: an entry of CloudWatch Logs is at most 256 KB.
const NOTES: usize = 20;

/// Collects what happens, also of an invocation that is cut short.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<Counts>);

/// What happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    /// Leases put on a slot.
    pub(crate) granted: u32,
    /// Of these, or of the slots that were freed: taken from a holder whose lease had expired.
    pub(crate) reclaimed: u32,
    /// Leases given back: freed, or handed to the next.
    pub(crate) released: u32,
    /// Of these: given back after they had expired.
    pub(crate) late: u32,
    /// Requests that met another transaction at work.
    pub(crate) conflicts: u32,
    /// Notices that found their task closed.
    pub(crate) closed: u32,
    /// How long each of the granted had waited in the queue, in milliseconds.
    pub(crate) waits: Vec<u64>,
    /// How long each of the released had been held, in milliseconds.
    pub(crate) holds: Vec<u64>,
    /// The pool, if it was counted.
    pub(crate) pool: Option<Pool>,
    /// What a person should know, without being an error.
    pub(crate) notes: Vec<String>,
    /// What must not appear in any log.
    pub(crate) secrets: Vec<Token>,
    leases: HashMap<(Slot, Fence), Span>,
}

/// A pool, counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pool {
    /// How many hold a lease that has not expired.
    pub(crate) held: u32,
    /// How many wait, up to 100.
    pub(crate) waiting: u32,
    /// How long the first in the queue has waited; zero if nobody waits.
    pub(crate) oldest_wait: Millis,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    acquired_at: Millis,
    expires_at: Millis,
}

impl Seen {
    /// Takes note of a request that was answered. `claims_at_once`: a lease that its asker takes for itself waited
    /// for nothing, as its asker would have joined the queue.
    pub(crate) fn answered(&self, request: &Request, reply: &Reply, now: Millis, claims_at_once: bool) {
        let mut counts = self.lock();
        match reply {
            Reply::Slots(rows) => rows.iter().for_each(|row| counts.lies(row)),
            Reply::Conflict => counts.conflicts += 1,
            Reply::Written => counts.written(request.writes(), now, claims_at_once),
            _ => {}
        }
    }

    pub(crate) fn counted(&self, pool: Pool) {
        self.lock().pool = Some(pool);
    }

    /// Whether the pool was counted.
    pub(crate) fn is_counted(&self) -> bool {
        self.lock().pool.is_some()
    }

    pub(crate) fn closed(&self) {
        self.lock().closed += 1;
    }

    pub(crate) fn note(&self, note: String) {
        let notes = &mut self.lock().notes;
        if notes.len() < NOTES {
            notes.push(note);
        }
    }

    pub(crate) fn secret(&self, token: &Token) {
        self.lock().secrets.push(token.clone());
    }

    pub(crate) fn counts(&self) -> Counts {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn lies(&mut self, row: &SlotRow) {
        if let Some(held) = &row.held {
            let span = Span { acquired_at: held.acquired_at, expires_at: held.expires_at };
            self.leases.insert((row.slot, row.fence), span);
        }
    }

    fn written(&mut self, writes: &[Write], now: Millis, claims_at_once: bool) {
        let ticket = writes.iter().find_map(|write| match (&write.key, &write.change) {
            (Key::Wait(ticket), Change::Delete) => Some(*ticket),
            _ => None,
        });
        for write in writes {
            let guarded = |guard: Guard| write.conditions.iter().any(|(name, _)| *name == guard);
            self.reclaimed += u32::from(guarded(Guard::ReclaimUnchanged));
            match &write.change {
                Change::Put(Row::Summary(summary)) => self.pool = Some(summary.into()),
                Change::Put(Row::Slot(row)) => {
                    // A hand-over raises the fence of the lease it takes; freeing a slot keeps it.
                    let before = Fence(row.fence.0 - u64::from(row.held.is_some()));
                    if guarded(Guard::ReleaseSameLease) {
                        self.given_back((row.slot, before), now);
                    }
                    let Some(held) = &row.held else { continue };
                    self.granted += 1;
                    match ticket {
                        Some(ticket) => self.waits.push(held.acquired_at.since(ticket.at).0),
                        None if claims_at_once && !guarded(Guard::RegrantSameLease) => self.waits.push(0),
                        None => {}
                    }
                    self.lies(row);
                }
                _ => {}
            }
        }
    }

    fn given_back(&mut self, lease: (Slot, Fence), now: Millis) {
        self.released += 1;
        if let Some(span) = self.leases.get(&lease) {
            self.holds.push(now.since(span.acquired_at).0);
            self.late += u32::from(now >= span.expires_at);
        }
    }
}

impl From<&SummaryRow> for Pool {
    fn from(summary: &SummaryRow) -> Pool {
        let oldest_wait = summary.oldest_wait.map_or(Millis(0), |since| summary.at.since(since));
        Pool { held: summary.held, waiting: summary.waiting, oldest_wait }
    }
}

impl From<&Snapshot> for Pool {
    fn from(snapshot: &Snapshot) -> Pool {
        let lasting = |row: &&SlotRow| row.held.as_ref().is_some_and(|held| snapshot.at < held.expires_at);
        Pool {
            held: u32::try_from(snapshot.slots.iter().filter(lasting).count()).unwrap_or(u32::MAX),
            waiting: u32::try_from(snapshot.queue.len()).unwrap_or(u32::MAX),
            oldest_wait: snapshot.queue.first().map_or(Millis(0), |row| snapshot.at.since(row.ticket.at)),
        }
    }
}
