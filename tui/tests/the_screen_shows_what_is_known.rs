//! What is on the screen in each condition and size: whole screens, reviewed by eye.
//!
//! After a change that is meant: `INSTA_UPDATE=always cargo test --workspace --test the_screen_shows_what_is_known`,
//! then read the difference of the snapshots.

#![allow(clippy::expect_used, reason = "a test may")]

mod scenes;

use insta::assert_snapshot;
use leasehold_core::occupancy::{Occupancy, Overridden};
use leasehold_core::{Lowered, Notice, Slot, SlotRow, SummaryRow, TaskToken, Timestamp};
use leasehold_tui::watch::input::{DamagedPool, DirectoryEntry, Input, PoolDirectory, ReplayPosition};
use leasehold_tui::watch::palette::Palette;
use leasehold_tui::watch::session::DashboardMode;
use leasehold_tui::watch::state::DashboardState;
use ratatui::crossterm::event::KeyCode;
use ratatui::style::{Color, Modifier};
use scenes::{
    NOW, Scene, WATCH, ago, buffer, dashboard, every_state, example, limit, prefix, press, scene, screen, types,
    watched,
};

const NARROWEST: (u16, u16) = (60, 15);
const USUAL: (u16, u16) = (80, 24);
const WIDE: (u16, u16) = (120, 40);
const WIDEST: (u16, u16) = (200, 60);

fn with(size: (u16, u16), scenes: &[Scene]) -> DashboardState {
    let mut dashboard = dashboard(WATCH, size);
    watched(&mut dashboard, scenes);
    dashboard
}

#[test]
fn a_table_without_pools_says_how_to_make_one() {
    let mut dashboard = dashboard(WATCH, WIDE);
    dashboard.apply(Input::Tick(NOW));
    dashboard.apply(Input::Listed(PoolDirectory { at: NOW, pools: vec![] }));
    assert_snapshot!(screen(&dashboard));
}

#[test]
fn before_anything_is_read_it_says_that_it_reads() {
    let mut dashboard = dashboard(WATCH, USUAL);
    dashboard.apply(Input::Tick(NOW));
    assert_snapshot!(screen(&dashboard));
}

#[test]
fn a_full_pool_with_a_queue_wide() {
    assert_snapshot!(screen(&with(WIDE, &example())));
}

#[test]
fn a_full_pool_with_a_queue_on_the_widest_screen() {
    assert_snapshot!(screen(&with(WIDEST, &example())));
}

#[test]
fn a_full_pool_with_a_queue_on_a_usual_screen() {
    assert_snapshot!(screen(&with(USUAL, &example())));
}

#[test]
fn a_narrow_screen_has_tabs() {
    let mut dashboard = with(NARROWEST, &every_state());
    let mut shown = screen(&dashboard);
    for _ in 0..4 {
        press(&mut dashboard, KeyCode::Tab);
        shown += &screen(&dashboard);
    }
    assert_snapshot!(shown);
}

#[test]
fn every_state_has_a_sign_and_a_word() {
    assert_snapshot!(screen(&with(WIDE, &every_state())));
}

#[test]
fn more_than_the_limit_hold_a_lease() {
    let mut dashboard = with(WIDE, &[scene("search-reindex", 3, 5, 2), scene("batch", 5, 3, 0)]);
    press(&mut dashboard, KeyCode::Enter);
    assert_snapshot!(screen(&dashboard));
}

#[test]
fn a_queue_that_starves() {
    let starving = Scene { waits: 754_000, ..scene("payments-export", 4, 2, 7) };
    assert_snapshot!(screen(&with(WIDE, &[starving])));
}

#[test]
fn leases_that_expired_or_whose_holders_were_not_told() {
    let scene = Scene { lease: 3_350, ..scene("batch", 8, 6, 0) };
    let mut dashboard = dashboard(WATCH, WIDE);
    watched(&mut dashboard, std::slice::from_ref(&scene));
    let mut slots: Vec<_> = (0..6).map(|number| scene.slot(number)).collect();
    slots[4].held.as_mut().expect("a lease").notice = Notice::Untold(TaskToken::new("token").expect("a token"));
    dashboard.apply(Input::Seen(Box::new(Scene { at: NOW, ..scene }.look_at(slots))));
    dashboard.apply(Input::Tick(Timestamp(NOW.0 + 300)));
    press(&mut dashboard, KeyCode::Enter);
    assert_snapshot!(screen(&dashboard));
}

