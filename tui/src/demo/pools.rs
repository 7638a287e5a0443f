//! The demo's table and pools: where do the workers' operations run?
//! On an embedded table, each pool with its settings put in order first. The only place here that knows how a store is
//! used.

use std::path::Path;
use std::time::Duration;

use leasehold_core::machine::{Failure, Operation, Outcome};
use leasehold_core::nouns::{Millis, Prefix};
use leasehold_core::table::{Change, Key, OverrideRow, PoolRow, Request, Row, Write};
use leasehold_store::create::{PoolSet, create, set_pool};
use leasehold_store::run::SystemClock;
use leasehold_store::{Embedded, Runner, StoreError, Table, Used};

use super::scenario::PoolPlan;
use super::task_tokens::{OwnRun, WaitingTasks};
use crate::operation::own_row;
use crate::stored_demo::TABLE;

/// How long settings are used before they are read again: part of a pool's quiet period.
const FRESH_FOR: Duration = Duration::from_millis(500);

/// How often setting a pool is tried while somebody else sets it too.
const TRIES: u8 = 5;

/// The engine, and what the runs on it share.
#[derive(Clone, Debug)]
pub(crate) struct DemoTable {
    engine: Embedded,
    tasks: WaitingTasks,
    run: OwnRun,
}

/// One pool of the table. Its workers' requests are counted apart from those that look after it.
#[derive(Debug)]
pub(crate) struct DemoPool {
    prefix: Prefix,
    work: Runner<WaitingTasks, OwnRun>,
    upkeep: Runner<WaitingTasks, OwnRun>,
}

/// What an operation came to, and what went wrong on the way if anything did.
#[derive(Clone, Debug)]
pub(crate) struct PoolRan {
    /// What it came to.
    pub(crate) outcome: Outcome,
    /// The last trouble, in words.
    pub(crate) trouble: Option<String>,
}

impl PoolRan {
    /// Why it came to nothing, in words.
    pub(crate) fn why(&self) -> String {
        match (&self.trouble, &self.outcome) {
            (Some(trouble), _) => trouble.clone(),
            (None, Outcome::Failed(failure)) => failure.to_string(),
            (None, other) => format!("an answer that makes no sense here: {other:?}"),
        }
    }
}

impl DemoTable {
    /// An engine on this file, or in memory, with the table in it.
    pub(crate) async fn open(file: Option<&Path>, tasks: WaitingTasks, run: OwnRun) -> Result<Self, StoreError> {
        let engine = match file {
            Some(path) => Embedded::file(path)?,
            None => Embedded::memory()?,
        };
        create(&engine.table(TABLE)).await?;
        Ok(DemoTable { engine, tasks, run })
    }

    /// The table, as somebody sees it who only looks.
    pub(crate) fn table(&self) -> Table {
        self.engine.table(TABLE)
    }

    /// A pool with the settings of this plan, whatever they were before. Says what was taken away.
    pub(crate) async fn pool(&self, plan: &PoolPlan) -> Result<(DemoPool, Option<OverrideRow>), StoreError> {
        let table = self.engine.table(TABLE);
        let mut before = match own_row(&table, &plan.prefix, Key::Pool).await? {
            Some(Row::Pool(row)) => Some(row),
            _ => None,
        };
        for _ in 0..TRIES {
            match set_pool(&table, &plan.prefix, &row(plan), before.as_ref()).await? {
                PoolSet::Done => break,
                PoolSet::Changed(now) => before = now,
            }
        }
        let left = match own_row(&table, &plan.prefix, Key::Override).await? {
            Some(Row::Override(left)) => {
                let delete = Write { key: Key::Override, conditions: vec![], change: Change::Delete };
                let sent = table.send(&plan.prefix, &Request::Write(delete)).await;
                match sent.trouble {
                    Some(trouble) => return Err(trouble),
                    None => Some(left),
                }
            }
            _ => None,
        };
        let runner = || {
            let table = self.engine.table(TABLE);
            Runner::with(table, self.tasks.clone(), self.run.clone(), SystemClock).fresh_for(FRESH_FOR)
        };
        Ok((DemoPool { prefix: plan.prefix.clone(), work: runner(), upkeep: runner() }, left))
    }
}

impl DemoPool {
    /// Carries out a worker's operation.
    pub(crate) async fn run(&self, operation: Operation) -> PoolRan {
        on(&self.work, &self.prefix, operation).await
    }

    /// Carries out an operation that is no part of a job: a sweep, a look, a change of the limit.
    pub(crate) async fn look_after(&self, operation: Operation) -> PoolRan {
        on(&self.upkeep, &self.prefix, operation).await
    }

    /// What the workers' operations used.
    pub(crate) fn used(&self) -> Used {
        self.work.table().meter().used()
    }

    /// What the other operations used.
    pub(crate) fn used_by_upkeep(&self) -> Used {
        self.upkeep.table().meter().used()
    }
}

async fn on(runner: &Runner<WaitingTasks, OwnRun>, prefix: &Prefix, operation: Operation) -> PoolRan {
    match runner.run_on(prefix, operation).await {
        Ok(ran) => PoolRan { outcome: ran.outcome, trouble: ran.trouble.map(|trouble| trouble.to_string()) },
        Err(trouble) => {
            let failure = match trouble {
                StoreError::PoolNotFound { .. } => Failure::NoPool,
                StoreError::Busy { .. } => Failure::Throttled,
                _ => Failure::Unavailable,
            };
            PoolRan { outcome: Outcome::Failed(failure), trouble: Some(trouble.to_string()) }
        }
    }
}

fn row(plan: &PoolPlan) -> PoolRow {
    PoolRow {
        limit: plan.limit,
        lowered: None,
        lease: Some(millis(plan.lease)),
        grace: Some(millis(plan.grace)),
        quiet: Some(millis(plan.quiet)),
        longest_wait: Some(millis(plan.wait)),
        longest_hold: None,
        sweep_every: Some(millis(plan.sweep)),
    }
}

fn millis(time: Duration) -> Millis {
    Millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}
