//! `leasehold run`: however many commands are started at once and however they end, no more run than the pool lets;
//! their exit status and their signals are theirs; and no command starts without a lease. Real processes on a local
//! AWS, judged by what the commands themselves wrote down.
#![cfg(target_os = "linux")] // It looks at processes in /proc.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod local_aws;
mod runs;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use local_aws::{TableAt, bare, document, on, on_a_terminal, refused, told};
use runs::{Run, gone, held, pool, state, until, waiting};
use serde_json::json;

/// Where commands write down when they run.
fn log(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}.log", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

/// A command that writes down its begin and its end: in nanoseconds, which of the two, who, and its slot.
fn noted(log: &Path, work: &str) -> String {
    let file = log.display();
    let note = |what: &str| format!("echo \"$(date +%s%N) {what} $$ $LEASEHOLD_SLOT\" >>'{file}'");
    format!("{}; {work}; {}", note("begin"), note("end"))
}

/// What was written down: when, +1 or -1, by whom, on which slot; in order.
fn notes(log: &Path) -> Vec<(u128, i32, u32, u32)> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let note = |line: &str| {
        let [at, what, who, slot] = line.split(' ').collect::<Vec<_>>().try_into().ok()?;
        let step = if what == "begin" { 1 } else { -1 };
        Some((at.parse().ok()?, step, who.parse().ok()?, slot.parse().ok()?))
    };
    let mut notes: Vec<_> = text.lines().map(|line| note(line).unwrap_or_else(|| panic!("{line:?}"))).collect();
    notes.sort();
    notes
}

/// How many ran at the same time at most.
fn peak(notes: &[(u128, i32, u32, u32)]) -> i32 {
    let mut running = 0;
    notes
        .iter()
        .map(|(_, step, ..)| {
            running += step;
            running
        })
        .max()
        .unwrap_or(0)
}

#[test]
fn a_time_that_the_pool_cuts_is_told() {
    let table = "cut";
    pool(table, &["--limit", "1", "--lease", "3s"]);
    let asked = ["--lease", "10h", "--kill-after", "2s"];
    let (status, _, wrong) = Run::start(table, &asked, "true").end();
    assert_eq!(status, Some(0), "{wrong}");
    for words in ["--lease 10h is cut to 3s", "--kill-after 2s is cut to 1s500ms"] {
        assert!(wrong.contains(words), "{wrong}");
    }
    for silent in [&["--lease", "3s", "--kill-after", "1s500ms"][..], &[&asked[..], &["--quiet"]].concat()] {
        let (status, _, wrong) = Run::start(table, silent, "true").end();
        assert_eq!((status, &*wrong), (Some(0), ""), "{silent:?}");
    }
}

#[test]
fn a_command_goes_on_though_the_leases_become_shorter() {
    let table = "shorter";
    pool(table, &["--limit", "1", "--lease", "8s"]);
    let run = Run::start(table, &["--kill-after", "4s"], "sleep 14");
    until("it holds its lease", || held(table) == 1);
    told(table, &["pool", "set", "p", "--lease", "2s", "--yes"]);
    let (status, _, wrong) = run.end();
    assert_eq!(status, Some(0), "{wrong}");
}

#[test]
fn of_ten_at_once_all_have_their_turn_within_the_limit() {
    of_ten_at_once("ten".into());
}

#[test]
#[cfg_attr(not(target_arch = "x86_64"), ignore = "DynamoDB Local of 2020 runs on x86-64")]
fn of_ten_on_dynamodb_local_all_have_their_turn() {
    of_ten_at_once(TableAt::on_dynamodb_local("ten-there"));
}

fn of_ten_at_once(table: TableAt<'_>) {
    let log = log(table.name);
    pool(table, &["--limit", "3"]);
    // Nobody goes on before three have begun: so three do run at once.
    let script =
        noted(&log, &format!("until [ $(grep -c begin '{}') -ge 3 ]; do sleep 0.05; done; sleep 0.2", log.display()));
    let runs: Vec<Run> = (0..10).map(|_| Run::start(table, &["--wait", "2m"], &script)).collect();
    for run in runs {
        let (status, told, wrong) = run.end();
        assert_eq!((status, &*told), (Some(0), ""), "{wrong}");
    }
    let notes = notes(&log);
    assert_eq!((notes.len(), peak(&notes)), (20, 3), "{notes:?}");
    assert!(notes.iter().all(|(.., slot)| *slot < 3), "{notes:?}");
    for slot in 0..3 {
        let own: Vec<_> = notes.iter().filter(|note| note.3 == slot).copied().collect();
        assert_eq!(peak(&own), 1, "two on slot {slot}: {own:?}");
    }
    assert_eq!((held(table), waiting(table)), (json!(0), 0));
}

