//! The lease manager's contract: is every event answered as the contract says, and never by a grant that is none?

use std::sync::Arc;

use leasehold_core::contract::{ContractError, LeaseEvent};
use leasehold_core::{Limit, Settings, Timestamp};
use leasehold_sim::table::MemoryTable;
use serde_json::Value;

use crate::pool_rows::{NOW, PoolUnderTest};
use crate::words::assert_harmless;

/// One event, on a pool with one slot; then the same event once more.
pub(crate) fn judge(input: &[u8]) {
    let event = match LeaseEvent::from_slice(input) {
        Ok(event) => event,
        Err(refused) => return assert_refusal(input, &refused),
    };
    let settings = Settings::new("analytics".parse().expect("a prefix"), Limit::try_from(1).expect("a limit"));
    let request = match event.for_pool(&settings.prefix, "the id of this call") {
        Ok(request) => request,
        Err(refused) => return assert_refusal(input, &refused),
    };
    let mut pool = PoolUnderTest::new(Arc::new(settings), MemoryTable::default());
    let first = pool.answer(request.clone(), Timestamp(NOW));
    let second = pool.answer(request, Timestamp(NOW + 1));
    if let (Some(first), Some(second)) = (first, second)
        && first["status"] == "acquired"
        && second["status"] == "acquired"
    {
        assert_eq!(first["lease_id"], second["lease_id"], "the same holder has the same lease");
    }
}

fn assert_refusal(input: &[u8], refused: &ContractError) {
    let said = refused.to_string();
    assert_harmless(&said);
    assert_eq!(refused.error_type(), "InvalidRequest", "{said}");
    // A token that lies in no other field is in no error.
    let event: Value = serde_json::from_slice(input).unwrap_or_default();
    if let Some(token) = event["task_token"].as_str()
        && token.len() >= 16
        && event.to_string().matches(token).count() == 1
    {
        assert!(!said.contains(token), "{said}");
    }
}
