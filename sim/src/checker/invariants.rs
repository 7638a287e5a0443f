//! Invariants: is a promise broken? Each is judged from what callers were told and from how rows changed, never from what
//! the code says of itself.

use leasehold_core::{
    AnyOutcome, Attempt, Effect, EffectReply, ExecutionStatus, Guard, Holder, HolderState, InFlight, LeaseId, Lowered,
    Millis, Reply, Request, Row, RowKey, SlotRow, Step, Timestamp, WaitRow, Write,
};

use super::state::{Caller, EndReport, Stage, Task, ToldLease, WorldState};
use super::world::{OperatorAction, SettingsOf, Shared};
use super::{Coverage, property};
use crate::strategy::Strategy;
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
pub(crate) fn touched(table: &MemoryTable, request: &Request) -> Vec<(RowKey, Option<Row>)> {
    request.writes().iter().map(|write| (write.key, table.row(write.key).cloned())).collect()
}

fn slot(row: Option<&Row>) -> Option<&SlotRow> {
    if let Some(Row::Slot(row)) = row { Some(row) } else { None }
}

impl Shared {
    /// What a write that happened changed.
    pub(crate) fn judge_writes(
        &self,
        state: &mut WorldState,
        by: Option<Caller>,
        before: &[(RowKey, Option<Row>)],
        seen: &mut Coverage,
    ) -> Result<(), Violation> {
        for (key, old) in before {
            let new = state.table.row(*key).cloned();
            self.judge_bounds(state, by, old.as_ref(), new.as_ref())?;
            self.judge_late_end(by, old.as_ref(), new.as_ref())?;
            if let Some(Row::Wait(place)) = &new {
                self.judge_joined(state, old.as_ref(), place)?;
            }
            if let Some(Caller::OlderRelease(client, older)) = by {
                self.judge_older(state, client, older, old.as_ref(), new.as_ref())?;
            }
            match (old, &new) {
                (Some(Row::Holder(old)), Some(Row::Holder(new))) if new.attempt < old.attempt => {
                    let what = format!("{}: {} was overwritten by {}", new.holder, old.attempt, new.attempt);
                    return Err(Violation::new(property::ATTEMPTS, what));
                }
                (_, Some(Row::Slot(new))) => {
                    let old = slot(old.as_ref());
                    let fence = old.map(|old| old.fence).unwrap_or_default();
                    if new.fence < fence {
                        return Err(Violation::new(
                            property::FENCE,
                            format!("{}: the fence fell from {fence}", new.slot),
                        ));
                    }
                    let Some(held) = &new.held else { continue };
                    let was = old.and_then(|old| old.held.as_ref());
                    let same = was.is_some_and(|was| (&was.holder, was.attempt) == (&held.holder, held.attempt));
                    if new.fence == fence && !same {
                        let what = format!("{}: granted to {} under the same {fence}", new.slot, held.holder);
                        return Err(Violation::new(property::FENCE, what));
                    }
                    if new.fence > fence {
                        self.judge_taken(state, old, held)?;
                        self.judge_dead_grant(state, held, seen)?;
                        self.judge_grant(state, before, new, seen)?;
                    }
                }
                _ => {}
            }
        }
        if self.world.strategy == Strategy::Leasehold { self.judge_rows(state) } else { Ok(()) }
    }

    /// No lease or wait is longer than the pool gives, on whichever clock; and no sweep extends past the longest hold.
    fn judge_bounds(
        &self,
        state: &WorldState,
        by: Option<Caller>,
        old: Option<&Row>,
        new: Option<&Row>,
    ) -> Result<(), Violation> {
        let latest = Timestamp(state.now + self.world.most_skew());
        let lease_of = |row: Option<&Row>| slot(row).and_then(|row| Some((row.fence, row.held.as_ref()?.expires_at)));
        if let (Some(ends), Some(row)) = (lease_of(new).filter(|ends| lease_of(old) != Some(*ends)), slot(new)) {
            let Some(held) = &row.held else { return Ok(()) };
            if held.expires_at > latest + Millis(self.world.lease) {
                let what = format!("{}: until {}, a lease is {} ms", held.holder, held.expires_at, self.world.lease);
                return Err(Violation::new(property::BOUNDS, what));
            }
            let extended = lease_of(old).is_some_and(|(fence, _)| fence == ends.0);
            if extended && by == Some(Caller::Sweep) && held.expires_at > held.acquired_at + self.settings.longest_hold
            {
                let what = format!("{}: extended until {}, past the longest hold", held.holder, held.expires_at);
                return Err(Violation::new(property::BOUNDS, what));
            }
        }
        match new {
            Some(Row::Wait(place)) if place.give_up_at > latest + Millis(self.world.give_up) => {
                let what = format!("{}: waits until {}", place.holder, place.give_up_at);
                Err(Violation::new(property::BOUNDS, what))
            }
            _ => Ok(()),
        }
    }

