//! `leasehold states` prints what Terraform's `states` module renders, whatever the mode and the query language, with
//! everything that is somebody's own replaced.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value, json};

const ARN: &str = "arn:aws:lambda:eu-central-1:123456789012:function:analytics-lease-manager";
const OTHER: &str = "arn:aws-cn:lambda:cn-north-1:210987654321:function:mine:live";

fn rendered(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../terraform/states/tests/rendered").join(name);
    serde_json::from_slice(&std::fs::read(path).expect(name)).expect("JSON")
}

fn states(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leasehold"));
    let output = command.arg("states").args(arguments).output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn printed(arguments: &[&str]) -> Value {
    let (status, told, wrong) = states(arguments);
    assert_eq!((status, &*wrong), (Some(0), ""), "{arguments:?}");
    serde_json::from_str(&told).expect("JSON")
}

fn file(name: &str, content: &Value) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}.json", std::process::id()));
    std::fs::write(&path, content.to_string()).expect("a file");
    path
}

/// Every machine that the module's tests render, and the options that make the same.
fn machines() -> Vec<(&'static str, Vec<&'static str>)> {
    let jsonpath = ["--key-path", "$.item.id", "--parent-path", "$.parent", "--label-path", "$$.Execution.Name"];
    let jsonata = [
        "--query-language",
        "jsonata",
        "--key-path",
        "$states.input.item.id",
        "--parent-path",
        "$states.input.parent",
        "--label-path",
        "$states.context.Execution.Name",
    ];
    let own = ["--function-arn", ARN, "--lease-seconds", "600"];
    vec![
        ("queue-jsonpath.json", [&own[..], &jsonpath].concat()),
        ("queue-jsonata.json", [&own[..], &jsonata].concat()),
        ("poll-jsonpath.json", [&own[..], &jsonpath, &["--mode", "poll"]].concat()),
        ("poll-jsonata.json", [&own[..], &jsonata, &["--mode", "poll"]].concat()),
    ]
}

#[test]
fn with_the_same_options_they_are_the_same() {
    for (name, options) in machines() {
        let machine = rendered(name);
        let mut work = machine["States"]["Process"].clone();
        let fields: &mut Map<String, Value> = work.as_object_mut().expect("a state");
        let catch = fields.remove("Catch").expect("the module's");
        fields.remove("Next").expect("the module's");
        // The whole machine, with the work.
        let path = file(name, &work);
        let with_work = [&options[..], &["--work", path.to_str().expect("a path")]].concat();
        assert_eq!(printed(&with_work), machine, "{name}");
        // The parts, without.
        let mut states = machine["States"].clone();
        states.as_object_mut().expect("states").remove("Process");
        let parts = json!({"start_at": "AcquireLease", "states": states, "work_catch": catch});
        let mut told = printed(&options);
        for branches in ["branches_catch", "release_all_states"] {
            told.as_object_mut().expect("fields").remove(branches).expect(branches);
        }
        assert_eq!(told, parts, "{name}");
    }
}

#[test]
fn what_a_catch_of_branches_leads_to_is_the_same() {
    for (language, prefix) in [("jsonpath", "$.prefix"), ("jsonata", "$states.input.prefix")] {
        let mut machine = rendered(&format!("branches-{language}.json"));
        let map = machine["States"].as_object_mut().and_then(|states| states.remove("Items")).expect("the Map");
        let own = ["--function-arn", ARN, "--single-holder", "--query-language", language];
        let told = printed(&[&own[..], &["--release-all-key-prefix-path", prefix]].concat());
        assert_eq!(told["release_all_states"], machine["States"], "{language}");
        assert_eq!(told["branches_catch"], map["Catch"], "{language}");

        let mut polls = printed(&[&own[..], &["--mode", "poll", "--function-timeout-seconds", "30"]].concat());
        let release = polls["release_all_states"]["ReleaseAll"].take();
        let event = release.get("Parameters").or(release.get("Arguments")).expect("an event");
        assert_eq!(event.get("key_prefix").or(event.get("key_prefix.$")), None, "{language}");
        assert_eq!(event["attempt"].get("redrive.$"), None, "{language}");
        assert_eq!(release["TimeoutSeconds"], 60, "{language}");
    }
}

