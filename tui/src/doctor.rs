//! `leasehold doctor`: what is wrong with a table and its pools, and what of it can safely be put right?
//! It reads and says so in words; it writes only with --repair.

mod code;
mod repairing;
mod report;
mod table_findings;
mod words;

use std::sync::{Arc, OnceLock};

use leasehold_core::diagnosis::{Remedy, diagnose};
use leasehold_core::{Millis, PoolChange, PoolName, Request, RowKey, Settings};
use leasehold_store::{
    Notifier, PoolExamination, Runner, SETTINGS_FRESH_FOR, StoreError, Table, WrongClock, examine, history,
};

use self::code::Code;
pub(crate) use self::report::FindingReport;
use self::report::Report;
use self::table_findings::{TableExamination, clock_wrong, examine_table, read_denied};
use crate::advised_command::advised;
use crate::confirm::Yes;
use crate::error::CliError;
use crate::output::OutputFormat;
use crate::stored_demo;
use crate::target::Target;

/// Say what is wrong with the table and its pools, what it means and what to do
///
/// Reads the table's shape and every row of the pool that matters. It compares settings with each other, slots with
/// holders and the queue, and this machine's clock with the table's. It says what sweeps left undone, and what these
/// credentials may not read. Without PREFIX it looks at all pools that are in the list of pools; one that the list has
/// lost is found by its name alone. It never writes to find out.
///
/// With --repair it makes only repairs that are safe while callers go on: a sweep, or one write on the condition that
/// the row is as it was read. It takes no lease from anybody, and asks first.
#[derive(Clone, Debug, clap::Args)]
#[command(verbatim_doc_comment, after_long_help = AFTER)]
pub(crate) struct DoctorOptions {
    /// The pool [default: all that are listed]
    prefix: Option<PoolName>,

    /// Make the safe repairs
    #[arg(long)]
    repair: bool,

    #[command(flatten)]
    yes: Yes,
}

const AFTER: &str = "\
The runbook (docs/guide/runbook.md) lists all codes.

