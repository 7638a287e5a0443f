//! A pool's settings: which rules are in force, and which slots do they let anyone claim?

use std::sync::Arc;

use crate::failure::Failure;
use crate::reads::OwnRows;
use crate::reads::failure_of;
use crate::request::{Reply, Request};
use crate::rows::{
    Held, HighWaterRow, LiveRow, Lowered, Notice, OverrideRow, PoolRow, Row, RowKey, SettingsRow, SlotRow,
};
use crate::time::{Millis, Timestamp};
use crate::types::{Fence, InvalidValue, Limit, PoolName};

/// How many waiters a call that grants one slot reads from the head of the queue: with their tokens at most 4 KB, one
/// read unit. So two of them can turn out to be nothing before the queue is read again.
pub(crate) const QUEUE_HEAD: u32 = 3;

/// How many slots a caller looks at before it looks at more: about 5 KB, 2 read units.
pub(crate) const FIRST_WINDOW: u32 = 16;

/// How many slots a caller looks at when it found none open in the first window.
pub(crate) const SECOND_WINDOW: u32 = 48;

/// How far anyone counts: `waiting` stops here, and a sweep looks no further down the queue.
pub const COUNTED: u32 = 100;

/// How many holders one call looks up, notifies or asks about.
pub(crate) const BATCH: usize = 25;

/// The longest time that a pool's settings may name: a lease that somebody got by mistake for longer would outlast the
/// mistake. No execution runs for more than a year (Step Functions quota, 2024).
const LONGEST_TIME: Millis = Millis::seconds(366 * 86_400);

/// How many sweeps may be missing before that is told, and how short a time is never told.
const SWEEPS_LATE: u64 = 3;
const LEAST_SWEEP_AGE: Millis = Millis::seconds(180);

/// A pool's rules as one operation uses them from its first to its last step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Settings {
    /// Whose rules.
    pub prefix: PoolName,
    /// How many may hold at once.
    pub limit: Limit,
    /// The highest limit that callers may still be using, and when it was lowered.
    pub lowered: Option<Lowered>,
    /// How long a lease lasts; a caller may ask for less.
    pub lease: Millis,
    /// The most that two callers differ about the time: an expired lease is taken by another only so much later.
    pub grace: Millis,
    /// How long after a change was written somebody may still follow the old settings: settings cache + longest operation.
    pub quiet: Millis,
    /// How long a waiter may wait before its task is failed.
    pub longest_wait: Millis,
    /// How long a lease may be kept alive by sweeps because its execution still runs; zero: never.
    pub longest_hold: Millis,
    /// The time between two sweeps.
    pub sweep_every: Millis,
    /// How long the first lease of a waiter without a token lasts at most, until it comes for it: a few times as long as
    /// the time between two of its looks. If it died waiting, this is what it costs.
    pub collect_within: Millis,
    /// Up to where there may be slots; none: nobody has used one yet.
    pub high_water: Option<HighWaterRow>,
    /// How long a tombstone is kept: far longer than any copy of a call can be late.
    pub tombstone: Millis,
    /// How often one call tries again after it collided with others.
    pub tries: u8,
    /// An override that has lapsed, and that nobody can be following any more: a sweep clears it away.
    pub lapsed: Option<Arc<OverrideRow>>,
}

impl Settings {
    /// The defaults that a pool's row may leave out.
    pub fn new(prefix: PoolName, limit: Limit) -> Self {
        Settings {
            prefix,
            limit,
            lowered: None,
            lease: Millis::seconds(300),
            grace: Millis::seconds(5),
            // A settings cache of 5 s and a Lambda of at most 30 s.
            quiet: Millis::seconds(35),
            longest_wait: Millis::seconds(24 * 3_600),
            longest_hold: Millis(0),
            sweep_every: Millis::seconds(60),
            collect_within: Millis::seconds(6),
            high_water: Some(HighWaterRow { slots: limit.count(), ..HighWaterRow::default() }),
            tombstone: Millis::seconds(24 * 3_600),
            tries: 8,
            lapsed: None,
        }
    }

