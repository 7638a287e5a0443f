//! What can happen next, and what comes of it? Every step of every call, every fault, every tick of the clock.

use leasehold_core::change::NewLimit;
use leasehold_core::gone::Ended;
use leasehold_core::machine::{Life, Notified, Operation};
use leasehold_core::nouns::{LeaseId, Limit, Millis};
use leasehold_core::renew::Longer;
use leasehold_core::table::{Reply, Request};

use super::judge::Violation;
use super::state::{By, Call, Got, Stage, State, Task, Waits};
use super::world::{Blind, Order, Shared};
use super::{Seen, promise};
use crate::digest::Hashed;

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// A client asks, with the settings it has cached from before a change or with the new ones.
    Ask { client: u8, stale: bool },
    /// The same request is delivered once more.
    Copy { client: u8, stale: bool },
    /// A client gives its lease back.
    Release { client: u8, stale: bool },
    /// The same release is delivered once more.
    CopyRelease { client: u8 },
    /// The release of the attempt before arrives.
    OlderRelease { client: u8 },
    /// A client renews its lease.
    Renew { client: u8 },
    /// A client dies without a word.
    Die { client: u8 },
    /// A client's task times out while it waits.
    Abandon { client: u8 },
    /// The end of a client's execution is reported.
    Report { client: u8 },
    /// An execution that ended earlier is started again.
    Redrive { client: u8 },
    /// A sweep begins.
    Sweep { stale: bool },
    /// An operator changes the limit.
    ChangeLimit,
    /// A request is served.
    Serve { call: u8, request: u8, freeze: bool },
    /// All reads of a step are served.
    Read { call: u8, freeze: bool },
    /// A query reads its first rows; the others follow at another moment.
    Half { call: u8, request: u8, below: bool, index: u8 },
    /// A request fails on the way.
    Lose { call: u8, request: u8, how: Lost },
    /// A notice is sent.
    Tell { call: u8, notice: u8, freeze: bool },
    /// A notice gets no answer.
    Unheard { call: u8, notice: u8, arrives: bool },
    /// A question whether an execution runs is answered.
    Answer { call: u8, question: u8, known: bool },
    /// A frozen call goes on.
    Thaw { call: u8 },
    /// A call dies.
    Crash { call: u8 },
    /// A write that got no answer is served after all.
    Land { late: u8 },
    /// A millisecond passes.
    Tick,
}

/// How a request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// Served, but the reply is lost.
    Reply,
    /// Never served.
    Request,
    /// Served, but much later.
    Delayed,
    /// Refused because of a conflict.
    Conflict,
    /// Refused because of too many requests.
    Throttled,
}

#[allow(clippy::cast_possible_truncation, reason = "worlds have a handful of everything")]
const fn small(number: usize) -> u8 {
    number as u8
}

