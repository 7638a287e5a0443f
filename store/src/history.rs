//! The history of a pool: which changes are noted, and how are there never many?

use leasehold_core::{HistoryRow, NOTED, PoolName, Row, forget_change};

use crate::error::{ErrorContext, StoreError};
use crate::expressions;
use crate::rows::{self, RowError};
use crate::table::{ReadMode, RequestError, Table};

/// The changes of a pool that are noted.
#[derive(Clone, Debug, PartialEq)]
pub struct NotedChanges {
    /// Those that can be read, the newest first.
    pub changes: Vec<HistoryRow>,
    /// What is wrong with the first of the others, if there are any. It hides none of those.
    pub unreadable: Option<StoreError>,
}

/// The changes of a pool that are noted. A pool that is retired has its history, too.
///
/// # Errors
/// When the table gives no usable answer.
pub async fn history(table: &Table, prefix: &PoolName) -> Result<NotedChanges, StoreError> {
    let context = || ErrorContext(format!("reading the history of pool {prefix}"));
    let (mut changes, wrong) =
        noted(table, prefix).await.map_err(|failed| failed.into_store_error(table, context()))?;
    changes.reverse();
    changes.truncate(NOTED);
    let unreadable = wrong.map(|row| RequestError::Row(row).into_store_error(table, context()));
    Ok(NotedChanges { changes, unreadable })
}

/// Takes notes away that have as many newer ones as are kept. What does not succeed the next change does.
pub(crate) async fn forget_old_changes(table: &Table, prefix: &PoolName) {
    let Ok((noted, _)) = noted(table, prefix).await else { return };
    let old = noted.len().saturating_sub(NOTED);
    for row in &noted[..old] {
        table.send(prefix, &forget_change(row.key)).await;
    }
}

/// The oldest first, and what is wrong with the first that makes no sense.
async fn noted(table: &Table, prefix: &PoolName) -> Result<(Vec<HistoryRow>, Option<RowError>), RequestError> {
    let items = table.query(ReadMode::Consistent, expressions::beginning(prefix, rows::NOTES), usize::MAX).await?;
    let (mut noted, mut wrong) = (vec![], None);
    for item in &items {
        match rows::row(item) {
            Ok((_, Row::History(row))) => noted.push(row),
            Ok(_) => {}
            Err(row) => wrong = wrong.or(Some(row)),
        }
    }
    Ok((noted, wrong))
}
