//! The rendered states: what do they do where Step Functions runs them? Strictly: what AWS would fail on, fails here.
#![allow(dead_code, reason = "each test uses what it needs")]
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

pub(crate) mod job;
mod jsonata;
mod jsonpath;
pub(crate) mod walk;

use std::path::PathBuf;

use serde_json::Value;

/// What went wrong: the name by which a state catches it, and the words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StateError {
    pub(crate) error: String,
    pub(crate) cause: String,
}

impl StateError {
    pub(crate) fn new(error: impl Into<String>, cause: impl Into<String>) -> StateError {
        StateError { error: error.into(), cause: cause.into() }
    }

    /// What AWS ends an execution with at once: nothing retries or catches it.
    pub(crate) fn runtime(cause: impl Into<String>) -> StateError {
        StateError::new("States.Runtime", cause)
    }

    /// What these tests can not judge, as they know no more of the languages than the states use. No state may get
    /// here.
    pub(crate) fn unknown(what: &str) -> StateError {
        StateError::new("NotKnownHere", what)
    }

    pub(crate) fn query(cause: impl Into<String>) -> StateError {
        StateError::new("States.QueryEvaluationError", cause)
    }
}

/// A rendered state machine.
#[derive(Clone, Debug)]
pub(crate) struct StateMachine {
    pub(crate) name: &'static str,
    pub(crate) definition: Value,
}

/// The machines that Terraform's tests hold equal to what `terraform/states` makes.
pub(crate) const MACHINES: [&str; 4] = ["queue-jsonpath", "queue-jsonata", "poll-jsonpath", "poll-jsonata"];

impl StateMachine {
    pub(crate) fn rendered(name: &'static str) -> StateMachine {
        let path = states_folder().join(format!("tests/rendered/{name}.json"));
        let json = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        StateMachine { name, definition: serde_json::from_slice(&json).expect("JSON") }
    }

    /// All four of them.
    pub(crate) fn all() -> [StateMachine; 4] {
        MACHINES.map(StateMachine::rendered)
    }

    /// Those whose branches hold leases, in either language, where the Catch of their Map leads.
    pub(crate) fn whose_catch_was_entered() -> [StateMachine; 2] {
        ["branches-jsonpath", "branches-jsonata"].map(|name| {
            let mut machine = StateMachine::rendered(name);
            let catch = &machine.definition["States"]["Items"]["Catch"][0];
            machine.definition["StartAt"] = catch["Next"].clone();
            machine
        })
    }

    /// The two that ask again and look at the answer.
    pub(crate) fn polling() -> Vec<StateMachine> {
        StateMachine::all().into_iter().filter(|machine| !machine.queues()).collect()
    }

    pub(crate) fn queues(&self) -> bool {
        self.name.starts_with("queue")
    }

    pub(crate) fn state(&self, name: &str) -> &Value {
        self.definition["States"].get(name).unwrap_or_else(|| panic!("{}: no state {name}", self.name))
    }
}

/// Where the module lies.
pub(crate) fn states_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../terraform/states")
}
