//! Request effects: what does a request do, and how was it answered, in a few words? Told from its intent, without keeping
//! its rows.

use leasehold_core::{
    Delivery, Effect, EffectReply, ExecutionStatus, HolderState, Intent, Mutation, Opening, Reply, Request, Row,
    RowKey, TaskResult, Write,
};

use super::job::Job;
use crate::strategy::Strategy;

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestEffect {
    ReadsHolder(Option<u32>),
    ReadsSlots(u32, u32),
    ReadsQueue(u32),
    ReadsHolders,
    ReadsSettings,
    Claims(u32),
    Reclaims(u32),
    Grants(u32, Option<u32>),
    HandsOver(u32, Option<u32>),
    Frees(u32),
    GrantsAgain(u32),
    KeepsRow(u32),
    Joins,
    TakesPlace,
    Leaves(Option<u32>),
    Renews(u32),
    Confirms(u32),
    Resends(u32),
    Collects(u32),
    MovesHighWater,
    Folds(u32),
    RemovesPlace,
    Summarises,
    ChangesLimit(u32),
    Counts,
    Puts,
    Removes,
    Tells(Option<u32>),
    Fails(Option<u32>),
    AsksWhetherAlive(Option<u32>),
}

/// How it was answered, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReplySummary {
    Rows(u32),
    Written,
    Refused,
    Throttled,
    Nothing,
    Delivered,
    Closed,
    Alive(bool),
}

fn holder_in(writes: &[Write]) -> Option<u32> {
    writes.iter().rev().find_map(|write| match &write.mutation {
        Mutation::Put(Row::Holder(row)) if row.state != HolderState::Ended => Job::of_holder(&row.holder),
        _ => None,
    })
}

/// The limit that is written.
fn limit_in(writes: &[Write]) -> Option<u32> {
    writes.iter().find_map(|write| match &write.mutation {
        Mutation::Put(Row::Override(row)) => Some(row.limit.count()),
        Mutation::Put(Row::Pool(row)) => Some(row.limit.count()),
        _ => None,
    })
}

/// Which of the writes of one request says what it is for: the rest goes with it.
fn rank(intent: Intent) -> u8 {
    match intent {
        Intent::PointToSlot | Intent::PointToPlace => 2,
        Intent::RemovePlace | Intent::Enqueue => 1,
        _ => 0,
    }
}

impl RequestEffect {
    /// What this does, sent by a caller of that strategy.
    pub(crate) fn of(effect: &Effect, strategy: Strategy) -> RequestEffect {
        match effect {
            Effect::Request(request) => match strategy {
                Strategy::CountThenPut => RequestEffect::of_count_then_put(request),
                Strategy::Leasehold => RequestEffect::of_request(request),
            },
            Effect::Callback(callback) => {
                let job = Job::of_token(callback.token.secret()).map(|(job, _)| job);
                if matches!(callback.result, TaskResult::Acquired(_)) {
                    RequestEffect::Tells(job)
                } else {
                    RequestEffect::Fails(job)
                }
            }
            Effect::StatusCheck(execution) => {
                RequestEffect::AsksWhetherAlive(execution.rsplit_once(':').and_then(|(_, number)| number.parse().ok()))
            }
        }
    }

    fn of_count_then_put(request: &Request) -> RequestEffect {
        match request {
            Request::Write(write) if write.mutation == Mutation::Delete => RequestEffect::Removes,
            Request::Write(_) => RequestEffect::Puts,
            _ => RequestEffect::Counts,
        }
    }

    fn of_request(request: &Request) -> RequestEffect {
        match request {
            Request::Get(RowKey::Holder(_)) => RequestEffect::ReadsHolder(None),
            Request::Get(RowKey::Slot(slot)) => RequestEffect::ReadsSlots(slot.0, slot.0),
            Request::Get(RowKey::Wait(_)) => RequestEffect::ReadsQueue(1),
            Request::Get(_) => RequestEffect::ReadsSettings,
            &Request::Slots(from, to) => RequestEffect::ReadsSlots(from.0, to.0),
            Request::Queue(head) => RequestEffect::ReadsQueue(*head),
            Request::Holders { .. } => RequestEffect::ReadsHolders,
            Request::Write(_) | Request::Transact(_) => RequestEffect::of_writes(request.writes()),
        }
    }

