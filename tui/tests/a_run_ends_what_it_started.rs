//! `leasehold run` and what its command started: whatever becomes of the run, all of it has ended before another may run; and
//! what is left in the background keeps the lease. Real processes, killed and stopped.
#![cfg(target_os = "linux")] // It looks at processes in /proc.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod local_aws;
mod runs;

use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use local_aws::{document, on, told};
use runs::{Run, gone, held, kill, pool, state, until};

/// A command that cannot be ended by TERM, with children of every kind: in the background, orphaned, in a session of its own.
/// It tells their numbers.
const FAMILY: &str = "trap '' TERM; sleep 777 & a=$!; (sleep 778 & echo $! >&3) 3>&1 | read b; \
    setsid sh -c 'trap \"\" TERM; echo $$ >&3; sleep 779; true' 3>&1 >/dev/null & c=$!; echo $a; while :; do sleep 0.1; done";

/// The processes below this one, as /proc has them.
fn below(process: u32) -> Vec<String> {
    let mut found = Vec::new();
    let mut above = vec![process.to_string()];
    while let Some(parent) = above.pop() {
        for entry in std::fs::read_dir("/proc").expect("processes").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let stat = std::fs::read_to_string(format!("/proc/{name}/stat")).unwrap_or_default();
            let fields = stat.rsplit_once(") ").map(|(_, rest)| rest.split(' ').collect::<Vec<_>>());
            if fields.is_some_and(|fields| fields[0] != "Z" && fields[1] == parent) {
                found.push(name.clone());
                above.push(name);
            }
        }
    }
    found
}

/// Its guardian: its only child.
fn guardian(run: &Run) -> String {
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", run.child.id())).expect("children");
    children.split(' ').next().expect("a child").to_owned()
}

/// What a process used of the processors, in hundredths of a second.
fn processor_time(process: &str) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("a process");
    let fields: Vec<u64> =
        stat.rsplit_once(") ").expect("fields").1.split(' ').skip(11).take(2).flat_map(str::parse).collect();
    fields.iter().sum()
}

/// When a lease may be another's at the earliest, by this machine's clock, which is the table's here to a second.
fn lapses_at(table: &str) -> u128 {
    document(table, &["leases", "p"])["leases"][0]["lapses_at_ms"].as_u64().expect("a time").into()
}

fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_millis()
}

/// A run whose command has the whole family.
fn family(table: &str) -> (Run, Vec<String>) {
    let mut run = Run::start(table, &["--kill-after", "500ms"], FAMILY);
    run.line();
    let own = run.child.id();
    let mut all = Vec::new();
    until("all of them run", || {
        all = below(own);
        // The guardian, the shell, the three, and who waits for them.
        all.len() >= 6
    });
    (run, all)
}

#[test]
fn a_killed_runs_command_ends_before_another_may_run() {
    let table = "killed-run";
    pool(table, &["--limit", "1", "--lease", "6s", "--grace", "3s"]);
    // A shell that waits for its child, in a session of its own.
    let mut command = Command::new("setsid");
    let binary = on(table);
    command.arg(binary.get_program());
    command.envs(binary.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))));
    let script = "echo $$; sleep 777; true";
    let mut run = Run::leading(command, &["run", "--prefix", "p", "--", "sh", "-c", script]);
    let shell = run.line();
    let mut all = Vec::new();
    until("its child runs", || {
        all = below(run.child.id());
        all.len() >= 3 && all.contains(&shell)
    });
    let lapses = lapses_at(table);
    run.signal("KILL");
    until("everything has ended", || all.iter().all(|process| gone(process)));
    assert!(now() < lapses, "another may have run by then");
}

#[test]
fn whatever_a_killed_run_started_ends_in_time() {
    let table = "family";
    pool(table, &["--limit", "1", "--lease", "8s", "--grace", "2s"]);
    let (run, all) = family(table);
    let lapses = lapses_at(table);
    run.signal("KILL");
    until("everything has ended", || all.iter().all(|process| gone(process)));
    assert!(now() < lapses, "another may have run by then");
}

