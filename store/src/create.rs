//! How is a table made, and a pool in it? For local use and tests; on AWS, Terraform does it.

use std::time::Duration;

use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, TableDescription, TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
};
use leasehold_core::nouns::Prefix;
use leasehold_core::table::{Change, Condition, Guard, Key, OverrideRow, PoolRow, Row, Write};

use crate::error::{StoreError, Tried};
use crate::expressions;
use crate::rows::{DIRECTORY, DIRECTORY_ROW, PK, SK, TTL};
use crate::table::{Kind, Table, row};
use crate::verdict::{Verdict, verdict};

/// How long a new table is waited for; on AWS it takes about 10 seconds.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// The pause between two looks at a table that is being made.
const LOOK_EVERY: Duration = Duration::from_millis(250);

const SHAPE: &str = "the keys PK and SK (strings) and an index `directory` on directory and directory_row (strings)";

/// What became of a wish for a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It was made.
    New,
    /// It was there already, with the right shape.
    Existed,
}

/// What became of a change of a pool's settings.
#[derive(Clone, Debug, PartialEq)]
pub enum PoolSet {
    /// They are as asked.
    Done,
    /// Somebody else changed them since; nothing happened. These are in force (`None`: there are none).
    Changed(Option<PoolRow>),
}

/// Makes the table if it is not there: on demand, with the directory index and TTL; returns when it is ready.
///
/// # Errors
/// When it exists with another shape, is not ready in time, or cannot be made.
pub async fn create(table: &Table) -> Result<Created, StoreError> {
    let tried = || Tried("making the table".into());
    let found = match describe(table).await? {
        Some(_) => Created::Existed,
        None => {
            let asked = ask(table).map_err(|e| table.trouble(tried(), Verdict::Rejected(e.to_string())))?;
            match asked.send().await {
                Ok(_) => Created::New,
                // Somebody else was quicker.
                Err(e) if e.code() == Some("ResourceInUseException") => Created::Existed,
                Err(e) => return Err(table.trouble(tried(), verdict(&e))),
            }
        }
    };
    check_shape(table, &ready(table).await?)?;
    collect_tombstones(table).await?;
    Ok(found)
}

/// Sets a pool's settings, if they still are what the caller saw (`None`: there was no such pool).
///
/// # Errors
/// When the table gives no usable answer, or the row that is there makes no sense.
pub async fn set_pool(
    table: &Table,
    prefix: &Prefix,
    pool: &PoolRow,
    before: Option<&PoolRow>,
) -> Result<PoolSet, StoreError> {
    let tried = || Tried(format!("setting pool {prefix}"));
    match table.put(expressions::put_pool(prefix, pool, before)).await {
        Ok(()) => Ok(PoolSet::Done),
        Err(Verdict::Refused(refused)) => {
            let item = refused.into_iter().flatten().flatten().next();
            match item.as_ref().map(row).transpose() {
                Ok(Some(Row::Pool(pool))) => Ok(PoolSet::Changed(Some(pool))),
                Ok(_) => Ok(PoolSet::Changed(None)),
                Err(failed) => Err(failed.said(table, tried())),
            }
        }
        Err(verdict) => Err(table.trouble(tried(), verdict)),
    }
}

/// Retires a pool: its settings, override and summary go, so that nobody is granted a lease any more. Its slots
/// stay, because their fences must not start again if a pool of this name is made later.
///
/// # Errors
/// [`StoreError::PoolNotFound`] when there is none; else when the table gives no usable answer.
pub async fn retire_pool(table: &Table, prefix: &Prefix) -> Result<(), StoreError> {
    let delete = |key| Write { key, conditions: Vec::new(), change: Change::Delete };
    let rest = [Key::Override, Key::Summary].map(|key| expressions::write(prefix, &delete(key)));
    let mut all = vec![expressions::delete_present(prefix, &Key::Pool)];
    all.extend(rest);
    match table.put_all(all).await {
        Ok(()) => Ok(()),
        Err(Verdict::Refused(_)) => {
            Err(StoreError::PoolNotFound { table: table.name().into(), prefix: prefix.to_string() })
        }
        Err(verdict) => Err(table.trouble(Tried(format!("retiring pool {prefix}")), verdict)),
    }
}

