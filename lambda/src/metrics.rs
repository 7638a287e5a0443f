//! The metrics of an invocation: what happened in the table while it ran? Read off the effects that were performed, as
//! they pass: no request is made to know it. Each write says what it is for.

use std::sync::{Mutex, MutexGuard, PoisonError};

use leasehold_core::{
    AncestorWatch, Effect, EffectReply, HeldByAncestors, Holder, Intent, LeaseSpan, Millis, Mutation, Opening,
    Released, Reply, Row, Settings, SummaryRow, Tally, TaskToken, Timestamp, Write,
};
use leasehold_store::{Performed, WrongClock};

/// How many notes one log line carries: an entry of CloudWatch Logs is at most 256 KB.
const NOTES: usize = 20;

/// Collects what happens, also of an invocation that is cut short.
#[derive(Debug, Default)]
pub(crate) struct Observer {
    counts: Mutex<InvocationCounts>,
    ancestors: Mutex<AncestorWatch>,
}

/// What happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct InvocationCounts {
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
    /// Callbacks that found their task closed.
    pub(crate) closed: u32,
    /// Callbacks that were refused for good: nobody can be told until a person mends that.
    pub(crate) notices_refused: u32,
    /// Leases of long work that could have been extended and were not, as it was not known in time whether it goes on.
    pub(crate) extensions_missed: u32,
    /// Waiters whose ancestors hold a lease, where these hold every slot: nobody gets on before a lease expires.
    pub(crate) wait_for_ancestors: u32,
    /// Leases whose work went on after their end.
    pub(crate) outlasted: u32,
    /// How long each of the granted had waited in the queue, in milliseconds.
    pub(crate) waits: Vec<u64>,
    /// How long each of the released had been held, in milliseconds.
    pub(crate) holds: Vec<u64>,
    /// One if this machine's clock was found to be wrong.
    pub(crate) clock_corrected: u32,
    /// How long until a lowered limit is settled, if the pool was counted before that.
    pub(crate) settling: Option<Millis>,
    /// The pool, if it was counted.
    pub(crate) pool: Option<PoolCount>,
    /// What a person should know, without being an error.
    pub(crate) notes: Vec<String>,
    /// What must not appear in any log.
    pub(crate) secrets: Vec<TaskToken>,
}

/// A pool, counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PoolCount {
    /// How many hold a lease that has not expired.
    pub(crate) held: u32,
    /// How many wait, up to 100.
    pub(crate) waiting: u32,
    /// How long the first in the queue has waited; zero if nobody waits.
    pub(crate) oldest_wait: Millis,
}

impl Observer {
    /// Takes note of an effect that was performed. `claims_at_once`: a lease that its asker takes for itself waited
    /// for nothing, as its asker would have joined the queue.
    pub(crate) fn performed(&self, performed: Performed<'_>, now: Timestamp, claims_at_once: bool) {
        self.ancestors.lock().unwrap_or_else(PoisonError::into_inner).saw(performed.effect, performed.reply);
        let mut counts = self.lock();
        match (performed.effect, performed.reply) {
            (_, EffectReply::Table(Reply::Conflict)) => counts.conflicts += 1,
            (Effect::Request(request), EffectReply::Table(Reply::Written)) => {
                request.writes().iter().for_each(|write| counts.written(write, now, claims_at_once));
            }
            _ => {}
        }
    }

    pub(crate) fn counted(&self, pool: PoolCount) {
        self.lock().pool = Some(pool);
    }

    /// Takes note of a lowered limit that was not settled yet when the pool was counted.
    pub(crate) fn settling(&self, settings: &Settings, now: Timestamp) {
        self.lock().settling = settings.settling(now).map(|(until, _)| until.since(now));
    }

    /// Whether the pool was counted.
    pub(crate) fn is_counted(&self) -> bool {
        self.lock().pool.is_some()
    }

    /// Takes note of the leases of long work that a sweep could not extend.
    pub(crate) fn long_work(&self, swept: &Tally) {
        let mut counts = self.lock();
        (counts.extensions_missed, counts.outlasted) = (swept.missed, swept.outlasted);
    }

