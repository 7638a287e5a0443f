//! The judge: did the callers ever work side by side more than the limit lets? Told by what they wrote down alone, and by
//! whom the world killed and stopped; never by the rows of the table.

use std::collections::{BTreeMap, BTreeSet};

use crate::record::{Event, Line};

/// What became of a run.
#[derive(Debug, Default)]
pub(crate) struct Judgement {
    /// Each promise that was broken, in words.
    pub(crate) broken: Vec<String>,
    /// The most that held at once.
    pub(crate) peak: usize,
    /// Leases that callers were told of.
    pub(crate) told: usize,
    /// Leases whose callers found out that they were over.
    pub(crate) lost: usize,
}

/// A lease that a caller was told of.
#[derive(Clone, Debug)]
struct ToldLease {
    whose: String,
    slot: u32,
    fence: u64,
    /// When it was asked for first.
    asked: u64,
    /// When the caller was told.
    told: u64,
    /// Until when it is known to be held: its end, as far as it was told.
    held: Vec<(u64, u64)>,
    /// Whether it is known when it expires.
    expires: bool,
}

impl ToldLease {
    /// It is given back, or nobody's any more, from here on.
    fn cut(&mut self, at: u64) {
        for (_, until) in &mut self.held {
            *until = (*until).min(at);
        }
        self.held.retain(|(from, until)| from < until);
    }

    /// Its times, without those that lie in one another.
    fn spans(&self) -> Vec<(u64, u64)> {
        let mut spans = self.held.clone();
        spans.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::new();
        for (from, until) in spans {
            match merged.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(until),
                _ => merged.push((from, until)),
            }
        }
        merged
    }
}

/// Judges a run of so many jobs, numbered from 0, on a pool of this limit.
pub(crate) fn judge(limit: usize, jobs: u64, records: &BTreeMap<String, Vec<Line>>, kills: &[Line]) -> Judgement {
    let mut judgement = Judgement::default();
    let (mut leases, mut done) = (Vec::new(), BTreeSet::new());
    for (caller, lines) in records {
        let mut own = leases_of(caller, lines, &mut judgement);
        for Line { at, event } in kills {
            match event {
                Event::Killed { caller: killed, ended } if killed == caller => {
                    // One whose end is not known keeps its lease until that expires.
                    own.iter_mut().filter(|lease| *ended || !lease.expires).for_each(|lease| lease.cut(*at));
                }
                Event::Stopped { caller: stopped } if stopped == caller => {
                    // It may not renew any more: surely held until here.
                    own.iter_mut().filter(|lease| !lease.expires).for_each(|lease| lease.cut(*at));
                }
                _ => {}
            }
        }
        leases.extend(own);
        done.extend(
            lines.iter().filter_map(|line| if let Event::Done { job } = line.event { Some(job) } else { None }),
        );
    }
    judgement.told = leases.len();
    cap(limit, &leases, &mut judgement);
    one_holder_a_slot(&leases, &mut judgement);
    growing_fences(leases, &mut judgement);
    let missing: Vec<u64> = (0..jobs).filter(|job| !done.contains(job)).collect();
    if let Some(first) = missing.first() {
        judgement.broken.push(format!("{} jobs were never done, job {first} among them", missing.len()));
    }
    judgement
}

/// The leases of one caller, whoever it was.
fn leases_of(caller: &str, lines: &[Line], judgement: &mut Judgement) -> Vec<ToldLease> {
    let (mut over, mut open, mut asked) = (Vec::new(), BTreeMap::<&str, ToldLease>::new(), BTreeMap::new());
    for Line { at, event } in lines {
        match event {
            Event::Asked { holder } => {
                asked.entry(holder.as_str()).or_insert(*at);
            }
            Event::Acquired { holder, slot, fence, expires_at } => {
                let held = vec![(*at, expires_at.unwrap_or(u64::MAX))];
                match open.get_mut(holder.as_str()) {
                    Some(lease) if (lease.slot, lease.fence) == (*slot, *fence) => lease.held.extend(held),
                    _ => {
                        let asked = asked.get(holder.as_str()).copied().unwrap_or_else(|| {
                            judgement
                                .broken
                                .push(format!("{caller}: {holder} was told of a lease that it never asked for"));
                            *at
                        });
                        let whose = format!("{caller} ({holder})");
                        let (slot, fence, expires) = (*slot, *fence, expires_at.is_some());
                        let lease = ToldLease { whose, slot, fence, asked, told: *at, held, expires };
                        over.extend(open.insert(holder, lease));
                    }
                }
            }
            Event::Renewed { holder, expires_at } => {
                if let Some(lease) = open.get_mut(holder.as_str()) {
                    lease.held.push((*at, *expires_at));
                }
            }
            Event::Releasing { holder } | Event::Lost { holder, .. } => {
                judgement.lost += usize::from(matches!(event, Event::Lost { .. }));
                asked.remove(holder.as_str());
                if let Some(mut lease) = open.remove(holder.as_str()) {
                    lease.cut(*at);
                    over.push(lease);
                }
            }
            Event::Released { .. } | Event::Done { .. } | Event::Killed { .. } | Event::Stopped { .. } => {}
        }
    }
    over.extend(open.into_values());
    over
}

