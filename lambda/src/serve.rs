//! How does an event become an answer? Parsed, run on the pool, and answered before the time is up; whatever goes
//! wrong is a failure by name, and all that happened is one record.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sfn::Client;
use leasehold_core::acquire::Mode;
use leasehold_core::contract::{self, Answer, Invalid, Request};
use leasehold_core::gone::Ended;
use leasehold_core::machine::{Operation, Outcome, Tally};
use leasehold_core::nouns::{Prefix, Token};
use leasehold_core::release::What;
use leasehold_core::settings::Settings;
use leasehold_core::table::{self, Reply};
use leasehold_store::run::{Clock, Nobody, Runner, SystemClock};
use leasehold_store::table::Table;
use leasehold_store::tasks;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use tokio::time::{Instant, timeout, timeout_at};

use crate::config::{Config, Misconfigured};
use crate::executions::{Executions, Pace};
use crate::failed::Failed;
use crate::record::{Record, Said, Used};
use crate::seen::{Pool, Seen};
use crate::tasks::Tasks;

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
pub struct Event(Result<Value, String>);

/// One invocation.
#[derive(Clone, Copy, Debug)]
pub struct Invocation<'a> {
    /// The id under which AWS runs it; the same again when the same event is delivered again.
    pub request_id: &'a str,
    /// The function's name.
    pub function_name: &'a str,
    /// How long it may take.
    pub time_left: Duration,
}

/// An invocation that is over.
#[derive(Clone, Debug)]
pub struct Handled {
    /// What the caller is told.
    pub answer: Result<Answer, Failed>,
    /// What is written of it.
    pub record: Record,
}

/// The lease manager of one pool, with what it keeps between invocations.
#[derive(Debug)]
pub struct LeaseManager<C = SystemClock> {
    serves: Result<Serves<C>, Misconfigured>,
    clock: C,
    warm: AtomicBool,
}

#[derive(Debug)]
struct Serves<C> {
    prefix: Prefix,
    /// Knows the settings; what notifies and asks belongs to an invocation.
    pool: Runner<Nobody, Nobody, C>,
    step_functions: Client,
    pace: Pace,
}

impl LeaseManager {
    /// The lease manager of this configuration, on the AWS that `sdk` knows.
    pub fn new(config: &Config, sdk: &SdkConfig) -> LeaseManager {
        let table = Table::new(sdk, &config.table);
        LeaseManager::serving(config.prefix.clone(), table, tasks::client(sdk), SystemClock)
    }

    /// One whose every invocation fails with `PoolMisconfigured` for this reason. On Lambda a start that fails is
    /// repeated at every call, and its cause is only in the log.
    pub fn misconfigured(why: Misconfigured) -> LeaseManager {
        LeaseManager { serves: Err(why), clock: SystemClock, warm: AtomicBool::new(false) }
    }
}

impl<C: Clock + Clone> LeaseManager<C> {
    /// The lease manager of this pool, from its parts.
    pub fn serving(prefix: Prefix, table: Table, step_functions: Client, clock: C) -> LeaseManager<C> {
        let pool = Runner::with(table, Nobody, Nobody, clock.clone());
        let serves = Serves { prefix, pool, step_functions, pace: Pace::new() };
        LeaseManager { serves: Ok(serves), clock, warm: AtomicBool::new(false) }
    }

    /// Reads the settings ahead of the first event, and so opens the connections that it needs, while Lambda still
    /// gives a starting environment a whole processor. What goes wrong is met again, and told, by the first event.
    pub async fn warm_up(&self) {
        if let Ok(serves) = &self.serves {
            let _ = timeout(WARM_UP_WITHIN, serves.pool.settings(&serves.prefix)).await;
        }
    }

