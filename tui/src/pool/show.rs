//! `leasehold pool show`: which rules does a pool follow, since when, and who made them?

use std::sync::Arc;

use leasehold_core::occupancy::{Occupancy, PoolState};
use leasehold_core::{Limit, LiveRow, PoolName, Settings, StatusRequest, Timestamp};
use leasehold_store::{EDITION, NotedChanges, StoreError, WrongRow, history, limit_rows};
use leasehold_tui::watch::noted;
use leasehold_tui::watch::text::{held, how_to_open, settling};
use serde::Serialize;

use super::history::ChangeOutput;
use super::overriding::OverrideOutput;
use super::set::PoolSettingsOutput;
use crate::advised_command::flags;
use crate::error::CliError;
use crate::leases::{UNREADABLE, Unread, what_can_be_read};
use crate::output::OutputFormat;
use crate::target::Target;

/// Show a pool: its settings, an override, how many slots may be had, and its last change
#[derive(Clone, Debug, clap::Args)]
#[command(verbatim_doc_comment, after_long_help = AFTER)]
pub(crate) struct PoolShowOptions {
    /// The pool
    prefix: PoolName,
}

const AFTER: &str = "\
The effective limit is how many slots, counted from the first, may be had just now: fewer than the limit while a
lowered limit settles, or while leases above it last. If a row of a slot, of the queue or
of the pool's history makes no sense, the reason goes to standard error, the rest is printed, and the exit status is 3.

With --output json:

    {\"table\": NAME, \"prefix\": PREFIX, \"edition\": of the protocol, \"limit\": in force, \"effective_limit\", \"held\",
     \"waiting\", \"waiting_more\": whether there are more than that, \"state\": as `leasehold leases` says it (each of
     these null where rows cannot be read),
     \"settles_at_ms\": until when slots up to \"limit_was\" count as held, both null unless the limit was lowered,
     \"settings\": {\"limit\", \"lease_ms\", \"grace_ms\", \"quiet_ms\", \"longest_wait_ms\", \"longest_hold_ms\",
     \"sweep_every_ms\"}, \"override\": null or {\"limit\", \"at_ms\", \"until_ms\": null if it stays until it is ended,
     \"who\", \"why\"}, \"last_change\": null, or one as `leasehold pool history` tells it}";

#[derive(Debug, Serialize)]
struct PoolShowOutput<'a> {
    table: &'a str,
    prefix: &'a PoolName,
    edition: u64,
    limit: Limit,
    effective_limit: Option<u32>,
    held: Option<u32>,
    waiting: Option<u32>,
    waiting_more: Option<bool>,
    state: Option<PoolState>,
    settles_at_ms: Option<Timestamp>,
    limit_was: Option<Limit>,
    settings: PoolSettingsOutput,
    #[serde(rename = "override")]
    live: Option<OverrideOutput>,
    last_change: Option<ChangeOutput>,
}

impl PoolShowOptions {
    /// The exit status.
    pub(crate) async fn run(self, target: &Target, output: OutputFormat) -> Result<u8, CliError> {
        let runner = target.runner().await?;
        let (table, prefix) = (runner.table(), &self.prefix);
        let rows = limit_rows(table, prefix).await?;
        if let Some(LiveRow::Unreadable(row)) = &rows.live {
            let (table, prefix, why) = (table.name().into(), prefix.to_string(), row.why.to_string());
            return Err(StoreError::PoolMisconfigured { table, prefix, why, row: WrongRow::Override }.into());
        }
        let in_force = Arc::new(rows.in_force.clone());
        // Where its mark cannot be read, every call of the pool fails: that is no healthy pool.
        runner.settings(prefix).await?;
        let ran = runner.run(StatusRequest, Arc::clone(&in_force)).await;
        let (seen, effective_limit, unread) =
            match ran.map_err(|error| error.explain(table.name(), prefix, "looking at")) {
                Ok(snapshot) => {
                    let effective = in_force.effective_limit_once_marked(&snapshot.slots, snapshot.at);
                    (Occupancy::of(&snapshot, &in_force), Some(effective), Unread::default())
                }
                // The settings are wanted all the more.
                Err(StoreError::BadRow { .. }) => {
                    let (seen, unread) = what_can_be_read(&runner, &in_force, None).await?;
                    (seen, None, unread)
                }
                Err(wrong) => return Err(wrong.into()),
            };
        let NotedChanges { changes: noted, unreadable } = history(table, prefix).await?;
        let overridden = rows.live_in_force().cloned().map(Into::into);
        let seen = Occupancy { overridden, ..seen };
        let settings =
            Settings::from_rows(prefix.clone(), &rows.pool, None, None, rows.at).unwrap_or(rows.in_force.clone());
        let answer = PoolShowOutput {
            table: table.name(),
            prefix,
            edition: EDITION,
            limit: seen.limit,
            effective_limit,
            held: unread.knows_slots().then_some(seen.held),
            waiting: unread.knows_places().then_some(seen.waiting),
            waiting_more: unread.knows_places().then_some(seen.waiting_more),
            state: unread.is_empty().then_some(seen.state),
            settles_at_ms: seen.settles_at,
            limit_was: seen.limit_was,
            settings: PoolSettingsOutput::of(&settings),
            live: rows.live_in_force().cloned().map(OverrideOutput::from),
            last_change: noted.first().map(ChangeOutput::from),
        };
        let last = noted.first().map(|last| format!("last change: {}\n", noted::line(last))).unwrap_or_default();
        output.tell(&format!("{}{last}", answer.words(&seen, &unread)), &answer)?;
        // As `pool history` says it.
        match unreadable {
            Some(wrong) => Err(wrong.into()),
            None => Ok(if unread.is_empty() { 0 } else { UNREADABLE }),
        }
    }
}

impl PoolShowOutput<'_> {
    fn words(&self, seen: &Occupancy, unread: &Unread) -> String {
        let PoolShowOutput { table, prefix, .. } = self;
        let more = if seen.waiting_more { "+" } else { "" };
        let mut text = format!("pool {prefix} in table {table}: ");
        text += &match self.state {
            Some(state) => format!("{}, {}{more} waiting, {state}", held(seen), seen.waiting),
            None => unread.counted(),
        };
        text += &settling(seen).map(|words| format!("; {words}\n")).unwrap_or_else(|| "\n".into());
        text += &self.live.as_ref().map(|live| live.words(prefix)).unwrap_or_default();
        text += &how_to_open(seen, flags()).map(|words| format!("{words}\n")).unwrap_or_default();
        let effective = self.effective_limit.map_or_else(|| "not known".into(), |limit| limit.to_string());
        for (label, value) in [("effective limit", effective), ("edition", self.edition.to_string())] {
            text += &format!("  {label:16}{value}\n");
        }
        text += "settings:\n";
        for (_, label, value) in self.settings.each() {
            text += &format!("  {label:16}{value}\n");
        }
        text
    }
}
