//! Who may hold a lease? The lease protocol as a pure state machine.
//!
//! This crate never does I/O, reads a clock, draws a random number, logs, sleeps or waits. Each operation is a
//! [`machine::Machine`]: start it, carry out the [`machine::Step`] it gives, resume it with the
//! [`machine::Answer`], until it is done. The same code runs in the Lambda, in the commands, in the browser
//! and under the checker of `leasehold-sim`, which tries every order of every request with every fault.

pub mod acquire;
pub mod change;
pub mod contract;
mod deliver;
pub mod gone;
pub mod machine;
pub mod nouns;
pub mod occupancy;
mod plan;
pub mod release;
pub mod renew;
pub mod settings;
mod settle;
pub mod status;
pub mod sweep;
pub mod table;
mod writes;
