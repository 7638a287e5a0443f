//! Actions on the table: how is what somebody asked for at the keys carried out?
//! As operations of the protocol.

use std::sync::Arc;

use leasehold_core::{
    ExpectedOverride, LeaseId, Limit, LimitChanged, LimitSuperseded, PoolName, ReleaseTarget, SetLimit, SetLimitOutcome,
};
use leasehold_store::{Clock, ExecutionStatusSource, Notifier, Runner};

use super::input::Input;

/// Changes a limit, and says what came of it. `who` is kept with the change.
pub async fn change_limit<N: Notifier, L: ExecutionStatusSource, C: Clock>(
    runner: &Runner<N, L, C>,
    prefix: &PoolName,
    limit: Limit,
    who: &str,
    why: &str,
) -> Input {
    let new = SetLimit { limit, who: who.into(), why: why.into(), expected: ExpectedOverride::Any };
    match runner.administer(prefix, new).await {
        Ok(SetLimitOutcome::Set(LimitChanged { from, to, .. })) => {
            did(format!("the limit of {prefix} is {to} now, it was {from}"))
        }
        Ok(SetLimitOutcome::Superseded(by)) => {
            not_done(format!("the limit of {prefix} is not changed: {}", superseded(&by)))
        }
        Err(error) => {
            let why = error.explain(runner.table().name(), prefix, "changing the limit of");
            not_done(format!("the limit of {prefix} is not changed: {why}"))
        }
    }
}

/// Frees a lease, and says what came of it.
pub async fn release<N: Notifier, L: ExecutionStatusSource, C: Clock>(
    runner: &Runner<N, L, C>,
    lease: &LeaseId,
) -> Input {
    let (slot, prefix) = (lease.slot, &lease.prefix);
    match runner.run_on(prefix, ReleaseTarget::Lease(lease.clone())).await {
        Ok(released) if released.already => did(format!("that lease on {slot} of {prefix} had ended already")),
        Ok(_) => did(format!("{slot} of {prefix} was taken from its holder")),
        Err(why) => not_done(format!("{slot} of {prefix} is not freed: {why}")),
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

fn did(what: String) -> Input {
    Input::ActionDone { done: true, what }
}

fn not_done(what: String) -> Input {
    Input::ActionDone { done: false, what }
}

/// Who changes something, as far as this machine knows: `name@host`.
pub fn who() -> Arc<str> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let user = variable("USER").or_else(|| variable("LOGNAME")).unwrap_or_else(|| "somebody".into());
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{user}@{host}").into()
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]
mod tests {
    use leasehold_core::{OverrideRow, Timestamp};

    use super::*;

    #[test]
    fn who_changed_the_limit_meanwhile_is_told() {
        let limit = Limit::try_from(3).expect("a limit");
        let by = OverrideRow { limit, lowered: None, at: Timestamp(7), who: "ann".into(), why: "slow".into() };
        assert_eq!(
            superseded(&LimitSuperseded { limit, by: Some(by) }),
            "ann overrode the limit meanwhile (slow), 3 is in force; look and try again"
        );
        let ended = superseded(&LimitSuperseded { limit, by: None });
        assert_eq!(ended, "somebody else changed it meanwhile, 3 is in force; look and try again");
    }
}
