//! A demo's run: how does it go, from the first question to the last free slot?
//! Workers, sweeps, changes of limits, deaths and replacements, until every item is done or lost and every slot is
//! back.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use leasehold_core::{
    Author, ExecutionFreed, ExpectedOverride, HistoryRow, LeaseId, LimitChanged, ReleaseAll, SetLimit, SetLimitOutcome,
    SlotRow, Snapshot, StatusRequest, SweepRequest,
};
use leasehold_store::{NotedChanges, Table, history};
use leasehold_tui::watch::actions::superseded;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::ledger::Moment;
use super::options::{DemoOptions, PlannedLimit};
use super::pools::DemoTable;
use super::progress::Progress;
use super::scenario::DemoScenario;
use super::task_tokens::{OwnRun, WaitingTasks};
use super::worker::{DeadWorker, Worker, WorkerEnd};
use super::workload::{PoolWorkload, RunClock};
use crate::error::CliError;
use crate::stored_demo::{AUTHOR, DemoLock};

/// How often a slot is looked at whose dead holder's lease has expired.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long giving back may take when the run is stopped.
const TIDY_WITHIN: Duration = Duration::from_secs(3);

/// A run: everything that takes part in it.
pub(crate) struct DemoRun {
    /// Its name.
    pub(crate) name: Arc<str>,
    /// One for each pool of the scenario.
    pub(crate) workloads: Vec<Arc<PoolWorkload>>,
    /// When it began.
    pub(crate) start: RunClock,
    /// Where it is told how far it is.
    pub(crate) progress: Arc<Progress>,
    /// For those who only look.
    pub(crate) table: Table,
    /// That no other demo works on its file.
    _alone: Option<DemoLock>,
}

/// What became of one pool's work.
#[derive(Debug, Default)]
pub(crate) struct PoolOutcome {
    /// When the last item was done and its slot given back.
    pub(crate) makespan: Moment,
    /// The items done, by their place in the plan.
    pub(crate) items: HashSet<usize>,
    /// Why an item was not done.
    pub(crate) lost: BTreeMap<usize, String>,
    /// How many workers died.
    pub(crate) died: u32,
    /// How long after their deaths the slots were back.
    pub(crate) back: Vec<Duration>,
    /// What somebody else did to the limit meanwhile.
    pub(crate) elsewhere: Vec<ForeignChange>,
    /// The pool at the end, or why it could not be seen.
    pub(crate) end: Option<Result<Snapshot, String>>,
}

/// A change of a pool's limit that somebody made in the table, and not the demo.
#[derive(Debug)]
pub(crate) struct ForeignChange {
    /// When.
    pub(crate) at: Moment,
    /// To what.
    pub(crate) limit: u32,
    /// Who, and why.
    pub(crate) by: Author,
}

/// Something that happened.
enum RunEvent {
    Ended { pool: usize, item: usize, replaces: u32, ending: WorkerEnd },
    Back { pool: usize, lease: LeaseId, after: Option<Duration> },
}

impl DemoRun {
    /// Opens the store and puts the pools in order. Says what an earlier run left there.
    pub(crate) async fn prepare(scenario: DemoScenario, options: &DemoOptions) -> Result<Self, CliError> {
        let name: Arc<str> = format!("demo:{:08x}", fastrand::u32(..)).into();
        let alone = options.store.as_deref().map(DemoLock::take).transpose()?.flatten();
        let tasks = WaitingTasks::default();
        let store = DemoTable::open(options.store.as_deref(), tasks.clone(), OwnRun(name.clone())).await?;
        let (mut pools, mut notes) = (vec![], vec![]);
        for plan in scenario.pools {
            let (pool, left) = store.pool(&plan).await?;
            if let Some(left) = left {
                let (prefix, limit) = (&plan.prefix, plan.limit);
                let was = format!("limit {} set by {} ({})", left.limit, left.who, left.why);
                notes.push(format!(
                    "{prefix}: the override that lay there, {was}, is removed; the demo begins with limit {limit}"
                ));
            }
            pools.push((plan, pool));
        }
        let start = RunClock::now();
        let workload =
            |(plan, pool)| Arc::new(PoolWorkload::new(plan, pool, options.poll, tasks.clone(), name.clone(), start));
        let workloads: Vec<Arc<PoolWorkload>> = pools.into_iter().map(workload).collect();
        let progress = Arc::new(Progress::new(workloads.clone(), start));
        notes.iter().for_each(|note| progress.say(note));
        Ok(DemoRun { name, workloads, start, progress, table: store.table(), _alone: alone })
    }

