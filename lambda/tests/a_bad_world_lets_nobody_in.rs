//! The lease manager in a bad world: Step Functions fails in every way it can, environments die in the middle of a call, and
//! calls have no time. Nobody is let in who must not be, what fails has the documented name, and the pool heals.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod pool;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use lease_manager::{InvocationEvent, LeaseManager};
use leasehold_core::{PoolRow, Row};
use leasehold_store::{Clock, Embedded, SystemClock, create_table};
use leasehold_testkit::{FakeStepFunctions, StepFunctionsFault, put_row};
use pool::{ServedPool, acquire, execution, invocation, queue, release, status_change};
use serde_json::{Value, json};

/// The names that a call may fail with while Step Functions is in trouble. A task that is closed has lost what it was granted.
const NAMED: [&str; 5] = ["TasksUnavailable", "NoticeRefused", "Throttled", "TableUnavailable", "LeaseLost"];

#[tokio::test]
async fn whatever_step_functions_answers_lets_nobody_in() {
    use StepFunctionsFault::{Break, Error, Garbage, Silence};
    for fault in [
        Error(400, "ThrottlingException"),
        Error(400, "TaskTimedOut"),
        Error(400, "TaskDoesNotExist"),
        Error(400, "InvalidToken"),
        Error(400, "InvalidOutput"),
        Error(400, "KmsAccessDeniedException"),
        Error(400, "AccessDeniedException"),
        Error(400, "NobodyKnowsThisException"),
        Error(500, "InternalFailure"),
        Error(503, "ServiceUnavailable"),
        Garbage(403),
        Garbage(503),
        Break,
        Silence,
    ] {
        let pool = ServedPool::of(1).await;
        let lease = pool.acquire("held").await;
        assert_eq!(pool.queue("waits", "token-of-waits").await["status"], "queued");
        pool.tasks.fail_always(Some(fault.clone()));
        let sweep = json!({ "action": "sweep" });
        let mut told = 0;
        for event in [
            queue("joins", "token-of-joins"),
            release(&lease["lease_id"]),
            sweep.clone(),
            queue("late", "token-of-late"),
            acquire("polls"),
            sweep.clone(),
        ] {
            let event = InvocationEvent::from(event);
            // Less time than Step Functions takes that says nothing.
            let handled = pool.manager.handle(&event, invocation("request", Duration::from_millis(2_500))).await;
            match handled.answer {
                Ok(answer) => told += u32::from(answer.status() == "acquired"),
                Err(failed) => {
                    assert!(NAMED.contains(&failed.error_type), "{fault:?}: {failed:?}");
                    assert!(!failed.message.contains("token-of"), "{fault:?}: {failed:?}");
                }
            }
        }
        assert!(told <= 1, "{fault:?}: {told} were told that they have the one slot");
        // All is well again: whoever still waits is told something, and what ended is freed.
        pool.tasks.fail_always(None);
        pool.clock.forward(10_000);
        pool.tasks.execution_is(execution(), "ABORTED");
        pool.answer(status_change("ABORTED", pool::BEGIN + 10_000)).await;
        pool.clock.forward(2 * pool::LEASE);
        pool.answer(sweep).await;
        let another = json!({ "action": "acquire", "execution": "another", "key": "1" });
        assert_eq!(pool.answer(another).await["status"], "acquired", "{fault:?}");
    }
}

/// How many may hold at once, and how many environments and callers there are.
const LIMIT: usize = 3;
const ENVIRONMENTS: usize = 6;
const CALLERS: usize = 12;

/// How often each caller calls.
const CALLS: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn environments_that_die_let_nobody_in() {
    let engine = Embedded::memory().expect("an engine");
    let prefix: leasehold_core::PoolName = "analytics".parse().expect("a prefix");
    create_table(&engine.table("leases")).await.expect("a table");
    let pool = PoolRow::new((LIMIT as u64).try_into().expect("a limit"));
    put_row(&engine.table("leases"), &prefix, Row::Pool(pool)).await;
    let tasks = FakeStepFunctions::default();
    let environment = || LeaseManager::serving(prefix.clone(), engine.table("leases"), tasks.client(), SystemClock);
    let environments: Arc<Vec<_>> = Arc::new((0..ENVIRONMENTS).map(|_| environment()).collect());
    let [holding, most] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    let died = Arc::new(AtomicU32::new(0));
    let callers = (0..CALLERS).map(|caller| {
        let (environments, holding, most, died) =
            (Arc::clone(&environments), Arc::clone(&holding), Arc::clone(&most), Arc::clone(&died));
        tokio::spawn(async move {
            // One call, whose environment may die in the middle, and which may have little time.
            let call = async |event: Value| {
                let manager = &environments[fastrand::usize(..ENVIRONMENTS)];
                let time = Duration::from_millis(if fastrand::u8(..6) == 0 { fastrand::u64(..10) } else { 10_000 });
                let dies = if fastrand::u8(..4) == 0 { fastrand::u64(..15) } else { 60_000 };
                let event = InvocationEvent::from(event);
                let id = format!("{:032x}", fastrand::u128(..));
                match tokio::time::timeout(Duration::from_millis(dies), manager.handle(&event, invocation(&id, time)))
                    .await
                {
                    Ok(handled) => handled.answer.map_err(|failed| failed.error_type),
                    Err(_) => {
                        died.fetch_add(1, Ordering::Relaxed);
                        Err("Runtime.ExitError")
                    }
                }
            };
            for number in 0..CALLS {
                let event = json!({ "action": "acquire", "execution": format!("execution-{caller}-{number}") });
                match call(event).await {
                    Ok(answer) if answer.status() == "acquired" => {
                        let answer = serde_json::to_value(answer).expect("JSON");
                        most.fetch_max(holding.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        tokio::time::sleep(Duration::from_millis(2)).await;
                        holding.fetch_sub(1, Ordering::SeqCst);
                        while call(release(&answer["lease_id"])).await.is_err() {}
                    }
                    Ok(_) => {}
                    Err(name) => {
                        let known = ["TableUnavailable", "Throttled", "Runtime.ExitError"].contains(&name);
                        assert!(known, "{name}");
                        // Whether it has a lease it never learned; it gives up what it may have.
                        let entered = json!({ "entered": SystemClock.now().0 + 86_400_000 });
                        let execution = format!("execution-{caller}-{number}");
                        let leave = json!({ "action": "release", "execution": execution, "attempt": entered });
                        while call(leave.clone()).await.is_err() {}
                    }
                }
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.expect("no panic");
    }
    let most = most.load(Ordering::SeqCst);
    assert!((1..=LIMIT).contains(&most), "{most} held at once, the limit is {LIMIT}");
    assert!(died.load(Ordering::Relaxed) > 0, "none died");
    let event = InvocationEvent::from(json!({ "action": "status" }));
    let status = environments[0].handle(&event, invocation("last", Duration::from_secs(9)));
    let status = serde_json::to_value(status.await.answer.expect("an answer")).expect("JSON");
    assert_eq!(status["current_running"], 0, "{status}");
}
