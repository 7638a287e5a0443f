//! `leasehold pool set`: how is a pool made, and how are its settings changed?
//! Those that were named; the rest stays.

use leasehold_core::{
    ExpectedSettings, Limit, Millis, PoolName, PoolPatch, PoolRow, Row, RowKey, SetPool, SetPoolOutcome, Settings,
    SettingsRow, Timestamp,
};
use leasehold_store::{
    DIRECTORY_KEYS, KEYS, RunError, SETTINGS_FRESH_FOR, StoreError, TABLE_SHAPE, Table, WrongRow, limit_rows,
    shown_attribute, table_shape,
};
use serde::Serialize;

use super::author::ChangedBy;
use super::overriding::{AfterChange, OverrideOutput, limit, tell_change};
use crate::advised_command::advised;
use crate::confirm::Yes;
use crate::doctor::{FindingReport, misfits};
use crate::duration;
use crate::error::CliError;
use crate::operation::own_row_as_it_is;
use crate::output::OutputFormat;
use crate::target::{CliRunner, Target};

/// How often it is tried while somebody else sets the pool too.
const TRIES: u8 = 5;

/// Make a pool, or change its settings
///
/// Settings that are not given stay as they are. A new pool needs --limit; the rest has defaults.
/// Leases that are held are kept. After the limit was lowered nobody is granted a lease until fewer than
/// the new limit are held, and for about two quiet periods the slots up to the old limit count as held.
///
/// Lease managers follow within seconds. After the limit was raised, the next release or sweep grants leases to
/// those who wait. An operator's override wins over the limit that is set here.
///
/// A pool made by Terraform: its next `terraform apply` puts back what its configuration says, so change it there,
/// too. An operator's override survives a deploy: Terraform leaves it alone.
///
/// Asks before it changes a pool. It does not ask for a new pool, or if nothing changes.
#[derive(Clone, Debug, clap::Args)]
#[command(verbatim_doc_comment, after_long_help = AFTER)]
pub(crate) struct PoolSetOptions {
    /// The pool: 1 to 64 of A-Z a-z 0-9 . _ -
    prefix: PoolName,

    /// How many may hold a lease at once: 1 to 10000
    #[arg(long, value_name = "N", value_parser = limit, allow_negative_numbers = true)]
    limit: Option<Limit>,

    /// Let nobody in any more: a limit of 0. Those who hold a lease keep it, those who come wait
    #[arg(long, conflicts_with = "limit")]
    drain: bool,

    /// How long a lease lasts, at least 1s; callers may ask for less [default: 5m]
    #[arg(long, value_name = "TIME", value_parser = duration::at_least_a_second)]
    #[arg(allow_hyphen_values = true)]
    lease: Option<Millis>,

    /// The most that two callers may differ about the time: another takes an expired lease only this much later
    /// [default: 5s]
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    #[arg(allow_hyphen_values = true)]
    grace: Option<Millis>,

    /// How long somebody may wait in the queue before its task is failed [default: 1d]
    #[arg(long, value_name = "TIME", value_parser = duration::above_zero)]
    #[arg(allow_hyphen_values = true)]
    longest_wait: Option<Millis>,

    /// How long sweeps keep the lease of an execution alive that still runs; 0s: never [default: 0s]
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    #[arg(allow_hyphen_values = true)]
    longest_hold: Option<Millis>,

    /// How long after a change somebody may still follow the old settings: 5s of caching, the least, and the longest call
    /// [default: 35s]. Calls from before a shortening may last as long as before: a limit that is lowered soon after it
    /// settles as late
    #[arg(long, value_name = "TIME", value_parser = quiet, verbatim_doc_comment)]
    #[arg(allow_hyphen_values = true)]
    quiet: Option<Millis>,

    /// The time between two sweeps, at least 1s [default: 1m]
    #[arg(long, value_name = "TIME", value_parser = duration::at_least_a_second)]
    #[arg(allow_hyphen_values = true)]
    sweep_every: Option<Millis>,

