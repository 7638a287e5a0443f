//! Responses of the lease manager: what is a caller told, field by field, and with which words does a waiting task fail?

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::acquire::{AcquireOutcome, RetryAdvice};
use crate::execution_ended::ExecutionFreed;
use crate::occupancy::{LeaseView, Occupancy, PoolState, WaiterView};
use crate::operation::FailureReason;
use crate::release::Released;
use crate::renew::Renewed;
use crate::settings::Settings;
use crate::status::Snapshot;
use crate::tally::Tally;
use crate::time::Timestamp;
use crate::types::{Fence, Lease, LeaseId, Limit, PoolName, Slot};

/// How many holders one `status` lists: an answer of a Lambda is at most 6 MB (AWS quota, 2024).
pub const HOLDERS_LISTED: usize = 1_000;

/// The note on a release that found nothing to release.
const ALREADY: &str = "already expired or missing";

/// The answer to a request. Its JSON is what [`Display`](fmt::Display) writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Response {
    /// The caller has this lease. In queue mode the same object is the task's success output.
    Acquired(GrantedLease),
    /// Nothing was granted: ask again.
    Wait {
        /// In so many seconds: rounded up, at least 1.
        retry_after_seconds: u64,
        /// How many hold a lease that has not expired; the limit, if not all slots were looked at.
        current_running: u32,
        /// How many may.
        limit: u32,
        /// How many wait in the queue, as far as they were counted.
        waiting: u32,
        /// More than those wait. Only there if true.
        #[serde(skip_serializing_if = "is_false")]
        waiting_more: bool,
    },
    /// The task is told later.
    Queued,
    /// A lease or a place in the queue is given back.
    Released {
        /// Which lease; null for a place in the queue, or where there was nothing.
        lease_id: Option<String>,
        /// Only there if there was nothing to give back.
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<&'static str>,
    },
    /// What an ended execution held or waited for is given back.
    #[serde(rename = "released")]
    Freed {
        /// Null: there may be any number.
        lease_id: (),
        /// Leases that were freed.
        freed: u32,
        /// Waiters that left the queue.
        left: u32,
        /// Leases that went to others meanwhile.
        granted: u32,
        /// Expired leases that were cleared away meanwhile.
        reclaimed: u32,
        /// There is more to free than one call does. Only there if true.
        #[serde(skip_serializing_if = "is_false")]
        more: bool,
        /// Only there if there was nothing to give back.
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<&'static str>,
    },
    /// All that an execution had is given back, or a part of it.
    #[serde(rename = "released")]
    ReleasedAll {
        /// How many leases, and places in the queue.
        count: u32,
        /// There is more than one call gives back: call again.
        more: bool,
    },
    /// The lease lasts longer.
    Renewed(RenewedLease),
    /// The pool as it is.
    #[serde(rename = "ok")]
    Status(Box<PoolStatus>),
    /// A sweep is over.
    Swept {
        /// Leases granted to waiters.
        granted: u32,
        /// Expired leases taken from their holders.
        reclaimed: u32,
        /// Leases told again that are known to be told now.
        renotified: u32,
        /// Leases extended because their execution runs.
        extended: u32,
        /// Leases of executions that could have been extended, of which it was not known in time whether these run. Only
        /// there if there are any.
        #[serde(skip_serializing_if = "is_zero")]
        missed: u32,
        /// Leases at the end of the pool's longest hold whose execution runs on. Only there if there are any.
        #[serde(skip_serializing_if = "is_zero")]
        outlasted: u32,
        /// There is more to do than one sweep does. Only there if true.
        #[serde(skip_serializing_if = "is_false")]
        more: bool,
    },
    /// The event is one that frees nothing.
    Ignored {
        /// The status it told of.
        execution_status: Arc<str>,
    },
}

/// A lease, as its holder is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GrantedLease {
    /// Its name, for renew and release.
    pub lease_id: String,
    /// Its generation.
    pub fence: Fence,
    /// Its place.
    pub slot: Slot,
    /// Its pool.
    pub prefix: PoolName,
    /// Since when, in milliseconds since the epoch.
    pub acquired_at_ms: Timestamp,
    /// Until when, in milliseconds since the epoch.
    pub expires_at_ms: Timestamp,
    /// Until when, in seconds since the epoch: rounded down, so that nobody believes it to last longer.
    pub lease_expires_at: u64,
}

/// A lease that lasts longer. Since when is not read for a renewal, so it is not told again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RenewedLease {
    /// Its name.
    pub lease_id: String,
    /// Its generation.
    pub fence: Fence,
    /// Its place.
    pub slot: Slot,
    /// Its pool.
    pub prefix: PoolName,
    /// Until when, in milliseconds since the epoch.
    pub expires_at_ms: Timestamp,
    /// Until when, in seconds since the epoch, rounded down.
    pub lease_expires_at: u64,
}

