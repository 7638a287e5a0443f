//! The largest table a dashboard is made for takes no more memory than is promised: 150 MB. (How long a frame and an
//! update take is measured by `make bench`.)

#![allow(clippy::expect_used, reason = "a test may")]

#[path = "scenes/crowd.rs"]
mod crowd;

use leasehold_tui::watch::draw::draw;
use leasehold_tui::watch::input::Input;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// What this process takes of the machine's memory, in bytes; none where the system does not tell.
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1_024)
}

#[test]
fn ten_thousand_pools_of_twenty_leases_take_less_than_150_mb() {
    let mut dashboard = crowd::dashboard();
    assert_eq!(dashboard.count(), crowd::POOLS as usize);
    let held: u32 = dashboard.pools().iter().filter_map(|pool| pool.seen.as_ref()).map(|seen| seen.held).sum();
    assert_eq!(held, crowd::POOLS * crowd::LEASES);

    let area = Rect::new(0, 0, dashboard.size.0, dashboard.size.1);
    let mut buffer = Buffer::empty(area);
    for number in 0..200 {
        dashboard.apply(Input::Seen(Box::new(crowd::look(number * 37, 500))));
        draw(&dashboard, area, &mut buffer);
    }
    let memory = memory();
    println!("{} MB", memory.unwrap_or(0) / 1_000_000);
    assert!(memory.is_none_or(|memory| memory < 150_000_000), "{memory:?}");
}
