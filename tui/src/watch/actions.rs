//! Actions on the table: how is what somebody asked for at the keys carried out?
//! As operations of the protocol.

use std::sync::Arc;
use std::time::Duration;

use leasehold_core::{
    Author, EndOverride, EndOverrideOutcome, ExpectedOverride, LeaseId, Limit, LimitChanged, LimitSuperseded, Millis,
    PoolName, ReleaseTarget, SetLimit, SetLimitOutcome, SweepRequest,
};
use leasehold_store::{
    Clock, ExecutionStatusSource, NotedChanges, Notifier, RunError, Runner, SETTINGS_FRESH_FOR, StoreError, Table,
    history,
};

use super::input::{Input, ReadChanges};

/// Changes a limit, if the override is the one that was seen, and says what came of it. `by` is kept with the change.
pub async fn change_limit<N: Notifier, L: ExecutionStatusSource, C: Clock>(
    runner: &Runner<N, L, C>,
    prefix: &PoolName,
    limit: Limit,
    by: Author,
    lasts: Option<Millis>,
    expected: ExpectedOverride,
) -> Input {
    let new = SetLimit { limit, who: by.who, why: by.why, lasts, expected };
    match runner.administer(prefix, new).await {
        Ok(SetLimitOutcome::Set(LimitChanged { from, to, .. })) => {
            let what = if from == to {
                format!("the limit of {prefix} stays {to}")
            } else {
                format!("the limit of {prefix} is {to} now, it was {from}")
            };
            changed(prefix, to, what)
        }
        Ok(SetLimitOutcome::Superseded(by)) => {
            not_done(format!("the limit of {prefix} is not changed: {}", superseded(&by)))
        }
        Err(error) => {
            let why = error.explain(runner.table().name(), prefix, "changing the limit of");
            not_done(failed(&format!("the limit of {prefix} is"), "changed", &why))
        }
    }
}

/// Ends an override, if it is the one that was seen, and says what came of it.
pub async fn end_override<N: Notifier, L: ExecutionStatusSource, C: Clock>(
    runner: &Runner<N, L, C>,
    prefix: &PoolName,
    by: Author,
    expected: ExpectedOverride,
) -> Input {
    match runner.administer(prefix, EndOverride { by, expected }).await {
        Ok(EndOverrideOutcome::Ended(LimitChanged { from, to, .. })) => {
            let what = format!("the override of {prefix} is ended: the limit is {to} again, it was {from}");
            changed(prefix, to, what)
        }
        Ok(EndOverrideOutcome::NoOverride(limit)) => {
            changed(prefix, limit, format!("{prefix} has no override any more: the limit is {limit}"))
        }
        Ok(EndOverrideOutcome::Superseded(by)) => {
            not_done(format!("the override of {prefix} is not ended: {}", superseded(&by)))
        }
        Err(error) => {
            let why = error.explain(runner.table().name(), prefix, "ending the override of");
            not_done(failed(&format!("the override of {prefix} is"), "ended", &why))
        }
    }
}

/// When nobody follows the limit of before a change any more whose settings were as old as they may be.
pub const ALL_FOLLOW_AFTER: Duration = Duration::from_secs(SETTINGS_FRESH_FOR.as_secs() + 1);

/// Puts a pool in order once more, when all follow its new limit. Who gives a slot back by the limit of before, under which
/// nobody may be let in, hands it to nobody.
///
/// # Errors
/// As [`Runner::run_on`].
pub async fn settle_again<N: Notifier, L: ExecutionStatusSource, C: Clock>(
    runner: &Runner<N, L, C>,
    prefix: &PoolName,
) -> Result<(), RunError> {
    tokio::time::sleep(ALL_FOLLOW_AFTER).await;
    runner.run_on(prefix, SweepRequest).await.map(|_| ())
}

