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

/// What the demo's dashboard tells once there is nothing left to watch.
pub const DEMO_IS_OVER: &str = "All work is done: q leaves and shows the report.";

/// Which table, and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableChoice {
    /// The table's name.
    pub table: String,
    /// Its region; empty: the profile's.
    pub region: String,
    /// The profile whose credentials are used; empty: those of the environment.
    pub profile: String,
}

impl Session {
    /// On a table that is nowhere else.
    pub fn of(table: String, location: String, mode: DashboardMode, colour: bool, every: Millis) -> Session {
        Session { table, location, endpoint: None, chosen: None, mode, colour, every }
    }
}

/// What does not change while a dashboard is open.
#[derive(Clone, Debug)]
pub struct Session {
    /// The table's name.
    pub table: String,
    /// Where it is: a region, a file, or `embedded`.
    pub location: String,
    /// Where DynamoDB's API is, if not at AWS.
    pub endpoint: Option<String>,
    /// How the table was chosen, where another can be; none: it can not.
    pub chosen: Option<TableChoice>,
    /// What is watched.
    pub mode: DashboardMode,
    /// Whether colours may be used.
    pub colour: bool,
    /// How often what is on screen is read.
    pub every: Millis,
}
