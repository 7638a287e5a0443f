//! Networks: how long does something travel, and does it get there?
//!
//! Chance decides by the name of each effect, so that all lanes fare alike; and a visitor may have the next request or
//! reply of a job dropped.

use super::draws::{Draw, DrawKey, Draws};
use super::scenario::{Failures, NetworkShape, Scenario};
use leasehold_core::Effect;

/// Which way something travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// From a call to the table or to a task.
    There,
    /// Its answer, to the call.
    Back,
}

/// Everything between functions, table and tasks.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    draws: Draws,
    shape: NetworkShape,
    failures: Failures,
    /// Requests that are to be lost: of this job, or of the next that comes.
    drop_requests: Vec<Option<u32>>,
    /// The same of replies.
    drop_replies: Vec<Option<u32>>,
}

impl Network {
    pub(crate) fn new(scenario: &Scenario) -> Network {
        Network {
            draws: Draws(scenario.seed),
            shape: scenario.network,
            failures: scenario.failures,
            drop_requests: vec![],
            drop_replies: vec![],
        }
    }

    /// How long it takes to invoke a function.
    pub(crate) fn invoke(&self) -> u64 {
        self.shape.invoke
    }

    /// How long it takes to invoke a function for this call, where it typically takes so long.
    pub(crate) fn invocation(&self, typical: u64, call: DrawKey) -> u64 {
        match typical {
            0 => 0,
            typical => self.draws.of(Draw::Invoked, call).about(typical, self.shape.spread),
        }
    }

    /// How long what a call came to travels to its workflow.
    pub(crate) fn outcome_travels(&self, call: DrawKey) -> u64 {
        self.draws.of(Draw::Answered, call).about(self.shape.invoke, self.shape.spread)
    }

    /// After how many rounds of requests this call dies, if it does.
    pub(crate) fn call_dies_after(&self, call: DrawKey) -> Option<u32> {
        let dies = self.draws.happens(self.failures.call_dies, Draw::CallDies, call);
        dies.then(|| self.draws.of(Draw::CallDiesAfter, call).below(4)).and_then(|after| u32::try_from(after).ok())
    }

    /// How long an effect travels that way.
    pub(crate) fn travels(&self, effect: &Effect, way: Way, name: DrawKey) -> u64 {
        let draw = if way == Way::There { Draw::There } else { Draw::Back };
        let typical = if matches!(effect, Effect::Request(_)) { self.shape.delay } else { self.shape.notice };
        self.draws.of(draw, name).about(typical, self.shape.spread)
    }

    /// Whether an effect of this job gets lost on that way: by chance, or because somebody wanted just this one to be.
    pub(crate) fn loses(&mut self, effect: &Effect, way: Way, job: Option<u32>, name: DrawKey) -> bool {
        let (draw, parts) = match way {
            Way::There => (Draw::LostThere, self.failures.request_lost),
            Way::Back => (Draw::LostBack, self.failures.reply_lost),
        };
        self.is_dropped(effect, way, job) || self.draws.happens(parts, draw, name)
    }

    /// When an answer is waited for no longer to what was asked then.
    pub(crate) fn given_up_at(&self, asked: u64) -> u64 {
        asked + self.shape.timeout
    }

    /// Whether the table is too busy for this request.
    pub(crate) fn throttles(&self, name: DrawKey) -> bool {
        self.draws.happens(self.failures.throttled, Draw::Throttled, name)
    }

    /// Drops the next request or reply of a job; without one, of the next write that comes.
    pub(crate) fn drop_next(&mut self, way: Way, job: Option<u32>) {
        self.drops(way).push(job);
    }

    fn drops(&mut self, way: Way) -> &mut Vec<Option<u32>> {
        match way {
            Way::There => &mut self.drop_requests,
            Way::Back => &mut self.drop_replies,
        }
    }

    /// Whether somebody wanted just this one to be lost; if so, that is done with.
    fn is_dropped(&mut self, effect: &Effect, way: Way, job: Option<u32>) -> bool {
        let drops = self.drops(way);
        if drops.is_empty() {
            return false;
        }
        let (Some(job), Effect::Request(request)) = (job, effect) else { return false };
        let writes = !request.writes().is_empty();
        let this = |of: &Option<u32>| of.map_or(writes, |of| of == job);
        match drops.iter().position(this) {
            Some(at) => {
                drops.remove(at);
                true
            }
            None => false,
        }
    }
}
