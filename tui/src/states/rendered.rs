//! The rendered states: what do they say?
//! What Terraform's `states` module rendered for its own tests, with the names, paths and the function of that example
//! replaced. So the states are written once, in the module.

use serde_json::{Map, Value};

use crate::error::CliError;

const QUEUE_JSONPATH: &str = include_str!("../../../terraform/states/tests/rendered/queue-jsonpath.json");
const QUEUE_JSONATA: &str = include_str!("../../../terraform/states/tests/rendered/queue-jsonata.json");
const POLL_JSONPATH: &str = include_str!("../../../terraform/states/tests/rendered/poll-jsonpath.json");
const POLL_JSONATA: &str = include_str!("../../../terraform/states/tests/rendered/poll-jsonata.json");

const BRANCHES_JSONPATH: &str = include_str!("../../../terraform/states/tests/rendered/branches-jsonpath.json");
const BRANCHES_JSONATA: &str = include_str!("../../../terraform/states/tests/rendered/branches-jsonata.json");

/// The lease manager of the example.
const FUNCTION: &str = "arn:aws:lambda:eu-central-1:123456789012:function:analytics-lease-manager";

/// What calls it with a task token.
const WITH_TOKEN: &str = "arn:aws:states:::lambda:invoke.waitForTaskToken";

/// What the states are called.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Names of states, unique in a state machine")]
pub(crate) struct StateNames {
    /// The state that asks for a lease
    #[arg(long, value_name = "NAME", default_value = "AcquireLease", value_parser = name)]
    acquire_name: String,

    /// Poll mode: the Choice that lets a granted lease through
    #[arg(long, value_name = "NAME", default_value = "CheckLeaseStatus", value_parser = name)]
    check_name: String,

    /// Poll mode: the Wait between two questions
    #[arg(long, value_name = "NAME", default_value = "WaitForLease", value_parser = name)]
    wait_name: String,

    /// Poll mode: the Fail for an answer that is neither a lease nor a time to wait
    #[arg(long, value_name = "NAME", default_value = "UnexpectedLeaseAnswer", value_parser = name)]
    unexpected_answer_name: String,

    /// Yours: the state that does the work
    #[arg(long, value_name = "NAME", default_value = "Process", value_parser = name)]
    work_name: String,

    /// The state that gives the lease back after the work
    #[arg(long, value_name = "NAME", default_value = "ReleaseLease", value_parser = name)]
    release_name: String,

    /// Yours: what comes after it [default: nothing, the execution or iteration ends there]
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub(super) after_release: Option<String>,

    /// The end of a job that is done, whose lease could not be given back
    #[arg(long, value_name = "NAME", default_value = "LeaseLeftToExpire", value_parser = name)]
    left_to_expire_name: String,

    /// The state that gives the lease back after the work failed
    #[arg(long, value_name = "NAME", default_value = "ReleaseLeaseAfterFailure", value_parser = name)]
    release_after_failure_name: String,

    /// The Fail that raises the work's own error again
    #[arg(long, value_name = "NAME", default_value = "RaiseOriginalError", value_parser = name)]
    raise_error_name: String,
}

/// The states of the example, on their way to somebody's own.
pub(crate) struct RenderedStates {
    /// The name of the first.
    pub(crate) start_at: String,
    /// All but the work.
    pub(crate) states: Map<String, Value>,
    /// The work state's name, and the state itself, of which Next and Catch matter.
    pub(crate) work: (String, Map<String, Value>),
}

const WORK: &str = "Process";
const ACQUIRE: &str = "AcquireLease";
const RELEASE: &str = "ReleaseLease";
const LEFT_TO_EXPIRE: &str = "LeaseLeftToExpire";
const BRANCHES: &str = "Items";
const RELEASE_ALL: &str = "ReleaseAll";

