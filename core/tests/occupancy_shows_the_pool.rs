//! What is shown of a pool is what its rows say: counts, times, slots, queue, and one word for all of it.

#![allow(clippy::expect_used, reason = "a test may")]

use leasehold_core::{
    Attempt, Fence, Held, Holder, Limit, Lowered, Millis, Notice, Settings, Slot, SlotRow, Snapshot, SummaryRow,
    TaskToken, Ticket, Timestamp, WaitRow,
    occupancy::{Detail, Occupancy, PoolState},
};

/// A lease of 300 s, a grace of 5 s, a sweep every 60 s.
fn settings(limit: u64) -> Settings {
    Settings::new("analytics".parse().expect("a prefix"), Limit::try_from(limit).expect("a limit"))
}

fn holder(name: &str) -> Holder {
    Holder::new(name, "", None).expect("a holder")
}

/// A slot that this holder has from then until then, in seconds.
fn held(slot: u32, name: &str, acquired: u64, expires: u64) -> SlotRow {
    SlotRow {
        slot: Slot(slot),
        fence: Fence(7),
        held: Some(Held {
            holder: holder(name),
            attempt: Attempt::default(),
            acquired_at: Timestamp::seconds(acquired),
            expires_at: Timestamp::seconds(expires),
            renewed_at: None,
            notice: Notice::Asked,
            label: None,
        }),
    }
}

fn free(slot: u32) -> SlotRow {
    SlotRow { slot: Slot(slot), fence: Fence(7), held: None }
}

/// One who waits since then, in seconds.
fn waits(name: &str, since: u64) -> WaitRow {
    let holder = holder(name);
    let ticket = Ticket { at: Timestamp::seconds(since), own: holder.hashed().own };
    WaitRow {
        ticket,
        holder,
        attempt: Attempt::default(),
        give_up_at: Timestamp::seconds(since + 3_600),
        token: None,
        lease: Millis::seconds(300),
        label: None,
    }
}

fn look(at: u64, limit: u64, slots: Vec<SlotRow>, queue: Vec<WaitRow>) -> Occupancy {
    let snapshot = Snapshot { at: Timestamp::seconds(at), limit: settings(limit).limit, slots, queue, more: false };
    Occupancy::of(&snapshot, &settings(limit))
}

#[test]
fn slots_below_the_limit_and_those_ever_granted_are_shown() {
    let seen = look(100, 3, vec![held(1, "a", 90, 390), free(3), free(4), held(6, "b", 90, 390)], vec![]);
    let shown: Vec<_> =
        seen.slots.iter().map(|row| (row.slot.0, row.fence.0, row.above_limit, row.lease.is_some())).collect();
    assert_eq!(
        shown,
        [
            (0, 0, false, false),
            (1, 7, false, true),
            (2, 0, false, false),
            (3, 7, true, false),
            (4, 7, true, false),
            (6, 7, true, true)
        ]
    );
    assert_eq!(look(100, 2, vec![], vec![]).slots.len(), 2);
    assert_eq!(look(100, 0, vec![], vec![]).slots, []);
}

#[test]
fn a_slot_number_from_a_damaged_row_does_not_fill_the_screen() {
    assert_eq!(look(100, 2, vec![free(u32::MAX)], vec![]).slots.len(), 3);
}

#[test]
fn a_lease_shows_how_long_it_was_held_and_how_long_it_lasts() {
    let mut row = held(0, "a", 100, 400);
    if let Some(held) = &mut row.held {
        held.label = Some("nightly".into());
        held.notice = Notice::Untold(TaskToken::new("token").expect("a token"));
        held.renewed_at = Some(Timestamp::seconds(105));
    }
    let at = |now| look(now, 1, vec![row.clone()], vec![]).slots[0].lease.clone().expect("a lease");
    let lease = at(130);
    assert_eq!((lease.holder, lease.label.as_deref()), (holder("a"), Some("nightly")));
    assert_eq!((lease.acquired_at, lease.expires_at), (Timestamp::seconds(100), Timestamp::seconds(400)));
    assert_eq!((lease.held_for, lease.expires_in), (Millis::seconds(30), Millis::seconds(270)));
    assert_eq!((lease.lapses_at, lease.renewed_at), (Timestamp::seconds(405), Some(Timestamp::seconds(105))));
    assert!(lease.unconfirmed);
    let ends = |now| (at(now).expires_in, at(now).expired, at(now).lapsed);
    assert_eq!(ends(399), (Millis::seconds(1), false, false));
    assert_eq!(ends(400), (Millis(0), true, false));
    assert_eq!(ends(404), (Millis(0), true, false));
    assert_eq!(ends(405), (Millis(0), true, true));
    // A clock ahead of ours.
    assert_eq!(at(90).held_for, Millis(0));
}

