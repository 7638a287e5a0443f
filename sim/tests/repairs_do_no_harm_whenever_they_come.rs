//! A repair rests on what was read a while ago: whatever happened meanwhile, it takes no lease from anybody, lets no fence
//! go back, breaks no pointer and removes no place that counts; and the pool drains after it. Every sequence of up to three
//! operations between the reading and the write.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why and fails")]

mod scripted_pool;

use std::collections::BTreeMap;

use leasehold_core::diagnosis::{Places, PoolReading, Remedy, diagnose};
use leasehold_core::{
    Fence, HighWaterRow, Holder, HolderRow, HolderState, Intent, Millis, Mutation, PoolRow, ReleaseTarget, Repair,
    Repaired, Request, Row, RowKey, Slot, SlotRow, Ticket, Timestamp, WaitRow, Write,
};
use scripted_pool::{Pool, T, attempt, holder, limit, poll, queue};

/// When everything happens.
const NOW: u64 = T + 1_000;

/// What was damaged by hand.
const DAMAGES: [&str; 7] = [
    "a holder's row is gone",
    "a holder's row points elsewhere",
    "a slot was deleted",
    "a fence was lowered",
    "a lease lies above the mark",
    "the mark is gone",
    "a place is nothing",
];

/// What happens between the reading and the repair, by number.
const OPERATIONS: u8 = 8;

fn delete(pool: &mut Pool, key: RowKey) {
    let write = Write { key, conditions: vec![], mutation: Mutation::Delete, intent: Intent::SetPool };
    pool.table.serve(&Request::Write(write));
}

/// A pool of two slots where `a` holds slot 0 under fence 1.
fn damaged(damage: &str) -> Pool {
    let mut pool = Pool::new(2);
    pool.table.put(Row::HighWater(HighWaterRow { slots: 2, ..HighWaterRow::default() }));
    pool.hold(0, "a", T + 600_000);
    let row = |name: &str, state| {
        Row::Holder(HolderRow { holder: holder(name), attempt: attempt(T), state, ttl: Timestamp(T + 90_000_000) })
    };
    let holding = |slot: u32, fence: u64| HolderState::Holding { slot: Slot(slot), fence: Fence(fence) };
    pool.table.put(row("a", holding(0, 1)));
    match damage {
        "a holder's row is gone" => delete(&mut pool, RowKey::Holder(holder("a").hashed())),
        "a holder's row points elsewhere" => {
            pool.table.put(Row::Slot(SlotRow { slot: Slot(1), fence: Fence(4), held: None }));
            pool.table.put(row("a", holding(1, 3)));
        }
        "a slot was deleted" => pool.table.put(row("old", holding(1, 9))),
        "a fence was lowered" => {
            pool.table.put(Row::Slot(SlotRow { slot: Slot(1), fence: Fence(2), held: None }));
            pool.table.put(row("old", holding(1, 9)));
        }
        "a lease lies above the mark" => {
            pool.hold(5, "high", T + 600_000);
            pool.table.put(row("high", holding(5, 1)));
        }
        "the mark is gone" => delete(&mut pool, RowKey::HighWater),
        "a place is nothing" => {
            let ticket = Ticket { at: Timestamp(T), own: holder("gone").hashed().own };
            pool.table.put(Row::Wait(WaitRow {
                ticket,
                holder: holder("gone"),
                attempt: attempt(T),
                give_up_at: Timestamp(T + 600_000),
                token: None,
                lease: Millis(60_000),
                label: None,
            }));
        }
        other => panic!("{other}"),
    }
    pool
}

fn repair(pool: &Pool) -> Repair {
    let places = Places { slots: pool.slots(), queue: pool.queue() };
    let holders = pool.table.rows().filter_map(|row| if let Row::Holder(row) = row { Some(row.clone()) } else { None });
    let reading = PoolReading {
        at: Timestamp(NOW),
        pool: Some(PoolRow::new(limit(2))),
        mark: mark(pool),
        before: places.clone(),
        after: places,
        holders: holders.map(|row| (row.holder.hashed(), row)).collect(),
        ..PoolReading::default()
    };
    let found = diagnose(&pool.settings.prefix, &reading, Millis(5_000));
    let mut repairs = found.into_iter().filter_map(|(_, remedy)| match remedy {
        Some(Remedy::Write(repair)) => Some(*repair),
        _ => None,
    });
    match (repairs.next(), repairs.next()) {
        (Some(repair), None) => repair,
        other => panic!("not one: {other:?}"),
    }
}

fn mark(pool: &Pool) -> Option<HighWaterRow> {
    match pool.table.row(RowKey::HighWater) {
        Some(Row::HighWater(mark)) => Some(*mark),
        _ => None,
    }
}

