//! A diagnosis finds settings that do not fit, and what sweeps have left undone: nothing else, and from the very moment on
//! that is said. Each finding at its bound and just before it.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may")]

mod spoiled_pool;

use leasehold_core::diagnosis::{Finding, Remedy, misfits};
use leasehold_core::{
    Holder, HolderState, Lowered, Millis, Notice, OverrideRow, Repair, RowKey, Settings, SummaryRow, Timestamp, WaitRow,
};
use spoiled_pool::*;

#[test]
fn in_a_pool_in_order_nothing_is_found() {
    assert_eq!(found(|_| {}), []);
}

#[test]
fn settings_that_do_not_fit_are_found_at_their_bound() {
    let fits = Settings {
        lease: Millis::seconds(300),
        grace: Millis::seconds(5),
        quiet: Millis::seconds(35),
        longest_wait: Millis::seconds(3_600),
        longest_hold: Millis::seconds(7_200),
        sweep_every: Millis::seconds(60),
        ..Settings::new("p".parse().expect("a name"), limit(2))
    };
    let of = |change: &dyn Fn(&mut Settings)| {
        let mut settings = fits.clone();
        change(&mut settings);
        misfits(&settings, CACHED)
    };
    let s = Millis::seconds;
    assert_eq!(of(&|_| {}), []);

    assert_eq!(of(&|it| it.quiet = CACHED), []);
    let quiet = Millis(CACHED.0 - 1);
    assert_eq!(of(&|it| it.quiet = quiet), [Finding::QuietShort { quiet, least: CACHED }]);

    assert_eq!(of(&|it| it.grace = s(2)), []);
    let grace = Millis(1_999);
    assert_eq!(of(&|it| it.grace = grace), [Finding::GraceShort { grace, least: s(2) }]);

    let never_extended = |it: &mut Settings| it.longest_hold = Millis(0);
    let short = |lease| move |it: &mut Settings| (it.lease, it.longest_hold) = (lease, Millis(0));
    assert_eq!(of(&short(s(10))), []);
    let lease = Millis(9_999);
    assert_eq!(of(&short(lease)), [Finding::LeaseShort { lease, least: s(10) }]);

    assert_eq!(of(&|it| it.grace = Millis(299_999)), []);
    assert_eq!(of(&|it| it.grace = s(300)), [Finding::GraceLong { grace: s(300), lease: s(300) }]);

    assert_eq!(of(&|it| it.sweep_every = s(150)), []);
    let sweep_every = Millis(150_001);
    assert_eq!(of(&|it| it.sweep_every = sweep_every), [Finding::SweepSlow { lease: s(300), sweep_every }]);
    assert_eq!(of(&|it| (it.sweep_every, it.longest_hold) = (sweep_every, Millis(0))), []);

    assert_eq!(of(&|it| it.longest_hold = Millis(300_001)), []);
    let longest_hold = s(300);
    assert_eq!(of(&|it| it.longest_hold = longest_hold), [Finding::HoldShort { longest_hold, lease: s(300) }]);
    assert_eq!(of(&never_extended), []);

    assert_eq!(of(&|it| it.longest_wait = s(300)), []);
    let longest_wait = Millis(299_999);
    assert_eq!(of(&|it| it.longest_wait = longest_wait), [Finding::WaitShort { longest_wait, lease: s(300) }]);
}

#[test]
fn settings_of_a_pool_are_judged_along_with_its_rows() {
    let quiet = Some(Millis(CACHED.0 - 1));
    let short = Finding::QuietShort { quiet: Millis(CACHED.0 - 1), least: CACHED };
    assert_eq!(found(|it| it.settings().quiet = quiet), [(short, None)]);
    let invalid = found(|it| it.settings().lease = Some(Millis(0)));
    assert!(matches!(invalid[..], [(Finding::SettingsInvalid(_), None)]), "{invalid:?}");
}

#[test]
fn a_pool_without_settings_is_missing_unless_damaged() {
    // Those who hold and wait are told of; the summary, by which nobody decides, can be removed.
    let missing = |held, summary| Finding::PoolMissing { held, waiting: 1, summary };
    let removal = Some(Remedy::Write(Box::new(Repair::RemoveSummary)));
    assert_eq!(found(|it| it.0.pool = None), [(missing(2, true), removal)]);
    let damaged = found(|it| {
        it.0.pool = None;
        it.0.damaged.insert(RowKey::Pool);
    });
    assert_eq!(damaged, []);
    // Nothing is said that rests on settings which nobody knows.
    let lapsed = found(|it| {
        it.0.pool = None;
        it.0.summary = None;
        it.lease(0).expires_at = seconds_ago(9_000);
    });
    assert_eq!(lapsed, [(missing(1, false), None)]);
}

fn overridden(to: u64, at: Timestamp) -> OverrideRow {
    OverrideRow { limit: limit(to), lowered: None, at, until: None, who: "ann".into(), why: "a test".into() }
}