#[test]
fn a_waiter_shows_how_long_it_has_waited() {
    let seen = look(100, 1, vec![held(0, "a", 90, 390)], vec![waits("b", 40), waits("c", 120)]);
    assert_eq!((seen.waiting, seen.waiting_more, seen.oldest_wait), (2, false, Some(Millis::seconds(60))));
    let first = &seen.queue[0];
    assert_eq!(
        (&first.holder, first.since, first.waits_for),
        (&holder("b"), Timestamp::seconds(40), Millis::seconds(60))
    );
    assert_eq!(first.give_up_at, Timestamp::seconds(3_640));
    assert_eq!(seen.queue[1].waits_for, Millis(0));
    assert_eq!(look(100, 1, vec![], vec![]).oldest_wait, None);
}

#[test]
fn expired_leases_count_apart_and_open_only_after_the_grace() {
    let rows = || vec![held(0, "a", 0, 300), held(1, "b", 0, 400), free(2)];
    let counts = |at| {
        let seen = look(at, 4, rows(), vec![]);
        (seen.held, seen.expired, seen.open)
    };
    assert_eq!(counts(299), (2, 0, 2));
    assert_eq!(counts(300), (1, 1, 2));
    assert_eq!(counts(305), (1, 1, 3));
    assert_eq!(counts(500), (0, 2, 4));
}

#[test]
fn slots_that_a_lowered_limit_keeps_back_are_not_open() {
    // Two above the limit count against it: nothing below is open until they end.
    let seen = look(100, 2, vec![held(2, "a", 90, 390), held(3, "b", 90, 390)], vec![]);
    assert_eq!((seen.open, seen.state), (0, PoolState::Full));
    // So do slots that callers with the old limit may be claiming, for the quiet period.
    let lowered = Some(Lowered { from: Limit::try_from(4).expect("a limit"), at: Timestamp::seconds(100) });
    let after = |at| {
        let snapshot = Snapshot {
            at: Timestamp::seconds(at),
            limit: settings(3).limit,
            slots: vec![],
            queue: vec![],
            more: false,
        };
        Occupancy::of(&snapshot, &Settings { lowered, ..settings(3) }).open
    };
    assert_eq!((after(101), after(200)), (2, 3));
}

/// Lowered from so many at 100 s, to this limit: it settles at 175 s.
fn lowered(from: u64, limit: u64) -> Settings {
    let lowered = Some(Lowered { from: Limit::try_from(from).expect("a limit"), at: Timestamp::seconds(100) });
    Settings { lowered, ..settings(limit) }
}

fn look_by(settings: &Settings, at: u64, slots: Vec<SlotRow>, queue: Vec<WaitRow>) -> Occupancy {
    let snapshot = Snapshot { at: Timestamp::seconds(at), limit: settings.limit, slots, queue, more: false };
    Occupancy::of(&snapshot, settings)
}

/// The state, and until when it settles, in seconds.
fn settles(seen: &Occupancy) -> (PoolState, Option<u64>) {
    (seen.state, seen.settles_at.map(|at| at.0 / 1_000))
}

#[test]
fn while_a_limit_settles_the_pool_is_not_full_but_settling() {
    // Drained from 7 and opened again to 4: one of the 4 slots is held, and nobody gets in.
    let one = || vec![held(0, "a", 90, 390)];
    let seen = look_by(&lowered(11, 4), 110, one(), vec![waits("b", 100)]);
    assert_eq!(
        (settles(&seen), seen.open, seen.limit_was),
        ((PoolState::Settling, Some(175)), 0, Limit::try_from(11).ok())
    );
    assert!(seen.is_closed());
    let after = look_by(&lowered(11, 4), 175, one(), vec![]);
    assert_eq!((settles(&after), after.limit_was), ((PoolState::Ok, None), None));
    // Nobody holds, nobody waits: still nobody gets in.
    assert_eq!(look_by(&lowered(11, 4), 110, vec![], vec![]).state, PoolState::Settling);
}

