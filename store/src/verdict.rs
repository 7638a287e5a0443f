//! Verdicts on SDK errors: what does one mean for what was asked: did it happen, did it not, or does nobody know?
//!
//! Error names: DynamoDB developer guide, "Error handling", and `TransactWriteItems` in the API reference (2026-11).

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::describe_table::DescribeTableError;
use aws_sdk_dynamodb::operation::describe_time_to_live::DescribeTimeToLiveError;
use aws_sdk_dynamodb::operation::get_item::GetItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::query::QueryError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_time_to_live::UpdateTimeToLiveError;

use crate::rows::Item;

/// What an error says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Conditions failed; nothing happened. Per write: `None` if its own held, else the row as it was.
    Refused(Vec<Option<Option<Item>>>),
    /// Something else was at work on a row; nothing happened.
    Conflict(String),
    /// Too many requests; nothing happened.
    Throttled(String),
    /// No such table; nothing happened.
    Missing,
    /// Not allowed; nothing happened.
    Denied(String),
    /// The signature is not believed, perhaps as this machine's clock is wrong; nothing happened.
    Unsigned(String),
    /// Refused as it is; nothing happened.
    Rejected(String),
    /// It may have happened, or may happen yet.
    Unknown(String),
}

/// The parts of an operation's error that carry rows.
pub(crate) trait ReportsRefusals: ProvideErrorMetadata + Error + Send + Sync + 'static {
    /// Per write, if this error says that conditions failed or a transaction was cancelled.
    fn reasons(&self) -> Option<Vec<CancelledWrite>> {
        None
    }
}

/// Why one write of a refused request did not happen: DynamoDB's code, its words, the row as it was.
pub(crate) struct CancelledWrite {
    code: String,
    message: String,
    item: Option<Item>,
}

const CONDITION_FAILED: &str = "ConditionalCheckFailed";

macro_rules! reports_refusals {
    ($($one:ident),*) => {$(
        impl ReportsRefusals for $one {
            fn reasons(&self) -> Option<Vec<CancelledWrite>> {
                match self {
                    $one::ConditionalCheckFailedException(e) => {
                        let (code, message, item) = (CONDITION_FAILED.into(), String::new(), e.item.clone());
                        Some(vec![CancelledWrite { code, message, item }])
                    }
                    _ => None,
                }
            }
        }
    )*};
}

reports_refusals!(PutItemError, UpdateItemError, DeleteItemError);

impl ReportsRefusals for TransactWriteItemsError {
    fn reasons(&self) -> Option<Vec<CancelledWrite>> {
        let TransactWriteItemsError::TransactionCanceledException(e) = self else { return None };
        let reason = |r: &aws_sdk_dynamodb::types::CancellationReason| CancelledWrite {
            code: r.code().unwrap_or("None").into(),
            message: r.message().unwrap_or_default().into(),
            item: r.item().cloned(),
        };
        Some(e.cancellation_reasons().iter().map(reason).collect())
    }
}

impl ReportsRefusals for GetItemError {}
impl ReportsRefusals for QueryError {}
impl ReportsRefusals for CreateTableError {}
impl ReportsRefusals for DescribeTableError {}
impl ReportsRefusals for DescribeTimeToLiveError {}
impl ReportsRefusals for UpdateTimeToLiveError {}

/// What this error means.
pub(crate) fn verdict<E: ReportsRefusals>(error: &SdkError<E, HttpResponse>) -> Verdict {
    match error {
        // Never sent.
        SdkError::ConstructionFailure(_) => Verdict::Rejected(chain(error)),
        SdkError::ServiceError(answer) => match answer.err().reasons() {
            Some(reasons) => cancelled(reasons),
            // DynamoDB names each of its errors.
            None if answer.err().code().is_none() => Verdict::Unknown(not_dynamodb(answer.raw())),
            None => named(answer.err(), answer.raw().status().as_u16()),
        },
        // Nothing is sent unsigned.
        _ if causes(error).any(|cause| cause.is::<CredentialsError>()) => Verdict::Denied(chain(error)),
        // A proxy's or a web server's words. What was asked may have arrived all the same.
        SdkError::ResponseError(answer) if is_of_another(answer.raw()) => Verdict::Unknown(not_dynamodb(answer.raw())),
        // A timeout, a connection that broke, half an answer: it may have arrived.
        _ => Verdict::Unknown(chain(error)),
    }
}

/// What an answer says, without the space around it.
fn body(answer: &HttpResponse) -> &[u8] {
    answer.body().bytes().unwrap_or_default().trim_ascii()
}

/// Whether an answer is no JSON, not even half of it.
fn is_of_another(answer: &HttpResponse) -> bool {
    !matches!(body(answer).first(), None | Some(b'{'))
}

/// How much of a foreign answer is told, in characters.
const TOLD: usize = 60;

