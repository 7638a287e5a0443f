//! `leasehold pool limit`: how is an operator's override of a pool's limit made and ended?

use std::sync::Arc;

use leasehold_core::{
    EndOverride, EndOverrideOutcome, ExpectedOverride, Limit, LimitChanged, LimitRows, LimitSuperseded, LiveRow,
    Lowered, OverrideRow, PoolName, Row, RowKey, SetLimit, SetLimitOutcome, Timestamp,
};
use leasehold_store::{StoreError, Table, limit_rows};
use leasehold_tui::watch::actions::{superseded, who};
use leasehold_tui::watch::text::timestamp;
use serde::Serialize;

use crate::confirm::Yes;
use crate::error::CliError;
use crate::operation::own_row;
use crate::output::{OutputFormat, complain};
use crate::target::{CliRunner, Target};

/// Override a pool's limit for now, or end that
///
/// For incidents: it takes effect at once, wins over the pool's settings and survives a deploy, until it is ended with
/// --end. Whoever looks at the pool sees who made it, when and why. Leases that are held are kept; after the limit was
/// lowered nobody is granted a lease until fewer than the new limit are held. After it was raised, those who wait are
/// granted one now. After it was lowered, slots up to the old limit count as held until everybody surely follows: for
/// about two quiet periods of the pool nobody may get in, even while fewer are held. Asks before it changes anything.
#[derive(Clone, Debug, clap::Args)]
#[command(verbatim_doc_comment, after_long_help = AFTER)]
#[command(override_usage = "leasehold pool limit [OPTIONS] <PREFIX> <N|--drain|--end>")]
#[command(group = clap::ArgGroup::new("what").required(true).args(["limit", "drain", "end"]))]
pub(crate) struct PoolLimitOptions {
    /// The pool
    prefix: PoolName,

    /// How many may hold a lease at once for now: 1 to 10000
    #[arg(value_name = "N", value_parser = limit, allow_negative_numbers = true)]
    limit: Option<Limit>,

    /// Let nobody in for now: a limit of 0
    #[arg(long)]
    drain: bool,

    /// End the override: the limit of the pool's settings is in force again
    #[arg(long)]
    end: bool,

    /// Why, for whoever wonders; N and --drain need it
    #[arg(long, value_name = "TEXT", value_parser = reason, conflicts_with = "end", required_unless_present = "end")]
    reason: Option<String>,

    /// Who makes it [default: the user's name and this machine's]
    #[arg(long, value_name = "NAME", value_parser = reason, conflicts_with = "end")]
    who: Option<String>,

    #[command(flatten)]
    yes: Yes,
}

const WHAT: &str = "leasehold pool limit";

const AFTER: &str = "\
Ending what is not there is no mistake: the answer says so, and the exit status is 0.

With --output json:

    {\"table\": NAME, \"prefix\": PREFIX, \"from\": the limit before, \"to\": the limit in force now, \"changed\": false if
     there was no override to end, \"override\": null or {\"limit\", \"at_ms\", \"who\", \"why\"}}";

#[derive(Debug, Serialize)]
struct PoolLimitOutput<'a> {
    table: &'a str,
    prefix: &'a PoolName,
    from: Limit,
    to: Limit,
    changed: bool,
    #[serde(rename = "override")]
    live: Option<OverrideOutput>,
}

/// What an override says.
#[derive(Debug, Serialize)]
pub(crate) struct OverrideOutput {
    pub(crate) limit: Limit,
    pub(crate) at_ms: Timestamp,
    pub(crate) who: Arc<str>,
    pub(crate) why: Arc<str>,
}

impl OverrideOutput {
    /// The one that is in force, if one is.
    pub(crate) async fn of(table: &Table, prefix: &PoolName) -> Result<Option<OverrideOutput>, StoreError> {
        Ok(override_of(table, prefix).await?.map(OverrideOutput::from))
    }

