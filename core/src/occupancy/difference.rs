//! What happened between two looks at a pool? The difference of its rows, told as events.
//!
//! Rows say what is, not what was: a lease that came and went between two looks leaves only a higher fence
//! behind. What the rows prove is told as such, what they leave open is told as open.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Detail, LeaseView, Occupancy, Overridden, SlotView, WaiterView, holder};
use crate::time::{Millis, Timestamp};
use crate::types::{Fence, Holder, HolderKey, Limit, Slot};

/// Something that happened to a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolEvent {
    /// When: as the rows tell it, else the latest time it can have been.
    #[serde(rename = "at_ms")]
    pub at: Timestamp,
    /// The rows tell the time; it is on the clock of whoever wrote them.
    pub exact: bool,
    /// What.
    #[serde(flatten)]
    pub what: PoolEventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum PoolEventKind {
    /// The limit in force is another.
    LimitChanged {
        /// From.
        from: Limit,
        /// To.
        to: Limit,
        /// The override that did it, if one did.
        #[serde(rename = "override", default, skip_serializing_if = "Option::is_none")]
        overridden: Option<Overridden>,
    },
    /// A holder got a slot.
    Granted {
        /// Which.
        slot: Slot,
        /// Under which fence.
        fence: Fence,
        /// Who.
        #[serde(with = "holder")]
        holder: Holder,
        /// What it wants shown.
        label: Option<Arc<str>>,
        /// How long it waited, if it was seen in the queue.
        #[serde(rename = "waited_ms")]
        waited: Option<Millis>,
    },
    /// A holder asked again, on a newer attempt, and has the slot it had under the next fence.
    GrantedAgain {
        /// Which.
        slot: Slot,
        /// Under which fence now.
        fence: Fence,
        /// Who.
        #[serde(with = "holder")]
        holder: Holder,
    },
    /// A lease was given back: by its holder, by an operator, or because its execution has ended.
    Released(PastLease),
    /// An expired lease was cleared away or taken by another. A holder that gave it back that late looks the same.
    Reclaimed(PastLease),
    /// A lease is gone, and lapsed between the two looks: it was released before or reclaimed after, the rows
    /// do not say.
    Ended(PastLease),
    /// A lease ran out; its slot is still to be cleared.
    Expired {
        /// Which slot.
        slot: Slot,
        /// Under which fence.
        fence: Fence,
        /// Whose.
        #[serde(with = "holder")]
        holder: Holder,
    },
    /// A holder renewed its lease.
    Renewed {
        /// Which slot.
        slot: Slot,
        /// Under which fence.
        fence: Fence,
        /// Who.
        #[serde(with = "holder")]
        holder: Holder,
        /// Until when it lasts now.
        #[serde(rename = "expires_at_ms")]
        expires_at: Timestamp,
    },
    /// A lease was made to last longer without a renewal: by a sweep, because its execution runs, or because
    /// its holder asked again after it had expired.
    Extended {
        /// Which slot.
        slot: Slot,
        /// Under which fence.
        fence: Fence,
        /// Whose.
        #[serde(with = "holder")]
        holder: Holder,
        /// Until when it lasts now.
        #[serde(rename = "expires_at_ms")]
        expires_at: Timestamp,
    },
    /// The fence says that leases on this slot came and went between the two looks.
    Unseen {
        /// Which slot.
        slot: Slot,
        /// How many.
        leases: u64,
    },
    /// A fence went back, or its slot changed hands without it. The protocol never does this: rows were
    /// deleted or restored, and a holder's fence may be given out twice.
    FenceBroken {
        /// Which slot.
        slot: Slot,
        /// The fence before.
        before: Fence,
        /// The fence after.
        after: Fence,
    },
    /// A holder joined the queue.
    Queued {
        /// Who.
        #[serde(with = "holder")]
        holder: Holder,
    },
    /// A waiter left the queue, and was not seen with a lease.
    LeftQueue {
        /// Who.
        #[serde(with = "holder")]
        holder: Holder,
        /// How long it waited, at most.
        #[serde(rename = "waited_ms")]
        waited: Millis,
        /// The time at which it gives up has passed.
        gave_up: bool,
        /// Leases came and went unseen on some slot: one of them may have been its own.
        perhaps_granted: bool,
    },
}

/// A lease that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastLease {
    /// Which slot it was on.
    pub slot: Slot,
    /// Under which fence.
    pub fence: Fence,
    /// Whose it was.
    #[serde(with = "holder")]
    pub holder: Holder,
    /// How long it was held, at most.
    #[serde(rename = "held_for_ms")]
    pub held_for: Millis,
}