    #[command(flatten)]
    by: ChangedBy,

    #[command(flatten)]
    yes: Yes,
}

const AFTER: &str = "\
Settings that are too short, or do not fit each other, are made all the same. The question and the answer say what
is wrong with them, what that means, and what is advised.

A TIME is a number and a unit, or several: 500ms, 5s, 10m, 1h30m, 2d. A bare number is of seconds.

With --output json, with the defaults of settings that were never given:

    {\"table\": NAME, \"prefix\": PREFIX, \"created\": whether it was made now, \"changed\": [names of settings],
     \"settings\": {\"limit\", \"lease_ms\", \"grace_ms\", \"quiet_ms\", \"longest_wait_ms\", \"longest_hold_ms\",
     \"sweep_every_ms\"}, \"settles_at_ms\": until when slots up to \"limit_was\" count as held, both null unless the limit
     was lowered, \"override\": null or {\"limit\", \"at_ms\", \"until_ms\", \"who\", \"why\"},
     \"misfits\": [settings that do not fit, as findings of `leasehold doctor`]}";

#[derive(Debug, Serialize)]
struct PoolSetOutput<'a> {
    table: &'a str,
    prefix: &'a PoolName,
    created: bool,
    changed: Vec<&'static str>,
    settings: PoolSettingsOutput,
    settles_at_ms: Option<Timestamp>,
    limit_was: Option<Limit>,
    #[serde(rename = "override")]
    live: Option<OverrideOutput>,
    misfits: Vec<FindingReport>,
}

/// A pool's settings, with the defaults of what its row leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct PoolSettingsOutput {
    limit: Limit,
    lease_ms: Millis,
    grace_ms: Millis,
    quiet_ms: Millis,
    longest_wait_ms: Millis,
    longest_hold_ms: Millis,
    sweep_every_ms: Millis,
}

/// A pool before and after.
struct PoolChange {
    before: PoolBefore,
    after: Settings,
}

/// What was there before.
enum PoolBefore {
    Nothing,
    Settings(Box<Settings>),
    /// A row that makes no sense.
    Unreadable(SenselessRow),
}

/// A row of settings that makes no sense.
struct SenselessRow {
    /// What is wrong with it.
    why: String,
    /// Each setting as it lies there, in the order of [`PoolSettingsOutput::each`].
    was: [String; 7],
}

impl SenselessRow {
    /// `readable`: what of it makes sense; `raw`: an attribute that does not, as it lies there.
    fn new(why: &str, readable: &PoolPatch, prefix: &PoolName, raw: impl Fn(&str) -> Option<String>) -> SenselessRow {
        let limit = readable.limit.map(|limit| limit.to_string());
        let limit = limit.or_else(|| raw("limit")).unwrap_or_else(|| "missing".into());
        let mut was = PoolSettingsOutput::of(&Settings::new(prefix.clone(), Limit::HIGHEST)).each();
        let PoolPatch { lease, grace, quiet, longest_wait, longest_hold, sweep_every, .. } = *readable;
        let times = [lease, grace, quiet, longest_wait, longest_hold, sweep_every];
        for ((name, _, value), time) in was.iter_mut().skip(1).zip(times) {
            if let Some(shown) = time.map(duration::words).or_else(|| raw(name)) {
                *value = shown;
            }
        }
        was[0].2 = limit;
        SenselessRow { why: why.into(), was: was.map(|(_, _, value)| value) }
    }
}

