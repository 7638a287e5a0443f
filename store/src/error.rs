//! The store's errors: what went wrong, in words for a person? What was tried, on which table and pool, what is wrong,
//! what to do. The only home of the sentences that say so, also of "there is no such pool".

use leasehold_core::{Failure, InvalidValue, NEWER_EDITION, PoolName};

use crate::rows::{EDITION_SPOKEN, PREFIX, RowError, WrongRow};

/// A request or a reading that gave nothing usable. Never a grant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no such table where the request went: a wrong name, region, account or endpoint.
    #[error(
        "{context}: table {table} does not exist in this region and account; check the table's name and the region, \
         or make it (`leasehold table create`, or Terraform's `table` module). If it was there and is lost, first let all work \
         under its leases end: a new table knows nothing of that"
    )]
    TableMissing {
        /// What was being done.
        context: ErrorContext,
        /// The table's name.
        table: String,
    },
    /// The caller may not do this, or has no valid credentials.
    #[error("{context} on table {table} was denied: {why}; {}", denied_advice(why))]
    Denied {
        /// What was being done.
        context: ErrorContext,
        /// The table's name.
        table: String,
        /// What AWS said.
        why: String,
    },
    /// DynamoDB refused the request as it is: the table has another shape, or there is a mistake in this program.
    #[error("{context} on table {table} was refused: {why}; {}", rejected_advice(why))]
    Rejected {
        /// What was being done.
        context: ErrorContext,
        /// The table's name.
        table: String,
        /// What DynamoDB said.
        why: String,
    },
    /// Too many requests, or too much at work on the same rows, and trying again did not help.
    #[error("{context} on table {table} was turned away for too much traffic: {why}; try again later")]
    Throttled {
        /// What was being done.
        context: ErrorContext,
        /// The table's name.
        table: String,
        /// What DynamoDB said.
        why: String,
    },
    /// No answer that says what happened: a write may have happened, or may happen yet.
    #[error("{context} on table {table} got no usable answer: {why}; {}, then repeat it", no_answer_advice(why))]
    NoAnswer {
        /// What was being done.
        context: ErrorContext,
        /// The table's name.
        table: String,
        /// What is known of the cause.
        why: String,
    },
    /// The protocol says no: another attempt of the holder is in the way, or the lease is not the caller's any more.
    #[error("{context} in table {table} failed: {why}")]
    Declined {
        /// What was being done.
        context: ErrorContext,
        /// The table's name.
        table: String,
        /// What the protocol said.
        why: String,
    },
    /// A row is not what this program would have written.
    #[error("{context} on table {table}: {row}; {}", row.advice())]
    BadRow {
        /// What was being done.
        context: ErrorContext,
        /// The table's name.
        table: String,
        /// Which row, and what about it.
        row: Box<RowError>,
    },
    /// The pool has no settings row.
    #[error(
        "pool {prefix} does not exist in table {table}; check the prefix, or make the pool \
         (`leasehold pool set {prefix} --limit N`, or Terraform's `pool` module)"
    )]
    PoolNotFound {
        /// The table's name.
        table: String,
        /// The pool's name.
        prefix: String,
    },
    /// The pool's own rows make no sense.
    #[error("pool {prefix} in table {table} {}", misconfigured(prefix, why, *row))]
    PoolMisconfigured {
        /// The table's name.
        table: String,
        /// The pool's name.
        prefix: String,
        /// Which value, and what was expected.
        why: String,
        /// Which of its own rows it is.
        row: WrongRow,
    },
    /// A task had to be told that it is over first, and it is not known whether it was.
    #[error(
        "{context} in table {table} failed: {why}; check that Step Functions can be reached and that \
         states:SendTaskFailure is allowed, then repeat"
    )]
    TasksUnavailable {
        /// What was being done.
        context: ErrorContext,
        /// The table's name.
        table: String,
        /// What the protocol says.
        why: String,
    },
    /// A table of this name exists, and is not one of ours.
    #[error(
        "table {table} exists with another shape: {found}; expected {expected}; nothing was changed; choose another name"
    )]
    OtherShape {
        /// The table's name.
        table: String,
        /// What it has.
        found: String,
        /// What it should have.
        expected: &'static str,
    },
    /// The table was asked for and is still not ready.
    #[error("table {table} is not ready after {seconds} s (status {status}); look at it in the console, then repeat")]
    NotReady {
        /// The table's name.
        table: String,
        /// How long it was waited for.
        seconds: u64,
        /// What state it is in.
        status: String,
    },
    /// The embedded engine could not be started.
    #[error("the embedded store {place} could not be opened: {why}; check the path and that it is a leasehold store")]
    Embedded {
        /// The file, or "in memory".
        place: String,
        /// What the engine said.
        why: String,
    },
}

