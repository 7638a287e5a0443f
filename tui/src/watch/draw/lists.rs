//! The slots and the queue: who holds the chosen pool's slots, and who waits for one?
//! One line a slot, one line a waiter.

use leasehold_core::occupancy::{Detail, LeaseView, PoolState, SlotView, WaiterView};
use leasehold_core::{Millis, Timestamp};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

use super::{choose, nothing, pane, put, put_right};
use crate::watch::layout::Pane;
use crate::watch::state::{Cursor, DashboardState, PoolPane};
use crate::watch::{palette, text};

/// The least room that a holder has before other columns.
const LEAST_NAME: u16 = 10;

pub(super) fn slots(dashboard: &DashboardState, area: Rect, wide: bool, buf: &mut Buffer) {
    let palette = dashboard.palette;
    let chosen = dashboard.chosen();
    let seen = chosen.and_then(|pool| pool.seen.as_ref());
    let mut title = vec![Span::styled("Slots", palette.heading())];
    if let Some(pool) = chosen {
        title.push(Span::raw(format!(
            " of {}",
            text::shorten(pool.prefix.as_str(), usize::from(area.width / 3).max(8))
        )));
    }
    if chosen.is_some_and(|pool| pool.trouble.is_some()) {
        title.push(Span::styled("  × broken", palette.alarm()));
    } else if let Some(state) = chosen.and_then(PoolPane::state) {
        title.push(Span::styled(format!("  {} {state}", palette::sign(state)), palette.state(state)));
    }
    let aside = chosen.and_then(PoolPane::known).map(text::held).unwrap_or_default();
    let part = (dashboard.slot_cursor.top, dashboard.slots().len());
    let inner = pane(dashboard, Pane::Slots, title, &aside, part, area, wide, buf);
    let (Some(pool), rows) = (chosen, dashboard.slots()) else {
        nothing(dashboard, "No pool is chosen.", inner, buf);
        return;
    };
    if let (Some(trouble), None) = (&pool.trouble, &pool.damaged) {
        nothing(dashboard, trouble, inner, buf);
        return;
    }
    let Some(seen) = seen.filter(|seen| seen.detail == Detail::Rows) else {
        let words =
            if dashboard.paused.is_some() { "Paused before its slots were read." } else { "Reading its slots…" };
        nothing(dashboard, words, inner, buf);
        return;
    };
    let mut inner = inner;
    for (words, style) in notes(dashboard) {
        let room = usize::from(inner.width.saturating_sub(2));
        put(buf, inner, 1, 0, &text::clip(&words, room), style);
        inner = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
    }
    if rows.is_empty() {
        nothing(dashboard, "The limit is 0: nobody is granted a lease.", inner, buf);
        return;
    }
    // A column of air on the right.
    let width = inner.width.saturating_sub(1);
    let note = if width >= 64 { 12 } else { 0 };
    let digits = rows.last().map_or(4, |row| row.slot.0.to_string().len().max(4)) as u16;
    // From the right: note, fence, expires in, held for; the holder has the rest.
    let fence_width = rows.iter().map(|row| row.fence.0.to_string().len()).max().unwrap_or(1).clamp(5, 9) as u16;
    // Where there is little room for the holder, the fence goes first, then since when.
    let first = 4 + digits + 1;
    let narrow = |left: u16| first + LEAST_NAME + left > width;
    let fence_width = if narrow(16 + 1 + fence_width) { 0 } else { fence_width };
    let held_width = if narrow(8 + 7) { 0 } else { 6 };
    let fence = (width.saturating_sub(note + fence_width), fence_width);
    let expires = (fence.0.saturating_sub(if fence_width > 0 { 8 } else { 7 }), 7);
    let held = (expires.0.saturating_sub(if held_width > 0 { 7 } else { 0 }), held_width);
    let name = (first, held.0.saturating_sub(first + 1));
    let note = (width.saturating_sub(note.saturating_sub(2)), note);
    let quiet = palette.quiet();
    put_right(buf, inner, (4, digits), 0, "slot", quiet);
    put(buf, inner, name.0, 0, "holder", quiet);
    let shown = |buf: &mut Buffer, at: (u16, u16), y: u16, words: &str, style: Style| {
        if at.1 > 0 {
            put_right(buf, inner, at, y, words, style);
        }
    };
    shown(buf, held, 0, "held", quiet);
    put_right(buf, inner, expires, 0, "expires", quiet);
    shown(buf, fence, 0, "fence", quiet);
    list(dashboard, Pane::Slots, dashboard.slot_cursor, rows, inner, buf, |buf, row, y| {
        let damage = pool.damage(row.slot);
        let (sign, words, mut style) = match damage {
            Some(_) => ("×", "broken", palette.alarm()),
            None => told(dashboard, row),
        };
        if dashboard.is_stale() {
            style = quiet;
        }
        put(buf, inner, 2, y, sign, style);
        put_right(buf, inner, (4, digits), y, &row.slot.0.to_string(), Style::new());
        let tone = if dashboard.is_stale() { quiet } else { Style::new() };
        if let Some(damage) = damage {
            let room = usize::from((fence.0 + fence.1).saturating_sub(name.0));
            // Which row it is stands before it.
            let what = damage.split_once(": ").map_or(damage, |(_, what)| what);
            put(buf, inner, name.0, y, &text::clip(what, room), style);
        } else if let Some(lease) = &row.lease {
            let holder = text::holder_within(&lease.holder, lease.label.as_deref(), usize::from(name.1));
            put(buf, inner, name.0, y, &holder, tone);
            let passed = dashboard.passed(seen);
            shown(buf, held, y, &text::length(lease.held_for + passed), tone);
            put_right(
                buf,
                inner,
                expires,
                y,
                &expiry(lease, seen.at, passed),
                if lease.expired { style } else { tone },
            );
        } else {
            let word = match () {
                // Whoever has not heard of the limit may still take it while that settles; then nobody.
                () if row.above_limit && seen.settles_at.is_none() => "closed",
                () if seen.is_closed() => "closed for now",
                () => "free",
            };
            put(buf, inner, name.0, y, word, quiet);
        }
        let number = if row.fence.0 == 0 { "·".to_owned() } else { row.fence.0.to_string() };
        if damage.is_none() {
            shown(buf, fence, y, &number, quiet);
        }
        if note.1 > 0 {
            put(buf, inner, note.0, y, words, style);
        }
    });
}

