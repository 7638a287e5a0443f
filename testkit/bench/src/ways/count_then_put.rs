//! (a) Count, then put: what do people write first? Count the leases that have not expired; if there are fewer than the
//! limit, put one; else wait and count again. Two who count at the same moment both get in.

use aws_sdk_dynamodb::types::{ReturnConsumedCapacity::Total, Select};

use super::items::{Items, happened, text};
use super::{Later, Turn, Way};

/// A pool whose leases are counted.
pub(crate) struct CountThenPut(pub(crate) Items);

impl Way for CountThenPut {
    fn acquire<'a>(&'a self, job: &'a str) -> Later<'a, Turn> {
        let Items { client, terms } = &self.0;
        Box::pin(async move {
            for asked in 1.. {
                let (now, expiry) = self.0.now_and_expiry();
                let mut held = 0;
                let query = client.query().table_name(crate::engine::TABLE).consistent_read(true);
                let query = query.select(Select::Count).return_consumed_capacity(Total);
                let query = query.key_condition_expression("PK = :pk AND begins_with(SK, :lease)");
                let query = query.filter_expression("expires_at > :now").expression_attribute_values(":now", now);
                let query = query.expression_attribute_values(":pk", self.0.pk());
                let query = query.expression_attribute_values(":lease", text("lease#"));
                let mut from = None;
                loop {
                    let page = query.clone().set_exclusive_start_key(from).send().await?;
                    held += u32::try_from(page.count()).unwrap_or(0);
                    from = page.last_evaluated_key;
                    if from.is_none() {
                        break;
                    }
                }
                if held < terms.limit {
                    let put = client.put_item().table_name(crate::engine::TABLE).return_consumed_capacity(Total);
                    let put = put.item("PK", self.0.pk()).item("SK", text(format!("lease#{job}")));
                    put.item("expires_at", expiry).item("holder", text(job)).send().await?;
                    return Ok(Turn { slot: 0, fence: 0, id: job.to_owned(), asked });
                }
                self.0.wait().await;
            }
            Err("it never got its turn".into())
        })
    }

    fn release<'a>(&'a self, turn: &'a Turn) -> Later<'a, ()> {
        Box::pin(async move {
            let delete = self.0.client.delete_item().table_name(crate::engine::TABLE).return_consumed_capacity(Total);
            let delete = delete.key("PK", self.0.pk()).key("SK", text(format!("lease#{}", turn.id)));
            happened(delete.send().await).map(|_| ())
        })
    }

    fn renew<'a>(&'a self, turn: &'a Turn) -> Later<'a, bool> {
        Box::pin(async move {
            let (_, expiry) = self.0.now_and_expiry();
            let update = self.0.client.update_item().table_name(crate::engine::TABLE).return_consumed_capacity(Total);
            let update = update.key("PK", self.0.pk()).key("SK", text(format!("lease#{}", turn.id)));
            let update =
                update.update_expression("SET expires_at = :until").expression_attribute_values(":until", expiry);
            happened(update.condition_expression("attribute_exists(PK)").send().await)
        })
    }

    fn prepare(&self) -> Later<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}
