//! Looks: what becomes of what is known when a pool, or the list of all, was looked at?
//! What a look shows that the one before did not is told in the log.

use std::collections::HashSet;

use leasehold_core::occupancy::{Detail, Occupancy, PoolEventKind, changes};
use leasehold_core::{Limit, PoolName, Timestamp};

use super::{CONNECTED, DashboardState, MOVED, Overlay};
use crate::watch::input::{DamagedPool, PoolDirectory};
use crate::watch::log::{DashboardLogLine, Weight};
use crate::watch::session::DashboardMode;
use crate::watch::text::length;

impl DashboardState {
    pub(super) fn list(&mut self, listed: PoolDirectory) {
        self.failure = None;
        self.hear(listed.at);
        self.listed_at = Some(listed.at);
        self.moved = None;
        let there: HashSet<&PoolName> = listed.pools.iter().map(|pool| &pool.prefix).collect();
        let gone: Vec<PoolName> =
            self.pools.iter().filter(|pool| !there.contains(&pool.prefix)).map(|pool| pool.prefix.clone()).collect();
        gone.iter().for_each(|prefix| self.forget(prefix));
        for listing in listed.pools {
            let pool = self.pool_mut(&listing.prefix);
            if pool.seen.is_none() {
                pool.limit = listing.limit;
            }
            pool.rules = listing.rules;
            pool.stale = listing.stale;
            // What its rows said themselves is newer.
            if pool.read_at.is_none_or(|read| listed.at.since(read) > CONNECTED) {
                (pool.trouble, pool.damaged) = (None, None);
                if let Some(why) = listing.trouble {
                    self.breaks(&listing.prefix, why, listed.at);
                }
            }
            if let Some(summary) = listing.summary {
                self.see(summary);
            }
        }
    }

    /// The table answered. What was seen before it was silent does not count for the time between.
    pub(super) fn hear(&mut self, at: Timestamp) {
        if let Some(since) = self.silent_since(at) {
            self.pools.iter_mut().for_each(|pool| pool.history.unread(since));
        }
        self.heard_at = self.heard_at.max(Some(at));
    }

    /// A pool is not what it was.
    fn moves(&mut self, prefix: &PoolName) {
        if let (Some(moved), Some(place)) = (&mut self.moved, self.places.get(prefix)) {
            moved.push(*place);
            if moved.len() > MOVED {
                self.moved = None;
            }
        }
    }

    pub(super) fn see(&mut self, look: Occupancy) {
        self.moves(&look.prefix);
        if look.detail == Detail::Rows {
            self.failure = None;
            self.hear(look.at);
        }
        let pool = self.pool_mut(&look.prefix);
        // A sweep's summary from before what is known already says nothing new.
        let older = pool.seen.as_ref().is_some_and(|seen| look.at < seen.at);
        if older || (pool.damaged.is_some() && look.detail == Detail::Summary) {
            return;
        }
        if let Some(Overlay::Form(form)) = &mut self.overlay {
            form.follow(&look);
        }
        let other = |(prefix, limit): &(PoolName, Limit)| *prefix == look.prefix && *limit != look.limit;
        // Somebody else changed it again, or what was read is still from before: it is said no longer.
        if self.said.as_ref().is_some_and(|said| said.of_limit.as_ref().is_some_and(other)) {
            self.said = None;
        }
        let pool = self.pool_mut(&look.prefix);
        pool.history.see(&look);
        pool.limit = Some(look.limit);
        pool.asked = pool.asked.filter(|asked| *asked != look.limit);
        if look.detail == Detail::Rows {
            (pool.trouble, pool.read_at) = (None, Some(look.at));
            if std::mem::take(&mut pool.told_broken) {
                let (at, prefix) = (look.at, Some(look.prefix.clone()));
                let (sign, verb, rest) = ("✓", "mended", "every row makes sense again".to_owned().into());
                self.add(DashboardLogLine { at, prefix, sign, verb, rest, weight: Weight::Notable });
            }
        }
        // What could not be read before is no news.
        let whole = self.pool_mut(&look.prefix).damaged.take().is_none();
        self.tell_changes(look, whole);
    }