/// What is to be said of the limit, above the slots: as many lines as [`DashboardState::notes`] counts.
fn notes(dashboard: &DashboardState) -> impl Iterator<Item = (String, Style)> {
    let tones = dashboard.palette;
    let drains = dashboard.chosen().is_some_and(|pool| pool.limit.is_some_and(|limit| limit.count() == 0));
    let settles = palette::sign(if drains { PoolState::Draining } else { PoolState::Settling });
    let settling = dashboard.settling().map(|words| (format!("{settles} {words}"), tones.warn()));
    let live = dashboard.overridden().map(|live| {
        let until = live.until.map(|until| format!(" until {} UTC", text::moment(until))).unwrap_or_default();
        (format!("± limit by {}{until}: {}", live.who, live.why), tones.busy())
    });
    let damaged = dashboard.damaged().map(|words| (format!("× {words}"), tones.alarm()));
    let opens =
        dashboard.how_to_open().map(|words| (format!("{} {words}", palette::sign(PoolState::Drained)), tones.warn()));
    damaged.into_iter().chain(settling).chain(live).chain(opens)
}

/// What is special about a slot: a sign, a word or two, and their style.
fn told(dashboard: &DashboardState, row: &SlotView) -> (&'static str, &'static str, Style) {
    let palette = dashboard.palette;
    match &row.lease {
        None if row.above_limit => ("·", "above limit", palette.quiet()),
        None => ("○", "", palette.quiet()),
        Some(lease) if lease.expired => ("!", "expired", palette.warn()),
        Some(_) if row.above_limit => ("▲", "above limit", palette.alarm()),
        Some(lease) if lease.unconfirmed => ("?", "not told", palette.warn()),
        Some(_) => ("●", "", palette.good()),
    }
}

