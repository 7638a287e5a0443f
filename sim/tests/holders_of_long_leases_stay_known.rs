//! Leases that are held for days: does the table's time to live ever take the row that says who holds them?

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why")]

mod scripted_pool;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use leasehold_core::{
    AcquireOutcome, AcquireRequest, Effect, Fence, Guard, HolderRow, HolderState, Intent, Lease, Machine, Millis, Mode,
    Mutation, Operation, ReleaseTarget, RenewRequest, Reply, Request, Row, RowKey, Settings, Slot, Step, Timestamp,
    Write,
};
use leasehold_sim::table::MemoryTable;
use scripted_pool::{Pool, T, attempt, holder, poll};

const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;
const DAY: u64 = 24 * HOUR;

/// DynamoDB deletes what is past its time to live, at once where this pool is concerned.
fn collect_expired_rows(pool: &mut Pool, now: u64) {
    pool.table.retain(|row| !matches!(row, Row::Holder(row) if row.ttl <= Timestamp(now)));
}

/// Days pass with a sweep a minute; before each, `between`. Until when.
fn days_pass(pool: &mut Pool, days: u64, mut between: impl FnMut(&mut Pool, u64)) -> u64 {
    let mut now = T;
    while now < T + days * DAY {
        now += 60 * SECOND;
        between(pool, now);
        pool.sweep(now);
        collect_expired_rows(pool, now);
    }
    now
}

fn renewed_for(days: u64) -> (Pool, Lease, u64) {
    let mut pool = Pool::new(2);
    let lease = pool.lease(poll("a", Some(1)), T);
    let until = days_pass(&mut pool, days, |pool, now| {
        pool.renew(&lease, None, now).expect("it is kept");
    });
    (pool, lease, until)
}

/// How often the holder's own row was read.
fn reads_of_holders(pool: &Pool) -> usize {
    pool.asked.iter().filter(|request| matches!(request, Request::Get(RowKey::Holder(_)))).count()
}

#[test]
fn a_holder_that_renews_for_days_gets_no_second_lease() {
    let (mut pool, lease, now) = renewed_for(9);
    match pool.acquire(poll("a", Some(1)), now) {
        Ok(AcquireOutcome::Acquired(again)) => assert_eq!(again.id, lease.id),
        other => panic!("{other:?}"),
    }
    assert_eq!(pool.held(), 1);
}

#[test]
fn the_end_of_an_execution_that_renewed_for_days_frees_its_slot() {
    let (mut pool, _, now) = renewed_for(9);
    pool.ended("a", now + 20 * SECOND).expect("freed");
    assert_eq!(pool.held(), 0);
}

#[test]
fn a_lease_of_days_that_nobody_renews_keeps_its_holders_row() {
    // Who waited without a token is granted a lease of seconds first, and comes for one of days.
    let mut pool = Pool::new(1);
    pool.settings.lease = Millis(20 * DAY);
    let asks = || AcquireRequest { mode: Mode::Queue(None), ..poll("a", Some(1)) };
    pool.joined(asks(), T);
    pool.sweep(T + 1);
    let Ok(AcquireOutcome::Acquired(lease)) = pool.acquire(asks(), T + 2) else { panic!("it comes for its lease") };
    assert!(lease.expires_at > Timestamp(T + 19 * DAY), "{lease:?}");
    days_pass(&mut pool, 9, |_, _| {});
    assert!(points_at(&pool.row_of("a"), &lease));
}

#[test]
fn rows_of_long_leases_are_seldom_read_and_written_twice_a_day() {
    let days = 9;
    let (pool, ..) = renewed_for(days);
    let written = |request: &&Request| {
        let puts = |write: &Write| matches!(write.mutation, Mutation::Put(Row::Holder(_)));
        request.writes().iter().any(puts)
    };
    let (reads, writes) = (reads_of_holders(&pool), pool.asked.iter().filter(written).count());
    // The first of each are those of the lease itself.
    assert!((days as usize..=2 * days as usize + 1).contains(&writes), "{writes} writes");
    // The lease manager's role may not check a row without writing it.
    let checks = |request: &Request| request.writes().iter().any(|write| write.mutation == Mutation::Check);
    assert!(!pool.asked.iter().any(checks));
    // An eighth of the sweeps, of which there are 1,440 a day.
    assert!(reads <= 180 * days as usize + 1, "{reads} reads");
}

#[test]
fn leases_of_hours_cost_a_sweep_nothing_more() {
    let mut pool = Pool::new(1);
    let lease = pool.lease(poll("a", Some(1)), T);
    let before = reads_of_holders(&pool);
    for minute in 1..12 * 60 {
        let now = T + minute * 60 * SECOND;
        pool.renew(&lease, None, now).expect("it is kept");
        pool.sweep(now);
    }
    assert_eq!(reads_of_holders(&pool), before);
}

