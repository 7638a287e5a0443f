//! Is a promise broken? Every invariant of the protocol, judged from what callers were told and from how rows
//! changed, never from what the code says of itself.

use leasehold_core::machine::Life;
use leasehold_core::nouns::{Holder, Millis};
use leasehold_core::table::{HolderState, Key, Request, Row, SlotRow};

use super::state::{Asker, Stage, State, Task, Told};
use super::world::{Shared, Strategy};
use super::{Seen, promise};
use crate::table::MemoryTable;

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which promise.
    pub promise: &'static str,
    /// What happened.
    pub what: String,
}

impl Violation {
    pub(crate) fn new(promise: &'static str, what: impl Into<String>) -> Violation {
        Violation { promise, what: what.into() }
    }
}

/// The rows that a request may change, as they are.
pub(crate) fn touched(table: &MemoryTable, request: &Request) -> Vec<(Key, Option<Row>)> {
    request.writes().iter().map(|write| (write.key, table.row(write.key).cloned())).collect()
}

fn slot(row: Option<&Row>) -> Option<&SlotRow> {
    if let Some(Row::Slot(row)) = row { Some(row) } else { None }
}

impl Shared {
    /// What a write that happened changed.
    pub(crate) fn judge_writes(
        &self,
        state: &mut State,
        before: &[(Key, Option<Row>)],
        seen: &mut Seen,
    ) -> Result<(), Violation> {
        for (key, old) in before {
            let new = state.table.row(*key).cloned();
            match (old, &new) {
                (Some(Row::Holder(old)), Some(Row::Holder(new))) if new.attempt < old.attempt => {
                    let what = format!("{}: {} was overwritten by {}", new.holder, old.attempt, new.attempt);
                    return Err(Violation::new(promise::ATTEMPTS, what));
                }
                (_, Some(Row::Slot(new))) => {
                    let old = slot(old.as_ref());
                    let fence = old.map(|old| old.fence).unwrap_or_default();
                    if new.fence < fence {
                        return Err(Violation::new(
                            promise::FENCE,
                            format!("{}: the fence fell from {fence}", new.slot),
                        ));
                    }
                    let Some(held) = &new.held else { continue };
                    let was = old.and_then(|old| old.held.as_ref());
                    let same = was.is_some_and(|was| (&was.holder, was.attempt) == (&held.holder, held.attempt));
                    if new.fence == fence && !same {
                        let what = format!("{}: granted to {} under the same {fence}", new.slot, held.holder);
                        return Err(Violation::new(promise::FENCE, what));
                    }
                    if new.fence > fence {
                        self.judge_grant(state, before, new, seen)?;
                    }
                }
                _ => {}
            }
        }
        if self.world.strategy == Strategy::Leasehold { self.judge_rows(state) } else { Ok(()) }
    }

    /// A slot was granted.
    fn judge_grant(
        &self,
        state: &mut State,
        before: &[(Key, Option<Row>)],
        row: &SlotRow,
        seen: &mut Seen,
    ) -> Result<(), Violation> {
        let Some(held) = &row.held else { return Ok(()) };
        for (at, asker) in state.clients.iter().enumerate().filter(|(at, _)| *self.holder(*at) == held.holder) {
            let number = Asker::number(at, held.attempt).map(usize::from);
            if number.is_some_and(|number| asker.tasks.get(number.wrapping_sub(1)) == Some(&Task::Told)) {
                let what = format!("{} was granted again on {}, which had its lease", held.holder, held.attempt);
                return Err(Violation::new(promise::ATTEMPTS, what));
            }
        }
        let ticket = before.iter().find_map(|(_, row)| match row {
            Some(Row::Holder(row)) if row.holder == held.holder => match &row.state {
                HolderState::Waiting(waiting) => Some(waiting.ticket),
                _ => None,
            },
            _ => None,
        });
        seen.granted_from_queue |= ticket.is_some();
        seen.claimed |= ticket.is_none();
        for at in 0..state.clients.len() {
            let key = Key::Holder(self.holder(at).hashed());
            let Some(Row::Holder(waiter)) = state.table.row(key) else { continue };
            let HolderState::Waiting(waiting) = &waiter.state else { continue };
            if ticket.is_none_or(|ticket| waiting.ticket < ticket) {
                state.client(at, |asker| asker.overtaken += 1);
                seen.most_overtaken = seen.most_overtaken.max(state.clients[at].overtaken);
            }
        }
        if let (Some(change), Some(at)) = (self.world.change, state.changed_at) {
            let others = self.told_holders(state).filter(|holder| **holder != held.holder).count();
            let Some(Row::Override(live)) = state.table.row(Key::Override) else { return Ok(()) };
            if state.now >= at + change.quiet && others >= live.limit.count() as usize {
                let what = format!("{} was granted while {others} held, long after {}", held.holder, live.limit);
                return Err(Violation::new(promise::CAP, what));
            }
        }
        Ok(())
    }

