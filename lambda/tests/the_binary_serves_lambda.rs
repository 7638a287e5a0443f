//! The binary, packed as it is deployed, does what the contract says as a `provided.al2023` function, and its one line
//! of output is all that it writes.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod ministack;

use std::path::Path;
use std::process::Command;

use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, Region};
use leasehold_core::table::PoolRow;
use leasehold_store::{Table, create};
use ministack::Ministack;
use serde_json::{Value, json};

/// The package, made by the same script as the one that is deployed.
fn package() -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let made = Command::new(root.join("scripts/lambda")).args(["--profile", "dev"]).output().expect("scripts/lambda");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    std::fs::read(root.join("target/lambda/lease-manager-dev/bootstrap.zip")).expect("the package")
}

async fn make_pool(aws: &Ministack) {
    let config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(aws.endpoint())
        .credentials_provider(Credentials::new("test", "test", None, None, "test"));
    let table = Table::from_builder(config, "leases");
    create::create(&table).await.expect("a table");
    let (lowered, lease, grace, quiet) = (None, None, None, None);
    let (longest_wait, longest_hold, sweep_every) = (None, None, None);
    let limit = 1.try_into().expect("a limit");
    let pool = PoolRow { limit, lowered, lease, grace, quiet, longest_wait, longest_hold, sweep_every };
    create::set_pool(&table, &"analytics".parse().expect("a prefix"), &pool, None).await.expect("a pool");
}

#[tokio::test]
async fn the_package_answers_fails_by_name_and_writes_one_line_a_call() {
    let aws = Ministack::start();
    make_pool(&aws).await;
    let package = package();
    let environment = |prefix: &str| json!({ "LEASE_TABLE_NAME": "leases", "LEASE_PREFIX": prefix, "AWS_ENDPOINT_URL": aws.endpoint() });
    aws.create_function("lease-manager", &package, &environment("analytics"));

    let acquire = |key: &str| json!({ "action": "acquire", "execution": "e", "key": key });
    let first = aws.invoke("lease-manager", &acquire("1"));
    assert_eq!((&first.answer["status"], &first.answer["lease_id"]), (&json!("acquired"), &json!("analytics:0:1")));
    assert!(!first.failed);
    let second = aws.invoke("lease-manager", &acquire("2"));
    assert_eq!(second.answer["status"], "wait");
    let invalid = aws.invoke("lease-manager", &json!({ "action": "acquire" }));
    assert!(invalid.failed);
    assert_eq!(invalid.answer["errorType"], "InvalidRequest");
    assert!(invalid.answer["errorMessage"].as_str().is_some_and(|said| said.contains("execution")), "{:?}", invalid);
    let busy = aws.invoke("lease-manager", &json!({ "action": "renew", "lease_id": "analytics:0:2" }));
    assert_eq!((busy.failed, &busy.answer["errorType"]), (true, &json!("LeaseLost")));

    for (call, outcome) in [(&first, "acquired"), (&second, "wait"), (&invalid, "InvalidRequest"), (&busy, "LeaseLost")]
    {
        let written: Vec<Value> =
            call.log.lines().filter_map(|line| serde_json::from_str(line).ok()).filter(Value::is_object).collect();
        assert_eq!(written.len(), 1, "{}", call.log);
        assert_eq!((&written[0]["service"], &written[0]["outcome"]), (&json!("lease-manager"), &json!(outcome)));
        assert_eq!(written[0]["_aws"]["CloudWatchMetrics"][0]["Namespace"], "leasehold");
    }

    aws.create_function("no-pool", &package, &environment("nobody"));
    let missing = aws.invoke("no-pool", &acquire("1"));
    assert_eq!((missing.failed, &missing.answer["errorType"]), (true, &json!("PoolNotFound")));
    let said = missing.answer["errorMessage"].as_str().expect("a sentence");
    assert!(said.contains("pool nobody") && said.contains("table leases"), "{said}");

    aws.create_function("no-table-name", &package, &json!({ "LEASE_PREFIX": "analytics" }));
    let wrong = aws.invoke("no-table-name", &acquire("1"));
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
