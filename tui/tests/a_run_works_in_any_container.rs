//! `leasehold run` in a container into which somebody of outside has put it (nsenter, agents of CI): its process group and its
//! session have no number there. The real binary in a namespace of process numbers of its own, with a terminal and without.
#![cfg(target_os = "linux")] // There are no such namespaces elsewhere.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod local_aws;
mod runs;
mod tmux;

use std::process::Command;

use local_aws::on;
use runs::{held, pool, until};
use tmux::Tmux;

const BINARY: &str = env!("CARGO_BIN_EXE_leasehold");

/// What puts a command into such a container: its first process stays outside, in whose session all are.
const INSIDE: [&str; 6] = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"];

/// Whether namespaces can be made here; said where not, as on machines that forbid it to all but root.
fn containers() -> bool {
    let tried = Command::new(INSIDE[0]).args(&INSIDE[1..]).arg("true").output();
    let made = tried.is_ok_and(|tried| tried.status.success());
    if !made {
        println!("this machine allows no namespaces (`{} true` fails): nothing was tried", INSIDE.join(" "));
    }
    made
}

fn outcome(table: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(INSIDE[0]);
    command.args(&INSIDE[1..]).arg(BINARY);
    command.envs(on(table).get_envs().filter_map(|(name, value)| Some((name, value?))));
    let done = command.args(["run", "--prefix", "p", "--wait", "60s"]).args(arguments).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (done.status.code(), text(&done.stdout), text(&done.stderr))
}

#[test]
fn a_command_runs_and_what_it_leaves_keeps_the_lease() {
    if !containers() {
        return;
    }
    let table = "run-in-a-container";
    pool(table, &["--limit", "1"]);
    let command = "(sleep 0.5; echo later) & echo now; cut -d' ' -f6 /proc/self/stat";
    // The session has no number, and what was left in the background was waited for.
    assert_eq!(outcome(table, &["--", "sh", "-c", command]), (Some(0), "now\n0\nlater\n".into(), String::new()));
    until("the lease is given back", || held(table) == 0);
    let (status, told, _) = outcome(table, &["--", "sh", "-c", "exit 7"]);
    assert_eq!((status, told), (Some(7), String::new()));
}

#[test]
fn a_command_reads_from_its_terminal() {
    if !containers() {
        return;
    }
    let table = "terminal-in-a-container";
    pool(table, &["--limit", "1"]);
    let command = on(table);
    let variables: Vec<_> =
        command.get_envs().filter_map(|(name, value)| Some((name.to_str()?, value?.to_str()?))).collect();
    let tmux = Tmux::shell((100, 24), &variables);
    tmux.line(&format!("lh() {{ {} {BINARY} \"$@\"; }}; clear", INSIDE.join(" ")));
    tmux.until("a clear screen", |screen| screen.trim() == "shell>");
    tmux.line("lh run --prefix p -- sh -c 'read l; echo \"<$l>\"; exec sleep 777'");
    until("it holds a lease", || held(table) == 1);
    tmux.line("one");
    tmux.shows(&["<one>"]);
    tmux.key("C-c");
    until("the lease is given back", || held(table) == 0);
    // The dashboard, too, takes the terminal.
    tmux.line("lh watch");
    tmux.shows(&["Pools", "quit"]);
    tmux.key("q");
    tmux.until("the prompt", |screen| screen.trim_end().ends_with("shell>"));
    tmux.line("echo LEFT $?");
    tmux.shows(&["LEFT 0"]);
}