/// A pool as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PoolStatus {
    /// Which.
    pub prefix: PoolName,
    /// How many may hold a lease.
    pub limit: u32,
    /// How many hold one that has not expired.
    pub current_running: u32,
    /// How many slots still carry an expired one.
    pub expired: u32,
    /// How many wait, up to 100.
    pub waiting: u32,
    /// More than those wait. Only there if true.
    #[serde(skip_serializing_if = "is_false")]
    pub waiting_more: bool,
    /// How long the first in the queue has waited, rounded down. Only there if someone waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_wait_seconds: Option<u64>,
    /// In one word.
    pub state: PoolState,
    /// While a lowered limit settles: until when the slots up to `limit_was` count as held. Only there if one settles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settles_at_ms: Option<Timestamp>,
    /// While a lowered limit settles: the highest limit that callers may still follow. Only there if one settles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_was: Option<Limit>,
    /// Who holds, if it was asked for: by slot, at most [`HOLDERS_LISTED`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holders: Option<Vec<HolderInfo>>,
    /// More than those hold. Only there if true.
    #[serde(skip_serializing_if = "is_false")]
    pub holders_more: bool,
    /// Who waits, if it was asked for: in order, at most 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<Vec<WaiterInfo>>,
}

/// One who holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HolderInfo {
    /// The lease.
    pub lease_id: String,
    /// Its place.
    pub slot: Slot,
    /// The execution.
    pub execution: String,
    /// The item or branch in it. Only there if it has one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// The execution that started the map run. Only there if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Shown to people. Only there if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Arc<str>>,
    /// Since when, in milliseconds since the epoch.
    pub acquired_at_ms: Timestamp,
    /// Until when, in milliseconds since the epoch.
    pub expires_at_ms: Timestamp,
    /// It has expired. Only there if true.
    #[serde(skip_serializing_if = "is_false")]
    pub expired: bool,
    /// Its holder is not known to have been told. Only there if true.
    #[serde(skip_serializing_if = "is_false")]
    pub unconfirmed: bool,
}

/// One who waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WaiterInfo {
    /// The execution.
    pub execution: String,
    /// The item or branch in it. Only there if it has one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// The execution that started the map run. Only there if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Since when, in milliseconds since the epoch.
    pub waiting_since_ms: Timestamp,
    /// When it gives up, in milliseconds since the epoch.
    pub give_up_at_ms: Timestamp,
}

/// What a waiting task is failed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TaskFailure {
    /// The name by which a workflow catches it.
    pub error: &'static str,
    /// For people.
    pub cause: &'static str,
}

/// How a task is failed that waits for a lease it will not get. The names are those of [`ContractError`](super::ContractError), and
/// `WaitedTooLong`, which only a task that waits can meet.
pub fn task_failure(why: FailureReason) -> TaskFailure {
    let (error, cause) = match why {
        FailureReason::WaitedTooLong => ("WaitedTooLong", "no slot was free for as long as it may wait"),
        FailureReason::Superseded => ("HolderBusy", "a newer attempt of this holder took its place"),
        FailureReason::Expired => ("LeaseLost", "its lease expired before it could be told"),
        FailureReason::Released => ("LeaseLost", "it was released, or its execution has ended"),
    };
    TaskFailure { error, cause }
}

