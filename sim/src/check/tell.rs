//! How is a counterexample read? One line a step: who, what, and what came of it.

use leasehold_core::machine::{News, Notice};
use leasehold_core::table::{Change, HolderState, Key, Request, Row, SlotRow, Write};

use super::Seen;
use super::act::{Action, Lost};
use super::state::{Got, State, Waits};
use super::world::Shared;

/// The history that these actions make.
pub(crate) fn story(shared: &Shared, actions: &[Action]) -> Vec<String> {
    let mut state = State::begin(shared);
    let mut lines = vec![];
    for action in actions {
        let what = line(shared, &state, *action);
        let (writes, before) = (writes(&state, *action), state.table.clone());
        let served = shared.apply(&mut state, *action, &mut Seen::default()).is_ok();
        let refused = if served && writes && before == state.table { ": refused" } else { "" };
        lines.push(format!("[{}] {what}{refused}", state.now));
    }
    lines
}

/// Whether it is a write that the table serves.
fn writes(state: &State, action: Action) -> bool {
    match action {
        Action::Land { .. } => true,
        Action::Serve { call, request, .. } => match &state.calls[usize::from(call)].waits {
            Waits::Table(requests) => !requests[usize::from(request)].0.writes().is_empty(),
            _ => false,
        },
        _ => false,
    }
}

fn line(shared: &Shared, state: &State, action: Action) -> String {
    let client = |at: u8| shared.holder(usize::from(at)).to_string();
    let call = |at: u8| state.calls[usize::from(at)].name(shared);
    let old = |stale: bool| if stale { ", with old settings" } else { "" };
    let ice = |freeze: bool| if freeze { "; then the caller is frozen" } else { "" };
    let request = |at: u8, request: u8| match &state.calls[usize::from(at)].waits {
        Waits::Table(requests) => {
            let (request, got) = &requests[usize::from(request)];
            let rest = if matches!(got, Got::Half { .. }) { "the rest of " } else { "" };
            format!("{rest}{}", name(request))
        }
        _ => String::new(),
    };
    let notice = |at: u8, notice: u8| match &state.calls[usize::from(at)].waits {
        Waits::Tasks(notices) => told(&notices[usize::from(notice)].0),
        _ => String::new(),
    };
    match action {
        Action::Ask { client: c, stale } => format!("{} asks{}", client(c), old(stale)),
        Action::Copy { client: c, stale } => {
            format!("the request of {} is delivered once more{}", client(c), old(stale))
        }
        Action::Release { client: c, stale } => format!("{} releases its lease{}", client(c), old(stale)),
        Action::CopyRelease { client: c } => format!("the release of {} is delivered once more", client(c)),
        Action::OlderRelease { client: c } => format!("a release by the attempt before arrives from {}", client(c)),
        Action::Renew { client: c } => format!("{} renews its lease", client(c)),
        Action::Die { client: c } => format!("{} dies", client(c)),
        Action::Abandon { client: c } => format!("the task of {} times out", client(c)),
        Action::Report { client: c } => format!("the end of {} is reported", client(c)),
        Action::Redrive { client: c } => format!("{} is started again", client(c)),
        Action::Sweep { stale } => format!("a sweep begins{}", old(stale)),
        Action::ChangeLimit => "an operator changes the limit".to_owned(),
        Action::Serve { call: c, request: r, freeze } => format!("{}: {}{}", call(c), request(c, r), ice(freeze)),
        Action::Read { call: c, freeze } => match &state.calls[usize::from(c)].waits {
            Waits::Table(requests) => {
                let reads =
                    requests.iter().filter(|(request, got)| request.writes().is_empty() && !matches!(got, Got::All(_)));
                let names: Vec<String> = reads.map(|(request, _)| name(request)).collect();
                format!("{}: {}{}", call(c), names.join(", "), ice(freeze))
            }
            _ => String::new(),
        },
        Action::Half { call: c, request: r, below, index } => {
            let which = if below { "below" } else { "from" };
            format!("{}: {}, only slots {which} {index}", call(c), request(c, r))
        }
        Action::Lose { call: c, request: r, how } => {
            let how = match how {
                Lost::Reply => "served, but the reply is lost",
                Lost::Request => "the request is lost",
                Lost::Delayed => "no reply, the request is still on its way",
                Lost::Conflict => "refused: conflict",
                Lost::Throttled => "refused: throttled",
            };
            format!("{}: {}: {how}", call(c), request(c, r))
        }
        Action::Tell { call: c, notice: n, freeze } => format!("{}: {}{}", call(c), notice(c, n), ice(freeze)),
        Action::Unheard { call: c, notice: n, arrives } => {
            let how = if arrives { "it arrives, but the answer is lost" } else { "it is lost" };
            format!("{}: {}: {how}", call(c), notice(c, n))
        }
        Action::Answer { call: c, known, .. } => {
            format!("{}: does the execution run? {}", call(c), if known { "answered" } else { "not known" })
        }
        Action::Thaw { call: c } => format!("{}: goes on", call(c)),
        Action::Crash { call: c } => format!("{}: dies", call(c)),
        Action::Land { late } => format!("served late: {}", name(&state.late[usize::from(late)])),
        Action::Tick => "a millisecond passes".to_owned(),
    }
}

fn told(notice: &Notice) -> String {
    let who =
        Shared::owner(&notice.token).map_or(String::new(), |(client, attempt)| format!("task {client}.{attempt}"));
    match &notice.news {
        News::Acquired(lease) => {
            format!("tells {who}: {} {} until {}", lease.id.slot, lease.id.fence, lease.expires_at)
        }
        News::Failed(why) => format!("fails {who}: {why:?}"),
    }
}

fn name(request: &Request) -> String {
    match request {
        Request::Get(Key::Holder(_)) => "reads a holder".to_owned(),
        Request::Get(_) => "reads the settings".to_owned(),
        Request::Slots => "reads the slots".to_owned(),
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
    let what = match &write.change {
        Change::Put(Row::Slot(SlotRow { slot, fence, held: Some(held) })) => {
            format!("{slot} {fence} -> {} until {}", held.holder, held.expires_at)
        }
        Change::Put(Row::Slot(SlotRow { slot, .. })) => format!("{slot} -> free"),
        Change::Put(Row::Holder(row)) => match &row.state {
            HolderState::Waiting(_) => format!("{} waits", row.holder),
            HolderState::Holding { slot, fence, .. } => format!("{} holds {slot} {fence}", row.holder),
            HolderState::Ended { .. } => format!("{} has ended", row.holder),
        },
        Change::Put(Row::Wait(row)) => format!("{} joins the queue", row.holder),
        Change::Put(Row::Override(row)) => format!("limit {}", row.limit),
        Change::Put(_) => "summary".to_owned(),
        Change::Delete => "a place in the queue goes".to_owned(),
        Change::Extend(expires_at, _) => format!("lease until {expires_at}"),
        Change::Confirm => "confirmed".to_owned(),
    };
    format!("{what}{only}")
}
