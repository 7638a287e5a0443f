//! A task that waits is told of its lease, or that there is none; what may not have arrived is told again, and what is
//! closed is given to the next.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod pool;

use leasehold_core::{Attempt, Fence, Held, Holder, Millis, Notice, Row, Slot, SlotRow, Timestamp};
use leasehold_testkit::{StepFunctionsFault, put_row};
use pool::{BEGIN, GRACE, LEASE, ServedPool, execution, line, queue, release};
use serde_json::{Value, json};

fn sweep() -> Value {
    json!({ "action": "sweep" })
}

#[tokio::test]
async fn a_task_succeeds_with_what_acquire_answers() {
    let pool = ServedPool::of(1).await;
    let told = pool.queue("item-1", "token-1").await;
    assert_eq!(told["status"], "acquired");
    assert_eq!(pool.tasks.output("token-1"), Some(told));
}

#[tokio::test]
async fn a_release_tells_the_first_in_the_queue() {
    let pool = ServedPool::of(1).await;
    let first = pool.queue("item-1", "token-1").await;
    assert_eq!(pool.queue("item-2", "token-2").await["status"], "queued");
    pool.clock.forward(10);
    assert_eq!(pool.queue("item-3", "token-3").await["status"], "queued");
    pool.answer(release(&first["lease_id"])).await;
    let second = pool.tasks.output("token-2").expect("it was told");
    assert_eq!((&second["status"], &second["lease_id"]), (&json!("acquired"), &json!("analytics:0:2")));
    assert_eq!(pool.tasks.output("token-3"), None);
    pool.answer(release(&second["lease_id"])).await;
    assert_eq!(pool.tasks.output("token-3").expect("it was told")["lease_id"], "analytics:0:3");
}

#[tokio::test]
async fn an_uncertain_notice_is_sent_again_by_the_next_sweep() {
    let faults = [
        StepFunctionsFault::Break,
        StepFunctionsFault::Error(500, "InternalServerError"),
        StepFunctionsFault::Error(400, "ThrottlingException"),
    ];
    for fault in faults {
        let pool = ServedPool::of(1).await;
        let first = pool.queue("item-1", "token-1").await;
        pool.queue("item-2", "token-2").await;
        pool.tasks.fail_always(Some(fault.clone()));
        let released = pool.handle(release(&first["lease_id"])).await;
        let said = line(&released);
        released.answer.expect("the release itself worked");
        assert_eq!(said["level"], "WARN", "{fault:?}");
        let note = said["notes"][0].as_str().expect("a note");
        assert!(note.contains("telling the grant of analytics:0:2") && !note.contains("token-2"), "{note}");
        pool.tasks.fail_always(None);
        let sent = pool.tasks.requests("SendTaskSuccess").len();
        let swept = pool.answer(sweep()).await;
        assert_eq!(swept["renotified"], 1, "{fault:?}");
        assert_eq!(pool.tasks.requests("SendTaskSuccess").len(), sent + 1);
        assert_eq!(pool.answer(sweep()).await["renotified"], 0, "it is confirmed: {fault:?}");
    }
}

#[tokio::test]
async fn a_notice_that_was_not_taken_is_sent_again() {
    let pool = ServedPool::of(1).await;
    for _ in 0..2 {
        pool.tasks.fail_next(StepFunctionsFault::Error(400, "ThrottlingException"));
    }
    assert_eq!(pool.queue("item-1", "token-1").await["status"], "acquired");
    assert_eq!(pool.tasks.requests("SendTaskSuccess").len(), 3);
}

#[tokio::test]
async fn a_notice_that_may_not_be_sent_costs_no_lease_and_is_named() {
    for name in ["AccessDeniedException", "KmsAccessDeniedException"] {
        let pool = ServedPool::of(1).await;
        pool.tasks.fail_always(Some(StepFunctionsFault::Error(400, name)));
        let (error, said) = pool.failure(queue("item-1", "token-1")).await;
        assert_eq!(error, "NoticeRefused", "{said}");
        let first = pool.acquire("item-1").await;
        pool.queue("item-2", "token-2").await;
        let said = pool.line(release(&first["lease_id"])).await;
        assert_eq!((&said["level"], &said["NoticeRefused"]), (&json!("ERROR"), &json!(1)), "{said}");
        let note = said["notes"][0].as_str().expect("a note");
        assert!(note.contains(name) && !note.contains("token-2"), "{note}");
        assert_eq!(pool.answer(json!({ "action": "status" })).await["current_running"], 0, "{name}");
    }
}

