//! A diagnosis finds rows that do not agree with each other, only where they lay there all the time, and with each the
//! write that is safe.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may")]

mod spoiled_pool;

use leasehold_core::diagnosis::{Finding, FoundLease, Remedy};
use leasehold_core::{
    Attempt, Fence, HighWaterRow, HolderRow, HolderState, Limit, Lowered, Lowering, Millis, OverrideRow, PoolRow,
    Repair, RowKey, Slot, SlotRow, Unreadable, WaitRow,
};
use spoiled_pool::*;

#[test]
fn a_place_that_is_nothing_both_times_is_removed() {
    let place = place("w", seconds_ago(30));
    let nothing = |row: Option<HolderRow>| {
        let repair = Repair::RemovePlace { place: place.clone(), row: row.clone() };
        [(Finding::PlaceIsNothing { place: place.clone(), row }, write(repair))]
    };
    assert_eq!(found(|it| it.without("w")), nothing(None));
    let elsewhere = HolderState::Waiting { ticket: ticket("w", seconds_ago(29)), task: None };
    let newer = Attempt { retry: 1, ..Attempt::default() };
    for row in
        [row("w", HolderState::Ended), row("w", elsewhere), HolderRow { attempt: newer, ..row("w", waiting(&place)) }]
    {
        let found = found(|it| drop(it.0.holders.insert(holder("w").hashed(), row.clone())));
        assert_eq!(found, nothing(Some(row)));
    }
    let unread = found(|it| {
        it.without("w");
        it.0.damaged.insert(RowKey::Holder(holder("w").hashed()));
    });
    assert_eq!(unread, []);
    let new_since = [
        vec![],
        vec![WaitRow { attempt: newer, ..place.clone() }],
        vec![WaitRow { ticket: ticket("w", seconds_ago(31)), ..place.clone() }],
    ];
    for before in new_since {
        let young = found(|it| {
            it.without("w");
            it.0.before.queue = before;
        });
        assert_eq!(young, []);
    }
}

#[test]
fn a_holder_that_long_waits_without_a_place_is_found() {
    let joined = |since: Millis, spoil: fn(&mut Patient, WaitRow)| {
        let gone = place("z", ago(since));
        let found = found(|it| {
            it.0.holders.insert(holder("z").hashed(), row("z", waiting(&gone)));
            spoil(it, gone.clone());
        });
        (gone.ticket, found)
    };
    let late = MISSED + MOMENT;
    assert_eq!(joined(MISSED, |_, _| {}).1, []);
    let (ticket, told) = joined(late, |_, _| {});
    let finding = Finding::WaiterWithoutPlace { holder: holder("z"), ticket, since: late };
    assert_eq!(told, [(finding, None)]);
    // It had one when the queue was read first, or last; or what lies there can not be read, or was not.
    assert_eq!(joined(late, |it, place| it.0.before.queue.push(place)).1, []);
    assert!(!joined(late, |it, place| it.0.after.queue.push(place)).1.iter().any(|(it, _)| is_placeless(it)));
    assert_eq!(joined(late, |it, place| _ = it.0.damaged.insert(RowKey::Wait(place.ticket))).1, []);
    assert_eq!(joined(late, |it, _| it.0.queue_cut = true).1, []);
}

fn is_placeless(finding: &Finding) -> bool {
    matches!(finding, Finding::WaiterWithoutPlace { .. })
}

/// Points the row of `a` at its lease again, from what was found there.
fn pointed(row: Option<HolderRow>) -> Option<Remedy> {
    let Some(there) = held(0, 7, "a").held else { unreachable!() };
    write(Repair::PointHolder {
        slot: Slot(0),
        fence: Fence(7),
        holder: there.holder,
        attempt: there.attempt,
        expires_at: there.expires_at,
        found: row,
    })
}

#[test]
fn a_lease_without_its_holders_row_gets_it_back() {
    let missing = (Finding::HolderMissing(lease(0, Millis::seconds(60))), pointed(None));
    assert_eq!(found(|it| it.without("a")), [missing]);
    let unread = found(|it| {
        it.without("a");
        it.0.damaged.insert(RowKey::Holder(holder("a").hashed()));
    });
    assert_eq!(unread, []);
}

