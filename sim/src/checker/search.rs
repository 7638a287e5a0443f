//! The search: how is a world explored on every core, so that the same is found every time?
//!
//! Breadth first. The states that are still to be looked at lie in batches, in the order in which they were found. Any
//! thread expands any batch, which is nearly all the work; what came of it is admitted batch by batch, in that order. So
//! the states, their numbers, and the first broken promise are those that one thread alone finds.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock};

use super::invariants::Violation;
use super::lone_step::{LoneSteps, judged};
use super::packed::{Packed, Packer, PartStore};
use super::parts::{Common, Parts};
use super::state::WorldState;
use super::transition::Transition;
use super::world::Shared;
use super::{Counterexample, Coverage, Report, step_memo, trace};

/// How many states a batch has at most: enough that handing them over costs nothing, few enough that all cores have some.
const BATCH: usize = 128;

/// How a world is searched: the same is found either way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// How many threads search.
    pub(crate) threads: usize,
    /// Steps are remembered, else each is taken anew from each state.
    pub(crate) remembers: bool,
}

/// Explores a world.
pub(crate) fn search(shared: &Shared, most_states: usize, manner: Manner) -> Report {
    let store = PartStore::default();
    let search = Search::new(shared, &store, most_states, manner.remembers);
    std::thread::scope(|scope| {
        for _ in 1..manner.threads {
            scope.spawn(|| search.work());
        }
        search.work();
    });
    search.admission.into_inner().unwrap_or_else(PoisonError::into_inner).report
}

/// States to be expanded. Their numbers follow one another.
struct Batch {
    depth: usize,
    first: u32,
    states: Packed,
}

/// A state that was found, perhaps not for the first time.
struct Found {
    digest: u128,
    from: u32,
    action: Transition,
    made: Made,
}

/// How a state is made of the one that a step leads from.
enum Made {
    /// By this lone step, of this call.
    Alone(u32, Option<usize>),
    Whole(Box<Parts>),
}

/// A state that its batch found for the first time.
struct Fresh {
    digest: u128,
    from: u32,
    action: Transition,
}

/// What came of a batch, up to the first broken promise.
struct Expanded {
    depth: usize,
    fresh: Vec<Fresh>,
    /// The states of those.
    states: Packed,
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
    states: Packed,
    /// How many batches at the depth that is being admitted are still to come, and how many at the next.
    to_come: usize,
    to_come_next: usize,
    report: Report,
}

struct Search<'a> {
    shared: &'a Shared,
    most_states: usize,
    remembers: bool,
    schedule: Mutex<Schedule>,
    changed: Condvar,
    store: &'a PartStore,
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
struct Bench<'a> {
    packer: Packer<'a>,
    found: Vec<Found>,
    digests: HashSet<u128, BuildHasherDefault<DigestHasher>>,
    common: Common,
    lone_steps: LoneSteps,
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
    fn new(shared: &'a Shared, store: &'a PartStore, most_states: usize, remembers: bool) -> Search<'a> {
        let begin = Parts::of(WorldState::begin(shared), &mut Common::default());
        let known = HashSet::from_iter([begin.digest()]);
        let mut states = Packed::default();
        store.packer().pack(&begin, &mut states);
        let batch = Batch { depth: 0, first: 0, states };
        let admission = Admission {
            from: vec![(0, Transition::Tick)],
            states: Packed::default(),
            to_come: 1,
            to_come_next: 0,
            report: Report { states: 1, ..Report::new(shared.world.name) },
        };
        let schedule = Schedule { waiting: VecDeque::from([(0, batch)]), made: 1, ..Schedule::default() };
        Search {
            shared,
            most_states,
            remembers,
            store,
            schedule: Mutex::new(schedule),
            changed: Condvar::new(),
            known: RwLock::new(known),
            admission: Mutex::new(admission),
        }
    }

    /// Expands and admits until nothing is left.
    fn work(&self) {
        let _ends = EndsOnPanic(self);
        step_memo::remember(self.remembers);
        let mut bench = Bench {
            packer: self.store.packer(),
            found: vec![],
            digests: HashSet::default(),
            common: Common::default(),
            lone_steps: LoneSteps::default(),
        };
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
        drop(schedule);
        step_memo::remember(false);
    }

    /// Takes every step from each state.
    fn expand(&self, batch: Batch, bench: &mut Bench<'_>) -> Expanded {
        let Batch { depth, first, states } = batch;
        let states = bench.packer.unpack(&states);
        let mut all = Expanded {
            depth,
            fresh: vec![],
            states: Packed::default(),
            steps: 0,
            quiet: 0,
            seen: Coverage::default(),
            broken: None,
        };
        bench.lone_steps.trim();
        bench.digests.clear();
        for (from, state) in (first..).zip(&states) {
            if let Err((action, violation)) = self.expand_one(from, state, &mut all, bench) {
                all.broken = Some(Broken { from, action, violation });
                break;
            }
        }
        // All at once: so the processor waits for many of them at a time.
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        bench.found.retain(|found| !known.contains(&found.digest));
        drop(known);
        bench.found.retain(|found| bench.digests.insert(found.digest));
        all.fresh.reserve_exact(bench.found.len());
        for Found { digest, from, action, made } in bench.found.drain(..) {
            let state = match made {
                Made::Alone(step, call) => {
                    states[(from - first) as usize].after(call, &bench.lone_steps.step(step).change)
                }
                Made::Whole(state) => *state,
            };
            all.fresh.push(Fresh { digest, from, action });
            bench.packer.pack(&state, &mut all.states);
        }
        all
    }

    fn expand_one(
        &self,
        from: u32,
        parts: &Parts,
        all: &mut Expanded,
        bench: &mut Bench<'_>,
    ) -> Result<(), (Option<Transition>, Violation)> {
        let state = parts.whole();
        if state.is_quiet() {
            all.quiet += 1;
            self.shared.judge_quiet(&state, &mut Coverage::default()).map_err(|violation| (None, violation))?;
        }
        for action in self.shared.actions(&state) {
            all.steps += 1;
            let broken = |violation| (Some(action), violation);
            let alone = if self.remembers {
                bench.lone_steps.take(self.shared, parts, action, &mut bench.common).map_err(broken)?
            } else {
                None
            };
            let (digest, made) = if let Some((place, call)) = alone {
                let step = bench.lone_steps.step(place);
                all.seen.merge(step.seen);
                (parts.digest_after(call, &step.change), Made::Alone(place, call))
            } else {
                let mut next = state.clone();
                judged(self.shared, &mut next, action, &mut all.seen).map_err(broken)?;
                let next = Parts::of(next, &mut bench.common);
                (next.digest(), Made::Whole(Box::new(next)))
            };
            bench.found.push(Found { digest, from, action, made });
        }
        Ok(())
    }

    /// Admits what was found for the first time. Returns the batches that are full, and whether the search goes on.
    fn admit(&self, expanded: Expanded) -> (Vec<Batch>, bool) {
        let Expanded { depth, fresh, states, steps, quiet, seen, broken } = expanded;
        let (mut admission, mut batches) = (lock(&self.admission), vec![]);
        let admission = &mut *admission;
        admission.report.steps += steps;
        admission.report.quiet += quiet;
        admission.report.depth = depth;
        admission.report.seen.merge(seen);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let mut last = u32::MAX;
        for (found, state) in fresh.into_iter().zip(states.each()) {
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
            admission.states.push(state);
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
        if admission.to_come == 0 && admission.states.len() > 0 {
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
        let states = self.states.take();
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
