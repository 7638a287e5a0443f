//! Each call writes one line of JSON with what was asked, what came of it and its metrics, and never a task token.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod pool;

use std::collections::HashSet;

use lease_manager::{LogLevel, MetricChoice, Reporting};
use leasehold_core::Millis;
use leasehold_testkit::StepFunctionsFault;
use pool::{BEGIN, GRACE, LEASE, ServedPool, acquire, execution, line, queue, status_change};
use serde_json::{Value, json};

/// The metrics of a line: every name that its directive lists, and its value. Checks what CloudWatch wants.
fn metrics(line: &Value) -> Value {
    let directive = &line["_aws"]["CloudWatchMetrics"];
    assert_eq!(directive.as_array().expect("a list").len(), 1);
    let directive = &directive[0];
    assert_eq!(directive["Namespace"], "leasehold");
    assert_eq!(directive["Dimensions"], json!([["service", "prefix"]]));
    assert_eq!((&line["service"], &line["prefix"]), (&json!("lease-manager"), &json!("analytics")));
    assert!(line["_aws"]["Timestamp"].as_u64().is_some_and(|at| at >= BEGIN));
    let mut found = json!({});
    for metric in directive["Metrics"].as_array().expect("a list") {
        let name = metric["Name"].as_str().expect("a name");
        let time = matches!(name, "WaitTime" | "HoldTime" | "OldestWait");
        assert_eq!(metric["Unit"], if time { "Milliseconds" } else { "Count" }, "{name}");
        let value = &line[name];
        let numbers = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        assert!(!numbers.is_empty() && numbers.len() <= 100 && numbers.iter().all(Value::is_number), "{name}: {value}");
        found[name] = value.clone();
    }
    found
}

#[tokio::test]
async fn a_line_says_who_asked_for_what_and_what_came_of_it() {
    let pool = ServedPool::of(1).await;
    let handled = pool.handle(acquire("item-1")).await;
    let text = handled.record.line(&Reporting::default());
    assert!(!text.contains('\n'));
    let mut line: Value = serde_json::from_str(&text).expect("JSON");
    assert!(line["duration_ms"].take().is_u64());
    line.as_object_mut().expect("an object").remove("_aws");
    let expected = json!({
        "level": "INFO", "message": "acquire: acquired", "timestamp": "2024-11-22T10:11:12.345Z",
        "service": "lease-manager", "prefix": "analytics", "cold_start": true,
        "function_name": "lease-manager-analytics", "function_request_id": "request-0", "action": "acquire",
        "outcome": "acquired", "holder": format!("{}#item-1", execution()), "lease_id": "analytics:0:1",
        "duration_ms": null, "LeaseGranted": 1, "ColdStart": 1, "Errors": 0,
    });
    assert_eq!(line, expected);
    let second = pool.line(acquire("item-2")).await;
    assert_eq!((&second["cold_start"], &second["outcome"]), (&json!(false), &json!("wait")));
}

#[tokio::test]
async fn the_requests_of_a_line_are_those_of_its_call() {
    let pool = ServedPool::of(1).await;
    let line = async |event: Value| {
        let debug = Reporting { level: LogLevel::Debug, ..Reporting::default() };
        let line: Value = serde_json::from_str(&pool.handle(event).await.record.line(&debug)).expect("JSON");
        line["table"].clone()
    };
    // The first reads the settings as well; the others do the same, however many came before.
    let look = || line(json!({ "action": "status" }));
    let (_, second, third) = (look().await, look().await, look().await);
    assert!(second["read_units"].as_f64().is_some_and(|units| units > 0.0), "{second}");
    assert_eq!(second, third);
    let (grant, repeat) = (line(acquire("a")).await, line(acquire("a")).await);
    assert!(grant["write_units"].as_f64() > repeat["write_units"].as_f64(), "{grant} {repeat}");
}

