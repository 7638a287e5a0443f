//! Promises in a large world: is one broken? Judged after every write and at every telling, by what holders were told and who
//! really works, never by what the code says of itself; each by what it changed, so that ten thousand rows cost no more than
//! ten.

use leasehold_core::{
    Attempt, Fence, Held, HolderRow, HolderState, Intent, Millis, OverrideRow, PoolRow, Request, Row, RowKey, SlotRow,
    Timestamp, WaitRow,
};

use super::call::Caller;
use super::machine_clock::moment_of;
use super::plan::MS;
use super::population::{AskMode, Stage};
use super::world::{ReportedEnd, World};
use crate::checker::property;
use crate::row_store::RowStore;

/// How many places of a queue are looked at to see who was overtaken.
const LOOKED_AT: usize = 2_000;

pub(super) fn slot_of(row: Option<&Row>) -> Option<&SlotRow> {
    if let Some(Row::Slot(row)) = row { Some(row) } else { None }
}

pub(super) fn holder_of(row: Option<&Row>) -> Option<&HolderRow> {
    if let Some(Row::Holder(row)) = row { Some(row) } else { None }
}

impl World {
    /// What a write that happened changed.
    pub(super) fn judge_writes(&mut self, pool: u16, before: &[(RowKey, Option<Row>)], by: Option<u32>) {
        let at = usize::from(pool);
        for (key, old) in before {
            match key {
                RowKey::Slot(_) => {
                    let old = slot_of(old.as_ref());
                    let new = slot_of(self.pools[at].table.row(*key)).cloned();
                    self.judge_slot(at, old, new.as_ref(), before, by);
                }
                RowKey::Holder(_) => {
                    let old = holder_of(old.as_ref());
                    let new = holder_of(self.pools[at].table.row(*key)).cloned();
                    self.judge_holder(at, old, new.as_ref());
                }
                RowKey::Wait(_) => {
                    if let Some(Row::Wait(place)) = self.pools[at].table.row(*key) {
                        let place = place.clone();
                        self.judge_place(at, &place, old.is_none(), by);
                    }
                }
                RowKey::Pool | RowKey::Override => {
                    self.judge_override(at, old.as_ref());
                    self.limit_changes(at);
                }
                RowKey::Summary | RowKey::HighWater | RowKey::History(_) => {}
            }
        }
    }

    /// Of two overrides that meet, the newest stays.
    fn judge_override(&mut self, at: usize, old: Option<&Row>) {
        let (Some(Row::Override(old)), Some(Row::Override(new))) = (old, self.pools[at].table.row(RowKey::Override))
        else {
            return;
        };
        if new.at < old.at {
            let what = format!("the override of {} was replaced by one of {}", old.at, new.at);
            self.breaks(property::NEWEST, what);
        }
    }

    /// The limit in force may be another now. Around the end of an override both are: clocks differ by the grace.
    fn limit_changes(&mut self, at: usize) {
        let (now, grace) = (self.agenda.now(), self.plan.pools[at].grace * MS);
        let state = &mut self.pools[at];
        let Some(Row::Pool(PoolRow { limit: own, .. })) = state.table.row(RowKey::Pool) else { return };
        let own = own.count();
        let changes = match state.table.row(RowKey::Override) {
            Some(Row::Override(OverrideRow { limit, until: None, .. })) => vec![(0, limit.count())],
            Some(Row::Override(OverrideRow { limit, until: Some(until), .. })) => {
                let (limit, until) = (limit.count(), moment_of(*until));
                vec![(0, limit), (until.saturating_sub(grace), limit.max(own)), (until + grace, own)]
            }
            _ => vec![(0, own)],
        };
        state.limits.retain(|(from, _)| *from <= now);
        let last_past = changes.iter().rposition(|(from, _)| *from <= now).unwrap_or(0);
        // Also what leaves the number as it is: who read before may follow an override that is gone now.
        state.limits.extend(changes.into_iter().skip(last_past).map(|(from, limit)| (from.max(now), limit)));
    }

    /// The limit in force.
    pub(super) fn limit_now(&self, at: usize) -> u32 {
        self.highest_limit_since(at, self.agenda.now())
    }

    /// The highest limit that was in force since then.
    fn highest_limit_since(&self, at: usize, since: u64) -> u32 {
        let (limits, now) = (&self.pools[at].limits, self.agenda.now());
        let first = limits.iter().rposition(|(from, _)| *from <= since).unwrap_or(0);
        limits[first..].iter().filter(|(from, _)| *from <= now).map(|(_, limit)| *limit).max().unwrap_or(0)
    }

