//! How does a call get on? Its function is invoked, its machine gives a step, what the step asks for travels to
//! the table and back, and so on until it is done, dead, or out of time.

use leasehold_core::acquire::{Ask, Mode};
use leasehold_core::change::NewLimit;
use leasehold_core::gone::Ended;
use leasehold_core::machine::{Failure, Life, Machine, Operation, Outcome, Step};
use leasehold_core::nouns::{Attempt, Limit, Millis, Token};
use leasehold_core::release::What as Giving;
use leasehold_core::renew::Longer;
use leasehold_core::settings::Settings;
use leasehold_core::table::{Reply, Request, Row};

use super::call::{Call, CallPurpose, Engine, Leg, Message, Received, Sent};
use super::cost::units;
use super::draws::{Draw, mix};
use super::lane::{EventKind, Lane, RequestEntry};
use super::request_log::{ReplySummary, RequestEffect};
use super::scenario::FUNCTION_TIMEOUT;
use super::sim_event::SimEventKind;
use crate::count_then_put::{self, CountThenPut};

impl Lane {
    /// A function is called, and begins after so long.
    pub(crate) fn call(&mut self, pool: usize, duty: CallPurpose, after: u64) {
        let which = usize::from(duty.number());
        let (whose, nth) = match duty.job().and_then(|job| self.jobs.get_mut(job)) {
            Some(job) => {
                job.calls[which] += 1;
                (u64::from(job.number), job.calls[which])
            }
            None => {
                let calls = &mut self.pool_calls[pool][which.saturating_sub(3).min(2)];
                *calls += 1;
                ((1 << 40) + pool as u64, *calls)
            }
        };
        let named = [whose, duty.number().into(), nth.into()];
        let failures = &self.scenario.failures;
        let dies = self.draws.happens(failures.call_dies, Draw::CallDies, named);
        let dies_after = dies.then(|| self.draws.below(4, Draw::CallDiesAfter, named));
        let invoked =
            if after == 0 { 0 } else { self.draws.about(after, self.scenario.network.spread, Draw::Invoked, named) };
        let begins = self.now + invoked;
        let number = self.next_call;
        self.next_call += 1;
        let call = Call {
            pool,
            duty,
            nth,
            invoked: (self.now, begins),
            engine: None,
            skew: self.draws.clock(self.scenario.skew, Draw::CallClock, named),
            round: 0,
            dies_after: dies_after.and_then(|after| u32::try_from(after).ok()),
            dead: false,
            sent: vec![],
        };
        self.calls.add(number, call);
        self.at(begins, EventKind::Begin { call: number });
        self.at(begins + FUNCTION_TIMEOUT, EventKind::Timeout { call: number });
    }

    /// What names the draws of a call.
    fn named(call: &Call) -> [u64; 3] {
        let whose = call.duty.job().map_or((1 << 40) + call.pool as u64, u64::from);
        [whose, call.duty.number().into(), call.nth.into()]
    }

    pub(crate) fn begin(&mut self, number: u32) {
        let Some(call) = self.calls.get(number) else { return };
        let (duty, pool, skew, named) = (call.duty, call.pool, call.skew, Lane::named(call));
        let now = self.clock(skew);
        let cached = self.draws.below(self.scenario.leases.cache + 1, Draw::Cached, named);
        let settings = self.pools[pool].settings_at(self.now.saturating_sub(cached));
        let begun = if self.counts() {
            self.begin_counting(duty, pool, &settings, now)
        } else {
            self.operation(duty, pool).map(|operation| {
                let entropy = self.draws.number(Draw::Entropy, named);
                let (machine, step) = Machine::start(operation, settings, now, entropy);
                (Engine::Leasehold(Box::new(machine)), step)
            })
        };
        match begun {
            Some((engine, step)) => {
                if let Some(call) = self.calls.get_mut(number) {
                    call.engine = Some(engine);
                }
                self.carry_out(number, step);
            }
            // Message it was for is over.
            None => self.forget(number),
        }
    }

    fn begin_counting(
        &self,
        duty: CallPurpose,
        pool: usize,
        settings: &Settings,
        now: Millis,
    ) -> Option<(Engine, Step)> {
        let single = |request: Request| Step::Ask { requests: vec![request], pause: Millis(0) };
        let job = self.jobs.get(duty.job()?)?;
        Some(match duty {
            CallPurpose::Acquire { task, .. } if task == job.task => {
                let prefix = self.pools[pool].prefix.clone();
                let (caller, step) =
                    CountThenPut::start(prefix, job.holder.clone(), settings.limit.count(), settings.lease);
                (Engine::CountThenPut(caller), step)
            }
            CallPurpose::Release { .. } => (Engine::Single(now), single(count_then_put::remove(&job.holder))),
            CallPurpose::Renew { .. } => {
                (Engine::Single(now + settings.lease), single(count_then_put::put(&job.holder, now)))
            }
            _ => return None,
        })
    }

