//! Whoever gives a command what makes no sense, or what cannot work, is told so at once, with what was expected
//! and what to do; standard output stays empty, and the exit status says which kind of mistake it was.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod local_aws;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use local_aws::{bare, refused, run};

/// The binary with a region and credentials, so that only what a test is about is missing.
fn signed_in() -> Command {
    let mut command = bare();
    command.env("AWS_REGION", "eu-central-1").env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    command
}

/// The same with an endpoint that nobody listens on: what gets so far ends with 3.
fn unreachable() -> Command {
    let mut command = signed_in();
    // Discard: no ephemeral port, and nobody serves it.
    command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    command
}

#[test]
fn a_limit_that_is_none_is_refused_with_what_was_expected() {
    for limit in ["0", "-1", "five", "", "1.5", "10001", "99999999999999999999", "+"] {
        let wrong = refused(unreachable(), 2, &["pool", "set", "p", "--limit", limit]);
        assert!(wrong.contains("--limit <N>") && wrong.contains("expected a whole number from 1 to 10000"), "{wrong}");
    }
    let wrong = refused(unreachable(), 2, &["pool", "set", "p", "--limit", "0"]);
    assert!(wrong.contains("--drain"), "{wrong}");
    refused(unreachable(), 2, &["pool", "set", "p", "--limit", "1", "--drain"]);
}

#[test]
fn words_that_would_move_a_terminals_cursor_are_refused() {
    for reason in ["two\nlines", "a \u{1b}[31mcolour"] {
        refused(unreachable(), 2, &["pool", "override", "p", "--limit", "1", "--reason", reason, "--yes"]);
        refused(unreachable(), 2, &["run", "--prefix", "p", "--label", reason, "--", "true"]);
    }
}

#[test]
fn a_character_that_is_not_seen_is_named_with_its_place() {
    for (words, named) in [
        ("ab\u{202e}c", "character 3 is U+202E, which turns the direction of the text"),
        ("\u{200b}ab", "character 1 is U+200B, which nobody sees"),
        ("größer\u{2066}", "character 7 is U+2066, which turns"),
        ("a\u{7}", "character 2 is U+0007, a control character"),
        ("a\u{2028}b", "character 2 is U+2028, which ends a line"),
    ] {
        let commands: [&[&str]; 5] = [
            &["pool", "override", "p", "--limit", "1", "--yes", "--reason", words],
            &["pool", "override", "p", "--limit", "1", "--reason", "x", "--yes", "--who", words],
            &["pool", "set", "p", "--limit", "1", "--yes", "--reason", words],
            &["pool", "rm", "p", "--yes", "--reason", words],
            &["run", "--prefix", "p", "--label", words, "--", "true"],
        ];
        for command in commands {
            let wrong = refused(unreachable(), 2, command);
            assert!(wrong.contains(named) && wrong.contains("leave it out"), "{command:?}: {wrong}");
        }
    }
    // What scripts and pictures need is no such character.
    let wrong = refused(
        unreachable(),
        3,
        &["pool", "set", "p", "--limit", "1", "--yes", "--reason", "👩\u{200d}💻 می\u{200c}خواهم"],
    );
    assert!(!wrong.contains("U+"), "{wrong}");
}

#[test]
fn what_is_told_of_moves_no_cursor_either() {
    let wrong = refused(bare(), 2, &["demo", "no\u{1b}[31m-file.toml"]);
    assert!(wrong.starts_with("leasehold: no\\u{1b}[31m-file.toml cannot be read: "), "{wrong}");
}