    /// Handles one event.
    pub async fn handle(&self, event: &Event, invocation: Invocation<'_>) -> Handled {
        let started = Instant::now();
        let seen = Seen::default();
        let mut record = Record {
            at: self.clock.now(),
            took: Duration::ZERO,
            cold_start: !self.warm.swap(true, Ordering::Relaxed),
            function_name: invocation.function_name.into(),
            request_id: invocation.request_id.into(),
            prefix: None,
            action: None,
            holder: None,
            lease_id: None,
            outcome: String::new(),
            said: Said::default(),
            error: None,
            counts: seen.counts(),
            used: None,
        };
        let answer = self.answer(event, invocation, started, &seen, &mut record).await;
        record.took = started.elapsed();
        record.counts = seen.counts();
        match &answer {
            Ok(answer) => record.outcome = status(answer).into(),
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
        event: &Event,
        invocation: Invocation<'_>,
        started: Instant,
        seen: &Seen,
        record: &mut Record,
    ) -> Result<Answer, Failed> {
        event.secrets(seen);
        let serves = self.serves.as_ref().map_err(|why| Failed::misconfigured(why.to_string()))?;
        record.prefix = Some(serves.prefix.to_string());
        let request = event.request()?;
        record.action = Some(request.action());
        let Some(operation) = request.operation(&serves.prefix, invocation.request_id)? else {
            let defect = || contract::Error::Internal("there is an event that asks for nothing".into());
            return request.ignored().ok_or_else(|| defect().into());
        };
        (record.holder, record.lease_id) = concerns(&operation);

        let before = serves.pool.table().meter().used();
        let work = Work::new(serves, &self.clock, invocation.time_left, started, seen, &request);
        // Behind a pointer: the futures of the SDK, of the runner and of Lambda's runtime in one are too deep a type.
        let run: Pin<Box<dyn Future<Output = _> + Send + '_>> = Box::pin(work.run(&request, operation));
        let done = match timeout_at(work.until, run).await {
            Ok(done) => done,
            Err(_) => work.cut_short(&request, started.elapsed()),
        };
        let after = serves.pool.table().meter().used();
        record.used = Some(Used {
            reads: after.reads - before.reads,
            writes: after.writes - before.writes,
            read_units: after.read_units - before.read_units,
            write_units: after.write_units - before.write_units,
        });
        let (answer, outcome) = done?;
        record.said = Said::of(&outcome);
        record.lease_id = lease_of(&outcome).or(record.lease_id.take());
        Ok(answer)
    }
}

/// The work of one invocation, and how far it got.
struct Work<'a, C> {
    serves: &'a Serves<C>,
    clock: &'a C,
    seen: &'a Seen,
    until: Instant,
    executions: Executions<'a>,
    claims_at_once: bool,
    so_far: Mutex<Option<(Outcome, Arc<Settings>)>>,
}

impl<'a, C: Clock + Clone> Work<'a, C> {
    fn new(
        serves: &'a Serves<C>,
        clock: &'a C,
        time_left: Duration,
        started: Instant,
        seen: &'a Seen,
        request: &Request,
    ) -> Self {
        let usable = time_left - MARGIN.min(time_left / MARGIN_PART);
        // Half of the time for asking, so that what was found out is also acted upon.
        let executions = Executions::new(&serves.step_functions, &serves.pace, seen, started + usable / 2);
        let claims_at_once = matches!(request, Request::Acquire(acquire) if acquire.mode != Mode::Poll);
        Work { serves, clock, seen, until: started + usable, executions, claims_at_once, so_far: Mutex::default() }
    }

    async fn run(&self, request: &Request, mut operation: Operation) -> Result<(Answer, Outcome), Failed> {
        let settings = self.serves.pool.settings(&self.serves.prefix).await?;
        let tasks = Tasks { client: &self.serves.step_functions, seen: self.seen };
        let table = self.serves.pool.table().clone();
        let runner = Runner::with(table, tasks, &self.executions, self.clock.clone());
        let mut sum = Tally::default();
        let mut rounds = 0;
        loop {
            rounds += 1;
            let asked = self.executions.asked();
            let watch = |request: &table::Request, reply: &Reply| {
                self.seen.answered(request, reply, self.clock.now(), self.claims_at_once);
            };
            let ran = runner.run_watched(operation.clone(), Arc::clone(&settings), watch).await;
            let outcome = match ran.outcome {
                Outcome::Gone { tally, more } => {
                    add(&mut sum, tally);
                    if let (Some(after), Operation::Gone(ended)) = (more, &operation) {
                        operation = Operation::Gone(Ended { after: Some(after), ..ended.clone() });
                        self.keep(Outcome::Gone { tally: sum, more }, &settings);
                        continue;
                    }
                    Outcome::Gone { tally: sum, more }
                }
                Outcome::Swept(tally) => {
                    add(&mut sum, tally);
                    sum.more = tally.more;
                    // A round that did nothing would do nothing again; neither would one after trouble.
                    let got_on = tally.granted + tally.reclaimed + tally.freed + tally.left > 0
                        || self.executions.asked() > asked;
                    if tally.more && got_on && ran.trouble.is_none() && rounds < SWEEPS {
                        self.keep(Outcome::Swept(sum), &settings);
                        continue;
                    }
                    Outcome::Swept(sum)
                }
                outcome => outcome,
            };
            if let Outcome::Status(snapshot) = &outcome {
                self.seen.counted(Pool::from(snapshot));
            }
            return match (request.answer(&outcome, &settings), ran.trouble) {
                // A sweep that could not even write its summary must not look like one that found nothing to do.
                (Ok(_), Some(trouble)) if matches!(request, Request::Sweep) && !self.seen.is_counted() => {
                    Err(trouble.into())
                }
                (Ok(answer), trouble) => {
                    trouble.into_iter().for_each(|trouble| self.seen.note(trouble.to_string()));
                    Ok((answer, outcome))
                }
                (Err(error), trouble) => Err(Failed::told(&error, trouble)),
            };
        }
    }