    /// Does all the work, unless it is stopped: what became of it, pool by pool, or what stopped it.
    pub(crate) async fn play<S>(
        &self,
        options: &DemoOptions,
        stopped: impl Future<Output = S>,
    ) -> Result<Vec<PoolOutcome>, S> {
        let mut stopped = std::pin::pin!(stopped);
        let mut upkeep = self.upkeep(&options.limits);
        let mut events = JoinSet::new();
        let mut done: Vec<PoolOutcome> = self.workloads.iter().map(|_| PoolOutcome::default()).collect();
        for (pool, victims) in self.victims(options.kill).into_iter().enumerate() {
            for item in 0..self.workloads[pool].plan.items.len() {
                self.start_worker(&mut events, &mut done, (pool, item), 0, victims.contains(&item));
            }
        }
        let mut told = false;
        loop {
            let event = tokio::select! {
                event = events.join_next() => event,
                why = &mut stopped => {
                    // Nobody asks any more when what they have is given back.
                    events.shutdown().await;
                    upkeep.shutdown().await;
                    for workload in &self.workloads {
                        workload.end_calls().await;
                    }
                    return Err(why);
                }
            };
            let Some(event) = event else { break };
            match event {
                Ok(RunEvent::Ended { pool, item, replaces, ending }) => {
                    self.ended(&mut events, &mut done, (pool, item), replaces, ending);
                }
                Ok(RunEvent::Back { pool, lease, after }) => self.back(&mut done[pool], pool, &lease, after),
                // A worker that panicked: its item is found missing below.
                Err(_) => {}
            }
            if !told && self.only_slots_are_left(&done, events.len()) {
                told = true;
                self.progress.say("all work is done; the slots of workers that died are still to come back");
            }
        }
        upkeep.abort_all();
        for (workload, done) in self.workloads.iter().zip(&mut done) {
            let missing = (0..workload.plan.items.len()).filter(|item| !done.items.contains(item));
            for item in missing.collect::<Vec<_>>() {
                done.lost.entry(item).or_insert_with(|| "its worker ended unexpectedly".into());
            }
            done.end = Some(look(workload).await);
            done.elsewhere = changed_elsewhere(&self.table, workload).await;
            for change in &done.elsewhere {
                workload.ledger().limit_set_elsewhere(change.limit, change.at);
            }
        }
        self.progress.finish();
        Ok(done)
    }

    /// Stopped half way: gives back what the workers hold, so that a store on a file is free for the next run.
    pub(crate) async fn tidy(&self) -> String {
        self.progress.finish();
        let gone = async {
            for workload in &self.workloads {
                while !gone(workload).await {
                    sleep(LOOK_EVERY).await;
                }
            }
        };
        match timeout(TIDY_WITHIN, gone).await {
            Ok(()) => "its leases are given back".into(),
            Err(_) => "its leases end when they expire".into(),
        }
    }

    /// Which items' first workers die: so many, spread over the pools and over their items.
    fn victims(&self, kill: usize) -> Vec<HashSet<usize>> {
        let sizes: Vec<usize> = self.workloads.iter().map(|workload| workload.plan.items.len()).collect();
        let mut shares = vec![0; sizes.len()];
        let mut left = kill.min(sizes.iter().sum());
        while left > 0 {
            for (share, size) in shares.iter_mut().zip(&sizes) {
                if left > 0 && *share < *size {
                    *share += 1;
                    left -= 1;
                }
            }
        }
        let spread = |(share, size): (usize, usize)| (0..share).map(|n| n * size / share).collect();
        shares.into_iter().zip(sizes).map(spread).collect()
    }