#[tokio::test]
async fn a_task_found_closed_at_its_first_notice_costs_no_lease() {
    for name in ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken", "ValidationException"] {
        let pool = ServedPool::of(1).await;
        pool.tasks.execution_is(execution(), "ABORTED");
        let first = pool.queue("item-1", "token-1").await;
        pool.queue("item-2", "token-2").await;
        pool.clock.forward(10);
        pool.queue("item-3", "token-3").await;
        pool.tasks.fail_next(StepFunctionsFault::Error(400, name));
        let said = pool.line(release(&first["lease_id"])).await;
        assert_eq!(said["WaiterGone"], 1, "{name}");
        assert_eq!(pool.tasks.requests("DescribeExecution"), Vec::<Value>::new(), "{name}");
        assert!(pool.tasks.output("token-3").is_some(), "{name}");
    }
}

#[tokio::test]
async fn a_closed_task_whose_execution_may_run_keeps_its_lease() {
    // Our own notice may have got through, and only its reply was lost.
    for status in ["RUNNING", "PENDING_REDRIVE", "SOMETHING_NEW", "not found"] {
        let pool = ServedPool::of(1).await;
        if status != "not found" {
            pool.tasks.execution_is(execution(), status);
        }
        let first = pool.queue("item-1", "token-1").await;
        pool.queue("item-2", "token-2").await;
        pool.tasks.fail_next(StepFunctionsFault::Break);
        pool.answer(release(&first["lease_id"])).await;
        pool.tasks.close("token-2");
        assert_eq!(pool.answer(sweep()).await["renotified"], 1, "{status}");
        assert_eq!(pool.answer(json!({ "action": "status" })).await["current_running"], 1, "{status}");
        assert_eq!(pool.answer(sweep()).await["renotified"], 0, "{status}");
    }
}

#[tokio::test]
async fn who_waited_too_long_is_told_by_name() {
    let pool = ServedPool::with(1, |row| row.longest_wait = Some(Millis(1_000))).await;
    pool.queue("item-1", "token-1").await;
    pool.queue("item-2", "token-2").await;
    pool.clock.forward(1_001);
    pool.answer(sweep()).await;
    let told = pool.tasks.requests("SendTaskFailure");
    assert_eq!((&told[0]["taskToken"], &told[0]["error"]), (&json!("token-2"), &json!("WaitedTooLong")));
    assert!(told[0]["cause"].as_str().is_some_and(|cause| cause.contains("no slot was free")), "{told:?}");
}

#[tokio::test]
async fn a_retried_task_takes_over_and_the_older_one_is_failed() {
    let pool = ServedPool::of(1).await;
    pool.acquire("item-1").await;
    pool.queue("item-2", "token-2").await;
    let mut retried = queue("item-2", "token-2b");
    retried["attempt"]["retry"] = json!("1");
    assert_eq!(pool.answer(retried).await["status"], "queued");
    let told = pool.tasks.requests("SendTaskFailure");
    assert_eq!((&told[0]["taskToken"], &told[0]["error"]), (&json!("token-2"), &json!("HolderBusy")));
}

#[tokio::test]
async fn an_untold_lease_is_taken_only_after_its_task_is_closed() {
    let pool = ServedPool::of(1).await;
    pool.tasks.fail_always(Some(StepFunctionsFault::Break));
    // It is not known to have been told.
    assert_eq!(pool.failure(queue("item-1", "token-1")).await.0, "TasksUnavailable");
    pool.clock.forward(LEASE + GRACE);
    assert_eq!(pool.failure(queue("item-2", "token-2")).await.0, "TasksUnavailable");
    assert_eq!(pool.answer(sweep()).await["reclaimed"], 0);
    pool.tasks.fail_always(None);
    assert_eq!(pool.answer(sweep()).await["reclaimed"], 1);
    assert_eq!(pool.tasks.requests("SendTaskFailure").last().expect("it was told")["error"], "LeaseLost");
}

