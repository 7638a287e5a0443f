//! A caller of the lease manager, a process of its own: does as a workflow's states do. For each job that it is given it
//! acquires a lease, in poll or in queue mode, works, renews if the work takes long, releases, and writes down what it was told.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::record::{Event, RecordWriter, now};
use crate::world_client::WorldClient;

/// Who a caller is, and where its world is.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CallerPlace {
    /// Its name, as the world knows it
    #[arg(long)]
    pub(crate) caller: String,
    /// Where the world listens
    #[arg(long)]
    pub(crate) world: SocketAddr,
    /// What it writes down
    #[arg(long)]
    pub(crate) record: PathBuf,
}

/// A caller of the lease manager.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CallerOptions {
    #[command(flatten)]
    place: CallerPlace,
    /// What it draws its numbers from
    #[arg(long)]
    seed: u64,
}

/// How long most work takes at most, in milliseconds.
const SHORT_WORK: u64 = 300;

/// How often giving a lease back is tried: the states do for an hour, and after a while it has expired.
const RELEASES: u32 = 12;

struct Caller {
    name: String,
    world: WorldClient,
    record: RecordWriter,
    rng: Rng,
}

/// A lease as the lease manager told of it.
struct Told {
    id: String,
    expires_at: u64,
}

/// Does jobs until there are none.
pub(crate) async fn call(options: CallerOptions) -> io::Result<()> {
    let CallerOptions { place: CallerPlace { caller: name, world, record }, seed } = options;
    let world = WorldClient::connect(world).await?;
    let mut caller = Caller { name, world, record: RecordWriter::open(&record)?, rng: Rng::with_seed(seed) };
    let mut done = Value::Null;
    loop {
        let given = caller.ask("/job", json!({ "done": done })).await?;
        match (given["job"].as_u64(), given["wait"].as_bool()) {
            (Some(job), _) => {
                caller.job(job).await?;
                done = job.into();
            }
            (None, Some(true)) => {
                done = Value::Null;
                sleep(Duration::from_millis(100)).await;
            }
            _ => return Ok(()),
        }
    }
}

impl Caller {
    async fn ask(&mut self, path: &str, mut body: Value) -> io::Result<Value> {
        body["caller"] = self.name.as_str().into();
        self.world.ask(path, &body).await
    }

    /// What the lease manager answers: its answer, or the type of its error.
    async fn invoke(&mut self, event: Value) -> io::Result<Result<Value, String>> {
        let mut said = self.ask("/invoke", json!({ "event": event })).await?;
        Ok(match said["error_type"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(said["answer"].take()),
        })
    }

    /// Does one job, however often it takes. Each time is an execution of its own.
    async fn job(&mut self, job: u64) -> io::Result<()> {
        for run in 0.. {
            let execution = format!("arn:aws:states:us-east-1:000000000000:execution:chaos:{}-{job}-{run}", self.name);
            // Some ask as items of a Map do.
            let key = if self.rng.bool() { format!("item-{job}") } else { String::new() };
            let queued = self.rng.bool();
            let Some(told) = self.acquire(&execution, &key, queued).await? else { continue };
            if self.work(&execution, told, job).await? {
                break;
            }
        }
        Ok(())
    }

