//! An examination of one pool: what lies in its partition, row by row, whatever it is? For a diagnosis; strongly
//! consistent, and bounded in what it reads.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use leasehold_core::diagnosis::{Places, PoolReading};
use leasehold_core::{HighWaterRow, Holder, HolderKey, HolderRow, PoolName, Row, RowKey, Timestamp, Unreadable};

use crate::error::{ErrorContext, StoreError};
use crate::expressions::{self, QueryExpression};
use crate::rows::{self, HOLDERS, Item, NOTES, RowError, SK, SLOTS, WAITS};
use crate::table::{ReadMode, RequestError, Table};
use crate::unreadable::unreadable;

/// How many holders' rows are read at most, besides those of who holds or waits: about 1,000 read units.
const HOLDERS_READ: usize = 10_000;

/// How many places of the queue are read at most.
const PLACES_READ: usize = 1_000;

/// How many notes of changes are read at most: there are hardly more than a hundred.
const NOTES_READ: usize = 300;

/// How many rows of no kind are read at most, of each stretch of keys between those of a kind.
const FOREIGN_READ: usize = 20;

/// How many rows are asked for at once.
const AT_ONCE: usize = 25;

/// What lies in a pool's partition.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PoolExamination {
    /// The rows that make sense.
    pub reading: PoolReading,
    /// What is wrong with those that make none.
    pub damaged: Vec<RowError>,
    /// The sort keys of rows of no kind that leasehold writes.
    pub foreign: Vec<String>,
    /// Not everything was read: there is more than that.
    pub cut: bool,
}

impl PoolExamination {
    /// Whether anything lies there.
    pub fn is_empty(&self) -> bool {
        let PoolReading { pool, live, summary, mark, after, .. } = &self.reading;
        let rows = pool.is_none() && live.is_none() && summary.is_none() && mark.is_none();
        rows && *after == Places::default() && self.damaged.is_empty() && self.foreign.is_empty()
    }
}

/// Reads a pool's rows. `now` is asked for once they are there.
///
/// # Errors
/// What the table's answer was. A row that makes no sense is no error here.
pub async fn examine(
    table: &Table,
    prefix: &PoolName,
    now: impl Fn() -> Timestamp,
) -> Result<PoolExamination, StoreError> {
    let failed =
        |failed: RequestError| failed.into_store_error(table, ErrorContext(format!("examining pool {prefix}")));
    let mut found = Found::default();
    let between = |first: &str, last: &str| expressions::between(prefix, first, last);
    let query = |sought: QueryExpression, most: usize| table.query(ReadMode::Consistent, sought, most);
    let slots = || query(expressions::own_rows_and_slots(prefix), usize::MAX);
    let queue = || query(expressions::beginning(prefix, WAITS), PLACES_READ + 1);

    for read in join_all([slots(), queue()]).await {
        found.take(read.map_err(failed)?);
    }
    let before = std::mem::take(&mut found.places);
    let more_before = before.queue.len() > PLACES_READ;
    found.cut |= more_before;

    // Those of no kind lie before, between and after the kinds that there are.
    let last = "\u{10ffff}";
    let edges = [
        between("\u{1}", NOTES),
        between(&format!("{NOTES}~"), HOLDERS),
        between(&format!("{HOLDERS}~"), "overrid~"),
        between(&format!("{SLOTS}~"), WAITS),
        between(&format!("{WAITS}~"), last),
    ];
    let edges = join_all(edges.into_iter().map(|sought| query(sought, FOREIGN_READ + 1))).await;
    for read in edges {
        found.take_at_most(FOREIGN_READ, read.map_err(failed)?);
    }
    let notes = query(expressions::beginning(prefix, NOTES), NOTES_READ + 1).await.map_err(failed)?;
    found.take_at_most(NOTES_READ, notes);
    let holders = query(expressions::beginning(prefix, HOLDERS), HOLDERS_READ + 1).await.map_err(failed)?;
    let cut = holders.len() > HOLDERS_READ;
    found.cut |= cut;
    found.take(holders);
    if cut {
        let held = before.slots.iter().filter_map(|row| row.held.as_ref()).map(|held| &held.holder);
        let missing: BTreeSet<HolderKey> = held
            .chain(before.queue.iter().map(|place| &place.holder))
            .map(Holder::hashed)
            .filter(|key| !found.holders.contains_key(key))
            .collect();
        for some in missing.into_iter().collect::<Vec<_>>().chunks(AT_ONCE) {
            let rows = some.iter().map(|key| {
                let sk = rows::sort(&RowKey::Holder(*key));
                query(between(&sk, &sk), 1)
            });
            for read in join_all(rows).await {
                found.take(read.map_err(failed)?);
            }
        }
    }
    for read in join_all([slots(), queue()]).await {
        found.take(read.map_err(failed)?);
    }
    // Last of all: slots are deleted only after it has taken over their fences.
    let mark = rows::sort(&RowKey::HighWater);
    found.take(query(between(&mark, &mark), 1).await.map_err(failed)?);

    let queue_cut = more_before || found.places.queue.len() > PLACES_READ;
    let Found { own, places: after, holders, damaged, foreign, unreadable_mark, unlisted, cut } = found;
    let keys = damaged.keys().filter_map(|sk| rows::row_key(sk)).collect();
    let mut reading =
        PoolReading { at: now(), before, holders, after, queue_cut, unlisted, damaged: keys, ..PoolReading::default() };
    for row in own.into_values() {
        match row {
            Row::Pool(row) => reading.pool = Some(row),
            Row::Override(row) => reading.live = Some(row),
            Row::Summary(row) => reading.summary = Some(row),
            Row::HighWater(row) => reading.mark = Some(row),
            _ => {}
        }
    }
    // Somebody may have put it right while the rows were read.
    reading.unreadable_mark = unreadable_mark.filter(|_| reading.mark.is_none());
    Ok(PoolExamination {
        reading,
        damaged: damaged.into_values().collect(),
        foreign: foreign.into_iter().collect(),
        cut,
    })
}

