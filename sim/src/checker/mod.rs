//! The checker: does the protocol hold? Every interleaving of a small world, with every fault, on the code that runs in
//! the Lambda.
//!
//! States are explored breadth first, so a counterexample is a shortest one. Two states with the same 128-bit
//! digest are one. A call's own computing takes no time: it goes on as soon as its last answer is there,
//! unless it is frozen; what one step asks for together is served in every order.
//!
//! No state is left out, and none is taken for another because they are alike. What makes it quick: all cores search, and a
//! step that looks at nothing but its own call is taken once and remembered.
//!
//! What it can not represent, so that nothing here speaks of it:
//!
//! - **Sizes.** A handful of clients, slots and milliseconds. Thousands at once, and a crowd that is throttled for minutes,
//!   are the simulator's: here the table refuses a counted number of requests. A batch, a page of a query, a transaction's
//!   and an item's greatest size are never reached.
//! - **The table's weaker reads.** Every read is strongly consistent, apart from a query of the slots that is torn at one
//!   place. There is no index, so none that lags behind; a window of slots is all of them
//!   where there are no more than sixteen.
//! - **One request that is served twice.** A whole call is delivered twice, and a write without an answer is served later,
//!   but once. What a client library sends again by itself is not seen.
//! - **A notice on its way.** A callback arrives at once or never; its answer may be lost. None arrives late.
//! - **Answers about executions that are out of date.** A status check is answered by the truth of that moment, or not at
//!   all. No map run is there: no parent, no child that counts its redrives by itself.
//! - **Clocks that jump.** A client's clock is ahead by the same time throughout. One that is behind is one that all others
//!   are ahead of. What corrects a local clock is not run here: its result is assumed, and taken away.
//! - **What waits between two calls.** Pauses and jitter take no time, a look follows whenever it may, and a workflow's retries
//!   are attempts that follow at once. A process is killed between two calls, or crashes in one; it never does both.
//! - **Time to live.** A tombstone is kept for ever, or with an ablation not at all; never for a while.
//! - **More than one pool**, and settings older than those before the last change.

mod ablations;
mod aged_settings;
mod call_steps;
mod calls;
mod dead_waiters;
mod executions;
mod faults;
mod invariants;
mod lone_step;
mod packed;
mod parts;
mod search;
mod shared_list;
mod state;
mod step_memo;
mod trace;
mod transition;
mod world;
mod wrong_clocks;

use std::fmt;

pub use ablations::{Ablation, Ablations};
pub use faults::Faults;
pub use invariants::Violation;
pub use world::{CheckedWorld, Client, OperatorAction, OperatorPlan, Order};

use crate::rng::Rng;
use search::{Manner, search};
use state::WorldState;
use world::Shared;

/// The promises, by name.
pub mod property {
    /// At most as many hold a lease as the limit says.
    pub const CAP: &str = "cap";
    /// A slot has one holder, a holder one slot or one place in the queue.
    pub const ONE: &str = "one";
    /// A slot's fence grows at every grant.
    pub const FENCE: &str = "fence";
    /// An older or ended attempt changes nothing.
    pub const ATTEMPTS: &str = "attempts";
    /// Nobody takes a slot though it saw somebody wait for it.
    pub const ORDER: &str = "order";
    /// No lease, wait or hold is longer than the pool gives.
    pub const BOUNDS: &str = "no longer than the pool gives";
    /// What is said to be given back is not held any more.
    pub const GIVEN_BACK: &str = "given back";
    /// Whoever is told that it has a lease has it.
    pub const TOLD: &str = "told";
    /// A slot that is open while someone waits is granted.
    pub const WAKE_UP: &str = "no lost wake-up";
    /// A task that waits is told something in the end.
    pub const TOLD_IN_THE_END: &str = "told in the end";
    /// A waiter that is dead costs its pool no more than one grant and its way back.
    pub const DEAD_NOT_SERVED: &str = "nobody dead is served twice";
    /// Nobody takes a live lease or jumps the queue because its clock is wrong.
    pub const TABLE_TIME: &str = "time is the table's";
    /// When everybody is gone, everything is free.
    pub const LEAK: &str = "nothing leaks";
    /// A doctor finds no damage where only callers were.
    pub const NO_DAMAGE: &str = "no damage is found";
    /// Of changes that meet, the one that was asked for last stays.
    pub const NEWEST: &str = "the newest change stays";
    /// Every call ends.
    pub const STUCK: &str = "nothing is stuck";
}

