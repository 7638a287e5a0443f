//! A job of a test: what does it do with an execution and a pool? It starts a job like those of a Distributed Map, lets
//! the real lease manager answer its calls, and looks at what became of both.

use leasehold_core::contract::{ContractError, InvalidField};
use leasehold_core::{Attempt, InvalidValue, LossReason, Millis};
use serde_json::{Value, json};

use super::StateError;
use super::walk::{FunctionCall, Walk, WalkTurn};
use crate::pool::ServedPool;

/// As AWS names a child of a Distributed Map, and the execution that started it.
pub(crate) const CHILD: &str =
    "arn:aws:states:eu-central-1:123456789012:execution:analytics/ProcessItems:6f1c7a52-3b0e-4d7e-9a55-0c2b1f6f7a11";
pub(crate) const PARENT: &str =
    "arn:aws:states:eu-central-1:123456789012:execution:analytics:0b7f4f6e-7f0c-4a53-8a9e-2f4dfc7f9a01";

/// The error types that say: too many at once.
pub(crate) const THROTTLED: [&str; 3] =
    ["Throttled", "Lambda.TooManyRequestsException", "Lambda.EC2ThrottledException"];

/// The error types that Lambda and Step Functions report of a call that may go well the next time.
pub(crate) const TRANSIENT: [&str; 12] = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.EC2ThrottledException",
    "Lambda.ResourceConflictException",
    "Lambda.ResourceNotReadyException",
    "Lambda.Unknown",
    "Sandbox.Timedout",
    "Runtime.ExitError",
    "States.Timeout",
];

pub(crate) fn item(id: &str) -> Value {
    json!({ "parent": PARENT, "item": { "id": id, "rows": 3 } })
}

/// A pool whose leases may last as long as the rendered states ask for.
pub(crate) async fn pool_of(limit: u64) -> ServedPool {
    ServedPool::with(limit, |row| row.lease = Some(Millis(3_600_000))).await
}

/// The call that an execution waits for.
pub(crate) fn call(turn: WalkTurn) -> FunctionCall {
    match turn {
        WalkTurn::Call(call) => call,
        WalkTurn::Over(ended) => panic!("it should call a function, and ended with {ended:?}"),
    }
}

pub(crate) fn ended(turn: WalkTurn) -> Result<Value, StateError> {
    match turn {
        WalkTurn::Over(ended) => ended,
        WalkTurn::Call(call) => panic!("it should have ended, and calls {call:?}"),
    }
}

/// What comes of a call of the lease manager; none while its task waits.
pub(crate) async fn serve(pool: &ServedPool, call: &FunctionCall) -> Option<Result<Value, StateError>> {
    assert!(call.function.ends_with(":function:analytics-lease-manager"), "{}", call.function);
    let answer = pool.handle(call.payload.clone()).await.answer;
    let answer = match answer {
        Ok(answer) => serde_json::to_value(answer).expect("JSON"),
        Err(failed) => return Some(Err(StateError::new(failed.error_type, failed.message))),
    };
    match &call.token {
        None => Some(Ok(answer)),
        Some(token) => told(pool, token),
    }
}

/// What the task of this token was told.
pub(crate) fn told(pool: &ServedPool, token: &str) -> Option<Result<Value, StateError>> {
    let failures = pool.tasks.requests("SendTaskFailure");
    let text = |body: &Value, name: &str| body[name].as_str().expect("a string").to_owned();
    let failed = failures.iter().find(|body| body["taskToken"] == token);
    let failed = failed.map(|body| Err(StateError::new(text(body, "error"), text(body, "cause"))));
    pool.tasks.output(token).map(Ok).or(failed)
}

/// Goes on until the work is called.
pub(crate) async fn to_the_work(pool: &ServedPool, walk: &mut Walk, turn: WalkTurn) -> FunctionCall {
    let answer = serve(pool, &call(turn)).await.expect("a free slot");
    let work = call(walk.answered(answer));
    assert!(work.function.ends_with(":function:analytics-work"), "{work:?}");
    work
}

pub(crate) async fn status(pool: &ServedPool) -> Value {
    pool.answer(json!({ "action": "status", "holders": true })).await
}

/// Whether the same call may go well the next time. A new error of the contract must be sorted in here.
pub(crate) fn may_go_well(error: &ContractError) -> bool {
    match error {
        ContractError::Throttled
        | ContractError::TableUnavailable
        | ContractError::TasksUnavailable
        | ContractError::Internal(_) => true,
        // Only a task in the queue gets it on acquire: its grant expired before it could be told.
        ContractError::LeaseLost(_) => true,
        ContractError::InvalidRequest(_)
        | ContractError::PoolNotFound
        | ContractError::PoolMisconfigured(_)
        | ContractError::NoticeRefused
        | ContractError::HolderBusy(_) => false,
    }
}

/// Every error that the contract has.
pub(crate) fn errors_of_the_contract() -> Vec<(&'static str, bool)> {
    let invalid = InvalidField { field: "key".into(), expected: "a string".into(), got: "nothing".into() };
    let not = InvalidValue { what: "limit", expected: "1 to 10,000", got: "0".into() };
    let attempt = Attempt::default();
    let errors = [
        ContractError::InvalidRequest(invalid),
        ContractError::PoolNotFound,
        ContractError::PoolMisconfigured(not),
        ContractError::LeaseLost(LossReason::Taken),
        ContractError::HolderBusy(attempt),
        ContractError::Throttled,
        ContractError::TableUnavailable,
        ContractError::NoticeRefused,
        ContractError::TasksUnavailable,
        ContractError::Internal("a defect".into()),
    ];
    errors.iter().map(|error| (error.error_type(), may_go_well(error))).collect()
}

/// How often a state calls when every call ends with this error, and how the execution then ends.
pub(crate) fn always(walk: &mut Walk, mut turn: WalkTurn, wrong: &StateError) -> (usize, Result<Value, StateError>) {
    let mut calls = 0;
    loop {
        match turn {
            WalkTurn::Call(_) => calls += 1,
            WalkTurn::Over(ended) => return (calls, ended),
        }
        turn = walk.answered(Err(wrong.clone()));
    }
}
