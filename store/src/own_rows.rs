//! The pool's own rows: what do its settings and an operator's override say, and how is it told where they say nothing?

use futures_util::future::join;
use leasehold_core::{Failure, LimitRows, PoolName, Reply, Settings};

use crate::error::{ErrorContext, StoreError};
use crate::table::{RequestOutcome, Table};

/// The rows that a change of the limit reads, for whoever is to be shown them first.
///
/// # Errors
/// [`StoreError::PoolNotFound`], [`StoreError::PoolMisconfigured`] where the settings make no sense (an override that
/// makes none is found as such), or what the table's answer was.
pub async fn limit_rows(table: &Table, prefix: &PoolName) -> Result<LimitRows, StoreError> {
    read(table, prefix, |replies| LimitRows::from_replies(prefix, replies)).await
}

/// The settings in force.
///
/// # Errors
/// [`StoreError::PoolNotFound`], [`StoreError::PoolMisconfigured`], or what the table's answer was.
pub(crate) async fn settings(table: &Table, prefix: &PoolName) -> Result<Settings, StoreError> {
    let sent = send(table, prefix).await;
    // After the others: see there.
    let mark = table.send(prefix, &Settings::HIGH_WATER_READ).await;
    let [pool, live] = &sent;
    let replies = [pool.reply.clone(), live.reply.clone()];
    let settings = Settings::from_replies(prefix.clone(), replies, mark.reply);
    settings.map_err(|failure| {
        explained(table, prefix, failure, sent.into_iter().find_map(|sent| sent.trouble).or(mark.trouble))
    })
}

async fn read<T>(
    table: &Table,
    prefix: &PoolName,
    made_of: impl FnOnce([Reply; 2]) -> Result<T, Failure>,
) -> Result<T, StoreError> {
    let [RequestOutcome { reply: pool, trouble: first }, RequestOutcome { reply: live, trouble: second }] =
        send(table, prefix).await;
    made_of([pool, live]).map_err(|failure| explained(table, prefix, failure, first.or(second)))
}

async fn send(table: &Table, prefix: &PoolName) -> [RequestOutcome; 2] {
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
            StoreError::PoolMisconfigured { table, prefix: prefix.to_string(), why: row.to_string() }
        }
        (_, Some(trouble)) => trouble,
    }
}
