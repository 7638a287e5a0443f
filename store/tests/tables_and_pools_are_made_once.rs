//! Making a table or a pool twice changes nothing, and what somebody else changed meanwhile is not overwritten.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType,
};
use leasehold_core::{
    AcquireOutcome, AcquireRequest, Author, EndOverride, ExpectedOverride, ExpectedSettings, Failure, Holder, Limit,
    Millis, Mode, PoolName, PoolPatch, PoolRetired, PoolRow, ReleaseTarget, Reply, Request, RetirePool, Row, RowKey,
    SetLimit, SetPool, SetPoolOutcome, SettingsRow,
};
use leasehold_store::{Embedded, Runner, Table, TableCreated, create_table, list_pools};
use leasehold_testkit::{LocalAws, embedded_table};

fn prefix(name: &str) -> PoolName {
    name.parse().expect("a prefix")
}

fn pool(limit: u64) -> PoolRow {
    PoolRow { lease: Some(Millis::seconds(60)), ..PoolRow::new(Limit::try_from(limit).expect("a limit")) }
}

fn is(row: PoolRow) -> Option<SettingsRow> {
    Some(SettingsRow::Valid(row))
}

/// Sets a pool where its settings are these.
async fn set(table: &Table, prefix: &PoolName, limit: u64, expected: Option<PoolRow>) -> SetPoolOutcome {
    let PoolRow { limit, lease, .. } = pool(limit);
    let patch = PoolPatch { limit: Some(limit), lease, ..PoolPatch::default() };
    let expected = ExpectedSettings::Exactly(expected.map(|row| Box::new(SettingsRow::Valid(row))));
    Runner::new(table.clone())
        .administer(prefix, SetPool { patch, by: Author::new("ann", "a test"), expected })
        .await
        .expect("an answer")
}

#[tokio::test]
async fn on_the_embedded_engine() {
    everything(&Embedded::memory().expect("an engine").table("leases")).await;
}

#[tokio::test]
async fn on_ministack() {
    let ministack = LocalAws::start();
    everything(&Table::from_builder(ministack.config(), "leases")).await;
}

async fn everything(table: &Table) {
    assert_eq!(create_table(table).await, Ok(TableCreated::New));
    assert_eq!(create_table(table).await, Ok(TableCreated::Existed));

    let (a, b) = (prefix("a"), prefix("b"));
    assert_eq!(set(table, &a, 5, None).await, SetPoolOutcome::Set { before: None, after: pool(5) });
    assert_eq!(set(table, &b, 1, None).await, SetPoolOutcome::Set { before: None, after: pool(1) });
    assert_eq!(set(table, &a, 6, None).await, SetPoolOutcome::Superseded(is(pool(5))));
    assert_eq!(set(table, &a, 7, Some(pool(5))).await, SetPoolOutcome::Set { before: is(pool(5)), after: pool(7) });
    assert_eq!(set(table, &a, 8, Some(pool(5))).await, SetPoolOutcome::Superseded(is(pool(7))));
    assert_eq!(set(table, &prefix("c"), 8, Some(pool(5))).await, SetPoolOutcome::Superseded(None));

    let listed = list_pools(table).await.expect("the directory");
    let limits: Vec<_> = listed.iter().map(|(p, l)| (p.as_str(), l.pool.as_ref().map(|p| p.limit.count()))).collect();
    assert_eq!(limits, [("a", Some(7)), ("b", Some(1))]);

    let runner = Runner::new(table.clone());
    assert_eq!(runner.administer(&b, RetirePool { by: Author::new("ann", "a test") }).await, Ok(PoolRetired));
    let gone =
        runner.administer(&b, RetirePool { by: Author::new("ann", "a test") }).await.map_err(|error| error.failure);
    assert_eq!(gone, Err(Failure::PoolNotFound));
    assert_eq!(list_pools(table).await.map(|listed| listed.len()), Ok(1));
}