impl PoolSetOptions {
    pub(crate) async fn run(self, target: &Target, output: OutputFormat) -> Result<(), CliError> {
        if self.names_nothing() {
            let wrong = "pool set: name at least one setting, as in --limit 15; --help lists them";
            return Err(CliError::Usage(wrong.into()));
        }
        let runner = target.runner().await?;
        let table = runner.table();
        let done = self.set(&runner).await?;
        let after = AfterChange::of(&runner, &self.prefix).await;
        let text = done.words(table, &after);
        let raised_for_waiters = done.raises() && after.live.is_none() && after.may_let_in();
        let answer = PoolSetOutput {
            table: table.name(),
            prefix: &self.prefix,
            created: matches!(done.before, PoolBefore::Nothing),
            changed: done.changed(),
            settings: PoolSettingsOutput::of(&done.after),
            settles_at_ms: after.settles_at(),
            limit_was: after.limit_was(),
            live: after.live,
            misfits: misfits(&done.after),
        };
        tell_change((&runner, &self.prefix), raised_for_waiters, output, text, &answer).await
    }

    fn names_nothing(&self) -> bool {
        let times = [self.lease, self.grace, self.longest_wait, self.longest_hold, self.quiet, self.sweep_every];
        self.limit.is_none() && !self.drain && times.iter().all(Option::is_none)
    }

    fn patch(&self) -> PoolPatch {
        PoolPatch {
            limit: if self.drain { Limit::try_from(0).ok() } else { self.limit },
            lease: self.lease,
            grace: self.grace,
            quiet: self.quiet,
            longest_wait: self.longest_wait,
            longest_hold: self.longest_hold,
            sweep_every: self.sweep_every,
        }
    }

    /// Shows what is there and what it becomes, asks, and changes exactly what was shown.
    async fn set(&self, runner: &CliRunner) -> Result<PoolChange, CliError> {
        let (table, prefix, patch) = (runner.table(), &self.prefix, self.patch());
        let explained = |error: RunError| CliError::from(error.explain(table.name(), prefix, "setting"));
        let mut seen = match own_row_as_it_is(table, prefix, RowKey::Pool).await? {
            Some(Row::Pool(row)) => Some(SettingsRow::Valid(row)),
            Some(Row::Unreadable(_, row)) => Some(SettingsRow::Unreadable(row)),
            _ => None,
        };
        // A name that was mistyped in an emergency would drain nothing.
        if self.drain && seen.is_none() {
            return Err(StoreError::PoolNotFound { table: table.name().into(), prefix: prefix.to_string() }.into());
        }
        for tried in 0..TRIES {
            let after = patch.apply(prefix, seen.as_ref(), table.now());
            let after = after.map_err(|failure| explained(RunError { failure, cause: None }))?;
            let shown = self.change(seen.as_ref(), &after, table)?;
            if seen.is_none() {
                is_ours(table).await?;
            }
            if matches!(shown.before, PoolBefore::Unreadable(_)) || !shown.changed().is_empty() {
                let live = match limit_rows(table, prefix).await {
                    Ok(rows) if shown.changed().contains(&"limit") => rows.live_in_force().cloned(),
                    _ => None,
                };
                let wins = live.map(|live| format!("\n{}", wins(&live.into()))).unwrap_or_default();
                let meanwhile =
                    if tried == 0 { "" } else { "Nothing was changed: somebody else set this pool meanwhile.\n" };
                self.yes.or_told(
                    "changing a pool",
                    &format!("{meanwhile}{}{wins}", shown.about(table)),
                    prefix.as_str(),
                )?;
            }
            let expected = ExpectedSettings::Exactly(seen.map(Box::new));
            match runner
                .administer(prefix, SetPool { patch: patch.clone(), by: self.by.author(), expected })
                .await
                .map_err(explained)?
            {
                SetPoolOutcome::Set { before, after } => return self.change(before.as_ref(), &after, table),
                SetPoolOutcome::Superseded(None) => {
                    let name = table.name();
                    let why = format!("pool {prefix} in table {name} was retired meanwhile: nothing was changed");
                    return Err(CliError::NotDone(why));
                }
                SetPoolOutcome::Superseded(now) => seen = now,
            }
        }
        let name = table.name();
        let why = format!("pool {prefix} in table {name} was not set: somebody else keeps changing it; try again");
        Err(CliError::NotDone(why))
    }

