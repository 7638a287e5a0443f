//! Is an item as large as its cost says? The simulated table charges for rows by sizes of its own; here they are compared
//! with the items that are really written.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod drawn;

use aws_sdk_dynamodb::types::AttributeValue;
use drawn::Drawn;
use leasehold_core::PoolName;
use leasehold_sim::cost::{ItemSizes, number_bytes};
use leasehold_store::rows::{self, Item};

/// The size of an item by DynamoDB's rules, of the kinds of attributes that rows have.
fn size(item: &Item) -> usize {
    let value = |value: &AttributeValue| match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(number) => number_bytes(number.parse().expect("a whole number")),
        AttributeValue::Bool(_) => 1,
        other => panic!("an attribute of another kind: {other:?}"),
    };
    item.iter().map(|(name, of)| name.len() + value(of)).sum()
}

#[test]
fn every_row_is_charged_at_the_size_of_its_item() {
    let pool: PoolName = "analytics".parse().expect("a prefix");
    let sizes = ItemSizes::exact(&pool);
    let mut drawn = Drawn::seeded(4);
    for _ in 0..5_000 {
        let row = drawn.row();
        assert_eq!(sizes.of(&row), size(&rows::item(&pool, &row)) as u64, "{row:?}");
    }
}