#[test]
fn ten_thousand_pools() {
    let mut dashboard = dashboard(WATCH, WIDE);
    assert_snapshot!(screen(many(&mut dashboard)));
}

#[test]
fn ten_thousand_pools_on_a_narrow_screen_far_down() {
    let mut dashboard = dashboard(WATCH, NARROWEST);
    many(&mut dashboard);
    press(&mut dashboard, KeyCode::End);
    press(&mut dashboard, KeyCode::PageUp);
    assert_snapshot!(screen(&dashboard));
}

fn many(dashboard: &mut DashboardState) -> &DashboardState {
    let pools = (0..10_000u32).map(|number| {
        let scene = scene("x", 20, number % 21, if number.is_multiple_of(21) { 0 } else { number % 7 });
        let mut summary = scene.swept(30);
        let prefix = prefix(&format!("team-{:03}.workload-{number:05}", number % 250));
        summary.prefix = prefix.clone();
        DirectoryEntry {
            prefix,
            limit: Some(limit(20)),
            rules: None,
            summary: Some(summary),
            stale: false,
            trouble: None,
        }
    });
    dashboard.apply(Input::Tick(NOW));
    dashboard.apply(Input::Listed(PoolDirectory { at: NOW, pools: pools.collect() }));
    dashboard
}

#[test]
fn an_error_keeps_the_last_good_data_marked_stale() {
    let mut dashboard = with(WIDE, &example());
    let why = "looking at pool analytics on table regional-concurrency-leases got no usable answer: timeout: error trying to \
               connect: operation timed out; check the network and the endpoint, then repeat it";
    dashboard.apply(Input::Tick(Timestamp(NOW.0 + 14_000)));
    dashboard.apply(Input::Failed { why: why.into(), retry_at: Timestamp(NOW.0 + 18_000) });
    assert_snapshot!(screen(&dashboard));
}

#[test]
fn an_error_on_a_usual_screen_keeps_its_decisive_words() {
    let mut dashboard = with(USUAL, &example());
    let why = "looking at pool analytics on table regional-concurrency-leases got no usable answer: dispatch failure: io \
               error: client error (Connect): tcp connect error: Connection refused (os error 111); check the network and \
               the endpoint, then repeat it";
    dashboard.apply(Input::Failed { why: why.into(), retry_at: Timestamp(NOW.0 + 4_000) });
    let shown = screen(&dashboard).replace('\n', " ");
    let words: Vec<&str> = shown.split_whitespace().collect();
    assert!(words.join(" ").contains("Connection refused"), "{shown}");
    assert_snapshot!(screen(&dashboard));
}

#[test]
fn a_corrected_clock_is_told_and_stretches_no_history() {
    let mut dashboard = dashboard(DashboardMode::Watch { read_only: false }, USUAL);
    dashboard.apply(Input::Tick(ago(86_400_000)));
    let what = "this machine's clock is 24 h behind the table's; the table's time is used";
    dashboard.apply(Input::ClockCorrected { now: NOW, what: what.into() });
    watched(&mut dashboard, &example());
    let shown = screen(&dashboard);
    assert!(shown.contains(what) && shown.contains("30 s ago"), "{shown}");
}

#[test]
fn a_limit_by_an_override_says_whose_and_why() {
    let mut dashboard = with(WIDE, &example());
    let look = example()[0].look();
    let live = Overridden { at: ago(60_000), who: "ann@desk".into(), why: "the partner is slow".into(), until: None };
    dashboard.apply(Input::Seen(Box::new(Occupancy { overridden: Some(live), ..look })));
    press(&mut dashboard, KeyCode::Char('-'));
    let form = screen(&dashboard);
    assert!(form.contains("The limit is 15, by an override of ann@desk: the partner is slow."), "{form}");
    press(&mut dashboard, KeyCode::Esc);
    assert_snapshot!(screen(&dashboard));
}

