//! The world: an engine, a bad network before it, environments of the lease manager, callers, and somebody who kills and stops
//! them. How does a run go, from an empty table to an empty table?

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use leasehold_core::{Author, ExpectedSettings, Limit, Millis, PoolName, PoolPatch, SetPool};
use leasehold_store::{Runner, create_table};
use leasehold_testkit::{FaultyProxy, ProxyCounts, StepFunctionsFault, serve_over_http};
use serde_json::json;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::account::{Account, TOKEN_MARK};
use crate::caller_service::CallerService;
use crate::drained::{items, left_over};
use crate::engine::{Engine, EngineKind};
use crate::environments::{Environment, FUNCTION_TIMEOUT, Invocation, invoke};
use crate::judge::{Judgement, judge};
use crate::lanes::{LaneCounts, Lanes, aws_variables};
use crate::record::{RecordWriter, lines, records};
use crate::secrets::{Searched, search};
use crate::signalled::Blow;

/// The table's name.
const TABLE: &str = "leases";

/// How long a lease lasts here, and the most that clocks may differ: short, so that leases expire under their holders.
const LEASE: Duration = Duration::from_secs(4);
const GRACE: Duration = Duration::from_secs(2);

/// How long after the last job everything may take to be given back: the longest wait in the queue, a lease and its grace, and
/// what is still on its way through the proxies.
const DRAINED_WITHIN: Duration = Duration::from_secs(90);

/// How long it may take at most until the next job is done: the longest wait in the queue, twice, and some.
const STUCK_AFTER: Duration = Duration::from_secs(180);

/// How long a request may still be on its way through a proxy that is calm now.
const UNDER_WAY: Duration = Duration::from_secs(7);

/// What is run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) engine: EngineKind,
    pub(crate) seed: u64,
    pub(crate) jobs: u64,
    pub(crate) limit: u32,
    /// Callers of the lease manager, `leasehold run`s at a time, environments.
    pub(crate) callers: usize,
    pub(crate) commands: usize,
    pub(crate) environments: usize,
    /// Of a thousand requests so many meet with a fault of the network.
    pub(crate) faults: u64,
    /// The time between two blows to some process; none: nobody is killed or stopped.
    pub(crate) blow_every: Option<Duration>,
    /// Callers count, then put, instead of asking the lease manager.
    pub(crate) counting: bool,
    /// After so long no job is begun any more.
    pub(crate) within: Option<Duration>,
    /// Where everything is written.
    pub(crate) folder: PathBuf,
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct RunResult {
    pub(crate) judgement: Judgement,
    pub(crate) done: usize,
    pub(crate) jobs: u64,
    pub(crate) took: Duration,
    pub(crate) lanes: Arc<Lanes>,
    pub(crate) network: [ProxyCounts; 2],
    pub(crate) invocations: u64,
    pub(crate) struck_environments: u64,
    pub(crate) tokens: u64,
    pub(crate) searched: Searched,
}

