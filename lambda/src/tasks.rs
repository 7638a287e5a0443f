//! How does a waiting task learn what became of it? By `SendTaskSuccess` and `SendTaskFailure`, whose answers are
//! told apart: the task took it, the task is closed for good, or nobody knows and it is to be tried again.

use std::error::Error;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sfn::Client;
use aws_sdk_sfn::config::Builder;
use aws_sdk_sfn::config::http::HttpResponse;
use aws_sdk_sfn::config::retry::RetryConfig;
use aws_sdk_sfn::config::timeout::TimeoutConfig;
use aws_sdk_sfn::error::{ProvideErrorMetadata, SdkError};
use leasehold_core::contract::{Acquired, Answer, task_failure};
use leasehold_core::machine::{News, Notice, Notified};
use leasehold_store::run::Notifier;

use crate::seen::Seen;

/// How long a connection to Step Functions may take to open.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// How long one request may take: it answers in tens of milliseconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// How long one call may take with all its tries.
const CALL_WITHIN: Duration = Duration::from_secs(7);

/// How often a call is tried. Telling a task twice is safe: the second time it is closed, which the protocol
/// takes for "may have been told".
const TRIES: u32 = 3;

/// The first pause before another try; it doubles, with jitter.
const PAUSE: Duration = Duration::from_millis(50);

/// Step Functions, as this program talks to it.
pub(crate) fn client(config: &SdkConfig) -> Client {
    client_from(Builder::from(config))
}

/// As [`client`], from the service's own configuration. Retries and timeouts in it are replaced.
pub fn client_from(config: Builder) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_WITHIN)
        .operation_attempt_timeout(ANSWER_WITHIN)
        .operation_timeout(CALL_WITHIN)
        .build();
    let retries = RetryConfig::standard().with_max_attempts(TRIES).with_initial_backoff(PAUSE);
    Client::from_conf(config.timeout_config(timeouts).retry_config(retries).build())
}

/// The tasks that wait, as one invocation tells them.
#[derive(Debug)]
pub(crate) struct Tasks<'a> {
    pub(crate) client: &'a Client,
    pub(crate) seen: &'a Seen,
}

impl Notifier for Tasks<'_> {
    async fn notify(&self, notice: &Notice) -> Notified {
        self.seen.secret(&notice.token);
        let token = notice.token.secret();
        match &notice.news {
            News::Acquired(lease) => {
                let output = Answer::Acquired(Acquired::from(lease)).to_string();
                let sent = self.client.send_task_success().task_token(token).output(output).send().await;
                self.notified(&format!("the grant of {} to {}", lease.id, lease.holder), sent.err())
            }
            News::Failed(why) => {
                let failure = task_failure(*why);
                let sent = self.client.send_task_failure().task_token(token);
                let sent = sent.error(failure.error).cause(failure.cause).send().await;
                self.notified(&format!("a waiter that it failed with {}", failure.error), sent.err())
            }
        }
    }
}

impl Tasks<'_> {
    /// What an answer to a notice means; and, where it is no answer, a note of it.
    fn notified<E>(&self, what: &str, error: Option<SdkError<E, HttpResponse>>) -> Notified
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let Some(error) = error else { return Notified::Delivered };
        match error.as_service_error().and_then(ProvideErrorMetadata::code) {
            // Only the token can be what a validation refuses: all else in the request is made here. To try again
            // would never end, and an unconfirmed lease keeps its slot until its token is closed.
            Some("TaskDoesNotExist" | "TaskTimedOut" | "InvalidToken" | "ValidationException") => {
                self.seen.closed();
                Notified::Closed
            }
            _ => {
                self.seen.note(format!("telling {what}: {}; it is tried again", said(&error)));
                Notified::Unknown
            }
        }
    }
}

/// An error of Step Functions in words, its causes included.
pub(crate) fn said<E>(error: &SdkError<E, HttpResponse>) -> String
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