#[test]
fn a_limit_that_settles_may_leave_slots_open_or_find_all_held() {
    // Two of ten count as held: the rest is open.
    let some = look_by(&lowered(10, 8), 110, vec![held(0, "a", 90, 390)], vec![]);
    assert_eq!((settles(&some), some.open, some.is_closed()), ((PoolState::Ok, Some(175)), 5, false));
    // One of two counts as held: the other goes to the next once its holder gives it back.
    let both = || vec![held(0, "a", 90, 390), held(1, "b", 90, 390)];
    let all = look_by(&lowered(3, 2), 110, both(), vec![]);
    assert_eq!((settles(&all), all.is_closed()), ((PoolState::Full, Some(175)), true));
    // A free slot above the limit is none that could be had.
    let above = look_by(&lowered(3, 2), 110, vec![held(0, "a", 90, 390), held(1, "b", 90, 390), free(2)], vec![]);
    assert_eq!(above.state, PoolState::Full);
    // Both count as held: nobody is let in before that, also if a holder gives its lease back.
    for was in [4, 5] {
        let closed = look_by(&lowered(was, 2), 110, both(), vec![waits("c", 95)]);
        assert_eq!((settles(&closed), closed.is_closed()), ((PoolState::Settling, Some(175)), true));
        assert_eq!(look_by(&lowered(was, 2), 175, both(), vec![]).state, PoolState::Full);
    }
    // Those who hold above a lowered limit are expected; more than the limit before are not.
    let above = |limit_was| {
        let three = vec![held(0, "a", 90, 390), held(1, "b", 90, 390), held(2, "c", 90, 390)];
        look_by(&lowered(limit_was, 1), 110, three, vec![]).state
    };
    assert_eq!((above(3), above(2)), (PoolState::Settling, PoolState::OverLimit));
}

#[test]
fn a_summary_settles_too() {
    let at = |seconds, held| {
        let lowered = Some(Lowered { from: Limit::try_from(7).expect("a limit"), at: Timestamp::seconds(1_000) });
        let settings = Settings { lowered, ..settings(4) };
        settles(&Occupancy::summarised(&summary(held, 3, Some(990)), &settings, Timestamp::seconds(seconds)))
    };
    assert_eq!(at(1_010, 2), (PoolState::Settling, Some(1_075)));
    assert_eq!(at(1_010, 0), (PoolState::Ok, Some(1_075)));
    assert_eq!((at(1_010, 4).0, at(1_010, 5).0), (PoolState::Full, PoolState::Settling));
    assert_eq!(at(1_075, 2), (PoolState::Ok, None));
}

#[test]
fn idle_ok_and_full() {
    assert_eq!(look(100, 2, vec![free(0)], vec![]).state, PoolState::Idle);
    assert_eq!(look(100, 2, vec![held(0, "a", 90, 390)], vec![]).state, PoolState::Ok);
    let both = || vec![held(0, "a", 90, 390), held(1, "b", 90, 390)];
    assert_eq!(look(100, 2, both(), vec![]).state, PoolState::Full);
    assert_eq!(look(100, 2, both(), vec![waits("c", 95)]).state, PoolState::Full);
    // Expired, but within the grace: still nobody else's.
    assert_eq!(look(391, 2, both(), vec![waits("c", 95)]).state, PoolState::Full);
}

#[test]
fn leases_that_expired_are_nobodys_by_rows_and_by_summary() {
    let dead = || vec![held(0, "a", 90, 390), held(1, "b", 90, 390)];
    // Within the grace, and after it, until a sweep clears them away.
    for at in [391, 500, 9_999] {
        let seen = look(at, 2, dead(), vec![]);
        assert_eq!((seen.held, seen.expired, seen.state), (0, 2, PoolState::Idle), "{at}");
    }
    assert_eq!(Occupancy::summarised(&summary(0, 0, None), &settings(2), SWEPT).state, PoolState::Idle);
    assert_eq!(look(500, 2, dead(), vec![waits("c", 495)]).state, PoolState::Ok, "let in next");
}