    fn of_writes(writes: &[Write]) -> RequestEffect {
        let slot = writes.iter().find_map(|write| if let RowKey::Slot(slot) = write.key { Some(slot.0) } else { None });
        let slot = slot.unwrap_or(0);
        let Some(intent) = writes.iter().map(|write| write.intent).min_by_key(|intent| rank(*intent)) else {
            return RequestEffect::Summarises;
        };
        match intent {
            Intent::Claim(Opening::Expired, _) => RequestEffect::Reclaims(slot),
            Intent::Claim(..) => RequestEffect::Claims(slot),
            Intent::Grant(opening, ..) if opening.is_given_back() => RequestEffect::HandsOver(slot, holder_in(writes)),
            Intent::Grant(..) => RequestEffect::Grants(slot, holder_in(writes)),
            Intent::Free(..) => RequestEffect::Frees(slot),
            Intent::Regrant | Intent::PointToSlot => RequestEffect::GrantsAgain(slot),
            Intent::PointLonger => RequestEffect::KeepsRow(slot),
            Intent::Enqueue | Intent::PointToPlace => RequestEffect::Joins,
            Intent::Replace => RequestEffect::TakesPlace,
            Intent::Leave => RequestEffect::Leaves(None),
            Intent::RemovePlace => RequestEffect::RemovesPlace,
            Intent::Renew | Intent::Extend => RequestEffect::Renews(slot),
            Intent::Confirm => RequestEffect::Confirms(slot),
            Intent::Resend => RequestEffect::Resends(slot),
            Intent::Collect => RequestEffect::Collects(slot),
            Intent::MoveHighWater => RequestEffect::MovesHighWater,
            Intent::FoldSlot => RequestEffect::Folds(slot),
            Intent::Summarise => RequestEffect::Summarises,
            Intent::SetLimit
            | Intent::EndOverride
            | Intent::SetPool
            | Intent::RetirePool
            | Intent::ClearOverride
            | Intent::NoteChange
            | Intent::ForgetChange => RequestEffect::ChangesLimit(limit_in(writes).unwrap_or(0)),
        }
    }

    /// In words, as what its caller does.
    pub(crate) fn words(self) -> String {
        let whom = |job: Option<u32>| job.map_or_else(|| "a job".to_owned(), |job| format!("job {job}"));
        match self {
            RequestEffect::ReadsHolder(_) => "reads a holder's row".to_owned(),
            RequestEffect::ReadsSlots(0, u32::MAX) => "reads all slots".to_owned(),
            RequestEffect::ReadsSlots(from, to) if from == to => format!("reads slot {from}"),
            RequestEffect::ReadsSlots(from, to) => format!("reads slots {from} to {to}"),
            RequestEffect::ReadsQueue(1) => "reads the first in the queue".to_owned(),
            RequestEffect::ReadsQueue(head) => format!("reads the first {head} in the queue"),
            RequestEffect::ReadsHolders => "reads what the execution holds or waits for".to_owned(),
            RequestEffect::ReadsSettings => "reads the pool's settings".to_owned(),
            RequestEffect::Claims(slot) => format!("claims slot {slot}, which is free"),
            RequestEffect::Reclaims(slot) => format!("claims slot {slot}, whose lease expired"),
            RequestEffect::Grants(slot, next) => format!("grants slot {slot} to {}, which waits", whom(next)),
            RequestEffect::HandsOver(slot, next) => format!("hands slot {slot} over to {}, which waits", whom(next)),
            RequestEffect::Frees(slot) => format!("frees slot {slot}"),
            RequestEffect::GrantsAgain(slot) => format!("grants slot {slot} again, to a newer attempt of its holder"),
            RequestEffect::KeepsRow(slot) => format!("keeps the row of the holder of slot {slot} for longer"),
            RequestEffect::Joins => "joins the queue".to_owned(),
            RequestEffect::TakesPlace => "takes its older attempt's place in the queue".to_owned(),
            RequestEffect::Leaves(_) => "takes a waiter out of the queue".to_owned(),
            RequestEffect::Renews(slot) => format!("makes the lease on slot {slot} last longer"),
            RequestEffect::Confirms(slot) => format!("notes on slot {slot} that its holder was told"),
            RequestEffect::Resends(slot) => format!("notes on slot {slot} that its holder is told again"),
            RequestEffect::Collects(slot) => format!("comes for its lease on slot {slot}"),
            RequestEffect::MovesHighWater => "notes up to where there may be slots".to_owned(),
            RequestEffect::Folds(slot) => format!("deletes slot {slot}, above the limit"),
            RequestEffect::RemovesPlace => "removes a place in the queue that nobody has any more".to_owned(),
            RequestEffect::Summarises => "writes the summary".to_owned(),
            RequestEffect::ChangesLimit(to) => format!("changes the limit to {to}"),
            RequestEffect::Counts => "counts the leases".to_owned(),
            RequestEffect::Puts => "puts a lease".to_owned(),
            RequestEffect::Removes => "deletes its lease".to_owned(),
            RequestEffect::Tells(job) => format!("tells {} that it has a lease", whom(job)),
            RequestEffect::Fails(job) => format!("tells the task of {} that it will get none", whom(job)),
            RequestEffect::AsksWhetherAlive(job) => format!("asks whether {} still runs", whom(job)),
        }
    }

