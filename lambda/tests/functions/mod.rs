//! Lambda functions of a local AWS: how does a test make one, and invoke it? By the two calls of Lambda's API.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use aws_smithy_types::base64;
use leasehold_testkit::LocalAws;
use serde_json::{Value, json};

/// An invocation that is over.
#[derive(Debug)]
pub(crate) struct FunctionResult {
    pub(crate) failed: bool,
    pub(crate) answer: Value,
    pub(crate) log: String,
}

/// Makes a function of this package and environment.
pub(crate) fn create_function(aws: &LocalAws, name: &str, package: &[u8], environment: &Value) {
    let function = json!({
        "FunctionName": name, "Runtime": "provided.al2023", "Handler": "bootstrap", "Timeout": 20,
        "Role": "arn:aws:iam::000000000000:role/lease-manager", "Code": { "ZipFile": base64::encode(package) },
        "Environment": { "Variables": environment },
    });
    let made = aws.request("lambda", "POST", "/2015-03-31/functions", &[], &function.to_string());
    let made = made.expect("an answer");
    assert_eq!(made.status, 201, "{}", made.body);
}

/// Invokes it with this event.
pub(crate) fn invoke(aws: &LocalAws, name: &str, event: &Value) -> FunctionResult {
    let path = format!("/2015-03-31/functions/{name}/invocations");
    let answer = aws.request("lambda", "POST", &path, &[("X-Amz-Log-Type", "Tail")], &event.to_string());
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.body);
    let log = base64::decode(answer.header("x-amz-log-result").unwrap_or_default()).expect("base64");
    FunctionResult {
        failed: answer.header("x-amz-function-error").is_some(),
        answer: serde_json::from_str(&answer.body).expect("JSON"),
        log: String::from_utf8(log).expect("text"),
    }
}
