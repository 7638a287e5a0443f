//! How is a lease kept while its command runs? Renewed at a third of its length, until the command ends; then given
//! back. Signals go to the command. A lease that is lost is told, and ends the command if that was asked for.

use std::pin::Pin;
use std::time::Duration;

use leasehold_core::machine::{Failure, Operation, Outcome};
use leasehold_core::nouns::{Lease, Millis};
use leasehold_core::release::What;
use leasehold_core::renew::Longer;
use leasehold_store::StoreError;
use leasehold_store::run::Ran;
use signal_hook::consts::{SIGCONT, SIGKILL, SIGTERM, SIGTSTP};
use tokio::time::{Instant, sleep, timeout};

use super::command::Started;
use super::say;
use super::signals::{Signal, Signals, pause};
use super::sweep::SweepIfNobodyDoes;
use super::term::{Now, Term};
use crate::place::Runner;
use crate::words::Trouble;

/// How often the clocks are read: a machine that slept is noticed so soon after.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long giving the lease back may take, with all its repeats.
const GIVE_BACK_WITHIN: Duration = Duration::from_secs(20);

/// The pause before giving it back is tried again.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// A lease, and how it is to be kept.
pub(crate) struct Hold<'a> {
    pub(crate) runner: &'a Runner,
    pub(crate) lease: Lease,
    /// How long it was asked for: less than the pool's lease, or none.
    pub(crate) length: Option<Millis>,
    /// How long the command has between TERM and KILL when the lease is lost; none: it is only warned of.
    pub(crate) kill_after: Option<Millis>,
}

/// What became of the command.
pub(crate) enum Held {
    /// It ended, with this status.
    Ended(u8),
    /// It was ended because its lease was lost.
    Killed(String),
}

/// Where things stand.
enum Standing {
    Held,
    /// Not surely held any more; perhaps nobody else has it.
    Doubtful,
    /// Another's, or nobody's.
    Lost,
}

/// When the command is killed, and why.
struct Kill {
    at: Instant,
    why: String,
}

/// Requests under way while the command runs.
type Sweep<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;
type Renewal<'a> = Pin<Box<dyn Future<Output = (Now, Result<Ran, StoreError>)> + 'a>>;

