//! What keys and news do to a board: what is chosen stays chosen, nothing is changed without being asked twice, and
//! what comes late or out of order does no harm.

#![allow(clippy::expect_used, reason = "a test may")]

mod scenes;

use leasehold_core::nouns::{LeaseId, Millis};
use leasehold_tui::watch::board::{Board, Mode, Overlay};
use leasehold_tui::watch::input::{Effect, Input, Listed, Play, Played};
use leasehold_tui::watch::layout::Pane;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use scenes::{
    NOW, Scene, WATCH, ago, board, every_state, example, limit, prefix, press, scene, screen, types, watched,
};

fn watching() -> Board {
    let mut board = board(WATCH, (120, 40));
    watched(&mut board, &every_state());
    board
}

fn chosen(board: &Board) -> &str {
    board.chosen().map_or("", |pool| pool.prefix.as_str())
}

fn names(board: &Board) -> Vec<&str> {
    board.listed().map(|pool| pool.prefix.as_str()).collect()
}

#[test]
fn the_chosen_pool_stays_chosen_while_the_order_changes() {
    let mut board = watching();
    press(&mut board, KeyCode::Down);
    assert_eq!(chosen(&board), "payments-export");
    for _ in 0..5 {
        types(&mut board, "s");
        assert_eq!(chosen(&board), "payments-export");
        let at = names(&board).iter().position(|name| *name == "payments-export");
        assert_eq!(at, Some(board.pool_cursor.at));
    }
}

#[test]
fn until_somebody_presses_a_key_the_first_pool_is_the_chosen_one() {
    let mut board = board(WATCH, (120, 40));
    board.apply(Input::Tick(NOW));
    board.apply(Input::Seen(Box::new(scene("batch", 5, 0, 0).look())));
    assert_eq!(chosen(&board), "batch");
    board.apply(Input::Seen(Box::new(scene("analytics", 5, 5, 3).look())));
    assert_eq!(chosen(&board), "analytics");
    types(&mut board, "s");
    board.apply(Input::Seen(Box::new(Scene { at: NOW, ..scene("aaa", 5, 6, 3) }.look())));
    assert_eq!(chosen(&board), "analytics");
}

