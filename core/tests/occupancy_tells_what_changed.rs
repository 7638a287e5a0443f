//! Between two looks, what the rows prove is told as such, with its time; what they leave open is told as open.

#![allow(clippy::expect_used, reason = "a test may")]

use std::time::{Duration, Instant};

use leasehold_core::{
    Attempt, Fence, Held, Holder, Limit, Millis, Notice, Settings, Slot, SlotRow, Snapshot, SummaryRow, Ticket,
    Timestamp, WaitRow,
    occupancy::{Occupancy, Overridden, PastLease, PoolEvent, PoolEventKind, changes},
};

/// A grace of 5 s.
fn settings(limit: u64) -> Settings {
    Settings::new("analytics".parse().expect("a prefix"), Limit::try_from(limit).expect("a limit"))
}

fn holder(name: &str) -> Holder {
    Holder::new(name, "", None).expect("a holder")
}

const fn s(seconds: u64) -> Timestamp {
    Timestamp::seconds(seconds)
}

/// A slot that this holder has under this fence, from then until then, in seconds.
fn held(slot: u32, fence: u64, name: &str, acquired: u64, expires: u64) -> SlotRow {
    let held = Held {
        holder: holder(name),
        attempt: Attempt::default(),
        acquired_at: s(acquired),
        expires_at: s(expires),
        renewed_at: None,
        notice: Notice::Asked,
        label: Some(name.into()),
    };
    SlotRow { slot: Slot(slot), fence: Fence(fence), held: Some(held) }
}

fn renewed(mut row: SlotRow, at: u64) -> SlotRow {
    row.held.as_mut().expect("a lease").renewed_at = Some(s(at));
    row
}

fn free(slot: u32, fence: u64) -> SlotRow {
    SlotRow { slot: Slot(slot), fence: Fence(fence), held: None }
}

/// One who waits since then and gives up an hour later.
fn waits(name: &str, since: u64) -> WaitRow {
    let holder = holder(name);
    let ticket = Ticket { at: s(since), own: holder.hashed().own };
    WaitRow {
        ticket,
        holder,
        attempt: Attempt::default(),
        give_up_at: s(since + 3_600),
        token: None,
        lease: Millis::seconds(300),
        label: None,
    }
}

fn look(at: u64, slots: Vec<SlotRow>, queue: Vec<WaitRow>) -> Occupancy {
    look_at_limit(3, at, slots, queue)
}

fn look_at_limit(limit: u64, at: u64, slots: Vec<SlotRow>, queue: Vec<WaitRow>) -> Occupancy {
    let settings = settings(limit);
    let snapshot = Snapshot { at: s(at), limit: settings.limit, slots, queue, more: false };
    Occupancy::of(&snapshot, &settings)
}

fn more(look: Occupancy) -> Occupancy {
    Occupancy { waiting_more: true, ..look }
}

/// What the rows tell the time of.
fn told(at: u64, what: PoolEventKind) -> PoolEvent {
    PoolEvent { at: s(at), exact: true, what }
}

/// What had happened by then.
fn seen(by: u64, what: PoolEventKind) -> PoolEvent {
    PoolEvent { at: s(by), exact: false, what }
}

fn granted(slot: u32, fence: u64, name: &str, waited: Option<u64>) -> PoolEventKind {
    let label = Some(name.into());
    PoolEventKind::Granted {
        slot: Slot(slot),
        fence: Fence(fence),
        holder: holder(name),
        label,
        waited: waited.map(Millis::seconds),
    }
}

fn past(slot: u32, fence: u64, name: &str, held_for: u64) -> PastLease {
    PastLease { slot: Slot(slot), fence: Fence(fence), holder: holder(name), held_for: Millis::seconds(held_for) }
}

fn expired(slot: u32, fence: u64, name: &str) -> PoolEventKind {
    PoolEventKind::Expired { slot: Slot(slot), fence: Fence(fence), holder: holder(name) }
}

fn queued(name: &str) -> PoolEventKind {
    PoolEventKind::Queued { holder: holder(name) }
}