#[test]
fn states_are_listed_with_the_most_alarming_first() {
    assert!(PoolState::ALL.is_sorted());
    let words = PoolState::ALL.map(PoolState::as_str);
    assert_eq!(words, ["over limit", "starving", "settling", "draining", "drained", "full", "ok", "idle"]);
}

#[test]
fn a_limit_of_0_drains_until_nobody_holds_a_lease() {
    // Lowered at 100; everybody follows from 175 on.
    let drained = |at, slots, queue| look_by(&lowered(11, 0), at, slots, queue).state;
    assert_eq!(drained(110, vec![], vec![]), PoolState::Draining, "somebody may still follow the limit of 11");
    assert_eq!(drained(175, vec![], vec![]), PoolState::Drained);
    assert_eq!(drained(9_999, vec![free(3)], vec![waits("c", 100)]), PoolState::Drained, "whoever waits");
    let since = |at, acquired| drained(at, vec![held(0, "a", acquired, 900)], vec![waits("c", 100)]);
    assert_eq!(
        (since(174, 90), since(175, 90), since(800, 175)),
        (PoolState::Draining, PoolState::Draining, PoolState::Draining)
    );
    assert_eq!(since(900, 90), PoolState::Draining, "expired, and not cleared away");
    assert_eq!(since(800, 176), PoolState::OverLimit, "granted when everybody followed the limit of 0");
    // Where the limit was always 0 nobody can have been let in.
    assert_eq!(look(100, 0, vec![], vec![waits("c", 95)]).state, PoolState::Drained);
    assert_eq!(look(100, 0, vec![held(0, "a", 90, 390)], vec![]).state, PoolState::OverLimit);
}

#[test]
fn a_summary_drains_too() {
    let at = |seconds, held, from: Option<u64>| {
        let lowered = from.map(|from| Lowered { from: settings(from).limit, at: Timestamp::seconds(1_000) });
        let settings = Settings { lowered, ..settings(0) };
        Occupancy::summarised(&summary(held, 3, Some(10)), &settings, Timestamp::seconds(seconds)).state
    };
    assert_eq!((at(1_074, 0, Some(7)), at(1_075, 0, Some(7))), (PoolState::Draining, PoolState::Drained));
    assert_eq!((at(1_010, 7, Some(7)), at(1_010, 8, Some(7))), (PoolState::Draining, PoolState::OverLimit));
    assert_eq!(at(1_075, 7, Some(7)), PoolState::Draining);
    // The sweep saw fewer than the limit was then; it has been lowered since.
    assert_eq!((at(1_075, 0, None), at(1_075, 1, None)), (PoolState::Drained, PoolState::Draining));
    // It saw one of none.
    let of_none = SummaryRow { limit: settings(0).limit, ..summary(1, 0, None) };
    let seen = Occupancy::summarised(&of_none, &settings(0), Timestamp::seconds(1_075));
    assert_eq!(seen.state, PoolState::OverLimit);
}

#[test]
fn a_summary_from_before_a_lowered_limit_alarms_nobody() {
    let lowered = Some(Lowered { from: settings(5).limit, at: Timestamp::seconds(1_000) });
    let settings = Settings { lowered, ..settings(1) };
    let at =
        |held, seconds| Occupancy::summarised(&summary(held, 0, None), &settings, Timestamp::seconds(seconds)).state;
    // Settled, and none of the leases that it saw need last any more.
    assert_eq!((at(3, 1_074), at(3, 1_075), at(5, 1_075)), (PoolState::Settling, PoolState::Full, PoolState::Full));
    // More than were ever allowed.
    assert_eq!((at(6, 1_074), at(6, 1_075)), (PoolState::OverLimit, PoolState::OverLimit));
}

#[test]
fn more_holders_than_the_limit_are_over_it_until_leases_end() {
    let rows = || vec![held(0, "a", 90, 390), held(1, "b", 90, 395)];
    assert_eq!(look(100, 1, rows(), vec![]).state, PoolState::OverLimit);
    assert_eq!(look(389, 1, rows(), vec![waits("c", 0)]).state, PoolState::OverLimit);
    assert_ne!(look(390, 1, rows(), vec![]).state, PoolState::OverLimit);
}

#[test]
fn waiting_long_in_a_queue_that_moves_is_not_starving() {
    let rows = vec![held(0, "a", 9_700, 10_300), held(1, "b", 9_500, 10_100)];
    assert_eq!(look(10_000, 2, rows, vec![waits("c", 100)]).state, PoolState::Full);
}