impl Hold<'_> {
    /// Keeps the lease until the command ends, and gives it back.
    pub(crate) async fn until_it_ends(
        &self,
        mut command: Started,
        mut term: Term,
        mut sweep: SweepIfNobodyDoes,
        signals: &mut Signals,
    ) -> Result<Held, Trouble> {
        let mut standing = Standing::Held;
        let mut renewal: Option<Renewal<'_>> = None;
        let mut sweeping: Option<Sweep<'_>> = None;
        let mut kill: Option<Kill> = None;
        let status = loop {
            tokio::select! {
                biased;
                ended = command.end() => break ended,
                signal = signals.next() => forward(signal, &command),
                (asked, ran) = answer(&mut renewal) => {
                    renewal = None;
                    standing = self.renewed(asked, ran, &mut term, standing);
                    if let Standing::Lost = standing {
                        self.lost("another may hold it, or nobody", &command, &mut kill);
                    }
                }
                () = answer(&mut sweeping) => sweeping = None,
                () = sleep(LOOK_EVERY) => {}
            }
            let now = Now::read();
            if matches!(standing, Standing::Held) && term.over(now) {
                standing = Standing::Doubtful;
                self.lost("it was not renewed in time", &command, &mut kill);
            }
            if renewal.is_none() && kill.is_none() && !matches!(standing, Standing::Lost) && term.due(now) {
                renewal = Some(Box::pin(self.renew()));
            }
            if sweeping.is_none() && sweep.is_due() {
                sweeping = Some(Box::pin(sweep.unless_fresh(self.runner, &self.lease.id.prefix)));
            }
            if kill.as_ref().is_some_and(|kill| Instant::now() >= kill.at) {
                command.signal(SIGKILL);
            }
        };
        if let Some(kill) = &kill {
            command.end_of_its_group(kill.at).await;
        }
        if let Standing::Held | Standing::Doubtful = standing {
            let gone = give_back(self.runner, &self.lease).await;
            // Whoever is told nothing would believe that nobody else ran meanwhile.
            if gone && matches!(standing, Standing::Held) {
                say(&format!("lease {} was lost while the command ran: another may have held it", self.lease.id));
            }
        }
        let status = status?;
        Ok(kill.map_or(Held::Ended(status), |kill| Held::Killed(kill.why)))
    }

    async fn renew(&self) -> (Now, Result<Ran, StoreError>) {
        let asked = Now::read();
        let longer = Longer { id: self.lease.id.clone(), lease: self.length };
        (asked, self.runner.run_on(&self.lease.id.prefix, Operation::Renew(longer)).await)
    }

    fn renewed(&self, asked: Now, ran: Result<Ran, StoreError>, term: &mut Term, before: Standing) -> Standing {
        let why = match ran {
            Ok(Ran { outcome: Outcome::Renewed { expires_at, .. }, .. }) => {
                term.renewed(expires_at, asked);
                if matches!(before, Standing::Doubtful) && !term.over(Now::read()) {
                    say(&format!("lease {} is held again: nobody else had it meanwhile", self.lease.id));
                    return Standing::Held;
                }
                return before;
            }
            Ok(Ran { outcome: Outcome::Failed(Failure::Lost(_)), .. }) => return Standing::Lost,
            Ok(Ran { trouble: Some(trouble), .. }) => trouble.to_string(),
            Ok(Ran { outcome, .. }) => format!("{outcome:?}"),
            Err(wrong) => wrong.to_string(),
        };
        term.failed(Now::read());
        if matches!(before, Standing::Held) {
            let until = crate::length::moment(term.expires_at());
            say(&format!("lease {} could not be renewed and lasts until {until}; trying again: {why}", self.lease.id));
        }
        before
    }

    fn lost(&self, why: &str, command: &Started, kill: &mut Option<Kill>) {
        let id = &self.lease.id;
        match self.kill_after {
            None => say(&format!("lease {id} is lost: {why}; the command goes on without it")),
            Some(_) if kill.is_some() => {}
            Some(after) => {
                *kill = Some(Kill {
                    at: Instant::now() + Duration::from_millis(after.0),
                    why: format!("its lease {id} is lost: {why}"),
                });
                command.signal(SIGTERM);
                // One that is stopped would not hear it.
                command.signal(SIGCONT);
            }
        }
    }
}

/// What comes of the requests that are under way, if any are.
async fn answer<T>(under_way: &mut Option<Pin<Box<dyn Future<Output = T> + '_>>>) -> T {
    match under_way {
        Some(requests) => requests.await,
        None => std::future::pending().await,
    }
}

/// Passes a signal on, unless the command got it from the terminal as this process did. Both stop and go on together.
fn forward(signal: Signal, command: &Started) {
    if !(signal.to_all && command.shares_the_terminal()) {
        command.signal(signal.number);
    }
    if signal.number == SIGTSTP {
        pause();
    }
}

/// Gives a lease back, as often as it takes within reason. Whether it was gone already.
pub(crate) async fn give_back(runner: &Runner, lease: &Lease) -> bool {
    let giving = async {
        let mut unsure = false;
        loop {
            let release = Operation::Release(What::Lease(lease.id.clone()));
            let why = match runner.run_on(&lease.id.prefix, release).await {
                Ok(Ran { outcome: Outcome::Released { already, .. }, .. }) => return Ok(already && !unsure),
                Ok(Ran { trouble: Some(trouble), .. }) => trouble,
                Ok(Ran { outcome: Outcome::Failed(Failure::Throttled | Failure::Unavailable), .. }) => {
                    unsure = true;
                    sleep(TRY_AGAIN_AFTER).await;
                    continue;
                }
                Ok(ran) => return Err(format!("{:?}", ran.outcome)),
                Err(wrong) => wrong,
            };
            if !matches!(why, StoreError::Busy { .. } | StoreError::NoAnswer { .. }) {
                return Err(why.to_string());
            }
            // This try may be what gave it back, though it got no answer.
            unsure = true;
            sleep(TRY_AGAIN_AFTER).await;
        }
    };
    let why = match timeout(GIVE_BACK_WITHIN, giving).await {
        Ok(Ok(gone)) => return gone,
        Ok(Err(why)) => why,
        Err(_) => format!("no answer within {GIVE_BACK_WITHIN:?}"),
    };
    say(&format!("lease {} could not be given back and expires by itself: {why}", lease.id));
    false
}
