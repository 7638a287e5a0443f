//! What keys and news do to a dashboard: what is chosen stays chosen, nothing is changed without being asked twice, and
//! what comes late or out of order does no harm.

#![allow(clippy::expect_used, reason = "a test may")]

mod scenes;

use leasehold_core::occupancy::{Occupancy, Overridden};
use leasehold_core::{Author, ExpectedOverride, HistoryKey, HistoryRow, Holder, LeaseId, PoolChange, Timestamp};
use leasehold_tui::watch::form::Form;
use leasehold_tui::watch::input::{
    DashboardEffect, DirectoryEntry, Input, PoolDirectory, ReadChanges, ReplayCommand, ReplayPosition,
};
use leasehold_tui::watch::layout::Pane;
use leasehold_tui::watch::session::DashboardMode;
use leasehold_tui::watch::state::{DashboardState, Overlay};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use scenes::{
    NOW, Scene, WATCH, ago, dashboard, every_state, example, limit, prefix, press, scene, screen, types, watched,
};

fn watching() -> DashboardState {
    let mut dashboard = dashboard(WATCH, (120, 40));
    watched(&mut dashboard, &every_state());
    dashboard
}

fn chosen(dashboard: &DashboardState) -> &str {
    dashboard.chosen().map_or("", |pool| pool.prefix.as_str())
}

fn names(dashboard: &DashboardState) -> Vec<&str> {
    dashboard.listed().map(|pool| pool.prefix.as_str()).collect()
}

#[test]
fn the_chosen_pool_stays_chosen_while_the_order_changes() {
    let mut dashboard = watching();
    press(&mut dashboard, KeyCode::Down);
    assert_eq!(chosen(&dashboard), "payments-export");
    for _ in 0..5 {
        types(&mut dashboard, "s");
        assert_eq!(chosen(&dashboard), "payments-export");
        let at = names(&dashboard).iter().position(|name| *name == "payments-export");
        assert_eq!(at, Some(dashboard.pool_cursor.at));
    }
}

#[test]
fn until_somebody_presses_a_key_the_first_pool_is_chosen() {
    let mut dashboard = dashboard(WATCH, (120, 40));
    dashboard.apply(Input::Tick(NOW));
    dashboard.apply(Input::Seen(Box::new(scene("batch", 5, 0, 0).look())));
    assert_eq!(chosen(&dashboard), "batch");
    dashboard.apply(Input::Seen(Box::new(scene("analytics", 5, 5, 3).look())));
    assert_eq!(chosen(&dashboard), "analytics");
    types(&mut dashboard, "s");
    dashboard.apply(Input::Seen(Box::new(Scene { at: NOW, ..scene("aaa", 5, 6, 3) }.look())));
    assert_eq!(chosen(&dashboard), "analytics");
}

#[test]
fn each_order_puts_first_what_it_says() {
    let mut dashboard = watching();
    let first = |dashboard: &DashboardState| names(dashboard)[0].to_owned();
    assert_eq!(first(&dashboard), "search-reindex");
    let mut seen = vec![];
    for _ in 0..4 {
        types(&mut dashboard, "s");
        seen.push((dashboard.order.name(), first(&dashboard)));
    }
    let expected = [
        ("name", "analytics"),
        ("waiting", "analytics"),
        ("longest wait", "payments-export"),
        ("fullness", "search-reindex"),
    ];
    assert_eq!(seen, expected.map(|(order, name)| (order, name.to_owned())));
}

#[test]
fn a_filter_finds_names_and_states_and_escape_ends_it() {
    let mut dashboard = watching();
    for (filter, found) in [
        ("PAY", vec!["payments-export"]),
        ("starv", vec!["payments-export"]),
        ("nothing", vec![]),
        ("a full", vec!["analytics"]),
    ] {
        types(&mut dashboard, "/");
        types(&mut dashboard, filter);
        assert_eq!(names(&dashboard), found, "{filter}");
        press(&mut dashboard, KeyCode::Esc);
        assert_eq!(names(&dashboard).len(), 5);
    }
    // Kept by Enter; then keys are keys again.
    types(&mut dashboard, "/ba\n");
    assert_eq!((names(&dashboard), dashboard.filtering), (vec!["batch"], false));
    assert_eq!(types(&mut dashboard, "q"), [DashboardEffect::Quit]);
}

