//! Slots above a lowered limit: are they folded away once nobody follows the old one, and is no fence forgotten?

#![allow(clippy::expect_used, clippy::panic, reason = "a test that can not set itself up has failed")]

mod scripted_pool;

use leasehold_core::{
    AcquireOutcome, Fence, HighWaterRow, Intent, Lowering, Reply, Row, RowKey, Slot, SlotRow, Tally, Timestamp,
};
use scripted_pool::{Pool, T, limit, poll};

/// When everybody follows a limit that a sweep saw at `T`: two quiet periods and the grace later.
const FOLLOWED: u64 = T + 75_000;

/// A pool that had so many slots, all free by now, the highest fence somewhere among them; and that has a limit of 2.
fn lowered(slots: u32) -> Pool {
    let mut pool = Pool::new(2);
    pool.table.put(Row::HighWater(HighWaterRow { slots, fence: Fence(3), lower: None }));
    for slot in 0..slots {
        let fence = Fence(if slot == slots - 2 { 9 } else { 5 });
        pool.table.put(Row::Slot(SlotRow { slot: Slot(slot), fence, held: None }));
    }
    pool
}

fn mark(pool: &Pool) -> HighWaterRow {
    let Some(Row::HighWater(mark)) = pool.table.row(RowKey::HighWater) else { panic!("a mark") };
    *mark
}

/// A sweep by settings that are read just before.
fn sweep(pool: &mut Pool, now: u64) -> Tally {
    pool.settings.high_water = Some(mark(pool));
    pool.sweep(now)
}

fn slots(pool: &Pool) -> Vec<u32> {
    pool.slots().iter().map(|row| row.slot.0).collect()
}

#[test]
fn slots_are_folded_away_once_nobody_follows_the_old_limit() {
    let mut pool = lowered(5);
    sweep(&mut pool, T);
    let lower = Some(Lowering { to: limit(2), since: Timestamp(T) });
    assert_eq!(mark(&pool), HighWaterRow { slots: 5, fence: Fence(3), lower });
    sweep(&mut pool, FOLLOWED - 1);
    assert_eq!((slots(&pool), mark(&pool).lower), (vec![0, 1, 2, 3, 4], lower));
    assert_eq!(sweep(&mut pool, FOLLOWED), Tally::default());
    assert_eq!(slots(&pool), [0, 1]);
    assert_eq!(mark(&pool), HighWaterRow { slots: 2, fence: Fence(9), lower: None });
    // From now on there is nothing to be done.
    pool.asked.clear();
    sweep(&mut pool, FOLLOWED + 1);
    assert!(pool.asked.iter().flat_map(|asked| asked.writes()).all(|write| write.key == RowKey::Summary));
}

#[test]
fn a_fence_that_was_folded_away_is_never_granted_again() {
    let mut pool = lowered(5);
    sweep(&mut pool, T);
    sweep(&mut pool, FOLLOWED);
    (pool.settings.limit, pool.settings.high_water) = (limit(5), Some(mark(&pool)));
    let fences: Vec<u64> = (0..5)
        .map(|name| pool.lease(poll(&format!("h{name}"), Some(1)), FOLLOWED).id)
        .map(|id| if id.slot.0 < 2 { 10 } else { id.fence.0 })
        .collect();
    assert!(fences.iter().all(|fence| *fence == 10), "{fences:?}");
}

#[test]
fn a_slot_without_a_row_is_taken_once_whatever_mark_was_read() {
    for (older, newer) in [(0, 1), (4, 5), (0, 3), (3, 0)] {
        let mark = |fence| Some(HighWaterRow { slots: 1, fence: Fence(fence), lower: None });
        let mut pool = Pool::new(1);
        pool.settings.high_water = mark(newer);
        // Just before it claims the slot that it saw free, another takes it who goes by an older mark.
        let mut another = Some(Pool::new(1));
        pool.trouble = Box::new(move |table, request| {
            if request.writes().iter().any(|write| matches!(write.intent, Intent::Claim(..)))
                && let Some(mut another) = another.take()
            {
                another.settings.high_water = mark(older);
                std::mem::swap(&mut another.table, table);
                let lease = another.lease(poll("another", Some(1)), T);
                assert_eq!(lease.id.fence, Fence(older + 1));
                std::mem::swap(&mut another.table, table);
            }
            None
        });
        let outcome = pool.acquire(poll("late", Some(1)), T).expect("an answer");
        assert!(!matches!(outcome, AcquireOutcome::Acquired(_)), "{older} and {newer}: {outcome:?}");
        let held = pool.slots()[0].held.as_ref().map(|held| held.holder.clone());
        assert_eq!(held, Some(scripted_pool::holder("another")), "{older} and {newer}");
    }
}

