//! The header: what is watched, how does all of it stand, and how old is that?
//! The first two lines, the line of trouble, and the tabs.

use leasehold_core::Millis;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::{put, put_right, wrap};
use crate::watch::layout::PANES;
use crate::watch::listed_state::ListedState;
use crate::watch::palette::listed_sign;
use crate::watch::session::DashboardMode;
use crate::watch::state::{DashboardState, PoolPane};
use crate::watch::text;

pub(super) fn draw(dashboard: &DashboardState, area: Rect, buf: &mut Buffer) {
    let palette = dashboard.palette;
    let (age, style) = age(dashboard);
    let badge = match dashboard.session.mode {
        DashboardMode::Watch { read_only: true } => " READ-ONLY ",
        DashboardMode::Watch { read_only: false } => "",
        DashboardMode::Demo => " DEMO ",
        DashboardMode::Replay => " REPLAY ",
    };
    let end = area.width.saturating_sub(1);
    let parts = HeaderParts::that_fit(dashboard, usize::from(end), text::width(badge));
    let mut x = 1;
    if parts.program {
        x += put(buf, area, x, 0, "leasehold", palette.focus()) + 2;
    }
    if !badge.is_empty() {
        x += put(buf, area, x, 0, badge, Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD)) + 2;
    }
    x += put(buf, area, x, 0, &parts.table, palette.heading());
    for part in &parts.place {
        x += put(buf, area, x, 0, &format!(" · {part}"), palette.quiet());
    }
    put_right(buf, area, (0, end), 0, &parts.clock, palette.quiet());

    let age_width = text::width(&age) as u16;
    put_right(buf, area, (0, end), 1, &age, style);
    totals(dashboard, Rect { x: area.x + 1, width: end.saturating_sub(age_width + 3), ..area }, buf);
}

/// The least columns of a table's name that is cut.
const LEAST_TABLE: usize = 12;

/// What the first line has room for. Table, account and region tell production from everything else: they go last.
struct HeaderParts {
    program: bool,
    table: String,
    place: Vec<String>,
    clock: String,
}

impl HeaderParts {
    fn that_fit(dashboard: &DashboardState, width: usize, badge: usize) -> HeaderParts {
        let session = &dashboard.session;
        let account = match &dashboard.account {
            Some(Some(account)) => account.clone(),
            Some(None) => "account unknown".into(),
            None => String::new(),
        };
        let endpoint = session.endpoint.clone().unwrap_or_default();
        let mut place = [account, session.location.clone(), endpoint];
        let (mut program, mut clock) = (true, format!("{} UTC", dashboard.now.time_of_day()));
        let rest = |program: bool, place: &[String], clock: &str| {
            let spaced = |long: usize, space: usize| if long > 0 { long + space } else { 0 };
            let place: usize = place.iter().map(|part| spaced(text::width(part), 3)).sum();
            1 + if program { 11 } else { 0 } + spaced(badge, 2) + place + spaced(text::width(clock), 2)
        };
        let whole = text::width(&session.table);
        let least = whole.min(LEAST_TABLE);
        // What is missed least goes first.
        for step in 0..6 {
            let table = if step < 4 { whole } else { least };
            if rest(program, &place, &clock) + table <= width {
                break;
            }
            match step {
                0 => place[2].clear(),
                1 => clock.truncate(8),
                2 => program = false,
                3 => clock.clear(),
                4 => place[0].clear(),
                _ => place[1].clear(),
            }
        }
        let room = width.saturating_sub(rest(program, &place, &clock));
        let table = text::shorten(&session.table, room.min(whole));
        HeaderParts { program, table, place: place.into_iter().filter(|part| !part.is_empty()).collect(), clock }
    }
}

/// How old the data is, or why it does not get newer.
fn age(dashboard: &DashboardState) -> (String, Style) {
    let palette = dashboard.palette;
    if let Some(played) = dashboard.played {
        let (at, of) = (played.at.since(played.from), played.to.since(played.from));
        let sign = if played.playing { "▶" } else { "‖" };
        let words = format!("{sign} {}x {} of {}", played.speed, minutes(at), minutes(of));
        return (words, palette.heading());
    }
    if let Some(since) = dashboard.paused {
        return (format!("‖ paused {}", text::length(dashboard.clock.since(since))), palette.warn());
    }
    let age = dashboard.age().map(text::length);
    match (dashboard.is_stale(), age) {
        (true, Some(age)) => (format!("× stale {age}"), palette.alarm()),
        (true, None) => ("× no data".into(), palette.alarm()),
        (false, Some(age)) => (format!("● live {age}"), palette.good()),
        // Nothing is on screen that could be old.
        (false, None) if dashboard.listed().len() == 0 && (dashboard.listed_at.is_some() || dashboard.count() > 0) => {
            ("● live".into(), palette.good())
        }
        (false, None) => ("… reading".into(), palette.quiet()),
    }
}

fn minutes(time: Millis) -> String {
    format!("{}:{:02}", time.0 / 60_000, time.0 / 1_000 % 60)
}

