//! Lone steps: what does a step change that looks at no call but its own?
//!
//! Nearly all do. Then it does the same whichever other calls are under way: it is taken once, with that call alone, and
//! remembered for all states that have the rest in common.

use rustc_hash::FxHashMap;

use super::Coverage;
use super::invariants::Violation;
use super::parts::{Change, Common, Parts};
use super::state::{Caller, WorldState};
use super::transition::Transition;
use super::world::Shared;

/// How many steps are kept: beyond that all are forgotten, and taken anew.
const MOST: usize = 500_000;

/// What a lone step does.
#[derive(Debug)]
pub(crate) struct LoneStep {
    pub(crate) change: Change,
    pub(crate) seen: Coverage,
}

/// The rest of the state, the call, and the step as that of the first call.
type LoneKey = (u128, u128, Transition);

/// The lone steps that were taken.
#[derive(Debug, Default)]
pub(crate) struct LoneSteps {
    /// Where each lies; none: it looks at other calls.
    places: FxHashMap<LoneKey, Option<u32>>,
    steps: Vec<LoneStep>,
}

impl LoneSteps {
    /// One that was taken since the last time that they were trimmed.
    pub(crate) fn step(&self, place: u32) -> &LoneStep {
        &self.steps[place as usize]
    }

    /// Forgets all if they are too many: then no place is valid any more.
    pub(crate) fn trim(&mut self) {
        if self.places.len() >= MOST {
            self.places.clear();
            self.steps.clear();
        }
    }

    /// The place of a step from this state, and which call it is one of; none: it looks at other calls.
    pub(crate) fn take(
        &mut self,
        shared: &Shared,
        parts: &Parts,
        action: Transition,
        common: &mut Common,
    ) -> Result<Option<(u32, Option<usize>)>, Violation> {
        let (call, action) = match action.of_call() {
            Some((call, action)) => (Some(usize::from(call)), action),
            None if action.looks_at_no_call() => (None, action),
            None => return Ok(None),
        };
        let digest = call.map_or(0, |call| parts.calls[call].digest());
        let key = (parts.rest.digest(), digest, action);
        if let Some(place) = self.places.get(&key) {
            return Ok(place.map(|place| (place, call)));
        }
        let mut state = (*parts.rest).clone();
        state.calls.extend(call.map(|call| parts.calls[call].clone()));
        let mut place = None;
        if !matches!(state.calls.first().map(|call| call.by), Some(Caller::Operator(..)))
            && let Some(step) = alone(shared, state, action, common)?
        {
            place = Some(u32::try_from(self.steps.len()).unwrap_or(u32::MAX));
            self.steps.push(step);
        }
        self.places.insert(key, place);
        Ok(place.map(|place| (place, call)))
    }
}

/// Takes a step where no other call is; none: others would see it at once.
fn alone(
    shared: &Shared,
    mut state: WorldState,
    action: Transition,
    common: &mut Common,
) -> Result<Option<LoneStep>, Violation> {
    let (own_rows, mark) = (state.own_rows(), state.mark());
    let mut seen = Coverage::default();
    judged(shared, &mut state, action, &mut seen)?;
    // Calls with old settings are marked.
    let marked = state.own_rows() != own_rows || state.mark() != mark;
    if marked || state.calls.len() > 1 || state.late.len() > 1 {
        return Ok(None);
    }
    let (call, late) = (state.calls.pop(), state.late.pop());
    Ok(Some(LoneStep { change: Change { rest: common.share(state), call, late }, seen }))
}

/// Takes a step, and judges the state that it makes.
pub(crate) fn judged(
    shared: &Shared,
    state: &mut WorldState,
    action: Transition,
    seen: &mut Coverage,
) -> Result<(), Violation> {
    let applied = shared.apply(state, action, seen);
    seen.every_fault |= state.left.are_used_up();
    applied.and_then(|()| shared.judge_cap(state))
}
