//! Large worlds: does the protocol hold for thousands at once? Seeded worlds of workflows and processes that ask for leases of
//! several pools, with every fault of the protocol at random, on the machines that run in the Lambda.
//!
//! A world is a function of its plan, and a plan of its name and seed: the same on every machine. Time is virtual; what is
//! quick here are minutes there. After every request the promises are judged by who was really told what; at the end
//! nothing goes wrong any more, and the world must drain: everybody told, every slot free, no row left.
//!
//! What it can not represent: two branches that share one name (the checker has those), a table without its rules (the
//! differential tests compare those), tombstones that are collected while anybody still asks.
//!
//! What it knows and only counts: the report of an end that began to look before redriven work renewed its lease, or within the
//! grace after the end, takes that lease.

mod agenda;
mod call;
mod doctor;
mod drain;
mod executions;
mod fault_kind;
mod invoke;
mod judge;
mod judge_calls;
mod machine_clock;
mod many;
mod named_plans;
mod outcome;
mod perform;
mod plan;
mod population;
mod quotas;
mod random_plan;
mod removal;
mod report;
mod rows_in_tree;
mod smaller;
mod state_retry;
mod story;
mod without_rules;
mod workflow;
mod world;

use std::sync::Arc;

pub use fault_kind::{FaultCounts, FaultKind, FaultRates};
pub use many::{PlayedWorlds, play_many};
pub use named_plans::{named_world, target_worlds};
pub use plan::{CrowdPlan, LimitChange, PoolPlan, Shape, SweepPlan, TimesPlan, Trouble, TroubleKind, WorldPlan};
pub use quotas::AccountQuotas;
pub use random_plan::random_world;
pub use removal::Removal;
pub use report::{BrokenPromise, WorldReport, WorldsTally};
pub use smaller::{Smaller, shrink};
pub use state_retry::{LeaseStates, StateRetry};

use crate::rng::mix;
use world::World;

/// Plays a world to its end, or until a promise is broken. None where the plan itself makes no sense.
pub fn play(plan: &WorldPlan, states: &Arc<LeaseStates>) -> Option<WorldReport> {
    let mut world = World::new(plan.clone(), states.clone(), false)?;
    world.play();
    Some(world.report)
}

/// A number that some worlds, large and small, come to on every machine: the random ones of these seeds, and each that is
/// aimed at something, with few holders.
pub fn digest_of_some(seeds: std::ops::Range<u64>, states: &Arc<LeaseStates>) -> Option<u64> {
    let few = Smaller { holders: Some(200), ..Smaller::default() };
    let aimed = target_worlds().filter_map(|name| named_world(name, seeds.start)).map(|plan| few.of(&plan));
    let reports = seeds.clone().map(random_world).chain(aimed).map(|plan| play(&plan, states));
    reports.into_iter().try_fold(0, |sum, report| {
        let report = report?;
        Some(mix(sum ^ report.digest ^ report.requests ^ report.ended_at))
    })
}

/// As [`play`], and tells what happens, one line each.
pub fn play_and_tell(plan: &WorldPlan, states: &Arc<LeaseStates>) -> Option<(WorldReport, Vec<String>)> {
    let mut world = World::new(plan.clone(), states.clone(), true)?;
    world.play();
    Some((world.report, world.story.unwrap_or_default()))
}