#[tokio::test]
async fn a_table_of_another_shape_is_refused() {
    let engine = Embedded::memory().expect("an engine");
    let client = aws_sdk_dynamodb::Client::from_conf(engine.config().build());
    let id = AttributeDefinition::builder().attribute_name("Id").attribute_type(ScalarAttributeType::N).build();
    let key = KeySchemaElement::builder().attribute_name("Id").key_type(KeyType::Hash).build();
    let other = client.create_table().table_name("leases").billing_mode(BillingMode::PayPerRequest);
    let other = other.attribute_definitions(id.expect("an id")).key_schema(key.expect("a key"));
    other.send().await.expect("a table");
    let error = create_table(&engine.table("leases")).await.expect_err("it has another shape").to_string();
    for words in ["table leases", "HASH Id (N)", "PK and SK", "another name"] {
        assert!(error.contains(words), "{words:?} is not in: {error}");
    }
}

#[tokio::test]
async fn an_index_that_lacks_attributes_is_refused() {
    let engine = Embedded::memory().expect("an engine");
    let client = aws_sdk_dynamodb::Client::from_conf(engine.config().build());
    let key =
        |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("a key");
    let index = GlobalSecondaryIndex::builder()
        .index_name("directory")
        .key_schema(key("directory", KeyType::Hash))
        .key_schema(key("directory_row", KeyType::Range))
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build());
    let mut other = client.create_table().table_name("leases").billing_mode(BillingMode::PayPerRequest);
    for name in ["PK", "SK", "directory", "directory_row"] {
        let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
        other = other.attribute_definitions(attribute.build().expect("an attribute"));
    }
    let other = other.key_schema(key("PK", KeyType::Hash)).key_schema(key("SK", KeyType::Range));
    other.global_secondary_indexes(index.build().expect("an index")).send().await.expect("a table");
    let error = create_table(&engine.table("leases")).await.expect_err("its index is another").to_string();
    assert!(
        error.contains("index directory: HASH directory (S), RANGE directory_row (S), which carries not all"),
        "{error}"
    );
}

#[tokio::test]
async fn settings_are_read_again_only_when_they_are_old() {
    let table = embedded_table("leases").await;
    let a = prefix("a");
    set(&table, &a, 5, None).await;
    let runner = Runner::new(table.clone()).fresh_for(Duration::from_secs(60));
    assert_eq!(runner.settings(&a).await.map(|settings| settings.limit.count()), Ok(5));
    // Another process sets it.
    set(&table, &a, 9, Some(pool(5))).await;
    let reads = table.meter().used().reads;
    assert_eq!(runner.settings(&a).await.map(|settings| settings.limit.count()), Ok(5));
    assert_eq!(table.meter().used().reads, reads);
    let never = Runner::new(table.clone()).fresh_for(Duration::ZERO);
    assert_eq!(never.settings(&a).await.map(|settings| settings.limit.count()), Ok(9));
    assert_eq!(never.settings(&a).await.map(|settings| settings.limit.count()), Ok(9));
    assert_eq!(table.meter().used().reads, reads + 6);
}

#[tokio::test]
async fn a_change_that_changes_nothing_costs_two_reads() {
    let table = embedded_table("leases").await;
    let a = prefix("a");
    set(&table, &a, 5, None).await;
    let before = table.meter().used();
    set(&table, &a, 5, Some(pool(5))).await;
    let after = table.meter().used();
    assert_eq!((after.reads - before.reads, after.writes - before.writes), (2, 0));
}

fn by() -> Author {
    Author::new("ann", "a test")
}

fn limit(count: u64) -> Limit {
    Limit::try_from(count).expect("a limit")
}

fn to_limit(count: u64) -> SetPool {
    let patch = PoolPatch { limit: Some(limit(count)), ..PoolPatch::default() };
    SetPool { patch, by: by(), expected: ExpectedSettings::Any }
}

fn ask(name: &str) -> AcquireRequest {
    let holder = Holder::new(name, "", None).expect("a holder");
    AcquireRequest { holder, attempt: None, mode: Mode::Poll, lease: None, wait: None, label: None }
}

