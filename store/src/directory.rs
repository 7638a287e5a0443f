//! The directory of pools: which pools does a table have? One query of the index, over all of them.

use std::collections::{BTreeMap, BTreeSet};

use leasehold_core::occupancy::Occupancy;
use leasehold_core::{OverrideRow, PoolName, PoolRow, Row, Settings, SummaryRow, Timestamp};

use crate::error::{ErrorContext, StoreError};
use crate::expressions;
use crate::rows::{self, DIRECTORY, Item, PK, SK};
use crate::table::{ReadMode, RequestError, Table};

/// How many rows are read for names: about a megabyte. A pool has up to three.
const NAMED: usize = 3_000;

/// One pool as the directory knows it. The index follows the table within about a second.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedPool {
    /// Its settings; none if the row is gone, or is one that makes no sense.
    pub pool: Option<PoolRow>,
    /// An operator's override, if one is made.
    pub live: Option<OverrideRow>,
    /// What its last sweep saw.
    pub summary: Option<SummaryRow>,
    /// What is wrong with one of its rows. One bad row does not hide the other pools.
    pub trouble: Option<String>,
}

/// All that lies in the directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    /// The pools, by prefix.
    pub pools: BTreeMap<PoolName, ListedPool>,
    /// The keys of rows that leasehold did not write there: `PK SK`.
    pub foreign: Vec<String>,
}

impl ListedPool {
    /// The rules in force at `now`; none if the pool has no settings, as one has that was just retired.
    ///
    /// # Errors
    /// What makes no sense, in words.
    pub fn settings(&self, prefix: &PoolName, now: Timestamp) -> Result<Option<Settings>, String> {
        if let Some(trouble) = &self.trouble {
            return Err(trouble.clone());
        }
        let Some(pool) = &self.pool else { return Ok(None) };
        let settings = Settings::from_rows(prefix.clone(), pool, self.live.as_ref(), None, now);
        settings.map(Some).map_err(|wrong| wrong.to_string())
    }

    /// The pool as its last sweep left it, under the rules in force at `now`; none if it was never swept.
    pub fn seen(&self, settings: &Settings, now: Timestamp) -> Option<Occupancy> {
        let seen = Occupancy::summarised(self.summary.as_ref()?, settings, now);
        Some(Occupancy { overridden: self.live_at(now).cloned().map(Into::into), ..seen })
    }

    /// The override that gives the limit, if one does.
    pub fn live_at(&self, now: Timestamp) -> Option<&OverrideRow> {
        self.live.as_ref().filter(|live| live.is_in_force(now))
    }
}

/// All pools of the table, by prefix. Rows that another program put into the index hide none of them.
///
/// # Errors
/// When the table gives no usable answer.
pub async fn list_pools(table: &Table) -> Result<BTreeMap<PoolName, ListedPool>, StoreError> {
    Ok(directory(table).await?.pools)
}

/// The names of pools that begin so, as many as few reads bring.
///
/// # Errors
/// When the table gives no usable answer.
pub async fn pool_names(table: &Table, beginning: &str) -> Result<BTreeSet<PoolName>, StoreError> {
    // DynamoDB takes no empty string there.
    let sought = if beginning.is_empty() { expressions::directory() } else { expressions::directory_from(beginning) };
    let items = table.query(ReadMode::Index(DIRECTORY), sought, NAMED).await;
    let context = || ErrorContext("reading the names of pools".into());
    let items = items.map_err(|failed: RequestError| failed.into_store_error(table, context()))?;
    Ok(items.iter().filter_map(|item| rows::prefix(item).ok()).collect())
}

/// All that lies in the directory of the table.
///
/// # Errors
/// When the table gives no usable answer.
pub async fn directory(table: &Table) -> Result<Directory, StoreError> {
    let context = || ErrorContext("reading the directory of pools".into());
    let items = table.query(ReadMode::Index(DIRECTORY), expressions::directory(), usize::MAX).await;
    let Directory { mut pools, mut foreign } = Directory::default();
    for item in items.map_err(|failed: RequestError| failed.into_store_error(table, context()))? {
        match rows::row(&item) {
            Ok((prefix, Row::Pool(pool))) => pools.entry(prefix).or_default().pool = Some(pool),
            Ok((prefix, Row::Override(live))) => pools.entry(prefix).or_default().live = Some(live),
            Ok((prefix, Row::Summary(summary))) => pools.entry(prefix).or_default().summary = Some(summary),
            // No other row of leasehold carries the index's keys.
            Ok(_) => foreign.push(keys(&item)),
            Err(row) => match rows::prefix(&item) {
                Ok(prefix) => pools.entry(prefix).or_default().trouble = Some(row.to_string()),
                Err(_) => foreign.push(keys(&item)),
            },
        }
    }
    Ok(Directory { pools, foreign })
}

fn keys(item: &Item) -> String {
    let text = |name| item.get(name).and_then(|value| value.as_s().ok()).map_or("?", String::as_str);
    format!("{} {}", text(PK), text(SK))
}
