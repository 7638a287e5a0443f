//! Does a row survive the table? Every kind of row is written as an item and read back; what is not a row of
//! ours is an error that names the row and the attribute.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod drawn;

use aws_sdk_dynamodb::types::AttributeValue;
use drawn::Drawn;
use leasehold_core::{
    Attempt, Fence, Holder, HolderKey, HolderRow, HolderState, Limit, PoolName, PoolRow, Row, RowKey, Slot, Ticket,
    Timestamp,
};
use leasehold_store::rows::{self, Item};

fn prefix() -> PoolName {
    "analytics".parse().expect("a prefix")
}

fn n(number: &str) -> AttributeValue {
    AttributeValue::N(number.into())
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.into())
}

#[test]
fn every_row_reads_back_as_it_was_written() {
    let mut drawn = Drawn::seeded(1);
    for _ in 0..5_000 {
        let row = drawn.row();
        let item = rows::item(&prefix(), &row);
        assert_eq!(rows::row(&item), Ok((prefix(), row)));
    }
}

#[test]
fn only_holders_and_notes_may_be_deleted_by_the_table() {
    let mut drawn = Drawn::seeded(2);
    for _ in 0..2_000 {
        let row = drawn.row();
        let ended = match &row {
            Row::Holder(HolderRow { ttl, .. }) => Some(*ttl),
            Row::History(noted) => Some(noted.ttl()),
            _ => None,
        };
        let item = rows::item(&prefix(), &row);
        let ttl = item.get(rows::TTL).map(|ttl| ttl.as_n().expect("a number").parse::<u64>().expect("seconds"));
        assert_eq!(ttl, ended.map(|ended| ended.0.div_ceil(1_000)), "{row:?}");
    }
}

#[test]
fn only_a_pools_own_rows_are_in_the_directory() {
    let mut drawn = Drawn::seeded(3);
    for _ in 0..2_000 {
        let row = drawn.row();
        let item = rows::item(&prefix(), &row);
        let expected = match row.key() {
            RowKey::Pool => Some(s("analytics#pool")),
            RowKey::Override => Some(s("analytics#override")),
            RowKey::Summary => Some(s("analytics#summary")),
            _ => None,
        };
        assert_eq!(item.get(rows::DIRECTORY_ROW), expected.as_ref());
        assert_eq!(item.contains_key(rows::DIRECTORY), expected.is_some());
    }
}

#[test]
fn keys_sort_as_the_protocol_reads_them() {
    let wait = |at, own| rows::sort(&RowKey::Wait(Ticket { at: Timestamp(at), own }));
    assert_eq!(wait(1_700_000_000_000, 10), "wait#1700000000000-0000000000000000000000000000000a");
    assert!(wait(9, 5) < wait(10, 1) && wait(10, 1) < wait(10, 2));
    assert_eq!(rows::sort(&RowKey::Slot(Slot(7))), "slot#00007");
    assert!(rows::sort(&RowKey::Slot(Slot(99))) < rows::sort(&RowKey::Slot(Slot(9_999))));
    let holder = |group, own| rows::sort(&RowKey::Holder(HolderKey { group, own }));
    assert_eq!(holder(1, 2), "holder#00000000000000000000000000000001#00000000000000000000000000000002");
    assert!(holder(1, u128::MAX) < holder(2, 0));
    assert_eq!(rows::partition(&prefix()), "LEASES#analytics");
}

#[test]
fn a_pool_that_terraform_wrote_needs_only_edition_and_limit() {
    let pool = PoolRow::new(Limit::try_from(15).expect("a limit"));
    let written = [
        ("PK", s("LEASES#analytics")),
        ("SK", s("pool")),
        ("edition", n("2")),
        ("limit", n("15")),
        ("owner", s("a team")),
    ];
    let item: Item = written.map(|(name, value)| (name.to_owned(), value)).into();
    assert_eq!(rows::row(&item), Ok((prefix(), Row::Pool(pool))));
}

