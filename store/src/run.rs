//! How is an operation carried out against a real table? The loop that runs the protocol's machines: it sends
//! what a step asks for, sleeps, reads the clock, tells waiters, and knows no rule of the protocol itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::{join, join_all};
use leasehold_core::machine::{Answer, Life, Machine, Notice, Notified, Operation, Outcome, Step};
use leasehold_core::nouns::{Millis, Prefix};
use leasehold_core::settings::Settings;
use leasehold_core::table::{Key, Reply, Request, Row};

use crate::error::StoreError;
use crate::table::{Sent, Table};

/// How long settings are used before they are read again. Part of every pool's quiet period.
pub const SETTINGS_FRESH_FOR: Duration = Duration::from_secs(5);

/// Tells the tasks that wait on tokens (Step Functions' `SendTaskSuccess` and `SendTaskFailure`).
pub trait Notifier: Send + Sync {
    /// Tells one of them. What may or may not have arrived is [`Notified::Unknown`].
    fn notify(&self, notice: &Notice) -> impl Future<Output = Notified> + Send;
}

/// Knows whether executions run (Step Functions' `DescribeExecution`).
pub trait Lives: Send + Sync {
    /// Whether this one does. What can't be found out is [`Life::Unknown`], which frees nothing.
    fn alive(&self, execution: &str) -> impl Future<Output = Life> + Send;
}

/// Where nobody can be told or asked: notices stay on their slots for the lease manager's next sweep.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl Notifier for Nobody {
    async fn notify(&self, _: &Notice) -> Notified {
        Notified::Unknown
    }
}

impl Lives for Nobody {
    async fn alive(&self, _: &str) -> Life {
        Life::Unknown
    }
}

/// Says what time it is.
pub trait Clock: Send + Sync {
    /// Now, in milliseconds since the epoch.
    fn now(&self) -> Millis;
}

/// This machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Runs operations on the pools of one table.
#[derive(Debug)]
pub struct Runner<N = Nobody, L = Nobody, C = SystemClock> {
    table: Table,
    notifier: N,
    lives: L,
    clock: C,
    fresh_for: Duration,
    known: Mutex<HashMap<Prefix, Known>>,
}

#[derive(Debug)]
struct Known {
    settings: Arc<Settings>,
    read_at: Millis,
}

/// An operation that is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Ran {
    /// What it came to.
    pub outcome: Outcome,
    /// The last thing that went wrong on the way, in words; of use where the outcome is a failure.
    pub trouble: Option<StoreError>,
    /// How many requests met another transaction at work.
    pub conflicts: u32,
    /// How many notices reached a waiter.
    pub told: u32,
    /// How many notices found their task closed.
    pub closed: u32,
}

impl Runner {
    /// For callers that can neither notify nor ask after executions, on this machine's clock.
    pub fn new(table: Table) -> Self {
        Runner::with(table, Nobody, Nobody, SystemClock)
    }
}

impl<N: Notifier, L: Lives, C: Clock> Runner<N, L, C> {
    /// With everything that lies outside the table.
    pub fn with(table: Table, notifier: N, lives: L, clock: C) -> Self {
        Runner { table, notifier, lives, clock, fresh_for: SETTINGS_FRESH_FOR, known: Mutex::default() }
    }

    /// Uses settings for so long before it reads them again. More than [`SETTINGS_FRESH_FOR`] needs a pool with
    /// a longer quiet period.
    pub fn fresh_for(mut self, fresh_for: Duration) -> Self {
        self.fresh_for = fresh_for;
        self
    }

    /// The table.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The clock.
    pub fn clock(&self) -> &C {
        &self.clock
    }

