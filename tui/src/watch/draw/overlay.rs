//! Details and forms: what is there to know of one lease or waiter, and what is asked before a change?

use leasehold_core::occupancy::{LeaseView, SlotView, WaiterView};
use leasehold_core::{Holder, LeaseId, PoolName, Timestamp};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::widgets::{Clear, Widget};

use super::{popup, put, wrap};
use crate::watch::form::Form;
use crate::watch::input::ReadChanges;
use crate::watch::layout::Pane;
use crate::watch::noted;
use crate::watch::session::DashboardMode;
use crate::watch::state::{DashboardState, PoolHistory};
use crate::watch::text;

/// A name and what it is.
type Fact = (&'static str, String);

pub(super) fn details(dashboard: &DashboardState, scrolled: usize, area: Rect, buf: &mut Buffer) {
    let Some(pool) = dashboard.chosen() else { return };
    let width = area.width.saturating_sub(4).min(110);
    let name = text::shorten(pool.prefix.as_str(), usize::from(width.saturating_sub(24)).max(8));
    let (title, facts) = match dashboard.focus {
        Pane::Queue => match dashboard.waiter() {
            Some(waiter) => (format!("Waiter {} of {name}", dashboard.queue_cursor.at + 1), waits(dashboard, waiter)),
            None if dashboard.age().is_none() => ("Waiter".into(), vec![("", "The queue is not read yet.".into())]),
            None => ("Waiter".into(), vec![("", "It is not in the queue any more.".into())]),
        },
        _ => match dashboard.slot() {
            Some(slot) => {
                let facts = match pool.damage(slot.slot) {
                    Some(damage) => vec![("", damage.to_owned())],
                    None => slot_facts(dashboard, &pool.prefix, slot),
                };
                (format!("Slot {} of {name}", slot.slot.0), facts)
            }
            None if dashboard.age().is_none() => ("Slot".into(), vec![("", "The slots are not read yet.".into())]),
            None => ("Slot".into(), vec![("", "There is no such slot any more.".into())]),
        },
    };
    let columns = usize::from(width.saturating_sub(4 + 12));
    let lines: Vec<(&str, String)> = facts
        .iter()
        .flat_map(|(name, what)| {
            let lines = wrap(what, columns).into_iter().enumerate();
            lines.map(|(line, words)| (if line == 0 { *name } else { "" }, words))
        })
        .collect();
    let height = lines.len() as u16 + 4;
    let inner = popup(dashboard, &title, (width, height), area, buf);
    let room = usize::from(inner.height.saturating_sub(2));
    let first = scrolled.min(lines.len().saturating_sub(room));
    for (y, (name, words)) in lines.iter().skip(first).take(room).enumerate() {
        put(buf, inner, 0, y as u16, name, dashboard.palette.quiet());
        put(buf, inner, 12, y as u16, words, Style::new());
    }
    let changes = matches!(dashboard.session.mode, DashboardMode::Watch { read_only: false } | DashboardMode::Demo);
    let free = changes && dashboard.focus == Pane::Slots && dashboard.slot().is_some_and(|slot| slot.lease.is_some());
    let held = dashboard.focus == Pane::Queue || dashboard.slot().is_some_and(|slot| slot.lease.is_some());
    // As many as there is room for, those first that matter most.
    let words = [
        (lines.len() > room, "pgdn more"),
        (free, "x frees it"),
        (true, "↑↓ the next"),
        (held, "y Y copy ids"),
        (held, "o console"),
    ];
    let mut keys = if inner.width < 40 { "esc".to_owned() } else { "esc closes".to_owned() };
    for (_, word) in words.iter().filter(|(there, _)| *there) {
        if text::width(&keys) + 3 + text::width(word) <= usize::from(inner.width) {
            keys += &format!(" · {word}");
        }
    }
    put(buf, inner, 0, inner.height.saturating_sub(1), &keys, dashboard.palette.quiet());
}

fn slot_facts(dashboard: &DashboardState, prefix: &PoolName, slot: &SlotView) -> Vec<Fact> {
    let Some(lease) = &slot.lease else {
        let used = match slot.fence.0 {
            0 => "It was never granted.".to_owned(),
            fence => format!("Its last lease had fence {fence}."),
        };
        return vec![("", format!("Nobody holds it. {used}"))];
    };
    let id = LeaseId { prefix: prefix.clone(), slot: slot.slot, fence: slot.fence };
    let mut facts: Vec<Fact> = vec![];
    facts.extend(lease.label.as_ref().map(|label| ("label", label.to_string())));
    facts.push(("lease id", id.to_string()));
    facts.push(("fence", slot.fence.0.to_string()));
    facts.extend(times(dashboard, lease));
    let mut notes = vec![];
    if lease.unconfirmed {
        notes.push("its holder is not known to have been told: the next sweep tells it again");
    }
    if slot.above_limit {
        notes.push("the slot lies above the limit: it is not granted again");
    }
    if lease.lapsed {
        notes.push("another may take it now");
    }
    if !notes.is_empty() {
        facts.push(("note", notes.join("; ")));
    }
    facts.extend(who(&lease.holder));
    facts
}

fn times(dashboard: &DashboardState, lease: &LeaseView) -> Vec<Fact> {
    let moment = |at: Timestamp| {
        let (ago, to_come) = (dashboard.now.since(at), at.since(dashboard.now));
        let far =
            if to_come.0 > 0 { format!("in {}", text::length(to_come)) } else { format!("{} ago", text::length(ago)) };
        format!("{} UTC, {far}", text::moment(at))
    };
    let mut facts = vec![("acquired", moment(lease.acquired_at))];
    facts.extend(lease.renewed_at.map(|at| ("renewed", moment(at))));
    facts.push((if lease.expired { "expired" } else { "expires" }, moment(lease.expires_at)));
    facts.push(("grace ends", moment(lease.lapses_at)));
    facts
}

fn who(holder: &Holder) -> Vec<Fact> {
    let mut facts: Vec<Fact> = vec![];
    if !holder.key().is_empty() {
        facts.push(("key", holder.key().to_owned()));
    }
    facts.push(("execution", holder.execution().to_owned()));
    facts.extend(holder.parent().map(|parent| ("parent", parent.to_owned())));
    facts.extend(text::console(holder.execution()).map(|url| ("console", url)));
    facts
}

fn waits(dashboard: &DashboardState, waiter: &WaiterView) -> Vec<Fact> {
    let since = dashboard.now.since(waiter.since);
    let mut facts = vec![("since", format!("{} UTC, {} ago", text::moment(waiter.since), text::length(since)))];
    let left = waiter.give_up_at.since(dashboard.now);
    facts.push(("gives up", format!("{} UTC, in {}", text::moment(waiter.give_up_at), text::length(left))));
    facts.extend(who(&waiter.holder));
    facts
}

/// Who changed a pool, what and when.
pub(super) fn history(dashboard: &DashboardState, shown: &PoolHistory, scrolled: usize, area: Rect, buf: &mut Buffer) {
    let palette = dashboard.palette;
    let width = 100.min(area.width.saturating_sub(2));
    let columns = usize::from(width.saturating_sub(4));
    let lines: Vec<String> = match &shown.changes {
        None => vec!["Reading its history…".into()],
        Some(Err(why)) => wrap(why, columns),
        Some(Ok(ReadChanges { changes, unreadable: None })) if changes.is_empty() => {
            wrap("No change is noted: it was never changed by leasehold since changes are noted.", columns)
        }
        Some(Ok(ReadChanges { changes, unreadable })) => {
            let unreadable = unreadable.iter().flat_map(|wrong| wrap(&format!("× {wrong}"), columns));
            unreadable.chain(changes.iter().flat_map(|change| wrap(&noted::line(change), columns))).collect()
        }
    };
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX).min(area.height);
    let title = format!("History of {}", text::shorten(shown.prefix.as_str(), 40));
    let inner = popup(dashboard, &title, (width, height), area, buf);
    let room = usize::from(inner.height);
    let first = scrolled.min(lines.len().saturating_sub(room));
    for (y, line) in lines.iter().skip(first).take(room).enumerate() {
        put(buf, inner, 0, y as u16, line, Style::new());
    }
    let frame = Rect { x: inner.x, y: inner.y + inner.height, width: inner.width, height: 1 };
    if lines.len() > room {
        put(buf, frame.intersection(area), 1, 0, " ↑↓ more ", palette.quiet());
    }
}