#[test]
fn a_filter_that_leaves_nothing_does_no_harm() {
    let mut dashboard = watching();
    types(&mut dashboard, "/zzz\n");
    for key in ["\n", "x", "+", "-", "jjkk", "s", "?", "?"] {
        types(&mut dashboard, key);
        let shown = screen(&dashboard);
        assert!(key == "?" || shown.contains("● live") && !shown.contains("reading"), "{shown}");
    }
    assert_eq!(dashboard.overlay, None);
}

#[test]
fn a_pool_that_is_retired_goes_and_the_next_takes_its_place() {
    let mut dashboard = watching();
    press(&mut dashboard, KeyCode::Down);
    let left: Vec<Scene> = every_state().into_iter().filter(|scene| scene.name != "payments-export").collect();
    let pools = left.iter().map(Scene::listing).collect();
    dashboard.apply(Input::Listed(PoolDirectory { at: NOW, pools }));
    assert_eq!((dashboard.count(), chosen(&dashboard)), (4, "analytics"));
    let told = |dashboard: &DashboardState| dashboard.log.lines().iter().filter(|line| line.verb == "retired").count();
    assert_eq!(told(&dashboard), 1);
    // A look that was on its way brings nothing back, so that nothing goes twice.
    let late = every_state().into_iter().find(|scene| scene.name == "payments-export").expect("it was there");
    dashboard.apply(Input::Seen(Box::new(late.look())));
    assert_eq!((dashboard.count(), told(&dashboard)), (4, 1));
    // What is left of a pool without settings is no pool that goes.
    let pools = left.iter().map(Scene::listing);
    let rest = DirectoryEntry { limit: None, rules: None, summary: None, ..late.listing() };
    dashboard.apply(Input::Listed(PoolDirectory { at: NOW, pools: pools.chain([rest]).collect() }));
    dashboard.apply(Input::Gone("payments-export".parse().expect("a prefix")));
    assert_eq!(told(&dashboard), 1);
}

#[test]
fn a_directory_that_is_older_than_what_is_known_changes_nothing() {
    let mut dashboard = watching();
    let before = dashboard.chosen().and_then(|pool| pool.seen.clone());
    dashboard
        .apply(Input::Listed(PoolDirectory { at: NOW, pools: every_state().iter().map(Scene::listing).collect() }));
    assert_eq!(dashboard.chosen().and_then(|pool| pool.seen.clone()), before);
    assert_eq!(dashboard.slots().len(), 5);
}

#[test]
fn a_pool_long_off_screen_is_not_told_of_with_all_that_happened() {
    let mut dashboard = watching();
    let lines = dashboard.log.lines().len();
    let later = Scene { at: Timestamp(NOW.0 + 120_000), first: 900, fence: 70, ..scene("batch", 5, 5, 0) };
    dashboard.apply(Input::Seen(Box::new(later.look())));
    // Only that it was not read meanwhile, and is not as it was.
    assert_eq!(dashboard.log.lines().len(), lines + 1);
    assert_eq!(dashboard.log.lines().front().map(|line| line.verb), Some("unread"));
}

#[test]
fn a_pool_that_comes_back_says_what_is_not_known_in_one_line() {
    let mut dashboard = watching();
    let before = scene("batch", 5, 5, 0);
    dashboard.apply(Input::Seen(Box::new(before.look())));
    dashboard.log.clear();
    // Forty seconds later each slot has had thirty leases more, the last of which is held.
    let later = Scene { at: Timestamp(before.at.0 + 40_000), first: 900, fence: 70, ..before.clone() };
    dashboard.apply(Input::Seen(Box::new(later.look())));
    let said = |verb: &str| -> Vec<String> {
        let told = dashboard.log.lines().iter().filter(|line| line.verb == verb);
        told.map(|line| line.rest.within(200)).collect()
    };
    assert_eq!(said("unseen"), ["145 leases came and went in 40s"]);
    let released = said("released");
    assert_eq!(released.len(), 5);
    assert!(released.iter().all(|line| line.contains(" after at most ")), "{released:?}");
    assert_eq!(dashboard.log.lines().len(), 1 + 5 + 5);
}