    /// The rules that the pool's own rows give at `now`: an operator's override wins over the settings until it lapses.
    /// The rows must have been read after `now`, by the table's time: an override that had not been replaced by then,
    /// though it had lapsed, was in force until its end, and never any longer.
    ///
    /// # Errors
    /// When a value in the rows makes no sense (`PoolMisconfigured`).
    pub fn from_rows(
        prefix: PoolName,
        pool: &PoolRow,
        live: Option<&OverrideRow>,
        high_water: Option<HighWaterRow>,
        now: Timestamp,
    ) -> Result<Self, InvalidValue> {
        let mut settings = Settings { high_water, ..Settings::new(prefix, pool.limit) };
        let times = [
            ("lease", &mut settings.lease, pool.lease),
            ("grace", &mut settings.grace, pool.grace),
            ("quiet", &mut settings.quiet, pool.quiet),
            ("longest_wait", &mut settings.longest_wait, pool.longest_wait),
            ("longest_hold", &mut settings.longest_hold, pool.longest_hold),
            ("sweep_every", &mut settings.sweep_every, pool.sweep_every),
        ];
        for (what, setting, given) in times {
            if let Some(given) = given {
                if given > LONGEST_TIME {
                    return Err(InvalidValue::new(what, &given.to_string(), "at most 366 days, in milliseconds"));
                }
                *setting = given;
            }
        }
        settings.lowered = pool.lowered;
        match live.map(|live| (live, live.until)) {
            Some((live, Some(until))) if !live.is_in_force(now) => settings.lapse(live, until, now),
            Some((live, _)) => {
                settings.limit = live.limit;
                settings.lowered = live.lowered;
            }
            None => {}
        }
        if settings.lease.0 == 0 {
            return Err(InvalidValue::new("lease", "0", "a lease duration above zero"));
        }
        Ok(settings)
    }

    /// An override has come to its end by itself: a change of the limit at a moment that everybody knows who read the row.
    /// As after any other, the highest limit that was in use then may be followed for a while; so may be one from which
    /// the settings were lowered around that moment.
    fn lapse(&mut self, live: &OverrideRow, until: Timestamp, now: Timestamp) {
        let before = Settings { limit: live.limit, lowered: live.lowered, ..self.clone() };
        let lapse = Lowered { from: before.highest_in_use(until), at: until };
        if now >= self.followed_at(lapse) {
            self.lapsed = Some(Arc::new(live.clone()));
            return;
        }
        if lapse.from > self.limit {
            let other = self.lowered.filter(|lowered| now < self.followed_at(*lowered));
            let both = |other: Lowered| Lowered { from: lapse.from.max(other.from), at: lapse.at.max(other.at) };
            self.lowered = Some(other.map_or(lapse, both));
        }
    }

    /// The rules that the replies to [`Settings::reads`] and, asked for after those came, [`Settings::HIGH_WATER_READ`]
    /// give; `now` is from before they were asked for.
    ///
    /// # Errors
    /// `PoolNotFound`, `PoolMisconfigured`, or what a reply stands for that brought no row.
    pub fn from_replies(
        prefix: PoolName,
        replies: [Reply; 2],
        high_water: Reply,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let high_water = match high_water {
            Reply::Row(Some(Row::HighWater(row))) => Some(row),
            Reply::Row(None) => None,
            Reply::Row(Some(Row::Unreadable(_, row))) => {
                return Err(Failure::PoolMisconfigured(row.as_invalid("the pool's high-water mark")));
            }
            other => return Err(failure_of(&other)),
        };
        let rows = OwnRows::of(replies)?;
        let pool = match rows.settings {
            None => return Err(Failure::PoolNotFound),
            Some(SettingsRow::Valid(pool)) => pool,
            Some(SettingsRow::Unreadable(row)) => {
                return Err(Failure::PoolMisconfigured(row.as_invalid("the pool's row")));
            }
        };
        let live = match rows.live {
            None => None,
            Some(LiveRow::Valid(live)) => Some(live),
            Some(LiveRow::Unreadable(row)) => {
                return Err(Failure::PoolMisconfigured(row.as_invalid("the pool's override")));
            }
        };
        Settings::from_rows(prefix, &pool, live.as_ref(), high_water, now).map_err(Failure::PoolMisconfigured)
    }

    /// The reads that bring a pool's settings: its own row, and an operator's override.
    pub fn reads() -> [Request; 2] {
        OwnRows::requests()
    }

    /// The read that brings the high-water mark. It is asked for after the others: a mark from before a limit was raised
    /// and lowered again, with the limit from after that, would hide the fences of slots that were deleted meanwhile.
    pub const HIGH_WATER_READ: Request = Request::Get(RowKey::HighWater);

    /// Whether every slot that may be held lies below the limit, so that nobody needs to look for others.
    pub fn is_level(&self, now: Timestamp) -> bool {
        self.high_water.is_none_or(|mark| mark.slots <= self.limit.count()) && self.highest_in_use(now) <= self.limit
    }