fn left(name: &str, waited: u64, gave_up: bool, perhaps_granted: bool) -> PoolEventKind {
    PoolEventKind::LeftQueue { holder: holder(name), waited: Millis::seconds(waited), gave_up, perhaps_granted }
}

/// The changes of the slots alone, from a look at 100 s to one at 102 s.
fn slots(before: Vec<SlotRow>, after: Vec<SlotRow>) -> Vec<PoolEvent> {
    changes(&look(100, before, vec![]), &look(102, after, vec![]))
}

#[test]
fn nothing_changed() {
    let rows = || vec![held(0, 1, "a", 50, 350), free(1, 4)];
    let queue = || vec![waits("b", 60)];
    assert_eq!(changes(&look(100, rows(), queue()), &look(102, rows(), queue())), []);
}

#[test]
fn a_free_slot_is_granted_when_its_row_says() {
    assert_eq!(slots(vec![free(1, 4)], vec![held(1, 5, "a", 101, 401)]), [told(101, granted(1, 5, "a", None))]);
    // The first lease a slot ever has.
    assert_eq!(slots(vec![], vec![held(1, 1, "a", 101, 401)]), [told(101, granted(1, 1, "a", None))]);
}

#[test]
fn a_waiter_that_is_granted_a_lease_is_known_by_its_name() {
    let before = look(100, vec![held(0, 1, "a", 50, 350)], vec![waits("b", 60), waits("c", 70)]);
    let after = look(102, vec![held(0, 2, "b", 101, 401)], vec![waits("c", 70)]);
    let handed_over =
        [seen(101, PoolEventKind::Released(past(0, 1, "a", 51))), told(101, granted(0, 2, "b", Some(41)))];
    assert_eq!(changes(&before, &after), handed_over);
}

#[test]
fn a_lease_that_ends_early_was_released() {
    let by_102 = [seen(102, PoolEventKind::Released(past(0, 1, "a", 52)))];
    assert_eq!(slots(vec![held(0, 1, "a", 50, 350)], vec![free(0, 1)]), by_102);
    // Expired, but nobody else could take it yet.
    assert_eq!(slots(vec![held(0, 1, "a", 50, 99)], vec![free(0, 1)]), by_102);
    // It would have expired by now, but the next had it before it lapsed.
    let events = slots(vec![held(0, 1, "a", 50, 96)], vec![held(0, 2, "b", 100, 400)]);
    assert_eq!(events, [seen(100, PoolEventKind::Released(past(0, 1, "a", 50))), told(100, granted(0, 2, "b", None))]);
}

#[test]
fn an_expired_lease_that_goes_after_the_grace_was_reclaimed() {
    let cleared = slots(vec![held(0, 1, "a", 50, 97)], vec![free(0, 1)]);
    assert_eq!(cleared, [seen(102, PoolEventKind::Reclaimed(past(0, 1, "a", 52)))]);
    let taken = slots(vec![held(0, 1, "a", 50, 95)], vec![held(0, 2, "b", 101, 401)]);
    assert_eq!(taken, [seen(101, PoolEventKind::Reclaimed(past(0, 1, "a", 51))), told(101, granted(0, 2, "b", None))]);
}

#[test]
fn a_lease_that_went_in_a_long_pause_ended_somehow() {
    let before = look(100, vec![held(0, 1, "a", 50, 350)], vec![]);
    let freed = |at| changes(&before, &look(at, vec![free(0, 1)], vec![]));
    assert_eq!(freed(354), [seen(354, PoolEventKind::Released(past(0, 1, "a", 304)))]);
    assert_eq!(freed(355), [seen(355, PoolEventKind::Ended(past(0, 1, "a", 305)))]);
    let taken = |at| changes(&before, &look(400, vec![held(0, 2, "b", at, at + 300)], vec![]));
    assert_eq!(taken(354)[0], seen(354, PoolEventKind::Released(past(0, 1, "a", 304))));
    assert_eq!(taken(355)[0], seen(355, PoolEventKind::Ended(past(0, 1, "a", 305))));
}