/// Plays a plan, and judges it.
pub(crate) async fn play(plan: &Plan) -> io::Result<RunResult> {
    let began = Instant::now();
    fastrand::seed(plan.seed);
    for folder in ["records", "logs"] {
        std::fs::create_dir_all(plan.folder.join(folder))?;
    }
    let prefix: PoolName = "chaos".parse().map_err(io::Error::other)?;
    let engine = Engine::start(plan.engine).await?;
    make_pool(&engine, &prefix, plan).await?;
    let account = Arc::new(Account::new(plan.jobs));
    let table_proxy = FaultyProxy::start(engine.at, plan.seed, plan.faults).await?;
    let tasks_at = serve_over_http(account.step_functions.clone()).await?;
    let tasks_proxy = FaultyProxy::start(tasks_at, !plan.seed, plan.faults).await?;

    let (events, waiting) = mpsc::channel::<Invocation>(10_000);
    let invocations = counted(waiting);
    let service =
        CallerService { account: Arc::clone(&account), events: events.clone(), rough: plan.blow_every.is_some() };
    let world = service.serve().await?.to_string();
    let scripts = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts"));
    let own_binary = std::env::current_exe()?;
    let beside = |name: &str| own_binary.with_file_name(name);
    let lanes = Arc::new(Lanes {
        account: Arc::clone(&account),
        events: events.clone(),
        world,
        folder: plan.folder.clone(),
        kills: RecordWriter::open(&plan.folder.join("kills.jsonl"))?.into(),
        leasehold: beside("leasehold"),
        faketime: scripts.join("faketime"),
        prefix: prefix.clone(),
        table: TABLE.into(),
        proxy: table_proxy.endpoint(),
        limit: plan.limit,
        counts: LaneCounts::default(),
        own_binary: own_binary.clone(),
    });

    let calm = Arc::new(AtomicBool::new(false));
    let (mut lanes_under_way, mut upkeep, mut victims) = (JoinSet::new(), JoinSet::new(), Vec::new());
    let mut environments = Vec::new();
    for number in 0..if plan.counting { 0 } else { plan.environments } {
        let environment = Environment {
            binary: beside("lease-manager"),
            variables: function_variables(&table_proxy, &tasks_proxy, &prefix),
            clock: clock(number).map(|(offset, by)| (scripts.join("faketime"), offset.to_owned(), by)),
            log: plan.folder.join("logs").join(format!("environment-{number}.log")),
        };
        let (blows, mut struck) = mpsc::channel(1);
        environments.push(blows);
        let queue = Arc::clone(&invocations.0);
        upkeep.spawn(async move { environment.serve(queue, &mut struck).await });
    }
    for lane in 0..plan.callers {
        let (blows, mut struck) = mpsc::channel(1);
        victims.push(blows);
        let (lanes, counting) = (Arc::clone(&lanes), plan.counting);
        lanes_under_way.spawn(async move { lanes.callers(lane, counting, &mut struck).await });
    }
    for lane in 0..plan.commands {
        let (blows, mut struck) = mpsc::channel(1);
        victims.push(blows);
        let lanes = Arc::clone(&lanes);
        lanes_under_way.spawn(async move { lanes.commands(lane, &mut struck).await });
    }
    let struck_environments = Arc::new(AtomicU64::new(0));
    if let Some(every) = plan.blow_every {
        let (calm, struck, account) = (Arc::clone(&calm), Arc::clone(&struck_environments), Arc::clone(&account));
        let environments = environments.clone();
        upkeep.spawn(async move {
            strike(every, &environments, &victims, &account, &struck, &calm).await;
            Ok(())
        });
    }
    if !plan.counting {
        let events = events.clone();
        upkeep.spawn(async move { sweep(&events).await });
    }

    if let Some(within) = plan.within {
        let account = Arc::clone(&account);
        upkeep.spawn(async move {
            sleep(within).await;
            account.cut_short();
            Ok(())
        });
    }
    let stuck = tokio::select! {
        ended = until_all_end(lanes_under_way) => ended.map(|()| None)?,
        stuck = nothing_is_done(&account) => Some(stuck),
    };
    calm.store(true, Ordering::Relaxed);
    table_proxy.calm();
    tasks_proxy.calm();
    account.close();
    let mut left = Vec::new();
    if !plan.counting {
        left = drain(&engine, &prefix).await;
    }
    upkeep.shutdown().await;

    let (records, kills) = (records(&plan.folder.join("records"))?, lines(&plan.folder.join("kills.jsonl"))?);
    let mut judgement = judge(plan.limit as usize, account.jobs(), &records, &kills);
    judgement.broken.extend(stuck.into_iter().chain(left));
    let searched = search(&plan.folder, TOKEN_MARK)?;
    let secret = |path: &PathBuf| format!("a task token was written to {}", path.display());
    judgement.broken.extend(searched.found.iter().map(secret));
    let crashed = lanes.counts.crashed.load(Ordering::Relaxed);
    if crashed > 0 {
        judgement.broken.push(format!("{crashed} callers ended before their time; see their logs"));
    }
    drop(events);
    Ok(RunResult {
        judgement,
        done: account.done(),
        jobs: account.jobs(),
        took: began.elapsed(),
        lanes,
        network: [table_proxy.counts(), tasks_proxy.counts()],
        invocations: invocations.1.load(Ordering::Relaxed),
        struck_environments: struck_environments.load(Ordering::Relaxed),
        tokens: account.tokens(),
        searched,
    })
}

async fn until_all_end(mut lanes: JoinSet<io::Result<()>>) -> io::Result<()> {
    while let Some(lane) = lanes.join_next().await {
        lane.map_err(io::Error::other)??;
    }
    Ok(())
}

/// Until no job was done for far longer than any job waits for its turn: what is wrong then.
async fn nothing_is_done(account: &Account) -> String {
    let (mut done, mut since) = (account.done(), Instant::now());
    while since.elapsed() < STUCK_AFTER {
        sleep(Duration::from_secs(1)).await;
        if account.done() > done {
            (done, since) = (account.done(), Instant::now());
        }
    }
    format!("no job was done for {STUCK_AFTER:?}; {done} are")
}

/// The events on their way to the environments, counted as they pass.
fn counted(mut waiting: mpsc::Receiver<Invocation>) -> (Arc<Mutex<mpsc::Receiver<Invocation>>>, Arc<AtomicU64>) {
    let (passed, queue) = mpsc::channel(10_000);
    let count = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&count);
    tokio::spawn(async move {
        while let Some(invocation) = waiting.recv().await {
            counter.fetch_add(1, Ordering::Relaxed);
            if passed.send(invocation).await.is_err() {
                return;
            }
        }
    });
    (Arc::new(Mutex::new(queue)), count)
}

