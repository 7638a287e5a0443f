//! The runner: how is an operation carried out against a real table? The loop that runs the protocol's machines: it
//! performs the effects of a step, sleeps, reads the clock, and knows no rule of the protocol itself. The time that it gives
//! them is the table's.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join_all};
use leasehold_core::{
    Delivery, Effect, EffectReply, ExecutionStatus, Failure, InFlight, Limit, Machine, Millis, Operation, PoolName,
    Reply, Request, RowKey, Settings, Step, TaskCallback, Timestamp,
};

use crate::clock::{Clock, SystemClock};
use crate::error::{ErrorContext, RunError, StoreError};
use crate::history::forget_old_changes;
use crate::settings_cache::SettingsCache;
use crate::table::Table;

/// How well dates tell the time at best, over a network that is not slow.
const DATES_TELL: Millis = Millis::seconds(2);

/// How often the table is asked for its time at most: each may take as long as any request.
const TIME_TRIES: u32 = 3;

/// Tells the tasks that wait on tokens (Step Functions' `SendTaskSuccess` and `SendTaskFailure`).
pub trait Notifier: Send + Sync {
    /// Tells one of them. What may or may not have arrived is [`Delivery::Unknown`].
    fn notify(&self, callback: &TaskCallback) -> impl Future<Output = Delivery> + Send;
}

/// Knows whether executions run (Step Functions' `DescribeExecution`).
pub trait ExecutionStatusSource: Send + Sync {
    /// Whether this one does. What can't be found out is [`ExecutionStatus::Unknown`], which frees nothing.
    fn status(&self, execution: &str) -> impl Future<Output = ExecutionStatus> + Send;

    /// Whether these do, in their order. Who can ask for many at once does so here.
    fn statuses(&self, executions: &[&str]) -> impl Future<Output = Vec<ExecutionStatus>> + Send {
        join_all(executions.iter().map(|execution| self.status(execution)))
    }
}

/// Where nobody can be told or asked: callbacks stay on their slots for the lease manager's next sweep.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCallbacks;

impl Notifier for NoCallbacks {
    async fn notify(&self, _: &TaskCallback) -> Delivery {
        Delivery::Unknown
    }
}

impl ExecutionStatusSource for NoCallbacks {
    async fn status(&self, _: &str) -> ExecutionStatus {
        ExecutionStatus::Unknown
    }
}

/// Runs operations on the pools of one table.
#[derive(Debug)]
pub struct Runner<N = NoCallbacks, L = NoCallbacks, C = SystemClock> {
    table: Table,
    notifier: N,
    executions: L,
    clock: C,
    settings: Arc<SettingsCache>,
}

/// One effect that was performed, with what came of it: for whoever counts or notes what happens.
#[derive(Clone, Copy, Debug)]
pub struct Performed<'a> {
    /// The effect.
    pub effect: &'a Effect,
    /// What came of it.
    pub reply: &'a EffectReply,
    /// What a person should be told of it, where a request got neither rows nor a plain yes or no.
    pub trouble: Option<&'a StoreError>,
}

impl Runner {
    /// For callers that can neither notify nor ask after executions, on this machine's clock.
    pub fn new(table: Table) -> Self {
        Runner::with(table, NoCallbacks, NoCallbacks, SystemClock)
    }
}

impl<N: Notifier, L: ExecutionStatusSource, C: Clock> Runner<N, L, C> {
    /// With everything that lies outside the table.
    pub fn with(table: Table, notifier: N, executions: L, clock: C) -> Self {
        Runner { table, notifier, executions, clock, settings: Arc::default() }
    }

    /// With settings that other runners on the same table share.
    pub fn sharing(self, settings: Arc<SettingsCache>) -> Self {
        Runner { settings, ..self }
    }

    /// Uses settings for so long before it reads them again. More than
    /// [`SETTINGS_FRESH_FOR`](crate::SETTINGS_FRESH_FOR) needs a pool with a longer quiet period.
    pub fn fresh_for(self, fresh_for: Duration) -> Self {
        self.sharing(Arc::new(SettingsCache::new(fresh_for)))
    }

    /// The table.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The table's time as far as it is known, else this machine's.
    pub fn now(&self) -> Timestamp {
        self.table.time(self.clock.now())
    }

    /// The pool's settings in force, at most as old as the cache keeps them.
    ///
    /// # Errors
    /// [`StoreError::PoolNotFound`], [`StoreError::PoolMisconfigured`], or what the table's answer was.
    pub async fn settings(&self, prefix: &PoolName) -> Result<Arc<Settings>, StoreError> {
        self.settings.settings(&self.table, prefix, self.clock.now()).await
    }

    /// Carries out an operation on this pool, with its settings in force.
    ///
    /// # Errors
    /// As [`Runner::settings`] and [`Runner::run`].
    pub async fn run_on<O: Operation>(&self, prefix: &PoolName, operation: O) -> Result<O::Outcome, RunError> {
        let settings = self.settings(prefix).await?;
        self.run(operation, settings).await
    }

    /// Carries out a change of the pool itself: one that makes a pool, or that reads the pool's own rows and decides by
    /// them, whatever settings are in force.
    ///
    /// # Errors
    /// As [`Runner::run`].
    pub async fn administer<O: Operation>(&self, prefix: &PoolName, operation: O) -> Result<O::Outcome, RunError> {
        let mut noted = false;
        let watch = |performed: Performed<'_>| noted |= notes_change(performed.effect);
        let settings = Arc::new(Settings::new(prefix.clone(), Limit::HIGHEST));
        let outcome = self.run_observed(operation, settings, watch).await;
        if noted {
            forget_old_changes(&self.table, prefix).await;
        }
        outcome
    }