    /// The fence of a slot that has no row.
    pub(crate) fn lowest_fence(&self) -> Fence {
        self.high_water.unwrap_or_default().fence
    }

    /// The mark that has to be written before slots up to the limit are used: it is too low, or a sweep is about to lower it
    /// and has not seen this limit.
    pub(crate) fn higher_mark(&self) -> Option<HighWaterRow> {
        let mark = self.high_water.unwrap_or_default();
        let slots = self.limit.count().max(mark.slots);
        (self.usable() < self.limit.count()).then_some(HighWaterRow { slots, lower: None, ..mark })
    }

    /// How many slots may be used as the high-water mark is.
    pub(crate) fn usable(&self) -> u32 {
        let mark = self.high_water.unwrap_or_default();
        let lower = mark.lower.map_or(u32::MAX, |lower| lower.to.count());
        self.limit.count().min(mark.slots).min(lower)
    }

    /// The highest limit that somebody may follow now. The slots below it count against the limit even when they look
    /// free: until everyone surely follows a lowered limit ([`Settings::followed_at`]), callers with the old one may be
    /// claiming any of them.
    pub fn highest_in_use(&self, now: Timestamp) -> Limit {
        match self.lowered {
            Some(lowered) if now < self.followed_at(lowered) => lowered.from.max(self.limit),
            _ => self.limit,
        }
    }

    /// When everyone surely follows a lowered limit, on anyone's clock: until then the slots up to the old limit count as
    /// held. One quiet period, because callers go on with cached settings; another, because the change is dated before it
    /// is written and is itself an operation that may take as long as the longest; and the grace, for the clocks.
    ///
    /// This is the one bound of this kind. The simulator draws leasehold's ceiling by it, and the checker lets so much time pass
    /// before it expects that everybody follows. What is promised is a part of it: from one quiet period after the change
    /// was written nobody is granted a lease while more than the new limit are held. By that the checker and the demo's
    /// ledger judge.
    pub fn followed_at(&self, lowered: Lowered) -> Timestamp {
        lowered.at + self.settles_for()
    }

    /// How long after a lowering that is.
    pub fn settles_for(&self) -> Millis {
        self.quiet + self.quiet + self.grace
    }

    /// How old the last sweep may be. An older one says that sweeps are missing, and tells the past: a few are late or fail now
    /// and then.
    pub fn oldest_sweep(&self) -> Millis {
        LEAST_SWEEP_AGE.max(Millis(self.sweep_every.0.saturating_mul(SWEEPS_LATE)))
    }

    /// Until when a limit that was lowered keeps slots closed, and which it was: until then the slots up to the old limit
    /// count as held, whether or not anybody holds them. None: nothing settles.
    pub fn settling(&self, now: Timestamp) -> Option<(Timestamp, Limit)> {
        let lowered = self.lowered.filter(|lowered| lowered.from > self.limit)?;
        let until = self.followed_at(lowered);
        (now < until).then_some((until, lowered.from))
    }

    /// The effective limit: the largest `e` with `e + (held slots at index >= e) <= limit`. Claims, hand-offs
    /// and grants to a newer attempt happen only on slots below it.
    ///
    /// It can only grow while leases above the limit end, so two callers that computed it from different
    /// moments never grant more than the limit together. Every held slot counts, expired or not.
    pub fn effective_limit(&self, slots: &[SlotRow], now: Timestamp) -> u32 {
        self.effective_limit_once_marked(slots, now).min(self.usable())
    }

    /// The effective limit for whoever writes the high-water mark first, where it is too low: what a person is shown.
    pub fn effective_limit_once_marked(&self, slots: &[SlotRow], now: Timestamp) -> u32 {
        let limit = self.limit.count();
        let counted = self.highest_in_use(now).count();
        let mut held = vec![false; limit as usize];
        let mut above = u64::from(counted - limit);
        for row in slots.iter().filter(|row| row.held.is_some()) {
            match held.get_mut(row.slot.0 as usize) {
                Some(held) => *held = true,
                None if row.slot.0 >= counted => above += 1,
                None => {}
            }
        }
        // From e = limit down: a free slot less makes e + held one less, a held one leaves it as it is.
        let (mut e, mut sum) = (limit, u64::from(limit) + above);
        while sum > u64::from(limit) && e > 0 {
            e -= 1;
            sum -= u64::from(!held[e as usize]);
        }
        e
    }

