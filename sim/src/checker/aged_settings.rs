//! Settings with an age: which settings may a call have that begins now? Those of now, or those that were cached from before a
//! change of the pool's own rows or a move of the high-water mark.

use std::sync::Arc;

use leasehold_core::{Settings, Timestamp};

use super::ablations::Ablation;
use super::invariants::Violation;
use super::state::{MarkBefore, OwnRows, WorldState};
use super::world::{OldSettings, SettingsOf, Shared};

impl Shared {
    /// The settings that a call which begins now reads, or has cached from before a change; none: there is no pool.
    pub(super) fn settings_now(&self, state: &WorldState, of: SettingsOf) -> Option<Arc<Settings>> {
        if self.world.operator_plan.is_none() {
            return Some(self.settings(self.settings.limit, None));
        }
        let now = state.own_rows();
        let before = state.rows_before.as_deref().unwrap_or(&now).clone();
        let (pool, live) = match of {
            SettingsOf::Now | SettingsOf::MarkBefore => now,
            SettingsOf::Before | SettingsOf::AllBefore => before,
            SettingsOf::PoolBefore => (before.0, now.1),
            SettingsOf::OverrideBefore => (now.0, before.1),
        };
        // Cached from before a change, they are of the moment before it: an override may have lapsed since.
        let read_at = self.read_at(state, of);
        let given = Settings::from_rows(self.prefix.clone(), &pool?, live.as_ref(), None, Timestamp(read_at)).ok()?;
        let lapse = live.and_then(|live| live.until).filter(|_| self.world.is_ablated(Ablation::Lapse));
        let lowered = given.lowered.filter(|lowered| Some(lowered.at) != lapse);
        let high_water = state.mark_before.filter(|_| of.old().mark).map_or(state.mark(), |before| Some(before.mark));
        let settings = self.settings(given.limit, lowered);
        Some(Arc::new(Settings { high_water, lapsed: given.lapsed, ..(*settings).clone() }))
    }

    /// Time has passed: an override that ends by itself now is a change of the limit, though nobody writes anything.
    pub(super) fn override_lapses(&self, state: &mut WorldState) -> Result<(), Violation> {
        let rows = state.own_rows();
        if rows.1.as_ref().is_none_or(|live| live.until != Some(Timestamp(state.now))) {
            return Ok(());
        }
        self.rows_changed(state, rows)
    }

    /// The pool's own rows were these until now.
    pub(super) fn rows_changed(&self, state: &mut WorldState, before: OwnRows) -> Result<(), Violation> {
        state.changed_at = Some(state.now);
        state.rows_before = Some(Arc::new(before));
        // A mark that was moved before the last change but one is older than all that is known of the rows.
        state.mark_before = state.mark_before.filter(|before| before.after_rows);
        state.mark_before = state.mark_before.map(|before| MarkBefore { after_rows: false, ..before });
        self.all_are_old(state, OldSettings { rows: true, mark: false })
    }

    /// When settings like these were read at the latest: a moment before the first of the changes that they do not know.
    fn read_at(&self, state: &WorldState, of: SettingsOf) -> u64 {
        let rows = state.changed_at.filter(|_| of.old().rows);
        let mark = state.mark_before.filter(|_| of.old().mark).map(|before| before.moved_at);
        rows.into_iter().chain(mark).min().map_or(state.now, |changed| changed - 1)
    }

    /// Which settings a call that begins now may have.
    pub(super) fn settings_of(&self, state: &WorldState) -> Vec<SettingsOf> {
        use SettingsOf::{AllBefore, Before, MarkBefore, Now, OverrideBefore, PoolBefore};
        let Some(plan) = self.world.operator_plan else { return vec![Now] };
        let there = |of: &SettingsOf| match of {
            Now => true,
            MarkBefore => state.mark_before.is_some_and(|before| before.after_rows),
            Before => state.changed_at.is_some(),
            PoolBefore | OverrideBefore => plan.torn && state.changed_at.is_some(),
            AllBefore => state.changed_at.is_some() && state.mark_before.is_some(),
        };
        let cached = |of: &SettingsOf| *of == Now || state.now <= self.read_at(state, *of) + plan.cache;
        let all = [Now, Before, PoolBefore, OverrideBefore, MarkBefore, AllBefore];
        all.into_iter().filter(|of| there(of) && cached(of)).collect()
    }
}
