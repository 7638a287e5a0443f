//! The log pane: what changed?
//! The log, newest first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

use super::{choose, nothing, pane, put};
use crate::watch::layout::Pane;
use crate::watch::log::Weight;
use crate::watch::session::DashboardMode;
use crate::watch::state::DashboardState;
use crate::watch::text;

pub(super) fn draw(dashboard: &DashboardState, area: Rect, wide: bool, buf: &mut Buffer) {
    let palette = dashboard.palette;
    let title = vec![Span::styled("Log", palette.heading())];
    let inner = pane(
        dashboard,
        Pane::Log,
        title,
        "newest first",
        (dashboard.log_cursor.top, dashboard.log.lines().len()),
        area,
        wide,
        buf,
    );
    if inner.area() == 0 {
        return;
    }
    let lines = dashboard.log.lines();
    if lines.is_empty() {
        let words = match dashboard.session.mode {
            DashboardMode::Replay => "No change was seen in this recording so far.",
            _ => "No change was seen since the dashboard was opened.",
        };
        nothing(dashboard, words, inner, buf);
        return;
    }
    let visible = || lines.iter().skip(dashboard.log_cursor.top).take(usize::from(inner.height));
    let named = dashboard.count() > 1 && inner.width >= 56;
    let longest = visible().filter_map(|line| line.prefix.as_ref()).map(|prefix| prefix.as_str().len()).max();
    let name = if named { longest.unwrap_or(0).min(usize::from(inner.width) / 4) as u16 + 1 } else { 0 };
    for (y, line) in visible().enumerate() {
        let y16 = y as u16;
        let style = match line.weight {
            Weight::Plain => Style::new(),
            Weight::Good => palette.good(),
            Weight::Notable => palette.busy(),
            Weight::Warning => palette.warn(),
            Weight::Alarm => palette.alarm(),
        };
        put(buf, inner, 1, y16, &line.at.time_of_day(), palette.quiet());
        put(buf, inner, 10, y16, line.sign, style);
        // What concerns no pool is a sentence of its own.
        let verb = if line.prefix.is_some() { line.verb } else { "" };
        put(buf, inner, 12, y16, verb, style);
        if let (true, Some(prefix)) = (name > 0, &line.prefix) {
            let shown = text::shorten(prefix.as_str(), usize::from(name - 1));
            put(buf, inner, 22, y16, &shown, palette.quiet());
        }
        let x = if line.prefix.is_some() { 22 + name } else { 12 };
        let rest = line.rest.within(usize::from(inner.width.saturating_sub(x + 1)));
        put(buf, inner, x, y16, &rest, Style::new());
        if dashboard.log_cursor.top + y == dashboard.log_cursor.at && dashboard.focus == Pane::Log {
            choose(dashboard, Pane::Log, inner, y16, buf);
        }
    }
}