    /// The pool's settings in force, at most [`Runner::fresh_for`] old.
    ///
    /// # Errors
    /// [`StoreError::PoolNotFound`], [`StoreError::PoolMisconfigured`], or what the table's answer was.
    pub async fn settings(&self, prefix: &Prefix) -> Result<Arc<Settings>, StoreError> {
        let now = self.clock.now();
        if let Some(known) = self.known().get(prefix) {
            // By the wall clock: a frozen Lambda's monotonic clock may stand still, and a row read before the
            // freeze would seem fresh after it.
            let age = u128::from(now.since(known.read_at).0);
            if known.read_at <= now && age < self.fresh_for.as_millis() {
                return Ok(Arc::clone(&known.settings));
            }
        }
        let (pool, live) = (Request::Get(Key::Pool), Request::Get(Key::Override));
        let (pool, live) = join(self.row(prefix, &pool), self.row(prefix, &live)).await;
        let wrong = |why: String| StoreError::PoolMisconfigured {
            table: self.table.name().into(),
            prefix: prefix.to_string(),
            why,
        };
        let Some(Row::Pool(pool)) = pool? else {
            return Err(StoreError::PoolNotFound { table: self.table.name().into(), prefix: prefix.to_string() });
        };
        let live = match live? {
            Some(Row::Override(live)) => Some(live),
            _ => None,
        };
        let settings = Settings::from_rows(prefix.clone(), &pool, live.as_ref()).map_err(|e| wrong(e.to_string()))?;
        let settings = Arc::new(settings);
        self.known().insert(prefix.clone(), Known { settings: Arc::clone(&settings), read_at: now });
        Ok(settings)
    }

    /// Carries out an operation on a pool with these settings.
    ///
    /// Dropping the future part way is a crash as the protocol knows it: safe, and finished by the next sweep.
    pub async fn run(&self, operation: Operation, settings: Arc<Settings>) -> Ran {
        self.run_watched(operation, settings, |_, _| {}).await
    }

    /// As [`Runner::run`], and shows `watch` each request with its reply: for whoever counts what happens.
    pub async fn run_watched(
        &self,
        operation: Operation,
        settings: Arc<Settings>,
        mut watch: impl FnMut(&Request, &Reply) + Send,
    ) -> Ran {
        let prefix = settings.prefix.clone();
        let changes = matches!(operation, Operation::Change(_));
        let (mut machine, mut step) = Machine::start(operation, settings, self.clock.now(), fastrand::u64(..));
        let (mut trouble, mut conflicts, mut told, mut closed) = (None, 0, 0, 0);
        loop {
            let answer = match step {
                Step::Ask { requests, pause } => {
                    if pause > Millis(0) {
                        tokio::time::sleep(Duration::from_millis(pause.0)).await;
                    }
                    let sent = join_all(requests.iter().map(|request| self.table.send(&prefix, request))).await;
                    let reply = |(request, sent): (&Request, Sent)| {
                        trouble = sent.trouble.or(trouble.take());
                        conflicts += u32::from(sent.reply == Reply::Conflict);
                        watch(request, &sent.reply);
                        sent.reply
                    };
                    Answer::Replies(requests.iter().zip(sent).map(reply).collect())
                }
                Step::Notify(notices) => {
                    let notified = join_all(notices.iter().map(|notice| self.notifier.notify(notice))).await;
                    told += count(&notified, Notified::Delivered);
                    closed += count(&notified, Notified::Closed);
                    Answer::Notices(notified)
                }
                Step::Alive(executions) => {
                    Answer::Lives(join_all(executions.iter().map(|execution| self.lives.alive(execution))).await)
                }
                Step::Done(outcome) => {
                    if changes {
                        // Whatever came of it, the next operation of this process reads the rows.
                        self.known().remove(&prefix);
                    }
                    return Ran { outcome, trouble, conflicts, told, closed };
                }
            };
            step = machine.resume(answer, self.clock.now());
        }
    }

    /// Carries out an operation on this pool, with its settings in force.
    ///
    /// # Errors
    /// As [`Runner::settings`].
    pub async fn run_on(&self, prefix: &Prefix, operation: Operation) -> Result<Ran, StoreError> {
        let settings = self.settings(prefix).await?;
        Ok(self.run(operation, settings).await)
    }

    /// One of the pool's own rows, for its settings.
    async fn row(&self, prefix: &Prefix, get: &Request) -> Result<Option<Row>, StoreError> {
        match self.table.send(prefix, get).await {
            Sent { reply: Reply::Row(row), .. } => Ok(row),
            Sent { trouble: Some(StoreError::BadRow { table, row, .. }), .. } => {
                Err(StoreError::PoolMisconfigured { table, prefix: prefix.to_string(), why: row.to_string() })
            }
            Sent { trouble, .. } => Err(trouble.unwrap_or_else(|| StoreError::PoolNotFound {
                table: self.table.name().into(),
                prefix: prefix.to_string(),
            })),
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Prefix, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(notified: &[Notified], what: Notified) -> u32 {
    u32::try_from(notified.iter().filter(|one| **one == what).count()).unwrap_or(u32::MAX)
}
