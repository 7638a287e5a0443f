//! Tables and pools are made, changed and retired by commands: each may be repeated, changes only what was named,
//! and takes nothing from anybody who holds a lease or waits. Against a local AWS, by the real binary.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod local_aws;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TimeToLiveSpecification,
};
use leasehold_core::{
    AcquireOutcome, AcquireRequest, Author, ExpectedOverride, Holder, Lease, Limit, LimitChanged, Millis, Mode,
    PoolName, PoolRow, Reply, Request, Row, RowKey, SetLimit, SetLimitOutcome, SummaryRow, Timestamp,
};
use leasehold_store::{Runner, TableCreated, create_table};
use leasehold_testkit::put_row;
use leasehold_tui::watch::actions::change_limit;
use leasehold_tui::watch::input::Input;
use local_aws::{config, damage, document, on, refused, run, table, told, typed};
use serde_json::{Value, json};

fn prefix(name: &str) -> PoolName {
    name.parse().expect("a prefix")
}

fn limit(count: u64) -> Limit {
    Limit::try_from(count).expect("a limit")
}

async fn row(name: &str, key: RowKey) -> Option<Row> {
    match table(name).send(&prefix("p"), &Request::Get(key)).await.reply {
        Reply::Row(row) => row,
        other => panic!("{other:?}"),
    }
}

async fn pool_row(name: &str) -> Option<PoolRow> {
    row(name, RowKey::Pool).await.map(|row| match row {
        Row::Pool(row) => row,
        other => panic!("{other:?}"),
    })
}

/// A holder that asks for a lease of pool p, once.
async fn ask(name: &str, who: &str, mode: Mode) -> AcquireOutcome {
    let holder = Holder::new(who, "", None).expect("a holder");
    let ask = AcquireRequest { holder, attempt: None, mode, lease: None, wait: None, label: None };
    Runner::new(table(name)).run_on(&prefix("p"), ask).await.expect("the pool")
}

async fn granted(name: &str, who: &str) -> Lease {
    match ask(name, who, Mode::Poll).await {
        AcquireOutcome::Acquired(lease) => lease,
        other => panic!("{who} was told {other:?}"),
    }
}

#[test]
fn a_table_is_made_once_and_then_left_as_it_is() {
    assert_eq!(told("created", &["table", "create"]), "table created is made and ready\n");
    assert!(told("created", &["table", "create"]).contains("nothing was changed"));
    assert_eq!(
        document("created", &["table", "create"]),
        json!({"table": "created", "created": false, "ttl_turned_on": false})
    );
    // A flag wins over the environment, before the command and after it.
    let other = |created| json!({"table": "other", "created": created, "ttl_turned_on": false});
    assert_eq!(document("x-x", &["--table", "other", "table", "create"]), other(true));
    assert_eq!(document("x-x", &["table", "create", "--table", "other"]), other(false));
}

#[tokio::test]
async fn a_table_of_another_shape_is_refused_and_left_as_it_is() {
    let id = AttributeDefinition::builder().attribute_name("Id").attribute_type(ScalarAttributeType::N).build();
    let key = KeySchemaElement::builder().attribute_name("Id").key_type(KeyType::Hash).build();
    let client = aws_sdk_dynamodb::Client::from_conf(config().build());
    let other = client.create_table().table_name("someone-elses").billing_mode(BillingMode::PayPerRequest);
    let other = other.attribute_definitions(id.expect("an id")).key_schema(key.expect("a key"));
    other.send().await.expect("a table");
    let wrong = refused(on("someone-elses"), 3, &["table", "create"]);
    assert!(wrong.contains("table someone-elses exists with another shape: keys HASH Id (N)"), "{wrong}");
}

