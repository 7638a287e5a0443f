//! `leasehold pool override`: how is an operator's override of a pool's limit made and ended?

use std::sync::Arc;

use leasehold_core::occupancy::Occupancy;
use leasehold_core::{
    EndOverride, EndOverrideOutcome, ExpectedOverride, Limit, LimitChanged, LimitRows, LimitSuperseded, LiveRow,
    Lowered, Millis, OverrideRow, PoolName, SetLimit, SetLimitOutcome, Timestamp,
};
use leasehold_store::limit_rows;
use leasehold_tui::watch::actions::{ALL_FOLLOW_AFTER, settle_again, superseded};
use leasehold_tui::watch::text::{how_to_open, settling, time_until, timestamp};
use serde::Serialize;

use super::author::ChangedBy;
use crate::advised_command::{advised, flags};
use crate::confirm::Yes;
use crate::duration;
use crate::error::CliError;
use crate::leases::look_at_what_can_be_read;
use crate::output::{OutputFormat, complain};
use crate::target::{CliRunner, Target};

/// Override a pool's limit for now, or end that
///
/// For incidents: it takes effect at once, wins over the pool's settings and survives a deploy. It ends with --end or,
/// with --for, by itself. All lists show who made it, when and why, and `leasehold pool history` keeps it.
///
/// Leases that are held are kept. After the limit was raised, those who wait are granted leases now, and again 6 s later,
/// when all callers follow it: the command waits for that if somebody still waits. After it was lowered,
/// also by the end of an override, nobody is granted a lease until fewer than the new limit are held. Then the pool
/// settles: for about two quiet periods somebody may still follow the old limit, so the slots up to it count as held. The
/// answer says until when. Asks before it changes anything.
#[derive(Clone, Debug, clap::Args)]
#[command(verbatim_doc_comment, after_long_help = AFTER)]
#[command(override_usage = "leasehold pool override [OPTIONS] <PREFIX> <--limit N|--drain|--end>")]
#[command(group = clap::ArgGroup::new("what").required(true).args(["limit", "drain", "end"]))]
#[command(group = clap::ArgGroup::new("made").args(["limit", "drain"]).requires("reason"))]
pub(crate) struct PoolOverrideOptions {
    /// The pool
    prefix: PoolName,

    /// How many may hold a lease at once for now: 1 to 10000
    #[arg(long, value_name = "N", value_parser = limit, allow_negative_numbers = true)]
    limit: Option<Limit>,

    /// Let nobody in for now: a limit of 0
    #[arg(long)]
    drain: bool,

    /// End the override: the limit of the pool's settings is in force again
    #[arg(long)]
    end: bool,

    /// How long it lasts, as in 30m or 2h, at least 1m: then the limit of the settings is in force again; without it, until --end
    #[arg(long = "for", value_name = "TIME", value_parser = lasts, conflicts_with = "end", allow_hyphen_values = true)]
    lasts: Option<Millis>,

    #[command(flatten)]
    by: ChangedBy,

    #[command(flatten)]
    yes: Yes,
}

const WHAT: &str = "pool override";

const AFTER: &str = "\
--limit and --drain need a --reason. If there is no override to end, --end says so, and the exit status is 0.

With --output json:

    {\"table\": NAME, \"prefix\": PREFIX, \"from\": the limit before, \"to\": the limit in force now, \"changed\": false if
     there was no override to end, \"settles_at_ms\": until when slots up to \"limit_was\" count as held, both null unless
     the limit was lowered, \"override\": null or {\"limit\", \"at_ms\", \"until_ms\": null if it stays until it is
     ended, \"who\", \"why\"}}";

#[derive(Debug, Serialize)]
struct PoolOverrideOutput<'a> {
    table: &'a str,
    prefix: &'a PoolName,
    from: Limit,
    to: Limit,
    changed: bool,
    settles_at_ms: Option<Timestamp>,
    limit_was: Option<Limit>,
    #[serde(rename = "override")]
    live: Option<OverrideOutput>,
}

/// What an override says.
#[derive(Debug, Serialize)]
pub(crate) struct OverrideOutput {
    pub(crate) limit: Limit,
    pub(crate) at_ms: Timestamp,
    pub(crate) until_ms: Option<Timestamp>,
    pub(crate) who: Arc<str>,
    pub(crate) why: Arc<str>,
}

