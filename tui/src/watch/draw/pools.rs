//! The list of pools: how do all of them stand?
//! One line each: how full, who waits, for how long, the last minutes, and one word.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Span;

use super::{choose, nothing, pane, put, put_right};
use crate::watch::history;
use crate::watch::layout::Pane;
use crate::watch::state::{DashboardState, PoolOrder, PoolPane};
use crate::watch::{palette, text};

/// Where each column begins and how wide it is; those without room have none.
struct Columns {
    name: (u16, u16),
    held: (u16, u16),
    bar: (u16, u16),
    waiting: (u16, u16),
    oldest: (u16, u16),
    spark: (u16, u16),
    state: (u16, u16),
}

impl Columns {
    fn of(dashboard: &DashboardState, width: u16, lines: usize) -> Columns {
        let visible = || dashboard.listed().skip(dashboard.pool_cursor.top).take(lines);
        let held = visible().map(|pool| text::width(&held(pool))).max().unwrap_or(0).max(5) as u16;
        let longest = visible().map(|pool| pool.prefix.as_str().len()).max().unwrap_or(0).max(8) as u16;
        let state = 10;
        // What must be there: the marker and sign, a name, how many hold a lease, the word. Then who waits, and how long.
        let mut left = width.saturating_sub(4 + 8 + 1 + held + 1 + state);
        let mut column = |wanted: u16| {
            let got = if left > wanted { wanted } else { 0 };
            left -= if got > 0 { got + 1 } else { 0 };
            got
        };
        let (waiting, oldest) = (column(4), column(6));
        let mut take = |wanted: u16| {
            let got = wanted.min(left);
            left -= got;
            got
        };
        // In the order of what is missed most: a bar, the whole name, the past; then more of each.
        let bar = if take(7) == 7 { 6 } else { 0 };
        let name = 8 + take(longest.saturating_sub(8).min(18));
        let mut spark = if take(9) == 9 { 8 } else { 0 };
        let bar = bar + if bar > 0 { take(4) } else { 0 };
        if spark > 0 {
            spark += take(16);
        }
        let name = name + take(longest.saturating_sub(name));
        let mut x = 4;
        let mut next = |width: u16| {
            let at = (x, width);
            x += if width > 0 { width + 1 } else { 0 };
            at
        };
        let columns = [name, held, bar, waiting, oldest, spark].map(&mut next);
        let [name, held, bar, waiting, oldest, spark] = columns;
        Columns { name, held, bar, waiting, oldest, spark, state: (width.saturating_sub(state), state) }
    }
}

pub(super) fn draw(dashboard: &DashboardState, area: Rect, wide: bool, buf: &mut Buffer) {
    let palette = dashboard.palette;
    let mut title = vec![Span::styled("Pools", palette.heading())];
    let (listed, all) = (dashboard.listed().len(), dashboard.count());
    if listed < all {
        title.push(Span::raw(format!(" {listed} of {all}")));
    } else if all > 0 {
        title.push(Span::raw(format!(" {all}")));
    }
    if !dashboard.filter.is_empty() {
        title.push(Span::styled(format!(" /{}", dashboard.filter), palette.warn()));
    }
    let aside =
        if dashboard.order == PoolOrder::Trouble { String::new() } else { format!("by {}", dashboard.order.name()) };
    let part = (dashboard.pool_cursor.top, listed);
    let inner = pane(dashboard, Pane::Pools, title, &aside, part, area, wide, buf);
    if inner.area() == 0 {
        return;
    }
    if listed == 0 {
        nothing(dashboard, &empty(dashboard), inner, buf);
        return;
    }
    let lines = usize::from(inner.height.saturating_sub(1));
    let columns = Columns::of(dashboard, inner.width, lines);
    headings(dashboard, &columns, inner, buf);
    for (line, pool) in dashboard.listed().skip(dashboard.pool_cursor.top).take(lines).enumerate() {
        let y = line as u16 + 1;
        row(dashboard, pool, &columns, inner, y, buf);
        if dashboard.pool_cursor.top + line == dashboard.pool_cursor.at {
            choose(dashboard, Pane::Pools, inner, y, buf);
        }
    }
}

/// Why there is no line.
fn empty(dashboard: &DashboardState) -> String {
    if dashboard.count() > 0 {
        format!("No pool has \"{}\" in its name or state. Esc lists all.", dashboard.filter)
    } else if dashboard.listed_at.is_some() {
        "The table has no pools yet. Make one: leasehold pool set PREFIX --limit N, or Terraform's pool module.".into()
    } else if dashboard.failure.is_some() {
        "Nothing could be read yet.".into()
    } else {
        "Reading the directory of pools…".into()
    }
}