#[tokio::test]
async fn no_pool_is_made_in_a_table_of_another_program() {
    let name = "keys-alike";
    let attribute =
        |key: &str| AttributeDefinition::builder().attribute_name(key).attribute_type(ScalarAttributeType::S).build();
    let part = |key: &str, kind| KeySchemaElement::builder().attribute_name(key).key_type(kind).build().expect("a key");
    let client = aws_sdk_dynamodb::Client::from_conf(config().build());
    let other = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    let other = other.attribute_definitions(attribute("PK").expect("PK"));
    let other = other.attribute_definitions(attribute("SK").expect("SK"));
    let other = other.key_schema(part("PK", KeyType::Hash)).key_schema(part("SK", KeyType::Range));
    other.send().await.expect("a table");
    let wrong = refused(on(name), 3, &["pool", "set", "p", "--limit", "1"]);
    assert!(wrong.contains("index directory: none") && wrong.contains("an index `directory` on"), "{wrong}");
    assert_eq!(pool_row(name).await, None, "nothing was written");
    let wrong = refused(on(name), 3, &["pools"]);
    assert!(wrong.contains("the table lacks the index `directory`"), "{wrong}");
}

#[tokio::test]
async fn a_pool_has_defaults_and_setting_it_again_changes_nothing() {
    told("set", &["table", "create"]);
    let made = document("set", &["pool", "set", "p", "--limit", "15"]);
    let settings = json!({"limit": 15, "lease_ms": 300_000, "grace_ms": 5_000, "quiet_ms": 35_000,
        "longest_wait_ms": 86_400_000, "longest_hold_ms": 0, "sweep_every_ms": 60_000});
    let expected = json!({"table": "set", "prefix": "p", "created": true, "changed": [], "settings": settings,
        "settles_at_ms": null, "limit_was": null, "override": null, "misfits": []});
    assert_eq!(made, expected);
    assert_eq!(pool_row("set").await, Some(PoolRow::new(limit(15))));

    let again = document("set", &["pool", "set", "p", "--limit", "15"]);
    assert_eq!((&again["created"], &again["changed"]), (&json!(false), &json!([])));
    assert_eq!(again["settings"], settings);
    assert!(
        told("set", &["pool", "set", "p", "--limit", "15"])
            .contains("pool p in table set already has these settings: nothing")
    );
    assert_eq!(pool_row("set").await, Some(PoolRow::new(limit(15))));
}

#[tokio::test]
async fn only_what_is_named_changes() {
    told("named", &["table", "create"]);
    let all =
        ["pool", "set", "p", "--limit", "15", "--lease", "10m", "--grace", "500ms", "--quiet", "1m", "--longest-wait"];
    let all = [&all[..], &["1h30m", "--longest-hold", "8h", "--sweep-every", "30s"]].concat();
    let words = told("named", &all);
    for line in
        ["limit         15", "lease         10m", "grace         500ms", "longest wait  1h30m", "longest hold  8h"]
    {
        assert!(words.contains(&format!("\n  {line}\n")), "{line:?}: {words}");
    }
    let times = |lease, grace, quiet, longest_wait, longest_hold, sweep_every| PoolRow {
        lease: Some(Millis(lease)),
        grace: Some(Millis(grace)),
        quiet: Some(Millis(quiet)),
        longest_wait: Some(Millis(longest_wait)),
        longest_hold: Some(Millis(longest_hold)),
        sweep_every: Some(Millis(sweep_every)),
        ..PoolRow::new(limit(15))
    };
    assert_eq!(pool_row("named").await, Some(times(600_000, 500, 60_000, 5_400_000, 28_800_000, 30_000)));

    let words = told("named", &["pool", "set", "p", "--lease", "2d", "--yes"]);
    assert!(
        words.contains("pool p in table named is changed\n  limit         15\n  lease         10m -> 2d\n"),
        "{words}"
    );
    assert_eq!(pool_row("named").await, Some(times(172_800_000, 500, 60_000, 5_400_000, 28_800_000, 30_000)));
    let changed =
        document("named", &["pool", "set", "p", "--grace", "1s", "--longest-hold", "0s", "--lease", "2d", "--yes"]);
    assert_eq!(changed["changed"], json!(["grace_ms", "longest_hold_ms"]));
    assert_eq!(pool_row("named").await, Some(times(172_800_000, 1_000, 60_000, 5_400_000, 0, 30_000)));
}

