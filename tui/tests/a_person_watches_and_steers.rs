//! The real binary on a real terminal: what a person types, and what is then on the screen.

#![allow(clippy::expect_used, reason = "a test that cannot go on says why")]

mod tmux;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use leasehold_core::{
    AcquireRequest, Author, ExpectedOverride, ExpectedSettings, Holder, Limit, Mode, PoolName, PoolPatch, SetLimit,
    SetPool, Snapshot, StatusRequest, SweepRequest,
};
use leasehold_store::{Runner, Table};
use leasehold_testkit::LocalAws;
use tmux::Tmux;

const WIDE: (u16, u16) = (120, 40);
const USUAL: (u16, u16) = (80, 24);

#[test]
fn the_demo_is_watched_steered_and_reported() {
    let tmux = Tmux::shell(WIDE, &[]);
    tmux.start("demo --scenario tests/scenarios/steered.toml");
    tmux.shows(&["DEMO", "Pools 2", "4/4", "2/2", "■ 2 full"]);

    tmux.text("k");
    tmux.shows(&["died holding"]);

    tmux.text("+");
    tmux.shows(&["5 held", "limit 4 is now 5", "± limit by leasehold demo: by hand"]);

    tmux.text("/bat");
    tmux.shows(&["/bat", "Pools 1 of 2", "Slots of batch"]);
    tmux.key("Enter");
    tmux.key("Escape");
    tmux.shows(&["Pools 2"]);

    // Into the pool, to its second slot, and everything about the lease on it.
    tmux.key("Enter");
    tmux.key("Down");
    tmux.key("Enter");
    tmux.shows(&["Slot 1 of batch", "esc closes"]);
    tmux.key("Escape");
    tmux.until("no details", |screen| !screen.contains("esc closes"));

    tmux.resize(USUAL);
    tmux.until("tabs", |screen| screen.contains(" Pools   Slots   Queue   History   Log "));
    tmux.resize((60, 15));
    tmux.until("a smaller screen", |screen| screen.lines().all(|line| line.chars().count() <= 60));
    tmux.resize(WIDE);
    tmux.shows(&["All work is done"]);

    tmux.text("q");
    tmux.shows(&["leasehold demo", "no limit was exceeded, no item was lost", "LEFT 0"]);
    let screen = tmux.screen();
    assert!(!screen.contains('─'), "a bar of the progress stays above the report:\n{screen}");
    assert_eq!(tmux.modes(), "0 1");
}

#[test]
fn keys_pressed_in_a_row_change_a_limit_in_that_order() {
    let tmux = Tmux::shell(WIDE, &[]);
    tmux.start("demo --scenario tests/scenarios/steered.toml");
    tmux.shows(&["DEMO", "4/4"]);
    tmux.key("Down");
    tmux.key("Up");
    // More often than there are slots: 0 is the least.
    tmux.text("------");
    tmux.shows(&["0/0", "nobody is let in any more from"]);
    tmux.text("++++");
    tmux.shows(&["4/4", "± limit by leasehold demo: by hand"]);
    tmux.text("q");
    tmux.shows(&["no limit was exceeded, no item was lost", "LEFT 0"]);
}

#[test]
fn whoever_leaves_the_demo_early_still_gets_the_report() {
    let tmux = Tmux::shell(WIDE, &[]);
    tmux.start("demo --scenario tests/scenarios/quick.toml");
    tmux.shows(&["DEMO"]);
    tmux.text("q");
    tmux.shows(&["no limit was exceeded, no item was lost", "LEFT 0"]);
}

#[test]
fn ctrl_c_stops_the_demo_and_its_leases_are_given_back() {
    let tmux = Tmux::shell(WIDE, &[]);
    tmux.start("demo --scenario tests/scenarios/steered.toml");
    tmux.shows(&["DEMO", "4/4"]);
    tmux.key("C-c");
    tmux.shows(&["stopped by ctrl-C; its leases are given back", "LEFT 130"]);
    assert_eq!(tmux.modes(), "0 1");
}

