//! The pool's own rows: what do its settings and an operator's override say, and how is it told where they say nothing?

use futures_util::future::join;
use leasehold_core::{Failure, LimitRows, Millis, PoolName, Reply, Row, Settings, Timestamp};

use crate::error::{ErrorContext, StoreError};
use crate::table::{RequestOutcome, Table};

/// The rows that a change of the limit reads, for whoever is to be shown them first.
///
/// # Errors
/// [`StoreError::PoolNotFound`], [`StoreError::PoolMisconfigured`] where the settings make no sense (an override that
/// makes none is found as such), or what the table's answer was.
pub async fn limit_rows(table: &Table, prefix: &PoolName) -> Result<LimitRows, StoreError> {
    let (now, sent) = send(table, prefix, || table.now()).await;
    let [RequestOutcome { reply: pool, trouble: first }, RequestOutcome { reply: live, trouble: second }] = sent;
    LimitRows::from_replies(prefix, [pool, live], now)
        .map_err(|failure| explained(table, prefix, failure, first.or(second)))
}

/// The settings in force, by the table's time, which `now` tells.
///
/// # Errors
/// [`StoreError::PoolNotFound`], [`StoreError::PoolMisconfigured`], or what the table's answer was.
pub(crate) async fn settings(
    table: &Table,
    prefix: &PoolName,
    now: impl Fn() -> Timestamp,
) -> Result<Settings, StoreError> {
    let (now, sent) = send(table, prefix, now).await;
    let [pool, live] = &sent;
    let mark = match (&pool.reply, &live.reply) {
        // After the others: see there.
        (Reply::Row(_), Reply::Row(_)) => table.send(prefix, &Settings::HIGH_WATER_READ).await,
        // What the others failed by is told at once.
        _ => RequestOutcome { reply: Reply::Row(None), trouble: None },
    };
    let replies = [pool.reply.clone(), live.reply.clone()];
    let settings = Settings::from_replies(prefix.clone(), replies, mark.reply, now);
    settings.map_err(|failure| {
        explained(table, prefix, failure, sent.into_iter().find_map(|sent| sent.trouble).or(mark.trouble))
    })
}

/// How well the table's time must be known before: a pool's grace by default, as its own is yet to be read.
const WITHIN: Millis = Millis(5_000);

/// The pool's two own rows, and a moment before they were read, by which it is judged whether an override has lapsed.
async fn send(table: &Table, prefix: &PoolName, now: impl Fn() -> Timestamp) -> (Timestamp, [RequestOutcome; 2]) {
    let (begun, known) = (now(), table.knows_time(WITHIN));
    let sent = send_once(table, prefix).await;
    if known || !matches!(&sent[1].reply, Reply::Row(Some(Row::Override(live))) if live.until.is_some()) {
        return (begun, sent);
    }
    // Only now the table's time is known: this machine's clock, by which an override may seem to have lapsed, may be wrong.
    (now(), send_once(table, prefix).await)
}

async fn send_once(table: &Table, prefix: &PoolName) -> [RequestOutcome; 2] {
    let [pool, live] = Settings::reads();
    let (pool, live) = join(table.send(prefix, &pool), table.send(prefix, &live)).await;
    [pool, live]
}

fn explained(table: &Table, prefix: &PoolName, failure: Failure, trouble: Option<StoreError>) -> StoreError {
    let context = ErrorContext(format!("reading the settings of pool {prefix}"));
    match (failure, trouble) {
        (failure @ Failure::PoolNotFound, _) | (failure, None) => {
            StoreError::of_failure(&failure, table.name(), prefix, context)
        }
        (_, Some(StoreError::BadRow { table, row, .. })) => {
            let (prefix, why, row) = (prefix.to_string(), row.to_string(), row.wrong_row());
            StoreError::PoolMisconfigured { table, prefix, why, row }
        }
        (_, Some(trouble)) => trouble,
    }
}
