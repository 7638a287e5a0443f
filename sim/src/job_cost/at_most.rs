//! Bounds on what a job may cost: how much at most, whatever the limit and however many wait?

use super::JobCost;
use crate::cost::Cost;

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

/// What a job may take. None of it depends on the limit.
pub const AT_MOST: AtMost = AtMost {
    requests_at_once: 6,
    write_units_at_once: 5,
    requests_queued: 8,
    write_units_queued: 9,
    read_units: 8,
    read_units_per_thousand: 0,
    trips_to_notice: 2,
    pages_per_ten_thousand: 0,
};

/// One look at all slots: read units for each thousand of the limit, and pages for each ten thousand. Slots whose holders
/// were told by their own calls keep the token, of 700 bytes.
const LOOK: (u64, u64) = (250, 10);

/// Up to this limit a caller sees all slots in its first window.
const ONE_WINDOW: u32 = 16;

/// What two windows of slots that are all held take: read units, and requests.
const WINDOWS: (u64, u64) = (20, 2);

/// What those may take besides who find the queue empty and no slot free in the windows they look at: read units, and
/// requests. They join the queue, and as the first there they look at all slots once, as one may be free where they did not
/// look, or have been freed since.
fn look_at_all(limit: u32) -> (u64, u64) {
    let limit = u64::from(limit);
    ((limit * LOOK.0).div_ceil(1_000) + WINDOWS.0, (limit * LOOK.1).div_ceil(10_000) + WINDOWS.1)
}

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

    /// Whether a job kept to it that got the last slot at once: it may look at all of them.
    ///
    /// # Errors
    /// What it took too much of.
    pub fn check_last_slot(&self, limit: u32, job: &JobCost) -> Result<(), String> {
        if limit <= ONE_WINDOW {
            return self.check_at_once(limit, job);
        }
        // Where it was not seen: a place in the queue, a grant from there, and its own slot given back to nobody.
        let (look, look_requests) = look_at_all(limit);
        check("requests", job.cost.requests, self.requests_queued + 1 + self.pages(limit) + look_requests)?;
        check("write units", job.cost.write_units, self.write_units_queued + 1)?;
        check("read units", job.cost.read_units, self.read_units + self.reads_of_slots(limit) + look)
    }

    /// Whether a question kept to it that is answered with "wait": it costs no more than a job that gets a slot, and looks
    /// no further.
    ///
    /// # Errors
    /// What it took too much of.
    pub fn check_question(&self, limit: u32, question: &Cost) -> Result<(), String> {
        check("requests", question.requests, self.requests_at_once + self.pages(limit))?;
        check("write units", question.write_units, 0)?;
        check("read units", question.read_units, self.read_units + self.reads_of_slots(limit))
    }

    /// Whether a job kept to it that joined the queue behind so many others.
    ///
    /// # Errors
    /// What it took too much of.
    pub fn check_queued(&self, limit: u32, waiters: u32, job: &JobCost) -> Result<(), String> {
        let (look, look_requests) = if waiters == 0 { look_at_all(limit) } else { (0, 0) };
        let pages = self.pages(limit);
        check("requests", job.cost.requests, self.requests_queued + pages + look_requests)?;
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
