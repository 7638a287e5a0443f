//! What does an event ask for? Parsed once, field by field, into something that can be carried out.

use std::sync::Arc;

use serde_json::Value;

use super::fields::{Fields, quoted};
use super::{Error, Invalid, moment};
use crate::acquire::{Ask, Mode};
use crate::gone::Ended;
use crate::machine::Operation;
use crate::nouns::{Attempt, Holder, ID_BYTES, LeaseId, Millis, NotA, Prefix, Token};
use crate::release::What;
use crate::renew::Longer;

/// What EventBridge calls the event of an execution that changed its status.
const STATUS_CHANGE: &str = "Step Functions Execution Status Change";

/// The statuses of an execution that ended without a chance to release what it holds.
const ENDED: [&str; 3] = ["FAILED", "TIMED_OUT", "ABORTED"];

const ACTIONS: &str = "one of acquire, release, renew, status, sweep";
const A_LEASE_ID: &str = "the lease id as acquire returned it";
const AN_EXECUTION: &str = "the execution's ARN or another stable id";
const A_KEY: &str = "the item or branch";
const A_KEY_OR_NONE: &str =
    "a string that is not empty, the item or branch (left out where an execution asks for one lease at a time)";
const AN_ATTEMPT: &str = "an object with `entered` ($$.State.EnteredTime) and `retry` ($$.State.RetryCount)";
const A_TIME: &str = "a time such as \"2024-11-22T10:11:12.345Z\" or whole milliseconds since 1970";
const SECONDS: &str = "a whole number of seconds above 0";

/// What an event asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A lease, please.
    Acquire(Acquire),
    /// Here is one back: by its id, or whatever a holder has up to an attempt.
    Release(What),
    /// Longer, please.
    Renew(Longer),
    /// How does the pool look?
    Status {
        /// And who holds and waits?
        holders: bool,
    },
    /// Put the pool in order.
    Sweep,
    /// An execution failed, timed out or was aborted.
    ExecutionEnded(Ended),
    /// An execution changed to a status that frees nothing: it runs, it succeeded (and so released its leases
    /// itself), or AWS has made a new one.
    Ignored {
        /// The status.
        execution_status: Arc<str>,
    },
}

/// Who asks for a lease, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acquire {
    /// Who.
    pub who: Who,
    /// Which attempt; none: a repeat of what this holder is doing now or, after it ended, a new start.
    pub attempt: Option<Attempt>,
    /// Whether to wait in the queue when the pool is full. From an event, a queue always has a token.
    pub mode: Mode,
    /// How long a lease. The pool's own duration caps it.
    pub lease: Option<Millis>,
    /// Shown to people.
    pub label: Option<Arc<str>>,
}

/// The name that an event gives the holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// An execution, perhaps with a key.
    Named(Holder),
    /// Only a key, which any number of executions may share: each such event is a new holder.
    Unnamed {
        /// Which item.
        key: Arc<str>,
        /// The execution that started the map run, if the event says so.
        parent: Option<Arc<str>>,
    },
}

impl Request {
    /// Parses an event from its bytes.
    ///
    /// # Errors
    /// `InvalidRequest`, which says which field is wrong, what was expected and what was given.
    pub fn from_slice(event: &[u8]) -> Result<Request, Error> {
        let event = serde_json::from_slice(event).map_err(|wrong| {
            let at = format!("something else at line {} column {}", wrong.line(), wrong.column());
            Invalid::new("event", "a JSON object", at)
        })?;
        Request::from_value(&event)
    }

    /// Parses an event. Unknown fields are ignored, and `null` is the same as absent.
    ///
    /// # Errors
    /// As [`Request::from_slice`].
    pub fn from_value(event: &Value) -> Result<Request, Error> {
        let fields = Fields::of_event(event)?;
        if fields.value("action").is_none() && fields.value("detail-type").is_some() {
            return Ok(status_change(&fields)?);
        }
        Ok(match fields.required("action", ACTIONS)? {
            "acquire" => Request::Acquire(acquire(&fields)?),
            "release" => Request::Release(release(&fields)?),
            "renew" => Request::Renew(Longer { id: lease_id(&fields)?, lease: lease(&fields)? }),
            "status" => Request::Status { holders: fields.flag("holders")?.unwrap_or(false) },
            "sweep" => Request::Sweep,
            unknown => return Err(Invalid::new("action", ACTIONS, quoted(unknown)).into()),
        })
    }

