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
    read(table, prefix, |replies| Settings::from_replies(prefix.clone(), replies)).await
}

async fn read<T>(
    table: &Table,
    prefix: &PoolName,
    made_of: impl FnOnce([Reply; 2]) -> Result<T, Failure>,
) -> Result<T, StoreError> {
    let [pool, live] = Settings::reads();
    let (pool, live) = join(table.send(prefix, &pool), table.send(prefix, &live)).await;
    let RequestOutcome { reply: pool, trouble: first } = pool;
    let RequestOutcome { reply: live, trouble: second } = live;
    made_of([pool, live]).map_err(|failure| {
        let context = ErrorContext(format!("reading the settings of pool {prefix}"));
        match (failure, first.or(second)) {
            (failure @ Failure::PoolNotFound, _) | (failure, None) => {
                StoreError::of_failure(&failure, table.name(), prefix, context)
            }
            (_, Some(StoreError::BadRow { table, row, .. })) => {
                StoreError::PoolMisconfigured { table, prefix: prefix.to_string(), why: row.to_string() }
            }
            (_, Some(trouble)) => trouble,
        }
    })
}