    fn judge_slot(
        &mut self,
        at: usize,
        old: Option<&SlotRow>,
        new: Option<&SlotRow>,
        before: &[(RowKey, Option<Row>)],
        by: Option<u32>,
    ) {
        let was = old.and_then(|old| Some((old, old.held.as_ref()?)));
        let Some(new) = new else {
            if let Some((old, held)) = was {
                self.breaks(property::ONE, format!("{} is deleted, and {} holds it", old.slot, held.holder));
            }
            return;
        };
        let index = new.slot.0 as usize;
        let fences = &mut self.pools[at].fences;
        if fences.len() <= index {
            fences.resize(index + 1, Fence(0));
        }
        let highest = fences[index];
        fences[index] = highest.max(new.fence);
        if new.fence < highest {
            self.breaks(property::FENCE, format!("{}: the fence fell from {highest} to {}", new.slot, new.fence));
        }
        let still = new.held.as_ref().zip(was).filter(|(held, (old, was))| {
            new.fence == old.fence && (&held.holder, held.attempt) == (&was.holder, was.attempt)
        });
        if let (None, Some((old, held))) = (still, was) {
            self.judge_taken(old, held, new, by);
        }
        let Some(held) = &new.held else { return };
        if let Some((held, (_, was))) = still {
            if held.renewed_at != was.renewed_at
                && let Some(holder) = self.by_hash.get(&held.holder.hashed().own)
            {
                self.members[*holder as usize].renewed = self.agenda.now();
            }
            self.judge_shortened(held, was);
        }
        self.judge_lease_length(at, held, was.map(|(_, was)| was), by);
        if still.is_some() {
            return;
        }
        if new.fence == highest {
            let what = format!("{}: granted to {} under the same {highest}", new.slot, held.holder);
            self.breaks(property::FENCE, what);
        }
        self.pools[at].grants += 1;
        self.report.grants += 1;
        self.judge_points(at, new, held);
        self.judge_grant(at, new, held, before);
    }

    /// Nobody takes a lease that its holder was told of, works under, and that has not expired.
    fn judge_taken(&mut self, old: &SlotRow, held: &Held, new: &SlotRow, by: Option<u32>) {
        let Some(holder) = self.by_hash.get(&held.holder.hashed().own).copied() else { return };
        let member = &self.members[holder as usize];
        let works = matches!(member.stage, Stage::Working | Stage::Gone) && member.counts;
        let told = member.told.filter(|told| (told.slot, told.fence) == (old.slot, old.fence));
        let end = by.map_or(self.late_end, |by| self.reported_end(by));
        if told.is_some() && end.is_some_and(|end| self.is_earlier_end(end, holder, held)) {
            self.report.taken_by_late_ends += u64::from(!member.is_done());
            self.members[holder as usize].lost_to_end = true;
            return self.uncount(holder);
        }
        let Some(told) = told.filter(|told| works && self.time_of(holder) < told.expires_at) else { return };
        // Who is gone without a word may be known to be so; or it was told on a clock that is ahead of whoever takes it.
        if member.stage == Stage::Gone || new.held.as_ref().is_some_and(|new| new.holder == held.holder) {
            return;
        }
        let to = new.held.as_ref().map_or("nobody".into(), |held| held.holder.to_string());
        let what = format!("{} works under {} until {}, and {to} has it", held.holder, old.slot, told.expires_at);
        self.breaks(property::TOLD, what);
    }

    /// The end that a call reports, if it does.
    pub(super) fn reported_end(&self, by: u32) -> Option<ReportedEnd> {
        let call = &self.calls[by as usize];
        let Caller::Ended { report } = call.by else { return None };
        Some(ReportedEnd { report, began: call.until.saturating_sub(call.froze + self.plan.times.call_within) })
    }

    /// Whether a call reports an end after which this holder was redriven. Work that goes on says so by renewing its lease.
    /// One that had not yet when the report began to look, or so soon that it may have been before the end on another clock, loses
    /// it: known, and counted.
    fn is_earlier_end(&self, end: ReportedEnd, holder: u32, held: &Held) -> bool {
        let report = &self.reports[end.report as usize];
        let own = self.members[holder as usize].execution;
        let parent = self.executions[own as usize].parent;
        let execution = &self.executions[report.execution as usize];
        let grace = Millis(self.plan.pools[usize::from(report.pool)].grace);
        let redriven = execution.redrive > report.redrive && held.attempt.entered < report.at;
        let saw_it = held.renewed_at.is_some_and(|renewed| renewed > report.at + grace)
            && self.members[holder as usize].renewed < end.began;
        (report.execution == own || parent == Some(report.execution)) && redriven && !saw_it
    }

