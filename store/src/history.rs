//! The history of a pool: which changes are noted, and how are there never many?

use leasehold_core::{HistoryRow, NOTED, PoolName, Row, forget_change};

use crate::error::{ErrorContext, StoreError};
use crate::expressions;
use crate::rows;
use crate::table::{ReadMode, RequestError, Table, row};

/// The changes of a pool that are noted, the newest first. A pool that is retired has its history, too.
///
/// # Errors
/// When the table gives no usable answer.
pub async fn history(table: &Table, prefix: &PoolName) -> Result<Vec<HistoryRow>, StoreError> {
    let noted = noted(table, prefix).await;
    let mut noted = noted.map_err(|failed| {
        failed.into_store_error(table, ErrorContext(format!("reading the history of pool {prefix}")))
    })?;
    noted.reverse();
    noted.truncate(NOTED);
    Ok(noted)
}

/// Takes notes away that have as many newer ones as are kept. What does not succeed the next change does.
pub(crate) async fn forget_old_changes(table: &Table, prefix: &PoolName) {
    let Ok(noted) = noted(table, prefix).await else { return };
    let old = noted.len().saturating_sub(NOTED);
    for row in &noted[..old] {
        table.send(prefix, &forget_change(row.key)).await;
    }
}

async fn noted(table: &Table, prefix: &PoolName) -> Result<Vec<HistoryRow>, RequestError> {
    let items = table.query(ReadMode::Consistent, expressions::beginning(prefix, rows::NOTES), usize::MAX).await?;
    let rows = items.iter().map(row).filter_map(|row| match row {
        Ok(Row::History(row)) => Some(Ok(row)),
        Ok(_) => None,
        Err(wrong) => Some(Err(wrong)),
    });
    rows.collect()
}