#[test]
fn what_killed_commands_held_comes_back_and_never_too_early() {
    killed("killed".into());
}

#[test]
#[cfg_attr(not(target_arch = "x86_64"), ignore = "DynamoDB Local of 2020 runs on x86-64")]
fn what_killed_commands_held_comes_back_on_dynamodb_local() {
    killed(TableAt::on_dynamodb_local("killed-there"));
}

fn killed(table: TableAt<'_>) {
    let log = log(table.name);
    // Long enough for a busy machine to renew it in time: else its command is ended.
    pool(table, &["--limit", "3", "--lease", "9s", "--grace", "1s", "--sweep-every", "1s"]);
    let lasting = noted(&log, "sleep 100");
    let dead: Vec<Run> = (0..3).map(|_| Run::start(table, &[], &lasting)).collect();
    until("three run", || notes(&log).len() == 3);
    let script = noted(&log, "sleep 0.3");
    let runs: Vec<Run> = (0..7).map(|_| Run::start(table, &["--wait", "2m"], &script)).collect();
    until("seven wait", || waiting(table) == 7);
    // One of them dies while it waits: nobody will ever take what it is granted.
    runs[3].vanish();
    for run in &dead {
        run.vanish();
    }
    let left = document(table, &["leases", "p"]);
    assert_eq!(left["leases"].as_array().map(Vec::len), Some(3), "{left}");
    for (at, run) in runs.into_iter().enumerate() {
        let (status, _, wrong) = run.end();
        assert_eq!(status, if at == 3 { None } else { Some(0) }, "{wrong}");
    }
    // Without the three that never wrote down their end.
    let notes = &notes(&log)[3..];
    assert_eq!((notes.len(), peak(notes) <= 3), (12, true), "{notes:?}");
    for dead in left["leases"].as_array().expect("leases") {
        let lapses_at = dead["lapses_at_ms"].as_u64().expect("a time");
        let next = notes.iter().find(|note| json!(note.3) == dead["slot"]).map(|note| note.0 / 1_000_000);
        assert!(next.is_none_or(|next| next >= u128::from(lapses_at)), "{dead}: {notes:?}");
    }
}

#[test]
fn without_a_lease_manager_whoever_holds_a_lease_sweeps() {
    let table = "swept-by-a-holder";
    pool(table, &["--limit", "2", "--lease", "9s", "--grace", "1s", "--sweep-every", "1s"]);
    let summary = || document(table, &["pools"])["pools"][0].clone();
    let mut killed = Run::start(table, &[], "echo started; read line");
    killed.line();
    let mut run = Run::start(table, &[], "echo started; read line");
    run.line();
    until("what is held is told to everybody", || summary()["held"] == 2);
    killed.vanish();
    until("what the killed one held is free again, though nobody waits for it", || summary()["held"] == 1);
    assert_eq!(held(table), 1);
    assert_eq!(run.end().0, Some(1), "its input ended");
}

#[test]
fn the_exit_status_and_the_output_are_the_commands() {
    let table = "status";
    pool(table, &["--limit", "1"]);
    for (script, status) in
        [("exit 0", 0), ("exit 7", 7), ("exit 124", 124), ("kill -TERM $$", 143), ("kill -KILL $$", 137)]
    {
        let (ended, told, wrong) = Run::start(table, &[], script).end();
        assert_eq!((ended, &*told, &*wrong), (Some(status), "", ""), "{script}");
    }
    let told = Run::start(table, &["--key", "item 7"], "cat; echo err >&2; env | grep ^LEASEHOLD_ | sort").end();
    let told = (told.0, told.1.lines().map(str::to_owned).collect::<Vec<_>>(), told.2);
    let fence = 6;
    let expected = [
        format!("LEASEHOLD_FENCE={fence}"),
        format!("LEASEHOLD_LEASE_ID=p:0:{fence}"),
        "LEASEHOLD_PREFIX=p".into(),
        "LEASEHOLD_SLOT=0".into(),
        format!("LEASEHOLD_TABLE={table}"),
    ];
    assert_eq!(told, (Some(0), expected.to_vec(), "err\n".into()));
    assert_eq!(held(table), 0);
}

