//! Making tables: how is one made? For local use and tests; on AWS, Terraform does it.

use std::time::Duration;

use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, TableDescription, TableStatus, TimeToLiveSpecification,
};

use crate::error::{ErrorContext, StoreError};
use crate::rows::{DIRECTORY, DIRECTORY_ROW, PK, SK, TTL};
use crate::table::Table;
use crate::table_shape::{DIRECTORY_KEYS, KEYS, TableShape, describe, time_to_live};
use crate::verdict::{Verdict, verdict};

/// How long a new table is waited for; on AWS it takes about 10 seconds.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// The pause between two looks at a table that is being made.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What a table of leasehold has, in words.
pub const TABLE_SHAPE: &str = "the keys PK and SK (strings) and an index `directory` on directory and directory_row (strings) with all attributes";

/// What became of a wish for a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableCreated {
    /// It was made.
    New,
    /// It was there already, with the right shape.
    Existed,
    /// It was there already, with the right shape; TTL was off, and is on now.
    TtlTurnedOn,
}

/// Makes the table if it is not there: on demand, with the directory index and TTL; returns when it is ready.
///
/// # Errors
/// When it exists with another shape, is not ready in time, or cannot be made.
pub async fn create_table(table: &Table) -> Result<TableCreated, StoreError> {
    let context = || ErrorContext("making the table".into());
    let found = match describe(table).await? {
        Some(_) => TableCreated::Existed,
        None => {
            let asked =
                table_request(table).map_err(|e| table.store_error(context(), Verdict::Rejected(e.to_string())))?;
            match asked.send().await {
                Ok(_) => TableCreated::New,
                // Somebody else was quicker.
                Err(e) if e.code() == Some("ResourceInUseException") => TableCreated::Existed,
                Err(e) => return Err(table.store_error(context(), verdict(&e))),
            }
        }
    };
    check_shape(table, &ready(table).await?)?;
    Ok(match (turn_on_ttl(table).await?, found) {
        (true, TableCreated::Existed) => TableCreated::TtlTurnedOn,
        (_, found) => found,
    })
}

fn table_request(
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
    let TableShape { keys, directory, .. } = TableShape::of(found);
    if keys == KEYS && directory.as_ref().is_some_and(|index| index.keys == DIRECTORY_KEYS && index.whole) {
        return Ok(());
    }
    let index = directory.map_or_else(
        || "none".into(),
        |index| index.keys + if index.whole { "" } else { ", which carries not all attributes" },
    );
    let found = format!("keys {keys}; index {DIRECTORY}: {index}");
    Err(StoreError::OtherShape { table: table.name().into(), found, expected: TABLE_SHAPE })
}

/// Whether it was off.
async fn turn_on_ttl(table: &Table) -> Result<bool, StoreError> {
    let context = || ErrorContext(format!("turning on TTL on {TTL}"));
    if time_to_live(table).await?.is_some() {
        return Ok(false);
    }
    let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name(TTL).build();
    let ttl = ttl.map_err(|e| table.store_error(context(), Verdict::Rejected(e.to_string())))?;
    let set = table.client().update_time_to_live().table_name(table.name()).time_to_live_specification(ttl);
    set.send().await.map(|_| true).map_err(|e| table.store_error(context(), verdict(&e)))
}
