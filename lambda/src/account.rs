//! The account of a waiting task: can it be told from here? A task token works only within the account that issued it.
//!
//! <https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token>

use leasehold_core::contract::{InvalidField, PoolRequest};
use leasehold_core::{Mode, is_execution_arn, quoted};

/// Refuses a task that waits in another account: it would be told nothing until its own timeout.
pub(crate) fn of_the_same_account(request: &PoolRequest, function_arn: &str) -> Result<(), InvalidField> {
    let PoolRequest::Acquire(asked) = request else { return Ok(()) };
    let execution = asked.holder.execution();
    if !matches!(asked.mode, Mode::Queue(Some(_))) || !is_execution_arn(execution) {
        return Ok(());
    }
    match (account(execution), account(function_arn)) {
        (Some(theirs), Some(ours)) if theirs != ours => Err(InvalidField {
            field: "execution".into(),
            expected: format!(
                "one of account {ours}, as a task token works only within its account (callers of others poll)"
            )
            .into(),
            got: quoted(execution),
        }),
        _ => Ok(()),
    }
}

/// `arn:PARTITION:SERVICE:REGION:ACCOUNT:...`; none where that is no account's number.
fn account(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| account.len() == 12 && account.bytes().all(|digit| digit.is_ascii_digit()))
}