#[test]
fn an_empty_label_or_key_is_none() {
    let table = "empty-words";
    pool(table, &["--limit", "1"]);
    let mut run = Run::start(table, &["--key", "", "--label", ""], "echo ready; read end");
    assert_eq!(run.line(), "ready");
    let lease = &document(table, &["leases", "p"])["leases"][0];
    assert_eq!((&lease["label"], lease["holder"].get("key")), (&json!(null), None), "{lease}");
    assert_eq!(run.end().0, Some(1), "its input ended");
}

#[test]
fn people_see_who_runs_what_and_no_arguments() {
    let table = "seen";
    pool(table, &["--limit", "1"]);
    let mut run = Run::start(table, &["--key", "item-7"], "echo ready; read end # --password secret");
    assert_eq!(run.line(), "ready");
    let seen = document(table, &["leases", "p"]);
    let lease = &seen["leases"][0];
    assert_eq!((&lease["label"], &lease["holder"]["key"]), (&json!("sh"), &json!("item-7")));
    let holder = lease["holder"]["execution"].as_str().expect("a holder");
    assert!(holder.contains(&format!(":{}:", run.child.id())), "{holder}");
    assert!(!seen.to_string().contains("secret"), "{seen}");
    assert_eq!(run.end().0, Some(1));
}

#[test]
fn signals_are_the_commands() {
    let table = "signals";
    pool(table, &["--limit", "1"]);
    for (signal, status) in [("INT", 41), ("TERM", 42), ("HUP", 43), ("QUIT", 44), ("USR1", 45), ("USR2", 46)] {
        let script = format!("trap 'exit {status}' {signal}; echo ready; while :; do sleep 0.05; done");
        let mut run = Run::start(table, &[], &script);
        assert_eq!(run.line(), "ready");
        run.signal(signal);
        assert_eq!(run.end().0, Some(status), "{signal}");
    }
    assert_eq!(held(table), 0, "and the lease is given back");
}

#[test]
fn a_command_stops_and_goes_on_with_what_runs_it() {
    let table = "stopped";
    pool(table, &["--limit", "1"]);
    let mut run = Run::start(table, &[], "echo $$; read end; exit 3");
    let (command, own) = (run.line(), run.child.id().to_string());
    run.signal("TSTP");
    until("both have stopped", || state(&command) == 'T' && state(&own) == 'T');
    run.signal("CONT");
    until("both go on", || state(&command) != 'T' && state(&own) != 'T');
    assert_eq!(run.end().0, Some(3));
    assert_eq!(held(table), 0);
}

#[test]
fn one_ctrl_c_on_a_terminal_is_one_for_the_command() {
    const COUNT: &str = "import signal, time\nseen = []\nsignal.signal(signal.SIGINT, lambda *_: seen.append(1))\n\
        print('ready', flush=True)\nwhile not seen: time.sleep(0.05)\ntime.sleep(0.5)\nprint('seen', len(seen), flush=True)";
    let table = "terminal";
    pool(table, &["--limit", "1"]);
    let mut run = Run::of(on_a_terminal(table), &["run", "--prefix", "p", "--", "python3", "-c", COUNT]);
    assert_eq!(run.line(), "ready");
    run.input.as_mut().expect("a keyboard").write_all(b"\x03").expect("typed");
    let mut lines = vec![run.line(), run.line()];
    lines.retain(|line| line.contains("seen"));
    assert_eq!(lines.iter().map(|line| line.trim_start_matches("^C")).collect::<Vec<_>>(), ["seen 1"]);
}