impl StoreError {
    /// Whether the request was denied because of the credentials themselves, or of the time that it was signed with: then
    /// every request is denied, and no policy mends that.
    pub fn is_not_signed_in(&self) -> bool {
        matches!(self, StoreError::Denied { why, .. } if denied_advice(why) != POLICY_ADVICE)
    }
}

/// What to do about a denial by a policy.
const POLICY_ADVICE: &str = "check the credentials and that their policy allows it";

/// What to do about a denial, by what AWS said: signing in again mends no clock, and a policy mends neither.
fn denied_advice(why: &str) -> &'static str {
    let says = |words: &[&str]| words.iter().any(|word| why.contains(word));
    if says(&["Signature expired", "Signature not yet current", "RequestTimeTooSkewed"]) {
        "check this machine's clock (timedatectl): a request is signed with the time, and AWS allows 5 minutes"
    } else if says(&["ExpiredToken", "token included in the request is expired", "credentials have expired"]) {
        "the credentials have expired: sign in again (aws sso login), or fetch new ones"
    } else if says(&["UnrecognizedClient", "InvalidClientTokenId", "InvalidSignature", "SignatureDoesNotMatch"]) {
        "AWS does not know these credentials: check the access key and its secret, or the profile"
    } else {
        POLICY_ADVICE
    }
}

/// What to do about an answer that says nothing, by what is known of the cause: a file has no network.
fn no_answer_advice(why: &str) -> &'static str {
    if why.contains("backend: ") {
        "check the file of the embedded store and the disk that it is on"
    } else {
        "check the network and the endpoint"
    }
}

/// What to do about a refusal, by what DynamoDB said.
fn rejected_advice(why: &str) -> &'static str {
    if why.contains("specified index") {
        "the table lacks the index `directory` that leasehold's tables have: check the table's name, or make a table of \
         its own (`leasehold table create`, or Terraform's `table` module)"
    } else {
        "if the table was not made by this program or its Terraform module, check its keys (PK and SK, both strings) \
         and its index `directory`"
    }
}

/// An operation that came to nothing: why, and what went wrong on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunError {
    /// What the protocol says: what a caller decides by.
    pub failure: Failure,
    /// The last thing that went wrong on the way, if that is why: what a person is told.
    pub cause: Option<StoreError>,
}

impl std::fmt::Display for RunError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.cause {
            Some(cause) => cause.fmt(f),
            None => self.failure.fmt(f),
        }
    }
}

impl std::error::Error for RunError {}

impl From<StoreError> for RunError {
    fn from(cause: StoreError) -> RunError {
        RunError { failure: cause.failure(), cause: Some(cause) }
    }
}

impl RunError {
    /// What an operation failed with, and the last thing that went wrong on the way.
    pub(crate) fn new(failure: Failure, trouble: Option<StoreError>) -> RunError {
        let cause = trouble.filter(|trouble| trouble.explains(&failure));
        RunError { failure, cause }
    }

    /// In words for a person: on which table and pool, and what was being done with it ("sweeping").
    pub fn explain(self, table: &str, prefix: &PoolName, doing: &str) -> StoreError {
        let RunError { failure, cause } = self;
        let context = ErrorContext(format!("{doing} pool {prefix}"));
        cause.unwrap_or_else(|| StoreError::of_failure(&failure, table, prefix, context))
    }
}

