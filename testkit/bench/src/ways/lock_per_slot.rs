//! (d) A lock per slot: what if one takes a lock library and makes a lock for each slot? As the crate `dynamodb-lease` (0.22,
//! 2025) locks, by its documentation: an item is put if there is none of this key, with a version and an expiry that the table's
//! TTL collects; it is deleted on its version; who does not get it tries again after a fixed cooldown (a second by default).
//! For more than one slot a caller tries their keys one after the other from a random one, then cools down.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::types::ReturnConsumedCapacity::Total;

use super::items::{Items, happened, number, text};
use super::{Later, Turn, Way};

/// How many keys a caller tries before it cools down. With hundreds of slots nobody would try them all.
const KEYS_TRIED: u32 = 5;

/// A pool of locks.
pub(crate) struct LockPerSlot(pub(crate) Items);

impl LockPerSlot {
    fn expiry(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (now + self.0.terms.lease).as_secs()
    }

    async fn try_lock(&self, slot: u32, version: &str) -> Result<bool, crate::BenchError> {
        let put = self.0.client.put_item().table_name(crate::engine::TABLE).return_consumed_capacity(Total);
        let put = put.item("PK", self.0.pk()).item("SK", text(key(slot)));
        let put = put.item("lease_version", text(version)).item("lease_expiry", number(self.expiry()));
        happened(put.condition_expression("attribute_not_exists(PK)").send().await)
    }
}

fn key(slot: u32) -> String {
    format!("lock#{slot:05}")
}

impl Way for LockPerSlot {
    fn acquire<'a>(&'a self, job: &'a str) -> Later<'a, Turn> {
        let limit = self.0.terms.limit;
        Box::pin(async move {
            for asked in 1.. {
                let first = fastrand::u32(0..limit);
                for slot in (0..limit.min(KEYS_TRIED)).map(|next| (first + next) % limit) {
                    if self.try_lock(slot, job).await? {
                        return Ok(Turn { slot, fence: 0, id: job.to_owned(), asked });
                    }
                }
                self.0.wait().await;
            }
            Err("it never got its turn".into())
        })
    }

    fn release<'a>(&'a self, turn: &'a Turn) -> Later<'a, ()> {
        Box::pin(async move {
            let delete = self.0.client.delete_item().table_name(crate::engine::TABLE).return_consumed_capacity(Total);
            let delete = delete.key("PK", self.0.pk()).key("SK", text(key(turn.slot)));
            let delete = delete.condition_expression("lease_version = :version");
            happened(delete.expression_attribute_values(":version", text(&turn.id)).send().await).map(|_| ())
        })
    }

    fn renew<'a>(&'a self, turn: &'a Turn) -> Later<'a, bool> {
        Box::pin(async move {
            let update = self.0.client.update_item().table_name(crate::engine::TABLE).return_consumed_capacity(Total);
            let update = update.key("PK", self.0.pk()).key("SK", text(key(turn.slot)));
            let update =
                update.update_expression("SET lease_expiry = :until").condition_expression("lease_version = :version");
            let update = update.expression_attribute_values(":until", number(self.expiry()));
            happened(update.expression_attribute_values(":version", text(&turn.id)).send().await)
        })
    }

    fn prepare(&self) -> Later<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}
