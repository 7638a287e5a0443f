//! A write is repeated only when it certainly did not happen, and is unknown unless an answer says otherwise.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod drawn;
mod scripted;

use drawn::Drawn;
use leasehold_core::nouns::{Prefix, Slot};
use leasehold_core::table::{Change, Key, Reply, Request, Write};
use scripted::{Play, Scripted, done, error};

fn prefix() -> Prefix {
    "p".parse().expect("a prefix")
}

fn write() -> Request {
    let row = Drawn::seeded(1).row_at(Key::Slot(Slot(1)));
    Request::Write(Write { key: row.key(), conditions: Vec::new(), change: Change::Put(row) })
}

fn transaction() -> Request {
    let rows = [1, 2].map(|slot| Drawn::seeded(1).row_at(Key::Slot(Slot(slot))));
    let write =
        |row: leasehold_core::table::Row| Write { key: row.key(), conditions: Vec::new(), change: Change::Put(row) };
    Request::Transact(rows.map(write).to_vec())
}

async fn reply(plays: impl IntoIterator<Item = Play>, request: &Request) -> (Reply, usize) {
    let network = Scripted::new(plays);
    let sent = network.table().send(&prefix(), request).await;
    assert_eq!(sent.trouble.is_some(), sent.reply != Reply::Written && sent.reply != Reply::Row(None), "{sent:?}");
    (sent.reply, network.asked())
}

#[tokio::test(start_paused = true)]
async fn a_write_without_an_answer_is_unknown_and_not_repeated() {
    for request in [write(), transaction()] {
        for play in [Play::Break, Play::Silence, error(500, "InternalServerError"), error(503, "ServiceUnavailable")] {
            assert_eq!(reply([play.clone(), done()], &request).await, (Reply::Unknown, 1), "{play:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_answer_is_cut_short_is_unknown() {
    let cut = Play::Answer(200, r#"{"ConsumedCapa"#.into());
    assert_eq!(reply([cut, done()], &write()).await, (Reply::Unknown, 1));
}

#[tokio::test(start_paused = true)]
async fn what_certainly_did_not_happen_is_tried_again() {
    let away = ["ThrottlingException", "ProvisionedThroughputExceededException", "TransactionConflictException"];
    for code in away {
        assert_eq!(reply([error(400, code), error(400, code), done()], &write()).await, (Reply::Written, 3), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn trying_again_ends_and_says_what_it_was() {
    assert_eq!(reply([error(400, "ThrottlingException")], &write()).await, (Reply::Throttled, 4));
    assert_eq!(reply([error(400, "TransactionConflictException")], &write()).await, (Reply::Conflict, 4));
}

#[tokio::test(start_paused = true)]
async fn a_throttled_write_that_then_breaks_is_unknown() {
    let plays = [error(400, "ThrottlingException"), Play::Break, done()];
    assert_eq!(reply(plays, &write()).await, (Reply::Unknown, 2));
}

#[tokio::test(start_paused = true)]
async fn a_reading_may_be_repeated_and_is_never_unknown() {
    let get = Request::Get(Key::Pool);
    assert_eq!(reply([error(500, "InternalServerError"), done()], &get).await, (Reply::Row(None), 2));
    assert_eq!(reply([Play::Silence], &get).await, (Reply::Unavailable, 2));
    assert_eq!(reply([error(400, "ThrottlingException")], &get).await, (Reply::Throttled, 4));
}

#[tokio::test(start_paused = true)]
async fn what_the_table_refuses_to_do_is_unavailable() {
    for code in ["ResourceNotFoundException", "AccessDeniedException", "ValidationException"] {
        assert_eq!(reply([error(400, code), done()], &write()).await, (Reply::Unavailable, 1), "{code}");
    }
}
