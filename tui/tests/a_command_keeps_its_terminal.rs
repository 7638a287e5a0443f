//! `leasehold run` on a terminal: ctrl-C, ctrl-Z, jobs, shells and the window's size are the command's, as without it. The real
//! binary, typed in a shell on a terminal of tmux.
#![cfg(target_os = "linux")] // It looks at processes in /proc.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod local_aws;
mod runs;
mod tmux;

use local_aws::on;
use runs::{gone, held, pool, state, until};
use tmux::Tmux;

const BINARY: &str = env!("CARGO_BIN_EXE_leasehold");

/// A shell on a terminal, for which `lh` is the binary on this table.
fn shell(table: &str) -> Tmux {
    pool(table, &["--limit", "1"]);
    let command = on(table);
    let variables: Vec<_> =
        command.get_envs().filter_map(|(name, value)| Some((name.to_str()?, value?.to_str()?))).collect();
    let tmux = Tmux::shell((100, 24), &variables);
    tmux.line(&format!("lh() {{ {BINARY} run --prefix p \"$@\"; }}; clear"));
    tmux.until("a clear screen", |screen| screen.trim() == "shell>");
    tmux
}

/// The number behind a word on the screen.
fn number(screen: &str, word: &str) -> String {
    let line = screen.lines().find_map(|line| line.strip_prefix(word)).expect("such a line");
    line.trim().to_owned()
}

#[test]
fn ctrl_z_stops_a_command_and_fg_lets_it_go_on() {
    let table = "ctrl-z";
    let tmux = shell(table);
    tmux.line("lh -- sh -c 'echo PID $$; while read l; do echo \"<$l>\"; done'");
    let screen = tmux.until("its number", |screen| screen.lines().any(|line| line.starts_with("PID ")));
    let process = number(&screen, "PID ");
    tmux.line("one");
    tmux.shows(&["<one>"]);
    tmux.key("C-z");
    tmux.shows(&["Stopped"]);
    assert_eq!(state(&process), 'T');
    tmux.line("fg");
    until("it goes on", || state(&process) != 'T');
    tmux.line("two");
    tmux.shows(&["<two>"]);
    tmux.key("C-d");
    until("it has ended", || gone(&process));
    tmux.line("echo LEFT $?");
    tmux.shows(&["LEFT 0"]);
    until("the lease is given back", || held(table) == 0);
}

#[test]
fn ctrl_c_ends_a_script_whose_command_it_ends() {
    let table = "ctrl-c";
    let tmux = shell(table);
    tmux.line(&format!("bash -c '{BINARY} run --prefix p -- sh -c \"echo ready; exec sleep 777\"; echo went on'"));
    tmux.until("it runs", |screen| screen.lines().any(|line| line == "ready"));
    tmux.key("C-c");
    tmux.until("the prompt", |screen| screen.trim_end().ends_with("shell>"));
    tmux.line("echo LEFT $?");
    let screen = tmux.shows(&["LEFT 130"]);
    assert!(!screen.lines().any(|line| line.ends_with("went on")), "{screen}");
    until("the lease is given back", || held(table) == 0);
}

#[test]
fn a_shell_under_a_lease_has_jobs_of_its_own() {
    let tmux = shell("inner-shell");
    tmux.line("lh -- env PS1='in''ner> ' bash --norc --noprofile -i");
    let screen = tmux.until("the inner prompt", |screen| screen.lines().any(|line| line.starts_with("inner>")));
    assert!(!screen.contains("job control"), "{screen}");
    tmux.line("sleep 777");
    tmux.runs("sleep");
    tmux.key("C-z");
    tmux.shows(&["Stopped"]);
    tmux.line("kill %1; fg");
    tmux.line("echo still $LEASEHOLD_SLOT here");
    tmux.shows(&["still 0 here"]);
    tmux.line("suspend -f");
    tmux.until("the outer prompt", |screen| screen.trim_end().ends_with("shell>"));
    tmux.line("fg");
    tmux.line("echo back $LEASEHOLD_SLOT again");
    tmux.shows(&["back 0 again"]);
    tmux.line("exit 9");
    tmux.until("the outer prompt", |screen| screen.trim_end().ends_with("shell>"));
    tmux.line("echo LEFT $?");
    tmux.shows(&["LEFT 9"]);
}

#[test]
fn a_command_learns_of_the_windows_size() {
    let tmux = shell("window");
    tmux.line("lh -- bash -c 'trap \"stty size\" WINCH; echo ready; while :; do sleep 0.1; done'");
    tmux.until("it runs", |screen| screen.lines().any(|line| line == "ready"));
    tmux.resize((90, 20));
    tmux.shows(&["20 90"]);
    tmux.key("C-c");
    tmux.until("the prompt", |screen| screen.trim_end().ends_with("shell>"));
}

#[test]
fn a_job_in_the_background_comes_to_the_foreground() {
    let tmux = shell("background");
    tmux.line("lh -- sh -c 'echo rea''dy; read l; echo \"<$l>\"' &");
    let screen = tmux.shows(&["ready"]);
    // The shell says so with its next prompt.
    until("it waits for the terminal", || state(&number(&screen, "[1] ")) == 'T');
    tmux.line("");
    tmux.shows(&["Stopped"]);
    tmux.line("fg");
    tmux.line("typed");
    tmux.shows(&["<typed>"]);
}
