//! The history of a pool: which changes are noted, and how are there never many?

use futures_util::future::join;
use leasehold_core::{HistoryRow, Limit, NOTED, PoolChange, PoolName, Row, forget_change};

use crate::error::{ErrorContext, StoreError};
use crate::expressions;
use crate::own_rows::limit_rows;
use crate::rows::{self, RowError};
use crate::table::{ReadMode, RequestError, Table};

/// The changes of a pool that are noted.
#[derive(Clone, Debug, PartialEq)]
pub struct NotedChanges {
    /// Those that can be read, the newest first.
    pub changes: Vec<HistoryRow>,
    /// The others, if there are any. They hide none of those.
    pub unreadable: Option<UnreadableChanges>,
}

/// The rows of a pool's history that make no sense: how many, and what is wrong with the first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{count} row{} of the history of pool {prefix} in table {table} cannot be read{} {first}; {}",
    if *count == 1 { "" } else { "s" },
    if *count == 1 { ":" } else { ", the first:" },
    first.advice()
)]
pub struct UnreadableChanges {
    /// The table's name.
    pub table: String,
    /// Whose history.
    pub prefix: PoolName,
    /// How many.
    pub count: usize,
    /// What is wrong with the first, in order of time.
    pub first: Box<RowError>,
}

/// The changes of a pool that are noted, and the lapse of an override that nobody has cleared away yet. A pool that is
/// retired has its history, too.
///
/// # Errors
/// When the table gives no usable answer.
pub async fn history(table: &Table, prefix: &PoolName) -> Result<NotedChanges, StoreError> {
    let context = || ErrorContext(format!("reading the history of pool {prefix}"));
    let (noted, own) = join(noted(table, prefix), limit_rows(table, prefix)).await;
    let (mut changes, damaged) = noted.map_err(|failed| failed.into_store_error(table, context()))?;
    // Where the pool's own rows tell nothing, its notes are still its history.
    let lapse = own.ok().and_then(|rows| rows.lapse()).filter(|lapse| changes.iter().all(|one| one.key != lapse.key));
    changes.extend(lapse);
    changes.sort_by_key(|one| one.key);
    tell_limits_after_lapses(&mut changes);
    changes.reverse();
    changes.truncate(NOTED);
    let count = damaged.len();
    let unreadable = damaged.into_iter().next().map(|first| UnreadableChanges {
        table: table.name().into(),
        prefix: prefix.clone(),
        count,
        first: first.into(),
    });
    Ok(NotedChanges { changes, unreadable })
}

/// A lapse is noted when somebody comes upon it, with the limit of then. The settings may have been changed since: by what
/// the next change says of the limit before it, the limit of the moment of the lapse is told.
fn tell_limits_after_lapses(changes: &mut [HistoryRow]) {
    let mut before_next: Option<Limit> = None;
    for row in changes.iter_mut().rev() {
        match &mut row.change {
            PoolChange::Set(set) => {
                let from = set.iter().find(|one| &*one.setting == "limit").and_then(|one| one.from);
                before_next = from.and_then(|from| Limit::try_from(from).ok()).or(before_next);
            }
            PoolChange::Lapsed { to, .. } => *to = before_next.unwrap_or(*to),
            // What came before is another pool's.
            PoolChange::Made(_) | PoolChange::Retired => before_next = None,
            PoolChange::Overridden { .. } | PoolChange::Ended { .. } => {}
        }
    }
}

/// Takes notes away that have as many newer ones as are kept. What does not succeed the next change does.
pub(crate) async fn forget_old_changes(table: &Table, prefix: &PoolName) {
    let Ok((noted, _)) = noted(table, prefix).await else { return };
    let old = noted.len().saturating_sub(NOTED);
    for row in &noted[..old] {
        table.send(prefix, &forget_change(row.key)).await;
    }
}

/// The oldest first, and what is wrong with those that make no sense.
async fn noted(table: &Table, prefix: &PoolName) -> Result<(Vec<HistoryRow>, Vec<RowError>), RequestError> {
    let items = table.query(ReadMode::Consistent, expressions::beginning(prefix, rows::NOTES), usize::MAX).await?;
    let (mut noted, mut damaged) = (vec![], vec![]);
    for item in &items {
        match rows::row(item) {
            Ok((_, Row::History(row))) => noted.push(row),
            Ok(_) => {}
            Err(wrong) => damaged.push(wrong),
        }
    }
    Ok((noted, damaged))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_make_no_sense_are_counted_in_words() {
        let first = RowError {
            pk: "LEASES#p".into(),
            sk: "history#x".into(),
            attribute: "change",
            found: "missing".into(),
            expected: "a change",
        };
        let wrong = "row history#x of LEASES#p: attribute change is missing, expected a change; delete that row";
        for (count, words) in [
            (1, format!("1 row of the history of pool p in table t cannot be read: {wrong}")),
            (2, format!("2 rows of the history of pool p in table t cannot be read, the first: {wrong}")),
        ] {
            let prefix = "p".parse().unwrap_or_else(|wrong| panic!("{wrong}"));
            let told = UnreadableChanges { table: "t".into(), prefix, count, first: first.clone().into() }.to_string();
            assert!(told.starts_with(&words), "{told}");
        }
    }
}