#[test]
fn the_row_of_a_holder_whose_lease_another_may_take_may_be_gone() {
    let grace = Millis::seconds(5);
    let ended = |time: Millis| {
        found(|it| {
            it.without("a");
            it.lease(0).expires_at = ago(time);
        })
    };
    assert_eq!(ended(grace), []);
    let ending = ended(Millis(grace.0 - 1));
    assert!(matches!(ending[..], [(Finding::HolderMissing(_), Some(_))]), "{ending:?}");
}

#[test]
fn only_a_lease_that_lay_there_both_times_is_judged() {
    for before in [vec![], vec![free(0, 7)], vec![held(0, 6, "a")]] {
        let young = found(|it| {
            it.without("a");
            it.0.before.slots = before;
        });
        assert_eq!(young, []);
    }
    let given_back = found(|it| {
        it.without("a");
        it.0.after.slots[0].held = None;
    });
    assert_eq!(given_back, []);
}

#[test]
fn a_holders_row_that_points_at_nothing_is_mended() {
    let elsewhere = |row: HolderRow, slots: [SlotRow; 2]| {
        found(|it| {
            it.slots(slots);
            it.rows([row, self::row("w", waiting(&place("w", seconds_ago(30))))]);
        })
    };
    let finding = |state| Finding::HolderElsewhere { lease: lease(0, Millis::seconds(60)), state };
    let one = || [held(0, 7, "a"), free(1, 9)];
    let stale = row("a", holding(1, 5));
    assert_eq!(elsewhere(stale.clone(), one()), [(finding(stale.state), pointed(Some(stale)))]);
    // The one row that tells which fence was granted, be it of this slot or of another, is no repair's to write over.
    for (slot, fence) in [(0, 8), (1, 10)] {
        let witness = row("a", holding(slot, fence));
        let mut found = elsewhere(witness.clone(), one());
        assert_eq!(found.remove(0), (finding(witness.state), None));
        assert!(matches!(found[..], [(Finding::FenceWentBack { .. }, _)]), "{found:?}");
    }
    // Of a newer attempt, or no pointer at a slot: its owner may still write it.
    let newer = HolderRow { attempt: Attempt { retry: 1, ..Attempt::default() }, ..row("a", holding(1, 5)) };
    assert_eq!(elsewhere(newer.clone(), one()), [(finding(newer.state), None)]);
    for state in [HolderState::Ended, waiting(&place("a", seconds_ago(30)))] {
        assert_eq!(elsewhere(row("a", state), one()), [(finding(state), None)]);
    }
    // Its other lease, which it got between the two looks, is what its row points at.
    let just_granted = found(|it| {
        it.slots([held(0, 7, "a"), free(1, 8)]);
        it.0.after.slots[1] = held(1, 9, "a");
        it.rows([row("a", holding(1, 9)), row("w", waiting(&place("w", seconds_ago(30))))]);
    });
    assert_eq!(just_granted, [(finding(holding(1, 9)), None)]);
    // The fence counts as well as the slot.
    let older = row("a", holding(0, 6));
    assert_eq!(elsewhere(older.clone(), one()), [(finding(older.state), pointed(Some(older)))]);
}

#[test]
fn a_row_of_another_holder_with_the_same_hash_says_nothing() {
    let collides = found(|it| drop(it.0.holders.insert(holder("a").hashed(), row("z", HolderState::Ended))));
    assert_eq!(collides, []);
}

#[test]
fn a_holder_of_two_leases_is_found() {
    let twice = found(|it| {
        it.slots([held(0, 7, "a"), held(1, 9, "a")]);
        it.without("b");
    });
    let second = FoundLease { holder: holder("a"), ..lease(1, Millis(0)) };
    assert_eq!(twice, [(Finding::HolderHoldsTwice { first: lease(0, Millis(0)), second }, None)]);
}

#[test]
fn a_row_that_points_at_anothers_lease_is_found() {
    let astray = found(|it| drop(it.0.holders.insert(holder("z").hashed(), row("z", holding(1, 9)))));
    let lease = lease(1, Millis(0));
    assert_eq!(astray, [(Finding::HolderAstray { holder: holder("z"), lease }, None)]);
    // An older lease of that slot has ended; a free slot is nobody's.
    assert_eq!(found(|it| drop(it.0.holders.insert(holder("z").hashed(), row("z", holding(1, 8))))), []);
    let given_back = found(|it| {
        it.slots([held(0, 7, "a"), free(1, 9)]);
    });
    assert_eq!(given_back, []);
}