    /// What kind it is, as the page draws it.
    pub(crate) fn kind(self) -> u8 {
        match self {
            RequestEffect::ReadsHolder(_)
            | RequestEffect::ReadsSlots(..)
            | RequestEffect::ReadsQueue(_)
            | RequestEffect::ReadsHolders
            | RequestEffect::ReadsSettings
            | RequestEffect::Counts => 0,
            RequestEffect::Renews(_)
            | RequestEffect::KeepsRow(_)
            | RequestEffect::Confirms(_)
            | RequestEffect::Resends(_)
            | RequestEffect::MovesHighWater
            | RequestEffect::Folds(_)
            | RequestEffect::RemovesPlace
            | RequestEffect::Summarises
            | RequestEffect::ChangesLimit(_)
            | RequestEffect::Puts
            | RequestEffect::Removes => 1,
            RequestEffect::Tells(_) | RequestEffect::Fails(_) => 3,
            RequestEffect::AsksWhetherAlive(_) => 4,
            _ => 2,
        }
    }

    /// The slot it writes.
    pub(crate) fn cell(self) -> Option<u32> {
        match self {
            RequestEffect::Claims(slot)
            | RequestEffect::Reclaims(slot)
            | RequestEffect::Grants(slot, _)
            | RequestEffect::HandsOver(slot, _)
            | RequestEffect::Frees(slot)
            | RequestEffect::GrantsAgain(slot)
            | RequestEffect::KeepsRow(slot)
            | RequestEffect::Renews(slot)
            | RequestEffect::Confirms(slot)
            | RequestEffect::Resends(slot)
            | RequestEffect::Collects(slot)
            | RequestEffect::Folds(slot) => Some(slot),
            _ => None,
        }
    }
}

impl ReplySummary {
    pub(crate) fn of(received: &EffectReply) -> ReplySummary {
        let rows = |count: usize| ReplySummary::Rows(u32::try_from(count).unwrap_or(u32::MAX));
        match received {
            EffectReply::Table(Reply::Row(row)) => ReplySummary::Rows(u32::from(row.is_some())),
            EffectReply::Table(Reply::Slots(list)) => rows(list.len()),
            EffectReply::Table(Reply::Queue(list, _)) => rows(list.len()),
            EffectReply::Table(Reply::Holders(list, _)) => rows(list.len()),
            EffectReply::Table(Reply::Written) => ReplySummary::Written,
            EffectReply::Table(Reply::Refused(_)) => ReplySummary::Refused,
            EffectReply::Table(Reply::Throttled | Reply::Conflict) => ReplySummary::Throttled,
            EffectReply::Table(Reply::Unknown | Reply::Unavailable) | EffectReply::Delivery(Delivery::Unknown) => {
                ReplySummary::Nothing
            }
            EffectReply::Delivery(Delivery::Delivered) => ReplySummary::Delivered,
            EffectReply::Delivery(Delivery::Closed) => ReplySummary::Closed,
            EffectReply::Delivery(Delivery::Refused) => ReplySummary::Refused,
            EffectReply::Delivery(Delivery::NotSent) => ReplySummary::Throttled,
            EffectReply::Status(ExecutionStatus::Unknown) => ReplySummary::Nothing,
            EffectReply::Status(status) => ReplySummary::Alive(*status == ExecutionStatus::Running),
        }
    }

    pub(crate) fn words(self) -> String {
        match self {
            ReplySummary::Rows(1) => "1 row".to_owned(),
            ReplySummary::Rows(rows) => format!("{rows} rows"),
            ReplySummary::Written => "written".to_owned(),
            ReplySummary::Refused => "refused: a condition failed".to_owned(),
            ReplySummary::Throttled => "refused: too many requests".to_owned(),
            ReplySummary::Nothing => "no reply".to_owned(),
            ReplySummary::Delivered => "delivered".to_owned(),
            ReplySummary::Closed => "the task is closed".to_owned(),
            ReplySummary::Alive(true) => "it runs".to_owned(),
            ReplySummary::Alive(false) => "it has ended".to_owned(),
        }
    }

    /// As the page draws it.
    pub(crate) fn outcome(self) -> u8 {
        match self {
            ReplySummary::Refused => 1,
            ReplySummary::Throttled => 2,
            ReplySummary::Nothing => 3,
            ReplySummary::Closed => 4,
            _ => 0,
        }
    }
}
