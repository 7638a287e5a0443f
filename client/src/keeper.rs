//! The keeper of a lease: how is it kept while its holder works, and given back?
//! Renewed at a third of its length, until it is given back. A lease that is lost is told at once. The keeper is a task of
//! its own: it outlives the panic or the cancelled task of its holder for as long as giving back takes.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use leasehold_core::{Failure, Lease, LeaseId, Millis, ReleaseTarget, RenewRequest, Renewed, Timestamp};
use leasehold_store::RunError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

use crate::connection::{Connection, Ending};
use crate::error::{Error, Loss, may_pass};
use crate::event::Event;
use crate::fallback_sweeper::FallbackSweeper;
use crate::lease_timer::{ClockReading, LeaseTimer};
use crate::pauses::Backoff;
use crate::wait::Granted;

/// How often the clocks are read: a machine that slept is noticed so soon after.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long giving a lease back may take, with all its repeats.
const GIVE_BACK_WITHIN: Duration = Duration::from_secs(20);

/// What is known of a lease, by whoever asks.
pub(crate) struct Kept {
    pub(crate) connection: Arc<Connection>,
    pub(crate) lease: Lease,
    pub(crate) grace: Duration,
    timer: Mutex<LeaseTimer>,
    standing: watch::Sender<Standing>,
}

/// Where things stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Held,
    /// Not surely held any more; perhaps nobody else has it.
    Doubtful,
    /// Another's, or nobody's.
    Lost(Loss),
}

impl Standing {
    pub(crate) fn loss(self) -> Option<Loss> {
        match self {
            Standing::Held => None,
            Standing::Doubtful => Some(Loss::NotRenewed),
            Standing::Lost(loss) => Some(loss),
        }
    }
}

/// What the holder wants of its keeper. Gone without a word: as [`KeeperCall::GiveBack`] that nobody waits for.
pub(crate) enum KeeperCall {
    /// To make sure, and have it for the whole length again.
    Renew(oneshot::Sender<Result<(), Error>>),
    /// The end.
    GiveBack(
        Option<oneshot::Sender<Result<(), Error>>>,
        #[allow(dead_code, reason = "it counts while it lives")] Ending,
    ),
}

