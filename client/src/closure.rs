//! The closure of a pool: why is nobody let in, though slots are free? Its limit is 0, or was lowered.

use leasehold_core::PoolName;
use leasehold_store::limit_rows;

use crate::connection::Connection;

/// Which slots of a pool are closed for now, and why: a predicate. None: a slot that nobody holds may be had.
pub(crate) async fn why_closed(connection: &Connection, pool: &PoolName) -> Option<String> {
    let settings = connection.runner.settings(pool).await.ok()?;
    let limit = settings.limit.count();
    if limit == 0 {
        let rows = limit_rows(connection.table(), pool).await.ok();
        let live = rows.as_ref().and_then(|rows| rows.live_in_force());
        let by = live.map(|live| {
            let until = live.until.map(|until| format!(" until {} UTC", until.time_of_day())).unwrap_or_default();
            format!(": drained by {}{until}: {}", live.who, live.why)
        });
        return Some(format!("lets nobody in, its limit is 0{}", by.unwrap_or_default()));
    }
    let (until, was) = settings.settling(connection.runner.now())?;
    let closed = was.count() - limit;
    let lowered = format!("closed until {} UTC (its limit was lowered)", until.time_of_day());
    Some(match closed {
        closed if closed >= limit => format!("is {lowered}"),
        1 => format!("is full: 1 slot is {lowered}"),
        closed => format!("is full: {closed} slots are {lowered}"),
    })
}
