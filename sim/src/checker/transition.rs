//! Transitions: what can happen next, and what comes of it? Every step of every call, every fault, every tick of the clock.

use leasehold_core::{
    AnyOperation, Author, Delivery, Effect, EndOverride, ExecutionStatus, ExpectedOverride, ExpectedSettings, LeaseId,
    Limit, Millis, PoolPatch, RenewRequest, Reply, Request, RetirePool, SetLimit, SetPool, SweepRequest, Timestamp,
};

use super::invariants::Violation;
use super::state::{Call, Caller, Stage, Task, TornRead, WorldState};
use super::step_memo::Told;
use super::world::{OperatorAction, Order, SettingsOf, Shared};
use super::{Coverage, property};
use crate::digest::Hashed;

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Transition {
    /// A client asks, with the settings it has cached from before a change or with the new ones.
    Ask { client: u8, settings: SettingsOf },
    /// The same request is delivered once more.
    Copy { client: u8, settings: SettingsOf },
    /// A client gives its lease back.
    Release { client: u8, settings: SettingsOf },
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
    /// An execution that failed goes on from where it failed.
    RedriveInPlace { client: u8 },
    /// The end of a client's execution is reported once more.
    ReportAgain { client: u8 },
    /// An execution ends with all its branches, of which this client is one.
    End { client: u8 },
    /// A branch of an execution that goes on is cancelled.
    Cancel { client: u8 },
    /// A waiter without a token is killed.
    Kill { client: u8 },
    /// A waiter without a token looks whether it was granted a lease.
    Look { client: u8 },
    /// A sweep begins.
    Sweep { settings: SettingsOf },
    /// The next operator begins.
    Operate,
    /// A request is served.
    Serve { call: u8, request: u8, freeze: bool },
    /// All reads of a step are served.
    Read { call: u8, freeze: bool },
    /// A query reads its first rows; the others follow at another moment.
    Half { call: u8, request: u8, below: bool, index: u8 },
    /// A request fails on the way.
    Lose { call: u8, request: u8, how: Lost },
    /// A callback is sent.
    Tell { call: u8, callback: u8, freeze: bool },
    /// A callback gets no answer.
    Unheard { call: u8, callback: u8, arrives: bool },
    /// A callback is refused for good.
    Refuse { call: u8, callback: u8 },
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
pub(super) const fn small(number: usize) -> u8 {
    number as u8
}

impl Transition {
    /// The call that it is a step of, and the same step of the first call; none: it is one of no call, or may look at
    /// others. What is listed here, or in `looks_at_no_call`, is taken once, alone, and remembered (`lone_step.rs`).
    pub(crate) fn of_call(self) -> Option<(u8, Transition)> {
        let mut step = self;
        let (Transition::Serve { call, .. }
        | Transition::Read { call, .. }
        | Transition::Half { call, .. }
        | Transition::Lose { call, .. }
        | Transition::Tell { call, .. }
        | Transition::Unheard { call, .. }
        | Transition::Answer { call, .. }
        | Transition::Thaw { call }
        | Transition::Crash { call }) = &mut step
        else {
            return None;
        };
        let call = std::mem::take(call);
        Some((call, step))
    }

    /// Whether it is a step of a client, the schedule or an operator that looks at no call under way.
    pub(crate) fn looks_at_no_call(self) -> bool {
        matches!(
            self,
            Transition::Ask { .. }
                | Transition::Copy { .. }
                | Transition::Release { .. }
                | Transition::CopyRelease { .. }
                | Transition::OlderRelease { .. }
                | Transition::Renew { .. }
                | Transition::Die { .. }
                | Transition::Abandon { .. }
                | Transition::Redrive { .. }
                | Transition::Sweep { .. }
        )
    }
}

impl Shared {
    /// Everything that can happen next.
    pub(crate) fn actions(&self, state: &WorldState) -> Vec<Transition> {
        let mut actions = vec![];
        let settings = self.settings_of(state);
        let with_settings = |actions: &mut Vec<Transition>, action: fn(u8, SettingsOf) -> Transition, client: u8| {
            actions.extend(settings.iter().map(|settings| action(client, *settings)));
        };
        let may_ask = !self.world.one_at_a_time || state.is_quiet();
        let idle = state.clients.iter().position(|client| client.stage == Stage::Idle && may_ask);
        if let Some(idle) = idle.filter(|_| self.world.asks_at_once()) {
            return vec![Transition::Ask { client: small(idle), settings: SettingsOf::Now }];
        }
        for (at, client) in state.clients.iter().enumerate() {
            let number = small(at);
            match client.stage {
                Stage::Idle if may_ask => {
                    with_settings(&mut actions, |client, settings| Transition::Ask { client, settings }, number)
                }
                Stage::Asking if state.left.abandon > 0 => actions.push(Transition::Abandon { client: number }),
                Stage::Working => {
                    if self.world.clients[at].releases {
                        with_settings(
                            &mut actions,
                            |client, settings| Transition::Release { client, settings },
                            number,
                        );
                    }
                    if client.renews > 0 {
                        actions.push(Transition::Renew { client: number });
                    }
                    if state.left.die > 0 {
                        actions.push(Transition::Die { client: number });
                    }
                }
                _ => {}
            }
            if state.left.copy > 0 && client.begun > 0 {
                with_settings(&mut actions, |client, settings| Transition::Copy { client, settings }, number);
            }
            if state.left.copy > 0 && client.lease.is_some() && matches!(client.stage, Stage::Releasing | Stage::Over) {
                actions.push(Transition::CopyRelease { client: number });
            }
            if state.left.older_release > 0 && client.begun > 1 {
                actions.push(Transition::OlderRelease { client: number });
            }
            self.ends_of(state, at, &mut actions);
            self.deaths_of(state, at, &mut actions);
        }
        if state.sweeps > 0 && !state.calls.iter().any(|call| call.by == Caller::Sweep && !call.frozen) {
            with_settings(&mut actions, |_, settings| Transition::Sweep { settings }, 0);
        }
        if state.operators > 0 {
            actions.push(Transition::Operate);
        }
        for (at, call) in state.calls.iter().enumerate() {
            self.actions_of(state, small(at), call, &mut actions);
        }
        actions.extend((0..state.late.len()).map(|late| Transition::Land { late: small(late) }));
        if state.now < super::world::BEGIN + self.world.ticks {
            actions.push(Transition::Tick);
        }
        actions
    }

    fn actions_of(&self, state: &WorldState, at: u8, call: &Call, actions: &mut Vec<Transition>) {
        if call.frozen {
            actions.push(Transition::Thaw { call: at });
        }
        if state.left.crash > 0 {
            actions.push(Transition::Crash { call: at });
        }
        if call.frozen {
            return;
        }
        let in_flight = &call.in_flight;
        let freezes = |i: usize| state.left.freeze > 0 && in_flight.is_last(i);
        let reads = |effect: &Effect| matches!(effect, Effect::Request(request) if request.writes().is_empty());
        let together = self.world.order == Order::ReadsTogether;
        if together && in_flight.unanswered().any(|(_, effect)| reads(effect)) {
            actions.push(Transition::Read { call: at, freeze: false });
            if state.left.freeze > 0 && in_flight.unanswered().all(|(_, effect)| reads(effect)) {
                actions.push(Transition::Read { call: at, freeze: true });
            }
        }
        for i in self.in_order(in_flight.unanswered().map(|(i, _)| i)) {
            let number = small(i);
            match in_flight.effect(i) {
                Some(Effect::Request(request)) => {
                    if together && request.writes().is_empty() {
                        if state.left.refuse > 0 {
                            actions.push(Transition::Lose { call: at, request: number, how: Lost::Throttled });
                        }
                        continue;
                    }
                    actions.push(Transition::Serve { call: at, request: number, freeze: false });
                    if freezes(i) {
                        actions.push(Transition::Serve { call: at, request: number, freeze: true });
                    }
                    self.failures_of(state, call, at, number, request, actions);
                }
                Some(Effect::Callback(_)) => {
                    actions.push(Transition::Tell { call: at, callback: number, freeze: false });
                    if freezes(i) {
                        actions.push(Transition::Tell { call: at, callback: number, freeze: true });
                    }
                    if state.left.refuse_notice > 0 {
                        actions.push(Transition::Refuse { call: at, callback: number });
                    }
                    if state.left.unheard > 0 {
                        actions.push(Transition::Unheard { call: at, callback: number, arrives: true });
                        actions.push(Transition::Unheard { call: at, callback: number, arrives: false });
                    }
                }
                Some(Effect::StatusCheck(_)) => {
                    actions.push(Transition::Answer { call: at, question: number, known: true });
                    if state.left.unknown_status > 0 {
                        actions.push(Transition::Answer { call: at, question: number, known: false });
                    }
                }
                None => {}
            }
        }
    }

    /// How a request may fail, or be read in two halves.
    fn failures_of(
        &self,
        state: &WorldState,
        call: &Call,
        at: u8,
        number: u8,
        request: &Request,
        actions: &mut Vec<Transition>,
    ) {
        let writes = !request.writes().is_empty();
        if state.left.refuse > 0 {
            actions.push(Transition::Lose { call: at, request: number, how: Lost::Throttled });
            if writes {
                actions.push(Transition::Lose { call: at, request: number, how: Lost::Conflict });
            }
        }
        if state.left.lose > 0 && writes {
            for how in [Lost::Reply, Lost::Request, Lost::Delayed] {
                actions.push(Transition::Lose { call: at, request: number, how });
            }
        }
        if self.world.torn && matches!(request, Request::Slots(..)) && call.half.is_none() {
            for index in 1..small(state.table.slots().count()) {
                actions.push(Transition::Half { call: at, request: number, below: true, index });
                actions.push(Transition::Half { call: at, request: number, below: false, index });
            }
        }
    }

    /// Those of the open ones that may come next.
    fn in_order(&self, open: impl Iterator<Item = usize>) -> impl Iterator<Item = usize> {
        open.take(if self.world.order == Order::Every { usize::MAX } else { 1 })
    }

    /// What comes of it.
    pub(crate) fn apply(
        &self,
        state: &mut WorldState,
        action: Transition,
        seen: &mut Coverage,
    ) -> Result<(), Violation> {
        match action {
            Transition::Ask { client, settings } => {
                let client = usize::from(client);
                // The clock of whoever runs the workflow, which is also that of its events.
                let now = Timestamp(state.now);
                let stays = self.world.faults.redrive_in_place > 0 && state.clients[client].begun > 0;
                state.client(client, |client| {
                    client.stage = Stage::Asking;
                    client.begun += 1;
                    client.dead_grants = 0;
                    client.entered = if stays { client.entered } else { now };
                    client.tasks.push(Task::Open);
                });
                self.acquire(state, client, settings, seen)
            }
            Transition::Copy { client, settings } => {
                state.left.copy -= 1;
                state.faulted = true;
                self.acquire(state, usize::from(client), settings, seen)
            }
            Transition::Release { client, settings } => {
                let client = usize::from(client);
                state.client(client, |client| client.stage = Stage::Releasing);
                self.release(state, client, settings, seen)
            }
            Transition::CopyRelease { client } => {
                state.left.copy -= 1;
                state.faulted = true;
                self.release(state, usize::from(client), SettingsOf::Now, seen)
            }
            Transition::OlderRelease { client } => {
                state.left.older_release -= 1;
                state.faulted = true;
                self.release_older(state, usize::from(client), seen)
            }
            Transition::Renew { client } => {
                let client = usize::from(client);
                state.client(client, |client| client.renews -= 1);
                let Some(told) = state.clients[client].lease else { return Ok(()) };
                let id = LeaseId { prefix: self.prefix.clone(), slot: told.slot, fence: told.fence };
                let lease = self.world.asks_for.map(|(lease, _)| Millis(lease));
                let renew = RenewRequest { id, lease };
                let skew = self.world.skew_of(client);
                self.begin_call(state, Caller::Renew(client), skew, SettingsOf::Now, renew, seen)
            }
            Transition::Die { client } => {
                state.left.die -= 1;
                state.faulted = true;
                seen.died = true;
                self.over(state, usize::from(client));
                Ok(())
            }
            Transition::Abandon { client } => {
                state.left.abandon -= 1;
                state.faulted = true;
                self.task_ends(state, usize::from(client));
                Ok(())
            }
            Transition::Report { client }
            | Transition::ReportAgain { client }
            | Transition::Redrive { client }
            | Transition::RedriveInPlace { client }
            | Transition::End { client } => self.end(state, usize::from(client), action, seen),
            Transition::Cancel { client } | Transition::Kill { client } => {
                self.vanish(state, usize::from(client), action, seen);
                Ok(())
            }
            Transition::Look { client } => {
                seen.looked = true;
                self.acquire(state, usize::from(client), SettingsOf::Now, seen)
            }
            Transition::Sweep { settings } => {
                state.sweeps -= 1;
                self.begin_call(state, Caller::Sweep, self.world.sweep_skew, settings, SweepRequest, seen)
            }
            Transition::Operate => {
                let actions = self.world.operator_plan.map_or([None; 3], |change| change.operators);
                let all = actions.iter().flatten().count();
                let next = all - usize::from(state.operators);
                state.operators -= 1;
                let Some(action) = actions.iter().flatten().nth(next) else { return Ok(()) };
                let by = Caller::Operator(small(next), state.now);
                self.begin_call(state, by, 0, SettingsOf::Now, operation(*action), seen)
            }
            Transition::Tick => {
                state.now += 1;
                self.override_lapses(state)?;
                // The change itself is an operation too, and ends before its deadline.
                if let Some(change) = self.world.operator_plan {
                    let now = state.now;
                    let over = |call: &Hashed<Call>| matches!(call.by, Caller::Operator(_, begun) if now >= begun + change.quiet);
                    state.calls.retain(|call| !over(call));
                }
                if let Some(plan) = self.world.operator_plan {
                    // A call ends before its deadline, and its writes are served or never: nobody uses old
                    // settings after the quiet period.
                    let over = |changed: Option<u64>| changed.is_some_and(|at| state.now >= at + plan.quiet);
                    let (rows, mark) = (over(state.changed_at), over(state.mark_before.map(|before| before.moved_at)));
                    let (late, calls): (Vec<_>, Vec<_>) =
                        state.calls.drain(..).partition(|call| rows && call.old.rows || mark && call.old.mark);
                    state.calls = calls;
                    late.iter().for_each(|call| self.invocation_failed(state, call.by));
                    if rows {
                        state.late.clear();
                    }
                    state.mark_before = state.mark_before.filter(|_| !mark);
                }
                Ok(())
            }
            Transition::Crash { call } => {
                state.left.crash -= 1;
                state.faulted = true;
                seen.crashed = true;
                let call = state.calls.remove(usize::from(call));
                self.invocation_failed(state, call.by);
                Ok(())
            }
            Transition::Land { late } => {
                let request = state.late.remove(usize::from(late)).into_inner();
                seen.served_late |= self.serve(state, None, &request, seen)? == Reply::Written;
                Ok(())
            }
            Transition::Thaw { call } => {
                let call = state.calls.remove(usize::from(call));
                self.tell(state, call, Told::Thaw, false, seen)
            }
            Transition::Serve { call, request, freeze } => {
                let call = state.calls.remove(usize::from(call));
                let at = usize::from(request);
                let Some(Effect::Request(request)) = call.in_flight.effect(at) else { return Ok(()) };
                let mut reply = self.serve(state, Some(call.by), request, seen)?;
                if let (Reply::Slots(now), true) = (&mut reply, matches!(request, Request::Slots(..)))
                    && let Some(TornRead { below, index, rows }) = &call.half
                {
                    let whole = now.clone();
                    now.retain(|row| (row.slot.0 < *index) != *below);
                    now.extend(rows.iter().cloned());
                    now.sort_by_key(|row| row.slot);
                    seen.torn |= *now != whole;
                    let answers = Told::AnswersAnew(vec![(at, reply.into())]);
                    return self.tell(state, call, answers, freeze, seen);
                }
                self.tell(state, call, Told::Answers(vec![(at, reply.into())]), freeze, seen)
            }
            Transition::Read { call, freeze } => {
                let call = state.calls.remove(usize::from(call));
                let mut answers = vec![];
                for (at, request) in reads_of(&call) {
                    answers.push((at, self.serve(state, Some(call.by), request, seen)?.into()));
                }
                self.tell(state, call, Told::Answers(answers), freeze, seen)
            }
            Transition::Half { call, request, below, index } => {
                let mut call = state.calls.remove(usize::from(call)).into_inner();
                if let Some(Effect::Request(request)) = call.in_flight.effect(usize::from(request)).cloned()
                    && let Reply::Slots(rows) = self.serve(state, Some(call.by), &request, seen)?
                {
                    let index = u32::from(index);
                    let rows = rows.into_iter().filter(|row| (row.slot.0 < index) == below).collect();
                    call.half = Some(TornRead { below, index, rows });
                }
                state.add_call(call);
                Ok(())
            }
            Transition::Lose { call, request, how } => {
                let call = state.calls.remove(usize::from(call));
                state.faulted = true;
                let at = usize::from(request);
                let Some(Effect::Request(request)) = call.in_flight.effect(at) else { return Ok(()) };
                let reply = match how {
                    Lost::Reply => {
                        seen.reply_lost |= self.serve(state, Some(call.by), request, seen)? == Reply::Written;
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
                match how {
                    Lost::Conflict | Lost::Throttled => {
                        state.left.refuse -= 1;
                        seen.table_refused = true;
                    }
                    _ => {
                        state.left.lose -= 1;
                        seen.give_back_lost |= matches!(call.by, Caller::Release(_));
                    }
                }
                self.tell(state, call, Told::AnswersAnew(vec![(at, reply.into())]), false, seen)
            }
            Transition::Tell { call, callback, freeze } => {
                let call = state.calls.remove(usize::from(call));
                let at = usize::from(callback);
                let Some(Effect::Callback(callback)) = call.in_flight.effect(at) else { return Ok(()) };
                let delivery = self.deliver(state, callback, seen)?;
                self.tell(state, call, Told::Answers(vec![(at, delivery.into())]), freeze, seen)
            }
            Transition::Unheard { call, callback, arrives } => {
                let call = state.calls.remove(usize::from(call));
                state.left.unheard -= 1;
                seen.unheard = true;
                state.faulted = true;
                let at = usize::from(callback);
                let Some(Effect::Callback(callback)) = call.in_flight.effect(at) else { return Ok(()) };
                if arrives {
                    self.deliver(state, callback, seen)?;
                }
                self.tell(state, call, Told::Answers(vec![(at, Delivery::Unknown.into())]), false, seen)
            }
            Transition::Refuse { call, callback } => {
                let call = state.calls.remove(usize::from(call));
                self.refuse(state, call, usize::from(callback), seen)
            }
            Transition::Answer { call, question, known } => {
                let call = state.calls.remove(usize::from(call));
                if !known {
                    state.left.unknown_status -= 1;
                }
                let at = usize::from(question);
                let Some(Effect::StatusCheck(execution)) = call.in_flight.effect(at) else { return Ok(()) };
                let status = if known { self.status_of(state, execution) } else { ExecutionStatus::Unknown };
                self.tell(state, call, Told::Answers(vec![(at, status.into())]), false, seen)
            }
        }
    }

    /// Runs one sweep to its end, alone and without faults: what the next one would do.
    pub(crate) fn sweep_alone(&self, state: &mut WorldState, seen: &mut Coverage) -> Result<(), Violation> {
        self.begin_call(state, Caller::Sweep, 0, SettingsOf::Now, SweepRequest, seen)?;
        self.finish_alone(state, seen)
    }

    /// Runs the one call under way to its end, alone and without faults.
    pub(crate) fn finish_alone(&self, state: &mut WorldState, seen: &mut Coverage) -> Result<(), Violation> {
        for _ in 0..10_000 {
            let Some(call) = state.calls.first() else { return Ok(()) };
            let first = call.in_flight.unanswered().next().map(|(at, effect)| match effect {
                Effect::Request(_) => Transition::Serve { call: 0, request: small(at), freeze: false },
                Effect::Callback(_) => Transition::Tell { call: 0, callback: small(at), freeze: false },
                Effect::StatusCheck(_) => Transition::Answer { call: 0, question: small(at), known: true },
            });
            let Some(action) = first else { return Err(Violation::new(property::STUCK, "a call waits for nothing")) };
            self.apply(state, action, seen)?;
        }
        Err(Violation::new(property::STUCK, "a call that runs alone never ends"))
    }
}

/// The reads of a call that nobody has served yet.
fn reads_of(call: &Call) -> impl Iterator<Item = (usize, &Request)> {
    call.in_flight.unanswered().filter_map(|(at, effect)| match effect {
        Effect::Request(request) if request.writes().is_empty() => Some((at, request)),
        _ => None,
    })
}

/// What an operator asks for.
fn operation(action: OperatorAction) -> AnyOperation {
    let limit = |limit: u32| Limit::try_from(u64::from(limit)).unwrap_or(Limit::HIGHEST);
    let operator = || Author::new("operator", "because");
    match action {
        OperatorAction::SetLimit(to) => AnyOperation::SetLimit(SetLimit {
            limit: limit(to),
            who: "operator".into(),
            why: "because".into(),
            lasts: None,
            expected: ExpectedOverride::Any,
        }),
        OperatorAction::EndOverride => EndOverride { by: operator(), expected: ExpectedOverride::Any }.into(),
        OperatorAction::SetPool(to) => {
            let patch = PoolPatch { limit: Some(limit(to)), ..PoolPatch::default() };
            SetPool { patch, by: operator(), expected: ExpectedSettings::Any }.into()
        }
        OperatorAction::RetirePool => RetirePool { by: operator() }.into(),
    }
}