#[test]
fn a_fence_that_went_back_is_raised_on_a_slot_that_is_free() {
    let granted = |slot: u32, fences: [u64; 2], spoil: fn(&mut Patient)| {
        found(|it| {
            for (name, fence) in ["y", "z"].into_iter().zip(fences) {
                it.0.holders.insert(holder(name).hashed(), row(name, holding(slot, fence)));
            }
            spoil(it);
        })
    };
    // Where the settings make no sense, the mark tells the fences of slots that were folded away.
    let folded = found(|it| {
        it.0.pool = None;
        it.0.mark = Some(HighWaterRow { slots: 5, fence: Fence(9), lower: None });
        it.slots([]);
        it.rows([row("a", holding(3, 7))]);
        it.queue([]);
    });
    assert!(!folded.iter().any(|(finding, _)| matches!(finding, Finding::FenceWentBack { .. })), "{folded:?}");
    let back = |slot: u32, found: u64, granted: u64, held| Finding::FenceWentBack {
        slot: Slot(slot),
        found: Fence(found),
        granted: Fence(granted),
        held,
    };
    let raised = |slot: u32, found: Option<u64>, lowest: u64, to: u64| {
        write(Repair::RaiseFence { slot: Slot(slot), found: found.map(Fence), lowest: Fence(lowest), to: Fence(to) })
    };
    // The higher of two, whichever of them is read first.
    for fences in [[20, 30], [30, 20]] {
        assert_eq!(granted(1, fences, |_| {}), [(back(1, 9, 30, true), None)]);
    }
    let freed = |it: &mut Patient| {
        it.slots([held(0, 7, "a"), free(1, 9)]);
        it.without("b");
    };
    assert_eq!(granted(1, [8, 9], freed), []);
    assert_eq!(granted(1, [8, 10], freed), [(back(1, 9, 10, false), raised(1, Some(9), 9, 10))]);
    // A slot without a row counts as having the fence of the mark.
    let folded = |it: &mut Patient| {
        it.0.mark = Some(HighWaterRow { slots: 2, fence: Fence(9), lower: None });
        it.slots([held(0, 7, "a")]);
        it.without("b");
    };
    assert_eq!(granted(1, [8, 9], folded), []);
    assert_eq!(granted(1, [8, 10], folded), [(back(1, 9, 10, false), raised(1, None, 9, 10))]);
    let mark_unread = |it: &mut Patient| {
        it.slots([held(0, 7, "a")]);
        it.without("b");
        it.0.damaged.insert(RowKey::HighWater);
    };
    assert_eq!(granted(1, [8, 10], mark_unread), []);
    let slot_unread = |it: &mut Patient| {
        it.slots([held(0, 7, "a")]);
        it.without("b");
        it.0.damaged.insert(RowKey::Slot(Slot(1)));
    };
    assert_eq!(granted(1, [8, 10], slot_unread), []);
}

#[test]
fn a_mark_that_is_gone_is_made_again_above_all_that_is_known() {
    let gone = |spoil: fn(&mut Patient)| {
        found(|it| {
            it.0.mark = None;
            spoil(it);
        })
    };
    let made = |slots: u32, fence: u64, rows: usize| {
        let to = HighWaterRow { slots, fence: Fence(fence), lower: None };
        (Finding::MarkMissing { slots: rows }, write(Repair::RaiseMark { found: None, to }))
    };
    assert_eq!(gone(|_| {}), [made(2, 9, 2)]);
    // As high as the limit, and as the highest slot.
    let fewer = gone(|it| {
        it.slots([held(0, 7, "a")]);
        it.without("b");
    });
    assert_eq!(fewer, [made(2, 7, 1)]);
    let higher = gone(|it| {
        it.slots([held(0, 7, "a"), held(1, 9, "b"), free(4, 3)]);
    });
    assert_eq!(higher, [made(5, 9, 3)]);
    let limit_unread = gone(|it| {
        it.0.pool = None;
        it.slots([held(0, 7, "a")]);
        it.without("b");
    });
    // Callers may follow any limit.
    let missing = Finding::PoolMissing { held: 1, waiting: 1, summary: true };
    assert_eq!(limit_unread, [(missing, write(Repair::RemoveSummary)), made(10_000, 7, 1)]);
    // A limit that was lowered is still followed, and slots up to it are still granted.
    let settles = gone(|it| {
        let at = seconds_ago(10);
        it.settings().lowered = Some(Lowered { from: Limit::try_from(6).expect("a limit"), at });
    });
    assert_eq!(settles, [made(6, 9, 2)]);
    // A fence that only a holder still knows.
    let known = gone(|it| drop(it.0.holders.insert(holder("z").hashed(), row("z", holding(1, 30)))));
    assert_eq!(known.last(), Some(&made(2, 30, 2)));
    let never_used = gone(|it| {
        it.slots([]);
        it.queue([]);
        it.rows([]);
    });
    assert_eq!(never_used, []);
    let unread = gone(|it| _ = it.0.damaged.insert(RowKey::HighWater));
    assert_eq!(unread, []);
}

