//! The policies that Terraform's modules give to people and programs allow what the commands ask for, and no action more.
//! Against a local AWS, by the real binary, through a door that denies the rest.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod denying_door;
mod local_aws;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use denying_door::DenyingDoor;
use leasehold_core::{AcquireOutcome, AcquireRequest, Holder, Mode, PoolName, TaskToken};
use leasehold_store::Runner;
use local_aws::{run, table, told};

/// A task is failed only when it has waited for too long; that takes longer than a test of this.
const ASKED_BY_NO_COMMAND_HERE: &str = "states:SendTaskFailure";

fn module(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../terraform").join(name);
    fs::read_to_string(&file).unwrap_or_else(|_| panic!("{}", file.display()))
}

/// The actions on the first line after `place` that names any.
fn actions_at(text: &str, place: &str) -> BTreeSet<String> {
    let after = text.split_once(place).unwrap_or_else(|| panic!("nothing says {place}")).1;
    let is_action = |word: &&str| ["dynamodb:", "states:"].iter().any(|service| word.starts_with(service));
    let mut lines = after.lines().map(|line| line.split('"').filter(is_action).map(Into::into).collect());
    lines.find(|actions: &BTreeSet<String>| !actions.is_empty()).expect("actions")
}

/// All actions of these statements; those on the index are named apart.
fn actions(text: &str, places: &[&str]) -> BTreeSet<String> {
    let of = |place: &&str| {
        let index = if *place == "ListPools" { "@index" } else { "" };
        actions_at(text, place).into_iter().map(move |action| action + index)
    };
    places.iter().flat_map(of).collect()
}

fn door_by(allowed: &BTreeSet<String>) -> DenyingDoor {
    let allowed = allowed.clone();
    DenyingDoor::that_allows(move |action| allowed.contains(action))
}

/// Each of these commands does what it is for.
fn all_succeed(door: &DenyingDoor, table: &str, commands: &[&[&str]]) {
    for arguments in commands {
        let ended = run(door.command(table), arguments);
        assert_eq!(ended.status, Some(0), "{arguments:?}: {ended:?}; asked for: {:?}", door.asked());
    }
}

/// What was asked for is all that was allowed.
fn nothing_more_is_allowed(door: &DenyingDoor, allowed: &BTreeSet<String>) {
    let asked = door.asked();
    let needless: Vec<_> = allowed.difference(&asked).filter(|action| *action != ASKED_BY_NO_COMMAND_HERE).collect();
    assert!(needless.is_empty(), "allowed, and asked for by no command: {needless:?}");
}

/// The lease that somebody else got, or a place in the queue.
async fn another_asks(name: &str, who: &str, mode: Mode) -> AcquireOutcome {
    let holder = Holder::new(who, "", None).expect("a holder");
    let request = AcquireRequest { holder, attempt: None, mode, lease: None, wait: None, label: None };
    let pool: PoolName = "p".parse().expect("a prefix");
    Runner::new(table(name)).run_on(&pool, request).await.expect("the pool")
}

#[test]
fn whoever_watches_may_read_and_nothing_more() {
    let name = "watched";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "1"]);
    let of_table = actions(&module("table/access.tf"), &["ReadRows", "ListPools", "DescribeTable"]);
    let of_pool = actions(&module("pool/access.tf"), &["read_actions ", "ListPools", "DescribeTable"]);
    assert_eq!(of_table, of_pool);

    let door = door_by(&of_table);
    let out = std::env::temp_dir().join(format!("leasehold-watched-{}.jsonl", std::process::id()));
    let file = out.to_str().expect("a path");
    all_succeed(
        &door,
        name,
        &[
            &["pools"],
            &["pools", "--check"],
            &["leases", "p"],
            &["pool", "show", "p"],
            &["pool", "history", "p"],
            &["doctor"],
            &["doctor", "p"],
            &["record", "--out", file, "--every", "0.2", "--for", "0.5"],
        ],
    );
    fs::remove_file(&out).expect("a recording");
    nothing_more_is_allowed(&door, &of_table);
    for changes in [&["pool", "set", "p", "--limit", "2", "--yes"][..], &["sweep", "p"]] {
        assert_eq!(run(door.command(name), changes).status, Some(3), "{changes:?}");
    }
}

#[tokio::test]
async fn whoever_operates_may_change_what_commands_change() {
    let name = "operated";
    told(name, &["table", "create"]);
    let table_module = module("table/access.tf");
    let of_table = actions(&table_module, &["ReadRows", "ListPools", "DescribeTable", "WriteRows", "TellWaiters"]);
    let pool_module = module("pool/access.tf");
    let mut of_pool = actions(&pool_module, &["read_actions ", "run_actions ", "operate_actions ", "ListPools"]);
    of_pool.extend(actions(&pool_module, &["DescribeTable"]));
    of_pool.extend(actions(&module("pool/iam.tf"), &["\"TellWaiters\""]));
    assert_eq!(of_table, of_pool);

    let door = door_by(&of_table);
    all_succeed(&door, name, &[&["pool", "set", "p", "--limit", "1"]]);
    let AcquireOutcome::Acquired(lease) = another_asks(name, "first", Mode::Poll).await else { panic!("no lease") };
    let token = TaskToken::new("a token").expect("a token");
    assert_eq!(another_asks(name, "second", Mode::Queue(Some(token))).await, AcquireOutcome::Queued);
    all_succeed(
        &door,
        name,
        &[
            &["leases", "p"],
            &["release", &lease.id.to_string(), "--yes"],
            &["sweep", "p"],
            &["pool", "override", "p", "--limit", "2", "--reason", "a test", "--yes"],
            &["pool", "override", "p", "--end", "--yes"],
            &["pools"],
            &["pool", "rm", "p", "--force", "--yes"],
            &["doctor", "--repair", "--yes"],
        ],
    );
    nothing_more_is_allowed(&door, &of_table);
}

#[tokio::test]
async fn whoever_runs_commands_under_leases_may_hold_and_hand_over() {
    let name = "run-under";
    told(name, &["table", "create"]);
    // It is renewed after a third of that, while another waits in vain.
    told(name, &["pool", "set", "p", "--limit", "1", "--lease", "3s"]);
    let mut allowed = actions(&module("pool/access.tf"), &["read_actions ", "run_actions "]);
    allowed.extend(actions(&module("pool/iam.tf"), &["\"TellWaiters\""]));

    let door = door_by(&allowed);
    let mut command = door.command(name);
    command.args(["run", "--prefix", "p", "--", "sh", "-c", "echo held; cat"]);
    let mut holding = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the binary");
    let mut held = String::new();
    BufReader::new(holding.stdout.take().expect("its output")).read_line(&mut held).expect("a line");
    assert_eq!(held, "held\n");
    let waited = run(door.command(name), &["run", "--prefix", "p", "--wait", "2s", "--", "true"]);
    assert_eq!(waited.status, Some(124), "{waited:?}; asked for: {:?}", door.asked());

    let token = TaskToken::new("a token").expect("a token");
    assert_eq!(another_asks(name, "a workflow", Mode::Queue(Some(token))).await, AcquireOutcome::Queued);
    drop(holding.stdin.take());
    assert_eq!(holding.wait().expect("it ends").code(), Some(0), "asked for: {:?}", door.asked());
    nothing_more_is_allowed(&door, &allowed);
}
