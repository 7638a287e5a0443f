//! One invocation: how does an event become an answer? Parsed, run on the pool, and answered before the time is up;
//! whatever goes wrong is a failure by name, and all that happened is one record.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sfn::Client;
use leasehold_core::contract::{ContractError, InvalidField, LeaseEvent, PoolRequest, Response};
use leasehold_core::{
    AcquireOutcome, ExecutionEnded, ExecutionFreed, Mode, Operation, PoolName, ReleaseAll, ReleaseTarget, Settings,
    StatusRequest, SweepRequest, Tally, TaskToken, Timestamp,
};
use leasehold_store::{
    Clock, Performed, Runner, SettingsCache, StoreError, SystemClock, Table, WrongClock, step_functions_client,
};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use tokio::time::{Instant, timeout, timeout_at};

use crate::account::of_the_same_account;
use crate::config::{Config, Misconfigured};
use crate::executions::{CallPacer, ExecutionLookup};
use crate::failure::InvocationFailure;
use crate::metrics::Observer;
use crate::notifier::TaskNotifier;
use crate::record::{CallerOutcome, InvocationRecord, TableUsage};

/// What is left of an invocation's time for its answer and its log line, where there is enough of it.
const MARGIN: Duration = Duration::from_millis(500);

/// The share of an invocation's time that the margin is at most: one of so many parts.
const MARGIN_PART: u32 = 5;

/// How long the warm-up may take: of the 10 s that Lambda gives a start (quota of 2024).
const WARM_UP_WITHIN: Duration = Duration::from_secs(2);

/// How often one sweep goes over a pool that has more to do than one round does.
const SWEEPS: u32 = 8;

/// An event as it came: parsed, or what was found where JSON was expected.
#[derive(Clone, Debug)]
pub struct InvocationEvent(Result<Value, String>);

/// One invocation.
#[derive(Clone, Copy, Debug)]
pub struct Invocation<'a> {
    /// The id under which AWS runs it; the same again when the same event is delivered again.
    pub request_id: &'a str,
    /// The function's name.
    pub function_name: &'a str,
    /// Its ARN, as it was called.
    pub function_arn: &'a str,
    /// How long it may take.
    pub time_left: Duration,
}

/// An invocation that is over.
#[derive(Clone, Debug)]
pub struct Handled {
    /// What the caller is told.
    pub answer: Result<Response, InvocationFailure>,
    /// What is written of it.
    pub record: InvocationRecord,
}

/// The lease manager of one pool, with what it keeps between invocations.
#[derive(Debug)]
pub struct LeaseManager<C = SystemClock> {
    server: Result<PoolServer, Misconfigured>,
    clock: C,
    warm: AtomicBool,
}

#[derive(Debug)]
struct PoolServer {
    prefix: PoolName,
    table: Table,
    settings: Arc<SettingsCache>,
    step_functions: Client,
    pace: CallPacer,
    /// How wrong this machine's clock is, until that was told.
    wrong_clock: Arc<Mutex<Option<WrongClock>>>,
}

impl LeaseManager {
    /// The lease manager of this configuration, on the AWS that `sdk` knows.
    pub fn new(config: &Config, sdk: &SdkConfig) -> LeaseManager {
        let table = Table::new(sdk, &config.table);
        LeaseManager::serving(config.prefix.clone(), table, step_functions_client(sdk), SystemClock)
    }

    /// One whose every invocation fails with `PoolMisconfigured` for this reason. On Lambda a start that fails is
    /// repeated at every call, and its cause is only in the log.
    pub fn misconfigured(why: Misconfigured) -> LeaseManager {
        LeaseManager { server: Err(why), clock: SystemClock, warm: AtomicBool::new(false) }
    }
}

