//! What a command tells with `--output json` keeps to the schema that `leasehold schema` prints for it, and the schema
//! knows every field of it. Against a local AWS, by the real binary.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod local_aws;

use local_aws::{bare, document, on, refused, run, told};
use serde_json::{Value, json};

fn schema(command: &str) -> Value {
    let arguments: Vec<&str> = std::iter::once("schema").chain(command.split(' ')).collect();
    let ended = run(bare(), &arguments);
    assert_eq!((ended.status, &*ended.wrong), (Some(0), ""), "{command}");
    serde_json::from_str(&ended.told).expect("a schema")
}

/// What is wrong with a document. Of JSON schema it knows what the schemas here use, and refuses anything else.
fn flaws(schema: &Value, document: &Value, at: &str) -> Vec<String> {
    const ABOUT: [&str; 3] = ["$schema", "title", "description"];
    let mut flaws = vec![];
    for (word, says) in schema.as_object().expect("a schema is an object") {
        let holds = match word.as_str() {
            about if ABOUT.contains(&about) => true,
            "type" => {
                let types = says.as_array().cloned().unwrap_or_else(|| vec![says.clone()]);
                types.iter().any(|one| is(document, one.as_str().expect("a type's name")))
            }
            "const" => document == says,
            "oneOf" => {
                let kinds = says.as_array().expect("schemas");
                kinds.iter().filter(|kind| self::flaws(kind, document, at).is_empty()).count() == 1
            }
            "enum" => says.as_array().expect("values").contains(document),
            "minimum" => document.as_i64().is_none_or(|number| number >= says.as_i64().expect("a number")),
            "maximum" => document.as_i64().is_none_or(|number| number <= says.as_i64().expect("a number")),
            "required" => {
                let fields = says.as_array().expect("names").iter().filter_map(Value::as_str);
                document.as_object().is_none_or(|has| fields.into_iter().all(|field| has.contains_key(field)))
            }
            "properties" => {
                for (field, value) in document.as_object().into_iter().flatten() {
                    match says.get(field) {
                        Some(schema) => flaws.extend(self::flaws(schema, value, &format!("{at}.{field}"))),
                        None => flaws.push(format!("{at}.{field}: the schema does not know it")),
                    }
                }
                true
            }
            "items" => {
                for (index, value) in document.as_array().into_iter().flatten().enumerate() {
                    flaws.extend(self::flaws(says, value, &format!("{at}[{index}]")));
                }
                true
            }
            other => panic!("{at}: this test does not know {other:?}"),
        };
        if !holds {
            flaws.push(format!("{at}: {document} is not of {word} {says}"));
        }
    }
    flaws
}

fn is(document: &Value, kind: &str) -> bool {
    match kind {
        "null" => document.is_null(),
        "boolean" => document.is_boolean(),
        "integer" => document.is_i64() || document.is_u64(),
        "number" => document.is_number(),
        "string" => document.is_string(),
        "array" => document.is_array(),
        "object" => document.is_object(),
        other => panic!("this test does not know the type {other:?}"),
    }
}

/// Runs a command whose name is the first so many of its arguments, and holds what it tells against its schema.
fn keeps(table: &str, words: usize, arguments: &[&str]) -> Value {
    let document = document(table, arguments);
    let command = arguments[..words].join(" ");
    assert_eq!(flaws(&schema(&command), &document, &command), Vec::<String>::new(), "{document:#}");
    document
}

