//! Names, labels and reasons are written by others: wherever one is told or drawn, it moves no cursor, sets no colour, and
//! turns or hides no other text; and no task token is told anywhere. Every command that tells of them, by the real binary
//! against a local AWS, and every view of the dashboard.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod local_aws;
mod scenes;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use leasehold_core::occupancy::Overridden;
use leasehold_core::{
    AcquireOutcome, AcquireRequest, ExpectedOverride, Holder, Lease, Limit, Mode, PoolName, RowKey, SetLimit,
    TaskToken, is_harmless,
};
use leasehold_store::{Runner, rows};
use leasehold_tui::watch::input::{DirectoryEntry, Input, PoolDirectory, SharedText};
use local_aws::{Ended, config, on, run, table, told, typed};
use ratatui::crossterm::event::KeyCode;
use scenes::{NOW, WATCH, dashboard, press, scene, screen};

/// An escape that clears the screen, one of a single character, a turn of direction, a hidden mark, a tag, and markup.
const HOSTILE: &str = "\u{1b}[2J\u{9b}31m\u{202e}cod\u{2066}\u{200b}\u{e0041}\r<img src=x onerror=alert(1)>";
const TOKEN: &str = "AAAAKgAAAAIAAAAAAAAAAV-a-token-that-nobody-may-see";

fn pool() -> PoolName {
    "p".parse().expect("a prefix")
}

/// A text of the command's own, or one of others: nothing in it acts on what is around it, and no token is in it.
fn does_no_harm(what: &str, text: &str) {
    let harmful: Vec<char> = text.chars().filter(|c| !is_harmless(*c) && *c != '\n').collect();
    assert!(harmful.is_empty(), "{what}: {harmful:?} in {text:?}");
    assert!(!text.contains(TOKEN), "{what} tells a token: {text}");
}

fn ended_without_harm(what: &str, ended: &Ended) {
    does_no_harm(what, &ended.told);
    does_no_harm(what, &ended.wrong);
}

async fn ask(name: &str, who: &str, mode: Mode) -> AcquireOutcome {
    let holder = Holder::new(&format!("{who}{HOSTILE}"), HOSTILE, Some(HOSTILE)).expect("a holder");
    let label = Some(Arc::from(HOSTILE));
    let request = AcquireRequest { holder, attempt: None, mode, lease: None, wait: None, label };
    Runner::new(table(name)).run_on(&pool(), request).await.expect("the pool")
}

/// A pool whose holder, waiter and override have such names.
async fn hostile_pool(name: &str) -> Lease {
    told(name, &["table", "create"]);
    told(name, &["pool", "set", "p", "--limit", "1"]);
    let AcquireOutcome::Acquired(lease) = ask(name, "one", Mode::Poll).await else { panic!("it is free") };
    let token = TaskToken::new(TOKEN).expect("a token");
    assert_eq!(ask(name, "two", Mode::Queue(Some(token))).await, AcquireOutcome::Queued);
    let limit = Limit::try_from(2).expect("a limit");
    let set =
        SetLimit { limit, who: HOSTILE.into(), why: HOSTILE.into(), lasts: None, expected: ExpectedOverride::Any };
    Runner::new(table(name)).administer(&pool(), set).await.expect("an override");
    lease
}

#[tokio::test]
async fn no_command_tells_more_than_text() {
    let name = "hostile";
    let lease = hostile_pool(name).await.id.to_string();
    for command in [
        &["leases", "p"][..],
        &["pools"],
        &["doctor", "p"],
        &["pool", "show", "p"],
        &["pool", "history", "p"],
        &["pool", "set", "p", "--limit", "1", "--lease", "4m", "--yes"],
        &["pool", "override", "p", "--limit", "2", "--reason", "again", "--who", HOSTILE.trim(), "--yes"],
        &["pool", "override", "p", "--end"],
        &["pool", "rm", "p", "--yes"],
        &["release", &lease],
    ] {
        for output in ["text", "json"] {
            let ended = run(on(name), &[command, &["--output", output]].concat());
            ended_without_harm(&format!("{command:?} as {output}"), &ended);
        }
    }
    let told = local_aws::document(name, &["leases", "p"]);
    assert_eq!(told["leases"][0]["label"], HOSTILE, "as JSON it says the same");
    // What it asks on a terminal; the terminal itself makes \r\n of each end of a line.
    for command in [&["release", &lease][..], &["pool", "override", "p", "--end"]] {
        let (_, shown) = typed(name, command, "no\n");
        assert!(shown.contains("nothing was changed"), "{shown}");
        does_no_harm(&format!("asked by {command:?}"), &shown.replace("\r\n", "\n"));
    }
}