#[tokio::test]
async fn a_lowered_limit_writes_down_the_highest_still_in_use() {
    told("lowered", &["table", "create"]);
    told("lowered", &["pool", "set", "p", "--limit", "15"]);
    let words = told("lowered", &["pool", "set", "p", "--limit", "10", "--yes"]);
    assert!(words.contains("limit         15 -> 10\n") && words.contains("(limit was 15)"), "{words}");
    let first = pool_row("lowered").await.and_then(|row| row.lowered).expect("what it was lowered from");
    assert_eq!(first.from, limit(15));
    // What changes something else leaves that alone, and so does the same limit again.
    told("lowered", &["pool", "set", "p", "--lease", "1m", "--yes"]);
    told("lowered", &["pool", "set", "p", "--limit", "10", "--yes"]);
    assert_eq!(pool_row("lowered").await.and_then(|row| row.lowered), Some(first));
    // Lowered again, or raised less than all the way, before everyone follows: 15 may still be in use.
    told("lowered", &["pool", "set", "p", "--limit", "5", "--yes"]);
    let second = pool_row("lowered").await.and_then(|row| row.lowered).expect("what it was lowered from");
    assert!(second.from == limit(15) && second.at >= first.at, "{second:?}");
    told("lowered", &["pool", "set", "p", "--limit", "12", "--yes"]);
    assert_eq!(pool_row("lowered").await.and_then(|row| row.lowered).map(|it| it.from), Some(limit(15)));
    told("lowered", &["pool", "set", "p", "--limit", "20", "--yes"]);
    assert_eq!(pool_row("lowered").await.and_then(|row| row.lowered), None);
}

#[tokio::test]
async fn what_somebody_else_sets_meanwhile_is_not_lost() {
    told("together", &["table", "create"]);
    told("together", &["pool", "set", "p", "--limit", "3"]);
    let each = [("--lease", "10m"), ("--grace", "1s"), ("--quiet", "40s"), ("--longest-wait", "2h")];
    let all = each.map(|(flag, time)| {
        std::thread::spawn(move || run(on("together"), &["pool", "set", "p", flag, time, "--yes"]))
    });
    for one in all {
        let ended = one.join().expect("it ran");
        assert_eq!(ended.status, Some(0), "{ended:?}");
    }
    let row = pool_row("together").await.expect("the pool");
    let times = [row.lease, row.grace, row.quiet, row.longest_wait].map(|time| time.map(|time| time.0));
    assert_eq!(times, [Some(600_000), Some(1_000), Some(40_000), Some(7_200_000)]);
}

#[tokio::test]
async fn an_override_that_wins_over_the_limit_is_told() {
    told("overridden", &["table", "create"]);
    told("overridden", &["pool", "set", "p", "--limit", "15"]);
    let new = SetLimit {
        limit: limit(4),
        who: "ann".into(),
        why: "the partner is slow".into(),
        lasts: None,
        expected: ExpectedOverride::Any,
    };
    let ran = Runner::new(table("overridden")).run_on(&prefix("p"), new).await.expect("changed");
    let SetLimitOutcome::Set(LimitChanged { from, to, .. }) = ran else { panic!("{ran:?}") };
    assert_eq!((from, to), (limit(15), limit(4)));
    // Also whoever is asked, if it is about the limit.
    let asked = |option, value| typed("overridden", &["pool", "set", "p", option, value], "no\n").1;
    let wins = "an override by ann wins over this limit";
    assert!(asked("--limit", "20").contains(wins) && !asked("--lease", "7m").contains(wins));
    let words = told("overridden", &["pool", "set", "p", "--limit", "20", "--yes"]);
    assert!(words.contains("an override by ann wins over this limit: 4 (the partner is slow)"), "{words}");
    let live = &document("overridden", &["pool", "set", "p", "--limit", "20"])["override"];
    assert_eq!((&live["limit"], &live["who"], &live["why"]), (&json!(4), &json!("ann"), &json!("the partner is slow")));
    assert!(live["at_ms"].is_u64(), "{live}");
}