With --output json, after the repairs if there were any:

    {\"table\": NAME, \"at_ms\": now, \"pools\": [PREFIX], \"findings\": [{\"code\", \"severity\": \"note\", \"warning\" or
     \"error\", \"prefix\": null if it is not about a pool, \"row\": null or the row's sort key, \"wrong\": what is wrong,
     \"means\": what that means, \"advice\": what to do, \"repairable\": whether --repair does something about it}],
     \"repairs\": [{\"code\", \"prefix\", \"row\", \"done\", \"said\": what was done, or why not}]}

Exit status: 0 nothing is wrong (there may be notes); 1 warnings or errors were found, or are left after the repairs,
or the pool does not exist; 2 the options make no sense, or nobody is there to be asked (add --yes); 3 the table cannot
be used.";

impl DoctorOptions {
    pub(crate) async fn run(self, target: &Target, output: OutputFormat) -> Result<u8, CliError> {
        self.examine(&target.untold_runner().await?, output).await
    }

    async fn examine<N: Notifier>(&self, runner: &Runner<N>, output: OutputFormat) -> Result<u8, CliError> {
        let clock: Arc<OnceLock<WrongClock>> = Arc::default();
        let told = Arc::clone(&clock);
        runner.table().on_wrong_clock(move |wrong| {
            let _ = told.set(wrong);
        });
        let mut report = self.look(runner.table(), &clock).await?;
        let mut text = report.words();
        let work: Vec<FindingReport> = report.findings.iter().filter(|one| one.remedy.is_some()).cloned().collect();
        if self.repair && !work.is_empty() {
            let about = format!("{text}\n{}", plan(&work));
            self.yes.or_told("doctor --repair", &about, "repair")?;
            let repairs = repairing::repair(runner, &work).await;
            report = Report { repairs, ..self.look(runner.table(), &clock).await? };
            text = format!("{}\n{}", report.repair_words(), report.words());
        } else if self.repair {
            text += match &report.findings[..] {
                [] => "there is nothing to repair\n",
                _ => "--repair can do nothing about what was found; nothing was changed\n",
            };
        } else if !work.is_empty() {
            text += &format!("of these, `{}` can do something about {}\n", self.repairing(), work.len());
        }
        output.tell(&text, &report)?;
        Ok(report.status())
    }

    /// The command that repairs what this one found.
    fn repairing(&self) -> String {
        let prefix = self.prefix.as_ref().map(|prefix| format!(" {prefix}")).unwrap_or_default();
        advised(format_args!("doctor{prefix} --repair"))
    }

    async fn look<'t>(&self, table: &'t Table, clock: &OnceLock<WrongClock>) -> Result<Report<'t>, CliError> {
        let TableExamination { mut findings, directory, unusable } = examine_table(table).await?;
        // Whoever asks about one pool is told of the table what matters to that pool.
        if self.prefix.is_some() {
            findings.retain(|one| one.code != Code::IndexForeignRow);
        }
        let asked: Vec<PoolName> = match &self.prefix {
            _ if unusable => vec![],
            Some(prefix) => vec![prefix.clone()],
            None => directory.pools.into_keys().collect(),
        };
        let mut pools = Vec::new();
        for prefix in asked {
            match self.look_at(table, &prefix).await {
                Ok(Some(found)) => findings.extend(found),
                Ok(None) => continue,
                Err(CliError::Store(denied)) if denied.is_not_signed_in() => return Err(denied.into()),
                Err(CliError::Store(StoreError::Denied { why, .. })) => {
                    findings.push(read_denied("dynamodb:Query on the table", &why).of_pool(&prefix));
                }
                Err(other) => return Err(other),
            }
            if let Some(StoreError::Denied { why, .. }) = table.send(&prefix, &Request::Get(RowKey::Pool)).await.trouble
            {
                findings.push(read_denied("dynamodb:GetItem", &why).of_pool(&prefix));
            }
            pools.push(prefix);
        }
        findings.extend(clock.get().copied().map(clock_wrong));
        // The worst first; else in the order in which they were found.
        findings.sort_by_key(|one| std::cmp::Reverse(one.severity));
        Ok(Report { table: table.name(), at_ms: table.now(), pools, findings, repairs: vec![] })
    }

    /// What is wrong with one pool; none if there is none any more.
    async fn look_at(&self, table: &Table, prefix: &PoolName) -> Result<Option<Vec<FindingReport>>, CliError> {
        let found = examine(table, prefix, || table.now()).await?;
        if found.is_empty() {
            return match self.prefix {
                None => Ok(None),
                Some(_) => {
                    let (table, prefix) = (table.name().into(), prefix.to_string());
                    Err(StoreError::PoolNotFound { table, prefix }.into())
                }
            };
        }
        let PoolExamination { reading, damaged, foreign, cut } = found;
        // That of the mark is told with its repair.
        let told_below = |wrong: &&leasehold_store::rows::RowError| {
            reading.unreadable_mark.is_some() && leasehold_store::rows::row_key(&wrong.sk) == Some(RowKey::HighWater)
        };
        let mut findings: Vec<FindingReport> = damaged
            .iter()
            .filter(|wrong| !told_below(wrong))
            .map(|wrong| {
                let summary = leasehold_store::rows::row_key(&wrong.sk) == Some(RowKey::Summary);
                words::damaged(prefix, wrong).with(summary.then_some(Remedy::Sweep))
            })
            .collect();
        // A demo's times are short so that something happens: its callers share a clock, and cache settings for less long.
        let of_a_demo = table.name() == stored_demo::TABLE && set_by_a_demo(table, prefix).await?;
        let diagnosed = diagnose(prefix, &reading, cached_for()).into_iter().map(|one| words::finding(prefix, one));
        findings.extend(diagnosed.filter(|one| !(of_a_demo && one.code.is_of_times())));
        findings.extend(foreign.iter().map(|sk| words::foreign(prefix, sk)));
        findings.extend(cut.then(|| words::cut(prefix)));
        Ok(Some(findings))
    }
}

/// Whether a demo made the pool's settings, and nobody changed them since.
async fn set_by_a_demo(table: &Table, prefix: &PoolName) -> Result<bool, StoreError> {
    let noted = history(table, prefix).await?.changes;
    let set = noted.iter().find(|noted| matches!(noted.change, PoolChange::Made(_) | PoolChange::Set(_)));
    Ok(set.is_some_and(|set| &*set.by.who == stored_demo::AUTHOR))
}

/// How long callers go on with settings that they have read.
fn cached_for() -> Millis {
    Millis(u64::try_from(SETTINGS_FRESH_FOR.as_millis()).unwrap_or(u64::MAX))
}

/// What does not fit in a pool's settings, for whoever is about to make them.
pub(crate) fn misfits(settings: &Settings) -> Vec<FindingReport> {
    words::misfits(settings, cached_for())
}

fn plan(work: &[FindingReport]) -> String {
    let mut text = format!("To be repaired, by a sweep or one conditional write each: {}\n", work.len());
    for one in work {
        let prefix = one.prefix.as_ref().map(ToString::to_string).unwrap_or_default();
        text += &format!("  {}, pool {prefix} {}\n", one.code.as_str(), one.row.as_deref().unwrap_or_default());
    }
    text.trim_end().into()
}
