//! DynamoDB's expressions: how is a request written in them? The only file that knows their syntax; it sends nothing.
//!
//! Every name is given as a placeholder (`#fence`), because DynamoDB reserves many plain words (`limit`, `ttl`).

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use leasehold_core::{
    Attempt, Condition, Fence, HighWaterRow, Mutation, PoolName, PoolRow, RowKey, SettingsRow, Ticket, Timestamp,
    Unreadable, Write,
};

use crate::rows::{self, Item};
use crate::unreadable::{AttributeImage, attributes};

/// One conditional write, ready to be sent alone or in a transaction.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WriteExpression {
    pub(crate) action: WriteAction,
    pub(crate) condition: Option<String>,
    pub(crate) terms: ExpressionTerms,
}

/// Which of DynamoDB's writes it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum WriteAction {
    Put(Item),
    Update(Item, String),
    Delete(Item),
    /// Nothing is written: only the condition counts. Part of a transaction.
    Check(Item),
}

/// What a query asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct QueryExpression {
    pub(crate) key_condition: String,
    pub(crate) terms: ExpressionTerms,
}

/// The placeholders of an expression, and what they stand for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ExpressionTerms {
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

/// A write of the protocol.
pub(crate) fn write(prefix: &PoolName, write: &Write) -> WriteExpression {
    let mut terms = ExpressionTerms::default();
    let mut conditions: Vec<String> = write.conditions.iter().map(|(_, c)| terms.condition(c)).collect();
    let key = || rows::key(prefix, &write.key);
    let action = match &write.mutation {
        Mutation::Put(row) => WriteAction::Put(rows::item(prefix, row)),
        Mutation::Delete => WriteAction::Delete(key()),
        Mutation::Extend(expires_at, renewed_at) => {
            conditions.push(terms.held());
            let mut set = format!("SET {}", terms.equals(rows::EXPIRES_AT, number(expires_at.0)));
            if let Some(at) = renewed_at {
                set += &format!(", {}", terms.equals(rows::RENEWED_AT, number(at.0)));
            }
            WriteAction::Update(key(), set)
        }
        Mutation::Confirm(task) => {
            conditions.push(terms.held());
            let set = terms.equals(rows::TASK, text(rows::task_text(*task)));
            let [notice, token] = [rows::NOTICE, rows::TOKEN].map(|name| terms.name(name));
            WriteAction::Update(key(), format!("SET {set} REMOVE {notice}, {token}"))
        }
        Mutation::MayBeTold => {
            conditions.push(terms.held());
            let set = terms.equals(rows::NOTICE, text(rows::MAYBE_TOLD));
            WriteAction::Update(key(), format!("SET {set}"))
        }
        Mutation::Collect(expires_at) => {
            conditions.push(terms.held());
            let set = terms.equals(rows::EXPIRES_AT, number(expires_at.0));
            let [notice, token, task] = [rows::NOTICE, rows::TOKEN, rows::TASK].map(|name| terms.name(name));
            WriteAction::Update(key(), format!("SET {set} REMOVE {notice}, {token}, {task}"))
        }
        Mutation::Check => WriteAction::Check(key()),
    };
    WriteExpression { action, condition: all(conditions), terms }
}

/// Rows of a pool whose sort key begins so.
pub(crate) fn beginning(prefix: &PoolName, with: &str) -> QueryExpression {
    let mut terms = ExpressionTerms::default();
    let pool = terms.equals(rows::PK, AttributeValue::S(rows::partition(prefix)));
    let (sk, begin) = (terms.name(rows::SK), terms.value(AttributeValue::S(with.into())));
    QueryExpression { key_condition: format!("{pool} AND begins_with({sk}, {begin})"), terms }
}

/// Rows of a pool whose sort key lies between these, both included.
pub(crate) fn between(prefix: &PoolName, first: &str, last: &str) -> QueryExpression {
    let mut terms = ExpressionTerms::default();
    let pool = terms.equals(rows::PK, AttributeValue::S(rows::partition(prefix)));
    let sk = terms.name(rows::SK);
    let [first, last] = [first, last].map(|key| terms.value(AttributeValue::S(key.into())));
    QueryExpression { key_condition: format!("{pool} AND {sk} BETWEEN {first} AND {last}"), terms }
}

