//! The dashboard: how are the pools of one table watched?
//!
//! Three parts that know nothing of each other's work: [`poller`] reads the table, [`state`] keeps what is known and is
//! changed by inputs only, [`draw`] is a pure function from that state to a screen. [`screen`] owns the terminal and
//! carries inputs to the state and its effects away.

pub mod actions;
pub mod chart;
pub mod clipboard;
pub mod draw;
pub mod form;
pub mod history;
pub mod input;
pub mod keys;
pub mod layout;
pub mod listed_state;
pub mod log;
pub mod noted;
pub mod palette;
pub mod poller;
pub mod recorder;
pub mod replay;
pub mod screen;
pub mod session;
pub mod state;
pub mod terminal;
pub mod text;
pub mod under_way;
