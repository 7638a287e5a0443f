//! Callbacks to Step Functions: how does a waiting task learn what became of it? By `SendTaskSuccess` and
//! `SendTaskFailure`, whose answers are told apart: the task took it, the task is closed for good, nobody is allowed to
//! tell it, it was not taken and can be sent again, or nobody knows.
//!
//! One request, one answer: the client's own retries are off. Of two requests the second finds the task closed that the
//! first one told, and then nobody could say that it was told by none.

use std::error::Error;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sfn::Client;
use aws_sdk_sfn::config::Builder;
use aws_sdk_sfn::config::http::HttpResponse;
use aws_sdk_sfn::config::retry::RetryConfig;
use aws_sdk_sfn::config::timeout::TimeoutConfig;
use aws_sdk_sfn::error::{ProvideErrorMetadata, SdkError};
use leasehold_core::contract::{GrantedLease, Response, task_failure};
use leasehold_core::{Delivery, TaskCallback, TaskResult};

use crate::run::Notifier;

/// How long a connection to Step Functions may take to open.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// How long one request may take: it answers in tens of milliseconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// Step Functions, as those who tell tasks talk to it.
pub fn step_functions_client(config: &SdkConfig) -> Client {
    step_functions_client_from(Builder::from(config))
}

/// As [`step_functions_client`], from the service's own configuration. Retries and timeouts in it are replaced.
pub fn step_functions_client_from(config: Builder) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_WITHIN)
        .operation_attempt_timeout(ANSWER_WITHIN)
        .operation_timeout(ANSWER_WITHIN)
        .build();
    Client::from_conf(config.timeout_config(timeouts).retry_config(RetryConfig::disabled()).build())
}

/// What telling a task came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryReport {
    /// The task took it.
    Delivered,
    /// The task is closed for good, or never was one.
    Closed,
    /// Refused for good, until a person mends a permission or a key; why, in words.
    Refused(String),
    /// Not taken, as throttling says; why, in words.
    NotSent(String),
    /// Nobody knows; why, in words. No token is in them.
    Unknown(String),
}

/// Tells a task.
pub async fn send_callback(client: &Client, callback: &TaskCallback) -> DeliveryReport {
    let token = callback.token.secret();
    match &callback.result {
        TaskResult::Acquired(lease) => {
            let output = Response::Acquired(GrantedLease::from(lease)).to_string();
            let sent = client.send_task_success().task_token(token).output(output).send().await;
            delivery_report(&format!("the grant of {} to {}", lease.id, lease.holder), sent.err())
        }
        TaskResult::Failed(why) => {
            let failure = task_failure(*why);
            let sent = client.send_task_failure().task_token(token);
            let sent = sent.error(failure.error).cause(failure.cause).send().await;
            delivery_report(&format!("a waiter that it failed with {}", failure.error), sent.err())
        }
    }
}

/// What an answer to a callback means.
fn delivery_report<E>(what: &str, error: Option<SdkError<E, HttpResponse>>) -> DeliveryReport
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let Some(error) = error else { return DeliveryReport::Delivered };
    let why = || format!("telling {what}: {}", step_functions_error(&error));
    match error.as_service_error().and_then(ProvideErrorMetadata::code) {
        // Only the token can be what a validation refuses: all else in the request is made here. To try again
        // would never end, and an unconfirmed lease keeps its slot until its token is closed.
        Some("TaskDoesNotExist" | "TaskTimedOut" | "InvalidToken" | "ValidationException") => DeliveryReport::Closed,
        // Permissions, a customer's key, and signatures of a caller that may not sign (Step Functions API reference and
        // common errors, 2024).
        Some(
            "AccessDeniedException"
            | "AccessDenied"
            | "NotAuthorized"
            | "KmsAccessDeniedException"
            | "KmsInvalidStateException"
            | "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "OptInRequired",
        ) => DeliveryReport::Refused(format!("{}; nobody can be told until that is mended", why())),
        Some(
            "ThrottlingException"
            | "Throttling"
            | "ThrottledException"
            | "KmsThrottlingException"
            | "RequestLimitExceeded"
            | "TooManyRequestsException",
        ) => DeliveryReport::NotSent(format!("{}; it is tried again", why())),
        _ => DeliveryReport::Unknown(format!("{}; it is tried again", why())),
    }
}

/// An error of Step Functions in words, its causes included.
pub fn step_functions_error<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    if let Some(answer) = error.as_service_error() {
        let code = answer.code().unwrap_or("an error without a name");
        return answer.message().map_or_else(|| code.to_owned(), |message| format!("{code}: {message}"));
    }
    let causes = std::iter::successors(Some(error as &(dyn Error + 'static)), |&error| error.source());
    let mut words: Vec<String> = causes.map(ToString::to_string).collect();
    words.dedup();
    words.join(": ")
}

/// Tells tasks where it may and can, and never decides that one is closed.
///
/// For callers other than the lease manager: a token is only good in its own account and region, so a caller that
/// uses the table from elsewhere hears "no such task" of tasks that wait. What is not known to have arrived stays
/// on its slot for the lease manager's next sweep.
#[derive(Clone, Debug)]
pub struct BestEffortNotifier {
    client: Client,
}

impl BestEffortNotifier {
    /// With this client's credentials.
    pub fn new(client: Client) -> Self {
        BestEffortNotifier { client }
    }
}

impl Notifier for BestEffortNotifier {
    async fn notify(&self, callback: &TaskCallback) -> Delivery {
        match send_callback(&self.client, callback).await {
            DeliveryReport::Delivered => Delivery::Delivered,
            DeliveryReport::NotSent(_) => Delivery::NotSent,
            // What this caller may not do, the lease manager may.
            DeliveryReport::Closed | DeliveryReport::Refused(_) | DeliveryReport::Unknown(_) => Delivery::Unknown,
        }
    }
}