    fn start_worker(
        &self,
        events: &mut JoinSet<RunEvent>,
        done: &mut [PoolOutcome],
        (pool, item): (usize, usize),
        replaces: u32,
        dies: bool,
    ) {
        let workload = &self.workloads[pool];
        match Worker::new(Arc::clone(workload), &workload.plan.items[item], replaces, dies) {
            Ok(worker) => {
                let items = u32::try_from(workload.plan.items.len()).unwrap_or(u32::MAX);
                let turn = workload.plan.start / items.max(1) * u32::try_from(item).unwrap_or(u32::MAX);
                let wait = if replaces == 0 { turn } else { Duration::ZERO };
                events.spawn(async move {
                    sleep(wait).await;
                    RunEvent::Ended { pool, item, replaces, ending: worker.work().await }
                });
            }
            Err(wrong) => drop(done[pool].lost.insert(item, wrong.to_string())),
        }
    }

    fn ended(
        &self,
        events: &mut JoinSet<RunEvent>,
        done: &mut [PoolOutcome],
        (pool, item): (usize, usize),
        replaces: u32,
        ending: WorkerEnd,
    ) {
        let (workload, of) = (&self.workloads[pool], &mut done[pool]);
        match ending {
            WorkerEnd::Done => {
                of.items.insert(item);
                of.makespan = of.makespan.max(self.start.elapsed());
            }
            WorkerEnd::Died(dead) => {
                of.died += 1;
                let (prefix, slot) = (&workload.plan.prefix, dead.lease.id.slot);
                self.progress.say(&format!("{prefix}: {} died holding {slot}; another takes its item", dead.who));
                let workload = Arc::clone(workload);
                events.spawn(async move {
                    let after = comes_back(&workload, &dead).await;
                    RunEvent::Back { pool, lease: dead.lease.id, after }
                });
                self.start_worker(events, done, (pool, item), replaces + 1, false);
            }
            WorkerEnd::Lost(why) => {
                self.progress.say(&format!("{}: {} is lost: {why}", workload.plan.prefix, workload.plan.items[item]));
                of.lost.insert(item, why);
            }
        }
    }

    fn back(&self, done: &mut PoolOutcome, pool: usize, lease: &LeaseId, after: Option<Duration>) {
        let workload = &self.workloads[pool];
        workload.counts.held.back(lease.slot, lease.fence);
        if let Some(after) = after {
            done.back.push(after);
            let after = after.as_secs_f64();
            let prefix = &workload.plan.prefix;
            self.progress.say(&format!("{prefix}: a slot is back, {after:.1} s after its worker died"));
        }
    }

    /// Whether everything that goes on is waiting for dead workers' slots.
    fn only_slots_are_left(&self, done: &[PoolOutcome], going_on: usize) -> bool {
        let over = |(workload, done): (&Arc<PoolWorkload>, &PoolOutcome)| {
            done.items.len() + done.lost.len() == workload.plan.items.len()
        };
        going_on > 0 && self.workloads.iter().zip(done).all(over)
    }

    /// What goes on beside the workers: sweeps (EventBridge's schedule), changes of limits, progress.
    fn upkeep(&self, limits: &[PlannedLimit]) -> JoinSet<()> {
        let mut upkeep = JoinSet::new();
        let progress = Arc::clone(&self.progress);
        upkeep.spawn(async move { progress.keep_showing().await });
        for workload in &self.workloads {
            let one = Arc::clone(workload);
            upkeep.spawn(async move {
                loop {
                    sleep(one.plan.sweep).await;
                    // One that fails is made up for by the next.
                    let _ = one.pool.look_after(SweepRequest).await;
                }
            });
            let mut changes: Vec<PlannedLimit> =
                limits.iter().filter(|new| new.prefix == workload.plan.prefix).cloned().collect();
            changes.sort_by_key(|new| new.at);
            let (one, progress) = (Arc::clone(workload), Arc::clone(&self.progress));
            upkeep.spawn(async move {
                for new in changes {
                    change(&one, &progress, new, "as planned").await;
                }
            });
        }
        upkeep
    }
}