#[test]
fn a_time_that_is_none_is_refused_with_what_was_expected() {
    for flag in ["--lease", "--grace", "--quiet", "--longest-wait", "--longest-hold", "--sweep-every"] {
        for time in ["1..5", "soon", "", "-5s", "5 parsecs"] {
            let wrong = refused(unreachable(), 2, &["pool", "set", "p", "--limit", "1", flag, time]);
            let expected = "expected a length of time, as in 500ms, 5s, 10m, 1h30m or 2d";
            assert!(wrong.contains(flag) && wrong.contains(expected), "{flag} {time:?}: {wrong}");
        }
        let wrong = refused(unreachable(), 2, &["pool", "set", "p", "--limit", "1", flag, "400d"]);
        assert!(wrong.contains("to 366d"), "{flag}: {wrong}");
        let wrong = refused(unreachable(), 2, &["pool", "set", "p", "--limit", "1", flag, "10us"]);
        assert!(wrong.contains("whole milliseconds"), "{flag}: {wrong}");
    }
    // Nothing may be zero but what zero turns off, or means that clocks agree.
    for (flag, shortest) in [("--lease", "1s"), ("--longest-wait", "1ms"), ("--sweep-every", "1s"), ("--quiet", "5s")] {
        let wrong = refused(unreachable(), 2, &["pool", "set", "p", "--limit", "1", flag, "0s"]);
        assert!(wrong.contains(&format!("from {shortest} to")), "{flag}: {wrong}");
    }
    for flag in ["--grace", "--longest-hold"] {
        refused(unreachable(), 3, &["pool", "set", "p", "--limit", "1", flag, "0s"]);
    }
}

#[test]
fn what_is_no_name_or_id_is_refused_with_what_was_expected() {
    for (arguments, expected) in [
        (&["pool", "set", "my pool", "--limit", "1"][..], "1 to 64 of A-Z a-z 0-9 . _ -"),
        (&["pool", "rm", "", "--yes"], "1 to 64 of A-Z a-z 0-9 . _ -"),
        (&["leases", "a#b"], "1 to 64 of A-Z a-z 0-9 . _ -"),
        (&["release", "analytics", "--yes"], "a lease id as acquire returned it"),
        (&["--table", "x", "pools"], "3 to 255 of A-Z a-z 0-9 . _ -"),
        (&["--region", "eu central", "pools"], "expected a region, as in eu-central-1"),
        (&["--endpoint-url", "localhost:8000", "pools"], "expected http:// or https:// and a host"),
        (&["--endpoint-url", "http://", "pools"], "expected http:// or https:// and a host"),
        (&["--output", "yaml", "pools"], "text, json"),
        (&["pool", "set", "p"], "name at least one setting"),
        (&["demo", "--table", "leases"], "leasehold demo makes a table of its own"),
        (&["--region", "eu-central-1", "demo"], "leasehold demo makes a table of its own"),
    ] {
        let wrong = refused(unreachable(), 2, arguments);
        assert!(wrong.contains(expected), "{arguments:?}: {wrong}");
    }
    let mut command = signed_in();
    command.env("LEASEHOLD_TABLE", "my table");
    let wrong = refused(command, 2, &["pools"]);
    assert!(wrong.contains("LEASEHOLD_TABLE=\"my table\": expected a table's name"), "{wrong}");
}

#[test]
fn an_endpoint_that_does_not_answer_is_told_within_seconds() {
    for arguments in [
        &["table", "create"][..],
        &["pool", "set", "p", "--limit", "1"],
        &["pool", "rm", "p", "--yes"],
        &["pools"],
        &["leases", "p"],
        &["sweep", "p"],
        &["release", "p:0:1", "--yes"],
    ] {
        let began = Instant::now();
        let wrong = refused(unreachable(), 3, arguments);
        assert!(began.elapsed() < Duration::from_secs(10), "{arguments:?} took {:?}", began.elapsed());
        for words in ["table regional-concurrency-leases", "Connection refused", "check the network and the endpoint"] {
            assert!(wrong.contains(words), "{arguments:?}: {words:?}: {wrong}");
        }
        assert!(wrong.contains("[region eu-central-1, endpoint http://127.0.0.1:9]"), "{arguments:?}: {wrong}");
        assert_eq!(wrong.lines().count(), 1, "{wrong}");
    }
}

