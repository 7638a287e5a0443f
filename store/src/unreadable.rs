//! Rows that make no sense: how is one replaced only while it still lies there as it was read?
//!
//! Of the pool's own rows alone: whoever sets the pool or ends an override may put them right. The row as it lies there
//! is kept as an image; the condition of the write compares attribute by attribute: texts, numbers, truth values and
//! nulls by their value, anything else by its type.

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use leasehold_core::{Row, RowKey, SHOWN_CHARS, Unreadable, quoted, shortened};
use serde::{Deserialize, Serialize};

use crate::rows::{self, Item, RowError};

/// One attribute as it lies there: its name, DynamoDB's letter for its type, and its value where that is compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AttributeImage {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) value: Option<String>,
}

/// The row of this item. One of the pool's own that makes no sense is a row too, with what is wrong with it.
pub(crate) fn row_or_unreadable(item: &Item) -> Result<(Row, Option<RowError>), RowError> {
    let wrong = match rows::row(item) {
        Ok((_, row)) => return Ok((row, None)),
        Err(wrong) => wrong,
    };
    let own = [RowKey::Pool, RowKey::Override].into_iter().find(|key| rows::sort(key) == wrong.sk);
    match own {
        Some(key) => {
            let remains = if key == RowKey::Pool { Box::new(rows::remains(item)) } else { Box::default() };
            let unreadable = Unreadable { remains, ..unreadable(item, &wrong) };
            Ok((Row::Unreadable(key, unreadable), Some(wrong)))
        }
        None => Err(wrong),
    }
}

/// This item as it lies there, and what is wrong with it.
pub(crate) fn unreadable(item: &Item, wrong: &RowError) -> Unreadable {
    Unreadable {
        why: wrong.to_string().into(),
        image: image(item),
        newer_edition: wrong.newer_edition(),
        remains: Box::default(),
    }
}

fn image(item: &Item) -> Arc<[u8]> {
    let mut attributes: Vec<AttributeImage> =
        item.iter().filter(|(name, _)| ![rows::PK, rows::SK].contains(&name.as_str())).map(attribute).collect();
    attributes.sort_by(|one, other| one.name.cmp(&other.name));
    serde_json::to_vec(&attributes).unwrap_or_default().into()
}

/// The attributes of an image.
pub(crate) fn attributes(row: &Unreadable) -> Vec<AttributeImage> {
    serde_json::from_slice(&row.image).unwrap_or_default()
}

fn attribute((name, value): (&String, &AttributeValue)) -> AttributeImage {
    let (kind, value) = match value {
        AttributeValue::S(text) => ("S", Some(text.clone())),
        AttributeValue::N(number) => ("N", Some(number.clone())),
        AttributeValue::Bool(truth) => ("BOOL", Some(truth.to_string())),
        AttributeValue::Null(_) => ("NULL", None),
        AttributeValue::B(_) => ("B", None),
        AttributeValue::L(_) => ("L", None),
        AttributeValue::M(_) => ("M", None),
        AttributeValue::Ss(_) => ("SS", None),
        AttributeValue::Ns(_) => ("NS", None),
        _ => ("BS", None),
    };
    AttributeImage { name: name.clone(), kind: kind.into(), value }
}

/// An attribute of a row that makes no sense as it lies there, shortened; none: it has no such attribute.
pub fn shown_attribute(row: &Unreadable, name: &str) -> Option<String> {
    let found = attributes(row).into_iter().find(|attribute| attribute.name == name)?;
    Some(match (found.value, &*found.kind) {
        (Some(text), "S") => quoted(&text),
        (Some(value), _) => shortened(&value, SHOWN_CHARS),
        (None, _) => "something else".into(),
    })
}

impl AttributeImage {
    /// The value that a condition compares with; none: only the type is compared.
    pub(crate) fn compared(&self) -> Option<AttributeValue> {
        let value = self.value.as_ref()?;
        match self.kind.as_str() {
            "S" => Some(AttributeValue::S(value.clone())),
            "N" => Some(AttributeValue::N(value.clone())),
            "BOOL" => Some(AttributeValue::Bool(value == "true")),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test that can not set itself up has failed")]

    use super::*;

    #[test]
    fn a_row_shows_the_attribute_that_is_asked_for() {
        let text = |text: &str| AttributeValue::S(text.into());
        let item = Item::from([
            ("PK".into(), text("LEASES#p")),
            ("SK".into(), text("pool")),
            ("limit".into(), AttributeValue::N("-5".into())),
            ("lease_ms".into(), text("soon")),
            ("grace_ms".into(), AttributeValue::L(Vec::new())),
        ]);
        let (row, _) = row_or_unreadable(&item).expect("one of the pool's own");
        let Row::Unreadable(RowKey::Pool, row) = row else {
            panic!("expected settings that make no sense, got {row:?}")
        };
        let shown = ["limit", "lease_ms", "grace_ms", "quiet_ms"].map(|name| shown_attribute(&row, name));
        let words = |words: &str| Some(words.to_owned());
        assert_eq!(shown, [words("-5"), words("\"soon\""), words("something else"), None]);
    }
}