#[test]
fn a_pool_that_is_not_there_is_made_only_with_a_limit() {
    told("nothing", &["table", "create"]);
    let wrong = refused(on("nothing"), 1, &["pool", "set", "p", "--lease", "5m"]);
    assert!(
        wrong.contains("pool p does not exist in table nothing") && wrong.contains("pool set p --limit N"),
        "{wrong}"
    );
    let wrong = refused(on("nothing"), 1, &["pool", "rm", "p", "--yes"]);
    assert!(wrong.contains("pool p does not exist in table nothing"), "{wrong}");
}

#[tokio::test]
async fn a_drained_pool_lets_nobody_in() {
    told("drained", &["table", "create"]);
    // A name that was mistyped makes no pool.
    let wrong = refused(on("drained"), 1, &["pool", "set", "p", "--drain"]);
    assert!(wrong.contains("pool p does not exist in table drained"), "{wrong}");
    told("drained", &["pool", "set", "p", "--limit", "2"]);
    granted("drained", "one").await;
    assert_eq!(document("drained", &["pool", "set", "p", "--drain", "--yes"])["settings"]["limit"], 0);
    assert_eq!(ask("drained", "two", Mode::Queue(None)).await, AcquireOutcome::Queued);
    assert_eq!(document("drained", &["leases", "p"])["held"], 1, "who holds a lease keeps it");
}

#[tokio::test]
async fn a_row_that_makes_no_sense_can_be_set_right_or_removed() {
    let name = "senseless";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "5"]);
    damage(name, &prefix("p"), RowKey::Pool, "lease_ms", 0).await;
    let wrong = refused(on(name), 3, &["pool", "show", "p"]);
    assert!(wrong.contains("pool p in table senseless is misconfigured"), "{wrong}");
    // Not even to the default is it set without asking.
    assert!(refused(on(name), 2, &["pool", "set", "p", "--lease", "5m"]).contains("no terminal to ask on"));
    let words = told(name, &["pool", "set", "p", "--lease", "5m", "--limit", "4", "--yes"]);
    assert!(words.starts_with("the settings of pool p in table senseless, which made no sense, are replaced\n"));
    assert!(told(name, &["leases", "p"]).contains("0 of 4 held"));

    damage(name, &prefix("p"), RowKey::Pool, "lease_ms", 0).await;
    refused(on(name), 3, &["pool", "rm", "p", "--yes"]);
    let left = document(name, &["pool", "rm", "p", "--yes", "--force"]);
    assert_eq!((&left["retired"], &left["held"]), (&json!(true), &Value::Null));
    assert_eq!(pool_row(name).await, None);
}

#[tokio::test]
async fn settings_that_cannot_be_read_are_replaced_with_a_limit() {
    let name = "unreadable";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "5", "--lease", "10m"]);
    damage(name, &prefix("p"), RowKey::Pool, "limit", -5).await;
    let wrong = refused(on(name), 3, &["pool", "set", "p", "--lease", "5m", "--yes"]);
    for words in ["pool p in table unreadable is misconfigured", "limit", "-5", "leasehold pool set"] {
        assert!(wrong.contains(words), "{words:?}: {wrong}");
    }
    let set = ["pool", "set", "p", "--limit", "2"];
    assert!(refused(on(name), 2, &set).contains("no terminal to ask on; nothing was changed"));
    let (status, shown) = typed(name, &set, "no\n");
    assert_eq!(status, Some(1), "{shown}");
    assert!(shown.contains("The settings of pool p in table unreadable make no sense"), "{shown}");
    assert!(matches!(row(name, RowKey::Pool).await, Some(Row::Unreadable(..))));

    let words = told(name, &[&set[..], &["--yes"]].concat());
    assert!(words.starts_with("the settings of pool p in table unreadable, which made no sense, are replaced\n"));
    assert!(words.contains("\n  limit         -5 -> 2\n  lease         10m\n"), "{words}");
    // Nobody knows which limit callers followed.
    assert!(words.contains("(limit was up to 10000, the highest there is)"), "{words}");
    assert_eq!(pool_row(name).await.map(|row| (row.limit, row.lease)), Some((limit(2), Some(Millis::seconds(600)))));
    assert!(told(name, &["leases", "p"]).contains("0 of 2 held"));
}

