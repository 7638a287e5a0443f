//! Ablations: what is taken away from a world, to see what it was good for?

use leasehold_core::Guard;

/// What is taken away from the world, from outside: the code under test is the same.
#[derive(Clone, Debug, Default)]
pub struct Ablations {
    /// Conditions that the table does not check.
    pub guards: Vec<Guard>,
    /// Something that the code is not told, or that is not done for it.
    pub also: Option<Ablation>,
}

/// What the code is not told, or is not done for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ablation {
    /// Tombstones are not kept.
    Tombstones,
    /// Which attempt a row belongs to is not known.
    Attempts,
    /// The second look at the queue shows nobody.
    SecondLook,
    /// Expired leases can be taken at once.
    Grace,
    /// That a callback is unconfirmed is not shown.
    Unconfirmed,
    /// Tokens are not failed, only said to be.
    Revoke,
    /// Leases above the limit are not shown.
    AboveLimit,
    /// A lowered limit is believed to be followed at once.
    Quiet,
    /// The end of an override that lapsed is believed to be followed at once.
    Lapse,
    /// An execution whose task is closed is said to have ended.
    ClosedMeansEnded,
    /// An execution's end is reported as if it had only just come.
    WhenItEnded,
    /// A lease that was granted is told without looking at the clock again.
    SecondClock,
    /// A wrong local clock is not corrected by the table's.
    TableTime,
}
