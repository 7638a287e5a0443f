//! Looks at a pool: does a call read only what it needs, and no row twice?

#![allow(unused_must_use, reason = "a script's steps are judged by what they leave behind")]

mod scripted_pool;

use leasehold_core::{
    AcquireOutcome, ExecutionEnded, HighWaterRow, Intent, Reply, Request, RetryAdvice, Row, Timestamp,
};
use scripted_pool::{Pool, T, branch, limit, poll, queue};

/// How often slots were read.
fn looks(pool: &Pool) -> usize {
    pool.asked.iter().filter(|asked| matches!(asked, Request::Slots(..))).count()
}

/// How often the queue was read.
fn heads(pool: &Pool) -> usize {
    pool.asked.iter().filter(|asked| matches!(asked, Request::Queue(_))).count()
}

#[test]
fn who_meets_a_queue_does_not_look_for_a_slot() {
    let mut small = Pool::new(1);
    small.lease(poll("a", Some(1)), T);
    small.acquire(queue("first", Some(1)), T);
    let mut large = Pool::new(100);
    large.joined(queue("first", Some(1)), T);
    for (pool, ask) in [(&mut small, queue("second", Some(1))), (&mut large, poll("second", Some(1)))] {
        pool.asked.clear();
        pool.acquire(ask, T + 1);
        assert!(!pool.asked.iter().any(|asked| matches!(asked, Request::Slots(..))), "{:?}", pool.asked);
    }
}

#[test]
fn a_hand_over_reads_the_queue_once() {
    let mut pool = Pool::new(1);
    let lease = pool.lease(poll("a", Some(1)), T);
    pool.acquire(queue("w", Some(1)), T);
    pool.asked.clear();
    pool.give_back(&lease, T);
    assert_eq!((heads(&pool), looks(&pool), pool.has_a_lease("w")), (1, 0, true));
}

#[test]
fn what_many_give_back_at_once_is_handed_over_at_once() {
    let mut pool = Pool::new(10);
    for key in 0..10 {
        pool.acquire(branch("e", key, queue("e", Some(1))), T);
    }
    for at in 0..10 {
        pool.acquire(queue(&format!("w{at}"), Some(1)), T + at);
    }
    pool.asked.clear();
    pool.ended("e", T + 20);
    assert!((0..10).all(|at| pool.has_a_lease(&format!("w{at}"))));
    let freed = |request: &&Request| request.writes().iter().any(|write| matches!(write.intent, Intent::Free(..)));
    assert_eq!((heads(&pool), pool.asked.iter().filter(freed).count()), (1, 0));
}

#[test]
fn who_join_while_many_slots_are_freed_are_served_at_once() {
    let mut pool = Pool::new(10);
    for key in 0..10 {
        pool.acquire(branch("e", key, queue("e", Some(1))), T);
    }
    let mut late = Pool::new(0);
    (0..8).for_each(|at| {
        late.acquire(queue(&format!("w{at}"), Some(1)), T + at);
    });
    let mut rows: Vec<Row> = late.queue().into_iter().map(Row::Wait).collect();
    rows.extend((0..8).map(|at| Row::Holder(late.row_of(&format!("w{at}")))));
    pool.trouble = Box::new(move |table, request| {
        if request.writes().iter().any(|write| matches!(write.intent, Intent::Free(..))) {
            rows.drain(..).for_each(|row| table.put(row));
        }
        None
    });
    pool.asked.clear();
    pool.ended("e", T + 20);
    assert!((0..8).all(|at| pool.has_a_lease(&format!("w{at}"))));
    assert_eq!((heads(&pool), pool.held()), (2, 8));
}

#[test]
fn who_did_not_see_all_slots_is_told_that_all_are_held() {
    for of in [1, 16, 17, 40, 64, 100, 200, 500] {
        let mut pool = Pool::new(of);
        for name in 0..of {
            pool.acquire(queue(&format!("h{name}"), Some(1)), T);
        }
        assert_eq!(pool.held() as u64, of);
        pool.asked.clear();
        pool.acquire(poll("asks", Some(1)), T + 1);
        // Up to sixteen slots are seen in one read.
        assert_eq!(looks(&pool), if of <= 16 { 1 } else { 2 }, "of {of}");
        for name in 0..20 {
            let outcome = pool.acquire(poll(&format!("asks{name}"), Some(1)), T + 1);
            let Ok(AcquireOutcome::Wait(RetryAdvice { held, waiting: 0, .. })) = outcome else { panic!("{outcome:?}") };
            assert_eq!(u64::from(held), of);
        }
    }
}

