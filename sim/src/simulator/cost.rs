//! Costs: what does a request cost? DynamoDB's units by the size of its rows, and the prices. No other file knows
//! either.

use leasehold_core::{Holder, HolderRow, HolderState, Mutation, Reply, Request, Row, SlotRow, TaskToken, WaitRow};
use serde::Serialize;

/// What things cost, in dollars: on demand, without free tiers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Prices {
    /// Where.
    pub region: &'static str,
    /// When.
    pub as_of: &'static str,
    /// A million DynamoDB write request units.
    pub write_per_million: f64,
    /// A million DynamoDB read request units.
    pub read_per_million: f64,
    /// A million Step Functions state transitions.
    pub transition_per_million: f64,
    /// What is not in it.
    pub note: &'static str,
}

/// The prices: AWS's price lists for us-east-1, after DynamoDB's on-demand prices were halved in November 2024.
pub const PRICES: Prices = Prices {
    region: "us-east-1",
    as_of: "November 2024",
    write_per_million: 0.625,
    read_per_million: 0.125,
    transition_per_million: 25.0,
    note: "DynamoDB on demand and Step Functions Standard; Lambda, storage and free tiers are left out",
};

/// A task token as Step Functions makes them, in bytes: about 700 (seen in 2024; at most 2,048).
const TOKEN: u64 = 700;
/// Partition key, sort key and the names of the attributes, about.
const KEYS: u64 = 60;
/// A number of milliseconds with its attribute's name, about.
const MOMENT: u64 = 20;

/// The request units of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestUnits {
    pub(crate) read: u64,
    pub(crate) write: u64,
}

fn holder(holder: &Holder) -> u64 {
    // Real ids are ARNs of about 150 bytes.
    40 + (holder.execution().len().max(150) + holder.key().len() + holder.parent().map_or(0, str::len)) as u64
}

fn slot(row: &SlotRow) -> u64 {
    KEYS + MOMENT + row.held.as_ref().map_or(0, |held| holder(&held.holder) + 5 * MOMENT + 40)
}

fn holder_row(row: &HolderRow) -> u64 {
    let token = |token: &Option<TaskToken>| token.as_ref().map_or(0, |_| TOKEN);
    let more = match &row.state {
        HolderState::Waiting(waiting) => 6 * MOMENT + token(&waiting.token),
        HolderState::Holding { token: it, .. } => 3 * MOMENT + token(it),
        HolderState::Ended { .. } => 2 * MOMENT,
    };
    KEYS + 70 + holder(&row.holder) + 2 * MOMENT + more
}

fn place(row: &WaitRow) -> u64 {
    KEYS + 50 + holder(&row.holder) + MOMENT
}

/// How large a row is, about, in bytes.
fn size(row: &Row) -> u64 {
    match row {
        Row::Slot(row) => slot(row),
        Row::Holder(row) => holder_row(row),
        Row::Wait(row) => place(row),
        Row::Pool(_) | Row::Override(_) | Row::Summary(_) | Row::Unreadable(..) => KEYS + 10 * MOMENT,
    }
}

/// One unit per 4 KB that a strongly consistent read went through, and no less than one.
fn reading(bytes: u64) -> u64 {
    bytes.div_ceil(4_096).max(1)
}

/// What a request used, that was answered so.
pub(crate) fn units(request: &Request, reply: &Reply) -> RequestUnits {
    let read = |bytes: u64| RequestUnits { read: reading(bytes), write: 0 };
    match (request, reply) {
        (_, Reply::Throttled | Reply::Conflict | Reply::Unavailable) => RequestUnits::default(),
        (_, Reply::Row(row)) => read(row.as_ref().map_or(0, size)),
        (_, Reply::Slots(rows)) => read(rows.iter().map(slot).sum()),
        (_, Reply::Queue(rows, _)) => read(rows.iter().map(place).sum()),
        (_, Reply::Holders(rows, _)) => read(rows.iter().map(holder_row).sum()),
        (Request::Transact(writes), _) => {
            RequestUnits { read: 0, write: writes.iter().map(|write| 2 * writing(&write.mutation)).sum() }
        }
        (Request::Write(write), _) => RequestUnits { read: 0, write: writing(&write.mutation) },
        _ => RequestUnits::default(),
    }
}

/// One unit per KB of the row; a refused condition is charged too. A summary is written to the directory as well.
fn writing(mutation: &Mutation) -> u64 {
    match mutation {
        Mutation::Put(row @ Row::Summary(_)) => 2 * size(row).div_ceil(1_024),
        Mutation::Put(row) => size(row).div_ceil(1_024),
        Mutation::Delete | Mutation::Extend(..) | Mutation::Confirm | Mutation::Check => 1,
    }
}
