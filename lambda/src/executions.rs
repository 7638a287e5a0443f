//! The status of executions: does one still run? `DescribeExecution`, asked slowly and once: all callers of an account
//! share about 15 of these calls a second (Step Functions quotas, 2024).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_sfn::Client;
use aws_sdk_sfn::types::ExecutionStatus as Described;
use leasehold_core::ExecutionStatus;
use leasehold_store::{ExecutionStatusSource, step_functions_error};
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep_until};

use crate::metrics::Observer;

/// The time between two calls of one environment, once the burst is used up.
const EVERY: Duration = Duration::from_millis(100);

/// How many calls may come at once after a pause.
const BURST: u32 = 5;

/// Spreads calls over time. Shared by all invocations of an environment.
#[derive(Debug)]
pub(crate) struct CallPacer(Mutex<Option<Instant>>);

impl CallPacer {
    pub(crate) fn new() -> CallPacer {
        CallPacer(Mutex::new(None))
    }

    /// When the next call may be made; none if that is not before `until`.
    fn next(&self, now: Instant, until: Instant) -> Option<Instant> {
        let mut booked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The moment up to which calls are paid for; it may lie ahead of now by the burst.
        let paid = booked.map_or(now, |paid| paid.max(now));
        let at = now.max(paid.checked_sub(EVERY * (BURST - 1)).unwrap_or(now));
        if at >= until {
            return None;
        }
        *booked = Some(paid + EVERY);
        Some(at)
    }
}

/// The executions, as one invocation asks for them.
#[derive(Debug)]
pub(crate) struct ExecutionLookup<'a> {
    client: &'a Client,
    pace: &'a CallPacer,
    observer: &'a Observer,
    /// After this nobody is asked for any more: the rest of the time is for what follows.
    until: Instant,
    known: Mutex<HashMap<String, Arc<OnceCell<ExecutionStatus>>>>,
}

impl<'a> ExecutionLookup<'a> {
    pub(crate) fn new(client: &'a Client, pace: &'a CallPacer, observer: &'a Observer, until: Instant) -> Self {
        ExecutionLookup { client, pace, observer, until, known: Mutex::default() }
    }

    /// How many were asked for so far.
    pub(crate) fn asked(&self) -> usize {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    async fn describe(&self, execution: &str) -> ExecutionStatus {
        // An express execution can not be described, and another id is nothing that Step Functions knows.
        if !(execution.starts_with("arn:") && execution.contains(":states:") && execution.contains(":execution:")) {
            return ExecutionStatus::Unknown;
        }
        let Some(at) = self.pace.next(Instant::now(), self.until) else {
            self.observer.note(format!("no time was left to ask whether {execution} runs"));
            return ExecutionStatus::Unknown;
        };
        sleep_until(at).await;
        match self.client.describe_execution().execution_arn(execution).send().await {
            Ok(described) => execution_status(described.status()),
            Err(error) => {
                self.observer.note(format!("whether {execution} runs is not known: {}", step_functions_error(&error)));
                ExecutionStatus::Unknown
            }
        }
    }
}

impl ExecutionStatusSource for &ExecutionLookup<'_> {
    async fn status(&self, execution: &str) -> ExecutionStatus {
        let once = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry(execution.to_owned()).or_default())
        };
        *once.get_or_init(|| self.describe(execution)).await
    }
}

/// What a status says. One that is not known yet frees nothing.
fn execution_status(described: &Described) -> ExecutionStatus {
    match described {
        Described::Running | Described::PendingRedrive => ExecutionStatus::Running,
        Described::Succeeded | Described::Failed | Described::TimedOut | Described::Aborted => ExecutionStatus::Ended,
        _ => ExecutionStatus::Unknown,
    }
}