#[test]
fn a_lease_watched_to_its_end_says_how_long_it_was_held() {
    let mut dashboard = watching();
    let before = Scene { since: 60_000, ..scene("batch", 5, 5, 0) };
    dashboard.apply(Input::Seen(Box::new(before.look())));
    dashboard.log.clear();
    let later = Scene { at: Timestamp(before.at.0 + 2_000), since: 62_000, ..before };
    let mut slots: Vec<_> = (0..5).map(|number| later.slot(number)).collect();
    slots[4].held = None;
    dashboard.apply(Input::Seen(Box::new(later.look_at(slots))));
    let told = dashboard.log.lines().iter().find(|line| line.verb == "released").expect("a release");
    let rest = told.rest.within(200);
    assert!(rest.contains(" after 1m0") && !rest.contains("at most"), "{rest}");
}

#[test]
fn nothing_is_changed_before_it_was_asked_for_twice() {
    let mut dashboard = watching();
    for keys in ["+", "-", "\n\nx"] {
        assert_eq!(types(&mut dashboard, keys), [], "{keys}");
        press(&mut dashboard, KeyCode::Esc);
        press(&mut dashboard, KeyCode::Esc);
        press(&mut dashboard, KeyCode::Esc);
    }
    let changed = types(&mut dashboard, "+\nmore\n\nsearch-reindex\n");
    let expected = DashboardEffect::ChangeLimit {
        prefix: prefix("search-reindex"),
        limit: limit(4),
        why: "more".into(),
        lasts: None,
        expected: ExpectedOverride::Made(None),
    };
    assert_eq!(changed, [expected]);
}

#[test]
fn a_forced_release_is_for_the_lease_that_was_shown() {
    let mut dashboard = dashboard(WATCH, (120, 40));
    watched(&mut dashboard, &[scene("batch", 5, 3, 0)]);
    types(&mut dashboard, "\nx");
    let Some(Overlay::Form(form)) = &dashboard.overlay else { panic!("{:?}", dashboard.overlay) };
    assert!(form.title.contains("slot 0 of batch"), "{}", form.title);
    // The slot changes hands while somebody types.
    let later = Scene { at: NOW, first: 500, fence: 41, ..scene("batch", 5, 3, 0) };
    dashboard.apply(Input::Seen(Box::new(later.look())));
    let lease: LeaseId = "batch:0:40".parse().expect("a lease");
    assert!(form_of(&dashboard).wrong.as_deref().is_some_and(|wrong| wrong.contains("has ended meanwhile")));
    assert_eq!(types(&mut dashboard, "batch\n"), [DashboardEffect::Release(lease)]);
}

fn form_of(dashboard: &DashboardState) -> &Form {
    let Some(Overlay::Form(form)) = &dashboard.overlay else { panic!("{:?}", dashboard.overlay) };
    form
}

/// The pool as it is seen a while later, with a limit by an override of this person.
fn overridden(to: u32, who: &str, later: u64) -> Input {
    let look = Scene { at: Timestamp(NOW.0 + later), ..scene("batch", to, 3, 0) }.look();
    let live = Overridden { at: Timestamp(NOW.0 + later), who: who.into(), why: "slow".into(), until: None };
    Input::Seen(Box::new(Occupancy { overridden: Some(live), ..look }))
}

#[test]
fn of_two_people_the_second_is_asked_again() {
    let mut dashboard = dashboard(WATCH, (120, 40));
    watched(&mut dashboard, &[scene("batch", 5, 3, 0)]);
    types(&mut dashboard, "-\nneed speed\n\nbatch");
    dashboard.apply(overridden(2, "ann", 100));
    let form = form_of(&dashboard);
    assert_eq!(form.wrong.as_deref(), Some("the limit was changed meanwhile by ann: it is 2 now"));
    assert_eq!(types(&mut dashboard, "\n"), [], "the name is asked for again");
    let changed = types(&mut dashboard, "batch\n");
    let of_ann = ExpectedOverride::Made(Some(Timestamp(NOW.0 + 100)));
    assert!(
        matches!(&changed[..], [DashboardEffect::ChangeLimit { expected, .. }] if *expected == of_ann),
        "{changed:?}"
    );
}