#[test]
fn whatever_is_told_keeps_to_it() {
    let table = "schemas";
    keeps(table, 2, &["table", "create"]);
    keeps(table, 1, &["pools"]);
    keeps(table, 1, &["doctor"]);
    // Quiet periods and sweeps are short: the holder below waits for both after the limit is lowered.
    keeps(table, 2, &["pool", "set", "p", "--limit", "1", "--quiet", "5s", "--grace", "1s", "--sweep-every", "1s"]);
    keeps(table, 1, &["pools"]);
    keeps(table, 1, &["leases", "p"]);
    // A grace of a second is too short.
    let found = run(on(table), &["doctor", "p", "--output", "json"]);
    let report: Value = serde_json::from_str(&found.told).expect("JSON");
    assert_eq!((found.status, &report["findings"][0]["code"]), (Some(1), &json!("settings-grace-short")), "{found:?}");
    assert_eq!(flaws(&schema("doctor"), &report, "doctor"), Vec::<String>::new(), "{report:#}");
    keeps(table, 2, &["pool", "set", "p", "--limit", "2", "--lease", "10m", "--yes"]);
    keeps(
        table,
        2,
        &["pool", "override", "p", "--limit", "1", "--reason", "the partner is slow", "--who", "ann", "--yes"],
    );
    assert!(keeps(table, 2, &["pool", "set", "p", "--grace", "2s", "--yes"])["override"].is_object());
    // One that holds, seen while it does; it releases itself.
    let script =
        "\"$LEASEHOLD\" leases p --output json; \"$LEASEHOLD\" release $LEASEHOLD_LEASE_ID --yes --output json";
    let mut holder = on(table);
    holder.env("LEASEHOLD", env!("CARGO_BIN_EXE_leasehold"));
    let ended = run(holder, &["run", "--prefix", "p", "--key", "k", "--", "sh", "-c", script]);
    let mut documents = serde_json::Deserializer::from_str(&ended.told).into_iter::<Value>();
    for command in ["leases", "release"] {
        let document = documents.next().expect(command).expect("JSON");
        assert_eq!(flaws(&schema(command), &document, command), Vec::<String>::new(), "{document:#}");
        assert!(command == "release" || document["leases"][0]["holder"]["key"] == "k", "{document:#}");
    }
    keeps(table, 1, &["sweep", "p"]);
    keeps(table, 1, &["pools"]);
    keeps(table, 2, &["pool", "override", "p", "--end", "--yes"]);
    keeps(table, 2, &["pool", "rm", "p", "--yes"]);
    let arn = "arn:aws:lambda:eu-central-1:123456789012:function:f";
    let states = run(bare(), &["states", "--function-arn", arn, "--single-holder"]).told;
    let states: Value = serde_json::from_str(&states).expect("JSON");
    assert_eq!(flaws(&schema("states"), &states, "states"), Vec::<String>::new());
}

#[test]
fn the_demo_s_report_keeps_to_it() {
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scenarios/quick.toml");
    for more in [&[][..], &["--kill", "1", "--limit", "batch=3@0.3"], &["--poll"]] {
        let ended = run(bare(), &[&["demo", scenario, "--output", "json"], more].concat());
        assert_eq!(ended.status, Some(0), "{ended:?}");
        let report: Value = serde_json::from_str(&ended.told).expect("JSON");
        assert_eq!(flaws(&schema("demo"), &report, "demo"), Vec::<String>::new(), "{report:#}");
    }
}

#[test]
fn every_line_of_a_recording_keeps_to_it() {
    let schema = schema("record");
    let lines: Vec<Value> =
        include_str!("recordings/demo.jsonl").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let held = |line: &Value| {
        line["pool"]["slots"].as_array().is_some_and(|all| all.iter().any(|one| one["lease"].is_object()))
    };
    let waits = |line: &Value| line["pool"]["queue"].as_array().is_some_and(|all| !all.is_empty());
    assert!(lines.iter().any(held) && lines.iter().any(waits), "there is something in it");
    let gone = json!({"at_ms": 1, "gone": "batch"});
    let broken = |rest: &Value| {
        let slots = json!([[1, "its fence is no number"]]);
        json!({"at_ms": 1, "broken": "a", "why": "a row", "slots": slots, "rest": rest})
    };
    let whole = lines.iter().find(|line| held(line)).expect("a look");
    let least = json!({"at_ms": 1, "broken": "a", "why": "a row"});
    for (number, line) in lines.iter().chain([&gone, &broken(&whole["pool"]), &least]).enumerate() {
        assert_eq!(flaws(&schema, line, "line"), Vec::<String>::new(), "line {number}");
    }
    for wrong in
        [json!({"at_ms": 1}), json!({"at_ms": 1, "gone": "a", "pool": lines[1]["pool"]}), json!({}), broken(&json!(1))]
    {
        assert!(!flaws(&schema, &wrong, "line").is_empty(), "{wrong}");
    }
}