#[test]
fn an_endpoint_that_takes_requests_and_says_nothing_is_told_too() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", silent.local_addr().expect("its address"));
    let began = Instant::now();
    let wrong = refused(signed_in(), 3, &["--endpoint-url", &url, "pool", "set", "p", "--limit", "1"]);
    assert!(began.elapsed() < Duration::from_secs(20), "took {:?}", began.elapsed());
    assert!(wrong.contains("no usable answer") && wrong.contains("timeout") && wrong.contains(&url), "{wrong}");
}

/// Answers every request with this, until the test ends.
fn answering(status: &str, kind: &str, body: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    let reply = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let reply = reply.clone();
            std::thread::spawn(move || {
                let mut asked = [0; 16_384];
                // One read has the head, and with so small a request all of it.
                if stream.read(&mut asked).is_ok() {
                    let _ = stream.write_all(reply.as_bytes());
                }
            });
        }
    });
    url
}

#[test]
fn a_denial_is_told_with_what_mends_it() {
    for (code, message, advice) in [
        (
            "ExpiredTokenException",
            "The security token included in the request is expired",
            "sign in again (aws sso login)",
        ),
        (
            "InvalidSignatureException",
            "Signature expired: 20200101T000000Z is now earlier",
            "check this machine's clock",
        ),
        (
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            "check the access key",
        ),
        ("AccessDeniedException", "User: x is not authorized", "that their policy allows it"),
    ] {
        let body = format!("{{\"__type\":\"com.amazon.coral.service#{code}\",\"message\":\"{message}\"}}");
        let url = answering("400 Bad Request", "application/x-amz-json-1.0", &body);
        let commands: [&[&str]; 6] = [
            &["pools"],
            &["pools", "--check"],
            &["leases", "p"],
            &["pool", "show", "p"],
            &["pool", "history", "p"],
            &["table", "create"],
        ];
        for command in commands {
            let wrong = refused(signed_in(), 3, &[&["--endpoint-url", &url], command].concat());
            assert!(wrong.contains(code) && wrong.contains(advice), "{command:?} {code}: {wrong}");
        }
        // What a policy denies is a finding; where nobody is signed in there is nothing to be found.
        if code != "AccessDeniedException" {
            for command in [&["doctor"][..], &["doctor", "p"]] {
                let wrong = refused(signed_in(), 3, &[&["--endpoint-url", &url], command].concat());
                assert!(wrong.contains(code) && wrong.contains(advice), "{command:?} {code}: {wrong}");
            }
        }
    }
}

#[test]
fn a_web_page_is_not_taken_for_an_answer_of_dynamodb() {
    for status in ["403 Forbidden", "404 Not Found", "502 Bad Gateway"] {
        let url = answering(status, "text/html", "<html><body>no</body></html>");
        let wrong = refused(signed_in(), 3, &["--endpoint-url", &url, "pools"]);
        let told =
            wrong.contains(&format!("a web page with status {}", &status[..3])) && wrong.contains("as from a proxy");
        assert!(told && wrong.contains("check the network and the endpoint") && !wrong.contains("PK"), "{wrong}");
    }
}

#[test]
fn an_endpoint_of_the_environment_is_checked_as_an_option_is() {
    for variable in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"] {
        for url in ["localhost:8000", "localhost", "//localhost", "http://[::1", "http://a/x y", "http://a:99999"] {
            let mut command = signed_in();
            command.env(variable, url);
            let wrong = refused(command, 2, &["pools"]);
            let told = format!("{variable}={url:?}: expected http:// or https:// and a host");
            assert!(wrong.contains(&told) && wrong.lines().count() == 1, "{wrong}");
        }
    }
}

#[test]
fn an_error_names_the_endpoint_that_was_asked() {
    // The one for DynamoDB alone comes before the one for all of AWS, whether or not that is set.
    for all in ["http://127.0.0.1:9", ""] {
        let mut command = signed_in();
        command.env("AWS_ENDPOINT_URL", all).env("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:7");
        let wrong = refused(command, 3, &["pools"]);
        assert!(wrong.contains("endpoint http://127.0.0.1:7]") && !wrong.contains("127.0.0.1:9"), "{wrong}");
    }
    let mut command = signed_in();
    command.env("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:7");
    let wrong = refused(command, 3, &["--endpoint-url", "http://127.0.0.1:11", "pools"]);
    assert!(wrong.contains("endpoint http://127.0.0.1:11]") && !wrong.contains("127.0.0.1:7"), "{wrong}");
}