    /// What a holder was told stays true: its lease does not end before.
    fn judge_shortened(&mut self, held: &Held, was: &Held) {
        let Some(holder) = self.by_hash.get(&held.holder.hashed().own) else { return };
        let told = self.members[*holder as usize].told.filter(|told| told.acquired_at == held.acquired_at);
        let was_told = told.filter(|told| held.expires_at < told.expires_at && held.expires_at < was.expires_at);
        if let Some(told) = was_told {
            let what = format!("{} was told {}, and has it until {}", held.holder, told.expires_at, held.expires_at);
            self.breaks(property::TOLD, what);
        }
    }

    /// No change of the settings undoes another.
    pub(super) fn judge_settings(&mut self, pool: u16, written: &Request) {
        let state = &mut self.pools[usize::from(pool)];
        let Some(Row::Pool(PoolRow { limit, .. })) = state.table.row(RowKey::Pool) else { return };
        let limit = *limit;
        if written.writes().iter().any(|write| write.intent == Intent::SetPool) {
            state.set_limit = Some(limit);
        } else if let Some(set) = state.set_limit.filter(|set| *set != limit) {
            self.breaks(property::NEWEST, format!("the pool's limit was set to {set}, and it is {limit}"));
        }
    }

    /// Only an override that has lapsed, on whatever clock, is cleared away.
    pub(super) fn judge_cleared(&mut self, pool: u16, before: &[(RowKey, Option<Row>)], written: &Request) {
        if !written.writes().iter().any(|write| write.intent == Intent::ClearOverride) {
            return;
        }
        let old = before.iter().find_map(|(_, row)| if let Some(Row::Override(row)) = row { Some(row) } else { None });
        let latest = self.time() + Millis(self.plan.pools[usize::from(pool)].grace);
        if let Some(old) = old.filter(|old| old.is_in_force(latest)) {
            let what = format!("the override of {} was cleared away, and had not lapsed", old.at);
            self.breaks(property::NEWEST, what);
        }
    }

    /// While a slot is held, its holder's row points at it: so nobody holds two.
    fn judge_points(&mut self, at: usize, row: &SlotRow, held: &Held) {
        let pointer = holder_of(self.pools[at].table.row(RowKey::Holder(held.holder.hashed())));
        let points = pointer.is_some_and(|pointer| {
            matches!(pointer.state, HolderState::Holding { slot, fence } if (slot, fence) == (row.slot, row.fence))
        });
        if !points {
            let what = format!("{} holds {} {}, but its row does not say so", held.holder, row.slot, row.fence);
            self.breaks(property::ONE, what);
        }
    }

    fn judge_holder(&mut self, at: usize, old: Option<&HolderRow>, new: Option<&HolderRow>) {
        let Some(old) = old else { return };
        if let Some(new) = new
            && new.attempt < old.attempt
        {
            let what = format!("{}: {} was overwritten by {}", new.holder, old.attempt, new.attempt);
            self.breaks(property::ATTEMPTS, what);
        }
        let HolderState::Holding { slot, fence } = old.state else { return };
        let Some(row) = slot_of(self.pools[at].table.row(RowKey::Slot(slot))).cloned() else { return };
        let Some(held) = row.held.as_ref().filter(|held| row.fence == fence && held.holder == old.holder) else {
            return;
        };
        self.judge_points(at, &row, held);
    }

    /// No lease is longer than the pool gives, and no sweep keeps it past the longest hold.
    fn judge_lease_length(&mut self, at: usize, held: &Held, was: Option<&Held>, by: Option<u32>) {
        let plan = &self.plan.pools[at];
        let latest = self.time() + Millis(plan.grace + plan.lease);
        if held.expires_at > latest && was.is_none_or(|was| was.expires_at < held.expires_at) {
            let what = format!("{}: until {}, a lease is {} ms", held.holder, held.expires_at, plan.lease);
            return self.breaks(property::BOUNDS, what);
        }
        let by_sweep = by.is_some_and(|by| matches!(self.calls[by as usize].by, Caller::Sweep { .. }));
        let extended = was.is_some_and(|was| was.acquired_at == held.acquired_at && was.expires_at < held.expires_at);
        if by_sweep && extended && held.expires_at > held.acquired_at + Millis(plan.longest_hold) {
            let what = format!("{}: extended until {}, past the longest hold", held.holder, held.expires_at);
            self.breaks(property::BOUNDS, what);
        }
    }

