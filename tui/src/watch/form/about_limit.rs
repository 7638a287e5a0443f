//! Forms about a limit: what should somebody know before they change it?
//! What is in force, by whom and until when; what becomes of it; and that it changed while they filled in the form.

use leasehold_core::occupancy::{Occupancy, Overridden};
use leasehold_core::{Limit, PoolName, Timestamp};

use super::{Form, FormChange, LONGEST};
use crate::watch::input::LimitRules;
use crate::watch::text;

/// What whoever fills in a form has seen of a pool's limit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SeenLimit {
    pub(super) limit: Limit,
    pub(super) live: Option<Overridden>,
}

impl SeenLimit {
    pub(super) fn of(pool: &Occupancy) -> SeenLimit {
        SeenLimit { limit: pool.limit, live: pool.overridden.clone() }
    }

    pub(super) fn made_at(&self) -> Option<Timestamp> {
        self.live.as_ref().map(|live| live.at)
    }
}

impl Form {
    /// Says what is in force, and what becomes of it.
    pub(super) fn tell(&mut self) {
        let limit = self.seen.as_ref().map(|seen| seen.limit);
        let now = match self.seen.as_ref().map(|seen| (seen.limit, &seen.live)) {
            Some((limit, Some(Overridden { who, why, until, .. }))) => {
                let until = until.map(|until| format!(" until {} UTC", text::moment(until))).unwrap_or_default();
                format!("The limit is {limit}, by an override of {who}{until}: {}.", text::clip(why, LONGEST))
            }
            Some((limit, None)) => format!("The limit is {limit}, by the pool's settings."),
            None => "The limit in force is being read.".into(),
        };
        let live = self.seen.as_ref().and_then(|seen| seen.live.as_ref());
        let (replaces, ends) = (live.is_some(), live.is_some_and(|live| live.until.is_some()));
        let then = match &self.change {
            FormChange::Limit(_) if ends => {
                "Yours replaces that one and its end: without For it stays until it is ended."
            }
            FormChange::Limit(_) if replaces => "Yours replaces that one, and outlives a deploy.",
            FormChange::Limit(_) => "An override outlives a deploy.",
            FormChange::End(_) if self.seen.is_some() && !replaces => {
                "The override is over already: nothing is to be ended."
            }
            FormChange::End(_) => "Ended, the limit of the settings is in force again.",
            FormChange::Release(_) | FormChange::Table => return,
        };
        if let (FormChange::Limit(_), Some(limit)) = (&self.change, limit) {
            self.fields[0].hint = format!("0 to 10000, now {limit}");
        }
        let consequence = self.consequence();
        self.about = vec![now, then.into(), consequence];
    }

    /// What the change comes to: a rise is in force at once, a lowering settles.
    pub(super) fn consequence(&self) -> String {
        let from = self.seen.as_ref().map(|seen| seen.limit);
        let to = match &self.change {
            FormChange::End(_) => self.rules.map(|rules| rules.limit),
            _ => self.fields[0].value().parse::<u64>().ok().and_then(|to| Limit::try_from(to).ok()),
        };
        match (from.zip(to), self.rules) {
            (Some((from, to)), Some(LimitRules { settling_from: Some(was), .. })) if from < to && to < was => {
                format!("The limit becomes {to}; slots up to {was} still count as held, so few or none may be had yet.")
            }
            (Some((from, to)), _) if to > from => format!("The limit becomes {to} at once; held leases stay."),
            (Some((from, to)), _) if to == from => format!("The limit stays {to}; held leases stay."),
            (to, Some(LimitRules { settles_for, .. })) => {
                let drains = to.is_some_and(|(_, to)| to.count() == 0);
                let to = to.map(|(_, to)| format!("The limit becomes {to}. ")).unwrap_or_default();
                let settles = settles_for.0.div_ceil(1_000);
                if drains {
                    return format!(
                        "{to}For {settles} s somebody may still follow the old one and be let in; held leases stay."
                    );
                }
                format!("{to}For {settles} s few or no slots may be had; held leases stay.")
            }
            (_, None) => {
                "After a lowering few or no slots may be had for about two quiet periods; held leases stay.".into()
            }
        }
    }

    /// The pool was looked at: what it is about may have changed since somebody read it, who is then asked again.
    pub fn follow(&mut self, pool: &Occupancy) {
        match &self.change {
            FormChange::Limit(prefix) | FormChange::End(prefix) if *prefix == pool.prefix => {
                let now = SeenLimit::of(pool);
                let before = self.seen.replace(now.clone());
                // A lowering may have begun to settle since the rules were read, or be over.
                let settling = self.rules.as_mut().map(|rules| &mut rules.settling_from);
                let settles = settling.is_some_and(|from| std::mem::replace(from, pool.limit_was) != pool.limit_was);
                if before.as_ref() == Some(&now) {
                    if settles {
                        self.tell();
                    }
                    return;
                }
                self.tell();
                if before.is_some() {
                    let by = now.live.map(|live| format!(" by {}", live.who)).unwrap_or_default();
                    self.ask_again(format!("the limit was changed meanwhile{by}: it is {} now", now.limit));
                }
            }
            FormChange::Release(lease) if lease.prefix == pool.prefix && !pool.slots.is_empty() => {
                let slot = pool.slots.iter().find(|row| row.slot == lease.slot);
                let held = slot.is_some_and(|row| row.fence == lease.fence && row.lease.is_some());
                if !held && self.wrong.is_none() {
                    self.ask_again("that lease has ended meanwhile: there is nothing to free".into());
                }
            }
            _ => {}
        }
    }

    /// The pool was retired: there is nothing that could be changed.
    pub fn lose(&mut self, retired: &PoolName) {
        let about = match &self.change {
            FormChange::Limit(prefix) | FormChange::End(prefix) => prefix,
            FormChange::Release(lease) => &lease.prefix,
            FormChange::Table => return,
        };
        if about == retired {
            self.ask_again(format!("pool {retired} was retired meanwhile: there is nothing to change"));
        }
    }

    /// What was confirmed is not what it was: the name is asked for again.
    pub(super) fn ask_again(&mut self, why: String) {
        if let Some(confirm) = self.fields.last_mut() {
            confirm.set(String::new());
        }
        self.wrong = Some(why);
    }
}