impl Response {
    /// What it comes to: its field `status`.
    pub fn status(&self) -> &'static str {
        match self {
            Response::Acquired(_) => "acquired",
            Response::Wait { .. } => "wait",
            Response::Queued => "queued",
            Response::Released { .. } | Response::Freed { .. } | Response::ReleasedAll { .. } => "released",
            Response::Renewed(_) => "renewed",
            Response::Status(_) => "ok",
            Response::Swept { .. } => "swept",
            Response::Ignored { .. } => "ignored",
        }
    }

    /// To an acquire on a pool with these settings.
    pub fn to_acquire(outcome: &AcquireOutcome, settings: &Settings) -> Response {
        match outcome {
            AcquireOutcome::Acquired(lease) => Response::Acquired(lease.into()),
            AcquireOutcome::Queued => Response::Queued,
            AcquireOutcome::Wait(RetryAdvice { retry_after, held, waiting, waiting_more }) => Response::Wait {
                retry_after_seconds: retry_after.0.div_ceil(1_000).max(1),
                current_running: *held,
                limit: settings.limit.count(),
                waiting: *waiting,
                waiting_more: *waiting_more,
            },
        }
    }

    /// To a release.
    pub fn to_release(released: &Released) -> Response {
        let note = released.already.then_some(ALREADY);
        Response::Released { lease_id: released.lease.as_ref().map(LeaseId::to_string), note }
    }

    /// To a renewal.
    pub fn to_renew(Renewed { id, expires_at }: &Renewed) -> Response {
        Response::Renewed(RenewedLease {
            lease_id: id.to_string(),
            fence: id.fence,
            slot: id.slot,
            prefix: id.prefix.clone(),
            expires_at_ms: *expires_at,
            lease_expires_at: seconds(*expires_at),
        })
    }

    /// To a sweep.
    pub fn to_sweep(tally: &Tally) -> Response {
        Response::Swept {
            granted: tally.granted,
            reclaimed: tally.reclaimed,
            renotified: tally.renotified,
            extended: tally.extended,
            missed: tally.missed,
            outlasted: tally.outlasted,
            more: tally.more,
        }
    }

    /// To the end of an execution.
    pub fn to_execution_ended(ExecutionFreed { tally, more }: &ExecutionFreed) -> Response {
        Response::Freed {
            lease_id: (),
            freed: tally.freed,
            left: tally.left,
            granted: tally.granted,
            reclaimed: tally.reclaimed,
            more: more.is_some(),
            note: (tally.freed == 0 && tally.left == 0 && more.is_none()).then_some(ALREADY),
        }
    }

    /// To a release of all that an execution has.
    pub fn to_release_all(ExecutionFreed { tally, more }: &ExecutionFreed) -> Response {
        Response::ReleasedAll { count: tally.freed + tally.left, more: more.is_some() }
    }

    /// To a question how a pool with these settings looks; `holders`: and who holds and waits.
    pub fn to_status(snapshot: &Snapshot, settings: &Settings, holders: bool) -> Response {
        Response::Status(Box::new(PoolStatus::new(snapshot, settings, holders)))
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl From<&Lease> for GrantedLease {
    fn from(lease: &Lease) -> GrantedLease {
        GrantedLease {
            lease_id: lease.id.to_string(),
            fence: lease.id.fence,
            slot: lease.id.slot,
            prefix: lease.id.prefix.clone(),
            acquired_at_ms: lease.acquired_at,
            expires_at_ms: lease.expires_at,
            lease_expires_at: seconds(lease.expires_at),
        }
    }
}

impl PoolStatus {
    fn new(snapshot: &Snapshot, settings: &Settings, holders: bool) -> PoolStatus {
        let seen = Occupancy::of(snapshot, settings);
        let leases = || seen.slots.iter().filter_map(|row| Some((row.slot, row.fence, row.lease.as_ref()?)));
        let listed =
            || leases().take(HOLDERS_LISTED).map(|(slot, fence, lease)| holding(&seen.prefix, slot, fence, lease));
        PoolStatus {
            prefix: seen.prefix.clone(),
            limit: seen.limit.count(),
            current_running: seen.held,
            expired: seen.expired,
            waiting: seen.waiting,
            waiting_more: seen.waiting_more,
            oldest_wait_seconds: seen.oldest_wait.map(|wait| wait.0 / 1_000),
            state: seen.state,
            settles_at_ms: seen.settles_at,
            limit_was: seen.limit_was,
            holders: holders.then(|| listed().collect()),
            holders_more: holders && leases().nth(HOLDERS_LISTED).is_some(),
            queue: holders.then(|| seen.queue.iter().map(waits).collect()),
        }
    }
}

fn holding(prefix: &PoolName, slot: Slot, fence: Fence, lease: &LeaseView) -> HolderInfo {
    HolderInfo {
        lease_id: LeaseId { prefix: prefix.clone(), slot, fence }.to_string(),
        slot,
        execution: lease.holder.execution().into(),
        key: lease.holder.key().into(),
        parent: lease.holder.parent().map(Into::into),
        label: lease.label.clone(),
        acquired_at_ms: lease.acquired_at,
        expires_at_ms: lease.expires_at,
        expired: lease.expired,
        unconfirmed: lease.unconfirmed,
    }
}

fn waits(waiter: &WaiterView) -> WaiterInfo {
    WaiterInfo {
        execution: waiter.holder.execution().into(),
        key: waiter.holder.key().into(),
        parent: waiter.holder.parent().map(Into::into),
        waiting_since_ms: waiter.since,
        give_up_at_ms: waiter.give_up_at,
    }
}

/// Whole seconds since the epoch, rounded down.
fn seconds(at: Timestamp) -> u64 {
    at.0 / 1_000
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "what serde calls it with")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "what serde calls it with")]
fn is_false(flag: &bool) -> bool {
    !flag
}