#[tokio::test]
async fn long_work_keeps_its_lease_while_its_execution_runs() {
    let pool = ServedPool::with(3, |row| row.longest_hold = Some(Millis(3_600_000))).await;
    let other = "arn:aws:states:eu-central-1:123456789012:execution:nightly:8";
    pool.acquire("item-1").await;
    pool.acquire("item-2").await;
    pool.answer(json!({ "action": "acquire", "execution": other })).await;
    pool.tasks.execution_is(execution(), "RUNNING");
    pool.tasks.execution_is(other, "SUCCEEDED");
    pool.clock.forward(30_000);
    let swept = pool.answer(sweep()).await;
    assert_eq!(swept["extended"], 2);
    // One question for each execution, though one has two leases.
    assert_eq!(pool.tasks.requests("DescribeExecution").len(), 2);
    let holders = pool.answer(json!({ "action": "status", "holders": true })).await;
    assert_eq!(holders["current_running"], 2);
    assert_eq!(holders["holders"][0]["expires_at_ms"], BEGIN + 30_000 + LEASE);
}

#[tokio::test]
async fn what_is_no_execution_is_not_asked_for() {
    let pool = ServedPool::with(3, |row| row.longest_hold = Some(Millis(3_600_000))).await;
    let express = "arn:aws:states:eu-central-1:123456789012:express:nightly:7:1";
    for id in ["a laptop", "arn:aws:lambda:eu-central-1:123456789012:function:f", express] {
        pool.answer(json!({ "action": "acquire", "execution": id })).await;
    }
    assert_eq!(pool.answer(sweep()).await["extended"], 0);
    assert_eq!(pool.tasks.requests("DescribeExecution"), Vec::<Value>::new());
}

#[tokio::test]
async fn an_unknown_execution_keeps_its_lease_until_it_expires() {
    let pool = ServedPool::with(1, |row| row.longest_hold = Some(Millis(3_600_000))).await;
    pool.acquire("item-1").await;
    pool.tasks.fail_always(Some(StepFunctionsFault::Error(400, "AccessDeniedException")));
    let said = pool.line(sweep()).await;
    let note = said["notes"][0].as_str().expect("a note");
    assert!(note.contains(execution()) && note.contains("AccessDeniedException"), "{note}");
    assert_eq!((&said["Held"], &said["outcome"]), (&json!(1), &json!("swept")));
    pool.clock.forward(LEASE + GRACE);
    assert_eq!(pool.answer(sweep()).await["reclaimed"], 1);
}

#[tokio::test]
async fn executions_are_asked_for_slowly_enough_for_an_account() {
    let pool = ServedPool::with(20, |row| row.longest_hold = Some(Millis(3_600_000))).await;
    // Each of a machine of its own, so that none is found with another.
    for run in 0..20 {
        let id = format!("arn:aws:states:eu-central-1:123456789012:execution:nightly-{run}:1");
        pool.tasks.execution_is(&id, "RUNNING");
        pool.answer(json!({ "action": "acquire", "execution": id })).await;
    }
    pool.clock.forward(30_000);
    let started = std::time::Instant::now();
    assert_eq!(pool.answer(sweep()).await["extended"], 20);
    // Five at once, then one in 100 ms.
    assert!(started.elapsed().as_millis() >= 1_500, "{:?}", started.elapsed());
}

const NIGHTLY: &str = "arn:aws:states:eu-central-1:123456789012:execution:nightly";

/// A slot that this execution holds.
fn held(slot: u32, execution: &str) -> Row {
    let held = Held {
        holder: Holder::new(execution, "", None).expect("a holder"),
        attempt: Attempt::default(),
        acquired_at: Timestamp(BEGIN),
        expires_at: Timestamp(BEGIN + LEASE),
        renewed_at: None,
        notice: Notice::Asked,
        label: None,
    };
    Row::Slot(SlotRow { slot: Slot(slot), fence: Fence(1), held: Some(held) })
}