/// What happened to a pool between two looks, in order of time; what has the same time is in order of slot,
/// then of the queue, with the end of a lease before the grant of the next. In proportion to the number of slots.
///
/// Nothing, if the two are of different pools or `after` is the earlier look. Where one is a summary, only
/// a change of the limit can be told.
pub fn changes(before: &Occupancy, after: &Occupancy) -> Vec<PoolEvent> {
    if before.prefix != after.prefix || after.at < before.at {
        return vec![];
    }
    let mut looks = TwoLooks { before, after, unseen: 0, events: vec![] };
    if before.limit != after.limit {
        let overridden = after.overridden.clone().filter(|live| before.overridden.as_ref() != Some(live));
        let made_at = overridden.as_ref().map(|live| live.at).filter(|at| (before.at..=after.at).contains(at));
        let what = PoolEventKind::LimitChanged { from: before.limit, to: after.limit, overridden };
        match made_at {
            Some(at) => looks.told(at, what),
            None => looks.seen(after.at, what),
        }
    }
    if (before.detail, after.detail) == (Detail::Rows, Detail::Rows) {
        looks.slots();
        looks.queues();
    }
    looks.events.sort_by_key(|event| event.at);
    looks.events
}

/// Two looks at one pool.
struct TwoLooks<'a> {
    before: &'a Occupancy,
    after: &'a Occupancy,
    /// How many leases came and went unseen.
    unseen: u64,
    events: Vec<PoolEvent>,
}

impl TwoLooks<'_> {
    /// Something the rows tell the time of.
    fn told(&mut self, at: Timestamp, what: PoolEventKind) {
        self.events.push(PoolEvent { at, exact: true, what });
    }

    /// Something that had happened by then.
    fn seen(&mut self, by: Timestamp, what: PoolEventKind) {
        self.events.push(PoolEvent { at: by, exact: false, what });
    }

    /// Both lists are in order of slot; a slot that one of them lacks has no row there.
    fn slots(&mut self) {
        let waited = by_holder(self.before.queue.iter());
        let (mut before, mut after) = (self.before.slots.iter().peekable(), self.after.slots.iter().peekable());
        let no_row = |slot| SlotView { slot, fence: Fence(0), above_limit: true, lease: None };
        loop {
            let slot = match (before.peek(), after.peek()) {
                (Some(old), Some(new)) => old.slot.min(new.slot),
                (Some(row), None) | (None, Some(row)) => row.slot,
                (None, None) => return,
            };
            let missing = no_row(slot);
            let old = before.next_if(|row| row.slot == slot).unwrap_or(&missing);
            let new = after.next_if(|row| row.slot == slot).unwrap_or(&missing);
            self.slot(old, new, &waited);
        }
    }

    fn slot(&mut self, old: &SlotView, new: &SlotView, waited: &BTreeMap<HolderKey, Timestamp>) {
        let slot = new.slot;
        if new.fence == Fence(0) && (old.above_limit || new.above_limit) {
            // A sweep folded the row away.
            if let Some(over) = &old.lease {
                self.ended(old, over, self.after.at);
            }
            return;
        }
        let broken = PoolEventKind::FenceBroken { slot, before: old.fence, after: new.fence };
        // How many leases began on this slot.
        let Some(begun) = new.fence.0.checked_sub(old.fence.0) else { return self.seen(self.after.at, broken) };
        match (begun, &old.lease, &new.lease) {
            (0, None, None) => {}
            (0, Some(over), None) => self.ended(old, over, self.after.at),
            (0, Some(was), Some(is)) if was.holder == is.holder => {
                self.lasts(new, was, is);
                self.expired(new, is, Some(was));
            }
            (0, _, Some(_)) => self.seen(self.after.at, broken),
            (1, Some(was), Some(is)) if was.holder == is.holder => {
                let what = PoolEventKind::GrantedAgain { slot, fence: new.fence, holder: is.holder.clone() };
                self.told(is.acquired_at, what);
                self.expired(new, is, None);
            }
            (begun, over, begins) => {
                let by = begins.as_ref().map_or(self.after.at, |lease| lease.acquired_at);
                if let Some(over) = over {
                    self.ended(old, over, by);
                }
                let leases = begun - u64::from(begins.is_some());
                self.unseen += leases;
                // A row that is made anew counts on from the highest fence of those that were folded away.
                if leases > 0 && old.fence > Fence(0) {
                    self.seen(by, PoolEventKind::Unseen { slot, leases });
                }
                if let Some(lease) = begins {
                    let holder = lease.holder.clone();
                    let waited = waited.get(&holder.hashed()).map(|since| lease.acquired_at.since(*since));
                    let what =
                        PoolEventKind::Granted { slot, fence: new.fence, holder, label: lease.label.clone(), waited };
                    self.told(lease.acquired_at, what);
                    self.expired(new, lease, None);
                }
            }
        }
    }

    /// A lease is over, by then at the latest.
    fn ended(&mut self, at: &SlotView, lease: &LeaseView, by: Timestamp) {
        let held_for = by.since(lease.acquired_at);
        let over = PastLease { slot: at.slot, fence: at.fence, holder: lease.holder.clone(), held_for };
        self.seen(
            by,
            match () {
                // Nobody else could have taken it yet.
                () if by < lease.lapses_at => PoolEventKind::Released(over),
                () if lease.expired => PoolEventKind::Reclaimed(over),
                () => PoolEventKind::Ended(over),
            },
        );
    }

    /// The same lease, perhaps until later.
    fn lasts(&mut self, at: &SlotView, was: &LeaseView, is: &LeaseView) {
        let (slot, fence, holder, expires_at) = (at.slot, at.fence, is.holder.clone(), is.expires_at);
        match is.renewed_at {
            _ if was.expires_at == is.expires_at => {}
            Some(renewed) if was.renewed_at != is.renewed_at => {
                self.told(renewed, PoolEventKind::Renewed { slot, fence, holder, expires_at });
            }
            _ => self.seen(self.after.at.min(expires_at), PoolEventKind::Extended { slot, fence, holder, expires_at }),
        }
    }

    /// Tells that a lease has run out, unless it already had at the look before, to the same end.
    fn expired(&mut self, at: &SlotView, is: &LeaseView, was: Option<&LeaseView>) {
        if is.expired && !was.is_some_and(|was| was.expired && was.expires_at == is.expires_at) {
            self.told(
                is.expires_at,
                PoolEventKind::Expired { slot: at.slot, fence: at.fence, holder: is.holder.clone() },
            );
        }
    }

    fn queues(&mut self) {
        let (before, after) = (self.before, self.after);
        for waiter in joined(before, after) {
            self.told(waiter.since, PoolEventKind::Queued { holder: waiter.holder.clone() });
        }
        let left: Vec<&WaiterView> = gone(before, after).collect();
        let since = by_holder(left.iter().copied());
        // Slots and queue are read one after the other: who was granted a lease in between was seen in both.
        let granted_before = leases(before)
            .filter(|lease| since.get(&lease.holder.hashed()).is_some_and(|since| lease.acquired_at >= *since));
        let mut granted: BTreeMap<HolderKey, Timestamp> = BTreeMap::new();
        let begun = leases(after).chain(granted_before).map(|lease| (lease.holder.hashed(), lease.acquired_at));
        granted.extend(begun.filter(|(holder, _)| since.contains_key(holder)));
        for waiter in left.iter().filter(|waiter| !granted.contains_key(&waiter.holder.hashed())) {
            let what = PoolEventKind::LeftQueue {
                holder: waiter.holder.clone(),
                waited: after.at.since(waiter.since),
                gave_up: waiter.give_up_at <= after.at,
                perhaps_granted: self.unseen > 0,
            };
            self.seen(after.at, what);
        }
    }
}

