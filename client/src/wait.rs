//! The wait for a lease: when is it this holder's turn?
//! It joins the queue once, then looks at its own row, one small read at growing intervals, until that says that it holds a
//! slot; asking again as the same attempt then brings the lease.
//!
//! Whoever gives a slot back hands it to the head of the queue, so a waiter has nothing to do, but to look now and then
//! whether a lease has lapsed, as that of a waiter that died, or the pool has opened again. What is left, a sweep sees to.
//!
//! What was sent to the table may still happen: a wait that is cancelled lets its request end, if that is soon, then leaves
//! the queue.

use std::sync::Arc;
use std::time::Duration;

use leasehold_core::{
    AcquireOutcome, AcquireRequest, Attempt, Failure, HolderState, InvalidValue, Lease, Limit, LossReason, Millis,
    Mode, PoolName, ReleaseTarget, RetryAdvice, Row, RowKey, Settings, Ticket,
};
use leasehold_store::{RunError, StoreError};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use crate::cancellation::{ANSWER_WITHIN, Cancellation, Cancelled};
use crate::closure::why_closed;
use crate::connection::{Connection, Ending};
use crate::error::{Error, may_pass, trouble_may_pass};
use crate::event::Event;
use crate::fallback_sweeper::FallbackSweeper;
use crate::lease_timer::{ClockReading, LeaseTimer};
use crate::pauses::{Backoff, LookPauses};
use crate::reopening::Reopening;

/// How long leaving the queue may take.
const LEAVE_WITHIN: Duration = Duration::from_secs(5);

/// How long one that does not wait goes on asking a table that is too busy to say whether a slot is free.
const ASK_FOR: Duration = Duration::from_secs(5);

/// One that waits.
pub(crate) struct Wait {
    pub(crate) connection: Arc<Connection>,
    pub(crate) ask: AcquireRequest,
    pub(crate) pool: PoolName,
    /// The caller numbers its attempts: others may ask under the same name.
    pub(crate) numbered: bool,
}

/// A lease, and what it was granted by.
pub(crate) struct Granted {
    pub(crate) lease: Lease,
    pub(crate) timer: LeaseTimer,
    pub(crate) settings: Arc<Settings>,
}

/// Why waiting ended without a lease.
enum WaitEnd {
    Error(Error),
    Cancelled(Cancelled),
}

impl From<Cancelled> for WaitEnd {
    fn from(cancelled: Cancelled) -> WaitEnd {
        WaitEnd::Cancelled(cancelled)
    }
}

impl From<Error> for WaitEnd {
    fn from(error: Error) -> WaitEnd {
        WaitEnd::Error(error)
    }
}

impl From<StoreError> for WaitEnd {
    fn from(error: StoreError) -> WaitEnd {
        WaitEnd::Error(error.into())
    }
}

/// What asking came to.
enum AcquireResult {
    Granted(Box<Granted>),
    Queued,
    /// In words; and whether a slot is open all the same, for those in the queue.
    Full(String, bool),
    /// This attempt has ended.
    Over,
    /// Nobody knows what came of it, and why, if that is not only that others were at work.
    NoAnswer(Option<String>),
}

/// Of a table whose answer nobody waits for any more.
const TOO_LATE: &str = "the table did not answer in time";

/// What its own row says.
enum QueueStanding {
    /// In this place.
    Waits(Ticket),
    Turn,
    Nowhere,
    /// Why, unless the table is only busy.
    NoAnswer(Option<String>),
}

impl Wait {
    /// Until there is a lease, or no hope of one. Whatever else it comes to, the place in the queue is given up.
    pub(crate) async fn wait(mut self, cancelled: oneshot::Receiver<Ending>) -> Result<Granted, Error> {
        let (mut cancelled, began) = (Cancellation::new(cancelled), Instant::now());
        let settings = match self.settings(began, &mut cancelled).await {
            Ok(settings) => settings,
            Err(WaitEnd::Error(error)) => return Err(error),
            // Nothing was asked for yet.
            Err(WaitEnd::Cancelled(_ending)) => {
                return Err(Error::GivenUp { pool: self.pool, left: "nothing was asked for".into() });
            }
        };
        match Box::pin(self.wait_in_line(Arc::clone(&settings), began, &mut cancelled)).await {
            Ok(granted) => Ok(granted),
            Err(WaitEnd::Error(error)) => {
                let _ = self.leave(&settings).await;
                Err(error)
            }
            Err(WaitEnd::Cancelled(_ending)) => {
                let left = self.leave(&settings).await;
                Err(Error::GivenUp { pool: self.pool, left })
            }
        }
    }