/// Reads who changed a pool.
pub async fn read_history(table: &Table, prefix: PoolName) -> Input {
    let noted = history(table, &prefix).await.map_err(|wrong| wrong.to_string());
    let noted = noted.map(|NotedChanges { changes, unreadable }| ReadChanges {
        changes,
        unreadable: unreadable.map(|wrong| wrong.to_string()),
    });
    Input::History(prefix, noted)
}

/// Frees a lease, and says what came of it.
pub async fn release<N: Notifier, L: ExecutionStatusSource, C: Clock>(
    runner: &Runner<N, L, C>,
    lease: &LeaseId,
) -> Input {
    let (slot, prefix) = (lease.slot, &lease.prefix);
    match runner.run_on(prefix, ReleaseTarget::Lease(lease.clone())).await {
        Ok(released) if released.already => {
            not_done(format!("that lease on {slot} of {prefix} had already ended: there was nothing to free"))
        }
        Ok(_) => did(format!("{slot} of {prefix} was taken from its holder")),
        Err(error) => {
            let why = error.explain(runner.table().name(), prefix, "freeing a lease of");
            not_done(failed(&format!("{slot} of {prefix} is"), "freed", &why))
        }
    }
}

/// That something failed, and why. A write without an answer may have happened.
fn failed(is: &str, done: &str, why: &StoreError) -> String {
    match why {
        StoreError::NoAnswer { .. } => format!("it is not known whether {is} {done}: {why}"),
        _ => format!("{is} not {done}: {why}"),
    }
}

/// Why a change of the limit gave in, and what to do.
pub fn superseded(LimitSuperseded { limit, by }: &LimitSuperseded) -> String {
    match by {
        Some(by) => {
            let (who, why) = (&by.who, &by.why);
            format!("{who} overrode the limit meanwhile ({why}), {limit} is in force; look and try again")
        }
        None => format!("somebody else changed it meanwhile, {limit} is in force; look and try again"),
    }
}

fn changed(prefix: &PoolName, to: Limit, what: String) -> Input {
    Input::LimitChanged { prefix: prefix.clone(), to, what }
}

fn did(what: String) -> Input {
    Input::ActionDone { done: true, what }
}

fn not_done(what: String) -> Input {
    Input::ActionDone { done: false, what }
}

/// Who changes something, as far as this machine knows: `name@host`, or `uid1000@host` where the name is not set.
pub fn who() -> Arc<str> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let user = variable("USER")
        .or_else(|| variable("LOGNAME"))
        .unwrap_or_else(|| format!("uid{}", rustix::process::getuid().as_raw()));
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{user}@{host}").into()
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]
mod tests {
    use leasehold_core::{OverrideRow, Timestamp};

    use super::*;

    #[test]
    fn a_write_without_an_answer_is_not_said_to_have_failed() {
        let context = || leasehold_store::ErrorContext("writing the row".into());
        let no_answer = StoreError::NoAnswer { context: context(), table: "t".into(), why: "timed out".into() };
        let told = failed("the limit of p is", "changed", &no_answer);
        assert!(told.starts_with("it is not known whether the limit of p is changed: writing the row"), "{told}");
        let denied = StoreError::Denied { context: context(), table: "t".into(), why: "no".into() };
        assert!(failed("the limit of p is", "changed", &denied).starts_with("the limit of p is not changed: "));
    }

    #[test]
    fn who_changed_the_limit_meanwhile_is_told() {
        let limit = Limit::try_from(3).expect("a limit");
        let by =
            OverrideRow { limit, lowered: None, at: Timestamp(7), until: None, who: "ann".into(), why: "slow".into() };
        assert_eq!(
            superseded(&LimitSuperseded { limit, by: Some(by) }),
            "ann overrode the limit meanwhile (slow), 3 is in force; look and try again"
        );
        let ended = superseded(&LimitSuperseded { limit, by: None });
        assert_eq!(ended, "somebody else changed it meanwhile, 3 is in force; look and try again");
    }
}
