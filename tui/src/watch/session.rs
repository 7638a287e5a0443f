//! Dashboard sessions: what is watched, and what may be changed there?

use leasehold_core::Millis;

/// What is watched, and what may be done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DashboardMode {
    /// A table.
    Watch {
        /// Nothing may be changed.
        read_only: bool,
    },
    /// The demo's table, with its workers.
    Demo,
    /// A recording.
    Replay,
}

/// What does not change while a dashboard is open.
#[derive(Clone, Debug)]
pub struct Session {
    /// The table's name.
    pub table: String,
    /// Where it is: a region, an endpoint, or `embedded`.
    pub location: String,
    /// What is watched.
    pub mode: DashboardMode,
    /// Whether colours may be used.
    pub colour: bool,
    /// How often what is on screen is read.
    pub every: Millis,
}