#[test]
fn whatever_a_stopped_run_started_ends_in_time() {
    let table = "stopped-run";
    pool(table, &["--limit", "1", "--lease", "5s", "--grace", "2s"]);
    let (run, all) = family(table);
    run.signal("STOP");
    // From here on nobody renews it.
    let lapses = lapses_at(table);
    let own: Vec<&String> = all.iter().filter(|process| **process != guardian(&run)).collect();
    until("everything has ended", || own.iter().all(|process| gone(process)));
    assert!(now() < lapses, "another may have run by then");
    // Its guardian has nothing left to do, and waits for it without work of its own.
    until("the guardian looks at no process any more", || {
        let used = || processor_time(&guardian(&run));
        let before = used();
        std::thread::sleep(Duration::from_secs(1));
        used() - before <= 2
    });
    run.signal("CONT");
    let (status, _, wrong) = run.end();
    assert_eq!(status, Some(123), "{wrong}");
    assert!(wrong.contains("it was not renewed in time"), "{wrong}");
}

#[test]
fn a_lost_lease_ends_the_whole_family() {
    let table = "lost-family";
    pool(table, &["--limit", "1", "--lease", "3s"]);
    let (run, all) = family(table);
    told(table, &["release", "p:0:1", "--yes"]);
    let (status, _, wrong) = run.end();
    assert_eq!(status, Some(123), "{wrong}");
    assert!(all.iter().all(|process| gone(process)), "when it says so, they have ended");
}

#[test]
fn without_its_guardian_a_command_does_not_go_on() {
    let table = "guardian";
    pool(table, &["--limit", "1"]);
    let (run, all) = family(table);
    kill("KILL", &guardian(&run));
    let (status, _, wrong) = run.end();
    assert_eq!(status, Some(123), "{wrong}");
    assert!(wrong.contains("the process that guarded it for lease p:0:1 was killed"), "{wrong}");
    assert!(all.iter().all(|process| gone(process)));
    assert_eq!(held(table), 0, "and the lease is given back");
}

#[test]
fn a_stopped_guardian_is_replaced_when_it_matters() {
    let table = "stopped-guardian";
    pool(table, &["--limit", "1", "--lease", "3s"]);
    let (run, all) = family(table);
    kill("STOP", &guardian(&run));
    told(table, &["release", "p:0:1", "--yes"]);
    let (status, _, wrong) = run.end();
    assert_eq!(status, Some(123), "{wrong}");
    assert!(all.iter().all(|process| gone(process)));
}

#[test]
fn signals_for_everybody_do_not_end_the_guardian() {
    let table = "unmoved";
    pool(table, &["--limit", "1"]);
    let mut run = Run::start(table, &[], "trap 'exit 9' USR1; echo ready; while :; do sleep 0.05; done");
    run.line();
    for signal in ["INT", "TERM", "HUP", "QUIT", "TSTP", "TTIN", "USR2"] {
        kill(signal, &guardian(&run));
    }
    assert_eq!(state(&guardian(&run)), 'S');
    run.signal("USR1");
    assert_eq!(run.end().0, Some(9));
}

#[test]
fn with_a_warning_only_a_command_outlives_its_run() {
    let table = "outlives";
    pool(table, &["--limit", "1"]);
    let mut run = Run::start(table, &["--warn-on-loss"], "echo $$; exec sleep 777");
    let process = run.line();
    let guard = guardian(&run);
    run.signal("KILL");
    until("the guardian has left", || gone(&guard));
    assert!(!gone(&process));
    kill("KILL", &process);
}

#[test]
fn what_goes_on_in_the_background_keeps_the_lease() {
    let table = "background";
    pool(table, &["--limit", "1"]);
    // It reads what the run is typed: it is still there when the command is not.
    let script = "exec 3<&0; (read line <&3; exit 3) & echo started; exit 5";
    let mut run = Run::start(table, &[], script);
    assert_eq!(run.line(), "started");
    let wrong = run.wrong("--wait-for cmd");
    assert!(wrong.contains("the command has ended and 1 process that it started still runs"), "{wrong}");
    assert_eq!(held(table), 1);
    let (status, _, wrong) = run.end();
    assert_eq!((status, &*wrong), (Some(5), ""), "the status is the command's");
    assert_eq!(held(table), 0);
}

#[test]
fn a_signal_ends_what_goes_on_in_the_background() {
    let table = "background-signal";
    pool(table, &["--limit", "1"]);
    // Of INT a shell's child in the background would hear nothing.
    for signal in ["INT", "TERM"] {
        let mut run = Run::start(table, &[], "sleep 777 & echo $!");
        let child = run.line();
        run.wrong("the command has ended");
        run.signal(signal);
        assert_eq!(run.end().0, Some(0), "{signal}");
        assert!(gone(&child));
    }
}

