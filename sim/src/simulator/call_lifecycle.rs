//! The life of a call: how does it get on? Its function is invoked, its engine gives a step, what the step asks for
//! travels to the table and back, and so on until it is done, dead, or out of time.

use leasehold_core::{Effect, EffectReply, ExecutionStatus, Failure, Reply, Request, Row, Step};

use super::call::{Call, CallOutcome, CallPurpose, Leg, Sent, unanswered};
use super::draws::{Draw, DrawKey};
use super::engine::Engine;
use super::event_queue::EventKind;
use super::lane::Lane;
use super::network::Way;
use super::played_operation::PlayedOutcome;
use super::request_effect::{ReplySummary, RequestEffect};
use super::request_log::RequestEntry;
use super::scenario::FUNCTION_TIMEOUT;
use super::sim_event::SimEventKind;
use crate::cost::ItemSizes;

impl Lane {
    /// A function is called, and begins after about so long.
    pub(crate) fn call(&mut self, pool: usize, purpose: CallPurpose, after: u64) {
        let nth = match purpose.job().and_then(|job| self.fleet.jobs.get_mut(job)) {
            Some(job) => job.next_call(purpose),
            None => self.calls.next_of_pool(pool, purpose),
        };
        let key = Call::key(pool, purpose, nth);
        let dies_after = self.network.call_dies_after(key);
        let now = self.queue.now();
        let begins = now + self.network.invocation(after, key);
        let number = self.calls.add(Call {
            pool,
            purpose,
            key,
            invoked: (now, begins),
            engine: None,
            skew: self.draws.of(Draw::CallClock, key).clock_offset(self.scenario.skew),
            round: 0,
            dies_after,
            dead: false,
            sent: vec![],
        });
        self.queue.at(begins, EventKind::CallBegins { call: number });
        self.queue.at(begins + FUNCTION_TIMEOUT, EventKind::CallTimesOut { call: number });
    }

    /// Its function runs.
    pub(crate) fn call_begins(&mut self, number: u32) {
        let Some(call) = self.calls.under_way.get(number) else { return };
        if let CallPurpose::Acquire { job, .. } = call.purpose {
            let followed = self.settings_of(call).limit.count();
            if let Some(job) = self.fleet.jobs.get_mut(job) {
                job.followed = followed;
            }
        }
        match self.start_engine(call, self.clock(call.skew)) {
            Some((engine, step)) => {
                if let Some(call) = self.calls.under_way.get_mut(number) {
                    call.engine = Some(engine);
                }
                self.carry_out(number, step);
            }
            // What it was for is over.
            None => self.forget_call(number),
        }
    }

    /// Carries out a step of a call.
    fn carry_out(&mut self, number: u32, step: Step<PlayedOutcome>) {
        let Some(call) = self.calls.under_way.get_mut(number) else { return };
        call.round += 1;
        let (effects, pause) = match step {
            Step::Perform { effects, pause } => (effects, pause.0 * 1_000),
            Step::Done(outcome) => return self.call_done(number, outcome),
        };
        let purpose = call.purpose;
        let from = self.queue.now() + pause;
        let together = (self.calls.next_message, effects.len() as u64);
        self.calls.next_message += together.1;
        if let Some(job) = purpose.job().and_then(|job| self.fleet.jobs.get_mut(job)) {
            job.requests += u32::try_from(effects.len()).unwrap_or(0);
        }
        for (at, effect) in effects.into_iter().enumerate() {
            self.send(number, at, effect, from, together);
        }
    }

    /// Sends a message of a call at that moment; with it go others, of which it is the one at this place.
    fn send(&mut self, number: u32, at: usize, effect: Effect, from: u64, together: (u64, u64)) {
        let Some(call) = self.calls.under_way.get_mut(number) else { return };
        let (purpose, pool, round, key) = (call.purpose, call.pool, call.round, call.message_key(at));
        let to = from + self.network.travels(&effect, Way::There, key);
        let lost = self.network.loses(&effect, Way::There, purpose.job(), key);
        let message_number = together.0 + at as u64;
        let summary = RequestEffect::of(&effect, self.strategy);
        let entry = RequestEntry {
            number: message_number,
            pool,
            purpose,
            effect: summary,
            asked: from,
            served: None,
            replied: None,
            reply: None,
            lost: None,
        };
        self.observer.request_sent(entry, &effect, call.skew, together);
        call.sent.push(Sent { number: message_number, effect, leg: Leg::There { from, to, lost } });
        let at = place(at);
        if lost {
            self.message_lost(purpose, pool, "request", message_number);
            let given_up_at = self.network.given_up_at(from);
            self.queue.at(given_up_at, EventKind::ReplyArrives { call: number, round, at });
        } else {
            self.queue.at(to, EventKind::RequestArrives { call: number, round, at });
        }
    }