    /// What the protocol is asked for.
    fn operation(&self, duty: CallPurpose, pool: usize) -> Option<Operation> {
        let job = |job: u32| self.jobs.get(job);
        Some(match duty {
            CallPurpose::Acquire { job: number, task } => {
                let job = job(number).filter(|job| job.task == task)?;
                let token = if self.scenario.queue { Some(Token::new(&job.token()).ok()?) } else { None };
                Operation::Acquire(Ask {
                    holder: job.holder.clone(),
                    attempt: Some(Attempt { entered: job.entered, retry: job.retry }),
                    mode: if self.scenario.queue { Mode::Queue(token) } else { Mode::Poll },
                    lease: None,
                    wait: None,
                    label: None,
                })
            }
            CallPurpose::Release { job: number } => {
                Operation::Release(Giving::Lease(job(number)?.lease.as_ref()?.id.clone()))
            }
            CallPurpose::Renew { job: number } => {
                Operation::Renew(Longer { id: job(number)?.lease.as_ref()?.id.clone(), lease: None })
            }
            CallPurpose::Sweep => Operation::Sweep,
            CallPurpose::Gone { job: number } => {
                let job = job(number)?;
                // Whatever was entered in the millisecond of the end was entered before.
                let at = self.clock(0) + Millis(1);
                Operation::Gone(Ended { execution: job.holder.execution().into(), at, after: None })
            }
            CallPurpose::Limit => Operation::Change(NewLimit {
                limit: Limit::try_from(u64::from(self.pools[pool].limit)).ok()?,
                who: "operator".into(),
                why: "a live change".into(),
            }),
        })
    }

    /// Carries out a step of a call.
    fn carry_out(&mut self, number: u32, step: Step) {
        let Some(call) = self.calls.get_mut(number) else { return };
        call.round += 1;
        let (round, named, duty, pool) = (call.round, Lane::named(call), call.duty, call.pool);
        let (whats, pause): (Vec<Message>, u64) = match step {
            Step::Ask { requests, pause } => (requests.into_iter().map(Message::Request).collect(), pause.0 * 1_000),
            Step::Notify(notices) => (notices.into_iter().map(Message::Notice).collect(), 0),
            Step::Alive(executions) => (executions.into_iter().map(Message::Life).collect(), 0),
            Step::Done(outcome) => return self.done(number, outcome),
        };
        let counts = self.counts();
        let from = self.now + pause;
        let first = self.next_request;
        self.next_request += whats.len() as u64;
        if let Some(job) = duty.job().and_then(|job| self.jobs.get_mut(job)) {
            job.requests += u32::try_from(whats.len()).unwrap_or(0);
        }
        for (at, what) in whats.into_iter().enumerate() {
            let id = first + at as u64;
            let draw = Lane::name_of(named, round, at);
            let travels = self.travels(&what, Draw::There, draw);
            let armed = self.is_armed(duty, &what, true);
            let lost = armed || self.draws.happens(self.scenario.failures.request_lost, Draw::LostThere, draw);
            let to = from + travels;
            let due = (call_index(at), to);
            let does = RequestEffect::of(&what, counts);
            let brief =
                RequestEntry { number: id, pool, duty, does, asked: from, served: None, replied: None, answered: None };
            self.note(brief);
            self.watch_sent(number, brief, &what, (first, self.next_request - first));
            let Some(call) = self.calls.get_mut(number) else { return };
            call.sent.push(Sent { id, what, leg: Leg::There { from, to, lost } });
            if lost {
                self.used.lost += 1;
                let job = duty.job();
                self.say(
                    pool,
                    SimEventKind::Lost { job, operation: duty.as_str(), way: "request", request: self.id(id) },
                );
                self.at(from + self.scenario.network.timeout, EventKind::Here { call: number, round, at: due.0 });
            } else {
                self.at(due.1, EventKind::There { call: number, round, at: due.0 });
            }
        }
    }

    /// The name of a request's draws.
    fn name_of(named: [u64; 3], round: u32, at: usize) -> [u64; 3] {
        [named[0], (named[1] << 32) | named[2], (u64::from(round) << 32) | at as u64]
    }

