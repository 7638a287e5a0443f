//! What is left in the table: is every slot free, is nobody in the queue, does no holder's row say otherwise, and will
//! every row that is left be cleared by something?

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use leasehold_core::{HolderState, PoolName, Row};
use leasehold_store::rows::{self, Item, TTL};

/// All rows of a pool, as they lie there.
pub(crate) async fn items(client: &Client, table: &str, prefix: &PoolName) -> Result<Vec<Item>, String> {
    let query = client.query().table_name(table).consistent_read(true).key_condition_expression("PK = :pool");
    let query = query.expression_attribute_values(":pool", AttributeValue::S(rows::partition(prefix)));
    let pages = query.into_paginator().items().send();
    pages.collect::<Result<Vec<_>, _>>().await.map_err(|wrong| format!("the table could not be read: {wrong:?}"))
}

/// What is still there of those who are gone, in words.
pub(crate) fn left_over(items: &[Item]) -> Vec<String> {
    let mut left = Vec::new();
    let (mut held, mut queue, mut holders) = (BTreeMap::new(), BTreeSet::new(), Vec::new());
    for item in items {
        match rows::row(item) {
            Ok((_, Row::Slot(slot))) => {
                if let Some(held_by) = &slot.held {
                    left.push(format!("{} is held by {:?}", slot.slot, held_by.holder));
                    held.insert(slot.slot, slot.fence);
                }
            }
            Ok((_, Row::Wait(wait))) => {
                left.push(format!("{:?} is in the queue", wait.holder));
                queue.insert(wait.ticket);
            }
            Ok((_, Row::Holder(holder))) => {
                if !item.contains_key(TTL) {
                    left.push(format!("nothing ever clears the row of {:?}", holder.holder));
                }
                holders.push(holder);
            }
            Ok(_) => {}
            Err(wrong) => left.push(format!("a row makes no sense: {wrong}")),
        }
    }
    for holder in holders {
        let points = match holder.state {
            HolderState::Holding { slot, fence } => held.get(&slot) == Some(&fence),
            HolderState::Waiting { ticket, .. } => queue.contains(&ticket),
            HolderState::Ended => false,
        };
        if points {
            left.push(format!("{:?} still holds or waits", holder.holder));
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use leasehold_core::{
        Attempt, Fence, Held, Holder, HolderRow, Millis, Notice, Slot, SlotRow, Ticket, Timestamp, WaitRow,
    };

    use super::*;

    fn holder() -> Holder {
        Holder::new("e", "", None).expect("a holder")
    }

    fn left(rows: &[Row]) -> Vec<String> {
        let prefix = "p".parse().expect("a prefix");
        left_over(&rows.iter().map(|row| rows::item(&prefix, row)).collect::<Vec<_>>())
    }

    fn slot(held: bool) -> Row {
        let held = held.then(|| Held {
            holder: holder(),
            attempt: Attempt::default(),
            acquired_at: Timestamp(1),
            expires_at: Timestamp(2),
            renewed_at: None,
            notice: Notice::Asked,
            label: None,
        });
        Row::Slot(SlotRow { slot: Slot(0), fence: Fence(3), held })
    }

    fn pointer(state: HolderState) -> Row {
        Row::Holder(HolderRow { holder: holder(), attempt: Attempt::default(), state, ttl: Timestamp(9) })
    }

    #[test]
    fn what_is_left_over_is_found() {
        let ticket = Ticket { at: Timestamp(1), own: 7 };
        let wait = WaitRow {
            ticket,
            holder: holder(),
            attempt: Attempt::default(),
            give_up_at: Timestamp(2),
            token: None,
            lease: Millis(1),
            label: None,
        };
        let holds = pointer(HolderState::Holding { slot: Slot(0), fence: Fence(3) });
        let waits = pointer(HolderState::Waiting { ticket, task: None });
        assert_eq!(left(&[slot(false), holds.clone(), waits.clone(), pointer(HolderState::Ended)]), [""; 0]);
        assert_eq!(left(&[slot(true), holds]).len(), 2);
        assert_eq!(left(&[Row::Wait(wait), waits]).len(), 2);
        let mut bare = rows::item(&"p".parse().expect("a prefix"), &pointer(HolderState::Ended));
        bare.remove(TTL);
        assert_eq!(left_over(&[bare]).len(), 1);
    }
}