#[tokio::test]
async fn a_process_follows_its_own_change_at_once() {
    let table = embedded_table("leases").await;
    let a = prefix("a");
    let runner = Runner::new(table.clone()).fresh_for(Duration::from_secs(3_600));
    let in_force = async || runner.settings(&a).await.expect("settings").limit.count();
    runner.administer(&a, to_limit(5)).await.expect("made");
    assert_eq!(in_force().await, 5);
    runner.administer(&a, to_limit(9)).await.expect("set");
    assert_eq!(in_force().await, 9);
    let to_two = SetLimit {
        limit: limit(2),
        who: "ann".into(),
        why: "a test".into(),
        lasts: None,
        expected: ExpectedOverride::Any,
    };
    runner.administer(&a, to_two).await.expect("overridden");
    assert_eq!(in_force().await, 2);
    runner.administer(&a, EndOverride { by: by(), expected: ExpectedOverride::Any }).await.expect("ended");
    assert_eq!(in_force().await, 9);
    runner.administer(&a, RetirePool { by: by() }).await.expect("retired");
    runner.settings(&a).await.expect_err("the pool is gone");
}

#[tokio::test]
async fn an_operation_leaves_settings_that_it_did_not_write() {
    let table = embedded_table("leases").await;
    let a = prefix("a");
    set(&table, &a, 9, None).await;
    let runner = Runner::new(table.clone()).fresh_for(Duration::from_secs(3_600));
    // The first writes the high-water mark, which is a part of the settings.
    runner.run_on(&a, ask("one")).await.expect("a lease");
    let settings = runner.settings(&a).await.expect("settings");
    let reads = || table.meter().used().reads;
    let before = reads();
    runner.run(ask("two"), settings).await.expect("a lease");
    let without_settings = reads() - before;
    runner.run_on(&a, ask("three")).await.expect("a lease");
    assert_eq!(reads() - before, 2 * without_settings);
}

