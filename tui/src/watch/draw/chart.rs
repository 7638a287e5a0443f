//! The history pane: how full was the chosen pool over the last minutes, against its limit?

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::{nothing, pane, put, put_right};
use crate::watch::chart::{Ink, picture};
use crate::watch::history;
use crate::watch::layout::Pane;
use crate::watch::state::DashboardState;
use crate::watch::text;

const KEY: &str = "─ limit  █ held  ▓ over";

pub(super) fn draw(dashboard: &DashboardState, area: Rect, wide: bool, buf: &mut Buffer) {
    let palette = dashboard.palette;
    let chosen = dashboard.chosen();
    let mut title = vec![Span::styled("History", palette.heading())];
    if let Some(pool) = chosen {
        // Shortened rather than the key left out: the pool is named elsewhere, too.
        let beside_key = usize::from(area.width).saturating_sub(text::width(KEY) + 22);
        let room = if beside_key < 8 { usize::from(area.width / 3).max(8) } else { beside_key };
        let name = text::shorten(pool.prefix.as_str(), room);
        title.push(Span::raw(format!(" of {name}")));
    }
    let inner = pane(dashboard, Pane::History, title, KEY, (0, 0), area, wide, buf);
    if inner.area() == 0 {
        return;
    }
    let Some(pool) = chosen else {
        nothing(dashboard, "No pool is chosen.", inner, buf);
        return;
    };
    // Numbers on the left, times below.
    let numbers = 6.min(inner.width / 4);
    let plot = Rect {
        x: inner.x + numbers,
        width: inner.width.saturating_sub(numbers + 1),
        height: inner.height.saturating_sub(1),
        ..inner
    };
    if plot.width < 8 || plot.height < 2 {
        return;
    }
    let count = usize::from(plot.width);
    let parts = dashboard.course(pool, count);
    if parts.iter().all(Option::is_none) {
        let broken = pool.trouble.is_some();
        nothing(dashboard, if broken { "Its rows cannot all be read." } else { "Not looked at yet." }, inner, buf);
        return;
    }
    let picture = picture(&parts, usize::from(plot.height));
    let mut symbol = [0; 4];
    for (y, row) in picture.rows.iter().enumerate() {
        for (x, cell) in row.iter().enumerate() {
            let Some((c, ink)) = cell else { continue };
            let style = match ink {
                Ink::Held => palette.busy(),
                Ink::Over => palette.alarm(),
                Ink::Limit => palette.heading(),
            };
            put(buf, plot, x as u16, y as u16, c.encode_utf8(&mut symbol), style);
        }
    }
    let quiet = palette.quiet();
    let label = (0, numbers.saturating_sub(1));
    let last = parts.iter().rev().flatten().next();
    if let (Some(row), Some(sample)) = (picture.limit_row, last) {
        put_right(buf, inner, label, row as u16, &sample.limit.to_string(), palette.heading());
        if row > 1 {
            put_right(buf, inner, label, 0, &picture.top.to_string(), quiet);
        }
        if row + 1 < usize::from(plot.height) {
            put_right(buf, inner, label, plot.height - 1, "0", quiet);
        }
    }
    let bottom = inner.height - 1;
    let ago = format!("{} ago", history::named(dashboard.window(count).1));
    put(buf, inner, numbers, bottom, &ago, quiet);
    put_right(buf, inner, (numbers, plot.width), bottom, "now", quiet);
}