impl RenderedStates {
    /// For this mode and query language.
    pub(crate) fn of(queue: bool, jsonata: bool) -> Result<RenderedStates, CliError> {
        let text = match (queue, jsonata) {
            (true, false) => QUEUE_JSONPATH,
            (true, true) => QUEUE_JSONATA,
            (false, false) => POLL_JSONPATH,
            (false, true) => POLL_JSONATA,
        };
        RenderedStates::around(WORK, text)
    }

    /// Those that the Catch of a Map or Parallel leads to, whose branches hold leases; the work is that Map.
    pub(crate) fn of_branches(queue: bool, jsonata: bool) -> Result<RenderedStates, CliError> {
        let mut rendered =
            RenderedStates::around(BRANCHES, if jsonata { BRANCHES_JSONATA } else { BRANCHES_JSONPATH })?;
        if !queue && let Some(event) = rendered.states.get_mut(RELEASE_ALL).and_then(event) {
            // The context of an Express workflow has no such count, and a path that is not there fails the state.
            event.get_mut("attempt").and_then(Value::as_object_mut).map(|attempt| attempt.remove("redrive.$"));
        }
        Ok(rendered)
    }

    fn around(work: &str, text: &str) -> Result<RenderedStates, CliError> {
        // They are compiled in: what is wrong with them is wrong in every test.
        let mut machine: Map<String, Value> = serde_json::from_str(text).map_err(std::io::Error::from)?;
        let start_at = machine.get("StartAt").and_then(Value::as_str).unwrap_or_default().into();
        let mut states = object(machine.remove("States"));
        let around = object(states.remove(work));
        Ok(RenderedStates { start_at, states, work: (work.into(), around) })
    }

    /// Calls this function, in its partition.
    pub(crate) fn function(mut self, arn: &str) -> Self {
        let partition = arn.split(':').nth(1).unwrap_or("aws");
        let with_token = WITH_TOKEN.replacen(":aws:", &format!(":{partition}:"), 1);
        for state in self.states.values_mut() {
            each_text(state, &mut |_, text| match text.as_str() {
                FUNCTION => *text = arn.into(),
                WITH_TOKEN => text.clone_from(&with_token),
                _ => {}
            });
        }
        self
    }

    /// Asks with this value of a field, or without it.
    pub(crate) fn acquire(self, field: &str, value: Option<Value>) -> Self {
        self.asks(ACQUIRE, field, value)
    }

    /// Gives back with this value of a field all that the branches had, or without it.
    pub(crate) fn release_all(self, field: &str, value: Option<Value>) -> Self {
        self.asks(RELEASE_ALL, field, value)
    }

    fn asks(mut self, state: &str, field: &str, value: Option<Value>) -> Self {
        let Some(event) = self.states.get_mut(state).and_then(event) else { return self };
        // A JSONPath field whose value is a path ends so.
        let path = format!("{field}.$");
        let field = if event.contains_key(&path) { &path } else { field };
        match value {
            Some(value) => event.insert(field.into(), value),
            None => event.remove(field),
        };
        self
    }

    /// In queue mode, waits for so long before it asks again; in poll mode an answer comes at once.
    pub(crate) fn acquire_timeout(mut self, seconds: u32) -> Self {
        if let Some(state) = self.states.get_mut(ACQUIRE)
            && state["Resource"].as_str().is_some_and(|resource| resource.ends_with(".waitForTaskToken"))
        {
            state["TimeoutSeconds"] = seconds.into();
        }
        self
    }

    /// Gives a call up half a minute after this timeout of the function, so never while it is at work.
    pub(crate) fn function_timeout(mut self, seconds: Option<u32>) -> Self {
        let Some(seconds) = seconds else { return self };
        for state in self.states.values_mut().filter(|state| state["Type"] == "Task") {
            // The other task waits in the queue, which is no call.
            if state["Resource"].as_str().is_some_and(|resource| resource.contains(":function:")) {
                state["TimeoutSeconds"] = (seconds + 30).into();
            }
        }
        self
    }

