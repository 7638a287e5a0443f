//! A memo of steps: what did a call do when it was given these answers before?
//!
//! A call is plain data, and its machine a function of what it is told: the same call, given the same answers at the same
//! moment, does the same. So each is run once, and all states that hold the outcome share it.

use std::cell::RefCell;

use leasehold_core::{AnyOutcome, EffectReply, Failure};
use rustc_hash::FxHashMap;

use super::invariants::Violation;
use super::state::Call;
use super::world::OldSettings;
use crate::digest::{Hashed, digest};

/// How many steps are kept: beyond that all are forgotten, and made anew.
const MOST: usize = 400_000;

/// What a call does next.
#[derive(Clone, Debug)]
pub(crate) enum Next {
    /// It waits for answers.
    Waits(Hashed<Call>),
    /// It is over.
    Over(Box<Result<AnyOutcome, Failure>>),
}

/// What a call is told.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) enum Told {
    /// The replies to these effects of its step.
    Answers(Vec<(usize, EffectReply)>),
    /// What it asked for first is forgotten: so is the half that was read.
    AnswersAnew(Vec<(usize, EffectReply)>),
    /// That it may go on.
    Thaw,
    /// Nothing: these of its settings are not those of now any more.
    Changed(OldSettings),
}

/// Which step: digests of the call and of what it is told when.
type StepKey = (u128, u128);

thread_local! {
    /// None: this thread remembers nothing.
    static STEPS: RefCell<Option<FxHashMap<StepKey, Next>>> = RefCell::default();
}

/// What the call does when it is told this, as it was made before or by `run`. `now` is true time; `world` is whatever
/// else of the world `run` looks at.
pub(crate) fn step(
    call: Hashed<Call>,
    told: Told,
    freeze: bool,
    (now, world): (u64, bool),
    run: impl FnOnce(Call, Told) -> Result<Next, Violation>,
) -> Result<Next, Violation> {
    let key = (call.digest(), digest(&(&told, freeze, now, world)));
    if let Some(next) = STEPS.with_borrow(|steps| steps.as_ref()?.get(&key).cloned()) {
        return Ok(next);
    }
    let next = run(call.into_inner(), told)?;
    STEPS.with_borrow_mut(|steps| {
        let Some(steps) = steps else { return };
        if steps.len() >= MOST {
            steps.clear();
        }
        steps.insert(key, next.clone());
    });
    Ok(next)
}

/// From now on this thread remembers its steps, or none.
pub(crate) fn remember(steps: bool) {
    STEPS.set(steps.then(FxHashMap::default));
}