#[test]
fn a_row_that_was_lost_is_written_anew() {
    let mut pool = Pool::new(1);
    let lease = pool.lease(poll("a", Some(1)), T);
    let until = days_pass(&mut pool, 2, |pool, now| {
        pool.renew(&lease, None, now).expect("it is kept");
        if now < T + DAY {
            delete(pool, "a");
        }
    });
    let row = pool.row_of("a");
    assert!(points_at(&row, &lease) && row.ttl > Timestamp(until), "{row:?}");
    assert_eq!(row.attempt, attempt(1));
}

#[test]
fn sweeps_that_are_hours_apart_keep_the_row_too() {
    let mut pool = Pool::new(1);
    pool.settings.sweep_every = Millis(2 * HOUR);
    let lease = pool.lease(poll("a", Some(1)), T);
    let mut now = T;
    for minute in 1..9 * 24 * 60 {
        now = T + minute * 60 * SECOND;
        pool.renew(&lease, None, now).expect("it is kept");
        if minute % 120 == 7 {
            pool.sweep(now);
        }
        collect_expired_rows(&mut pool, now);
    }
    assert!(points_at(&pool.row_of("a"), &lease), "at {now}");
}

#[test]
fn a_row_that_says_something_else_is_left_to_the_doctor() {
    let elsewhere = HolderState::Holding { slot: Slot(1), fence: Fence(7) };
    for state in [elsewhere, HolderState::Ended] {
        let mut pool = Pool::new(1);
        let lease = pool.lease(poll("a", Some(1)), T);
        let spoiled =
            HolderRow { holder: holder("a"), attempt: attempt(1), state, ttl: Timestamp(T + 2 * DAY + 2 * HOUR) };
        let mut first = true;
        days_pass(&mut pool, 2, |pool, now| {
            pool.renew(&lease, None, now).expect("it is kept");
            if std::mem::take(&mut first) {
                pool.table.put(Row::Holder(spoiled.clone()));
            }
        });
        assert_eq!(pool.row_of("a"), spoiled);
    }
}

/// Runs an operation on the table, while another one is between two steps.
fn perform<O: Operation>(table: &mut MemoryTable, operation: O, settings: &Settings, now: u64) {
    let (mut machine, mut step) = operation.start(Arc::new(settings.clone()), Timestamp(now), 7);
    while let Step::Perform { effects, .. } = step {
        let serve = |effect: &Effect| match effect {
            Effect::Request(request) => table.serve(request).into(),
            other => panic!("{other:?}"),
        };
        step = machine.resume(effects.iter().map(serve).collect(), Timestamp(now));
    }
}

/// What happens between a sweep's reading of the row and its write.
type Meanwhile = fn(&mut MemoryTable, &Settings, &Lease, u64);

fn gives_back(table: &mut MemoryTable, settings: &Settings, lease: &Lease, now: u64) {
    perform(table, ReleaseTarget::Lease(lease.id.clone()), settings, now);
}

/// For a shorter time.
fn another_holds_it(table: &mut MemoryTable, settings: &Settings, lease: &Lease, now: u64) {
    gives_back(table, settings, lease, now);
    perform(table, AcquireRequest { lease: Some(Millis(SECOND)), ..poll("b", Some(2)) }, settings, now);
}

fn begins_anew(table: &mut MemoryTable, settings: &Settings, lease: &Lease, now: u64) {
    gives_back(table, settings, lease, now);
    asks_again(table, settings, lease, now);
}

/// On a newer attempt, which takes the slot over; or another slot, where its row was lost.
fn asks_again(table: &mut MemoryTable, settings: &Settings, _: &Lease, now: u64) {
    perform(table, poll("a", Some(now)), settings, now);
}

fn renews(table: &mut MemoryTable, settings: &Settings, lease: &Lease, now: u64) {
    perform(table, RenewRequest { id: lease.id.clone(), lease: None }, settings, now + 20 * SECOND);
}

fn forgets(table: &mut MemoryTable, _: &Settings, _: &Lease, _: u64) {
    table.retain(|row| !matches!(row, Row::Holder(_)));
}

const MEANWHILE: [Meanwhile; 6] = [gives_back, another_holds_it, begins_anew, asks_again, renews, forgets];