    /// How long something travels one way.
    fn travels(&self, what: &Message, way: Draw, name: [u64; 3]) -> u64 {
        let network = &self.scenario.network;
        let typical = if matches!(what, Message::Request(_)) { network.delay } else { network.notice };
        self.draws.about(typical, network.spread, way, name)
    }

    /// The number by which the page knows a request.
    pub(crate) fn id(&self, number: u64) -> u64 {
        number * 2 + self.which as u64
    }

    /// Whether somebody wanted just this one to be lost; if so, it is disarmed.
    fn is_armed(&mut self, duty: CallPurpose, what: &Message, there: bool) -> bool {
        let armed = if there { &mut self.drop_requests } else { &mut self.drop_replies };
        let (Some(job), Message::Request(request)) = (duty.job(), what) else { return false };
        let writes = !request.writes().is_empty();
        let this = |of: &Option<u32>| of.map_or(writes, |of| of == job);
        match armed.iter().position(this) {
            Some(at) => {
                armed.remove(at);
                true
            }
            None => false,
        }
    }

    /// Something a call sent gets there.
    pub(crate) fn there(&mut self, number: u32, round: u32, at: usize) {
        let Some(call) = self.calls.get_mut(number).filter(|call| call.round == round) else { return };
        let (duty, pool, named, dead) = (call.duty, call.pool, Lane::named(call), call.dead);
        let Some(sent) = call.sent.get(at) else { return };
        let (id, what) = (sent.id, sent.what.clone());
        let name = Lane::name_of(named, round, at);
        let got = match &what {
            Message::Request(request) => Received::Reply(self.serve(number, id, request, name)),
            Message::Notice(notice) => {
                self.used.notices += 1;
                Received::Notified(self.notice(notice))
            }
            Message::Life(execution) => {
                let job = execution.rsplit_once(':').and_then(|(_, number)| number.parse::<u32>().ok());
                let runs = job.and_then(|job| self.jobs.get(job)).is_some_and(|job| !job.dead);
                Received::Life(if runs { Life::Running } else { Life::Ended })
            }
        };
        let armed = self.is_armed(duty, &what, false);
        let lost = armed || self.draws.happens(self.scenario.failures.reply_lost, Draw::LostBack, name);
        let now = self.now;
        let answered = ReplySummary::of(&got);
        self.last_served = Some(self.id(id));
        self.mark(mix(u64::from(answered.outcome()) << 32 | id));
        if let Some(brief) = self.noted(id) {
            brief.served = Some(now);
            brief.answered = Some(answered);
        }
        self.watch_there(id, answered);
        let to = now + self.travels(&what, Draw::Back, name);
        let Some(call) = self.calls.get_mut(number) else { return };
        let Some(sent) = call.sent.get_mut(at) else { return };
        let asked = if let Leg::There { from, .. } = sent.leg { from } else { now };
        sent.leg = Leg::Back { from: now, to, lost, answer: got };
        if dead {
            if call.is_quiet() {
                self.forget(number);
            }
            return;
        }
        let due = EventKind::Here { call: number, round, at: call_index(at) };
        if lost {
            self.used.lost += 1;
            let job = duty.job();
            self.say(pool, SimEventKind::Lost { job, operation: duty.as_str(), way: "reply", request: self.id(id) });
            self.at(asked + self.scenario.network.timeout, due);
        } else {
            self.at(to, due);
        }
    }

    /// The table serves a request.
    fn serve(&mut self, number: u32, id: u64, request: &Request, name: [u64; 3]) -> Reply {
        let Some(call) = self.calls.get(number) else { return Reply::Unavailable };
        let (duty, pool) = (call.duty, call.pool);
        if self.draws.happens(self.scenario.failures.throttled, Draw::Throttled, name) {
            self.used.throttled += 1;
            self.say(pool, SimEventKind::Throttled { job: duty.job(), operation: duty.as_str() });
            return Reply::Throttled;
        }
        let before: Vec<Option<Row>> =
            request.writes().iter().map(|write| self.pools[pool].table.row(write.key).cloned()).collect();
        let reply = self.pools[pool].table.serve(request);
        let cost = units(request, &reply);
        self.used.read_units += cost.read;
        self.used.write_units += cost.write;
        match request {
            Request::Write(_) => self.used.writes += 1,
            Request::Transact(_) => self.used.transactions += 1,
            _ => self.used.reads += 1,
        }
        self.watch_served(id, &before, &reply);
        match &reply {
            Reply::Written => self.wrote(duty, pool, request, &before),
            Reply::Refused(refusals) => {
                self.used.refused += 1;
                self.refused(duty, pool, request, refusals);
            }
            Reply::Holders(..) if self.counts() => {
                let now = self.now;
                if let Some(job) = duty.job().and_then(|job| self.jobs.get_mut(job)) {
                    job.counted = Some((0, now));
                }
            }
            _ => {}
        }
        reply
    }

