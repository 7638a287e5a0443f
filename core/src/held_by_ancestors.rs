//! Held by ancestors: can nobody who waits get a lease, because those who hold one wait for those who wait?
//!
//! An execution that holds a lease and waits for another one (a nested execution, the items of a map run) which asks the
//! same pool keeps its slot meanwhile. Once that is so for every slot, nobody gets on before a lease expires: a deadlock.
//! It is seen in what operations read anyway, so whoever performs their effects shows them to an [`AncestorWatch`].
//!
//! An execution may also wait for nobody and give its lease back soon: what is found is a warning, never a reason to
//! decide otherwise.

use std::collections::{HashMap, HashSet};

use crate::operation::{Effect, EffectReply};
use crate::request::{Reply, Request};
use crate::rows::RowKey;
use crate::time::Timestamp;
use crate::types::{Holder, Limit};

/// Every slot of a pool is held by an ancestor of somebody who waits there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HeldByAncestors {
    /// The first in the queue that waits behind an ancestor.
    pub waiter: Holder,
    /// The nearest of its ancestors that holds a lease.
    pub ancestor: Holder,
    /// How many of those that were seen to wait have such an ancestor.
    pub waiters: u32,
    /// How many leases are held.
    pub held: u32,
    /// When the first of them expires, unless it is extended.
    pub until: Timestamp,
}

/// What was seen last of a pool's slots and its queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AncestorWatch {
    /// Who held a lease, and until when; none: no slots were seen since one changed.
    held: Option<Vec<(Holder, Timestamp)>>,
    waiting: Vec<Holder>,
}

impl AncestorWatch {
    /// Takes note of an effect that was performed.
    pub fn saw(&mut self, effect: &Effect, reply: &EffectReply) {
        let (Effect::Request(request), EffectReply::Table(reply)) = (effect, reply) else { return };
        match (request, reply) {
            (Request::Slots(..), Reply::Slots(rows)) => {
                let held = rows.iter().filter_map(|row| row.held.as_ref());
                self.held = Some(held.map(|held| (held.holder.clone(), held.expires_at)).collect());
            }
            (Request::Queue(_), Reply::Queue(places, _)) => {
                self.waiting = places.iter().map(|place| place.holder.clone()).collect();
            }
            (Request::Write(_) | Request::Transact(_), reply) => {
                let unchanged = matches!(reply, Reply::Refused(_) | Reply::Throttled | Reply::Conflict);
                if !unchanged && request.writes().iter().any(|write| matches!(write.key, RowKey::Slot(_))) {
                    self.held = None;
                }
            }
            _ => {}
        }
    }

    /// Whether every slot below the limit is held by an ancestor of somebody who waits. `asks`: who waits without a
    /// place in the queue, because it polls.
    pub fn found(&self, limit: Limit, asks: Option<&Holder>, now: Timestamp) -> Option<HeldByAncestors> {
        let held = self.held.as_ref()?;
        // Who saw some of the slots can not have seen as many that are held.
        let full = limit.count() > 0 && held.len() >= usize::try_from(limit.count()).unwrap_or(usize::MAX);
        if !full || held.iter().any(|(_, expires_at)| now >= *expires_at) {
            return None;
        }
        let seen = held.iter().map(|(holder, _)| holder).chain(&self.waiting).chain(asks);
        let parents: HashMap<&str, &str> =
            seen.filter_map(|holder| Some((holder.execution(), holder.parent()?))).collect();
        let holding: HashMap<&str, &Holder> = held.iter().map(|(holder, _)| (holder.execution(), holder)).collect();

        let (mut first, mut waiters, mut waited_for) = (None, 0, HashSet::new());
        for waiter in self.waiting.iter().chain(asks) {
            let mut seen = HashSet::new();
            let mut nearest = None;
            let mut next = waiter.parent();
            // Callers say who their parents are: nothing keeps them from saying that in a circle.
            while let Some(ancestor) = next.filter(|ancestor| seen.insert(*ancestor)) {
                if let Some(holder) = holding.get(ancestor) {
                    nearest = nearest.or(Some(*holder));
                    waited_for.insert(ancestor);
                }
                next = parents.get(ancestor).copied();
            }
            waiters += u32::from(nearest.is_some());
            first = first.or(nearest.map(|ancestor| (waiter.clone(), ancestor.clone())));
        }
        let (waiter, ancestor) = first.filter(|_| holding.keys().all(|execution| waited_for.contains(execution)))?;
        let until = held.iter().map(|(_, expires_at)| *expires_at).min()?;
        Some(HeldByAncestors { waiter, ancestor, waiters, held: u32::try_from(held.len()).unwrap_or(u32::MAX), until })
    }
}