    /// Warns if all who hold a lease were seen to wait for those who wait behind them. `asks`: who polls.
    pub(crate) fn deadlock(&self, settings: &Settings, asks: Option<&Holder>, now: Timestamp) {
        let watch = self.ancestors.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(found) = watch.found(settings.limit, asks, now) else { return };
        let HeldByAncestors { waiter, ancestor, waiters, held, until } = found;
        self.lock().wait_for_ancestors = waiters;
        self.note(format!(
            "HeldByAncestor: every lease of the pool {} ({held}) is held by an execution that started others which wait for \
             one there: {waiter} waits, {ancestor} holds. Unless a holder waits for none of them, nobody gets on for {} s, \
             when the first of these leases expires",
            settings.prefix,
            until.since(now).0.div_ceil(1_000),
        ));
    }

    /// Takes note of a release whose caller says which time it was told of.
    pub(crate) fn released(&self, released: &Released, told: Option<LeaseSpan>, now: Timestamp) {
        let Some(span) = told else { return };
        let mut counts = self.lock();
        if released.already {
            // Before its end it is a release that came twice.
            counts.outlasted += u32::from(now >= span.expires_at);
        } else if counts.holds.is_empty() {
            counts.holds.push(now.since(span.acquired_at).0);
        }
    }

    pub(crate) fn closed(&self) {
        self.lock().closed += 1;
    }

    pub(crate) fn refused(&self, why: String) {
        self.lock().notices_refused += 1;
        self.note(why);
    }

    /// This machine's clock is wrong: told once, by the first invocation that ends after that was found.
    pub(crate) fn clock_corrected(&self, wrong: WrongClock) {
        self.lock().clock_corrected = 1;
        self.note(wrong.to_string());
    }

    pub(crate) fn note(&self, note: String) {
        let notes = &mut self.lock().notes;
        if notes.len() < NOTES {
            notes.push(note);
        }
    }

    pub(crate) fn secret(&self, token: &TaskToken) {
        self.lock().secrets.push(token.clone());
    }