#[test]
fn dialogs_fit_a_very_small_screen() {
    let mut dashboard = with((40, 12), &example());
    press(&mut dashboard, KeyCode::Char('+'));
    assert_snapshot!("a_change_of_the_limit_on_a_very_small_screen", screen(&dashboard));
    types(&mut dashboard, "\nmonth end\n\nanalytic\n");
    let shown = screen(&dashboard);
    assert!(shown.contains("! type analytics to confirm") && shown.contains("month end"), "{shown}");
    press(&mut dashboard, KeyCode::Esc);
    press(&mut dashboard, KeyCode::Enter);
    press(&mut dashboard, KeyCode::Enter);
    assert_snapshot!("a_lease_on_a_very_small_screen", screen(&dashboard));
    press(&mut dashboard, KeyCode::Char('x'));
    assert_snapshot!("a_release_on_a_very_small_screen", screen(&dashboard));
}

#[test]
fn a_long_reason_gives_way_to_what_a_change_comes_to() {
    let mut dashboard = with((40, 12), &example());
    let why: std::sync::Arc<str> = "incident 4711, the partner's database is slow ".repeat(20).into();
    let live = Overridden { at: ago(60_000), who: "ann@desk".into(), why, until: None };
    let look = scene("analytics", 15, 9, 4).look();
    dashboard.apply(Input::Seen(Box::new(Occupancy { overridden: Some(live), ..look })));
    press(&mut dashboard, KeyCode::Char('+'));
    let shown = screen(&dashboard);
    for words in ["ann@desk: incident 4711", "Yours replaces that one", "The limit becomes 16 at once"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
}

#[test]
fn time_in_which_nothing_was_read_is_drawn_as_unknown() {
    let mut dashboard = with(WIDE, &[scene("analytics", 15, 9, 0)]);
    let filled = |dashboard: &DashboardState| screen(dashboard).matches('█').count();
    let before = filled(&dashboard);
    let later = Timestamp(NOW.0 + 25_000);
    dashboard.apply(Input::Tick(later));
    let silent = screen(&dashboard);
    assert!(silent.contains("× stale") && filled(&dashboard) <= before, "{silent}");
    // Then as many hold a lease as before; what was between nobody knows.
    let look = Occupancy { at: later, ..scene("analytics", 15, 9, 0).look() };
    dashboard.apply(Input::Seen(Box::new(look)));
    assert_snapshot!(screen(&dashboard));
}

#[test]
fn a_limit_that_settles_says_until_when_nobody_gets_in() {
    let mut dashboard = with(WIDE, &example());
    // Lowered from 20, with quiet periods of 35 s and a grace of 5 s; 9 of 15 slots are held.
    let lowered = Some(Lowered { from: limit(20), at: ago(30_000) });
    let scene = scene("analytics", 15, 11, 4);
    let settling = scene.look_by((0..scene.held).map(|number| scene.slot(number)).collect(), lowered);
    dashboard.apply(Input::Seen(Box::new(settling)));
    let screen = screen(&dashboard);
    assert!(screen.contains("◇ settling"), "{screen}");
    assert_snapshot!(screen);
}

#[test]
fn a_limit_of_0_drains_and_is_drained() {
    let mut dashboard = with(WIDE, &example());
    let nobody = scene("analytics", 0, 0, 4);
    let lowered = |since| Some(Lowered { from: limit(20), at: ago(since) });
    dashboard.apply(Input::Seen(Box::new(nobody.look_by(vec![], lowered(30_000)))));
    let shown = screen(&dashboard);
    assert!(shown.contains("▽ draining") && shown.contains("▽ nobody is let in any more from"), "{shown}");
    dashboard.apply(Input::Tick(Timestamp(NOW.0 + 1)));
    let later = Occupancy { at: Timestamp(NOW.0 + 1), ..nobody.look_by(vec![], lowered(90_000)) };
    dashboard.apply(Input::Seen(Box::new(later)));
    let shown = screen(&dashboard);
    assert!(shown.contains("□ drained") && shown.contains("□ 1 drained") && !shown.contains("full"), "{shown}");
    // A slot that was granted before is nobody's, and nobody can have it.
    let free = (0..2).map(|number| SlotRow { held: None, ..nobody.slot(number) }).collect();
    let closed = Occupancy { at: Timestamp(NOW.0 + 1), ..nobody.look_by(free, lowered(90_000)) };
    dashboard.apply(Input::Seen(Box::new(closed)));
    let shown = screen(&dashboard);
    assert_eq!((shown.matches(" closed ").count(), shown.matches(" free ").count()), (2, 0), "{shown}");
}

#[test]
fn an_error_before_anything_was_read() {
    let mut dashboard = dashboard(WATCH, NARROWEST);
    dashboard.apply(Input::Tick(NOW));
    let why = "reading the directory of pools: table leases does not exist in this region and account; check the table's name";
    dashboard.apply(Input::Failed { why: why.into(), retry_at: Timestamp(NOW.0 + 4_000) });
    assert_snapshot!(screen(&dashboard));
}

#[test]
fn a_pool_whose_rows_make_no_sense_does_not_hide_the_others() {
    let mut dashboard = with(WIDE, &example());
    let why = "pool batch in table regional-concurrency-leases is misconfigured: lease \"0\": expected a lease duration above zero; \
               set it again (`leasehold pool set`, or Terraform)";
    dashboard.apply(Input::Unreadable { prefix: prefix("batch"), why: why.into() });
    press(&mut dashboard, KeyCode::Home);
    assert_snapshot!(screen(&dashboard));
}

#[test]
fn a_pool_that_breaks_and_is_mended_is_told_of_once() {
    let mut dashboard = with(WIDE, &example());
    let seen = scene("batch", 5, 3, 2);
    let at = |later: u64| Scene { at: Timestamp(NOW.0 + later), ..seen.clone() };
    let damaged = |scene: Scene| {
        let why = "row slot#00001 of LEASES#batch: attribute fence is \"abc\"".to_owned();
        Input::Damaged(Box::new(DamagedPool { rest: scene.look(), slots: [(Slot(1), why.clone())].into(), why }))
    };
    dashboard.apply(damaged(at(1_000)));
    dashboard.apply(damaged(Scene { limit: 6, ..at(2_000) }));
    dashboard.apply(Input::Seen(Box::new(Scene { limit: 6, ..at(3_000) }.look())));
    let told: Vec<_> = dashboard.log.lines().iter().take(3).map(|line| (line.verb, line.rest.within(60))).collect();
    let told: Vec<_> = told.iter().map(|(verb, rest)| (*verb, rest.as_str())).collect();
    let why = "row slot#00001 of LEASES#batch: attribute fence is \"abc\"";
    assert_eq!(told, [("mended", "every row makes sense again"), ("limit", "5 → 6"), ("broken", why)]);
}

#[test]
fn what_changed_while_nothing_was_read_is_told() {
    let told = |dashboard: &DashboardState| {
        let lines = dashboard.log.lines().iter();
        lines.map(|line| format!("{} {}", line.verb, line.rest.within(60))).collect::<Vec<_>>()
    };
    let seen = scene("batch", 5, 1, 0);
    let at = |later: u64, held| Scene { at: Timestamp(NOW.0 + later), held, ..seen.clone() };
    let begun = || {
        let mut dashboard = dashboard(WATCH, WIDE);
        dashboard.apply(Input::Tick(NOW));
        dashboard.apply(Input::Seen(Box::new(at(0, 1).look())));
        dashboard
    };
    // A sweep's summary, which tells of no slot, comes before the rows.
    let mut soon = begun();
    let summary = SummaryRow {
        at: Timestamp(NOW.0 + 20_000),
        limit: limit(5),
        held: 0,
        waiting: 0,
        waiting_more: false,
        waiting_since: None,
    };
    let listing = DirectoryEntry {
        summary: Some(Occupancy::summarised(&summary, &seen.settings(), summary.at)),
        ..seen.listing()
    };
    soon.apply(Input::Listed(PoolDirectory { at: Timestamp(NOW.0 + 21_000), pools: vec![listing] }));
    let gone = SlotRow { held: None, ..seen.slot(0) };
    soon.apply(Input::Seen(Box::new(at(22_000, 0).look_at(vec![gone]))));
    let [released] = &told(&soon)[..] else { panic!("{:?}", told(&soon)) };
    assert!(released.starts_with("released slot 0 of "), "{released}");
    // Of what was not read for long, not each thing.
    let mut late = begun();
    late.apply(Input::Seen(Box::new(at(90_000, 3).look())));
    assert_eq!(told(&late), ["unread for 1m30s: held 1/5 → 3/5, waiting 0 → 0"]);
}

#[test]
fn what_a_sweep_saw_long_ago_is_not_told_as_if_it_were_so() {
    let mut dashboard = dashboard(WATCH, USUAL);
    dashboard.apply(Input::Tick(NOW));
    let idle = scene("nightly", 5, 0, 0);
    let stale = DirectoryEntry { summary: Some(idle.swept(600)), stale: true, ..idle.listing() };
    dashboard.apply(Input::Listed(PoolDirectory { at: NOW, pools: vec![scene("batch", 5, 3, 0).listing(), stale] }));
    let shown = screen(&dashboard);
    assert!(shown.contains("? 1 stale") && shown.contains("● 1 ok") && !shown.contains("idle"), "{shown}");
    let line = shown.lines().find(|line| line.contains("nightly") && line.contains("?/5")).expect("the pool");
    assert!(line.trim_end().ends_with("stale"), "{shown}");
    // Once its rows are read it is what they say.
    dashboard.apply(Input::Seen(Box::new(idle.look())));
    let shown = screen(&dashboard);
    assert!(shown.contains("○ 1 idle") && !shown.contains("stale"), "{shown}");
}

#[test]
fn as_long_as_rows_are_not_read_nobody_is_said_to_be_absent() {
    let mut dashboard = dashboard(WATCH, USUAL);
    dashboard.apply(Input::Tick(NOW));
    let pool = scene("batch", 5, 0, 0);
    dashboard.apply(Input::Listed(PoolDirectory { at: NOW, pools: vec![pool.listing()] }));
    press(&mut dashboard, KeyCode::Enter);
    for (focus, absent) in [("Slots", "nobody holds that slot"), ("Queue", "nobody waits")] {
        for key in ['y', 'o', 'Y'] {
            press(&mut dashboard, KeyCode::Char(key));
            let shown = screen(&dashboard);
            assert!(shown.contains("its slots and its queue are not read yet"), "{focus} {key}: {shown}");
        }
        let mut read = dashboard.clone();
        read.apply(Input::Seen(Box::new(pool.look())));
        press(&mut read, KeyCode::Char('o'));
        assert!(screen(&read).contains(absent), "{}", screen(&read));
        press(&mut dashboard, KeyCode::Tab);
    }
}

#[test]
fn paused_it_stands_still() {
    let mut dashboard = with(USUAL, &example());
    press(&mut dashboard, KeyCode::Char(' '));
    let before = dashboard.clone();
    dashboard.apply(Input::Tick(Timestamp(NOW.0 + 65_000)));
    dashboard
        .apply(Input::Seen(Box::new(Scene { at: Timestamp(NOW.0 + 65_000), ..scene("analytics", 15, 2, 0) }.look())));
    assert_eq!(dashboard.chosen().map(|pool| &pool.seen), before.chosen().map(|pool| &pool.seen));
    assert!(dashboard.subscription().paused);
    assert_snapshot!(screen(&dashboard));
    // But for how long it has been so, nothing moves.
    dashboard.apply(Input::Tick(Timestamp(NOW.0 + 95_000)));
    let later = screen(&dashboard);
    assert!(later.contains("paused 1m35s"), "{later}");
    let panes = |dashboard: &DashboardState| screen(dashboard).lines().skip(2).collect::<Vec<_>>().join("\n");
    assert_eq!(panes(&dashboard), panes(&before));
    press(&mut dashboard, KeyCode::Char('r'));
    assert!(screen(&dashboard).contains("paused: space goes on and reads"), "{}", screen(&dashboard));
}

#[test]
fn the_help_lists_every_key_and_what_the_watching_costs() {
    let mut dashboard = with((120, 60), &example());
    press(&mut dashboard, KeyCode::Char('?'));
    assert_snapshot!(screen(&dashboard));
}

#[test]
fn the_help_on_a_small_screen_is_scrolled() {
    let mut dashboard = with(NARROWEST, &example());
    press(&mut dashboard, KeyCode::Char('?'));
    press(&mut dashboard, KeyCode::PageDown);
    assert_snapshot!(screen(&dashboard));
}

#[test]
fn everything_about_a_lease() {
    let mut dashboard = with(WIDE, &example());
    types(&mut dashboard, "\n");
    press(&mut dashboard, KeyCode::Down);
    types(&mut dashboard, "\n");
    assert_snapshot!(screen(&dashboard));
}

#[test]
fn everything_about_a_lease_on_a_narrow_screen() {
    let mut dashboard = with(NARROWEST, &example());
    types(&mut dashboard, "\n\n");
    assert_snapshot!(screen(&dashboard));
}

#[test]
fn everything_about_a_waiter() {
    let mut dashboard = with(WIDE, &example());
    press(&mut dashboard, KeyCode::Tab);
    press(&mut dashboard, KeyCode::Tab);
    types(&mut dashboard, "\n");
    assert_snapshot!(screen(&dashboard));
}

#[test]
fn a_change_of_the_limit_asks_for_a_reason_and_the_name() {
    let mut dashboard = with(WIDE, &example());
    types(&mut dashboard, "++\nmonth end\n\nanalytic\n");
    assert_snapshot!(screen(&dashboard));
}

#[test]
fn a_change_of_the_limit_on_a_narrow_screen() {
    let mut dashboard = with(NARROWEST, &example());
    types(&mut dashboard, "-");
    assert_snapshot!(screen(&dashboard));
}

#[test]
fn a_forced_release_says_what_it_does() {
    let mut dashboard = with(USUAL, &example());
    types(&mut dashboard, "x");
    press(&mut dashboard, KeyCode::Down);
    types(&mut dashboard, "x");
    assert_snapshot!(screen(&dashboard));
}

#[test]
fn a_filter_is_shown_while_it_is_typed() {
    let mut dashboard = with(USUAL, &every_state());
    types(&mut dashboard, "/starv");
    assert_snapshot!(screen(&dashboard));
}

#[test]
fn the_log_tells_what_changed() {
    let mut dashboard = with(USUAL, &example());
    let batch = scene("batch", 5, 3, 0);
    let mut slots: Vec<_> = (1..4).map(|number| batch.slot(number)).collect();
    slots.iter_mut().for_each(|slot| slot.fence.0 += u64::from(slot.slot.0 == 1) * 3 + u64::from(slot.slot.0 == 3));
    let later = |millis| Scene { at: Timestamp(NOW.0 + millis), limit: 6, ..batch.clone() };
    dashboard.apply(Input::Seen(Box::new(later(200).look_at(slots))));
    dashboard.apply(Input::ActionDone { done: true, what: "the limit of batch is 6 now, it was 5".into() });
    dashboard.apply(Input::Tick(Timestamp(NOW.0 + 9_000)));
    (0..4).for_each(|_| drop(press(&mut dashboard, KeyCode::Tab)));
    assert_snapshot!(screen(&dashboard));
}

#[test]
fn read_only_says_so_and_offers_no_change() {
    let mut dashboard = dashboard(DashboardMode::Watch { read_only: true }, USUAL);
    watched(&mut dashboard, &example());
    types(&mut dashboard, "\n+-xk");
    assert_eq!(dashboard.overlay, None);
    assert_snapshot!(screen(&dashboard));
}

#[test]
fn a_replay_says_where_it_is() {
    let mut dashboard = dashboard(DashboardMode::Replay, USUAL);
    watched(&mut dashboard, &example());
    dashboard.apply(Input::Played(ReplayPosition {
        from: ago(90_000),
        at: NOW,
        to: Timestamp(NOW.0 + 65_000),
        playing: true,
        speed: 4.0,
    }));
    assert_snapshot!(screen(&dashboard));
}

#[test]
fn the_demo_has_keys_of_its_own() {
    let mut dashboard = dashboard(DashboardMode::Demo, WIDE);
    watched(&mut dashboard, &example());
    assert_snapshot!(screen(&dashboard));
}

#[test]
fn a_screen_that_is_too_small_says_so() {
    assert_snapshot!(screen(&with((24, 5), &example())));
}

#[test]
fn on_no_screen_do_headings_run_together() {
    const HEADINGS: [&str; 14] = [
        "pool", "held", "wait", "oldest", "state", "slot", "holder", "expires", "fence", "#", "waiter", "waits",
        "gives", "up",
    ];
    for columns in 30..104 {
        let mut dashboard = with((columns, 20), &every_state());
        for pane in ["Pools", "Slots", "Queue"] {
            let shown = screen(&dashboard);
            let headings = shown.lines().nth(4).expect("headings");
            // Over the past of a pool stands how long that is.
            let words = headings.split_whitespace().filter(|word| !["last", "min", "s"].contains(word));
            let words: Vec<&str> = words.filter(|word| !word.starts_with(|c: char| c.is_ascii_digit())).collect();
            assert!(words.len() >= 2 && words.iter().all(|word| HEADINGS.contains(word)), "{columns} {pane}:\n{shown}");
            press(&mut dashboard, KeyCode::Tab);
        }
    }
}

#[test]
fn a_screen_of_any_size_says_how_large_it_must_be() {
    for size in [(20, 5), (10, 7), (29, 7)] {
        let words = screen(&with(size, &example())).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words, "too small: make it 30x8 at least", "{size:?}");
    }
}