    /// The same after a change, which is told even where this cannot be read.
    pub(super) async fn after_a_change(table: &Table, prefix: &PoolName) -> Option<OverrideOutput> {
        OverrideOutput::of(table, prefix).await.unwrap_or_else(|wrong| {
            complain(&format!("which override is in force cannot be shown: {wrong}"));
            None
        })
    }

    /// Who made it, when and why, and how it is ended: a line.
    pub(crate) fn words(&self, prefix: &PoolName) -> String {
        let OverrideOutput { at_ms, who, why, .. } = self;
        let at = timestamp(*at_ms);
        format!("an override by {who} since {at} ({why}); end it with: leasehold pool limit {prefix} --end\n")
    }
}

impl From<OverrideRow> for OverrideOutput {
    fn from(OverrideRow { limit, at, who, why, .. }: OverrideRow) -> OverrideOutput {
        OverrideOutput { limit, at_ms: at, who, why }
    }
}

/// What became of the limit.
enum LimitResult {
    Overridden(LimitChanged),
    Ended(LimitChanged),
    NoOverride(Limit),
}

impl PoolLimitOptions {
    pub(crate) async fn run(self, target: &Target, output: OutputFormat) -> Result<(), CliError> {
        let runner = target.runner().await?;
        let (table, prefix) = (runner.table(), &self.prefix);
        let limit = if self.drain { Limit::try_from(0).ok() } else { self.limit };
        let rows = limit_rows(table, prefix).await?;
        let result = match limit {
            Some(limit) => self.make(&runner, &rows, limit).await?,
            None => self.end(&runner, &rows).await?,
        };
        let live = OverrideOutput::after_a_change(table, prefix).await;
        let mut text = result.words(prefix, table.name());
        if let Some(live) = &live {
            text += &live.words(prefix);
        }
        let (from, to, changed) = match result {
            LimitResult::Overridden(LimitChanged { from, to, .. })
            | LimitResult::Ended(LimitChanged { from, to, .. }) => (from, to, true),
            LimitResult::NoOverride(limit) => (limit, limit, false),
        };
        output.tell(&text, &PoolLimitOutput { table: table.name(), prefix, from, to, changed, live })
    }

    async fn make(&self, runner: &CliRunner, rows: &LimitRows, limit: Limit) -> Result<LimitResult, CliError> {
        let (table, prefix) = (runner.table().name(), &self.prefix);
        let mut about = match &rows.live {
            Some(LiveRow::Unreadable(row)) => format!(
                "The override of pool {prefix} in table {table} makes no sense ({}). Another makes the limit {limit} at \
                 once, until it is ended; leases that are held are kept.",
                row.why
            ),
            _ => format!(
                "The limit of pool {prefix} in table {table} is {}. An override makes it {limit} at once, until it is \
                 ended; leases that are held are kept.",
                rows.in_force.limit
            ),
        };
        about += &warning(rows, limit, runner.now());
        self.yes.or_told(WHAT, &about, prefix.as_str())?;
        let new = SetLimit {
            limit,
            who: self.who.as_deref().map_or_else(who, Arc::from),
            why: self.reason.as_deref().unwrap_or_default().into(),
            // Of those whom nobody asked, the last one has its way.
            expected: if self.yes.asks() { rows.as_shown() } else { ExpectedOverride::Any },
        };
        match runner.administer(prefix, new).await {
            Ok(SetLimitOutcome::Set(changed)) => Ok(LimitResult::Overridden(changed)),
            Ok(SetLimitOutcome::Superseded(by)) => Err(not_changed("limit", prefix, table, &by)),
            Err(error) => Err(error.explain(table, prefix, "changing the limit of").into()),
        }
    }