#[tokio::test]
async fn a_file_is_kept_and_shared() {
    let folder = std::env::temp_dir().join(format!("leasehold-store-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("store.db");
    let (one, other) = (Embedded::file(&path).expect("an engine"), Embedded::file(&path).expect("a second engine"));
    assert_eq!(create_table(&one.table("leases")).await, Ok(TableCreated::New));
    assert_eq!(create_table(&other.table("leases")).await, Ok(TableCreated::Existed));
    set(&one.table("leases"), &prefix("a"), 5, None).await;
    let read = other.table("leases").send(&prefix("a"), &Request::Get(RowKey::Pool)).await;
    assert_eq!(read.reply, Reply::Row(Some(Row::Pool(pool(5)))));
    drop((one, other));
    let again = Embedded::file(&path).expect("an engine").table("leases");
    let read = again.send(&prefix("a"), &Request::Get(RowKey::Pool)).await;
    assert_eq!(read.reply, Reply::Row(Some(Row::Pool(pool(5)))));
    std::fs::remove_dir_all(&folder).expect("removed");
}

/// A folder of a test's own, empty.
fn folder(name: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("leasehold-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// Each file of a folder with its bytes.
fn files(folder: &std::path::Path) -> BTreeMap<std::path::PathBuf, Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.map(|path| (path.clone(), std::fs::read(path).expect("its bytes"))).collect()
}

/// A database that is not ours, in a journal mode.
fn foreign(path: &std::path::Path, mode: &str, made: &str) -> rusqlite::Connection {
    let other = rusqlite::Connection::open(path).expect("a database");
    other.execute_batch(&format!("PRAGMA journal_mode = {mode}; {made}")).expect("made");
    other
}

fn refuses(path: &std::path::Path) {
    let refused = Embedded::file(path).expect_err("it is not ours").to_string();
    assert!(refused.contains("it is another program's database; nothing was changed"), "{refused}");
}

#[test]
fn another_programs_database_stays_as_it_is() {
    let folder = folder("foreign");
    let table = "CREATE TABLE notes (body TEXT);";
    for (name, mode, made) in [
        ("delete.db", "DELETE", table),
        ("wal.db", "WAL", table),
        ("view.db", "DELETE", "CREATE VIEW one AS SELECT 1;"),
        ("is it 100%? #1.db", "WAL", table),
    ] {
        let path = folder.join(name);
        foreign(&path, mode, made).close().expect("closed");
        let before = files(&folder);
        refuses(&path);
        assert!(files(&folder) == before, "{name}: its bytes or the files beside it: {:?}", files(&folder).keys());
    }
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn a_database_in_use_by_others_stays_as_it_is() {
    let folder = folder("foreign-used");
    let path = folder.join("wal.db");
    // All that it has lies in the file beside it.
    let other = foreign(&path, "WAL", "PRAGMA wal_autocheckpoint = 0; CREATE TABLE notes (body TEXT);");
    let before = std::fs::read(&path).expect("its bytes");
    refuses(&path);
    assert!(std::fs::read(&path).expect("its bytes") == before);
    let locked = folder.join("locked.db");
    let writes = foreign(&locked, "DELETE", "CREATE TABLE notes (body TEXT); BEGIN EXCLUSIVE;");
    refuses(&locked);
    drop((other, writes));
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn a_name_is_a_file_and_no_address_of_sqlites() {
    let folder = folder("address");
    let path = folder.join("other.db");
    foreign(&path, "DELETE", "CREATE TABLE notes (body TEXT);").close().expect("closed");
    let before = files(&folder);
    Embedded::file(std::path::Path::new(&format!("file:{}", path.display()))).expect_err("there is no such folder");
    assert!(files(&folder) == before, "{:?}", files(&folder).keys());
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn a_database_without_tables_becomes_ours() {
    let folder = folder("unmade");
    // An empty file, and what an engine leaves that was stopped while it made its tables, or is at it.
    std::fs::write(folder.join("empty.db"), []).expect("a file");
    foreign(&folder.join("begun.db"), "WAL", "").close().expect("closed");
    let half = "CREATE TABLE _config (key TEXT PRIMARY KEY, value TEXT NOT NULL);";
    foreign(&folder.join("half.db"), "WAL", half).close().expect("closed");
    let making = foreign(&folder.join("making.db"), "WAL", half);
    for name in ["empty.db", "begun.db", "half.db", "making.db"] {
        Embedded::file(&folder.join(name)).expect(name);
    }
    drop(making);
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn a_file_that_is_something_else_is_named() {
    let error = Embedded::file(std::path::Path::new(env!("CARGO_MANIFEST_DIR"))).expect_err("a folder").to_string();
    assert!(error.contains(env!("CARGO_MANIFEST_DIR")), "{error}");
}

#[tokio::test]
async fn a_pool_made_again_counts_those_who_follow_the_one_before() {
    let table = embedded_table("leases").await;
    let a = prefix("a");
    let runner = Runner::new(table.clone()).fresh_for(Duration::ZERO);
    runner.administer(&a, to_limit(4)).await.expect("made");
    let Ok(AcquireOutcome::Acquired(lease)) = runner.run_on(&a, ask("one")).await else { panic!("a slot is free") };
    runner.run_on(&a, ReleaseTarget::Lease(lease.id)).await.expect("released");
    let before = runner.settings(&a).await.expect("settings");
    runner.administer(&a, RetirePool { by: by() }).await.expect("retired");
    runner.administer(&a, to_limit(1)).await.expect("made again");
    let new = runner.run_on(&a, ask("new")).await.expect("an answer");
    let late = runner.run(ask("late"), before).await.expect("an answer");
    let granted = [new, late].into_iter().filter(|answer| matches!(answer, AcquireOutcome::Acquired(_))).count();
    assert_eq!(granted, 1, "whoever read the settings before may still be let in, and nobody beside");
}