#[test]
fn who_waits_for_a_whole_lease_while_nobody_holds_one_starves() {
    // It died a moment ago, or lives.
    let with = |expires, since| look(10_000, 1, vec![held(0, "a", 100, expires)], vec![waits("c", since)]).state;
    assert_eq!((with(10_000, 9_694), with(10_001, 9_694)), (PoolState::Starving, PoolState::Full));
    assert_eq!(with(10_000, 9_695), PoolState::Full, "the first has not waited for so long");
}

#[test]
fn holders_that_renew_keep_a_pool_full_however_long_one_waits() {
    let rows = vec![held(0, "a", 100, 10_300), held(1, "b", 200, 10_100)];
    assert_eq!(look(10_000, 2, rows, vec![waits("c", 300)]).state, PoolState::Full);
}

#[test]
fn a_slot_that_stays_open_while_someone_waits_is_starving_them() {
    let lapsed =
        |at: u64, since| look(at, 2, vec![held(0, "a", 100, 400), held(1, "b", 390, 900)], vec![waits("c", since)]);
    // It lapsed at 405; a sweep should have cleared it by 465.
    assert_eq!(lapsed(465, 300).state, PoolState::Ok);
    assert_eq!(lapsed(466, 300).state, PoolState::Starving);
    assert_eq!(lapsed(466, 420).state, PoolState::Ok, "the first has not waited for so long");
    let free_one = |since| look(1_000, 2, vec![free(0), held(1, "b", 990, 1_290)], vec![waits("c", since)]).state;
    assert_eq!((free_one(940), free_one(939)), (PoolState::Ok, PoolState::Starving));
}

#[test]
fn nobody_starves_by_a_wait_from_before_a_lowered_limit_settled() {
    let lowered = |from: u64| Some(Lowered { from: settings(from).limit, at: Timestamp::seconds(1_000) });
    let at = |seconds, from, slots: Vec<SlotRow>| {
        let settings = Settings { lowered: lowered(from), ..settings(2) };
        let queue = vec![waits("c", 300)];
        let at = Timestamp::seconds(seconds);
        Occupancy::of(&Snapshot { at, limit: settings.limit, slots, queue, more: false }, &settings).state
    };
    // It settles at 1,075; a sweep should have granted its slots by 1,135.
    let half = || vec![free(0), held(1, "b", 990, 1_290)];
    assert_eq!((at(1_074, 5, half()), at(1_075, 5, half())), (PoolState::Settling, PoolState::Ok));
    assert_eq!((at(1_135, 5, half()), at(1_136, 5, half())), (PoolState::Ok, PoolState::Starving));
    // The same where nobody holds a lease that lives.
    assert_eq!((at(1_075, 5, vec![]), at(1_135, 5, vec![])), (PoolState::Ok, PoolState::Ok));
    assert_eq!(at(1_136, 5, vec![]), PoolState::Starving);
    assert_eq!(at(1_010, 2, half()), PoolState::Starving, "a limit that is no lower keeps nobody waiting");
    // A summary from before it had settled says nothing of the time after.
    let counted = |now: u64, swept: u64| {
        let settings = Settings { lowered: lowered(5), ..settings(2) };
        let summary = SummaryRow { at: Timestamp::seconds(swept), limit: settings.limit, ..summary(1, 3, Some(300)) };
        Occupancy::summarised(&summary, &settings, Timestamp::seconds(now)).state
    };
    assert_eq!((counted(1_080, 1_040), counted(1_140, 1_135)), (PoolState::Ok, PoolState::Ok));
    assert_eq!(counted(1_140, 1_136), PoolState::Starving);
}

#[test]
fn a_state_reads_as_words_and_fills_a_column() {
    use PoolState::{Drained, Draining, Full, Idle, Ok, OverLimit, Settling, Starving};
    let words = [OverLimit, Settling, Draining, Drained, Starving, Full, Ok, Idle].map(PoolState::as_str);
    assert_eq!(words, ["over limit", "settling", "draining", "drained", "starving", "full", "ok", "idle"]);
    assert_eq!(format!("[{:<10}]", PoolState::Ok), "[ok        ]");
}