#[test]
fn an_override_is_old_after_a_day() {
    let day = Millis::seconds(86_400);
    assert_eq!(found(|it| it.0.live = Some(overridden(2, ago(day) + MOMENT))), []);
    let live = overridden(2, ago(day));
    let old = Finding::OverrideOld { live: live.clone(), since: day };
    assert_eq!(found(|it| it.0.live = Some(live)), [(old, None)]);
}

#[test]
fn a_drained_pool_says_by_whom() {
    let empty = |it: &mut Patient| {
        it.slots([free(0, 7), free(1, 9)]);
        it.queue([]);
        it.rows([]);
    };
    let by_settings = found(|it| {
        empty(it);
        it.settings().limit = limit(0);
    });
    assert_eq!(by_settings, [(Finding::Drained { overridden: false }, None)]);
    let by_override = found(|it| {
        empty(it);
        it.0.live = Some(overridden(0, seconds_ago(60)));
    });
    assert_eq!(by_override, [(Finding::Drained { overridden: true }, None)]);
}

#[test]
fn a_pool_in_use_that_is_not_swept_is_found() {
    let used = |since: Timestamp, last: Option<Timestamp>, every: u64| {
        found(|it| {
            it.settings().sweep_every = Some(Millis::seconds(every));
            it.0.summary = last.map(swept);
            it.lease(0).acquired_at = since;
        })
    };
    let missing = |last: Option<Timestamp>, every: u64| {
        (Finding::SweepNotRunning { last, sweep_every: Millis::seconds(every) }, Some(Remedy::Sweep))
    };
    let (bound, late) = (ago(MISSED), Timestamp(ago(MISSED).0 - 1));
    assert_eq!(used(seconds_ago(900), Some(bound), 60), []);
    assert_eq!(used(seconds_ago(900), Some(late), 60), [missing(Some(late), 60)]);
    assert_eq!(used(bound, None, 60), []);
    assert_eq!(used(late, None, 60), [missing(None, 60)]);
    // It was not needed before it was used.
    assert_eq!(used(bound, Some(seconds_ago(9_000)), 60), []);
    // Three sweeps may be missing, and never less than three minutes.
    assert_eq!(used(bound, None, 10), []);
    assert_eq!(used(late, None, 10), [missing(None, 10)]);
    let (bound, late) = (seconds_ago(360), Timestamp(seconds_ago(360).0 - 1));
    assert_eq!(used(seconds_ago(900), Some(bound), 120), []);
    assert_eq!(used(seconds_ago(900), Some(late), 120), [missing(Some(late), 120)]);
}

#[test]
fn a_pool_that_nobody_uses_need_not_be_swept() {
    let idle = found(|it| {
        it.0.summary = None;
        it.slots([free(0, 7), free(1, 9)]);
        it.queue([]);
        it.rows([]);
    });
    assert_eq!(idle, []);
}

#[test]
fn a_lease_that_three_sweeps_have_left_is_found() {
    let ended = |time: Millis| found(|it| it.lease(0).expires_at = ago(time));
    let grace = Millis::seconds(5);
    assert_eq!(ended(grace + MISSED), []);
    let left = Finding::LeaseLeft { lease: lease(0, MISSED + MOMENT), due: true, works: false };
    assert_eq!(ended(grace + MISSED + MOMENT), [(left, Some(Remedy::Sweep))]);
}

#[test]
fn a_lease_is_left_where_sweeps_are_due() {
    let alone = |summary: Option<SummaryRow>| {
        found(|it| {
            it.0.summary = summary;
            it.slots([held(0, 7, "a"), free(1, 9)]);
            it.lease(0).expires_at = seconds_ago(9_000);
            it.queue([]);
            it.rows([row("a", holding(0, 7))]);
        })
    };
    let left = |due| {
        let since = Millis::seconds(9_000 - 5);
        [(Finding::LeaseLeft { lease: lease(0, since), due, works: false }, Some(Remedy::Sweep))]
    };
    assert_eq!(alone(None), left(false));
    assert_eq!(alone(Some(swept(Timestamp(ago(MISSED).0 - 1)))), left(false));
    assert_eq!(alone(Some(swept(ago(MISSED)))), left(true));
}

#[test]
fn no_sweep_takes_a_lease_whose_work_may_go_on() {
    let arn = "arn:aws:states:eu-central-1:123456789012:execution:orders:one";
    let begun = 9_000;
    let left = |holder: &str, longest_hold: u64| {
        let found = found(|it| {
            it.settings().longest_hold = Some(Millis::seconds(longest_hold));
            it.0.summary = None;
            it.slots([held(0, 7, "a"), free(1, 9)]);
            it.lease(0).holder = Holder::new(holder, "", None).expect("a holder");
            (it.lease(0).acquired_at, it.lease(0).expires_at) = (seconds_ago(begun), seconds_ago(begun - 300));
            it.queue([]);
            it.rows([]);
        });
        // A pool is in use while work may go on in it.
        let swept = !found.iter().any(|(finding, _)| matches!(finding, Finding::SweepNotRunning { .. }));
        let left = found.into_iter().find_map(|(finding, remedy)| match finding {
            Finding::LeaseLeft { works, .. } => Some((works, remedy)),
            _ => None,
        });
        let (works, remedy) = left.expect("a lease that is left");
        assert_eq!(swept, !works, "{holder}");
        (works, remedy)
    };
    let safe = (false, Some(Remedy::Sweep));
    assert_eq!(left(arn, begun + 1), (true, None));
    // No sweep could have kept it any longer.
    assert_eq!(left(arn, begun), safe);
    assert_eq!(left(arn, 0), safe);
    // A command renews its lease by itself.
    assert_eq!(left("a-machine:7:1", begun + 1), safe);
}

