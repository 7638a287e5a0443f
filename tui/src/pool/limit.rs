//! `leasehold pool limit`: how is an operator's override of a pool's limit made and ended?

use std::sync::Arc;

use leasehold_core::change::NewLimit;
use leasehold_core::machine::{Operation, Outcome};
use leasehold_core::nouns::{Limit, Millis, Prefix};
use leasehold_core::settings::Settings;
use leasehold_core::table::{Key, OverrideRow, PoolRow, Row};
use leasehold_store::create::end_override;
use leasehold_store::run::{Clock, SystemClock};
use leasehold_store::{StoreError, Table};
use leasehold_tui::watch::actions::who;
use leasehold_tui::watch::text::timestamp;
use serde::Serialize;

use crate::confirm::Yes;
use crate::error::CliError;
use crate::operation::{odd, outcome, own_row};
use crate::output::OutputFormat;
use crate::target::{CliRunner, Target};

/// How often ending it is tried while somebody else changes the pool too.
const TRIES: u8 = 5;

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
    prefix: Prefix,

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
    prefix: &'a Prefix,
    from: Limit,
    to: Limit,
    changed: bool,
    #[serde(rename = "override")]
    live: Option<OverrideOutput>,
}

/// What an override says.
#[derive(Debug, Serialize)]
pub(crate) struct OverrideOutput {
    pub(super) limit: Limit,
    pub(super) at_ms: Millis,
    pub(super) who: Arc<str>,
    pub(super) why: Arc<str>,
}

impl OverrideOutput {
    /// The one that is in force, if one is.
    pub(crate) async fn of(table: &Table, prefix: &Prefix) -> Result<Option<OverrideOutput>, StoreError> {
        let live = override_of(table, prefix).await?;
        Ok(live.map(|OverrideRow { limit, at, who, why, .. }| OverrideOutput { limit, at_ms: at, who, why }))
    }

    /// Who made it, when and why, and how it is ended: a line.
    pub(crate) fn words(&self, prefix: &Prefix) -> String {
        let OverrideOutput { at_ms, who, why, .. } = self;
        let at = timestamp(*at_ms);
        format!("an override by {who} since {at} ({why}); end it with: leasehold pool limit {prefix} --end\n")
    }
}

impl PoolLimitOptions {
    pub(crate) async fn run(self, target: &Target, output: OutputFormat) -> Result<(), CliError> {
        let runner = target.runner().await?;
        let (table, prefix) = (runner.table(), &self.prefix);
        let limit = if self.drain { Limit::try_from(0).ok() } else { self.limit };
        let (from, to, changed) = match limit {
            Some(limit) => self.make(&runner, limit).await?,
            None => self.end(&runner).await?,
        };
        let live = OverrideOutput::of(table, prefix).await?;
        let name = table.name();
        let mut text = match (limit, changed) {
            (Some(_), _) => format!("the limit of pool {prefix} in table {name} is {to} now; it was {from}\n"),
            (None, true) => format!(
                "the override of pool {prefix} in table {name} is ended: the limit is {to} again; it was {from}\n"
            ),
            (None, false) => format!("pool {prefix} in table {name} has no override: nothing was changed\n"),
        };
        if to < from {
            text += &format!("{}\n", count_as_held(from));
        }
        if let Some(live) = &live {
            text += &live.words(prefix);
        }
        output.tell(&text, &PoolLimitOutput { table: name, prefix, from, to, changed, live })
    }

    async fn make(&self, runner: &CliRunner, limit: Limit) -> Result<(Limit, Limit, bool), CliError> {
        let (table, prefix, now) = (runner.table().name(), &self.prefix, runner.settings(&self.prefix).await?.limit);
        let about = format!(
            "The limit of pool {prefix} in table {table} is {now}. An override makes it {limit} at once, until it is \
             ended; leases that are held are kept.{}",
            if limit < now { format!(" {}", count_as_held(now)) } else { String::new() }
        );
        self.yes.or_told(WHAT, &about, prefix.as_str())?;
        let who = self.who.as_deref().map_or_else(who, Arc::from);
        let new = NewLimit { limit, who, why: self.reason.as_deref().unwrap_or_default().into() };
        let ran = runner.run_on(&self.prefix, Operation::Change(new)).await?;
        match outcome(runner, &self.prefix, "changing the limit of", ran)? {
            Outcome::Changed { from, to } => Ok((from, to, true)),
            other => Err(odd(runner, &self.prefix, "changing the limit of", &other)),
        }
    }

    /// Ends it, and settles the pool if that raised the limit.
    async fn end(&self, runner: &CliRunner) -> Result<(Limit, Limit, bool), CliError> {
        let (table, prefix) = (runner.table(), &self.prefix);
        for _ in 0..TRIES {
            let Some(Row::Pool(before)) = own_row(table, prefix, Key::Pool).await? else {
                let (table, prefix) = (table.name().into(), prefix.to_string());
                return Err(StoreError::PoolNotFound { table, prefix }.into());
            };
            let Some(live) = override_of(table, prefix).await? else {
                return Ok((before.limit, before.limit, false));
            };
            let about = format!(
                "The override of pool {prefix} in table {} is by {} ({}). Ended, the limit is {} at once; it is {} now.",
                table.name(),
                live.who,
                live.why,
                before.limit,
                live.limit
            );
            self.yes.or_told(WHAT, &about, prefix.as_str())?;
            let now = Settings::from_rows(prefix.clone(), &before, Some(&live)).map_err(|wrong| {
                let (table, prefix) = (table.name().into(), prefix.to_string());
                StoreError::PoolMisconfigured { table, prefix, why: wrong.to_string() }
            })?;
            let lowered = now.lowered_by(before.limit, SystemClock.now());
            let after = PoolRow { lowered, ..before.clone() };
            if end_override(table, prefix, &live, &after, &before).await? {
                if before.limit > live.limit {
                    // What goes wrong with it, the next release or sweep makes good.
                    let _ = runner.run_on(prefix, Operation::Sweep).await;
                }
                return Ok((live.limit, before.limit, true));
            }
        }
        let name = table.name();
        let why =
            format!("the override of pool {prefix} in table {name} was not ended: somebody else keeps changing it");
        Err(CliError::NotDone(format!("{why}; try again")))
    }
}

/// What a lowered limit means for now.
pub(super) fn count_as_held(from: Limit) -> String {
    format!("Until everybody surely follows, in about two quiet periods, slots up to {from} count as held.")
}

async fn override_of(table: &Table, prefix: &Prefix) -> Result<Option<OverrideRow>, StoreError> {
    match own_row(table, prefix, Key::Override).await? {
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