impl Shared {
    /// Everything that can happen next.
    pub(crate) fn actions(&self, state: &State) -> Vec<Action> {
        let mut actions = vec![];
        let stale_too =
            self.world.change.is_some_and(|change| state.changed_at.is_some_and(|at| state.now < at + change.cache));
        let with_settings = |actions: &mut Vec<Action>, action: fn(u8, bool) -> Action, client: u8| {
            actions.push(action(client, false));
            if stale_too {
                actions.push(action(client, true));
            }
        };
        let idle = state.clients.iter().position(|asker| asker.stage == Stage::Idle);
        if let Some(idle) = idle.filter(|_| self.world.asks_at_once()) {
            return vec![Action::Ask { client: small(idle), stale: false }];
        }
        for (at, asker) in state.clients.iter().enumerate() {
            let client = small(at);
            match asker.stage {
                Stage::Idle => with_settings(&mut actions, |client, stale| Action::Ask { client, stale }, client),
                Stage::Asking if state.left.abandon > 0 => actions.push(Action::Abandon { client }),
                Stage::Working => {
                    with_settings(&mut actions, |client, stale| Action::Release { client, stale }, client);
                    if asker.renews > 0 {
                        actions.push(Action::Renew { client });
                    }
                    if state.left.die > 0 {
                        actions.push(Action::Die { client });
                    }
                }
                _ => {}
            }
            if state.left.copy > 0 && asker.begun > 0 {
                with_settings(&mut actions, |client, stale| Action::Copy { client, stale }, client);
            }
            if state.left.copy > 0 && asker.lease.is_some() && matches!(asker.stage, Stage::Releasing | Stage::Over) {
                actions.push(Action::CopyRelease { client });
            }
            if state.left.older_release > 0 && asker.begun > 1 {
                actions.push(Action::OlderRelease { client });
            }
            if let Some(ended) = asker.report {
                actions.push(Action::Report { client });
                if state.left.redrive > 0 && asker.stage == Stage::Over && ended < Millis(state.now) {
                    actions.push(Action::Redrive { client });
                }
            }
        }
        if state.sweeps > 0 && !state.calls.iter().any(|call| call.by == By::Sweep && !call.frozen) {
            with_settings(&mut actions, |_, stale| Action::Sweep { stale }, 0);
        }
        if state.changes > 0 {
            actions.push(Action::ChangeLimit);
        }
        for (at, call) in state.calls.iter().enumerate() {
            self.actions_of(state, small(at), call, &mut actions);
        }
        actions.extend((0..state.late.len()).map(|late| Action::Land { late: small(late) }));
        if state.now < super::world::BEGIN + self.world.ticks {
            actions.push(Action::Tick);
        }
        actions
    }

    fn actions_of(&self, state: &State, at: u8, call: &Call, actions: &mut Vec<Action>) {
        if call.frozen {
            actions.push(Action::Thaw { call: at });
        }
        if state.left.crash > 0 {
            actions.push(Action::Crash { call: at });
        }
        if call.frozen {
            return;
        }
        let freezes = |i: usize| state.left.freeze > 0 && call.waits.is_last(i);
        match &call.waits {
            Waits::Table(requests) => {
                let open = |at: usize| requests.get(at).is_some_and(|(_, got)| !matches!(got, Got::All(_)));
                let reads = |at: usize| requests[at].0.writes().is_empty();
                let together = self.world.order == Order::ReadsTogether;
                if together && (0..requests.len()).any(|at| open(at) && reads(at)) {
                    actions.push(Action::Read { call: at, freeze: false });
                    if state.left.freeze > 0 && (0..requests.len()).all(|at| !open(at) || reads(at)) {
                        actions.push(Action::Read { call: at, freeze: true });
                    }
                }
                for i in self.in_order((0..requests.len()).filter(|at| open(*at))) {
                    let (request, got) = &requests[i];
                    let number = small(i);
                    if together && reads(i) {
                        if state.left.refuse > 0 {
                            actions.push(Action::Lose { call: at, request: number, how: Lost::Throttled });
                        }
                        continue;
                    }
                    actions.push(Action::Serve { call: at, request: number, freeze: false });
                    if freezes(i) {
                        actions.push(Action::Serve { call: at, request: number, freeze: true });
                    }
                    let writes = !request.writes().is_empty();
                    if state.left.refuse > 0 {
                        actions.push(Action::Lose { call: at, request: number, how: Lost::Throttled });
                        if writes {
                            actions.push(Action::Lose { call: at, request: number, how: Lost::Conflict });
                        }
                    }
                    if state.left.lose > 0 && writes {
                        for how in [Lost::Reply, Lost::Request, Lost::Delayed] {
                            actions.push(Action::Lose { call: at, request: number, how });
                        }
                    }
                    if self.world.torn && *request == Request::Slots && *got == Got::Nothing {
                        for index in 1..small(state.table.slots().count()) {
                            actions.push(Action::Half { call: at, request: number, below: true, index });
                            actions.push(Action::Half { call: at, request: number, below: false, index });
                        }
                    }
                }
            }
            Waits::Tasks(notices) => {
                for i in self.in_order((0..notices.len()).filter(|at| notices[*at].1.is_none())) {
                    let notice = small(i);
                    actions.push(Action::Tell { call: at, notice, freeze: false });
                    if freezes(i) {
                        actions.push(Action::Tell { call: at, notice, freeze: true });
                    }
                    if state.left.unheard > 0 {
                        actions.push(Action::Unheard { call: at, notice, arrives: true });
                        actions.push(Action::Unheard { call: at, notice, arrives: false });
                    }
                }
            }
            Waits::Lives(lives) => {
                for i in self.in_order((0..lives.len()).filter(|at| lives[*at].1.is_none())) {
                    actions.push(Action::Answer { call: at, question: small(i), known: true });
                    if state.left.unknown_life > 0 {
                        actions.push(Action::Answer { call: at, question: small(i), known: false });
                    }
                }
            }
        }
    }