#[test]
fn every_schema_is_listed_and_any_other_refused_with_the_list() {
    let listed = run(bare(), &["schema"]).told;
    for command in listed.lines() {
        assert!(schema(command)["title"].as_str().is_some_and(|title| title.contains(command)), "{command}");
        // Each is a command with a help of its own, which shows the same fields to a person.
        let help: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let help = run(bare(), &help).told;
        let schema = schema(command);
        let kinds = schema["oneOf"].as_array().cloned().unwrap_or_else(|| vec![schema.clone()]);
        for field in kinds.iter().flat_map(|kind| kind["required"].as_array().expect("fields")) {
            // The demo's help lists them as words.
            let shown = if command == "demo" { field.as_str().expect("a name").to_owned() } else { field.to_string() };
            assert!(help.contains(&shown), "{command} --help does not show {field}");
        }
    }
    let wrong = refused(bare(), 2, &["schema", "pool", "sett"]);
    assert!(wrong.contains("pool set"), "{wrong}");
}

#[test]
fn the_check_itself_finds_what_is_wrong() {
    let schema =
        json!({"type": "object", "required": ["a"], "properties": {"a": {"type": ["integer", "null"], "minimum": 0}}});
    for wrong in [json!({}), json!({"a": "1"}), json!({"a": -1}), json!({"a": 1, "b": 2}), json!([])] {
        assert!(!flaws(&schema, &wrong, "it").is_empty(), "{wrong}");
    }
    for right in [json!({"a": 0}), json!({"a": null})] {
        assert!(flaws(&schema, &right, "it").is_empty(), "{right}");
    }
}

#[test]
fn an_override_is_made_with_a_reason_and_ended() {
    let table = "overrides";
    told(table, &["table", "create"]);
    told(table, &["pool", "set", "p", "--limit", "5"]);
    for arguments in [
        &["pool", "override", "p"][..],
        &["pool", "override", "p", "--limit", "3"],
        &["pool", "override", "p", "--limit", "0", "--reason", "x"],
        &["pool", "override", "p", "--limit", "3", "--reason", ""],
        &["pool", "override", "p", "--limit", "3", "--end"],
        &["pool", "override", "p", "--end", "--for", "2h"],
        &["pool", "override", "p", "--limit", "3", "--reason", "x", "--for", "10s"],
    ] {
        refused(on(table), 2, arguments);
    }
    let made = document(
        table,
        &["pool", "override", "p", "--limit", "3", "--reason", "the partner is slow", "--who", "ann", "--yes"],
    );
    assert_eq!((&made["from"], &made["to"], &made["override"]["who"]), (&json!(5), &json!(3), &json!("ann")));
    let again = ["pool", "override", "p", "--limit", "3", "--reason", "the partner is slow", "--who", "ann", "--yes"];
    let again = told(table, &again);
    assert!(again.starts_with("the limit of pool p in table overrides stays 3\n"), "{again}");
    let settles = document(table, &["leases", "p"])["settles_at_ms"].clone();
    assert_eq!(settles, made["settles_at_ms"], "since the first of both");
    let seen = keeps(table, 1, &["leases", "p"]);
    assert_eq!((&seen["limit"], &seen["override"]["why"]), (&json!(3), &json!("the partner is slow")));
    assert!(told(table, &["leases", "p"]).contains("\nan override by ann since "), "for people, too");
    // It survives a deploy, which changes the pool's own limit.
    told(table, &["pool", "set", "p", "--limit", "6", "--yes"]);
    assert_eq!(document(table, &["leases", "p"])["limit"], 3);
    let ended = document(table, &["pool", "override", "p", "--end", "--yes"]);
    let expected = json!({"table": table, "prefix": "p", "from": 3, "to": 6, "changed": true, "settles_at_ms": null,
                          "limit_was": null, "override": null});
    assert_eq!(ended, expected);
    assert_eq!(document(table, &["leases", "p"])["limit"], 6);
    assert!(told(table, &["pool", "override", "p", "--end", "--yes"]).contains("has no override: nothing was changed"));
    let drained = told(table, &["pool", "override", "p", "--drain", "--reason", "stop", "--yes"]);
    assert!(
        drained
            .starts_with("the limit of pool p in table overrides is 0 now; it was 6\nnobody is let in any more from "),
        "{drained}"
    );
    let missing = refused(on(table), 1, &["pool", "override", "q", "--end"]);
    assert!(missing.contains("pool q does not exist"), "{missing}");
}

