//! What was recorded is what is played: live and played back, the same screen.

#![allow(clippy::expect_used, reason = "a test may")]

mod scenes;

use leasehold_core::occupancy::trace::Trace;
use leasehold_core::{Millis, Timestamp};
use leasehold_tui::watch::input::{Input, PoolDirectory, ReplayCommand};
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
