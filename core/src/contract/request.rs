//! Events of the lease manager: what does one ask for? Parsed once, field by field, into what can be carried out.

use std::sync::Arc;

use serde_json::Value;

use super::fields::{Fields, shown, whole};
use super::{ContractError, InvalidField, moment};
use crate::acquire::{AcquireRequest, Mode};
use crate::execution_ended::{ExecutionEnded, ReleaseAll};
use crate::release::ReleaseTarget;
use crate::renew::RenewRequest;
use crate::request::LeaseSpan;
use crate::time::{Millis, Timestamp};
use crate::types::{Attempt, Holder, ID_BYTES, InvalidValue, LeaseId, PoolName, TaskToken, quoted};

/// What EventBridge calls the event of an execution that changed its status.
const STATUS_CHANGE: &str = "Step Functions Execution Status Change";

/// The statuses of an execution that has ended: badly, without a chance to release what it holds; or well, with what it
/// forgot to release.
const ENDED: [&str; 4] = ["FAILED", "TIMED_OUT", "ABORTED", "SUCCEEDED"];

const ACTIONS: &str = "one of acquire, release, renew, status, sweep";
const A_LEASE_ID: &str = "the lease id as acquire returned it";
const AN_EXECUTION: &str = "the execution's ARN or another stable id";
const A_PARENT: &str = "the execution that started the map run";
const A_KEY: &str = "the item or branch";
const A_KEY_OR_NONE: &str =
    "a string that is not empty, the item or branch (left out where an execution asks for one lease at a time)";
const AN_ATTEMPT: &str = "an object with `entered` ($$.State.EnteredTime), `redrive` ($$.Execution.RedriveCount) and \
                          `retry` ($$.State.RetryCount)";
const A_TIME: &str = "a time such as \"2024-11-22T10:11:12.345Z\" or whole milliseconds since 1970";
const SECONDS: &str = "a whole number of seconds above 0";

/// What an event asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseEvent {
    /// A lease, please.
    Acquire(AcquireEvent),
    /// Here is one back: by its id, or whatever a holder has up to an attempt; and the time that its holder was told of.
    Release(ReleaseTarget, Option<LeaseSpan>),
    /// Here is all that an execution has.
    ReleaseAll(ReleaseAll),
    /// Longer, please.
    Renew(RenewRequest),
    /// How does the pool look?
    Status {
        /// And who holds and waits?
        holders: bool,
    },
    /// Put the pool in order.
    Sweep,
    /// An execution has ended.
    ExecutionEnded(ExecutionEnded),
    /// An execution changed to a status that frees nothing: it runs, it is about to run again, or AWS has made a new one.
    Ignored {
        /// The status.
        execution_status: Arc<str>,
    },
}

/// What an event asks of one pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PoolRequest {
    /// A lease.
    Acquire(AcquireRequest),
    /// To take one back, or to be left out of the queue. The time that the holder was told of is for the metrics.
    Release(ReleaseTarget, Option<LeaseSpan>),
    /// To take back all that an execution has.
    ReleaseAll(ReleaseAll),
    /// To keep one longer.
    Renew(RenewRequest),
    /// How it looks.
    Status {
        /// And who holds and waits.
        holders: bool,
    },
    /// To be put in order.
    Sweep,
    /// To be free of what this execution has.
    ExecutionEnded(ExecutionEnded),
    /// Nothing.
    Nothing {
        /// The status that the event told of.
        execution_status: Arc<str>,
    },
}

/// Who asks for a lease, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcquireEvent {
    /// Who.
    pub who: EventHolder,
    /// Which attempt; none: a repeat of what this holder is doing now or, after it ended, a new start.
    pub attempt: Option<Attempt>,
    /// Whether to wait in the queue when the pool is full. From an event, a queue always has a token.
    pub mode: Mode,
    /// How long a lease. The pool's own duration caps it.
    pub lease: Option<Millis>,
    /// How long to wait in the queue. The pool's longest wait caps it.
    pub wait: Option<Millis>,
    /// Shown to people.
    pub label: Option<Arc<str>>,
}

/// The name that an event gives the holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventHolder {
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

impl LeaseEvent {
    /// Parses an event from its bytes.
    ///
    /// # Errors
    /// `InvalidRequest`, which says which field is wrong, what was expected and what was given.
    pub fn from_slice(event: &[u8]) -> Result<LeaseEvent, ContractError> {
        let event = serde_json::from_slice(event).map_err(|wrong| {
            let at = format!("something else at line {} column {}", wrong.line(), wrong.column());
            InvalidField::new("event", "a JSON object", at)
        })?;
        LeaseEvent::from_value(&event)
    }

