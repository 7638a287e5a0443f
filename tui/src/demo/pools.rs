//! The demo's table and pools: where do the workers' operations run?
//! On an embedded table, each pool with its settings put in order first. The only place here that knows how a store is
//! used.

use std::path::Path;
use std::time::Duration;

use leasehold_core::{
    Author, ExpectedSettings, Failure, Intent, Limit, Millis, Mutation, Operation, OverrideRow, PoolName, PoolPatch,
    PoolRow, RenewRequest, Renewed, Request, RetirePool, Row, RowKey, SetPool, SetPoolOutcome, Write,
};
use leasehold_store::{Embedded, MeterReading, RunError, Runner, StoreError, SystemClock, Table, create_table};
use tokio::sync::Semaphore;

use super::scenario::PoolPlan;
use super::task_tokens::{OwnRun, WaitingTasks};
use crate::operation::own_row_as_it_is;
use crate::stored_demo::{AUTHOR, TABLE};

/// How long settings are used before they are read again: part of a pool's quiet period.
const FRESH_FOR: Duration = Duration::from_millis(500);

/// How many calls of a pool's workers run at once, as a lease manager with a reserved concurrency would run them. The engine
/// serves one request at a time: more calls would only make each other wait, and collide.
const CALLS_AT_ONCE: usize = 8;

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
    prefix: PoolName,
    work: Runner<WaitingTasks, OwnRun>,
    upkeep: Runner<WaitingTasks, OwnRun>,
    calls: Semaphore,
}

impl DemoTable {
    /// An engine on this file, or in memory, with the table in it.
    pub(crate) async fn open(file: Option<&Path>, tasks: WaitingTasks, run: OwnRun) -> Result<Self, StoreError> {
        let engine = match file {
            Some(path) => Embedded::file(path)?,
            None => Embedded::memory()?,
        };
        create_table(&engine.table(TABLE)).await?;
        Ok(DemoTable { engine, tasks, run })
    }

    /// The table, as somebody sees it who only looks.
    pub(crate) fn table(&self) -> Table {
        self.engine.table(TABLE)
    }

    /// A pool with the settings of this plan, whatever they were before. Says what was taken away.
    pub(crate) async fn pool(&self, plan: &PoolPlan) -> Result<(DemoPool, Option<OverrideRow>), StoreError> {
        let (table, prefix) = (self.engine.table(TABLE), &plan.prefix);
        let left = match own_row_as_it_is(&table, prefix, RowKey::Override).await? {
            Some(Row::Override(left)) => Some(left),
            _ => None,
        };
        let explained = |error: RunError| error.explain(TABLE, prefix, "setting");
        let runner = Runner::new(table);
        // Made anew, and not settling: nobody from an earlier run follows its settings any more.
        match runner.administer(prefix, RetirePool { by: by() }).await {
            Ok(_) | Err(RunError { failure: Failure::PoolNotFound, .. }) => {}
            Err(error) => return Err(explained(error)),
        }
        let set = SetPool { patch: settings(plan), by: by(), expected: ExpectedSettings::Any };
        if let SetPoolOutcome::Set { after, .. } = runner.administer(prefix, set).await.map_err(explained)? {
            let settled = Mutation::Put(Row::Pool(PoolRow { lowered: None, ..after }));
            let write = Write { key: RowKey::Pool, conditions: vec![], mutation: settled, intent: Intent::SetPool };
            if let Some(trouble) = runner.table().send(prefix, &Request::Write(write)).await.trouble {
                return Err(trouble);
            }
        }
        let counted = || {
            let table = self.engine.table(TABLE);
            Runner::with(table, self.tasks.clone(), self.run.clone(), SystemClock).fresh_for(FRESH_FOR)
        };
        let calls = Semaphore::new(CALLS_AT_ONCE);
        Ok((DemoPool { prefix: plan.prefix.clone(), work: counted(), upkeep: counted(), calls }, left))
    }
}

/// Who sets the demo's pools.
fn by() -> Author {
    Author::new(AUTHOR, "the demo's plan")
}

impl DemoPool {
    /// Carries out a worker's operation, after those that were asked for before.
    pub(crate) async fn run<O: Operation>(&self, operation: O) -> Result<O::Outcome, RunError> {
        // Nobody closes it.
        let _turn = self.calls.acquire().await.ok();
        self.work.run_on(&self.prefix, operation).await
    }

    /// Renews a worker's lease, before all that wait for their turn: a lease does not wait.
    pub(crate) async fn renew(&self, renewal: RenewRequest) -> Result<Renewed, RunError> {
        self.work.run_on(&self.prefix, renewal).await
    }

    /// The limit in force, as those who look after the pool know it; none: it cannot be read.
    pub(crate) async fn limit(&self) -> Option<Limit> {
        self.upkeep.settings(&self.prefix).await.ok().map(|settings| settings.limit)
    }

    /// Carries out an operation that is no part of a job: a sweep, a look, a change of the limit.
    pub(crate) async fn look_after<O: Operation>(&self, operation: O) -> Result<O::Outcome, RunError> {
        self.upkeep.run_on(&self.prefix, operation).await
    }

    /// What the workers' operations used.
    pub(crate) fn used(&self) -> MeterReading {
        self.work.table().meter().used()
    }

    /// What the other operations used.
    pub(crate) fn used_by_upkeep(&self) -> MeterReading {
        self.upkeep.table().meter().used()
    }
}

fn settings(plan: &PoolPlan) -> PoolPatch {
    PoolPatch {
        limit: Some(plan.limit),
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