#[tokio::test]
async fn a_failed_call_says_which_error_it_was() {
    let pool = ServedPool::of(1).await;
    let invalid = pool.line(json!({ "action": "grab" })).await;
    assert_eq!((&invalid["level"], &invalid["outcome"]), (&json!("ERROR"), &json!("InvalidRequest")));
    assert_eq!(invalid["error"]["type"], "InvalidRequest");
    assert!(invalid["error"]["message"].as_str().is_some_and(|said| said.contains("grab")));
    assert_eq!(metrics(&invalid), json!({ "Errors": 1, "ColdStart": 1 }));
    let lost = pool.line(json!({ "action": "renew", "lease_id": "analytics:0:1" })).await;
    assert_eq!((&lost["level"], &lost["lease_id"]), (&json!("WARN"), &json!("analytics:0:1")));
    assert_eq!(metrics(&lost), json!({ "Errors": 1, "LeaseLost": 1 }));
}

#[tokio::test]
async fn every_metric_counts_what_it_says() {
    let pool = ServedPool::of(1).await;
    let granted = pool.handle(queue("item-1", "token-1")).await;
    assert_eq!(metrics(&line(&granted)), json!({ "LeaseGranted": 1, "WaitTime": 0, "ColdStart": 1, "Errors": 0 }));
    let repeated = pool.line(queue("item-1", "token-1")).await;
    // The same lease is not another one; its task, which is told again, has closed with the first time.
    assert_eq!(metrics(&repeated), json!({ "WaiterGone": 1, "Errors": 0 }));
    pool.clock.forward(1_000);
    assert_eq!(metrics(&pool.line(acquire("item-2")).await), json!({ "LeaseWait": 1, "Errors": 0 }));
    assert_eq!(metrics(&pool.line(queue("item-3", "token-3")).await), json!({ "LeaseQueued": 1, "Errors": 0 }));
    pool.clock.forward(2_000);
    let counted = json!({ "Errors": 0, "Held": 1, "Waiting": 1, "OldestWait": 2_000 });
    assert_eq!(metrics(&pool.line(json!({ "action": "status" })).await), counted);
    let swept = json!({ "Sweeps": 1, "Errors": 0, "Held": 1, "Waiting": 1, "OldestWait": 2_000 });
    assert_eq!(metrics(&pool.line(json!({ "action": "sweep" })).await), swept);
    // It goes to the one that waits.
    let released = pool.line(json!({ "action": "release", "lease_id": "analytics:0:1" })).await;
    let handed = json!({ "LeaseReleased": 1, "LeaseGranted": 1, "WaitTime": 2_000, "Errors": 0 });
    assert_eq!(metrics(&released), handed);
    let nothing = pool.line(json!({ "action": "release", "lease_id": "analytics:0:1" })).await;
    assert_eq!(metrics(&nothing), json!({ "LeaseExpired": 1, "Errors": 0 }));
    // Given back after it has expired, before anybody took it.
    pool.clock.forward(LEASE);
    let late = pool.line(json!({ "action": "release", "lease_id": "analytics:0:2" })).await;
    assert_eq!(metrics(&late), json!({ "LeaseReleased": 1, "Errors": 0 }));
    pool.acquire("item-4").await;
    pool.clock.forward(LEASE + GRACE);
    let taken = pool.line(queue("item-5", "token-5")).await;
    assert_eq!(metrics(&taken), json!({ "LeaseGranted": 1, "LeaseReclaimed": 1, "WaitTime": 0, "Errors": 0 }));
    pool.clock.forward(1_000);
    let ended = pool.line(status_change("FAILED", BEGIN + 3_600_000)).await;
    assert_eq!(metrics(&ended), json!({ "LeaseReleased": 1, "WaiterGone": 1, "Errors": 0 }));
    let idle = pool.line(json!({ "action": "sweep" })).await;
    assert_eq!(metrics(&idle), json!({ "Sweeps": 1, "Errors": 0, "Held": 0, "Waiting": 0, "OldestWait": 0 }));
}