#[test]
fn a_lease_runs_out_once() {
    let row = || vec![held(0, 1, "a", 50, 101)];
    assert_eq!(slots(row(), row()), [told(101, expired(0, 1, "a"))]);
    let again = changes(&look(102, row(), vec![]), &look(104, row(), vec![]));
    assert_eq!(again, []);
    let not_yet = changes(&look(99, row(), vec![]), &look(100, row(), vec![]));
    assert_eq!(not_yet, []);
}

#[test]
fn a_lease_granted_and_run_out_between_two_looks_is_both() {
    let events = slots(vec![], vec![held(0, 1, "a", 100, 101)]);
    assert_eq!(events, [told(100, granted(0, 1, "a", None)), told(101, expired(0, 1, "a"))]);
}

#[test]
fn its_holder_renews_it_and_a_sweep_extends_it() {
    let with = |expires_at, what: fn(Slot, Fence, Holder, Timestamp) -> PoolEventKind| {
        what(Slot(0), Fence(1), holder("a"), s(expires_at))
    };
    let renews = |slot, fence, holder, expires_at| PoolEventKind::Renewed { slot, fence, holder, expires_at };
    let extends = |slot, fence, holder, expires_at| PoolEventKind::Extended { slot, fence, holder, expires_at };
    let before = || vec![renewed(held(0, 1, "a", 50, 350), 60)];
    assert_eq!(slots(before(), vec![renewed(held(0, 1, "a", 50, 401), 101)]), [told(101, with(401, renews))]);
    assert_eq!(slots(before(), vec![renewed(held(0, 1, "a", 50, 402), 60)]), [seen(102, with(402, extends))]);
    // A renewal that makes nothing longer is none.
    assert_eq!(slots(before(), vec![renewed(held(0, 1, "a", 50, 350), 101)]), []);
}

#[test]
fn a_lease_that_had_run_out_can_be_extended_and_run_out_again() {
    let before = look(100, vec![held(0, 1, "a", 50, 99)], vec![]);
    let after = look(200, vec![held(0, 1, "a", 50, 150)], vec![]);
    let extended = PoolEventKind::Extended { slot: Slot(0), fence: Fence(1), holder: holder("a"), expires_at: s(150) };
    assert_eq!(changes(&before, &after), [seen(150, extended), told(150, expired(0, 1, "a"))]);
}

#[test]
fn a_newer_attempt_of_the_same_holder_is_granted_its_slot_again() {
    let again = PoolEventKind::GrantedAgain { slot: Slot(0), fence: Fence(2), holder: holder("a") };
    assert_eq!(slots(vec![held(0, 1, "a", 50, 350)], vec![held(0, 2, "a", 101, 401)]), [told(101, again.clone())]);
    let runs_out = slots(vec![held(0, 1, "a", 50, 350)], vec![held(0, 2, "a", 101, 102)]);
    assert_eq!(runs_out, [told(101, again), told(102, expired(0, 2, "a"))]);
}

#[test]
fn a_fence_that_jumps_tells_how_many_leases_nobody_saw() {
    let unseen = |leases| PoolEventKind::Unseen { slot: Slot(0), leases };
    // Free before, free after: all that came have gone.
    assert_eq!(slots(vec![free(0, 4)], vec![free(0, 6)]), [seen(102, unseen(2))]);
    // The last one is there.
    let events = slots(vec![free(0, 4)], vec![held(0, 7, "z", 101, 401)]);
    assert_eq!(events, [seen(101, unseen(2)), told(101, granted(0, 7, "z", None))]);
    // The first one ended, others came and went.
    let events = slots(vec![held(0, 4, "a", 50, 350)], vec![free(0, 5)]);
    assert_eq!(events, [seen(102, PoolEventKind::Released(past(0, 4, "a", 52))), seen(102, unseen(1))]);
    let events = slots(vec![held(0, 4, "a", 50, 350)], vec![held(0, 6, "z", 101, 401)]);
    let expected = [
        seen(101, PoolEventKind::Released(past(0, 4, "a", 51))),
        seen(101, unseen(1)),
        told(101, granted(0, 6, "z", None)),
    ];
    assert_eq!(events, expected);
    // The same holder again, with another in between: not granted again in place.
    let events = slots(vec![held(0, 4, "a", 50, 350)], vec![held(0, 6, "a", 101, 401)]);
    let expected = [
        seen(101, PoolEventKind::Released(past(0, 4, "a", 51))),
        seen(101, unseen(1)),
        told(101, granted(0, 6, "a", None)),
    ];
    assert_eq!(events, expected);
}