/// What was found so far; what is read again replaces what was there.
#[derive(Default)]
struct Found {
    own: BTreeMap<RowKey, Row>,
    places: Places,
    holders: BTreeMap<HolderKey, HolderRow>,
    damaged: BTreeMap<String, RowError>,
    foreign: BTreeSet<String>,
    unreadable_mark: Option<(Unreadable, HighWaterRow)>,
    unlisted: BTreeSet<RowKey>,
    cut: bool,
}

impl Found {
    /// Takes so many; one more was asked for, which tells whether there are more.
    fn take_at_most(&mut self, most: usize, mut items: Vec<Item>) {
        self.cut |= items.len() > most;
        items.truncate(most);
        self.take(items);
    }

    fn take(&mut self, items: Vec<Item>) {
        for item in items {
            let sk = item.get(SK).and_then(|sk| sk.as_s().ok()).cloned().unwrap_or_default();
            match rows::row(&item) {
                Ok((_, Row::Slot(row))) => self.places.slots.push(row),
                Ok((_, Row::Wait(row))) => self.places.queue.push(row),
                Ok((_, Row::Holder(row))) => {
                    self.holders.insert(row.holder.hashed(), row);
                }
                Ok((prefix, row)) => {
                    let is_own = matches!(row.key(), RowKey::Pool | RowKey::Override | RowKey::Summary);
                    if is_own && !rows::is_listed(&item, &prefix, &row) {
                        self.unlisted.insert(row.key());
                    } else {
                        self.unlisted.remove(&row.key());
                    }
                    self.own.insert(row.key(), row);
                }
                Err(_) if !is_of_a_kind(&sk) => {
                    self.foreign.insert(sk);
                }
                Err(wrong) => {
                    if sk == rows::sort(&RowKey::HighWater) {
                        self.unreadable_mark = Some((unreadable(&item, &wrong), rows::mark_remains(&item)));
                    }
                    self.damaged.insert(sk, wrong);
                }
            }
        }
    }
}

/// Whether a sort key begins as one of ours does, though the rest of it may make no sense.
pub(crate) fn is_of_a_kind(sk: &str) -> bool {
    rows::row_key(sk).is_some() || [SLOTS, WAITS, HOLDERS, NOTES].iter().any(|kind| sk.starts_with(kind))
}