    /// Under these names, with what comes after the release.
    pub(crate) fn named(mut self, names: &StateNames) -> Self {
        if let Some(next) = &names.after_release {
            self.states.remove(LEFT_TO_EXPIRE);
            if let Some(release) = self.states.get_mut(RELEASE).and_then(Value::as_object_mut) {
                release.remove("End");
                release.insert("Next".into(), next.as_str().into());
            }
        }
        let rename = |old: &str| -> Option<String> {
            let after = names.after_release.as_ref();
            let new = match old {
                ACQUIRE => &names.acquire_name,
                "CheckLeaseStatus" => &names.check_name,
                "WaitForLease" => &names.wait_name,
                "UnexpectedLeaseAnswer" => &names.unexpected_answer_name,
                WORK => &names.work_name,
                RELEASE => &names.release_name,
                LEFT_TO_EXPIRE => after.unwrap_or(&names.left_to_expire_name),
                "ReleaseLeaseAfterFailure" => &names.release_after_failure_name,
                "RaiseOriginalError" => &names.raise_error_name,
                _ => return None,
            };
            Some(new.clone())
        };
        let mut leads = |field: &str, text: &mut String| {
            if let ("Next" | "Default", Some(new)) = (field, rename(text)) {
                *text = new;
            }
        };
        let mut work = Value::Object(std::mem::take(&mut self.work.1));
        each_text(&mut work, &mut leads);
        for state in self.states.values_mut() {
            each_text(state, &mut leads);
        }
        // What the caller named is not one of the example's names, even if it is called so.
        if let (Some(next), Some(release)) = (&names.after_release, self.states.get_mut(RELEASE)) {
            release["Next"] = next.as_str().into();
        }
        let new = |old: String| rename(&old).unwrap_or(old);
        RenderedStates {
            start_at: new(self.start_at),
            states: self.states.into_iter().map(|(name, state)| (new(name), state)).collect(),
            work: (names.work_name.clone(), object(Some(work))),
        }
    }
}

impl StateNames {
    /// No two states may have one name.
    pub(crate) fn check(&self, queue: bool) -> Result<(), CliError> {
        let poll = [&self.check_name, &self.wait_name, &self.unexpected_answer_name];
        let always = [
            &self.acquire_name,
            &self.work_name,
            &self.release_name,
            &self.release_after_failure_name,
            &self.raise_error_name,
            self.after_release.as_ref().unwrap_or(&self.left_to_expire_name),
        ];
        let mut all: Vec<_> = always.into_iter().chain(poll.into_iter().filter(|_| !queue)).collect();
        all.sort();
        match all.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(two_of_a_name(pair[0])),
            None => Ok(()),
        }
    }
}

/// No machine may have two states of one name.
pub(crate) fn two_of_a_name(name: &str) -> CliError {
    CliError::Usage(format!("two states are called {name}: give each another name"))
}

/// The event that a state sends to the lease manager.
fn event(state: &mut Value) -> Option<&mut Map<String, Value>> {
    let field = if state.get("Arguments").is_some() { "Arguments" } else { "Parameters" };
    let sent = state.get_mut(field)?;
    if sent.get("Payload").is_some() { sent.get_mut("Payload")?.as_object_mut() } else { sent.as_object_mut() }
}

/// Every text in it, with the name of the field that it stands in.
fn each_text(value: &mut Value, change: &mut impl FnMut(&str, &mut String)) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                match value {
                    Value::String(text) => change(field, text),
                    value => each_text(value, change),
                }
            }
        }
        Value::Array(all) => all.iter_mut().for_each(|value| each_text(value, change)),
        _ => {}
    }
}

fn object(value: Option<Value>) -> Map<String, Value> {
    match value {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

fn name(text: &str) -> Result<String, String> {
    let fits = (1..=80).contains(&text.chars().count()) && !text.contains(char::is_control);
    if fits { Ok(text.into()) } else { Err("expected the name of a state: 1 to 80 characters on one line".into()) }
}
