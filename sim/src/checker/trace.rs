//! Traces: how is a counterexample read? One line a step: who, what, and what came of it.

use leasehold_core::{Effect, HolderState, Mutation, Request, Row, RowKey, SlotRow, TaskCallback, TaskResult, Write};

use super::Coverage;
use super::state::WorldState;
use super::transition::{Lost, Transition};
use super::world::{SettingsOf, Shared};

/// The history that these actions make.
pub(crate) fn story(shared: &Shared, actions: &[Transition]) -> Vec<String> {
    let mut state = WorldState::begin(shared);
    let mut lines = vec![];
    for action in actions {
        let what = line(shared, &state, *action);
        let (writes, before) = (writes(&state, *action), state.table.clone());
        let served = shared.apply(&mut state, *action, &mut Coverage::default()).is_ok();
        let refused = if served && writes && before == state.table { ": refused" } else { "" };
        lines.push(format!("[{}] {what}{refused}", state.now));
    }
    lines
}

/// Whether it is a write that the table serves.
fn writes(state: &WorldState, action: Transition) -> bool {
    match action {
        Transition::Land { .. } => true,
        Transition::Serve { call, request, .. } => matches!(
            state.calls[usize::from(call)].in_flight.effect(usize::from(request)),
            Some(Effect::Request(request)) if !request.writes().is_empty()
        ),
        _ => false,
    }
}

fn line(shared: &Shared, state: &WorldState, action: Transition) -> String {
    let client = |at: u8| shared.holder(usize::from(at)).to_string();
    let call = |at: u8| state.calls[usize::from(at)].name(shared);
    let old = |of: SettingsOf| match of {
        SettingsOf::Now => "",
        SettingsOf::Before => ", with old settings",
        SettingsOf::PoolBefore => ", with the pool's row of before the change",
        SettingsOf::OverrideBefore => ", with the override of before the change",
        SettingsOf::MarkBefore => ", with an old high-water mark",
        SettingsOf::AllBefore => ", with old settings and an old high-water mark",
    };
    let ice = |freeze: bool| if freeze { "; then the caller is frozen" } else { "" };
    let request = |at: u8, request: u8| {
        let call = &state.calls[usize::from(at)];
        let rest = if call.half.is_some() { "the rest of " } else { "" };
        let named = call.in_flight.effect(usize::from(request)).map(name);
        named.map_or(String::new(), |named| format!("{rest}{named}"))
    };
    match action {
        Transition::Ask { client: c, settings } => format!("{} asks{}", client(c), old(settings)),
        Transition::Copy { client: c, settings } => {
            format!("the request of {} is delivered once more{}", client(c), old(settings))
        }
        Transition::Release { client: c, settings } => format!("{} releases its lease{}", client(c), old(settings)),
        Transition::CopyRelease { client: c } => format!("the release of {} is delivered once more", client(c)),
        Transition::OlderRelease { client: c } => format!("a release by the attempt before arrives from {}", client(c)),
        Transition::Renew { client: c } => format!("{} renews its lease", client(c)),
        Transition::Die { client: c } => format!("{} dies", client(c)),
        Transition::Abandon { client: c } => format!("the task of {} times out", client(c)),
        Transition::Report { client: c } => format!("the end of {} is reported", client(c)),
        Transition::Redrive { client: c } => format!("{} is started again", client(c)),
        Transition::RedriveInPlace { client: c } => {
            format!("{} is redriven: the same time of entry, retries begin anew", client(c))
        }
        Transition::ReportAgain { client: c } => format!("the end of {} is reported once more", client(c)),
        Transition::End { client: c } => format!("the execution of {} ends, with all its branches", client(c)),
        Transition::Cancel { client: c } => format!("{} is cancelled, its execution goes on", client(c)),
        Transition::Kill { client: c } => format!("{} is killed", client(c)),
        Transition::Look { client: c } => format!("{} looks whether it was granted a lease", client(c)),
        Transition::Sweep { settings } => format!("a sweep begins{}", old(settings)),
        Transition::Operate => "the next operator begins".to_owned(),
        Transition::Serve { call: c, request: r, freeze } => format!("{}: {}{}", call(c), request(c, r), ice(freeze)),
        Transition::Read { call: c, freeze } => {
            let reads = |effect: &&Effect| matches!(effect, Effect::Request(request) if request.writes().is_empty());
            let unanswered = state.calls[usize::from(c)].in_flight.unanswered().map(|(_, effect)| effect);
            let names: Vec<String> = unanswered.filter(reads).map(name).collect();
            format!("{}: {}{}", call(c), names.join(", "), ice(freeze))
        }
        Transition::Half { call: c, request: r, below, index } => {
            let which = if below { "below" } else { "from" };
            format!("{}: {}, only slots {which} {index}", call(c), request(c, r))
        }
        Transition::Lose { call: c, request: r, how } => {
            let how = match how {
                Lost::Reply => "served, but the reply is lost",
                Lost::Request => "the request is lost",
                Lost::Delayed => "no reply, the request is still on its way",
                Lost::Conflict => "refused: conflict",
                Lost::Throttled => "refused: throttled",
            };
            format!("{}: {}: {how}", call(c), request(c, r))
        }
        Transition::Tell { call: c, callback: n, freeze } => format!("{}: {}{}", call(c), request(c, n), ice(freeze)),
        Transition::Unheard { call: c, callback: n, arrives } => {
            let how = if arrives { "it arrives, but the answer is lost" } else { "it is lost" };
            format!("{}: {}: {how}", call(c), request(c, n))
        }
        Transition::Refuse { call: c, callback: n } => {
            format!("{}: {}: refused for good", call(c), request(c, n))
        }
        Transition::Answer { call: c, known, .. } => {
            format!("{}: does the execution run? {}", call(c), if known { "answered" } else { "not known" })
        }
        Transition::Thaw { call: c } => format!("{}: goes on", call(c)),
        Transition::Crash { call: c } => format!("{}: dies", call(c)),
        Transition::Land { late } => format!("served late: {}", request_name(&state.late[usize::from(late)])),
        Transition::Tick => "a millisecond passes".to_owned(),
    }
}

