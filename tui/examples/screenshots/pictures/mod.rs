//! The README's pictures: which screens are drawn, and of which moment?

mod demo;
mod film;
mod svg;

use leasehold_core::occupancy::trace::Trace;
use leasehold_core::{Millis, Timestamp};
use leasehold_tui::watch::draw::draw;
use leasehold_tui::watch::input::{Input, ReadCost};
use leasehold_tui::watch::replay::ReplayPlayer;
use leasehold_tui::watch::session::{DashboardMode, Session, TableChoice};
use leasehold_tui::watch::state::DashboardState;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;
use svg::{DARK, LIGHT};

/// A demo with a worker killed and a limit raised by hand.
const STEERED: &str = include_str!("../../../tests/recordings/demo.jsonl");

/// Its name, its size in cells, the moment of the recording in milliseconds, and the keys pressed before it.
type Picture = (&'static str, (u16, u16), u64, &'static [KeyCode]);

/// The pictures that stand still.
const STILL: [Picture; 4] = [
    ("dashboard", (120, 40), 6_000, &[]),
    ("dashboard-lease", (120, 40), 6_000, &[KeyCode::Enter, KeyCode::Down, KeyCode::Down, KeyCode::Enter]),
    ("dashboard-narrow", (80, 24), 6_000, &[]),
    ("dashboard-help", (120, 50), 6_000, &[KeyCode::Char('?')]),
];

/// Every picture, as a file's name and what is in it.
pub(crate) fn all() -> Vec<(String, String)> {
    let trace = Trace::parse(STEERED).expect("a trace");
    let mut pictures = vec![];
    for (name, size, moment, keys) in STILL {
        let screen = screen(&dashboard(&trace, size, Millis(moment), keys));
        pictures.extend([DARK, LIGHT].map(|theme| (format!("{name}-{}.svg", theme.name), svg::svg(&screen, theme))));
    }
    let film = demo::film();
    pictures.extend([DARK, LIGHT].map(|theme| (format!("demo-{}.svg", theme.name), film.svg(theme))));
    pictures
}

/// The dashboard at that moment of the recording, as if it were live.
fn dashboard(trace: &Trace, size: (u16, u16), moment: Millis, keys: &[KeyCode]) -> DashboardState {
    let mut trace = trace.clone();
    let until = trace.entries.first().map_or(Timestamp(0), |entry| entry.at) + moment;
    trace.entries.retain(|entry| entry.at <= until);
    let (table, location) = ("regional-concurrency-leases".to_owned(), "eu-central-1".to_owned());
    let mode = DashboardMode::Watch { read_only: false };
    let chosen = TableChoice { table: table.clone(), region: location.clone(), profile: String::new() };
    let session = Session { chosen: Some(chosen), ..Session::of(table, location, mode, true, Millis(2_000)) };
    let mut dashboard = DashboardState::new(session);
    dashboard.apply(Input::Resize(size.0, size.1));
    dashboard.apply(Input::Account(Some("123456789012".into())));
    let mut player = ReplayPlayer::new(trace);
    let inputs = player.start().into_iter().chain(player.pass(moment));
    dashboard.apply_all(as_if_live(inputs));
    dashboard.apply(Input::Cost(ReadCost { units_per_minute: 60.0, requests_per_minute: 120.0 }));
    for key in keys {
        dashboard.apply(Input::Key(KeyEvent::new(*key, KeyModifiers::NONE)));
    }
    dashboard
}

/// Without what tells that it is played.
fn as_if_live(inputs: impl IntoIterator<Item = Input>) -> impl Iterator<Item = Input> {
    inputs.into_iter().filter(|input| !matches!(input, Input::Played(_)))
}

fn screen(dashboard: &DashboardState) -> Buffer {
    let area = Rect::new(0, 0, dashboard.size.0, dashboard.size.1);
    let mut buffer = Buffer::empty(area);
    draw(dashboard, area, &mut buffer);
    buffer
}
