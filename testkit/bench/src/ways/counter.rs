//! (b) A counter: what does AWS's own sample do? One item with a number, raised on the condition that it is below the limit,
//! lowered at the end; who is refused waits and tries again. Nobody's number comes back by itself if its process dies.
//!
//! As in "Controlling concurrency in distributed systems using AWS Step Functions" (AWS Compute Blog, 2021), without its list
//! of owners, which would only make each write dearer, and with a fixed wait.

use aws_sdk_dynamodb::types::ReturnConsumedCapacity::Total;

use super::items::{Items, happened, number, text};
use super::{Later, Turn, Way};

/// A pool that is one number.
pub(crate) struct Counter(pub(crate) Items);

impl Counter {
    async fn change(&self, by: i8, condition: &str, bound: u32) -> Result<bool, crate::BenchError> {
        let update = self.0.client.update_item().table_name(crate::engine::TABLE).return_consumed_capacity(Total);
        let update = update.key("PK", self.0.pk()).key("SK", text("counter"));
        let update = update.update_expression("SET held = held + :by").condition_expression(condition);
        let update = update.expression_attribute_values(":by", number(by));
        happened(update.expression_attribute_values(":bound", number(bound)).send().await)
    }
}

impl Way for Counter {
    fn acquire<'a>(&'a self, job: &'a str) -> Later<'a, Turn> {
        Box::pin(async move {
            for asked in 1.. {
                if self.change(1, "held < :bound", self.0.terms.limit).await? {
                    return Ok(Turn { slot: 0, fence: 0, id: job.to_owned(), asked });
                }
                self.0.wait().await;
            }
            Err("it never got its turn".into())
        })
    }

    fn release<'a>(&'a self, _: &'a Turn) -> Later<'a, ()> {
        Box::pin(async move { self.change(-1, "held > :bound", 0).await.map(|_| ()) })
    }

    fn prepare(&self) -> Later<'_, ()> {
        Box::pin(async {
            let put = self.0.client.put_item().table_name(crate::engine::TABLE);
            put.item("PK", self.0.pk()).item("SK", text("counter")).item("held", number(0)).send().await?;
            Ok(())
        })
    }
}
