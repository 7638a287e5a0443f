//! Executions' names: whatever somebody calls a holder, is it told apart, cut to its columns, and never a page to click on
//! that is not of AWS?
//!
//! The input is lines: an execution's ARN or any id, a key, a parent, a label.

use leasehold_core::contract::{LeaseEvent, PoolRequest};
use leasehold_core::{Holder, is_execution_arn};
use leasehold_tui::watch::text;
use serde_json::json;

use crate::words::assert_harmless;

/// To how many columns names are cut.
const COLUMNS: [usize; 5] = [0, 1, 7, 24, 80];

/// The names of a holder.
pub(crate) fn judge(input: &[u8]) {
    let whole = String::from_utf8_lossy(input);
    let mut lines = whole.splitn(4, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (execution, key, parent, label) = (line(), line(), line(), line());
    let parent = Some(parent).filter(|parent| !parent.is_empty());
    let holder = match Holder::new(execution, key, parent) {
        Ok(holder) => holder,
        Err(wrong) => return assert_harmless(&wrong.to_string()),
    };
    assert_eq!((holder.execution(), holder.key(), holder.parent()), (execution, key, parent));
    assert_eq!(holder.is_execution(), is_execution_arn(execution));
    assert!(holder.belongs_to(execution) && parent.is_none_or(|parent| holder.belongs_to(parent)));
    assert_eq!(holder.hashed().group, Holder::group(parent.unwrap_or(execution)));
    let apart = Holder::new(execution, &format!("{key}x"), parent);
    assert!(apart.is_err() || apart.is_ok_and(|other| other.hashed().own != holder.hashed().own));

    for columns in COLUMNS {
        for cut in [text::shorten(&whole, columns), text::clip(&whole, columns)] {
            assert!(text::width(&cut) <= columns, "{cut:?} in {columns}");
        }
        assert!(text::width(&text::holder_within(&holder, Some(label), columns)) <= columns);
    }
    if let Some(page) = text::console(execution) {
        assert!(page.starts_with("https://") && page.contains(execution), "{page}");
        let host = page.trim_start_matches("https://").split(['/', '?', '#', '\\', '@']).next().unwrap_or_default();
        assert!(
            host.ends_with(".aws.amazon.com") || host.ends_with(".amazonaws.cn") || host.ends_with("-us-gov.com"),
            "{page}"
        );
    }
    assert_is_freed(execution, &holder);
}

/// The end of an execution frees what it has, by the name that EventBridge gives it.
fn assert_is_freed(execution: &str, holder: &Holder) {
    let event = json!({
        "detail-type": "Step Functions Execution Status Change",
        "detail": { "executionArn": execution, "status": "FAILED", "stopDate": 1_732_270_272_345_u64 },
    });
    let event = LeaseEvent::from_value(&event).expect("the event of an execution");
    let request = event.for_pool(&"p".parse().expect("a prefix"), "unique").expect("a request");
    assert!(matches!(request, PoolRequest::ExecutionEnded(ended) if holder.belongs_to(&ended.execution)));
}
