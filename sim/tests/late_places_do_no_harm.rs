//! Places in the queue that were put there late: whose task is failed, and does anybody wait because of them?

#![allow(unused_must_use, reason = "a script's steps are judged by what they leave behind")]
#![allow(clippy::expect_used, reason = "a test that can not set itself up has failed")]

mod scripted_pool;

use leasehold_core::{
    AcquireOutcome, Attempt, Delivery, Failure, FailureReason, HolderRow, Intent, Millis, Released, Reply, Request,
    Row, TaskResult, TaskToken, Ticket, Timestamp, WaitRow,
};
use scripted_pool::{Pool, T, attempt, holder, poll, queue, task};

const SUPERSEDED: TaskResult = TaskResult::Failed(FailureReason::Superseded);

const RELEASED: TaskResult = TaskResult::Failed(FailureReason::Released);

/// A place of this holder's attempt, whose task has this name.
fn place(of: &str, task: &str, entered: u64, at: u64) -> WaitRow {
    WaitRow {
        ticket: Ticket { at: Timestamp(at), own: holder(of).hashed().own },
        holder: holder(of),
        attempt: attempt(entered),
        give_up_at: Timestamp(T + 900_000),
        token: Some(TaskToken::new(task).expect("a token")),
        lease: Millis::seconds(300),
        label: None,
    }
}

/// Just before a caller puts its own place into the queue, this one is put there.
fn beaten_by(pool: &mut Pool, place: WaitRow) {
    let mut place = Some(place);
    pool.trouble = Box::new(move |table, request| {
        let puts = |intent: Intent| request.writes().iter().any(|write| write.intent == intent);
        if puts(Intent::Enqueue) {
            place.take().into_iter().for_each(|place| table.put(Row::Wait(place)));
        }
        None
    });
}

#[test]
fn an_older_attempts_late_place_is_replaced_and_its_task_failed() {
    let mut pool = Pool::new(0);
    pool.acquire(task("a", "older", Some(1)), T);
    let late = pool.queue().remove(0);
    pool.table.retain(|row| !matches!(row, Row::Wait(_)));
    beaten_by(&mut pool, late);
    assert_eq!(pool.acquire(task("a", "newer", Some(2)), T + 1), Ok(AcquireOutcome::Queued));
    assert_eq!((pool.heard("older"), pool.heard("newer")), (vec![SUPERSEDED], vec![]));
    let [there] = &pool.queue()[..] else { panic!("{:?}", pool.queue()) };
    assert_eq!((there.attempt, there.token.as_ref().map(TaskToken::secret)), (attempt(2), Some("newer")));
}

#[test]
fn a_newer_attempts_place_stays_and_its_task_waits() {
    let mut pool = Pool::new(0);
    pool.acquire(task("a", "older", Some(1)), T);
    let ticket = pool.queue().remove(0).ticket;
    pool.table.retain(|_| false);
    let mut row = Some(Row::Holder(waits_again(ticket)));
    let newer = WaitRow { ticket, ..place("a", "newer", 2, T) };
    pool.trouble = Box::new(move |table, request| {
        if request.writes().iter().any(|write| write.intent == Intent::Enqueue) {
            row.take().into_iter().for_each(|row| table.put(row));
            table.put(Row::Wait(newer.clone()));
        }
        None
    });
    let outcome = pool.acquire(task("a", "older", Some(1)), T);
    assert_eq!(outcome, Err(Failure::HolderConflict(attempt(2))));
    assert_eq!(pool.heard("newer"), []);
    assert_eq!(pool.queue().iter().map(|place| place.attempt).collect::<Vec<_>>(), [attempt(2)]);
}

/// The row of a holder that waits there on its second attempt.
fn waits_again(ticket: Ticket) -> HolderRow {
    let mut pool = Pool::new(0);
    pool.acquire(task("a", "newer", Some(2)), ticket.at.0);
    pool.row_of("a")
}

#[test]
fn a_copys_place_that_is_there_already_is_its_own() {
    let mut pool = Pool::new(0);
    let own = place("a", "a", 1, T);
    beaten_by(&mut pool, own.clone());
    assert_eq!(pool.acquire(queue("a", Some(1)), T), Ok(AcquireOutcome::Queued));
    assert_eq!((pool.queue(), pool.heard("a")), (vec![own], vec![]));
}