#[test]
fn a_lease_that_is_taken_away_is_told_and_the_command_goes_on() {
    let table = "warned";
    pool(table, &["--limit", "1", "--lease", "3s"]);
    let mut run = Run::start(table, &["--warn-on-loss"], "echo $LEASEHOLD_LEASE_ID; read end; exit 5");
    let lease = run.line();
    told(table, &["release", &lease, "--yes"]);
    let wrong = run.wrong("goes on without it");
    assert!(wrong.contains(&format!("leasehold: lease {lease} is lost")), "{wrong}");
    let (status, _, wrong) = run.end();
    assert_eq!((status, &*wrong), (Some(5), ""));
}

#[test]
fn a_lease_that_is_taken_away_and_not_missed_is_told_at_the_end() {
    let table = "missed-at-the-end";
    pool(table, &["--limit", "1"]);
    let mut run = Run::start(table, &[], "echo $LEASEHOLD_LEASE_ID; read line; exit 7");
    let id = run.line();
    told(table, &["release", &id, "--yes"]);
    let (status, _, wrong) = run.end();
    assert_eq!(status, Some(7), "its status is the command's all the same");
    assert!(wrong.contains(&format!("lease {id} was lost while the command ran: another may have held it")), "{wrong}");
}

#[test]
fn a_lease_taken_away_ends_the_command_if_that_was_asked_for() {
    let table = "ended";
    pool(table, &["--limit", "1", "--lease", "3s"]);
    // It ends at TERM, and so does what it started.
    let mut run = Run::start(table, &["--kill-on-loss"], "sleep 100 & echo $LEASEHOLD_LEASE_ID $!; wait");
    let line = run.line();
    let (lease, child) = line.split_once(' ').expect("a lease and a process");
    told(table, &["release", lease, "--yes"]);
    let (status, _, wrong) = run.end();
    assert_eq!(status, Some(123), "{wrong}");
    assert!(wrong.contains("leasehold: sh was ended: its lease p:0:1 is lost"), "{wrong}");
    until("what it started has ended", || gone(child));
    // It does not: KILL.
    let script = "trap '' TERM; echo $LEASEHOLD_LEASE_ID; while :; do sleep 0.05; done";
    let mut run = Run::start(table, &["--kill-on-loss", "--kill-after", "500ms"], script);
    told(table, &["release", &run.line(), "--yes"]);
    assert_eq!(run.end().0, Some(123));
}

#[test]
fn whoever_sleeps_past_the_end_of_the_lease_has_lost_it() {
    let table = "asleep";
    pool(table, &["--limit", "1", "--lease", "5s"]);
    let mut run = Run::start(table, &["--kill-on-loss"], "echo ready; sleep 100");
    assert_eq!(run.line(), "ready");
    run.signal("STOP");
    until("the lease has expired", || document(table, &["leases", "p"])["leases"][0]["expired"] == true);
    run.signal("CONT");
    let (status, _, wrong) = run.end();
    assert_eq!(status, Some(123), "{wrong}");
    assert!(wrong.contains("it was not renewed in time"), "{wrong}");
}

#[test]
fn with_kill_on_loss_no_command_outlives_whoever_renews_it() {
    let table = "orphan";
    pool(table, &["--limit", "1"]);
    let mut run = Run::start(table, &["--kill-on-loss"], "echo $$; exec sleep 100");
    let process = run.line();
    run.signal("KILL");
    until("the command has ended", || gone(&process));
    assert_eq!(run.end().0, None);
}

#[test]
fn whoever_waits_too_long_is_told_so_and_leaves_the_queue() {
    let table = "late";
    pool(table, &["--limit", "1"]);
    let mut holder = Run::start(table, &[], "echo ready; read end");
    assert_eq!(holder.line(), "ready");
    for (wait, words) in [
        ("1s", "within 1s: it waited for 1s"),
        ("500ms", "within 500ms: it waited for 500ms"),
        ("0s", "just now: 1 of 1 are held and 0 wait"),
    ] {
        let (status, told, wrong) = Run::start(table, &["--wait", wait], "echo started").end();
        assert_eq!((status, &*told), (Some(124), ""), "{wrong}");
        assert!(wrong.contains(words) && wrong.contains("the command was not started"), "{wrong}");
        assert_eq!(waiting(table), 0);
    }
    drop(holder.input.take());
    assert_eq!(holder.end().0, Some(1));
    assert_eq!(Run::start(table, &["--wait", "0s"], "echo started").end().1, "started\n");
}