#[tokio::test]
async fn work_that_outlasts_its_lease_is_counted_when_it_ends() {
    let pool = ServedPool::of(1).await;
    // As the states release: with the time that they were told of.
    let release = |lease: &Value| {
        json!({ "action": "release", "lease_id": lease["lease_id"],
                "acquired_at_ms": lease["acquired_at_ms"], "expires_at_ms": lease["expires_at_ms"] })
    };
    let lease = pool.acquire("item-1").await;
    pool.clock.forward(2_500);
    let in_time = json!({ "LeaseReleased": 1, "HoldTime": 2_500, "Errors": 0 });
    assert_eq!(metrics(&pool.line(release(&lease)).await)["HoldTime"], in_time["HoldTime"]);
    // A release that comes twice is no work that went on.
    assert_eq!(metrics(&pool.line(release(&lease)).await), json!({ "LeaseExpired": 1, "Errors": 0 }));
    let lease = pool.acquire("item-2").await;
    pool.clock.forward(LEASE + GRACE);
    pool.acquire("item-3").await;
    let late = pool.line(release(&lease)).await;
    assert_eq!(metrics(&late), json!({ "LeaseExpired": 1, "WorkOutlastedLease": 1, "Errors": 0 }));
}

#[tokio::test]
async fn a_child_behind_its_own_parents_lease_is_warned_of() {
    let pool = ServedPool::of(1).await;
    pool.acquire("1").await;
    pool.clock.forward(1_000);
    let child = |mut event: Value| {
        event["execution"] = json!("arn:aws:states:eu-central-1:123456789012:execution:child:1");
        event["parent"] = json!(execution());
        event
    };
    let polled = pool.line(child(acquire("7"))).await;
    assert_eq!((&polled["level"], &metrics(&polled)["WaitsForAncestor"]), (&json!("WARN"), &json!(1)));
    let queued = pool.line(child(queue("8", "token-8"))).await;
    let swept = pool.line(json!({ "action": "sweep" })).await;
    for line in [queued, swept] {
        assert_eq!((&line["level"], &metrics(&line)["WaitsForAncestor"]), (&json!("WARN"), &json!(1)));
        let note = line["notes"][0].as_str().expect("a note");
        assert!(note.starts_with("HeldByAncestor: every lease of the pool analytics (1) is held"), "{note}");
        let named = format!("execution:child:1#8 waits, {}#1 holds", execution());
        assert!(note.contains(&named) && note.contains("nobody gets on for 59 s"), "{note}");
    }
    // The other items of a map run only wait for their turn.
    pool.line(json!({ "action": "release", "lease_id": "analytics:0:1" })).await;
    let items = pool.line(child(queue("10", "token-10"))).await;
    assert_eq!((&items["outcome"], &items["notes"]), (&json!("queued"), &Value::Null));
    let swept = pool.line(json!({ "action": "sweep" })).await;
    assert_eq!((&swept["Waiting"], &swept["notes"]), (&json!(1), &Value::Null));
}

#[tokio::test]
async fn work_at_the_end_of_the_longest_hold_is_counted_by_a_sweep() {
    let pool = ServedPool::with(1, |row| row.longest_hold = Some(Millis(LEASE))).await;
    pool.acquire("item-1").await;
    pool.tasks.execution_is(execution(), "RUNNING");
    pool.clock.forward(1);
    let swept = pool.line(json!({ "action": "sweep" })).await;
    assert_eq!(metrics(&swept)["WorkOutlastedLease"], 1, "{swept}");
}

#[tokio::test]
async fn times_of_many_are_all_there_up_to_what_cloudwatch_takes() {
    let pool = ServedPool::of(0).await;
    for key in 0..110 {
        pool.queue(&format!("item-{key}"), &format!("token-{key}")).await;
    }
    pool.limit(110).await;
    pool.clock.forward(6_000);
    let swept = pool.line(json!({ "action": "sweep" })).await;
    assert_eq!(swept["LeaseGranted"], 110, "{swept}");
    assert_eq!(metrics(&swept)["WaitTime"].as_array().map(Vec::len), Some(100));
}

