//! The lease: what does its holder know of it, and how does it end?

use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use leasehold_core::{LeaseId, Millis, PoolName};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::connection::Connection;
use crate::error::{Error, Loss};
use crate::fallback_sweeper::FallbackSweeper;
use crate::keeper::{self, KeeperCall, Kept, Standing, system_time};
use crate::wait::Granted;

/// A lease that is held: the right to one slot of a pool, until it is dropped or released.
///
/// It renews itself in the background. Dropping it, also by a panic or because the task that has it is cancelled, gives it
/// back in the background; [`Lease::release`] waits until that is done. What it says of itself are the methods of
/// [`LeaseHandle`].
#[derive(Debug)]
#[must_use = "a lease that is dropped is given back at once"]
pub struct Lease {
    handle: LeaseHandle,
    calls: mpsc::UnboundedSender<KeeperCall>,
    over: bool,
}

/// What is known of a lease, for whoever works under it: other tasks, too. Clones are the same lease. It does not keep the
/// lease: that is the [`Lease`]'s part.
#[derive(Clone)]
pub struct LeaseHandle {
    kept: Arc<Kept>,
    calls: mpsc::WeakUnboundedSender<KeeperCall>,
}

impl Lease {
    /// From now on it is kept.
    pub(crate) fn keep(connection: Arc<Connection>, granted: &Granted, length: Option<Millis>) -> Lease {
        let kept = Arc::new(Kept::new(connection, granted));
        let sweep = FallbackSweeper::new(&granted.settings);
        let (calls, called) = mpsc::unbounded_channel();
        Handle::current().spawn(keeper::keep(Arc::clone(&kept), length, sweep, called));
        Lease { handle: LeaseHandle { kept, calls: calls.downgrade() }, calls, over: false }
    }

    /// Gives it back, and waits until that is done: the next in the queue has the slot then.
    ///
    /// # Errors
    /// [`Error::Lost`] if it was lost before, noticed or not: another may have worked at the same time. [`Error::Table`] if
    /// the table could not be reached within 20 seconds; it expires by itself then.
    pub async fn release(mut self) -> Result<(), Error> {
        self.over = true;
        let (reply, answer) = oneshot::channel();
        let _ = self.calls.send(KeeperCall::GiveBack(Some(reply), self.handle.kept.connection.ending()));
        answer.await.unwrap_or_else(|_| Err(self.handle.keeper_gone()))
    }

    /// What others may be given to know of it.
    pub fn handle(&self) -> LeaseHandle {
        self.handle.clone()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.over {
            let _ = self.calls.send(KeeperCall::GiveBack(None, self.handle.kept.connection.ending()));
        }
    }
}

impl Deref for Lease {
    type Target = LeaseHandle;

    fn deref(&self) -> &LeaseHandle {
        &self.handle
    }
}

impl LeaseHandle {
    /// Its id: pool, slot and fence in one, as the dashboard and the commands show it.
    pub fn id(&self) -> &LeaseId {
        &self.kept.lease.id
    }

    /// Whose slot it is.
    pub fn pool(&self) -> &PoolName {
        &self.kept.lease.id.prefix
    }

    /// Which slot, from 0: no two that hold leases of the pool at the same time have the same one. Good for what there is one
    /// of for each: a port, a scratch folder, a connection.
    pub fn slot(&self) -> u32 {
        self.kept.lease.id.slot.0
    }

    /// The slot's generation, which grows with every lease of it. Give it to whatever is written to, and have that refuse a
    /// smaller one than it has seen from the same slot: only so is a late write of somebody who lost the lease kept out.
    pub fn fence(&self) -> u64 {
        self.kept.lease.id.fence.0
    }

    /// Until when it lasts unless it is renewed, by the table's time. This machine's clock may say otherwise:
    /// [`LeaseHandle::remaining`] does not depend on it.
    pub fn expires_at(&self) -> SystemTime {
        system_time(self.kept.timer().expires_at())
    }

    /// How long it is surely held yet, without another renewal: the less of what the table's time and a steady clock say.
    /// Zero once it is lost.
    pub fn remaining(&self) -> Duration {
        if self.loss().is_some() { Duration::ZERO } else { self.kept.left() }
    }

    /// How long it lasts after each renewal: less from the next one on if the pool's leases become shorter, and longer if
    /// they become longer and it asked for more.
    pub fn length(&self) -> Duration {
        self.kept.timer().length()
    }

    /// How long after its end another may have the slot at the earliest: as long as callers may differ about the time.
    pub fn grace(&self) -> Duration {
        self.kept.grace
    }

    /// Whether it is surely held now. Costs nothing; true says nothing of a moment later.
    pub fn is_held(&self) -> bool {
        self.loss().is_none()
    }

    /// How it was lost, if it was. One that was [not renewed in time](Loss::NotRenewed) may be held again, if a renewal gets
    /// through before another takes the slot.
    pub fn loss(&self) -> Option<Loss> {
        self.kept.standing().loss()
    }

    /// Resolves as soon as it is lost: at once if it is. Never, if it is given back before.
    ///
    /// ```no_run
    /// # async fn work() {}
    /// # async fn example(lease: leasehold::Lease) {
    /// tokio::select! {
    ///     loss = lease.lost() => eprintln!("stopped: {loss}"),
    ///     () = work() => {}
    /// }
    /// # }
    /// ```
    pub fn lost(&self) -> impl Future<Output = Loss> + Send + 'static + use<> {
        let mut standing = self.kept.watch();
        async move {
            match standing.wait_for(|standing| *standing != Standing::Held).await.map(|standing| standing.loss()) {
                Ok(Some(loss)) => loss,
                _ => std::future::pending().await,
            }
        }
    }

    /// Asks the table whether it is still held, and has it for the whole length again: right before what must not be done
    /// without it. One conditional write.
    ///
    /// # Errors
    /// [`Error::Lost`]; [`Error::Table`] where no answer came.
    pub async fn renew(&self) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        match self.calls.upgrade() {
            Some(calls) => drop(calls.send(KeeperCall::Renew(reply))),
            None => return Err(self.keeper_gone()),
        }
        answer.await.unwrap_or_else(|_| Err(self.keeper_gone()))
    }

    /// It was given back, or its runtime is gone.
    fn keeper_gone(&self) -> Error {
        Error::Lost { lease: self.kept.lease.id.clone(), loss: self.loss().unwrap_or(Loss::NotRenewed) }
    }
}

impl std::fmt::Debug for LeaseHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("LeaseHandle");
        shown.field("id", &self.kept.lease.id).field("loss", &self.loss()).field("remaining", &self.remaining());
        shown.finish_non_exhaustive()
    }
}
