//! The demo's scenario files: is each either a plan within bounds, or refused with its line?
//!
//! The input is the TOML; after a line of `====` perhaps the JSON of the file `items.json`, in which its items lie.

use std::time::Duration;

use crate::demo::scenario::{DemoScenario, Files};
use crate::demo::scenario_file::scenario;
use crate::words::assert_harmless_lines;

/// The most items that all pools of a plan may have together.
const MOST_ITEMS: usize = 100_000;

/// A scenario file.
pub(crate) fn judge(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (plan, items) = text.split_once("\n====\n").unwrap_or((&text, ""));
    match scenario("scenario.toml", plan, &Files::Carried(&[("items.json", items)])) {
        Ok(DemoScenario { pools }) => {
            assert!(!pools.is_empty());
            assert!(pools.iter().map(|pool| pool.items.len()).sum::<usize>() <= MOST_ITEMS);
            // A limit of 0 is a plan too: nobody is let in until it is raised, or given up after a time that ends.
            let within = |wait: Duration| wait < Duration::from_secs(MOST_ITEMS as u64 * 86_400 * 11);
            assert!(pools.iter().all(|pool| within(pool.wait) && !pool.items.is_empty() && !pool.work.is_zero()));
        }
        Err(wrong) => assert_harmless_lines(&wrong.to_string()),
    }
}
