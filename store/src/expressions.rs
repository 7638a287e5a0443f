//! How is a request said in DynamoDB's expressions? The only file that knows their syntax; it sends nothing.
//!
//! Every name is given as a placeholder (`#fence`), because DynamoDB reserves many plain words (`limit`, `ttl`).

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use leasehold_core::nouns::{Attempt, Fence, Millis, Prefix, Ticket};
use leasehold_core::table::{Change, Condition, Key, PoolRow, Row, Write};

use crate::rows::{self, Item};

/// One conditional write, ready to be sent alone or in a transaction.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Said {
    pub(crate) what: What,
    pub(crate) condition: Option<String>,
    pub(crate) terms: Terms,
}

/// Which of DynamoDB's writes it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    Put(Item),
    Update(Item, String),
    Delete(Item),
}

/// What a query asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sought {
    pub(crate) key_condition: String,
    pub(crate) terms: Terms,
}

/// The placeholders of an expression, and what they stand for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Terms {
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

/// A write of the protocol.
pub(crate) fn write(prefix: &Prefix, write: &Write) -> Said {
    let mut terms = Terms::default();
    let mut conditions: Vec<String> = write.conditions.iter().map(|(_, c)| terms.condition(c)).collect();
    let key = || rows::key(prefix, &write.key);
    let what = match &write.change {
        Change::Put(row) => What::Put(rows::item(prefix, row)),
        Change::Delete => What::Delete(key()),
        Change::Extend(expires_at, renewed_at) => {
            conditions.push(terms.held());
            let mut set = format!("SET {}", terms.equals(rows::EXPIRES_AT, number(expires_at.0)));
            if let Some(at) = renewed_at {
                set += &format!(", {}", terms.equals(rows::RENEWED_AT, number(at.0)));
            }
            What::Update(key(), set)
        }
        Change::Confirm => {
            conditions.push(terms.held());
            What::Update(key(), format!("REMOVE {}", terms.name(rows::UNCONFIRMED)))
        }
    };
    Said { what, condition: all(conditions), terms }
}

/// Puts a pool's settings, if the row is still `before` (`None`: there is none yet).
pub(crate) fn put_pool(prefix: &Prefix, pool: &PoolRow, before: Option<&PoolRow>) -> Said {
    let item = rows::item(prefix, &Row::Pool(pool.clone()));
    let mut terms = Terms::default();
    let condition = match before {
        None => terms.absent(rows::PK),
        Some(before) => {
            let was = rows::item(prefix, &Row::Pool(before.clone()));
            let unchanged = |name: &&str| match was.get(*name) {
                Some(value) => terms.equals(name, value.clone()),
                None => terms.absent(name),
            };
            rows::SETTINGS.iter().map(unchanged).collect::<Vec<_>>().join(" AND ")
        }
    };
    Said { what: What::Put(item), condition: Some(condition), terms }
}

/// Removes a row that must be there.
pub(crate) fn delete_present(prefix: &Prefix, key: &Key) -> Said {
    let mut terms = Terms::default();
    let condition = Some(terms.present(rows::PK));
    Said { what: What::Delete(rows::key(prefix, key)), condition, terms }
}

/// Rows of a pool whose sort key begins so.
pub(crate) fn beginning(prefix: &Prefix, with: &str) -> Sought {
    let mut terms = Terms::default();
    let pool = terms.equals(rows::PK, AttributeValue::S(rows::partition(prefix)));
    let (sk, begin) = (terms.name(rows::SK), terms.value(AttributeValue::S(with.into())));
    Sought { key_condition: format!("{pool} AND begins_with({sk}, {begin})"), terms }
}

/// Rows of a pool whose sort key lies between these, both included.
pub(crate) fn between(prefix: &Prefix, first: &str, last: &str) -> Sought {
    let mut terms = Terms::default();
    let pool = terms.equals(rows::PK, AttributeValue::S(rows::partition(prefix)));
    let sk = terms.name(rows::SK);
    let [first, last] = [first, last].map(|key| terms.value(AttributeValue::S(key.into())));
    Sought { key_condition: format!("{pool} AND {sk} BETWEEN {first} AND {last}"), terms }
}

