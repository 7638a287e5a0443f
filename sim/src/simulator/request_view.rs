//! Request views: how is a request told to a person? Its rows, conditions and replies in the protocol's words, as JSON
//! for the page.

use leasehold_core::{
    Attempt, Condition, FailureReason, Fence, HolderState, Millis, Mutation, Notice, Refusal, Reply, Request, Row,
    RowKey, Slot, TaskResult, Ticket, Timestamp, Write,
};
use serde_json::{Value, json};

use super::clock::BEGIN;
use super::job::Job;
use crate::row_store::{met, written};

/// A moment on some clock: seconds since the start.
pub(crate) fn moment(at: Timestamp) -> String {
    let ms = i64::try_from(at.0).unwrap_or(i64::MAX) - i64::try_from(BEGIN).unwrap_or(0);
    let sign = if ms < 0 { "-" } else { "" };
    format!("{sign}{}.{:03} s", ms.unsigned_abs() / 1_000, ms.unsigned_abs() % 1_000)
}

fn attempt(attempt: Attempt) -> String {
    let entered = moment(attempt.entered);
    let count = |what: &str, count: u32| if count == 0 { String::new() } else { format!(", {what} {count}") };
    format!("entered at {entered}{}{}", count("redrive", attempt.redrive), count("retry", attempt.retry))
}

fn ticket(ticket: Ticket) -> String {
    format!("{} {:08x}…", moment(ticket.at), (ticket.own >> 96) as u32)
}

/// A condition, as it is asked of the row.
fn says(condition: &Condition) -> String {
    match condition {
        Condition::SlotAbsentOrFree(Fence(0)) => "there is no such row: the slot was never granted".to_owned(),
        Condition::SlotAbsentOrFree(fence) => format!("there is no such row, or fence = {} and it is free", fence.0),
        Condition::SlotFence(fence) => format!("fence = {}", fence.0),
        Condition::SlotLease(fence) => format!("fence = {} and it is held", fence.0),
        Condition::SlotConfirmed(fence) => format!("fence = {}, it is held, and its holder knows", fence.0),
        Condition::SlotPending(fence) => format!("fence = {}, it is held, and its holder may not know", fence.0),
        Condition::SlotUntold(fence) => format!("fence = {}, it is held, and nobody else told its holder", fence.0),
        Condition::SlotFree(fence) => format!("fence = {} and it is free", fence.0),
        Condition::SlotExpires(fence, at) => format!("fence = {} and expires_at = {}", fence.0, moment(*at)),
        Condition::SlotRenewed(fence, None) => format!("fence = {}, it is held, and was never renewed", fence.0),
        Condition::SlotRenewed(fence, Some(at)) => format!("fence = {} and renewed_at = {}", fence.0, moment(*at)),
        Condition::SlotExpiresBy(at) => format!("expires_at <= {}", moment(*at)),
        Condition::HolderAbsent => "there is no such row: the holder is new".to_owned(),
        Condition::HolderEnded(of) => format!("it has ended, and its attempt is {}", attempt(*of)),
        Condition::HolderWaits(place, of) => format!("it waits with ticket {}, {}", ticket(*place), attempt(*of)),
        Condition::HolderHolds(Slot(slot), Fence(fence)) => format!("it holds slot {slot} under fence {fence}"),
        Condition::PlaceOf(None) => "there is no such row: nobody has this place".to_owned(),
        Condition::PlaceOf(Some(of)) => format!("its attempt is {}", attempt(*of)),
        Condition::HighWaterIs(None) => "there is no such row: no slot was used yet".to_owned(),
        Condition::HighWaterIs(Some(mark)) => format!("slots = {} and fence = {}", mark.slots, mark.fence.0),
        Condition::SettingsAre(None) => "there is no such row: the pool is not made yet".to_owned(),
        Condition::SettingsAre(Some(_)) => "every setting is as it was read".to_owned(),
        Condition::HighWaterUnreadable(_) | Condition::OverrideUnreadable(_) => {
            "every attribute is as it was read".to_owned()
        }
        Condition::OverrideMade(None) => "there is no such row: nobody changed the limit before".to_owned(),
        Condition::OverrideMade(Some(at)) => format!("made_at = {}", moment(*at)),
    }
}

/// Which row, by its sort key; hashes are shortened, and a holder's job is named where it is known.
fn row_name(key: &RowKey, row: Option<&Row>) -> String {
    let whose = match row {
        Some(Row::Holder(row)) => Some(&row.holder),
        Some(Row::Wait(row)) => Some(&row.holder),
        _ => None,
    };
    let whose = whose.and_then(Job::of_holder).map_or_else(String::new, |job| format!(" (job {job})"));
    match key {
        RowKey::Pool => "pool".to_owned(),
        RowKey::Override => "override".to_owned(),
        RowKey::Summary => "summary".to_owned(),
        RowKey::HighWater => "pool#high-water".to_owned(),
        RowKey::Slot(slot) => format!("slot#{:05}", slot.0),
        RowKey::Holder(key) => {
            format!("holder#{:08x}…#{:08x}…{whose}", (key.group >> 96) as u32, (key.own >> 96) as u32)
        }
        RowKey::Wait(place) => format!("wait#{}{whose}", ticket(*place)),
        RowKey::History(noted) => format!("history#{}", moment(noted.at)),
    }
}