    /// When another may take a lease that expires then.
    pub fn reclaimable_at(&self, expires_at: Timestamp) -> Timestamp {
        expires_at + self.grace
    }

    /// Whether a sweep that learns that the execution runs may keep this lease for longer. Not that of who may not know of
    /// it: its task may be dead.
    pub(crate) fn may_be_kept(&self, held: &Held, now: Timestamp) -> bool {
        // By a clock that is behind, a lease of now is from later: that is no reason to keep it where none is kept.
        self.longest_hold > Millis(0)
            && now < held.acquired_at + self.longest_hold
            && held.pending_token().is_none()
            && held.notice != Notice::Uncollected
    }

    /// Whether work may go on though another may take its lease: sweeps of this pool keep the leases of executions that run,
    /// and none kept this one. Whoever takes the lease then works beside it.
    pub fn work_may_go_on(&self, held: &Held, now: Timestamp) -> bool {
        now >= self.reclaimable_at(held.expires_at) && held.holder.is_execution() && self.may_be_kept(held, now)
    }

    /// How long a lease lasts whose caller asked for so much, and no longer than the pool allows.
    pub fn lease_for(&self, asked: Option<Millis>) -> Millis {
        asked.map_or(self.lease, |asked| asked.min(self.lease))
    }

    /// How long a waiter waits that asked for so much, and no longer than the pool allows.
    pub fn wait_for(&self, asked: Option<Millis>) -> Millis {
        asked.map_or(self.longest_wait, |asked| asked.min(self.longest_wait))
    }

    /// The mark that a change to `limit` at `now` leaves: the highest limit that may be in use stays counted. None if this
    /// one is no lower.
    pub fn lowered_by(&self, limit: Limit, now: Timestamp) -> Option<Lowered> {
        let in_use = self.highest_in_use(now);
        (limit < in_use).then(|| Lowered { from: in_use, at: self.dated(limit, now) })
    }

    /// When a change to `limit` at `now` is dated. While an earlier lowering settles, a rise leaves its date: nobody begins to
    /// follow a higher limit than before. Where that is dated later, so is this.
    pub(crate) fn dated(&self, limit: Limit, now: Timestamp) -> Timestamp {
        match self.lowered.filter(|lowered| now < self.followed_at(*lowered)) {
            Some(lowered) if limit >= self.limit => lowered.at,
            Some(lowered) => lowered.at.max(now),
            None => now,
        }
    }
}

/// A change of settings by which a lowering settles in less time than before it. Callers from before it may take as long as
/// they said then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shortening {
    before: Millis,
    by: Millis,
    at: Timestamp,
}

impl Shortening {
    /// None: it takes no less time.
    pub(crate) fn between(before: &Settings, after: &Settings, at: Timestamp) -> Option<Shortening> {
        let (before, after) = (before.settles_for(), after.settles_for());
        (after < before).then(|| Shortening { before, by: Millis(before.0 - after.0), at })
    }