impl<C: Clock + Clone> LeaseManager<C> {
    /// The lease manager of this pool, from its parts.
    pub fn serving(prefix: PoolName, table: Table, step_functions: Client, clock: C) -> LeaseManager<C> {
        let wrong_clock = Arc::new(Mutex::new(None));
        let told = Arc::clone(&wrong_clock);
        table.on_wrong_clock(move |wrong| *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(wrong));
        let pace = CallPacer::new();
        let server = PoolServer { prefix, table, settings: Arc::default(), step_functions, pace, wrong_clock };
        LeaseManager { server: Ok(server), clock, warm: AtomicBool::new(false) }
    }

    /// Reads the settings ahead of the first event, and so opens the connections that it needs, while Lambda still
    /// gives a starting environment a whole processor. What goes wrong is met again, and told, by the first event.
    pub async fn warm_up(&self) {
        if let Ok(server) = &self.server {
            let reading = server.settings.settings(&server.table, &server.prefix, self.clock.now());
            let _ = timeout(WARM_UP_WITHIN, reading).await;
        }
    }

    /// The table's time as far as it is known, else this machine's.
    fn now(&self) -> Timestamp {
        let local = self.clock.now();
        self.server.as_ref().map_or(local, |server| server.table.time(local))
    }

    /// Handles one event.
    pub async fn handle(&self, event: &InvocationEvent, invocation: Invocation<'_>) -> Handled {
        let started = Instant::now();
        let observer = Observer::default();
        let mut record = InvocationRecord {
            at: self.now(),
            took: Duration::ZERO,
            cold_start: !self.warm.swap(true, Ordering::Relaxed),
            function_name: invocation.function_name.into(),
            request_id: invocation.request_id.into(),
            prefix: None,
            action: None,
            holder: None,
            lease_id: None,
            outcome: String::new(),
            caller: CallerOutcome::default(),
            error: None,
            counts: observer.counts(),
            used: None,
        };
        let answer = self.answer(event, invocation, started, &observer, &mut record).await;
        record.took = started.elapsed();
        record.counts = observer.counts();
        match &answer {
            Ok(response) => {
                record.outcome = response.status().into();
                record.caller = CallerOutcome::of(response);
                record.lease_id = lease_of(response).or(record.lease_id.take());
            }
            Err(failed) => {
                record.outcome = failed.error_type.into();
                record.error = Some(failed.clone());
            }
        }
        let record = record.without_tokens();
        // Its words went through the same hands as the record's.
        let answer = answer.map_err(|failed| record.error.clone().unwrap_or(failed));
        Handled { answer, record }
    }

    async fn answer(
        &self,
        event: &InvocationEvent,
        invocation: Invocation<'_>,
        started: Instant,
        observer: &Observer,
        record: &mut InvocationRecord,
    ) -> Result<Response, InvocationFailure> {
        event.secrets(observer);
        let server = self.server.as_ref().map_err(|why| InvocationFailure::misconfigured(why.to_string()))?;
        record.prefix = Some(server.prefix.to_string());
        let event = event.parsed()?;
        record.action = Some(event.action());
        let request = event.for_pool(&server.prefix, invocation.request_id)?;
        (record.holder, record.lease_id) = concerns(&request);
        of_the_same_account(&request, invocation.function_arn).map_err(ContractError::from)?;

        let before = server.table.meter().used();
        let work = InvocationWork::new(server, &self.clock, invocation.time_left, started, observer, &request);
        // Behind a pointer: the futures of the SDK, of the runner and of Lambda's runtime in one are too deep a type.
        let run: Pin<Box<dyn Future<Output = _> + Send + '_>> = Box::pin(work.run(request));
        let done = match timeout_at(work.until, run).await {
            Ok(done) => done,
            Err(_) => work.cut_short(started.elapsed()),
        };
        if let Some(wrong) = server.wrong_clock.lock().unwrap_or_else(PoisonError::into_inner).take() {
            observer.clock_corrected(wrong);
        }
        let after = server.table.meter().used();
        record.used = (after != before).then(|| TableUsage {
            reads: after.reads - before.reads,
            writes: after.writes - before.writes,
            read_units: after.read_units - before.read_units,
            write_units: after.write_units - before.write_units,
        });
        done
    }
}

