//! Who holds, who waits and how full every pool is can be asked for, in words and as JSON, and a lease that must
//! go can be freed. Against a local AWS, by the real binary; the holders are the store's.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod local_aws;

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::types::ExecutionStatus;
use leasehold_core::{AcquireOutcome, AcquireRequest, Holder, Lease, Mode, PoolName, ReleaseTarget, RowKey, TaskToken};
use leasehold_store::Runner;
use local_aws::{config, damage, document, on, refused, run, table, told, typed};
use serde_json::json;

fn prefix() -> PoolName {
    "p".parse().expect("a prefix")
}

async fn ask(name: &str, who: &str, mode: Mode, label: Option<&str>) -> AcquireOutcome {
    let holder = Holder::new(who, "item-1", Some("the map run")).expect("a holder");
    let ask = AcquireRequest { holder, attempt: None, mode, lease: None, wait: None, label: label.map(Arc::from) };
    Runner::new(table(name)).run_on(&prefix(), ask).await.expect("the pool")
}

async fn granted(name: &str, who: &str, label: Option<&str>) -> Lease {
    match ask(name, who, Mode::Poll, label).await {
        AcquireOutcome::Acquired(lease) => lease,
        other => panic!("{who} was told {other:?}"),
    }
}

/// Joins the queue, as a task that waits on its token.
async fn queued(name: &str, who: &str) {
    queued_with(name, who, &format!("token of {who}")).await;
}

async fn queued_with(name: &str, who: &str, token: &str) {
    let token = TaskToken::new(token).expect("a token");
    assert_eq!(ask(name, who, Mode::Queue(Some(token)), None).await, AcquireOutcome::Queued);
}

#[tokio::test]
async fn who_holds_and_who_waits_is_told_with_times_and_fences() {
    let name = "leases";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "1", "--lease", "10m"]);
    let lease = granted(name, "one", Some("nightly")).await;
    queued(name, "two").await;

    let seen = document(name, &["leases", "p"]);
    let of = |field: &str| seen[field].clone();
    assert_eq!([of("table"), of("prefix"), of("state")], ["leases", "p", "full"].map(|text| json!(text)));
    assert_eq!([of("limit"), of("held"), of("waiting")], [1, 1, 1].map(|count| json!(count)));
    assert_eq!((of("waiting_more"), of("at_ms").is_u64()), (json!(false), true));
    let held = &seen["leases"][0];
    let holder = json!({"execution": "one", "key": "item-1", "parent": "the map run"});
    assert_eq!(held["holder"], holder);
    assert_eq!(
        (&held["lease_id"], &held["slot"], &held["fence"]),
        (&json!(lease.id.to_string()), &json!(0), &json!(1))
    );
    assert_eq!(
        (&held["acquired_at_ms"], &held["expires_at_ms"]),
        (&json!(lease.acquired_at), &json!(lease.expires_at))
    );
    assert_eq!(
        (&held["label"], &held["expired"], &held["above_limit"]),
        (&json!("nightly"), &json!(false), &json!(false))
    );
    assert_eq!(seen["queue"][0]["holder"]["execution"], "two");
    assert!(seen["queue"][0]["since_ms"].is_u64() && seen["queue"][0]["give_up_at_ms"].is_u64(), "{seen}");
    assert_eq!((seen["leases"].as_array().map(Vec::len), seen["queue"].as_array().map(Vec::len)), (Some(1), Some(1)));
    assert!(!seen.to_string().contains("token of"), "a task token is nobody's to see: {seen}");

    let words = told(name, &["leases", "p"]);
    let lines: Vec<&str> = words.lines().collect();
    assert_eq!(lines[0], "pool p in table leases: 1 of 1 held, 1 waiting, full");
    assert!(lines[2].starts_with("LEASE  FENCE  SINCE") && lines[2].contains("UNTIL"), "{words}");
    assert!(lines[3].starts_with("p:0:1      1  20") && lines[3].ends_with("  one#item-1  nightly"), "{words}");
    assert!(lines[6].starts_with("    1  20") && lines[6].ends_with("  two#item-1"), "{words}");
}