/// What was reached on the way: a world in which a thing never happens proves nothing of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each name says what was seen")]
pub struct Coverage {
    pub told: bool,
    pub claimed: bool,
    pub granted_from_queue: bool,
    pub refused: bool,
    pub renewed: bool,
    pub extended: bool,
    pub reclaimed: bool,
    pub renotified: bool,
    pub closed_task: bool,
    pub failed_task: bool,
    pub gave_up: bool,
    pub lost: bool,
    pub override_ended: bool,
    pub superseded: bool,
    pub retired: bool,
    pub pool_set: bool,
    pub busy: bool,
    pub already: bool,
    pub older_released: bool,
    pub limit_set: bool,
    pub crashed: bool,
    pub died: bool,
    pub redriven: bool,
    /// With the same time of entry, and retries that began anew.
    pub redriven_in_place: bool,
    /// An end was reported once more.
    pub reported_again: bool,
    /// An end was reported when its execution had been redriven.
    pub reported_after_redrive: bool,
    pub cancelled_waiting: bool,
    pub cancelled_at_work: bool,
    pub killed: bool,
    /// A waiter without a token looked whether it was granted a lease.
    pub looked: bool,
    /// A notice was refused for good.
    pub notice_refused: bool,
    /// A slot was granted to a waiter that was dead.
    pub granted_to_dead: bool,
    /// How many waited at most when their execution ended.
    pub most_left_waiting: usize,
    pub table_refused: bool,
    pub unheard: bool,
    /// A write happened, and its caller got no answer.
    pub reply_lost: bool,
    /// A write happened after its caller was told that there is no answer.
    pub served_late: bool,
    /// Who gave a lease back got no answer.
    pub give_back_lost: bool,
    /// A query saw rows as they never were at one moment.
    pub torn: bool,
    /// An end that was reported freed something.
    pub freed_by_event: bool,
    /// More than the new limit were held when the limit had been set.
    pub above_limit: bool,
    /// A slot above the limit was folded away.
    pub folded: bool,
    /// An override that had lapsed was cleared away.
    pub cleared: bool,
    /// All that a world lets go wrong did, in one history.
    pub every_fault: bool,
    /// How many slots were held at once.
    pub most_held: usize,
    /// How many at most were granted a lease before one that had joined the queue earlier.
    pub most_overtaken: u8,
}

impl Coverage {
    /// What was reached here or there.
    fn merge(&mut self, other: Coverage) {
        // A name that is missing here does not compile.
        macro_rules! either {
            ($($name:ident)*) => {
                let Coverage { $($name,)* most_held, most_overtaken, most_left_waiting } = other;
                $(self.$name |= $name;)*
                self.most_held = self.most_held.max(most_held);
                self.most_overtaken = self.most_overtaken.max(most_overtaken);
                self.most_left_waiting = self.most_left_waiting.max(most_left_waiting);
            };
        }
        either! {
            told claimed granted_from_queue refused renewed extended reclaimed renotified closed_task
            failed_task gave_up lost override_ended superseded retired pool_set busy already older_released
            limit_set crashed died redriven table_refused unheard reply_lost served_late give_back_lost torn
            freed_by_event above_limit every_fault folded cleared redriven_in_place reported_again reported_after_redrive
            cancelled_waiting cancelled_at_work killed looked notice_refused granted_to_dead
        }
    }
}

/// What came of exploring a world.
#[derive(Clone, Debug)]
pub struct Report {
    /// The world's name.
    pub name: &'static str,
    /// How many different states were found.
    pub states: usize,
    /// How many steps were taken between them.
    pub steps: usize,
    /// How many of the states have nothing under way.
    pub quiet: usize,
    /// The longest way to a state.
    pub depth: usize,
    /// Whether every state that can be reached was.
    pub complete: bool,
    /// What was reached.
    pub seen: Coverage,
    /// The first promise that was found broken.
    pub broken: Option<Counterexample>,
}

