//! A walk through a state machine: what does an execution do, state by state? It stops at every call of a function and
//! goes on with the answer, so a test decides what is answered: the real lease manager, or somebody who answers
//! anything.

use serde_json::{Value, json};

use super::{StateError, StateMachine, jsonata, jsonpath};

/// No machine here takes as many steps; one that does is in a loop.
const STEPS: usize = 10_000;

/// An execution.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    machine: StateMachine,
    /// What is in it now, and what was in it when its state was entered.
    input: Value,
    context: Value,
    state: String,
    /// How often each retrier of this state was used.
    retries: Vec<u64>,
    /// Every state that was entered, in order.
    pub(crate) entered: Vec<String>,
    /// How long each Wait lasted, in seconds.
    pub(crate) waited: Vec<u64>,
    tokens: u32,
    /// The time at which the next state is entered.
    pub(crate) clock: String,
}

/// Where an execution stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum WalkTurn {
    /// It calls a function and goes on with [`Walk::answered`].
    Call(FunctionCall),
    /// It is over.
    Over(Result<Value, StateError>),
}

/// A call of a function.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FunctionCall {
    /// Its ARN.
    pub(crate) function: String,
    /// What it is called with.
    pub(crate) payload: Value,
    /// The task's result is not what the function returns, but what this token is told.
    pub(crate) token: Option<String>,
}

impl Walk {
    /// Starts an execution of this id.
    pub(crate) fn start(machine: &StateMachine, execution: &str, input: Value) -> (Walk, WalkTurn) {
        let name = execution.rsplit(':').next().unwrap_or_default();
        let mut context = json!({
            "Execution": {
                "Id": execution,
                "Input": input.clone(),
                "Name": name,
                "RoleArn": "arn:aws:iam::123456789012:role/analytics",
                "StartTime": "2024-11-22T10:11:10.000Z",
            },
            "StateMachine": {
                "Id": "arn:aws:states:eu-central-1:123456789012:stateMachine:analytics",
                "Name": "analytics",
            },
        });
        // Only an execution of a Standard workflow, which waits with a token, can be redriven.
        if !machine.name.starts_with("poll") {
            context["Execution"]["RedriveCount"] = json!(0);
        }
        let mut walk = Walk {
            machine: machine.clone(),
            input,
            context,
            state: String::new(),
            retries: Vec::new(),
            entered: Vec::new(),
            waited: Vec::new(),
            tokens: 0,
            clock: "2024-11-22T10:11:12.345Z".into(),
        };
        let first = machine.definition["StartAt"].as_str().unwrap_or_default().to_owned();
        walk.enter(&first);
        let turn = walk.run();
        (walk, turn)
    }

    /// Goes on after a call, with its answer or its failure.
    pub(crate) fn answered(&mut self, answer: Result<Value, StateError>) -> WalkTurn {
        let done = answer.and_then(|result| self.output(result));
        match done {
            Ok(output) => {
                self.input = output;
                self.next()
            }
            Err(wrong) => self.failed(wrong),
        }
    }

    /// Is redriven, once it has ended: the state it ended in begins anew, with the time at which it was first entered.
    pub(crate) fn redriven(&mut self) -> WalkTurn {
        let count = self.context["Execution"]["RedriveCount"].as_u64().expect("of a Standard workflow");
        self.context["Execution"]["RedriveCount"] = json!(count + 1);
        self.context["State"]["RetryCount"] = json!(0);
        self.retries.fill(0);
        self.run()
    }

    /// Whether it has got to the work.
    pub(crate) fn worked(&self) -> bool {
        self.entered.iter().any(|state| state == "Process")
    }

    fn state(&self) -> Value {
        self.machine.state(&self.state).clone()
    }

    fn jsonata(&self) -> bool {
        self.state()["QueryLanguage"] == "JSONata"
    }

    fn enter(&mut self, state: &str) {
        self.state = state.to_owned();
        self.entered.push(state.to_owned());
        assert!(self.entered.len() < STEPS, "{}: an endless loop, of late {state}", self.machine.name);
        self.retries = vec![0; self.state()["Retry"].as_array().map_or(0, Vec::len)];
        self.context["State"] = json!({ "EnteredTime": self.clock, "Name": state, "RetryCount": 0 });
    }

    fn next(&mut self) -> WalkTurn {
        let state = self.state();
        match state["Next"].as_str() {
            Some(next) => {
                self.enter(next);
                self.run()
            }
            None => {
                assert_eq!(state["End"], true, "{}: {} leads nowhere", self.machine.name, self.state);
                WalkTurn::Over(Ok(self.input.clone()))
            }
        }
    }

    fn run(&mut self) -> WalkTurn {
        let state = self.state();
        let done = match state["Type"].as_str() {
            Some("Task") => self.call(),
            Some("Choice") => self.choose().map(|()| self.run()),
            Some("Wait") => self.wait().map(|()| self.next()),
            Some("Succeed") => Ok(WalkTurn::Over(Ok(self.input.clone()))),
            Some("Fail") => self.fail().map(|wrong| WalkTurn::Over(Err(wrong))),
            other => panic!("{}: a state of type {other:?}", self.machine.name),
        };
        done.unwrap_or_else(|wrong| self.failed(wrong))
    }

    fn query(&self, template: &Value, more: &Value) -> Result<Value, StateError> {
        if !self.jsonata() {
            return jsonpath::template(template, &self.input, &self.context);
        }
        let mut states = json!({ "input": self.input, "context": self.context });
        if let (Value::Object(states), Value::Object(more)) = (&mut states, more) {
            states.extend(more.clone());
        }
        jsonata::template(template, &states)
    }

