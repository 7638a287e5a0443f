//! Acquiring: with which options is a lease asked for, and what if nobody waits for the answer any more?

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use leasehold_core::{AcquireRequest, Attempt, Holder, ID_BYTES, InvalidValue, Mode, PoolName};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::connection::{Connection, Ending};
use crate::error::Error;
use crate::lease::{Lease, LeaseHandle};
use crate::wait::{Wait, millis};

/// A request for a lease, with its options: await it, or hand it [the work](Acquire::with).
///
/// Nothing is sent before that. The [future](Acquiring) that it becomes may be dropped at any moment, as `select!` and
/// timeouts do: whatever was asked for is given back in the background.
#[must_use = "nothing is asked for until it is awaited"]
pub struct Acquire {
    connection: Arc<Connection>,
    pool: Result<PoolName, InvalidValue>,
    key: String,
    label: Option<String>,
    lease: Option<Duration>,
    patience: Option<Duration>,
    attempt: Option<u32>,
    give_up: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Acquire {
    pub(crate) fn new(connection: Arc<Connection>, pool: Result<PoolName, InvalidValue>) -> Acquire {
        Acquire {
            connection,
            pool,
            key: String::new(),
            label: None,
            lease: None,
            patience: None,
            attempt: None,
            give_up: None,
        }
    }

    /// What it is worked on, shown as part of the holder's name: an order's number, a file. At most 1,024 bytes.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = key.into();
        self
    }

    /// Shown beside the lease: at most 1,024 bytes on one line. People with the dashboard see it, so no secrets.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// How long the lease lasts if this process dies: at most, and by default, as long as the pool's. It is renewed at a third
    /// of this. Less makes others wait shorter for the dead, and costs one write each third of it.
    pub fn lease(mut self, length: Duration) -> Self {
        self.lease = Some(length);
        self
    }

    /// How long to wait at most: by default, and at most, as long as the pool lets anybody wait. Zero: only if a slot is free
    /// now, as [`Client::try_acquire`](crate::Client::try_acquire) asks.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Which attempt at this [key](Acquire::key) it is, where somebody else counts them: the receive count of a message, the
    /// number of a job's run.
    ///
    /// Without it, whoever asks is a holder of its own, and keys are only shown. With it, owner and key *are* the holder,
    /// whichever process asks: a higher attempt takes over, at once, what a lower one holds or its place in the queue (so a
    /// job whose worker died need not wait until the lease of the dead expires), and a lower one is refused with
    /// [`Error::Superseded`]. Number only what starts a new attempt after the one before has ended, or is given up for dead.
    pub fn attempt(mut self, number: u32) -> Self {
        self.attempt = Some(number);
        self
    }

    /// Stops waiting when this resolves, and then resolves itself to [`Error::GivenUp`] as soon as the place in the queue is
    /// given up. For a shutdown that leaves nothing behind; where that does not matter, drop the future.
    pub fn give_up_on(mut self, signal: impl Future<Output = ()> + Send + 'static) -> Self {
        self.give_up = Some(Box::pin(signal));
        self
    }

    /// Waits for a lease, does this work under it, and gives it back.
    ///
    /// A lease that is lost meanwhile cancels the work at its next `.await`, and is an error. If the work panics or this
    /// future is dropped, the lease is given back in the background.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), leasehold::Error> {
    /// # let client = leasehold::Client::in_memory(&[("reports", 1)]).await?;
    /// let rows = client.acquire("reports").key("2024-11").with(|lease| async move {
    ///     // `lease.slot()` and `lease.fence()` go to whatever is written to.
    ///     lease.slot() + 42
    /// });
    /// assert_eq!(rows.await?, 42);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As awaiting it; and [`Error::Lost`] if the lease was lost before the work was done, noticed or not.
    pub async fn with<F, W>(self, work: F) -> Result<W::Output, Error>
    where
        F: FnOnce(LeaseHandle) -> W,
        W: Future,
    {
        let lease = self.await?;
        let output = tokio::select! {
            biased;
            loss = lease.lost() => return Err(Error::Lost { lease: lease.id().clone(), loss }),
            output = work(lease.handle()) => output,
        };
        match lease.release().await {
            // It is done, and was done under the lease: that expires by itself.
            Ok(()) | Err(Error::Table(_)) => Ok(output),
            Err(lost) => Err(lost),
        }
    }

