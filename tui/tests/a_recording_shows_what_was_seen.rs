//! What was recorded is what is played: live and played back, the same screen.

#![allow(clippy::expect_used, reason = "a test may")]

mod scenes;

use leasehold_core::occupancy::trace::Trace;
use leasehold_core::{Millis, Slot, Timestamp};
use leasehold_tui::watch::input::{DamagedPool, Input, PoolDirectory, ReplayCommand};
use leasehold_tui::watch::recorder::Recorder;
use leasehold_tui::watch::replay::ReplayPlayer;
use leasehold_tui::watch::session::DashboardMode;
use leasehold_tui::watch::state::DashboardState;
use scenes::{NOW, Scene, WATCH, dashboard, every_state, scene, screen};

/// One demo, as it was recorded: the shared-table example with a worker killed and a limit raised by hand.
const DEMO: &str = include_str!("recordings/demo.jsonl");

/// Inputs of some seconds of watching, each with its time.
fn watching() -> Vec<(Timestamp, Input)> {
    let mut inputs = vec![(
        NOW,
        Input::Listed(PoolDirectory { at: NOW, pools: every_state().iter().map(Scene::listing).collect() }),
    )];
    for second in 1..20 {
        let at = Timestamp(NOW.0 + second * 1_000);
        for scene in every_state() {
            let held = scene.held.min(second as u32);
            let (first, fence) = (100 + 10 * second as u32, 40 + second);
            inputs.push((at, Input::Seen(Box::new(Scene { at, held, first, fence, ..scene }.look()))));
        }
    }
    let at = Timestamp(NOW.0 + 20_000);
    let left: Vec<Scene> = every_state().into_iter().filter(|scene| scene.name != "thumbnails").collect();
    inputs.push((at, Input::Listed(PoolDirectory { at, pools: left.iter().map(Scene::listing).collect() })));
    inputs
}

fn recorded(inputs: &[(Timestamp, Input)]) -> String {
    let mut out = vec![];
    let mut recorder =
        Recorder::new(&mut out, "regional-concurrency-leases", Some("eu-central-1"), NOW).expect("a header");
    inputs.iter().for_each(|(at, input)| recorder.keep(*at, input).expect("a line"));
    String::from_utf8(out).expect("text")
}

fn pools(dashboard: &DashboardState) -> Vec<String> {
    dashboard.listed().map(|pool| format!("{} {:?}", pool.prefix, pool.seen)).collect()
}

fn play(dashboard: &mut DashboardState, inputs: Vec<Input>) {
    dashboard.apply_all(inputs);
}

#[test]
fn played_to_its_end_it_shows_what_the_live_screen_shows() {
    let mut live = dashboard(WATCH, (120, 40));
    for (at, input) in watching() {
        live.apply(Input::Tick(at));
        live.apply(input);
    }
    let trace = Trace::parse(&recorded(&watching())).expect("a trace");
    let mut played = dashboard(DashboardMode::Replay, (120, 40));
    let mut player = ReplayPlayer::new(trace);
    play(&mut played, player.start());
    for _ in 0..300 {
        play(&mut played, player.pass(Millis(70)));
    }
    assert_eq!(pools(&played), pools(&live));
    let told = |dashboard: &DashboardState| {
        dashboard.log.lines().iter().map(|line| (line.at, line.verb, line.rest.clone())).collect::<Vec<_>>()
    };
    assert_eq!(told(&played), told(&live));
    assert_eq!(played.played.map(|played| played.playing), Some(false));
}

#[test]
fn a_pool_that_cannot_be_read_is_broken_when_it_is_played_too() {
    let mut inputs = watching();
    let names: Vec<_> = every_state().iter().map(|scene| scene.look().prefix).collect();
    let at = |second: u64| Timestamp(NOW.0 + second * 1_000);
    let damaged = |second| {
        let rest = Scene { at: at(second), ..every_state().remove(0) }.look();
        let slots = [(Slot(1), "slot#00001: its fence is no number".to_owned())].into();
        Input::Damaged(Box::new(DamagedPool {
            rest,
            slots,
            why: "slot#00001: its fence is no number; correct it".into(),
        }))
    };
    let unreadable = Input::Unreadable { prefix: names[1].clone(), why: "its settings make no sense".into() };
    inputs.extend([(at(21), damaged(21)), (at(21), unreadable), (at(23), damaged(23))]);
    // What its last sweep saw makes no pool readable.
    let listed: Vec<_> = every_state().iter().filter(|scene| scene.name != "thumbnails").map(Scene::listing).collect();
    inputs.push((at(24), Input::Listed(PoolDirectory { at: at(24), pools: listed })));
    inputs.push((at(25), damaged(25)));
    let recorded = recorded(&inputs);
    let mut played = dashboard(DashboardMode::Replay, (120, 40));
    let mut player = ReplayPlayer::new(Trace::parse(&recorded).expect("a trace"));
    play(&mut played, player.start());
    for _ in 0..300 {
        play(&mut played, player.pass(Millis(100)));
    }
    let troubles = |dashboard: &DashboardState| {
        let troubled = dashboard.listed().filter_map(|pool| Some((pool.prefix.clone(), pool.trouble.clone()?)));
        troubled.collect::<Vec<_>>()
    };
    let told = troubles(&played);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().any(|(name, why)| *name == names[0] && why.contains("no number; correct it")), "{told:?}");
    assert!(told.iter().any(|(name, why)| *name == names[1] && why.contains("make no sense")), "{told:?}");
    let slot = played.listed().find(|pool| pool.prefix == names[0]).and_then(|pool| pool.damage(Slot(1)));
    assert_eq!(slot, Some("slot#00001: its fence is no number"));
    // Also where it is all that the recording says of the pool.
    let mut lines = recorded.lines();
    let header = lines.next().expect("a header");
    let broken: Vec<&str> = lines.filter(|line| line.contains("\"broken\"")).collect();
    let text = [&[header][..], &broken].concat().join("\n");
    let mut played = dashboard(DashboardMode::Replay, (120, 40));
    let mut player = ReplayPlayer::new(Trace::parse(&text).expect("a trace"));
    play(&mut played, player.start());
    play(&mut played, player.told(ReplayCommand::Seek(60_000)));
    assert_eq!(troubles(&played).len(), 2);
}