#[test]
fn without_colour_the_screen_says_the_same() {
    for scenes in [every_state(), example()] {
        let mut dashboard = with(WIDE, &scenes);
        let coloured = screen(&dashboard);
        dashboard.palette = Palette { colour: false };
        assert_eq!(screen(&dashboard), coloured);
        assert!(buffer(&dashboard).content.iter().all(|cell| (cell.fg, cell.bg) == (Color::Reset, Color::Reset)));
    }
}

#[test]
fn no_background_is_set_so_that_every_terminal_keeps_its_own() {
    let mut dashboard = with(WIDE, &every_state());
    types(&mut dashboard, "?");
    assert!(buffer(&dashboard).content.iter().all(|cell| cell.bg == Color::Reset));
    // What is chosen is reversed, in the terminal's own two colours.
    types(&mut dashboard, "?");
    let reversed = |cell: &&ratatui::buffer::Cell| cell.modifier.contains(Modifier::REVERSED);
    let chosen = buffer(&dashboard);
    let cells: Vec<_> = chosen.content.iter().filter(reversed).collect();
    assert!(cells.len() > 20 && cells.iter().all(|cell| cell.fg == Color::Reset));
}

#[test]
fn any_size_can_be_drawn() {
    let mut dashboard = with(WIDE, &every_state());
    for overlay in ["", "?", "?+", "\u{1b}"] {
        types(&mut dashboard, overlay);
        for columns in (1..=300).step_by(7) {
            for rows in [1, 3, 7, 8, 9, 12, 15, 23, 24, 40, 100] {
                dashboard.apply(Input::Resize(columns, rows));
                assert_eq!(screen(&dashboard).lines().count(), usize::from(rows));
            }
        }
    }
}

#[test]
fn what_is_told_is_told_whole_on_a_small_screen() {
    let words = "this dashboard stays on its table: a file, or one that is being recorded";
    for size in [(40, 10), (60, 15), (120, 40)] {
        let mut dashboard = with(size, &every_state());
        dashboard.apply(Input::ActionDone { done: false, what: words.into() });
        let screen = screen(&dashboard);
        let told: Vec<&str> = screen.lines().skip_while(|line| !line.starts_with(" ! ")).map(str::trim).collect();
        assert_eq!(told.join(" "), format!("! {words}"), "{screen}");
    }
}
