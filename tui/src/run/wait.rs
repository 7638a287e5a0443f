//! The wait for a lease: when is it this command's turn?
//! It joins the queue once, then looks at its own holder's row, one small read at growing intervals, until that says
//! that it holds a slot; asking again as the same attempt then brings the lease.
//!
//! Whoever gives a slot back hands it to the head of the queue, so a waiter has nothing to do, but to look now and then
//! whether a lease has lapsed, as that of a waiter that died. What is left, a sweep sees to.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use leasehold_core::{
    AcquireOutcome, AcquireRequest, Attempt, Failure, HolderState, Lease, LossReason, Millis, Mode, PoolName,
    ReleaseTarget, RetryAdvice, Row, RowKey, Settings,
};
use leasehold_store::{RunError, StoreError};
use tokio::time::{Instant, sleep, timeout};

use super::fallback_sweeper::FallbackSweeper;
use super::lease_timer::{ClockReading, LeaseTimer};
use super::signals::Signals;
use crate::duration;
use crate::error::CliError;
use crate::operation::{may_pass, own_row, trouble_may_pass};
use crate::output::complain;
use crate::target::CliRunner;

/// The first pause between two looks; each is half as long again as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest: a slot that is granted stands idle for at most so long.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long leaving the queue may take.
const LEAVE_WITHIN: Duration = Duration::from_secs(10);

/// One that waits.
pub(crate) struct LeaseWait<'a> {
    pub(crate) runner: &'a CliRunner,
    pub(crate) prefix: &'a PoolName,
    pub(crate) ask: AcquireRequest,
    pub(crate) quiet: bool,
}

/// What waiting came to.
pub(crate) enum WaitResult {
    /// A lease.
    Granted(Box<Granted>),
    /// No lease in time.
    TooLate(String),
    /// A signal.
    Stopped {
        /// Which.
        signal: u8,
        /// What became of the place in the queue.
        left: String,
    },
}

/// A lease, and what it was granted by.
pub(crate) struct Granted {
    pub(crate) lease: Lease,
    pub(crate) timer: LeaseTimer,
    pub(crate) settings: Arc<Settings>,
}

/// Why waiting ended before its time.
enum WaitEnd {
    Result(WaitResult),
    Error(CliError),
    /// A signal; the second one if it came twice.
    Signal(u8, bool),
}

impl From<CliError> for WaitEnd {
    fn from(error: CliError) -> WaitEnd {
        WaitEnd::Error(error)
    }
}

impl From<StoreError> for WaitEnd {
    fn from(error: StoreError) -> WaitEnd {
        WaitEnd::Error(error.into())
    }
}

