//! A locale that is not UTF-8 is shown ASCII alone: the dashboard, the demo and the tables of all commands. The real binary
//! on a real terminal, whose bytes are looked at, and against a local AWS.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod local_aws;
mod tmux;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use leasehold_core::{AcquireRequest, ExpectedOverride, Holder, Limit, Mode, PoolName, SetLimit, TaskToken};
use leasehold_store::Runner;
use local_aws::{on, run, table, told};
use tmux::Tmux;

const SIZE: (u16, u16) = (120, 40);

/// Locales with other characters: none at all, one of ASCII, and Latin-1.
const OTHERS: [&[(&str, &str)]; 3] = [
    &[("LC_ALL", ""), ("LC_CTYPE", ""), ("LANG", "")],
    &[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")],
    &[("LC_ALL", ""), ("LC_CTYPE", "de_DE.ISO-8859-1"), ("LANG", "en_US.UTF-8")],
];

/// What others write: accents, wide and combined letters, letters from the right, and a picture.
const NAME: &str = "größe-漢字-e\u{301}-שלום-\u{1f600}";

/// A terminal in this locale, and the file that has all bytes which were written to it.
fn terminal(name: &str, locale: &[(&str, &str)]) -> (Tmux, PathBuf) {
    let tmux = Tmux::shell(SIZE, locale);
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}.bytes", std::process::id()));
    tmux.keep(&file);
    (tmux, file)
}

fn only_ascii(what: &str, file: &Path) -> String {
    let bytes = std::fs::read(file).expect("what was written");
    let other = bytes.iter().position(|byte| !byte.is_ascii());
    let around = other.map(|at| String::from_utf8_lossy(&bytes[at.saturating_sub(80)..(at + 20).min(bytes.len())]));
    assert_eq!(around, None, "{what}");
    std::fs::remove_file(file).expect("removed");
    String::from_utf8(bytes).expect("ASCII")
}

#[test]
fn the_demo_is_watched_and_reported_in_ascii() {
    for (number, locale) in OTHERS.into_iter().enumerate() {
        let (tmux, file) = terminal(&format!("ascii-demo-{number}"), locale);
        tmux.start("demo --scenario tests/scenarios/steered.toml");
        tmux.shows(&["DEMO", "Pools 2", "4/4", "# 2 full", "+-", "--+", "- limit  # held  ! over"]);
        tmux.text("?");
        tmux.shows(&["this help", "^ over limit", "# full", "^v more"]);
        tmux.key("Escape");
        tmux.until("no help", |screen| !screen.contains("this help"));
        tmux.text("+");
        tmux.shows(&["5 held", "limit 4 is now 5"]);
        tmux.key("Enter");
        tmux.key("Enter");
        tmux.shows(&["Slot 0 of", "esc closes"]);
        tmux.key("Escape");
        tmux.shows(&["All work is done"]);
        tmux.text("q");
        tmux.shows(&["OK no limit was exceeded, no item was lost", "4 -> 5", "LEFT 0"]);
        only_ascii(&format!("the demo under {locale:?}"), &file);
    }
}

#[test]
fn bars_and_a_recording_are_drawn_in_ascii() {
    let (tmux, file) = terminal("ascii-bars", OTHERS[1]);
    tmux.start("demo --plain --scenario tests/scenarios/steered.toml");
    tmux.shows(&["=>", "done"]);
    tmux.shows(&["OK no limit was exceeded", "LEFT 0"]);
    tmux.line("clear");
    tmux.start("watch --replay tests/recordings/demo.jsonl");
    tmux.shows(&["REPLAY", "> 1x", "analytics"]);
    tmux.text(" ");
    tmux.shows(&["| 1x"]);
    tmux.text("q");
    tmux.shows(&["LEFT 0"]);
    only_ascii("bars and a recording", &file);
}

#[test]
fn a_tmux_of_latin_1_shows_every_line_and_sign() {
    // It shows each character that is not of its client's locale as `_`.
    let (tmux, file) = terminal("latin-1-tmux", OTHERS[2]);
    let socket = format!("leasehold-test-latin-1-{}", std::process::id());
    let within = format!("env -u TMUX tmux -L {socket} -f /dev/null new-session");
    let watch = format!("{} watch --replay tests/recordings/demo.jsonl", env!("CARGO_BIN_EXE_leasehold"));
    tmux.line(&format!("{within} '{watch}'; echo LEFT $?"));
    tmux.shows(&[
        "REPLAY",
        "> 1x",
        "+ >Pools 2 ---",
        "---++ Slots of",
        "- limit  # held  ! over",
        ". analytics  0/15 .....",
    ]);
    tmux.text("q");
    tmux.shows(&["LEFT 0"]);
    only_ascii("a tmux of Latin-1", &file);
}

#[test]
fn a_terminal_of_unicode_is_drawn_lines() {
    let (tmux, file) = terminal("unicode", &[]);
    tmux.start("watch --replay tests/recordings/demo.jsonl");
    tmux.shows(&["REPLAY", "▶ 1x", "╭"]);
    tmux.text("q");
    tmux.shows(&["LEFT 0"]);
    let bytes = std::fs::read(&file).expect("what was written");
    assert!(String::from_utf8_lossy(&bytes).contains('╭'), "its bytes are kept, so that others would be seen");
    std::fs::remove_file(file).expect("removed");
}

