//! What does a request do, in a few words? Told from its conditions and rows, without keeping them.

use leasehold_core::machine::{News, Notified};
use leasehold_core::table::{Change, Guard, HolderState, Key, Reply, Request, Row};

use super::call::{Got, What};
use super::job::Job;

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Does {
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
pub(crate) enum Answered {
    Rows(u32),
    Written,
    Refused,
    Throttled,
    Nothing,
    Delivered,
    Closed,
    Alive(bool),
}

fn holder_in(writes: &[leasehold_core::table::Write]) -> Option<u32> {
    writes.iter().rev().find_map(|write| match &write.change {
        Change::Put(Row::Holder(row)) if !matches!(row.state, HolderState::Ended { .. }) => Job::of_holder(&row.holder),
        _ => None,
    })
}

impl Does {
    /// What this is, sent by the protocol or by a caller that counts and puts.
    pub(crate) fn of(what: &What, counts: bool) -> Does {
        match what {
            What::Request(request) if counts => match request {
                Request::Write(write) if write.change == Change::Delete => Does::Removes,
                Request::Write(_) => Does::Puts,
                _ => Does::Counts,
            },
            What::Request(request) => Does::of_request(request),
            What::Notice(notice) => {
                let job = Job::of_token(notice.token.secret()).map(|(job, _)| job);
                if matches!(notice.news, News::Acquired(_)) { Does::Tells(job) } else { Does::Fails(job) }
            }
            What::Life(execution) => {
                Does::AsksWhetherAlive(execution.rsplit_once(':').and_then(|(_, number)| number.parse().ok()))
            }
        }
    }

    fn of_request(request: &Request) -> Does {
        match request {
            Request::Get(Key::Holder(_)) => Does::ReadsHolder(None),
            Request::Get(_) => Does::ReadsSettings,
            Request::Slots => Does::ReadsSlots,
            Request::Queue(head) => Does::ReadsQueue(*head),
            Request::Holders { .. } => Does::ReadsHolders,
            Request::Write(_) | Request::Transact(_) => Does::of_writes(request.writes()),
        }
    }

    fn of_writes(writes: &[leasehold_core::table::Write]) -> Does {
        let slot = writes.iter().find_map(|write| if let Key::Slot(slot) = write.key { Some(slot.0) } else { None });
        let slot = slot.unwrap_or(0);
        let guards: Vec<Guard> = writes.iter().flat_map(|write| &write.conditions).map(|(guard, _)| *guard).collect();
        let has = |guard: Guard| guards.contains(&guard);
        let next = holder_in(writes);
        if has(Guard::GrantWaiterUnchanged) {
            return if has(Guard::ReleaseSameLease) { Does::HandsOver(slot, next) } else { Does::Grants(slot, next) };
        }
        match guards.first() {
            Some(Guard::ReclaimUnchanged) if has(Guard::ClaimHolderUnchanged) => Does::Reclaims(slot),
            Some(Guard::ReclaimUnchanged | Guard::ReleaseSameLease) => Does::Frees(slot),
            Some(Guard::RegrantSameLease) => Does::GrantsAgain(slot),
            Some(Guard::EnqueueHolderUnchanged) => Does::Joins,
            Some(Guard::VacateSameLease) => Does::Vacates(slot),
            Some(Guard::ReplaceWaiterUnchanged) => Does::TakesPlace,
            Some(Guard::LeaveWaiterUnchanged) => Does::Leaves(None),
            Some(Guard::RenewSameLease | Guard::RenewNeverShortens) => Does::Renews(slot),
            Some(Guard::ConfirmSameLease) => Does::Confirms(slot),
            Some(Guard::ChangeUnchanged) => match writes.first().map(|write| &write.change) {
                Some(Change::Put(Row::Override(row))) => Does::ChangesLimit(row.limit.count()),
                _ => Does::Summarises,
            },
            Some(_) => Does::Claims(slot),
            None if matches!(writes.first().map(|write| write.key), Some(Key::Wait(_))) => Does::Leaves(None),
            None => Does::Summarises,
        }
    }

    /// In words, as what its caller does.
    pub(crate) fn words(self) -> String {
        let whom = |job: Option<u32>| job.map_or_else(|| "a job".to_owned(), |job| format!("job {job}"));
        match self {
            Does::ReadsHolder(_) => "reads a holder's row".to_owned(),
            Does::ReadsSlots => "reads all slots".to_owned(),
            Does::ReadsQueue(1) => "reads the first in the queue".to_owned(),
            Does::ReadsQueue(head) => format!("reads the first {head} in the queue"),
            Does::ReadsHolders => "reads what the execution holds or waits for".to_owned(),
            Does::ReadsSettings => "reads the pool's settings".to_owned(),
            Does::Claims(slot) => format!("claims slot {slot}, which is free"),
            Does::Reclaims(slot) => format!("claims slot {slot}, whose lease expired"),
            Does::Grants(slot, next) => format!("grants slot {slot} to {}, which waits", whom(next)),
            Does::HandsOver(slot, next) => format!("hands slot {slot} over to {}, which waits", whom(next)),
            Does::Frees(slot) => format!("frees slot {slot}"),
            Does::GrantsAgain(slot) => format!("grants slot {slot} again, to a newer attempt of its holder"),
            Does::Joins => "joins the queue".to_owned(),
            Does::Vacates(slot) => format!("gives up slot {slot}, above the limit, and joins the queue"),
            Does::TakesPlace => "takes its older attempt's place in the queue".to_owned(),
            Does::Leaves(_) => "takes a waiter out of the queue".to_owned(),
            Does::Renews(slot) => format!("makes the lease on slot {slot} last longer"),
            Does::Confirms(slot) => format!("notes on slot {slot} that its holder was told"),
            Does::Summarises => "writes the summary".to_owned(),
            Does::ChangesLimit(to) => format!("changes the limit to {to}"),
            Does::Counts => "counts the leases".to_owned(),
            Does::Puts => "puts a lease".to_owned(),
            Does::Removes => "deletes its lease".to_owned(),
            Does::Tells(job) => format!("tells {} that it has a lease", whom(job)),
            Does::Fails(job) => format!("tells the task of {} that it will get none", whom(job)),
            Does::AsksWhetherAlive(job) => format!("asks whether {} still runs", whom(job)),
        }
    }

    /// What kind it is, as the page draws it.
    pub(crate) fn kind(self) -> u8 {
        match self {
            Does::ReadsHolder(_)
            | Does::ReadsSlots
            | Does::ReadsQueue(_)
            | Does::ReadsHolders
            | Does::ReadsSettings
            | Does::Counts => 0,
            Does::Renews(_)
            | Does::Confirms(_)
            | Does::Summarises
            | Does::ChangesLimit(_)
            | Does::Puts
            | Does::Removes => 1,
            Does::Tells(_) | Does::Fails(_) => 3,
            Does::AsksWhetherAlive(_) => 4,
            _ => 2,
        }
    }

    /// The slot it writes.
    pub(crate) fn cell(self) -> Option<u32> {
        match self {
            Does::Claims(slot)
            | Does::Reclaims(slot)
            | Does::Grants(slot, _)
            | Does::HandsOver(slot, _)
            | Does::Frees(slot)
            | Does::GrantsAgain(slot)
            | Does::Vacates(slot)
            | Does::Renews(slot)
            | Does::Confirms(slot) => Some(slot),
            _ => None,
        }
    }
}

impl Answered {
    pub(crate) fn of(got: &Got) -> Answered {
        let rows = |count: usize| Answered::Rows(u32::try_from(count).unwrap_or(u32::MAX));
        match got {
            Got::Reply(Reply::Row(row)) => Answered::Rows(u32::from(row.is_some())),
            Got::Reply(Reply::Slots(list)) => rows(list.len()),
            Got::Reply(Reply::Queue(list, _)) => rows(list.len()),
            Got::Reply(Reply::Holders(list, _)) => rows(list.len()),
            Got::Reply(Reply::Written) => Answered::Written,
            Got::Reply(Reply::Refused(_)) => Answered::Refused,
            Got::Reply(Reply::Throttled | Reply::Conflict) => Answered::Throttled,
            Got::Reply(Reply::Unknown | Reply::Unavailable) | Got::Notified(Notified::Unknown) => Answered::Nothing,
            Got::Notified(Notified::Delivered) => Answered::Delivered,
            Got::Notified(Notified::Closed) => Answered::Closed,
            Got::Life(life) => Answered::Alive(*life == leasehold_core::machine::Life::Running),
        }
    }

    pub(crate) fn words(self) -> String {
        match self {
            Answered::Rows(1) => "1 row".to_owned(),
            Answered::Rows(rows) => format!("{rows} rows"),
            Answered::Written => "written".to_owned(),
            Answered::Refused => "refused: a condition failed".to_owned(),
            Answered::Throttled => "refused: too many requests".to_owned(),
            Answered::Nothing => "no reply".to_owned(),
            Answered::Delivered => "delivered".to_owned(),
            Answered::Closed => "the task is closed".to_owned(),
            Answered::Alive(true) => "it runs".to_owned(),
            Answered::Alive(false) => "it has ended".to_owned(),
        }
    }

    /// As the page draws it.
    pub(crate) fn outcome(self) -> u8 {
        match self {
            Answered::Refused => 1,
            Answered::Throttled => 2,
            Answered::Nothing => 3,
            Answered::Closed => 4,
            _ => 0,
        }
    }
}