#[tokio::test]
async fn what_others_wrote_moves_no_cursor_and_sets_no_colour() {
    let name = "escapes";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "1"]);
    granted(name, "one", Some("a\u{1b}[31mred\rlabel")).await;
    let words = told(name, &["leases", "p"]);
    assert!(
        words.contains("a\\u{1b}[31mred\\rlabel") && !words.contains('\u{1b}') && !words.contains('\r'),
        "{words:?}"
    );
}

#[tokio::test]
async fn a_long_label_breaks_no_list() {
    let name = "long-label";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "2"]);
    let label = "größer als alles, was in eine Zeile passt; ".repeat(5);
    granted(name, "one", Some(&label)).await;
    granted(name, "two", Some("漢字")).await;
    let words = told(name, &["leases", "p"]);
    let line = words.lines().find(|line| line.contains("one#item-1")).expect("the lease");
    assert!(line.ends_with('…') && line.contains("größer als") && line.chars().count() < 140, "{words}");
    let document = document(name, &["leases", "p"]);
    let leases = document["leases"].as_array().expect("leases");
    let whole = |lease: &&serde_json::Value| lease["label"].as_str().is_some_and(|whole| whole.trim() == label.trim());
    assert_eq!(leases.iter().filter(whole).count(), 1, "{document}");
    let why = "the partner is slow and ".repeat(8);
    told(name, &["pool", "override", "p", "--limit", "3", "--reason", &why, "--yes"]);
    let pools = told(name, &["pools"]);
    assert!(pools.lines().all(|line| line.chars().count() < 150) && pools.contains('…'), "{pools}");
}

#[tokio::test]
async fn a_slot_that_cannot_be_read_hides_no_other() {
    let name = "one-bad-slot";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "3"]);
    let (one, two) = (granted(name, "one", None).await.id, granted(name, "two", None).await.id);
    damage(name, &prefix(), RowKey::Slot(one.slot), "fence", -1).await;
    let ended = run(on(name), &["leases", "p"]);
    assert_eq!(ended.status, Some(3), "{ended:?}");
    assert!(ended.told.contains(&two.to_string()) && ended.told.contains("two#item-1"), "{ended:?}");
    assert!(
        ended.told.contains("at least 1 of 3 held, 0 waiting, broken: 1 slot cannot be read"),
        "not idle or ok: {ended:?}"
    );
    assert!(
        ended.wrong.contains(&format!("not shown: row slot#{:05}", one.slot.0))
            && ended.wrong.contains("do not delete it"),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_row_of_somebody_else_in_the_directory_is_listed() {
    let name = "foreign-row";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "3"]);
    let text = |text: &str| AttributeValue::S(text.into());
    let put = aws_sdk_dynamodb::Client::from_conf(config().build()).put_item().table_name(name);
    let put = put.item("PK", text("ORDERS")).item("SK", text("42")).item("directory", text("pools"));
    put.item("directory_row", text("x")).send().await.expect("put");
    let words = told(name, &["pools"]);
    assert!(words.contains("\np ") && words.contains("that leasehold did not write: ORDERS 42\n"), "{words}");
    assert_eq!(document(name, &["pools"])["foreign"], json!(["ORDERS 42"]));
    // It counts for neither of those that a monitor asks.
    let checked = told(name, &["pools", "--check"]);
    assert!(
        checked.contains("nothing is wrong\nnote: the directory has a row") && !checked.contains("broken"),
        "{checked}"
    );
    assert!(told(name, &["doctor"]).contains("note index-foreign-row\n"));
}

