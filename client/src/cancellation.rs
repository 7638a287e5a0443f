//! The end of a wait: does anybody still wait for this lease, and is there time left?
//!
//! What was sent to the table may still happen, so a request has a little time to be answered when nobody waits for it
//! any more. A table that answers nothing holds nobody up for longer.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};

use crate::connection::Ending;

/// How long a request may go on when its time is over, or nobody waits for its answer any more.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// Whether somebody still waits for the answer.
pub(crate) struct Cancellation {
    signal: oneshot::Receiver<Ending>,
    /// Nobody does, and what is counted until the place is given up; none of that: nobody counts.
    came: Option<Option<Ending>>,
}

/// Nobody waits any more.
pub(crate) struct Cancelled(#[expect(dead_code, reason = "it counts until it is dropped")] Option<Ending>);

impl Cancellation {
    /// By this signal, or when its sender is dropped.
    pub(crate) fn new(signal: oneshot::Receiver<Ending>) -> Cancellation {
        Cancellation { signal, came: None }
    }

    /// Fails if nobody waits any more.
    pub(crate) fn check(&mut self) -> Result<(), Cancelled> {
        if self.came.is_none() {
            self.came = match self.signal.try_recv() {
                Ok(ending) => Some(Some(ending)),
                Err(oneshot::error::TryRecvError::Closed) => Some(None),
                Err(oneshot::error::TryRecvError::Empty) => None,
            };
        }
        self.came.take().map_or(Ok(()), |ending| Err(Cancelled(ending)))
    }

    /// Resolves as soon as nobody waits any more.
    async fn come(&mut self) {
        if self.came.is_none() {
            self.came = Some((&mut self.signal).await.ok());
        }
    }

    /// Waits for so long; fails as soon as nobody waits any more.
    pub(crate) async fn pause(&mut self, length: Duration) -> Result<(), Cancelled> {
        let _ = timeout(length, self.come()).await;
        self.check()
    }

    /// What a reading comes to: where nobody waits any more, it may as well stop.
    pub(crate) async fn unless_cancelled<T>(&mut self, reading: impl Future<Output = T>) -> Result<T, Cancelled> {
        tokio::select! {
            biased;
            done = reading => Ok(done),
            () = self.come() => self.check().and(Err(Cancelled(None))),
        }
    }

    /// What this comes to; none if it does not end soon after `until`. If nobody waits any more, it may still end soon, and
    /// the next look tells of that; else this fails.
    pub(crate) async fn within<T>(
        &mut self,
        until: Instant,
        doing: impl Future<Output = T>,
    ) -> Result<Option<T>, Cancelled> {
        let mut doing = pin!(doing);
        tokio::select! {
            biased;
            done = &mut doing => return Ok(Some(done)),
            () = self.come() => {}
            () = sleep_until(until + ANSWER_WITHIN) => return Ok(None),
        }
        match timeout(ANSWER_WITHIN, doing).await {
            Ok(done) => Ok(Some(done)),
            Err(_) => self.check().map(|()| None),
        }
    }
}