    /// A release by an attempt that was followed by a newer one takes nothing from that one.
    fn judge_older(
        &self,
        state: &WorldState,
        client: usize,
        older: Attempt,
        old: Option<&Row>,
        new: Option<&Row>,
    ) -> Result<(), Violation> {
        let (mine, now) = (self.holder(client), Timestamp(state.now));
        let taken = match old {
            Some(Row::Slot(row)) => row.held.as_ref().is_some_and(|held| {
                let still = slot(new).is_some_and(|new| new.fence == row.fence && new.held.is_some());
                held.holder == *mine && held.attempt > older && now < held.expires_at && !still
            }),
            Some(Row::Holder(row)) => match &row.state {
                HolderState::Waiting { ticket, .. } => {
                    let ended = matches!(new, Some(Row::Holder(new)) if new.state == HolderState::Ended);
                    let gives_up_at = ticket.at + self.settings.longest_wait;
                    row.holder == *mine && row.attempt > older && now < gives_up_at && ended
                }
                _ => false,
            },
            _ => false,
        };
        if taken {
            let what = format!("{mine}: a release by {older} took from a newer attempt what it had: {old:?}");
            return Err(Violation::new(property::ATTEMPTS, what));
        }
        Ok(())
    }

    /// Whoever saw somebody wait does not claim a slot.
    pub(crate) fn judge_order(
        &self,
        by: Caller,
        saw: Option<Holder>,
        step: &Step<AnyOutcome>,
    ) -> Result<(), Violation> {
        let (Caller::Acquire(client, _), Some(first), Step::Perform { effects, .. }) = (by, saw, step) else {
            return Ok(());
        };
        let claims = |write: &Write| {
            write
                .conditions
                .iter()
                .any(|(guard, _)| matches!(guard, Guard::ClaimSlotUnchanged | Guard::ClaimHolderUnchanged))
        };
        let requests = effects
            .iter()
            .filter_map(|effect| if let Effect::Request(request) = effect { Some(request) } else { None });
        if requests.flat_map(Request::writes).any(claims) {
            let what = format!("{} claims a slot though it saw {first} wait", self.holder(client));
            return Err(Violation::new(property::ORDER, what));
        }
        Ok(())
    }

    /// Who releases was told that its lease is given back: so it must be. Whatever an older attempt had, too.
    pub(crate) fn judge_given_back(
        &self,
        state: &WorldState,
        id: &LeaseId,
        older: Option<Attempt>,
    ) -> Result<(), Violation> {
        let row = slot(state.table.row(RowKey::Slot(id.slot))).filter(|row| row.fence == id.fence);
        let Some(held) = row.and_then(|row| row.held.as_ref()) else { return Ok(()) };
        if older.is_none_or(|older| held.attempt <= older) {
            let what = format!("{id} was said to be given back, and is still held by {}", held.holder);
            return Err(Violation::new(property::GIVEN_BACK, what));
        }
        Ok(())
    }

    /// The limit was raised, and whoever did it is done: nobody waits who could have been served.
    pub(crate) fn judge_raise(&self, state: &WorldState) -> Result<(), Violation> {
        if state.is_quiet() && !state.faulted { self.judge_waiting(state, false) } else { Ok(()) }
    }