#[test]
fn a_lowered_limit_says_until_when_it_settles() {
    let table = "settling";
    told(table, &["table", "create"]);
    told(table, &["pool", "set", "p", "--limit", "2", "--quiet", "30s", "--grace", "0s"]);
    let made = ["pool", "override", "p", "--limit", "5", "--reason", "hurry", "--yes"];
    assert_eq!(document(table, &made)["settles_at_ms"], Value::Null);
    // Its end lowers the limit: nobody gets in for two quiet periods, though nobody holds a lease.
    let ended = told(table, &["pool", "override", "p", "--end", "--yes"]);
    assert!(ended.contains("\nclosed until ") && ended.contains(" UTC (limit was 5); leases that are held"), "{ended}");
    let seen = keeps(table, 1, &["leases", "p"]);
    assert_eq!((&seen["state"], &seen["limit_was"]), (&json!("settling"), &json!(5)));
    assert!(seen["settles_at_ms"].as_u64() > seen["at_ms"].as_u64(), "{seen:#}");
    let shown = told(table, &["leases", "p"]);
    assert!(shown.contains("0 waiting, settling; closed until "), "{shown}");
    let unswept = told(table, &["pools"]);
    assert!(unswept.contains("settling until ") && unswept.contains("  never  "), "{unswept}");
    told(table, &["sweep", "p"]);
    let listed = keeps(table, 1, &["pools"]);
    assert_eq!((&listed["pools"][0]["state"], &listed["pools"][0]["limit_was"]), (&json!("settling"), &json!(5)));
    assert!(told(table, &["pools"]).contains("settling until "));
    let shown = keeps(table, 2, &["pool", "show", "p"]);
    assert_eq!((&shown["limit"], &shown["effective_limit"], &shown["edition"]), (&json!(2), &json!(0), &json!(2)));
}

#[test]
fn every_list_shows_an_override_and_until_when_it_lasts() {
    let table = "listed-override";
    told(table, &["table", "create"]);
    told(table, &["pool", "set", "p", "--limit", "5"]);
    told(table, &["sweep", "p"]);
    let made =
        ["pool", "override", "p", "--limit", "7", "--for", "2h", "--reason", "month end", "--who", "ann", "--yes"];
    let made = keeps(table, 2, &made);
    let lasts =
        made["override"]["until_ms"].as_u64().expect("an end") - made["override"]["at_ms"].as_u64().expect("a time");
    // Counted from when it was written, a moment after it was made.
    assert!((2 * 3_600_000..2 * 3_600_000 + 60_000).contains(&lasts), "{lasts}");
    // Though the last sweep saw another limit.
    let listed = keeps(table, 1, &["pools"]);
    let pool = &listed["pools"][0];
    assert_eq!((&pool["limit"], &pool["override"]["who"]), (&json!(7), &json!("ann")));
    let words = told(table, &["pools"]);
    assert!(words.contains("by ann: month end"), "{words}");
    let shown = keeps(table, 2, &["pool", "show", "p"]);
    assert_eq!((&shown["override"], &shown["settings"]["limit"]), (&made["override"], &json!(5)));
    let words = told(table, &["pool", "show", "p"]);
    assert!(words.contains("an override by ann since ") && words.contains(" until "), "{words}");
}

