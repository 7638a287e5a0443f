//! The client: what is asked of it?

use std::sync::Arc;

use leasehold_store::{SETTINGS_FRESH_FOR, Table};

use crate::acquire::Acquire;
use crate::connection::{Connection, IntoPool};
use crate::error::Error;
use crate::lease::{Lease, LeaseHandle};

/// A client of one table. Clones share everything; make one for each process.
#[derive(Clone)]
pub struct Client(Arc<Connection>);

impl Client {
    pub(crate) fn of(connection: Connection) -> Client {
        Client(Arc::new(connection))
    }

    #[cfg(feature = "embedded")]
    pub(crate) fn connection(&self) -> &Connection {
        &self.0
    }

    /// Asks for a lease of this pool, and waits in its queue until it is granted. Options come between this and the await.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), leasehold::Error> {
    /// # let client = leasehold::Client::in_memory(&[("reports", 1)]).await?;
    /// let lease = client.acquire("reports").key("order 7").await?;
    /// println!("slot {} until {:?}", lease.slot(), lease.expires_at());
    /// lease.release().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Every [`Error`] but those that tell of a lease after it was granted.
    ///
    /// # Panics
    /// When it is awaited outside of a tokio runtime.
    pub fn acquire(&self, pool: impl IntoPool) -> Acquire {
        Acquire::new(Arc::clone(&self.0), pool.into_pool())
    }

    /// Takes a lease of this pool if a slot is free now and nobody waits; none otherwise. For options, use
    /// [`Client::acquire`] with a [patience](Acquire::patience) of zero.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), leasehold::Error> {
    /// # let client = leasehold::Client::in_memory(&[("reports", 1)]).await?;
    /// let first = client.try_acquire("reports").await?.expect("a slot was free");
    /// assert!(client.try_acquire("reports").await?.is_none(), "its limit is 1");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Client::acquire`], but for [`Error::NoLease`].
    pub async fn try_acquire(&self, pool: impl IntoPool) -> Result<Option<Lease>, Error> {
        match self.acquire(pool).patience(std::time::Duration::ZERO).await {
            Ok(lease) => Ok(Some(lease)),
            Err(Error::NoLease { .. }) => Ok(None),
            Err(wrong) => Err(wrong),
        }
    }

    /// Waits for a lease of this pool, does this work under it, and gives it back. See [`Acquire::with`], which takes options.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), leasehold::Error> {
    /// # let client = leasehold::Client::in_memory(&[("reports", 1)]).await?;
    /// let fence = client.with("reports", |lease| async move { lease.fence() }).await?;
    /// # assert_eq!(fence, 1);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Acquire::with`].
    pub async fn with<F, W>(&self, pool: impl IntoPool, work: F) -> Result<W::Output, Error>
    where
        F: FnOnce(LeaseHandle) -> W,
        W: Future,
    {
        self.acquire(pool).with(work).await
    }

    /// Whether the table and this pool can be used: for a service that would rather not start than find out later.
    ///
    /// # Errors
    /// [`Error::Table`] with what is wrong and what to do, [`Error::Invalid`].
    pub async fn check(&self, pool: impl IntoPool) -> Result<(), Error> {
        self.0.runner.settings(&pool.into_pool()?).await?;
        Ok(())
    }

    /// Waits until every lease that was dropped, and every place in a queue that was left, is given back: before the runtime
    /// ends. What is not given back by then expires by itself.
    pub async fn settled(&self) {
        let mut endings = self.0.endings.subscribe();
        let _ = endings.wait_for(|count| *count == 0).await;
    }

    /// The table below, with the counts of what was sent to it.
    pub fn table(&self) -> &Table {
        self.0.table()
    }
}

/// For how long a pool's settings are used before they are read again: a new limit is followed so soon.
pub const SETTINGS_FOLLOWED_WITHIN: std::time::Duration = SETTINGS_FRESH_FOR;

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Client");
        shown.field("table", &self.table().name()).field("owner", &self.0.owner).finish_non_exhaustive()
    }
}