/// A row's attributes, names and values.
fn attributes(row: &Row, lease: Option<Millis>) -> Value {
    let mut list: Vec<(&str, String)> = vec![];
    match row {
        Row::Slot(row) => {
            list.push(("fence", row.fence.0.to_string()));
            match &row.held {
                None => list.push(("held by", "nobody".to_owned())),
                Some(held) => {
                    list.push(("held by", held.holder.to_string()));
                    list.push(("attempt", attempt(held.attempt)));
                    list.push(("acquired_at", moment(held.acquired_at)));
                    list.push(("expires_at", moment(held.expires_at)));
                    list.extend(held.renewed_at.map(|at| ("renewed_at", moment(at))));
                    list.extend(notice(&held.notice).map(|notice| ("notice", notice.to_owned())));
                    list.extend(held.open_token().map(|_| ("token", "of its waiting task".to_owned())));
                }
            }
        }
        Row::Holder(row) => {
            list.push(("holder", row.holder.to_string()));
            match &row.state {
                HolderState::Waiting { ticket: place, .. } => {
                    list.push(("state", "waiting".to_owned()));
                    list.push(("ticket", ticket(*place)));
                }
                // Who counts has no slots and no fences.
                HolderState::Holding { .. } if lease.is_some() => {
                    list.push(("expires_at", moment(row.ttl)));
                    return list_json(list);
                }
                HolderState::Holding { slot, fence } => {
                    list.push(("state", "holding".to_owned()));
                    list.push(("slot", slot.0.to_string()));
                    list.push(("fence", fence.0.to_string()));
                }
                HolderState::Ended => list.push(("state", "ended".to_owned())),
            }
            list.push(("attempt", attempt(row.attempt)));
            list.push(("ttl", moment(row.ttl)));
        }
        Row::Wait(row) => {
            list.push(("ticket", ticket(row.ticket)));
            list.push(("holder", row.holder.to_string()));
            list.push(("attempt", attempt(row.attempt)));
            list.push(("give_up_at", moment(row.give_up_at)));
            list.extend(row.token.as_ref().map(|_| ("token", "of its waiting task".to_owned())));
        }
        Row::HighWater(row) => {
            list.push(("slots", row.slots.to_string()));
            list.push(("fence", row.fence.0.to_string()));
        }
        Row::Pool(row) => {
            list.push(("limit", row.limit.to_string()));
            list.extend(row.lease.map(|time| ("lease_ms", time.0.to_string())));
            list.extend(row.grace.map(|time| ("grace_ms", time.0.to_string())));
        }
        Row::Override(row) => {
            list.push(("limit", row.limit.to_string()));
            list.extend(row.lowered.map(|lowered| ("lowered_from", lowered.from.to_string())));
            list.push(("made_at", moment(row.at)));
            list.push(("who", row.who.to_string()));
            list.push(("why", row.why.to_string()));
        }
        Row::Summary(row) => {
            list.push(("seen_at", moment(row.at)));
            list.push(("held", row.held.to_string()));
            list.push(("waiting", format!("{}{}", row.waiting, if row.waiting_more { "+" } else { "" })));
            list.extend(row.waiting_since.map(|since| ("oldest_wait", moment(since))));
        }
        Row::History(row) => {
            list.push(("change", row.change.name().to_owned()));
            list.push(("who", row.by.who.to_string()));
            list.push(("why", row.by.why.to_string()));
        }
        Row::Unreadable(_, row) => list.push(("makes no sense", row.why.to_string())),
    }
    list_json(list)
}

fn notice(notice: &Notice) -> Option<&'static str> {
    match notice {
        Notice::Asked | Notice::Claimed(_) | Notice::Confirmed(_) => None,
        Notice::Uncollected => Some("its holder did not come for it yet"),
        Notice::Untold(_) => Some("untold"),
        Notice::MaybeTold(_) => Some("maybe told"),
    }
}

fn list_json(list: Vec<(&str, String)>) -> Value {
    list.into_iter().map(|(name, value)| json!([name, value])).collect()
}

fn row_json(row: &Row, lease: Option<Millis>) -> Value {
    json!({ "row": row_name(&row.key(), Some(row)), "is": attributes(row, lease) })
}

