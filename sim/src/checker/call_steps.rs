//! Call steps: how does a call go on? It is told what came of its step, its machine runs, and it asks for the next one.

use leasehold_core::{AnyOutcome, Effect, InFlight, Step, Timestamp};

use super::Coverage;
use super::ablations::Ablation;
use super::invariants::{self, Violation};
use super::state::{Call, Caller, Engine, WorldState};
use super::step_memo::{self, Next, Told};
use super::world::{OldSettings, Shared};
use crate::digest::Hashed;

impl Shared {
    #[allow(clippy::too_many_arguments, reason = "the fields of a call, one by one")]
    pub(super) fn go_on(
        &self,
        state: &mut WorldState,
        by: Caller,
        skew: u64,
        old: OldSettings,
        engine: Engine,
        step: Step<AnyOutcome>,
        seen: &mut Coverage,
    ) -> Result<(), Violation> {
        let next = self.next(state.now, by, skew, old, engine, step);
        self.act(state, by, next, seen)
    }

    /// What a step of a call's machine makes of the call.
    fn next(&self, now: u64, by: Caller, skew: u64, old: OldSettings, engine: Engine, step: Step<AnyOutcome>) -> Next {
        match step {
            Step::Perform { effects, .. } => {
                let looks_back = self.world.is_ablated(Ablation::SecondClock);
                let stepped = if looks_back { Timestamp(now + skew) } else { Timestamp(0) };
                let in_flight = InFlight::new(effects);
                let call = Call { by, skew, engine, in_flight, half: None, stepped, frozen: false, old };
                Next::Waits(Hashed::new(call))
            }
            Step::Done(outcome) => Next::Over(Box::new(outcome)),
        }
    }

    fn act(&self, state: &mut WorldState, by: Caller, next: Next, seen: &mut Coverage) -> Result<(), Violation> {
        match next {
            Next::Waits(call) => state.add_hashed_call(call),
            Next::Over(outcome) => return self.done(state, by, *outcome, seen),
        }
        Ok(())
    }

    /// A call is told something: the answers that came, and once all are there it goes on, unless it freezes.
    pub(super) fn tell(
        &self,
        state: &mut WorldState,
        call: Hashed<Call>,
        told: Told,
        freeze: bool,
        seen: &mut Coverage,
    ) -> Result<(), Violation> {
        if freeze {
            state.left.freeze -= 1;
            state.faulted = true;
        }
        let (by, now) = (call.by, state.now);
        let looks_back = self.world.is_ablated(Ablation::SecondClock);
        let next = step_memo::step(call, told, freeze, (now, looks_back), |mut call, told| {
            call.frozen = freeze;
            if let Told::AnswersAnew(_) = told {
                call.half = None;
            }
            if let Told::Answers(answers) | Told::AnswersAnew(answers) = told {
                answers.into_iter().for_each(|(at, reply)| call.in_flight.reply(at, reply));
            }
            if freeze || !call.in_flight.is_complete() {
                return Ok(Next::Waits(Hashed::new(call)));
            }
            self.resume(now, call)
        })?;
        self.act(state, by, next, seen)
    }

    fn resume(&self, now: u64, call: Call) -> Result<Next, Violation> {
        let Call { by, skew, mut engine, in_flight, stepped, old, .. } = call;
        let asked = in_flight.iter().any(|(effect, _)| matches!(effect, Effect::Request(_)));
        let looks_back = self.world.is_ablated(Ablation::SecondClock) && asked;
        let clock = if looks_back { stepped } else { Timestamp(now + skew) };
        let saw = invariants::waiters_in(&in_flight);
        let step = engine.resume(in_flight.into_replies(), clock);
        self.judge_order(by, saw, &step)?;
        Ok(self.next(now, by, skew, old, engine, step))
    }

    /// These settings have changed: every call under way began with the old ones.
    pub(super) fn all_are_old(&self, state: &mut WorldState, changed: OldSettings) -> Result<(), Violation> {
        for call in std::mem::take(&mut state.calls) {
            let age = |call: Call, _| {
                let old = OldSettings { rows: call.old.rows || changed.rows, mark: call.old.mark || changed.mark };
                Ok(Next::Waits(Hashed::new(Call { old, ..call })))
            };
            if let Next::Waits(call) = step_memo::step(call, Told::Changed(changed), false, (0, false), age)? {
                state.add_hashed_call(call);
            }
        }
        Ok(())
    }
}
