//! What puts a pool in order that callers left in disorder? A sweep: it settles thoroughly, looks after long
//! work, and writes the summary.
//!
//! Long work (opt-in per pool by its longest hold): a lease that would expire before the next two sweeps is
//! extended if its execution is known to run, and freed if it is known to have ended; not knowing does neither.

use std::sync::Arc;

use crate::machine::{Answer, Failure, Life, Outcome, Step, Tally, ask};
use crate::nouns::Millis;
use crate::settings::{BATCH, COUNTED, Settings};
use crate::settle::{Give, Settle, Settling};
use crate::status::{Seen, look, replies, seen};
use crate::table::{Reply, SlotRow, SummaryRow};
use crate::writes;

/// A sweep under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sweep {
    settings: Arc<Settings>,
    entropy: u64,
    phase: Phase,
    tally: Tally,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Settling(Box<Settle>),
    Looking,
    Asking(Vec<SlotRow>),
    Extending(Vec<Give>),
    Freeing(Box<Settle>),
    Counting,
    Writing,
}

impl Sweep {
    pub(crate) fn start(settings: Arc<Settings>, entropy: u64) -> (Sweep, Step) {
        let (settle, step) = Settle::start(settings.clone(), entropy, true, vec![]);
        (Sweep { settings, entropy, phase: Phase::Settling(settle), tally: Tally::default() }, step)
    }

    pub(crate) fn resume(&mut self, answer: Answer, now: Millis) -> Step {
        match (std::mem::replace(&mut self.phase, Phase::Counting), answer) {
            (Phase::Settling(mut settle), answer) => match settle.resume(answer, now) {
                Settling::Next(step) => {
                    self.phase = Phase::Settling(settle);
                    step
                }
                Settling::Done => {
                    self.tally = settle.tally();
                    self.phase = Phase::Looking;
                    ask(look(COUNTED).into())
                }
            },
            (Phase::Looking, answer) => match look_of(answer) {
                Ok(seen) => self.long_work(seen, now),
                Err(_) => self.done_so_far(),
            },
            (Phase::Asking(slots), Answer::Lives(lives)) => self.extend(slots, lives, now),
            (Phase::Extending(giving), Answer::Replies(replies)) => {
                let extended = replies.iter().filter(|reply| **reply == Reply::Written).count();
                self.tally.extended += u32::try_from(extended).unwrap_or(u32::MAX);
                self.free(giving)
            }
            (Phase::Freeing(mut settle), answer) => match settle.resume(answer, now) {
                Settling::Next(step) => {
                    self.phase = Phase::Freeing(settle);
                    step
                }
                Settling::Done => {
                    let done = settle.tally();
                    self.tally.granted += done.granted;
                    self.tally.reclaimed += done.reclaimed;
                    self.tally.freed += done.freed;
                    self.tally.left += done.left;
                    self.count()
                }
            },
            (Phase::Counting, answer) => match look_of(answer) {
                Ok(seen) => self.summarise(&seen, now),
                Err(_) => self.done_so_far(),
            },
            (Phase::Writing, _) => Step::Done(Outcome::Swept(self.tally)),
            _ => self.done_so_far(),
        }
    }

    /// What was done is done; the next sweep looks again and writes the summary.
    fn done_so_far(&mut self) -> Step {
        self.tally.more = true;
        Step::Done(Outcome::Swept(self.tally))
    }

    /// The leases that would expire before the next two sweeps and may be kept longer.
    fn long_work(&mut self, seen: Seen, now: Millis) -> Step {
        let soon = now + self.settings.sweep_every + self.settings.sweep_every;
        let ends = |row: &&SlotRow| {
            self.settings.longest_hold > Millis(0)
                && row.held.as_ref().is_some_and(|held| {
                    held.expires_at < soon
                        && now < self.settings.lapses(held.expires_at)
                        && now < held.acquired_at + self.settings.longest_hold
                })
        };
        let mut slots: Vec<SlotRow> = seen.0.iter().filter(ends).cloned().collect();
        if slots.is_empty() {
            return self.summarise(&seen, now);
        }
        slots.sort_by_key(|row| row.held.as_ref().map(|held| held.expires_at));
        self.tally.more |= slots.len() > BATCH;
        slots.truncate(BATCH);
        let executions =
            slots.iter().filter_map(|row| row.held.as_ref()).map(|held| held.holder.execution().into()).collect();
        self.phase = Phase::Asking(slots);
        Step::Alive(executions)
    }

    fn extend(&mut self, slots: Vec<SlotRow>, lives: Vec<Life>, now: Millis) -> Step {
        let (mut requests, mut giving) = (vec![], vec![]);
        for (row, life) in slots.into_iter().zip(lives) {
            match life {
                Life::Running => {
                    let longest = row.held.as_ref().map_or(now, |held| held.acquired_at + self.settings.longest_hold);
                    let expires_at = longest.min(now + self.settings.lease);
                    requests.push(writes::extend(row.slot, row.fence, expires_at, None));
                }
                Life::Ended => giving.push(Give::back(row.slot, row.fence)),
                Life::Unknown => {}
            }
        }
        if requests.is_empty() {
            return self.free(giving);
        }
        self.phase = Phase::Extending(giving);
        ask(requests)
    }

    fn free(&mut self, giving: Vec<Give>) -> Step {
        if giving.is_empty() {
            return self.count();
        }
        let (settle, step) = Settle::start(self.settings.clone(), self.entropy, false, giving);
        self.phase = Phase::Freeing(settle);
        step
    }

    fn count(&mut self) -> Step {
        self.phase = Phase::Counting;
        ask(look(COUNTED).into())
    }

    fn summarise(&mut self, (slots, queue, more): &Seen, now: Millis) -> Step {
        self.phase = Phase::Writing;
        let lasting = |row: &&SlotRow| row.held.as_ref().is_some_and(|held| now < held.expires_at);
        ask(vec![writes::summarise(SummaryRow {
            at: now,
            limit: self.settings.limit,
            held: u32::try_from(slots.iter().filter(lasting).count()).unwrap_or(u32::MAX),
            waiting: u32::try_from(queue.len()).unwrap_or(u32::MAX),
            waiting_more: *more,
            oldest_wait: queue.first().map(|row| row.ticket.at),
        })])
    }
}

fn look_of(answer: Answer) -> Result<Seen, Failure> {
    match replies(answer) {
        Some([slots, queue]) => seen(slots, queue),
        None => Err(Failure::Unavailable),
    }
}