#[test]
fn what_changed_meanwhile_is_told_to_its_end() {
    let who = "nightly-deploy-pipeline@build-runner-0123.ci.example.com";
    for size in [(40, 12), (60, 20), (80, 24), (100, 30), (160, 50)] {
        let mut dashboard = dashboard(WATCH, size);
        watched(&mut dashboard, &example());
        press(&mut dashboard, KeyCode::Char('+'));
        let live = Overridden { at: Timestamp(NOW.0 + 100), who: who.into(), why: "slow".into(), until: None };
        let look = scene("analytics", 2, 2, 0).look();
        dashboard.apply(Input::Seen(Box::new(Occupancy { overridden: Some(live), ..look })));
        let shown = screen(&dashboard);
        let lines = shown.lines().skip_while(|line| !line.contains("! the limit was"));
        let column = lines.clone().next().and_then(|line| line.chars().position(|c| c == '!')).expect("it is told");
        let inside = lines.flat_map(|line| line.chars().skip(column).take_while(|c| *c != '│'));
        let told: String = inside.filter(|c| !c.is_whitespace()).collect();
        assert!(told.starts_with(&format!("!thelimitwaschangedmeanwhileby{who}:itis2now")), "{size:?}: {shown}");
        assert!(shown.contains("enter goes on"), "{size:?}: {shown}");
    }
}

#[test]
fn a_broken_pool_is_not_drawn_as_it_was() {
    let mut dashboard = dashboard(WATCH, (120, 40));
    watched(&mut dashboard, &[scene("batch", 5, 3, 0)]);
    let later = |seconds: u64| Timestamp(NOW.0 + seconds * 1_000);
    let known = |dashboard: &DashboardState, at: u64| {
        let history = &dashboard.chosen().expect("a pool").history;
        let parts = history.parts(later(at), later(at), leasehold_core::Millis::seconds(60), 60);
        parts[60 - at as usize - 1..].iter().map(Option::is_some).collect::<Vec<_>>()
    };
    for second in 1..20 {
        dashboard.apply(Input::Tick(later(second)));
        dashboard.apply(Input::Unreadable { prefix: prefix("batch"), why: "a row makes no sense".into() });
    }
    assert!(known(&dashboard, 19)[4..].iter().all(|known| !known), "{:?}", known(&dashboard, 19));
    // It is mended, and is as before: the time between stays unknown.
    dashboard.apply(Input::Tick(later(20)));
    let look = Occupancy { at: later(20), ..scene("batch", 5, 3, 0).look() };
    dashboard.apply(Input::Seen(Box::new(look)));
    let seen = known(&dashboard, 20);
    assert!(seen[4..18].iter().all(|known| !known) && seen[20], "{seen:?}");
}

#[test]
fn a_message_goes_when_it_is_false_or_a_key_is_pressed() {
    let mut dashboard = dashboard(WATCH, (120, 40));
    watched(&mut dashboard, &[scene("batch", 5, 3, 0)]);
    let says =
        |to: u32| Input::LimitChanged { prefix: prefix("batch"), to: limit(to), what: format!("it is {to} now") };
    dashboard.apply(says(2));
    dashboard.apply(overridden(2, "ann", 100));
    assert!(dashboard.said.is_some());
    dashboard.apply(overridden(7, "bob", 200));
    assert_eq!(dashboard.said, None, "it is 7");
    dashboard.apply(says(3));
    types(&mut dashboard, "j");
    assert_eq!(dashboard.said, None);
}

#[test]
fn an_override_is_ended_by_a_key_and_a_name() {
    let mut dashboard = dashboard(WATCH, (120, 40));
    watched(&mut dashboard, &[scene("batch", 5, 3, 0)]);
    assert_eq!(types(&mut dashboard, "e"), []);
    assert!(
        dashboard
            .said
            .as_ref()
            .is_some_and(|said| said.what.starts_with("no override of ") && said.what.ends_with(" is in force"))
    );
    dashboard.apply(overridden(2, "ann", 100));
    let ended = types(&mut dashboard, "e\nbatch\n");
    let expected = ExpectedOverride::Made(Some(Timestamp(NOW.0 + 100)));
    assert_eq!(ended, [DashboardEffect::EndOverride { prefix: prefix("batch"), why: String::new(), expected }]);
}

