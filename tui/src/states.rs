//! `leasehold states`: which states of the Amazon States Language take and give back a lease?
//! For people who do not use Terraform. The same as its `states` module renders, because they are what it rendered: see
//! [`rendered`].

mod rendered;

use std::path::PathBuf;

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::error::CliError;
use crate::output::{OutputFormat, complain};
use rendered::{RenderedStates, StateNames, two_of_a_name};

/// Print the workflow states that take and give back a lease, for people who do not use Terraform
///
/// Merge them into a state machine, with your own work state between AcquireLease and ReleaseLease; or give your work
/// state with --work, and the whole machine is printed. The same states as Terraform's `states` module makes.
#[derive(Clone, Debug, clap::Args)]
#[command(verbatim_doc_comment, after_long_help = AFTER)]
pub(crate) struct StatesOptions {
    /// The lease manager of the pool, a Lambda function of the state machine's region
    #[arg(long, value_name = "ARN", value_parser = function_arn)]
    function_arn: String,

    /// Path of the item's or branch's name, which no other branch of the same execution has: $.resource_id,
    /// or with JSONata $states.input.resource_id
    #[arg(long, value_name = "PATH", value_parser = path, verbatim_doc_comment)]
    key_path: Option<String>,

    /// Instead: each execution asks for one lease at a time, so that its id alone is the holder
    #[arg(long, conflicts_with = "key_path")]
    single_holder: bool,

    /// queue: waits with a task token. poll: asks again and again, for workflows without task tokens (Express)
    #[arg(long, value_name = "MODE", value_enum, default_value_t, hide_possible_values = true)]
    mode: AcquireMode,

    /// jsonpath or jsonata
    #[arg(long, value_name = "LANGUAGE", value_enum, default_value_t, hide_possible_values = true)]
    query_language: QueryLanguage,

    /// Path of the id of the execution that started a Distributed Map; its end frees the leases of all items
    #[arg(long, value_name = "PATH", value_parser = path)]
    parent_path: Option<String>,

    /// Path of a text that people see beside the lease: $$.Execution.Name
    #[arg(long, value_name = "PATH", value_parser = path)]
    label_path: Option<String>,

    /// How long a lease lasts, in seconds; at most, and by default, the pool's
    #[arg(long, value_name = "N", value_parser = |text: &str| seconds(text, YEAR), allow_negative_numbers = true)]
    lease_seconds: Option<u32>,

    /// Queue mode: how long to wait in the queue, in seconds; at most, and by default, as long as the pool says
    #[arg(long, value_name = "N", value_parser = |text: &str| seconds(text, YEAR), allow_negative_numbers = true)]
    wait_seconds: Option<u32>,

    /// Queue mode: ask again if the task was not told within this time; more than the pool's longest wait
    /// [default: 86580]
    #[arg(long, value_name = "N", value_parser = |text: &str| seconds(text, 99_999_999), allow_negative_numbers = true)]
    acquire_timeout_seconds: Option<u32>,

    /// The function's own timeout: the states give up a call half a minute later [default: 900, Lambda's longest]
    #[arg(long, value_name = "N", value_parser = |text: &str| seconds(text, 900), allow_negative_numbers = true)]
    function_timeout_seconds: Option<u32>,

    /// Path of a text with which the keys of a Map's or Parallel's branches begin: ReleaseAll frees no others
    #[arg(long, value_name = "PATH", value_parser = path)]
    release_all_key_prefix_path: Option<String>,

    /// A JSON file with the work state: a Task, Parallel or Map. Its Next and Catch are put in
    #[arg(long, value_name = "FILE")]
    work: Option<PathBuf>,

    #[command(flatten)]
    names: StateNames,
}

const AFTER: &str = "\
It prints JSON, whatever --output says:

    {\"start_at\": name of the first state, \"states\": {NAME: STATE, ...}, \"work_catch\": the Catch of the work state,
     \"branches_catch\": the Catch of a Map or Parallel whose branches hold leases, \"release_all_states\": where it leads,
     to free the leases of cancelled branches}