#[tokio::test]
async fn settings_that_are_replaced_are_told_as_changed() {
    let name = "unreadable-json";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "5"]);
    damage(name, &prefix("p"), RowKey::Pool, "limit", -5).await;
    let done = document(name, &["pool", "set", "p", "--limit", "2", "--yes"]);
    assert_eq!((&done["created"], &done["settings"]["limit"]), (&json!(false), &json!(2)));
    assert_eq!(done["changed"], json!(["limit"]), "{done}");
}

#[tokio::test]
async fn an_override_that_cannot_be_read_is_ended_or_replaced() {
    let name = "unreadable-override";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "5"]);
    told(name, &["pool", "override", "p", "--limit", "3", "--reason", "slow", "--yes"]);
    damage(name, &prefix("p"), RowKey::Override, "limit", -5).await;
    refused(on(name), 3, &["pool", "show", "p"]);
    let (status, shown) = typed(name, &["pool", "override", "p", "--end"], "no\n");
    assert_eq!(status, Some(1), "{shown}");
    assert!(shown.contains("The override of pool p in table unreadable-override makes no sense"), "{shown}");
    assert!(matches!(row(name, RowKey::Override).await, Some(Row::Unreadable(..))));
    let ended = document(name, &["pool", "override", "p", "--end", "--yes"]);
    assert_eq!([&ended["to"], &ended["changed"], &ended["override"]], [&json!(5), &json!(true), &json!(null)]);
    assert_eq!(row(name, RowKey::Override).await, None);
    assert!(told(name, &["leases", "p"]).contains("0 of 5 held"));

    told(name, &["pool", "override", "p", "--limit", "3", "--reason", "slow", "--yes"]);
    damage(name, &prefix("p"), RowKey::Override, "limit", -5).await;
    let words = told(name, &["pool", "override", "p", "--limit", "4", "--reason", "less", "--yes"]);
    assert!(words.contains("is 4 now") && words.contains("(limit was up to 10000, the highest there is)"), "{words}");
    assert!(told(name, &["leases", "p"]).contains("0 of 4 held"));

    // So it is from the dashboard.
    damage(name, &prefix("p"), RowKey::Override, "limit", -5).await;
    let changed = {
        let by = Author::new("ann", "by hand");
        change_limit(&Runner::new(table(name)), &prefix("p"), limit(6), by, None, ExpectedOverride::Any).await
    };
    assert!(matches!(&changed, Input::LimitChanged { what, .. } if what.contains("is 6 now")), "{changed:?}");
    assert!(told(name, &["leases", "p"]).contains("0 of 6 held"));
}

#[tokio::test]
async fn a_change_is_told_even_if_the_override_cannot_be_shown() {
    let name = "unshown-override";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "5"]);
    told(name, &["pool", "override", "p", "--limit", "3", "--reason", "slow", "--yes"]);
    damage(name, &prefix("p"), RowKey::Override, "limit", -5).await;
    let ended = run(on(name), &["pool", "set", "p", "--limit", "6", "--yes"]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(ended.told.starts_with("pool p in table unshown-override is changed\n"), "{ended:?}");
    assert!(ended.told.contains("nobody is let in until its override is ended") && ended.wrong.is_empty(), "{ended:?}");
    assert_eq!(pool_row(name).await.map(|row| row.limit), Some(limit(6)));
}