impl StoreError {
    /// What a failure of the protocol is to a person. The one place where a pool that is not there gets its words.
    pub(crate) fn of_failure(failure: &Failure, table: &str, prefix: &PoolName, context: ErrorContext) -> StoreError {
        let (table, prefix, why) = (table.to_owned(), prefix.to_string(), failure.to_string());
        match failure {
            Failure::PoolNotFound => StoreError::PoolNotFound { table, prefix },
            Failure::PoolMisconfigured(invalid) => {
                let newer = (invalid.what == NEWER_EDITION).then(|| invalid.got.parse().ok()).flatten();
                let row = match newer {
                    Some(edition) => WrongRow::NewerEdition(edition),
                    // The protocol's reason quotes the row's.
                    None if invalid.got.contains(": attribute edition ") => WrongRow::OtherEdition,
                    None => WrongRow::Settings,
                };
                StoreError::PoolMisconfigured { table, prefix, why: invalid.to_string(), row }
            }
            Failure::Throttled => StoreError::Throttled { context, table, why },
            Failure::HolderConflict(_) | Failure::Lost(_) => StoreError::Declined { context, table, why },
            Failure::Unavailable | Failure::NoticeRefused => StoreError::NoAnswer { context, table, why },
            Failure::TasksUnavailable => StoreError::TasksUnavailable { context, table, why },
        }
    }

    /// Whether this trouble is why an operation failed so. What was overcome on the way is not: a read that was turned
    /// away once does not explain that there is no such pool.
    fn explains(&self, failure: &Failure) -> bool {
        match failure {
            Failure::Throttled => matches!(self, StoreError::Throttled { .. }),
            Failure::Unavailable => true,
            Failure::PoolMisconfigured(_) => matches!(self.failure(), Failure::PoolMisconfigured(_)),
            Failure::PoolNotFound => matches!(self, StoreError::PoolNotFound { .. }),
            Failure::HolderConflict(_) | Failure::Lost(_) | Failure::TasksUnavailable | Failure::NoticeRefused => false,
        }
    }

    /// What the protocol makes of it, for who decides by that.
    pub fn failure(&self) -> Failure {
        match self {
            StoreError::PoolNotFound { .. } => Failure::PoolNotFound,
            StoreError::Throttled { .. } => Failure::Throttled,
            StoreError::TasksUnavailable { .. } => Failure::TasksUnavailable,
            StoreError::PoolMisconfigured { row: WrongRow::NewerEdition(edition), .. } => {
                Failure::PoolMisconfigured(InvalidValue {
                    what: NEWER_EDITION,
                    got: edition.to_string(),
                    expected: "one that this program knows: use a newer leasehold",
                })
            }
            StoreError::PoolMisconfigured { why, .. } => Failure::PoolMisconfigured(InvalidValue {
                what: "the pool's row",
                got: why.clone(),
                expected: "settings that make sense",
            }),
            _ => Failure::Unavailable,
        }
    }
}

fn misconfigured(prefix: &str, why: &str, row: WrongRow) -> String {
    let advice = row.advice().replace(PREFIX, prefix);
    match row {
        WrongRow::NewerEdition(edition) => {
            format!("is of edition {edition}, this program knows {EDITION_SPOKEN}: {advice}")
        }
        _ => format!("is misconfigured: {why}; {advice}"),
    }
}

/// What was being done, as the first words of an error: "reading the slots of pool x".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorContext(pub String);

