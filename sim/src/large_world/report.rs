//! Reports of large worlds: what was done in one, what went wrong, and was a promise broken?

use std::fmt;

use super::fault_kind::{FaultCounts, FaultKind};
use super::plan::WorldPlan;

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenPromise {
    /// Which.
    pub promise: &'static str,
    /// What happened.
    pub what: String,
    /// When, in milliseconds since the world began.
    pub at: u64,
}

/// What came of a world.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorldReport {
    /// What it is called.
    pub name: String,
    /// Where chance began.
    pub seed: u64,
    /// How many holders there were.
    pub holders: u32,
    /// Requests that the table served.
    pub requests: u64,
    /// Calls, of every operation.
    pub calls: u64,
    /// Calls that came to a failure.
    pub calls_failed: u64,
    /// Calls whose time was up.
    pub cut_short: u64,
    /// Invocations that found no room.
    pub turned_away: u64,
    /// The most that ran at once.
    pub most_running: u32,
    /// Requests that the partition refused.
    pub partition_refused: u64,
    /// Notices that were sent.
    pub notices: u64,
    /// Notices that the quota refused.
    pub notices_refused: u64,
    /// Questions whether an execution runs.
    pub status_checks: u64,
    /// Things that happened.
    pub events: u64,
    /// Slots that were granted, and how many of those to whoever asked rather than to a waiter.
    pub grants: u64,
    /// Of those, to whoever asked.
    pub claims: u64,
    /// Of those, to waiters that were dead.
    pub dead_grants: u64,
    /// Holders that were told of a lease.
    pub told: u64,
    /// Of those, after it had expired.
    pub told_late: u64,
    /// Answers to wait and ask again.
    pub told_to_wait: u64,
    /// States that failed, to be retried or for good.
    pub states_failed: u64,
    /// States that failed for good.
    pub gave_up: u64,
    /// Branches and processes that died without a word.
    pub died: u64,
    /// Leases of redriven work that the report of an earlier end took.
    pub taken_by_late_ends: u64,
    /// Ends whose report failed for good.
    pub ends_lost: u64,
    /// The most that held a lease at once.
    pub most_held: u32,
    /// Whether anybody ever waited in a queue.
    pub most_waiting: u64,
    /// How many that joined later were granted a lease before one that waited, at most.
    pub most_overtaken: u32,
    /// Pools whose high-water mark was still above the limit at the end.
    pub high_marks: u64,
    /// Places that were left, which a newer attempt had been about to take over when it died.
    pub places_left: u64,
    /// Slot rows that were left above a limit.
    pub slots_left: usize,
    /// How long it took from when the world was calm until everybody was gone, in milliseconds.
    pub drained_after: u64,
    /// When it ended, in milliseconds since it began.
    pub ended_at: u64,
    /// Looks of a doctor.
    pub examinations: u64,
    /// Repairs that it began.
    pub repairs: u64,
    /// What went wrong.
    pub faults: FaultCounts,
    /// A number that two plays of one world share, and no two worlds.
    pub digest: u64,
    /// The first promise that was found broken.
    pub broken: Option<BrokenPromise>,
}

impl WorldReport {
    pub(super) fn new(plan: &WorldPlan) -> WorldReport {
        WorldReport { name: plan.name.clone(), seed: plan.seed, holders: plan.holders(), ..WorldReport::default() }
    }
}

/// What came of many worlds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorldsTally {
    /// How many there were.
    pub worlds: u64,
    /// Their holders, calls, requests, notices and grants.
    pub holders: u64,
    /// All calls.
    pub calls: u64,
    /// All requests.
    pub requests: u64,
    /// All notices.
    pub notices: u64,
    /// All grants.
    pub grants: u64,
    /// Looks of a doctor.
    pub examinations: u64,
    /// Repairs that it began.
    pub repairs: u64,
    /// What went wrong.
    pub faults: FaultCounts,
    /// The most that anybody was overtaken.
    pub most_overtaken: u32,
    /// Leases of redriven work that the report of an earlier end took, as it had begun to look before they were renewed.
    pub taken_by_late_ends: u64,
}

impl WorldsTally {
    /// Adds a world.
    pub fn add(&mut self, report: &WorldReport) {
        self.worlds += 1;
        self.holders += u64::from(report.holders);
        self.calls += report.calls;
        self.requests += report.requests;
        self.notices += report.notices;
        self.grants += report.grants;
        self.examinations += report.examinations;
        self.repairs += report.repairs;
        self.most_overtaken = self.most_overtaken.max(report.most_overtaken);
        self.taken_by_late_ends += report.taken_by_late_ends;
        self.faults.add(&report.faults);
    }

    /// Adds what came of other worlds.
    pub fn merge(&mut self, other: &WorldsTally) {
        self.worlds += other.worlds;
        self.holders += other.holders;
        self.calls += other.calls;
        self.requests += other.requests;
        self.notices += other.notices;
        self.grants += other.grants;
        self.examinations += other.examinations;
        self.repairs += other.repairs;
        self.most_overtaken = self.most_overtaken.max(other.most_overtaken);
        self.taken_by_late_ends += other.taken_by_late_ends;
        self.faults.add(&other.faults);
    }
}

impl fmt::Display for WorldsTally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} worlds, {} holders, {} calls, {} requests, {} notices, {} grants; overtaken at most {}; {} leases \
             taken by late ends; {} looks of a doctor, {} repairs",
            self.worlds,
            self.holders,
            self.calls,
            self.requests,
            self.notices,
            self.grants,
            self.most_overtaken,
            self.taken_by_late_ends,
            self.examinations,
            self.repairs
        )?;
        write!(f, "{} faults:", self.faults.sum())?;
        for kind in FaultKind::ALL {
            write!(f, " {} {}", kind.name(), self.faults.of(*kind))?;
        }
        Ok(())
    }
}

impl fmt::Display for WorldReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}: {} holders, {:.0} s, {} calls, {} requests, {} notices, {} grants, {} faults; at most {} held, {} \
             overtaken, {} ran; {} turned away, {} refused by the partition, {} notices refused; {} states failed, {} \
             for good; drained after {:.0} s; digest {:016x}",
            self.name,
            self.seed,
            self.holders,
            self.ended_at as f64 / 1_000.0,
            self.calls,
            self.requests,
            self.notices,
            self.grants,
            self.faults.sum(),
            self.most_held,
            self.most_overtaken,
            self.most_running,
            self.turned_away,
            self.partition_refused,
            self.notices_refused,
            self.states_failed,
            self.gave_up,
            self.drained_after as f64 / 1_000.0,
            self.digest
        )?;
        if let Some(broken) = &self.broken {
            write!(f, "\nbroken after {:.3} s: {}: {}", broken.at as f64 / 1_000.0, broken.promise, broken.what)?;
        }
        Ok(())
    }
}