#[test]
fn a_task_says_how_long_it_waits_and_a_poll_does_not() {
    let own = ["--function-arn", ARN, "--single-holder", "--wait-seconds", "90"];
    for (language, arguments) in [("jsonpath", "Parameters"), ("jsonata", "Arguments")] {
        let options = [&own[..], &["--query-language", language]].concat();
        let event = printed(&options)["states"]["AcquireLease"][arguments]["Payload"].take();
        assert_eq!(event["wait_seconds"], 90, "{language}");
        let (status, _, wrong) = states(&[&options[..], &["--mode", "poll"]].concat());
        assert_eq!(status, Some(2), "{language}");
        assert!(wrong.contains("--wait-seconds is for --mode queue"), "{wrong}");
    }
}

#[test]
fn a_task_is_not_given_up_before_it_can_be_told() {
    let own = ["--function-arn", ARN, "--single-holder"];
    // As the module's preconditions have it, and only where a task waits.
    for (times, longer_than) in [
        (["--acquire-timeout-seconds", "60", "--wait-seconds", "60"], "--wait-seconds"),
        (["--acquire-timeout-seconds", "60", "--function-timeout-seconds", "60"], "--function-timeout-seconds"),
    ] {
        let options = [&own[..], &times].concat();
        let (status, told, wrong) = states(&options);
        assert_eq!((status, &*told), (Some(2), ""), "{times:?}");
        assert!(wrong.contains(&format!("--acquire-timeout-seconds must be longer than {longer_than}")), "{wrong}");
        let longer = [&options[..1], &options[1..3], &["--acquire-timeout-seconds", "61"], &options[5..]].concat();
        assert_eq!(printed(&longer)["states"]["AcquireLease"]["TimeoutSeconds"], 61, "{longer:?}");
    }
    // By default it waits for a day and a few minutes.
    let (status, _, wrong) = states(&[&own[..], &["--wait-seconds", "86580"]].concat());
    assert_eq!((status, wrong.contains("must be longer than --wait-seconds")), (Some(2), true), "{wrong}");
    let (status, _, wrong) = states(&[&own[..], &["--mode", "poll", "--acquire-timeout-seconds", "60"]].concat());
    assert_eq!((status, wrong.contains("--acquire-timeout-seconds is for --mode queue")), (Some(2), true), "{wrong}");
}

#[test]
fn what_is_no_number_of_seconds_is_told_what_is_one() {
    for (option, most) in [
        ("--lease-seconds", "31536000"),
        ("--wait-seconds", "31536000"),
        ("--acquire-timeout-seconds", "99999999"),
        ("--function-timeout-seconds", "900"),
    ] {
        for number in ["0", "-1", "5m", "", "1.5", "100000000"] {
            let (status, told, wrong) = states(&["--function-arn", ARN, "--single-holder", option, number]);
            assert_eq!((status, &*told), (Some(2), ""), "{option} {number:?}");
            let expected = format!("expected a whole number of seconds, from 1 to {most}, without a unit");
            assert!(wrong.contains(option) && wrong.contains(&expected), "{option} {number:?}: {wrong}");
        }
    }
}

#[test]
fn no_call_is_given_up_while_the_function_is_at_work() {
    let own = ["--function-arn", ARN, "--single-holder"];
    for (mode, acquire) in [("queue", 86_580), ("poll", 150)] {
        let timeout = ["--mode", mode, "--function-timeout-seconds", "120"];
        let states = printed(&[&own[..], &timeout].concat())["states"].take();
        assert_eq!(states["AcquireLease"]["TimeoutSeconds"], acquire, "{mode}");
        for release in ["ReleaseLease", "ReleaseLeaseAfterFailure"] {
            assert_eq!(states[release]["TimeoutSeconds"], 150, "{mode}: {release}");
        }
        // Where nobody says, the function may run as long as Lambda lets it.
        let unknown = printed(&[&own[..], &["--mode", mode]].concat());
        assert_eq!(unknown["states"]["ReleaseLease"]["TimeoutSeconds"], 930, "{mode}");
    }
}