/// How long a lease still lasts; with a minus, for how long it has been over.
fn expiry(lease: &LeaseView, at: Timestamp, passed: Millis) -> String {
    if lease.expired {
        return format!("-{}", text::length(at.since(lease.expires_at) + passed));
    }
    text::length(Millis(lease.expires_in.0.saturating_sub(passed.0)))
}

pub(super) fn queue(dashboard: &DashboardState, area: Rect, wide: bool, buf: &mut Buffer) {
    let palette = dashboard.palette;
    let chosen = dashboard.chosen();
    let seen = chosen.and_then(|pool| pool.seen.as_ref());
    let mut title = vec![Span::styled("Queue", palette.heading())];
    if let Some(seen) = seen {
        let plus = if seen.waiting_more { "+" } else { "" };
        title.push(Span::raw(format!(" {}{plus}", seen.waiting)));
    }
    let oldest = chosen.and_then(|pool| dashboard.oldest_wait(pool));
    let aside = oldest.map(|wait| format!("longest {}", text::length(wait))).unwrap_or_default();
    let part = (dashboard.queue_cursor.top, dashboard.queue().len());
    let inner = pane(dashboard, Pane::Queue, title, &aside, part, area, wide, buf);
    let rows = dashboard.queue();
    let Some(seen) = seen.filter(|_| !rows.is_empty()) else {
        let words = match seen {
            _ if chosen.is_none_or(|pool| pool.trouble.is_some() && pool.damaged.is_none()) => "",
            Some(seen) if seen.waiting == 0 => "Nobody waits.",
            _ => "Reading the queue…",
        };
        nothing(dashboard, words, inner, buf);
        return;
    };
    // A column of air on the right.
    let width = inner.width.saturating_sub(1);
    let number = (1, 4);
    let until = if 6 + LEAST_NAME + 8 + 9 > width { 0 } else { 9 };
    let gives_up = (width.saturating_sub(until), until);
    let waits = (gives_up.0.saturating_sub(if until > 0 { 8 } else { 7 }), 7);
    let name = (6, waits.0.saturating_sub(7));
    let quiet = palette.quiet();
    put_right(buf, inner, number, 0, "#", quiet);
    put(buf, inner, name.0, 0, "waiter", quiet);
    put_right(buf, inner, waits, 0, "waits", quiet);
    if until > 0 {
        put_right(buf, inner, gives_up, 0, "gives up", quiet);
    }
    let passed = dashboard.passed(seen);
    let mut place = dashboard.queue_cursor.top;
    list(dashboard, Pane::Queue, dashboard.queue_cursor, rows, inner, buf, |buf, row: &WaiterView, y| {
        place += 1;
        put_right(buf, inner, number, y, &place.to_string(), quiet);
        let tone = if dashboard.is_stale() { quiet } else { Style::new() };
        let holder = text::holder_within(&row.holder, None, usize::from(name.1));
        put(buf, inner, name.0, y, &holder, tone);
        put_right(buf, inner, waits, y, &text::length(row.waits_for + passed), tone);
        let left = row.give_up_at.since(seen.at + passed);
        let (words, style) =
            if left.0 == 0 { ("overdue".to_owned(), palette.warn()) } else { (text::length(left), tone) };
        if until > 0 {
            put_right(buf, inner, gives_up, y, &words, style);
        }
    });
}

/// The lines of a list that are on screen, below its headings, with the chosen one marked.
fn list<T>(
    dashboard: &DashboardState,
    pane: Pane,
    cursor: Cursor,
    rows: &[T],
    area: Rect,
    buf: &mut Buffer,
    mut draw: impl FnMut(&mut Buffer, &T, u16),
) {
    let lines = usize::from(area.height.saturating_sub(1));
    for (line, row) in rows.iter().skip(cursor.top).take(lines).enumerate() {
        let y = line as u16 + 1;
        draw(buf, row, y);
        if cursor.top + line == cursor.at && dashboard.focus == pane {
            choose(dashboard, pane, area, y, buf);
        }
    }
}