/// A text to be copied by hand: from one edge of the screen to the other, so that nothing else is selected with it.
pub(super) fn text(dashboard: &DashboardState, what: &str, text: &str, area: Rect, buf: &mut Buffer) {
    let palette = dashboard.palette;
    let lines = wrap(text, usize::from(area.width));
    let height = u16::try_from(lines.len() + 4).unwrap_or(u16::MAX).min(area.height);
    let at = Rect { y: area.y + area.height - height, height, ..area };
    Clear.render(at, buf);
    put(buf, at, 0, 0, &"─".repeat(usize::from(at.width)), palette.focus());
    put(buf, at, 1, 0, &format!(" {what} copied "), palette.heading());
    for (y, line) in (2..).zip(&lines) {
        put(buf, at, 0, y, line, Style::new());
    }
    let keys = "esc closes · if your terminal did not take it, select it here";
    put(buf, at, 1, height.saturating_sub(1), keys, palette.quiet());
}

/// A form with its fields. Where there is little room, each field takes one line, and nothing else but what is needed to decide
/// is there.
pub(super) fn form(dashboard: &DashboardState, form: &Form, area: Rect, buf: &mut Buffer) {
    let palette = dashboard.palette;
    let width = 72.min(area.width.saturating_sub(2));
    let wrapped = |width: u16| -> Vec<String> {
        form.about.iter().flat_map(|words| wrap(words, usize::from(width.saturating_sub(4)))).collect()
    };
    let (about, fields) = (wrapped(width), form.fields.len() as u16);
    let wrong_in = |columns: usize| form.wrong.iter().flat_map(move |wrong| wrap(&format!("! {wrong}"), columns));
    let wrong: Vec<String> = wrong_in(usize::from(width.saturating_sub(6))).collect();
    let roomy = about.len() as u16 + fields * 2 + 4 + wrong.len().max(1) as u16;
    let keys = "enter goes on · tab moves · esc changes nothing";
    if roomy <= area.height && text::width(keys) + 4 <= usize::from(width) {
        let inner = popup(dashboard, &form.title, (width, roomy), area, buf);
        let mut y = 0;
        for line in &about {
            put(buf, inner, 0, y, line, Style::new());
            y += 1;
        }
        for index in 0..form.fields.len() {
            self::field(dashboard, form, index, inner, y + 1, buf);
            y += 2;
        }
        for (line, words) in wrong.iter().enumerate() {
            put(buf, inner, 2, y + line as u16, words, palette.warn());
        }
        put(buf, inner, 0, inner.height.saturating_sub(1), keys, palette.quiet());
        return;
    }
    let columns = usize::from(area.width.saturating_sub(4));
    // What is wrong is what has to be known first; then what is to be typed, if its field is too small to say it.
    let mut first: Vec<(String, Style)> = wrong_in(columns).map(|line| (line, palette.warn())).collect();
    let hint = &form.fields[form.at].hint;
    if form.fields[form.at].value().is_empty() && text::width(hint) + 3 > columns.saturating_sub(FIELD_NAMES) {
        first.extend(wrap(hint, columns).into_iter().map(|line| (line, palette.quiet())));
    }
    let room = usize::from(area.height.saturating_sub(fields + 2));
    first.truncate(room);
    let about = about_in(form, columns, room - first.len());
    let height = first.len() as u16 + about.len() as u16 + fields + 2;
    let inner = popup(dashboard, &text::clip(&form.title, columns.saturating_sub(2)), (area.width, height), area, buf);
    let mut y = 0;
    for (line, style) in first.into_iter().chain(about.into_iter().map(|line| (line, Style::new()))) {
        put(buf, inner, 0, y, &line, style);
        y += 1;
    }
    for index in 0..form.fields.len() {
        self::field(dashboard, form, index, inner, y + index as u16, buf);
    }
    let frame = Rect { x: inner.x, y: inner.y + inner.height, width: inner.width, height: 1 };
    put(buf, frame.intersection(area), 1, 0, " enter goes on · esc cancels ", palette.quiet());
}