    /// Carries out an operation on a pool with these settings.
    ///
    /// Dropping the future part way is a crash as the protocol knows it: safe, and finished by the next sweep.
    ///
    /// # Errors
    /// The failure it came to, with what went wrong last on the way.
    pub async fn run<O: Operation>(&self, operation: O, settings: Arc<Settings>) -> Result<O::Outcome, RunError> {
        self.run_observed(operation, settings, |_| {}).await
    }

    /// As [`Runner::run`], and shows each effect with its reply to `observe`.
    ///
    /// # Errors
    /// As [`Runner::run`].
    pub async fn run_observed<O: Operation>(
        &self,
        operation: O,
        settings: Arc<Settings>,
        mut observe: impl FnMut(Performed<'_>) + Send,
    ) -> Result<O::Outcome, RunError> {
        let prefix = settings.prefix.clone();
        self.know_the_time(&settings).await?;
        let (mut machine, mut step) = operation.start(settings, self.now(), fastrand::u64(..));
        let (mut cause, mut own_rows_written) = (None, false);
        loop {
            let (effects, pause) = match step {
                Step::Perform { effects, pause } => (effects, pause),
                Step::Done(outcome) => {
                    if own_rows_written {
                        // Whatever came of it, the next operation of this process reads the rows.
                        self.settings.forget(&prefix);
                    }
                    return outcome.map_err(|failure| RunError::new(failure, cause));
                }
            };
            if pause > Millis(0) {
                tokio::time::sleep(Duration::from_millis(pause.0)).await;
            }
            own_rows_written |= effects.iter().any(writes_own_rows);
            let performed = self.perform(&prefix, &effects).await;
            let mut in_flight = InFlight::new(effects);
            for (at, (reply, trouble)) in performed.into_iter().enumerate() {
                if let Some(effect) = in_flight.effect(at) {
                    observe(Performed { effect, reply: &reply, trouble: trouble.as_ref() });
                }
                cause = trouble.or(cause.take());
                in_flight.reply(at, reply);
            }
            step = machine.resume(in_flight.into_replies(), self.now());
        }
    }

    /// Asks the table for anything, where what it said of its time is too old, doubtful, or came so late that it may be
    /// further off than the grace: no operation starts on this machine's clock alone, and none takes a living lease.
    async fn know_the_time(&self, settings: &Settings) -> Result<(), RunError> {
        // Dates are in whole seconds: no shorter grace can be asked for.
        let within = settings.grace.max(DATES_TELL);
        for _ in 0..TIME_TRIES {
            if self.table.knows_time(within) {
                return Ok(());
            }
            let sent = self.table.send(&settings.prefix, &Request::Get(RowKey::Pool)).await;
            let failure = match sent.reply {
                // Whatever else it says, the operation meets again.
                _ if self.table.knows_time(within) => return Ok(()),
                Reply::Row(_) => continue,
                Reply::Throttled | Reply::Conflict => Failure::Throttled,
                _ => Failure::Unavailable,
            };
            return Err(RunError::new(failure, sent.trouble));
        }
        let context = ErrorContext(format!("asking for the time of pool {}", settings.prefix));
        let why = format!("its replies are so slow that the table's time is not known to within the grace, {within}");
        let table = self.table.name().to_owned();
        Err(RunError::new(Failure::Unavailable, Some(StoreError::NoAnswer { context, table, why })))
    }

    /// Performs the effects of a step at once: what came of each, in their order.
    async fn perform(&self, prefix: &PoolName, effects: &[Effect]) -> Vec<(EffectReply, Option<StoreError>)> {
        let executions: Vec<&str> = effects.iter().filter_map(asked_for).collect();
        let sent = join_all(effects.iter().map(|effect| self.send(prefix, effect)));
        let (sent, statuses) = join(sent, self.executions.statuses(&executions)).await;
        let mut statuses = statuses.into_iter();
        let status = |sent: Option<_>| sent.unwrap_or_else(|| (known(statuses.next()).into(), None));
        sent.into_iter().map(status).collect()
    }

    /// Sends what one effect sends; none: it asks for an execution.
    async fn send(&self, prefix: &PoolName, effect: &Effect) -> Option<(EffectReply, Option<StoreError>)> {
        match effect {
            Effect::Request(request) => {
                let sent = self.table.send(prefix, request).await;
                Some((sent.reply.into(), sent.trouble))
            }
            Effect::Callback(callback) => Some((self.notifier.notify(callback).await.into(), None)),
            Effect::StatusCheck(_) => None,
        }
    }
}

fn asked_for(effect: &Effect) -> Option<&str> {
    if let Effect::StatusCheck(execution) = effect { Some(execution) } else { None }
}

fn known(status: Option<ExecutionStatus>) -> ExecutionStatus {
    status.unwrap_or(ExecutionStatus::Unknown)
}

/// Whether an effect notes a change in the pool's history.
fn notes_change(effect: &Effect) -> bool {
    let writes = if let Effect::Request(request) = effect { Request::writes(request) } else { &[] };
    writes.iter().any(|write| matches!(write.key, RowKey::History(_)))
}

/// Whether an effect writes a row that settings are read from.
fn writes_own_rows(effect: &Effect) -> bool {
    let writes = if let Effect::Request(request) = effect { Request::writes(request) } else { &[] };
    writes.iter().any(|write| matches!(write.key, RowKey::Pool | RowKey::Override | RowKey::HighWater))
}