with --work, the state machine: {\"StartAt\", \"States\"}. The lease lies at $.lease (its id at $.lease.lease_id), the
work's error at $.lease_error: leave both alone. The work state's Next must be ReleaseLease and its Catch work_catch, so
that the lease is given back when the work fails, and the work's own error raised again.

The lease manager needs no permission on the state machine; the state machine's role must be allowed to call it.";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum AcquireMode {
    #[default]
    Queue,
    Poll,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum QueryLanguage {
    #[default]
    Jsonpath,
    Jsonata,
}

#[derive(Serialize)]
struct StatesOutput {
    start_at: String,
    states: Map<String, Value>,
    work_catch: Value,
    branches_catch: Value,
    release_all_states: Map<String, Value>,
}

impl StatesOptions {
    pub(crate) fn run(self) -> Result<(), CliError> {
        if self.key_path.is_none() && !self.single_holder {
            let wrong = "states: name --key-path PATH (as in --key-path '$.resource_id'), or --single-holder where \
                         each execution asks for one lease at a time";
            return Err(CliError::Usage(wrong.into()));
        }
        self.check_paths()?;
        self.names.check(self.mode == AcquireMode::Queue)?;
        if self.wait_seconds.is_some() && self.mode == AcquireMode::Poll {
            return Err(CliError::Usage(
                "--wait-seconds is for --mode queue: leave it out, as who polls never waits there".into(),
            ));
        }
        self.check_times()?;
        let work = self.work()?;
        let (queue, jsonata) = (self.mode == AcquireMode::Queue, self.query_language == QueryLanguage::Jsonata);
        let rendered = RenderedStates::of(queue, jsonata)?
            .function(&self.function_arn)
            .acquire("key", self.value(self.key_path.as_deref()))
            .acquire("parent", self.value(self.parent_path.as_deref()))
            .acquire("label", self.value(self.label_path.as_deref()))
            .acquire("lease_seconds", self.lease_seconds.map(Value::from))
            .acquire("wait_seconds", self.wait_seconds.map(Value::from))
            .acquire_timeout(self.acquire_timeout_seconds.unwrap_or(ACQUIRE_TIMEOUT))
            .function_timeout(self.function_timeout_seconds)
            .named(&self.names);
        let RenderedStates { start_at, mut states, work: (work_name, around) } = rendered;
        let catch = around.get("Catch").cloned().unwrap_or_default();
        match work {
            None => {
                let RenderedStates { states: release_all_states, work: (_, around), .. } =
                    RenderedStates::of_branches(queue, jsonata)?
                        .function(&self.function_arn)
                        .function_timeout(self.function_timeout_seconds)
                        .release_all("key_prefix", self.value(self.release_all_key_prefix_path.as_deref()));
                let branches_catch = around.get("Catch").cloned().unwrap_or_default();
                if let Some(twice) = states.keys().find(|name| release_all_states.contains_key(*name)) {
                    return Err(two_of_a_name(twice));
                }
                print(&StatesOutput { start_at, states, work_catch: catch, branches_catch, release_all_states })
            }
            Some(mut work) => {
                if let Some(lost) = loses_lease(&work, jsonata) {
                    complain(&format!("warning: the work state {work_name} {lost}"));
                }
                if let Some(next) = &self.names.after_release {
                    complain(&format!("add the state {next} to the machine: it comes after the release, and is yours"));
                }
                // The states of a machine that says nothing of it are JSONPath.
                if jsonata {
                    work.entry("QueryLanguage").or_insert_with(|| "JSONata".into());
                }
                for field in ["Next", "Catch"] {
                    work.insert(field.into(), around.get(field).cloned().unwrap_or_default());
                }
                states.insert(work_name, work.into());
                // Not only beside each other: no two states of one machine.
                let mut names = BTreeSet::new();
                for (name, state) in &states {
                    if let Some(twice) = name_that_is_there_already(name, state, &mut names) {
                        return Err(two_of_a_name(&twice));
                    }
                }
                print(&json!({"StartAt": start_at, "States": states}))
            }
        }
    }

    /// A path as it stands in a state.
    fn value(&self, path: Option<&str>) -> Option<Value> {
        path.map(|path| match self.query_language {
            QueryLanguage::Jsonpath => path.into(),
            QueryLanguage::Jsonata => format!("{{% {path} %}}").into(),
        })
    }

    /// A task that is given up too early would be asked for again beside its own first try.
    fn check_times(&self) -> Result<(), CliError> {
        if self.mode == AcquireMode::Poll {
            return match self.acquire_timeout_seconds {
                Some(_) => Err(CliError::Usage(
                    "--acquire-timeout-seconds is for --mode queue: leave it out, as who polls is answered at once"
                        .into(),
                )),
                None => Ok(()),
            };
        }
        let timeout = self.acquire_timeout_seconds.unwrap_or(ACQUIRE_TIMEOUT);
        if self.wait_seconds.is_some_and(|wait| timeout <= wait) {
            return Err(CliError::Usage(
                "--acquire-timeout-seconds must be longer than --wait-seconds: AcquireLease would fail with States.Timeout \
                 and ask again before it could be told WaitedTooLong. Write the wait, two sweeps and a minute more, or leave \
                 --acquire-timeout-seconds out"
                    .into(),
            ));
        }
        if self.function_timeout_seconds.is_some_and(|function| timeout <= function) {
            return Err(CliError::Usage(
                "--acquire-timeout-seconds must be longer than --function-timeout-seconds: AcquireLease would ask again \
                 while the lease manager is still at work on its first call"
                    .into(),
            ));
        }
        Ok(())
    }

    /// Each language's paths look different, and one in the other's place would be a text like any other.
    fn check_paths(&self) -> Result<(), CliError> {
        let paths = [
            ("--key-path", &self.key_path),
            ("--parent-path", &self.parent_path),
            ("--label-path", &self.label_path),
            ("--release-all-key-prefix-path", &self.release_all_key_prefix_path),
        ];
        for (flag, path) in paths {
            let Some(path) = path else { continue };
            let jsonpath = ["$.", "$$.", "$[", "States."].iter().any(|start| path.starts_with(start));
            let expected = match (self.query_language, jsonpath) {
                (QueryLanguage::Jsonpath, false) => {
                    "a path that starts with $., $[ or $$., or an intrinsic function such as States.Format('{}', $.id)"
                }
                (QueryLanguage::Jsonata, true) => {
                    "with --query-language jsonata an expression without its {% %}, such as $states.input.resource_id"
                }
                _ => continue,
            };
            return Err(CliError::Usage(format!("{flag} {path:?}: expected {expected}")));
        }
        Ok(())
    }

    /// The work state, from its file.
    fn work(&self) -> Result<Option<Map<String, Value>>, CliError> {
        let Some(path) = &self.work else { return Ok(None) };
        let text = std::fs::read(path).map_err(|why| CliError::Unreadable { path: path.clone(), why })?;
        let wrong = |why: String| CliError::Usage(format!("--work {}: {why}", path.display()));
        let work: Map<String, Value> = serde_json::from_slice(&text)
            .map_err(|why| wrong(format!("expected one state as a JSON object: {why}")))?;
        match work.get("Type").and_then(Value::as_str) {
            Some("Task" | "Parallel" | "Map") => {}
            _ => return Err(wrong("expected a state whose Type is Task, Parallel or Map".into())),
        }
        if let Some(field) = ["Next", "End", "Catch"].into_iter().find(|field| work.contains_key(*field)) {
            return Err(wrong(format!("leave out {field}: where the work leads to is put in")));
        }
        let language = match self.query_language {
            QueryLanguage::Jsonpath => "JSONPath",
            QueryLanguage::Jsonata => "JSONata",
        };
        let of_the_other = match self.query_language {
            QueryLanguage::Jsonpath => &["Arguments", "Output", "Items"][..],
            QueryLanguage::Jsonata => {
                &["Parameters", "ResultPath", "InputPath", "OutputPath", "ResultSelector", "ItemsPath"]
            }
        };
        if let Some(field) = of_the_other.iter().find(|field| work.contains_key(**field)) {
            let other = if self.query_language == QueryLanguage::Jsonata { "JSONPath" } else { "JSONata" };
            return Err(wrong(format!(
                "its field {field} is {other}'s: take --query-language {}, or write the state in {language}",
                other.to_lowercase()
            )));
        }
        match work.get("QueryLanguage").and_then(Value::as_str) {
            Some(own) if own != language => Err(wrong(format!(
                "its QueryLanguage is {own}, and the Catch that is put in would be of {language}: take --query-language {}",
                own.to_lowercase()
            ))),
            _ => Ok(Some(work)),
        }
    }
}

/// The first name, of this state and those inside it, that another has; the others are put to the `names`.
fn name_that_is_there_already(name: &str, state: &Value, names: &mut BTreeSet<String>) -> Option<String> {
    if !names.insert(name.to_owned()) {
        return Some(name.to_owned());
    }
    let machines = ["Iterator", "ItemProcessor"].into_iter().filter_map(|field| state.get(field));
    let branches = state.get("Branches").and_then(Value::as_array).into_iter().flatten();
    let inner = machines.chain(branches).filter_map(|machine| machine.get("States")?.as_object()).flatten();
    inner.into_iter().find_map(|(name, state)| name_that_is_there_already(name, state, names))
}

/// How the work's result takes the lease's place, if it does: nothing could then be given back, and every job would fail
/// at its release.
fn loses_lease(work: &Map<String, Value>, jsonata: bool) -> Option<&'static str> {
    let own = work.get("QueryLanguage").and_then(Value::as_str);
    if own.map_or(jsonata, |own| own == "JSONata") {
        let keeps =
            |output: &Value| output.to_string().contains("lease") || output.to_string().contains("$states.input");
        return (!work.get("Output").is_some_and(keeps)).then_some(
            "has no Output that keeps $states.input.lease, so its result replaces the lease and ReleaseLease fails: \
             add \"Output\": \"{% $merge([$states.input, {\\\"result\\\": $states.result}]) %}\"",
        );
    }
    let at = work.get("ResultPath").map(|path| path.as_str().unwrap_or("null"));
    if at == Some("$") {
        return Some(
            "has the ResultPath $, so its result replaces the lease and ReleaseLease fails: write \"ResultPath\": \
             \"$.result\", or null to drop the result",
        );
    }
    if at.is_none() {
        return Some(
            "has no ResultPath, so its result replaces the lease and ReleaseLease fails: add \"ResultPath\": \
             \"$.result\", or null to drop the result",
        );
    }
    let overwrites = at.is_some_and(|at| at == "$.lease" || at.starts_with("$.lease."));
    let cuts = |field: &str| work.get(field).is_some_and(|path| path != "$" && !path.is_null() || path.is_null());
    if overwrites {
        return Some("puts its result where the lease lies: choose another ResultPath than $.lease");
    }
    if at.is_some_and(|at| at == "$.lease_error" || at.starts_with("$.lease_error.")) {
        return Some("puts its result where an error of its own lies: choose another ResultPath than $.lease_error");
    }
    cuts("OutputPath").then_some("has an OutputPath, which drops the lease unless it is $: leave OutputPath out")
}