/// The work of one invocation, and how far it got.
struct InvocationWork<'a, C> {
    server: &'a PoolServer,
    clock: &'a C,
    observer: &'a Observer,
    until: Instant,
    executions: ExecutionLookup<'a>,
    claims_at_once: bool,
    rounds_done: Mutex<Option<RoundsDone>>,
}

/// What the rounds before the one under way have done, of work that takes several.
#[derive(Clone, Copy, Debug)]
enum RoundsDone {
    /// Of a sweep.
    Swept(Tally),
    /// Of the end of an execution.
    Freed(Tally),
    /// Of a release of all that an execution has.
    ReleasedAll(Tally),
}

impl<'a, C: Clock + Clone> InvocationWork<'a, C> {
    fn new(
        server: &'a PoolServer,
        clock: &'a C,
        time_left: Duration,
        started: Instant,
        observer: &'a Observer,
        request: &PoolRequest,
    ) -> Self {
        let usable = time_left - MARGIN.min(time_left / MARGIN_PART);
        // Half of the time for asking, so that what was found out is also acted upon.
        let executions = ExecutionLookup::new(&server.step_functions, &server.pace, observer, started + usable / 2);
        let claims_at_once = matches!(request, PoolRequest::Acquire(acquire) if acquire.mode != Mode::Poll);
        InvocationWork {
            server,
            clock,
            observer,
            until: started + usable,
            executions,
            claims_at_once,
            rounds_done: Mutex::default(),
        }
    }

    async fn run(&self, request: PoolRequest) -> Result<Response, InvocationFailure> {
        Ok(match request {
            PoolRequest::Acquire(acquire) => {
                let settings = self.settings().await?;
                let holder = acquire.holder.clone();
                let outcome = self.once(acquire, &settings).await?;
                let polls = matches!(outcome, AcquireOutcome::Wait(_)).then_some(&holder);
                self.observer.deadlock(&settings, polls, self.now());
                Response::to_acquire(&outcome, &settings)
            }
            PoolRequest::Release(target, span) => {
                let released = self.once(target, &self.settings().await?).await?;
                self.observer.released(&released, span, self.now());
                Response::to_release(&released)
            }
            PoolRequest::Renew(renew) => Response::to_renew(&self.once(renew, &self.settings().await?).await?),
            PoolRequest::Status { holders } => {
                let settings = self.settings().await?;
                let snapshot = self.once(StatusRequest, &settings).await?;
                self.observer.counted((&snapshot.summary()).into());
                self.observer.settling(&settings, snapshot.at);
                Response::to_status(&snapshot, &settings, holders)
            }
            PoolRequest::Sweep => Response::to_sweep(&self.sweep().await?),
            PoolRequest::ReleaseAll(all) => {
                let rounds = |after| ReleaseAll { after, ..all.clone() };
                Response::to_release_all(&self.free(rounds, RoundsDone::ReleasedAll).await?)
            }
            PoolRequest::ExecutionEnded(ended) => {
                let rounds = |after| ExecutionEnded { after, ..ended.clone() };
                Response::to_execution_ended(&self.free(rounds, RoundsDone::Freed).await?)
            }
            PoolRequest::Nothing { execution_status } => Response::Ignored { execution_status },
        })
    }

    /// The table's time, as far as it is known.
    fn now(&self) -> Timestamp {
        self.server.table.time(self.clock.now())
    }

    async fn settings(&self) -> Result<Arc<Settings>, StoreError> {
        let PoolServer { prefix, table, settings, .. } = self.server;
        settings.settings(table, prefix, self.clock.now()).await
    }