    /// A slot was granted.
    fn judge_grant(
        &self,
        state: &mut WorldState,
        before: &[(RowKey, Option<Row>)],
        row: &SlotRow,
        seen: &mut Coverage,
    ) -> Result<(), Violation> {
        let Some(held) = &row.held else { return Ok(()) };
        for (at, client) in state.clients.iter().enumerate().filter(|(at, _)| *self.holder(*at) == held.holder) {
            let number = client.number(at, held.attempt, self.world.counts_redrives).map(usize::from);
            if number.is_some_and(|number| client.tasks.get(number.wrapping_sub(1)) == Some(&Task::Told)) {
                let what = format!("{} was granted again on {}, which had its lease", held.holder, held.attempt);
                return Err(Violation::new(property::ATTEMPTS, what));
            }
        }
        let ticket = before.iter().find_map(|(_, row)| match row {
            Some(Row::Holder(row)) if row.holder == held.holder => match &row.state {
                HolderState::Waiting { ticket, .. } => Some(*ticket),
                _ => None,
            },
            _ => None,
        });
        seen.granted_from_queue |= ticket.is_some();
        seen.claimed |= ticket.is_none();
        seen.most_held = seen.most_held.max(state.held());
        for at in 0..state.clients.len() {
            let key = RowKey::Holder(self.holder(at).hashed());
            let Some(Row::Holder(waiter)) = state.table.row(key) else { continue };
            let HolderState::Waiting { ticket: its, .. } = waiter.state else { continue };
            // Who has not put its place into the queue yet is not there.
            if state.table.row(RowKey::Wait(its)).is_some() && ticket.is_none_or(|ticket| its < ticket) {
                state.client(at, |client| client.overtaken += 1);
                seen.most_overtaken = seen.most_overtaken.max(state.clients[at].overtaken);
            }
        }
        if let (Some(change), Some(at)) = (self.world.operator_plan, state.changed_at) {
            let others = self.told_holders(state).filter(|holder| **holder != held.holder).count();
            let limit = self.limit_now(state);
            // The promise that goes with `Settings::followed_at`.
            if state.now >= at + change.quiet && others >= limit.count() as usize {
                let what = format!("{} was granted while {others} held, long after {limit}", held.holder);
                return Err(Violation::new(property::CAP, what));
            }
        }
        Ok(())
    }

    /// The holders that were told, have not asked to release, and whose lease has not expired on their clock.
    /// Where two branches share a name, the newer one's request took the older one's lease over.
    fn told_holders<'a>(&'a self, state: &'a WorldState) -> impl Iterator<Item = &'a Holder> {
        let newest = move |at: usize, lease: ToldLease| {
            let newer = |other: &ToldLease| (other.slot, other.fence) > (lease.slot, lease.fence);
            !(0..state.clients.len()).any(|other| {
                self.holder(other) == self.holder(at) && state.clients[other].lease.as_ref().is_some_and(newer)
            })
        };
        let lasting = move |at: &usize| {
            let client = &state.clients[*at];
            let clock = Timestamp(state.now + self.world.skew_of(*at));
            client.stage == Stage::Working
                && client.lease.is_some_and(|lease| clock < lease.expires_at && newest(*at, lease))
        };
        (0..state.clients.len()).filter(lasting).map(|at| self.holder(at))
    }

    /// The cap, in any state.
    pub(crate) fn judge_cap(&self, state: &WorldState) -> Result<(), Violation> {
        let limit = self.world.highest(state.changed_at.is_some()) as usize;
        let told: Vec<&Holder> = self.told_holders(state).collect();
        if told.len() > limit {
            let what = format!("the limit is {limit}, and these hold a lease: {told:?}");
            return Err(Violation::new(property::CAP, what));
        }
        Ok(())
    }

    /// A client was told that it has a lease: so it must be.
    pub(crate) fn judge_told(&self, state: &WorldState, client: usize, told: ToldLease) -> Result<(), Violation> {
        if self.world.strategy == Strategy::CountThenPut {
            return Ok(());
        }
        let row = slot(state.table.row(RowKey::Slot(told.slot)));
        let holder = self.holder(client);
        // Two branches that share a name and poll: the newer one took the lease over, it is still that holder's.
        let fence = |row: &&SlotRow| !self.world.clients[client].queue || row.fence == told.fence;
        let held = row.filter(fence).and_then(|row| Some((row.fence, row.held.as_ref()?)));
        let held = held.filter(|(_, held)| held.holder == *holder);
        match held {
            Some((fence, held)) if fence > told.fence || told.expires_at <= held.expires_at => Ok(()),
            Some((_, held)) => {
                let what = format!("{holder} was told until {}, the slot says {}", told.expires_at, held.expires_at);
                Err(Violation::new(property::TOLD, what))
            }
            None => {
                let what = format!("{holder} was told of {} {}, which is not its any more", told.slot, told.fence);
                Err(Violation::new(property::TOLD, what))
            }
        }
    }