impl LeaseWait<'_> {
    /// Until there is a lease, or no hope of one. Whatever else it comes to, the place in the queue is given up.
    pub(crate) async fn wait(&self, signals: &mut Signals) -> Result<WaitResult, CliError> {
        // Nothing is asked for yet: what goes wrong here is told at once.
        let settings = match finish(signals, self.runner.settings(self.prefix)).await {
            Ok(settings) => settings?,
            Err((signal, _)) => return Ok(WaitResult::Stopped { signal, left: "the command was not started".into() }),
        };
        match self.wait_in_line(settings, signals).await {
            Ok(granted) => Ok(WaitResult::Granted(Box::new(granted))),
            Err(WaitEnd::Result(result)) => {
                let _ = self.leave(signals).await;
                Ok(result)
            }
            Err(WaitEnd::Error(error)) => {
                let _ = self.leave(signals).await;
                Err(error)
            }
            Err(WaitEnd::Signal(signal, true)) => {
                let left = "its place in the queue was not given up: it ends by itself; the command was not started";
                Ok(WaitResult::Stopped { signal, left: left.into() })
            }
            Err(WaitEnd::Signal(signal, false)) => {
                let left = self.leave(signals).await;
                Ok(WaitResult::Stopped { signal, left: format!("{left}; the command was not started") })
            }
        }
    }

    async fn wait_in_line(&self, settings: Arc<Settings>, signals: &mut Signals) -> Result<Granted, WaitEnd> {
        let began = Instant::now();
        let patience = self.ask.wait.map_or(settings.longest_wait, |wait| wait.min(settings.longest_wait));
        let until = began + Duration::from_millis(patience.0);
        let mut pauses = Pauses::new(&settings);
        let mut sweep = FallbackSweeper::new(&settings);
        let mut told = self.quiet;
        // By the table's time, which the settings' reply told.
        let attempt = Some(Attempt::first(self.runner.now()));
        let mut ask = AcquireRequest { attempt, ..self.ask.clone() };
        loop {
            match self.once(&ask, signals).await? {
                AcquireResult::Granted(granted) => return Ok(*granted),
                // It was granted a lease, and did not look before that expired and went to another: it joins again.
                AcquireResult::Over if Instant::now() < until => {
                    let left = until.saturating_duration_since(Instant::now()).as_millis();
                    ask.wait = Some(Millis(u64::try_from(left).unwrap_or(u64::MAX).max(1)));
                    ask.attempt = ask.attempt.map(Attempt::next);
                    // Leases so short that none is ever seen in time are not asked for without end.
                    tokio::select! {
                        biased;
                        signal = signals.stop() => return Err(WaitEnd::Signal(signal, false)),
                        () = sleep(pauses.next()) => {}
                    }
                    continue;
                }
                AcquireResult::Over => {
                    return Err(WaitEnd::Result(WaitResult::TooLate(self.too_late(patience, &waited(patience)))));
                }
                AcquireResult::Full(why) => {
                    return Err(WaitEnd::Result(WaitResult::TooLate(self.too_late(Millis(0), &why))));
                }
                AcquireResult::Queued if !told => {
                    told = true;
                    let (prefix, patience) = (self.prefix, duration::words(patience));
                    let closed = if settings.limit.count() == 0 { "lets nobody in, its limit is 0" } else { "is full" };
                    complain(&format!(
                        "pool {prefix} {closed}: waiting in its queue, for at most {patience} (ctrl-C leaves it)"
                    ));
                }
                AcquireResult::Queued | AcquireResult::NoAnswer => {}
            }
            loop {
                let last = Instant::now() >= until;
                if !last {
                    let pause = pauses.next().min(until.saturating_duration_since(Instant::now()));
                    tokio::select! {
                        biased;
                        signal = signals.stop() => return Err(WaitEnd::Signal(signal, false)),
                        () = sleep(pause) => {}
                    }
                }
                match self.look(signals).await? {
                    QueueStanding::Turn => break,
                    _ if last => {
                        return Err(WaitEnd::Result(WaitResult::TooLate(self.too_late(patience, &waited(patience)))));
                    }
                    QueueStanding::Waits if sweep.may_have_lapsed(&settings) => {
                        let settled = FallbackSweeper::if_lapsed(self.runner, &settings);
                        finish(signals, settled).await.map_err(WaitEnd::signal)?;
                    }
                    QueueStanding::Waits | QueueStanding::NoAnswer => {}
                    // It was not there when it was asked for: a reply was lost. Or it was released by force.
                    QueueStanding::Nowhere => break,
                }
                if sweep.is_due() {
                    finish(signals, sweep.unless_fresh(self.runner, self.prefix)).await.map_err(WaitEnd::signal)?;
                }
            }
        }
    }

    /// Asks once.
    async fn once(&self, ask: &AcquireRequest, signals: &mut Signals) -> Result<AcquireResult, WaitEnd> {
        let patient = ask.mode != Mode::Poll;
        let asking = async {
            let settings = self.runner.settings(self.prefix).await?;
            let asked = ClockReading::read(self.runner);
            let outcome = self.runner.run(ask.clone(), Arc::clone(&settings)).await?;
            Ok::<_, RunError>((settings, asked, outcome))
        };
        let (settings, asked, outcome) = match finish(signals, asking).await.map_err(WaitEnd::signal)? {
            Ok(all) => all,
            // It is still there, and the same attempt may have it for longer.
            Err(RunError { failure: Failure::Lost(LossReason::ExpiredUntold), .. }) if patient => {
                return Ok(AcquireResult::NoAnswer);
            }
            Err(RunError { failure: Failure::Lost(_), .. }) => return Ok(AcquireResult::Over),
            Err(error) if patient && may_pass(&error) => return Ok(AcquireResult::NoAnswer),
            Err(error) => {
                return Err(error.explain(self.runner.table().name(), self.prefix, "asking for a lease of").into());
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
                AcquireResult::Full(format!("{held} of {} are held and {waiting}{more} wait", settings.limit))
            }
        })
    }

    /// Looks at its own holder's row.
    async fn look(&self, signals: &mut Signals) -> Result<QueueStanding, WaitEnd> {
        let row = own_row(self.runner.table(), self.prefix, RowKey::Holder(self.ask.holder.hashed()));
        match finish(signals, row).await.map_err(WaitEnd::signal)? {
            Ok(Some(Row::Holder(row))) => Ok(match row.state {
                HolderState::Waiting { .. } => QueueStanding::Waits,
                HolderState::Holding { .. } => QueueStanding::Turn,
                HolderState::Ended => QueueStanding::Nowhere,
            }),
            Ok(_) => Ok(QueueStanding::Nowhere),
            Err(wrong) if trouble_may_pass(&wrong) => Ok(QueueStanding::NoAnswer),
            Err(wrong) => Err(wrong.into()),
        }
    }

    /// Gives up the place in the queue, or the slot that was granted meanwhile. What became of it, in words.
    async fn leave(&self, signals: &mut Signals) -> String {
        // On whichever attempt it is: nobody else has its name.
        let what = ReleaseTarget::Holder(self.ask.holder.clone(), None);
        let release = self.runner.run_on(self.prefix, what);
        let why = match timeout(LEAVE_WITHIN, finish(signals, release)).await {
            Ok(Ok(Ok(_))) => return "left the queue".into(),
            Ok(Ok(Err(error))) => error.to_string(),
            Ok(Err(_)) | Err(_) => format!("no answer within {}", duration::whole(LEAVE_WITHIN)),
        };
        format!("its place in the queue could not be given up and ends by itself ({why})")
    }

    fn too_late(&self, patience: Millis, why: &str) -> String {
        let (prefix, table, within) = (self.prefix, self.runner.table().name(), duration::words(patience));
        let within = if patience == Millis(0) { "just now".into() } else { format!("within {within}") };
        format!(
            "no lease of pool {prefix} in table {table} {within}: {why}; the command was not started; try again later"
        )
    }
}