#[tokio::test]
async fn slots_that_still_count_from_a_change_are_told_before() {
    let name = "still-counted";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "6"]);
    told(name, &["pool", "override", "p", "--limit", "8", "--reason", "hurry", "--yes"]);
    told(name, &["pool", "override", "p", "--limit", "5", "--reason", "slow", "--yes"]);
    for change in
        [&["pool", "override", "p", "--limit", "7", "--reason", "faster"][..], &["pool", "override", "p", "--end"]]
    {
        let (status, shown) = typed(name, change, "no\n");
        assert_eq!(status, Some(1), "{shown}");
        assert!(shown.contains("slots up to 8 count as held"), "{change:?}: {shown}");
    }
    let (_, shown) = typed(name, &["pool", "override", "p", "--limit", "9", "--reason", "hurry"], "no\n");
    assert!(!shown.contains("count as held"), "{shown}");
    // Drained: it is not so that somebody is let in after that.
    let (_, shown) = typed(name, &["pool", "override", "p", "--drain", "--reason", "stop"], "no\n");
    let followed = "UTC somebody may still follow the limit of 8 and be let in; after that nobody is.";
    assert!(shown.contains(followed) && !shown.contains("until then"), "{shown}");
}

#[tokio::test]
async fn a_retired_pool_is_gone_and_its_fences_are_not() {
    let name = "retired";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "1"]);
    let first = granted(name, "one").await;
    told(name, &["release", &first.id.to_string(), "--yes"]);
    let words = told(name, &["pool", "rm", "p", "--yes"]);
    assert!(words.contains("pool p in table retired is retired; its slots stay"), "{words}");
    assert_eq!((row(name, RowKey::Pool).await, row(name, RowKey::Override).await), (None, None));
    assert_eq!(document(name, &["pools"])["pools"], json!([]));
    refused(on(name), 1, &["pool", "rm", "p", "--yes"]);

    // Callers may still follow the limit of before.
    let made = told(name, &["pool", "set", "p", "--limit", "1", "--quiet", "5s", "--grace", "0s"]);
    assert!(made.contains("closed until "), "{made}");
    let second = loop {
        match ask(name, "two", Mode::Poll).await {
            AcquireOutcome::Acquired(lease) => break lease,
            _ => tokio::time::sleep(std::time::Duration::from_millis(500)).await,
        }
    };
    assert!((second.id.slot, second.id.fence) > (first.id.slot, first.id.fence), "{first:?} {second:?}");
    assert_eq!(second.id.slot, first.id.slot);
}

#[tokio::test]
async fn a_pool_in_use_is_retired_only_by_force() {
    let name = "in-use";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "1"]);
    granted(name, "one").await;
    assert_eq!(ask(name, "two", Mode::Queue(None)).await, AcquireOutcome::Queued);
    let before = pool_row(name).await;
    let wrong = refused(on(name), 1, &["pool", "rm", "p", "--yes"]);
    for words in ["pool p in table in-use was not retired: 1 held, 1 waiting", "pool set p --drain", "--force"] {
        assert!(wrong.contains(words), "{words:?}: {wrong}");
    }
    assert_eq!(pool_row(name).await, before);
    // In a drained pool those who wait would stay: that comes second.
    assert!(wrong.contains("let those who wait get in; then drain it"), "{wrong}");
    told(name, &["pool", "set", "p", "--drain", "--yes"]);
    let wrong = refused(on(name), 1, &["pool", "rm", "p", "--yes"]);
    assert!(wrong.contains("those who wait do so until they give up: let them in first"), "{wrong}");
    told(name, &["pool", "set", "p", "--limit", "1", "--yes"]);
    let left = document(name, &["pool", "rm", "p", "--yes", "--force"]);
    let expected =
        json!({"table": name, "prefix": "p", "retired": true, "held": 1, "waiting": 1, "waiting_more": false});
    assert_eq!(left, expected);
    assert_eq!(pool_row(name).await, None);
}

#[tokio::test]
async fn a_late_sweep_of_a_retired_pool_leaves_nothing_behind() {
    let name = "left-behind";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "1"]);
    granted(name, "one").await;
    let mut command = on(name);
    let mut retiring = command.args(["pool", "rm", "p", "--yes", "--force"]).spawn().expect("the binary");
    while pool_row(name).await.is_some() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    // A caller with settings from before sweeps.
    let late =
        SummaryRow { at: Timestamp(9), limit: limit(1), held: 1, waiting: 0, waiting_more: false, waiting_since: None };
    put_row(&table(name), &prefix("p"), Row::Summary(late)).await;
    assert!(retiring.wait().expect("its end").success());
    assert_eq!(document(name, &["doctor"])["findings"], json!([]));
}

