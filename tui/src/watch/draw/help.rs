//! The help: what do the keys and signs mean, and what does the watching cost?

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{popup, put, wrap};
use crate::watch::keys;
use crate::watch::listed_state::ListedState;
use crate::watch::palette::listed_sign;
use crate::watch::session::DashboardMode;
use crate::watch::state::DashboardState;

type HelpRow = (String, Style, String);

pub(super) fn draw(dashboard: &DashboardState, scrolled: usize, area: Rect, buf: &mut Buffer) {
    let width = 100.min(area.width.saturating_sub(2));
    let rows = rows(dashboard, usize::from(width.saturating_sub(4 + 15)));
    let height = (rows.len() as u16 + 2).min(area.height);
    let inner = popup(dashboard, "Help", (width, height), area, buf);
    let lines = usize::from(inner.height);
    let first = scrolled.min(rows.len().saturating_sub(lines));
    for (y, (key, style, words)) in rows.iter().skip(first).take(lines).enumerate() {
        put(buf, inner, 0, y as u16, key, *style);
        put(buf, inner, if key.len() > 40 { 0 } else { 15 }, y as u16, words, Style::new());
    }
    let frame = Rect { x: inner.x, y: inner.y + inner.height, width: inner.width, height: 1 };
    if rows.len() > lines {
        put(buf, frame.intersection(area), 1, 0, " ↑↓ more ", dashboard.palette.quiet());
    }
}

fn rows(dashboard: &DashboardState, columns: usize) -> Vec<HelpRow> {
    let palette = dashboard.palette;
    let mut rows: Vec<HelpRow> = vec![];
    let mut add = |key: &str, style: Style, words: &str| {
        for (line, words) in wrap(words, columns).into_iter().enumerate() {
            rows.push((if line == 0 { key.to_owned() } else { String::new() }, style, words));
        }
    };
    let mut keys: Vec<(String, &str)> = vec![];
    for row in keys::rows(&dashboard.session) {
        match keys.iter_mut().find(|(_, help)| *help == row.help) {
            Some((shown, _)) => *shown += &format!(" {}", row.shown),
            None => keys.push((row.shown.to_owned(), row.help)),
        }
    }
    for (shown, help) in keys {
        add(&shown, palette.focus(), help);
    }
    add("", Style::new(), "");
    for state in ListedState::ALL {
        add(&format!("{} {}", listed_sign(state), state.as_str()), palette.listed(state), state.meaning());
    }
    add("", Style::new(), "");
    let slots =
        "● held  ○ free  ! expired, still to be cleared  ? its holder may not have been told  ▲ above the limit";
    add("slots", palette.heading(), slots);
    match (dashboard.session.mode, dashboard.cost) {
        (DashboardMode::Replay, _) => {}
        (_, Some(cost)) => {
            let words = format!(
                "{:.1} read capacity units and {:.0} requests a minute. The pools on screen are read every {}, the \
                 directory of all pools less often; large ones more slowly, so that the costs stay below 60 units \
                 a second.",
                cost.units_per_minute,
                cost.requests_per_minute,
                crate::watch::text::length(dashboard.session.every),
            );
            add("watching costs", palette.heading(), &words);
        }
        (_, None) => add("watching costs", palette.heading(), "not known yet"),
    }
    if dashboard.session.mode != DashboardMode::Replay {
        let words = "Pools on screen are read live, the others are as their last sweep left them. Those without sweeps, as \
                     where only `leasehold run` is used, are read about once a minute.";
        add("how old", palette.heading(), words);
    }
    rows
}