/// A pool's settings, its override and its slots: the keys from `override` over `pool` to the last `slot#`.
pub(crate) fn own_rows_and_slots(prefix: &PoolName) -> QueryExpression {
    // `~` comes after every digit.
    between(prefix, &rows::sort(&RowKey::Override), &format!("{}~", rows::SLOTS))
}

/// Everything in the directory of pools.
pub(crate) fn directory() -> QueryExpression {
    let mut terms = ExpressionTerms::default();
    let key_condition = terms.equals(rows::DIRECTORY, AttributeValue::S(rows::POOLS.into()));
    QueryExpression { key_condition, terms }
}

/// What lies in the directory of pools whose names begin so.
pub(crate) fn directory_from(beginning: &str) -> QueryExpression {
    let QueryExpression { key_condition, mut terms } = directory();
    let row = terms.name(rows::DIRECTORY_ROW);
    let beginning = terms.value(text(beginning));
    QueryExpression { key_condition: format!("{key_condition} AND begins_with({row}, {beginning})"), terms }
}

fn all(conditions: Vec<String>) -> Option<String> {
    (!conditions.is_empty()).then(|| conditions.join(" AND "))
}

fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

impl ExpressionTerms {
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

    /// As [`Self::name`], of an attribute that somebody else named: a placeholder has only letters, digits and `_`.
    fn any_name(&mut self, attribute: &str) -> String {
        if rows::SETTINGS.contains(&attribute) || rows::OVERRIDE.contains(&attribute) {
            return self.name(attribute);
        }
        let placeholder = format!("#other{}", self.names.len());
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
        self.equals(rows::ATTEMPT, text(rows::attempt_text(attempt)))
    }

    fn condition(&mut self, condition: &Condition) -> String {
        match *condition {
            // No row ever has fence 0: the first grant makes it 1.
            Condition::SlotAbsentOrFree(Fence(0)) => self.absent(rows::FENCE),
            Condition::SlotAbsentOrFree(fence) => {
                let free =
                    format!("{} AND {}", self.equals(rows::FENCE, number(fence.0)), self.absent(rows::EXECUTION));
                format!("({} OR ({free}))", self.absent(rows::FENCE))
            }
            Condition::SlotConfirmed(fence) => {
                let lease = format!("{} AND {}", self.equals(rows::FENCE, number(fence.0)), self.held());
                let uncollected = self.equals(rows::NOTICE, text(rows::UNCOLLECTED));
                format!("{lease} AND ({} OR {uncollected})", self.absent(rows::NOTICE))
            }
            Condition::SlotPending(fence) => {
                format!("{} AND {}", self.equals(rows::FENCE, number(fence.0)), self.present(rows::TOKEN))
            }
            Condition::SlotUntold(fence) => {
                let lease = format!("{} AND {}", self.equals(rows::FENCE, number(fence.0)), self.present(rows::TOKEN));
                let untold = self.equals(rows::NOTICE, text(rows::UNTOLD));
                format!("{lease} AND ({} OR {untold})", self.absent(rows::NOTICE))
            }
            Condition::SlotFree(fence) => {
                format!("{} AND {}", self.equals(rows::FENCE, number(fence.0)), self.absent(rows::EXECUTION))
            }
            Condition::PlaceOf(None) => self.absent(rows::PK),
            Condition::PlaceOf(Some(attempt)) => self.attempt(attempt),
            Condition::HighWaterIs(None) => self.absent(rows::PK),
            Condition::HighWaterIs(Some(mark)) => self.high_water(mark),
            Condition::HighWaterUnreadable(ref row) => self.still_unreadable(row, &rows::HIGH_WATER),
            Condition::SlotFence(fence) => self.equals(rows::FENCE, number(fence.0)),
            Condition::SlotLease(fence) => {
                format!("{} AND {}", self.equals(rows::FENCE, number(fence.0)), self.held())
            }
            Condition::SlotExpires(fence, Timestamp(at)) => {
                let fence = self.equals(rows::FENCE, number(fence.0));
                format!("{fence} AND {}", self.equals(rows::EXPIRES_AT, number(at)))
            }
            Condition::SlotRenewed(fence, renewed_at) => {
                let lease = format!("{} AND {}", self.equals(rows::FENCE, number(fence.0)), self.held());
                let renewed = match renewed_at {
                    Some(at) => self.equals(rows::RENEWED_AT, number(at.0)),
                    None => self.absent(rows::RENEWED_AT),
                };
                format!("{lease} AND {renewed}")
            }
            Condition::SlotExpiresBy(Timestamp(at)) => self.compare(rows::EXPIRES_AT, "<=", number(at)),
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
            Condition::OverrideMade(Some(Timestamp(at))) => self.equals(rows::MADE_AT, number(at)),
            Condition::SettingsAre(ref expected) => match expected.as_deref() {
                None => self.absent(rows::PK),
                Some(SettingsRow::Valid(row)) => self.settings(row),
                Some(SettingsRow::Unreadable(row)) => self.still_unreadable(row, &rows::SETTINGS),
            },
            Condition::OverrideUnreadable(ref row) => self.still_unreadable(row, &rows::OVERRIDE),
        }
    }

