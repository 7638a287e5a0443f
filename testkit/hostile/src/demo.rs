//! The demo's scenarios, as the program `leasehold` has them: which files are they in?
#![allow(dead_code, reason = "the program needs more of them")]

#[path = "../../../tui/src/demo/scenario.rs"]
pub(crate) mod scenario;
#[path = "../../../tui/src/demo/scenario_file.rs"]
pub(crate) mod scenario_file;
#[path = "../../../tui/src/demo/schedule.rs"]
pub(crate) mod schedule;
