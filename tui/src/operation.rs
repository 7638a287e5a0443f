//! Operations by a command: how is one of a pool's own rows read, and how the pool as a whole?
//! With the caller's own credentials on the table.

use std::sync::Arc;

use leasehold_core::occupancy::Occupancy;
use leasehold_core::{PoolName, Reply, Request, Row, RowKey, Settings, StatusRequest};
use leasehold_store::{StoreError, Table};

use crate::error::CliError;
use crate::target::CliRunner;

/// One of the pool's own rows, if it is there. One that makes no sense is a row too: it can be repaired.
pub(crate) async fn own_row_as_it_is(table: &Table, prefix: &PoolName, key: RowKey) -> Result<Option<Row>, StoreError> {
    let sent = table.send(prefix, &Request::Get(key)).await;
    match (sent.reply, sent.trouble) {
        (Reply::Row(row @ Some(Row::Unreadable(..))), _) => Ok(row),
        (_, Some(trouble)) => Err(trouble),
        (Reply::Row(row), None) => Ok(row),
        (_, None) => Ok(None),
    }
}

/// The pool as its rows show it just now.
pub(crate) async fn look(runner: &CliRunner, settings: &Arc<Settings>) -> Result<Occupancy, CliError> {
    let ran = runner.run(StatusRequest, Arc::clone(settings)).await;
    let snapshot = ran.map_err(|error| error.explain(runner.table().name(), &settings.prefix, "looking at"))?;
    Ok(Occupancy::of(&snapshot, settings))
}
