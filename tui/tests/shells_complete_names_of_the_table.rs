//! What a person gets who presses tab in bash, zsh or fish: the real shells on a real terminal, the scripts that `leasehold
//! completions` prints, and the pools of a table on a local AWS.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod local_aws;
mod tmux;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use local_aws::{bare, on, run, told};
use tmux::Tmux;

const TABLE: &str = "completed";

/// A table with some pools.
static POOLS: LazyLock<()> = LazyLock::new(|| {
    told(TABLE, &["table", "create"]);
    for pool in ["nightly-import", "nightly-export", "weekly"] {
        told(TABLE, &["pool", "set", pool, "--limit", "1"]);
    }
    told("completed-other", &["table", "create"]);
    told("completed-other", &["pool", "set", "nowhere-else", "--limit", "1"]);
});

/// A new folder of its own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// A terminal with this shell in it, which finds the binary on its path and the table in its environment.
fn shell(name: &str, begin: &str) -> Tmux {
    LazyLock::force(&POOLS);
    let there = Command::new(name).args(["-c", "exit 0"]).status();
    assert!(
        there.is_ok_and(|ended| ended.success()),
        "{name} is needed for this test and could not be run: install it (apt-get install {name}, brew install {name})"
    );
    let command = on(TABLE);
    let variables: Vec<(&str, &str)> =
        command.get_envs().filter_map(|(name, value)| Some((name.to_str()?, value?.to_str()?))).collect();
    let binary = Path::new(env!("CARGO_BIN_EXE_leasehold")).parent().expect("a folder").display();
    let tmux = Tmux::shell((100, 30), &variables);
    tmux.line(&format!("PATH='{binary}':$PATH; clear; {begin}"));
    tmux
}

/// Types it in the shell and presses tab, until the screen shows these words.
fn completes(tmux: &Tmux, typed: &str, shown: &[&str]) {
    tmux.key("C-u");
    tmux.key("C-l");
    tmux.text(typed);
    tmux.until("what was typed", |screen| screen.contains(typed.trim_end()));
    tmux.key("Tab");
    // bash and zsh list what fits by the second one.
    if shown.len() > 1 {
        tmux.key("Tab");
    }
    tmux.shows(shown);
}

fn completes_all(tmux: &Tmux) {
    completes(tmux, "leasehold leases wee", &["leasehold leases weekly"]);
    completes(tmux, "leasehold leases nightly-i", &["leasehold leases nightly-import"]);
    completes(tmux, "leasehold leases nightly-", &["nightly-export", "nightly-import"]);
    completes(tmux, "leasehold pool show wee", &["leasehold pool show weekly"]);
    completes(tmux, "leasehold run --prefix wee", &["leasehold run --prefix weekly"]);
    completes(tmux, "leasehold leases --table completed-other n", &["--table completed-other nowhere-else"]);
    completes(tmux, "leasehold schema table c", &["leasehold schema table create"]);
    completes(tmux, "leasehold pool s", &["set", "show"]);
    completes(tmux, "leasehold pools --output j", &["leasehold pools --output json"]);
    completes(tmux, "leasehold run --prefix p --warn-o", &["--warn-on-loss"]);
}

#[test]
fn bash_completes_names_of_pools() {
    let tmux = shell("bash", "bash --norc --noprofile -i");
    tmux.line("PS1='in-''bash> '; clear; source <(leasehold completions bash)");
    tmux.until("its prompt", |screen| screen.starts_with("in-bash>"));
    completes_all(&tmux);
}

#[test]
fn zsh_completes_names_of_pools_by_the_first_key() {
    let functions = folder("zsh-functions");
    let script = run(bare(), &["completions", "zsh"]).told;
    std::fs::write(functions.join("_leasehold"), script).expect("written");
    let tmux = shell("zsh", "zsh -f");
    let fpath = functions.display();
    tmux.line(&format!("fpath=({fpath} $fpath); autoload -Uz compinit; compinit -u -D; PS1='in-''zsh> '; clear"));
    tmux.until("its prompt", |screen| screen.starts_with("in-zsh>"));
    completes_all(&tmux);
    std::fs::remove_dir_all(functions).expect("cleared away");
}

#[test]
fn fish_completes_names_of_pools() {
    let home = folder("fish-home");
    let completions = home.join("fish/completions");
    std::fs::create_dir_all(&completions).expect("a folder");
    // As it would otherwise make these of all manual pages, on and on in the background.
    std::fs::create_dir_all(home.join("fish/generated_completions")).expect("a folder");
    let script = run(bare(), &["completions", "fish"]).told;
    std::fs::write(completions.join("leasehold.fish"), script).expect("written");
    let begin = format!("env XDG_CONFIG_HOME={0} XDG_DATA_HOME={0} fish", home.display());
    let tmux = shell("fish", &begin);
    tmux.shows(&["fish"]);
    tmux.line("function fish_prompt; echo 'in-''fish> '; end; clear");
    tmux.until("its prompt", |screen| screen.starts_with("in-fish>"));
    completes_all(&tmux);
    // It writes into its folder until it has ended.
    tmux.key("C-u");
    tmux.line("exit");
    tmux.shows(&["shell>"]);
    std::fs::remove_dir_all(home).expect("cleared away");
}

/// What is answered where the table does not: nothing, soon, and without a word.
fn silent(what: &str, change: impl FnOnce(&mut Command)) {
    let mut command = on(TABLE);
    command.env("LEASEHOLD_COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", "2");
    change(&mut command);
    let asked = Instant::now();
    let ended = run(command, &["--", "leasehold", "leases", "n"]);
    assert_eq!((ended.status, &*ended.told, &*ended.wrong), (Some(0), "", ""), "{what}");
    assert!(asked.elapsed() < Duration::from_secs(5), "{what}: {:?}", asked.elapsed());
}

#[test]
fn a_table_that_gives_no_names_is_passed_over_in_silence() {
    LazyLock::force(&POOLS);
    silent("no such table", |command| {
        command.env("LEASEHOLD_TABLE", "no-such-table");
    });
    silent("nobody listens", |command| {
        command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    });
    // One that takes what is sent and never answers.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", mute.local_addr().expect("its address"));
    silent("never answers", |command| {
        command.env("AWS_ENDPOINT_URL", &url);
    });
    silent("no credentials", |command| {
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    });
    silent("no region", |command| {
        command.env_remove("AWS_REGION");
    });
    silent("an impossible name", |command| {
        command.env("LEASEHOLD_TABLE", "?");
    });
    silent("a shell that nobody knows", |command| {
        command.env("LEASEHOLD_COMPLETE", "csh");
    });
}
