//! What shells complete and what the manual pages say is made from the commands as they are, so both know all of them.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use std::path::Path;
use std::process::{Command, Output};

use leasehold_core::occupancy::PoolState;
use leasehold_tui::watch::listed_state::ListedState;

fn leasehold(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_leasehold")).args(arguments).output().expect("the binary runs")
}

const COMMANDS: [&str; 15] = [
    "demo",
    "watch",
    "record",
    "run",
    "table",
    "pool",
    "pools",
    "leases",
    "sweep",
    "release",
    "doctor",
    "states",
    "schema",
    "completions",
    "man",
];

/// What fits a line of words, of which the last is completed, as bash asks it.
fn fitting(words: &[&str]) -> Vec<String> {
    let mut asked = Command::new(env!("CARGO_BIN_EXE_leasehold"));
    asked.env("LEASEHOLD_COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", words.len().to_string());
    let output = asked.args(["--", "leasehold"]).args(words).output().expect("the binary runs");
    assert!(output.status.success() && output.stderr.is_empty(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
}

#[test]
fn every_command_is_completed_and_nothing_hidden() {
    let fitting = fitting(&[""]);
    for command in COMMANDS {
        assert!(fitting.iter().any(|one| one == command), "{command}: {fitting:?}");
    }
    assert!(!fitting.iter().any(|one| one.starts_with('_')), "{fitting:?}");
}

#[test]
fn values_are_completed_word_by_word() {
    assert_eq!(fitting(&["pool", "s"]), ["set", "show"]);
    assert_eq!(fitting(&["schema", "pool", "s"]), ["set", "show"]);
    assert_eq!(fitting(&["schema", "tab"]), ["table"]);
    assert_eq!(fitting(&["schema", "table", ""])[0], "create");
    assert_eq!(fitting(&["states", "--mode", ""]), ["queue", "poll"]);
    assert_eq!(fitting(&["pools", "--output=j"]), ["--output=json"]);
    assert_eq!(fitting(&["run", "--warn-o"]), ["--warn-on-loss"]);
    assert_eq!(fitting(&["watch", "--replay", "tests/recordings/dem"]), ["tests/recordings/demo.jsonl"]);
    assert_eq!(fitting(&["run", "--prefix", "p", "--", "bas"]).iter().filter(|one| *one == "bash").count(), 1);
}

#[test]
fn each_shell_is_told_whom_to_ask() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = leasehold(&["completions", shell]);
        assert!(output.status.success() && output.stderr.is_empty(), "{shell}: {output:?}");
        let script = String::from_utf8(output.stdout).expect("text");
        assert!(script.contains("LEASEHOLD_COMPLETE") && !script.contains("/leasehold"), "{shell}: {script}");
    }
    assert_eq!(leasehold(&["completions", "csh"]).status.code(), Some(2));
}

#[test]
fn each_command_has_a_manual_page() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("man-{}", std::process::id()));
    let output = leasehold(&["man", folder.to_str().expect("a path")]);
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
    let page = |name: &str| std::fs::read_to_string(folder.join(name)).expect(name);
    assert!(page("leasehold.1").contains("Exit status"));
    for command in COMMANDS {
        assert!(page(&format!("leasehold-{command}.1")).contains(".SH SYNOPSIS"), "{command}");
    }
    assert!(
        page("leasehold-pool-set.1").contains("longest\\-wait") && page("leasehold-run.1").contains("LEASEHOLD_FENCE")
    );
    for (name, values) in [
        ("leasehold.1", "text"),
        ("leasehold-pools.1", "json"),
        ("leasehold-states.1", "queue"),
        ("leasehold-states.1", "jsonata"),
        ("leasehold-completions.1", "elvish"),
    ] {
        let page = page(name);
        let (_, listed) = page.split_once("ossible values").expect("values are listed");
        assert!(listed.contains(values), "{name}: {page}");
    }
    let called =
        |name: &str| page(name).split(".SH SYNOPSIS\n").nth(1).expect("a synopsis").lines().next().map(str::to_owned);
    let run = "leasehold run [OPTIONS] \\-\\-prefix <PREFIX> \\-\\- <CMD>...";
    assert_eq!(called("leasehold-run.1").as_deref(), Some(run));
    assert_eq!(called("leasehold-pool-set.1").as_deref(), Some("leasehold pool set [OPTIONS] <PREFIX>"));
    assert_eq!(called("leasehold.1").as_deref(), Some("leasehold [OPTIONS] <COMMAND>"));
    std::fs::remove_dir_all(&folder).expect("cleared away");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let output = leasehold(&["man", "/dev/null/man"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/dev/null/man cannot be written"), "{output:?}");
}

/// Whether all these are there, one after another; other words may stand between them.
fn in_order(text: &str, words: &[String]) -> bool {
    let found: Vec<_> = words.iter().map(|word| text.find(word.as_str())).collect();
    found.iter().all(Option::is_some) && found.is_sorted()
}

#[test]
fn states_are_listed_in_one_order_everywhere() {
    let help = |command: &str| {
        let output = leasehold(&[command, "--help"]);
        String::from_utf8(output.stdout).expect("text")
    };
    let listed = ListedState::ALL.map(|state| format!("\n    {:14}{}\n", state.as_str(), state.meaning()));
    assert!(in_order(&help("pools"), &listed), "{}", help("pools"));
    let words = PoolState::ALL.map(|state| serde_json::to_string(&state).expect("JSON"));
    let (last, others) = words.split_last().expect("states");
    for command in ["pools", "leases"] {
        let line = format!("\"state\": {} or {last},\n", others.join(", "));
        assert!(help(command).contains(&line), "{command}: {}", help(command));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let schemas = ["pools", "pool-show", "leases", "record"].map(|name| format!("schemas/{name}.json"));
    let others = ["../lambda/schemas/answer.json", "../docs/contract.md"].map(String::from);
    for file in schemas.into_iter().chain(others) {
        let text = std::fs::read_to_string(folder.join(&file)).expect("the file");
        let list = text.find("\"over_limit\"").map(|at| text[at..].chars().take(400).collect::<String>());
        assert!(in_order(&list.expect("a list of states"), &words), "{file}");
    }
}
