//! Does an execution still run? `DescribeExecution`, asked slowly and once: all callers of an account share about
//! 15 of these calls a second (Step Functions quotas, 2024).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_sfn::Client;
use aws_sdk_sfn::types::ExecutionStatus;
use leasehold_core::machine::Life;
use leasehold_store::run::Lives;
use leasehold_store::tasks::said;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep_until};

use crate::seen::Seen;

/// The time between two calls of one environment, once the burst is used up.
const EVERY: Duration = Duration::from_millis(100);

/// How many calls may come at once after a pause.
const BURST: u32 = 5;

/// Spreads calls over time. Shared by all invocations of an environment.
#[derive(Debug)]
pub(crate) struct Pace(Mutex<Option<Instant>>);

impl Pace {
    pub(crate) fn new() -> Pace {
        Pace(Mutex::new(None))
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
pub(crate) struct Executions<'a> {
    client: &'a Client,
    pace: &'a Pace,
    seen: &'a Seen,
    /// After this nobody is asked for any more: the rest of the time is for what follows.
    until: Instant,
    known: Mutex<HashMap<String, Arc<OnceCell<Life>>>>,
}

impl<'a> Executions<'a> {
    pub(crate) fn new(client: &'a Client, pace: &'a Pace, seen: &'a Seen, until: Instant) -> Self {
        Executions { client, pace, seen, until, known: Mutex::default() }
    }

    /// How many were asked for so far.
    pub(crate) fn asked(&self) -> usize {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    async fn describe(&self, execution: &str) -> Life {
        // An express execution can not be described, and another id is nothing that Step Functions knows.
        if !(execution.starts_with("arn:") && execution.contains(":states:") && execution.contains(":execution:")) {
            return Life::Unknown;
        }
        let Some(at) = self.pace.next(Instant::now(), self.until) else {
            self.seen.note(format!("no time was left to ask whether {execution} runs"));
            return Life::Unknown;
        };
        sleep_until(at).await;
        match self.client.describe_execution().execution_arn(execution).send().await {
            Ok(described) => life(described.status()),
            Err(error) => {
                self.seen.note(format!("whether {execution} runs is not known: {}", said(&error)));
                Life::Unknown
            }
        }
    }
}

impl Lives for &Executions<'_> {
    async fn alive(&self, execution: &str) -> Life {
        let once = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry(execution.to_owned()).or_default())
        };
        *once.get_or_init(|| self.describe(execution)).await
    }
}

/// What a status says. One that is not known yet frees nothing.
fn life(status: &ExecutionStatus) -> Life {
    match status {
        ExecutionStatus::Running | ExecutionStatus::PendingRedrive => Life::Running,
        ExecutionStatus::Succeeded | ExecutionStatus::Failed | ExecutionStatus::TimedOut | ExecutionStatus::Aborted => {
            Life::Ended
        }
        _ => Life::Unknown,
    }
}