#[tokio::test]
async fn without_a_terminal_nothing_is_retired_unless_said_so() {
    let name = "unasked";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "1"]);
    let wrong = refused(on(name), 2, &["pool", "rm", "p"]);
    assert!(wrong.contains("no terminal to ask on; nothing was changed; add --yes"), "{wrong}");
    // Before anything is looked at: also where there is no such pool.
    assert_eq!(refused(on(name), 2, &["pool", "rm", "no-such-pool"]), wrong);
    assert_eq!(pool_row(name).await, Some(PoolRow::new(limit(1))));
}

#[tokio::test]
async fn on_a_terminal_a_pool_is_retired_if_its_name_is_typed() {
    let name = "asked";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "1"]);
    for keys in ["y\n", "\n", "pp\n", "\u{4}"] {
        let (status, shown) = typed(name, &["pool", "rm", "p"], keys);
        assert_eq!(status, Some(1), "{keys:?}: {shown}");
        assert!(shown.contains("Pool p in table asked: 0 held, 0 waiting."), "{shown}");
        assert!(shown.contains("\"p\" was not typed; nothing was changed"), "{shown}");
        assert_eq!(pool_row(name).await, Some(PoolRow::new(limit(1))), "{keys:?}");
    }
    let (status, shown) = typed(name, &["pool", "rm", "p"], "p\n");
    assert_eq!(status, Some(0), "{shown}");
    assert!(shown.contains("Type \"p\" to go on:") && shown.contains("is retired"), "{shown}");
    assert_eq!(pool_row(name).await, None);
}

#[tokio::test]
async fn without_a_terminal_no_pool_is_changed_unless_said_so() {
    let name = "unasked-change";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "5"]);
    for arguments in
        [&["pool", "set", "p", "--limit", "4"][..], &["pool", "override", "p", "--limit", "4", "--reason", "slow"]]
    {
        let wrong = refused(on(name), 2, arguments);
        assert!(wrong.contains("no terminal to ask on; nothing was changed; add --yes"), "{wrong}");
    }
    assert_eq!((pool_row(name).await, row(name, RowKey::Override).await), (Some(PoolRow::new(limit(5))), None));
    told(name, &["pool", "override", "p", "--limit", "4", "--reason", "slow", "--yes"]);
    refused(on(name), 2, &["pool", "override", "p", "--end"]);
    assert!(row(name, RowKey::Override).await.is_some());
    // What is so already needs no answer.
    assert!(told(name, &["pool", "set", "p", "--limit", "5"]).contains("nothing was changed"));
}

#[tokio::test]
async fn on_a_terminal_a_pool_is_changed_if_its_name_is_typed() {
    let name = "asked-change";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "5"]);
    let set = ["pool", "set", "p", "--limit", "4"];
    let (status, shown) = typed(name, &set, "no\n");
    assert_eq!(status, Some(1), "{shown}");
    assert!(shown.contains("limit         5 -> 4") && !shown.contains("lease "), "what changes, no more: {shown}");
    assert_eq!(pool_row(name).await, Some(PoolRow::new(limit(5))));
    let (status, shown) = typed(name, &set, "p\n");
    assert_eq!(status, Some(0), "{shown}");
    assert_eq!(pool_row(name).await.map(|row| row.limit), Some(limit(4)));

    let hurry = ["pool", "override", "p", "--limit", "9", "--reason", "hurry"];
    let (status, shown) = typed(name, &hurry, "9\n");
    assert_eq!(status, Some(1), "{shown}");
    assert!(
        shown.contains("The limit of pool p in table asked-change is 4. An override makes it 9 at once"),
        "{shown}"
    );
    assert_eq!(row(name, RowKey::Override).await, None);
    assert_eq!(typed(name, &hurry, "p\n").0, Some(0));
    let (status, shown) = typed(name, &["pool", "override", "p", "--end"], "p\n");
    assert_eq!(status, Some(0), "{shown}");
    assert!(shown.contains("(hurry). Ended, the limit is 4 at once; it is 9 now."), "{shown}");
    assert_eq!(row(name, RowKey::Override).await, None);
}

