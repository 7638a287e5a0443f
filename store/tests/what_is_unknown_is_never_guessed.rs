//! A write is repeated only when it certainly did not happen, and is unknown unless an answer says otherwise.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod drawn;

use drawn::{Drawn, put};
use leasehold_core::{PoolName, Reply, Request, RowKey, Slot};
use leasehold_store::{Runner, StoreError};
use leasehold_testkit::{HttpReply, ScriptedHttp};

fn prefix() -> PoolName {
    "p".parse().expect("a prefix")
}

fn write() -> Request {
    Request::Write(put(Drawn::seeded(1).row_at(RowKey::Slot(Slot(1)))))
}

fn transaction() -> Request {
    let rows = [1, 2].map(|slot| Drawn::seeded(1).row_at(RowKey::Slot(Slot(slot))));
    Request::Transact(rows.map(put).to_vec())
}

async fn reply(plays: impl IntoIterator<Item = HttpReply>, request: &Request) -> (Reply, usize) {
    let network = ScriptedHttp::new(plays);
    let sent = network.table().send(&prefix(), request).await;
    assert_eq!(sent.trouble.is_some(), sent.reply != Reply::Written && sent.reply != Reply::Row(None), "{sent:?}");
    (sent.reply, network.bodies().len())
}

#[tokio::test(start_paused = true)]
async fn a_write_without_an_answer_is_unknown_and_not_repeated() {
    for request in [write(), transaction()] {
        for play in [
            HttpReply::Break,
            HttpReply::Silence,
            HttpReply::error(500, "InternalServerError"),
            HttpReply::error(503, "ServiceUnavailable"),
        ] {
            assert_eq!(reply([play.clone(), HttpReply::done()], &request).await, (Reply::Unknown, 1), "{play:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_answer_is_cut_short_is_unknown() {
    let cut = HttpReply::Answer(200, r#"{"ConsumedCapa"#.into());
    assert_eq!(reply([cut, HttpReply::done()], &write()).await, (Reply::Unknown, 1));
}

#[tokio::test(start_paused = true)]
async fn what_certainly_did_not_happen_is_tried_again() {
    let away = ["ThrottlingException", "ProvisionedThroughputExceededException", "TransactionConflictException"];
    for code in away {
        assert_eq!(
            reply([HttpReply::error(400, code), HttpReply::error(400, code), HttpReply::done()], &write()).await,
            (Reply::Written, 3),
            "{code}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn trying_again_ends_and_says_what_it_was() {
    assert_eq!(reply([HttpReply::error(400, "ThrottlingException")], &write()).await, (Reply::Throttled, 4));
    assert_eq!(reply([HttpReply::error(400, "TransactionConflictException")], &write()).await, (Reply::Conflict, 4));
}

#[tokio::test(start_paused = true)]
async fn a_throttled_write_that_then_breaks_is_unknown() {
    let plays = [HttpReply::error(400, "ThrottlingException"), HttpReply::Break, HttpReply::done()];
    assert_eq!(reply(plays, &write()).await, (Reply::Unknown, 2));
}

#[tokio::test(start_paused = true)]
async fn a_reading_may_be_repeated_and_is_never_unknown() {
    let get = Request::Get(RowKey::Pool);
    assert_eq!(
        reply([HttpReply::error(500, "InternalServerError"), HttpReply::done()], &get).await,
        (Reply::Row(None), 2)
    );
    assert_eq!(reply([HttpReply::Silence], &get).await, (Reply::Unavailable, 2));
    assert_eq!(reply([HttpReply::error(400, "ThrottlingException")], &get).await, (Reply::Throttled, 4));
}

#[tokio::test(start_paused = true)]
async fn what_the_table_refuses_to_do_is_unavailable() {
    for code in ["ResourceNotFoundException", "AccessDeniedException", "ValidationException"] {
        assert_eq!(
            reply([HttpReply::error(400, code), HttpReply::done()], &write()).await,
            (Reply::Unavailable, 1),
            "{code}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn settings_that_cannot_be_read_are_not_asked_for_further() {
    let network = ScriptedHttp::new(std::iter::repeat_n(HttpReply::Silence, 20));
    let wrong = Runner::new(network.table()).settings(&prefix()).await.expect_err("no answer");
    // Both of the pool's own rows at once, each twice.
    assert!(matches!(wrong, StoreError::NoAnswer { .. }) && network.bodies().len() == 4, "{wrong}");
}