#[test]
fn a_fence_that_did_not_grow_is_a_broken_one() {
    let broken = |before, after| {
        [seen(102, PoolEventKind::FenceBroken { slot: Slot(0), before: Fence(before), after: Fence(after) })]
    };
    assert_eq!(slots(vec![free(0, 4)], vec![free(0, 3)]), broken(4, 3));
    assert_eq!(slots(vec![held(0, 4, "a", 50, 350)], vec![held(0, 1, "b", 101, 401)]), broken(4, 1));
    assert_eq!(slots(vec![held(0, 4, "a", 50, 350)], vec![held(0, 4, "b", 101, 401)]), broken(4, 4));
    assert_eq!(slots(vec![free(0, 4)], vec![held(0, 4, "b", 101, 401)]), broken(4, 4));
    // Its row was deleted.
    assert_eq!(slots(vec![free(0, 4)], vec![]), broken(4, 0));
}

#[test]
fn a_row_above_the_limit_that_was_folded_away_broke_no_fence() {
    // The limit is 3: slots 3 and up are above it.
    assert_eq!(slots(vec![free(3, 4)], vec![]), []);
    let over = seen(102, PoolEventKind::Released(past(3, 4, "a", 52)));
    assert_eq!(slots(vec![held(3, 4, "a", 50, 350)], vec![]), [over]);
    // The limit has risen since, and the slot is granted from the high-water mark on.
    let lowered = look_at_limit(1, 100, vec![free(2, 4)], vec![]);
    assert_eq!(changes(&lowered, &look(102, vec![], vec![])).len(), 1, "the change of the limit alone");
    let again = slots(vec![], vec![held(2, 9, "b", 101, 401)]);
    assert_eq!(again, [told(101, granted(2, 9, "b", None))]);
}

#[test]
fn a_slot_above_the_limit_is_followed_too() {
    let events = slots(vec![held(7, 1, "a", 50, 350)], vec![free(7, 1)]);
    assert_eq!(events, [seen(102, PoolEventKind::Released(past(7, 1, "a", 52)))]);
}

#[test]
fn who_joins_the_queue_did_so_when_its_place_says() {
    let before = look(100, vec![], vec![waits("a", 50)]);
    let after = look(102, vec![], vec![waits("a", 50), waits("b", 101)]);
    assert_eq!(changes(&before, &after), [told(101, queued("b"))]);
}

#[test]
fn who_leaves_the_queue_without_a_lease_gave_up_or_was_told_to() {
    let before = look(100, vec![], vec![waits("a", 50)]);
    assert_eq!(changes(&before, &look(102, vec![], vec![])), [seen(102, left("a", 52, false, false))]);
    assert_eq!(changes(&before, &look(3_650, vec![], vec![])), [seen(3_650, left("a", 3_600, true, false))]);
}

#[test]
fn who_left_the_queue_while_leases_went_unseen_may_have_had_one() {
    let before = look(100, vec![free(0, 4)], vec![waits("a", 50)]);
    let events = changes(&before, &look(102, vec![free(0, 5)], vec![]));
    let expected =
        [seen(102, PoolEventKind::Unseen { slot: Slot(0), leases: 1 }), seen(102, left("a", 52, false, true))];
    assert_eq!(events, expected);
}

#[test]
fn who_leaves_and_joins_again_did_both() {
    let before = look(100, vec![], vec![waits("a", 50)]);
    let after = look(102, vec![], vec![waits("a", 101)]);
    assert_eq!(changes(&before, &after), [told(101, queued("a")), seen(102, left("a", 52, false, false))]);
}