    /// Ends the override that the person was shown.
    async fn end(&self, runner: &CliRunner, rows: &LimitRows) -> Result<LimitResult, CliError> {
        let (table, prefix, limit) = (runner.table().name(), &self.prefix, rows.pool.limit);
        let mut about = match &rows.live {
            None => return Ok(LimitResult::NoOverride(limit)),
            Some(LiveRow::Valid(live)) => {
                format!(
                    "The override of pool {prefix} in table {table} is by {} ({}). Ended, the limit is {limit} at once; \
                     it is {} now.",
                    live.who, live.why, live.limit
                )
            }
            Some(LiveRow::Unreadable(row)) => {
                format!(
                    "The override of pool {prefix} in table {table} makes no sense ({}). Ended, the limit is {limit} at \
                     once.",
                    row.why
                )
            }
        };
        about += &warning(rows, limit, runner.now());
        self.yes.or_told(WHAT, &about, prefix.as_str())?;
        match runner.administer(prefix, EndOverride { expected: rows.as_shown() }).await {
            Ok(EndOverrideOutcome::Ended(changed)) => Ok(LimitResult::Ended(changed)),
            Ok(EndOverrideOutcome::NoOverride(limit)) => Ok(LimitResult::NoOverride(limit)),
            Ok(EndOverrideOutcome::Superseded(by)) => Err(not_changed("override", prefix, table, &by)),
            Err(error) => Err(error.explain(table, prefix, "ending the override of").into()),
        }
    }
}

/// What is to be said of slots that count as held once the limit is this one, if any do: a sentence after others.
fn warning(rows: &LimitRows, limit: Limit, now: Timestamp) -> String {
    let lowered = rows.lowered_by(limit, now);
    lowered.map(|lowered| format!(" {}", count_as_held(lowered.from))).unwrap_or_default()
}

impl LimitResult {
    fn words(&self, prefix: &PoolName, table: &str) -> String {
        let (mut text, lowered) = match self {
            LimitResult::Overridden(LimitChanged { from, to, lowered }) => {
                (format!("the limit of pool {prefix} in table {table} is {to} now; it was {from}\n"), lowered)
            }
            LimitResult::Ended(LimitChanged { from, to, lowered }) => {
                let ended = format!("the override of pool {prefix} in table {table} is ended");
                (format!("{ended}: the limit is {to} again; it was {from}\n"), lowered)
            }
            LimitResult::NoOverride(_) => {
                return format!("pool {prefix} in table {table} has no override: nothing was changed\n");
            }
        };
        if let Some(Lowered { from, .. }) = lowered {
            text += &format!("{}\n", count_as_held(*from));
        }
        text
    }
}

/// A change that gave in to another.
fn not_changed(what: &str, prefix: &PoolName, table: &str, by: &LimitSuperseded) -> CliError {
    CliError::NotDone(format!("the {what} of pool {prefix} in table {table} was not changed: {}", superseded(by)))
}

/// What a lowered limit means for now.
pub(super) fn count_as_held(from: Limit) -> String {
    format!("Until everybody surely follows, in about two quiet periods, slots up to {from} count as held.")
}

async fn override_of(table: &Table, prefix: &PoolName) -> Result<Option<OverrideRow>, StoreError> {
    match own_row(table, prefix, RowKey::Override).await? {
        Some(Row::Override(live)) => Ok(Some(live)),
        _ => Ok(None),
    }
}

fn reason(text: &str) -> Result<String, String> {
    let fits = (1..=1_024).contains(&text.trim().len());
    let fits = fits && !text.trim().contains(char::is_control);
    if fits { Ok(text.trim().into()) } else { Err("expected 1 to 1024 bytes on one line".into()) }
}

/// A limit as an option gives it.
pub(super) fn limit(text: &str) -> Result<Limit, String> {
    match text.parse::<u64>() {
        Ok(0) => Err("expected a whole number from 1 to 10000; --drain lets nobody in any more".into()),
        count => count
            .ok()
            .and_then(|count| Limit::try_from(count).ok())
            .ok_or("expected a whole number from 1 to 10000".into()),
    }
}
