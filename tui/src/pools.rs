//! `leasehold pools`: how do all pools of the table stand, as their last sweeps saw them?

use leasehold_core::occupancy::{Occupancy, PoolState};
use leasehold_core::{Limit, Millis, PoolName, Settings, Timestamp};
use leasehold_store::{ListedPool, list_pools};
use serde::Serialize;

use crate::duration;
use crate::error::CliError;
use crate::output::{Alignment, OutputFormat, columns};
use crate::target::Target;

/// List all pools: how full they were at their last sweep, who waited, and how old that is
///
/// One query of the table's directory, however many leases there are. `leasehold leases PREFIX` reads one pool live.
#[derive(Clone, Debug, clap::Args)]
#[command(verbatim_doc_comment, after_long_help = AFTER)]
pub(crate) struct PoolsOptions {}

const AFTER: &str = "\
STATE is the first that holds: `over limit` (right just after a limit was lowered, else broken), `starving`
(somebody waits and nothing moves), `full`, `ok`, `idle`; `never swept` if there is no summary yet, and `broken` if
a row of the pool makes no sense, which is then told below.

With --output json (null: never swept, or the row cannot be read):

    {\"table\": NAME, \"at_ms\": now, \"pools\": [{\"prefix\", \"limit\": in force at the last sweep, else as set,
     \"held\", \"waiting\", \"waiting_more\": whether there are more than that, \"oldest_wait_ms\": null if nobody waits,
     \"state\": \"over_limit\", \"starving\", \"full\", \"ok\" or \"idle\", \"swept_at_ms\", \"trouble\": what is wrong}]}

Times are milliseconds; those that end in `at_ms` since 1970, as the pool's sweep read its clock.";

#[derive(Debug, Serialize)]
struct PoolsOutput<'a> {
    table: &'a str,
    at_ms: Timestamp,
    pools: Vec<PoolsRow>,
}

#[derive(Debug, Serialize)]
struct PoolsRow {
    prefix: PoolName,
    limit: Option<Limit>,
    held: Option<u32>,
    waiting: Option<u32>,
    waiting_more: Option<bool>,
    oldest_wait_ms: Option<Millis>,
    state: Option<PoolState>,
    swept_at_ms: Option<Timestamp>,
    trouble: Option<String>,
}

impl PoolsOptions {
    pub(crate) async fn run(self, target: &Target, output: OutputFormat) -> Result<(), CliError> {
        let table = target.table().await?;
        let listed = list_pools(&table).await?;
        let now = table.now();
        let pools: Vec<PoolsRow> = listed.into_iter().map(|(prefix, listed)| PoolsRow::of(prefix, listed)).collect();
        let text = words(table.name(), &pools, now);
        output.tell(&text, &PoolsOutput { table: table.name(), at_ms: now, pools })
    }
}

impl PoolsRow {
    fn of(prefix: PoolName, listed: ListedPool) -> PoolsRow {
        let set = listed.pool.as_ref().map(|row| row.limit);
        let settings = listed.pool.map(|row| Settings::from_rows(prefix.clone(), &row, None, None));
        let (settings, wrong) = match settings.transpose() {
            Ok(settings) => (settings, None),
            Err(wrong) => (None, Some(wrong.to_string())),
        };
        // A summary without settings is of a pool that was just retired, or whose settings make no sense.
        let seen = settings.zip(listed.summary).map(|(settings, summary)| Occupancy::summarised(&summary, &settings));
        let seen = seen.as_ref();
        PoolsRow {
            prefix,
            limit: seen.map(|seen| seen.limit).or(set),
            held: seen.map(|seen| seen.held),
            waiting: seen.map(|seen| seen.waiting),
            waiting_more: seen.map(|seen| seen.waiting_more),
            oldest_wait_ms: seen.and_then(|seen| seen.oldest_wait),
            state: seen.map(|seen| seen.state),
            swept_at_ms: seen.map(|seen| seen.at),
            trouble: listed.trouble.or(wrong),
        }
    }

    fn cells(&self, now: Timestamp) -> [String; 7] {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        let more = if self.waiting_more == Some(true) { "+" } else { "" };
        let state = match (&self.trouble, self.state) {
            (Some(_), _) => "broken",
            (None, Some(state)) => state.as_str(),
            (None, None) => "never swept",
        };
        [
            self.prefix.to_string(),
            or_dash(self.held.map(|held| held.to_string())),
            or_dash(self.limit.map(|limit| limit.to_string())),
            or_dash(self.waiting.map(|waiting| format!("{waiting}{more}"))),
            or_dash(self.oldest_wait_ms.map(duration::seconds)),
            state.into(),
            or_dash(self.swept_at_ms.map(|at| format!("{} ago", duration::seconds(now.since(at))))),
        ]
    }
}

fn words(table: &str, pools: &[PoolsRow], now: Timestamp) -> String {
    if pools.is_empty() {
        return format!("table {table} has no pools; make one with `leasehold pool set PREFIX --limit N`\n");
    }
    let headings = [
        ("PREFIX", Alignment::Left),
        ("HELD", Alignment::Right),
        ("LIMIT", Alignment::Right),
        ("WAITING", Alignment::Right),
        ("OLDEST WAIT", Alignment::Right),
        ("STATE", Alignment::Left),
        ("SWEPT", Alignment::Left),
    ];
    let rows: Vec<_> = pools.iter().map(|pool| pool.cells(now)).collect();
    let mut text = columns(headings, &rows);
    for pool in pools {
        if let Some(trouble) = &pool.trouble {
            text += &format!("pool {}: {trouble}\n", pool.prefix);
        }
    }
    text
}