    /// What this asks of a pool; none if there is nothing to do. `unique` is an id that no other event has
    /// (the Lambda's request id, which stays the same when the same event is delivered again): it is the
    /// execution of a holder that names none.
    ///
    /// # Errors
    /// `InvalidRequest` for a lease of another pool; `Internal` for a `unique` that is no id.
    pub fn operation(&self, prefix: &Prefix, unique: &str) -> Result<Option<Operation>, Error> {
        Ok(Some(match self {
            Request::Acquire(acquire) => Operation::Acquire(acquire.ask(unique)?),
            Request::Release(what) => {
                if let What::Lease(id) = what {
                    of_pool(id, prefix)?;
                }
                Operation::Release(what.clone())
            }
            Request::Renew(longer) => {
                of_pool(&longer.id, prefix)?;
                Operation::Renew(longer.clone())
            }
            Request::Status { .. } => Operation::Status,
            Request::Sweep => Operation::Sweep,
            Request::ExecutionEnded(ended) => Operation::Gone(ended.clone()),
            Request::Ignored { .. } => return Ok(None),
        }))
    }

    /// The name of what is asked for, for logs.
    pub fn action(&self) -> &'static str {
        match self {
            Request::Acquire(_) => "acquire",
            Request::Release(_) => "release",
            Request::Renew(_) => "renew",
            Request::Status { .. } => "status",
            Request::Sweep => "sweep",
            Request::ExecutionEnded(_) | Request::Ignored { .. } => "execution_ended",
        }
    }
}

impl Acquire {
    fn ask(&self, unique: &str) -> Result<Ask, Error> {
        let holder = match &self.who {
            Who::Named(holder) => holder.clone(),
            Who::Unnamed { key, parent } => {
                Holder::new(unique, key, parent.as_deref()).map_err(|not| Error::Internal(not.to_string().into()))?
            }
        };
        let Acquire { attempt, mode, lease, label, .. } = self.clone();
        Ok(Ask { holder, attempt, mode, lease, wait: None, label })
    }
}

fn acquire(fields: &Fields<'_>) -> Result<Acquire, Invalid> {
    let nobody = || fields.missing("execution", format!("a string, {AN_EXECUTION}, or a key or resource_id"));
    Ok(Acquire {
        who: who(fields)?.ok_or_else(nobody)?,
        attempt: attempt(fields)?,
        mode: mode(fields)?,
        lease: lease(fields)?,
        label: label(fields)?,
    })
}

fn release(fields: &Fields<'_>) -> Result<What, Invalid> {
    if fields.value("lease_id").is_some() {
        return Ok(What::Lease(lease_id(fields)?));
    }
    let a_lease = |or: &str| fields.missing("lease_id", format!("a string, {A_LEASE_ID}{or}"));
    match who(fields)? {
        Some(Who::Named(holder)) => match attempt(fields)? {
            // Without one, a copy of the call that comes late would free what a newer attempt holds.
            None => Err(fields.missing("attempt", format!("{AN_ATTEMPT}: a release by execution needs it"))),
            attempt => Ok(What::Holder(holder, attempt)),
        },
        // A key alone is no name: each acquire with it was a new holder.
        Some(Who::Unnamed { .. }) => Err(a_lease("")),
        None => Err(a_lease(", or execution with attempt")),
    }
}

/// Who an event speaks for, if it says. The key has three names; where several are given they must agree.
fn who(fields: &Fields<'_>) -> Result<Option<Who>, Invalid> {
    let mut key: Option<(&'static str, &str)> = None;
    let mut blank = None;
    for name in ["key", "resource_id", "reference_id"] {
        let Some(given) = fields.text(name, A_KEY)?.filter(|given| !given.is_empty()) else {
            blank = blank.or(fields.named(name).then_some(name));
            continue;
        };
        match key {
            Some((first, same)) if same != given => {
                let expected = format!("the same as {first} ({}), as both name the item", quoted(same));
                return Err(fields.wrong(name, expected, quoted(given)));
            }
            _ => key = key.or(Some((name, given))),
        }
    }
    let parent = fields.text("parent", "the execution that started the map run")?;
    let execution = fields.text("execution", AN_EXECUTION)?;
    if let (Some(name), None, Some(_)) = (blank, key, execution) {
        // Items whose key is empty would all be one holder, and work side by side under one lease.
        let got = fields.text(name, A_KEY)?.map_or_else(|| "null".into(), quoted);
        return Err(fields.wrong(name, A_KEY_OR_NONE, got));
    }
    // The noun says `key`; the caller may know it by another name.
    let named = |not: NotA| match (not.what, key) {
        ("key", Some((name, _))) => Invalid::noun(name, not),
        _ => Invalid::noun(not.what, not),
    };
    Ok(match (execution, key) {
        (Some(execution), key) => {
            let key = key.map_or("", |(_, key)| key);
            Some(Who::Named(Holder::new(execution, key, parent).map_err(named)?))
        }
        (None, Some((_, key))) => {
            // A stand-in for the execution, so that the rest is checked now.
            Holder::new("-", key, parent).map_err(named)?;
            Some(Who::Unnamed { key: key.into(), parent: parent.map(Into::into) })
        }
        (None, None) => None,
    })
}

fn attempt(fields: &Fields<'_>) -> Result<Option<Attempt>, Invalid> {
    let Some(attempt) = fields.object("attempt", AN_ATTEMPT)? else { return Ok(None) };
    let entered = match attempt.value("entered") {
        None => return Err(attempt.missing("entered", A_TIME)),
        Some(Value::String(text)) => {
            moment::parse(text).ok_or_else(|| attempt.wrong("entered", A_TIME, quoted(text)))?
        }
        Some(_) => attempt.whole("entered", A_TIME, moment::of_millis)?.unwrap_or_default(),
    };
    const RETRIES: &str = "how often the state was retried, a whole number such as 0 or \"0\"";
    let retry = match attempt.value("retry") {
        Some(Value::String(text)) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            text.parse().map_err(|_| attempt.wrong("retry", RETRIES, quoted(text)))?
        }
        _ => attempt.whole("retry", RETRIES, |retry| u32::try_from(retry).ok())?.unwrap_or(0),
    };
    Ok(Some(Attempt { entered, retry }))
}