    /// What rounds before the one that was cut short have done: an answer that says there is more, for the next sweep.
    /// An event comes only once, so that one fails, and Lambda calls again with it.
    fn cut_short(&self, request: &Request, after: Duration) -> Result<(Answer, Outcome), Failed> {
        let so_far = self.so_far.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (outcome, settings) = so_far.ok_or_else(|| Failed::out_of_time(after))?;
        if let Some(failed) = comes_once(&outcome, after) {
            return Err(failed);
        }
        Ok((request.answer(&outcome, &settings)?, outcome))
    }

    fn keep(&self, outcome: Outcome, settings: &Arc<Settings>) {
        *self.so_far.lock().unwrap_or_else(PoisonError::into_inner) = Some((outcome, Arc::clone(settings)));
    }
}

/// The failure that makes Lambda call again, if nothing else would come back for what is left.
fn comes_once(outcome: &Outcome, after: Duration) -> Option<Failed> {
    match outcome {
        Outcome::Gone { tally, more: Some(_) } => Some(Failed::unfinished(after, tally.freed + tally.left)),
        _ => None,
    }
}

fn add(sum: &mut Tally, more: Tally) {
    sum.granted += more.granted;
    sum.reclaimed += more.reclaimed;
    sum.renotified += more.renotified;
    sum.extended += more.extended;
    sum.freed += more.freed;
    sum.left += more.left;
}

/// Whom and what an operation is about, for the log.
fn concerns(operation: &Operation) -> (Option<String>, Option<String>) {
    match operation {
        Operation::Acquire(ask) => (Some(ask.holder.to_string()), None),
        Operation::Release(What::Holder(holder, _)) => (Some(holder.to_string()), None),
        Operation::Release(What::Lease(id)) => (None, Some(id.to_string())),
        Operation::Renew(longer) => (None, Some(longer.id.to_string())),
        Operation::Gone(ended) => (Some(ended.execution.to_string()), None),
        Operation::Sweep | Operation::Status | Operation::Change(_) => (None, None),
    }
}

fn lease_of(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Acquired(lease) => Some(lease.id.to_string()),
        Outcome::Released { lease: Some(id), .. } | Outcome::Renewed { id, .. } => Some(id.to_string()),
        _ => None,
    }
}

/// What an answer came to, as the log says it: its `status`.
fn status(answer: &Answer) -> &'static str {
    match answer {
        Answer::Acquired(_) => "acquired",
        Answer::Wait { .. } => "wait",
        Answer::Queued => "queued",
        Answer::Released { .. } | Answer::Gone { .. } => "released",
        Answer::Renewed(_) => "renewed",
        Answer::Status(_) => "ok",
        Answer::Swept { .. } => "swept",
        Answer::Ignored { .. } => "ignored",
    }
}

impl Event {
    /// From JSON as it came.
    pub fn from_slice(json: &[u8]) -> Event {
        Event(serde_json::from_slice(json).map_err(|error| error.to_string()))
    }

    fn request(&self) -> Result<Request, contract::Error> {
        match &self.0 {
            Ok(value) => Request::from_value(value),
            Err(wrong) => {
                let (field, expected) = ("event".into(), "a JSON object".into());
                Err(Invalid { field, expected, got: format!("something else: {wrong}") }.into())
            }
        }
    }

    /// Its token must not appear, also where the event is refused before it is one.
    fn secrets(&self, seen: &Seen) {
        let token = self.0.as_ref().ok().and_then(|event| event.get("task_token")?.as_str());
        if let Some(Ok(token)) = token.map(Token::new) {
            seen.secret(&token);
        }
    }
}

impl From<Value> for Event {
    fn from(event: Value) -> Event {
        Event(Ok(event))
    }
}

impl<'de> Deserialize<'de> for Event {
    /// Never fails: what is no JSON is a request that is refused by name, as all others are.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Event, D::Error> {
        Ok(Event(Value::deserialize(deserializer).map_err(|error| error.to_string())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ended_execution_that_is_not_done_with_fails_so_that_lambda_calls_again() {
        let tally = Tally { freed: 3, left: 1_000, more: true, ..Tally::default() };
        let failed = comes_once(&Outcome::Gone { tally, more: Some(7) }, Duration::from_secs(9)).expect("a failure");
        assert_eq!(failed.error_type, "TableUnavailable");
        assert!(failed.message.contains("1003 leases and places") && failed.message.contains("repeat"), "{failed:?}");
        // The next sweep comes anyway, and what is done is done.
        assert_eq!(comes_once(&Outcome::Swept(tally), Duration::from_secs(9)), None);
        assert_eq!(comes_once(&Outcome::Gone { tally, more: None }, Duration::from_secs(9)), None);
    }
}
