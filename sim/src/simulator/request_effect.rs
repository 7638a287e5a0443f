//! Request effects: what does a request do, and how was it answered, in a few words? Told from its conditions and rows,
//! without keeping them.

use leasehold_core::machine::{Life, News, Notified};
use leasehold_core::table::{Change, Guard, HolderState, Key, Reply, Request, Row, Write};

use super::call::{Message, Received};
use super::job::Job;
use super::strategy::Strategy;

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestEffect {
    ReadsHolder(Option<u32>),
    ReadsSlots,
    ReadsQueue(u32),
    ReadsHolders,
    ReadsSettings,
    Claims(u32),
    Reclaims(u32),
    Grants(u32, Option<u32>),
    HandsOver(u32, Option<u32>),
    Frees(u32),
    GrantsAgain(u32),
    Joins,
    Vacates(u32),
    TakesPlace,
    Leaves(Option<u32>),
    Renews(u32),
    Confirms(u32),
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
    writes.iter().rev().find_map(|write| match &write.change {
        Change::Put(Row::Holder(row)) if !matches!(row.state, HolderState::Ended { .. }) => Job::of_holder(&row.holder),
        _ => None,
    })
}

impl RequestEffect {
    /// What this does, sent by a caller of that strategy.
    pub(crate) fn of(message: &Message, strategy: Strategy) -> RequestEffect {
        match message {
            Message::Request(request) => match strategy {
                Strategy::CountThenPut => RequestEffect::of_count_then_put(request),
                Strategy::Leasehold => RequestEffect::of_request(request),
            },
            Message::Notice(notice) => {
                let job = Job::of_token(notice.token.secret()).map(|(job, _)| job);
                if matches!(notice.news, News::Acquired(_)) {
                    RequestEffect::Tells(job)
                } else {
                    RequestEffect::Fails(job)
                }
            }
            Message::Life(execution) => {
                RequestEffect::AsksWhetherAlive(execution.rsplit_once(':').and_then(|(_, number)| number.parse().ok()))
            }
        }
    }

    fn of_count_then_put(request: &Request) -> RequestEffect {
        match request {
            Request::Write(write) if write.change == Change::Delete => RequestEffect::Removes,
            Request::Write(_) => RequestEffect::Puts,
            _ => RequestEffect::Counts,
        }
    }

    fn of_request(request: &Request) -> RequestEffect {
        match request {
            Request::Get(Key::Holder(_)) => RequestEffect::ReadsHolder(None),
            Request::Get(_) => RequestEffect::ReadsSettings,
            Request::Slots => RequestEffect::ReadsSlots,
            Request::Queue(head) => RequestEffect::ReadsQueue(*head),
            Request::Holders { .. } => RequestEffect::ReadsHolders,
            Request::Write(_) | Request::Transact(_) => RequestEffect::of_writes(request.writes()),
        }
    }

    fn of_writes(writes: &[Write]) -> RequestEffect {
        let slot = writes.iter().find_map(|write| if let Key::Slot(slot) = write.key { Some(slot.0) } else { None });
        let slot = slot.unwrap_or(0);
        let guards: Vec<Guard> = writes.iter().flat_map(|write| &write.conditions).map(|(guard, _)| *guard).collect();
        let has = |guard: Guard| guards.contains(&guard);
        let next = holder_in(writes);
        if has(Guard::GrantWaiterUnchanged) {
            return if has(Guard::ReleaseSameLease) {
                RequestEffect::HandsOver(slot, next)
            } else {
                RequestEffect::Grants(slot, next)
            };
        }
        match guards.first() {
            Some(Guard::ReclaimUnchanged) if has(Guard::ClaimHolderUnchanged) => RequestEffect::Reclaims(slot),
            Some(Guard::ReclaimUnchanged | Guard::ReleaseSameLease) => RequestEffect::Frees(slot),
            Some(Guard::RegrantSameLease) => RequestEffect::GrantsAgain(slot),
            Some(Guard::EnqueueHolderUnchanged) => RequestEffect::Joins,
            Some(Guard::VacateSameLease) => RequestEffect::Vacates(slot),
            Some(Guard::ReplaceWaiterUnchanged) => RequestEffect::TakesPlace,
            Some(Guard::LeaveWaiterUnchanged) => RequestEffect::Leaves(None),
            Some(Guard::RenewSameLease | Guard::RenewNeverShortens) => RequestEffect::Renews(slot),
            Some(Guard::ConfirmSameLease) => RequestEffect::Confirms(slot),
            Some(Guard::ChangeUnchanged) => match writes.first().map(|write| &write.change) {
                Some(Change::Put(Row::Override(row))) => RequestEffect::ChangesLimit(row.limit.count()),
                _ => RequestEffect::Summarises,
            },
            Some(_) => RequestEffect::Claims(slot),
            None if matches!(writes.first().map(|write| write.key), Some(Key::Wait(_))) => RequestEffect::Leaves(None),
            None => RequestEffect::Summarises,
        }
    }

    /// In words, as what its caller does.
    pub(crate) fn words(self) -> String {
        let whom = |job: Option<u32>| job.map_or_else(|| "a job".to_owned(), |job| format!("job {job}"));
        match self {
            RequestEffect::ReadsHolder(_) => "reads a holder's row".to_owned(),
            RequestEffect::ReadsSlots => "reads all slots".to_owned(),
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
            RequestEffect::Joins => "joins the queue".to_owned(),
            RequestEffect::Vacates(slot) => format!("gives up slot {slot}, above the limit, and joins the queue"),
            RequestEffect::TakesPlace => "takes its older attempt's place in the queue".to_owned(),
            RequestEffect::Leaves(_) => "takes a waiter out of the queue".to_owned(),
            RequestEffect::Renews(slot) => format!("makes the lease on slot {slot} last longer"),
            RequestEffect::Confirms(slot) => format!("notes on slot {slot} that its holder was told"),
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
            | RequestEffect::ReadsSlots
            | RequestEffect::ReadsQueue(_)
            | RequestEffect::ReadsHolders
            | RequestEffect::ReadsSettings
            | RequestEffect::Counts => 0,
            RequestEffect::Renews(_)
            | RequestEffect::Confirms(_)
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
            | RequestEffect::Vacates(slot)
            | RequestEffect::Renews(slot)
            | RequestEffect::Confirms(slot) => Some(slot),
            _ => None,
        }
    }
}

impl ReplySummary {
    pub(crate) fn of(received: &Received) -> ReplySummary {
        let rows = |count: usize| ReplySummary::Rows(u32::try_from(count).unwrap_or(u32::MAX));
        match received {
            Received::Reply(Reply::Row(row)) => ReplySummary::Rows(u32::from(row.is_some())),
            Received::Reply(Reply::Slots(list)) => rows(list.len()),
            Received::Reply(Reply::Queue(list, _)) => rows(list.len()),
            Received::Reply(Reply::Holders(list, _)) => rows(list.len()),
            Received::Reply(Reply::Written) => ReplySummary::Written,
            Received::Reply(Reply::Refused(_)) => ReplySummary::Refused,
            Received::Reply(Reply::Throttled | Reply::Conflict) => ReplySummary::Throttled,
            Received::Reply(Reply::Unknown | Reply::Unavailable) | Received::Notified(Notified::Unknown) => {
                ReplySummary::Nothing
            }
            Received::Notified(Notified::Delivered) => ReplySummary::Delivered,
            Received::Notified(Notified::Closed) => ReplySummary::Closed,
            Received::Life(life) => ReplySummary::Alive(*life == Life::Running),
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