/// A pool's settings, its override and its slots: the keys from `override` over `pool` to the last `slot#`.
pub(crate) fn own_rows_and_slots(prefix: &Prefix) -> Sought {
    // `~` comes after every digit.
    between(prefix, &rows::sort(&Key::Override), &format!("{}~", rows::SLOTS))
}

/// Everything in the directory of pools.
pub(crate) fn directory() -> Sought {
    let mut terms = Terms::default();
    let key_condition = terms.equals(rows::DIRECTORY, AttributeValue::S(rows::POOLS.into()));
    Sought { key_condition, terms }
}

fn all(mut conditions: Vec<String>) -> Option<String> {
    conditions.dedup();
    (!conditions.is_empty()).then(|| conditions.join(" AND "))
}

fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

impl Terms {
    /// For the SDK: DynamoDB refuses an empty map.
    pub(crate) fn names(&self) -> Option<HashMap<String, String>> {
        (!self.names.is_empty()).then(|| self.names.clone())
    }

    /// For the SDK: DynamoDB refuses an empty map.
    pub(crate) fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }

    fn name(&mut self, attribute: &str) -> String {
        let placeholder = format!("#{attribute}");
        self.names.insert(placeholder.clone(), attribute.into());
        placeholder
    }

    fn value(&mut self, value: AttributeValue) -> String {
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        placeholder
    }

    fn compare(&mut self, attribute: &str, sign: &str, value: AttributeValue) -> String {
        format!("{} {sign} {}", self.name(attribute), self.value(value))
    }

    fn equals(&mut self, attribute: &str, value: AttributeValue) -> String {
        self.compare(attribute, "=", value)
    }

    fn absent(&mut self, attribute: &str) -> String {
        format!("attribute_not_exists({})", self.name(attribute))
    }

    fn present(&mut self, attribute: &str) -> String {
        format!("attribute_exists({})", self.name(attribute))
    }

    /// A slot that somebody holds. Every update asks for it: DynamoDB would make a row where there is none.
    fn held(&mut self) -> String {
        self.present(rows::EXECUTION)
    }

    fn attempt(&mut self, attempt: Attempt) -> String {
        let entered = self.equals(rows::ATTEMPT_ENTERED, number(attempt.entered.0));
        let retry = self.equals(rows::ATTEMPT_RETRY, number(u64::from(attempt.retry)));
        format!("{entered} AND {retry}")
    }

    fn condition(&mut self, condition: &Condition) -> String {
        match *condition {
            // No row ever has fence 0: the first grant makes it 1.
            Condition::SlotFence(Fence(0)) => self.absent(rows::FENCE),
            Condition::SlotFence(fence) => self.equals(rows::FENCE, number(fence.0)),
            Condition::SlotLease(fence) => {
                format!("{} AND {}", self.equals(rows::FENCE, number(fence.0)), self.held())
            }
            Condition::SlotExpires(fence, Millis(at)) => {
                let fence = self.equals(rows::FENCE, number(fence.0));
                format!("{fence} AND {}", self.equals(rows::EXPIRES_AT, number(at)))
            }
            Condition::SlotExpiresBy(Millis(at)) => self.compare(rows::EXPIRES_AT, "<=", number(at)),
            Condition::HolderAbsent | Condition::OverrideMade(None) => self.absent(rows::PK),
            Condition::HolderEnded(attempt) => {
                format!("{} AND {}", self.equals(rows::STATE, text(rows::ENDED)), self.attempt(attempt))
            }
            Condition::HolderWaits(ticket, attempt) => self.waits(ticket, attempt),
            Condition::HolderHolds(slot, fence) => {
                let state = self.equals(rows::STATE, text(rows::HOLDING));
                let slot = self.equals(rows::SLOT, number(u64::from(slot.0)));
                format!("{state} AND {slot} AND {}", self.equals(rows::FENCE, number(fence.0)))
            }
            Condition::OverrideMade(Some(Millis(at))) => self.equals(rows::MADE_AT, number(at)),
        }
    }

    fn waits(&mut self, ticket: Ticket, attempt: Attempt) -> String {
        let state = self.equals(rows::STATE, text(rows::WAITING));
        let ticket = self.equals(rows::TICKET, text(rows::ticket_text(ticket)));
        format!("{state} AND {ticket} AND {}", self.attempt(attempt))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leasehold_core::nouns::Slot;
    use leasehold_core::table::Guard;

    fn said(conditions: &[Condition], change: Change) -> Said {
        let conditions = conditions.iter().map(|c| (Guard::RenewSameLease, c.clone())).collect();
        let key = Key::Slot(Slot(7));
        write(&"p".parse().expect("prefix"), &Write { key, conditions, change })
    }

    fn value(said: &Said, placeholder: &str) -> String {
        let value = said.terms.values.get(placeholder);
        value.and_then(|v| v.as_n().or_else(|_| v.as_s()).ok()).cloned().expect("a value")
    }

    #[test]
    fn fence_zero_is_a_row_that_is_not_there() {
        let said = said(&[Condition::SlotFence(Fence(0))], Change::Delete);
        assert_eq!(said.condition.as_deref(), Some("attribute_not_exists(#fence)"));
        assert!(said.terms.values.is_empty());
    }

    #[test]
    fn a_lease_is_a_fence_that_somebody_holds() {
        let said = said(&[Condition::SlotLease(Fence(3)), Condition::SlotExpiresBy(Millis(9))], Change::Delete);
        let condition = "#fence = :v0 AND attribute_exists(#execution) AND #expires_at <= :v1";
        assert_eq!(said.condition.as_deref(), Some(condition));
        assert_eq!((value(&said, ":v0"), value(&said, ":v1")), ("3".into(), "9".into()));
    }

    #[test]
    fn an_update_never_makes_a_row() {
        for change in [Change::Extend(Millis(5), Some(Millis(1))), Change::Confirm] {
            let said = said(&[], change);
            assert_eq!(said.condition.as_deref(), Some("attribute_exists(#execution)"));
        }
    }

    #[test]
    fn extending_sets_only_what_is_given() {
        let What::Update(_, with) = said(&[], Change::Extend(Millis(5), Some(Millis(1)))).what else {
            panic!("update")
        };
        assert_eq!(with, "SET #expires_at = :v0, #renewed_at = :v1");
        let What::Update(_, without) = said(&[], Change::Extend(Millis(5), None)).what else { panic!("update") };
        assert_eq!(without, "SET #expires_at = :v0");
    }

    #[test]
    fn every_placeholder_is_used_as_dynamodb_demands() {
        let ticket = Ticket { at: Millis(1), own: 2 };
        let attempt = Attempt::first(Millis(4));
        let conditions = [
            Condition::SlotFence(Fence(1)),
            Condition::SlotExpires(Fence(1), Millis(1)),
            Condition::SlotExpiresBy(Millis(1)),
            Condition::HolderAbsent,
            Condition::HolderEnded(attempt),
            Condition::HolderWaits(ticket, attempt),
            Condition::HolderHolds(Slot(1), Fence(2)),
            Condition::OverrideMade(None),
            Condition::OverrideMade(Some(Millis(3))),
        ];
        for condition in conditions {
            let said = said(&[condition], Change::Confirm);
            let What::Update(_, update) = &said.what else { panic!("update") };
            let text = format!("{} {update} ", said.condition.clone().unwrap_or_default());
            for placeholder in said.terms.names.keys().chain(said.terms.values.keys()) {
                let uses = [" ", ")", ","].map(|end| text.contains(&format!("{placeholder}{end}")));
                assert!(uses.contains(&true), "{placeholder} in {text}");
            }
        }
    }
}