/// What a form says of itself, in so many lines. Its first words, which quote somebody, give way to what follows from the change.
fn about_in(form: &Form, columns: usize, room: usize) -> Vec<String> {
    let mut parts = form.about.iter().map(|words| wrap(words, columns));
    let first = parts.next().unwrap_or_default();
    let rest: Vec<String> = parts.flatten().collect();
    let lines = shortened_to(first, room.saturating_sub(rest.len()).max(1)).into_iter().chain(rest).collect();
    shortened_to(lines, room)
}

/// So many lines; where there were more, the last one says so.
fn shortened_to(mut lines: Vec<String>, room: usize) -> Vec<String> {
    if lines.len() > room {
        lines.truncate(room);
        if let Some(last) = lines.last_mut() {
            *last = format!("{}…", last.trim_end_matches(|c: char| !c.is_alphanumeric()));
        }
    }
    lines
}

/// How many columns the names of fields take, with the mark before them.
const FIELD_NAMES: usize = 13;

/// One field on its line.
fn field(dashboard: &DashboardState, form: &Form, index: usize, inner: Rect, y: u16, buf: &mut Buffer) {
    let palette = dashboard.palette;
    let (field, here) = (&form.fields[index], index == form.at);
    put(buf, inner, 0, y, if here { "▸" } else { " " }, palette.focus());
    put(buf, inner, 2, y, field.name, if here { palette.heading() } else { Style::new() });
    let names = FIELD_NAMES as u16;
    let box_ = Rect { x: inner.x + names, y: inner.y + y, width: inner.width.saturating_sub(names), height: 1 };
    let box_ = box_.intersection(inner);
    let room = usize::from(box_.width.saturating_sub(1));
    // What is before the cursor is being typed: it stays on screen.
    let before: String = field.value().chars().take(field.cursor()).collect();
    let skipped = text::width(&before).saturating_sub(room);
    if field.value().is_empty() {
        put(buf, box_, u16::from(here), 0, &text::shorten(&field.hint, room.saturating_sub(1)), palette.quiet());
    } else {
        let shown: String = field.value().chars().skip(skipped).collect();
        put(buf, box_, 0, 0, &shown, Style::new().add_modifier(Modifier::UNDERLINED));
    }
    if here {
        let x = text::width(&before).min(room) as u16;
        match field.value().chars().nth(field.cursor()) {
            Some(under) => put(buf, box_, x, 0, &under.to_string(), Style::new().add_modifier(Modifier::REVERSED)),
            None => put(buf, box_, x, 0, "▏", palette.focus()),
        };
    }
}