impl OverrideOutput {
    /// Who made it, when and why, and how it is ended: a line.
    pub(crate) fn words(&self, prefix: &PoolName) -> String {
        let OverrideOutput { at_ms, until_ms, who, why, .. } = self;
        let at = timestamp(*at_ms);
        let until = until_its_end(*until_ms);
        let end = advised(format_args!("pool override {prefix} --end"));
        format!("an override by {who} since {at}{until} ({why}); end it with: {end}\n")
    }
}

impl From<OverrideRow> for OverrideOutput {
    fn from(OverrideRow { limit, at, until, who, why, .. }: OverrideRow) -> OverrideOutput {
        OverrideOutput { limit, at_ms: at, until_ms: until, who, why }
    }
}

/// Until when an override lasts, to stand behind its maker; nothing if it stays until it is ended.
fn until_its_end(until: Option<Timestamp>) -> String {
    until.map(|until| format!(" until {}", timestamp(until))).unwrap_or_default()
}

/// A pool after a change: what is in force, and until when it settles. The change is told even where this cannot be read.
pub(super) struct AfterChange {
    pub(super) live: Option<OverrideOutput>,
    /// What is wrong with the override, where it makes no sense.
    pub(super) senseless_override: Option<Arc<str>>,
    seen: Option<Occupancy>,
}

impl AfterChange {
    pub(super) async fn of(runner: &CliRunner, prefix: &PoolName) -> AfterChange {
        let (mut live, mut senseless_override, mut seen) = (None, None, None);
        match limit_rows(runner.table(), prefix).await {
            Ok(rows) => {
                live = rows.live_in_force().cloned().map(OverrideOutput::from);
                if let Some(LiveRow::Unreadable(row)) = &rows.live {
                    senseless_override = Some(Arc::clone(&row.why));
                    return AfterChange { live, senseless_override, seen };
                }
                let overridden = rows.live_in_force().cloned().map(Into::into);
                // Until when the pool settles is told of a damaged pool, too.
                match look_at_what_can_be_read(runner, &Arc::new(rows.in_force)).await {
                    Ok((pool, _)) => seen = Some(Occupancy { overridden, ..pool }),
                    Err(wrong) => complain(&format!("the leases of the pool cannot be shown: {wrong}")),
                }
            }
            Err(wrong) => complain(&format!("the override in force cannot be shown: {wrong}")),
        }
        AfterChange { live, senseless_override, seen }
    }

    pub(super) fn settles_at(&self) -> Option<Timestamp> {
        self.seen.as_ref()?.settles_at
    }

    pub(super) fn limit_was(&self) -> Option<Limit> {
        self.seen.as_ref()?.limit_was
    }

    /// Whether somebody waits, whom a raised limit may let in once all callers follow it: not in a pool that is closed then.
    pub(super) fn may_let_in(&self) -> bool {
        let soon = Millis(u64::try_from(ALL_FOLLOW_AFTER.as_millis()).unwrap_or(u64::MAX));
        let opens = |pool: &Occupancy| pool.settles_at.is_none_or(|at| !pool.is_closed() || at <= pool.at + soon);
        self.seen.as_ref().is_some_and(|pool| pool.waiting > 0 && opens(pool))
    }

    /// That somebody else changed the limit right after this change, if it shows.
    fn changed_again(&self, result: &LimitResult) -> String {
        let to = match result {
            LimitResult::Overridden(changed) | LimitResult::Ended(changed) => changed.to,
            LimitResult::NoOverride(_) => return String::new(),
        };
        let now = self.seen.as_ref().map(|seen| seen.limit).filter(|now| *now != to);
        now.map(|now| format!("somebody changed it again meanwhile: the limit is {now}\n")).unwrap_or_default()
    }

    /// What a lowered limit means for now, and how a drained pool is opened, as every list says it: a line each.
    pub(super) fn notes(&self) -> String {
        let settling = self.seen.as_ref().and_then(settling);
        let settling = settling.map(|words| format!("{words}; leases that are held are kept\n")).unwrap_or_default();
        let opens = self.seen.as_ref().and_then(|seen| how_to_open(seen, flags()));
        settling + &opens.map(|words| format!("{words}\n")).unwrap_or_default()
    }
}