    /// A lease, or none: it was over before this caller was told of it.
    async fn acquire(&mut self, execution: &str, key: &str, queued: bool) -> io::Result<Option<Told>> {
        let entered = now();
        let mut event = json!({ "action": "acquire", "execution": execution, "label": "chaos" });
        if !key.is_empty() {
            event["key"] = key.into();
        }
        for retry in 0.. {
            event["attempt"] = json!({ "entered": entered, "redrive": 0, "retry": retry });
            if queued {
                event["task_token"] = self.ask("/task", json!({})).await?["token"].take();
            }
            self.record.write(Event::Asked { holder: execution.into() })?;
            let lease = loop {
                match self.invoke(event.clone()).await? {
                    Ok(answer) if answer["status"] == "acquired" => break Some(answer),
                    Ok(answer) if answer["status"] == "wait" => {
                        sleep(Duration::from_millis(50 + self.rng.u64(..250))).await;
                    }
                    Ok(answer) if answer["status"] == "queued" => break self.told(&event["task_token"]).await?,
                    Ok(other) => panic!("an acquire was answered {other}"),
                    Err(_) => break None,
                }
            };
            let Some(lease) = lease else {
                sleep(Duration::from_millis(self.rng.u64(..200 * (1 + retry.min(8))))).await;
                continue;
            };
            let number = |field: &str| lease[field].as_u64().unwrap_or_else(|| panic!("no {field} in {lease}"));
            let told = Told {
                id: lease["lease_id"].as_str().unwrap_or_else(|| panic!("no id in {lease}")).to_owned(),
                expires_at: number("expires_at_ms"),
            };
            let (slot, fence) = (u32::try_from(number("slot")).unwrap_or(u32::MAX), number("fence"));
            let expires_at = Some(told.expires_at);
            self.record.write(Event::Acquired { holder: execution.into(), slot, fence, expires_at })?;
            if now() < told.expires_at {
                return Ok(Some(told));
            }
            self.lost(execution, "it was told late")?;
            return Ok(None);
        }
        Ok(None)
    }

    /// What its task is told: the lease, or nothing that it could work with.
    async fn told(&mut self, token: &Value) -> io::Result<Option<Value>> {
        loop {
            let mut told = self.ask("/task/wait", json!({ "token": token })).await?;
            if told["error"].is_string() {
                return Ok(None);
            }
            if told["output"].is_object() {
                return Ok(Some(told["output"].take()));
            }
        }
    }

    /// Works under a lease, and gives it back. Whether the work was done under it from beginning to end.
    async fn work(&mut self, holder: &str, mut told: Told, job: u64) -> io::Result<bool> {
        let lease = told.expires_at.saturating_sub(now());
        let takes = match self.rng.u8(..16) {
            // Longer than a lease lasts: it has to be renewed.
            0 => lease * 3 / 2,
            // Longer than it lasts, and nobody renews it.
            1 => {
                sleep(Duration::from_millis(lease + self.rng.u64(..500))).await;
                self.lost(holder, "the work outlasted it")?;
                self.give_back(holder, &told.id).await?;
                return Ok(false);
            }
            _ => self.rng.u64(20..SHORT_WORK),
        };
        let until = now() + takes;
        while now() < until {
            sleep(Duration::from_millis((until - now().min(until)).min(lease / 3 + 1))).await;
            if now() < until {
                let renewed = self.invoke(json!({ "action": "renew", "lease_id": told.id })).await?;
                match renewed.map(|answer| answer["expires_at_ms"].as_u64()) {
                    Ok(Some(expires_at)) => {
                        told.expires_at = expires_at;
                        self.record.write(Event::Renewed { holder: holder.into(), expires_at })?;
                    }
                    Ok(None) => panic!("a renewal does not say until when"),
                    Err(error) if error == "LeaseLost" => {
                        self.lost(holder, &error)?;
                        return Ok(false);
                    }
                    // It is asked again in time, or the lease is lost.
                    Err(_) => {}
                }
            }
            if now() >= told.expires_at {
                self.lost(holder, "it expired")?;
                self.give_back(holder, &told.id).await?;
                return Ok(false);
            }
        }
        self.record.write(Event::Done { job })?;
        self.record.write(Event::Releasing { holder: holder.into() })?;
        self.give_back(holder, &told.id).await?;
        Ok(true)
    }

    async fn give_back(&mut self, holder: &str, id: &str) -> io::Result<()> {
        for _ in 0..RELEASES {
            if self.invoke(json!({ "action": "release", "lease_id": id })).await?.is_ok() {
                return self.record.write(Event::Released { holder: holder.into() });
            }
            sleep(Duration::from_millis(self.rng.u64(..500))).await;
        }
        Ok(())
    }

    fn lost(&mut self, holder: &str, why: &str) -> io::Result<()> {
        self.record.write(Event::Lost { holder: holder.into(), why: why.into() })
    }
}
