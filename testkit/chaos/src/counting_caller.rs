//! A caller that counts, then puts: what people write first, for the judge to catch. No lease manager: it talks to the
//! table, counts the leases, and puts its own if there are fewer than the limit.

use std::io;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_sdk_dynamodb::types::{AttributeValue, Select};
use leasehold_store::https;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::caller::CallerPlace;
use crate::record::{Event, RecordWriter, now};
use crate::world_client::WorldClient;

/// Who it is, and where its world and its table are.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CountingOptions {
    #[command(flatten)]
    place: CallerPlace,
    /// Where the table is
    #[arg(long)]
    endpoint: String,
    /// The table's name
    #[arg(long)]
    table: String,
    /// How many may hold at once
    #[arg(long)]
    limit: i32,
}

/// How long its leases last, in milliseconds.
const LEASE: u64 = 10_000;

/// Does jobs until there are none.
pub(crate) async fn call(options: CountingOptions) -> io::Result<()> {
    let config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(&options.endpoint)
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(https::client());
    let client = Client::from_conf(config.build());
    let mut world = WorldClient::connect(options.place.world).await?;
    let mut record = RecordWriter::open(&options.place.record)?;
    let (mut done, text) = (Value::Null, |text: &str| AttributeValue::S(text.into()));
    loop {
        let given = world.ask("/job", &json!({ "caller": options.place.caller, "done": done })).await?;
        let Some(job) = given["job"].as_u64() else {
            if given["wait"] != true {
                return Ok(());
            }
            done = Value::Null;
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let holder = format!("{}-{job}", options.place.caller);
        record.write(Event::Asked { holder: holder.clone() })?;
        loop {
            let count = client.query().table_name(&options.table).select(Select::Count).consistent_read(true);
            let count = count.key_condition_expression("PK = :pool");
            let count = count.expression_attribute_values(":pool", text("counted"));
            if count.send().await.is_ok_and(|counted| counted.count < options.limit) {
                let put = client.put_item().table_name(&options.table);
                if put.item("PK", text("counted")).item("SK", text(&holder)).send().await.is_ok() {
                    break;
                }
            }
            sleep(Duration::from_millis(fastrand::u64(5..30))).await;
        }
        let expires_at = Some(now() + LEASE);
        // Whoever counts has no slots: each job is one of its own.
        let slot = u32::try_from(job).unwrap_or(u32::MAX);
        record.write(Event::Acquired { holder: holder.clone(), slot, fence: 1, expires_at })?;
        sleep(Duration::from_millis(fastrand::u64(50..150))).await;
        record.write(Event::Done { job })?;
        record.write(Event::Releasing { holder: holder.clone() })?;
        let delete = client.delete_item().table_name(&options.table);
        let delete = delete.key("PK", text("counted")).key("SK", text(&holder));
        while delete.clone().send().await.is_err() {}
        record.write(Event::Released { holder })?;
        done = job.into();
    }
}