#[test]
fn who_polls_is_told_how_many_wait_as_far_as_they_are_counted() {
    for (wait, counted, more) in [(3, 3, false), (100, 100, false), (101, 100, true)] {
        let mut pool = Pool::new(0);
        for name in 0..wait {
            pool.acquire(queue(&format!("w{name}"), Some(1)), T);
        }
        let outcome = pool.acquire(poll("asks", Some(1)), T + 1);
        let Ok(AcquireOutcome::Wait(RetryAdvice { waiting, waiting_more, .. })) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!((waiting, waiting_more), (counted, more));
    }
}

#[test]
fn a_caller_with_an_old_mark_goes_on_with_the_tables() {
    let (one, none) = (Some(HighWaterRow { slots: 1, ..HighWaterRow::default() }), None);
    for (known, there) in [(none, one), (one, none), (one, one), (none, none)] {
        let mut pool = Pool::new(2);
        (pool.settings.limit, pool.settings.high_water) = (limit(2), known);
        there.into_iter().for_each(|mark| pool.table.put(Row::HighWater(mark)));
        pool.settings.tries = 2;
        pool.lease(poll("a", Some(1)), T);
        assert_eq!(pool.asked.iter().filter(|asked| moves_the_mark(asked)).count(), if known == there { 1 } else { 2 });
        let mark = pool.table.rows().find_map(|row| if let Row::HighWater(mark) = row { Some(*mark) } else { None });
        assert_eq!(mark.map(|mark| mark.slots), Some(2));
        // So does an operator's change, on its way to the waiters.
        let mut pool = Pool::new(1);
        there.into_iter().for_each(|mark| pool.table.put(Row::HighWater(mark)));
        pool.lease(poll("a", Some(1)), T);
        pool.acquire(queue("w", Some(1)), T);
        pool.settings.high_water = known;
        pool.change(2, T + 1);
        assert!(pool.has_a_lease("w"), "{known:?} {there:?}");
    }
}

fn moves_the_mark(request: &Request) -> bool {
    request.writes().iter().any(|write| write.intent == Intent::MoveHighWater)
}

#[test]
fn a_mark_that_can_not_be_moved_is_tried_a_few_times() {
    let mut pool = Pool::new(1);
    pool.settings.tries = 3;
    pool.trouble = Box::new(|_, request| moves_the_mark(request).then_some(Reply::Throttled));
    pool.acquire(queue("a", Some(1)), T);
    pool.acquire(queue("w", Some(1)), T);
    pool.asked.clear();
    pool.change(2, T + 1);
    let tries = pool.asked.iter().filter(|asked| moves_the_mark(asked)).count();
    // Nobody is granted a slot whose fence may have been folded away.
    assert_eq!((tries, pool.held()), (4, 1));
    pool.settings.limit = limit(2);
    pool.asked.clear();
    assert!(pool.acquire(poll("b", Some(1)), T + 2).is_err());
    assert_eq!(pool.asked.len(), 4);
}

#[test]
fn an_end_counts_what_it_took_back_on_its_way() {
    let mut pool = Pool::new(2);
    pool.settings.high_water = Some(HighWaterRow { slots: 3, ..HighWaterRow::default() });
    pool.lease(poll("lapsed", Some(1)), T);
    pool.lease(poll("e", Some(1)), T + 100_000);
    pool.acquire(queue("w1", Some(1)), T + 100_000);
    pool.acquire(queue("w2", Some(1)), T + 100_001);
    let at = Timestamp(T + 305_000);
    let ended = pool.run(ExecutionEnded { execution: "e".into(), at, redrive: None, after: None }, at.0);
    let tally = ended.expect("an end").tally;
    assert_eq!((tally.granted, tally.reclaimed, tally.freed), (2, 1, 1));
}

#[test]
fn a_look_for_a_slot_ends_at_the_limit() {
    for (entropy, of) in (0..40).flat_map(|entropy| [(entropy, 7), (entropy, 20), (entropy, 100)]) {
        let mut pool = Pool::new(of);
        pool.entropy = entropy;
        pool.acquire(poll("a", Some(1)), T);
        let beyond = |asked: &&Request| matches!(asked, Request::Slots(_, to) if u64::from(to.0) >= of);
        assert_eq!((looks(&pool) > 0, pool.asked.iter().find(beyond)), (true, None), "{entropy} of {of}");
    }
}
