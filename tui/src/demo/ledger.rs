//! The ledger of leases: was a limit ever exceeded?
//! Judged from what the workers were told and when they gave it back, by their own clock, without a look at any row of
//! the table.
//!
//! A worker holds its lease from the moment it was told *acquired* until it asks to release, or, if it never
//! does, until the lease expires as it was last told. After a change of the limit both the old and the new limit
//! are fair until one quiet period after the change was answered; then a grant while more than the new limit are
//! held is a violation. A change that somebody else made in the table is fair from then on: it was not asked for here.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// A moment, counted from the start of the run on a clock that never jumps.
pub(crate) type Moment = Duration;

/// What the workers of one pool were told, and when.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    quiet: Duration,
    limits: Vec<LimitPeriod>,
    /// Limits that somebody else set, and since when.
    elsewhere: Vec<(Moment, u32)>,
    leases: Vec<LedgerEntry>,
}

/// A limit, and how long callers may have followed it.
#[derive(Clone, Copy, Debug)]
struct LimitPeriod {
    limit: u32,
    from: Moment,
    /// When the change to the next one was answered.
    until: Option<Moment>,
}

#[derive(Clone, Debug)]
struct LedgerEntry {
    who: Arc<str>,
    slot: u32,
    fence: u64,
    told: Moment,
    expires: Moment,
    returned: Option<Moment>,
}

impl LedgerEntry {
    fn end(&self) -> Moment {
        self.returned.map_or(self.expires, |returned| returned.min(self.expires))
    }
}

/// One lease in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LedgerLine(usize);

/// What the ledger shows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Judgement {
    /// The most that held a lease at once.
    pub(crate) peak: u32,
    /// What must never be.
    pub(crate) violations: Vec<LimitViolation>,
}

/// Something that must never be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LimitViolation {
    /// When.
    pub(crate) at: Moment,
    /// Who was told that it holds a lease.
    pub(crate) who: Arc<str>,
    /// What was wrong with that.
    pub(crate) what: String,
}

impl Ledger {
    /// An empty one, of a pool with this limit and quiet period.
    pub(crate) fn new(limit: u32, quiet: Duration) -> Self {
        let limits = vec![LimitPeriod { limit, from: Duration::ZERO, until: None }];
        Ledger { quiet, limits, elsewhere: vec![], leases: vec![] }
    }

    /// A worker was told that it has a lease.
    pub(crate) fn told(
        &mut self,
        who: &Arc<str>,
        (slot, fence): (u32, u64),
        at: Moment,
        expires: Moment,
    ) -> LedgerLine {
        self.leases.push(LedgerEntry { who: who.clone(), slot, fence, told: at, expires, returned: None });
        LedgerLine(self.leases.len() - 1)
    }

    /// It was told that the lease lasts longer.
    pub(crate) fn renewed(&mut self, line: LedgerLine, expires: Moment) {
        if let Some(entry) = self.leases.get_mut(line.0) {
            entry.expires = entry.expires.max(expires);
        }
    }

    /// It is about to give the lease back, or it knows that it has lost it.
    pub(crate) fn returned(&mut self, line: LedgerLine, at: Moment) {
        if let Some(entry) = self.leases.get_mut(line.0) {
            entry.returned.get_or_insert(at);
        }
    }

    /// An operator takes this lease away: from now on it is nobody's, whatever its worker was told.
    pub(crate) fn taken(&mut self, lease: (u32, u64), at: Moment) {
        if let Some(entry) = self.leases.iter_mut().rev().find(|entry| (entry.slot, entry.fence) == lease) {
            entry.returned.get_or_insert(at);
        }
    }

    /// When the last lease that a worker was told of expires.
    pub(crate) fn expiry(&self, who: &str) -> Option<Moment> {
        self.leases.iter().rev().find(|entry| &*entry.who == who).map(|entry| entry.expires)
    }

    /// An operator asks for another limit: from now on somebody may follow it.
    pub(crate) fn limit_asked(&mut self, limit: u32, at: Moment) {
        self.limits.push(LimitPeriod { limit, from: at, until: None });
    }

