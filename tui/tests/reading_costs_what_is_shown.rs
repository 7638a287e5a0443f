//! What the watching reads, counted by the table's own meter: what is on screen, however many pools there are.

#![allow(clippy::expect_used, reason = "a test that cannot go on says why")]

mod scenes;

use std::time::Duration;

use leasehold_core::occupancy::Detail;
use leasehold_core::{
    AcquireRequest, Author, ExpectedSettings, Holder, Mode, PoolPatch, RetirePool, SetPool, SweepRequest,
};
use leasehold_store::{Embedded, Runner, Table, create_table};
use leasehold_tui::watch::input::{Input, Subscription};
use leasehold_tui::watch::poller::poll;
use leasehold_tui::watch::state::DashboardState;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use scenes::{WATCH, dashboard, limit, prefix, screen as drawn};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

/// How long anything may take: the machine may be busy with other tests.
const WITHIN: Duration = Duration::from_secs(60);

/// So many pools with a limit of 15, of which some are held; each was swept once.
async fn table(engine: &Embedded, pools: usize) -> Table {
    let table = table_without_sweeps(engine, pools).await;
    let runner = Runner::new(table);
    for number in 0..pools {
        runner.run_on(&prefix(&format!("pool-{number:03}")), SweepRequest).await.expect("a sweep");
    }
    engine.table("leases")
}

/// The same, and nobody has ever swept: as where only `leasehold run` is used.
async fn table_without_sweeps(engine: &Embedded, pools: usize) -> Table {
    let table = engine.table("leases");
    create_table(&table).await.expect("a table");
    let runner = Runner::new(table.clone());
    for number in 0..pools {
        let prefix = prefix(&format!("pool-{number:03}"));
        let patch = PoolPatch { limit: Some(limit(15)), ..PoolPatch::default() };
        let set = SetPool { patch, by: Author::new("ann", "a test"), expected: ExpectedSettings::Any };
        runner.administer(&prefix, set).await.expect("a pool");
        for item in 0..(number % 4) * 5 {
            let arn = format!("arn:aws:states:eu-central-1:123456789012:execution:nightly:{number}-{item}");
            let holder = Holder::new(&arn, "", None).expect("a holder");
            let ask = AcquireRequest { holder, attempt: None, mode: Mode::Poll, lease: None, wait: None, label: None };
            runner.run_on(&prefix, ask).await.expect("a lease");
        }
    }
    engine.table("leases")
}

struct Watching {
    dashboard: DashboardState,
    table: Table,
    subscription: watch::Sender<Subscription>,
    inputs: mpsc::Receiver<Input>,
}

impl Watching {
    fn new(table: Table, size: (u16, u16), every: Duration) -> Watching {
        let (subscription, hears) = watch::channel(Subscription::default());
        let (sends, inputs) = mpsc::channel(1_000);
        tokio::spawn(poll(table.clone(), every, hears, sends));
        Watching { dashboard: dashboard(WATCH, size), table, subscription, inputs }
    }

    /// Takes inputs in as the screen does, until one is so; it is taken in too.
    async fn until(&mut self, mut so: impl FnMut(&DashboardState, &Input) -> bool) {
        loop {
            let input = timeout(WITHIN, self.inputs.recv()).await.expect("in time").expect("an input");
            let over = so(&self.dashboard, &input);
            self.dashboard.apply(input);
            self.subscription.send_if_modified(|known| {
                let now = self.dashboard.subscription();
                let other = *known != now;
                *known = now;
                other
            });
            if over {
                return;
            }
        }
    }

    /// Until a round is over: what it costs is told last.
    async fn round(&mut self) {
        self.until(|_, input| matches!(input, Input::Cost(_))).await;
    }

    /// Units and requests used so far.
    fn used(&self) -> (f64, u64) {
        let used = self.table.meter().used();
        (used.read_units, used.reads)
    }
}

const NARROW: (u16, u16) = (60, 15);

#[tokio::test]
async fn only_the_pools_on_screen_are_read_live() {
    let engine = Embedded::memory().expect("an engine");
    let mut watching = Watching::new(table(&engine, 60).await, NARROW, Duration::from_millis(100));
    watching.round().await;
    watching.round().await;
    let dashboard = &watching.dashboard;
    assert_eq!(dashboard.count(), 60);
    let live = dashboard.listed().filter(|pool| pool.seen.as_ref().is_some_and(|seen| seen.detail == Detail::Rows));
    let live: Vec<&str> = live.map(|pool| pool.prefix.as_str()).collect();
    let wanted: Vec<String> = dashboard.subscription().pools.iter().map(ToString::to_string).collect();
    // The first screen was read before the order was known; what is on screen now is among it.
    assert!(wanted.len() == 9 && wanted.iter().all(|name| live.contains(&name.as_str())), "{live:?} {wanted:?}");
    assert!(live.len() <= 2 * wanted.len(), "{live:?}");
    // The others are there, as their last sweep left them.
    assert!(dashboard.listed().all(|pool| pool.seen.is_some()));
}

#[tokio::test]
async fn pools_that_no_sweep_tells_of_are_read_now_and_then() {
    let engine = Embedded::memory().expect("an engine");
    let mut watching = Watching::new(table_without_sweeps(&engine, 60).await, NARROW, Duration::from_millis(100));
    watching.until(|_, input| matches!(input, Input::Listed(_))).await;
    let screen = drawn(&watching.dashboard);
    assert!(screen.contains("60 pools  ? 60 not read yet"), "{screen}");
    watching.until(|dashboard, _| dashboard.pools().iter().all(|pool| pool.seen.is_some())).await;
    let screen = drawn(&watching.dashboard);
    // 15 each of 0, 5, 10 and 15 leases.
    assert!(screen.contains("15 full") || screen.contains("■ 15"), "{screen}");
    assert!(screen.contains("450/900 held") && !screen.contains("not read"), "{screen}");
    // Within a minute they are not read again: what is on screen alone is.
    watching.round().await;
    let (_, reads) = watching.used();
    for _ in 0..3 {
        watching.round().await;
    }
    let shown = watching.dashboard.subscription().pools.len() as u64;
    assert_eq!(watching.used().1 - reads, 3 * 2 * shown);
}

