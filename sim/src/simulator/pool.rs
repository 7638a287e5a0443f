//! Pools: what is there of a pool in one lane? Its table, and the settings that its callers follow.

use std::collections::VecDeque;
use std::sync::Arc;

use leasehold_core::{HighWaterRow, Holder, Limit, PoolName, Row, RowKey, Settings};

use super::scenario::Scenario;
use crate::strategy::Strategy;
use crate::table::MemoryTable;

/// How many of the last puts are remembered: more than ever come between a count and its put.
const REMEMBERED: usize = 512;

/// One pool in one lane.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    pub(crate) prefix: PoolName,
    pub(crate) table: MemoryTable,
    /// What callers are to follow from the start, and what since when instead: the newest last.
    first: Arc<Settings>,
    changed: Vec<(u64, Arc<Settings>)>,
    /// Which job's lease is drawn in which cell (count, then put: it has no slots).
    pub(crate) cells: Vec<Option<u32>>,
    /// The name under which all leases are counted (count, then put).
    everyone: Arc<str>,
    /// Whose lease was put last and when: to tell who counted at the same moment (count, then put).
    puts: VecDeque<(u64, u32)>,
    pub(crate) operator: Operator,
}

/// Who changes a pool's limit: one change is under way at a time, and of what is wished meanwhile the last counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operator {
    /// The limit that was asked for last.
    pub(crate) wish: Limit,
    /// A change is under way, or waits to be tried again.
    pub(crate) busy: bool,
}

impl Pool {
    /// The pool of a scenario that has this number.
    pub(crate) fn new(scenario: &Scenario, number: usize) -> Pool {
        let row = scenario.pool_row(number);
        let prefix = scenario.pools[number].prefix.clone();
        let mark = HighWaterRow { slots: row.limit.count(), ..HighWaterRow::default() };
        let mut settings = Settings::from_rows(prefix.clone(), &row, None, Some(mark), leasehold_core::Timestamp(0))
            .unwrap_or_else(|_| Settings::new(prefix.clone(), scenario.pools[number].limit));
        scenario.keep_tombstones(&mut settings);
        let mut table = MemoryTable::default();
        table.put(Row::Pool(row));
        table.put(Row::HighWater(mark));
        Pool {
            everyone: format!("everyone in {prefix}").into(),
            prefix,
            table,
            first: Arc::new(settings),
            changed: vec![],
            cells: vec![],
            puts: VecDeque::new(),
            operator: Operator { wish: scenario.pools[number].limit, busy: false },
        }
    }

    /// The settings that a caller follows which read them at that moment.
    pub(crate) fn settings_at(&self, at: u64) -> &Arc<Settings> {
        let known = self.changed.iter().rev().find(|(since, _)| *since <= at);
        known.map_or(&self.first, |(_, settings)| settings)
    }

    /// The newest.
    pub(crate) fn settings_now(&self) -> &Arc<Settings> {
        self.settings_at(u64::MAX)
    }

    /// From now on callers are to follow these, as soon as they read them.
    pub(crate) fn follow(&mut self, now: u64, settings: Settings) {
        self.changed.push((now, Arc::new(settings)));
    }

    /// From now on callers are to follow this limit, as soon as they read it.
    pub(crate) fn follow_limit(&mut self, now: u64, limit: Limit) {
        self.follow(now, Settings { limit, ..(**self.settings_now()).clone() });
    }

    /// The settings that its rows make, where there is an override.
    pub(crate) fn settings_in_table(&self, scenario: &Scenario) -> Option<Settings> {
        let Some(Row::Override(live)) = self.table.row(RowKey::Override) else { return None };
        let Some(Row::Pool(row)) = self.table.row(RowKey::Pool) else { return None };
        let high_water = self.settings_now().high_water;
        let mut settings = Settings::from_rows(self.prefix.clone(), row, Some(live), high_water, live.at).ok()?;
        scenario.keep_tombstones(&mut settings);
        Some(settings)
    }

    /// The holder of a job here.
    pub(crate) fn holder(&self, execution: &str, strategy: Strategy) -> Option<Holder> {
        Holder::new(execution, "", strategy.parent(&self.everyone)).ok()
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