    /// The holders that were told, have not asked to release, and whose lease has not expired on their clock.
    /// Where two branches share a name, the newer one's request took the older one's lease over.
    fn told_holders<'a>(&'a self, state: &'a State) -> impl Iterator<Item = &'a Holder> {
        let newest = move |at: usize, lease: Told| {
            let newer = |other: &Told| (other.slot, other.fence) > (lease.slot, lease.fence);
            !(0..state.clients.len()).any(|other| {
                self.holder(other) == self.holder(at) && state.clients[other].lease.as_ref().is_some_and(newer)
            })
        };
        let lasting = move |at: &usize| {
            let asker = &state.clients[*at];
            let clock = Millis(state.now + self.world.clients[*at].skew);
            asker.stage == Stage::Working
                && asker.lease.is_some_and(|lease| clock < lease.expires_at && newest(*at, lease))
        };
        (0..state.clients.len()).filter(lasting).map(|at| self.holder(at))
    }

    /// The cap, in any state.
    pub(crate) fn judge_cap(&self, state: &State) -> Result<(), Violation> {
        let limit = self.world.highest(state.changed_at.is_some()) as usize;
        let told: Vec<&Holder> = self.told_holders(state).collect();
        if told.len() > limit {
            let what = format!("the limit is {limit}, and these hold a lease: {told:?}");
            return Err(Violation::new(promise::CAP, what));
        }
        Ok(())
    }

    /// A client was told that it has a lease: so it must be.
    pub(crate) fn judge_told(&self, state: &State, client: usize, told: Told) -> Result<(), Violation> {
        if self.world.strategy == Strategy::CountThenPut {
            return Ok(());
        }
        let row = slot(state.table.row(Key::Slot(told.slot)));
        let holder = self.holder(client);
        // Two branches that share a name and poll: the newer one took the lease over, it is still that holder's.
        let fence = |row: &&SlotRow| !self.world.clients[client].queue || row.fence == told.fence;
        let held = row.filter(fence).and_then(|row| Some((row.fence, row.held.as_ref()?)));
        let held = held.filter(|(_, held)| held.holder == *holder);
        match held {
            Some((fence, held)) if fence > told.fence || told.expires_at <= held.expires_at => Ok(()),
            Some((_, held)) => {
                let what = format!("{holder} was told until {}, the slot says {}", told.expires_at, held.expires_at);
                Err(Violation::new(promise::TOLD, what))
            }
            None => {
                let what = format!("{holder} was told of {} {}, which is not its any more", told.slot, told.fence);
                Err(Violation::new(promise::TOLD, what))
            }
        }
    }