fn not_dynamodb(answer: &HttpResponse) -> String {
    let (status, body) = (answer.status().as_u16(), String::from_utf8_lossy(body(answer)));
    let what = match body.chars().next() {
        Some('<') => format!("a web page with status {status}"),
        None => format!("an empty answer with status {status}"),
        Some(_) => {
            let told: String = body.chars().take(TOLD).collect();
            let rest = if told.len() < body.len() { "..." } else { "" };
            format!("an answer with status {status} that says {told:?}{rest}")
        }
    };
    format!("{what} came in place of DynamoDB's, as from a proxy or another server")
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// The whole chain of causes: the SDK's own messages are only "service error" or "dispatch failure".
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut words: Vec<String> = causes(error).map(|cause| cause.to_string()).collect();
    words.dedup();
    words.join(": ")
}

fn cancelled(reasons: Vec<CancelledWrite>) -> Verdict {
    let any = |codes: &[&str]| {
        reasons.iter().find(|r| codes.contains(&r.code.as_str())).map(|r| code_and_message(&r.code, &r.message))
    };
    if let Some(why) = any(&["TransactionConflict"]) {
        return Verdict::Conflict(why);
    }
    if let Some(why) = any(&["ThrottlingError", "ProvisionedThroughputExceeded", "RequestLimitExceeded"]) {
        return Verdict::Throttled(why);
    }
    if let Some(other) = reasons.iter().find(|r| r.code != "None" && r.code != CONDITION_FAILED) {
        return Verdict::Rejected(code_and_message(&other.code, &other.message));
    }
    if reasons.iter().all(|r| r.code == "None") {
        // A cancellation without a reason: which row, and why, is not known; but nothing happened.
        return Verdict::Conflict("the transaction was cancelled without a reason".into());
    }
    Verdict::Refused(reasons.into_iter().map(|r| (r.code != "None").then_some(r.item)).collect())
}

fn code_and_message(code: &str, message: &str) -> String {
    if message.is_empty() { code.into() } else { format!("{code}: {message}") }
}

