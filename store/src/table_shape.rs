//! The shape of a table: which keys, which index and which TTL does one have? Only looked at, never changed here.

use aws_sdk_dynamodb::types::{IndexStatus, KeySchemaElement, ProjectionType, TableDescription, TimeToLiveStatus};

use crate::error::{ErrorContext, StoreError};
use crate::rows::DIRECTORY;
use crate::table::{RequestKind, Table};
use crate::verdict::{Verdict, verdict};

/// The keys that a table of leasehold has, in the words of [`TableShape`].
pub const KEYS: &str = "HASH PK (S), RANGE SK (S)";

/// The keys of its directory index.
pub const DIRECTORY_KEYS: &str = "HASH directory (S), RANGE directory_row (S)";

/// What a table has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableShape {
    /// Its keys: `HASH PK (S), RANGE SK (S)`.
    pub keys: String,
    /// Its index `directory`, if it has one.
    pub directory: Option<IndexShape>,
}

/// What an index has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexShape {
    /// Its keys.
    pub keys: String,
    /// Whether it carries all attributes.
    pub whole: bool,
    /// Whether it can be read yet.
    pub active: bool,
}

impl TableShape {
    pub(crate) fn of(found: &TableDescription) -> TableShape {
        let key_schema = |keys: &[KeySchemaElement]| {
            let types = found.attribute_definitions();
            let of = |key: &KeySchemaElement| {
                let known = types.iter().find(|a| a.attribute_name() == key.attribute_name());
                let kind = known.map_or("?", |a| a.attribute_type().as_str());
                format!("{} {} ({kind})", key.key_type(), key.attribute_name())
            };
            keys.iter().map(of).collect::<Vec<_>>().join(", ")
        };
        let indexes = found.global_secondary_indexes();
        let directory = indexes.iter().find(|index| index.index_name() == Some(DIRECTORY)).map(|index| IndexShape {
            keys: key_schema(index.key_schema()),
            whole: index.projection().and_then(|it| it.projection_type()) == Some(&ProjectionType::All),
            // Engines other than AWS may say nothing of it.
            active: index.index_status().is_none_or(|status| *status == IndexStatus::Active),
        });
        TableShape { keys: key_schema(found.key_schema()), directory }
    }
}

/// The shape of a table; none: there is no such table.
///
/// # Errors
/// What the table's answer was.
pub async fn table_shape(table: &Table) -> Result<Option<TableShape>, StoreError> {
    Ok(describe(table).await?.as_ref().map(TableShape::of))
}

/// The attribute by which a table's rows are deleted in time, if it does so.
///
/// # Errors
/// What the table's answer was.
pub async fn time_to_live(table: &Table) -> Result<Option<String>, StoreError> {
    let asked = table.client().describe_time_to_live().table_name(table.name());
    let told = table.repeat(RequestKind::Read, || async { asked.clone().send().await.map_err(|e| verdict(&e)) }).await;
    let told = told.map_err(|e| table.store_error(ErrorContext("looking at the TTL".into()), e))?;
    Ok(told.time_to_live_description.and_then(|ttl| {
        let on = matches!(ttl.time_to_live_status(), Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling));
        on.then(|| ttl.attribute_name.unwrap_or_default())
    }))
}

pub(crate) async fn describe(table: &Table) -> Result<Option<TableDescription>, StoreError> {
    let described = table.client().describe_table().table_name(table.name());
    match table.repeat(RequestKind::Read, || async { described.clone().send().await.map_err(|e| verdict(&e)) }).await {
        Ok(described) => Ok(described.table),
        Err(Verdict::Missing) => Ok(None),
        Err(verdict) => Err(table.store_error(ErrorContext("looking at the keys and the index".into()), verdict)),
    }
}