    /// Those of the open ones that may come next.
    fn in_order(&self, open: impl Iterator<Item = usize>) -> impl Iterator<Item = usize> {
        open.take(if self.world.order == Order::Every { usize::MAX } else { 1 })
    }

    /// What comes of it.
    pub(crate) fn apply(&self, state: &mut State, action: Action, seen: &mut Seen) -> Result<(), Violation> {
        match action {
            Action::Ask { client, stale } => {
                let client = usize::from(client);
                // The clock of whoever runs the workflow, which is also that of its events.
                let entered = Millis(state.now);
                state.client(client, |asker| {
                    asker.stage = Stage::Asking;
                    asker.begun += 1;
                    asker.entered = entered;
                    asker.tasks.push(Task::Open);
                });
                self.acquire(state, client, stale, seen)
            }
            Action::Copy { client, stale } => {
                state.left.copy -= 1;
                state.faulted = true;
                self.acquire(state, usize::from(client), stale, seen)
            }
            Action::Release { client, stale } => {
                let client = usize::from(client);
                state.client(client, |asker| asker.stage = Stage::Releasing);
                self.release(state, client, stale, seen)
            }
            Action::CopyRelease { client } => {
                state.left.copy -= 1;
                state.faulted = true;
                self.release(state, usize::from(client), false, seen)
            }
            Action::OlderRelease { client } => {
                state.left.older_release -= 1;
                state.faulted = true;
                self.release_older(state, usize::from(client), seen)
            }
            Action::Renew { client } => {
                let client = usize::from(client);
                state.client(client, |asker| asker.renews -= 1);
                let Some(told) = state.clients[client].lease else { return Ok(()) };
                let id = LeaseId { prefix: self.prefix.clone(), slot: told.slot, fence: told.fence };
                let lease = self.world.asks_for.map(|(lease, _)| Millis(lease));
                let longer = Operation::Renew(Longer { id, lease });
                self.begin_call(state, By::Renew(client), self.world.clients[client].skew, false, longer, seen)
            }
            Action::Die { client } => {
                state.left.die -= 1;
                state.faulted = true;
                self.over(state, usize::from(client));
                Ok(())
            }
            Action::Abandon { client } => {
                state.left.abandon -= 1;
                state.faulted = true;
                self.task_ends(state, usize::from(client));
                Ok(())
            }
            Action::Report { client } => {
                let client = usize::from(client);
                // Whatever it acquired in the millisecond of its end, it acquired before.
                let ended = state.clients[client].report.unwrap_or_default() + Millis(1);
                let at = if self.world.is_blind(Blind::WhenItEnded) { Millis(state.now + 1) } else { ended };
                state.client(client, |asker| asker.report = None);
                let execution = self.holder(client).execution().into();
                let ended = Operation::Gone(Ended { execution, at, after: None });
                let same = |other: usize| self.holder(other) == self.holder(client);
                let mine = |by: By| matches!(by, By::Acquire(c, _) | By::Release(c) | By::Renew(c) if same(c));
                let alone = state.left.copy == 0
                    && state.late.is_empty()
                    && !state.calls.iter().any(|call| mine(call.by))
                    && (0..state.clients.len()).all(|c| !same(c) || state.clients[c].stage == Stage::Over);
                self.begin_call(state, By::Gone(client, alone.then_some(at)), 0, false, ended, seen)
            }
            Action::Redrive { client } => {
                state.left.redrive -= 1;
                state.client(usize::from(client), |asker| asker.stage = Stage::Idle);
                Ok(())
            }
            Action::Sweep { stale } => {
                state.sweeps -= 1;
                self.begin_call(state, By::Sweep, self.world.sweep_skew, stale, Operation::Sweep, seen)
            }
            Action::ChangeLimit => {
                let second = state.changes == 1;
                state.changes -= 1;
                let to = self.world.change.map_or(0, |change| change.then.filter(|_| second).unwrap_or(change.to));
                let Ok(limit) = Limit::try_from(u64::from(to)) else { return Ok(()) };
                let new = NewLimit { limit, who: "operator".into(), why: "because".into() };
                self.begin_call(state, By::Change(state.now), 0, false, Operation::Change(new), seen)
            }
            Action::Tick => {
                state.now += 1;
                // The change itself is an operation too, and ends before its deadline.
                if let Some(change) = self.world.change {
                    let now = state.now;
                    let over =
                        |call: &Hashed<Call>| matches!(call.by, By::Change(begun) if now >= begun + change.quiet);
                    state.calls.retain(|call| !over(call));
                }
                if let (Some(change), Some(at)) = (self.world.change, state.changed_at) {
                    // A call ends before its deadline, and its writes are served or never: nobody uses old
                    // settings after the quiet period.
                    if state.now >= at + change.quiet {
                        let (late, calls): (Vec<_>, Vec<_>) = state.calls.drain(..).partition(|call| call.stale);
                        state.calls = calls;
                        late.iter().for_each(|call| self.invocation_failed(state, call.by));
                        state.late.clear();
                    }
                }
                Ok(())
            }
            Action::Crash { call } => {
                state.left.crash -= 1;
                state.faulted = true;
                let call = state.calls.remove(usize::from(call)).into_inner();
                self.invocation_failed(state, call.by);
                Ok(())
            }
            Action::Land { late } => {
                let request = state.late.remove(usize::from(late)).into_inner();
                self.serve(state, None, &request, seen).map(|_| ())
            }
            Action::Thaw { call } => {
                let call = state.calls.remove(usize::from(call)).into_inner();
                self.resume(state, Call { frozen: false, ..call }, seen)
            }
            Action::Serve { call, request, freeze } => {
                let mut call = state.calls.remove(usize::from(call)).into_inner();
                if let Waits::Table(requests) = &mut call.waits {
                    let (request, got) = &mut requests[usize::from(request)];
                    let mut reply = self.serve(state, Some(call.by), request, seen)?;
                    if let (Got::Half { below, index, rows }, Reply::Slots(now)) = (&*got, &mut reply) {
                        now.retain(|row| (row.slot.0 < *index) != *below);
                        now.extend(rows.iter().cloned());
                        now.sort_by_key(|row| row.slot);
                    }
                    *got = Got::All(reply);
                }
                self.answered(state, call, freeze, seen)
            }
            Action::Read { call, freeze } => {
                let mut call = state.calls.remove(usize::from(call)).into_inner();
                if let Waits::Table(requests) = &mut call.waits {
                    for (request, got) in requests.iter_mut().filter(|(request, _)| request.writes().is_empty()) {
                        if !matches!(got, Got::All(_)) {
                            *got = Got::All(self.serve(state, Some(call.by), request, seen)?);
                        }
                    }
                }
                self.answered(state, call, freeze, seen)
            }
            Action::Half { call, request, below, index } => {
                let mut call = state.calls.remove(usize::from(call)).into_inner();
                if let Waits::Table(requests) = &mut call.waits {
                    let (request, got) = &mut requests[usize::from(request)];
                    if let Reply::Slots(rows) = self.serve(state, Some(call.by), request, seen)? {
                        let index = u32::from(index);
                        let rows = rows.into_iter().filter(|row| (row.slot.0 < index) == below).collect();
                        *got = Got::Half { below, index, rows };
                    }
                }
                state.add_call(call);
                Ok(())
            }
            Action::Lose { call, request, how } => {
                let mut call = state.calls.remove(usize::from(call)).into_inner();
                state.faulted = true;
                if let Waits::Table(requests) = &mut call.waits {
                    let (request, got) = &mut requests[usize::from(request)];
                    let reply = match how {
                        Lost::Reply => {
                            self.serve(state, Some(call.by), request, seen)?;
                            Reply::Unknown
                        }
                        Lost::Request => Reply::Unknown,
                        Lost::Delayed => {
                            state.add_late(request.clone());
                            Reply::Unknown
                        }
                        Lost::Conflict => Reply::Conflict,
                        Lost::Throttled => Reply::Throttled,
                    };
                    *got = Got::All(reply);
                }
                match how {
                    Lost::Conflict | Lost::Throttled => state.left.refuse -= 1,
                    _ => state.left.lose -= 1,
                }
                self.answered(state, call, false, seen)
            }
            Action::Tell { call, notice, freeze } => {
                let mut call = state.calls.remove(usize::from(call)).into_inner();
                if let Waits::Tasks(notices) = &mut call.waits {
                    let (notice, answer) = &mut notices[usize::from(notice)];
                    *answer = Some(self.deliver(state, notice, seen)?);
                }
                self.answered(state, call, freeze, seen)
            }
            Action::Unheard { call, notice, arrives } => {
                let mut call = state.calls.remove(usize::from(call)).into_inner();
                state.left.unheard -= 1;
                state.faulted = true;
                if let Waits::Tasks(notices) = &mut call.waits {
                    let (notice, answer) = &mut notices[usize::from(notice)];
                    if arrives {
                        self.deliver(state, notice, seen)?;
                    }
                    *answer = Some(Notified::Unknown);
                }
                self.answered(state, call, false, seen)
            }
            Action::Answer { call, question, known } => {
                let mut call = state.calls.remove(usize::from(call)).into_inner();
                if !known {
                    state.left.unknown_life -= 1;
                }
                if let Waits::Lives(lives) = &mut call.waits {
                    let (execution, life) = &mut lives[usize::from(question)];
                    *life = Some(if known { self.life(state, execution) } else { Life::Unknown });
                }
                self.answered(state, call, false, seen)
            }
        }
    }

