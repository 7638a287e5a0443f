//! What does a test do with an execution and a pool? It starts a job like those of a Distributed Map, lets the real
//! lease manager answer its calls, and looks at what became of both.

use leasehold_core::contract::{Error, Invalid};
use leasehold_core::machine::WhyLost;
use leasehold_core::nouns::{Attempt, Millis, NotA};
use serde_json::{Value, json};

use super::Wrong;
use super::walk::{Call, Turn, Walk};
use crate::pool::Pool;

/// As AWS names a child of a Distributed Map, and the execution that started it.
pub(crate) const CHILD: &str =
    "arn:aws:states:eu-central-1:123456789012:execution:analytics/ProcessItems:6f1c7a52-3b0e-4d7e-9a55-0c2b1f6f7a11";
pub(crate) const PARENT: &str =
    "arn:aws:states:eu-central-1:123456789012:execution:analytics:0b7f4f6e-7f0c-4a53-8a9e-2f4dfc7f9a01";

/// The error types that Lambda and Step Functions report of a call that may go well the next time.
pub(crate) const TRANSIENT: [&str; 9] = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
    "Sandbox.Timedout",
    "Runtime.ExitError",
    "States.Timeout",
];

pub(crate) fn item(id: &str) -> Value {
    json!({ "parent": PARENT, "item": { "id": id, "rows": 3 } })
}

/// A pool whose leases may last as long as the rendered states ask for.
pub(crate) async fn pool_of(limit: u64) -> Pool {
    Pool::with(limit, |row| row.lease = Some(Millis(3_600_000))).await
}

/// The call that an execution waits for.
pub(crate) fn call(turn: Turn) -> Call {
    match turn {
        Turn::Call(call) => call,
        Turn::Over(ended) => panic!("it should call a function, and ended with {ended:?}"),
    }
}

pub(crate) fn ended(turn: Turn) -> Result<Value, Wrong> {
    match turn {
        Turn::Over(ended) => ended,
        Turn::Call(call) => panic!("it should have ended, and calls {call:?}"),
    }
}

/// What comes of a call of the lease manager; none while its task waits.
pub(crate) async fn serve(pool: &Pool, call: &Call) -> Option<Result<Value, Wrong>> {
    assert!(call.function.ends_with(":function:analytics-lease-manager"), "{}", call.function);
    let answer = pool.handle(call.payload.clone()).await.answer;
    let answer = match answer {
        Ok(answer) => serde_json::to_value(answer).expect("JSON"),
        Err(failed) => return Some(Err(Wrong::new(failed.error_type, failed.message))),
    };
    match &call.token {
        None => Some(Ok(answer)),
        Some(token) => told(pool, token),
    }
}

/// What the task of this token was told.
pub(crate) fn told(pool: &Pool, token: &str) -> Option<Result<Value, Wrong>> {
    let failures = pool.tasks.asked("SendTaskFailure");
    let text = |body: &Value, name: &str| body[name].as_str().expect("a string").to_owned();
    let failed = failures.iter().find(|body| body["taskToken"] == token);
    let failed = failed.map(|body| Err(Wrong::new(text(body, "error"), text(body, "cause"))));
    pool.tasks.output(token).map(Ok).or(failed)
}

/// Goes on until the work is called.
pub(crate) async fn to_the_work(pool: &Pool, walk: &mut Walk, turn: Turn) -> Call {
    let answer = serve(pool, &call(turn)).await.expect("a free slot");
    let work = call(walk.answered(answer));
    assert!(work.function.ends_with(":function:analytics-work"), "{work:?}");
    work
}

pub(crate) async fn status(pool: &Pool) -> Value {
    pool.answer(json!({ "action": "status", "holders": true })).await
}

/// Whether the same call may go well the next time. A new error of the contract must be sorted in here.
pub(crate) fn may_go_well(error: &Error) -> bool {
    match error {
        Error::Throttled | Error::TableUnavailable | Error::Internal(_) => true,
        // Only a task in the queue gets it on acquire: its grant expired before it could be told.
        Error::LeaseLost(_) => true,
        Error::InvalidRequest(_) | Error::PoolNotFound | Error::PoolMisconfigured(_) | Error::HolderBusy(_) => false,
    }
}

/// Every error that the contract has.
pub(crate) fn errors_of_the_contract() -> Vec<(&'static str, bool)> {
    let invalid = Invalid { field: "key".into(), expected: "a string".into(), got: "nothing".into() };
    let not = NotA { what: "limit", expected: "1 to 10,000", got: "0".into() };
    let attempt = Attempt { entered: Millis(0), retry: 0 };
    let errors = [
        Error::InvalidRequest(invalid),
        Error::PoolNotFound,
        Error::PoolMisconfigured(not),
        Error::LeaseLost(WhyLost::Taken),
        Error::HolderBusy(attempt),
        Error::Throttled,
        Error::TableUnavailable,
        Error::Internal("a defect".into()),
    ];
    errors.iter().map(|error| (error.error_type(), may_go_well(error))).collect()
}

/// How often a state calls when every call ends with this error, and how the execution then ends.
pub(crate) fn always(walk: &mut Walk, mut turn: Turn, wrong: &Wrong) -> (usize, Result<Value, Wrong>) {
    let mut calls = 0;
    loop {
        match turn {
            Turn::Call(_) => calls += 1,
            Turn::Over(ended) => return (calls, ended),
        }
        turn = walk.answered(Err(wrong.clone()));
    }
}