/// Changes a limit when it is time, however often that takes, unless a newer change comes before it.
pub(crate) async fn change(workload: &PoolWorkload, progress: &Progress, new: PlannedLimit, why: &str) {
    sleep(new.at.saturating_sub(workload.start.elapsed())).await;
    workload.ledger().limit_asked(new.limit.count(), workload.start.elapsed());
    loop {
        let change = SetLimit {
            limit: new.limit,
            who: AUTHOR.into(),
            why: why.into(),
            lasts: None,
            expected: ExpectedOverride::Any,
        };
        match workload.pool.look_after(change).await {
            Ok(SetLimitOutcome::Set(LimitChanged { from, to, .. })) => {
                workload.ledger().limit_changed(workload.start.elapsed());
                progress.say(&format!("{}: limit {from} is now {to}", new.prefix));
                return;
            }
            Ok(SetLimitOutcome::Superseded(by)) => {
                progress.say(&format!("{}: the limit is not changed: {}", new.prefix, superseded(&by)));
                return;
            }
            Err(error) => progress.say(&format!("{}: the limit is not changed yet: {error}", new.prefix)),
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Waits until a dead worker's slot is free or another's: how long after its death, if in time.
async fn comes_back(workload: &PoolWorkload, dead: &DeadWorker) -> Option<Duration> {
    let (start, plan) = (workload.start, &workload.plan);
    let expires = workload.ledger().expiry(&dead.who).unwrap_or_else(|| start.moment(dead.lease.expires_at));
    // Expiry, grace and a sweep; and a second sweep and some seconds for a busy machine.
    let latest = expires + plan.grace + plan.sweep * 2 + Duration::from_secs(10);
    sleep(expires.saturating_sub(start.elapsed())).await;
    while start.elapsed() < latest {
        if let Ok(seen) = look(workload).await {
            let id = &dead.lease.id;
            let held = |row: &SlotRow| row.slot == id.slot && row.fence == id.fence && row.held.is_some();
            if !seen.slots.iter().any(held) {
                return Some(start.elapsed().saturating_sub(dead.at));
            }
        }
        sleep(LOOK_EVERY).await;
    }
    None
}

/// Frees whatever a run that was stopped still has in a pool; whether nothing is left.
async fn gone(workload: &PoolWorkload) -> bool {
    let mut after = None;
    loop {
        let execution = workload.run.clone();
        let all = ReleaseAll { execution, parent: None, key_prefix: "".into(), attempt: None, after };
        match workload.pool.look_after(all).await {
            Ok(ExecutionFreed { more: None, .. }) => break,
            Ok(ExecutionFreed { more, .. }) => after = more,
            Err(_) => return false,
        }
    }
    look(workload).await.is_ok_and(|seen| workload.still_in(&seen).is_empty())
}

/// Which limits somebody else set in the table since the run began, as the pool's history says. One that cannot be read
/// names none.
async fn changed_elsewhere(table: &Table, workload: &PoolWorkload) -> Vec<ForeignChange> {
    let Ok(NotedChanges { changes: mut noted, .. }) = history(table, &workload.plan.prefix).await else {
        return vec![];
    };
    noted.reverse();
    let since = |row: &HistoryRow| row.key.at >= workload.start.epoch() && &*row.by.who != AUTHOR;
    let change = |row: HistoryRow| {
        let limit = row.change.limit()?;
        Some(ForeignChange { at: workload.start.moment(row.key.at), limit, by: row.by })
    };
    noted.into_iter().filter(since).filter_map(change).collect()
}

/// The pool's slots and queue as they are.
async fn look(workload: &PoolWorkload) -> Result<Snapshot, String> {
    let mut why = String::new();
    for _ in 0..5 {
        match workload.pool.look_after(StatusRequest).await {
            Ok(seen) => return Ok(seen),
            Err(error) => why = error.to_string(),
        }
        sleep(LOOK_EVERY).await;
    }
    Err(why)
}