#[test]
fn a_pools_history_is_read_when_it_is_asked_for() {
    let mut dashboard = dashboard(WATCH, (120, 40));
    watched(&mut dashboard, &[scene("batch", 5, 3, 0)]);
    assert_eq!(types(&mut dashboard, "H"), [DashboardEffect::ReadHistory(prefix("batch"))]);
    let change = PoolChange::Overridden { from: limit(5), to: limit(2), until: None };
    let key = HistoryKey { at: NOW, own: 7 };
    let noted = HistoryRow { key, change, by: Author::new("ann@desk", "the partner is slow") };
    dashboard.apply(Input::History(prefix("batch"), Ok(ReadChanges { changes: vec![noted], unreadable: None })));
    let shown = screen(&dashboard);
    assert!(shown.contains("by ann@desk: limit overridden 5 -> 2 (the partner is slow)"), "{shown}");
    types(&mut dashboard, "H");
    assert_eq!(dashboard.overlay, None);
}

#[test]
fn in_the_demo_a_limit_changes_at_once_and_workers_die() {
    let mut dashboard = dashboard(DashboardMode::Demo, (120, 40));
    watched(&mut dashboard, &example());
    let limit_is = |count| {
        let (why, lasts, expected) = ("by hand".into(), None, ExpectedOverride::Any);
        [DashboardEffect::ChangeLimit { prefix: prefix("analytics"), limit: limit(count), why, lasts, expected }]
    };
    assert_eq!(types(&mut dashboard, "+"), limit_is(16));
    // Before the first is seen.
    assert_eq!(types(&mut dashboard, "+"), limit_is(17));
    assert_eq!(types(&mut dashboard, "-"), limit_is(16));
    assert_eq!(types(&mut dashboard, "k"), [DashboardEffect::Kill { prefix: prefix("analytics"), slot: None }]);
    types(&mut dashboard, "\nj");
    assert_eq!(types(&mut dashboard, "k"), [DashboardEffect::Kill { prefix: prefix("analytics"), slot: Some(1) }]);
    assert_eq!(types(&mut dashboard, ">"), [DashboardEffect::Speed(2.0)]);
    assert_eq!(types(&mut dashboard, "<<"), [DashboardEffect::Speed(1.0), DashboardEffect::Speed(0.5)]);
}

