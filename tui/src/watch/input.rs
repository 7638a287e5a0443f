//! Inputs and effects: what changes a dashboard, and what does it ask for?
//! Inputs in, effects and a wish list out; nothing else.

use std::collections::BTreeMap;

use leasehold_core::occupancy::Occupancy;
use leasehold_core::{ExpectedOverride, HistoryRow, LeaseId, Limit, Millis, PoolName, Slot, Timestamp};
use ratatui::crossterm::event::KeyEvent;

use super::session::TableChoice;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A key was pressed.
    Key(KeyEvent),
    /// The screen has so many columns and rows.
    Resize(u16, u16),
    /// It is so late. In a replay: on the recording's clock.
    Tick(Timestamp),
    /// The directory was read.
    Listed(PoolDirectory),
    /// A pool was looked at: its rows, or in a replay perhaps a summary.
    Seen(Box<Occupancy>),
    /// A pool is not there any more. (A directory that lacks it says the same.)
    Gone(PoolName),
    /// One pool can not be shown; the others can.
    Unreadable {
        /// Which.
        prefix: PoolName,
        /// Why, in words.
        why: String,
    },
    /// Some rows of a pool can not be read; the rest was.
    Damaged(Box<DamagedPool>),
    /// Reading failed, and will be tried again.
    Failed {
        /// What was tried and what is wrong, in words.
        why: String,
        /// When it is tried again.
        retry_at: Timestamp,
    },
    /// What the watching costs.
    Cost(ReadCost),
    /// Something was done that was asked for, or was not, and why.
    ActionDone {
        /// Whether it was done.
        done: bool,
        /// In words.
        what: String,
    },
    /// A pool's limit was changed, as was asked for.
    LimitChanged {
        /// Whose.
        prefix: PoolName,
        /// What it is now.
        to: Limit,
        /// In words.
        what: String,
    },
    /// The table's account was asked for; none: it can not be known.
    Account(Option<String>),
    /// Something was given to the person at the keys: to the clipboard, or to a browser.
    Shared(SharedText),
    /// Another table was reached, and is to be shown instead.
    Switched,
    /// Another table was not reached: why, in words.
    NotReached(String),
    /// A pool's history was read, the newest change first; or why not.
    History(PoolName, Result<ReadChanges, String>),
    /// Something that happened beside the table, for the log.
    Note(String),
    /// The table's replies show that this machine's clock is wrong; from here on the time is the table's.
    ClockCorrected {
        /// The table's time.
        now: Timestamp,
        /// How wrong, in words.
        what: String,
    },
    /// What is watched has come to its end: what to do now, in words.
    Over(String),
    /// How far a replay is.
    Played(ReplayPosition),
    /// A replay jumped: what was seen so far does not count.
    Forget,
}

/// A pool of which some rows can not be read.
#[derive(Clone, Debug)]
pub struct DamagedPool {
    /// What the other rows show.
    pub rest: Occupancy,
    /// The slots whose rows can not be read: what is wrong with each, and what to do.
    pub slots: BTreeMap<Slot, String>,
    /// All that is wrong, in words.
    pub why: String,
}

/// A text that is given to the person at the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedText {
    /// What it is.
    pub what: &'static str,
    /// The text.
    pub text: String,
    /// It is a link, and a browser showed it; else it was sent to the clipboard.
    pub opened: bool,
}

/// What the directory says of all pools.
#[derive(Clone, Debug)]
pub struct PoolDirectory {
    /// When it was read.
    pub at: Timestamp,
    /// Every pool, in order of prefix.
    pub pools: Vec<DirectoryEntry>,
}

/// What the directory says of one pool.
#[derive(Clone, Debug)]
pub struct DirectoryEntry {
    /// Its name.
    pub prefix: PoolName,
    /// The limit in force.
    pub limit: Option<Limit>,
    /// The limit of its settings, and how long a lowered one settles.
    pub rules: Option<LimitRules>,
    /// What its last sweep saw.
    pub summary: Option<Occupancy>,
    /// That sweep is longer ago than it should be: the summary tells the past.
    pub stale: bool,
    /// What is wrong with one of its rows.
    pub trouble: Option<String>,
}

/// What becomes of a pool's limit when an override is made or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitRules {
    /// The limit of its settings.
    pub limit: Limit,
    /// How long a lowered limit settles.
    pub settles_for: Millis,
    /// The limit from which it was lowered, while that settles.
    pub settling_from: Option<Limit>,
}

/// What the watching costs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ReadCost {
    /// Read capacity units a minute, over the last minute at most.
    pub units_per_minute: f64,
    /// Requests a minute.
    pub requests_per_minute: f64,
}

/// How far a replay is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReplayPosition {
    /// Where the recording begins.
    pub from: Timestamp,
    /// Where it is now.
    pub at: Timestamp,
    /// Where it ends.
    pub to: Timestamp,
    /// Whether it runs.
    pub playing: bool,
    /// How many times as fast as it was.
    pub speed: f64,
}

/// Something a dashboard wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum DashboardEffect {
    /// Leave.
    Quit,
    /// Stop as if by a signal: ctrl-C.
    Interrupt,
    /// Give the terminal back to the shell until it says go on.
    Suspend,
    /// Change a pool's limit.
    ChangeLimit {
        /// Whose.
        prefix: PoolName,
        /// To.
        limit: Limit,
        /// Why.
        why: String,
        /// After how long it ends by itself, if it does.
        lasts: Option<Millis>,
        /// The override that whoever asks has seen.
        expected: ExpectedOverride,
    },
    /// End a pool's override.
    EndOverride {
        /// Whose.
        prefix: PoolName,
        /// Why; empty: they did not say.
        why: String,
        /// The override that whoever asks has seen.
        expected: ExpectedOverride,
    },
    /// Give this to the person at the keys: to a browser if it is a link and there is one, else to the clipboard.
    Share {
        /// What it is.
        what: &'static str,
        /// The text.
        text: String,
        /// Whether it is a link.
        link: bool,
    },
    /// Reach another table, to show it instead.
    Choose(TableChoice),
    /// Another table is reached: make room for it.
    Switch,
    /// Read who changed a pool.
    ReadHistory(PoolName),
    /// Free a lease whatever its holder does.
    Release(LeaseId),
    /// In the demo: a worker of this pool dies, the one that holds the slot if one is named.
    Kill {
        /// Whose.
        prefix: PoolName,
        /// Which lease's holder.
        slot: Option<u32>,
    },
    /// In the demo: the work goes so many times as fast as planned.
    Speed(f64),
    /// In a replay.
    Replay(ReplayCommand),
}

/// What a replay is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ReplayCommand {
    /// Run, or stand still.
    Toggle,
    /// So many times as fast as it was recorded.
    Speed(f64),
    /// So many milliseconds on, or back.
    Seek(i64),
    /// To the beginning.
    Start,
}

/// What is on screen, and what else is to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscription {
    /// The pools to read live, the chosen one first.
    pub pools: Vec<PoolName>,
    /// Now and then the others are to be read too, where no sweep tells of them.
    pub unswept: bool,
    /// Nothing is to be read.
    pub paused: bool,
    /// How often everything was asked to be read at once.
    pub refreshed: u64,
}

/// Who changed a pool, as far as it can be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadChanges {
    /// The newest first.
    pub changes: Vec<HistoryRow>,
    /// How many rows make no sense, and what is wrong with the first, if there are any.
    pub unreadable: Option<String>,
}