/// What a request reads; none if it writes. `lease` for rows of who counts.
pub(crate) fn reads(request: &Request) -> Option<String> {
    Some(match request {
        Request::Get(key) => format!("the row {}", row_name(key, None)),
        Request::Slots(Slot(0), Slot(u32::MAX)) => "all rows from slot#".to_owned(),
        Request::Slots(Slot(from), Slot(to)) => format!("the rows from slot#{from:05} to slot#{to:05}"),
        Request::Queue(1) => "the first row from wait#".to_owned(),
        Request::Queue(head) => format!("the first {head} rows from wait#"),
        Request::Holders { group, after: None, .. } => format!("all rows from holder#{:08x}…", (group >> 96) as u32),
        Request::Holders { group, after: Some(after), .. } => {
            format!("the rows from holder#{:08x}… after {:08x}…", (group >> 96) as u32, (after >> 96) as u32)
        }
        Request::Write(_) | Request::Transact(_) => return None,
    })
}

/// The rows that came back from a read.
pub(crate) fn rows(reply: &Reply, lease: Option<Millis>) -> (Vec<Value>, bool) {
    /// More than these nobody reads.
    const SHOWN: usize = 50;
    let list = |rows: Vec<Row>, more: bool| {
        let cut = rows.len() > SHOWN;
        (rows.iter().take(SHOWN).map(|row| row_json(row, lease)).collect(), more || cut)
    };
    match reply {
        Reply::Row(row) => list(row.iter().cloned().collect(), false),
        Reply::Slots(rows) => list(rows.iter().take(SHOWN + 1).cloned().map(Row::Slot).collect(), false),
        Reply::Queue(rows, more) => list(rows.iter().take(SHOWN + 1).cloned().map(Row::Wait).collect(), *more),
        Reply::Holders(rows, more) => list(rows.iter().take(SHOWN + 1).cloned().map(Row::Holder).collect(), *more),
        _ => (vec![], false),
    }
}

/// The writes of a request: what to which row on which conditions, how each fared, and the row before and after it.
pub(crate) fn writes(
    request: &Request,
    before: Option<&[Option<Row>]>,
    reply: Option<&Reply>,
    lease: Option<Millis>,
) -> Vec<Value> {
    let write = |(at, write): (usize, &Write)| {
        let was = before.and_then(|before| before.get(at));
        let fared = |condition: &Condition| match reply {
            Some(Reply::Written) => Some(true),
            Some(Reply::Refused(refusals)) => match refusals.get(at)? {
                Refusal::Passed => Some(true),
                Refusal::Failed(row) => Some(met(condition, row.as_ref())),
            },
            _ => None,
        };
        let refused = matches!(reply, Some(Reply::Refused(_)));
        let conditions: Vec<Value> = write
            .conditions
            .iter()
            .map(|(guard, condition)| {
                json!({
                    "guard": format!("{guard:?}"),
                    "means": guard.meaning(),
                    "says": says(condition),
                    "held": fared(condition),
                })
            })
            .collect();
        let (change, to, named) = match &write.mutation {
            Mutation::Put(row) => ("put", attributes(row, lease), Some(row)),
            Mutation::Delete => ("delete", json!([]), was.and_then(Option::as_ref)),
            Mutation::Extend(at, by_holder) => {
                let mut list = vec![("expires_at", moment(*at))];
                list.extend(by_holder.map(|at| ("renewed_at", moment(at))));
                ("update", list_json(list), None)
            }
            Mutation::Check => ("check", json!([]), was.and_then(Option::as_ref)),
            Mutation::Confirm(_) => ("update", json!([["notice", "confirmed"], ["token", "no more"]]), None),
            Mutation::MayBeTold => ("update", json!([["notice", "maybe told"]]), None),
            Mutation::Collect(at) => ("update", list_json(vec![("expires_at", moment(*at))]), None),
        };
        // What an update leaves as it is stands there, too; and all of it after what was refused.
        let after = was.and_then(|was| match refused {
            true => was.clone(),
            false => written(&write.mutation, was.as_ref()),
        });
        let to = after.as_ref().map_or(to, |row| attributes(row, lease));
        json!({
            "row": row_name(&write.key, named),
            "change": change,
            "to": if refused && was.is_some_and(Option::is_none) { json!([]) } else { to },
            "refused": refused,
            "conditions": conditions,
            "before": was.map(|was| was.as_ref().map(|row| attributes(row, lease))),
        })
    };
    request.writes().iter().enumerate().map(write).collect()
}

/// What a waiting task is told.
pub(crate) fn news(news: &TaskResult) -> String {
    match news {
        TaskResult::Acquired(lease) => {
            format!(
                "you have slot {} under fence {} until {}",
                lease.id.slot.0,
                lease.id.fence.0,
                moment(lease.expires_at)
            )
        }
        TaskResult::Failed(FailureReason::WaitedTooLong) => "you waited too long".to_owned(),
        TaskResult::Failed(FailureReason::Superseded) => "a newer attempt of yours took your place".to_owned(),
        TaskResult::Failed(FailureReason::Expired) => "your lease expired before you could be told".to_owned(),
        TaskResult::Failed(FailureReason::Released) => "you were released, or your execution has ended".to_owned(),
    }
}