#[test]
fn what_is_copied_can_do_nothing_where_it_is_pasted() {
    let mut dashboard = dashboard(WATCH, (120, 40));
    let scene = scene("batch", 2, 2, 0);
    let mut slot = scene.slot(0);
    let hostile = Holder::new("run\nrm -rf /\u{1b}[2J", "", None).expect("a holder");
    slot.held.as_mut().expect("a lease").holder = hostile;
    watched(&mut dashboard, std::slice::from_ref(&scene));
    dashboard.apply(Input::Seen(Box::new(Scene { at: NOW, ..scene.clone() }.look_at(vec![slot, scene.slot(1)]))));
    types(&mut dashboard, "\n");
    let text = match &types(&mut dashboard, "Y")[..] {
        [DashboardEffect::Share { text, link: false, .. }] => text.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(text, "run rm -rf /\\u{1b}[2J");
    assert_eq!(types(&mut dashboard, "o"), []);
}

#[test]
fn in_the_demo_a_limit_goes_down_to_0_and_up_again() {
    let mut dashboard = dashboard(DashboardMode::Demo, (120, 40));
    watched(&mut dashboard, &[scene("batch", 1, 1, 3)]);
    let asked = |effects: &[DashboardEffect]| match effects {
        [DashboardEffect::ChangeLimit { limit, .. }] => Some(limit.count()),
        _ => None,
    };
    assert_eq!(asked(&types(&mut dashboard, "-")), Some(0));
    assert_eq!(asked(&types(&mut dashboard, "-")), None);
    let said = dashboard.said.as_ref().map(|said| said.what.clone());
    assert_eq!(said.as_deref(), Some("the limit is 0 already, and goes no lower"));
    assert_eq!(asked(&types(&mut dashboard, "+")), Some(1));
}

#[test]
fn a_replay_is_told_what_to_do_and_changes_nothing() {
    let mut dashboard = dashboard(DashboardMode::Replay, (120, 40));
    watched(&mut dashboard, &example());
    dashboard.apply(Input::Played(ReplayPosition { from: ago(9_000), at: NOW, to: NOW, playing: false, speed: 2.0 }));
    let told = [
        (" ", ReplayCommand::Toggle),
        (">", ReplayCommand::Speed(4.0)),
        (">", ReplayCommand::Speed(8.0)),
        ("<", ReplayCommand::Speed(4.0)),
        ("]", ReplayCommand::Seek(10_000)),
        ("[", ReplayCommand::Seek(-10_000)),
        ("0", ReplayCommand::Start),
    ];
    for (key, play) in told {
        assert_eq!(types(&mut dashboard, key), [DashboardEffect::Replay(play)], "{key}");
    }
    assert_eq!(types(&mut dashboard, "+-xr"), []);
    assert_eq!(dashboard.overlay, None);
}

#[test]
fn what_lies_over_the_screen_is_put_away_by_q_and_escape() {
    let mut dashboard = watching();
    for key in [KeyCode::Char('q'), KeyCode::Esc, KeyCode::Char('?')] {
        types(&mut dashboard, "?");
        assert!(matches!(dashboard.overlay, Some(Overlay::Help(_))));
        assert_eq!(press(&mut dashboard, key), []);
        assert_eq!(dashboard.overlay, None);
    }
    // In a form, q is a letter.
    types(&mut dashboard, "+\nq");
    assert!(matches!(&dashboard.overlay, Some(Overlay::Form(form)) if form.fields[1].value() == "q"));
    let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(dashboard.apply(Input::Key(interrupt)), []);
    assert_eq!(dashboard.overlay, None);
    assert_eq!(dashboard.apply(Input::Key(interrupt)), [DashboardEffect::Interrupt]);
}

#[test]
fn a_dialog_stays_about_what_it_was_opened_for() {
    for size in [(120, 40), (80, 24)] {
        let mut dashboard = dashboard(WATCH, size);
        watched(&mut dashboard, &example());
        types(&mut dashboard, "\n\n");
        assert_eq!((dashboard.focus, &dashboard.overlay), (Pane::Slots, &Some(Overlay::Details(0))));
        let slot = dashboard.slot().cloned();
        for key in [KeyCode::Tab, KeyCode::Tab, KeyCode::BackTab, KeyCode::Left, KeyCode::Right] {
            press(&mut dashboard, key);
            assert_eq!((dashboard.focus, &dashboard.overlay), (Pane::Slots, &Some(Overlay::Details(0))), "{key:?}");
        }
        assert_eq!(dashboard.slot().cloned(), slot);
        press(&mut dashboard, KeyCode::Esc);
        press(&mut dashboard, KeyCode::Tab);
        assert_eq!(dashboard.focus, Pane::Queue);
        // A waiter has no lease: no other's is freed in its place.
        if dashboard.waiter().is_some() {
            types(&mut dashboard, "\nxx");
            assert_eq!((dashboard.focus, &dashboard.overlay), (Pane::Queue, &Some(Overlay::Details(0))));
            let said = dashboard.said.as_ref().map(|said| said.what.to_string());
            assert!(said.as_ref().is_some_and(|said| said.contains("no lease to free")), "{said:?}");
        }
    }
}

#[test]
fn tab_goes_through_every_pane_and_back() {
    for (size, panes) in [((120, 40), 4), ((80, 24), 5)] {
        let mut dashboard = dashboard(WATCH, size);
        watched(&mut dashboard, &example());
        let mut seen = vec![dashboard.focus];
        for _ in 1..panes {
            press(&mut dashboard, KeyCode::Tab);
            assert!(!seen.contains(&dashboard.focus), "{seen:?}");
            seen.push(dashboard.focus);
        }
        press(&mut dashboard, KeyCode::Tab);
        assert_eq!(dashboard.focus, Pane::Pools);
        press(&mut dashboard, KeyCode::BackTab);
        assert_eq!(Some(&dashboard.focus), seen.last());
    }
}

#[test]
fn only_what_is_on_screen_is_wanted_and_the_chosen_pool_first() {
    let mut dashboard = dashboard(WATCH, (60, 15));
    let names: Vec<String> = (0..500).map(|number| format!("pool-{number:03}")).collect();
    let pools = names.iter().map(|name| {
        let mut listing = scene("x", 5, 2, 0).listing();
        listing.prefix = prefix(name);
        listing.summary = None;
        listing
    });
    dashboard.apply(Input::Listed(PoolDirectory { at: NOW, pools: pools.collect() }));
    press(&mut dashboard, KeyCode::End);
    let wanted = dashboard.subscription().pools;
    assert_eq!(wanted.len(), 9);
    assert_eq!((wanted[0].as_str(), wanted[8].as_str()), ("pool-499", "pool-498"));
    // In another pane only the chosen pool is on screen.
    press(&mut dashboard, KeyCode::Tab);
    assert_eq!(dashboard.subscription().pools.len(), 1);
    types(&mut dashboard, "r");
    assert_eq!(dashboard.subscription().refreshed, 1);
}

#[test]
fn a_reader_of_the_log_is_not_carried_away_by_news() {
    let mut dashboard = dashboard(WATCH, (80, 24));
    watched(&mut dashboard, &example());
    (0..4).for_each(|_| drop(press(&mut dashboard, KeyCode::Tab)));
    (0..30).for_each(|_| drop(press(&mut dashboard, KeyCode::Down)));
    let read = |dashboard: &DashboardState| dashboard.log.lines()[dashboard.log_cursor.at].clone();
    let before = read(&dashboard);
    let later = Scene { at: Timestamp(NOW.0 + 900), first: 700, fence: 41, ..scene("batch", 5, 5, 0) };
    dashboard.apply(Input::Seen(Box::new(later.look())));
    assert_eq!(read(&dashboard), before);
}

#[test]
fn pools_moved_one_by_one_end_up_where_sorting_all_puts_them() {
    let mut random = fastrand::Rng::with_seed(7);
    let mut one_by_one = dashboard(WATCH, (120, 40));
    let pools = (0..60).map(|number| {
        let mut listing = scene("x", 5, 0, 0).listing();
        listing.prefix = prefix(&format!("pool-{number:02}"));
        listing.summary = None;
        listing
    });
    let listed = PoolDirectory { at: ago(90_000), pools: pools.collect() };
    one_by_one.apply(Input::Listed(listed.clone()));
    types(&mut one_by_one, "/o\n");
    let mut looks = vec![];
    for step in 0..400u64 {
        let (limit, held, waiting) = (random.u32(0..5), random.u32(0..6), random.u32(0..4));
        let (at, waits) = (ago(80_000 - step * 100), random.u64(1_000..900_000));
        let mut look = Scene { at, waits: NOW.0 - at.0 + waits, ..scene("x", limit, held, waiting) }.look();
        look.prefix = prefix(&format!("pool-{:02}", random.u32(0..60)));
        looks.push(Input::Seen(Box::new(look)));
        one_by_one.apply_all(looks.last().cloned().into_iter().chain((step % 3 == 0).then(|| looks[0].clone())));
        if step % 16 == 0 {
            let mut at_once = dashboard(WATCH, (120, 40));
            at_once.order = one_by_one.order;
            at_once.apply(Input::Listed(listed.clone()));
            at_once.apply_all(looks.iter().cloned());
            assert_eq!(names(&one_by_one), names(&at_once), "step {step}, {:?}", one_by_one.order);
        }
        if step % 64 == 63 {
            types(&mut one_by_one, "s");
        }
    }
}

#[test]
fn where_nothing_may_be_changed_the_keys_that_would_say_so() {
    for mode in [DashboardMode::Watch { read_only: true }, DashboardMode::Replay] {
        for key in ['+', '-', 'x'] {
            let mut dashboard = dashboard(mode, (120, 40));
            let effects = dashboard.apply(Input::Key(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE)));
            let said = dashboard.said.as_ref().map(|said| said.what.as_str());
            assert_eq!((effects.len(), said), (0, Some("nothing can be changed here")), "{key} in {mode:?}");
        }
    }
}