    /// One slot a holder, one place a holder, and a holder's row points at the slot it holds. The reverse need not be: a row
    /// that points at what is not there means that it ended, and a place without its holder's row is nothing.
    fn judge_rows(&self, state: &WorldState) -> Result<(), Violation> {
        let table = &state.table;
        let mut held: Vec<&Holder> =
            table.slots().filter_map(|row| row.held.as_ref()).map(|held| &held.holder).collect();
        let mut places: Vec<&Holder> = table
            .rows()
            .filter_map(|row| if let Row::Wait(row) = row { Some(row) } else { None })
            .filter(|place| is_waiting_there(table, place))
            .map(|place| &place.holder)
            .collect();
        for holders in [&mut held, &mut places] {
            holders.sort_by_key(|holder| holder.hashed());
            if let Some(twice) = holders.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(Violation::new(property::ONE, format!("{} is there twice", twice[0])));
            }
        }
        for row in table.slots() {
            let Some(held) = &row.held else { continue };
            let points = match table.row(RowKey::Holder(held.holder.hashed())) {
                Some(Row::Holder(pointer)) => matches!(pointer.state,
                    HolderState::Holding { slot, fence } if (slot, fence) == (row.slot, row.fence)),
                _ => false,
            };
            if !points {
                let what = format!("{} holds {} {}, but its row does not say so", held.holder, row.slot, row.fence);
                return Err(Violation::new(property::ONE, what));
            }
        }
        Ok(())
    }

    /// An event freed what an ended execution had.
    pub(crate) fn judge_gone(&self, state: &WorldState, client: usize, end: EndReport) -> Result<(), Violation> {
        for branch in self.branches(client) {
            let holder = self.holder(branch);
            let row = state.table.row(RowKey::Holder(holder.hashed()));
            let before = |attempt: Attempt| attempt.entered < end.at && attempt.redrive <= end.redrive;
            let has = has_something(&state.table, row) && matches!(row, Some(Row::Holder(row)) if before(row.attempt));
            let over = self.branches(branch).all(|branch| state.clients[branch].stage == Stage::Over);
            if has && over {
                let what = format!("{holder} has ended, was reported, and still has {row:?}");
                return Err(Violation::new(property::LEAK, what));
            }
        }
        Ok(())
    }

    /// Nothing is under way: what must have happened by now, and what one sweep must put right.
    pub(crate) fn judge_quiet(&self, state: &WorldState, seen: &mut Coverage) -> Result<(), Violation> {
        if self.world.strategy == Strategy::CountThenPut {
            return Ok(());
        }
        self.judge_newest(state)?;
        if self.settings_now(state, SettingsOf::Now).is_none() {
            // A retired pool: its holders keep their leases until they expire, and nobody sweeps any more.
            return Ok(());
        }
        if !state.faulted && state.changed_at.is_none() {
            self.judge_waiting(state, false)?;
        }
        self.judge_dead(state)?;
        self.judge_looks(state, seen)?;
        let mut swept = state.clone();
        self.sweep_alone(&mut swept, seen)?;
        self.judge_waiting(&swept, true)?;
        self.judge_dead(&swept)?;

        // Every lease has expired on every clock, and every change of the limit is followed by everybody.
        let changed = Lowered { from: self.settings.limit, at: Timestamp(0) };
        let past =
            self.settings.followed_at(changed).0 + self.world.lease + 2 * self.world.grace.max(self.world.most_skew());
        let mut told = state.clone();
        told.now += past + self.world.give_up;
        self.sweep_alone(&mut told, seen)?;
        for (at, client) in state.clients.iter().enumerate() {
            let task = usize::from(client.begun).wrapping_sub(1);
            let listens = self.world.clients[at].token && !client.untellable;
            if listens && client.stage == Stage::Asking && told.clients[at].tasks.get(task) == Some(&Task::Open) {
                return Err(Violation::new(property::TOLD_IN_THE_END, format!("{} waits forever", self.holder(at))));
            }
        }

        // Every lease has expired, and every change is long followed.
        let mut later = state.clone();
        later.now += past;
        self.sweep_alone(&mut later, seen)?;
        self.judge_waiting(&later, true)?;

        let mut gone = state.clone();
        self.all_vanish(&mut gone);
        gone.now += past;
        self.sweep_alone(&mut gone, seen)?;
        // Where nobody can know that a waiter is gone, each may have had a lease.
        let unknown = |at: &usize| self.status_of(&gone, self.holder(*at).execution()) == ExecutionStatus::Unknown;
        for _ in (0..gone.clients.len()).filter(unknown).collect::<Vec<_>>() {
            gone.now += self.world.lease + self.world.grace;
            self.sweep_alone(&mut gone, seen)?;
        }
        if let Some(row) = gone.table.slots().find(|row| row.held.is_some()) {
            return Err(Violation::new(property::LEAK, format!("everybody is gone, and this is still held: {row:?}")));
        }
        if let Some(row) =
            gone.table.rows().find(|row| matches!(row, Row::Wait(_)) || has_something(&gone.table, Some(row)))
        {
            return Err(Violation::new(property::LEAK, format!("everybody is gone, and this row stays: {row:?}")));
        }
        if let (_, Some(live)) = gone.own_rows()
            && !live.is_in_force(Timestamp(gone.now))
        {
            return Err(Violation::new(property::LEAK, format!("this override lapsed long ago, and stays: {live:?}")));
        }
        Ok(())
    }

    /// Of the changes that met, the newest stays, and no change undoes another one of its own kind.
    fn judge_newest(&self, state: &WorldState) -> Result<(), Violation> {
        let (pool, live) = state.own_rows();
        let ended =
            self.operators().any(|action| matches!(action, OperatorAction::EndOverride | OperatorAction::RetirePool));
        let all_done = state.limit_sets.filter(|sets| sets.done == self.limit_setters() && !sets.tied);
        if let (Some((_, newest)), Some(live), false) = (all_done.and_then(|sets| sets.newest), live, ended)
            && live.limit != newest
        {
            let what = format!("the newest change made the limit {newest}, and it is {}", live.limit);
            return Err(Violation::new(property::NEWEST, what));
        }
        if let (Some(set), Some(pool)) = (state.pool_limit, pool)
            && pool.limit != set
        {
            let what = format!("the pool's limit was set to {set}, and it is {}", pool.limit);
            return Err(Violation::new(property::NEWEST, what));
        }
        Ok(())
    }

    /// Nobody whose task is open waits while a slot may be granted.
    pub(super) fn judge_waiting(&self, state: &WorldState, expired_too: bool) -> Result<(), Violation> {
        let Some(live) = self.settings_now(state, SettingsOf::Now) else { return Ok(()) };
        let now = Timestamp(state.now);
        let slots: Vec<SlotRow> = state.table.slots().cloned().collect();
        let open = |slot: u32| match slots.iter().find(|row| row.slot.0 == slot).and_then(|row| row.held.as_ref()) {
            None => true,
            Some(held) => expired_too && now >= live.reclaimable_at(held.expires_at),
        };
        let Some(slot) = (0..live.effective_limit(&slots, now)).find(|slot| open(*slot)) else { return Ok(()) };
        for (at, client) in state.clients.iter().enumerate() {
            let row = state.table.row(RowKey::Holder(self.holder(at).hashed()));
            let waits = matches!(row, Some(Row::Holder(row)) if matches!(row.state, HolderState::Waiting { .. }));
            if client.stage == Stage::Asking && waits && has_something(&state.table, row) {
                let what = format!("slot {slot} is open, {} waits, and nothing is under way", self.holder(at));
                return Err(Violation::new(property::WAKE_UP, what));
            }
        }
        Ok(())
    }
}