/// A broken promise, and a way there: a shortest one where the world was explored.
#[derive(Clone, Debug)]
pub struct Counterexample {
    /// The seed of the random history, if it was one.
    pub seed: Option<u64>,
    /// What broke.
    pub violation: Violation,
    /// One line a step.
    pub steps: Vec<String>,
}

impl Report {
    fn new(name: &'static str) -> Report {
        Report {
            name,
            states: 0,
            steps: 0,
            quiet: 0,
            depth: 0,
            complete: true,
            seen: Coverage::default(),
            broken: None,
        }
    }
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.steps.iter().enumerate() {
            writeln!(f, "{:3}. {step}", at + 1)?;
        }
        if let Some(seed) = self.seed {
            writeln!(f, "seed {seed}")?;
        }
        write!(f, "broken: {}: {}", self.violation.promise, self.violation.what)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound = if self.complete { "complete" } else { "bounded" };
        write!(
            f,
            "{}: {} states, {} steps, {} quiet, depth {}, {bound}, overtaken at most {}",
            self.name, self.states, self.steps, self.quiet, self.depth, self.seen.most_overtaken
        )?;
        if let Some(broken) = &self.broken {
            write!(f, "\n{broken}")?;
        }
        Ok(())
    }
}

/// Explores a world until it is complete, a promise is broken, or so many states were found.
///
/// # Panics
/// When the world itself makes no sense (a limit above 10,000).
pub fn explore(world: CheckedWorld, most_states: usize) -> Report {
    explore_on(std::thread::available_parallelism().map_or(1, std::num::NonZero::get), world, most_states)
}

/// As [`explore`], on so many threads: what is found is the same.
///
/// # Panics
/// When the world itself makes no sense (a limit above 10,000).
pub fn explore_on(threads: usize, world: CheckedWorld, most_states: usize) -> Report {
    let Some(shared) = Shared::new(world) else { panic!("a world that makes no sense") };
    search(&shared, most_states, Manner { threads, remembers: true })
}

/// As [`explore`], on one thread that takes each step anew from each state: what is found is the same.
///
/// # Panics
/// When the world itself makes no sense (a limit above 10,000).
pub fn explore_anew(world: CheckedWorld, most_states: usize) -> Report {
    let Some(shared) = Shared::new(world) else { panic!("a world that makes no sense") };
    search(&shared, most_states, Manner { threads: 1, remembers: false })
}

/// Follows so many random histories of a world to their ends, from seeds that begin at `seed`: much deeper than
/// exploring gets in a large world, but never complete. Reports the states passed, not how many differ.
///
/// # Panics
/// When the world itself makes no sense (a limit above 10,000).
pub fn random_walk(world: CheckedWorld, seed: u64, histories: u64) -> Report {
    let Some(shared) = Shared::new(world) else { panic!("a world that makes no sense") };
    let mut report = Report::new(shared.world.name);
    report.complete = false;
    for seed in seed..seed + histories {
        let mut rng = Rng::new(seed);
        let mut state = WorldState::begin(&shared);
        let mut actions = vec![];
        loop {
            report.states += 1;
            report.depth = report.depth.max(actions.len());
            let mut judged = Ok(());
            if state.is_quiet() {
                report.quiet += 1;
                judged = shared.judge_quiet(&state, &mut Coverage::default());
            }
            let open = shared.actions(&state);
            if judged.is_ok() && !open.is_empty() {
                let action = open[rng.choice(open.len())];
                actions.push(action);
                report.steps += 1;
                judged = shared.apply(&mut state, action, &mut report.seen).and_then(|()| shared.judge_cap(&state));
                report.seen.every_fault |= state.left.are_used_up();
            }
            if let Err(violation) = judged {
                let steps = trace::story(&shared, &actions);
                report.broken = Some(Counterexample { violation, steps, seed: Some(seed) });
                return report;
            }
            if open.is_empty() {
                break;
            }
        }
    }
    report
}