/// Since when each of them waits. (One by one: to collect them would bring a sort along, which a page downloads.)
fn by_holder<'a>(waiters: impl Iterator<Item = &'a WaiterView>) -> BTreeMap<HolderKey, Timestamp> {
    let mut since = BTreeMap::new();
    since.extend(waiters.map(|waiter| (waiter.holder.hashed(), waiter.since)));
    since
}

fn leases(look: &Occupancy) -> impl Iterator<Item = &LeaseView> {
    look.slots.iter().filter_map(|row| row.lease.as_ref())
}

/// A place in the queue, in its order: a ticket.
type Place = (Timestamp, u128);

fn place(waiter: &WaiterView) -> Place {
    (waiter.since, waiter.holder.hashed().own)
}

/// Whether a place lies in the part of the queue that was read.
fn in_view(look: &Occupancy, at: Place) -> bool {
    !look.waiting_more || look.queue.last().is_some_and(|last| at <= place(last))
}

/// Who is in the queue of one look and not in that of the other.
fn only_in<'a>(one: &'a Occupancy, other: &Occupancy) -> impl Iterator<Item = &'a WaiterView> {
    let mut others: BTreeSet<Place> = BTreeSet::new();
    others.extend(other.queue.iter().map(place));
    one.queue.iter().filter(move |waiter| !others.contains(&place(waiter)))
}

/// Who joined the queue, and did not only come into view.
fn joined<'a>(before: &'a Occupancy, after: &'a Occupancy) -> impl Iterator<Item = &'a WaiterView> {
    only_in(after, before).filter(|waiter| in_view(before, place(waiter)) || waiter.since > before.at)
}

/// Who left the queue, and did not only get out of view.
fn gone<'a>(before: &'a Occupancy, after: &'a Occupancy) -> impl Iterator<Item = &'a WaiterView> {
    only_in(before, after).filter(|waiter| in_view(after, place(waiter)))
}