#[test]
fn a_waiter_seen_in_its_slot_and_in_the_queue_did_not_give_up() {
    // The slots were read after its grant, the queue before.
    let torn = look(100, vec![held(0, 1, "a", 99, 399)], vec![waits("a", 50)]);
    let first = changes(&look(98, vec![], vec![waits("a", 50)]), &torn);
    assert_eq!(first, [told(99, granted(0, 1, "a", Some(49)))]);
    assert_eq!(changes(&torn, &look(102, vec![held(0, 1, "a", 99, 399)], vec![])), []);
    let over = changes(&torn, &look(102, vec![free(0, 1)], vec![]));
    assert_eq!(over, [seen(102, PoolEventKind::Released(past(0, 1, "a", 3)))]);
}

#[test]
fn who_lost_its_slot_to_a_lower_limit_and_left_the_queue_did_so() {
    // It gave up the slot at 99 to wait again; the slots were read before that, the queue after.
    let torn = look(100, vec![held(7, 1, "a", 50, 350)], vec![waits("a", 99)]);
    let events = changes(&torn, &look(102, vec![free(7, 1)], vec![]));
    assert_eq!(
        events,
        [seen(102, PoolEventKind::Released(past(7, 1, "a", 52))), seen(102, left("a", 3, false, false))]
    );
}

#[test]
fn who_only_comes_into_view_did_not_join_now() {
    let before = more(look(100, vec![], vec![waits("a", 50), waits("b", 51)]));
    let after = look(102, vec![], vec![waits("b", 51), waits("c", 52), waits("d", 101)]);
    // "c" waited further down; "d" came after the first look.
    let expected = [told(101, queued("d")), seen(102, left("a", 52, false, false))];
    assert_eq!(changes(&before, &after), expected);
}

#[test]
fn who_only_gets_out_of_view_did_not_leave() {
    let before = look(100, vec![], vec![waits("a", 50), waits("b", 60)]);
    let after = more(look(102, vec![], vec![waits("late", 49), waits("a", 50)]));
    assert_eq!(changes(&before, &after), [told(49, queued("late"))]);
}

#[test]
fn a_limit_changes_also_from_a_summary() {
    let three = Limit::try_from(3).expect("a limit");
    let five = Limit::try_from(5).expect("a limit");
    let summary =
        SummaryRow { at: s(50), limit: five, held: 5, waiting: 2, waiting_more: false, waiting_since: Some(s(10)) };
    let before = Occupancy::summarised(&summary, &settings(5), summary.at);
    let after = look(102, vec![held(0, 9, "a", 50, 350)], vec![waits("b", 60)]);
    assert_eq!(
        changes(&before, &after),
        [seen(102, PoolEventKind::LimitChanged { from: five, to: three, overridden: None })]
    );
    let rows = Occupancy { limit: five, ..look(100, vec![held(0, 9, "a", 50, 350)], vec![waits("b", 60)]) };
    // A change within the millisecond of both looks is told, too.
    assert_eq!(changes(&Occupancy { at: after.at, ..rows.clone() }, &after).len(), 1);
    assert_eq!(
        changes(&rows, &after),
        [seen(102, PoolEventKind::LimitChanged { from: five, to: three, overridden: None })]
    );
}

#[test]
fn an_override_is_told_with_its_maker_before_what_it_caused() {
    let five = Limit::try_from(5).expect("a limit");
    let three = Limit::try_from(3).expect("a limit");
    let live = Overridden { at: s(101), who: "ann".into(), why: "the partner is slow".into(), until: None };
    let raised = |look: Occupancy| Occupancy { limit: five, overridden: Some(live.clone()), ..look };
    let before = look(100, vec![], vec![waits("a", 50)]);
    let after = raised(look(103, vec![held(0, 1, "a", 102, 402)], vec![]));
    let by_ann = PoolEventKind::LimitChanged { from: three, to: five, overridden: Some(live.clone()) };
    let expected = [told(101, by_ann), told(102, granted(0, 1, "a", Some(52)))];
    assert_eq!(changes(&before, &after), expected);
    // When it is ended the rows do not say who did it, nor when.
    let ended = look(105, vec![held(0, 1, "a", 102, 402)], vec![]);
    let what = PoolEventKind::LimitChanged { from: five, to: three, overridden: None };
    assert_eq!(changes(&after, &ended), [seen(105, what)]);
}