fn texts(value: &Value, all: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => drop(all.insert(text.clone())),
        Value::Array(values) => values.iter().for_each(|value| texts(value, all)),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            all.insert(name.clone());
            texts(value, all);
        }),
        _ => {}
    }
}

#[test]
fn nothing_of_the_example_is_left_in_somebodys_own() {
    let names = [
        "--acquire-name",
        "A",
        "--check-name",
        "B",
        "--wait-name",
        "C",
        "--unexpected-answer-name",
        "D",
        "--work-name",
        "E",
        "--release-name",
        "F",
        "--left-to-expire-name",
        "G",
        "--release-after-failure-name",
        "H",
        "--raise-error-name",
        "I",
    ];
    let path = file("own-work", &json!({"Type": "Map", "ResultPath": "$.r"}));
    let output = file("own-work-jsonata", &json!({"Type": "Map", "Output": "{% $states.input %}"}));
    for (name, _) in machines() {
        let mode = if name.starts_with("queue") { "queue" } else { "poll" };
        let language = if name.contains("jsonata") { "jsonata" } else { "jsonpath" };
        let own = ["--function-arn", OTHER, "--single-holder", "--mode", mode, "--query-language", language];
        let work = if language == "jsonata" { &output } else { &path };
        let work = ["--work", work.to_str().expect("a path")];
        let timeout = if mode == "queue" { &["--acquire-timeout-seconds", "77"][..] } else { &[] };
        let machine = printed(&[&own[..], &names, &work, timeout].concat());
        let mut left = BTreeSet::new();
        texts(&machine, &mut left);
        for text in &left {
            for of_the_example in ["eu-central-1", "123456789012", "analytics", "item.id", "$.parent", "input.parent"] {
                assert!(!text.contains(of_the_example), "{name}: {text}");
            }
        }
        // Each name leads somewhere, and everything can be reached.
        let states = machine["States"].as_object().expect("states");
        let mut led_to = BTreeSet::from([machine["StartAt"].as_str().expect("a name").to_owned()]);
        leads(&machine["States"], &mut led_to);
        let there: BTreeSet<String> = states.keys().cloned().collect();
        assert_eq!(led_to, there, "{name}");
        let expected = if mode == "queue" { "AEFGHI" } else { "ABCDEFGHI" };
        assert_eq!(there.into_iter().collect::<String>(), expected, "{name}");
        if mode == "queue" {
            assert_eq!(states["A"]["TimeoutSeconds"], 77);
            assert_eq!(states["A"]["Resource"], "arn:aws-cn:states:::lambda:invoke.waitForTaskToken");
        }
        let event = states["A"].pointer("/Parameters/Payload").or(states["A"].pointer("/Arguments/Payload"));
        let event = event.or(states["A"].get("Parameters")).or(states["A"].get("Arguments")).expect("an event");
        for field in ["key", "key.$", "parent", "parent.$", "label", "label.$", "lease_seconds"] {
            assert!(event.get(field).is_none(), "{name}: {event}");
        }
    }
}

fn leads(value: &Value, all: &mut BTreeSet<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| leads(value, all)),
        Value::Object(fields) => {
            let to = ["Next", "Default"].into_iter().filter_map(|field| fields.get(field).and_then(Value::as_str));
            all.extend(to.map(str::to_owned));
            fields.values().for_each(|value| leads(value, all));
        }
        _ => {}
    }
}

