//! The states' own Retry: which errors does a state ask again after, how soon, and how often? Read from the rendered states of
//! the Terraform module, so that what is simulated is what is deployed.

use serde::Deserialize;

use crate::rng::Rng;

/// The states of a workflow that waits in the queue, as `scripts/render-states` wrote them.
const QUEUE: &str = include_str!("../../../terraform/states/tests/rendered/queue-jsonpath.json");

/// The states of a workflow that polls.
const POLL: &str = include_str!("../../../terraform/states/tests/rendered/poll-jsonpath.json");

/// What stands in front of the errors that every error is one of.
const ALL: &str = "States.ALL";

/// One retrier of a state.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Retrier {
    error_equals: Vec<String>,
    /// Amazon States Language: 1 by default.
    interval_seconds: Option<u64>,
    /// 2 by default.
    backoff_rate: Option<f64>,
    /// 3 by default.
    max_attempts: Option<u32>,
    max_delay_seconds: Option<u64>,
    /// `FULL` or `NONE`, the default.
    jitter_strategy: Option<String>,
}

/// What a state does when it fails.
#[derive(Clone, Debug, PartialEq)]
pub struct StateRetry(Vec<Retrier>);

/// How often a state was retried since it was entered, by each of its retriers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RetriesUsed([u16; 6]);

/// The retries of the states that ask for a lease and give it back.
#[derive(Clone, Debug, PartialEq)]
pub struct LeaseStates {
    /// Of the state that waits in the queue.
    pub queue: StateRetry,
    /// Of the state that polls.
    pub poll: StateRetry,
    /// Of the state that gives a lease back.
    pub release: StateRetry,
}

impl LeaseStates {
    /// As they are rendered.
    ///
    /// # Errors
    /// When the rendered states are not as they should be.
    pub fn rendered() -> Result<LeaseStates, serde_json::Error> {
        let [queue, poll] = [QUEUE, POLL].map(serde_json::from_str::<serde_json::Value>);
        let (queue, poll) = (queue?, poll?);
        Ok(LeaseStates {
            queue: StateRetry::of(&queue, "AcquireLease")?,
            poll: StateRetry::of(&poll, "AcquireLease")?,
            release: StateRetry::of(&queue, "ReleaseLease")?,
        })
    }
}

impl StateRetry {
    fn of(machine: &serde_json::Value, state: &str) -> Result<StateRetry, serde_json::Error> {
        Vec::deserialize(&machine["States"][state]["Retry"]).map(StateRetry)
    }

    /// How long a state waits that failed with this error before it is entered again, in microseconds; none: it fails.
    pub(super) fn delay(&self, error: &str, used: &mut RetriesUsed, rng: &mut Rng) -> Option<u64> {
        let matches = |retrier: &Retrier| retrier.error_equals.iter().any(|equals| equals == error || equals == ALL);
        let (at, retrier) = self.0.iter().enumerate().find(|(_, retrier)| matches(retrier))?;
        let used = used.0.get_mut(at)?;
        if u32::from(*used) >= retrier.max_attempts.unwrap_or(3) {
            return None;
        }
        let rate = retrier.backoff_rate.unwrap_or(2.0);
        let seconds = (0..*used).fold(retrier.interval_seconds.unwrap_or(1) as f64, |seconds, _| {
            (seconds * rate).min(retrier.max_delay_seconds.unwrap_or(31_622_400) as f64)
        });
        *used += 1;
        let longest = (seconds * 1_000_000.0) as u64;
        Some(if retrier.jitter_strategy.as_deref() == Some("FULL") { rng.below(longest + 1) } else { longest })
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test that can not set itself up has failed")]
mod tests {
    use super::*;

    #[test]
    fn the_rendered_states_ask_again_as_they_say() {
        let states = LeaseStates::rendered().expect("states");
        let (mut rng, mut used) = (Rng::new(1), RetriesUsed::default());
        let mut times = 0;
        while let Some(delay) = states.queue.delay("Throttled", &mut used, &mut rng) {
            // The first pause is a second at most, and none is longer than the states allow.
            assert!(delay <= if times == 0 { 1_000_000 } else { 3_600_000_000 }, "{delay}");
            times += 1;
        }
        assert!(times >= 8, "{times}");
        assert_eq!(states.queue.delay("WaitedTooLong", &mut RetriesUsed::default(), &mut rng), None);
        assert!(states.release.delay("Anything", &mut RetriesUsed::default(), &mut rng).is_some());
        assert_eq!(states.release.delay("InvalidRequest", &mut RetriesUsed::default(), &mut rng), None);
    }
}
