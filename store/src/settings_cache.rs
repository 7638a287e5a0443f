//! The settings cache: for how long does a caller go on with a pool's settings before it reads them again?

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join;
use leasehold_core::{Failure, PoolName, Settings, Timestamp};

use crate::error::{ErrorContext, StoreError};
use crate::table::{RequestOutcome, Table};

/// How long settings are used before they are read again. Part of every pool's quiet period.
pub const SETTINGS_FRESH_FOR: Duration = Duration::from_secs(5);

/// The settings of the pools of one table, as they were read last.
#[derive(Debug)]
pub struct SettingsCache {
    fresh_for: Duration,
    known: Mutex<HashMap<PoolName, CachedSettings>>,
}

#[derive(Debug)]
struct CachedSettings {
    settings: Arc<Settings>,
    read_at: Timestamp,
}

impl Default for SettingsCache {
    fn default() -> Self {
        SettingsCache::new(SETTINGS_FRESH_FOR)
    }
}

impl SettingsCache {
    /// One that keeps settings for so long.
    pub fn new(fresh_for: Duration) -> Self {
        SettingsCache { fresh_for, known: Mutex::default() }
    }

    /// The pool's settings in force; `now` is the caller's clock.
    ///
    /// # Errors
    /// [`StoreError::PoolNotFound`], [`StoreError::PoolMisconfigured`], or what the table's answer was.
    pub async fn settings(
        &self,
        table: &Table,
        prefix: &PoolName,
        now: Timestamp,
    ) -> Result<Arc<Settings>, StoreError> {
        if let Some(known) = self.known().get(prefix) {
            // By the wall clock: a frozen Lambda's monotonic clock may stand still, and a row read before the
            // freeze would seem fresh after it.
            let age = u128::from(now.since(known.read_at).0);
            if known.read_at <= now && age < self.fresh_for.as_millis() {
                return Ok(Arc::clone(&known.settings));
            }
        }
        let [pool, live] = Settings::reads();
        let (pool, live) = join(table.send(prefix, &pool), table.send(prefix, &live)).await;
        let RequestOutcome { reply: pool, trouble: first } = pool;
        let RequestOutcome { reply: live, trouble: second } = live;
        let settings = Settings::from_replies(prefix.clone(), [pool, live]).map_err(|failure| {
            let context = ErrorContext(format!("reading the settings of pool {prefix}"));
            match (failure, first.or(second)) {
                (failure @ Failure::PoolNotFound, _) | (failure, None) => {
                    StoreError::of_failure(&failure, table.name(), prefix, context)
                }
                (_, Some(StoreError::BadRow { table, row, .. })) => {
                    StoreError::PoolMisconfigured { table, prefix: prefix.to_string(), why: row.to_string() }
                }
                (_, Some(trouble)) => trouble,
            }
        })?;
        let settings = Arc::new(settings);
        let known = CachedSettings { settings: Arc::clone(&settings), read_at: now };
        self.known().insert(prefix.clone(), known);
        Ok(settings)
    }

    /// The next caller reads this pool's rows.
    pub fn forget(&self, prefix: &PoolName) {
        self.known().remove(prefix);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<PoolName, CachedSettings>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
