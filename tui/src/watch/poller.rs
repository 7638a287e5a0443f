//! The poller: what is read, and how often?
//! The directory for all pools, then the pools on screen, and now and then those that no sweep tells of; never more than
//! a small budget, so that what the watching costs follows what is shown and not how large the table is.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use futures_util::future::join_all;

use leasehold_core::{Millis, PoolName, RowKey, Settings, Timestamp};
use leasehold_store::{ListedPool, PoolLook, RowError, StoreError, Table, list_pools, look, rows};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::input::{DamagedPool, DirectoryEntry, Input, LimitRules, PoolDirectory, ReadCost, Subscription};

/// How often the directory is read at most: sweeps bring news once a minute by default.
const DIRECTORY_EVERY: Duration = Duration::from_secs(10);

/// The directory of a large table takes many units (10,000 pools about 500): it is read so much less often that it
/// costs no more than 10 units a second.
const DIRECTORY_UNIT: Duration = Duration::from_millis(100);

/// How many units a second the pools on screen may take. A pool with a limit of 15 takes 1 unit a look.
const UNITS_A_SECOND: f64 = 50.0;

/// The units of so many seconds may be taken at once after a rest.
const RESTED: f64 = 2.0;

/// How often a pool is read that is not on screen, and that no sweep has told of for too long: as where only
/// `leasehold run` is used. Sweeps would tell as often.
const UNSWEPT_EVERY: Duration = Duration::from_secs(60);

/// How many of the units a second may be taken for those; with more pools than that, each is read the less often.
const UNSWEPT_UNITS_A_SECOND: f64 = 10.0;

/// How many pools are read at the same time.
const AT_ONCE: usize = 16;

/// The first pause after a failure; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Over how long costs are added up.
const COUNTED: Duration = Duration::from_secs(60);

/// Reads the table until nobody wants to know any more. `every` is how often what is on screen is read.
pub async fn poll(
    table: Table,
    every: Duration,
    mut subscription: watch::Receiver<Subscription>,
    inputs: mpsc::Sender<Input>,
) {
    let mut reader = TableReader::new(table, every, inputs);
    let (mut refreshed, mut failures) = (0, 0);
    loop {
        let want = subscription.borrow_and_update().clone();
        if want.paused {
            if subscription.changed().await.is_err() {
                return;
            }
            continue;
        }
        if want.refreshed != refreshed {
            refreshed = want.refreshed;
            reader.forget_when();
        }
        let until = match reader.round(&want, &subscription).await {
            Ok(Some(next)) => {
                failures = 0;
                next
            }
            Ok(None) => return,
            Err(error) => {
                failures += 1;
                let pause = pause(failures);
                let retry_at = reader.table.now() + Millis(pause.as_millis() as u64);
                if reader.inputs.send(Input::Failed { why: error.to_string(), retry_at }).await.is_err() {
                    return;
                }
                Instant::now() + pause
            }
        };
        loop {
            tokio::select! {
                () = sleep_until(until) => break,
                changed = subscription.changed() => match changed {
                    Err(_) => return,
                    // After a failure only time helps, or somebody who asks.
                    Ok(()) if failures == 0 || subscription.borrow().refreshed != refreshed => break,
                    Ok(()) => {}
                },
            }
        }
    }
}

/// The pause after so many failures in a row, a quarter of it left to chance.
fn pause(failures: u32) -> Duration {
    let most = FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(8)).min(LONGEST_PAUSE);
    most.mul_f64(0.75 + fastrand::f64() / 4.0)
}

struct TableReader {
    table: Table,
    every: Duration,
    inputs: mpsc::Sender<Input>,
    directory_due: Instant,
    read_at: HashMap<PoolName, Instant>,
    /// The pools that had no settings when they were read: what is left of one in the directory is no news.
    retired: HashSet<PoolName>,
    /// The pools that no sweep has told of lately, the next to be read first.
    unswept: VecDeque<PoolName>,
    budget: ReadBudget,
    unswept_budget: ReadBudget,
    costs: ReadCosts,
}

impl TableReader {
    fn new(table: Table, every: Duration, inputs: mpsc::Sender<Input>) -> TableReader {
        let now = Instant::now();
        let costs = ReadCosts { since: now, spent: VecDeque::new(), used: table.meter().used() };
        TableReader {
            table,
            every,
            inputs,
            directory_due: now,
            read_at: HashMap::new(),
            retired: HashSet::new(),
            unswept: VecDeque::new(),
            budget: ReadBudget::of(UNITS_A_SECOND),
            unswept_budget: ReadBudget::of(UNSWEPT_UNITS_A_SECOND),
            costs,
        }
    }

    /// Everything is due.
    fn forget_when(&mut self) {
        self.directory_due = Instant::now();
        self.read_at.clear();
    }