#[test]
fn what_comes_after_the_release_is_somebodys_own() {
    // Even if it is called as a state of the example.
    for after in ["Report", "WaitForLease"] {
        let parts = printed(&["--function-arn", ARN, "--single-holder", "--after-release", after]);
        let release = &parts["states"]["ReleaseLease"];
        assert_eq!((&release["Next"], &release["End"]), (&json!(after), &json!(null)));
        assert_eq!(release["Catch"][1]["Next"], after);
        assert_eq!(parts["states"]["LeaseLeftToExpire"], json!(null));
    }
}

#[test]
fn work_that_loses_the_lease_is_warned_of() {
    let warned = |name: &str, language: &str, work: Value| {
        let work = file(name, &work);
        let work = work.to_str().expect("a path");
        let (status, told, wrong) =
            states(&["--function-arn", ARN, "--single-holder", "--query-language", language, "--work", work]);
        assert!(status == Some(0) && told.contains("StartAt"), "{wrong}");
        wrong
    };
    for (name, language, work, advice) in [
        ("bare", "jsonpath", json!({"Type": "Task"}), "add \"ResultPath\""),
        ("whole", "jsonpath", json!({"Type": "Task", "ResultPath": "$"}), "has the ResultPath $,"),
        ("error", "jsonpath", json!({"Type": "Task", "ResultPath": "$.lease_error"}), "than $.lease_error"),
        ("over", "jsonpath", json!({"Type": "Map", "ResultPath": "$.lease.x"}), "choose another ResultPath"),
        ("cut", "jsonpath", json!({"Type": "Task", "ResultPath": "$.r", "OutputPath": "$.r"}), "leave OutputPath out"),
        ("bare-too", "jsonata", json!({"Type": "Task"}), "has no Output that keeps"),
        ("own", "jsonata", json!({"Type": "Task", "Output": {"a": 1}}), "$merge([$states.input"),
    ] {
        let wrong = warned(&format!("loses-{name}"), language, work);
        let told = wrong.starts_with("leasehold: warning: the work state Process ") && wrong.lines().count() == 1;
        assert!(told && wrong.contains(advice), "{name}: {wrong}");
    }
    for (name, language, work) in [
        ("result", "jsonpath", json!({"Type": "Task", "ResultPath": "$.result"})),
        ("null", "jsonpath", json!({"Type": "Task", "ResultPath": null})),
        ("merge", "jsonata", json!({"Type": "Task", "Output": "{% $merge([$states.input, {\"a\": 1}]) %}"})),
        ("named", "jsonata", json!({"Type": "Task", "Output": {"lease": "{% $states.input.lease %}"}})),
    ] {
        assert_eq!(warned(&format!("keeps-{name}"), language, work), "", "{name}");
    }
}

#[test]
fn work_speaks_the_language_of_the_states_around_it() {
    let output = "{% $merge([$states.input, {\"a\": 1}]) %}";
    let work = file("speaks-not", &json!({"Type": "Task", "Output": output}));
    let own = file("speaks", &json!({"Type": "Task", "QueryLanguage": "JSONata", "Output": output}));
    let path = file("speaks-path", &json!({"Type": "Task", "QueryLanguage": "JSONPath", "ResultPath": null}));
    let [work, own, path] = [&work, &own, &path].map(|path| path.to_str().expect("a path"));
    let asked = |language: &str, work: &str| {
        states(&["--function-arn", ARN, "--single-holder", "--query-language", language, "--work", work])
    };
    for work in [work, own] {
        let (status, told, wrong) = asked("jsonata", work);
        let machine: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{status:?} {wrong}"));
        let speaks = |state: &Value| state["QueryLanguage"] == "JSONata" || state["Type"] == "Succeed";
        let all = machine["States"].as_object().expect("states");
        assert!(all.values().all(speaks), "{machine}");
    }
    let fields = file("speaks-fields", &json!({"Type": "Task", "Parameters": {"x.$": "$.x"}, "ResultPath": null}));
    let fields = fields.to_str().expect("a path");
    for (language, work, advice) in [
        ("jsonpath", own, "take --query-language jsonata"),
        ("jsonata", path, "take --query-language jsonpath"),
        // Though it does not say which it speaks.
        ("jsonpath", work, "its field Output is JSONata's: take --query-language jsonata"),
        ("jsonata", fields, "its field Parameters is JSONPath's: take --query-language jsonpath"),
    ] {
        let (status, told, wrong) = asked(language, work);
        assert_eq!((status, &*told), (Some(2), ""), "{wrong}");
        assert!(wrong.contains(advice), "{wrong}");
    }
}