#[test]
fn an_endpoint_that_is_set_to_nothing_is_none() {
    for variable in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"] {
        let mut command = signed_in();
        command.env(variable, "");
        let command = command.args(["--region", "nowhere-1", "pools"]).output().expect("the binary");
        // It looks for AWS's own, which no machine reaches in such a region.
        let wrong = String::from_utf8_lossy(&command.stderr).into_owned();
        assert!(command.status.code() == Some(3) && wrong.contains("got no usable answer"), "{variable}: {wrong}");
    }
}

#[test]
fn an_endpoint_in_a_profile_is_checked_as_an_option_is() {
    let config = Path::new(env!("CARGO_TARGET_TMPDIR")).join("endpoints-config");
    let profile = "[profile bad]\nendpoint_url = foo\n[profile own]\nservices = s\n[services s]\ndynamodb =\n  endpoint_url = foo\n";
    std::fs::write(&config, profile).expect("a file");
    for profile in ["bad", "own"] {
        let mut command = signed_in();
        command.env("AWS_CONFIG_FILE", &config).env("AWS_PROFILE", profile);
        let wrong = refused(command, 2, &["pools"]);
        assert!(wrong.contains("endpoint_url in ~/.aws=\"foo\": expected http:// or https:// and a host"), "{wrong}");
    }
}

#[test]
fn a_long_value_is_told_by_its_beginning() {
    let long = "a".repeat(3_000);
    for command in [
        &["run", "--prefix", "p", "--label", &long, "--", "true"][..],
        &["pools", "--check", "--max-wait", &long],
        &["pools", "--filter", "p", &long],
        &["release", &long],
        &[&long],
    ] {
        let wrong = refused(unreachable(), 2, command);
        assert!(wrong.contains("aaaaaaaa…") && wrong.len() < 400, "{} bytes: {wrong}", wrong.len());
    }
}

#[test]
fn a_time_is_refused_with_the_bounds_of_its_own_option() {
    for (option, bounds) in [("--every", "from 100ms to 1d"), ("--for", "from 100ms to 1d")] {
        for time in ["0s", "25h"] {
            let wrong = refused(unreachable(), 2, &["record", "--out", "nowhere", option, time]);
            assert!(wrong.contains(bounds), "{option} {time}: {wrong}");
        }
        let wrong = refused(unreachable(), 2, &["record", "--out", "nowhere", option, "-5s"]);
        assert!(wrong.contains(option) && wrong.contains("expected a length of time"), "{option}: {wrong}");
    }
}

#[test]
fn an_empty_profile_is_refused_as_no_name() {
    let wrong = refused(unreachable(), 2, &["pools", "--profile", ""]);
    assert!(wrong.contains("--profile <NAME>") && wrong.contains("expected a profile's name"), "{wrong}");
}

