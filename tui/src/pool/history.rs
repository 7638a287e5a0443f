//! `leasehold pool history`: who changed a pool, what, when and why?

use std::sync::Arc;

use leasehold_core::{HistoryRow, Limit, PoolChange, PoolName, Timestamp};
use leasehold_store::{NotedChanges, StoreError, history, limit_rows};
use leasehold_tui::watch::noted;
use leasehold_tui::watch::text::timestamp;
use serde::Serialize;

use crate::error::CliError;
use crate::output::{Alignment, OutputFormat, columns};
use crate::target::Target;

/// Say who changed a pool, what, when and why: the last 100 changes, the newest first
///
/// Noted are: a pool was made, set or retired, its limit was overridden, and an override was ended or lapsed.
/// Changes by Terraform, or by other programs that write into the table, are not noted. CloudTrail has those if its data
/// events are turned on for the table. A retired pool keeps its history for two years after the last change. If a row
/// makes no sense, the reason goes to standard error, the rest is printed, and the exit status is 3.
#[derive(Clone, Debug, clap::Args)]
#[command(verbatim_doc_comment, after_long_help = AFTER)]
pub(crate) struct PoolHistoryOptions {
    /// The pool
    prefix: PoolName,
}

const AFTER: &str = "\
With --output json:

    {\"table\": NAME, \"prefix\": PREFIX, \"changes\": [{\"at_ms\": when it was asked for, \"change\": \"made\", \"set\",
     \"retired\", \"overridden\", \"ended\" or \"lapsed\", \"from\": the limit before, \"to\": the limit after, both null if
     the change says neither, \"until_ms\": when an override is to lapse, else null, \"settings\": [{\"setting\",
     \"from\", \"to\": null for the default}], \"who\", \"why\": empty if nobody said}]}";

#[derive(Debug, Serialize)]
struct PoolHistoryOutput<'a> {
    table: &'a str,
    prefix: &'a PoolName,
    changes: Vec<ChangeOutput>,
}

/// One change, for a program.
#[derive(Debug, Serialize)]
pub(super) struct ChangeOutput {
    at_ms: Timestamp,
    change: &'static str,
    from: Option<Limit>,
    to: Option<Limit>,
    until_ms: Option<Timestamp>,
    settings: Vec<SettingOutput>,
    who: Arc<str>,
    why: Arc<str>,
}

#[derive(Debug, Serialize)]
struct SettingOutput {
    setting: Arc<str>,
    from: Option<u64>,
    to: Option<u64>,
}

impl From<&HistoryRow> for ChangeOutput {
    fn from(row: &HistoryRow) -> ChangeOutput {
        let (from, to, until_ms) = match row.change {
            PoolChange::Made(limit) => (None, Some(limit), None),
            PoolChange::Set(_) | PoolChange::Retired => (None, None, None),
            PoolChange::Overridden { from, to, until } => (Some(from), Some(to), until),
            PoolChange::Ended { from, to } | PoolChange::Lapsed { from, to } => (Some(from), Some(to), None),
        };
        let changes = if let PoolChange::Set(changes) = &row.change { Some(changes) } else { None };
        let settings = changes.into_iter().flat_map(|changes| changes.iter()).map(|one| SettingOutput {
            setting: one.setting.clone(),
            from: one.from,
            to: one.to,
        });
        ChangeOutput {
            at_ms: row.key.at,
            change: row.change.name(),
            from,
            to,
            until_ms,
            settings: settings.collect(),
            who: row.by.who.clone(),
            why: row.by.why.clone(),
        }
    }
}

impl PoolHistoryOptions {
    pub(crate) async fn run(self, target: &Target, output: OutputFormat) -> Result<(), CliError> {
        let table = target.table().await?;
        let NotedChanges { changes: noted, unreadable } = history(&table, &self.prefix).await?;
        // One that was retired is gone and has its history; of one without history it must be known that it is there.
        if noted.is_empty()
            && unreadable.is_none()
            && let Err(missing @ StoreError::PoolNotFound { .. }) = limit_rows(&table, &self.prefix).await
        {
            return Err(missing.into());
        }
        let text = match unreadable {
            Some(_) if noted.is_empty() => String::new(),
            _ => words(table.name(), &self.prefix, &noted),
        };
        let changes = noted.iter().map(ChangeOutput::from).collect();
        output.tell(&text, &PoolHistoryOutput { table: table.name(), prefix: &self.prefix, changes })?;
        // What can be read is told all the same, and the status says that it is not all.
        unreadable.map_or(Ok(()), |wrong| Err(wrong.into()))
    }
}

fn words(table: &str, prefix: &PoolName, noted: &[HistoryRow]) -> String {
    if noted.is_empty() {
        return format!("no change of pool {prefix} is noted in table {table}\n");
    }
    let row = |row: &HistoryRow| {
        [timestamp(row.key.at), row.by.who.to_string(), noted::change(&row.change), row.by.why.to_string()]
    };
    let rows: Vec<_> = noted.iter().map(row).collect();
    columns(["WHEN", "WHO", "CHANGE", "WHY"].map(|heading| (heading, Alignment::Left)), &rows)
}
