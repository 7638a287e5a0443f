//! The demo as a film: what does somebody see who types `make demo`?
//!
//! What `scripts/record-demo` kept of one run: its dashboard's looks, played as `leasehold watch --replay` plays them,
//! and the terminal's text after it.

use leasehold_core::occupancy::Occupancy;
use leasehold_core::occupancy::trace::Trace;
use leasehold_core::{Millis, Timestamp};
use leasehold_tui::watch::input::Input;
use leasehold_tui::watch::palette::Palette;
use leasehold_tui::watch::replay::ReplayPlayer;
use leasehold_tui::watch::session::{DEMO_IS_OVER, DashboardMode, Session};
use leasehold_tui::watch::state::DashboardState;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::film::{Film, Frame};
use super::{as_if_live, screen};

const LOOKS: &str = include_str!("../../../tests/recordings/make-demo.jsonl");
const TERMINAL: &str = include_str!("../../../tests/recordings/make-demo.txt");

const SIZE: (u16, u16) = (120, 40);

/// How long each kind of frame stays.
const KEY: Millis = Millis(70);
const BEFORE: Millis = Millis(600);
const STARTING: Millis = Millis(500);
const LOOK: Millis = Millis(250);
const OVER: Millis = Millis(900);
const REPORT: Millis = Millis(3_200);

/// Looks at pools that are so close are one look of the dashboard.
const ONE_LOOK: Millis = Millis(150);

/// The whole of it. Where nothing may move, the first look at a hand-over is shown.
pub(super) fn film() -> Film {
    let (prompt, after) = TERMINAL.split_once('\n').expect("a command, and what came of it");
    let command = prompt.strip_prefix("$ ").expect("a prompt");
    let mut frames: Vec<Frame> = (0..=command.len())
        .map(|typed| Frame { screen: terminal(&format!("$ {}█", &command[..typed])), lasts: KEY })
        .collect();
    frames[0].lasts = BEFORE;
    // What cargo says is there before the dashboard has the screen.
    let starting = after.split("\n\n").next().unwrap_or_default();
    frames.push(Frame { screen: terminal(&format!("{prompt}\n{starting}")), lasts: STARTING });
    let (looks, still) = looks();
    let still = frames.len() + still;
    frames.extend(looks);
    frames.push(Frame { screen: terminal(&format!("{} █", TERMINAL.trim_end())), lasts: REPORT });
    Film { frames, still }
}

/// The dashboard at each of its looks, and the number of the first one that tells of a lease that was handed over.
fn looks() -> (Vec<Frame>, usize) {
    let trace = Trace::parse(LOOKS).expect("a trace");
    let location = "in memory: jobs of each pool wait their turn at its limit".to_owned();
    let session = Session::of(trace.header.table.clone(), location, DashboardMode::Demo, true, Millis(500));
    let mut dashboard = DashboardState::new(session);
    dashboard.apply(Input::Resize(SIZE.0, SIZE.1));
    let (moments, mut last) = (moments(&trace), trace.entries[0].at);
    let mut player = ReplayPlayer::new(trace);
    dashboard.apply_all(as_if_live(player.start()));
    let (mut frames, mut still, mut over) = (vec![], 0, false);
    for moment in moments {
        dashboard.apply_all(as_if_live(player.pass(moment.since(last))));
        last = moment;
        let count = |of: fn(&Occupancy) -> u32| -> u32 {
            dashboard.pools().iter().filter_map(|pool| pool.seen.as_ref()).map(of).sum()
        };
        let (held, waiting) = (count(|seen| seen.held), count(|seen| seen.waiting));
        if held == 0 && waiting == 0 && !frames.is_empty() && !over {
            over = true;
            dashboard.apply(Input::Over(DEMO_IS_OVER.to_owned()));
        }
        let handed_over = dashboard.log.lines().iter().any(|line| line.verb == "released");
        if still == 0 && handed_over && waiting > 0 {
            still = frames.len();
        }
        frames.push(Frame { screen: screen(&dashboard), lasts: if over { OVER } else { LOOK } });
        if over {
            break;
        }
    }
    assert!(over && still > 0, "the recording shows a hand-over and the end of the demo");
    (frames, still)
}

/// When the dashboard had looked at all pools.
fn moments(trace: &Trace) -> Vec<Timestamp> {
    let mut moments: Vec<Timestamp> = vec![];
    for entry in &trace.entries {
        match moments.last_mut() {
            Some(last) if entry.at.since(*last) <= ONE_LOOK => *last = entry.at,
            _ => moments.push(entry.at),
        }
    }
    moments
}

/// A terminal's text with its escape sequences for style, each in the tone that the dashboard has for it.
fn terminal(text: &str) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, SIZE.0, SIZE.1));
    let palette = Palette { colour: true };
    let mut style = Style::new();
    for (y, line) in text.lines().enumerate() {
        let mut x = 0;
        for (number, piece) in line.split("\u{1b}[").enumerate() {
            let (code, shown) = if number == 0 { ("", piece) } else { piece.split_once('m').expect("a style's end") };
            style = match code {
                "0" | "39" => Style::new(),
                "1" => style.patch(palette.heading()),
                "2" => style.patch(palette.quiet()),
                "32" | "92" => style.patch(palette.good()),
                "" | "49" => style,
                other => panic!("the style {other} is not known"),
            };
            (x, _) = buffer.set_stringn(x, y as u16, shown, usize::from(SIZE.0 - x), style);
        }
    }
    buffer
}
