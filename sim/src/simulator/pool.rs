//! How does a pool fare, as its callers were told? Who holds, against how many may, and what that came to so far.

use std::collections::VecDeque;
use std::sync::Arc;

use leasehold_core::nouns::{Holder, Limit, Prefix};
use leasehold_core::settings::Settings;

use super::series::PoolSeries;
use super::wait_histogram::WaitHistogram;
use crate::table::MemoryTable;

/// One pool in one door.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    pub(crate) prefix: Prefix,
    pub(crate) table: MemoryTable,
    /// What callers are to follow from the start, and what since when instead: the newest last.
    first: Arc<Settings>,
    changed: Vec<(u64, Arc<Settings>)>,
    /// The newest limit that somebody asked for.
    pub(crate) limit: u32,
    /// As many as may hold rightly.
    pub(crate) ceiling: u32,
    /// Until when the ceiling stays where it is; none while a lowering is under way.
    pub(crate) ceiling_stays: Option<u64>,
    pub(crate) held: u32,
    pub(crate) waiting: u32,
    pub(crate) over: bool,
    /// Which job's lease is drawn in which cell (count, then put: it has no slots).
    pub(crate) cells: Vec<Option<u32>>,
    /// The name under which all leases are counted (count, then put).
    pub(crate) everyone: Arc<str>,
    pub(crate) line: PoolSeries,
    pub(crate) waits: WaitHistogram,
    pub(crate) fared: PoolStats,
    /// Whose lease was put last and when: to tell who counted at the same moment (count, then put).
    puts: VecDeque<(u64, u32)>,
}

/// What it came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PoolStats {
    pub(crate) peak: u32,
    pub(crate) most_over: u32,
    pub(crate) breaches: u64,
    pub(crate) over_for: u64,
    pub(crate) over_jobs: u64,
    pub(crate) died: u64,
    pub(crate) gave_up: u64,
    /// Leases x microseconds that were held, and that could have been.
    pub(crate) held_time: u64,
    pub(crate) limit_time: u64,
    counted_until: u64,
}

impl PoolStats {
    fn pass(&mut self, now: u64, held: u32, limit: u32, over: bool) {
        let passed = now.saturating_sub(self.counted_until);
        self.held_time += passed * u64::from(held.min(limit));
        self.limit_time += passed * u64::from(limit);
        self.over_for += if over { passed } else { 0 };
        self.counted_until = now;
    }

    /// What another pool came to as well: the highest of peaks, the sum of counts.
    pub(crate) fn add(&mut self, other: &PoolStats) {
        self.peak = self.peak.max(other.peak);
        self.most_over = self.most_over.max(other.most_over);
        self.over_for = self.over_for.max(other.over_for);
        self.breaches += other.breaches;
        self.over_jobs += other.over_jobs;
        self.died += other.died;
        self.gave_up += other.gave_up;
        self.held_time += other.held_time;
        self.limit_time += other.limit_time;
    }
}

/// How many of the last puts are remembered: more than ever come between a count and its put.
const REMEMBERED: usize = 512;

impl Pool {
    pub(crate) fn new(prefix: Prefix, settings: Settings, table: MemoryTable) -> Pool {
        let limit = settings.limit.count();
        let mut pool = Pool {
            everyone: format!("everyone in {prefix}").into(),
            prefix,
            table,
            first: Arc::new(settings),
            changed: vec![],
            limit,
            ceiling: limit,
            ceiling_stays: Some(0),
            held: 0,
            waiting: 0,
            over: false,
            cells: vec![],
            line: PoolSeries::default(),
            waits: WaitHistogram::default(),
            fared: PoolStats::default(),
            puts: VecDeque::new(),
        };
        pool.line.is_now(0, 0, limit, 0);
        pool
    }

    /// The settings that a caller follows which read them at that moment.
    pub(crate) fn settings_at(&self, at: u64) -> Arc<Settings> {
        let known = self.changed.iter().rev().find(|(since, _)| *since <= at);
        known.map_or(&self.first, |(_, settings)| settings).clone()
    }

    /// From now on callers are to follow these, as soon as they read them.
    pub(crate) fn follow(&mut self, now: u64, settings: Settings) {
        self.changed.push((now, Arc::new(settings)));
    }