#[test]
fn a_mark_that_makes_no_sense_is_written_above_all_known() {
    let unreadable = |slots: u32, fence: u64, spoil: fn(&mut Patient)| {
        let there = Unreadable {
            why: "no slots".into(),
            image: b"[]".as_slice().into(),
            newer_edition: None,
            remains: Box::default(),
        };
        let found = found(|it| {
            it.0.mark = None;
            it.0.damaged.insert(RowKey::HighWater);
            it.0.unreadable_mark = Some((there.clone(), HighWaterRow { slots, fence: Fence(fence), lower: None }));
            spoil(it);
        });
        match &found[..] {
            [(Finding::MarkUnreadable { why }, Some(Remedy::Write(repair)))] if **why == *"no slots" => match &**repair
            {
                Repair::ReplaceMark { found, to } if *found == there && to.lower.is_none() => (to.slots, to.fence.0),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(unreadable(0, 0, |_| {}), (2, 9));
    assert_eq!(unreadable(7, 3, |_| {}), (7, 9));
    assert_eq!(unreadable(1, 30, |_| {}), (2, 30));
    let empty = |it: &mut Patient| {
        it.slots([]);
        it.queue([]);
        it.rows([]);
    };
    assert_eq!(unreadable(0, 0, empty), (2, 0));
}

#[test]
fn a_lease_at_or_above_the_mark_raises_it() {
    let marked = |slots: u32| HighWaterRow { slots, fence: Fence(3), lower: None };
    assert_eq!(found(|it| it.0.mark = Some(marked(2))), []);
    let above = |mark: HighWaterRow, lease: FoundLease| {
        // A lowering that a sweep had begun is off: a lease lies above it.
        let to = HighWaterRow { slots: 2, lower: None, ..mark };
        (Finding::SlotAboveMark { lease, mark: mark.slots }, write(Repair::RaiseMark { found: Some(mark), to }))
    };
    for slots in [1, 0] {
        assert_eq!(found(|it| it.0.mark = Some(marked(slots))), [above(marked(slots), lease(1, Millis(0)))]);
    }
    let begun = HighWaterRow {
        lower: Some(Lowering { to: Limit::try_from(1).expect("a limit"), since: seconds_ago(90) }),
        ..marked(1)
    };
    assert_eq!(found(|it| it.0.mark = Some(begun)), [above(begun, lease(1, Millis(0)))]);
    let nobody_there = found(|it| {
        it.0.mark = Some(marked(1));
        it.slots([held(0, 7, "a"), free(1, 9)]);
        it.without("b");
    });
    assert_eq!(nobody_there, []);
}

#[test]
fn a_row_that_no_list_has_is_written_again_as_it_is() {
    let (who, why) = ("ann".into(), "a test".into());
    let live = OverrideRow { limit: limit(2), lowered: None, at: seconds_ago(60), until: None, who, why };
    let unlisted = |key: RowKey| {
        found(|it| {
            it.0.live = Some(live.clone());
            it.0.unlisted.insert(key);
        })
    };
    let settings = Repair::WriteSettingsAgain(PoolRow::new(limit(2)));
    assert_eq!(unlisted(RowKey::Pool), [(Finding::RowUnlisted(RowKey::Pool), write(settings))]);
    let overridden = Repair::WriteOverrideAgain(live.clone());
    assert_eq!(unlisted(RowKey::Override), [(Finding::RowUnlisted(RowKey::Override), write(overridden))]);
    // A sweep writes the summary anew.
    assert_eq!(unlisted(RowKey::Summary), [(Finding::RowUnlisted(RowKey::Summary), Some(Remedy::Sweep))]);
}