#[test]
fn a_store_without_a_demos_table_is_told_as_that() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("stores-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = |name: &str| folder.join(name).to_str().expect("a path").to_owned();
    std::fs::write(path("empty"), "").expect("a file");
    for command in [&["pools"][..], &["leases", "p"], &["doctor"], &["run", "--prefix", "p", "--", "true"]] {
        let empty = path("empty");
        let status = if command[0] == "run" { 125 } else { 3 };
        let wrong = refused(bare(), status, &[&["--store", &empty], command].concat());
        assert!(wrong.contains("holds no table of a demo") && !wrong.contains("region"), "{command:?}: {wrong}");
        assert_eq!(std::fs::metadata(&empty).expect("the file").len(), 0, "only a demo makes a store");
    }
    for (store, why) in [(path(""), "is a folder"), (path("none/of/it"), "could not be opened: unable to open")] {
        let wrong = refused(bare(), 3, &["demo", "--plain", "--store", &store]);
        assert!(wrong.contains(why) && !wrong.contains("Internal error"), "{store}: {wrong}");
    }
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn a_recording_is_played_from_its_own_file_alone() {
    let wrong = refused(bare(), 2, &["watch", "--replay", "a", "--store", "b"]);
    assert!(wrong.contains("--replay") && wrong.contains("--store"), "{wrong}");
}

#[test]
fn a_complaint_names_the_program_once() {
    for command in [&["pool", "set", "p"][..], &["watch"], &["release", "p:0:1"], &["schema", "nope"]] {
        let wrong = refused(unreachable(), 2, command);
        assert!(wrong.starts_with("leasehold: ") && !wrong.contains("leasehold: leasehold"), "{wrong}");
    }
    for command in [&[][..], &["pool"], &["table"]] {
        let wrong = refused(unreachable(), 2, command);
        assert!(wrong.starts_with("leasehold: a command is missing\n\n") && wrong.contains("Commands:"), "{wrong}");
    }
}

#[test]
fn a_recording_goes_into_a_file_that_is_named() {
    for (command, option) in [("record", "--out"), ("watch", "--record")] {
        for path in ["-", ""] {
            let wrong = refused(unreachable(), 2, &[command, option, path]);
            assert!(wrong.contains("a recording goes into a file"), "{command}: {wrong}");
        }
    }
}

#[test]
fn a_file_that_is_no_store_is_told_as_that() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("no-store-{}", std::process::id()));
    std::fs::write(&file, "# notes, and no database\n").expect("a file");
    let wrong = refused(bare(), 3, &["demo", "--plain", "--store", file.to_str().expect("a path")]);
    assert!(wrong.contains("something else in it than a database") && !wrong.contains("encryption"), "{wrong}");
    assert_eq!(std::fs::read(&file).expect("it is there"), b"# notes, and no database\n");
    std::fs::remove_file(&file).expect("removed");
}

#[test]
fn what_is_wrong_with_options_begins_as_every_complaint() {
    for arguments in [
        &["run", "--prefix", "a", "echo", "hi"][..],
        &["run", "--prefix", "a b", "--", "true"],
        &["run", "--", "true"],
        &["pols"],
        &["pool", "set"],
    ] {
        let wrong = refused(bare(), 2, arguments);
        assert!(wrong.starts_with("leasehold: ") && !wrong.contains("error:"), "{arguments:?}: {wrong}");
    }
    assert_eq!(run(bare(), &["run", "--help"]).wrong, "");
}

#[test]
fn a_bare_number_is_of_seconds_wherever_a_time_is_given() {
    for (arguments, status) in [
        (&["pool", "set", "p", "--limit", "1", "--lease", "10"][..], 3),
        (&["run", "--prefix", "p", "--wait", "10", "--", "true"], 125),
        (&["record", "--out", "/dev/null", "--every", "2s", "--for", "1m"], 3),
        (&["record", "--out", "/dev/null", "--every", "0.5", "--for", "10"], 3),
    ] {
        refused(unreachable(), status, arguments);
    }
    for time in ["0", "0.05", "2d"] {
        let wrong = refused(unreachable(), 2, &["record", "--out", "/dev/null", "--every", time]);
        assert!(wrong.contains("a length of time from 100ms to"), "{time}: {wrong}");
    }
}

#[test]
fn missing_credentials_are_told_with_where_to_get_them() {
    let mut command = bare();
    command.env("AWS_REGION", "eu-central-1");
    let began = Instant::now();
    let wrong = refused(command, 3, &["--table", "leases", "pools"]);
    assert!(began.elapsed() < Duration::from_secs(10), "took {:?}", began.elapsed());
    for words in ["no credentials for table leases", "aws configure", "--profile", "AWS_ACCESS_KEY_ID"] {
        assert!(wrong.contains(words), "{words:?}: {wrong}");
    }
}