#[tokio::test]
async fn a_quiet_level_keeps_the_metrics_and_leaves_out_the_rest() {
    let pool = ServedPool::of(1).await;
    let at = |level| Reporting { level, ..Reporting::default() };
    let granted = pool.handle(queue("item-1", "token-1")).await;
    for level in [LogLevel::Warn, LogLevel::Error] {
        let text = granted.record.line(&at(level));
        let line: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(metrics(&line), metrics(&pool::line(&granted)));
        assert!(!text.contains("item-1") && !text.contains("request-0"), "{text}");
    }
    let failed = pool.handle(json!({ "action": "grab" })).await;
    let line: Value = serde_json::from_str(&failed.record.line(&at(LogLevel::Error))).expect("JSON");
    assert_eq!(line["error"]["type"], "InvalidRequest");
    let lost = pool.handle(json!({ "action": "renew", "lease_id": "analytics:7:1" })).await;
    let line: Value = serde_json::from_str(&lost.record.line(&at(LogLevel::Error))).expect("JSON");
    assert_eq!((&line["error"], &line["LeaseLost"]), (&Value::Null, &json!(1)));
    let line: Value = serde_json::from_str(&granted.record.line(&at(LogLevel::Debug))).expect("JSON");
    assert_eq!((&line["table"]["reads"], &line["table"]["writes"]), (&json!(5), &json!(2)));
}

