//! Fields of a scenario: which numbers does it have, and between which bounds? One table, what each of them means
//! beside it.

/// A number of a scenario.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Field {
    /// Where it is: `network.delay_ms`, or `workloads.job_ms` for one of each workload.
    pub path: &'static str,
    /// The least it can be.
    pub least: u32,
    /// The most.
    pub most: u32,
    /// What it is when it is missing.
    pub default: u32,
}

impl Field {
    /// The name within its object.
    pub(super) fn name(&self) -> &'static str {
        self.path.rsplit('.').next().unwrap_or(self.path)
    }

    /// The object it is in; empty for the scenario itself.
    pub(super) fn group(&self) -> &'static str {
        self.path.rsplit_once('.').map_or("", |(group, _)| group)
    }

    /// Whether it may have two decimals.
    pub(super) fn has_decimals(&self) -> bool {
        self.group() == "failures"
    }
}

/// Every number.
pub fn fields() -> &'static [Field] {
    FIELDS
}

const HOUR: u32 = 3_600_000;

macro_rules! fields {
    ($($path:literal $least:literal ..= $most:expr, $default:expr;)*) => {
        &[$(Field { path: $path, least: $least, most: $most, default: $default },)*]
    };
}

#[rustfmt::skip]
const FIELDS: &[Field] = fields! {
    "seed" 0 ..= u32::MAX, 1; // where all chance comes from: the same number plays the same again
    "pools.limit" 0 ..= 1_000, 15; // leases: how many may hold a lease at once
    "workloads.burst" 0 ..= 2_000, 0; // jobs: how many jobs come at once
    "workloads.burst_at_ms" 0 ..= HOUR, 0; // ms: when they come first
    "workloads.burst_over_ms" 0 ..= HOUR, 100; // ms: over how long they come, one after another
    "workloads.burst_every_ms" 0 ..= HOUR, 0; // ms: after how long as many come again; 0: never
    "workloads.per_minute" 0 ..= 6_000, 0; // per minute: how many jobs come at random, on average
    "workloads.from_ms" 0 ..= HOUR, 0; // ms: when these begin to come
    "workloads.until_ms" 0 ..= HOUR, 0; // ms: when they end; 0: never
    "workloads.job_ms" 1 ..= HOUR, 3_000; // ms: how long the work of a job takes, typically
    "workloads.job_spread" 0 ..= 100, 50; // percent: how much longer or shorter it may be
    "network.delay_ms" 1 ..= 2_000, 8; // ms: one way between a function and the table, typically
    "network.delay_spread" 0 ..= 100, 60; // percent: how much longer or shorter it may be
    "network.invoke_ms" 0 ..= 5_000, 20; // ms: from a workflow to its function, and back
    "network.notice_ms" 1 ..= 5_000, 30; // ms: from a function to a waiting workflow, and back
    "network.timeout_ms" 50 ..= 3_000, 1_000; // ms: after how long without a reply a function gives a request up
    "failures.worker_dies" 0 ..= 100, 0; // percent: of all workers, how many die at work without a word
    "failures.call_dies" 0 ..= 100, 0; // percent: of all calls, how many die half-way
    "failures.request_lost" 0 ..= 100, 0; // percent: of all requests, how many never arrive
    "failures.reply_lost" 0 ..= 100, 0; // percent: of all replies, how many never arrive
    "failures.throttled" 0 ..= 100, 0; // percent: of all requests, how many the table refuses because it is busy
    "clocks.skew_ms" 0 ..= 600_000, 0; // ms: the most that two clocks differ
    "leases.lease_ms" 100 ..= HOUR, 10_000; // ms: how long a lease lasts unless it is renewed
    "leases.grace_ms" 0 ..= 600_000, 1_000; // ms: how much later an expired lease may be taken: the most that clocks may differ
    "leases.sweep_every_ms" 200 ..= HOUR, 2_000; // ms: the time between two sweeps
    "leases.quiet_ms" 0 ..= HOUR, 6_000; // ms: how long after a change of the limit somebody may still follow the old one
    "leases.longest_wait_ms" 100 ..= 86_400_000, HOUR; // ms: after how long a job gives up waiting
    "leases.settings_cache_ms" 0 ..= 60_000, 1_000; // ms: how long a function goes on with settings it has read
    "workers.report_ms" 0 ..= HOUR, 500; // ms: how long after a worker's death its end is reported
    "poll.every_ms" 10 ..= HOUR, 2_000; // ms: how long a caller that was refused waits at most before it asks again
};
