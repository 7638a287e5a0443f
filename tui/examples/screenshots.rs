//! What does the dashboard look like? Writes the pictures of the README: screens drawn as in a terminal, as SVG.
//!
//! `make screenshots` runs it. The recorded demo of the tests is played to a moment worth looking at, so the same
//! pictures come out each time; nothing is typed and no terminal is needed.

#![allow(clippy::expect_used, reason = "whoever runs it is told what is missing")]

use std::fmt::Write;
use std::path::{Path, PathBuf};

use leasehold_core::occupancy::trace::Trace;
use leasehold_core::{Millis, Timestamp};
use leasehold_tui::watch::draw::draw;
use leasehold_tui::watch::input::{Input, ReadCost};
use leasehold_tui::watch::palette::rgb;
use leasehold_tui::watch::replay::ReplayPlayer;
use leasehold_tui::watch::session::{DashboardMode, Session};
use leasehold_tui::watch::state::DashboardState;
use ratatui::buffer::{Buffer, Cell};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};

/// The size of a cell and of its letters, in pixels.
const CELL: (f64, f64) = (8.4, 17.0);
const LETTERS: f64 = 14.0;

/// A terminal's own colours: behind, and of letters.
#[derive(Clone, Copy)]
struct Theme {
    name: &'static str,
    behind: &'static str,
    letters: &'static str,
}

const DARK: Theme = Theme { name: "dark", behind: "#101418", letters: "#d8dee4" };
const LIGHT: Theme = Theme { name: "light", behind: "#ffffff", letters: "#24292f" };

/// Its name, its size in cells, the moment of the recording in milliseconds, and the keys pressed before it.
type Picture = (&'static str, (u16, u16), u64, &'static [KeyCode]);

/// What is drawn, in every theme.
const PICTURES: [Picture; 4] = [
    ("dashboard", (120, 40), 6_000, &[]),
    ("dashboard-lease", (120, 40), 6_000, &[KeyCode::Enter, KeyCode::Down, KeyCode::Down, KeyCode::Enter]),
    ("dashboard-narrow", (80, 24), 6_000, &[]),
    ("dashboard-help", (120, 50), 6_000, &[KeyCode::Char('?')]),
];

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = std::env::args_os().nth(1).map_or_else(|| root.join("../docs"), PathBuf::from);
    let recording = root.join("tests/recordings/demo.jsonl");
    let text = std::fs::read_to_string(&recording).expect("the recording of the tests");
    let trace = Trace::parse(&text).expect("a trace");
    std::fs::create_dir_all(&folder).expect("the folder for the pictures");
    for (name, size, moment, keys) in PICTURES {
        let dashboard = dashboard(&trace, size, Millis(moment), keys);
        let area = Rect::new(0, 0, size.0, size.1);
        let mut buffer = Buffer::empty(area);
        draw(&dashboard, area, &mut buffer);
        for theme in [DARK, LIGHT] {
            let file = folder.join(format!("{name}-{}.svg", theme.name));
            std::fs::write(&file, svg(&buffer, theme)).expect("a picture");
            println!("{}", file.display());
        }
    }
}

/// The dashboard at that moment of the recording, as if it were live.
fn dashboard(trace: &Trace, size: (u16, u16), moment: Millis, keys: &[KeyCode]) -> DashboardState {
    let mut trace = trace.clone();
    let until = trace.entries.first().map_or(Timestamp(0), |entry| entry.at) + moment;
    trace.entries.retain(|entry| entry.at <= until);
    let (table, location) = ("regional-concurrency-leases".to_owned(), "eu-central-1".to_owned());
    let mode = DashboardMode::Watch { read_only: false };
    let mut dashboard = DashboardState::new(Session::of(table, location, mode, true, Millis(2_000)));
    dashboard.apply(Input::Resize(size.0, size.1));
    dashboard.apply(Input::Account(Some("123456789012".into())));
    let mut player = ReplayPlayer::new(trace);
    let inputs = player.start().into_iter().chain(player.pass(moment));
    dashboard.apply_all(inputs.filter(|input| !matches!(input, Input::Played(_))));
    dashboard.apply(Input::Cost(ReadCost { units_per_minute: 60.0, requests_per_minute: 120.0 }));
    for key in keys {
        dashboard.apply(Input::Key(KeyEvent::new(*key, KeyModifiers::NONE)));
    }
    dashboard
}