async fn make_pool(engine: &Engine, prefix: &PoolName, plan: &Plan) -> io::Result<()> {
    let table = engine.table(TABLE);
    create_table(&table).await.map_err(io::Error::other)?;
    let millis = |time: Duration| Some(Millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)));
    let patch = PoolPatch {
        limit: Some(Limit::try_from(u64::from(plan.limit)).map_err(io::Error::other)?),
        lease: millis(LEASE),
        grace: millis(GRACE),
        longest_wait: millis(Duration::from_secs(60)),
        sweep_every: millis(Duration::from_secs(1)),
        ..PoolPatch::default()
    };
    let set = SetPool { patch, expected: ExpectedSettings::Any, by: Author::new("the test", "") };
    Runner::new(table).administer(prefix, set).await.map_err(io::Error::other)?;
    Ok(())
}

/// Every third environment has a wrong clock.
fn clock(number: usize) -> Option<(&'static str, i64)> {
    const WRONG: [(&str, i64); 4] = [("+25s", 25_000), ("-1d", -86_400_000), ("+1d", 86_400_000), ("-25s", -25_000)];
    (number % 3 == 2 && cfg!(target_os = "linux")).then(|| WRONG[number / 3 % WRONG.len()])
}

fn function_variables(table: &FaultyProxy, tasks: &FaultyProxy, prefix: &PoolName) -> BTreeMap<String, String> {
    let mut variables: BTreeMap<String, String> =
        aws_variables().into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let own = [
        ("LEASE_TABLE_NAME", TABLE.to_owned()),
        ("LEASE_PREFIX", prefix.to_string()),
        ("LEASE_LOG_LEVEL", "debug".to_owned()),
        ("AWS_ENDPOINT_URL_DYNAMODB", table.endpoint()),
        ("AWS_ENDPOINT_URL_SFN", tasks.endpoint()),
    ];
    variables.extend(own.map(|(name, value)| (name.to_owned(), value)));
    variables
}

/// Kills and stops at random, and lets Step Functions fail now and then, until the world is calm.
async fn strike(
    every: Duration,
    environments: &[mpsc::Sender<Blow>],
    victims: &[mpsc::Sender<Blow>],
    account: &Account,
    struck_environments: &AtomicU64,
    calm: &AtomicBool,
) {
    const FAULTS: [StepFunctionsFault; 4] = [
        StepFunctionsFault::Error(400, "ThrottlingException"),
        StepFunctionsFault::Error(500, "InternalFailure"),
        StepFunctionsFault::Error(400, "KmsAccessDeniedException"),
        StepFunctionsFault::Break,
    ];
    for number in 0_u64.. {
        sleep(every.mul_f64(0.5 + fastrand::f64())).await;
        if calm.load(Ordering::Relaxed) {
            return;
        }
        let blow = match fastrand::u8(..8) {
            0..5 => Blow::Kill { ended: fastrand::bool() },
            5..7 => Blow::Stop(Duration::from_millis(fastrand::u64(100..1_500))),
            // Past the end of every lease that it may hold, and its grace.
            _ => Blow::Stop(LEASE + GRACE + Duration::from_millis(fastrand::u64(..1_500))),
        };
        // One in three, and the first: also in a short world.
        let an_environment = number % 3 == 0;
        let of = if an_environment { environments } else { victims };
        // One that has a blow before it already is spared.
        if !of.is_empty() && of[fastrand::usize(..of.len())].try_send(blow).is_ok() && an_environment {
            struck_environments.fetch_add(1, Ordering::Relaxed);
        }
        account.step_functions.fail_always(Some(FAULTS[fastrand::usize(..FAULTS.len())].clone()));
        sleep(Duration::from_millis(fastrand::u64(10..300))).await;
        account.step_functions.fail_always(None);
    }
}

/// Sweeps the pool by and by, as EventBridge's schedule does.
async fn sweep(events: &mpsc::Sender<Invocation>) -> io::Result<()> {
    loop {
        let _ = invoke(events, json!({ "action": "sweep" }), FUNCTION_TIMEOUT).await;
        sleep(Duration::from_millis(500)).await;
    }
}

/// Waits until nothing is left over, while the sweeps go on: what still is.
async fn drain(engine: &Engine, prefix: &PoolName) -> Vec<String> {
    sleep(UNDER_WAY).await;
    let (client, until) = (Client::from_conf(engine.config().build()), Instant::now() + DRAINED_WITHIN);
    loop {
        let left = match items(&client, TABLE, prefix).await {
            Ok(items) => left_over(&items),
            Err(wrong) => vec![wrong],
        };
        if left.is_empty() || Instant::now() >= until {
            return left.into_iter().map(|left| format!("not drained within {DRAINED_WITHIN:?}: {left}")).collect();
        }
        sleep(Duration::from_millis(500)).await;
    }
}