#[test]
fn a_late_place_of_a_waiter_does_not_make_it_leave() {
    let mut pool = Pool::new(0);
    pool.acquire(queue("a", Some(2)), T);
    let late = WaitRow { give_up_at: Timestamp(T + 5), ..place("a", "older", 1, T - 5) };
    pool.table.put(Row::Wait(late));
    assert_eq!(pool.sweep(T + 5).left, 1);
    let left: Vec<Attempt> = pool.queue().iter().map(|place| place.attempt).collect();
    assert_eq!((left, pool.heard("a"), pool.heard("older")), (vec![attempt(2)], vec![], vec![RELEASED]));
}

#[test]
fn a_late_places_task_is_failed_unless_it_was_granted_a_lease() {
    for (entered, failed) in [(1, true), (2, false)] {
        for limit in [1, 2] {
            let mut pool = Pool::new(limit);
            pool.lease(queue("a", Some(2)), T);
            let late = WaitRow { give_up_at: Timestamp(T + 5), ..place("a", "late", entered, T - 5) };
            pool.table.put(Row::Wait(late));
            pool.sweep(T + 5);
            let heard = if failed { vec![RELEASED] } else { vec![] };
            assert_eq!((pool.heard("late"), pool.queue(), pool.held()), (heard, vec![], 1), "attempt {entered}");
        }
    }
    // Another holder's lease says nothing.
    let mut pool = Pool::new(2);
    pool.lease(queue("a", Some(2)), T);
    pool.table.put(Row::Wait(place("b", "late", 2, T - 5)));
    pool.sweep(T + 5);
    assert_eq!((pool.heard("late"), pool.queue(), pool.held()), (vec![RELEASED], vec![], 1));
}

#[test]
fn who_waits_behind_places_that_can_not_be_removed_is_served() {
    let mut pool = Pool::new(1);
    let lease = pool.lease(poll("a", Some(1)), T);
    for at in 0..6 {
        pool.table.put(Row::Wait(WaitRow { token: None, ..place(&format!("nobody{at}"), "none", 1, T - 10 + at) }));
    }
    pool.acquire(queue("w", Some(1)), T);
    pool.trouble = Box::new(|_, request| {
        let removes = matches!(request.writes(), [write] if write.intent == Intent::RemovePlace);
        removes.then_some(Reply::Throttled)
    });
    let released = Ok(Released { lease: Some(lease.id.clone()), already: false });
    assert_eq!((pool.give_back(&lease, T), pool.has_a_lease("w")), (released, true));
}

#[test]
fn a_place_of_who_holds_a_lease_costs_no_second_look() {
    let mut pool = Pool::new(1);
    let lease = pool.lease(poll("a", Some(1)), T);
    pool.acquire(queue("b", Some(1)), T);
    let place = pool.queue().remove(0);
    pool.give_back(&lease, T);
    assert_eq!(pool.holder_of(0).as_deref(), Some("b"));
    // A late copy of its own call puts it there once more.
    pool.table.put(Row::Wait(place));
    pool.asked.clear();
    pool.change(1, T + 1);
    assert_eq!(pool.asked.iter().filter(|asked| matches!(asked, Request::Slots(..))).count(), 1);
}

#[test]
fn who_waits_behind_many_that_hold_leases_is_served() {
    let mut pool = Pool::new(40);
    let mut places = vec![];
    for name in 0..30 {
        let ask = queue(&format!("h{name:02}"), Some(1));
        pool.joined(ask, T + name);
        places.append(&mut pool.queue());
        pool.sweep(T + name);
    }
    assert_eq!((pool.held(), places.len()), (30, 30));
    pool.joined(queue("w", Some(1)), T + 50);
    // Late copies of their own calls put their places there once more.
    places.into_iter().for_each(|place| pool.table.put(Row::Wait(place)));
    pool.change(40, T + 60);
    assert!(pool.has_a_lease("w"));
}

#[test]
fn a_place_whose_task_may_be_open_stays() {
    let mut pool = Pool::new(1);
    pool.table.put(Row::Wait(place("nobody", "late", 1, T - 5)));
    pool.delivery = Delivery::Unknown;
    pool.sweep(T);
    assert_eq!((pool.queue().len(), pool.held()), (1, 0));
    pool.delivery = Delivery::Closed;
    pool.sweep(T + 1);
    assert_eq!((pool.queue().len(), pool.held()), (0, 0));
}
