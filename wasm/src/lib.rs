//! The page's side of Rust: how does the page reach the simulated world? One thin class per thing that it shows,
//! everything else as plain JavaScript objects and arrays of numbers. No rule of the protocol is in here.

mod plain;
mod recording;
mod replay;
mod world;

pub use recording::{LastLook, RecordedChange, RecordedPool, Recording};
pub use replay::Replay;
pub use world::World;
