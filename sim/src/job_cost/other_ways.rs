//! Other ways to keep a limit: what does a job cost with what people use today? Written from their published descriptions.
//!
//! None has a queue: who finds the pool full asks again. So what a job costs grows with how long it waits, and the more
//! jobs wait, the longer each does.

use leasehold_core::{Holder, HolderRow, HolderState, Millis, PoolName, Row, Slot};

use super::{NotSteady, free_of, job, not_steady, wait};
use crate::cost::{Cost, ItemSizes, WriteMode, number_bytes, reading, writing};

/// The largest item that a table takes, in bytes.
const LARGEST_ITEM: u64 = 400 << 10;

/// A way to keep a limit, and what its requests cost.
#[derive(Clone, Copy, Debug)]
pub struct OtherWay {
    /// Its name for a person.
    pub name: &'static str,
    /// A job that finds a place free at this limit, so many others being held; none: it can not have this limit.
    job: fn(u32, u32) -> Result<Option<Cost>, NotSteady>,
    /// The questions of one period in which the pool is full, and how long the period is.
    questions: fn(u32) -> Result<(Cost, Millis), NotSteady>,
}

impl OtherWay {
    /// What a job costs that gets a place at once, half of them being held; none: it can not have this limit.
    ///
    /// # Errors
    /// When its rows can not be made.
    pub fn at_once(&self, limit: u32) -> Result<Option<Cost>, NotSteady> {
        (self.job)(limit, limit - free_of(limit))
    }

    /// What a job costs while so many others wait.
    ///
    /// # Errors
    /// When its rows can not be made.
    pub fn waiting(&self, limit: u32, waiters: u32) -> Result<Option<Cost>, NotSteady> {
        let (questions, period) = (self.questions)(limit)?;
        let waits = |job: Cost| with_questions(job, questions, period, wait(limit, waiters));
        Ok((self.job)(limit, limit - 1)?.map(waits))
    }
}

/// A job's own cost, and those of its questions while it waits: so much for each period, rounded up.
pub(super) fn with_questions(job: Cost, questions: Cost, period: Millis, wait: Millis) -> Cost {
    let times = |units: u64| (units * wait.0).div_ceil(period.0.max(1));
    let Cost { requests, read_units, write_units } = questions;
    job + Cost { requests: times(requests), read_units: times(read_units), write_units: times(write_units) }
}

/// Count the leases, and put one if there are fewer than the limit ([`crate::count_then_put`]). It lets in more than the
/// limit. A lease is a row as a holder's is. Who finds the pool full asks again as often as `leasehold` advises those
/// who poll for jobs of a minute: every 25 s.
pub const COUNT_THEN_PUT: OtherWay = OtherWay {
    name: "count, then put",
    job: |_, held| {
        let lease = lease_size()?;
        let put_and_remove = [writing(0, lease, WriteMode::Single), writing(lease, 0, WriteMode::Single)];
        Ok(Some(count(held, lease) + request(put_and_remove[0]) + request(put_and_remove[1])))
    },
    questions: |limit| Ok((count(limit, lease_size()?), Millis::seconds(25))),
};

/// One item with a number: raised if it is below the limit, lowered at the end. A process that dies in between leaks a
/// place for good. Who is refused asks again as those of [`COUNT_THEN_PUT`].
pub const COUNTER_ITEM: OtherWay = OtherWay {
    name: "a counter",
    job: |_, _| Ok(Some(request(updating(counter_size())) + request(updating(counter_size())))),
    questions: |_| Ok((request(updating(counter_size())), Millis::seconds(25))),
};

/// AWS's own sample, a counter with its owners: one item holds the number and, under each owner's execution id, when it
/// got its place, so that what a failed execution left can be found. The item grows with the limit, and each write is
/// charged for all of it. Who is refused tries six more times, after 1, 2, 4, 8, 16 and 32 s, then reads the item and waits
/// 3 s ("Controlling concurrency in distributed systems using AWS Step Functions", AWS Compute Blog, 2021,
/// <https://aws.amazon.com/blogs/compute/controlling-concurrency-in-distributed-systems-using-aws-step-functions/>; its
/// states: `sam/app-control-concurrency-with-dynamodb/statemachines/dynamodb-semaphore.asl.json` of
/// `aws-samples/aws-stepfunctions-examples`).
pub const COUNTER_WITH_OWNERS: OtherWay = OtherWay {
    name: "a counter, owners",
    job: |limit, held| {
        let item = owned_size(held + 1);
        Ok((owned_size(limit) <= LARGEST_ITEM).then(|| request(updating(item)) + request(updating(item))))
    },
    questions: |limit| {
        let full = owned_size(limit);
        // Its reading is eventually consistent and costs half, so two periods are counted as one.
        let tries: Cost = (0..14).map(|_| request(updating(full))).sum();
        let reads = Cost { requests: 2, ..reading([full]) };
        Ok((tries + reads, Millis::seconds(2 * (1 + 2 + 4 + 8 + 16 + 32 + 3))))
    },
};

fn request(units: Cost) -> Cost {
    Cost { requests: 1, ..units }
}

fn updating(size: u64) -> Cost {
    writing(size, size, WriteMode::Single)
}

/// A count of so many leases.
fn count(leases: u32, lease: u64) -> Cost {
    reading((0..leases).map(|_| lease))
}

/// A lease of count-then-put, in bytes.
fn lease_size() -> Result<u64, NotSteady> {
    let asked = job(1, super::Asking::Poll)?;
    let holder: Holder = asked.holder;
    let pool: PoolName = "analytics".parse().map_err(not_steady)?;
    let state = HolderState::Holding { slot: Slot(0), fence: leasehold_core::Fence(1) };
    let ttl = super::BEGIN;
    let row = HolderRow { holder, attempt: leasehold_core::Attempt::first(super::BEGIN), state, ttl };
    Ok(ItemSizes::exact(&pool).of(&Row::Holder(row)))
}

/// A counter without owners, in bytes: its name and its number.
fn counter_size() -> u64 {
    ("LockName".len() + "analytics".len() + "currentlockcount".len() + number_bytes(9_999)) as u64
}

/// A counter with so many owners, in bytes: for each its execution's id and a moment as Step Functions writes it.
fn owned_size(owners: u32) -> u64 {
    let owner = crate::cost::ORDINARY_ID + "2025-10-09T08:55:23.457Z".len();
    counter_size() + u64::from(owners) * owner as u64
}
