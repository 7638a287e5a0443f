//! Drawing: how does the dashboard look?
//! A pure function of its state and the area it is drawn on.

mod chart;
mod footer;
mod header;
mod help;
mod lists;
mod log;
mod overlay;
mod pools;

use leasehold_core::is_harmless;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Borders, Clear, Widget};

use super::layout::{LEAST, Pane};
use super::state::{DashboardState, Overlay};
use super::text::{self, wrap};

/// Draws all of it.
pub fn draw(dashboard: &DashboardState, area: Rect, buf: &mut Buffer) {
    let size = (area.width, area.height);
    if size.0 < LEAST.0 || size.1 < LEAST.1 {
        let words = format!("too small: make it {}x{} at least", LEAST.0, LEAST.1);
        for (y, line) in (0..area.height).zip(wrap(&words, usize::from(area.width))) {
            put(buf, area, 0, y, &line, Style::new());
        }
        return;
    }
    let at = dashboard.layout_on(size);
    header::draw(dashboard, at.header, buf);
    header::error(dashboard, at.error, buf);
    header::tabs(dashboard, at.tabs, buf);
    pools::draw(dashboard, at.pools, at.wide, buf);
    lists::slots(dashboard, at.slots, at.wide, buf);
    lists::queue(dashboard, at.queue, at.wide, buf);
    chart::draw(dashboard, at.history, at.wide, buf);
    log::draw(dashboard, at.log, at.wide, buf);
    footer::draw(dashboard, at.footer, buf);
    match &dashboard.overlay {
        Some(Overlay::Help(scrolled)) => help::draw(dashboard, *scrolled, area, buf),
        Some(Overlay::Details(scrolled)) => overlay::details(dashboard, *scrolled, area, buf),
        Some(Overlay::History(shown, scrolled)) => overlay::history(dashboard, shown, *scrolled, area, buf),
        Some(Overlay::Text(what, text)) => overlay::text(dashboard, what, text, area, buf),
        Some(Overlay::Form(form)) => overlay::form(dashboard, form, area, buf),
        None => {}
    }
    clean(area, buf);
}

/// Takes away what turns or hides text: names are written by others, wherever they are drawn.
fn clean(area: Rect, buf: &mut Buffer) {
    for position in area.intersection(buf.area).positions() {
        let cell = &mut buf[position];
        if !cell.symbol().chars().all(is_harmless) {
            let kept: String = cell.symbol().chars().filter(|c| is_harmless(*c)).collect();
            cell.set_symbol(if kept.is_empty() { " " } else { &kept });
        }
    }
}

/// Writes within an area; what does not fit is cut. Says how many columns it took.
fn put(buf: &mut Buffer, area: Rect, x: u16, y: u16, words: &str, style: Style) -> u16 {
    if x >= area.width || y >= area.height {
        return 0;
    }
    let (from, room) = (area.x + x, usize::from(area.width - x));
    let (end, _) = buf.set_stringn(from, area.y + y, words, room, style);
    end - from
}

/// Writes so that it ends before column `x + width`.
fn put_right(buf: &mut Buffer, area: Rect, (x, width): (u16, u16), y: u16, words: &str, style: Style) {
    let long = u16::try_from(text::width(words)).unwrap_or(u16::MAX);
    put(buf, area, x + width.saturating_sub(long), y, words, style);
}

/// The frame of a pane with its title, and what is left inside. `top` of `all` lines are above the screen.
#[allow(clippy::too_many_arguments, reason = "a frame has that many parts")]
fn pane(
    dashboard: &DashboardState,
    pane: Pane,
    title: Vec<Span<'_>>,
    aside: &str,
    (top, all): (usize, usize),
    area: Rect,
    wide: bool,
    buf: &mut Buffer,
) -> Rect {
    if area.area() == 0 {
        return Rect::default();
    }
    let focused = dashboard.focus == pane;
    let style = if focused { dashboard.palette.focus() } else { dashboard.palette.quiet() };
    let mut block = if wide {
        Block::bordered().border_type(BorderType::Rounded)
    } else {
        Block::new().borders(Borders::TOP).border_type(BorderType::Plain)
    };
    let mark = if focused && wide { "▸" } else { "" };
    let mut title = Line::from(title);
    title.spans.insert(0, Span::styled(format!(" {mark}"), style));
    title.spans.push(Span::raw(" "));
    let room = usize::from(area.width).saturating_sub(title.width() + 6);
    block = block.border_style(style).title(title);
    if !aside.is_empty() && text::width(aside) + 2 <= room {
        block =
            block.title_top(Line::from(Span::styled(format!(" {aside} "), dashboard.palette.quiet())).right_aligned());
    }
    let inner = block.inner(area);
    let lines = usize::from(inner.height) - usize::from(pane != Pane::Log && inner.height > 0);
    if wide && all > lines && lines > 0 {
        let shown = format!(" {}–{} of {all} ", top + 1, (top + lines).min(all));
        block = block.title_bottom(Line::from(Span::styled(shown, dashboard.palette.quiet())).right_aligned());
    }
    block.render(area, buf);
    inner
}

/// A box in the middle of the screen, cleared, and what is left inside.
fn popup(dashboard: &DashboardState, title: &str, (width, height): (u16, u16), area: Rect, buf: &mut Buffer) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    let at = Rect::new(area.x + (area.width - width) / 2, area.y + (area.height - height) / 2, width, height);
    Clear.render(at, buf);
    let title = Line::from(Span::styled(format!(" {title} "), dashboard.palette.heading()));
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(dashboard.palette.focus())
        .title(title.centered());
    let inner = block.inner(at);
    block.render(at, buf);
    // A column of air on both sides.
    Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner }
}

/// Marks the chosen line of a list.
fn choose(dashboard: &DashboardState, pane: Pane, area: Rect, y: u16, buf: &mut Buffer) {
    if y >= area.height {
        return;
    }
    if dashboard.focus == pane {
        let line = Rect { y: area.y + y, height: 1, ..area };
        for position in line.positions() {
            // Letters in one even bar, as colours turned around are hard to read; bars of blocks stay what they are.
            let cell = &mut buf[position];
            if !cell.symbol().starts_with(|c| ('\u{2580}'..='\u{2593}').contains(&c)) {
                cell.set_style(Style::reset());
                cell.set_style(dashboard.palette.chosen());
            }
        }
    } else {
        put(buf, area, 0, y, "▸", dashboard.palette.focus());
    }
}

/// Words in the middle of an empty pane.
fn nothing(dashboard: &DashboardState, words: &str, area: Rect, buf: &mut Buffer) {
    if area.area() == 0 {
        return;
    }
    let lines = wrap(words, usize::from(area.width.saturating_sub(2)));
    let first = area.height.saturating_sub(lines.len() as u16) / 2;
    for (y, line) in (first..area.height).zip(lines) {
        let x = (usize::from(area.width).saturating_sub(text::width(&line)) / 2) as u16;
        put(buf, area, x, y, &line, dashboard.palette.quiet());
    }
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn words_are_wrapped_and_long_ones_are_cut() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("a abcdef b", 3), ["a", "abc", "def", "b"]);
        assert_eq!(wrap("", 3), [""]);
    }
}
