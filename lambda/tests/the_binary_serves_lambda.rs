//! The binary, packed as it is deployed, does what the contract says as a `provided.al2023` function, and its one line
//! of output is all that it writes.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod functions;

use std::path::Path;
use std::process::Command;

use functions::{create_function, invoke};
use leasehold_core::{PoolRow, Row};
use leasehold_testkit::{LocalAws, put_row};
use serde_json::{Value, json};

/// The package, made by the same script as the one that is deployed.
fn package() -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let made = Command::new(root.join("scripts/lambda")).args(["--profile", "dev"]).output().expect("scripts/lambda");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    std::fs::read(root.join("target/lambda/lease-manager-dev/bootstrap.zip")).expect("the package")
}

async fn make_pool(aws: &LocalAws) {
    let table = aws.table("leases").await;
    let pool = PoolRow::new(1.try_into().expect("a limit"));
    put_row(&table, &"analytics".parse().expect("a prefix"), Row::Pool(pool)).await;
}

#[tokio::test]
async fn the_package_answers_fails_by_name_and_writes_one_line_a_call() {
    let aws = LocalAws::start();
    make_pool(&aws).await;
    let package = package();
    let environment = |prefix: &str| json!({ "LEASE_TABLE_NAME": "leases", "LEASE_PREFIX": prefix, "AWS_ENDPOINT_URL": aws.endpoint() });
    create_function(&aws, "lease-manager", &package, &environment("analytics"));

    let acquire = |key: &str| json!({ "action": "acquire", "execution": "e", "key": key });
    let first = invoke(&aws, "lease-manager", &acquire("1"));
    assert_eq!((&first.answer["status"], &first.answer["lease_id"]), (&json!("acquired"), &json!("analytics:0:1")));
    assert!(!first.failed);
    let second = invoke(&aws, "lease-manager", &acquire("2"));
    assert_eq!(second.answer["status"], "wait");
    let invalid = invoke(&aws, "lease-manager", &json!({ "action": "acquire" }));
    assert!(invalid.failed);
    assert_eq!(invalid.answer["errorType"], "InvalidRequest");
    assert!(invalid.answer["errorMessage"].as_str().is_some_and(|said| said.contains("execution")), "{:?}", invalid);
    let busy = invoke(&aws, "lease-manager", &json!({ "action": "renew", "lease_id": "analytics:0:2" }));
    assert_eq!((busy.failed, &busy.answer["errorType"]), (true, &json!("LeaseLost")));

    for (call, outcome) in [(&first, "acquired"), (&second, "wait"), (&invalid, "InvalidRequest"), (&busy, "LeaseLost")]
    {
        let written: Vec<Value> =
            call.log.lines().filter_map(|line| serde_json::from_str(line).ok()).filter(Value::is_object).collect();
        assert_eq!(written.len(), 1, "{}", call.log);
        assert_eq!((&written[0]["service"], &written[0]["outcome"]), (&json!("lease-manager"), &json!(outcome)));
        assert_eq!(written[0]["_aws"]["CloudWatchMetrics"][0]["Namespace"], "leasehold");
    }

    // What the first call's execution started waits behind it.
    let child = json!({ "action": "acquire", "execution": "child", "parent": "e" });
    let warned = invoke(&aws, "lease-manager", &child);
    assert_eq!((warned.failed, &warned.answer["status"]), (false, &json!("wait")));
    assert!(warned.log.contains("HeldByAncestor") && warned.log.contains("child waits, e#1 holds"), "{}", warned.log);

    // Lambda says of which account the function is.
    let elsewhere = "arn:aws:states:us-east-1:210987654321:execution:nightly:7";
    let waits = json!({ "action": "acquire", "execution": elsewhere, "task_token": "token" });
    let refused = invoke(&aws, "lease-manager", &waits);
    assert_eq!((refused.failed, &refused.answer["errorType"]), (true, &json!("InvalidRequest")));
    let said = refused.answer["errorMessage"].as_str().expect("a sentence");
    assert!(said.contains("account 000000000000"), "{said}");

    create_function(&aws, "no-pool", &package, &environment("nobody"));
    let missing = invoke(&aws, "no-pool", &acquire("1"));
    assert_eq!((missing.failed, &missing.answer["errorType"]), (true, &json!("PoolNotFound")));
    let said = missing.answer["errorMessage"].as_str().expect("a sentence");
    assert!(said.contains("pool nobody") && said.contains("table leases"), "{said}");

    create_function(&aws, "no-table-name", &package, &json!({ "LEASE_PREFIX": "analytics" }));
    let wrong = invoke(&aws, "no-table-name", &acquire("1"));
    assert_eq!((wrong.failed, &wrong.answer["errorType"]), (true, &json!("PoolMisconfigured")));
    assert!(wrong.answer["errorMessage"].as_str().is_some_and(|said| said.contains("LEASE_TABLE_NAME is not set")));
}

#[test]
fn outside_of_lambda_it_says_where_it_runs() {
    let ran =
        Command::new(env!("CARGO_BIN_EXE_lease-manager")).env_remove("AWS_LAMBDA_RUNTIME_API").output().expect("run");
    assert!(!ran.status.success());
    assert!(String::from_utf8_lossy(&ran.stderr).contains("runs on AWS Lambda, runtime provided.al2023"));
}