    /// Reads what is due: when something is due next, none if nobody listens any more.
    async fn round(
        &mut self,
        want: &Subscription,
        subscription: &watch::Receiver<Subscription>,
    ) -> Result<Option<Instant>, StoreError> {
        let begin = Instant::now();
        if begin >= self.directory_due {
            let listed = self.directory().await?;
            self.note_unswept(&listed);
            if self.inputs.send(Input::Listed(listed)).await.is_err() {
                return Ok(None);
            }
        }
        // What is almost due is read with the rest: so all of a screen is read in one go.
        let fresh = |read: &Instant| begin.duration_since(*read) < self.every.mul_f64(0.8);
        let due: Vec<PoolName> =
            want.pools.iter().filter(|prefix| !self.read_at.get(*prefix).is_some_and(fresh)).cloned().collect();
        let mut rest = None;
        for some in due.chunks(AT_ONCE) {
            rest = self.budget.rest();
            if rest.is_some() {
                break;
            }
            if !self.read(some).await? {
                return Ok(None);
            }
            if subscription.has_changed().unwrap_or(true) {
                return Ok(Some(Instant::now()));
            }
        }
        let unswept = self.due_unswept(want, begin);
        if !unswept.is_empty() {
            let before = self.budget.left;
            match self.read(&unswept).await {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                // Whoever may read some pools alone sees those; the others stay as they are known.
                Err(StoreError::Denied { .. }) => self.read_at.extend(unswept.iter().map(|pool| (pool.clone(), begin))),
                Err(error) => return Err(error),
            }
            self.unswept_budget.spend(before - self.budget.left);
        }
        if rest.is_none()
            && !(due.is_empty() && unswept.is_empty())
            && self.inputs.send(Input::Cost(self.costs.per_minute())).await.is_err()
        {
            return Ok(None);
        }
        if self.read_at.len() > 10 * want.pools.len() + 1_000 {
            let every = self.every.max(UNSWEPT_EVERY);
            self.read_at.retain(|_, read| begin.duration_since(*read) < every);
        }
        Ok(Some(rest.unwrap_or((begin + self.every).min(self.directory_due))))
    }

    /// Keeps which pools the directory says nothing new of. Those that were waiting for their turn keep their order.
    fn note_unswept(&mut self, listed: &PoolDirectory) {
        // What is wrong with a pool is known; there is nothing to be read of one without settings.
        let unswept = |pool: &&DirectoryEntry| {
            pool.trouble.is_none() && pool.limit.is_some() && (pool.summary.is_none() || pool.stale)
        };
        let mut new: BTreeSet<&PoolName> = listed.pools.iter().filter(unswept).map(|pool| &pool.prefix).collect();
        self.unswept.retain(|known| new.remove(known));
        self.unswept.extend(new.into_iter().cloned());
    }

    /// The next of those to be read now, if there are units left of their own: a screen that takes all units of its own does
    /// not keep them from being read.
    fn due_unswept(&mut self, want: &Subscription, now: Instant) -> Vec<PoolName> {
        let mut due = vec![];
        if !want.unswept || self.unswept_budget.rest().is_some() {
            return due;
        }
        for _ in 0..self.unswept.len() {
            let Some(next) = self.unswept.pop_front() else { break };
            self.unswept.push_back(next.clone());
            let fresh = self.read_at.get(&next).is_some_and(|read| now.duration_since(*read) < UNSWEPT_EVERY);
            if !fresh && !want.pools.contains(&next) {
                due.push(next);
                if due.len() == AT_ONCE {
                    break;
                }
            }
        }
        due
    }

    async fn directory(&mut self) -> Result<PoolDirectory, StoreError> {
        let mut pools = list_pools(&self.table).await?;
        self.retired.retain(|prefix| pools.get(prefix).is_some_and(|row| row.pool.is_none()));
        pools.retain(|prefix, row| row.trouble.is_some() || !self.retired.contains(prefix));
        let spent = self.costs.spend(&self.table);
        self.directory_due = Instant::now() + DIRECTORY_EVERY.max(self.every).max(DIRECTORY_UNIT.mul_f64(spent));
        let at = self.table.now();
        Ok(PoolDirectory { at, pools: pools.into_iter().map(|(prefix, row)| listing(prefix, &row, at)).collect() })
    }