#[test]
fn a_pool_of_another_edition_is_not_read() {
    let pool = rows::item(&prefix(), &Row::Pool(PoolRow::new(Limit::try_from(15).expect("a limit"))));
    let expected = "expected 2, whose rows this version of leasehold reads and writes";
    let editions = [
        (None, format!("attribute edition is missing, {expected}")),
        (Some(n("1")), format!("attribute edition is the number 1, {expected}")),
        (Some(n("3")), "is of edition 3, this program knows 2".to_owned()),
    ];
    for (edition, says) in editions {
        let mut item = pool.clone();
        item.remove("edition");
        item.extend(edition.map(|edition| ("edition".to_owned(), edition)));
        let why = rows::row(&item).expect_err("it is not ours").to_string();
        assert!(why.contains(&says), "{why}");
    }
}

#[test]
fn what_is_not_a_row_of_ours_is_named() {
    let holder = Holder::new("e", "", None).expect("a holder");
    let row = Row::Holder(HolderRow {
        holder,
        attempt: Attempt::first(Timestamp(1)),
        state: HolderState::Holding { slot: Slot(1), fence: Fence(1) },
        ttl: Timestamp(1_000),
    });
    let good = rows::item(&prefix(), &row);
    let wrong: [(&str, Option<AttributeValue>, &str); 13] = [
        ("PK", Some(s("LEASES#")), "LEASES# and a prefix"),
        ("PK", None, "missing"),
        ("SK", Some(s("holder#1")), "the row's own ids"),
        ("SK", Some(s("elsewhere")), "wait#…"),
        ("fence", None, "missing"),
        ("fence", Some(s("1")), "whole number"),
        ("fence", Some(n("-1")), "not negative"),
        ("state", Some(s("idle")), "waiting, holding or ended"),
        ("attempt", None, "missing"),
        ("attempt", Some(s("1.0")), "redrives and retries"),
        ("attempt", Some(s("1.00.0")), "redrives and retries"),
        ("attempt", Some(s("1.0.0.0")), "redrives and retries"),
        ("execution", Some(s("")), "not empty"),
    ];
    for (attribute, value, says) in wrong {
        let mut item = good.clone();
        match value {
            Some(value) => item.insert(attribute.into(), value),
            None => item.remove(attribute),
        };
        let error = rows::row(&item).expect_err(attribute);
        let said = error.to_string();
        assert_eq!(error.attribute, attribute, "{said}");
        assert!(said.contains(says) && !said.contains("secret"), "{said}");
    }
}

#[test]
fn an_attempt_is_one_attribute_with_its_redrives() {
    let holder = Holder::new("e", "", None).expect("a holder");
    let attempt = Attempt { entered: Timestamp(1_732_270_272_345), redrive: 2, retry: 7 };
    let state = HolderState::Ended;
    let row = Row::Holder(HolderRow { holder, attempt, state, ttl: Timestamp(0) });
    let item = rows::item(&prefix(), &row);
    assert_eq!(item.get("attempt"), Some(&s("1732270272345.2.7")));
    assert_eq!(rows::row(&item), Ok((prefix(), row)));
}

#[test]
fn a_slot_has_five_digits_at_most() {
    let free = |sk: &str| -> Item {
        [("PK", s("LEASES#analytics")), ("SK", s(sk)), ("fence", n("1"))]
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    };
    assert!(rows::row(&free("slot#99999")).is_ok());
    // A reader makes a list of all slots up to the last.
    for sk in ["slot#100000", "slot#4294967295", "slot#4294967296", "slot#-1", "slot#"] {
        let error = rows::row(&free(sk)).expect_err(sk);
        assert!(error.to_string().contains("five digits"), "{error}");
    }
}

#[test]
fn a_sort_key_is_a_rows_only_as_it_is_written() {
    let mut drawn = Drawn::seeded(4);
    for _ in 0..1_000 {
        let key = drawn.key();
        let item = rows::key(&prefix(), &key);
        let sk = item["SK"].as_s().expect("a text");
        // A note is read with its pool's history alone.
        let expected = Some(key).filter(|key| !matches!(key, RowKey::History(_)));
        assert_eq!(rows::row_key(sk), expected, "{sk}");
    }
    for other in ["", "pool2", "slot#7", "slot#+0007", "slot#0000x", "slot#000007", "holder#1#2", "holder#", "wait#1"] {
        assert_eq!(rows::row_key(other), None, "{other}");
    }
}