/// Never more than the limit at once.
fn cap(limit: usize, leases: &[ToldLease], judgement: &mut Judgement) {
    let mut changes = Vec::new();
    for (which, lease) in leases.iter().enumerate() {
        for (from, until) in lease.spans() {
            // Who ends and who begins in the same millisecond did not meet.
            changes.extend([(until, false, which), (from, true, which)]);
        }
    }
    changes.sort_unstable();
    let mut held = BTreeSet::new();
    let mut worst = None;
    for (at, begins, which) in changes {
        if begins {
            held.insert(which);
        } else {
            held.remove(&which);
        }
        if held.len() > judgement.peak {
            judgement.peak = held.len();
            worst = Some((at, held.clone()));
        }
    }
    if let Some((at, held)) = worst.filter(|_| judgement.peak > limit) {
        let who: Vec<String> = held.into_iter().map(|which| shown(&leases[which])).collect();
        judgement.broken.push(format!("at {at} {} held, the limit is {limit}: {}", who.len(), who.join(", ")));
    }
}

/// A slot has at most one holder at a time.
fn one_holder_a_slot(leases: &[ToldLease], judgement: &mut Judgement) {
    let mut slots: BTreeMap<u32, Vec<(u64, u64, usize)>> = BTreeMap::new();
    for (which, lease) in leases.iter().enumerate() {
        let spans = lease.spans().into_iter().map(|(from, until)| (from, until, which));
        slots.entry(lease.slot).or_default().extend(spans);
    }
    for (slot, mut spans) in slots {
        spans.sort_unstable();
        for pair in spans.windows(2) {
            let ((_, until, one), (from, _, other)) = (pair[0], pair[1]);
            if one != other && from < until {
                let (one, other) = (shown(&leases[one]), shown(&leases[other]));
                judgement.broken.push(format!("slot {slot} had two holders at {from}: {one} and {other}"));
            }
        }
    }
}

/// Who asked after another was told of a lease of a slot gets it under a higher fence; and no two get it under the same.
fn growing_fences(mut leases: Vec<ToldLease>, judgement: &mut Judgement) {
    let mut seen: BTreeMap<(u32, u64), String> = BTreeMap::new();
    for lease in &leases {
        if let Some(other) = seen.insert((lease.slot, lease.fence), lease.whose.clone())
            && other != lease.whose
        {
            judgement.broken.push(format!("{other} was told of the same lease as {}", shown(lease)));
        }
    }
    let mut told = leases.clone();
    told.sort_by_key(|lease| lease.told);
    leases.sort_by_key(|lease| lease.asked);
    let (mut told, mut highest) = (told.iter().peekable(), BTreeMap::<u32, &ToldLease>::new());
    for lease in &leases {
        while let Some(earlier) = told.next_if(|earlier| earlier.told < lease.asked) {
            let before = highest.entry(earlier.slot).or_insert(earlier);
            if earlier.fence > before.fence {
                *before = earlier;
            }
        }
        if let Some(earlier) = highest.get(&lease.slot).filter(|earlier| earlier.fence >= lease.fence) {
            judgement.broken.push(format!("{} came after {}", shown(lease), shown(earlier)));
        }
    }
}