/// Tells what a change came to. If it raised the limit while somebody waits, it then grants free slots again, once all
/// callers follow the new one.
pub(super) async fn tell_change(
    (runner, prefix): (&CliRunner, &PoolName),
    raised_for_waiters: bool,
    output: OutputFormat,
    mut text: String,
    answer: &impl Serialize,
) -> Result<(), CliError> {
    if raised_for_waiters {
        let when = format!("{} s from now, when all callers follow this limit", ALL_FOLLOW_AFTER.as_secs());
        text += &format!("somebody still waits: {when}, free slots are granted again\n");
    }
    output.tell(&text, answer)?;
    // Behind a pointer: the futures of the SDK would be too deep a type.
    if raised_for_waiters && let Err(error) = Box::pin(settle_again(runner, prefix)).await {
        complain(&error.explain(runner.table().name(), prefix, "granting free slots of").to_string());
    }
    Ok(())
}

/// What became of the limit.
enum LimitResult {
    Overridden(LimitChanged),
    Ended(LimitChanged),
    NoOverride(Limit),
}

impl PoolOverrideOptions {
    pub(crate) async fn run(self, target: &Target, output: OutputFormat) -> Result<(), CliError> {
        let runner = target.runner().await?;
        let (table, prefix) = (runner.table(), &self.prefix);
        let limit = if self.drain { Limit::try_from(0).ok() } else { self.limit };
        let rows = limit_rows(table, prefix).await?;
        let result = match limit {
            Some(limit) => self.make(&runner, &rows, limit).await?,
            None => self.end(&runner, &rows).await?,
        };
        let after = AfterChange::of(&runner, prefix).await;
        let mut text = result.words(prefix, table.name());
        text += &after.changed_again(&result);
        text += &after.notes();
        if let Some(live) = &after.live {
            text += &live.words(prefix);
        }
        let (from, to, changed) = match result {
            LimitResult::Overridden(LimitChanged { from, to, .. })
            | LimitResult::Ended(LimitChanged { from, to, .. }) => (from, to, true),
            LimitResult::NoOverride(limit) => (limit, limit, false),
        };
        let (settles_at_ms, limit_was) = (after.settles_at(), after.limit_was());
        let (table, raised_for_waiters) = (table.name(), to > from && after.may_let_in());
        let answer =
            PoolOverrideOutput { table, prefix, from, to, changed, settles_at_ms, limit_was, live: after.live };
        tell_change((&runner, prefix), raised_for_waiters, output, text, &answer).await
    }

