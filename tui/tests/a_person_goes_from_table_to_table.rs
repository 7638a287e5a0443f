//! Which table, whose account and which region is on every screen; a person goes from it to another table, and from a holder to
//! its execution. The real binary on a real terminal, on a local AWS.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod tmux;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use leasehold_core::{AcquireRequest, Author, ExpectedSettings, Holder, Limit, Mode, PoolName, PoolPatch, SetPool};
use leasehold_store::{Runner, Table};
use leasehold_testkit::LocalAws;
use tmux::Tmux;

const ARN: &str = "arn:aws:states:us-east-1:000000000000:execution:nightly:run-7";
const LINK: &str = "https://us-east-1.console.aws.amazon.com/states/home?region=us-east-1#/v2/executions/details/\
                    arn:aws:states:us-east-1:000000000000:execution:nightly:run-7";

/// A pool of one slot that an execution holds, and for which somebody else waits.
async fn pool(table: &Table, name: &str) {
    let prefix: PoolName = name.parse().expect("a prefix");
    let runner = Runner::new(table.clone());
    let patch = PoolPatch { limit: Some(Limit::try_from(1).expect("a limit")), ..PoolPatch::default() };
    let set = SetPool { patch, by: Author::new("ann", "a test"), expected: ExpectedSettings::Any };
    runner.administer(&prefix, set).await.expect("a pool");
    for who in [ARN, "cron@host"] {
        let holder = Holder::new(who, "", None).expect("a holder");
        let ask =
            AcquireRequest { holder, attempt: None, mode: Mode::Queue(None), lease: None, wait: None, label: None };
        runner.run_on(&prefix, ask).await.expect("an answer");
    }
}

/// A terminal of this size whose programs reach the local AWS.
fn shell(size: (u16, u16), aws: &LocalAws, more: &[(&str, &str)]) -> Tmux {
    let endpoint = aws.endpoint();
    let mut variables = vec![
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_PROFILE", ""),
        // No desktop, whatever this machine has.
        ("BROWSER", ""),
        ("DISPLAY", ""),
        ("WAYLAND_DISPLAY", ""),
    ];
    variables.extend(more);
    Tmux::shell(size, &variables)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn table_account_and_region_are_on_every_screen() {
    let aws = LocalAws::start();
    pool(&aws.table("regional-concurrency-leases").await, "analytics").await;
    let whole = "regional-concurrency-leases · 000000000000 · us-east-1";
    for (size, place) in [((120, 40), whole), ((80, 24), whole), ((60, 20), "s · 000000000000 · us-east-1")] {
        for arguments in ["watch", "watch --read-only"] {
            let tmux = shell(size, &aws, &[]);
            tmux.start(arguments);
            let screen = tmux.shows(&[place, "● live"]);
            assert!(screen.lines().next().is_some_and(|first| first.contains(place)), "{screen}");
            tmux.text("q");
            tmux.shows(&["LEFT 0"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_table_is_shown_once_it_has_answered() {
    let aws = LocalAws::start();
    pool(&aws.table("staging-leases").await, "analytics").await;
    pool(&aws.table("production-leases").await, "billing").await;
    let tmux = shell((80, 24), &aws, &[]);
    tmux.start("watch --table staging-leases");
    tmux.shows(&["staging-leases", "analytics", "● live"]);
    tmux.text("t");
    tmux.shows(&["Watch another table", "Region", "us-east-1", "Profile"]);
    tmux.key("C-u");
    tmux.line("no-such-table");
    tmux.key("Enter");
    tmux.key("Enter");
    tmux.shows(&["! table no-such-table is not shown: there is none in this region", "staging-leases", "analytics"]);
    tmux.text("t");
    tmux.key("C-u");
    tmux.line("production-leases");
    tmux.key("Enter");
    tmux.key("Enter");
    let screen = tmux.shows(&["production-leases · 000000000000 · us-east-1", "billing", "● live"]);
    assert!(!screen.contains("analytics"), "{screen}");
    tmux.text("q");
    tmux.shows(&["LEFT 0"]);
    assert_eq!(tmux.modes(), "0 1");

    // What is recorded stays what it is.
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("one-table-{}.jsonl", std::process::id()));
    tmux.line("clear");
    tmux.start(&format!("watch --table staging-leases --record {}", file.display()));
    tmux.shows(&["● live"]);
    tmux.text("t");
    tmux.shows(&["! this dashboard stays on its table"]);
    tmux.text("q");
    tmux.shows(&["LEFT 0"]);
    std::fs::remove_file(file).expect("cleared away");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_and_links_go_to_the_clipboard_or_a_browser() {
    let aws = LocalAws::start();
    pool(&aws.table("regional-concurrency-leases").await, "analytics").await;
    let tmux = shell((80, 24), &aws, &[]);
    // In tmux as it comes, which takes no clipboard from a program; and in a terminal that takes it.
    for command in ["", "env -u TMUX "] {
        tmux.line(&format!("clear; {command}{} watch; echo LEFT $?", env!("CARGO_BIN_EXE_leasehold")));
        tmux.shows(&["analytics", "● live"]);
        tmux.text("y");
        tmux.shows(&["pool copied: analytics"]);
        tmux.copies("analytics");
        tmux.key("Enter");
        tmux.shows(&["nightly:run-7"]);
        tmux.text("y");
        tmux.shows(&["lease id copied: analytics:0:1"]);
        tmux.copies("analytics:0:1");
        tmux.text("Y");
        tmux.shows(&["execution copied"]);
        tmux.copies(ARN);
        tmux.key("Escape");
        tmux.until("nothing over it", |screen| !screen.contains("esc closes"));
        tmux.key("Enter");
        tmux.shows(&["nightly:run-7"]);
        tmux.text("o");
        // Whole, from edge to edge: for a terminal that took nothing.
        let screen = tmux.shows(&["link copied", "select it here"]);
        let lines: String = screen.lines().map(str::trim_end).collect();
        assert!(lines.contains(LINK), "{screen}");
        tmux.copies(LINK);
        tmux.key("Escape");
        tmux.until("nothing over it", |screen| !screen.contains("select it here"));
        tmux.key("Tab");
        tmux.text("y");
        tmux.copies("cron@host");
        tmux.text("o");
        tmux.shows(&["! its holder is no execution of Step Functions"]);
        tmux.text("q");
        tmux.shows(&["LEFT 0"]);
        tmux.takes_clipboards();
    }

    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (browser, opened) = (folder.join(format!("browser-{}", std::process::id())), folder.join("opened-link"));
    std::fs::write(&browser, format!("#!/bin/sh\nprintf %s \"$1\" > {}\n", opened.display())).expect("a browser");
    std::fs::set_permissions(&browser, PermissionsExt::from_mode(0o755)).expect("a program");
    let tmux = shell((80, 24), &aws, &[("BROWSER", browser.to_str().expect("a path"))]);
    tmux.start("watch");
    tmux.shows(&["analytics", "● live"]);
    tmux.key("Enter");
    tmux.shows(&["nightly:run-7"]);
    tmux.text("o");
    tmux.shows(&["link opened in a browser:", "https://"]);
    tmux.until("the page", |_| std::fs::read_to_string(&opened).is_ok_and(|link| link == LINK));
    tmux.text("q");
    tmux.shows(&["LEFT 0"]);
    let _ = (std::fs::remove_file(browser), std::fs::remove_file(opened));
}