    /// A slot was granted.
    fn judge_grant(&mut self, at: usize, row: &SlotRow, held: &Held, before: &[(RowKey, Option<Row>)]) {
        let now = self.agenda.now();
        let quiet = self.plan.pools[at].quiet * MS;
        // Whoever may follow an old limit does so for a quiet period.
        let allowed = self.highest_limit_since(at, now.saturating_sub(quiet));
        let holder = self.by_hash.get(&held.holder.hashed().own).copied();
        let own = holder.is_some_and(|holder| self.members[holder as usize].counts);
        let others = self.pools[at].counting - u32::from(own);
        if others >= allowed {
            let what = format!("{} was granted {} while {others} held, of {allowed}", held.holder, row.slot);
            self.breaks(property::CAP, what);
        }
        let Some(holder) = holder else { return };
        if self.members[holder as usize].told_on.is_some_and(|told_on| held.attempt <= told_on) {
            let what = format!("{} was granted again on {}, which had its lease", held.holder, held.attempt);
            self.breaks(property::ATTEMPTS, what);
        }
        self.judge_dead_grant(holder, held.attempt);
        let waited = before.iter().find_map(|(_, row)| match row {
            Some(Row::Holder(HolderRow { holder, state: HolderState::Waiting { ticket, .. }, .. }))
                if *holder == held.holder =>
            {
                Some(*ticket)
            }
            _ => None,
        });
        let Some(ticket) = waited else {
            self.report.claims += 1;
            return;
        };
        let passed: Vec<u32> = self.pools[at]
            .table
            .places()
            .take_while(|place| place.ticket < ticket)
            .take(LOOKED_AT)
            .filter_map(|place| self.by_hash.get(&place.holder.hashed().own).copied())
            .filter(|waiter| self.members[*waiter as usize].waits())
            .collect();
        for waiter in passed {
            let member = &mut self.members[waiter as usize];
            member.overtaken += 1;
            self.report.most_overtaken = self.report.most_overtaken.max(member.overtaken);
        }
    }

    /// A slot was granted to a waiter that is dead: once at most for each of its attempts.
    fn judge_dead_grant(&mut self, holder: u32, attempt: Attempt) {
        let member = &mut self.members[holder as usize];
        let newest = member.attempt() == attempt;
        let dead = member.mode == AskMode::Queue && newest && (!member.is_open || member.is_untellable);
        if !dead {
            return;
        }
        self.report.dead_grants += 1;
        if member.dead_grant == Some(attempt) {
            let what = format!("{} is dead, and was granted a second lease", member.holder);
            return self.breaks(property::DEAD_NOT_SERVED, what);
        }
        member.dead_grant = Some(attempt);
    }

    /// Nobody is in the queue before its time, or for longer than the pool gives.
    fn judge_place(&mut self, at: usize, place: &WaitRow, is_new: bool, by: Option<u32>) {
        let plan = &self.plan.pools[at];
        let (grace, longest, now) = (Millis(plan.grace), Millis(plan.longest_wait), self.time());
        if place.give_up_at > now + grace + longest {
            let what = format!("{}: waits until {}", place.holder, place.give_up_at);
            self.breaks(property::BOUNDS, what);
        }
        let waiting = self.pools[at].table.places().next().is_some();
        self.report.most_waiting = self.report.most_waiting.max(u64::from(waiting));
        let Some(by) = by.filter(|_| is_new) else { return };
        // A place keeps its ticket however late it is put there: by that call no earlier than it began.
        let asked = self.by_hash.get(&place.holder.hashed().own).map(|holder| &self.members[*holder as usize]);
        let began = asked.map_or(now, |member| member.entered) - grace - grace;
        if place.ticket.at < began || place.ticket.at > now + grace {
            let what = format!("{} joins at {} with the ticket {}", self.name_of(by), now, place.ticket.at);
            self.breaks(property::TABLE_TIME, what);
        }
    }

    /// One more counts as one that holds a lease: no more than the highest limit since the oldest of them was granted.
    pub(super) fn judge_cap(&mut self, at: usize) {
        let (counting, now) = (self.pools[at].counting, self.agenda.now());
        self.report.most_held = self.report.most_held.max(counting);
        let quiet = self.plan.pools[at].quiet * MS;
        if counting <= self.highest_limit_since(at, now.saturating_sub(quiet)) {
            return;
        }
        let counted = |member: &&super::population::Member| member.counts && usize::from(member.pool) == at;
        let told = self.members.iter().filter(counted).filter_map(|member| member.told);
        let oldest = told.map(|told| told.acquired_at).min().unwrap_or(Timestamp(0));
        let since = super::machine_clock::moment_of(oldest).saturating_sub(quiet);
        let allowed = self.highest_limit_since(at, since);
        if counting > allowed {
            self.breaks(property::CAP, format!("{counting} hold a lease of pool{at}, and {allowed} may"));
        }
    }
}
