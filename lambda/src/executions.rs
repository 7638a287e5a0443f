//! The status of executions: does one still run? Asked slowly and once, as all callers of an account share about 15
//! `DescribeExecution` and 5 `ListExecutions` a second (Step Functions quotas, 2024).
//!
//! Several executions of one state machine, or children of one map run, are looked for in the list of those that run, a
//! thousand an answer. What is not in the list may have ended or be too new to be listed: it is asked for by itself.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_sfn::Client;
use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::types::ExecutionStatus as Described;
use futures_util::future::join_all;
use leasehold_core::{ExecutionStatus, is_execution_arn};
use leasehold_store::{ExecutionStatusSource, step_functions_error};
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep_until};

use crate::metrics::Observer;

/// The time between two calls of one environment, once the burst is used up.
const EVERY: Duration = Duration::from_millis(100);

/// How many calls may come at once after a pause.
const BURST: u32 = 5;

/// How many executions that may be listed together are asked for one by one at most: a list takes two calls.
const FEW: usize = 3;

/// How many executions an answer lists at most (Step Functions API reference, 2024).
const PAGE: i32 = 1_000;

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

    /// Waits until the next call may be made; false: there is no time left for one, and that is noted.
    async fn may_ask(&self, execution: &str) -> bool {
        let Some(at) = self.pace.next(Instant::now(), self.until) else {
            self.observer.note(format!("no time was left to ask whether {execution} runs"));
            return false;
        };
        sleep_until(at).await;
        true
    }

    /// What is said of it; none: that is not known.
    async fn described(&self, execution: &str) -> Option<DescribeExecutionOutput> {
        // An express execution can not be described, and another id is nothing that Step Functions knows.
        if !is_execution_arn(execution) || !self.may_ask(execution).await {
            return None;
        }
        match self.client.describe_execution().execution_arn(execution).send().await {
            Ok(described) => Some(described),
            Err(error) => {
                self.observer.note(format!("whether {execution} runs is not known: {}", step_functions_error(&error)));
                None
            }
        }
    }

    /// The cell in which the status of an execution is kept.
    fn cell(&self, execution: &str) -> Arc<OnceCell<ExecutionStatus>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(execution.to_owned()).or_default())
    }

    fn keep(&self, execution: &str, status: ExecutionStatus) {
        // Who asked for it meanwhile knows no less.
        let _ = self.cell(execution).set(status);
    }

    /// Looks for executions of one state machine, or children of its map runs, where they are listed together. What is
    /// not found is left to be asked for one by one.
    async fn look_through(&self, mut wanted: Vec<&str>) {
        while wanted.len() > FEW {
            // The first one says where it is listed. Children of one state may be of several map runs.
            let first = wanted.remove(0);
            let described = self.described(first).await;
            self.keep(first, described.as_ref().map_or(ExecutionStatus::Unknown, |it| execution_status(it.status())));
            let Some(described) = described else { return };
            let map_run = described.map_run_arn();
            let listed = self.list(described.state_machine_arn(), map_run, &mut wanted).await;
            if !listed || map_run.is_none() {
                return;
            }
        }
    }

    /// Takes the executions that are listed as running out of those that are wanted. False: the list was refused.
    async fn list(&self, machine: &str, map_run: Option<&str>, wanted: &mut Vec<&str>) -> bool {
        let mut next = None;
        // To read further than this costs more than to ask for each.
        for _ in 0..wanted.len() {
            let Some(first) = wanted.first() else { return true };
            if !self.may_ask(first).await {
                return false;
            }
            let list = self.client.list_executions().status_filter(Described::Running).max_results(PAGE);
            let list = match map_run {
                Some(map_run) => list.map_run_arn(map_run),
                None => list.state_machine_arn(machine),
            };
            match list.set_next_token(next).send().await {
                Ok(page) => {
                    let running: HashSet<&str> = page.executions().iter().map(|item| item.execution_arn()).collect();
                    wanted.retain(|execution| {
                        let found = running.contains(execution);
                        if found {
                            self.keep(execution, ExecutionStatus::Running);
                        }
                        !found
                    });
                    next = page.next_token;
                }
                Err(error) => {
                    let of = map_run.unwrap_or(machine);
                    let error = step_functions_error(&error);
                    self.observer.note(format!("ListExecutions of {of} failed, so each is asked for: {error}"));
                    return false;
                }
            }
            if next.is_none() {
                break;
            }
        }
        true
    }
}

impl ExecutionStatusSource for &ExecutionLookup<'_> {
    async fn status(&self, execution: &str) -> ExecutionStatus {
        let asking = async || self.described(execution).await.map(|it| execution_status(it.status()));
        *self.cell(execution).get_or_init(async || asking().await.unwrap_or(ExecutionStatus::Unknown)).await
    }

    async fn statuses(&self, executions: &[&str]) -> Vec<ExecutionStatus> {
        let (mut together, mut seen) = (BTreeMap::<&str, Vec<&str>>::new(), HashSet::new());
        for execution in executions.iter().filter(|execution| is_execution_arn(execution) && seen.insert(**execution)) {
            let (machine, _) = execution.rsplit_once(':').unwrap_or((execution, ""));
            if !self.cell(execution).initialized() {
                together.entry(machine).or_default().push(execution);
            }
        }
        join_all(together.into_values().map(|wanted| self.look_through(wanted))).await;
        join_all(executions.iter().map(|execution| self.status(execution))).await
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn five_calls_come_at_once_and_the_others_after_them() {
        let (pace, now) = (CallPacer::new(), Instant::now());
        let until = now + EVERY * 3;
        let booked: Vec<_> = (0..9).map(|_| pace.next(now, until)).collect();
        let (at_once, later) = booked.split_at(BURST as usize);
        assert!(at_once.iter().all(|at| *at == Some(now)), "{booked:?}");
        let expected = [Some(now + EVERY), Some(now + EVERY * 2), None, None];
        assert_eq!(later, expected, "none is made when the time is over");
    }

    #[tokio::test]
    async fn after_a_pause_there_is_one_burst_and_no_more() {
        let (pace, now) = (CallPacer::new(), Instant::now());
        let until = now + EVERY * 100;
        (0..20).for_each(|_| assert!(pace.next(now, until).is_some()));
        let later = now + EVERY * 50;
        let at_once = (0..9).filter(|_| pace.next(later, until) == Some(later)).count();
        assert_eq!(at_once, BURST as usize);
    }
}