fn headings(dashboard: &DashboardState, at: &Columns, area: Rect, buf: &mut Buffer) {
    let quiet = dashboard.palette.quiet();
    put(buf, area, at.name.0, 0, "pool", quiet);
    put_right(buf, area, at.held, 0, "held", quiet);
    if at.waiting.1 > 0 {
        put_right(buf, area, at.waiting, 0, "wait", quiet);
    }
    if at.oldest.1 > 0 {
        put_right(buf, area, at.oldest, 0, "oldest", quiet);
    }
    if at.spark.1 > 0 {
        let (_, window) = dashboard.window(usize::from(at.spark.1));
        let last = if at.spark.1 >= 11 { "last " } else { "" };
        put(buf, area, at.spark.0, 0, &format!("{last}{}", history::named(window)), quiet);
    }
    put(buf, area, at.state.0, 0, "state", quiet);
}

fn row(dashboard: &DashboardState, pool: &PoolPane, at: &Columns, area: Rect, y: u16, buf: &mut Buffer) {
    let palette = dashboard.palette;
    let quiet = palette.quiet();
    let state = pool.listed_state();
    let (word, sign, style) = (state.as_str(), palette::listed_sign(state), palette.listed(state));
    put(buf, area, 2, y, sign, style);
    let name = text::shorten(pool.prefix.as_str(), usize::from(at.name.1));
    put(buf, area, at.name.0, y, &name, Style::new());
    put_right(buf, area, at.held, y, &held(pool), Style::new());
    let (waiting, oldest) = match pool.known() {
        Some(seen) if seen.waiting > 0 => {
            let plus = if seen.waiting_more { "+" } else { "" };
            let oldest = dashboard.oldest_wait(pool).map(text::length).unwrap_or_default();
            (format!("{}{plus}", seen.waiting), oldest)
        }
        Some(_) => ("·".into(), "·".into()),
        None => ("?".into(), "?".into()),
    };
    let tone = if waiting.starts_with(['·', '?']) { quiet } else { Style::new() };
    if at.waiting.1 > 0 {
        put_right(buf, area, at.waiting, y, &waiting, tone);
    }
    if at.oldest.1 > 0 {
        put_right(buf, area, at.oldest, y, &oldest, tone);
    }
    if at.bar.1 > 0 {
        bar(
            dashboard,
            pool,
            Rect { x: area.x + at.bar.0, y: area.y + y, width: at.bar.1, height: 1 }.intersection(area),
            style,
            buf,
        );
    }
    if at.spark.1 > 0 {
        let count = usize::from(at.spark.1);
        let spark = history::sparkline(&dashboard.course(pool, count));
        put(buf, area, at.spark.0, y, &spark, style.remove_modifier(Modifier::BOLD));
    }
    put(buf, area, at.state.0, y, word, style);
}

fn held(pool: &PoolPane) -> String {
    let limit = pool.limit.filter(|_| pool.trouble.is_none());
    let limit = limit.map_or_else(|| "?".to_owned(), |limit| limit.to_string());
    match pool.known() {
        // An override is in force.
        Some(seen) if seen.overridden.is_some() => format!("{}/{limit}±", seen.held),
        Some(seen) => format!("{}/{limit}", seen.held),
        None => format!("?/{limit}"),
    }
}

/// How full it is; what is more than full ends in the sign of it.
fn bar(dashboard: &DashboardState, pool: &PoolPane, area: Rect, style: Style, buf: &mut Buffer) {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let Some(seen) = pool.known() else { return };
    let width = usize::from(area.width);
    let (held, limit) = (seen.held as usize, seen.limit.count() as usize);
    if held > limit {
        let full = format!("{}▲", "█".repeat(width.saturating_sub(1)));
        put(buf, area, 0, 0, &full, style);
        return;
    }
    let eighths = (held * width * 8).checked_div(limit).unwrap_or(0);
    let filled = format!("{}{}", "█".repeat(eighths / 8), PARTS[eighths % 8]);
    let rest = "░".repeat(width.saturating_sub(text::width(&filled)));
    let x = put(buf, area, 0, 0, &filled, style.remove_modifier(Modifier::BOLD));
    put(buf, area, x, 0, &rest, dashboard.palette.quiet());
}