    fn ask(&self) -> Result<AcquireRequest, Error> {
        if let Some(label) = &self.label
            && (label.len() > ID_BYTES || label.contains(char::is_control))
        {
            let got = leasehold_core::quoted(label);
            return Err(InvalidValue { what: "label", got, expected: "at most 1024 bytes on one line" }.into());
        }
        let lease = self.lease.map(|lease| millis("lease", lease)).transpose()?;
        if let Some(short) = lease.filter(|lease| lease.0 == 0) {
            let got = format!("{} ms", short.0);
            return Err(InvalidValue { what: "lease", got, expected: "at least a millisecond" }.into());
        }
        let wait = self.patience.map(|patience| millis("patience", patience)).transpose()?;
        let owner = &self.connection.owner;
        // A random part, as pids come again: of another process, or in another container.
        let holder = match self.attempt {
            Some(_) => owner.clone(),
            None => format!("{owner}:{}:{:016x}", std::process::id(), fastrand::u64(..)),
        };
        Ok(AcquireRequest {
            holder: Holder::new(&holder, &self.key, None)?,
            // The number is in the place of redrives: a later one knows that the one before has ended. Retries are those of
            // the wait itself.
            attempt: self.attempt.map(|redrive| Attempt { redrive, ..Attempt::default() }),
            mode: if wait.is_some_and(|wait| wait.0 == 0) { Mode::Poll } else { Mode::Queue(None) },
            lease,
            wait,
            // As the lease manager reads it: an empty text is none.
            label: self.label.as_deref().filter(|label| !label.is_empty()).map(Into::into),
        })
    }

    fn start(mut self) -> Acquiring {
        let asked = self.pool.clone().map_err(Error::from).and_then(|pool| Ok((self.ask()?, pool)));
        let (ask, pool) = match asked {
            Ok(asked) => asked,
            Err(wrong) => return Acquiring(AcquiringState::Refused(Some(wrong))),
        };
        let (cancel, cancelled) = oneshot::channel();
        let (connection, length, numbered) = (Arc::clone(&self.connection), ask.lease, self.attempt.is_some());
        let wait = Wait { connection: Arc::clone(&connection), ask, pool, numbered };
        let task = Handle::current().spawn(async move {
            // Behind a pointer: the futures of the SDK would be too deep a type.
            let granted = Box::pin(wait.wait(cancelled)).await?;
            let lease = Lease::keep(connection, &granted, length);
            // Who was let in as the limit fell has only the short time in which it was to come for its lease. It is no less
            // held for that: nobody begins to work with so little left.
            if lease.remaining() < lease.length() / 2 {
                whole(&lease).await?;
            }
            // This process may have been frozen since.
            match lease.loss() {
                Some(loss) => Err(Error::Lost { lease: lease.id().clone(), loss }),
                None => Ok(lease),
            }
        });
        let give_up = self.give_up.take();
        Acquiring(AcquiringState::Waiting { task, cancel: Some(cancel), give_up, connection: self.connection })
    }
}

/// Has a lease for its whole length, unless it is lost before. Where the table does not answer in time, it is what it is.
async fn whole(lease: &Lease) -> Result<(), Error> {
    tokio::select! {
        biased;
        renewed = lease.renew() => match renewed {
            Err(lost @ Error::Lost { .. }) => Err(lost),
            _ => Ok(()),
        },
        loss = lease.lost() => Err(Error::Lost { lease: lease.id().clone(), loss }),
    }
}

impl IntoFuture for Acquire {
    type Output = Result<Lease, Error>;
    type IntoFuture = Acquiring;

    fn into_future(self) -> Acquiring {
        self.start()
    }
}

/// A lease on its way. Dropped, it leaves the queue in the background, or gives back what it is being granted.
#[must_use = "dropped, it leaves the queue"]
pub struct Acquiring(AcquiringState);

enum AcquiringState {
    Refused(Option<Error>),
    Waiting {
        task: JoinHandle<Result<Lease, Error>>,
        cancel: Option<oneshot::Sender<Ending>>,
        give_up: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
        connection: Arc<Connection>,
    },
}

impl Future for Acquiring {
    type Output = Result<Lease, Error>;

    /// # Panics
    /// When polled again after it was ready.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            AcquiringState::Refused(wrong) => match wrong.take() {
                Some(wrong) => Poll::Ready(Err(wrong)),
                None => panic!("polled after it was ready"),
            },
            AcquiringState::Waiting { task, cancel, give_up, connection } => {
                if let Some(signal) = give_up
                    && signal.as_mut().poll(context).is_ready()
                {
                    *give_up = None;
                    if let Some(cancel) = cancel.take() {
                        let _ = cancel.send(connection.ending());
                    }
                }
                match ready!(Pin::new(task).poll(context)) {
                    Ok(result) => {
                        *cancel = None;
                        Poll::Ready(result)
                    }
                    Err(failed) => match failed.try_into_panic() {
                        Ok(panic) => std::panic::resume_unwind(panic),
                        // The runtime shuts down, and whoever polls this with it.
                        Err(_) => Poll::Pending,
                    },
                }
            }
        }
    }
}

impl Drop for Acquiring {
    fn drop(&mut self) {
        if let AcquiringState::Waiting { cancel, connection, .. } = &mut self.0
            && let Some(cancel) = cancel.take()
        {
            let _ = cancel.send(connection.ending());
        }
    }
}

impl std::fmt::Debug for Acquire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Acquire");
        shown.field("pool", &self.pool).field("key", &self.key).field("label", &self.label).field("lease", &self.lease);
        shown.field("patience", &self.patience).field("attempt", &self.attempt).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Acquiring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Acquiring").finish_non_exhaustive()
    }
}