fn shown(lease: &ToldLease) -> String {
    format!("{} in slot {} under fence {}", lease.whose, lease.slot, lease.fence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(at: u64, holder: &str) -> Line {
        Line { at, event: Event::Asked { holder: holder.into() } }
    }

    fn told(at: u64, holder: &str, (slot, fence): (u32, u64), expires_at: impl Into<Option<u64>>) -> Line {
        let event = Event::Acquired { holder: holder.into(), slot, fence, expires_at: expires_at.into() };
        Line { at, event }
    }

    fn gives_back(at: u64, holder: &str) -> Line {
        Line { at, event: Event::Releasing { holder: holder.into() } }
    }

    fn done(at: u64, job: u64) -> Line {
        Line { at, event: Event::Done { job } }
    }

    fn killed(at: u64, caller: &str, ended: bool) -> Line {
        Line { at, event: Event::Killed { caller: caller.into(), ended } }
    }

    fn judged(limit: usize, jobs: u64, records: &[&[Line]], kills: &[Line]) -> Judgement {
        let named = |(number, lines): (usize, &&[Line])| (format!("caller-{number}"), lines.to_vec());
        judge(limit, jobs, &records.iter().enumerate().map(named).collect(), kills)
    }

    fn assert_broken(judgement: &Judgement, words: &str) {
        assert!(judgement.broken.iter().any(|broken| broken.contains(words)), "{words:?}: {judgement:?}");
    }

    /// Two callers, one after the other in one slot.
    fn well_behaved() -> [Vec<Line>; 2] {
        [
            vec![asked(1, "a"), told(2, "a", (0, 1), 100), gives_back(50, "a"), done(49, 0)],
            vec![asked(3, "b"), told(51, "b", (0, 2), 150), gives_back(60, "b"), done(59, 1)],
        ]
    }

    #[test]
    fn who_takes_turns_breaks_nothing() {
        let [one, other] = well_behaved();
        let judgement = judged(1, 2, &[&one, &other], &[]);
        assert!(judgement.broken.is_empty(), "{judgement:?}");
        assert_eq!((judgement.peak, judgement.told), (1, 2));
    }

    #[test]
    fn one_more_than_the_limit_is_caught() {
        let one = [asked(1, "a"), told(2, "a", (0, 1), 100)];
        let other = [asked(1, "b"), told(99, "b", (1, 1), 200)];
        let judgement = judged(1, 0, &[&one, &other], &[]);
        assert_broken(&judgement, "at 99 2 held, the limit is 1");
        assert!(judged(2, 0, &[&one, &other], &[]).broken.is_empty());
        // At its end a lease is nobody's any more.
        let later = [asked(1, "b"), told(100, "b", (1, 1), 200)];
        assert!(judged(1, 0, &[&one, &later], &[]).broken.is_empty());
    }

    #[test]
    fn a_renewed_lease_counts_as_long_as_it_was_told_to_last() {
        let renewed = Line { at: 90, event: Event::Renewed { holder: "a".into(), expires_at: 300 } };
        let one = [asked(1, "a"), told(2, "a", (0, 1), 100), renewed];
        let other = [asked(1, "b"), told(299, "b", (1, 1), 400)];
        assert_broken(&judged(1, 0, &[&one, &other], &[]), "2 held");
    }

    #[test]
    fn the_dead_hold_until_expiry_or_until_their_end_is_known() {
        let dead = [asked(1, "a"), told(2, "a", (0, 1), 100)];
        let other = [asked(1, "b"), told(60, "b", (0, 2), 200)];
        let silent = judged(1, 0, &[&dead, &other], &[killed(50, "caller-0", false)]);
        assert_broken(&silent, "slot 0 had two holders at 60");
        assert!(judged(1, 0, &[&dead, &other], &[killed(50, "caller-0", true)]).broken.is_empty());
        // Where nobody told when a lease expires, it is surely held until its caller is stopped.
        let command = [asked(1, "a"), told(2, "a", (0, 1), None)];
        assert_broken(&judged(1, 0, &[&command, &other], &[]), "2 held");
        let stopped = Line { at: 50, event: Event::Stopped { caller: "caller-0".into() } };
        assert!(judged(1, 0, &[&command, &other], &[stopped]).broken.is_empty());
    }

    #[test]
    fn a_fence_that_does_not_grow_is_caught() {
        let [one, _] = well_behaved();
        for fence in [1, 0] {
            let other = [asked(55, "b"), told(60, "b", (0, fence), 150)];
            assert_broken(&judged(1, 0, &[&one, &other], &[]), "came after");
        }
        // Who asked before the other was told may have been granted earlier.
        let late = [asked(1, "b"), told(101, "b", (0, 0), 150)];
        assert!(judged(1, 0, &[&one, &late], &[]).broken.is_empty());
    }

    #[test]
    fn one_lease_told_to_two_is_caught() {
        let one = [asked(1, "a"), told(2, "a", (0, 1), 100), gives_back(3, "a")];
        let other = [asked(1, "b"), told(50, "b", (0, 1), 100)];
        assert_broken(&judged(5, 0, &[&one, &other], &[]), "the same lease");
    }

    #[test]
    fn a_lost_job_is_caught() {
        let [one, _] = well_behaved();
        assert_broken(&judged(1, 2, &[&one], &[]), "1 jobs were never done, job 1 among them");
    }

    #[test]
    fn a_lease_that_nobody_asked_for_is_caught() {
        assert_broken(&judged(1, 0, &[&[told(2, "a", (0, 1), 100)]], &[]), "never asked for");
    }
}
