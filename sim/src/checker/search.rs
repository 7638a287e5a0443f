//! The search: how is a world explored on every core, so that the same is found every time?
//!
//! Breadth first. The states that are still to be looked at lie in batches, in the order in which they were found. Any
//! thread expands any batch, which is nearly all the work; what came of it is admitted batch by batch, in that order. So
//! the states, their numbers, and the first broken promise are those that one thread alone finds.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock};

use rustc_hash::FxHashMap;

use super::invariants::Violation;
use super::shared_list::SharedList;
use super::state::{ClientState, WorldState};
use super::transition::Transition;
use super::world::Shared;
use super::{Counterexample, Coverage, Report, step_memo, trace};
use crate::digest::{Hashed, digest};
use crate::table::MemoryTable;

/// How many states a batch has at most: enough that handing them over costs nothing, few enough that all cores have some.
const BATCH: usize = 128;

/// How many tables, and lists of clients, a thread keeps to share them among states.
const MOST_SHARED: usize = 200_000;

/// Explores a world on so many threads.
pub(crate) fn search(shared: &Shared, most_states: usize, threads: usize) -> Report {
    let search = Search::new(shared, most_states);
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| search.work());
        }
        search.work();
    });
    step_memo::forget();
    search.admission.into_inner().unwrap_or_else(PoisonError::into_inner).report
}

/// States to be expanded. Their numbers follow one another.
struct Batch {
    depth: usize,
    first: u32,
    states: Vec<WorldState>,
}

/// A state that was found, perhaps not for the first time.
struct Found {
    digest: u128,
    from: u32,
    action: Transition,
    state: WorldState,
}

/// What came of a batch, up to the first broken promise.
struct Expanded {
    depth: usize,
    found: Vec<Found>,
    steps: usize,
    quiet: usize,
    seen: Coverage,
    broken: Option<Broken>,
}

/// A broken promise: in this state, or in a step from it.
struct Broken {
    from: u32,
    action: Option<Transition>,
    violation: Violation,
}

/// Which batches are to be expanded, and which are to be admitted.
#[derive(Default)]
struct Schedule {
    waiting: VecDeque<(usize, Batch)>,
    expanded: BTreeMap<usize, Expanded>,
    /// How many batches there were so far.
    made: usize,
    /// How many of them have been admitted.
    admitted: usize,
    /// A thread admits now.
    is_admitting: bool,
    /// Nothing is left to do.
    is_over: bool,
}

/// What was found so far.
struct Admission {
    /// For each state, by which action it was reached from which.
    from: Vec<(u32, Transition)>,
    /// States that are not yet a batch, all at one depth.
    states: Vec<WorldState>,
    /// How many batches at the depth that is being admitted are still to come, and how many at the next.
    to_come: usize,
    to_come_next: usize,
    report: Report,
}

struct Search<'a> {
    shared: &'a Shared,
    most_states: usize,
    schedule: Mutex<Schedule>,
    changed: Condvar,
    known: RwLock<HashSet<u128, BuildHasherDefault<DigestHasher>>>,
    admission: Mutex<Admission>,
}

/// A digest is its own hash.
#[derive(Default)]
struct DigestHasher(u64);

impl Hasher for DigestHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    #[allow(clippy::cast_possible_truncation, reason = "its lower half is as random as all of it")]
    fn write_u128(&mut self, digest: u128) {
        self.0 = digest as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// What a thread works with, batch after batch: large pieces of memory that are not given back between them.
#[derive(Default)]
struct Bench {
    found: Vec<Found>,
    fresh: HashSet<u128, BuildHasherDefault<DigestHasher>>,
    common: Common,
}

/// What many states have in common, kept once.
#[derive(Default)]
struct Common {
    tables: FxHashMap<u128, MemoryTable>,
    clients: FxHashMap<u128, SharedList<Hashed<ClientState>>>,
}

impl Common {
    fn share(&mut self, state: &mut WorldState) {
        one(&mut self.tables, &mut state.table);
        one(&mut self.clients, &mut state.clients);
    }
}

fn one<T: Clone + std::hash::Hash>(kept: &mut FxHashMap<u128, T>, value: &mut T) {
    if kept.len() >= MOST_SHARED {
        kept.clear();
    }
    *value = kept.entry(digest(value)).or_insert_with(|| value.clone()).clone();
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the search when the thread that has this panics: else the others would wait for it.
struct EndsOnPanic<'a, 'b>(&'a Search<'b>);

impl Drop for EndsOnPanic<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            lock(&self.0.schedule).is_over = true;
            self.0.changed.notify_all();
        }
    }
}