    /// Tells what this look shows that the one before did not; of one that is not `whole`, only whether the limit changed.
    fn tell_changes(&mut self, look: Occupancy, whole: bool) {
        let pool = self.pool_mut(&look.prefix);
        let before = match look.detail {
            // A summary tells of no slot: what comes after it is compared with the rows before it.
            Detail::Rows => pool.rows_before.take().or(pool.seen.take()),
            Detail::Summary => pool.seen.take(),
        };
        // A pool that comes back on screen is not told of with everything that happened meanwhile.
        let lately = |before: &Occupancy| look.at.since(before.at) <= CONNECTED;
        let unread = before.as_ref().filter(|before| !lately(before)).and_then(|before| unread(before, &look));
        let before = before.filter(lately);
        let mut events = before.as_ref().map(|before| changes(before, &look)).unwrap_or_default();
        events.retain(|event| whole || matches!(event.what, PoolEventKind::LimitChanged { .. }));
        let between = (before.as_ref().map_or(look.at, |before| before.at), look.at);
        if look.detail == Detail::Summary {
            let rows = before.filter(|before| before.detail == Detail::Rows).or(pool.rows_before.take());
            // A limit is not told twice.
            let (limit, overridden) = (look.limit, look.overridden.clone());
            pool.rows_before = rows.filter(lately).map(|rows| Occupancy { limit, overridden, ..rows });
        }
        let prefix = pool.prefix.clone();
        pool.seen = Some(look);
        if let Some(rest) = unread {
            let (at, prefix) = (between.1, Some(prefix.clone()));
            self.add(DashboardLogLine {
                at,
                prefix,
                sign: "…",
                verb: "unread",
                rest: rest.into(),
                weight: Weight::Plain,
            });
        }
        if !events.is_empty() {
            let before = self.log.lines().len();
            self.log.tell(&prefix, events, between);
            self.keep_log_in_place(before);
        }
    }

    /// A pool has a row that makes no sense: nobody is let in. It is told once, until all make sense again.
    pub(super) fn breaks(&mut self, prefix: &PoolName, why: String, at: Timestamp) {
        let pool = self.pool_mut(prefix);
        pool.trouble = Some(why.clone());
        // What it was before does not count from now on, until it is read again.
        pool.history.unread(at);
        if !std::mem::replace(&mut pool.told_broken, true) {
            let (prefix, sign, verb, rest) = (Some(prefix.clone()), "×", "broken", why.into());
            self.add(DashboardLogLine { at, prefix, sign, verb, rest, weight: Weight::Alarm });
        }
        self.moves(prefix);
    }

    pub(super) fn add(&mut self, line: DashboardLogLine) {
        let before = self.log.lines().len();
        self.log.add(line);
        self.keep_log_in_place(before);
    }

    /// Whether a pool that is told of is there: one that is listed, or in a recording, which has no lists, any.
    pub(super) fn may_be_there(&self, prefix: &PoolName) -> bool {
        self.session.mode == DashboardMode::Replay || self.places.contains_key(prefix)
    }

    /// A pool of which some rows can not be read: the others are shown.
    pub(super) fn see_the_rest(&mut self, DamagedPool { rest, slots, why }: DamagedPool) {
        if !self.may_be_there(&rest.prefix) {
            return;
        }
        self.failure = None;
        self.hear(rest.at);
        if let Some(Overlay::Form(form)) = &mut self.overlay {
            form.follow(&rest);
        }
        let pool = self.pool_mut(&rest.prefix);
        (pool.damaged, pool.read_at, pool.limit) = (Some(slots), Some(rest.at), Some(rest.limit));
        self.breaks(&rest.prefix.clone(), why, rest.at);
        self.tell_changes(rest, false);
    }

    /// A pool is there no more: it has no settings, or is in no list. Nothing is told of one that nobody ever saw there.
    pub(super) fn forget(&mut self, prefix: &PoolName) {
        let Some(place) = self.places.remove(prefix) else { return };
        let was_there = self.pools.swap_remove(place).limit.is_some();
        self.moved = None;
        if let Some(moved) = self.pools.get(place) {
            self.places.insert(moved.prefix.clone(), place);
        }
        if let Some(Overlay::Form(form)) = &mut self.overlay {
            form.lose(prefix);
        }
        if was_there {
            let (at, rest, prefix) = (self.now, format!("pool {prefix}").into(), Some(prefix.clone()));
            self.add(DashboardLogLine { at, prefix, sign: "×", verb: "retired", rest, weight: Weight::Notable });
        }
    }
}

/// What is told of a pool whose rows were not read for long, if it is not as it was.
fn unread(before: &Occupancy, look: &Occupancy) -> Option<String> {
    let rows = (before.detail, look.detail) == (Detail::Rows, Detail::Rows);
    let count = |pool: &Occupancy| (pool.held, pool.limit, pool.waiting);
    (rows && count(before) != count(look)).then(|| {
        let held = |pool: &Occupancy| format!("{}/{}", pool.held, pool.limit);
        let (unread, was, is) = (length(look.at.since(before.at)), held(before), held(look));
        format!("for {unread}: held {was} → {is}, waiting {} → {}", before.waiting, look.waiting)
    })
}
