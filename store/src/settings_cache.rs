//! The settings cache: for how long does a caller go on with a pool's settings before it reads them again?

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use leasehold_core::{PoolName, Settings, Timestamp};

use crate::error::StoreError;
use crate::own_rows;
use crate::table::Table;

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
    /// On this machine's clock, and on the steady one.
    read_at: (Timestamp, Instant),
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

    /// The pool's settings in force; `now` is this machine's clock, whether or not it is right.
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
            // By two clocks, and the later counts: the first may be set back, and the steady one of a frozen Lambda may
            // stand still, so that a row read before the freeze would seem fresh after it.
            let (wall, steady) = known.read_at;
            let age = Duration::from_millis(now.since(wall).0).max(steady.elapsed());
            if wall <= now && age < self.fresh_for {
                return Ok(Arc::clone(&known.settings));
            }
        }
        let read_at = (now, Instant::now());
        // Behind a pointer: the futures of the SDK in all that calls this would be too deep a type.
        let settings = Arc::new(Box::pin(own_rows::settings(table, prefix, || table.time(now))).await?);
        let known = CachedSettings { settings: Arc::clone(&settings), read_at };
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
