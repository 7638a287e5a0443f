//! A crowd at one pool: what do many waiters cost a minute, and how soon is a freed slot taken?
//!
//! Real time, the embedded engine, each waiter with a client of its own, as `leasehold run` in a process of its own has. First
//! nobody gives anything back: what is sent meanwhile is what waiting costs. Then the slots go round.
//!
//! ```sh
//! make bench-run                              # queues of 10, 50 and 200
//! make bench-run ARGS="--waiters 1000 --seconds 30"
//! ```

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use leasehold::{Client, Embedded, Table, create_table};
use leasehold_core::{Author, ExpectedSettings, PoolPatch, SetPool};
use leasehold_store::{MeterReading, Runner};

/// The pool's limit.
const LIMIT: u64 = 4;

/// How many hand-overs are timed.
const HANDOVERS: usize = 40;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut queues, mut seconds) = (vec![10, 50, 200], 60);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value: u64 = arguments.next().ok_or("expected a number")?.parse()?;
        match &*name {
            "--waiters" => queues = vec![value],
            "--seconds" => seconds = value,
            _ => return Err("expected --waiters N or --seconds N".into()),
        }
    }
    println!(
        "| waiters | requests a minute | each | read units a minute | each | a freed slot is taken: median | worst |"
    );
    println!("|---|---|---|---|---|---|---|");
    for waiters in queues {
        let row = crowd(waiters, Duration::from_secs(seconds)).await?;
        println!("{row}");
    }
    Ok(())
}

async fn crowd(waiters: u64, watched: Duration) -> Result<String, Box<dyn std::error::Error>> {
    let engine = Embedded::memory()?;
    create_table(&engine.table("leases")).await?;
    let patch = PoolPatch { limit: Some(LIMIT.try_into()?), ..PoolPatch::default() };
    let set = SetPool { patch, expected: ExpectedSettings::Any, by: Author::new("the test", "") };
    Runner::new(engine.table("leases")).administer(&"p".parse()?, set).await?;
    let holder = Client::builder().on(engine.table("leases")).build()?;
    let mut held = Vec::new();
    for _ in 0..LIMIT {
        held.push(holder.acquire("p").await?);
    }
    let tables: Vec<Table> = (0..waiters).map(|_| engine.table("leases")).collect();
    // When a slot was given back last, and how long each hand-over took.
    let times: Arc<Mutex<(Instant, Vec<Duration>)>> = Arc::new(Mutex::new((Instant::now(), Vec::new())));
    let mut tasks = tokio::task::JoinSet::new();
    for table in &tables {
        let (client, times) = (Client::builder().on(table.clone()).build()?, Arc::clone(&times));
        tasks.spawn(async move {
            let lease = client.acquire("p").await?;
            let mut times = times.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let took = times.0.elapsed();
            times.1.push(took);
            drop(times);
            Ok::<_, leasehold::Error>(lease)
        });
    }
    // All have joined, and look as seldom as they ever do.
    tokio::time::sleep(Duration::from_secs(15)).await;
    let before = used(&tables);
    tokio::time::sleep(watched).await;
    let after = used(&tables);
    let minutes = watched.as_secs_f64() / 60.0;
    let requests = (after.reads + after.writes - before.reads - before.writes) as f64 / minutes;
    let units = (after.read_units - before.read_units) / minutes;
    for turn in 0..HANDOVERS.min(waiters as usize) {
        let Some(lease) = held.pop() else { break };
        times.lock().unwrap_or_else(std::sync::PoisonError::into_inner).0 = Instant::now();
        lease.release().await?;
        let next = tasks.join_next().await.ok_or("nobody waits")???;
        held.insert(0, next);
        if turn % 10 == 9 {
            eprintln!("{waiters} waiters: {} hand-overs", turn + 1);
        }
    }
    let mut took = times.lock().unwrap_or_else(std::sync::PoisonError::into_inner).1.clone();
    took.sort();
    let (median, worst) = (took[took.len() / 2].as_secs_f64(), took[took.len() - 1].as_secs_f64());
    let each = waiters as f64;
    tasks.abort_all();
    Ok(format!(
        "| {waiters} | {requests:.0} | {:.0} | {units:.0} | {:.1} | {median:.1} s | {worst:.1} s |",
        requests / each,
        units / each
    ))
}

fn used(tables: &[Table]) -> MeterReading {
    tables.iter().map(|table| table.meter().used()).fold(MeterReading::default(), |sum, one| MeterReading {
        reads: sum.reads + one.reads,
        writes: sum.writes + one.writes,
        read_units: sum.read_units + one.read_units,
        ..sum
    })
}
