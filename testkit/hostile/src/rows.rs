//! Rows: is every item either a row that is written back as it was, or refused in words?

use aws_sdk_dynamodb::types::AttributeValue;
use leasehold_core::{PoolName, Row};
use leasehold_store::rows::{self, Item};

use crate::item_json;
use crate::row_bytes::Bytes;
use crate::words::assert_harmless;

/// An item as text.
pub(crate) fn judge_item(input: &[u8]) {
    if let Some(item) = item_json::item(input) {
        read(&item);
    }
}

/// Reads an item that anybody may have written.
fn read(item: &Item) -> Option<Row> {
    match rows::row(item) {
        Ok((prefix, row)) => {
            assert_eq!(rows::row(&rows::item(&prefix, &row)), Ok((prefix, row.clone())), "it reads back as it was");
            Some(row)
        }
        Err(wrong) => {
            let said = wrong.to_string();
            assert_harmless(&said);
            assert_no_token(item, &said);
            None
        }
    }
}

/// A token that is found wrong is not shown.
fn assert_no_token(item: &Item, said: &str) {
    let Some(AttributeValue::S(token)) = item.get("token") else { return };
    let elsewhere = |(name, value): (&String, &AttributeValue)| {
        let shows = matches!(value, AttributeValue::S(text) | AttributeValue::N(text) if text.contains(token.as_str()));
        name == token || name != "token" && shows
    };
    if token.len() >= 16 && !item.iter().any(elsewhere) {
        assert!(!said.contains(token.as_str()), "{said}");
    }
}

/// A row drawn from bytes, and then damaged.
pub(crate) fn judge_row(input: &[u8]) {
    let mut bytes = Bytes(input);
    let prefix: PoolName = ["p", "analytics", "a.B_c-9"][usize::from(bytes.byte() % 3)].parse().expect("a prefix");
    let row = bytes.row();
    let mut item = rows::item(&prefix, &row);
    assert_eq!(rows::row(&item), Ok((prefix, row)), "it reads back as it was written");
    let mut names: Vec<String> = item.keys().cloned().collect();
    names.sort();
    while !bytes.0.is_empty() {
        let name = names[usize::from(bytes.byte()) % names.len()].clone();
        match damage(&mut bytes) {
            Some(value) => item.insert(name, value),
            None => item.remove(&name),
        };
        read(&item);
    }
}

fn damage(bytes: &mut Bytes<'_>) -> Option<AttributeValue> {
    Some(match bytes.byte() % 10 {
        0 => return None,
        1 => AttributeValue::Null(true),
        2 => AttributeValue::Bool(bytes.flag()),
        3 => AttributeValue::N(bytes.number().to_string()),
        4 => AttributeValue::N(format!("-{}", bytes.number())),
        5 => AttributeValue::N(format!("{}.5E+{}", bytes.number(), bytes.byte())),
        6 => AttributeValue::S(String::new()),
        7 => AttributeValue::S("\u{1b}[31m\u{202e}x".repeat(usize::from(bytes.byte()))),
        8 => AttributeValue::L(vec![]),
        _ => AttributeValue::S(bytes.number().to_string()),
    })
}