    /// What becomes of a lowering to this limit: it is dated so much later. Where none settles, the limit itself stands for it: that
    /// closes no slot, and dates the next lowering.
    pub(crate) fn keep(self, lowered: Option<Lowered>, limit: Limit) -> Lowered {
        let lowered = lowered.filter(|lowered| self.at < lowered.at + self.before);
        let Lowered { from, at } = lowered.unwrap_or(Lowered { from: limit, at: self.at });
        Lowered { from, at: at.max(self.at) + self.by }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{Held, Notice};
    use crate::types::{Attempt, Holder, Slot};

    fn settings(limit: u64) -> Settings {
        Settings::new("p".parse().expect("prefix"), Limit::try_from(limit).expect("limit"))
    }

    fn held(indexes: &[u32]) -> Vec<SlotRow> {
        let row = |i: &u32| SlotRow {
            slot: Slot(*i),
            fence: Fence(1),
            held: Some(Held {
                holder: Holder::new("e", "k", None).expect("holder"),
                attempt: Attempt::default(),
                acquired_at: Timestamp(0),
                expires_at: Timestamp(1),
                renewed_at: None,
                notice: Notice::Asked,
                label: None,
            }),
        };
        indexes.iter().map(row).collect()
    }

    #[test]
    fn each_time_of_a_pool_is_its_rows_and_at_most_366_days() {
        let most = Millis(366 * 86_400_000);
        // Of six times that differ, one at most this long.
        let read = |which: usize, longest: Millis| {
            let time = |at: usize| Some(if at == which { longest } else { Millis(1_000 + at as u64) });
            let row = PoolRow {
                lease: time(0),
                grace: time(1),
                quiet: time(2),
                longest_wait: time(3),
                longest_hold: time(4),
                sweep_every: time(5),
                ..PoolRow::new(Limit::HIGHEST)
            };
            let read = Settings::from_rows("p".parse().expect("prefix"), &row, None, None, Timestamp(0));
            read.map(|it| [it.lease, it.grace, it.quiet, it.longest_wait, it.longest_hold, it.sweep_every])
        };
        let names = ["lease", "grace", "quiet", "longest_wait", "longest_hold", "sweep_every"];
        for (which, name) in names.into_iter().enumerate() {
            let mut times = [1_000, 1_001, 1_002, 1_003, 1_004, 1_005].map(Millis);
            times[which] = most;
            assert_eq!(read(which, most), Ok(times));
            let refused = read(which, Millis(most.0 + 1)).expect_err("too long").to_string();
            assert!(refused.contains(name) && refused.contains("at most 366 days"), "{refused}");
        }
    }

    #[test]
    fn a_change_to_what_may_be_in_use_lowers_nothing() {
        let lowered = |limit: u64, from: u64| {
            let from = Limit::try_from(from).expect("limit");
            Settings { lowered: Some(Lowered { from, at: Timestamp::seconds(100) }), ..settings(limit) }
        };
        let by = |to: u64| lowered(3, 5).lowered_by(Limit::try_from(to).expect("limit"), Timestamp::seconds(110));
        assert_eq!((by(5), by(6)), (None, None));
        let dated = |to| by(to).map(|lowered| (lowered.from.count(), lowered.at));
        assert_eq!((dated(4), dated(2)), (Some((5, Timestamp::seconds(100))), Some((5, Timestamp::seconds(110)))));
        // An override lapses to the limit that it gave: what settled before settles no longer.
        let row = PoolRow { lowered: lowered(5, 8).lowered, ..PoolRow::new(Limit::try_from(5).expect("limit")) };
        let until = Timestamp::seconds(120);
        let (made_at, who, why) = (Timestamp::seconds(90), "ann".into(), "a test".into());
        let live = OverrideRow { limit: row.limit, lowered: None, at: made_at, until: Some(until), who, why };
        let now = until + Millis::seconds(1);
        let read = Settings::from_rows("p".parse().expect("prefix"), &row, Some(&live), None, now).expect("sense");
        assert_eq!(read.lowered, row.lowered);
    }

    #[test]
    fn with_nothing_above_every_slot_below_the_limit_is_free() {
        assert_eq!(settings(3).effective_limit(&held(&[0, 2]), Timestamp(0)), 3);
        assert_eq!(settings(0).effective_limit(&[], Timestamp(0)), 0);
    }

    #[test]
    fn leases_above_a_lowered_limit_push_the_effective_limit_down() {
        assert_eq!(settings(2).effective_limit(&held(&[2, 3]), Timestamp(0)), 0);
        assert_eq!(settings(2).effective_limit(&held(&[3]), Timestamp(0)), 1);
        assert_eq!(settings(2).effective_limit(&held(&[1, 3]), Timestamp(0)), 0);
        assert_eq!(settings(2).effective_limit(&held(&[0, 1, 2]), Timestamp(0)), 0);
    }

    #[test]
    fn the_effective_limit_is_the_largest_allowed() {
        for (limit, mask) in (0u32..5).flat_map(|limit| (0u32..64).map(move |mask| (limit, mask))) {
            let indexes: Vec<u32> = (0..6).filter(|bit| mask & (1 << bit) != 0).collect();
            let at_or_above = |e: u32| indexes.iter().filter(|index| **index >= e).count() as u32;
            let expected = (0..=limit).rev().find(|e| e + at_or_above(*e) <= limit).unwrap_or(0);
            assert_eq!(
                settings(limit.into()).effective_limit(&held(&indexes), Timestamp(0)),
                expected,
                "{limit} {indexes:?}"
            );
        }
    }

    #[test]
    fn until_all_follow_a_lower_limit_slots_up_to_the_old_one_count() {
        let mut lowered = settings(2);
        lowered.lowered = Some(Lowered { from: Limit::try_from(3).expect("limit"), at: Timestamp(1_000) });
        let end = Timestamp(1_000) + lowered.quiet + lowered.quiet + lowered.grace;
        assert_eq!(lowered.effective_limit(&[], Timestamp(end.0 - 1)), 1);
        assert_eq!(lowered.effective_limit(&held(&[0]), Timestamp(end.0 - 1)), 1);
        assert_eq!(lowered.effective_limit(&held(&[0, 1]), Timestamp(end.0 - 1)), 0);
        assert_eq!(lowered.effective_limit(&[], end), 2);
    }

    /// The rules of a pool whose limit is `limit`, overridden to `to` until 1,000 s.
    fn overridden(limit: u64, to: u64, lowered: Option<Lowered>, now: u64) -> Settings {
        let count = |count: u64| Limit::try_from(count).expect("limit");
        let pool = PoolRow { lowered: None, ..PoolRow::new(count(limit)) };
        let (at, until) = (Timestamp::seconds(10), Some(Timestamp::seconds(1_000)));
        let live = OverrideRow { limit: count(to), lowered, at, until, who: "ann".into(), why: "slow".into() };
        let prefix = "p".parse().expect("prefix");
        Settings::from_rows(prefix, &pool, Some(&live), None, Timestamp::seconds(now)).expect("settings")
    }

    #[test]
    fn an_override_that_lapses_changes_the_limit_at_that_moment() {
        let in_force = |now| {
            let settings = overridden(5, 8, None, now);
            (
                settings.limit.count(),
                settings.highest_in_use(Timestamp::seconds(now)).count(),
                settings.lapsed.is_some(),
            )
        };
        assert_eq!(in_force(999), (8, 8, false));
        // Two quiet periods of 35 s and a grace of 5 s.
        assert_eq!((in_force(1_000), in_force(1_074)), ((5, 8, false), (5, 8, false)));
        assert_eq!(in_force(1_075), (5, 5, true));
    }

    #[test]
    fn a_lapse_keeps_what_is_still_followed_from_before() {
        let low = Limit::try_from(9).expect("limit");
        let lowered = |seconds| Some(Lowered { from: low, at: Timestamp::seconds(seconds) });
        // The override lowered a 9 to 2 just before it lapsed; the settings say 5.
        assert_eq!(overridden(5, 2, lowered(990), 1_000).highest_in_use(Timestamp::seconds(1_000)).count(), 9);
        assert_eq!(overridden(5, 2, lowered(900), 1_000).highest_in_use(Timestamp::seconds(1_000)).count(), 5);
    }

    #[test]
    fn a_limit_that_is_as_high_as_before_settles_nothing() {
        let from = Limit::try_from(5).expect("a limit");
        let lowered = |limit| Settings { lowered: Some(Lowered { from, at: Timestamp(0) }), ..settings(limit) };
        assert_eq!(lowered(5).settling(Timestamp(1)), None);
        assert_eq!(lowered(4).settling(Timestamp(1)), Some((Timestamp::seconds(75), from)));
    }

    #[test]
    fn a_lapse_keeps_a_lowering_only_while_it_is_followed() {
        let count = |count: u64| Limit::try_from(count).expect("limit");
        let lapsed = |lowered_at: u64| {
            let lowered = Some(Lowered { from: count(9), at: Timestamp::seconds(lowered_at) });
            let pool = PoolRow { lowered, ..PoolRow::new(count(5)) };
            let (at, until) = (Timestamp::seconds(10), Some(Timestamp::seconds(1_000)));
            let live = OverrideRow { limit: count(7), lowered: None, at, until, who: "ann".into(), why: "slow".into() };
            let prefix = "p".parse().expect("prefix");
            Settings::from_rows(prefix, &pool, Some(&live), None, Timestamp::seconds(1_010)).expect("settings").lowered
        };
        let lowered = |from, at| Some(Lowered { from: count(from), at: Timestamp::seconds(at) });
        // Two quiet periods of 35 s and a grace of 5 s: one from 935 s is followed until 1,010 s, one from 936 s still is.
        assert_eq!((lapsed(935), lapsed(936)), (lowered(7, 1_000), lowered(9, 1_000)));
        assert_eq!(lapsed(1_005), lowered(9, 1_005));
    }

    #[test]
    fn a_second_change_soon_keeps_the_highest_limit_counted() {
        let mut now = settings(2);
        now.lowered = Some(Lowered { from: Limit::try_from(5).expect("limit"), at: Timestamp(0) });
        let after = now.lowered_by(Limit::try_from(3).expect("limit"), Timestamp(10)).expect("still lowered");
        assert_eq!(after.from.count(), 5);
        assert_eq!(settings(2).lowered_by(Limit::try_from(3).expect("limit"), Timestamp(10)), None);
    }
}
