//! Invocations of a large world: when does a call begin, on which machine, and how does it end?

use leasehold_core::InFlight;

use super::agenda::{Event, Strike};
use super::call::{Call, CallOutcome, CallPhase, Caller};
use super::fault_kind::FaultKind;
use super::plan::SECOND;
use super::population::{AskMode, Stage};
use super::world::World;
use crate::rng::Rng;

impl World {
    /// Calls a function, or begins a process's call.
    pub(super) fn call(&mut self, call: Call, after: u64) -> u32 {
        self.serial += 1;
        self.calls_open += u32::from(!call.by.is_scheduled());
        self.report.calls += 1;
        let call = Call { serial: self.serial, ..call };
        let serial = call.serial;
        let at = if let Some(at) = self.free_calls.pop() {
            self.calls[at as usize] = call;
            at
        } else {
            self.calls.push(call);
            u32::try_from(self.calls.len() - 1).unwrap_or(u32::MAX)
        };
        self.agenda.after(after, Event::Arrive { call: at, serial });
        at
    }

    /// Chance, for one call.
    pub(super) fn call_rng(&mut self, by: u64) -> Rng {
        Rng::new(self.plan.seed).keyed(3 + by).keyed(self.report.calls)
    }

    fn calls_from_process(&self, by: Caller) -> Option<u32> {
        let holder = by.holder()?;
        let member = &self.members[holder as usize];
        (member.mode == AskMode::Process).then_some(holder)
    }

    pub(super) fn is_of_dead_process(&self, at: u32) -> bool {
        let process = self.calls_from_process(self.calls[at as usize].by);
        process.is_some_and(|holder| self.members[holder as usize].stage == Stage::Gone)
    }

    /// An invocation is taken, or turned away.
    pub(super) fn arrive(&mut self, at: u32) {
        let call = &self.calls[at as usize];
        let (by, pool, tries) = (call.by, call.pool, call.tries);
        let machine = if let Some(holder) = self.calls_from_process(by) {
            if self.is_of_dead_process(at) {
                return self.drop_call(at);
            }
            self.members[holder as usize].machine
        } else {
            let most = self.plan.quotas.concurrency;
            if most > 0 && self.running >= most && by != Caller::Operator {
                self.report.turned_away += 1;
                if by.is_asynchronous() {
                    let serial = self.next_serial(at);
                    self.calls[at as usize].tries = (tries + 1).min(6);
                    return self.agenda.after(SECOND << tries.min(6), Event::Arrive { call: at, serial });
                }
                return self.finish(at, Err("Lambda.TooManyRequestsException"));
            }
            self.running += 1;
            self.report.most_running = self.report.most_running.max(self.running);
            None
        };
        let machine = match machine.or_else(|| self.pools[usize::from(pool)].idle.pop()) {
            Some(machine) => machine,
            None => {
                let mut rng = self.calls[at as usize].rng.keyed(1);
                self.new_machine(&mut rng)
            }
        };
        let now = self.agenda.now();
        let call = &mut self.calls[at as usize];
        call.runs_on = Some(machine);
        call.until = now + self.plan.times.call_within;
        self.start(at);
    }

    pub(super) fn next_serial(&mut self, at: u32) -> u32 {
        self.serial += 1;
        self.calls[at as usize].serial = self.serial;
        self.serial
    }

    /// The time of a call is up, before all answers were back.
    pub(super) fn cut(&mut self, at: u32) {
        self.report.cut_short += 1;
        self.finish(at, Err("TableUnavailable"));
    }

    /// A call dies; with it the machine that it ran on, and a process.
    pub(super) fn dies(&mut self, at: u32) {
        if let Some(holder) = self.calls_from_process(self.calls[at as usize].by) {
            self.drop_call(at);
            return self.strike(holder, Strike::Kill);
        }
        self.calls[at as usize].runs_on = None;
        self.running = self.running.saturating_sub(1);
        self.finish(at, Err("Runtime.ExitError"));
    }

    /// A call is over: its answer is on its way.
    pub(super) fn finish(&mut self, at: u32, result: Result<CallOutcome, &'static str>) {
        let from_process = self.calls_from_process(self.calls[at as usize].by).is_some();
        let call = &mut self.calls[at as usize];
        if let Some(machine) = call.runs_on.take() {
            if call.wrote_own_rows {
                self.machines[machine as usize].settings = None;
            }
            if !from_process {
                self.running = self.running.saturating_sub(1);
                self.pools[usize::from(call.pool)].idle.push(machine);
            }
        }
        call.phase = CallPhase::Answered;
        call.machine = None;
        call.result = Some(result);
        let (by, one_way) = (call.by, self.plan.times.one_way);
        let mut after = if from_process { 0 } else { one_way };
        let mut rng = call.rng;
        if !from_process && by.holder().is_some() && self.befalls(FaultKind::AnswerLost, &mut rng) {
            self.calls[at as usize].result = Some(Err("Lambda.Unknown"));
            after += rng.below(60 * SECOND);
        }
        let serial = self.next_serial(at);
        self.calls[at as usize].rng = rng;
        self.agenda.after(after, Event::Answer { call: at, serial });
    }

    /// Nobody hears of a call any more.
    pub(super) fn drop_call(&mut self, at: u32) {
        let call = &mut self.calls[at as usize];
        self.calls_open -= u32::from(!call.by.is_scheduled());
        call.serial = 0;
        call.machine = None;
        call.in_flight = InFlight::new(vec![]);
        self.free_calls.push(at);
        if self.calls_open == 0 {
            self.judge_idle();
        }
    }
}