fn told(callback: &TaskCallback) -> String {
    let who =
        Shared::owner(&callback.token).map_or(String::new(), |(client, attempt)| format!("task {client}.{attempt}"));
    match &callback.result {
        TaskResult::Acquired(lease) => {
            format!("tells {who}: {} {} until {}", lease.id.slot, lease.id.fence, lease.expires_at)
        }
        TaskResult::Failed(why) => format!("fails {who}: {why:?}"),
    }
}

fn name(effect: &Effect) -> String {
    match effect {
        Effect::Request(request) => request_name(request),
        Effect::Callback(callback) => told(callback),
        Effect::StatusCheck(_) => "asks whether the execution runs".to_owned(),
    }
}

fn request_name(request: &Request) -> String {
    match request {
        Request::Get(RowKey::Holder(_)) => "reads a holder".to_owned(),
        Request::Get(RowKey::Slot(_)) => "reads a slot".to_owned(),
        Request::Get(RowKey::Wait(_)) => "reads a place in the queue".to_owned(),
        Request::Get(_) => "reads the settings".to_owned(),
        Request::Slots(..) => "reads the slots".to_owned(),
        Request::Queue(_) => "reads the queue".to_owned(),
        Request::Holders { .. } => "reads the holders of an execution".to_owned(),
        Request::Write(write) => format!("writes [{}]", written(write)),
        Request::Transact(writes) => {
            format!("writes [{}]", writes.iter().map(written).collect::<Vec<_>>().join("; "))
        }
    }
}

fn written(write: &Write) -> String {
    let conditions: Vec<String> = write.conditions.iter().map(|(guard, _)| format!("{guard:?}")).collect();
    let only = if conditions.is_empty() { String::new() } else { format!(" if {}", conditions.join(" and ")) };
    let what = match &write.mutation {
        Mutation::Put(Row::Slot(SlotRow { slot, fence, held: Some(held) })) => {
            format!("{slot} {fence} -> {} until {}", held.holder, held.expires_at)
        }
        Mutation::Put(Row::Slot(SlotRow { slot, .. })) => format!("{slot} -> free"),
        Mutation::Put(Row::Holder(row)) => match &row.state {
            HolderState::Waiting { .. } => format!("{} waits", row.holder),
            HolderState::Holding { slot, fence } => format!("{} holds {slot} {fence}", row.holder),
            HolderState::Ended => format!("{} has ended", row.holder),
        },
        Mutation::Put(Row::Wait(row)) => format!("{} joins the queue", row.holder),
        Mutation::Put(Row::Override(row)) => format!("limit {}", row.limit),
        Mutation::Put(Row::Pool(row)) => format!("the pool's limit {}", row.limit),
        Mutation::Put(Row::HighWater(row)) => format!("high-water mark {}", row.slots),
        Mutation::Put(_) => "summary".to_owned(),
        Mutation::Delete if matches!(write.key, RowKey::Wait(_)) => "a place in the queue goes".to_owned(),
        Mutation::Delete => "one of the pool's own rows goes".to_owned(),
        Mutation::Extend(expires_at, _) => format!("lease until {expires_at}"),
        Mutation::Confirm(_) => "confirmed".to_owned(),
        Mutation::MayBeTold => "may be told".to_owned(),
        Mutation::Collect(expires_at) => format!("collected, lease until {expires_at}"),
        Mutation::Check => "nothing".to_owned(),
    };
    format!("{what}{only}")
}