#[test]
fn a_lease_that_outlasts_all_the_settings_give_is_found() {
    let ending = |in_time: Millis, longest_hold: Option<Millis>| {
        found(|it| {
            it.settings().longest_hold = longest_hold;
            it.lease(1).expires_at = NOW + in_time;
        })
    };
    let too_long = |ends_in| [(Finding::LeaseTooLong { lease: lease(1, Millis::seconds(60)), ends_in }, None)];
    // A lease of 300 s, and a grace of 5 s.
    let longest = Millis::seconds(305);
    assert_eq!(ending(longest, Some(Millis(0))), []);
    assert_eq!(ending(longest + MOMENT, Some(Millis(0))), too_long(longest + MOMENT));
    let held = Millis::seconds(7_205);
    assert_eq!(ending(held, Some(Millis::seconds(7_200))), []);
    assert_eq!(ending(held + MOMENT, Some(Millis::seconds(7_200))), too_long(held + MOMENT));
}

#[test]
fn a_holder_that_waits_long_for_its_notice_is_found() {
    let untold = |notice: Notice, since: Timestamp| {
        found(|it| {
            it.lease(0).notice = notice;
            it.lease(0).acquired_at = since;
        })
    };
    let stuck = (Finding::NoticeStuck(lease(0, MISSED + MOMENT)), Some(Remedy::Sweep));
    for notice in [Notice::Untold(token()), Notice::MaybeTold(token())] {
        assert_eq!(untold(notice.clone(), ago(MISSED)), []);
        assert_eq!(untold(notice, ago(MISSED + MOMENT)), std::slice::from_ref(&stuck));
    }
    for notice in [Notice::Asked, Notice::Claimed(token()), Notice::Uncollected, Notice::Confirmed(token().digest())] {
        assert_eq!(untold(notice, ago(MISSED + MOMENT)), []);
    }
}

#[test]
fn a_waiter_that_should_have_been_told_long_ago_is_found() {
    let overdue = |since: Millis, state: fn(&WaitRow) -> HolderState| {
        let place = WaitRow { give_up_at: ago(since), ..place("w", seconds_ago(30)) };
        let found = found(|it| {
            it.rows([row("a", holding(0, 7)), row("b", holding(1, 9)), row("w", state(&place))]);
            it.queue([place.clone()]);
        });
        (place, found)
    };
    assert_eq!(overdue(MISSED, waiting).1, []);
    let (place, told) = overdue(MISSED + MOMENT, waiting);
    assert_eq!(told, [(Finding::WaiterOverdue { place, since: MISSED + MOMENT }, Some(Remedy::Sweep))]);
    // A place that is nothing is another finding.
    let (_, told) = overdue(MISSED + MOMENT, |_| HolderState::Ended);
    assert!(matches!(told[..], [(Finding::PlaceIsNothing { .. }, _)]), "{told:?}");
}

#[test]
fn a_queue_that_does_not_move_is_found() {
    let starves = |waits: Millis| {
        found(|it| {
            it.slots([held(0, 7, "a"), free(1, 9)]);
            let first = place("w", ago(waits));
            it.rows([row("a", holding(0, 7)), row("w", waiting(&first))]);
            it.queue([first]);
        })
    };
    assert_eq!(starves(MISSED), []);
    let starving = Finding::QueueStarving { waits: MISSED + MOMENT, open: 1 };
    assert_eq!(starves(MISSED + MOMENT), [(starving, Some(Remedy::Sweep))]);
}

#[test]
fn more_leases_than_the_limit_are_found() {
    let limited = |to: u64, lowered: Option<Lowered>| {
        found(|it| {
            it.settings().limit = limit(to);
            it.settings().lowered = lowered;
        })
    };
    assert_eq!(limited(1, None), [(Finding::OverLimit { held: 2, limit: limit(1) }, None)]);
    let before = Some(Lowered { from: limit(2), at: seconds_ago(10) });
    assert_eq!(limited(1, before), [(Finding::SlotsAboveLimit { leases: 1, limit: limit(1) }, None)]);
    let only_above = found(|it| {
        it.settings().limit = limit(1);
        it.slots([free(0, 7), held(1, 9, "b")]);
        it.without("a");
    });
    assert_eq!(only_above, [(Finding::SlotsAboveLimit { leases: 1, limit: limit(1) }, None)]);
    let expired = found(|it| {
        it.settings().limit = limit(1);
        it.lease(1).expires_at = seconds_ago(10);
    });
    assert_eq!(expired, []);
}