    pub(crate) fn counts(&self) -> InvocationCounts {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, InvocationCounts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InvocationCounts {
    fn written(&mut self, write: &Write, now: Timestamp, claims_at_once: bool) {
        match write.intent {
            Intent::Claim(opening, ended) => {
                self.opened(opening, ended, now);
                self.granted += 1;
                self.waits.extend(claims_at_once.then_some(0));
            }
            Intent::Grant(opening, ended, waiting_since) => {
                self.opened(opening, ended, now);
                self.granted += 1;
                self.waits.extend(acquired_at(write).map(|at| at.since(waiting_since).0));
            }
            Intent::Regrant => self.granted += 1,
            Intent::Free(opening, ended) => self.opened(opening, ended, now),
            Intent::Summarise => {
                if let Mutation::Put(Row::Summary(summary)) = &write.mutation {
                    self.pool = Some(summary.into());
                }
            }
            _ => {}
        }
    }

    /// A slot changed hands, or nobody has it any more: why it was open, and the lease that ended with that.
    fn opened(&mut self, opening: Opening, ended: Option<LeaseSpan>, now: Timestamp) {
        match opening {
            Opening::Free | Opening::Untold => {}
            Opening::Expired => self.reclaimed += 1,
            Opening::Returned | Opening::Ended(_) => {
                self.released += 1;
                if let Some(span) = ended {
                    self.holds.push(now.since(span.acquired_at).0);
                    self.late += u32::from(now >= span.expires_at);
                }
            }
        }
    }
}

/// Since when the lease is held that a write puts on a slot.
fn acquired_at(write: &Write) -> Option<Timestamp> {
    if let Mutation::Put(Row::Slot(row)) = &write.mutation { Some(row.held.as_ref()?.acquired_at) } else { None }
}

impl From<&SummaryRow> for PoolCount {
    fn from(summary: &SummaryRow) -> PoolCount {
        let oldest_wait = summary.waiting_since.map_or(Millis(0), |since| summary.at.since(since));
        PoolCount { held: summary.held, waiting: summary.waiting, oldest_wait }
    }
}

#[cfg(test)]
mod tests {
    use leasehold_core::RowKey;

    use super::*;

    const SPAN: LeaseSpan = LeaseSpan { acquired_at: Timestamp(1_000), expires_at: Timestamp(5_000) };

    fn written(intent: Intent, mutation: Mutation, now: u64, claims_at_once: bool) -> InvocationCounts {
        let write = Write { key: RowKey::Summary, conditions: vec![], mutation, intent };
        let mut counts =
            InvocationCounts { granted: 1, reclaimed: 1, released: 1, late: 1, ..InvocationCounts::default() };
        counts.written(&write, Timestamp(now), claims_at_once);
        counts
    }

    fn freed(opening: Opening, ended: Option<LeaseSpan>, now: u64) -> InvocationCounts {
        written(Intent::Free(opening, ended), Mutation::Delete, now, false)
    }

    #[test]
    fn a_slot_that_opens_is_counted_by_why_it_opened() {
        let returned = freed(Opening::Returned, Some(SPAN), 4_999);
        assert_eq!((returned.released, returned.late, returned.reclaimed), (2, 1, 1));
        assert_eq!(returned.holds, [3_999]);
        let late = freed(Opening::Returned, Some(SPAN), 5_000);
        assert_eq!((late.released, late.late), (2, 2));
        let unread = freed(Opening::Returned, None, 5_000);
        assert_eq!((unread.released, unread.late, unread.holds.len()), (2, 1, 0));
        let expired = freed(Opening::Expired, Some(SPAN), 9_000);
        assert_eq!((expired.reclaimed, expired.released), (2, 1));
        for nobodys in [Opening::Free, Opening::Untold] {
            let freed = freed(nobodys, None, 9_000);
            assert_eq!((freed.reclaimed, freed.released, freed.granted), (1, 1, 1));
        }
    }

    #[test]
    fn a_grant_is_counted_with_how_long_it_was_waited_for() {
        let claimed = |at_once| written(Intent::Claim(Opening::Expired, None), Mutation::Delete, 9_000, at_once);
        assert_eq!((claimed(true).granted, claimed(true).reclaimed), (2, 2));
        assert_eq!((claimed(true).waits, claimed(false).waits), (vec![0], vec![]));
        let again = written(Intent::Regrant, Mutation::Delete, 9_000, true);
        assert_eq!((again.granted, again.waits.len()), (2, 0));
        let unknown = written(Intent::Grant(Opening::Free, None, Timestamp(1)), Mutation::Delete, 9_000, false);
        assert_eq!((unknown.granted, unknown.waits.len()), (2, 0));
    }

    #[test]
    fn a_release_tells_what_its_caller_was_told() {
        let released = |already, told, now| {
            let observer = Observer::default();
            observer.released(&Released { lease: None, already }, told, Timestamp(now));
            observer.counts()
        };
        assert_eq!(released(false, Some(SPAN), 4_000).holds, [3_000]);
        assert_eq!(released(false, None, 4_000).holds.len(), 0);
        assert_eq!(released(true, Some(SPAN), 4_999).outlasted, 0);
        assert_eq!(released(true, Some(SPAN), 5_000).outlasted, 1);
        assert_eq!(released(true, Some(SPAN), 5_000).holds.len(), 0);
    }

    #[test]
    fn a_line_carries_so_many_notes_and_no_more() {
        let observer = Observer::default();
        (0..NOTES + 5).for_each(|note| observer.note(note.to_string()));
        assert_eq!(observer.counts().notes.len(), NOTES);
        assert_eq!(observer.counts().notes[NOTES - 1], (NOTES - 1).to_string());
    }

    #[test]
    fn what_happens_often_is_counted_each_time() {
        let observer = Observer::default();
        for _ in 0..3 {
            observer.closed();
            observer.refused("no permission".into());
        }
        let swept = Tally { missed: 4, outlasted: 5, ..Tally::default() };
        observer.long_work(&swept);
        assert!(!observer.is_counted());
        observer.counted(PoolCount { held: 1, waiting: 2, oldest_wait: Millis(3) });
        let counts = observer.counts();
        assert_eq!((counts.closed, counts.notices_refused, counts.notes.len()), (3, 3, 3));
        assert_eq!((counts.extensions_missed, counts.outlasted), (4, 5));
        assert!(observer.is_counted());
    }
}
