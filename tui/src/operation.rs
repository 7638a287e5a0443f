//! Operations by a command: how is one carried out, and how is one of a pool's own rows read?
//! With the caller's own credentials on the table; what it comes to if not to what was asked is said in words.

use std::sync::Arc;

use leasehold_core::machine::{Failure, Operation, Outcome};
use leasehold_core::nouns::Prefix;
use leasehold_core::occupancy::Occupancy;
use leasehold_core::settings::Settings;
use leasehold_core::table::{Key, Reply, Request, Row};
use leasehold_store::error::Tried;
use leasehold_store::run::Ran;
use leasehold_store::{StoreError, Table};

use crate::error::CliError;
use crate::target::CliRunner;

/// One of the pool's own rows, if it is there.
pub(crate) async fn own_row(table: &Table, prefix: &Prefix, key: Key) -> Result<Option<Row>, StoreError> {
    let sent = table.send(prefix, &Request::Get(key)).await;
    match (sent.reply, sent.trouble) {
        (_, Some(trouble)) => Err(trouble),
        (Reply::Row(row), None) => Ok(row),
        (_, None) => Ok(None),
    }
}

/// The pool as its rows show it just now.
pub(crate) async fn look(runner: &CliRunner, settings: &Arc<Settings>) -> Result<Occupancy, CliError> {
    let prefix = &settings.prefix;
    let ran = runner.run(Operation::Status, Arc::clone(settings)).await;
    match outcome(runner, prefix, "looking at", ran)? {
        Outcome::Status(snapshot) => Ok(Occupancy::of(&snapshot, settings)),
        other => Err(odd(runner, prefix, "looking at", &other)),
    }
}

/// What an operation came to, or why it came to nothing. `tried` is what was done with the pool: "sweeping".
pub(crate) fn outcome(runner: &CliRunner, prefix: &Prefix, tried: &str, ran: Ran) -> Result<Outcome, CliError> {
    let failure = match ran.outcome {
        Outcome::Failed(failure) => failure,
        outcome => return Ok(outcome),
    };
    if let Some(trouble) = ran.trouble {
        return Err(trouble.into());
    }
    let table = runner.table().name().to_owned();
    let (named, why) = (prefix.to_string(), failure.to_string());
    let tried = Tried(format!("{tried} pool {prefix}"));
    Err(match failure {
        Failure::NoPool => StoreError::PoolNotFound { table, prefix: named },
        Failure::Misconfigured(_) => StoreError::PoolMisconfigured { table, prefix: named, why },
        Failure::Throttled => StoreError::Busy { tried, table, why },
        _ => StoreError::NoAnswer { tried, table, why },
    }
    .into())
}

/// An answer that this operation does not have.
pub(crate) fn odd(runner: &CliRunner, prefix: &Prefix, tried: &str, other: &Outcome) -> CliError {
    let why = format!("an answer that makes no sense here: {other:?}");
    let tried = Tried(format!("{tried} pool {prefix}"));
    StoreError::NoAnswer { tried, table: runner.table().name().into(), why }.into()
}