    /// The operator was told that the limit is changed: one quiet period from now nobody follows the old one.
    pub(crate) fn limit_changed(&mut self, at: Moment) {
        if let [.., old, _] = &mut self.limits[..] {
            old.until = Some(at);
        }
    }

    /// Somebody else set this limit in the table.
    pub(crate) fn limit_set_elsewhere(&mut self, limit: u32, at: Moment) {
        self.elsewhere.push((at, limit));
    }

    /// The limits asked for, and since when.
    pub(crate) fn limits(&self) -> Vec<(Moment, u32)> {
        self.limits.iter().map(|limit| (limit.from, limit.limit)).collect()
    }

    /// The highest limit that somebody may have followed at this moment.
    fn allowed(&self, at: Moment) -> u32 {
        let fair = |limit: &&LimitPeriod| limit.from <= at && limit.until.is_none_or(|until| at <= until + self.quiet);
        let own = self.limits.iter().filter(fair).map(|limit| limit.limit);
        let elsewhere = self.elsewhere.iter().filter(|(from, _)| *from <= at).map(|(_, limit)| *limit);
        own.chain(elsewhere).max().unwrap_or(0)
    }

    /// Goes through the leases in the order of time.
    pub(crate) fn judge(&self) -> Judgement {
        let mut moments: Vec<(Moment, bool, usize)> = vec![];
        for (index, entry) in self.leases.iter().enumerate().filter(|(_, entry)| entry.told < entry.end()) {
            // At one moment the ends come first: `false` sorts before `true`.
            moments.extend([(entry.told, true, index), (entry.end(), false, index)]);
        }
        moments.sort_unstable();
        let (mut holding, mut peak, mut violations) = (BTreeSet::new(), 0, vec![]);
        let mut granted: HashMap<(u32, u64), &LedgerEntry> = HashMap::new();
        for (at, begins, index) in moments {
            if !begins {
                holding.remove(&index);
                continue;
            }
            let entry = &self.leases[index];
            let who = entry.who.clone();
            if let Some(other) = granted.insert((entry.slot, entry.fence), entry) {
                let lease = format!("slot {}, fence {}", entry.slot, entry.fence);
                let what = format!("was told it holds {lease}, which {} was told before", other.who);
                violations.push(LimitViolation { at, who: who.clone(), what });
            }
            holding.insert(index);
            let held = u32::try_from(holding.len()).unwrap_or(u32::MAX);
            peak = peak.max(held);
            let allowed = self.allowed(at);
            if held > allowed {
                let others: Vec<&str> = holding.iter().map(|index| &*self.leases[*index].who).collect();
                let what = format!("was granted a lease as number {held} of {allowed}; held by {}", others.join(", "));
                violations.push(LimitViolation { at, who, what });
            }
        }
        Judgement { peak, violations }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Moment {
        Duration::from_secs_f64(seconds)
    }

    /// A ledger with a limit, a quiet period of 2 s, and leases: who, told, expires, returned.
    fn ledger(limit: u32, leases: &[(&str, f64, f64, Option<f64>)]) -> Ledger {
        let mut ledger = Ledger::new(limit, at(2.0));
        for (fence, (who, told, expires, returned)) in leases.iter().enumerate() {
            let line = ledger.told(&(*who).into(), (0, fence as u64), at(*told), at(*expires));
            if let Some(returned) = returned {
                ledger.returned(line, at(*returned));
            }
        }
        ledger
    }

    fn culprits(ledger: &Ledger) -> Vec<(Moment, String)> {
        ledger.judge().violations.into_iter().map(|found| (found.at, found.who.to_string())).collect()
    }

    #[test]
    fn as_many_as_the_limit_is_no_violation() {
        let ledger = ledger(2, &[("a", 0.0, 10.0, Some(3.0)), ("b", 1.0, 10.0, Some(4.0)), ("c", 3.0, 10.0, None)]);
        assert_eq!(ledger.judge(), Judgement { peak: 2, violations: vec![] });
    }

    #[test]
    fn one_more_than_the_limit_is_told_with_when_and_who() {
        let ledger = ledger(1, &[("a", 0.0, 10.0, Some(3.0)), ("b", 2.5, 10.0, Some(4.0))]);
        let judged = ledger.judge();
        assert_eq!((judged.peak, culprits(&ledger)), (2, vec![(at(2.5), "b".to_owned())]));
        assert!(judged.violations[0].what.contains("number 2 of 1; held by a, b"), "{:?}", judged.violations);
    }

    #[test]
    fn whoever_died_holds_until_its_lease_expires() {
        let within = ledger(1, &[("dead", 0.0, 10.0, None), ("b", 9.9, 20.0, Some(12.0))]);
        assert_eq!(culprits(&within), [(at(9.9), "b".to_owned())]);
        let after = ledger(1, &[("dead", 0.0, 10.0, None), ("b", 10.0, 20.0, Some(12.0))]);
        assert_eq!(culprits(&after), []);
    }

    #[test]
    fn a_lease_that_was_taken_away_is_not_held_any_more() {
        let mut ledger = ledger(1, &[("a", 0.0, 99.0, None), ("b", 5.0, 99.0, Some(6.0))]);
        assert_eq!(culprits(&ledger).len(), 1);
        ledger.taken((0, 0), at(5.0));
        assert_eq!(culprits(&ledger), []);
    }

    #[test]
    fn a_renewed_lease_is_held_until_its_new_end() {
        let mut ledger = ledger(1, &[("dead", 0.0, 10.0, None), ("b", 12.0, 20.0, Some(13.0))]);
        ledger.renewed(LedgerLine(0), at(15.0));
        assert_eq!(culprits(&ledger), [(at(12.0), "b".to_owned())]);
    }

    #[test]
    fn two_who_are_told_the_same_lease_are_always_a_violation() {
        let mut ledger = ledger(5, &[]);
        for (who, told) in [("a", 0.0), ("b", 5.0)] {
            let line = ledger.told(&who.into(), (3, 7), at(told), at(20.0));
            ledger.returned(line, at(told + 1.0));
        }
        assert_eq!(culprits(&ledger), [(at(5.0), "b".to_owned())]);
    }

    #[test]
    fn after_a_lowering_the_old_limit_is_fair_for_the_quiet_period() {
        let grants = |told| {
            let mut ledger = ledger(2, &[("a", 0.0, 99.0, None), ("b", told, 99.0, None)]);
            ledger.limit_asked(1, at(1.0));
            ledger.limit_changed(at(1.5));
            culprits(&ledger).len()
        };
        assert_eq!((grants(1.2), grants(3.5), grants(3.6)), (0, 0, 1));
    }

    #[test]
    fn leases_from_before_a_lowering_may_end_in_their_own_time() {
        let mut ledger = ledger(2, &[("a", 0.0, 99.0, None), ("b", 0.0, 99.0, Some(50.0)), ("c", 60.0, 99.0, None)]);
        ledger.limit_asked(1, at(1.0));
        ledger.limit_changed(at(1.0));
        // Neither a nor b is one; c is, because a still holds.
        assert_eq!(culprits(&ledger), [(at(60.0), "c".to_owned())]);
    }

    #[test]
    fn a_limit_that_somebody_else_raised_is_fair_from_then_on() {
        let grants = |told| {
            let mut ledger = ledger(1, &[("a", 0.0, 99.0, None), ("b", told, 99.0, None)]);
            ledger.limit_set_elsewhere(2, at(1.0));
            culprits(&ledger).len()
        };
        assert_eq!((grants(0.9), grants(1.0), grants(90.0)), (1, 0, 0));
    }

    #[test]
    fn a_raised_limit_is_fair_from_the_moment_it_is_asked_for() {
        let grants = |told| {
            let mut ledger = ledger(1, &[("a", 0.0, 99.0, None), ("b", told, 99.0, None)]);
            ledger.limit_asked(2, at(1.0));
            culprits(&ledger).len()
        };
        assert_eq!((grants(0.9), grants(1.0)), (1, 0));
    }
}
