//! `leasehold doctor` says which reads were denied, what it could not see for that, and that this machine's clock is wrong.
//! Against a local AWS, by the real binary; what is denied is denied by a door in front of it.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod denying_door;
mod local_aws;

use denying_door::DenyingDoor;
use local_aws::{Ended, on, on_a_clock_off_by, run, told};
use serde_json::Value;

fn examined(name: &str, denied: &'static [&'static str]) -> (Option<i32>, Vec<String>, Ended) {
    let is_denied = |action: &str| denied.iter().any(|name| action.strip_prefix("dynamodb:") == Some(name));
    let door = DenyingDoor::that_allows(move |action| !is_denied(action));
    let ended = run(door.command(name), &["doctor", "p", "--output", "json"]);
    let report: Value = serde_json::from_str(&ended.told).unwrap_or_else(|_| panic!("no report: {ended:?}"));
    let findings = report["findings"].as_array().expect("findings");
    let codes = findings.iter().filter_map(|one| one["code"].as_str().map(Into::into)).collect();
    (ended.status, codes, ended)
}

#[test]
fn reads_that_are_denied_are_named_and_the_rest_is_looked_at() {
    let name = "denied";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "1", "--grace", "1s"]);
    let all = "settings-grace-short";
    for (denied, codes, action) in [
        (&[][..], &[all][..], ""),
        (&["DescribeTable"], &[all, "describe-denied"], "dynamodb:DescribeTable"),
        (&["DescribeTimeToLive"], &[all, "describe-denied"], "dynamodb:DescribeTimeToLive"),
        (&["GetItem"], &["read-denied", all], "dynamodb:GetItem"),
        (&["Query@index"], &["read-denied", all], "dynamodb:Query on the index"),
        (&["Query"], &["read-denied"], "dynamodb:Query on the table"),
    ] {
        let (status, found, ended) = examined(name, denied);
        assert_eq!(
            (status, &*found),
            (Some(1), &*codes.iter().map(ToString::to_string).collect::<Vec<_>>()),
            "{ended:?}"
        );
        assert!(ended.told.contains(action), "{ended:?}");
    }
}

#[test]
fn what_may_only_not_be_described_is_a_note() {
    let name = "not-described";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "1"]);
    let (status, codes, ended) = examined(name, &["DescribeTable", "DescribeTimeToLive"]);
    assert_eq!((status, codes), (Some(0), vec!["describe-denied".to_owned(); 2]), "{ended:?}");
}

#[test]
fn whoever_may_list_pools_alone_is_told_that_list() {
    let name = "listed-alone";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "1"]);
    let door = DenyingDoor::that_allows(|action| action != "dynamodb:Query");
    let ended = run(door.command(name), &["pools"]);
    assert_eq!((ended.status, &*ended.wrong), (Some(0), ""), "{ended:?}");
    assert!(ended.told.contains("p          -      1        -            -  not read"), "{ended:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_wrong_clock_is_found() {
    let name = "doctor-s-clock";
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "1"]);
    let right = run(on(name), &["doctor", "p"]);
    assert!(right.status == Some(0) && right.told.ends_with("nothing is wrong\n"), "{right:?}");
    let repaired = run(on(name), &["doctor", "p", "--repair"]);
    assert!(repaired.told.ends_with("nothing is wrong\nthere is nothing to repair\n"), "{repaired:?}");
    for (offset, words) in [("+25s", "25 s ahead of the table's"), ("-1h", "60 min behind the table's")] {
        let wrong = run(on_a_clock_off_by(offset, name), &["doctor", "p"]);
        assert_eq!((wrong.status, &*wrong.wrong), (Some(1), ""), "{wrong:?}");
        assert!(wrong.told.contains("WARNING clock-wrong\n") && wrong.told.contains(words), "{wrong:?}");
        let left = run(on_a_clock_off_by(offset, name), &["doctor", "p", "--repair"]);
        assert!(left.told.ends_with("nothing about what was found; nothing was changed\n"), "{left:?}");
    }
}