    /// An answer is back, or is waited for no longer.
    pub(crate) fn here(&mut self, number: u32, round: u32, at: usize) {
        let now = self.now;
        let Some(call) = self.calls.get_mut(number).filter(|call| call.round == round) else { return };
        let Some(sent) = call.sent.get_mut(at) else { return };
        let id = sent.id;
        let got = match std::mem::replace(&mut sent.leg, Leg::Here(sent.what.unanswered())) {
            Leg::Back { lost: false, answer, .. } => answer,
            _ => sent.what.unanswered(),
        };
        let answered = ReplySummary::of(&got);
        let watched = self.watch.as_ref().is_some_and(|watch| watch.number == id).then(|| got.clone());
        sent.leg = Leg::Here(got);
        let answer = call.answer();
        let dies = answer.is_some() && call.dies_after.is_some_and(|after| call.round > after);
        if let Some(brief) = self.noted(id) {
            brief.replied = Some(now);
            brief.answered = Some(answered);
        }
        if let Some(got) = watched {
            self.watch_here(id, &got);
        }
        let Some(answer) = answer else { return };
        if dies {
            return self.call_dies(number);
        }
        let Some(call) = self.calls.get_mut(number) else { return };
        let (duty, skew) = (call.duty, call.skew);
        let Some(mut engine) = call.engine.take() else { return };
        let step = engine.resume(answer, self.clock(skew));
        if let (Engine::CountThenPut(caller), Some(job)) = (&engine, duty.job().and_then(|job| self.jobs.get_mut(job)))
            && let (Some(counted), Some(known)) = (caller.counted(), job.counted.as_mut())
        {
            known.0 = counted;
        }
        if let Some(call) = self.calls.get_mut(number) {
            call.engine = Some(engine);
        }
        self.carry_out(number, step);
    }

    /// A call is done.
    fn done(&mut self, number: u32, outcome: Outcome) {
        let Some(call) = self.calls.get_mut(number) else { return };
        let (duty, pool, named) = (call.duty, call.pool, Lane::named(call));
        let single = if let Some(Engine::Single(at)) = &call.engine { Some(*at) } else { None };
        call.engine = None;
        if let CallPurpose::Acquire { .. } = duty {
            let network = &self.scenario.network;
            let back = self.draws.about(network.invoke, network.spread, Draw::ReplySummary, named);
            self.calls.remove(number);
            self.tell_workflow(duty, outcome, back);
            return;
        }
        self.calls.remove(number);
        self.finished(pool, duty, &outcome, single);
        self.bury_of(duty);
    }

    /// What a call came to is on its way to its workflow.
    fn tell_workflow(&mut self, duty: CallPurpose, outcome: Outcome, travels: u64) {
        let number = self.next_call;
        self.next_call += 1;
        self.ended.add(number, (duty, outcome));
        self.at(self.now + travels, EventKind::Back { call: number });
    }

    /// It is there.
    pub(crate) fn back(&mut self, number: u32) {
        let Some((duty, outcome)) = self.ended.remove(number) else { return };
        if let CallPurpose::Acquire { job, task } = duty {
            self.answered(job, task, outcome);
        }
        self.bury_of(duty);
    }

    fn bury_of(&mut self, duty: CallPurpose) {
        if let Some(job) = duty.job() {
            self.bury(job);
        }
    }

    /// A function dies, or is ended because it takes too long: its workflow learns that it failed.
    pub(crate) fn call_dies(&mut self, number: u32) {
        let Some(call) = self.calls.get_mut(number).filter(|call| !call.dead) else { return };
        let (duty, pool) = (call.duty, call.pool);
        call.dead = true;
        call.engine = None;
        let quiet = call.is_quiet();
        self.say(pool, SimEventKind::CallDied { job: duty.job(), operation: duty.as_str() });
        if let CallPurpose::Acquire { .. } = duty {
            self.tell_workflow(duty, Outcome::Failed(Failure::Unavailable), self.scenario.network.invoke);
        } else {
            self.finished(pool, duty, &Outcome::Failed(Failure::Unavailable), None);
        }
        if quiet {
            self.forget(number);
        }
    }

    /// Nothing of a call is left.
    fn forget(&mut self, number: u32) {
        if let Some(call) = self.calls.remove(number) {
            self.bury_of(call.duty);
        }
    }
}

fn call_index(at: usize) -> u16 {
    u16::try_from(at).unwrap_or(u16::MAX)
}