#[test]
fn each_order_puts_first_what_it_says() {
    let mut board = watching();
    let first = |board: &Board| names(board)[0].to_owned();
    assert_eq!(first(&board), "search-reindex");
    let mut seen = vec![];
    for _ in 0..4 {
        types(&mut board, "s");
        seen.push((board.order.name(), first(&board)));
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
    let mut board = watching();
    for (filter, found) in [
        ("PAY", vec!["payments-export"]),
        ("starv", vec!["payments-export"]),
        ("nothing", vec![]),
        ("a full", vec!["analytics"]),
    ] {
        types(&mut board, "/");
        types(&mut board, filter);
        assert_eq!(names(&board), found, "{filter}");
        press(&mut board, KeyCode::Esc);
        assert_eq!(names(&board).len(), 5);
    }
    // Kept by Enter; then keys are keys again.
    types(&mut board, "/ba\n");
    assert_eq!((names(&board), board.filtering), (vec!["batch"], false));
    assert_eq!(types(&mut board, "q"), [Effect::Quit]);
}

#[test]
fn a_filter_that_leaves_nothing_does_no_harm() {
    let mut board = watching();
    types(&mut board, "/zzz\n");
    for key in ["\n", "x", "+", "-", "jjkk", "s", "?", "?"] {
        types(&mut board, key);
        screen(&board);
    }
    assert_eq!(board.overlay, None);
}

#[test]
fn a_pool_that_is_retired_goes_and_the_next_takes_its_place() {
    let mut board = watching();
    press(&mut board, KeyCode::Down);
    let left: Vec<Scene> = every_state().into_iter().filter(|scene| scene.name != "payments-export").collect();
    let pools = left.iter().map(Scene::listing).collect();
    board.apply(Input::Listed(Listed { at: NOW, pools }));
    assert_eq!((board.count(), chosen(&board)), (4, "analytics"));
    assert!(board.log.lines().iter().any(|line| line.verb == "retired"));
}

#[test]
fn a_directory_that_is_older_than_what_is_known_changes_nothing() {
    let mut board = watching();
    let before = board.chosen().and_then(|pool| pool.seen.clone());
    board.apply(Input::Listed(Listed { at: NOW, pools: every_state().iter().map(Scene::listing).collect() }));
    assert_eq!(board.chosen().and_then(|pool| pool.seen.clone()), before);
    assert_eq!(board.slots().len(), 5);
}

#[test]
fn a_pool_that_was_off_screen_for_long_is_not_told_of_with_all_that_happened() {
    let mut board = watching();
    let lines = board.log.lines().len();
    let later = Scene { at: Millis(NOW.0 + 120_000), first: 900, fence: 70, ..scene("batch", 5, 5, 0) };
    board.apply(Input::Seen(Box::new(later.look())));
    assert_eq!(board.log.lines().len(), lines);
}

#[test]
fn nothing_is_changed_before_it_was_asked_for_twice() {
    let mut board = watching();
    for keys in ["+", "-", "\n\nx"] {
        assert_eq!(types(&mut board, keys), [], "{keys}");
        press(&mut board, KeyCode::Esc);
        press(&mut board, KeyCode::Esc);
        press(&mut board, KeyCode::Esc);
    }
    let changed = types(&mut board, "+\nmore\nsearch-reindex\n");
    let expected = Effect::ChangeLimit { prefix: prefix("search-reindex"), limit: limit(4), why: "more".into() };
    assert_eq!(changed, [expected]);
}

#[test]
fn a_forced_release_is_for_the_lease_that_was_shown_whatever_happens_meanwhile() {
    let mut board = board(WATCH, (120, 40));
    watched(&mut board, &[scene("batch", 5, 3, 0)]);
    types(&mut board, "\nx");
    let Some(Overlay::Form(form)) = &board.overlay else { panic!("{:?}", board.overlay) };
    assert!(form.title.contains("slot 0 of batch"), "{}", form.title);
    // The slot changes hands while somebody types.
    let later = Scene { at: NOW, first: 500, fence: 41, ..scene("batch", 5, 3, 0) };
    board.apply(Input::Seen(Box::new(later.look())));
    let lease: LeaseId = "batch:0:40".parse().expect("a lease");
    assert_eq!(types(&mut board, "batch\n"), [Effect::Release(lease)]);
}

#[test]
fn in_the_demo_a_limit_changes_at_once_and_workers_die() {
    let mut board = board(Mode::Demo, (120, 40));
    watched(&mut board, &example());
    let limit_is =
        |count| [Effect::ChangeLimit { prefix: prefix("analytics"), limit: limit(count), why: "by hand".into() }];
    assert_eq!(types(&mut board, "+"), limit_is(16));
    // Before the first is seen.
    assert_eq!(types(&mut board, "+"), limit_is(17));
    assert_eq!(types(&mut board, "-"), limit_is(16));
    assert_eq!(types(&mut board, "k"), [Effect::Kill { prefix: prefix("analytics"), slot: None }]);
    types(&mut board, "\nj");
    assert_eq!(types(&mut board, "k"), [Effect::Kill { prefix: prefix("analytics"), slot: Some(1) }]);
    assert_eq!(types(&mut board, ">"), [Effect::Speed(2.0)]);
    assert_eq!(types(&mut board, "<<"), [Effect::Speed(1.0), Effect::Speed(0.5)]);
}

#[test]
fn a_replay_is_told_what_to_do_and_changes_nothing() {
    let mut board = board(Mode::Replay, (120, 40));
    watched(&mut board, &example());
    board.apply(Input::Played(Played { from: ago(9_000), at: NOW, to: NOW, playing: false, speed: 2.0 }));
    let told = [
        (" ", Play::Toggle),
        (">", Play::Speed(4.0)),
        (">", Play::Speed(8.0)),
        ("<", Play::Speed(4.0)),
        ("]", Play::Seek(10_000)),
        ("[", Play::Seek(-10_000)),
        ("0", Play::Start),
    ];
    for (key, play) in told {
        assert_eq!(types(&mut board, key), [Effect::Play(play)], "{key}");
    }
    assert_eq!(types(&mut board, "+-xr"), []);
    assert_eq!(board.overlay, None);
}

#[test]
fn what_lies_over_the_screen_is_put_away_by_q_and_escape() {
    let mut board = watching();
    for key in [KeyCode::Char('q'), KeyCode::Esc, KeyCode::Char('?')] {
        types(&mut board, "?");
        assert!(matches!(board.overlay, Some(Overlay::Help(_))));
        assert_eq!(press(&mut board, key), []);
        assert_eq!(board.overlay, None);
    }
    // In a form, q is a letter.
    types(&mut board, "+\nq");
    assert!(matches!(&board.overlay, Some(Overlay::Form(form)) if form.fields[1].value == "q"));
    let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(board.apply(Input::Key(interrupt)), []);
    assert_eq!(board.overlay, None);
    assert_eq!(board.apply(Input::Key(interrupt)), [Effect::Interrupt]);
}

#[test]
fn tab_goes_through_every_pane_and_back() {
    for (size, panes) in [((120, 40), 4), ((80, 24), 5)] {
        let mut board = board(WATCH, size);
        watched(&mut board, &example());
        let mut seen = vec![board.focus];
        for _ in 1..panes {
            press(&mut board, KeyCode::Tab);
            assert!(!seen.contains(&board.focus), "{seen:?}");
            seen.push(board.focus);
        }
        press(&mut board, KeyCode::Tab);
        assert_eq!(board.focus, Pane::Pools);
        press(&mut board, KeyCode::BackTab);
        assert_eq!(Some(&board.focus), seen.last());
    }
}

#[test]
fn only_what_is_on_screen_is_wanted_and_the_chosen_pool_first() {
    let mut board = board(WATCH, (60, 15));
    let names: Vec<String> = (0..500).map(|number| format!("pool-{number:03}")).collect();
    let pools = names.iter().map(|name| {
        let mut listing = scene("x", 5, 2, 0).listing();
        listing.prefix = prefix(name);
        listing.summary = None;
        listing
    });
    board.apply(Input::Listed(Listed { at: NOW, pools: pools.collect() }));
    press(&mut board, KeyCode::End);
    let wanted = board.wanted().pools;
    assert_eq!(wanted.len(), 9);
    assert_eq!((wanted[0].as_str(), wanted[8].as_str()), ("pool-499", "pool-498"));
    // In another pane only the chosen pool is on screen.
    press(&mut board, KeyCode::Tab);
    assert_eq!(board.wanted().pools.len(), 1);
    types(&mut board, "r");
    assert_eq!(board.wanted().refreshed, 1);
}

#[test]
fn a_reader_of_the_log_is_not_carried_away_by_news() {
    let mut board = board(WATCH, (80, 24));
    watched(&mut board, &example());
    (0..4).for_each(|_| drop(press(&mut board, KeyCode::Tab)));
    (0..30).for_each(|_| drop(press(&mut board, KeyCode::Down)));
    let read = |board: &Board| board.log.lines()[board.log_cursor.at].clone();
    let before = read(&board);
    let later = Scene { at: Millis(NOW.0 + 900), first: 700, fence: 41, ..scene("batch", 5, 5, 0) };
    board.apply(Input::Seen(Box::new(later.look())));
    assert_eq!(read(&board), before);
}

#[test]
fn pools_that_change_one_by_one_end_up_where_sorting_all_of_them_puts_them() {
    let mut random = fastrand::Rng::with_seed(7);
    let mut one_by_one = board(WATCH, (120, 40));
    let pools = (0..60).map(|number| {
        let mut listing = scene("x", 5, 0, 0).listing();
        listing.prefix = prefix(&format!("pool-{number:02}"));
        listing.summary = None;
        listing
    });
    let listed = Listed { at: ago(90_000), pools: pools.collect() };
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
            let mut at_once = board(WATCH, (120, 40));
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
    for mode in [Mode::Watch { read_only: true }, Mode::Replay] {
        for key in ['+', '-', 'x'] {
            let mut board = board(mode, (120, 40));
            let effects = board.apply(Input::Key(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE)));
            let said = board.said.as_ref().map(|said| said.what.as_str());
            assert_eq!((effects.len(), said), (0, Some("nothing can be changed here")), "{key} in {mode:?}");
        }
    }
}
