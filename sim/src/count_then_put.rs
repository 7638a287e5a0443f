//! What do people write first? Count the leases, and put one if there are fewer than the limit.
//!
//! It is here to be compared with: two callers can count the same number before either puts its lease, so
//! it lets in more than the limit. The checker pins the shortest such history.

use leasehold_core::machine::{Answer, Failure, Outcome, Step};
use leasehold_core::nouns::{Attempt, Fence, Holder, Lease, LeaseId, Millis, Prefix, Slot};
use leasehold_core::table::{Change, HolderRow, HolderState, Key, Reply, Request, Row, Write};

/// A caller of that strategy: one query, one put.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CountThenPut {
    prefix: Prefix,
    holder: Holder,
    limit: u32,
    lease: Millis,
    expires_at: Option<Millis>,
}

impl CountThenPut {
    /// Counts the leases of everybody who shares this holder's parent.
    pub fn start(prefix: Prefix, holder: Holder, limit: u32, lease: Millis) -> (CountThenPut, Step) {
        let group = holder.hashed().group;
        let count = Request::Holders { group, after: None, limit: limit + 1 };
        let caller = CountThenPut { prefix, holder, limit, lease, expires_at: None };
        (caller, Step::Ask { requests: vec![count], pause: Millis(0) })
    }

    /// Puts a lease if the count allowed it.
    pub fn resume(&mut self, answer: Answer, now: Millis) -> Step {
        let Answer::Replies(replies) = answer else { return Step::Done(Outcome::Failed(Failure::Unavailable)) };
        match replies.into_iter().next() {
            Some(Reply::Holders(rows, _)) => {
                let lasting = |row: &HolderRow| matches!(row.state, HolderState::Holding { .. });
                let held = rows.iter().filter(|row| lasting(row)).count();
                if held >= self.limit as usize {
                    let held = u32::try_from(held).unwrap_or(u32::MAX);
                    let wait = Outcome::Wait { retry_after: self.lease, held, waiting: 0, waiting_more: false };
                    return Step::Done(wait);
                }
                self.expires_at = Some(now + self.lease);
                let put = HolderRow {
                    holder: self.holder.clone(),
                    attempt: Attempt::default(),
                    state: HolderState::Holding { slot: Slot(0), fence: Fence(1), acquired_at: now, token: None },
                };
                let write = Write {
                    key: Key::Holder(self.holder.hashed()),
                    conditions: vec![],
                    change: Change::Put(Row::Holder(put)),
                };
                Step::Ask { requests: vec![Request::Write(write)], pause: Millis(0) }
            }
            Some(Reply::Written) => Step::Done(Outcome::Acquired(Lease {
                id: LeaseId { prefix: self.prefix.clone(), slot: Slot(0), fence: Fence(1) },
                holder: self.holder.clone(),
                attempt: Attempt::default(),
                acquired_at: now,
                expires_at: self.expires_at.unwrap_or(now),
            })),
            _ => Step::Done(Outcome::Failed(Failure::Unavailable)),
        }
    }
}