    /// Parses an event. Unknown fields are ignored, and `null` is the same as absent.
    ///
    /// # Errors
    /// As [`LeaseEvent::from_slice`].
    pub fn from_value(event: &Value) -> Result<LeaseEvent, ContractError> {
        let fields = Fields::of_event(event)?;
        if fields.value("action").is_none() && fields.value("detail-type").is_some() {
            return Ok(status_change(&fields)?);
        }
        Ok(match fields.required("action", ACTIONS)? {
            "acquire" => LeaseEvent::Acquire(acquire(&fields)?),
            "release" if fields.flag("all")?.unwrap_or(false) => LeaseEvent::ReleaseAll(release_all(&fields)?),
            "release" => LeaseEvent::Release(release(&fields)?, told_span(&fields)),
            "renew" => LeaseEvent::Renew(RenewRequest { id: lease_id(&fields)?, lease: lease(&fields)? }),
            "status" => LeaseEvent::Status { holders: fields.flag("holders")?.unwrap_or(false) },
            "sweep" => LeaseEvent::Sweep,
            unknown => return Err(InvalidField::new("action", ACTIONS, quoted(unknown)).into()),
        })
    }

    /// What this asks of a pool. `unique` is an id that no other event has (the Lambda's request id, which stays the
    /// same when the same event is delivered again): it is the execution of a holder that names none.
    ///
    /// # Errors
    /// `InvalidRequest` for a lease of another pool; `Internal` for a `unique` that is no id.
    pub fn for_pool(&self, prefix: &PoolName, unique: &str) -> Result<PoolRequest, ContractError> {
        Ok(match self.clone() {
            LeaseEvent::Acquire(acquire) => PoolRequest::Acquire(acquire.request(unique)?),
            LeaseEvent::Release(target, span) => {
                if let ReleaseTarget::Lease(id) = &target {
                    of_pool(id, prefix)?;
                }
                PoolRequest::Release(target, span)
            }
            LeaseEvent::ReleaseAll(all) => PoolRequest::ReleaseAll(all),
            LeaseEvent::Renew(renew) => {
                of_pool(&renew.id, prefix)?;
                PoolRequest::Renew(renew)
            }
            LeaseEvent::Status { holders } => PoolRequest::Status { holders },
            LeaseEvent::Sweep => PoolRequest::Sweep,
            LeaseEvent::ExecutionEnded(ended) => PoolRequest::ExecutionEnded(ended),
            LeaseEvent::Ignored { execution_status } => PoolRequest::Nothing { execution_status },
        })
    }

    /// The name of what is asked for, for logs.
    pub fn action(&self) -> &'static str {
        match self {
            LeaseEvent::Acquire(_) => "acquire",
            LeaseEvent::Release(..) | LeaseEvent::ReleaseAll(_) => "release",
            LeaseEvent::Renew(_) => "renew",
            LeaseEvent::Status { .. } => "status",
            LeaseEvent::Sweep => "sweep",
            LeaseEvent::ExecutionEnded(_) | LeaseEvent::Ignored { .. } => "execution_ended",
        }
    }
}

impl AcquireEvent {
    fn request(self, unique: &str) -> Result<AcquireRequest, ContractError> {
        let holder = match &self.who {
            EventHolder::Named(holder) => holder.clone(),
            EventHolder::Unnamed { key, parent } => Holder::new(unique, key, parent.as_deref())
                .map_err(|not| ContractError::Internal(not.to_string().into()))?,
        };
        let AcquireEvent { attempt, mode, lease, wait, label, .. } = self;
        Ok(AcquireRequest { holder, attempt, mode, lease, wait, label })
    }
}

fn acquire(fields: &Fields<'_>) -> Result<AcquireEvent, InvalidField> {
    let nobody = || fields.missing("execution", format!("a string, {AN_EXECUTION}, or a key or resource_id"));
    let who = who(fields)?.ok_or_else(nobody)?;
    let (attempt, mode) = (attempt(fields)?, mode(fields)?);
    let wait = seconds(fields, "wait_seconds")?;
    if wait.is_some() && mode == Mode::Poll {
        const QUEUE_ONLY: &str = "nothing, as only a task that waits in the queue is failed after it";
        let given = fields.value("wait_seconds").map(shown).unwrap_or_default();
        return Err(fields.wrong("wait_seconds", QUEUE_ONLY, given));
    }
    Ok(AcquireEvent { who, attempt, mode, lease: lease(fields)?, wait, label: label(fields)? })
}