    /// Runs one call to its end, alone and without faults: what the next sweep would do.
    pub(crate) fn sweep_alone(&self, state: &mut State, seen: &mut Seen) -> Result<(), Violation> {
        self.begin_call(state, By::Sweep, 0, false, Operation::Sweep, seen)?;
        for _ in 0..10_000 {
            let Some(call) = state.calls.first() else { return Ok(()) };
            let first = match &call.waits {
                Waits::Table(requests) => {
                    let next = requests.iter().position(|(_, got)| !matches!(got, Got::All(_)));
                    next.map(|next| Action::Serve { call: 0, request: small(next), freeze: false })
                }
                Waits::Tasks(notices) => {
                    let next = notices.iter().position(|(_, answer)| answer.is_none());
                    next.map(|next| Action::Tell { call: 0, notice: small(next), freeze: false })
                }
                Waits::Lives(lives) => {
                    let next = lives.iter().position(|(_, life)| life.is_none());
                    next.map(|next| Action::Answer { call: 0, question: small(next), known: true })
                }
            };
            let Some(action) = first else { return Err(Violation::new(promise::STUCK, "a call waits for nothing")) };
            self.apply(state, action, seen)?;
        }
        Err(Violation::new(promise::STUCK, "a sweep that runs alone never ends"))
    }
}