fn named<E: ProvideErrorMetadata>(error: &E, status: u16) -> Verdict {
    let code = error.code().unwrap_or_default();
    let why = || code_and_message(code, error.message().unwrap_or_default());
    match code {
        "TransactionConflictException" | "ReplicatedWriteConflictException" => Verdict::Conflict(why()),
        "ThrottlingException"
        | "Throttling"
        | "ProvisionedThroughputExceededException"
        | "RequestLimitExceeded"
        | "LimitExceededException"
        | "TooManyRequestsException" => Verdict::Throttled(why()),
        "ResourceNotFoundException" => Verdict::Missing,
        "AccessDeniedException"
        | "UnrecognizedClientException"
        | "IncompleteSignatureException"
        | "ExpiredTokenException"
        | "MissingAuthenticationTokenException"
        | "InvalidClientTokenId" => Verdict::Denied(why()),
        "InvalidSignatureException" | "RequestTimeTooSkewed" | "SignatureDoesNotMatch" => Verdict::Unsigned(why()),
        // Another copy of this very request is at work: that one may yet happen.
        "TransactionInProgressException" => Verdict::Unknown(why()),
        _ if (400..500).contains(&status) => Verdict::Rejected(why()),
        _ => Verdict::Unknown(why()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::error::ErrorMetadata;
    use aws_sdk_dynamodb::types::CancellationReason;
    use aws_sdk_dynamodb::types::error::TransactionCanceledException;

    fn service<E: ReportsRefusals>(error: E, status: u16) -> Verdict {
        verdict(&SdkError::service_error(error, answer(status, "")))
    }

    fn answer(status: u16, body: &'static str) -> HttpResponse {
        HttpResponse::new(status.try_into().expect("a status"), body.into())
    }

    fn nameless() -> UpdateItemError {
        UpdateItemError::generic(ErrorMetadata::builder().build())
    }

    fn coded(code: &str, status: u16) -> Verdict {
        service(UpdateItemError::generic(ErrorMetadata::builder().code(code).message("so").build()), status)
    }

    fn transaction(codes: &[&str]) -> Verdict {
        let reasons = codes.iter().map(|code| CancellationReason::builder().code(*code).build()).collect();
        let cancelled = TransactionCanceledException::builder().set_cancellation_reasons(Some(reasons)).build();
        service(TransactWriteItemsError::TransactionCanceledException(cancelled), 400)
    }

    #[test]
    fn only_an_answer_says_that_nothing_happened() {
        let timeout = SdkError::<UpdateItemError, _>::timeout_error("too slow");
        assert!(matches!(verdict(&timeout), Verdict::Unknown(_)));
        let response = HttpResponse::new(200.try_into().expect("status"), "".into());
        let cut = SdkError::<UpdateItemError, _>::response_error("cut short", response);
        assert!(matches!(verdict(&cut), Verdict::Unknown(_)));
        for (code, status) in [("InternalServerError", 500), ("ServiceUnavailable", 503), ("", 502)] {
            assert!(matches!(coded(code, status), Verdict::Unknown(_)), "{code}");
        }
        let unsent = SdkError::<UpdateItemError, HttpResponse>::construction_failure("no region");
        assert!(matches!(verdict(&unsent), Verdict::Rejected(_)));
    }

    #[test]
    fn a_copy_of_a_transaction_at_work_is_unknown() {
        assert!(matches!(coded("TransactionInProgressException", 400), Verdict::Unknown(_)));
    }

    #[test]
    fn dynamodbs_names_are_told_apart() {
        assert!(matches!(coded("ThrottlingException", 400), Verdict::Throttled(_)));
        assert!(matches!(coded("ProvisionedThroughputExceededException", 400), Verdict::Throttled(_)));
        assert!(matches!(coded("RequestLimitExceeded", 400), Verdict::Throttled(_)));
        assert!(matches!(coded("TransactionConflictException", 400), Verdict::Conflict(_)));
        assert!(matches!(coded("AccessDeniedException", 400), Verdict::Denied(_)));
        assert!(matches!(coded("InvalidSignatureException", 400), Verdict::Unsigned(_)));
        assert!(matches!(coded("ResourceNotFoundException", 400), Verdict::Missing));
        assert!(matches!(coded("ValidationException", 400), Verdict::Rejected(_)));
    }

    #[test]
    fn every_name_means_what_dynamodb_says_it_does() {
        let told = |code: &str| format!("{code}: so");
        for code in [
            "ThrottlingException",
            "Throttling",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "LimitExceededException",
            "TooManyRequestsException",
        ] {
            assert_eq!(coded(code, 400), Verdict::Throttled(told(code)));
        }
        for code in ["TransactionConflictException", "ReplicatedWriteConflictException"] {
            assert_eq!(coded(code, 400), Verdict::Conflict(told(code)));
        }
        for code in [
            "AccessDeniedException",
            "UnrecognizedClientException",
            "IncompleteSignatureException",
            "ExpiredTokenException",
            "MissingAuthenticationTokenException",
            "InvalidClientTokenId",
        ] {
            assert_eq!(coded(code, 400), Verdict::Denied(told(code)));
        }
        for code in ["InvalidSignatureException", "RequestTimeTooSkewed", "SignatureDoesNotMatch"] {
            assert_eq!(coded(code, 403), Verdict::Unsigned(told(code)));
        }
        assert_eq!(coded("ValidationException", 400), Verdict::Rejected(told("ValidationException")));
        assert_eq!(coded("Else", 499), Verdict::Rejected(told("Else")));
        assert_eq!(coded("Else", 500), Verdict::Unknown(told("Else")));
    }

    #[test]
    fn an_answer_without_a_name_is_of_another_server() {
        let long = "no such host ".repeat(9);
        for (status, body, told) in [
            (
                403,
                "Forbidden by proxy policy\n",
                "an answer with status 403 that says \"Forbidden by proxy policy\" came",
            ),
            (403, " <html>", "a web page with status 403 came"),
            (502, "", "an empty answer with status 502 came"),
            (400, "{\"message\": \"Forbidden\"}", "that says \"{\\\"message\\\": \\\"Forbidden\\\"}\" came"),
            (404, "a\u{1b}[2J\u{202e}b", "that says \"a\\u{1b}[2J\\u{202e}b\" came"),
            (500, String::leak(long), "no such \"... came"),
        ] {
            let said = verdict(&SdkError::service_error(nameless(), answer(status, body)));
            let Verdict::Unknown(why) = said else { panic!("{said:?}") };
            assert!(
                why.contains(told) && why.ends_with("came in place of DynamoDB's, as from a proxy or another server"),
                "{why}"
            );
        }
        for (body, is_of_another) in [("It works!", true), ("<html>", true), ("{\"Item\": ", false), ("", false)] {
            let unread = SdkError::<UpdateItemError, _>::response_error("unreadable", answer(200, body));
            let Verdict::Unknown(why) = verdict(&unread) else { panic!("{body}") };
            assert_eq!(why.contains("in place of DynamoDB's"), is_of_another, "{why}");
        }
    }

    #[test]
    fn nothing_is_sent_without_credentials() {
        let none = CredentialsError::not_loaded("nowhere");
        let response = HttpResponse::new(200.try_into().expect("a status"), "".into());
        let unsent = SdkError::<UpdateItemError, _>::response_error(none, response);
        assert!(matches!(verdict(&unsent), Verdict::Denied(why) if why.contains("nowhere")));
    }

    #[test]
    fn a_cancellation_without_a_reason_is_a_conflict() {
        for codes in [&[][..], &["None", "None"]] {
            let Verdict::Conflict(why) = transaction(codes) else { panic!("{codes:?}") };
            assert!(why.contains("without a reason"), "{why}");
        }
    }

    #[test]
    fn a_conflict_anywhere_in_a_transaction_makes_it_a_conflict() {
        assert!(matches!(transaction(&["ConditionalCheckFailed", "TransactionConflict"]), Verdict::Conflict(_)));
        assert!(matches!(transaction(&["None", "ThrottlingError"]), Verdict::Throttled(_)));
        assert!(matches!(transaction(&["None", "ValidationError"]), Verdict::Rejected(_)));
        assert_eq!(transaction(&["None", "ConditionalCheckFailed"]), Verdict::Refused(vec![None, Some(None)]));
    }
}
