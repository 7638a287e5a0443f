//! The world's account: which jobs are left, which executions run, which tasks wait? What a caller's executions come to
//! when it dies is Step Functions' to know.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use leasehold_testkit::FakeStepFunctions;
use serde_json::{Value, json};

/// What every task token of a run begins with, for the search through all that was written.
pub(crate) const TOKEN_MARK: &str = "chaos-task-token-";

/// How long a token is: as those of Step Functions.
const TOKEN_LENGTH: usize = 700;

/// Jobs, executions and tasks.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) step_functions: FakeStepFunctions,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    left: VecDeque<u64>,
    /// Who does which.
    under_way: BTreeMap<String, u64>,
    done: BTreeSet<u64>,
    jobs: u64,
    /// Jobs are begun in their order: so many were.
    begun: u64,
    /// The execution and the task of each caller.
    executions: BTreeMap<String, String>,
    tokens: BTreeMap<String, String>,
    handed_out: u64,
}

impl Account {
    /// One with so many jobs.
    pub(crate) fn new(jobs: u64) -> Account {
        let state = State { left: (0..jobs).collect(), jobs, ..State::default() };
        Account { step_functions: FakeStepFunctions::default(), state: state.into() }
    }

    /// The next job of a caller, once it is done with the one it had.
    pub(crate) fn next_job(&self, caller: &str, done: Option<u64>) -> Value {
        let mut state = self.state();
        let had = state.under_way.remove(caller);
        state.done.extend(done);
        state.left.extend(had.filter(|had| done != Some(*had)));
        if let Some(execution) = state.executions.remove(caller) {
            self.step_functions.execution_is(&execution, "SUCCEEDED");
        }
        match state.left.pop_front() {
            Some(job) => {
                state.begun = state.begun.max(job + 1);
                state.under_way.insert(caller.into(), job);
                json!({ "job": job })
            }
            None if state.done.len() as u64 == state.jobs => json!({ "end": true }),
            None => json!({ "wait": true }),
        }
    }

    /// A job was done by somebody who takes no other.
    pub(crate) fn done_by(&self, who: &str, job: u64) {
        let mut state = self.state();
        state.under_way.remove(who);
        state.done.insert(job);
    }

    /// Hands out no job any more that was not begun.
    pub(crate) fn cut_short(&self) {
        let mut state = self.state();
        // What waits to be done again was begun, and all before the first that was not.
        let begun = state.begun;
        state.left.retain(|job| *job < begun);
        state.jobs = begun;
    }

    /// How many jobs there are.
    pub(crate) fn jobs(&self) -> u64 {
        self.state().jobs
    }

    /// How many jobs are done.
    pub(crate) fn done(&self) -> usize {
        self.state().done.len()
    }

    /// How many tokens were handed out.
    pub(crate) fn tokens(&self) -> u64 {
        self.state().handed_out
    }

    /// This caller is at work in this execution, which runs; the one before has ended.
    pub(crate) fn runs(&self, caller: &str, execution: &str) {
        let before = self.state().executions.insert(caller.into(), execution.into());
        if before.as_deref() == Some(execution) {
            return;
        }
        self.step_functions.execution_is(execution, "RUNNING");
        if let Some(before) = before {
            self.step_functions.execution_is(&before, "SUCCEEDED");
        }
    }

    /// A new task of this caller. The one before is over.
    pub(crate) fn new_task(&self, caller: &str) -> String {
        let mut token = format!("{TOKEN_MARK}{:032x}", fastrand::u128(..));
        while token.len() < TOKEN_LENGTH {
            token.push(char::from(fastrand::alphanumeric() as u8));
        }
        let mut state = self.state();
        state.handed_out += 1;
        if let Some(before) = state.tokens.insert(caller.into(), token.clone()) {
            self.step_functions.close(&before);
        }
        token
    }

    /// A caller has died, its job is another's. If its executions end with it: which one did.
    pub(crate) fn bury(&self, caller: &str, ended: bool) -> Option<String> {
        let mut state = self.state();
        let had = state.under_way.remove(caller);
        state.left.extend(had);
        if !ended {
            return None;
        }
        if let Some(token) = state.tokens.remove(caller) {
            self.step_functions.close(&token);
        }
        let execution = state.executions.remove(caller)?;
        self.step_functions.execution_is(&execution, "ABORTED");
        Some(execution)
    }

    /// All is over: every execution has ended, and every task is closed.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        for (_, token) in std::mem::take(&mut state.tokens) {
            self.step_functions.close(&token);
        }
        for (_, execution) in std::mem::take(&mut state.executions) {
            self.step_functions.execution_is(&execution, "SUCCEEDED");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