    /// The settings. A table that is too busy is asked again for as long as it is waited at all; one that gives no answer, only
    /// for a moment: perhaps there is none where it is looked for.
    async fn settings(&self, began: Instant, cancelled: &mut Cancellation) -> Result<Arc<Settings>, WaitEnd> {
        let patient = self.ask.mode != Mode::Poll;
        let wait = self.ask.wait.map_or(Duration::MAX, |wait| Duration::from_millis(wait.0));
        let patience = if patient { wait } else { ASK_FOR };
        let (mut backoff, mut trouble) = (Backoff::new(), None);
        loop {
            let wrong = match cancelled.unless_cancelled(self.connection.runner.settings(&self.pool)).await? {
                Ok(settings) => return Ok(settings),
                Err(wrong) if trouble_may_pass(&wrong) => wrong,
                Err(wrong) => return Err(wrong.into()),
            };
            let busy = matches!(wrong, StoreError::Throttled { .. });
            let most = if busy { patience } else { patience.min(ASK_FOR) };
            let left = most.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Err(match self.ask.wait.filter(|_| busy && patient) {
                    Some(wait) => self.no_lease(wait, waited(wait, false, Some(wrong.to_string()))).into(),
                    None => wrong.into(),
                });
            }
            self.in_trouble(&mut trouble, false, Some(wrong.to_string()));
            cancelled.pause(backoff.next().min(left)).await?;
        }
    }

    async fn wait_in_line(
        &mut self,
        settings: Arc<Settings>,
        began: Instant,
        cancelled: &mut Cancellation,
    ) -> Result<Granted, WaitEnd> {
        let patience = self.ask.wait.map_or(settings.longest_wait, |wait| wait.min(settings.longest_wait));
        let patient = self.ask.mode != Mode::Poll;
        let until = began + if patient { Duration::from_millis(patience.0) } else { ASK_FOR };
        let (mut pauses, mut backoff) = (LookPauses::new(&settings), Backoff::new());
        let (mut sweep, mut reopening) = (FallbackSweeper::new(&settings), Reopening::new(&settings));
        let (mut told, mut trouble, mut swept) = (false, None, false);
        // By the table's time, which the settings' reply told.
        self.ask.attempt.get_or_insert_with(|| Attempt::first(self.connection.runner.now()));
        let mut first = true;
        loop {
            cancelled.check()?;
            let Some(asked) = cancelled.within(until, self.once(until, first)).await? else {
                let patience = if patient { patience } else { Millis(0) };
                let why = trouble.unwrap_or_else(|| TOO_LATE.into());
                return Err(self.no_lease(patience, waited(patience, told, Some(why))).into());
            };
            match asked? {
                AcquireResult::Granted(granted) => return Ok(*granted),
                // It was granted a lease, and did not look before that expired and went to another: it joins again.
                AcquireResult::Over if Instant::now() < until => {
                    let left = until.saturating_duration_since(Instant::now()).as_millis();
                    self.ask.wait = Some(Millis(u64::try_from(left).unwrap_or(u64::MAX).max(1)));
                    self.ask.attempt = self.ask.attempt.map(Attempt::next);
                    first = false;
                    // Leases so short that none is ever seen in time are not asked for without end.
                    cancelled.pause(pauses.next()).await?;
                    continue;
                }
                AcquireResult::Over => return Err(self.no_lease(patience, waited(patience, told, trouble)).into()),
                // Those who wait may be dead, and where no lease manager is, nobody else may come who sweeps.
                AcquireResult::Full(_, true) if !std::mem::replace(&mut swept, true) => {
                    self.put_in_order(&mut sweep, &settings, until, cancelled).await?;
                    continue;
                }
                AcquireResult::Full(why, _) => return Err(self.no_lease(Millis(0), why).into()),
                AcquireResult::Queued => {
                    backoff.reset();
                    trouble = None;
                    if !std::mem::replace(&mut told, true) {
                        let (pool, closed) = (self.pool.clone(), why_closed(&self.connection, &self.pool).await);
                        let patience = Duration::from_millis(patience.0);
                        self.connection.tell(&Event::Queued { pool, patience, closed });
                    }
                }
                // A crowd that collided, or a table that is too busy: not all again at once.
                AcquireResult::NoAnswer(why) => {
                    self.in_trouble(&mut trouble, told, why);
                    let left = until.saturating_duration_since(Instant::now());
                    cancelled.pause(backoff.next().min(left)).await?;
                    if !patient {
                        continue;
                    }
                }
            }
            let mut waits_at = None;
            loop {
                let left = until.saturating_duration_since(Instant::now());
                let last = left.is_zero();
                if last && !std::mem::replace(&mut swept, true) {
                    self.put_in_order(&mut sweep, &settings, until, cancelled).await?;
                } else if !last {
                    cancelled.pause(pauses.next().min(left).min(reopening.due_in())).await?;
                }
                let standing = cancelled.within(until, self.look()).await?;
                let late = || Ok(QueueStanding::NoAnswer(Some(TOO_LATE.into())));
                let standing = standing.unwrap_or_else(late)?;
                match &standing {
                    QueueStanding::NoAnswer(why) => self.in_trouble(&mut trouble, told, why.clone()),
                    QueueStanding::Waits(_) | QueueStanding::Turn => trouble = None,
                    // What it asked for may still happen.
                    QueueStanding::Nowhere => {}
                }
                match standing {
                    QueueStanding::Turn => break,
                    _ if last => {
                        let closed = cancelled.within(until, why_closed(&self.connection, &self.pool)).await?.flatten();
                        let closed = closed.map(|closed| format!("; the pool {closed}")).unwrap_or_default();
                        return Err(self.no_lease(patience, waited(patience, told, trouble) + &closed).into());
                    }
                    QueueStanding::Waits(_) if sweep.may_have_lapsed() => {
                        let swept = sweep.if_lapsed(&self.connection, &settings);
                        cancelled.within(until, swept).await?.unwrap_or(Ok(()))?;
                    }
                    QueueStanding::Waits(ticket) => {
                        backoff.reset();
                        waits_at = Some(ticket);
                    }
                    QueueStanding::NoAnswer(_) => cancelled.pause(backoff.next().min(left)).await?,
                    // It was not there when it was asked for: a reply was lost. Or it was released by force.
                    QueueStanding::Nowhere => break,
                }
                let seen = reopening.see_to_it(&self.connection, &self.pool, sweep.crowd());
                cancelled.within(until, seen).await?;
                if sweep.is_due() {
                    cancelled.within(until, sweep.unless_fresh(&self.connection, &self.pool)).await?;
                    // Somebody deleted its place by hand, and no granter sees it any more: asking again puts it back.
                    if let Some(ticket) = waits_at.take()
                        && cancelled.within(until, self.has_no_place(ticket)).await? == Some(true)
                    {
                        break;
                    }
                }
            }
        }
    }

    /// The table gives no usable answer. That is told once, not at each try.
    fn in_trouble(&self, trouble: &mut Option<String>, queued: bool, why: Option<String>) {
        let Some(why) = why else { return };
        if trouble.replace(why.clone()).is_none() {
            self.connection.tell(&Event::NoAnswer { pool: self.pool.clone(), queued, why });
        }
    }

    /// Sees to what is left of those who died, if nobody does: whoever asks for a moment only would never do it otherwise.
    async fn put_in_order(
        &self,
        sweep: &mut FallbackSweeper,
        settings: &Settings,
        until: Instant,
        cancelled: &mut Cancellation,
    ) -> Result<(), WaitEnd> {
        cancelled.within(until, sweep.if_lapsed(&self.connection, settings)).await?.unwrap_or(Ok(()))?;
        cancelled.within(until, sweep.unless_fresh(&self.connection, &self.pool)).await?;
        Ok(())
    }

    /// Asks once. `until` then it may be asked again if nothing came of it; a little longer by who may have been granted a
    /// lease; `first`: nothing was granted yet.
    async fn once(&self, until: Instant, first: bool) -> Result<AcquireResult, WaitEnd> {
        let ask = &self.ask;
        let patient = ask.mode != Mode::Poll;
        let runner = &self.connection.runner;
        let asking = async {
            let settings = runner.settings(&self.pool).await?;
            let asked = ClockReading::read(&self.connection);
            let outcome = Box::pin(runner.run(ask.clone(), Arc::clone(&settings))).await?;
            Ok::<_, RunError>((settings, asked, outcome))
        };
        let (settings, asked, outcome) = match asking.await {
            Ok(all) => all,
            // It is still there, and the same attempt may have it for longer.
            Err(RunError { failure: Failure::Lost(LossReason::ExpiredUntold), .. }) if patient => {
                return Ok(AcquireResult::NoAnswer(None));
            }
            // An attempt that the caller numbered has ended if it was over before it began.
            Err(RunError { failure: failure @ Failure::Lost(_), .. }) => {
                return if self.numbered && first {
                    Err(self.superseded(&failure).into())
                } else {
                    Ok(AcquireResult::Over)
                };
            }
            Err(RunError { failure: failure @ Failure::HolderConflict(_), .. }) => {
                return Err(self.superseded(&failure).into());
            }
            Err(RunError { failure: Failure::Throttled, .. }) if Instant::now() < until => {
                return Ok(AcquireResult::NoAnswer(None));
            }
            Err(error) if patient && may_pass(&error) && Instant::now() < until + ANSWER_WITHIN => {
                let why = error.explain(runner.table().name(), &self.pool, "asking for a lease of");
                return Ok(AcquireResult::NoAnswer(Some(why.to_string())));
            }
            Err(error) => {
                return Err(error.explain(runner.table().name(), &self.pool, "asking for a lease of").into());
            }
        };
        Ok(match outcome {
            AcquireOutcome::Acquired(lease) => {
                let length = settings.lease_for(ask.lease);
                let timer = LeaseTimer::new(lease.expires_at, length, asked);
                AcquireResult::Granted(Box::new(Granted { lease, timer, settings }))
            }
            AcquireOutcome::Queued => AcquireResult::Queued,
            AcquireOutcome::Wait(RetryAdvice { held, waiting, waiting_more, .. }) => {
                let more = if waiting_more { " or more" } else { "" };
                let full = format!("{held} of {} are held and {waiting}{more} wait", settings.limit);
                let closed = Box::pin(why_closed(&self.connection, &self.pool)).await;
                let open = closed.is_none() && held < settings.limit.count();
                let why = match closed {
                    Some(closed) => format!("it {closed}; {full}"),
                    None if open && waiting == 0 => format!("{full}; a lease that has expired is kept for its grace"),
                    None => full,
                };
                AcquireResult::Full(why, open && waiting > 0)
            }
        })
    }

    /// Looks at its own row, for half the price of a certain answer: one that is a second late is corrected by the next.
    async fn look(&self) -> Result<QueueStanding, WaitEnd> {
        let key = RowKey::Holder(self.ask.holder.hashed());
        match self.connection.table().glance(&self.pool, key).await {
            Ok(Some(Row::Holder(row))) => Ok(match row.state {
                HolderState::Waiting { ticket, .. } => QueueStanding::Waits(ticket),
                HolderState::Holding { .. } => QueueStanding::Turn,
                HolderState::Ended => QueueStanding::Nowhere,
            }),
            Ok(_) => Ok(QueueStanding::Nowhere),
            Err(StoreError::Throttled { .. }) => Ok(QueueStanding::NoAnswer(None)),
            Err(wrong) if trouble_may_pass(&wrong) => Ok(QueueStanding::NoAnswer(Some(wrong.to_string()))),
            Err(wrong) => Err(wrong.into()),
        }
    }

    /// Whether nothing lies in the queue where its own row says that it waits. It may be granted at this moment: who asks
    /// again for nothing is told so.
    async fn has_no_place(&self, ticket: Ticket) -> bool {
        matches!(self.connection.table().glance(&self.pool, RowKey::Wait(ticket)).await, Ok(None))
    }

    /// Gives up the place in the queue, or the slot that was granted meanwhile. What became of it, in words.
    async fn leave(&self, settings: &Settings) -> String {
        // Of whichever attempt it is, where nobody else has its name; else only of its own.
        let what = ReleaseTarget::Holder(self.ask.holder.clone(), self.ask.attempt.filter(|_| self.numbered));
        let release = async {
            let mut backoff = Backoff::new();
            loop {
                match Box::pin(self.connection.runner.run_on(&self.pool, what.clone())).await {
                    Err(error) if may_pass(&error) => sleep(backoff.next()).await,
                    // The pool is retired: its place would lie there, also when the pool is made again. Nobody is let in.
                    Err(RunError { failure: Failure::PoolNotFound, .. }) => {
                        let retired = Settings { limit: Limit::ZERO, ..settings.clone() };
                        return Box::pin(self.connection.runner.run(what.clone(), Arc::new(retired))).await;
                    }
                    done => return done,
                }
            }
        };
        let why = match timeout(LEAVE_WITHIN, release).await {
            Ok(Ok(_)) => return "left the queue".into(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {LEAVE_WITHIN:?}"),
        };
        format!("its place in the queue could not be given up and ends by itself ({why})")
    }

    fn no_lease(&self, patience: Millis, why: String) -> Error {
        let table = self.connection.table().name().to_owned();
        Error::NoLease { pool: self.pool.clone(), table, patience: Duration::from_millis(patience.0), why }
    }

    fn superseded(&self, failure: &Failure) -> Error {
        Error::Superseded { pool: self.pool.clone(), why: failure.to_string() }
    }
}

/// What it did all the time: whether it was `told` its place in the queue, and the `trouble` it had with the table last.
fn waited(patience: Millis, told: bool, trouble: Option<String>) -> String {
    match trouble {
        Some(why) if told => format!("the table gave no usable answer in the end: {why}"),
        Some(why) => format!("it could not join the queue: {why}"),
        None => format!("it waited for {:?}", Duration::from_millis(patience.0)),
    }
}

/// A length of time as the protocol has it.
pub(crate) fn millis(what: &'static str, length: Duration) -> Result<Millis, InvalidValue> {
    let within = |millis: u128| u64::try_from(millis).ok().filter(|millis| *millis < 366 * 24 * 3_600_000 + 1);
    within(length.as_millis()).map(Millis).ok_or_else(|| InvalidValue {
        what,
        got: format!("{length:?}"),
        expected: "at most 366 days",
    })
}