#[tokio::test]
async fn only_the_metrics_that_were_chosen_are_written() {
    let pool = ServedPool::of(1).await;
    let granted = pool.handle(queue("item-1", "token-1")).await;
    let choosing = |names: &[&str]| {
        let metrics = MetricChoice::Only(names.iter().map(ToString::to_string).collect());
        let text = granted.record.line(&Reporting { metrics, ..Reporting::default() });
        serde_json::from_str::<Value>(&text).expect("JSON")
    };
    let some = choosing(&["LeaseGranted", "Held"]);
    assert_eq!(metrics(&some), json!({ "LeaseGranted": 1 }));
    let none = choosing(&[]);
    assert_eq!(none["_aws"], Value::Null);
    // What was not chosen can still be looked for in the log.
    assert_eq!((&some["WaitTime"], &none["WaitTime"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn another_namespace_is_used_where_one_is_given() {
    let pool = ServedPool::of(1).await;
    let reporting = Reporting { namespace: "Team/Leases".into(), ..Reporting::default() };
    let line: Value =
        serde_json::from_str(&pool.handle(acquire("item-1")).await.record.line(&reporting)).expect("JSON");
    assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Team/Leases");
}

#[tokio::test]
async fn without_a_pool_a_line_has_no_metrics() {
    let why = lease_manager::Config::read(|_| None).expect_err("it is wrong");
    let manager = lease_manager::LeaseManager::misconfigured(why);
    let event = acquire("item-1").into();
    let handled = manager.handle(&event, pool::invocation("request", std::time::Duration::from_secs(3))).await;
    let line = line(&handled);
    assert_eq!((&line["error"]["type"], &line["_aws"]), (&json!("PoolMisconfigured"), &Value::Null));
}

#[tokio::test]
async fn a_task_token_is_in_no_line_and_no_error() {
    let token = |n: u32| format!("AQCEAAAAKgAAAAMAAAAA{n:0>300}");
    let events = |n: u32| {
        let token = token(n);
        let mut all = vec![queue(&format!("item-{n}"), &token), queue(&token, &token), queue("shared", &token)];
        for (field, value) in [
            ("action", json!(token)),
            ("mode", json!(token)),
            ("key", json!([token])),
            ("resource_id", json!(token)),
            ("attempt", json!({ "entered": token })),
            ("attempt", json!({ "retry": token, "entered": BEGIN })),
            ("lease_seconds", json!(token)),
            ("label", json!(token)),
            ("execution", json!(token)),
            ("parent", json!(token)),
        ] {
            let mut event = queue(&format!("wrong-{n}"), &token);
            event[field] = value;
            all.push(event);
        }
        all
    };
    let faults = [
        None,
        Some(StepFunctionsFault::Break),
        Some(StepFunctionsFault::Error(400, "InvalidToken")),
        Some(StepFunctionsFault::Error(400, "AccessDeniedException")),
    ];
    let mut errors = HashSet::new();
    for fault in faults {
        let pool = ServedPool::of(2).await;
        let mut said = Vec::new();
        for n in 0..2 {
            // What is refused as it is never gets as far as a notice.
            let most = if fault.is_none() { usize::MAX } else { 3 };
            for event in events(n).into_iter().take(most) {
                let handled = pool.handle(event).await;
                said.extend(handled.answer.as_ref().err().map(|failed| failed.message.clone()));
                errors.extend(handled.answer.as_ref().err().map(|failed| failed.error_type));
                let reporting = Reporting { level: LogLevel::Debug, ..Reporting::default() };
                said.push(handled.record.line(&reporting));
                said.push(format!("{:?}", handled.record));
            }
            pool.tasks.fail_always(fault.clone());
        }
        // Tried again and again where nobody answers, so only here.
        let answers = fault.is_none() || matches!(fault, Some(StepFunctionsFault::Error(_, "InvalidToken")));
        let others = [
            json!({ "action": "sweep" }),
            json!({ "action": "release", "lease_id": "analytics:0:1" }),
            status_change("FAILED", BEGIN + 1_000),
            json!({ "action": "status", "holders": true }),
        ];
        for event in others.into_iter().filter(|_| answers) {
            let handled = pool.handle(event).await;
            said.push(handled.record.line(&Reporting::default()));
            said.push(format!("{:?}", handled.record));
        }
        for text in said {
            assert!(!text.contains("AQCEAAAAKgAAAAMAAAAA"), "{text}");
        }
    }
    assert!(errors.contains("InvalidRequest") && errors.contains("TasksUnavailable"), "{errors:?}");
}

#[tokio::test]
async fn a_wrong_clock_is_told_once_with_a_warning() {
    for (off_by, words) in [(-3_600_000, "60 min ahead of"), (86_400_000, "24 h behind")] {
        let pool = ServedPool::ahead_by(2, off_by).await;
        let first = pool.line(acquire("item-1")).await;
        assert_eq!((&first["level"], &first["outcome"]), (&json!("WARN"), &json!("acquired")));
        assert_eq!(metrics(&first)["ClockCorrected"], 1);
        let notes = json!([format!("this machine's clock is {words} the table's; the table's time is used")]);
        assert_eq!(first["notes"], notes);
        let second = pool.line(acquire("item-2")).await;
        assert_eq!((&second["level"], &second["outcome"]), (&json!("INFO"), &json!("acquired")));
        assert!(metrics(&second)["ClockCorrected"].is_null(), "{second}");
    }
}

#[tokio::test]
async fn names_are_text_in_the_line_and_nothing_in_the_metrics() {
    const HOSTILE: &str = "\u{1b}[2J\u{9b}31m\u{202e}cod\u{2066}\u{200b}\r\n<img src=x onerror=alert(1)>";
    let pool = ServedPool::of(1).await;
    let execution = format!("{}{HOSTILE}", execution());
    for (action, fails) in [("acquire", false), ("renew", true), (HOSTILE, true)] {
        let event = json!({ "action": action, "execution": execution, "key": HOSTILE, "label": HOSTILE });
        let handled = pool.handle(event).await;
        let text = handled.record.line(&Reporting::default());
        let harmful: Vec<char> = text.chars().filter(|c| !leasehold_core::is_harmless(*c)).collect();
        assert!(harmful.is_empty(), "{harmful:?} in {text}");
        let line = line(&handled);
        // A reader of the JSON has the name as it was given; no metric and no dimension is called by it.
        assert_eq!(line["error"].is_object(), fails, "{line}");
        assert!(fails || line["holder"].as_str().is_some_and(|holder| holder.contains(HOSTILE)), "{line}");
        metrics(&line);
        assert!(!line["_aws"].to_string().contains("onerror"), "{line}");
    }
}