/// Whatever it comes to: here it only happens meanwhile.
fn happens(pool: &mut Pool, operation: u8) {
    match operation {
        0 => drop(pool.acquire(poll("a", Some(T)), NOW)),
        1 => drop(pool.acquire(poll("a", Some(T + 1)), NOW)),
        2 => drop(pool.release(ReleaseTarget::Holder(holder("a"), None), NOW)),
        3 => drop(pool.acquire(poll("b", Some(T)), NOW)),
        4 => drop(pool.release(ReleaseTarget::Holder(holder("b"), None), NOW)),
        5 => drop(pool.acquire(queue("c", Some(T)), NOW)),
        6 => drop(pool.acquire(poll("gone", Some(T)), NOW)),
        _ => drop(pool.sweep(NOW)),
    }
}

/// Every sequence of at most so many operations.
fn sequences(most: usize) -> Vec<Vec<u8>> {
    let mut all = vec![vec![]];
    let mut last = all.clone();
    for _ in 0..most {
        let longer = |before: &Vec<u8>| (0..OPERATIONS).map(|next| [&before[..], &[next]].concat()).collect::<Vec<_>>();
        last = last.iter().flat_map(longer).collect();
        all.extend(last.clone());
    }
    all
}

/// Who holds what, and which leases their holders' rows point at.
fn leases(pool: &Pool) -> Vec<(Slot, Fence, Holder, bool)> {
    let points = |holder: &Holder, slot, fence| {
        let row = pool.table.row(RowKey::Holder(holder.hashed()));
        matches!(row, Some(Row::Holder(row)) if row.state == HolderState::Holding { slot, fence })
    };
    let held = |row: SlotRow| {
        let holder = row.held?.holder;
        let points = points(&holder, row.slot, row.fence);
        Some((row.slot, row.fence, holder, points))
    };
    pool.slots().into_iter().filter_map(held).collect()
}

fn counts(pool: &Pool, place: &WaitRow) -> bool {
    let row = pool.table.row(RowKey::Holder(place.holder.hashed()));
    matches!(row, Some(Row::Holder(HolderRow { state: HolderState::Waiting { ticket, .. }, attempt, .. }))
        if *ticket == place.ticket && *attempt == place.attempt)
}

fn fences(pool: &Pool) -> BTreeMap<Slot, Fence> {
    pool.slots().into_iter().map(|row| (row.slot, row.fence)).collect()
}

#[test]
fn whatever_happened_since_it_was_read() {
    for damage in DAMAGES {
        let (mut written, mut changed) = (0, 0);
        for sequence in sequences(3) {
            let mut pool = damaged(damage);
            let repair = repair(&pool);
            sequence.iter().for_each(|operation| happens(&mut pool, *operation));
            let before = (leases(&pool), fences(&pool), mark(&pool), pool.queue());
            let counted: Vec<WaitRow> = before.3.iter().filter(|place| counts(&pool, place)).cloned().collect();

            let told = |what: &str| format!("{damage}, then {sequence:?}: {what}");
            match pool.run(repair, NOW).expect("an answer") {
                Repaired::Written => written += 1,
                Repaired::Changed => changed += 1,
                Repaired::Untold => panic!("{}", told("nobody had to be told")),
            }
            let after = leases(&pool);
            assert_eq!(after.len(), before.0.len(), "{}", told("a lease came or went"));
            for ((slot, fence, holder, pointed), now) in before.0.iter().zip(&after) {
                assert_eq!((slot, fence, holder), (&now.0, &now.1, &now.2), "{}", told("a lease changed"));
                assert!(now.3 || !pointed, "{}", told("a pointer was broken"));
            }
            for (slot, fence) in before.1 {
                assert!(fences(&pool).get(&slot).is_some_and(|now| *now >= fence), "{}", told("a fence went back"));
            }
            if let Some(before) = before.2 {
                let now = mark(&pool).unwrap_or_else(|| panic!("{}", told("the mark went")));
                assert!(now.slots >= before.slots && now.fence >= before.fence, "{}", told("the mark was lowered"));
            }
            let left = pool.queue();
            assert!(counted.iter().all(|place| left.contains(place)), "{}", told("somebody lost its place"));
            drains(&mut pool, &told("it does not drain"));
        }
        assert!(written > 0, "{damage}: it is never repaired");
        assert!(changed > 0 || damage.contains("mark"), "{damage}: nothing ever comes between");
    }
}

/// Once all leases have expired and whoever waits has given up, sweeps leave nothing.
fn drains(pool: &mut Pool, why: &str) {
    for round in 1..=6 {
        pool.sweep(T + round * 100_000_000);
    }
    assert!(pool.held() == 0 && pool.queue().is_empty(), "{why}: {:?} {:?}", pool.slots(), pool.queue());
}
