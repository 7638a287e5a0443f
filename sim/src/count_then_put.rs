//! Count, then put: what do people write first? Count the leases, and put one if there are fewer than the limit.
//!
//! It is here to be compared with: two callers can count the same number before either puts its lease, so
//! it lets in more than the limit. The checker pins the shortest such history.
//!
//! A lease is a row of its holder, which expires a lease's length after it was put: whoever counts leaves out what
//! its own clock says has expired. There is no queue: who finds the pool full asks again later.

use leasehold_core::{
    AcquireOutcome, Attempt, Effect, Failure, Fence, Holder, HolderRow, HolderState, Intent, Lease, LeaseId, Machine,
    Millis, Mutation, Opening, PoolName, Replies, Reply, Request, RetryAdvice, Row, RowKey, Slot, Step, Timestamp,
    Write,
};

/// A caller of that strategy: one query, one put.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CountThenPut {
    prefix: PoolName,
    holder: Holder,
    limit: u32,
    lease: Millis,
    counted: Option<u32>,
    expires_at: Option<Timestamp>,
}

impl CountThenPut {
    /// Counts the leases of everybody who shares this holder's parent.
    pub fn start(prefix: PoolName, holder: Holder, limit: u32, lease: Millis) -> (CountThenPut, Step<AcquireOutcome>) {
        let group = holder.hashed().group;
        let count = Request::Holders { group, after: None, limit: u32::MAX };
        let caller = CountThenPut { prefix, holder, limit, lease, counted: None, expires_at: None };
        (caller, ask(count))
    }

    /// How many leases it counted, once it did.
    pub fn counted(&self) -> Option<u32> {
        self.counted
    }
}

impl Machine for CountThenPut {
    type Outcome = AcquireOutcome;

    /// Puts a lease if the count allowed it.
    fn resume(&mut self, replies: Replies, now: Timestamp) -> Step<AcquireOutcome> {
        match replies.table() {
            [Reply::Holders(rows, _)] => {
                let held = lasting(&rows, now);
                self.counted = Some(held);
                if held >= self.limit {
                    let retry_after = self.lease;
                    let advice = RetryAdvice { retry_after, held, waiting: 0, waiting_more: false };
                    return Step::Done(Ok(AcquireOutcome::Wait(advice)));
                }
                self.expires_at = Some(now + self.lease);
                ask(put(&self.holder, now + self.lease))
            }
            [Reply::Written] => Step::Done(Ok(AcquireOutcome::Acquired(Lease {
                id: LeaseId { prefix: self.prefix.clone(), slot: Slot(0), fence: Fence(1) },
                holder: self.holder.clone(),
                attempt: Attempt::default(),
                acquired_at: now,
                expires_at: self.expires_at.unwrap_or(now),
            }))),
            [Reply::Throttled] => Step::Done(Err(Failure::Throttled)),
            _ => Step::Done(Err(Failure::Unavailable)),
        }
    }
}

fn ask(request: Request) -> Step<AcquireOutcome> {
    Step::Perform { effects: vec![Effect::Request(request)], pause: Millis(0) }
}

/// The holder's lease until `ttl`: to get one, and to make it last longer. Nothing is asked of what is there.
pub fn put(holder: &Holder, ttl: Timestamp) -> Request {
    let state = HolderState::Holding { slot: Slot(0), fence: Fence(1) };
    let row = HolderRow { holder: holder.clone(), attempt: Attempt::default(), state, ttl };
    Request::Write(Write {
        key: RowKey::Holder(holder.hashed()),
        conditions: vec![],
        mutation: Mutation::Put(Row::Holder(row)),
        intent: Intent::Claim(Opening::Free, None),
    })
}

/// The holder's lease goes.
pub fn remove(holder: &Holder) -> Request {
    Request::Write(Write {
        key: RowKey::Holder(holder.hashed()),
        conditions: vec![],
        mutation: Mutation::Delete,
        intent: Intent::Free(Opening::Returned, None),
    })
}

/// How many leases whoever reads these rows counts, by its own clock.
pub fn lasting(rows: &[HolderRow], now: Timestamp) -> u32 {
    let lasting = rows.iter().filter(|row| expires_at(row).is_some_and(|at| now < at));
    u32::try_from(lasting.count()).unwrap_or(u32::MAX)
}

/// When the lease in this row expires, if it is one.
pub fn expires_at(row: &HolderRow) -> Option<Timestamp> {
    matches!(row.state, HolderState::Holding { .. }).then_some(row.ttl)
}
