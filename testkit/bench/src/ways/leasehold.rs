//! leasehold in process: the protocol's own runner, as the lease manager runs it, without Lambda around. Each call is a task
//! of its own, as an invocation is, and a waiting job is told by its token.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use leasehold_core::{
    AcquireOutcome, AcquireRequest, Attempt, Author, Delivery, ExpectedSettings, Holder, Limit, Millis, Mode, PoolName,
    PoolPatch, ReleaseTarget, RenewRequest, SetPool, TaskCallback, TaskResult, TaskToken, Timestamp,
};
use leasehold_store::{NoCallbacks, Notifier, Runner, SystemClock};
use tokio::sync::{Semaphore, oneshot};

use super::{Later, PoolTerms, Turn, Way};
use crate::BenchError;
use crate::engine::Engine;
use crate::wire::pause;

/// How a job asks for its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asks {
    /// With a token, and waits to be told.
    Queue,
    /// Again and again.
    Poll,
}

/// How many bytes a task token has, as those of Step Functions.
const TOKEN_BYTES: usize = 700;

/// A pool that is kept by leasehold, in this process.
pub(crate) struct InProcess {
    runner: Arc<Runner<Tasks, NoCallbacks>>,
    pool: PoolName,
    terms: PoolTerms,
    tasks: Tasks,
    asks: Asks,
    /// Calls that may run at once, as a lease manager's reserved concurrency.
    calls: Arc<Semaphore>,
}

/// The jobs that wait, by their tokens.
#[derive(Clone, Debug)]
pub(crate) struct Tasks {
    waiting: Arc<Mutex<HashMap<TaskToken, oneshot::Sender<TaskResult>>>>,
    notice: Duration,
}

impl Tasks {
    fn waiting(&self) -> MutexGuard<'_, HashMap<TaskToken, oneshot::Sender<TaskResult>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notifier for Tasks {
    async fn notify(&self, callback: &TaskCallback) -> Delivery {
        pause(self.notice / 2).await;
        let waiting = self.waiting().remove(&callback.token);
        let told = waiting.map(|tell| tell.send(callback.result.clone()));
        pause(self.notice / 2).await;
        if let Some(Ok(())) = told { Delivery::Delivered } else { Delivery::Closed }
    }
}

impl InProcess {
    /// A pool on this engine.
    ///
    /// # Errors
    /// When its name is none.
    pub(crate) fn new(engine: &Engine, terms: PoolTerms, asks: Asks) -> Result<InProcess, BenchError> {
        let tasks = Tasks { waiting: Arc::default(), notice: terms.delays.notice };
        let runner = Runner::with(engine.table(), tasks.clone(), NoCallbacks, SystemClock);
        let calls = Arc::new(Semaphore::new(terms.calls_at_once));
        Ok(InProcess { runner: Arc::new(runner), pool: terms.pool.parse()?, terms, tasks, asks, calls })
    }

    async fn queue(&self, job: &str) -> Result<Turn, BenchError> {
        let token = TaskToken::new(&token(job))?;
        let (tell, told) = oneshot::channel();
        self.tasks.waiting().insert(token.clone(), tell);
        let (request, pool) = (request(job, Mode::Queue(Some(token)))?, self.pool.clone());
        let (runner, calls) = (Arc::clone(&self.runner), Arc::clone(&self.calls));
        let call = tokio::spawn(async move {
            let _turn = calls.acquire_owned().await;
            runner.run_on(&pool, request).await
        });
        let mut told = std::pin::pin!(told);
        // Its call may fail before anybody tells it; what the call says of a grant is told by the token too.
        tokio::select! {
            biased;
            told = &mut told => return turn(told?),
            called = call => called?.map_err(|error| error.to_string())?,
        };
        turn(told.await?)
    }

    async fn poll(&self, job: &str) -> Result<Turn, BenchError> {
        for asked in 1.. {
            let called = {
                let _turn = self.calls.acquire().await?;
                self.runner.run_on(&self.pool, request(job, Mode::Poll)?).await
            };
            match called.map_err(|error| error.to_string())? {
                AcquireOutcome::Acquired(lease) => {
                    return Ok(Turn { asked, ..turn(TaskResult::Acquired(lease))? });
                }
                AcquireOutcome::Wait(advice) => {
                    let told = Duration::from_millis(advice.retry_after.0);
                    tokio::time::sleep(if self.terms.as_told { told } else { self.terms.fixed_wait }).await;
                }
                AcquireOutcome::Queued => return Err("it was queued without a token".into()),
            }
        }
        Err("it never got its turn".into())
    }
}

/// What a job asks for.
fn request(job: &str, mode: Mode) -> Result<AcquireRequest, BenchError> {
    let holder = Holder::new(&execution(job), job, None)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let attempt = Some(Attempt::first(Timestamp(u64::try_from(now.as_millis())?)));
    Ok(AcquireRequest { holder, attempt, mode, lease: None, wait: None, label: Some(job.into()) })
}

/// The id of a job's execution, as long as ordinary ones are.
pub(crate) fn execution(job: &str) -> String {
    format!("arn:aws:states:eu-central-1:123456789012:execution:nightly-analytics-import:2f1c6a38-5b7e-4a02-9d61-{job}")
}

/// A task token, as long as those of Step Functions.
pub(crate) fn token(job: &str) -> String {
    format!("{job:A<TOKEN_BYTES$}")
}

fn turn(told: TaskResult) -> Result<Turn, BenchError> {
    match told {
        TaskResult::Acquired(lease) => {
            Ok(Turn { slot: lease.id.slot.0, fence: lease.id.fence.0, id: lease.id.to_string(), asked: 1 })
        }
        TaskResult::Failed(why) => Err(format!("its task was failed: {why:?}").into()),
    }
}

/// Makes a pool with these terms.
///
/// # Errors
/// What the table says.
pub(crate) async fn make_pool(engine: &Engine, terms: &PoolTerms) -> Result<(), BenchError> {
    let lease = Millis(u64::try_from(terms.lease.as_millis())?);
    let patch =
        PoolPatch { limit: Some(Limit::try_from(u64::from(terms.limit))?), lease: Some(lease), ..PoolPatch::default() };
    let set = SetPool { patch, by: Author::new("leasehold-bench", ""), expected: ExpectedSettings::Any };
    let runner = Runner::new(engine.table());
    runner.administer(&terms.pool.parse()?, set).await.map_err(|error| error.to_string())?;
    Ok(())
}

impl Way for InProcess {
    fn acquire<'a>(&'a self, job: &'a str) -> Later<'a, Turn> {
        match self.asks {
            Asks::Queue => Box::pin(self.queue(job)),
            Asks::Poll => Box::pin(self.poll(job)),
        }
    }

    fn release<'a>(&'a self, turn: &'a Turn) -> Later<'a, ()> {
        Box::pin(async move {
            let target = ReleaseTarget::Lease(turn.id.parse()?);
            let _turn = self.calls.acquire().await?;
            self.runner.run_on(&self.pool, target).await.map_err(|error| error.to_string())?;
            Ok(())
        })
    }

    fn renew<'a>(&'a self, turn: &'a Turn) -> Later<'a, bool> {
        Box::pin(async move {
            let renew = RenewRequest { id: turn.id.parse()?, lease: None };
            let _turn = self.calls.acquire().await?;
            self.runner.run_on(&self.pool, renew).await.map_err(|error| error.to_string())?;
            Ok(true)
        })
    }

    /// Reads the settings once, as a lease manager's start does.
    fn prepare(&self) -> Later<'_, ()> {
        Box::pin(async {
            self.runner.settings(&self.pool).await?;
            Ok(())
        })
    }
}