fn release(fields: &Fields<'_>) -> Result<ReleaseTarget, InvalidField> {
    if let Some(given) = fields.value("key_prefix") {
        return Err(fields.wrong("key_prefix", "nothing, as only a release with `all`: true has one", shown(given)));
    }
    if fields.value("lease_id").is_some() {
        return Ok(ReleaseTarget::Lease(lease_id(fields)?));
    }
    let a_lease = |or: &str| fields.missing("lease_id", format!("a string, {A_LEASE_ID}{or}"));
    match who(fields)? {
        Some(EventHolder::Named(holder)) => match attempt(fields)? {
            // Without one, a copy of the call that comes late would free what a newer attempt holds.
            None => Err(fields.missing("attempt", format!("{AN_ATTEMPT}: a release by execution needs it"))),
            attempt => Ok(ReleaseTarget::Holder(holder, attempt)),
        },
        // A key alone is no name: each acquire with it was a new holder.
        Some(EventHolder::Unnamed { .. }) => Err(a_lease("")),
        None => Err(a_lease(", or execution with attempt")),
    }
}

/// The time of the lease, as its acquire told it. Nothing but metrics depends on it, so that what is wrong is left out: no
/// release fails for it.
fn told_span(fields: &Fields<'_>) -> Option<LeaseSpan> {
    let time = |name| fields.value(name).and_then(whole).map(Timestamp);
    Some(LeaseSpan { acquired_at: time("acquired_at_ms")?, expires_at: time("expires_at_ms")? })
}

/// What names one lease or one holder has no place in a release of all.
fn release_all(fields: &Fields<'_>) -> Result<ReleaseAll, InvalidField> {
    const ALL: &str = "nothing, as `all` is true";
    for name in ["lease_id", "key", "resource_id", "reference_id"] {
        if let Some(given) = fields.value(name) {
            return Err(fields.wrong(name, ALL, shown(given)));
        }
    }
    const BEGINNING: &str = "how the keys begin that are meant (left out for all)";
    let key_prefix = match fields.text("key_prefix", BEGINNING)? {
        Some("") => {
            return Err(fields.wrong("key_prefix", format!("a string that is not empty, {BEGINNING}"), quoted("")));
        }
        key_prefix => key_prefix.unwrap_or_default(),
    };
    let execution = fields.required("execution", AN_EXECUTION)?;
    let parent = fields.text("parent", A_PARENT)?;
    // The key is checked by its beginning: a longer one is no holder's.
    Holder::new(execution, key_prefix, parent).map_err(|invalid| match invalid.what {
        "key" => InvalidField::value("key_prefix", invalid),
        what => InvalidField::value(what, invalid),
    })?;
    Ok(ReleaseAll {
        execution: execution.into(),
        parent: parent.map(Into::into),
        key_prefix: key_prefix.into(),
        attempt: attempt(fields)?,
        after: None,
    })
}

/// Who an event speaks for, if it says. The key has three names; where several are given they must agree.
fn who(fields: &Fields<'_>) -> Result<Option<EventHolder>, InvalidField> {
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
    let parent = fields.text("parent", A_PARENT)?;
    let execution = fields.text("execution", AN_EXECUTION)?;
    if let (Some(name), None, Some(_)) = (blank, key, execution) {
        // Items whose key is empty would all be one holder, and work side by side under one lease.
        let got = fields.text(name, A_KEY)?.map_or_else(|| "null".into(), quoted);
        return Err(fields.wrong(name, A_KEY_OR_NONE, got));
    }
    // The value says `key`; the caller may know it by another name.
    let named = |invalid: InvalidValue| match (invalid.what, key) {
        ("key", Some((name, _))) => InvalidField::value(name, invalid),
        _ => InvalidField::value(invalid.what, invalid),
    };
    Ok(match (execution, key) {
        (Some(execution), key) => {
            let key = key.map_or("", |(_, key)| key);
            Some(EventHolder::Named(Holder::new(execution, key, parent).map_err(named)?))
        }
        (None, Some((_, key))) => {
            // A stand-in for the execution, so that the rest is checked now.
            Holder::new("-", key, parent).map_err(named)?;
            Some(EventHolder::Unnamed { key: key.into(), parent: parent.map(Into::into) })
        }
        (None, None) => None,
    })
}

fn attempt(fields: &Fields<'_>) -> Result<Option<Attempt>, InvalidField> {
    let Some(attempt) = fields.object("attempt", AN_ATTEMPT)? else { return Ok(None) };
    let entered = match attempt.value("entered") {
        None => return Err(attempt.missing("entered", A_TIME)),
        Some(Value::String(text)) => {
            moment::parse(text).ok_or_else(|| attempt.wrong("entered", A_TIME, quoted(text)))?
        }
        Some(_) => attempt.whole("entered", A_TIME, moment::of_millis)?.unwrap_or_default(),
    };
    const REDRIVES: &str = "how often the execution was redriven, a whole number such as 0 or \"0\"";
    const RETRIES: &str = "how often the state was retried, a whole number such as 0 or \"0\"";
    let redrive = count(&attempt, "redrive", REDRIVES)?;
    let retry = count(&attempt, "retry", RETRIES)?;
    Ok(Some(Attempt { entered, redrive, retry }))
}

