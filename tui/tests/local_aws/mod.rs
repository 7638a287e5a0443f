//! The commands under test: what do they run against? The real binary, a local AWS, and its tables as the store sees
//! them.
#![allow(dead_code, clippy::expect_used, reason = "each test uses what it needs; one that cannot go on says why")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use leasehold_core::{PoolName, RowKey};
use leasehold_store::{Table, https, rows};
use leasehold_testkit::{DynamoDbLocal, LocalAws};

/// One server for all tests of a file; each makes a table of its own. It ends with this process, however that ends.
static LOCAL_AWS: LazyLock<LocalAws> = LazyLock::new(LocalAws::start);

/// Another, for the tests that ask for it.
static DYNAMODB_LOCAL: LazyLock<DynamoDbLocal> = LazyLock::new(DynamoDbLocal::start);

/// A table that commands are told of: its name, and what serves it. A name alone is of the local AWS.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TableAt<'a> {
    pub(crate) name: &'a str,
    on_dynamodb_local: bool,
}

impl<'a> TableAt<'a> {
    /// The table of this name on AWS's own DynamoDB Local.
    pub(crate) fn on_dynamodb_local(name: &'a str) -> TableAt<'a> {
        TableAt { name, on_dynamodb_local: true }
    }

    fn endpoint(self) -> String {
        if self.on_dynamodb_local { DYNAMODB_LOCAL.endpoint() } else { endpoint() }
    }
}

impl<'a> From<&'a str> for TableAt<'a> {
    fn from(name: &'a str) -> TableAt<'a> {
        TableAt { name, on_dynamodb_local: false }
    }
}

/// Where DynamoDB's API is.
pub(crate) fn endpoint() -> String {
    LOCAL_AWS.endpoint()
}

/// What a client needs to talk to it.
pub(crate) fn config() -> Builder {
    LOCAL_AWS.config().region(Region::from_static("eu-central-1"))
}

/// Step Functions there.
pub(crate) fn step_functions() -> aws_sdk_sfn::Client {
    let config = aws_sdk_sfn::config::Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("eu-central-1"))
        .endpoint_url(endpoint())
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(https::client());
    aws_sdk_sfn::Client::from_conf(config.build())
}

/// A table there as the store uses it, whether or not it exists.
pub(crate) fn table(name: &str) -> Table {
    Table::from_builder(config(), name)
}

/// Puts a number where another should be in one of a pool's rows: damage from outside.
pub(crate) async fn damage(table: &str, prefix: &PoolName, key: RowKey, attribute: &str, number: i64) {
    let client = Client::from_conf(config().build());
    let update = client.update_item().table_name(table).set_key(Some(rows::key(prefix, &key)));
    let update =
        update.update_expression("SET #attribute = :number").expression_attribute_names("#attribute", attribute);
    let update = update.expression_attribute_values(":number", AttributeValue::N(number.to_string()));
    update.send().await.expect("the row is damaged");
}

/// The binary with nothing of this machine's own AWS set-up in its environment.
pub(crate) fn bare() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leasehold"));
    without_aws(&mut command);
    command
}

/// The binary with everything in its environment that the local AWS needs, and this table.
pub(crate) fn on<'t>(table: impl Into<TableAt<'t>>) -> Command {
    let mut command = bare();
    with_aws(&mut command, table.into());
    command
}

/// The binary on a terminal of its own, as [`on`] has it; the terminal's input is this process's.
pub(crate) fn on_a_terminal<'t>(table: impl Into<TableAt<'t>>) -> Command {
    const SPAWN: &str = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let mut command = Command::new("python3");
    command.args(["-c", SPAWN, env!("CARGO_BIN_EXE_leasehold")]);
    without_aws(&mut command);
    with_aws(&mut command, table.into());
    command
}

/// The binary on a machine whose clock is off by so much, as `scripts/faketime` takes it, else as [`on`] has it.
pub(crate) fn on_a_clock_off_by<'t>(offset: &str, table: impl Into<TableAt<'t>>) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/faketime");
    // Made first, so that what it says of that is not taken for the binary's words.
    let made = Command::new(&script).output().expect("scripts/faketime could not be run");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut command = Command::new(script);
    command.args([offset, env!("CARGO_BIN_EXE_leasehold")]);
    without_aws(&mut command);
    with_aws(&mut command, table.into());
    command
}

fn without_aws(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("AWS_") || name.starts_with("LEASEHOLD_") {
            command.env_remove(name);
        }
    }
    let nothing = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/no-such-file");
    command.env("AWS_CONFIG_FILE", &nothing).env("AWS_SHARED_CREDENTIALS_FILE", &nothing);
    command.env("AWS_EC2_METADATA_DISABLED", "true").env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
}

fn with_aws(command: &mut Command, table: TableAt<'_>) {
    command.env("AWS_ENDPOINT_URL", table.endpoint()).env("AWS_REGION", "eu-central-1");
    command.env("LEASEHOLD_TABLE", table.name);
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: Option<i32>,
    /// What it told: standard output.
    pub(crate) told: String,
    /// What it complained of: standard error.
    pub(crate) wrong: String,
}

impl Ended {
    fn of(output: &Output) -> Ended {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ended { status: output.status.code(), told: text(&output.stdout), wrong: text(&output.stderr) }
    }
}

/// Runs it to its end.
pub(crate) fn run(mut command: Command, arguments: &[&str]) -> Ended {
    Ended::of(&command.args(arguments).output().expect("the binary runs"))
}

/// What is told in words by a command that must succeed.
pub(crate) fn told<'t>(table: impl Into<TableAt<'t>>, arguments: &[&str]) -> String {
    let ended = run(on(table), arguments);
    assert_eq!((ended.status, &*ended.wrong), (Some(0), ""), "{arguments:?}: {ended:?}");
    ended.told
}

/// The JSON document that is told by a command that must succeed.
pub(crate) fn document<'t>(table: impl Into<TableAt<'t>>, arguments: &[&str]) -> serde_json::Value {
    let arguments: Vec<&str> = arguments.iter().copied().chain(["--output", "json"]).collect();
    serde_json::from_str(&told(table, &arguments)).expect("one JSON document and nothing else")
}

/// What is complained of by a command that must end with this status and tell nothing.
pub(crate) fn refused(command: Command, status: i32, arguments: &[&str]) -> String {
    let ended = run(command, arguments);
    assert_eq!((ended.status, &*ended.told), (Some(status), ""), "{arguments:?}: {ended:?}");
    ended.wrong
}

/// Runs it on a terminal where this is typed: its exit status, and all that the terminal showed.
pub(crate) fn typed<'t>(table: impl Into<TableAt<'t>>, arguments: &[&str], keys: &str) -> (Option<i32>, String) {
    let mut command = on_a_terminal(table);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("python3 with its pty module");
    let mut keyboard = child.stdin.take().expect("a keyboard");
    keyboard.write_all(keys.as_bytes()).expect("typed");
    // Held open until the command has ended: the terminal stays.
    let output = child.wait_with_output().expect("it ends");
    drop(keyboard);
    let ended = Ended::of(&output);
    (ended.status, ended.told + &ended.wrong)
}