/// The screen as a picture.
fn svg(buffer: &Buffer, theme: Theme) -> String {
    let (columns, rows) = (f64::from(buffer.area.width), f64::from(buffer.area.height));
    let (margin, top) = (12.0, 12.0);
    let (width, height) = (columns * CELL.0 + 2.0 * margin, rows * CELL.1 + 2.0 * top);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.1} {height:.1}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" \
         font-size=\"{LETTERS}\">\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{}\"/>\n",
        theme.behind
    );
    for y in 0..buffer.area.height {
        let mut x = 0;
        while x < buffer.area.width {
            let first = &buffer[(x, y)];
            let length = (x..buffer.area.width).take_while(|x| same(first, &buffer[(*x, y)])).count() as u16;
            let text: String = (x..x + length).map(|x| buffer[(x, y)].symbol()).collect();
            let location = (margin + f64::from(x) * CELL.0, top + f64::from(y) * CELL.1, f64::from(length) * CELL.0);
            run(&mut out, &text, first, location, theme);
            x += length;
        }
    }
    out.push_str("</svg>\n");
    out
}

/// Whether two cells are drawn in one go: the same style, and both letters or both not.
fn same(one: &Cell, other: &Cell) -> bool {
    let style = |cell: &Cell| (cell.fg, cell.modifier);
    style(one) == style(other) && is_block(one) == is_block(other) && !(is_block(one) && one.symbol() != other.symbol())
}

/// Blocks and lines must touch their neighbours in any font: they are drawn, not written.
fn is_block(cell: &Cell) -> bool {
    cell.symbol().starts_with(|c| matches!(c, '\u{2500}'..='\u{259f}'))
}

/// Cells in a row that look the same.
fn run(out: &mut String, text: &str, cell: &Cell, (x, y, width): (f64, f64, f64), theme: Theme) {
    let reversed = cell.modifier.contains(Modifier::REVERSED);
    let letters = match cell.fg {
        Color::Indexed(index) => {
            let (red, green, blue) = rgb(index);
            format!("#{red:02x}{green:02x}{blue:02x}")
        }
        _ => theme.letters.to_owned(),
    };
    let (letters, behind) = if reversed { (theme.behind.to_owned(), Some(letters)) } else { (letters, None) };
    if let Some(behind) = behind {
        let _ = writeln!(
            out,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{}\" fill=\"{behind}\"/>",
            CELL.1
        );
    }
    if text.trim().is_empty() {
        return;
    }
    if is_block(cell) {
        for index in 0..text.chars().count() {
            block(out, text.chars().next().unwrap_or(' '), (x + index as f64 * CELL.0, y), &letters);
        }
        return;
    }
    let weight = if cell.modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
    let line = if cell.modifier.contains(Modifier::UNDERLINED) { " text-decoration=\"underline\"" } else { "" };
    let text = text.trim_end();
    let lead = text.chars().take_while(|c| *c == ' ').count();
    let x = x + lead as f64 * CELL.0;
    let text = text.trim_start();
    let long = text.chars().count() as f64 * CELL.0;
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{:.1}\" textLength=\"{long:.1}\" lengthAdjust=\"spacingAndGlyphs\" xml:space=\"preserve\" \
         fill=\"{letters}\"{weight}{line}>{escaped}</text>",
        y + CELL.1 * 0.76,
    );
}

/// One character of lines or blocks.
fn block(out: &mut String, c: char, (x, y): (f64, f64), colour: &str) {
    let (w, h) = CELL;
    let (mid_x, mid_y) = (x + w / 2.0, y + h / 2.0);
    let mut rect = |x: f64, y: f64, w: f64, h: f64, opacity: f64| {
        // A hair wider, so that no seam shows between neighbours.
        let fill = if opacity < 1.0 { format!(" fill-opacity=\"{opacity}\"") } else { String::new() };
        let _ = writeln!(
            out,
            "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{:.2}\" height=\"{:.2}\" fill=\"{colour}\"{fill}/>",
            w + 0.05,
            h + 0.05
        );
    };
    match c {
        '\u{2581}'..='\u{2588}' => {
            let eighths = f64::from(u32::from(c) - 0x2580);
            rect(x, y + h * (1.0 - eighths / 8.0), w, h * eighths / 8.0, 1.0);
        }
        '\u{2589}'..='\u{258f}' => rect(x, y, w * f64::from(0x2590 - u32::from(c)) / 8.0, h, 1.0),
        '░' => rect(x, y, w, h, 0.25),
        '▒' => rect(x, y, w, h, 0.5),
        '▓' => rect(x, y, w, h, 0.7),
        '─' => rect(x, mid_y - 0.6, w, 1.2, 1.0),
        '│' => rect(mid_x - 0.6, y, 1.2, h, 1.0),
        '╭' | '╮' | '╰' | '╯' => {
            let (side, end) =
                (if matches!(c, '╭' | '╰') { x + w } else { x }, if matches!(c, '╭' | '╮') { y + h } else { y });
            let _ = writeln!(
                out,
                "<path d=\"M {side:.2} {mid_y:.2} Q {mid_x:.2} {mid_y:.2} {mid_x:.2} {end:.2}\" fill=\"none\" \
                 stroke=\"{colour}\" stroke-width=\"1.2\"/>"
            );
        }
        _ => {
            let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{:.1}\" fill=\"{colour}\">{c}</text>", y + h * 0.76);
        }
    }
}
