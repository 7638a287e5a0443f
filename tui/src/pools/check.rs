//! `leasehold pools --check`: what is wrong with a pool, for a monitor that calls it?

use futures_util::future::join_all;
use leasehold_core::diagnosis::used_since;
use leasehold_core::occupancy::PoolState;
use leasehold_core::{Millis, PoolName, Timestamp};
use leasehold_store::{StoreError, Table, look};
use serde::Serialize;

use super::PoolsRow;
use crate::advised_command::with_flags;
use crate::duration;
use crate::error::CliError;

/// How many pools are read at the same time.
const AT_ONCE: usize = 16;

/// Something that is wrong with a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct PoolTrouble {
    pub(super) prefix: PoolName,
    pub(super) kind: TroubleKind,
    pub(super) what: String,
}

/// What kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TroubleKind {
    Broken,
    OverLimit,
    Starving,
    Waits,
    Sweeps,
}

/// Reads the slots and queues of these pools as they are now. A pool that was retired meanwhile is left out.
pub(super) async fn read_now(table: &Table, pools: &mut Vec<PoolsRow>) -> Result<(), CliError> {
    read_some(table, pools, usize::MAX, |_| true).await
}

/// The same for as many as `most` of which no sweep has told lately, as where only `leasehold run` is used, or since the limit
/// was changed.
pub(super) async fn read_unswept(table: &Table, pools: &mut Vec<PoolsRow>, most: usize) -> Result<(), CliError> {
    let unswept = |pool: &PoolsRow| {
        pool.trouble.is_none() && (pool.seen.is_none() || pool.tells_the_past() || pool.limit_is_newer)
    };
    match read_some(table, pools, most, unswept).await {
        // Whoever may read the directory alone is told what that says.
        Err(CliError::Store(StoreError::Denied { .. })) => Ok(()),
        read => read,
    }
}

async fn read_some(
    table: &Table,
    pools: &mut Vec<PoolsRow>,
    most: usize,
    wanted: impl Fn(&PoolsRow) -> bool,
) -> Result<(), CliError> {
    let mut gone = vec![];
    let mut wanted: Vec<&mut PoolsRow> = pools.iter_mut().filter(|pool| wanted(pool)).take(most).collect();
    for some in wanted.chunks_mut(AT_ONCE) {
        let looks = join_all(some.iter().map(|pool| look(table, &pool.prefix, || table.now()))).await;
        for (pool, look) in some.iter_mut().zip(looks) {
            match look {
                // What is wrong by the directory stays: a summary is not looked at.
                Ok(Some(look)) if look.damaged.is_empty() => pool.see(Some(look.pool)),
                Ok(Some(look)) => {
                    let rows: Vec<String> =
                        look.damaged.iter().map(|row| format!("{row}; {}", with_flags(&row.advice()))).collect();
                    pool.trouble = Some(rows.join("; "));
                    pool.see(None);
                }
                Ok(None) => gone.push(pool.prefix.clone()),
                Err(wrong @ StoreError::PoolMisconfigured { .. }) => {
                    pool.trouble = Some(with_flags(&wrong.to_string()));
                    pool.see(None);
                }
                Err(wrong) => return Err(wrong.into()),
            }
        }
    }
    pools.retain(|pool| !gone.contains(&pool.prefix));
    Ok(())
}

/// What is wrong with a pool that was read.
pub(super) fn troubles(
    pool: &PoolsRow,
    max_wait: Millis,
    max_sweep_age: Option<Millis>,
    now: Timestamp,
) -> Vec<PoolTrouble> {
    let mut found = vec![];
    let mut add = |kind, what| found.push(PoolTrouble { prefix: pool.prefix.clone(), kind, what });
    if let Some(trouble) = &pool.trouble {
        add(TroubleKind::Broken, format!("broken: {trouble}"));
    }
    if let Some(seen) = &pool.seen {
        match seen.state {
            PoolState::OverLimit => {
                add(TroubleKind::OverLimit, format!("over limit: {} hold a lease, {} may", seen.held, seen.limit));
            }
            PoolState::Starving => add(TroubleKind::Starving, "starving: somebody waits and nothing moves".into()),
            _ => {}
        }
        if let Some(waits) = seen.oldest_wait.filter(|waits| *waits > max_wait) {
            let (waits, most) = (duration::seconds(waits), duration::words(max_wait));
            add(TroubleKind::Waits, format!("waits: the first in the queue has waited for {waits}, more than {most}"));
        }
    }
    // Unless somebody asks, no sweep is missed where nobody holds or waits: `leasehold run` sweeps as long as it does.
    let needed_since = match max_sweep_age {
        Some(_) => pool.swept_at_ms,
        None => {
            let used = pool.seen.as_ref().and_then(used_since);
            used.map(|used| pool.swept_at_ms.map_or(used, |swept| used.max(swept)))
        }
    };
    let may = max_sweep_age.or(pool.oldest_sweep).filter(|age| age.0 > 0);
    if let (Some(since), Some(may)) = (needed_since, may)
        && now.since(since) > may
    {
        let (age, may) = (duration::seconds(now.since(pool.swept_at_ms.unwrap_or(since))), duration::words(may));
        add(
            TroubleKind::Sweeps,
            match pool.swept_at_ms {
                Some(_) => format!("sweeps: the last was {age} ago, more than {may}"),
                None => format!("sweeps: none came since somebody uses it, for {age}, more than {may}"),
            },
        );
    }
    found
}

/// What is wrong, a line each, and how many pools that is of.
pub(super) fn words(pools: &[PoolsRow], check: &[PoolTrouble]) -> String {
    let mut text: String = check.iter().map(|trouble| format!("! {}: {}\n", trouble.prefix, trouble.what)).collect();
    let wrong = pools.iter().filter(|pool| check.iter().any(|trouble| trouble.prefix == pool.prefix)).count();
    let checked = if pools.len() == 1 { "1 pool".to_owned() } else { format!("{} pools", pools.len()) };
    text += &match (pools.len(), wrong) {
        (0, _) => "no pool was checked\n".to_owned(),
        (_, 0) => format!("{checked} checked: nothing is wrong\n"),
        (_, wrong) => format!("{checked} checked: {wrong} in trouble\n"),
    };
    text
}