    fn change(&self, before: Option<&SettingsRow>, after: &PoolRow, table: &Table) -> Result<PoolChange, CliError> {
        let now = table.now();
        let before = match before {
            None => PoolBefore::Nothing,
            Some(SettingsRow::Valid(row)) => match Settings::from_rows(self.prefix.clone(), row, None, None, now) {
                Ok(settings) => PoolBefore::Settings(Box::new(settings)),
                Err(wrong) => {
                    let PoolRow { limit, lease, grace, quiet, longest_wait, longest_hold, sweep_every, .. } = *row;
                    let limit = Some(limit);
                    let readable = PoolPatch { limit, lease, grace, quiet, longest_wait, longest_hold, sweep_every };
                    PoolBefore::Unreadable(SenselessRow::new(&wrong.to_string(), &readable, &self.prefix, |_| None))
                }
            },
            Some(SettingsRow::Unreadable(row)) => {
                let raw = |name: &str| shown_attribute(row, name);
                PoolBefore::Unreadable(SenselessRow::new(&row.why, &row.remains, &self.prefix, raw))
            }
        };
        let after = Settings::from_rows(self.prefix.clone(), after, None, None, now).map_err(|wrong| {
            let (table, prefix, why) = (table.name().into(), self.prefix.to_string(), wrong.to_string());
            StoreError::PoolMisconfigured { table, prefix, why, row: WrongRow::Settings }
        })?;
        Ok(PoolChange { before, after })
    }
}

impl PoolSettingsOutput {
    pub(super) fn of(settings: &Settings) -> PoolSettingsOutput {
        PoolSettingsOutput {
            limit: settings.limit,
            lease_ms: settings.lease,
            grace_ms: settings.grace,
            quiet_ms: settings.quiet,
            longest_wait_ms: settings.longest_wait,
            longest_hold_ms: settings.longest_hold,
            sweep_every_ms: settings.sweep_every,
        }
    }

    /// Each setting: its name for a program, its name and value for a person.
    pub(super) fn each(&self) -> [(&'static str, &'static str, String); 7] {
        let time = |millis| duration::words(millis);
        [
            ("limit", "limit", self.limit.to_string()),
            ("lease_ms", "lease", time(self.lease_ms)),
            ("grace_ms", "grace", time(self.grace_ms)),
            ("quiet_ms", "quiet", time(self.quiet_ms)),
            ("longest_wait_ms", "longest wait", time(self.longest_wait_ms)),
            ("longest_hold_ms", "longest hold", time(self.longest_hold_ms)),
            ("sweep_every_ms", "sweep every", time(self.sweep_every_ms)),
        ]
    }
}

impl PoolChange {
    /// Whether the limit is higher now.
    fn raises(&self) -> bool {
        matches!(&self.before, PoolBefore::Settings(before) if before.limit < self.after.limit)
    }

