//! A pool's history: is every change noted, and are there never many notes?

#![allow(clippy::expect_used, reason = "a test may")]

use leasehold_core::{
    Author, EndOverride, EndOverrideOutcome, ExpectedOverride, ExpectedSettings, HistoryRow, Limit, Millis, NOTED,
    PoolChange, PoolName, PoolPatch, Reply, Request, RowKey, SetLimit, SetPool, SweepRequest, Timestamp,
};
use leasehold_store::{Clock, Embedded, NoCallbacks, Runner, Table, create_table, history};

/// A clock that a test sets.
#[derive(Clone, Debug, Default)]
struct SetClock(std::sync::Arc<std::sync::atomic::AtomicU64>);

impl SetClock {
    fn forward(&self, time: Millis) {
        self.0.fetch_add(time.0, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::seconds(1_000_000) + Millis(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}

type TestRunner = Runner<NoCallbacks, NoCallbacks, SetClock>;

fn prefix() -> PoolName {
    "p".parse().expect("a prefix")
}

fn limit(count: u64) -> Limit {
    Limit::try_from(count).expect("a limit")
}

/// A pool with a limit of 5, and its clock.
async fn pool() -> (Table, TestRunner, SetClock) {
    let table = Embedded::memory().expect("an engine").table("leases");
    create_table(&table).await.expect("a table");
    let clock = SetClock::default();
    let runner = Runner::with(table.clone(), NoCallbacks, NoCallbacks, clock.clone());
    set(&runner, 5).await;
    (table, runner, clock)
}

async fn set(runner: &TestRunner, to: u64) {
    let patch = PoolPatch { limit: Some(limit(to)), ..PoolPatch::default() };
    let set = SetPool { patch, by: Author::new("ann", ""), expected: ExpectedSettings::Any };
    runner.administer(&prefix(), set).await.expect("set");
}

async fn override_for(runner: &TestRunner, to: u64, lasts: Option<Millis>) {
    let (who, why) = ("bob".into(), "a slow partner".into());
    let set = SetLimit { limit: limit(to), who, why, lasts, expected: ExpectedOverride::Any };
    runner.administer(&prefix(), set).await.expect("overridden");
}

#[tokio::test]
async fn the_last_hundred_changes_are_kept() {
    let (table, runner, clock) = pool().await;
    for to in 0..NOTED as u64 + 20 {
        clock.forward(Millis(1));
        set(&runner, 10 + to).await;
    }
    let noted = history(&table, &prefix()).await.expect("a history").changes;
    assert_eq!(noted.len(), NOTED);
    let newest = noted.first().map(|row| row.change.clone());
    let changes = format!("limit {} {}", NOTED + 28, NOTED + 29).parse().expect("changes");
    assert_eq!(newest, Some(PoolChange::Set(changes)));
    assert!(noted.is_sorted_by_key(|row| std::cmp::Reverse(row.key)), "the newest first");
}

#[tokio::test]
async fn an_override_that_lapsed_is_cleared_by_a_sweep_and_noted() {
    let (table, runner, clock) = pool().await;
    override_for(&runner, 8, Some(Millis::seconds(60))).await;
    let limit_now = async || {
        clock.forward(Millis::seconds(5));
        runner.settings(&prefix()).await.expect("settings").limit
    };
    assert_eq!(limit_now().await, limit(8));
    clock.forward(Millis::seconds(60));
    assert_eq!(limit_now().await, limit(5));
    let lies_there = async || {
        let sent = table.send(&prefix(), &Request::Get(RowKey::Override)).await;
        matches!(sent.reply, Reply::Row(Some(_)))
    };
    // Somebody may still follow it: the row says so.
    runner.run_on(&prefix(), SweepRequest).await.expect("swept");
    assert!(lies_there().await);
    // The history tells of the lapse all the same, as it will when a sweep has noted it.
    let told = history(&table, &prefix()).await.expect("a history").changes;
    clock.forward(Millis::seconds(75));
    runner.run_on(&prefix(), SweepRequest).await.expect("swept");
    assert!(!lies_there().await);
    let noted = history(&table, &prefix()).await.expect("a history").changes;
    assert_eq!(noted[0].change, PoolChange::Lapsed { from: limit(8), to: limit(5) });
    assert_eq!((&*noted[0].by.who, noted[0].key.at), ("bob", Timestamp::seconds(1_000_060)));
    assert_eq!(noted, told);
    // Whatever limit is set later, and whoever notes the lapse only then.
    clock.forward(Millis::seconds(1));
    set(&runner, 9).await;
    assert_eq!(history(&table, &prefix()).await.expect("a history").changes[1], noted[0]);
    override_for(&runner, 8, Some(Millis::seconds(60))).await;
    clock.forward(Millis::seconds(61));
    set(&runner, 7).await;
    let lapses = async || {
        let changes = history(&table, &prefix()).await.expect("a history").changes;
        let lapsed = |row: &HistoryRow| if let PoolChange::Lapsed { to, .. } = row.change { Some(to) } else { None };
        changes.iter().filter_map(lapsed).collect::<Vec<_>>()
    };
    assert_eq!(lapses().await, [limit(9), limit(5)]);
    clock.forward(Millis::seconds(160));
    runner.run_on(&prefix(), SweepRequest).await.expect("swept");
    assert!(!lies_there().await);
    assert_eq!(lapses().await, [limit(9), limit(5)]);
}

#[tokio::test]
async fn an_override_that_lapsed_is_none_to_end_or_to_replace() {
    let (table, runner, clock) = pool().await;
    clock.forward(Millis::seconds(1));
    override_for(&runner, 3, Some(Millis::seconds(59))).await;
    clock.forward(Millis::seconds(61));
    let end = EndOverride { by: Author::new("ann", ""), expected: ExpectedOverride::Any };
    assert_eq!(runner.administer(&prefix(), end).await, Ok(EndOverrideOutcome::NoOverride(limit(5))));
    override_for(&runner, 4, None).await;
    let changes: Vec<_> =
        history(&table, &prefix()).await.expect("a history").changes.into_iter().map(|row| row.change).collect();
    let made = |from, to, until| PoolChange::Overridden { from: limit(from), to: limit(to), until };
    let until = Timestamp::seconds(1_000_060);
    assert_eq!(
        changes[..3],
        [made(5, 4, None), PoolChange::Lapsed { from: limit(3), to: limit(5) }, made(5, 3, Some(until))]
    );
}
