//! The lease manager's log line: is it one line of JSON, and without the task's token, whatever the event is?

use std::time::Duration;

use lease_manager::{Invocation, InvocationEvent, LeaseManager, Reporting};
use leasehold_testkit::{FakeClock, FakeStepFunctions, HttpReply, ScriptedHttp};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use crate::words::assert_harmless;

/// A token as long as this is not in an event by chance.
const SECRET: usize = 24;

thread_local! {
    /// A lease manager whose table is not there: it is asked only after the event was read.
    static MANAGER: (Runtime, LeaseManager<FakeClock>) = {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
        let table = ScriptedHttp::new([HttpReply::error(400, "ResourceNotFoundException")]).table();
        let tasks = FakeStepFunctions::default().client();
        let prefix = "analytics".parse().expect("a prefix");
        let manager = runtime.block_on(async {
            LeaseManager::serving(prefix, table, tasks, FakeClock::at(crate::pool_rows::NOW))
        });
        (runtime, manager)
    };
}

/// One event, as Lambda hands it over.
pub(crate) fn judge(input: &[u8]) {
    let event = InvocationEvent::from_slice(input);
    let (function_arn, time_left) = ("arn:aws:lambda:eu-central-1:123456789012:function:f", Duration::from_secs(30));
    let invocation = Invocation { request_id: "request-1", function_name: "f", function_arn, time_left };
    let handled = MANAGER.with(|(runtime, manager)| runtime.block_on(manager.handle(&event, invocation)));
    let line = handled.record.line(&Reporting::default());
    let read: Value = serde_json::from_str(&line).expect("one line of JSON");
    assert!(!line.contains(|sign: char| sign.is_control()), "{line:?}");
    assert_eq!(read["service"], "lease-manager");
    // A holder is at most two ids, each sign of which JSON may write as six.
    assert!(line.len() <= 2 * 1_024 * 6 + 8_000, "{} bytes", line.len());
    let failed = match handled.answer {
        // What frees nothing needs no table.
        Ok(answer) => return assert_eq!(answer.status(), "ignored"),
        Err(failed) => failed,
    };
    assert_harmless(&failed.message);
    assert_no_token(input, &line);
    assert_no_token(input, &failed.message);
}

fn assert_no_token(input: &[u8], said: &str) {
    let event: Value = serde_json::from_slice(input).unwrap_or_default();
    if let Some(token) = event["task_token"].as_str()
        && (SECRET..=2_048).contains(&token.len())
    {
        assert!(!said.contains(token), "{said}");
    }
}
