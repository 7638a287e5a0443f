//! Each outcome is answered with the fields of the contract, no more and no fewer, rounded to the safe side.

#![allow(clippy::expect_used, reason = "a test may")]

use std::sync::Arc;

use leasehold_core::{
    AcquireOutcome, Attempt, ExecutionFreed, Failure, Fence, Held, Holder, Lease, LeaseId, Limit, Millis, Notice,
    Released, Renewed, RetryAdvice, Settings, Slot, SlotRow, Snapshot, Tally, TaskToken, Ticket, Timestamp, WaitRow,
    contract::{ContractError, GrantedLease, HOLDERS_LISTED, Response},
};
use serde_json::{Value, json};

fn settings(limit: u64) -> Settings {
    Settings::new("analytics".parse().expect("a prefix"), Limit::try_from(limit).expect("a limit"))
}

/// The JSON of a response, which is the same as text and as a value.
fn told(response: &Response) -> Value {
    let json = serde_json::to_value(response).expect("JSON");
    assert_eq!(serde_json::from_str::<Value>(&response.to_string()).expect("JSON"), json, "as text and as value");
    json
}

fn acquire(outcome: &AcquireOutcome) -> Value {
    told(&Response::to_acquire(outcome, &settings(15)))
}

fn status(snapshot: &Snapshot, holders: bool) -> Value {
    told(&Response::to_status(snapshot, &settings(15), holders))
}

fn id() -> LeaseId {
    "analytics:3:41".parse().expect("a lease id")
}

fn lease() -> Lease {
    Lease {
        id: id(),
        holder: Holder::new("arn:e", "item-3", None).expect("a holder"),
        attempt: Attempt::default(),
        acquired_at: Timestamp(1_732_270_272_345),
        expires_at: Timestamp(1_732_270_572_999),
    }
}

#[test]
fn acquired_tells_the_lease_and_rounds_its_end_down() {
    let expected = json!({
        "status": "acquired", "lease_id": "analytics:3:41", "fence": 41, "slot": 3, "prefix": "analytics",
        "acquired_at_ms": 1_732_270_272_345_u64, "expires_at_ms": 1_732_270_572_999_u64,
        "lease_expires_at": 1_732_270_572
    });
    assert_eq!(acquire(&AcquireOutcome::Acquired(lease())), expected);
    // What a waiting task succeeds with is the same object.
    let notice = Response::Acquired(GrantedLease::from(&lease()));
    assert_eq!(serde_json::from_str::<Value>(&notice.to_string()).expect("JSON"), expected);
}

#[test]
fn wait_says_when_to_ask_again_in_whole_seconds_never_at_once() {
    let wait = |retry_after| {
        let advice = RetryAdvice { retry_after: Millis(retry_after), held: 14, waiting: 3, waiting_more: false };
        acquire(&AcquireOutcome::Wait(advice))
    };
    let expected = |seconds: u64| json!({"status": "wait", "retry_after_seconds": seconds, "current_running": 14, "limit": 15, "waiting": 3});
    for (millis, seconds) in [(0, 1), (1, 1), (999, 1), (1_000, 1), (1_001, 2), (25_000, 25), (25_999, 26)] {
        assert_eq!(wait(millis), expected(seconds), "{millis} ms");
    }
}

#[test]
fn a_count_that_stopped_says_so() {
    let wait = RetryAdvice { retry_after: Millis(5_000), held: 15, waiting: 100, waiting_more: true };
    assert_eq!(
        acquire(&AcquireOutcome::Wait(wait)),
        json!({"status": "wait", "retry_after_seconds": 5, "current_running": 15, "limit": 15, "waiting": 100,
               "waiting_more": true})
    );
}

#[test]
fn queued_says_nothing_else() {
    assert_eq!(acquire(&AcquireOutcome::Queued), json!({"status": "queued"}));
}

#[test]
fn released_names_the_lease_and_says_if_it_was_gone() {
    let released = |lease, already| told(&Response::to_release(&Released { lease, already }));
    assert_eq!(released(Some(id()), false), json!({"status": "released", "lease_id": "analytics:3:41"}));
    assert_eq!(
        released(Some(id()), true),
        json!({"status": "released", "lease_id": "analytics:3:41", "note": "already expired or missing"})
    );
    // Left the queue.
    assert_eq!(released(None, false), json!({"status": "released", "lease_id": null}));
    assert_eq!(
        released(None, true),
        json!({"status": "released", "lease_id": null, "note": "already expired or missing"})
    );
}