/// A pool whose holder, waiter, label and override have such names.
async fn pool_of_others(name: &str) -> String {
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "1"]);
    let (pool, runner): (PoolName, _) = ("p".parse().expect("a prefix"), Runner::new(table(name)));
    let token = TaskToken::new("AAAAKgAAAAIAAAAAAAAAAV-a-token").expect("a token");
    for (who, mode) in [("one", Mode::Poll), ("two", Mode::Queue(Some(token)))] {
        let holder = Holder::new(&format!("{who}-{NAME}"), NAME, None).expect("a holder");
        let label = Some(Arc::from(NAME));
        let request = AcquireRequest { holder, attempt: None, mode, lease: None, wait: None, label };
        runner.run_on(&pool, request).await.expect("the pool");
    }
    let limit = Limit::try_from(2).expect("a limit");
    let set = SetLimit { limit, who: NAME.into(), why: NAME.into(), lasts: None, expected: ExpectedOverride::Any };
    runner.administer(&pool, set).await.expect("an override");
    local_aws::document(name, &["leases", "p"])["leases"][0]["lease_id"].as_str().expect("a lease").to_owned()
}

fn within(locale: &[(&str, &str)], mut command: Command) -> Command {
    command.env_remove("LC_ALL").env_remove("LC_CTYPE").env_remove("LANG").envs(locale.iter().copied());
    command
}

#[tokio::test]
async fn every_command_tells_ascii_and_json_the_same() {
    let name = "ascii";
    let lease = pool_of_others(name).await;
    let in_unicode = local_aws::document(name, &["leases", "p"]);
    for locale in OTHERS {
        for command in [
            &["leases", "p"][..],
            &["pools"],
            &["pool", "show", "p"],
            &["pool", "history", "p"],
            &["doctor", "p"],
            &["pool", "set", "p", "--limit", "1", "--lease", "4m", "--yes"],
            &["pool", "override", "p", "--limit", "2", "--reason", NAME, "--who", NAME, "--yes"],
            &["sweep", "p"],
            &["leases", NAME],
            &["release", NAME],
            &["leases", "p", "--endpoint-url", NAME],
            &["man", "/dev/null/größe"],
        ] {
            for output in ["text", "json"] {
                let mut command = command.to_vec();
                if command[0] != "man" {
                    command.extend(["--output", output]);
                }
                let ended = run(within(locale, on(name)), &command);
                assert!(ended.told.is_ascii() && ended.wrong.is_ascii(), "{command:?} under {locale:?}: {ended:?}");
                assert!(!(ended.told + &ended.wrong).is_empty(), "{command:?} says something");
            }
        }
    }
    let ended = run(within(OTHERS[1], on(name)), &["leases", "p"]);
    assert!(ended.told.contains("gr\\u{f6}\\u{df}e-\\u{6f22}"), "{ended:?}");
    let ended = run(within(OTHERS[1], on(name)), &["leases", "p", "--output", "json"]);
    let in_ascii: serde_json::Value = serde_json::from_str(&ended.told).expect("JSON");
    assert_eq!(in_ascii["leases"][0]["holder"], in_unicode["leases"][0]["holder"]);
    assert_eq!(in_ascii["leases"][0]["label"], NAME);
    // What it asks, on a terminal.
    let (tmux, file) = terminal("ascii-asked", OTHERS[1]);
    let command = on(name);
    for (variable, value) in command.get_envs().filter_map(|(name, value)| Some((name.to_str()?, value?.to_str()?))) {
        if variable != "LC_ALL" {
            tmux.line(&format!("export {variable}='{value}'"));
        }
    }
    tmux.line("clear");
    tmux.start(&format!("release {lease}"));
    tmux.shows(&["gr\\u{f6}", "to go on:"]);
    tmux.line("no");
    tmux.shows(&["LEFT 1"]);
    only_ascii("a question", &file);
}

#[tokio::test]
async fn columns_stay_in_line_under_names_of_any_script() {
    let name = "in-line";
    pool_of_others(name).await;
    let (pool, runner): (PoolName, _) = ("p".parse().expect("a prefix"), Runner::new(table(name)));
    let names = ["plain", "漢字漢字", "e\u{301}e\u{301}", "שלום עולם", "\u{1f469}\u{200d}\u{1f4bb}"];
    told(name, &["pool", "override", "p", "--limit", "9", "--reason", "more", "--yes"]);
    for of in names {
        let holder = Holder::new(of, "", None).expect("a holder");
        let label = Some(Arc::from("NOTED"));
        let request = AcquireRequest { holder, attempt: None, mode: Mode::Poll, lease: None, wait: None, label };
        runner.run_on(&pool, request).await.expect("a slot");
    }
    let mut command = on(name);
    command.env("LC_ALL", "C.UTF-8");
    let ended = run(command, &["leases", "p"]);
    let places: Vec<usize> = ended
        .told
        .lines()
        .filter_map(|line| line.split_once("NOTED"))
        .map(|(before, _)| leasehold_tui::watch::text::width(before))
        .collect();
    assert!(places.len() == names.len() && places.iter().all(|place| *place == places[0]), "{places:?}: {ended:?}");
    assert!(ended.told.contains("\u{200e}שלום עולם\u{200e}"), "what is read from the right is held in its place");
    // The terminal itself agrees where the columns are.
    let tmux = Tmux::shell(SIZE, &[]);
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("in-line-{}.txt", std::process::id()));
    let lines = ended.told.lines().filter(|line| line.contains("NOTED") && !line.contains('\u{200d}'));
    for (number, line) in lines.enumerate() {
        // Numbered, as the one before may still be on the screen.
        let end = format!("NOTED-{number}");
        std::fs::write(&file, line.replace("NOTED", &end)).expect("written");
        tmux.line(&format!("clear; cat {}; read", file.display()));
        let column = places[0] + end.len();
        tmux.until(&format!("{line:?} ending in column {column}"), |screen| {
            screen.contains(&end) && tmux.column() == column
        });
        tmux.key("Enter");
    }
    std::fs::remove_file(file).expect("removed");
}