#[test]
fn half_a_key_is_told_as_that() {
    let (id, secret) = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY");
    for (there, missing) in [(id, secret), (secret, id)] {
        let mut command = bare();
        command.env("AWS_REGION", "eu-central-1").env(there, "x");
        let wrong = refused(command, 3, &["pools"]);
        assert!(wrong.contains(&format!("{there} is set, and {missing} is not")), "{wrong}");
    }
}

/// With credentials in the environment and a profile, named staging, in a file.
fn with_a_profile(folder: &Path) -> Command {
    let config = folder.join("config");
    let staging = "[profile staging]\nregion = eu-west-3\naws_access_key_id = a\naws_secret_access_key = b\n";
    std::fs::write(&config, staging).expect("a file with a profile");
    let mut command = bare();
    command.env("AWS_CONFIG_FILE", config).env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    command
}

#[test]
fn a_missing_profile_is_named_even_if_the_environment_has_keys() {
    let wrong = refused(signed_in(), 3, &["--profile", "production", "pools"]);
    assert!(wrong.contains("in profile production: no file in ~/.aws has such a profile"), "{wrong}");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let arguments = ["--region", "eu-west-3", "--profile", "production", "pools"];
    let wrong = refused(with_a_profile(folder), 3, &arguments);
    assert!(wrong.contains("profile `production` was not defined"), "{wrong}");
    // The one that is there gives the region; a flag wins over it.
    let wrong = refused(with_a_profile(folder), 3, &["--profile", "staging", "pools"]);
    assert!(wrong.contains("[region eu-west-3, endpoint http://127.0.0.1:9]"), "{wrong}");
    let wrong = refused(with_a_profile(folder), 3, &["--profile", "staging", "--region", "eu-west-1", "pools"]);
    assert!(wrong.contains("[region eu-west-1, endpoint http://127.0.0.1:9]"), "{wrong}");
}

#[test]
fn a_missing_region_is_told_with_how_to_say_it() {
    let wrong = refused(bare(), 3, &["pools"]);
    assert!(wrong.contains("no region: add --region, set AWS_REGION"), "{wrong}");
    let mut empty = bare();
    empty.env("AWS_REGION", "");
    assert!(refused(empty, 3, &["pools"]).contains("no region"), "a variable that is set to nothing says nothing");
    for mistyped in ["eu_central_1", "bad/region"] {
        let mut command = unreachable();
        command.env("AWS_REGION", mistyped);
        let wrong = refused(command, 2, &["leases", "p"]);
        assert!(wrong.contains(&format!("the region \"{mistyped}\"")) && wrong.contains("eu-central-1"), "{wrong}");
    }
}

#[test]
fn every_help_shows_its_json_and_the_first_every_exit_status() {
    for arguments in [
        &["table", "create", "--help"][..],
        &["pool", "set", "--help"],
        &["pool", "rm", "--help"],
        &["pools", "--help"],
        &["leases", "--help"],
        &["sweep", "--help"],
        &["release", "--help"],
    ] {
        let help = run(bare(), arguments).told;
        assert!(help.contains("With --output json") && help.contains("{\"table\": NAME"), "{arguments:?}: {help}");
    }
    let help = run(bare(), &["--help"]).told;
    for words in ["Exit status: 0 done", "1 not done", "2 the options", "3 the table", "--endpoint-url", "--profile"] {
        assert!(help.contains(words), "{words:?}: {help}");
    }
    let help = run(bare(), &["run", "--help"]).told;
    assert!(help.contains("every 2 s in the end"), "how often a waiting command asks the table: {help}");
    let help = run(bare(), &["pools", "--help"]).told;
    for words in ["1 with --check: something is wrong", "--max-wait", "--max-sweep-age", "--filter", "--sort"] {
        assert!(help.contains(words), "{words:?}: {help}");
    }
    // What the demo has no use for, it does not offer.
    assert!(!run(bare(), &["demo", "--help"]).told.contains("--endpoint-url"));
}