    /// Carries out an operation, and shows what happens to the observer; with the last trouble on the way.
    async fn round<O: Operation>(
        &self,
        operation: O,
        settings: &Arc<Settings>,
    ) -> Result<(O::Outcome, Option<StoreError>), InvocationFailure> {
        let PoolServer { table, settings: cache, step_functions, .. } = self.server;
        let tasks = TaskNotifier { client: step_functions, observer: self.observer };
        let runner = Runner::with(table.clone(), tasks, &self.executions, self.clock.clone()).sharing(cache.clone());
        let mut trouble = None;
        let observe = |performed: Performed<'_>| {
            self.observer.performed(performed, table.time(self.clock.now()), self.claims_at_once);
            trouble = performed.trouble.cloned().or(trouble.take());
        };
        let outcome = runner.run_observed(operation, Arc::clone(settings), observe).await?;
        Ok((outcome, trouble))
    }

    /// Carries out an operation that takes one round. It worked, so that trouble on the way is only a note.
    async fn once<O: Operation>(
        &self,
        operation: O,
        settings: &Arc<Settings>,
    ) -> Result<O::Outcome, InvocationFailure> {
        let (outcome, trouble) = self.round(operation, settings).await?;
        self.note(trouble);
        Ok(outcome)
    }

    /// Sweeps until there is nothing left to do, or no more is to be done now.
    async fn sweep(&self) -> Result<Tally, InvocationFailure> {
        let settings = self.settings().await?;
        let mut sum = Tally::default();
        for round in 1.. {
            let (tally, trouble) = self.round(SweepRequest, &settings).await?;
            sum += tally;
            // What is said of the pool as it is, and not of what was done.
            (sum.more, sum.missed, sum.outlasted) = (tally.more, tally.missed, tally.outlasted);
            // A round that did nothing would do nothing again; neither would one after trouble.
            if tally.more && tally.got_on() && trouble.is_none() && round < SWEEPS {
                self.keep(RoundsDone::Swept(sum));
                continue;
            }
            match trouble {
                // A sweep that could not even write its summary must not look like one that found nothing to do.
                Some(trouble) if !self.observer.is_counted() => return Err(trouble.into()),
                trouble => self.note(trouble),
            }
            break;
        }
        self.observer.long_work(&sum);
        self.observer.deadlock(&settings, None, self.now());
        self.observer.settling(&settings, self.now());
        Ok(sum)
    }

    /// Frees what an execution has, however many rounds that takes: each begins where the one before stopped.
    async fn free<O: Operation<Outcome = ExecutionFreed>>(
        &self,
        round: impl Fn(Option<u128>) -> O,
        done: fn(Tally) -> RoundsDone,
    ) -> Result<ExecutionFreed, InvocationFailure> {
        let settings = self.settings().await?;
        let (mut sum, mut after) = (Tally::default(), None);
        loop {
            let (freed, trouble) = self.round(round(after), &settings).await?;
            sum += freed.tally;
            if freed.more.is_none() {
                self.note(trouble);
                return Ok(ExecutionFreed { tally: sum, more: None });
            }
            after = freed.more;
            self.keep(done(sum));
        }
    }

    /// What is told where there was no time for all of it.
    fn cut_short(&self, after: Duration) -> Result<Response, InvocationFailure> {
        told_after(*self.rounds_done.lock().unwrap_or_else(PoisonError::into_inner), after)
    }

    fn keep(&self, done: RoundsDone) {
        *self.rounds_done.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
    }

    fn note(&self, trouble: Option<StoreError>) {
        trouble.into_iter().for_each(|trouble| self.observer.note(trouble.to_string()));
    }
}

/// What is told after this time of rounds that were done before the one that was cut short. A sweep, and a release of all,
/// say that there is more: the next sweep comes anyway, and who releases reads the answer. Nobody reads the answer to the
/// event of an ended execution, so that one fails, and Lambda calls again; what is done is skipped quickly then.
fn told_after(done: Option<RoundsDone>, after: Duration) -> Result<Response, InvocationFailure> {
    match done {
        None => Err(InvocationFailure::out_of_time(after)),
        Some(RoundsDone::Swept(tally)) => Ok(Response::to_sweep(&tally)),
        Some(RoundsDone::ReleasedAll(tally)) => {
            // Where the next call begins is not told: it skips what is done.
            Ok(Response::to_release_all(&ExecutionFreed { tally, more: Some(0) }))
        }
        Some(RoundsDone::Freed(tally)) => Err(InvocationFailure::unfinished(after, tally.freed + tally.left)),
    }
}