/// Who is the first of the queue in this answer, if it is one and somebody waits?
pub(crate) fn waiters_in(in_flight: &InFlight) -> Option<Holder> {
    in_flight.iter().find_map(|(_, reply)| match reply {
        Some(EffectReply::Table(Reply::Queue(rows, _))) => rows.first().map(|row| row.holder.clone()),
        _ => None,
    })
}

/// Whether a holder's row waits with the ticket of this place.
fn is_waiting_there(table: &MemoryTable, place: &WaitRow) -> bool {
    matches!(table.row(RowKey::Holder(place.holder.hashed())), Some(Row::Holder(holder))
        if matches!(holder.state, HolderState::Waiting { ticket, .. } if ticket == place.ticket))
}

/// Whether a holder's row points at a place or a lease that is there.
fn has_something(table: &MemoryTable, row: Option<&Row>) -> bool {
    let Some(Row::Holder(row)) = row else { return false };
    match row.state {
        HolderState::Ended => false,
        HolderState::Waiting { ticket, .. } => table.row(RowKey::Wait(ticket)).is_some(),
        HolderState::Holding { slot: at, fence } => slot(table.row(RowKey::Slot(at))).is_some_and(|slot| {
            slot.fence == fence && slot.held.as_ref().is_some_and(|held| held.holder == row.holder)
        }),
    }
}
