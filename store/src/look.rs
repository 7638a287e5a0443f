//! A cheap reading of one pool: how does it look, as cheaply as that can be known? Two queries that are never strongly
//! consistent, each at half the price of the protocol's own: for dashboards, which look again soon, and never to decide
//! anything by.

use futures_util::future::join;
use leasehold_core::occupancy::Occupancy;
use leasehold_core::{COUNTED, PoolName, Row, Settings, Snapshot, Timestamp};

use crate::error::{ErrorContext, StoreError};
use crate::expressions;
use crate::rows;
use crate::table::{ReadMode, RequestError, Table, row};
use crate::unreadable::row_or_unreadable;

/// The pool as its rows show it, none if it has no settings. `now` is asked for once the rows are there.
///
/// The first query brings the pool's settings, an operator's override and all slots, which lie next to each other;
/// the second the head of the queue. Rows are as they were within about the last second, those of the two queries
/// not at the same moment.
///
/// # Errors
/// [`StoreError::PoolMisconfigured`], or what the table's answer was.
pub async fn look(
    table: &Table,
    prefix: &PoolName,
    now: impl Fn() -> Timestamp,
) -> Result<Option<Occupancy>, StoreError> {
    let context = || ErrorContext(format!("looking at pool {prefix}"));
    let most = COUNTED as usize;
    let slots = table.query(ReadMode::Eventual, expressions::own_rows_and_slots(prefix), usize::MAX);
    // One more than is counted: only a row proves that there is one.
    let queue = table.query(ReadMode::Eventual, expressions::beginning(prefix, rows::WAITS), most + 1);
    let (slots, queue) = join(slots, queue).await;
    let read = |items: Result<Vec<rows::Item>, RequestError>| -> Result<Vec<Row>, RequestError> {
        items?.iter().map(row).collect()
    };
    let own = |items: Result<Vec<rows::Item>, RequestError>| -> Result<Vec<_>, RequestError> {
        items?.iter().map(|item| row_or_unreadable(item).map_err(RequestError::Row)).collect()
    };
    let misconfigured =
        |why| StoreError::PoolMisconfigured { table: table.name().into(), prefix: prefix.to_string(), why };
    let (rows, queue) = match (own(slots), read(queue)) {
        (Ok(rows), Ok(queue)) => (rows, queue),
        (Err(failed), _) | (_, Err(failed)) => return Err(failed.into_store_error(table, context())),
    };
    let (mut pool, mut live, mut mark, mut slots) = (None, None, None, Vec::new());
    for (row, wrong) in rows {
        if let Some(wrong) = wrong {
            return Err(misconfigured(wrong.to_string()));
        }
        match row {
            Row::Pool(row) => pool = Some(row),
            Row::Override(row) => live = Some(row),
            Row::HighWater(row) => mark = Some(row),
            Row::Slot(row) => slots.push(row),
            // No other kind lies between them.
            _ => {}
        }
    }
    let Some(pool) = pool else { return Ok(None) };
    let at = now();
    let settings = Settings::from_rows(prefix.clone(), &pool, live.as_ref(), mark, at)
        .map_err(|wrong| misconfigured(wrong.to_string()))?;
    let more = queue.len() > most;
    let queue = queue.into_iter().filter_map(|row| if let Row::Wait(row) = row { Some(row) } else { None });
    let snapshot = Snapshot { at, limit: settings.limit, slots, queue: queue.take(most).collect(), more };
    let overridden = live.filter(|live| live.is_in_force(at)).map(Into::into);
    Ok(Some(Occupancy { overridden, ..Occupancy::of(&snapshot, &settings) }))
}