/// Whom and what a request is about, for the log.
fn concerns(request: &PoolRequest) -> (Option<String>, Option<String>) {
    match request {
        PoolRequest::Acquire(acquire) => (Some(acquire.holder.to_string()), None),
        PoolRequest::Release(ReleaseTarget::Holder(holder, _), _) => (Some(holder.to_string()), None),
        PoolRequest::Release(ReleaseTarget::Lease(id), _) => (None, Some(id.to_string())),
        PoolRequest::Renew(renew) => (None, Some(renew.id.to_string())),
        PoolRequest::ReleaseAll(all) => (Some(all.execution.to_string()), None),
        PoolRequest::ExecutionEnded(ended) => (Some(ended.execution.to_string()), None),
        PoolRequest::Status { .. } | PoolRequest::Sweep | PoolRequest::Nothing { .. } => (None, None),
    }
}

fn lease_of(response: &Response) -> Option<String> {
    match response {
        Response::Acquired(lease) => Some(lease.lease_id.clone()),
        Response::Released { lease_id, .. } => lease_id.clone(),
        Response::Renewed(lease) => Some(lease.lease_id.clone()),
        _ => None,
    }
}

impl InvocationEvent {
    /// From JSON as it came.
    pub fn from_slice(json: &[u8]) -> InvocationEvent {
        InvocationEvent(serde_json::from_slice(json).map_err(|error| error.to_string()))
    }

    fn parsed(&self) -> Result<LeaseEvent, ContractError> {
        match &self.0 {
            Ok(value) => LeaseEvent::from_value(value),
            Err(wrong) => {
                let (field, expected) = ("event".into(), "a JSON object".into());
                Err(InvalidField { field, expected, got: format!("something else: {wrong}") }.into())
            }
        }
    }

    /// Its token must not appear, also where the event is refused before it is one.
    fn secrets(&self, observer: &Observer) {
        let token = self.0.as_ref().ok().and_then(|event| event.get("task_token")?.as_str());
        if let Some(Ok(token)) = token.map(TaskToken::new) {
            observer.secret(&token);
        }
    }
}

impl From<Value> for InvocationEvent {
    fn from(event: Value) -> InvocationEvent {
        InvocationEvent(Ok(event))
    }
}

impl<'de> Deserialize<'de> for InvocationEvent {
    /// Never fails: what is no JSON is a request that is refused by name, as all others are.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<InvocationEvent, D::Error> {
        Ok(InvocationEvent(Value::deserialize(deserializer).map_err(|error| error.to_string())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfinished_ended_execution_fails_so_that_it_comes_again() {
        let tally = Tally { freed: 3, left: 1_000, more: true, ..Tally::default() };
        let failed = told_after(Some(RoundsDone::Freed(tally)), Duration::from_secs(9)).expect_err("a failure");
        assert_eq!(failed.error_type, "TableUnavailable");
        assert!(failed.message.contains("1003 leases and places") && failed.message.contains("repeat"), "{failed:?}");
        // The next sweep comes anyway, and what is done is done.
        let swept = told_after(Some(RoundsDone::Swept(tally)), Duration::from_secs(9));
        assert_eq!(swept, Ok(Response::to_sweep(&tally)));
    }

    #[test]
    fn an_unfinished_release_of_all_says_that_there_is_more() {
        let tally = Tally { freed: 3, left: 1_000, ..Tally::default() };
        let released = told_after(Some(RoundsDone::ReleasedAll(tally)), Duration::from_secs(9));
        assert_eq!(released, Ok(Response::ReleasedAll { count: 1_003, more: true }));
    }
}