#[tokio::test]
async fn many_such_pools_take_no_more_than_their_part() {
    let engine = Embedded::memory().expect("an engine");
    let mut watching = Watching::new(table_without_sweeps(&engine, 200).await, NARROW, Duration::from_millis(100));
    watching.round().await;
    let begin = tokio::time::Instant::now();
    let (before, _) = watching.used();
    let mut rounds = 0;
    while begin.elapsed() < Duration::from_secs(3) {
        watching.round().await;
        rounds += 1;
    }
    let shown = watching.dashboard.subscription().pools.len();
    let screens = f64::from(rounds) * shown as f64 * 1.5;
    let units = watching.used().0 - before - screens;
    // 10 a second, 20 at once after a rest, and one reading more than there were units for.
    let most = 10.0 * begin.elapsed().as_secs_f64() + 20.0 + 16.0 * 1.5;
    assert!(units < most, "{units} of {most} units");
    let unread = watching.dashboard.pools().iter().filter(|pool| pool.seen.is_none()).count();
    assert!((1..150).contains(&unread), "{unread} are still to be read");
}

#[tokio::test]
async fn a_look_takes_two_requests_and_about_a_unit_in_any_table() {
    for pools in [10, 80] {
        let engine = Embedded::memory().expect("an engine");
        let mut watching = Watching::new(table(&engine, pools).await, NARROW, Duration::from_millis(50));
        watching.round().await;
        watching.round().await;
        let (units, reads) = watching.used();
        let rounds = 5;
        for _ in 0..rounds {
            watching.round().await;
        }
        let (after, reads_after) = watching.used();
        let shown = watching.dashboard.subscription().pools.len() as f64;
        let (units, reads) = ((after - units) / f64::from(rounds), (reads_after - reads) as f64 / f64::from(rounds));
        assert_eq!(reads / shown, 2.0, "{pools} pools, {shown} on screen");
        // 15 slots are below 4 KB each query: 0.5 units for each of the two, as never read with strong consistency.
        assert!(units / shown <= 1.5, "{pools} pools, {shown} on screen: {units} units a round");
        println!("{pools} pools, {shown} on screen: {units:.1} units and {reads:.0} requests a round");
    }
}

#[tokio::test]
async fn paused_nothing_is_read() {
    let engine = Embedded::memory().expect("an engine");
    let mut watching = Watching::new(table(&engine, 3).await, NARROW, Duration::from_millis(20));
    watching.round().await;
    watching.subscription.send_modify(|subscription| subscription.paused = true);
    // What was under way still comes; then nothing more does.
    while timeout(Duration::from_millis(500), watching.inputs.recv()).await.is_ok() {}
    let before = watching.used();
    assert!(timeout(Duration::from_millis(500), watching.inputs.recv()).await.is_err());
    assert_eq!(watching.used(), before);
    watching.subscription.send_modify(|subscription| subscription.paused = false);
    watching.round().await;
}

#[tokio::test]
async fn what_fails_is_told_with_the_next_try_which_comes_ever_later() {
    let engine = Embedded::memory().expect("an engine");
    // Nobody made the table.
    let mut watching = Watching::new(engine.table("missing"), NARROW, Duration::from_millis(20));
    let mut told = vec![];
    for _ in 0..2 {
        watching
            .until(|_, input| match input {
                Input::Failed { why, retry_at } => {
                    told.push((why.clone(), *retry_at));
                    true
                }
                _ => false,
            })
            .await;
    }
    assert!(told[0].0.contains("table missing does not exist"), "{told:?}");
    assert!(told[1].1 > told[0].1, "{told:?}");
    assert!(watching.dashboard.failure.is_some() && watching.dashboard.is_stale());
    // Made meanwhile: the next try finds it, and the failure goes.
    create_table(&engine.table("missing")).await.expect("a table");
    watching.until(|_, input| matches!(input, Input::Listed(_))).await;
    assert_eq!(watching.dashboard.failure, None);
}

#[tokio::test]
async fn a_pool_that_is_retired_meanwhile_is_told_once_and_gone() {
    let engine = Embedded::memory().expect("an engine");
    let mut watching = Watching::new(table(&engine, 2).await, NARROW, Duration::from_millis(50));
    watching.round().await;
    let retired = watching.dashboard.subscription().pools[0].clone();
    Runner::new(watching.table.clone())
        .administer(&retired, RetirePool { by: Author::new("ann", "a test") })
        .await
        .expect("retired");
    watching.until(|_, input| matches!(input, Input::Gone(gone) if *gone == retired)).await;
    for _ in 0..3 {
        watching.round().await;
        // The directory is read again as well.
        watching.dashboard.apply(Input::Key(KeyEvent::new(KeyCode::Char('r'), KeyModifiers::NONE)));
    }
    // A look that was under way when it went.
    let why = "its settings make no sense".to_owned();
    watching.dashboard.apply(Input::Unreadable { prefix: retired.clone(), why });
    assert_eq!((watching.dashboard.count(), watching.dashboard.subscription().pools.contains(&retired)), (1, false));
    let told = watching.dashboard.log.lines().iter().filter(|line| line.verb == "retired");
    assert_eq!(told.map(|line| line.rest.within(80)).collect::<Vec<_>>(), [format!("pool {retired}")]);
}