impl std::fmt::Display for ErrorContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use leasehold_core::{LossReason, RowKey, Ticket, Timestamp};

    use super::*;
    use crate::rows;

    fn throttled() -> StoreError {
        StoreError::Throttled {
            context: ErrorContext("reading".into()),
            table: "leases".into(),
            why: "slow down".into(),
        }
    }

    fn explained(failure: Failure, trouble: Option<StoreError>) -> StoreError {
        RunError::new(failure, trouble).explain("leases", &"p".parse().expect("a prefix"), "changing the limit of")
    }

    #[test]
    fn a_denial_says_what_would_mend_it() {
        let advised = [
            ("the security token included in the request is expired", "sign in again"),
            ("ExpiredToken", "sign in again"),
            ("your credentials have expired", "sign in again"),
            ("Signature expired: 20260101", "this machine's clock"),
            ("Signature not yet current", "this machine's clock"),
            ("RequestTimeTooSkewed", "this machine's clock"),
            ("UnrecognizedClientException", "does not know these credentials"),
            ("InvalidClientTokenId", "does not know these credentials"),
            ("InvalidSignatureException", "does not know these credentials"),
            ("SignatureDoesNotMatch", "does not know these credentials"),
            ("no policy allows it", "their policy"),
        ];
        for (why, advice) in advised {
            let denied =
                StoreError::Denied { context: ErrorContext("reading".into()), table: "leases".into(), why: why.into() };
            let said = denied.to_string();
            assert!(said.contains(&format!("was denied: {why}; ")) && said.contains(advice), "{said}");
            assert_eq!(denied.is_not_signed_in(), advice != "their policy", "{said}");
        }
    }

    #[test]
    fn a_store_on_a_full_disk_is_no_matter_of_the_network() {
        let unanswered = |why: &str| {
            let context = ErrorContext("writing".into());
            StoreError::NoAnswer { context, table: "leases".into(), why: why.into() }.to_string()
        };
        let full = unanswered("InternalServerError: backend: database or disk is full");
        assert!(full.ends_with("the disk that it is on, then repeat it") && !full.contains("network"), "{full}");
        assert!(unanswered("timeout").ends_with("; check the network and the endpoint, then repeat it"));
    }

    #[test]
    fn a_refusal_says_what_the_table_lacks() {
        let refused = |why: &str| {
            let context = ErrorContext("reading".into());
            StoreError::Rejected { context, table: "leases".into(), why: why.into() }.to_string()
        };
        let index = refused("The table does not have the specified index: directory");
        assert!(index.ends_with("`table` module)") && index.contains("lacks the index `directory`"), "{index}");
        let keys = refused("The provided key element does not match the schema");
        assert!(keys.contains("check its keys (PK and SK, both strings)"), "{keys}");
    }

    #[test]
    fn each_kind_of_row_that_makes_no_sense_has_its_advice() {
        let row = |pk: &str, sk: &str, attribute, found: &str| {
            RowError { pk: pk.into(), sk: sk.into(), attribute, found: found.into(), expected: "a limit" }.advice()
        };
        let advice = |sk: &str| row("LEASES#p", sk, "limit", "the text \"x\"");
        assert_eq!(advice("pool"), "set the pool again (`leasehold pool set p --limit N`, or Terraform)");
        assert_eq!(advice("override"), "end the override (`leasehold pool override p --end`)");
        assert_eq!(advice("summary"), "the next sweep writes it anew (`leasehold sweep p`)");
        assert_eq!(advice("pool#high-water"), "let `leasehold doctor p --repair` write it anew, and do not delete it");
        for fenced in ["slot#00007", "pool#other"] {
            assert!(advice(fenced).ends_with("do not delete it"), "{fenced}");
        }
        for no_slot in ["slot#seven", "slot#00007x", "slot#7"] {
            assert_eq!(advice(no_slot), "delete that row: it is no slot", "{no_slot}");
        }
        let place = advice(&rows::sort(&RowKey::Wait(Ticket { at: Timestamp(1), own: 1 })));
        for said in ["`leasehold run` that waits there puts itself back", "a workflow is never told", "start it"] {
            assert!(place.contains(said), "{place}");
        }
        assert_eq!(advice("wait#x"), "delete that row: it is no place in the queue");
        assert_eq!(advice("history#x"), "delete that row: only the pool's history reads it");
        for other in ["holder#x", "x"] {
            assert_eq!(advice(other), "correct or delete that row", "{other}");
        }
        let newer = (EDITION_SPOKEN + 1).to_string();
        assert_eq!(row("LEASES#p", "pool", "edition", &format!("the number {newer}")), "use a newer leasehold");
        for other in [format!("the number {}", EDITION_SPOKEN - 1), "missing".into()] {
            let said = row("LEASES#p", "pool", "edition", &other);
            assert!(said.contains("of another edition") && !said.contains("pool set"), "{said}");
        }
        // Whose row it is can not be read.
        assert!(row("x", "pool", "limit", "missing").contains("pool set PREFIX"));
    }

    #[test]
    fn trouble_that_was_overcome_is_not_told_as_the_reason() {
        let gone = explained(Failure::PoolNotFound, Some(throttled()));
        assert_eq!(gone, StoreError::PoolNotFound { table: "leases".into(), prefix: "p".into() });
        let lost = explained(Failure::Lost(LossReason::Ended), Some(throttled()));
        let said = lost.to_string();
        assert_eq!(said, "changing the limit of pool p in table leases failed: the lease is lost: it has ended");
        let row = RowError { pk: "p".into(), sk: "live".into(), attribute: "limit", found: "x".into(), expected: "y" };
        let bad =
            StoreError::BadRow { context: ErrorContext("reading".into()), table: "leases".into(), row: row.into() };
        assert!(matches!(explained(Failure::Throttled, Some(bad)), StoreError::Throttled { .. }));
    }

    #[test]
    fn each_trouble_is_what_the_protocol_calls_it() {
        let (context, table) = (ErrorContext("reading".into()), "leases".to_owned());
        let prefix = "p".to_owned();
        let missing = StoreError::PoolNotFound { table: table.clone(), prefix: prefix.clone() };
        assert_eq!(missing.failure(), Failure::PoolNotFound);
        assert_eq!(throttled().failure(), Failure::Throttled);
        let why = "limit x".to_owned();
        let tasks = StoreError::TasksUnavailable { context: context.clone(), table: table.clone(), why: why.clone() };
        assert_eq!(tasks.failure(), Failure::TasksUnavailable);
        let wrong =
            StoreError::PoolMisconfigured { table: table.clone(), prefix, why: why.clone(), row: WrongRow::Settings };
        assert!(matches!(wrong.failure(), Failure::PoolMisconfigured(value) if value.got == why));
        let denied = StoreError::Denied { context, table, why };
        assert_eq!(denied.failure(), Failure::Unavailable);
        assert_eq!(denied.to_string().split(':').next(), Some("reading on table leases was denied"));
        // A cause is told in the failure's place.
        assert_eq!(RunError::from(denied.clone()).to_string(), denied.to_string());
        assert_eq!(RunError::new(Failure::PoolNotFound, None).to_string(), Failure::PoolNotFound.to_string());
    }

    #[test]
    fn a_pool_that_makes_no_sense_is_the_reason_only_of_that() {
        let wrong = || StoreError::PoolMisconfigured {
            table: "leases".into(),
            prefix: "p".into(),
            why: "x".into(),
            row: WrongRow::Settings,
        };
        assert_eq!(explained(wrong().failure(), Some(wrong())), wrong());
        assert!(matches!(explained(wrong().failure(), Some(throttled())), StoreError::PoolMisconfigured { .. }));
        let missing = || StoreError::PoolNotFound { table: "leases".into(), prefix: "p".into() };
        assert_eq!(explained(Failure::PoolNotFound, Some(missing())), missing());
        assert!(matches!(explained(Failure::NoticeRefused, Some(missing())), StoreError::NoAnswer { .. }));
    }

    #[test]
    fn trouble_that_decided_is_told() {
        assert_eq!(explained(Failure::Throttled, Some(throttled())), throttled());
        assert_eq!(explained(Failure::Unavailable, Some(throttled())), throttled());
        assert!(matches!(explained(Failure::Unavailable, None), StoreError::NoAnswer { .. }));
        // The table was busy on the way, and that is not why.
        let tasks = explained(Failure::TasksUnavailable, Some(throttled()));
        assert!(tasks.to_string().contains("Step Functions"), "{tasks}");
    }
}
