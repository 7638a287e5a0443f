//! Items as text: how does a seed of the corpus write a row? As DynamoDB's API does, in JSON: `{"SK":{"S":"pool"},...}`.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use leasehold_store::rows::Item;
use serde_json::{Map, Value};

/// The item of this text, if it is one.
pub(crate) fn item(text: &[u8]) -> Option<Item> {
    attributes(serde_json::from_slice::<Value>(text).ok()?.as_object()?)
}

fn attributes(map: &Map<String, Value>) -> Option<Item> {
    map.iter().map(|(name, value)| Some((name.clone(), attribute(value)?))).collect::<Option<HashMap<_, _>>>()
}

fn attribute(value: &Value) -> Option<AttributeValue> {
    let mut kinds = value.as_object()?.iter();
    let (kind, value) = kinds.next()?;
    Some(match kind.as_str() {
        "S" => AttributeValue::S(value.as_str()?.into()),
        "N" => AttributeValue::N(value.as_str()?.into()),
        "BOOL" => AttributeValue::Bool(value.as_bool()?),
        "NULL" => AttributeValue::Null(true),
        "B" => AttributeValue::B(Blob::new(value.as_str()?)),
        "SS" => AttributeValue::Ss(texts(value)?),
        "NS" => AttributeValue::Ns(texts(value)?),
        "L" => AttributeValue::L(value.as_array()?.iter().map(attribute).collect::<Option<_>>()?),
        "M" => AttributeValue::M(attributes(value.as_object()?)?),
        _ => return None,
    })
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|text| text.as_str().map(Into::into)).collect()
}