fn mode(fields: &Fields<'_>) -> Result<Mode, Invalid> {
    const MODES: &str = "\"poll\" or \"queue\"";
    let token = fields.secret("task_token")?.map(Token::new).transpose();
    // The noun says how long it is, and nothing else of it.
    let token = token.map_err(|not| Invalid::new("task_token", not.expected, format!("one {}", not.got)))?;
    match (fields.text("mode", MODES)?, token) {
        (Some("queue") | None, Some(token)) => Ok(Mode::Queue(Some(token))),
        (Some("poll") | None, None) => Ok(Mode::Poll),
        // The task would wait for its token, and nothing would ever be told to it.
        (Some("poll"), Some(_)) => Err(fields.wrong("mode", "\"queue\", as there is a task_token", quoted("poll"))),
        (Some("queue"), None) => Err(fields.missing("task_token", "a string, $$.Task.Token: mode \"queue\" needs it")),
        (Some(other), _) => Err(fields.wrong("mode", MODES, quoted(other))),
    }
}

fn lease(fields: &Fields<'_>) -> Result<Option<Millis>, Invalid> {
    let millis = |seconds: u64| (seconds > 0).then(|| Millis(seconds.saturating_mul(1_000)));
    fields.whole("lease_seconds", SECONDS, millis)
}

/// It lies on the slot, and all slots are read at every acquire: bounded like an id.
fn label(fields: &Fields<'_>) -> Result<Option<Arc<str>>, Invalid> {
    let label = fields.text("label", "shown to people")?.filter(|label| !label.is_empty());
    match label {
        Some(label) if label.len() > ID_BYTES => {
            Err(fields.wrong("label", format!("at most {ID_BYTES} bytes"), quoted(label)))
        }
        label => Ok(label.map(Into::into)),
    }
}

fn lease_id(fields: &Fields<'_>) -> Result<LeaseId, Invalid> {
    fields.required("lease_id", A_LEASE_ID)?.parse().map_err(|not| Invalid::noun("lease_id", not))
}

fn of_pool(id: &LeaseId, prefix: &Prefix) -> Result<(), Invalid> {
    if id.prefix == *prefix {
        return Ok(());
    }
    Err(Invalid::new("lease_id", format!("a lease of the pool {prefix}"), quoted(&id.to_string())))
}

/// An execution changed its status, as EventBridge tells it.
fn status_change(fields: &Fields<'_>) -> Result<Request, Invalid> {
    let expected = format!("\"{STATUS_CHANGE}\", or an action: {ACTIONS}");
    match fields.text("detail-type", STATUS_CHANGE)? {
        Some(STATUS_CHANGE) => {}
        other => return Err(fields.wrong("detail-type", expected, quoted(other.unwrap_or_default()))),
    }
    let detail = fields.object("detail", "an object")?.ok_or_else(|| fields.missing("detail", "an object"))?;
    let status = detail.required("status", "the execution's status")?;
    if !ENDED.contains(&status) {
        return Ok(Request::Ignored { execution_status: status.into() });
    }
    let execution = detail.required("executionArn", "the execution's ARN")?;
    Holder::new(execution, "", None).map_err(|not| detail.wrong("executionArn", not.expected, not.got))?;
    const STOPPED: &str = "when the execution ended, in whole milliseconds since 1970";
    let at = detail.whole("stopDate", STOPPED, moment::of_millis)?;
    let at = at.ok_or_else(|| detail.missing("stopDate", STOPPED))?;
    Ok(Request::ExecutionEnded(Ended { execution: execution.into(), at, after: None }))
}