type PendingRenewal = Pin<Box<dyn Future<Output = (ClockReading, Result<Lasting, RunError>)> + Send>>;
type PendingSweep = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Kept {
    pub(crate) fn new(connection: Arc<Connection>, granted: &Granted) -> Kept {
        let grace = Duration::from_millis(granted.settings.grace.0);
        let timer = Mutex::new(granted.timer);
        Kept { connection, lease: granted.lease.clone(), grace, timer, standing: watch::Sender::new(Standing::Held) }
    }

    pub(crate) fn timer(&self) -> MutexGuard<'_, LeaseTimer> {
        self.timer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long it is surely held yet.
    pub(crate) fn left(&self) -> Duration {
        let now = ClockReading::read(&self.connection);
        self.timer().left(now)
    }

    /// Where things stand just now, whether or not the keeper has looked since.
    pub(crate) fn standing(&self) -> Standing {
        let known = *self.standing.borrow();
        if known == Standing::Held && self.left().is_zero() { Standing::Doubtful } else { known }
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    fn set(&self, standing: Standing) {
        if self.standing.send_replace(standing) == standing {
            return;
        }
        let lease = self.lease.id.clone();
        self.connection.tell(&match standing.loss() {
            Some(loss) => Event::Lost { lease, loss },
            None => Event::HeldAgain { lease },
        });
    }
}

/// Keeps a lease until its holder has done with it, and gives it back.
pub(crate) async fn keep(
    kept: Arc<Kept>,
    length: Option<Millis>,
    mut sweep: FallbackSweeper,
    mut calls: mpsc::UnboundedReceiver<KeeperCall>,
) {
    let mut renewal: Option<PendingRenewal> = None;
    let mut sweeping: Option<PendingSweep> = None;
    let mut asked: Vec<oneshot::Sender<Result<(), Error>>> = Vec::new();
    let (reply, ending) = loop {
        let due_in = kept.timer().due_in(ClockReading::read(&kept.connection));
        let pause = if renewal.is_some() { LOOK_EVERY } else { due_in.clamp(Duration::from_millis(1), LOOK_EVERY) };
        tokio::select! {
            biased;
            call = calls.recv() => match call {
                Some(KeeperCall::Renew(reply)) => {
                    asked.push(reply);
                    renewal.get_or_insert_with(|| renew(Arc::clone(&kept), length));
                }
                Some(KeeperCall::GiveBack(reply, ending)) => break (reply, Some(ending)),
                None => break (None, None),
            },
            (at, ran) = answer(&mut renewal) => {
                renewal = None;
                let result = renewed(&kept, at, ran);
                for reply in asked.drain(..) {
                    let _ = reply.send(result.clone());
                }
            }
            () = answer(&mut sweeping) => sweeping = None,
            () = sleep(pause) => {}
        }
        let now = ClockReading::read(&kept.connection);
        let standing = *kept.standing.borrow();
        let (over, due) = {
            let timer = kept.timer();
            (timer.over(now), timer.due(now))
        };
        if standing == Standing::Held && over {
            kept.set(Standing::Doubtful);
        }
        if renewal.is_none() && due && !matches!(standing, Standing::Lost(_)) {
            renewal = Some(renew(Arc::clone(&kept), length));
        }
        if sweeping.is_none() && sweep.is_due() {
            let kept = Arc::clone(&kept);
            sweeping = Some(Box::pin(async move { sweep.unless_fresh(&kept.connection, &kept.lease.id.prefix).await }));
        }
    };
    let result = end(&kept).await;
    if let Some(reply) = reply {
        let _ = reply.send(result);
    }
    drop(ending);
}

fn renew(kept: Arc<Kept>, length: Option<Millis>) -> PendingRenewal {
    Box::pin(async move {
        let asked = ClockReading::read(&kept.connection);
        let longer = async {
            let (runner, LeaseId { prefix, .. }) = (&kept.connection.runner, &kept.lease.id);
            let settings = runner.settings(prefix).await?;
            let longer = RenewRequest { id: kept.lease.id.clone(), lease: length };
            let Renewed { expires_at, .. } = runner.run(longer, Arc::clone(&settings)).await?;
            Ok(Lasting { expires_at, length: settings.lease_for(length) })
        };
        (asked, Box::pin(longer).await)
    })
}

/// A lease that was renewed: until when it lasts, and how long one does that is renewed now.
struct Lasting {
    expires_at: Timestamp,
    length: Millis,
}

fn renewed(kept: &Kept, asked: ClockReading, ran: Result<Lasting, RunError>) -> Result<(), Error> {
    let lost = |loss| Err(Error::Lost { lease: kept.lease.id.clone(), loss });
    let before = *kept.standing.borrow();
    let now = ClockReading::read(&kept.connection);
    match ran {
        Ok(Lasting { expires_at, length }) => {
            let over = {
                let mut timer = kept.timer();
                timer.renewed(expires_at, length, asked);
                timer.over(now)
            };
            if !over && before == Standing::Doubtful {
                kept.set(Standing::Held);
            }
            if over { lost(Loss::NotRenewed) } else { Ok(()) }
        }
        Err(RunError { failure: Failure::Lost(reason), .. }) => {
            kept.set(Standing::Lost(reason.into()));
            lost(reason.into())
        }
        Err(error) => {
            let expires_at = {
                let mut timer = kept.timer();
                timer.failed(now);
                timer.expires_at()
            };
            let (lease, why) = (kept.lease.id.clone(), error.to_string());
            if before == Standing::Held {
                kept.connection.tell(&Event::RenewalFailed { lease, expires_at: system_time(expires_at), why });
            }
            let table = kept.connection.table().name();
            Err(error.explain(table, &kept.lease.id.prefix, "renewing a lease of").into())
        }
    }
}

/// What comes of the requests that are under way, if any are.
async fn answer<T>(under_way: &mut Option<Pin<Box<dyn Future<Output = T> + Send>>>) -> T {
    match under_way {
        Some(requests) => requests.await,
        None => std::future::pending().await,
    }
}

/// Gives a lease back, as often as it takes within reason.
async fn end(kept: &Kept) -> Result<(), Error> {
    let Kept { connection, lease, .. } = kept;
    let standing = kept.standing();
    let lost = |loss| Err(Error::Lost { lease: lease.id.clone(), loss });
    if let Standing::Lost(loss) = standing {
        return lost(loss);
    }
    let giving = async {
        let (mut unsure, mut backoff) = (false, Backoff::new());
        loop {
            match Box::pin(connection.runner.run_on(&lease.id.prefix, ReleaseTarget::Lease(lease.id.clone()))).await {
                Ok(released) => return Ok(released.already && !unsure),
                Err(error) if may_pass(&error) => {}
                Err(error) => return Err(error),
            }
            // This try may be what gave it back, though it got no answer.
            unsure = true;
            sleep(backoff.next()).await;
        }
    };
    let tell = |why: String| connection.tell(&Event::NotGivenBack { lease: lease.id.clone(), why });
    match timeout(GIVE_BACK_WITHIN, giving).await {
        Ok(Ok(false)) => standing.loss().map_or(Ok(()), lost),
        Ok(Ok(true)) => {
            // Whoever is told nothing would believe that nobody else worked meanwhile.
            if standing == Standing::Held {
                connection.tell(&Event::LostUnnoticed { lease: lease.id.clone() });
            }
            lost(standing.loss().unwrap_or(Loss::Ended))
        }
        Ok(Err(error)) => {
            tell(error.to_string());
            Err(error.explain(connection.table().name(), &lease.id.prefix, "giving back a lease of").into())
        }
        Err(_) => {
            let why = format!("no answer within {GIVE_BACK_WITHIN:?}");
            tell(why.clone());
            let table = connection.table().name().to_owned();
            let context = leasehold_store::ErrorContext(format!("giving back lease {}", lease.id));
            Err(leasehold_store::StoreError::NoAnswer { context, table, why }.into())
        }
    }
}

/// A moment of the table's as the standard library has it.
pub(crate) fn system_time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(at.0)
}