#[tokio::test]
async fn every_pool_is_listed_as_its_last_sweep_saw_it() {
    let name = "listed";
    told(name, &["table", "create"]);
    assert!(told(name, &["pools"]).contains("table listed has no pools; make one with"), "an empty table says so");
    told(name, &["pool", "set", "p", "--limit", "1"]);
    told(name, &["pool", "set", "quiet-one", "--limit", "7"]);
    granted(name, "one", None).await;
    queued(name, "two").await;
    let unswept = document(name, &["pools"]);
    let first = &unswept["pools"][0];
    assert_eq!((&first["held"], &first["swept_at_ms"]), (&json!(1), &json!(null)), "nobody has swept yet: {unswept}");

    let swept = document(name, &["sweep", "p"]);
    let nothing = json!({"table": name, "prefix": "p", "granted": 0, "reclaimed": 0, "renotified": 0, "extended": 0, "not_extended": 0,
        "freed": 0, "left": 0, "more": false});
    assert_eq!(swept, nothing);
    let listed = document(name, &["pools"]);
    let pool = |at: usize| listed["pools"][at].clone();
    let (at, oldest) = (pool(0)["swept_at_ms"].clone(), pool(0)["oldest_wait_ms"].clone());
    assert!(at.is_u64() && oldest.is_u64(), "{listed}");
    let first = json!({"prefix": "p", "limit": 1, "held": 1, "waiting": 1, "waiting_more": false,
        "oldest_wait_ms": oldest, "state": "full", "swept_at_ms": at, "stale": false, "trouble": null,
        "settles_at_ms": null, "limit_was": null, "override": null});
    let second = json!({"prefix": "quiet-one", "limit": 7, "held": 0, "waiting": 0, "waiting_more": false,
        "oldest_wait_ms": null, "state": "idle", "swept_at_ms": null, "stale": null, "trouble": null,
        "settles_at_ms": null, "limit_was": null, "override": null});
    assert_eq!((pool(0), pool(1), &listed["pools"][2]), (first, second, &json!(null)));

    let words = told(name, &["pools"]);
    let lines: Vec<Vec<&str>> = words.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["PREFIX", "HELD", "LIMIT", "WAITING", "OLDEST", "WAIT", "STATE", "SWEPT", "OVERRIDE"]);
    assert_eq!((&lines[1][..4], lines[1][5]), (&["p", "1", "1", "1"][..], "full"), "{words}");
    assert_eq!(lines[2], ["quiet-one", "0", "7", "0", "-", "idle", "never", "-"]);
}

#[tokio::test]
async fn a_pool_whose_row_makes_no_sense_hides_no_other() {
    let name = "one-bad";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "5"]);
    damage(name, &prefix(), RowKey::Pool, "lease_ms", 0).await;
    told(name, &["pool", "set", "zz", "--limit", "7"]);
    let words = told(name, &["pools"]);
    assert!(words.contains("broken") && words.contains("pool p: lease \"0\": expected a lease duration"), "{words}");
    assert_eq!(document(name, &["pools"])["pools"][1]["prefix"], "zz");
}

#[tokio::test]
async fn a_freed_lease_goes_to_the_first_that_waits() {
    let name = "freed";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "1"]);
    let lease = granted(name, "one", None).await.id.to_string();
    queued(name, "two").await;
    let done = document(name, &["release", &lease, "--yes"]);
    assert_eq!(done, json!({"table": name, "lease_id": lease, "released": true, "why": null}));
    let seen = document(name, &["leases", "p"]);
    assert_eq!((&seen["leases"][0]["holder"]["execution"], &seen["leases"][0]["fence"]), (&json!("two"), &json!(2)));
    assert_eq!(
        seen["leases"][0]["unconfirmed"], true,
        "no such task is known here: that is for the lease manager to decide"
    );
    assert_eq!(seen["queue"], json!([]));
    // The old name frees nothing of whoever has the slot now.
    let nothing = |lease: &str, why: &str| {
        let answer = document(name, &["release", lease, "--yes"]);
        assert_eq!((&answer["released"], &answer["why"]), (&json!(false), &json!(why)), "{lease}");
        told(name, &["release", lease, "--yes"])
    };
    assert!(nothing(&lease, "ended").contains("has already ended: there was nothing to release"));
    assert_eq!(document(name, &["leases", "p"])["leases"][0]["fence"], 2);
    // A lease that never was: a later one of a slot, a slot that nobody has had, and one that the pool has not.
    for never in ["p:0:3", "p:7:1"] {
        let words = nothing(never, "never_granted");
        assert!(
            words.contains(&format!("lease {never} in table freed was never granted: there was nothing")),
            "{words}"
        );
    }
    assert!(refused(on(name), 1, &["release", "q:0:1", "--yes"]).contains("pool q does not exist"));
}

/// How long an execution may take to get as far as is expected.
const WITHIN: Duration = Duration::from_secs(30);