#[test]
fn who_waits_for_a_pool_that_is_retired_is_told_so() {
    let table = "retired";
    pool(table, &["--limit", "1", "--lease", "5s", "--grace", "1s"]);
    let mut holder = Run::start(table, &[], "echo ready; read end");
    assert_eq!(holder.line(), "ready");
    let mut run = Run::start(table, &[], "echo started");
    run.wrong("waiting in its queue");
    until("it waits", || waiting(table) == 1);
    let left = told(table, &["pool", "rm", "p", "--force", "--yes"]);
    assert!(left.contains("left behind: 1 held, 1 waiting") && left.contains("ends with status 125"), "{left}");
    let (status, told, wrong) = run.end();
    assert_eq!((status, &*told), (Some(125), ""), "{wrong}");
    assert!(wrong.contains("pool p does not exist in table retired"), "{wrong}");
    // Its holder cannot renew, and is ended when the lease is over.
    let input = holder.input.take();
    let (status, told, wrong) = holder.end();
    drop(input);
    assert_eq!((status, &*told), (Some(123), ""), "{wrong}");
    assert!(wrong.contains("sh was ended: its lease p:0:1 is lost: it was not renewed in time"), "{wrong}");
}

#[test]
fn ctrl_c_while_waiting_leaves_the_queue() {
    let table = "impatient";
    pool(table, &["--limit", "1"]);
    let mut holder = Run::start(table, &[], "echo ready; read end");
    assert_eq!(holder.line(), "ready");
    let mut run = Run::start(table, &[], "echo started");
    let wrong = run.wrong("pool p is full: waiting in its queue, for at most 1d");
    assert!(wrong.starts_with("leasehold: "), "{wrong}");
    assert_eq!(waiting(table), 1);
    run.signal("INT");
    let (status, told, wrong) = run.end();
    assert_eq!((status, &*told), (Some(130), ""), "{wrong}");
    assert!(wrong.contains("stopped by ctrl-C; left the queue; the command was not started"), "{wrong}");
    assert_eq!(waiting(table), 0);
}

#[test]
fn signals_that_come_together_leave_the_queue() {
    let table = "closed-terminal";
    pool(table, &["--limit", "1"]);
    let mut holder = Run::start(table, &[], "echo ready; read end");
    assert_eq!(holder.line(), "ready");
    let mut run = Run::start(table, &[], "echo started");
    run.wrong("pool p is full: waiting in its queue");
    // As a terminal that is closed sends them, and a system that shuts down.
    run.signal("TERM");
    run.signal("HUP");
    let (status, _, wrong) = run.end();
    assert!(status == Some(143) && wrong.contains("left the queue; the command was not started"), "{wrong}");
    assert_eq!(waiting(table), 0);
}

#[test]
fn the_pools_longest_wait_ends_before_a_longer_one_of_ones_own() {
    let table = "longest-wait";
    pool(table, &["--limit", "1", "--longest-wait", "1s", "--sweep-every", "1s"]);
    let mut holder = Run::start(table, &[], "echo ready; read end");
    assert_eq!(holder.line(), "ready");
    let (status, _, wrong) = Run::start(table, &["--wait", "1h"], "echo started").end();
    assert_eq!(status, Some(124), "{wrong}");
    assert!(wrong.contains("within 1s"), "{wrong}");
}

#[test]
fn without_a_lease_no_command_starts() {
    let table = "unusable";
    told(table, &["table", "create"]);
    let run = |prefix| ["run", "--prefix", prefix, "--", "sh", "-c", "echo started"];
    let wrong = refused(on(table), 125, &run("p"));
    assert!(wrong.contains("pool p does not exist in table unusable") && wrong.contains("was not started"), "{wrong}");
    let wrong = refused(on("no-such-table"), 125, &run("p"));
    assert!(wrong.contains("table no-such-table does not exist") && wrong.contains("[region"), "{wrong}");
    let mut nowhere = on(table);
    nowhere.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    assert!(refused(nowhere, 125, &run("p")).contains("Connection refused"));
    assert!(refused(bare(), 125, &run("p")).contains("no region"));
}

