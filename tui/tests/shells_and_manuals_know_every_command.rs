//! What shells complete and what the manual pages say is made from the commands as they are, so both know all of them.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use std::path::Path;
use std::process::{Command, Output};

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

#[test]
fn each_shell_completes_every_command_and_nothing_hidden() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = leasehold(&["completions", shell]);
        assert!(output.status.success() && output.stderr.is_empty(), "{shell}: {output:?}");
        let script = String::from_utf8(output.stdout).expect("text");
        for command in COMMANDS {
            assert!(script.contains(command), "{shell}: {command}");
        }
        assert!(script.contains("kill-on-loss"), "{shell}");
    }
    assert_eq!(leasehold(&["completions", "csh"]).status.code(), Some(2));
}

#[test]
fn bash_completes_with_it() {
    let script = String::from_utf8(leasehold(&["completions", "bash"]).stdout).expect("text");
    let ask =
        "COMP_WORDS=(leasehold pool s); COMP_CWORD=2; _leasehold leasehold s pool; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let output = Command::new("bash").args(["-c", &format!("{script}\n{ask}")]).output().expect("bash");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "set\nshow\n", "{output:?}");
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
    std::fs::remove_dir_all(&folder).expect("cleared away");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let output = leasehold(&["man", "/dev/null/man"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/dev/null/man cannot be written"), "{output:?}");
}
