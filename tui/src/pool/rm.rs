//! `leasehold pool rm`: how is a pool retired?
//! Nobody is granted a lease any more; its slots stay.

use std::sync::Arc;

use leasehold_core::occupancy::Occupancy;
use leasehold_core::{PoolName, Repair, RetirePool, Row, RowKey, Settings};
use leasehold_store::{StoreError, Table, WrongRow};
use leasehold_tui::watch::actions::ALL_FOLLOW_AFTER;
use serde::Serialize;

use super::author::ChangedBy;
use crate::advised_command::advised;
use crate::confirm::Yes;
use crate::error::CliError;
use crate::operation::{look, own_row_as_it_is};
use crate::output::OutputFormat;
use crate::target::{CliRunner, Target};

/// Retire a pool: nobody is granted a lease any more
///
/// Its settings, an operator's override and its summary go. Its slots stay, a row each, because their fences must not start
/// again if a pool of this name is made later, and so does its history. If it is made again, it settles first, as
/// callers may still follow the limit of before.
///
/// Refused while leases are held or somebody waits. Start nothing new, and let those who wait get their lease: in a
/// drained pool they would wait until they give up. Once nobody waits, let nobody in any more (`leasehold pool set
/// PREFIX --drain`), and let those end who hold a lease. Or use --force.
///
/// A pool made by Terraform: the next `terraform apply` makes it again; remove it there.
#[derive(Clone, Debug, clap::Args)]
#[command(verbatim_doc_comment, after_long_help = AFTER)]
pub(crate) struct PoolRmOptions {
    /// The pool
    prefix: PoolName,

    #[command(flatten)]
    by: ChangedBy,

    #[command(flatten)]
    yes: Yes,

    /// Even while leases are held or somebody waits. Holders keep their lease until it expires, and cannot renew it: a
    /// `leasehold run` whose command lasts longer ends that. Those who wait get no lease: a `leasehold run` ends with
    /// status 125 within about a minute, as the pool does not exist. A workflow's task is told nothing: it waits until
    /// its own timeout, asks again, and fails with PoolNotFound. The command ends 6 s later, when no caller goes by the
    /// settings any more, and clears away what one may have written. What the rows of holders and waiters name stays
    /// until the pool is made again and swept
    #[arg(long, verbatim_doc_comment)]
    force: bool,
}

const AFTER: &str = "\
With --output json, as the pool was left (null where its rows could not be read):

    {\"table\": NAME, \"prefix\": PREFIX, \"retired\": true, \"held\": N, \"waiting\": N, \"waiting_more\": whether there are
     more than that}";

#[derive(Debug, Serialize)]
struct PoolRmOutput<'a> {
    table: &'a str,
    prefix: &'a PoolName,
    retired: bool,
    held: Option<usize>,
    waiting: Option<u32>,
    waiting_more: Option<bool>,
}

impl PoolRmOptions {
    pub(crate) async fn run(self, target: &Target, output: OutputFormat) -> Result<(), CliError> {
        self.yes.or_a_terminal("pool rm")?;
        let (runner, prefix) = (target.runner().await?, &self.prefix);
        let table = runner.table().name();
        let settings = match runner.settings(prefix).await {
            Ok(settings) => Some(settings),
            // Rows that make no sense can still be removed, not those of a later version.
            Err(StoreError::PoolMisconfigured { row, .. })
                if self.force && !matches!(row, WrongRow::NewerEdition(_)) =>
            {
                None
            }
            Err(wrong) => return Err(wrong.into()),
        };
        let seen = self.own_rows(runner.table()).await?;
        let before = self.look(&runner, settings.as_ref()).await?;
        let shown = before.as_ref().map_or_else(|| "can't be read".into(), words);
        self.refuse_busy(table, before.as_ref())?;
        let fate = before.as_ref().map(Occupants::fate).unwrap_or_default();
        let about = format!(
            "Pool {prefix} in table {table}: {shown}.\n\
             When it is retired nobody is granted a lease any more; its slots stay, so that their fences go on.\n{fate}"
        );
        self.yes.or_asked(about.trim_end(), prefix.as_str())?;
        if self.yes.asks() {
            // Somebody may have changed it, or got in, while this waited for an answer.
            if self.own_rows(runner.table()).await? != seen {
                return Err(CliError::NotDone(format!(
                    "pool {prefix} in table {table} was not retired: somebody changed its settings or its override \
                     meanwhile; look and try again"
                )));
            }
            self.refuse_busy(table, self.look(&runner, settings.as_ref()).await?.as_ref())?;
        }
        let retired = runner.administer(prefix, RetirePool { by: self.by.author() }).await;
        retired.map_err(|error| error.explain(table, prefix, "retiring"))?;
        // Somebody may have got in until just now. Retired it is, whether or not that can be seen.
        let left = self.look(&runner, settings.as_ref()).await.ok().flatten();
        let mut text =
            format!("pool {prefix} in table {table} is retired; its slots stay, so that their fences go on\n");
        if let Some(left) = left.as_ref().filter(|left| left.busy()) {
            text += &format!("left behind: {}\n{}", words(left), left.fate());
        }
        let answer = PoolRmOutput {
            table,
            prefix,
            retired: true,
            held: left.as_ref().map(|left| left.held),
            waiting: left.as_ref().map(|left| left.waiting),
            waiting_more: left.as_ref().map(|left| left.waiting_more),
        };
        output.tell(&text, &answer)?;
        if left.is_none_or(|left| left.busy()) {
            // Until then a caller that knows the settings yet may sweep, and leave a summary. Else doctor removes it.
            tokio::time::sleep(ALL_FOLLOW_AFTER).await;
            if matches!(runner.settings(prefix).await, Err(StoreError::PoolNotFound { .. })) {
                let _ = runner.administer(prefix, Repair::RemoveSummary).await;
            }
        }
        Ok(())
    }

