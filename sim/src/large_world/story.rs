//! The story of a large world: what happened, one line each, in words for a person?

use leasehold_core::{Mutation, Refusal, Reply, Request, Row, RowKey};

use super::call::Caller;
use super::plan::MS;
use super::world::World;

impl World {
    /// Writes a line, where somebody reads it.
    pub(super) fn tell(&mut self, line: impl AsRef<str>) {
        let at = self.agenda.now();
        if let Some(story) = &mut self.story {
            let (seconds, micros) = (at / (1_000 * MS), at % (1_000 * MS));
            story.push(format!("[{seconds:5}.{micros:06}] {}", line.as_ref()));
        }
    }

    /// Who a call is from.
    pub(super) fn name_of(&self, call: u32) -> String {
        let one = &self.calls[call as usize];
        let whose = |holder: u32| &self.members[holder as usize].holder;
        let what = match one.by {
            Caller::Acquire { holder, task, is_heard } => {
                let again = if is_heard { "" } else { ", repeated" };
                format!("acquire by {} task {task}{again}", whose(holder))
            }
            Caller::Release { holder, is_heard, .. } => {
                let again = if is_heard { "" } else { ", repeated" };
                format!("release by {}{again}", whose(holder))
            }
            Caller::Renew { holder, .. } => format!("renew by {}", whose(holder)),
            Caller::Look { holder, .. } => format!("look by {}", whose(holder)),
            Caller::Leave { holder, .. } => format!("leave by {}", whose(holder)),
            Caller::Sweep { .. } => "sweep".into(),
            Caller::Ended { report } => {
                format!("end of {}", self.executions[self.reports[report as usize].execution as usize].id)
            }
            Caller::ReleaseAll { execution, .. } => {
                format!("release of all of {}", self.executions[execution as usize].id)
            }
            Caller::Operator => "operator".into(),
        };
        let clock = one.runs_on.map(|machine| {
            let time = self.machines[machine as usize].time(self.agenda.now());
            i128::from(time.0) - i128::from(self.time().0)
        });
        let clock = clock.filter(|ahead| *ahead != 0).map_or(String::new(), |ahead| format!(" (clock {ahead:+} ms)"));
        format!("call {call} on pool{}, {what}{clock}", one.pool)
    }

    /// A request was served.
    pub(super) fn tell_request(&mut self, pool: u16, request: &Request, reply: &Reply, by: Option<u32>) {
        let whose = by.map_or(format!("late, on pool{pool}"), |by| self.name_of(by));
        let key = |key: RowKey| match key {
            RowKey::Slot(slot) => slot.to_string(),
            RowKey::Holder(_) => "holder".into(),
            RowKey::Wait(ticket) => format!("place {}", ticket.at.0),
            other => format!("{other:?}").to_lowercase(),
        };
        let asked = match request {
            Request::Write(_) | Request::Transact(_) => {
                let writes = request.writes().iter().map(|write| {
                    let what = match &write.mutation {
                        Mutation::Put(row) => words(row),
                        other => format!("{other:?}"),
                    };
                    format!("{:?} {}: {what}", write.intent, key(write.key))
                });
                writes.collect::<Vec<_>>().join("; ")
            }
            Request::Get(at) => format!("get {}", key(*at)),
            other => format!("{other:?}"),
        };
        let answer = match reply {
            Reply::Refused(refusals) => {
                let one = |refusal: &Refusal| match refusal {
                    Refusal::Passed => "passed".into(),
                    Refusal::Failed(None) => "failed, there is none".into(),
                    Refusal::Failed(Some(row)) => format!("failed, there is {}", words(row)),
                };
                format!("refused: {}", refusals.iter().map(one).collect::<Vec<_>>().join("; "))
            }
            Reply::Row(row) => row.as_ref().map_or("none".into(), words),
            Reply::Slots(rows) => rows.iter().map(|row| words(&Row::Slot(row.clone()))).collect::<Vec<_>>().join(", "),
            Reply::Queue(rows, more) => {
                let rows = rows.iter().map(|row| words(&Row::Wait(row.clone()))).collect::<Vec<_>>().join(", ");
                format!("{rows}{}", if *more { ", more" } else { "" })
            }
            Reply::Holders(rows, more) => {
                let rows = rows.iter().map(|row| words(&Row::Holder(row.clone()))).collect::<Vec<_>>().join(", ");
                format!("{rows}{}", if *more { ", more" } else { "" })
            }
            other => format!("{other:?}").to_lowercase(),
        };
        self.tell(format!("{whose}: {asked} -> {answer}"));
    }
}

fn words(row: &Row) -> String {
    match row {
        Row::Slot(row) => match &row.held {
            None => format!("{} free, {}", row.slot, row.fence),
            Some(held) => {
                let notice = format!("{:?}", held.notice);
                let notice = notice.split('(').next().unwrap_or_default();
                format!(
                    "{} of {} on {}, {}, until {}, {notice}",
                    row.slot, held.holder, held.attempt, row.fence, held.expires_at.0
                )
            }
        },
        Row::Holder(row) => format!("{} on {}: {:?}", row.holder, row.attempt, row.state),
        Row::Wait(row) => format!("place {} of {} on {}", row.ticket.at.0, row.holder, row.attempt),
        other => format!("{other:?}"),
    }
}
