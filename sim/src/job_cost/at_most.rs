//! Bounds on what a job may cost: how much at most, whatever the limit and however many wait?

use super::JobCost;

/// What a job may cost at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtMost {
    /// Requests of a job that gets a slot at once.
    pub requests_at_once: u64,
    /// Write units of the same.
    pub write_units_at_once: u64,
    /// Requests of a job that waits in the queue.
    pub requests_queued: u64,
    /// Write units of the same.
    pub write_units_queued: u64,
    /// Read units of either.
    pub read_units: u64,
    /// Read units for each thousand of the limit besides.
    pub read_units_per_thousand: u64,
    /// Round trips from a release to its successor's notice.
    pub trips_to_notice: u64,
    /// Pages of one look at all slots, for each ten thousand of the limit, that come on top of the requests and trips.
    pub pages_per_ten_thousand: u64,
}

/// What the first edition takes.
pub const FIRST_EDITION: AtMost = AtMost {
    requests_at_once: 9,
    write_units_at_once: 13,
    requests_queued: 11,
    write_units_queued: 19,
    read_units: 10,
    read_units_per_thousand: 235,
    trips_to_notice: 3,
    pages_per_ten_thousand: 9,
};

/// What the second edition may take. None of it depends on the limit.
pub const SECOND_EDITION: AtMost = AtMost {
    requests_at_once: 6,
    write_units_at_once: 5,
    requests_queued: 8,
    write_units_queued: 9,
    read_units: 8,
    read_units_per_thousand: 0,
    trips_to_notice: 2,
    pages_per_ten_thousand: 0,
};

/// What a job may take besides that is the first to wait in an empty queue: it looks at all slots once, as one may have
/// been freed since it found none. So many read units for each thousand of the limit, in so many pages for each ten
/// thousand.
const FIRST_WAITER: (u64, u64) = (120, 5);

impl AtMost {
    /// Whether a job kept to it that got a slot at once.
    ///
    /// # Errors
    /// What it took too much of.
    pub fn check_at_once(&self, limit: u32, job: &JobCost) -> Result<(), String> {
        let pages = self.pages(limit);
        check("requests", job.cost.requests, self.requests_at_once + pages)?;
        check("write units", job.cost.write_units, self.write_units_at_once)?;
        check("read units", job.cost.read_units, self.read_units + self.reads_of_slots(limit))
    }

    /// Whether a job kept to it that joined the queue behind so many others.
    ///
    /// # Errors
    /// What it took too much of.
    pub fn check_queued(&self, limit: u32, waiters: u32, job: &JobCost) -> Result<(), String> {
        let first = if waiters == 0 { u64::from(limit) } else { 0 };
        let look = (first * FIRST_WAITER.0).div_ceil(1_000);
        let look_pages = (first * FIRST_WAITER.1).div_ceil(10_000);
        let pages = self.pages(limit);
        check("requests", job.cost.requests, self.requests_queued + pages + look_pages)?;
        check("write units", job.cost.write_units, self.write_units_queued)?;
        check("read units", job.cost.read_units, self.read_units + self.reads_of_slots(limit) + look)?;
        check("round trips", job.trips_to_notice, self.trips_to_notice + pages)
    }

    fn pages(&self, limit: u32) -> u64 {
        u64::from(limit) * self.pages_per_ten_thousand / 10_000
    }

    fn reads_of_slots(&self, limit: u32) -> u64 {
        (u64::from(limit) * self.read_units_per_thousand).div_ceil(1_000)
    }
}

fn check(what: &str, took: u64, at_most: u64) -> Result<(), String> {
    if took <= at_most { Ok(()) } else { Err(format!("{took} {what}, at most {at_most}")) }
}