#[test]
fn renewed_tells_until_when_rounded_down() {
    assert_eq!(
        told(&Response::to_renew(&Renewed { id: id(), expires_at: Timestamp(5_999) })),
        json!({"status": "renewed", "lease_id": "analytics:3:41", "fence": 41, "slot": 3, "prefix": "analytics",
               "expires_at_ms": 5_999, "lease_expires_at": 5})
    );
}

fn tally(more: bool) -> Tally {
    Tally { granted: 1, reclaimed: 2, renotified: 3, extended: 4, missed: 0, outlasted: 0, freed: 5, left: 6, more }
}

#[test]
fn swept_counts_what_was_done_and_says_if_more_is_left() {
    let swept = json!({"status": "swept", "granted": 1, "reclaimed": 2, "renotified": 3, "extended": 4});
    assert_eq!(told(&Response::to_sweep(&tally(false))), swept);
    let mut missed = swept.clone();
    (missed["missed"], missed["outlasted"]) = (7.into(), 8.into());
    assert_eq!(told(&Response::to_sweep(&Tally { missed: 7, outlasted: 8, ..tally(false) })), missed);
    let mut more = swept;
    more["more"] = json!(true);
    assert_eq!(told(&Response::to_sweep(&tally(true))), more);
}

#[test]
fn what_an_ended_execution_left_is_released_with_counts() {
    let gone = |tally, more| told(&Response::to_execution_ended(&ExecutionFreed { tally, more }));
    let counted = json!({"status": "released", "lease_id": null, "freed": 5, "left": 6, "granted": 1, "reclaimed": 2});
    assert_eq!(gone(tally(false), None), counted);
    let mut more = counted;
    more["more"] = json!(true);
    assert_eq!(gone(tally(false), Some(7)), more);
    let nothing = json!({"status": "released", "lease_id": null, "freed": 0, "left": 0, "granted": 0, "reclaimed": 0,
                         "note": "already expired or missing"});
    assert_eq!(gone(Tally::default(), None), nothing);
    let not_yet = gone(Tally::default(), Some(7));
    assert_eq!((&not_yet["more"], not_yet.get("note")), (&json!(true), None));
}

#[test]
fn a_release_of_all_counts_leases_and_places() {
    let all = |tally, more| told(&Response::to_release_all(&ExecutionFreed { tally, more }));
    assert_eq!(all(tally(false), None), json!({"status": "released", "count": 11, "more": false}));
    assert_eq!(all(tally(false), Some(7)), json!({"status": "released", "count": 11, "more": true}));
    assert_eq!(all(Tally::default(), None), json!({"status": "released", "count": 0, "more": false}));
}

fn held(execution: &str, acquired: u64, expires: u64, unconfirmed: bool, label: Option<&str>) -> Held {
    Held {
        holder: Holder::new(execution, "", None).expect("a holder"),
        attempt: Attempt::default(),
        acquired_at: Timestamp(acquired),
        expires_at: Timestamp(expires),
        renewed_at: None,
        notice: if unconfirmed { Notice::Untold(TaskToken::new("token").expect("a token")) } else { Notice::Asked },
        label: label.map(Arc::from),
    }
}

fn waits(execution: &str, key: &str, parent: Option<&str>, since: u64) -> WaitRow {
    let holder = Holder::new(execution, key, parent).expect("a holder");
    let ticket = Ticket { at: Timestamp(since), own: holder.hashed().own };
    WaitRow {
        ticket,
        holder,
        attempt: Attempt::default(),
        give_up_at: Timestamp(90_000),
        token: None,
        lease: Millis::seconds(300),
        label: None,
    }
}