#[test]
fn what_the_system_refuses_before_the_command_is_told_with_125() {
    // So few files that signals cannot be caught, or no connection be made.
    for files in [10, 11, 12] {
        let mut command = bare();
        command.env("AWS_REGION", "eu-central-1").env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        let program = command.get_program().to_owned();
        let mut limited = Command::new("sh");
        let variables = command.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
        limited.envs(variables.collect::<Vec<_>>()).stdin(Stdio::null());
        limited.args(["-c", &format!("ulimit -n {files}; exec \"$0\" \"$@\"")]).arg(program);
        let wrong = refused(limited, 125, &["run", "--prefix", "p", "--", "echo", "started"]);
        assert!(wrong.starts_with("leasehold: ") && wrong.contains("the command was not started"), "{files}: {wrong}");
    }
}

#[test]
fn a_command_that_is_not_there_waits_for_nothing() {
    // Nothing can be reached, so nothing was.
    let run = |name| ["run", "--prefix", "p", "--", name];
    let wrong = refused(bare(), 127, &run("no-such-command"));
    assert!(wrong.contains("leasehold: no-such-command was not found"), "{wrong}");
    refused(bare(), 127, &run("./no-such-command"));
    let wrong = refused(bare(), 127, &run(""));
    assert!(wrong.contains("leasehold: the command is an empty word"), "{wrong}");
    let wrong = refused(bare(), 126, &run(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")));
    assert!(wrong.contains("cannot be started: permission denied"), "{wrong}");
    let wrong = refused(bare(), 126, &run(env!("CARGO_MANIFEST_DIR")));
    assert!(wrong.contains("cannot be started: is a directory"), "{wrong}");
    for arguments in [&["run", "--prefix", "p"][..], &["run", "--", "true"], &["run", "--prefix", "p", "true"]] {
        refused(bare(), 2, arguments);
    }
    let wrong = refused(bare(), 2, &["--output", "json", "run", "--prefix", "p", "--", "true"]);
    assert!(wrong.contains("standard output is the command's"), "{wrong}");
    refused(bare(), 2, &["run", "--prefix", "p", "--kill-after", "1s", "--warn-on-loss", "--", "true"]);
    refused(bare(), 2, &["run", "--prefix", "p", "--lease", "10ms", "--", "true"]);
}

#[test]
fn a_command_that_cannot_be_started_gives_its_lease_back() {
    let table = "no-program";
    pool(table, &["--limit", "1"]);
    let file = log("no-program");
    std::fs::write(&file, "#!/no/such/interpreter\n").expect("a file");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&file, mode).expect("made executable");
    for options in [&[][..], &["--kill-on-loss"]] {
        let file = file.to_str().expect("a path");
        let arguments = [&["run", "--prefix", "p"], options, &["--", file]].concat();
        let wrong = refused(on(table), 127, &arguments);
        assert!(wrong.contains("was not found, or its interpreter was not"), "{wrong}");
        assert_eq!(held(table), 0);
    }
}

#[test]
fn killed_waiters_cost_a_short_lease_each() {
    let table = "killed-waiters";
    // No sweep comes in time: neither the pool's nor one of those who wait.
    pool(table, &["--limit", "1", "--lease", "3s", "--grace", "1s", "--sweep-every", "10m"]);
    // On a busy machine a renewal may be late, and that is not what is tried here.
    let mut holder = Run::start(table, &["--warn-on-loss"], "echo holds; read line");
    assert_eq!(holder.line(), "holds");
    let mut killed: Vec<Run> = (1..=3)
        .map(|number| {
            let run = Run::start(table, &[], "echo never");
            until("it waits", || waiting(table) == number);
            run
        })
        .collect();
    let mut next = Run::start(table, &[], "echo served");
    until("the next one waits", || waiting(table) == 4);
    for run in &mut killed {
        run.signal("KILL");
    }
    let began = Instant::now();
    drop(holder.input.take());
    assert_eq!(next.line(), "served");
    // Three times the first lease and the grace, and what the looks and this machine take.
    assert!(began.elapsed() < Duration::from_secs(3 * (3 + 1) + 12), "after {:?}", began.elapsed());
}