/// Whether a sweep that goes without this guard leaves all slots and pointers as they were before its write. The row is there
/// when the sweep reads it, or lost.
fn changes_nothing(meanwhile: Meanwhile, lost: bool, without: Option<Guard>) -> bool {
    let mut pool = Pool::new(2);
    let lease = pool.lease(poll("a", Some(1)), T);
    let seen: Rc<RefCell<Option<MemoryTable>>> = Rc::default();
    let mut now = T;
    while seen.borrow().is_none() {
        now += 60 * SECOND;
        assert!(now < T + DAY, "the row was never to be written");
        pool.renew(&lease, None, now - 10 * SECOND).expect("it is kept");
        if lost {
            delete(&mut pool, "a");
        }
        let (settings, lease, seen) = (pool.settings.clone(), lease.clone(), Rc::clone(&seen));
        pool.trouble = Box::new(move |table, request| {
            if !request.writes().iter().any(|write| write.intent == Intent::PointLonger) {
                return None;
            }
            meanwhile(table, &settings, &lease, now);
            *seen.borrow_mut() = Some(table.clone());
            Some(table.serve_ignoring(request, without.as_slice()))
        });
        pool.sweep(now);
    }
    let before = seen.borrow_mut().take().expect("it was seen");
    let slots = |table: &MemoryTable| table.slots().cloned().collect::<Vec<_>>();
    let pointers = |table: &MemoryTable| -> Vec<_> {
        let rows = table.rows().filter_map(|row| if let Row::Holder(row) = row { Some(row) } else { None });
        rows.map(|row| (row.holder.clone(), row.attempt, row.state)).collect()
    };
    slots(&pool.table) == slots(&before) && pointers(&pool.table) == pointers(&before)
}

#[test]
fn whatever_happens_meanwhile_no_lease_and_no_pointer_changes() {
    for (at, meanwhile) in MEANWHILE.into_iter().enumerate() {
        assert!(changes_nothing(meanwhile, false, None), "{at}");
    }
    // A lost row is back, unless its holder has another one by now.
    assert!(changes_nothing(asks_again, true, None));
}

#[test]
fn each_condition_of_that_write_is_needed() {
    assert!(!changes_nothing(another_holds_it, false, Some(Guard::RenewSameLease)));
    assert!(!changes_nothing(renews, false, Some(Guard::RenewNeverShortens)));
    assert!(!changes_nothing(asks_again, true, Some(Guard::ClaimHolderUnchanged)));
}

#[test]
fn a_table_in_trouble_is_asked_again_by_the_next_sweep() {
    for reply in [Reply::Throttled, Reply::Unknown, Reply::Unavailable, Reply::Conflict] {
        let mut pool = Pool::new(1);
        let lease = pool.lease(poll("a", Some(1)), T);
        let answer = reply.clone();
        pool.trouble = Box::new(move |_, request| {
            let concerns = match request {
                Request::Get(key) => matches!(key, RowKey::Holder(_)),
                other => other.writes().iter().any(|write| matches!(write.key, RowKey::Holder(_))),
            };
            concerns.then(|| answer.clone())
        });
        let mut now = T;
        while now < T + 22 * HOUR {
            now += 60 * SECOND;
            pool.renew(&lease, None, now).expect("it is kept");
            assert!(!pool.sweep(now).more, "{reply:?}");
        }
        pool.trouble = Box::new(|_, _| None);
        for _ in 0..9 * HOUR / (60 * SECOND) {
            now += 60 * SECOND;
            pool.renew(&lease, None, now).expect("it is kept");
            pool.sweep(now);
        }
        let row = pool.row_of("a");
        assert!(row.ttl > Timestamp(now + 12 * HOUR), "{reply:?}: {row:?}");
    }
}

#[test]
fn many_long_leases_are_all_kept() {
    let mut pool = Pool::new(120);
    let leases: Vec<(String, Lease)> = (0..60)
        .map(|at| {
            let name = format!("holder-{at:02}");
            pool.entropy = at;
            let lease = pool.lease(poll(&name, Some(1)), T);
            (name, lease)
        })
        .collect();
    let mut now = T;
    for _ in 0..3 * 24 * 12 {
        now += 300 * SECOND - 10 * SECOND;
        for (_, lease) in &leases {
            pool.renew(lease, None, now).expect("it is kept");
        }
        pool.sweep(now);
        collect_expired_rows(&mut pool, now);
        pool.asked.clear();
    }
    for (name, lease) in &leases {
        assert!(points_at(&pool.row_of(name), lease), "{name}");
    }
}

fn points_at(row: &HolderRow, lease: &Lease) -> bool {
    row.state == HolderState::Holding { slot: lease.id.slot, fence: lease.id.fence } && row.attempt == attempt(1)
}

fn delete(pool: &mut Pool, name: &str) {
    let key = RowKey::Holder(holder(name).hashed());
    let write = Write { key, conditions: vec![], mutation: Mutation::Delete, intent: Intent::SetPool };
    pool.table.serve(&Request::Write(write));
}