    /// The high-water mark is exactly this.
    fn high_water(&mut self, mark: HighWaterRow) -> String {
        let lower = match mark.lower {
            None => self.absent(rows::LOWER_TO),
            Some(lower) => {
                let to = self.equals(rows::LOWER_TO, number(u64::from(lower.to.count())));
                format!("{to} AND {}", self.equals(rows::LOWER_SINCE, number(lower.since.0)))
            }
        };
        let slots = self.equals(rows::SLOT_COUNT, number(u64::from(mark.slots)));
        format!("{slots} AND {} AND {lower}", self.equals(rows::FENCE, number(mark.fence.0)))
    }

    /// The pool's settings are exactly these.
    fn settings(&mut self, row: &PoolRow) -> String {
        let pool = rows::settings_of(row);
        let unchanged = |name: &&str| match pool.get(*name) {
            Some(value) => self.equals(name, value.clone()),
            None => self.absent(name),
        };
        rows::SETTINGS.iter().map(unchanged).collect::<Vec<_>>().join(" AND ")
    }

    /// A row that makes no sense still lies there as it was read: no attribute is another one, and none of those that
    /// such a row is made of has been added, for that may have put it right.
    fn still_unreadable(&mut self, row: &Unreadable, made_of: &[&str]) -> String {
        let there = attributes(row);
        let added = made_of.iter().filter(|name| there.iter().all(|attribute| attribute.name != **name));
        let mut conditions = vec![self.present(rows::PK)];
        conditions.extend(added.map(|name| self.absent(name)));
        conditions.extend(there.iter().map(|attribute| self.unchanged(attribute)));
        conditions.join(" AND ")
    }