/// How often something came before; 0 where that is not said. Step Functions writes some counts as strings.
fn count(attempt: &Fields<'_>, name: &'static str, expected: &'static str) -> Result<u32, InvalidField> {
    match attempt.value(name) {
        Some(Value::String(text)) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            text.parse().map_err(|_| attempt.wrong(name, expected, quoted(text)))
        }
        _ => Ok(attempt.whole(name, expected, |count| u32::try_from(count).ok())?.unwrap_or(0)),
    }
}

fn mode(fields: &Fields<'_>) -> Result<Mode, InvalidField> {
    const MODES: &str = "\"poll\" or \"queue\"";
    let token = fields.secret("task_token")?.map(TaskToken::new).transpose();
    // The value says how long it is, and nothing else of it.
    let token = token.map_err(|not| InvalidField::new("task_token", not.expected, format!("one {}", not.got)))?;
    match (fields.text("mode", MODES)?, token) {
        (Some("queue") | None, Some(token)) => Ok(Mode::Queue(Some(token))),
        (Some("poll") | None, None) => Ok(Mode::Poll),
        // The task would wait for its token, and nothing would ever be told to it.
        (Some("poll"), Some(_)) => Err(fields.wrong("mode", "\"queue\", as there is a task_token", quoted("poll"))),
        (Some("queue"), None) => Err(fields.missing("task_token", "a string, $$.Task.Token: mode \"queue\" needs it")),
        (Some(other), _) => Err(fields.wrong("mode", MODES, quoted(other))),
    }
}

fn lease(fields: &Fields<'_>) -> Result<Option<Millis>, InvalidField> {
    seconds(fields, "lease_seconds")
}

fn seconds(fields: &Fields<'_>, name: &'static str) -> Result<Option<Millis>, InvalidField> {
    let millis = |seconds: u64| (seconds > 0).then(|| Millis(seconds.saturating_mul(1_000)));
    fields.whole(name, SECONDS, millis)
}

/// It lies on the slot, and all slots are read at every acquire: bounded like an id.
fn label(fields: &Fields<'_>) -> Result<Option<Arc<str>>, InvalidField> {
    let label = fields.text("label", "shown to people")?.filter(|label| !label.is_empty());
    match label {
        Some(label) if label.len() > ID_BYTES => {
            Err(fields.wrong("label", format!("at most {ID_BYTES} bytes"), quoted(label)))
        }
        label => Ok(label.map(Into::into)),
    }
}

fn lease_id(fields: &Fields<'_>) -> Result<LeaseId, InvalidField> {
    fields.required("lease_id", A_LEASE_ID)?.parse().map_err(|not| InvalidField::value("lease_id", not))
}

fn of_pool(id: &LeaseId, prefix: &PoolName) -> Result<(), InvalidField> {
    if id.prefix == *prefix {
        return Ok(());
    }
    Err(InvalidField::new("lease_id", format!("a lease of the pool {prefix}"), quoted(&id.to_string())))
}

/// An execution changed its status, as EventBridge tells it.
fn status_change(fields: &Fields<'_>) -> Result<LeaseEvent, InvalidField> {
    let expected = format!("\"{STATUS_CHANGE}\", or an action: {ACTIONS}");
    match fields.text("detail-type", STATUS_CHANGE)? {
        Some(STATUS_CHANGE) => {}
        other => return Err(fields.wrong("detail-type", expected, quoted(other.unwrap_or_default()))),
    }
    let detail = fields.object("detail", "an object")?.ok_or_else(|| fields.missing("detail", "an object"))?;
    let status = detail.required("status", "the execution's status")?;
    if !ENDED.contains(&status) {
        return Ok(LeaseEvent::Ignored { execution_status: status.into() });
    }
    let execution = detail.required("executionArn", "the execution's ARN")?;
    Holder::new(execution, "", None).map_err(|not| detail.wrong("executionArn", not.expected, not.got))?;
    const STOPPED: &str = "when the execution ended, in whole milliseconds since 1970";
    let at = detail.whole("stopDate", STOPPED, moment::of_millis)?;
    let at = at.ok_or_else(|| detail.missing("stopDate", STOPPED))?;
    const REDRIVES: &str = "how often the execution was redriven, a whole number";
    let redrive = detail.whole("redriveCount", REDRIVES, |count| u32::try_from(count).ok())?;
    Ok(LeaseEvent::ExecutionEnded(ExecutionEnded { execution: execution.into(), at, redrive, after: None }))
}