/// An execution whose only task waits on a token, and that token: the task puts it in a table.
async fn waits_on_a_token(step_functions: &aws_sdk_sfn::Client) -> (String, String) {
    let dynamodb = aws_sdk_dynamodb::Client::from_conf(local_aws::config().build());
    told("tokens", &["table", "create"]);
    let item = json!({"PK": {"S": "token"}, "SK": {"S.$": "$$.Task.Token"}});
    let task = json!({"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:dynamodb:putItem.waitForTaskToken",
        "Parameters": {"TableName": "tokens", "Item": item}, "End": true});
    let definition = json!({"StartAt": "AcquireLease", "States": {"AcquireLease": task}}).to_string();
    let machine = step_functions.create_state_machine().name("waits").definition(definition);
    let machine = machine.role_arn("arn:aws:iam::000000000000:role/any").send().await.expect("a state machine");
    let started = step_functions.start_execution().state_machine_arn(machine.state_machine_arn).send().await;
    let execution = started.expect("an execution").execution_arn;
    let until = Instant::now() + WITHIN;
    loop {
        let query = dynamodb.query().table_name("tokens").key_condition_expression("PK = :token");
        let found = query.expression_attribute_values(":token", AttributeValue::S("token".into())).send().await;
        if let Some(row) = found.expect("the table of tokens").items().first() {
            return (execution, row["SK"].as_s().expect("a text").clone());
        }
        assert!(Instant::now() < until, "the task did not begin within {WITHIN:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// An execution once it has ended, which it does some time after its task was told.
async fn ended(step_functions: &aws_sdk_sfn::Client, execution: &str) -> DescribeExecutionOutput {
    let until = Instant::now() + WITHIN;
    loop {
        let described = step_functions.describe_execution().execution_arn(execution).send().await;
        let described = described.expect("the execution");
        if *described.status() != ExecutionStatus::Running {
            return described;
        }
        assert!(Instant::now() < until, "it runs on after {WITHIN:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_workflow_that_gets_a_freed_slot_is_told_at_once() {
    let name = "told";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "1"]);
    let lease = granted(name, "one", None).await.id.to_string();
    let step_functions = local_aws::step_functions();
    let (execution, token) = waits_on_a_token(&step_functions).await;
    queued_with(name, &execution, &token).await;

    told(name, &["release", &lease, "--yes"]);
    let described = ended(&step_functions, &execution).await;
    assert_eq!(described.status(), &ExecutionStatus::Succeeded);
    let output: serde_json::Value = serde_json::from_str(described.output().expect("an output")).expect("JSON");
    assert_eq!((&output["status"], &output["lease_id"]), (&json!("acquired"), &json!("p:0:2")));
    let seen = document(name, &["leases", "p"]);
    assert_eq!((&seen["leases"][0]["fence"], &seen["leases"][0]["unconfirmed"]), (&json!(2), &json!(false)));
}

#[tokio::test]
async fn a_lease_is_freed_only_if_somebody_says_so() {
    let name = "asked-first";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "1"]);
    let lease = granted(name, "one", None).await.id.to_string();
    let wrong = refused(on(name), 2, &["release", &lease]);
    assert!(wrong.contains("no terminal to ask on; nothing was changed; add --yes"), "{wrong}");
    let (status, shown) = typed(name, &["release", &lease], "no\n");
    assert_eq!(status, Some(1), "{shown}");
    assert!(shown.contains("is held by one#item-1 since 20") && shown.contains("nothing was changed"), "{shown}");
    assert_eq!(document(name, &["leases", "p"])["held"], 1);
    let (status, shown) = typed(name, &["release", &lease], "release\n");
    assert_eq!(status, Some(0), "{shown}");
    assert_eq!(document(name, &["leases", "p"])["held"], 0);
}

#[test]
fn pools_that_are_not_there_are_named() {
    told("no-pools", &["table", "create"]);
    for arguments in [
        &["leases", "p"][..],
        &["sweep", "p"],
        &["release", "p:0:1", "--yes"],
        &["doctor", "p"],
        &["record", "--prefix", "p", "--for", "1s", "--out", "never-made.jsonl"],
        &["pool", "show", "p"],
        &["pool", "history", "p"],
        &["pool", "rm", "p", "--yes"],
        &["pool", "rm", "p", "--yes", "--force"],
        &["pool", "override", "p", "--end"],
        &["pool", "override", "p", "--drain", "--reason", "none", "--yes"],
    ] {
        let ended = run(on("no-pools"), arguments);
        assert_eq!(ended.status, Some(1), "{ended:?}");
        assert!(ended.wrong.contains("pool p does not exist in table no-pools"), "{ended:?}");
        assert_eq!(ended.told, "", "{ended:?}");
    }
    // One that was retired is not there, and its history is.
    told("no-pools", &["pool", "set", "gone", "--limit", "1"]);
    told("no-pools", &["pool", "rm", "gone", "--yes"]);
    assert!(told("no-pools", &["pool", "history", "gone"]).contains("retired"));
}

#[tokio::test]
async fn a_sweep_tells_of_long_work_that_it_cannot_extend() {
    let name = "long-work";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "3", "--lease", "30s", "--longest-hold", "1h"]);
    // Of anything else than an execution nobody can tell whether it runs.
    granted(name, "a process", None).await;
    assert_eq!(told(name, &["sweep", "p"]).lines().count(), 1);
    for who in ["one", "two"] {
        granted(name, &format!("arn:aws:states:eu-central-1:123456789012:execution:items:{who}"), None).await;
        let words = told(name, &["sweep", "p"]);
        let leases = if who == "one" { "1 lease of long work ends" } else { "2 leases of long work end" };
        assert!(
            words.contains(&format!("{leases} before another sweep comes: only the lease manager extends")),
            "{words}"
        );
    }
    assert_eq!(document(name, &["sweep", "p"])["not_extended"], 2);
}