impl WaitEnd {
    fn signal((signal, twice): (u8, bool)) -> WaitEnd {
        WaitEnd::Signal(signal, twice)
    }
}

fn waited(patience: Millis) -> String {
    format!("it waited for {}", duration::words(patience))
}

/// What asking came to.
enum AcquireResult {
    Granted(Box<Granted>),
    Queued,
    Full(String),
    /// This attempt has ended.
    Over,
    NoAnswer,
}

/// What its own row says.
enum QueueStanding {
    Waits,
    Turn,
    Nowhere,
    NoAnswer,
}

/// Works to its end even if a signal asks to stop, as what was sent to the table may still happen; then says which
/// signal. A second one is not kept waiting.
async fn finish<T>(signals: &mut Signals, work: impl Future<Output = T>) -> Result<T, (u8, bool)> {
    let mut work = pin!(work);
    let mut first = None;
    loop {
        tokio::select! {
            biased;
            done = &mut work => return first.map_or(Ok(done), |signal| Err((signal, false))),
            signal = signals.stop() => match first {
                None => first = Some(signal),
                Some(_) => return Err((signal, true)),
            },
        }
    }
}

/// The pauses between two looks, a quarter more or less each, so that those who came together spread.
struct Pauses {
    next: Duration,
    longest: Duration,
}

impl Pauses {
    fn new(settings: &Settings) -> Pauses {
        // A tenth of a lease is what a slot may stand idle for at most.
        let longest = Duration::from_millis(settings.lease.0 / 10).min(LONGEST_PAUSE);
        Pauses { next: FIRST_PAUSE.min(longest), longest }
    }

    fn next(&mut self) -> Duration {
        let pause = self.next.mul_f64(0.75 + fastrand::f64() / 2.0);
        self.next = (self.next * 3 / 2).min(self.longest);
        pause
    }
}