#[test]
fn a_signal_stops_the_demo_and_its_leases_are_given_back() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("demo-pid-{}", std::process::id()));
    let tmux = Tmux::shell(WIDE, &[]);
    let demo = format!("{} demo --scenario tests/scenarios/steered.toml", env!("CARGO_BIN_EXE_leasehold"));
    for (signal, status) in [("INT", 130), ("TERM", 143), ("QUIT", 131)] {
        tmux.line(&format!("clear; sh -c 'echo $$ > {}; exec {demo}'; echo LEFT $?", file.display()));
        tmux.shows(&["DEMO", "4/4"]);
        let pid = std::fs::read_to_string(&file).expect("the shell wrote it");
        let sent = Command::new("kill").args([&format!("-{signal}"), pid.trim()]).status().expect("kill");
        assert!(sent.success());
        tmux.shows(&["its leases are given back", &format!("LEFT {status}")]);
        assert_eq!(tmux.modes(), "0 1", "{signal}");
    }
    std::fs::remove_file(file).expect("removed");
}

#[test]
fn a_recording_is_played_stopped_and_searched() {
    let tmux = Tmux::shell(WIDE, &[]);
    tmux.start("watch --replay tests/recordings/demo.jsonl");
    tmux.shows(&["REPLAY", "▶ 1x", "analytics", "batch"]);
    tmux.text(" ");
    tmux.shows(&["‖ 1x"]);
    tmux.text(">>");
    tmux.shows(&["‖ 4x"]);
    tmux.text("0");
    tmux.shows(&["‖ 4x 0:00"]);
    tmux.text("]");
    tmux.shows(&["‖ 4x 0:10", "analytics", "granted"]);
    tmux.text("[");
    tmux.shows(&["‖ 4x 0:00"]);
    tmux.text(" ");
    tmux.until("its end, standing still", |screen| {
        let line = screen.lines().nth(1).unwrap_or_default();
        let times: Vec<&str> = line.split_whitespace().rev().take(3).collect();
        line.contains("‖ 4x") && times.first() == times.last()
    });
    tmux.text("q");
    tmux.shows(&["LEFT 0"]);
}

#[test]
fn a_demo_on_a_file_is_watched_from_another_terminal() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("watched-{}.db", std::process::id()));
    let name = file.to_str().expect("a path of text");
    let tmux = Tmux::shell(WIDE, &[]);
    tmux.start(&format!("watch --store {name}"));
    tmux.shows(&["cannot be read", "LEFT 2"]);
    assert!(!file.exists(), "who only looks makes no file");
    let mut demo = Command::new(env!("CARGO_BIN_EXE_leasehold"));
    demo.args(["demo", "tests/scenarios/steered.toml", "--store", name]).current_dir(env!("CARGO_MANIFEST_DIR"));
    let mut demo = demo.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary runs");
    tmux.until("the file", |_| file.exists());
    tmux.line("clear");
    tmux.start(&format!("watch --store {name} --every 0.2"));
    tmux.shows(&["READ-ONLY", "analytics", "full", "granted"]);
    tmux.text("?");
    assert!(!tmux.shows(&["this help"]).contains("by force"), "nothing can be changed");
    tmux.key("Escape");
    // A key that came right after it would be read as one with it.
    tmux.until("no help", |screen| !screen.contains("this help"));
    tmux.text("q");
    tmux.shows(&["LEFT 0"]);
    assert!(demo.wait().expect("its end").success(), "who looks disturbs nobody");
    std::fs::remove_file(file).expect("removed");
}

#[test]
fn what_is_no_recording_is_refused_in_words() {
    let tmux = Tmux::shell(WIDE, &[]);
    tmux.start("watch --replay tests/scenarios/quick.toml");
    tmux.shows(&["not a trace", "LEFT 2"]);
}

#[test]
fn what_is_wrong_with_a_recording_is_told_in_words() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = |name: &str| folder.join(format!("{name}-{}.jsonl", std::process::id())).display().to_string();
    let whole = include_str!("recordings/demo.jsonl");
    let mut lines: Vec<&str> = whole.lines().collect();
    let (alone, damaged) = (file("alone"), file("damaged"));
    std::fs::write(&alone, format!("{}\n", lines[0])).expect("written");
    lines[2] = "{\"at_ms\": oops}";
    std::fs::write(&damaged, lines.join("\n") + "\n").expect("written");

    let tmux = Tmux::shell(WIDE, &[]);
    tmux.start(&format!("watch --replay {alone}"));
    tmux.shows(&["holds no look at any pool", "LEFT 2"]);
    tmux.line("clear");
    tmux.start(&format!("watch --replay {damaged}"));
    tmux.shows(&["REPLAY", "line 3 makes no sense and is left out"]);
    tmux.text("q");
    tmux.shows(&["damaged-", "line 3 makes no sense and is left out", "LEFT 0"]);
    for file in [alone, damaged] {
        std::fs::remove_file(file).expect("removed");
    }
}