    /// Its settings and its override, as they lie there.
    async fn own_rows(&self, table: &Table) -> Result<[Option<Row>; 2], CliError> {
        let settings = own_row_as_it_is(table, &self.prefix, RowKey::Pool).await?;
        Ok([settings, own_row_as_it_is(table, &self.prefix, RowKey::Override).await?])
    }

    fn refuse_busy(&self, table: &str, occupants: Option<&Occupants>) -> Result<(), CliError> {
        let Some(busy) = occupants.filter(|occupants| !self.force && occupants.busy()) else { return Ok(()) };
        let (prefix, drained, waits, busy) = (&self.prefix, busy.drained, busy.waiting > 0, words(busy));
        let drain = advised(format_args!("pool set {prefix} --drain"));
        let first = match (drained, waits) {
            (true, true) => {
                "it is drained, and those who wait do so until they give up: let them in first, or use --force"
                    .to_owned()
            }
            (true, false) => "it is drained: let those end who hold a lease, or use --force".to_owned(),
            (false, true) => {
                format!("start nothing new and let those who wait get in; then drain it ({drain}); or use --force")
            }
            (false, false) => format!("let nobody in any more ({drain}) and let them end, or use --force"),
        };
        Err(CliError::NotDone(format!(
            "pool {prefix} in table {table} was not retired: {busy}; {first} (--help says what becomes of them)"
        )))
    }

    async fn look(&self, runner: &CliRunner, settings: Option<&Arc<Settings>>) -> Result<Option<Occupants>, CliError> {
        let Some(settings) = settings else { return Ok(None) };
        match look(runner, settings).await {
            Ok(pool) => Ok(Some(Occupants::of(&pool))),
            // So can a pool with a row that makes no sense.
            Err(CliError::Store(StoreError::BadRow { .. } | StoreError::PoolMisconfigured { .. })) if self.force => {
                Ok(None)
            }
            Err(wrong) => Err(wrong),
        }
    }
}

/// Who would lose something.
#[derive(Clone, Copy, Debug)]
struct Occupants {
    drained: bool,
    held: usize,
    /// Of those, how many expired within the grace.
    expired: usize,
    waiting: u32,
    waiting_more: bool,
}

impl Occupants {
    fn of(pool: &Occupancy) -> Occupants {
        // One that expired within the grace may, on its holder's clock, still be its own.
        let held = || pool.slots.iter().filter_map(|row| row.lease.as_ref()).filter(|lease| !lease.lapsed);
        Occupants {
            drained: pool.limit.count() == 0,
            held: held().count(),
            expired: held().filter(|lease| lease.expired).count(),
            waiting: pool.waiting,
            waiting_more: pool.waiting_more,
        }
    }

    fn busy(&self) -> bool {
        self.held > 0 || self.waiting > 0
    }

    /// What becomes of them when the pool is retired, a line each.
    fn fate(&self) -> String {
        let mut text = String::new();
        if self.held > 0 {
            text += "who holds a lease keeps it until it expires, and cannot renew it: a longer command of `leasehold run` \
                     is then ended\n";
        }
        if self.waiting > 0 {
            text += "who waits gets no lease: `leasehold run` ends with status 125 within about a minute; a workflow's task \
                     is told nothing, and fails with PoolNotFound when it asks again after its timeout\n";
        }
        text
    }
}

fn words(left: &Occupants) -> String {
    let more = if left.waiting_more { " or more" } else { "" };
    let expired =
        if left.expired > 0 { format!(" ({} expired within the grace)", left.expired) } else { String::new() };
    format!("{} held{expired}, {}{more} waiting", left.held, left.waiting)
}