fn snapshot() -> Snapshot {
    Snapshot {
        at: Timestamp(50_000),
        limit: Limit::try_from(15).expect("a limit"),
        slots: vec![
            SlotRow { slot: Slot(0), fence: Fence(9), held: Some(held("arn:a", 10_000, 60_000, true, Some("a's"))) },
            SlotRow { slot: Slot(1), fence: Fence(4), held: None },
            SlotRow { slot: Slot(3), fence: Fence(2), held: Some(held("arn:b", 20_000, 50_000, false, None)) },
        ],
        queue: vec![waits("arn:c", "item-1", Some("arn:p"), 48_500), waits("arn:d", "", None, 49_000)],
        more: false,
    }
}

#[test]
fn status_tells_the_pool_in_numbers() {
    let told = status(&snapshot(), false);
    assert_eq!(
        told,
        json!({"status": "ok", "prefix": "analytics", "limit": 15, "current_running": 1, "expired": 1, "waiting": 2,
               "oldest_wait_seconds": 1, "state": "ok"})
    );
    let empty = Snapshot { slots: vec![], queue: vec![], ..snapshot() };
    assert_eq!(
        status(&empty, false),
        json!({"status": "ok", "prefix": "analytics", "limit": 15, "current_running": 0, "expired": 0, "waiting": 0,
               "state": "idle"})
    );
    let more = Snapshot { more: true, ..snapshot() };
    let told = status(&more, false);
    assert_eq!(told["waiting_more"], json!(true));
}

#[test]
fn status_lists_who_holds_and_who_waits_if_it_is_asked_to() {
    let told = status(&snapshot(), true);
    assert_eq!(
        told["holders"],
        json!([
            {"lease_id": "analytics:0:9", "slot": 0, "execution": "arn:a", "label": "a's", "acquired_at_ms": 10_000,
             "expires_at_ms": 60_000, "unconfirmed": true},
            {"lease_id": "analytics:3:2", "slot": 3, "execution": "arn:b", "acquired_at_ms": 20_000,
             "expires_at_ms": 50_000, "expired": true},
        ])
    );
    assert_eq!(
        told["queue"],
        json!([
            {"execution": "arn:c", "key": "item-1", "parent": "arn:p", "waiting_since_ms": 48_500,
             "give_up_at_ms": 90_000},
            {"execution": "arn:d", "waiting_since_ms": 49_000, "give_up_at_ms": 90_000},
        ])
    );
    assert_eq!(told.get("holders_more"), None);
}

#[test]
fn a_list_of_holders_is_cut_where_an_answer_would_grow_too_long() {
    let listed = |count: usize| {
        let row =
            |slot| SlotRow { slot: Slot(slot), fence: Fence(1), held: Some(held("arn:a", 0, 60_000, false, None)) };
        let slots = (0..u32::try_from(count).expect("few")).map(row).collect();
        let told = status(&Snapshot { slots, ..snapshot() }, true);
        (told["holders"].as_array().expect("a list").len(), told.get("holders_more").cloned())
    };
    assert_eq!(listed(HOLDERS_LISTED), (HOLDERS_LISTED, None));
    assert_eq!(listed(HOLDERS_LISTED + 1), (HOLDERS_LISTED, Some(json!(true))));
}

#[test]
fn what_is_not_a_grant_is_not_a_grant() {
    assert_eq!(ContractError::from(Failure::Throttled).error_type(), "Throttled");
    let advice = RetryAdvice { retry_after: Millis(1), held: 15, waiting: 0, waiting_more: false };
    let no_grants = [
        Response::to_acquire(&AcquireOutcome::Queued, &settings(15)),
        Response::to_acquire(&AcquireOutcome::Wait(advice), &settings(15)),
        Response::to_release(&Released { lease: Some(id()), already: false }),
        Response::to_renew(&Renewed { id: id(), expires_at: Timestamp(5_999) }),
        Response::to_sweep(&tally(false)),
        Response::to_execution_ended(&ExecutionFreed { tally: tally(false), more: None }),
        Response::to_release_all(&ExecutionFreed { tally: tally(false), more: None }),
        Response::to_status(&snapshot(), &settings(15), true),
        Response::Ignored { execution_status: "RUNNING".into() },
    ];
    for response in no_grants {
        assert!(!matches!(response, Response::Acquired(_)), "{response}");
        assert_ne!(told(&response)["status"], "acquired");
    }
}
