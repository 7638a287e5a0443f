//! The footer: which keys are there?
//! The table of keys in one line, as far as it fits; or what the person is to be told.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Clear, Widget};

use super::{put, wrap};
use crate::watch::keys::{self, KeyBinding};
use crate::watch::state::DashboardState;
use crate::watch::text;

pub(super) fn draw(dashboard: &DashboardState, area: Rect, buf: &mut Buffer) {
    let palette = dashboard.palette;
    if dashboard.filtering {
        let x = 1 + put(buf, area, 1, 0, &format!("/{}", dashboard.filter), palette.heading());
        let x = x + put(buf, area, x, 0, "▏", palette.focus());
        put(buf, area, x + 2, 0, "enter keeps it, esc lists all", palette.quiet());
        return;
    }
    if let Some(said) = &dashboard.said {
        let style = if said.bad { palette.warn() } else { palette.heading() };
        let sign = if said.bad { "! " } else { "" };
        let (words, columns) = (format!("{sign}{}", said.what), usize::from(area.width.saturating_sub(2)));
        let lines = wrap(&words, columns);
        // It is said for some seconds only: so long it may cover the lines above.
        let height = (lines.len() as u16).clamp(1, (area.y * 2 / 3).max(1));
        let covered = Rect { y: area.y + area.height - height, height, ..area };
        Clear.render(covered, buf);
        for (y, line) in (0..height).zip(&lines) {
            let cut = y + 1 == height && lines.len() > usize::from(height);
            let line = if cut { text::clip(&format!("{line}…"), columns) } else { line.clone() };
            put(buf, covered, 1, y, &line, style);
        }
        return;
    }
    if let Some(words) = dashboard.under_way.words() {
        let columns = usize::from(area.width.saturating_sub(2));
        put(buf, area, 1, 0, &text::clip(&words, columns), palette.heading());
        return;
    }
    let mut x = 1;
    if let Some(over) = &dashboard.over {
        x += put(buf, area, x, 0, &text::clip(over, usize::from(area.width - 2)), palette.heading()) + 2;
    }
    for (shown, word) in pairs(dashboard) {
        let long = (text::width(&shown) + 1 + text::width(word)) as u16;
        // What does not fit is in the help, whose key comes first.
        if x + long > area.width {
            break;
        }
        x += put(buf, area, x, 0, &shown, palette.focus()) + 1;
        x += put(buf, area, x, 0, word, Style::new()) + 2;
    }
}

/// Keys and what they do; keys that do the same are one.
fn pairs(dashboard: &DashboardState) -> Vec<(String, &'static str)> {
    let mut pairs: Vec<(String, &'static str)> = vec![];
    let rows = keys::rows(&dashboard.session);
    for (KeyBinding { shown, .. }, word) in rows.filter_map(|row| Some((row, row.footer?))) {
        match pairs.iter_mut().find(|(_, other)| *other == word) {
            Some((keys, _)) => keys.push_str(shown),
            None => pairs.push(((*shown).to_owned(), word)),
        }
    }
    pairs
}