/// A table with a full pool of 3 that one more waits for, and an idle one.
async fn busy(table: &Table) {
    let runner = Runner::new(table.clone());
    for (name, limit) in [("analytics", 3), ("batch", 5)] {
        let patch = PoolPatch { limit: Some(Limit::try_from(limit).expect("a limit")), ..PoolPatch::default() };
        let made = runner
            .administer(
                &prefix(name),
                SetPool { patch, by: Author::new("ann", "a test"), expected: ExpectedSettings::Any },
            )
            .await;
        made.expect("a pool");
    }
    for number in 0..4 {
        let execution = format!("arn:aws:states:us-east-1:000000000000:execution:nightly:run-{number}");
        let holder = Holder::new(&execution, "", None).expect("a holder");
        let ask =
            AcquireRequest { holder, attempt: None, mode: Mode::Queue(None), lease: None, wait: None, label: None };
        runner.run_on(&prefix("analytics"), ask).await.expect("an answer");
    }
    runner.run_on(&prefix("batch"), SweepRequest).await.expect("a sweep");
}

fn prefix(name: &str) -> PoolName {
    name.parse().expect("a prefix")
}

async fn seen(table: &Table) -> Snapshot {
    Runner::new(table.clone()).run_on(&prefix("analytics"), StatusRequest).await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_is_watched_and_changed_by_hand() {
    let aws = LocalAws::start();
    let table = aws.table("watched-leases").await;
    busy(&table).await;
    let endpoint = aws.endpoint();
    let variables = [
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", &endpoint),
    ];
    let tmux = Tmux::shell(WIDE, &variables);
    let watch = "watch --table watched-leases --every 0.3";
    tmux.start(watch);
    tmux.shows(&["watched-leases", "us-east-1", "Pools 2", "3/3 ███", "0/5 ░░░", "● live", "1 waiting"]);

    // Another limit, with a reason, and only after the pool's name.
    tmux.text("+");
    tmux.shows(&["Override the limit of analytics", "New limit", "Reason", "For", "Confirm"]);
    tmux.key("Enter");
    tmux.line("month end");
    tmux.key("Enter");
    tmux.line("analytic");
    tmux.shows(&["! type analytics to confirm"]);
    tmux.line("s");
    tmux.shows(&["the limit of analytics is 4 now, it was 3", "4/4"]);
    assert_eq!(seen(&table).await.limit.count(), 4);

    // A slot is freed by force.
    tmux.key("Enter");
    tmux.shows(&["Slots of analytics", "4 of 4 held"]);
    tmux.text("x");
    tmux.shows(&["Free slot 0 of analytics by force", "Its holder is not told"]);
    tmux.line("analytics");
    tmux.shows(&["slot 0 of analytics was taken from its holder", "3/4"]);
    assert!(seen(&table).await.slots[0].held.is_none());

    // To the shell and back.
    tmux.key("C-z");
    tmux.until("the shell", |screen| screen.contains("shell>") && screen.contains("watch --table"));
    assert_eq!(tmux.modes(), "0 1");
    tmux.line("fg");
    tmux.shows(&["Pools 2", "3/4"]);
    assert_eq!(tmux.modes(), "1 0");

    // Somebody else changes the limit while the form is open, and the person at the keys is asked again.
    tmux.text("-");
    tmux.shows(&["Override the limit of analytics", "The limit is 4, by an override of"]);
    let (who, why) = ("bob@desk".into(), "the partner is slow".into());
    let five = Limit::try_from(5).expect("a limit");
    let by_bob = SetLimit { limit: five, who, why, lasts: None, expected: ExpectedOverride::Any };
    Runner::new(table.clone()).administer(&prefix("analytics"), by_bob).await.expect("changed");
    tmux.shows(&["the limit was changed meanwhile by bob@desk: it is 5 now"]);
    tmux.key("Escape");
    // Typed at once, the two would be one key.
    tmux.shows(&["nothing was changed"]);
    tmux.text("e");
    tmux.shows(&["End the override of analytics", "by an override of bob@desk: the partner is slow."]);
    tmux.key("Enter");
    tmux.line("analytics");
    tmux.shows(&["the override of analytics is ended: the limit is 3 again, it was 5", "closed until "]);
    tmux.text("H");
    tmux.shows(&["History of analytics", "override ended 5 -> 3", "limit overridden 4 -> 5 (the partner is slow)"]);
    tmux.key("Escape");

    // Signals give the terminal back.
    for (signal, status) in [("TERM", 143), ("HUP", 129), ("QUIT", 131), ("INT", 130)] {
        tmux.key("C-z");
        tmux.until("the shell", |screen| screen.contains("shell>") && !screen.contains("Pools 2"));
        tmux.line(&format!("clear; kill -{signal} %1; fg; echo LEFT $?"));
        tmux.shows(&[&format!("LEFT {status}")]);
        assert_eq!(tmux.modes(), "0 1");
        tmux.line("clear");
        tmux.start(watch);
        tmux.shows(&["Pools 2", "/3 "]);
    }
    tmux.text("q");
    tmux.shows(&["LEFT 0"]);

    // Read-only, in colours that are none.
    tmux.line("clear");
    tmux.line(&format!("NO_COLOR=1 {} {watch} --read-only; echo LEFT $?", env!("CARGO_BIN_EXE_leasehold")));
    tmux.shows(&["READ-ONLY", "Pools 2", "/3 "]);
    tmux.text("+x");
    tmux.text("?");
    assert!(!tmux.shows(&["this help"]).contains("a higher limit"));
    tmux.key("End");
    tmux.shows(&["read capacity units", "requests a minute"]);
    assert!(!tmux.coloured().contains("38;5;"), "{}", tmux.coloured());
    tmux.text("qq");
    tmux.shows(&["LEFT 0"]);

    // When the table does not answer, what was known stays, marked.
    tmux.line("clear");
    tmux.start(watch);
    tmux.shows(&["Pools 2", "/3 ", "● live"]);
    drop(aws);
    tmux.shows(&["× stale", "again in", "/3 "]);
    tmux.text("q");
    tmux.shows(&["LEFT 0"]);
}

#[test]
fn a_terminal_that_goes_away_ends_the_dashboard() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("pid-{}", std::process::id()));
    for arguments in ["watch --replay tests/recordings/demo.jsonl", "demo --scenario tests/scenarios/steered.toml"] {
        let tmux = Tmux::shell(WIDE, &[]);
        let binary = env!("CARGO_BIN_EXE_leasehold");
        tmux.line(&format!("sh -c 'echo $$ > {}; exec {binary} {arguments}'", file.display()));
        tmux.shows(&["Pools 2"]);
        let pid = std::fs::read_to_string(&file).expect("the shell wrote it");
        let process = Path::new("/proc").join(pid.trim());
        assert!(process.exists());
        drop(tmux);
        let end = Instant::now() + Duration::from_secs(60);
        while process.exists() {
            assert!(Instant::now() < end, "{arguments} goes on without a terminal");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    let _ = std::fs::remove_file(file);
}

#[test]
#[ignore = "no test of its own: the next one runs it on a terminal"]
fn takes_the_terminal_and_panics() {
    let _screen = leasehold_tui::watch::terminal::Screen::take().expect("a terminal");
    panic!("on purpose");
}

#[test]
fn a_panic_gives_the_terminal_back_before_it_says_anything() {
    let tmux = Tmux::shell(WIDE, &[]);
    let this = std::env::current_exe().expect("this program");
    let alone = "--ignored --exact --nocapture takes_the_terminal_and_panics";
    tmux.line(&format!("{} {alone}; stty -a | grep -o ' icanon'; echo LEFT $?", this.display()));
    tmux.shows(&["on purpose", " icanon", "LEFT 0"]);
    assert_eq!(tmux.modes(), "0 1");
}
