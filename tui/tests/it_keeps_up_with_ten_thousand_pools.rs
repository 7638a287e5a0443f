//! The promises of the benches, in every test run: a frame in 16 ms, an update in 5 ms, all of it in 150 MB.
//!
//! Measured is the best of many: what the program takes, not what other programs on the machine take from it.

#![allow(clippy::expect_used, reason = "a test may")]

#[path = "scenes/crowd.rs"]
mod crowd;

use std::time::{Duration, Instant};

use leasehold_tui::watch::draw::draw;
use leasehold_tui::watch::input::Input;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

fn best(times: usize, mut what: impl FnMut()) -> Duration {
    let mut time = || {
        let begin = Instant::now();
        what();
        begin.elapsed()
    };
    (0..times).map(|_| time()).min().expect("at least once")
}

/// What this process takes of the machine's memory, in bytes.
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1_024)
}

#[test]
fn frames_and_updates_are_quick_and_memory_is_bounded() {
    let mut board = crowd::board();
    assert_eq!(board.count(), crowd::POOLS as usize);
    let held: u32 = board.pools().iter().filter_map(|pool| pool.seen.as_ref()).map(|seen| seen.held).sum();
    assert_eq!(held, crowd::POOLS * crowd::LEASES);

    let area = Rect::new(0, 0, board.size.0, board.size.1);
    let mut buffer = Buffer::empty(area);
    let frame = best(50, || draw(&board, area, &mut buffer));
    let mut looks: Vec<_> = (0..200).map(|number| crowd::look(number * 37, 500)).collect();
    let update = best(200, || {
        let look = looks.pop().expect("a look");
        board.apply(Input::Seen(Box::new(look)));
    });
    let memory = memory();
    println!("a frame: {frame:?}; an update: {update:?}; memory: {} MB", memory.unwrap_or(0) / 1_000_000);
    assert!(frame < Duration::from_millis(16), "{frame:?}");
    assert!(update < Duration::from_millis(5), "{update:?}");
    // Where the system does not tell, there is nothing to compare.
    assert!(memory.is_none_or(|memory| memory < 150_000_000), "{memory:?}");
}
