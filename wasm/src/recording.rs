//! Recordings: what did a recorded table look like at some moment, and what happened between two? A trace, ordered so
//! that it can be asked.

use std::collections::BTreeMap;

use leasehold_core::occupancy::series::{Sample, Span, thin_out};
use leasehold_core::occupancy::trace::{PoolSeen, Trace, TraceError, TraceHeader};
use leasehold_core::occupancy::{Detail, Occupancy, PoolEvent, PoolEventKind, changes};
use leasehold_core::{Millis, PoolName, Timestamp};
use serde::Serialize;

/// A trace that can be played.
#[derive(Clone, Debug)]
pub struct Recording {
    header: TraceHeader,
    note: Option<String>,
    /// Every moment at which something was seen, in order.
    moments: Vec<Timestamp>,
    /// What was seen of each pool, by name.
    pools: Vec<(PoolName, RecordedLooks)>,
    /// Everything in order of time: when, which pool, which of its looks.
    order: Vec<(Timestamp, usize, usize)>,
    /// A pool that is first seen from then on is new: by then all that were there had been looked at.
    new_from: Option<Timestamp>,
    /// For how long a look is taken for the present, for pools by number.
    lasts: Vec<Option<Millis>>,
}

/// How many times the usual time between two looks a look is taken for the present.
const LASTS: u64 = 4;

/// What was seen of a pool, in order.
type RecordedLooks = Vec<(Timestamp, PoolSeen)>;

/// The last look at a pool.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LastLook<'a> {
    /// What was seen.
    pub pool: RecordedPool<'a>,
    /// When, if that is so long ago that it is not taken for the present.
    pub old_since: Option<Timestamp>,
}

/// A pool as it was seen at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum RecordedPool<'a> {
    /// All of it.
    Whole(&'a Occupancy),
    /// Not all of its rows could be read.
    Broken {
        /// Which.
        prefix: &'a PoolName,
        /// Why.
        broken: &'a str,
        /// What could be read, if anything could.
        rest: Option<&'a Occupancy>,
    },
}

fn whole(seen: &PoolSeen) -> Option<&Occupancy> {
    match seen {
        PoolSeen::Pool(pool) => Some(pool),
        PoolSeen::Gone(_) | PoolSeen::Broken(_) => None,
    }
}

/// What happened since the last look at rows, where looks that only counted came after it: those tell of the limit alone.
fn over_summaries(before: &[(Timestamp, PoolSeen)], now: &Occupancy) -> impl Iterator<Item = PoolEvent> {
    let mut looks = before.iter().rev().map_while(|(_, seen)| whole(seen));
    let counted = looks.next().filter(|last| (last.detail, now.detail) == (Detail::Summary, Detail::Rows));
    let rows = counted.and_then(|_| looks.find(|look| look.detail == Detail::Rows));
    let told = rows.map(|rows| changes(rows, now)).unwrap_or_default();
    told.into_iter().filter(|event| !matches!(event.what, PoolEventKind::LimitChanged { .. }))
}

/// The usual time between two of these looks: three of four come no later. None if there are not two.
///
/// It is not the median: a pool may be looked at twice in a row, once in the list of all and once for itself.
fn usual<'a>(looks: impl Iterator<Item = &'a RecordedLooks>) -> Option<Millis> {
    let between = |looks: &'a RecordedLooks| looks.windows(2).map(|pair| pair[1].0.since(pair[0].0));
    let mut between: Vec<Millis> = looks.flat_map(between).collect();
    between.sort_unstable();
    between.get(between.len() * 3 / 4).copied()
}

/// An event, and of which pool.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecordedEvent {
    /// Which pool.
    pub prefix: PoolName,
    /// What happened.
    #[serde(flatten)]
    pub event: RecordedChange,
}

/// What happened to a pool.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum RecordedChange {
    /// In it, between two looks.
    Event(PoolEvent),
    /// It was not there any more.
    Gone {
        /// Since when at the latest.
        #[serde(rename = "at_ms")]
        at: Timestamp,
        /// `gone`
        what: &'static str,
    },
    /// It was there, and had not been.
    Made {
        /// Since when at the latest.
        #[serde(rename = "at_ms")]
        at: Timestamp,
        /// `made`, or `made_again` if it had been gone.
        what: &'static str,
    },
}

/// One look at a pool, in four numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// When, in milliseconds since the epoch.
    pub at: u64,
    /// How many held a lease: where looks are drawn together, the most.
    pub held: u32,
    /// How many might.
    pub limit: u32,
    /// How many waited.
    pub waiting: u32,
    /// Until when that is taken for the present.
    pub until: u64,
}

impl Recording {
    /// Reads a trace.
    ///
    /// # Errors
    /// When it is none: says which line is wrong.
    pub fn parse(text: &str) -> Result<Recording, TraceError> {
        let Trace { header, entries, note } = Trace::parse(text)?;
        // A recording may have a pool on every line, each at a moment of its own.
        let mut pools: BTreeMap<PoolName, RecordedLooks> = BTreeMap::new();
        let mut moments: Vec<Timestamp> = vec![];
        for entry in entries {
            if moments.last() != Some(&entry.at) {
                moments.push(entry.at);
            }
            pools.entry(entry.prefix().clone()).or_default().push((entry.at, entry.seen));
        }
        let pools: Vec<(PoolName, RecordedLooks)> = pools.into_iter().collect();
        let looks_of = |(pool, (_, looks)): (usize, &(PoolName, RecordedLooks))| {
            looks.iter().enumerate().map(|(look, (at, _))| (*at, pool, look)).collect::<Vec<_>>()
        };
        let mut order: Vec<(Timestamp, usize, usize)> = pools.iter().enumerate().flat_map(looks_of).collect();
        order.sort_unstable();
        let of_all = usual(pools.iter().map(|(_, looks)| looks));
        let new_from = moments.first().zip(of_all).map(|(first, usual)| *first + Millis(usual.0.div_ceil(2)));
        let lasts = pools.iter().map(|(_, looks)| {
            usual([looks].into_iter()).max(of_all).map(|usual| Millis(usual.0.saturating_mul(LASTS)))
        });
        Ok(Recording { header, note, moments, lasts: lasts.collect(), pools, order, new_from })
    }