fn totals(dashboard: &DashboardState, area: Rect, buf: &mut Buffer) {
    let palette = dashboard.palette;
    let (mut held, mut limit, mut waiting, mut more) = (0u64, 0u64, 0u64, false);
    let mut states = [0u32; ListedState::ALL.len()];
    let mut oldest: Option<(Millis, &PoolPane)> = None;
    for pool in dashboard.pools() {
        let listed = pool.listed_state();
        if let Some(at) = ListedState::ALL.iter().position(|state| *state == listed) {
            states[at] += 1;
        }
        if listed == ListedState::Broken {
            continue;
        }
        limit += u64::from(pool.limit.map_or(0, |limit| limit.count()));
        let Some(seen) = pool.known() else { continue };
        held += u64::from(seen.held);
        waiting += u64::from(seen.waiting);
        more |= seen.waiting_more;
        if let Some(wait) = dashboard.oldest_wait(pool)
            && oldest.is_none_or(|(longest, _)| wait > longest)
        {
            oldest = Some((wait, pool));
        }
    }
    let pools = if dashboard.count() == 1 { "pool" } else { "pools" };
    let plus = if more { "+" } else { "" };
    let mut words = vec![(format!("{} {pools}", dashboard.count()), palette.heading())];
    let counted = || ListedState::ALL.into_iter().zip(states).filter(|(_, count)| *count > 0);
    let told = |(state, count): (ListedState, u32)| {
        let yet = if state == ListedState::NotRead { " yet" } else { "" };
        (format!("{} {count} {}{yet}", listed_sign(state), state.as_str()), palette.listed(state))
    };
    words.extend(counted().map(told));
    if dashboard.count() > 0 {
        words.push((format!("{held}/{limit} held"), Style::new()));
        words.push((format!("{waiting}{plus} waiting"), Style::new()));
    }
    let longest = oldest.map(|(wait, pool)| {
        let name = text::shorten(pool.prefix.as_str(), 24);
        (format!("longest {} in {name}", text::length(wait)), Style::new())
    });
    let long = |words: &[(String, Style)]| words.iter().map(|(word, _)| text::width(word) + 2).sum::<usize>();
    if long(&words) > usize::from(area.width) {
        // The states' words are in the list below; of what is no state of its own the words stay.
        for (word, (state, count)) in words.iter_mut().skip(1).zip(counted()) {
            if matches!(state, ListedState::Known(_)) {
                word.0 = format!("{} {count}", listed_sign(state));
            }
        }
    }
    words.extend(longest);
    let mut x = 0;
    for (word, style) in words {
        if usize::from(x) + text::width(&word) > usize::from(area.width) {
            break;
        }
        x += put(buf, area, x, 1, &word, style) + 2;
    }
}

/// What does not work, and when it is tried again.
pub(super) fn error(dashboard: &DashboardState, area: Rect, buf: &mut Buffer) {
    let Some(failure) = &dashboard.failure else { return };
    if area.area() == 0 {
        return;
    }
    let wait = failure.retry_at.since(dashboard.now);
    let when = if wait.0 == 0 {
        "trying again now".to_owned()
    } else {
        let key = if area.width < 100 { "" } else { ", r: now" };
        format!("again in {}s{key}", wait.0.div_ceil(1_000))
    };
    let style = dashboard.palette.alarm().add_modifier(Modifier::REVERSED);
    buf.set_style(area, style);
    let end = area.width.saturating_sub(1);
    // Beside the time of the next try there is less room than below it.
    let (beside, below) = (usize::from(end.saturating_sub(when.len() as u16 + 4)), usize::from(end.saturating_sub(2)));
    let wrapped = |words: &str| {
        let first = wrap(words, beside).into_iter().next().unwrap_or_default();
        let rest = words.strip_prefix(&first).unwrap_or_default().trim_start().to_owned();
        let rest = if rest.is_empty() { vec![] } else { wrap(&rest, below) };
        [vec![first], rest].concat()
    };
    let words = format!("× {}", failure.why);
    let mut lines = wrapped(&words);
    if lines.len() > usize::from(area.height) {
        // The ends of the sentence are kept: what was tried, and what to do about it. Wrapping wastes a little.
        let columns = beside + (below - below / 8) * usize::from(area.height - 1) - beside / 8;
        lines = wrapped(&text::shorten(&words, columns));
    }
    for (y, line) in (0..area.height).zip(&lines) {
        put(buf, area, 1, y, line, style);
    }
    put_right(buf, area, (0, end), 0, &when, style);
}

/// The panes' names, where only one is on screen.
pub(super) fn tabs(dashboard: &DashboardState, area: Rect, buf: &mut Buffer) {
    if area.area() == 0 {
        return;
    }
    let mut x = 1;
    for pane in PANES {
        let style = if pane == dashboard.focus {
            Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD)
        } else {
            Style::new()
        };
        x += put(buf, area, x, 0, &format!(" {} ", pane.name()), style) + 1;
    }
    if let Some(pool) = dashboard.chosen() {
        let room = usize::from(area.width.saturating_sub(x + 2));
        if room >= 8 {
            let name = text::shorten(pool.prefix.as_str(), room);
            put_right(buf, area, (0, area.width - 1), 0, &name, dashboard.palette.quiet());
        }
    }
}