fn print(document: &impl Serialize) -> Result<(), CliError> {
    OutputFormat::Json.tell("", document)
}

/// How long a task waits to be told, in seconds, where nothing else is said: a day, two sweeps and a minute.
const ACQUIRE_TIMEOUT: u32 = 86_580;

/// A year: the longest that an execution lasts.
const YEAR: u32 = 31_536_000;

/// A number of seconds, from 1 to this.
fn seconds(text: &str, most: u32) -> Result<u32, String> {
    let read = text.parse().ok().filter(|seconds| (1..=most).contains(seconds));
    read.ok_or_else(|| format!("expected a whole number of seconds, from 1 to {most}, without a unit"))
}

/// A function's ARN, as Lambda's API reference writes it (2024); a version or an alias may follow its name.
fn function_arn(text: &str) -> Result<String, String> {
    let all_of = |part: &str, fits: fn(char) -> bool| !part.is_empty() && part.chars().all(fits);
    let word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let fits = match text.split(':').collect::<Vec<_>>()[..] {
        ["arn", partition, "lambda", region, account, "function", name, ref version @ ..] => {
            partition.starts_with("aws")
                && all_of(region, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
                && account.len() == 12
                && all_of(account, |c| c.is_ascii_digit())
                && (1..=64).contains(&name.len())
                && name.chars().all(word)
                && matches!(version, [] | [_])
                && version.iter().all(|version| !version.is_empty() && version.chars().all(|c| word(c) || c == '$'))
        }
        _ => false,
    };
    let example = "arn:aws:lambda:eu-central-1:123456789012:function:analytics-lease-manager";
    if fits { Ok(text.into()) } else { Err(format!("expected a function's ARN, such as {example}")) }
}

/// A path or an expression, as Terraform's module takes it.
fn path(text: &str) -> Result<String, String> {
    if text.trim_start().starts_with("{%") || text.trim_end().ends_with("%}") {
        return Err("give the expression without {% and %}: they are put around it".into());
    }
    if text.contains('%') {
        return Err("expected a path or expression without %".into());
    }
    let fits = (2..=1_000).contains(&text.len()) && !text.contains(char::is_control);
    if fits { Ok(text.into()) } else { Err("expected a path or expression of 2 to 1000 characters on one line".into()) }
}
