//! A pool whose own rows make no sense is set right with care: nothing is lost that can be read, and nothing that a later
//! version wrote. The real binary on a local AWS.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod local_aws;

use leasehold_core::{AcquireRequest, Holder, Mode, PoolName, RowKey};
use leasehold_store::Runner;
use local_aws::{damage, document, on, run, told, typed};
use serde_json::json;

fn prefix() -> PoolName {
    "p".parse().expect("a prefix")
}

/// A table with a pool of two.
fn pool_of_two(table: &str) {
    told(table, &["table", "create"]);
    told(table, &["pool", "set", "p", "--limit", "2"]);
}

#[tokio::test]
async fn a_pool_of_a_newer_edition_is_left_alone() {
    let table = "newer-edition";
    pool_of_two(table);
    for edition in [3, 99] {
        damage(table, &prefix(), RowKey::Pool, "edition", edition).await;
        let said = format!("is of edition {edition}, this program knows 2: use a newer leasehold");
        for command in [
            &["leases", "p"][..],
            &["pool", "show", "p"],
            &["pool", "set", "p", "--limit", "5", "--yes"],
            &["pool", "override", "p", "--limit", "1", "--reason", "x", "--yes"],
            &["pool", "override", "p", "--end", "--yes"],
            &["pool", "rm", "p", "--force", "--yes"],
            &["run", "--prefix", "p", "--", "true"],
        ] {
            let ended = run(on(table), command);
            assert_ne!(ended.status, Some(0), "{command:?}: {ended:?}");
            assert!(ended.wrong.contains(&said), "{command:?}: {ended:?}");
            assert!(
                !ended.wrong.contains("set it again") && !ended.wrong.contains("pool set"),
                "{command:?}: {ended:?}"
            );
        }
        let checked = run(on(table), &["pools", "--check"]);
        assert_eq!(checked.status, Some(1), "{checked:?}");
        assert!(checked.told.contains(&said), "{checked:?}");
        let listed = told(table, &["pools"]);
        assert!(listed.contains(&format!("of edition {edition}, this program knows 2")), "{listed}");
        let examined = run(on(table), &["doctor", "p"]);
        assert!(examined.told.contains("Use a newer leasehold"), "{examined:?}");
    }
    // The row is as the later version left it.
    damage(table, &prefix(), RowKey::Pool, "edition", 2).await;
    assert_eq!(document(table, &["pool", "show", "p"])["settings"]["limit"], 2);
}

#[tokio::test]
async fn what_can_be_read_of_damaged_settings_stays() {
    let table = "kept-settings";
    pool_of_two(table);
    told(table, &["pool", "set", "p", "--quiet", "5s", "--longest-wait", "2h", "--yes"]);
    damage(table, &prefix(), RowKey::Pool, "limit", -5).await;
    damage(table, &prefix(), RowKey::Pool, "longest_wait_ms", -7).await;
    let set = ["pool", "set", "p", "--limit", "3"];
    let (_, asked) = typed(table, &set, "no\n");
    let told = told(table, &[&set[..], &["--yes"]].concat());
    for words in [&asked.replace('\r', ""), &told] {
        assert!(words.contains("  limit         -5 -> 3\n"), "{words}");
        assert!(words.contains("  quiet         5s\n"), "{words}");
        assert!(words.contains("  longest wait  -7 -> 1d\n"), "{words}");
    }
    assert_eq!(document(table, &["pool", "show", "p"])["settings"]["quiet_ms"], 5_000);
}

#[tokio::test]
async fn a_pool_with_a_damaged_override_is_told_as_broken() {
    let table = "broken-override";
    pool_of_two(table);
    told(table, &["pool", "override", "p", "--limit", "1", "--reason", "slow", "--yes"]);
    damage(table, &prefix(), RowKey::Override, "limit", -5).await;
    let shown = run(on(table), &["pool", "show", "p"]);
    let listed = run(on(table), &["leases", "p"]);
    assert!(
        shown.status == Some(3) && shown.told.is_empty() && shown.wrong.starts_with(listed.wrong.trim_end()),
        "{shown:?}"
    );
    assert!(listed.told.contains("0 held, 0 waiting, broken"), "{listed:?}");
    assert!(shown.wrong.contains("leasehold pool override p --end"), "{shown:?}");

    let set = run(on(table), &["pool", "set", "p", "--limit", "3", "--yes"]);
    assert_eq!((set.status, &*set.wrong), (Some(0), ""), "{set:?}");
    let more = "nobody is let in until its override is ended, which makes no sense";
    assert!(set.told.contains(more) && set.told.contains("`leasehold pool override p --end`"), "{set:?}");
    told(table, &["pool", "override", "p", "--end", "--yes"]);
    assert_eq!(document(table, &["pool", "show", "p"])["limit"], 3);
}

#[tokio::test]
async fn who_holds_is_told_though_the_settings_make_no_sense() {
    for (table, key) in
        [("no-settings", RowKey::Pool), ("no-override", RowKey::Override), ("no-mark", RowKey::HighWater)]
    {
        pool_of_two(table);
        for name in ["one", "two", "three"] {
            let holder = Holder::new(name, "", None).expect("a holder");
            let mode = Mode::Queue(None);
            let ask = AcquireRequest { holder, attempt: None, mode, lease: None, wait: None, label: None };
            Runner::new(local_aws::table(table)).run_on(&prefix(), ask).await.expect("an answer");
        }
        told(table, &["pool", "override", "p", "--limit", "1", "--reason", "slow", "--yes"]);
        let attribute = if key == RowKey::HighWater { "slots" } else { "limit" };
        damage(table, &prefix(), key, attribute, -5).await;

        let words = run(on(table), &["leases", "p"]);
        assert_eq!(words.status, Some(3), "{words:?}");
        let first = words.told.lines().next().unwrap_or_default();
        let counted = format!(
            "pool p in table {table}: 2 held, 1 waiting, broken: nobody is let in, as its own rows make no sense"
        );
        assert_eq!(first, counted, "{words:?}");
        assert!(["one", "two", "three"].iter().all(|name| words.told.contains(name)), "{words:?}");
        assert_eq!(words.wrong.matches("-5").count(), 1, "it is said once: {words:?}");

        let answer = run(on(table), &["leases", "p", "--output", "json"]);
        let answer: serde_json::Value = serde_json::from_str(&answer.told).expect("JSON");
        assert_eq!(
            (&answer["limit"], &answer["state"], &answer["override"]),
            (&json!(null), &json!(null), &json!(null))
        );
        assert_eq!((&answer["held"], &answer["waiting"]), (&json!(2), &json!(1)));
        assert!(answer["trouble"].as_str().is_some_and(|it| it.contains("-5")), "{answer}");
        let leases = answer["leases"].as_array().expect("leases");
        assert!(leases.len() == 2 && leases.iter().all(|lease| lease["above_limit"] == false), "{answer}");
    }
}

#[tokio::test]
async fn advice_names_the_pool_it_is_about() {
    let table = "named-advice";
    pool_of_two(table);
    damage(table, &prefix(), RowKey::Pool, "limit", -5).await;
    let examined = run(on(table), &["doctor", "p"]);
    assert!(examined.told.contains("`leasehold pool set p --limit N`"), "{examined:?}");
    assert!(!examined.told.contains("PREFIX"), "{examined:?}");
    let zero = run(on(table), &["pool", "set", "p", "--limit", "0"]);
    assert!(zero.wrong.contains("--drain lets nobody in any more"), "{zero:?}");
}