/// Ends an operator's override, and sets the pool's own settings with it, if both still are what the caller saw:
/// whether they were. In `after`, `lowered` says what limit may still be in use.
///
/// Both in one, as callers may use the override's limit until the quiet period is over, and nothing but that row of
/// the pool's can then tell. A caller that reads the two rows around this very moment may miss it: it follows the new
/// limit with the others' claims not yet counted, for as long as settings are cached, which keeps to the old limit.
///
/// # Errors
/// When the table gives no usable answer.
pub async fn end_override(
    table: &Table,
    prefix: &Prefix,
    live: &OverrideRow,
    after: &PoolRow,
    before: &PoolRow,
) -> Result<bool, StoreError> {
    let unchanged = vec![(Guard::ChangeUnchanged, Condition::OverrideMade(Some(live.at)))];
    let delete = Write { key: Key::Override, conditions: unchanged, change: Change::Delete };
    let both = vec![expressions::write(prefix, &delete), expressions::put_pool(prefix, after, Some(before))];
    match table.put_all(both).await {
        Ok(()) => Ok(true),
        Err(Verdict::Refused(_)) => Ok(false),
        Err(verdict) => Err(table.trouble(Tried(format!("ending the override of pool {prefix}")), verdict)),
    }
}

fn ask(
    table: &Table,
) -> Result<aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder, BuildError> {
    let attribute =
        |name: &str| AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build();
    let part = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    let directory = GlobalSecondaryIndex::builder()
        .index_name(DIRECTORY)
        .key_schema(part(DIRECTORY, KeyType::Hash)?)
        .key_schema(part(DIRECTORY_ROW, KeyType::Range)?)
        .projection(Projection::builder().projection_type(ProjectionType::All).build())
        .build()?;
    let mut asked = table.client().create_table().table_name(table.name()).billing_mode(BillingMode::PayPerRequest);
    for name in [PK, SK, DIRECTORY, DIRECTORY_ROW] {
        asked = asked.attribute_definitions(attribute(name)?);
    }
    asked = asked.key_schema(part(PK, KeyType::Hash)?).key_schema(part(SK, KeyType::Range)?);
    Ok(asked.global_secondary_indexes(directory))
}

async fn describe(table: &Table) -> Result<Option<TableDescription>, StoreError> {
    let described = table.client().describe_table().table_name(table.name());
    match table.repeat(Kind::Read, || async { described.clone().send().await.map_err(|e| verdict(&e)) }).await {
        Ok(described) => Ok(described.table),
        Err(Verdict::Missing) => Ok(None),
        Err(verdict) => Err(table.trouble(Tried("looking at the table".into()), verdict)),
    }
}

async fn ready(table: &Table) -> Result<TableDescription, StoreError> {
    let until = tokio::time::Instant::now() + READY_WITHIN;
    loop {
        let found = describe(table).await?;
        let status = found.as_ref().and_then(|found| found.table_status().cloned());
        match (found, status) {
            (Some(found), Some(TableStatus::Active)) => return Ok(found),
            (_, status) if tokio::time::Instant::now() >= until => {
                let status = status.map_or_else(|| "not there".into(), |status| status.to_string());
                let seconds = READY_WITHIN.as_secs();
                return Err(StoreError::NotReady { table: table.name().into(), seconds, status });
            }
            _ => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}

fn check_shape(table: &Table, found: &TableDescription) -> Result<(), StoreError> {
    let words = |keys: &[KeySchemaElement]| {
        let types = found.attribute_definitions();
        let of = |key: &KeySchemaElement| {
            let known = types.iter().find(|a| a.attribute_name() == key.attribute_name());
            let kind = known.map_or("?", |a| a.attribute_type().as_str());
            format!("{} {} ({kind})", key.key_type(), key.attribute_name())
        };
        keys.iter().map(of).collect::<Vec<_>>().join(", ")
    };
    let indexes = found.global_secondary_indexes();
    let directory = indexes.iter().find(|index| index.index_name() == Some(DIRECTORY));
    let keys = words(found.key_schema());
    let index = directory.map_or_else(|| "none".into(), |index| words(index.key_schema()));
    let expected =
        (format!("HASH {PK} (S), RANGE {SK} (S)"), format!("HASH {DIRECTORY} (S), RANGE {DIRECTORY_ROW} (S)"));
    if (&keys, &index) == (&expected.0, &expected.1) {
        return Ok(());
    }
    let found = format!("keys {keys}; index {DIRECTORY}: {index}");
    Err(StoreError::OtherShape { table: table.name().into(), found, expected: SHAPE })
}

async fn collect_tombstones(table: &Table) -> Result<(), StoreError> {
    let tried = || Tried(format!("turning on TTL on {TTL}"));
    let now = table.client().describe_time_to_live().table_name(table.name()).send().await;
    let now = now.map_err(|e| table.trouble(tried(), verdict(&e)))?;
    let status = now.time_to_live_description().and_then(|ttl| ttl.time_to_live_status());
    if matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)) {
        return Ok(());
    }
    let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name(TTL).build();
    let ttl = ttl.map_err(|e| table.trouble(tried(), Verdict::Rejected(e.to_string())))?;
    let set = table.client().update_time_to_live().table_name(table.name()).time_to_live_specification(ttl);
    set.send().await.map(drop).map_err(|e| table.trouble(tried(), verdict(&e)))
}