#[tokio::test]
async fn a_lease_that_expired_is_nobodys_in_every_list() {
    let name = "dead-holder";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "1", "--lease", "1s", "--grace", "1h"]);
    granted(name, "dead", None).await;
    let expired = || told(name, &["leases", "p"]).contains("1 expired");
    while !expired() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let leases = told(name, &["leases", "p"]);
    assert!(leases.contains("0 of 1 held, 1 expired, 0 waiting, idle\n"), "{leases}");
    assert!(leases.contains("expired, the next may have it from ") && leases.contains(" UTC on"), "{leases}");
    assert!(told(name, &["pool", "show", "p"]).contains("0 of 1 held, 1 expired, 0 waiting, idle\n"));
    for swept in [false, true] {
        if swept {
            told(name, &["sweep", "p"]);
        }
        let pools = document(name, &["pools"]);
        assert_eq!((&pools["pools"][0]["state"], &pools["pools"][0]["held"]), (&json!("idle"), &json!(0)), "{swept}");
    }
    assert_eq!(document(name, &["leases", "p"])["state"], "idle");
    assert_eq!(ask(name, "waits", Mode::Queue(None), None).await, AcquireOutcome::Queued);
    let leases = told(name, &["leases", "p"]);
    assert!(leases.contains("0 of 1 held, 1 expired, 1 waiting, full\n"), "{leases}");
    // Nobody may have a slot above the limit.
    told(name, &["pool", "override", "p", "--drain", "--reason", "over", "--yes"]);
    let leases = told(name, &["leases", "p"]);
    assert!(leases.contains("expired, above the limit") && !leases.contains("may have it"), "{leases}");
}

#[tokio::test]
async fn a_slot_given_back_by_the_old_limit_is_granted_after_all() {
    let name = "raised-again";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "1", "--lease", "10m"]);
    let lease = granted(name, "one", None).await;
    queued(name, "two").await;
    told(name, &["pool", "override", "p", "--drain", "--reason", "a test", "--yes"]);
    let drained = Runner::new(table(name)).settings(&prefix()).await.expect("the settings");
    let mut end = on(name);
    end.args(["pool", "override", "p", "--end", "--yes"]).stdout(Stdio::piped());
    let mut end = end.spawn().expect("the binary");
    let mut told = BufReader::new(end.stdout.take().expect("its output")).lines();
    let line = told.find(|line| line.as_ref().is_ok_and(|line| line.starts_with("somebody still waits")));
    assert!(line.is_some(), "the raise is told at once");
    // Who still follows the limit of 0 hands its slot to nobody.
    let released = Runner::new(table(name)).run(ReleaseTarget::Lease(lease.id), drained).await;
    assert!(!released.expect("a release").already);
    assert_eq!(document(name, &["leases", "p"])["held"], 0);
    assert!(end.wait().expect("it ends").success());
    let seen = document(name, &["leases", "p"]);
    assert_eq!((&seen["held"], &seen["waiting"]), (&json!(1), &json!(0)), "{seen}");
}