    /// A message got lost, on this way.
    fn message_lost(&mut self, purpose: CallPurpose, pool: usize, way: &'static str, number: u64) {
        self.observer.usage.lost += 1;
        let request = self.observer.request_id(number);
        self.observer.message_lost(number, way);
        self.say(pool, SimEventKind::Lost { job: purpose.job(), operation: purpose.as_str(), way, request });
    }

    /// Something a call sent gets there.
    pub(crate) fn request_arrives(&mut self, number: u32, round: u32, at: usize) {
        let Some(call) = self.calls.under_way.get(number).filter(|call| call.round == round) else { return };
        let (purpose, pool, key, dead) = (call.purpose, call.pool, call.message_key(at), call.dead);
        let Some(sent) = call.sent.get(at) else { return };
        let (message_number, effect) = (sent.number, sent.effect.clone());
        let answer: EffectReply = match &effect {
            Effect::Request(request) => self.serve(purpose, pool, message_number, request, key).into(),
            Effect::Callback(callback) => {
                self.observer.usage.notices += 1;
                self.callback_arrives(callback).into()
            }
            Effect::StatusCheck(execution) => self.status_of(execution).into(),
        };
        let lost = self.network.loses(&effect, Way::Back, purpose.job(), key);
        let now = self.queue.now();
        self.observer.request_arrived(now, message_number, ReplySummary::of(&answer));
        let to = now + self.network.travels(&effect, Way::Back, key);
        let Some(call) = self.calls.under_way.get_mut(number) else { return };
        let Some(sent) = call.sent.get_mut(at) else { return };
        let asked = if let Leg::There { from, .. } = sent.leg { from } else { now };
        sent.leg = Leg::Back { from: now, to, lost, answer };
        if dead {
            if call.is_quiet() {
                self.forget_call(number);
            }
            return;
        }
        if lost {
            self.message_lost(purpose, pool, "reply", message_number);
        }
        let learned_at = if lost { self.network.given_up_at(asked) } else { to };
        self.queue.at(learned_at, EventKind::ReplyArrives { call: number, round, at: place(at) });
    }

    /// Whether the job of this execution still runs.
    fn status_of(&self, execution: &str) -> ExecutionStatus {
        let job = execution.rsplit_once(':').and_then(|(_, number)| number.parse::<u32>().ok());
        let runs = job.and_then(|job| self.fleet.jobs.get(job)).is_some_and(|job| !job.dead);
        if runs { ExecutionStatus::Running } else { ExecutionStatus::Ended }
    }

    /// The table serves a request.
    fn serve(&mut self, purpose: CallPurpose, pool: usize, number: u64, request: &Request, key: DrawKey) -> Reply {
        if self.network.throttles(key) {
            self.observer.usage.throttled += 1;
            self.say(pool, SimEventKind::Throttled { job: purpose.job(), operation: purpose.as_str() });
            return Reply::Throttled;
        }
        let sizes = ItemSizes::ordinary(&self.pools[pool].prefix);
        let table = &mut self.pools[pool].table;
        let before: Vec<Option<Row>> = request.writes().iter().map(|write| table.row(write.key).cloned()).collect();
        let (reply, cost) = table.serve_at_cost(request, &sizes);
        let usage = &mut self.observer.usage;
        usage.read_units += cost.read_units;
        usage.write_units += cost.write_units;
        match request {
            Request::Write(_) => usage.writes += 1,
            Request::Transact(_) => usage.transactions += 1,
            _ => usage.reads += 1,
        }
        self.observer.request_served(number, &before, &reply);
        match &reply {
            Reply::Written => self.observe_write(purpose, pool, request, &before),
            Reply::Refused(refusals) => self.observe_refusal(purpose, pool, request, refusals),
            Reply::Holders(..) => self.observe_count(purpose),
            _ => {}
        }
        reply
    }