    fn unchanged(&mut self, attribute: &AttributeImage) -> String {
        let name = self.any_name(&attribute.name);
        match attribute.compared() {
            Some(value) => format!("{name} = {}", self.value(value)),
            None => format!("attribute_type({name}, {})", self.value(text(&attribute.kind))),
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
    use leasehold_core::{Guard, Intent, Limit, Slot, TaskDigest};

    fn said(conditions: &[Condition], mutation: Mutation) -> WriteExpression {
        let conditions = conditions.iter().map(|c| (Guard::RenewSameLease, c.clone())).collect();
        let key = RowKey::Slot(Slot(7));
        write(&"p".parse().expect("prefix"), &Write { key, conditions, mutation, intent: Intent::Renew })
    }

    fn value(said: &WriteExpression, placeholder: &str) -> String {
        let value = said.terms.values.get(placeholder);
        value.and_then(|v| v.as_n().or_else(|_| v.as_s()).ok()).cloned().expect("a value")
    }

    #[test]
    fn fence_zero_is_a_row_that_is_not_there() {
        let said = said(&[Condition::SlotAbsentOrFree(Fence(0))], Mutation::Delete);
        assert_eq!(said.condition.as_deref(), Some("attribute_not_exists(#fence)"));
        assert!(said.terms.values.is_empty());
    }

    #[test]
    fn a_lease_is_a_fence_that_somebody_holds() {
        let said = said(&[Condition::SlotLease(Fence(3)), Condition::SlotExpiresBy(Timestamp(9))], Mutation::Delete);
        let condition = "#fence = :v0 AND attribute_exists(#execution) AND #expires_at <= :v1";
        assert_eq!(said.condition.as_deref(), Some(condition));
        assert_eq!((value(&said, ":v0"), value(&said, ":v1")), ("3".into(), "9".into()));
    }

    #[test]
    fn an_update_never_makes_a_row() {
        for mutation in [
            Mutation::Extend(Timestamp(5), Some(Timestamp(1))),
            Mutation::Confirm(TaskDigest(1)),
            Mutation::MayBeTold,
            Mutation::Collect(Timestamp(5)),
        ] {
            let said = said(&[], mutation);
            assert_eq!(said.condition.as_deref(), Some("attribute_exists(#execution)"));
        }
    }

    #[test]
    fn extending_sets_only_what_is_given() {
        let WriteAction::Update(_, with) = said(&[], Mutation::Extend(Timestamp(5), Some(Timestamp(1)))).action else {
            panic!("update")
        };
        assert_eq!(with, "SET #expires_at = :v0, #renewed_at = :v1");
        let WriteAction::Update(_, without) = said(&[], Mutation::Extend(Timestamp(5), None)).action else {
            panic!("update")
        };
        assert_eq!(without, "SET #expires_at = :v0");
    }

    #[test]
    fn a_damaged_row_is_unchanged_only_where_nothing_was_added() {
        let image = br#"[{"name":"limit","kind":"S","value":"two"},{"name":"managed by","kind":"L","value":null}]"#;
        let damaged = Unreadable {
            why: "limit is a text".into(),
            image: image.as_slice().into(),
            newer_edition: None,
            remains: Box::default(),
        };
        let said = said(&[Condition::OverrideUnreadable(damaged)], Mutation::Delete);
        let condition = "attribute_exists(#PK) AND attribute_not_exists(#lowered_from) AND \
                         attribute_not_exists(#lowered_at) AND attribute_not_exists(#made_at) AND attribute_not_exists(#until) AND \
                         attribute_not_exists(#who) AND attribute_not_exists(#why) AND #limit = :v0 AND \
                         attribute_type(#other8, :v1)";
        assert_eq!(said.condition.as_deref(), Some(condition));
        assert_eq!((value(&said, ":v0"), value(&said, ":v1")), ("two".into(), "L".into()));
    }

    #[test]
    fn every_placeholder_is_used_as_dynamodb_demands() {
        let ticket = Ticket { at: Timestamp(1), own: 2 };
        let attempt = Attempt::first(Timestamp(4));
        let image = br#"[{"name":"limit","kind":"N","value":"-5"},{"name":"who","kind":"L","value":null}]"#;
        let damaged = Unreadable {
            why: "limit is -5".into(),
            image: image.as_slice().into(),
            newer_edition: None,
            remains: Box::default(),
        };
        let conditions = [
            Condition::SlotFence(Fence(1)),
            Condition::SlotAbsentOrFree(Fence(1)),
            Condition::SlotConfirmed(Fence(1)),
            Condition::SlotPending(Fence(1)),
            Condition::SlotUntold(Fence(1)),
            Condition::SlotFree(Fence(1)),
            Condition::PlaceOf(None),
            Condition::PlaceOf(Some(attempt)),
            Condition::HighWaterIs(None),
            Condition::HighWaterIs(Some(HighWaterRow { slots: 5, fence: Fence(2), lower: None })),
            Condition::SlotExpires(Fence(1), Timestamp(1)),
            Condition::SlotExpiresBy(Timestamp(1)),
            Condition::SlotRenewed(Fence(1), None),
            Condition::SlotRenewed(Fence(1), Some(Timestamp(2))),
            Condition::HolderAbsent,
            Condition::HolderEnded(attempt),
            Condition::HolderWaits(ticket, attempt),
            Condition::HolderHolds(Slot(1), Fence(2)),
            Condition::OverrideMade(None),
            Condition::OverrideMade(Some(Timestamp(3))),
            Condition::SettingsAre(None),
            Condition::SettingsAre(Some(Box::new(SettingsRow::Valid(PoolRow::new(Limit::HIGHEST))))),
            Condition::SettingsAre(Some(Box::new(SettingsRow::Unreadable(damaged.clone())))),
            Condition::HighWaterUnreadable(Box::new(damaged.clone())),
            Condition::OverrideUnreadable(damaged),
        ];
        for condition in conditions {
            let said = said(&[condition], Mutation::Confirm(TaskDigest(1)));
            let WriteAction::Update(_, update) = &said.action else { panic!("update") };
            let text = format!("{} {update} ", said.condition.clone().unwrap_or_default());
            for placeholder in said.terms.names.keys().chain(said.terms.values.keys()) {
                let uses = [" ", ")", ","].map(|end| text.contains(&format!("{placeholder}{end}")));
                assert!(uses.contains(&true), "{placeholder} in {text}");
            }
        }
    }
}