#[test]
fn a_daemon_is_not_waited_for_and_left_alone() {
    let table = "daemon";
    pool(table, &["--limit", "1"]);
    let mut run = Run::start(table, &[], "setsid sleep 777 </dev/null >/dev/null 2>&1 & echo $!; sleep 0.2; exit 4");
    let daemon = run.line();
    assert_eq!(run.end().0, Some(4));
    assert!(!gone(&daemon));
    assert_eq!(held(table), 0);
    kill("KILL", &daemon);
}

#[test]
fn with_wait_for_cmd_the_lease_ends_with_the_command() {
    let table = "wait-for-cmd";
    pool(table, &["--limit", "1"]);
    let mut run = Run::start(table, &["--wait-for", "cmd"], "sleep 777 </dev/null >/dev/null 2>&1 & echo $!; exit 6");
    let child = run.line();
    assert_eq!(run.end().0, Some(6));
    assert_eq!((held(table), gone(&child)), (serde_json::json!(0), false));
    kill("KILL", &child);
}

#[test]
fn a_network_that_breaks_ends_the_command_before_the_lease() {
    let table = "unreachable";
    pool(table, &["--limit", "1", "--lease", "6s", "--grace", "2s"]);
    let relay = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = relay.local_addr().expect("an address").port();
    let there = local_aws::endpoint().trim_start_matches("http://").to_owned();
    let cut = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let broken = std::sync::Arc::clone(&cut);
    std::thread::spawn(move || relayed(&relay, &there, &broken));
    let mut command = on(table);
    command.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"));
    let script = "trap 'echo told; exit 1' TERM; echo $$; while :; do sleep 0.05; done";
    let mut run = Run::of(command, &["run", "--prefix", "p", "--", "sh", "-c", script]);
    let process = run.line();
    cut.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(run.line(), "told", "TERM comes first");
    until("the command has ended", || gone(&process));
    let expires = document(table, &["leases", "p"])["leases"][0]["expires_at_ms"].as_u64().expect("a time");
    assert!(now() < u128::from(expires) + 1_000, "by the end of the lease");
    drop(run);
}

/// Passes everything on until it is broken.
fn relayed(relay: &std::net::TcpListener, there: &str, broken: &std::sync::Arc<std::sync::atomic::AtomicBool>) {
    for here in relay.incoming().flatten() {
        let Ok(away) = std::net::TcpStream::connect(there) else { return };
        for (mut from, mut to) in [
            (here.try_clone().expect("a socket"), away.try_clone().expect("a socket")),
            (away.try_clone().expect("a socket"), here.try_clone().expect("a socket")),
        ] {
            let broken = std::sync::Arc::clone(broken);
            std::thread::spawn(move || {
                let mut bytes = [0; 16_384];
                while let Ok(count) = std::io::Read::read(&mut from, &mut bytes) {
                    if count == 0 || broken.load(std::sync::atomic::Ordering::SeqCst) {
                        break;
                    }
                    let _ = std::io::Write::write_all(&mut to, &bytes[..count]);
                }
                let _ = to.shutdown(std::net::Shutdown::Both);
            });
        }
    }
}

#[test]
fn no_control_group_is_left_behind() {
    let table = "control-group";
    pool(table, &["--limit", "1"]);
    let groups = |guardian: &str| {
        let mut find = Command::new("find");
        find.args(["/sys/fs/cgroup", "-maxdepth", "4", "-name", &format!("leasehold-run-{guardian}")]);
        let found = find.stderr(Stdio::null()).output().expect("find");
        String::from_utf8_lossy(&found.stdout).into_owned()
    };
    let mut run = Run::start(table, &[], "echo ready; read line");
    assert_eq!(run.line(), "ready");
    let (own, made) = (guardian(&run), groups(&guardian(&run)));
    assert_eq!(run.end().0, Some(1));
    // Where none can be made there was none before.
    assert_eq!(groups(&own), "", "made: {made:?}");
    // A killed guardian leaves one behind. The next run removes it.
    let mut run = Run::start(table, &[], "echo ready; read line");
    assert_eq!(run.line(), "ready");
    let killed = guardian(&run);
    kill("KILL", &killed);
    run.end();
    assert_eq!(Run::start(table, &[], "true").end().0, Some(0));
    // Or the run of another test, which had begun to.
    until("the killed guardian's is gone", || groups(&killed).is_empty());
}