    /// An answer is back, or is waited for no longer.
    pub(crate) fn reply_arrives(&mut self, number: u32, round: u32, at: usize) {
        let now = self.queue.now();
        let Some(call) = self.calls.under_way.get_mut(number).filter(|call| call.round == round) else { return };
        let Some(sent) = call.sent.get_mut(at) else { return };
        let message_number = sent.number;
        let received = match std::mem::replace(&mut sent.leg, Leg::Here(unanswered(&sent.effect))) {
            Leg::Back { lost: false, answer, .. } => answer,
            _ => unanswered(&sent.effect),
        };
        let summary = ReplySummary::of(&received);
        let captured = self.observer.captures(message_number).then(|| received.clone());
        sent.leg = Leg::Here(received);
        self.observer.reply_arrived(now, message_number, summary, captured);
        let Some(replies) = call.replies() else { return };
        if call.dies_after.is_some_and(|after| call.round > after) {
            return self.call_dies(number);
        }
        let (purpose, skew) = (call.purpose, call.skew);
        let Some(mut engine) = call.engine.take() else { return };
        let step = engine.resume(replies, self.clock(skew));
        if let Some(counted) = engine.counted() {
            self.counted(purpose, counted);
        }
        if let Some(call) = self.calls.under_way.get_mut(number) {
            call.engine = Some(engine);
        }
        self.carry_out(number, step);
    }

    /// A call is done.
    fn call_done(&mut self, number: u32, outcome: CallOutcome) {
        let Some(call) = self.calls.under_way.remove(number) else { return };
        if let CallPurpose::Acquire { .. } = call.purpose {
            let travels = self.network.outcome_travels(call.key);
            return self.send_outcome(call.purpose, outcome, travels);
        }
        let expires_at = call.engine.as_ref().and_then(Engine::expires_at);
        self.call_finished(call.pool, call.purpose, &outcome, expires_at);
        self.bury_job_of(call.purpose);
    }

    /// What a call came to is on its way to its workflow.
    fn send_outcome(&mut self, purpose: CallPurpose, outcome: CallOutcome, travels: u64) {
        let number = self.calls.add_outcome(purpose, outcome);
        self.queue.after(travels, EventKind::OutcomeArrives { call: number });
    }

    /// It is there.
    pub(crate) fn outcome_arrives(&mut self, number: u32) {
        let Some((purpose, outcome)) = self.calls.outcomes.remove(number) else { return };
        if let CallPurpose::Acquire { job, task } = purpose {
            self.acquire_answered(job, task, outcome);
        }
        self.bury_job_of(purpose);
    }

    fn bury_job_of(&mut self, purpose: CallPurpose) {
        if let Some(job) = purpose.job() {
            self.bury(job);
        }
    }

    /// A function dies, or is ended because it takes too long: its workflow learns that it failed.
    pub(crate) fn call_dies(&mut self, number: u32) {
        let Some(call) = self.calls.under_way.get_mut(number).filter(|call| !call.dead) else { return };
        let (purpose, pool) = (call.purpose, call.pool);
        call.dead = true;
        call.engine = None;
        let quiet = call.is_quiet();
        self.say(pool, SimEventKind::CallDied { job: purpose.job(), operation: purpose.as_str() });
        let outcome = Err(Failure::Unavailable);
        if let CallPurpose::Acquire { .. } = purpose {
            self.send_outcome(purpose, outcome, self.network.invoke());
        } else {
            self.call_finished(pool, purpose, &outcome, None);
        }
        if quiet {
            self.forget_call(number);
        }
    }

    /// Nothing of a call is left.
    fn forget_call(&mut self, number: u32) {
        if let Some(call) = self.calls.under_way.remove(number) {
            self.bury_job_of(call.purpose);
        }
    }
}

/// The place of a message among those that were sent with it.
fn place(at: usize) -> u16 {
    u16::try_from(at).unwrap_or(u16::MAX)
}
