//! (c) Polled slots: what if the limit is a number of rows, without a queue? Read all slots, take a free or expired one on the
//! condition that nobody has taken it meanwhile; if there is none, wait and read them again. It keeps the limit, and frees what
//! the dead held; who asks at the right moment gets in, whoever waits longest.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity::Total;

use super::items::{Items, happened, number, text};
use super::{Later, Turn, Way};

/// A pool of slots that are looked at.
pub(crate) struct PolledSlots(pub(crate) Items);

impl PolledSlots {
    /// The slots that are free or expired.
    async fn open(&self) -> Result<Vec<u32>, crate::BenchError> {
        let (now, _) = self.0.now_and_expiry();
        let query = self.0.client.query().table_name(crate::engine::TABLE).consistent_read(true);
        let query = query.return_consumed_capacity(Total).filter_expression("expires_at <= :now");
        let query = query.key_condition_expression("PK = :pk AND begins_with(SK, :slot)");
        let query = query.expression_attribute_values(":pk", self.0.pk()).expression_attribute_values(":now", now);
        let query = query.expression_attribute_values(":slot", text("slot#"));
        let (mut open, mut from) = (Vec::new(), None);
        loop {
            let page = query.clone().set_exclusive_start_key(from).send().await?;
            let number = |key: &AttributeValue| key.as_s().ok()?.strip_prefix("slot#")?.parse::<u32>().ok();
            open.extend(page.items().iter().filter_map(|item| number(item.get("SK")?)));
            from = page.last_evaluated_key;
            if from.is_none() {
                return Ok(open);
            }
        }
    }

    async fn change(
        &self,
        slot: u32,
        from: &str,
        holder: &str,
        until: AttributeValue,
    ) -> Result<bool, crate::BenchError> {
        let (now, _) = self.0.now_and_expiry();
        let update = self.0.client.update_item().table_name(crate::engine::TABLE).return_consumed_capacity(Total);
        let update = update.key("PK", self.0.pk()).key("SK", text(sort(slot)));
        let update = update.update_expression("SET holder = :holder, expires_at = :until");
        let update = update.expression_attribute_values(":holder", text(holder));
        let update = update.expression_attribute_values(":until", until);
        let update = match from {
            "" => update.condition_expression("expires_at <= :now").expression_attribute_values(":now", now),
            from => update.condition_expression("holder = :from").expression_attribute_values(":from", text(from)),
        };
        happened(update.send().await)
    }
}

fn sort(slot: u32) -> String {
    format!("slot#{slot:05}")
}

impl Way for PolledSlots {
    fn acquire<'a>(&'a self, job: &'a str) -> Later<'a, Turn> {
        Box::pin(async move {
            for asked in 1.. {
                let mut open = self.open().await?;
                // Those who look together do not all try the same.
                fastrand::shuffle(&mut open);
                for slot in open.into_iter().take(3) {
                    let (_, until) = self.0.now_and_expiry();
                    if self.change(slot, "", job, until).await? {
                        return Ok(Turn { slot, fence: 0, id: job.to_owned(), asked });
                    }
                }
                self.0.wait().await;
            }
            Err("it never got its turn".into())
        })
    }

    fn release<'a>(&'a self, turn: &'a Turn) -> Later<'a, ()> {
        Box::pin(async move { self.change(turn.slot, &turn.id, "-", number(0)).await.map(|_| ()) })
    }

    fn renew<'a>(&'a self, turn: &'a Turn) -> Later<'a, bool> {
        Box::pin(async move {
            let (_, until) = self.0.now_and_expiry();
            self.change(turn.slot, &turn.id, &turn.id, until).await
        })
    }

    fn prepare(&self) -> Later<'_, ()> {
        Box::pin(async {
            for slot in 0..self.0.terms.limit {
                let put = self.0.client.put_item().table_name(crate::engine::TABLE).item("PK", self.0.pk());
                let put = put.item("SK", text(sort(slot))).item("holder", text("-"));
                put.item("expires_at", number(0)).send().await?;
            }
            Ok(())
        })
    }
}