impl<'a> Search<'a> {
    fn new(shared: &'a Shared, most_states: usize) -> Search<'a> {
        let begin = WorldState::begin(shared);
        let known = HashSet::from_iter([digest(&begin)]);
        let batch = Batch { depth: 0, first: 0, states: vec![begin] };
        let admission = Admission {
            from: vec![(0, Transition::Tick)],
            states: vec![],
            to_come: 1,
            to_come_next: 0,
            report: Report { states: 1, ..Report::new(shared.world.name) },
        };
        let schedule = Schedule { waiting: VecDeque::from([(0, batch)]), made: 1, ..Schedule::default() };
        Search {
            shared,
            most_states,
            schedule: Mutex::new(schedule),
            changed: Condvar::new(),
            known: RwLock::new(known),
            admission: Mutex::new(admission),
        }
    }

    /// Expands and admits until nothing is left.
    fn work(&self) {
        let _ends = EndsOnPanic(self);
        let mut bench = Bench::default();
        let mut schedule = lock(&self.schedule);
        while !schedule.is_over {
            let next = schedule.admitted;
            if !schedule.is_admitting
                && let Some(expanded) = schedule.expanded.remove(&next)
            {
                schedule.is_admitting = true;
                drop(schedule);
                let (batches, goes_on) = self.admit(expanded);
                schedule = lock(&self.schedule);
                schedule.is_admitting = false;
                schedule.admitted += 1;
                for batch in batches {
                    let number = schedule.made;
                    schedule.made += 1;
                    schedule.waiting.push_back((number, batch));
                }
                schedule.is_over |= !goes_on;
                self.changed.notify_all();
            } else if let Some((number, batch)) = schedule.waiting.pop_front() {
                drop(schedule);
                let expanded = self.expand(batch, &mut bench);
                schedule = lock(&self.schedule);
                schedule.expanded.insert(number, expanded);
                self.changed.notify_all();
            } else {
                schedule = self.changed.wait(schedule).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// Takes every step from each state.
    fn expand(&self, batch: Batch, bench: &mut Bench) -> Expanded {
        let Batch { depth, first, states } = batch;
        let mut all =
            Expanded { depth, found: vec![], steps: 0, quiet: 0, seen: Coverage::default(), broken: None };
        for (from, state) in (first..).zip(states) {
            if let Err((action, violation)) = self.expand_one(from, state, &mut all, &mut bench.found) {
                all.broken = Some(Broken { from, action, violation });
                break;
            }
        }
        // All at once: so the processor waits for many of them at a time.
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        bench.found.retain(|found| !known.contains(&found.digest));
        drop(known);
        bench.fresh.clear();
        bench.found.retain(|found| bench.fresh.insert(found.digest));
        bench.found.iter_mut().for_each(|found| bench.common.share(&mut found.state));
        all.found.reserve_exact(bench.found.len());
        all.found.append(&mut bench.found);
        all
    }

    fn expand_one(
        &self,
        from: u32,
        state: WorldState,
        all: &mut Expanded,
        found: &mut Vec<Found>,
    ) -> Result<(), (Option<Transition>, Violation)> {
        if state.is_quiet() {
            all.quiet += 1;
            self.shared.judge_quiet(&state, &mut Coverage::default()).map_err(|violation| (None, violation))?;
        }
        let actions = self.shared.actions(&state);
        let mut states = std::iter::repeat_n(state, actions.len());
        for action in actions {
            let Some(mut next) = states.next() else { break };
            all.steps += 1;
            let mut judged = self.shared.apply(&mut next, action, &mut all.seen);
            all.seen.every_fault |= next.left.are_used_up();
            if judged.is_ok() {
                judged = self.shared.judge_cap(&next);
            }
            judged.map_err(|violation| (Some(action), violation))?;
            found.push(Found { digest: digest(&next), from, action, state: next });
        }
        Ok(())
    }

    /// Admits what was found for the first time. Returns the batches that are full, and whether the search goes on.
    fn admit(&self, expanded: Expanded) -> (Vec<Batch>, bool) {
        let Expanded { depth, found, steps, quiet, seen, broken } = expanded;
        let (mut admission, mut batches) = (lock(&self.admission), vec![]);
        let admission = &mut *admission;
        admission.report.steps += steps;
        admission.report.quiet += quiet;
        admission.report.depth = depth;
        admission.report.seen.merge(seen);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let mut last = u32::MAX;
        for found in found {
            if found.from > last {
                break;
            }
            if !known.insert(found.digest) {
                continue;
            }
            if known.len() > self.most_states {
                // The other steps from this state are judged still.
                admission.report.complete = false;
                last = last.min(found.from);
                continue;
            }
            admission.from.push((found.from, found.action));
            admission.states.push(found.state);
            if admission.states.len() == BATCH {
                batches.push(admission.batch(depth + 1));
            }
        }
        drop(known);
        admission.report.states = admission.from.len();
        if let Some(Broken { from, action, violation }) = broken.filter(|broken| broken.from <= last) {
            let steps = trace::story(self.shared, &admission.way_to(from, action));
            admission.report.broken = Some(Counterexample { violation, steps, seed: None });
        }
        admission.to_come -= 1;
        if admission.to_come == 0 && !admission.states.is_empty() {
            batches.push(admission.batch(depth + 1));
        }
        admission.to_come_next += batches.len();
        if admission.to_come == 0 {
            (admission.to_come, admission.to_come_next) = (admission.to_come_next, 0);
        }
        let goes_on = admission.to_come > 0 && admission.report.complete && admission.report.broken.is_none();
        (batches, goes_on)
    }
}

impl Admission {
    fn batch(&mut self, depth: usize) -> Batch {
        let states = std::mem::take(&mut self.states);
        let first = u32::try_from(self.from.len() - states.len()).unwrap_or(u32::MAX);
        Batch { depth, first, states }
    }

    /// How a state, and the step after it, was reached.
    fn way_to(&self, at: u32, last: Option<Transition>) -> Vec<Transition> {
        let mut actions: Vec<Transition> = last.into_iter().collect();
        let mut at = at;
        while at != 0 {
            let (from, action) = self.from[at as usize];
            actions.push(action);
            at = from;
        }
        actions.reverse();
        actions
    }
}