    /// What was recorded.
    pub fn header(&self) -> &TraceHeader {
        &self.header
    }

    /// Something its reader should be told, though the rest is good.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// How many looks it holds, as `leasehold record` counts them: each at one pool.
    pub fn looks(&self) -> usize {
        self.pools
            .iter()
            .map(|(_, looks)| looks.iter().filter(|(_, seen)| !matches!(seen, PoolSeen::Gone(_))).count())
            .sum()
    }

    /// How many pools were ever seen.
    pub fn pools_seen(&self) -> usize {
        self.pools.len()
    }

    /// The first moment; if nothing was seen, when the recording began.
    pub fn from(&self) -> Timestamp {
        self.moments.first().copied().unwrap_or(self.header.recorded_at)
    }

    /// The last moment.
    pub fn to(&self) -> Timestamp {
        self.moments.last().copied().unwrap_or(self.header.recorded_at)
    }

    /// The next moment at which something was seen; the last one if there is none.
    pub fn next(&self, after: Timestamp) -> Timestamp {
        let next = self.moments.partition_point(|at| *at <= after);
        self.moments.get(next).copied().unwrap_or(self.to())
    }

    /// Every pool as it was seen last at that moment, by name.
    pub fn at(&self, at: Timestamp) -> Vec<LastLook<'_>> {
        let last = |((prefix, looks), lasts)| {
            let looks: &RecordedLooks = looks;
            let (since, seen) = &looks[looks.partition_point(|(seen, _)| *seen <= at).checked_sub(1)?];
            let pool = match seen {
                PoolSeen::Pool(pool) => RecordedPool::Whole(pool),
                PoolSeen::Broken(pool) => {
                    RecordedPool::Broken { prefix, broken: &pool.why, rest: pool.rest.as_deref() }
                }
                PoolSeen::Gone(_) => return None,
            };
            let is_old = |lasts: Millis| at > *since + lasts;
            Some(LastLook { pool, old_since: Option::is_some_and(lasts, is_old).then_some(*since) })
        };
        self.pools
            .iter()
            .map(|(prefix, looks)| (prefix, looks))
            .zip(self.lasts.iter().copied())
            .filter_map(last)
            .collect()
    }

    /// What was seen to have happened after one moment and until another, in the order in which it was seen.
    pub fn events(&self, after: Timestamp, until: Timestamp) -> Vec<RecordedEvent> {
        let seen = |moment: Timestamp| self.order.partition_point(|(at, _, _)| *at <= moment);
        let mut events = vec![];
        for (at, pool, look) in &self.order[seen(after).min(seen(until))..seen(until)] {
            let (prefix, looks) = &self.pools[*pool];
            let (before, now) = (look.checked_sub(1).map(|before| &looks[before].1), &looks[*look].1);
            let made = |what| vec![RecordedChange::Made { at: *at, what }];
            let told = match (before.and_then(whole), now) {
                // A pool may be told as gone more than once, or before it was ever seen.
                (_, PoolSeen::Gone(_)) => match before {
                    Some(PoolSeen::Pool(_) | PoolSeen::Broken(_)) => {
                        vec![RecordedChange::Gone { at: *at, what: "gone" }]
                    }
                    Some(PoolSeen::Gone(_)) | None => vec![],
                },
                (Some(before), PoolSeen::Pool(now)) => {
                    let told = changes(before, now).into_iter().chain(over_summaries(&looks[..*look], now));
                    told.map(RecordedChange::Event).collect()
                }
                _ => match before {
                    Some(PoolSeen::Gone(_)) => made("made_again"),
                    None if self.new_from.is_some_and(|from| from <= *at) => made("made"),
                    _ => vec![],
                },
            };
            events.extend(told.into_iter().map(|event| RecordedEvent { prefix: prefix.clone(), event }));
        }
        events
    }

    /// How a pool fared: at most so many points, none if it was never seen.
    pub fn line(&self, prefix: &str, points: usize) -> Vec<Point> {
        let Some(pool) = self.pools.iter().position(|(known, _)| known.as_str() == prefix) else { return vec![] };
        let (looks, lasts) = (&self.pools[pool].1, self.lasts[pool]);
        // Each look lasts until the next, but not over a time in which nobody looked or the pool was gone.
        let seen = looks.iter().enumerate().filter_map(|(number, (at, seen))| {
            let point = Span::from(Sample::from(whole(seen)?));
            let next = looks.get(number + 1).map_or(u64::MAX, |(next, _)| next.0);
            Some((at.0, next.min(lasts.map_or(u64::MAX, |lasts| (*at + lasts).0)), point))
        });
        let seen: Vec<(u64, u64, Span)> = seen.collect();
        let then = |(at, until, span): (u64, u64, Span), (next, ends, more): (u64, u64, Span)| {
            (at, if until == next { ends } else { until }, span.then(more))
        };
        let draw = |(_, (at, until, Span { most_held, last, .. })): (usize, (u64, u64, Span))| Point {
            at,
            held: most_held,
            limit: last.limit,
            waiting: last.waiting,
            until,
        };
        thin_out(&seen, points, |seen| *seen, then).map(draw).collect()
    }
}