    /// Reads some pools and tells of them; whether anybody listens.
    async fn read(&mut self, pools: &[PoolName]) -> Result<bool, StoreError> {
        let table = &self.table;
        let looks = join_all(pools.iter().map(|prefix| look(table, prefix, || table.now()))).await;
        let now = Instant::now();
        self.budget.spend(self.costs.spend(&self.table));
        let mut failed = None;
        for (prefix, look) in pools.iter().zip(looks) {
            let unreadable = |why: String| Input::Unreadable { prefix: prefix.clone(), why };
            let input = match look {
                Ok(Some(PoolLook { pool, damaged })) if damaged.is_empty() => Input::Seen(Box::new(pool)),
                Ok(Some(look)) => Input::Damaged(Box::new(damaged(look))),
                // Retired since the directory was read.
                Ok(None) => {
                    self.retired.insert(prefix.clone());
                    Input::Gone(prefix.clone())
                }
                Err(error @ (StoreError::PoolMisconfigured { .. } | StoreError::BadRow { .. })) => {
                    unreadable(error.to_string())
                }
                Err(error) => {
                    failed = Some(error);
                    continue;
                }
            };
            self.read_at.insert(prefix.clone(), now);
            if self.inputs.send(input).await.is_err() {
                return Ok(false);
            }
        }
        failed.map_or(Ok(true), Err)
    }
}

/// What the directory says of one pool.
fn listing(prefix: PoolName, row: &ListedPool, now: Timestamp) -> DirectoryEntry {
    let (settings, trouble) = match row.settings(&prefix, now) {
        Ok(settings) => (settings, None),
        Err(trouble) => (None, Some(trouble)),
    };
    // None: not swept yet; or retired, and the index has not followed yet.
    let summary = settings.as_ref().and_then(|settings| row.seen(settings, now));
    let oldest = settings.as_ref().map(Settings::oldest_sweep);
    let stale = summary.as_ref().zip(oldest).is_some_and(|(summary, oldest)| now.since(summary.at) > oldest);
    let rules = settings.as_ref().zip(row.pool.as_ref());
    let rules = rules.map(|(settings, pool)| LimitRules {
        limit: pool.limit,
        settles_for: settings.settles_for(),
        settling_from: settings.settling(now).map(|(_, from)| from),
    });
    DirectoryEntry { limit: settings.map(|settings| settings.limit), prefix, rules, summary, stale, trouble }
}

/// A pool of which some rows make no sense.
fn damaged(PoolLook { pool: rest, damaged }: PoolLook) -> DamagedPool {
    let told = |row: &RowError| format!("{row}; {}", row.advice());
    let slot = |row: &RowError| match rows::row_key(&row.sk) {
        Some(RowKey::Slot(slot)) => Some((slot, told(row))),
        _ => None,
    };
    let slots = damaged.iter().filter_map(slot).collect();
    let why = damaged.iter().map(told).collect::<Vec<_>>().join("; ");
    DamagedPool { rest, slots, why }
}

/// Units that may be spent: they come back with time.
struct ReadBudget {
    units_a_second: f64,
    left: f64,
    at: Instant,
}

impl ReadBudget {
    fn of(units_a_second: f64) -> ReadBudget {
        ReadBudget { units_a_second, left: units_a_second * RESTED, at: Instant::now() }
    }

    fn refill(&mut self) {
        let (now, per_second) = (Instant::now(), self.units_a_second);
        self.left = (self.left + now.duration_since(self.at).as_secs_f64() * per_second).min(per_second * RESTED);
        self.at = now;
    }

    fn spend(&mut self, units: f64) {
        self.refill();
        self.left -= units;
    }

    /// Until when nothing may be spent, if it is so.
    fn rest(&mut self) -> Option<Instant> {
        self.refill();
        (self.left < 0.0).then(|| self.at + Duration::from_secs_f64(-self.left / self.units_a_second))
    }
}

/// What was spent in the last minute, from the table's own meter.
struct ReadCosts {
    since: Instant,
    spent: VecDeque<(Instant, f64, u64)>,
    used: leasehold_store::MeterReading,
}

impl ReadCosts {
    /// Adds what was used since the last time, and says how many units that was.
    fn spend(&mut self, table: &Table) -> f64 {
        let (now, used) = (Instant::now(), table.meter().used());
        let units = used.read_units - self.used.read_units;
        self.spent.push_back((now, units, used.reads - self.used.reads));
        self.used = used;
        while self.spent.front().is_some_and(|(at, ..)| now.duration_since(*at) > COUNTED) {
            self.spent.pop_front();
        }
        units
    }

    fn per_minute(&self) -> ReadCost {
        let units: f64 = self.spent.iter().map(|(_, units, _)| units).sum();
        let requests: u64 = self.spent.iter().map(|(_, _, requests)| requests).sum();
        // The first seconds say little about a minute.
        let over = self.since.elapsed().clamp(Duration::from_secs(5), COUNTED).as_secs_f64() / 60.0;
        ReadCost { units_per_minute: units / over, requests_per_minute: requests as f64 / over }
    }
}