#[test]
fn a_missing_table_is_named_with_where_it_was_looked_for() {
    for arguments in [&["pool", "set", "p", "--limit", "1"][..], &["pool", "rm", "p", "--yes"], &["pools"]] {
        let wrong = refused(on("no-such-table"), 3, arguments);
        for words in ["table no-such-table does not exist", "leasehold table create", "[region eu-central-1, endpoint"]
        {
            assert!(wrong.contains(words), "{arguments:?}: {words:?}: {wrong}");
        }
    }
}

#[test]
fn the_defaults_that_the_help_names_are_those_in_force() {
    told("defaults", &["table", "create"]);
    let settings = document("defaults", &["pool", "set", "p", "--limit", "1"])["settings"].clone();
    let help = told("defaults", &["pool", "set", "--help"]);
    let named = |flag: &str| {
        let after = help.split(&format!("--{flag} <TIME>")).nth(1).expect(flag);
        after.split_once("[default: ").and_then(|(_, rest)| rest.split_once(']')).expect(flag).0.to_owned()
    };
    let flags = ["lease", "grace", "quiet", "longest-wait", "longest-hold", "sweep-every"];
    // Set to what the help says, nothing changes.
    for flag in flags {
        let done = document("defaults", &["pool", "set", "p", &format!("--{flag}"), &named(flag)]);
        assert_eq!((&done["changed"], &done["settings"]), (&Value::Array(vec![]), &settings), "{flag}");
    }
}

#[tokio::test]
async fn what_the_commands_make_is_what_the_store_makes() {
    told("by-command", &["table", "create"]);
    assert_eq!(create_table(&table("by-command")).await, Ok(TableCreated::Existed));
    create_table(&table("by-store")).await.expect("a table");
    assert_eq!(document("by-store", &["table", "create"])["created"], false);
}

#[test]
fn times_that_are_too_short_are_made_with_a_warning() {
    told("short", &["table", "create"]);
    let set = ["pool", "set", "p", "--limit", "1", "--lease", "2s", "--grace", "0s"];
    let misfits = document("short", &set)["misfits"].clone();
    let codes: Vec<&str> = misfits.as_array().expect("a list").iter().filter_map(|one| one["code"].as_str()).collect();
    assert_eq!(codes, ["settings-grace-short", "settings-lease-short"]);
    let words = told("short", &set);
    for line in [
        "! The grace is 0s; callers may differ about the time by 2s. A lease may be taken by another while",
        "! A lease lasts 2s; 10s or longer is advised. Its holder renews it well before its end.",
        "leasehold pool set p --grace 5s",
    ] {
        assert!(words.contains(line), "{words}");
    }
    // Before anybody says yes.
    let (status, asked) = typed("short", &["pool", "set", "p", "--grace", "1s"], "p\n");
    assert!(status == Some(0) && asked.matches("! The grace is 1s").count() == 2, "{asked}");
    let words = told("short", &["pool", "set", "p", "--lease", "5m", "--grace", "5s", "--yes"]);
    assert!(!words.contains('!'), "{words}");
}

#[tokio::test]
async fn a_table_whose_ttl_is_off_is_told_when_it_is_on() {
    told("no-ttl", &["table", "create"]);
    let off = TimeToLiveSpecification::builder().enabled(false).attribute_name("ttl").build().expect("a specification");
    let client = aws_sdk_dynamodb::Client::from_conf(config().build());
    let off = client.update_time_to_live().table_name("no-ttl").time_to_live_specification(off);
    off.send().await.expect("TTL is off");
    let words = told("no-ttl", &["table", "create"]);
    assert!(words.contains("its TTL was off and is on now, for the attribute ttl"), "{words}");
    let again = document("no-ttl", &["table", "create"]);
    assert_eq!((&again["created"], &again["ttl_turned_on"]), (&json!(false), &json!(false)));
    assert!(told("no-ttl", &["table", "create"]).contains("nothing was changed"));
}