#[tokio::test]
async fn no_error_about_a_row_tells_more_than_text() {
    let name = "hostile-rows";
    let lease = hostile_pool(name).await;
    let client = aws_sdk_dynamodb::Client::from_conf(config().build());
    let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.into());
    // A slot that makes no sense, and a row of no kind; both with a name, and the first with a token.
    let mut item = rows::key(&pool(), &RowKey::Slot(lease.id.slot));
    item.extend([("fence".to_owned(), text(HOSTILE)), ("token".to_owned(), text(TOKEN))]);
    client.put_item().table_name(name).set_item(Some(item)).send().await.expect("put");
    let put = client.put_item().table_name(name).item("PK", text("LEASES#p")).item("SK", text(&format!("q{HOSTILE}")));
    put.send().await.expect("put");
    let put = client.put_item().table_name(name).item("PK", text(HOSTILE)).item("SK", text(HOSTILE));
    let put = put.item("directory", text("pools")).item("directory_row", text(HOSTILE));
    put.send().await.expect("put");
    for command in
        [&["leases", "p"][..], &["sweep", "p"], &["pools"], &["doctor"], &["doctor", "p", "--output", "json"]]
    {
        ended_without_harm(&format!("{command:?}"), &run(on(name), command));
    }
    let said = run(on(name), &["leases", "p"]);
    assert!(said.status == Some(3) && said.wrong.contains("do not delete it"), "{said:?}");
}

#[tokio::test]
async fn a_recording_holds_text_and_no_token() {
    let name = "hostile-recorded";
    hostile_pool(name).await;
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("hostile-{}.jsonl", std::process::id()));
    let path = out.to_str().expect("a path of text");
    let ended = run(on(name), &["record", "--out", path, "--every", "0.2", "--for", "1"]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let recorded = fs::read_to_string(&out).expect("a recording");
    fs::remove_file(&out).expect("cleared away");
    assert!(recorded.contains("onerror") && recorded.contains("\\u202e"), "{recorded}");
    does_no_harm("a recording", &recorded);
}

#[test]
fn no_view_of_the_dashboard_draws_more_than_text() {
    for size in [(60, 15), (80, 24), (200, 60)] {
        let mut dashboard = dashboard(WATCH, size);
        let scene = scene("analytics", 3, 3, 2);
        let holder = Holder::new(&format!("arn:{HOSTILE}"), HOSTILE, Some(HOSTILE)).expect("a holder");
        let mut slot = scene.slot(0);
        let held = slot.held.as_mut().expect("a lease");
        (held.holder, held.label) = (holder.clone(), Some(HOSTILE.into()));
        let mut look = scene.look_at(vec![slot, scene.slot(1), scene.slot(2)]);
        look.queue[0].holder = holder;
        look.overridden = Some(Overridden { at: NOW, who: HOSTILE.into(), why: HOSTILE.into(), until: None });
        let pools = vec![scene.listing(), DirectoryEntry { trouble: Some(HOSTILE.into()), ..scene.listing() }];
        dashboard.apply(Input::Listed(PoolDirectory { at: NOW, pools: pools[..1].to_vec() }));
        dashboard.apply(Input::Seen(Box::new(scene.look_at(vec![]))));
        dashboard.apply(Input::Seen(Box::new(look)));
        dashboard.apply(Input::Note(HOSTILE.into()));
        let mut shown = String::new();
        // Each pane, everything about what is chosen in it, the forms, and what is said of what was done.
        for _ in 0..5 {
            for key in [
                KeyCode::Enter,
                KeyCode::Down,
                KeyCode::Esc,
                KeyCode::Char('x'),
                KeyCode::Esc,
                KeyCode::Char('+'),
                KeyCode::Esc,
                KeyCode::Char('Y'),
                KeyCode::Tab,
            ] {
                press(&mut dashboard, key);
                shown += &screen(&dashboard);
            }
        }
        let shared = SharedText { what: "execution", text: HOSTILE.repeat(9), opened: false };
        dashboard.apply(Input::Shared(shared));
        shown += &screen(&dashboard);
        press(&mut dashboard, KeyCode::Esc);
        dashboard.apply(Input::ActionDone { done: false, what: HOSTILE.into() });
        shown += &screen(&dashboard);
        dashboard.apply(Input::Failed { why: HOSTILE.into(), retry_at: NOW });
        shown += &screen(&dashboard);
        dashboard.apply(Input::Unreadable { prefix: pool(), why: HOSTILE.into() });
        dashboard.apply(Input::Listed(PoolDirectory { at: NOW, pools }));
        shown += &screen(&dashboard);
        assert!(shown.contains("<img"), "{shown}");
        does_no_harm(&format!("a dashboard of {size:?}"), &shown);
    }
}