    fn call(&mut self) -> Result<WalkTurn, StateError> {
        let state = self.state();
        let waits = state["Resource"].as_str().is_some_and(|resource| resource.ends_with(".waitForTaskToken"));
        if waits {
            // A retry has a new one.
            self.tokens += 1;
            let execution = self.context["Execution"]["Id"].as_str().unwrap_or_default();
            // As in Step Functions, no two tasks have the same.
            static TASKS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
            let task = TASKS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let token = format!("token {} of {} in {execution}, task {task}", self.tokens, self.state);
            self.context["Task"] = json!({ "Token": token });
        }
        let arguments = if self.jsonata() { &state["Arguments"] } else { &state["Parameters"] };
        let mut arguments = self.query(arguments, &Value::Null)?;
        let resource = state["Resource"].as_str().unwrap_or_default();
        let (function, payload) = if resource.contains(":lambda:invoke") {
            (arguments["FunctionName"].as_str().unwrap_or_default().to_owned(), arguments["Payload"].take())
        } else {
            assert!(resource.contains(":function:"), "{}: {resource} is no function", self.machine.name);
            (resource.to_owned(), arguments)
        };
        let token = waits.then(|| self.context["Task"]["Token"].as_str().unwrap_or_default().to_owned());
        Ok(WalkTurn::Call(FunctionCall { function, payload, token }))
    }

    fn output(&self, result: Value) -> Result<Value, StateError> {
        let state = self.state();
        if self.jsonata() {
            return match state.get("Output") {
                Some(output) => self.query(output, &json!({ "result": result })),
                None => Ok(result),
            };
        }
        let selected = match state.get("ResultSelector") {
            Some(selector) => jsonpath::template(selector, &result, &self.context)?,
            None => result,
        };
        match state.get("ResultPath") {
            Some(path) => jsonpath::put(path, &self.input, selected),
            None => Ok(selected),
        }
    }

    fn failed(&mut self, wrong: StateError) -> WalkTurn {
        let state = self.state();
        // What nothing retries or catches, whatever it says.
        if wrong.error == "States.Runtime" {
            return WalkTurn::Over(Err(wrong));
        }
        let list = |name: &str| state[name].as_array().cloned().unwrap_or_default();
        let matches = |entry: &Value| {
            let names = entry["ErrorEquals"].as_array().expect("ErrorEquals");
            names.iter().any(|name| name == "States.ALL" || *name == wrong.error.as_str())
        };
        if let Some(at) = list("Retry").iter().position(matches)
            && self.retries[at] < list("Retry")[at]["MaxAttempts"].as_u64().expect("MaxAttempts")
        {
            self.retries[at] += 1;
            self.context["State"]["RetryCount"] = json!(self.retries.iter().sum::<u64>());
            return self.run();
        }
        let Some(catcher) = list("Catch").into_iter().find(matches) else { return WalkTurn::Over(Err(wrong)) };
        let error = json!({ "Error": wrong.error, "Cause": wrong.cause });
        let output = if self.jsonata() {
            self.query(&catcher["Output"], &json!({ "errorOutput": error }))
        } else {
            jsonpath::put(catcher.get("ResultPath").expect("a ResultPath"), &self.input, error)
        };
        match output {
            Ok(output) => {
                self.input = output;
                self.enter(catcher["Next"].as_str().expect("Next"));
                self.run()
            }
            Err(wrong) => WalkTurn::Over(Err(wrong)),
        }
    }

    fn choose(&mut self) -> Result<(), StateError> {
        let state = self.state();
        for choice in state["Choices"].as_array().expect("Choices") {
            let met = if self.jsonata() {
                match self.query(&choice["Condition"], &Value::Null)? {
                    Value::Bool(met) => met,
                    other => return Err(StateError::query(format!("a condition that is {other}"))),
                }
            } else {
                jsonpath::met(choice, &self.input)?
            };
            if met {
                self.enter(choice["Next"].as_str().expect("Next"));
                return Ok(());
            }
        }
        self.enter(state["Default"].as_str().expect("Default"));
        Ok(())
    }

    fn wait(&mut self) -> Result<(), StateError> {
        let state = self.state();
        let seconds = if self.jsonata() {
            self.query(&state["Seconds"], &Value::Null)?
        } else {
            jsonpath::path(state["SecondsPath"].as_str().expect("SecondsPath"), &self.input, &self.context)?
        };
        let seconds = seconds.as_u64().filter(|seconds| *seconds <= 99_999_999);
        self.waited.push(seconds.ok_or_else(|| StateError::runtime("seconds that are no whole number"))?);
        Ok(())
    }

    fn fail(&self) -> Result<StateError, StateError> {
        let state = self.state();
        let said = |name: &str| -> Result<String, StateError> {
            let value = match (state.get(name), state[format!("{name}Path")].as_str()) {
                (Some(value), None) if self.jsonata() => self.query(value, &Value::Null)?,
                (Some(value), None) => value.clone(),
                (None, Some(path)) => jsonpath::query_of(path, &self.input, &self.context)?,
                _ => return Err(StateError::runtime(format!("{name} and {name}Path: one of them"))),
            };
            value
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| StateError::runtime(format!("{name} is no string: {value}")))
        };
        Ok(StateError::new(said("Error")?, said("Cause")?))
    }
}