#[test]
fn searching_back_and_forth_comes_to_the_same_as_playing() {
    let trace = Trace::parse(DEMO).expect("a trace");
    let mut player = ReplayPlayer::new(trace.clone());
    let mut dashboard = dashboard(DashboardMode::Replay, (120, 40));
    play(&mut dashboard, player.start());
    play(&mut dashboard, player.pass(Millis(7_000)));
    let there = (pools(&dashboard), screen(&dashboard));
    for seek in [-3_000, 20_000, -100_000, 3_000, 4_000] {
        play(&mut dashboard, player.told(ReplayCommand::Seek(seek)));
    }
    assert_eq!((pools(&dashboard), screen(&dashboard)), there);
    play(&mut dashboard, player.told(ReplayCommand::Seek(-100_000)));
    assert_eq!(dashboard.played.map(|played| played.at), trace.entries.first().map(|entry| entry.at));
}

#[test]
fn the_recorded_demo_keeps_its_limits_and_tells_what_happened() {
    let trace = Trace::parse(DEMO).expect("a trace");
    assert_eq!(trace.note, None);
    let mut player = ReplayPlayer::new(trace);
    let mut dashboard = dashboard(DashboardMode::Replay, (120, 40));
    play(&mut dashboard, player.start());
    let mut fullest = 0;
    while dashboard.played.is_some_and(|played| played.playing) {
        play(&mut dashboard, player.pass(Millis(200)));
        for pool in dashboard.pools() {
            let seen = pool.seen.as_ref().expect("a look");
            assert!(seen.held <= seen.limit.count(), "{seen:?}");
            fullest = fullest.max(seen.held);
        }
    }
    assert!(fullest >= 15, "{fullest}");
    let verbs: Vec<&str> = dashboard.log.lines().iter().map(|line| line.verb).collect();
    for verb in ["granted", "released", "expired", "limit"] {
        assert!(verbs.contains(&verb), "{verb} is not in {verbs:?}");
    }
    assert!(!verbs.contains(&"broken"));
}

#[test]
fn speed_and_pause_are_kept() {
    let trace = Trace::parse(DEMO).expect("a trace");
    let mut player = ReplayPlayer::new(trace);
    let mut dashboard = dashboard(DashboardMode::Replay, (120, 40));
    play(&mut dashboard, player.start());
    play(&mut dashboard, player.told(ReplayCommand::Speed(0.125)));
    let at = |dashboard: &DashboardState| dashboard.played.map(|played| played.at.since(played.from).0);
    // Slower than the clock ticks: nothing is lost on the way.
    for _ in 0..800 {
        play(&mut dashboard, player.pass(Millis(5)));
    }
    assert_eq!(at(&dashboard), Some(500));
    play(&mut dashboard, player.told(ReplayCommand::Toggle));
    play(&mut dashboard, player.pass(Millis(5_000)));
    assert_eq!(at(&dashboard), Some(500));
}

#[test]
fn a_directory_read_again_takes_no_room() {
    let mut inputs = watching();
    inputs.truncate(1);
    let once = recorded(&inputs);
    let again: Vec<_> = (0..50).flat_map(|_| inputs.clone()).collect();
    assert_eq!(recorded(&again), once);
    assert_eq!(once.lines().count(), 1 + every_state().len());
}

#[test]
fn a_clock_that_was_set_back_does_not_spoil_a_recording() {
    let look = |at| Input::Seen(Box::new(Scene { at: Timestamp(at), ..scene("batch", 5, 2, 0) }.look()));
    let text = recorded(&[(Timestamp(NOW.0 + 5_000), look(NOW.0)), (NOW, look(NOW.0 + 1))]);
    assert_eq!(Trace::parse(&text).expect("a trace").entries.len(), 2);
}
