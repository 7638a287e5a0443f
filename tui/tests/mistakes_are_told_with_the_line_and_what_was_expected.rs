//! Is whoever makes a mistake told where, and what was expected? Bad scenarios and options, and what is said.

#![expect(clippy::expect_used, reason = "a test that cannot go on says why")]

use std::path::Path;
use std::process::Command;

/// What is said of these arguments, which must be refused with exit status 2.
fn refused(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leasehold"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let output = command.current_dir(folder).arg("demo").args(arguments).output().expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    said
}

#[test]
fn a_bad_scenario_gets_the_line_and_what_was_expected() {
    // The fixture, the line that is wrong, what is said to be there, what was expected.
    let expected = [
        ("limit-in-quotes", 4, "limit = \"five\"", "limit = a whole number from 0 to 10000"),
        ("limit-too-high", 4, "limit = 10001\n", "limit = a whole number from 0 to 10000"),
        ("prefix-with-a-space", 3, "prefix = \"my batch\"", "1 to 64 of A-Z a-z 0-9 . _ -"),
        ("unknown-key", 6, "retries = 3", "one of: prefix, limit, items, work_seconds"),
        ("no-limit", 2, "a pool without limit", "limit = a whole number"),
        ("no-work", 1, "pool batch has no work_seconds", "work_seconds = a number above 0"),
        ("negative-work", 1, "work_seconds = -1", "a number of seconds from 0.001 to 86400"),
        ("no-pools", 2, "no pool", "at least one [[pool]]"),
        ("pool-without-brackets", 3, "[pool]", "at least one [[pool]]"),
        ("same-prefix-twice", 8, "prefix = \"batch\"", "a prefix that no other pool has"),
        ("not-toml", 2, "[[pool]", "TOML"),
    ];
    for (fixture, line, found, wanted) in expected {
        let said = refused(&[&format!("bad-{fixture}.toml")]);
        assert!(said.contains(&format!("bad-{fixture}.toml, line {line}: ")), "{fixture}: {said}");
        assert!(said.contains(found) && said.contains(wanted), "{fixture}: {said}");
    }
}

#[test]
fn a_bad_file_of_items_gets_its_own_line() {
    let said = refused(&["bad-items-without-id.toml"]);
    assert!(said.contains("bad-items-without-id.json, line 3: ") && said.contains("[1]: missing field `id`"), "{said}");
    let said = refused(&["bad-items-with-one-id-twice.toml"]);
    assert!(said.contains("bad-items-with-one-id-twice.json, line 4: the id \"a\""), "{said}");
    let said = refused(&["bad-items-missing.toml"]);
    assert!(said.contains("bad-items-missing.toml, line 5: items = \"no-such-file.json\""), "{said}");
    assert!(
        said.contains("no-such-file.json cannot be read") && said.contains("expected items = a JSON file"),
        "{said}"
    );
    // As it was written, and not as a parser calls it.
    for (fixture, there) in
        [("an-object", "line 1: {\"id\": \"a\"}"), ("cut-off", "line 2: {oops"), ("empty", ": an empty file")]
    {
        let said = refused(&[&format!("bad-items-{fixture}.toml")]);
        assert!(said.contains(there) && said.contains("expected a JSON array of objects"), "{fixture}: {said}");
        assert!(!said.contains("sequence"), "{fixture}: {said}");
    }
}

#[test]
fn a_file_that_is_no_text_is_not_looked_for_elsewhere() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("no-text-{}.toml", std::process::id()));
    std::fs::write(&file, b"\xff\xfe[[pool]]").expect("written");
    let said = refused(&[file.to_str().expect("a path")]);
    assert!(said.contains("is no text in UTF-8") && !said.contains("check the path"), "{said}");
    std::fs::remove_file(file).expect("cleared away");
}

#[test]
fn every_bad_fixture_is_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let names =
        std::fs::read_dir(folder).expect("fixtures").filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let bad: Vec<String> = names.filter(|name| name.starts_with("bad-") && name.ends_with(".toml")).collect();
    assert!(bad.len() >= 14, "{bad:?}");
    for name in bad {
        refused(&[&name]);
    }
}

#[test]
fn options_of_no_sense_are_refused_with_what_was_expected() {
    for (arguments, wanted) in [
        (&["quick.toml", "--limit", "batch"][..], "expected PREFIX=N@SECONDS"),
        (&["quick.toml", "--limit", "batch=10001@1"], "N: expected a whole number from 0 to 10000"),
        (&["quick.toml", "--limit", "batch=3@soon"], "SECONDS: expected a number"),
        (&["quick.toml", "--limit", "bach=3@1"], "expected one of: analytics, batch"),
        (&["quick.toml", "--kill", "19"], "expected at most 18"),
        (&["quick.toml", "--kill", "-1"], "expected a whole number of workers"),
        (&["quick.toml", "--scenario", "quick.toml"], "cannot be used with"),
        (&["no-such-scenario.toml"], "no-such-scenario.toml cannot be read"),
    ] {
        let said = refused(arguments);
        assert!(said.contains(wanted), "{arguments:?}: {said}");
    }
}

#[test]
fn a_store_that_cannot_be_opened_says_which_and_what_to_do() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leasehold"));
    let output = command.args(["demo", "--store", "/no/such/folder/store.db"]).output().expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("/no/such/folder/store.db") && said.contains("check the path"), "{said}");
}
