//! The protocol under faults: what would happen if? A table in memory, a clock, faults; the checker that tries every
//! interleaving of the protocol's real machines with every fault that is named for them; large worlds, in which
//! thousands meet at random; and the simulator, which plays one history out of a seed to be looked at, beside one of callers
//! that count, then put.
//!
//! No I/O here either: everything is a function of its inputs, so the same worlds run natively and in a browser.

pub mod checker;
pub mod cost;
pub mod count_then_put;
pub mod digest;
pub mod job_cost;
pub mod large_world;
pub mod rng;
mod row_store;
pub mod simulator;
pub mod split_pool;
mod strategy;
pub mod table;

pub use strategy::{PerStrategy, Strategy};
