//! Hostile input: what is judged of every reader that meets what others wrote?
//!
//! Each [`Reader`] takes any bytes, gives them to one of the project's readers and asserts what must hold: nothing panics,
//! what is read reads back as the same, and what is refused is refused in few words that no terminal, log or page has to
//! fear. The fuzzer (`make fuzz`) calls them with what it finds, the tests with `corpus/NAME/*` and changes of those.
#![allow(clippy::expect_used, clippy::panic, reason = "what does not hold ends the run, and says what it was")]

mod arn;
mod command_line;
mod contract;
mod demo;
mod demo_scenario;
// Of the program `leasehold`, which is no library.
#[allow(dead_code, unreachable_pub, reason = "the program needs more of it, and its library gives it to others")]
#[path = "../../../tui/src/duration.rs"]
mod duration;
#[allow(dead_code, reason = "the program needs more of it")]
#[path = "../../../tui/src/error.rs"]
mod error;
mod item_json;
mod log_line;
mod moment;
mod page;
mod pool_rows;
mod row_bytes;
mod rows;
mod trace;
mod words;

/// One reader, and how it is judged.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    /// Its name: that of its fuzz target, and of the folder of its seeds in `corpus`.
    pub name: &'static str,
    /// Gives these bytes to it. Panics where something does not hold.
    pub judge: fn(&[u8]),
    /// Nothing longer is tried, in bytes: what it would find there, it finds in less.
    pub longest: usize,
}

/// All of them.
pub const READERS: [Reader; 12] = [
    Reader { name: "contract", judge: contract::judge, longest: 8_192 },
    Reader { name: "log_line", judge: log_line::judge, longest: 8_192 },
    Reader { name: "pool_rows", judge: pool_rows::judge, longest: 8_192 },
    Reader { name: "item", judge: rows::judge_item, longest: 8_192 },
    Reader { name: "row", judge: rows::judge_row, longest: 4_096 },
    Reader { name: "trace", judge: trace::judge, longest: 16_384 },
    Reader { name: "page_scenario", judge: page::judge, longest: 8_192 },
    Reader { name: "demo_scenario", judge: demo_scenario::judge, longest: 8_192 },
    Reader { name: "arn", judge: arn::judge, longest: 4_096 },
    Reader { name: "moment", judge: moment::judge, longest: 128 },
    Reader { name: "duration", judge: command_line::judge_duration, longest: 128 },
    Reader { name: "name", judge: command_line::judge_name, longest: 2_048 },
];

/// The reader of this name.
///
/// # Panics
/// When there is none.
pub fn reader(name: &str) -> &'static Reader {
    READERS.iter().find(|reader| reader.name == name).expect("a reader of this name")
}