    async fn make(&self, runner: &CliRunner, rows: &LimitRows, limit: Limit) -> Result<LimitResult, CliError> {
        let (table, prefix) = (runner.table().name(), &self.prefix);
        let until = self.lasts.map_or("until it is ended".into(), |lasts| format!("for {}", duration::words(lasts)));
        let mut about = match &rows.live {
            Some(LiveRow::Unreadable(row)) => format!(
                "The override of pool {prefix} in table {table} makes no sense ({}). Another makes the limit {limit} at \
                 once, {until}; leases that are held are kept.",
                row.why
            ),
            _ if rows.in_force.limit == limit => {
                format!(
                    "The limit of pool {prefix} in table {table} is {limit}, and stays so: the override lasts {until}."
                )
            }
            _ => format!(
                "The limit of pool {prefix} in table {table} is {}. An override makes it {limit} at once, {until}; leases \
                 that are held are kept.",
                rows.in_force.limit
            ),
        };
        if let Some(OverrideRow { who, why, until, .. }) = rows.live_in_force() {
            let until = until_its_end(*until);
            about += &format!(" It replaces the override by {who}{until} ({why}).");
        }
        let lowered = rows.lowered_by_override(limit, runner.now());
        let settles_for = rows.in_force.settles_for();
        match self.lasts.filter(|lasts| lowered.is_some() && *lasts <= settles_for) {
            // It never comes to what the warning says.
            Some(lasts) => {
                let (lasts, least) = (duration::words(lasts), duration::words(settles_for));
                about += &format!(
                    " Callers may follow the limit before for {least}, and the override lasts only {lasts}: somebody may be \
                     let in all the time. Make it last longer."
                );
            }
            None => about += &warning(rows, limit, lowered),
        }
        self.yes.or_told(WHAT, &about, prefix.as_str())?;
        let by = self.by.author();
        let new = SetLimit {
            limit,
            who: by.who,
            why: by.why,
            lasts: self.lasts,
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
            Some(LiveRow::Valid(live)) if rows.live_in_force().is_some() => {
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
            _ => return Ok(LimitResult::NoOverride(limit)),
        };
        about += &warning(rows, limit, rows.lowered_by(limit, runner.now()));
        self.yes.or_told(WHAT, &about, prefix.as_str())?;
        match runner.administer(prefix, EndOverride { by: self.by.author(), expected: rows.as_shown() }).await {
            Ok(EndOverrideOutcome::Ended(changed)) => Ok(LimitResult::Ended(changed)),
            Ok(EndOverrideOutcome::NoOverride(limit)) => Ok(LimitResult::NoOverride(limit)),
            Ok(EndOverrideOutcome::Superseded(by)) => Err(not_changed("override", prefix, table, &by)),
            Err(error) => Err(error.explain(table, prefix, "ending the override of").into()),
        }
    }
}

/// What is to be said of a limit that will settle, if it will: a sentence after others.
fn warning(rows: &LimitRows, limit: Limit, lowered: Option<Lowered>) -> String {
    let Some(lowered) = lowered else { return String::new() };
    let (until, from) = (time_until(rows.in_force.followed_at(lowered), rows.at), lowered.from);
    if limit.count() == 0 {
        format!(" Until {until} UTC somebody may still follow the limit of {from} and be let in; after that nobody is.")
    } else {
        format!(
            " Until {until} UTC slots up to {from} count as held: few or none may be had until then, though slots are free."
        )
    }
}

impl LimitResult {
    fn words(&self, prefix: &PoolName, table: &str) -> String {
        match self {
            LimitResult::Overridden(LimitChanged { from, to, .. }) if from == to => {
                format!("the limit of pool {prefix} in table {table} stays {to}\n")
            }
            LimitResult::Overridden(LimitChanged { from, to, .. }) => {
                format!("the limit of pool {prefix} in table {table} is {to} now; it was {from}\n")
            }
            LimitResult::Ended(LimitChanged { from, to, .. }) => {
                let ended = format!("the override of pool {prefix} in table {table} is ended");
                if from == to {
                    return format!("{ended}: the limit stays {to}\n");
                }
                format!("{ended}: the limit is {to} again; it was {from}\n")
            }
            LimitResult::NoOverride(_) => {
                format!("pool {prefix} in table {table} has no override: nothing was changed\n")
            }
        }
    }
}

/// A change that gave in to another.
fn not_changed(what: &str, prefix: &PoolName, table: &str, by: &LimitSuperseded) -> CliError {
    CliError::NotDone(format!("the {what} of pool {prefix} in table {table} was not changed: {}", superseded(by)))
}

/// Shorter than that, and it would lapse while it still settles.
fn lasts(text: &str) -> Result<Millis, String> {
    duration::at_least(Millis::seconds(60), text)
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

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]
mod tests {
    use leasehold_core::{Settings, Snapshot};

    use super::*;

    fn limit(count: u64) -> Limit {
        Limit::try_from(count).expect("a limit")
    }

    /// An empty pool for which one waits, so long after its limit was changed.
    fn after(now: u64, lowered_from: Option<u64>, later: Millis) -> AfterChange {
        let lowered = lowered_from.map(|from| Lowered { from: limit(from), at: Timestamp::seconds(100) });
        let settings = Settings { lowered, ..Settings::new("p".parse().expect("a prefix"), limit(now)) };
        let at = Timestamp::seconds(100) + later;
        let snapshot = Snapshot { at, limit: settings.limit, slots: vec![], queue: vec![], more: false };
        let seen = Occupancy { waiting: 1, ..Occupancy::of(&snapshot, &settings) };
        AfterChange { live: None, senseless_override: None, seen: Some(seen) }
    }

    #[test]
    fn who_was_overtaken_is_told_the_limit_that_is_in_force() {
        let changed = |to| LimitResult::Overridden(LimitChanged { from: limit(1), to: limit(to), lowered: None });
        let told = |to| after(3, None, Millis::seconds(1)).changed_again(&changed(to));
        assert_eq!(told(2), "somebody changed it again meanwhile: the limit is 3\n");
        assert_eq!(told(3), "");
    }

    #[test]
    fn grants_are_promised_only_where_a_slot_can_be_had_by_then() {
        assert!(after(1, None, Millis(0)).may_let_in());
        // Closed for 75 s by default.
        assert!(!after(1, Some(3), Millis(0)).may_let_in());
        assert!(!after(1, Some(3), Millis(68_000)).may_let_in());
        assert!(after(1, Some(3), Millis(70_000)).may_let_in());
        // Some slots can be had all the while.
        assert!(after(5, Some(6), Millis(0)).may_let_in());
    }
}
