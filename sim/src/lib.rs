//! What would happen if? A table in memory, a clock, faults, and the checker that tries every interleaving of
//! the protocol's real machines with every fault that is named for them.
//!
//! No I/O here either: everything is a function of its inputs, so the same worlds run natively and in a browser.

pub mod check;
pub mod count_then_put;
pub mod digest;
pub mod table;