    /// The newest.
    pub(crate) fn settings_now(&self) -> Arc<Settings> {
        self.settings_at(u64::MAX)
    }

    /// The holder of a job here.
    pub(crate) fn holder(&self, execution: &str, counts: bool) -> Option<Holder> {
        Holder::new(execution, "", counts.then_some(&*self.everyone)).ok()
    }

    /// As it fared, to be counted on without changing anything.
    pub(crate) fn fared_until(&self, now: u64) -> PoolStats {
        let mut fared = self.fared;
        fared.pass(now, self.held, self.limit, self.over);
        fared
    }

    /// Counts the time until `now` as it was since the last change; to be called before each change.
    pub(crate) fn pass(&mut self, now: u64) {
        self.fared.pass(now, self.held, self.limit, self.over);
    }

    /// One more holds. Whether that is one too many.
    pub(crate) fn takes(&mut self, now: u64) -> bool {
        self.pass(now);
        self.held += 1;
        self.fared.peak = self.fared.peak.max(self.held);
        let breach = self.held > self.ceiling;
        if breach {
            self.over = true;
            self.fared.breaches += 1;
            self.fared.most_over = self.fared.most_over.max(self.held - self.ceiling);
        }
        self.drawn(now);
        breach
    }

    /// One fewer holds. Whether that ends its being over.
    pub(crate) fn leaves(&mut self, now: u64) -> bool {
        self.pass(now);
        self.held -= 1;
        let was = self.over;
        self.over = self.held > self.ceiling;
        self.ratchet(now);
        self.drawn(now);
        was && !self.over
    }

    /// So many more, or fewer, wait.
    pub(crate) fn waiters(&mut self, now: u64, more: i32) {
        self.waiting = self.waiting.saturating_add_signed(more);
        self.drawn(now);
    }

    fn drawn(&mut self, now: u64) {
        self.line.is_now(now, self.held, self.limit, self.waiting);
    }

    /// Somebody asks for another limit. Raised: as many may hold at once. Lowered: those who hold stay, and until
    /// everybody follows the new limit some may be granted by the old one.
    pub(crate) fn limit_asked(&mut self, now: u64, limit: Limit) {
        self.pass(now);
        let limit = limit.count();
        if limit < self.ceiling {
            self.ceiling_stays = None;
        } else {
            self.ceiling = limit;
            self.over = self.held > self.ceiling;
        }
        self.limit = limit;
        self.drawn(now);
    }

    /// The change is made: until then the ceiling stays.
    pub(crate) fn limit_made(&mut self, followed_at: u64) {
        self.ceiling_stays = Some(followed_at);
    }

    /// After a lowering that everybody follows: with every holder that leaves, one fewer may hold.
    pub(crate) fn ratchet(&mut self, now: u64) {
        if self.ceiling > self.limit && self.ceiling_stays.is_some_and(|until| now >= until) {
            self.ceiling = self.held.clamp(self.limit, self.ceiling);
        }
    }

    /// Whose leases were put since then, by others than this job: it can not have counted them.
    pub(crate) fn put_since(&self, since: u64, job: u32) -> Vec<u32> {
        self.puts.iter().filter(|(at, other)| *at >= since && *other != job).map(|(_, other)| *other).collect()
    }

    /// A lease row of this job is there: it gets the lowest free cell.
    pub(crate) fn cell_for(&mut self, now: u64, job: u32) -> u32 {
        if let Some(at) = self.cells.iter().position(|cell| *cell == Some(job)) {
            return u32::try_from(at).unwrap_or(u32::MAX);
        }
        self.puts.push_back((now, job));
        if self.puts.len() > REMEMBERED {
            self.puts.pop_front();
        }
        let at = self.cells.iter().position(Option::is_none).unwrap_or(self.cells.len());
        if at == self.cells.len() {
            self.cells.push(None);
        }
        self.cells[at] = Some(job);
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    /// Its lease row is gone.
    pub(crate) fn cell_gone(&mut self, job: u32) {
        if let Some(cell) = self.cells.iter_mut().find(|cell| **cell == Some(job)) {
            *cell = None;
        }
        while self.cells.last() == Some(&None) {
            self.cells.pop();
        }
    }
}