    /// The settings that are not what they were.
    fn changed(&self) -> Vec<&'static str> {
        let after = PoolSettingsOutput::of(&self.after).each();
        match &self.before {
            PoolBefore::Nothing => vec![],
            PoolBefore::Settings(before) => {
                let both = PoolSettingsOutput::of(before).each().into_iter().zip(after);
                both.filter(|(was, is)| was != is).map(|(was, _)| was.0).collect()
            }
            PoolBefore::Unreadable(before) => {
                let both = before.was.iter().zip(after);
                both.filter(|(was, is)| **was != is.2).map(|(_, is)| is.0).collect()
            }
        }
    }

    /// The settings, a line each; what each was before, where that is something else.
    fn settings(&self, shown: impl Fn(&str) -> bool) -> String {
        let before = match &self.before {
            PoolBefore::Settings(before) => Some(PoolSettingsOutput::of(before).each().map(|(_, _, value)| value)),
            PoolBefore::Unreadable(before) => Some(before.was.clone()),
            PoolBefore::Nothing => None,
        };
        let changed = self.changed();
        let mut lines = String::new();
        for (at, (setting, label, value)) in PoolSettingsOutput::of(&self.after).each().into_iter().enumerate() {
            if shown(setting) {
                let was = before.as_ref().filter(|_| changed.contains(&setting));
                let was = was.map(|before| format!("{} -> ", before[at])).unwrap_or_default();
                lines += &format!("  {label:14}{was}{value}\n");
            }
        }
        lines
    }

    /// What is asked about, before it is done.
    fn about(&self, table: &Table) -> String {
        let (prefix, name, changed) = (&self.after.prefix, table.name(), self.changed());
        let senseless = matches!(self.before, PoolBefore::Unreadable(_));
        let settings = self.settings(|setting| senseless || changed.contains(&setting));
        let what = match &self.before {
            PoolBefore::Unreadable(SenselessRow { why, .. }) => {
                format!(
                    "The settings of pool {prefix} in table {name} make no sense ({why}). These are to replace them, as \
                     far as they can be read they stay"
                )
            }
            _ => format!("Pool {prefix} in table {name} is to be changed"),
        };
        format!("{what}; leases that are held are kept:\n{settings}{}", told_misfits(&self.after)).trim_end().into()
    }

    fn words(&self, table: &Table, after: &AfterChange) -> String {
        let (prefix, name, changed) = (&self.after.prefix, table.name(), self.changed());
        let mut text = match &self.before {
            PoolBefore::Nothing => format!("pool {prefix} is made in table {name}\n"),
            PoolBefore::Unreadable(_) => {
                format!("the settings of pool {prefix} in table {name}, which made no sense, are replaced\n")
            }
            PoolBefore::Settings(_) if changed.is_empty() => {
                format!("pool {prefix} in table {name} already has these settings: nothing was changed\n")
            }
            PoolBefore::Settings(_) => format!("pool {prefix} in table {name} is changed\n"),
        };
        text += &self.settings(|_| true);
        text += &told_misfits(&self.after);
        text += &after.notes();
        if let Some(why) = &after.senseless_override {
            text += &format!(
                "! nobody is let in until its override is ended, which makes no sense ({why}): `{}`\n",
                advised(format_args!("pool override {prefix} --end"))
            );
        }
        if let Some(live) = &after.live {
            text += &format!("{}\n", wins(live));
        }
        text
    }
}

/// That the limit of the settings is not the one in force.
fn wins(OverrideOutput { limit, who, why, .. }: &OverrideOutput) -> String {
    format!("an override by {who} wins over this limit: {limit} ({why})")
}

/// What does not fit in these settings: a line each.
fn told_misfits(settings: &Settings) -> String {
    let line = |FindingReport { wrong, means, advice, .. }: FindingReport| format!("! {wrong} {means} {advice}\n");
    misfits(settings).into_iter().map(line).collect()
}

/// Before the first row of a pool is written: that the table is one of leasehold's, as far as one may look. The keys alone may
/// be another program's, too.
async fn is_ours(table: &Table) -> Result<(), StoreError> {
    let shape = match table_shape(table).await {
        // Whoever may not describe it may still be allowed to write; a table that is missing is told of by the write.
        Err(StoreError::Denied { .. }) | Ok(None) => return Ok(()),
        looked => looked?.map(|shape| (shape.keys, shape.directory.map(|index| index.keys))),
    };
    match shape {
        Some((keys, index)) if keys != KEYS || index.as_deref() != Some(DIRECTORY_KEYS) => {
            let index = index.unwrap_or_else(|| "none".into());
            Err(StoreError::OtherShape {
                table: table.name().into(),
                found: format!("keys {keys}; index directory: {index}"),
                expected: TABLE_SHAPE,
            })
        }
        _ => Ok(()),
    }
}

fn quiet(text: &str) -> Result<Millis, String> {
    let cached = u64::try_from(SETTINGS_FRESH_FOR.as_millis()).unwrap_or(u64::MAX);
    duration::at_least(Millis(cached), text)
}