#[test]
fn no_two_states_of_a_machine_are_called_alike() {
    let inner = |name: &str| json!({"StartAt": name, "States": {name: {"Type": "Pass", "End": true}}});
    let machine = |work: Value, name: &str| {
        let work = file(name, &work);
        states(&["--function-arn", ARN, "--single-holder", "--work", work.to_str().expect("a path")])
    };
    let map = |name| json!({"Type": "Map", "ResultPath": null, "ItemProcessor": inner(name)});
    let branches = |one, two| json!({"Type": "Parallel", "ResultPath": null, "Branches": [inner(one), inner(two)]});
    for (name, work, twice) in [
        ("as-around", map("ReleaseLease"), "ReleaseLease"),
        ("as-itself", map("Process"), "Process"),
        ("as-each-other", branches("One", "One"), "One"),
    ] {
        let (status, told, wrong) = machine(work, name);
        assert_eq!((status, &*told), (Some(2), ""), "{name}: {wrong}");
        assert!(wrong.contains(&format!("two states are called {twice}:")), "{wrong}");
    }
    assert_eq!(machine(branches("One", "Two"), "alike-not").0, Some(0));
    // Where both are to stand in one machine.
    let (status, _, wrong) = states(&["--function-arn", ARN, "--single-holder", "--acquire-name", "ReleaseAll"]);
    assert!(status == Some(2) && wrong.contains("two states are called ReleaseAll:"), "{wrong}");
}

#[test]
fn what_is_no_state_machine_is_refused_with_what_was_expected() {
    let right = ["--function-arn", ARN, "--key-path", "$.id"];
    let list = file("a-list", &json!([]));
    let choice = file("a-choice", &json!({"Type": "Choice"}));
    let led = file("led-already", &json!({"Type": "Task", "Next": "X"}));
    let [list, choice, led] = [&list, &choice, &led].map(|path| path.to_str().expect("a path"));
    for (arguments, expected) in [
        (&["--key-path", "$.id"][..], "--function-arn"),
        (&["--function-arn", ARN], "--key-path"),
        (&["--function-arn", "analytics", "--key-path", "$.id"], "expected a function's ARN"),
        (&["--function-arn", &format!("{ARN}:"), "--key-path", "$.id"], "expected a function's ARN"),
        (&[&right[..], &["--single-holder"]].concat(), "cannot be used with"),
        (&["--function-arn", ARN, "--key-path", "id"], "a path that starts with $."),
        (&["--function-arn", ARN, "--key-path", "{% $x %}"], "without {% and %}"),
        (&[&right[..], &["--query-language", "jsonata"]].concat(), "an expression without its {% %}"),
        (&[&right[..], &["--work-name", "ReleaseLease"]].concat(), "two states are called ReleaseLease"),
        (&[&right[..], &["--after-release", "Process"]].concat(), "two states are called Process"),
        (&[&right[..], &["--work", "no-such-file"]].concat(), "no-such-file cannot be read"),
        (&[&right[..], &["--work", list]].concat(), "expected one state as a JSON object"),
        (&[&right[..], &["--work", choice]].concat(), "Task, Parallel or Map"),
        (&[&right[..], &["--work", led]].concat(), "leave out Next"),
        (&[&right[..], &["--table", "leases"]].concat(), "uses no table"),
    ] {
        let (status, told, wrong) = states(arguments);
        assert_eq!((status, &*told), (Some(2), ""), "{arguments:?}: {wrong}");
        assert!(wrong.contains(expected), "{arguments:?}: {wrong}");
    }
}