#[test]
fn looks_at_different_pools_or_in_the_wrong_order_tell_nothing() {
    let earlier = look(100, vec![], vec![]);
    let later = look(102, vec![held(0, 1, "a", 101, 401)], vec![]);
    assert_eq!(changes(&earlier, &later).len(), 1);
    assert_eq!(changes(&later, &earlier), []);
    let other = Occupancy { prefix: "batch".parse().expect("a prefix"), ..later };
    assert_eq!(changes(&earlier, &other), []);
}

#[test]
fn events_come_in_order_of_time_then_of_slot() {
    let before = look(
        100,
        vec![held(0, 1, "a", 50, 101), held(1, 1, "b", 50, 350), held(2, 1, "c", 50, 350)],
        vec![waits("d", 60)],
    );
    let after = look(
        103,
        vec![held(0, 1, "a", 50, 101), held(1, 2, "d", 102, 402), held(2, 2, "e", 100, 400)],
        vec![waits("f", 102)],
    );
    let expected = [
        seen(100, PoolEventKind::Released(past(2, 1, "c", 50))),
        told(100, granted(2, 2, "e", None)),
        told(101, expired(0, 1, "a")),
        seen(102, PoolEventKind::Released(past(1, 1, "b", 52))),
        told(102, granted(1, 2, "d", Some(42))),
        told(102, queued("f")),
    ];
    assert_eq!(changes(&before, &after), expected);
}

#[test]
fn events_are_plain_json_and_read_back_the_same() {
    let before = look(100, vec![held(0, 1, "a", 50, 350), free(1, 1)], vec![waits("b", 60), waits("c", 61)]);
    let after = look(102, vec![held(0, 2, "b", 101, 401), free(1, 3)], vec![]);
    let events = changes(&before, &after);
    let text = serde_json::to_string(&events).expect("JSON");
    assert_eq!(serde_json::from_str::<Vec<PoolEvent>>(&text).expect("events"), events);
    assert_eq!(
        serde_json::to_value(&events).expect("JSON"),
        serde_json::json!([
            {"at_ms": 101_000, "exact": false, "what": "released", "slot": 0, "fence": 1,
             "holder": {"execution": "a"}, "held_for_ms": 51_000},
            {"at_ms": 101_000, "exact": true, "what": "granted", "slot": 0, "fence": 2, "holder": {"execution": "b"},
             "label": "b", "waited_ms": 41_000},
            {"at_ms": 102_000, "exact": false, "what": "unseen", "slot": 1, "leases": 2},
            {"at_ms": 102_000, "exact": false, "what": "left_queue", "holder": {"execution": "c"},
             "waited_ms": 41_000, "gave_up": false, "perhaps_granted": true},
        ])
    );
}

/// Twenty times the highest limit: work that grows with the square of it takes minutes, not a moment.
#[test]
fn it_keeps_up_with_many_slots_and_a_long_queue() {
    const MANY: u32 = 200_000;
    let rows = |fence: u64, who: &str| -> Vec<SlotRow> {
        (0..MANY).map(|slot| held(slot, fence, &format!("{who}-{slot}"), 50 + fence, 350)).collect()
    };
    let queue = |who: &str| -> Vec<WaitRow> { (0..MANY).map(|n| waits(&format!("{who}-{n}"), 10)).collect() };
    let (old, new) = ((rows(1, "a"), queue("b")), (rows(2, "b"), queue("c")));
    let started = Instant::now();
    let events = changes(&look(100, old.0, old.1), &look(102, new.0, new.1));
    let took = started.elapsed();
    assert_eq!(events.len(), 3 * MANY as usize);
    assert!(took < Duration::from_secs(20), "{took:?}");
}
