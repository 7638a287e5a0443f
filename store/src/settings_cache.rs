//! The settings cache: for how long does a caller go on with a pool's settings before it reads them again?

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

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
        // Behind a pointer: the futures of the SDK in all that calls this would be too deep a type.
        let settings = Arc::new(Box::pin(own_rows::settings(table, prefix)).await?);
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