#[tokio::test]
async fn a_sweep_extends_a_thousand_leases_of_long_work() {
    let pool = ServedPool::with(1_500, |row| row.longest_hold = Some(Millis(3_600_000))).await;
    let prefix = "analytics".parse().expect("a prefix");
    for run in 0..1_200 {
        let id = format!("{NIGHTLY}:{run}");
        pool.tasks.execution_is(&id, if run % 100 == 7 { "FAILED" } else { "RUNNING" });
        put_row(&pool.table, &prefix, held(run, &id)).await;
    }
    pool.clock.forward(30_000);
    let swept = pool.answer(sweep()).await;
    assert_eq!((&swept["extended"], &swept["more"], &swept["missed"]), (&json!(1_188), &Value::Null, &Value::Null));
    // Two pages, the first to know where to look, and those that are on neither page.
    let asked = (pool.tasks.requests("ListExecutions").len(), pool.tasks.requests("DescribeExecution").len());
    assert!(asked.0 == 2 && asked.1 <= 1 + 12, "{asked:?}");
    let status = pool.answer(json!({ "action": "status" })).await;
    assert_eq!(status["current_running"], 1_188, "those that have ended are freed");
}

#[tokio::test]
async fn children_of_map_runs_are_found_by_their_runs() {
    let pool = ServedPool::with(100, |row| row.longest_hold = Some(Millis(3_600_000))).await;
    for (run, children) in [("first", 0..30), ("second", 30..50)] {
        for child in children {
            let id = format!("{NIGHTLY}/Items:{child}");
            pool.tasks.child_is(&id, "RUNNING", &format!("{}/Items:{run}", NIGHTLY.replace(":execution:", ":mapRun:")));
            pool.answer(json!({ "action": "acquire", "execution": id, "parent": format!("{NIGHTLY}:{run}") })).await;
        }
    }
    pool.clock.forward(30_000);
    assert_eq!(pool.answer(sweep()).await["extended"], 50);
    let asked = (pool.tasks.requests("ListExecutions").len(), pool.tasks.requests("DescribeExecution").len());
    assert_eq!(asked, (2, 2));
}

#[tokio::test]
async fn who_may_not_list_executions_asks_for_each() {
    let pool = ServedPool::with(10, |row| row.longest_hold = Some(Millis(3_600_000))).await;
    for run in 0..6 {
        let id = format!("{NIGHTLY}:{run}");
        pool.tasks.execution_is(&id, "RUNNING");
        pool.answer(json!({ "action": "acquire", "execution": id })).await;
    }
    pool.tasks.refuse("ListExecutions", "AccessDeniedException");
    let said = pool.line(sweep()).await;
    assert_eq!(pool.tasks.requests("DescribeExecution").len(), 6);
    let note = said["notes"][0].as_str().expect("a note");
    assert!(note.contains("ListExecutions") && note.contains("AccessDeniedException"), "{note}");
}

#[tokio::test]
async fn work_that_could_not_be_asked_for_in_time_is_counted() {
    const SWEEP_EVERY: u64 = 20_000;
    let pool = ServedPool::with(3, |row| {
        row.longest_hold = Some(Millis(3_600_000));
        row.sweep_every = Some(Millis(SWEEP_EVERY));
    })
    .await;
    pool.acquire("item-1").await;
    // Which nobody can be asked for, at any time.
    pool.answer(json!({ "action": "acquire", "execution": "a laptop" })).await;
    pool.tasks.fail_always(Some(StepFunctionsFault::Error(400, "ThrottlingException")));
    // The next sweep can still extend it.
    let early = pool.line(sweep()).await;
    assert_eq!(early["ExtensionsMissed"], Value::Null, "{early}");
    pool.clock.forward(LEASE - SWEEP_EVERY + 1);
    let late = pool.line(sweep()).await;
    assert_eq!(late["ExtensionsMissed"], 1, "{late}");
    assert_eq!(pool.answer(sweep()).await["missed"], 1);
}