    /// One slot a holder, one place a holder, and each row of a pair says what the other says.
    fn judge_rows(&self, state: &State) -> Result<(), Violation> {
        let table = &state.table;
        let mut held: Vec<&Holder> =
            table.slots().filter_map(|row| row.held.as_ref()).map(|held| &held.holder).collect();
        let mut places: Vec<&Holder> =
            table.rows().filter_map(|row| if let Row::Wait(row) = row { Some(&row.holder) } else { None }).collect();
        for holders in [&mut held, &mut places] {
            holders.sort_by_key(|holder| holder.hashed());
            if let Some(twice) = holders.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(Violation::new(promise::ONE, format!("{} is there twice", twice[0])));
            }
        }
        for row in table.slots() {
            let Some(held) = &row.held else { continue };
            let points = match table.row(Key::Holder(held.holder.hashed())) {
                Some(Row::Holder(pointer)) => matches!(pointer.state,
                    HolderState::Holding { slot, fence, .. } if (slot, fence) == (row.slot, row.fence)),
                _ => false,
            };
            if !points {
                let what = format!("{} holds {} {}, but its row does not say so", held.holder, row.slot, row.fence);
                return Err(Violation::new(promise::ONE, what));
            }
        }
        for row in table.rows() {
            let agrees = match row {
                Row::Holder(row) => match &row.state {
                    HolderState::Waiting(waiting) => table.row(Key::Wait(waiting.ticket)).is_some(),
                    HolderState::Holding { slot: at, fence, .. } => {
                        slot(table.row(Key::Slot(*at))).is_some_and(|slot| {
                            slot.fence == *fence && slot.held.as_ref().is_some_and(|held| held.holder == row.holder)
                        })
                    }
                    HolderState::Ended { .. } => true,
                },
                Row::Wait(row) => matches!(table.row(Key::Holder(row.holder.hashed())), Some(Row::Holder(holder))
                    if matches!(&holder.state, HolderState::Waiting(waiting) if waiting.ticket == row.ticket)),
                _ => true,
            };
            if !agrees {
                return Err(Violation::new(promise::ONE, format!("a row points at what is not there: {row:?}")));
            }
        }
        Ok(())
    }

    /// An event freed what an ended execution had.
    pub(crate) fn judge_gone(&self, state: &State, client: usize, ended: Millis) -> Result<(), Violation> {
        let holder = self.holder(client);
        let row = state.table.row(Key::Holder(holder.hashed()));
        let before = match row {
            Some(Row::Holder(row)) => match &row.state {
                HolderState::Holding { .. } | HolderState::Waiting(_) => row.attempt.entered < ended,
                HolderState::Ended { .. } => false,
            },
            _ => false,
        };
        if before && self.life(state, holder.execution()) == Life::Ended {
            return Err(Violation::new(
                promise::LEAK,
                format!("{holder} has ended, was reported, and still has {row:?}"),
            ));
        }
        Ok(())
    }

    /// Nothing is under way: what must have happened by now, and what one sweep must put right.
    pub(crate) fn judge_quiet(&self, state: &State, seen: &mut Seen) -> Result<(), Violation> {
        if self.world.strategy == Strategy::CountThenPut {
            return Ok(());
        }
        if !state.faulted && state.changed_at.is_none() {
            self.judge_waiting(state, false)?;
        }
        let mut swept = state.clone();
        self.sweep_alone(&mut swept, seen)?;
        self.judge_waiting(&swept, true)?;

        let quiet = self.world.change.map_or(0, |change| change.quiet);
        let past = self.world.lease + 3 * self.world.grace + 2 * quiet;
        let mut told = state.clone();
        told.now += past + self.world.give_up;
        self.sweep_alone(&mut told, seen)?;
        for (at, asker) in state.clients.iter().enumerate() {
            let task = usize::from(asker.begun).wrapping_sub(1);
            if asker.stage == Stage::Asking && told.clients[at].tasks.get(task) == Some(&Task::Open) {
                return Err(Violation::new(promise::TOLD_IN_THE_END, format!("{} waits forever", self.holder(at))));
            }
        }

        let mut gone = state.clone();
        self.all_vanish(&mut gone);
        gone.now += past;
        self.sweep_alone(&mut gone, seen)?;
        if let Some(row) = gone.table.slots().find(|row| row.held.is_some()) {
            return Err(Violation::new(promise::LEAK, format!("everybody is gone, and this is still held: {row:?}")));
        }
        if let Some(row) = gone.table.rows().find(|row| matches!(row, Row::Wait(_)) || has_something(Some(row))) {
            return Err(Violation::new(promise::LEAK, format!("everybody is gone, and this row stays: {row:?}")));
        }
        Ok(())
    }

    /// Nobody whose task is open waits while a slot may be granted.
    fn judge_waiting(&self, state: &State, expired_too: bool) -> Result<(), Violation> {
        let live = match state.table.row(Key::Override) {
            Some(Row::Override(live)) => self.settings(live.limit, live.lowered),
            _ => self.settings(self.settings.limit, None),
        };
        let now = Millis(state.now);
        let slots: Vec<SlotRow> = state.table.slots().cloned().collect();
        let open = |slot: u32| match slots.iter().find(|row| row.slot.0 == slot).and_then(|row| row.held.as_ref()) {
            None => true,
            Some(held) => expired_too && now >= live.lapses(held.expires_at),
        };
        let Some(slot) = (0..live.effective_limit(&slots, now)).find(|slot| open(*slot)) else { return Ok(()) };
        for (at, asker) in state.clients.iter().enumerate() {
            let row = state.table.row(Key::Holder(self.holder(at).hashed()));
            let waits = matches!(row, Some(Row::Holder(row)) if matches!(row.state, HolderState::Waiting(_)));
            if asker.stage == Stage::Asking && waits {
                let what = format!("slot {slot} is open, {} waits, and nothing is under way", self.holder(at));
                return Err(Violation::new(promise::WAKE_UP, what));
            }
        }
        Ok(())
    }
}

fn has_something(row: Option<&Row>) -> bool {
    matches!(row, Some(Row::Holder(row)) if !matches!(row.state, HolderState::Ended { .. }))
}