/// When the sweep of [`summary`] was.
const SWEPT: Timestamp = Timestamp::seconds(1_000);

fn summary(held: u32, waiting: u32, oldest: Option<u64>) -> SummaryRow {
    SummaryRow {
        at: SWEPT,
        limit: settings(5).limit,
        held,
        waiting,
        waiting_more: waiting == 100,
        waiting_since: oldest.map(Timestamp::seconds),
    }
}

#[test]
fn a_summary_shows_what_its_sweep_counted() {
    let seen = Occupancy::summarised(&summary(3, 100, Some(970)), &settings(5), SWEPT);
    assert_eq!((seen.prefix.as_str(), seen.at, seen.detail), ("analytics", Timestamp::seconds(1_000), Detail::Summary));
    assert_eq!((seen.limit.count(), seen.held, seen.expired, seen.open), (5, 3, 0, 2));
    assert_eq!((seen.waiting, seen.waiting_more, seen.oldest_wait), (100, true, Some(Millis::seconds(30))));
    assert_eq!((seen.slots.len(), seen.queue.len()), (0, 0));
    assert_eq!(Occupancy::summarised(&summary(6, 0, None), &settings(5), SWEPT).open, 0);
    // The limit is the one in force now, whichever the sweep knew.
    let raised = Occupancy::summarised(&summary(5, 9, Some(10)), &settings(9), SWEPT);
    assert_eq!((raised.limit.count(), raised.open, raised.state), (9, 4, PoolState::Ok));
}

#[test]
fn a_summary_has_a_state_too() {
    let state =
        |held, waiting, oldest| Occupancy::summarised(&summary(held, waiting, oldest), &settings(5), SWEPT).state;
    assert_eq!(state(0, 0, None), PoolState::Idle);
    assert_eq!(state(3, 0, None), PoolState::Ok);
    assert_eq!(state(5, 9, Some(10)), PoolState::Full);
    assert_eq!(state(6, 0, None), PoolState::OverLimit);
    assert_eq!(state(4, 1, Some(940)), PoolState::Ok);
    assert_eq!(state(4, 1, Some(939)), PoolState::Starving);
    // The sweep knew a higher limit: by this one no slot was left open.
    let before = SummaryRow { limit: Limit::try_from(9).expect("a limit"), ..summary(5, 3, Some(10)) };
    assert_eq!(Occupancy::summarised(&before, &settings(5), SWEPT).state, PoolState::Full);
}

#[test]
fn it_is_plain_json_with_units_in_its_names() {
    let mut row = held(0, "arn:a", 90, 390);
    if let Some(held) = &mut row.held {
        held.holder = Holder::new("arn:a", "item-1", Some("arn:p")).expect("a holder");
    }
    let seen = look(100, 1, vec![row], vec![waits("arn:b", 95)]);
    assert_eq!(
        serde_json::to_value(&seen).expect("JSON"),
        serde_json::json!({
            "prefix": "analytics", "at_ms": 100_000, "detail": "rows", "limit": 1, "held": 1, "expired": 0, "open": 0,
            "waiting": 1, "waiting_more": false, "oldest_wait_ms": 5_000, "state": "full",
            "slots": [{"slot": 0, "fence": 7, "above_limit": false, "lease": {
                "holder": {"execution": "arn:a", "key": "item-1", "parent": "arn:p"}, "label": null,
                "acquired_at_ms": 90_000, "expires_at_ms": 390_000, "lapses_at_ms": 395_000, "renewed_at_ms": null,
                "held_for_ms": 10_000, "expires_in_ms": 290_000, "expired": false, "lapsed": false,
                "unconfirmed": false}}],
            "queue": [{"holder": {"execution": "arn:b"}, "since_ms": 95_000, "waits_for_ms": 5_000,
                       "give_up_at_ms": 3_695_000}]
        })
    );
}

#[test]
fn what_was_recorded_reads_back_the_same() {
    let seen = look(100, 1, vec![held(0, "a", 90, 390)], vec![waits("b\"\n", 95)]);
    let text = serde_json::to_string(&seen).expect("JSON");
    assert_eq!(serde_json::from_str::<Occupancy>(&text).expect("an occupancy"), seen);
    assert!(serde_json::from_str::<Occupancy>(&text.replace("\"execution\":\"a\"", "\"execution\":\"\"")).is_err());
}
