//! `leasehold pools`: how do all pools of the table stand, as their last sweeps saw them?

use leasehold_core::occupancy::PoolState;
use leasehold_core::{ID_BYTES, Limit, Millis, PoolName, Timestamp, shortened};
use leasehold_store::{Directory, ListedPool, directory};
use leasehold_tui::watch::text::clock;
use serde::Serialize;

use crate::duration;
use crate::error::CliError;
use crate::output::{Alignment, OutputFormat, columns};
use crate::pool::OverrideOutput;
use crate::target::Target;

/// List all pools: how full they were at their last sweep, who waited, and how old that is
///
/// One query of the table's directory, however many leases there are. `leasehold leases PREFIX` reads one pool live.
#[derive(Clone, Debug, clap::Args)]
#[command(verbatim_doc_comment, after_long_help = AFTER)]
pub(crate) struct PoolsOptions {}

const AFTER: &str = "\
STATE is the first that holds: `over limit` (more hold a lease than the limit allows: leases from before it was
lowered, else the pool is broken), `settling` (the limit was lowered: nobody is let in until that time), `starving`
(somebody waits and nothing moves), `full` (all slots are held), `ok`, `idle`; `never swept` if there is no summary
yet, and `broken` if a row of the pool makes no sense, which is then told below. LIMIT is the one in force now;
OVERRIDE says who made it, if an operator did. HELD and what is right of it are as old as SWEPT says.

With --output json (null: never swept, or the row cannot be read):

    {\"table\": NAME, \"at_ms\": now, \"pools\": [{\"prefix\", \"limit\": in force now, \"held\", \"waiting\",
     \"waiting_more\": whether there are more than that, \"oldest_wait_ms\": null if nobody waits,
     \"state\": \"over_limit\", \"settling\", \"starving\", \"full\", \"ok\" or \"idle\",
     \"settles_at_ms\": until when slots up to \"limit_was\" count as held, both null unless the limit was lowered,
     \"override\": null or {\"limit\", \"at_ms\", \"until_ms\", \"who\", \"why\"}, \"swept_at_ms\", \"trouble\": what is wrong}],
     \"foreign\": [the keys of rows in the directory that are none of leasehold's]}

Times are milliseconds; those that end in `at_ms` since 1970, as the pool's sweep read its clock.";

/// How many rows that are none of leasehold's are told of one by one.
const FOREIGN_TOLD: usize = 3;

#[derive(Debug, Serialize)]
struct PoolsOutput<'a> {
    table: &'a str,
    at_ms: Timestamp,
    pools: Vec<PoolsRow>,
    foreign: Vec<String>,
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
    settles_at_ms: Option<Timestamp>,
    limit_was: Option<Limit>,
    #[serde(rename = "override")]
    live: Option<OverrideOutput>,
    swept_at_ms: Option<Timestamp>,
    trouble: Option<String>,
}

impl PoolsOptions {
    pub(crate) async fn run(self, target: &Target, output: OutputFormat) -> Result<(), CliError> {
        let table = target.table().await?;
        let Directory { pools: listed, foreign } = directory(&table).await?;
        let now = table.now();
        let pools: Vec<PoolsRow> =
            listed.into_iter().map(|(prefix, listed)| PoolsRow::of(prefix, listed, now)).collect();
        let text = words(table.name(), &pools, now) + &told_foreign(&foreign);
        output.tell(&text, &PoolsOutput { table: table.name(), at_ms: now, pools, foreign })
    }
}

impl PoolsRow {
    fn of(prefix: PoolName, listed: ListedPool, now: Timestamp) -> PoolsRow {
        let (settings, trouble) = match listed.settings(&prefix, now) {
            Ok(settings) => (settings, None),
            Err(trouble) => (None, Some(trouble)),
        };
        let settings = settings.as_ref();
        // A summary without settings is of a pool that was just retired, or whose settings make no sense.
        let seen = settings.and_then(|settings| listed.seen(settings, now));
        let seen = seen.as_ref();
        let settling = settings.and_then(|settings| settings.settling(now));
        PoolsRow {
            limit: settings.map(|settings| settings.limit),
            held: seen.map(|seen| seen.held),
            waiting: seen.map(|seen| seen.waiting),
            waiting_more: seen.map(|seen| seen.waiting_more),
            oldest_wait_ms: seen.and_then(|seen| seen.oldest_wait),
            state: seen.map(|seen| seen.state),
            settles_at_ms: settling.map(|(until, _)| until),
            limit_was: settling.map(|(_, was)| was),
            live: listed.live_at(now).cloned().map(OverrideOutput::from),
            swept_at_ms: seen.map(|seen| seen.at),
            prefix,
            trouble,
        }
    }

    fn cells(&self, now: Timestamp) -> [String; 8] {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        let more = if self.waiting_more == Some(true) { "+" } else { "" };
        let state = match (&self.trouble, self.state, self.settles_at_ms) {
            (Some(_), ..) => "broken".into(),
            (None, Some(PoolState::Settling), Some(until)) => format!("settling until {}", clock(until)),
            (None, Some(state), _) => state.to_string(),
            (None, None, _) => "never swept".into(),
        };
        [
            self.prefix.to_string(),
            or_dash(self.held.map(|held| held.to_string())),
            or_dash(self.limit.map(|limit| limit.to_string())),
            or_dash(self.waiting.map(|waiting| format!("{waiting}{more}"))),
            or_dash(self.oldest_wait_ms.map(duration::seconds)),
            state,
            or_dash(self.swept_at_ms.map(|at| format!("{} ago", duration::seconds(now.since(at))))),
            or_dash(self.live.as_ref().map(|live| format!("by {}: {}", live.who, live.why))),
        ]
    }
}

/// The first rows that are nobody's, and how many there are.
fn told_foreign(foreign: &[String]) -> String {
    let mut text = String::new();
    for keys in foreign.iter().take(FOREIGN_TOLD) {
        text +=
            &format!("broken: the directory has a row that leasehold did not write: {}\n", shortened(keys, ID_BYTES));
    }
    if foreign.len() > FOREIGN_TOLD {
        text += &format!("and {} more such rows\n", foreign.len() - FOREIGN_TOLD);
    }
    if !foreign.is_empty() {
        text += "they hide no pool and cost reading; `leasehold doctor` says what to do\n";
    }
    text
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
        ("OVERRIDE", Alignment::Left),
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