#[test]
fn a_limit_that_is_lowered_again_is_waited_for_anew() {
    let mut pool = lowered(5);
    sweep(&mut pool, T);
    pool.settings.limit = limit(1);
    sweep(&mut pool, FOLLOWED);
    let lower = Some(Lowering { to: limit(1), since: Timestamp(FOLLOWED) });
    assert_eq!((slots(&pool).len(), mark(&pool).lower), (5, lower));
    sweep(&mut pool, FOLLOWED + 75_000);
    assert_eq!(slots(&pool), [0]);
}

#[test]
fn a_slot_above_the_limit_that_is_held_keeps_them_all() {
    let mut pool = lowered(5);
    pool.settings.limit = limit(5);
    pool.settings.high_water = Some(mark(&pool));
    let leases: Vec<_> = (0..5).map(|name| pool.lease(poll(&format!("h{name}"), Some(1)), FOLLOWED)).collect();
    pool.settings.limit = limit(2);
    for lease in leases.iter().filter(|lease| lease.id.slot.0 != 3) {
        pool.give_back(lease, FOLLOWED).expect("it is given back");
    }
    sweep(&mut pool, FOLLOWED);
    sweep(&mut pool, FOLLOWED + 75_000);
    assert_eq!((slots(&pool).len(), mark(&pool).slots), (5, 5));
    let last = leases.iter().find(|lease| lease.id.slot.0 == 3).expect("all five");
    pool.give_back(last, FOLLOWED + 75_000).expect("it is given back");
    sweep(&mut pool, FOLLOWED + 75_001);
    assert_eq!((slots(&pool).len(), mark(&pool).slots), (2, 2));
}

#[test]
fn very_many_slots_are_folded_away_by_several_sweeps() {
    let mut pool = lowered(150);
    sweep(&mut pool, T);
    // From above, a hundred at once.
    assert!(sweep(&mut pool, FOLLOWED).more);
    assert_eq!((slots(&pool).last(), mark(&pool).slots), (Some(&49), 150));
    assert!(!sweep(&mut pool, FOLLOWED + 1).more);
    assert_eq!((slots(&pool).last(), mark(&pool).slots), (Some(&1), 2));
    assert_eq!(mark(&pool).fence, Fence(9));

    let mut pool = lowered(102);
    sweep(&mut pool, T);
    assert!(!sweep(&mut pool, FOLLOWED).more);
    assert_eq!((slots(&pool).len(), mark(&pool).slots), (2, 2));
}

#[test]
fn a_slot_that_could_not_be_folded_away_is_so_by_the_next_sweep() {
    let mut pool = lowered(5);
    sweep(&mut pool, T);
    let mut first = true;
    pool.trouble = Box::new(move |_, request| {
        let folds = request.writes().iter().any(|write| write.intent == Intent::FoldSlot);
        (folds && std::mem::take(&mut first)).then_some(Reply::Throttled)
    });
    sweep(&mut pool, FOLLOWED);
    assert_eq!((slots(&pool), mark(&pool).slots), (vec![0, 1, 4], 5));
    sweep(&mut pool, FOLLOWED + 1);
    assert_eq!((slots(&pool), mark(&pool).slots), (vec![0, 1], 2));
}

#[test]
fn nothing_is_folded_away_where_the_mark_could_not_be_moved() {
    let mut pool = lowered(5);
    sweep(&mut pool, T);
    pool.trouble = Box::new(|_, request| {
        let moves = request.writes().iter().any(|write| write.intent == Intent::MoveHighWater);
        moves.then_some(Reply::Throttled)
    });
    sweep(&mut pool, FOLLOWED);
    // A slot that is deleted before its fence is remembered could be granted again under an old one.
    assert_eq!((slots(&pool).len(), mark(&pool).fence), (5, Fence(3)));
}