#[test]
fn a_long_reason_is_cut_in_lists_alone() {
    let table = "long-reason";
    told(table, &["table", "create"]);
    told(table, &["pool", "set", "p", "--limit", "5"]);
    let why = format!("{}the end", "because of many things ".repeat(20));
    told(table, &["pool", "override", "p", "--limit", "2", "--reason", &why, "--yes"]);
    let listed = told(table, &["pools"]);
    assert!(listed.trim_end().ends_with('…') && listed.lines().all(|line| line.chars().count() < 150), "{listed}");
    for command in [&["pool", "show", "p"][..], &["pool", "history", "p"], &["leases", "p"]] {
        let words = told(table, command);
        assert!(words.contains(&why) && !words.contains('…'), "{command:?}: {words}");
    }
    assert_eq!(document(table, &["pools"])["pools"][0]["override"]["why"], json!(why));
}

#[test]
fn a_pools_history_says_who_changed_what_and_why() {
    let table = "history";
    told(table, &["table", "create"]);
    refused(on(table), 1, &["pool", "history", "p"]);
    let by = ["--who", "ann", "--reason"];
    told(table, &[&["pool", "set", "p", "--limit", "5"][..], &by, &["we begin"]].concat());
    told(table, &["pool", "set", "p", "--limit", "6", "--lease", "1m", "--who", "bob", "--yes"]);
    told(table, &[&["pool", "override", "p", "--limit", "2", "--yes"][..], &by, &["the partner is slow"]].concat());
    told(table, &[&["pool", "override", "p", "--end", "--yes"][..], &by, &["it is quick again"]].concat());
    // What changes nothing is not noted.
    told(table, &["pool", "set", "p", "--limit", "6", "--yes"]);
    told(table, &["pool", "override", "p", "--end", "--yes"]);
    told(table, &[&["pool", "rm", "p", "--yes"][..], &by, &["we are done"]].concat());
    let told_as = |change: &Value| {
        let field = |name: &str| change[name].clone();
        [field("change"), field("from"), field("to"), field("who"), field("why")]
    };
    let history = keeps(table, 2, &["pool", "history", "p"]);
    let changes: Vec<_> = history["changes"].as_array().expect("changes").iter().map(told_as).collect();
    let expected = [
        json!(["retired", null, null, "ann", "we are done"]),
        json!(["ended", 2, 6, "ann", "it is quick again"]),
        json!(["overridden", 6, 2, "ann", "the partner is slow"]),
        json!(["set", null, null, "bob", ""]),
        json!(["made", null, 5, "ann", "we begin"]),
    ];
    assert_eq!(json!(changes), json!(expected));
    let settings =
        json!([{"setting": "limit", "from": 5, "to": 6}, {"setting": "lease_ms", "from": null, "to": 60_000}]);
    assert_eq!(history["changes"][3]["settings"], settings);
    let words = told(table, &["pool", "history", "p"]);
    assert!(words.contains("set limit 5 -> 6, lease default -> 1m"), "{words}");
}

#[test]
fn whoever_waits_gets_in_when_an_override_ends_never_too_early() {
    let table = "ended-override";
    told(table, &["table", "create"]);
    told(table, &["pool", "set", "p", "--limit", "1", "--sweep-every", "1h"]);
    told(table, &["pool", "override", "p", "--drain", "--reason", "stop", "--yes"]);
    let waits = run(on(table), &["run", "--prefix", "p", "--wait", "0s", "--", "echo", "started"]);
    assert_eq!(waits.status, Some(124), "{waits:?}");
    told(table, &["pool", "override", "p", "--end", "--yes"]);
    let comes = run(on(table), &["run", "--prefix", "p", "--wait", "0s", "--", "echo", "started"]);
    assert_eq!((comes.status, &*comes.told), (Some(0), "started\n"), "{comes:?}");
    // Raised, then ended: until everybody surely follows, the slots up to the raised limit count as held.
    told(table, &["pool", "override", "p", "--limit", "2", "--reason", "hurry", "--yes"]);
    told(table, &["pool", "override", "p", "--end", "--yes"]);
    let early = run(on(table), &["run", "--prefix", "p", "--wait", "0s", "--", "echo", "started"]);
    assert_eq!(early.status, Some(124), "{early:?}");
}
