//! Actions on the table: how is what somebody asked for at the keys carried out?
//! As operations of the protocol.

use std::sync::Arc;

use leasehold_core::change::NewLimit;
use leasehold_core::machine::{Operation, Outcome};
use leasehold_core::nouns::{LeaseId, Limit, Prefix};
use leasehold_core::release::What;
use leasehold_store::StoreError;
use leasehold_store::run::{Clock, Lives, Notifier, Ran, Runner};

use super::input::Input;

/// Changes a limit, and says what came of it. `who` is kept with the change.
pub async fn change_limit<N: Notifier, L: Lives, C: Clock>(
    runner: &Runner<N, L, C>,
    prefix: &Prefix,
    limit: Limit,
    who: &str,
    why: &str,
) -> Input {
    let new = NewLimit { limit, who: who.into(), why: why.into() };
    match done(runner.run_on(prefix, Operation::Change(new)).await) {
        Ok(Outcome::Changed { from, to }) => did(format!("the limit of {prefix} is {to} now, it was {from}")),
        Ok(other) => not_done(format!("the limit of {prefix} is not changed: {other:?}")),
        Err(why) => not_done(format!("the limit of {prefix} is not changed: {why}")),
    }
}

/// Frees a lease, and says what came of it.
pub async fn release<N: Notifier, L: Lives, C: Clock>(runner: &Runner<N, L, C>, lease: &LeaseId) -> Input {
    let (slot, prefix) = (lease.slot, &lease.prefix);
    match done(runner.run_on(prefix, Operation::Release(What::Lease(lease.clone()))).await) {
        Ok(Outcome::Released { already: false, .. }) => did(format!("{slot} of {prefix} was taken from its holder")),
        Ok(Outcome::Released { already: true, .. }) => {
            did(format!("that lease on {slot} of {prefix} had ended already"))
        }
        Ok(other) => not_done(format!("{slot} of {prefix} is not freed: {other:?}")),
        Err(why) => not_done(format!("{slot} of {prefix} is not freed: {why}")),
    }
}

/// What it came to, or in words why it came to nothing.
fn done(ran: Result<Ran, StoreError>) -> Result<Outcome, String> {
    let ran = ran.map_err(|error| error.to_string())?;
    match (ran.outcome, ran.trouble) {
        (Outcome::Failed(_), Some(trouble)) => Err(trouble.to_string()),
        (Outcome::Failed(failure), None) => Err(failure.to_string()),
        (outcome, _) => Ok(outcome),
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
