//! A cheap reading of one pool: how does it look, as cheaply as that can be known? Two queries that are never strongly
//! consistent, each at half the price of the protocol's own: for dashboards, which look again soon, and never to decide
//! anything by.

use futures_util::future::join;
use leasehold_core::occupancy::Occupancy;
use leasehold_core::{COUNTED, PoolName, Row, Settings, Snapshot, Timestamp};

use crate::error::{ErrorContext, StoreError};
use crate::examine::is_of_a_kind;
use crate::expressions;
use crate::rows::{self, RowError, WrongRow};
use crate::table::{ReadMode, RequestError, Table};
use crate::unreadable::row_or_unreadable;

/// A pool as far as its rows can be read.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolLook {
    /// What its rows show. A slot whose row makes no sense is shown as if it had none; nobody is let in meanwhile.
    pub pool: Occupancy,
    /// What is wrong with the slots' and waiters' rows that make no sense.
    pub damaged: Vec<RowError>,
}

/// The pool as its rows show it, none if it has no settings. `now` is asked for once the rows are there.
///
/// The first query brings the pool's settings, an operator's override and all slots, which lie next to each other;
/// the second the head of the queue. Rows are as they were within about the last second, those of the two queries
/// not at the same moment.
///
/// # Errors
/// [`StoreError::PoolMisconfigured`], or what the table's answer was. A damaged row of a slot or a waiter is no error.
pub async fn look(
    table: &Table,
    prefix: &PoolName,
    now: impl Fn() -> Timestamp,
) -> Result<Option<PoolLook>, StoreError> {
    let failed =
        |failed: RequestError| failed.into_store_error(table, ErrorContext(format!("looking at pool {prefix}")));
    let most = COUNTED as usize;
    let slots = table.query(ReadMode::Eventual, expressions::own_rows_and_slots(prefix), usize::MAX);
    // One more than is counted: only a row proves that there is one.
    let queue = table.query(ReadMode::Eventual, expressions::beginning(prefix, rows::WAITS), most + 1);
    let (own, queue) = join(slots, queue).await;
    let (own, queue) = (own.map_err(failed)?, queue.map_err(failed)?);
    let misconfigured = |why: String, row| {
        let (table, prefix) = (table.name().into(), prefix.to_string());
        StoreError::PoolMisconfigured { table, prefix, why, row }
    };
    let (mut pool, mut live, mut mark, mut slots, mut places) = (None, None, None, Vec::new(), Vec::new());
    let mut damaged = Vec::new();
    let more = queue.len() > most;
    for item in own.iter().chain(queue.iter().take(most)) {
        match row_or_unreadable(item) {
            Ok((_, Some(wrong))) => return Err(misconfigured(wrong.to_string(), wrong.wrong_row())),
            Ok((Row::Pool(row), None)) => pool = Some(row),
            Ok((Row::Override(row), None)) => live = Some(row),
            Ok((Row::HighWater(row), None)) => mark = Some(row),
            Ok((Row::Slot(row), None)) => slots.push(row),
            Ok((Row::Wait(row), None)) => places.push(row),
            // No other kind lies between them.
            Ok(_) => {}
            // Another program's row: callers pass over it, and `examine` tells of it.
            Err(wrong) if !is_of_a_kind(&wrong.sk) => {}
            Err(wrong) => damaged.push(wrong),
        }
    }
    let Some(pool) = pool else { return Ok(None) };
    let at = now();
    let settings = Settings::from_rows(prefix.clone(), &pool, live.as_ref(), mark, at)
        .map_err(|wrong| misconfigured(wrong.to_string(), WrongRow::Settings))?;
    let snapshot = Snapshot { at, limit: settings.limit, slots, queue: places, more };
    let overridden = live.filter(|live| live.is_in_force(at)).map(Into::into);
    let mut pool = Occupancy { overridden, ..Occupancy::of(&snapshot, &settings) };
    if !damaged.is_empty() {
        // Whoever asks for a lease reads the same rows, and is refused.
        pool.open = 0;
    }
    Ok(Some(PoolLook { pool, damaged }))
}
